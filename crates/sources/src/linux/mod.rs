//! Linux: procfs, sysfs, cgroups.

mod cpu;
mod file;
mod frequency;
mod parse;
mod topology;
#[cfg(test)]
mod tree;

use crate::roots::Roots;
use crate::source::Source;

/// Every source of Linux, in the order in which they are read.
pub fn sources(roots: &Roots) -> Vec<Box<dyn Source>> {
    vec![Box::new(cpu::Cpu::new(roots))]
}
