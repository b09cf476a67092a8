//! Command lines, users, control groups and page tables: read by threads of their own.
//!
//! `cmdline`, `environ` and `smaps` take the memory lock of the process that they tell of. A
//! process stuck for want of memory holds it, and whoever reads waits with it. So the tick only
//! asks; threads read, and a thread that is stuck is left behind for another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use retop_model::{Key, Reading, Text};

use super::detail;
use super::listing::Listing;
use crate::linux::{container, users::Users};
use crate::roots::Roots;
use crate::source::Problem;

/// A reader that has not finished one file for this many ticks is taken for stuck, if
/// [`STUCK_NS`] have gone by as well: ticks may follow each other closely.
const STUCK_TICKS: u64 = 2;

/// On a machine with more to do than cores a thread may wait a while for its turn.
const STUCK_NS: u64 = 250_000_000;

/// Readers at most: as many processes may be stuck before no new command line is read.
const MOST: usize = 5;

/// Command lines longer than this are cut: a page holds all but a few compilers' and browsers'.
const LONGEST: usize = 4096;

/// How long a patient read waits for the next answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Questions that may wait: more than a machine has processes, or where all readers are stuck and
/// nobody takes them. The newest are answered first, so the oldest are let go.
const MOST_JOBS: usize = 1 << 17;

/// Answers are handed over in batches, so that a first screen fills at once.
const IDLE: Duration = Duration::from_secs(10);

/// What is to be read of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Command line, user, control group.
    Texts,
    /// Page tables.
    Proportional,
}

/// What was found in the texts.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub command: Option<Text>,
    pub user: Option<Text>,
    pub user_id: Option<u32>,
    pub cgroup: Option<Text>,
    pub container: Option<Text>,
}

/// An answer for one process.
#[derive(Clone, Debug)]
pub struct Answer {
    pub key: Key,
    pub texts: Option<Found>,
    pub proportional: Option<[Reading; 3]>,
}

#[derive(Default)]
struct Desk {
    jobs: Vec<(Job, Key)>,
    answers: Vec<Answer>,
    /// Readers that are reading.
    busy: usize,
    closed: bool,
}

struct Shared {
    desk: Mutex<Desk>,
    wake: Condvar,
    /// A reader has read all that there was.
    done: Condvar,
    /// Files finished by all readers together: progress, for the tick to see.
    finished: AtomicU64,
    roots: Roots,
}

/// The tick's side.
pub struct TextReader {
    shared: Arc<Shared>,
    readers: usize,
    stuck: usize,
    last_finished: u64,
    ticks_without: u64,
    /// When the readers were last seen to move, or to have nothing to do.
    moved_ns: u64,
    asked: bool,
}

impl TextReader {
    pub fn new(roots: &Roots) -> TextReader {
        TextReader {
            shared: Arc::new(Shared {
                desk: Mutex::default(),
                wake: Condvar::new(),
                done: Condvar::new(),
                finished: AtomicU64::new(0),
                roots: roots.clone(),
            }),
            readers: 0,
            stuck: 0,
            last_finished: 0,
            ticks_without: 0,
            moved_ns: 0,
            asked: false,
        }
    }

    /// Asks for something; read once [`TextReader::wake`] is called.
    pub fn ask(&mut self, job: Job, key: Key) {
        let mut desk = self.desk();
        if desk.jobs.len() >= MOST_JOBS {
            desk.jobs.drain(..MOST_JOBS / 2);
        }
        desk.jobs.push((job, key));
        drop(desk);
        self.asked = true;
    }

    /// Takes what has come.
    pub fn collect(&mut self, mut take: impl FnMut(Answer)) {
        let answers = std::mem::take(&mut self.desk().answers);
        answers.into_iter().for_each(&mut take);
    }

