use proptest::prelude::*;
use retop_fake_machine::{Scratch, Tree};
use retop_model::family::source::{ABSENT, ASLEEP, DENIED};

use super::*;
use crate::linux::trial::Trial;

const RANGE: &str = "262143328850";

fn zone(tree: &Tree, entry: &str, name: &str, energy: &str) {
    let values = [("name", name), ("energy_uj", energy), ("max_energy_range_uj", RANGE)];
    tree.attributes(&format!("sys/class/powercap/{entry}"), &values).expect("written");
}

fn chip(tree: &Tree, number: u32, values: &[(&str, &str)]) {
    tree.attributes(&format!("sys/class/hwmon/hwmon{number}"), values).expect("written");
}

fn trial(scratch: &Scratch) -> Trial<Power> {
    Trial::new(Power::new(&Roots::below(scratch.path())))
}

#[test]
fn rapl_domains_become_watts_across_a_wrap() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    zone(tree, "intel-rapl:0", "package-0", "262143000000");
    zone(tree, "intel-rapl:0:0", "core", "1000000");
    tree.file("sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw", "28000000\n")
        .expect("ok");
    tree.file("sys/class/powercap/intel-rapl:0:0/constraint_0_power_limit_uw", "0\n").expect("ok");
    tree.folder("sys/class/powercap/intel-rapl").expect("made");
    let mut trial = trial(&scratch);
    let first = trial.at(0);
    assert_eq!(first.labels(power::domain), ["core", "package-0"]);
    assert_eq!(first.get(power::domain, "package-0", power::energy_joules), Some(0.0));
    assert_eq!(first.get(power::domain, "package-0", power::watts), None);
    assert_eq!(first.get(power::domain, "package-0", power::limit_watts), Some(28.0));
    assert_eq!(first.get(power::domain, "core", power::limit_watts), None);
    zone(tree, "intel-rapl:0", "package-0", "14671150");
    zone(tree, "intel-rapl:0:0", "core", "9000000");
    let second = trial.at(1);
    assert_eq!(second.get(power::domain, "package-0", power::watts), Some(15.0));
    assert_eq!(second.get(power::domain, "core", power::watts), Some(8.0));
    assert_eq!(second.get(power::domain, "core", power::whole_machine), Some(0.0));
    assert_eq!((second.result, second.reports.len()), (Ok(()), 0));
}

#[test]
fn parts_of_several_packages_carry_the_name_of_theirs() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    zone(tree, "intel-rapl:0", "package-0", "1");
    zone(tree, "intel-rapl:1", "package-1", "1");
    zone(tree, "intel-rapl:1:0", "dram", "1");
    zone(tree, "intel-rapl:0:0", "dram", "1");
    zone(tree, "intel-rapl-mmio:0", "package-0", "1");
    let expected = ["package-0", "package-0 dram", "package-1", "package-1 dram"];
    assert_eq!(trial(&scratch).at(0).labels(power::domain), expected);
}

#[test]
fn psys_is_the_machine_only_if_it_holds_the_packages() {
    for (psys, whole) in [("9000000", 1.0), ("1000000", 0.0)] {
        let scratch = Scratch::new();
        let tree = scratch.tree();
        zone(tree, "intel-rapl:0", "package-0", "0");
        zone(tree, "intel-rapl:1", "psys", "0");
        let mut trial = trial(&scratch);
        trial.at(0);
        zone(tree, "intel-rapl:0", "package-0", "5000000");
        zone(tree, "intel-rapl:1", "psys", psys);
        let outcome = trial.at(1);
        assert_eq!(outcome.get(power::domain, "psys", power::whole_machine), Some(whole), "{psys}");
    }
}

#[test]
fn a_refusal_names_its_reason_and_its_remedy() {
    let error = io::Error::from(io::ErrorKind::PermissionDenied);
    let problem = refusal(Path::new("/sys/class/powercap/intel-rapl:0"), &error);
    assert_eq!(problem.state, DENIED);
    assert!(problem.reason.contains("CVE-2020-8694"));
    assert!(problem.hint.is_some_and(|hint| hint.contains("chmod a+r")));
    let gone = io::Error::from(io::ErrorKind::NotFound);
    assert_eq!(refusal(Path::new("/x"), &gone).state, ABSENT);
}

