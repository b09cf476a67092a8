//! A command that is watched while it runs: the one place where retop starts a program.
//!
//! Everything that the command starts is its tree. Who is not waited for by its parent is handed to
//! retop (`PR_SET_CHILD_SUBREAPER`) and waited for here, so that `wait4` tells of all of it, of
//! processes that lived for a millisecond as well: the usage of one that ended holds that of the
//! children that it waited for.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::time::Duration;

use super::perf::{self, Access, Begin, Follow, Group, System, Target, Whose};
use crate::child::{Counts, Exit, Usage};
use crate::roots::Roots;
use crate::source::Problem;

/// What a user sends to a command through its wrapper. Those that stop and continue keep their
/// meaning for both.
const FORWARDED: [libc::c_int; 6] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2];

/// `SI_KERNEL`: the terminal's signal has gone to the command already, which is in its foreground.
const FROM_KERNEL: i32 = 0x80;

/// Makes ready: to be called before anything is read, so that the command starts with the limits
/// and signals that retop was started with.
pub struct Launch {
    mask: libc::sigset_t,
    files: libc::rlimit,
    signals: OwnedFd,
}

/// A command that runs.
pub struct Running {
    pid: libc::pid_t,
    signals: OwnedFd,
    usage: Usage,
    exit: Option<Exit>,
    group: Result<Vec<Group<OwnedFd>>, Problem>,
    user_only: bool,
}

impl Launch {
    /// From now on signals are forwarded, and orphans come to retop.
    pub fn prepare() -> io::Result<Launch> {
        // SAFETY: zero bytes are a valid set and a valid limit; each call gets pointers to live
        // locals, and its status is looked at.
        unsafe {
            let mut files: libc::rlimit = std::mem::zeroed();
            check(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut files))?;
            check(libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))?;
            let mut wanted: libc::sigset_t = std::mem::zeroed();
            let mut mask: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut wanted);
            for signal in FORWARDED.into_iter().chain([libc::SIGCHLD]) {
                libc::sigaddset(&raw mut wanted, signal);
            }
            match libc::pthread_sigmask(libc::SIG_BLOCK, &raw const wanted, &raw mut mask) {
                0 => {}
                code => return Err(io::Error::from_raw_os_error(code)),
            }
            let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
            let signals = check(libc::signalfd(-1, &raw const wanted, flags))?;
            Ok(Launch { mask, files, signals: OwnedFd::from_raw_fd(signals) })
        }
    }

    /// Waits for a signal that would be forwarded, for so long at most.
    pub fn pause(&self, at_most: Duration) -> io::Result<Option<i32>> {
        let milliseconds = i32::try_from(at_most.as_millis()).unwrap_or(i32::MAX);
        ready(&self.signals, milliseconds)?;
        while let Some(signal) = next(&self.signals) {
            let number = i32::try_from(signal.ssi_signo).unwrap_or(0);
            if FORWARDED.contains(&number) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Becomes the command, which gets these variables too: whoever waits for retop then waits for
    /// it, and nothing of retop is left. Comes back only with an error.
    #[allow(
        clippy::disallowed_methods,
        reason = "`retop wait` becomes the command that it was asked to become"
    )]
    pub fn become_it(
        self,
        program: &OsStr,
        args: &[OsString],
        variables: &[(&str, &str)],
    ) -> io::Error {
        // SAFETY: the calls get pointers to live values, or plain integers.
        unsafe {
            libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const self.files);
            let none = std::ptr::null_mut();
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.mask, none);
        }
        let mut command = std::process::Command::new(program);
        command.args(args).envs(variables.iter().copied()).exec()
    }

    /// Starts the command with everything that retop was given.
    #[allow(
        clippy::disallowed_methods,
        reason = "`retop run` starts the command that it was asked to run, and nothing else does"
    )]
    pub fn start(self, program: &OsStr, args: &[OsString]) -> io::Result<Running> {
        let Launch { mask, files, signals } = self;
        let access = perf::probe(&mut System, &Roots::real());
        let user_only = access.as_ref().is_ok_and(|access| access.user_only);
        let group = access.and_then(|access| open(&access));
        let mut command = std::process::Command::new(program);
        command.args(args);
        // SAFETY: both calls may be made between fork and exec; they get copies of plain values.
        unsafe {
            command.pre_exec(move || {
                check(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const files))?;
                let none = std::ptr::null_mut();
                match libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask, none) {
                    0 => Ok(()),
                    code => Err(io::Error::from_raw_os_error(code)),
                }
            });
        }
        let child = command.spawn()?;
        let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
        Ok(Running { pid, signals, usage: Usage::default(), exit: None, group, user_only })
    }
}

