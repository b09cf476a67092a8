//! What is done to a process of a Mac.
//!
//! macOS has nothing that holds on to a process as a pidfd does. So its start time is compared right
//! before the call; for another to be hit it would have to end, be waited for, and its number be
//! given out again after all 99,998 others, within the microseconds between the two.

use std::io::{Error, ErrorKind, Result};

use retop_model::Key;

use super::library::Library;
use super::system::{self, Told};
use crate::schedule::ScheduleError;

/// Nice values that the kernel has.
const NICE: std::ops::RangeInclusive<i32> = -20..=20;

/// The libraries of this Mac, opened when something is done for the first time.
#[cfg(target_os = "macos")]
pub fn libraries() -> Result<&'static Library> {
    use std::sync::{Arc, OnceLock};
    static OPEN: OnceLock<std::result::Result<Arc<Library>, String>> = OnceLock::new();
    match OPEN.get_or_init(|| Library::open(None)) {
        Ok(library) => Ok(library),
        Err(reason) => Err(Error::other(reason.as_str())),
    }
}

/// Sends a signal to the process of that number and start.
pub fn send(library: &Library, key: Key, signal: i32) -> Result<()> {
    let (pid, _) = meant(library, key)?;
    // SAFETY: kill takes integers only.
    succeeded(unsafe { libc::kill(pid, signal) })
}

/// Moves its nice value by that much, as far as it goes; gives the new one.
pub fn step_nice(library: &Library, key: Key, by: i32) -> std::result::Result<i32, ScheduleError> {
    let (pid, told) = meant(library, key)?;
    // Of what belongs to others it is not told, and could not be changed.
    let Told::All(process) = told else { return Err(ScheduleError::Foreign) };
    let nice = process.nice.saturating_add(by).clamp(*NICE.start(), *NICE.end());
    // SAFETY: setpriority takes integers only.
    let changed =
        succeeded(unsafe { libc::setpriority(libc::PRIO_PROCESS, pid.cast_unsigned(), nice) });
    changed.map_err(|error| match error.raw_os_error() {
        Some(libc::EACCES) => ScheduleError::Raised,
        _ => error.into(),
    })?;
    Ok(nice)
}

/// The number of that process, if it still has it, and what is told of it. Numbers that stand for
/// more than one process, or for the kernel, are nobody's.
fn meant(library: &Library, key: Key) -> Result<(i32, Told)> {
    let gone = || Error::from(ErrorKind::NotFound);
    let pid = i32::try_from(key.0).map_err(|_| gone())?;
    if pid < 1 {
        return Err(ErrorKind::PermissionDenied.into());
    }
    let told = system::process(library, pid).ok_or_else(gone)?;
    let start_us = match &told {
        Told::All(process) => Some(process.start_us),
        Told::Short(_) => system::start_us(library, pid),
    };
    if start_us == Some(key.1) { Ok((pid, told)) } else { Err(gone()) }
}

fn succeeded(status: libc::c_int) -> Result<()> {
    if status == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}
