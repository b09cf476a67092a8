//! What drivers of older kernels told, and those of boards.

use std::io;

use super::{MALI, machine, ms, ns};
use crate::gpu::{chip, client, connector, device, metrics, power};
use crate::tree::Tree;

const VAN_GOGH: &str = "pci0000:00/0000:00:08.1/0000:04:00.0";

/// Linux 6.1: a processor with graphics whose clients tell of memory by the first names of the keys.
pub fn write_amd_handheld(tree: &Tree, second: u64) -> io::Result<()> {
    let programs = [(1_200, "gamescope"), (3_000, "game")];
    machine(second, "handheld", "6.1.52-made-up", &programs).settle().write(tree)?;
    let identity = "PCI_CLASS=30000\nPCI_ID=1002:163F\nPCI_SLOT_NAME=0000:04:00.0";
    let attributes = [
        ("revision", "0xae"),
        ("gpu_busy_percent", "92"),
        ("vcn_busy_percent", "7"),
        ("mem_info_vram_total", "1073741824"),
        ("mem_info_vram_used", "805306368"),
        ("mem_info_gtt_total", "8589934592"),
        ("mem_info_gtt_used", "2147483648"),
        ("pp_dpm_sclk", "0: 200Mhz \n1: 1240Mhz *\n2: 1600Mhz "),
    ];
    device(tree, VAN_GOGH, "amdgpu", identity, &["card0", "renderD128"], &attributes)?;
    connector(tree, VAN_GOGH, "card0", "eDP-1", true)?;
    // Hundredths; nothing holds its clocks down.
    let (heat, busy) = (6_140_u16.to_le_bytes(), 9_200_u16.to_le_bytes());
    let fields: [(usize, &[u8]); 3] = [(4, &heat), (28, &busy), (120, &[0; 8])];
    tree.file(&format!("sys/devices/{VAN_GOGH}/gpu_metrics"), metrics(128, [2, 2], &fields))?;
    let instruments = [
        ("name", "amdgpu"),
        ("temp1_input", "61000"),
        ("temp1_label", "edge"),
        ("power1_average", "11000000"),
        ("freq1_input", "1240000000"),
    ];
    chip(tree, 4, VAN_GOGH, &instruments)?;
    power(tree, VAN_GOGH, "active", 0)?;
    let told = |id: u32, [vram_mib, gtt_mib]: [u64; 2], gfx: u64| {
        format!(
            "drm-driver:\tamdgpu\ndrm-pdev:\t0000:04:00.0\ndrm-client-id:\t{id}\npasid:\t{}\n\
             drm-memory-vram:\t{} KiB\ndrm-memory-gtt: \t{} KiB\ndrm-memory-cpu: \t0 KiB\n\
             drm-engine-gfx:\t{} ns\ndrm-engine-compute:\t0 ns\n",
            32_768 + id,
            vram_mib * 1024,
            gtt_mib * 1024,
            ns(second, gfx),
        )
    };
    client(tree, 1_200, 11, "card0", &told(2, [64, 16], 50))?;
    client(tree, 3_000, 24, "renderD128", &told(5, [600, 1_800], 850))
}

const I915: &str = "pci0000:00/0000:00:02.0";

/// i915 as it was in Linux 5.15, where clients told nothing and clocks lay with the card, and in
/// 6.1, where they told of time and not yet of memory.
fn write_intel(tree: &Tree, second: u64, is_old: bool) -> io::Result<()> {
    let kernel = if is_old { "5.15.0-made-up" } else { "6.1.90-made-up" };
    let programs = [(1_200, "Xorg"), (3_000, "mpv")];
    machine(second, "intel-lts", kernel, &programs).settle().write(tree)?;
    let identity = "PCI_CLASS=30000\nPCI_ID=8086:9A49\nPCI_SLOT_NAME=0000:00:02.0";
    device(tree, I915, "i915", identity, &["card0", "renderD128"], &[("revision", "0x01")])?;
    connector(tree, I915, "card0", "HDMI-A-1", true)?;
    power(tree, I915, "active", 0)?;
    let card = format!("sys/devices/{I915}/drm/card0");
    let idle = ms(second, 700).to_string();
    let old = [("gt_act_freq_mhz", "650"), ("gt_RP0_freq_mhz", "1300")];
    tree.attributes(&card, &old)?;
    tree.attributes(&format!("{card}/power"), &[("rc6_residency_ms", &idle)])?;
    if !is_old {
        let tile = [
            ("rps_act_freq_mhz", "650"),
            ("rps_RP0_freq_mhz", "1300"),
            ("rc6_residency_ms", &idle),
            ("throttle_reason_status", "0"),
        ];
        tree.attributes(&format!("{card}/gt/gt0"), &tile)?;
    }
    let told = |id: u32, [render, video]: [u64; 2]| {
        if is_old {
            return String::new();
        }
        format!(
            "drm-driver:\ti915\ndrm-pdev:\t0000:00:02.0\ndrm-client-id:\t{id}\n\
             drm-engine-render:\t{} ns\ndrm-engine-copy:\t0 ns\ndrm-engine-video:\t{} ns\n\
             drm-engine-capacity-video:\t2\ndrm-engine-video-enhance:\t0 ns\n",
            ns(second, render),
            ns(second, video),
        )
    };
    client(tree, 1_200, 13, "card0", &told(3, [110, 0]))?;
    client(tree, 3_000, 9, "renderD128", &told(7, [40, 360]))
}

