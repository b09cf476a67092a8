//! Temperatures, fans, voltages and currents: hwmon chips, and thermal zones that no chip covers.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use retop_model::family::sensor;
use retop_model::{FamilyId, Field, Key, RawTable, Text};

use super::sysfs;
use crate::roots::Roots;
use crate::source::{Pace, Problem, Read, Source};

/// A disk that was used this short a time ago still spins. Asking an idle one for its temperature
/// would put its spin-down timer back, so that it never came to rest.
const SPINNING_NS: u64 = 60_000_000_000;

/// No part of a machine bears more. NVMe drives without a limit state 65,261 °C.
const HOTTEST_MILLIDEGREES: i64 = 1_000_000;
const ABSOLUTE_ZERO_MILLIDEGREES: i64 = -273_150;

/// Reads `class/hwmon` and `class/thermal`. Values come over i2c, from embedded controllers and
/// from drive firmware: some take milliseconds, so all are read apart from the tick.
pub struct Hwmon {
    class: sysfs::Class,
    thermal: sysfs::Class,
    chips: Vec<Sensors>,
    zones: Vec<Zone>,
}

impl Hwmon {
    /// Reads the machine under `roots`.
    pub fn new(roots: &Roots) -> Hwmon {
        Hwmon {
            class: sysfs::Class::new(roots.sys.join("class/hwmon")),
            thermal: sysfs::Class::new(roots.sys.join("class/thermal")),
            chips: Vec::new(),
            zones: Vec::new(),
        }
    }

    /// Looks for chips and zones again if any came or went. Names and labels are static, and
    /// listing them asks no device.
    fn discover(&mut self) {
        let chips_changed = self.class.changed();
        if chips_changed {
            self.chips = chips(&self.class.dir).into_iter().map(Sensors::new).collect();
        }
        if self.thermal.changed() || chips_changed {
            self.zones = zones(&self.thermal.dir, &self.chips);
        }
    }
}

impl Source for Hwmon {
    fn name(&self) -> &'static str {
        "hwmon"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Sensor]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(Duration::from_secs(2))
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        let begin_ns = read.now_ns();
        self.discover();
        let mut table = read.table(FamilyId::Sensor);
        for chip in &mut self.chips {
            if let Err(problem) = chip.read(begin_ns, &mut table) {
                let part = format!("hwmon/{}", chip.chip.label);
                read.report(part, FamilyId::Sensor.get().key, Some(problem));
            }
        }
        for zone in &self.zones {
            if let Err(problem) = zone.read(&mut table) {
                let part = format!("hwmon/{}", zone.label);
                read.report(part, FamilyId::Sensor.get().key, Some(problem));
            }
        }
        let nothing = self.chips.iter().all(|chip| chip.sensors.is_empty());
        read.give(table, begin_ns);
        if nothing && self.zones.is_empty() {
            let problem = Problem::absent(format!("no sensors in {}", self.class.dir.display()));
            return Err(problem.hint(
                "virtual machines have none; elsewhere: modprobe coretemp (Intel) or k10temp (AMD)",
            ));
        }
        Ok(())
    }
}

/// A hwmon chip: a driver's name and the device that it reads.
pub struct Chip {
    /// Its folder of attributes.
    pub dir: PathBuf,
    /// The driver's name for it, such as `nvme`.
    pub name: String,
    /// The name, with the device's address where another chip has the same name.
    pub label: String,
    /// The device, links resolved; none for chips that stand for themselves.
    pub device: Option<PathBuf>,
    /// Hash of name and device: its number changes from boot to boot.
    pub hash: u64,
    /// Names of its attributes, sorted.
    pub attributes: Vec<String>,
}

impl Chip {
    /// The problem that reading it would wake it, if it sleeps.
    pub fn asleep(&self) -> Option<Problem> {
        let device = self.device.as_ref().filter(|device| sysfs::is_suspended(device))?;
        Some(Problem::asleep(format!("{}: suspended; reading would wake it", device.display())))
    }

    /// The label of an attribute such as `temp1`, if the driver gives one.
    pub fn label_of(&self, stem: &str) -> Option<String> {
        sysfs::attribute_text(&self.dir, &format!("{stem}_label"))
    }

    /// True if the chip has that attribute.
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|name| name == attribute)
    }
}

/// Every chip of the machine, none if there is no such class.
pub fn chips(class: &Path) -> Vec<Chip> {
    let mut chips: Vec<Chip> = sysfs::names(class)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|entry| {
            let dir = class.join(entry);
            let name = sysfs::attribute_text(&dir, "name")?;
            let device = sysfs::device(&dir);
            let attributes = sysfs::names(&dir).unwrap_or_default();
            Some(Chip { dir, label: name.clone(), name, device, hash: 0, attributes })
        })
        .collect();
    let names: Vec<String> = chips.iter().map(|chip| chip.name.clone()).collect();
    for chip in &mut chips {
        let address = chip.device.as_deref().and_then(sysfs::address);
        let address = address.or_else(|| Some(chip.dir.file_name()?.to_str()?.to_owned()));
        let full = format!("{} {}", chip.name, address.unwrap_or_default());
        chip.hash = Key::named(full.as_bytes()).0;
        if names.iter().filter(|name| **name == chip.name).count() > 1 {
            chip.label = full;
        }
    }
    chips
}

