//! Signals to processes, bound to the process and not to its number.

use retop_model::Key;

/// Why a signal was not sent.
#[derive(Debug)]
pub enum SignalError {
    /// The process has ended; its number may belong to another one by now.
    Gone,
    /// The process belongs to somebody else.
    Denied,
    /// The kernel said something else.
    Other(std::io::Error),
}

impl std::fmt::Display for SignalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SignalError::Gone => f.write_str("the process has ended"),
            SignalError::Denied => {
                f.write_str("not permitted: the process belongs to another user; try as root")
            }
            SignalError::Other(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for SignalError {}

impl From<std::io::Error> for SignalError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => SignalError::Denied,
            std::io::ErrorKind::NotFound => SignalError::Gone,
            _ if error.raw_os_error() == Some(libc::ESRCH) => SignalError::Gone,
            _ => SignalError::Other(error),
        }
    }
}

/// Sends a signal to the process with this key (pid and start time) on this very machine.
///
/// On Linux it goes through a pidfd: a number that changes hands in between cannot be hit. On a Mac the
/// start time is compared right before.
///
/// # Errors
///
/// [`SignalError`].
pub fn send_signal(key: Key, signal: i32) -> Result<(), SignalError> {
    send(key, signal)
}

/// A signal of this system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalName {
    /// Its number.
    pub number: i32,
    /// Its name without `SIG`.
    pub name: String,
    /// What it does to a program that does not mind it, or what it is for.
    pub help: &'static str,
}

/// Every signal of this system, by number. Numbers differ between systems and processors.
#[must_use]
pub fn signals() -> Vec<SignalName> {
    let named = |&(number, name, help): &(i32, &str, &'static str)| SignalName {
        number,
        name: name.to_owned(),
        help,
    };
    let mut all: Vec<SignalName> = NAMED.iter().chain(OF_PLATFORM).map(named).collect();
    all.extend(real_time());
    all.sort_by_key(|signal| signal.number);
    all
}

const NAMED: &[(i32, &str, &str)] = &[
    (libc::SIGHUP, "HUP", "its terminal is gone; daemons reload"),
    (libc::SIGINT, "INT", "as Ctrl-C does"),
    (libc::SIGQUIT, "QUIT", "ends it with a core dump"),
    (libc::SIGILL, "ILL", "as an illegal instruction does"),
    (libc::SIGTRAP, "TRAP", "as a breakpoint does"),
    (libc::SIGABRT, "ABRT", "as a failed assertion does, with a core dump"),
    (libc::SIGBUS, "BUS", "as a bad memory access does"),
    (libc::SIGFPE, "FPE", "as a division by zero does"),
    (libc::SIGKILL, "KILL", "ends it at once, nothing is saved"),
    (libc::SIGUSR1, "USR1", "its own meaning; ends it by default"),
    (libc::SIGSEGV, "SEGV", "as a memory fault does, with a core dump"),
    (libc::SIGUSR2, "USR2", "its own meaning; ends it by default"),
    (libc::SIGPIPE, "PIPE", "as writing to nobody does"),
    (libc::SIGALRM, "ALRM", "as an alarm clock does"),
    (libc::SIGTERM, "TERM", "asks it to end"),
    (libc::SIGCHLD, "CHLD", "a child has ended; passed over by default"),
    (libc::SIGCONT, "CONT", "lets it go on"),
    (libc::SIGSTOP, "STOP", "stops it; it has no say"),
    (libc::SIGTSTP, "TSTP", "stops it as Ctrl-Z does"),
    (libc::SIGTTIN, "TTIN", "stops it as reading in the background does"),
    (libc::SIGTTOU, "TTOU", "stops it as writing in the background does"),
    (libc::SIGURG, "URG", "urgent data has come; passed over by default"),
    (libc::SIGXCPU, "XCPU", "as running out of CPU time does"),
    (libc::SIGXFSZ, "XFSZ", "as writing too large a file does"),
    (libc::SIGVTALRM, "VTALRM", "as a clock of its CPU time does"),
    (libc::SIGPROF, "PROF", "as a profiler's clock does"),
    (libc::SIGWINCH, "WINCH", "the terminal has another size; passed over by default"),
    (libc::SIGIO, "IO", "a descriptor is ready; ends it by default"),
    (libc::SIGSYS, "SYS", "as a forbidden system call does"),
];

#[cfg(target_os = "linux")]
const OF_PLATFORM: &[(i32, &str, &str)] = &[
    (libc::SIGPWR, "PWR", "power fails; ends it by default"),
    // No MIPS and no SPARC among the processors that retop runs on.
    (libc::SIGSTKFLT, "STKFLT", "ends it; the kernel never sends it"),
];

#[cfg(target_os = "macos")]
const OF_PLATFORM: &[(i32, &str, &str)] = &[
    (libc::SIGEMT, "EMT", "as an instruction to be emulated does"),
    (libc::SIGINFO, "INFO", "asks how far it is, as Ctrl-T does; passed over by default"),
];

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
const OF_PLATFORM: &[(i32, &str, &str)] = &[];

/// Those that a program gives a meaning; the C library keeps the first few for itself.
#[cfg(target_os = "linux")]
fn real_time() -> impl Iterator<Item = SignalName> {
    let first = libc::SIGRTMIN();
    (first..=libc::SIGRTMAX()).map(move |number| SignalName {
        number,
        name: match number - first {
            0 => "RTMIN".to_owned(),
            above => format!("RTMIN+{above}"),
        },
        help: "its own meaning; ends it by default",
    })
}

#[cfg(not(target_os = "linux"))]
fn real_time() -> impl Iterator<Item = SignalName> {
    std::iter::empty()
}

#[cfg(target_os = "linux")]
fn send(key: Key, signal: i32) -> Result<(), SignalError> {
    Ok(crate::linux::Pinned::open(key)?.send(signal)?)
}

#[cfg(target_os = "macos")]
fn send(key: Key, signal: i32) -> Result<(), SignalError> {
    use crate::apple::control;
    Ok(control::send(control::libraries()?, key, signal)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn send(_: Key, _: i32) -> Result<(), SignalError> {
    Err(SignalError::Other(std::io::ErrorKind::Unsupported.into()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn every_number_that_can_be_sent_has_one_name() {
        let numbers: Vec<i32> = signals().iter().map(|signal| signal.number).collect();
        // 32 and 33 are the C library's own.
        let all: Vec<i32> = (1..=31).chain(libc::SIGRTMIN()..=libc::SIGRTMAX()).collect();
        assert_eq!(numbers, all);
        let names: std::collections::HashSet<_> =
            signals().into_iter().map(|signal| signal.name).collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a process to send to")]
    fn only_the_very_process_is_hit() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let pid = i32::try_from(child.id()).expect("pid");
        let start = crate::linux::start_ticks(pid).expect("alive");
        let other = Key(u64::from(child.id()), start + 1);
        assert!(matches!(send_signal(other, libc::SIGKILL), Err(SignalError::Gone)));
        let key = Key(u64::from(child.id()), start);
        send_signal(key, libc::SIGTERM).expect("sent");
        child.wait().expect("ended");
        assert!(matches!(send_signal(key, libc::SIGTERM), Err(SignalError::Gone)));
    }
}
