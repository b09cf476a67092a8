//! Hardware counters by `perf_event_open`: what the processors did, by thread and by CPU.
//!
//! Cycles, instructions, last-level cache and branches are opened as one group, so that a ratio of
//! two of them is over the same time. A group follows one thread (opening 4 events takes 80 µs,
//! reading them 1.7 µs), and the threads that it starts later; the threads that are there already
//! have a group each. So counters are attached to the processes that somebody looks at and to the
//! busiest, never to all at once.

mod attach;
mod call;
mod energy;
mod group;
mod machine;
mod pmu;
#[cfg(test)]
mod scripted;

use std::io;

use crate::roots::Roots;
use crate::source::Problem;

pub use self::attach::{Attached, Candidate};
pub use self::call::System;
pub use self::energy::Energy;
pub use self::group::Group;
pub use self::machine::Machine;
pub use self::pmu::{CYCLES, EVENTS, Pmu, Spec};

/// Opens and reads groups: the kernel, or a script of one in tests.
pub trait Kernel {
    /// An open event. Dropping it closes it.
    type Counter;

    /// Opens an event, in the group of `leader` if there is one.
    fn open(
        &mut self,
        target: Target,
        event: Spec,
        leader: Option<&Self::Counter>,
    ) -> io::Result<Self::Counter>;

    /// Reads a group: the number of its events, time enabled, time running, then each value in the
    /// order of opening. Gives how many words there are.
    fn read(&mut self, leader: &Self::Counter, words: &mut [u64; WORDS]) -> io::Result<usize>;
}

/// Words that a read gives at most.
pub const WORDS: usize = 3 + EVENTS;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub whose: Whose,
    /// Not the kernel's own work: all that an ordinary user may see.
    pub user_only: bool,
    pub follow: Follow,
    pub begin: Begin,
}

/// When a group begins to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    Now,
    /// Where the thread, or one that it follows, calls exec.
    AtExec,
}

/// Whose work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// That of a thread, on whatever CPU; 0 is the one that asks.
    Thread(i32),
    /// That of everybody on a CPU.
    Cpu(i32),
}

/// Whom a group counts beside the thread that it was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Nobody.
    Nobody,
    /// Threads that it starts later (Linux 5.13).
    Threads,
    /// Those and the processes that it starts later.
    Processes,
}

/// What the kernel allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The cores' units.
    pub pmus: Vec<Pmu>,
    pub user_only: bool,
    pub follow: Follow,
}

/// Asks for counters of this very thread: what holds for it holds for all of this user's.
pub fn probe<K: Kernel>(kernel: &mut K, roots: &Roots) -> Result<Access, Problem> {
    let pmus = pmu::cores(&roots.sys);
    let event = pmus.iter().find_map(|pmu| pmu.events[CYCLES]).unwrap_or(Spec::cycles());
    let mut attempt = |user_only, follow| {
        let target = Target { whose: Whose::Thread(0), user_only, follow, begin: Begin::Now };
        kernel.open(target, event, None).map(drop)
    };
    let mut user_only = false;
    let mut opened = attempt(user_only, Follow::Nobody);
    if opened.as_ref().is_err_and(is_refusal) {
        user_only = true;
        opened = attempt(user_only, Follow::Nobody);
    }
    opened.map_err(|error| explain(&error, roots))?;
    // Before 5.13 a group could not follow threads without following processes as well.
    let follow = match attempt(user_only, Follow::Threads) {
        Ok(()) => Follow::Threads,
        Err(_) => Follow::Nobody,
    };
    Ok(Access { pmus, user_only, follow })
}

pub fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM))
}

/// Why this user may not count anything, and what would help.
pub fn explain(error: &io::Error, roots: &Roots) -> Problem {
    let setcap = "sudo setcap cap_perfmon+ep $(command -v retop), or run as root";
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO | libc::EOPNOTSUPP) => {
            match super::virtualization::hypervisor_of(roots) {
                Some(name) => Problem::absent(format!("this virtual machine ({name}) has no PMU"))
                    .hint(
                        "its host can give it one: a virtual PMU in the machine's settings, \
                         -cpu host for QEMU",
                    ),
                None => Problem::absent("the kernel knows no PMU of this processor"),
            }
        }
        Some(libc::EACCES | libc::EPERM) => {
            match super::sysfs::attribute_i64(&roots.proc.join("sys/kernel"), "perf_event_paranoid")
            {
                Some(level) if level > 2 => Problem::denied(format!(
                    "perf_event_paranoid is {level}; counters of one's own processes need <= 2, \
                     those of the kernel's work <= 1, or CAP_PERFMON"
                ))
                .hint(format!("{setcap}; or sudo sysctl kernel.perf_event_paranoid=1")),
                _ => Problem::denied("perf_event_open is refused").hint(
                    "a container's seccomp profile or a security module forbids it: allow \
                     perf_event_open, or run outside",
                ),
            }
        }
        Some(libc::ENOSYS) => Problem::absent("the kernel was built without CONFIG_PERF_EVENTS"),
        Some(libc::EBUSY) => Problem::failing("another program holds the PMU for itself"),
        Some(libc::EMFILE | libc::ENFILE) => {
            Problem::failing("no file descriptor is left for counters")
                .hint("raise the hard limit: ulimit -Hn, or LimitNOFILE= in the unit")
        }
        _ => Problem::failing(format!("perf_event_open: {error}")),
    }
}

#[cfg(test)]
pub mod tests;
