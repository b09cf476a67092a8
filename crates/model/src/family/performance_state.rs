//! Performance states: how long each was held.

family! {
    /// Performance states of clusters and graphics processors: how long each was held.
    PerformanceState "performance_state" "performance_states" many
    text {
        /// The cluster, or `GPU`.
        domain: Label,
        /// Name that the driver gives the state.
        state: Label,
    }
    raw {
        /// Number of the state, the slowest first.
        index: Gauge Count { scraped: false },
        /// Clock of the state.
        frequency_hertz: Gauge Hertz { scraped: false, label: "CLOCK" },
        /// Time in the state, of all cores of the domain together.
        residency_seconds: Counter Seconds / 1000000 { scraped: false, label: "TIME" },
        /// Time of all cores of the domain together.
        whole_seconds: Counter Seconds / 1000000 { scraped: false },
    }
    derived {
        /// Share of the time in the state.
        share_ratio: Ratio { label: "SHARE" } =
            |d| Some(d.increase_per(residency_seconds, whole_seconds)?.min(1.0));
    }
}
