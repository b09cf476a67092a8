//! The frames of some time, decoded one after the other.

use std::path::Path;
use std::sync::Arc;

use retop_model::{RawSample, Snapshot, Stamp};

use crate::history::{Decoder, FrameKind};

use super::error::RecordingError;
use super::index::{KeyEntry, Scan};
use super::reader::Recording;
use super::record::{self, Stamps};
use super::segment::Segment;
use super::slot::Slot;

/// Moments one after the other: see [`Recording::moments`].
pub struct Moments<'a>(pub(super) Frames<'a>);

impl Iterator for Moments<'_> {
    type Item = Result<Snapshot, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.step()?.map(|()| self.0.moment()).transpose()
    }
}

/// Raw samples one after the other: see [`Recording::samples`].
pub struct Samples<'a>(pub(super) Frames<'a>);

impl Iterator for Samples<'_> {
    type Item = Result<Arc<RawSample>, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.step()?.map(|()| self.0.sample()).transpose()
    }
}

/// Goes through the frames of some time.
pub(super) struct Frames<'a> {
    slots: Box<dyn Iterator<Item = &'a Arc<Slot>> + 'a>,
    from_ms: i64,
    to_ms: i64,
    rates: bool,
    open: Option<Open>,
}

struct Open {
    segment: Arc<Segment>,
    /// Of the key interval before `next_key`: damage in one says nothing of where the next begins,
    /// and the index does.
    scan: Scan,
    next_key: usize,
    decoder: Option<(u64, Decoder)>,
    stamps: Stamps,
    /// The frames since the last key frame can be decoded.
    whole: bool,
}

impl<'a> Frames<'a> {
    pub fn new(recording: &'a Recording, from_ms: i64, to_ms: i64, rates: bool) -> Frames<'a> {
        let slots = Box::new(recording.between(from_ms, to_ms));
        Frames { slots, from_ms, to_ms, rates, open: None }
    }

    /// Decodes up to the next frame of the time that was asked for.
    fn step(&mut self) -> Option<Result<(), RecordingError>> {
        loop {
            if self.open.is_none() {
                let slot = self.slots.next()?;
                let entered = slot.begun_segment().and_then(|segment| match segment {
                    Some(segment) => self.enter(segment),
                    None => Ok(None),
                });
                match entered {
                    Ok(open) => self.open = open,
                    Err(error) => return Some(Err(error)),
                }
                continue;
            }
            let open = self.open.as_mut()?;
            match open.frame(self.rates) {
                Ok(Some(stamp)) if stamp.wall_ms < self.from_ms => {}
                // Later frames may be earlier by the wall clock, by less than a second.
                Ok(Some(stamp)) if stamp.wall_ms >= self.to_ms => {
                    if stamp.wall_ms.saturating_sub(self.to_ms) > 2_000 {
                        self.open = None;
                    }
                }
                Ok(Some(_)) => return Some(Ok(())),
                Ok(None) => self.open = None,
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Begins at the last key frame before the time; `None` if the segment ends before it.
    fn enter(&self, segment: Arc<Segment>) -> Result<Option<Open>, RecordingError> {
        let index = &segment.index;
        let before = |key: &&KeyEntry| key.first.wall_ms <= self.from_ms;
        if index.keys.iter().all(|key| key.last.wall_ms < self.from_ms) {
            return Ok(None);
        }
        let next_key = index.keys.iter().rposition(|key| before(&key)).unwrap_or(0);
        let scan = segment.scan(0, 0)?;
        let (decoder, stamps) = (None, Stamps::default());
        Ok(Some(Open { segment, scan, next_key, decoder, stamps, whole: false }))
    }

    fn moment(&self) -> Option<Snapshot> {
        self.open.as_ref()?.decoder.as_ref()?.1.snapshot()
    }

    fn sample(&self) -> Option<Arc<RawSample>> {
        self.open.as_ref()?.decoder.as_ref()?.1.sample()
    }
}

impl Open {
    /// Decodes the next frame that can be.
    fn frame(&mut self, rates: bool) -> Result<Option<Stamp>, RecordingError> {
        let path = &self.segment.path;
        loop {
            let found = self.scan.next().map_err(|error| RecordingError::io(path, &error))?;
            let Some(found) = found else {
                if let Some(offset) = self.scan.unread()
                    && std::mem::replace(&mut self.whole, false)
                {
                    return Err(damaged(path, offset));
                }
                let keys = &self.segment.index.keys;
                let Some(key) = keys.get(self.next_key) else { return Ok(None) };
                self.scan = self.segment.scan(key.offset, key.end)?;
                self.next_key += 1;
                self.whole = true;
                continue;
            };
            let offset = found.offset;
            if !found.sound {
                if std::mem::replace(&mut self.whole, false) {
                    return Err(damaged(path, offset));
                }
                continue;
            }
            let kind = match found.head.kind {
                record::KEY if self.whole => FrameKind::Key,
                record::DELTA if self.whole => FrameKind::Delta,
                _ => continue,
            };
            let key = kind == FrameKind::Key;
            if key {
                let after = self.segment.index.schemas.partition_point(|&schema| schema < offset);
                if self.decoder.as_ref().is_none_or(|(known, _)| *known != after as u64) {
                    let mapping = self.segment.mapping(offset)?;
                    let decoder = Decoder::with_mapping(mapping);
                    let decoder =
                        decoder.map_err(|error| RecordingError::codec(path, offset, error))?;
                    self.decoder = Some((after as u64, decoder));
                }
            }
            let Some((_, decoder)) = &mut self.decoder else { continue };
            let stamps = self.stamps.read(found.head.wall_ms, key, found.payload);
            let decoded = stamps
                .and_then(|(stamp, frame)| decoder.frame_for(kind, frame, rates).map(|()| stamp));
            match decoded {
                Ok(stamp) => return Ok(Some(stamp)),
                Err(error) => {
                    self.whole = false;
                    return Err(RecordingError::codec(path, offset, error));
                }
            }
        }
    }
}

fn damaged(path: &Path, offset: u64) -> RecordingError {
    let what = "the record is damaged; samples up to the next key frame are lost";
    RecordingError::at(path, offset, what)
}
