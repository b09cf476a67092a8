use retop_fake_machine::{Scratch, Tree};
use retop_model::family::source::{ABSENT, ASLEEP, FAILING};

use super::*;
use crate::linux::trial::Trial;

const NVME: &str = "pci0000:00/0000:00:06.0/0000:01:00.0/nvme/nvme0";
const NVME_2: &str = "pci0000:00/0000:00:06.1/0000:02:00.0/nvme/nvme1";

fn chip(tree: &Tree, number: u32, device: &str, values: &[(&str, &str)]) {
    let folder = format!("{device}/hwmon/hwmon{number}");
    tree.attributes(&format!("sys/devices/{folder}"), values).expect("written");
    tree.link(&format!("sys/devices/{folder}/device"), "../..").expect("linked");
    tree.class("hwmon", &format!("hwmon{number}"), &folder).expect("linked");
}

fn trial(scratch: &Scratch) -> Trial<Hwmon> {
    Trial::new(Hwmon::new(&Roots::below(scratch.path())))
}

#[test]
fn each_kind_of_sensor_has_its_column() {
    let scratch = Scratch::new();
    let values = [
        ("name", "nct6775"),
        ("temp1_input", "41500"),
        ("temp1_label", "SYSTIN"),
        ("temp1_max", "80000"),
        ("temp1_crit", "95000"),
        ("temp1_alarm", "0"),
        ("temp2_input", "-12000"),
        ("fan2_input", "0"),
        ("fan2_label", "CPU fan"),
        ("in0_input", "1024"),
        ("curr1_input", "-250"),
        ("power1_input", "5000000"),
        ("pwm1", "128"),
        ("tempx_input", "1"),
    ];
    chip(scratch.tree(), 0, "platform/nct6775.656", &values);
    let outcome = trial(&scratch).at(0);
    assert_eq!((outcome.result.clone(), outcome.reports.len()), (Ok(()), 0));
    let get = |label, field| outcome.get(sensor::sensor, label, field);
    assert_eq!(outcome.labels(sensor::sensor), ["CPU fan", "SYSTIN", "curr1", "in0", "temp2"]);
    assert_eq!(get("SYSTIN", sensor::temperature_celsius), Some(41.5));
    assert_eq!(get("SYSTIN", sensor::high_celsius), Some(80.0));
    assert_eq!(get("SYSTIN", sensor::headroom_celsius), Some(53.5));
    assert_eq!(get("SYSTIN", sensor::alarm), Some(0.0));
    assert_eq!(get("temp2", sensor::temperature_celsius), Some(-12.0));
    assert_eq!(get("temp2", sensor::critical_celsius), None);
    assert_eq!(get("temp2", sensor::alarm), None);
    assert_eq!(get("CPU fan", sensor::fan_rpm), Some(0.0));
    assert_eq!(get("CPU fan", sensor::temperature_celsius), None);
    assert_eq!(get("in0", sensor::voltage_volts), Some(1.024));
    assert_eq!(get("curr1", sensor::current_amperes), Some(-0.25));
}

#[test]
fn chips_of_one_name_are_told_apart_by_device_and_keep_their_keys() {
    let scratch = Scratch::new();
    let values = [("name", "nvme"), ("temp1_input", "38850"), ("temp1_label", "Composite")];
    chip(scratch.tree(), 0, NVME, &values);
    let mut trial = trial(&scratch);
    let alone = trial.at(0);
    assert_eq!(alone.labels(sensor::chip), ["nvme"]);
    chip(scratch.tree(), 1, NVME_2, &values);
    let both = trial.at(2);
    assert_eq!(both.labels(sensor::chip), ["nvme 0000:01:00.0", "nvme 0000:02:00.0"]);
    let key = alone.row(sensor::chip, "nvme").key();
    assert_eq!(both.row(sensor::chip, "nvme 0000:01:00.0").key(), key);
    // After a boot the drives may be found the other way round.
    let other = Scratch::new();
    chip(other.tree(), 7, NVME, &values);
    let outcome = Trial::new(Hwmon::new(&Roots::below(other.path()))).at(0);
    assert_eq!(outcome.row(sensor::chip, "nvme").key(), key);
}

