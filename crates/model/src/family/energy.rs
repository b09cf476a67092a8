//! Where the energy of the processors went.

use crate::metric::series;

family! {
    /// The processors' energy, shared out: what processes, what is left over, and being idle took.
    Energy "energy" "energy" one
    text {
        /// The domains that are shared out, as the power family names them.
        domain: Info,
        /// How their energy is known: `counted` by the hardware, or `integrated` from stated power.
        method: Info,
    }
    raw {
        /// Energy of the domains since retop began to share it out.
        domain_joules: Counter Joules / 1000000 { scraped: false },
        /// The part of processes, each by its share of the CPU time.
        processes_joules: Counter Joules / 1000000 { estimated: true, series: series("attributed_energy_joules", "to", "processes") },
        /// The part of CPU time of which no process is known: of those that ended between two samples, of interrupts.
        others_joules: Counter Joules / 1000000 { estimated: true, series: series("attributed_energy_joules", "to", "others") },
        /// The part of idle CPUs: what the domains drew at their quietest, for the share of time without work.
        idle_joules: Counter Joules / 1000000 { estimated: true, series: series("attributed_energy_joules", "to", "idle") },
    }
    derived {
        /// Power of the domains over the last interval.
        domain_watts: Watts = |d| d.rate(domain_joules);
        /// Power laid to processes.
        processes_watts: Watts { estimated: true } = |d| d.rate(processes_joules);
        /// Power laid to CPU time of which no process is known.
        others_watts: Watts { estimated: true } = |d| d.rate(others_joules);
        /// Power laid to being idle.
        idle_watts: Watts { estimated: true } = |d| d.rate(idle_joules);
    }
}
