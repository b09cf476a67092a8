//! `retop`: the screen.

use std::sync::Arc;
use std::time::Duration;

use retop_engine::export::Arguments;
use retop_engine::{Monitor, RealClock};

use crate::alerts;
use crate::config::Resolved;
use crate::environment::Environment;
use crate::run::control::Processes;
use crate::run::{Usage, looks, machine, record, replay};
use crate::tui::app::App;
use crate::tui::terminal::Terminal;
use crate::tui::{self, Options, RecordTo};

/// Rates need two samples: the second one comes this soon after the first.
pub(super) const FIRST_INTERVAL: Duration = Duration::from_millis(250);

/// How long the end waits for a recording's last bytes.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Draws until somebody quits.
///
/// # Errors
///
/// If there is no terminal, or the machine cannot be opened.
pub fn run(resolved: &Resolved, environment: &Environment) -> anyhow::Result<()> {
    let settings = &resolved.settings;
    if replay::source(settings).is_some() {
        return replay::run(resolved, environment);
    }
    terminal(environment)?;
    let machine = machine(settings)?;
    let folder = record::folder(settings, environment).ok();
    let to = folder.map(|folder| RecordTo { folder, settings: record::recording(settings) });
    let options = Options { record: to, ..looks::options(resolved, environment)? };
    let mut terminal = Terminal::open(settings.screen.mouse)?;
    let waker = terminal.waker()?;
    let watch = retop_engine::Settings {
        interval: settings.interval / options.subsamples,
        first_interval: FIRST_INTERVAL,
        history_bytes: settings.history_bytes,
        demand: App::new(&options).demand(),
        rules: alerts::rules(settings),
        arguments: Arguments::Full,
    };
    let clock = Arc::new(RealClock);
    let monitor = Monitor::start(machine, clock, watch, Box::new(move |_| waker.wake()))?;
    let control = Processes::new(settings, terminal.waker()?);
    let drawn = tui::run(&mut terminal, &monitor, &options, &control, &RealClock);
    drop(terminal);
    monitor.close_recording(LAST_WORDS);
    Ok(drawn?)
}

/// There must be a terminal.
pub(super) fn terminal(environment: &Environment) -> anyhow::Result<()> {
    if !environment.stdout_is_terminal || !environment.stdin_is_terminal {
        let what = if environment.stdout_is_terminal { "stdin" } else { "stdout" };
        let next = "use --plain for lines of text, --json for a stream or --once for a report";
        return Err(Usage(format!("{what} is no terminal; {next}")).into());
    }
    Ok(())
}