    /// Lets the readers begin, and replaces one that is stuck. Wants the time of the tick.
    pub fn wake(&mut self, now_ns: u64) {
        let waiting = !self.desk().jobs.is_empty();
        let finished = self.shared.finished.load(Ordering::Relaxed);
        let moved = finished != self.last_finished;
        self.last_finished = finished;
        if moved || !waiting {
            (self.ticks_without, self.moved_ns) = (0, now_ns);
        } else {
            self.ticks_without += 1;
        }
        if moved {
            self.stuck = 0;
        }
        let still_ns = now_ns.saturating_sub(self.moved_ns);
        let stuck = self.ticks_without > STUCK_TICKS && still_ns > STUCK_NS;
        if waiting && (self.readers == 0 || stuck) && self.readers < MOST {
            self.stuck = self.readers;
            (self.ticks_without, self.moved_ns) = (0, now_ns);
            let shared = Arc::clone(&self.shared);
            let started = std::thread::Builder::new()
                .name("texts".to_owned())
                // The name service runs plugins of its own (sssd, ldap) on this stack.
                .stack_size(1024 * 1024)
                .spawn(move || shared.serve());
            self.readers += usize::from(started.is_ok());
        }
        if std::mem::take(&mut self.asked) {
            self.shared.wake.notify_one();
        }
    }

    /// Waits until the readers have nothing left to do, or are taken for stuck.
    pub fn finish(&self) {
        let mut desk = self.desk();
        while self.readers > 0 && (desk.busy > 0 || !desk.jobs.is_empty()) {
            let Ok((back, waited)) = self.shared.done.wait_timeout(desk, PATIENCE) else { return };
            if waited.timed_out() {
                return;
            }
            desk = back;
        }
    }

    /// Says so if command lines have stopped coming.
    pub fn problem(&self) -> Option<Problem> {
        (self.stuck > 0 && self.ticks_without > 0).then(|| {
            Problem::failing(format!(
                "{} of {MOST} readers wait for a process that does not let its command line be read",
                self.stuck
            ))
            .hint("such a process is short of memory or stuck in the kernel (state D)")
        })
    }

    fn desk(&self) -> std::sync::MutexGuard<'_, Desk> {
        self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TextReader {
    fn drop(&mut self) {
        self.desk().closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn serve(&self) {
        let Ok(listing) = Listing::open(&self.roots.proc) else { return };
        let mut library = Library::new(&self.roots);
        let mut buffer = vec![0; LONGEST];
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if desk.closed {
                return;
            }
            let Some((job, key)) = desk.jobs.pop() else {
                self.done.notify_all();
                let waited = self.wake.wait_timeout(desk, IDLE);
                desk = waited.map_or_else(|error| error.into_inner().0, |(desk, _)| desk);
                continue;
            };
            desk.busy += 1;
            drop(desk);
            let answer = library.read(job, key, &listing, &mut buffer);
            self.finished.fetch_add(1, Ordering::Relaxed);
            desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
            desk.busy -= 1;
            desk.answers.extend(answer);
        }
    }
}

/// Texts that many processes share are kept once.
struct Library {
    users: Users,
    cgroups: HashMap<Vec<u8>, (Text, Option<Text>)>,
}

impl Library {
    fn new(roots: &Roots) -> Library {
        Library { users: Users::new(roots), cgroups: HashMap::new() }
    }

    fn read(&mut self, job: Job, key: Key, listing: &Listing, buffer: &mut [u8]) -> Option<Answer> {
        let pid = u32::try_from(key.0).ok()?;
        match job {
            Job::Proportional => {
                let len = listing.read_at(pid, c"smaps_rollup", buffer).ok()?;
                let proportional = Some(detail::proportional(buffer.get(..len)?));
                Some(Answer { key, texts: None, proportional })
            }
            Job::Texts => {
                let mut found = Found::default();
                if let Ok(len) = listing.read_at(pid, c"cmdline", buffer) {
                    found.command = command(buffer.get(..len)?);
                }
                if let Ok(len) = listing.read_at(pid, c"status", buffer) {
                    // The folder's owner is root for a process that is not dumpable; the line of
                    // `status` tells the truth.
                    found.user_id = effective_user(buffer.get(..len)?);
                    found.user = found.user_id.map(|id| self.users.name(id));
                }
                if let Ok(len) = listing.read_at(pid, c"cgroup", buffer)
                    && let Some(path) = unified(buffer.get(..len)?)
                {
                    let (cgroup, container) = self.cgroup(path);
                    (found.cgroup, found.container) = (Some(cgroup), container);
                }
                Some(Answer { key, texts: Some(found), proportional: None })
            }
        }
    }

