//! What a reader sees of the history, and steps through.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use retop_model::{Snapshot, Stamp};

use super::chunk::Chunk;
use super::interval::Interval;
use super::schema::{Mapping, Schema};

/// The history as it was when the view was taken. Taking one copies a pointer per chunk, so that
/// the lock around a live history is held for microseconds and decoding needs none.
///
/// Samples are numbered from 0, the first one ever pushed; numbers are never used again.
#[derive(Clone, Debug)]
pub struct View {
    pub(super) chunks: VecDeque<Arc<Chunk>>,
    mapping: Arc<Mapping>,
}

impl View {
    pub(super) fn new() -> View {
        View { chunks: VecDeque::new(), mapping: Arc::new(Mapping::new(&Schema::own())) }
    }

    /// The numbers of the samples that are here.
    #[must_use]
    pub fn numbers(&self) -> Range<u64> {
        match (self.chunks.front(), self.chunks.back()) {
            (Some(first), Some(last)) => {
                first.first_number()..last.first_number() + last.len() as u64
            }
            _ => 0..0,
        }
    }

    /// How many samples are here.
    #[must_use]
    pub fn len(&self) -> usize {
        let numbers = self.numbers();
        usize::try_from(numbers.end - numbers.start).unwrap_or(usize::MAX)
    }

    /// True if no sample is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The oldest sample's stamp.
    #[must_use]
    pub fn first(&self) -> Option<Stamp> {
        self.chunks.front()?.first()
    }

    /// The newest sample's stamp.
    #[must_use]
    pub fn last(&self) -> Option<Stamp> {
        self.chunks.back()?.last()
    }

    /// Seconds from the oldest to the newest sample, sleep included; 0 without two samples.
    #[must_use]
    pub fn span_seconds(&self) -> f64 {
        match (self.first(), self.last()) {
            (Some(first), Some(last)) => {
                last.boottime_ns.saturating_sub(first.boottime_ns) as f64 / 1e9
            }
            _ => 0.0,
        }
    }

    /// When that sample was taken.
    #[must_use]
    pub fn stamp(&self, number: u64) -> Option<Stamp> {
        let (chunk, frame) = self.place(number)?;
        chunk.stamp(frame)
    }

    /// The newest sample that is not later than `wall_ms`. Where the wall clock was set back, one
    /// time stands for several samples.
    #[must_use]
    pub fn number_at(&self, wall_ms: i64) -> Option<u64> {
        self.newest(|stamp| stamp.wall_ms <= wall_ms)
    }

    /// The newest sample that is not later than `monotonic_ns`.
    #[must_use]
    pub fn number_at_monotonic(&self, monotonic_ns: u64) -> Option<u64> {
        self.newest(|stamp| stamp.monotonic_ns <= monotonic_ns)
    }

    /// The moment of that sample, exactly as it was live. Decodes up to a key interval.
    #[must_use]
    pub fn moment(&self, number: u64) -> Option<Snapshot> {
        let (chunk, frame) = self.place(number)?;
        let mut interval = Interval::open(Arc::clone(chunk), Arc::clone(&self.mapping)).ok()?;
        let sought = interval.seek(frame, false);
        debug_assert!(sought.is_ok(), "{sought:?}");
        sought.ok()?;
        interval.snapshot()
    }

    /// The machine at that time of the wall clock; `None` before the oldest sample.
    #[must_use]
    pub fn asof(&self, wall_ms: i64) -> Option<Snapshot> {
        self.moment(self.number_at(wall_ms)?)
    }

    /// The machine at that time of the monotonic clock; `None` before the oldest sample.
    #[must_use]
    pub fn asof_monotonic(&self, monotonic_ns: u64) -> Option<Snapshot> {
        self.moment(self.number_at_monotonic(monotonic_ns)?)
    }

    /// A cursor at that sample.
    #[must_use]
    pub fn cursor(&self, number: u64) -> Option<Cursor> {
        let mut cursor = Cursor { view: self.clone(), number, interval: None };
        cursor.seek(number).then_some(cursor)
    }

    /// Chunks are tried from the newest on: a clock may have been set back between two of them.
    fn newest(&self, not_later: impl Fn(Stamp) -> bool) -> Option<u64> {
        let begun = |chunk: &&Arc<Chunk>| chunk.first().is_some_and(&not_later);
        let chunk = self.chunks.iter().rev().find(begun)?;
        Some(chunk.first_number() + chunk.find(not_later)? as u64)
    }

    fn place(&self, number: u64) -> Option<(&Arc<Chunk>, usize)> {
        let after = self.chunks.partition_point(|chunk| chunk.first_number() <= number);
        let chunk = self.chunks.get(after.checked_sub(1)?)?;
        let frame = usize::try_from(number - chunk.first_number()).ok()?;
        (frame < chunk.len()).then_some((chunk, frame))
    }
}

/// Steps through the history. A step forward decodes one frame; a step back at most 20, for one
/// decoded state per 20 frames is kept of the key interval that the cursor is in.
pub struct Cursor {
    view: View,
    number: u64,
    interval: Option<Interval>,
}

impl Cursor {
    /// The number of the sample that the cursor is at.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The history that the cursor moves in.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Lets the cursor see what has come since. It stays where it is, even if its sample has gone.
    pub fn refresh(&mut self, view: View) {
        self.view = view;
    }

    /// The moment that the cursor is at.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.interval.as_ref()?.snapshot()
    }

    /// Goes to that sample. False, and nothing moves, if it is not in the view.
    pub fn seek(&mut self, number: u64) -> bool {
        let Some((chunk, frame)) = self.view.place(number) else { return false };
        let same = |interval: &Interval| interval.chunk().first_number() == chunk.first_number();
        let mut interval = match self.interval.take().filter(same) {
            Some(mut interval) => {
                interval.grow(chunk);
                interval
            }
            None => {
                let mapping = Arc::clone(&self.view.mapping);
                match Interval::open(Arc::clone(chunk), mapping) {
                    Ok(interval) => interval,
                    Err(_) => return false,
                }
            }
        };
        let sought = interval.seek(frame, true);
        debug_assert!(sought.is_ok(), "{sought:?}");
        (self.number, self.interval) = (number, Some(interval));
        sought.is_ok()
    }

    /// Goes to the next sample; false at the end.
    pub fn forward(&mut self) -> bool {
        self.seek(self.number.saturating_add(1))
    }

    /// Goes to the sample before; false at the beginning.
    pub fn back(&mut self) -> bool {
        self.number.checked_sub(1).is_some_and(|number| self.seek(number))
    }
}
