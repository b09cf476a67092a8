//! What retop itself costs. A guest says so.

use crate::metric::named;

family! {
    /// This program: its own cost on the machine that it watches.
    Own "self" "self" one
    text {
        /// Version of retop.
        version: Info,
    }
    raw {
        /// CPU time used by retop itself.
        cpu_seconds: Counter Seconds / 1000000,
        /// Resident memory of retop itself.
        resident_bytes: Gauge Bytes,
        /// Descriptors that retop holds open.
        open_descriptors: Gauge Count,
        /// Samples taken since the start.
        samples: Counter Count,
        /// Ticks that were due and could not be taken in time.
        ticks_missed: Counter Count { series: named("ticks_missed") },
        /// Memory held by the history of raw samples.
        history_bytes: Gauge Bytes { series: named("history_bytes") },
        /// How far the history reaches back.
        history_seconds: Gauge Seconds / 1000 { series: named("history_seconds") },
    }
    derived {
        /// Share of one CPU that retop used in the last interval.
        cpu_ratio: Ratio = |d| d.rate(cpu_seconds);
    }
}
