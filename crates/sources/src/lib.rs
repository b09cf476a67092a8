//! Where retop reads a machine.
//!
//! A [`Source`] fills raw tables and says how it went. It knows nothing of who reads them. This
//! crate is the only home of operating-system calls, of paths and library names, of `unsafe` and
//! of `cfg(target_os)`.

mod demand;
#[cfg(target_os = "linux")]
mod linux;
mod machine;
mod roots;
mod sim;
mod source;

pub use demand::{Demand, ProcessDemand, Rows};
pub use machine::{Machine, MachineError, open};
pub use roots::Roots;
pub use sim::names as simulations;
pub use source::{Pace, Problem, Read, Report, Source};
