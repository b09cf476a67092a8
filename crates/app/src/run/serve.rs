//! `retop --serve`: a server for scrapes, without a screen.

use std::net::SocketAddr;
use std::sync::Arc;

use retop_engine::export::Limit;
use retop_engine::{Monitor, RealClock};

use crate::run::pace::Pacer;
use crate::run::{demand, machine, seam};
use crate::settings::Settings;

/// Serves until a signal comes.
///
/// # Errors
///
/// If the machine cannot be opened or the address cannot be listened on.
pub fn run(settings: &Settings, address: SocketAddr) -> anyhow::Result<()> {
    let machine = machine(settings)?;
    let clock = Arc::new(RealClock);
    let mut pacer = Pacer::start(&*clock, settings.interval)?;
    let server = seam::Server::bind(address, settings)?;
    let watch = retop_engine::Settings {
        interval: settings.interval,
        first_interval: settings.interval,
        // A scrape has no past.
        history_bytes: 0,
        demand: demand(settings, Limit::Count(0)),
    };
    let _monitor = Monitor::start(machine, clock, watch, server.on_sample())?;
    super::note_on_stderr(&format!("metrics on http://{}/metrics", server.address()));
    Ok(pacer.wait_for_end()?)
}
