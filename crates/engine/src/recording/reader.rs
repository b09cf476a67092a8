//! A recording as a reader sees it: any moment, all moments of some time, what happened.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use retop_model::{Snapshot, Stamp};

use crate::history::View;
use crate::history::view::FAR_MS;

use super::body::Body;
use super::error::RecordingError;
use super::event::Event;
use super::frames::{Frames, Moments, Samples};
use super::header::Header;
use super::index::{EventEntry, KeyEntry};
use super::name::SegmentName;
use super::preview::{Gather, Preview};
use super::segment::Segment;
use super::shelf::Files;
use super::slot::{Extent, INDEXES, Shared, Slot};

/// Most bytes of what was fetched of a running retop: in files six days of 2,000 processes, and in
/// memory where no file could be made.
const FETCHED: u64 = 1 << 30;
const FETCHED_MEMORY: u64 = 24 << 20;

/// A recording: a folder of segments, or one of them, as it was at the last
/// [`Recording::refresh`].
///
/// Opening reads names alone. A time is found by the names of the segments, the index of one, and
/// at most a key interval of frames, however long the recording is. Nothing is kept in memory but
/// names and lengths (half a KB for a segment), the indexes of those that were looked into last, and
/// what is being decoded.
///
/// A file that is damaged gives all that stands before the damage and from the next key frame on.
/// Nothing here panics, whatever the bytes.
///
/// ```no_run
/// use retop_engine::recording::Recording;
/// use retop_model::family::cpu;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let recording = Recording::open("/var/lib/retop".as_ref())?;
/// if let Some(range) = recording.range()? {
///     for moment in recording.moments(range.start, range.end) {
///         match moment {
///             Ok(moment) => println!("{:?}", moment.one(cpu::utilization_ratio)),
///             Err(damage) => eprintln!("{damage}"),
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Recording {
    path: PathBuf,
    folder: bool,
    slots: Vec<Arc<Slot>>,
    /// Samples of segments that were here and have been removed since.
    gone: u64,
    shared: Arc<Shared>,
}

impl Recording {
    /// Opens a folder of segments, or one of them.
    ///
    /// # Errors
    ///
    /// A path that is not there, a folder without segments or with those of several machines that
    /// recorded at the same time, a file that is no recording.
    pub fn open(path: &Path) -> Result<Recording, RecordingError> {
        let failed = |error: std::io::Error| RecordingError::io(path, &error);
        let folder = std::fs::metadata(path).map_err(failed)?.is_dir();
        let shared = Arc::default();
        let slots = if folder {
            let slots = list(path, &shared)?;
            if slots.is_empty() {
                let what = "no recording is in this folder: retop record DIR makes one";
                return Err(RecordingError::new(path, what));
            }
            if let Some((one, other)) = mixed(&slots) {
                let what = format!(
                    "recordings of several machines at once ({one}, {other}): \
                     give each a folder of its own, or name files"
                );
                return Err(RecordingError::new(path, what));
            }
            slots
        } else {
            let name = path.file_name().and_then(|name| name.to_str());
            let slot = Slot::new(path.to_owned(), name.and_then(SegmentName::parse), &shared);
            slot.segment()?;
            vec![Arc::new(slot)]
        };
        Ok(Recording { path: path.to_owned(), folder, slots, gone: 0, shared })
    }

    /// A recording of one segment that is in memory, with a name for messages.
    ///
    /// # Errors
    ///
    /// If the bytes are no segment.
    pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Result<Recording, RecordingError> {
        Recording::of_body(name, Body::Memory(Arc::new(bytes)), &Arc::default())
    }

    /// The same of bytes wherever they are.
    pub(super) fn of_body(
        name: &str,
        body: Body,
        shared: &Arc<Shared>,
    ) -> Result<Recording, RecordingError> {
        let slots = vec![Arc::new(Slot::with(Segment::of_body(name, body, shared)?, shared))];
        let (path, shared) = (PathBuf::from(name), Arc::clone(shared));
        Ok(Recording { path, folder: false, slots, gone: 0, shared })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many segments it has.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.slots.len()
    }

