//! Nice values, I/O priorities and CPUs of all threads of a process.

use std::collections::HashSet;
use std::io::{Error, ErrorKind};

use retop_model::Key;

use super::pinned::Pinned;
use crate::schedule::{Affinity, CpuSet, IO_LEVELS, IoPriority, ScheduleError};

/// Nice values that the kernel has.
const NICE: std::ops::RangeInclusive<i32> = -20..=19;

/// From the kernel's `ioprio.h`: a number stands for a thread, and the class stands above bit 13.
const IOPRIO_WHO_PROCESS: i32 = 1;
const CLASS_SHIFT: u32 = 13;

/// Bytes for the CPUs of the largest kernel.
const SET_WORDS: usize = 128;

/// Passes over the threads: one that begins meanwhile may have its values from one that was not
/// changed yet. A process that begins them faster than this is not waited for.
const PASSES: usize = 8;

pub fn step_nice(key: Key, by: i32) -> Result<i32, ScheduleError> {
    let pinned = Pinned::open(key)?;
    let stepped = |tid: i32| {
        let nice = (nice(tid)? + by).clamp(*NICE.start(), *NICE.end());
        set_nice(tid, nice)
    };
    let changed = each_thread(&pinned, stepped);
    changed.map_err(|error| match error.raw_os_error() {
        Some(libc::EACCES) => ScheduleError::Raised,
        _ => error.into(),
    })?;
    Ok(nice(pinned.pid)?)
}

pub fn io_priority(key: Key) -> Result<IoPriority, ScheduleError> {
    let pinned = Pinned::open(key)?;
    // SAFETY: ioprio_get takes integers only.
    let value = unsafe { libc::syscall(libc::SYS_ioprio_get, IOPRIO_WHO_PROCESS, pinned.pid) };
    if value < 0 {
        return Err(Error::last_os_error().into());
    }
    if !pinned.has_number() {
        return Err(ScheduleError::Gone);
    }
    let level = (value as u8) % IO_LEVELS;
    Ok(match value >> CLASS_SHIFT {
        1 => IoPriority::RealTime(level),
        2 => IoPriority::BestEffort(level),
        3 => IoPriority::Idle,
        _ => IoPriority::None,
    })
}

pub fn set_io_priority(key: Key, priority: IoPriority) -> Result<(), ScheduleError> {
    let (class, level) = match priority {
        IoPriority::None => (0, 0),
        IoPriority::RealTime(level) => (1, level),
        IoPriority::BestEffort(level) => (2, level),
        IoPriority::Idle => (3, 0),
    };
    let value = class << CLASS_SHIFT | i64::from(level);
    let pinned = Pinned::open(key)?;
    let changed = each_thread(&pinned, |tid| {
        // SAFETY: ioprio_set takes integers only.
        succeeded(unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, tid, value) })
    });
    changed.map_err(|error| match (error.raw_os_error(), priority) {
        (Some(libc::EPERM), IoPriority::RealTime(_)) => ScheduleError::RealTime,
        _ => error.into(),
    })
}

pub fn affinity(key: Key) -> Result<Affinity, ScheduleError> {
    let pinned = Pinned::open(key)?;
    let mut found: Option<Affinity> = None;
    each_thread(&pinned, |tid| {
        let cpus = cpus(tid)?;
        found = Some(match found.take() {
            None => Affinity { any: cpus.clone(), all: cpus },
            Some(so_far) => {
                Affinity { any: so_far.any.union(&cpus), all: so_far.all.intersection(&cpus) }
            }
        });
        Ok(())
    })?;
    found.ok_or(ScheduleError::Gone)
}

pub fn set_affinity(key: Key, allow: &CpuSet, forbid: &CpuSet) -> Result<(), ScheduleError> {
    let pinned = Pinned::open(key)?;
    let changed = each_thread(&pinned, |tid| {
        let wanted = cpus(tid)?.union(allow).without(forbid);
        let words = wanted.words();
        // SAFETY: the kernel reads as many bytes as it is told the words have.
        succeeded(unsafe {
            libc::syscall(
                libc::SYS_sched_setaffinity,
                tid,
                std::mem::size_of_val(words),
                words.as_ptr(),
            )
        })
    });
    changed.map_err(|error| match error.raw_os_error() {
        Some(libc::EINVAL) => ScheduleError::NoCpu,
        _ => error.into(),
    })
}