/// A chip with what it measures.
struct Sensors {
    chip: Chip,
    text: Text,
    sensors: Vec<Sensor>,
    disk: Option<Disk>,
}

/// One value that a chip measures.
struct Sensor {
    /// `temp1`, `fan2`.
    stem: String,
    label: Text,
    field: Field,
    has_alarm: bool,
    has_fault: bool,
    limits: Option<Limits>,
}

/// Limits are static, but reading them asks the device: they are read once, when it is awake.
#[derive(Clone, Copy)]
struct Limits {
    high: Option<i64>,
    critical: Option<i64>,
}

impl Sensors {
    fn new(chip: Chip) -> Sensors {
        let stems: Vec<(&str, Field)> = chip
            .attributes
            .iter()
            .filter_map(|name| {
                let stem = name.strip_suffix("_input")?;
                Some((stem, field_of(stem)?))
            })
            .collect();
        let labels: Vec<Option<String>> =
            stems.iter().map(|(stem, _)| chip.label_of(stem)).collect();
        let sensors = stems
            .iter()
            .zip(&labels)
            .map(|(&(stem, field), label)| Sensor {
                stem: stem.to_owned(),
                label: match label {
                    None => stem.into(),
                    Some(text) if labels.iter().flatten().filter(|l| *l == text).count() > 1 => {
                        format!("{text} {stem}").into()
                    }
                    Some(text) => text.as_str().into(),
                },
                field,
                has_alarm: chip.has(&format!("{stem}_alarm")),
                has_fault: chip.has(&format!("{stem}_fault")),
                limits: None,
            })
            .collect();
        let disk = Disk::behind(&chip);
        Sensors { text: chip.label.as_str().into(), chip, sensors, disk }
    }

    /// Adds a row for each sensor. The first value that could not be read is the problem; the
    /// others stand.
    fn read(&mut self, now_ns: u64, table: &mut RawTable) -> Result<(), Problem> {
        if let Some(problem) = self.chip.asleep() {
            return Err(problem);
        }
        if let Some(disk) = &mut self.disk
            && !disk.spins(now_ns)
        {
            let reason = format!("{}: idle; reading would keep it from resting", self.chip.label);
            return Err(Problem::asleep(reason));
        }
        let mut result = Ok(());
        for sensor in &mut self.sensors {
            let key = Key(self.chip.hash, Key::named(sensor.stem.as_bytes()).0);
            let mut row = table.push(key);
            row.text(sensor::chip, self.text.clone()).text(sensor::sensor, sensor.label.clone());
            match sensor.value(&self.chip.dir) {
                Ok(value) => row.set(sensor.field, value),
                Err(error) => {
                    let path = self.chip.dir.join(format!("{}_input", sensor.stem));
                    result = result.and(Err(Problem::io(&path, &error)));
                    continue;
                }
            };
            let Limits { high, critical } = sensor.limits(&self.chip.dir);
            row.set(sensor::high_celsius, high).set(sensor::critical_celsius, critical);
            if sensor.has_alarm {
                let alarm = format!("{}_alarm", sensor.stem);
                row.set(sensor::alarm, sysfs::attribute_i64(&self.chip.dir, &alarm));
            }
        }
        result
    }
}

/// The field of `temp1`, `fan2`, `in0`, `curr1`; power and energy are in the power family.
fn field_of(stem: &str) -> Option<Field> {
    let digits = stem.find(|c: char| c.is_ascii_digit())?;
    let (kind, number) = stem.split_at_checked(digits)?;
    number.parse::<u32>().ok()?;
    match kind {
        "temp" => Some(sensor::temperature_celsius),
        "fan" => Some(sensor::fan_rpm),
        "in" => Some(sensor::voltage_volts),
        "curr" => Some(sensor::current_amperes),
        _ => None,
    }
}

impl Sensor {
    /// The value in thousandths, or rounds a minute; `None` if the chip calls its sensor broken.
    fn value(&self, dir: &Path) -> io::Result<Option<i64>> {
        let fault = format!("{}_fault", self.stem);
        if self.has_fault && sysfs::attribute_i64(dir, &fault) == Some(1) {
            return Ok(None);
        }
        let value = sysfs::try_i64(dir, &format!("{}_input", self.stem))?;
        let heat = self.field == sensor::temperature_celsius;
        let possible = ABSOLUTE_ZERO_MILLIDEGREES..HOTTEST_MILLIDEGREES;
        Ok(Some(value).filter(|value| !heat || possible.contains(value)))
    }

