//! `retop --json`: one line of JSON for each sample.

use std::io::Write;
use std::sync::Arc;

use retop_engine::export::Limit;
use retop_engine::export::json::{JsonView, Options};
use retop_engine::export::names::{Beside, Follower, Names};
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
    let wanted = if leaves_processes_out(settings) { Limit::Count(0) } else { processes(settings) };
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
    let mut follower = follower(settings, settings.json_processes)?;
    each(settings, wanted, |snapshot| {
        match settings.names.json(snapshot, follower.advance(snapshot)) {
            Some(line) => writeln!(out, "{line}")?,
            None => JsonView { snapshot, options }.write_ndjson(&mut buffer, &mut out)?,
        }
        out.flush()?;
        written += 1;
        Ok(written < limit)
    })
}

/// actop leaves processes out of its stream unless somebody asks for them.
fn leaves_processes_out(settings: &Settings) -> bool {
    let asked =
        settings.json_processes || settings.processes.is_some() || settings.filter.is_some();
    settings.names == Names::Actop && !asked
}

/// What other tools tell beside a sample; with processes where they, or some of them, are asked for.
///
/// # Errors
///
/// A filter that is none.
pub(crate) fn follower(settings: &Settings, processes: bool) -> anyhow::Result<Follower> {
    let keep = Keep::new(settings)?.0.map(Arc::new);
    let processes = processes || settings.processes.is_some() || keep.is_some();
    let samples = settings.alerts.sustain_samples.unwrap_or(SUSTAINED);
    let beside = Beside { processes, keep, ..Beside::default() };
    let samples = usize::try_from(samples).unwrap_or(usize::MAX);
    Ok(Follower::new(samples, settings.alerts.swap_rise_bytes, beside))
}

/// Samples that an alert of actop must last for.
const SUSTAINED: u64 = 3;

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
    if let Some(rules) = alerts::rules(settings) {
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
