//! `sim:laptop`: a hybrid processor on battery, a desktop, and people who name things in every
//! script of the world.

use super::machine_web::system;
use super::program::Program;
use super::script::{Phase, Script, What};
use super::spec::{
    Battery, Cores, Filesystem, GB, GIB, Network, Power, Spec, disk, domain, fan, heat, mount,
};

const AFTERNOON: Script = Script {
    period: 420,
    phases: &[
        Phase { start: 60, end: 75, what: What::Run { program: "renderer 🎬" } },
        Phase {
            start: 150,
            end: 200,
            what: What::Build { driver: "make", workers: &["clang-20", "ld.lld"], at_once: 14 },
        },
        Phase { start: 300, end: 320, what: What::Storm { program: "restic" } },
    ],
};

const SSD: &str = "Made-up 990 PRO 2TB";

/// The machine.
pub fn spec() -> Spec {
    Spec {
        name: "laptop",
        host: "wanderer",
        os: "Fedora Linux 43 (Workstation Edition)",
        kernel: "6.17.4-300.fc43.x86_64",
        architecture: "x86_64",
        cpu_model: "Made-up Core Ultra 7 165H",
        virtualization: None,
        uptime: 2 * 86_400 + 3 * 3600,
        sockets: 1,
        cores: &[
            Cores { threads: 12, siblings: 2, kind: Some(0), mhz: (400, 5000) },
            Cores { threads: 8, siblings: 1, kind: Some(1), mhz: (400, 3800) },
        ],
        memory: 32 * GIB,
        swap: 8 * GIB,
        cache: 11 * GIB,
        bandwidth: 89_600_000_000,
        disks: vec![
            disk("nvme0n1", "", SSD, (0, 2000 * GB, 1000)),
            disk("nvme0n1p1", "nvme0n1", SSD, (1, GB, 0)),
            disk("nvme0n1p3", "nvme0n1", SSD, (1, 1998 * GB, 1000)),
            disk("dm-0", "nvme0n1p3", "luks-home", (2, 1998 * GB, 1000)),
            disk("zram0", "", "zram", (5, 8 * GIB, 0)),
        ],
        filesystems: vec![
            mount("/", "/dev/dm-0", "btrfs", (1998 * GB, 540)),
            mount("/home", "/dev/dm-0", "btrfs", (1998 * GB, 540)),
            mount("/boot/efi", "/dev/nvme0n1p1", "vfat", (GB, 130)),
            Filesystem {
                mountpoint: "/run/media/mia/Fotos 📷",
                device: "/dev/sda1",
                fstype: "exfat",
                size: 128 * GB,
                used: 970,
            },
        ],
        networks: vec![
            Network { name: "lo", address: "00:00:00:00:00:00", speed: 0, usual: (9_000, 9_000) },
            Network {
                name: "wlp0s20f3",
                address: "a4:6b:b6:01:d2:77",
                speed: 300_000_000,
                usual: (640_000, 48_000),
            },
            Network { name: "tailscale0", address: "", speed: 0, usual: (4_000, 5_000) },
        ],
        sensors: vec![
            heat("coretemp", "Package id 0", (44_000, 97_000), (100_000, 110_000)),
            heat("acpitz", "temp1", (39_000, 71_000), (95_000, 105_000)),
            heat("nvme", "Composite", (35_000, 57_000), (81_800, 84_800)),
            heat("iwlwifi_1", "temp1", (41_000, 52_000), (95_000, 110_000)),
            fan("thinkpad", "fan1", (0, 4800)),
        ],
        power: vec![
            domain("package-0", (3_200, 46_000), 64_000),
            domain("core", (900, 37_000), 0),
            domain("uncore", (120, 2_100), 0),
            Power { whole: true, ..domain("psys", (7_400, 66_000), 0) },
        ],
        battery: Some(Battery {
            name: "BAT0",
            model: "Made-up 5B11M90058",
            capacity: (75_000, 68_200),
            charge: 840,
            cycles: 214,
        }),
        gpus: Vec::new(),
        limit: None,
        group_limits: Vec::new(),
        programs: programs(),
        script: AFTERNOON,
    }
}

fn app(name: &'static str, unit: &str) -> Program {
    Program::new(name).user(1000, "mia").group(
        format!("/user.slice/user-1000.slice/user@1000.service/app.slice/app-{unit}.scope"),
        format!("app-{unit}.scope"),
    )
}

