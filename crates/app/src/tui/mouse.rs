//! The mouse: what a click on a part of the screen means.
//!
//! Whoever draws something that can be clicked says so while drawing it, on the same canvas, so that
//! what is clicked is what is seen: [`Canvas::spot`](super::render::Canvas::spot).

use retop_model::Field;

use super::app::{App, Effect};
use super::dialog::Overlay;
use super::input::{Mouse, MouseKind};
use super::keys::{Action, Mode};
use super::page::Page;
use super::render::Rect;
use super::rewind::{LEFT, RIGHT};
use super::table::Who;
use super::table::column::Col;
use super::{Control, history};

/// Rows that a notch of the wheel moves.
const NOTCH: isize = 3;
/// Spots of a screen at most: rows, heads, boxes and keys of the largest are fewer.
const MOST: usize = 512;

/// What a click does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The same as a key of that action.
    Do(Action),
    /// Opens that page, as its digit does.
    Page(Page),
    /// Puts the cursor on that line of the table; again opens it.
    Row(Who),
    /// Puts the cursor on that line of a page; again opens it.
    Line(usize),
    /// Sorts by that column; again turns the order round.
    Head(Col),
    /// The same for control groups, by name if by nothing.
    GroupHead(Option<Field>),
    /// Shows those columns.
    Set(usize),
    /// Shows that tab of a dialog.
    Tab(usize),
    /// Puts the cursor of a list there; again takes it.
    Choice(usize),
    /// Goes to the moment that was drawn there. The newest sample stands at the right edge, two in a
    /// cell if `pairs`.
    Chart {
        /// A cell has two samples.
        pairs: bool,
    },
    /// Moves in time, also while the button is held.
    Scrubber,
    /// Closes the dialog that lies before it.
    Behind,
    /// Nothing; and it hides what lies below.
    Cover,
}

/// What can be clicked on the screen that was drawn last.
#[derive(Debug)]
pub struct Spots(Vec<(Rect, Spot)>);

impl Default for Spots {
    fn default() -> Spots {
        Spots(Vec::with_capacity(MOST))
    }
}

impl Spots {
    /// Forgets all: another screen is drawn.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds one. What is drawn later lies above.
    pub fn add(&mut self, area: Rect, spot: Spot) {
        if self.0.len() < MOST && !area.is_empty() {
            self.0.push((area, spot));
        }
    }

    /// What lies there, and where it is.
    #[must_use]
    pub fn at(&self, x: u16, y: u16) -> Option<(Rect, Spot)> {
        self.0.iter().rev().find(|(area, _)| area.contains(x, y)).copied()
    }
}

impl App {
    /// Takes what the mouse did; `None` if that changed nothing. `spots` are those of the screen
    /// that the person saw.
    pub fn mouse(&mut self, mouse: Mouse, spots: &Spots, control: &dyn Control) -> Option<Effect> {
        match mouse.kind {
            MouseKind::Wheel { up } => self.wheel(if up { -NOTCH } else { NOTCH }),
            MouseKind::Press => {
                let (area, spot) = spots.at(mouse.x, mouse.y)?;
                self.click(area, spot, mouse.x, control)
            }
            MouseKind::Drag => {
                let area = self.dragged?;
                self.seek(area, mouse.x)
            }
            MouseKind::Release => {
                self.dragged.take()?;
                Some(Effect::Drag(false))
            }
        }
    }

    fn wheel(&mut self, rows: isize) -> Option<Effect> {
        match self.mode() {
            Mode::Menu
            | Mode::Columns
            | Mode::Setup
            | Mode::Checks
            | Mode::Palette
            | Mode::Help => {
                self.overlay.step(rows, self.table.shown_set().seats.len());
            }
            _ if self.pages.page.is_sheet() => {
                let action = if rows < 0 { Action::ScrollUp } else { Action::ScrollDown };
                let now = self.now.clone()?;
                for _ in 0..rows.abs() {
                    self.pages.travel(&now, action);
                }
            }
            _ => {
                let now = self.now.clone()?;
                self.table.scroll(&now, rows);
            }
        }
        Some(Effect::Draw)
    }

