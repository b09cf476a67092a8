//! One segment being written: whole records or none.

use std::io;

use retop_model::{Snapshot, Stamp};

use super::event::Event;
use super::folder::SegmentFile;
use super::index::{EventEntry, Index, KeyEntry};
use super::name::SegmentName;
use super::preview::Gather;
use super::record::{self, Stamps};
use crate::history::FrameKind;

/// A segment that records are appended to.
pub(super) struct Writer {
    file: Box<dyn SegmentFile>,
    pub name: SegmentName,
    /// Where the last whole record ends.
    pub bytes: u64,
    pub index: Index,
    pub begun: Stamp,
    pub boot_id: String,
    frames: u64,
    stamps: Stamps,
    gather: Gather,
    /// Nothing may be appended any more: what stands at the end could not be cut off.
    pub broken: bool,
}

impl Writer {
    /// Writes the header of a new segment.
    pub fn begin(
        file: Box<dyn SegmentFile>,
        name: SegmentName,
        header: &[u8],
        begun: Stamp,
        boot_id: String,
    ) -> io::Result<Writer> {
        let mut writer = Writer {
            file,
            name,
            bytes: 0,
            index: Index::default(),
            begun,
            boot_id,
            frames: 0,
            stamps: Stamps::default(),
            gather: Gather::new(),
            broken: false,
        };
        writer.append(header)?;
        Ok(writer)
    }

    /// One write, which is taken back if it was not whole.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match written {
            Ok(count) if count == bytes.len() => {
                self.bytes += bytes.len() as u64;
                Ok(())
            }
            short => {
                self.broken |= self.file.truncate(self.bytes).is_err();
                // The system tells why only at the next write: mostly the disk is full.
                Err(short.err().unwrap_or_else(|| io::ErrorKind::StorageFull.into()))
            }
        }
    }

    /// Begins the record of a frame; the frame's bytes are appended to `out` behind it. Nothing is
    /// remembered of it until [`Writer::frame`].
    pub fn stamp(&self, stamp: Stamp, kind: FrameKind, out: &mut Vec<u8>) -> (usize, Stamps) {
        let key = kind == FrameKind::Key;
        let start =
            record::begin(out, if key { record::KEY } else { record::DELTA }, stamp.wall_ms);
        let mut stamps = self.stamps;
        stamps.write(stamp, key, out);
        (start, stamps)
    }

    /// Appends a frame's record.
    pub fn frame(
        &mut self,
        kind: FrameKind,
        moment: &Snapshot,
        stamps: Stamps,
        bytes: &[u8],
    ) -> io::Result<()> {
        let (offset, stamp) = (self.bytes, moment.stamp());
        self.append(bytes)?;
        self.stamps = stamps;
        match (kind, self.index.keys.last_mut()) {
            (FrameKind::Delta, Some(key)) => {
                (key.frames, key.end, key.last) = (key.frames + 1, self.bytes, stamp);
            }
            _ => {
                let end = self.bytes;
                self.index.keys.push(KeyEntry {
                    offset,
                    end,
                    frames: 1,
                    first: stamp,
                    last: stamp,
                });
            }
        }
        self.frames += 1;
        self.gather.push(moment);
        Ok(())
    }

    /// Appends an event's record.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let (offset, wall_ms) = (self.bytes, event.wall_ms);
        self.append(&record::whole(record::EVENT, wall_ms, &event.to_bytes()))?;
        self.index.events.push(EventEntry { offset, wall_ms });
        Ok(())
    }

    /// Waits for the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    /// True if somebody removed the file.
    pub fn is_gone(&self) -> bool {
        self.file.is_gone()
    }

    /// How many frames there are.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Writes preview and footer. A segment without a frame is left as it is.
    pub fn finish(&mut self) -> io::Result<()> {
        let Some(last) = self.index.last() else { return Ok(()) };
        let offset = self.bytes;
        let preview = self.gather.finish().to_bytes();
        self.append(&record::whole(record::PREVIEW, last.wall_ms, &preview))?;
        self.index.previews.push(offset);
        let footer = self.index.footer(self.bytes);
        self.append(&footer)
    }
}
