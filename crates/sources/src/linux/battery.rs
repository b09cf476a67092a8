//! Batteries from `class/power_supply`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use retop_model::family::battery;
use retop_model::{FamilyId, Key};

use super::sysfs;
use crate::roots::Roots;
use crate::source::{Pace, Problem, Read, Source};

/// Positions in the states of the battery family.
const CHARGING: i64 = 0;
const DISCHARGING: i64 = 1;
const NOT_CHARGING: i64 = 2;
const FULL: i64 = 3;
const UNKNOWN: i64 = 4;

/// No battery of a machine with a screen gives more; firmware writes 0xffffffff for "unknown".
const HIGHEST_MICROWATTS: i64 = 4_000_000_000;

/// Seconds in an hour: the kernel counts in watt-hours, retop in joules.
const HOUR: i64 = 3_600;

/// Reads every battery that feeds the machine. A read asks the embedded controller, which takes
/// milliseconds and draws power itself, and its numbers move every few seconds.
pub struct Battery {
    class: PathBuf,
}

impl Battery {
    /// Reads the machine under `roots`.
    pub fn new(roots: &Roots) -> Battery {
        Battery { class: roots.sys.join("class/power_supply") }
    }
}

impl Source for Battery {
    fn name(&self) -> &'static str {
        "battery"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Battery]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(Duration::from_secs(5))
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        let begin_ns = read.now_ns();
        let mut table = read.table(FamilyId::Battery);
        for (name, dir) in batteries(&self.class) {
            let supply = Supply::read(&dir);
            let mut row = table.push(Key::named(name.as_bytes()));
            row.text(battery::battery, name.as_str())
                .text_if(battery::model, sysfs::attribute_text(&dir, "model_name"))
                .set(battery::charge_ratio, supply.charge())
                .set(battery::energy_joules, supply.energy.and_then(joules))
                .set(battery::full_joules, supply.full.and_then(joules))
                .set(battery::design_joules, supply.design.and_then(joules))
                .set(battery::power_watts, supply.power)
                .set(battery::voltage_volts, supply.voltage)
                .set(battery::cycles, supply.cycles)
                .set(battery::status, supply.status);
        }
        let empty = table.is_empty();
        read.give(table, begin_ns);
        if empty {
            return Err(Problem::absent(format!("no battery in {}", self.class.display())));
        }
        Ok(())
    }
}

/// The batteries that feed the machine: not those of mice and headsets, and no empty bays.
pub fn batteries(class: &Path) -> Vec<(String, PathBuf)> {
    let named = sysfs::names(class).unwrap_or_default().into_iter();
    named
        .map(|name| (class.join(&name), name))
        .filter(|(dir, _)| {
            sysfs::attribute_text(dir, "type").as_deref() == Some("Battery")
                && sysfs::attribute_text(dir, "scope").as_deref() != Some("Device")
                && sysfs::attribute_i64(dir, "present") != Some(0)
        })
        .map(|(dir, name)| (name, dir))
        .collect()
}

/// The power that the machine draws from its batteries, in microwatts: `None` unless one of them
/// is discharging and says how fast.
pub fn discharge_microwatts(class: &Path) -> Option<i64> {
    batteries(class)
        .iter()
        .map(|(_, dir)| Supply::read(dir))
        .filter(|supply| supply.status == DISCHARGING)
        .filter_map(|supply| supply.power.filter(|&power| power > 0))
        .fold(None, |sum: Option<i64>, power| Some(sum.unwrap_or(0).saturating_add(power)))
}

/// One battery in the kernel's units: µWh, µW, µV.
struct Supply {
    status: i64,
    capacity_percent: Option<i64>,
    energy: Option<i64>,
    full: Option<i64>,
    design: Option<i64>,
    power: Option<i64>,
    voltage: Option<i64>,
    cycles: Option<i64>,
}

impl Supply {
    fn read(dir: &Path) -> Supply {
        let positive = |name: &str| sysfs::attribute_i64(dir, name).filter(|&value| value >= 0);
        let voltage = positive("voltage_now").filter(|&voltage| voltage > 0);
        // Charge times the present voltage would sink and rise with the load.
        let nominal = positive("voltage_min_design").filter(|&voltage| voltage > 0).or(voltage);
        let energy = |what: &str| {
            positive(&format!("energy_{what}"))
                .or_else(|| product(positive(&format!("charge_{what}"))?, nominal?))
        };
        // Some drivers count a current out of the battery as negative.
        let magnitude = |name: &str| sysfs::attribute_i64(dir, name).and_then(i64::checked_abs);
        let power = magnitude("power_now")
            .or_else(|| product(magnitude("current_now")?, voltage?))
            .filter(|&power| power < HIGHEST_MICROWATTS);
        Supply {
            status: status(sysfs::attribute_text(dir, "status").as_deref()),
            capacity_percent: positive("capacity"),
            energy: energy("now"),
            full: energy("full"),
            design: energy("full_design"),
            power,
            voltage,
            // Firmware that does not count writes 0.
            cycles: positive("cycle_count").filter(|&cycles| cycles > 0),
        }
    }

    /// Charge in ten-thousandths: from the energies, which are finer than the percentage.
    fn charge(&self) -> Option<i64> {
        let full = self.full.filter(|&full| full > 0);
        full.zip(self.energy)
            .and_then(|(full, energy)| energy.checked_mul(10_000)?.checked_div(full))
            .or_else(|| self.capacity_percent?.checked_mul(100))
            .map(|charge| charge.clamp(0, 10_000))
    }
}

/// Microamperes (or their hours) times microvolts, in microwatts (or their hours).
fn product(micro: i64, microvolts: i64) -> Option<i64> {
    i64::try_from(i128::from(micro) * i128::from(microvolts) / 1_000_000).ok()
}

fn joules(microwatt_hours: i64) -> Option<i64> {
    microwatt_hours.checked_mul(HOUR)
}

fn status(text: Option<&str>) -> i64 {
    match text {
        Some("Charging") => CHARGING,
        Some("Discharging") => DISCHARGING,
        Some("Not charging") => NOT_CHARGING,
        Some("Full") => FULL,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests;
