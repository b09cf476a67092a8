//! The place of each logical CPU in the machine: socket, core, NUMA node, kind.
//!
//! Five small files for each CPU: some 5 µs each, so 13 ms on 512 CPUs. It is read at the start and
//! again only when CPUs come or go.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use retop_model::Text;

use super::file;
use super::sysfs;

/// The states of `core::kind`, in the order of its declaration.
pub(crate) const PERFORMANCE: u32 = 0;
const EFFICIENCY: u32 = 1;
const LOW_POWER: u32 = 2;

/// What does not change while a CPU stays where it is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) number: u32,
    /// The number as a label.
    pub(crate) label: Text,
    pub(crate) package: Option<i64>,
    pub(crate) core: Option<i64>,
    pub(crate) kind: Option<u32>,
    pub(crate) node: Option<u32>,
    pub(crate) online: bool,
    pub(crate) minimum_hertz: Option<i64>,
    pub(crate) maximum_hertz: Option<i64>,
}

/// Every CPU that is present, online or not, sorted by number.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    pub(crate) places: Vec<Place>,
    /// Physical cores with a CPU online; `None` where the kernel does not tell.
    pub(crate) physical: Option<usize>,
    /// Sockets with a CPU online.
    pub(crate) packages: Option<usize>,
    /// True if any CPU tells its clock.
    pub(crate) has_frequency: bool,
}

/// The folder of a CPU.
pub(crate) fn cpu_folder(sys: &Path, number: u32) -> PathBuf {
    sys.join(format!("devices/system/cpu/cpu{number}"))
}

impl Topology {
    /// Reads it. `counted` are the CPUs that `/proc/stat` knows: they are online whatever sysfs
    /// says, and the only ones where there is no sysfs.
    pub(crate) fn read(sys: &Path, counted: &[u32]) -> Topology {
        let cpus = sys.join("devices/system/cpu");
        let online: BTreeSet<u32> = file::list(&cpus.join("online")).into_iter().collect();
        let mut present: BTreeSet<u32> = file::list(&cpus.join("present")).into_iter().collect();
        present.extend(&online);
        present.extend(counted);
        let kinds = Kinds::read(sys, &present);
        let nodes = nodes(sys);
        let (mut cores, mut packages) = (BTreeSet::new(), BTreeSet::new());
        let mut topology = Topology::default();
        for &number in &present {
            let folder = cpu_folder(sys, number);
            let online = online.contains(&number) || counted.contains(&number);
            // -1 is the kernel's word for "not known".
            let known = |name: &str| {
                file::number(&folder.join("topology").join(name)).filter(|&number| number >= 0)
            };
            let package = known("physical_package_id");
            if online {
                packages.extend(package);
                // core_id starts anew in each cluster of a device tree: the list of siblings is the
                // one identity that holds everywhere.
                let siblings = file::list(&folder.join("topology/thread_siblings_list"));
                cores.extend(siblings.first().copied());
            }
            let hertz = |name: &str| {
                let kilohertz = file::number(&folder.join("cpufreq").join(name))?;
                kilohertz.checked_mul(1000).filter(|&hertz| hertz > 0)
            };
            let maximum_hertz = hertz("cpuinfo_max_freq");
            topology.has_frequency |= maximum_hertz.is_some();
            topology.places.push(Place {
                number,
                label: Text::from(number.to_string()),
                package,
                core: known("core_id"),
                kind: kinds.of(number),
                node: nodes.iter().find(|(_, cpus)| cpus.contains(&number)).map(|&(node, _)| node),
                online,
                minimum_hertz: hertz("cpuinfo_min_freq"),
                maximum_hertz,
            });
        }
        topology.physical = (!cores.is_empty()).then_some(cores.len());
        topology.packages = (!packages.is_empty()).then_some(packages.len());
        topology
    }
}

/// NUMA nodes with their CPUs.
fn nodes(sys: &Path) -> Vec<(u32, Vec<u32>)> {
    let folder = sys.join("devices/system/node");
    let names = sysfs::names(&folder).unwrap_or_default().into_iter();
    names
        .filter_map(|name| name.strip_prefix("node")?.parse().ok())
        .map(|node| (node, file::list(&folder.join(format!("node{node}/cpulist")))))
        .collect()
}

/// The kinds of cores of a hybrid processor. Where all are alike, none has a kind.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    /// CPU and kind, sorted.
    known: Vec<(u32, u32)>,
}

impl Kinds {
    pub(crate) fn read(sys: &Path, present: &BTreeSet<u32>) -> Kinds {
        // Intel: one PMU for each kind of core.
        let pmus = [
            ("devices/cpu_core/cpus", PERFORMANCE),
            ("devices/cpu_atom/cpus", EFFICIENCY),
            ("devices/cpu_lowpower/cpus", LOW_POWER),
        ];
        let mut known: Vec<(u32, u32)> = Vec::new();
        for (path, kind) in pmus {
            known.extend(file::list(&sys.join(path)).into_iter().map(|cpu| (cpu, kind)));
        }
        if known.is_empty() {
            known = by_capacity(sys, present);
        }
        known.sort_unstable();
        Kinds { known }
    }

