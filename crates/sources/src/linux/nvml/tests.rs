use retop_fake_nvml::{Installed, install};
use retop_model::family::source::{ABSENT, ASLEEP, DENIED, FAILING};
use retop_model::{Field, Row};

use super::*;
use crate::linux::tree::{Bench, Taken, Tree};

mod faults;
mod health;
mod looks;
mod table;

const MIB: f64 = 1024.0 * 1024.0;

/// A machine with the made-up driver, one second at a time.
struct Gpus {
    tree: Tree,
    driver: Installed,
    bench: Bench,
    source: Nvml,
    second: f64,
}

impl Gpus {
    fn new(scenario: &str) -> Gpus {
        Gpus::without(scenario, &[])
    }

    fn without(scenario: &str, absent: &[&str]) -> Gpus {
        let tree = Tree::new(&[("dev/nvidiactl", "")]);
        let libraries = tree.roots().libraries;
        std::fs::create_dir_all(&libraries).expect("a folder");
        let driver = install(&libraries, scenario, absent).expect("installed");
        driver.set_clock(0.0).expect("set");
        let source = Nvml::new(&tree.roots());
        Gpus { tree, driver, bench: Bench::new(), source, second: 0.0 }
    }

    /// Puts a device on the bus.
    fn plug(&self, address: &str, status: &str, control: &str) {
        let folder = format!("sys/bus/pci/devices/{address}");
        self.tree.write(&format!("{folder}/vendor"), "0x10de");
        self.tree.write(&format!("{folder}/class"), "0x030200");
        self.tree.write(&format!("{folder}/power/runtime_status"), status);
        self.tree.write(&format!("{folder}/power/control"), control);
    }

    fn process(&self, pid: u32, name: &str, start_ticks: u64) {
        let line = format!(
            "{pid} ({name}) S 1 1 1 0 -1 4194304 0 0 0 0 5 5 0 0 20 0 1 0 {start_ticks} 1000 10 0"
        );
        self.tree.write(&format!("proc/{pid}/stat"), line);
    }

    /// A second passes, then the devices are read.
    fn tick(&mut self) -> Taken {
        self.second += 1.0;
        self.driver.set_clock(self.second).expect("set");
        self.bench.read(&mut self.source)
    }

    fn ticks(&mut self, count: usize) -> Taken {
        (1..count).for_each(|_| drop(self.tick()));
        self.tick()
    }

    fn calls_of(&self, symbol: &str) -> usize {
        let calls = self.driver.calls().expect("a list");
        calls.iter().filter(|call| call.symbol == symbol).count()
    }
}

fn devices(taken: &Taken) -> Vec<Row<'_>> {
    taken.snapshot.rows(FamilyId::Gpu).collect()
}

fn processes(taken: &Taken) -> Vec<Row<'_>> {
    taken.snapshot.rows(FamilyId::GpuProcess).collect()
}

fn of_pid<'a>(taken: &'a Taken, pid: u64) -> Option<Row<'a>> {
    processes(taken).into_iter().find(|row| row.key().0 == pid)
}

fn all(row: Row<'_>, fields: &[Field]) -> Vec<Option<f64>> {
    fields.iter().map(|&field| row.get(field)).collect()
}

const H200: &str = r#"
driver = "580.159.03"
[[device]]
uuid = "GPU-a"
gpu_percent = 98
memory_percent = 41
power_watts = 630
temperature_celsius = 64
memory_temperature_celsius = 71
sm_mhz = 1980
reasons = 4
gpm = true
tensor_percent = 62.5
occupancy_percent = 48
dram_percent = 33
fp64_percent = 1
fp32_percent = 12.25
fp16_percent = 3
other_mib = 20
pcie_sent_bytes_per_second = 1000000
[[device.process]]
pid = 4242
memory_mib = [[0, 20000], [100, 30000]]
sm_percent = 71
[[device.process]]
pid = 4300
lists = ["compute", "graphics"]
memory_mib = 512
"#;

