//! Where everything stands in a segment: from its footer, or by walking its records.

use std::io;

use retop_model::Stamp;

use crate::history::CodecError;
use crate::history::varint::{Reader, put, put_signed};

use super::body::Body;
use super::record::{self, HEAD, Head, Stamps};

/// Bytes behind the footer: its offset.
const TAIL: u64 = 8;
/// Bytes that a walk reads at a time.
const STEP: u64 = 256 << 10;
/// Places of damage that are remembered.
const DAMAGE: usize = 64;

/// A key interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyEntry {
    /// Where its key frame begins.
    pub offset: u64,
    /// Where its last frame ends.
    pub end: u64,
    /// How many frames it has.
    pub frames: u64,
    /// Stamp of the key frame.
    pub first: Stamp,
    /// Stamp of the last frame.
    pub last: Stamp,
}

/// An event's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EventEntry {
    pub offset: u64,
    pub wall_ms: i64,
}

/// What is where. Little enough to keep for thousands of segments: an hour has 30 key intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub keys: Vec<KeyEntry>,
    pub events: Vec<EventEntry>,
    /// Offsets of previews.
    pub previews: Vec<u64>,
    /// Offsets of records that change the schema.
    pub schemas: Vec<u64>,
    /// Records that are not what was written.
    pub damage: Vec<u64>,
}

impl Index {
    pub fn frames(&self) -> u64 {
        self.keys.iter().map(|key| key.frames).sum()
    }

    pub fn first(&self) -> Option<Stamp> {
        self.keys.first().map(|key| key.first)
    }

    pub fn last(&self) -> Option<Stamp> {
        self.keys.last().map(|key| key.last)
    }

    /// The footer with its offset behind it, for the end of a segment that is `offset` bytes long.
    pub fn footer(&self, offset: u64) -> Vec<u8> {
        let mut payload = Vec::new();
        let mut last = Stamp::default();
        let mut at = 0;
        put(&mut payload, self.keys.len() as u64);
        for key in &self.keys {
            put(&mut payload, key.offset - at);
            put(&mut payload, key.end - key.offset);
            put(&mut payload, key.frames);
            put_stamp(&mut payload, last, key.first);
            put_stamp(&mut payload, key.first, key.last);
            (at, last) = (key.end, key.last);
        }
        put(&mut payload, self.events.len() as u64);
        let (mut at, mut time) = (0, 0);
        for event in &self.events {
            put(&mut payload, event.offset - at);
            put_signed(&mut payload, event.wall_ms.wrapping_sub(time));
            (at, time) = (event.offset, event.wall_ms);
        }
        for list in [&self.previews, &self.schemas] {
            put(&mut payload, list.len() as u64);
            let mut at = 0;
            for &offset in list {
                put(&mut payload, offset - at);
                at = offset;
            }
        }
        let mut out = record::whole(record::FOOTER, last.wall_ms, &payload);
        out.extend_from_slice(&offset.to_le_bytes());
        out
    }

    /// The index of a segment that was closed; `None` for one that was not.
    pub fn of_footer(body: &Body, length: u64, begin: u64) -> io::Result<Option<Index>> {
        let mut tail = [0; TAIL as usize];
        let Some(end) = length.checked_sub(TAIL).filter(|&end| end >= begin) else {
            return Ok(None);
        };
        if body.read(end, &mut tail)? < tail.len() {
            return Ok(None);
        }
        let offset = u64::from_le_bytes(tail);
        let mut head = [0; HEAD];
        if offset < begin || offset >= end || body.read(offset, &mut head)? < HEAD {
            return Ok(None);
        }
        let Some(head) = Head::read(&head).filter(|head| head.kind == record::FOOTER) else {
            return Ok(None);
        };
        if offset + (HEAD + head.payload()) as u64 != end {
            return Ok(None);
        }
        let mut payload = vec![0; head.payload()];
        let read = body.read(offset + HEAD as u64, &mut payload)?;
        if read < payload.len() || !head.fits(&payload) {
            return Ok(None);
        }
        // A checksum that fits over a footer that does not is no accident: the records are walked.
        Ok(Index::of_payload(&payload, begin, offset).ok())
    }

    fn of_payload(payload: &[u8], begin: u64, end: u64) -> Result<Index, CodecError> {
        let mut reader = Reader::new(payload);
        let mut index = Index::default();
        let mut last = Stamp::default();
        let mut at = 0;
        for _ in 0..reader.count(9)? {
            let offset = step(&mut reader, at)?;
            let stop = step(&mut reader, offset)?;
            let frames = reader.number()?;
            let first = stamp(&mut reader, last)?;
            last = stamp(&mut reader, first)?;
            let room = stop.saturating_sub(offset) / HEAD as u64;
            if offset < begin || stop > end || frames == 0 || frames > room {
                return reader.error("a key interval outside of the file");
            }
            index.keys.push(KeyEntry { offset, end: stop, frames, first, last });
            at = stop;
        }
        let (mut at, mut time) = (0, 0i64);
        for _ in 0..reader.count(2)? {
            at = step(&mut reader, at)?;
            time = time.wrapping_add(reader.signed()?);
            index.events.push(EventEntry { offset: at, wall_ms: time });
        }
        for list in [&mut index.previews, &mut index.schemas] {
            let mut at = 0;
            for _ in 0..reader.count(1)? {
                at = step(&mut reader, at)?;
                list.push(at);
            }
        }
        reader.end()?;
        Ok(index)
    }
}

