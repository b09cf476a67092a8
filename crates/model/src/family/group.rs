//! Processes taken together by name, for servers that keep time series.

use crate::metric::{named, series};

family! {
    /// Groups of processes, only when asked for: what each used since retop began to watch it.
    Group "group" "groups" many
    text {
        /// Name of the group; `other` holds every process that no group claims.
        group: Label,
    }
    raw {
        /// Processes that exist.
        processes: Gauge Count,
        /// Threads of these processes.
        threads: Gauge Count,
        /// CPU time in user code, of processes that have ended too.
        user_seconds: Counter Seconds / 1000000 { series: series("group_cpu_seconds", "mode", "user") },
        /// CPU time in the kernel, of processes that have ended too.
        system_seconds: Counter Seconds / 1000000 { series: series("group_cpu_seconds", "mode", "system") },
        /// Memory in use; pages that processes share count once for each.
        resident_bytes: Gauge Bytes { series: named("group_resident_memory_bytes") },
        /// Bytes read from disks, as far as retop may see them.
        read_bytes: Counter Bytes,
        /// Bytes written to disks, as far as retop may see them.
        written_bytes: Counter Bytes,
        /// Cycles of those that have hardware counters attached: the busiest.
        cycles: Counter Count,
        /// Instructions of those that have hardware counters attached.
        instructions: Counter Count,
        /// References to the last-level cache by those that have hardware counters attached.
        cache_references: Counter Count,
        /// Those of them that went on to memory.
        cache_misses: Counter Count,
        /// Branches of those that have hardware counters attached.
        branches: Counter Count,
        /// Those of them that the processor predicted wrong.
        branch_misses: Counter Count,
        /// Energy of the processors laid to them by their share of the CPU time.
        energy_joules: Counter Joules / 1000000 { estimated: true, series: named("group_energy_joules") },
        /// Memory that they hold on graphics processors, as far as drivers tell.
        gpu_memory_bytes: Gauge Bytes,
        /// Share of the time of graphics processors that they take; 1 is a whole device.
        gpu_ratio: Gauge Ratio / 10000 { series: named("group_gpu_utilization_ratio") },
        /// Time until memory of a graphics processor is full that one of them fills; the soonest.
        gpu_full_seconds: Gauge Seconds / 1000 { estimated: true },
    }
    derived {}
}
