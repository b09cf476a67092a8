//! Alerts as data: what fires at this moment. [`crate::alert`] decides it.

family! {
    /// Alerts that fire at this moment: thresholds that have been passed for long enough.
    Alert "alert" "alerts" many
    text {
        /// Name of the rule.
        alert: Label,
        /// How bad it is: `warning` or `critical`.
        severity: Label,
        /// What it is about: a mount point, a device, a control group; missing for the machine.
        subject: Label,
        /// What people call that, where it has another name for them: `GPU 0`.
        about: Info,
        /// Process behind it when it began, as `name (pid)`.
        culprit: Info,
        /// All of it in one sentence.
        message: Info,
        /// Metric that passed its limit, as `family.name`; value, worst and limit are in its unit.
        metric: Info,
    }
    raw {
        /// What was measured last, in the base unit of the rule's metric.
        value: Gauge Count / 1000000 { scraped: false },
        /// The worst that was measured while it fires.
        worst: Gauge Count / 1000000 { scraped: false },
        /// The limit that was passed.
        limit: Gauge Count / 1000000 { scraped: false },
        /// The first sample of the run that made it fire.
        since_time_seconds: Gauge Timestamp / 1000 { scraped: false },
        /// Process identifier of the culprit.
        culprit_pid: Gauge Count { scraped: false },
        /// 1 while it fires; afterwards there is no row.
        firing: Gauge Count,
    }
    derived {}
}
