//! What is missing, refused or wrong takes away its own values, and they say why.

use super::*;
use crate::apple::library::NAMES;

/// What comes from drivers of Apple's own chips is absent, each part with its reason.
fn lacks_what_its_drivers_tell(mac: &Mac) {
    for part in ["performance/clusters", "performance/gpu", "memory/traffic", "sensors/smc"] {
        assert_eq!(mac.problem(part).map(|problem| problem.state), Some(ABSENT), "{part}");
    }
}

#[test]
fn a_virtual_machine_says_what_it_lacks_and_shows_the_rest() {
    let mut mac = Mac::of("virtual");
    mac.ticks(3);
    // The kernel's ticks are of 10 ms: a longer while tells more.
    let now = mac.tick();
    assert_eq!(now.rows(FamilyId::Core).len(), 4);
    let busy = now.one(cpu::utilization_ratio).expect("by ticks");
    assert!((busy - 0.25).abs() < 0.03, "{busy}");
    assert_eq!(now.rows(FamilyId::Cluster).len(), 0);
    assert_eq!(now.rows(FamilyId::Power).len(), 0);
    assert!(now.one(memory::used_bytes).is_some());
    assert_eq!(now.one(chip::package_watts), None);
    let row = now.row(FamilyId::Chip, 0).expect("a chip");
    assert!(row.shown(chip::reduced).contains("virtual machine"));
    near(process_of(&now, 700).get(process::cpu_ratio), 0.5, "a process");
    lacks_what_its_drivers_tell(&mac);
    assert_eq!(mac.problems["power"].state, ABSENT);
    mac.end("virtual");
}

#[test]
fn an_intel_mac_says_what_it_lacks_and_shows_the_rest() {
    let mut mac = Mac::of("intel");
    mac.ticks(3);
    let now = mac.ticks(10);
    assert_eq!(now.rows(FamilyId::Core).len(), 16);
    let busy = now.one(cpu::utilization_ratio).expect("by ticks");
    assert!((busy - 0.25).abs() < 0.03, "{busy}");
    // Ticks are nanoseconds there, pages are of 4 KiB.
    near(process_of(&now, 700).get(process::cpu_ratio), 0.5, "a process");
    near(process_of(&now, 700).get(process::resident_bytes), 20.0 * 1_048_576.0, "memory");
    near(now.one(memory::used_bytes), (7900.0 + 2000.0 + 500.0) * 1_048_576.0, "used");
    let row = now.row(FamilyId::Host, 0).expect("a host");
    assert_eq!(row.shown(host::architecture), "x86_64");
    let row = now.row(FamilyId::Chip, 0).expect("a chip");
    assert!(row.shown(chip::reduced).contains("Intel"), "{}", row.shown(chip::reduced));
    let row = now.rows(FamilyId::Battery).next().expect("a battery");
    near(row.get(battery::power_watts), 18.0, "drawn");
    for family in [FamilyId::Disk, FamilyId::Network] {
        assert!(now.rows(family).len() > 0, "{family:?}");
    }
    for family in [FamilyId::Cluster, FamilyId::Gpu, FamilyId::Display, FamilyId::HeldDown] {
        assert_eq!(now.rows(family).len(), 0, "{family:?}");
    }
    lacks_what_its_drivers_tell(&mac);
    assert_eq!(mac.problems["display"].state, ABSENT);
    mac.end("intel");
}

#[test]
fn a_translated_program_reads_the_same_and_says_so() {
    let text = changed("m1", "rusage_version = 4", "rusage_version = 4\ntranslated = true");
    let mut mac = Mac::new(&text);
    let now = mac.ticks(3);
    // The system tells it that a tick is a nanosecond, which is wrong.
    near(process_of(&now, 4242).get(process::cpu_ratio), 1.5, "time");
    near(rail(&now, "ioreport/cpu", power::watts), 10.0, "power");
    let row = now.row(FamilyId::Chip, 0).expect("a chip");
    assert!(row.shown(chip::reduced).contains("translated"), "{}", row.shown(chip::reduced));
    mac.end("translated");
}

