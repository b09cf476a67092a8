//! The tick loop on a thread of its own; readers take the newest snapshot and never wait.

use std::sync::Arc;
use std::time::Duration;

use retop_model::{Clock, Snapshot};
use retop_sources::{Demand, Machine};

/// How to watch.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time from one sample to the next.
    pub interval: Duration,
    /// Bytes that the history of raw samples may take.
    pub history_bytes: usize,
    /// What is read.
    pub demand: Demand,
}

/// A machine being watched.
pub struct Monitor {}

impl Monitor {
    /// Starts watching. `on_sample` is called on the monitor's thread after each new snapshot was
    /// published: it wakes whoever draws or streams.
    #[must_use]
    pub fn start(
        _machine: Machine,
        _clock: Arc<dyn Clock>,
        _settings: Settings,
        _on_sample: Box<dyn Fn() + Send>,
    ) -> Monitor {
        Monitor {}
    }

    /// The newest snapshot; `None` until the first one is there.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        None
    }

    /// Changes the time between samples from now on.
    pub fn set_interval(&self, _interval: Duration) {}

    /// Changes what is read from the next tick on.
    pub fn set_demand(&self, _demand: Demand) {}
}
