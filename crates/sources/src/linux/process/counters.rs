//! Hardware counters of processes: whose they are, tick by tick.

use retop_model::RawTable;

use super::Known;
use super::listing::Listing;
use crate::demand::Rows;
use crate::linux::kept::Descriptors;
use crate::linux::perf::{Attached, Candidate, System};
use crate::roots::Roots;
use crate::source::Problem;

/// Counters are attached to so many of the busiest beside those that somebody looks at: who works
/// hard comes into view sooner or later, and then has its numbers already.
const BUSIEST: usize = 50;

/// A screen shows fewer rows. Where more are wanted, somebody wants all of them, and the busiest of
/// all are what can be had.
const NAMED: usize = 100;

/// Counters of this machine's processes; a made-up one has none.
pub struct Counters {
    attached: Attached<System>,
    roots: Roots,
    /// Why nothing can be counted, once that was asked for.
    denied: Option<Problem>,
    /// Descriptors were set aside.
    ready: bool,
    wanted: Vec<Candidate>,
    busy: Vec<(u64, usize)>,
    names: Vec<u8>,
}

impl Counters {
    pub fn new(roots: &Roots) -> Counters {
        Counters {
            attached: Attached::new(System),
            roots: roots.clone(),
            denied: None,
            ready: false,
            wanted: Vec::new(),
            busy: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Counts these events of this machine's processes instead.
    #[cfg(test)]
    pub fn of(pmu: crate::linux::perf::Pmu) -> Counters {
        let mut counters = Counters::new(&Roots::real());
        counters.attached = Attached::of(System, pmu);
        counters
    }

    /// Descriptors that counters have open.
    #[cfg(test)]
    pub fn descriptors(&self) -> usize {
        self.attached.descriptors()
    }

    /// True if there is something to count. What nobody wants is let go at once.
    pub fn prepare(&mut self, demand: &Rows, descriptors: &mut Descriptors) -> bool {
        if *demand == Rows::None {
            self.attached.clear();
            self.denied = None;
            return false;
        }
        let access = match self.roots.is_real() {
            true => self.attached.access(&self.roots),
            false => Err(Problem::absent("a tree of files has no counters")),
        };
        self.denied = access.err();
        if self.denied.is_some() {
            return false;
        }
        if !std::mem::replace(&mut self.ready, true) {
            descriptors.set_aside(self.attached.descriptors_of(descriptors.limit()));
        }
        true
    }

    /// Attaches to the rows that somebody looks at and to the busiest, and reads.
    pub fn read(
        &mut self,
        listing: &Listing,
        rows: &[usize],
        known: &[Known],
        table: &mut RawTable,
        now_ns: u64,
    ) {
        self.busy.clear();
        let busy = known.iter().enumerate().filter(|(_, entry)| entry.moved > 0);
        self.busy.extend(busy.map(|(row, entry)| (entry.moved, row)));
        self.busy.sort_unstable_by(|a, b| b.cmp(a));
        self.wanted.clear();
        let (named, most) =
            if rows.len() <= NAMED { (rows, BUSIEST) } else { (&[][..], usize::MAX) };
        // Threads of the kernel do nothing in user space, and little elsewhere.
        let busiest = self.busy.iter().take(most).map(|&(_, row)| row);
        for entry in named.iter().copied().chain(busiest).filter_map(|row| known.get(row)) {
            if !entry.kernel {
                let threads = usize::try_from(entry.threads).unwrap_or(1);
                self.wanted.push(Candidate { key: entry.key(), threads });
            }
        }
        let names = &mut self.names;
        let threads_of = |key: retop_model::Key, tids: &mut Vec<u32>| {
            tids.clear();
            let pid = u32::try_from(key.0).unwrap_or(0);
            if let Ok(threads) = listing.threads(pid) {
                let _ = threads.pids(tids, names);
            }
        };
        self.attached.advance(&self.wanted, now_ns, threads_of, table);
    }

    /// What is missing, and what would help.
    pub fn problem(&self) -> Option<Problem> {
        self.denied.clone().or_else(|| self.attached.problem())
    }
}
