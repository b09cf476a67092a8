//! What processes use of graphics processors.

use super::gpu;
use crate::family::FamilyId;
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
        /// Change of the memory that the process holds, over the last interval.
        memory_growth_bytes_per_second: BytesPerSecond { label: "VRAM/s" } =
            |d| Some(d.change(memory_bytes)? / d.elapsed_seconds()?);
    }
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
