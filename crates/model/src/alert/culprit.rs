//! Who is behind it.

use std::sync::Arc;

use super::rule::{Culprit, Rule};
use crate::family::{FamilyId, cgroup, exit, filesystem, gpu_forecast, process};
use crate::metric::Field;
use crate::snapshot::{Row, Snapshot};
use crate::table::Key;

/// A process named by an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The process.
    pub key: Key,
    /// Its pid.
    pub pid: u64,
    /// Its name as it may be shown.
    pub name: String,
    /// Concluded from what else is known, and not read from its own numbers.
    pub guessed: bool,
}

impl Suspect {
    fn named(row: Row<'_>) -> Suspect {
        let key = row.key();
        Suspect { key, pid: key.0, name: row.shown(process::name).to_owned(), guessed: false }
    }
}

/// The process that uses most of what the rule is about.
pub(super) fn of(rule: &Rule, row: Row<'_>, writers: &Writers) -> Option<Suspect> {
    let now = row.snapshot();
    match rule.culprit {
        Culprit::Nobody => None,
        Culprit::Most(field) => most(now, field, None),
        Culprit::MostWithin(field) => most(now, field, Some(row.shown(cgroup::cgroup))),
        Culprit::Writer => {
            let has_device = row.shown(filesystem::device).starts_with('/');
            writers.of(row, if has_device { Target::Device } else { Target::Elsewhere })
        }
        Culprit::ParentOf(state) => parent_of_most(now, state),
        Culprit::Killed => victim(now, None),
        Culprit::Victim => {
            let pid = u64::try_from(row.raw(gpu_forecast::victim_pid)?).ok()?;
            let name = row.shown(gpu_forecast::victim).to_owned();
            Some(Suspect { key: Key(pid, 0), pid, name, guessed: true })
        }
        Culprit::KilledWithin => victim(now, Some(row.shown(cgroup::cgroup))),
    }
}

