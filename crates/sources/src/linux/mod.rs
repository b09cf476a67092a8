//! Linux: procfs, sysfs, cgroups.

mod container;
mod fuzz;
mod kept;
mod process;
mod taskstats;
mod users;

pub use fuzz::PARSERS;

use crate::roots::Roots;
use crate::source::Source;

/// Every source of Linux, in the order in which they are read.
pub fn sources(roots: &Roots) -> Vec<Box<dyn Source>> {
    vec![Box::new(process::Processes::new(roots)), Box::new(taskstats::Taskstats::new(roots))]
}

/// Bytes in a page of memory.
pub(crate) fn page_bytes() -> u64 {
    // SAFETY: sysconf takes no pointer and cannot fail for this name.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// When a process of this machine started, in ticks since boot.
pub(crate) fn start_ticks(pid: i32) -> std::io::Result<u64> {
    let line = std::fs::read(format!("/proc/{pid}/stat"))?;
    let stat = process::Stat::parse(&line).ok_or(std::io::ErrorKind::NotFound)?;
    Ok(stat.start_ticks)
}
