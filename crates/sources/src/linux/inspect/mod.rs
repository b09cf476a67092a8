//! The environment, open files, limits and memory map of one process.

mod environment;
mod files;
mod limits;
mod maps;
mod sockets;

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use retop_model::Key;

use super::process::Stat;
use crate::inspect::{Found, Part};
use crate::roots::Roots;
use crate::source::Problem;

/// Reads a part of that process. A number does not come back to a process that lost it, so one that
/// has it before and after was the one that was read.
pub fn inspect(roots: &Roots, key: Key, part: Part) -> Result<Found, Problem> {
    let folder = roots.proc.join(key.0.to_string());
    is_still(&folder, key)?;
    let found = match part {
        Part::Environment => environment::read(&folder).map(Found::Environment),
        Part::Files => files::read(&folder).map(Found::Files),
        Part::Limits => limits::read(&folder).map(Found::Limits),
        Part::Maps => maps::read(&folder).map(Found::Maps),
    };
    is_still(&folder, key)?;
    found
}

fn is_still(folder: &Path, key: Key) -> Result<(), Problem> {
    let ended = || Problem::absent("the process has ended");
    let line = beginning(&folder.join("stat"), 4096).map_err(|_| ended())?;
    match Stat::parse(&line) {
        Some(stat) if stat.start_ticks == key.1 => Ok(()),
        _ => Err(ended()),
    }
}

/// As much of a file as is worth it.
fn beginning(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut text)?;
    Ok(text)
}

/// Why a file of a process cannot be read.
fn refused(path: PathBuf, error: &io::Error) -> Problem {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            Problem::denied("it belongs to another user").hint(super::AS_ROOT)
        }
        _ if error.raw_os_error() == Some(libc::ESRCH) => Problem::absent("the process has ended"),
        _ => Problem::io(&path, error),
    }
}

/// Every parser of this folder, for the fuzzer.
pub fn fuzz(bytes: &[u8]) {
    drop(environment::parse(bytes));
    drop(limits::parse(bytes));
    let _ = maps::parse(bytes);
    let _ = files::details(bytes);
    for table in sockets::TABLES {
        sockets::parse(bytes, table, &mut |_, _| {});
    }
}

#[cfg(test)]
mod tests;
