//! The table of processes: its columns, the order of its rows, and where the cursor stands.

pub mod column;
pub mod order;
pub mod set;

use retop_model::{FamilyId, Key, Snapshot};

use self::column::{Col, Status};
use self::order::{Line, Order};
use self::set::Set;
use super::filter::Filter;

/// How the table is shown.
#[derive(Debug)]
pub struct Table {
    /// The rows in order.
    pub order: Order,
    /// Every set of columns.
    pub sets: Vec<Set>,
    /// The one on the screen.
    pub set: usize,
    /// The column that rows are sorted by.
    pub sort: Col,
    /// The column that decides among equals: what they were sorted by before.
    pub then: Col,
    /// Largest first.
    pub descending: bool,
    /// Children below their parents.
    pub tree: bool,
    /// The filter in force.
    pub filter: Option<Filter>,
    /// Threads of the kernel are shown.
    pub kernel: bool,
    /// Rows stay where they are.
    pub hold: bool,
    /// The cursor stays on its process.
    pub follow: bool,
    /// Processes tagged.
    pub tagged: Vec<Key>,
    /// Processes whose children are folded away.
    pub folded: Vec<Key>,
    /// Commands in full, or names alone.
    pub full_commands: bool,
    /// CPU% of the whole machine instead of one core.
    pub whole_machine: bool,
    /// Cells by which commands are scrolled.
    pub shift: usize,
    /// The line under the cursor.
    pub cursor: usize,
    /// The first line on the screen.
    pub top: usize,
    /// Lines on the screen, as of the last layout.
    pub page: usize,
    /// Digits of the largest process number seen.
    pub pid_digits: u16,
    selected: Option<Key>,
}

impl Default for Table {
    fn default() -> Self {
        Table {
            order: Order::default(),
            sets: set::builtin(),
            set: 0,
            sort: Col::CPU,
            then: Col::RESIDENT,
            descending: true,
            tree: false,
            filter: None,
            kernel: true,
            hold: false,
            follow: false,
            tagged: Vec::new(),
            folded: Vec::new(),
            full_commands: true,
            whole_machine: false,
            shift: 0,
            cursor: 0,
            top: 0,
            page: 1,
            pid_digits: 5,
            selected: None,
        }
    }
}

impl Table {
    /// The set of columns on the screen.
    #[must_use]
    pub fn shown_set(&self) -> &Set {
        static NONE: Set = Set { name: String::new(), seats: Vec::new() };
        self.sets.get(self.set).unwrap_or(&NONE)
    }

    /// Goes to the next set, or the one before, around.
    pub fn step_set(&mut self, back: bool) {
        let count = self.sets.len().max(1);
        self.set = (self.set + if back { count - 1 } else { 1 }) % count;
    }

    /// Sorts by that column; by the same one again turns the order round.
    pub fn sort_by(&mut self, col: Col) {
        if self.sort == col {
            self.descending = !self.descending;
            return;
        }
        self.then = std::mem::replace(&mut self.sort, col);
        self.descending = col.largest_first();
    }

    /// Puts the rows of that moment in order. `held`: a dialog is open, nothing may move.
    pub fn update(&mut self, now: &Snapshot, held: bool) {
        self.order.update(
            now,
            &order::Wish {
                sort: self.sort,
                then: self.then,
                descending: self.descending,
                tree: self.tree,
                hold: self.hold || held,
                filter: self.filter.as_ref(),
                kernel: self.kernel,
                folded: &self.folded,
            },
        );
        let largest = now.rows(FamilyId::Process).next_back_key().map_or(0, |key| key.0);
        let digits = largest.checked_ilog10().map_or(1, |log| log as u16 + 1);
        self.pid_digits = self.pid_digits.max(digits.min(10));
        self.tagged.retain(|&key| now.find(FamilyId::Process, key).is_some());
        // In a tree the neighbours mean something, so the cursor stays with its process there.
        // At the top, the cursor waits for whatever comes there.
        let rests = self.follow || held || self.cursor > 0 && (self.tree || self.hold);
        if rests && let Some(line) = self.selected.and_then(|key| self.line_of(now, key)) {
            let above = self.cursor.saturating_sub(self.top);
            self.cursor = line;
            self.top = line.saturating_sub(above);
        }
        self.clamp(now);
    }

