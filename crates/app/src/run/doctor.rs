//! `retop doctor`: what can be read here, what not, and what would help.

use std::sync::Arc;

use retop_engine::{RealClock, Ticker};

use crate::run::{machine, print, seam};
use crate::settings::Settings;

/// Reads everything once and prints how it went.
///
/// # Errors
///
/// If the machine cannot be opened or stdout takes no more.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let machine = machine(settings)?;
    let name = machine.name.clone();
    let snapshot = Ticker::live(machine, Arc::new(RealClock)).tick();
    print(&seam::doctor(&name, &snapshot))
}
