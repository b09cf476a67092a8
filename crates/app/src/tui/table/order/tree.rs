//! Processes below their parents.

use retop_model::family::process;
use retop_model::{FamilyId, Row, Snapshot};

use super::{By, DEEPEST, Line, NOBODY, Order, Wish, about, group, is_in};

impl Order {
    pub(super) fn tree(&mut self, now: &Snapshot, wish: &Wish<'_>) {
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
        if wish.pinned {
            self.sort_siblings(now, wish);
        }
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

    /// Puts siblings in the order of what their lines show: of a folded one that is the sum.
    fn sort_siblings(&mut self, now: &Snapshot, wish: &Wish<'_>) {
        for key in wish.folded {
            let row =
                now.find(FamilyId::Process, *key).and_then(|row| u32::try_from(row.index()).ok());
            let Some(row) = row.filter(|&row| self.shown[row as usize] != 0) else { continue };
            self.find_branch(row);
            if let [_, _, ..] = self.branch.as_slice() {
                let shown = &self.shown;
                self.branch.retain(|&row| shown[row as usize] == 2);
                let sum = group::value(now, &self.branch, wish.sort);
                if !sum.is_nan() {
                    self.values[row as usize] = sum;
                }
                let sum = about(group::value(now, &self.branch, wish.then));
                if !sum.is_nan() {
                    self.seconds[row as usize] = sum;
                }
            }
        }
        let mut children = std::mem::take(&mut self.children);
        let by = By::of(wish);
        children.sort_unstable_by(|&a, &b| {
            let (parents, places) = (&self.parents, &self.last);
            parents[a as usize].cmp(&parents[b as usize]).then_with(|| match wish.hold {
                true => (places[a as usize], a).cmp(&(places[b as usize], b)),
                false => self.compare(now, by, a, b),
            })
        });
        self.children = children;
    }

    /// A process and all below it, each once.
    fn find_branch(&mut self, row: u32) {
        self.branch.clear();
        self.branch.push(row);
        self.visited[row as usize] = true;
        let mut at = 0;
        while let Some(&parent) = self.branch.get(at) {
            at += 1;
            let (first, count) = self.family_of(parent);
            for place in first..first + count {
                let child = self.children[place];
                if !std::mem::replace(&mut self.visited[child as usize], true) {
                    self.branch.push(child);
                }
            }
        }
        for &row in &self.branch {
            self.visited[row as usize] = false;
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
            let (first, count) = self.family_of(row);
            // In a circle those below stand above already.
            let below = |place: usize| !self.visited[self.children[place] as usize];
            let folded = is_in(wish.folded, key) && (first..first + count).any(below);
            let beside = self.shown[row as usize] == 1;
            let mut line = Line { folded, beside, ..line };
            if folded {
                let first = self.members.len();
                if !beside {
                    self.members.push(row);
                }
                self.pass_over(row);
                line.members = (first, self.members.len());
                self.lines.push(line);
            } else {
                self.push(line, count > 0);
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

    /// Marks the descendants of a folded process as seen; those that match are its members.
    fn pass_over(&mut self, parent: u32) {
        let floor = self.stack.len();
        self.push_children(parent, Line::default(), 0);
        while self.stack.len() > floor {
            if let Some(line) = self.stack.pop() {
                if self.shown[line.row as usize] == 2 {
                    self.members.push(line.row);
                }
                self.push_children(line.row, Line::default(), 0);
            }
        }
    }
}
