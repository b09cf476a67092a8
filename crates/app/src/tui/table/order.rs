//! The order of the rows: an index kept across frames, as a list or as a tree.
//!
//! Every vector here keeps its memory: a steady frame allocates nothing.

use std::cmp::Ordering;

use retop_model::family::process;
use retop_model::filter::{Matches, Verdict};
use retop_model::{FamilyId, Key, Row, Snapshot};

use super::column::{Col, Form};
use crate::tui::filter::Filter;

/// One line of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The row of the snapshot.
    pub row: u32,
    /// Generations below the first.
    pub depth: u16,
    /// Bit `n`: an ancestor of generation `n` has further siblings below.
    pub branches: u64,
    /// The last of its siblings.
    pub last: bool,
    /// Its children are folded away.
    pub folded: bool,
    /// Does not match the filter; here because a descendant does.
    pub beside: bool,
}

/// What the rows shall be like.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Wish<'a> {
    pub sort: Col,
    pub then: Col,
    pub descending: bool,
    pub tree: bool,
    pub hold: bool,
    pub filter: Option<&'a Filter>,
    pub kernel: bool,
    pub folded: &'a [Key],
}

/// The rows in order, and what it takes to find it.
#[derive(Debug, Default)]
pub struct Order {
    /// The lines from top to bottom.
    pub lines: Vec<Line>,
    /// Processes there are.
    pub all: usize,
    /// Processes that the filter hides.
    pub hidden: usize,
    /// Processes of which it cannot tell, and which it hides too.
    pub unknown: usize,
    values: Vec<f64>,
    /// The same of the column that decides among equals.
    seconds: Vec<f64>,
    /// 0: hidden. 1: an ancestor of what is shown. 2: shown.
    shown: Vec<u8>,
    matches: Matches,
    /// Threads of the kernel, which among equals come last: people look for programs.
    kernel: Vec<bool>,
    index: Vec<u32>,
    parents: Vec<u32>,
    children: Vec<u32>,
    visited: Vec<bool>,
    stack: Vec<Line>,
    /// The order so far, by key: rows that are held stay at their rank.
    ranks: Vec<(Key, u32)>,
    /// The rank of each row in the order so far.
    last: Vec<u32>,
}

/// No parent among the rows.
const NOBODY: u32 = u32::MAX;

/// Deeper trees are drawn no further to the right.
pub const DEEPEST: u16 = 40;

impl Order {
    /// Puts the rows of that moment in order.
    pub fn update(&mut self, now: &Snapshot, wish: &Wish<'_>) {
        let rows = now.rows(FamilyId::Process);
        self.all = rows.len();
        self.judge(now, wish);
        self.values.clear();
        let (form, then) = (wish.sort.form(), wish.then.form());
        self.values.extend(rows.clone().map(|row| value(row, form)));
        self.seconds.clear();
        self.seconds.extend(rows.map(|row| about(value(row, then))));
        self.index.clear();
        if wish.tree {
            self.tree(now, wish);
        } else {
            let count = u32::try_from(self.all).unwrap_or(u32::MAX);
            self.index.extend((0..count).filter(|&row| self.shown[row as usize] == 2));
            let (kernel, ranks) = (&self.kernel, &self.ranks);
            let (values, seconds) = (&self.values, &self.seconds);
            if wish.hold {
                self.index.sort_unstable_by_key(|&row| (rank(ranks, now, row), row));
            } else {
                self.last.clear();
                merge_ranks(ranks, now, &mut self.last);
                let places = &self.last;
                self.index.sort_unstable_by(|&a, &b| {
                    let last = |row: u32| (kernel[row as usize], places[row as usize], row);
                    // Equals stay in the order that they are in. By number instead, each row that
                    // falls back among thousands of idle ones would move all the rows between.
                    let equals = || last(a).cmp(&last(b));
                    let first = compare(now, (wish.sort, wish.descending), values, a, b);
                    let then = (wish.then, wish.then.largest_first());
                    first.then_with(|| compare(now, then, seconds, a, b)).then_with(equals)
                });
            }
            self.lines.clear();
            self.lines.extend(self.index.iter().map(|&row| Line { row, ..Line::default() }));
        }
        self.ranks.clear();
        for (line, rank) in self.lines.iter().zip(0..) {
            if let Some(row) = now.row(FamilyId::Process, line.row as usize) {
                self.ranks.push((row.key(), rank));
            }
        }
        self.ranks.sort_unstable_by_key(|&(key, _)| key);
    }

