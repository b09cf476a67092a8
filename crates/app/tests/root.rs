//! The program on made-up machines: every one of them gives a stream, a report and a diagnosis.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "starts the program and takes its time")]

mod outside;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use outside::{Stream, outcome, retop};
use retop_fake_machine::{NAMES, Scratch, build, many};
use serde_json::Value;

/// What it prints; it must have nothing to complain of.
fn printed(args: &[&str], root: &Path) -> String {
    let root = ["--root", root.to_str().expect("UTF-8")];
    let (status, out, err) = outcome(&mut retop(&[args, &root].concat()));
    assert_eq!((status, &*err), (Some(0), ""), "{args:?} {root:?}");
    out
}

/// A line of that file of the machine, split into words.
fn line_of(root: &Path, file: &str, start: &str) -> Option<Vec<String>> {
    let text = fs::read(root.join(file)).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().find(|line| line.starts_with(start))?;
    Some(line.split_whitespace().map(str::to_owned).collect())
}

/// The text is fit for a terminal: nothing in it steers one.
fn is_plain(text: &str) -> bool {
    !text.chars().any(|letter| letter.is_control() && letter != '\n')
}

#[test]
fn each_machine_as_json() {
    for name in NAMES {
        let scratch = Scratch::new();
        build(name, scratch.path(), 0).expect("a tree");
        let args = ["--json", "--samples", "2", "--processes", "all", "--interval", "100ms"];
        let out = printed(&args, scratch.path());
        let lines: Vec<Value> =
            out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 2, "{name}");
        let folders = fs::read_dir(scratch.path().join("proc")).expect("a tree").flatten();
        let numbers = folders.filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok())
        });
        let processes = numbers.count();
        for line in &lines {
            let total = line_of(scratch.path(), "proc/meminfo", "MemTotal:")
                .and_then(|words| words.get(1)?.parse::<u64>().ok());
            let ours = line["memory"]["total_bytes"].as_u64();
            assert_eq!(ours, total.and_then(|kib| kib.checked_mul(1024)), "{name}");
            let rows = line["processes"].as_array().map_or(0, Vec::len);
            // The hostile machine has processes that cannot be told from rubbish.
            assert!(rows <= processes && (rows > 0 || processes == 0), "{name}: {rows}");
            assert!(*name == "hostile" || rows == processes, "{name}: {rows} of {processes}");
            // Nothing moves in a tree that nobody writes to.
            assert!(line["cpu"]["utilization_ratio"].as_f64().is_none_or(|ratio| ratio == 0.0));
        }
    }
}

#[test]
fn each_machine_as_a_report_and_a_diagnosis() {
    for name in NAMES {
        let scratch = Scratch::new();
        build(name, scratch.path(), 0).expect("a tree");
        let report = printed(&["--once", "--interval", "100ms"], scratch.path());
        assert!(report.lines().count() > 5, "{name}: {report}");
        assert!(is_plain(&report), "{name}: {report:?}");
        let diagnosis = printed(&["doctor"], scratch.path());
        assert!(is_plain(&diagnosis), "{name}: {diagnosis:?}");
        let mut lines = diagnosis.lines();
        let root = scratch.path().to_str().expect("UTF-8");
        assert!(lines.next().is_some_and(|line| line.contains(root)), "{name}: {diagnosis}");
        assert!(lines.any(|line| line.contains(" sources work")), "{name}: {diagnosis}");
        // A file that is missed is missed below the root.
        let ours = diagnosis.split_whitespace().find(|word| word.starts_with("/proc/"));
        assert_eq!(ours, None, "{name}");
    }
}

#[test]
fn a_machine_that_is_written_while_it_is_read() {
    for name in ["small-server", "hostile"] {
        let scratch = Scratch::new();
        build(name, scratch.path(), 0).expect("a tree");
        let root = scratch.path().to_str().expect("UTF-8");
        let args = ["--processes", "all", "--interval", "100ms", "--root", root];
        let mut stream = Stream::start(&args);
        // Files are cut to nothing and filled again: whatever is caught half-written has no value.
        for second in 1..10 {
            build(name, scratch.path(), second).expect("a tree");
            let line = stream.line();
            let ratio = line["cpu"]["utilization_ratio"].as_f64();
            assert!(ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio)), "{name}: {ratio:?}");
        }
    }
}

/// A folder on the disk that goes with the test.
struct OnDisk(PathBuf);

impl Drop for OnDisk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn fifty_thousand_processes() {
    const COUNT: u32 = 50_000;
    let scratch = Scratch::new();
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("many-{}", std::process::id()));
    let disk = OnDisk(folder);
    let root = match many(scratch.path(), COUNT, 0) {
        Ok(()) => scratch.path(),
        // 150,000 files of a page each are more than the memory of a container may hold.
        Err(error) => {
            println!("{error}; on the disk instead");
            drop(fs::remove_dir_all(scratch.path()));
            many(&disk.0, COUNT, 0).expect("room on the disk");
            &disk.0
        }
    };
    let began = Instant::now();
    let args = ["--once", "--json", "--processes", "5", "--interval", "100ms"];
    let line: Value = serde_json::from_str(&printed(&args, root)).expect("JSON");
    let time = began.elapsed();
    println!("{COUNT} processes, two samples: {time:?}");
    assert_eq!(line["processes"].as_array().map(Vec::len), Some(5));
    assert_eq!(line["tasks"]["processes"].as_u64(), Some(u64::from(COUNT)));
}
