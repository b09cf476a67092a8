//! What asking the drivers of graphics processors costs.

family! {
    /// Calls into libraries of drivers: what each has cost since retop began to use the library.
    GpuCall "gpu_call" "gpu_calls" many
    text {
        /// Name of the function.
        symbol: Label,
        /// Numbers of the devices that it does not work for.
        refused_by: Info { label: "NOT FOR" },
        /// Numbers of the devices for which it wants more rights.
        denied_by: Info { label: "DENIED BY" },
    }
    raw {
        /// 1 if the library has the function.
        present: Gauge Count { scraped: false },
        /// Calls made.
        calls: Counter Count { scraped: false, label: "CALLS" },
        /// Time that the calls took.
        call_seconds: Counter Seconds / 1000000000 { scraped: false, label: "TIME" },
        /// What half of the calls took at most, to a fifth.
        median_seconds: Gauge Seconds / 1000000000 { scraped: false, label: "P50" },
        /// What 99 of 100 calls took at most, to a fifth.
        p99_seconds: Gauge Seconds / 1000000000 { scraped: false, label: "P99" },
        /// The longest that one call took.
        worst_seconds: Gauge Seconds / 1000000000 { scraped: false, label: "WORST" },
    }
    derived {
        /// Share of the interval spent waiting for the function.
        busy_ratio: Ratio { label: "BUSY" } = |d| d.rate(call_seconds);
        /// Mean time of a call over the last interval.
        mean_seconds: Seconds { label: "MEAN" } = |d| d.increase_per(call_seconds, calls);
    }
}
