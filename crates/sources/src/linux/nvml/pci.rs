//! Which NVIDIA devices there are and whether they sleep, from what the kernel remembers: nothing
//! here wakes a device.

use std::path::{Path, PathBuf};

use crate::linux::sysfs;
use crate::linux::waker::Woken;

/// A device on the PCI bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pci {
    /// `0000:04:00.0`.
    pub address: String,
    folder: PathBuf,
}

/// NVIDIA's number.
const VENDOR: &str = "0x10de";

/// Every NVIDIA display controller: class 0x03 of PCI.
pub fn devices(sys: &Path) -> Vec<Pci> {
    let bus = sys.join("bus/pci/devices");
    let names = sysfs::names(&bus).unwrap_or_default().into_iter();
    names
        .map(|address| Pci { folder: bus.join(&address), address })
        .filter(|device| {
            let is = |name: &str, start: &str| {
                let text = sysfs::attribute_text(&device.folder, name);
                text.is_some_and(|text| text.starts_with(start))
            };
            is("vendor", VENDOR) && is("class", "0x03")
        })
        .collect()
}

impl Pci {
    /// True if a read of the device would wake it.
    pub fn sleeps(&self) -> bool {
        sysfs::sleeps(&self.folder)
    }

    /// True if the kernel may send the device to sleep when nobody uses it.
    pub fn may_sleep(&self) -> bool {
        sysfs::may_sleep(&self.folder)
    }

    /// Who has it open as it wakes. Which number its node has is what the driver remembers.
    pub fn woken(&self, proc: &Path, now_ns: u64) -> Woken {
        let folder = proc.join("driver/nvidia/gpus").join(&self.address);
        let known = std::fs::read_to_string(folder.join("information")).unwrap_or_default();
        let minor = known.lines().find_map(|line| line.strip_prefix("Device Minor:"));
        let own = minor.map(|minor| format!("nvidia{}", minor.trim()));
        let drawing = sysfs::names(&self.folder.join("drm")).unwrap_or_default();
        Woken::now(proc, now_ns, |target| {
            let Some(name) = target.strip_prefix("/dev").ok().and_then(Path::to_str) else {
                return false;
            };
            match (&own, name.strip_prefix("dri/")) {
                (_, Some(node)) => drawing.iter().any(|drawing| drawing == node),
                (Some(own), None) => own == name,
                (None, None) => name.strip_prefix("nvidia").is_some_and(is_number),
            }
        })
    }

    /// The same address as the library writes it: with eight digits of the domain, and in capitals.
    pub fn is_at(&self, bus_id: &str) -> bool {
        let bare = |address: &str| {
            let address = address.to_ascii_lowercase();
            let (domain, rest) = address.split_once(':')?;
            Some((u32::from_str_radix(domain, 16).ok()?, rest.to_owned()))
        };
        bare(&self.address).is_some_and(|own| bare(bus_id) == Some(own))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tree::Tree;

    #[test]
    fn display_controllers_of_one_maker_are_found_and_their_sleep_is_seen() {
        let tree = Tree::new(&[]);
        for (address, vendor, class, status) in [
            ("0000:01:00.0", "0x10de", "0x030000", "suspended"),
            ("0000:01:00.1", "0x10de", "0x040300", "active"),
            ("0000:02:00.0", "0x1002", "0x030000", "active"),
            ("0001:03:00.0", "0x10de", "0x030200", "unsupported"),
        ] {
            let folder = format!("sys/bus/pci/devices/{address}");
            tree.write(&format!("{folder}/vendor"), vendor);
            tree.write(&format!("{folder}/class"), class);
            tree.write(&format!("{folder}/power/runtime_status"), status);
        }
        let found = devices(&tree.roots().sys);
        let seen: Vec<_> = found.iter().map(|pci| (pci.address.as_str(), pci.sleeps())).collect();
        assert_eq!(seen, [("0000:01:00.0", true), ("0001:03:00.0", false)]);
        assert!(found[1].is_at("00000001:03:00.0") && !found[1].is_at("00000000:03:00.0"));
        assert!(!found[0].is_at("nonsense"));
    }
}
