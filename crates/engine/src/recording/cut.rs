//! A part of recordings as one file that can be sent to somebody.

use std::collections::VecDeque;
use std::io;

use retop_model::family::host;
use retop_model::{Snapshot, Stamp};

use crate::export::Arguments;
use crate::history::{Encoder, Schema};

use super::event::Event;
use super::folder::SegmentFile;
use super::header::Header;
use super::name::SegmentName;
use super::record;
use super::writer::Writer;

/// Samples back that an event may point to, as a recorder keeps them.
const PLACES: usize = 512;

/// Writes moments into one segment, whatever they are of: it begins with a key frame, holds what
/// happened meanwhile, and ends with an index.
pub struct Cut {
    file: Option<Box<dyn SegmentFile>>,
    writer: Option<Writer>,
    encoder: Encoder,
    arguments: Arguments,
    /// What happened and is not written yet.
    events: VecDeque<Event>,
    /// When the newest frames were taken, by the monotonic clock.
    newest: VecDeque<u64>,
    /// Frames so far.
    frames: i64,
    last: Option<Stamp>,
    frame: Vec<u8>,
    buffer: Vec<u8>,
}

impl Cut {
    /// Begins with the first moment. `events` are in order of time.
    ///
    /// # Errors
    ///
    /// If the encoder finds no memory.
    pub fn new(
        file: Box<dyn SegmentFile>,
        arguments: Arguments,
        events: Vec<Event>,
    ) -> io::Result<Cut> {
        Ok(Cut {
            file: Some(file),
            writer: None,
            encoder: Encoder::with_arguments(arguments).map_err(io::Error::other)?,
            arguments,
            events: events.into(),
            newest: VecDeque::new(),
            frames: 0,
            last: None,
            frame: Vec::new(),
            buffer: Vec::new(),
        })
    }

    /// Takes the next moment.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn push(&mut self, moment: &Snapshot) -> io::Result<()> {
        let stamp = moment.stamp();
        // Within a key interval no clock goes back.
        if self.last.replace(stamp).is_some_and(|last| stamp.wall_ms < last.wall_ms) {
            self.encoder.request_key();
        }
        if let Some(file) = self.file.take() {
            self.writer = Some(begin(file, moment, self.arguments)?);
        }
        let Some(writer) = &mut self.writer else {
            return Err(io::Error::other("the file could not be begun"));
        };
        self.frame.clear();
        let kind = self.encoder.frame(moment, &mut self.frame).map_err(io::Error::other)?;
        self.buffer.clear();
        let (start, stamps) = writer.stamp(stamp, kind, &mut self.buffer);
        self.buffer.extend_from_slice(&self.frame);
        if !record::finish(&mut self.buffer, start) {
            return Err(io::Error::other("a sample larger than 64 MiB"));
        }
        writer.frame(kind, moment, stamps, &self.buffer)?;
        self.frames += 1;
        self.newest.push_back(stamp.monotonic_ns);
        if self.newest.len() > PLACES {
            self.newest.pop_front();
        }
        while self.events.front().is_some_and(|event| event.wall_ms <= stamp.wall_ms) {
            if let Some(event) = self.events.pop_front() {
                writer.event(&moved(event, &self.newest, self.frames))?;
            }
        }
        Ok(())
    }

    /// Bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.writer.as_ref().map_or(0, |writer| writer.bytes)
    }

    /// Writes the index.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn finish(self) -> io::Result<()> {
        let Some(mut writer) = self.writer else { return Ok(()) };
        for event in self.events {
            writer.event(&moved(event, &self.newest, self.frames))?;
        }
        writer.finish()
    }
}

/// The event with the number that its sample has here, if it came along.
fn moved(event: Event, newest: &VecDeque<u64>, frames: i64) -> Event {
    let back = newest.iter().rev().position(|&taken| taken == event.monotonic_ns);
    let frame = back.and_then(|back| Some(frames - 1 - i64::try_from(back).ok()?));
    Event { frame, ..event }
}

fn begin(
    file: Box<dyn SegmentFile>,
    moment: &Snapshot,
    arguments: Arguments,
) -> io::Result<Writer> {
    let stamp = moment.stamp();
    let text = |field| moment.one_text(field).map_or("", |text| text.shown()).to_owned();
    let (host, boot_id) = (text(host::name), text(host::boot_id));
    let header = Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: host.clone(),
        boot_id: boot_id.clone(),
        page_bytes: rustix::param::page_size() as u64,
        ticks_per_second: rustix::param::clock_ticks_per_second(),
        interval_ms: moment.interval_seconds().map_or(0, |seconds| (seconds * 1e3) as u64),
        wall_ms: stamp.wall_ms,
        monotonic_ns: stamp.monotonic_ns,
        arguments,
        schema: Schema::own(),
    };
    let name = SegmentName::new(&host, &boot_id, stamp.wall_ms, 1);
    Writer::begin(file, name, &header.to_bytes(), stamp, boot_id)
}
