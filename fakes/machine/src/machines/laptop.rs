//! A laptop on battery: performance and efficiency cores, RAPL, fans, compressed swap, wireless.

use std::io;

use crate::cgroup::{self, Group};
use crate::sensor;
use crate::spec::{Cpu, Disk, Host, Interface, Memory, Process, Spec};
use crate::tree::Tree;

use super::small_server;

const APPS: &str = "/user.slice/user-1000.slice/user@1000.service/app.slice";
const BROWSER: &str =
    "/user.slice/user-1000.slice/user@1000.service/app.slice/app-browser-4410.scope";
const NVME: &str = "pci0000:00/0000:00:06.0/0000:01:00.0/nvme/nvme0";

const CGROUPS: &[Group] = &[
    Group::new("", 1_400_000, 9_900_000_000, 0),
    Group::new("/system.slice", 90_000, 900_000_000, 60),
    Group::new("/user.slice", 1_300_000, 9_000_000_000, 700),
    Group {
        tasks_limit: Some(38_000),
        ..Group::new("/user.slice/user-1000.slice", 1_300_000, 9_000_000_000, 700)
    },
    Group::new("/user.slice/user-1000.slice/user@1000.service", 1_300_000, 8_900_000_000, 690),
    Group::new(APPS, 1_250_000, 8_000_000_000, 600),
    Group::new(BROWSER, 1_100_000, 5_000_000_000, 300),
];

/// 4 performance cores of two threads each, then 8 efficiency cores of one.
fn cpu(number: u32) -> Cpu {
    let is_performance = number < 8;
    let core = if is_performance { number / 2 * 4 } else { 16 + number - 8 };
    Cpu {
        number,
        core,
        online: true,
        kilohertz: if is_performance { 2_900_000 } else { 1_700_000 } + u64::from(number) * 20_000,
        lowest_kilohertz: 400_000,
        highest_kilohertz: if is_performance { 4_700_000 } else { 3_500_000 },
        idle_states: &["POLL", "C1E", "C6", "C10"],
        ..Cpu::default()
    }
}

fn spec(second: u64) -> Spec {
    let small = small_server::spec(second);
    Spec {
        host: Host {
            name: "lap",
            kernel: "6.17.3-made-up",
            cpu_model: "13th Made-up Core i7-1360Q",
            boot_id: "deadbeef-0000-4000-8000-0000000001a9",
            uptime: 14_400,
            load: ["1.52", "1.20", "0.98"],
            ..small.host
        },
        cpus: (0..16).map(cpu).collect(),
        memory: Memory {
            total: 16_200_000,
            free: 900_000,
            available: Some(5_900_000),
            cached: 4_800_000,
            shmem: 1_300_000,
            anonymous: 8_700_000,
            swap_total: 8_100_000,
            swap_free: 6_100_000,
            swap_device: "/dev/zram0",
            swap_pages: (40, 90),
            ..small.memory
        },
        disks: disks(),
        mounts: vec![
            "/dev/nvme0n1p2 / btrfs rw,relatime,compress=zstd:1,subvol=/root 0 0",
            "proc /proc proc rw 0 0",
            "tmpfs /run tmpfs rw,size=3240000k 0 0",
            "/dev/nvme0n1p1 /boot/efi vfat rw 0 0",
            "/dev/nvme0n1p2 /home btrfs rw,relatime,compress=zstd:1,subvol=/home 0 0",
        ],
        own_cgroup: "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-term-900.scope",
        interfaces: interfaces(small.interfaces),
        processes: processes(),
        ..small
    }
}

fn disks() -> Vec<Disk> {
    let drive = Disk {
        name: "nvme0n1",
        number: (259, 0),
        device: format!("{NVME}/nvme0n1"),
        sectors: 1_000_215_216,
        reads: 25,
        read_sectors: 900,
        writes: 20,
        written_sectors: 1_600,
        busy_ms: 12,
        partitions: &[("nvme0n1p1", 1), ("nvme0n1p2", 2)],
        ..Disk::default()
    };
    let swap = Disk {
        name: "zram0",
        number: (252, 0),
        device: "virtual/block/zram0".to_owned(),
        sectors: 16_200_000,
        reads: 40,
        read_sectors: 320,
        writes: 90,
        written_sectors: 720,
        busy_ms: 3,
        ..Disk::default()
    };
    vec![drive, swap]
}

fn interfaces(mut from: Vec<Interface>) -> Vec<Interface> {
    from.truncate(1);
    from.push(Interface {
        name: "wlan0",
        up: true,
        wireless: true,
        address: "02:00:5e:10:00:77",
        received_bytes: 640_000,
        received_packets: 610,
        sent_bytes: 45_000,
        sent_packets: 300,
        ..Interface::default()
    });
    from
}

fn processes() -> Vec<Process> {
    let mut all = vec![
        Process::new(1, 0, "systemd").command("/sbin/init").size(1, 14).of(0, "/init.scope"),
        Process::kernel(2, "kthreadd"),
    ];
    for number in 0..64 {
        let kind = ["ksoftirqd", "migration", "kworker", "irq"][number as usize % 4];
        all.push(Process::kernel(3 + number, &format!("{kind}/{}", number / 4)));
    }
    let shell = Process::new(4_000, 1, "compositor").of(1_000, APPS).size(20, 380).load(8, 4);
    all.push(Process { nice: -1, ..shell });
    let browser = Process::new(4_410, 4_000, "browser").command("/opt/browser/browser --tab 日本");
    all.push(browser.of(1_000, BROWSER).size(60, 700).load(35, 8));
    for number in 0..24 {
        let tab = Process::new(4_500 + number * 20, 4_410, "Isolated Web Co");
        let tab = tab.command("/opt/browser/browser -contentproc").of(1_000, BROWSER);
        all.push(tab.size(18, 160 + u64::from(number) * 5).load(u64::from(number % 4), 0));
    }
    let editor = Process::new(5_200, 4_000, "editor").command("editor main.rs");
    all.push(editor.of(1_000, APPS).size(12, 900).load(14, 1));
    all
}

