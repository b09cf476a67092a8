//! What the kernel accounts of each process beyond the common, where it does.

family! {
    /// What the kernel accounts of each process beyond the common: energy, wakeups, classes of service.
    Usage "process_usage" "process_usage" many
    text {}
    raw {
        /// Process identifier.
        pid: Gauge Count { label: "PID" },
        /// When the process started, in time since boot.
        start_seconds: Gauge Seconds / 1000000 { scraped: false },
        /// Memory that the process is answerable for, compressed memory included.
        footprint_bytes: Gauge Bytes { label: "FOOT" },
        /// Memory of it that the neural engine holds.
        neural_bytes: Gauge Bytes { label: "NEURAL" },
        /// Energy of the cores that the kernel itself lays to the process.
        energy_joules: Counter Joules / 1000000000 { label: "ENERGY" },
        /// The part of it on performance cores.
        performance_energy_joules: Counter Joules / 1000000000,
        /// CPU time on performance cores.
        performance_seconds: Counter Seconds / 1000000 { label: "P TIME" },
        /// Times that the process woke a core from idling.
        idle_wakeups: Counter Count { label: "IDLEW" },
        /// Times that the process was woken by an interrupt.
        interrupt_wakeups: Counter Count { label: "INTRW" },
        /// CPU time without a class of service.
        default_seconds: Counter Seconds / 1000000,
        /// CPU time for maintenance.
        maintenance_seconds: Counter Seconds / 1000000,
        /// CPU time in the background.
        background_seconds: Counter Seconds / 1000000,
        /// CPU time for work whose progress is shown.
        utility_seconds: Counter Seconds / 1000000,
        /// CPU time of programs that know no classes.
        legacy_seconds: Counter Seconds / 1000000,
        /// CPU time for what the user began.
        initiated_seconds: Counter Seconds / 1000000,
        /// CPU time for what the user waits for.
        interactive_seconds: Counter Seconds / 1000000,
    }
    derived {
        /// Power of the cores that the kernel lays to the process.
        watts: Watts { label: "PWR" } = |d| d.rate(energy_joules);
        /// CPU time on performance cores per second: 1 is one core.
        performance_ratio: Ratio { label: "P%", adds: Some(true) } = |d| d.rate(performance_seconds);
        /// Times per second that the process woke a core or was woken.
        wakeups_per_second: PerSecond { label: "WAKE/s" } =
            |d| Some(d.rate(idle_wakeups)? + d.rate(interrupt_wakeups)?);
    }
}
