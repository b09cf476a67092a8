//! Priorities and CPUs of processes, bound to the process and not to its number.
//!
//! The kernel knows these of each thread by itself. What is changed here is changed for all threads
//! of the process, those included that begin meanwhile: to a person the process is one thing.

use std::io::{Error, ErrorKind};

use retop_model::Key;

/// Why a priority or a set of CPUs was not told or not changed.
#[derive(Debug)]
pub enum ScheduleError {
    /// The process has ended; its number may belong to another one by now.
    Gone,
    /// The process belongs to somebody else.
    Foreign,
    /// A lower nice value than the limit of the user allows.
    Raised,
    /// The real-time class of I/O is for the privileged.
    RealTime,
    /// No CPU is left, or the kernel has bound the thread to its own.
    NoCpu,
    /// The system has no such thing.
    NotHere(&'static str),
    /// The kernel said something else.
    Other(std::io::Error),
}

impl std::fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ScheduleError::Gone => "the process has ended",
            ScheduleError::Foreign if cfg!(target_os = "linux") => {
                "not permitted: the process belongs to another user; it takes CAP_SYS_NICE"
            }
            ScheduleError::Foreign => {
                "not permitted: the process belongs to another user; try as root"
            }
            ScheduleError::Raised if cfg!(target_os = "linux") => {
                "not permitted: a lower nice value takes CAP_SYS_NICE, or a higher limit (ulimit -e)"
            }
            ScheduleError::Raised => "not permitted: a lower nice value takes root",
            // CAP_SYS_ADMIN alone before Linux 5.14.
            ScheduleError::RealTime => "not permitted: the real-time class takes CAP_SYS_NICE",
            ScheduleError::NoCpu => {
                "refused: no CPU that it may use would be left, or the kernel has bound it to its own"
            }
            ScheduleError::NotHere(reason) => reason,
            ScheduleError::Other(error) => return write!(f, "{error}"),
        })
    }
}

impl std::error::Error for ScheduleError {}

impl From<Error> for ScheduleError {
    fn from(error: Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ESRCH | libc::ENOENT) => ScheduleError::Gone,
            Some(libc::EPERM) => ScheduleError::Foreign,
            _ if error.kind() == ErrorKind::NotFound => ScheduleError::Gone,
            _ if error.kind() == ErrorKind::PermissionDenied => ScheduleError::Foreign,
            _ => ScheduleError::Other(error),
        }
    }
}

/// A class of the disk schedulers with its level. The schedulers `bfq` and `mq-deadline` heed it,
/// others do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoPriority {
    /// None was set: the kernel makes one of the nice value.
    #[default]
    None,
    /// Before all others; 0 is the first, 7 the last.
    RealTime(u8),
    /// In turn with others; 0 has most of it, 7 least.
    BestEffort(u8),
    /// When nobody else wants the disk.
    Idle,
}

/// Levels within a class.
pub const IO_LEVELS: u8 = 8;

impl std::fmt::Display for IoPriority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            IoPriority::None => f.write_str("none"),
            IoPriority::RealTime(level) => write!(f, "real-time {level}"),
            IoPriority::BestEffort(level) => write!(f, "best-effort {level}"),
            IoPriority::Idle => f.write_str("idle"),
        }
    }
}

/// Some CPUs, by number.
#[derive(Clone, Debug, Default)]
pub struct CpuSet(Vec<u64>);

impl CpuSet {
    /// The CPUs whose bits are set, the first in the lowest bit of the first word.
    #[must_use]
    pub fn from_words(words: &[u64]) -> CpuSet {
        CpuSet(words.to_vec())
    }

    /// The words, as [`CpuSet::from_words`] takes them.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.0
    }

    /// True if that CPU is one of them.
    #[must_use]
    pub fn contains(&self, cpu: u32) -> bool {
        self.0.get(cpu as usize / 64).is_some_and(|word| word >> (cpu % 64) & 1 != 0)
    }

    /// Adds a CPU, or takes it out. Numbers beyond the kernel's largest are no CPUs.
    pub fn set(&mut self, cpu: u32, member: bool) {
        let place = cpu as usize / 64;
        if cpu >= MOST_CPUS || (!member && place >= self.0.len()) {
            return;
        }
        if place >= self.0.len() {
            self.0.resize(place + 1, 0);
        }
        let bit = 1 << (cpu % 64);
        if member {
            self.0[place] |= bit;
        } else {
            self.0[place] &= !bit;
        }
    }

    /// Their numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).step_by(64).zip(&self.0).flat_map(|(first, &word)| {
            (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| first + bit)
        })
    }

    /// True without a CPU.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// Those of either.
    #[must_use]
    pub fn union(&self, other: &CpuSet) -> CpuSet {
        self.zip(other, |a, b| a | b)
    }

    /// Those of both.
    #[must_use]
    pub fn intersection(&self, other: &CpuSet) -> CpuSet {
        self.zip(other, |a, b| a & b)
    }

    /// Those of this one that are not of the other.
    #[must_use]
    pub fn without(&self, other: &CpuSet) -> CpuSet {
        self.zip(other, |a, b| a & !b)
    }

    fn zip(&self, other: &CpuSet, join: impl Fn(u64, u64) -> u64) -> CpuSet {
        let word = |set: &CpuSet, place: usize| set.0.get(place).copied().unwrap_or(0);
        let words = 0..self.0.len().max(other.0.len());
        CpuSet(words.map(|place| join(word(self, place), word(other, place))).collect())
    }
}

