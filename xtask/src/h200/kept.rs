//! What retop said of a device, as a scenario for the made-up driver.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

const MIB: f64 = 1024.0 * 1024.0;

/// Points of a curve: seconds since the first line, and the value.
type Points = Vec<(f64, f64)>;

/// Keys of a scenario, what they are made of, and the unit of it there.
const CURVES: [(&str, &str, f64); 12] = [
    ("gpu_percent", "utilization_ratio", 0.01),
    ("memory_percent", "memory_busy_ratio", 0.01),
    ("power_watts", "reading_watts", 1.0),
    ("limit_watts", "limit_watts", 1.0),
    ("temperature_celsius", "temperature_celsius", 1.0),
    ("memory_temperature_celsius", "memory_temperature_celsius", 1.0),
    ("fan_percent", "fan_ratio", 0.01),
    ("sm_mhz", "shader_hertz", 1e6),
    ("memory_mhz", "memory_hertz", 1e6),
    ("tensor_percent", "tensor_ratio", 0.01),
    ("occupancy_percent", "occupancy_ratio", 0.01),
    ("dram_percent", "bandwidth_ratio", 0.01),
];

/// The scenario of the devices in some lines of `retop --json`; none if there was no device.
pub fn scenario(lines: &[Value]) -> Option<String> {
    let first = lines.iter().find(|line| !rows(line, "gpus").is_empty())?;
    let mut text = String::from("# As retop saw it.\n");
    let driver = rows(first, "gpus").first()?["driver"].as_str()?.trim_start_matches("nvidia ");
    let _ = writeln!(text, "driver = {driver:?}");
    for device in rows(first, "gpus") {
        let uuid = device["uuid"].as_str().unwrap_or("");
        let mine = |row: &&Value| row["uuid"] == uuid;
        let of = |line: &Value, field: &str| {
            rows(line, "gpus").iter().find(mine).and_then(|row| row[field].as_f64())
        };
        let _ = write!(text, "\n[[device]]\nuuid = {uuid:?}\n");
        for (key, field) in [("name", "name"), ("pci", "pci_address")] {
            if let Some(known) = device[field].as_str() {
                let _ = writeln!(text, "{key} = {known:?}");
            }
        }
        for (key, field) in
            [("total_mib", "memory_total_bytes"), ("reserved_mib", "memory_reserved_bytes")]
        {
            curve(&mut text, key, &points(lines, |line| Some(of(line, field)? / MIB)));
        }
        for (key, field, unit) in CURVES {
            curve(&mut text, key, &points(lines, |line| Some(of(line, field)? / unit)));
        }
        if of(first, "tensor_ratio").or_else(|| of(lines.last()?, "tensor_ratio")).is_some() {
            text += "gpm = true\n";
        }
        let held = |line: &Value| -> f64 {
            let on_it = rows(line, "gpu_processes").iter().filter(mine);
            on_it.filter(|row| row["pid"] != 0).filter_map(|row| row["memory_bytes"].as_f64()).sum()
        };
        let rest = points(lines, |line| {
            Some((of(line, "memory_used_bytes")? - held(line)).max(0.0) / MIB)
        });
        curve(&mut text, "other_mib", &rest);
        processes(&mut text, lines, uuid);
    }
    Some(text)
}

fn processes(text: &mut String, lines: &[Value], uuid: &str) {
    let mut pids: BTreeMap<i64, ()> = BTreeMap::new();
    for row in lines.iter().flat_map(|line| rows(line, "gpu_processes")) {
        if let Some(pid @ 1..) = row["pid"].as_i64().filter(|_| row["uuid"] == uuid) {
            pids.insert(pid, ());
        }
    }
    for pid in pids.into_keys() {
        let row = |line: &'_ Value| -> Option<Value> {
            let mut rows = rows(line, "gpu_processes").iter();
            rows.find(|row| row["uuid"] == uuid && row["pid"] == pid).cloned()
        };
        let memory = points(lines, |line| Some(row(line)?["memory_bytes"].as_f64()? / MIB));
        let share = points(lines, |line| Some(row(line)?["utilization_ratio"].as_f64()? * 100.0));
        let there = points(lines, |line| row(line).map(|_| 1.0));
        let (Some(&(from, _)), Some(&(until, _))) = (there.first(), there.last()) else { continue };
        let _ = write!(text, "[[device.process]]\npid = {pid}\nfrom = {from:.3}\n");
        if until < seconds(lines, lines.len().saturating_sub(1)) {
            let _ = writeln!(text, "until = {:.3}", until + 0.5);
        }
        curve(text, "memory_mib", &memory);
        curve(text, "sm_percent", &share);
    }
}

