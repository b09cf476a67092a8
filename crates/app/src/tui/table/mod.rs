//! The table of processes: its columns, the order of its rows, and where the cursor stands.

pub mod column;
pub mod order;
pub mod set;

use std::sync::Arc;

use retop_model::family::{gpu, process, thread};
use retop_model::{FamilyId, Key, Snapshot, TextField};

use self::column::{Col, Status};
use self::order::{Line, Order, What};
use self::set::Set;
use super::filter::Filter;

/// What a line stands for, from sample to sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Who {
    Process(Key),
    Group(Key),
    Thread { owner: Key, thread: Key },
}

/// What processes can be grouped by, in the order of the key for it.
pub const GROUPS: [TextField; 4] =
    [process::name, process::user, process::container, process::cgroup];

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
    /// Siblings in a tree are sorted like rows of a list. Else the eldest comes first, so that the
    /// tree rests.
    pub pinned: bool,
    /// Processes with the same text in one line, of [`GROUPS`].
    pub group: Option<TextField>,
    /// Threads below their processes.
    pub threads: bool,
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
    /// Processes whose children are folded away, in order.
    pub folded: Vec<Key>,
    /// Groups whose members are shown, in order.
    pub unfolded: Vec<Key>,
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
    /// Digits of the largest number of a process, or of a thread that is shown, seen so far.
    pub pid_digits: u16,
    /// Columns of which some process has had a value.
    known: Vec<Col>,
    selected: Option<Who>,
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
            pinned: false,
            group: None,
            threads: false,
            filter: None,
            kernel: true,
            hold: false,
            follow: false,
            tagged: Vec::new(),
            folded: Vec::new(),
            unfolded: Vec::new(),
            full_commands: true,
            whole_machine: false,
            shift: 0,
            cursor: 0,
            top: 0,
            page: 1,
            pid_digits: 5,
            known: Vec::with_capacity(column::MOST),
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

    /// Its columns in so many cells, with so many further cells behind each.
    #[must_use]
    pub fn columns(
        &self,
        room: u16,
        beside: impl Fn(Col) -> u16,
    ) -> ([Option<column::Placed>; column::MOST], usize) {
        column::place(self.shown_set(), &self.known, self.sort, room, self.pid_digits, beside)
    }

    /// Notes which of the columns that wait for it have a value now. They stay, so that nothing
    /// moves to and fro.
    fn know(&mut self, now: &Snapshot) {
        let Some(set) = self.sets.get(self.set) else { return };
        for seat in set.seats.iter().filter(|seat| seat.known) {
            if !self.known.contains(&seat.col) && is_known(now, seat.col, self.visible()) {
                self.known.push(seat.col);
            }
        }
    }

    /// Offers the set for graphics processors, now that there are some. The set on the screen stays.
    pub fn offer_gpu(&mut self, chip: bool) {
        let before = self.sets.len();
        set::offer_gpu(&mut self.sets, chip);
        if self.set > 0 {
            self.set += self.sets.len() - before;
        }
    }

    /// The set for graphics processors, where it is offered.
    #[must_use]
    pub fn gpu_set(&self) -> Option<usize> {
        self.sets.iter().position(set::is_gpu)
    }

    /// Goes to the next set, or the one before, around.
    pub fn step_set(&mut self, back: bool) {
        let count = self.sets.len().max(1);
        self.set = (self.set + if back { count - 1 } else { 1 }) % count;
    }

    /// Sorts by that column; by the same one again turns the order round. In a tree that rests the
    /// first time only sorts it.
    pub fn sort_by(&mut self, col: Col) {
        let rests = self.rests();
        self.pinned = self.tree;
        if self.sort == col {
            self.descending ^= !rests;
            return;
        }
        self.then = std::mem::replace(&mut self.sort, col);
        self.descending = col.largest_first();
    }

    /// True if rows are in a tree that no column has sorted.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.tree && !self.pinned
    }

    /// Goes from a list to a tree at rest, or back.
    pub fn turn_tree(&mut self) {
        self.tree = !self.tree;
        (self.pinned, self.group) = (false, None);
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
                pinned: self.pinned,
                group: self.group,
                threads: self.threads,
                hold: self.hold || held,
                filter: self.filter.as_ref(),
                kernel: self.kernel,
                tagged: &self.tagged,
                folded: &self.folded,
                unfolded: &self.unfolded,
            },
        );
        let last = |family: FamilyId| now.rows(family).next_back_key().map_or(0, |key| key.0);
        let largest = last(FamilyId::Process);
        // Threads are numbered like processes, and most of those with a large number are threads.
        let largest = if self.threads { largest.max(last(FamilyId::Thread)) } else { largest };
        let digits = largest.checked_ilog10().map_or(1, |log| log as u16 + 1);
        self.pid_digits = self.pid_digits.max(digits.min(10));
        // In a tree the neighbours mean something, so the cursor stays with its process there.
        // At the top, the cursor waits for whatever comes there.
        let nested = self.tree || self.group.is_some() || self.threads;
        let rests = self.follow || held || self.cursor > 0 && (nested || self.hold);
        if rests && let Some(line) = self.selected.and_then(|spot| self.line_of(now, spot)) {
            let above = self.cursor.saturating_sub(self.top);
            self.cursor = line;
            self.top = line.saturating_sub(above);
        }
        self.clamp(now);
        self.know(now);
    }

    /// Unties the tags of those that have ended. One that had not begun at the moment on the screen
    /// keeps its tag: the newest moment says who lives.
    pub fn untag_ended(&mut self, newest: &Snapshot) {
        self.tagged.retain(|&key| newest.find(FamilyId::Process, key).is_some());
    }

    /// Notes who of those on the screen has ended between two moments.
    pub fn part(&mut self, before: &Arc<Snapshot>, now: &Snapshot) {
        self.order.part(before, now, self.top, self.page);
    }

    /// Keeps cursor and screen inside the list.
    pub fn clamp(&mut self, now: &Snapshot) {
        let last = self.order.lines.len().saturating_sub(1);
        self.cursor = self.cursor.min(last);
        let page = self.page.max(1);
        self.top = self.top.min(self.cursor).max((self.cursor + 1).saturating_sub(page));
        self.top = self.top.min((last + 1).saturating_sub(page));
        self.selected = self.who(now, self.cursor);
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
        if let Some(line) = self.line_of(now, Who::Process(key)) {
            self.cursor = line;
            self.clamp(now);
        }
    }

    /// Puts the cursor on whatever it is; true if it was there already.
    pub fn point(&mut self, now: &Snapshot, who: Who) -> bool {
        if self.selected == Some(who) {
            return true;
        }
        if let Some(line) = self.line_of(now, who) {
            self.cursor = line;
            self.clamp(now);
        }
        false
    }

    /// The process under the cursor, or that of the thread under it; a group is none.
    #[must_use]
    pub fn selected(&self) -> Option<Key> {
        match self.selected? {
            Who::Process(key) | Who::Thread { owner: key, .. } => Some(key),
            Who::Group(_) => None,
        }
    }

    /// The group under the cursor.
    #[must_use]
    pub fn selected_group(&self) -> Option<Key> {
        match self.selected? {
            Who::Group(key) => Some(key),
            _ => None,
        }
    }

    /// The process on that line.
    #[must_use]
    pub fn key_at(&self, now: &Snapshot, line: usize) -> Option<Key> {
        match self.who(now, line)? {
            Who::Process(key) => Some(key),
            _ => None,
        }
    }

    /// What stands on that line.
    #[must_use]
    pub fn who(&self, now: &Snapshot, line: usize) -> Option<Who> {
        let line = self.order.lines.get(line)?;
        Some(match line.what {
            What::Process => Who::Process(self.owner(now, line)?),
            What::Group(key) => Who::Group(key),
            What::Thread => Who::Thread {
                owner: self.owner(now, line)?,
                thread: now.row(FamilyId::Thread, line.row as usize)?.key(),
            },
            What::Gone => return None,
        })
    }

    /// The process of a line, or of its thread; a group is none.
    #[must_use]
    pub fn owner(&self, now: &Snapshot, line: &Line) -> Option<Key> {
        match line.what {
            What::Process => Some(now.row(FamilyId::Process, line.row as usize)?.key()),
            What::Group(_) | What::Gone => None,
            What::Thread => {
                let row = now.row(FamilyId::Thread, line.row as usize)?;
                let pid = u64::try_from(row.raw(thread::pid)?).ok()?;
                let keys = now.raw().table(FamilyId::Process)?.keys();
                let place = keys.partition_point(|key| key.0 < pid);
                keys.get(place).copied().filter(|key| key.0 == pid)
            }
        }
    }

    /// The line of that; for a thread that is gone, the line of its process.
    fn line_of(&self, now: &Snapshot, who: Who) -> Option<usize> {
        let find = |what: What, row: Option<usize>| {
            let mut lines = self.order.lines.iter();
            lines.position(|line| {
                line.what == what && row.is_none_or(|row| line.row as usize == row)
            })
        };
        let row = |family: FamilyId, key: Key| Some(now.find(family, key)?.index());
        match who {
            Who::Process(key) => find(What::Process, Some(row(FamilyId::Process, key)?)),
            Who::Group(key) => find(What::Group(key), None),
            Who::Thread { owner, thread } => row(FamilyId::Thread, thread)
                .and_then(|row| find(What::Thread, Some(row)))
                .or_else(|| self.line_of(now, Who::Process(owner))),
        }
    }

    /// The processes of the group under the cursor.
    pub fn group_members<'a>(&'a self, now: &'a Snapshot) -> impl Iterator<Item = Key> + 'a {
        let line = self.order.lines.get(self.cursor);
        let line = line.filter(|line| matches!(line.what, What::Group(_)));
        let rows = line.map_or(&[][..], |line| self.order.members(line));
        rows.iter().filter_map(|&row| Some(now.row(FamilyId::Process, row as usize)?.key()))
    }

    /// Tags those processes; if all of them are tagged already, untags them.
    pub fn tag(&mut self, keys: &[Key]) {
        let untag = keys.iter().all(|key| self.tagged.contains(key));
        self.tagged.retain(|key| !keys.contains(key));
        if !untag {
            self.tagged.extend_from_slice(keys);
        }
    }

    /// Tags the process under the cursor, or those of the group, with all their descendants.
    pub fn tag_branch(&mut self, now: &Snapshot) {
        let mut keys: Vec<Key> =
            self.selected().into_iter().chain(self.group_members(now)).collect();
        let mut at = 0;
        // Each is asked for its children once, so that circles end.
        while let Some(&parent) = keys.get(at) {
            at += 1;
            let is_child = |row: &retop_model::Row<'_>| {
                row.raw(process::parent_pid).and_then(|pid| u64::try_from(pid).ok())
                    == Some(parent.0)
            };
            for child in now.rows(FamilyId::Process).filter(is_child).map(retop_model::Row::key) {
                if !keys.contains(&child) {
                    keys.push(child);
                }
            }
        }
        self.tagged.retain(|key| !keys.contains(key));
        self.tagged.append(&mut keys);
    }

    /// Goes to the next way of grouping, around; a tree has no groups.
    pub fn step_group(&mut self) {
        let at = self.group.and_then(|by| GROUPS.iter().position(|&known| known == by));
        self.group = GROUPS.get(at.map_or(0, |at| at + 1)).copied();
        self.unfolded.clear();
        self.tree = false;
    }

    /// True if what is below the line under the cursor is folded away.
    #[must_use]
    pub fn is_folded_here(&self) -> bool {
        self.order.lines.get(self.cursor).is_some_and(|line| line.folded)
    }

    /// Folds or unfolds what is under the cursor.
    pub fn fold(&mut self, fold: bool) {
        let (keys, key, into) = match self.selected {
            Some(Who::Group(key)) => (&mut self.unfolded, key, !fold),
            Some(Who::Process(key)) if self.tree => (&mut self.folded, key, fold),
            // From among its members a group is folded with the cursor going to its line.
            Some(_) if self.group.is_some() && fold => {
                let above = self.order.lines.get(..self.cursor).unwrap_or(&[]);
                let is_group = |line: &Line| matches!(line.what, What::Group(_));
                let Some(line) = above.iter().rposition(is_group) else { return };
                let What::Group(key) = self.order.lines[line].what else { return };
                self.cursor = line;
                self.selected = Some(Who::Group(key));
                (&mut self.unfolded, key, false)
            }
            _ => return,
        };
        match (keys.binary_search(&key), into) {
            (Ok(place), false) => {
                keys.remove(place);
            }
            (Err(place), true) => keys.insert(place, key),
            _ => {}
        }
    }

    /// Folds everything, or unfolds it if anything is folded.
    pub fn fold_all(&mut self, now: &Snapshot) {
        if self.group.is_some() {
            if self.unfolded.is_empty() {
                let groups = self.order.lines.iter().filter_map(|line| match line.what {
                    What::Group(key) => Some(key),
                    _ => None,
                });
                self.unfolded.extend(groups);
                self.unfolded.sort_unstable();
            } else {
                self.unfolded.clear();
            }
        } else if self.folded.is_empty() {
            // Rows are in the order of their keys.
            self.folded.extend(now.rows(FamilyId::Process).map(retop_model::Row::key));
        } else {
            self.folded.clear();
        }
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
                let Some(line) = self.order.lines.get(line) else { return false };
                let row = |row: u32| now.row(FamilyId::Process, row as usize);
                let meant =
                    |row: retop_model::Row<'_>| Some(row.key().0) == pid || wanted.matches(row);
                match line.what {
                    What::Process => row(line.row).is_some_and(meant),
                    What::Group(_) => {
                        self.order.members(line).iter().any(|&place| row(place).is_some_and(meant))
                    }
                    What::Thread => now
                        .row(FamilyId::Thread, line.row as usize)
                        .is_some_and(|row| Some(row.key().0) == pid),
                    What::Gone => false,
                }
            })
    }

    /// What the table says of itself.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            line: self.cursor + 1,
            lines: self.order.lines.len(),
            shown: self.order.shown_count,
            all: self.order.all,
        }
    }
}

/// True if a process on those lines has a value of that column. Where there are devices, processes
/// have one of theirs sooner or later, so that the columns need not come and surprise. Of devices
/// that take the machine's memory few tell whose it is.
fn is_known(now: &Snapshot, col: Col, lines: &[Line]) -> bool {
    let mut devices = now.rows(FamilyId::Gpu);
    let mut rows = lines.iter().filter_map(|line| match line.what {
        What::Process => now.row(FamilyId::Process, line.row as usize),
        _ => None,
    });
    match col {
        Col::Number(process::gpu_ratio) => devices.len() > 0,
        Col::Number(process::gpu_memory_bytes)
            if devices.any(|device| device.get(gpu::memory_total_bytes).is_some()) =>
        {
            true
        }
        Col::Number(field) => rows.any(|row| row.get(field).is_some()),
        Col::Text(field) => rows.any(|row| !row.shown(field).is_empty()),
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
