//! Machines with graphics and neural processors of several makers, drivers and kernels.

pub mod older;
pub mod rack;

use std::io;

use crate::gpu::{chip, client, connector, device, metrics, power};
use crate::spec::{Host, Process, Spec};
use crate::tree::Tree;

use super::small_server;

/// Milliseconds and nanoseconds of this part in a thousand of the time so far.
fn ms(second: u64, permille: u64) -> u64 {
    (3_600 + second) * permille
}

fn ns(second: u64, permille: u64) -> u64 {
    ms(second, permille) * 1_000_000
}

fn machine(
    second: u64,
    name: &'static str,
    kernel: &'static str,
    programs: &[(u32, &str)],
) -> Spec {
    let small = small_server::spec(second);
    let mut processes = vec![Process::new(1, 0, "systemd").command("/sbin/init").size(1, 14)];
    for &(pid, program) in programs {
        let process = Process::new(pid, 1, program).of(1_000, "/").size(8, 300).load(20, 3);
        processes.push(process);
    }
    Spec {
        host: Host { name, kernel, ..small.host },
        disks: small.disks.into_iter().take(1).collect(),
        processes,
        ..small
    }
}

const BOARD: &str = "pci0000:00/0000:00:01.1/0000:03:00.0";

/// Linux 6.12: a board with 24 GB that draws a game, runs a model and decodes a film.
pub fn write_amd_desktop(tree: &Tree, second: u64) -> io::Result<()> {
    let programs =
        [(1_200, "kwin_wayland"), (3_000, "game"), (3_100, "ollama"), (3_200, "firefox")];
    let mut spec = machine(second, "amd", "6.12.9-made-up", &programs).settle();
    for process in spec.processes.iter_mut().filter(|process| process.pid == 3_100) {
        process.cgroup = format!("/system.slice/docker-{}.scope", "00c0ffee".repeat(8));
    }
    spec.write(tree)?;
    let identity = "PCI_CLASS=30000\nPCI_ID=1002:744C\nPCI_SLOT_NAME=0000:03:00.0";
    let attributes = [
        ("revision", "0xc8"),
        ("gpu_busy_percent", "87"),
        ("mem_busy_percent", "41"),
        ("mem_info_vram_total", "25753026560"),
        ("mem_info_vram_used", "17179869184"),
        ("mem_info_vis_vram_total", "25753026560"),
        ("mem_info_vis_vram_used", "17179869184"),
        ("mem_info_gtt_total", "33554432000"),
        ("mem_info_gtt_used", "805306368"),
        ("pp_dpm_sclk", "0: 500Mhz \n1: 2124Mhz *\n2: 2526Mhz "),
        ("pp_dpm_mclk", "0: 96Mhz \n1: 456Mhz \n2: 772Mhz \n3: 1249Mhz *"),
        ("current_link_speed", "16.0 GT/s PCIe"),
        ("current_link_width", "16"),
    ];
    device(tree, BOARD, "amdgpu", identity, &["card1", "renderD128"], &attributes)?;
    connector(tree, BOARD, "card1", "DP-1", true)?;
    // 240 W in steps of 2^-16 J; held down by power and by the hottest place.
    let energy = (240 * (3_600 + second) * 65_536).to_le_bytes();
    let throttled = (1_u64 | 1 << 36).to_le_bytes();
    let fields: [(usize, &[u8]); 3] = [(24, &energy), (20, &[12, 0]), (112, &throttled)];
    tree.file(&format!("sys/devices/{BOARD}/gpu_metrics"), metrics(120, [1, 3], &fields))?;
    let instruments = [
        ("name", "amdgpu"),
        ("temp1_input", "58000"),
        ("temp1_label", "edge"),
        ("temp2_input", "81000"),
        ("temp2_label", "junction"),
        ("temp3_input", "76000"),
        ("temp3_label", "mem"),
        ("power1_average", "238000000"),
        ("power1_cap", "327000000"),
        ("freq1_input", "2371000000"),
        ("freq2_input", "1249000000"),
        ("pwm1", "102"),
        ("fan1_input", "1430"),
    ];
    chip(tree, 2, BOARD, &instruments)?;
    power(tree, BOARD, "active", 0)?;
    tree.file(
        "usr/share/libdrm/amdgpu.ids",
        "1.0.0\n744C,\tC8,\tAMD Radeon RX 7900 XTX\n744C,\tCC,\tAMD Radeon RX 7900 XT\n",
    )?;
    let told = |id: u32, vram_mib: u64, gtt_mib: u64, engines: &[(&str, u64)]| {
        let engine = |&(name, permille): &(&str, u64)| {
            format!("drm-engine-{name}:\t{} ns\n", ns(second, permille))
        };
        let engines: String = engines.iter().map(engine).collect();
        format!(
            "drm-driver:\tamdgpu\ndrm-client-id:\t{id}\ndrm-pdev:\t0000:03:00.0\npasid:\t{}\n\
             drm-total-cpu:\t0\ndrm-shared-cpu:\t0\ndrm-resident-cpu:\t0\n\
             drm-total-gtt:\t{gtt_mib} MiB\ndrm-shared-gtt:\t0\ndrm-resident-gtt:\t{gtt_mib} MiB\n\
             drm-total-vram:\t{} MiB\ndrm-shared-vram:\t64 MiB\ndrm-active-vram:\t16 MiB\n\
             drm-resident-vram:\t{vram_mib} MiB\ndrm-purgeable-vram:\t0\n\
             drm-memory-vram:\t{} KiB\ndrm-memory-gtt: \t{} KiB\ndrm-memory-cpu: \t0 KiB\n\
             amd-evicted-vram:\t{} KiB\namd-requested-vram:\t{} KiB\namd-requested-gtt:\t0 KiB\n\
             {engines}",
            32_768 + id,
            vram_mib + u64::from(id),
            vram_mib * 1024,
            gtt_mib * 1024,
            u64::from(id) * 1024,
            (vram_mib + u64::from(id)) * 1024,
        )
    };
    let compositor = told(20, 220, 40, &[("gfx", 30)]);
    client(tree, 1_200, 14, "card1", &compositor)?;
    // The compositor handed it on: the same client, which counts once.
    client(tree, 3_000, 9, "card1", &compositor)?;
    client(tree, 3_000, 31, "renderD128", &told(31, 6_100, 320, &[("gfx", 520), ("dma", 20)]))?;
    client(tree, 3_100, 40, "renderD128", &told(40, 9_216, 180, &[("compute", 300)]))?;
    // Two programs that compute with ROCm; one of them is in another name space of processes.
    let rocm = "sys/class/kfd/kfd";
    let node = [("gpu_id", "51742"), ("properties", "simd_count 192\ndrm_render_minor 128")];
    tree.attributes(&format!("{rocm}/topology/nodes/1"), &node)?;
    for (pid, bytes, stood) in [(3_100, "9663676416", "0"), (3_400, "268435456", "1500")] {
        let folder = format!("{rocm}/proc/{pid}");
        tree.attributes(&folder, &[("vram_51742", bytes), ("stats_51742/evicted_ms", stood)])?;
    }
    let film = told(52, 410, 60, &[("gfx", 40), ("dec", 120), ("enc", 0)]);
    client(tree, 3_200, 52, "renderD128", &film)
}

