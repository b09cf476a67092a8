//! What happened, as a table beside those of the families.

use crate::recording::Event;

use super::{Column, Held, Holds};

/// The name of the table.
pub const TABLE: &str = "events";
pub(super) const HELP: &str =
    "What happened: alerts, kills, spikes, gaps, boots, sources lost and back.";

/// An event, and whose it is.
pub type HostEvent = (String, Event);

/// Where a value of an event comes from. An empty text is none.
#[derive(Clone, Copy)]
pub(super) enum EventCell {
    Time,
    Text(fn(&HostEvent) -> &str),
    Integer(fn(&HostEvent) -> Option<i64>),
    Float(fn(&HostEvent) -> Option<f64>),
}

impl Holds for EventCell {
    fn held(&self) -> Held {
        match self {
            EventCell::Time => Held::Time,
            EventCell::Text(_) => Held::Text,
            EventCell::Integer(_) => Held::Integer,
            EventCell::Float(_) => Held::Float,
        }
    }
}

pub(super) fn columns() -> Vec<Column<EventCell>> {
    let text = |name, help, value| Column::plain(name, "text", help, EventCell::Text(value));
    let number = |name, help, value| Column::plain(name, "gauge", help, EventCell::Float(value));
    let pid = EventCell::Integer(|(_, event)| event.culprit_pid.map(u64::cast_signed));
    vec![
        Column::plain("time", "time", "When it happened, UTC.", EventCell::Time),
        text("host", "Name of the machine.", |(host, _)| host),
        text("event", "What kind of thing.", |(_, event)| event.kind.name()),
        text("name", "The alert, the source, what a spike is of.", |(_, event)| &event.name),
        text("subject", "What an alert is about, who was killed.", |(_, event)| &event.subject),
        text("severity", "How bad an alert is.", |(_, event)| &event.severity),
        text("message", "All of it in a sentence.", |(_, event)| &event.message),
        number("value", "What was measured.", |(_, event)| event.value),
        number("limit", "The limit of an alert, what was usual.", |(_, event)| event.limit),
        text("unit", "The unit of both.", |(_, event)| &event.unit),
        Column::plain("culprit_pid", "gauge", "The process behind it, where one is known.", pid),
    ]
}

/// A text, if there is one.
pub(super) fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