    /// The header of the newest segment that can be read.
    ///
    /// # Errors
    ///
    /// If none can.
    pub fn header(&self) -> Result<Header, RecordingError> {
        let mut failed = None;
        for slot in self.slots.iter().rev() {
            match slot.segment().and_then(|segment| segment.header()) {
                Ok(header) => return Ok(header),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or_else(|| RecordingError::new(&self.path, "nothing is recorded")))
    }

    /// Wall clock of the oldest sample, and just past that of the newest one; `None` if there is
    /// no sample.
    ///
    /// # Errors
    ///
    /// If no segment can be read.
    pub fn range(&self) -> Result<Option<Range<i64>>, RecordingError> {
        let mut failed = None;
        let mut find = |slot: &Arc<Slot>, last: bool| match slot.begun() {
            Ok(None) => None,
            Ok(Some(extent)) if last => extent.last.map(|stamp| stamp.wall_ms),
            Ok(Some(extent)) => extent.first.map(|stamp| stamp.wall_ms),
            Err(error) => {
                failed.get_or_insert(error);
                None
            }
        };
        let mut first = self.slots.iter().find_map(|slot| find(slot, false));
        let mut last = self.slots.iter().rev().find_map(|slot| find(slot, true));
        // Where the wall clock was set back, the ends of time are not those of the recording. To look
        // into thousands of segments for that would take longer than it is worth.
        if self.slots.len() <= INDEXES {
            let extents = self.slots.iter().filter_map(|slot| slot.begun().ok().flatten());
            for extent in extents {
                let wall_ms = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.wall_ms);
                first = first.min(wall_ms(extent.first).or(first));
                last = last.max(wall_ms(extent.last));
            }
        }
        match (first, last, failed) {
            (Some(first), Some(last), _) => Ok(Some(first..last.max(first).saturating_add(1))),
            (_, _, Some(error)) => Err(error),
            _ => Ok(None),
        }
    }

    /// The machine at that time of the wall clock: the newest moment that is not later. `None`
    /// before the oldest one.
    ///
    /// # Errors
    ///
    /// If what is recorded of that time cannot be read.
    pub fn asof(&self, wall_ms: i64) -> Result<Option<Snapshot>, RecordingError> {
        // Where the wall clock was set back and did not come so far again, those before are meant.
        let ends_ms = |slot: &Arc<Slot>| {
            let extent = slot.begun().ok().flatten()?;
            Some((extent.first?.wall_ms, extent.last?.wall_ms))
        };
        let is_later = |slot: &Arc<Slot>| slot.name.as_ref().is_some_and(|n| n.wall_ms > wall_ms);
        let begun = |slot: &&Arc<Slot>| {
            !is_later(slot) && ends_ms(slot).is_some_and(|ends| ends.0 <= wall_ms)
        };
        let newest = self.slots.iter().rev().find(begun).and_then(ends_ms);
        let is_far = newest.is_some_and(|ends| wall_ms.saturating_sub(ends.1) >= FAR_MS);
        let holds = |slot: &Arc<Slot>| {
            ends_ms(slot).is_some_and(|(first, last)| (first..=last).contains(&wall_ms))
        };
        let looks = is_far && self.slots.len() <= INDEXES;
        let end = looks.then(|| self.slots.iter().rposition(holds)).flatten();
        let slots = end.map_or(&self.slots[..], |end| &self.slots[..=end]);
        for slot in slots.iter().rev() {
            if is_later(slot) {
                continue;
            }
            let Some(segment) = slot.begun_segment()? else { continue };
            // Not by halves: the wall clock may have been set back by less than a second.
            let begun = |key: &&KeyEntry| key.first.wall_ms <= wall_ms;
            let Some(key) = segment.index.keys.iter().rev().find(begun) else { continue };
            let chunk = Arc::new(segment.chunk(key, 0)?);
            let view = View::of(Arc::new(Files::of_chunk(Arc::clone(&chunk))));
            let number = view.number_at(wall_ms);
            return match number.and_then(|number| view.moment(number)) {
                Some(moment) => Ok(Some(moment)),
                None => {
                    let what = "the frames from here on cannot be decoded";
                    Err(RecordingError::at(&segment.path, key.offset, what))
                }
            };
        }
        Ok(None)
    }