const PROCESSOR: &str = "pci0000:00/0000:00:08.1/0000:c4:00.0";
const ASLEEP: &str = "pci0000:00/0000:00:01.1/0000:03:00.0";
const NEURAL: &str = "pci0000:00/0000:00:08.2/0000:c5:00.1";

/// Linux 6.15: a processor with graphics and a neural one, and a board that sleeps.
pub fn write_amd_laptop(tree: &Tree, second: u64) -> io::Result<()> {
    let programs = [(1_200, "gnome-shell"), (3_000, "whisper")];
    machine(second, "amd-lap", "6.15.2-made-up", &programs).settle().write(tree)?;
    let identity = "PCI_CLASS=38000\nPCI_ID=1002:150E\nPCI_SLOT_NAME=0000:c4:00.0";
    let attributes = [
        ("revision", "0xd1"),
        ("gpu_busy_percent", "23"),
        ("mem_info_vram_total", "536870912"),
        ("mem_info_vram_used", "412090368"),
        ("mem_info_gtt_total", "16106127360"),
        ("mem_info_gtt_used", "1610612736"),
        ("pp_dpm_sclk", "0: 200Mhz \n1: 613Mhz *\n2: 2900Mhz "),
    ];
    device(tree, PROCESSOR, "amdgpu", identity, &["card0", "renderD129"], &attributes)?;
    connector(tree, PROCESSOR, "card0", "eDP-1", true)?;
    let (heat, power_mw) = (4_850_u16.to_le_bytes(), 3_400_u32.to_le_bytes());
    let fields: [(usize, &[u8]); 3] = [(4, &heat), (124, &power_mw), (186, &[0x20, 0x03])];
    tree.file(&format!("sys/devices/{PROCESSOR}/gpu_metrics"), metrics(264, [3, 0], &fields))?;
    let instruments = [
        ("name", "amdgpu"),
        ("temp1_input", "48000"),
        ("temp1_label", "edge"),
        ("power1_input", "14032000"),
        ("freq1_input", "613000000"),
    ];
    chip(tree, 4, PROCESSOR, &instruments)?;
    power(tree, PROCESSOR, "active", 0)?;

    // To read any of this would wake it: the values are there to give away who does.
    let identity = "PCI_CLASS=38000\nPCI_ID=1002:7480\nPCI_SLOT_NAME=0000:03:00.0";
    let attributes = [
        ("gpu_busy_percent", "99"),
        ("mem_info_vram_total", "8573157376"),
        ("mem_info_vram_used", "8573157376"),
        ("pp_dpm_sclk", "0: 500Mhz *"),
    ];
    device(tree, ASLEEP, "amdgpu", identity, &["card1", "renderD128"], &attributes)?;
    chip(
        tree,
        5,
        ASLEEP,
        &[("name", "amdgpu"), ("temp1_input", "99000"), ("temp1_label", "edge")],
    )?;
    power(tree, ASLEEP, "suspended", ms(second, 1_000))?;
    let woken = "drm-driver:\tamdgpu\ndrm-client-id:\t3\ndrm-pdev:\t0000:03:00.0\n\
                 drm-resident-vram:\t9 MiB\ndrm-engine-gfx:\t77 ns\n";
    client(tree, 1_200, 31, "renderD128", woken)?;

    let identity = "PCI_CLASS=118000\nPCI_ID=1022:17F0\nPCI_SLOT_NAME=0000:c5:00.1";
    device(tree, NEURAL, "amdxdna", identity, &["accel0"], &[("revision", "0x10")])?;
    power(tree, NEURAL, "active", 250)?;
    let shell = format!(
        "drm-driver:\tamdgpu\ndrm-client-id:\t11\ndrm-pdev:\t0000:c4:00.0\n\
         drm-resident-vram:\t180 MiB\ndrm-shared-vram:\t48 MiB\ndrm-resident-gtt:\t90 MiB\n\
         drm-memory-vram:\t184320 KiB\ndrm-memory-gtt:\t92160 KiB\n\
         drm-engine-gfx:\t{} ns\ndrm-engine-vpe:\t0 ns\n",
        ns(second, 180)
    );
    client(tree, 1_200, 12, "card0", &shell)?;
    let model = format!(
        "drm-driver:\tamdxdna_accel_driver\ndrm-client-id:\t8\ndrm-pdev:\t0000:c5:00.1\n\
         drm-engine-npu-amdxdna:\t{} ns\ndrm-total-memory:\t98304 KiB\n\
         drm-shared-memory:\t0\ndrm-resident-memory:\t96 MiB\ndrm-active-memory:\t32 MiB\n",
        ns(second, 640)
    );
    client(tree, 3_000, 22, "accel0", &model)
}