    /// Asks the filter. What depends on something unknown is hidden, and counted.
    fn judge(&mut self, now: &Snapshot, wish: &Wish<'_>) {
        self.shown.clear();
        self.kernel.clear();
        (self.hidden, self.unknown) = (0, 0);
        for row in now.rows(FamilyId::Process) {
            let kernel = row.raw(process::kernel) == Some(1);
            self.kernel.push(kernel);
            let verdict =
                wish.filter.map_or(Verdict::Yes, |filter| filter.judge(row, &mut self.matches));
            match verdict {
                Verdict::Yes => {}
                Verdict::No => self.hidden += 1,
                Verdict::Unknown => self.unknown += 1,
            }
            self.shown.push(if verdict == Verdict::Yes && (wish.kernel || !kernel) {
                2
            } else {
                0
            });
        }
    }

    fn tree(&mut self, now: &Snapshot, wish: &Wish<'_>) {
        self.find_parents(now);
        // Ancestors of what is shown are shown too, beside the point.
        for row in 0..self.all {
            if self.shown[row] != 2 {
                continue;
            }
            let mut up = self.parents[row];
            while let Some(state) = self.shown.get_mut(up as usize).filter(|state| **state == 0) {
                *state = 1;
                up = self.parents[up as usize];
            }
        }
        // Siblings stand together, the eldest first, so that the tree rests while numbers move.
        let count = u32::try_from(self.all).unwrap_or(u32::MAX);
        self.children.clear();
        self.children.extend((0..count).filter(|&row| self.shown[row as usize] != 0));
        let parents = &self.parents;
        self.children.sort_unstable_by_key(|&row| {
            let key = now.row(FamilyId::Process, row as usize).map(Row::key).unwrap_or_default();
            (parents[row as usize], key.1, key.0)
        });
        self.visited.clear();
        self.visited.resize(self.all, false);
        self.lines.clear();
        self.stack.clear();
        self.push_children(NOBODY, Line::default(), 0);
        self.descend(now, wish);
        // What a machine says may hold circles: nobody in one is reached from above.
        for place in 0..self.children.len() {
            let row = self.children[place];
            if !self.visited[row as usize] {
                self.visited[row as usize] = true;
                self.stack.push(Line { row, last: true, ..Line::default() });
                self.descend(now, wish);
            }
        }
    }

    fn find_parents(&mut self, now: &Snapshot) {
        self.parents.clear();
        let table = now.raw().table(FamilyId::Process);
        let keys = table.map_or(&[][..], |table| table.keys());
        for row in now.rows(FamilyId::Process) {
            let parent = row.raw(process::parent_pid).and_then(|pid| u64::try_from(pid).ok());
            let place = parent.map(|pid| keys.partition_point(|key| key.0 < pid));
            let found = place.filter(|&place| {
                place != row.index() && keys.get(place).is_some_and(|key| Some(key.0) == parent)
            });
            let found = found.and_then(|place| u32::try_from(place).ok());
            self.parents.push(found.unwrap_or(NOBODY));
        }
    }

    fn descend(&mut self, now: &Snapshot, wish: &Wish<'_>) {
        while let Some(line) = self.stack.pop() {
            let row = line.row;
            let key = now.row(FamilyId::Process, row as usize).map(Row::key).unwrap_or_default();
            let (_, count) = self.family_of(row);
            let folded = count > 0 && wish.folded.contains(&key);
            let beside = self.shown[row as usize] == 1;
            self.lines.push(Line { folded, beside, ..line });
            if folded {
                self.pass_over(row);
            } else {
                self.push_children(row, line, line.depth + 1);
            }
        }
    }

