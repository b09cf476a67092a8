//! `sim:web-incident`: a web server with 8 threads on which, every ten minutes, goes wrong what
//! goes wrong on web servers.

use super::program::Program;
use super::script::{Phase, Script, What};
use super::spec::{
    Cores, GB, GIB, MIB, Measures, Network, Sensor, Spec, disk, domain, fan, heat, mount,
};

/// Ten minutes in the life of a web server.
const INCIDENT: Script = Script {
    period: 600,
    phases: &[
        // Somebody builds the next release on the live machine.
        Phase {
            start: 40,
            end: 80,
            what: What::Build {
                driver: "cargo",
                workers: &["rustc", "cc1plus", "rustc", "ld"],
                at_once: 10,
            },
        },
        // One worker holds on to every request that it has seen, until the kernel kills it.
        Phase {
            start: 110,
            end: 330,
            what: What::Leak { program: "gunicorn", bytes_per_second: 160 * MIB },
        },
        // Three seconds of a report that nobody would find with a ten-second interval.
        Phase { start: 360, end: 363, what: What::Run { program: "report.py" } },
        // The backup reads the whole disk; everybody else waits.
        Phase { start: 390, end: 450, what: What::Storm { program: "rsync" } },
        // A log that is not rotated fills /var.
        Phase {
            start: 460,
            end: 590,
            what: What::Fill { program: "nginx", mountpoint: "/var", share_permille: 350 },
        },
    ],
};

const GUNICORN: &str =
    "/srv/shop/venv/bin/python /srv/shop/venv/bin/gunicorn shop.wsgi -w 12 -b unix:/run/shop.sock";
const MODEL: &str = "Made-up PM9A3 960GB";

/// The machine.
pub fn spec() -> Spec {
    Spec {
        name: "web-incident",
        host: "web-01",
        os: "Debian GNU/Linux 13 (trixie)",
        kernel: "6.12.48-amd64",
        architecture: "x86_64",
        cpu_model: "Made-up Xeon E-2378 @ 2.60GHz",
        virtualization: Some("kvm"),
        uptime: 19 * 86_400 + 4 * 3600,
        sockets: 1,
        cores: &[Cores { threads: 8, siblings: 2, kind: None, mhz: (800, 4800) }],
        memory: 32 * GIB,
        swap: 8 * GIB,
        cache: 14 * GIB,
        bandwidth: 0,
        disks: vec![
            disk("nvme0n1", "", MODEL, (0, 960 * GB, 1000)),
            disk("nvme0n1p1", "nvme0n1", MODEL, (1, GB, 2)),
            disk("nvme0n1p2", "nvme0n1", MODEL, (1, 400 * GB, 300)),
            disk("nvme0n1p3", "nvme0n1", MODEL, (1, 559 * GB, 690)),
        ],
        filesystems: vec![
            mount("/", "/dev/nvme0n1p2", "ext4", (400 * GB, 310)),
            mount("/boot", "/dev/nvme0n1p1", "ext4", (GB, 220)),
            mount("/var", "/dev/nvme0n1p3", "xfs", (559 * GB, 610)),
            mount("/run", "tmpfs", "tmpfs", (3 * GIB, 2)),
        ],
        networks: vec![
            Network {
                name: "lo",
                address: "00:00:00:00:00:00",
                speed: 0,
                usual: (400_000, 400_000),
            },
            Network {
                name: "eth0",
                address: "52:54:00:3a:91:0c",
                speed: 1_250_000_000,
                usual: (3_400_000, 21_000_000),
            },
        ],
        sensors: vec![
            heat("coretemp", "Package id 0", (41_000, 83_000), (92_000, 100_000)),
            heat("nvme", "Composite", (36_000, 58_000), (84_800, 89_800)),
            fan("nct6798", "CPU fan", (900, 2700)),
            Sensor {
                chip: "nct6798",
                name: "Vcore",
                measures: Measures::Voltage,
                idle: 760,
                busy: 1240,
            },
            Sensor {
                chip: "ina3221",
                name: "12V",
                measures: Measures::Current,
                idle: 1800,
                busy: 7900,
            },
        ],
        power: vec![
            domain("package-0", (14_000, 78_000), 80_000),
            domain("core", (6_000, 64_000), 0),
            domain("dram", (2_200, 6_800), 0),
        ],
        battery: None,
        gpus: Vec::new(),
        limit: None,
        group_limits: vec![("/system.slice/gunicorn.service".to_owned(), Some(6000), None)],
        programs: programs(),
        script: INCIDENT,
    }
}