    fn limits(&mut self, dir: &Path) -> Limits {
        if self.field != sensor::temperature_celsius {
            return Limits { high: None, critical: None };
        }
        let stem = &self.stem;
        *self.limits.get_or_insert_with(|| Limits {
            high: limit(sysfs::attribute_i64(dir, &format!("{stem}_max"))),
            critical: limit(sysfs::attribute_i64(dir, &format!("{stem}_crit"))),
        })
    }
}

/// Drivers state 0 or an absurd heat where no limit is set.
fn limit(millidegrees: Option<i64>) -> Option<i64> {
    millidegrees.filter(|limit| (1..HOTTEST_MILLIDEGREES).contains(limit))
}

/// The turning disk behind a `drivetemp` chip.
struct Disk {
    stat: PathBuf,
    requests: Option<u64>,
    moved_ns: Option<u64>,
}

impl Disk {
    fn behind(chip: &Chip) -> Option<Disk> {
        let block = chip.device.as_ref().filter(|_| chip.name == "drivetemp")?.join("block");
        let disk = block.join(sysfs::names(&block).ok()?.first()?);
        let turns = sysfs::attribute_i64(&disk, "queue/rotational") == Some(1);
        turns.then(|| Disk { stat: disk.join("stat"), requests: None, moved_ns: None })
    }

    /// True if somebody used the disk within the last minute. The kernel's request counters do not
    /// count our own questions: those pass by the file system.
    fn spins(&mut self, now_ns: u64) -> bool {
        let mut text = Vec::new();
        let requests = sysfs::read_into(&self.stat, &mut text).ok().and_then(|()| {
            let text = std::str::from_utf8(&text).ok()?;
            let field = |n| text.split_ascii_whitespace().nth(n)?.parse::<u64>().ok();
            field(0)?.checked_add(field(4)?)
        });
        if self.requests.is_some() && requests.is_some() && self.requests != requests {
            self.moved_ns = Some(now_ns);
        }
        self.requests = requests;
        self.moved_ns.is_some_and(|moved| now_ns.saturating_sub(moved) < SPINNING_NS)
    }
}

/// A thermal zone that no chip covers.
struct Zone {
    dir: PathBuf,
    kind: Text,
    label: String,
    key: Key,
    critical: Option<i64>,
}

fn zones(class: &Path, chips: &[Sensors]) -> Vec<Zone> {
    let kinds: Vec<(String, String)> = sysfs::names(class)
        .unwrap_or_default()
        .into_iter()
        .filter(|entry| entry.starts_with("thermal_zone"))
        .filter_map(|entry| {
            let kind = sysfs::attribute_text(&class.join(&entry), "type")?;
            Some((entry, kind))
        })
        .collect();
    let same = |kind: &str| kinds.iter().filter(|(_, other)| other == kind).count();
    kinds
        .iter()
        .filter(|(_, kind)| !is_covered(kind, chips))
        .map(|(entry, kind)| {
            let label = if same(kind) > 1 { format!("{kind} {entry}") } else { kind.clone() };
            let dir = class.join(entry);
            Zone {
                kind: label.as_str().into(),
                key: Key(Key::named(b"thermal zone").0, Key::named(label.as_bytes()).0),
                critical: critical(&dir),
                label,
                dir,
            }
        })
        .collect()
}

/// Most zones make a hwmon chip of their own name, with `_` for `-`. The x86 package zone repeats
/// coretemp's package sensor, and INT3400 states a constant: it is a policy, not a thermometer.
fn is_covered(kind: &str, chips: &[Sensors]) -> bool {
    let plain = kind.replace('-', "_");
    kind == "INT3400 Thermal"
        || chips.iter().any(|chip| {
            let name = chip.chip.name.as_str();
            name == plain || (kind == "x86_pkg_temp" && name == "coretemp")
        })
}

/// The temperature of the zone's critical trip point.
fn critical(dir: &Path) -> Option<i64> {
    (0..16)
        .map_while(|n| Some((n, sysfs::attribute_text(dir, &format!("trip_point_{n}_type"))?)))
        .find(|(_, kind)| kind == "critical")
        .and_then(|(n, _)| limit(sysfs::attribute_i64(dir, &format!("trip_point_{n}_temp"))))
}

impl Zone {
    fn read(&self, table: &mut RawTable) -> Result<(), Problem> {
        let mut row = table.push(self.key);
        row.text(sensor::chip, "thermal zone").text(sensor::sensor, self.kind.clone());
        let value = sysfs::try_i64(&self.dir, "temp")
            .map_err(|error| Problem::io(&self.dir.join("temp"), &error))?;
        let possible = (ABSOLUTE_ZERO_MILLIDEGREES..HOTTEST_MILLIDEGREES).contains(&value);
        row.set(sensor::temperature_celsius, possible.then_some(value));
        row.set(sensor::critical_celsius, self.critical);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
