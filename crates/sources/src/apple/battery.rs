//! The battery.

use std::sync::Arc;

use retop_model::family::battery;
use retop_model::{FamilyId, Key};

use super::library::Library;
use super::power_source;
use super::registry;
use crate::source::{Problem, Read, Source};

pub struct Battery {
    library: Arc<Library>,
}

impl Battery {
    pub fn new(library: &Arc<Library>) -> Battery {
        Battery { library: Arc::clone(library) }
    }
}

/// The battery's node, read.
pub fn find(library: &Arc<Library>) -> Option<power_source::Battery> {
    let node = registry::services(library, "AppleSmartBattery").into_iter().next()?;
    power_source::Battery::of(&node.properties()?)
}

impl Source for Battery {
    fn name(&self) -> &'static str {
        "battery"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Battery]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Battery) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let Some(of) = find(&self.library) else {
            return Err(Problem::absent(
                "no AppleSmartBattery in the registry: a desktop, or a virtual machine",
            ));
        };
        let mut table = read.table(FamilyId::Battery);
        table
            .push(Key::named(b"AppleSmartBattery"))
            .text(battery::battery, "AppleSmartBattery")
            .text_if(battery::model, of.model.clone())
            .set(battery::charge_ratio, of.percent.map(|percent| percent * 100))
            .set(battery::energy_joules, of.microjoules(of.left_mah))
            .set(battery::full_joules, of.microjoules(of.full_mah))
            .set(battery::design_joules, of.microjoules(of.design_mah))
            .set(battery::power_watts, of.microwatts())
            .set(battery::voltage_volts, of.millivolts.map(|mv| mv * 1_000))
            .set(battery::cycles, of.cycles)
            .set(battery::status, of.status());
        read.give(table, begin);
        Ok(())
    }
}
