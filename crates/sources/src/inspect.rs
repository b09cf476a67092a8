//! One process from close by: its environment, open files, limits and memory map.
//!
//! These are no metrics. They are read when somebody looks at them, go to whoever asked, and to no
//! recording and no export: an environment carries passwords.
//!
//! Some of them take the memory lock of the process. One that is stuck for want of memory holds it,
//! and whoever reads waits with it. So questions are answered by threads of their own, and a thread
//! that is stuck is left behind for another.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use retop_model::{Clock, Key, Text};

use crate::roots::Roots;
use crate::source::Problem;

/// What can be asked of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The environment that it was started with.
    Environment,
    /// What it has open.
    Files,
    /// What it may use at most.
    Limits,
    /// What its memory holds.
    Maps,
}

impl Part {
    /// Every one of them.
    pub const ALL: [Part; 4] = [Part::Environment, Part::Files, Part::Limits, Part::Maps];
}

/// An answer.
#[derive(Debug)]
pub struct Inspection {
    /// Whose.
    pub key: Key,
    /// Which part.
    pub part: Part,
    /// When reading began, by the monotonic clock.
    pub begin_ns: u64,
    /// When it ended.
    pub end_ns: u64,
    /// What was found, or why not.
    pub found: Result<Found, Problem>,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Found {
    Environment(Environment),
    Files(Files),
    Limits(Vec<Limit>),
    Maps(Maps),
}

/// The environment that a process was started with; what it set since is in its own memory.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Names with their values, by name.
    pub variables: Vec<(Text, Text)>,
    /// There are more, or longer ones, than are kept.
    pub is_cut: bool,
}

/// What a process has open.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// By number.
    pub open: Vec<OpenFile>,
    /// How many there are; more than are listed, if there are very many.
    pub all: usize,
}

/// An open descriptor.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenFile {
    /// Its number.
    pub number: u32,
    /// What it is.
    pub kind: FileKind,
    /// Its path, the two ends of a connection, or what the kernel calls it.
    pub target: Text,
    /// Where the next read or write begins, of what has such a place.
    pub position: Option<u64>,
    /// How it was opened.
    pub access: Option<Access>,
}

/// What a descriptor is, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FileKind {
    File,
    Deleted,
    Device,
    Pipe,
    Socket,
    Memory,
    Kernel,
}

impl FileKind {
    /// A word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FileKind::File => "file",
            FileKind::Deleted => "deleted",
            FileKind::Device => "device",
            FileKind::Pipe => "pipe",
            FileKind::Socket => "socket",
            FileKind::Memory => "memory",
            FileKind::Kernel => "kernel",
        }
    }
}

/// How a descriptor was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Access {
    Read,
    Write,
    Both,
}

impl Access {
    /// In letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Access::Read => "r",
            Access::Write => "w",
            Access::Both => "rw",
        }
    }
}

/// What a process may use at most. `None` is without limit.
#[derive(Debug, PartialEq, Eq)]
pub struct Limit {
    /// Of what.
    pub name: Text,
    /// In which unit.
    pub unit: Text,
    /// Where it ends now.
    pub soft: Option<u64>,
    /// How far the process may raise that by itself.
    pub hard: Option<u64>,
}

/// What the memory of a process holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Maps {
    /// By kind, the largest first.
    pub kinds: Vec<(MapKind, Space)>,
    /// By name, the largest first: no more than are worth a look.
    pub largest: Vec<(MapKind, Text, Space)>,
    /// All together.
    pub all: Space,
    /// There is more than was read.
    pub is_cut: bool,
}

/// What a piece of memory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum MapKind {
    File,
    Heap,
    Stack,
    Anonymous,
    Shared,
    Kernel,
}

impl MapKind {
    /// Every kind.
    pub const ALL: [MapKind; 6] = [
        MapKind::File,
        MapKind::Heap,
        MapKind::Stack,
        MapKind::Anonymous,
        MapKind::Shared,
        MapKind::Kernel,
    ];

    /// A word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            MapKind::File => "file",
            MapKind::Heap => "heap",
            MapKind::Stack => "stack",
            MapKind::Anonymous => "anonymous",
            MapKind::Shared => "shared",
            MapKind::Kernel => "kernel",
        }
    }
}

/// Pieces of memory, and what they take. What the kernel does not tell is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Pieces.
    pub pieces: u64,
    /// Address space.
    pub virtual_bytes: u64,
    /// In memory.
    pub resident_bytes: Option<u64>,
    /// In memory, what is shared divided among those who share it.
    pub proportional_bytes: Option<u64>,
    /// In swap.
    pub swap_bytes: Option<u64>,
}

/// Readers at most: as many processes may be stuck before nothing is answered any more.
const MOST: usize = 5;

/// A reader without a question ends after this.
const IDLE: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Desk {
    /// The newest question; who asks another one has no use for the one before.
    question: Option<(u64, Key, Part)>,
    asked: u64,
    answer: Option<Arc<Inspection>>,
    /// The question that the newest answer is to.
    answered: u64,
    readers: usize,
    idle: usize,
    closed: bool,
}

struct Shared {
    desk: Mutex<Desk>,
    wake: Condvar,
    roots: Roots,
    clock: Arc<dyn Clock>,
    done: Box<dyn Fn() + Send + Sync>,
}

/// Answers questions about single processes. Whoever asks never waits.
pub struct Inspector(Arc<Shared>);

impl Inspector {
    /// Looks into processes of the machine under `roots`. `done` is called by the reader's thread
    /// when an answer is there, and must not wait.
    #[must_use]
    pub fn new(
        roots: &Roots,
        clock: Arc<dyn Clock>,
        done: Box<dyn Fn() + Send + Sync>,
    ) -> Inspector {
        let (desk, wake, roots) = (Mutex::default(), Condvar::new(), roots.clone());
        Inspector(Arc::new(Shared { desk, wake, roots, clock, done }))
    }

