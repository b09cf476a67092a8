//! What a reader sees of the history, and steps through.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use retop_model::{Snapshot, Stamp};

use super::chunk::Chunk;
use super::codec::{Decoder, FrameKind};
use super::interval::Interval;

/// Where key intervals stand: in memory, or in the files of a recording.
pub(crate) trait Shelf: Debug + Send + Sync {
    /// The numbers of the samples that are here.
    fn numbers(&self) -> Range<u64>;
    /// The oldest sample's stamp.
    fn first(&self) -> Option<Stamp>;
    /// The newest sample's stamp.
    fn last(&self) -> Option<Stamp>;
    /// The key interval that holds that sample, and its place in it.
    fn place(&self, number: u64) -> Option<(Arc<Chunk>, usize)>;
    /// The newest sample for which that is true.
    fn newest(&self, not_later: &dyn Fn(Stamp) -> bool) -> Option<u64>;
    /// The newest sample that is not later than that time of the wall clock. Where that was set back
    /// and did not come so far again, one of those that were taken at that time before.
    fn at(&self, wall_ms: i64) -> Option<u64>;
    /// The sample with that stamp, or the nearest before it.
    fn number_of(&self, stamp: Stamp) -> Option<u64>;
}

/// A sample that is so much older than the time that was asked for is not of that time, if there is
/// another one.
pub(crate) const FAR_MS: i64 = 60_000;

/// Key intervals in memory, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub chunks: VecDeque<Arc<Chunk>>,
}

impl Shelf for Kept {
    fn numbers(&self) -> Range<u64> {
        match (self.chunks.front(), self.chunks.back()) {
            (Some(first), Some(last)) => {
                first.first_number()..last.first_number() + last.len() as u64
            }
            _ => 0..0,
        }
    }

    fn first(&self) -> Option<Stamp> {
        self.chunks.front()?.first()
    }

    fn last(&self) -> Option<Stamp> {
        self.chunks.back()?.last()
    }

    fn place(&self, number: u64) -> Option<(Arc<Chunk>, usize)> {
        let after = self.chunks.partition_point(|chunk| chunk.first_number() <= number);
        let chunk = self.chunks.get(after.checked_sub(1)?)?;
        let frame = usize::try_from(number - chunk.first_number()).ok()?;
        (frame < chunk.len()).then(|| (Arc::clone(chunk), frame))
    }

    /// Chunks are tried from the newest on: a clock may have been set back between two of them.
    fn newest(&self, not_later: &dyn Fn(Stamp) -> bool) -> Option<u64> {
        let begun = |chunk: &&Arc<Chunk>| chunk.first().is_some_and(not_later);
        let chunk = self.chunks.iter().rev().find(begun)?;
        Some(chunk.first_number() + chunk.find(not_later)? as u64)
    }

    fn at(&self, wall_ms: i64) -> Option<u64> {
        let not_later = |stamp: Stamp| stamp.wall_ms <= wall_ms;
        let begun = |chunk: &&Arc<Chunk>| chunk.first().is_some_and(not_later);
        let last_ms = |chunk: &Arc<Chunk>| chunk.last().map_or(i64::MIN, |last| last.wall_ms);
        let mut begun = self.chunks.iter().rev().filter(begun);
        let newest = begun.next()?;
        let holds = |chunk: &&Arc<Chunk>| last_ms(chunk) >= wall_ms;
        let chunk = match wall_ms.saturating_sub(last_ms(newest)) {
            FAR_MS.. => begun.find(holds).unwrap_or(newest),
            _ => newest,
        };
        Some(chunk.first_number() + chunk.find(not_later)? as u64)
    }

    /// A history in memory is of one boot, whose monotonic clock never goes back.
    fn number_of(&self, stamp: Stamp) -> Option<u64> {
        self.newest(&|other| other.monotonic_ns <= stamp.monotonic_ns)
    }
}

/// The history as it was when the view was taken. Taking one copies a pointer per chunk, so that
/// the lock around a live history is held for microseconds and decoding needs none.
///
/// Samples are numbered from 0, the first one ever pushed or the first one of a recording; numbers
/// are never used again.
#[derive(Clone, Debug)]
pub struct View {
    shelf: Arc<dyn Shelf>,
}

impl View {
    pub(crate) fn of(shelf: Arc<dyn Shelf>) -> View {
        View { shelf }
    }

    /// The numbers of the samples that are here.
    #[must_use]
    pub fn numbers(&self) -> Range<u64> {
        self.shelf.numbers()
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
        self.numbers().is_empty()
    }

    /// The oldest sample's stamp.
    #[must_use]
    pub fn first(&self) -> Option<Stamp> {
        self.shelf.first()
    }