fn programs() -> Vec<Program> {
    let mut list = system();
    list.extend([
        Program::service("nginx", "nginx")
            .command("nginx: master process /usr/sbin/nginx -g daemon off;")
            .memory(9, 6),
        Program::service("nginx", "nginx")
            .command("nginx: worker process")
            .user(33, "www-data")
            .parent("nginx")
            .count(8)
            .cpu(45)
            .system(60)
            .memory(24, 8)
            .io(8_192, 60_000)
            .serves(),
        Program::service("gunicorn", "gunicorn")
            .command(GUNICORN)
            .user(1001, "shop")
            .memory(60, 30),
        Program::service("gunicorn", "gunicorn")
            .command(GUNICORN)
            .user(1001, "shop")
            .parent("gunicorn")
            .count(12)
            .threads(4)
            .cpu(110)
            .system(12)
            .memory(310, 30)
            .io(20_000, 15_000)
            .serves(),
        Program::service("postgres", "postgresql")
            .command("/usr/lib/postgresql/17/bin/postgres -D /var/lib/postgresql/17/main")
            .user(112, "postgres")
            .cpu(8)
            .memory(40, 280)
            .io(40_000, 900_000),
        Program::service("postgres", "postgresql")
            .command("postgres: 17/main: shop shop 10.0.0.7(512{n}) idle")
            .user(112, "postgres")
            .parent("postgres")
            .count(24)
            .cpu(28)
            .memory(38, 260)
            .io(190_000, 60_000)
            .serves(),
        Program::service("redis-server", "redis")
            .command("/usr/bin/redis-server 127.0.0.1:6379")
            .user(113, "redis")
            .threads(5)
            .cpu(60)
            .memory(820, 6)
            .io(0, 30_000)
            .serves(),
        Program::service("php-fpm8.4", "php8.4-fpm")
            .command("php-fpm: pool legacy")
            .user(33, "www-data")
            .count(24)
            .cpu(6)
            .memory(26, 18)
            .io(4_000, 2_000)
            .serves(),
        Program::service("celery", "celery")
            .command("/srv/shop/venv/bin/celery -A shop worker -n mail@%h -c 16 --pid {n}")
            .user(1001, "shop")
            .count(17)
            .cpu(9)
            .memory(95, 30)
            .io(0, 8_000),
        Program::new("node")
            .command("node /app/server.js --port 300{n}")
            .user(1000, "node")
            .group(
                "/system.slice/docker-{n}c1f0a2be9d44e0f8a51c6d2f97b3e60.scope",
                "{n}c1f0a2be9d4",
            )
            .count(3)
            .threads(11)
            .cpu(70)
            .memory(190, 45)
            .serves(),
        Program::new("health-check")
            .command("/usr/local/bin/health-check --url http://127.0.0.1/healthz --timeout 800ms")
            .user(65_534, "nobody")
            .count(0)
            .cpu(30),
        Program::new("cron-job")
            .command("/bin/sh -c run-parts --report /etc/cron.minutely")
            .count(0)
            .cpu(20),
        Program::new("cargo")
            .command("cargo build --release --workspace")
            .user(1002, "deploy")
            .group("/user.slice/user-1002.slice/session-41.scope", "session-41.scope")
            .count(0)
            .threads(9)
            .cpu(60)
            .memory(110, 25)
            .io(2_000_000, 900_000),
        Program::new("git")
            .command("git remote-https origin https://git.example/shop.git")
            .user(1002, "deploy")
            .group("/user.slice/user-1002.slice/session-41.scope", "session-41.scope")
            .parent("bash")
            .age(5_200)
            .stuck(5),
        compiler(
            "rustc",
            "rustc --crate-name shop_{n} --edition=2024 src/lib.rs -C opt-level=3",
            420,
        ),
        compiler("cc1plus", "/usr/lib/gcc/x86_64-linux-gnu/14/cc1plus -quiet -O2 zstd_{n}.cc", 260),
        compiler("ld", "/usr/bin/ld -pie --gc-sections -o shop-{n}", 700),
        Program::new("report.py")
            .command("python3 /srv/shop/bin/report.py --quarter --all-customers")
            .user(1001, "shop")
            .group("/system.slice/cron.service", "cron.service")
            .parent("cron")
            .count(0)
            .threads(5)
            .cpu(5_000)
            .system(5)
            .memory(900, 30),
        Program::new("rsync")
            .command("rsync -aHAX --numeric-ids / backup@10.0.0.9::web-01")
            .group("/system.slice/backup.service", "backup.service")
            .count(0)
            .cpu(900)
            .system(70)
            .memory(160, 5)
            .io(620_000_000, 900_000),
    ]);
    list
}

