//! One segment being read.

use std::fs::OpenOptions;
use std::io;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::fs::OFlags;

use crate::history::chunk::Chunk;
use crate::history::schema::Mapping;

use super::body::Body;
use super::error::RecordingError;
use super::event::Event;
use super::header::{Header, truncated};
use super::index::{EventEntry, Index, KeyEntry, Scan, Walk};
use super::preview::Preview;
use super::record::{self, HEAD, Head, Stamps};
use super::slot::Shared;

/// Bytes of a key interval that are read; twice what any machine fills.
const CHUNK_LIMIT: u64 = 256 << 20;

/// A segment with its index. The file is opened when something is read: thousands of segments are
/// no thousands of descriptors.
#[derive(Debug)]
pub(super) struct Segment {
    pub path: PathBuf,
    /// `None` for a file that is found by its path.
    own: Option<Body>,
    format: u8,
    begin: u64,
    pub index: Index,
    /// It was closed in order, so that nothing will be added.
    pub closed: bool,
    /// Of one that may still grow.
    walk: Option<Walk>,
    /// Bytes of the file.
    pub length: u64,
    shared: Arc<Shared>,
    /// By the offset of their schema; dropped where nobody uses them any more.
    mappings: Mutex<Vec<(u64, Weak<Mapping>)>>,
}

impl Segment {
    /// Opens a segment that is a file.
    pub fn open(path: &Path, shared: &Arc<Shared>) -> Result<Segment, RecordingError> {
        Segment::of(path.to_owned(), None, shared)
    }

    /// A segment that has no file of its own, with a name for messages.
    pub fn of_body(
        name: &str,
        body: Body,
        shared: &Arc<Shared>,
    ) -> Result<Segment, RecordingError> {
        Segment::of(PathBuf::from(name), Some(body), shared)
    }

    fn of(
        path: PathBuf,
        own: Option<Body>,
        shared: &Arc<Shared>,
    ) -> Result<Segment, RecordingError> {
        let body = match &own {
            Some(body) => body.clone(),
            None => open(&path)?,
        };
        let (format, begin) = Header::end(&body, &path)?;
        let failed = |error: io::Error| RecordingError::io(&path, &error);
        let length = body.len().map_err(failed)?;
        if begin > length {
            return Err(truncated(&path, length));
        }
        let (index, walk) = match Index::of_footer(&body, length, begin).map_err(failed)? {
            Some(index) => (index, None),
            None => {
                let mut walk = Walk::new(begin);
                walk.run(&body, length).map_err(failed)?;
                (walk.index.clone(), Some(walk))
            }
        };
        let closed = walk.as_ref().is_none_or(|walk| walk.ended);
        let mappings = Mutex::new(Vec::new());
        let shared = Arc::clone(shared);
        Ok(Segment { path, own, format, begin, index, closed, walk, length, shared, mappings })
    }

