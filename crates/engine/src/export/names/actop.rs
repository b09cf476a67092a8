//! The keys and series of actop 1.9.

use retop_model::family::{alert, chip, cluster, core, disk, gpu, memory, network, process};
use retop_model::snapshot::sum;
use retop_model::{FamilyId, Row, Snapshot};

use super::{
    Object, Series, Side, clusters, cores, fans, highest, list, mean, number, of_networks, percent,
    percents,
};
use crate::export::prometheus::Escaped;

const GIGA: f64 = 1e9;
const MEGA: f64 = 1e6;

/// What both exports say.
struct Facts<'a> {
    snapshot: &'a Snapshot,
    chip: Option<Row<'a>>,
    gpu: Option<Row<'a>>,
}

impl<'a> Facts<'a> {
    fn of(snapshot: &'a Snapshot) -> Facts<'a> {
        let gpu = snapshot.rows(FamilyId::Gpu).next();
        Facts { snapshot, chip: snapshot.row(FamilyId::Chip, 0), gpu }
    }

    fn chip(&self, field: retop_model::Field) -> Option<f64> {
        self.chip?.get(field)
    }

    fn gpu(&self, field: retop_model::Field) -> Option<f64> {
        self.gpu?.get(field)
    }

    /// Mean of the cores' activity, as actop takes it.
    fn busy(&self, side: Side) -> Option<f64> {
        mean(cores(self.snapshot, side).iter().map(|row| row.get(core::utilization_ratio)))
    }

    fn mhz(&self, side: Side) -> Option<f64> {
        let clusters = clusters(self.snapshot, side);
        Some(highest(clusters.iter().map(|row| row.get(cluster::frequency_hertz)))? / MEGA)
    }

    fn highest_mhz(&self, side: Side) -> Option<f64> {
        let clusters = clusters(self.snapshot, side);
        Some(highest(clusters.iter().map(|row| row.get(cluster::frequency_maximum_hertz)))? / MEGA)
    }

    fn thermal(&self) -> &'static str {
        match self.chip.and_then(|row| row.state(chip::thermal)) {
            Some("nominal") => "Nominal",
            Some("fair") => "Fair",
            Some("serious") => "Serious",
            Some("critical") => "Critical",
            _ => "Unknown",
        }
    }

    fn bandwidth(&self) -> Option<f64> {
        Some(self.snapshot.one(memory::traffic_bytes_per_second)? / GIGA)
    }

    fn disks(&self, field: retop_model::Field) -> Option<f64> {
        let rows = self.snapshot.rows(FamilyId::Disk);
        sum(rows.map(|row| row.get(field)))
    }

    fn fires(&self, rule: &str) -> bool {
        self.snapshot.rows(FamilyId::Alert).any(|row| row.shown(alert::alert) == rule)
    }

    /// The scale of the package's bar: what was drawn above it raises it.
    fn scale_watts(&self) -> Option<f64> {
        let scale = self.chip(chip::package_scale_watts)?;
        Some(self.chip(chip::package_watts).map_or(scale, |watts| watts.max(scale)))
    }

    fn scale_bandwidth(&self) -> Option<f64> {
        let stated = self.snapshot.one(memory::traffic_limit_bytes_per_second)? / GIGA;
        Some(self.bandwidth().map_or(stated, |now| now.max(stated)))
    }
}

/// Idle, low, middle and high shares of a side, in whole percents.
fn residency(snapshot: &Snapshot, side: Side) -> String {
    let fields =
        [cluster::idle_ratio, cluster::low_ratio, cluster::middle_ratio, cluster::high_ratio];
    let clusters = clusters(snapshot, side);
    let share = |field| {
        let weighted = clusters.iter().map(|row| Some(row.get(field)? * row.get(cluster::cores)?));
        sum(weighted).unwrap_or(0.0)
    };
    object_of_shares(&fields.map(share))
}

fn object_of_shares(shares: &[f64]) -> String {
    let mut object = Object::new();
    for (name, share) in ["idle", "low", "mid", "high"].into_iter().zip(percents(shares)) {
        object.raw(name, &share.to_string());
    }
    object.end()
}

fn samples(snapshot: &Snapshot, side: Side) -> String {
    list(cores(snapshot, side).into_iter().map(|row| {
        let mut object = Object::new();
        object
            .number("index", row.get(core::index))
            .number("active_pct", percent(row.get(core::utilization_ratio)))
            .whole("freq_mhz", row.get(core::frequency_hertz).map(|hertz| hertz / MEGA));
        object.end()
    }))
}

