//! Power and energy: RAPL through powercap, hwmon's energy and power sensors, battery discharge.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use retop_model::counter::Unwrapped;
use retop_model::family::power;
use retop_model::{FamilyId, Key, RawTable, RowMut};

use super::battery;
use super::hwmon::{self, Chip};
use super::sysfs::{self, Class};
use crate::roots::Roots;
use crate::source::{Pace, Problem, Read, Source};

/// A battery's numbers move every few seconds, and asking costs its controller milliseconds.
const BATTERY_NS: u64 = 5_000_000_000;

/// No domain of one machine draws more. A counter that says so was reset, by a suspend or by a
/// driver, and did not wrap. (A reset within the last seconds before a wrap cannot be told from it:
/// the error is then less than 10 kJ, once.)
const HIGHEST_WATTS: u64 = 10_000;

/// What the largest package of today draws, twice over: a range that lasts no longer than the gap
/// between two reads at this power may have wrapped unseen.
const STEADY_WATTS: u64 = 1_000;

/// Reads every instrument that states watts or joules, RAPL where it may. An ACPI power meter can
/// take a second to answer, so all are read apart from the tick. Once a second is often enough:
/// the smallest range of RAPL (65 kJ on AMD) lasts over a minute at 1 kW.
pub struct Power {
    powercap: Class,
    zones: Vec<Zone>,
    hwmon: Class,
    chips: Vec<Instrument>,
    supplies: PathBuf,
    battery: Option<(u64, Option<i64>)>,
    meters: HashMap<Key, Meter>,
}

impl Power {
    /// Reads the machine under `roots`.
    pub fn new(roots: &Roots) -> Power {
        Power {
            powercap: Class::new(roots.sys.join("class/powercap")),
            zones: Vec::new(),
            hwmon: Class::new(roots.sys.join("class/hwmon")),
            chips: Vec::new(),
            supplies: roots.sys.join("class/power_supply"),
            battery: None,
            meters: HashMap::new(),
        }
    }

    fn discover(&mut self) {
        if self.powercap.changed() {
            self.zones = zones(&self.powercap.dir);
        }
        if self.hwmon.changed() {
            let chips = hwmon::chips(&self.hwmon.dir).into_iter().map(Instrument::new);
            self.chips = chips.filter(|chip| !chip.sensors.is_empty()).collect();
        }
    }

    /// Adds RAPL's domains. Those that may not be read stand without numbers.
    fn rapl(&mut self, now_ns: u64, table: &mut RawTable) -> Result<(), Problem> {
        let mut result = Ok(());
        let (mut packages, mut platform) = (0_i64, None);
        for zone in &self.zones {
            let mut row = table.push(zone.key);
            row.text(power::domain, zone.domain.as_str())
                .text(power::source, "powercap")
                .set(power::limit_watts, limit(&zone.dir, "constraint_0_power_limit_uw"))
                .set(power::whole_machine, false);
            match sysfs::try_i64(&zone.dir, "energy_uj") {
                Ok(energy) => {
                    let meter = self.meters.entry(zone.key).or_default();
                    let used = meter.advance(energy, zone.range, now_ns);
                    row.set(power::energy_joules, used);
                    match zone.kind {
                        Kind::Package => packages = packages.saturating_add(used),
                        Kind::Platform => platform = Some((table.len() - 1, used)),
                        Kind::Part => {}
                    }
                }
                Err(error) => result = result.and(Err(refusal(&zone.dir, &error))),
            }
        }
        // `psys` is the whole machine where the board is wired for it. Where it is not, it states
        // less than the packages alone draw.
        if let Some((row, used)) = platform
            && used >= packages
            && let Some(mut row) = table.row_mut(row)
        {
            row.set(power::whole_machine, true);
        }
        result
    }

    /// Adds what the batteries give, while they give: that is what the whole machine draws.
    fn discharge(&mut self, now_ns: u64, table: &mut RawTable) {
        let fresh = self.battery.filter(|(at_ns, _)| now_ns.saturating_sub(*at_ns) < BATTERY_NS);
        let (_, drawn) = *self.battery.insert(
            fresh.unwrap_or_else(|| (now_ns, battery::discharge_microwatts(&self.supplies))),
        );
        if let Some(drawn) = drawn {
            table
                .push(Key::named(b"battery"))
                .text(power::domain, "battery")
                .text(power::source, "battery")
                .set(power::reading_watts, drawn)
                .set(power::whole_machine, true);
        }
    }
}

