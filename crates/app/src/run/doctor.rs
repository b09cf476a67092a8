//! `retop doctor`: what can be read here, what not, and what would help.

use std::sync::Arc;
use std::time::Duration;

use retop_engine::export::doctor;
use retop_engine::{RealClock, Ticker};

use crate::run::pace::{Pacer, Wake};
use crate::run::{machine, print};
use crate::settings::Settings;

/// From the first read to the second: long enough to tell what share of the time reading takes.
const PAUSE: Duration = Duration::from_millis(500);

/// Reads everything twice and prints how it went.
///
/// # Errors
///
/// If the machine cannot be opened or stdout takes no more.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let machine = machine(settings)?;
    let mut text = format!("{}\n", machine.name);
    let clock = Arc::new(RealClock);
    let mut ticker = Ticker::live(machine, Arc::clone(&clock) as _);
    let mut pacer = Pacer::start(&*clock, PAUSE)?;
    ticker.tick();
    if pacer.wait(&*clock)? == Wake::End {
        return Ok(());
    }
    doctor::write(&mut text, &ticker.tick())?;
    print(&text)
}