#[test]
fn labels_used_twice_get_the_attribute_name() {
    let scratch = Scratch::new();
    let values = [
        ("name", "it8689"),
        ("temp1_input", "1000"),
        ("temp1_label", "CPU"),
        ("fan1_input", "900"),
        ("fan1_label", "CPU"),
    ];
    chip(scratch.tree(), 0, "platform/it87.2624", &values);
    assert_eq!(trial(&scratch).at(0).labels(sensor::sensor), ["CPU fan1", "CPU temp1"]);
}

#[test]
fn a_sleeping_device_is_left_asleep() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    chip(tree, 0, NVME, &[("name", "nvme"), ("temp1_input", "30000"), ("temp1_crit", "85000")]);
    chip(tree, 1, "platform/coretemp.0", &[("name", "coretemp"), ("temp1_input", "50000")]);
    let status = "sys/devices/pci0000:00/0000:00:06.0/0000:01:00.0/power/runtime_status";
    tree.file(status, "suspended\n").expect("written");
    let mut trial = trial(&scratch);
    let outcome = trial.at(0);
    assert_eq!(outcome.labels(sensor::chip), ["coretemp"]);
    assert_eq!(outcome.report("hwmon/nvme").map(|problem| problem.state), Some(ASLEEP));
    assert_eq!(outcome.result, Ok(()));
    tree.file(status, "active\n").expect("written");
    let awake = trial.at(2);
    assert_eq!(awake.get(sensor::chip, "nvme", sensor::headroom_celsius), Some(55.0));
    assert!(awake.reports.is_empty());
}

#[test]
fn an_idle_turning_disk_may_come_to_rest() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    let device = "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0";
    chip(tree, 0, device, &[("name", "drivetemp"), ("temp1_input", "33000")]);
    let disk = format!("sys/devices/{device}/block/sda");
    tree.file(&format!("{disk}/queue/rotational"), "1\n").expect("written");
    let requests = |reads: u32| {
        let stat = format!("  {reads} 0 800 12 50 0 400 9 0 20 21 0 0 0 0 0 0\n");
        tree.file(&format!("{disk}/stat"), stat).expect("written");
    };
    let mut trial = trial(&scratch);
    requests(100);
    for (second, reads, shown) in
        [(0, 100, false), (2, 100, false), (4, 101, true), (60, 101, true), (64, 101, false)]
    {
        requests(reads);
        let outcome = trial.at(second);
        assert_eq!(outcome.rows(FamilyId::Sensor) == 1, shown, "second {second}");
        let asleep = outcome.report("hwmon/drivetemp").map(|problem| problem.state);
        assert_eq!(asleep, (!shown).then_some(ASLEEP), "second {second}");
    }
    // A solid-state disk has nothing to rest.
    tree.file(&format!("{disk}/queue/rotational"), "0\n").expect("written");
    assert_eq!(
        Trial::new(Hwmon::new(&Roots::below(scratch.path()))).at(0).rows(FamilyId::Sensor),
        1
    );
}

#[test]
fn nonsense_is_no_reading() {
    for (input, fault, expected) in [
        ("garbage", "0", None),
        ("", "0", None),
        ("99999999999999999999", "0", None),
        ("9223372036854775807", "0", None),
        ("-300000", "0", None),
        ("65261850", "0", None),
        ("127000", "1", None),
        ("127000", "0", Some(127.0)),
        ("0", "0", Some(0.0)),
    ] {
        let scratch = Scratch::new();
        let values = [
            ("name", "chip"),
            ("temp1_input", input),
            ("temp1_fault", fault),
            ("temp1_crit", "65261850"),
            ("temp1_max", "0"),
        ];
        chip(scratch.tree(), 0, "platform/chip.1", &values);
        let outcome = trial(&scratch).at(0);
        assert_eq!(outcome.rows(FamilyId::Sensor), 1, "{input}");
        let get = |field| outcome.get(sensor::sensor, "temp1", field);
        assert_eq!(get(sensor::temperature_celsius), expected, "{input}");
        assert_eq!(get(sensor::critical_celsius), None, "{input}");
        assert_eq!(get(sensor::high_celsius), None, "{input}");
    }
}

