//! What happened in the samples that are kept: alerts, processes killed for want of memory, sources
//! that fell silent, time that nobody saw.
//!
//! All of it follows from the samples, so that a log made live and one made from a recording are the
//! same. Spikes are apart: they have to be found (see [`super::Spikes`]).

use std::collections::VecDeque;
use std::sync::Arc;

use retop_model::alert::{Gone, Severity, UNSEEN, about, metric};
use retop_model::family::{alert, cgroup, gpu, memory, source};
use retop_model::{FamilyId, Field, Key, Row, Snapshot, Stamp, Unit};

/// The oldest beyond this many are forgotten.
const MOST: usize = 1000;
/// A time between two samples is a gap if it is so many times as long as those around it ...
const LONGER: u64 = 4;
/// ... and takes at least this: a busy machine holds everybody up now and then.
const LEAST_GAP_NS: u64 = 5_000_000_000;
/// The wall clock was set if it moved by more than this beside the others.
const CLOCK_SET_MS: i64 = 2_000;

/// A kill that the machine counted is that of a group which was read so much later.
const EXPLAINED_NS: u64 = 15_000_000_000;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The first sample that shows it.
    pub number: u64,
    /// When that was taken.
    pub stamp: Stamp,
    /// What it was.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// An alert fired.
    Fired {
        /// The alert as it stood then.
        alert: Told,
        /// When it ended, if it has.
        ended: Option<Stamp>,
    },
    /// An alert ended.
    Cleared {
        /// The alert, with the worst that was measured meanwhile.
        alert: Told,
        /// When it had fired.
        fired: Stamp,
    },
    /// The kernel killed processes for want of memory.
    Killed {
        /// How many.
        count: u64,
        /// The control group whose limit it was; empty for the machine.
        group: String,
        /// Who is gone since, as far as that can be told: `name (pid)`.
        victim: Option<String>,
    },
    /// A source that worked gives nothing any more.
    Lost {
        /// The source.
        source: String,
        /// Why.
        reason: String,
    },
    /// A source that was lost works again.
    Back {
        /// The source.
        source: String,
    },
    /// A graphics processor that slept was woken.
    Woken {
        /// The device.
        device: String,
        /// Who had it open then.
        by: String,
    },
    /// The machine slept for so many seconds.
    Slept(f64),
    /// No sample was taken for so many seconds, and the machine was awake.
    Missed(f64),
    /// The wall clock was set by so many seconds.
    ClockSet(f64),
}

/// An alert as its row told it.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Name of the rule.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about; empty for the machine.
    pub subject: String,
    /// All of it in one sentence.
    pub message: String,
    /// Process behind it.
    pub culprit_pid: Option<u64>,
    /// The worst that was measured.
    pub worst: Option<f64>,
    /// The limit that was passed.
    pub limit: Option<f64>,
    /// The unit of both.
    pub unit: Unit,
}

impl Told {
    fn of(row: Row<'_>) -> Told {
        let critical = row.shown(alert::severity) == Severity::Critical.name();
        Told {
            name: row.shown(alert::alert).to_owned(),
            severity: if critical { Severity::Critical } else { Severity::Warning },
            subject: about(row).to_owned(),
            message: row.shown(alert::message).to_owned(),
            culprit_pid: row.raw(alert::culprit_pid).and_then(|pid| u64::try_from(pid).ok()),
            worst: row.get(alert::worst),
            limit: row.get(alert::limit),
            unit: metric(row.shown(alert::metric)).map_or(Unit::Count, Field::unit),
        }
    }
}

impl Told {
    fn memory(&self) -> usize {
        self.name.capacity() + self.subject.capacity() + self.message.capacity()
    }
}

impl What {
    fn memory(&self) -> usize {
        match self {
            What::Fired { alert, .. } | What::Cleared { alert, .. } => alert.memory(),
            What::Killed { group, victim, .. } => {
                group.capacity() + victim.as_ref().map_or(0, String::capacity)
            }
            What::Lost { source, reason } => source.capacity() + reason.capacity(),
            What::Back { source } => source.capacity(),
            What::Woken { device, by } => device.capacity() + by.capacity(),
            What::Slept(_) | What::Missed(_) | What::ClockSet(_) => 0,
        }
    }
}

/// Kills so far, and those for the group's own limit if that is known.
type Kills = (i64, Option<i64>);

