//! `retop`: the screen.

use std::sync::Arc;
use std::time::Duration;

use retop_engine::{
    Affinity, CpuSet, IoPriority, Monitor, RealClock, affinity, io_priority, send_signal,
    set_affinity, set_io_priority, step_nice,
};
use retop_model::Key;

use crate::alerts;
use crate::config::Resolved;
use crate::environment::Environment;
use crate::run::{Usage, looks, machine};
use crate::tui::app::App;
use crate::tui::terminal::Terminal;
use crate::tui::{self, Control};

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
    let control: &dyn Control = if looks::is_live(settings) { &ThisMachine } else { &NoMachine };
    Ok(tui::run(&mut terminal, &monitor, &options, control, &RealClock)?)
}

/// Acts on processes of this machine.
struct ThisMachine;

impl Control for ThisMachine {
    fn send(&self, key: Key, signal: i32) -> Result<(), String> {
        send_signal(key, signal).map_err(|error| error.to_string())
    }

    fn step_nice(&self, key: Key, by: i32) -> Result<i32, String> {
        step_nice(key, by).map_err(|error| error.to_string())
    }

    fn io_priority(&self, key: Key) -> Result<IoPriority, String> {
        io_priority(key).map_err(|error| error.to_string())
    }

    fn set_io_priority(&self, key: Key, priority: IoPriority) -> Result<(), String> {
        set_io_priority(key, priority).map_err(|error| error.to_string())
    }

    fn affinity(&self, key: Key) -> Result<Affinity, String> {
        affinity(key).map_err(|error| error.to_string())
    }

    fn set_affinity(&self, key: Key, allow: &CpuSet, forbid: &CpuSet) -> Result<(), String> {
        set_affinity(key, allow, forbid).map_err(|error| error.to_string())
    }
}

/// A made-up machine's processes do not exist.
struct NoMachine;

const NOBODY: &str = "this machine is made up: nobody lives there";

impl Control for NoMachine {
    fn send(&self, _: Key, _: i32) -> Result<(), String> {
        Err(NOBODY.to_owned())
    }

    fn step_nice(&self, _: Key, _: i32) -> Result<i32, String> {
        Err(NOBODY.to_owned())
    }

    fn io_priority(&self, _: Key) -> Result<IoPriority, String> {
        Err(NOBODY.to_owned())
    }

    fn affinity(&self, _: Key) -> Result<Affinity, String> {
        Err(NOBODY.to_owned())
    }
}
