//! A graphics processor that idles because the process on it waits for something else: with the
//! number that says so, and nothing where no number does.

use crate::family::{FamilyId, gpu, gpu_process, process};
use crate::snapshot::Row;

/// What the process is held up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// All that it does is what one CPU can do.
    OneCpu,
    /// It waits for disks.
    Disks,
    /// It is ready to run and has no CPU.
    Queue,
}

/// A device that idles, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Starved {
    /// What the device did of what it could.
    pub busy: f64,
    /// What holds the process up.
    pub cause: Cause,
    /// The share of the interval for which it did.
    pub share: f64,
}

/// A device that does less than this is not at work.
const IDLE: f64 = 0.3;
/// A process that holds less than this has begun to use the device and no more: a bare context of
/// CUDA takes a quarter to half a GiB.
const HELD_BYTES: f64 = 768.0 * 1024.0 * 1024.0;
/// A process that waits for less than this of its time is not held up.
const WAITS: f64 = 0.3;
/// What one CPU can do, with what other threads do beside it.
const ONE_CPU: std::ops::RangeInclusive<f64> = 0.85..=1.25;

/// Whether the device that the process is on starves, and why. The process's row on the device goes
/// in; a server that nobody asks for anything idles for no such reason.
#[must_use]
pub fn of(row: Row<'_>) -> Option<Starved> {
    if row.get(gpu_process::memory_bytes)? < HELD_BYTES {
        return None;
    }
    let now = row.snapshot();
    let identity = row.text(gpu_process::uuid)?.raw();
    let device = now.find(FamilyId::Gpu, gpu_process::device_key(identity))?;
    let busy = device.get(gpu::utilization_ratio).or_else(|| device.get(gpu::shader_ratio))?;
    if busy >= IDLE {
        return None;
    }
    let process = gpu_process::process_of(row)?;
    let waits = |field| process.get(field).filter(|&share| share >= WAITS);
    let (cause, share) =
        [(Cause::Disks, process::io_delay_ratio), (Cause::Queue, process::run_wait_ratio)]
            .into_iter()
            .find_map(|(cause, field)| Some((cause, waits(field)?)))
            .or_else(|| {
                let share = process.get(process::cpu_ratio)?;
                ONE_CPU.contains(&share).then_some((Cause::OneCpu, share))
            })?;
    Some(Starved { busy, cause, share })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Key, RawSample, RawTable, Snapshot, Stamp, Window, derive};

    const GIB: i64 = 1 << 30;

    /// Percent of the device, GiB held, and in a second: milliseconds of CPU, of waiting for disks
    /// and for a CPU.
    fn moment(before: Option<&Snapshot>, second: i64, of: [i64; 5]) -> Snapshot {
        let ns = second as u64 * 1_000_000_000;
        let stamp = Stamp { wall_ms: second * 1000, monotonic_ns: ns, boottime_ns: ns };
        let mut sample = RawSample::new(stamp);
        let window = Window { begin_ns: ns, end_ns: ns };
        let [busy, held, cpu, disks, queue] = of;
        let device = gpu_process::device_key(b"GPU-a");
        let mut table = RawTable::new(FamilyId::Gpu);
        table.push(device).text(gpu::uuid, "GPU-a").set(gpu::utilization_ratio, busy);
        table.finish(window);
        sample.put(Arc::new(table));
        let mut table = RawTable::new(FamilyId::GpuProcess);
        table
            .push(gpu_process::key(7, Some(900), device))
            .text(gpu_process::uuid, "GPU-a")
            .set(gpu_process::pid, 7)
            .set(gpu_process::start_seconds, 900)
            .set(gpu_process::memory_bytes, held * GIB);
        table.finish(window);
        sample.put(Arc::new(table));
        let mut table = RawTable::new(FamilyId::Process);
        let mut row = table.push(Key(7, 3));
        row.set(process::pid, 7).set(process::start_seconds, 900);
        for (field, ms) in [
            (process::user_seconds, cpu),
            (process::io_delay_seconds, disks),
            (process::run_wait_seconds, queue),
        ] {
            let crate::metric::Slot::Raw(at) = field.slot else { panic!("raw") };
            let divisor = field.family.get().raw[usize::from(at)].divisor;
            row.set(field, second * ms * divisor / 1000);
        }
        row.set(process::system_seconds, 0);
        table.finish(window);
        sample.put(Arc::new(table));
        derive(before, Arc::new(sample))
    }

    #[test]
    fn a_device_starves_only_where_a_number_says_why() {
        for (of_second, wanted) in [
            ([7, 20, 980, 0, 0], Some(Cause::OneCpu)),
            ([7, 20, 300, 620, 0], Some(Cause::Disks)),
            ([7, 20, 500, 0, 450], Some(Cause::Queue)),
            // Busy; not begun; asked for nothing; at work on many CPUs.
            ([85, 20, 980, 0, 0], None),
            ([7, 0, 980, 0, 0], None),
            ([7, 20, 10, 0, 0], None),
            ([7, 20, 7900, 0, 0], None),
        ] {
            let first = moment(None, 1, of_second);
            let now = moment(Some(&first), 2, of_second);
            let row = now.rows(FamilyId::GpuProcess).next().expect("a row");
            let found = of(row);
            assert_eq!(found.map(|starved| starved.cause), wanted, "{of_second:?}");
            if let Some(Starved { busy, share, .. }) = found {
                assert!((busy - 0.07).abs() < 1e-9 && share >= 0.3, "{of_second:?}");
            }
            // Without a rate nothing is said.
            assert_eq!(of(first.rows(FamilyId::GpuProcess).next().expect("a row")), None);
        }
    }
}
