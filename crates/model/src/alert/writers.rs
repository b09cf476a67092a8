//! Who wrote how much, and whether that explains by how much a file system grew.
//!
//! Space is looked at every few seconds only, and who filled it may have stopped, or ended, before
//! it is. A wrong name is worse than none: who is named must have written a fair share of what came
//! to be in use, as far as that was seen.

use std::collections::VecDeque;

use super::culprit::Suspect;
use crate::family::{FamilyId, exit, filesystem, process};
use crate::snapshot::{Row, Snapshot};
use crate::table::Key;

/// What is less than this in a sample is beside the point ...
const LEAST: f64 = 65_536.0;
/// ... and those beyond so many are.
const MOST: usize = 64;
/// How far back looks at a file system, and ends of processes, are remembered.
const REMEMBERED_NS: u64 = 70_000_000_000;
/// Looks that are remembered of each file system.
const LOOKS: usize = 16;
/// A file system that grew by less than this share of what is in use rests.
const RESTS: f64 = 0.001;
/// The bytes of a whole life are near to the growth, or were written elsewhere ...
const NEAR: f64 = 0.75;
/// ... those of many together nearer, for many meet by chance ...
const NEARER: f64 = 0.9;
/// ... and who writes while it grows has written half of it at least, and four times as much at most.
const FAIR: f64 = 0.5;
const FAR: f64 = 0.25;
/// What grew since bytes are counted says something about what grew before if it is such a share.
const TELLING: f64 = 0.25;
/// A shell that waited has the bytes of its child as its own: the child is meant.
const CHILD_FIRST: f64 = 1.1;

/// Where bytes went.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// To disks.
    Device,
    /// Wherever else write calls go: the kernel does not say which of it was a file in memory.
    Elsewhere,
}

/// Who filled a file system, as far as can be told.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Verdict {
    pub suspect: Option<Suspect>,
    /// It was seen to grow: somebody must have written.
    pub has_grown: bool,
}

/// Bytes to disks, and to wherever else.
type Bytes = [f64; 2];

fn split(written: f64, handed: f64) -> Bytes {
    [written, (handed - written).max(0.0)]
}

/// A process that has ended.
#[derive(Debug)]
struct Ended {
    /// The sample that told of it.
    at_ns: u64,
    suspect: Suspect,
    bytes: Bytes,
}

/// What was in use of a file system when somebody looked.
#[derive(Debug)]
struct Level {
    key: Key,
    looks: VecDeque<(u64, f64)>,
}

/// Growth of a file system without a rest.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    /// The last look before it.
    since_ns: u64,
    bytes: f64,
}

impl Level {
    fn look(&mut self, at_ns: u64, used: f64) {
        self.looks.push_back((at_ns, used));
        let oldest_ns = at_ns.saturating_sub(REMEMBERED_NS);
        while self.looks.len() > LOOKS || self.looks.front().is_some_and(|l| l.0 < oldest_ns) {
            self.looks.pop_front();
        }
    }

