//! What happened, as it stands in a recording: what [`Log`](crate::history::Log) and
//! [`Spikes`](crate::history::Spikes) found while it was written, and what the recorder itself met.
//!
//! It could be found again in the samples; but who looks at a week does not want to decode it.

use retop_model::alert::Severity;
use retop_model::{Stamp, Unit};
use serde::{Deserialize, Serialize};

use crate::history::{Channel, Entry, Spike, Told, What};

/// Longest event that is read, in bytes.
const LIMIT: usize = 64 << 10;

/// Something that happened. What an event of its kind has no use for is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// When, by the wall clock: in the record's head and not in its JSON.
    #[serde(skip)]
    pub wall_ms: i64,
    /// What kind of thing.
    pub kind: EventKind,
    /// The sample that shows it, counted from the first of its segment; below 0 if it is one of an
    /// earlier segment, `None` if it was never written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<i64>,
    /// When, by the monotonic clock.
    pub monotonic_ns: u64,
    /// When, by the clock that runs on during sleep.
    pub boottime_ns: u64,
    /// The alert's rule, the source, the channel of a spike, the group whose limit killed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What an alert is about: a mount point, a device; who was killed, as `name (pid)`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// How bad an alert is: `warning` or `critical`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub severity: String,
    /// All of it in a sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The height of a spike, the seconds of a gap, how many were killed, the worst of an alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The limit of an alert; what was usual before a spike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// The unit of both.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// The process behind an alert, or behind a spike where it was seen when that came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub culprit_pid: Option<u64>,
    /// Samples from the last that was calm to a spike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rise_samples: Option<u64>,
    /// When an alert that ended, or is told more of, had fired, by the wall clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// It came out who is behind an alert that had fired, or that it is nobody who was seen.
    AlertNamed,
    /// The kernel killed processes for want of memory.
    Killed,
    /// A source that worked gives nothing any more.
    SourceLost,
    /// A source that was lost works again.
    SourceBack,
    /// A graphics processor that slept was woken.
    DeviceWoken,
    /// A value went far above what was usual.
    Spike,
    /// The machine slept.
    Slept,
    /// No sample was taken for a while, and the machine was awake.
    Missed,
    /// Nothing could be written for a while.
    Paused,
    /// The wall clock was set.
    ClockSet,
    /// The machine was started anew.
    Boot,
    /// Somebody marked the moment.
    Note,
    /// A kind that a newer retop wrote.
    #[default]
    #[serde(other)]
    Other,
}

/// What stands before who woke a device.
const WOKEN: &str = "woke; open in ";

/// Every kind with its name, as JSON and exports give it.
const KINDS: [(EventKind, &str); 17] = [
    (EventKind::Started, "started"),
    (EventKind::Ended, "ended"),
    (EventKind::AlertFired, "alert_fired"),
    (EventKind::AlertCleared, "alert_cleared"),
    (EventKind::AlertNamed, "alert_named"),
    (EventKind::Killed, "killed"),
    (EventKind::SourceLost, "source_lost"),
    (EventKind::SourceBack, "source_back"),
    (EventKind::DeviceWoken, "device_woken"),
    (EventKind::Spike, "spike"),
    (EventKind::Slept, "slept"),
    (EventKind::Missed, "missed"),
    (EventKind::Paused, "paused"),
    (EventKind::ClockSet, "clock_set"),
    (EventKind::Boot, "boot"),
    (EventKind::Note, "note"),
    (EventKind::Other, "other"),
];

impl EventKind {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("other", |(_, name)| name)
    }
}

const UNITS: [Unit; 14] = [
    Unit::Count,
    Unit::Ratio,
    Unit::Bytes,
    Unit::BytesPerSecond,
    Unit::PerSecond,
    Unit::Seconds,
    Unit::Hertz,
    Unit::Celsius,
    Unit::Watts,
    Unit::Joules,
    Unit::Volts,
    Unit::Amperes,
    Unit::Rpm,
    Unit::Timestamp,
];

impl Event {
    /// An event of which nothing but its time, kind and message is known.
    #[must_use]
    pub fn new(stamp: Stamp, kind: EventKind, message: impl Into<String>) -> Event {
        Event {
            wall_ms: stamp.wall_ms,
            kind,
            monotonic_ns: stamp.monotonic_ns,
            boottime_ns: stamp.boottime_ns,
            message: message.into(),
            ..Event::default()
        }
    }

