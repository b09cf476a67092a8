//! How files of the kernel are read: in as few calls as it allows.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::parse;
use crate::source::Problem;

/// Room of a buffer at first: most files of procfs fit.
const FIRST_BYTES: usize = 16 << 10;
/// A file past this is no file that a kernel writes. `/proc/stat` reaches a few MiB.
const MOST_BYTES: usize = 64 << 20;

/// A file that is opened once and read anew at each tick: one call instead of three, a fifth to a
/// third of the cost.
#[derive(Debug)]
pub(crate) struct KeptFile {
    path: PathBuf,
    shape: Shape,
    file: Option<File>,
}

/// How the kernel hands a file out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// In one piece: a read that leaves room in the buffer got all of it.
    Whole,
    /// Record by record, at most a page at a time: only a read of nothing is the end.
    Records,
}

impl KeptFile {
    /// A file that the kernel writes in one piece, such as `stat` and `meminfo`.
    pub(crate) fn whole(path: PathBuf) -> KeptFile {
        KeptFile { path, shape: Shape::Whole, file: None }
    }

    /// A file that the kernel writes record by record, such as `diskstats` and `net/dev`.
    pub(crate) fn records(path: PathBuf) -> KeptFile {
        KeptFile { path, shape: Shape::Records, file: None }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it from the start into `buffer`, whose memory is kept. A file that fails is opened
    /// again once: the device behind it may have been replaced.
    pub(crate) fn read<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Result<&'b [u8]> {
        if let Some(file) = &self.file {
            match read_at(file, self.shape, buffer) {
                Ok(length) => return Ok(buffer.get(..length).unwrap_or(&[])),
                Err(_) => self.file = None,
            }
        }
        let file = File::open(&self.path)?;
        let length = read_at(&file, self.shape, buffer)?;
        self.file = Some(file);
        Ok(buffer.get(..length).unwrap_or(&[]))
    }

    /// As [`KeptFile::read`], with the error as what a source answers.
    pub(crate) fn text<'b>(
        &mut self,
        buffer: &'b mut Vec<u8>,
    ) -> std::result::Result<&'b [u8], Problem> {
        self.read(buffer).map_err(|error| Problem::io(&self.path, &error))
    }

    /// The problem of a file that was read and does not hold what it should.
    pub(crate) fn without(&self, what: &str) -> Problem {
        Problem::failing(format!("{}: no {what} in it", self.path.display()))
    }
}

/// Fills the buffer from the start of the file, growing it as needed; gives the length.
fn read_at(file: &File, shape: Shape, buffer: &mut Vec<u8>) -> Result<usize> {
    if buffer.is_empty() {
        buffer.resize(FIRST_BYTES, 0);
    }
    let mut length = 0;
    loop {
        let room = buffer.get_mut(length..).unwrap_or(&mut []);
        let offered = room.len();
        let got = match file.read_at(room, length as u64) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        };
        length += got;
        if got == 0 || (shape == Shape::Whole && got < offered) {
            return Ok(length);
        }
        if length < buffer.len() {
            continue;
        }
        if buffer.len() >= MOST_BYTES {
            return Err(Error::new(ErrorKind::FileTooLarge, "longer than 64 MiB"));
        }
        buffer.resize(buffer.len() * 2, 0);
        if shape == Shape::Whole {
            // Its two halves would be of two moments.
            length = 0;
        }
    }
}

/// Opens a file. Tests let some of them refuse, as drivers do.
pub(crate) fn open(path: &Path) -> Result<File> {
    #[cfg(test)]
    super::refuse::check(path)?;
    File::open(path)
}

/// Lists a folder. Tests let some of them refuse, as the kernel does.
pub(crate) fn list_folder(path: &Path) -> Result<std::fs::ReadDir> {
    #[cfg(test)]
    super::refuse::check(path)?;
    std::fs::read_dir(path)
}

/// A file of sysfs, or another that fits into a page, in three calls; without the blanks around
/// its text.
pub(crate) fn short(path: &Path) -> Result<Vec<u8>> {
    let mut page = [0; 4096];
    let length = first_page(path, &mut page)?;
    Ok(page.get(..length).unwrap_or(&[]).trim_ascii().to_vec())
}

/// A file of sysfs that holds one number. `None` if it is not there or holds something else.
pub(crate) fn number(path: &Path) -> Option<i64> {
    try_number(path).ok()
}

/// A file of sysfs that holds one number, or why it could not be read. Text that is no number is
/// [`ErrorKind::InvalidData`].
pub(crate) fn try_number(path: &Path) -> Result<i64> {
    let mut page = [0; 64];
    let length = first_page(path, &mut page)?;
    let number = page.get(..length).and_then(|text| parse::signed(text.trim_ascii()));
    number.ok_or_else(|| Error::new(ErrorKind::InvalidData, "not a number"))
}

/// A file of sysfs that holds a list such as `0-3,7`; empty if it is not there.
pub(crate) fn list(path: &Path) -> Vec<u32> {
    short(path).map_or_else(|_| Vec::new(), |text| parse::list(&text))
}

fn first_page(path: &Path, page: &mut [u8]) -> Result<usize> {
    let mut file = open(path)?;
    loop {
        match file.read(page) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tree::Tree;

    #[test]
    fn a_kept_file_is_read_anew_and_grows() {
        let tree = Tree::new(&[("proc/stat", "one")]);
        let path = tree.roots().proc.join("stat");
        for mut file in [KeptFile::whole(path.clone()), KeptFile::records(path)] {
            tree.write("proc/stat", "one");
            let mut buffer = Vec::new();
            assert_eq!(file.read(&mut buffer).unwrap(), b"one");
            let long = "x".repeat(3 * FIRST_BYTES);
            tree.write("proc/stat", &long);
            assert_eq!(file.read(&mut buffer).unwrap(), long.as_bytes());
            tree.write("proc/stat", "");
            assert_eq!(file.read(&mut buffer).unwrap(), b"");
        }
    }

    #[test]
    fn a_missing_file_is_tried_again() {
        let tree = Tree::new(&[]);
        let mut file = KeptFile::whole(tree.roots().proc.join("stat"));
        let mut buffer = Vec::new();
        let problem = file.text(&mut buffer).unwrap_err();
        assert_eq!(problem.state, retop_model::family::source::ABSENT);
        assert!(problem.reason.contains("proc/stat"), "{}", problem.reason);
        tree.write("proc/stat", "here");
        assert_eq!(file.read(&mut buffer).unwrap(), b"here");
    }

    #[test]
    fn short_files() {
        let tree = Tree::new(&[("sys/a", "-7\n"), ("sys/b", "  x y \n"), ("sys/c", "0-1\n")]);
        let sys = tree.roots().sys;
        assert_eq!(number(&sys.join("a")), Some(-7));
        assert_eq!(number(&sys.join("b")), None);
        assert_eq!(short(&sys.join("b")).unwrap(), b"x y");
        assert_eq!(list(&sys.join("c")), [0, 1]);
        assert!(list(&sys.join("d")).is_empty() && short(&sys).is_err());
    }
}
