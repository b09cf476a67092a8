//! Alerts of a chip that is hot, held down, at the end of its memory's bandwidth or of its power: each
//! after as many samples as it must last for, and in every export.
#![cfg(target_os = "linux")]

mod mac;

use std::sync::Arc;

use retop_engine::export::json::{JsonView, Options};
use retop_engine::export::names::{Beside, Names};
use retop_engine::export::prometheus::{self, Format};
use retop_fake_machine::Scratch;
use retop_model::Snapshot;
use retop_model::alert::{self, Rule};
use serde_json::Value;

use mac::Mac;

const SAMPLES: u32 = 4;

fn rules() -> Vec<Rule> {
    let mut rules = alert::builtin();
    rules.extend([
        alert::throttling(0.9),
        alert::gpu_throttling(0.9),
        alert::bandwidth(0.85),
        alert::chip_power(0.85),
    ]);
    // As --alert-sustain-samples does.
    rules.iter_mut().filter(|rule| rule.sustain > 1).for_each(|rule| rule.sustain = SAMPLES);
    rules
}

/// The samples of a made-up Mac, one after the other.
fn samples(scenario: &str, count: u64) -> Vec<Arc<Snapshot>> {
    let scratch = Scratch::new();
    let mut mac = Mac::new(scenario, &scratch, rules());
    (0..count).map(|_| mac.tick()).collect()
}

/// The scenario of a chip with some of its lines changed.
fn scenario(chip: &str, changes: &[(&str, &str)]) -> String {
    let chips = retop_fake_apple::chips();
    let (_, text) = chips.iter().find(|(name, _)| *name == chip).expect("a chip");
    let mut text = (*text).to_owned();
    for (was, is) in changes {
        assert!(text.contains(was), "{chip} has no line {was:?}");
        text = text.replacen(was, is, 1);
    }
    text
}

fn firing(snapshot: &Snapshot) -> Vec<String> {
    let mut line = Vec::new();
    let view = JsonView { snapshot, options: Options::default() };
    view.write_ndjson(&mut Vec::new(), &mut line).expect("a vector takes all");
    let value: Value = serde_json::from_slice(&line).expect("JSON");
    let alerts = value["alerts"].as_array().expect("a list").iter();
    alerts.map(|alert| alert["alert"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn each_alert_of_a_chip_fires_when_it_has_lasted() {
    // A cool machine that does little, and what is changed of it.
    let calm = [("thermal = 1", "thermal = 0"), ("pressure = 2", "pressure = 0")];
    let cool = [("value = 88.5", "value = 60.0"), ("value = 87.0", "value = 59.0")];
    let slow_gpu = [("busy = 0.75", "busy = 0.95"), ("state = 15", "state = 8")];
    type Case<'a> = (&'a str, &'a str, u64, Vec<(&'a str, &'a str)>);
    let cases: [Case<'_>; 5] = [
        ("HEAT", "thermal", 1, [&cool[..], &calm[1..]].concat()),
        ("THROTTLING:CPU", "cpu_throttle", u64::from(SAMPLES), vec![]),
        ("THROTTLING:GPU", "gpu_throttle", u64::from(SAMPLES), slow_gpu.to_vec()),
        (
            "MEM-BOUND",
            "mem_bound",
            u64::from(SAMPLES),
            [&calm[..], &cool[..], &[("read_gbps = 180.0", "read_gbps = 460.0")]].concat(),
        ),
        (
            "PKG",
            "package_power",
            u64::from(SAMPLES),
            [&calm[..], &[("watts = 24.0", "watts = 54.0"), ("watts = 30.0", "watts = 88.0")]]
                .concat(),
        ),
    ];
    for (rule, key, samples_needed, changes) in cases {
        let all = samples(&scenario("m4-max", &changes), 10);
        let fires: Vec<bool> =
            all.iter().map(|sample| firing(sample).contains(&rule.to_owned())).collect();
        let first = fires.iter().position(|&fires| fires);
        // The first sample has no rates; energy is published when a span has ended.
        let least = if rule == "HEAT" { 0 } else { samples_needed as usize };
        let first = first.unwrap_or_else(|| panic!("{rule} never fires"));
        assert!(first >= least && first <= least + 2, "{rule} after {first} samples");
        assert!(fires[first..].iter().all(|&fires| fires), "{rule} flaps");

        let last = all.last().expect("samples");
        let beside = Beside::default();
        let line = Names::Actop.json(last, &beside).expect("another tool's");
        let value: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value[format!("alert_{key}")], true, "{rule}");
        let mut page = String::new();
        prometheus::write_theirs(&mut page, Format::Text, last, &beside, Names::Actop);
        assert!(page.contains(&format!("actop_alert_{key} 1\n")), "{rule}");
        page.clear();
        prometheus::write(&mut page, Format::Text, last, None, prometheus::Options::default());
        assert!(page.contains(&format!("retop_alert_firing{{alert=\"{rule}\"")), "{rule}: {page}");
    }
}

#[test]
fn a_chip_that_is_well_has_none_of_them() {
    let calm = [
        ("thermal = 1", "thermal = 0"),
        ("pressure = 2", "pressure = 0"),
        ("value = 88.5", "value = 60.0"),
        ("value = 87.0", "value = 59.0"),
    ];
    for sample in samples(&scenario("m4-max", &calm), 10) {
        assert_eq!(firing(&sample), Vec::<String>::new());
    }
}
