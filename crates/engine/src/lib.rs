//! The engine of retop: it drives the sources, keeps the history and hands snapshots out.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod export;
pub mod query;
pub mod serve;

mod clock;
pub mod history;
mod lane;
mod monitor;
mod own;
pub mod recording;
mod tick;

pub use clock::RealClock;
pub use monitor::{INTERVALS, Monitor, OnSample, Settings};
pub use own::Own;
pub use retop_sources::{
    Affinity, Counts, CpuSet, Demand, Exit, IO_LEVELS, IoPriority, Launch, Machine, MachineError,
    Problem, ProcessDemand, Roots, Rows, Running, ScheduleError, SignalError, SignalName, Usage,
    affinity, io_priority, local_offset_seconds, open, send_signal, set_affinity, set_io_priority,
    signals, step_nice,
};
pub use tick::Ticker;
