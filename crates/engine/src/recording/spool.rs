//! What was fetched of a running retop, in files without a name: memory holds its indexes alone, and
//! nothing is left on the disk by whatever end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::body::Body;

/// A file takes no more once it has this much. Room is given back by whole files.
const FILE_BYTES: u64 = 64 << 20;
/// Bytes that are copied at a time.
const STEP: usize = 64 << 10;

/// Where what is fetched is put.
#[derive(Debug, Default)]
pub(super) struct Spool {
    /// The first in which a file can be made is taken; none is made.
    folders: Vec<PathBuf>,
    /// The file that takes more, and where what is in it ends.
    open: Option<(Arc<File>, u64)>,
}

impl Spool {
    pub fn new(folders: Vec<PathBuf>) -> Spool {
        Spool { folders, open: None }
    }

    /// Puts all that comes into a file.
    pub fn keep(&mut self, from: &mut impl Read) -> io::Result<Body> {
        let (file, begin) = match &self.open {
            Some((file, end)) => (Arc::clone(file), *end),
            None => (Arc::new(self.file()?), 0),
        };
        let mut buffer = vec![0; STEP];
        let mut len = 0;
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    file.write_all_at(&buffer[..count], begin + len)?;
                    len += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What came of it is written over by what comes next.
                Err(error) => return Err(error),
            }
        }
        let end = begin + len;
        self.open = (end < FILE_BYTES).then(|| (Arc::clone(&file), end));
        Ok(Body::Part { file, begin, len })
    }

    fn file(&self) -> io::Result<File> {
        let mut last = io::Error::other("there is no folder to keep it in");
        for folder in &self.folders {
            match unnamed(folder) {
                Ok(file) => return Ok(file),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// A file that has no name any more when this returns.
fn unnamed(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    for number in 0..100 {
        // Somebody may have left one there, or be about to remove it.
        let path = folder.join(format!(".fetched-{}-{number}", std::process::id()));
        match options.open(&path) {
            Ok(file) => return std::fs::remove_file(&path).map(|()| file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
