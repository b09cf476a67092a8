//! What happened in a recording, read once each.

use std::collections::VecDeque;
use std::sync::Arc;

use retop_model::Stamp;

use crate::history::{Entry, Log, Spike, Spikes, View, What};

use super::event::{Event, EventKind};
use super::reader::Recording;
use super::slot::Slot;

/// A time between two segments that is no gap yet.
const APART_MS: i64 = 10_000;
/// Events that are kept: ten times what a log and its spikes hold. A machine on which one happens each
/// minute has 10,080 in a week.
const EVENTS: usize = 16_384;

/// The newest of what happened, the oldest first.
#[derive(Default)]
pub(super) struct Told {
    events: VecDeque<Found>,
    /// The segment that was the newest, and how many of its events were read.
    up_to: Option<(Arc<Slot>, usize)>,
    /// Of the log that was given out last.
    version: u64,
}

struct Found {
    /// Of the sample that shows it.
    number: u64,
    event: Event,
    /// Of the first sample of its segment.
    first: u64,
    /// How long nobody had recorded before its segment, in milliseconds, and when that began.
    begun: Option<(i64, Stamp)>,
}

impl Told {
    /// Reads what was written since the last time. True if what is kept is not the same any more.
    pub fn read(&mut self, recording: &Recording, view: &View) -> bool {
        let numbers = view.numbers();
        let numbered = recording.numbered();
        let place_of =
            |known: &Arc<Slot>| numbered.iter().position(|(.., slot)| Arc::ptr_eq(slot, known));
        let known = self.up_to.as_ref().and_then(|(slot, read)| Some((place_of(slot)?, *read)));
        let (from, before) = known.unwrap_or((0, 0));
        // From the newest on: of very many the oldest are left out.
        let mut new = Vec::new();
        for (place, (first, extent, slot)) in numbered.iter().enumerate().skip(from).rev() {
            let Ok(segment) = slot.segment() else { continue };
            let read = if place == from { before } else { 0 };
            let entries = segment.index.events.get(read..).unwrap_or_default();
            if place + 1 == numbered.len() {
                self.up_to = Some((Arc::clone(slot), segment.index.events.len()));
            }
            if entries.is_empty() {
                continue;
            }
            let Ok(events) = segment.events(entries.iter()) else { continue };
            let last = place.checked_sub(1).and_then(|place| numbered.get(place));
            let ended = last.and_then(|(_, last, _)| last.last);
            let apart_ms =
                ended.zip(extent.first).map(|(last, now)| now.wall_ms.saturating_sub(last.wall_ms));
            for event in events.rev() {
                let place = event.frame.and_then(|frame| first.checked_add_signed(frame));
                let place = place.filter(|place| numbers.contains(place));
                let at_its_time = || view.number_at(event.wall_ms).unwrap_or(*first);
                let number = place.unwrap_or_else(at_its_time);
                new.push(Found { number, event, first: *first, begun: apart_ms.zip(extent.first) });
            }
            if new.len() >= EVENTS {
                break;
            }
        }
        let held = self.events.len();
        self.events.retain(|found| found.number >= numbers.start);
        let changed = !new.is_empty() || self.events.len() < held;
        self.events.extend(new.into_iter().rev());
        let excess = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..excess);
        changed
    }

    /// Spikes and a log of it.
    pub fn restored(&mut self) -> (Spikes, Log) {
        let (mut entries, mut spikes): (Vec<Entry>, Vec<Spike>) = (Vec::new(), Vec::new());
        for Found { number, event, first, begun } in &self.events {
            match event.kind {
                EventKind::Spike => spikes.extend(event.spike(*number)),
                // Nobody recorded before it.
                EventKind::Started => {
                    if let Some((ms @ APART_MS.., stamp)) = *begun {
                        let what = What::Missed(ms as f64 / 1e3);
                        entries.push(Entry { number: *first, stamp, what });
                    }
                }
                EventKind::AlertNamed => event.amend(&mut entries),
                _ => entries.extend(event.entry(*number)),
            }
        }
        spikes.sort_by_key(|spike| spike.number);
        let log = Log::restored(entries, self.version);
        self.version = log.version();
        (Spikes::restored(spikes), log)
    }
}
