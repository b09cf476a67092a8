//! The source on made-up machines of several makers, drivers and kernels, and on nonsense.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use retop_fake_machine::{Scratch, build};
use retop_model::family::source::{ABSENT, ASLEEP, DENIED, FAILING};
use retop_model::family::{gpu, gpu_process};
use retop_model::{FamilyId, Field};

use super::*;
use crate::linux::tree::Tree;
use crate::linux::trial::{Outcome, Trial};

mod faults;
mod kernels;

/// A machine as it is two seconds after the first look at it.
fn watch(machine: &str) -> Outcome {
    let scratch = Scratch::new();
    build(machine, scratch.path(), 0).expect("built");
    let mut trial = Trial::new(Drm::new(&Roots::below(scratch.path())));
    trial.at(0);
    build(machine, scratch.path(), 2).expect("built");
    trial.at(2)
}

/// Checks numbers of a device or process; what is expected to be missing is `None`.
fn check(outcome: &Outcome, family: FamilyId, shown: &str, expected: &[(Field, Option<f64>)]) {
    let label = if family == FamilyId::Gpu { gpu::name } else { gpu_process::name };
    for &(field, value) in expected {
        let found = outcome.get(label, shown, field);
        let same = match (found, value) {
            (Some(found), Some(value)) => (found - value).abs() <= 1e-3 * value.abs().max(1e-3),
            (found, value) => found == value,
        };
        assert!(same, "{shown} {}: {found:?} and not {value:?}", field.name());
    }
}

fn device(outcome: &Outcome, shown: &str, expected: &[(Field, Option<f64>)]) {
    check(outcome, FamilyId::Gpu, shown, expected);
}

fn process(outcome: &Outcome, shown: &str, expected: &[(Field, Option<f64>)]) {
    check(outcome, FamilyId::GpuProcess, shown, expected);
}

const MIB: f64 = 1_048_576.0;

#[test]
fn a_board_of_amd() {
    let outcome = watch("amd-desktop");
    device(
        &outcome,
        "AMD Radeon RX 7900 XTX",
        &[
            (gpu::state, Some(0.0)),
            (gpu::kind, Some(0.0)),
            (gpu::utilization_ratio, Some(0.87)),
            (gpu::memory_busy_ratio, Some(0.41)),
            (gpu::graphics_ratio, Some(0.59)),
            (gpu::compute_ratio, Some(0.30)),
            (gpu::copy_ratio, Some(0.02)),
            (gpu::decoder_ratio, Some(0.12)),
            (gpu::encoder_ratio, Some(0.0)),
            // Its clients tell of both that it is made of.
            (gpu::video_ratio, None),
            (gpu::memory_total_bytes, Some(25_753_026_560.0)),
            (gpu::memory_used_bytes, Some(17_179_869_184.0)),
            (gpu::system_used_bytes, Some(768.0 * MIB)),
            (gpu::visible_used_bytes, Some(17_179_869_184.0)),
            (gpu::evicted_bytes, Some((20.0 + 31.0 + 40.0 + 52.0) * MIB)),
            (gpu::reading_watts, Some(238.0)),
            (gpu::watts, Some(240.0)),
            (gpu::limit_watts, Some(327.0)),
            (gpu::temperature_celsius, Some(58.0)),
            (gpu::hotspot_celsius, Some(81.0)),
            (gpu::memory_temperature_celsius, Some(76.0)),
            (gpu::fan_ratio, Some(0.40)),
            (gpu::shader_hertz, Some(2_371e6)),
            (gpu::memory_hertz, Some(1_249e6)),
            (gpu::shader_limit_hertz, Some(2_526e6)),
            (gpu::power_capped, Some(1.0)),
            (gpu::heat_capped, Some(1.0)),
            (gpu::pcie_generation, Some(4.0)),
            (gpu::pcie_lanes, Some(16.0)),
        ],
    );
    process(
        &outcome,
        "game",
        &[
            (gpu_process::pid, Some(3_000.0)),
            (gpu_process::start_seconds, Some(212.0)),
            (gpu_process::utilization_ratio, Some(0.52)),
            (gpu_process::graphics_ratio, Some(0.52)),
            (gpu_process::copy_ratio, Some(0.02)),
            // Without what the compositor handed on.
            (gpu_process::memory_bytes, Some(6_100.0 * MIB)),
            (gpu_process::shared_bytes, Some(64.0 * MIB)),
            (gpu_process::system_bytes, Some(320.0 * MIB)),
            (gpu_process::evicted_bytes, Some(31.0 * MIB)),
            (gpu_process::graphics, Some(1.0)),
            (gpu_process::compute, Some(0.0)),
        ],
    );
    process(
        &outcome,
        "ollama",
        &[
            (gpu_process::utilization_ratio, Some(0.30)),
            (gpu_process::compute, Some(1.0)),
            (gpu_process::graphics, Some(0.0)),
        ],
    );
    let container = outcome.row(gpu_process::name, "ollama").shown(gpu_process::container);
    assert_eq!(container, "00c0ffee00c0");
    process(&outcome, "firefox", &[(gpu_process::decoder_ratio, Some(0.12))]);
    // The kernel lists it, though nothing else may be known of it.
    process(
        &outcome,
        "host pid 3400",
        &[
            (gpu_process::memory_bytes, Some(256.0 * MIB)),
            (gpu_process::evicted_seconds, Some(1.5)),
            (gpu_process::compute, Some(1.0)),
            (gpu_process::start_seconds, None),
            (gpu_process::utilization_ratio, None),
        ],
    );
    let rest = 16_384.0 - 220.0 - 6_100.0 - 9_216.0 - 410.0 - 256.0;
    process(&outcome, "(unattributed)", &[(gpu_process::memory_bytes, Some(rest * MIB))]);
    assert_eq!(outcome.rows(FamilyId::GpuProcess), 6);
    assert_eq!(outcome.row(gpu::name, "AMD Radeon RX 7900 XTX").shown(gpu::driver), "amdgpu");
    assert!(outcome.result.is_ok() && outcome.reports.iter().all(|r| r.problem.is_none()));
}

