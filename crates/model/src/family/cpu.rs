//! All CPUs together.

use super::{FamilyId, cluster, core};
use crate::metric::{Field, named, series};
use crate::snapshot::Delta;
use crate::table::Key;

family! {
    /// All CPUs together: where their time went, and what the scheduler did.
    Cpu "cpu" "cpu" one
    text {}
    raw {
        /// Time in user programs at normal priority, guests excluded.
        user_seconds: Counter Seconds / 1000000 { series: series("cpu_seconds", "mode", "user") },
        /// Time in user programs at lowered priority, guests excluded.
        nice_seconds: Counter Seconds / 1000000 { series: series("cpu_seconds", "mode", "nice") },
        /// Time in the kernel.
        system_seconds: Counter Seconds / 1000000 { series: series("cpu_seconds", "mode", "system") },
        /// Time with nothing to run.
        idle_seconds: Counter Seconds / 1000000 { series: series("cpu_seconds", "mode", "idle") },
        /// Idle time while a task that last ran here waited for a disk; a lower bound at best.
        iowait_seconds: Counter Seconds / 1000000 { series: series("cpu_seconds", "mode", "iowait") },
        /// Time in interrupt handlers.
        irq_seconds: Counter Seconds / 1000000 { series: series("cpu_seconds", "mode", "irq") },
        /// Time in deferred interrupt work.
        softirq_seconds: Counter Seconds / 1000000 { series: series("cpu_seconds", "mode", "softirq") },
        /// Time that the hypervisor gave to somebody else while this machine had work.
        steal_seconds: Counter Seconds / 1000000 { series: series("cpu_seconds", "mode", "steal") },
        /// Time of guests at normal priority.
        guest_seconds: Counter Seconds / 1000000 { series: series("cpu_guest_seconds", "mode", "user"), scraped: false },
        /// Time of guests at lowered priority.
        guest_nice_seconds: Counter Seconds / 1000000 { series: series("cpu_guest_seconds", "mode", "nice"), scraped: false },
        /// Threads of execution that are online.
        logical: Gauge Count { series: series("cpus", "kind", "logical") },
        /// Physical cores that are online.
        physical: Gauge Count { series: series("cpus", "kind", "physical"), scraped: false },
        /// Sockets that hold an online core.
        packages: Gauge Count { series: series("cpus", "kind", "package"), scraped: false },
        /// Threads of execution that retop itself may run on, as its cpuset allows.
        allowed: Gauge Count { series: series("cpus", "kind", "allowed"), scraped: false },
        /// Switches from one task to another.
        context_switches: Counter Count { series: named("context_switches") },
        /// Interrupts served.
        interrupts: Counter Count { series: named("interrupts") },
        /// Deferred interrupt work items run.
        softirqs: Counter Count { series: named("softirqs"), scraped: false },
        /// Processes and threads created.
        forks: Counter Count { series: named("forks") },
        /// Cycles of all CPUs since retop began to count them.
        cycles: Counter Count { series: named("cpu_cycles") },
        /// Instructions of all CPUs since retop began to count them.
        instructions: Counter Count { series: named("cpu_instructions") },
        /// Tasks running or waiting for a CPU at the moment of the read.
        runnable: Gauge Count { series: named("tasks_runnable"), scraped: false },
        /// Tasks blocked on a disk at the moment of the read.
        blocked: Gauge Count { series: named("tasks_blocked"), scraped: false },
    }
    derived {
        /// Share of the CPUs' time that was not idle; waiting for a disk is idle.
        utilization_ratio: Ratio { scraped: true, label: "CPU%" } =
            |d| Some(1.0 - ratio(d, &[idle_seconds, iowait_seconds])?);
        /// Clock of the cores that are at least four fifths busy, as a share of their highest; what their cluster ran at where its controller tells.
        busy_clock_ratio: Ratio = |d| {
            let busy = d.snapshot().rows(FamilyId::Core).filter(|row| {
                row.get(core::utilization_ratio).is_some_and(|share| share >= 0.8)
            });
            let shares = busy.filter_map(|row| {
                let highest = row.get(core::frequency_maximum_hertz).filter(|&top| top > 0.0)?;
                let asked = row.get(core::frequency_hertz)?;
                let ran = row.text(core::cluster).and_then(|name| {
                    let cluster = d.snapshot().find(FamilyId::Cluster, Key::named(name.raw()))?;
                    cluster.get(cluster::realised_hertz)
                });
                // A clock above what the driver calls the highest is as good.
                Some((ran.map_or(asked, |ran| ran.min(asked)) / highest).clamp(0.0, 1.0))
            });
            let (sum, count) = shares.fold((0.0, 0), |(sum, count), one| (sum + one, count + 1));
            (count > 0).then(|| sum / f64::from(count))
        };
        /// Time that was not idle, of all CPUs together.
        busy_seconds: Seconds = |d| {
            let spent = MODES.iter().filter(|mode| ![idle_seconds, iowait_seconds].contains(mode));
            crate::snapshot::sum(spent.map(|&mode| d.now(mode)))
        };
        /// Share of the time in user programs.
        user_ratio: Ratio = |d| ratio(d, &[user_seconds]);
        /// Share of the time in user programs at lowered priority.
        nice_ratio: Ratio = |d| ratio(d, &[nice_seconds]);
        /// Share of the time in the kernel.
        system_ratio: Ratio = |d| ratio(d, &[system_seconds]);
        /// Share of the time idle, waiting for a disk excluded.
        idle_ratio: Ratio = |d| ratio(d, &[idle_seconds]);
        /// Share of the time idle with a task waiting for a disk.
        iowait_ratio: Ratio = |d| ratio(d, &[iowait_seconds]);
        /// Share of the time in interrupt handlers and their deferred work.
        irq_ratio: Ratio = |d| ratio(d, &[irq_seconds, softirq_seconds]);
        /// Share of the time given to somebody else by the hypervisor.
        steal_ratio: Ratio = |d| ratio(d, &[steal_seconds]);
        /// Share of the time in guests.
        guest_ratio: Ratio = |d| ratio(d, &[guest_seconds, guest_nice_seconds]);
        /// Instructions for each cycle, of all CPUs together.
        ipc: Count { label: "IPC" } = |d| d.increase_per(instructions, cycles);
        /// Switches from one task to another per second.
        context_switches_per_second: PerSecond = |d| d.rate(context_switches);
        /// Interrupts per second.
        interrupts_per_second: PerSecond = |d| d.rate(interrupts);
        /// Processes and threads created per second.
        forks_per_second: PerSecond = |d| d.rate(forks);
    }
}

/// Guests are apart from user and nice: the source subtracts them.
pub(crate) const MODES: [Field; 10] = [
    user_seconds,
    nice_seconds,
    system_seconds,
    idle_seconds,
    iowait_seconds,
    irq_seconds,
    softirq_seconds,
    steal_seconds,
    guest_seconds,
    guest_nice_seconds,
];

/// Some modes' share of all. The machine's own clock is the base, not the wall's: a stopped virtual
/// machine then shows no spike. No time between two reads gives no value, not 0.
fn ratio(d: &Delta<'_>, parts: &[Field]) -> Option<f64> {
    shares(d, &MODES, parts)
}

/// The share of `parts` in the increase of all `modes`.
pub(super) fn shares(d: &Delta<'_>, modes: &[Field], parts: &[Field]) -> Option<f64> {
    let sum = |fields: &[Field]| {
        crate::snapshot::sum(fields.iter().map(|&field| d.increase_or_stall(field)))
    };
    let whole = sum(modes).filter(|&whole| whole > 0.0)?;
    Some((sum(parts)? / whole).clamp(0.0, 1.0))
}
