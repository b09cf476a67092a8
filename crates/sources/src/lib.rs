//! Where retop reads a machine.
//!
//! A [`Source`] fills raw tables and says how it went. It knows nothing of who reads them. This
//! crate is the only home of operating-system calls, of paths and library names, of `unsafe` and
//! of `cfg(target_os)`.

#[cfg(any(target_os = "macos", test, feature = "apple"))]
mod apple;
mod child;
mod demand;
mod inspect;
#[cfg(target_os = "linux")]
mod linux;
mod local_time;
mod machine;
mod own;
mod privilege;
mod roots;
mod schedule;
mod signal;
mod sim;
mod source;

pub use child::{Counts, Exit, Launch, Running, Usage};
pub use demand::{Demand, ProcessDemand, Rows};
pub use inspect::{
    Access, Environment, FileKind, Files, Found, Inspection, Inspector, Limit, MapKind, Maps,
    OpenFile, Part, Space, inspect,
};
pub use local_time::local_offset_seconds;
pub use machine::{Machine, MachineError, open};
pub use own::{OwnUsage, own_descriptors, own_usage};
pub use roots::Roots;
pub use schedule::{
    Affinity, CpuSet, IO_LEVELS, IoPriority, ScheduleError, affinity, io_priority, set_affinity,
    set_io_priority, step_nice,
};
pub use signal::{SignalError, SignalName, send_signal, signals};
pub use sim::names as simulations;
pub use source::{Pace, Problem, Read, Report, Source};

/// Every parser of what a machine says, by name: for the fuzzer and the replay of its corpus.
#[doc(hidden)]
#[must_use]
#[allow(clippy::type_complexity)]
pub fn parsers() -> &'static [(&'static str, fn(&[u8]))] {
    #[cfg(target_os = "linux")]
    return linux::PARSERS;
    #[cfg(not(target_os = "linux"))]
    &[]
}
