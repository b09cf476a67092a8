//! How the screen begins: what was asked for, and what the terminal says of itself.

use std::path::Path;

use retop_engine::{INTERVALS, local_offset_seconds};

use crate::alerts;
use crate::config::Resolved;
use crate::environment::{Environment, Terminal};
use crate::run::Usage;
use crate::settings::{ChartGlyph, Color, PowerScale, Screen, Settings};
use crate::tui::Options;
use crate::tui::core_view::CoreView;
use crate::tui::render::colour::Hints;
use crate::tui::render::{Depth, Glyphs, Letters};
use crate::tui::setup::Given;
use crate::tui::theme::{Catalogue, ON_DARK, ON_LIGHT};

/// What the settings and the environment add up to.
///
/// # Errors
///
/// A theme that is not there or whose file is wrong, a key that is bound to nothing.
pub fn options(resolved: &Resolved, environment: &Environment) -> anyhow::Result<Options> {
    let settings = &resolved.settings;
    let (screen, terminal) = (&settings.screen, &environment.terminal);
    let themes = match &environment.config_folder {
        Some(folder) => Catalogue::read(&folder.join("themes")),
        None => Catalogue::default(),
    };
    let themes = themes.tinted(screen.palette);
    let depth = depth(screen, terminal);
    let theme = theme(screen, terminal);
    // One that is wrong is told now, and not drawn as another.
    themes.theme(&theme, depth).map_err(Usage)?;
    Ok(Options {
        theme,
        themes,
        asks_background: asks_background(screen, terminal),
        depth,
        glyphs: glyphs(screen, terminal),
        synchronised: !matches!(terminal.term.as_str(), "linux" | "dumb"),
        notice: resolved.unknown.first().cloned(),
        interval: settings.interval,
        filter: settings.filter.clone(),
        core_view: match (screen.core_view, screen.show_cores) {
            (CoreView::Auto, Some(true)) => CoreView::Both,
            (CoreView::Auto, Some(false)) => CoreView::History,
            (view, _) => view,
        },
        residency: screen.show_residency != Some(false),
        layout: screen.layout,
        processes: screen.show_processes != Some(false),
        rules: alerts::rules(settings).unwrap_or_default(),
        columns: screen.columns.clone(),
        given: Some(Box::new(Given {
            look: |resolved, environment| {
                options(resolved, environment).map_err(|error| error.to_string())
            },
            resolved: resolved.clone(),
            environment: environment.clone(),
        })),
        mouse: screen.mouse,
        threads: settings.threads,
        config_file: resolved.file.clone(),
        low_bandwidth: screen.low_bandwidth,
        letters: letters(screen, terminal),
        accessible: screen.accessible,
        average: screen.average,
        power_limit: screen.power_scale == PowerScale::Profile,
        subsamples: subsamples(settings)?,
        keys: screen.keys().map_err(Usage)?,
        offset_seconds: local_offset_seconds,
        stills: environment.folder.clone(),
        ..Options::default()
    })
}

/// True if the machine on the screen is the one that retop runs on.
#[must_use]
pub fn is_live(settings: &Settings) -> bool {
    settings.source.is_none() && settings.root == Path::new("/")
}

/// Samples in an interval; none of them may be too short to be measured.
fn subsamples(settings: &Settings) -> anyhow::Result<u32> {
    let count = u32::try_from(settings.screen.subsamples).unwrap_or(u32::MAX).max(1);
    let least = *INTERVALS.start();
    if count > 1 && settings.interval / count < least {
        let text = "--subsamples: so many in an interval are too close; at most one in 100ms";
        return Err(Usage(text.to_owned()).into());
    }
    Ok(count)
}

fn depth(screen: &Screen, terminal: &Terminal) -> Depth {
    match (screen.color, screen.color_depth) {
        (Color::Never, _) => Depth::Mono,
        (_, Some(depth)) => depth,
        (Color::Palette(_), None) => Depth::Sixteen,
        // Asked for in any case: NO_COLOR does not count.
        (color, None) => Depth::detect(Hints {
            no_color: (terminal.no_color && color != Color::Always).then_some("1"),
            force: terminal.force_color || color == Color::Always,
            colorterm: Some(&terminal.colorterm),
            term: Some(&terminal.term),
            program: Some(&terminal.program),
        }),
    }
}

fn theme(screen: &Screen, terminal: &Terminal) -> String {
    match (&screen.theme, screen.color) {
        (Some(name), _) => name.clone(),
        (None, Color::Palette(number)) => number.to_string(),
        (None, _) if is_light(&terminal.colors) => ON_LIGHT.to_owned(),
        (None, _) => ON_DARK.to_owned(),
    }
}

/// Most light terminals say nothing in the environment. The kernel's console shows the question.
fn asks_background(screen: &Screen, terminal: &Terminal) -> bool {
    let follows = screen.theme.is_none() && !matches!(screen.color, Color::Palette(_));
    follows
        && terminal.colors.is_empty()
        && !matches!(terminal.term.as_str(), "" | "linux" | "dumb")
}

