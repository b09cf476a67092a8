//! Pressure stall information: time lost for want of a resource.

use crate::metric::named;

family! {
    /// Time in which tasks stalled for want of a resource.
    Pressure "pressure" "pressure" many
    text {
        /// `cpu`, `memory`, `io` or `irq`.
        resource: Label,
    }
    raw {
        /// Time in which at least one task waited for the resource.
        some_seconds: Counter Seconds / 1000000 { series: named("pressure_waiting_seconds") },
        /// Time in which all tasks that were not idle waited for the resource.
        full_seconds: Counter Seconds / 1000000 { series: named("pressure_stalled_seconds") },
        /// The kernel's own share of waiting over 10 seconds.
        some_10s_ratio: Gauge Ratio / 10000 { scraped: false, label: "SOME10s" },
        /// The kernel's own share of waiting over 60 seconds.
        some_60s_ratio: Gauge Ratio / 10000 { scraped: false, label: "SOME60s" },
        /// The kernel's own share of full stalls over 10 seconds.
        full_10s_ratio: Gauge Ratio / 10000 { scraped: false, label: "FULL10s" },
        /// The kernel's own share of full stalls over 60 seconds.
        full_60s_ratio: Gauge Ratio / 10000 { scraped: false, label: "FULL60s" },
    }
    derived {
        /// Share of the last interval in which at least one task waited.
        some_ratio: Ratio { label: "SOME" } = |d| Some(d.rate(some_seconds)?.min(1.0));
        /// Share of the last interval in which all tasks waited.
        full_ratio: Ratio { label: "FULL" } = |d| Some(d.rate(full_seconds)?.min(1.0));
    }
}
