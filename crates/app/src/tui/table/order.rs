//! The order of the rows: an index kept across frames, as a list, as a tree or in groups.
//!
//! Every vector here keeps its memory: a steady frame allocates nothing.

mod gone;
mod group;
mod thread;
mod tree;

use std::cmp::Ordering;
use std::sync::Arc;

use retop_model::family::process;
use retop_model::family::thread::state as thread_state;
use retop_model::filter::{Matches, Standing, Verdict};
use retop_model::{FamilyId, Field, Key, Row, Snapshot, TextField};

use self::gone::Gone;
pub use self::group::key as group_key;
pub use self::thread::field_of as thread_field;
use super::column::{Col, Form};
use crate::tui::filter::Filter;

/// What a line stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum What {
    /// A process; if it is folded, its descendants too.
    #[default]
    Process,
    /// A group of processes, of that key.
    Group(Key),
    /// A thread of the process above it.
    Thread,
    /// A process that has just ended.
    Gone,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// What it stands for.
    pub what: What,
    /// The row of the snapshot: a process, the first member of a group, a thread in its family.
    pub row: u32,
    /// Generations below the first.
    pub depth: u16,
    /// Bit `n`: an ancestor of generation `n` has further siblings below.
    pub branches: u64,
    /// The last of its siblings.
    pub last: bool,
    /// What is below it is folded away.
    pub folded: bool,
    /// Does not match the filter; here because a descendant does.
    pub beside: bool,
    /// Whom it stands for, if for several: places in [`Order::members`].
    members: (usize, usize),
}

impl Line {
    /// A process by itself.
    #[must_use]
    pub fn of(row: u32) -> Line {
        Line { row, ..Line::default() }
    }
}

/// What the rows shall be like.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Wish<'a> {
    pub sort: Col,
    pub then: Col,
    pub descending: bool,
    pub tree: bool,
    /// Siblings in the tree are sorted.
    pub pinned: bool,
    /// Processes with the same text are one line. There is no tree then.
    pub group: Option<TextField>,
    /// Threads that were read stand below their processes.
    pub threads: bool,
    pub hold: bool,
    pub filter: Option<&'a Filter>,
    pub kernel: bool,
    pub tagged: &'a [Key],
    /// Processes whose children are folded away, in order.
    pub folded: &'a [Key],
    /// Groups whose members are shown, in order.
    pub unfolded: &'a [Key],
}

/// What rows are compared by, and whether the largest is above. Looked up once: 1,000 rows are compared
/// 10,000 times.
#[derive(Clone, Copy, Debug)]
struct By {
    first: (Form, bool),
    then: (Form, bool),
}

impl By {
    fn of(wish: &Wish<'_>) -> By {
        By {
            first: (wish.sort.form(), wish.descending),
            then: (wish.then.form(), wish.then.largest_first()),
        }
    }
}

