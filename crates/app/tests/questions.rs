//! The queries of `docs/recordings.md`, run as they stand there, against `retop query` and against
//! what the kernel says.
//!
//! They need DuckDB, polars, pandas and pyarrow: `.ci/run` makes an environment that has them and
//! names its interpreter in `RETOP_TEST_PYTHON`.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "these tests run programs")]

mod outside;
mod recorded;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use outside::{Guest, outcome, retop, skip, state, until};
use retop::command::{Parsed, parse};
use retop::environment::Environment;
use rustix::process::Signal;
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/recordings.md");

/// The blocks of the page in that language.
fn blocks(language: &str) -> Vec<&'static str> {
    let mut blocks = Vec::new();
    let mut rest = PAGE;
    while let Some((_, after)) = rest.split_once(&format!("\n```{language}\n")) {
        let (block, after) = after.split_once("\n```").expect("an end of the block");
        blocks.push(block);
        rest = after;
    }
    blocks
}

/// The interpreter that has the libraries.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("RETOP_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        skip("RETOP_TEST_PYTHON names no interpreter with duckdb, polars, pandas and pyarrow");
    }
    python
}

/// Runs the blocks of a file one after the other, each on its own, and gives the result of each:
/// the rows of its relation, or of the data frame `used`, or nothing.
const RUNNER: &str = r#"
import json, sys
import duckdb

language, blocks = sys.argv[1], json.load(sys.stdin)
results = []
for block in blocks:
    if language == "sql":
        answer = duckdb.sql(block)
        names, rows = answer.columns, answer.fetchall()
    else:
        space = {}
        exec(block, space)
        used = space.get("used")
        if used is None:
            names, rows = [], []
        else:
            names = list(used.columns)
            rows = used.rows() if hasattr(used, "rows") else list(used.itertuples(index=False))
    results.append([dict(zip(names, row)) for row in rows])
json.dump(results, sys.stdout, default=str)
"#;

fn run(python: &Path, folder: &Path, language: &str) -> Vec<Vec<Value>> {
    let mut command = Command::new(python);
    command.args(["-c", RUNNER, language]).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the interpreter starts");
    let blocks = serde_json::to_vec(&blocks(language)).expect("JSON");
    let mut stdin = child.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, &blocks).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("an end");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{language}: {err}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Seconds by name, from the results that are about that.
fn by_name(rows: &[Value]) -> Option<BTreeMap<String, f64>> {
    let pair = |row: &Value| {
        Some((row.get("name")?.as_str()?.to_owned(), row.get("cpu_seconds")?.as_f64()?))
    };
    let pairs: Option<BTreeMap<String, f64>> = rows.iter().map(pair).collect();
    pairs.filter(|pairs| !pairs.is_empty())
}

/// CPU time of a process in seconds, as `/proc/PID/stat` has it.
fn kernel_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is there");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks = |place: usize| fields[place].parse::<u64>().expect("a number");
    (ticks(11) + ticks(12)) as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// Holds a process still, so that its counters do too.
fn hold(guest: &Guest) {
    guest.signal(Signal::STOP);
    until("the process stands still", || (state(guest.pid()) == Some('T')).then_some(()));
}

/// A shell under a name of its own.
fn busy(folder: &Path, name: &str) -> Guest {
    let link = folder.join(name);
    std::os::unix::fs::symlink("/bin/sh", &link).expect("writable");
    let mut command = Command::new(link);
    Guest::start(command.args(["-c", "while :; do :; done"]).stdin(Stdio::null()))
}

