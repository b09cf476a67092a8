//! Threads of processes that somebody looks into.

use super::cpu;

family! {
    /// Threads, of processes whose threads were asked for.
    Thread "thread" "threads" many
    text {
        /// Name of the thread.
        name: Info { label: "NAME" },
    }
    raw {
        /// Thread identifier.
        tid: Gauge Count { label: "TID" },
        /// Process that the thread belongs to.
        pid: Gauge Count { label: "PID" },
        /// When the thread started, in time since boot.
        start_seconds: Gauge Seconds / 1000000 { scraped: false },
        /// What the thread does; states as of a process.
        state: State ["running", "sleeping", "blocked", "stopped", "traced", "zombie", "dead", "idle", "unknown"] Count { label: "S" },
        /// Nice value.
        nice: Gauge Count { label: "NI" },
        /// Priority as the kernel's scheduler counts it.
        priority: Gauge Count { label: "PRI" },
        /// CPU on which the thread last ran.
        last_cpu: Gauge Count { label: "CPU" },
        /// CPU time in user code.
        user_seconds: Counter Seconds / 1000000 { label: "UTIME" },
        /// CPU time in the kernel.
        system_seconds: Counter Seconds / 1000000 { label: "STIME" },
        /// Page faults that had to read from a disk.
        major_faults: Counter Count { label: "MAJFLT" },
    }
    derived {
        /// CPU time used per second: 1 is one CPU.
        cpu_ratio: Ratio { label: "CPU%" } = |d| {
            let used = d.increase(user_seconds)? + d.increase(system_seconds)?;
            Some(used / d.elapsed_seconds()?)
        };
        /// CPU time used as a share of the whole machine.
        cpu_machine_ratio: Ratio { label: "CPU%all" } =
            |d| Some(d.now(cpu_ratio)? / d.machine(cpu::logical).filter(|&n| n > 0.0)?);
        /// CPU time used since the start.
        cpu_seconds: Seconds { label: "TIME" } =
            |d| Some(d.now(user_seconds)? + d.now(system_seconds)?);
    }
}
