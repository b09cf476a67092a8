//! Linux: procfs, sysfs, cgroups.

mod battery;
mod cgroup;
mod container;
mod hierarchy;
mod hwmon;
mod limit;
#[cfg(test)]
mod on_machines;
mod power;
mod sysfs;
#[cfg(test)]
mod trial;

use crate::roots::Roots;
use crate::source::Source;

/// Every source of Linux, in the order in which they are read.
pub fn sources(roots: &Roots) -> Vec<Box<dyn Source>> {
    vec![
        Box::new(hwmon::Hwmon::new(roots)),
        Box::new(power::Power::new(roots)),
        Box::new(battery::Battery::new(roots)),
        Box::new(cgroup::Cgroups::new(roots)),
        Box::new(limit::Limits::new(roots)),
    ]
}
