//! `retop`: the screen.

use std::sync::Arc;
use std::time::Duration;

use retop_engine::{
    Affinity, CpuSet, IoPriority, Monitor, RealClock, affinity, io_priority, local_offset_seconds,
    send_signal, set_affinity, set_io_priority, step_nice,
};
use retop_model::Key;

use crate::alerts;
use crate::config::Resolved;
use crate::environment::{self, Environment};
use crate::run::{Usage, machine};
use crate::settings::{ChartGlyph, Color, CoreView, Settings};
use crate::tui::app::App;
use crate::tui::render::colour::Hints;
use crate::tui::render::{Depth, Glyphs};
use crate::tui::terminal::Terminal;
use crate::tui::{self, Control, Options};

/// Rates need two samples: the second one comes this soon after the first.
const FIRST_INTERVAL: Duration = Duration::from_millis(250);

/// Draws until somebody quits.
///
/// # Errors
///
/// If there is no terminal, or the machine cannot be opened.
pub fn run(resolved: &Resolved, environment: &Environment) -> anyhow::Result<()> {
    let settings = &resolved.settings;
    if !environment.stdout_is_terminal || !environment.stdin_is_terminal {
        let what = if environment.stdout_is_terminal { "stdin" } else { "stdout" };
        let next = "use --json for a stream, --once for a report or --serve PORT for metrics";
        return Err(Usage(format!("{what} is no terminal; {next}")).into());
    }
    let machine = machine(settings)?;
    let options =
        Options { config_file: resolved.file.clone(), ..options(settings, &environment.terminal)? };
    let live = settings.source.is_none() && settings.root == std::path::Path::new("/");
    let mut terminal = Terminal::open()?;
    let waker = terminal.waker()?;
    let watch = retop_engine::Settings {
        interval: settings.interval,
        first_interval: FIRST_INTERVAL,
        history_bytes: settings.history_bytes,
        demand: App::new(&options).demand(),
        rules: alerts::rules(&settings.alerts),
    };
    let clock = Arc::new(RealClock);
    let monitor = Monitor::start(machine, clock, watch, Box::new(move |_| waker.wake()))?;
    let control: &dyn Control = if live { &ThisMachine } else { &NoMachine };
    Ok(tui::run(&mut terminal, &monitor, &options, control, &RealClock)?)
}

/// How the screen begins: what was asked for, and what the terminal says of itself.
fn options(settings: &Settings, terminal: &environment::Terminal) -> anyhow::Result<Options> {
    let screen = &settings.screen;
    let depth = match screen.color {
        Color::Never => Depth::Mono,
        Color::Palette(_) => Depth::Sixteen,
        // Asked for in any case: NO_COLOR does not count.
        color => Depth::detect(Hints {
            no_color: (terminal.no_color && color != Color::Always).then_some("1"),
            colorterm: Some(&terminal.colorterm),
            term: Some(&terminal.term),
            program: Some(&terminal.program),
        }),
    };
    let theme = match &screen.theme {
        Some(name) if !tui::theme::NAMES.contains(&name.as_str()) => {
            let known = tui::theme::NAMES.join(", ");
            return Err(Usage(format!("no theme is called '{name}'; there are {known}")).into());
        }
        Some(name) => name.clone(),
        // The terminal's own colours: what a number meant to asitop's users.
        None if matches!(screen.color, Color::Palette(_)) => "terminal".to_owned(),
        None if is_light(&terminal.colors) => "paper".to_owned(),
        None => "ink".to_owned(),
    };
    let glyphs = match screen.chart_glyph {
        _ if !terminal.utf8 => Glyphs::Ascii,
        _ if terminal.term == "linux" => Glyphs::Block,
        ChartGlyph::Block => Glyphs::Block,
        ChartGlyph::Dots => Glyphs::Braille,
    };
    Ok(Options {
        theme,
        depth,
        glyphs,
        synchronised: !matches!(terminal.term.as_str(), "linux" | "dumb"),
        interval: settings.interval,
        filter: settings.filter.clone(),
        core_view: match screen.core_view {
            CoreView::Auto => tui::app::CoreView::Auto,
            CoreView::Gauge => tui::app::CoreView::Gauge,
            CoreView::History => tui::app::CoreView::History,
            CoreView::Both => tui::app::CoreView::Both,
        },
        columns: screen.columns.clone(),
        keys: screen.keys().map_err(Usage)?,
        offset_seconds: local_offset_seconds,
        ..Options::default()
    })
}

/// `COLORFGBG` ends in the number of the background colour: 7 and 15 are white.
fn is_light(colors: &str) -> bool {
    matches!(colors.rsplit(';').next(), Some("7" | "15"))
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