fn programs() -> Vec<Program> {
    let mut list = system();
    list.extend([
        app("gnome-shell", "gnome-shell")
            .command("/usr/bin/gnome-shell")
            .threads(24)
            .cpu(90)
            .memory(410, 180)
            .nice(-5),
        app("pipewire", "pipewire").command("/usr/bin/pipewire").threads(3).cpu(12).memory(18, 10),
        app("Xwayland", "xwayland").command("/usr/bin/Xwayland :0 -rootless").cpu(6).memory(60, 50),
        app("firefox", "firefox")
            .command("/usr/lib64/firefox/firefox")
            .threads(96)
            .cpu(160)
            .memory(780, 260)
            .io(30_000, 250_000),
        app("Isolated Web Co", "firefox")
            .command("/usr/lib64/firefox/firefox -contentproc -childID {n} -isForBrowser tab")
            .parent("firefox")
            .count(38)
            .threads(28)
            .cpu(14)
            .memory(170, 110),
        app("code", "code")
            .command("/usr/share/code/code --unity-launch")
            .threads(38)
            .cpu(45)
            .memory(240, 150),
        app("code", "code")
            .command("/usr/share/code/code --type=utility --node-integration {n}")
            .parent("code")
            .count(14)
            .threads(15)
            .cpu(10)
            .memory(190, 90),
        app("rust-analyzer", "code")
            .command("/home/mia/.cargo/bin/rust-analyzer")
            .parent("code")
            .threads(22)
            .cpu(35)
            .memory(2_300, 30),
        app("音楽プレーヤー", "music")
            .command("/usr/bin/音楽プレーヤー --再生 /home/mia/音楽/坂本龍一/戦場のメリークリスマス.flac")
            .command("/usr/bin/音楽プレーヤー --再生 /home/mia/音楽/朝の散歩.flac")
            .threads(12)
            .cpu(18)
            .memory(120, 60),
        app("微信", "wechat")
            .command("/opt/微信/微信 --no-sandbox")
            .threads(41)
            .cpu(22)
            .memory(480, 140),
        app("🦀-language-serv", "code")
            .command("/home/mia/bin/🦀-language-server --stdio")
            .parent("code")
            .cpu(9)
            .memory(140, 8),
        app("Телеграм", "telegram")
            .command("/opt/Телеграм/Telegram -- %u")
            .threads(31)
            .cpu(15)
            .memory(320, 110),
        app("한글편집기", "hangul").command("한글편집기 /home/mia/보고서.hwp").cpu(3).memory(90, 40),
        app("gvfsd-{n}", "gvfs").command("/usr/libexec/gvfsd-{n}").count(18).memory(3, 7),
        app("evolution-{n}", "evolution").command("/usr/libexec/evolution-{n}").count(8).threads(5).memory(22, 30),
        app("bash", "ptyxis").command("/bin/bash").count(22).memory(3, 4).age(7_000),
        app("vim", "ptyxis").command("vim notes-{n}.md").parent("bash").count(4).memory(11, 7).age(6_000),
        app("한글편집기", "hangul")
            .command("한글편집기 /home/mia/보고서.hwp")
            .cpu(3)
            .memory(90, 40),
        app("gvfsd-{n}", "gvfs").command("/usr/libexec/gvfsd-{n}").count(18).memory(3, 7),
        app("evolution-{n}", "evolution")
            .command("/usr/libexec/evolution-{n}")
            .count(8)
            .threads(5)
            .memory(22, 30),
        app("bash", "ptyxis").command("/bin/bash").count(22).memory(3, 4).age(7_000),
        app("vim", "ptyxis")
            .command("vim notes-{n}.md")
            .parent("bash")
            .count(4)
            .memory(11, 7)
            .age(6_000),
        app("sleep", "ptyxis").command("sleep infinity").count(2).stuck(3),
        Program::service("NetworkManager", "NetworkManager")
            .command("/usr/bin/NetworkManager --no-daemon")
            .threads(4)
            .cpu(2)
            .memory(10, 16),
        Program::service("tailscaled", "tailscaled")
            .command("/usr/sbin/tailscaled --state=/var/lib/tailscale/tailscaled.state")
            .threads(17)
            .cpu(8)
            .memory(42, 30),
        Program::service("thermald", "thermald").command("/usr/bin/thermald --systemd").memory(5, 8),
        Program::service("thermald", "thermald")
            .command("/usr/bin/thermald --systemd")
            .memory(5, 8),
        app("renderer 🎬", "render")
            .command("blender --background 映画/最終版 🎬.blend --render-anim")
            .count(0)
            .threads(20)
            .cpu(14_000)
            .system(3)
            .memory(3_100, 90),
        app("make", "ptyxis").command("make -j14").parent("bash").count(0).cpu(20),
        compiler("clang-20", "clang -O2 -c drivers/{n}.c"),
        compiler("ld.lld", "ld.lld -o vmlinux"),
        app("restic", "backup")
            .command("restic backup --exclude-caches /home/mia")
            .nice(10)
            .count(0)
            .threads(12)
            .cpu(1_800)
            .memory(420, 20)
            .io(410_000_000, 3_000_000),
    ]);
    list
}

fn compiler(name: &'static str, command: &str) -> Program {
    app(name, "ptyxis")
        .command(command)
        .parent("make")
        .count(0)
        .cpu(1_000)
        .system(8)
        .memory(210, 80)
        .io(300_000, 900_000)
}