    /// When it happened.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp {
            wall_ms: self.wall_ms,
            monotonic_ns: self.monotonic_ns,
            boottime_ns: self.boottime_ns,
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
    pub(super) fn of_spike(spike: &Spike) -> Event {
        let message = match spike.channel {
            Channel::Taken => {
                "a process took far more of busy processors than was usual".to_owned()
            }
            channel => format!("{} rose far above what was usual", channel.name()),
        };
        Event {
            name: spike.channel.name().to_owned(),
            value: Some(f64::from(spike.value)),
            limit: Some(f64::from(spike.usual)),
            unit: spike.channel.unit().name().to_owned(),
            culprit_pid: spike.pid,
            rise_samples: spike.number.checked_sub(spike.before),
            ..Event::new(spike.stamp, EventKind::Spike, message)
        }
    }

    /// The spike that it tells of, at the sample of that number.
    pub(super) fn spike(&self, number: u64) -> Option<Spike> {
        Some(Spike {
            channel: self.channel()?,
            number,
            stamp: self.stamp(),
            before: number.saturating_sub(self.rise_samples.unwrap_or(1)),
            value: self.value? as f32,
            usual: self.limit? as f32,
            pid: self.culprit_pid,
        })
    }

    /// The channel of a spike.
    #[must_use]
    pub fn channel(&self) -> Option<Channel> {
        let is_spike = self.kind == EventKind::Spike;
        Channel::ALL.into_iter().find(|channel| is_spike && channel.name() == self.name)
    }

    /// What the log found.
    pub(super) fn of_entry(entry: &Entry) -> Event {
        let event = |kind, message: String| Event::new(entry.stamp, kind, message);
        let seconds = |kind, seconds: f64, message: String| Event {
            value: Some(seconds),
            unit: Unit::Seconds.name().to_owned(),
            ..event(kind, message)
        };
        match &entry.what {
            What::Fired { alert, .. } => Event::of_alert(entry.stamp, EventKind::AlertFired, alert),
            What::Cleared { alert, fired } => Event {
                since_ms: Some(fired.wall_ms),
                ..Event::of_alert(entry.stamp, EventKind::AlertCleared, alert)
            },
            What::Killed { count, group, victim } => {
                let who = victim.as_deref().unwrap_or("a process");
                let message = match group.as_str() {
                    "" => format!("{who} was killed for want of memory"),
                    group => format!("{who} was killed: {group} was at its memory limit"),
                };
                Event {
                    name: group.clone(),
                    subject: victim.clone().unwrap_or_default(),
                    value: Some(*count as f64),
                    ..event(EventKind::Killed, message)
                }
            }
            What::Lost { source, reason } => {
                Event { name: source.clone(), ..event(EventKind::SourceLost, reason.clone()) }
            }
            What::Back { source } => Event {
                name: source.clone(),
                ..event(EventKind::SourceBack, format!("{source} works again"))
            },
            What::Woken { device, by } => Event {
                name: device.clone(),
                ..event(EventKind::DeviceWoken, format!("{WOKEN}{by}"))
            },
            What::Slept(s) => {
                seconds(EventKind::Slept, *s, format!("the machine slept for {s:.0} s"))
            }
            What::Missed(s) => {
                seconds(EventKind::Missed, *s, format!("no sample was taken for {s:.0} s"))
            }
            What::ClockSet(s) => {
                seconds(EventKind::ClockSet, *s, format!("the wall clock was set by {s:+.1} s"))
            }
        }
    }

    /// More of an alert that had fired.
    pub(super) fn of_named(stamp: Stamp, alert: &Told, fired: Stamp) -> Event {
        Event {
            since_ms: Some(fired.wall_ms),
            ..Event::of_alert(stamp, EventKind::AlertNamed, alert)
        }
    }

    fn of_alert(stamp: Stamp, kind: EventKind, alert: &Told) -> Event {
        Event {
            name: alert.name.clone(),
            subject: alert.subject.clone(),
            severity: alert.severity.name().to_owned(),
            value: alert.worst,
            limit: alert.limit,
            unit: alert.unit.name().to_owned(),
            culprit_pid: alert.culprit_pid,
            ..Event::new(stamp, kind, alert.message.clone())
        }
    }

    /// The alert that it tells of.
    fn told(&self) -> Told {
        let is_critical = self.severity == Severity::Critical.name();
        Told {
            name: self.name.clone(),
            severity: if is_critical { Severity::Critical } else { Severity::Warning },
            subject: self.subject.clone(),
            message: self.message.clone(),
            culprit_pid: self.culprit_pid,
            worst: self.value,
            limit: self.limit,
            unit: UNITS.into_iter().find(|u| u.name() == self.unit).unwrap_or(Unit::Count),
        }
    }

