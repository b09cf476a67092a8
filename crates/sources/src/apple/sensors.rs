//! Temperatures, fans, and the chip's own word for its heat.

use std::sync::Arc;
use std::time::Duration;

use retop_model::family::{chip, sensor};
use retop_model::{FamilyId, Key};

use super::chip::{ANE_WATTS, profile};
use super::controller::{Controller, Events};
use super::graphics::Accelerator;
use super::library::Library;
use super::report::Subscription;
use super::shared::Shared;
use super::smc::Code;
use super::temperature::{self, Heat};
use super::{registry, system};
use crate::source::{Pace, Problem, Read, Source};

/// More fans than any Mac has.
const FANS: u32 = 8;

pub struct Sensors {
    library: Arc<Library>,
    shared: Arc<Shared>,
    open: Option<Open>,
    temperatures: Vec<(Code, f64)>,
}

struct Open {
    controller: Result<Controller, Problem>,
    events: Option<Events>,
    pressure: system::Pressure,
    facts: Facts,
    neural: Option<Subscription>,
    neural_before: Vec<i64>,
}

/// What does not change.
struct Facts {
    name: Option<String>,
    model: Option<String>,
    board: Option<String>,
    reduced: Option<&'static str>,
    /// Efficiency, performance, super.
    cores: [Option<u64>; 3],
    gpu_cores: Option<u64>,
}

impl Facts {
    fn read(library: &Arc<Library>) -> Facts {
        let mut cores = [None; 3];
        for level in 0..system::number(library, "hw.nperflevels").unwrap_or(0).min(4) {
            let count = system::number(library, &format!("hw.perflevel{level}.physicalcpu"));
            let name = system::text(library, &format!("hw.perflevel{level}.name"));
            let place = match name.as_deref() {
                Some("Efficiency") => 0,
                Some("Performance") => 1,
                Some("Super") => 2,
                _ => continue,
            };
            cores[place] = count;
        }
        let node = registry::services(library, "AGXAccelerator").into_iter().next();
        let gpu_cores =
            node.and_then(|node| node.properties()).and_then(|of| Accelerator::of(&of).cores);
        let is = |name: &str| system::number(library, name) == Some(1);
        let reduced = if is("kern.hv_vmm_present") {
            Some("a virtual machine: it has neither sensors nor the chip's own accounts")
        } else if is("sysctl.proc_translated") {
            Some("retop is translated from Intel code: use the one for Apple's chips")
        } else if system::text(library, "hw.machine").is_some_and(|machine| machine == "x86_64") {
            Some("a processor of Intel's: its sensors, clocks and power are not read")
        } else {
            None
        };
        Facts {
            name: system::text(library, "machdep.cpu.brand_string"),
            model: system::text(library, "hw.model"),
            board: system::text(library, "hw.target"),
            reduced,
            cores,
            gpu_cores,
        }
    }
}

impl Open {
    fn new(library: &Arc<Library>) -> Open {
        // What the neural engine asks of the fabric, else of the memory: neither is there on all systems.
        let asked = [("SOC Floor", "ANE-AF-BW"), ("DCS Floor", "ANE-DCS-BW")];
        let groups = ["PMP", "PMP0", "PMP1"];
        let mut neural = asked.iter().flat_map(|&(subgroup, channel)| {
            groups.map(|group| {
                Subscription::new(library, group, Some(subgroup), |name| name == channel)
            })
        });
        Open {
            controller: Controller::open(library),
            events: Events::open(library),
            pressure: system::Pressure::new(library),
            facts: Facts::read(library),
            neural: neural.find_map(|found| found),
            neural_before: Vec::new(),
        }
    }

    /// Share of time above the lowest state since the last read, in ten-thousandths.
    fn neural(&mut self) -> Option<i64> {
        let of = self.neural.as_mut()?;
        if !of.sample() {
            self.neural_before.clear();
            return None;
        }
        let now = of.held.first()?.states.clone();
        let before = std::mem::replace(&mut self.neural_before, now.clone());
        let grown: Option<Vec<i64>> = now
            .iter()
            .zip(&before)
            .map(|(now, before)| now.checked_sub(*before).filter(|&g| g >= 0))
            .collect();
        let grown = grown.filter(|grown| !grown.is_empty())?;
        let (whole, lowest) = (grown.iter().sum::<i64>(), grown.first()?);
        (whole > 0).then(|| ((whole - lowest) as f64 / whole as f64 * 10_000.0).round() as i64)
    }
}

impl Sensors {
    pub fn new(library: &Arc<Library>, shared: &Arc<Shared>) -> Sensors {
        Sensors {
            library: Arc::clone(library),
            shared: Arc::clone(shared),
            open: None,
            temperatures: Vec::new(),
        }
    }
}

/// The system's own word for how scarce memory is.
fn memory_pressure(library: &Library) -> Option<i64> {
    match system::number(library, "kern.memorystatus_vm_pressure_level")? {
        1 => Some(0),
        2 => Some(1),
        4 => Some(2),
        _ => None,
    }
}

fn millidegrees(celsius: Option<f64>) -> Option<i64> {
    celsius.map(|celsius| (celsius * 1_000.0).round() as i64)
}