pub fn write(tree: &Tree, second: u64) -> io::Result<()> {
    let spec = spec(second).settle();
    let now = spec.now();
    spec.write(tree)?;
    cgroup::write(tree, "sys/fs/cgroup", CGROUPS, now, "259:0", false)?;
    tree.file("sys/devices/cpu_core/cpus", "0-7\n")?;
    tree.file("sys/devices/cpu_atom/cpus", "8-15\n")?;
    // original, compressed, used, limit, highest, same pages, compacted, huge, huge since boot
    let swap = "2048000000 610000000 640000000 0 660000000 12000 400 90 95\n";
    tree.file("sys/devices/virtual/block/zram0/mm_stat", swap)?;

    let range = 262_143_328_850;
    for (entry, name, milliwatts, limit) in [
        ("intel-rapl:0", "package-0", 9_500, Some(28_000_000)),
        ("intel-rapl:0:0", "core", 6_200, None),
        ("intel-rapl:0:1", "uncore", 800, None),
        ("intel-rapl:1", "psys", 14_300, Some(60_000_000)),
    ] {
        sensor::rapl(tree, entry, name, milliwatts, range, now, limit)?;
    }
    battery(tree, second)?;
    sensors(tree, second)
}

/// 57 Wh when new; 3 mWh go in each second at 11.2 W.
fn battery(tree: &Tree, second: u64) -> io::Result<()> {
    let energy = (31_400_000 - second.min(9_000) * 3_111).to_string();
    let device = "LNXSYSTM:00/LNXSYBUS:00/PNP0C0A:00/power_supply";
    let values = [
        ("type", "Battery"),
        ("scope", "System"),
        ("status", "Discharging"),
        ("present", "1"),
        ("capacity", "64"),
        ("energy_now", energy.as_str()),
        ("energy_full", "49100000"),
        ("energy_full_design", "57000000"),
        ("power_now", "11200000"),
        ("voltage_now", "15210000"),
        ("voltage_min_design", "15480000"),
        ("cycle_count", "187"),
        ("model_name", "MADE-UP-57"),
        ("manufacturer", "Made up"),
    ];
    tree.attributes(&format!("sys/devices/{device}/BAT0"), &values)?;
    tree.class("power_supply", "BAT0", &format!("{device}/BAT0"))?;
    tree.attributes(&format!("sys/devices/{device}/AC"), &[("type", "Mains"), ("online", "0")])?;
    tree.class("power_supply", "AC", &format!("{device}/AC"))
}

fn sensors(tree: &Tree, second: u64) -> io::Result<()> {
    let heat = |base: u64| (base + second % 5 * 1_000).to_string();
    let (package, first, second_core) = (heat(57_000), heat(55_000), heat(52_000));
    let fan = (2_380 + second % 3 * 20).to_string();
    let cores = [
        ("name", "coretemp"),
        ("temp1_input", package.as_str()),
        ("temp1_label", "Package id 0"),
        ("temp1_max", "100000"),
        ("temp1_crit", "100000"),
        ("temp1_crit_alarm", "0"),
        ("temp2_input", &first),
        ("temp2_label", "Core 0"),
        ("temp2_max", "100000"),
        ("temp2_crit", "100000"),
        ("temp6_input", &second_core),
        ("temp6_label", "Core 4"),
        ("temp6_max", "100000"),
        ("temp6_crit", "100000"),
    ];
    sensor::chip(tree, 6, "platform/coretemp.0", &cores)?;
    let drive = [
        ("name", "nvme"),
        ("temp1_input", "38850"),
        ("temp1_label", "Composite"),
        ("temp1_max", "81850"),
        ("temp1_crit", "84850"),
        ("temp1_alarm", "0"),
        ("temp2_input", "41850"),
        ("temp2_label", "Sensor 1"),
        ("temp2_max", "65261850"),
    ];
    sensor::chip(tree, 2, NVME, &drive)?;
    let fans = [
        ("name", "thinkpad"),
        ("fan1_input", fan.as_str()),
        ("fan2_input", "0"),
        ("temp1_input", "56000"),
        ("temp1_label", "CPU"),
    ];
    sensor::chip(tree, 5, "platform/thinkpad_hwmon", &fans)?;
    let zone = [("name", "acpitz"), ("temp1_input", "56000"), ("temp1_crit", "128000")];
    sensor::chip(tree, 0, "virtual/thermal/thermal_zone0", &zone)?;
    let wireless = [("name", "iwlwifi_1"), ("temp1_input", "44000")];
    sensor::chip(tree, 7, "virtual/thermal/thermal_zone3", &wireless)?;
    sensor::zone(tree, 0, "acpitz", 56_000)?;
    sensor::zone(tree, 1, "INT3400 Thermal", 20_000)?;
    sensor::zone(tree, 2, "TCPU", 57_050)?;
    sensor::zone(tree, 3, "iwlwifi_1", 44_000)?;
    sensor::zone(tree, 4, "x86_pkg_temp", 57_000)
}