fn rows<'a>(line: &'a Value, family: &str) -> &'a [Value] {
    line[family].as_array().map_or(&[], Vec::as_slice)
}

/// Seconds from the first line to one.
fn seconds(lines: &[Value], place: usize) -> f64 {
    let passed = lines.iter().take(place + 1).skip(1);
    passed.filter_map(|line| line["interval_seconds"].as_f64()).sum()
}

fn points(lines: &[Value], value: impl Fn(&Value) -> Option<f64>) -> Points {
    let mut points: Points = Vec::new();
    let mut time = 0.0;
    for (place, line) in lines.iter().enumerate() {
        if place > 0 {
            time += line["interval_seconds"].as_f64().unwrap_or(1.0);
        }
        let Some(value) = value(line) else { continue };
        // The middle of three alike says nothing.
        if let [.., (_, before), (_, last)] = points[..]
            && before == value
            && last == value
        {
            points.pop();
        }
        points.push((time, value));
    }
    points
}

fn curve(text: &mut String, key: &str, points: &[(f64, f64)]) {
    let Some(&(_, first)) = points.first() else { return };
    if points.iter().all(|&(_, value)| value == first) {
        let _ = writeln!(text, "{key} = {first:.3}");
        return;
    }
    let points: Vec<String> =
        points.iter().map(|(time, value)| format!("[{time:.3}, {value:.3}]")).collect();
    let _ = writeln!(text, "{key} = [{}]", points.join(", "));
}

#[cfg(test)]
mod tests {
    use retop_fake_nvml::scenario::Scenario;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_said_is_played_again() {
        let line = |second: f64, watts: f64, held: Option<f64>| {
            let process = held.map(|held| {
                json!({"uuid": "GPU-a", "pid": 71, "memory_bytes": held * MIB, "utilization_ratio": 0.5})
            });
            json!({
                "interval_seconds": if second > 0.0 { Some(1.0) } else { None },
                "gpus": [{
                    "uuid": "GPU-a", "name": "NVIDIA H200", "driver": "nvidia 580.159.03",
                    "pci_address": "00000000:04:00.0", "reading_watts": watts,
                    "memory_total_bytes": 1000.0 * MIB, "memory_reserved_bytes": 10.0 * MIB,
                    "memory_used_bytes": (20.0 + held.unwrap_or(0.0)) * MIB,
                    "utilization_ratio": 0.25, "tensor_ratio": null,
                }],
                "gpu_processes": [process, {"uuid": "GPU-a", "pid": 0, "memory_bytes": 20.0 * MIB}],
            })
        };
        let lines = [
            line(0.0, 70.0, None),
            line(1.0, 90.0, Some(100.0)),
            line(2.0, 90.0, Some(300.0)),
            line(3.0, 80.0, None),
        ];
        let text = scenario(&lines).expect("a device");
        let played = Scenario::parse(&text).expect("a scenario");
        let device = &played.devices[0];
        assert_eq!((played.driver.as_str(), device.name.as_str()), ("580.159.03", "NVIDIA H200"));
        let watts = [0.0, 0.5, 1.0, 2.0, 3.0].map(|time| device.power_watts.at(time));
        assert_eq!(watts, [70.0, 80.0, 90.0, 90.0, 80.0]);
        assert_eq!(device.other_mib.at(2.0), 20.0);
        assert_eq!((device.gpu_percent.at(9.0), device.gpm), (25.0, false));
        let process = &device.processes[0];
        assert_eq!((process.pid, process.from, process.until), (71, 1.0, 2.5));
        assert_eq!(process.memory_mib.at(1.5), 200.0);
        assert_eq!(scenario(&[json!({})]), None);
    }
}
