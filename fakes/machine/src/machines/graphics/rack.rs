//! A machine that nobody has, for faults: eight devices of five drivers, none of whose numbers is 0.

use std::io;

use super::{machine, ms, ns};
use crate::gpu::{chip, client, device, metrics, power};
use crate::tree::Tree;

/// Folders of the devices, in the order of their numbers.
fn folder(number: u64) -> String {
    match number {
        7 => "platform/fde60000.gpu".to_owned(),
        _ => format!("pci0000:00/0000:{:02x}:00.0", number + 1),
    }
}

/// Nodes of a device: the neural processor has one of its own class.
fn nodes(number: u64) -> Vec<String> {
    match number {
        6 => vec!["accel0".to_owned()],
        _ => vec![format!("card{number}"), format!("renderD{}", 128 + number)],
    }
}

fn add(tree: &Tree, number: u64, driver: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
    let identity = match number {
        7 => "OF_NAME=gpu\nOF_COMPATIBLE_0=arm,mali-bifrost".to_owned(),
        _ => format!("PCI_SLOT_NAME=0000:{:02x}:00.0", number + 1),
    };
    let nodes = nodes(number);
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    device(tree, &folder(number), driver, &identity, &nodes, attributes)?;
    power(tree, &folder(number), "active", 1_000 + number)
}

/// What a client tells of these engines and of that memory.
fn told(driver: &str, number: u64, keys: &str, region: &str, mib: u64) -> String {
    let address = match number {
        7 => String::new(),
        _ => format!("drm-pdev:\t0000:{:02x}:00.0\n", number + 1),
    };
    format!(
        "drm-driver:\t{driver}\n{address}drm-client-id:\t{}\n{keys}\
         drm-total-{region}:\t{mib} MiB\ndrm-shared-{region}:\t2 MiB\n\
         drm-active-{region}:\t3 MiB\ndrm-resident-{region}:\t{mib} MiB\n\
         drm-purgeable-{region}:\t1 MiB\n",
        number + 5
    )
}