    /// Keeps cursor and screen inside the list.
    pub fn clamp(&mut self, now: &Snapshot) {
        let last = self.order.lines.len().saturating_sub(1);
        self.cursor = self.cursor.min(last);
        let page = self.page.max(1);
        self.top = self.top.min(self.cursor).max((self.cursor + 1).saturating_sub(page));
        self.top = self.top.min((last + 1).saturating_sub(page));
        self.selected = self.key_at(now, self.cursor);
    }

    /// Moves the cursor by lines.
    pub fn step(&mut self, now: &Snapshot, lines: isize) {
        self.cursor = self.cursor.saturating_add_signed(lines);
        self.clamp(now);
    }

    /// Scrolls by lines; the cursor stays on its process while that is on the screen.
    pub fn scroll(&mut self, now: &Snapshot, lines: isize) {
        let last = self.order.lines.len().saturating_sub(self.page.max(1));
        self.top = self.top.saturating_add_signed(lines).min(last);
        self.cursor = self.cursor.clamp(self.top, self.top + self.page.max(1) - 1);
        self.clamp(now);
    }

    /// Puts the cursor on a process.
    pub fn select(&mut self, now: &Snapshot, key: Key) {
        if let Some(line) = self.line_of(now, key) {
            self.cursor = line;
            self.clamp(now);
        }
    }

    /// The process under the cursor.
    #[must_use]
    pub fn selected(&self) -> Option<Key> {
        self.selected
    }

    /// The process on that line.
    #[must_use]
    pub fn key_at(&self, now: &Snapshot, line: usize) -> Option<Key> {
        let line = self.order.lines.get(line)?;
        Some(now.row(FamilyId::Process, line.row as usize)?.key())
    }

    fn line_of(&self, now: &Snapshot, key: Key) -> Option<usize> {
        let row = now.find(FamilyId::Process, key)?.index();
        self.order.lines.iter().position(|line| line.row as usize == row)
    }

    /// The lines on the screen.
    #[must_use]
    pub fn visible(&self) -> &[Line] {
        let end = (self.top + self.page).min(self.order.lines.len());
        self.order.lines.get(self.top..end).unwrap_or(&[])
    }

    /// The next line, around, whose process is meant by what was typed: digits are a number.
    #[must_use]
    pub fn find(&self, now: &Snapshot, wanted: &Filter, from: usize, back: bool) -> Option<usize> {
        let count = self.order.lines.len();
        let pid = wanted.text().trim().parse::<u64>().ok();
        (0..count)
            .map(|step| if back { from + count - step } else { from + step })
            .map(|line| line % count.max(1))
            .find(|&line| {
                let row = self.order.lines.get(line).map(|line| line.row as usize);
                let row = row.and_then(|row| now.row(FamilyId::Process, row));
                row.is_some_and(|row| Some(row.key().0) == pid || wanted.matches(row))
            })
    }

    /// What the table says of itself.
    #[must_use]
    pub fn status(&self) -> Status {
        Status { line: self.cursor + 1, shown: self.order.lines.len(), all: self.order.all }
    }
}

trait LastKey {
    fn next_back_key(self) -> Option<Key>;
}

impl<'a, I: ExactSizeIterator<Item = retop_model::Row<'a>>> LastKey for I {
    /// Rows are sorted by key, and a process's key begins with its number.
    fn next_back_key(mut self) -> Option<Key> {
        let last = self.len().checked_sub(1)?;
        self.nth(last).map(retop_model::Row::key)
    }
}
