//! What processes use of graphics processors.

use retop_model::RawTable;
use retop_model::family::gpu_process;

use super::Tally;

/// Steps of a share.
const WHOLE: f64 = 10_000.0;

impl Tally {
    /// Takes what came with a process table.
    pub(super) fn on_gpu(&mut self, table: &RawTable) {
        let last = self.last_gpu.replace(table.window());
        // Memory is held at any time; a share is one of the time since the last read.
        let passed = last.and_then(|last| table.window().seconds_since(last));
        for row in 0..table.len() {
            let pid = table.raw(row, gpu_process::pid).unwrap_or(0);
            if self.pid.is_some_and(|only| only != pid) {
                continue;
            }
            let start = table.raw(row, gpu_process::start_seconds);
            let share = table.raw(row, gpu_process::utilization_ratio);
            let seconds = share.zip(passed).map(|(share, passed)| share as f64 / WHOLE * passed);
            let memory = table.raw(row, gpu_process::memory_bytes);
            let after = self.live.partition_point(|live| live.pid < pid);
            let same = self.live.get(after..).unwrap_or_default().iter();
            let live = same
                .take_while(|live| live.pid == pid)
                .find(|live| start.is_some() && live.start_us == start);
            let name = table.texts(row).get(usize::from(gpu_process::name.index));
            let name = name.and_then(Option::as_ref).map(|name| name.shown());
            self.groups.on_gpu(live.map(|live| &live.place), name, seconds, memory);
        }
    }
}
