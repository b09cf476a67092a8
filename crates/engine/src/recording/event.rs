//! What happened, in words and numbers: alerts, sources that came and went, spikes, gaps.

use retop_model::family::{alert, source};
use retop_model::{FamilyId, Snapshot};
use serde::{Deserialize, Serialize};

use crate::history::{Channel, Spike};

/// Longest event that is read, in bytes.
const LIMIT: usize = 64 << 10;
/// Longer than this many intervals between two samples, and 10 s, is a gap.
const GAP_INTERVALS: u64 = 5;
const GAP_NS: u64 = 10_000_000_000;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the wall clock: in the record's head and not in its JSON.
    #[serde(skip)]
    pub wall_ms: i64,
    /// What kind of thing.
    pub kind: EventKind,
    /// The alert's rule, the source, the channel of the spike; empty for others.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What the alert is about: a mount point, a device; empty for the machine.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// How bad it is, for alerts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub severity: String,
    /// All of it in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What was measured: the height of a spike, the seconds of a gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What was usual before a spike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<f64>,
    /// The last moment before a spike that was none, by the wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calm_ms: Option<i64>,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The recorder began.
    Started,
    /// The recorder ended in order.
    Ended,
    /// An alert fired.
    AlertFired,
    /// An alert cleared.
    AlertCleared,
    /// A source began to work, or ceased to.
    Source,
    /// A value went far above what was usual.
    Spike,
    /// The machine slept or stood still, or nothing could be written: there are no samples.
    Gap,
    /// The machine was started anew.
    Boot,
    /// The wall clock was set back.
    ClockBack,
    /// Somebody marked the moment.
    Note,
    /// A kind that a newer retop wrote.
    #[serde(other)]
    Other,
}

impl EventKind {
    /// What it is called in exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Started => "started",
            EventKind::Ended => "ended",
            EventKind::AlertFired => "alert_fired",
            EventKind::AlertCleared => "alert_cleared",
            EventKind::Source => "source",
            EventKind::Spike => "spike",
            EventKind::Gap => "gap",
            EventKind::Boot => "boot",
            EventKind::ClockBack => "clock_back",
            EventKind::Note => "note",
            EventKind::Other => "other",
        }
    }
}

impl Event {
    /// An event of which nothing but kind and message is known.
    #[must_use]
    pub fn new(wall_ms: i64, kind: EventKind, message: impl Into<String>) -> Event {
        Event {
            wall_ms,
            kind,
            name: String::new(),
            subject: String::new(),
            severity: String::new(),
            message: message.into(),
            value: None,
            usual: None,
            calm_ms: None,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn of_bytes(wall_ms: i64, bytes: &[u8]) -> Option<Event> {
        let bytes = Some(bytes).filter(|bytes| bytes.len() <= LIMIT)?;
        let event: Event = serde_json::from_slice(bytes).ok()?;
        Some(Event { wall_ms, ..event })
    }

    /// A spike, at its highest value.
    pub(super) fn of_spike(spike: &Spike, calm_ms: Option<i64>) -> Event {
        let message = format!("{} rose far above what was usual", spike.channel.name());
        Event {
            name: spike.channel.name().to_owned(),
            value: Some(f64::from(spike.value)),
            usual: Some(f64::from(spike.usual)),
            calm_ms,
            ..Event::new(spike.stamp.wall_ms, EventKind::Spike, message)
        }
    }

    /// The channel of a spike.
    #[must_use]
    pub fn channel(&self) -> Option<Channel> {
        let is_spike = self.kind == EventKind::Spike;
        Channel::ALL.into_iter().find(|channel| is_spike && channel.name() == self.name)
    }
}

/// What happened between two moments that follow each other, by what stands in them.
pub(super) fn between(last: Option<&Snapshot>, now: &Snapshot, interval_ms: u64) -> Vec<Event> {
    let mut events = Vec::new();
    let wall_ms = now.stamp().wall_ms;
    let Some(last) = last else {
        for row in now.rows(FamilyId::Alert) {
            events.push(fired(row, wall_ms));
        }
        return events;
    };
    if let Some(event) = gap(last, now, interval_ms) {
        events.push(event);
    }
    for row in now.rows(FamilyId::Alert) {
        if last.find(FamilyId::Alert, row.key()).is_none() {
            events.push(fired(row, wall_ms));
        }
    }
    for row in last.rows(FamilyId::Alert) {
        if now.find(FamilyId::Alert, row.key()).is_none() {
            let cleared = Event { kind: EventKind::AlertCleared, ..fired(row, wall_ms) };
            events.push(cleared);
        }
    }
    for row in now.rows(FamilyId::Source) {
        let earlier = last.find(FamilyId::Source, row.key());
        let (before, after) =
            (earlier.and_then(|row| row.state(source::state)), row.state(source::state));
        // What nobody asked for is no news, and neither is the first look at a source.
        let quiet = |state: Option<&str>| matches!(state, None | Some("unasked"));
        if before != after && !quiet(before) && !quiet(after) {
            let (name, state) = (row.shown(source::source), after.unwrap_or_default());
            let reason = row.shown(source::reason);
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            let message = format!("{name} {state}{why}");
            let name = name.to_owned();
            events.push(Event { name, ..Event::new(wall_ms, EventKind::Source, message) });
        }
    }
    events
}

fn fired(row: retop_model::Row<'_>, wall_ms: i64) -> Event {
    Event {
        name: row.shown(alert::alert).to_owned(),
        subject: row.shown(alert::subject).to_owned(),
        severity: row.shown(alert::severity).to_owned(),
        value: row.get(alert::value),
        ..Event::new(wall_ms, EventKind::AlertFired, row.shown(alert::message))
    }
}

fn gap(last: &Snapshot, now: &Snapshot, interval_ms: u64) -> Option<Event> {
    let (before, after) = (last.stamp(), now.stamp());
    let passed = after.boottime_ns.checked_sub(before.boottime_ns)?;
    let usual = GAP_INTERVALS.saturating_mul(interval_ms).saturating_mul(1_000_000).max(GAP_NS);
    let slept = after.slept_since(before);
    if !slept && passed <= usual {
        return None;
    }
    let seconds = passed as f64 / 1e9;
    let why = if slept { "the machine slept" } else { "no samples were taken" };
    let message = format!("{why}: nothing is known of {seconds:.0} s");
    Some(Event { value: Some(seconds), ..Event::new(after.wall_ms, EventKind::Gap, message) })
}
