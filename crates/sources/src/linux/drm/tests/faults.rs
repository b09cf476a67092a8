//! Every fault of files, on a machine of eight devices, beside the same machine without it.

use std::sync::OnceLock;

use retop_fake_machine::Tree as Files;

use super::*;
use crate::linux::gpu_faults::{
    Line, MANY, Numbers, Rule, check_page, judge, numbers, said, share,
};
use crate::linux::refuse::{Refusing, refuse};

const MACHINE: &str = "gpu-rack";
/// A fault strikes from the fourth second to the sixth. What is read every five seconds is read in
/// between, and again after it.
const STRUCK: std::ops::RangeInclusive<u64> = 4..=6;
const SECONDS: u64 = 12;

/// The one that strikes no file.
const CLOCK: &str = "the clock on the wall jumps";

const FIRST: &str = "0000:01:00.0";
const SECOND: &str = "0000:02:00.0";
const I915: &str = "0000:05:00.0";
const XE: &str = "0000:06:00.0";

/// One way in which it goes wrong.
struct Fault {
    name: &'static str,
    /// In words of the files.
    how: &'static str,
    rule: Rule<'static>,
    /// What is done at each second of it, after the machine was written for that second.
    strike: fn(&Files) -> Option<Refusing>,
    /// Words that are said of it.
    words: &'static [&'static str],
    /// How much is missing meanwhile, at the least and at the most.
    missing: (usize, usize),
}

/// Numbers of processes and what devices do by them.
const NO_RULE: Rule<'static> = Rule { struck: &[], told: &[], shared: &[] };
/// One device of each driver; the second and third board and the eighth are their neighbours.
const DRIVERS: [&str; 5] = [FIRST, "0000:04:00.0", I915, XE, "0000:07:00.0"];
/// Where their files are.
const FILES: [&str; 6] = [FIRST, "0000:04:00.0", "class/drm/card4", I915, XE, "0000:07:00.0"];

fn every_file(errno: i32) -> Option<Refusing> {
    Some(refuse(&FILES, Some(errno)))
}

fn table_of_first(files: &Files, bytes: &[u8]) -> Option<Refusing> {
    let path = format!("sys/devices/pci0000:00/{FIRST}/gpu_metrics");
    files.file(&path, bytes).expect("written");
    None
}

fn table(files: &Files) -> Vec<u8> {
    let path = format!("sys/devices/pci0000:00/{FIRST}/gpu_metrics");
    std::fs::read(files.root().join(path)).expect("a table")
}

/// What the driver tells of the client of the first device, changed.
fn client(files: &Files, pid: u32, change: impl Fn(&str) -> Vec<u8>) -> Option<Refusing> {
    let path = format!("proc/{pid}/fdinfo/40");
    let text = std::fs::read_to_string(files.root().join(&path)).expect("a client");
    files.file(&path, change(&text)).expect("written");
    None
}

fn attribute(files: &Files, name: &str, text: &str) -> Option<Refusing> {
    files.file(&format!("sys/devices/pci0000:00/{FIRST}/{name}"), text).expect("written");
    None
}

/// A device of each driver, of which nothing can be read.
fn of_files(
    name: &'static str,
    how: &'static str,
    strike: fn(&Files) -> Option<Refusing>,
    words: &'static [&'static str],
) -> Fault {
    let rule = Rule { struck: &DRIVERS, ..NO_RULE };
    Fault { name, how, rule, strike, words, missing: (60, MANY) }
}

/// The first device, of which nothing may be missing, or a little.
fn of_first(
    name: &'static str,
    how: &'static str,
    strike: fn(&Files) -> Option<Refusing>,
    words: &'static [&'static str],
    missing: (usize, usize),
) -> Fault {
    Fault { name, how, rule: Rule { struck: &[FIRST], ..NO_RULE }, strike, words, missing }
}