    fn cgroup(&mut self, path: &[u8]) -> (Text, Option<Text>) {
        if let Some(known) = self.cgroups.get(path) {
            return known.clone();
        }
        if self.cgroups.len() > 10_000 {
            self.cgroups.clear();
        }
        let text = Text::new(path);
        let known = (text.clone(), container::of(text.shown()).map(Text::from));
        self.cgroups.insert(path.to_vec(), known.clone());
        known
    }
}

/// Arguments joined by blanks; `None` for kernel threads and zombies, which have none.
fn command(bytes: &[u8]) -> Option<Text> {
    let end = bytes.iter().rposition(|&byte| byte != 0)? + 1;
    let line: Vec<u8> = bytes[..end].iter().map(|&b| if b == 0 { b' ' } else { b }).collect();
    Some(Text::new(&line))
}

/// The effective user: second number of the `Uid:` line.
fn effective_user(status: &[u8]) -> Option<u32> {
    let line = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    std::str::from_utf8(line).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The path of the version 2 hierarchy; on a machine with version 1 only, that of the first
/// hierarchy which names more than the root.
fn unified(text: &[u8]) -> Option<&[u8]> {
    let lines = || text.split(|&byte| byte == b'\n');
    let version_2 = lines().find_map(|line| line.strip_prefix(b"0::"));
    let version_1 = || {
        let path = |line: &'_ [u8]| line.splitn(3, |&byte| byte == b':').nth(2).map(<[u8]>::len);
        lines()
            .filter(|line| path(line).is_some_and(|len| len > 1))
            .find_map(|line| line.splitn(3, |&byte| byte == b':').nth(2))
    };
    match version_2 {
        Some(b"/") | None => version_1().or(version_2),
        found => found,
    }
}

/// Every parser of this file, for the fuzzer.
pub fn fuzz(bytes: &[u8]) {
    let _ = (command(bytes), effective_user(bytes));
    if let Some(path) = unified(bytes) {
        let _ = container::of(Text::new(path).shown());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let shown = |bytes: &[u8]| command(bytes).map(|text| text.shown().to_owned());
        assert_eq!(shown(b"/bin/sh\0-c\0echo a\0"), Some("/bin/sh -c echo a".to_owned()));
        assert_eq!(shown(b"postgres: writer   \0\0\0"), Some("postgres: writer   ".to_owned()));
        assert_eq!(shown(b""), None);
        assert_eq!(shown(b"\0\0"), None);
        assert_eq!(shown(b"a\x1b[2J\0\xff"), Some("a?[2J ?".to_owned()));
    }

    #[test]
    fn questions_that_nobody_takes_do_not_pile_up() {
        let mut reader = TextReader::new(&Roots::real());
        for pid in 0..=MOST_JOBS as u64 {
            reader.ask(Job::Texts, Key(pid, 0));
        }
        let desk = reader.desk();
        assert_eq!(desk.jobs.len(), MOST_JOBS / 2 + 1);
        assert_eq!(desk.jobs.last(), Some(&(Job::Texts, Key(MOST_JOBS as u64, 0))));
    }

    #[test]
    fn users_and_groups() {
        assert_eq!(effective_user(b"Name:\tx\nUid:\t1000\t0\t0\t0\n"), Some(0));
        assert_eq!(effective_user(b"Name:\tx\n"), None);
        assert_eq!(unified(b"0::/user.slice/a\n"), Some(&b"/user.slice/a"[..]));
        assert_eq!(unified(b"4:memory:/docker/x\n3:cpu:/\n0::/\n"), Some(&b"/docker/x"[..]));
        assert_eq!(unified(b"2:cpu:/\n0::/\n"), Some(&b"/"[..]));
        assert_eq!(unified(b""), None);
    }
}