#[test]
fn machines_that_misbehave_lose_that_and_nothing_else() {
    let with = |line: &str| changed("m4-max", "thermal = 1", &format!("thermal = 1\n{line}"));
    // Energy in millijoules that stands at nothing: betas of macOS 27.
    let mut mac = Mac::new(&with("energy_zero = true"));
    let now = mac.ticks(4);
    near(rail(&now, "ioreport/gpu", power::watts), 30.0, "in nanojoules it is counted");
    assert_eq!(rail(&now, "ioreport/cpu", power::watts), None, "no cores draw nothing since boot");
    assert!(mac.problem("power/cpu").is_some_and(|problem| problem.reason.contains("macOS 27")));
    mac.end("energy at 0");
    // Stamps that stand still: the time between two samples is taken.
    let mut mac = Mac::new(&with("energy_frozen = true"));
    let now = mac.ticks(4);
    near(rail(&now, "ioreport/cpu", power::watts), 24.0, "by the time between samples");
    mac.end("frozen stamps");
    // Nothing is published any more.
    let mut mac = Mac::new(&with("energy_batch_seconds = 60000.0"));
    let now = mac.ticks(14);
    assert_eq!(rail(&now, "ioreport/cpu", power::watts), None);
    assert!(mac.problem("power/cpu").is_some_and(|problem| problem.reason.contains("10 s")));
    mac.end("no publication");
    for (line, lost) in [
        ("unfilled = [\"Energy Model\"]", "ioreport/cpu"),
        ("wrong = [\"no samples\"]", "ioreport/cpu"),
        ("wrong = [\"smc denied\"]", "smc/system"),
        ("wrong = [\"smc transport\"]", "smc/system"),
    ] {
        let mut mac = Mac::new(&with(line));
        let now = mac.ticks(4);
        assert_eq!(rail(&now, lost, power::watts), None, "{line}");
        assert!(now.one(memory::used_bytes).is_some(), "{line}");
        assert!(now.one(cpu::utilization_ratio).is_some(), "{line}");
        near(process_of(&now, 4242).get(process::cpu_ratio), 1.5, line);
        mac.end(line);
    }
    let mut mac = Mac::new(&with("wrong = [\"half tables\"]"));
    let now = mac.ticks(4);
    near(cluster_of(&now, "P0").get(cluster::utilization_ratio), 0.9, "busy all the same");
    assert_eq!(cluster_of(&now, "P0").get(cluster::frequency_hertz), None);
    assert!(mac.problem("performance/clocks").is_some());
    mac.end("half tables");
    let mut mac = Mac::new(&changed(
        "m4-max",
        "refused = [\"AMC Stats\"]",
        "refused = [\"AMC Stats\", \"CPU Stats\", \"GPU Stats\", \"PMP0\"]",
    ));
    let now = mac.ticks(4);
    assert_eq!(now.rows(FamilyId::Cluster).len(), 0);
    near(rail(&now, "ioreport/cpu", power::watts), 24.0, "another group");
    let row = now.rows(FamilyId::Gpu).next().expect("a device");
    near(row.get(gpu::utilization_ratio), 0.78, "the driver's own word");
    mac.end("groups that are refused");
    // Names that nobody gives.
    let mut mac = Mac::new(&with("wrong = [\"no names\"]"));
    let now = mac.ticks(2);
    assert_eq!(now.rows(FamilyId::Cluster).len(), 0);
    assert!(now.one(cpu::utilization_ratio).is_some());
    mac.end("no names");
}

#[test]
fn betas_write_before_names_and_that_is_no_other_core() {
    // A cluster with the prefix of a die, the total of the energy with another.
    let text = changed("m1", "names = \"ECPU0{c}0\"", "names = \"DIE0 ECPU_CPU{c}\"");
    let text = text.replacen("channel = \"CPU Energy\"", "channel = \"PRIM CPU Energy\"", 1);
    let mut mac = Mac::new(&text);
    let now = mac.ticks(3);
    assert_eq!(now.rows(FamilyId::Core).len(), 8);
    near(cluster_of(&now, "E0").get(cluster::utilization_ratio), 0.25, "busy");
    near(now.one(chip::cpu_watts), 10.0, "power");
    mac.end("prefixes");
}

