//! The places of a recording's segments, and what is kept of those that were looked into.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use retop_model::Stamp;

use crate::history::schema::Mapping;

use super::error::RecordingError;
use super::name::SegmentName;
use super::segment::Segment;

/// Mappings that are kept: as many as versions of retop have written into a folder, mostly one.
const MAPPINGS: usize = 8;
/// Segments whose index is kept, 3 KB for an hour. Reading one again takes 30 µs.
pub(super) const INDEXES: usize = 256;

/// What the segments of a recording have in common, so that thousands of them take no more memory
/// than a few.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// One retop writes the same columns into all of them.
    mappings: Mutex<VecDeque<Arc<Mapping>>>,
    /// Those that were looked into last.
    recent: Mutex<VecDeque<Arc<Segment>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts something behind the others, and takes the oldest away where there are too many.
fn keep<T>(kept: &mut VecDeque<Arc<T>>, most: usize, new: &Arc<T>) {
    if kept.len() >= most {
        kept.pop_front();
    }
    kept.push_back(Arc::clone(new));
}

impl Shared {
    /// That mapping, or an equal one that is there already.
    pub fn mapping(&self, mapping: Mapping) -> Arc<Mapping> {
        let mut known = lock(&self.mappings);
        if let Some(same) = known.iter().find(|known| ***known == mapping) {
            return Arc::clone(same);
        }
        let mapping = Arc::new(mapping);
        keep(&mut known, MAPPINGS, &mapping);
        mapping
    }
}

/// A segment that is opened when somebody looks into it.
#[derive(Debug)]
pub(super) struct Slot {
    pub path: PathBuf,
    pub name: Option<SegmentName>,
    shared: Arc<Shared>,
    opened: Mutex<Option<Opened>>,
}

/// How many samples a segment has, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub frames: u64,
    pub first: Option<Stamp>,
    pub last: Option<Stamp>,
}

impl Extent {
    fn of(segment: &Segment) -> Extent {
        let index = &segment.index;
        Extent { frames: index.frames(), first: index.first(), last: index.last() }
    }
}

#[derive(Debug)]
enum Opened {
    /// It may grow, or is nowhere else: its index is kept.
    Kept(Arc<Segment>, Extent),
    /// Nothing will be added to it: it is read again when it is asked for.
    Closed(Weak<Segment>, Extent),
    Failed(RecordingError),
}

impl Slot {
    pub fn new(path: PathBuf, name: Option<SegmentName>, shared: &Arc<Shared>) -> Slot {
        Slot { path, name, shared: Arc::clone(shared), opened: Mutex::new(None) }
    }

    /// One that was fetched.
    pub fn with(segment: Segment, shared: &Arc<Shared>) -> Slot {
        let extent = Extent::of(&segment);
        let opened = Mutex::new(Some(Opened::Kept(Arc::new(segment), extent)));
        Slot { path: PathBuf::new(), name: None, shared: Arc::clone(shared), opened }
    }

    fn opened(&self) -> Result<(Option<Arc<Segment>>, Extent), RecordingError> {
        let mut opened = lock(&self.opened);
        match &*opened {
            Some(Opened::Kept(segment, extent)) => return Ok((Some(Arc::clone(segment)), *extent)),
            Some(Opened::Closed(segment, extent)) => return Ok((segment.upgrade(), *extent)),
            Some(Opened::Failed(error)) => return Err(error.clone()),
            None => {}
        }
        let (segment, extent) = match Segment::open(&self.path, &self.shared) {
            Ok(segment) => {
                let extent = Extent::of(&segment);
                (Arc::new(segment), extent)
            }
            Err(error) => {
                *opened = Some(Opened::Failed(error.clone()));
                return Err(error);
            }
        };
        *opened = Some(if segment.closed {
            keep(&mut lock(&self.shared.recent), INDEXES, &segment);
            Opened::Closed(Arc::downgrade(&segment), extent)
        } else {
            Opened::Kept(Arc::clone(&segment), extent)
        });
        Ok((Some(segment), extent))
    }

    pub fn segment(&self) -> Result<Arc<Segment>, RecordingError> {
        if let (Some(segment), _) = self.opened()? {
            return Ok(segment);
        }
        // A file that was there and is gone fails now, and its extent stays known.
        let segment = Arc::new(Segment::open(&self.path, &self.shared)?);
        if let Some(Opened::Closed(known, _)) = &mut *lock(&self.opened) {
            *known = Arc::downgrade(&segment);
        }
        keep(&mut lock(&self.shared.recent), INDEXES, &segment);
        Ok(segment)
    }

    /// How many samples it has, and when.
    pub fn extent(&self) -> Result<Extent, RecordingError> {
        self.opened().map(|(_, extent)| extent)
    }

    /// The same as [`Slot::extent`]; `None` for one that was stopped before its first record, as a
    /// crash leaves it.
    pub fn begun(&self) -> Result<Option<Extent>, RecordingError> {
        match self.extent() {
            Err(error) if error.unbegun => Ok(None),
            other => other.map(Some),
        }
    }

    /// The segment; `None` for one that was stopped before its first record.
    pub fn begun_segment(&self) -> Result<Option<Arc<Segment>>, RecordingError> {
        match self.segment() {
            Err(error) if error.unbegun => Ok(None),
            other => other.map(Some),
        }
    }

    /// True if its index is in memory.
    #[cfg(test)]
    pub fn is_kept(&self) -> bool {
        match &*lock(&self.opened) {
            Some(Opened::Kept(..)) => true,
            Some(Opened::Closed(segment, _)) => segment.strong_count() > 0,
            _ => false,
        }
    }

    /// Looks whether the file has grown.
    pub fn refresh(&self) -> bool {
        let mut opened = lock(&self.opened);
        match &*opened {
            Some(Opened::Kept(segment, _)) => match segment.grown() {
                Ok(Some(grown)) => {
                    let extent = Extent::of(&grown);
                    *opened = Some(Opened::Kept(Arc::new(grown), extent));
                    true
                }
                _ => false,
            },
            // A file that was too short for its header a moment ago.
            Some(Opened::Failed(_)) => {
                *opened = None;
                true
            }
            Some(Opened::Closed(..)) | None => false,
        }
    }
}
