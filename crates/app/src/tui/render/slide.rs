//! A part of a row that has moved to the left by a cell: a chart that goes on. The terminal moves it
//! with a few bytes.
//!
//! A chart of 40 cells whose values differ takes 120 bytes a row when it is written anew; deleting a
//! character at its left and inserting one at its right takes 20. What stands beside it goes to the
//! left and comes back.

use super::cursor::sequence;
use super::grid::{Cell, Grid};

/// Cells from `from` to `to`, the latter not included, show what stood one further to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slide {
    y: u16,
    from: u16,
    to: u16,
}

/// Bytes that a movement takes: two places, two sequences.
const COST: usize = 20;
/// A row with fewer changed cells is not looked at.
pub const LEAST: u16 = 6;

impl Slide {
    /// The movement that saves the most in that row, if any is worth it.
    #[must_use]
    pub fn find(before: &Grid, now: &Grid, y: u16) -> Option<Slide> {
        let (was, is) = (before.row(y), now.row(y));
        let mut best = None;
        let mut most = COST;
        let mut x = 0;
        while x + 1 < is.len() {
            // The first and the last changed cell of a stretch that has moved, and what it saves.
            let (mut first, mut last, mut saved) = (None, x, 0);
            while x + 1 < is.len() && is[x] == was[x + 1] {
                if is[x] != was[x] {
                    first = first.or(Some(x));
                    last = x;
                    saved += is[x].symbol().len_utf8();
                }
                x += 1;
            }
            if let Some(first) = first
                && saved > most
                // Terminals differ in what becomes of half a wide character.
                && was[first..].iter().all(|cell| cell.width() == 1)
            {
                (most, best) = (saved, Some((first, last + 1)));
            }
            x += 1;
        }
        best.map(|(from, to)| Slide { y, from: from as u16, to: to as u16 })
    }

    /// Lets the terminal do it. The style is the default one.
    pub fn write(self, bytes: &mut Vec<u8>) {
        sequence(bytes, &[self.y + 1, self.from + 1], b'H');
        bytes.extend_from_slice(b"\x1b[P");
        sequence(bytes, &[self.to + 1], b'G');
        bytes.extend_from_slice(b"\x1b[@");
    }

    /// Does the same to what the terminal shows.
    pub fn apply(self, shown: &mut Grid) {
        let cells = &mut shown.row_mut(self.y)[usize::from(self.from)..=usize::from(self.to)];
        cells.rotate_left(1);
        cells.last_mut().into_iter().for_each(|cell| *cell = Cell::BLANK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(was: &str, is: &str) -> Option<(u16, u16)> {
        let (before, now) = (Grid::with_lines(&[was]), Grid::with_lines(&[is]));
        Slide::find(&before, &now, 0).map(|slide| (slide.from, slide.to))
    }

    #[test]
    fn charts_that_moved_are_found() {
        let cases = [
            ("│⣀⣄⣤⣴⣶⣷⣿⣷│ 12%", "│⣄⣤⣴⣶⣷⣿⣷⣀│ 13%", Some((1, 8))),
            // Two in a row: the longer one.
            ("⣀⣄⣤⣴⣶⣷⣿⣷⣀⣄│⣀⣄⣤⣴⣶⣷⣿⣷", "⣄⣤⣴⣶⣷⣿⣷⣀⣄⣀│⣄⣤⣴⣶⣷⣿⣷⣿", Some((0, 9))),
            // What is flat costs nothing.
            ("⣀⣀⣀⣀⣀⣀⣀⣀⣀⣿", "⣀⣀⣀⣀⣀⣀⣀⣀⣿⣀", None),
            ("abcdefgh", "bcdefghi", None),
            // Nothing wide may stand behind.
            ("⣀⣄⣤⣴⣶⣷⣿⣷ 日本", "⣄⣤⣴⣶⣷⣿⣷⣀ 日本", None),
            ("⣀⣄⣤⣴⣶⣷⣿⣷", "⣀⣄⣤⣴⣶⣷⣿⣷", None),
        ];
        for (was, is, wanted) in cases {
            assert_eq!(found(was, is), wanted, "{is}");
        }
    }
}