    /// The segment as it is now, if it has grown.
    pub fn grown(&self) -> Result<Option<Segment>, RecordingError> {
        let Some(walk) = self.walk.as_ref().filter(|_| !self.closed && self.own.is_none()) else {
            return Ok(None);
        };
        let failed = |error: io::Error| RecordingError::io(&self.path, &error);
        let body = open(&self.path)?;
        let length = body.len().map_err(failed)?;
        if length == self.length {
            return Ok(None);
        }
        let mut walk = walk.clone();
        if !walk.run(&body, length).map_err(failed)? {
            return Ok(None);
        }
        let mappings = self.mappings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Some(Segment {
            path: self.path.clone(),
            own: None,
            format: self.format,
            begin: self.begin,
            index: walk.index.clone(),
            closed: walk.ended,
            walk: Some(walk),
            length,
            shared: Arc::clone(&self.shared),
            mappings: Mutex::new(mappings),
        }))
    }

    /// Some of its key intervals, by their places.
    pub fn part(&self, keys: Range<usize>) -> Segment {
        let mut index = self.index.clone();
        index.keys.truncate(keys.end);
        index.keys.drain(..keys.start.min(index.keys.len()));
        Segment {
            path: self.path.clone(),
            own: self.own.clone(),
            format: self.format,
            begin: self.begin,
            index,
            closed: true,
            walk: None,
            length: self.length,
            shared: Arc::clone(&self.shared),
            mappings: Mutex::new(Vec::new()),
        }
    }

    /// True for one that has no file of its own.
    pub fn was_fetched(&self) -> bool {
        self.own.is_some()
    }

    /// Bytes of memory that its body takes.
    pub fn memory(&self) -> u64 {
        self.own.as_ref().map_or(0, Body::memory)
    }

    fn body(&self) -> Result<Body, RecordingError> {
        match &self.own {
            Some(body) => Ok(body.clone()),
            None => open(&self.path),
        }
    }

    /// Who wrote it, and what its columns are.
    pub fn header(&self) -> Result<Header, RecordingError> {
        Header::read(&self.body()?, &self.path)
    }

    /// What the columns of frames from that offset on are.
    pub fn mapping(&self, offset: u64) -> Result<Arc<Mapping>, RecordingError> {
        let after = self.index.schemas.partition_point(|&schema| schema < offset);
        let schema = after.checked_sub(1).and_then(|place| self.index.schemas.get(place).copied());
        let at = schema.unwrap_or(0);
        let lock = || self.mappings.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().iter().find(|(known, _)| *known == at).and_then(|(_, m)| m.upgrade());
        if let Some(mapping) = known {
            return Ok(mapping);
        }
        let header = match schema {
            None => self.header()?,
            Some(offset) => {
                let payload = self.payload(offset)?;
                Header::of_json(&payload)
                    .map_err(|why| RecordingError::at(&self.path, offset, why))?
            }
        };
        let mapping = self.shared.mapping(Mapping::of_format(self.format, &header.schema));
        let mut known = lock();
        known.retain(|(other, _)| *other != at);
        known.push((at, Arc::downgrade(&mapping)));
        Ok(mapping)
    }

    /// The payload of the record at that offset.
    fn payload(&self, offset: u64) -> Result<Vec<u8>, RecordingError> {
        self.payload_of(&self.body()?, offset)
    }

    fn payload_of(&self, body: &Body, offset: u64) -> Result<Vec<u8>, RecordingError> {
        let failed = |error: io::Error| RecordingError::io(&self.path, &error);
        let damaged = || RecordingError::at(&self.path, offset, "the record is damaged");
        let mut head = [0; HEAD];
        if body.read(offset, &mut head).map_err(failed)? < HEAD {
            return Err(damaged());
        }
        let head = Head::read(&head).ok_or_else(damaged)?;
        let start = offset + HEAD as u64;
        if self.length.saturating_sub(start) < head.payload() as u64 {
            return Err(damaged());
        }
        let mut payload = vec![0; head.payload()];
        let read = body.read(start, &mut payload).map_err(failed)?;
        if read < payload.len() || !head.fits(&payload) {
            return Err(damaged());
        }
        Ok(payload)
    }

    /// The records from that offset up to another.
    pub fn scan(&self, from: u64, to: u64) -> Result<Scan, RecordingError> {
        Ok(Scan::new(self.body()?, from, to.min(self.length)))
    }

    /// The frames of a key interval, the first of which gets that number. What stands behind
    /// damage is left out.
    pub fn chunk(&self, key: &KeyEntry, number: u64) -> Result<Chunk, RecordingError> {
        let mapping = self.mapping(key.offset)?;
        let mut chunk = Chunk::new(number, mapping);
        let mut stamps = Stamps::default();
        let end = key.end.min(key.offset.saturating_add(CHUNK_LIMIT));
        let mut scan = self.scan(key.offset, end)?;
        let failed = |error: io::Error| RecordingError::io(&self.path, &error);
        while let Some(found) = scan.next().map_err(failed)? {
            let first = chunk.len() == 0;
            match found.head.kind {
                record::KEY | record::DELTA if !found.sound => break,
                record::KEY if first => {}
                record::DELTA if !first => {}
                record::KEY | record::DELTA => break,
                _ => continue,
            }
            match stamps.read(found.head.wall_ms, first, found.payload) {
                Ok((stamp, frame)) => chunk.push(stamp, frame),
                Err(_) => break,
            }
        }
        if chunk.len() == 0 {
            return Err(RecordingError::at(&self.path, key.offset, "the key frame is damaged"));
        }
        chunk.seal();
        Ok(chunk)
    }

    /// Events. What is damaged or no event that is understood is left out.
    pub fn events<'a>(
        &'a self,
        entries: impl DoubleEndedIterator<Item = &'a EventEntry>,
    ) -> Result<impl DoubleEndedIterator<Item = Event>, RecordingError> {
        let body = self.body()?;
        Ok(entries.filter_map(move |entry| {
            Event::of_bytes(entry.wall_ms, &self.payload_of(&body, entry.offset).ok()?)
        }))
    }

    /// The previews that were written.
    pub fn previews(&self) -> impl Iterator<Item = Preview> {
        let payload = |&offset: &u64| self.payload(offset).ok();
        self.index.previews.iter().filter_map(payload).filter_map(|b| Preview::of_bytes(&b).ok())
    }
}

/// Opens a file to be read. A pipe or a device in its place is no recording, and waiting for one
/// would be for ever.
fn open(path: &Path) -> Result<Body, RecordingError> {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let failed = |error: io::Error| RecordingError::io(path, &error);
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(nonblocking).open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(RecordingError::new(path, "this is no file"));
    }
    Ok(Body::File(Arc::new(file)))
}
