//! Processes as time series: by named groups, and only when asked for.
//!
//! A pid as a label makes a new series for every process that is ever born: 5 births a second are
//! 467,000 series a day. A group is a name that many processes bear; how many groups there may be
//! is fixed, and what no group claims is in `other`. Counters add up what each process used while
//! it was watched, so a process that ends never makes one fall.

use std::collections::HashMap;
use std::ops::Add;
use std::sync::Arc;

use retop_model::counter;
use retop_model::family::{cpu, group, memory, process};
use retop_model::filter::Wild;
use retop_model::{FamilyId, Field, Key, RawSample, RawTable, Reading, Row, Snapshot, derive};

/// The group of the processes that no group claims.
pub const OTHER: &str = "other";
/// How many groups there are when retop chooses them.
const AUTO_GROUPS: usize = 50;
/// Over what time the use of CPU and memory is averaged when groups are ranked.
const MEMORY_SECONDS: f64 = 600.0;
/// How much more than a group that is in another must use to take its place. Without such a lead
/// two groups alike would push each other out at every sample, each time with new series.
const LEAD: f64 = 1.25;
/// Clocks of processes and of samples are this close: a process that started so long before the
/// last sample may have been missed by it.
const SLACK_SECONDS: f64 = 2.0;

/// Which processes make a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRules {
    /// Each name of a program is a group; so many are kept, those that use most CPU and memory.
    Auto(usize),
    /// The first rule that matches a process names its group.
    Named(Vec<Rule>),
}

impl GroupRules {
    /// The name of the program (never its arguments) is the group; the 50 that use most are kept.
    #[must_use]
    pub fn auto() -> GroupRules {
        GroupRules::Auto(AUTO_GROUPS)
    }
}

/// One line of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Name of the program, with `*` for any text and `?` for any character.
    pub pattern: Wild,
    /// The group that it belongs to.
    pub group: String,
}

/// The counters of a process that are added up, and where the sums go.
const COUNTERS: [(Field, Field); 11] = [
    (process::user_seconds, group::user_seconds),
    (process::system_seconds, group::system_seconds),
    (process::read_bytes, group::read_bytes),
    (process::written_bytes, group::written_bytes),
    (process::cycles, group::cycles),
    (process::instructions, group::instructions),
    (process::cache_references, group::cache_references),
    (process::cache_misses, group::cache_misses),
    (process::branches, group::branches),
    (process::branch_misses, group::branch_misses),
    (process::energy_joules, group::energy_joules),
];
type Counters = [Reading; COUNTERS.len()];

/// The groups at one moment.
#[derive(Clone, Debug)]
pub struct Grouped {
    /// A snapshot with the group family alone.
    pub snapshot: Arc<Snapshot>,
    /// Times that a group lost its place to another since the start.
    pub dropped: u64,
}

/// Adds up what the processes of each group used, snapshot by snapshot.
#[derive(Debug)]
pub struct Groups {
    rules: GroupRules,
    /// What the counters of each live process stood at.
    seen: HashMap<Key, Counters>,
    groups: HashMap<Box<str>, Group>,
    other: Group,
    dropped: u64,
    /// Time since boot at the last snapshot; `None` before the first.
    last_seconds: Option<f64>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    /// Sums since the group has its place; missing until a process gave the number.
    totals: Counters,
    /// What this snapshot adds.
    added: Counters,
    processes: i64,
    threads: i64,
    resident_bytes: i64,
    /// What they use of graphics processors; missing where none of them is on any.
    gpu_memory_bytes: Option<f64>,
    gpu_ratio: Option<f64>,
    gpu_full_seconds: Option<f64>,
    /// Share of the machine's CPU and memory, averaged.
    score: f64,
    /// It has a place, and series of its own.
    named: bool,
}

