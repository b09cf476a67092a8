//! The sources of devices, control groups and limits on every made-up machine.

use std::path::Path;

use retop_fake_machine::{NAMES, Scratch, build};
use retop_model::family::source::{ABSENT, FAILING};
use retop_model::family::{battery, cgroup, limit, power, sensor};
use retop_model::{FamilyId, Field};

use super::trial::{Outcome, Trial};
use crate::roots::Roots;
use crate::source::Source;

type Make = fn(&Roots) -> Box<dyn Source>;

const SOURCES: [Make; 5] = [
    |roots| Box::new(super::hwmon::Hwmon::new(roots)),
    |roots| Box::new(super::power::Power::new(roots)),
    |roots| Box::new(super::battery::Battery::new(roots)),
    |roots| Box::new(super::cgroup::Cgroups::new(roots)),
    |roots| Box::new(super::limit::Limits::new(roots)),
];

impl Source for Box<dyn Source> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn feeds(&self) -> &'static [FamilyId] {
        (**self).feeds()
    }

    fn read(&mut self, read: &mut crate::source::Read<'_>) -> Result<(), crate::source::Problem> {
        (**self).read(read)
    }
}

/// Seconds 0 and 2 of a machine, seen by each source in the order above.
fn watch(machine: &str) -> [Outcome; 5] {
    let scratch = Scratch::new();
    build(machine, scratch.path(), 0).expect("built");
    let mut trials = SOURCES.map(|make| Trial::new(make(&Roots::below(scratch.path()))));
    trials.iter_mut().for_each(|trial| drop(trial.at(0)));
    build(machine, scratch.path(), 2).expect("built");
    trials.each_mut().map(|trial| trial.at(2))
}

fn is_near(value: Option<f64>, expected: f64) -> bool {
    value.is_some_and(|value| (value - expected).abs() < 1e-6 * expected.abs().max(1.0))
}

#[test]
fn the_laptop_draws_what_its_instruments_say() {
    let [sensors, outcome, batteries, ..] = watch("hybrid-laptop");
    let expected = ["battery", "core", "package-0", "psys", "uncore"];
    assert_eq!(outcome.labels(power::domain), expected);
    for (domain, watts, whole) in [
        ("package-0", 9.5, 0.0),
        ("core", 6.2, 0.0),
        ("uncore", 0.8, 0.0),
        ("psys", 14.3, 1.0),
        ("battery", 11.2, 1.0),
    ] {
        let get = |field| outcome.get(power::domain, domain, field);
        assert!(is_near(get(power::watts), watts), "{domain} {:?}", get(power::watts));
        assert_eq!(get(power::whole_machine), Some(whole), "{domain}");
    }
    assert!(is_near(batteries.get(battery::battery, "BAT0", battery::health_ratio), 49.1 / 57.0));
    let chips = ["acpitz", "coretemp", "iwlwifi_1", "nvme", "thermal zone", "thinkpad"];
    let mut labels = sensors.labels(sensor::chip);
    labels.dedup();
    assert_eq!(labels, chips);
    assert_eq!(sensors.get(sensor::sensor, "TCPU", sensor::temperature_celsius), Some(57.05));
}

#[test]
fn two_sockets_are_told_apart() {
    let [sensors, outcome, ..] = watch("epyc-256");
    for (domain, watts) in [("package-0", 210.0), ("package-1 core", 75.0), ("power_meter", 684.0)]
    {
        let value = outcome.get(power::domain, domain, power::watts);
        assert!(is_near(value, watts), "{domain} {value:?}");
    }
    let chips = sensors.labels(sensor::chip);
    assert!(chips.contains(&"nvme 0000:81:00.0".to_owned()), "{chips:?}");
}

