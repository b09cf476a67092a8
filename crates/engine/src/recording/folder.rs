//! Where segments are written to. A trait, so that a disk can fill up and fail in a test.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::RecordingError;
use super::name::SegmentName;

/// The file that the one writer of a folder holds locked. In it stand the host names under which
/// somebody recorded here, a line each.
const LOCK: &str = ".lock";
/// Most bytes of it that are read: a thousand of the longest names.
const LOCK_LIMIT: u64 = 64 << 10;

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
    /// True for a segment that was recorded here, maybe under another host name: others are not to
    /// be removed.
    fn is_own(&self, _name: &SegmentName) -> bool {
        true
    }
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
    /// Host names under which segments were recorded here.
    hosts: Vec<String>,
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
        options.read(true).write(true).create(true).truncate(false);
        options.mode(0o600).custom_flags(no_follow());
        let lock = options.open(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {
                let hosts = hosts(&lock);
                Ok(Directory { path: path.to_owned(), lock, hosts })
            }
            Err(TryLockError::WouldBlock) => {
                let what = "another retop records here; give this one a folder of its own";
                Err(RecordingError::new(path, what))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Remembers that this host recorded here. Names of which nothing is left are forgotten: a
    /// container has a new one at each start.
    fn remember(&mut self, host: &str) {
        if self.hosts.iter().any(|known| known == host) {
            return;
        }
        if let Ok(entries) = self.list() {
            self.hosts.retain(|known| entries.iter().any(|entry| entry.name.host == *known));
        }
        self.hosts.push(host.to_owned());
        let text = self.hosts.join("\n") + "\n";
        // A disk that is full may have no room for it, and the next segment comes in an hour.
        if self.lock.write_all_at(text.as_bytes(), 0).is_ok() {
            let _ = self.lock.set_len(text.len() as u64);
        }
    }
}

/// The host names in a lock, the oldest first.
fn hosts(lock: &File) -> Vec<String> {
    let mut bytes = Vec::new();
    // What cannot be read names nobody: then only segments of this host's present name are its own.
    let _ = lock.take(LOCK_LIMIT).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Puts the name of a new file on the disk, before anything that is said to be there. A file whose
/// name may be lost is not left: nobody would write to it.
fn settle(file: &Path, synced: io::Result<()>) -> io::Result<()> {
    match synced {
        // Some file systems in user space cannot, and have nothing to wait for.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        Err(error) => {
            let _ = std::fs::remove_file(file);
            Err(error)
        }
        Ok(()) => Ok(()),
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
        let path = self.path.join(name.to_string());
        let file = options.open(&path)?;
        settle(&path, File::open(&self.path).and_then(|folder| folder.sync_all()))?;
        self.remember(&name.host);
        Ok(Box::new(file))
    }

    fn remove(&mut self, name: &SegmentName) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name.to_string()))
    }

    fn is_own(&self, name: &SegmentName) -> bool {
        self.hosts.contains(&name.host)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::tests::Temporary;

    #[test]
    fn a_folder_that_cannot_be_waited_for_is_left_without_empty_files() {
        let folder = Temporary::new("unsettled");
        let path = folder.0.join("x.retop");
        for (kind, stays) in [
            (None, true),
            (Some(io::ErrorKind::InvalidInput), true),
            (Some(io::ErrorKind::Other), false),
            (Some(io::ErrorKind::StorageFull), false),
        ] {
            File::create(&path).expect("made");
            let settled = settle(&path, kind.map_or(Ok(()), |kind| Err(kind.into())));
            assert_eq!((settled.is_ok(), path.exists()), (stays, stays), "{kind:?}");
        }
    }

    #[test]
    fn hosts_that_recorded_are_known_as_long_as_something_is_left_of_them() {
        let folder = Temporary::new("hosts");
        let name = |host, sequence| SegmentName::new(host, "1", 0, sequence);
        for (sequence, host) in ["a", "b", "b", "c"].into_iter().enumerate() {
            let mut directory = Directory::open(&folder.0).expect("free");
            directory.create(&name(host, sequence as u64)).expect("made");
        }
        let mut directory = Directory::open(&folder.0).expect("free");
        let own =
            |directory: &Directory| ["a", "b", "c", "d"].map(|h| directory.is_own(&name(h, 9)));
        assert_eq!(own(&directory), [true, true, true, false]);
        directory.remove(&name("a", 0)).expect("there");
        directory.create(&name("d", 9)).expect("made");
        assert_eq!(own(&directory), [false, true, true, true]);
        drop(directory);
        // A lock that is no text, and one that is gone.
        std::fs::write(folder.0.join(LOCK), b"b\n\n\xff\xfe\0").expect("written");
        assert_eq!(own(&Directory::open(&folder.0).expect("free")), [false, true, false, false]);
        std::fs::remove_file(folder.0.join(LOCK)).expect("removed");
        assert_eq!(own(&Directory::open(&folder.0).expect("free")), [false; 4]);
    }
}
