//! The key intervals of a recording, read from its files when somebody steps into them.

use std::collections::VecDeque;
use std::fmt::{self, Debug, Formatter};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use retop_model::Stamp;

use crate::history::chunk::Chunk;
use crate::history::view::{FAR_MS, Shelf};

use super::index::KeyEntry;
use super::segment::Segment;
use super::slot::{Extent, Slot};

/// Key intervals that are kept once they were read: what a cursor goes to and fro between.
const KEPT: usize = 8;

/// A recording's key intervals with their numbers.
pub(super) struct Files {
    /// First number, and where it is.
    segments: Vec<(u64, Extent, Arc<Slot>)>,
    end: u64,
    begin: u64,
    recent: Mutex<VecDeque<Arc<Chunk>>>,
}

impl Debug for Files {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Files({:?})", self.numbers())
    }
}

impl Files {
    /// Those of all segments that can be read, numbered from `begin` on.
    pub fn new(slots: &[Arc<Slot>], begin: u64) -> Files {
        let mut end = begin;
        let mut segments = Vec::with_capacity(slots.len());
        for slot in slots {
            if let Ok(extent @ Extent { frames: 1.., .. }) = slot.extent() {
                segments.push((end, extent, Arc::clone(slot)));
                end += extent.frames;
            }
        }
        Files { segments, end, begin, recent: Mutex::default() }
    }

    /// One key interval that was read already.
    pub fn of_chunk(chunk: Arc<Chunk>) -> Files {
        let (begin, end) = (chunk.first_number(), chunk.first_number() + chunk.len() as u64);
        Files { segments: Vec::new(), begin, end, recent: Mutex::new([chunk].into()) }
    }

    fn recent(&self, number: u64) -> Option<Arc<Chunk>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().find(|chunk| chunk.first_number() == number).cloned()
    }

    /// The newest sample of that segment for which that is true; one before it if there is none.
    fn within(&self, place: usize, not_later: &dyn Fn(Stamp) -> bool) -> Option<u64> {
        for (first, extent, slot) in self.segments.get(..=place)?.iter().rev() {
            if !extent.first.is_some_and(not_later) {
                continue;
            }
            let segment = slot.segment().ok()?;
            let mut number = first + segment.index.frames();
            for key in segment.index.keys.iter().rev() {
                number -= key.frames;
                if not_later(key.first) {
                    // What is damaged is not found: the key frame stands for its interval.
                    let chunk = self.chunk(&segment, key, number)?;
                    return Some(number + chunk.find(not_later).unwrap_or(0) as u64);
                }
            }
        }
        None
    }

    fn chunk(&self, segment: &Segment, key: &KeyEntry, number: u64) -> Option<Arc<Chunk>> {
        if let Some(chunk) = self.recent(number) {
            return Some(chunk);
        }
        let chunk = Arc::new(segment.chunk(key, number).ok()?);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= KEPT {
            recent.pop_front();
        }
        recent.push_back(Arc::clone(&chunk));
        Some(chunk)
    }
}

/// The key interval of a segment that holds its frame of that number, and the number of its first.
fn key_of(segment: &Segment, frame: u64) -> Option<(&KeyEntry, u64)> {
    let mut first = 0;
    for key in &segment.index.keys {
        if frame < first + key.frames {
            return Some((key, first));
        }
        first += key.frames;
    }
    None
}

impl Shelf for Files {
    fn numbers(&self) -> Range<u64> {
        self.begin..self.end
    }

    fn first(&self) -> Option<Stamp> {
        match self.segments.first() {
            Some((_, extent, _)) => extent.first,
            None => self.recent(self.begin)?.first(),
        }
    }

    fn last(&self) -> Option<Stamp> {
        match self.segments.last() {
            Some((_, extent, _)) => extent.last,
            None => self.recent(self.begin)?.last(),
        }
    }

    fn place(&self, number: u64) -> Option<(Arc<Chunk>, usize)> {
        let (chunk, first) = if self.segments.is_empty() {
            (self.recent(self.begin)?, self.begin)
        } else {
            let after = self.segments.partition_point(|(first, ..)| *first <= number);
            let (first, _, slot) = self.segments.get(after.checked_sub(1)?)?;
            let segment = slot.segment().ok()?;
            let (key, within) = key_of(&segment, number - first)?;
            (self.chunk(&segment, key, first + within)?, first + within)
        };
        let frame = usize::try_from(number.checked_sub(first)?).ok()?;
        (frame < chunk.len()).then_some((chunk, frame))
    }

    /// From the newest on: the wall clock may have been set back.
    fn newest(&self, not_later: &dyn Fn(Stamp) -> bool) -> Option<u64> {
        if self.segments.is_empty() {
            let chunk = self.recent(self.begin)?;
            return Some(chunk.first_number() + chunk.find(not_later)? as u64);
        }
        let begun = |extent: &Extent| extent.first.is_some_and(not_later);
        let place = self.segments.iter().rposition(|(_, extent, _)| begun(extent))?;
        self.within(place, not_later)
    }

    fn at(&self, wall_ms: i64) -> Option<u64> {
        let not_later = |stamp: Stamp| stamp.wall_ms <= wall_ms;
        if self.segments.is_empty() {
            return self.newest(&not_later);
        }
        let begun = |extent: &Extent| extent.first.is_some_and(not_later);
        let before_ms = |extent: &Extent| {
            let last_ms = extent.last.map_or(i64::MIN, |last| last.wall_ms);
            wall_ms.saturating_sub(last_ms)
        };
        let newest = self.segments.iter().rposition(|(_, extent, _)| begun(extent))?;
        let is_far = self.segments.get(newest).is_some_and(|(_, e, _)| before_ms(e) >= FAR_MS);
        let holds = |extent: &Extent| begun(extent) && before_ms(extent) <= 0;
        let other = self.segments.iter().rposition(|(_, extent, _)| holds(extent));
        self.within(other.filter(|_| is_far).unwrap_or(newest), &not_later)
    }

    /// Boots follow each other, and each has a monotonic clock of its own: the wall clock tells
    /// which one is meant; and where that was set back, the monotonic one which of two samples.
    fn number_of(&self, stamp: Stamp) -> Option<u64> {
        let wall_ms = stamp.wall_ms;
        let both =
            |other: Stamp| other.wall_ms <= wall_ms && other.monotonic_ns <= stamp.monotonic_ns;
        let is_it = |&number: &u64| {
            self.place(number).and_then(|(chunk, frame)| chunk.stamp(frame)) == Some(stamp)
        };
        let found = self.newest(&both).filter(is_it);
        found.or_else(|| self.newest(&|other| other.wall_ms <= wall_ms))
    }
}
