//! Two frames and the way to the terminal.

use std::io;

use super::canvas::{Canvas, Glyphs, Letters};
use super::encoder::Encoder;
use super::grid::Grid;
use crate::tui::mouse::Spots;

/// Where the bytes of a frame go: a terminal, or a test.
pub trait Sink {
    /// Takes a whole frame.
    ///
    /// # Errors
    ///
    /// Those of the terminal; a frame that was not taken whole is drawn anew.
    fn send(&mut self, frame: &[u8]) -> io::Result<()>;
}

impl Sink for Vec<u8> {
    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.extend_from_slice(frame);
        Ok(())
    }
}

/// What the terminal shows, and what it shall show next.
#[derive(Debug)]
pub struct Screen {
    shown: Grid,
    next: Grid,
    encoder: Encoder,
    spots: Spots,
    letters: Letters,
    /// Nothing is known of what the terminal shows.
    stale: bool,
}

impl Screen {
    /// A screen of that size whose terminal shows who knows what.
    #[must_use]
    pub fn new(width: u16, height: u16, synchronised: bool) -> Screen {
        let (shown, next) = (Grid::new(width, height), Grid::new(width, height));
        let encoder = Encoder::new(synchronised);
        let (letters, spots) = (Letters::All, Spots::default());
        Screen { shown, next, encoder, spots, letters, stale: true }
    }

