//! Processes taken together by one of their texts: all of a program, of a user, of a container.

use retop_model::{FamilyId, Key, Snapshot, TextField};

use super::{Line, Order, What, Wish, about, compare, compare_texts, is_in};
use crate::tui::table::column::{Col, Form};

/// A group of processes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    key: Key,
    /// Its members, from there to there.
    members: (usize, usize),
    value: f64,
    then: f64,
    last: u32,
}

/// What a group is known by, from sample to sample. No process has such a key: its second half is
/// a start time.
#[must_use]
pub fn key(text: Option<&str>) -> Key {
    Key(text.map_or(0, |text| Key::named(text.as_bytes()).0), u64::MAX)
}

impl Order {
    pub(super) fn groups(&mut self, now: &Snapshot, wish: &Wish<'_>, by: TextField) {
        // By a hash of the text: equal texts then stand together, and nobody compares them.
        self.hashes.clear();
        self.hashes.extend(now.rows(FamilyId::Process).map(|row| {
            let text = row.text(by).map(retop_model::Text::shown);
            key(text.filter(|text| !text.is_empty())).0
        }));
        self.members.extend_from_slice(&self.index);
        let hashes = &self.hashes;
        self.members.sort_unstable_by_key(|&row| (hashes[row as usize], row));
        let mut groups = std::mem::take(&mut self.groups);
        groups.clear();
        let mut from = 0;
        for part in self.members.chunk_by(|&a, &b| hashes[a as usize] == hashes[b as usize]) {
            let key = Key(part.first().map_or(0, |&row| hashes[row as usize]), u64::MAX);
            let to = from + part.len();
            groups.push(Group {
                key,
                members: (from, to),
                value: value(now, part, wish.sort),
                then: about(value(now, part, wish.then)),
                last: self.rank_of(key),
            });
            from = to;
        }
        let first = |group: &Group| self.members[group.members.0];
        groups.sort_unstable_by(|a, b| {
            let at_rest = || (a.last, first(a)).cmp(&(b.last, first(b)));
            if wish.hold {
                return at_rest();
            }
            let ordered = |col: Col, descending, x, y| match col.form() {
                // Sorted by a text, groups are sorted by that which makes them.
                Form::Text(_) | Form::Command => {
                    compare_texts(now, by, (first(a), first(b)), descending)
                }
                _ => compare(x, y, descending),
            };
            ordered(wish.sort, wish.descending, a.value, b.value)
                .then_with(|| ordered(wish.then, wish.then.largest_first(), a.then, b.then))
                .then_with(at_rest)
        });
        for group in &groups {
            let open = is_in(wish.unfolded, group.key);
            let row = self.members[group.members.0];
            let line = Line {
                what: What::Group(group.key),
                row,
                folded: !open,
                members: group.members,
                ..Line::default()
            };
            self.lines.push(line);
            if open {
                self.open(now, wish, group.members);
            }
        }
        self.groups = groups;
    }

    /// The members of a group, below it.
    fn open(&mut self, now: &Snapshot, wish: &Wish<'_>, (from, to): (usize, usize)) {
        let mut members = std::mem::take(&mut self.members);
        if let Some(part) = members.get_mut(from..to) {
            self.sort(now, wish, part);
            for (place, &row) in part.iter().enumerate() {
                let last = place + 1 == part.len();
                let branches = if last { 0 } else { 1 << 1 };
                self.push(Line { row, depth: 1, last, branches, ..Line::default() }, false);
            }
        }
        self.members = members;
    }
}

/// What several processes together are sorted by.
pub(super) fn value(now: &Snapshot, members: &[u32], col: Col) -> f64 {
    let Col::Number(field) = col else { return f64::NAN };
    let sum = now.whole(FamilyId::Process, members).get(field).value.unwrap_or(f64::NAN);
    match col.form() {
        Form::Percent(_) => (sum * 1e3).round(),
        _ => sum,
    }
}