const I915: &str = "pci0000:00/0000:00:02.0";
const VPU: &str = "pci0000:00/0000:00:0b.0";

/// Linux 6.8: i915 with a film, and a neural processor.
pub fn write_intel_laptop(tree: &Tree, second: u64) -> io::Result<()> {
    let programs = [(1_200, "sway"), (3_000, "mpv"), (3_100, "openvino")];
    machine(second, "intel-lap", "6.8.0-made-up", &programs).settle().write(tree)?;
    let identity = "PCI_CLASS=30000\nPCI_ID=8086:7D55\nPCI_SLOT_NAME=0000:00:02.0";
    device(tree, I915, "i915", identity, &["card0", "renderD128"], &[("revision", "0x08")])?;
    connector(tree, I915, "card0", "eDP-1", true)?;
    power(tree, I915, "active", 0)?;
    let idle = ms(second, 580).to_string();
    let tile = [
        ("rps_act_freq_mhz", "950"),
        ("rps_cur_freq_mhz", "950"),
        ("rps_RP0_freq_mhz", "2250"),
        ("rc6_residency_ms", idle.as_str()),
        ("throttle_reason_status", "1"),
        ("throttle_reason_pl1", "1"),
        ("throttle_reason_thermal", "0"),
    ];
    tree.attributes(&format!("sys/devices/{I915}/drm/card0/gt/gt0"), &tile)?;
    let old = [("gt_act_freq_mhz", "950"), ("gt_RP0_freq_mhz", "2250")];
    tree.attributes(&format!("sys/devices/{I915}/drm/card0"), &old)?;
    let names = "8086  Intel Corporation\n\t7d1d  Meteor Lake NPU\n\
                 \t7d55  Meteor Lake-P [Intel Arc Graphics]\n";
    tree.file("usr/share/misc/pci.ids", names)?;

    let identity = "PCI_CLASS=118000\nPCI_ID=8086:7D1D\nPCI_SLOT_NAME=0000:00:0b.0";
    let worked = (ms(second, 350) * 1_000).to_string();
    let attributes = [
        ("npu_busy_time_us", worked.as_str()),
        ("npu_current_frequency_mhz", "1200"),
        ("npu_max_frequency_mhz", "1400"),
        ("npu_memory_utilization", "268435456"),
    ];
    device(tree, VPU, "intel_vpu", identity, &["accel0"], &attributes)?;
    power(tree, VPU, "active", 1_000)?;
    let told = |id: u32, mib: u64, [render, copy, video]: [u64; 3]| {
        format!(
            "drm-driver:\ti915\ndrm-client-id:\t{id}\ndrm-pdev:\t0000:00:02.0\n\
             drm-total-system0:\t{} MiB\ndrm-shared-system0:\t8 MiB\ndrm-active-system0:\t0\n\
             drm-resident-system0:\t{mib} MiB\ndrm-purgeable-system0:\t1024 KiB\n\
             drm-total-stolen-system0:\t0\ndrm-resident-stolen-system0:\t0\n\
             drm-engine-render:\t{} ns\ndrm-engine-copy:\t{} ns\ndrm-engine-video:\t{} ns\n\
             drm-engine-capacity-video:\t2\ndrm-engine-video-enhance:\t0 ns\n",
            mib + 4,
            ns(second, render),
            ns(second, copy),
            ns(second, video),
        )
    };
    client(tree, 1_200, 11, "card0", &told(4, 96, [90, 5, 0]))?;
    client(tree, 3_000, 8, "renderD128", &told(9, 210, [60, 0, 500]))?;
    let inference = "drm-driver:\tintel_vpu\ndrm-client-id:\t2\ndrm-pdev:\t0000:00:0b.0\n\
                     drm-total-memory:\t256 MiB\ndrm-resident-memory:\t256 MiB\n";
    client(tree, 3_100, 27, "accel0", inference)
}

