//! The keys and series of actop 1.9.

use retop_model::family::{
    alert, chip, cluster, core, disk, gpu, gpu_process, memory, network, performance_state, process,
};
use retop_model::snapshot::sum;
use retop_model::{FamilyId, Key, Row, Snapshot};

use super::{
    Beside, Object, Series, Side, clusters, cores, fans, highest, list, mean, number, of_networks,
    percent, percents,
};
use crate::export::prometheus::Escaped;

const GIGA: f64 = 1e9;
const MEGA: f64 = 1e6;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
/// Processes that actop tells of: the first by CPU, and the first by memory.
const MOST: usize = 50;

/// What both exports say.
struct Facts<'a> {
    beside: &'a Beside,
    snapshot: &'a Snapshot,
    chip: Option<Row<'a>>,
    gpu: Option<Row<'a>>,
}

impl<'a> Facts<'a> {
    fn of(snapshot: &'a Snapshot, beside: &'a Beside) -> Facts<'a> {
        let gpu = snapshot.rows(FamilyId::Gpu).next();
        Facts { beside, snapshot, chip: snapshot.row(FamilyId::Chip, 0), gpu }
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

    /// Its alerts.
    fn alerts(&self) -> [(&'static str, bool); 6] {
        [
            ("thermal", self.fires("HEAT")),
            ("cpu_throttle", self.fires("THROTTLING:CPU")),
            ("gpu_throttle", self.fires("THROTTLING:GPU")),
            ("mem_bound", self.fires("MEM-BOUND")),
            ("package_power", self.fires("PKG")),
            ("swap_rise", self.beside.swap_rises),
        ]
    }

    fn swap_rise(&self) -> Option<f64> {
        Some(self.beside.swap_rise_bytes? / GIB)
    }

    /// The scale of the package's bar: what was drawn above it has raised it.
    fn scale_watts(&self) -> Option<f64> {
        let drawn = self.beside.highest_watts.or(self.chip(chip::package_watts));
        Some(self.chip(chip::package_scale_watts)?.max(drawn.unwrap_or(0.0)))
    }

    fn scale_bandwidth(&self) -> Option<f64> {
        let stated = self.snapshot.one(memory::traffic_limit_bytes_per_second)? / GIGA;
        let moved = self.beside.highest_traffic.map(|bytes| bytes / GIGA).or(self.bandwidth());
        Some(stated.max(moved.unwrap_or(0.0)))
    }

    /// The driver's own percentages are told.
    fn driver_tells(&self) -> bool {
        let fields = [gpu::driver_ratio, gpu::renderer_ratio, gpu::tiler_ratio];
        fields.iter().any(|&field| self.gpu(field).is_some())
    }

    /// How it is known how busy the graphics processor is: by its states, else by its driver.
    fn gpu_source(&self) -> &'static str {
        let mut states = self.snapshot.rows(FamilyId::PerformanceState);
        let has_states = self.gpu(gpu::whole_seconds).is_some()
            || states.any(|row| row.shown(performance_state::domain) == "GPU");
        let by_driver = !has_states && self.driver_tells();
        if by_driver { "ioaccelerator" } else { "ioreport" }
    }

    /// Idle, low, middle and high shares of the graphics processor.
    fn gpu_residency(&self) -> Option<String> {
        let fields = [gpu::idle_ratio, gpu::low_ratio, gpu::middle_ratio, gpu::high_ratio];
        let mut shares = [0.0; 4];
        for (share, field) in shares.iter_mut().zip(fields) {
            *share = self.gpu(field)?;
        }
        Some(object_of_shares(&shares))
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
    list(cores(snapshot, side).into_iter().enumerate().map(|(index, row)| {
        let mut object = Object::new();
        object
            // Counted among its kind, as the names of channels do.
            .number("index", Some(index as f64))
            .number("active_pct", percent(row.get(core::utilization_ratio)))
            .whole("freq_mhz", row.get(core::frequency_hertz).map(|hertz| hertz / MEGA));
        object.end()
    }))
}

/// A process as actop tells of it.
struct Process<'a> {
    row: Row<'a>,
    cpu_percent: f64,
    cpu_share: f64,
    /// Missing at first sight; 0 for one that was never on the graphics processor.
    gpu_share: Option<f64>,
    watts: f64,
    resident: f64,
}

