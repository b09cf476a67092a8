//! Rows that have moved up or down together: the terminal moves them with a few bytes.
//!
//! When a process gets ahead of others in the table, the rows between move by one. Written anew
//! they are the most of a frame.

use super::cursor::sequence;
use super::grid::{Cell, Grid};

/// Rows from `top` to `bottom`, both included, that move by so many rows, down if positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    top: u16,
    bottom: u16,
    by: i16,
}

/// Rows farther than this are not looked for.
const FARTHEST: i16 = 3;
/// A row with fewer changed cells has not moved: its numbers have.
const MOVED: u16 = 16;
/// Cells that a movement has to save, each about a byte: the sequences take 20.
const WORTH: i32 = 40;

impl Shift {
    /// The movement that saves the most, if any is worth it. `changed` has the number of changed
    /// cells of each row.
    #[must_use]
    pub fn find(before: &Grid, now: &Grid, changed: &[u16]) -> Option<Shift> {
        if changed.iter().filter(|&&cells| cells >= MOVED).count() < 2 {
            return None;
        }
        let mut best = None;
        let mut most = WORTH;
        for by in (-FARTHEST..=FARTHEST).filter(|&by| by != 0) {
            let mut saved = 0;
            let mut start = 0;
            for y in 0..now.height() {
                let from = i32::from(y) - i32::from(by);
                let here = changed.get(usize::from(y)).copied().unwrap_or(0);
                if here < MOVED || from < 0 || from >= i32::from(now.height()) {
                    saved = 0;
                    continue;
                }
                let other = differing(before.row(from as u16), now.row(y));
                let gain = i32::from(here) - i32::from(other);
                if saved <= 0 {
                    (saved, start) = (0, y);
                }
                saved += gain;
                let shift = Shift::over(start, y, by);
                let net = saved - shift.blanked(now, changed);
                if net > most {
                    (most, best) = (net, Some(shift));
                }
            }
        }
        best
    }

    /// The rows that take part when rows `first` to `last` come from `by` rows away.
    fn over(first: u16, last: u16, by: i16) -> Shift {
        let rows = by.unsigned_abs();
        if by > 0 {
            Shift { top: first - rows, bottom: last, by }
        } else {
            Shift { top: first, bottom: last + rows, by }
        }
    }

    /// The rows that are blank after it.
    fn left(self) -> std::ops::RangeInclusive<u16> {
        let rows = self.by.unsigned_abs();
        if self.by > 0 {
            self.top..=self.top + rows - 1
        } else {
            self.bottom + 1 - rows..=self.bottom
        }
    }

    /// Cells that have to be written because they are blank after it, less those that would have
    /// been written anyway.
    fn blanked(self, now: &Grid, changed: &[u16]) -> i32 {
        self.left()
            .map(|y| {
                let written = now.row(y).iter().filter(|cell| !cell.is_blank()).count();
                written as i32 - i32::from(changed.get(usize::from(y)).copied().unwrap_or(0))
            })
            .sum()
    }

    /// Lets the terminal do it. The style is the default one; where the cursor stands afterwards
    /// is for terminals to choose.
    pub fn write(self, bytes: &mut Vec<u8>) {
        sequence(bytes, &[self.top + 1, self.bottom + 1], b'r');
        if self.by > 0 {
            sequence(bytes, &[self.top + 1], b'H');
            // At the top of the region it moves the rows.
            (0..self.by).for_each(|_| bytes.extend_from_slice(b"\x1bM"));
        } else {
            sequence(bytes, &[self.bottom + 1], b'H');
            (self.by..0).for_each(|_| bytes.push(b'\n'));
        }
        bytes.extend_from_slice(b"\x1b[r");
    }

    /// Does the same to what the terminal shows.
    pub fn apply(self, shown: &mut Grid) {
        let cells = usize::from(self.by.unsigned_abs()) * usize::from(shown.width());
        let rows = shown.rows_mut(self.top, self.bottom);
        if self.by > 0 {
            rows.rotate_right(cells);
            rows[..cells].fill(Cell::BLANK);
        } else {
            rows.rotate_left(cells);
            let rest = rows.len() - cells;
            rows[rest..].fill(Cell::BLANK);
        }
    }
}

fn differing(a: &[Cell], b: &[Cell]) -> u16 {
    a.iter().zip(b).filter(|(a, b)| a != b).count() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(before: &[&str], now: &[&str]) -> Option<(u16, u16, i16)> {
        let (before, now) = (Grid::with_lines(before), Grid::with_lines(now));
        let changed: Vec<u16> =
            (0..now.height()).map(|y| differing(before.row(y), now.row(y))).collect();
        Shift::find(&before, &now, &changed).map(|shift| (shift.top, shift.bottom, shift.by))
    }

    #[test]
    fn rows_that_moved_are_found() {
        let a = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let b = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
        let c = "cccccccccccccccccccccccccccccccccccccccc";
        let d = "dddddddddddddddddddddddddddddddddddddddd";
        let n = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";
        let cases = [
            // One gets ahead of three.
            ([a, b, c, d], [d, a, b, c], Some((0, 3, 1))),
            // One falls behind.
            ([a, b, c, d], [b, c, d, a], Some((0, 3, -1))),
            ([a, b, c, d], [a, n, b, c], Some((1, 3, 1))),
            ([a, b, c, d], [c, d, n, n], Some((0, 3, -2))),
            // Two that change places are not worth it.
            ([a, b, c, d], [b, a, c, d], None),
            ([a, b, c, d], [a, b, c, d], None),
            ([a, b, c, d], [n, n, n, n], None),
        ];
        for (before, now, wanted) in cases {
            assert_eq!(found(&before, &now), wanted, "{now:?}");
        }
    }
}
