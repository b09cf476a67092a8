//! Any frame of one key interval.

use std::sync::Arc;

use retop_model::{FamilyId, Snapshot, Text};

use super::FRAME_LIMIT;
use super::chunk::Chunk;
use super::decode::{Skimmed, State, skim};
use super::schema::Mapping;
use super::varint::CodecError;
use super::zstd::Inflate;

/// One decoded state is kept per this many frames, so that a step back decodes no more than these.
const SAVE_EVERY: usize = 20;

/// A reader of one chunk. Bodies are kept once they were inflated, for a zstd stream only goes
/// forwards.
pub(super) struct Interval {
    chunk: Arc<Chunk>,
    mapping: Arc<Mapping>,
    stream: Inflate,
    bodies: Vec<u8>,
    ends: Vec<usize>,
    strings: Vec<Text>,
    /// The state after the frame of that number, if any was decoded.
    at: Option<(usize, State)>,
    saved: Vec<(usize, State)>,
}

impl Interval {
    pub fn open(chunk: Arc<Chunk>) -> Result<Interval, CodecError> {
        let mapping = Arc::clone(chunk.mapping());
        Ok(Interval {
            chunk,
            mapping,
            stream: Inflate::new()?,
            bodies: Vec::new(),
            ends: Vec::new(),
            strings: Vec::new(),
            at: None,
            saved: Vec::new(),
        })
    }

    pub fn chunk(&self) -> &Chunk {
        &self.chunk
    }

    /// Takes the same chunk with more frames at its end.
    pub fn grow(&mut self, chunk: &Arc<Chunk>) {
        debug_assert_eq!(self.chunk.first_number(), chunk.first_number());
        self.chunk = Arc::clone(chunk);
    }

    /// Decodes that frame by the shortest way. `save` keeps states on the way for steps back.
    pub fn seek(&mut self, frame: usize, save: bool) -> Result<(), CodecError> {
        self.inflate(frame)?;
        let behind = |(at, _): &(usize, State)| *at <= frame;
        let (mut at, mut state) = match self.at.take().filter(behind) {
            Some(near) => near,
            None => match self.saved.iter().filter(|saved| behind(saved)).max_by_key(|s| s.0) {
                Some(saved) => saved.clone(),
                None => {
                    let mut state = State::new();
                    let key = body(&self.bodies, &self.ends, 0);
                    state.apply(key, &self.mapping, &mut self.strings, |_| true)?;
                    (0, state)
                }
            },
        };
        loop {
            if save && at % SAVE_EVERY == 0 && self.saved.iter().all(|saved| saved.0 != at) {
                self.saved.push((at, state.clone()));
            }
            if at == frame {
                break;
            }
            let stop = if save { (at / SAVE_EVERY + 1) * SAVE_EVERY } else { frame };
            let stop = stop.min(frame);
            self.walk(&mut state, at, stop)?;
            at = stop;
        }
        self.at = Some((at, state));
        Ok(())
    }

    /// The moment of the frame that was sought last.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.at.as_ref().map(|(_, state)| state.snapshot())
    }

    /// Applies the frames after `from`, up to `to`. Only a family's last read before the end is
    /// compared with the one before it, so only that one is kept.
    fn walk(&mut self, state: &mut State, from: usize, to: usize) -> Result<(), CodecError> {
        let mut last_read = [0; FamilyId::COUNT];
        let mut skimmed = Skimmed::after(state);
        for frame in from + 1..=to {
            let read = |family: FamilyId| last_read[family.index()] = frame;
            skim(body(&self.bodies, &self.ends, frame), &self.mapping, &mut skimmed, read)?;
        }
        (from + 1..=to).try_for_each(|frame| {
            let keep = |family: FamilyId| last_read[family.index()] == frame;
            let body = body(&self.bodies, &self.ends, frame);
            state.apply(body, &self.mapping, &mut self.strings, keep)
        })
    }

    fn inflate(&mut self, frame: usize) -> Result<(), CodecError> {
        for next in self.ends.len()..=frame {
            let Some(payload) = self.chunk.payload(next) else {
                return Err(CodecError { offset: self.bodies.len(), reason: "no such frame" });
            };
            // The whole interval keeps within what a single frame may take.
            self.stream.frame(payload, FRAME_LIMIT, &mut self.bodies)?;
            self.ends.push(self.bodies.len());
        }
        Ok(())
    }
}

/// The body of a frame that was inflated.
fn body<'a>(bodies: &'a [u8], ends: &[usize], frame: usize) -> &'a [u8] {
    let start = frame.checked_sub(1).map_or(0, |last| ends[last]);
    &bodies[start..ends[frame]]
}
