//! Who is behind it.

use std::sync::Arc;

use super::rule::{Culprit, Rule};
use crate::family::{FamilyId, cgroup, exit, process};
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
pub(super) fn of(rule: &Rule, row: Row<'_>) -> Option<Suspect> {
    let now = row.snapshot();
    match rule.culprit {
        Culprit::Nobody => None,
        Culprit::Most(field) => most(now, field, None),
        Culprit::MostWithin(field) => most(now, field, Some(row.shown(cgroup::cgroup))),
        Culprit::Killed => victim(now, None),
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
