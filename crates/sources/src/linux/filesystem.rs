//! Mounted file systems and the space in them.
//!
//! `statvfs` of a file system whose server does not answer blocks for minutes, beyond the reach of
//! signals. So each remote one is asked by a thread of its own, which may stay away; local ones are
//! asked here.

use std::collections::{HashMap, VecDeque};
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use retop_model::family::filesystem;
use retop_model::{FamilyId, Key, Text};

use super::file::KeptFile;
use super::mounts::{self, Mount};
use crate::roots::Roots;
use crate::source::{Pace, Problem, Read, Source};

/// Disks fill in minutes, not in seconds.
const PACE: Duration = Duration::from_secs(10);
/// What remote file systems have for their answers before the others are shown without them.
const PATIENCE: Duration = Duration::from_millis(250);
/// Threads that may be away at once. A machine with more hung mounts than this has other worries.
const MOST_AWAY: usize = 16;

/// The mounted file systems.
pub(crate) struct Filesystem {
    base: PathBuf,
    mountinfo: KeptFile,
    text: Vec<u8>,
    /// Covered mounts are left out of this machine; of a made-up one, where nothing is mounted, the
    /// names remain.
    is_real: bool,
    ask: Ask,
    remote: Remote,
}

/// Asks a file system for its space.
type Ask = fn(&Path) -> std::io::Result<Space>;

/// The answer of `statvfs`, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Space {
    /// The device number that files there carry; none for a remote one, where it is not asked.
    number: Option<u64>,
    size: u64,
    free: u64,
    available: u64,
    inodes: u64,
    inodes_free: u64,
}

impl Filesystem {
    pub(crate) fn new(roots: &Roots) -> Filesystem {
        Filesystem::asking(roots, statvfs, numbered_statvfs, PATIENCE)
    }

    fn asking(roots: &Roots, remote: Ask, local: Ask, patience: Duration) -> Filesystem {
        Filesystem {
            base: roots.base.clone(),
            mountinfo: KeptFile::records(roots.proc.join("self/mountinfo")),
            text: Vec::new(),
            is_real: roots.is_real(),
            ask: local,
            remote: Remote { ask: remote, patience, answers: Arc::default() },
        }
    }

    /// Where a mountpoint is reached from here.
    fn path(&self, mount: &Mount) -> PathBuf {
        let relative = mount.mountpoint.strip_prefix(b"/").unwrap_or(&mount.mountpoint);
        self.base.join(OsStr::from_bytes(relative))
    }

    /// The space of a local file system; `None` if its folder belongs to another one: covered by a
    /// mount further up, or, below a made-up root, never mounted at all.
    fn local(&self, mount: &Mount) -> Result<Option<Space>, String> {
        let space = (self.ask)(&self.path(mount)).map_err(|error| error.to_string())?;
        let fits = mount.has_subvolumes() || space.number == Some(mount.number);
        Ok(fits.then_some(space))
    }
}

impl Source for Filesystem {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Filesystem]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(PACE)
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Filesystem) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let mounts = mounts::file_systems(self.mountinfo.text(&mut self.text)?);
        if mounts.is_empty() {
            return Err(self.mountinfo.without("file system"));
        }
        let (remote, local): (Vec<Mount>, Vec<Mount>) =
            mounts.into_iter().partition(Mount::is_remote);
        self.remote.send(remote.iter().map(|mount| self.path(mount)));
        let mut spaces: Vec<(Mount, Result<Option<Space>, String>)> = Vec::new();
        for mount in local {
            let space = self.local(&mount);
            spaces.push((mount, space));
        }
        self.remote.wait();
        for mount in remote {
            let space = self.remote.answer(&self.path(&mount)).map(Some);
            spaces.push((mount, space));
        }
        let mut table = read.table(FamilyId::Filesystem);
        for (mount, space) in spaces {
            match &space {
                // Without a size it stores nothing, whatever its type.
                Ok(Some(space)) if space.size == 0 => continue,
                Ok(None) if self.is_real => continue,
                _ => {}
            }
            let key = Key(Key::named(&mount.mountpoint).0, mount.number);
            let mut row = table.push(key);
            row.text(filesystem::mountpoint, Text::new(&mount.mountpoint))
                .text(filesystem::device, Text::new(&mount.device))
                .text(filesystem::fstype, Text::new(&mount.fstype))
                .set(filesystem::readonly, mount.readonly);
            match space {
                Ok(None) => {}
                Ok(Some(space)) => {
                    // btrfs and some remote file systems have no fixed number of nodes, and say 0.
                    let nodes = (space.inodes > 0).then_some((space.inodes, space.inodes_free));
                    row.set(filesystem::size_bytes, space.size)
                        .set(filesystem::free_bytes, space.free)
                        .set(filesystem::avail_bytes, space.available)
                        .set(filesystem::inodes, nodes.map(|(all, _)| all))
                        .set(filesystem::inodes_free, nodes.map(|(_, free)| free));
                }
                Err(reason) => {
                    let mountpoint = String::from_utf8_lossy(&mount.mountpoint).into_owned();
                    let problem = Problem::failing(format!("{mountpoint}: {reason}"));
                    read.report(format!("filesystem{mountpoint}"), "filesystems", Some(problem));
                }
            }
        }
        read.give(table, begin);
        Ok(())
    }
}

