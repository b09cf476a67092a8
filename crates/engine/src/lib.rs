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
mod tick;

pub use clock::RealClock;
pub use monitor::{INTERVALS, Monitor, OnSample, Settings};
pub use own::Own;
pub use retop_sources::{
    Demand, Machine, MachineError, ProcessDemand, Roots, Rows, SignalError, local_offset_seconds,
    open, send_signal,
};
pub use tick::Ticker;
