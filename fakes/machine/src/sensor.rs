//! hwmon chips, thermal zones, RAPL domains.

use std::io;

use crate::tree::Tree;

/// A hwmon chip on a device given below `sys/devices`.
pub fn chip(tree: &Tree, number: u32, device: &str, values: &[(&str, &str)]) -> io::Result<()> {
    let folder = format!("{device}/hwmon/hwmon{number}");
    tree.attributes(&format!("sys/devices/{folder}"), values)?;
    tree.file(&format!("sys/devices/{device}/power/runtime_status"), "active\n")?;
    tree.link(&format!("sys/devices/{folder}/device"), "../..")?;
    tree.class("hwmon", &format!("hwmon{number}"), &folder)
}

/// A thermal zone with a temperature in thousandths of a degree.
pub fn zone(tree: &Tree, number: u32, kind: &str, millidegrees: u64) -> io::Result<()> {
    let device = format!("virtual/thermal/thermal_zone{number}");
    let temperature = millidegrees.to_string();
    let values = [
        ("type", kind),
        ("temp", temperature.as_str()),
        ("mode", "enabled"),
        ("trip_point_0_type", "critical"),
        ("trip_point_0_temp", "105000"),
    ];
    tree.attributes(&format!("sys/devices/{device}"), &values)?;
    tree.class("thermal", &format!("thermal_zone{number}"), &device)
}

/// A RAPL domain: its entry such as `intel-rapl:0:1`, its name, its power in milliwatts, and its
/// counter's range in microjoules, round which it goes. `limit` is in microwatts.
pub fn rapl(
    tree: &Tree,
    entry: &str,
    name: &str,
    milliwatts: u64,
    range: u64,
    now: u64,
    limit: Option<u64>,
) -> io::Result<()> {
    let parent = entry.rsplit_once(':').filter(|(parent, _)| parent.contains(':'));
    let device = match parent {
        Some((parent, _)) => format!("virtual/powercap/intel-rapl/{parent}/{entry}"),
        None => format!("virtual/powercap/intel-rapl/{entry}"),
    };
    let energy = (milliwatts * 1_000 * now % range).to_string();
    let range = range.to_string();
    let values =
        [("name", name), ("enabled", "1"), ("energy_uj", &energy), ("max_energy_range_uj", &range)];
    tree.attributes(&format!("sys/devices/{device}"), &values)?;
    if let Some(limit) = limit {
        let limit = limit.to_string();
        let limits =
            [("constraint_0_name", "long_term"), ("constraint_0_power_limit_uw", limit.as_str())];
        tree.attributes(&format!("sys/devices/{device}"), &limits)?;
    }
    tree.class("powercap", entry, &device)
}
