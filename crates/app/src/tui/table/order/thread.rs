//! Threads below their processes.

use std::cmp::Ordering;

use retop_model::family::{process, thread};
use retop_model::{FamilyId, Field, Row, Snapshot};

use super::{Line, Order, What, Wish, compare, value};
use crate::tui::table::column::Col;

/// A thread that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thread {
    pid: i64,
    row: u32,
    value: f64,
}

/// What a column of processes shows of a thread: what threads call the same.
#[must_use]
pub fn field_of(field: Field) -> Option<Field> {
    if field == process::pid {
        return Some(thread::tid);
    }
    FamilyId::Thread.get().field(field.name())
}

impl Order {
    /// The threads that were read, by process and then as the table is sorted.
    pub(super) fn find_threads(&mut self, now: &Snapshot, wish: &Wish<'_>) {
        self.threads.clear();
        if !wish.threads {
            return;
        }
        let field = match wish.sort {
            Col::Number(field) if !wish.hold => field_of(field),
            _ => None,
        };
        let of =
            |row: Row<'_>| field.map_or(f64::NAN, |field| value(row, Col::Number(field).form()));
        self.threads.extend(now.rows(FamilyId::Thread).filter_map(|row| {
            let place = u32::try_from(row.index()).ok()?;
            Some(Thread { pid: row.raw(thread::pid)?, row: place, value: of(row) })
        }));
        self.threads.sort_unstable_by(|a, b| {
            let by_value = || compare(a.value, b.value, wish.descending);
            a.pid.cmp(&b.pid).then_with(by_value).then_with(|| a.row.cmp(&b.row))
        });
    }

    /// Adds a line, and below a process its threads. `more`: other lines follow below it.
    pub(super) fn push(&mut self, line: Line, more: bool) {
        self.lines.push(line);
        let Some(&pid) = self.pids.get(line.row as usize) else { return };
        let first = self.threads.partition_point(|thread| thread.pid < pid);
        let rest = &self.threads[first.min(self.threads.len())..];
        let count = rest.partition_point(|thread| thread.pid.cmp(&pid) == Ordering::Equal);
        // One thread is the process itself.
        if count < 2 {
            return;
        }
        for (place, thread) in rest[..count].iter().enumerate() {
            self.lines.push(Line {
                what: What::Thread,
                row: thread.row,
                depth: line.depth + 1,
                last: place + 1 == count && !more,
                folded: false,
                members: (0, 0),
                ..line
            });
        }
    }
}