#[test]
fn a_domain_that_cannot_be_read_stands_without_numbers() {
    let scratch = Scratch::new();
    zone(scratch.tree(), "intel-rapl:0", "package-0", "7");
    scratch.tree().remove("sys/class/powercap/intel-rapl:0/energy_uj").expect("removed");
    let outcome = trial(&scratch).at(0);
    assert_eq!(outcome.labels(power::domain), ["package-0"]);
    assert_eq!(outcome.get(power::domain, "package-0", power::energy_joules), None);
    assert_eq!(outcome.result.as_ref().map_err(|problem| problem.state), Err(ABSENT));
    // Beside another instrument it is the problem of a part.
    chip(scratch.tree(), 0, &[("name", "power_meter"), ("power1_average", "153000000")]);
    let outcome = trial(&scratch).at(0);
    assert_eq!(outcome.result, Ok(()));
    assert!(outcome.report("power/powercap").is_some());
}

#[test]
fn hwmon_states_watts_and_joules() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    let gpu = [
        ("name", "amdgpu"),
        ("power1_average", "31000000"),
        ("power1_label", "PPT"),
        ("power1_cap", "220000000"),
        ("temp1_input", "40000"),
    ];
    chip(tree, 0, &gpu);
    chip(tree, 1, &[("name", "power_meter"), ("power1_average", "153000000")]);
    chip(tree, 2, &[("name", "zenergy"), ("energy1_input", "5000"), ("energy1_label", "Esocket0")]);
    let both =
        [("name", "ina"), ("power1_input", "-1"), ("power2_input", "x"), ("powerx_input", "3")];
    chip(tree, 3, &both);
    chip(tree, 4, &[("name", "acpitz"), ("temp1_input", "30000")]);
    let mut trial = trial(&scratch);
    trial.at(0);
    tree.file("sys/class/hwmon/hwmon2/energy1_input", "45005000\n").expect("written");
    let outcome = trial.at(1);
    let expected = ["amdgpu PPT", "ina power1", "ina power2", "power_meter", "zenergy Esocket0"];
    assert_eq!(outcome.labels(power::domain), expected);
    let get = |domain, field| outcome.get(power::domain, domain, field);
    assert_eq!(get("amdgpu PPT", power::watts), Some(31.0));
    assert_eq!(get("amdgpu PPT", power::limit_watts), Some(220.0));
    assert_eq!(get("amdgpu PPT", power::whole_machine), Some(0.0));
    assert_eq!(get("power_meter", power::whole_machine), Some(1.0));
    assert_eq!(get("zenergy Esocket0", power::watts), Some(45.0));
    assert_eq!(get("ina power1", power::watts), None);
    assert_eq!(get("ina power2", power::watts), None);
    assert!(outcome.report("power/ina").is_some());
}

#[test]
fn a_sleeping_gpu_is_not_asked() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    let folder = "pci0000:00/0000:00:01.0/0000:03:00.0/hwmon/hwmon0";
    let values = [("name", "amdgpu"), ("power1_average", "31000000")];
    tree.attributes(&format!("sys/devices/{folder}"), &values).expect("written");
    tree.link(&format!("sys/devices/{folder}/device"), "../..").expect("linked");
    tree.class("hwmon", "hwmon0", folder).expect("linked");
    let status = "sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/power/runtime_status";
    tree.file(status, "suspended\n").expect("written");
    let outcome = trial(&scratch).at(0);
    assert_eq!(outcome.rows(FamilyId::Power), 0);
    assert_eq!(outcome.report("power/amdgpu").map(|problem| problem.state), Some(ASLEEP));
    assert_eq!(outcome.result, Ok(()));
}

#[test]
fn a_battery_states_the_machine_while_it_discharges() {
    let scratch = Scratch::new();
    let supply = |name: &str, status, power| {
        let values = [("type", "Battery"), ("status", status), ("power_now", power)];
        let folder = format!("sys/class/power_supply/{name}");
        scratch.tree().attributes(&folder, &values).expect("written");
    };
    supply("BAT0", "Discharging", "7000000");
    supply("BAT1", "Discharging", "2000000");
    let mut trial = trial(&scratch);
    let draining = trial.at(0);
    assert_eq!(draining.get(power::domain, "battery", power::watts), Some(9.0));
    assert_eq!(draining.get(power::domain, "battery", power::whole_machine), Some(1.0));
    supply("BAT0", "Charging", "40000000");
    supply("BAT1", "Full", "0");
    assert_eq!(trial.at(4).rows(FamilyId::Power), 1, "asked every five seconds");
    let charging = trial.at(5);
    assert_eq!(charging.rows(FamilyId::Power), 0);
    assert_eq!(charging.result.map_err(|problem| problem.state), Err(ABSENT));
}

