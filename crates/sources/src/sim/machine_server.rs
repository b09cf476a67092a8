//! `sim:server-512`: two sockets, 512 threads, 60 containers of 19 processes each. For what must
//! not slow down.

use super::machine_web::system;
use super::noise::mix;
use super::program::Program;
use super::script::{Phase, Script, What};
use super::spec::{Cores, GB, GIB, Network, Power, Spec, disk, domain, fan, heat, mount};

const DAY: Script = Script {
    period: 900,
    phases: &[
        Phase { start: 120, end: 240, what: What::Run { program: "simulate" } },
        Phase { start: 500, end: 560, what: What::Storm { program: "scrub" } },
    ],
};

const CONTAINERS: u64 = 60;
const SSD: &str = "Made-up CM7-V 6.4TB";

/// The machine.
pub fn spec() -> Spec {
    Spec {
        name: "server-512",
        host: "node-117",
        os: "Ubuntu 24.04.3 LTS",
        kernel: "6.14.0-33-generic",
        architecture: "x86_64",
        cpu_model: "Made-up EPYC 9754 128-Core Processor",
        virtualization: None,
        uptime: 141 * 86_400,
        sockets: 2,
        cores: &[Cores { threads: 512, siblings: 2, kind: None, mhz: (1500, 3100) }],
        memory: 1536 * GIB,
        swap: 0,
        cache: 600 * GIB,
        bandwidth: 0,
        disks: vec![
            disk("nvme0n1", "", SSD, (0, 6400 * GB, 250)),
            disk("nvme1n1", "", SSD, (0, 6400 * GB, 250)),
            disk("nvme2n1", "", SSD, (0, 6400 * GB, 250)),
            disk("nvme3n1", "", SSD, (0, 6400 * GB, 250)),
        ],
        filesystems: vec![
            mount("/", "/dev/nvme0n1p2", "ext4", (400 * GB, 180)),
            mount("/var/lib/containers", "/dev/nvme1n1", "xfs", (6400 * GB, 470)),
            mount("/srv", "pool0", "zfs", (12_000 * GB, 720)),
        ],
        networks: ["ens1f0np0", "ens1f1np1", "bond0"]
            .into_iter()
            .map(|name| Network {
                name,
                address: "b8:ce:f6:0a:44:10",
                speed: 12_500_000_000,
                usual: (240_000_000, 910_000_000),
            })
            .collect(),
        sensors: vec![
            heat("k10temp-0", "Tctl", (42_000, 84_000), (95_000, 100_000)),
            heat("k10temp-1", "Tctl", (43_000, 86_000), (95_000, 100_000)),
            heat("nvme-0", "Composite", (38_000, 66_000), (77_800, 84_800)),
            fan("bmc", "FAN1", (3600, 11_400)),
            fan("bmc", "FAN2", (3600, 11_300)),
        ],
        power: vec![
            domain("package-0", (92_000, 360_000), 400_000),
            domain("package-1", (94_000, 358_000), 400_000),
            Power {
                domain: "PSU total",
                source: "hwmon",
                milliwatts: (340_000, 1_150_000),
                limit: 0,
                counts: false,
                whole: true,
            },
        ],
        battery: None,
        gpus: Vec::new(),
        limit: None,
        group_limits: (0..CONTAINERS)
            .filter(|number| number % 3 == 0)
            .map(|number| (container(number).0, Some(8000), Some(32 * GIB)))
            .collect(),
        programs: programs(),
        script: DAY,
    }
}

/// Path and name of a container.
fn container(number: u64) -> (String, String) {
    let id = format!("{:016x}{:016x}", mix(number), mix(!number));
    (format!("/machine.slice/libpod-{id}.scope"), id.chars().take(12).collect())
}

fn programs() -> Vec<Program> {
    let kinds: [(&str, &str, u64, u64, u64); 5] = [
        ("java", "java -Xmx16g -jar /app/orders.jar", 84, 700, 9_000),
        ("envoy", "envoy -c /etc/envoy/envoy.yaml --concurrency 4", 9, 120, 90),
        ("python3", "python3 -m uvicorn app:api --workers 8", 4, 260, 400),
        ("beam.smp", "beam.smp -S 16 -- -root /usr/lib/erlang", 38, 300, 1_800),
        ("clickhouse-serv", "clickhouse-server --config=/etc/ch.xml", 210, 900, 14_000),
    ];
    let mut list = system();
    for number in 0..CONTAINERS {
        let (path, id) = container(number);
        let inside =
            |name: &str| Program::new(name).group(path.clone(), id.clone()).user(100_000, "100000");
        let Some(&(name, command, threads, cpu, mib)) = kinds.get(number as usize % kinds.len())
        else {
            continue;
        };
        list.push(inside("catatonit").command("/catatonit -P").memory(1, 1));
        list.push(
            inside(name)
                .command(command)
                .threads(threads)
                .cpu(cpu * 4)
                .memory(mib, 90)
                .io(2_000_000, 3_000_000)
                .serves(),
        );
        list.push(
            inside("worker")
                .command("/app/worker --queue default --slot {n}")
                .count(14)
                .threads(6)
                .cpu(170)
                .memory(150, 30)
                .io(30_000, 60_000)
                .serves(),
        );
        list.push(inside("sh").command("/bin/sh /app/entrypoint.sh").count(2).memory(1, 1));
        list.push(inside("fluent-bit").command("fluent-bit -c /etc/fb.conf").cpu(9).threads(3));
    }
    list.extend([
        Program::new("simulate")
            .command("mpirun -np 384 ./simulate --mesh wing-9M")
            .user(2001, "ines")
            .group("/user.slice/user-2001.slice/session-9.scope", "session-9.scope")
            .count(0)
            .threads(384)
            .cpu(330_000)
            .system(2)
            .memory(190_000, 40),
        Program::service("scrub", "zfs-scrub")
            .command("zpool scrub -w pool0")
            .count(0)
            .cpu(700)
            .system(95)
            .io(6_000_000_000, 1_000_000),
    ]);
    list
}
