//! Every fault of the library, on eight devices, beside the same second without it.

use std::ops::RangeInclusive;

use super::*;
use crate::linux::gpu_faults::{
    Line, MANY, Numbers, Rule, check_page, judge, numbers, said, share,
};

/// What lasts for a while strikes from the fifth second on, and is over when the twelfth begins. A
/// library that refuses is asked again every five seconds.
const SECONDS: usize = 26;
/// When all must be as it would have been.
const OVER: RangeInclusive<usize> = 24..=26;

const STRUCK: &str = "GPU-3";

/// Eight devices none of whose numbers is 0.
fn device(number: usize) -> String {
    format!(
        "[[device]]\nuuid = \"GPU-{number}\"\npci = \"00000000:{:02x}:00.0\"\n\
         gpu_percent = {}\nmemory_percent = 21\nencoder_percent = 5\ndecoder_percent = 6\n\
         power_watts = {}\ntemperature_celsius = 60\nmemory_temperature_celsius = 70\n\
         fan_percent = 40\nreasons = 4\ngpm = true\ntensor_percent = 62.5\n\
         occupancy_percent = 48\ndram_percent = 33\nother_mib = 20\n\
         pcie_sent_bytes_per_second = 1000000\npcie_received_bytes_per_second = 2000000\n\
         ecc_corrected = 3\necc_uncorrected = 1\nnvlinks = 4\n\
         nvlink_sent_bytes_per_second = 2048000\nnvlink_received_bytes_per_second = 1024000\n\
         pcie_replays = 2\nremapped_corrected = 1\nremapped_uncorrected = 1\n\
         [[device.process]]\npid = {}\nmemory_mib = [[0, 1000], [100, 2000]]\nsm_percent = 40\n\
         memory_percent = 7\n\
         [[device.process]]\npid = {}\nlists = [\"compute\", \"graphics\"]\nmemory_mib = 300\n\
         sm_percent = 11\nmemory_percent = 3\n",
        number + 1,
        50 + number,
        100 + number,
        500 + number,
        600 + number,
    )
}

fn eight() -> String {
    (0..8).map(device).collect()
}

/// One way in which it goes wrong.
struct Fault {
    name: &'static str,
    /// Lines added to the scenario.
    how: &'static str,
    /// What becomes of the scenario without them.
    change: fn(String) -> String,
    absent: &'static [&'static str],
    /// What is done to the machine before the first second, with the fault and without it.
    prepare: fn(&Gpus),
    /// The same with the fault alone.
    strike: fn(&Gpus),
    rule: Rule<'static>,
    /// Words that are said of it at its seventh second.
    words: &'static [&'static str],
    /// How much is missing meanwhile, at the least and at the most.
    missing: (usize, usize),
    /// It is over at the end.
    ends: bool,
}

const ALL: [&str; 8] = ["GPU-0", "GPU-1", "GPU-2", "GPU-3", "GPU-4", "GPU-5", "GPU-6", "GPU-7"];

/// One device of eight.
fn one(
    name: &'static str,
    how: &'static str,
    words: &'static [&'static str],
    missing: (usize, usize),
) -> Fault {
    Fault {
        name,
        how,
        change: |scenario| scenario,
        absent: &[],
        prepare: |_| {},
        strike: |_| {},
        rule: Rule { struck: &[STRUCK], told: &["state", "fault"], shared: &[] },
        words,
        missing,
        ends: true,
    }
}

/// All of them, because the library is of no use.
fn every(name: &'static str, how: &'static str, words: &'static [&'static str]) -> Fault {
    let rule = Rule { struck: &ALL, told: &[], shared: &[] };
    Fault { rule, missing: (200, MANY), ..one(name, how, words, (0, 0)) }
}

/// The struck device says something else in its own part of the scenario.
fn instead(scenario: String, line: &str, other: &str) -> String {
    let own = super::table::device(3);
    assert!(own.contains(line), "{line}");
    scenario.replace(&own, &own.replacen(line, other, 1))
}

fn on_the_bus(gpus: &Gpus) {
    for place in 1..=8 {
        gpus.plug(&format!("0000:{place:02x}:00.0"), "active", "on");
    }
}

