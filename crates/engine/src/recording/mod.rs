//! The flight recorder: samples in files, written as they come and read back exactly.
//!
//! A recording is a folder of segments, or one of them. A segment is one file to which whole
//! records are appended, and which nobody changes afterwards:
//!
//! ```text
//! segment  header, records, and after a clean end a footer
//! header   "RETOP", format u8, length u32, crc32 u32, JSON: see [`Header`]
//! record   length u32, crc32 u32, kind u8, wall clock i64 in ms, payload
//!          the length is that of all behind the crc, which covers just that
//! footer   a record of kind 5, then its offset as u64
//! ```
//!
//! All of them little-endian. Kinds of records, and their payloads:
//!
//! ```text
//! 1   key frame    stamps, frame      a frame that needs no other
//! 2   delta frame  stamps, frame      one that needs all since the last key frame
//! 3   event        JSON: see [`Event`]
//! 4   schema       header JSON        the tables from here on, other than those of the header
//! 5   footer       index: see `index.rs`
//! 64  preview      lowest, mean and highest per 10 s: see `preview.rs`
//! ```
//!
//! A reader skips kinds from 64 that it does not know. Frames are those of [`crate::history`]: what
//! stands in memory, in files and in replies over HTTP are the same bytes. The stamps before a
//! frame are the monotonic and the boot clock as differences, so that times are known without
//! inflating anything.
//!
//! Nothing is ever repaired. A writer that starts anew begins a new segment, a torn tail is the end
//! of what a reader sees, and damage within a file costs what stands up to the next key frame.

mod body;
mod cut;
mod error;
mod event;
mod folder;
mod frames;
mod header;
mod index;
mod live;
mod name;
mod preview;
mod reader;
mod record;
mod recorder;
mod remote;
mod replay;
mod segment;
mod shelf;
mod slot;
mod spool;
mod told;
mod whole;
mod writer;

pub use cut::Cut;
pub use error::RecordingError;
pub use event::{Event, EventKind};
pub use folder::{Directory, Entry, Folder, SegmentFile, Space};
pub use frames::{Moments, Samples};
pub use header::{FORMAT, Header};
pub use live::{Ending, Live, Opening};
pub use name::SegmentName;
pub use preview::Preview;
pub use reader::Recording;
pub use recorder::{Note, Recorder, Settings, State, Sync};
pub use remote::{Remote, fetch};
pub use replay::{Follower, Grown, Replay};
pub use whole::segment_of;

#[cfg(test)]
mod tests;

/// Replays any bytes as a segment, for the fuzzer: whatever they are, a reader gives moments or
/// errors. Once as they are, and once with checksums that fit, or nothing behind one would be seen.
pub fn fuzz_segment(bytes: &[u8]) {
    replayed(bytes);
    replayed(&mended(bytes));
}

/// With the checksums of header and records, as far as their lengths lead.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    // The header's length and checksum stand behind magic and format.
    let mut at = 6;
    let mut next = |bytes: &mut Vec<u8>| -> Option<()> {
        let length = u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
        let begin = at + 8;
        let end = begin.checked_add(usize::try_from(length).ok()?)?;
        let hash = crc32fast::hash(bytes.get(begin..end)?);
        bytes.get_mut(at + 4..at + 8)?.copy_from_slice(&hash.to_le_bytes());
        at = end;
        Some(())
    };
    while next(&mut bytes).is_some() {}
    bytes
}

fn replayed(bytes: &[u8]) {
    let Ok(recording) = Recording::of_bytes("fuzz", bytes.to_vec()) else { return };
    let _ = recording.header();
    let _ = recording.events(i64::MIN, i64::MAX);
    for moment in recording.samples(i64::MIN, i64::MAX).take(1000) {
        let _ = moment.map(|sample| sample.tables().count());
    }
    let view = recording.view();
    if let Some(cursor) = view.numbers().next_back().and_then(|last| view.cursor(last)) {
        let _ = cursor.snapshot();
    }
    let _ = recording.previews(i64::MIN, i64::MAX).count();
}
