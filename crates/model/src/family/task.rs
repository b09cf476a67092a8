//! Processes and threads, counted.

use crate::metric::{named, series};

family! {
    /// Counts of processes and threads by state.
    Task "task" "tasks" one
    text {}
    raw {
        /// Processes, kernel threads included.
        processes: Gauge Count { scraped: false },
        /// Threads of user programs.
        threads: Gauge Count { series: named("threads") },
        /// Threads of the kernel.
        kernel_threads: Gauge Count { scraped: false },
        /// Processes on a CPU or waiting for one.
        running: Gauge Count { series: series("processes", "state", "running") },
        /// Processes that wait for an event.
        sleeping: Gauge Count { series: series("processes", "state", "sleeping") },
        /// Processes in uninterruptible sleep, mostly for a disk.
        blocked: Gauge Count { series: series("processes", "state", "blocked") },
        /// Processes stopped by a signal or a debugger.
        stopped: Gauge Count { series: series("processes", "state", "stopped") },
        /// Processes that have ended and whose parent has not asked for their exit code.
        zombies: Gauge Count { series: series("processes", "state", "zombie") },
        /// Kernel threads with nothing to do.
        idle: Gauge Count { series: series("processes", "state", "idle"), scraped: false },
        /// Processes seen to end; short-lived ones only where the kernel reports exits.
        exited: Counter Count { series: named("processes_exited"), scraped: false },
        /// Processes hidden from retop by the mount options of /proc.
        hidden: Gauge Count { scraped: false },
    }
    derived {
        /// Processes that ended per second.
        exited_per_second: PerSecond = |d| d.rate(exited);
    }
}
