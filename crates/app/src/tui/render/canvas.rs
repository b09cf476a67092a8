//! Where panels draw: four calls (put, text, fill, region), clipped to an area.

use std::num::NonZeroU16;

use ratatui_core::buffer::{Buffer, Cell, CellDiffOption};
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier};
use unicode_width::UnicodeWidthChar;

use crate::tui::mouse::{Spot, Spots};

/// The cell under the second half of a wide character. It equals no other cell, so that the diff
/// writes whatever comes there after the wide character has gone: terminals disagree on how they
/// blank the half that is left.
const OTHER_HALF: &str = "";
/// Cells of a wide character.
const TWO: NonZeroU16 = NonZeroU16::MIN.saturating_add(1);

/// How a cell looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pen {
    /// Colour of the text.
    pub fg: Color,
    /// Colour behind it; `Reset` leaves the terminal's own.
    pub bg: Color,
    /// Bold, dim, reverse.
    pub modifier: Modifier,
}

impl Pen {
    /// A colour on the terminal's own background.
    #[must_use]
    pub const fn new(fg: Color) -> Pen {
        Pen { fg, bg: Color::Reset, modifier: Modifier::empty() }
    }

    /// On another background.
    #[must_use]
    pub const fn on(self, bg: Color) -> Pen {
        Pen { bg, ..self }
    }

    /// With the modifier added.
    #[must_use]
    pub const fn with(self, modifier: Modifier) -> Pen {
        Pen { modifier: self.modifier.union(modifier), ..self }
    }

    /// Bold.
    #[must_use]
    pub const fn bold(self) -> Pen {
        self.with(Modifier::BOLD)
    }

    /// Dim.
    #[must_use]
    pub const fn dim(self) -> Pen {
        self.with(Modifier::DIM)
    }

    /// This pen on the cursor's row: the row's background, and its reverse where it has one.
    #[must_use]
    pub fn over(self, row: Option<Pen>) -> Pen {
        match row {
            Some(row) if row.bg == Color::Reset => row,
            Some(row) => Pen { bg: row.bg, modifier: self.modifier.union(row.modifier), ..self },
            None => self,
        }
    }
}

/// Which drawing characters the terminal's font has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// Dots, two by four a cell.
    #[default]
    Braille,
    /// Eighths of blocks.
    Block,
    /// Seven bits.
    Ascii,
}

impl Glyphs {
    /// The next kind, around.
    #[must_use]
    pub fn next(self) -> Glyphs {
        match self {
            Glyphs::Braille => Glyphs::Block,
            Glyphs::Block => Glyphs::Ascii,
            Glyphs::Ascii => Glyphs::Braille,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Glyphs::Braille => "braille",
            Glyphs::Block => "block",
            Glyphs::Ascii => "ascii",
        }
    }
}

/// Which letters the terminal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Letters {
    /// All of them.
    #[default]
    All,
    /// All of them, and those whose width Unicode leaves open take two cells, as in fonts for East
    /// Asia.
    Wide,
    /// Those of seven bits.
    Ascii,
}

impl Letters {
    fn of(self, c: char) -> char {
        match self {
            Letters::All => c,
            Letters::Wide => plain(c).unwrap_or(c),
            Letters::Ascii if c.is_ascii() || char_width(c) == 0 => c,
            Letters::Ascii => plain(c).unwrap_or('?'),
        }
    }

    fn cells(self, c: char) -> u16 {
        if self == Letters::Wide && !c.is_ascii() {
            return c.width_cjk().map_or(0, |cells| cells as u16);
        }
        char_width(c)
    }
}

/// What retop itself writes beyond seven bits, in seven.
fn plain(c: char) -> Option<char> {
    Some(match c {
        '–' | '−' | '─' | '═' => '-',
        '…' => '~',
        '·' => '.',
        '°' => '\'',
        'µ' => 'u',
        '×' => 'x',
        '●' | '■' => '*',
        '▲' | '↑' => '^',
        '▼' | '↓' => 'v',
        '▶' | '→' => '>',
        '◀' | '←' => '<',
        '│' | '┃' | '║' => '|',
        '‖' => '"',
        '⇧' => '^',
        _ => return None,
    })
}

