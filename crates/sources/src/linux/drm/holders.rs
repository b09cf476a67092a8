//! Which processes have a device open.
//!
//! Looking through the descriptors of all processes is what costs most in a monitor of this kind, so
//! it is done now and then; in between, only the descriptors found are read.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::refused::is_gone;
use crate::linux::process::Stat;
use crate::linux::waker::MOST_DESCRIPTORS;
use crate::linux::{file, parse, sysfs};
use crate::source::Problem;

/// How often all processes are looked through, at least this far apart.
const WALK_NS: u64 = 5_000_000_000;
/// A walk may take one part in this many of the time.
const WALK_SHARE: u64 = 100;

/// A process with what it has open.
#[derive(Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    /// Numbers of descriptors, and the node that each of them is of.
    pub open: Vec<(u32, String)>,
}

/// The processes that were found.
#[derive(Debug, Default)]
pub struct Holders {
    /// In ascending order of pids.
    pub found: Vec<Holder>,
    /// Processes of others that may not be looked into, in ascending order.
    pub hidden: Vec<u32>,
    /// Why the processes could not be listed at all.
    pub unlisted: Option<Problem>,
    next_ns: u64,
}

impl Holders {
    /// Looks through all processes, if it is time to. `now` tells the time, before and after.
    pub fn look(&mut self, proc: &Path, now: impl Fn() -> u64) {
        let began_ns = now();
        if began_ns < self.next_ns {
            return;
        }
        (self.found, self.hidden, self.unlisted) = match walk(proc) {
            Ok((found, hidden)) => (found, hidden, None),
            Err(error) => (Vec::new(), Vec::new(), Some(unlisted(proc, &error))),
        };
        let took_ns = now().saturating_sub(began_ns);
        self.next_ns = began_ns + WALK_NS.max(took_ns.saturating_mul(WALK_SHARE));
    }

    /// Whether that process can be one that has a device open: it was found, or may not be looked
    /// into. Another of that number, in another name space, is not.
    pub fn may_hold(&self, pid: u32) -> bool {
        self.found.binary_search_by_key(&pid, |holder| holder.pid).is_ok()
            || self.hidden.binary_search(&pid).is_ok()
    }

    /// To be looked for at once.
    pub fn forget(&mut self) {
        *self = Holders::default();
    }
}

fn unlisted(proc: &Path, error: &io::Error) -> Problem {
    Problem::io(proc, error).hint("ls /proc: without it nobody knows who has a device open")
}

fn walk(proc: &Path) -> io::Result<(Vec<Holder>, Vec<u32>)> {
    let (mut found, mut hidden) = (Vec::new(), Vec::new());
    for entry in file::list_folder(proc)?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| parse::decimal(name.as_bytes())) else {
            continue;
        };
        let Ok(pid) = u32::try_from(pid) else { continue };
        let folder = proc.join(name);
        match open(&folder.join("fd")) {
            Ok(open) if open.is_empty() => {}
            Ok(open) => found.push(Holder { pid, open }),
            Err(error) => {
                // It may have ended since it was listed. Threads of the kernel hold no devices.
                if !is_gone(&error) && !is_kernel(&folder) {
                    hidden.push(pid);
                }
            }
        }
    }
    found.sort_by_key(|holder| holder.pid);
    hidden.sort_unstable();
    Ok((found, hidden))
}

/// Descriptors of nodes. A link is read and not followed: to open a node would wake its device.
fn open(folder: &Path) -> io::Result<Vec<(u32, String)>> {
    let mut open = Vec::new();
    for entry in file::list_folder(folder)?.flatten().take(MOST_DESCRIPTORS) {
        let target = match std::fs::read_link(entry.path()) {
            Ok(target) => target,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
            Err(_) => continue,
        };
        let node = target.strip_prefix("/dev/dri").or_else(|_| target.strip_prefix("/dev/accel"));
        let Some(node) = node.ok().and_then(Path::to_str) else { continue };
        let number = entry.file_name().to_str().and_then(|name| parse::decimal(name.as_bytes()));
        let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else { continue };
        open.push((number, node.to_owned()));
    }
    open.sort_unstable();
    Ok(open)
}

fn is_kernel(folder: &Path) -> bool {
    let mut line = Vec::new();
    let _ = sysfs::read_into(&folder.join("stat"), &mut line);
    Stat::parse(&line).is_some_and(|stat| stat.is_kernel())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tree::Tree;
    use std::cell::Cell;

    #[test]
    fn only_descriptors_of_devices_are_found() {
        let tree = Tree::new(&[
            ("proc/20/fd/7", "-> /dev/dri/renderD128"),
            ("proc/20/fd/0", "-> /dev/null"),
            ("proc/20/fd/12", "-> /dev/dri/card1"),
            ("proc/20/fd/x", "-> /dev/dri/card1"),
            ("proc/3/fd/9", "-> /dev/accel/accel0"),
            ("proc/4/fd/1", "-> socket:[7]"),
            ("proc/5/stat", ""),
            ("proc/99999999999/fd/1", "-> /dev/dri/card1"),
            ("proc/self/fd/1", "-> /dev/dri/card1"),
        ]);
        let proc = tree.roots().proc;
        let (now, mut holders) = (Cell::new(0), Holders::default());
        holders.look(&proc, || now.get());
        let open = |list: &[(u32, &str)]| -> Vec<(u32, String)> {
            list.iter().map(|&(number, node)| (number, node.to_owned())).collect()
        };
        let expected = [
            Holder { pid: 3, open: open(&[(9, "accel0")]) },
            Holder { pid: 20, open: open(&[(7, "renderD128"), (12, "card1")]) },
        ];
        assert_eq!(holders.found, expected);
        assert!(holders.hidden.is_empty() && holders.may_hold(20) && !holders.may_hold(4));

        // Not again before five seconds have passed, nor before a hundred times of what it took.
        tree.remove("proc/3");
        now.set(WALK_NS - 1);
        holders.look(&proc, || now.get());
        assert_eq!(holders.found.len(), 2);
        now.set(WALK_NS);
        holders.look(&proc, || now.replace(now.get() + 1_000_000_000));
        assert_eq!(holders.found.len(), 1);
        tree.remove("proc/20");
        for (seconds, left) in [(99, 1), (106, 0)] {
            now.set(seconds * 1_000_000_000);
            holders.look(&proc, || now.get());
            assert_eq!(holders.found.len(), left, "{seconds}");
        }
    }
}
