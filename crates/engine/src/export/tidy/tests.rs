use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::{Field as Cell2, RowAccessor};
use retop_model::family::{FAMILIES, process};
use retop_model::{FamilyId, Key, RawSample, RawTable, Row, Snapshot, derive};
use std::sync::Arc;

use super::csv::Csv;
use super::parquet::Parquet;
use super::{Cell, Options, Written, columns};
use crate::export::target::Target;
use crate::export::{Arguments, made};

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("retop-tidy-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn moments(samples: impl IntoIterator<Item = RawSample>) -> Vec<Snapshot> {
    let mut moments: Vec<Snapshot> = Vec::new();
    for sample in samples {
        moments.push(derive(moments.last(), Arc::new(sample)));
    }
    moments
}

fn csv(name: &str, options: Options<'_>, moments: &[Snapshot]) -> (PathBuf, Vec<Written>) {
    let path = scratch(name);
    let mut csv = Csv::new(Target::folder(&path, "csv", false).unwrap(), options);
    moments.iter().for_each(|moment| csv.push(moment, None).unwrap());
    let written = csv.finish().unwrap();
    (path, written)
}

fn parquet(name: &str, options: Options<'_>, moments: &[Snapshot]) -> (PathBuf, Vec<Written>) {
    let path = scratch(name);
    let mut parquet = Parquet::new(Target::folder(&path, "parquet", false).unwrap(), options);
    moments.iter().for_each(|moment| parquet.push(moment, None).unwrap());
    let written = parquet.finish().unwrap();
    (path, written)
}

/// The rows of a Parquet file, each a map from column to value; null is left out.
fn rows(path: &Path) -> Vec<BTreeMap<String, Cell2>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| {
            let row = row.unwrap();
            let cells = row.get_column_iter().filter(|(_, cell)| **cell != Cell2::Null);
            cells.map(|(name, cell)| (name.clone(), cell.clone())).collect()
        })
        .collect()
}

/// The fields of a CSV text, by the rules of RFC 4180 and nothing else.
fn fields(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut lines, mut line, mut rest) = (Vec::new(), Vec::new(), text);
    while !rest.is_empty() {
        let value = if let Some(quoted) = rest.strip_prefix('"') {
            let (mut value, mut left) = (String::new(), quoted);
            loop {
                let (before, after) = left.split_once('"').expect("a closing quote");
                value += before;
                left = after;
                match after.strip_prefix('"') {
                    Some(more) => {
                        value.push('"');
                        left = more;
                    }
                    None => break,
                }
            }
            rest = left;
            Some(value)
        } else {
            let end = rest.find([',', '\r']).expect("an end of the field");
            let (value, left) = rest.split_at(end);
            assert!(!value.contains(['"', '\n']), "{value}");
            rest = left;
            (!value.is_empty()).then(|| value.to_owned())
        };
        line.push(value);
        rest = match rest.strip_prefix("\r\n") {
            Some(next) => {
                lines.push(std::mem::take(&mut line));
                next
            }
            None => rest.strip_prefix(',').expect("a comma"),
        };
    }
    assert!(line.is_empty(), "the last line ends");
    lines
}

#[test]
fn every_declared_raw_number_and_text_is_a_column() {
    for family in FAMILIES {
        let all = columns(family, Arguments::Full);
        assert_eq!(all.len(), 3 + family.texts.len() + family.raw.len(), "{}", family.key);
        let mut names: Vec<&str> = all.iter().map(|column| column.name).collect();
        for raw in family.raw {
            let column = all.iter().find(|column| column.name == raw.name).unwrap();
            assert_eq!((column.unit, column.divisor), (raw.unit.name(), raw.divisor));
            // Floats hold 15 digits: with powers of ten nothing is lost below 31 years of microseconds.
            assert!([1, 10, 100, 1_000, 10_000, 1_000_000, 1_000_000_000].contains(&raw.divisor));
        }
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{}: a text is called time, host or boot", family.key);
        let without = columns(family, Arguments::None);
        assert!(without.iter().all(|column| column.name != "command"), "{}", family.key);
    }
}