#[test]
fn a_device_tells_everything_in_base_units() {
    let mut gpus = Gpus::new(H200);
    gpus.tick();
    let taken = gpus.tick();
    assert_eq!(taken.result, Ok(()));
    let [row] = devices(&taken)[..] else { panic!("one device") };
    assert_eq!(row.shown(gpu::uuid), "GPU-a");
    assert_eq!(row.shown(gpu::name), "NVIDIA H200");
    assert_eq!(row.shown(gpu::driver), "nvidia 580.159.03");
    let total = 143_771.0 * MIB;
    let used = (20.0 + 20_200.0 + 512.0) * MIB;
    for (field, expected) in [
        (gpu::utilization_ratio, 0.98),
        (gpu::memory_busy_ratio, 0.41),
        (gpu::memory_total_bytes, total),
        (gpu::memory_reserved_bytes, 614.0 * MIB),
        (gpu::memory_used_bytes, used),
        (gpu::memory_free_bytes, total - 614.0 * MIB - used),
        (gpu::reading_watts, 630.0),
        (gpu::energy_joules, 1260.0),
        (gpu::watts, 630.0),
        (gpu::limit_watts, 700.0),
        (gpu::temperature_celsius, 64.0),
        (gpu::memory_temperature_celsius, 71.0),
        (gpu::shader_hertz, 1.98e9),
        (gpu::memory_hertz, 3.201e9),
        (gpu::shader_limit_hertz, 1.98e9),
        (gpu::performance_state, 0.0),
        (gpu::pcie_generation, 5.0),
        (gpu::pcie_sent_bytes_per_second, 1e6),
        (gpu::throttled_ratio, 1.0),
        (gpu::tensor_ratio, 0.625),
        (gpu::occupancy_ratio, 0.48),
        (gpu::bandwidth_ratio, 0.33),
        (gpu::engine_ratio, 0.98),
        (gpu::fp64_ratio, 0.01),
        (gpu::fp32_ratio, 0.1225),
        (gpu::fp16_ratio, 0.03),
        (gpu::visible_total_bytes, 131_072.0 * MIB),
        (gpu::visible_used_bytes, 0.0),
        (gpu::corrected_errors, 0.0),
        (gpu::memory_growth_bytes_per_second, 100.0 * MIB),
    ] {
        let value = row.get(field).unwrap_or(f64::NAN);
        let error = (value - expected).abs();
        assert!(error <= expected.abs() * 1e-9, "{}: {value} for {expected}", field.name());
    }
    assert_eq!(row.get(gpu::fan_ratio), None, "the chassis cools it");
    assert_eq!(row.state(gpu::state), Some("active"));
}

#[test]
fn processes_of_all_lists_stand_once_with_what_nobody_holds_beside_them() {
    let mut gpus = Gpus::new(H200);
    gpus.process(4242, "python", 777);
    gpus.tick();
    let taken = gpus.tick();
    let rows = processes(&taken);
    let pids: Vec<u64> = rows.iter().map(|row| row.key().0).collect();
    assert_eq!(pids, [0, 4242, 4300]);
    let python = of_pid(&taken, 4242).expect("there");
    assert_eq!(python.shown(gpu_process::name), "python");
    assert_eq!(python.get(gpu_process::start_seconds), Some(7.77));
    assert_eq!(python.get(gpu_process::memory_bytes), Some(20_200.0 * MIB));
    assert_eq!(python.get(gpu_process::utilization_ratio), Some(0.71));
    let drawing = of_pid(&taken, 4300).expect("there");
    assert_eq!(drawing.shown(gpu_process::name), "host pid 4300", "procfs does not know it");
    let both = [gpu_process::compute, gpu_process::graphics, gpu_process::memory_bytes];
    assert_eq!(all(drawing, &both), [Some(1.0), Some(1.0), Some(512.0 * MIB)]);
    assert_eq!(drawing.get(gpu_process::utilization_ratio), Some(0.0));
    let rest = of_pid(&taken, 0).expect("there");
    assert_eq!(rest.get(gpu_process::memory_bytes), Some(20.0 * MIB));
}

