//! Graphics processors for the screen's tests: the second one fills up.

use retop_model::family::{gpu, gpu_call, gpu_forecast, gpu_process};
use retop_model::{FamilyId, Key, RawTable};

const GIB: i64 = 1 << 30;
const MIB: i64 = 1 << 20;
/// vllm, a worker of ray and firefox, as the table of processes has them.
const USERS: [(u32, &str, usize, i64, i64); 3] = [
    (9071, "python", 1, 20_582 * MIB, 7_140),
    (9133, "ray::Worker", 0, 1_638 * MIB, 610),
    (9702, "firefox", 0, 212 * MIB, 90),
];

fn uuid(place: usize) -> String {
    format!("GPU-{place:08}")
}

fn key(place: usize) -> Key {
    gpu_process::device_key(uuid(place).as_bytes())
}

/// Every table of that many devices.
pub fn tables(
    count: usize,
    hostile: bool,
    tick: u64,
    starts: impl Fn(u64) -> i64,
) -> [RawTable; 4] {
    let second = tick as i64;
    let mut devices = RawTable::new(FamilyId::Gpu);
    let mut forecasts = RawTable::new(FamilyId::GpuForecast);
    for place in 0..count {
        let mut row = devices.push(key(place));
        row.text(gpu::uuid, uuid(place))
            .text(gpu::pci_address, format!("00000000:{:02X}:00.0", place + 1))
            .set(gpu::index, place);
        // Of many one sleeps and one is lost.
        if place == 3 || place == 5 {
            row.set(gpu::state, if place == 3 { gpu::ASLEEP } else { gpu::LOST })
                .set(gpu::asleep_seconds, 341_000_i64 + second * 1000);
            continue;
        }
        let used = if place == 1 { 20_700 * MIB + second * 20 * MIB } else { 1_990 * MIB };
        let busy = 30 + (place as i64 * 37 + second * 5) % 69;
        row.text(
            gpu::name,
            if hostile { "NV\x1b[2JIDIA 日本 GPU" } else { "NVIDIA GeForce RTX 4090" },
        )
        .text(gpu::driver, "nvidia 580.95.05")
        .set(gpu::state, gpu::ACTIVE)
        .set(gpu::utilization_ratio, busy)
        .set(gpu::memory_busy_ratio, busy / 2)
        .set(gpu::memory_total_bytes, 24 * GIB)
        .set(gpu::memory_reserved_bytes, 434 * MIB)
        .set(gpu::memory_used_bytes, used)
        .set(gpu::memory_free_bytes, 24 * GIB - 434 * MIB - used)
        .set(gpu::reading_watts, 339_000_i64)
        .set(gpu::energy_joules, second * 312_000)
        .set(gpu::limit_watts, 450_000_i64)
        .set(gpu::temperature_celsius, 71_i64 - place as i64)
        .set(gpu::fan_ratio, 54_i64)
        .set(gpu::shader_hertz, 1_755_000_000_i64)
        .set(gpu::memory_hertz, 10_501_000_000_i64)
        .set(gpu::power_capped_seconds, second * 120_000_000)
        .set(gpu::pcie_sent_bytes, second * 300 * MIB)
        .set(gpu::pcie_received_bytes, second * 1200 * MIB)
        .set(gpu::encoder_ratio, 0_i64)
        .set(gpu::decoder_ratio, 3_i64);
        if count > 2 {
            row.set(gpu::nvlink_links, 18)
                .set(gpu::nvlink_active_links, if place == 6 { 16 } else { 18 })
                .set(gpu::nvlink_limit_bytes_per_second, 478_116_000_000_i64)
                .set(gpu::nvlink_sent_bytes, second * 3 * GIB)
                .set(gpu::nvlink_received_bytes, second * 2 * GIB)
                .set(gpu::recovery, i64::from(place == 6))
                .set(gpu::xids, i64::from(place == 6))
                .set(gpu::last_xid, (place == 6).then_some(79_i64))
                .set(gpu::uncorrected_errors, i64::from(place == 6))
                .set(gpu::corrected_errors, second / 3);
        }
        let grows = place == 1;
        forecast(&mut forecasts, key(place), &uuid(place), used, grows);
    }
    // One of many is divided.
    for part in 0..if count > 2 { 2 } else { 0 } {
        let uuid = format!("MIG-{part:08}");
        devices
            .push(gpu_process::device_key(uuid.as_bytes()))
            .text(gpu::uuid, uuid.as_str())
            .text(gpu::parent, self::uuid(2))
            .text(gpu::name, if part == 0 { "NVIDIA H200 MIG 3g.71gb" } else { "MIG 1g.18gb" })
            .set(gpu::state, gpu::ACTIVE)
            .set(gpu::instance, part + 1)
            .set(gpu::compute_instance, 0_i64)
            .set(gpu::multiprocessors, 60_i64)
            .set(gpu::memory_total_bytes, 12 * GIB)
            .set(gpu::memory_used_bytes, (3 + part) * GIB)
            .set(gpu::memory_free_bytes, (9 - part) * GIB)
            .set(gpu::shader_ratio, 4_000_i64);
    }
    let mut processes = RawTable::new(FamilyId::GpuProcess);
    for (pid, name, place, bytes, share) in USERS {
        let place = place.min(count.saturating_sub(1));
        let start = starts(u64::from(pid));
        let process = gpu_process::key(pid, u64::try_from(start).ok(), key(place));
        let bytes = bytes + if pid == 9071 { second * 20 * MIB } else { 0 };
        processes
            .push(process)
            .text(gpu_process::uuid, uuid(place))
            .text(gpu_process::name, name)
            .set(gpu_process::pid, pid)
            .set(gpu_process::start_seconds, start)
            .set(gpu_process::compute, pid != 9702)
            .set(gpu_process::graphics, pid == 9702)
            .set(gpu_process::memory_bytes, bytes)
            .set(gpu_process::utilization_ratio, share);
        let mut row = forecast(&mut forecasts, process, &uuid(place), bytes, pid == 9071);
        row.set(gpu_forecast::pid, pid).set(gpu_forecast::start_seconds, start);
    }
    let mut calls = RawTable::new(FamilyId::GpuCall);
    for (place, symbol) in
        ["nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetMemoryInfo_v2"]
            .iter()
            .enumerate()
    {
        calls
            .push(Key::named(symbol.as_bytes()))
            .text(gpu_call::symbol, *symbol)
            .set(gpu_call::present, 1_i64)
            .set(gpu_call::calls, second + 3)
            .set(gpu_call::call_seconds, (second + 3) * 4_491_000 / (1 + 300 * place as i64))
            .set(gpu_call::median_seconds, 4_000_000_i64 / (1 + 300 * place as i64))
            .set(gpu_call::p99_seconds, 8_000_000_i64 / (1 + 300 * place as i64))
            .set(gpu_call::worst_seconds, 9_000_000_i64 / (1 + 300 * place as i64));
    }
    [devices, processes, forecasts, calls]
}

fn forecast<'t>(
    table: &'t mut RawTable,
    key: Key,
    uuid: &str,
    used: i64,
    grows: bool,
) -> retop_model::RowMut<'t> {
    let rate = if grows { 20 * MIB } else { 0 };
    let mut row = table.push(key);
    row.text(gpu_forecast::uuid, uuid)
        .set(gpu_forecast::level, if grows { gpu_forecast::CRITICAL } else { 0 })
        .set(gpu_forecast::shape, if grows { gpu_forecast::RAMP } else { gpu_forecast::FLAT })
        .set(gpu_forecast::used_bytes, used)
        .set(gpu_forecast::short_growth_bytes_per_second, rate)
        .set(gpu_forecast::minute_growth_bytes_per_second, rate);
    if grows {
        row.set(gpu_forecast::lasting_growth_bytes_per_second, rate)
            .set(gpu_forecast::full_seconds, 43_000_i64)
            .set(gpu_forecast::earliest_seconds, 39_000_i64)
            .set(gpu_forecast::latest_seconds, 48_000_i64)
            .set(gpu_forecast::confidence_ratio, 1000_i64);
    }
    row
}
