//! Which devices there are, from names and links of sysfs alone: nothing here wakes a device.

use std::path::{Path, PathBuf};

use super::names::Ids;
use crate::linux::sysfs::{self, Class};

/// A device that computes: one with a render node, or with a node of the class `accel`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its folder below `sys/devices`.
    pub folder: PathBuf,
    /// Its folder in `sys/class/drm`, if it has a card.
    pub card: Option<PathBuf>,
    /// PCI address, or the name of a platform device. A client of the device tells the same.
    pub address: String,
    pub driver: String,
    /// The driver with its version, if that is another than the kernel's.
    pub driver_text: String,
    pub ids: Ids,
    pub neural: bool,
    /// `renderD128`, `card0`, `accel0`: what processes have open.
    pub nodes: Vec<String>,
    /// Connectors, which hold a device awake while a screen is lit by it.
    connectors: Vec<PathBuf>,
    pub hwmon: Option<PathBuf>,
    /// Which of its temperatures is of what. The kernel knows without asking the device.
    pub labels: Vec<(String, String)>,
}

/// Drivers whose devices another source reads, or that stand for no device.
const LEFT_OUT: [&str; 3] = ["nvidia", "vgem", "vkms"];

/// Devices of the two classes, looked for again when any came or went.
pub struct Classes {
    drm: Class,
    accel: Class,
}

impl Classes {
    pub fn new(sys: &Path) -> Classes {
        Classes {
            drm: Class::new(sys.join("class/drm")),
            accel: Class::new(sys.join("class/accel")),
        }
    }

    /// True if entries came or went since the last look.
    pub fn changed(&mut self) -> bool {
        // Both are looked at each time.
        self.drm.changed() | self.accel.changed()
    }

    /// Every device, in the order of its address.
    pub fn devices(&self) -> Vec<Device> {
        let mut devices: Vec<Device> = Vec::new();
        for class in [&self.drm, &self.accel] {
            for node in sysfs::names(&class.dir).unwrap_or_default() {
                if !["card", "renderD", "accel"].iter().any(|stem| is_numbered(&node, stem)) {
                    continue;
                }
                let entry = class.dir.join(&node);
                let Some(folder) = sysfs::device(&entry) else { continue };
                let place = devices.iter().position(|device| device.folder == folder);
                let place = place.or_else(|| {
                    devices.push(Device::learn(folder)?);
                    Some(devices.len() - 1)
                });
                let Some(device) = place.and_then(|place| devices.get_mut(place)) else { continue };
                device.neural |= node.starts_with("accel");
                if node.starts_with("card") {
                    device.connectors = connectors(&class.dir, &node);
                    device.card = Some(entry);
                }
                device.nodes.push(node);
            }
        }
        let computes = |device: &Device| device.nodes.iter().any(|node| !node.starts_with("card"));
        devices.retain(computes);
        devices.sort_by(|a, b| a.address.cmp(&b.address));
        devices
    }
}

fn is_numbered(name: &str, stem: &str) -> bool {
    let number = name.strip_prefix(stem);
    number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()) && !number.is_empty())
}

fn connectors(class: &Path, card: &str) -> Vec<PathBuf> {
    let names = sysfs::names(class).unwrap_or_default().into_iter();
    names
        .filter(|name| name.strip_prefix(card).is_some_and(|rest| rest.starts_with('-')))
        .map(|name| class.join(name))
        .collect()
}

impl Device {
    /// True of what a descriptor of the device links to.
    pub fn is_node(&self, target: &Path) -> bool {
        let folders = ["/dev/dri", "/dev/accel"];
        let name = folders.iter().find_map(|folder| target.strip_prefix(folder).ok());
        name.is_some_and(|name| self.nodes.iter().any(|node| Path::new(node) == name))
    }

