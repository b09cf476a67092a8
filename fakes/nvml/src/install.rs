//! Putting a library with its scenario into a folder, and reading what was asked of it.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::ops::Deref;
use std::path::Path;

use retop_fake_library::{Copied, copy};

use crate::scenario::Scenario;

/// A library in a folder.
#[derive(Debug)]
pub struct Installed(Copied);

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
    let absent_too = Scenario::parse(scenario).map_err(invalid)?.absent();
    let absent = absent_too.iter().chain(absent).copied();
    copy(folder, "libretop_fake_nvml.so", "libnvidia-ml.so.1", scenario, absent).map(Installed)
}

impl Deref for Installed {
    type Target = Copied;

    fn deref(&self) -> &Copied {
        &self.0
    }
}

impl Installed {
    /// Every call so far, in order.
    ///
    /// # Errors
    ///
    /// Those of files.
    pub fn calls(&self) -> Result<Vec<Call>> {
        let text = match fs::read_to_string(self.file("calls")) {
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