impl Running {
    /// Waits until the command has ended, the time is over or a signal has come, which is handed on;
    /// the end of anything of its tree is a signal too.
    pub fn wait(&mut self, at_most: Duration) -> io::Result<Option<Exit>> {
        self.reap();
        if self.exit.is_none() {
            // Up: who waits for the rest of a millisecond without end never rests.
            let milliseconds = at_most.as_micros().div_ceil(1_000);
            ready(&self.signals, i32::try_from(milliseconds).unwrap_or(i32::MAX))?;
            self.forward();
            self.reap();
        }
        Ok(self.exit)
    }

    fn forward(&mut self) {
        while let Some(signal) = next(&self.signals) {
            let number = i32::try_from(signal.ssi_signo).unwrap_or(0);
            if FORWARDED.contains(&number) && signal.ssi_code != FROM_KERNEL {
                // SAFETY: kill takes integers. The command was not waited for yet, so that its
                // number is its own.
                unsafe { libc::kill(self.pid, number) };
            }
        }
    }

    /// Takes the usage of everybody who has ended.
    fn reap(&mut self) {
        loop {
            let mut status = 0;
            // SAFETY: zero bytes are a valid usage; both pointers are to live locals.
            let (pid, usage) = unsafe {
                let mut usage: libc::rusage = std::mem::zeroed();
                let pid = libc::wait4(-1, &raw mut status, libc::WNOHANG, &raw mut usage);
                (pid, usage)
            };
            if pid <= 0 {
                self.usage.unfinished = pid == 0;
                return;
            }
            add(&mut self.usage, &usage);
            if pid == self.pid {
                self.exit = Some(match libc::WIFSIGNALED(status) {
                    true => Exit::Signal(libc::WTERMSIG(status)),
                    false => Exit::Code(libc::WEXITSTATUS(status)),
                });
            }
        }
    }

    /// What all that have ended used.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Cycles and instructions of the tree so far.
    pub fn counts(&mut self) -> Result<Counts, Problem> {
        let groups = self.group.as_mut().map_err(|problem| problem.clone())?;
        let mut counts = Counts { user_only: self.user_only, ..Counts::default() };
        for group in groups {
            let read = group.step(&mut System);
            let step = read.map_err(|error| Problem::failing(format!("counters: {error}")))?;
            let Some([cycles, instructions, ..]) = step.scaled() else { continue };
            counts.cycles = counts.cycles.saturating_add(cycles.unwrap_or(0));
            counts.instructions = counts.instructions.saturating_add(instructions.unwrap_or(0));
        }
        match counts.cycles {
            0 => Err(Problem::failing("the counters counted nothing")),
            _ => Ok(counts),
        }
    }
}

/// Waits until a signal is there or the time is over.
fn ready(signals: &OwnedFd, milliseconds: i32) -> io::Result<()> {
    let mut ready = libc::pollfd { fd: signals.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one structure, live and writable.
    if unsafe { libc::poll(&raw mut ready, 1, milliseconds) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(())
}

/// Takes a signal that is there.
fn next(signals: &OwnedFd) -> Option<libc::signalfd_siginfo> {
    // SAFETY: zero bytes are a valid structure, and the read is at most as long as it.
    let (signal, len) = unsafe {
        let mut signal: libc::signalfd_siginfo = std::mem::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        let len = libc::read(signals.as_raw_fd(), (&raw mut signal).cast(), size);
        (signal, len)
    };
    (usize::try_from(len) == Ok(size_of::<libc::signalfd_siginfo>())).then_some(signal)
}

/// Groups of this thread that begin to count where something that it starts calls exec, and follow
/// whatever that one starts.
fn open(access: &Access) -> Result<Vec<Group<OwnedFd>>, Problem> {
    let target = Target {
        whose: Whose::Thread(0),
        user_only: access.user_only,
        follow: Follow::Processes,
        begin: Begin::AtExec,
    };
    let mut open = |pmu| Group::open(&mut System, pmu, target);
    let groups: io::Result<Vec<_>> = access.pmus.iter().map(&mut open).collect();
    groups.map_err(|error| perf::explain(&error, &Roots::real()))
}

fn add(sum: &mut Usage, more: &libc::rusage) {
    let microseconds = |time: libc::timeval| {
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        seconds.saturating_mul(1_000_000) + u64::try_from(time.tv_usec).unwrap_or(0)
    };
    let number = |value: libc::c_long| u64::try_from(value).unwrap_or(0);
    sum.processes += 1;
    sum.user_us += microseconds(more.ru_utime);
    sum.system_us += microseconds(more.ru_stime);
    // Blocks of 512 bytes, and memory in KiB.
    sum.read_bytes += number(more.ru_inblock).saturating_mul(512);
    sum.written_bytes += number(more.ru_oublock).saturating_mul(512);
    sum.peak_resident_bytes =
        sum.peak_resident_bytes.max(number(more.ru_maxrss).saturating_mul(1024));
    sum.voluntary_switches += number(more.ru_nvcsw);
    sum.involuntary_switches += number(more.ru_nivcsw);
    sum.minor_faults += number(more.ru_minflt);
    sum.major_faults += number(more.ru_majflt);
}

fn check(status: libc::c_int) -> io::Result<libc::c_int> {
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(status) }
}
