//! One tick: read every source, stamp, derive.

use std::sync::Arc;

use retop_model::{Clock, RawSample, Snapshot};
use retop_sources::{Demand, Machine};

/// Reads a machine sample by sample.
pub struct Ticker {
    machine: Machine,
    clock: Arc<dyn Clock>,
    demand: Demand,
    last: Option<Arc<Snapshot>>,
}

impl Ticker {
    /// Takes a machine and a clock.
    #[must_use]
    pub fn new(machine: Machine, clock: Arc<dyn Clock>) -> Ticker {
        Ticker { machine, clock, demand: Demand::everything(), last: None }
    }

    /// Changes what is read from the next tick on.
    pub fn set_demand(&mut self, demand: Demand) {
        self.demand = demand;
    }

    /// Takes one sample.
    pub fn tick(&mut self) -> Arc<Snapshot> {
        let mut sample = RawSample::new(self.clock.now());
        let mut read = retop_sources::Read::new(&*self.clock, &self.demand);
        for source in &mut self.machine.sources {
            let _ = source.read(&mut read);
        }
        for table in read.tables.drain(..) {
            sample.put(Arc::new(table));
        }
        let snapshot = Arc::new(retop_model::derive(self.last.as_deref(), Arc::new(sample)));
        self.last = Some(Arc::clone(&snapshot));
        snapshot
    }
}
