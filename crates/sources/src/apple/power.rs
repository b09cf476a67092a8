//! What the parts of the chip draw, by their drivers' own counters; what the machine draws, by its
//! sensors.

use std::sync::Arc;

use retop_model::family::chip::power_key;
use retop_model::family::power;
use retop_model::{FamilyId, Text};

use super::controller::Controller;
use super::layout::Timebase;
use super::library::Library;
use super::names::Rail;
use super::rails::Energy;
use super::smc::Code;
use super::system;
use crate::source::{Problem, Read, Source};

/// Power keys of the controller that mean the same on every chip: the whole machine, what comes in
/// from the adapter.
const KEYS: [(&str, &str); 2] = [("PSTR", "system"), ("PDTR", "adapter")];

pub struct Power {
    library: Arc<Library>,
    base: Option<Timebase>,
    energy: Option<Energy>,
    controller: Option<Controller>,
    is_open: bool,
    /// Integrals of stated power: by rail and then by key, in nanojoules.
    integrals: Vec<f64>,
    last_ns: Option<u64>,
}

impl Power {
    pub fn new(library: &Arc<Library>) -> Power {
        Power {
            library: Arc::clone(library),
            base: None,
            energy: None,
            controller: None,
            is_open: false,
            integrals: vec![0.0; Rail::ALL.len() + KEYS.len()],
            last_ns: None,
        }
    }

    fn open(&mut self) {
        self.is_open = true;
        self.base = system::timebase(&self.library);
        self.energy = Energy::open(&self.library, &Rail::ALL);
        self.controller = Controller::open_for(&self.library, &KEYS.map(|(key, _)| key)).ok();
    }
}

impl Source for Power {
    fn name(&self) -> &'static str {
        "power"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Power]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Power) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        if !self.is_open {
            self.open();
        }
        let seconds_ns = self.last_ns.replace(begin).map_or(0, |last| begin.saturating_sub(last));
        let mut table = read.table(FamilyId::Power);
        let now = self.base.and_then(|base| Some((base, system::now_ns(&self.library, base)?)));
        let mut stale = false;
        if let (Some(energy), Some((base, now_ns))) = (&mut self.energy, now) {
            energy.advance(base, now_ns);
            for (place, rail) in Rail::ALL.into_iter().enumerate() {
                let Some(spent) = energy.rail(rail, now_ns) else { continue };
                stale |= spent.is_stale && rail == Rail::Cpu;
                self.integrals[place] += spent.watts.unwrap_or(0.0) * seconds_ns as f64;
                table
                    .push(power_key(&format!("ioreport/{}", rail.name())))
                    .text(power::domain, rail.name())
                    .text(power::source, Text::from("ioreport"))
                    .set(power::energy_joules, spent.microjoules)
                    .set(power::integrated_joules, (self.integrals[place] / 1_000.0) as i64)
                    .set(power::reading_watts, spent.watts.map(|watts| (watts * 1e6) as i64))
                    .set(power::batched, true)
                    .set(power::whole_machine, false);
            }
        }
        for (place, (key, domain)) in KEYS.into_iter().enumerate() {
            let watts = self.controller.as_ref().and_then(|of| of.value(Code::new(key)));
            let Some(watts) = watts.filter(|watts| (0.0..5_000.0).contains(watts)) else {
                continue;
            };
            let integral = &mut self.integrals[Rail::ALL.len() + place];
            *integral += watts * seconds_ns as f64;
            table
                .push(power_key(&format!("smc/{domain}")))
                .text(power::domain, domain)
                .text(power::source, "smc")
                .set(power::reading_watts, (watts * 1e6) as i64)
                .set(power::integrated_joules, (*integral / 1_000.0) as i64)
                .set(power::whole_machine, domain == "system");
        }
        if let Some(of) = super::battery::find(&self.library)
            && of.status() == Some(1)
        {
            table
                .push(power_key("battery/battery"))
                .text(power::domain, "battery")
                .text(power::source, "battery")
                .set(power::reading_watts, of.microwatts())
                .set(power::whole_machine, true);
        }
        let none = table.is_empty();
        read.give(table, begin);
        if stale {
            let problem = Problem::failing(
                "the energy of the cores stands at 0, or has not been published for 10 s: seen on macOS 27",
            );
            read.report("power/cpu", "watts", Some(problem.hint("restart the Mac")));
        }
        if none {
            return Err(Problem::absent(
                "neither energy counters (IOReport) nor power sensors (AppleSMC) here",
            ));
        }
        Ok(())
    }
}
