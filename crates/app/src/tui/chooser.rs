//! Choosing the columns of the set on the screen: the table shows each change at once.

use super::app::{App, Message};
use super::dialog::Overlay;
use super::keys::Action;
use super::table::column::{Col, MOST};
use super::table::set::{Seat, Set};
use crate::columns;

/// The columns of a set, and those that it could have.
#[derive(Clone, Debug)]
pub struct Chooser {
    /// The line under the cursor.
    pub at: usize,
    /// Every column but the command, those of the set first, and whether it is shown.
    pub lines: Vec<(Seat, bool)>,
    /// The set as it was.
    pub before: Set,
}

impl Chooser {
    /// Begins with the columns that the set has.
    #[must_use]
    pub fn new(set: &Set) -> Chooser {
        let shown = set.seats.iter().filter(|seat| seat.col != Col::COMMAND);
        let mut lines: Vec<(Seat, bool)> = shown.map(|&seat| (seat, true)).collect();
        let others = Col::all().filter(|&col| col != Col::COMMAND && set.position(col).is_none());
        lines.extend(others.map(|col| (Seat::of(col), false)));
        Chooser { at: 0, lines, before: set.clone() }
    }

    /// Shows or hides the column under the cursor. One that was shown on wide screens alone and is
    /// asked for again is shown on all.
    pub fn toggle(&mut self) {
        let room = self.lines.iter().filter(|(_, shown)| *shown).count() < MOST - 1;
        if let Some((seat, shown)) = self.lines.get_mut(self.at) {
            *shown = !*shown && room;
            if *shown {
                *seat = Seat::of(seat.col);
            }
        }
    }

    /// Moves the column under the cursor, and the cursor with it.
    pub fn carry(&mut self, down: bool) {
        let to = if down { self.at + 1 } else { self.at.wrapping_sub(1) };
        if to < self.lines.len() {
            self.lines.swap(self.at, to);
            self.at = to;
        }
    }

    /// The set as it is now.
    #[must_use]
    pub fn set(&self) -> Set {
        let shown = self.lines.iter().filter(|(_, shown)| *shown);
        let seats = shown.map(|&(seat, _)| seat).collect();
        Set { name: self.before.name.clone(), seats }.ended()
    }
}

impl App {
    /// Takes another set of columns in place of the one on the screen.
    pub(super) fn put_set(&mut self, set: Set) {
        if let Some(shown) = self.table.sets.get_mut(self.table.set) {
            *shown = set;
        }
    }

    /// Changes the columns of the set on the screen.
    pub(super) fn choose(&mut self, action: Action) {
        let Overlay::Columns(chooser) = &mut self.overlay else { return };
        match action {
            Action::ColumnShow => chooser.toggle(),
            Action::ColumnLeft | Action::ColumnRight => {
                chooser.carry(action == Action::ColumnRight);
            }
            _ => {
                let set = chooser.set();
                self.overlay = Overlay::None;
                return self.save_set(&set);
            }
        }
        let set = chooser.set();
        self.put_set(set);
    }

    fn save_set(&mut self, set: &Set) {
        let kept = match &self.config_file {
            Some(path) => columns::save(path, set).map(|()| path.display().to_string()),
            None => Err("there is no folder for a config.toml: set XDG_CONFIG_HOME".to_owned()),
        };
        self.message = Some(match kept {
            Ok(path) => {
                Message { text: format!("columns of {} kept in {path}", set.name), wrong: false }
            }
            Err(text) => Message { text, wrong: true },
        });
    }

    pub(super) fn sort_by(&mut self, col: Col) {
        self.table.sort_by(col);
        self.table.hold = false;
        self.sort();
    }

    /// Sorts by the next of those columns in turn that are on the screen.
    pub(super) fn sort_in_turn(&mut self) {
        let (placed, count) = self.table.columns(self.room_of_columns(), |_| 0);
        let is_shown =
            |col: &Col| placed[..count].iter().flatten().any(|placed| placed.col == *col);
        let at = Col::IN_TURN.iter().position(|&col| col == self.table.sort);
        let behind = at.map_or(0, |at| at + 1);
        let mut turn = Col::IN_TURN.iter().cycle().skip(behind).take(Col::IN_TURN.len());
        if let Some(&next) = turn.find(|col| is_shown(col)) {
            self.sort_by(next);
        }
    }

    pub(super) fn sort_beside(&mut self, by: isize) {
        // Of the columns that are on the screen: what nobody sees sorts nothing.
        let (placed, count) = self.table.columns(self.room_of_columns(), |_| 0);
        let shown = || placed[..count].iter().flatten().map(|placed| placed.col);
        let at = shown().position(|col| col == self.table.sort);
        let next = at.map_or(0, |at| at.saturating_add_signed(by).min(count.saturating_sub(1)));
        let next = shown().nth(next);
        if let Some(next) = next.filter(|&next| next != self.table.sort) {
            self.sort_by(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::table::set::builtin;

    fn names(set: &Set) -> Vec<String> {
        set.seats.iter().map(|seat| seat.text()).collect()
    }

    #[test]
    fn columns_are_shown_hidden_and_moved() {
        let set = Set::read("x", ["pid", "nice@150", "cpu"]).expect("valid");
        let mut chooser = Chooser::new(&set);
        assert_eq!(chooser.set(), set, "nothing changed as yet");
        assert_eq!(chooser.lines.len(), Col::all().count() - 1);
        chooser.carry(true);
        assert_eq!(names(&chooser.set()), ["nice@150", "pid", "cpu", "cmd"]);
        chooser.carry(false);
        chooser.carry(false);
        chooser.toggle();
        assert_eq!(names(&chooser.set()), ["nice@150", "cpu", "cmd"]);
        chooser.at = 1;
        chooser.toggle();
        chooser.toggle();
        assert_eq!(names(&chooser.set()), ["nice", "cpu", "cmd"]);
        chooser.at = chooser.lines.len() - 1;
        chooser.carry(true);
        chooser.toggle();
        assert_eq!(chooser.set().seats.len(), 4);
        assert_eq!(chooser.before, set);
    }

    #[test]
    fn no_set_grows_past_what_a_row_can_hold() {
        let mut chooser = Chooser::new(&builtin()[0]);
        for at in 0..chooser.lines.len() {
            chooser.at = at;
            if !chooser.lines[at].1 {
                chooser.toggle();
            }
        }
        assert_eq!(chooser.set().seats.len(), MOST);
    }
}