/// The rows in order, and what it takes to find it.
#[derive(Debug, Default)]
pub struct Order {
    /// The lines from top to bottom.
    pub lines: Vec<Line>,
    /// Processes there are.
    pub all: usize,
    /// Processes that are shown, by themselves or in a line for several.
    pub shown_count: usize,
    /// Processes that the filter hides.
    pub hidden: usize,
    /// Processes of which it cannot tell, and which it hides too.
    pub unknown: usize,
    /// Rows are sorted by how much they differ from what they were there, if there is such a moment.
    pub base: Option<Arc<Snapshot>>,
    values: Vec<f64>,
    /// The same of the column that decides among equals.
    seconds: Vec<f64>,
    /// 0: hidden. 1: an ancestor of what is shown. 2: shown.
    shown: Vec<u8>,
    matches: Matches,
    /// Threads of the kernel, which among equals come last: people look for programs.
    kernel: Vec<bool>,
    pids: Vec<i64>,
    index: Vec<u32>,
    /// The processes of every line that stands for several.
    members: Vec<u32>,
    hashes: Vec<u64>,
    groups: Vec<group::Group>,
    threads: Vec<thread::Thread>,
    parents: Vec<u32>,
    children: Vec<u32>,
    visited: Vec<bool>,
    branch: Vec<u32>,
    stack: Vec<Line>,
    /// The order so far, by key: rows that are held stay at their rank.
    ranks: Vec<(Key, u32)>,
    /// The rank of each row in the order so far.
    last: Vec<u32>,
    /// Who has just ended.
    gone: Vec<Gone>,
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
        if let Some(base) = &self.base {
            for (value, row) in self.values.iter_mut().zip(rows.clone()) {
                *value = apart(*value, base.find(FamilyId::Process, row.key()), form);
            }
        }
        self.seconds.clear();
        self.seconds.extend(rows.clone().map(|row| about(value(row, then))));
        self.pids.clear();
        self.pids.extend(rows.map(|row| row.raw(process::pid).unwrap_or(-1)));
        self.last.clear();
        merge_ranks(&self.ranks, now, &mut self.last);
        self.find_threads(now, wish);
        self.lines.clear();
        self.members.clear();
        self.index.clear();
        let count = u32::try_from(self.all).unwrap_or(u32::MAX);
        self.index.extend((0..count).filter(|&row| self.shown[row as usize] == 2));
        self.shown_count = self.index.len();
        match wish.group {
            Some(by) => self.groups(now, wish, by),
            None if wish.tree => self.tree(now, wish),
            None => {
                let mut index = std::mem::take(&mut self.index);
                self.sort(now, wish, &mut index);
                for &row in &index {
                    self.push(Line { row, ..Line::default() }, false);
                }
                self.index = index;
            }
        }
        self.rank(now);
        if wish.group.is_none() && !wish.tree {
            self.insert_gone(wish);
        }
    }

    /// Notes who stands where, in order of the keys. Rows are in that order, so that only groups have
    /// to be brought into it.
    fn rank(&mut self, now: &Snapshot) {
        self.ranks.clear();
        self.last.fill(u32::MAX);
        for (line, rank) in self.lines.iter().zip(0..) {
            match line.what {
                What::Group(key) => self.ranks.push((key, rank)),
                What::Process => self.last[line.row as usize] = rank,
                What::Thread | What::Gone => {}
            }
        }
        let groups = self.ranks.len();
        let rows = keys(now).iter().zip(&self.last).filter(|&(_, &rank)| rank != u32::MAX);
        self.ranks.extend(rows.map(|(&key, &rank)| (key, rank)));
        if groups > 0 {
            self.ranks.sort_unstable_by_key(|&(key, _)| key);
        }
    }

    /// The rows of the processes that a line stands for, if for several: the members of a group, or
    /// a folded process with its descendants. Only those that match the filter.
    #[must_use]
    pub fn members(&self, line: &Line) -> &[u32] {
        self.members.get(line.members.0..line.members.1).unwrap_or(&[])
    }

    fn sort(&self, now: &Snapshot, wish: &Wish<'_>, rows: &mut [u32]) {
        if wish.hold {
            // New rows come last.
            let places = &self.last;
            rows.sort_unstable_by_key(|&row| (places[row as usize], row));
            return;
        }
        let by = By::of(wish);
        rows.sort_unstable_by(|&a, &b| self.compare(now, by, a, b));
    }

    /// Which of two rows stands above.
    fn compare(&self, now: &Snapshot, by: By, a: u32, b: u32) -> Ordering {
        let last = |row: u32| (self.kernel[row as usize], self.last[row as usize], row);
        let ordered = |(form, descending), values: &[f64]| match form {
            Form::Text(field) => compare_texts(now, field, (a, b), descending),
            Form::Command => compare_texts(now, process::name, (a, b), descending),
            _ => compare(values[a as usize], values[b as usize], descending),
        };
        ordered(by.first, &self.values)
            .then_with(|| ordered(by.then, &self.seconds))
            // Equals stay in the order that they are in. By number instead, each row that falls
            // back among thousands of idle ones would move all the rows between.
            .then_with(|| last(a).cmp(&last(b)))
    }

    fn rank_of(&self, key: Key) -> u32 {
        let place = self.ranks.binary_search_by_key(&key, |&(key, _)| key);
        place.map_or(u32::MAX, |place| self.ranks[place].1)
    }

    /// Asks the filter. What depends on something unknown is hidden, and counted.
    fn judge(&mut self, now: &Snapshot, wish: &Wish<'_>) {
        self.shown.clear();
        self.kernel.clear();
        (self.hidden, self.unknown) = (0, 0);
        let asks_for_tags = wish.filter.is_some_and(Filter::asks_for_tags);
        for row in now.rows(FamilyId::Process) {
            let kernel = row.raw(process::kernel) == Some(1);
            self.kernel.push(kernel);
            let standing =
                Standing { tagged: asks_for_tags && wish.tagged.contains(&row.key()), gone: false };
            let verdict = wish
                .filter
                .map_or(Verdict::Yes, |filter| filter.judge(row, standing, &mut self.matches));
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
}

/// The rank of every row in the order so far: both are in order of their keys. New rows come last.
fn merge_ranks(ranks: &[(Key, u32)], now: &Snapshot, places: &mut Vec<u32>) {
    let mut ranks = ranks.iter().peekable();
    places.extend(keys(now).iter().map(|key| {
        while ranks.next_if(|(known, _)| known < key).is_some() {}
        ranks.next_if(|(known, _)| known == key).map_or(u32::MAX, |&(_, rank)| rank)
    }));
}

/// The keys of the processes, in order.
fn keys(now: &Snapshot) -> &[Key] {
    now.raw().table(FamilyId::Process).map_or(&[], |table| table.keys())
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
        Form::State => row.raw(state_of(row)).map(|state| state as f64),
        Form::Terminal => row.get(process::terminal),
        Form::Text(_) | Form::Command => None,
    };
    value.unwrap_or(f64::NAN)
}

/// How far a value is from that of another moment, where nobody is nothing.
fn apart(now: f64, then: Option<Row<'_>>, form: Form) -> f64 {
    let then = then.map_or(0.0, |row| value(row, form));
    match (now.is_nan(), then.is_nan()) {
        (true, true) => now,
        (true, false) => then.abs(),
        (false, true) => now.abs(),
        (false, false) => (now - then).abs(),
    }
}

/// The state of a process, or of a thread.
fn state_of(row: Row<'_>) -> Field {
    if row.family() == FamilyId::Thread { thread_state } else { process::state }
}

/// A value to about 2 %, as finely as people see it. Among equals a row must not move for less.
fn about(value: f64) -> f64 {
    /// Of the 52 bits behind the point of a number in binary those that are rounded away.
    const REST: u32 = 47;
    if !value.is_normal() {
        return value;
    }
    f64::from_bits(((value.to_bits() + (1 << (REST - 1))) >> REST) << REST)
}

fn compare(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        // What is missing stands last, whichever way the rest is turned.
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if descending => b.total_cmp(&a),
        (false, false) => a.total_cmp(&b),
    }
}

fn compare_texts(
    now: &Snapshot,
    field: TextField,
    (a, b): (u32, u32),
    descending: bool,
) -> Ordering {
    let text =
        |row: u32| now.row(FamilyId::Process, row as usize).map_or("", |row| row.shown(field));
    let order = text(a).cmp(text(b));
    if descending { order.reverse() } else { order }
}

/// True if the key is among those, which are in order.
fn is_in(keys: &[Key], key: Key) -> bool {
    keys.binary_search(&key).is_ok()
}
