//! Rows that have just ended: they stay where they were for two samples, so that what was looked at
//! does not vanish under the eyes.

use std::sync::Arc;

use retop_model::family::process;
use retop_model::filter::{Standing, Verdict};
use retop_model::{FamilyId, Key, Row, Snapshot};

use super::{Line, Order, What, Wish};

/// Samples for which a row stays.
const STAYS: u8 = 2;

/// Of so many rows on the screen one is left to those that have ended: a compiler that starts a
/// hundred processes a second would leave no others.
const SHARE: usize = 5;

/// A process that was on the screen and has ended.
#[derive(Clone, Debug)]
pub struct Gone {
    /// The last moment that has it.
    moment: Arc<Snapshot>,
    row: u32,
    /// Its line in the list.
    line: usize,
    left: u8,
}

impl Order {
    /// The row of a line for a process that has ended, as it was last.
    #[must_use]
    pub fn gone(&self, line: &Line) -> Option<Row<'_>> {
        let gone = self.gone.get(line.row as usize)?;
        gone.moment.row(FamilyId::Process, gone.row as usize)
    }

    /// Of the processes on those lines of `before`, notes those that `now` no longer has. `first` is
    /// the place of the first line.
    pub fn part(&mut self, before: &Arc<Snapshot>, now: &Snapshot, first: usize, count: usize) {
        self.gone.retain_mut(|gone| {
            gone.left -= 1;
            gone.left > 0
        });
        let most = (count / SHARE).max(1);
        let ended = |key: Key| now.find(FamilyId::Process, key).is_none();
        for (place, line) in self.lines.iter().enumerate().skip(first).take(count) {
            if self.gone.len() >= most {
                break;
            }
            let row = before.row(FamilyId::Process, line.row as usize);
            if line.what == What::Process && row.is_some_and(|row| ended(row.key())) {
                let moment = Arc::clone(before);
                self.gone.push(Gone { moment, row: line.row, line: place, left: STAYS });
            }
        }
    }

    /// Nothing has ended: another moment is shown, or other rows.
    pub fn forget_gone(&mut self) {
        self.gone.clear();
    }

    /// Puts those who have ended where they were, if they are still asked for.
    pub(super) fn insert_gone(&mut self, wish: &Wish<'_>) {
        // From the top down, so that each finds its place among those above it.
        self.gone.sort_unstable_by_key(|gone| gone.line);
        for (place, gone) in (0_u32..).zip(&self.gone) {
            let row = gone.moment.row(FamilyId::Process, gone.row as usize);
            let standing = Standing { tagged: false, gone: false };
            let wanted = row.is_some_and(|row| {
                let shown = wish.kernel || row.raw(process::kernel) != Some(1);
                let judged = wish.filter.map(|f| f.judge(row, standing, &mut self.matches));
                shown && judged.is_none_or(|verdict| verdict == Verdict::Yes)
            });
            if !wanted {
                continue;
            }
            let line = Line { what: What::Gone, beside: true, ..Line::of(place) };
            // The first line is where the cursor waits for the busiest: that one lives.
            self.lines.insert(gone.line.max(1).min(self.lines.len()), line);
        }
    }
}