#[test]
fn a_processor_with_graphics_beside_a_board_that_sleeps() {
    let outcome = watch("amd-laptop");
    device(
        &outcome,
        "amdgpu 1002:150e",
        &[
            (gpu::utilization_ratio, Some(0.23)),
            // What it was given, and what it may borrow.
            (gpu::memory_total_bytes, Some(512.0 * MIB + 15_360.0 * MIB)),
            (gpu::memory_used_bytes, Some(393.0 * MIB + 1_536.0 * MIB)),
            (gpu::system_used_bytes, None),
            // The instrument's 14 W are those of the whole processor.
            (gpu::reading_watts, Some(3.4)),
            (gpu::temperature_celsius, Some(48.0)),
            (gpu::shader_hertz, Some(613e6)),
            (gpu::memory_hertz, Some(800e6)),
            (gpu::graphics_ratio, Some(0.18)),
        ],
    );
    process(&outcome, "gnome-shell", &[(gpu_process::memory_bytes, Some(270.0 * MIB))]);
    device(
        &outcome,
        "amdxdna 1022:17f0",
        &[
            (gpu::kind, Some(1.0)),
            (gpu::utilization_ratio, Some(0.64)),
            (gpu::suspended_seconds, Some(0.25)),
            (gpu::memory_total_bytes, None),
        ],
    );
    process(
        &outcome,
        "whisper",
        &[
            (gpu_process::utilization_ratio, Some(0.64)),
            (gpu_process::memory_bytes, Some(96.0 * MIB)),
            (gpu_process::active_bytes, Some(32.0 * MIB)),
            (gpu_process::compute, Some(1.0)),
        ],
    );
    let asleep = outcome.row(gpu::name, "amdgpu 1002:7480");
    for field in FamilyId::Gpu.get().fields() {
        let known = [
            gpu::index,
            gpu::kind,
            gpu::state,
            gpu::asleep_seconds,
            gpu::suspended_seconds,
            gpu::fault,
        ];
        assert_eq!(asleep.get(field).is_some(), known.contains(&field), "{}", field.name());
    }
    assert_eq!(asleep.get(gpu::asleep_seconds), Some(2.0));
    assert_eq!(asleep.get(gpu::suspended_seconds), Some(3_602.0));
    let problem = outcome.report("drm/amdgpu 0000:03:00.0").expect("told");
    assert_eq!(problem.state, ASLEEP);
    assert_eq!(outcome.rows(FamilyId::GpuProcess), 3, "none of the device that sleeps");
}