#[test]
fn every_driver_gives_processes_and_memory() {
    for driver in [
        "470.256.02",
        "510.108.03",
        "525.60.13",
        "535.54.03",
        "535.98",
        "535.104.05",
        "550.54",
        "580.65.06",
        "580.159.03",
        "610.57",
    ] {
        let mut gpus = Gpus::new(&H200.replace("580.159.03", driver));
        gpus.tick();
        let taken = gpus.tick();
        let [row] = devices(&taken)[..] else { panic!("{driver}") };
        let pids: Vec<u64> = processes(&taken).iter().map(|row| row.key().0).collect();
        assert_eq!(pids, [0, 4242, 4300], "{driver}");
        let busy = of_pid(&taken, 4242).and_then(|row| row.get(gpu_process::utilization_ratio));
        assert_eq!(busy, Some(0.71), "{driver}");
        // The first version of the memory's call counts what the driver keeps as used.
        let kept = row.get(gpu::memory_reserved_bytes);
        assert_eq!(kept.is_some(), driver > "510", "{driver}");
        // The time held down for heat has another number in new drivers; here power holds it down.
        let held = all(row, &[gpu::power_capped_seconds, gpu::thermal_seconds]);
        assert_eq!(held, [Some(2.0), Some(0.0)], "{driver}");
        // Why they are held down now is asked by the name that the driver knows.
        let now = all(row, &[gpu::power_capped, gpu::heat_capped]);
        assert_eq!(now, [Some(1.0), Some(0.0)], "{driver}");
    }
}

#[test]
fn each_driver_is_asked_by_the_names_that_it_knows() {
    let third = "nvmlDeviceGetComputeRunningProcesses_v3";
    let second = "nvmlDeviceGetComputeRunningProcesses_v2";
    let (newer, older) =
        ("nvmlDeviceGetProcessesUtilizationInfo", "nvmlDeviceGetProcessUtilization");
    for (driver, list, sampled, memory) in [
        ("470.256.02", second, older, "nvmlDeviceGetMemoryInfo"),
        ("510.108.03", third, older, "nvmlDeviceGetMemoryInfo_v2"),
        // Its third version fills another struct.
        ("535.54.03", second, older, "nvmlDeviceGetMemoryInfo_v2"),
        ("535.98", second, older, "nvmlDeviceGetMemoryInfo_v2"),
        ("550.54.14", third, newer, "nvmlDeviceGetMemoryInfo_v2"),
        ("580.65.06", third, newer, "nvmlDeviceGetMemoryInfo_v2"),
        ("580.159.03", third, newer, "nvmlDeviceGetMemoryInfo_v2"),
        ("610.57", third, newer, "nvmlDeviceGetMemoryInfo_v2"),
    ] {
        let mut gpus = Gpus::new(&H200.replace("580.159.03", driver));
        // The first read is before the first sample of shares.
        gpus.ticks(2);
        gpus.ticks(8);
        let calls = gpus.driver.calls().expect("a list");
        let late = |symbol: &str| {
            calls.iter().filter(|call| call.symbol == symbol && call.seconds > 2.0).count()
        };
        for (symbol, others) in [
            (list, [third, second, "nvmlDeviceGetComputeRunningProcesses"]),
            (sampled, [newer, older, newer]),
            (memory, ["nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetMemoryInfo", memory]),
        ] {
            assert_eq!(late(symbol), 8, "{driver} {symbol}");
            for other in others.into_iter().filter(|&other| other != symbol) {
                assert_eq!(late(other), 0, "{driver} {other}");
            }
        }
    }
}

#[test]
fn a_guest_of_windows_finds_the_library_where_windows_puts_it() {
    let tree = Tree::new(&[("dev/dxg", "")]);
    let folder = tree.roots().libraries.join("wsl/lib");
    std::fs::create_dir_all(&folder).expect("a folder");
    // There nobody tells of processes, and not of what they hold.
    let lists: Vec<String> = ["Compute", "Graphics", "MPSCompute"]
        .iter()
        .map(|list| format!("\"nvmlDeviceGet{list}RunningProcesses_v3\""))
        .collect();
    let scenario = format!(
        "[[device]]\nuuid = \"GPU-a\"\npower_watts = 90\nother_mib = 700\nunsupported = [{}]\n",
        lists.join(", ")
    );
    let driver = install(&folder, &scenario, &[]).expect("installed");
    driver.set_clock(1.0).expect("set");
    let taken = Bench::new().read(&mut Nvml::new(&tree.roots()));
    assert_eq!(taken.result, Ok(()));
    let used = all(devices(&taken)[0], &[gpu::reading_watts, gpu::memory_used_bytes]);
    assert_eq!(used, [Some(90.0), Some(700.0 * MIB)]);
    assert_eq!(processes(&taken).len(), 0, "nobody is known, and so nothing is left over");
}