    fn learn(folder: PathBuf) -> Option<Device> {
        let text = sysfs::attribute_text(&folder, "uevent").unwrap_or_default();
        let of = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.map(str::to_owned)
        };
        let driver = of("DRIVER").filter(|driver| !LEFT_OUT.contains(&driver.as_str()))?;
        let address = of("PCI_SLOT_NAME").or_else(|| sysfs::address(&folder))?;
        let module = folder.join("driver/module");
        let driver_text = match sysfs::attribute_text(&module, "version") {
            Some(version) => format!("{driver} {version}"),
            None => driver.clone(),
        };
        let revision = sysfs::attribute_text(&folder, "revision");
        let hwmon = folder.join("hwmon");
        let chip = sysfs::names(&hwmon).unwrap_or_default().into_iter().next();
        let hwmon = chip.map(|chip| hwmon.join(chip));
        Some(Device {
            ids: Ids::new(of("PCI_ID").as_deref(), revision.as_deref(), of("OF_COMPATIBLE_0")),
            labels: hwmon.as_deref().map(labels).unwrap_or_default(),
            hwmon,
            folder,
            card: None,
            address,
            driver,
            driver_text,
            neural: false,
            nodes: Vec::new(),
            connectors: Vec::new(),
        })
    }

    /// True if its driver is one that tells of the device, or if the device has instruments or a
    /// clock that anybody may read.
    pub fn tells(&self) -> bool {
        let known = ["amdgpu", "i915", "xe", "intel_vpu", "amdxdna"];
        known.contains(&self.driver.as_str())
            || self.hwmon.is_some()
            || self.folder.join("devfreq").exists()
    }

    /// True if a read of the device would wake it.
    pub fn sleeps(&self) -> bool {
        sysfs::sleeps(&self.folder)
    }

    /// True if the kernel may send the device to sleep when nobody uses it: it may, and lights no
    /// screen.
    pub fn may_sleep(&self) -> bool {
        let is_lit = |connector: &PathBuf| {
            sysfs::attribute_text(connector, "enabled").as_deref() == Some("enabled")
        };
        sysfs::may_sleep(&self.folder) && !self.connectors.iter().any(is_lit)
    }

    /// Milliseconds that it slept since its driver was loaded: the kernel's own count.
    pub fn suspended_ms(&self) -> Option<i64> {
        sysfs::attribute_i64(&self.folder.join("power"), "runtime_suspended_time")
    }
}

/// Labels of temperatures with the files of their values.
fn labels(hwmon: &Path) -> Vec<(String, String)> {
    let stems = (1..=8).map(|number| format!("temp{number}"));
    stems
        .filter_map(|stem| {
            let label = sysfs::attribute_text(hwmon, &format!("{stem}_label"))?;
            Some((label, format!("{stem}_input")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tree::Tree;

    #[test]
    fn devices_that_compute_are_found_by_their_nodes() {
        let tree = Tree::new(&[]);
        let device = |folder: &str, driver: &str, nodes: &[&str]| {
            let at = format!("sys/devices/{folder}");
            tree.write(&format!("{at}/uevent"), format!("DRIVER={driver}\nPCI_ID=1002:744C\n"));
            for node in nodes {
                let class = if node.starts_with("accel") { "accel" } else { "drm" };
                tree.write(&format!("{at}/{class}/{node}/device"), "-> ../..");
                let link = format!("-> ../../devices/{folder}/{class}/{node}");
                tree.write(&format!("sys/class/{class}/{node}"), link);
            }
        };
        device("pci0000:00/0000:03:00.0", "amdgpu", &["card1", "renderD129"]);
        device("pci0000:00/0000:01:00.0", "nvidia", &["card0", "renderD128"]);
        // It shows a picture and computes nothing.
        device("pci0000:00/0000:02:00.0", "ast", &["card2"]);
        device("platform/fde60000.gpu", "panfrost", &["renderD130"]);
        device("pci0000:00/0000:00:0b.0", "intel_vpu", &["accel0"]);
        tree.write("sys/class/drm/version", "drm 1.1.0");
        tree.write("sys/class/drm/renderDx", "-> ../../devices");
        let found = Classes::new(&tree.roots().sys).devices();
        let seen: Vec<_> =
            found.iter().map(|d| (d.address.as_str(), d.driver.as_str(), d.neural)).collect();
        assert_eq!(
            seen,
            [
                ("0000:00:0b.0", "intel_vpu", true),
                ("0000:03:00.0", "amdgpu", false),
                ("fde60000.gpu", "panfrost", false)
            ]
        );
        assert_eq!(found[1].nodes, ["card1", "renderD129"]);
    }

    #[test]
    fn what_is_lit_may_not_sleep() {
        let tree = Tree::new(&[
            ("sys/devices/gpu/uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0\n"),
            ("sys/devices/gpu/power/control", "auto\n"),
            ("sys/devices/gpu/drm/card0/device", "-> ../.."),
            ("sys/devices/gpu/drm/renderD128/device", "-> ../.."),
            ("sys/class/drm/card0", "-> ../../devices/gpu/drm/card0"),
            ("sys/class/drm/renderD128", "-> ../../devices/gpu/drm/renderD128"),
            ("sys/class/drm/card0-DP-1/enabled", "disabled\n"),
        ]);
        let classes = Classes::new(&tree.roots().sys);
        assert!(classes.devices()[0].may_sleep());
        tree.write("sys/class/drm/card0-DP-1/enabled", "enabled\n");
        assert!(!classes.devices()[0].may_sleep());
        for (status, sleeps) in
            [("suspended", true), ("resuming", true), ("active", false), ("unsupported", false)]
        {
            tree.write("sys/devices/gpu/power/runtime_status", status);
            assert_eq!(classes.devices()[0].sleeps(), sleeps, "{status}");
        }
    }
}
