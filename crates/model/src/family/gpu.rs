//! Graphics processors and other accelerators.

use crate::metric::{named, series};

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
    }
    raw {
        /// Number that the driver gives the device; it may be another after a restart.
        index: Gauge Count { scraped: false, label: "#" },
        /// What the device is made for.
        kind: State ["gpu", "npu"] Count { scraped: false, label: "KIND" },
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
        /// Time that the device slept since its driver was loaded.
        suspended_seconds: Counter Seconds / 1000 { label: "SLEPT" },
        /// Time in which the device's core had its power taken away between two pieces of work.
        idle_seconds: Counter Seconds / 1000 { label: "IDLE" },
        /// Share of time in which the device did anything at all, by the driver's own window; where the driver tells it of processes alone, the engine that those which may be looked into kept busiest.
        utilization_ratio: Gauge Ratio / 100 { label: "GPU%" },
        /// Share of time in which the device's memory was read or written.
        memory_busy_ratio: Gauge Ratio / 100 { label: "MEMBUSY%" },
        /// Share of time in which the encoder worked.
        encoder_ratio: Gauge Ratio / 100 { label: "ENC%" },
        /// Share of time in which the decoder worked.
        decoder_ratio: Gauge Ratio / 100 { label: "DEC%" },
        /// Share of time in which processes drew.
        graphics_ratio: Gauge Ratio / 10000 { label: "GFX%" },
        /// Share of time in which processes computed on engines that do nothing else.
        compute_ratio: Gauge Ratio / 10000 { label: "COMP%" },
        /// Share of time in which engines copied memory.
        copy_ratio: Gauge Ratio / 10000 { label: "COPY%" },
        /// Share of time in which engines worked that both encode and decode, or process, video.
        video_ratio: Gauge Ratio / 10000 { label: "VID%" },
        /// Memory of the device.
        memory_total_bytes: Gauge Bytes { label: "TOTAL" },
        /// Memory in use, without what the driver keeps for itself.
        memory_used_bytes: Gauge Bytes { label: "VRAM" },
        /// Memory that the driver keeps for itself.
        memory_reserved_bytes: Gauge Bytes { label: "RESERVED" },
        /// Memory that is free.
        memory_free_bytes: Gauge Bytes { label: "FREE" },
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
        reading_watts: Gauge Watts / 1000 { series: named("gpu_power_watts"), label: "READING" },
        /// Power that the device is held to.
        limit_watts: Gauge Watts / 1000 { series: named("gpu_power_limit_watts"), label: "LIMIT" },
        /// Energy used since the driver was loaded.
        energy_joules: Counter Joules / 1000 { label: "ENERGY" },
        /// Temperature of the core.
        temperature_celsius: Gauge Celsius { label: "T" },
        /// Temperature of the hottest place of the core.
        hotspot_celsius: Gauge Celsius { label: "T HOT" },
        /// Temperature of the memory.
        memory_temperature_celsius: Gauge Celsius { label: "T MEM" },
        /// Speed of the fan as a share of its highest.
        fan_ratio: Gauge Ratio / 100 { label: "FAN" },
        /// Clock of the shader processors.
        shader_hertz: Gauge Hertz { series: series("gpu_clock_hertz", "clock", "shader"), label: "CLK" },
        /// Clock of the memory.
        memory_hertz: Gauge Hertz { series: series("gpu_clock_hertz", "clock", "memory"), label: "MEMCLK" },
        /// Highest clock of the shader processors.
        shader_limit_hertz: Gauge Hertz { series: named("gpu_clock_limit_hertz"), label: "MAXCLK" },
        /// Performance state: 0 is the highest.
        performance_state: Gauge Count { label: "P" },
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
        pcie_replays: Counter Count { label: "REPLAYS" },
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
        corrected_errors: Counter Count { series: series("gpu_memory_errors", "kind", "corrected"), label: "ECC" },
        /// Memory errors that could not be corrected, since the driver was loaded.
        uncorrected_errors: Counter Count { series: series("gpu_memory_errors", "kind", "uncorrected"), label: "ECC!" },
        /// Rows of memory replaced after errors that were corrected.
        remapped_corrected_rows: Gauge Count { series: series("gpu_remapped_rows", "kind", "corrected"), label: "REMAP" },
        /// Rows of memory replaced after errors that could not be corrected.
        remapped_uncorrected_rows: Gauge Count { series: series("gpu_remapped_rows", "kind", "uncorrected"), label: "REMAP!" },
        /// 1 if rows are to be replaced at the next reset.
        remap_pending: Gauge Count { label: "TO REMAP" },
        /// 1 if a row could not be replaced: there are no spare ones left.
        remap_failed: Gauge Count { label: "NO SPARE" },
        /// Pages of memory that are no longer used because of errors: before Ampere.
        retired_pages: Gauge Count { label: "RETIRED" },
        /// Errors that the driver reported (Xid) since retop began to listen.
        xids: Counter Count { series: named("gpu_xid_errors"), label: "XIDS" },
        /// Number of the last of them: NVIDIA's catalogue of Xid errors says what each means.
        last_xid: Gauge Count { label: "XID" },
        /// What the driver says must be done to the device.
        recovery: State ["none", "reset", "reboot", "drain_peers", "drain_and_reset"] Count { label: "NEEDS" },
        /// Share of cycles in which a tensor core worked.
        tensor_ratio: Gauge Ratio / 10000 { label: "TENSOR" },
        /// Share of cycles in which a shader processor had work.
        shader_ratio: Gauge Ratio / 10000 { label: "SM" },
        /// Mean share of the places for warps that were taken.
        occupancy_ratio: Gauge Ratio / 10000 { label: "OCC" },
        /// Share of the memory's bandwidth that was used.
        bandwidth_ratio: Gauge Ratio / 10000 { label: "DRAM" },
    }
    derived {
        /// Memory in use as a share of what can be used.
        memory_ratio: Ratio { label: "VRAM%" } = |d| {
            let kept = d.now(memory_reserved_bytes).unwrap_or(0.0);
            let usable = Some(d.now(memory_total_bytes)? - kept).filter(|&usable| usable > 0.0)?;
            Some(d.now(memory_used_bytes)? / usable)
        };
        /// Power over the last interval: from the energy counter, else the driver's reading.
        watts: Watts { label: "W" } = |d| d.rate(energy_joules).or_else(|| d.now(reading_watts));
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
        /// Share of the interval in which the device's core had power: no less than it worked.
        awake_ratio: Ratio { label: "AWAKE%" } =
            |d| d.rate(idle_seconds).map(|idle| (1.0 - idle).clamp(0.0, 1.0));
        /// Change of the memory of the machine that is in use for the device, over the last interval.
        spill_bytes_per_second: BytesPerSecond { label: "SPILL/s" } =
            |d| Some(d.change(system_used_bytes)? / d.elapsed_seconds()?);
        /// Bytes sent over PCI Express per second.
        pcie_sent_bytes_per_second: BytesPerSecond { label: "TX/s" } = |d| d.rate(pcie_sent_bytes);
        /// Bytes received over PCI Express per second.
        pcie_received_bytes_per_second: BytesPerSecond { label: "RX/s" } =
            |d| d.rate(pcie_received_bytes);
        /// Bytes sent over NVLinks per second.
        nvlink_sent_bytes_per_second: BytesPerSecond { label: "NVL TX/s" } = |d| d.rate(nvlink_sent_bytes);
        /// Bytes received over NVLinks per second.
        nvlink_received_bytes_per_second: BytesPerSecond { label: "NVL RX/s" } =
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
