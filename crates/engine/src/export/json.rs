//! A snapshot as one JSON object.
//!
//! - `time` (RFC 3339, UTC), `interval_seconds` (measured; `null` for the first sample), then every
//!   family under its key, in the order of declaration.
//! - A family with one entity is an object, one with many an array of objects; `null` if its source
//!   gave no table, so that "no disks" (`[]`) and "disks cannot be read" (`null`) are told apart.
//! - In an object: texts, then what was read, then what is derived, all in base units. What is
//!   missing is `null`; a state is its name. `sources` says why something is missing.
//! - Process arguments are left out, key and all, unless [`Options::arguments`] asks for them.
//!
//! Writing allocates nothing per value, only the order of the processes.

use std::io::{self, Write};

use retop_model::civil::Rfc3339;
use retop_model::family::{FAMILIES, process, thread};
use retop_model::metric::{Kind, Role, Slot};
use retop_model::{Family, FamilyId, Field, Row, Snapshot, TextField};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::redact::Redacted;
use super::{Arguments, Limit, top_processes};

/// What is written of a snapshot.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The families wanted; `None` for all. The host is always written: a line says whose it is.
    pub families: Option<&'a [FamilyId]>,
    /// How many processes, those that use the most CPU first. Threads are theirs.
    pub processes: Limit,
    /// Which processes are counted at all.
    pub keep: Option<&'a dyn Fn(Row<'_>) -> bool>,
    /// What is given of their arguments.
    pub arguments: Arguments,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            families: None,
            processes: Limit::Count(20),
            keep: None,
            arguments: Arguments::None,
        }
    }
}

/// A snapshot that serialises as described above.
#[derive(Clone, Copy)]
pub struct JsonView<'a> {
    /// The moment.
    pub snapshot: &'a Snapshot,
    /// What is written of it.
    pub options: Options<'a>,
}

impl JsonView<'_> {
    /// Writes the object as one line with one `write`. `buffer` is overwritten; handing in the same
    /// one again saves its allocation.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write_ndjson(&self, buffer: &mut Vec<u8>, out: &mut impl Write) -> io::Result<()> {
        buffer.clear();
        serde_json::to_writer(&mut *buffer, self)?;
        buffer.push(b'\n');
        out.write_all(buffer)
    }
}

impl Serialize for JsonView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let wanted = |id: FamilyId| match self.options.families {
            Some(families) => id == FamilyId::Host || families.contains(&id),
            None => true,
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &Shown(Rfc3339(self.snapshot.stamp().wall_ms)))?;
        map.serialize_entry("interval_seconds", &self.snapshot.interval_seconds())?;
        for family in FAMILIES.iter().filter(|family| wanted(family.id)) {
            map.serialize_entry(family.key, &FamilyView { view: self, family })?;
        }
        map.end()
    }
}

/// Something printed straight into the JSON string.
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct FamilyView<'a> {
    view: &'a JsonView<'a>,
    family: &'static Family,
}

impl Serialize for FamilyView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (snapshot, options) = (self.view.snapshot, &self.view.options);
        let id = self.family.id;
        if snapshot.window(id).is_none() {
            return serializer.serialize_none();
        }
        let view = |row| RowView { row, family: self.family, arguments: options.arguments };
        if !self.family.many {
            return snapshot.row(id, 0).map(view).serialize(serializer);
        }
        if id == FamilyId::Process {
            let rows = top_processes(snapshot, process::cpu_ratio, options.processes, options.keep);
            return serializer.collect_seq(rows.into_iter().map(view));
        }
        if id == FamilyId::Thread {
            let rows = top_processes(snapshot, process::cpu_ratio, options.processes, options.keep);
            let mut pids: Vec<i64> = rows.iter().filter_map(|row| row.raw(process::pid)).collect();
            pids.sort_unstable();
            let is_given = |row: &Row<'_>| {
                row.raw(thread::pid).is_some_and(|pid| pids.binary_search(&pid).is_ok())
            };
            return serializer.collect_seq(snapshot.rows(id).filter(is_given).map(view));
        }
        let rows = snapshot.rows(id);
        let mut array = serializer.serialize_seq(Some(rows.len()))?;
        for row in rows {
            array.serialize_element(&view(row))?;
        }
        array.end()
    }
}