#[test]
fn who_may_not_count_cycles_is_told_why() {
    let told = |scenario: &str, wanted: bool| {
        let mut gpus = Gpus::new(scenario);
        gpus.bench.demand.gpu_cycles = wanted;
        let taken = gpus.ticks(3);
        assert_eq!(devices(&taken)[0].get(gpu::tensor_ratio), None);
        assert_eq!(devices(&taken)[0].get(gpu::reading_watts), Some(78.0));
        let mut reports = taken.reports.into_iter().filter(|report| report.name == "nvml/cycles");
        reports.next().and_then(|report| report.problem).map(|problem| {
            (problem.state, problem.reason, problem.hint.is_some_and(|hint| hint.contains("root")))
        })
    };
    let ada = "[[device]]\nname = \"NVIDIA L40S\"\n";
    let denied = "[[device]]\ngpm = true\n[[fault]]\nsymbol = \"nvmlGpmSampleGet\"\ncode = 4\n";
    let words = "Hopper and newer count cycles, not GPU 0".to_owned();
    assert_eq!(told(ada, true), Some((ABSENT, words, false)));
    let words = "no permission for GPU 0".to_owned();
    assert_eq!(told(denied, true), Some((DENIED, words, true)));
    assert_eq!(told(ada, false), None, "nobody wants to know");
}

#[test]
fn reasons_for_lower_clocks_are_told_apart_and_unknown_ones_are_none() {
    for (bits, power, heat) in [
        (0x0, 0.0, 0.0),
        (0x1, 0.0, 0.0),
        (0x4, 1.0, 0.0),
        (0x80 | 0x8, 1.0, 0.0),
        (0x20, 0.0, 1.0),
        (0x40 | 0x8, 0.0, 1.0),
        (0x4 | 0x40, 1.0, 1.0),
        (0x8000_0002_u64, 0.0, 0.0),
    ] {
        let mut gpus = Gpus::new(&format!("[[device]]\nreasons = {bits}\n"));
        let now = all(devices(&gpus.tick())[0], &[gpu::power_capped, gpu::heat_capped]);
        assert_eq!(now, [Some(power), Some(heat)], "{bits:#x}");
    }
    let absent =
        ["nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"];
    let mut gpus = Gpus::without(H200, &absent);
    let now = all(devices(&gpus.tick())[0], &[gpu::power_capped, gpu::heat_capped]);
    assert_eq!(now, [None, None]);
}

#[test]
fn a_symbol_that_is_missing_takes_away_its_own_values_alone() {
    for (symbol, field) in [
        ("nvmlDeviceGetUtilizationRates", gpu::utilization_ratio),
        ("nvmlDeviceGetPowerUsage", gpu::reading_watts),
        ("nvmlDeviceGetTotalEnergyConsumption", gpu::energy_joules),
        ("nvmlDeviceGetTemperature", gpu::temperature_celsius),
        ("nvmlDeviceGetClockInfo", gpu::shader_hertz),
        ("nvmlDeviceGetMaxClockInfo", gpu::shader_limit_hertz),
        ("nvmlDeviceGetFieldValues", gpu::pcie_sent_bytes),
        ("nvmlDeviceGetPerformanceState", gpu::performance_state),
        ("nvmlDeviceGetEncoderUtilization", gpu::encoder_ratio),
        ("nvmlDeviceGetEnforcedPowerLimit", gpu::limit_watts),
        ("nvmlDeviceGetCurrPcieLinkWidth", gpu::pcie_lanes),
        ("nvmlDeviceGetTotalEccErrors", gpu::corrected_errors),
        ("nvmlDeviceGetBAR1MemoryInfo", gpu::visible_total_bytes),
        ("nvmlGpmQueryDeviceSupport", gpu::tensor_ratio),
        ("nvmlDeviceGetPciInfo_v3", gpu::fan_ratio),
        ("nvmlDeviceGetIndex", gpu::index),
    ] {
        let mut gpus = Gpus::without(H200, &[symbol]);
        gpus.tick();
        let taken = gpus.tick();
        assert_eq!(taken.result, Ok(()), "{symbol}");
        let [row] = devices(&taken)[..] else { panic!("{symbol}") };
        assert_eq!(row.get(field), None, "{symbol}");
        assert!(row.get(gpu::memory_used_bytes).is_some(), "{symbol}");
        assert_eq!(processes(&taken).len(), 3, "{symbol}");
        // The same values unsupported by the device: asked for once, and never again.
        let text = H200.replace("uuid =", &format!("unsupported = [\"{symbol}\"]\nuuid ="));
        let mut gpus = Gpus::new(&text);
        let taken = gpus.ticks(12);
        let [row] = devices(&taken)[..] else { panic!("{symbol}") };
        assert_eq!(row.get(field), None, "{symbol}");
        assert!(gpus.calls_of(symbol) <= 2, "{symbol}: {}", gpus.calls_of(symbol));
        let mut calls = taken.snapshot.rows(FamilyId::GpuCall);
        let call = calls.find(|row| row.shown(gpu_call::symbol) == symbol);
        if gpus.calls_of(symbol) > 0
            && symbol != "nvmlDeviceGetPciInfo_v3"
            && symbol != "nvmlDeviceGetIndex"
        {
            assert_eq!(call.map(|row| row.shown(gpu_call::refused_by)), Some("0"), "{symbol}");
        }
    }
}

