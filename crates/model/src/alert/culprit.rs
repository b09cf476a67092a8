//! Who is behind it.

use super::gone::Gone;
use super::rule::{Culprit, Rule};
use super::writers::{Target, Verdict, Writers};
use crate::family::{FamilyId, cgroup, filesystem, gpu_forecast, process};
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
    /// It had ended by then.
    pub ended: bool,
}

impl Suspect {
    pub(super) fn named(row: Row<'_>) -> Suspect {
        let (key, name) = (row.key(), row.shown(process::name).to_owned());
        Suspect { key, pid: key.0, name, guessed: false, ended: false }
    }
}

/// The process that uses most of what the rule is about.
pub(super) fn of(rule: &Rule, row: Row<'_>, writers: &Writers, gone: &mut Gone) -> Verdict {
    if rule.culprit == Culprit::Writer {
        let has_device = row.shown(filesystem::device).starts_with('/');
        return writers.of(row, if has_device { Target::Device } else { Target::Elsewhere });
    }
    Verdict { suspect: user(rule.culprit, row, gone), has_grown: false }
}

fn user(culprit: Culprit, row: Row<'_>, gone: &mut Gone) -> Option<Suspect> {
    let now = row.snapshot();
    match culprit {
        Culprit::Nobody | Culprit::Writer => None,
        Culprit::Most(field) => most(now, field, None, 0.0),
        Culprit::MostWithin(field) => {
            // Files in memory count as the group's, and are no process's.
            let used = (field == process::resident_bytes)
                .then(|| row.get(cgroup::working_set_bytes))
                .flatten();
            let least = used.unwrap_or(0.0) * FAIR;
            most(now, field, Some(row.shown(cgroup::cgroup)), least)
        }
        Culprit::Thrashing => {
            let within =
                waiting(now).and_then(|group| most(now, process::resident_bytes, Some(group), 0.0));
            within.or_else(|| most(now, process::resident_bytes, None, 0.0))
        }
        Culprit::ParentOf(state) => parent_of_most(now, state),
        Culprit::Killed => gone.victim(None),
        Culprit::Victim => {
            let pid = u64::try_from(row.raw(gpu_forecast::victim_pid)?).ok()?;
            let name = row.shown(gpu_forecast::victim).to_owned();
            Some(Suspect { key: Key(pid, 0), pid, name, guessed: true, ended: false })
        }
        Culprit::KilledWithin => gone.victim(Some(row.shown(cgroup::cgroup))),
    }
}

/// Of a group's memory a process must have such a share to be behind it.
const FAIR: f64 = 0.2;

fn most(now: &Snapshot, field: Field, group: Option<&str>, least: f64) -> Option<Suspect> {
    let members = now.rows(FamilyId::Process).filter(|row| belongs(*row, group));
    let (row, _) = members
        .filter_map(|row| Some((row, row.get(field).filter(|&v| v > 0.0 && v >= least)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Suspect::named(row))
}

/// The control group in which memory is waited for, if it is one group: the deepest of those that wait
/// nearly as long as any.
fn waiting(now: &Snapshot) -> Option<&str> {
    const LEAST: f64 = 0.05;
    const NEARLY: f64 = 0.9;
    let wait = |row: &Row<'_>| row.get(cgroup::memory_pressure_ratio).unwrap_or(0.0);
    let below = now.rows(FamilyId::Cgroup).filter(|row| row.raw(cgroup::depth) != Some(0));
    let longest = below.clone().map(|row| wait(&row)).fold(0.0, f64::max);
    let near = below.filter(|row| longest >= LEAST && wait(row) >= longest * NEARLY);
    Some(near.max_by_key(|row| row.raw(cgroup::depth))?.shown(cgroup::cgroup))
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
    group.is_none_or(|group| is_within(row.shown(process::cgroup), group))
}

/// True for the path of the group, or of one below it.
pub(super) fn is_within(path: &str, group: &str) -> bool {
    let rest = path.strip_prefix(group);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || group == "/")
}
