//! Machines of an older time: control groups of version 1 alone, and a kernel without pressure
//! statistics.

use std::io;

use crate::spec::{Cpu, Host, Spec};
use crate::tree::Tree;

use super::small_server;

const GROUP: &str = "/docker/00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee";

const OWN: &str = "\
5:pids:/docker/00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee
4:memory:/docker/00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee
3:cpu,cpuacct:/docker/00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee
2:blkio:/
1:name=systemd:/docker/00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee";

/// The small server under version 1, seen from a container with limits.
pub fn write_cgroup_v1(tree: &Tree, second: u64) -> io::Result<()> {
    let mut spec = Spec {
        cgroup_mounts: vec![
            "40 23 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755",
            "41 40 0:27 / /sys/fs/cgroup/systemd rw,nosuid - cgroup cgroup rw,xattr,name=systemd",
            "42 40 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct",
            "43 40 0:29 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory",
            "44 40 0:30 / /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids",
            "45 40 0:31 / /sys/fs/cgroup/blkio rw,nosuid - cgroup cgroup rw,blkio",
        ],
        own_cgroup: OWN,
        cgroup_v1: &["name=systemd", "blkio", "cpu,cpuacct", "memory", "pids"],
        ..small_server::spec(second).settle()
    };
    spec.host.kernel = "4.18.0-made-up";
    spec.write(tree)?;
    let now = spec.now();
    for (group, quota, limit, tasks) in [
        ("", "-1", "9223372036854771712", "max"),
        ("/docker", "-1", "9223372036854771712", "max"),
        (GROUP, "250000", "2147483648", "256"),
    ] {
        let stat = format!(
            "nr_periods {}\nnr_throttled {}\nthrottled_time {}",
            now * 10,
            now,
            now * 20_000_000
        );
        let used = (now * 900_000_000).to_string();
        let cpu = [
            ("cpu.cfs_quota_us", quota),
            ("cpu.cfs_period_us", "100000"),
            ("cpu.stat", &stat),
            ("cpuacct.usage", &used),
        ];
        tree.attributes(&format!("sys/fs/cgroup/cpu,cpuacct{group}"), &cpu)?;
        let stat = format!(
            "cache 300000000\ntotal_inactive_file 200000000\nhierarchical_memory_limit {limit}"
        );
        let memory = [
            ("memory.limit_in_bytes", limit),
            ("memory.memsw.limit_in_bytes", limit),
            ("memory.usage_in_bytes", "900000000"),
            ("memory.stat", &stat),
        ];
        tree.attributes(&format!("sys/fs/cgroup/memory{group}"), &memory)?;
        // The root has no limit on tasks.
        if !group.is_empty() {
            let pids = [("pids.max", tasks), ("pids.current", "41")];
            tree.attributes(&format!("sys/fs/cgroup/pids{group}"), &pids)?;
        }
    }
    Ok(())
}

/// The small server under a kernel of 2013: no pressure, no `MemAvailable`, no clocks or idle
/// states in sysfs, disk statistics of 11 numbers, no control groups.
pub fn write_no_psi(tree: &Tree, second: u64) -> io::Result<()> {
    let small = small_server::spec(second).settle();
    let bare = |cpu: Cpu| Cpu { kilohertz: 0, idle_states: &[], ..cpu };
    let mut spec = Spec {
        host: Host { kernel: "3.10.0-made-up", ..small.host.clone() },
        cpus: small.cpus.iter().cloned().map(bare).collect(),
        pressure: false,
        cgroup_mounts: Vec::new(),
        own_cgroup: "",
        ..small
    };
    spec.memory.available = None;
    spec.memory.nodes = 0;
    spec.write(tree)?;
    for disk in &spec.disks {
        tree.remove(&format!("sys/devices/{}/queue", disk.device))?;
    }
    let diskstats = std::fs::read_to_string(tree.root().join("proc/diskstats"))?;
    let short = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().take(14).collect();
        fields.join(" ") + "\n"
    };
    tree.file("proc/diskstats", diskstats.lines().map(short).collect::<String>())?;
    for path in ["proc/swaps", "proc/self/cgroup", "proc/softirqs", "etc/os-release"] {
        tree.remove(path)?;
    }
    for process in &spec.processes {
        for file in ["cgroup", "schedstat"] {
            tree.remove(&format!("proc/{}/{file}", process.pid))?;
        }
    }
    Ok(())
}
