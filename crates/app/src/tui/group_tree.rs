//! Control groups as a tree: siblings by name, or in the order of a column; branches fold. The
//! kernel counts a group with all below it, so that a folded one needs no sum.

use std::cmp::Ordering;

use retop_model::family::cgroup;
use retop_model::{FamilyId, Field, Key, Row, Snapshot};

/// A line of the page.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The row of the group.
    pub row: u32,
    /// What is below it is folded away.
    pub folded: bool,
}

/// No parent among the groups.
const NOBODY: u32 = u32::MAX;

/// The groups in order. Every vector keeps its memory: a steady frame allocates nothing.
#[derive(Debug, Default)]
pub struct GroupTree {
    /// The lines from top to bottom.
    pub lines: Vec<Line>,
    /// What siblings are sorted by; their names if by nothing.
    pub sort: Option<Field>,
    /// The other way round: the smallest first, or names from the end of the alphabet.
    pub reverse: bool,
    /// Groups there are.
    pub all: usize,
    folded: Vec<Key>,
    /// Rows by path: a group stands above those below it.
    paths: Vec<u32>,
    /// For each of them the place of the one that it is in.
    parents: Vec<u32>,
    /// Places, siblings together.
    children: Vec<u32>,
    stack: Vec<u32>,
}

fn path(now: &Snapshot, row: u32) -> &str {
    let row = now.row(FamilyId::Cgroup, row as usize);
    row.map_or("", |row| row.shown(cgroup::cgroup)).trim_end_matches('/')
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

impl GroupTree {
    /// Puts the groups of that moment in order.
    pub fn update(&mut self, now: &Snapshot) {
        self.all = now.rows(FamilyId::Cgroup).len();
        let count = u32::try_from(self.all).unwrap_or(u32::MAX);
        self.paths.clear();
        self.paths.extend(0..count);
        // A slash comes before everything else, so that children follow their parent at once.
        let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
        self.paths.sort_unstable_by(|&a, &b| {
            path(now, a).bytes().map(rank).cmp(path(now, b).bytes().map(rank)).then(a.cmp(&b))
        });
        self.find_parents(now);
        self.children.clear();
        self.children.extend(0..count);
        let (paths, parents) = (&self.paths, &self.parents);
        let value = |place: u32| {
            let row = now.row(FamilyId::Cgroup, paths[place as usize] as usize);
            row.and_then(|row| row.get(self.sort?)).filter(|value| !value.is_nan())
        };
        self.children.sort_unstable_by(|&a, &b| {
            let ordered = match (self.sort, value(a), value(b)) {
                (None, ..) => Ordering::Equal,
                (_, Some(a), Some(b)) if self.reverse => a.total_cmp(&b),
                (_, Some(a), Some(b)) => b.total_cmp(&a),
                // What is missing stands last, whichever way the rest is turned.
                (_, a, b) => b.is_some().cmp(&a.is_some()),
            };
            let names = if self.sort.is_none() && self.reverse { b.cmp(&a) } else { a.cmp(&b) };
            let family = parents[a as usize].cmp(&parents[b as usize]);
            family.then(ordered).then(names)
        });
        self.lines.clear();
        self.stack.clear();
        self.push_children(NOBODY);
        while let Some(place) = self.stack.pop() {
            let row = self.paths[place as usize];
            let key = now.row(FamilyId::Cgroup, row as usize).map(Row::key).unwrap_or_default();
            let folded =
                self.folded.binary_search(&key).is_ok() && !self.family_of(place).is_empty();
            self.lines.push(Line { row, folded });
            if !folded {
                self.push_children(place);
            }
        }
    }

    fn find_parents(&mut self, now: &Snapshot) {
        self.parents.clear();
        self.stack.clear();
        for (place, &row) in (0_u32..).zip(&self.paths) {
            let own = path(now, row);
            let above = |&at: &u32| is_below(own, path(now, self.paths[at as usize]));
            while self.stack.last().is_some_and(|at| !above(at)) {
                self.stack.pop();
            }
            self.parents.push(self.stack.last().copied().unwrap_or(NOBODY));
            self.stack.push(place);
        }
    }

    fn family_of(&self, parent: u32) -> std::ops::Range<usize> {
        let of = |place: &u32| self.parents[*place as usize];
        let first = self.children.partition_point(|place| of(place) < parent);
        let count = self.children[first..].partition_point(|place| of(place) == parent);
        first..first + count
    }

    /// Last in, first out: the last one goes in first.
    fn push_children(&mut self, parent: u32) {
        let family = self.family_of(parent);
        self.stack.extend(self.children[family].iter().rev());
    }

    /// Sorts siblings by that, or by name; by the same again turns the order round.
    pub fn sort_by(&mut self, by: Option<Field>) {
        self.reverse = by == self.sort && !self.reverse;
        self.sort = by;
    }

    /// Folds the group on a line, or the one that it is in if there is nothing below it; gives the
    /// key of the group that was folded or unfolded.
    pub fn fold(&mut self, now: &Snapshot, line: usize, fold: bool) -> Option<Key> {
        let row = self.lines.get(line)?.row;
        let mut place = self.paths.iter().position(|&at| at == row)? as u32;
        if fold && self.family_of(place).is_empty() {
            place = Some(self.parents[place as usize]).filter(|&above| above != NOBODY)?;
        }
        let key = now.row(FamilyId::Cgroup, self.paths[place as usize] as usize)?.key();
        match (self.folded.binary_search(&key), fold) {
            (Ok(at), false) => {
                self.folded.remove(at);
            }
            (Err(at), true) => self.folded.insert(at, key),
            _ => {}
        }
        Some(key)
    }

    /// Folds every branch but the one that holds all others, or unfolds all if any is folded.
    pub fn fold_all(&mut self, now: &Snapshot) {
        if !self.folded.is_empty() {
            return self.folded.clear();
        }
        let groups = now.rows(FamilyId::Cgroup);
        let is_root = |row: &Row<'_>| row.shown(cgroup::cgroup).trim_end_matches('/').is_empty();
        self.folded.extend(groups.filter(|row| !is_root(row)).map(Row::key));
        self.folded.sort_unstable();
    }
}