/// Linux 6.16.
pub fn write(tree: &Tree, second: u64) -> io::Result<()> {
    let names = ["train", "render", "game", "shell", "film", "solve", "listen", "kiosk"];
    let programs: Vec<(u32, &str)> = (3_000..).zip(names).collect();
    machine(second, "rack", "6.16.0-made-up", &programs).settle().write(tree)?;
    for number in 0..3 {
        let used = (4_u64 + number) << 30;
        let (used, busy) = (used.to_string(), (50 + number).to_string());
        let attributes = [
            ("gpu_busy_percent", busy.as_str()),
            ("mem_busy_percent", "21"),
            ("vcn_busy_percent", "13"),
            ("mem_info_vram_total", "17179869184"),
            ("mem_info_vram_used", used.as_str()),
            ("mem_info_vis_vram_total", "17179869184"),
            ("mem_info_vis_vram_used", used.as_str()),
            ("mem_info_gtt_total", "33554432000"),
            ("mem_info_gtt_used", "805306368"),
            ("pp_dpm_sclk", "0: 500Mhz \n1: 2371Mhz *\n2: 2526Mhz "),
            ("pp_dpm_mclk", "0: 96Mhz \n1: 1249Mhz *"),
            ("current_link_speed", "16.0 GT/s PCIe"),
            ("current_link_width", "16"),
        ];
        add(tree, number, "amdgpu", &attributes)?;
        let energy = ((200 + number) * (3_600 + second) * 65_536).to_le_bytes();
        let held = (1_u64 | 1 << 36).to_le_bytes();
        let fields: [(usize, &[u8]); 2] = [(24, &energy), (112, &held)];
        let table = metrics(120, [1, 3], &fields);
        tree.file(&format!("sys/devices/{}/gpu_metrics", folder(number)), table)?;
        let watts = ((200 + number) * 1_000_000).to_string();
        let instruments = [
            ("name", "amdgpu"),
            ("temp1_input", "58000"),
            ("temp1_label", "edge"),
            ("temp2_input", "81000"),
            ("temp2_label", "junction"),
            ("temp3_input", "76000"),
            ("temp3_label", "mem"),
            ("power1_average", watts.as_str()),
            ("power1_cap", "327000000"),
            ("freq1_input", "2371000000"),
            ("freq2_input", "1249000000"),
            ("pwm1", "102"),
        ];
        chip(tree, u32::try_from(number).unwrap_or(0), &folder(number), &instruments)?;
        let keys = format!(
            "drm-engine-gfx:\t{} ns\ndrm-engine-compute:\t{} ns\ndrm-engine-dma:\t{} ns\n\
             drm-engine-enc:\t{} ns\ndrm-engine-dec:\t{} ns\namd-evicted-vram:\t{} MiB\n\
             drm-resident-gtt:\t9 MiB\n",
            ns(second, 310 + number),
            ns(second, 220),
            ns(second, 30),
            ns(second, 40),
            ns(second, 60),
            7 + number,
        );
        open(tree, number, &told("amdgpu", number, &keys, "vram", 2_000 + number))?;
    }

    let attributes = [
        ("gpu_busy_percent", "23"),
        ("mem_info_vram_total", "536870912"),
        ("mem_info_vram_used", "412090368"),
        ("mem_info_gtt_total", "16106127360"),
        ("mem_info_gtt_used", "1610612736"),
        ("pp_dpm_sclk", "0: 200Mhz \n1: 613Mhz *\n2: 2900Mhz "),
    ];
    add(tree, 3, "amdgpu", &attributes)?;
    let (heat, power_mw) = (4_850_u16.to_le_bytes(), 3_400_u32.to_le_bytes());
    let fields: [(usize, &[u8]); 3] = [(4, &heat), (124, &power_mw), (186, &[0x20, 0x03])];
    let table = metrics(264, [3, 0], &fields);
    tree.file(&format!("sys/devices/{}/gpu_metrics", folder(3)), table)?;
    let keys = format!("drm-engine-gfx:\t{} ns\n", ns(second, 180));
    open(tree, 3, &told("amdgpu", 3, &keys, "vram", 180))?;

    add(tree, 4, "i915", &[])?;
    let idle = ms(second, 580).to_string();
    let tile = [
        ("rps_act_freq_mhz", "950"),
        ("rps_RP0_freq_mhz", "2250"),
        ("rc6_residency_ms", idle.as_str()),
        ("throttle_reason_status", "1"),
        ("throttle_reason_pl1", "1"),
        ("throttle_reason_thermal", "1"),
    ];
    tree.attributes(&format!("sys/devices/{}/drm/card4/gt/gt0", folder(4)), &tile)?;
    let keys = format!(
        "drm-engine-render:\t{} ns\ndrm-engine-copy:\t{} ns\ndrm-engine-video:\t{} ns\n\
         drm-engine-capacity-video:\t2\n",
        ns(second, 150),
        ns(second, 50),
        ns(second, 500),
    );
    open(tree, 4, &told("i915", 4, &keys, "system0", 210))?;

    add(tree, 5, "xe", &[])?;
    let tile = format!("sys/devices/{}/tile0", folder(5));
    let idle = ms(second, 120).to_string();
    tree.attributes(&tile, &[("physical_vram_size_bytes", "12884901888")])?;
    tree.attributes(&format!("{tile}/gt0/gtidle"), &[("idle_residency_ms", &idle)])?;
    let clocks = [("act_freq", "2850"), ("rp0_freq", "2850")];
    tree.attributes(&format!("{tile}/gt0/freq0"), &clocks)?;
    let reasons = [("status", "1"), ("reason_pl1", "1"), ("reason_thermal", "1")];
    tree.attributes(&format!("{tile}/gt0/freq0/throttle"), &reasons)?;
    let energy = (142 * (3_600 + second) * 1_000_000).to_string();
    let instruments = [
        ("name", "xe"),
        ("energy1_input", energy.as_str()),
        ("power1_max", "190000000"),
        ("temp2_input", "61000"),
        ("temp2_label", "pkg"),
        ("temp3_input", "68000"),
        ("temp3_label", "vram"),
    ];
    chip(tree, 5, &folder(5), &instruments)?;
    let cycles = |permille: u64| 19_200 * ms(second, permille);
    let all = cycles(1_000);
    let keys = format!(
        "drm-cycles-rcs:\t{}\ndrm-total-cycles-rcs:\t{all}\n\
         drm-cycles-ccs:\t{}\ndrm-total-cycles-ccs:\t{all}\ndrm-resident-gtt:\t32 MiB\n",
        cycles(310),
        cycles(560),
    );
    open(tree, 5, &told("xe", 5, &keys, "vram0", 7_400))?;

    let worked = (ms(second, 350) * 1_000).to_string();
    let attributes = [
        ("npu_busy_time_us", worked.as_str()),
        ("npu_current_frequency_mhz", "1200"),
        ("npu_max_frequency_mhz", "1400"),
        ("npu_memory_utilization", "268435456"),
    ];
    add(tree, 6, "intel_vpu", &attributes)?;
    open(tree, 6, &told("intel_vpu", 6, "", "memory", 256))?;

    add(tree, 7, "panfrost", &[])?;
    let clocks = [("cur_freq", "600000000"), ("max_freq", "800000000")];
    tree.attributes(&format!("sys/devices/{}/devfreq/fde60000.gpu", folder(7)), &clocks)?;
    let keys = format!(
        "drm-engine-fragment:\t{} ns\ndrm-engine-vertex-tiler:\t{} ns\n",
        ns(second, 450),
        ns(second, 120),
    );
    open(tree, 7, &told("panfrost", 7, &keys, "memory", 35))
}

/// The program of that device has it open as its descriptor 40.
fn open(tree: &Tree, number: u64, told: &str) -> io::Result<()> {
    let pid = u32::try_from(3_000 + number).unwrap_or(0);
    let nodes = nodes(number);
    client(tree, pid, 40, nodes.last().map_or("", String::as_str), told)
}
