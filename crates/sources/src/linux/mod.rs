//! Linux: procfs, sysfs, cgroups.

use crate::roots::Roots;
use crate::source::Source;

/// Every source of Linux, in the order in which they are read.
pub fn sources(roots: &Roots) -> Vec<Box<dyn Source>> {
    let _ = roots;
    Vec::new()
}