/// A part of the screen. Coordinates start at its own corner; nothing is drawn outside it.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    glyphs: Glyphs,
    spots: Option<&'a mut Spots>,
    letters: Letters,
}

impl<'a> Canvas<'a> {
    /// The whole of a buffer.
    #[must_use]
    pub fn new(buffer: &'a mut Buffer, glyphs: Glyphs) -> Canvas<'a> {
        let area = *buffer.area();
        Canvas { buffer, area, glyphs, spots: None, letters: Letters::All }
    }

    /// The same, which notes what can be clicked.
    #[must_use]
    pub fn with_spots(self, spots: &'a mut Spots) -> Canvas<'a> {
        Canvas { spots: Some(spots), ..self }
    }

    /// Says what a click on a part of this part means. `area` is in this canvas's coordinates and is
    /// cut to it.
    pub fn spot(&mut self, area: Rect, spot: Spot) {
        let area = self.inside(area);
        if let Some(spots) = &mut self.spots {
            spots.add(area, spot);
        }
    }

    /// With those letters.
    #[must_use]
    pub fn with(self, letters: Letters) -> Canvas<'a> {
        Canvas { letters, ..self }
    }

    /// Cells in a row.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.area.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u16 {
        self.area.height
    }

    /// Where it stands on the screen.
    #[must_use]
    pub fn area(&self) -> Rect {
        self.area
    }

    /// The kind of drawing characters.
    #[must_use]
    pub fn glyphs(&self) -> Glyphs {
        self.glyphs
    }