    fn click(&mut self, area: Rect, spot: Spot, x: u16, control: &dyn Control) -> Option<Effect> {
        // What was typed is kept, as Enter keeps it: the click is about something else.
        let typing = self.mode() == Mode::Line && !matches!(self.overlay, Overlay::Setup(_));
        if typing && !matches!(spot, Spot::Do(_)) {
            self.perform(Action::LineAccept, control);
        }
        let mode = self.mode();
        let on_screen = matches!(mode, Mode::Live | Mode::Rewind | Mode::Pane);
        match spot {
            // A second click may come before the screen is drawn that the first one asked for.
            Spot::Do(action) => {
                let of = action.binding().mode;
                if of != mode && mode.base() != Some(of) {
                    return None;
                }
                return self.perform(action, control);
            }
            Spot::Choice(at) => {
                let again = self.overlay.point(at)?;
                let action = match self.overlay {
                    Overlay::Sort(_) | Overlay::Io(_) | Overlay::Users(_) | Overlay::Setup(_) => {
                        Action::MenuAccept
                    }
                    Overlay::Columns(_) => Action::ColumnShow,
                    Overlay::Cpus(_) => Action::CheckToggle,
                    Overlay::Palette(_) => Action::LineAccept,
                    // A signal is never sent by a click on a line: its button is on the edge.
                    _ => return Some(Effect::Draw),
                };
                if again {
                    return self.perform(action, control);
                }
            }
            Spot::Tab(place) => {
                if let Overlay::Setup(setup) = &mut self.overlay {
                    (setup.tab, setup.at) = (place, 0);
                }
            }
            Spot::Behind => {
                return match mode {
                    Mode::Menu | Mode::Columns | Mode::Setup => {
                        self.perform(Action::MenuClose, control)
                    }
                    Mode::Checks => self.perform(Action::CheckClose, control),
                    Mode::Palette => self.perform(Action::LineDrop, control),
                    Mode::Help => self.perform(Action::HelpClose, control),
                    _ => None,
                };
            }
            Spot::Cover => return None,
            _ if !on_screen => return None,
            Spot::Page(page) => return self.perform(page.action(), control),
            Spot::Row(who) => {
                let now = self.now.clone()?;
                if self.table.point(&now, who) {
                    return self.perform(Action::Details, control);
                }
                if self.details.is_some() {
                    self.details = self.table.selected();
                }
            }
            Spot::Line(line) => {
                let now = self.now.clone()?;
                if self.pages.cursor == line {
                    return self.perform(Action::Details, control);
                }
                self.pages.point(&now, line);
            }
            Spot::Head(col) => self.sort_by(col),
            Spot::GroupHead(by) => self.sort_groups_by(by),
            Spot::Set(place) => {
                self.table.set = place.min(self.table.sets.len().saturating_sub(1));
                self.sort();
            }
            Spot::Chart { pairs } => {
                let back = usize::from((area.right() - 1).checked_sub(x)?);
                let moment_ns = self.past().moment_of_cell(back, pairs)?;
                self.message = None;
                self.look_at(moment_ns);
            }
            Spot::Scrubber => {
                self.message = None;
                self.dragged = Some(area);
                self.seek(area, x);
                return Some(Effect::Drag(true));
            }
        }
        self.message = self.message.take().filter(|_| matches!(spot, Spot::Chart { .. }));
        Some(Effect::Draw)
    }

    /// Goes to the moment of that column of the scrubber; beyond its ends to its ends.
    fn seek(&mut self, area: Rect, x: u16) -> Option<Effect> {
        let rewind = self.rewind.as_ref()?;
        let first = area.x + LEFT;
        let last = area.right().checked_sub(RIGHT + 1).filter(|&last| last >= first)?;
        let wall_ms = rewind.window.moment(x.clamp(first, last) - first);
        self.look_at_wall(wall_ms);
        Some(Effect::Draw)
    }
}

impl history::History {
    /// The moment drawn that many cells before the right edge of a chart, the newest of a cell.
    #[must_use]
    pub fn moment_of_cell(&self, back: usize, pairs: bool) -> Option<u64> {
        self.moment_ago(self.cpu.newest_in(back, pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_later_lies_above() {
        let mut spots = Spots::default();
        assert_eq!(spots.at(0, 0), None);
        spots.add(Rect::new(0, 0, 10, 10), Spot::Behind);
        spots.add(Rect::new(2, 2, 3, 1), Spot::Cover);
        spots.add(Rect::new(4, 4, 0, 3), Spot::Scrubber);
        for ((x, y), wanted) in [
            ((0, 0), Some(Spot::Behind)),
            ((2, 2), Some(Spot::Cover)),
            ((4, 2), Some(Spot::Cover)),
            ((5, 2), Some(Spot::Behind)),
            ((4, 4), Some(Spot::Behind)),
            ((10, 2), None),
            ((u16::MAX, u16::MAX), None),
        ] {
            assert_eq!(spots.at(x, y).map(|(_, spot)| spot), wanted, "{x},{y}");
        }
        for _ in 0..2 * MOST {
            spots.add(Rect::new(0, 0, 1, 1), Spot::Cover);
        }
        assert_eq!(spots.0.len(), MOST);
        spots.clear();
        assert_eq!(spots.at(0, 0), None);
    }
}