#[test]
fn resets_and_lost_wraps_are_no_energy() {
    const SECOND: u64 = 1_000_000_000;
    let range = 65_532_610_987;
    let mut meter = Meter::default();
    assert_eq!(meter.advance(65_500_000_000, range, 0), Ok(0));
    assert_eq!(meter.advance(67_389_013, range, SECOND), Ok(100_000_000), "a wrap");
    // A reset half-way up would be a wrap of 56 kJ, which no second uses.
    let mut young = Meter::default();
    assert_eq!(young.advance(9_000_000_000, range, 0), Ok(0));
    assert_eq!(young.advance(9_500_000_000, range, SECOND), Ok(500_000_000));
    assert_eq!(young.advance(1_000, range, 2 * SECOND), Err(Fault::Reset));
    assert_eq!(young.advance(2_000, range, 3 * SECOND), Ok(500_001_000), "it goes on");
    // Over a minute at 1 kW the counter may have gone round more than once.
    assert_eq!(young.advance(3_000, range, 90 * SECOND), Err(Fault::Wrapped(87, 65)));
    assert_eq!(young.advance(4_000, range, 91 * SECOND), Ok(500_002_000));
    // A jump by more than any domain draws is none of its energy either.
    assert_eq!(young.advance(40_000_000_000, range, 92 * SECOND), Err(Fault::Reset));
    // Without a range a counter that falls was reset.
    let mut plain = Meter::default();
    assert_eq!(plain.advance(500, 0, 0), Ok(0));
    assert_eq!(plain.advance(700, 0, SECOND), Ok(200));
    assert_eq!(plain.advance(5, 0, 2 * SECOND), Err(Fault::Reset));
    assert_eq!(plain.advance(6, 0, 3 * SECOND), Ok(201));
}

#[test]
fn what_a_counter_does_not_tell_is_missing_and_said() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    let mut trial = trial(&scratch);
    let get = |outcome: &crate::linux::trial::Outcome, field| {
        outcome.get(power::domain, "package-0", field)
    };
    zone(tree, "intel-rapl:0", "package-0", "9000000000");
    trial.at(0);
    for (second, energy, watts, says) in [
        (1, "9020000000", Some(20.0), None),
        (2, "9020000000", None, Some("stands still")),
        (3, "9060000000", None, None),
        (4, "9090000000", Some(30.0), None),
        (5, "70", None, Some("jumped or was reset")),
        (6, "10000070", None, None),
        (7, "20000070", Some(10.0), None),
        (407, "30000070", None, Some("400 s lie between two reads")),
        (408, "40000070", None, None),
        (409, "50000070", Some(10.0), None),
    ] {
        zone(tree, "intel-rapl:0", "package-0", energy);
        let outcome = trial.at(second);
        assert_eq!(get(&outcome, power::watts), watts, "{second}");
        let reason = outcome.report("power/counter").map(|problem| problem.reason.as_str());
        match says {
            Some(says) => assert!(reason.is_some_and(|reason| reason.contains(says)), "{reason:?}"),
            None => assert_eq!(reason, None, "{second}"),
        }
    }
    // Faults took nothing away from what is known: 20 + 40 + 30 + 20 + 20.
    assert_eq!(get(&trial.at(410), power::energy_joules), None, "stalled");
    zone(tree, "intel-rapl:0", "package-0", "60000070");
    assert_eq!(get(&trial.at(411), power::energy_joules), Some(140.0));
}

#[test]
fn counters_are_kept_up_with_while_nobody_asks() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    zone(tree, "intel-rapl:0", "package-0", "262143000000");
    chip(tree, 0, &[("name", "power_meter"), ("power1_average", "100000000")]);
    let mut trial = trial(&scratch);
    assert_eq!(trial.source.pulse(0), None, "not asked for yet");
    trial.at(0);
    assert_eq!(trial.source.pulse(0), Some(PULSE));
    // 8 kJ in each half minute; the counter goes round once.
    for (step, energy) in
        (1..=20).zip((1..).map(|step: u64| 262_143_000_000 + step * 8_000_000_000))
    {
        zone(tree, "intel-rapl:0", "package-0", &(energy % 262_143_328_850).to_string());
        trial.look_at(step * 30);
    }
    let outcome = trial.at(600);
    let used = |domain| outcome.get(power::domain, domain, power::used_joules);
    assert_eq!(used("package-0"), Some(160_000.0));
    assert_eq!(used("power_meter"), Some(60_000.0));
}

