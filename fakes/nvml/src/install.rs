//! Putting a library with its scenario into a folder, and reading what was asked of it.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

use crate::scenario::Scenario;

/// A library in a folder.
#[derive(Debug)]
pub struct Installed {
    folder: PathBuf,
}

/// One call of a monitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Seconds since the start.
    pub seconds: f64,
    /// What was called.
    pub symbol: String,
    /// The device that it was about.
    pub device: Option<usize>,
    /// What it answered.
    pub code: u32,
}

/// Puts a copy of the library into `folder`, which must exist, with this scenario. Symbols that the
/// scenario's driver lacks, and those named in `absent`, are not in the copy.
///
/// # Errors
///
/// Those of files, a scenario that means nothing, and a library that was not built beside the test.
pub fn install(folder: &Path, scenario: &str, absent: &[&str]) -> Result<Installed> {
    let invalid = |error: String| Error::new(ErrorKind::InvalidData, error);
    let parsed = Scenario::parse(scenario).map_err(invalid)?;
    let mut bytes = fs::read(built()?)?;
    for name in parsed.absent().iter().chain(absent) {
        hide(&mut bytes, name);
    }
    let installed = Installed { folder: folder.to_owned() };
    fs::write(folder.join("scenario.toml"), scenario)?;
    fs::write(installed.library(), bytes)?;
    Ok(installed)
}

/// Where cargo put the library: beside the program that runs now.
fn built() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let name = "libretop_fake_nvml.so";
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
            *first = b'x';
        }
    }
}

impl Installed {
    /// The library to open.
    #[must_use]
    pub fn library(&self) -> PathBuf {
        self.folder.join("libnvidia-ml.so.1")
    }

    /// Lets time stand at so many seconds since the start. The first call must come before the
    /// library is opened.
    ///
    /// # Errors
    ///
    /// Those of files.
    pub fn set_clock(&self, seconds: f64) -> Result<()> {
        // Renamed into place: a reader never sees half of a number.
        let path = self.folder.join("clock");
        let next = self.folder.join("clock.next");
        fs::write(&next, format!("{seconds}"))?;
        fs::rename(next, path)
    }

    /// Every call so far, in order.
    ///
    /// # Errors
    ///
    /// Those of files.
    pub fn calls(&self) -> Result<Vec<Call>> {
        let text = match fs::read_to_string(self.folder.join("calls")) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let call = |line: &str| {
            let mut words = line.split(' ');
            Some(Call {
                seconds: words.next()?.parse().ok()?,
                symbol: words.next()?.to_owned(),
                device: words.next()?.parse().ok(),
                code: words.next()?.parse().ok()?,
            })
        };
        Ok(text.lines().filter_map(call).collect())
    }
}
