//! Linux: procfs, sysfs, cgroups.

mod cpu;
mod disk;
mod file;
mod filesystem;
mod frequency;
mod host;
mod idle_state;
mod interrupt;
mod memory;
mod mounts;
mod network;
mod page;
mod parse;
mod pressure;
mod processor;
mod sock_diag;
mod tcp;
mod topology;
#[cfg(test)]
mod tree;
mod virtualization;

use crate::roots::Roots;
use crate::source::Source;

/// Every source of Linux, in the order in which they are read.
pub fn sources(roots: &Roots) -> Vec<Box<dyn Source>> {
    vec![
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
    ]
}
