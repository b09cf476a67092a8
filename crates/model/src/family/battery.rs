//! Batteries.

family! {
    /// Batteries.
    Battery "battery" "batteries" many
    text {
        /// Kernel name, such as `BAT0`.
        battery: Label,
        /// Model name of the battery.
        model: Info,
    }
    raw {
        /// Charge as a share of what the battery holds when full.
        charge_ratio: Gauge Ratio / 10000,
        /// Energy left.
        energy_joules: Gauge Joules / 1000000,
        /// Energy when full, today.
        full_joules: Gauge Joules / 1000000,
        /// Energy when full, when new.
        design_joules: Gauge Joules / 1000000,
        /// Power flowing out of the battery, or into it while charging.
        power_watts: Gauge Watts / 1000000,
        /// Voltage.
        voltage_volts: Gauge Volts / 1000000,
        /// Times that the battery was charged and emptied.
        cycles: Gauge Count,
        /// What the battery does.
        status: State ["charging", "discharging", "not charging", "full", "unknown"] Count,
    }
    derived {
        /// Time until empty at the present power, while discharging.
        empty_seconds: Seconds { estimated: true } = |d| {
            let discharging = d.now(status)? == 1.0;
            let watts = d.now(power_watts).filter(|&watts| watts > 0.0)?;
            discharging.then_some(d.now(energy_joules)? / watts)
        };
        /// Time until full at the present power, while charging.
        full_seconds: Seconds { estimated: true } = |d| {
            let charging = d.now(status)? == 0.0;
            let watts = d.now(power_watts).filter(|&watts| watts > 0.0)?;
            charging.then_some((d.now(full_joules)? - d.now(energy_joules)?).max(0.0) / watts)
        };
        /// What the battery holds when full, as a share of what it held when new.
        health_ratio: Ratio = |d| d.share(full_joules, design_joules);
    }
}