fn faults() -> Vec<Fault> {
    vec![
        of_files(
            "EPERM",
            "every file of five devices",
            |_| every_file(libc::EPERM),
            &["operation not permitted", "run as root"],
        ),
        of_files(
            "EACCES",
            "every file of five devices",
            |_| every_file(libc::EACCES),
            &["permission denied", "run as root"],
        ),
        of_files("EBUSY", "every file of five devices", |_| every_file(libc::EBUSY), &["busy"]),
        of_files(
            "ENODEV",
            "every file of five devices",
            |_| every_file(libc::ENODEV),
            &["no such device", "dmesg"],
        ),
        of_files(
            "EINVAL",
            "every file of five devices",
            |_| every_file(libc::EINVAL),
            &["not supported"],
        ),
        of_files(
            "EIO",
            "every file of five devices",
            |_| every_file(libc::EIO),
            &["input/output error", "dmesg"],
        ),
        of_files(
            "ETIMEDOUT",
            "every file of five devices",
            |_| every_file(libc::ETIMEDOUT),
            &["timed out"],
        ),
        of_first(
            "one file refuses",
            "`gpu_busy_percent`: EPERM",
            |_| Some(refuse(&[&format!("{FIRST}/gpu_busy_percent")], Some(libc::EPERM))),
            &["operation not permitted: gpu_busy_percent"],
            (1, 1),
        ),
        of_first(
            "one file is no number",
            "`gpu_busy_percent`: 4294967295",
            |files| attribute(files, "gpu_busy_percent", "4294967295"),
            &["no possible value: gpu_busy_percent"],
            (1, 1),
        ),
        of_first(
            "more used than there is",
            "`mem_info_vram_used`: 2^64 - 1",
            |files| attribute(files, "mem_info_vram_used", "18446744073709551615"),
            &["no possible value: mem_info_vram_used"],
            (2, MANY),
        ),
        of_first(
            "no memory at all",
            "`mem_info_vram_total`: 0",
            |files| attribute(files, "mem_info_vram_total", "0"),
            &["no possible value: mem_info_vram_total"],
            (3, MANY),
        ),
        of_first(
            "a table cut short",
            "`gpu_metrics`: 60 of 120 bytes",
            |files| table_of_first(files, &table(files)[..60]),
            &["cut short"],
            (3, MANY),
        ),
        of_first(
            "an empty table",
            "`gpu_metrics`: nothing in it",
            |files| table_of_first(files, &[]),
            &["cut short"],
            (3, MANY),
        ),
        of_first(
            "a table that is too long",
            "`gpu_metrics`: 16 KiB",
            |files| table_of_first(files, &[table(files), vec![7; 16 << 10]].concat()),
            &[],
            (0, 0),
        ),
        of_first(
            "a table of an unknown version",
            "`gpu_metrics`: version 9.9",
            |files| {
                let mut table = table(files);
                (table[2], table[3]) = (9, 9);
                table_of_first(files, &table)
            },
            &["version 9.9 is not known"],
            (3, MANY),
        ),
        of_first(
            "a table of which nothing is supported",
            "`gpu_metrics`: all ones",
            |files| {
                let mut table = table(files);
                table[4..].fill(0xff);
                table_of_first(files, &table)
            },
            &["nothing that this device supports"],
            (3, MANY),
        ),
        of_first(
            "levels that make no sense",
            "`pp_dpm_sclk`: binary",
            |files| attribute(files, "pp_dpm_sclk", "\u{0}\u{1}0: Mhz *\n\u{fffd}"),
            &["no possible value: pp_dpm_sclk"],
            (1, 1),
        ),
        of_first(
            "a process that ends between the list and its files",
            "`/proc/PID`: ENOENT",
            |_| Some(refuse(&["proc/3000"], Some(libc::ENOENT))),
            &[],
            (10, MANY),
        ),
        of_first(
            "a process that ends while its file is read",
            "`fdinfo`: ESRCH",
            |_| Some(refuse(&["3000/fdinfo", "3000/stat"], Some(libc::ESRCH))),
            &[],
            (10, MANY),
        ),
        Fault {
            name: "a client that may not be read",
            how: "`fdinfo` of the only client of i915: EACCES",
            rule: Rule { struck: &[I915], ..NO_RULE },
            strike: |_| Some(refuse(&["3004/fdinfo"], Some(libc::EACCES))),
            words: &["permission denied: fdinfo/40 of process 3004"],
            missing: (10, MANY),
        },
        Fault {
            name: "a client whose driver fails",
            how: "`fdinfo` of the only client of xe: EIO",
            rule: Rule { struck: &[XE], ..NO_RULE },
            strike: |_| Some(refuse(&["3005/fdinfo"], Some(libc::EIO))),
            words: &["input/output error: fdinfo/40 of process 3005"],
            missing: (10, MANY),
        },
        Fault {
            name: "a process that may not be looked into",
            how: "`/proc/PID/fd`: EACCES",
            // It may have any of them open: nobody knows what is free of those that do not say.
            rule: Rule { struck: &[I915], shared: &["memory_free_bytes"], ..NO_RULE },
            strike: |_| Some(refuse(&["3004/fd"], Some(libc::EACCES))),
            words: &["another user's process", "run as root"],
            missing: (10, MANY),
        },
        Fault {
            name: "no process can be listed",
            how: "`/proc`: EIO",
            rule: Rule { struck: &ALL, ..NO_RULE },
            strike: |_| Some(refuse(&["proc"], Some(libc::EIO))),
            words: &["/proc: Input/output error"],
            missing: (60, MANY),
        },
        of_first(
            "a client without any key",
            "`fdinfo`: drm-driver alone",
            |files| client(files, 3000, |_| b"drm-driver:\tamdgpu\n".to_vec()),
            &["amdgpu tells nothing of an opening of it"],
            (10, MANY),
        ),
        of_first(
            "a client in another unit",
            "`fdinfo`: bytes instead of MiB",
            |files| {
                client(files, 3000, |text| {
                    text.replace("\t2000 MiB", &format!("\t{}", 2000_u64 << 20)).into_bytes()
                })
            },
            &[],
            (0, 0),
        ),
        of_first(
            "a client in a unit that nobody knows",
            "`fdinfo`: furlongs",
            |files| {
                client(files, 3000, |text| {
                    text.replace(" MiB", " furlongs").replace(" ns", " fortnights").into_bytes()
                })
            },
            &["amdgpu tells nothing of an opening of it"],
            (5, MANY),
        ),
        of_first(
            "counters that go backwards",
            "`fdinfo`: every engine at 5 ns",
            |files| {
                client(files, 3000, |text| {
                    let line = |line: &str| match line.strip_suffix(" ns") {
                        Some(line) => {
                            let (key, _) = line.split_once('\t').expect("a key");
                            format!("{key}\t5 ns\n")
                        }
                        None => format!("{line}\n"),
                    };
                    text.lines().map(line).collect::<String>().into_bytes()
                })
            },
            &[],
            (5, MANY),
        ),
        of_first(
            "a name that is no UTF-8",
            "`fdinfo`: drm-client-name with ff 1b",
            |files| {
                client(files, 3000, |text| {
                    [b"drm-client-name:\t\xff\xfe\x1b[2J: 7 ns\n", text.as_bytes()].concat()
                })
            },
            &[],
            (0, 0),
        ),
        of_first(
            "a client that was cut",
            "`fdinfo`: the first 90 bytes",
            |files| client(files, 3000, |text| text.as_bytes()[..90].to_vec()),
            &["amdgpu tells nothing of an opening of it"],
            (5, MANY),
        ),
        Fault {
            name: "a device that falls asleep",
            how: "`power/runtime_status`: suspended",
            rule: Rule {
                struck: &[SECOND],
                told: &["state", "asleep_seconds", "suspended_seconds"],
                shared: &[],
            },
            strike: |files| {
                let path = format!("sys/devices/pci0000:00/{SECOND}/power/runtime_status");
                files.file(&path, "suspended\n").expect("written");
                let values = ["gpu_busy_percent", "gpu_metrics", "hwmon", "mem_info_vram_used"];
                let mut values: Vec<String> =
                    values.iter().map(|name| format!("{SECOND}/{name}")).collect();
                values.push("3001/fdinfo".to_owned());
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                Some(refuse(&values, None))
            },
            words: &["suspended; reading would wake it"],
            missing: (20, MANY),
        },
        Fault {
            name: CLOCK,
            how: "an hour on, then a day back",
            rule: NO_RULE,
            strike: |_| None,
            words: &[],
            missing: (0, 0),
        },
        Fault {
            name: "a device that is pulled out",
            how: "its nodes are gone, and come back",
            rule: Rule { struck: &[SECOND], ..NO_RULE },
            strike: |files| {
                for node in ["card1", "renderD129"] {
                    files.remove(&format!("sys/class/drm/{node}")).expect("removed");
                }
                None
            },
            words: &[],
            missing: (20, MANY),
        },
    ]
}

