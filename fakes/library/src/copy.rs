//! Putting a library with its scenario into a folder.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// A library in a folder.
#[derive(Debug)]
pub struct Copied {
    folder: PathBuf,
    name: &'static str,
}

/// Puts a copy of the library that cargo built as `built` into `folder`, which must exist, under
/// this name and with this scenario. Symbols named in `absent` are not in the copy.
///
/// # Errors
///
/// Those of files, and a library that was not built beside the test.
pub fn copy<'a>(
    folder: &Path,
    built: &str,
    name: &'static str,
    scenario: &str,
    absent: impl IntoIterator<Item = &'a str>,
) -> Result<Copied> {
    let mut bytes = fs::read(find(built)?)?;
    for name in absent {
        hide(&mut bytes, name);
    }
    let copied = Copied { folder: folder.to_owned(), name };
    fs::write(copied.file("scenario.toml"), scenario)?;
    fs::write(copied.library(), bytes)?;
    Ok(copied)
}

/// Where cargo put the library: beside the program that runs now.
fn find(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folders = program.ancestors().skip(1).take(3);
    let candidates = folders.flat_map(|folder| [folder.join(name), folder.join("deps").join(name)]);
    candidates.into_iter().find(|path| path.exists()).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("{name} is not beside {}", program.display()))
    })
}

/// Spoils a name in the table of exported symbols. The linker finds a symbol by a hash of its name
/// and then compares: what it looks for is not there any more.
fn hide(bytes: &mut [u8], name: &str) {
    let wanted = [b"\0", name.as_bytes(), b"\0"].concat();
    let places: Vec<usize> = bytes
        .windows(wanted.len())
        .enumerate()
        .filter(|(_, window)| *window == wanted)
        .map(|(place, _)| place + 1)
        .collect();
    for place in places {
        if let Some(first) = bytes.get_mut(place) {
            *first = b'!';
        }
    }
}

impl Copied {
    /// The library to open.
    #[must_use]
    pub fn library(&self) -> PathBuf {
        self.file(self.name)
    }

    /// A file beside it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Lets time stand at so many seconds since the start. The first call must come before the
    /// library is opened.
    ///
    /// # Errors
    ///
    /// Those of files.
    pub fn set_clock(&self, seconds: f64) -> Result<()> {
        // Renamed into place: a reader never sees half of a number.
        let next = self.file("clock.next");
        fs::write(&next, format!("{seconds}"))?;
        fs::rename(next, self.file("clock"))
    }
}
