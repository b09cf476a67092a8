//! What a source is, and how it says what it could not read.

use std::time::Duration;

use retop_model::family::source::{ABSENT, ASLEEP, DENIED, FAILING, UNASKED};
use retop_model::{Clock, FamilyId, RawTable, Window};

use crate::demand::Demand;

/// Reads one part of a machine. A source stands in the plain list of its platform; it can be
/// absent, denied, asleep, failing or slow, and each of these is data.
pub trait Source: Send {
    /// Its name, as `doctor` and the exports show it.
    fn name(&self) -> &'static str;

    /// The families whose tables it gives. Rows of one that several give are joined.
    fn feeds(&self) -> &'static [FamilyId];

    /// Whether it may read within the tick, or must have a thread of its own.
    fn pace(&self) -> Pace {
        Pace::Tick
    }

    /// In how long it must look at something even where nobody asks it for tables: at counters that
    /// wrap, at what is over before the next read. Only those with a thread of their own are told.
    fn pulse(&self, _now_ns: u64) -> Option<Duration> {
        None
    }

    /// Looks. Follows [`Source::pulse`].
    fn keep_up(&mut self, _clock: &dyn Clock) {}

    /// Reads, and gives its tables to `read`. Tables given before an error stand.
    ///
    /// # Errors
    ///
    /// A [`Problem`] that says what is missing, why, and what would help.
    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem>;
}

/// How often a source is read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At every tick, within it. Only for reads that cannot block.
    Tick,
    /// On a thread of its own, at most this often. For reads that can block (a hung mount, a slow
    /// bus) or that are too dear for each tick. The tick takes what is there and shows its age.
    Apart(Duration),
}

/// Why a source, or a part of one, gives nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One of the states of the source family.
    pub state: i64,
    /// What is wrong, in lower case, with the path or symbol.
    pub reason: String,
    /// What would help: the exact command, capability or kernel option.
    pub hint: Option<String>,
}

impl Problem {
    /// The machine has no such thing.
    pub fn absent(reason: impl Into<String>) -> Problem {
        Problem { state: ABSENT, reason: reason.into(), hint: None }
    }

    /// It is there, and retop may not read it.
    pub fn denied(reason: impl Into<String>) -> Problem {
        Problem { state: DENIED, reason: reason.into(), hint: None }
    }

    /// It sleeps and is left asleep.
    pub fn asleep(reason: impl Into<String>) -> Problem {
        Problem { state: ASLEEP, reason: reason.into(), hint: None }
    }

    /// Reading failed.
    pub fn failing(reason: impl Into<String>) -> Problem {
        Problem { state: FAILING, reason: reason.into(), hint: None }
    }

    /// Nobody wants what the source gives.
    pub fn unasked() -> Problem {
        Problem { state: UNASKED, reason: "nobody asks for it".to_owned(), hint: None }
    }

    /// Adds what would help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// The problem that an I/O error on a path stands for.
    #[must_use]
    pub fn io(path: &std::path::Path, error: &std::io::Error) -> Problem {
        let reason = format!("{}: {error}", path.display());
        match error.kind() {
            std::io::ErrorKind::NotFound => Problem::absent(reason),
            std::io::ErrorKind::PermissionDenied => Problem::denied(reason),
            _ => Problem::failing(reason),
        }
    }
}

/// A part of a source that has a state of its own, such as the I/O counters of other users'
/// processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `source` or `source/part`.
    pub name: String,
    /// Names of the fields or families that it concerns.
    pub feeds: String,
    /// `None`: it works.
    pub problem: Option<Problem>,
}

/// One read: clock and demand go in, tables and reports come out.
pub struct Read<'a> {
    clock: &'a dyn Clock,
    demand: &'a Demand,
    /// Tables given so far.
    pub tables: Vec<RawTable>,
    /// Reports on parts given so far.
    pub reports: Vec<Report>,
    spare: Vec<RawTable>,
}

impl<'a> Read<'a> {
    /// A read with nothing given yet.
    #[must_use]
    pub fn new(clock: &'a dyn Clock, demand: &'a Demand) -> Read<'a> {
        Read { clock, demand, tables: Vec::new(), reports: Vec::new(), spare: Vec::new() }
    }

    /// Brings back a table that nobody holds any more, so that its memory is used again.
    pub fn recycle(&mut self, table: RawTable) {
        self.spare.push(table);
    }

    /// The monotonic clock.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.clock.monotonic_ns()
    }

    /// All three clocks.
    #[must_use]
    pub fn clock(&self) -> &'a dyn Clock {
        self.clock
    }

    /// What is wanted.
    #[must_use]
    pub fn demand(&self) -> &'a Demand {
        self.demand
    }

    /// An empty table to fill.
    #[must_use]
    pub fn table(&mut self, family: FamilyId) -> RawTable {
        match self.spare.iter().position(|table| table.family() == family) {
            Some(place) => {
                let mut table = self.spare.swap_remove(place);
                table.clear();
                table
            }
            None => RawTable::new(family),
        }
    }

    /// Gives a filled table whose reading began at `begin_ns` and ends now.
    pub fn give(&mut self, mut table: RawTable, begin_ns: u64) {
        table.finish(Window { begin_ns, end_ns: self.now_ns() });
        self.tables.push(table);
    }

    /// Reports on a part of the source.
    pub fn report(
        &mut self,
        name: impl Into<String>,
        feeds: impl Into<String>,
        problem: Option<Problem>,
    ) {
        self.reports.push(Report { name: name.into(), feeds: feeds.into(), problem });
    }
}