/// An alert that fires.
#[derive(Debug)]
struct Open {
    key: Key,
    fired: Stamp,
    told: Told,
    seen: bool,
}

/// What happened, the oldest first.
#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<Arc<Entry>>,
    /// Bytes of the entries.
    bytes: usize,
    open: Vec<Open>,
    /// Alerts of which the newest sample told who is behind them, with when they had fired.
    named: Vec<(Told, Stamp)>,
    /// Sources that are lost.
    lost: Vec<Key>,
    /// Devices that are awake after a sleep.
    woken: Vec<Key>,
    /// Who is gone of late.
    gone: Gone,
    /// Kills so far, of the machine and of its groups.
    kills: Vec<(FamilyId, Key, Kills)>,
    /// The first sample that was looked at.
    first: Option<u64>,
    last: Option<Stamp>,
    /// The time before the newest sample, and the one before that if it may have been a gap.
    step_ns: u64,
    long: Option<(u64, Stamp, u64)>,
    version: u64,
}

impl Log {
    /// Looks at the newest sample.
    pub fn push(&mut self, number: u64, moment: &Snapshot) {
        self.first.get_or_insert(number);
        self.gone.note(moment);
        self.time(number, moment);
        self.alerts(number, moment);
        self.kills(number, moment);
        self.sources(number, moment);
        self.devices(number, moment);
        while self.entries.len() > MOST {
            self.drop_oldest();
        }
    }

    /// A log of what was found earlier. Its version is another one than `last`.
    pub(crate) fn restored(entries: Vec<Entry>, last: u64) -> Log {
        let mut log = Log { version: last, ..Log::default() };
        let excess = entries.len().saturating_sub(MOST);
        for Entry { number, stamp, mut what } in entries.into_iter().skip(excess) {
            if let What::Cleared { alert, fired } = &mut what {
                let wall_ms = fired.wall_ms;
                let began = |entry: &Entry| entry.stamp.wall_ms == wall_ms;
                // What was written tells the wall clock alone, which may have been set meanwhile.
                let known = log.amend(alert, began, |_, ended| *ended = Some(stamp));
                *fired = known.unwrap_or(*fired);
            }
            let is_of_group = matches!(&what, What::Killed { group, .. } if !group.is_empty());
            if !is_of_group || !log.explain(stamp, &what) {
                log.add(number, stamp, what);
            }
        }
        log.version += 1;
        log
    }

