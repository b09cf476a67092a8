//! The samples of the past, in memory: what the machine was doing, as exactly as what it is doing.
//!
//! A frame is the difference of a sample from the one before it. One frame in 120 is a key frame
//! that needs no other; frames from one key frame to the next are one zstd stream, flushed after
//! each frame, and have one table of strings. Disk recordings and replies over HTTP are the same
//! bytes.
//!
//! A body, before zstd, with all numbers in LEB128 and signed ones zigzag:
//!
//! ```text
//! body     flags, then one moment; a key frame with bit 1 set has the moment's comparison before it
//! moment   wall ms, monotonic ns, boottime ns beyond monotonic: differences
//!          new strings: length of all, then (length, bytes) each
//!          per family of the schema: absent, same table as before, or changed: length, table
//! table    begin of the read against the tick, end against begin
//!          removed rows: count, gaps          added rows: count, keys as differences
//!          if rows were added, per column: how, scale if bit 3 is set, then by how
//!              0 missing in all      1 in some: a bit each, then those numbers
//!              2 in all: numbers     3 the first half of the key
//!              4 the second half of the key, times a number
//!              with each number as its difference from the one before, in units of the scale
//!          if rows were added, per text: 0 missing in all, or 2, then the number of each string
//!              from 1 on, 0 if it is missing, as differences
//!          changed rows: count, gaps
//!          if rows changed, per column: changed × 8 + scale? × 4 + vanished? × 2 + appeared?, then
//!              changed: scale, gaps, differences    appeared: count, (gap, number)
//!              vanished: count, gaps                with gaps among the changed rows
//!          per text: count, (row gap, number of the string as difference from the one before)
//! ```
//!
//! Few rows change, and those that do change in many columns: they are named once. What is born
//! resembles what was born beside it. A scale is what all differences of a list are multiples of:
//! pages of memory, ticks of a clock. Format 1 had a list of rows for each column.

pub(crate) mod chunk;
mod codec;
mod decode;
mod encode;
mod interval;
mod log;
mod past;
mod ring;
pub(crate) mod schema;
mod series;
mod spike;
pub(crate) mod varint;
pub(crate) mod view;
mod zstd;

pub use codec::{Decoder, Encoder, FrameKind, KEY_INTERVAL};
pub use log::{Entry, Log, Told, What};
pub use past::Past;
pub use ring::History;
pub use schema::{ColumnSchema, FamilySchema, Kind, Schema};
pub use series::{Band, Buckets, Series, WATCH_LIMIT};
pub use spike::{Blame, Channel, Spike, Spikes, blame};
pub use varint::CodecError;
pub use view::{Cursor, View};

/// The format of frames that this program writes, and the newest that it reads.
pub(crate) const FORMAT: u8 = 2;

/// Flags of a body.
const FLAG_KEY: u8 = 1;
const FLAG_BEFORE: u8 = 2;

/// States of a table.
const ABSENT: u8 = 0;
const SAME: u8 = 1;
const CHANGED: u8 = 2;

/// Largest body of a frame, in bytes.
const FRAME_LIMIT: usize = 256 << 20;
/// Most rows of all tables of a sample: as many as Linux has process identifiers.
const ROW_LIMIT: usize = 1 << 22;
/// Longest text in bytes; longer ones are cut. Twice what any source reads of a command line.
const STRING_LIMIT: usize = 64 << 10;

/// Decodes any bytes as bodies of frames, for the fuzzer: what stands behind the checksums and zstd.
/// Each body has its length as a u16 before it; the first byte of all chooses the format.
pub fn fuzz_frames(bytes: &[u8]) {
    let Some((&format, mut rest)) = bytes.split_first() else { return };
    let mapping = schema::Mapping::of_format(1 + format % FORMAT, &Schema::own());
    let (mut state, mut strings) = (decode::State::new(), Vec::new());
    while let Some((&length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(length));
        let (body, after) = after.split_at(length.min(after.len()));
        rest = after;
        if state.apply(body, &mapping, &mut strings, |_| true).is_err() {
            (state, strings) = (decode::State::new(), Vec::new());
            continue;
        }
        let moment = state.snapshot();
        for family in retop_model::FamilyId::all() {
            for row in moment.rows(family) {
                for field in family.get().fields() {
                    let _ = row.get(field);
                }
                for field in family.get().text_fields() {
                    let _ = row.text(field).map(|text| text.shown().len());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
