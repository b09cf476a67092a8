//! Control groups, version 2.

family! {
    /// Control groups (version 2): what each uses and what it may use.
    Cgroup "cgroup" "cgroups" many
    text {
        /// Path below the root of the hierarchy.
        cgroup: Label,
        /// Container identifier or systemd unit that the path tells.
        container: Info,
    }
    raw {
        /// CPU time used.
        cpu_seconds: Counter Seconds / 1000000,
        /// CPU time used in user programs.
        user_seconds: Counter Seconds / 1000000 { scraped: false },
        /// CPU time used in the kernel.
        system_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Periods in which the quota was in force.
        cpu_periods: Counter Count { scraped: false },
        /// Periods in which the quota ran out.
        cpu_throttled_periods: Counter Count { scraped: false },
        /// Time in which tasks were held back by the quota.
        cpu_throttled_seconds: Counter Seconds / 1000000,
        /// CPUs' worth of time that may be used; absent without a quota.
        cpu_limit: Gauge Count / 1000000 { label: "CPUS" },
        /// Share of CPU time relative to siblings.
        cpu_weight: Gauge Count { scraped: false },
        /// Memory in use, page cache included.
        memory_bytes: Gauge Bytes { label: "+CACHE" },
        /// Most memory ever in use.
        memory_peak_bytes: Gauge Bytes { scraped: false, label: "PEAK" },
        /// Memory in use that cannot be dropped at once: without inactive file pages.
        working_set_bytes: Gauge Bytes { label: "MEM" },
        /// Memory that may be used; absent without a limit.
        memory_limit_bytes: Gauge Bytes { label: "LIMIT" },
        /// Memory above which the group is slowed down; absent without one.
        memory_high_bytes: Gauge Bytes { scraped: false },
        /// Memory that no file stands behind.
        anonymous_bytes: Gauge Bytes { scraped: false },
        /// Page cache of the group.
        file_bytes: Gauge Bytes { scraped: false },
        /// Kernel memory charged to the group.
        kernel_bytes: Gauge Bytes { scraped: false },
        /// Swap in use.
        swap_bytes: Gauge Bytes { scraped: false, label: "SWAP" },
        /// Memory that zswap takes for the group.
        zswap_bytes: Gauge Bytes { scraped: false },
        /// Processes killed for want of memory, those of the groups below it too.
        oom_kills: Counter Count { label: "OOM" },
        /// Times at which the group's own limit left no memory to be had, whereupon the kernel kills.
        limit_ooms: Counter Count { scraped: false },
        /// Times that the group was slowed for passing its high mark.
        memory_high_events: Counter Count { scraped: false },
        /// Bytes read from all devices.
        read_bytes: Counter Bytes,
        /// Bytes written to all devices.
        written_bytes: Counter Bytes,
        /// Reads from all devices.
        reads: Counter Count { scraped: false },
        /// Writes to all devices.
        writes: Counter Count { scraped: false },
        /// Processes and threads.
        tasks: Gauge Count { label: "TASKS" },
        /// Processes and threads that may exist; absent without a limit.
        tasks_limit: Gauge Count { scraped: false },
        /// Time in which a task of the group waited for a CPU.
        cpu_pressure_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Time in which a task of the group waited for memory.
        memory_pressure_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Time in which a task of the group waited for a disk.
        io_pressure_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Depth below the root, which is 0.
        depth: Gauge Count { scraped: false },
    }
    derived {
        /// CPUs' worth of time used: 1 is one CPU.
        cpu_ratio: Ratio { label: "CPU%" } = |d| d.rate(cpu_seconds);
        /// CPU use as a share of the quota.
        cpu_limit_ratio: Ratio =
            |d| Some(d.rate(cpu_seconds)? / d.now(cpu_limit).filter(|&limit| limit > 0.0)?);
        /// Share of periods in which the quota ran out.
        throttled_ratio: Ratio { label: "THROT" } = |d| d.increase_per(cpu_throttled_periods, cpu_periods);
        /// Working set as a share of the limit.
        memory_limit_ratio: Ratio = |d| d.share(working_set_bytes, memory_limit_bytes);
        /// Processes and threads as a share of those that may exist.
        tasks_ratio: Ratio = |d| d.share(tasks, tasks_limit);
        /// Bytes read per second.
        read_bytes_per_second: BytesPerSecond { label: "RD/s" } = |d| d.rate(read_bytes);
        /// Bytes written per second.
        written_bytes_per_second: BytesPerSecond { label: "WR/s" } = |d| d.rate(written_bytes);
        /// Processes killed for want of memory per second, those of the groups below it too.
        oom_kills_per_second: PerSecond = |d| d.rate(oom_kills);
        /// Kills per second for which the group's own limit was the reason. Linux before 5.2 does not
        /// tell whose limit it was: all kills there.
        limit_oom_kills_per_second: PerSecond = |d| match d.now(limit_ooms) {
            Some(_) => d.rate(limit_ooms),
            None => d.rate(oom_kills),
        };
        /// Share of the interval in which a task waited for a CPU.
        cpu_pressure_ratio: Ratio { label: "PSIcpu" } = |d| Some(d.rate(cpu_pressure_seconds)?.min(1.0));
        /// Share of the interval in which a task waited for memory.
        memory_pressure_ratio: Ratio { label: "PSImem" } = |d| Some(d.rate(memory_pressure_seconds)?.min(1.0));
        /// Share of the interval in which a task waited for a disk.
        io_pressure_ratio: Ratio { label: "PSIio" } = |d| Some(d.rate(io_pressure_seconds)?.min(1.0));
    }
}
