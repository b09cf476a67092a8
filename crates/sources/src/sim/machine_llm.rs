//! `sim:linux-h100`: a server with two H100 that answers prompts on one and trains on the other,
//! beside a process that leaks the second one's memory until it is full.

use super::gpu::{Gpu, Holds, User};
use super::machine_web::system;
use super::program::Program;
use super::script::{Phase, Script, What};
use super::spec::{Cores, GB, GIB, MIB, Network, Power, Spec, disk, domain, fan, heat, mount};

/// A checkpoint is written once in a while.
const SHIFT: Script = Script {
    period: 900,
    phases: &[Phase { start: 300, end: 330, what: What::Run { program: "checkpoint" } }],
};

const H100: (u64, u64) = (81_559 * MIB, 479 * MIB);

/// The machine.
pub fn spec() -> Spec {
    Spec {
        name: "linux-h100",
        host: "gpu-03",
        os: "Ubuntu 24.04.3 LTS",
        kernel: "6.8.0-85-generic",
        architecture: "x86_64",
        cpu_model: "Made-up Xeon Platinum 8480",
        virtualization: None,
        uptime: 12 * 86_400,
        sockets: 1,
        cores: &[Cores { threads: 32, siblings: 2, kind: None, mhz: (800, 3800) }],
        memory: 512 * GIB,
        swap: 0,
        cache: 220 * GIB,
        disks: vec![
            disk("nvme0n1", "", "Made-up PM9A3 1.9TB", (0, 1920 * GB, 300)),
            disk("nvme1n1", "", "Made-up PM9A3 7.6TB", (0, 7680 * GB, 700)),
        ],
        filesystems: vec![
            mount("/", "/dev/nvme0n1p2", "ext4", (900 * GB, 310)),
            mount("/models", "/dev/nvme1n1", "xfs", (7600 * GB, 640)),
        ],
        networks: vec![Network {
            name: "ens6f0",
            address: "b8:ce:f6:0a:51:02",
            speed: 12_500_000_000,
            usual: (4_200_000, 11_000_000),
        }],
        sensors: vec![
            heat("coretemp-0", "Package id 0", (41_000, 82_000), (95_000, 105_000)),
            heat("nvme-0", "Composite", (38_000, 66_000), (77_800, 84_800)),
            fan("bmc", "FAN1", (4200, 12_400)),
        ],
        power: vec![
            domain("package-0", (88_000, 350_000), 350_000),
            Power {
                domain: "PSU total",
                source: "hwmon",
                milliwatts: (1_250_000, 1_900_000),
                limit: 0,
                counts: false,
                whole: true,
            },
        ],
        battery: None,
        bandwidth: 0,
        gpus: vec![
            Gpu {
                uuid: "GPU-7f2c1a52-0001-4b7e-9c11-6d1a2f3b4c5d",
                name: "NVIDIA H100 80GB HBM3",
                address: "00000000:1B:00.0",
                memory: H100,
                milliwatts: (72_000, 700_000),
                users: &[User {
                    program: "vllm",
                    holds: Holds::Always(72_900 * MIB),
                    busy: 720,
                    tensor: 520,
                }],
            },
            Gpu {
                uuid: "GPU-7f2c1a52-0002-4b7e-9c11-6d1a2f3b4c5d",
                name: "NVIDIA H100 80GB HBM3",
                address: "00000000:43:00.0",
                memory: H100,
                milliwatts: (71_000, 700_000),
                users: &[
                    User {
                        program: "train",
                        holds: Holds::Turns(24_000 * MIB, 41_000 * MIB, 11),
                        busy: 880,
                        tensor: 710,
                    },
                    User {
                        program: "embedder",
                        holds: Holds::Leaks { base: 3_200 * MIB, from: 120, by: 90 * MIB },
                        busy: 60,
                        tensor: 300,
                    },
                ],
            },
        ],
        limit: None,
        group_limits: Vec::new(),
        programs: programs(),
        script: SHIFT,
    }
}

fn programs() -> Vec<Program> {
    let mut list = system();
    list.extend([
        Program::new("vllm")
            .command("python -m vllm.entrypoints.openai.api_server --model llama-70b-awq --gpu-memory-utilization 0.9")
            .user(1200, "svc-vllm")
            .group("/system.slice/docker-9f3c1d2e4b5a.scope", "9f3c1d2e4b5a")
            .cpu(960)
            .memory(9_700, 900)
            .threads(41)
            .io(2_000, 9_000),
        Program::new("train")
            .command("python train.py --config sft-7b.yaml --bf16")
            .user(1001, "alice")
            .group("/user.slice/user-1001.slice/session-7.scope", "")
            .cpu(2_300)
            .memory(31_000, 700)
            .threads(77)
            .io(38_000_000, 40_000),
        Program::new("embedder")
            .command("python /srv/embed/server.py --batch 64")
            .user(1002, "bob")
            .group("/system.slice/embed.service", "embed.service")
            .cpu(180)
            .memory(2_300, 300)
            .threads(23),
        Program::new("checkpoint")
            .command("python train.py --config sft-7b.yaml --bf16 (writing checkpoint)")
            .user(1001, "alice")
            .count(0)
            .cpu(1_800)
            .memory(600, 40)
            .io(0, 900_000_000),
    ]);
    list
}
