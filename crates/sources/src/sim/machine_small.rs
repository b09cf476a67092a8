//! `sim:small` and `sim:hostile`: a board with two threads and 30 processes, and the same board
//! with names that were chosen to break whoever prints them.

use super::program::Program;
use super::script::{Phase, Script, What};
use super::spec::{Battery, Cores, Disk, GB, GIB, MIB, Network, Power, Spec, disk, heat, mount};

const CHORES: Script = Script {
    period: 120,
    phases: &[Phase { start: 30, end: 40, what: What::Run { program: "apt-get" } }],
};

/// The quiet board, in a container with limits.
pub fn small() -> Spec {
    Spec {
        name: "small",
        host: "shed",
        os: "Alpine Linux v3.22",
        kernel: "6.12.51-0-lts",
        architecture: "aarch64",
        cpu_model: "Made-up Cortex-A55",
        virtualization: Some("lxc"),
        uptime: 9 * 3600,
        sockets: 1,
        cores: &[Cores { threads: 2, siblings: 1, kind: None, mhz: (408, 1800) }],
        memory: GIB,
        swap: 256 * MIB,
        cache: 380 * MIB,
        bandwidth: 0,
        disks: vec![
            Disk { latency: 900, ..disk("mmcblk0", "", "Made-up SD32G", (0, 32 * GB, 1000)) },
            disk("mmcblk0p2", "mmcblk0", "", (1, 31 * GB, 1000)),
        ],
        filesystems: vec![mount("/", "/dev/mmcblk0p2", "ext4", (31 * GB, 420))],
        networks: vec![
            Network { name: "lo", address: "00:00:00:00:00:00", speed: 0, usual: (900, 900) },
            Network {
                name: "eth0",
                address: "dc:a6:32:00:11:22",
                speed: 125_000_000,
                usual: (2_100, 1_900),
            },
        ],
        sensors: vec![heat("cpu_thermal", "temp1", (46_000, 74_000), (80_000, 85_000))],
        power: vec![Power {
            domain: "VDD_5V",
            source: "hwmon",
            milliwatts: (1_400, 5_200),
            limit: 0,
            counts: false,
            whole: true,
        }],
        battery: None,
        gpus: Vec::new(),
        limit: Some((1500, 800 * MIB)),
        group_limits: Vec::new(),
        programs: board(),
        script: CHORES,
    }
}

fn board() -> Vec<Program> {
    let mut list = vec![
        Program::new("init").command("/sbin/init").group("/init.scope", "").memory(1, 1),
        Program::kernel("kthreadd", 1, 0),
        Program::kernel("ksoftirqd/{n}", 2, 1),
        Program::kernel("kworker/{n}:0", 8, 1),
        Program::kernel("mmcqd/0", 1, 2),
    ];
    for (name, cpu, mib) in [
        ("syslogd", 1, 1),
        ("crond", 0, 1),
        ("dropbear", 0, 1),
        ("ntpd", 1, 1),
        ("udhcpc", 0, 1),
        ("mosquitto", 6, 5),
        ("zigbee2mqtt", 60, 96),
        ("python3", 90, 74),
        ("influxd", 40, 120),
        ("dnsmasq", 2, 3),
    ] {
        let threads = if mib > 50 { 11 } else { 1 };
        list.push(
            Program::service(name, name).cpu(cpu).memory(mib, 4).threads(threads).io(600, 4_000),
        );
    }
    list.extend([
        Program::new("sh").command("-ash").count(6).memory(1, 1).age(600),
        Program::new("apt-get")
            .command("apt-get -y dist-upgrade")
            .count(0)
            .cpu(900)
            .memory(70, 20)
            .io(900_000, 2_000_000),
    ]);
    list
}

/// The board whose owner reads security mailing lists.
pub fn hostile() -> Spec {
    let long = "W".repeat(200);
    let evil: [(&[u8], Vec<u8>); 12] = [
        (b"\x1b[2J\x1b[31mred", b"\x1b]0;pwned\x07 \x1b[1;1H".to_vec()),
        (b"two\nlines", b"first\nsecond\r\nthird\ttab".to_vec()),
        (b"a) R 1 1 (b", b"stat) S 0 0 0 (trick".to_vec()),
        ("\u{202e}gnp.exe".as_bytes(), "evil\u{202e}fdp.exe \u{2066}x\u{2069}".into()),
        (long.as_bytes(), [long.as_bytes(), b" --", long.as_bytes()].concat()),
        ("👩‍👩‍👧‍👦🏳️‍🌈".as_bytes(), "🦀".repeat(90).into_bytes()),
        (b"\xff\xfe\x80bytes", b"--arg=\xc3\x28 \xf0\x9f".to_vec()),
        (
            "Z\u{335}\u{31b}\u{340}\u{310}a\u{321}\u{35d}lgo".as_bytes(),
            "e\u{301}\u{301}\u{301}".into(),
        ),
        (b"", b"".to_vec()),
        (b" ", b"  leading and trailing  ".to_vec()),
        ("\u{200b}\u{feff}\u{ad}".as_bytes(), "zero\u{200b}width\u{200d}".into()),
        (b"$(reboot)`id`%s%n", b"'; DROP TABLE processes; --".to_vec()),
    ];
    let evil = evil.into_iter().map(|(name, command)| {
        let command = if command.is_empty() { b"\0".to_vec() } else { command };
        Program::new(name)
            .command(command)
            .user(4_294_967_294, "nobody\u{1b}[7m)")
            .group("/evil.slice/a\u{1b}b) c\n\u{202e}d.scope", "c\u{7}tr)\u{202e}🐳")
            .count(2)
            .cpu(25)
            .memory(3, 2)
            .io(1_000, 1_000)
    });
    let mut spec = Spec {
        name: "hostile",
        host: "ho\u{1b}[5mst\u{202e}evil",
        os: "\u{1b}]8;;http://x\u{7}OS",
        kernel: "6.6.6-\n",
        cpu_model: "Ⅸ 漢字 \u{9b}31m CPU",
        virtualization: None,
        limit: None,
        battery: Some(Battery {
            name: "BAT\u{1b}[0m",
            model: "",
            capacity: (40_000, 41_000),
            charge: 61,
            cycles: 0,
        }),
        ..small()
    };
    spec.programs.extend(evil);
    spec.filesystems.push(mount(
        "/mnt/a b\\040\n\u{202e}c",
        "//srv/sh\u{1b}are",
        "fuse.\t",
        (GB, 999),
    ));
    spec.networks.push(Network {
        name: "e\u{1b}[1mth",
        address: "\n",
        speed: 1,
        usual: (u64::MAX >> 20, 0),
    });
    spec.sensors.push(heat(
        "ch\u{202e}ip",
        "sen\u{7}sor",
        (-273_150, 2_000_000),
        (0, i64::MAX >> 8),
    ));
    spec
}