pub fn write_intel_old(tree: &Tree, second: u64) -> io::Result<()> {
    write_intel(tree, second, true)
}

pub fn write_intel_lts(tree: &Tree, second: u64) -> io::Result<()> {
    write_intel(tree, second, false)
}

/// Linux 6.12: the graphics of five boards as if one had them all. None is on a bus that has addresses,
/// and what each tells of its clients is its own.
pub fn write_boards(tree: &Tree, second: u64) -> io::Result<()> {
    let programs = [
        (1_100, "phosh"),
        (1_200, "labwc"),
        (1_300, "cage"),
        (1_400, "kiosk"),
        (1_500, "inference"),
    ];
    machine(second, "boards", "6.12.20-made-up", &programs).settle().write(tree)?;
    let identity =
        |compatible: &str| format!("OF_NAME=gpu\nOF_COMPATIBLE_0={compatible}\nOF_COMPATIBLE_N=1");
    let memory = |mib: u64| {
        format!(
            "drm-total-memory:\t{} MiB\ndrm-shared-memory:\t0\ndrm-active-memory:\t0\n\
             drm-resident-memory:\t{mib} MiB\ndrm-purgeable-memory:\t0\n",
            mib + 1
        )
    };
    let add = |folder: &str, driver: &str, compatible: &str, nodes: &[&str]| {
        device(tree, folder, driver, &identity(compatible), nodes, &[])
    };
    let adreno = "platform/5000000.gpu";
    add(adreno, "msm_dpu", "qcom,adreno-690.0", &["card0", "renderD128"])?;
    let clocks = [("cur_freq", "480000000"), ("max_freq", "925000000")];
    tree.attributes(&format!("sys/devices/{adreno}/devfreq/5000000.gpu"), &clocks)?;
    // Its cycles are at another clock than the highest: time is what counts.
    let told = format!(
        "drm-driver:\tmsm\ndrm-client-id:\t6\ndrm-engine-gpu:\t{} ns\ndrm-cycles-gpu:\t{}\n\
         drm-maxfreq-gpu:\t925000000 Hz\n{}",
        ns(second, 320),
        ms(second, 320) * 480_000,
        memory(116)
    );
    client(tree, 1_100, 12, "renderD128", &told)?;

    add("platform/axi/1002000000.v3d", "v3d", "brcm,2712-v3d", &["card1", "renderD129"])?;
    let told = format!(
        "drm-driver:\tv3d\ndrm-client-id:\t44\ndrm-engine-bin:\t{} ns\nv3d-jobs-bin:\t19576 jobs\n\
         drm-engine-render:\t{} ns\nv3d-jobs-render:\t19575 jobs\ndrm-engine-tfu:\t{} ns\n\
         drm-engine-csd:\t{} ns\ndrm-engine-cache_clean:\t0 ns\ndrm-engine-cpu:\t{} ns\n{}",
        ns(second, 90),
        ns(second, 410),
        ns(second, 15),
        ns(second, 260),
        ns(second, 880),
        memory(73)
    );
    client(tree, 1_200, 17, "renderD129", &told)?;

    // Nobody has asked it to measure.
    let panthor = "platform/fb000000.gpu";
    add(panthor, "panthor", "arm,mali-valhall-csf", &["card2", "renderD130"])?;
    tree.attributes(&format!("sys/devices/{panthor}"), &[("profiling", "0")])?;
    let told = format!(
        "drm-driver:\tpanthor\ndrm-client-id:\t10\ndrm-maxfreq-panthor:\t1000000000 Hz\n\
         drm-curfreq-panthor:\t1000000000 Hz\npanthor-resident-memory:\t10396 KiB\n{}",
        memory(16)
    );
    client(tree, 1_300, 8, "renderD130", &told)?;

    add("platform/134000.gpu", "etnaviv", "vivante,gc", &["card3", "renderD131"])?;
    let told = format!(
        "drm-driver:\tetnaviv\ndrm-client-id:\t3\ndrm-engine-2D:\t{} ns\ndrm-engine-3D:\t{} ns\n",
        ns(second, 40),
        ns(second, 530)
    );
    client(tree, 1_400, 9, "renderD131", &told)?;

    // One that tells cycles alone, and its memory in bytes.
    add(MALI, "panfrost", "arm,mali-bifrost", &["card4", "renderD132"])?;
    let told = format!(
        "drm-driver:\tpanfrost\ndrm-client-id:\t14\ndrm-client-name:\tmade-up\n\
         drm-cycles-fragment:\t{}\ndrm-maxfreq-fragment:\t800 MHz\ndrm-resident-memory:\t8388608\n",
        ms(second, 250) * 800_000
    );
    client(tree, 1_500, 25, "renderD132", &told)
}
