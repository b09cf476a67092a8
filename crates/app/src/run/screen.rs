//! `retop`: the screen.

use std::sync::Arc;
use std::time::Duration;

use retop_engine::export::Arguments;
use retop_engine::{
    Affinity, CpuSet, IoPriority, Monitor, RealClock, affinity, io_priority, send_signal,
    set_affinity, set_io_priority, step_nice,
};
use retop_model::Key;

use crate::alerts;
use crate::config::Resolved;
use crate::environment::Environment;
use crate::run::{Usage, looks, machine, record, replay};
use crate::tui::app::App;
use crate::tui::terminal::Terminal;
use crate::tui::{self, Control, Options, RecordTo};

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
    let mut terminal = Terminal::open()?;
    let waker = terminal.waker()?;
    let watch = retop_engine::Settings {
        interval: settings.interval / options.subsamples,
        first_interval: FIRST_INTERVAL,
        history_bytes: settings.history_bytes,
        demand: App::new(&options).demand(),
        rules: alerts::rules(&settings.alerts),
        arguments: Arguments::Full,
    };
    let clock = Arc::new(RealClock);
    let monitor = Monitor::start(machine, clock, watch, Box::new(move |_| waker.wake()))?;
    let control: &dyn Control = if looks::is_live(settings) { &ThisMachine } else { &NoMachine };
    let drawn = tui::run(&mut terminal, &monitor, &options, control, &RealClock);
    drop(terminal);
    monitor.end_recording(LAST_WORDS);
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
