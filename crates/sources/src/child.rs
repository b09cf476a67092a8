//! What a command that retop ran has used, whatever the system.

#[cfg(target_os = "linux")]
pub use crate::linux::{Launch, Running};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// What the processes of a command used that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in user code, in microseconds.
    pub user_us: u64,
    /// CPU time in the kernel, in microseconds.
    pub system_us: u64,
    /// Most memory that any one of them had.
    pub peak_resident_bytes: u64,
    /// Bytes read from disks.
    pub read_bytes: u64,
    /// Bytes written to disks.
    pub written_bytes: u64,
    /// Context switches because somebody waited.
    pub voluntary_switches: u64,
    /// Context switches because somebody else's turn had come.
    pub involuntary_switches: u64,
    /// Page faults served without a disk.
    pub minor_faults: u64,
    /// Page faults that read from a disk.
    pub major_faults: u64,
    /// Processes that were waited for here; those that others waited for are in their numbers.
    pub processes: u64,
    /// Some still run: they were left behind.
    pub unfinished: bool,
}

/// What the hardware counted of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cycles.
    pub cycles: u64,
    /// Instructions.
    pub instructions: u64,
    /// The kernel's work is not in them.
    pub user_only: bool,
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::ffi::{OsStr, OsString};
    use std::io;
    use std::time::Duration;

    use super::{Counts, Exit, Usage};
    use crate::source::Problem;

    /// Nothing can be run yet.
    pub struct Launch;

    /// A command that runs.
    pub enum Running {}

    impl Launch {
        /// Says that it cannot be done.
        pub fn prepare() -> io::Result<Launch> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "retop run works on Linux alone so far"))
        }

        /// Cannot be reached.
        pub fn pause(&self, _: Duration) -> io::Result<Option<i32>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Cannot be reached.
        pub fn become_it(self, _: &OsStr, _: &[OsString], _: &[(&str, &str)]) -> io::Error {
            io::ErrorKind::Unsupported.into()
        }

        /// Cannot be reached.
        pub fn start(self, _: &OsStr, _: &[OsString]) -> io::Result<Running> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    impl Running {
        /// Cannot be reached.
        pub fn wait(&mut self, _: Duration) -> io::Result<Option<Exit>> {
            match *self {}
        }

        /// Cannot be reached.
        pub fn usage(&self) -> Usage {
            match *self {}
        }

        /// Cannot be reached.
        pub fn counts(&mut self) -> Result<Counts, Problem> {
            match *self {}
        }
    }
}
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Launch, Running};