#[test]
fn zones_that_appear_late_begin_when_they_are_seen() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    zone(tree, "intel-rapl:0", "package-0", "100");
    let mut trial = trial(&scratch);
    assert_eq!(trial.at(0).labels(power::domain), ["package-0"]);
    zone(tree, "intel-rapl:1", "package-1", "5000000000");
    zone(tree, "intel-rapl:0", "package-0", "10000100");
    let outcome = trial.at(1);
    assert_eq!(outcome.get(power::domain, "package-0", power::watts), Some(10.0));
    assert_eq!(outcome.get(power::domain, "package-1", power::energy_joules), Some(0.0));
    assert_eq!(outcome.get(power::domain, "package-1", power::watts), None);
    zone(tree, "intel-rapl:1", "package-1", "5033000000");
    zone(tree, "intel-rapl:0", "package-0", "20000100");
    assert_eq!(trial.at(2).get(power::domain, "package-1", power::watts), Some(33.0));
}

#[test]
fn stated_power_becomes_energy_between_its_statements() {
    const SECOND: u64 = 1_000_000_000;
    let mut sum = Sum::default();
    for (second, watts, joules) in [
        (0, Some(10), Some(0)),
        (1, Some(20), Some(15)),
        (3, Some(20), Some(55)),
        (4, None, None),
        (5, Some(500), Some(55)),
        (6, Some(500), Some(555)),
        // Nobody looked for so long that the two have nothing to do with each other.
        (206, Some(500), Some(555)),
    ] {
        let used = sum.advance(watts.map(|watts: i64| watts * 1_000_000), second * SECOND);
        assert_eq!(used, joules.map(|joules: i64| joules * 1_000_000), "{second}");
    }
}

/// What a counter does from one read to the next.
#[derive(Clone, Debug)]
enum Event {
    /// Moves by so many watts over so many milliseconds.
    Run(i64, u64),
    /// Stands at another number, whatever it was.
    Jump(i64),
    /// Is not read for so many seconds.
    Away(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => (0i64..900, 100u64..10_000).prop_map(|(watts, ms)| Event::Run(watts, ms)),
        1 => any::<i64>().prop_map(Event::Jump),
        1 => (1u64..1_000).prop_map(Event::Away),
    ];
    prop::collection::vec(event, 1..100)
}

proptest! {
    #[test]
    fn no_power_is_negative_or_absurd(events in events()) {
        let range = 65_532_610_987;
        let (mut meter, mut hardware, mut now_ns) = (Meter::default(), 5_000_000_i64, 0_u64);
        let mut before = meter.advance(hardware, range, now_ns).ok().map(|used| (used, now_ns));
        for event in events {
            match event {
                Event::Run(watts, ms) => {
                    let step = watts * 1_000 * i64::try_from(ms).unwrap();
                    hardware = hardware.wrapping_add(step).rem_euclid(range);
                    now_ns += ms * 1_000_000;
                }
                Event::Jump(to) => {
                    hardware = to;
                    now_ns += 1_000_000_000;
                }
                Event::Away(seconds) => now_ns += seconds * 1_000_000_000,
            }
            let now = meter.advance(hardware, range, now_ns).ok().map(|used| (used, now_ns));
            if let (Some((used_before, at_ns)), Some((used, now_ns))) = (before, now) {
                let watts = (used - used_before) as f64 * 1e3 / (now_ns - at_ns) as f64;
                prop_assert!((0.0..=10_000.0).contains(&watts), "{watts} W");
            }
            before = now;
        }
    }

    #[test]
    fn a_meter_never_panics_nor_goes_below_nothing(
        steps in prop::collection::vec((any::<i64>(), any::<i64>(), any::<u64>()), 1..50),
    ) {
        let (mut meter, mut sum) = (Meter::default(), Sum::default());
        for (hardware, range, now_ns) in steps {
            prop_assert!(meter.advance(hardware, range, now_ns).is_ok_and(|used| used >= 0) || meter.used >= 0);
            prop_assert!(sum.advance(Some(hardware.max(0)), now_ns).is_some_and(|used| used >= 0));
        }
    }

    #[test]
    fn a_meter_loses_nothing_over_wraps(
        steps in prop::collection::vec(0i64..500_000_000, 1..200),
    ) {
        let range = 65_532_610_987;
        let (mut meter, mut total) = (Meter::default(), 0);
        prop_assert_eq!(meter.advance(0, range, 0), Ok(0));
        for (second, step) in (1..).zip(steps) {
            total += step;
            prop_assert_eq!(meter.advance(total % range, range, second * 1_000_000_000), Ok(total));
        }
    }
}
