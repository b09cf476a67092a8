//! Linux: procfs, sysfs, cgroups.

mod battery;
mod cgroup;
mod child;
mod container;
mod cpu;
mod disk;
mod drm;
mod due;
mod file;
mod filesystem;
mod frequency;
mod fuzz;
#[cfg(test)]
mod gpu_faults;
mod hierarchy;
mod host;
mod hwmon;
mod idle_state;
pub(crate) mod inspect;
mod interrupt;
mod kept;
mod limit;
mod memory;
mod mounts;
mod network;
mod nvml;
mod occupant;
#[cfg(test)]
mod on_machines;
mod page;
mod parse;
mod patience;
mod perf;
mod pinned;
mod power;
mod pressure;
mod process;
mod processor;
#[cfg(test)]
mod refuse;
pub(crate) mod schedule;
mod sock_diag;
mod sysfs;
mod taskstats;
mod tcp;
mod topology;
#[cfg(test)]
pub(crate) mod tree;
#[cfg(test)]
mod trial;
mod users;
mod virtualization;
mod waker;

pub use child::{Launch, Running};
pub use fuzz::PARSERS;
pub(crate) use page::page_bytes;
pub(crate) use pinned::Pinned;

use crate::roots::Roots;
use crate::source::Source;

/// What helps where a file of a process is its owner's alone (`io`, `environ`, `fd`: mode 0400).
/// `CAP_SYS_PTRACE` by itself does not open them, and with `CAP_DAC_READ_SEARCH` on the program file
/// everybody who starts it could read every file of the machine.
pub(crate) const AS_ROOT: &str =
    "run as root, or as a service with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH";

/// Every source of Linux, in the order in which they are read.
pub fn sources(roots: &Roots) -> Vec<Box<dyn Source>> {
    vec![
        Box::new(process::Processes::new(roots)),
        Box::new(taskstats::Taskstats::new(roots)),
        Box::new(host::Host::new(roots)),
        Box::new(cpu::Cpu::new(roots)),
        Box::new(idle_state::IdleState::new(roots)),
        Box::new(interrupt::Interrupt::new(roots)),
        Box::new(memory::Memory::new(roots)),
        Box::new(pressure::Pressure::new(roots)),
        Box::new(disk::Disk::new(roots)),
        Box::new(filesystem::Filesystem::new(roots)),
        Box::new(network::Network::new(roots)),
        Box::new(tcp::Tcp::new(roots)),
        Box::new(hwmon::Hwmon::new(roots)),
        Box::new(power::Power::new(roots)),
        Box::new(battery::Battery::new(roots)),
        Box::new(nvml::Nvml::new(roots)),
        Box::new(drm::Drm::new(roots)),
        Box::new(cgroup::Cgroups::new(roots)),
        Box::new(limit::Limits::new(roots)),
    ]
}

/// When a process of this machine started, in ticks since boot.
pub(crate) fn start_ticks(pid: i32) -> std::io::Result<u64> {
    let line = std::fs::read(format!("/proc/{pid}/stat"))?;
    let stat = process::Stat::parse(&line).ok_or(std::io::ErrorKind::NotFound)?;
    Ok(stat.start_ticks)
}
