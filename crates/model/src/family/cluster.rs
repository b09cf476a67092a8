//! Clusters of cores that share a clock.

use crate::metric::Field;
use crate::snapshot::Delta;

family! {
    /// Clusters of cores that share a clock: how busy, what was asked of them, and what they ran at.
    Cluster "cluster" "clusters" many
    text {
        /// Kind of the cores and number among its kind, such as `P0`; with the die where there are several: `P0.1`.
        cluster: Label,
    }
    raw {
        /// Kind of the cores.
        kind: State ["performance", "efficiency", "low power", "super"] Count { scraped: false, label: "KIND" },
        /// Cores that report.
        cores: Gauge Count { label: "CORES" },
        /// Lowest clock of the cores.
        frequency_minimum_hertz: Gauge Hertz { scraped: false, label: "MIN" },
        /// Highest clock of the cores.
        frequency_maximum_hertz: Gauge Hertz { label: "MAX" },
        /// Energy of the cluster since retop first read its counter.
        energy_joules: Counter Joules / 1000000 { label: "ENERGY" },
        /// Power of the cluster, over the driver's own last batch.
        reading_watts: Gauge Watts / 1000000 { scraped: false },
        /// Time of all cores together, at work or not.
        whole_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Time of all cores together at work.
        active_seconds: Counter Seconds / 1000000,
        /// Time of all cores together for which a clock was asked that is known.
        clocked_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Cycles that were asked for: each clock times the time that it was asked for.
        requested_cycles: Counter Count { scraped: false },
        /// Time at work below 40 % of the highest clock.
        low_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Time at work from 40 to 75 % of the highest clock.
        middle_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Time at work from 75 % of the highest clock on.
        high_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Time in which the power controller ran the cluster at a clock that is known.
        realised_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Cycles that the cluster ran: each clock times the time that it ran.
        realised_cycles: Counter Count { scraped: false },
    }
    derived {
        /// Share of the cores' time at work.
        utilization_ratio: Ratio { scraped: true, label: "CPU%" } = |d| part(d, active_seconds);
        /// Clock that was asked for, while at work.
        requested_hertz: Hertz { scraped: true, label: "ASKED" } =
            |d| d.increase_per(requested_cycles, clocked_seconds);
        /// Clock that the cluster ran at, by its power controller.
        realised_hertz: Hertz { scraped: true, label: "RAN" } =
            |d| d.increase_per(realised_cycles, realised_seconds);
        /// Clock while at work: what it ran at, else what was asked for.
        frequency_hertz: Hertz { label: "CLOCK" } =
            |d| d.now(realised_hertz).or_else(|| d.now(requested_hertz));
        /// Power of the cluster.
        watts: Watts { label: "W" } = |d| d.now(reading_watts).or_else(|| d.rate(energy_joules));
        /// How far the clock that ran lies below the one that was asked for; 0 where it does not.
        held_down_ratio: Ratio { label: "HELD" } = |d| {
            let asked = d.now(requested_hertz).filter(|&asked| asked > 0.0)?;
            Some((1.0 - d.now(realised_hertz)? / asked).max(0.0))
        };
        /// Share of the time at work times the clock as a share of the highest: what of the cluster's strength was used.
        scaled_ratio: Ratio { label: "SCALED" } = |d| {
            if d.now(utilization_ratio)? == 0.0 {
                return Some(0.0);
            }
            Some(d.now(utilization_ratio)? * d.share(frequency_hertz, frequency_maximum_hertz)?)
        };
        /// Share of the cores' time without work, or at a clock that is not known.
        idle_ratio: Ratio { label: "IDLE" } = |d| {
            let known = part(d, low_seconds)? + part(d, middle_seconds)? + part(d, high_seconds)?;
            Some((1.0 - known).max(0.0))
        };
        /// Share of the cores' time below 40 % of the highest clock.
        low_ratio: Ratio { label: "LOW" } = |d| part(d, low_seconds);
        /// Share of the cores' time from 40 to 75 % of the highest clock.
        middle_ratio: Ratio { label: "MID" } = |d| part(d, middle_seconds);
        /// Share of the cores' time from 75 % of the highest clock on.
        high_ratio: Ratio { label: "HIGH" } = |d| part(d, high_seconds);
    }
}

fn part(d: &Delta<'_>, field: Field) -> Option<f64> {
    Some(d.increase_per(field, whole_seconds)?.min(1.0))
}
