//! Samples to bytes and back, one after the other.

use std::sync::Arc;

use retop_model::{RawSample, Snapshot, Text};

use crate::export::Arguments;

use super::FRAME_LIMIT;
use super::decode::State;
use super::encode::{BodyEncoder, recordable};
use super::schema::{Mapping, Schema};
use super::varint::CodecError;
use super::zstd::{Deflate, Inflate};

/// Frames from one key frame to the next. Twice as many save 7 % and double the time of a seek.
pub const KEY_INTERVAL: usize = 120;

/// What a frame needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Nothing.
    Key,
    /// All frames since the last key frame.
    Delta,
}

/// Turns moments into frames.
pub struct Encoder {
    body: Vec<u8>,
    encoder: BodyEncoder,
    stream: Deflate,
    last: Option<Arc<RawSample>>,
    frames: usize,
}

impl Encoder {
    /// An encoder whose first frame is a key frame.
    ///
    /// # Errors
    ///
    /// zstd found no memory for its stream, 1.3 MiB.
    pub fn new() -> Result<Encoder, CodecError> {
        Encoder::with_arguments(Arguments::Full)
    }

    /// An encoder that writes so much of process arguments: what is masked here is in no byte that
    /// it gives.
    ///
    /// # Errors
    ///
    /// zstd found no memory for its stream.
    pub fn with_arguments(arguments: Arguments) -> Result<Encoder, CodecError> {
        Ok(Encoder {
            body: Vec::new(),
            encoder: BodyEncoder::new(arguments),
            stream: Deflate::new()?,
            last: None,
            frames: 0,
        })
    }

    /// Makes the next frame a key frame: after a write that failed, or when an interval is full.
    pub fn request_key(&mut self) {
        self.last = None;
    }

    /// Appends the moment's frame to `out`. Every [`KEY_INTERVAL`]th frame, and every one after a
    /// gap, is a key frame. Moments come in the order in which they were derived.
    ///
    /// # Errors
    ///
    /// zstd failed. `out` may then hold a part of the frame, and the next frame is a key frame.
    pub fn frame(&mut self, moment: &Snapshot, out: &mut Vec<u8>) -> Result<FrameKind, CodecError> {
        let now = recordable(moment.raw());
        let last = self.last.take().filter(|_| !moment.is_gap() && self.frames < KEY_INTERVAL);
        self.body.clear();
        let kind = match &last {
            Some(last) => {
                self.encoder.delta(last, &now, &mut self.body);
                FrameKind::Delta
            }
            None => {
                let before = moment.before().map(recordable);
                self.encoder.key(before.as_deref(), &now, &mut self.body);
                self.stream.restart()?;
                self.frames = 0;
                FrameKind::Key
            }
        };
        self.stream.frame(&self.body, out)?;
        self.last = Some(now);
        self.frames += 1;
        Ok(kind)
    }

    /// Bytes that the encoder takes beside the sample that it shares with whoever reads it.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.body.capacity() + self.encoder.memory() + self.stream.memory()
    }
}

/// Turns frames into moments, one after the other.
pub struct Decoder {
    mapping: Arc<Mapping>,
    stream: Inflate,
    body: Vec<u8>,
    strings: Vec<Text>,
    state: Option<State>,
}

impl Decoder {
    /// A decoder of frames that were written with that schema.
    ///
    /// # Errors
    ///
    /// zstd found no memory for its stream.
    pub fn new(schema: &Schema) -> Result<Decoder, CodecError> {
        Decoder::with_mapping(Arc::new(Mapping::new(schema)))
    }

    pub(crate) fn with_mapping(mapping: Arc<Mapping>) -> Result<Decoder, CodecError> {
        Ok(Decoder {
            mapping,
            stream: Inflate::new()?,
            body: Vec::new(),
            strings: Vec::new(),
            state: None,
        })
    }

    /// Takes the next frame.
    ///
    /// # Errors
    ///
    /// Where and why the bytes are no frame, or that a key frame must come first. After an error
    /// only a key frame helps.
    pub fn frame(&mut self, kind: FrameKind, payload: &[u8]) -> Result<(), CodecError> {
        self.frame_for(kind, payload, true)
    }

    /// As [`Decoder::frame`]; without `rates` what the sample is compared with is not kept, and
    /// tables are changed in place.
    pub(crate) fn frame_for(
        &mut self,
        kind: FrameKind,
        payload: &[u8],
        rates: bool,
    ) -> Result<(), CodecError> {
        let mut state = match (kind, self.state.take()) {
            (FrameKind::Key, _) => {
                self.stream.restart()?;
                State::new()
            }
            (FrameKind::Delta, Some(state)) => state,
            (FrameKind::Delta, None) => {
                return Err(CodecError { offset: 0, reason: "no key frame before" });
            }
        };
        self.body.clear();
        self.stream.frame(payload, FRAME_LIMIT, &mut self.body)?;
        if (self.body.first() == Some(&0)) != (kind == FrameKind::Delta) {
            return Err(CodecError { offset: 0, reason: "not the kind of frame it is said to be" });
        }
        state.apply(&self.body, &self.mapping, &mut self.strings, |_| rates)?;
        self.state = Some(state);
        Ok(())
    }

    /// The sample of the last frame.
    #[must_use]
    pub fn sample(&self) -> Option<Arc<RawSample>> {
        self.state.as_ref().map(State::sample)
    }

    /// The moment of the last frame, exactly as it was derived when it was written.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.state.as_ref().map(State::snapshot)
    }
}
