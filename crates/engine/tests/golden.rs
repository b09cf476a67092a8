//! Whole pictures of made-up machines: JSON and scrape, against files that a person has looked at.
//!
//! `cargo xtask bless` writes them anew; the difference is then for review.
#![cfg(target_os = "linux")]

mod mac;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use retop_engine::export::json::{JsonView, Options};
use retop_engine::export::names::{Beside, Follower, Names};
use retop_engine::export::prometheus::{self, Format};
use retop_engine::export::{Arguments, Limit};
use retop_engine::{Demand, Roots, Ticker, open};
use retop_fake_machine::{HandClock, NAMES, Scratch, build};
use retop_model::{FamilyId, Snapshot};
use serde_json::Value;

use mac::Mac;

/// Two seconds lie between the two samples of a picture.
const STEP: u64 = 2;

/// The second of two samples of a machine, everything read within the tick.
fn picture(name: &str, scratch: &Scratch) -> Arc<Snapshot> {
    let clock = Arc::new(HandClock::default());
    build(name, scratch.path(), 0).expect("a tree");
    let machine = open(None, Roots::below(scratch.path())).expect("a folder");
    let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
    let mut demand = Demand::everything();
    demand.processes.patient = true;
    ticker.set_demand(demand);
    ticker.set_rules(retop_model::alert::builtin());
    ticker.tick();
    clock.set(STEP);
    build(name, scratch.path(), STEP).expect("a tree");
    ticker.tick()
}

/// What is different at each run: where the tree lies, and what retop itself uses.
fn steady(text: &str, scratch: &Scratch) -> String {
    text.replace(&scratch.path().display().to_string(), "")
}

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    #[allow(clippy::disallowed_methods, reason = "blessing is asked for from outside")]
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap_or(&PathBuf::new())).expect("a folder");
        fs::write(&path, text).expect("written");
        return;
    }
    let blessed = fs::read_to_string(&path).unwrap_or_default();
    let differs = blessed.lines().zip(text.lines()).position(|(was, is)| was != is);
    assert!(
        blessed == text,
        "{} differs from line {}; cargo xtask bless writes it anew\n was: {}\n is:  {}",
        path.display(),
        differs.map_or(blessed.lines().count().min(text.lines().count()), |line| line) + 1,
        differs.and_then(|line| blessed.lines().nth(line)).unwrap_or("(end)"),
        differs.and_then(|line| text.lines().nth(line)).unwrap_or("(end)"),
    );
}

/// The line of JSON, without what retop itself takes and with the first processes.
fn members(snapshot: &Snapshot) -> Value {
    let families: Vec<FamilyId> =
        FamilyId::all().filter(|&family| family != FamilyId::Own).collect();
    let options = Options {
        families: Some(&families),
        processes: Limit::Count(12),
        keep: None,
        arguments: Arguments::Full,
    };
    let mut line = Vec::new();
    let view = JsonView { snapshot, options };
    view.write_ndjson(&mut Vec::new(), &mut line).expect("a vector takes all");
    serde_json::from_slice(&line).expect("JSON")
}

/// Of rows that look alike the first ones will do.
fn shorten(value: &mut Value, families: &[&str], most: usize) {
    for &many in families {
        if let Some(rows) = value[many].as_array_mut() {
            rows.truncate(most);
        }
    }
}

#[test]
fn machines_as_json_and_as_a_scrape() {
    for name in NAMES {
        let scratch = Scratch::new();
        let snapshot = picture(name, &scratch);
        let mut value = members(&snapshot);
        // The space of a mount point in a tree of files is the space of the disk below it.
        for row in value["filesystems"].as_array_mut().into_iter().flatten() {
            for (name, cell) in row.as_object_mut().into_iter().flatten() {
                if name.ends_with("_bytes") || name.ends_with("_ratio") || name.contains("inodes") {
                    *cell = Value::Null;
                }
            }
        }
        shorten(&mut value, &["cores", "interrupts"], 4);
        let text = serde_json::to_string_pretty(&value).expect("JSON") + "\n";
        compare(&format!("{name}.json"), &steady(&text, &scratch));

        let mut page = String::new();
        prometheus::write(
            &mut page,
            Format::OpenMetrics,
            &snapshot,
            None,
            prometheus::Options::default(),
        );
        let lines = page
            .lines()
            .filter(|line| !line.contains("retop_filesystem_") && !line.contains("process_"));
        let page: String = lines.flat_map(|line| [line, "\n"]).collect();
        compare(&format!("{name}.openmetrics"), &steady(&page, &scratch));
    }
}