    fn add(&mut self, number: u64, stamp: Stamp, what: What) {
        self.bytes += size_of::<Entry>() + what.memory();
        self.entries.push_back(Arc::new(Entry { number, stamp, what }));
        self.version += 1;
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes -= size_of::<Entry>() + oldest.what.memory();
            self.version += 1;
        }
    }

    /// Forgets what came before that sample.
    pub fn forget(&mut self, first: u64) {
        while self.entries.front().is_some_and(|entry| entry.number < first) {
            self.drop_oldest();
        }
    }

    fn time(&mut self, number: u64, moment: &Snapshot) {
        let stamp = moment.stamp();
        let Some(last) = self.last.replace(stamp) else { return };
        let Some(step_ns) = stamp.monotonic_ns.checked_sub(last.monotonic_ns) else { return };
        let awake_ms = i64::try_from(step_ns / 1_000_000).unwrap_or(i64::MAX);
        let slept_ns = stamp.slept_ns(last);
        let asleep_ms = i64::try_from(slept_ns / 1_000_000).unwrap_or(i64::MAX);
        if stamp.slept_since(last) {
            self.add(number, stamp, What::Slept(slept_ns as f64 / 1e9));
        }
        let passed_ms = awake_ms.saturating_add(asleep_ms);
        let set_ms = stamp.wall_ms.saturating_sub(last.wall_ms).saturating_sub(passed_ms);
        if set_ms.abs() > CLOCK_SET_MS {
            self.add(number, stamp, What::ClockSet(set_ms as f64 / 1e3));
        }
        // A longer interval may have been asked for: the next one tells.
        if let Some((number, stamp, long_ns)) = self.long.take()
            && long_ns > step_ns.saturating_mul(LONGER)
        {
            self.add(number, stamp, What::Missed(long_ns as f64 / 1e9));
        }
        let long = self.step_ns > 0 && step_ns > self.step_ns.saturating_mul(LONGER);
        self.long = (long && step_ns > LEAST_GAP_NS).then_some((number, stamp, step_ns));
        self.step_ns = step_ns;
    }

    fn alerts(&mut self, number: u64, moment: &Snapshot) {
        let stamp = moment.stamp();
        self.open.iter_mut().for_each(|open| open.seen = false);
        let mut named = std::mem::take(&mut self.named);
        named.clear();
        // A kill has an entry of its own, with more to say.
        let fires = |row: &Row<'_>| {
            !row.shown(alert::metric).ends_with(memory::oom_kills_per_second.name())
        };
        for row in moment.rows(FamilyId::Alert).filter(fires) {
            let key = row.key();
            match self.open.iter_mut().find(|open| open.key == key) {
                Some(open) => {
                    open.seen = true;
                    open.told.worst = row.get(alert::worst);
                    // Somebody is named a few samples later where their bytes had to be read, and
                    // that it is nobody who was seen.
                    let is_named = row.raw(alert::culprit_pid).is_some();
                    let is_unseen = |message: &str| message.contains(UNSEEN);
                    if open.told.culprit_pid.is_none()
                        && (is_named
                            || is_unseen(row.shown(alert::message))
                                && !is_unseen(&open.told.message))
                    {
                        open.told = Told::of(row);
                        named.push((open.told.clone(), open.fired));
                    }
                }
                None => {
                    let told = Told::of(row);
                    self.open.push(Open { key, fired: stamp, told: told.clone(), seen: true });
                    self.add(number, stamp, What::Fired { alert: told, ended: None });
                }
            }
        }
        for (told, fired) in &named {
            self.amend(told, |entry| entry.stamp == *fired, |alert, _| *alert = told.clone());
        }
        self.named = named;
        while let Some(place) = self.open.iter().position(|open| !open.seen) {
            let Open { fired, told, .. } = self.open.remove(place);
            self.amend(&told, |entry| entry.stamp == fired, |_, ended| *ended = Some(stamp));
            self.add(number, stamp, What::Cleared { alert: told, fired });
        }
    }

    /// Adds to the entry of an alert's beginning what came out later; gives when that was.
    fn amend(
        &mut self,
        told: &Told,
        began: impl Fn(&Entry) -> bool,
        add: impl FnOnce(&mut Told, &mut Option<Stamp>),
    ) -> Option<Stamp> {
        for entry in self.entries.iter_mut().rev().filter(|entry| began(entry)) {
            let is_it = |what: &What| match what {
                What::Fired { alert, .. } => {
                    (&alert.name, &alert.subject) == (&told.name, &told.subject)
                }
                _ => false,
            };
            if is_it(&entry.what)
                && let What::Fired { alert, ended } = &mut Arc::make_mut(entry).what
            {
                let before = alert.memory();
                add(alert, ended);
                self.bytes += alert.memory();
                self.bytes -= before;
                self.version += 1;
                return Some(entry.stamp);
            }
        }
        None
    }

    fn kills(&mut self, number: u64, moment: &Snapshot) {
        let machine = (FamilyId::Memory, memory::oom_kills);
        let groups = (FamilyId::Cgroup, cgroup::oom_kills);
        for (family, field) in [machine, groups] {
            for row in moment.rows(family) {
                let Some(kills) = row.raw(field) else { continue };
                let key = row.key();
                let own = (family == FamilyId::Cgroup).then(|| row.raw(cgroup::limit_ooms));
                let kills = (kills, own.flatten());
                let known = self.kills.binary_search_by_key(&(family, key), |k| (k.0, k.1));
                let before = match known {
                    Ok(place) => Some(std::mem::replace(&mut self.kills[place].2, kills)),
                    Err(place) => {
                        self.kills.insert(place, (family, key, kills));
                        None
                    }
                };
                let Some(before) = before else { continue };
                let Some(more) = kills.0.checked_sub(before.0) else { continue };
                let Ok(count @ 1..) = u64::try_from(more) else { continue };
                let stamp = moment.stamp();
                if family == FamilyId::Memory {
                    let victim = self.gone.victim(None).map(|gone| gone.to_string());
                    let group = String::new();
                    self.add(number, stamp, What::Killed { count, group, victim });
                    continue;
                }
                // A group counts the kills of those below it too, and those of the whole machine.
                if kills.1.is_some() && kills.1 == before.1 {
                    continue;
                }
                let group = row.shown(cgroup::cgroup).to_owned();
                let victim = self.gone.victim(Some(&group)).map(|gone| gone.to_string());
                let what = What::Killed { count, group, victim };
                if !self.explain(stamp, &what) {
                    self.add(number, stamp, what);
                }
            }
        }
        // Groups that are gone; those of a walk that was not made stay.
        if moment.window(FamilyId::Cgroup).is_some() {
            self.kills.retain(|(family, key, _)| {
                *family != FamilyId::Cgroup || moment.find(FamilyId::Cgroup, *key).is_some()
            });
        }
    }

    /// Says whose limit it was of a kill that the machine has counted already: its groups are read
    /// seconds later. False if there is none.
    fn explain(&mut self, stamp: Stamp, what: &What) -> bool {
        let What::Killed { count, group, victim } = what else { return false };
        for entry in self.entries.iter_mut().rev() {
            let is_close = stamp.monotonic_ns.abs_diff(entry.stamp.monotonic_ns) < EXPLAINED_NS;
            let is_it = match &entry.what {
                What::Killed { count: known, group, victim: named } => {
                    let is_same = victim.is_none() || named.is_none() || named == victim;
                    group.is_empty() && known == count && is_same
                }
                _ => false,
            };
            if !(is_close && is_it) {
                continue;
            }
            let before = entry.what.memory();
            let entry = Arc::make_mut(entry);
            if let What::Killed { group: whose, victim: named, .. } = &mut entry.what {
                whose.clone_from(group);
                if named.is_none() {
                    named.clone_from(victim);
                }
            }
            self.bytes += entry.what.memory();
            self.bytes -= before;
            self.version += 1;
            return true;
        }
        false
    }

    fn sources(&mut self, number: u64, moment: &Snapshot) {
        for row in moment.rows(FamilyId::Source) {
            let is_lost = row.get(source::lost) == Some(1.0);
            let place = self.lost.iter().position(|&key| key == row.key());
            let source = || row.shown(source::source).to_owned();
            match (place, is_lost) {
                (None, true) => {
                    self.lost.push(row.key());
                    let reason = row.shown(source::reason).to_owned();
                    self.add(number, moment.stamp(), What::Lost { source: source(), reason });
                }
                (Some(place), false) if row.raw(source::state) == Some(source::WORKS) => {
                    self.lost.swap_remove(place);
                    self.add(number, moment.stamp(), What::Back { source: source() });
                }
                _ => {}
            }
        }
    }

    fn devices(&mut self, number: u64, moment: &Snapshot) {
        if moment.window(FamilyId::Gpu).is_none() {
            return;
        }
        // What was awake before the first sample is no news.
        let first = number == self.first.unwrap_or(number);
        for row in moment.rows(FamilyId::Gpu) {
            let place = self.woken.iter().position(|&key| key == row.key());
            match (place, row.text(gpu::woken_by)) {
                (None, Some(by)) => {
                    self.woken.push(row.key());
                    if !first {
                        let named =
                            [gpu::name, gpu::pci_address, gpu::uuid].map(|text| row.shown(text));
                        let device = named.into_iter().find(|text| !text.is_empty()).unwrap_or("");
                        let (device, by) = (device.to_owned(), by.shown().to_owned());
                        self.add(number, moment.stamp(), What::Woken { device, by });
                    }
                }
                (Some(place), None) => drop(self.woken.swap_remove(place)),
                _ => {}
            }
        }
        self.woken.retain(|&key| moment.find(FamilyId::Gpu, key).is_some());
    }

    /// Alerts that had fired before, and of which the newest sample told who is behind them; with
    /// when they had fired.
    pub(crate) fn named(&self) -> &[(Told, Stamp)] {
        &self.named
    }

    /// Everything, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Entry>> + ExactSizeIterator {
        self.entries.iter()
    }

    /// Another number whenever anything in it has changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes
            + self.entries.capacity() * size_of::<Arc<Entry>>()
            + self.open.capacity() * size_of::<Open>()
            + self.kills.capacity() * size_of::<(FamilyId, Key, Kills)>()
    }
}

#[cfg(test)]
mod tests;