#[test]
fn devices_of_intel() {
    let outcome = watch("intel-laptop");
    device(
        &outcome,
        "Intel Arc Graphics",
        &[
            // Two engines for video did half of what one can.
            (gpu::utilization_ratio, Some(0.25)),
            (gpu::video_ratio, Some(0.25)),
            (gpu::graphics_ratio, Some(0.15)),
            (gpu::awake_ratio, Some(0.42)),
            (gpu::shader_hertz, Some(950e6)),
            (gpu::shader_limit_hertz, Some(2_250e6)),
            (gpu::power_capped, Some(1.0)),
            (gpu::heat_capped, Some(0.0)),
            (gpu::memory_total_bytes, None),
            // What each holds alone, and what they share once.
            (gpu::memory_used_bytes, Some(298.0 * MIB)),
            (gpu::memory_free_bytes, None),
            (gpu::watts, None),
        ],
    );
    process(
        &outcome,
        "mpv",
        &[
            (gpu_process::video_ratio, Some(0.25)),
            (gpu_process::utilization_ratio, Some(0.25)),
            (gpu_process::memory_bytes, Some(210.0 * MIB)),
            (gpu_process::purgeable_bytes, Some(MIB)),
        ],
    );
    device(
        &outcome,
        "Meteor Lake NPU",
        &[
            (gpu::kind, Some(1.0)),
            (gpu::utilization_ratio, Some(0.35)),
            (gpu::shader_hertz, Some(1_200e6)),
            (gpu::shader_limit_hertz, Some(1_400e6)),
            (gpu::memory_used_bytes, Some(256.0 * MIB)),
        ],
    );
    process(&outcome, "openvino", &[(gpu_process::memory_bytes, Some(256.0 * MIB))]);

    let outcome = watch("arc");
    device(
        &outcome,
        "xe 8086:e20b",
        &[
            (gpu::utilization_ratio, Some(0.56)),
            (gpu::graphics_ratio, Some(0.335)),
            (gpu::compute_ratio, Some(0.56)),
            (gpu::video_ratio, Some(0.02)),
            (gpu::copy_ratio, Some(0.0)),
            (gpu::awake_ratio, Some(0.88)),
            (gpu::watts, Some(142.0)),
            (gpu::limit_watts, Some(190.0)),
            (gpu::temperature_celsius, Some(61.0)),
            (gpu::memory_temperature_celsius, Some(68.0)),
            (gpu::memory_total_bytes, Some(12_288.0 * MIB)),
            (gpu::memory_used_bytes, Some(10_448.0 * MIB)),
            (gpu::memory_free_bytes, Some(1_840.0 * MIB)),
            (gpu::power_capped, Some(0.0)),
        ],
    );
    process(
        &outcome,
        "llama-server",
        &[
            (gpu_process::compute_ratio, Some(0.56)),
            (gpu_process::memory_bytes, Some(7_400.0 * MIB)),
            (gpu_process::system_bytes, Some(32.0 * MIB)),
        ],
    );
}

#[test]
fn boards_and_old_kernels() {
    let outcome = watch("arm-board");
    device(
        &outcome,
        "arm,mali-bifrost",
        &[
            (gpu::utilization_ratio, Some(0.45)),
            (gpu::graphics_ratio, Some(0.45)),
            (gpu::shader_hertz, Some(600e6)),
            (gpu::shader_limit_hertz, Some(800e6)),
        ],
    );
    process(&outcome, "weston", &[(gpu_process::memory_bytes, Some(36_496.0 * 1024.0))]);
    assert_eq!(outcome.labels(gpu::pci_address), ["fde60000.gpu"]);

    let outcome = watch("amd-old");
    device(
        &outcome,
        "amdgpu 1002:67df",
        &[
            (gpu::utilization_ratio, Some(0.31)),
            (gpu::shader_hertz, Some(600e6)),
            (gpu::memory_hertz, Some(2_000e6)),
            (gpu::shader_limit_hertz, Some(1_366e6)),
            (gpu::watts, Some(41.231)),
            (gpu::energy_joules, None),
            (gpu::power_capped, None),
            (gpu::graphics_ratio, None),
        ],
    );
    process(
        &outcome,
        "Xorg",
        &[
            (gpu_process::memory_bytes, Some(700.0 * MIB)),
            (gpu_process::system_bytes, Some(20.0 * MIB)),
            (gpu_process::utilization_ratio, None),
        ],
    );
    let missing = outcome.report("drm/gpu_metrics 0000:0b:00.0").expect("told");
    assert_eq!(missing.state, ABSENT);
}