/// Remote file systems, asked by threads that live until nobody is left to be asked.
#[derive(Debug)]
struct Remote {
    ask: Ask,
    patience: Duration,
    answers: Arc<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    desk: Mutex<Desk>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Desk {
    /// By path; `None` while a thread is away.
    known: HashMap<PathBuf, Option<Result<Space, String>>>,
    /// Those for which no thread has been free so far.
    waiting: VecDeque<PathBuf>,
}

impl Desk {
    fn away(&self) -> usize {
        self.known.values().filter(|answer| answer.is_none()).count()
    }
}

impl Answers {
    fn lock(&self) -> std::sync::MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for one path after the other, until none waits.
    fn serve(&self, mut path: PathBuf, ask: Ask) {
        loop {
            let answer = ask(&path).map_err(|error| error.to_string());
            let mut desk = self.lock();
            desk.known.insert(path, Some(answer));
            let next = desk.waiting.pop_front();
            if let Some(next) = &next {
                desk.known.insert(next.clone(), None);
            }
            drop(desk);
            self.arrived.notify_one();
            match next {
                Some(next) => path = next,
                None => return,
            }
        }
    }
}

impl Remote {
    /// Asks those that no thread is away for, and forgets the answers of others.
    fn send(&self, paths: impl Iterator<Item = PathBuf>) {
        let mut desk = self.answers.lock();
        desk.known.retain(|_, answer| answer.is_none());
        desk.waiting = paths.collect();
        let Desk { known, waiting } = &mut *desk;
        waiting.retain(|path| !known.contains_key(path));
        while known.len() < MOST_AWAY
            && let Some(path) = waiting.pop_front()
        {
            let (answers, ask, first) = (Arc::clone(&self.answers), self.ask, path.clone());
            let thread = std::thread::Builder::new()
                .name("retop-statvfs".to_owned())
                .stack_size(128 << 10)
                .spawn(move || answers.serve(first, ask));
            if thread.is_ok() {
                known.insert(path, None);
            }
        }
    }

    /// Waits until all are back, or for as long as patience lasts.
    fn wait(&self) {
        let away = |desk: &mut Desk| desk.away() > 0;
        let waited =
            self.answers.arrived.wait_timeout_while(self.answers.lock(), self.patience, away);
        drop(waited);
    }