    /// Every moment from a time of the wall clock on and before another, in the order in which they
    /// were taken, derived as they were live. Damage is an error in between, once per place.
    pub fn moments(&self, from_ms: i64, to_ms: i64) -> Moments<'_> {
        Moments(Frames::new(self, from_ms, to_ms, true))
    }

    /// As [`Recording::moments`], raw samples without those that they are compared with: several
    /// times as fast.
    pub fn samples(&self, from_ms: i64, to_ms: i64) -> Samples<'_> {
        Samples(Frames::new(self, from_ms, to_ms, false))
    }

    /// What happened from a time of the wall clock on and before another, in the order in which it
    /// was written. Damaged ones are left out.
    ///
    /// # Errors
    ///
    /// If a segment of that time cannot be opened.
    pub fn events(&self, from_ms: i64, to_ms: i64) -> Result<Vec<Event>, RecordingError> {
        let mut events = Vec::new();
        for slot in self.between(from_ms, to_ms) {
            let Some(segment) = slot.begun_segment()? else { continue };
            let inside = |entry: &&EventEntry| (from_ms..to_ms).contains(&entry.wall_ms);
            events.extend(segment.events(segment.index.events.iter().filter(inside))?);
        }
        Ok(events)
    }

    /// Bands of a few numbers, for charts of a long time. A segment that was not closed is decoded
    /// for them.
    pub fn previews(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = Preview> {
        self.parts(from_ms, to_ms).flat_map(|part| part.previews())
    }

    /// The segments of that time that can be read.
    pub(super) fn parts(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = Part<'_>> {
        self.between(from_ms, to_ms).filter_map(|slot| {
            let extent = slot.extent().ok()?;
            let span_ms = (extent.first?.wall_ms, extent.last?.wall_ms);
            let newest = self.slots.last().is_some_and(|newest| Arc::ptr_eq(newest, slot));
            Some(Part { slot, newest, span_ms })
        })
    }

    /// The segments that can be read, with the numbers of their first samples, oldest first.
    pub(super) fn numbered(&self) -> Vec<(u64, Extent, &Arc<Slot>)> {
        let mut next = self.gone;
        let readable = self.slots.iter().filter_map(|slot| Some((slot.extent().ok()?, slot)));
        let numbered = readable.map(|(extent, slot)| {
            let first = next;
            next += extent.frames;
            (first, extent, slot)
        });
        numbered.collect()
    }

    /// All of it, to step through. Reads the index of each segment.
    #[must_use]
    pub fn view(&self) -> View {
        View::of(Arc::new(Files::new(&self.slots, self.gone)))
    }

    /// Looks for what was recorded since: a recorder may be at work. True if there is something.
    pub fn refresh(&mut self) -> bool {
        let newest = self.slots.last().is_some_and(|slot| slot.refresh());
        if !self.folder {
            return newest;
        }
        let Ok(mut found) = list(&self.path, &self.shared) else { return newest };
        let same = |one: &[Arc<Slot>], other: &[Arc<Slot>]| {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.path == b.path)
        };
        if same(&found, &self.slots) {
            return newest;
        }
        let known = |slot: &Slot| {
            let place = self.slots.binary_search_by(|known| order(known).cmp(&order(slot)));
            place.ok().and_then(|place| self.slots.get(place))
        };
        for slot in &mut found {
            if let Some(known) = known(slot) {
                *slot = Arc::clone(known);
            }
        }
        if mixed(&found).is_some() {
            // Somebody put files of another machine there: they are passed over.
            let host = |slot: &Slot| slot.name.as_ref().map(|name| name.host.clone());
            let ours = self.slots.last().and_then(|newest| host(newest));
            found.retain(|slot| known(slot).is_some() || host(slot) == ours);
            if same(&found, &self.slots) {
                return newest;
            }
        }
        // Numbers are never used again: those of removed segments are passed over.
        let kept = |slot: &Arc<Slot>| found.iter().any(|other| Arc::ptr_eq(slot, other));
        for slot in self.slots.iter().take_while(|slot| !kept(slot)) {
            self.gone += slot.extent().map_or(0, |extent| extent.frames);
        }
        self.slots = found;
        true
    }

    /// True if somebody has removed its newest file: nothing will come any more, and what is read of
    /// it now may not be there.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        // What was fetched, or is of this program's memory, has no place.
        let is_there = |slot: &Arc<Slot>| slot.path.as_os_str().is_empty() || slot.path.exists();
        !self.slots.last().is_some_and(is_there)
    }

    /// The wall clock of the newest key frame: what comes from there on is a recording of its own.
    #[must_use]
    pub fn newest_key_ms(&self) -> Option<i64> {
        let segment = self.slots.last()?.segment().ok()?;
        Some(segment.index.keys.last()?.first.wall_ms)
    }

    /// How many key intervals its newest segment has.
    pub(super) fn key_intervals(&self) -> usize {
        let newest = self.slots.last().and_then(|slot| slot.segment().ok());
        newest.map_or(0, |segment| segment.index.keys.len())
    }

    /// True for what was fetched of a running retop: what happened is not written in it.
    pub(super) fn is_silent(&self) -> bool {
        let mut segments = self.slots.iter().filter_map(|slot| slot.segment().ok());
        segments.all(|segment| segment.was_fetched() && segment.index.events.is_empty())
    }

    /// Takes what a recording that was fetched has from this one's newest key frame on in its place.
    /// The oldest goes where both take more than [`FETCHED`]. False if there is nothing new.
    pub(super) fn append(&mut self, newer: &Recording) -> bool {
        let (Some(slot), Some(last)) = (newer.slots.last(), self.slots.last()) else {
            return false;
        };
        let (Ok(more), Ok(known)) = (slot.segment(), last.segment()) else { return false };
        let Some(begin) = more.index.keys.first().map(|key| key.first) else { return false };
        if more.index.last() == known.index.last() {
            return false;
        }
        if let Some(place) = known.index.keys.iter().position(|key| key.first == begin) {
            self.slots.pop();
            if place > 0 {
                self.slots.push(Arc::new(Slot::with(known.part(0..place), &self.shared)));
            }
        }
        self.slots.push(Arc::clone(slot));
        let (mut all, mut memory) = taken(&self.slots);
        while (all > FETCHED || memory > FETCHED_MEMORY) && self.slots.len() > 1 {
            let oldest = self.slots.remove(0);
            self.gone += oldest.extent().map_or(0, |extent| extent.frames);
            let (less, less_memory) = taken(&[oldest]);
            (all, memory) = (all - less, memory - less_memory);
        }
        true
    }

    /// Bytes in all of what was fetched, and of them in memory.
    #[cfg(test)]
    pub(super) fn fetched(&self) -> (u64, u64) {
        taken(&self.slots)
    }

    /// How many indexes of its segments are in memory.
    #[cfg(test)]
    pub(super) fn indexes(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_kept()).count()
    }

    /// The segments that may hold something of that time.
    pub(super) fn between(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = &Arc<Slot>> {
        let next = self.slots.iter().skip(1).map(Some).chain([None]);
        self.slots.iter().zip(next).filter_map(move |(slot, next)| {
            let Some(name) = &slot.name else { return Some(slot) };
            // Until the next one begins; where that began earlier the clock was set back.
            let next = next.and_then(|next| next.name.as_ref()).map(|next| next.wall_ms);
            let over = next.is_some_and(|next| next >= name.wall_ms && next <= from_ms);
            (!over && name.wall_ms < to_ms).then_some(slot)
        })
    }
}

