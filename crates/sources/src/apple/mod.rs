//! Macs with Apple's own chips, without root.
//!
//! What is read is decoded by plain functions on names, numbers and bytes, which compile and are
//! tested everywhere. What reads it takes every symbol from one table that is filled at run time
//! (`library.rs`): on a Mac from the system's libraries, elsewhere from one that plays a Mac.

mod bandwidth;
mod battery;
mod chip;
#[cfg(any(target_os = "macos", test))]
pub(crate) mod control;
mod controller;
mod corefoundation;
mod disk;
mod display;
mod dvfs;
mod energy;
#[cfg(test)]
mod fixture;
mod graphics;
mod graphics_unit;
mod held_down;
mod host;
mod layout;
mod library;
mod memory;
mod names;
mod network;
mod performance;
mod power;
mod power_source;
mod processes;
mod rails;
#[cfg(test)]
mod recordings;
mod registry;
mod report;
mod sensors;
mod shared;
mod smc;
mod states;
mod storage;
mod system;
mod temperature;
#[cfg(all(test, target_os = "linux"))]
mod tests;
mod thermal;
mod topology;
mod value;

use std::path::Path;
use std::sync::Arc;

use crate::source::Source;

/// Every source of a Mac, in the order in which they are read: of this one, or of what the library
/// at a path plays.
///
/// # Errors
///
/// Where the libraries cannot be opened.
pub fn sources(path: Option<&Path>) -> Result<Vec<Box<dyn Source>>, String> {
    let library = library::Library::open(path)?;
    let shared = Arc::new(shared::Shared::default());
    Ok(vec![
        Box::new(processes::Processes::new(&library)),
        Box::new(host::Host::new(&library)),
        Box::new(performance::Performance::new(&library, &shared)),
        Box::new(memory::Memory::new(&library)),
        Box::new(disk::Disk::new(&library)),
        Box::new(display::Display::new(&library)),
        Box::new(network::Network::new(&library)),
        Box::new(sensors::Sensors::new(&library, &shared)),
        Box::new(power::Power::new(&library)),
        Box::new(battery::Battery::new(&library)),
    ])
}