    /// The newest sample's stamp.
    #[must_use]
    pub fn last(&self) -> Option<Stamp> {
        self.shelf.last()
    }

    /// Seconds from the oldest to the newest sample, sleep included; 0 without two samples.
    #[must_use]
    pub fn span_seconds(&self) -> f64 {
        span_seconds(self.first(), self.last())
    }

    /// When that sample was taken.
    #[must_use]
    pub fn stamp(&self, number: u64) -> Option<Stamp> {
        let (chunk, frame) = self.shelf.place(number)?;
        chunk.stamp(frame)
    }

    /// The newest sample that is not later than `wall_ms`. Where the wall clock was set back, one
    /// time stands for several samples; if it was not reached again, those before are meant.
    #[must_use]
    pub fn number_at(&self, wall_ms: i64) -> Option<u64> {
        self.shelf.at(wall_ms)
    }

    /// The newest sample that is not later than `monotonic_ns`. In a recording of several boots
    /// one time stands for several samples: see [`View::number_of`].
    #[must_use]
    pub fn number_at_monotonic(&self, monotonic_ns: u64) -> Option<u64> {
        self.shelf.newest(&|stamp| stamp.monotonic_ns <= monotonic_ns)
    }

    /// The sample with that stamp, or the nearest one before it.
    #[must_use]
    pub fn number_of(&self, stamp: Stamp) -> Option<u64> {
        self.shelf.number_of(stamp)
    }

    /// The moment of that sample, exactly as it was live. Decodes up to a key interval. `None` too
    /// if a recording is damaged there.
    #[must_use]
    pub fn moment(&self, number: u64) -> Option<Snapshot> {
        let (chunk, frame) = self.shelf.place(number)?;
        let mut interval = Interval::open(chunk).ok()?;
        interval.seek(frame, false).ok()?;
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

    pub(crate) fn place(&self, number: u64) -> Option<(Arc<Chunk>, usize)> {
        self.shelf.place(number)
    }

    /// Every moment from the oldest on. What cannot be read is left out.
    pub fn moments(&self) -> impl Iterator<Item = Snapshot> {
        let mut next = self.numbers().start;
        let mut open: Option<(Arc<Chunk>, Decoder, usize)> = None;
        std::iter::from_fn(move || {
            loop {
                let Some((chunk, decoder, frame)) = &mut open else {
                    let numbers = self.numbers();
                    if !numbers.contains(&next) {
                        return None;
                    }
                    let Some((chunk, 0)) = self.shelf.place(next) else {
                        next += 1;
                        continue;
                    };
                    let decoder = Decoder::with_mapping(Arc::clone(chunk.mapping())).ok()?;
                    open = Some((chunk, decoder, 0));
                    continue;
                };
                let kind = if *frame == 0 { FrameKind::Key } else { FrameKind::Delta };
                let payload = chunk.payload(*frame);
                *frame += 1;
                if let Some(payload) = payload
                    && decoder.frame(kind, payload).is_ok()
                {
                    return decoder.snapshot();
                }
                // The end of the interval, or a frame that the rest of it needs.
                next = chunk.first_number() + chunk.len() as u64;
                open = None;
            }
        })
    }

    /// A cursor at that sample.
    #[must_use]
    pub fn cursor(&self, number: u64) -> Option<Cursor> {
        let mut cursor = Cursor { view: self.clone(), number, interval: None };
        cursor.seek(number).then_some(cursor)
    }
}

/// Seconds between two samples, sleep included.
pub(super) fn span_seconds(first: Option<Stamp>, last: Option<Stamp>) -> f64 {
    match (first, last) {
        (Some(first), Some(last)) => {
            last.boottime_ns.saturating_sub(first.boottime_ns) as f64 / 1e9
        }
        _ => 0.0,
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

    /// Goes to that sample. False, and nothing moves, if it is not in the view or cannot be read.
    pub fn seek(&mut self, number: u64) -> bool {
        let Some((chunk, frame)) = self.view.shelf.place(number) else { return false };
        let same = |interval: &Interval| interval.chunk().first_number() == chunk.first_number();
        let (mut interval, other) = match self.interval.take() {
            Some(mut interval) if same(&interval) => {
                interval.grow(&chunk);
                (interval, None)
            }
            other => match Interval::open(chunk) {
                Ok(interval) => (interval, other),
                Err(_) => {
                    self.interval = other;
                    return false;
                }
            },
        };
        if interval.seek(frame, true).is_err() {
            self.interval = other;
            return false;
        }
        (self.number, self.interval) = (number, Some(interval));
        true
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