const BOARD: &str = "sys/devices/pci0000:00/0000:00:01.1/0000:03:00.0";

/// A machine with one device under amdgpu, and a process on it.
fn tree(told: &str) -> Tree {
    let tree = Tree::new(&[
        ("proc/70/stat", "70 (prog) S 1 1 1 0 -1 0 0 0 0 0 5 5 0 0 20 0 1 0 900 1000 10 0 0 0 0 0"),
        ("proc/70/fd/5", "-> /dev/dri/renderD128"),
        (
            "sys/class/drm/renderD128",
            "-> ../../devices/pci0000:00/0000:00:01.1/0000:03:00.0/drm/renderD128",
        ),
    ]);
    tree.write(&format!("{BOARD}/uevent"), "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0\n");
    tree.write(&format!("{BOARD}/drm/renderD128/device"), "-> ../..");
    tree.write("proc/70/fdinfo/5", told);
    tree
}

#[test]
fn a_machine_without_devices() {
    let tree = Tree::new(&[("sys/class/drm/version", "drm 1.1.0\n")]);
    let outcome = Trial::new(Drm::new(&tree.roots())).at(0);
    assert_eq!(outcome.result.map_err(|problem| problem.state), Err(ABSENT));
    assert_eq!(outcome.snapshot.raw().tables().count(), 0);
}

/// Opens of anything in some folders, counted by the kernel.
struct Opens(std::os::fd::OwnedFd);

impl Opens {
    fn of(folders: &[&Path]) -> Opens {
        use std::os::fd::{AsRawFd as _, FromRawFd as _};
        use std::os::unix::ffi::OsStrExt as _;
        // SAFETY: the descriptor is new and nobody else's; the paths end in NUL.
        unsafe {
            let watch = libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC);
            assert!(watch >= 0, "inotify");
            let watch = std::os::fd::OwnedFd::from_raw_fd(watch);
            for folder in folders {
                let path = [folder.as_os_str().as_bytes(), b"\0"].concat();
                let mask = libc::IN_OPEN | libc::IN_ACCESS;
                let added = libc::inotify_add_watch(watch.as_raw_fd(), path.as_ptr().cast(), mask);
                assert!(added >= 0, "{}", folder.display());
            }
            Opens(watch)
        }
    }

    /// Whether anything was opened since the last question.
    fn any(&mut self) -> bool {
        let mut file = std::fs::File::from(self.0.try_clone().expect("a descriptor"));
        let mut events = [0; 4096];
        file.read(&mut events).is_ok_and(|length| length > 0)
    }
}

#[test]
fn a_device_that_sleeps_is_not_touched_for_a_minute() {
    let told = "drm-driver:\tamdgpu\ndrm-client-id:\t1\ndrm-resident-vram:\t1 MiB\n";
    let tree = tree(told);
    for (file, text) in [
        ("power/runtime_status", "suspended"),
        ("power/control", "auto"),
        ("power/runtime_suspended_time", "99000"),
        ("gpu_busy_percent", "99"),
        ("gpu_metrics", "x"),
        ("hwmon/hwmon3/temp1_input", "99000"),
        ("hwmon/hwmon3/temp1_label", "edge"),
    ] {
        tree.write(&format!("{BOARD}/{file}"), text);
    }
    let base = tree.roots().base;
    let mut trial = Trial::new(Drm::new(&tree.roots()));
    let mut read = |second| {
        let outcome = trial.at(second);
        let row = outcome.row(gpu::uuid, "0000:03:00.0");
        (row.get(gpu::asleep_seconds), row.get(gpu::utilization_ratio), outcome)
    };
    read(0);
    let folders = [BOARD, &format!("{BOARD}/hwmon/hwmon3"), "proc/70/fdinfo"];
    let folders = folders.map(|folder| base.join(folder));
    let mut opens = Opens::of(&folders.each_ref().map(|folder| folder.as_path()));
    for second in 1..=60 {
        let (asleep, busy, outcome) = read(second);
        assert_eq!((asleep, busy), (Some(second as f64), None));
        assert_eq!(outcome.rows(FamilyId::GpuProcess), 0);
        assert_eq!(outcome.result.map_err(|problem| problem.state), Err(ASLEEP));
    }
    assert!(!opens.any(), "something was opened");
    // Somebody wakes it: it is read at once.
    tree.write(&format!("{BOARD}/power/runtime_status"), "active");
    let (asleep, busy, outcome) = read(61);
    assert_eq!((asleep, busy), (None, Some(0.99)));
    assert!(opens.any() && outcome.result.is_ok());
    assert_eq!(outcome.rows(FamilyId::GpuProcess), 1);
    let row = outcome.row(gpu::uuid, "0000:03:00.0");
    assert_eq!((row.shown(gpu::woken_by), row.get(gpu::woken_seconds)), ("prog (70)", Some(0.0)));
}

