//! What processes use of graphics processors.

use super::{gpu, gpu_forecast, process};
use crate::family::FamilyId;
use crate::snapshot::{Delta, Row};
use crate::table::Key;

family! {
    /// Processes on graphics processors: a row for each pair of the two.
    GpuProcess "gpu_process" "gpu_processes" many
    text {
        /// Identity of the device.
        uuid: Label,
        /// Name of the program; what is known instead where it runs out of sight.
        name: Info { label: "NAME" },
        /// Container that the process runs in, by its control group.
        container: Info { label: "CONTAINER" },
    }
    raw {
        /// Process identifier, as the driver gives it; 0 for memory that no process is said to hold.
        pid: Gauge Count { label: "PID" },
        /// When the process started, in time since boot; missing for one that cannot be seen here.
        start_seconds: Gauge Seconds / 1000000 { scraped: false },
        /// 1 if the process computes.
        compute: Gauge Count { scraped: false, label: "C" },
        /// 1 if the process draws.
        graphics: Gauge Count { scraped: false, label: "G" },
        /// Memory of the device that the process holds.
        memory_bytes: Gauge Bytes { label: "VRAM" },
        /// Of that, memory that other processes use too.
        shared_bytes: Gauge Bytes { label: "SHARED", scraped: false },
        /// Of that, memory that the driver may take back.
        purgeable_bytes: Gauge Bytes { label: "PURGEABLE", scraped: false },
        /// Of that, memory that work in progress uses.
        active_bytes: Gauge Bytes { label: "ACTIVE", scraped: false },
        /// Memory of the machine that the process holds for the device beside that.
        system_bytes: Gauge Bytes { label: "GTT", scraped: false },
        /// Memory that the process wants on the device and that was moved off it.
        evicted_bytes: Gauge Bytes { label: "EVICTED", scraped: false },
        /// Time in which its queues stood because its memory was moved off the device, of all of them together.
        evicted_seconds: Counter Seconds / 1000 { label: "STOOD", scraped: false },
        /// Share of the device's time that the process took, by the driver's own samples; where it counts by engine, of the engine that the process kept busiest.
        utilization_ratio: Gauge Ratio / 10000 { label: "GPU%" },
        /// Share of time in which the process read or wrote the device's memory.
        memory_busy_ratio: Gauge Ratio / 10000 { label: "MEMBUSY%" },
        /// Share of the encoder's time.
        encoder_ratio: Gauge Ratio / 10000 { label: "ENC%" },
        /// Share of the decoder's time.
        decoder_ratio: Gauge Ratio / 10000 { label: "DEC%" },
        /// Share of the time of the engine that draws.
        graphics_ratio: Gauge Ratio / 10000 { label: "GFX%", scraped: false },
        /// Share of the time of engines that compute and do nothing else.
        compute_ratio: Gauge Ratio / 10000 { label: "COMP%", scraped: false },
        /// Share of the time of engines that copy memory.
        copy_ratio: Gauge Ratio / 10000 { label: "COPY%", scraped: false },
        /// Share of the time of engines that both encode and decode, or process, video.
        video_ratio: Gauge Ratio / 10000 { label: "VID%", scraped: false },
        /// Energy of the device laid to the process by its share of the device's time, since it was first seen.
        energy_joules: Counter Joules / 1000000 { label: "ENERGY", estimated: true, scraped: false },
        /// Power of the device laid to the process by its share of the device's time.
        watts: Gauge Watts / 1000000 { label: "PWR", estimated: true, scraped: false },
    }
    derived {
        /// Memory of the device that the process holds, as a share of what can be used.
        memory_ratio: Ratio { label: "VRAM%" } = |d| {
            let device = d.snapshot().find(FamilyId::Gpu, device_key(d.text(uuid)?.raw()))?;
            let kept = device.get(gpu::memory_reserved_bytes).unwrap_or(0.0);
            let usable = device.get(gpu::memory_total_bytes)? - kept;
            (usable > 0.0).then_some(d.now(memory_bytes)? / usable)
        };
        /// Change of the memory that the process holds, over the last ten seconds: allocators take it in jumps.
        memory_growth_bytes_per_second: BytesPerSecond { label: "VRAM/s" } =
            |d| forecast(d)?.get(gpu_forecast::short_growth_bytes_per_second);
        /// Time until the device is full, by the growth of this process.
        full_seconds: Seconds { label: "FULL", estimated: true } =
            |d| forecast(d)?.get(gpu_forecast::full_seconds);
        /// CPU time of the process per second: 1 is one core.
        cpu_ratio: Ratio { label: "CPU%" } = |d| process_of(d.row()?)?.get(process::cpu_ratio);
        /// Memory of the machine that the process holds.
        resident_bytes: Bytes { label: "RES" } = |d| process_of(d.row()?)?.get(process::resident_bytes);
    }
}

/// What is known of the future of the process's memory on the device.
fn forecast<'a>(d: &Delta<'a>) -> Option<Row<'a>> {
    let row = d.row()?;
    row.snapshot().find(FamilyId::GpuForecast, row.key())
}

