//! What the hardware counters of a process say of it, in a line.

use retop_model::Row;
use retop_model::family::process;
use retop_model::human::Percent;

use crate::short;
use crate::tui::units::Text;

/// Below it a processor that could do four instructions in a cycle stands still most of the time.
const WAITS: f64 = 0.7;
/// From it on it is at work most of the time.
const COMPUTES: f64 = 2.0;
/// So many misses per reference and the waiting is for memory.
const MISSES: f64 = 0.1;
/// So many wrong predictions per branch and the waiting is for the right instructions.
const STUMBLES: f64 = 0.05;

/// The verdict and what it rests on; nothing without counters.
#[must_use]
pub fn of(row: Row<'_>) -> Option<Text> {
    let ipc = row.get(process::ipc)?;
    let misses = row.get(process::cache_miss_ratio);
    let stumbles = row.get(process::branch_miss_ratio);
    let verdict = match () {
        () if ipc >= COMPUTES => "computes",
        () if ipc >= WAITS => "computes and waits in turn",
        () if misses.is_some_and(|ratio| ratio >= MISSES) => "waits for memory",
        () if stumbles.is_some_and(|ratio| ratio >= STUMBLES) => "stumbles over branches",
        () => "waits",
    };
    let mut text = short!("{verdict}: IPC {ipc:.2}");
    let shares = [(misses, "LLC misses"), (stumbles, "branch misses")];
    for (share, name) in shares {
        if let Some(share) = share {
            text.push(&short!(", {} {name}", Percent(share)));
        }
    }
    // Where cores are of several kinds, one number is a mean of two machines.
    let kinds = [process::performance_ipc, process::efficiency_ipc].map(|field| row.get(field));
    if let Some(share) = row.get(process::efficiency_cycle_ratio) {
        if let Some(ipc) = kinds[0] {
            text.push(&short!(", P {ipc:.2}"));
        }
        if let Some(ipc) = kinds[1] {
            text.push(&short!(", E {ipc:.2}"));
        }
        text.push(&short!(", {} of the cycles on E cores", Percent(share)));
    }
    if let Some(counted) = row.get(process::counted_ratio).filter(|&counted| counted < 0.5) {
        text.push(&short!(" (~ counted {} of its time)", Percent(counted)));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use retop_model::{FamilyId, Key, RawSample, RawTable, Snapshot, Stamp, Window, derive};

    use super::*;

    /// Counts in one second: cycles, instructions, references, misses, branches, wrong ones.
    /// The last two are the cycles and instructions of efficiency cores.
    fn after(counts: [Option<i64>; 6], counted: i64, efficient: [Option<i64>; 2]) -> Snapshot {
        let sample = |second: u64, counts: [Option<i64>; 6], efficient: [Option<i64>; 2]| {
            let ns = second * 1_000_000_000;
            let stamp = Stamp { wall_ms: 0, monotonic_ns: ns, boottime_ns: ns };
            let mut table = RawTable::new(FamilyId::Process);
            let mut row = table.push(Key(1, 0));
            row.set(process::counted_ratio, counted);
            for (field, count) in process::COUNTERS.into_iter().zip(counts) {
                row.set(field, count);
            }
            for (field, count) in process::EFFICIENCY_COUNTERS.into_iter().zip(efficient) {
                row.set(field, count);
            }
            table.finish(Window { begin_ns: ns, end_ns: ns });
            let mut sample = RawSample::new(stamp);
            sample.put(Arc::new(table));
            Arc::new(sample)
        };
        let none = |count: Option<i64>| count.map(|_| 0);
        let first = derive(None, sample(1, counts.map(none), efficient.map(none)));
        derive(Some(&first), sample(2, counts, efficient))
    }

    #[test]
    fn verdicts_and_their_evidence() {
        let all = |counts: [i64; 6]| counts.map(Some);
        for (counts, counted, expected) in [
            (
                all([1000, 400, 100, 31, 100, 1]),
                10_000,
                Some("waits for memory: IPC 0.40, 31% LLC misses, 1.0% branch misses"),
            ),
            (
                all([1000, 400, 100, 3, 100, 9]),
                10_000,
                Some("stumbles over branches: IPC 0.40, 3.0% LLC misses, 9.0% branch misses"),
            ),
            (
                all([1000, 3000, 0, 0, 100, 0]),
                10_000,
                Some("computes: IPC 3.00, 0.0% branch misses"),
            ),
            (
                all([1000, 1000, 100, 50, 0, 0]),
                4_000,
                Some(
                    "computes and waits in turn: IPC 1.00, 50% LLC misses (~ counted 40% of its time)",
                ),
            ),
            ([Some(1000), Some(500), None, None, None, None], 10_000, Some("waits: IPC 0.50")),
            (all([0; 6]), 10_000, None),
            ([None; 6], 10_000, None),
        ] {
            let now = after(counts, counted, [None; 2]);
            let row = now.row(FamilyId::Process, 0).expect("there");
            assert_eq!(of(row).as_ref().map(|text| text.as_str()), expected);
        }
    }

    #[test]
    fn kinds_of_cores_are_told_apart() {
        let counts = [Some(1000), Some(2000), None, None, None, None];
        for (efficient, expected) in [
            (
                [Some(250), Some(200)],
                "computes: IPC 2.00, P 2.40, E 0.80, 25% of the cycles on E cores",
            ),
            ([Some(1000), Some(2000)], "computes: IPC 2.00, E 2.00, 100% of the cycles on E cores"),
            ([Some(0), Some(0)], "computes: IPC 2.00, P 2.00, 0.0% of the cycles on E cores"),
            // More than there is in all: nothing is said of the other kind.
            ([Some(1100), Some(200)], "computes: IPC 2.00, E 0.18, 100% of the cycles on E cores"),
        ] {
            let now = after(counts, 10_000, efficient);
            let row = now.row(FamilyId::Process, 0).expect("there");
            assert_eq!(of(row).as_ref().map(|text| text.as_str()), Some(expected));
        }
    }
}
