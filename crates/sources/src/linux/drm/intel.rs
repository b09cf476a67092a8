//! i915 and xe: clocks, idle time, why clocks are held down, energy.
//!
//! How busy an engine is both tell of clients alone, or to perf. What the whole device does is then
//! what its clients do, as far as they may be looked into; the time in which its core had power is
//! an upper bound of that.

use std::path::{Path, PathBuf};

use retop_model::RowMut;
use retop_model::family::gpu;

use super::asked::Asked;
use super::told::{Told, milli};

const MEGAHERTZ: i64 = 1_000_000;

/// Limits of power and current.
const POWER: [&str; 4] = ["pl1", "pl2", "pl4", "vr_tdc"];
/// RATL is the running average of the heat.
const HEAT: [&str; 4] = ["thermal", "prochot", "ratl", "vr_thermalert"];

/// Files of i915 lie with its card; since Linux 6.0 some of them by tile.
pub fn i915(device: &Asked<'_>, row: &mut RowMut<'_>) -> Told {
    let Some(card) = &device.card else { return Told::default() };
    let tile = card.join("gt/gt0");
    let clock = |new: &str, old: &str| {
        device.clock_in(&tile, new, MEGAHERTZ).or_else(|| device.clock_in(card, old, MEGAHERTZ))
    };
    let idle = device
        .number_in(&tile, "rc6_residency_ms")
        .or_else(|| device.number_in(&card.join("power"), "rc6_residency_ms"));
    row.set(gpu::shader_hertz, clock("rps_act_freq_mhz", "gt_act_freq_mhz"))
        .set(gpu::shader_limit_hertz, clock("rps_RP0_freq_mhz", "gt_RP0_freq_mhz"))
        .set(gpu::idle_seconds, idle);
    throttled(device, &tile, "throttle_reason_", row);
    row.set(gpu::temperature_celsius, device.degrees("temp1_input"));
    energy(device, row);
    Told { idle_ms: idle, ..Told::default() }
}

/// Files of xe lie with the device, by tile and by part of it: the first draws, the second is that of
/// video.
pub fn xe(device: &Asked<'_>, row: &mut RowMut<'_>) -> Told {
    let tile = device.folder.join("tile0");
    let part: PathBuf = tile.join("gt0");
    let clocks = part.join("freq0");
    let idle = device.number_in(&part.join("gtidle"), "idle_residency_ms");
    row.set(gpu::shader_hertz, device.clock_in(&clocks, "act_freq", MEGAHERTZ))
        .set(gpu::shader_limit_hertz, device.clock_in(&clocks, "rp0_freq", MEGAHERTZ))
        .set(gpu::idle_seconds, idle)
        .set(gpu::temperature_celsius, device.degrees_of("pkg"))
        .set(gpu::memory_temperature_celsius, device.degrees_of("vram"));
    throttled(device, &clocks.join("throttle"), "reason_", row);
    energy(device, row);
    let total = device.number_in(&tile, "physical_vram_size_bytes").filter(|&bytes| bytes > 0);
    row.set(gpu::memory_total_bytes, total);
    let total = total.and_then(|total| u64::try_from(total).ok());
    Told { total, idle_ms: idle, ..Told::default() }
}

/// Whether clocks are held down: the one file that sums it up first, which is 0 nearly always.
fn throttled(device: &Asked<'_>, dir: &Path, stem: &str, row: &mut RowMut<'_>) {
    let is_set = |name: &str| device.number_in(dir, name).map(|value| value != 0);
    let sum = is_set(&format!("{stem}status")).or_else(|| is_set("status"));
    let any = |reasons: [&str; 4]| {
        if !sum? {
            return Some(false);
        }
        // A kernel that lacks a reason knows none of the kind; one that fails to tell may well hold
        // clocks down for it.
        let mut is_untold = false;
        for reason in reasons.map(|reason| format!("{stem}{reason}")) {
            match is_set(&reason) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => is_untold |= dir.join(reason).exists(),
            }
        }
        (!is_untold).then_some(false)
    };
    row.set(gpu::power_capped, any(POWER)).set(gpu::heat_capped, any(HEAT));
}

/// Of the card, else of the chip on it.
fn energy(device: &Asked<'_>, row: &mut RowMut<'_>) {
    let of = |first, second| device.measured(first).or_else(|| device.measured(second));
    let limit = of("power1_max", "power2_max").or_else(|| of("power1_cap", "power2_cap"));
    row.set(gpu::energy_joules, milli(of("energy1_input", "energy2_input")))
        .set(gpu::limit_watts, milli(limit).filter(|&limit| limit > 0));
}
