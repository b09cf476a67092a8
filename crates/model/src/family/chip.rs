//! A system on one chip: what its parts draw together, and how hot it says it is.

use super::{FamilyId, power};
use crate::metric::named;
use crate::snapshot::Delta;
use crate::table::Key;

/// The key of a row of the power family: its instrument and its domain, as in `ioreport/cpu` (a part
/// of the chip, counted by its own driver) and `smc/system` (a sensor of the controller).
#[must_use]
pub fn power_key(path: &str) -> Key {
    Key::named(path.as_bytes())
}

family! {
    /// The system on a chip: its parts, their power together, and its own word for its heat.
    Chip "chip" "chips" many
    text {
        /// Name of the chip.
        chip: Label,
        /// Model of the machine, such as `Mac16,9`.
        model: Info,
        /// Identifier of the board.
        board: Info,
        /// What the machine cannot tell, and why: a virtual machine, translated programs.
        reduced: Info,
    }
    raw {
        /// Efficiency cores.
        efficiency_cores: Gauge Count { scraped: false },
        /// Performance cores.
        performance_cores: Gauge Count { scraped: false },
        /// Super cores.
        super_cores: Gauge Count { scraped: false },
        /// Cores of the graphics processor.
        gpu_cores: Gauge Count { scraped: false },
        /// The four words that the system has for programs.
        thermal: State ["nominal", "fair", "serious", "critical"] Count { series: named("thermal_state"), label: "HEAT" },
        /// The five words of the thermal controller: clocks are held down from heavy on, which programs are told as fair.
        thermal_pressure: State ["nominal", "moderate", "heavy", "trapping", "sleeping"] Count { series: named("thermal_pressure"), label: "PRESSURE" },
        /// The system's own word for how scarce memory is.
        memory_pressure: State ["normal", "warning", "critical"] Count { series: named("memory_pressure_level") },
        /// Scale of the power of the cores; not a limit.
        cpu_scale_watts: Gauge Watts / 1000 { scraped: false },
        /// Scale of the power of the graphics processor; not a limit.
        gpu_scale_watts: Gauge Watts / 1000 { scraped: false },
        /// Scale of the power of the neural engine; not a limit.
        ane_scale_watts: Gauge Watts / 1000 { scraped: false },
        /// Share of time in which the neural engine asked for more than the least of memory and fabric.
        ane_active_ratio: Gauge Ratio / 10000 { estimated: true, label: "ANE act" },
        /// Hottest spot of the cores.
        cpu_highest_celsius: Gauge Celsius / 1000 { label: "CPU" },
        /// Mean of the cores' sensors.
        cpu_mean_celsius: Gauge Celsius / 1000,
        /// Hottest spot of the graphics processor.
        gpu_highest_celsius: Gauge Celsius / 1000 { label: "GPU" },
        /// Mean of the graphics processor's sensors.
        gpu_mean_celsius: Gauge Celsius / 1000,
    }
    derived {
        /// Power of the cores: by their drivers' counters, else by the controller.
        cpu_watts: Watts { label: "CPU" } = |d| watts(d, "ioreport/cpu").or_else(|| watts(d, "smc/cpu"));
        /// Power of the graphics processor.
        gpu_watts: Watts { label: "GPU" } = |d| watts(d, "ioreport/gpu");
        /// Power of the neural engine.
        ane_watts: Watts { label: "ANE" } = |d| watts(d, "ioreport/ane");
        /// Power of the memory chips.
        dram_watts: Watts { label: "DRAM" } = |d| watts(d, "ioreport/dram");
        /// Power of the graphics processor's own memory.
        gpu_sram_watts: Watts { label: "SRAM" } = |d| watts(d, "ioreport/gpu-sram");
        /// Power of cores, graphics processor and neural engine together; those that are not known are left out.
        package_watts: Watts { scraped: true, label: "PKG" } = |d| {
            let known = [cpu_watts, gpu_watts, ane_watts].map(|field| d.now(field));
            crate::snapshot::sum(known)
        };
        /// Power of the whole machine, by its own sensor.
        system_watts: Watts { label: "SYS" } = |d| watts(d, "smc/system");
        /// Energy of cores, graphics processor and neural engine since retop first read their counters.
        package_joules: Joules { label: "ENERGY" } = |d| {
            // The controller's word for the cores is summed up only while their counter says nothing.
            let rails = ["ioreport/cpu", "smc/cpu", "ioreport/gpu", "ioreport/ane"].map(|path| {
                d.snapshot().find(FamilyId::Power, power_key(path))?.get(power::used_joules)
            });
            crate::snapshot::sum(rails)
        };
        /// Power of the neural engine as a share of its scale.
        ane_ratio: Ratio { estimated: true, label: "ANE%" } =
            |d| Some(d.share(ane_watts, ane_scale_watts)?.min(1.0));
        /// Scale of the package: those of its parts together.
        package_scale_watts: Watts = |d| {
            Some(d.now(cpu_scale_watts)? + d.now(gpu_scale_watts)? + d.now(ane_scale_watts)?)
        };
        /// Power of the package as a share of its scale.
        package_ratio: Ratio { label: "PKG%" } = |d| d.share(package_watts, package_scale_watts);
    }
}

fn watts(d: &Delta<'_>, path: &str) -> Option<f64> {
    d.snapshot().find(FamilyId::Power, power_key(path))?.get(power::watts)
}