impl Source for Sensors {
    fn name(&self) -> &'static str {
        "sensors"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Sensor, FamilyId::Chip]
    }

    /// Some three hundred keys, a call each.
    fn pace(&self) -> Pace {
        Pace::Apart(Duration::from_secs(1))
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !self.feeds().iter().any(|&family| read.demand().wants(family)) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let open = self.open.get_or_insert_with(|| Open::new(&self.library));
        let mut table = read.table(FamilyId::Sensor);
        let mut heat = Heat::default();
        if let Ok(controller) = &open.controller {
            controller.temperatures(&mut self.temperatures);
            heat = temperature::heat(self.temperatures.iter().copied());
            for &(key, celsius) in &self.temperatures {
                if !temperature::is_possible(celsius) {
                    continue;
                }
                let name = key.text();
                let shown = temperature::place(key)
                    .map_or_else(|| name.clone(), |of| format!("{name} {of}"));
                table
                    .push(Key(Key::named(b"smc").0, Key::named(name.as_bytes()).0))
                    .text(sensor::chip, "smc")
                    .text(sensor::sensor, shown)
                    .set(sensor::temperature_celsius, millidegrees(Some(celsius)));
            }
            for fan in 0..FANS {
                let of = |what: &str| controller.value(Code::new(&format!("F{fan}{what}")));
                let Some(rpm) = of("Ac").filter(|rpm| (0.0..20_000.0).contains(rpm)) else {
                    continue;
                };
                // 0 is a speed and no limit.
                let limit = |what: &str| {
                    let rpm = of(what).filter(|rpm| *rpm > 0.0 && *rpm < 20_000.0);
                    rpm.map(|rpm| rpm.round() as i64)
                };
                let name = format!("fan {fan}");
                table
                    .push(Key(Key::named(b"smc").0, Key::named(name.as_bytes()).0))
                    .text(sensor::chip, "smc")
                    .text(sensor::sensor, name)
                    .set(sensor::fan_rpm, rpm.round() as i64)
                    .set(sensor::fan_target_rpm, limit("Tg"))
                    .set(sensor::fan_minimum_rpm, limit("Mn"))
                    .set(sensor::fan_maximum_rpm, limit("Mx"));
            }
        }
        let seen = open.events.as_ref().map(Events::read).unwrap_or_default();
        if heat.cpu_highest.is_none() && heat.gpu_highest.is_none() {
            heat = temperature::heat_by_name(
                seen.iter().map(|(name, celsius)| (name.as_str(), *celsius)),
            );
        }
        for (place, (name, celsius)) in seen.iter().enumerate() {
            // The same name may come twice.
            let twin = seen[..place].iter().filter(|(other, _)| other == name).count() as u64;
            if temperature::is_possible(*celsius) {
                table
                    .push(Key(
                        Key::named(b"hid").0.wrapping_add(twin),
                        Key::named(name.as_bytes()).0,
                    ))
                    .text(sensor::chip, "hid")
                    .text(sensor::sensor, name.as_str())
                    .set(sensor::temperature_celsius, millidegrees(Some(*celsius)));
            }
        }
        let none = table.is_empty();
        read.give(table, begin);
        self.shared.set_gpu_celsius(heat.gpu_highest);
        let neural = open.neural();
        let facts = &open.facts;
        let scale = profile(facts.name.as_deref().unwrap_or(""));
        let milliwatts = |watts: f64| (watts * 1_000.0) as i64;
        let [efficiency, performance, fastest] = facts.cores;
        let mut table = read.table(FamilyId::Chip);
        table
            .push(Key::ONE)
            .text_if(chip::chip, facts.name.clone())
            .text_if(chip::model, facts.model.clone())
            .text_if(chip::board, facts.board.clone())
            .text_if(chip::reduced, facts.reduced)
            .set(chip::efficiency_cores, efficiency)
            .set(chip::performance_cores, performance)
            .set(chip::super_cores, fastest)
            .set(chip::gpu_cores, facts.gpu_cores)
            .set(chip::thermal, system::thermal_state(&self.library))
            .set(chip::thermal_pressure, open.pressure.read())
            .set(chip::memory_pressure, memory_pressure(&self.library))
            .set(chip::cpu_scale_watts, milliwatts(scale.cpu_watts))
            .set(chip::gpu_scale_watts, milliwatts(scale.gpu_watts))
            .set(chip::ane_scale_watts, milliwatts(ANE_WATTS))
            .set(chip::ane_active_ratio, neural)
            .set(chip::cpu_highest_celsius, millidegrees(heat.cpu_highest))
            .set(chip::cpu_mean_celsius, millidegrees(heat.cpu_mean))
            .set(chip::gpu_highest_celsius, millidegrees(heat.gpu_highest))
            .set(chip::gpu_mean_celsius, millidegrees(heat.gpu_mean));
        read.give(table, begin);
        let controller = open.controller.as_ref().err().cloned();
        read.report("sensors/smc", "sensors", controller.clone());
        match controller {
            Some(problem) if none => Err(problem),
            _ => Ok(()),
        }
    }
}
