//! Which virtual machine or container this is, as far as files tell.

use std::path::Path;

use super::file;
use super::parse;
use crate::roots::Roots;

/// For example `kvm`, `docker`, or `docker on kvm`; `None` on bare metal, or where nothing tells.
pub(crate) fn found(roots: &Roots, cpuinfo: &[u8], kernel: &[u8]) -> Option<String> {
    match (container(roots, kernel), hypervisor(roots, cpuinfo)) {
        (Some(container), Some(hypervisor)) => Some(format!("{container} on {hypervisor}")),
        (container, hypervisor) => container.or(hypervisor),
    }
}

/// The hypervisor below, if there is one.
pub(crate) fn hypervisor_of(roots: &Roots) -> Option<String> {
    let cpuinfo = std::fs::read(roots.proc.join("cpuinfo")).unwrap_or_default();
    hypervisor(roots, &cpuinfo)
}

fn container(roots: &Roots, kernel: &[u8]) -> Option<String> {
    // The manager says so itself: systemd-nspawn, LXC and Podman write this file.
    if let Ok(name) = file::short(&roots.base.join("run/systemd/container"))
        && let Ok(name) = String::from_utf8(name)
        && !name.is_empty()
    {
        return Some(name);
    }
    let known = if roots.base.join(".dockerenv").exists() {
        "docker"
    } else if roots.base.join("run/.containerenv").exists() {
        "podman"
    } else if roots.proc.join("vz").exists() && !roots.proc.join("bc").exists() {
        "openvz"
    } else if contains(kernel, b"microsoft") || contains(kernel, b"Microsoft") {
        "wsl"
    } else {
        return None;
    };
    Some(known.to_owned())
}

/// What DMI says, and what it stands for.
const FIRMWARE: [(&[u8], &str); 12] = [
    // Clouds first: their KVM is of more interest under the name of the cloud.
    (b"Amazon EC2", "amazon ec2"),
    (b"Google Compute Engine", "google compute engine"),
    (b"Alibaba Cloud", "alibaba cloud"),
    (b"OpenStack", "openstack"),
    (b"KVM", "kvm"),
    (b"QEMU", "qemu"),
    (b"VMware", "vmware"),
    (b"VirtualBox", "virtualbox"),
    (b"Xen", "xen"),
    (b"Parallels", "parallels"),
    (b"Apple Virtualization", "apple virtualization"),
    (b"BHYVE", "bhyve"),
];

fn hypervisor(roots: &Roots, cpuinfo: &[u8]) -> Option<String> {
    let text = |path: &Path| file::short(path).unwrap_or_default();
    let hypervisor = text(&roots.sys.join("hypervisor/type"));
    if hypervisor == b"xen" {
        // dom0 has the type too, and is the machine itself.
        let dom0 = contains(&text(&roots.proc.join("xen/capabilities")), b"control_d");
        return (!dom0).then(|| "xen".to_owned());
    }
    if contains(&text(&roots.proc.join("device-tree/hypervisor/compatible")), b"kvm") {
        return Some("kvm".to_owned());
    }
    // On x86 the processor says whether a hypervisor is there. Others leave it to the firmware,
    // where the clouds' bare machines carry the cloud's name and "metal".
    let flags = parse::lines(cpuinfo).filter_map(parse::keyed).find(|&(key, _)| key == b"flags");
    if flags.is_some_and(|(_, flags)| !contains(flags, b"hypervisor")) {
        return None;
    }
    let dmi = |name: &str| text(&roots.sys.join("class/dmi/id").join(name));
    let (vendor, product) = (dmi("sys_vendor"), dmi("product_name"));
    let firmware = [vendor, product, dmi("board_vendor"), dmi("bios_vendor")].join(&b'\n');
    if flags.is_none() && contains(&firmware, b"metal") {
        return None;
    }
    let known = FIRMWARE.into_iter().find(|&(word, _)| contains(&firmware, word));
    let known = known.map(|(_, name)| name);
    // The firmware of QEMU does not tell whether KVM is below, and small machines have none.
    let processor = || if roots.is_real() { by_processor() } else { None };
    let known = known.filter(|&name| name != "qemu").or_else(processor).or(known);
    if let Some(name) = known {
        return Some(name.to_owned());
    }
    if contains(&firmware, b"Microsoft Corporation\nVirtual Machine") {
        return Some("hyper-v".to_owned());
    }
    flags.map(|_| "virtual machine".to_owned())
}