/// One entity as an object.
struct RowView<'a> {
    row: Row<'a>,
    family: &'static Family,
    arguments: Arguments,
}

impl Serialize for RowView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for field in self.family.text_fields() {
            let column = field.column();
            match (column.role, self.arguments) {
                (Role::Private, Arguments::None) => {}
                (Role::Private, Arguments::Redacted) => {
                    let masked = self.text(field).map(|text| Shown(Redacted(text)));
                    map.serialize_entry(column.name, &masked)?;
                }
                _ => map.serialize_entry(column.name, &self.text(field))?,
            }
        }
        for field in self.family.fields() {
            map.serialize_entry(field.name(), &Value { row: self.row, field })?;
        }
        map.end()
    }
}

impl<'a> RowView<'a> {
    /// The sanitised text: JSON is read on terminals too, and `jq -r` would let an escape sequence
    /// through.
    fn text(&self, field: TextField) -> Option<&'a str> {
        self.row.text(field).map(|text| text.shown())
    }
}

/// One number.
struct Value<'a> {
    row: Row<'a>,
    field: Field,
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value { row, field } = *self;
        let Slot::Raw(index) = field.slot else { return row.get(field).serialize(serializer) };
        match field.family.get().raw.get(usize::from(index)) {
            Some(column) if matches!(column.kind, Kind::State(_)) => {
                row.state(field).serialize(serializer)
            }
            Some(column) if column.divisor == 1 => row.raw(field).serialize(serializer),
            _ => row.get(field).serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::made;
    use proptest::prelude::*;
    use retop_model::family::disk;
    use retop_model::{Key, RawSample, derive};
    use serde_json::Value as Json;
    use std::sync::Arc;

    fn parse(view: &JsonView<'_>) -> Json {
        let (mut buffer, mut line) = (Vec::new(), Vec::new());
        view.write_ndjson(&mut buffer, &mut line).unwrap();
        assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        assert_eq!(line.last(), Some(&b'\n'));
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn every_declared_name_is_there_in_order_and_nothing_else() {
        let snapshot = made::small_machine();
        let (arguments, processes) = (Arguments::Full, Limit::Count(1));
        let options = Options { arguments, processes, ..Options::default() };
        let text = serde_json::to_string(&JsonView { snapshot: &snapshot, options }).unwrap();
        let mut rest = text.as_str();
        for family in FAMILIES {
            let key = format!("\"{}\":", family.key);
            rest = rest.split_once(&key).unwrap_or_else(|| panic!("{key}")).1;
            if snapshot.rows(family.id).len() == 0 {
                assert!(rest.starts_with("null") || rest.starts_with("[]"), "{key}");
                continue;
            }
            let names = family.texts.iter().map(|text| text.name);
            for name in names.chain(family.fields().map(|field| field.name())) {
                let name = format!("\"{name}\":");
                rest = rest.split_once(&name).unwrap_or_else(|| panic!("{key} {name}")).1;
            }
        }
    }

    #[test]
    fn values_are_in_base_units_and_typed() {
        let snapshot = made::small_machine();
        let json = parse(&JsonView { snapshot: &snapshot, options: Options::default() });
        assert_eq!(json["time"], "2026-11-03T14:05:10.250Z");
        assert_eq!(json["interval_seconds"], 1.0);
        assert_eq!(json["host"]["name"], "small");
        let disk = &json["disks"][0];
        assert_eq!(disk["device"], "vda");
        assert_eq!(disk["kind"], "disk");
        assert!(disk["read_bytes"].is_u64());
        assert_eq!(disk["read_time_seconds"], 1.5);
        assert_eq!(disk["read_bytes_per_second"], 4096.0);
        assert_eq!(disk["model"], Json::Null);
        assert_eq!(json["batteries"], Json::Null, "no table");
        assert_eq!(json["cgroups"], serde_json::json!([]), "an empty table");
    }

    #[test]
    fn the_first_sample_has_no_rates() {
        let snapshot = made::first_sample();
        let json = parse(&JsonView { snapshot: &snapshot, options: Options::default() });
        assert_eq!(json["interval_seconds"], Json::Null);
        assert_eq!(json["disks"][0]["read_bytes_per_second"], Json::Null);
        assert!(json["disks"][0]["read_bytes"].is_u64());
    }

    #[test]
    fn processes_are_ordered_limited_and_filtered() {
        let snapshot = made::small_machine();
        let pids = |options: Options<'_>| -> Vec<i64> {
            let json = parse(&JsonView { snapshot: &snapshot, options });
            let rows = json["processes"].as_array().unwrap();
            rows.iter().map(|row| row["pid"].as_i64().unwrap()).collect()
        };
        let options = Options { processes: Limit::All, ..Options::default() };
        assert_eq!(pids(options), [30, 10, 20, 40], "by CPU, equal ones by pid, the newborn last");
        assert_eq!(pids(Options { processes: Limit::Count(1), ..options }), [30]);
        let keep = |row: Row<'_>| row.raw(process::pid) != Some(30);
        assert_eq!(pids(Options { keep: Some(&keep), ..options }), [10, 20, 40]);
        assert!(pids(Options { processes: Limit::Count(0), ..options }).is_empty());
    }

    #[test]
    fn threads_are_those_of_the_processes_that_are_given() {
        let mut sample = RawSample::clone(made::small_machine().raw());
        let table = made::table(FamilyId::Thread, 1, |table| {
            for (tid, pid) in [(10, 10), (11, 10), (30, 30), (31, 30), (99, 98)] {
                table.push(Key(tid, 1)).set(thread::tid, tid).set(thread::pid, pid);
            }
        });
        sample.put(table);
        let snapshot = derive(None, Arc::new(sample));
        let tids = |options: Options<'_>| -> Vec<i64> {
            let json = parse(&JsonView { snapshot: &snapshot, options });
            let rows = json["threads"].as_array().unwrap();
            rows.iter().map(|row| row["tid"].as_i64().unwrap()).collect()
        };
        let all = Options { processes: Limit::All, ..Options::default() };
        assert_eq!(tids(all), [10, 11, 30, 31], "nobody of whom there is no process");
        let keep = |row: Row<'_>| row.raw(process::pid) == Some(30);
        assert_eq!(tids(Options { keep: Some(&keep), ..all }), [30, 31]);
        assert!(tids(Options { processes: Limit::Count(0), ..all }).is_empty());
    }

    #[test]
    fn arguments_leave_only_when_asked() {
        let snapshot = made::small_machine();
        let command = |arguments| {
            let options = Options { arguments, ..Options::default() };
            parse(&JsonView { snapshot: &snapshot, options })["processes"][0].clone()
        };
        assert!(!command(Arguments::None).as_object().unwrap().contains_key("command"));
        assert_eq!(command(Arguments::Redacted)["command"], "worker --password ***");
        assert_eq!(command(Arguments::Full)["command"], "worker --password hunter2");
    }

    #[test]
    fn a_subset_keeps_the_host() {
        let snapshot = made::small_machine();
        let options = Options { families: Some(&[FamilyId::Disk]), ..Options::default() };
        let json = parse(&JsonView { snapshot: &snapshot, options });
        let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["disks", "host", "interval_seconds", "time"]);
    }

    #[test]
    fn a_writer_is_called_once_for_each_line() {
        struct Counting(usize);
        impl Write for Counting {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let snapshot = made::small_machine();
        let mut out = Counting(0);
        JsonView { snapshot: &snapshot, options: Options::default() }
            .write_ndjson(&mut Vec::new(), &mut out)
            .unwrap();
        assert_eq!(out.0, 1);
    }

    proptest! {
        #[test]
        fn hostile_names_and_numbers_stay_json(name: Vec<u8>, number: i64) {
            let snapshot = made::hostile(&name, number);
            let options = Options { arguments: Arguments::Redacted, ..Options::default() };
            let json = parse(&JsonView { snapshot: &snapshot, options });
            let shown = snapshot.rows(FamilyId::Disk).next().unwrap().shown(disk::device);
            prop_assert_eq!(json["disks"][0]["device"].as_str(), Some(shown));
        }
    }
}
