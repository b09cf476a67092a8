//! What retop itself costs. A guest says so.

use super::{FamilyId, alert};
use crate::alert::Severity;
use crate::metric::{named, series, shared};
use crate::snapshot::Delta;

/// Alerts that fire; missing where none are watched for.
fn firing(d: &Delta<'_>, severity: Severity) -> Option<f64> {
    d.snapshot().window(FamilyId::Alert)?;
    let rows = d.snapshot().rows(FamilyId::Alert);
    Some(rows.filter(|row| row.shown(alert::severity) == severity.name()).count() as f64)
}

family! {
    /// This program: its own cost on the machine that it watches.
    Own "self" "self" one
    text {
        /// Version of retop.
        version: Info,
    }
    raw {
        /// CPU time used by retop itself.
        cpu_seconds: Counter Seconds / 1000000 { series: shared("process_cpu_seconds") },
        /// Resident memory of retop itself.
        resident_bytes: Gauge Bytes { series: shared("process_resident_memory_bytes") },
        /// Descriptors that retop holds open.
        open_descriptors: Gauge Count { series: shared("process_open_fds") },
        /// When retop was started.
        start_time_seconds: Gauge Timestamp / 1000 { series: shared("process_start_time_seconds") },
        /// Samples taken since the start.
        samples: Counter Count { scraped: false },
        /// Ticks that were due and could not be taken in time.
        ticks_missed: Counter Count { series: named("ticks_missed") },
        /// Memory held by the history of raw samples.
        history_bytes: Gauge Bytes { series: named("history_bytes"), scraped: false },
        /// How far the history reaches back.
        history_seconds: Gauge Seconds / 1000 { series: named("history_seconds"), scraped: false },
    }
    derived {
        /// Share of one CPU that retop used in the last interval.
        cpu_ratio: Ratio = |d| d.rate(cpu_seconds);
        /// Alerts that warn and fire now; missing if nothing is watched for.
        alerts_warning: Count { scraped: true, series: series("alerts_firing", "severity", "warning") } =
            |d| firing(d, Severity::Warning);
        /// Alerts that are critical and fire now; missing if nothing is watched for.
        alerts_critical: Count { scraped: true, series: series("alerts_firing", "severity", "critical") } =
            |d| firing(d, Severity::Critical);
    }
}