const XE: &str = "pci0000:00/0000:00:06.0/0000:04:00.0";

/// Linux 6.16: a board under xe that counts cycles.
pub fn write_arc(tree: &Tree, second: u64) -> io::Result<()> {
    let programs = [(1_200, "mutter"), (3_000, "blender"), (3_100, "llama-server")];
    machine(second, "arc", "6.16.0-made-up", &programs).settle().write(tree)?;
    let identity = "PCI_CLASS=30000\nPCI_ID=8086:E20B\nPCI_SLOT_NAME=0000:04:00.0";
    device(tree, XE, "xe", identity, &["card0", "renderD128"], &[("revision", "0x00")])?;
    connector(tree, XE, "card0", "HDMI-A-1", true)?;
    power(tree, XE, "active", 0)?;
    let tile = format!("sys/devices/{XE}/tile0");
    let idle = ms(second, 120).to_string();
    tree.attributes(&tile, &[("physical_vram_size_bytes", "12884901888")])?;
    tree.attributes(&format!("{tile}/gt0/gtidle"), &[("idle_residency_ms", &idle)])?;
    let clocks = [("act_freq", "2850"), ("cur_freq", "2850"), ("rp0_freq", "2850")];
    tree.attributes(&format!("{tile}/gt0/freq0"), &clocks)?;
    let reasons = [("status", "0"), ("reason_pl1", "0"), ("reason_thermal", "0")];
    tree.attributes(&format!("{tile}/gt0/freq0/throttle"), &reasons)?;
    let energy = [142, 118].map(|watts| (watts * (3_600 + second) * 1_000_000).to_string());
    let instruments = [
        ("name", "xe"),
        ("energy1_input", energy[0].as_str()),
        ("energy1_label", "card"),
        ("energy2_input", energy[1].as_str()),
        ("energy2_label", "pkg"),
        ("power1_max", "190000000"),
        ("temp2_input", "61000"),
        ("temp2_label", "pkg"),
        ("temp3_input", "68000"),
        ("temp3_label", "vram"),
    ];
    chip(tree, 3, XE, &instruments)?;
    power(tree, XE, "active", 0)?;
    // A clock of 19.2 MHz counts all cycles.
    let cycles = |permille: u64| 19_200 * ms(second, permille);
    let told = |id: u32, mib: u64, [rcs, ccs, vcs]: [u64; 3]| {
        let all = cycles(1_000);
        format!(
            "drm-driver:\txe\ndrm-client-id:\t{id}\ndrm-pdev:\t0000:04:00.0\n\
             drm-total-system:\t0\ndrm-resident-system:\t0\n\
             drm-total-gtt:\t32 MiB\ndrm-shared-gtt:\t0\ndrm-resident-gtt:\t32 MiB\n\
             drm-total-vram0:\t{mib} MiB\ndrm-shared-vram0:\t16 MiB\ndrm-active-vram0:\t0\n\
             drm-resident-vram0:\t{mib} MiB\ndrm-total-stolen:\t0\ndrm-resident-stolen:\t0\n\
             drm-cycles-rcs:\t{}\ndrm-total-cycles-rcs:\t{all}\n\
             drm-cycles-bcs:\t0\ndrm-total-cycles-bcs:\t{all}\n\
             drm-cycles-vcs:\t{}\ndrm-total-cycles-vcs:\t{all}\ndrm-engine-capacity-vcs:\t2\n\
             drm-cycles-ccs:\t{}\ndrm-total-cycles-ccs:\t{all}\n",
            cycles(rcs),
            cycles(vcs),
            cycles(ccs),
        )
    };
    client(tree, 1_200, 13, "card0", &told(3, 180, [25, 0, 0]))?;
    client(tree, 3_000, 17, "renderD128", &told(6, 2_900, [310, 0, 40]))?;
    client(tree, 3_100, 21, "renderD128", &told(8, 7_400, [0, 560, 0]))
}