fn faults() -> Vec<Fault> {
    vec![
        Fault {
            strike: |gpus| gpus.tree.remove("usr/lib/libnvidia-ml.so.1"),
            ends: false,
            ..every("no library", "", &["libnvidia-ml.so.1", "comes with the NVIDIA driver"])
        },
        Fault {
            strike: |gpus| {
                gpus.tree.remove("usr/lib/libnvidia-ml.so.1");
                gpus.tree.write("usr/lib/libnvidia-ml.so.1", "no ELF");
            },
            ends: false,
            ..every("a library that is not an ELF", "", &["libnvidia-ml.so.1"])
        },
        Fault {
            absent: &["nvmlInit_v2"],
            ends: false,
            ..every("a library that cannot begin", "", &["lacks the function"])
        },
        Fault {
            absent: &["nvmlDeviceGetPowerUsage"],
            rule: Rule { struck: &[], told: &[], shared: &["reading_watts", "power_ratio"] },
            missing: (8, MANY),
            ends: false,
            ..every("a symbol that is missing", "", &[])
        },
        every("init: 9", INIT_9, &["driver is not loaded", "modprobe"]),
        every("init: 12", INIT_12, &["(12)"]),
        every("init: 15", INIT_15, &["lost (15)"]),
        every("init: 17", INIT_17, &["blocked", "(17)"]),
        every("init: 18", INIT_18, &["different versions", "reboot"]),
        every("init: 999", INIT_999, &["unknown error (999)"]),
        Fault {
            change: |_| "driver = \"580.159.03\"\n".to_owned(),
            ends: false,
            ..every("no device", "", &["knows of no device"])
        },
        one(
            "a handle: lost",
            "[[fault]]\nsymbol = \"nvmlDeviceGetHandleByIndex_v2\"\ndevice = 3\nuntil = 12\ncode = 15\n",
            &["device 3: ", "(15)"],
            (30, MANY),
        ),
        one(
            "a handle: no permission",
            "[[fault]]\nsymbol = \"nvmlDeviceGetHandleByIndex_v2\"\ndevice = 3\nuntil = 12\ncode = 4\n",
            &["device 3: ", "(4)"],
            (30, MANY),
        ),
        one(
            "every call: lost, and back",
            "[[fault]]\ndevice = 3\nfrom = 5\nuntil = 12\ncode = 15\n",
            &["(15)"],
            (30, MANY),
        ),
        Fault {
            prepare: on_the_bus,
            change: |scenario| {
                instead(
                    scenario,
                    "uuid = \"GPU-3\"",
                    "uuid = \"GPU-3\"\nindex = [[0, 3], [9, 3], [9.1, 8]]",
                )
            },
            ..one(
                "every call: lost, and back with another number",
                "[[fault]]\ndevice = 3\nfrom = 5\nuntil = 12\ncode = 15\n",
                &["(15)"],
                (30, MANY),
            )
        },
        one(
            "every call: a storm of 999",
            "[[fault]]\ndevice = 3\nfrom = 5\nuntil = 12\ncode = 999\n",
            &["unknown error (999)"],
            (20, MANY),
        ),
        one(
            "every call: timeouts",
            "[[fault]]\ndevice = 3\nfrom = 5\nuntil = 12\ncode = 10\n",
            &["(10)"],
            (20, MANY),
        ),
        one(
            "every call: the handle means nothing",
            "[[fault]]\ndevice = 3\nfrom = 5\nuntil = 12\ncode = 2\n",
            &["(2)"],
            (20, MANY),
        ),
        one(
            "every call: no data",
            "[[fault]]\ndevice = 3\nfrom = 5\nuntil = 12\ncode = 21\n",
            &[],
            (20, MANY),
        ),
        one(
            "power: timeouts",
            "[[fault]]\nsymbol = \"nvmlDeviceGetPowerUsage\"\ndevice = 3\nfrom = 5\nuntil = 12\ncode = 10\n",
            &["nvmlDeviceGetPowerUsage", "(10)"],
            (1, 1),
        ),
        one(
            "shares of processes: 999",
            "[[fault]]\nsymbol = \"nvmlDeviceGetProcessesUtilizationInfo\"\ndevice = 3\nfrom = 5\nuntil = 12\ncode = 999\n\
             [[fault]]\nsymbol = \"nvmlDeviceGetProcessUtilization\"\ndevice = 3\nfrom = 5\nuntil = 12\ncode = 999\n",
            &["(999)"],
            (4, MANY),
        ),
        one(
            "lists that grow between two calls",
            "[[fault]]\nsymbol = \"nvmlDeviceGetComputeRunningProcesses_v3\"\ndevice = 3\nfrom = 5\nuntil = 12\ngrows = 2\n",
            &[],
            (0, 0),
        ),
        one(
            "a list that grows for ever",
            "[[fault]]\nsymbol = \"nvmlDeviceGetComputeRunningProcesses_v3\"\ndevice = 3\nfrom = 5\nuntil = 12\ngrows = 1000000\n",
            &["nvmlDeviceGetComputeRunningProcesses_v3", "(7)"],
            (4, MANY),
        ),
        one(
            "a list that claims more than it holds",
            "[[fault]]\nsymbol = \"nvmlDeviceGetComputeRunningProcesses_v3\"\ndevice = 3\nfrom = 5\nuntil = 12\noverfull = true\n",
            &[],
            (0, 0),
        ),
        Fault {
            // The device has used as much as before.
            change: |scenario| {
                let scenario =
                    instead(scenario, "memory_mib = [[0, 1000], [100, 2000]]", "memory_mib = -1");
                let own =
                    instead(device(3), "memory_mib = [[0, 1000], [100, 2000]]", "memory_mib = -1");
                let other = own.replace("other_mib = 20", "other_mib = [[0, 1020], [100, 2020]]");
                scenario.replace(&own, &other)
            },
            ends: false,
            ..one("a process whose memory is 2^64 - 1", "", &[], (2, MANY))
        },
        Fault {
            change: |scenario| instead(scenario, "gpu_percent = 53", "gpu_percent = 4294967295"),
            ends: false,
            ..one("busy for 4294967295 %", "", &[], (1, MANY))
        },
        Fault {
            change: |scenario| instead(scenario, "sm_percent = 40", "sm_percent = 250"),
            ends: false,
            ..one("a process that has 250 %", "", &[], (1, MANY))
        },
        Fault {
            change: |scenario| {
                instead(scenario, "other_mib = 20", "other_mib = 20\ntotal_mib = 10")
            },
            rule: Rule {
                struck: &[STRUCK],
                told: &["memory_total_bytes", "memory_reserved_bytes"],
                shared: &[],
            },
            ends: false,
            ..one("more used than there is", "", &[], (4, MANY))
        },
        Fault {
            change: |scenario| instead(scenario, "other_mib = 20", "other_mib = 20\ntotal_mib = 0"),
            ends: false,
            ..one("no memory at all", "", &[], (3, MANY))
        },
        one(
            "cycles: the sample fails",
            "[[fault]]\nsymbol = \"nvmlGpmSampleGet\"\ndevice = 3\nfrom = 5\nuntil = 12\ncode = 999\n",
            &["nvmlGpmSampleGet", "(999)"],
            (3, MANY),
        ),
        Fault {
            change: |scenario| instead(scenario, "gpm = true", "gpm = true\ngpm_missing = [\"5\"]"),
            ends: false,
            ..one("cycles: one metric fails", "", &[], (1, 1))
        },
        Fault {
            change: |scenario| {
                instead(scenario, "other_mib = 20", "other_mib = 20\npcie_wraps = true")
            },
            rule: Rule {
                struck: &[STRUCK],
                told: &["pcie_sent_bytes", "pcie_received_bytes"],
                shared: &[],
            },
            ends: false,
            ..one("counters of PCI Express of 32 bits", "", &[], (0, MANY))
        },
        every(
            "a driver that is replaced",
            "[[fault]]\nfrom = 5\nuntil = 6\ncode = 1\n\
             [[fault]]\nsymbol = \"nvmlInit_v2\"\nfrom = 6\nuntil = 12\ncode = 18\n",
            &["unloaded or replaced"],
        ),
        Fault {
            prepare: on_the_bus,
            strike: |gpus| gpus.plug("0000:04:00.0", "suspended", "on"),
            ends: false,
            rule: Rule { struck: &[STRUCK, "0000:04:00.0"], told: &[], shared: &[] },
            ..one("a device that sleeps", "", &[], (30, MANY))
        },
    ]
}