const ALL: [&str; 8] =
    [FIRST, SECOND, "0000:03:00.0", "0000:04:00.0", I915, XE, "0000:07:00.0", "fde60000.gpu"];

/// Each second of the machine without a fault.
fn whole() -> &'static [Numbers] {
    static WHOLE: OnceLock<Vec<Numbers>> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let scratch = Scratch::new();
        let mut trial = Trial::new(Drm::new(&Roots::below(scratch.path())));
        let read = |second| {
            build(MACHINE, scratch.path(), second).expect("built");
            let outcome = trial.at(second);
            assert!(outcome.reports.iter().all(|report| report.problem.is_none()));
            numbers(&outcome.snapshot)
        };
        (0..=SECONDS).map(read).collect()
    })
}

#[test]
fn each_fault_takes_no_more_than_what_it_must() {
    let whole = whole();
    // With zeros nobody could tell an error that became one.
    for (of, row) in &whole[2] {
        let zeros: Vec<_> = row.iter().filter(|&(_, &value)| value == 0.0).collect();
        let known = ["state", "kind", "fault", "index", "pid", "compute", "graphics", "integrated"];
        let rates = |name: &str| name.ends_with("_per_second");
        let odd = zeros.iter().find(|(name, _)| !known.contains(name) && !rates(name));
        assert!(odd.is_none(), "{of:?} {odd:?}");
    }
    let mut lines = Vec::new();
    for fault in faults() {
        let Fault { name, how, rule, strike, words, missing } = fault;
        let scratch = Scratch::new();
        let mut trial = Trial::new(Drm::new(&Roots::below(scratch.path())));
        let (mut most, mut told) = (0, String::new());
        for second in 0..=SECONDS {
            build(MACHINE, scratch.path(), second).expect("built");
            let strikes = STRUCK.contains(&second);
            let refusing = strikes.then(|| strike(scratch.tree())).flatten();
            if strikes && name == CLOCK {
                trial.set_wall(if second < 5 { 3_600_000 } else { -86_400_000 });
            }
            let outcome = trial.at(second);
            let asked = refusing.as_ref().map_or(0, Refusing::asked);
            let when = format!("{name} at second {second}");
            let rule = if second < *STRUCK.start() { NO_RULE } else { Rule { ..rule } };
            let gone = judge(&whole[second as usize], &numbers(&outcome.snapshot), &rule, &when);
            most = most.max(gone);
            let base = scratch.path().to_str().expect("UTF-8");
            let said = said(&outcome.result, &outcome.reports, base);
            match second {
                0..4 => assert_eq!((gone, &*said), (0, ""), "{when}"),
                // The second read after what is read every five seconds.
                6 => told = said,
                12 => assert_eq!((gone, &*said), (0, ""), "{when}: it is over"),
                _ => {}
            }
            if name == "a device that falls asleep" {
                assert_eq!(asked, 0, "{when}");
            }
        }
        for word in words {
            assert!(told.contains(word), "{name}: {word:?} in {told:?}");
        }
        assert!((missing.0..=missing.1).contains(&most), "{name}: {most} are missing");
        let struck = match rule.struck {
            [one] => (*one).to_owned(),
            many => format!("{} devices", many.len()),
        };
        lines.push(Line {
            fault: format!("{name} ({how})"),
            // What is said of the first of them stands for the others.
            said: match rule.struck {
                [first, _, ..] if told.contains(first) => {
                    told.split("<br>").find(|said| said.contains(first)).unwrap_or("").to_owned()
                }
                _ => told,
            },
            missing: share(most, &struck),
        });
    }
    check_page("files", &lines);
}