#[test]
fn an_idle_device_is_let_go() {
    let tree = tree("drm-driver:\tamdgpu\ndrm-client-id:\t1\ndrm-engine-gfx:\t5 ns\n");
    for (file, text) in
        [("power/runtime_status", "active"), ("power/control", "auto"), ("gpu_busy_percent", "0")]
    {
        tree.write(&format!("{BOARD}/{file}"), text);
    }
    let mut trial = Trial::new(Drm::new(&tree.roots()));
    let read: Vec<u64> = (0..40)
        .filter(|&second| {
            let outcome = trial.at(second);
            let row = outcome.row(gpu::uuid, "0000:03:00.0");
            let problem = outcome.report("drm/amdgpu 0000:03:00.0");
            assert_eq!(row.state(gpu::state), Some("active"));
            let busy = row.get(gpu::utilization_ratio);
            assert_eq!(problem.map(|problem| problem.state), busy.is_none().then_some(ASLEEP));
            busy.is_some()
        })
        .collect();
    // Somebody has it open and does nothing: that alone holds no device of this driver awake.
    assert_eq!(read, (0..=10).chain(30..40).collect::<Vec<u64>>());
}

#[test]
fn nonsense_is_missing_and_hides_nothing() {
    let tree = tree(
        "drm-driver:\tamdgpu\ndrm-client-id:\t1\ndrm-resident-vram:\t9 GiB\n\
                     drm-memory-vram:\t99999999 MiB\ndrm-engine-gfx:\t5 ns\n",
    );
    for (file, text) in [
        ("gpu_busy_percent", "4294967295"),
        ("mem_busy_percent", "-1"),
        ("mem_info_vram_total", "8589934592"),
        ("mem_info_vram_used", "18446744073709551615"),
        ("mem_info_gtt_total", "0"),
        ("mem_info_gtt_used", "77"),
        ("pp_dpm_sclk", "\u{1b}[2J: x\n0: 99999999999999Mhz *\n"),
        ("hwmon/hwmon0/temp1_input", "99999999999"),
        ("hwmon/hwmon0/temp1_label", "edge"),
        ("hwmon/hwmon0/power1_average", "-5"),
        ("hwmon/hwmon0/power1_cap", "300000000"),
        ("hwmon/hwmon0/pwm1", "9999"),
        ("hwmon/hwmon0/freq1_input", "0"),
        ("current_link_speed", "Unknown"),
        ("current_link_width", "0"),
        ("power/runtime_status", "\u{1b}[31m"),
    ] {
        tree.write(&format!("{BOARD}/{file}"), text);
    }
    // The head of a table and nothing behind it.
    tree.write(&format!("{BOARD}/gpu_metrics"), [120, 0, 1, 3]);
    // Clients of another device, of none, of a process that is gone, and a file that is no client's.
    for (path, text) in [
        ("proc/70/fd/6", "-> /dev/dri/renderD128"),
        ("proc/70/fdinfo/6", "drm-driver:\tamdgpu\ndrm-pdev:\t0000:09:00.0\ndrm-client-id:\t2\n"),
        ("proc/70/fd/7", "-> /dev/dri/renderD200"),
        ("proc/70/fdinfo/7", "drm-driver:\tx\ndrm-client-id:\t3\n"),
        ("proc/70/fd/8", "-> /dev/dri/renderD128"),
        ("proc/71/fd/1", "-> /dev/dri/renderD128"),
        ("proc/71/fdinfo/1", "drm-driver:\tamdgpu\ndrm-client-id:\t4\ndrm-memory-vram:\t1 MiB\n"),
        ("proc/70/fd/9", "-> /dev/dri/renderD128"),
        ("proc/70/fdinfo/9", "pos:\t0\nflags:\t02\n"),
    ] {
        tree.write(path, text);
    }
    let mut trial = Trial::new(Drm::new(&tree.roots()));
    trial.at(0);
    let outcome = trial.at(1);
    let row = outcome.row(gpu::uuid, "0000:03:00.0");
    let known: Vec<&str> = FamilyId::Gpu
        .get()
        .fields()
        .filter(|&field| row.get(field).is_some_and(|value| value != 0.0))
        .map(Field::name)
        .collect();
    assert_eq!(known, ["memory_total_bytes", "limit_watts"]);
    assert_eq!(row.get(gpu::utilization_ratio), None, "nothing stands for what makes no sense");
    let process = outcome.row(gpu_process::name, "prog");
    assert_eq!(process.get(gpu_process::memory_bytes), None);
    assert_eq!(outcome.rows(FamilyId::GpuProcess), 1);
    let table = outcome.report("drm/gpu_metrics 0000:03:00.0").expect("told");
    assert_eq!(table.state, FAILING);
    assert!(table.reason.ends_with("gpu_metrics: cut short"), "{}", table.reason);
}