const INIT_9: &str = "[[fault]]\nsymbol = \"nvmlInit_v2\"\nuntil = 12\ncode = 9\n";
const INIT_12: &str = "[[fault]]\nsymbol = \"nvmlInit_v2\"\nuntil = 12\ncode = 12\n";
const INIT_15: &str = "[[fault]]\nsymbol = \"nvmlInit_v2\"\nuntil = 12\ncode = 15\n";
const INIT_17: &str = "[[fault]]\nsymbol = \"nvmlInit_v2\"\nuntil = 12\ncode = 17\n";
const INIT_18: &str = "[[fault]]\nsymbol = \"nvmlInit_v2\"\nuntil = 12\ncode = 18\n";
const INIT_999: &str = "[[fault]]\nsymbol = \"nvmlInit_v2\"\nuntil = 12\ncode = 999\n";

/// What is 0 of a device in good order, and of those who have nothing to do with it.
const ZERO: [&str; 24] = [
    "fp16_ratio",
    "fp32_ratio",
    "fp64_ratio",
    "heat_capped",
    "visible_used_bytes",
    "state",
    "kind",
    "fault",
    "index",
    "pid",
    "performance_state",
    "graphics",
    "recovery",
    "remap_failed",
    "remap_pending",
    "hardware_thermal_seconds",
    "power_brake_seconds",
    "thermal_seconds",
    "hot_ratio",
    "xids",
    "xids_per_second",
    "encoder_ratio",
    "decoder_ratio",
    "memory_growth_bytes_per_second",
];