/// The first by CPU and the first by memory, as its table has them. Shares and power are those among
/// all processes that may be looked into, so that these get what the others used.
fn processes<'a>(of: &Facts<'a>) -> Vec<Process<'a>> {
    if !of.beside.processes {
        return Vec::new();
    }
    let visible = || {
        let rows = of.snapshot.rows(FamilyId::Process);
        rows.filter_map(|row| Some((row, row.get(process::cpu_ratio)?)))
    };
    let whole: f64 = visible().map(|(_, cpu)| cpu).sum();
    let whole_gpu: f64 = visible().filter_map(|(row, _)| row.get(process::gpu_ratio)).sum();
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let on_gpu = |row: Row<'_>| {
        let pid = row.raw(process::pid).and_then(|pid| u64::try_from(pid).ok());
        pid.is_some_and(|pid| {
            let clients =
                of.snapshot.rows_between(FamilyId::GpuProcess, Key(pid, 0), Key(pid, u64::MAX));
            let start = row.raw(process::start_seconds);
            clients.clone().any(|client| client.raw(gpu_process::start_seconds) == start)
        })
    };
    let (cpu_watts, gpu_watts) = (of.chip(chip::cpu_watts), of.chip(chip::gpu_watts));
    let mut all: Vec<Process<'a>> = visible()
        .filter(|(row, _)| of.beside.has(*row))
        .map(|(row, cpu)| {
            let cpu_share = share(cpu, whole);
            let gpu_share = match row.get(process::gpu_ratio) {
                Some(gpu) => Some(share(gpu, whole_gpu)),
                None => (!on_gpu(row)).then_some(0.0),
            };
            Process {
                row,
                cpu_percent: (cpu * 1000.0).round_ties_even() / 10.0,
                cpu_share,
                gpu_share,
                watts: cpu_share * cpu_watts.unwrap_or(0.0)
                    + gpu_share.unwrap_or(0.0) * gpu_watts.unwrap_or(0.0),
                resident: row.get(process::resident_bytes).unwrap_or(0.0),
            }
        })
        .collect();
    let by_memory = |a: &Process<'_>, b: &Process<'_>| b.resident.total_cmp(&a.resident);
    let by_cpu = |a: &Process<'_>, b: &Process<'_>| {
        b.cpu_percent.total_cmp(&a.cpu_percent).then(by_memory(a, b))
    };
    all.sort_by(by_memory);
    let mut small = all.split_off(all.len().min(MOST));
    let large: Vec<Key> = all.iter().map(|process| process.row.key()).collect();
    all.append(&mut small);
    all.sort_by(by_cpu);
    let mut place = 0;
    all.retain(|process| {
        place += 1;
        place <= MOST || large.contains(&process.row.key())
    });
    all
}

fn process_list(of: &Facts<'_>) -> String {
    list(processes(of).into_iter().map(|process| {
        let mut object = Object::new();
        object
            .number("pid", process.row.get(process::pid))
            .text("command", process.row.shown(process::name))
            .number("cpu_percent", Some(process.cpu_percent))
            .number("cpu_time_share", Some(process.cpu_share))
            .number("gpu_time_share", process.gpu_share)
            .number("num_threads", process.row.get(process::threads))
            .number("attributed_w", Some(process.watts))
            .number("rss_bytes", Some(process.resident));
        object.end()
    }))
}