#[test]
fn each_file_that_refuses_alone_is_named() {
    let scratch = Scratch::new();
    build(MACHINE, scratch.path(), 2).expect("built");
    let watch = || {
        let mut trial = Trial::new(Drm::new(&Roots::below(scratch.path())));
        trial.at(0);
        trial.at(2)
    };
    let whole = numbers(&watch().snapshot);
    let base = scratch.path().to_str().expect("UTF-8");
    let mut named = 0;
    for path in files(scratch.path()) {
        let ending = path.strip_prefix(scratch.path()).expect("below it").to_str().expect("UTF-8");
        // Those of a card are asked for by its name in the class.
        let ending = match ending.split_once("/drm/") {
            Some((_, of_card)) => format!("class/drm/{of_card}"),
            None => ending.to_owned(),
        };
        let device = ALL.iter().find(|address| path.to_str().is_some_and(|p| p.contains(*address)));
        let Some(device) = device else { continue };
        let _refusing = refuse(&[&ending], Some(libc::EPERM));
        let outcome = watch();
        // Nothing is drawn where energy stands still; without it the stated power stands for it.
        let rule = Rule { struck: &[device], told: &["watts", "power_ratio"], shared: &[] };
        let missing = judge(&whole, &numbers(&outcome.snapshot), &rule, &ending);
        let said = said(&outcome.result, &outcome.reports, base);
        let name = ending.rsplit('/').next().unwrap_or_default();
        // What a device is called and which of its temperatures is of what is learnt once, before.
        let is_learnt = name == "uevent" || name.ends_with("_label") || ending.contains("/power/");
        if missing > 0 && !is_learnt {
            assert!(said.contains(name) && said.contains("not permitted"), "{ending}: {said:?}");
            named += 1;
        }
    }
    assert!(named > 60, "{named}");
}