#[test]
fn a_container_knows_its_share() {
    let [.., outcome] = watch("container");
    let one = |field: Field| outcome.snapshot.one(field);
    assert_eq!(one(limit::cpus), Some(1.5));
    assert_eq!(one(limit::memory_limit_bytes), Some(536_870_912.0));
    assert!(is_near(one(limit::cpu_ratio), 1.45 / 1.5));
    assert!(is_near(one(limit::throttled_ratio), 0.18));
    let [.., groups, outcome] = watch("cgroup-v1");
    assert_eq!(groups.result.map_err(|problem| problem.state), Err(ABSENT));
    assert_eq!(outcome.snapshot.one(limit::cpus), Some(2.5));
    assert_eq!(outcome.snapshot.one(limit::tasks_limit), Some(256.0));
    assert_eq!(outcome.labels(limit::container), ["00c0ffee00c0"]);
}

#[test]
fn control_groups_show_their_rates() {
    let [_, _, _, outcome, _] = watch("small-server");
    let nginx = "/system.slice/nginx.service";
    let get = |field| outcome.get(cgroup::cgroup, nginx, field);
    assert!(is_near(get(cgroup::cpu_ratio), 0.18), "{:?}", get(cgroup::cpu_ratio));
    assert!(is_near(get(cgroup::cpu_limit_ratio), 0.09));
    let reads = outcome.get(cgroup::cgroup, "/", cgroup::read_bytes_per_second);
    assert!(is_near(reads, 1_048_576.0), "{reads:?}");
}

#[test]
fn no_machine_breaks_a_source_or_a_terminal() {
    for machine in NAMES {
        for outcome in watch(machine) {
            for table in outcome.snapshot.raw().tables() {
                let family = table.family();
                for row in outcome.snapshot.rows(family) {
                    let texts = family.get().text_fields().map(|field| row.shown(field));
                    assert!(!texts.clone().any(|text| text.contains(char::is_control)));
                    for field in family.get().fields() {
                        let value = row.get(field);
                        assert!(value.is_none_or(f64::is_finite), "{machine} {}", field.name());
                    }
                }
            }
        }
    }
}

#[test]
fn a_hostile_machine_yields_no_false_numbers() {
    let [sensors, outcome, _, groups, _] = watch("hostile");
    for row in outcome.snapshot.rows(FamilyId::Power) {
        let domain = row.shown(power::domain);
        let watts = row.get(power::watts);
        assert!(watts.is_none_or(|watts| watts == 0.0), "{domain} {watts:?}");
    }
    assert_eq!(outcome.report("power/powercap").map(|problem| problem.state), Some(FAILING));
    // Its counters went back: no rate, and none below nothing.
    for row in groups.snapshot.rows(FamilyId::Cgroup) {
        assert_eq!(row.get(cgroup::cpu_ratio), None);
    }
    let warm = sensors.snapshot.rows(FamilyId::Sensor);
    let warm: Vec<f64> = warm.filter_map(|row| row.get(sensor::temperature_celsius)).collect();
    assert_eq!(warm, [42.0]);
}

/// Prints what the sources say of every made-up machine and of this one, to be looked at:
/// `cargo test -p retop-sources --lib print_ -- --ignored --nocapture`.
#[test]
#[ignore = "prints for people"]
fn print_every_machine() {
    for machine in NAMES {
        watch(machine).iter().for_each(|outcome| print(machine, outcome));
    }
    for make in SOURCES {
        let mut trial = Trial::new(make(&Roots::below(Path::new("/"))));
        trial.at(0);
        print("this machine", &trial.at(2));
    }
}

fn print(machine: &str, outcome: &Outcome) {
    println!("== {machine} {:?}", outcome.result);
    for report in &outcome.reports {
        println!("   report {} {:?}", report.name, report.problem);
    }
    for table in outcome.snapshot.raw().tables() {
        let family = table.family().get();
        for row in outcome.snapshot.rows(table.family()) {
            let texts: Vec<&str> = family.text_fields().map(|field| row.shown(field)).collect();
            let numbers: Vec<String> = family
                .fields()
                .filter_map(|field| Some(format!("{}={}", field.name(), row.get(field)?)))
                .collect();
            println!("   {} {}: {}", family.name, texts.join(" | "), numbers.join(" "));
        }
    }
}
