//! A large two-socket server: 256 threads of which one is off, eight NVMe drives, containers.

use std::io;

use crate::cgroup::{self, Group};
use crate::sensor;
use crate::spec::{Cpu, Disk, Host, Interface, Memory, Process, Spec};
use crate::tree::Tree;

use super::small_server;

/// The thread that somebody switched off.
const OFF: u32 = 77;

/// Names, controllers below `sys/devices`, partitions.
type Drive = (&'static str, &'static str, &'static [(&'static str, u32)]);

const DRIVES: [Drive; 8] = [
    ("nvme0n1", "pci0000:00/0000:00:01.1/0000:01:00.0/nvme/nvme0", &[("nvme0n1p1", 1)]),
    ("nvme1n1", "pci0000:00/0000:00:01.2/0000:02:00.0/nvme/nvme1", &[("nvme1n1p1", 5)]),
    ("nvme2n1", "pci0000:00/0000:00:01.3/0000:03:00.0/nvme/nvme2", &[]),
    ("nvme3n1", "pci0000:00/0000:00:01.4/0000:04:00.0/nvme/nvme3", &[]),
    ("nvme4n1", "pci0000:80/0000:80:01.1/0000:81:00.0/nvme/nvme4", &[]),
    ("nvme5n1", "pci0000:80/0000:80:01.2/0000:82:00.0/nvme/nvme5", &[]),
    ("nvme6n1", "pci0000:80/0000:80:01.3/0000:83:00.0/nvme/nvme6", &[]),
    ("nvme7n1", "pci0000:80/0000:80:01.4/0000:84:00.0/nvme/nvme7", &[]),
];

const CONTAINER: &str =
    "/system.slice/docker-5d0c3f7a91b2e4860f1d2c3b4a5968778695a4b3c2d1e0f00112233445566778.scope";

const CGROUPS: &[Group] = &[
    Group {
        read_bytes: 900 << 20,
        written_bytes: 300 << 20,
        ..Group::new("", 97_000_000, 211 << 30, 0)
    },
    Group::new("/init.scope", 2_000, 20_000_000, 1),
    Group::new("/system.slice", 97_000_000, 210 << 30, 4_000),
    Group {
        quota: Some((6_400_000, 100_000)),
        limit: Some(256 << 30),
        read_bytes: 900 << 20,
        written_bytes: 300 << 20,
        ..Group::new(CONTAINER, 64_000_000, 180 << 30, 300)
    },
    Group::new("/system.slice/sshd.service", 1_000, 9_000_000, 1),
];

fn cpu(number: u32) -> Cpu {
    let half = number % 128;
    Cpu {
        number,
        package: half / 64,
        core: half % 64,
        node: half / 64,
        online: number != OFF,
        system: 1,
        softirq: u64::from(number < 16),
        kilohertz: 2_250_000 + u64::from(number % 7) * 150_000,
        lowest_kilohertz: 1_500_000,
        highest_kilohertz: 3_700_000,
        idle_states: &["POLL", "C1", "C2"],
        ..Cpu::default()
    }
}

fn spec(second: u64) -> Spec {
    let small = small_server::spec(second);
    Spec {
        host: Host {
            name: "rack-12",
            cpu_model: "Made-up EPIC 7700 64-Core Processor",
            boot_id: "7c2f1d90-1111-4222-8333-c0ffee000256",
            uptime: 2_592_000,
            load: ["98.10", "96.42", "91.07"],
            ..small.host
        },
        cpus: (0..256).map(cpu).collect(),
        memory: Memory {
            total: 528_000_000,
            free: 120_000_000,
            available: Some(290_000_000),
            cached: 180_000_000,
            anonymous: 190_000_000,
            swap_total: 0,
            swap_free: 0,
            swap_pages: (0, 0),
            paged: (921_600, 307_200),
            nodes: 2,
            ..small.memory
        },
        disks: (0..).zip(&DRIVES).map(drive).collect(),
        mounts: vec![
            "/dev/nvme0n1p1 / xfs rw,relatime 0 0",
            "proc /proc proc rw 0 0",
            "tmpfs /run tmpfs rw,size=52800000k 0 0",
            "/dev/nvme1n1p1 /data btrfs rw,noatime,space_cache=v2 0 0",
        ],
        own_cgroup: "0::/system.slice/sshd.service",
        interfaces: interfaces(small.interfaces),
        processes: processes(second),
        ..small
    }
}