/// The fourth of four samples of a made-up Mac: energy has been published by then.
fn mac(scenario: &str, scratch: &Scratch) -> (Arc<Snapshot>, Beside) {
    let mut mac = Mac::new(scenario, scratch, retop_model::alert::builtin());
    let beside = Beside { processes: true, ..Beside::default() };
    let mut follower = Follower::new(3, 0.3 * 1024.0 * 1024.0 * 1024.0, beside);
    for _ in 0..3 {
        follower.advance(&mac.tick());
    }
    let last = mac.tick();
    let beside = follower.advance(&last).clone();
    (last, beside)
}

/// The names of a line's members, in order.
fn keys(line: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(line).expect("JSON");
    value.as_object().expect("an object").keys().cloned().collect()
}

#[test]
fn macs_as_json_as_a_scrape_and_under_other_tools_names() {
    for (name, scenario) in retop_fake_apple::chips() {
        let scratch = Scratch::new();
        let (snapshot, beside) = mac(scenario, &scratch);
        let mut value = members(&snapshot);
        shorten(&mut value, &["cores", "performance_states"], 6);
        let text = serde_json::to_string_pretty(&value).expect("JSON") + "\n";
        compare(&format!("mac-{name}.json"), &steady(&text, &scratch));

        for (tool, names) in [("actop", Names::Actop), ("macmon", Names::Macmon)] {
            let line = names.json(&snapshot, &beside).expect("another tool's");
            let value: Value = serde_json::from_str(&line).expect("JSON");
            let text = serde_json::to_string_pretty(&value).expect("JSON") + "\n";
            compare(&format!("mac-{name}.{tool}.json"), &text);
            let mut page = String::new();
            prometheus::write_theirs(&mut page, Format::Text, &snapshot, &beside, names);
            compare(&format!("mac-{name}.{tool}.series"), &page);
        }
    }
}

/// Every key that those tools write, whether the machine can tell it or not.
#[test]
fn other_tools_keys_are_all_there_on_a_machine_that_tells_nothing() {
    let scratch = Scratch::new();
    let (snapshot, beside) = mac("wrong = [\"no channels\"]\nvirtual = true", &scratch);
    let actop = "timestamp cpu_watts gpu_watts ane_watts package_watts ecpu_util_pct pcpu_util_pct \
        gpu_util_pct cpu_temp_c gpu_temp_c ecpu_freq_mhz pcpu_freq_mhz gpu_freq_mhz thermal_state \
        bandwidth_gbps bandwidth_available ecpu_max_freq_mhz pcpu_max_freq_mhz gpu_max_freq_mhz \
        ram_used_percent ram_used_bytes ram_total_bytes swap_used_bytes swap_total_bytes \
        ane_util_pct gpu_device_pct gpu_renderer_pct gpu_tiler_pct gpu_perf_stats_available \
        gpu_util_source fans fan_rpms fan_available net_rx_bps net_tx_bps net_available \
        disk_read_bps disk_write_bps disk_available e_cores p_cores processes ecpu_residency_pct \
        pcpu_residency_pct gpu_residency_pct alert_thermal alert_cpu_throttle alert_gpu_throttle \
        alert_mem_bound alert_package_power alert_swap_rise alert_swap_rise_gib session_energy_j \
        effective_max_bw_gbps effective_max_package_w";
    let macmon = "timestamp temp memory fans cpu_scaled_ratio cpu_active_ratio ecpu_freq_mhz \
        ecpu_scaled_ratio ecpu_active_ratio pcpu_freq_mhz pcpu_scaled_ratio pcpu_active_ratio \
        gpu_freq_mhz gpu_scaled_ratio gpu_active_ratio ecpu_cores pcpu_cores cpu_power gpu_power \
        ane_power all_power sys_power ram_power gpu_ram_power ecpu_usage pcpu_usage gpu_usage";
    for (names, wanted) in [(Names::Actop, actop), (Names::Macmon, macmon)] {
        let line = names.json(&snapshot, &beside).expect("another tool's");
        let mut wanted: Vec<&str> = wanted.split_whitespace().collect();
        wanted.sort_unstable();
        let mut found = keys(&line);
        found.sort_unstable();
        assert_eq!(found, wanted);
        assert!(!line.contains("NaN") && !line.contains("inf"), "{line}");
    }
}