    /// The size in cells.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        (self.next.width(), self.next.height())
    }

    /// Takes another size, and draws everything anew.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.shown.resize(width, height);
        self.next.resize(width, height);
        self.stale = true;
    }

    /// Draws everything anew with the next frame.
    pub fn forget(&mut self) {
        self.stale = true;
    }

    /// Which letters the terminal shows, and how wide.
    pub fn set_letters(&mut self, letters: Letters) {
        self.letters = letters;
    }

    /// Lets the terminal's cursor stand there after each frame, to be seen.
    pub fn park(&mut self, cell: Option<(u16, u16)>) {
        let (width, height) = self.size();
        self.encoder.park = cell.filter(|&(x, y)| x < width && y < height);
    }

    /// Draws a frame and sends what changed: at most one call of `sink`, none if nothing did.
    /// Gives the number of bytes.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn draw(
        &mut self,
        sink: &mut impl Sink,
        glyphs: Glyphs,
        paint: impl FnOnce(&mut Canvas<'_>),
    ) -> io::Result<usize> {
        self.next.clear();
        self.spots.clear();
        let canvas = Canvas::new(&mut self.next, glyphs).with(self.letters);
        paint(&mut canvas.with_spots(&mut self.spots));
        let stale = std::mem::replace(&mut self.stale, false);
        if stale {
            self.shown.clear();
        }
        self.encoder.encode(&mut self.shown, &self.next, stale);
        std::mem::swap(&mut self.shown, &mut self.next);
        if self.encoder.bytes.is_empty() {
            return Ok(0);
        }
        let sent = sink.send(&self.encoder.bytes);
        if sent.is_err() {
            self.stale = true;
        }
        sent.map(|()| self.encoder.bytes.len())
    }

    /// What can be clicked on the frame that the terminal shows.
    #[must_use]
    pub fn spots(&self) -> &Spots {
        &self.spots
    }

    /// The frame that the terminal shows.
    #[must_use]
    pub fn shown(&self) -> &Grid {
        &self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::render::Rect;
    use crate::tui::render::pen::{Colour, Modifier, Pen};
    use proptest::prelude::*;

    const WIDTH: u16 = 24;
    const HEIGHT: u16 = 5;

    fn pen() -> impl Strategy<Value = Pen> {
        let colour = prop_oneof![
            3 => Just(Colour::Reset),
            1 => (0_u8..=255).prop_map(Colour::Indexed),
            1 => any::<(u8, u8, u8)>().prop_map(|(r, g, b)| Colour::Rgb(r, g, b)),
        ];
        let modifier = prop_oneof![
            4 => Just(Modifier::empty()),
            1 => Just(Modifier::BOLD),
            1 => Just(Modifier::DIM),
            1 => Just(Modifier::REVERSED),
            1 => Just(Modifier::UNDERLINED),
            1 => Just(Modifier::BOLD | Modifier::REVERSED),
        ];
        (colour.clone(), colour, modifier).prop_map(|(fg, bg, modifier)| Pen { fg, bg, modifier })
    }

    type Scene = Vec<(u16, u16, String, Pen)>;

    fn scene() -> impl Strategy<Value = Scene> {
        let text = prop_oneof!["[ -~]{0,12}", "[ a日本語🦀é⣿█ﾊﾟﾞ]{0,8}"];
        prop::collection::vec((0..WIDTH, 0..HEIGHT, text, pen()), 0..14)
    }

    fn colour(colour: Colour) -> vt100::Color {
        match colour {
            Colour::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
            Colour::Indexed(index) => vt100::Color::Idx(index),
            Colour::Reset => vt100::Color::Default,
        }
    }

    /// Every cell of the buffer is on the terminal's screen as it shall be.
    fn check(grid: &Grid, terminal: &vt100::Screen) {
        for y in 0..HEIGHT {
            let mut x = 0;
            while x < WIDTH {
                let cell = grid[(x, y)];
                let pen = cell.pen();
                let seen = terminal.cell(y, x).expect("inside");
                let shown = if seen.has_contents() { seen.contents() } else { " " };
                assert_eq!(shown, cell.symbol().to_string(), "symbol at {x},{y}");
                assert_eq!(seen.bgcolor(), colour(pen.bg), "background at {x},{y}");
                let inverse = pen.modifier.contains(Modifier::REVERSED);
                assert_eq!(seen.inverse(), inverse, "reverse at {x},{y}");
                assert_eq!(seen.underline(), pen.modifier.contains(Modifier::UNDERLINED));
                if !cell.is_blank() {
                    assert_eq!(seen.fgcolor(), colour(pen.fg), "text colour at {x},{y}");
                    assert_eq!(seen.bold(), pen.modifier.contains(Modifier::BOLD));
                    assert_eq!(seen.dim(), pen.modifier.contains(Modifier::DIM));
                }
                x += cell.width();
            }
        }
    }

    proptest! {
        #[test]
        fn the_terminal_shows_the_buffer(scenes in prop::collection::vec(scene(), 1..5)) {
            let mut screen = Screen::new(WIDTH, HEIGHT, true);
            let size = |cells| std::num::NonZeroU16::new(cells).expect("not 0");
            let mut terminal = vt100::Parser::new(size(HEIGHT), size(WIDTH), 0);
            for scene in scenes {
                let mut bytes = Vec::new();
                let paint = |canvas: &mut Canvas<'_>| {
                    for (x, y, text, pen) in &scene {
                        canvas.text(*x, *y, text, *pen);
                    }
                };
                screen.draw(&mut bytes, Glyphs::Braille, paint).expect("a Vec takes all");
                terminal.process(&bytes);
                check(screen.shown(), terminal.screen());
                let again = screen.draw(&mut bytes, Glyphs::Braille, paint).expect("the same");
                prop_assert_eq!(again, 0, "the same frame again costs no byte");
            }
        }
    }

    proptest! {
        /// Rows that move are moved by the terminal; what they say changes meanwhile.
        #[test]
        fn rows_may_change_places(
            orders in prop::collection::vec(
                (Just((0..9_u16).collect::<Vec<_>>()).prop_shuffle(), 0..9_usize, 0..9_u16),
                1..6,
            ),
        ) {
            let (width, height) = (60, 9);
            let mut screen = Screen::new(width, height, true);
            let size = |cells| std::num::NonZeroU16::new(cells).expect("not 0");
            let mut terminal = vt100::Parser::new(size(height), size(width), 0);
            let mut order: Vec<u16> = (0..9).collect();
            for (step, (shuffled, from, to)) in orders.into_iter().enumerate() {
                // Mostly one row gets elsewhere, now and then all of them do.
                if from == 8 {
                    order = shuffled;
                } else {
                    let row = order.remove(from);
                    order.insert(usize::from(to), row);
                }
                let mut bytes = Vec::new();
                let paint = |canvas: &mut Canvas<'_>| {
                    for (y, row) in (0..).zip(&order) {
                        let letter = char::from(b'a' + *row as u8);
                        let text: String = std::iter::repeat_n(letter, 50).collect();
                        let pen = Pen::new(Colour::Indexed(*row as u8));
                        canvas.text(4, y, &text, if y == 0 { pen.on(Colour::Indexed(9)) } else { pen });
                        canvas.text(0, y, &(usize::from(*row) * step).to_string(), Pen::default());
                    }
                };
                screen.draw(&mut bytes, Glyphs::Braille, paint).expect("a Vec takes all");
                terminal.process(&bytes);
                for (y, line) in (0..).zip(terminal.screen().rows(0, width)) {
                    let wanted: String = screen.shown().text(y).collect();
                    prop_assert_eq!(line.trim_end(), wanted.trim_end());
                }
            }
        }
    }

    proptest! {
        /// Charts that go on are moved by the terminal; what stands around them rests.
        #[test]
        fn charts_may_go_on(
            values in prop::collection::vec(0..9_usize, 60),
            wide in any::<bool>(), painted in any::<bool>(),
        ) {
            let (width, height) = (60, 4);
            let mut screen = Screen::new(width, height, true);
            let size = |cells| std::num::NonZeroU16::new(cells).expect("not 0");
            let mut terminal = vt100::Parser::new(size(height), size(width), 0);
            let back = if painted { Colour::Indexed(9) } else { Colour::Reset };
            for step in 0..30 {
                let mut bytes = Vec::new();
                let paint = |canvas: &mut Canvas<'_>| {
                    let plain = Pen::default().on(back);
                    canvas.fill(Rect::new(0, 0, width, height), plain);
                    for y in 0..height {
                        canvas.text(0, y, "left", plain);
                        for x in 0..20 {
                            let value = values[step + usize::from(x)];
                            let pen = Pen::new(Colour::Indexed(value as u8)).on(back);
                            let glyph = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][value];
                            canvas.put(5 + x, y, glyph, if y == 0 { plain } else { pen });
                            canvas.put(30 + x, y, glyph, plain);
                        }
                        canvas.text(51, y, if wide && y == 1 { "日本" } else { "right" }, plain);
                    }
                };
                screen.draw(&mut bytes, Glyphs::Braille, paint).expect("a Vec takes all");
                terminal.process(&bytes);
                for (y, line) in (0..).zip(terminal.screen().rows(0, width)) {
                    let cells = (0..).zip(screen.shown().row(y));
                    for (x, cell) in cells.filter(|(_, cell)| cell.width() > 0) {
                        let seen = terminal.screen().cell(y, x).expect("inside");
                        prop_assert_eq!(seen.bgcolor(), colour(cell.pen().bg), "at {},{}", x, y);
                        if !cell.is_blank() {
                            prop_assert_eq!(seen.fgcolor(), colour(cell.pen().fg), "at {},{}", x, y);
                        }
                    }
                    let wanted: String = screen.shown().text(y).collect();
                    prop_assert_eq!(line.trim_end(), wanted.trim_end());
                }
            }
        }
    }

    #[test]
    fn the_cursor_stands_where_it_is_parked() {
        let mut screen = Screen::new(20, 5, true);
        let size = |cells| std::num::NonZeroU16::new(cells).expect("not 0");
        let mut terminal = vt100::Parser::new(size(5), size(20), 0);
        // The terminal was taken over with its cursor hidden.
        terminal.process(b"\x1b[?25l");
        let mut draw = |cell, text: &str| {
            let mut bytes = Vec::new();
            screen.park(cell);
            let paint = |canvas: &mut Canvas<'_>| {
                canvas.text(0, 4, text, Pen::new(Colour::Indexed(2)));
            };
            screen.draw(&mut bytes, Glyphs::Braille, paint).expect("a Vec takes all");
            terminal.process(&bytes);
            let at = terminal.screen().cursor_position();
            (at, terminal.screen().hide_cursor(), bytes.len())
        };
        let (at, hidden, _) = draw(Some((3, 2)), "abc");
        assert_eq!((at, hidden), ((2, 3), false));
        assert_eq!(draw(Some((3, 2)), "abc"), ((2, 3), false, 0));
        let (at, _, bytes) = draw(Some((3, 3)), "abc");
        assert!(at == (3, 3) && bytes > 0, "{at:?} {bytes}");
        assert_eq!(draw(Some((3, 3)), "abd").0, (3, 3));
        // What is not on the screen is not gone to.
        assert_eq!(draw(Some((90, 3)), "abd").2, 0);
    }

    struct Broken;
    impl Sink for Broken {
        fn send(&mut self, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    #[test]
    fn a_frame_that_was_not_taken_is_drawn_anew() {
        let mut screen = Screen::new(4, 1, false);
        let paint = |canvas: &mut Canvas<'_>| {
            canvas.text(0, 0, "ab", Pen::default());
        };
        assert!(screen.draw(&mut Broken, Glyphs::Ascii, paint).is_err());
        let mut bytes = Vec::new();
        screen.draw(&mut bytes, Glyphs::Ascii, paint).expect("taken");
        assert_eq!(bytes, b"\x1b[m\x1b[r\x1b[H\x1b[2J\x1b[Hab");
    }
}