#[test]
fn a_library_that_is_of_no_use_says_why() {
    for (init, state, word) in [
        (9, ABSENT, "not loaded"),
        (18, FAILING, "different versions"),
        (15, FAILING, "lost"),
        (999, FAILING, "unknown error"),
    ] {
        let mut gpus = Gpus::new(&format!("init = {init}"));
        let problem = gpus.tick().result.expect_err("refused");
        assert_eq!(problem.state, state, "{init}");
        assert!(problem.reason.contains(word), "{}", problem.reason);
        // Asked again every few seconds, not at each tick.
        gpus.ticks(10);
        assert_eq!(gpus.calls_of("nvmlInit_v2"), 3, "{init}");
    }
    let tree = Tree::new(&[("dev/nvidiactl", ""), ("usr/lib/libnvidia-ml.so.1", "no ELF")]);
    let problem = Bench::new().read(&mut Nvml::new(&tree.roots())).result.expect_err("no library");
    assert_eq!(problem.state, ABSENT);
    assert!(problem.reason.contains("libnvidia-ml.so.1"), "{}", problem.reason);
    let mut gpus = Gpus::new("driver = \"580.1\"");
    let problem = gpus.tick().result.expect_err("no device");
    assert_eq!(problem.reason, "the NVIDIA driver knows of no device");
}

#[test]
fn without_a_device_no_library_is_opened() {
    let mut gpus = Gpus::new(H200);
    gpus.tree.remove("dev/nvidiactl");
    let problem = gpus.ticks(3).result.expect_err("no device");
    assert_eq!(problem.reason, "no NVIDIA device on the PCI bus");
    assert_eq!(gpus.driver.calls().expect("a list"), []);
}

const TWO: &str = r#"
[[device]]
uuid = "GPU-a"
pci = "00000000:01:00.0"
power_watts = 100
[[device]]
uuid = "GPU-b"
pci = "00000000:02:00.0"
power_watts = 200
"#;

