//! Where segments are written to. A trait, so that a disk can fill up and fail in a test.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::RecordingError;
use super::name::SegmentName;

/// The file that the one writer of a folder holds locked.
const LOCK: &str = ".lock";

/// A segment that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: SegmentName,
    /// Bytes that it takes.
    pub bytes: u64,
}

/// Room on the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes that there are.
    pub total: u64,
}

/// A folder that one recorder writes into.
pub trait Folder: Send {
    /// The segments that are there, in any order.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    fn list(&mut self) -> io::Result<Vec<Entry>>;
    /// Makes a new segment; it is an error if there is one of that name.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    fn create(&mut self, name: &SegmentName) -> io::Result<Box<dyn SegmentFile>>;
    /// Removes a segment.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    fn remove(&mut self, name: &SegmentName) -> io::Result<()>;
    /// How much room there is.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    fn space(&mut self) -> io::Result<Space>;
}

/// A segment being written.
pub trait SegmentFile: Send {
    /// Appends bytes, maybe fewer than were given.
    ///
    /// # Errors
    ///
    /// A full disk among others.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts the file.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;
    /// Waits until everything is on the disk.
    ///
    /// # Errors
    ///
    /// If the disk failed.
    fn sync(&mut self) -> io::Result<()>;
    /// True if somebody removed it: what is written to it is lost.
    fn is_gone(&self) -> bool {
        false
    }
}

/// A folder of the file system, for this writer alone.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Held until the recorder ends; the system lets go of it even after a crash.
    lock: File,
}

impl Directory {
    /// Makes the folder if it is not there, readable for its owner alone, and locks it.
    ///
    /// # Errors
    ///
    /// If it cannot be made or written to, or if another recorder writes into it.
    pub fn open(path: &Path) -> Result<Directory, RecordingError> {
        let failed = |error: io::Error| RecordingError::io(path, &error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow());
        let lock = options.open(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Directory { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => {
                let what = "another retop records here; give this one a folder of its own";
                Err(RecordingError::new(path, what))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// A link that somebody put where a segment will stand is not followed.
fn no_follow() -> i32 {
    i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0)
}

impl Folder for Directory {
    fn list(&mut self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().and_then(SegmentName::parse) else {
                continue;
            };
            if let Ok(facts) = entry.metadata()
                && facts.is_file()
            {
                entries.push(Entry { name, bytes: facts.len() });
            }
        }
        Ok(entries)
    }

    fn create(&mut self, name: &SegmentName) -> io::Result<Box<dyn SegmentFile>> {
        if self.lock.is_gone() {
            // The folder was removed, and is made again like that of a new recorder.
            let again = Directory::open(&self.path);
            *self = again.map_err(|error| io::Error::other(error.reason))?;
        }
        let mut options = OpenOptions::new();
        options.append(true).create_new(true).mode(0o600).custom_flags(no_follow());
        let file = options.open(self.path.join(name.to_string()))?;
        // The name must be on the disk before anything that is said to be.
        File::open(&self.path)?.sync_all()?;
        Ok(Box::new(file))
    }

    fn remove(&mut self, name: &SegmentName) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name.to_string()))
    }

    fn space(&mut self) -> io::Result<Space> {
        let facts = rustix::fs::statvfs(&self.path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(facts.f_frsize);
        Ok(Space { free: bytes(facts.f_bavail), total: bytes(facts.f_blocks) })
    }
}

impl SegmentFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn is_gone(&self) -> bool {
        self.metadata().is_ok_and(|facts| facts.nlink() == 0)
    }
}