impl Source for Power {
    fn name(&self) -> &'static str {
        "power"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Power]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(Duration::from_secs(1))
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        let feeds = FamilyId::Power.get().key;
        let begin_ns = read.now_ns();
        let mut table = read.table(FamilyId::Power);
        self.discover();
        let rapl = self.rapl(begin_ns, &mut table);
        let domains = table.len();
        for chip in &self.chips {
            if let Err(problem) = chip.read(begin_ns, &mut self.meters, &mut table) {
                read.report(format!("power/{}", chip.chip.label), feeds, Some(problem));
            }
        }
        self.discharge(begin_ns, &mut table);
        let rows = table.len();
        read.give(table, begin_ns);
        match rapl {
            // RAPL is all that the machine has, and it may not be read.
            Err(problem) if rows == domains => return Err(problem),
            Err(problem) => read.report("power/powercap", feeds, Some(problem)),
            Ok(()) => {}
        }
        if rows == 0 && self.chips.is_empty() {
            return Err(Problem::absent("no powercap, no power sensor, no battery in use")
                .hint("virtual machines have none; elsewhere: modprobe intel_rapl_msr"));
        }
        Ok(())
    }
}

/// What a RAPL domain is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Package,
    /// `psys`: beside the packages, not above them.
    Platform,
    /// Within a package.
    Part,
}

/// A RAPL domain.
struct Zone {
    dir: PathBuf,
    kind: Kind,
    domain: String,
    key: Key,
    /// The counter's highest value, in microjoules.
    range: i64,
}

/// RAPL's domains: `intel-rapl:N` and `intel-rapl:N:M`, which is also the name of AMD's. The
/// memory-mapped twin `intel-rapl-mmio` counts the same package once more, so it stands in only
/// where there is nothing else.
fn zones(class: &Path) -> Vec<Zone> {
    let names = sysfs::names(class).unwrap_or_default();
    let of = |prefix: &str| -> Vec<String> {
        names.iter().filter(|name| name.starts_with(prefix)).cloned().collect()
    };
    let mut entries = of("intel-rapl:");
    if entries.is_empty() {
        entries = of("intel-rapl-mmio:");
    }
    let name = |entry: &str| sysfs::attribute_text(&class.join(entry), "name");
    let is_package = |name: &str| name.starts_with("package-");
    let packages = entries.iter().filter_map(|entry| name(entry)).filter(|n| is_package(n)).count();
    let zone = |entry: &String| {
        let own = name(entry)?;
        let parent = entry
            .rsplit_once(':')
            .and_then(|(parent, _)| name(parent))
            .filter(|parent| packages > 1 && is_package(parent));
        let domain = match parent {
            Some(parent) => format!("{parent} {own}"),
            None => own.clone(),
        };
        let kind = match own.as_str() {
            "psys" => Kind::Platform,
            name if is_package(name) => Kind::Package,
            _ => Kind::Part,
        };
        let dir = class.join(entry);
        let range = sysfs::attribute_i64(&dir, "max_energy_range_uj").unwrap_or(0);
        let key = Key(Key::named(b"powercap").0, Key::named(domain.as_bytes()).0);
        Some(Zone { dir, kind, domain, key, range })
    };
    entries.iter().filter_map(zone).collect()
}

/// A limit in microwatts; 0 stands for none.
fn limit(dir: &Path, attribute: &str) -> Option<i64> {
    sysfs::attribute_i64(dir, attribute).filter(|&limit| limit > 0)
}

fn refusal(dir: &Path, error: &io::Error) -> Problem {
    let problem = Problem::io(&dir.join("energy_uj"), error);
    if error.kind() != io::ErrorKind::PermissionDenied {
        return problem;
    }
    Problem::denied(format!(
        "{}: only root may read it since Linux 5.10, as fine energy readings leak keys \
         (CVE-2020-8694)",
        dir.join("energy_uj").display()
    ))
    .hint(
        "run as root, or if every user of this machine is trusted: \
         sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj",
    )
}

/// A hwmon chip that states watts or joules.
struct Instrument {
    chip: Chip,
    sensors: Vec<Sensor>,
}

/// One sensor of it, such as `power1` or `energy2`.
struct Sensor {
    stem: String,
    /// The attribute that holds the value.
    attribute: String,
    domain: String,
    is_energy: bool,
    key: Key,
}