#[test]
fn a_sleeping_device_is_not_touched() {
    let mut gpus = Gpus::new(TWO);
    gpus.plug("0000:01:00.0", "suspended", "auto");
    gpus.plug("0000:02:00.0", "suspended", "auto");
    let taken = gpus.ticks(60);
    assert_eq!(taken.result.as_ref().expect_err("asleep").state, ASLEEP);
    assert_eq!(gpus.driver.calls().expect("a list"), []);
    let states: Vec<_> = devices(&taken).iter().map(|row| row.state(gpu::state)).collect();
    assert_eq!(states, [Some("asleep"); 2]);
    assert_eq!(devices(&taken)[0].get(gpu::asleep_seconds), Some(59.0));
    // Somebody wakes one: it alone is read. Of two that hold devices one holds this.
    gpus.process(71, "train", 900);
    gpus.process(72, "other", 950);
    gpus.tree.write("proc/71/fd/5", "-> /dev/nvidia1");
    gpus.tree.write("proc/72/fd/5", "-> /dev/nvidia0");
    gpus.tree.write("proc/72/fd/6", "-> /dev/nvidiactl");
    let known = "Model: \t\t NVIDIA H200\nDevice Minor: \t 1\n";
    gpus.tree.write("proc/driver/nvidia/gpus/0000:02:00.0/information", known);
    gpus.plug("0000:02:00.0", "active", "auto");
    gpus.tick();
    let taken = gpus.tick();
    let mut seen: Vec<_> = devices(&taken)
        .iter()
        .map(|row| (row.shown(gpu::uuid).to_owned(), row.get(gpu::watts)))
        .collect();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(seen, [("GPU-b".to_owned(), Some(200.0))]);
    let touched = gpus.driver.calls().expect("a list").iter().any(|call| call.device == Some(0));
    assert!(!touched, "the other one sleeps on");
    let told = |taken: &Taken| {
        let rows = devices(taken);
        let row = rows.iter().find(|row| row.shown(gpu::uuid) == "GPU-b").expect("there");
        (row.shown(gpu::woken_by).to_owned(), row.get(gpu::woken_seconds))
    };
    assert_eq!(told(&taken), ("train (71)".to_owned(), Some(1.0)));
    // Asleep again, woken by somebody who is gone already.
    gpus.plug("0000:02:00.0", "suspended", "auto");
    let taken = gpus.tick();
    assert!(devices(&taken).iter().all(|row| row.text(gpu::woken_by).is_none()));
    gpus.tree.remove("proc/71");
    gpus.plug("0000:02:00.0", "active", "auto");
    let taken = gpus.tick();
    assert_eq!(told(&taken), ("nobody who has it open still".to_owned(), Some(0.0)));
}

#[test]
fn idle_devices_are_let_go_and_taken_up_again_if_others_hold_them() {
    let mut gpus = Gpus::new(TWO);
    gpus.plug("0000:01:00.0", "active", "auto");
    gpus.plug("0000:02:00.0", "active", "auto");
    gpus.ticks(12);
    assert_eq!((gpus.calls_of("nvmlInit_v2"), gpus.calls_of("nvmlShutdown")), (1, 1));
    // They stay awake: somebody else has them, so they are watched again, for a minute now.
    let taken = gpus.ticks(25);
    assert_eq!(taken.result, Ok(()));
    assert_eq!(gpus.calls_of("nvmlInit_v2"), 2);
    gpus.ticks(40);
    assert_eq!(gpus.calls_of("nvmlShutdown"), 1);
    // They fall asleep after the next time.
    gpus.ticks(30);
    assert_eq!(gpus.calls_of("nvmlShutdown"), 2);
    gpus.plug("0000:01:00.0", "suspended", "auto");
    gpus.plug("0000:02:00.0", "suspended", "auto");
    let taken = gpus.ticks(5);
    assert_eq!(taken.result.as_ref().expect_err("asleep").state, ASLEEP);
    assert_eq!(devices(&taken)[0].shown(gpu::uuid).get(..4), Some("GPU-"), "still known by name");
    // On a server nothing is let go.
    let mut server = Gpus::new(TWO);
    server.plug("0000:01:00.0", "active", "on");
    server.ticks(60);
    assert_eq!(server.calls_of("nvmlShutdown"), 0);
}

#[test]
fn a_lost_device_hides_no_neighbour_and_comes_back() {
    let fault = "[[fault]]\ndevice = 0\nfrom = 5\nuntil = 15\ncode = 15\n";
    let mut gpus = Gpus::new(&format!("{TWO}{fault}"));
    gpus.bench.demand.gpu_cycles = false;
    gpus.ticks(4);
    let taken = gpus.ticks(3);
    let states: Vec<_> = devices(&taken)
        .iter()
        .map(|row| (row.shown(gpu::uuid).to_owned(), row.state(gpu::state), row.get(gpu::watts)))
        .collect();
    assert!(states.contains(&("GPU-a".to_owned(), Some("lost"), None)), "{states:?}");
    assert!(states.contains(&("GPU-b".to_owned(), Some("active"), Some(200.0))), "{states:?}");
    assert!(taken.reports.iter().any(|report| report.name.starts_with("nvml/")));
    let taken = gpus.ticks(20);
    let watts: Vec<_> = devices(&taken).iter().map(|row| row.get(gpu::watts)).collect();
    assert!(watts.contains(&Some(100.0)), "{watts:?}");
    assert!(taken.reports.is_empty(), "{:?}", taken.reports);
}

