//! Graphics and neural processors as drivers of the DRM and accel classes show them.

use std::io;

use crate::sensor;
use crate::tree::Tree;

/// A device below `sys/devices`, with its nodes (`card1`, `renderD128`, `accel0`) and attributes.
pub fn device(
    tree: &Tree,
    folder: &str,
    driver: &str,
    identity: &str,
    nodes: &[&str],
    attributes: &[(&str, &str)],
) -> io::Result<()> {
    let at = format!("sys/devices/{folder}");
    tree.file(&format!("{at}/uevent"), format!("DRIVER={driver}\n{identity}\n"))?;
    tree.attributes(&at, attributes)?;
    for node in nodes {
        let class = if node.starts_with("accel") { "accel" } else { "drm" };
        tree.folder(&format!("{at}/{class}/{node}"))?;
        tree.link(&format!("{at}/{class}/{node}/device"), "../..")?;
        tree.class(class, node, &format!("{folder}/{class}/{node}"))?;
    }
    Ok(())
}

/// A connector of a card, lit or not.
pub fn connector(tree: &Tree, folder: &str, card: &str, name: &str, lit: bool) -> io::Result<()> {
    let at = format!("{folder}/drm/{card}/{card}-{name}");
    let (status, enabled) =
        if lit { ("connected", "enabled") } else { ("disconnected", "disabled") };
    let values = [("status", status), ("enabled", enabled)];
    tree.attributes(&format!("sys/devices/{at}"), &values)?;
    tree.class("drm", &format!("{card}-{name}"), &at)
}

/// Its instruments.
pub fn chip(tree: &Tree, number: u32, folder: &str, values: &[(&str, &str)]) -> io::Result<()> {
    sensor::chip(tree, number, folder, values)
}

/// What runtime power management has noted.
pub fn power(tree: &Tree, folder: &str, status: &str, suspended_ms: u64) -> io::Result<()> {
    let suspended = suspended_ms.to_string();
    let values = [
        ("control", "auto"),
        ("runtime_status", status),
        ("runtime_suspended_time", suspended.as_str()),
    ];
    tree.attributes(&format!("sys/devices/{folder}/power"), &values)
}

/// A node that a process has open, with what the driver tells of it.
pub fn client(tree: &Tree, pid: u32, number: u32, node: &str, told: &str) -> io::Result<()> {
    let class = if node.starts_with("accel") { "accel" } else { "dri" };
    tree.link(&format!("proc/{pid}/fd/{number}"), &format!("/dev/{class}/{node}"))?;
    let text = format!("pos:\t0\nflags:\t02100002\nmnt_id:\t27\nino:\t1151\n{told}");
    tree.file(&format!("proc/{pid}/fdinfo/{number}"), text)
}

/// A table of amdgpu's firmware in which only these fields are supported.
pub fn metrics(size: u16, version: [u8; 2], fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut table = vec![0xff; usize::from(size)];
    let head = [size.to_le_bytes(), version].concat();
    for (place, bytes) in [(0, head.as_slice())].into_iter().chain(fields.iter().copied()) {
        for (cell, byte) in table.iter_mut().skip(place).zip(bytes) {
            *cell = *byte;
        }
    }
    table
}
