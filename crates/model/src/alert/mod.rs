//! Alerts: thresholds that must hold for a while, clear with hysteresis, and name a culprit.
//!
//! Pure: an [`Alerts`] is advanced with each snapshot, live or from a recording, and gives the same
//! events for the same samples.

mod culprit;
mod gone;
mod rule;
mod show;
mod trail;
mod user;
mod writers;

use std::collections::{HashMap, VecDeque};

pub use culprit::Suspect;
pub use gone::Gone;
pub use rule::{
    Bound, Culprit, Phrase, Rule, Severity, Written, bandwidth, builtin, chip_power,
    gpu_throttling, package_power, swap_rise, throttling,
};
pub use show::{UNSEEN, about};
pub(crate) use user::value;
pub use user::{UserRule, metric};

use self::trail::Trail;
use self::writers::Writers;
use crate::family::{FamilyId, gpu, gpu_forecast};
use crate::metric::{Field, Role};
use crate::snapshot::{Row, Snapshot};
use crate::stamp::Stamp;
use crate::table::Key;

/// Events that are remembered; the oldest are forgotten first.
const EVENTS: usize = 1000;

/// An alert that fires now.
#[derive(Clone, Debug, PartialEq)]
pub struct Active {
    /// The rule's name.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// The entity that it is about: a mount point, a cgroup, a device; empty for the machine.
    pub subject: String,
    /// The same as people call it: `GPU 0` instead of an identity.
    pub about: String,
    /// What was measured last.
    pub value: f64,
    /// The worst that was measured while it fired.
    pub worst: f64,
    /// The limit that was passed.
    pub limit: f64,
    /// The metric.
    pub field: Field,
    /// How it is put into words.
    pub phrase: Phrase,
    /// Who was behind it when it began.
    pub culprit: Option<Suspect>,
    /// Somebody must have been, was looked for, and is none of those that were seen.
    pub unseen: bool,
    /// What somebody wrote about it.
    pub note: Option<String>,
    /// The first sample of the run that made it fire.
    pub since: Stamp,
    /// When it fired.
    pub fired: Stamp,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub stamp: Stamp,
    /// Fired or cleared.
    pub kind: EventKind,
    /// The alert as it then stood.
    pub alert: Active,
}

/// Fired or cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The condition has held for long enough.
    Fired,
    /// It has not held for a while, or its subject is gone.
    Cleared,
}

/// What is known of one rule and one entity.
#[derive(Debug)]
struct Watch {
    first: Stamp,
    samples: u32,
    active: Option<Active>,
    seen: u64,
    /// The read that was counted last: a table that stands still says nothing new.
    read_ns: Option<u64>,
    /// Where the rule asks for a rise.
    trail: Trail,
    /// Samples in which nobody could be named yet.
    asked: u8,
}

/// What is to be read so that somebody can be named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Bytes read and written by every process.
    pub io: bool,
    /// Control groups, now and then.
    pub groups: bool,
    /// Control groups as often as they are read at all: one of them is near its limit.
    pub groups_often: bool,
    /// What rules are about that somebody wrote.
    pub written: Written,
}

/// Samples for which somebody is looked for after an alert has fired.
const LOOKED_FOR: u8 = 8;

/// All rules with their state.
#[derive(Debug)]
pub struct Alerts {
    rules: Vec<Rule>,
    watches: HashMap<(usize, Key), Watch>,
    events: VecDeque<Event>,
    round: u64,
    /// The moment that was judged last.
    judged: Option<Stamp>,
    writers: Writers,
    gone: Gone,
    /// Bytes of every process are wanted.
    io: bool,
    /// A control group is near its limit.
    groups_often: bool,
}

