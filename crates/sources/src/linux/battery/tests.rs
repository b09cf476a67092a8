use retop_fake_machine::Scratch;
use retop_model::family::source::ABSENT;

use super::*;
use crate::linux::trial::{Outcome, Trial};

fn read(supplies: &[(&str, &[(&str, &str)])]) -> Outcome {
    let scratch = Scratch::new();
    for (name, values) in supplies {
        let folder = format!("sys/class/power_supply/{name}");
        scratch.tree().attributes(&folder, values).expect("written");
    }
    Trial::new(Battery::new(&Roots::below(scratch.path()))).at(0)
}

#[test]
fn a_battery_that_counts_energy() {
    let outcome = read(&[(
        "BAT0",
        &[
            ("type", "Battery"),
            ("status", "Discharging"),
            ("present", "1"),
            ("capacity", "75"),
            ("energy_now", "37550000"),
            ("energy_full", "50000000"),
            ("energy_full_design", "57000000"),
            ("power_now", "9000000"),
            ("voltage_now", "11400000"),
            ("voltage_min_design", "11550000"),
            ("cycle_count", "213"),
            ("model_name", "5B10W1"),
        ],
    )]);
    let get = |field| outcome.get(battery::battery, "BAT0", field);
    assert_eq!(get(battery::charge_ratio), Some(0.751));
    assert_eq!(get(battery::energy_joules), Some(37.55 * 3600.0));
    assert_eq!(get(battery::full_joules), Some(180_000.0));
    assert_eq!(get(battery::power_watts), Some(9.0));
    assert_eq!(get(battery::voltage_volts), Some(11.4));
    assert_eq!(get(battery::cycles), Some(213.0));
    assert_eq!(get(battery::empty_seconds), Some(37.55 * 3600.0 / 9.0));
    assert_eq!(get(battery::full_seconds), None);
    assert_eq!(get(battery::health_ratio), Some(50.0 / 57.0));
    let row = outcome.row(battery::battery, "BAT0");
    assert_eq!(row.state(battery::status), Some("discharging"));
    assert_eq!(row.shown(battery::model), "5B10W1");
}

#[test]
fn a_battery_that_counts_charge_with_a_negative_current() {
    let outcome = read(&[(
        "BAT1",
        &[
            ("type", "Battery"),
            ("status", "Charging"),
            ("charge_now", "2000000"),
            ("charge_full", "4000000"),
            ("charge_full_design", "5000000"),
            ("current_now", "-1500000"),
            ("voltage_now", "12000000"),
            ("voltage_min_design", "11000000"),
            ("cycle_count", "0"),
        ],
    )]);
    let get = |field| outcome.get(battery::battery, "BAT1", field);
    assert_eq!(get(battery::charge_ratio), Some(0.5));
    assert_eq!(get(battery::energy_joules), Some(22.0 * 3600.0));
    assert_eq!(get(battery::power_watts), Some(18.0));
    assert_eq!(get(battery::full_seconds), Some(22.0 * 3600.0 / 18.0));
    assert_eq!(get(battery::cycles), None);
}

#[test]
fn supplies_that_do_not_feed_the_machine_are_left_out() {
    let outcome = read(&[
        ("AC", &[("type", "Mains"), ("online", "1")]),
        ("hidpp_battery_0", &[("type", "Battery"), ("scope", "Device"), ("capacity", "50")]),
        ("BAT1", &[("type", "Battery"), ("present", "0")]),
        ("BAT0", &[("type", "Battery"), ("scope", "System"), ("capacity", "50")]),
    ]);
    assert_eq!(outcome.labels(battery::battery), ["BAT0"]);
    assert_eq!(outcome.result, Ok(()));
    let none = read(&[("AC", &[("type", "Mains")])]);
    assert_eq!(none.result.map_err(|problem| problem.state), Err(ABSENT));
}

#[test]
fn nonsense_is_no_reading() {
    let most = i64::MAX.to_string();
    let outcome = read(&[
        (
            "BAT0",
            &[
                ("type", "Battery"),
                ("status", "On fire"),
                ("energy_now", &most),
                ("energy_full", "0"),
                ("power_now", "4294967295000"),
                ("voltage_now", "-1"),
                ("cycle_count", "many"),
            ],
        ),
        (
            "BAT1",
            &[
                ("type", "Battery"),
                ("charge_now", &most),
                ("charge_full", &most),
                ("current_now", "-9223372036854775808"),
                ("voltage_now", &most),
                ("capacity", "255"),
            ],
        ),
    ]);
    assert_eq!(outcome.row(battery::battery, "BAT0").state(battery::status), Some("unknown"));
    for name in ["BAT0", "BAT1"] {
        for field in [
            battery::energy_joules,
            battery::power_watts,
            battery::empty_seconds,
            battery::health_ratio,
            battery::cycles,
        ] {
            assert_eq!(outcome.get(battery::battery, name, field), None, "{name} {}", field.name());
        }
    }
    assert_eq!(outcome.get(battery::battery, "BAT0", battery::charge_ratio), None);
    assert_eq!(outcome.get(battery::battery, "BAT1", battery::charge_ratio), Some(1.0));
}
