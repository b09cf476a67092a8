//! The pids that are there, straight from getdents64.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use crate::linux::parse;

/// A kept descriptor of `/proc`, from which processes are listed and opened.
#[derive(Clone, Debug)]
pub struct Listing(Arc<OwnedFd>);

/// `openat` needs the path as one C string: the ten digits of a pid, a slash, the file's name.
const PATH: usize = 40;

impl Listing {
    /// Opens the process file system.
    pub fn open(proc: &Path) -> io::Result<Listing> {
        Ok(Listing(Arc::new(File::open(proc)?.into())))
    }

    /// Lists the pids in ascending order. `d_type` is not looked at: lxcfs leaves it unknown.
    pub fn pids(&self, pids: &mut Vec<u32>, buffer: &mut Vec<u8>) -> io::Result<()> {
        /// 64 KiB hold 2,700 entries a call; more gains nothing.
        const WINDOW: usize = 64 * 1024;
        if buffer.len() < WINDOW {
            buffer.resize(WINDOW, 0);
        }
        pids.clear();
        let file = self.0.as_raw_fd();
        // SAFETY: lseek takes no pointer.
        if unsafe { libc::lseek(file, 0, libc::SEEK_SET) } < 0 {
            return Err(io::Error::last_os_error());
        }
        loop {
            // SAFETY: the pointer and length are those of a live, writable buffer.
            let len = unsafe {
                libc::syscall(libc::SYS_getdents64, file, buffer.as_mut_ptr(), buffer.len())
            };
            match usize::try_from(len) {
                Err(_) => return Err(io::Error::last_os_error()),
                Ok(0) => break,
                Ok(len) => add_pids(buffer.get(..len).unwrap_or(&[]), pids),
            }
        }
        // procfs lists in order; a made-up tree does not.
        if !pids.is_sorted() {
            pids.sort_unstable();
        }
        pids.dedup();
        Ok(())
    }

    /// Opens a file of a process.
    pub fn open_at(&self, pid: u32, name: &CStr) -> io::Result<OwnedFd> {
        let mut path = [0; PATH];
        let path = path_of(pid, name, &mut path);
        // SAFETY: the path is a valid C string that outlives the call.
        let file = unsafe {
            libc::openat(self.0.as_raw_fd(), path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC)
        };
        if file < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above just gave us this descriptor; nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(file) })
    }

    /// Reads a file of a process in one call; what does not fit is left out.
    pub fn read_at(&self, pid: u32, name: &CStr, buffer: &mut [u8]) -> io::Result<usize> {
        crate::linux::kept::pread(&self.open_at(pid, name)?, buffer)
    }

    /// Lists the threads of a process, in ascending order.
    pub fn threads(&self, pid: u32) -> io::Result<Listing> {
        Ok(Listing(Arc::new(self.open_at(pid, c"task")?)))
    }

    /// The owner of the process's folder: its user, unless the process is not dumpable (then root).
    pub fn owner(&self, pid: u32) -> Option<u32> {
        let mut path = [0; PATH];
        let path = path_of(pid, c"", &mut path);
        // SAFETY: zero bytes are a valid stat; path and struct outlive the call, which fills the
        // struct or fails.
        unsafe {
            let mut facts: libc::stat = std::mem::zeroed();
            let status = libc::fstatat(self.0.as_raw_fd(), path.as_ptr(), &raw mut facts, 0);
            (status == 0).then_some(facts.st_uid)
        }
    }
}

/// Writes `PID/NAME` with its closing NUL. Names are literals of ours and fit.
fn path_of<'b>(pid: u32, name: &CStr, buffer: &'b mut [u8; PATH]) -> &'b CStr {
    let mut digits = [0_u8; 10];
    let (mut at, mut rest) = (digits.len(), pid);
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let parts = digits[at..].iter().chain(b"/").chain(name.to_bytes());
    for (cell, &byte) in buffer[..PATH - 1].iter_mut().zip(parts) {
        *cell = byte;
    }
    CStr::from_bytes_until_nul(buffer).unwrap_or(c"")
}

/// Takes the numeric names out of a buffer of `linux_dirent64`: inode u64, offset i64, length u16,
/// type u8, then the name up to a NUL.
fn add_pids(mut entries: &[u8], pids: &mut Vec<u32>) {
    const NAME: usize = 19;
    while let Some(&[low, high]) = entries.get(16..18) {
        let len = usize::from(u16::from_ne_bytes([low, high]));
        let Some(entry) = entries.get(..len).filter(|entry| entry.len() > NAME) else { return };
        if let Some(pid) = number(&entry[NAME..]) {
            pids.push(pid);
        }
        entries = &entries[len..];
    }
}

/// A name that is all digits up to the NUL.
fn number(name: &[u8]) -> Option<u32> {
    let digits = name.split(|&byte| byte == 0).next()?;
    u32::try_from(parse::decimal(digits)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_numbers() {
        let mut buffer = [0; PATH];
        assert_eq!(path_of(0, c"stat", &mut buffer), c"0/stat");
        let mut buffer = [0; PATH];
        assert_eq!(path_of(u32::MAX, c"smaps_rollup", &mut buffer), c"4294967295/smaps_rollup");
        assert_eq!(number(b"12\0"), Some(12));
        assert_eq!(number(b"12a\0"), None);
        assert_eq!(number(b"\0"), None);
        assert_eq!(number(b"99999999999\0"), None);
    }

    #[test]
    fn this_process_is_listed_and_can_be_read() {
        let listing = Listing::open(Path::new("/proc")).expect("procfs");
        let (mut pids, mut buffer) = (Vec::new(), Vec::new());
        listing.pids(&mut pids, &mut buffer).expect("listing");
        let own = std::process::id();
        assert!(pids.contains(&own) && pids.is_sorted());
        let len = listing.read_at(own, c"stat", &mut buffer).expect("stat");
        assert!(buffer[..len].starts_with(own.to_string().as_bytes()));
        assert!(listing.owner(own).is_some());
        assert!(listing.open_at(own, c"no-such-file").is_err());
    }

    #[test]
    fn garbage_entries_end_the_list() {
        let mut pids = Vec::new();
        add_pids(&[0; 19], &mut pids);
        add_pids(&[0xff; 64], &mut pids);
        assert!(pids.is_empty());
    }
}