impl Alerts {
    /// Watches for these rules.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Alerts {
        let (watches, events) = (HashMap::new(), VecDeque::new());
        let (writers, gone) = (Writers::default(), Gone::default());
        let (round, judged, io, groups_often) = (0, None, false, false);
        Alerts { rules, watches, events, round, judged, writers, gone, io, groups_often }
    }

    /// What is to be read for the next moment.
    #[must_use]
    pub fn wants(&self) -> Wants {
        let of_groups = |rule: &Rule| rule.field.family == FamilyId::Cgroup;
        let groups = self.rules.iter().any(of_groups);
        let written = self.rules.iter().map(Rule::asks).fold(Written::default(), Written::and);
        Wants { io: self.io, groups, groups_often: self.groups_often, written }
    }

    /// Takes a new moment; gives the number of events that it brought. A moment that was judged
    /// already brings none: two samples without time between them are one.
    pub fn advance(&mut self, snapshot: &Snapshot) -> usize {
        if self.judged.replace(snapshot.stamp()) == Some(snapshot.stamp()) {
            return 0;
        }
        self.round += 1;
        let round = self.round;
        let mut fresh = Vec::new();
        self.writers.note(snapshot);
        self.gone.note(snapshot);
        let had = std::mem::take(&mut self.io);
        if had {
            self.writers.push(snapshot);
        }
        self.groups_often = false;
        for (number, rule) in self.rules.iter().enumerate() {
            let read_ns = snapshot.window(rule.field.family).map(|window| window.end_ns);
            for row in snapshot.rows(rule.field.family) {
                let Some(value) = row.get(rule.field).filter(|_| rule.concerns(row)) else {
                    continue;
                };
                let place = (number, row.key());
                if (rule.nears)(row) {
                    match rule.field.family {
                        FamilyId::Cgroup => self.groups_often = true,
                        _ => self.io = true,
                    }
                }
                let wanted = rule.rise_seconds.is_some() || rule.is_beyond(value);
                if !wanted && !self.watches.contains_key(&place) {
                    continue;
                }
                let watch = self.watches.entry(place).or_insert_with(|| Watch {
                    first: snapshot.stamp(),
                    samples: 0,
                    active: None,
                    seen: round,
                    read_ns: None,
                    trail: Trail::default(),
                    asked: 0,
                });
                watch.seen = round;
                let value = match rule.rise_seconds {
                    Some(seconds) => {
                        // Saturates at 0 and at the end of time.
                        let window_ns = (seconds * 1e9) as u64;
                        watch.trail.rise(snapshot.stamp().monotonic_ns, window_ns, value)
                    }
                    None => value,
                };
                let counts = watch.read_ns != read_ns || read_ns.is_none();
                watch.read_ns = read_ns;
                let known = (&self.writers, &mut self.gone);
                step(rule, watch, (row, value, counts), known, &mut fresh);
                self.io |= rule.culprit.needs_io() && watch.is_looking();
            }
        }
        // A subject that is gone, or whose source gives nothing any more, no longer alarms; one
        // whose table merely stands still is seen again with the same value.
        let rules = &self.rules;
        self.watches.retain(|(number, _), watch| {
            if watch.seen != round
                && let Some(active) = watch.active.take()
            {
                fresh.push(Event {
                    stamp: snapshot.stamp(),
                    kind: EventKind::Cleared,
                    alert: active,
                });
            }
            let looks_back = rules.get(*number).is_some_and(|rule| rule.rise_seconds.is_some());
            watch.seen == round && (watch.samples > 0 || watch.active.is_some() || looks_back)
        });
        match (had, self.io) {
            (false, true) => self.writers.begin(snapshot),
            (_, false) => self.writers.clear(),
            _ => {}
        }
        let count = fresh.len();
        self.events.extend(fresh);
        let excess = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..excess);
        count
    }

    /// What fires now, the worst first, then the oldest.
    #[must_use]
    pub fn active(&self) -> Vec<&Active> {
        let mut active: Vec<_> = self.watches.values().filter_map(|w| w.active.as_ref()).collect();
        active.sort_by(|a, b| {
            let age = a.since.wall_ms.cmp(&b.since.wall_ms);
            let name = || (&a.rule, &a.subject).cmp(&(&b.rule, &b.subject));
            b.severity.cmp(&a.severity).then(age).then_with(name)
        });
        active
    }

    /// What fires now with the entity that it is about, in the order of rules and entities.
    fn firing(&self) -> impl Iterator<Item = (Key, &Active)> {
        let firing = self.watches.iter().filter_map(|(place, w)| Some((place, w.active.as_ref()?)));
        let mut firing: Vec<_> = firing.collect();
        firing.sort_by_key(|(place, _)| **place);
        firing.into_iter().map(|((_, entity), active)| (*entity, active))
    }

    /// What happened, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        self.events.iter()
    }
}

