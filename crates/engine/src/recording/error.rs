//! What is wrong with a recording, and where.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use crate::history::CodecError;

/// Why a recording, or a part of it, cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingError {
    /// The file or folder.
    pub path: PathBuf,
    /// Where in the file.
    pub offset: Option<u64>,
    /// What is wrong, in lower case, with the next step where there is one.
    pub reason: String,
    /// The file ends before its first record: whoever began it was stopped there.
    pub(super) unbegun: bool,
}

impl RecordingError {
    pub(super) fn new(path: &Path, reason: impl Into<String>) -> RecordingError {
        RecordingError {
            path: path.to_owned(),
            offset: None,
            reason: reason.into(),
            unbegun: false,
        }
    }

    pub(super) fn at(path: &Path, offset: u64, reason: impl Into<String>) -> RecordingError {
        RecordingError { offset: Some(offset), ..RecordingError::new(path, reason) }
    }

    pub(super) fn unbegun(path: &Path, offset: u64, reason: &str) -> RecordingError {
        let offset = Some(offset).filter(|&offset| offset > 0);
        RecordingError { offset, unbegun: true, ..RecordingError::new(path, reason) }
    }

    pub(super) fn io(path: &Path, error: &std::io::Error) -> RecordingError {
        RecordingError::new(path, crate::recording::error::plain(error))
    }

    pub(super) fn codec(path: &Path, offset: u64, error: CodecError) -> RecordingError {
        let reason = format!("the frame cannot be decoded ({error})");
        RecordingError::at(path, offset, reason)
    }
}

/// An error of the system in lower case and without its number.
pub(super) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

impl Display for RecordingError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        if let Some(offset) = self.offset {
            write!(f, "byte {offset}: ")?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for RecordingError {}
