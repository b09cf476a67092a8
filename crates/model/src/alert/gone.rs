//! Who was there a moment ago and is gone: of those the kernel killed one for want of memory.
//!
//! What tells of a kill may be read seconds after the processes are: control groups are read now
//! and then. So those who are gone are remembered for as long as that takes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::culprit::{Suspect, is_within};
use crate::family::{FamilyId, exit, process};
use crate::sample::RawSample;
use crate::snapshot::{Row, Snapshot};
use crate::stamp::Stamp;
use crate::table::RawTable;
use crate::text::Text;

/// Control groups are read every ten seconds at least.
const REMEMBERED_NS: u64 = 15_000_000_000;
/// Kills of the machine are counted at each sample; a large process takes a moment to be gone.
const RECENT_NS: u64 = 3_000_000_000;
/// Those with least memory are forgotten first.
const MOST: usize = 64;
/// Ends that are remembered.
const MOST_ENDS: usize = 256;
const KILL: i64 = 9;

#[derive(Debug)]
struct One {
    at_ns: u64,
    bytes: i64,
    suspect: Suspect,
    group: Option<Text>,
    /// By SIGKILL, where the kernel reports how processes end.
    killed: Option<bool>,
    /// Named as a victim of the machine, and of a group.
    named: [bool; 2],
}

/// See the module.
#[derive(Debug, Default)]
pub struct Gone {
    recent: Vec<One>,
    /// How processes ended of late: when that was told, of whom, and whether it was by SIGKILL. That
    /// may come before they are missed, and after.
    ends: VecDeque<(u64, u64, bool)>,
    noted: Option<Stamp>,
    /// The last end that was taken.
    last_end: u64,
}

impl Gone {
    /// Looks at who is gone since the moment before.
    pub fn note(&mut self, now: &Snapshot) {
        let stamp = now.stamp();
        if self.noted.replace(stamp) == Some(stamp) {
            return;
        }
        let at_ns = stamp.monotonic_ns;
        self.recent.retain(|one| at_ns.saturating_sub(one.at_ns) < REMEMBERED_NS);
        self.note_ends(now);
        if let Some(before) = now.before() {
            self.compare(before, now);
        }
    }

    fn note_ends(&mut self, now: &Snapshot) {
        let at_ns = now.stamp().monotonic_ns;
        while self.ends.front().is_some_and(|end| at_ns.saturating_sub(end.0) >= REMEMBERED_NS) {
            self.ends.pop_front();
        }
        let last = self.last_end;
        for row in now.rows(FamilyId::Exit).filter(|row| row.key().1 > last) {
            self.last_end = self.last_end.max(row.key().1);
            let Some(pid) = row.raw(exit::pid).and_then(|raw| u64::try_from(raw).ok()) else {
                continue;
            };
            let killed = row.raw(exit::signal) == Some(KILL);
            let those = self.recent.iter_mut().filter(|one| one.suspect.pid == pid);
            those.for_each(|one| one.killed = Some(killed));
            if self.ends.len() >= MOST_ENDS {
                self.ends.pop_front();
            }
            self.ends.push_back((at_ns, pid, killed));
        }
    }

    /// Nothing is made of the moment before, and so nothing allocated, until somebody is missed.
    fn compare(&mut self, before: &Arc<RawSample>, now: &Snapshot) {
        let tables = (before.table(FamilyId::Process), now.raw().table(FamilyId::Process));
        let (Some(then), Some(table)) = tables else { return };
        if then.window() == table.window() {
            return;
        }
        let mut moment = None;
        let mut at = 0;
        // Both are in order.
        for (row, key) in then.keys().iter().enumerate() {
            while table.keys().get(at).is_some_and(|other| other < key) {
                at += 1;
            }
            let is_there = table.keys().get(at) == Some(key) && !has_ended(table, at);
            if !is_there && !has_ended(then, row) {
                let make = || Snapshot::compare(None, Arc::clone(before));
                let row = moment.get_or_insert_with(make).row(FamilyId::Process, row);
                row.into_iter().for_each(|row| self.add(row, now));
            }
        }
    }

    fn add(&mut self, row: Row<'_>, now: &Snapshot) {
        let Some(bytes) = row.raw(process::resident_bytes) else { return };
        if self.recent.len() >= MOST {
            let least = (0..self.recent.len()).min_by_key(|&place| self.recent[place].bytes);
            match least {
                Some(place) if self.recent[place].bytes < bytes => {
                    self.recent.swap_remove(place);
                }
                _ => return,
            }
        }
        let pid = row.key().0;
        let end = self.ends.iter().rev().find(|end| end.1 == pid);
        self.recent.push(One {
            at_ns: now.stamp().monotonic_ns,
            bytes,
            suspect: Suspect { guessed: true, ..Suspect::named(row) },
            group: row.text(process::cgroup).cloned(),
            killed: end.map(|end| end.2),
            named: [false; 2],
        });
    }

    /// Who was probably killed for want of memory, of the machine or of a control group: of those
    /// who are gone the one that had most, and none whom the kernel reports to have ended otherwise.
    /// Nobody is killed twice.
    pub fn victim(&mut self, group: Option<&str>) -> Option<Suspect> {
        let now_ns = self.noted?.monotonic_ns;
        let within_ns = if group.is_some() { REMEMBERED_NS } else { RECENT_NS };
        let is_of = |one: &One| {
            let path = one.group.as_ref().map_or("", Text::shown);
            group.is_none_or(|group| is_within(path, group))
        };
        let whose = usize::from(group.is_some());
        let is_open = |one: &&mut One| {
            let is_recent = now_ns.saturating_sub(one.at_ns) < within_ns;
            // The machine counts a kill first, and groups tell whose it was.
            let is_taken = one.named[whose..].contains(&true);
            is_recent && one.killed != Some(false) && !is_taken && is_of(one)
        };
        let open = self.recent.iter_mut().filter(is_open);
        let victim = open.max_by_key(|one| (one.killed, one.bytes))?;
        victim.named[whose] = true;
        Some(victim.suspect.clone())
    }
}

/// One that nobody has asked for yet is still there, without its memory; and so is one that was
/// killed and still runs to its end (kernel 6.1: for some samples on a busy machine).
fn has_ended(table: &RawTable, row: usize) -> bool {
    let state = table.raw(row, process::state).and_then(|state| usize::try_from(state).ok());
    let state = state.and_then(|state| process::state.states()?.get(state).copied());
    let is_over = matches!(state, Some("zombie" | "dead"));
    is_over || table.raw(row, process::resident_bytes) == Some(0)
}