#[test]
fn a_driver_that_goes_is_asked_again() {
    let fault = "[[fault]]\nfrom = 5\nuntil = 12\ncode = 1\n";
    let mut gpus = Gpus::new(&format!("{H200}{fault}"));
    gpus.ticks(4);
    let problem = gpus.tick().result.expect_err("gone");
    assert!(problem.reason.contains("unloaded or replaced"), "{}", problem.reason);
    let taken = gpus.ticks(20);
    assert_eq!(taken.result, Ok(()));
    assert_eq!(devices(&taken)[0].get(gpu::reading_watts), Some(630.0));
}

#[test]
fn storms_of_errors_become_no_zeros() {
    for code in [2, 10, 21, 27, 999] {
        let fault = format!("[[fault]]\nfrom = 3\ncode = {code}\n");
        let mut gpus = Gpus::new(&format!("{H200}{fault}"));
        let taken = gpus.ticks(12);
        for row in devices(&taken) {
            let now = [
                gpu::utilization_ratio,
                gpu::reading_watts,
                gpu::memory_used_bytes,
                gpu::temperature_celsius,
                gpu::energy_joules,
            ];
            assert_eq!(all(row, &now), [None; 5], "{code}");
        }
        assert!(taken.reports.iter().any(|report| report.problem.is_some()), "{code}");
    }
}

#[test]
fn what_no_device_can_have_is_not_believed() {
    let scenario = r#"
[[device]]
uuid = "GPU-a"
gpu_percent = 4294967295
[[device.process]]
pid = 10
memory_mib = -1
sm_percent = 250
[[device.process]]
pid = 0
memory_mib = 5
[[device]]
uuid = "GPU-b"
pci = "00000000:02:00.0"
total_mib = 0
[[device]]
uuid = "GPU-c"
pci = "00000000:03:00.0"
total_mib = 10
reserved_mib = 0
[[device.process]]
pid = 11
memory_mib = 99
"#;
    let mut gpus = Gpus::new(scenario);
    gpus.tick();
    let taken = gpus.tick();
    let of = |uuid: &str| {
        let mut rows = devices(&taken).into_iter();
        rows.find(|row| row.shown(gpu::uuid) == uuid).expect("there")
    };
    assert_eq!(of("GPU-a").get(gpu::utilization_ratio), None);
    assert_eq!(of("GPU-b").get(gpu::memory_total_bytes), None, "and nobody tells of the machine's");
    assert_eq!(of("GPU-c").get(gpu::memory_used_bytes), None, "more than there is");
    let unknown = of_pid(&taken, 10).expect("listed");
    assert_eq!(unknown.get(gpu_process::memory_bytes), None);
    assert_eq!(unknown.get(gpu_process::utilization_ratio), None, "250 %");
    let nobody = of_pid(&taken, 0).expect("what is left");
    assert_eq!(nobody.shown(gpu_process::name), "(unattributed)");
}

#[test]
fn a_board_without_memory_of_its_own_has_the_machines() {
    let meminfo = "MemTotal:       125000000 kB\nMemFree: 5 kB\nMemAvailable:   100000000 kB\n";
    let calls = "[\"nvmlDeviceGetMemoryInfo_v2\", \"nvmlDeviceGetMemoryInfo\"]";
    for board in [format!("unsupported = {calls}\n"), "total_mib = 0\n".to_owned()] {
        let process = "[[device.process]]\npid = 7\nmemory_mib = 512\n";
        let mut gpus = Gpus::new(&format!("[[device]]\n{board}{process}"));
        gpus.tree.write("proc/meminfo", meminfo);
        gpus.tick();
        let taken = gpus.tick();
        let memory =
            [gpu::memory_total_bytes, gpu::memory_used_bytes, gpu::memory_free_bytes, gpu::unified];
        let told = all(devices(&taken)[0], &memory);
        assert_eq!(told, [Some(1.28e11), Some(2.56e10), Some(1.024e11), Some(1.0)], "{board}");
        let process = of_pid(&taken, 7).expect("listed");
        assert_eq!(process.get(gpu_process::memory_bytes), Some(512.0 * MIB), "{board}");
        assert!(of_pid(&taken, 0).is_none(), "{board}: nobody holds what is the machine's");
    }
    // One that may not be asked is not said to share.
    let fault = "[[fault]]\nsymbol = \"nvmlDeviceGetMemoryInfo_v2\"\ncode = 4\n\
                 [[fault]]\nsymbol = \"nvmlDeviceGetMemoryInfo\"\ncode = 4\n";
    let mut gpus = Gpus::new(&format!("[[device]]\n{fault}"));
    gpus.tree.write("proc/meminfo", meminfo);
    gpus.tick();
    let told = all(devices(&gpus.tick())[0], &[gpu::memory_total_bytes, gpu::unified]);
    assert_eq!(told, [None, None]);
}

