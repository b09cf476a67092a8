//! Graphics processors and other accelerators.

use crate::metric::{Field, dcgm, dcgm_counter, named, series};
use crate::snapshot::{Delta, Row};

/// Units of `dcgm-exporter`.
const PERCENT: f64 = 100.0;
const MEBIBYTES: f64 = 1.0 / (1024.0 * 1024.0);
const MEGAHERTZ: f64 = 1e-6;
const MILLIJOULES: f64 = 1e3;

/// Positions in the kinds of a device.
pub const GRAPHICS: i64 = 0;
/// It computes neural networks and draws nothing.
pub const NEURAL: i64 = 1;

/// Positions in the states of a device.
pub const ACTIVE: i64 = 0;
/// The device sleeps and is left asleep.
pub const ASLEEP: i64 = 1;
/// The driver has lost the device.
pub const LOST: i64 = 2;

/// Position in the states of `recovery` of a device that needs nothing.
pub const SOUND: i64 = 0;

/// What of the name of a part of a device says which part it is: `3g.71gb`.
#[must_use]
pub fn profile(part: Row<'_>) -> &str {
    let whole = part.shown(name);
    whole.rsplit_once("MIG ").map_or(whole, |(_, profile)| profile)
}

family! {
    /// Graphics and neural processors, each known by the identity that its maker gave it.
    Gpu "gpu" "gpus" many
    text {
        /// Identity that the maker gave the device; its PCI address where it has none.
        uuid: Label,
        /// Identity of the device that this is a part of (MIG); missing for a whole device.
        parent: Label { label: "PART OF" },
        /// Name of the device.
        name: Info { label: "DEVICE" },
        /// PCI address.
        pci_address: Info { label: "PCI" },
        /// Driver with its version.
        driver: Info { label: "DRIVER" },
        /// Who had the device open when it woke, as far as may be seen.
        woken_by: Info { label: "WOKEN BY" },
    }
    raw {
        /// Number that the driver gives the device; it may be another after a restart.
        index: Gauge Count { scraped: false, label: "#" },
        /// What the device is made for.
        kind: State ["gpu", "npu"] Count { scraped: false, label: "KIND" },
        /// 1 if the device is a part of the processor: it has no memory of its own, and what it draws is in what that draws.
        integrated: Gauge Count { scraped: false, label: "PART" },
        /// 1 if the device has no memory of its own, and all that is told of its memory is of the machine's.
        unified: Gauge Count { scraped: false, label: "SHARED" },
        /// Whether the device can be read.
        state: State ["active", "asleep", "lost"] Count { label: "STATE" },
        /// Number of the GPU instance, of a part of a device.
        instance: Gauge Count { label: "GI" },
        /// Number of the compute instance within it.
        compute_instance: Gauge Count { label: "CI" },
        /// Shader multiprocessors of a part.
        multiprocessors: Gauge Count { label: "SMS" },
        /// How long the device has been asleep, as far as retop has seen.
        asleep_seconds: Gauge Seconds / 1000 { label: "ASLEEP" },
        /// How long ago the device woke, if retop has seen that.
        woken_seconds: Gauge Seconds / 1000 { label: "AWAKE", scraped: false },
        /// Time that the device slept since its driver was loaded.
        suspended_seconds: Counter Seconds / 1000 { label: "SLEPT" },
        /// Time in which the device's core had its power taken away between two pieces of work.
        idle_seconds: Counter Seconds / 1000 { label: "IDLE" },
        /// Share of time in which the device did anything at all, by the driver's own window; where the driver tells it of processes alone, the engine that those which may be looked into kept busiest.
        utilization_ratio: Gauge Ratio / 100 { label: "GPU%", alias: dcgm("DCGM_FI_DEV_GPU_UTIL", PERCENT) },
        /// Mean of such shares since the last sample: of four a second while somebody looks, else of one.
        utilization_mean_ratio: Gauge Ratio / 10000 { label: "MEAN%", scraped: false },
        /// The highest of them.
        utilization_peak_ratio: Gauge Ratio / 100 { label: "PEAK%", scraped: false },
        /// Share of time in which the device's memory was read or written.
        memory_busy_ratio: Gauge Ratio / 100 { label: "MEMBUSY%", alias: dcgm("DCGM_FI_DEV_MEM_COPY_UTIL", PERCENT) },
        /// Share of time in which the encoder worked.
        encoder_ratio: Gauge Ratio / 100 { label: "ENC%", alias: dcgm("DCGM_FI_DEV_ENC_UTIL", PERCENT) },
        /// Share of time in which the decoder worked.
        decoder_ratio: Gauge Ratio / 100 { label: "DEC%", alias: dcgm("DCGM_FI_DEV_DEC_UTIL", PERCENT) },
        /// Share of time in which processes drew.
        graphics_ratio: Gauge Ratio / 10000 { label: "GFX%" },
        /// Share of time in which processes computed on engines that do nothing else.
        compute_ratio: Gauge Ratio / 10000 { label: "COMP%" },
        /// Share of time in which engines copied memory.
        copy_ratio: Gauge Ratio / 10000 { label: "COPY%" },
        /// Share of time in which engines worked that both encode and decode, or process, video.
        video_ratio: Gauge Ratio / 10000 { label: "VID%" },
        /// Share of time at work at the moment, by the driver's own word, where the chip accounts for it as well.
        driver_ratio: Gauge Ratio / 100 { label: "DRV%" },
        /// Share of time in which pixels were made, at the moment.
        renderer_ratio: Gauge Ratio / 100 { label: "REND%" },
        /// Share of time in which shapes were laid out on tiles, at the moment.
        tiler_ratio: Gauge Ratio / 100 { label: "TILER%" },
        /// Time that the chip accounts for in the device's performance states.
        whole_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Time at work below 40 % of the highest clock.
        low_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Time at work from 40 to 75 % of the highest clock.
        middle_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Time at work from 75 % of the highest clock on.
        high_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Memory of the device.
        memory_total_bytes: Gauge Bytes { label: "TOTAL", alias: dcgm("DCGM_FI_DEV_FB_TOTAL", MEBIBYTES) },
        /// Memory in use, without what the driver keeps for itself; where the driver tells it of processes alone, the least that those which may be looked into hold together.
        memory_used_bytes: Gauge Bytes { label: "VRAM", alias: dcgm("DCGM_FI_DEV_FB_USED", MEBIBYTES) },
        /// The least memory in use since the last sample, of four readings a second while somebody looks.
        memory_low_bytes: Gauge Bytes { label: "VRAM LOW", scraped: false },
        /// The most memory in use since the last sample, of the same readings: peaks decide when memory is full.
        memory_peak_bytes: Gauge Bytes { label: "VRAM PEAK", scraped: false },
        /// Memory that the driver keeps for itself.
        memory_reserved_bytes: Gauge Bytes { label: "RESERVED", alias: dcgm("DCGM_FI_DEV_FB_RESERVED", MEBIBYTES) },
        /// Memory that is free.
        memory_free_bytes: Gauge Bytes { label: "FREE", alias: dcgm("DCGM_FI_DEV_FB_FREE", MEBIBYTES) },
        /// Memory of the machine that the device may use beside its own.
        system_total_bytes: Gauge Bytes { label: "GTT TOTAL" },
        /// Memory of the machine that is in use for the device beside its own: growth of it is memory that did not fit.
        system_used_bytes: Gauge Bytes { label: "GTT" },
        /// Memory of the device that the CPU can reach.
        visible_total_bytes: Gauge Bytes { label: "VISIBLE" },
        /// Memory of the device that the CPU can reach, in use.
        visible_used_bytes: Gauge Bytes { label: "VISIBLE USED" },
        /// Memory that processes want on the device and that was moved off it, of those that may be looked into.
        evicted_bytes: Gauge Bytes { label: "EVICTED" },
        /// Power as the driver states it: the mean of a second on Ampere and newer.
        reading_watts: Gauge Watts / 1000 { series: named("gpu_power_watts"), label: "READING", alias: dcgm("DCGM_FI_DEV_POWER_USAGE", 1.0) },
        /// Power that the device is held to.
        limit_watts: Gauge Watts / 1000 { series: named("gpu_power_limit_watts"), label: "LIMIT", alias: dcgm("DCGM_FI_DEV_ENFORCED_POWER_LIMIT", 1.0) },
        /// Energy used since the driver was loaded.
        energy_joules: Counter Joules / 1000 { label: "ENERGY", alias: dcgm_counter("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", MILLIJOULES) },
        /// Of the energy since retop has watched the device, the part of processes, each by its share of the device's time.
        processes_joules: Counter Joules / 1000000 { estimated: true, series: series("gpu_attributed_energy_joules", "to", "processes") },
        /// The part of work of which no process is known.
        others_joules: Counter Joules / 1000000 { estimated: true, series: series("gpu_attributed_energy_joules", "to", "others") },
        /// The part of being idle: what the device drew at its quietest, for the share of time without work.
        idle_joules: Counter Joules / 1000000 { estimated: true, series: series("gpu_attributed_energy_joules", "to", "idle") },
        /// Temperature of the core.
        temperature_celsius: Gauge Celsius { label: "T", alias: dcgm("DCGM_FI_DEV_GPU_TEMP", 1.0) },
        /// Temperature of the hottest place of the core.
        hotspot_celsius: Gauge Celsius { label: "T HOT" },
        /// Temperature of the memory.
        memory_temperature_celsius: Gauge Celsius { label: "T MEM", alias: dcgm("DCGM_FI_DEV_MEMORY_TEMP", 1.0) },
        /// Speed of the fan as a share of its highest.
        fan_ratio: Gauge Ratio / 100 { label: "FAN", alias: dcgm("DCGM_FI_DEV_FAN_SPEED", PERCENT) },
        /// Clock of the shader processors.
        shader_hertz: Gauge Hertz { series: series("gpu_clock_hertz", "clock", "shader"), label: "CLK", alias: dcgm("DCGM_FI_DEV_SM_CLOCK", MEGAHERTZ) },
        /// Clock of the memory.
        memory_hertz: Gauge Hertz { series: series("gpu_clock_hertz", "clock", "memory"), label: "MEMCLK", alias: dcgm("DCGM_FI_DEV_MEM_CLOCK", MEGAHERTZ) },
        /// Highest clock of the shader processors.
        shader_limit_hertz: Gauge Hertz { series: named("gpu_clock_limit_hertz"), label: "MAXCLK" },
        /// Performance state: 0 is the highest.
        performance_state: Gauge Count { label: "P", alias: dcgm("DCGM_FI_DEV_PSTATE", 1.0) },
        /// Time in which clocks were held down to keep to the limit of power.
        power_capped_seconds: Counter Seconds / 1000000000 { series: series("gpu_throttled_seconds", "reason", "power"), label: "CAPPED" },
        /// Time in which software held clocks down because of heat.
        thermal_seconds: Counter Seconds / 1000000000 { series: series("gpu_throttled_seconds", "reason", "thermal"), label: "HOT" },
        /// Time in which the hardware held clocks down because of heat.
        hardware_thermal_seconds: Counter Seconds / 1000000000 { series: series("gpu_throttled_seconds", "reason", "hardware_thermal"), label: "HOT HW" },
        /// Time in which the power supply asked for less.
        power_brake_seconds: Counter Seconds / 1000000000 { series: series("gpu_throttled_seconds", "reason", "power_brake"), label: "BRAKE" },
        /// 1 if clocks are held down now to keep to a limit of power or current.
        power_capped: Gauge Count { series: series("gpu_throttled", "reason", "power"), label: "CAP" },
        /// 1 if clocks are held down now because of heat.
        heat_capped: Gauge Count { series: series("gpu_throttled", "reason", "thermal"), label: "HEAT" },
        /// Bytes sent over PCI Express.
        pcie_sent_bytes: Counter Bytes { label: "PCIE TX" },
        /// Bytes received over PCI Express.
        pcie_received_bytes: Counter Bytes { label: "PCIE RX" },
        /// Generation of the PCI Express link as it runs now; it falls when the device idles.
        pcie_generation: Gauge Count { label: "GEN" },
        /// Lanes of the PCI Express link.
        pcie_lanes: Gauge Count { label: "LANES" },
        /// Transfers over PCI Express that had to be made again.
        pcie_replays: Counter Count { label: "REPLAYS", alias: dcgm_counter("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", 1.0) },
        /// Bytes sent over all NVLinks.
        nvlink_sent_bytes: Counter Bytes { label: "NVLINK TX" },
        /// Bytes received over all NVLinks.
        nvlink_received_bytes: Counter Bytes { label: "NVLINK RX" },
        /// NVLinks that the device has.
        nvlink_links: Gauge Count { label: "LINKS" },
        /// NVLinks that carry data or could at once.
        nvlink_active_links: Gauge Count { label: "LINKS UP" },
        /// What all active NVLinks can carry in one direction.
        nvlink_limit_bytes_per_second: Gauge BytesPerSecond { label: "NVLINK MAX" },
        /// Memory errors that were corrected, since the driver was loaded.
        corrected_errors: Counter Count { series: series("gpu_memory_errors", "kind", "corrected"), label: "ECC", alias: dcgm_counter("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", 1.0) },
        /// Memory errors that could not be corrected, since the driver was loaded.
        uncorrected_errors: Counter Count { series: series("gpu_memory_errors", "kind", "uncorrected"), label: "ECC!", alias: dcgm_counter("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", 1.0) },
        /// Rows of memory replaced after errors that were corrected.
        remapped_corrected_rows: Gauge Count { series: series("gpu_remapped_rows", "kind", "corrected"), label: "REMAP", alias: dcgm_counter("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", 1.0) },
        /// Rows of memory replaced after errors that could not be corrected.
        remapped_uncorrected_rows: Gauge Count { series: series("gpu_remapped_rows", "kind", "uncorrected"), label: "REMAP!", alias: dcgm_counter("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", 1.0) },
        /// 1 if rows are to be replaced at the next reset.
        remap_pending: Gauge Count { label: "TO REMAP" },
        /// 1 if a row could not be replaced: there are no spare ones left.
        remap_failed: Gauge Count { label: "NO SPARE", alias: dcgm("DCGM_FI_DEV_ROW_REMAP_FAILURE", 1.0) },
        /// Pages of memory that are no longer used because of errors: before Ampere.
        retired_pages: Gauge Count { label: "RETIRED" },
        /// Errors that the driver reported (Xid) since retop began to listen.
        xids: Counter Count { series: named("gpu_xid_errors"), label: "XIDS" },
        /// Number of the last of them: NVIDIA's catalogue of Xid errors says what each means.
        last_xid: Gauge Count { label: "XID", alias: dcgm("DCGM_FI_DEV_XID_ERRORS", 1.0) },
        /// What the driver says must be done to the device.
        recovery: State ["none", "reset", "reboot", "drain_peers", "drain_and_reset"] Count { label: "NEEDS" },
        /// Share of cycles in which a tensor core worked.
        tensor_ratio: Gauge Ratio / 10000 { label: "TENSOR", alias: dcgm("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", 1.0) },
        /// Share of cycles in which a shader processor had work.
        shader_ratio: Gauge Ratio / 10000 { label: "SM", alias: dcgm("DCGM_FI_PROF_SM_ACTIVE", 1.0) },
        /// Mean share of the places for warps that were taken.
        occupancy_ratio: Gauge Ratio / 10000 { label: "OCC", alias: dcgm("DCGM_FI_PROF_SM_OCCUPANCY", 1.0) },
        /// Share of the memory's bandwidth that was used.
        bandwidth_ratio: Gauge Ratio / 10000 { label: "DRAM", alias: dcgm("DCGM_FI_PROF_DRAM_ACTIVE", 1.0) },
        /// Share of cycles in which the engine for graphics and computing had anything to do.
        engine_ratio: Gauge Ratio / 10000 { label: "ENGINE", alias: dcgm("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 1.0) },
        /// Share of cycles in which the pipe for numbers of 64 bits worked.
        fp64_ratio: Gauge Ratio / 10000 { label: "FP64", alias: dcgm("DCGM_FI_PROF_PIPE_FP64_ACTIVE", 1.0) },
        /// Share of cycles in which the pipe for numbers of 32 bits worked.
        fp32_ratio: Gauge Ratio / 10000 { label: "FP32", alias: dcgm("DCGM_FI_PROF_PIPE_FP32_ACTIVE", 1.0) },
        /// Share of cycles in which the pipe for numbers of 16 bits worked, without tensor cores.
        fp16_ratio: Gauge Ratio / 10000 { label: "FP16", alias: dcgm("DCGM_FI_PROF_PIPE_FP16_ACTIVE", 1.0) },
    }
    derived {
        /// Share of the time without work, or at a clock that is not known.
        idle_ratio: Ratio { label: "IDLE%" } = |d| {
            let known = part(d, low_seconds)? + part(d, middle_seconds)? + part(d, high_seconds)?;
            Some((1.0 - known).max(0.0))
        };
        /// Share of the time below 40 % of the highest clock.
        low_ratio: Ratio { label: "LOW" } = |d| part(d, low_seconds);
        /// Share of the time from 40 to 75 % of the highest clock.
        middle_ratio: Ratio { label: "MID" } = |d| part(d, middle_seconds);
        /// Share of the time from 75 % of the highest clock on.
        high_ratio: Ratio { label: "HIGH" } = |d| part(d, high_seconds);
        /// Memory in use as a share of what can be used.
        memory_ratio: Ratio { label: "VRAM%", alias: dcgm("DCGM_FI_DEV_FB_USED_PERCENT", 1.0) } = |d| {
            let kept = d.now(memory_reserved_bytes).unwrap_or(0.0);
            let usable = Some(d.now(memory_total_bytes)? - kept).filter(|&usable| usable > 0.0)?;
            Some(d.now(memory_used_bytes)? / usable)
        };
        /// Power over the last interval: from the energy counter, else the driver's reading.
        watts: Watts { label: "W" } = |d| d.rate(energy_joules).or_else(|| d.now(reading_watts));
        /// Power laid to processes.
        processes_watts: Watts { label: "W PROCS", estimated: true } = |d| d.rate(processes_joules);
        /// Power laid to work of which no process is known.
        others_watts: Watts { label: "W OTHERS", estimated: true } = |d| d.rate(others_joules);
        /// Power laid to being idle.
        idle_watts: Watts { label: "W IDLE", estimated: true } = |d| d.rate(idle_joules);
        /// Power as a share of what the device is held to.
        power_ratio: Ratio { label: "PWR%" } = |d| d.share(watts, limit_watts);
        /// Change of the memory in use, over the last interval.
        memory_growth_bytes_per_second: BytesPerSecond { label: "VRAM/s" } =
            |d| Some(d.change(memory_used_bytes)? / d.elapsed_seconds()?);
        /// Share of the interval in which clocks were held down by power or heat.
        throttled_ratio: Ratio { label: "THR%" } = |d| {
            let parts = [power_capped_seconds, thermal_seconds, hardware_thermal_seconds, power_brake_seconds];
            // The reasons may hold at once: the longest is the least that they come to.
            let shares = parts.iter().filter_map(|&part| d.rate(part));
            shares.reduce(f64::max).map(|share| share.min(1.0))
        };
        /// Share of the interval in which clocks were held down by heat, or by a brake from outside.
        hot_ratio: Ratio = |d| {
            let parts = [thermal_seconds, hardware_thermal_seconds, power_brake_seconds];
            let shares = parts.iter().filter_map(|&part| d.rate(part));
            shares.reduce(f64::max).map(|share| share.min(1.0))
        };
        /// Clock as a share of the highest, of a device that is at least four fifths busy.
        busy_clock_ratio: Ratio = |d| {
            d.now(utilization_ratio).filter(|&share| share >= 0.8)?;
            Some(d.share(shader_hertz, shader_limit_hertz)?.clamp(0.0, 1.0))
        };
        /// Share of the interval in which the device's core had power: no less than it worked.
        awake_ratio: Ratio { label: "AWAKE%" } =
            |d| d.rate(idle_seconds).map(|idle| (1.0 - idle).clamp(0.0, 1.0));
        /// Change of the memory of the machine that is in use for the device, over the last interval.
        spill_bytes_per_second: BytesPerSecond { label: "SPILL/s" } =
            |d| Some(d.change(system_used_bytes)? / d.elapsed_seconds()?);
        /// Bytes sent over PCI Express per second.
        pcie_sent_bytes_per_second: BytesPerSecond { label: "TX/s", alias: dcgm("DCGM_FI_PROF_PCIE_TX_BYTES", 1.0) } = |d| d.rate(pcie_sent_bytes);
        /// Bytes received over PCI Express per second.
        pcie_received_bytes_per_second: BytesPerSecond { label: "RX/s", alias: dcgm("DCGM_FI_PROF_PCIE_RX_BYTES", 1.0) } =
            |d| d.rate(pcie_received_bytes);
        /// Bytes sent over NVLinks per second.
        nvlink_sent_bytes_per_second: BytesPerSecond { label: "NVL TX/s", alias: dcgm("DCGM_FI_PROF_NVLINK_TX_BYTES", 1.0) } = |d| d.rate(nvlink_sent_bytes);
        /// Bytes received over NVLinks per second.
        nvlink_received_bytes_per_second: BytesPerSecond { label: "NVL RX/s", alias: dcgm("DCGM_FI_PROF_NVLINK_RX_BYTES", 1.0) } =
            |d| d.rate(nvlink_received_bytes);
        /// Errors that the driver reported (Xid) per second.
        xids_per_second: PerSecond { label: "XID/s" } = |d| d.rate(xids);
        /// 1 if the device is lost, must be reset, or has no spare memory left for what broke.
        fault: Count { label: "FAULT" } = |d| {
            let lost = d.raw(state) == Some(LOST);
            let spent = d.raw(remap_failed).is_some_and(|failed| failed > 0);
            let ill = d.raw(recovery).is_some_and(|needs| needs > SOUND);
            Some(f64::from(u8::from(lost || spent || ill)))
        };
    }
}

fn part(d: &Delta<'_>, field: Field) -> Option<f64> {
    Some(d.increase_per(field, whole_seconds)?.min(1.0))
}
