//! Runs one source on a made-up machine, with a clock that the test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use retop_model::{Clock, FamilyId, Field, RawSample, Row, Snapshot, Stamp, TextField, derive};

use crate::demand::Demand;
use crate::source::{Problem, Read, Report, Source};

/// A clock that stands still between settings.
pub struct Standing {
    ns: AtomicU64,
    wall_ms: AtomicI64,
}

impl Clock for Standing {
    fn now(&self) -> Stamp {
        let ns = self.ns.load(Ordering::Relaxed);
        Stamp { wall_ms: self.wall_ms.load(Ordering::Relaxed), monotonic_ns: ns, boottime_ns: ns }
    }
}

/// A source being read again and again.
pub struct Trial<S> {
    pub source: S,
    pub demand: Demand,
    clock: Standing,
    last: Option<Snapshot>,
}

/// What one read gave.
pub struct Outcome {
    pub snapshot: Snapshot,
    pub reports: Vec<Report>,
    pub result: Result<(), Problem>,
}

impl<S: Source> Trial<S> {
    pub fn new(source: S) -> Trial<S> {
        let clock = Standing { ns: AtomicU64::new(0), wall_ms: AtomicI64::new(0) };
        Trial { source, demand: Demand::everything(), clock, last: None }
    }

    /// Sets the clock on the wall, which people may set too.
    pub fn set_wall(&mut self, wall_ms: i64) {
        self.clock.wall_ms.store(wall_ms, Ordering::Relaxed);
    }

    /// Lets it look at that time, while nobody reads.
    pub fn look_at(&mut self, seconds: u64) {
        self.clock.ns.store(1_000_000_000 * (1_000 + seconds), Ordering::Relaxed);
        self.source.keep_up(&self.clock);
    }

    /// Reads at that time and derives from the read before.
    pub fn at(&mut self, seconds: u64) -> Outcome {
        self.clock.ns.store(1_000_000_000 * (1_000 + seconds), Ordering::Relaxed);
        let mut read = Read::new(&self.clock, &self.demand);
        let result = self.source.read(&mut read);
        let Read { tables, reports, .. } = read;
        let mut sample = RawSample::new(self.clock.now());
        for table in tables {
            assert!(self.source.feeds().contains(&table.family()));
            sample.put(Arc::new(table));
        }
        let snapshot = derive(self.last.as_ref(), Arc::new(sample));
        self.last = Some(snapshot.clone());
        Outcome { snapshot, reports, result }
    }
}

impl Outcome {
    /// The row whose text is that.
    pub fn row(&self, label: TextField, shown: &str) -> Row<'_> {
        let found = self.snapshot.rows(label.family).find(|row| row.shown(label) == shown);
        found.unwrap_or_else(|| panic!("no row {shown:?} in {:?}", self.labels(label)))
    }

    /// A number of that row.
    pub fn get(&self, label: TextField, shown: &str, field: Field) -> Option<f64> {
        self.row(label, shown).get(field)
    }

    /// The texts of all rows, sorted.
    pub fn labels(&self, label: TextField) -> Vec<String> {
        let rows = self.snapshot.rows(label.family);
        let mut labels: Vec<String> = rows.map(|row| row.shown(label).to_owned()).collect();
        labels.sort();
        labels
    }

    pub fn rows(&self, family: FamilyId) -> usize {
        self.snapshot.rows(family).len()
    }

    /// The problem reported on a part.
    pub fn report(&self, name: &str) -> Option<&Problem> {
        self.reports.iter().find(|report| report.name == name)?.problem.as_ref()
    }
}
