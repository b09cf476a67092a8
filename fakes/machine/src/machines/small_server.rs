//! A small web server: 4 threads, two disks, a database, a file server mounted over the network.

use std::io;

use crate::cgroup::{self, Group};
use crate::spec::{Cpu, Disk, Host, Interface, Memory, Process, Spec};
use crate::tree::Tree;

const KERNEL_THREADS: [&str; 7] =
    ["ksoftirqd", "migration", "cpuhp", "idle_inject", "kworker", "rcu_exp_par_gp", "irq_work"];

const CGROUPS: &[Group] = &[
    Group {
        read_bytes: 1_048_576,
        written_bytes: 2_097_152,
        ..Group::new("", 620_000, 3_600_000_000, 0)
    },
    Group::new("/init.scope", 1_000, 14_000_000, 1),
    Group {
        read_bytes: 1_048_576,
        written_bytes: 2_097_152,
        ..Group::new("/system.slice", 600_000, 3_400_000_000, 60)
    },
    Group {
        quota: Some((200_000, 100_000)),
        limit: Some(1 << 30),
        tasks_limit: Some(512),
        ..Group::new("/system.slice/nginx.service", 180_000, 310_000_000, 5)
    },
    Group {
        read_bytes: 1_048_576,
        written_bytes: 2_097_152,
        ..Group::new("/system.slice/postgresql.service", 350_000, 2_900_000_000, 9)
    },
    Group::new("/user.slice", 20_000, 190_000_000, 6),
    Group {
        tasks_limit: Some(10_000),
        ..Group::new("/user.slice/user-1000.slice", 20_000, 190_000_000, 6)
    },
    Group::new("/user.slice/user-1000.slice/session-3.scope", 20_000, 90_000_000, 4),
];

/// The machine without its control groups and sensors: others begin with it.
pub fn spec(second: u64) -> Spec {
    Spec {
        host: Host {
            name: "corner-shop",
            kernel: "6.12.40-generic",
            os: "Made-up Linux 13",
            cpu_model: "Made-up Processor E-2300 @ 2.80GHz",
            boot_id: "0b1e7a52-5a3c-4f5e-9d3f-3a1c5b7d9e01",
            boot_time: 1_750_000_000,
            uptime: 86_400,
            load: ["0.71", "0.64", "0.60"],
        },
        second,
        cpus: (0..4).map(cpu).collect(),
        memory: memory(),
        pressure: true,
        disks: disks(),
        mounts: MOUNTS.to_vec(),
        cgroup_mounts: vec![
            "40 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec shared:9 - cgroup2 cgroup2 rw",
        ],
        own_cgroup: "0::/user.slice/user-1000.slice/session-3.scope",
        cgroup_v1: &[],
        interfaces: interfaces(),
        processes: processes(second),
    }
}

const MOUNTS: &[&str] = &[
    "/dev/sda2 / ext4 rw,relatime 0 0",
    "proc /proc proc rw,nosuid,nodev,noexec 0 0",
    "sysfs /sys sysfs rw,nosuid,nodev,noexec 0 0",
    "tmpfs /run tmpfs rw,nosuid,nodev,size=800000k 0 0",
    "/dev/sda1 /boot/efi vfat rw,relatime 0 0",
    "/dev/mapper/vg0-data /srv ext4 rw,noatime 0 0",
    "store:/export /mnt/store nfs4 rw,vers=4.2,hard,proto=tcp 0 0",
];

fn cpu(number: u32) -> Cpu {
    Cpu {
        number,
        core: number % 2,
        online: true,
        system: 1,
        iowait: if number == 2 { 4 } else { 0 },
        softirq: if number == 0 { 2 } else { 0 },
        kilohertz: 1_400_000 + 350_000 * u64::from(number),
        lowest_kilohertz: 800_000,
        highest_kilohertz: 4_500_000,
        idle_states: &["POLL", "C1", "C6"],
        ..Cpu::default()
    }
}

fn memory() -> Memory {
    Memory {
        total: 8_140_000,
        free: 612_000,
        available: Some(4_410_000),
        buffers: 210_000,
        cached: 3_650_000,
        shmem: 96_000,
        reclaimable: 240_000,
        unreclaimable: 110_000,
        anonymous: 3_150_000,
        swap_total: 2_097_148,
        swap_free: 2_001_148,
        swap_device: "/dev/sda3",
        swap_pages: (3, 5),
        paged: (1_024, 2_048),
        nodes: 1,
    }
}

fn disks() -> Vec<Disk> {
    let sda = Disk {
        name: "sda",
        number: (8, 0),
        device: "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda".to_owned(),
        sectors: 500_118_192,
        reads: 12,
        read_sectors: 512,
        writes: 30,
        written_sectors: 1_024,
        busy_ms: 42,
        partitions: &[("sda1", 1), ("sda2", 2), ("sda3", 3)],
        ..Disk::default()
    };
    let sdb = Disk {
        name: "sdb",
        number: (8, 16),
        device: "pci0000:00/0000:00:17.0/ata2/host1/target1:0:0/1:0:0:0/block/sdb".to_owned(),
        sectors: 3_907_029_168,
        rotational: true,
        reads: 40,
        read_sectors: 1_536,
        writes: 60,
        written_sectors: 3_072,
        busy_ms: 310,
        in_flight: 2,
        ..Disk::default()
    };
    let mapped = Disk {
        name: "dm-0",
        number: (253, 0),
        device: "virtual/block/dm-0".to_owned(),
        slaves: &["sdb"],
        ..sdb.clone()
    };
    vec![sda, sdb, mapped]
}

