//! `retop --once`: the machine on one page of plain text, 80 columns wide.
//!
//! It shows what a person asks first, in the units of people; whoever wants all of it takes the
//! JSON. Parts that the machine does not have are left out.

use std::fmt::{self, Display, Write};

use retop_model::alert::Severity;
use retop_model::civil::Rfc3339;
use retop_model::family::{
    alert, battery, chip, cluster, cpu, disk, filesystem, host, limit, memory, network, power,
    pressure, process, sensor, task,
};
use retop_model::human::{Count, Duration, MISSING, Or, Percent, Rate, Size, Value};
use retop_model::{FamilyId, Field, Row, Snapshot, Unit};

use super::{Limit, top_processes};

/// Columns of the page.
const WIDTH: usize = 80;
/// Rows of each table; the rest is counted.
const ROWS: usize = 10;

/// Appends the report.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, snapshot: &Snapshot) -> fmt::Result {
    let mut page = Page { out, snapshot };
    page.machine()?;
    page.alerts()?;
    page.processor()?;
    page.memory()?;
    page.chip()?;
    page.limits()?;
    page.disks()?;
    page.filesystems()?;
    page.networks()?;
    page.clusters()?;
    page.sensors()?;
    page.power()?;
    page.batteries()?;
    page.processes("processes by CPU", process::cpu_ratio)?;
    page.processes("processes by memory", process::resident_bytes)
}

struct Page<'a> {
    out: &'a mut dyn Write,
    snapshot: &'a Snapshot,
}

