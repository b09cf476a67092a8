//! Programs that compute on devices of AMD (ROCm), as the kernel lists them for everybody: with the
//! memory that each holds, also where its descriptors may not be looked into.

use std::path::{Path, PathBuf};

use super::device::Device;
use crate::linux::{parse, sysfs};

/// A program on a device.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// As the first name space numbers it.
    pub pid: u32,
    /// Which of the devices.
    pub place: usize,
    pub bytes: Option<u64>,
    /// Milliseconds in which its queues stood because its memory was moved off, of all queues together.
    pub evicted_ms: Option<u64>,
}

/// The list of the machine.
pub struct Kfd {
    root: PathBuf,
    /// Numbers of devices there, and their places here.
    devices: Vec<(String, usize)>,
}

impl Kfd {
    pub fn new(sys: &Path) -> Kfd {
        Kfd { root: sys.join("class/kfd/kfd"), devices: Vec::new() }
    }

    /// Learns which device is which, by its render node.
    pub fn learn<'a>(&mut self, devices: impl Iterator<Item = &'a Device>) {
        self.devices.clear();
        let nodes = self.root.join("topology/nodes");
        let names = sysfs::names(&nodes).unwrap_or_default();
        if names.is_empty() {
            return;
        }
        let known: Vec<(String, String)> = names
            .iter()
            .filter_map(|name| {
                let node = nodes.join(name);
                let text = sysfs::attribute_text(&node, "properties")?;
                let minor = text.lines().find_map(|line| line.strip_prefix("drm_render_minor "))?;
                let number = sysfs::attribute_text(&node, "gpu_id").filter(|id| id != "0")?;
                Some((format!("renderD{}", minor.trim()), number))
            })
            .collect();
        for (place, device) in devices.enumerate() {
            let of = |(node, _): &&(String, String)| device.nodes.contains(node);
            if let Some((_, number)) = known.iter().find(of) {
                self.devices.push((number.clone(), place));
            }
        }
    }

    /// Programs on the devices that may be read.
    pub fn programs(&self, may_read: impl Fn(usize) -> bool) -> Vec<Program> {
        if self.devices.is_empty() {
            return Vec::new();
        }
        let root = self.root.join("proc");
        let mut programs = Vec::new();
        for name in sysfs::names(&root).unwrap_or_default() {
            let pid = parse::decimal(name.as_bytes()).and_then(|pid| u32::try_from(pid).ok());
            let Some(pid) = pid else { continue };
            let folder = root.join(&name);
            for (number, place) in self.devices.iter().filter(|(_, place)| may_read(*place)) {
                let count = |name: &str| {
                    let count = sysfs::attribute_i64(&folder, name)?;
                    u64::try_from(count).ok()
                };
                let bytes = count(&format!("vram_{number}"));
                let evicted_ms = count(&format!("stats_{number}/evicted_ms"));
                if bytes.is_some_and(|bytes| bytes > 0) || evicted_ms.is_some_and(|ms| ms > 0) {
                    programs.push(Program { pid, place: *place, bytes, evicted_ms });
                }
            }
        }
        programs
    }
}

#[cfg(test)]
mod tests {
    use super::super::device::Classes;
    use super::*;
    use crate::linux::tree::Tree;

    #[test]
    fn programs_are_found_by_the_number_of_their_device() {
        let tree = Tree::new(&[
            ("sys/class/drm/renderD129", "-> ../../devices/gpu/drm/renderD129"),
            ("sys/devices/gpu/drm/renderD129/device", "-> ../.."),
            ("sys/devices/gpu/uevent", "DRIVER=amdgpu\n"),
            ("sys/class/kfd/kfd/topology/nodes/0/gpu_id", "0\n"),
            (
                "sys/class/kfd/kfd/topology/nodes/0/properties",
                "cpu_cores_count 8\ndrm_render_minor 0\n",
            ),
            ("sys/class/kfd/kfd/topology/nodes/1/gpu_id", "40113\n"),
            (
                "sys/class/kfd/kfd/topology/nodes/1/properties",
                "simd_count 96\ndrm_render_minor 129\n",
            ),
            ("sys/class/kfd/kfd/proc/700/vram_40113", "4096\n"),
            ("sys/class/kfd/kfd/proc/700/stats_40113/evicted_ms", "12\n"),
            ("sys/class/kfd/kfd/proc/701/vram_40113", "-1\n"),
            ("sys/class/kfd/kfd/proc/702/vram_9", "4096\n"),
            ("sys/class/kfd/kfd/proc/x/vram_40113", "4096\n"),
        ]);
        let devices = Classes::new(&tree.roots().sys).devices();
        let mut kfd = Kfd::new(&tree.roots().sys);
        assert_eq!(kfd.programs(|_| true), []);
        kfd.learn(devices.iter());
        let program = Program { pid: 700, place: 0, bytes: Some(4096), evicted_ms: Some(12) };
        assert_eq!(kfd.programs(|_| true), [program]);
        assert_eq!(kfd.programs(|_| false), []);
    }
}
