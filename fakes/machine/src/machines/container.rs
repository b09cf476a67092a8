//! Inside a container on a host of 64 threads: `/proc` tells of the host, the control group of
//! what there is.

use std::io;

use crate::cgroup::{self, Group};
use crate::spec::{Cpu, Host, Memory, Process, Spec};
use crate::tree::Tree;

use super::small_server;

const CGROUPS: &[Group] = &[Group {
    quota: Some((150_000, 100_000)),
    limit: Some(512 << 20),
    tasks_limit: Some(200),
    written_bytes: 65_536,
    ..Group::new("", 1_450_000, 410 << 20, 31)
}];

fn spec(second: u64) -> Spec {
    let small = small_server::spec(second);
    let cpu = |number| Cpu {
        number,
        core: number % 32,
        online: true,
        user: 38,
        system: 6,
        steal: 1,
        ..Cpu::default()
    };
    Spec {
        host: Host { name: "4f1c9e0d7a23", uptime: 7_000_000, ..small.host },
        cpus: (0..64).map(cpu).collect(),
        memory: Memory {
            total: 263_000_000,
            free: 31_000_000,
            available: Some(140_000_000),
            cached: 105_000_000,
            anonymous: 110_000_000,
            swap_total: 0,
            swap_free: 0,
            ..small.memory
        },
        disks: small.disks.into_iter().take(1).collect(),
        mounts: vec![
            "overlay / overlay rw,relatime,lowerdir=/l/A:/l/B,upperdir=/u,workdir=/w 0 0",
            "proc /proc proc rw,nosuid,nodev,noexec 0 0",
            "tmpfs /dev tmpfs rw,nosuid,size=65536k,mode=755 0 0",
            "/dev/sda2 /etc/hosts ext4 rw,relatime 0 0",
        ],
        cgroup_mounts: vec!["40 23 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate"],
        own_cgroup: "0::/",
        processes: processes(),
        ..small
    }
}

fn processes() -> Vec<Process> {
    let server = Process::new(1, 0, "node").command("node server.js").size(11, 240);
    let worker = |pid| Process::new(pid, 1, "node").command("node worker.js").size(9, 60);
    vec![
        server.load(80, 8),
        worker(18).load(30, 2),
        Process { state: 'R', ..worker(29).load(20, 5).io(0, 65_536) },
        Process { terminal: 34_816, ..Process::new(77, 0, "sh") },
    ]
}

pub fn write(tree: &Tree, second: u64) -> io::Result<()> {
    let spec = spec(second).settle();
    spec.write(tree)?;
    tree.file(".dockerenv", "")?;
    cgroup::write(tree, "sys/fs/cgroup", CGROUPS, spec.now(), "8:0", true)
}
