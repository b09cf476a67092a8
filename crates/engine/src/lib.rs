//! The engine of retop: it drives the sources, keeps the history and hands snapshots out.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod export;
pub mod query;
pub mod serve;

mod clock;
pub mod history;
mod joined;
mod lane;
mod monitor;
mod own;
pub mod recording;
mod tick;

pub use clock::RealClock;
pub use monitor::{INTERVALS, Monitor, OnSample, Settings};
pub use own::Own;
pub use retop_sources::{
    Access, Affinity, Counts, CpuSet, Demand, Environment, Exit, FileKind, Files, Found, IO_LEVELS,
    Inspection, Inspector, IoPriority, Launch, Limit, Machine, MachineError, MapKind, Maps,
    OpenFile, Part, Problem, ProcessDemand, Roots, Rows, Running, ScheduleError, SignalError,
    SignalName, Space, Usage, affinity, inspect, io_priority, local_offset_seconds, open,
    send_signal, set_affinity, set_io_priority, signals, step_nice,
};
pub use tick::Ticker;