impl PartialEq for CpuSet {
    fn eq(&self, other: &CpuSet) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for CpuSet {}

impl FromIterator<u32> for CpuSet {
    fn from_iter<I: IntoIterator<Item = u32>>(cpus: I) -> CpuSet {
        let mut set = CpuSet::default();
        cpus.into_iter().for_each(|cpu| set.set(cpu, true));
        set
    }
}

/// As the kernel writes lists: `0-3,6`.
impl std::fmt::Display for CpuSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut cpus = self.iter().peekable();
        let mut comma = "";
        while let Some(first) = cpus.next() {
            let mut last = first;
            while let Some(next) = cpus.next_if(|&next| next == last + 1) {
                last = next;
            }
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
            comma = ",";
        }
        Ok(())
    }
}

/// No kernel is built for more.
const MOST_CPUS: u32 = 8192;

/// The online CPUs that the threads of a process may run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affinity {
    /// Those of some thread.
    pub any: CpuSet,
    /// Those of all threads.
    pub all: CpuSet,
}

/// Moves the nice value of each thread by that much, as far as it goes; gives the first thread's
/// new one. Threads that differ go on to differ.
///
/// # Errors
///
/// [`ScheduleError`]; other threads may have been changed.
pub fn step_nice(key: Key, by: i32) -> Result<i32, ScheduleError> {
    platform::step_nice(key, by)
}

/// The I/O priority of the first thread.
///
/// # Errors
///
/// [`ScheduleError`].
pub fn io_priority(key: Key) -> Result<IoPriority, ScheduleError> {
    platform::io_priority(key)
}

/// Gives all threads that I/O priority.
///
/// # Errors
///
/// [`ScheduleError`]; other threads may have been changed.
pub fn set_io_priority(key: Key, priority: IoPriority) -> Result<(), ScheduleError> {
    platform::set_io_priority(key, priority)
}

/// The CPUs that the process may run on.
///
/// # Errors
///
/// [`ScheduleError`].
pub fn affinity(key: Key) -> Result<Affinity, ScheduleError> {
    platform::affinity(key)
}

/// Lets all threads run on the CPUs of `allow`, and none on those of `forbid`. Where each stands
/// with the others is left as it is.
///
/// # Errors
///
/// [`ScheduleError`]; other threads may have been changed.
pub fn set_affinity(key: Key, allow: &CpuSet, forbid: &CpuSet) -> Result<(), ScheduleError> {
    platform::set_affinity(key, allow, forbid)
}

#[cfg(target_os = "linux")]
use crate::linux::schedule as platform;

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::{Affinity, CpuSet, IoPriority, Key, ScheduleError};

    /// `setiopolicy_np` is for the process that calls it.
    const OWN_IO: &str = "this system lets a process set its own I/O priority alone";
    /// The one thing like it, `THREAD_AFFINITY_POLICY`, is a hint of a thread's own, and not on Apple's
    /// chips.
    const NO_AFFINITY: &str = "this system binds no process to CPUs";

    #[cfg(target_os = "macos")]
    pub fn step_nice(key: Key, by: i32) -> Result<i32, ScheduleError> {
        use crate::apple::control;
        control::step_nice(control::libraries()?, key, by)
    }

    #[cfg(not(target_os = "macos"))]
    pub fn step_nice(_: Key, _: i32) -> Result<i32, ScheduleError> {
        Err(ScheduleError::NotHere("retop sets no nice values on this system yet"))
    }

    pub fn io_priority(_: Key) -> Result<IoPriority, ScheduleError> {
        Err(ScheduleError::NotHere(OWN_IO))
    }

    pub fn set_io_priority(_: Key, _: IoPriority) -> Result<(), ScheduleError> {
        Err(ScheduleError::NotHere(OWN_IO))
    }

    pub fn affinity(_: Key) -> Result<Affinity, ScheduleError> {
        Err(ScheduleError::NotHere(NO_AFFINITY))
    }

    pub fn set_affinity(_: Key, _: &CpuSet, _: &CpuSet) -> Result<(), ScheduleError> {
        Err(ScheduleError::NotHere(NO_AFFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sets_are_written_as_the_kernel_writes_lists() {
        let cases: &[(&[u32], &str)] = &[
            (&[], ""),
            (&[0], "0"),
            (&[0, 1, 2, 5], "0-2,5"),
            (&[63, 64, 127, 128, 8191], "63-64,127-128,8191"),
            (&[8192, u32::MAX], ""),
        ];
        for (cpus, want) in cases {
            assert_eq!(cpus.iter().copied().collect::<CpuSet>().to_string(), *want, "{cpus:?}");
        }
    }

    proptest! {
        #[test]
        fn a_set_holds_what_was_put_in(
            a: std::collections::BTreeSet<u16>,
            b: std::collections::BTreeSet<u16>,
        ) {
            let set = |cpus: &std::collections::BTreeSet<u16>| {
                cpus.iter().map(|&cpu| u32::from(cpu) % MOST_CPUS).collect::<CpuSet>()
            };
            let (x, y) = (set(&a), set(&b));
            for cpu in x.iter().chain(y.iter()).chain([0, 7, 8191]) {
                prop_assert_eq!(x.union(&y).contains(cpu), x.contains(cpu) || y.contains(cpu));
                prop_assert_eq!(x.intersection(&y).contains(cpu), x.contains(cpu) && y.contains(cpu));
                prop_assert_eq!(x.without(&y).contains(cpu), x.contains(cpu) && !y.contains(cpu));
            }
            prop_assert_eq!(&x.without(&x), &CpuSet::default());
            prop_assert!(x.without(&x).is_empty());
        }
    }
}