    /// Adds what it tells of an alert to the entry of when that fired.
    pub(super) fn amend(&self, entries: &mut [Entry]) {
        let named = self.told();
        for entry in entries.iter_mut().rev() {
            match &mut entry.what {
                What::Fired { alert, .. }
                    if Some(entry.stamp.wall_ms) == self.since_ms
                        && (&alert.name, &alert.subject) == (&named.name, &named.subject) =>
                {
                    *alert = named;
                    return;
                }
                _ => {}
            }
        }
    }

    /// What the log had found, at the sample of that number; `None` for what no log holds.
    pub(super) fn entry(&self, number: u64) -> Option<Entry> {
        let stamp = self.stamp();
        let what = match self.kind {
            EventKind::AlertFired => What::Fired { alert: self.told(), ended: None },
            EventKind::AlertCleared => {
                let ago_ms = self.since_ms.map_or(0, |since| self.wall_ms.saturating_sub(since));
                let ago_ns = u64::try_from(ago_ms).unwrap_or(0).saturating_mul(1_000_000);
                let fired = Stamp {
                    wall_ms: self.wall_ms.saturating_sub(ago_ms),
                    monotonic_ns: stamp.monotonic_ns.saturating_sub(ago_ns),
                    boottime_ns: stamp.boottime_ns.saturating_sub(ago_ns),
                };
                What::Cleared { alert: self.told(), fired }
            }
            EventKind::Killed => What::Killed {
                count: self.value.unwrap_or(1.0) as u64,
                group: self.name.clone(),
                victim: (!self.subject.is_empty()).then(|| self.subject.clone()),
            },
            EventKind::SourceLost => {
                What::Lost { source: self.name.clone(), reason: self.message.clone() }
            }
            EventKind::SourceBack => What::Back { source: self.name.clone() },
            EventKind::DeviceWoken => What::Woken {
                device: self.name.clone(),
                by: self.message.strip_prefix(WOKEN)?.to_owned(),
            },
            EventKind::Slept => What::Slept(self.value?),
            EventKind::Missed | EventKind::Paused => What::Missed(self.value?),
            EventKind::ClockSet => What::ClockSet(self.value?),
            _ => return None,
        };
        Some(Entry { number, stamp, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_called_the_same_everywhere() {
        for (kind, name) in KINDS {
            assert_eq!(serde_json::to_value(kind).expect("a text"), name);
            assert_eq!(kind.name(), name);
        }
    }

    #[test]
    fn what_the_log_found_comes_back() {
        let stamp =
            Stamp { wall_ms: 9_000, monotonic_ns: 8_000_000_000, boottime_ns: 8_500_000_000 };
        let alert = Told {
            name: "DISK-FULL".into(),
            severity: Severity::Critical,
            subject: "/var".into(),
            message: "/var is full".into(),
            culprit_pid: Some(7),
            worst: Some(0.99),
            limit: Some(0.9),
            unit: Unit::Ratio,
        };
        let fired =
            Stamp { wall_ms: 4_000, monotonic_ns: 3_000_000_000, boottime_ns: 3_500_000_000 };
        for what in [
            What::Fired { alert: alert.clone(), ended: None },
            What::Cleared { alert, fired },
            What::Killed { count: 2, group: "/web".into(), victim: Some("php (12)".into()) },
            What::Killed { count: 1, group: String::new(), victim: None },
            What::Lost { source: "disks".into(), reason: "no answer for 5 s".into() },
            What::Back { source: "disks".into() },
            What::Woken { device: "NVIDIA RTX 4090".into(), by: "python3 (71)".into() },
            What::Slept(60.5),
            What::Missed(7.0),
            What::ClockSet(-3.0),
        ] {
            let entry = Entry { number: 5, stamp, what };
            let bytes = Event::of_entry(&entry).to_bytes();
            let event = Event::of_bytes(9_000, &bytes).expect("an event");
            assert!(!event.message.is_empty());
            assert_eq!(event.entry(5), Some(entry));
        }
        for (channel, pid) in [(Channel::Disk, None), (Channel::Taken, Some(7))] {
            let (number, before) = (40, 38);
            let spike = Spike { channel, number, stamp, before, value: 9e6, usual: 1e3, pid };
            let bytes = Event::of_spike(&spike).to_bytes();
            let event = Event::of_bytes(9_000, &bytes);
            assert_eq!(event.and_then(|event| event.spike(40)), Some(spike));
        }
    }

    #[test]
    fn hostile_events_are_no_events() {
        for bytes in [&b""[..], b"{", b"7", br#"{"kind":7}"#, &[b' '; LIMIT + 1]] {
            assert_eq!(Event::of_bytes(0, bytes), None);
        }
        let newer = Event::of_bytes(0, br#"{"kind":"eclipse","colour":"black"}"#);
        assert_eq!(newer.map(|event| event.kind), Some(EventKind::Other));
    }
}
