//! What the container that retop runs in may use.

family! {
    /// Limits of the container or cgroup that retop itself runs in.
    Limit "limit" "limits" one
    text {
        /// Path of the cgroup whose limits these are, as retop sees it.
        cgroup: Info,
        /// Container identifier, if the path tells one.
        container: Info,
    }
    raw {
        /// CPUs' worth of time that may be used: quota over period.
        cpus: Gauge Count / 1000000,
        /// Memory that may be used.
        memory_limit_bytes: Gauge Bytes,
        /// Memory above which the kernel slows the container down.
        memory_high_bytes: Gauge Bytes { scraped: false },
        /// Memory in use, page cache included.
        memory_bytes: Gauge Bytes { scraped: false },
        /// Memory in use that cannot be dropped at once: without inactive file pages.
        working_set_bytes: Gauge Bytes,
        /// Swap that may be used.
        swap_limit_bytes: Gauge Bytes { scraped: false },
        /// Processes and threads that may exist.
        tasks_limit: Gauge Count,
        /// Processes and threads that exist.
        tasks: Gauge Count,
        /// CPU time used by the container.
        cpu_seconds: Counter Seconds / 1000000,
        /// Time in which the container was held back by its quota.
        throttled_seconds: Counter Seconds / 1000000,
    }
    derived {
        /// CPU use as a share of the quota.
        cpu_ratio: Ratio = |d| Some(d.rate(cpu_seconds)? / d.now(cpus).filter(|&n| n > 0.0)?);
        /// Working set as a share of the memory limit.
        memory_ratio: Ratio = |d| d.share(working_set_bytes, memory_limit_bytes);
        /// Processes and threads as a share of those that may exist.
        tasks_ratio: Ratio = |d| d.share(tasks, tasks_limit);
        /// Share of the last interval in which the quota held the container back; sums over CPUs, so it may pass 1.
        throttled_ratio: Ratio = |d| d.rate(throttled_seconds);
    }
}