    /// The first child's place and the number of children.
    fn family_of(&self, parent: u32) -> (usize, usize) {
        let parents = &self.parents;
        let first = self.children.partition_point(|&row| parents[row as usize] < parent);
        let rest = &self.children[first..];
        (first, rest.partition_point(|&row| parents[row as usize] == parent))
    }

    fn push_children(&mut self, parent: u32, line: Line, depth: u16) {
        let (first, count) = self.family_of(parent);
        // Last in, first out: the youngest goes in first.
        for place in (first..first + count).rev() {
            let row = self.children[place];
            if std::mem::replace(&mut self.visited[row as usize], true) {
                continue;
            }
            let last = place + 1 == first + count;
            let bit = if last || depth >= DEEPEST { 0 } else { 1 << depth };
            let branches = line.branches | bit;
            self.stack.push(Line { row, depth: depth.min(DEEPEST), branches, last, ..line });
        }
    }

    /// Marks the descendants of a folded process as seen.
    fn pass_over(&mut self, parent: u32) {
        let floor = self.stack.len();
        self.push_children(parent, Line::default(), 0);
        while self.stack.len() > floor {
            if let Some(line) = self.stack.pop() {
                self.push_children(line.row, Line::default(), 0);
            }
        }
    }
}

/// The rank of every row in the order so far: both are in order of their keys. New rows come last.
fn merge_ranks(ranks: &[(Key, u32)], now: &Snapshot, places: &mut Vec<u32>) {
    let table = now.raw().table(FamilyId::Process);
    let mut ranks = ranks.iter().peekable();
    places.extend(table.map_or(&[][..], |table| table.keys()).iter().map(|key| {
        while ranks.next_if(|(known, _)| known < key).is_some() {}
        ranks.next_if(|(known, _)| known == key).map_or(u32::MAX, |&(_, rank)| rank)
    }));
}

/// New rows come last.
fn rank(ranks: &[(Key, u32)], now: &Snapshot, row: u32) -> u32 {
    let key = now.row(FamilyId::Process, row as usize).map(Row::key).unwrap_or_default();
    ranks.binary_search_by_key(&key, |&(key, _)| key).map_or(u32::MAX, |place| ranks[place].1)
}

/// What rows are sorted by: NaN where the value is missing, or is no number.
fn value(row: Row<'_>, form: Form) -> f64 {
    let value = match form {
        Form::Number(field)
        | Form::Size(field)
        | Form::Count(field)
        | Form::Time(field)
        | Form::Span(field)
        | Form::Value(field) => row.get(field),
        // Sorted by what is shown: what looks the same stays where it is.
        Form::Percent(field) => row.get(field).map(|share| (share * 1e3).round()),
        Form::State => row.get(process::state),
        Form::Text(_) | Form::Command => None,
    };
    value.unwrap_or(f64::NAN)
}

/// A value to about 2 %, as finely as people see it. Among equals a row must not move for less.
fn about(value: f64) -> f64 {
    if !value.is_normal() {
        return value;
    }
    let step = (value.abs().log2().floor() - 5.0).exp2();
    (value / step).round() * step
}

fn compare(
    now: &Snapshot,
    (col, descending): (Col, bool),
    values: &[f64],
    a: u32,
    b: u32,
) -> Ordering {
    let form = col.form();
    let text = |row: u32| {
        let row = now.row(FamilyId::Process, row as usize);
        row.map_or("", |row| match form {
            Form::Text(field) => row.shown(field),
            _ => row.shown(process::name),
        })
    };
    let turned = |order: Ordering| if descending { order.reverse() } else { order };
    match form {
        Form::Text(_) | Form::Command => turned(text(a).cmp(text(b))),
        _ => {
            let (x, y) = (values[a as usize], values[b as usize]);
            match (x.is_nan(), y.is_nan()) {
                // What is missing stands last, whichever way the rest is turned.
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => turned(x.total_cmp(&y)),
            }
        }
    }
}