/// The line of `actop --json`.
pub fn json(snapshot: &Snapshot, beside: &Beside) -> String {
    let of = Facts::of(snapshot, beside);
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
        .number("gpu_device_pct", percent(of.gpu(gpu::driver_ratio)))
        .number("gpu_renderer_pct", percent(of.gpu(gpu::renderer_ratio)))
        .number("gpu_tiler_pct", percent(of.gpu(gpu::tiler_ratio)))
        .flag("gpu_perf_stats_available", of.driver_tells())
        .text("gpu_util_source", of.gpu_source())
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
        .raw("processes", &process_list(&of))
        .raw("ecpu_residency_pct", &residency(snapshot, Side::Slow))
        .raw("pcpu_residency_pct", &residency(snapshot, Side::Fast))
        .raw("gpu_residency_pct", of.gpu_residency().as_deref().unwrap_or("null"));
    for (key, fires) in of.alerts() {
        out.flag(&format!("alert_{key}"), fires);
    }
    out.number("alert_swap_rise_gib", of.swap_rise())
        .number("session_energy_j", of.chip(chip::package_joules))
        .number("effective_max_bw_gbps", of.scale_bandwidth())
        .number("effective_max_package_w", of.scale_watts());
    out.end()
}

/// The page of `actop --serve`.
pub fn series(snapshot: &Snapshot, beside: &Beside) -> String {
    let of = Facts::of(snapshot, beside);
    let mut out = Series::new("actop_", String::new());
    let rate = |field| of_networks(snapshot, field);
    out.put("cpu_power_watts", "", of.chip(chip::cpu_watts))
        .put("gpu_power_watts", "", of.chip(chip::gpu_watts))
        .put("ane_power_watts", "", of.chip(chip::ane_watts))
        .put("package_power_watts", "", of.chip(chip::package_watts))
        .put("ecpu_utilization_percent", "", percent(of.busy(Side::Slow)))
        .put("pcpu_utilization_percent", "", percent(of.busy(Side::Fast)))
        .put("gpu_utilization_percent", "", percent(of.gpu(gpu::utilization_ratio)))
        .put("gpu_device_utilization_percent", "", percent(of.gpu(gpu::driver_ratio)))
        .put("gpu_renderer_utilization_percent", "", percent(of.gpu(gpu::renderer_ratio)))
        .put("gpu_tiler_utilization_percent", "", percent(of.gpu(gpu::tiler_ratio)))
        .put("cpu_temperature_celsius", "", of.chip(chip::cpu_highest_celsius))
        .put("gpu_temperature_celsius", "", of.chip(chip::gpu_highest_celsius))
        .put("ecpu_frequency_mhz", "", of.mhz(Side::Slow).map(f64::round_ties_even))
        .put("pcpu_frequency_mhz", "", of.mhz(Side::Fast).map(f64::round_ties_even))
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
            for (index, row) in cores(snapshot, side).into_iter().enumerate() {
                let labels = format!("cluster=\"{letter}\",core=\"{index}\"");
                out.put(
                    name,
                    &labels,
                    row.get(field).map(|value| (value * scale).round_ties_even()),
                );
            }
        }
    }
    let told = processes(&of);
    let value = |process: &Process<'_>, name: &str| match name {
        "cpu_percent" => Some(process.cpu_percent),
        "cpu_time_share" => Some(process.cpu_share),
        "gpu_time_share" => process.gpu_share,
        "attributed_watts" => Some(process.watts),
        "rss_bytes" => Some(process.resident),
        _ => process.row.get(process::threads),
    };
    for name in [
        "cpu_percent",
        "cpu_time_share",
        "gpu_time_share",
        "attributed_watts",
        "rss_bytes",
        "num_threads",
    ] {
        for process in &told {
            let (pid, command) = (process.row.raw(process::pid), process.row.shown(process::name));
            let command = Escaped(command, true);
            let labels = format!("pid=\"{}\",command=\"{command}\"", pid.unwrap_or(0));
            out.put(&format!("process_{name}"), &labels, value(process, name));
        }
    }
    for (key, fires) in of.alerts() {
        out.put(&format!("alert_{key}"), "", Some(f64::from(u8::from(fires))));
    }
    out.put("alert_swap_rise_gib", "", of.swap_rise());
    out.put("session_energy_joules", "", of.chip(chip::package_joules))
        .put("effective_max_bw_gbps", "", of.scale_bandwidth())
        .put("effective_max_package_w", "", of.scale_watts());
    out.page
}
