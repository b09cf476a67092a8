//! `retop --serve`: a server for scrapes, without a screen.

use std::net::SocketAddr;
use std::sync::Arc;

use retop_engine::export::{Limit, prometheus};
use retop_engine::serve::{self, Server};
use retop_engine::{Monitor, RealClock};

use crate::alerts;
use crate::run::pace::Pacer;
use crate::run::{demand, machine, note_on_stderr};
use crate::settings::Settings;

/// Serves until a signal comes.
///
/// # Errors
///
/// If the machine cannot be opened or the address cannot be listened on.
pub fn run(settings: &Settings, listen: SocketAddr) -> anyhow::Result<()> {
    let machine = machine(settings)?;
    let clock = Arc::new(RealClock);
    let mut pacer = Pacer::start(&*clock, settings.interval)?;
    let (allowed_hosts, scrape) = (Vec::new(), prometheus::Options::default());
    let server = Server::start(serve::Settings { listen, allowed_hosts, scrape })?;
    if let Some(warning) = server.warning() {
        note_on_stderr(&warning);
    }
    note_on_stderr(&format!("metrics on http://{}/metrics", server.address()));
    let watch = retop_engine::Settings {
        interval: settings.interval,
        first_interval: settings.interval,
        // A scrape has no past.
        history_bytes: 0,
        // Processes are no series of their own.
        demand: demand(settings, Limit::Count(0)),
        rules: alerts::rules(&settings.alerts),
    };
    let publish = move |snapshot: &Arc<_>| server.publish(Arc::clone(snapshot), None);
    let _monitor = Monitor::start(machine, clock, watch, Box::new(publish))?;
    Ok(pacer.wait_for_end()?)
}