fn most(now: &Snapshot, field: Field, group: Option<&str>) -> Option<Suspect> {
    let members = now.rows(FamilyId::Process).filter(|row| belongs(*row, group));
    let (row, _) = members
        .filter_map(|row| Some((row, row.get(field).filter(|&value| value > 0.0)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Suspect::named(row))
}

impl Culprit {
    /// True if the bytes that processes read and write tell who it is.
    pub(super) fn needs_io(self) -> bool {
        let counted = [
            process::read_bytes_per_second,
            process::written_bytes_per_second,
            process::io_bytes_per_second,
            process::write_call_bytes_per_second,
        ];
        match self {
            Culprit::Writer => true,
            Culprit::Most(field) | Culprit::MostWithin(field) => counted.contains(&field),
            _ => false,
        }
    }
}

/// Where bytes went.
#[derive(Clone, Copy)]
enum Target {
    /// To disks.
    Device,
    /// Wherever else write calls go: the kernel does not say which of it was a file in memory.
    Elsewhere,
}

/// Who wrote how much since a disk began to fill. Space is looked at every few seconds only, and who
/// filled it may have stopped, or ended, before it is.
#[derive(Debug, Default)]
pub(super) struct Writers {
    sums: Vec<(Suspect, [f64; 2])>,
    /// What was in use of each file system when it began.
    used: Vec<(Key, f64)>,
}

impl Writers {
    /// What is less than this in a sample is beside the point ...
    const LEAST: f64 = 65_536.0;
    /// ... and those beyond so many are.
    const MOST: usize = 64;

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.sums.clear();
        self.used.clear();
    }

    /// Begins to count.
    pub fn begin(&mut self, now: &Snapshot) {
        self.clear();
        let used = |row: Row<'_>| Some((row.key(), row.get(filesystem::used_bytes)?));
        self.used.extend(now.rows(FamilyId::Filesystem).filter_map(used));
    }

    pub fn push(&mut self, now: &Snapshot) {
        let Some(seconds) = now.interval_seconds() else { return };
        for row in now.rows(FamilyId::Process) {
            let rates = [process::written_bytes_per_second, process::write_call_bytes_per_second];
            let [written, handed] = rates.map(|rate| row.get(rate).unwrap_or(0.0) * seconds);
            let bytes = [written, (handed - written).max(0.0)];
            if bytes[0].max(bytes[1]) < Self::LEAST {
                continue;
            }
            match self.sums.iter_mut().find(|(known, _)| known.key == row.key()) {
                Some((_, sums)) => {
                    sums.iter_mut().zip(bytes).for_each(|(sum, more)| *sum += more);
                }
                None => self.sums.push((Suspect::named(row), bytes)),
            }
        }
        if self.sums.len() > Self::MOST {
            self.sums.sort_by(|a, b| (b.1[0] + b.1[1]).total_cmp(&(a.1[0] + a.1[1])));
            self.sums.truncate(Self::MOST);
        }
    }

    /// Who wrote most; if it is known by how much the file system grew, who wrote most nearly that
    /// much: others write more, and elsewhere.
    fn of(&self, row: Row<'_>, target: Target) -> Option<Suspect> {
        let at = target as usize;
        let before = self.used.iter().find(|(key, _)| *key == row.key());
        let grown = before.and_then(|(_, before)| Some(row.get(filesystem::used_bytes)? - before));
        let rank = |bytes: f64| match grown.filter(|&grown| grown > 0.0) {
            Some(grown) => bytes.min(grown) / bytes.max(grown),
            None => bytes,
        };
        let best = self.sums.iter().filter(|(_, sums)| sums[at] > 0.0);
        let best = best.max_by(|a, b| rank(a.1[at]).total_cmp(&rank(b.1[at])))?;
        Some(Suspect { guessed: matches!(target, Target::Elsewhere), ..best.0.clone() })
    }
}

/// Whose children are most often in that state.
fn parent_of_most(now: &Snapshot, state: &str) -> Option<Suspect> {
    let mut parents: Vec<i64> = now
        .rows(FamilyId::Process)
        .filter(|row| row.state(process::state) == Some(state))
        .filter_map(|row| row.raw(process::parent_pid))
        .collect();
    parents.sort_unstable();
    let most = parents.chunk_by(|a, b| a == b).max_by_key(|same| same.len())?;
    let pid = u64::try_from(*most.first()?).ok()?;
    let parent = now.rows(FamilyId::Process).find(|row| row.key().0 == pid)?;
    Some(Suspect::named(parent))
}

/// True for a process of the group, or of a group below it.
fn belongs(row: Row<'_>, group: Option<&str>) -> bool {
    group.is_none_or(|group| {
        let rest = row.shown(process::cgroup).strip_prefix(group);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || group == "/")
    })
}

/// Who was probably killed for want of memory since the moment before: of those who are gone the
/// one that had most memory, and if the kernel reports ends, only those that SIGKILL has ended.
#[must_use]
pub fn victim(now: &Snapshot, group: Option<&str>) -> Option<Suspect> {
    const KILL: i64 = 9;
    let then = Snapshot::compare(None, Arc::clone(now.before()?));
    let killed = |pid: u64| {
        let mut ends = now.rows(FamilyId::Exit).filter(|row| row.raw(exit::signal) == Some(KILL));
        ends.any(|row| row.raw(exit::pid).and_then(|raw| u64::try_from(raw).ok()) == Some(pid))
    };
    // One that nobody has asked for yet is still there, without its memory.
    let is_gone = |key: Key| {
        let row = now.find(FamilyId::Process, key);
        row.is_none_or(|row| matches!(row.state(process::state), Some("zombie" | "dead")))
    };
    let reported = now.rows(FamilyId::Exit).len() > 0;
    let (row, _) = then
        .rows(FamilyId::Process)
        .filter(|row| is_gone(row.key()) && belongs(*row, group))
        .filter(|row| !reported || killed(row.key().0))
        .filter_map(|row| Some((row, row.raw(process::resident_bytes).filter(|&b| b > 0)?)))
        .max_by_key(|&(_, bytes)| bytes)?;
    Some(Suspect { guessed: true, ..Suspect::named(row) })
}