#[test]
fn energy_in_32_bits_goes_on_when_its_counter_goes_round() {
    let tree = tree("");
    let mut trial = Trial::new(Drm::new(&tree.roots()));
    let mut at = |seconds, steps: u32| {
        let mut table = [0xff; 80];
        table[..4].copy_from_slice(&[80, 0, 1, 0]);
        table[36..40].copy_from_slice(&steps.to_le_bytes());
        tree.write(&format!("{BOARD}/gpu_metrics"), table);
        let outcome = trial.at(seconds);
        let row = outcome.row(gpu::uuid, "0000:03:00.0");
        (row.get(gpu::energy_joules), row.get(gpu::watts))
    };
    let joule = 65_536;
    assert_eq!(at(0, u32::MAX - 50 * joule + 1), (Some(65_486.0), None));
    assert_eq!(at(1, u32::MAX - 20 * joule + 1), (Some(65_516.0), Some(30.0)));
    assert_eq!(at(2, 10 * joule), (Some(65_546.0), Some(30.0)));
    // Nothing that it could not have drawn, once, twice or not at all.
    assert_eq!(at(400, 40 * joule), (None, None));
    assert_eq!(at(401, 240 * joule), (Some(240.0), None));
    assert_eq!(at(402, 440 * joule), (Some(440.0), Some(200.0)));
}

#[test]
fn what_may_not_be_seen_is_said() {
    let tree = tree("drm-driver:\tamdgpu\ndrm-client-id:\t1\n");
    let mut trial = Trial::new(Drm::new(&tree.roots()));
    let outcome = trial.at(0);
    assert!(outcome.report("drm/processes").is_none());
    // Nobody works on it, and nobody could be unseen.
    assert_eq!(outcome.get(gpu::uuid, "0000:03:00.0", gpu::utilization_ratio), None);
    tree.remove("proc/70");
    assert_eq!(trial.at(9).get(gpu::uuid, "0000:03:00.0", gpu::utilization_ratio), Some(0.0));
    trial.source.holders.hidden = vec![8, 9, 10];
    let outcome = trial.at(10);
    assert_eq!(outcome.get(gpu::uuid, "0000:03:00.0", gpu::utilization_ratio), None);
    let problem = outcome.report("drm/processes").expect("told");
    assert_eq!(problem.state, DENIED);
    assert!(problem.reason.contains("3 processes") && problem.hint.is_some());
    // In a container nobody seen to be on it is not nobody.
    trial.source.holders.hidden.clear();
    let busy = |outcome: &Outcome| outcome.get(gpu::uuid, "0000:03:00.0", gpu::utilization_ratio);
    assert_eq!(busy(&trial.at(11)), Some(0.0));
    tree.write("proc/self/ns/pid", "-> pid:[4026532999]");
    let outcome = trial.at(12);
    assert_eq!(busy(&outcome), None);
    let problem = outcome.report("drm/processes").expect("told");
    assert!(problem.reason.contains("outside this container") && problem.hint.is_some());
    tree.remove("proc/self/ns/pid");
    tree.write("proc/self/ns/pid", "-> pid:[4026531836]");
    assert_eq!(busy(&trial.at(13)), Some(0.0));
}

