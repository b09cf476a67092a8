//! Power and energy: RAPL through powercap, hwmon's energy and power sensors, battery discharge.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use retop_model::counter::Unwrapped;
use retop_model::family::power;
use retop_model::{Clock, FamilyId, Key, RawTable};

use super::battery;
use super::hwmon::{self, Chip};
use super::perf;
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

/// How often counters are looked at where nobody asks for them: the smallest range of RAPL (65 kJ on
/// AMD) lasts over a minute at 1 kW.
const PULSE: Duration = Duration::from_secs(30);

/// Power stated at two moments further apart than this is not joined to energy.
const STATED_NS: u64 = 3 * 30_000_000_000;

/// A package draws something while this program runs on it, and its counter moves within a
/// millisecond: one that stood still for so long is stuck, and says nothing.
const STALLED_US: u64 = 500_000;

/// Reads every instrument that states watts or joules, RAPL where it may. An ACPI power meter can
/// take a second to answer, so all are read apart from the tick.
pub struct Power {
    powercap: Class,
    zones: Vec<Zone>,
    hwmon: Class,
    chips: Vec<Instrument>,
    supplies: PathBuf,
    battery: Option<(u64, Option<i64>)>,
    meters: HashMap<Key, Meter>,
    sums: HashMap<Key, Sum>,
    /// Where powercap may not be read; only on the real machine.
    perf: Option<perf::Energy<perf::System>>,
    sys: PathBuf,
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
            sums: HashMap::new(),
            perf: roots.is_real().then(|| perf::Energy::new(perf::System)),
            sys: roots.sys.clone(),
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

    /// Adds RAPL's domains. Those that may not be read stand without numbers. Tells of the first
    /// that may not be, and of the first whose counter told nothing.
    fn rapl(
        &mut self,
        now_ns: u64,
        table: &mut RawTable,
    ) -> (Result<(), Problem>, Option<Problem>) {
        let mut result = Ok(());
        let mut silent = None;
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
                    let used = match zone.advance(meter, energy, now_ns) {
                        Ok(used) => used,
                        Err(fault) => {
                            silent = silent.or_else(|| Some(fault.problem(&zone.domain)));
                            continue;
                        }
                    };
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
        (result, silent)
    }

    /// Adds RAPL's domains as perf tells them, if it does.
    fn rapl_by_perf(&mut self, now_ns: u64, table: &mut RawTable) {
        let Some(perf) = &mut self.perf else { return };
        let meters = &mut self.meters;
        perf.read(&self.sys, |domain| {
            let meter = meters.entry(domain.key).or_default();
            table
                .push(domain.key)
                .text(power::domain, domain.name)
                .text(power::source, "perf")
                .set(power::energy_joules, meter.advance(domain.microjoules, 0, now_ns).ok())
                .set(power::whole_machine, false);
        });
    }