    /// How it grew last.
    fn run(&self) -> Option<Run> {
        let grew = |at: usize| {
            let (before, after) = (self.looks.get(at.checked_sub(1)?)?.1, self.looks.get(at)?.1);
            Some(after - before > (before * RESTS).max(LEAST))
        };
        let end = (1..self.looks.len()).rev().find(|&at| grew(at) == Some(true))?;
        let start =
            (1..end).rev().take_while(|&at| grew(at) == Some(true)).last().unwrap_or(end) - 1;
        let (since_ns, before) = *self.looks.get(start)?;
        Some(Run { since_ns, bytes: self.looks.get(end)?.1 - before })
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Writers {
    /// What processes wrote since it is counted.
    sums: Vec<(Suspect, Bytes)>,
    /// What was in use of each file system when counting began.
    used: Vec<(Key, f64)>,
    ended: VecDeque<Ended>,
    /// The last end that was taken.
    last_end: u64,
    levels: Vec<Level>,
    looked_ns: u64,
}

impl Writers {
    /// Looks at what every moment tells for nothing: the space in use, and who has ended.
    pub fn note(&mut self, now: &Snapshot) {
        let at_ns = now.stamp().monotonic_ns;
        let oldest_ns = at_ns.saturating_sub(REMEMBERED_NS);
        while self.ended.len() >= MOST || self.ended.front().is_some_and(|e| e.at_ns < oldest_ns) {
            self.ended.pop_front();
        }
        let last = self.last_end;
        for row in now.rows(FamilyId::Exit).filter(|row| row.key().1 > last) {
            self.last_end = self.last_end.max(row.key().1);
            let [written, handed] = [exit::written_bytes, exit::write_call_bytes]
                .map(|field| row.get(field).unwrap_or(0.0));
            let bytes = split(written, handed);
            let Some(pid) = row.raw(exit::pid).and_then(|pid| u64::try_from(pid).ok()) else {
                continue;
            };
            if bytes[0].max(bytes[1]) < LEAST {
                continue;
            }
            let name = row.shown(exit::name).to_owned();
            let suspect = Suspect { key: Key(pid, 0), pid, name, guessed: false, ended: true };
            if self.ended.len() >= MOST {
                self.ended.pop_front();
            }
            self.ended.push_back(Ended { at_ns, suspect, bytes });
        }
        let Some(window) = now.window(FamilyId::Filesystem) else { return };
        if window.end_ns == self.looked_ns {
            return;
        }
        self.looked_ns = window.end_ns;
        self.levels.retain(|level| now.find(FamilyId::Filesystem, level.key).is_some());
        for row in now.rows(FamilyId::Filesystem) {
            let Some(used) = row.get(filesystem::used_bytes) else { continue };
            let key = row.key();
            match self.levels.iter_mut().find(|level| level.key == key) {
                Some(level) => level.look(window.end_ns, used),
                None => self.levels.push(Level { key, looks: [(window.end_ns, used)].into() }),
            }
        }
    }

    /// Counts nobody's bytes any more.
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

    /// Counts what was written since the moment before.
    pub fn push(&mut self, now: &Snapshot) {
        let Some(seconds) = now.interval_seconds() else { return };
        for row in now.rows(FamilyId::Process) {
            let rates = [process::written_bytes_per_second, process::write_call_bytes_per_second];
            let [written, handed] = rates.map(|rate| row.get(rate).unwrap_or(0.0) * seconds);
            let bytes = split(written, handed);
            if bytes[0].max(bytes[1]) < LEAST {
                continue;
            }
            match self.sums.iter_mut().find(|(known, _)| known.key == row.key()) {
                Some((_, sums)) => {
                    sums.iter_mut().zip(bytes).for_each(|(sum, more)| *sum += more);
                }
                None => self.sums.push((Suspect::named(row), bytes)),
            }
        }
        if self.sums.len() > MOST {
            self.sums.sort_by(|a, b| (b.1[0] + b.1[1]).total_cmp(&(a.1[0] + a.1[1])));
            self.sums.truncate(MOST);
        }
    }

    /// Who explains the growth of that file system best.
    pub fn of(&self, row: Row<'_>, target: Target) -> Verdict {
        let level = self.levels.iter().find(|level| level.key == row.key());
        let Some(run) = level.and_then(Level::run) else { return Verdict::default() };
        let at = target as usize;
        let others = self.levels.iter().filter(|level| level.key != row.key());
        let others: Vec<f64> = others.filter_map(|level| Some(level.run()?.bytes)).collect();
        let nearness = |bytes: f64, growth: f64| bytes.min(growth) / bytes.max(growth);
        let mut best: Option<(f64, Suspect)> = None;
        let mut weigh = |suspect: &Suspect, bytes: f64, growth: f64, least: f64, favour: f64| {
            let near = nearness(bytes, growth);
            let is_fair = growth > 0.0 && bytes >= growth * FAIR && near >= least;
            // What it wrote may be what another file system grew by.
            if !is_fair || others.iter().any(|&other| nearness(bytes, other) > near) {
                return;
            }
            let rank = near * favour;
            if best.as_ref().is_none_or(|(most, _)| rank > *most) {
                let guessed = suspect.guessed || near < NEAR || at > 0;
                best = Some((rank, Suspect { guessed, ..suspect.clone() }));
            }
        };
        let mut names: Vec<(Suspect, f64, f64)> = Vec::new();
        for ended in self.ended.iter().filter(|ended| ended.at_ns > run.since_ns) {
            let bytes = ended.bytes[at];
            match names.iter_mut().find(|(known, ..)| known.name == ended.suspect.name) {
                // Many of one name count together, and the largest stands for them.
                Some((known, all, most)) => {
                    *all += bytes;
                    if bytes > *most {
                        (*known, *most) = (ended.suspect.clone(), bytes);
                    }
                    known.guessed = *most < *all * NEAR;
                }
                None => names.push((ended.suspect.clone(), bytes, bytes)),
            }
        }
        for (suspect, all, most) in &names {
            let least = if most < all { NEARER } else { NEAR };
            weigh(suspect, *all, run.bytes, least, CHILD_FIRST);
            weigh(suspect, *most, run.bytes, NEAR, CHILD_FIRST);
        }
        let began = self.used.iter().find(|(key, _)| *key == row.key());
        let counted = began.and_then(|(_, began)| Some(row.get(filesystem::used_bytes)? - began));
        if let Some(counted) = counted.filter(|&counted| counted >= run.bytes * TELLING) {
            for (suspect, bytes) in &self.sums {
                weigh(suspect, bytes[at], counted, FAR, 1.0);
            }
        }
        // Who is younger than the growth has written for nothing else.
        let stamp = row.snapshot().stamp();
        let asleep_ns = stamp.boottime_ns.saturating_sub(stamp.monotonic_ns);
        let since = run.since_ns.saturating_add(asleep_ns) as f64 / 1e9;
        for young in row.snapshot().rows(FamilyId::Process) {
            if young.get(process::start_seconds).is_some_and(|start| start >= since) {
                let [written, handed] = [process::written_bytes, process::write_call_bytes]
                    .map(|field| young.get(field).unwrap_or(0.0));
                weigh(&Suspect::named(young), split(written, handed)[at], run.bytes, NEAR, 1.0);
            }
        }
        Verdict { suspect: best.map(|(_, suspect)| suspect), has_grown: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(looks: &[f64]) -> Option<(u64, f64)> {
        let mut level = Level { key: Key::ONE, looks: VecDeque::new() };
        for (place, &used) in (0_u64..).zip(looks) {
            level.look(place * 10_000_000_000, used * 1e6);
        }
        level.run().map(|run| (run.since_ns / 10_000_000_000, run.bytes / 1e6))
    }

    #[test]
    fn a_run_is_growth_without_a_rest() {
        for (looks, want) in [
            (&[][..], None),
            (&[5.0], None),
            (&[5.0, 5.0], None),
            (&[5.0, 4.0], None),
            (&[5.0, 90.0], Some((0, 85.0))),
            (&[5.0, 5.0, 90.0], Some((1, 85.0))),
            (&[5.0, 20.0, 90.0], Some((0, 85.0))),
            // Full, and looked at again.
            (&[5.0, 90.0, 90.0, 90.0], Some((0, 85.0))),
            // It grew, was emptied, grew again.
            (&[5.0, 90.0, 2.0, 50.0], Some((2, 48.0))),
            // What grows by next to nothing rests: the noise of a log.
            (&[5000.0, 5000.1, 5900.0], Some((1, 899.9))),
            // No further back than a minute.
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0], Some((2, 7.0))),
            (&[f64::NAN, 1.0, f64::INFINITY], Some((1, f64::INFINITY))),
        ] {
            let found = run(looks).map(|(since, bytes)| (since, (bytes * 10.0).round() / 10.0));
            assert_eq!(found, want, "{looks:?}");
        }
    }
}