/// Bytes in all, and of them in memory.
fn taken(slots: &[Arc<Slot>]) -> (u64, u64) {
    let segments = slots.iter().filter_map(|slot| slot.segment().ok());
    segments.fold((0, 0), |(all, memory), one| (all + one.length, memory + one.memory()))
}

/// The segments of a folder, in the order in which they were written.
fn list(path: &Path, shared: &Arc<Shared>) -> Result<Vec<Arc<Slot>>, RecordingError> {
    let failed = |error: std::io::Error| RecordingError::io(path, &error);
    let mut slots = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Some(name) = entry.file_name().to_str().and_then(SegmentName::parse) {
            slots.push(Arc::new(Slot::new(entry.path(), Some(name), shared)));
        }
    }
    slots.sort_by(|one, other| order(one).cmp(&order(other)));
    Ok(slots)
}

/// Two host names that recorded at the same time, so that they are two machines. One machine has
/// several one after the other: it was renamed, or is a container with another name at each start.
fn mixed(slots: &[Arc<Slot>]) -> Option<(&str, &str)> {
    slots.iter().zip(slots.iter().skip(1)).find_map(|(slot, next)| {
        let (one, other) = (slot.name.as_ref()?, next.name.as_ref()?);
        if one.host == other.host {
            return None;
        }
        let last = slot.extent().ok().and_then(|extent| extent.last);
        let ended_ms = last.map_or(one.wall_ms, |last| last.wall_ms);
        let next_ms = other.wall_ms;
        let (one, other) = (one.host.as_str(), other.host.as_str());
        (ended_ms >= next_ms).then_some((one.min(other), one.max(other)))
    })
}

fn order(slot: &Slot) -> Option<(u64, i64, &str, &str)> {
    let name = slot.name.as_ref()?;
    Some((name.sequence, name.wall_ms, name.boot.as_str(), name.host.as_str()))
}

/// A segment that can be read.
pub(super) struct Part<'a> {
    slot: &'a Arc<Slot>,
    newest: bool,
    /// Wall clock of its first and its last sample.
    pub span_ms: (i64, i64),
}

impl Part<'_> {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.slot.path
    }

    /// True if nothing will be added to it: it was closed, or whoever wrote it was stopped and began
    /// another one.
    pub fn is_done(&self) -> bool {
        !self.newest || self.slot.segment().is_ok_and(|segment| segment.closed)
    }

    /// What was written, or what the samples of a segment give that was not closed.
    pub fn previews(&self) -> Vec<Preview> {
        let Ok(segment) = self.slot.segment() else { return Vec::new() };
        let written: Vec<Preview> = segment.previews().collect();
        if !written.is_empty() || segment.index.keys.is_empty() {
            return written;
        }
        let mut gather = Gather::new();
        let (path, slots) = (segment.path.clone(), vec![Arc::clone(self.slot)]);
        let alone = Recording { path, folder: false, slots, gone: 0, shared: Arc::default() };
        for moment in alone.moments(i64::MIN, i64::MAX).flatten() {
            gather.push(&moment);
        }
        vec![gather.finish().clone()]
    }
}