/// Engines of each device that may be counted: half of what there is of one, a fifth of another.
struct Counted(std::collections::BTreeSet<retop_model::Key>);

impl Counts for Counted {
    fn read(&mut self, _: &Device, key: Key, _: u64) -> Result<Option<Work>, Problem> {
        let mut work = Work::default();
        work.add(b"rcs", 0.5);
        work.add(b"vcs", 0.2);
        Ok((!self.0.insert(key)).then_some(work))
    }

    fn close(&mut self, key: Key) {
        self.0.remove(&key);
    }
}

#[test]
fn engines_that_may_be_counted_tell_of_the_whole_device() {
    let scratch = Scratch::new();
    let mut trial = Trial::new(Drm::new(&Roots::below(scratch.path())));
    trial.source.pmu = Some(Box::new(Counted(std::collections::BTreeSet::new())));
    let mut at = |second, status: &str| {
        build("intel-laptop", scratch.path(), second).expect("built");
        let path = "sys/devices/pci0000:00/0000:00:02.0/power/runtime_status";
        scratch.tree().file(path, status).expect("written");
        trial.at(second)
    };
    // At first there is nothing to compare with, and what clients do stands for it.
    at(0, "active");
    let graphics = "Intel Arc Graphics";
    let outcome = at(2, "active");
    let expected = [
        (gpu::utilization_ratio, Some(0.5)),
        (gpu::graphics_ratio, Some(0.5)),
        (gpu::video_ratio, Some(0.2)),
    ];
    device(&outcome, graphics, &expected);
    // Its clients are told of as ever.
    process(&outcome, "mpv", &[(gpu_process::video_ratio, Some(0.25))]);
    // One that sleeps is let go of: its counters would hold it awake.
    device(&at(3, "suspended"), graphics, &[(gpu::utilization_ratio, None)]);
    device(&at(4, "active"), graphics, &[(gpu::graphics_ratio, None)]);
    device(&at(5, "active"), graphics, &[(gpu::graphics_ratio, Some(0.5))]);
}

#[test]
fn a_driver_that_tells_nothing_has_no_row() {
    let tree = tree("drm-driver:\tvirtio_gpu\ndrm-client-id:\t1\n");
    tree.write(&format!("{BOARD}/uevent"), "DRIVER=virtio_gpu\n");
    let mut trial = Trial::new(Drm::new(&tree.roots()));
    let outcome = trial.at(0);
    assert_eq!(outcome.rows(FamilyId::Gpu), 0);
    let problem = outcome.report("drm/virtio_gpu 0000:03:00.0").expect("told");
    assert!(problem.state == ABSENT && problem.reason.contains("tells nothing"));
    assert_eq!(outcome.result.map_err(|problem| problem.state), Err(ABSENT));
    // A newer kernel's does.
    tree.write("proc/70/fdinfo/5", "drm-driver:\tvirtio_gpu\ndrm-engine-gpu:\t5 ns\n");
    let outcome = trial.at(1);
    assert_eq!((outcome.rows(FamilyId::Gpu), outcome.result.is_ok()), (1, true));
}

#[test]
fn devices_come_and_go() {
    let tree = tree("drm-driver:\tamdgpu\ndrm-client-id:\t1\n");
    let nvidia = "sys/bus/pci/drivers/nvidia";
    tree.write(&format!("{nvidia}/0000:01:00.0"), "");
    tree.write(&format!("{nvidia}/module"), "");
    let mut trial = Trial::new(Drm::new(&tree.roots()));
    let outcome = trial.at(0);
    // The devices of another driver have the first numbers.
    assert_eq!(outcome.get(gpu::uuid, "0000:03:00.0", gpu::index), Some(1.0));
    tree.remove("sys/class/drm/renderD128");
    assert_eq!(trial.at(1).result.map_err(|problem| problem.state), Err(ABSENT));
    let link = "-> ../../devices/pci0000:00/0000:00:01.1/0000:03:00.0/drm/renderD128";
    tree.write("sys/class/drm/renderD128", link);
    assert_eq!(trial.at(2).rows(FamilyId::Gpu), 1);
}