/// Does something to each thread of the process, to those too that begin meanwhile. The first
/// failure is told, after the others had their turn; a thread that has ended is none.
///
/// A thread's number could be given to another process between the look into the folder of tasks
/// and the call: the kernel gives numbers out in a circle, so that a whole round of them would have
/// to be used up in those microseconds.
fn each_thread(
    pinned: &Pinned,
    mut change: impl FnMut(i32) -> Result<(), Error>,
) -> Result<(), Error> {
    let tasks = format!("/proc/{}/task", pinned.pid);
    let mut done = HashSet::new();
    let mut failed = None;
    for _ in 0..PASSES {
        let mut news = false;
        for entry in std::fs::read_dir(&tasks)? {
            let Some(tid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if !done.insert(tid) || !std::fs::exists(format!("{tasks}/{tid}")).unwrap_or(false) {
                continue;
            }
            news = true;
            match change(tid) {
                Err(error) if error.raw_os_error() != Some(libc::ESRCH) => {
                    failed.get_or_insert(error);
                }
                _ => {}
            }
        }
        if !news {
            break;
        }
    }
    if !pinned.has_number() {
        return Err(ErrorKind::NotFound.into());
    }
    failed.map_or(Ok(()), Err)
}

fn succeeded(status: i64) -> Result<(), Error> {
    if status < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

fn nice(tid: i32) -> Result<i32, Error> {
    // The library's getpriority leaves errors to a guess; the kernel's own gives 20 less the value.
    // SAFETY: getpriority takes integers only.
    let value = unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, tid) };
    succeeded(value)?;
    Ok(20 - value as i32)
}

fn set_nice(tid: i32, nice: i32) -> Result<(), Error> {
    // SAFETY: setpriority takes integers only.
    succeeded(unsafe { libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS, tid, nice) })
}