    /// Asks; a question that nobody has taken yet is forgotten for this one.
    pub fn ask(&self, key: Key, part: Part) {
        let mut desk = self.0.desk();
        desk.asked += 1;
        desk.question = Some((desk.asked, key, part));
        if desk.idle == 0 && desk.readers < MOST {
            let shared = Arc::clone(&self.0);
            let started = std::thread::Builder::new()
                .name("inspect".to_owned())
                .stack_size(256 * 1024)
                .spawn(move || shared.serve());
            desk.readers += usize::from(started.is_ok());
        }
        drop(desk);
        self.0.wake.notify_one();
    }

    /// The newest answer, once: nothing of it stays here. One that was overtaken by the answer to a
    /// later question never shows.
    #[must_use]
    pub fn answer(&self) -> Option<Arc<Inspection>> {
        self.0.desk().answer.take()
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        self.0.desk().closed = true;
        self.0.wake.notify_all();
    }
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let mut desk = self.desk();
        while !desk.closed {
            let Some((number, key, part)) = desk.question.take() else {
                desk.idle += 1;
                let waited = self.wake.wait_timeout(desk, IDLE);
                let (back, waited) = waited.unwrap_or_else(PoisonError::into_inner);
                desk = back;
                desk.idle -= 1;
                if waited.timed_out() && desk.question.is_none() {
                    break;
                }
                continue;
            };
            drop(desk);
            let begin_ns = self.clock.monotonic_ns();
            let found = inspect(&self.roots, key, part);
            let end_ns = self.clock.monotonic_ns();
            desk = self.desk();
            if number > desk.answered && !desk.closed {
                desk.answered = number;
                desk.answer = Some(Arc::new(Inspection { key, part, begin_ns, end_ns, found }));
                drop(desk);
                (self.done)();
                desk = self.desk();
            }
        }
        desk.readers -= 1;
    }
}

/// Reads a part of a process at once. May wait for as long as the process is stuck.
///
/// # Errors
///
/// What is missing, why, and what would help.
pub fn inspect(roots: &Roots, key: Key, part: Part) -> Result<Found, Problem> {
    platform::inspect(roots, key, part)
}

#[cfg(target_os = "linux")]
use crate::linux::inspect as platform;

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::{Found, Key, Part, Problem, Roots};

    pub fn inspect(_: &Roots, _: Key, _: Part) -> Result<Found, Problem> {
        Err(Problem::absent("retop reads this part of a process on Linux alone so far"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retop_model::Stamp;
    use std::sync::mpsc;

    struct Still;

    impl Clock for Still {
        fn monotonic_ns(&self) -> u64 {
            7
        }

        fn now(&self) -> Stamp {
            Stamp { wall_ms: 0, monotonic_ns: 7, boottime_ns: 7 }
        }
    }

    fn inspector(roots: &Roots) -> (Inspector, mpsc::Receiver<()>) {
        let (send, come) = mpsc::channel();
        let done = Box::new(move || {
            let _ = send.send(());
        });
        (Inspector::new(roots, Arc::new(Still), done), come)
    }

    #[test]
    fn the_last_question_is_answered_and_nobody_waits() {
        let (inspector, come) = inspector(&Roots::real());
        assert!(inspector.answer().is_none());
        inspector.ask(Key(u64::MAX, 0), Part::Limits);
        come.recv().expect("an answer");
        let answer = inspector.answer().expect("an answer");
        assert_eq!((answer.key, answer.part), (Key(u64::MAX, 0), Part::Limits));
        assert_eq!((answer.begin_ns, answer.end_ns), (7, 7));
        assert!(answer.found.as_ref().expect_err("nobody").reason.contains("ended"));
        // Asked at once, the first may be passed over; the second never.
        inspector.ask(Key(u64::MAX - 1, 0), Part::Files);
        inspector.ask(Key(u64::MAX - 2, 0), Part::Maps);
        while inspector.answer().is_none_or(|answer| answer.part != Part::Maps) {
            come.recv().expect("an answer");
        }
        assert!(inspector.answer().is_none(), "each is given once");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_is_stuck_is_left_behind() {
        let scratch = retop_fake_machine::Scratch::new();
        let roots = Roots::below(scratch.path());
        let tree = scratch.tree();
        let start = 200;
        for pid in [10_u32, 11] {
            let line = format!("{pid} (x) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 {start} 0 0\n");
            tree.file(&format!("proc/{pid}/stat"), line).expect("written");
        }
        // Opening a pipe that nobody writes to waits, as reading a stuck process does.
        let pipe = scratch.path().join("proc/10/environ");
        let name = std::ffi::CString::new(pipe.to_str().expect("UTF-8")).expect("no NUL");
        // SAFETY: the path is a valid C string.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        tree.file("proc/11/environ", "A=1\0").expect("written");
        let (inspector, come) = inspector(&roots);
        inspector.ask(Key(10, start), Part::Environment);
        while inspector.0.desk().question.is_some() {
            std::thread::yield_now();
        }
        inspector.ask(Key(11, start), Part::Environment);
        come.recv().expect("the second is answered");
        let answer = inspector.answer().expect("an answer");
        assert_eq!(answer.key.0, 11);
        assert!(
            matches!(&answer.found, Ok(Found::Environment(found)) if found.variables.len() == 1)
        );
        // The first comes free, and its answer comes too late for anybody.
        drop(std::fs::File::options().write(true).open(&pipe).expect("a reader waits"));
        while inspector.0.desk().idle < 2 {
            std::thread::yield_now();
        }
        assert!(inspector.answer().is_none(), "nobody waits for it");
    }
}