/// Prints what reading costs: `cargo test --release -p retop-sources --lib print_costs -- --ignored
/// --nocapture`.
#[test]
#[ignore = "prints for people"]
#[allow(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
fn print_costs() {
    let timed = |name: &str, times: u32, mut what: Box<dyn FnMut()>| {
        what();
        let begun = std::time::Instant::now();
        (0..times).for_each(|_| what());
        println!("{name}: {:?}", begun.elapsed() / times);
    };
    let empty = Tree::new(&[]);
    let mut nothing = Trial::new(Drm::new(&empty.roots()));
    timed("no device", 1_000, Box::new(move || drop(nothing.at(0))));
    for machine in ["amd-desktop", "amd-laptop", "intel-laptop", "arc"] {
        let scratch = Scratch::new();
        build(machine, scratch.path(), 0).expect("built");
        let mut trial = Trial::new(Drm::new(&Roots::below(scratch.path())));
        // The clock stands still: processes are looked through once.
        timed(machine, 500, Box::new(move || drop(trial.at(0))));
    }
    let real = Path::new("/proc");
    let processes = std::fs::read_dir(real)
        .expect("listed")
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok()));
    println!("{} processes here", processes.count());
    let look = || Holders::default().look(real, || 0);
    timed("looking through them", 20, Box::new(look));
}

/// Every file of devices below a machine's folder.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.join("sys/devices")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it is there").flatten() {
            let kind = entry.file_type().expect("it is there");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found
}

/// A file that gives an error when it is read, as a driver does that has no answer, or nothing.
fn break_file(path: &Path, gives_error: bool) {
    std::fs::remove_file(path).expect("it is there");
    match gives_error {
        // Nothing lies at its beginning: EIO.
        true => std::os::unix::fs::symlink("/proc/self/mem", path).expect("writable"),
        false => std::fs::write(path, "").expect("writable"),
    }
}

/// Numbers of each row by its identity.
fn numbers(outcome: &Outcome) -> BTreeMap<(FamilyId, String), Vec<Option<f64>>> {
    let mut all = BTreeMap::new();
    for family in [FamilyId::Gpu, FamilyId::GpuProcess] {
        for row in outcome.snapshot.rows(family) {
            let name = format!("{:?}", row.key());
            all.insert((family, name), family.get().fields().map(|field| row.get(field)).collect());
        }
    }
    all
}

#[test]
fn a_file_that_cannot_be_read_takes_its_own_values_alone() {
    for machine in ["amd-desktop", "intel-laptop", "arm-board"] {
        let whole = numbers(&watch(machine));
        let scratch = Scratch::new();
        build(machine, scratch.path(), 0).expect("built");
        let mut gone = 0;
        for (path, gives_error) in
            files(scratch.path()).into_iter().flat_map(|path| [(path.clone(), true), (path, false)])
        {
            let mut trial = Trial::new(Drm::new(&Roots::below(scratch.path())));
            let mut at = |second| {
                build(machine, scratch.path(), second).expect("built");
                break_file(&path, gives_error);
                let found = numbers(&trial.at(second));
                std::fs::remove_file(&path).expect("broken before");
                found
            };
            at(0);
            for (row, values) in &at(2) {
                let before = &whole[row];
                for ((field, &now), &before) in row.0.get().fields().zip(values).zip(before) {
                    // Another file may step in with much the same; for how busy it is, what its
                    // clients tell.
                    let is_by_clients = field == gpu::utilization_ratio;
                    // Its place among those that are there, no number of its own.
                    if field == gpu::index {
                        continue;
                    }
                    let is_same = now.zip(before).is_some_and(|(now, before)| {
                        let near = is_by_clients || (now / before - 1.0).abs() < 0.2;
                        now == before || now != 0.0 && near
                    });
                    gone += usize::from(now.is_none() && before.is_some());
                    let name = field.name();
                    assert!(now.is_none() || is_same, "{path:?}: {name} {before:?}, {now:?}");
                }
            }
        }
        assert!(gone > 0, "{machine}: nothing was read of what was broken");
    }
}