#[test]
fn of_two_nodes_of_one_graphics_processor_the_busier_tells() {
    let twice = "vm_strict = true\nwrong = [\"two accelerators\"]";
    let text = changed("m1-ultra", "vm_strict = true", twice);
    let mut mac = Mac::new(&text);
    let now = mac.ticks(3);
    assert_eq!(now.rows(FamilyId::Gpu).len(), 1);
    let row = now.rows(FamilyId::Gpu).next().expect("a device");
    assert_eq!(row.shown(gpu::name), "Apple M1 Ultra");
    assert!(row.get(gpu::driver_ratio).is_some_and(|share| share > 0.0));
    near(process_of(&now, 4242).get(process::gpu_ratio), 0.6, "counted once");
    mac.end("two accelerators");
}

#[test]
fn memory_is_read_from_every_kernel() {
    // Words that a kernel has, and whether it refuses to give fewer: macOS 12 to 15, 26, 27.
    for (words, is_strict) in [(38, false), (62, false), (62, true), (104, true), (104, false)] {
        let line = format!("rusage_version = 4\nvm_words = {words}\nvm_strict = {is_strict}");
        let mut mac = Mac::new(&changed("m1", "rusage_version = 4", &line));
        for _ in 0..3 {
            let used = mac.tick().one(memory::used_bytes);
            near(used, 5_500.0 * 1_048_576.0, &line);
        }
        mac.end(&line);
    }
}

#[test]
fn usage_is_read_in_the_version_that_a_kernel_knows() {
    // Version; whether energy, instructions and footprint are told.
    for (version, told) in [
        (6, [true, true, true]),
        (4, [false, true, true]),
        (3, [false, false, true]),
        (2, [false, false, true]),
        (0, [false, false, true]),
    ] {
        let line = format!("rusage_version = {version}");
        let mut mac = Mac::new(&changed("m1", "rusage_version = 4", &line));
        let now = mac.ticks(3);
        let own = process_of(&now, 4242);
        let fields = [process::counted_watts, process::ipc, process::footprint_bytes];
        assert_eq!(fields.map(|field| own.get(field).is_some()), told, "{line}");
        near(own.get(process::cpu_ratio), 1.5, &line);
        mac.end(&line);
    }
}

#[test]
fn a_sleep_is_no_spike_and_no_gap_in_what_drivers_stamp() {
    let mut mac = Mac::of("m1");
    mac.ticks(3);
    // An hour by the clock of the day; the machine's own stood still.
    mac.clock.pass(3_600);
    let now = mac.tick();
    near(now.one(chip::cpu_watts), 10.0, "by the driver's own time");
    near(cluster_of(&now, "P0").get(cluster::utilization_ratio), 0.5, "by the chip's ticks");
    let en0 = now.rows(FamilyId::Network).find(|row| row.shown(network::device) == "en0");
    let rate = en0.expect("en0").get(network::receive_bytes_per_second);
    assert!(rate.is_none_or(|rate| rate < 1.5e6), "{rate:?}: never more than before");
    let now = mac.tick();
    near(now.one(chip::cpu_watts), 10.0, "and after");
    mac.end("sleep");
}

/// Families that have a value, with the number of their values.
fn values(snapshot: &Snapshot) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for family in FamilyId::all() {
        let count: usize = snapshot
            .rows(family)
            .map(|row| family.get().fields().filter(|&field| row.get(field).is_some()).count())
            .sum();
        if count > 0 {
            counts.insert(family.get().name, count);
        }
    }
    counts
}

