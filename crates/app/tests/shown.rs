//! What a terminal shows after any number of frames is what was drawn last: text, colours and all,
//! however much of a frame was left out because it was there already.

mod deaf;
mod scene;

use std::num::NonZeroU16;

use deaf::Deaf;
use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key};
use retop::tui::render::{Canvas, Colour, Depth, Glyphs, Grid, Letters, Modifier, Screen};
use retop::tui::{Options, panel};

fn colour(colour: Colour) -> vt100::Color {
    match colour {
        Colour::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
        Colour::Indexed(index) => vt100::Color::Idx(index),
        Colour::Reset => vt100::Color::Default,
    }
}

fn compare(grid: &Grid, terminal: &vt100::Screen, when: &str) {
    for y in 0..grid.height() {
        for (x, cell) in (0..).zip(grid.row(y)).filter(|(_, cell)| cell.width() > 0) {
            let seen = terminal.cell(y, x).expect("inside");
            let symbol = if seen.has_contents() { seen.contents() } else { " " };
            let pen = cell.pen();
            assert_eq!(symbol, cell.symbol().to_string(), "{when}, at {x},{y}");
            assert_eq!(seen.bgcolor(), colour(pen.bg), "{when}, behind {symbol} at {x},{y}");
            let reversed = pen.modifier.contains(Modifier::REVERSED);
            assert_eq!(seen.inverse(), reversed, "{when}, {symbol} at {x},{y}");
            if !cell.is_blank() {
                assert_eq!(seen.fgcolor(), colour(pen.fg), "{when}, {symbol} at {x},{y}");
                assert_eq!(seen.bold(), pen.modifier.contains(Modifier::BOLD), "{when}, {x},{y}");
                assert_eq!(seen.dim(), pen.modifier.contains(Modifier::DIM), "{when}, {x},{y}");
            }
        }
    }
}

/// Sorts, scrolls, opens and leaves; between them samples come.
const KEYS: [Key; 26] = [
    Key::of(Code::Down),
    Key::char('M'),
    Key::of(Code::PageDown),
    Key::char('t'),
    Key::char('t'),
    Key::of(Code::Enter),
    Key::of(Code::Tab),
    Key::of(Code::Esc),
    Key::of(Code::Home),
    Key::char('P'),
    Key::char('1'),
    Key::char('4'),
    Key::char('5'),
    Key::char('7'),
    Key::char('0'),
    Key::char('?'),
    Key::of(Code::Down),
    Key::of(Code::Esc),
    Key::char(':'),
    Key::of(Code::Esc),
    Key::of(Code::F(6)),
    Key::of(Code::Esc),
    Key::char('v'),
    Key::char('L'),
    Key::char('L'),
    Key::char('L'),
];

#[test]
fn a_slow_line_gets_no_colours_of_three_bytes() {
    let options = Options { theme: "dracula".to_owned(), depth: Depth::True, ..Options::default() };
    let mut app = App::new(&options);
    scene::LAPTOP.run(5).iter().for_each(|moment| _ = app.update(moment));
    let named = |colour| matches!(colour, Colour::Rgb(..));
    for (slow, wanted) in [(false, true), (true, false), (true, false), (false, true)] {
        app.set_low_bandwidth(slow);
        app.arrange(120, 40);
        let mut grid = Grid::new(120, 40);
        panel::draw(&app, &mut Canvas::new(&mut grid, app.glyphs));
        let mut pens = grid.rows().flatten().map(|cell| cell.pen());
        assert_eq!(pens.any(|pen| named(pen.fg) || named(pen.bg)), wanted, "slow: {slow}");
    }
}

#[test]
fn frame_after_frame_the_terminal_shows_what_was_drawn() {
    let cases = [
        (scene::LAPTOP, (120, 40), "ink", Depth::True, Glyphs::Braille, Letters::All),
        (scene::LAPTOP, (80, 24), "terminal", Depth::Sixteen, Glyphs::Block, Letters::All),
        (scene::GPUS, (200, 60), "nord", Depth::Indexed, Glyphs::Braille, Letters::All),
        (scene::HOSTILE, (80, 24), "paper", Depth::True, Glyphs::Braille, Letters::All),
        (scene::HOSTILE, (120, 40), "mono", Depth::Mono, Glyphs::Ascii, Letters::Ascii),
        (scene::HOSTILE, (80, 24), "ink", Depth::Eight, Glyphs::Ascii, Letters::Wide),
        (scene::SMALL, (40, 8), "contrast", Depth::Indexed, Glyphs::Braille, Letters::All),
        (scene::SERVER, (200, 60), "dracula", Depth::True, Glyphs::Braille, Letters::All),
    ];
    for (scene, (width, height), theme, depth, glyphs, letters) in cases {
        let options = Options { theme: theme.to_owned(), depth, glyphs, ..Options::default() };
        let mut app = App::new(&options);
        let mut screen = Screen::new(width, height, true);
        screen.set_letters(letters);
        let size = |cells| NonZeroU16::new(cells).expect("not 0");
        let mut terminal = vt100::Parser::new(size(height), size(width), 0);
        let moments = scene.run(2 * KEYS.len() as u64);
        for (place, moment) in moments.iter().enumerate() {
            app.update(moment);
            // Half of the frames are nothing but another sample.
            if place % 2 == 1 {
                app.event(Event::Key(KEYS[place / 2]), &Deaf);
            }
            app.arrange(width, height);
            let mut bytes = Vec::new();
            screen
                .draw(&mut bytes, app.glyphs, |canvas| panel::draw(&app, canvas))
                .expect("a Vec takes all");
            terminal.process(&bytes);
            let when = format!("{theme} at {width}x{height}, frame {place}");
            compare(screen.shown(), terminal.screen(), &when);
        }
    }
}