fn cpus(tid: i32) -> Result<CpuSet, Error> {
    let mut words = [0_u64; SET_WORDS];
    // SAFETY: the kernel writes no more than the bytes that it is told there are.
    let bytes = unsafe {
        libc::syscall(
            libc::SYS_sched_getaffinity,
            tid,
            std::mem::size_of_val(&words),
            words.as_mut_ptr(),
        )
    };
    succeeded(bytes)?;
    let words = &words[..(bytes as usize / 8).min(SET_WORDS)];
    Ok(CpuSet::from_words(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Child;

    /// A process with threads of its own, which ends with the test.
    struct Subject(Child, Key);

    impl Subject {
        #[allow(clippy::disallowed_methods, reason = "a process to change")]
        fn new() -> Subject {
            let child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
            let pid = i32::try_from(child.id()).expect("pid");
            let start = crate::linux::start_ticks(pid).expect("alive");
            let key = Key(u64::from(child.id()), start);
            Subject(child, key)
        }

        fn status(&self, name: &str) -> String {
            let text =
                std::fs::read_to_string(format!("/proc/{}/status", self.1.0)).expect("alive");
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.trim_start_matches(':').trim().to_owned()
        }
    }

    impl Drop for Subject {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn is_privileged() -> bool {
        // SAFETY: geteuid takes nothing.
        unsafe { libc::geteuid() == 0 }
    }

    #[test]
    fn nice_values_move_and_end_where_the_kernel_ends_them() {
        let subject = Subject::new();
        let begin = nice(subject.1.0 as i32).expect("alive");
        assert_eq!(step_nice(subject.1, 1).expect("lowered"), begin + 1);
        assert_eq!(nice(subject.1.0 as i32).expect("alive"), begin + 1, "as the kernel has it");
        assert_eq!(step_nice(subject.1, 100).expect("lowered"), 19);
        match step_nice(subject.1, -1) {
            Ok(nice) => assert_eq!(nice, 18),
            Err(error) => {
                assert!(matches!(error, ScheduleError::Raised) && !is_privileged(), "{error}");
            }
        }
    }

    #[test]
    fn io_priorities_come_back() {
        let subject = Subject::new();
        let wanted = [IoPriority::BestEffort(6), IoPriority::Idle, IoPriority::BestEffort(0)];
        for priority in wanted {
            set_io_priority(subject.1, priority).expect("set");
            assert_eq!(io_priority(subject.1).expect("alive"), priority);
        }
        match set_io_priority(subject.1, IoPriority::RealTime(3)) {
            Ok(()) => assert_eq!(io_priority(subject.1).expect("alive"), IoPriority::RealTime(3)),
            Err(error) => assert!(matches!(error, ScheduleError::RealTime), "{error}"),
        }
        set_io_priority(subject.1, IoPriority::None).expect("set");
        let now = io_priority(subject.1).expect("alive");
        // Linux before 5.20 tells what the nice value comes to.
        assert!(matches!(now, IoPriority::None | IoPriority::BestEffort(4)), "{now}");
    }

    #[test]
    fn cpus_are_forbidden_and_allowed_again() {
        let subject = Subject::new();
        let begin = affinity(subject.1).expect("alive");
        assert_eq!(begin.any, begin.all, "one thread");
        let first: CpuSet = begin.all.iter().take(1).collect();
        let others = begin.all.without(&first);
        set_affinity(subject.1, &first, &others).expect("set");
        assert_eq!(affinity(subject.1).expect("alive").all, first);
        assert_eq!(subject.status("Cpus_allowed_list"), first.to_string());
        set_affinity(subject.1, &begin.all, &CpuSet::default()).expect("set");
        assert_eq!(affinity(subject.1).expect("alive"), begin);
        let none = set_affinity(subject.1, &CpuSet::default(), &begin.any);
        assert!(matches!(none, Err(ScheduleError::NoCpu)), "{none:?}");
    }

    /// The test's own threads, which end with it: a nice value that went up stays up.
    #[test]
    fn all_threads_are_meant_and_each_keeps_its_distance() {
        let pid = i32::try_from(std::process::id()).expect("pid");
        let start = crate::linux::start_ticks(pid).expect("alive");
        let pinned = Pinned::open(Key(u64::from(std::process::id()), start)).expect("alive");
        let (send, come) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || {
            // SAFETY: gettid takes nothing.
            send.send(unsafe { libc::syscall(libc::SYS_gettid) }).expect("awaited");
            let _ = ended.recv();
        });
        let tid = i32::try_from(come.recv().expect("a thread")).expect("tid");
        let mut seen = Vec::new();
        each_thread(&pinned, |tid| {
            seen.push(tid);
            Ok(())
        })
        .expect("alive");
        assert!(seen.contains(&pid) && seen.contains(&tid), "{seen:?}");
        let told = each_thread(&pinned, |tid_now| match tid_now == tid {
            true => Err(ErrorKind::PermissionDenied.into()),
            false => Err(Error::from_raw_os_error(libc::ESRCH)),
        });
        assert_eq!(told.expect_err("one failed").kind(), ErrorKind::PermissionDenied);
        drop(end);
        other.join().expect("no panic");
    }

    #[test]
    fn only_the_very_process_is_changed() {
        let subject = Subject::new();
        let other = Key(subject.1.0, subject.1.1 + 1);
        let before = nice(subject.1.0 as i32).expect("alive");
        assert!(matches!(step_nice(other, 1), Err(ScheduleError::Gone)));
        assert!(matches!(set_io_priority(other, IoPriority::Idle), Err(ScheduleError::Gone)));
        assert!(matches!(affinity(other), Err(ScheduleError::Gone)));
        let none = CpuSet::default();
        assert!(matches!(set_affinity(other, &none, &none), Err(ScheduleError::Gone)));
        assert_eq!(nice(subject.1.0 as i32).expect("alive"), before);
        let key = subject.1;
        drop(subject);
        assert!(matches!(step_nice(key, 1), Err(ScheduleError::Gone)));
        assert!(matches!(io_priority(key), Err(ScheduleError::Gone)));
    }
}
