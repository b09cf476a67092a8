//! A process held on to while something is done to it.

use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use retop_model::Key;

/// A process of this machine, bound by its number and start time.
///
/// The order is what makes it safe: the pidfd is opened first and holds on to whatever process has
/// the number *then*; only if that one's start time is the key's is it the one that was meant.
pub struct Pinned {
    file: OwnedFd,
    pub pid: i32,
}

impl Pinned {
    /// # Errors
    ///
    /// `NotFound` if the process has ended, or another one has its number by now.
    pub fn open(key: Key) -> Result<Pinned> {
        let pid = i32::try_from(key.0).map_err(|_| Error::from(ErrorKind::NotFound))?;
        // SAFETY: pidfd_open takes integers only.
        let file = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if file < 0 {
            return Err(Error::last_os_error());
        }
        let file = RawFd::try_from(file).map_err(|_| Error::from(ErrorKind::NotFound))?;
        // SAFETY: the call above just gave us this descriptor; nobody else has it.
        let file = unsafe { OwnedFd::from_raw_fd(file) };
        if super::start_ticks(pid)? != key.1 {
            return Err(ErrorKind::NotFound.into());
        }
        Ok(Pinned { file, pid })
    }

    /// Sends a signal; 0 sends none and asks whether it could be sent.
    ///
    /// # Errors
    ///
    /// Those of `pidfd_send_signal`.
    pub fn send(&self, signal: i32) -> Result<()> {
        // SAFETY: the descriptor is open; a null siginfo asks for the kernel's default.
        let status = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.file.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        if status == 0 { Ok(()) } else { Err(Error::last_os_error()) }
    }

    /// True while the number is this process's. What was done to the number before that is true was
    /// done to this process, for a number never comes back to its owner.
    #[must_use]
    pub fn has_number(&self) -> bool {
        !self.send(0).is_err_and(|error| error.raw_os_error() == Some(libc::ESRCH))
    }
}