#[test]
fn counters_that_fall_give_no_rate() {
    let scenario = "[[device]]\nuuid = \"GPU-a\"\npower_watts = [[0, 100], [5, 100], [5.1, -9000], [6, -9000], [6.1, 100]]\n";
    let mut gpus = Gpus::new(scenario);
    let taken = gpus.ticks(6);
    let watts = devices(&taken)[0].get(gpu::watts);
    assert!(watts.is_none_or(|watts| watts >= 0.0), "{watts:?}");
}

#[test]
fn a_process_that_takes_over_a_number_is_another() {
    let mut gpus = Gpus::new(H200);
    gpus.process(4242, "python", 777);
    gpus.tick();
    let before = of_pid(&gpus.tick(), 4242).map(Row::key);
    gpus.process(4242, "other", 999);
    let taken = gpus.tick();
    let after = of_pid(&taken, 4242).expect("there");
    assert_ne!(before, Some(after.key()));
    assert!(after.is_new());
}

#[test]
fn calls_follow_their_tiers() {
    let eight: String = (0..8)
        .map(|number| {
            let processes = "[[device.process]]\npid = 5\n[[device.process]]\npid = 6\n";
            format!("[[device]]\nuuid = \"GPU-{number}\"\npci = \"00000000:0{number}:00.0\"\n{processes}")
        })
        .collect();
    let mut gpus = Gpus::new(&eight);
    gpus.bench.demand.gpu_cycles = false;
    let last = gpus.ticks(30);
    assert_eq!(devices(&last).len(), 8);
    // Every five seconds, and every minute, each after a first part of that of its own.
    let (slow, rare) = (2 * 6 + 6 * 7, 8 + 2);
    for (symbol, times) in [
        ("nvmlDeviceGetUtilizationRates", 30 * 8),
        ("nvmlDeviceGetMemoryInfo_v2", 30 * 8),
        ("nvmlDeviceGetComputeRunningProcesses_v3", 30 * 8),
        ("nvmlDeviceGetGraphicsRunningProcesses_v3", 30 * 8),
        ("nvmlDeviceGetMPSComputeRunningProcesses_v3", 6 * 8),
        ("nvmlDeviceGetPerformanceState", slow),
        ("nvmlDeviceGetEnforcedPowerLimit", rare),
        ("nvmlDeviceGetCurrentClocksEventReasons", 30 * 8),
        ("nvmlDeviceGetBAR1MemoryInfo", rare),
        ("nvmlDeviceGetName", 8),
        ("nvmlDeviceGetPcieThroughput", 0),
        ("nvmlGpmSampleGet", 0),
    ] {
        assert_eq!(gpus.calls_of(symbol), times, "{symbol}");
    }
    let calls = gpus.driver.calls().expect("a list");
    let at_once = |second: f64| {
        let slow = calls.iter().filter(|call| call.symbol == "nvmlDeviceGetPerformanceState");
        slow.filter(|call| call.seconds == second).count()
    };
    assert_eq!(at_once(1.0), 8, "all are known from the start");
    assert!((2..=30).all(|second| at_once(f64::from(second)) <= 2), "and then spread");
    assert_eq!(gpus.calls_of("nvmlEventSetWait_v2"), 30, "for all of them together");
    // Counters at each read, heat of the memory each five seconds, health and links once.
    assert_eq!(gpus.calls_of("nvmlDeviceGetFieldValues"), 30 * 8 + slow + 3 * rare);
    let calls = last.snapshot.rows(FamilyId::GpuCall);
    let counted: f64 = calls.filter_map(|row| row.get(gpu_call::calls)).sum();
    assert_eq!(counted as usize, gpus.driver.calls().expect("a list").len());
}
