//! Each thread of execution by itself.

use super::cpu::shares;
use crate::metric::{Field, series};
use crate::snapshot::Delta;

family! {
    /// Logical CPUs: where the time of each went, its clock and its place in the machine.
    Core "core" "cores" many
    text {
        /// Number of the logical CPU, as the kernel counts them.
        core: Label,
        /// Cluster that the core shares its clock with, as the cluster family names it.
        cluster: Info,
    }
    raw {
        /// Number of the logical CPU; offline ones leave holes.
        index: Gauge Count { scraped: false },
        /// Time in user programs at normal priority, guests excluded.
        user_seconds: Counter Seconds / 1000000 { series: series("core_seconds", "mode", "user") },
        /// Time in user programs at lowered priority, guests excluded.
        nice_seconds: Counter Seconds / 1000000 { series: series("core_seconds", "mode", "nice") },
        /// Time in the kernel.
        system_seconds: Counter Seconds / 1000000 { series: series("core_seconds", "mode", "system") },
        /// Time with nothing to run.
        idle_seconds: Counter Seconds / 1000000 { series: series("core_seconds", "mode", "idle") },
        /// Idle time while a task that last ran here waited for a disk.
        iowait_seconds: Counter Seconds / 1000000 { series: series("core_seconds", "mode", "iowait") },
        /// Time in interrupt handlers.
        irq_seconds: Counter Seconds / 1000000 { series: series("core_seconds", "mode", "irq") },
        /// Time in deferred interrupt work.
        softirq_seconds: Counter Seconds / 1000000 { series: series("core_seconds", "mode", "softirq") },
        /// Time that the hypervisor gave to somebody else.
        steal_seconds: Counter Seconds / 1000000 { series: series("core_seconds", "mode", "steal") },
        /// Time of guests, at any priority.
        guest_seconds: Counter Seconds / 1000000 { series: series("core_seconds", "mode", "guest") },
        /// Time at work by the chip's own account, where it keeps one: finer than the kernel's.
        active_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Time that the chip accounts for, at work or not.
        whole_seconds: Counter Seconds / 1000000 { scraped: false },
        /// Energy of the core since retop first read its counter, where the chip counts each core by itself.
        energy_joules: Counter Joules / 1000000 { label: "ENERGY" },
        /// Power of the core, over the driver's own last batch.
        reading_watts: Gauge Watts / 1000000 { scraped: false },
        /// Present clock as the driver reports it; its mean while at work where the chip accounts for it.
        frequency_hertz: Gauge Hertz { label: "CLOCK" },
        /// Lowest clock that the governor may choose.
        frequency_minimum_hertz: Gauge Hertz { scraped: false },
        /// Highest clock that the processor reaches.
        frequency_maximum_hertz: Gauge Hertz { scraped: false, label: "MAX" },
        /// Number of the socket.
        package: Gauge Count { scraped: false, label: "PKG" },
        /// Number of the physical core within its socket; siblings share it.
        core_id: Gauge Count { scraped: false, label: "CORE" },
        /// Kind of the core on hybrid processors.
        kind: State ["performance", "efficiency", "low power", "super"] Count { scraped: false, label: "KIND" },
        /// NUMA node that the CPU belongs to.
        node: Gauge Count { scraped: false, label: "NODE" },
        /// 1 for a CPU that is online, 0 for one that is present and switched off.
        online: Gauge Count { scraped: false },
    }
    derived {
        /// Share of the CPU's time that was not idle.
        utilization_ratio: Ratio { label: "CPU%" } = |d| {
            let accounted = d.increase_per(active_seconds, whole_seconds).map(|share| share.min(1.0));
            accounted.or_else(|| Some(1.0 - ratio(d, &[idle_seconds, iowait_seconds])?))
        };
        /// Power of the core.
        watts: Watts { label: "W" } = |d| d.now(reading_watts).or_else(|| d.rate(energy_joules));
        /// Share of the time in user programs, at any priority.
        user_ratio: Ratio { label: "USER" } = |d| ratio(d, &[user_seconds, nice_seconds]);
        /// Share of the time in the kernel, interrupts included.
        system_ratio: Ratio { label: "SYS" } = |d| ratio(d, &[system_seconds, irq_seconds, softirq_seconds]);
        /// Share of the time idle with a task waiting for a disk.
        iowait_ratio: Ratio { label: "IOW" } = |d| ratio(d, &[iowait_seconds]);
        /// Share of the time given to somebody else by the hypervisor.
        steal_ratio: Ratio { label: "STEAL" } = |d| ratio(d, &[steal_seconds]);
    }
}

const MODES: [Field; 9] = [
    user_seconds,
    nice_seconds,
    system_seconds,
    idle_seconds,
    iowait_seconds,
    irq_seconds,
    softirq_seconds,
    steal_seconds,
    guest_seconds,
];

fn ratio(d: &Delta<'_>, parts: &[Field]) -> Option<f64> {
    shares(d, &MODES, parts)
}