const MALI: &str = "platform/fde60000.gpu";

/// Linux 6.6: a board with a Mali, which has no bus to be found on.
pub fn write_arm_board(tree: &Tree, second: u64) -> io::Result<()> {
    machine(second, "board", "6.6.31-made-up", &[(1_200, "weston")]).settle().write(tree)?;
    let identity = "OF_NAME=gpu\nOF_COMPATIBLE_0=arm,mali-bifrost\nOF_COMPATIBLE_N=1";
    device(tree, MALI, "panfrost", identity, &["card0", "renderD128"], &[])?;
    let clocks = [("cur_freq", "600000000"), ("max_freq", "800000000")];
    tree.attributes(&format!("sys/devices/{MALI}/devfreq/fde60000.gpu"), &clocks)?;
    let told = format!(
        "drm-driver:\tpanfrost\ndrm-client-id:\t14\ndrm-engine-fragment:\t{} ns\n\
         drm-cycles-fragment:\t1424359409\ndrm-maxfreq-fragment:\t799999987 Hz\n\
         drm-curfreq-fragment:\t799999987 Hz\ndrm-engine-vertex-tiler:\t{} ns\n\
         drm-total-memory:\t290 MiB\ndrm-shared-memory:\t0\ndrm-active-memory:\t226 MiB\n\
         drm-resident-memory:\t36496 KiB\ndrm-purgeable-memory:\t128 KiB\n",
        ns(second, 450),
        ns(second, 120)
    );
    client(tree, 1_200, 10, "renderD128", &told)
}

const POLARIS: &str = "pci0000:00/0000:00:03.1/0000:0b:00.0";

/// Linux 5.15: an old board without a table of its firmware, and clients that tell of memory alone.
pub fn write_amd_old(tree: &Tree, second: u64) -> io::Result<()> {
    machine(second, "old-amd", "5.15.0-made-up", &[(1_200, "Xorg")]).settle().write(tree)?;
    let identity = "PCI_CLASS=30000\nPCI_ID=1002:67DF\nPCI_SLOT_NAME=0000:0b:00.0";
    let attributes = [
        ("revision", "0xe7"),
        ("gpu_busy_percent", "31"),
        ("mem_info_vram_total", "8589934592"),
        ("mem_info_vram_used", "1288490188"),
        ("mem_info_gtt_total", "8589934592"),
        ("mem_info_gtt_used", "62914560"),
        ("pp_dpm_sclk", "0: 300Mhz \n1: 600Mhz *\n2: 1366Mhz "),
        ("pp_dpm_mclk", "0: 300Mhz \n1: 2000Mhz *"),
    ];
    device(tree, POLARIS, "amdgpu", identity, &["card0", "renderD128"], &attributes)?;
    let instruments = [
        ("name", "amdgpu"),
        ("temp1_input", "47000"),
        ("temp1_label", "edge"),
        ("power1_average", "41231000"),
        ("power1_cap", "145000000"),
        ("pwm1", "61"),
    ];
    chip(tree, 1, POLARIS, &instruments)?;
    let told = "pdev:\t0000:0b:00.0\npasid:\t32769\nvram mem:\t716800 kB\ngtt mem:\t20480 kB\n\
                cpu mem:\t0 kB\ngfx0:\t12.41%\ncomp0:\t0.00%\n";
    client(tree, 1_200, 12, "card0", told)
}