/// `COLORFGBG` ends in the number of the background colour: 7 and 15 are white.
fn is_light(colors: &str) -> bool {
    matches!(colors.rsplit(';').next(), Some("7" | "15"))
}

fn letters(screen: &Screen, terminal: &Terminal) -> Letters {
    match (terminal.utf8, screen.ambiguous_wide) {
        (false, _) => Letters::Ascii,
        (true, true) => Letters::Wide,
        (true, false) => Letters::All,
    }
}

fn glyphs(screen: &Screen, terminal: &Terminal) -> Glyphs {
    match screen.chart_glyph {
        // A font has what its encoding has.
        _ if !terminal.utf8 => Glyphs::Ascii,
        // Frames and bars would take two cells.
        _ if screen.ambiguous_wide => Glyphs::Ascii,
        ChartGlyph::Ascii => Glyphs::Ascii,
        // The font of the kernel's console has blocks and no dots.
        ChartGlyph::Block | ChartGlyph::Dots if terminal.term == "linux" => Glyphs::Block,
        ChartGlyph::Block => Glyphs::Block,
        ChartGlyph::Dots => Glyphs::Braille,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(term: &str, colorterm: &str) -> Terminal {
        Terminal {
            term: term.to_owned(),
            colorterm: colorterm.to_owned(),
            utf8: true,
            ..Terminal::default()
        }
    }

    #[test]
    fn the_flag_is_stronger_than_the_terminal() {
        let quiet = Terminal { no_color: true, ..terminal("xterm-256color", "truecolor") };
        let cases = [
            (Color::Auto, None, Depth::Mono),
            (Color::Auto, Some(Depth::Indexed), Depth::Indexed),
            (Color::Always, None, Depth::True),
            (Color::Never, Some(Depth::True), Depth::Mono),
            (Color::Palette(2), None, Depth::Sixteen),
        ];
        for (color, color_depth, wanted) in cases {
            let screen = Screen { color, color_depth, ..Screen::default() };
            assert_eq!(depth(&screen, &quiet), wanted, "{color:?} {color_depth:?}");
        }
        let forced = Terminal { force_color: true, ..terminal("dumb", "") };
        assert_eq!(depth(&Screen::default(), &forced), Depth::Eight);
    }

    #[test]
    fn the_theme_follows_the_background() {
        let theme = |name: Option<&str>, color, colors: &str| {
            let screen = Screen { theme: name.map(str::to_owned), color, ..Screen::default() };
            let terminal = Terminal { colors: colors.to_owned(), ..Terminal::default() };
            super::theme(&screen, &terminal)
        };
        for (name, color, colors, wanted) in [
            (None, Color::Auto, "", "ink"),
            (None, Color::Auto, "15;0", "ink"),
            (None, Color::Auto, "0;15", "paper"),
            (None, Color::Auto, "0;default;7", "paper"),
            (None, Color::Palette(3), "0;15", "3"),
            (Some("nord"), Color::Palette(3), "0;15", "nord"),
        ] {
            assert_eq!(theme(name, color, colors), wanted, "{color:?} {colors}");
        }
    }

    #[test]
    fn the_terminal_is_asked_where_nothing_else_tells() {
        for (name, color, colors, term, wanted) in [
            (None, Color::Auto, "", "xterm-256color", true),
            (None, Color::Always, "", "tmux", true),
            (None, Color::Auto, "15;0", "xterm-256color", false),
            (Some("ink"), Color::Auto, "", "xterm-256color", false),
            (None, Color::Palette(2), "", "xterm-256color", false),
            (None, Color::Auto, "", "linux", false),
            (None, Color::Auto, "", "dumb", false),
        ] {
            let screen = Screen { theme: name.map(str::to_owned), color, ..Screen::default() };
            let terminal = Terminal { colors: colors.to_owned(), ..terminal(term, "") };
            assert_eq!(asks_background(&screen, &terminal), wanted, "{name:?} {color:?} {term}");
        }
    }

    #[test]
    fn glyphs_are_those_of_the_font() {
        for (glyph, term, utf8, wanted) in [
            (ChartGlyph::Dots, "xterm", true, Glyphs::Braille),
            (ChartGlyph::Dots, "xterm", false, Glyphs::Ascii),
            (ChartGlyph::Dots, "linux", true, Glyphs::Block),
            (ChartGlyph::Block, "xterm", true, Glyphs::Block),
            (ChartGlyph::Ascii, "linux", true, Glyphs::Ascii),
        ] {
            let screen = Screen { chart_glyph: glyph, ..Screen::default() };
            let terminal = Terminal { utf8, ..terminal(term, "") };
            assert_eq!(glyphs(&screen, &terminal), wanted, "{glyph:?} {term} {utf8}");
            let wide = Screen { ambiguous_wide: true, ..screen };
            assert_eq!(glyphs(&wide, &terminal), Glyphs::Ascii);
            let wanted = if utf8 { Letters::Wide } else { Letters::Ascii };
            assert_eq!(letters(&wide, &terminal), wanted);
        }
    }
}