fn step(reader: &mut Reader<'_>, from: u64) -> Result<u64, CodecError> {
    match from.checked_add(reader.number()?) {
        Some(to) => Ok(to),
        None => reader.error("an offset beyond any file"),
    }
}

fn put_stamp(out: &mut Vec<u8>, last: Stamp, now: Stamp) {
    put_signed(out, now.wall_ms.wrapping_sub(last.wall_ms));
    put_signed(out, now.monotonic_ns.wrapping_sub(last.monotonic_ns) as i64);
    put_signed(out, now.boottime_ns.wrapping_sub(last.boottime_ns) as i64);
}

fn stamp(reader: &mut Reader<'_>, last: Stamp) -> Result<Stamp, CodecError> {
    Ok(Stamp {
        wall_ms: last.wall_ms.wrapping_add(reader.signed()?),
        monotonic_ns: last.monotonic_ns.wrapping_add_signed(reader.signed()?),
        boottime_ns: last.boottime_ns.wrapping_add_signed(reader.signed()?),
    })
}

/// Goes through the records of a segment that nobody closed, from where it last stopped: the
/// segment may still grow.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    pub index: Index,
    /// Where the next record begins.
    pub at: u64,
    stamps: Stamps,
    /// The frames since the last key frame can be decoded.
    whole: bool,
    /// A footer was met: nothing comes after it.
    pub ended: bool,
}

impl Walk {
    pub fn new(begin: u64) -> Walk {
        let (index, stamps) = (Index::default(), Stamps::default());
        Walk { index, at: begin, stamps, whole: false, ended: false }
    }

    /// Takes all records that are whole now. True if there were any.
    pub fn run(&mut self, body: &Body, length: u64) -> io::Result<bool> {
        let mut scan = Scan::new(body.clone(), self.at, length);
        let mut grown = false;
        while !self.ended {
            let Some(record) = scan.next()? else { break };
            let end = record.offset + (HEAD + record.payload.len()) as u64;
            // Nobody comes after a torn record, unless the writer took it back and went on.
            if !record.sound && end >= length {
                break;
            }
            self.take(record.offset, record.head, record.payload, record.sound);
            self.at = end;
            grown = true;
        }
        Ok(grown)
    }

    fn take(&mut self, offset: u64, head: Head, payload: &[u8], sound: bool) {
        let index = &mut self.index;
        if !sound {
            if index.damage.len() < DAMAGE {
                index.damage.push(offset);
            }
            self.whole = false;
            return;
        }
        let end = offset + (HEAD + payload.len()) as u64;
        match head.kind {
            record::KEY => match self.stamps.read(head.wall_ms, true, payload) {
                Ok((first, _)) => {
                    index.keys.push(KeyEntry { offset, end, frames: 1, first, last: first });
                    self.whole = true;
                }
                Err(_) => self.whole = false,
            },
            record::DELTA if self.whole => {
                match (self.stamps.read(head.wall_ms, false, payload), index.keys.last_mut()) {
                    (Ok((last, _)), Some(key)) => {
                        (key.frames, key.end, key.last) = (key.frames + 1, end, last);
                    }
                    _ => self.whole = false,
                }
            }
            record::EVENT => index.events.push(EventEntry { offset, wall_ms: head.wall_ms }),
            record::PREVIEW => index.previews.push(offset),
            record::SCHEMA => index.schemas.push(offset),
            record::FOOTER => self.ended = true,
            _ => {}
        }
    }
}

/// Records one after the other, read in large steps.
pub(super) struct Scan {
    body: Body,
    at: u64,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// A record as it stands in the file.
pub(super) struct Found<'a> {
    pub offset: u64,
    pub head: Head,
    pub payload: &'a [u8],
    /// The checksum fits.
    pub sound: bool,
}

impl Scan {
    pub fn new(body: Body, from: u64, end: u64) -> Scan {
        Scan { body, at: from, end, window: Vec::new(), window_at: from }
    }

    /// The next record; `None` at the end, or where no whole record follows.
    pub fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        let offset = self.at;
        if !self.fill(HEAD)? {
            return Ok(None);
        }
        let place = self.place();
        let head: Option<&[u8; HEAD]> = self.window[place..].first_chunk();
        let Some(head) = head.and_then(Head::read) else { return Ok(None) };
        let length = HEAD + head.payload();
        if !self.fill(length)? {
            return Ok(None);
        }
        let place = self.place();
        self.at += length as u64;
        let payload = &self.window[place + HEAD..place + length];
        Ok(Some(Found { offset, head, payload, sound: head.fits(payload) }))
    }

    /// Where it stopped, if that is before the end.
    pub fn unread(&self) -> Option<u64> {
        (self.at < self.end).then_some(self.at)
    }

    fn place(&self) -> usize {
        usize::try_from(self.at - self.window_at).unwrap_or(usize::MAX)
    }

    /// Gets that many bytes from the present place into the window; false if there are fewer.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        let place = self.place();
        if self.window.len() - place >= wanted {
            return Ok(true);
        }
        let left = self.end.saturating_sub(self.at);
        if left < wanted as u64 {
            return Ok(false);
        }
        self.window.drain(..place);
        self.window_at = self.at;
        let have = self.window.len();
        let goal = usize::try_from(left.min(STEP.max(wanted as u64))).unwrap_or(wanted);
        self.window.resize(goal, 0);
        let read = self.body.read(self.at + have as u64, &mut self.window[have..])?;
        self.window.truncate(have + read);
        Ok(self.window.len() >= wanted)
    }
}
