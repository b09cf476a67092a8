//! Descriptors that are kept open from tick to tick.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// Descriptors left for everything else: terminal, sockets, libraries, other sources.
const RESERVE: u64 = 256;

/// How many descriptors the process sweep may keep.
#[derive(Debug)]
pub struct Descriptors {
    limit: u64,
    taken: u64,
    exhausted: bool,
}

impl Descriptors {
    /// Raises the soft limit of open files to the hard one and takes all but a reserve. The soft
    /// default of 1,024 is for programs that use select(2); retop does not.
    pub fn new() -> Descriptors {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: both calls take a valid pointer to a local struct.
        let soft = unsafe {
            if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
                1024
            } else {
                let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
                match libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) {
                    0 => limit.rlim_max,
                    _ => limit.rlim_cur,
                }
            }
        };
        make_room(soft);
        Descriptors { limit: soft.saturating_sub(RESERVE), taken: 0, exhausted: false }
    }

    /// So many, whatever the system allows.
    #[cfg(test)]
    pub fn limited(limit: u64) -> Descriptors {
        Descriptors { limit, taken: 0, exhausted: false }
    }

    /// Takes one more, if there is one.
    pub fn take(&mut self) -> bool {
        let free = self.taken < self.limit;
        self.taken += u64::from(free);
        self.exhausted |= !free;
        free
    }

    /// Leaves so many to somebody else. To be followed by giving back while there
    /// [are too many](Self::are_too_many).
    pub fn set_aside(&mut self, count: u64) {
        self.limit = self.limit.saturating_sub(count);
    }

    /// How many more may be kept.
    pub fn room(&self) -> u64 {
        self.limit.saturating_sub(self.taken)
    }

    /// Gives one back.
    pub fn give_back(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }

    /// The system had none left after all: fewer than now are kept. To be followed by giving back
    /// while there [are too many](Self::are_too_many), or nothing at all could be opened any more.
    pub fn shrink(&mut self) {
        self.limit = self.limit.min(self.taken.saturating_sub(RESERVE / 4));
        self.exhausted = true;
    }

    /// True if more are kept than may be.
    pub fn are_too_many(&self) -> bool {
        self.taken > self.limit
    }

    /// True if some files could not be kept open.
    pub fn exhausted(&self) -> bool {
        self.exhausted
    }

    /// How many may be kept.
    pub fn limit(&self) -> u64 {
        self.limit
    }
}

/// Lets the kernel's table of this process's descriptors grow once, now. Each time that it doubles
/// in a program with threads the kernel waits for a grace period of RCU, some 5 ms; from 64 to 4,096
/// that was half of the time to the first rows. Sources are made before threads are started.
fn make_room(soft: u64) {
    /// Enough for the processes of most machines: 32 KiB of kernel memory.
    const ROOM: u64 = 4096;
    let Ok(highest) = libc::c_int::try_from(soft.min(ROOM).saturating_sub(1)) else { return };
    let Ok(file) = std::fs::File::open("/dev/null") else { return };
    // SAFETY: the descriptor is open; the copy is closed at once and nobody else has it.
    unsafe {
        let copy = libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, highest);
        if copy >= 0 {
            libc::close(copy);
        }
    }
}

/// Reads from the start of a file into the whole buffer, in one call.
pub fn pread(file: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the pointer and length are those of a live, writable slice.
    let len = unsafe { libc::pread(file.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    usize::try_from(len).map_err(|_| io::Error::last_os_error())
}
