//! `retop`: the screen.

use std::sync::Arc;
use std::time::Duration;

use retop_engine::{Monitor, RealClock};

use crate::alerts;
use crate::config::Resolved;
use crate::environment::Environment;
use crate::run::control::Processes;
use crate::run::{Usage, looks, machine};
use crate::tui;
use crate::tui::app::App;
use crate::tui::terminal::Terminal;

/// Rates need two samples: the second one comes this soon after the first.
pub(super) const FIRST_INTERVAL: Duration = Duration::from_millis(250);

/// Draws until somebody quits.
///
/// # Errors
///
/// If there is no terminal, or the machine cannot be opened.
pub fn run(resolved: &Resolved, environment: &Environment) -> anyhow::Result<()> {
    let settings = &resolved.settings;
    if !environment.stdout_is_terminal || !environment.stdin_is_terminal {
        let what = if environment.stdout_is_terminal { "stdin" } else { "stdout" };
        let next = "use --plain for lines of text, --json for a stream or --once for a report";
        return Err(Usage(format!("{what} is no terminal; {next}")).into());
    }
    let machine = machine(settings)?;
    let options = looks::options(resolved, environment)?;
    let mut terminal = Terminal::open()?;
    let waker = terminal.waker()?;
    let watch = retop_engine::Settings {
        interval: settings.interval / options.subsamples,
        first_interval: FIRST_INTERVAL,
        history_bytes: settings.history_bytes,
        demand: App::new(&options).demand(),
        rules: alerts::rules(&settings.alerts),
    };
    let clock = Arc::new(RealClock);
    let monitor = Monitor::start(machine, clock, watch, Box::new(move |_| waker.wake()))?;
    let control = Processes::new(settings, terminal.waker()?);
    Ok(tui::run(&mut terminal, &monitor, &options, &control, &RealClock)?)
}
