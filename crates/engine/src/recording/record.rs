//! One record: how it is framed, and how a reader tells a whole one.

use retop_model::Stamp;

use crate::history::CodecError;
use crate::history::varint::{Reader, put_signed};

/// A key frame.
pub const KEY: u8 = 1;
/// A frame that needs those before it.
pub const DELTA: u8 = 2;
/// Something that happened.
pub const EVENT: u8 = 3;
/// Other tables from here on.
pub const SCHEMA: u8 = 4;
/// The index of the segment.
pub const FOOTER: u8 = 5;
/// What charts of a long time are drawn from.
pub const PREVIEW: u8 = 64;

/// Bytes before a payload.
pub const HEAD: usize = 17;
/// Bytes of the head that the length counts: kind and time.
const COUNTED: u32 = 9;
/// Longest record.
pub const LIMIT: u32 = 64 << 20;

/// The head of a record.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    length: u32,
    crc: u32,
    /// What the record is.
    pub kind: u8,
    /// When.
    pub wall_ms: i64,
}

impl Head {
    /// Reads a head. `None` if no record has such a length: the bytes after the last record of a
    /// file that was not closed, be they zeros, ones or chance.
    pub fn read(bytes: &[u8; HEAD]) -> Option<Head> {
        let [l0, l1, l2, l3, c0, c1, c2, c3, kind, time @ ..] = *bytes;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let crc = u32::from_le_bytes([c0, c1, c2, c3]);
        let wall_ms = i64::from_le_bytes(time);
        (COUNTED..=LIMIT).contains(&length).then_some(Head { length, crc, kind, wall_ms })
    }

    /// Bytes of the payload.
    pub fn payload(self) -> usize {
        (self.length - COUNTED) as usize
    }

    /// True if the payload is what was written.
    pub fn fits(self, payload: &[u8]) -> bool {
        payload.len() == self.payload() && self.crc == checksum(self.kind, self.wall_ms, payload)
    }
}

fn checksum(kind: u8, wall_ms: i64, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&[kind]);
    crc.update(&wall_ms.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

/// Begins a record at the end of `out`; the payload is appended next, then [`finish`] is called
/// with what this gave.
pub fn begin(out: &mut Vec<u8>, kind: u8, wall_ms: i64) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.push(kind);
    out.extend_from_slice(&wall_ms.to_le_bytes());
    start
}

/// Writes length and checksum of the record that began at `start`. False if it is too long, which
/// no frame of a machine is.
pub fn finish(out: &mut [u8], start: usize) -> bool {
    let Some((head, counted)) = out.get_mut(start..).and_then(|r| r.split_at_mut_checked(8)) else {
        return false;
    };
    let length = u32::try_from(counted.len()).unwrap_or(u32::MAX);
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&crc32fast::hash(counted).to_le_bytes());
    (COUNTED..=LIMIT).contains(&length)
}

/// A whole record.
pub fn whole(kind: u8, wall_ms: i64, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + payload.len());
    let start = begin(&mut out, kind, wall_ms);
    out.extend_from_slice(payload);
    finish(&mut out, start);
    out
}

/// The monotonic and the boot clock of frames, each against the frame before: three to five bytes,
/// for all clocks run alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stamps {
    last: Stamp,
}

impl Stamps {
    /// Appends the clocks of a frame.
    pub fn write(&mut self, stamp: Stamp, key: bool, out: &mut Vec<u8>) {
        let (drift, lead) = self.expected(stamp.wall_ms, key);
        put_signed(out, (stamp.monotonic_ns as i64).wrapping_sub(drift));
        put_signed(out, lead_ns(stamp).wrapping_sub(lead));
        self.last = stamp;
    }

    /// Reads them; gives the stamp and the bytes that follow.
    pub fn read<'a>(
        &mut self,
        wall_ms: i64,
        key: bool,
        payload: &'a [u8],
    ) -> Result<(Stamp, &'a [u8]), CodecError> {
        let mut reader = Reader::new(payload);
        let (drift, lead) = self.expected(wall_ms, key);
        let monotonic_ns = drift.wrapping_add(reader.signed()?) as u64;
        let boottime_ns = monotonic_ns.wrapping_add_signed(lead.wrapping_add(reader.signed()?));
        self.last = Stamp { wall_ms, monotonic_ns, boottime_ns };
        let rest = payload.get(payload.len() - reader.left()..).unwrap_or_default();
        Ok((self.last, rest))
    }

    /// What the monotonic clock would show if it ran like the wall clock, and the lead of the boot
    /// clock.
    fn expected(&self, wall_ms: i64, key: bool) -> (i64, i64) {
        if key {
            return (0, 0);
        }
        let passed = wall_ms.wrapping_sub(self.last.wall_ms).wrapping_mul(1_000_000);
        ((self.last.monotonic_ns as i64).wrapping_add(passed), lead_ns(self.last))
    }
}

fn lead_ns(stamp: Stamp) -> i64 {
    stamp.boottime_ns.wrapping_sub(stamp.monotonic_ns) as i64
}
