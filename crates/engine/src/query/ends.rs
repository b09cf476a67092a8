//! What processes used after their last sample, where the kernel reported their end.

use retop_model::RawTable;
use retop_model::family::exit;

use super::{CPU, Counters, Live, READ, Step, TICK_US, Tally, WRITTEN, increase, microseconds};
use crate::query::group::Place;

/// Processes that are no longer there. The report of an end may come one sample late.
#[derive(Default)]
pub(super) struct Departed {
    now: Vec<Live>,
    before: Vec<Live>,
}

impl Departed {
    pub fn push(&mut self, live: Live) {
        if !live.reported {
            self.now.push(live);
        }
    }

    /// The next sample has come: gives how many went without a report.
    pub fn settle(&mut self) -> u64 {
        let unreported = self.before.len() as u64;
        self.before.clear();
        std::mem::swap(&mut self.before, &mut self.now);
        unreported
    }

    pub fn clear(&mut self) {
        self.now.clear();
        self.before.clear();
    }

    /// Takes out the process that ended.
    fn take(&mut self, ended: impl Fn(&Live) -> bool) -> Option<Live> {
        for list in [&mut self.before, &mut self.now] {
            if let Some(place) = list.iter().position(&ended) {
                return Some(list.swap_remove(place));
            }
        }
        None
    }
}

impl Tally {
    /// Takes the kernel's reports that came with a process table.
    pub(super) fn ends(&mut self, exits: &RawTable, step: Step) {
        // Reports of the first sample are of what went before the window.
        let Some(last) = self.steps.last().copied().filter(|_| !step.boot) else { return };
        for row in 0..exits.len() {
            self.end_of(exits, row, last, step);
        }
    }

    fn end_of(&mut self, exits: &RawTable, row: usize, last: Step, step: Step) {
        let Some(pid) = exits.raw(row, exit::pid) else { return };
        if self.pid.is_some_and(|only| only != pid) {
            return;
        }
        let elapsed_us = exits.raw(row, exit::elapsed_seconds).unwrap_or(0);
        // It ended after the sample before the last one, for reports may come late.
        let earliest = self.steps.iter().rev().nth(1).unwrap_or(&last).stamp.boottime_ns;
        let before = |ns: u64| microseconds(ns).saturating_sub(elapsed_us);
        let began = before(earliest).saturating_sub(2 * TICK_US)
            ..=before(step.stamp.boottime_ns).saturating_add(2 * TICK_US);
        let is_it = |live: &Live| {
            let same = live.pid == pid && !live.reported;
            same && live.start_us.is_none_or(|start| began.contains(&start))
        };
        let sum = |one, other| exits.raw(row, one)?.checked_add(exits.raw(row, other)?);
        let mut all = Counters::default();
        all[CPU] = sum(exit::user_seconds, exit::system_seconds).into();
        all[READ] = exits.raw(row, exit::read_bytes).into();
        all[WRITTEN] = exits.raw(row, exit::written_bytes).into();
        let text = exits.texts(row).get(usize::from(exit::name.index));
        let name = text.and_then(Option::as_ref).map_or("", |name| name.shown());
        let signal = exits.raw(row, exit::signal);
        let code = exits.raw(row, exit::exit_code);

        let live = match self.departed.take(is_it) {
            Some(live) => Some(live),
            // It was still there when the processes were read, just before the reports were.
            None => self.live.iter_mut().find(|live| is_it(live)).map(|live| {
                live.reported = true;
                live.clone()
            }),
        };
        match live {
            Some(live) => {
                let used = increase(&live.counters, &all);
                self.count_end(&live.place, &used);
                self.lives.add(live.life, step.wall_ms, &used);
                self.lives.end(live.life, step.wall_ms, code, signal);
            }
            None => {
                // One that lived from sample to sample was in a table: this is some other's report.
                let start_us = before(step.stamp.boottime_ns);
                let seen = microseconds(earliest).saturating_sub(2 * TICK_US);
                if start_us < self.begin_us.max(seen) {
                    return;
                }
                let user_id = exits.raw(row, exit::user_id);
                let place = self.groups.place_of_end(name, user_id, pid);
                let used = all.map(|reading| reading.get());
                self.count_end(&place, &used);
                if self.pid.is_some() {
                    let life = self.lives.open_unseen(name, start_us, step.stamp);
                    self.lives.add(Some(life), step.wall_ms, &used);
                    self.lives.end(Some(life), step.wall_ms, code, signal);
                }
            }
        }
    }

    fn count_end(&mut self, place: &Place, used: &[Option<i64>; super::COUNTED.len()]) {
        self.groups.add(place, used);
        self.groups.add_from_exit(place, used[CPU].unwrap_or(0));
    }
}
