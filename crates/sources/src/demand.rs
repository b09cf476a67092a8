//! What somebody wants to see now. Sources read no more than that: a guest asks little.

use retop_model::{FamilyId, Key};

/// What the present readers (screen, stream, server, recorder) want together.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Demand {
    families: u64,
    /// Families of which an old read is as good as a new one.
    seldom: u64,
    /// What is wanted of processes beyond the one cheap read of each.
    pub processes: ProcessDemand,
    /// Shares of cycles of graphics processors: their counters are shared with other profilers.
    pub gpu_cycles: bool,
    /// How busy graphics processors are, and what they hold, several times a second: while somebody
    /// looks at it.
    pub gpu_finely: bool,
}

/// What is wanted of processes. Their `stat` line is read for all, always; the rest costs more
/// than that line and is read for the rows named here, and once for each new process.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ProcessDemand {
    /// Exact memory (`statm`).
    pub memory: Rows,
    /// Context switches and swap (`status`).
    pub status: Rows,
    /// Bytes read and written (`io`).
    pub io: Rows,
    /// What the scheduler did with each thread (`schedstat`, `sched`).
    pub schedule: Rows,
    /// Hardware counters. They are attached to these and to the busiest, a bounded number of them.
    pub counters: Rows,
    /// Proportional and unique memory (`smaps_rollup`): walks page tables, so never for all at
    /// once; read by a thread of its own, in rotation.
    pub proportional: Rows,
    /// Command lines, users and control groups of new processes.
    pub texts: bool,
    /// Command lines that are missing are waited for, a second at most: for a report that is
    /// printed once, and for pictures that must be the same each time. Never for a screen.
    pub patient: bool,
    /// Threads, each of which costs as much as a process.
    pub threads: Rows,
}

/// Some of the processes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Rows {
    /// None of them.
    #[default]
    None,
    /// Those that use the most CPU now, and those named.
    Top(usize),
    /// Those named: the rows on the screen.
    Keys(Vec<Key>),
    /// Those whose CPU time moved since the last sample.
    Active,
    /// All of them.
    All,
}

impl Demand {
    /// Everything, as `retop doctor` and the tests want it.
    #[must_use]
    pub fn everything() -> Demand {
        let mut demand = Demand {
            families: u64::MAX,
            seldom: 0,
            processes: ProcessDemand {
                memory: Rows::All,
                status: Rows::All,
                io: Rows::All,
                schedule: Rows::Top(20),
                counters: Rows::Top(20),
                proportional: Rows::None,
                texts: true,
                patient: false,
                threads: Rows::None,
            },
            gpu_cycles: true,
            // A record of every second is no place for quarters of it.
            gpu_finely: false,
        };
        demand.want(FamilyId::Thread, false);
        demand
    }

    /// Adds or removes a family.
    pub fn want(&mut self, family: FamilyId, wanted: bool) -> &mut Demand {
        let bit = 1 << family.index();
        if wanted {
            self.families |= bit
        } else {
            self.families &= !bit
        }
        self
    }

    /// Adds a family that is read now and then only, unless somebody else wants it.
    pub fn want_seldom(&mut self, family: FamilyId) -> &mut Demand {
        self.seldom |= 1 << family.index();
        self
    }

    /// True if somebody wants the family.
    #[must_use]
    pub fn wants(&self, family: FamilyId) -> bool {
        (self.families | self.seldom) & (1 << family.index()) != 0
    }

    /// True if it is wanted as often as its source gives it.
    #[must_use]
    pub fn wants_often(&self, family: FamilyId) -> bool {
        self.families & (1 << family.index()) != 0
    }
}
