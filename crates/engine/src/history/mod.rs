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
//!          per column: changed × 4 + vanished? × 2 + appeared?, then
//!              changed: (row gap, difference)   appeared: count, (row gap, number)
//!              vanished: count, row gaps
//!          per text: count, (row gap, number of the string from 1; 0 is missing)
//! ```
//!
//! An added row is empty before its columns are read, so that a whole table is a difference from an
//! empty one and there is one path for both.

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

#[cfg(test)]
mod tests;