fn interfaces() -> Vec<Interface> {
    vec![
        Interface {
            name: "lo",
            up: true,
            address: "00:00:00:00:00:00",
            received_bytes: 48_000,
            received_packets: 220,
            sent_bytes: 48_000,
            sent_packets: 220,
            ..Interface::default()
        },
        Interface {
            name: "eth0",
            speed: Some(1_000),
            up: true,
            address: "02:00:5e:10:00:01",
            received_bytes: 310_000,
            received_packets: 900,
            sent_bytes: 2_400_000,
            sent_packets: 1_900,
            received_drops: 1,
            ..Interface::default()
        },
    ]
}

fn processes(second: u64) -> Vec<Process> {
    let mut all = vec![
        Process::new(1, 0, "systemd").command("/sbin/init splash").size(1, 14).of(0, "/init.scope"),
        Process::kernel(2, "kthreadd"),
    ];
    for (pid, number) in (3..).zip(0..28_u32) {
        let name = KERNEL_THREADS[number as usize % KERNEL_THREADS.len()];
        let cpu = number / 7;
        let last =
            if number == 11 { "pool_workqueue_release".into() } else { format!("{name}/{cpu}") };
        let busy = u64::from(number == 18);
        all.push(Process::kernel(pid, &last).load(0, busy));
    }
    let services = [
        (210, "systemd-journald", 1, 38),
        (244, "systemd-udevd", 1, 8),
        (402, "systemd-timesyncd", 2, 7),
        (480, "cron", 1, 3),
        (481, "dbus-daemon", 1, 5),
        (490, "rsyslogd", 4, 6),
        (515, "sshd", 1, 9),
        (533, "agetty", 1, 2),
    ];
    for (pid, name, threads, resident) in services {
        let cgroup = format!("/system.slice/{name}.service");
        all.push(Process::new(pid, 1, name).size(threads, resident).of(0, &cgroup));
    }
    let nginx = "/system.slice/nginx.service";
    all.push(Process::new(700, 1, "nginx").command("nginx: master process").of(0, nginx));
    for pid in 701..705 {
        let worker = Process::new(pid, 700, "nginx").command("nginx: worker process");
        all.push(worker.of(33, nginx).size(1, 40).load(3, 1).io(0, 8_192));
    }
    let database = "/system.slice/postgresql.service";
    let main =
        Process::new(800, 1, "postgres").command("/usr/lib/postgresql/17/bin/postgres -D /srv/pg");
    all.push(main.of(110, database).size(1, 160));
    for (pid, what) in (801..).zip(["checkpointer", "writer", "walwriter", "autovacuum"]) {
        let part = Process::new(pid, 800, "postgres").command(&format!("postgres: {what}"));
        all.push(part.of(110, database).size(1, 90).io(0, 65_536));
    }
    for pid in 810..814 {
        let part = Process::new(pid, 800, "postgres").command("postgres: shop shop [local] SELECT");
        all.push(part.of(110, database).size(1, 220).load(7, 2).io(262_144, 400_000));
    }
    let session = "/user.slice/user-1000.slice/session-3.scope";
    all.push(Process::new(1_500, 515, "sshd").command("sshd: ada@pts/0").of(1_000, session));
    let shell = Process::new(1_501, 1_500, "bash").command("-bash").of(1_000, session);
    all.push(Process { terminal: 34_816, ..shell });
    let copy = Process::new(1_640, 1_501, "rsync").command("rsync -a /srv/ /mnt/store/");
    all.push(Process {
        state: 'D',
        ..copy.of(1_000, session).size(1, 12).load(1, 1).io(524_288, 0)
    });
    let application = Process::new(900, 1, "java").command("java -Xmx1g -jar shop.jar --port 8080");
    let application = application.of(0, "/system.slice/shop.service").size(24, 620).load(6, 1);
    all.push(Process { state: 'R', ..application });
    let ended = Process::new(1_650, 900, "sh").command("");
    all.push(Process { state: 'Z', rss_pages: 0, size_bytes: 0, command: Vec::new(), ..ended });
    // One that comes in odd seconds and one that ends after the start.
    if second % 2 == 1 {
        let start = (86_400 + second) * 100 - 40;
        let job = Process::new(2_000, 480, "backup.sh").command("/bin/sh /etc/backup.sh");
        all.push(Process { start, used: 12, ..job });
    } else if second == 0 {
        all.push(Process::new(1_990, 1_501, "grep").of(1_000, session));
    }
    all
}

pub fn write(tree: &Tree, second: u64) -> io::Result<()> {
    let spec = spec(second).settle();
    spec.write(tree)?;
    cgroup::write(tree, "sys/fs/cgroup", CGROUPS, spec.now(), "8:16", false)
}
