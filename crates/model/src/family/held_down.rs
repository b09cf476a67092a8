//! Why clocks were held down.

family! {
    /// Why clocks were held down: how long each reason was the one that counted most.
    HeldDown "held_down" "held_down" many
    text {
        /// `all` cores, a cluster of them, or the `GPU`.
        domain: Label,
        /// Name that the driver gives the reason.
        reason: Label,
    }
    raw {
        /// Number of the reason, as the driver counts them.
        index: Gauge Count { scraped: false },
        /// Time in which that reason counted most.
        held_seconds: Counter Seconds / 1000000 { label: "TIME" },
        /// Time of which a reason is told, that of none included.
        whole_seconds: Counter Seconds / 1000000 { scraped: false },
    }
    derived {
        /// Share of the time in which that reason counted most.
        share_ratio: Ratio { label: "SHARE" } =
            |d| Some(d.increase_per(held_seconds, whole_seconds)?.min(1.0));
    }
}