#[test]
fn one_broken_sensor_hides_no_other() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    let values = [("name", "chip"), ("temp1_input", "x"), ("temp2_input", "20000")];
    chip(tree, 0, "platform/chip.1", &values);
    let outcome = trial(&scratch).at(0);
    assert_eq!(outcome.get(sensor::sensor, "temp2", sensor::temperature_celsius), Some(20.0));
    assert_eq!(outcome.report("hwmon/chip").map(|problem| problem.state), Some(FAILING));
}

#[test]
fn a_chip_that_vanishes_takes_its_rows_along() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    chip(tree, 0, "platform/chip.1", &[("name", "chip"), ("temp1_input", "20000")]);
    let mut trial = trial(&scratch);
    assert_eq!(trial.at(0).rows(FamilyId::Sensor), 1);
    // The files go first, then the link.
    tree.remove("sys/devices/platform/chip.1").expect("removed");
    let going = trial.at(2);
    assert_eq!(going.get(sensor::chip, "chip", sensor::temperature_celsius), None);
    tree.remove("sys/class/hwmon/hwmon0").expect("removed");
    let gone = trial.at(4);
    assert_eq!(gone.rows(FamilyId::Sensor), 0);
    assert_eq!(gone.result.map_err(|problem| problem.state), Err(ABSENT));
}

#[test]
fn zones_stand_in_where_no_chip_covers_them() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    chip(tree, 0, "platform/coretemp.0", &[("name", "coretemp"), ("temp1_input", "50000")]);
    chip(tree, 1, "virtual/thermal/z", &[("name", "cpu_thermal"), ("temp1_input", "50000")]);
    for (number, kind, millidegrees) in [
        (0, "x86_pkg_temp", "50000"),
        (1, "cpu-thermal", "50000"),
        (2, "INT3400 Thermal", "20000"),
        (3, "gpu-thermal", "61000"),
        (4, "B0D4", "47050"),
        (5, "B0D4", "48000"),
        (6, "broken", "none"),
    ] {
        let zone = format!("sys/class/thermal/thermal_zone{number}");
        tree.attributes(&zone, &[("type", kind), ("temp", millidegrees)]).expect("written");
    }
    let trips = [
        ("trip_point_0_type", "passive"),
        ("trip_point_0_temp", "85000"),
        ("trip_point_1_type", "critical"),
        ("trip_point_1_temp", "105000"),
    ];
    tree.attributes("sys/class/thermal/thermal_zone3", &trips).expect("written");
    tree.folder("sys/class/thermal/cooling_device0").expect("made");
    let outcome = trial(&scratch).at(0);
    let zones: Vec<String> = outcome.labels(sensor::sensor);
    let expected = ["B0D4 thermal_zone4", "B0D4 thermal_zone5", "broken", "gpu-thermal"];
    assert_eq!(zones[..4], expected);
    assert_eq!(outcome.get(sensor::sensor, "gpu-thermal", sensor::headroom_celsius), Some(44.0));
    assert_eq!(outcome.get(sensor::sensor, "broken", sensor::temperature_celsius), None);
    assert_eq!(outcome.report("hwmon/broken").map(|problem| problem.state), Some(FAILING));
}

#[test]
fn a_machine_without_sensors_says_so() {
    let scratch = Scratch::new();
    let outcome = trial(&scratch).at(0);
    assert_eq!(outcome.rows(FamilyId::Sensor), 0);
    assert_eq!(outcome.result.map_err(|problem| problem.state), Err(ABSENT));
}