    pub(crate) fn of(&self, cpu: u32) -> Option<u32> {
        let place = self.known.binary_search_by_key(&cpu, |&(cpu, _)| cpu).ok()?;
        self.known.get(place).map(|&(_, kind)| kind)
    }
}

/// ARM: relative capacity. With two sizes the larger is performance; with three (prime, big,
/// little) the middle one is built as a big core, so only the smallest are efficiency cores.
fn by_capacity(sys: &Path, present: &BTreeSet<u32>) -> Vec<(u32, u32)> {
    let capacity = |&cpu: &u32| {
        Some((cpu, file::number(&cpu_folder(sys, cpu).join("cpu_capacity")).filter(|&n| n > 0)?))
    };
    let capacities: Vec<(u32, i64)> = present.iter().filter_map(capacity).collect();
    let sizes = || capacities.iter().map(|&(_, size)| size);
    let (Some(smallest), Some(largest)) = (sizes().min(), sizes().max()) else {
        return Vec::new();
    };
    if smallest == largest {
        return Vec::new();
    }
    let kind = |size| if size == smallest { EFFICIENCY } else { PERFORMANCE };
    capacities.iter().map(|&(cpu, size)| (cpu, kind(size))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tree::Tree;

    fn kinds(topology: &Topology) -> Vec<Option<u32>> {
        topology.places.iter().map(|place| place.kind).collect()
    }

    #[test]
    fn sockets_cores_and_nodes() {
        let tree = Tree::new(&[
            ("sys/devices/system/cpu/online", "0-1,3\n"),
            ("sys/devices/system/cpu/present", "0-3\n"),
            ("sys/devices/system/node/node0/cpulist", "0-1\n"),
            ("sys/devices/system/node/node10/cpulist", "2-3\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "3000000\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_min_freq", "800000\n"),
        ]);
        for (cpu, package, siblings) in [(0, 0, "0-1"), (1, 0, "0-1"), (3, -1, "2-3")] {
            let folder = format!("sys/devices/system/cpu/cpu{cpu}/topology");
            tree.write(&format!("{folder}/physical_package_id"), format!("{package}\n"));
            tree.write(&format!("{folder}/core_id"), "0\n");
            tree.write(&format!("{folder}/thread_siblings_list"), siblings);
        }
        let topology = Topology::read(&tree.roots().sys, &[0, 1, 3]);
        let numbers: Vec<u32> = topology.places.iter().map(|place| place.number).collect();
        let online: Vec<bool> = topology.places.iter().map(|place| place.online).collect();
        assert_eq!((numbers, online), (vec![0, 1, 2, 3], vec![true, true, false, true]));
        assert_eq!((topology.physical, topology.packages), (Some(2), Some(1)));
        let [first, .., last] = &topology.places[..] else { panic!("four places") };
        assert_eq!((first.node, last.node), (Some(0), Some(10)));
        assert_eq!((first.package, last.package), (Some(0), None));
        assert_eq!(first.maximum_hertz, Some(3_000_000_000));
        assert!(topology.has_frequency && kinds(&topology) == [None; 4]);
    }

    #[test]
    fn hybrid_processors() {
        let intel = Tree::new(&[
            ("sys/devices/cpu_core/cpus", "0-1\n"),
            ("sys/devices/cpu_atom/cpus", "2\n"),
            ("sys/devices/cpu_lowpower/cpus", "3\n"),
        ]);
        let kinds_of = |tree: &Tree| kinds(&Topology::read(&tree.roots().sys, &[0, 1, 2, 3]));
        assert_eq!(kinds_of(&intel), [Some(0), Some(0), Some(1), Some(2)]);
        let arm = Tree::new(&[]);
        for (cpu, size) in [(0, 250), (1, 871), (2, 1024)] {
            arm.write(&format!("sys/devices/system/cpu/cpu{cpu}/cpu_capacity"), size.to_string());
        }
        assert_eq!(kinds_of(&arm), [Some(1), Some(0), Some(0), None]);
    }

    #[test]
    fn without_sysfs_the_counted_cpus_remain() {
        let tree = Tree::new(&[("sys/devices/system/cpu/online", "garbage\u{0}-9,,")]);
        let topology = Topology::read(&tree.roots().sys, &[0, 5]);
        assert_eq!(topology.places.len(), 2);
        assert!(topology.places.iter().all(|place| place.online && place.core.is_none()));
        assert_eq!((topology.physical, topology.packages), (None, None));
    }
}
