//! Threads of the processes that somebody looks into.

use retop_model::family::{process, thread};
use retop_model::{FamilyId, Key, RawTable, Text};

use super::listing::Listing;
use super::stat::Stat;
use crate::linux::kept;
use crate::source::Read;

/// Each thread costs an open, a read and a close: 10 µs. A process with more than this shows the
/// first of them.
const MOST: usize = 4096;

/// Reads the threads of those rows, the ones that the demand names.
pub fn read(
    listing: &Listing,
    processes: &RawTable,
    wanted: &[usize],
    buffer: &mut [u8],
    read: &mut Read<'_>,
) {
    if wanted.is_empty() {
        return;
    }
    let begin_ns = read.now_ns();
    let mut table = read.table(FamilyId::Thread);
    let mut tids = Vec::new();
    let mut names = vec![0; 64 * 1024];
    for &row in wanted {
        let pid = processes.reading(row, 0);
        debug_assert_eq!(process::pid.slot, retop_model::metric::Slot::Raw(0));
        let Some(pid) = pid.get().and_then(|pid| u32::try_from(pid).ok()) else { continue };
        let Ok(tasks) = listing.threads(pid) else { continue };
        if tasks.pids(&mut tids, &mut names).is_err() {
            continue;
        }
        for &tid in tids.iter().take(MOST) {
            let Ok(file) = tasks.open_at(tid, c"stat") else { continue };
            let Ok(len) = kept::pread(&file, buffer) else { continue };
            let Some(stat) = buffer.get(..len).and_then(Stat::parse) else { continue };
            let microseconds = |ticks: u64| ticks.saturating_mul(10_000);
            table
                .push(Key(u64::from(tid), stat.start_ticks))
                .text(thread::name, Text::new(stat.comm))
                .set(thread::tid, tid)
                .set(thread::pid, pid)
                .set(thread::start_seconds, microseconds(stat.start_ticks))
                .set(thread::state, process::state_of(stat.state))
                .set(thread::nice, stat.nice)
                .set(thread::priority, stat.priority)
                .set(thread::last_cpu, stat.last_cpu)
                .set(thread::user_seconds, microseconds(stat.user_ticks))
                .set(thread::system_seconds, microseconds(stat.system_ticks))
                .set(thread::major_faults, stat.major_faults);
        }
    }
    read.give(table, begin_ns);
}
