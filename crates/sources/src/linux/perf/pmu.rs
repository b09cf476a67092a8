//! The units that count, and what each of them calls the events.

use std::path::Path;

use crate::linux::topology::{Kinds, PERFORMANCE};
use crate::linux::{file, sysfs};

/// Events of a group: cycles, instructions, references to and misses of the last-level cache,
/// branches and those predicted wrong.
pub const EVENTS: usize = 6;

/// What each is called.
pub const NAMES: [&str; EVENTS] =
    ["cycles", "instructions", "cache references", "cache misses", "branches", "branch misses"];

/// Places in a group.
pub const CYCLES: usize = 0;

/// An event as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// `PERF_TYPE_…`, or the number of a unit.
    pub kind: u32,
    pub config: u64,
}

const PERF_TYPE_HARDWARE: u32 = 0;

/// `PERF_COUNT_HW_…` of each place in a group.
const HARDWARE: [u64; EVENTS] = [0, 1, 2, 3, 4, 5];

impl Spec {
    /// Cycles, whichever unit counts them.
    pub const fn cycles() -> Spec {
        Spec { kind: PERF_TYPE_HARDWARE, config: HARDWARE[CYCLES] }
    }
}

/// A unit of one kind of cores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pmu {
    /// Its cores are not the fast ones of the machine.
    pub is_efficient: bool,
    /// `None` for an event that it does not have.
    pub events: [Option<Spec>; EVENTS],
}

impl Pmu {
    /// The only unit of the cores.
    pub fn single() -> Pmu {
        Pmu::numbered(0, false)
    }

    /// The unit of that number. Since 5.13 a hardware event is bound to a unit by the upper half of
    /// its config; without it, it binds to whichever comes first and counts on its cores alone.
    fn numbered(unit: u64, is_efficient: bool) -> Pmu {
        let spec = |event| Spec { kind: PERF_TYPE_HARDWARE, config: unit << 32 | event };
        Pmu { is_efficient, events: HARDWARE.map(|event| Some(spec(event))) }
    }
}

/// The units of this machine's cores: one, or one for each kind of cores. Those have a list `cpus`;
/// units outside of cores have a `cpumask`.
pub fn cores(sys: &Path) -> Vec<Pmu> {
    let class = sys.join("bus/event_source/devices");
    let names = sysfs::names(&class).unwrap_or_default();
    let units: Vec<(u64, Vec<u32>)> = names
        .iter()
        .map(|name| class.join(name))
        .filter(|dir| dir.join("cpus").exists())
        .filter_map(|dir| {
            let number = u64::try_from(sysfs::attribute_i64(&dir, "type")?).ok()?;
            Some((number, file::list(&dir.join("cpus"))))
        })
        .collect();
    if units.len() < 2 {
        return vec![Pmu::single()];
    }
    let cpus = units.iter().flat_map(|(_, cpus)| cpus.iter().copied()).collect();
    let kinds = Kinds::read(sys, &cpus);
    let unit = |(number, cpus): &(u64, Vec<u32>)| {
        let kind = cpus.first().and_then(|&cpu| kinds.of(cpu));
        Pmu::numbered(*number, kind.is_some_and(|kind| kind != PERFORMANCE))
    };
    units.iter().map(unit).collect()
}
