//! Energy and power, each labelled with what it measures.

use super::{FamilyId, chip};
use crate::metric::named;
use crate::snapshot::{Row, Snapshot, sum};

family! {
    /// Power domains: what each draws, and which instrument says so.
    Power "power" "power" many
    text {
        /// What is measured: `package-0`, `core`, `dram`, `psys`, `battery`, a chip's sensor.
        domain: Label,
        /// The instrument: `powercap`, `perf`, `hwmon`, `battery`, `ioreport` or `smc`.
        source: Label,
    }
    raw {
        /// Energy used since retop first read the counter; wraps of the hardware are taken out, and what was used while nobody could tell is left out.
        energy_joules: Counter Joules / 1000000 { series: named("energy_joules") },
        /// Power as the instrument itself states it, where it counts no energy; over its own last batch where it counts in batches.
        reading_watts: Gauge Watts / 1000000 { series: named("power_watts") },
        /// Energy summed up from the power that the instrument states, where it counts none or in batches, since retop first read it.
        integrated_joules: Counter Joules / 1000000 { series: named("energy_integrated_joules") },
        /// Power that the domain is held to over the long term.
        limit_watts: Gauge Watts / 1000000 { series: named("power_limit_watts") },
        /// 1 if the domain is the whole machine, 0 if it is a part of another row.
        whole_machine: Gauge Count { scraped: false },
        /// 1 if the driver publishes its energy in batches that are longer than an interval may be.
        batched: Gauge Count { scraped: false },
    }
    derived {
        /// Power over the last interval: from the energy counter, else the instrument's reading. Over the last batch where the driver counts in batches.
        watts: Watts { label: "W" } = |d| match d.now(batched) {
            Some(1.0) => d.now(reading_watts),
            _ => d.rate(energy_joules).or_else(|| d.now(reading_watts)),
        };
        /// Energy used since retop first read the instrument, counted or integrated.
        used_joules: Joules = |d| d.now(energy_joules).or_else(|| d.now(integrated_joules));
        /// Power as a share of what the domain is held to.
        limit_ratio: Ratio = |d| d.share(watts, limit_watts);
    }
}

/// What the whole machine has of something, else the sum of the packages, which are not parts of one
/// another.
pub fn whole<'a>(now: &'a Snapshot, value: impl Fn(Row<'a>) -> Option<f64>) -> Option<f64> {
    let rows = now.rows(FamilyId::Power);
    let machine = rows.clone().filter(|row| row.get(whole_machine) == Some(1.0));
    let packages = rows.filter(|row| row.shown(domain).starts_with("package"));
    sum(machine.map(&value)).or_else(|| sum(packages.map(&value)))
}

/// Watts of the whole machine, else of its packages, else of a chip by its parts.
#[must_use]
pub fn machine_watts(now: &Snapshot) -> Option<f64> {
    let parts = || now.row(FamilyId::Chip, 0)?.get(chip::package_watts);
    whole(now, |row| row.get(watts)).or_else(parts)
}
