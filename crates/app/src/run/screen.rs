//! `retop`: the screen.

use std::sync::Arc;
use std::time::Duration;

use retop_engine::{Monitor, RealClock, local_offset_seconds};

use crate::alerts;
use crate::config::Resolved;
use crate::environment::{self, Environment};
use crate::run::control::Processes;
use crate::run::{Usage, machine};
use crate::settings::{ChartGlyph, Color, CoreView, Settings};
use crate::tui::app::App;
use crate::tui::render::colour::Hints;
use crate::tui::render::{Depth, Glyphs};
use crate::tui::terminal::Terminal;
use crate::tui::{self, Options};

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
    let control = Processes::new(settings, terminal.waker()?);
    Ok(tui::run(&mut terminal, &monitor, &options, &control, &RealClock)?)
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