/// The first drives work more than the last.
fn drive((number, &(name, device, partitions)): (u32, &Drive)) -> Disk {
    let busy = u64::from(8 - number);
    Disk {
        name,
        number: (259, number * 4),
        device: format!("{device}/{name}"),
        sectors: 7_501_476_528,
        reads: 900 * busy,
        read_sectors: 57_600 * busy,
        writes: 300 * busy,
        written_sectors: 19_200 * busy,
        busy_ms: 110 * busy,
        in_flight: busy,
        partitions,
        ..Disk::default()
    }
}

fn interfaces(mut from: Vec<Interface>) -> Vec<Interface> {
    if let Some(eth0) = from.get_mut(1) {
        eth0.speed = Some(100_000);
        eth0.received_bytes = 1_900_000_000;
        eth0.received_packets = 240_000;
        eth0.sent_bytes = 700_000_000;
    }
    from
}

fn processes(second: u64) -> Vec<Process> {
    let mut all = vec![
        Process::new(1, 0, "systemd").command("/sbin/init").size(1, 20).of(0, "/init.scope"),
        Process::kernel(2, "kthreadd"),
    ];
    for number in 0..180 {
        let kind = ["ksoftirqd", "migration", "kworker", "cpuhp"][number as usize % 4];
        all.push(Process::kernel(3 + number, &format!("{kind}/{}", number / 4)));
    }
    for number in 0..20 {
        let name = format!("service-{number}");
        all.push(Process::new(900 + number, 1, &name).of(0, "/system.slice/service.service"));
    }
    for number in 0..96 {
        let worker = Process::new(20_000 + number * 10, 1, "simulate");
        let worker = worker
            .command(&format!("/opt/simulate --rank {number} --of 96"))
            .of(1_000, CONTAINER)
            .size(2, 1_900)
            .load(92, 5)
            .io(9_000_000, 3_000_000);
        all.push(Process { state: 'R', last_cpu: number * 2, ..worker });
    }
    if second % 2 == 1 {
        let start = (2_592_000 + second) * 100 - 30;
        all.push(Process { start, used: 6, ..Process::new(90_000, 900, "probe") });
    }
    all
}

pub fn write(tree: &Tree, second: u64) -> io::Result<()> {
    let spec = spec(second).settle();
    spec.write(tree)?;
    cgroup::write(tree, "sys/fs/cgroup", CGROUPS, spec.now(), "259:0", false)?;
    for (socket, number) in [(0, 0), (1, 1)] {
        let range = 65_532_610_987;
        let watts = 210_000 + 15_000 * socket;
        let package = format!("intel-rapl:{socket}");
        sensor::rapl(tree, &package, &format!("package-{socket}"), watts, range, spec.now(), None)?;
        let core = format!("intel-rapl:{socket}:0");
        sensor::rapl(tree, &core, "core", watts / 3, range, spec.now(), None)?;
        let device = format!("pci0000:{}0/0000:{}0:18.3", socket * 8, socket * 8);
        let heat = (61_250 + 2_000 * socket + second % 4 * 125).to_string();
        let values = [
            ("name", "k10temp"),
            ("temp1_input", heat.as_str()),
            ("temp1_label", "Tctl"),
            ("temp3_input", "58500"),
            ("temp3_label", "Tccd1"),
        ];
        sensor::chip(tree, number, &device, &values)?;
    }
    for (number, (_, device, ..)) in (2..).zip(DRIVES) {
        let heat = (36_850 + u64::from(number) * 1_000).to_string();
        let values = [
            ("name", "nvme"),
            ("temp1_input", heat.as_str()),
            ("temp1_label", "Composite"),
            ("temp1_max", "81850"),
            ("temp1_crit", "84850"),
            ("temp1_alarm", "0"),
        ];
        sensor::chip(tree, number, device, &values)?;
    }
    let meter = [("name", "power_meter"), ("power1_average", "684000000"), ("power1_cap", "0")];
    sensor::chip(tree, 10, "LNXSYSTM:00/LNXSYBUS:00/ACPI000D:00", &meter)
}