impl Groups {
    /// No group has used anything yet.
    #[must_use]
    pub fn new(rules: GroupRules) -> Groups {
        let mut groups = HashMap::new();
        if let GroupRules::Named(rules) = &rules {
            for rule in rules.iter().filter(|rule| rule.group != OTHER) {
                let named = Group { named: true, ..Group::default() };
                groups.insert(rule.group.as_str().into(), named);
            }
        }
        let (seen, other) = (HashMap::new(), Group::default());
        Groups { rules, seen, groups, other, dropped: 0, last_seconds: None }
    }

    /// Takes the next snapshot. One without a process table changes nothing.
    pub fn advance(&mut self, snapshot: &Snapshot) -> Grouped {
        if snapshot.window(FamilyId::Process).is_some() {
            for group in self.groups.values_mut().chain([&mut self.other]) {
                let Group { totals, score, named, .. } = *group;
                *group = Group { totals, score, named, ..Group::default() };
            }
            let mut seen = HashMap::with_capacity(self.seen.len());
            for row in snapshot.rows(FamilyId::Process) {
                self.add(row, &mut seen);
            }
            self.seen = seen;
            self.last_seconds = Some(snapshot.stamp().boottime_ns as f64 / 1e9);
            self.rank(snapshot);
            self.settle();
        }
        Grouped { snapshot: Arc::new(self.table(snapshot)), dropped: self.dropped }
    }

    /// Adds a process to its group.
    fn add(&mut self, row: Row<'_>, seen: &mut HashMap<Key, Counters>) {
        // A process that started since the last snapshot used all of it since then. An older one
        // that was not there (its file could not be read for once) begins at what it stands at.
        let born = match (self.last_seconds, row.get(process::start_seconds)) {
            (Some(last), Some(start)) => start >= last - SLACK_SECONDS,
            _ => false,
        };
        let origin = if born { Reading::new(0) } else { Reading::NONE };
        let mut last = *self.seen.get(&row.key()).unwrap_or(&[origin; COUNTERS.len()]);
        let group = find(&self.rules, &mut self.groups, &mut self.other, row.shown(process::name));
        for (((field, _), last), added) in COUNTERS.iter().zip(&mut last).zip(&mut group.added) {
            let Some(now) = row.raw(*field) else { continue };
            let grown = last.get().and_then(|last| counter::increase(last, now)).unwrap_or(0);
            *added = added.get().unwrap_or(0).saturating_add(grown).into();
            *last = now.into();
        }
        group.processes += 1;
        let plus = |sum: &mut i64, field| *sum = sum.saturating_add(row.raw(field).unwrap_or(0));
        plus(&mut group.threads, process::threads);
        plus(&mut group.resident_bytes, process::resident_bytes);
        if row.snapshot().window(FamilyId::GpuProcess).is_some() {
            join(&mut group.gpu_memory_bytes, row.get(process::gpu_memory_bytes), Add::add);
            join(&mut group.gpu_ratio, row.get(process::gpu_ratio), Add::add);
            join(&mut group.gpu_full_seconds, row.get(process::gpu_full_seconds), f64::min);
        }
        seen.insert(row.key(), last);
    }

    /// Gives the places to the groups that use most, where retop chooses.
    fn rank(&mut self, snapshot: &Snapshot) {
        let GroupRules::Auto(places) = self.rules else { return };
        let weight = snapshot.interval_seconds().map_or(1.0, |s| 1.0 - (-s / MEMORY_SECONDS).exp());
        let seconds = snapshot.interval_seconds().unwrap_or(f64::INFINITY);
        let cpus = snapshot.one(cpu::logical).unwrap_or(1.0).max(1.0);
        let bytes = snapshot.one(memory::total_bytes).filter(|&b| b > 0.0);
        let mut order: Vec<(f64, Box<str>)> = Vec::with_capacity(self.groups.len());
        for (name, group) in &mut self.groups {
            let used =
                group.added[0].get().unwrap_or(0).saturating_add(group.added[1].get().unwrap_or(0));
            let cpu_share = used as f64 / 1e6 / seconds / cpus;
            let memory_share = bytes.map_or(0.0, |bytes| group.resident_bytes as f64 / bytes);
            group.score += weight * (cpu_share + memory_share - group.score);
            let rank = group.score * if group.named { LEAD } else { 1.0 };
            order.push((rank, name.clone()));
        }
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for (place, (_, name)) in order.iter().enumerate() {
            if let Some(group) = self.groups.get_mut(name) {
                let lost = group.named && place >= places;
                self.dropped += u64::from(lost);
                group.named = place < places;
            }
        }
    }