/// A process's share of the CPU time of all that are seen.
fn time_shares(snapshot: &Snapshot) -> f64 {
    snapshot.rows(FamilyId::Process).filter_map(|row| row.get(process::cpu_ratio)).sum()
}

fn processes(snapshot: &Snapshot, limit: usize) -> String {
    let whole = time_shares(snapshot);
    let gpus: f64 =
        snapshot.rows(FamilyId::Process).filter_map(|row| row.get(process::gpu_ratio)).sum();
    let top = super::super::top_processes(
        snapshot,
        process::cpu_ratio,
        super::super::Limit::Count(limit),
        Some(&|row: Row<'_>| row.get(process::cpu_ratio).is_some()),
    );
    list(top.into_iter().map(|row| {
        let share = |part: Option<f64>, whole: f64| {
            part.map(|part| if whole > 0.0 { part / whole } else { 0.0 })
        };
        let cpu = row.get(process::cpu_ratio);
        let mut object = Object::new();
        object
            .number("pid", row.get(process::pid))
            .text("command", row.shown(process::name))
            .number("cpu_percent", cpu.map(|cpu| (cpu * 1000.0).round_ties_even() / 10.0))
            .number("cpu_time_share", share(cpu, whole))
            .number("gpu_time_share", share(Some(row.get(process::gpu_ratio).unwrap_or(0.0)), gpus))
            .number("num_threads", row.get(process::threads))
            .number("attributed_w", row.get(process::watts))
            .number("rss_bytes", row.get(process::resident_bytes));
        object.end()
    }))
}

/// The line of `actop --json`.
pub fn json(snapshot: &Snapshot) -> String {
    let of = Facts::of(snapshot);
    let fans = fans(snapshot);
    let used = snapshot.one(memory::used_bytes);
    let mut out = Object::new();
    out.number("timestamp", Some(snapshot.stamp().wall_ms as f64 / 1e3))
        .number("cpu_watts", of.chip(chip::cpu_watts))
        .number("gpu_watts", of.chip(chip::gpu_watts))
        .number("ane_watts", of.chip(chip::ane_watts))
        .number("package_watts", of.chip(chip::package_watts))
        .number("ecpu_util_pct", percent(of.busy(Side::Slow)))
        .number("pcpu_util_pct", percent(of.busy(Side::Fast)))
        .number("gpu_util_pct", percent(of.gpu(gpu::utilization_ratio)))
        .number("cpu_temp_c", of.chip(chip::cpu_highest_celsius))
        .number("gpu_temp_c", of.chip(chip::gpu_highest_celsius))
        .whole("ecpu_freq_mhz", of.mhz(Side::Slow))
        .whole("pcpu_freq_mhz", of.mhz(Side::Fast))
        .whole("gpu_freq_mhz", of.gpu(gpu::shader_hertz).map(|hertz| hertz / MEGA))
        .text("thermal_state", of.thermal())
        .number("bandwidth_gbps", of.bandwidth())
        .flag("bandwidth_available", of.bandwidth().is_some())
        .whole("ecpu_max_freq_mhz", of.highest_mhz(Side::Slow))
        .whole("pcpu_max_freq_mhz", of.highest_mhz(Side::Fast))
        .whole("gpu_max_freq_mhz", of.gpu(gpu::shader_limit_hertz).map(|hertz| hertz / MEGA))
        .number("ram_used_percent", percent(snapshot.one(memory::used_ratio)))
        .number("ram_used_bytes", used)
        .number("ram_total_bytes", snapshot.one(memory::total_bytes))
        .number("swap_used_bytes", snapshot.one(memory::swap_used_bytes))
        .number("swap_total_bytes", snapshot.one(memory::swap_total_bytes))
        .number("ane_util_pct", percent(of.chip(chip::ane_ratio)))
        // The driver's momentary percentages are not kept beside the time in states.
        .number("gpu_device_pct", None)
        .number("gpu_renderer_pct", None)
        .number("gpu_tiler_pct", None)
        .flag("gpu_perf_stats_available", false)
        .text("gpu_util_source", "ioreport")
        .raw("fans", &list(fans.iter().map(|(rpm, max)| format!("[{rpm},{}]", number(*max)))))
        .raw("fan_rpms", &list(fans.iter().map(|(rpm, _)| rpm.to_string())))
        .flag("fan_available", !fans.is_empty())
        .number("net_rx_bps", of_networks(snapshot, network::receive_bytes_per_second))
        .number("net_tx_bps", of_networks(snapshot, network::transmit_bytes_per_second))
        .flag("net_available", snapshot.rows(FamilyId::Network).len() > 0)
        .number("disk_read_bps", of.disks(disk::read_bytes_per_second))
        .number("disk_write_bps", of.disks(disk::written_bytes_per_second))
        .flag("disk_available", snapshot.rows(FamilyId::Disk).len() > 0)
        .raw("e_cores", &samples(snapshot, Side::Slow))
        .raw("p_cores", &samples(snapshot, Side::Fast))
        .raw("processes", &processes(snapshot, 50))
        .raw("ecpu_residency_pct", &residency(snapshot, Side::Slow))
        .raw("pcpu_residency_pct", &residency(snapshot, Side::Fast))
        .raw("gpu_residency_pct", "null");
    for (key, rule) in ALERTS {
        out.flag(&format!("alert_{key}"), of.fires(rule));
    }
    out.number("alert_swap_rise_gib", None)
        .number("session_energy_j", of.chip(chip::package_joules))
        .number("effective_max_bw_gbps", of.scale_bandwidth())
        .number("effective_max_package_w", of.scale_watts());
    out.end()
}

/// Its alerts, and our rules for the same.
const ALERTS: [(&str, &str); 6] = [
    ("thermal", "HEAT"),
    ("cpu_throttle", "THROTTLING:CPU"),
    ("gpu_throttle", "THROTTLING:GPU"),
    ("mem_bound", "MEM-BOUND"),
    ("package_power", "PKG"),
    ("swap_rise", "SWAP-RISE"),
];

/// The page of `actop --serve`.
pub fn series(snapshot: &Snapshot) -> String {
    let of = Facts::of(snapshot);
    let mut out = Series::new("actop_", String::new());
    let rate = |field| of_networks(snapshot, field);
    out.put("cpu_power_watts", "", of.chip(chip::cpu_watts))
        .put("gpu_power_watts", "", of.chip(chip::gpu_watts))
        .put("ane_power_watts", "", of.chip(chip::ane_watts))
        .put("package_power_watts", "", of.chip(chip::package_watts))
        .put("ecpu_utilization_percent", "", percent(of.busy(Side::Slow)))
        .put("pcpu_utilization_percent", "", percent(of.busy(Side::Fast)))
        .put("gpu_utilization_percent", "", percent(of.gpu(gpu::utilization_ratio)))
        .put("cpu_temperature_celsius", "", of.chip(chip::cpu_highest_celsius))
        .put("gpu_temperature_celsius", "", of.chip(chip::gpu_highest_celsius))
        .put("ecpu_frequency_mhz", "", of.mhz(Side::Slow).map(f64::round))
        .put("pcpu_frequency_mhz", "", of.mhz(Side::Fast).map(f64::round))
        .put("gpu_frequency_mhz", "", of.gpu(gpu::shader_hertz).map(|hertz| (hertz / MEGA).round()))
        .put("ram_used_bytes", "", snapshot.one(memory::used_bytes))
        .put("ram_total_bytes", "", snapshot.one(memory::total_bytes))
        .put("swap_used_bytes", "", snapshot.one(memory::swap_used_bytes))
        .put("swap_total_bytes", "", snapshot.one(memory::swap_total_bytes))
        .put("memory_bandwidth_gbps", "", of.bandwidth())
        .put("network_receive_bytes_per_second", "", rate(network::receive_bytes_per_second))
        .put("network_transmit_bytes_per_second", "", rate(network::transmit_bytes_per_second))
        .put("disk_read_bytes_per_second", "", of.disks(disk::read_bytes_per_second))
        .put("disk_write_bytes_per_second", "", of.disks(disk::written_bytes_per_second));
    for (fan, (rpm, _)) in fans(snapshot).into_iter().enumerate() {
        out.put("fan_speed_rpm", &format!("fan=\"{fan}\""), Some(rpm));
    }
    for (name, field, scale) in [
        ("core_utilization_percent", core::utilization_ratio, 100.0),
        ("core_frequency_mhz", core::frequency_hertz, 1.0 / MEGA),
    ] {
        for (side, letter) in [(Side::Slow, "E"), (Side::Fast, "P")] {
            for row in cores(snapshot, side) {
                let labels = format!(
                    "cluster=\"{letter}\",core=\"{}\"",
                    Escaped(row.shown(core::core), true)
                );
                out.put(name, &labels, row.get(field).map(|value| (value * scale).round()));
            }
        }
    }
    for (key, rule) in ALERTS {
        out.put(&format!("alert_{key}"), "", Some(f64::from(u8::from(of.fires(rule)))));
    }
    out.put("session_energy_joules", "", of.chip(chip::package_joules))
        .put("effective_max_bw_gbps", "", of.scale_bandwidth())
        .put("effective_max_package_w", "", of.scale_watts());
    out.page
}