/// A column of a table: heading and width. The first takes what is left and stands to the left.
type Head = (&'static str, usize);

impl<'a> Page<'a> {
    fn machine(&mut self) -> fmt::Result {
        let snapshot = self.snapshot;
        let words = [host::name, host::os, host::kernel, host::architecture, host::virtualization];
        let words = words.iter().filter_map(|&field| snapshot.one_text(field));
        let words: Vec<&str> = words.map(|text| text.shown()).filter(|s| !s.is_empty()).collect();
        self.line("host", &words.join(", "))?;
        let up = self.one(host::uptime_seconds, Duration);
        let over = Or(snapshot.interval_seconds().map(Duration));
        let time = Rfc3339(snapshot.stamp().wall_ms);
        self.line("", &format!("{time}, up {up}, measured over {over}"))?;
        if let Some(model) = snapshot.one_text(host::cpu_model) {
            self.line("", model.shown())?;
        }
        Ok(())
    }

    /// What fires, critical ones first. Nothing is said where nothing does: one report is too short
    /// for most alerts to be sure.
    fn alerts(&mut self) -> fmt::Result {
        let critical = |row: Row<'_>| row.shown(alert::severity) == Severity::Critical.name();
        let mut rows: Vec<Row<'_>> = self.snapshot.rows(FamilyId::Alert).collect();
        rows.sort_by_key(|&row| !critical(row));
        let mut head = "alerts";
        for &row in rows.iter().take(ROWS) {
            let mark = if critical(row) { "! " } else { "" };
            let text = format!("{mark}{} {}", row.shown(alert::alert), row.shown(alert::message));
            self.line(std::mem::take(&mut head), &text)?;
        }
        match rows.len().saturating_sub(ROWS) {
            0 => Ok(()),
            more => self.line("", &format!("and {more} more")),
        }
    }

    fn processor(&mut self) -> fmt::Result {
        let cpus = self.one(cpu::logical, Count);
        let used = self.one(cpu::utilization_ratio, Percent);
        let modes = [
            ("user", cpu::user_ratio),
            ("nice", cpu::nice_ratio),
            ("system", cpu::system_ratio),
            ("irq", cpu::irq_ratio),
            ("iowait", cpu::iowait_ratio),
            ("steal", cpu::steal_ratio),
        ];
        let modes = modes.map(|(name, field)| format!("{name} {}", self.one(field, Percent)));
        self.line("cpu", &format!("{used} of {cpus} CPUs"))?;
        self.line("", &modes.join(", "))?;
        let load = [host::load_1m, host::load_5m, host::load_15m];
        let load = load.map(|field| self.one(field, |load| format!("{load:.2}")).to_string());
        let switches = self.one(cpu::context_switches_per_second, Count);
        self.line("load", &format!("{}, {switches} switches/s", load.join(" ")))?;
        if self.snapshot.row(FamilyId::Task, 0).is_some() {
            let count = |field| self.one(field, Count);
            let text = format!(
                "{} processes: {} running, {} blocked, {} zombies; {} threads",
                count(task::processes),
                count(task::running),
                count(task::blocked),
                count(task::zombies),
                count(task::threads),
            );
            self.line("tasks", &text)?;
        }
        let stalls = self.snapshot.rows(FamilyId::Pressure).map(|row| {
            let resource = row.shown(pressure::resource);
            format!("{resource} {}", get(row, pressure::some_ratio, Percent))
        });
        let mut stalls: Vec<String> = stalls.collect();
        stalls.sort_unstable();
        if stalls.is_empty() {
            return Ok(());
        }
        self.line("pressure", &format!("{} of the time", stalls.join(", ")))
    }

    fn memory(&mut self) -> fmt::Result {
        let size = |field| self.one(field, Size);
        let text = format!(
            "{} of {} used ({}), {} available, {} cache",
            size(memory::used_bytes),
            size(memory::total_bytes),
            self.one(memory::used_ratio, Percent),
            size(memory::available_bytes),
            size(memory::cache_bytes),
        );
        self.line("memory", &text)?;
        if self.snapshot.one(memory::swap_total_bytes).is_some_and(|total| total > 0.0) {
            let size = |field| self.one(field, Size);
            let rate = |field| self.one(field, Rate);
            let text = format!(
                "{} of {} used, {} in, {} out",
                size(memory::swap_used_bytes),
                size(memory::swap_total_bytes),
                rate(memory::swap_in_bytes_per_second),
                rate(memory::swap_out_bytes_per_second),
            );
            self.line("swap", &text)?;
        }
        Ok(())
    }

    /// Only if something is limited: every process has a cgroup.
    fn limits(&mut self) -> fmt::Result {
        let mut parts = Vec::new();
        if self.snapshot.one(limit::cpus).is_some() {
            let cpus = self.one(limit::cpus, Count);
            let used = self.one(limit::cpu_ratio, Percent);
            let held = self.one(limit::throttled_ratio, Percent);
            parts.push(format!("{cpus} CPUs ({used} used, {held} held back)"));
        }
        if self.snapshot.one(limit::memory_limit_bytes).is_some() {
            let bytes = self.one(limit::memory_limit_bytes, Size);
            let used = self.one(limit::memory_ratio, Percent);
            parts.push(format!("{bytes} memory ({used} used)"));
        }
        if parts.is_empty() { Ok(()) } else { self.line("limits", &parts.join(", ")) }
    }

    /// Whole disks and what is built on them; loop devices and partitions only repeat others.
    fn disks(&mut self) -> fmt::Result {
        let rows = self.snapshot.rows(FamilyId::Disk);
        let rows = rows.filter(|row| !matches!(row.state(disk::kind), Some("partition" | "loop")));
        let heads =
            [("disk", 0), ("read", 8), ("write", 8), ("busy", 6), ("await", 7), ("queue", 6)];
        self.table(heads, rows, |row| {
            [
                row.shown(disk::device).to_owned(),
                get(row, disk::read_bytes_per_second, Rate),
                get(row, disk::written_bytes_per_second, Rate),
                get(row, disk::utilization_ratio, Percent),
                get(row, disk::latency_seconds, Duration),
                get(row, disk::queue_length, Count),
            ]
        })
    }

    fn filesystems(&mut self) -> fmt::Result {
        let heads =
            [("file system", 0), ("type", 8), ("size", 6), ("used", 6), ("avail", 6), ("use%", 6)];
        self.table(heads, self.snapshot.rows(FamilyId::Filesystem), |row| {
            [
                row.shown(filesystem::mountpoint).to_owned(),
                row.shown(filesystem::fstype).to_owned(),
                get(row, filesystem::size_bytes, Size),
                get(row, filesystem::used_bytes, Size),
                get(row, filesystem::avail_bytes, Size),
                get(row, filesystem::used_ratio, Percent),
            ]
        })
    }

    fn networks(&mut self) -> fmt::Result {
        let heads = [("network", 0), ("receive", 8), ("send", 8), ("drops/s", 8), ("errors/s", 9)];
        self.table(heads, self.snapshot.rows(FamilyId::Network), |row| {
            [
                row.shown(network::device).to_owned(),
                get(row, network::receive_bytes_per_second, Rate),
                get(row, network::transmit_bytes_per_second, Rate),
                get(row, network::dropped_per_second, Count),
                get(row, network::errors_per_second, Count),
            ]
        })
    }

    fn sensors(&mut self) -> fmt::Result {
        let fields = [
            sensor::temperature_celsius,
            sensor::fan_rpm,
            sensor::voltage_volts,
            sensor::current_amperes,
        ];
        self.table(
            [("sensor", 0), ("value", 9), ("limit", 7)],
            self.snapshot.rows(FamilyId::Sensor),
            |row| {
                let reading = fields.iter().find_map(|&field| {
                    row.get(field).map(|value| Value(field.unit(), value).to_string())
                });
                [
                    format!("{}: {}", row.shown(sensor::chip), row.shown(sensor::sensor)),
                    reading.unwrap_or_else(|| MISSING.to_owned()),
                    get(row, sensor::critical_celsius, |value| Value(Unit::Celsius, value)),
                ]
            },
        )
    }

    /// A system on a chip: its words for its heat, and its parts against its scale.
    fn chip(&mut self) -> fmt::Result {
        let Some(row) = self.snapshot.row(FamilyId::Chip, 0) else { return Ok(()) };
        let mut words: Vec<String> = Vec::new();
        for (name, field) in [("heat", chip::thermal), ("pressure", chip::thermal_pressure)] {
            words.extend(row.state(field).map(|state| format!("{name} {state}")));
        }
        for (name, field) in
            [("cpu", chip::cpu_highest_celsius), ("gpu", chip::gpu_highest_celsius)]
        {
            let celsius = row.get(field).map(|celsius| Value(Unit::Celsius, celsius));
            words.extend(celsius.map(|celsius| format!("{name} {celsius}")));
        }
        words.extend(row.get(chip::package_watts).map(|watts| {
            let of = row.get(chip::package_scale_watts);
            let of = of.map_or(String::new(), |of| format!(" of {}", Value(Unit::Watts, of)));
            format!("package {}{of}", Value(Unit::Watts, watts))
        }));
        words.extend(self.snapshot.one(memory::traffic_bytes_per_second).map(|moved| {
            let of = self.snapshot.one(memory::traffic_limit_bytes_per_second);
            let of = of.map_or(String::new(), |of| format!(" of {:.0}", of / 1e9));
            format!("memory {:.0}{of} GB/s", moved / 1e9)
        }));
        let (first, second) = words.split_at(words.len().min(4));
        for (name, part) in [("chip", first), ("", second)] {
            if !part.is_empty() {
                self.line(name, &part.join(", "))?;
            }
        }
        Ok(())
    }

    fn clusters(&mut self) -> fmt::Result {
        let heads = [
            ("cluster", 0),
            ("load", 6),
            ("clock", 8),
            ("idle", 6),
            ("low", 6),
            ("mid", 6),
            ("high", 6),
        ];
        self.table(heads, self.snapshot.rows(FamilyId::Cluster), |row| {
            [
                row.shown(cluster::cluster).to_owned(),
                get(row, cluster::utilization_ratio, Percent),
                get(row, cluster::frequency_hertz, |hertz| Value(Unit::Hertz, hertz)),
                get(row, cluster::idle_ratio, Percent),
                get(row, cluster::low_ratio, Percent),
                get(row, cluster::middle_ratio, Percent),
                get(row, cluster::high_ratio, Percent),
            ]
        })
    }

    fn power(&mut self) -> fmt::Result {
        let heads = [("power", 0), ("source", 10), ("draws", 8), ("limit", 8)];
        self.table(heads, self.snapshot.rows(FamilyId::Power), |row| {
            [
                row.shown(power::domain).to_owned(),
                row.shown(power::source).to_owned(),
                get(row, power::watts, |watts| Value(Unit::Watts, watts)),
                get(row, power::limit_watts, |watts| Value(Unit::Watts, watts)),
            ]
        })
    }

    fn batteries(&mut self) -> fmt::Result {
        let heads = [("battery", 0), ("charge", 7), ("status", 13), ("power", 8), ("left", 8)];
        self.table(heads, self.snapshot.rows(FamilyId::Battery), |row| {
            let left = row.get(battery::empty_seconds).or(row.get(battery::full_seconds));
            [
                row.shown(battery::battery).to_owned(),
                get(row, battery::charge_ratio, Percent),
                row.state(battery::status).unwrap_or(MISSING).to_owned(),
                get(row, battery::power_watts, |watts| Value(Unit::Watts, watts)),
                // A model's answer, and marked as one.
                left.map_or_else(|| MISSING.to_owned(), |left| format!("~{}", Duration(left))),
            ]
        })
    }

    fn processes(&mut self, title: &'static str, by: Field) -> fmt::Result {
        let rows = top_processes(self.snapshot, by, Limit::Count(ROWS), None);
        let heads = [
            (title, 0),
            ("pid", 8),
            ("user", 10),
            ("cpu", 6),
            ("memory", 7),
            ("time", 8),
            ("state", 9),
        ];
        self.table(heads, rows.into_iter(), |row| {
            [
                row.shown(process::name).to_owned(),
                row.raw(process::pid).map_or_else(String::new, |pid| pid.to_string()),
                row.shown(process::user).to_owned(),
                get(row, process::cpu_ratio, Percent),
                get(row, process::resident_bytes, Size),
                get(row, process::cpu_seconds, Duration),
                row.state(process::state).unwrap_or(MISSING).to_owned(),
            ]
        })
    }

    /// A number of a family with one entity, as text.
    fn one<T: Display>(&self, field: Field, form: impl Fn(f64) -> T) -> Or<T> {
        Or(self.snapshot.one(field).map(form))
    }

    /// A line with its heading.
    fn line(&mut self, head: &str, text: &str) -> fmt::Result {
        writeln!(self.out, "{}", clip(format!("{head:<9} {text}"), WIDTH))
    }

    /// A table of the first rows; nothing if there are none.
    fn table<const N: usize>(
        &mut self,
        heads: [Head; N],
        rows: impl Iterator<Item = Row<'a>>,
        cells: impl Fn(Row<'a>) -> [String; N],
    ) -> fmt::Result {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        writeln!(self.out)?;
        self.cells(&heads, heads.map(|(head, _)| head.to_owned()))?;
        for row in rows.by_ref().take(ROWS) {
            self.cells(&heads, cells(row))?;
        }
        match rows.count() {
            0 => Ok(()),
            more => writeln!(self.out, "  and {more} more"),
        }
    }

    fn cells<const N: usize>(&mut self, heads: &[Head; N], cells: [String; N]) -> fmt::Result {
        let others: usize = heads.iter().map(|(_, width)| width).sum();
        for (place, (cell, (_, width))) in cells.into_iter().zip(heads).enumerate() {
            if place == 0 {
                let width = WIDTH - others;
                write!(self.out, "{:<width$}", clip(cell, width))?;
            } else {
                write!(self.out, " {:>width$}", clip(cell, width - 1), width = width - 1)?;
            }
        }
        writeln!(self.out)
    }
}

/// A number of a row as text.
fn get<T: Display>(row: Row<'_>, field: Field, form: impl Fn(f64) -> T) -> String {
    Or(row.get(field).map(form)).to_string()
}

/// The text in at most so many characters, the last of them `…` if some were left off.
fn clip(mut text: String, width: usize) -> String {
    if text.chars().count() > width {
        let end = text.char_indices().nth(width.saturating_sub(1)).map_or(0, |(place, _)| place);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::made;
    use proptest::prelude::*;
    use retop_model::{Key, RawSample};

    fn report(snapshot: &Snapshot) -> String {
        let mut text = String::new();
        write(&mut text, snapshot).unwrap();
        text
    }

    #[test]
    fn one_page() {
        assert_eq!(
            report(&made::laptop_in_a_container()),
            "\
host      small, Debian 12, 6.12.0
          2026-11-03T14:05:10.250Z, up 5.0s, measured over 1.0s
cpu       80% of 5 CPUs
          user 10%, nice 10%, system 10%, irq 20%, iowait 10%, steal 10%
load      5.00 5.00 5.00, 1.0M switches/s
tasks     5 processes: 5 running, 5 blocked, 5 zombies; 5 threads
pressure  cpu 100%, io 100%, memory 100% of the time
memory    0 of 5B used (0.0%), 5B available, 5B cache
swap      0 of 5B used, 977K/s in, 977K/s out
limits    1.5 CPUs (50% used, 0.0% held back), 2.0G memory (50% used)

disk                                             read   write  busy  await queue
vda                                            4.0K/s  977K/s  100%  500µs  1.0k

file system                                         type  size  used avail  use%
/                                                   ext4   40G   28G   10G   74%

network                                         receive    send drops/s errors/s
eth0                                             977K/s  977K/s    2.0M     2.0M

sensor                                                              value  limit
coretemp: Package id 0                                               62°C  100°C

battery                                      charge       status   power    left
BAT0                                            82%  discharging    5.0W   ~1.0s

processes by CPU                     pid      user   cpu memory    time    state
worker                                30       bob   50%    30M    2.5s  running
idle                                  10       bob  0.0%    10M    2.0s  running
idle                                  20       bob  0.0%    20M    2.0s  running
newborn                               40       bob     –    40M    2.0s  running

processes by memory                  pid      user   cpu memory    time    state
newborn                               40       bob     –    40M    2.0s  running
worker                                30       bob   50%    30M    2.5s  running
idle                                  20       bob  0.0%    20M    2.0s  running
idle                                  10       bob  0.0%    10M    2.0s  running
"
        );
    }

    #[test]
    fn what_is_not_there_is_left_out_and_what_is_missing_is_a_dash() {
        let text = report(&made::first_sample());
        for absent in ["limits", "battery", "sensor", "power"] {
            assert!(!text.contains(absent), "{absent}\n{text}");
        }
        assert!(text.contains("measured over –"), "{text}");
        assert!(text.contains("\ncpu       – of 5 CPUs\n"), "{text}");
        assert_eq!(report(&made::play([RawSample::new(made::stamp(0))])).lines().count(), 6);
    }

    #[test]
    fn alerts_stand_at_the_top_with_the_critical_ones_first() {
        let sample = |count: u64| {
            let mut sample = RawSample::new(made::stamp(0));
            sample.put(made::table(FamilyId::Alert, 0, |t| {
                for number in 0..count {
                    let critical = number == count - 1;
                    t.push(Key(number, 0))
                        .text(alert::alert, format!("RULE-{number}"))
                        .text(alert::severity, if critical { "critical" } else { "warning" })
                        .text(alert::message, "61 zombies, limit 50");
                }
            }));
            report(&made::play([sample]))
        };
        let text = sample(2);
        let lines: Vec<&str> = text.lines().skip(2).take(2).collect();
        assert_eq!(
            lines,
            ["alerts    ! RULE-1 61 zombies, limit 50", "          RULE-0 61 zombies, limit 50"]
        );
        assert!(sample(12).contains("\n          and 2 more\ncpu "), "{}", sample(12));
        assert!(!sample(0).contains("alerts"));
    }

    #[test]
    fn long_tables_end_in_a_count() {
        let mut sample = RawSample::new(made::stamp(0));
        sample.put(made::table(FamilyId::Network, 0, |t| {
            for key in 0..ROWS as u64 + 3 {
                t.push(Key(key, 0)).text(network::device, format!("eth{key}"));
            }
        }));
        let text = report(&made::play([sample]));
        assert_eq!(text.lines().last(), Some("  and 3 more"));
    }

    #[test]
    fn clipping_counts_characters() {
        for (text, width, clipped) in [
            ("größe", 5, "größe"),
            ("größen", 5, "größ…"),
            ("", 0, ""),
            ("ab", 1, "…"),
            ("ab", 0, "…"),
        ] {
            assert_eq!(clip(text.to_owned(), width), clipped);
        }
    }

    proptest! {
        #[test]
        fn no_name_and_no_number_breaks_the_page(name: Vec<u8>, number: i64) {
            for line in report(&made::hostile(&name, number)).lines() {
                prop_assert!(line.chars().count() <= WIDTH, "{line}");
            }
        }
    }
}