    /// Adds what the batteries give, while they give: that is what the whole machine draws.
    fn discharge(&mut self, now_ns: u64, table: &mut RawTable) {
        let fresh = self.battery.filter(|(at_ns, _)| now_ns.saturating_sub(*at_ns) < BATTERY_NS);
        let (_, drawn) = *self.battery.insert(
            fresh.unwrap_or_else(|| (now_ns, battery::discharge_microwatts(&self.supplies))),
        );
        let key = Key::named(b"battery");
        let used = self.sums.entry(key).or_default().advance(drawn, now_ns);
        if let Some(drawn) = drawn {
            table
                .push(key)
                .text(power::domain, "battery")
                .text(power::source, "battery")
                .set(power::reading_watts, drawn)
                .set(power::integrated_joules, used)
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

    fn pulse(&self, _: u64) -> Option<Duration> {
        // Before the first read nobody wants to know.
        let is_asked = !self.meters.is_empty() || !self.sums.is_empty();
        is_asked.then_some(PULSE)
    }

    fn keep_up(&mut self, clock: &dyn Clock) {
        let now_ns = clock.monotonic_ns();
        let mut table = RawTable::new(FamilyId::Power);
        let _ = self.rapl(now_ns, &mut table);
        for chip in &self.chips {
            let _ = chip.read(now_ns, (&mut self.meters, &mut self.sums), &mut table);
        }
        self.discharge(now_ns, &mut table);
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        let feeds = FamilyId::Power.get().key;
        let begin_ns = read.now_ns();
        let mut table = read.table(FamilyId::Power);
        self.discover();
        let (mut rapl, silent) = self.rapl(begin_ns, &mut table);
        if rapl.is_err() || table.is_empty() {
            let mut stated = RawTable::new(FamilyId::Power);
            self.rapl_by_perf(begin_ns, &mut stated);
            if !stated.is_empty() {
                (table, rapl) = (stated, Ok(()));
            }
        }
        if let Some(problem) = silent {
            read.report("power/counter", feeds, Some(problem));
        }
        let domains = table.len();
        for chip in &self.chips {
            let record = (&mut self.meters, &mut self.sums);
            if let Err(problem) = chip.read(begin_ns, record, &mut table) {
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

impl Zone {
    /// What was used since the first read, in microjoules.
    fn advance(&self, meter: &mut Meter, energy: i64, now_ns: u64) -> Result<i64, Fault> {
        let before = (meter.read_ns, meter.used);
        let used = meter.advance(energy, self.range, now_ns)?;
        let still_us = before.0.map_or(0, |at_ns| now_ns.saturating_sub(at_ns) / 1_000);
        if self.kind == Kind::Package && used == before.1 && still_us >= STALLED_US {
            return Err(Fault::Stalled);
        }
        Ok(used)
    }
}

/// Why a counter tells nothing of the time since the last read of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It may have gone round more than once: seconds since the last read, and seconds that a round
    /// takes at [`STEADY_WATTS`].
    Wrapped(u64, u64),
    /// It fell, or jumped further than any domain draws.
    Reset,
    /// It stands still.
    Stalled,
}

impl Fault {
    fn problem(self, domain: &str) -> Problem {
        match self {
            Fault::Wrapped(passed, round) => Problem::failing(format!(
                "{domain}: {passed} s lie between two reads of a counter that goes round within \
                 {round} s at 1 kW: what was used meanwhile is not known"
            ))
            .hint("the machine was too busy to read it in time, or stood still"),
            Fault::Reset => Problem::failing(format!(
                "{domain}: the counter jumped or was reset: what was used meanwhile is not known"
            )),
            Fault::Stalled => Problem::failing(format!("{domain}: the counter stands still")),
        }
    }
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
        "sudo setcap cap_perfmon+ep $(command -v retop), or run as root; if every user of this \
         machine is trusted: sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj",
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
        (meters, sums): (&mut HashMap<Key, Meter>, &mut HashMap<Key, Sum>),
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
                Ok(value) if sensor.is_energy => {
                    // 64 bits wide: drivers unwrap the hardware's counter themselves.
                    let meter = meters.entry(sensor.key).or_default();
                    row.set(power::energy_joules, meter.advance(value, 0, now_ns).ok());
                }
                Ok(value) => {
                    let highest = HIGHEST_WATTS.saturating_mul(1_000_000);
                    let believed = u64::try_from(value).is_ok_and(|value| value <= highest);
                    let microwatts = believed.then_some(value);
                    let sum = sums.entry(sensor.key).or_default();
                    row.set(power::reading_watts, microwatts)
                        .set(power::integrated_joules, sum.advance(microwatts, now_ns));
                }
                Err(error) => {
                    let path = self.chip.dir.join(&sensor.attribute);
                    result = result.and(Err(Problem::io(&path, &error)));
                }
            }
        }
        result
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
    /// stands for a counter that does not wrap. After a fault the sum goes on from where it was.
    fn advance(&mut self, hardware: i64, range: i64, now_ns: u64) -> Result<i64, Fault> {
        let passed_ns = self.read_ns.map(|at_ns| now_ns.saturating_sub(at_ns));
        self.read_ns = Some(now_ns);
        let Some(passed_us) = passed_ns.map(|ns| ns / 1_000) else {
            self.restart(hardware);
            return Ok(0);
        };
        let range_lasts_us = u64::try_from(range).unwrap_or(0) / STEADY_WATTS;
        if range > 0 && passed_us > range_lasts_us {
            self.restart(hardware);
            return Err(Fault::Wrapped(passed_us / 1_000_000, range_lasts_us / 1_000_000));
        }
        let mut counter = self.counter;
        let used = counter.advance(hardware, range).saturating_sub(self.origin);
        let highest = passed_us.saturating_mul(HIGHEST_WATTS).max(1_000_000);
        let step = used.checked_sub(self.used).and_then(|step| u64::try_from(step).ok());
        match step {
            Some(step) if step <= highest => {
                (self.counter, self.used) = (counter, used);
                Ok(used)
            }
            _ => {
                self.restart(hardware);
                Err(Fault::Reset)
            }
        }
    }

    /// Counts on from what the hardware says now.
    fn restart(&mut self, hardware: i64) {
        self.counter = Unwrapped::default();
        self.origin = self.counter.advance(hardware, 0).saturating_sub(self.used);
    }
}

/// Makes energy out of power that an instrument states from time to time: the mean of two
/// statements, for as long as lies between them.
#[derive(Debug, Default)]
struct Sum {
    last: Option<(u64, i64)>,
    /// In microjoules.
    used: f64,
}

impl Sum {
    /// Takes microwatts, gives the microjoules since the first ones. `None` breaks the sum off: it
    /// goes on from the next statement.
    fn advance(&mut self, microwatts: Option<i64>, now_ns: u64) -> Option<i64> {
        let before = std::mem::replace(&mut self.last, microwatts.map(|power| (now_ns, power)));
        let now = microwatts? as f64;
        if let Some((at_ns, power)) = before {
            let passed_ns = now_ns.saturating_sub(at_ns);
            if passed_ns <= STATED_NS {
                self.used += (power as f64 + now) / 2.0 * passed_ns as f64 / 1e9;
            }
        }
        // Far below 2^63: the cast cuts fractions of a microjoule alone.
        Some(self.used as i64)
    }
}

#[cfg(test)]
mod tests;