/// Each second without the fault.
fn whole(prepare: fn(&Gpus)) -> Vec<Numbers> {
    let mut gpus = Gpus::new(&eight());
    prepare(&gpus);
    (1..=SECONDS).map(|_| numbers(&gpus.tick().snapshot)).collect()
}

#[test]
fn each_fault_takes_no_more_than_what_it_must() {
    let plain = whole(|_| {});
    let bus = whole(on_the_bus);
    // With zeros nobody could tell an error that became one.
    for (of, row) in &plain[10] {
        let zeros = row.iter().filter(|&(_, &value)| value == 0.0).map(|(name, _)| *name);
        let odd: Vec<_> = zeros.filter(|name| !ZERO.contains(name)).collect();
        assert!(odd.is_empty(), "{of:?} {odd:?}");
    }
    let mut lines = Vec::new();
    for fault in faults() {
        let Fault { name, how, rule, words, missing, .. } = fault;
        let mut gpus = Gpus::without(&((fault.change)(eight()) + how), fault.absent);
        (fault.prepare)(&gpus);
        (fault.strike)(&gpus);
        let whole = if std::ptr::fn_addr_eq(fault.prepare, on_the_bus as fn(&Gpus)) {
            &bus
        } else {
            &plain
        };
        let (mut most, mut told) = (0, String::new());
        for second in 1..=SECONDS {
            let taken = gpus.tick();
            let when = format!("{name} at second {second}");
            let now = numbers(&taken.snapshot);
            let over = fault.ends && OVER.contains(&second);
            let none = Rule { struck: &[], told: &["index"], shared: &[] };
            let applied = if over { &none } else { &rule };
            // At the first second nothing has a rate.
            if second > 1 {
                most = most.max(judge(&whole[second - 1], &now, applied, &when));
            }
            let base = gpus.tree.roots().base;
            let said = said(&taken.result, &taken.reports, base.to_str().expect("UTF-8"));
            if second == 7 {
                told = said;
            } else if over {
                assert_eq!(said, "", "{when}: it is over");
            }
        }
        for word in words {
            assert!(told.contains(word), "{name}: {word:?} in {told:?}");
        }
        assert!((missing.0..=missing.1).contains(&most), "{name}: {most} are missing");
        let struck = match rule.struck {
            [] => "8 devices",
            [one, ..] if rule.struck.len() < 8 => one,
            _ => "8 devices",
        };
        lines.push(Line { fault: name.to_owned(), said: told, missing: share(most, struck) });
    }
    check_page("library", &lines);
}
