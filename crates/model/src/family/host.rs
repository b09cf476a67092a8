//! The machine as a whole: who it is and how long it has been up.

use super::task;
use crate::metric::{named, series};

family! {
    /// The machine: its name, kernel, uptime and load.
    Host "host" "host" one
    text {
        /// Host name.
        name: Info,
        /// Operating system, from `os-release` where there is one.
        os: Info,
        /// Kernel release.
        kernel: Info,
        /// Machine architecture, such as `x86_64`.
        architecture: Info,
        /// Processor model as the processor names itself.
        cpu_model: Info,
        /// Identifier of this boot; process identities are only valid within one.
        boot_id: Info,
        /// Virtual machine or container that retop runs in, as far as it can be told.
        virtualization: Info,
    }
    raw {
        /// When the machine was booted.
        boot_time_seconds: Gauge Timestamp / 1000 { series: named("boot_time_seconds") },
        /// Time since boot, suspend included.
        uptime_seconds: Gauge Seconds / 1000 { scraped: false },
        /// Load average of one minute: tasks running, runnable or in uninterruptible sleep.
        load_1m: Gauge Count / 100 { series: series("load_average", "period", "1m") },
        /// Load average of five minutes.
        load_5m: Gauge Count / 100 { series: series("load_average", "period", "5m") },
        /// Load average of fifteen minutes.
        load_15m: Gauge Count / 100 { series: series("load_average", "period", "15m") },
        /// File handles in use.
        file_handles: Gauge Count { scraped: false },
        /// Highest number of file handles.
        file_handles_limit: Gauge Count { scraped: false },
        /// Highest process identifier plus one.
        pid_limit: Gauge Count { scraped: false },
    }
    derived {
        /// File handles in use as a share of those that may exist.
        file_handles_ratio: Ratio = |d| d.share(file_handles, file_handles_limit);
        /// Process identifiers in use, one for each thread, as a share of those that there are.
        pid_ratio: Ratio = |d| {
            let used = d.machine(task::threads)? + d.machine(task::kernel_threads)?;
            Some(used / d.now(pid_limit).filter(|&limit| limit > 0.0)?)
        };
    }
}