#[test]
fn each_symbol_that_is_missing_takes_away_its_own_values_alone() {
    let whole = {
        let mut mac = Mac::of("m4-max");
        let now = mac.ticks(3);
        mac.end("all symbols");
        values(&now)
    };
    let chip_accounts = [
        "cluster",
        "performance_state",
        "core",
        "cpu",
        "gpu",
        "power",
        "chip",
        "memory",
        "memory_traffic",
        "process",
        "display",
        "held_down",
    ];
    let registry = [
        "disk",
        "battery",
        "sensor",
        "memory_traffic",
        "gpu_process",
        "cluster",
        "performance_state",
        "core",
        "cpu",
        "gpu",
        "power",
        "chip",
        "memory",
        "process",
        "display",
        "held_down",
    ];
    for symbol in NAMES {
        // What may be poorer without it: nothing of anything else.
        let own: &[&str] = match *symbol {
            name if name.starts_with("IOReport") => &chip_accounts,
            name if name.starts_with("CF") || name.starts_with("kCF") => &registry,
            name if name.starts_with("IOHID") => &["sensor", "chip"],
            "IOConnectCallStructMethod" | "IOServiceOpen" | "IOServiceClose" => {
                &["sensor", "chip", "power", "gpu"]
            }
            name if name.starts_with("IO") => &registry,
            name if name.starts_with("objc") || name == "sel_registerName" => &["chip"],
            name if name.starts_with("notify") => &["chip"],
            "mach_host_self" => &["cpu", "core", "memory", "memory_use", "process"],
            "host_processor_info" | "vm_deallocate" => &["cpu", "core", "process"],
            "mach_task_self_" => &["cpu", "core", "sensor", "chip", "power", "gpu", "process"],
            "mach_absolute_time" => &["power", "gpu", "chip", "core", "cluster"],
            "mach_timebase_info" => &[],
            "host_statistics64" => &["memory", "memory_use", "process"],
            "sysctlbyname" => &[
                "host",
                "memory",
                "memory_use",
                "cpu",
                "chip",
                "process",
                "power",
                "gpu",
                "process_usage",
                "task",
                "gpu_process",
                "cluster",
                "core",
                "performance_state",
            ],
            "sysctl" => &["network", "process", "gpu_process"],
            "responsibility_get_pid_responsible_for_pid" => &["process"],
            // CPU and memory of processes stand beside what they do on the GPU.
            name if name.starts_with("proc_") => {
                &["process", "process_usage", "task", "gpu_process"]
            }
            "user_from_uid" => &[],
            other => panic!("what may {other} take away?"),
        };
        let mut mac = Mac::without(scenario("m4-max"), &[symbol]);
        let now = mac.ticks(3);
        let left = values(&now);
        for (family, count) in &whole {
            if !own.contains(family) {
                let left = left.get(family).copied().unwrap_or(0);
                assert_eq!(left, *count, "without {symbol}: {family}");
            }
        }
        let said = mac.problem("host/symbols").map(|problem| problem.reason.clone());
        assert!(
            said.is_some_and(|said| said.contains(symbol)),
            "{symbol} is not said to be missing"
        );
        mac.end(symbol);
    }
}

#[test]
fn every_symbol_of_the_table_is_used() {
    let mut used = BTreeSet::new();
    let long = "a name that a short text has no room for ".repeat(5);
    let scenario = changed("m1", "PMU tdev1", &long);
    let mut mac = Mac::new(&scenario);
    mac.ticks(2);
    used.extend(mac.end("m1").into_keys());
    let mut mac = Mac::of("m4-max");
    mac.ticks(2);
    used.extend(mac.end("m4-max").into_keys());
    let constants = [
        "kCFTypeArrayCallBacks",
        "kCFTypeDictionaryKeyCallBacks",
        "kCFTypeDictionaryValueCallBacks",
        "mach_task_self_",
    ];
    // Asked for only where the kernel does not tell the frequency of its ticks.
    let seldom = ["mach_timebase_info"];
    for name in NAMES {
        let known = used.contains(*name) || constants.contains(name) || seldom.contains(name);
        assert!(known, "{name} is in the table and never called");
    }
}
