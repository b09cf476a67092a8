//! What is missing, refused or wrong takes away its own values, and they say why.

use super::*;
use crate::apple::library::NAMES;

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
    for part in ["performance/clusters", "performance/gpu", "memory/traffic", "sensors/smc"] {
        assert_eq!(mac.problem(part).map(|problem| problem.state), Some(ABSENT), "{part}");
    }
    assert_eq!(mac.problems["power"].state, ABSENT);
    mac.end("virtual");
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
            name if name.starts_with("proc_") => &["process", "process_usage", "task"],
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
