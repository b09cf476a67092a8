//! The bytes of one key interval.

use std::sync::Arc;

use retop_model::Stamp;

use super::schema::Mapping;

/// A key frame and the frames up to the next one.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    first_number: u64,
    /// Chunks of one recording may have been written by several programs.
    mapping: Arc<Mapping>,
    bytes: Vec<u8>,
    frames: Vec<Frame>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    stamp: Stamp,
    end: usize,
}

impl Chunk {
    /// An empty chunk whose first sample will have that number.
    pub fn new(first_number: u64, mapping: Arc<Mapping>) -> Chunk {
        Chunk { first_number, mapping, bytes: Vec::new(), frames: Vec::new() }
    }

    pub fn push(&mut self, stamp: Stamp, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.frames.push(Frame { stamp, end: self.bytes.len() });
    }

    /// Gives back what growing took too much.
    pub fn seal(&mut self) {
        self.bytes.shrink_to_fit();
        self.frames.shrink_to_fit();
    }

    pub fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    pub fn first_number(&self) -> u64 {
        self.first_number
    }

    pub fn len(&self) -> usize {
        self.frames.len()
    }

    pub fn stamp(&self, frame: usize) -> Option<Stamp> {
        self.frames.get(frame).map(|frame| frame.stamp)
    }

    pub fn first(&self) -> Option<Stamp> {
        self.stamp(0)
    }

    pub fn last(&self) -> Option<Stamp> {
        self.frames.last().map(|frame| frame.stamp)
    }

    pub fn payload(&self, frame: usize) -> Option<&[u8]> {
        let start = match frame.checked_sub(1) {
            Some(last) => self.frames.get(last)?.end,
            None => 0,
        };
        self.bytes.get(start..self.frames.get(frame)?.end)
    }

    /// The last frame that is not later; within a chunk no clock goes back.
    pub fn find(&self, not_later: impl Fn(Stamp) -> bool) -> Option<usize> {
        self.frames.partition_point(|frame| not_later(frame.stamp)).checked_sub(1)
    }

    /// Bytes that the chunk takes.
    pub fn memory(&self) -> usize {
        size_of::<Chunk>() + self.bytes.capacity() + self.frames.capacity() * size_of::<Frame>()
    }
}