/// Every series that those tools have, on a chip that tells everything.
#[test]
fn other_tools_series_are_all_there_on_a_machine_that_tells_everything() {
    let scratch = Scratch::new();
    let chips = retop_fake_apple::chips();
    let (_, scenario) = chips.iter().find(|(name, _)| *name == "m4-max").expect("a chip");
    let (snapshot, beside) = mac(scenario, &scratch);
    let actop = "cpu_power_watts gpu_power_watts ane_power_watts package_power_watts \
        ecpu_utilization_percent pcpu_utilization_percent gpu_utilization_percent \
        gpu_device_utilization_percent gpu_renderer_utilization_percent \
        gpu_tiler_utilization_percent \
        cpu_temperature_celsius gpu_temperature_celsius ecpu_frequency_mhz pcpu_frequency_mhz \
        gpu_frequency_mhz ram_used_bytes ram_total_bytes swap_used_bytes swap_total_bytes \
        memory_bandwidth_gbps network_receive_bytes_per_second network_transmit_bytes_per_second \
        disk_read_bytes_per_second disk_write_bytes_per_second fan_speed_rpm \
        core_utilization_percent core_frequency_mhz process_cpu_percent process_cpu_time_share \
        process_gpu_time_share process_attributed_watts process_rss_bytes process_num_threads \
        alert_thermal alert_cpu_throttle alert_gpu_throttle alert_mem_bound alert_package_power \
        alert_swap_rise alert_swap_rise_gib session_energy_joules effective_max_bw_gbps \
        effective_max_package_w";
    let macmon = "cpu_temp_celsius gpu_temp_celsius memory_ram_total_bytes memory_ram_used_bytes \
        memory_swap_total_bytes memory_swap_used_bytes cpu_scaled_ratio cpu_active_ratio \
        cpu_usage_ratio ecpu_scaled_ratio ecpu_active_ratio ecpu_usage_ratio ecpu_freq_mhz \
        pcpu_scaled_ratio pcpu_active_ratio pcpu_usage_ratio pcpu_freq_mhz gpu_scaled_ratio \
        gpu_active_ratio gpu_usage_ratio gpu_freq_mhz cpu_power_watts gpu_power_watts \
        ane_power_watts all_power_watts sys_power_watts ram_power_watts gpu_ram_power_watts \
        fan_speed_rpm";
    for (prefix, names, wanted) in
        [("actop_", Names::Actop, actop), ("macmon_", Names::Macmon, macmon)]
    {
        let mut page = String::new();
        assert!(prometheus::write_theirs(&mut page, Format::Text, &snapshot, &beside, names));
        let found: Vec<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" gauge"))
            .filter_map(|name| name.strip_prefix(prefix))
            .collect();
        let missing: Vec<&str> =
            wanted.split_whitespace().filter(|name| !found.contains(name)).collect();
        assert!(missing.is_empty(), "{prefix}: {missing:?}");
        let mut once = found.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), found.len(), "a head for each series, and one");
    }
}