fn compiler(name: &'static str, command: &str, mib: u64) -> Program {
    Program::new(name)
        .command(command)
        .user(1002, "deploy")
        .group("/user.slice/user-1002.slice/session-41.scope", "session-41.scope")
        .parent("cargo")
        .count(0)
        .threads(2)
        .cpu(1_200)
        .system(9)
        .nice(5)
        .memory(mib, 70)
        .io(600_000, 2_500_000)
}

/// What runs on every Linux server.
pub fn system() -> Vec<Program> {
    let mut list = vec![
        Program::new("systemd")
            .command("/sbin/init")
            .group("/init.scope", "init.scope")
            .cpu(1)
            .memory(7, 9),
        Program::kernel("kthreadd", 1, 0),
    ];
    for (name, count, cpu) in [
        ("rcu_preempt", 1, 2),
        ("migration/{n}", 8, 0),
        ("ksoftirqd/{n}", 8, 1),
        ("cpuhp/{n}", 8, 0),
        ("kworker/{n}:1-events", 16, 2),
        ("kworker/u16:{n}-flush-259:0", 6, 3),
        ("kswapd0", 1, 1),
        ("kcompactd0", 1, 0),
        ("jbd2/nvme0n1p2-8", 1, 2),
        ("xfsaild/nvme0n1p3", 1, 2),
        ("nvme-wq", 1, 0),
        ("irq/124-eth0-rx-{n}", 4, 3),
        ("scsi_eh_{n}", 4, 0),
        ("khugepaged", 1, 0),
        ("oom_reaper", 1, 0),
    ] {
        list.push(Program::kernel(name, count, cpu));
    }
    list.extend([
        Program::service("systemd-journal", "systemd-journald")
            .command("/usr/lib/systemd/systemd-journald")
            .cpu(4)
            .memory(18, 90)
            .io(0, 70_000),
        Program::service("systemd-udevd", "systemd-udevd")
            .command("/usr/lib/systemd/systemd-udevd")
            .memory(4, 7),
        Program::service("systemd-resolve", "systemd-resolved")
            .command("/usr/lib/systemd/systemd-resolved")
            .user(991, "systemd-resolve")
            .cpu(1)
            .memory(6, 8),
        Program::service("dbus-daemon", "dbus")
            .command("/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile")
            .user(105, "messagebus")
            .memory(2, 4),
        Program::service("cron", "cron").command("/usr/sbin/cron -f").memory(1, 2),
        Program::service("sshd", "ssh").command("sshd: /usr/sbin/sshd -D [listener]").memory(2, 7),
        Program::new("sshd")
            .command("sshd: deploy [priv]")
            .group("/user.slice/user-1002.slice/session-41.scope", "session-41.scope")
            .parent("sshd")
            .memory(3, 8)
            .age(5_400),
        Program::new("bash")
            .command("-bash")
            .user(1002, "deploy")
            .group("/user.slice/user-1002.slice/session-41.scope", "session-41.scope")
            .parent("sshd")
            .memory(2, 4)
            .age(5_390),
        Program::service("chronyd", "chrony")
            .command("/usr/sbin/chronyd -F 1")
            .user(107, "_chrony")
            .memory(1, 3),
        Program::service("dockerd", "docker")
            .command("/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock")
            .threads(22)
            .cpu(6)
            .memory(88, 50),
        Program::service("containerd", "containerd")
            .command("/usr/bin/containerd")
            .threads(19)
            .cpu(7)
            .memory(52, 35),
        Program::service("node_exporter", "node-exporter")
            .command("/usr/bin/prometheus-node-exporter")
            .user(114, "prometheus")
            .threads(8)
            .cpu(5)
            .memory(21, 14),
    ]);
    list
}