    /// A part of this part. `area` is in this canvas's coordinates and is cut to it.
    #[must_use]
    pub fn region(&mut self, area: Rect) -> Canvas<'_> {
        let area = self.inside(area);
        Canvas {
            buffer: self.buffer,
            area,
            glyphs: self.glyphs,
            spots: self.spots.as_deref_mut(),
            letters: self.letters,
        }
    }

    /// That part of this part, on the screen.
    fn inside(&self, area: Rect) -> Rect {
        let x = area.x.min(self.area.width);
        let y = area.y.min(self.area.height);
        Rect {
            x: self.area.x + x,
            y: self.area.y + y,
            width: area.width.min(self.area.width - x),
            height: area.height.min(self.area.height - y),
        }
    }

    fn cell(&mut self, x: u16, y: u16) -> Option<&mut Cell> {
        if x >= self.area.width || y >= self.area.height {
            return None;
        }
        let row = usize::from(self.area.y + y) * usize::from(self.buffer.area.width);
        self.buffer.content.get_mut(row + usize::from(self.area.x + x))
    }

    /// Draws one character; the column after it. Control characters and characters without width
    /// draw nothing; a wide one that does not fit becomes blank.
    pub fn put(&mut self, x: u16, y: u16, c: char, pen: Pen) -> u16 {
        let c = self.letters.of(c);
        let (c, wide) = match self.letters.cells(c) {
            0 => return x,
            1 => (c, false),
            2 => (c, true),
            // One vowel sign of Khmer takes three; no terminal agrees with another on it.
            _ => return self.put(x, y, '?', pen),
        };
        if !wide {
            self.mend(x, y, x);
            if let Some(cell) = self.cell(x, y) {
                cell.set_char(c);
                cell.diff_option = diff_option(c);
                paint(cell, pen);
            }
            return x.saturating_add(1);
        }
        let after = x.saturating_add(2);
        if after > self.area.width {
            return self.put(x, y, ' ', pen);
        }
        self.mend(x, y, x + 1);
        if let Some(cell) = self.cell(x, y) {
            cell.set_char(c);
            // Of those whose width is open the diff has an opinion of its own.
            cell.diff_option = match char_width(c) {
                2 => CellDiffOption::None,
                _ => CellDiffOption::ForcedWidth(TWO),
            };
            paint(cell, pen);
        }
        if let Some(cell) = self.cell(x + 1, y) {
            cell.set_symbol(OTHER_HALF);
            cell.diff_option = CellDiffOption::None;
            paint(cell, pen);
        }
        after
    }

    /// Blanks what would be left of wide characters when the cells from `first` to `last` are
    /// overwritten. The halves may lie outside this part of the screen.
    fn mend(&mut self, first: u16, y: u16, last: u16) {
        if y >= self.area.height || last >= self.area.width {
            return;
        }
        let width = usize::from(self.buffer.area.width);
        let row = usize::from(self.area.y + y) * width;
        let (first, last) = (usize::from(self.area.x + first), usize::from(self.area.x + last));
        let cells = &mut self.buffer.content;
        if first > 0 && cells[row + first].symbol() == OTHER_HALF {
            cells[row + first - 1].set_symbol(" ");
        }
        if last + 1 < width && cells[row + last + 1].symbol() == OTHER_HALF {
            cells[row + last + 1].set_symbol(" ");
        }
    }

    /// Draws a text; the column after it.
    pub fn text(&mut self, x: u16, y: u16, text: &str, pen: Pen) -> u16 {
        let mut x = x;
        for c in text.chars() {
            if x >= self.area.width {
                break;
            }
            x = self.put(x, y, c, pen);
        }
        x
    }

    /// Cells that a character takes here.
    fn cells_of(&self, c: char) -> u16 {
        // One that is not drawn as it is counts as the `?` that stands for it.
        Some(self.letters.cells(self.letters.of(c))).filter(|&cells| cells <= 2).unwrap_or(1)
    }

    /// Draws a text in `room` cells and fills the rest; cut with `…`. The column after the room.
    pub fn field(&mut self, x: u16, y: u16, room: u16, text: &str, pen: Pen) -> u16 {
        let end = x.saturating_add(room);
        let mut at = x;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let cells = self.cells_of(c);
            let rest = || chars.clone().any(|c| self.cells_of(c) > 0);
            if at + cells > end || (at + cells == end && rest()) {
                if at < end {
                    let dots = if self.glyphs == Glyphs::Ascii { '~' } else { '…' };
                    at = self.put(at, y, dots, pen);
                }
                break;
            }
            at = self.put(at, y, c, pen);
        }
        while at < end {
            at = self.put(at, y, ' ', pen);
        }
        end
    }

    /// Draws a text so that it ends before the column `end`, cut on its left; where it begins.
    pub fn right(&mut self, end: u16, y: u16, text: &str, pen: Pen) -> u16 {
        let cells = text.chars().fold(0, |sum: u16, c| sum.saturating_add(self.cells_of(c)));
        let start = end.saturating_sub(cells);
        self.text(start, y, text, pen);
        start
    }

    /// Fills an area with blanks.
    pub fn fill(&mut self, area: Rect, pen: Pen) {
        for y in area.y..area.bottom().min(self.area.height) {
            for x in area.x..area.right().min(self.area.width) {
                self.put(x, y, ' ', pen);
            }
        }
    }

    /// Puts a background under whatever has none.
    pub fn underlay(&mut self, background: Color) {
        for y in 0..self.area.height {
            for x in 0..self.area.width {
                if let Some(cell) = self.cell(x, y).filter(|cell| cell.bg == Color::Reset) {
                    cell.bg = background;
                }
            }
        }
    }

    /// Changes the look of what is drawn already.
    pub fn tint(&mut self, x: u16, y: u16, change: impl Fn(Pen) -> Pen) {
        if let Some(cell) = self.cell(x, y) {
            let pen = Pen { fg: cell.fg, bg: cell.bg, modifier: cell.modifier };
            paint(cell, change(pen));
        }
    }
}

/// The two half-width sound marks of katakana take one cell. ratatui-core 0.1.2 adds one to what
/// unicode-width 0.2.3 gives them already, and would pass over the cell after them.
fn diff_option(c: char) -> CellDiffOption {
    match c {
        '\u{ff9e}' | '\u{ff9f}' => CellDiffOption::ForcedWidth(NonZeroU16::MIN),
        _ => CellDiffOption::None,
    }
}

fn paint(cell: &mut Cell, pen: Pen) {
    cell.fg = pen.fg;
    cell.bg = pen.bg;
    cell.modifier = pen.modifier;
}

fn char_width(c: char) -> u16 {
    if (' '..='~').contains(&c) {
        return 1;
    }
    c.width().map_or(0, |cells| cells as u16)
}

