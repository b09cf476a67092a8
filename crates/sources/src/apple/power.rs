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
use super::rails::{Counted, Energy};
use super::smc::Code;
use super::system;
use crate::source::{Problem, Read, Source};

/// Power keys of the controller that mean the same on every chip: the whole machine, what comes in
/// from the adapter.
const KEYS: [(&str, &str); 2] = [("PSTR", "system"), ("PDTR", "adapter")];

/// What the controller says that the cores draw, where the drivers' counters do not: the keys of a chip
/// are added up. The same key is another thing on another chip.
pub const CORES: [(&str, &[&str]); 2] = [
    ("Apple A18 Pro", &["PZC0"]),
    // Both clusters of performance cores, and the efficiency cores.
    ("Apple M3 Max", &["PC02", "PC03", "PC42", "PC43", "PP5b"]),
];

pub struct Power {
    library: Arc<Library>,
    base: Option<Timebase>,
    energy: Option<Energy>,
    controller: Option<Controller>,
    /// Keys of the cores' power on this chip.
    cores: &'static [&'static str],
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
            cores: &[],
            is_open: false,
            integrals: vec![0.0; Rail::ALL.len() + KEYS.len() + 1],
            last_ns: None,
        }
    }

    fn open(&mut self) {
        self.is_open = true;
        self.base = system::timebase(&self.library);
        self.energy = Energy::open(&self.library, &Rail::ALL, false);
        let chip = system::text(&self.library, "machdep.cpu.brand_string").unwrap_or_default();
        let cores = CORES.iter().find(|(known, _)| *known == chip);
        self.cores = cores.map_or(&[], |(_, keys)| *keys);
        let keys: Vec<&str> =
            KEYS.iter().map(|(key, _)| *key).chain(self.cores.iter().copied()).collect();
        self.controller = Controller::open_for(&self.library, &keys).ok();
    }

    /// What a sum of keys says; `None` if one of them is missing, or no power.
    fn stated(&self, keys: &[&str]) -> Option<f64> {
        let controller = self.controller.as_ref()?;
        let values = keys.iter().map(|key| controller.value(Code::new(key)));
        let sum = values.sum::<Option<f64>>().filter(|_| !keys.is_empty())?;
        (0.0..5_000.0).contains(&sum).then_some(sum)
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
                let Some(spent) = energy.spent(Counted::Rail(rail), now_ns) else { continue };
                stale |= spent.is_stale && rail == Rail::Cpu;
                self.integrals[place] += spent.watts.unwrap_or(0.0) * seconds_ns as f64;
                // One that has stood at 0 since boot counts nothing, and nothing is not 0.
                let is_counted = !spent.is_stale || spent.microjoules > 0;
                let integral = (self.integrals[place] / 1_000.0) as i64;
                table
                    .push(power_key(&format!("ioreport/{}", rail.name())))
                    .text(power::domain, rail.name())
                    .text(power::source, Text::from("ioreport"))
                    .set(power::energy_joules, is_counted.then_some(spent.microjoules))
                    .set(power::integrated_joules, is_counted.then_some(integral))
                    .set(power::reading_watts, spent.watts.map(|watts| (watts * 1e6) as i64))
                    .set(power::batched, true)
                    .set(power::whole_machine, false);
            }
        }
        // The cores by the controller, where their own counter says nothing.
        let cores = if stale { self.cores } else { &[] };
        let stated = KEYS.iter().map(|(key, domain)| (std::slice::from_ref(key), *domain));
        for (place, (keys, domain)) in stated.chain([(cores, "cpu")]).enumerate() {
            let watts = self.stated(keys);
            let integral = &mut self.integrals[Rail::ALL.len() + place];
            *integral += watts.unwrap_or(0.0) * seconds_ns as f64;
            // What was used while the counter stood still is kept when it counts again.
            if watts.is_none() && (domain != "cpu" || *integral == 0.0) {
                continue;
            }
            table
                .push(power_key(&format!("smc/{domain}")))
                .text(power::domain, domain)
                .text(power::source, "smc")
                .set(power::reading_watts, watts.map(|watts| (watts * 1e6) as i64))
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
