//! Where a copy of a library lies, and what time it is there.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Time since a scenario began: real, or stepped by a file.
#[derive(Debug)]
pub struct Time {
    began: Instant,
    clock: Option<PathBuf>,
    /// Set from within the program, which costs no reading of a file.
    set: OnceLock<AtomicU64>,
    /// Seconds that each look at the clock takes, and looks so far.
    step: Option<(f64, AtomicU64)>,
}

impl Time {
    /// Begins now. Where there is such a file it tells the time, else time is real. If it holds
    /// `+0.001`, each look at the clock takes a millisecond: a program that looks and looks sees the
    /// same on every machine.
    #[must_use]
    pub fn begin(clock: Option<PathBuf>) -> Time {
        let clock = clock.filter(|path| path.exists());
        let text = clock.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        let step = text.and_then(|text| text.trim().strip_prefix('+')?.parse().ok());
        let step = step.map(|seconds| (seconds, AtomicU64::new(0)));
        Time { began: Instant::now(), clock, set: OnceLock::new(), step }
    }

    /// True if a file tells the time.
    #[must_use]
    pub fn is_stepped(&self) -> bool {
        self.clock.is_some()
    }

    /// Lets it be so many seconds since the start from now on, whatever the file says.
    pub fn set(&self, seconds: f64) {
        self.set.get_or_init(AtomicU64::default).store(seconds.to_bits(), Ordering::Relaxed);
    }

    /// Seconds since the start.
    #[must_use]
    pub fn now(&self) -> f64 {
        if let Some(set) = self.set.get() {
            return f64::from_bits(set.load(Ordering::Relaxed));
        }
        if let Some((seconds, looks)) = &self.step {
            return seconds * looks.fetch_add(1, Ordering::Relaxed) as f64;
        }
        match &self.clock {
            Some(path) => {
                let text = std::fs::read_to_string(path).unwrap_or_default();
                text.trim().parse().unwrap_or(0.0)
            }
            None => self.began.elapsed().as_secs_f64(),
        }
    }
}

/// The folder that the library lies in which this is part of.
#[must_use]
pub fn own_folder() -> Option<PathBuf> {
    let mut found = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    let own: fn() -> Option<PathBuf> = own_folder;
    // SAFETY: `own` is an address within this library, and `found` outlives the call.
    let known = unsafe { libc::dladdr(own as *const libc::c_void, &raw mut found) };
    if known == 0 || found.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the linker's name of the file is a C string that lives as long as the library.
    let name = unsafe { CStr::from_ptr(found.dli_fname) };
    Path::new(OsStr::from_bytes(name.to_bytes())).parent().map(Path::to_owned)
}