impl Instrument {
    fn new(chip: Chip) -> Instrument {
        let mut found: Vec<(String, String)> = Vec::new();
        for suffix in ["_input", "_average"] {
            for attribute in &chip.attributes {
                let Some(stem) = attribute.strip_suffix(suffix) else { continue };
                let number = stem.strip_prefix("power").or_else(|| stem.strip_prefix("energy"));
                let numbered = number.is_some_and(|number| number.parse::<u32>().is_ok());
                if numbered && !found.iter().any(|(other, _)| other == stem) {
                    found.push((stem.to_owned(), attribute.clone()));
                }
            }
        }
        let single = found.len() == 1;
        let sensors = found.into_iter().map(|(stem, attribute)| {
            let label = chip.label_of(&stem);
            let label = label.or_else(|| (!single).then(|| stem.clone())).unwrap_or_default();
            Sensor {
                domain: format!("{} {label}", chip.label).trim_end().to_owned(),
                is_energy: stem.starts_with("energy"),
                key: Key(chip.hash, Key::named(stem.as_bytes()).0),
                stem,
                attribute,
            }
        });
        Instrument { sensors: sensors.collect(), chip }
    }

    fn read(
        &self,
        now_ns: u64,
        meters: &mut HashMap<Key, Meter>,
        table: &mut RawTable,
    ) -> Result<(), Problem> {
        if let Some(problem) = self.chip.asleep() {
            return Err(problem);
        }
        let mut result = Ok(());
        for sensor in &self.sensors {
            let mut row = table.push(sensor.key);
            row.text(power::domain, sensor.domain.as_str())
                .text(power::source, "hwmon")
                .set(power::limit_watts, limit(&self.chip.dir, &format!("{}_cap", sensor.stem)))
                // The ACPI power meter stands at the machine's supply.
                .set(power::whole_machine, self.chip.name == "power_meter");
            match sysfs::try_i64(&self.chip.dir, &sensor.attribute) {
                Ok(value) => sensor.set(value, now_ns, meters, &mut row),
                Err(error) => {
                    let path = self.chip.dir.join(&sensor.attribute);
                    result = result.and(Err(Problem::io(&path, &error)));
                }
            }
        }
        result
    }
}

impl Sensor {
    fn set(&self, value: i64, now_ns: u64, meters: &mut HashMap<Key, Meter>, row: &mut RowMut<'_>) {
        if self.is_energy {
            // 64 bits wide: drivers unwrap the hardware's counter themselves.
            let used = meters.entry(self.key).or_default().advance(value, 0, now_ns);
            row.set(power::energy_joules, used);
        } else {
            row.set(power::reading_watts, Some(value).filter(|&microwatts| microwatts >= 0));
        }
    }
}

/// Makes a counter that starts at 0 and only grows out of one that wraps and is reset.
#[derive(Debug, Default)]
struct Meter {
    counter: Unwrapped,
    /// What the unwrapped counter stood at when `used` was 0.
    origin: i64,
    used: i64,
    read_ns: Option<u64>,
}

impl Meter {
    /// Takes the hardware's microjoules, gives those used since the first read. A `range` of 0
    /// stands for a counter that does not wrap.
    fn advance(&mut self, hardware: i64, range: i64, now_ns: u64) -> i64 {
        let passed_ns = self.read_ns.map(|at_ns| now_ns.saturating_sub(at_ns));
        self.read_ns = Some(now_ns);
        let Some(passed_us) = passed_ns.map(|ns| ns / 1_000) else {
            return self.restart(hardware, 0);
        };
        let range_lasts_us = u64::try_from(range).unwrap_or(0) / STEADY_WATTS;
        if range > 0 && passed_us > range_lasts_us {
            // The counter may have wrapped more than once. Falling to 0 says so to every reader.
            return self.restart(hardware, 0);
        }
        let mut counter = self.counter;
        let used = counter.advance(hardware, range).saturating_sub(self.origin);
        let highest = passed_us.saturating_mul(HIGHEST_WATTS).max(1_000_000);
        let step = used.checked_sub(self.used).and_then(|step| u64::try_from(step).ok());
        match step {
            Some(step) if step <= highest => {
                (self.counter, self.used) = (counter, used);
                used
            }
            // A reset: what was used since then is unknown, what was used before still counts.
            _ => self.restart(hardware, self.used),
        }
    }

    fn restart(&mut self, hardware: i64, used: i64) -> i64 {
        self.counter = Unwrapped::default();
        self.origin = self.counter.advance(hardware, 0).saturating_sub(used);
        self.used = used;
        used
    }
}

#[cfg(test)]
mod tests;