    /// Adds what this snapshot brought to the groups that have a place, and the rest to `other`.
    fn settle(&mut self) {
        let other = &mut self.other;
        for group in self.groups.values_mut() {
            if group.named {
                sum(&mut group.totals, &group.added);
            } else {
                sum(&mut other.added, &group.added);
                other.processes += group.processes;
                other.threads = other.threads.saturating_add(group.threads);
                other.resident_bytes = other.resident_bytes.saturating_add(group.resident_bytes);
                join(&mut other.gpu_memory_bytes, group.gpu_memory_bytes, Add::add);
                join(&mut other.gpu_ratio, group.gpu_ratio, Add::add);
                join(&mut other.gpu_full_seconds, group.gpu_full_seconds, f64::min);
            }
        }
        sum(&mut other.totals, &other.added);
        // A group without place and process is forgotten, and would begin at 0 again, which servers
        // take for a restart: names come from whoever runs programs, and there is no end to them.
        self.groups.retain(|_, group| group.named || group.processes > 0);
    }

    fn table(&self, snapshot: &Snapshot) -> Snapshot {
        let mut table = RawTable::new(FamilyId::Group);
        let named = self.groups.iter().filter(|(_, group)| group.named);
        let named = named.map(|(name, group)| (&**name, group));
        for (name, group) in named.chain([(OTHER, &self.other)]) {
            let mut row = table.push(Key::named(name.as_bytes()));
            row.text(group::group, name)
                .set(group::processes, group.processes)
                .set(group::threads, group.threads)
                .set(group::resident_bytes, group.resident_bytes)
                .set(group::gpu_memory_bytes, scaled(group.gpu_memory_bytes, 1.0))
                .set(group::gpu_ratio, scaled(group.gpu_ratio, 1e4))
                .set(group::gpu_full_seconds, scaled(group.gpu_full_seconds, 1e3));
            for ((_, field), total) in COUNTERS.iter().zip(group.totals) {
                row.set(*field, total);
            }
        }
        table.finish(snapshot.window(FamilyId::Process).unwrap_or_default());
        let mut sample = RawSample::new(snapshot.stamp());
        if self.last_seconds.is_some() {
            sample.put(Arc::new(table));
        }
        derive(None, Arc::new(sample))
    }
}

/// Takes a value into one that may be missing still.
fn join(all: &mut Option<f64>, one: Option<f64>, with: fn(f64, f64) -> f64) {
    let Some(one) = one else { return };
    *all = Some(all.map_or(one, |all| with(all, one)));
}

/// As the whole number that a table holds.
fn scaled(value: Option<f64>, divisor: f64) -> Option<i64> {
    value.map(|value| (value * divisor).round() as i64)
}

fn sum(totals: &mut Counters, added: &Counters) {
    for (total, added) in totals.iter_mut().zip(added) {
        if let Some(added) = added.get() {
            *total = total.get().unwrap_or(0).saturating_add(added).into();
        }
    }
}

/// The group of a program of that name.
fn find<'a>(
    rules: &GroupRules,
    groups: &'a mut HashMap<Box<str>, Group>,
    other: &'a mut Group,
    name: &str,
) -> &'a mut Group {
    let group = match rules {
        GroupRules::Auto(_) => Some(name),
        GroupRules::Named(rules) => {
            let rule = rules.iter().find(|rule| rule.pattern.is(name));
            rule.map(|rule| rule.group.as_str())
        }
    };
    let Some(group) = group.filter(|&group| group != OTHER) else { return other };
    if !groups.contains_key(group) {
        groups.insert(group.into(), Group::default());
    }
    groups.get_mut(group).unwrap_or(other)
}

#[cfg(test)]
mod tests;
