//! How deeply the processor sleeps.

family! {
    /// Idle states of the processor, summed over its CPUs.
    IdleState "idle_state" "idle_states" many
    text {
        /// Name of the state, such as `C6`.
        state: Label,
        /// The driver's description of the state.
        description: Info,
    }
    raw {
        /// Time that CPUs spent in the state.
        time_seconds: Counter Seconds / 1000000,
        /// Times that a CPU entered the state.
        entries: Counter Count,
        /// CPUs that have the state.
        cpus: Gauge Count { scraped: false },
    }
    derived {
        /// Share of all CPU time spent in the state.
        time_ratio: Ratio { label: "TIME" } = |d| {
            let cpus_there = d.now(cpus).filter(|&n| n > 0.0)?;
            Some((d.rate(time_seconds)? / cpus_there).clamp(0.0, 1.0))
        };
    }
}
