//! The cells of a frame.
//!
//! A cell has one character and is a few plain numbers, so that all cells of a large terminal are
//! blanked, painted and compared in a part of what a text in each would cost: of 12,000 cells, 150
//! KB and not 600.

use super::pen::{Colour, Modifier, Pen};

/// What one cell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    symbol: char,
    width: u8,
    modifier: Modifier,
    fg: Packed,
    bg: Packed,
}

// Two frames of 200x60 in 400 KB.
const _: () = assert!(size_of::<Cell>() <= 16);

/// A colour that compares as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed(u32);

const INDEXED: u32 = 1 << 24;
const RGB: u32 = 2 << 24;

impl From<Colour> for Packed {
    fn from(colour: Colour) -> Packed {
        Packed(match colour {
            Colour::Reset => 0,
            Colour::Indexed(index) => INDEXED | u32::from(index),
            Colour::Rgb(r, g, b) => RGB | u32::from_be_bytes([0, r, g, b]),
        })
    }
}

impl From<Packed> for Colour {
    fn from(Packed(number): Packed) -> Colour {
        let [kind, r, g, b] = number.to_be_bytes();
        match kind {
            0 => Colour::Reset,
            1 => Colour::Indexed(b),
            _ => Colour::Rgb(r, g, b),
        }
    }
}

impl Cell {
    /// A blank in the terminal's own colours.
    pub const BLANK: Cell =
        Cell { symbol: ' ', width: 1, modifier: Modifier::empty(), fg: Packed(0), bg: Packed(0) };

    /// That character in so many cells, one or two.
    #[must_use]
    pub fn new(symbol: char, width: u8, pen: Pen) -> Cell {
        Cell { symbol, width, ..Cell::BLANK }.with(pen)
    }

    /// The cell under the second half of a wide character. It equals no other cell, so that whatever
    /// comes there after the wide character has gone is written: terminals disagree on how they
    /// blank the half that is left.
    #[must_use]
    pub fn other_half(pen: Pen) -> Cell {
        Cell::new('\0', 0, pen)
    }

    /// The character; of no use where [`Cell::width`] is 0.
    #[must_use]
    pub fn symbol(self) -> char {
        self.symbol
    }

    /// Cells that it takes: 0 under the second half of a wide one.
    #[must_use]
    pub fn width(self) -> u16 {
        u16::from(self.width)
    }

    /// True if there is nothing but the background.
    #[must_use]
    pub fn is_blank(self) -> bool {
        self.symbol == ' '
    }

    /// How it looks.
    #[must_use]
    pub fn pen(self) -> Pen {
        Pen { fg: self.fg.into(), bg: self.bg.into(), modifier: self.modifier }
    }

    /// The same character with another look.
    #[must_use]
    pub fn with(self, pen: Pen) -> Cell {
        Cell { fg: pen.fg.into(), bg: pen.bg.into(), modifier: pen.modifier, ..self }
    }
}

/// Cells in rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    width: u16,
    height: u16,
    cells: Vec<Cell>,
}

impl Grid {
    /// Blanks.
    #[must_use]
    pub fn new(width: u16, height: u16) -> Grid {
        let mut grid = Grid::default();
        grid.resize(width, height);
        grid
    }

    /// Cells in a row.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u16 {
        self.height
    }

    /// Blanks of another size.
    pub fn resize(&mut self, width: u16, height: u16) {
        (self.width, self.height) = (width, height);
        self.cells.clear();
        self.cells.resize(usize::from(width) * usize::from(height), Cell::BLANK);
    }

    /// Blanks everything.
    pub fn clear(&mut self) {
        self.cells.fill(Cell::BLANK);
    }

    /// A row.
    #[must_use]
    pub fn row(&self, y: u16) -> &[Cell] {
        &self.cells[self.place(0, y)..self.place(0, y + 1)]
    }

    /// Those lines, for tests.
    #[cfg(test)]
    pub fn with_lines(lines: &[&str]) -> Grid {
        let width = lines.iter().map(|line| super::width(line)).max().unwrap_or(0);
        let mut grid = Grid::new(width, lines.len() as u16);
        let mut canvas = super::Canvas::new(&mut grid, super::Glyphs::Braille);
        for (y, line) in (0..).zip(lines) {
            canvas.text(0, y, line, Pen::default());
        }
        grid
    }

    /// A row, to be changed.
    pub fn row_mut(&mut self, y: u16) -> &mut [Cell] {
        self.rows_mut(y, y)
    }

    /// The cells of the rows from one to another, both included.
    pub fn rows_mut(&mut self, first: u16, last: u16) -> &mut [Cell] {
        let places = self.place(0, first)..self.place(0, last + 1);
        &mut self.cells[places]
    }

    /// All rows from the top.
    pub fn rows(&self) -> impl Iterator<Item = &[Cell]> {
        (0..self.height).map(|y| self.row(y))
    }

    fn place(&self, x: u16, y: u16) -> usize {
        usize::from(y) * usize::from(self.width) + usize::from(x)
    }

    /// A row as text: each wide character once.
    pub fn text(&self, y: u16) -> impl Iterator<Item = char> {
        self.row(y).iter().filter(|cell| cell.width > 0).map(|cell| cell.symbol)
    }
}

impl std::ops::Index<(u16, u16)> for Grid {
    type Output = Cell;
    fn index(&self, (x, y): (u16, u16)) -> &Cell {
        &self.row(y)[usize::from(x)]
    }
}