/// Moves one watch on by one sample.
fn step(
    rule: &Rule,
    watch: &mut Watch,
    (row, value, counts): (Row<'_>, f64, bool),
    (writers, gone): (&Writers, &mut Gone),
    events: &mut Vec<Event>,
) {
    let snapshot = row.snapshot();
    if rule.is_beyond(value) {
        if watch.samples == 0 && watch.active.is_none() {
            watch.first = snapshot.stamp();
        }
        watch.samples = watch.samples.saturating_add(u32::from(counts));
    } else {
        watch.samples = 0;
    }
    let due = watch.samples >= rule.sustain && held(watch, snapshot) >= rule.hold_seconds;
    match &mut watch.active {
        Some(active) => {
            active.value = value;
            active.worst = rule.worse(active.worst, value);
            if active.culprit.is_none() && watch.asked < LOOKED_FOR {
                watch.asked += 1;
                let found = culprit::of(rule, row, writers, gone);
                active.unseen = found.has_grown && watch.asked == LOOKED_FOR;
                active.culprit = found.suspect;
            }
            let shown = snapshot.stamp().monotonic_ns.saturating_sub(active.fired.monotonic_ns);
            if rule.is_clear(value) && shown as f64 / 1e9 >= rule.linger_seconds {
                let alert = active.clone();
                events.push(Event { stamp: snapshot.stamp(), kind: EventKind::Cleared, alert });
                watch.active = None;
            }
        }
        None if due => {
            let alert = Active {
                rule: rule.name.clone(),
                severity: rule.severity,
                subject: subject(row),
                about: called(row),
                value,
                worst: value,
                limit: rule.limit,
                field: rule.field,
                phrase: rule.phrase,
                culprit: culprit::of(rule, row, writers, gone).suspect,
                unseen: false,
                note: rule.note.clone(),
                since: watch.first,
                fired: snapshot.stamp(),
            };
            watch.asked = 0;
            watch.active = Some(alert.clone());
            events.push(Event { stamp: snapshot.stamp(), kind: EventKind::Fired, alert });
        }
        None => {}
    }
}

impl Watch {
    /// True while the bytes of processes would help to name somebody.
    fn is_looking(&self) -> bool {
        match &self.active {
            Some(active) => active.culprit.is_none() && self.asked < LOOKED_FOR,
            None => self.samples > 0,
        }
    }
}

/// Seconds since the first sample of the run.
fn held(watch: &Watch, snapshot: &Snapshot) -> f64 {
    let passed = snapshot.stamp().monotonic_ns.saturating_sub(watch.first.monotonic_ns);
    passed as f64 / 1e9
}

/// What an entity is called: its labels; the name and pid of a process; nothing for the machine.
fn subject(row: Row<'_>) -> String {
    let family = row.family().get();
    if !family.many {
        return String::new();
    }
    let fields = family.text_fields();
    let labels = fields.clone().filter(|field| field.column().role == Role::Label);
    let labels: Vec<&str> =
        labels.map(|field| row.shown(field)).filter(|text| !text.is_empty()).collect();
    match (row.family(), labels.as_slice()) {
        // A mount point says enough without its device.
        (FamilyId::Filesystem, [mountpoint, ..]) => (*mountpoint).to_owned(),
        (_, [_, ..]) => labels.join(" "),
        (_, []) => {
            let name = fields.map(|field| row.shown(field)).find(|text| !text.is_empty());
            format!("{} ({})", name.unwrap_or("?"), row.key().0)
        }
    }
}

/// The same for people: a device by its number, as its page and the tools of its maker do.
fn called(row: Row<'_>) -> String {
    let device = match row.family() {
        FamilyId::Gpu => Some(row),
        FamilyId::GpuForecast => {
            let identity = row.shown(gpu_forecast::uuid);
            row.snapshot().rows(FamilyId::Gpu).find(|gpu| gpu.shown(gpu::uuid) == identity)
        }
        _ => None,
    };
    let Some((device, index)) = device.and_then(|row| Some((row, row.raw(gpu::index)?))) else {
        return subject(row);
    };
    let kind = if device.raw(gpu::kind) == Some(gpu::NEURAL) { "NPU" } else { "GPU" };
    if device.text(gpu::parent).is_some() {
        format!("{kind} {index} {}", gpu::profile(device))
    } else {
        format!("{kind} {index}")
    }
}

#[cfg(test)]
mod tests;
