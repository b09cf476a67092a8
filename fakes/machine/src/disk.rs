//! Disks, partitions and mounts.

use std::io;

use crate::spec::{Disk, Spec};
use crate::tree::Tree;

pub fn write(spec: &Spec, tree: &Tree) -> io::Result<()> {
    let mut diskstats = String::new();
    for disk in &spec.disks {
        diskstats += &whole(spec, disk, tree)?;
    }
    tree.file("proc/diskstats", diskstats)?;
    let mounts: String = spec.mounts.iter().map(|line| format!("{line}\n")).collect();
    tree.file("proc/mounts", &mounts)?;
    tree.file("proc/self/mounts", &mounts)?;
    let filesystems = "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup2\nnodev\tnfs4\n\
                       \text4\n\tvfat\n\txfs\n\tbtrfs\n";
    tree.file("proc/filesystems", filesystems)?;
    tree.file("proc/self/mountinfo", mountinfo(spec))?;
    tree.file("proc/self/cgroup", format!("{}\n", spec.own_cgroup))
}

/// The mounts once more, in the longer form; then those of the control groups.
fn mountinfo(spec: &Spec) -> String {
    let mut text = String::new();
    for (number, line) in (22..).zip(&spec.mounts) {
        let fields: Vec<&str> = line.split(' ').collect();
        let [source, point, kind, options, ..] = fields[..] else { continue };
        let (major, minor) = device_number(spec, source).unwrap_or((0, number));
        text += &format!(
            "{number} 1 {major}:{minor} / {point} {options} shared:{number} - {kind} {source} rw\n"
        );
    }
    text + &spec.cgroup_mounts.iter().map(|line| format!("{line}\n")).collect::<String>()
}

/// The number of a disk, of a partition, or of the one mapped device.
fn device_number(spec: &Spec, source: &str) -> Option<(u32, u32)> {
    let name = source.strip_prefix("/dev/")?;
    spec.disks.iter().find_map(|disk| {
        let (major, _) = disk.number;
        let is_mapped = name.starts_with("mapper/") && disk.name.starts_with("dm-");
        let part = disk.partitions.iter().find(|(part, _)| *part == name);
        if is_mapped || disk.name == name {
            Some(disk.number)
        } else {
            part.map(|&(_, minor)| (major, minor))
        }
    })
}

/// reads merged sectors ms writes merged sectors ms in-flight busy-ms weighted-ms; discards and
/// flushes
fn requests(disk: &Disk, now: u64) -> String {
    let (read_ms, write_ms) = (disk.reads / 2, disk.writes);
    format!(
        "{} {} {} {} {} {} {} {} {} {} {} 0 0 0 0 {} {}",
        disk.reads * now,
        disk.reads / 10 * now,
        disk.read_sectors * now,
        read_ms * now,
        disk.writes * now,
        disk.writes / 5 * now,
        disk.written_sectors * now,
        write_ms * now,
        disk.in_flight,
        disk.busy_ms * now,
        (read_ms + write_ms) * now,
        now / 10,
        now / 20,
    )
}

fn whole(spec: &Spec, disk: &Disk, tree: &Tree) -> io::Result<String> {
    let (major, minor) = disk.number;
    let (name, now) = (disk.name, spec.now());
    let mut lines = format!("{major:4} {minor:7} {name} {}\n", requests(disk, now));
    let folder = format!("sys/devices/{}", disk.device);
    let (size, dev) = (disk.sectors.to_string(), format!("{major}:{minor}"));
    let requests_now = requests(disk, now);
    let values = [("size", size.as_str()), ("dev", &dev), ("stat", &requests_now), ("ro", "0")];
    tree.attributes(&folder, &values)?;
    let turns = if disk.rotational { "1" } else { "0" };
    let queue = [("rotational", turns), ("logical_block_size", "512"), ("hw_sector_size", "512")];
    tree.attributes(&format!("{folder}/queue"), &queue)?;
    tree.folder(&format!("{folder}/slaves"))?;
    tree.folder(&format!("{folder}/holders"))?;
    if name.starts_with("dm-") {
        tree.file(&format!("{folder}/dm/name"), "vg0-data\n")?;
    } else if !disk.device.contains("virtual") {
        tree.file(&format!("{folder}/device/model"), "MADE UP DISK\n")?;
    }
    for slave in disk.slaves {
        tree.folder(&format!("{folder}/slaves/{slave}"))?;
    }
    for holder in &spec.disks {
        if holder.slaves.contains(&name) {
            tree.folder(&format!("{folder}/holders/{}", holder.name))?;
        }
    }
    tree.link(&format!("sys/block/{name}"), &format!("../devices/{}", disk.device))?;
    tree.link(&format!("sys/class/block/{name}"), &format!("../../devices/{}", disk.device))?;
    tree.link(&format!("sys/dev/block/{dev}"), &format!("../../devices/{}", disk.device))?;
    for (number, (part, minor)) in (1_u64..).zip(disk.partitions) {
        let quiet = Disk { name: part, ..Disk::default() };
        let carried = if number == 1 { disk } else { &quiet };
        lines += &format!("{major:4} {minor:7} {part} {}\n", requests(carried, now));
        let (dev, number) = (format!("{major}:{minor}"), number.to_string());
        let size = (disk.sectors / disk.partitions.len() as u64).to_string();
        let values = [("partition", number.as_str()), ("dev", &dev), ("size", &size)];
        tree.attributes(&format!("{folder}/{part}"), &values)?;
        let target = format!("../../devices/{}/{part}", disk.device);
        tree.link(&format!("sys/class/block/{part}"), &target)?;
        tree.link(&format!("sys/dev/block/{dev}"), &target)?;
    }
    Ok(lines)
}