    fn answer(&self, path: &Path) -> Result<Space, String> {
        match self.answers.lock().known.get(path) {
            Some(Some(answer)) => answer.clone(),
            Some(None) => Err("its server does not answer".to_owned()),
            None => Err("not asked: too many others do not answer".to_owned()),
        }
    }
}

/// The system call; on a remote file system it may not return.
fn statvfs(path: &Path) -> std::io::Result<Space> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: all zeros is a value of this struct of integers.
    let mut answer: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends in a zero byte, and the struct is the call's to fill.
    if unsafe { libc::statvfs(path.as_ptr(), &mut answer) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // The types of these numbers differ between platforms.
    #[allow(clippy::useless_conversion)]
    let (fragment, blocks, free, available, inodes, inodes_free) = (
        u64::from(answer.f_frsize),
        u64::from(answer.f_blocks),
        u64::from(answer.f_bfree),
        u64::from(answer.f_bavail),
        u64::from(answer.f_files),
        u64::from(answer.f_ffree),
    );
    let bytes = |blocks: u64| blocks.saturating_mul(fragment);
    Ok(Space {
        number: None,
        size: bytes(blocks),
        free: bytes(free),
        available: bytes(available),
        inodes,
        inodes_free,
    })
}

/// As [`statvfs`], with the device number that files there carry.
fn numbered_statvfs(path: &Path) -> std::io::Result<Space> {
    let device = std::fs::metadata(path)?.dev();
    let number = u64::from(libc::major(device)) << 32 | u64::from(libc::minor(device));
    Ok(Space { number: Some(number), ..statvfs(path)? })
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use retop_model::Row;
    use retop_model::family::source::{ABSENT, FAILING};

    use super::*;
    use crate::linux::tree::{Bench, Taken, Tree, read_once};

    const SPACE: Space =
        Space { number: None, size: 1000, free: 400, available: 300, inodes: 10, inodes_free: 4 };

    const MOUNTS: &str = "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
        28 27 0:9 / /empty rw - tmpfs tmpfs rw\n\
        29 27 0:50 / /home rw - btrfs /dev/sdb ro\n\
        30 27 8:2 / /covered rw - xfs /dev/sda2 rw\n\
        31 27 0:60 / /net/good rw - nfs4 server:/good rw\n\
        32 27 0:61 / /net/gone rw - cifs //server/gone rw\n";

    fn local(path: &Path) -> std::io::Result<Space> {
        match path.file_name().and_then(OsStr::to_str) {
            Some("empty") => Ok(Space { number: Some(9), size: 0, ..SPACE }),
            Some("home") => Ok(Space { number: Some(77), inodes: 0, ..SPACE }),
            Some("covered") => Ok(Space { number: Some(1), ..SPACE }),
            _ => Ok(Space { number: Some(8 << 32 | 1), ..SPACE }),
        }
    }

    fn remote(path: &Path) -> std::io::Result<Space> {
        match path.file_name().and_then(OsStr::to_str) {
            Some("good") => Ok(SPACE),
            _ => Err(Error::from_raw_os_error(libc::EHOSTDOWN)),
        }
    }

    /// A server that never answers.
    fn hung(_: &Path) -> std::io::Result<Space> {
        loop {
            std::thread::park();
        }
    }

    fn by_mountpoint<'a>(taken: &'a Taken, path: &str) -> Option<Row<'a>> {
        let mut rows = taken.snapshot.rows(FamilyId::Filesystem);
        rows.find(|row| row.shown(filesystem::mountpoint) == path)
    }

    #[test]
    fn local_and_remote_space() {
        let tree = Tree::new(&[("proc/self/mountinfo", MOUNTS)]);
        // All servers answer, so that no more is waited for than that takes.
        let patience = Duration::from_secs(600);
        let mut source = Filesystem::asking(&tree.roots(), remote, local, patience);
        let mut bench = Bench::new();
        for _ in 0..2 {
            let taken = bench.read(&mut source);
            assert_eq!(taken.result, Ok(()));
            assert_eq!(taken.snapshot.rows(FamilyId::Filesystem).len(), 5);
            let root = by_mountpoint(&taken, "/").unwrap();
            assert_eq!(root.get(filesystem::used_bytes), Some(600.0));
            assert_eq!(root.get(filesystem::used_ratio), Some(600.0 / 900.0));
            assert_eq!(root.get(filesystem::inodes_used_ratio), Some(0.6));
            let home = by_mountpoint(&taken, "/home").unwrap();
            assert_eq!(home.get(filesystem::readonly), Some(1.0));
            assert_eq!(home.get(filesystem::size_bytes), Some(1000.0));
            assert_eq!(home.get(filesystem::inodes), None);
            assert!(by_mountpoint(&taken, "/empty").is_none());
            let good = by_mountpoint(&taken, "/net/good").unwrap();
            assert_eq!(good.get(filesystem::avail_bytes), Some(300.0));
            for missing in ["/covered", "/net/gone"] {
                let row = by_mountpoint(&taken, missing).unwrap();
                assert_eq!(row.get(filesystem::size_bytes), None, "{missing}");
            }
            let [report] = &taken.reports[..] else { panic!("{:?}", taken.reports) };
            assert_eq!(report.name, "filesystem/net/gone");
        }
        source.is_real = true;
        assert!(by_mountpoint(&bench.read(&mut source), "/covered").is_none());
    }

    #[test]
    fn a_hung_server_hides_nobody_else() {
        let tree = Tree::new(&[("proc/self/mountinfo", MOUNTS)]);
        let mut source = Filesystem::asking(&tree.roots(), hung, local, Duration::ZERO);
        let mut bench = Bench::new();
        for _ in 0..2 {
            let taken = bench.read(&mut source);
            assert_eq!(taken.result, Ok(()));
            let root = by_mountpoint(&taken, "/").unwrap();
            assert_eq!(root.get(filesystem::size_bytes), Some(1000.0));
            let row = by_mountpoint(&taken, "/net/good").unwrap();
            assert_eq!(row.get(filesystem::size_bytes), None);
            assert_eq!(row.shown(filesystem::device), "server:/good");
            assert_eq!(taken.reports.len(), 2);
            // Nobody is sent twice to where somebody is still away.
            assert_eq!(source.remote.answers.lock().away(), 2);
        }
    }

    #[test]
    fn not_more_than_so_many_are_sent() {
        let lines: String = (0..MOST_AWAY + 5)
            .map(|n| format!("{n} 27 0:{n} / /n{n} rw - nfs server:/{n} rw\n"))
            .collect();
        let tree = Tree::new(&[("proc/self/mountinfo", &lines)]);
        let mut source = Filesystem::asking(&tree.roots(), hung, local, Duration::ZERO);
        let taken = read_once(&mut source);
        assert_eq!(taken.snapshot.rows(FamilyId::Filesystem).len(), MOST_AWAY + 5);
        assert_eq!(source.remote.answers.lock().away(), MOST_AWAY);
    }

    #[test]
    fn any_number_of_servers_that_answer_is_asked() {
        fn well(_: &Path) -> std::io::Result<Space> {
            Ok(SPACE)
        }
        let most = 3 * MOST_AWAY;
        let lines: String =
            (0..most).map(|n| format!("{n} 27 0:{n} / /n{n} rw - nfs server:/{n} rw\n")).collect();
        let tree = Tree::new(&[("proc/self/mountinfo", &lines)]);
        // All answer, so that no more is waited for than that takes.
        let patience = Duration::from_secs(600);
        let mut source = Filesystem::asking(&tree.roots(), well, local, patience);
        let mut bench = Bench::new();
        for _ in 0..2 {
            let taken = bench.read(&mut source);
            assert!(taken.reports.is_empty(), "{:?}", taken.reports);
            let mut rows = taken.snapshot.rows(FamilyId::Filesystem);
            assert_eq!(rows.len(), most);
            assert!(rows.all(|row| row.get(filesystem::size_bytes) == Some(1000.0)));
        }
    }

    #[test]
    fn a_made_up_machine_does_not_show_the_disk_of_this_one() {
        let tree =
            Tree::new(&[("proc/self/mountinfo", "27 1 4000:1 / / rw - ext4 /dev/sda1 rw\n")]);
        let taken = read_once(&mut Filesystem::new(&tree.roots()));
        let root = by_mountpoint(&taken, "/").unwrap();
        assert_eq!(root.get(filesystem::size_bytes), None);
        assert_eq!(root.shown(filesystem::device), "/dev/sda1");
    }

    #[test]
    fn nothing_mounted_and_no_file() {
        for text in ["", "garbage\n", "1 2 3:x / / rw - ext4 d rw"] {
            let tree = Tree::new(&[("proc/self/mountinfo", text)]);
            let result = read_once(&mut Filesystem::new(&tree.roots())).result;
            assert_eq!(result.unwrap_err().state, FAILING, "{text:?}");
        }
        let nothing = read_once(&mut Filesystem::new(&Tree::new(&[]).roots())).result;
        assert_eq!(nothing.unwrap_err().state, ABSENT);
    }

    #[test]
    fn the_root_of_this_machine_has_space() {
        let taken = read_once(&mut Filesystem::new(&Roots::real()));
        assert_eq!(taken.result, Ok(()));
        let ratio = by_mountpoint(&taken, "/").and_then(|row| row.get(filesystem::used_ratio));
        assert!(ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio)), "{ratio:?}");
    }
}
