//! A page of lines that may be longer than the screen: only those on the screen are drawn.

use crate::tui::render::{Canvas, Rect};

/// Blanks between columns.
const GAP: u16 = 2;

/// Lines from top to bottom, some of them on the screen. Without a canvas they are only counted:
/// the layout has to know how long a page is before it is drawn.
pub struct Sheet<'a> {
    canvas: Option<Canvas<'a>>,
    top: usize,
    height: u16,
    all: u16,
    x: u16,
    width: u16,
    begin: usize,
    at: usize,
    longest: usize,
}

impl<'a> Sheet<'a> {
    /// Draws the lines from `top` on.
    #[must_use]
    pub fn new(canvas: Canvas<'a>, top: usize) -> Sheet<'a> {
        let (width, height) = (canvas.width(), canvas.height());
        Sheet { canvas: Some(canvas), top, ..Sheet::counting(width, height) }
    }

    /// Counts the lines of a page of that size.
    #[must_use]
    pub fn counting(width: u16, height: u16) -> Sheet<'a> {
        let (canvas, top, begin, at, longest) = (None, 0, 0, 0, 0);
        Sheet { canvas, top, height, all: width, x: 0, width, begin, at, longest }
    }

    /// Cells of a line.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Lines on the screen.
    #[must_use]
    pub fn height(&self) -> u16 {
        self.height
    }

    /// Lines that are left on an unscrolled screen, at least one.
    #[must_use]
    pub fn room(&self) -> usize {
        usize::from(self.height).saturating_sub(self.at).max(1)
    }

    /// Lines so far, those of the longest column.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.longest
    }

    /// One line.
    pub fn line(&mut self, draw: impl FnOnce(&mut Canvas<'_>)) {
        let place = self.at;
        self.gap();
        let Some(canvas) = &mut self.canvas else { return };
        let Some(y) = place.checked_sub(self.top).and_then(|y| u16::try_from(y).ok()) else {
            return;
        };
        if y < self.height {
            draw(&mut canvas.region(Rect::new(self.x, y, self.width, 1)));
        }
    }

    /// Several lines that make up one thing, such as a chart: drawn only where all of them are on
    /// the screen.
    pub fn block(&mut self, lines: u16, draw: impl FnOnce(&mut Canvas<'_>)) {
        let place = self.at;
        (0..lines).for_each(|_| self.gap());
        let Some(canvas) = &mut self.canvas else { return };
        let Some(y) = place.checked_sub(self.top).and_then(|y| u16::try_from(y).ok()) else {
            return;
        };
        if y.saturating_add(lines) <= self.height {
            draw(&mut canvas.region(Rect::new(self.x, y, self.width, lines)));
        }
    }

    /// A blank line.
    pub fn gap(&mut self) {
        self.at += 1;
        self.longest = self.longest.max(self.at);
    }

    /// A blank line between two parts: none at the top.
    pub fn part(&mut self) {
        if self.at > self.begin {
            self.gap();
        }
    }

    /// Lines from here on stand in the first column of several.
    pub fn columns(&mut self) {
        self.begin = self.longest;
    }

    /// Begins a column of that place and width, beside the one before.
    pub fn column(&mut self, x: u16, width: u16) {
        (self.x, self.at) = (x.min(self.all), self.begin);
        self.width = width.min(self.all - self.x);
    }

    /// Ends the columns: what follows stands below the longest.
    pub fn end_columns(&mut self) {
        (self.x, self.width, self.begin, self.at) = (0, self.all, self.longest, self.longest);
    }

    /// Columns that so many items stand in, and the cells of each, as [`Sheet::items`] has it.
    #[must_use]
    pub fn divide(&self, (count, narrowest, lines): (usize, u16, usize)) -> (usize, u16) {
        let most = usize::from((self.width + GAP) / (narrowest + GAP)).max(1);
        let columns = count.div_ceil(lines.max(1)).clamp(1, most);
        (columns, ((self.width + GAP) / columns as u16).saturating_sub(GAP))
    }

    /// Many of a kind, from top to bottom and then beside: in as few columns as fit into `lines`,
    /// each at least `narrowest` wide. The line before the first, of each column, is drawn by
    /// `head`, if it gives one.
    pub fn items(
        &mut self,
        (count, narrowest, lines): (usize, u16, usize),
        mut head: Option<&mut dyn FnMut(&mut Canvas<'_>)>,
        mut draw: impl FnMut(&mut Canvas<'_>, usize),
    ) {
        let (columns, each) = self.divide((count, narrowest, lines));
        let lines = count.div_ceil(columns);
        let area = |column: usize| Rect::new(column as u16 * (each + GAP), 0, each, 1);
        // Cutting into whole columns may leave the last ones empty.
        let used = count.div_ceil(lines.max(1));
        if let Some(head) = &mut head {
            self.line(|canvas| {
                for column in 0..used {
                    head(&mut canvas.region(area(column)));
                }
            });
        }
        for line in 0..lines {
            self.line(|canvas| {
                for column in 0..used {
                    let place = column * lines + line;
                    if place < count {
                        draw(&mut canvas.region(area(column)), place);
                    }
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::render::{Glyphs, Grid, Pen};

    fn page(sheet: &mut Sheet<'_>) {
        sheet.line(|canvas| {
            canvas.text(0, 0, "head", Pen::default());
        });
        sheet.columns();
        sheet.column(0, 4);
        for n in 0..5 {
            sheet.line(|canvas| {
                canvas.text(0, 0, &n.to_string(), Pen::default());
            });
        }
        sheet.column(5, 9);
        sheet.part();
        sheet.items((5, 1, 2), None, |canvas, place| {
            canvas.text(0, 0, &place.to_string(), Pen::default());
        });
        sheet.end_columns();
        sheet.line(|canvas| {
            canvas.text(0, 0, "foot", Pen::default());
        });
    }

    #[test]
    fn lines_are_counted_as_they_are_drawn() {
        let mut counted = Sheet::counting(14, 3);
        page(&mut counted);
        assert_eq!(counted.lines(), 7);
        let shown = |top| {
            let mut grid = Grid::new(14, 3);
            let mut sheet = Sheet::new(Canvas::new(&mut grid, Glyphs::Braille), top);
            page(&mut sheet);
            assert_eq!(sheet.lines(), 7);
            let rows: Vec<String> = (0..3).map(|y| grid.text(y).collect()).collect();
            rows.iter().map(|row| row.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(shown(0), "head\n0    0  2  4\n1    1  3");
        assert_eq!(shown(4), "3\n4\nfoot");
        assert_eq!(shown(99), "\n\n");
    }

    #[test]
    fn no_number_of_items_and_no_width_is_too_odd() {
        for count in [0, 1, 2, 7, 1000] {
            for (width, narrowest, lines) in [(0, 1, 0), (1, 9, 1), (300, 0, 3), (80, 26, 9)] {
                let mut sheet = Sheet::counting(width, 9);
                sheet.items((count, narrowest, lines), None, |_, _| {});
                assert!(sheet.lines() <= count);
            }
        }
    }
}