#[test]
fn both_hold_every_cell_that_was_read_and_nothing_else() {
    let moments = moments([made::sample(0), made::sample(1), made::sample(2)]);
    let (csv, csv_written) = csv("cells-csv", Options::default(), &moments);
    let (parquet, parquet_written) = parquet("cells-parquet", Options::default(), &moments);
    assert_eq!(csv_written, parquet_written);
    let tables: Vec<&str> = csv_written.iter().map(|written| written.table).collect();
    assert!(tables.contains(&"processes") && !tables.contains(&"cgroups"), "{tables:?}");
    for Written { table, rows: count } in csv_written {
        let family = FamilyId::by_key(table).unwrap();
        let columns = columns(family.get(), Arguments::None);
        let text = std::fs::read_to_string(csv.join(format!("{table}.csv"))).unwrap();
        let mut lines = fields(&text).into_iter();
        let head: Vec<String> = lines.next().unwrap().into_iter().flatten().collect();
        assert!(head.iter().eq(columns.iter().map(|column| column.name)), "{head:?}");
        let lines: Vec<_> = lines.collect();
        let rows = rows(&parquet.join(format!("{table}.parquet")));
        let expected: usize = moments.iter().map(|moment| moment.rows(family).len()).sum();
        assert_eq!((lines.len(), rows.len(), count), (expected, expected, expected as u64));
        let mut seen: Vec<(Key, Row<'_>)> = moments
            .iter()
            .flat_map(|moment| moment.rows(family))
            .map(|row| (row.key(), row))
            .collect();
        for ((_, row), line) in seen.iter().zip(&lines) {
            for (column, field) in columns.iter().zip(line) {
                let wanted = match column.cell {
                    Cell::Time => Some(
                        retop_model::civil::Rfc3339(row.snapshot().stamp().wall_ms).to_string(),
                    ),
                    Cell::Host => Some("small".to_owned()),
                    Cell::Boot => None,
                    Cell::Text(text) => row.text(text).map(|text| text.shown().to_owned()),
                    Cell::State(state) => row.state(state).map(str::to_owned),
                    Cell::Integer(number) => row.raw(number).map(|raw| raw.to_string()),
                    Cell::Float(number) => row.get(number).map(|value| value.to_string()),
                };
                assert_eq!(*field, wanted, "{table} {}", column.name);
            }
        }
        // Parquet is in order of entity; the sort is stable.
        seen.sort_by_key(|(key, _)| *key);
        for ((_, row), cells) in seen.iter().zip(&rows) {
            for column in &columns {
                let wanted = match column.cell {
                    Cell::Time => Some(Cell2::TimestampMillis(row.snapshot().stamp().wall_ms)),
                    Cell::Host => Some(Cell2::Str("small".into())),
                    Cell::Boot => None,
                    Cell::Text(text) => row.text(text).map(|text| Cell2::Str(text.shown().into())),
                    Cell::State(state) => row.state(state).map(|state| Cell2::Str(state.into())),
                    Cell::Integer(number) => row.raw(number).map(Cell2::Long),
                    Cell::Float(number) => row.get(number).map(Cell2::Double),
                };
                assert_eq!(cells.get(column.name), wanted.as_ref(), "{table} {}", column.name);
                if let (Cell::Float(number), Some(Cell2::Double(value))) = (column.cell, wanted) {
                    assert_eq!(
                        Some((value * column.divisor as f64).round() as i64),
                        row.raw(number)
                    );
                }
            }
        }
    }
    for path in [csv, parquet] {
        std::fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn the_tables_describe_themselves() {
    let moments = moments([made::sample(0)]);
    let (path, _) = parquet("about", Options::default(), &moments);
    let reader =
        SerializedFileReader::new(File::open(path.join("processes.parquet")).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let about = metadata.iter().find(|pair| pair.key == super::parquet::ABOUT).unwrap();
    let about: serde_json::Value = serde_json::from_str(about.value.as_ref().unwrap()).unwrap();
    assert_eq!(about["table"], "processes");
    let list = about["columns"].as_array().unwrap();
    let column = |name: &str| list.iter().find(|column| column["name"] == name).unwrap().clone();
    let user = column("user_seconds");
    assert_eq!((&user["kind"], &user["unit"]), (&"counter".into(), &"seconds".into()));
    assert_eq!(user["divisor"], 1_000_000);
    assert_eq!(column("state")["states"][1], "sleeping");
    // Only what rows are looked up by has statistics.
    let group = reader.metadata().row_group(0);
    for chunk in group.columns() {
        let name = chunk.column_path().string();
        assert_eq!(chunk.statistics().is_some(), name == "time" || name == "pid", "{name}");
    }
    std::fs::remove_dir_all(path).unwrap();

    let (path, _) = csv("about-csv", Options::default(), &moments);
    let text = std::fs::read_to_string(path.join("columns.csv")).unwrap();
    let line = "processes,user_seconds,counter,seconds,1000000,false,";
    assert!(text.contains(line), "{text}");
    assert!(fields(&text).iter().all(|line| line.len() == 7));
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn what_is_not_wanted_stays_out() {
    let moments = moments([made::sample(0), made::sample(1)]);
    let keep = |row: Row<'_>| row.raw(process::pid) == Some(30);
    for arguments in [Arguments::None, Arguments::Redacted, Arguments::Full] {
        let families = [FamilyId::Process, FamilyId::Battery];
        let options = Options { families: Some(&families), keep: Some(&keep), arguments };
        let (csv, written) = csv("wanted-csv", options, &moments);
        assert_eq!(written, [Written { table: "processes", rows: 2 }]);
        let text = std::fs::read_to_string(csv.join("processes.csv")).unwrap();
        let (parquet, _) = parquet("wanted-parquet", options, &moments);
        let rows = rows(&parquet.join("processes.parquet"));
        let commands: Vec<_> = rows.iter().map(|row| row.get("command").cloned()).collect();
        let wanted = match arguments {
            Arguments::None => None,
            Arguments::Redacted => Some("worker --password ***"),
            Arguments::Full => Some("worker --password hunter2"),
        };
        assert_eq!(commands, vec![wanted.map(|text| Cell2::Str(text.into())); 2]);
        assert_eq!(text.contains("hunter2"), arguments == Arguments::Full);
        assert_eq!(text.contains("***"), arguments == Arguments::Redacted);
        for path in [csv, parquet] {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}

#[test]
fn a_read_that_stands_in_several_samples_is_written_once() {
    let mut second = made::sample(1);
    second.put(Arc::clone(made::sample(0).table(FamilyId::Disk).unwrap()));
    let moments = moments([made::sample(0), second, made::sample(2)]);
    let (csv, written) = csv("once", Options::default(), &moments);
    let count = |table: &str| written.iter().find(|w| w.table == table).map(|w| w.rows);
    assert_eq!((count("disks"), count("cpu")), (Some(2), Some(3)));
    std::fs::remove_dir_all(csv).unwrap();
}

#[test]
fn hostile_names_and_numbers_survive_in_both() {
    for (name, number) in [
        (&b"=cmd|' /C calc'!A0"[..], i64::MAX),
        (b"a,\"b\"\r\nc", i64::MIN + 1),
        (b"\xff\xfe\0", 0),
        (b"", -1),
        ("日本\u{202e}🦀".as_bytes(), 1),
    ] {
        let moment = made::hostile(name, number);
        let options = Options { arguments: Arguments::Full, ..Options::default() };
        let (csv, _) = csv("hostile-csv", options, std::slice::from_ref(&moment));
        let (parquet, _) = parquet("hostile-parquet", options, std::slice::from_ref(&moment));
        for family in FAMILIES {
            let count = moment.rows(family.id).len();
            let columns = columns(family, Arguments::Full);
            let text = std::fs::read_to_string(csv.join(format!("{}.csv", family.key))).unwrap();
            let lines = fields(&text);
            assert_eq!(lines.len(), count + 1, "{}", family.key);
            assert!(lines.iter().all(|line| line.len() == columns.len()), "{}", family.key);
            for field in lines.iter().skip(1).flatten().flatten() {
                let number = field.parse::<f64>().is_ok();
                assert!(number || !field.starts_with(['=', '+', '-', '@']), "{field}");
            }
            assert_eq!(rows(&parquet.join(format!("{}.parquet", family.key))).len(), count);
        }
        for path in [csv, parquet] {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}

/// So many processes, most of them idle.
fn crowd(second: u64, count: u64) -> RawSample {
    let mut sample = RawSample::new(made::stamp(second));
    sample.put(made::table(FamilyId::Process, second, |table: &mut RawTable| {
        for pid in 1..=count {
            let busy = if pid % 10 == 0 { second * pid } else { 0 };
            table
                .push(Key(pid, 7))
                .text(process::name, "crowd")
                .set(process::pid, pid)
                .set(process::user_seconds, 1_000_000 + busy);
        }
    }));
    sample
}

#[test]
fn groups_end_by_samples_and_by_memory_and_lose_nothing() {
    let path = scratch("crowd");
    let target = Target::folder(&path, "parquet", false).unwrap();
    let mut parquet = Parquet::new(target, Options::default());
    parquet.limit = 20 << 20;
    let mut most = 0;
    let (samples, count) = (30, 10_000);
    for moment in moments((0..samples).map(|second| crowd(second, count))) {
        parquet.push(&moment, None).unwrap();
        most = parquet.waiting.max(most);
    }
    assert!(most <= 20 << 20, "{most} bytes waited");
    assert_eq!(parquet.finish().unwrap(), [Written { table: "processes", rows: samples * count }]);
    let reader =
        SerializedFileReader::new(File::open(path.join("processes.parquet")).unwrap()).unwrap();
    assert!(reader.num_row_groups() > 3, "{}", reader.num_row_groups());
    let total: f64 = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| {
            let row = row.unwrap();
            let place = row.get_column_iter().position(|(name, _)| name == "user_seconds").unwrap();
            row.get_double(place).unwrap()
        })
        .sum();
    let busy: u64 =
        (1..=count).filter(|pid| pid % 10 == 0).sum::<u64>() * (0..samples).sum::<u64>();
    let wanted = (samples * count) as f64 + busy as f64 / 1e6;
    assert!((total - wanted).abs() < 1e-3, "{total} {wanted}");
    std::fs::remove_dir_all(path).unwrap();

    let moments = moments((0..601).map(|second| crowd(second, 3)));
    let (path, _) = parquet_of(&moments);
    let reader =
        SerializedFileReader::new(File::open(path.join("processes.parquet")).unwrap()).unwrap();
    let groups: Vec<i64> =
        reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(groups, [900, 900, 3]);
    std::fs::remove_dir_all(path).unwrap();
}

fn parquet_of(moments: &[Snapshot]) -> (PathBuf, Vec<Written>) {
    parquet("groups", Options::default(), moments)
}