/// Cells that a text takes.
#[must_use]
pub fn width(text: &str) -> u16 {
    // One that is not drawn as it is counts as the `?` that stands for it.
    let char_width = |c| Some(char_width(c)).filter(|&cells| cells <= 2).unwrap_or(1);
    if text.is_ascii() {
        return u16::try_from(text.len()).unwrap_or(u16::MAX);
    }
    text.chars().fold(0, |sum: u16, c| sum.saturating_add(char_width(c)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui_core::buffer::CellWidth;

    fn drawn(draw: impl FnOnce(&mut Canvas<'_>)) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 1));
        draw(&mut Canvas::new(&mut buffer, Glyphs::Braille));
        let mut text = String::new();
        let mut skip = 0;
        for cell in &buffer.content {
            if skip == 0 {
                text.push_str(cell.symbol());
                skip = cell.cell_width().max(1);
            }
            skip -= 1;
        }
        text
    }

    #[test]
    fn wide_characters_are_never_split() {
        let pen = Pen::default();
        let cases: &[(&str, u16, &str)] = &[
            ("abc", 5, "abc  |    "),
            ("abcdef", 5, "abcd…|    "),
            ("日本", 4, "日本|     "),
            ("日本語", 5, "日本…|    "),
            ("日本語", 4, "日… |     "),
            ("日本", 1, "…|        "),
            ("e\u{301}te", 3, "ete|      "),
            ("a", 0, "|         "),
        ];
        for (text, room, want) in cases {
            let got = drawn(|canvas| {
                let end = canvas.field(0, 0, *room, text, pen);
                assert_eq!(end, *room, "{text}");
                canvas.put(end, 0, '|', pen);
            });
            assert_eq!(got, *want, "{text} in {room}");
        }
    }

    #[test]
    fn letters_are_those_that_the_terminal_shows() {
        let pen = Pen::default();
        let cases: &[(Letters, &str, u16, &str)] = &[
            (Letters::All, "é–日", 5, "é–日 |     "),
            (Letters::Ascii, "é–日…", 5, "?-?~ |    "),
            (Letters::Ascii, "e\u{301}🦀", 5, "e?   |    "),
            // In fonts for East Asia ± is as wide as 日, and our dash would be too.
            (Letters::Wide, "±–日", 5, "± -日|     "),
            (Letters::Wide, "±±±", 4, "± ~ |     "),
            (Letters::Wide, "⣿±", 4, "⣿±  |     "),
        ];
        for &(letters, text, room, want) in cases {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 1));
            let mut canvas = Canvas::new(&mut buffer, Glyphs::Ascii).with(letters);
            let end = canvas.field(0, 0, room, text, pen);
            assert_eq!(end, room, "{text}");
            canvas.put(end, 0, '|', pen);
            // The other half of a wide character is a blank here, but for those of East Asia.
            let symbols = buffer.content.iter().map(|cell| cell.symbol());
            let got: String =
                symbols.map(|symbol| if symbol.is_empty() { " " } else { symbol }).collect();
            let got = got.replace("日 ", "日");
            assert_eq!(got.trim_end(), want.trim_end(), "{text} in {room}, {letters:?}");
        }
    }

    /// The diff and the canvas must agree on every character.
    #[test]
    fn every_character_takes_the_cells_that_the_diff_counts() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        for c in (' '..=char::MAX).filter(|c| char_width(*c) > 0) {
            let end = Canvas::new(&mut buffer, Glyphs::Braille).put(0, 0, c, Pen::default());
            assert_eq!(buffer[(0, 0)].cell_width(), end, "{c:?}");
        }
    }

    #[test]
    fn half_of_a_wide_character_is_mended() {
        let pen = Pen::default();
        let got = drawn(|canvas| {
            canvas.text(0, 0, "日本語", pen);
            canvas.put(1, 0, 'x', pen);
            canvas.text(3, 0, "字", pen);
        });
        assert_eq!(got, " x 字     ");
    }

    #[test]
    fn a_region_keeps_what_is_outside() {
        let pen = Pen::default();
        let got = drawn(|canvas| {
            canvas.text(0, 0, "..........", pen);
            let mut region = canvas.region(Rect::new(2, 0, 3, 9));
            region.text(0, 0, "abcdef", pen);
            region.text(1, 1, "zzz", pen);
            region.text(2, 0, "日", pen);
            canvas.region(Rect::new(90, 90, 3, 3)).text(0, 0, "no", pen);
        });
        assert_eq!(got, "..ab .....");
    }
}
