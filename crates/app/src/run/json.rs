//! `retop --json`: one line of JSON for each sample.

use std::io::Write;
use std::sync::Arc;

use retop_engine::export::Limit;
use retop_engine::export::json::{JsonView, Options};
use retop_engine::{RealClock, Ticker};
use retop_model::{Clock, Row, Snapshot};

use crate::alerts;
use crate::run::pace::{Pacer, Wake};
use crate::run::{Keep, demand, machine, processes, replay};
use crate::settings::Settings;

/// Streams samples until the asked number is out, a signal comes or nobody reads any more. The
/// first line is that of the first sample with rates, one interval after the start.
///
/// # Errors
///
/// If the machine cannot be opened or stdout takes no more.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let wanted = processes(settings);
    let keep = Keep::new(settings)?;
    let has = |row: Row<'_>| keep.has(row);
    let options = Options {
        processes: wanted,
        keep: Some(&has),
        arguments: settings.arguments.unwrap_or_default(),
        ..Options::default()
    };
    let limit = settings.samples.unwrap_or(u64::MAX);
    let mut out = std::io::stdout().lock();
    let mut buffer = Vec::new();
    let mut written = 0;
    each(settings, wanted, |snapshot| {
        match settings.names.json(snapshot) {
            Some(line) => writeln!(out, "{line}")?,
            None => JsonView { snapshot, options }.write_ndjson(&mut buffer, &mut out)?,
        }
        out.flush()?;
        written += 1;
        Ok(written < limit)
    })
}

/// Calls `body` with each sample that has rates, until it says that it has had enough. So many
/// `processes` are read in detail. A sample right after a suspend has no rates and is passed over.
pub(crate) fn each(
    settings: &Settings,
    processes: Limit,
    mut body: impl FnMut(&Arc<Snapshot>) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    if let Some(path) = replay::source(settings) {
        return replay::each(settings, path, body);
    }
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let mut ticker = Ticker::live(machine(settings)?, Arc::clone(&clock));
    ticker.set_demand(demand(settings, processes));
    if let Some(rules) = alerts::rules(&settings.alerts) {
        ticker.set_rules(rules);
    }
    let mut pacer = Pacer::start(&*clock, settings.interval)?;
    loop {
        let snapshot = ticker.tick();
        if snapshot.has_rates() && !body(&snapshot)? {
            return Ok(());
        }
        if pacer.wait(&*clock)? == Wake::End {
            return Ok(());
        }
    }
}
