//! The history itself: frames within a cap of bytes, and the rings that charts are drawn from.

use std::sync::Arc;

use retop_model::{Snapshot, Stamp};

use crate::export::Arguments;

use super::chunk::Chunk;
use super::codec::{Encoder, FrameKind};
use super::log::Log;
use super::schema::{Mapping, Schema};
use super::series::Series;
use super::spike::Spikes;
use super::varint::CodecError;
use super::view::{Kept, Shelf, View, span_seconds};

/// A key interval ends early when it takes this share of what the cap leaves, so that dropping the
/// oldest never drops most.
const CHUNK_SHARE: usize = 4;

/// The samples of the past within a cap of bytes.
///
/// Meant for `Arc<Mutex<History>>`: [`History::push`] takes a fraction of a millisecond, a reader
/// takes a [`View`] under the lock and decodes outside of it.
pub struct History {
    cap: usize,
    encoder: Encoder,
    payload: Vec<u8>,
    kept: Kept,
    mapping: Arc<Mapping>,
    /// Of all chunks but the last.
    sealed_bytes: usize,
    pushed: u64,
    series: Series,
    spikes: Spikes,
    log: Log,
}

impl History {
    /// An empty history that takes at most `cap_bytes`, its charts and its encoder included. These
    /// two take a quarter of the cap and 2 MiB; what they leave holds the samples.
    ///
    /// # Errors
    ///
    /// No memory for the encoder.
    pub fn new(cap_bytes: usize) -> Result<History, CodecError> {
        History::with_arguments(cap_bytes, Arguments::Full)
    }

    /// As [`History::new`], with so much of process arguments: for a history that others may read.
    ///
    /// # Errors
    ///
    /// No memory for the encoder.
    pub fn with_arguments(cap_bytes: usize, arguments: Arguments) -> Result<History, CodecError> {
        Ok(History {
            cap: cap_bytes,
            encoder: Encoder::with_arguments(arguments)?,
            payload: Vec::new(),
            kept: Kept::default(),
            mapping: Arc::new(Mapping::new(&Schema::own())),
            sealed_bytes: 0,
            pushed: 0,
            series: Series::new(cap_bytes / 4),
            spikes: Spikes::default(),
            log: Log::default(),
        })
    }

    /// Takes the newest moment; moments come in the order in which they were derived.
    ///
    /// # Errors
    ///
    /// The encoder failed; the moment is not kept, the history goes on with the next.
    pub fn push(&mut self, moment: &Snapshot) -> Result<(), CodecError> {
        self.series.push(moment);
        let stamp = moment.stamp();
        if self.kept.last().is_some_and(|last| stamp.wall_ms < last.wall_ms) {
            self.encoder.request_key();
        }
        self.payload.clear();
        let kind = self.encoder.frame(moment, &mut self.payload)?;
        if kind == FrameKind::Key {
            self.seal();
            let mapping = Arc::clone(&self.mapping);
            self.kept.chunks.push_back(Arc::new(Chunk::new(self.pushed, mapping)));
        }
        if let Some(open) = self.kept.chunks.back_mut() {
            // Copies the chunk if a reader holds it: once per view, not per sample.
            Arc::make_mut(open).push(stamp, &self.payload);
            self.spikes.push(self.pushed, moment);
            self.log.push(self.pushed, moment);
            self.pushed += 1;
        }
        self.evict();
        let first = self.kept.numbers().start;
        self.spikes.forget(first);
        self.log.forget(first);
        Ok(())
    }

    fn seal(&mut self) {
        if let Some(open) = self.kept.chunks.back_mut() {
            let open = Arc::make_mut(open);
            open.seal();
            self.sealed_bytes += open.memory();
        }
    }

    fn evict(&mut self) {
        let room = self.cap.saturating_sub(self.fixed_bytes());
        if self.open_bytes() > room / CHUNK_SHARE {
            self.encoder.request_key();
        }
        while self.sealed_bytes + self.open_bytes() > room {
            let Some(oldest) = self.kept.chunks.pop_front() else { break };
            if self.kept.chunks.is_empty() {
                self.encoder.request_key();
            } else {
                self.sealed_bytes -= oldest.memory();
            }
        }
    }

    fn open_bytes(&self) -> usize {
        self.kept.chunks.back().map_or(0, |open| open.memory())
    }

    /// Bytes of the samples alone.
    #[cfg(test)]
    pub(super) fn frame_bytes(&self) -> usize {
        self.sealed_bytes + self.open_bytes()
    }

    fn fixed_bytes(&self) -> usize {
        self.encoder.memory()
            + self.payload.capacity()
            + self.series.memory()
            + self.spikes.memory()
            + self.log.memory()
            + self.kept.chunks.capacity() * size_of::<Arc<Chunk>>()
    }

    /// Bytes that the history takes now. Never more than the cap, unless the cap is below what the
    /// encoder and the charts take. What readers hold beyond it, their views, is theirs.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.fixed_bytes() + self.sealed_bytes + self.open_bytes()
    }

    /// How many samples are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        let numbers = self.kept.numbers();
        usize::try_from(numbers.end - numbers.start).unwrap_or(usize::MAX)
    }

    /// True if no sample is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.chunks.is_empty()
    }

    /// The oldest sample's stamp.
    #[must_use]
    pub fn first(&self) -> Option<Stamp> {
        self.kept.first()
    }

    /// The newest sample's stamp.
    #[must_use]
    pub fn last(&self) -> Option<Stamp> {
        self.kept.last()
    }

    /// Seconds from the oldest to the newest sample, sleep included.
    #[must_use]
    pub fn span_seconds(&self) -> f64 {
        span_seconds(self.first(), self.last())
    }

    /// What is kept now, to be decoded without the lock.
    #[must_use]
    pub fn view(&self) -> View {
        View::of(Arc::new(self.kept.clone()))
    }

    /// The machine at that time of the wall clock; see [`View::asof`].
    #[must_use]
    pub fn asof(&self, wall_ms: i64) -> Option<Snapshot> {
        self.view().asof(wall_ms)
    }

    /// The machine at that time of the monotonic clock; see [`View::asof_monotonic`].
    #[must_use]
    pub fn asof_monotonic(&self, monotonic_ns: u64) -> Option<Snapshot> {
        self.view().asof_monotonic(monotonic_ns)
    }

    /// The rings that charts are drawn from.
    #[must_use]
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// Where something went up, in the samples that are kept.
    #[must_use]
    pub fn spikes(&self) -> &Spikes {
        &self.spikes
    }

    /// What happened, in the samples that are kept.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The rings, to watch more of them.
    pub fn series_mut(&mut self) -> &mut Series {
        &mut self.series
    }
}
