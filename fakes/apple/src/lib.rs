//! The libraries of macOS that a monitor uses, made up: the C symbols of IOReport, CoreFoundation,
//! IOKit, the Objective-C runtime, notify, libproc, Mach and sysctl, played from a scenario.
//!
//! It is strict where the real ones crash or leak: each object is counted, a release too many, a use
//! after the last one and an argument that makes no sense are written down as faults. It can also
//! misbehave as real machines have been seen to.
//!
//! The library looks for its files in the folder that it was loaded from, so that each copy is a
//! machine of its own:
//!
//! - `scenario.toml`: the machine; see [`scenario`].
//! - `clock`: seconds since the start as a decimal number, if time shall be stepped. Without it time
//!   is real and starts at the first call.
//!
//! What it counted is asked for through [`Opened`].
#![cfg(target_os = "linux")]
// A library that plays a machine reads the clock and the environment; what ships must not.
#![allow(clippy::disallowed_methods)]
#![allow(non_snake_case, non_upper_case_globals, reason = "the names are Apple's")]
#![allow(
    clippy::missing_safety_doc,
    reason = "callers are C programs; Apple's headers say what holds"
)]

mod corefoundation;
mod install;
mod iokit;
mod ioreport;
mod objects;
pub mod scenario;
mod stage;
mod system;

pub use install::{Account, Installed, Opened, chips, install};