/// The process that a row on a device is about, where it can be seen.
#[must_use]
pub fn process_of(row: Row<'_>) -> Option<Row<'_>> {
    let number = u64::try_from(row.raw(pid)?).ok().filter(|&number| number > 0)?;
    let start = row.raw(start_seconds)?;
    let keys = (Key(number, 0), Key(number, u64::MAX));
    let mut rows = row.snapshot().rows_between(FamilyId::Process, keys.0, keys.1);
    rows.find(|process| process.raw(process::start_seconds) == Some(start))
}

/// The driver's number of the device of a row.
#[must_use]
pub fn index_of(row: Row<'_>) -> Option<f64> {
    let device = row.snapshot().find(FamilyId::Gpu, device_key(row.text(uuid)?.raw()))?;
    device.get(gpu::index).or_else(|| {
        // Of a part that of the whole.
        let whole = device.text(gpu::parent)?;
        row.snapshot().find(FamilyId::Gpu, device_key(whole.raw()))?.get(gpu::index)
    })
}

/// The key of a device of that identity.
#[must_use]
pub fn device_key(identity: &[u8]) -> Key {
    Key::named(identity)
}

/// The key of a process on a device. Sorted by pid, so that a process finds its devices.
#[must_use]
pub fn key(number: u32, start_us: Option<u64>, device: Key) -> Key {
    let mut identity = [0; 16];
    identity[..8].copy_from_slice(&start_us.unwrap_or(u64::MAX).to_le_bytes());
    identity[8..].copy_from_slice(&device.0.to_le_bytes());
    Key(u64::from(number), Key::named(&identity).0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::forecast::Forecasts;
    use crate::{RawSample, RawTable, Snapshot, Stamp, Window, derive};

    const GIB: i64 = 1 << 30;

    /// A device, a part of another, and process 7 on both, with so many GiB on the device.
    fn moment(before: Option<&Snapshot>, second: u64, held: i64) -> Snapshot {
        let ns = second * 1_000_000_000;
        let window = Window { begin_ns: ns, end_ns: ns };
        let mut sample = RawSample::new(Stamp { wall_ms: 0, monotonic_ns: ns, boottime_ns: ns });
        let mut devices = RawTable::new(FamilyId::Gpu);
        for (identity, parent, index) in
            [("a", None, Some(4)), ("b", None, Some(6)), ("part", Some("b"), None)]
        {
            let mut row = devices.push(device_key(identity.as_bytes()));
            row.text(gpu::uuid, identity)
                .set(gpu::index, index)
                .set(gpu::memory_total_bytes, 80 * GIB)
                .set(gpu::memory_used_bytes, held * GIB)
                .set(gpu::memory_free_bytes, (80 - held) * GIB);
            if let Some(parent) = parent {
                row.text(gpu::parent, parent);
            }
        }
        let mut on_them = RawTable::new(FamilyId::GpuProcess);
        for (identity, bytes) in [("a", held * GIB), ("part", 2 * GIB)] {
            on_them
                .push(key(7, Some(900), device_key(identity.as_bytes())))
                .text(uuid, identity)
                .set(pid, 7)
                .set(start_seconds, 900)
                .set(memory_bytes, bytes);
        }
        let mut processes = RawTable::new(FamilyId::Process);
        // One with the same number that started at another time is another one.
        for (start, resident) in [(800, GIB), (900, 3 * GIB)] {
            processes
                .push(Key(7, start))
                .set(process::pid, 7)
                .set(process::start_seconds, i64::try_from(start).expect("small"))
                .set(process::resident_bytes, resident);
        }
        for mut table in [devices, on_them, processes] {
            table.finish(window);
            sample.put(Arc::new(table));
        }
        derive(before, Arc::new(sample))
    }

    #[test]
    fn memory_that_comes_in_jumps_has_the_velocity_of_ten_seconds() {
        let mut forecasts = Forecasts::default();
        let mut last: Option<Snapshot> = None;
        let mut seen = Vec::new();
        for second in 1..=30 {
            // Ten GiB at once in second 15.
            let now = moment(last.as_ref(), second, if second < 15 { 10 } else { 20 });
            forecasts.advance(&now);
            let table = forecasts.table(&now).expect("there are devices");
            let now = now.with_table(last.as_ref(), table);
            let row = now.find(FamilyId::Process, Key(7, 900)).expect("there");
            seen.push(row.get(process::gpu_memory_growth_bytes_per_second));
            let on = now.find(FamilyId::GpuProcess, key(7, Some(900), device_key(b"a")));
            let growth = on.expect("there").get(memory_growth_bytes_per_second);
            assert_eq!(growth, seen[seen.len() - 1], "{second}");
            last = Some(now);
        }
        assert_eq!(seen[5], None, "not watched for so long");
        assert_eq!((seen[12], seen[28]), (Some(0.0), Some(0.0)));
        assert_eq!((seen[14], seen[20]), (Some(GIB as f64), Some(GIB as f64)), "a tenth of it");
    }

    #[test]
    fn a_row_on_a_device_knows_its_process_and_the_process_its_device() {
        let now = moment(None, 1, 10);
        let of = |identity: &[u8]| {
            now.find(FamilyId::GpuProcess, key(7, Some(900), device_key(identity))).expect("there")
        };
        assert_eq!(of(b"a").get(resident_bytes), Some(3.0 * GIB as f64));
        assert_eq!((index_of(of(b"a")), index_of(of(b"part"))), (Some(4.0), Some(6.0)));
        let process = |start| now.find(FamilyId::Process, Key(7, start)).expect("there");
        assert_eq!(process(900).get(process::gpu_index), Some(4.0), "there it holds most");
        assert_eq!(process(800).get(process::gpu_index), None, "that one is on none");
        assert_eq!(moment(None, 1, 1).find(FamilyId::Process, Key(7, 900)).and_then(|row| row.get(process::gpu_index)), Some(6.0));
    }
}
