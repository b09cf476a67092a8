//! Where panels draw: four calls (put, text, fill, region), clipped to an area.

use unicode_width::UnicodeWidthChar;

use super::grid::{Cell, Grid};
use super::pen::{Colour, Pen};
use super::rect::Rect;
use crate::tui::mouse::{Spot, Spots};

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
    grid: &'a mut Grid,
    area: Rect,
    glyphs: Glyphs,
    spots: Option<&'a mut Spots>,
    letters: Letters,
}

impl<'a> Canvas<'a> {
    /// The whole of a grid.
    #[must_use]
    pub fn new(grid: &'a mut Grid, glyphs: Glyphs) -> Canvas<'a> {
        let area = Rect::new(0, 0, grid.width(), grid.height());
        Canvas { grid, area, glyphs, spots: None, letters: Letters::All }
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
            grid: self.grid,
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

    /// The cells of a row of the whole screen, and where this part of it begins; `None` below this
    /// part.
    fn row(&mut self, y: u16) -> Option<(&mut [Cell], usize)> {
        let begin = usize::from(self.area.x);
        (y < self.area.height).then(|| (self.grid.row_mut(self.area.y + y), begin))
    }

    fn cell(&mut self, x: u16, y: u16) -> Option<&mut Cell> {
        if x >= self.area.width {
            return None;
        }
        let (row, begin) = self.row(y)?;
        row.get_mut(begin + usize::from(x))
    }

    /// Draws one character; the column after it. Control characters and characters without width
    /// draw nothing; a wide one that does not fit becomes blank.
    pub fn put(&mut self, x: u16, y: u16, c: char, pen: Pen) -> u16 {
        let c = self.letters.of(c);
        let (c, cells) = match self.letters.cells(c) {
            0 => return x,
            2 if x.saturating_add(2) > self.area.width => (' ', 1),
            cells @ 1..=2 => (c, cells),
            // One vowel sign of Khmer takes three; no terminal agrees with another on it.
            _ => ('?', 1),
        };
        if x >= self.area.width {
            return x.saturating_add(1);
        }
        if let Some((row, begin)) = self.row(y) {
            let first = begin + usize::from(x);
            let last = first + usize::from(cells) - 1;
            mend(row, first, last);
            row[first] = Cell::new(c, cells as u8, pen);
            row[first + 1..=last].fill(Cell::other_half(pen));
        }
        x + cells
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
    pub fn underlay(&mut self, background: Colour) {
        for y in 0..self.area.height {
            for x in 0..self.area.width {
                self.tint(x, y, |pen| match pen.bg {
                    Colour::Reset => pen.on(background),
                    _ => pen,
                });
            }
        }
    }

    /// Changes the look of what is drawn already.
    pub fn tint(&mut self, x: u16, y: u16, change: impl Fn(Pen) -> Pen) {
        if let Some(cell) = self.cell(x, y) {
            *cell = cell.with(change(cell.pen()));
        }
    }
}

/// Blanks what would be left of wide characters when the cells from `first` to `last` are
/// overwritten. The halves may lie outside the part of the screen that is drawn in.
fn mend(row: &mut [Cell], first: usize, last: usize) {
    if first > 0 && row[first].width() == 0 {
        row[first - 1] = Cell::new(' ', 1, row[first - 1].pen());
    }
    if let Some(after) = row.get_mut(last + 1).filter(|cell| cell.width() == 0) {
        *after = Cell::new(' ', 1, after.pen());
    }
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

    fn drawn(draw: impl FnOnce(&mut Canvas<'_>)) -> String {
        let mut grid = Grid::new(10, 1);
        draw(&mut Canvas::new(&mut grid, Glyphs::Braille));
        grid.text(0).collect()
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
            (Letters::Wide, "±–日", 5, "±-日|"),
            (Letters::Wide, "±±±", 4, "±~ |"),
            (Letters::Wide, "⣿±", 4, "⣿± |"),
        ];
        for &(letters, text, room, want) in cases {
            let mut grid = Grid::new(10, 1);
            let mut canvas = Canvas::new(&mut grid, Glyphs::Ascii).with(letters);
            let end = canvas.field(0, 0, room, text, pen);
            assert_eq!(end, room, "{text}");
            canvas.put(end, 0, '|', pen);
            let got: String = grid.text(0).collect();
            assert_eq!(got.trim_end(), want.trim_end(), "{text} in {room}, {letters:?}");
        }
    }

    /// What is drawn and what is counted are the same, for every character.
    #[test]
    fn every_character_takes_the_cells_that_it_is_said_to_take() {
        let mut grid = Grid::new(4, 1);
        for c in (' '..=char::MAX).filter(|c| char_width(*c) > 0) {
            grid.clear();
            let end = Canvas::new(&mut grid, Glyphs::Braille).put(0, 0, c, Pen::default());
            assert_eq!(
                (grid[(0, 0)].width(), end),
                (width(c.encode_utf8(&mut [0; 4])), end),
                "{c:?}"
            );
            assert_eq!(grid[(end, 0)], Cell::BLANK, "{c:?}");
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
