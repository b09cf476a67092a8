//! A made-up `libnvidia-ml.so.1`: the C symbols of NVML, played from a scenario.
//!
//! A monitor opens it as it opens the real one. It is strict where the real one is (versions of
//! structs, sizes of lists, what a driver does not know yet), and it can fail, lie, block or lose a
//! device on cue. It writes down every call, so that a test can count what a monitor asks.
//!
//! The library looks for its files in the folder that it was loaded from, so that each copy is a
//! machine of its own:
//!
//! - `scenario.toml`: devices, processes, faults; see [`scenario`].
//! - `clock`: seconds since the start as a decimal number, if time shall be stepped; or `+0.001`, if
//!   each look at it takes so long. Without it time is real and starts at the first call.
//! - `calls`: is written, a line for each call: seconds, symbol, index of the device or `-`, result.
//!
//! `FAKE_NVML_SCENARIO`, `FAKE_NVML_CLOCK` and `FAKE_NVML_LOG` name other files, for programs that
//! find the library by `LD_LIBRARY_PATH`.
#![cfg(target_os = "linux")]
// A library that plays a machine reads the clock and the environment; what ships must not.
#![allow(clippy::disallowed_methods)]

mod abi;
mod install;
pub mod scenario;
mod stage;

pub use install::{Installed, install};