#[test]
fn the_documented_queries_agree_with_ours_and_with_the_kernel() {
    let folder = recorded::folder("questions");
    let rec = folder.join("rec");
    // There in the first sample, and one that begins after it.
    let before = busy(&folder, "retop-before");
    let mut recorder = recorded::recorder(&rec);
    let mut ticker = recorded::of_this();
    hold(&before);
    let from = kernel_seconds(before.pid());
    recorder.push(&ticker.tick());
    before.signal(Signal::CONT);
    let within = busy(&folder, "retop-within");
    let enough = |guest: &Guest, seconds: f64| {
        until("the processes have used CPU time", || {
            (kernel_seconds(guest.pid()) > seconds).then_some(())
        });
    };
    enough(&before, from + 0.3);
    recorder.push(&ticker.tick());
    enough(&within, 0.3);
    hold(&before);
    hold(&within);
    recorder.push(&ticker.tick());
    let kernel = [
        ("retop-before", kernel_seconds(before.pid()) - from),
        ("retop-within", kernel_seconds(within.pid())),
    ];
    recorder.close();
    let pids = [before.pid(), within.pid()].map(|pid| pid.to_string());
    drop((before, within));

    let (rec, out) = (rec.to_str().expect("UTF-8"), folder.join("out"));
    let ask = |args: &[&str]| -> Value {
        let (status, out, err) = outcome(&mut retop(&[&["query", rec, "--json"], args].concat()));
        assert_eq!(status, Some(0), "{err}");
        serde_json::from_str(&out).expect("JSON")
    };
    let ours: BTreeMap<String, f64> = ask(&[])["lines"]
        .as_array()
        .expect("lines")
        .iter()
        // What no sample saw is not in the table of processes.
        .filter(|line| !line["memory_max_bytes"].is_null())
        .map(|line| {
            let number = |key: &str| line[key].as_f64().unwrap_or(0.0);
            let sampled = number("cpu_seconds") - number("cpu_seconds_from_exits");
            (line["name"].as_str().expect("a name").to_owned(), sampled)
        })
        .collect();
    for ((name, seconds), pid) in kernel.iter().zip(&pids) {
        assert!((ours[*name] - seconds).abs() < 1e-6, "{name}: {} {seconds}", ours[*name]);
        let one = ask(&["--pid", pid]);
        let one = one["lines"][0]["cpu_seconds"].as_f64().expect("a number");
        assert!((one - seconds).abs() < 1e-6, "{name}: {one} {seconds}");
    }

    let export = ["export", rec, out.to_str().expect("UTF-8"), "--to", "parquet"];
    let (status, _, err) = outcome(&mut retop(&export));
    assert_eq!(status, Some(0), "{err}");
    let Some(python) = python() else { return };
    let mut compared = 0;
    for language in ["sql", "python"] {
        for (result, block) in run(&python, &folder, language).iter().zip(blocks(language)) {
            let Some(theirs) = by_name(result) else { continue };
            compared += 1;
            assert_eq!(theirs.len(), ours.len(), "{block}");
            for (name, seconds) in &ours {
                let found = theirs.get(name).copied().unwrap_or(f64::NAN);
                assert!((found - seconds).abs() < 1e-6, "{name}: {found} {seconds}: {block}");
            }
        }
    }
    assert_eq!(compared, 3, "DuckDB, polars and pandas");
}

/// What every reader makes of hostile names, missing values and many processes.
const READERS: &str = r#"
import sys
import duckdb, pandas, polars
import pyarrow.parquet

folder = sys.argv[1]
for table in ["processes", "disks", "cpu"]:
    path = f"{folder}/{table}.parquet"
    arrow = pyarrow.parquet.read_table(path)
    frames = {
        "pandas": pandas.read_parquet(path),
        "polars": polars.read_parquet(path).to_pandas(),
        "duckdb": duckdb.sql(f"FROM '{path}'").df(),
        "csv": duckdb.sql(f"FROM read_csv('{folder}/{table}.csv', all_varchar = true, quote = '\"', sample_size = -1)").df(),
    }
    print(table, arrow.num_rows, arrow.num_columns)
    for name, frame in frames.items():
        assert list(frame.columns) == arrow.column_names, name
        assert len(frame) == arrow.num_rows, (table, name, len(frame), arrow.num_rows)
        for column in arrow.column_names:
            missing = arrow.column(column).null_count
            # In CSV an empty text and none may look alike to a reader.
            if name == "csv" and str(arrow.schema.field(column).type) == "string":
                continue
            assert frame[column].isna().sum() == missing, (table, name, column)
        if name != "csv":
            for column in frame.columns[frame.dtypes == "int64"]:
                assert frame[column].sum() == frames["pandas"][column].sum(), (name, column)
"#;

#[test]
fn every_reader_sees_the_same_cells() {
    let Some(python) = python() else { return };
    for source in ["sim:hostile", "sim:web-incident", "sim:server-512"] {
        let name = format!("readers-{}", source.replace(':', "-"));
        let (rec, moments) = recorded::of_sim(source, &name, 20);
        let out = rec.with_file_name("out");
        let (rec, to) = (rec.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
        for args in [
            ["export", rec, to, "--to", "parquet"].as_slice(),
            &["export", rec, &format!("{to}/csv"), "--to", "csv"],
        ] {
            let (status, _, err) = outcome(&mut retop(args));
            assert_eq!(status, Some(0), "{err}");
        }
        for table in ["processes", "disks", "cpu"] {
            let csv = out.join("csv").join(format!("{table}.csv"));
            fs::rename(csv, out.join(format!("{table}.csv"))).expect("written");
        }
        let mut command = Command::new(&python);
        let output = command.args(["-c", READERS, to]).output().expect("starts");
        let (said, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{source}: {said}{err}");
        let rows: usize =
            moments.iter().map(|moment| moment.rows(retop_model::FamilyId::Process).len()).sum();
        assert!(said.contains(&format!("processes {rows} ")), "{source}: {rows}, {said}");
    }
}

#[test]
fn every_command_of_the_page_is_one() {
    let mut found = 0;
    for line in blocks("sh").iter().flat_map(|block| block.lines()) {
        let command = line.split(" # ").next().unwrap_or(line).trim();
        let Some(rest) = command.strip_prefix("retop ") else { continue };
        found += 1;
        let words = rest.replace('\'', "");
        let args = std::iter::once("retop").chain(words.split_whitespace()).map(OsString::from);
        if let Parsed::Wrong(why) = parse(args, &Environment::default()) {
            panic!("{command}: {why}");
        }
    }
    assert!(found >= 12, "{found}");
}