/// The hypervisor's signature in the processor's own words.
#[cfg(target_arch = "x86_64")]
fn by_processor() -> Option<&'static str> {
    // Not unsafe in later versions of the language: every x86-64 processor has the instruction.
    #[allow(unused_unsafe)]
    // SAFETY: as above.
    let (features, leaf) =
        unsafe { (core::arch::x86_64::__cpuid(1), core::arch::x86_64::__cpuid(0x4000_0000)) };
    if features.ecx >> 31 == 0 {
        return None; // No hypervisor: the leaf means nothing.
    }
    let signature = [leaf.ebx, leaf.ecx, leaf.edx].map(u32::to_le_bytes).concat();
    Some(match &signature[..] {
        b"KVMKVMKVM\0\0\0" => "kvm",
        b"Microsoft Hv" => "hyper-v",
        b"VMwareVMware" => "vmware",
        b"XenVMMXenVMM" => "xen",
        b"TCGTCGTCGTCG" => "qemu",
        b"bhyve bhyve " => "bhyve",
        b"VBoxVBoxVBox" => "virtualbox",
        _ => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn by_processor() -> Option<&'static str> {
    None
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tree::Tree;

    #[test]
    fn machines_and_containers() {
        const GUEST: &str = "flags\t: fpu hypervisor\n";
        const METAL: &str = "flags\t: fpu\n";
        const ARM: &str = "Features\t: fp\n";
        for (files, cpuinfo, wanted) in [
            (&[("x", "")][..], METAL, None),
            (&[("x", "")], GUEST, Some("virtual machine")),
            (&[("sys/class/dmi/id/sys_vendor", "QEMU\n")], GUEST, Some("qemu")),
            (&[("sys/class/dmi/id/sys_vendor", "QEMU\n")], METAL, None),
            (&[("sys/class/dmi/id/sys_vendor", "QEMU\n")], ARM, Some("qemu")),
            (&[("sys/class/dmi/id/sys_vendor", "\u{1}")], ARM, None),
            (&[("sys/hypervisor/type", "xen\n")], GUEST, Some("xen")),
            (
                &[("sys/hypervisor/type", "xen\n"), ("proc/xen/capabilities", "control_d\n")],
                METAL,
                None,
            ),
            (
                &[
                    ("sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n"),
                    ("sys/class/dmi/id/product_name", "Virtual Machine\n"),
                ],
                GUEST,
                Some("hyper-v"),
            ),
            (
                &[
                    ("sys/class/dmi/id/sys_vendor", "Amazon EC2\n"),
                    ("sys/class/dmi/id/product_name", "c7g.metal\n"),
                ],
                ARM,
                None,
            ),
            (
                &[(".dockerenv", ""), ("sys/class/dmi/id/sys_vendor", "Amazon EC2\n")],
                GUEST,
                Some("docker on amazon ec2"),
            ),
            (&[("run/systemd/container", "lxc\n")], METAL, Some("lxc")),
            (&[("run/systemd/container", "")], METAL, None),
        ] {
            let found = found(&Tree::new(files).roots(), cpuinfo.as_bytes(), b"6.1.0");
            assert_eq!(found.as_deref(), wanted, "{files:?}");
        }
        let wsl = found(&Tree::new(&[]).roots(), b"", b"5.15-microsoft-standard-WSL2");
        assert_eq!(wsl.as_deref(), Some("wsl"));
    }
}
