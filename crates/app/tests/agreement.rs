//! The numbers of retop against those of the kernel and of ps, free and df, taken at the same
//! moment. Runs where those tools exist.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "runs the tools that it compares with")]

mod outside;

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::time::Instant;

use outside::{Guest, Stream, outcome, retop, row, until};
use serde_json::Value;

/// One line of `retop --json`.
fn snapshot(interval: &str) -> Value {
    let args = ["--json", "--samples", "1", "--processes", "all", "--interval", interval];
    let (status, out, err) = outcome(&mut retop(&args));
    assert_eq!((status, &*err), (Some(0), ""));
    serde_json::from_str(&out).expect("one line of JSON")
}

fn find(snapshot: &Value, pid: u32) -> &Value {
    row(snapshot, pid).expect("the process is listed")
}

fn text_of(command: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(command).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// CPU time of a process in seconds, by the scheduler's own clock.
fn cpu_seconds(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).expect("schedstat");
    let ns: f64 = text.split(' ').next().and_then(|field| field.parse().ok()).expect("a number");
    ns / 1e9
}

fn close(ours: f64, theirs: f64, share: f64) -> bool {
    (ours - theirs).abs() <= theirs.abs() * share
}

#[test]
fn cpu_of_a_busy_process() {
    // The kernel rounds user and system time to a clock tick each, of 10 ms at most.
    const TICKS: f64 = 0.02;
    let busy = Guest::shell("while :; do :; done");
    let mut stream = Stream::start(&["--processes", "all", "--interval", "1s"]);
    stream.line();
    let (mut before, mut began) = (cpu_seconds(busy.pid()), Instant::now());
    let (mut tries, mut last) = (Vec::new(), 0.0);
    for _ in 0..20 {
        let line = stream.line();
        let (after, elapsed) = (cpu_seconds(busy.pid()), began.elapsed().as_secs_f64());
        let row = find(&line, busy.pid());
        // It was read before now, and after the line before it.
        let total = row["cpu_seconds"].as_f64().expect("a number");
        assert!((last..=after + TICKS).contains(&total), "{last} {total} {after}");
        last = total;
        // The two windows are as long as each other unless this test was held up: then the line had
        // been waiting, and tells of a time before this window.
        let ours = row["cpu_ratio"].as_f64().expect("a ratio");
        let expected = (after - before) / elapsed;
        if total + TICKS >= before && (ours - expected).abs() <= 0.02 {
            return;
        }
        tries.push((ours, expected));
        (before, began) = (after, Instant::now());
    }
    panic!("retop and the scheduler differ by more than 2 points: {tries:?}");
}

#[test]
fn memory_of_a_process_equals_its_page_tables() {
    let sleeper = Guest::shell("exec sleep 60");
    for _ in 0..5 {
        let rollup = |pid| {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        let before = rollup(sleeper.pid());
        let snapshot = snapshot("100ms");
        let after = rollup(sleeper.pid());
        let ours = find(&snapshot, sleeper.pid())["resident_bytes"].as_u64();
        if before == after && before.is_some() {
            assert_eq!(ours, before.map(|kib| kib * 1024));
            return;
        }
    }
    panic!("the sleeper's memory would not stand still");
}

#[test]
fn memory_of_the_machine() {
    let snapshot = snapshot("100ms");
    let memory = &snapshot["memory"];
    let text = fs::read_to_string("/proc/meminfo").expect("meminfo");
    let kernel: HashMap<&str, f64> = text
        .lines()
        .filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            Some((key, value.trim().trim_end_matches(" kB").parse::<f64>().ok()? * 1024.0))
        })
        .collect();
    let ours = |name: &str| memory[name].as_f64().expect("a number");
    assert_eq!(ours("total_bytes"), kernel["MemTotal"]);
    let reclaimable = ["free_bytes", "buffers_bytes", "cached_bytes", "slab_reclaimable_bytes"];
    let documented = ours("total_bytes") - reclaimable.map(ours).iter().sum::<f64>()
        + ours("shared_bytes")
        - memory["zfs_arc_reclaimable_bytes"].as_f64().unwrap_or(0.0);
    assert_eq!(ours("used_bytes"), documented);
    // Other tests compile and run beside this one: 5 % of the machine's memory may move.
    let slack = kernel["MemTotal"] * 0.05;
    let used = kernel["MemTotal"]
        - kernel["MemFree"]
        - kernel["Buffers"]
        - kernel["Cached"]
        - kernel["SReclaimable"]
        + kernel["Shmem"];
    assert!((ours("used_bytes") - used).abs() < slack, "{} {used}", ours("used_bytes"));
    assert!((ours("available_bytes") - kernel["MemAvailable"]).abs() < slack);
    if let Some(free) = text_of("free", &["-b"]) {
        let line = free.lines().find(|line| line.starts_with("Mem:")).expect("a Mem line");
        let fields: Vec<f64> =
            line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
        assert_eq!(ours("total_bytes"), fields[0]);
        assert!((ours("free_bytes") - fields[2]).abs() < slack);
    }
}

#[test]
fn file_systems_agree_with_df() {
    let Some(df) = text_of("df", &["-B1", "--output=target,size,avail"]) else { return };
    let df: HashMap<&str, (f64, f64)> = df
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let target = fields.next()?;
            Some((target, (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?)))
        })
        .collect();
    let snapshot = snapshot("100ms");
    let rows = snapshot["filesystems"].as_array().expect("an array");
    assert!(!rows.is_empty(), "a machine has a file system");
    for row in rows {
        let mount = row["mountpoint"].as_str().expect("a mount point");
        let Some(&(size, avail)) = df.get(mount) else { continue };
        assert_eq!(row["size_bytes"].as_f64(), Some(size), "{mount}");
        let ours = row["avail_bytes"].as_f64().expect("a number");
        assert!(close(ours, avail, 0.02), "{mount}: {ours} {avail}");
    }
    assert!(rows.iter().any(|row| row["mountpoint"] == "/"), "the root is listed");
}

#[test]
fn a_process_as_ps_sees_it() {
    let guest = Guest::shell("exec nice -n 7 sleep 60");
    // nice and sleep take over from the shell one after the other.
    until("sleep runs", || {
        let name = fs::read_to_string(format!("/proc/{}/comm", guest.pid())).ok()?;
        (name == "sleep\n" && outside::state(guest.pid()) == Some('S')).then_some(())
    });
    let pid = guest.pid().to_string();
    let Some(ps) = text_of("ps", &["-o", "ppid=,nlwp=,ni=,uid=,user:32=,comm=", "-p", &pid]) else {
        return;
    };
    let ps: Vec<&str> = ps.split_whitespace().collect();
    let snapshot = snapshot("300ms");
    let row = find(&snapshot, guest.pid());
    let ours = |name: &str| match &row[name] {
        Value::String(text) => text.clone(),
        number => number.to_string(),
    };
    let fields = ["parent_pid", "threads", "nice", "user_id", "user", "name"];
    assert_eq!(fields.map(ours).to_vec(), ps);
    assert_eq!(ours("state"), "sleeping");
    assert!(row.get("command").is_none(), "arguments may carry secrets: only when asked for");
}

#[test]
fn threads_are_those_of_the_processes_in_the_output() {
    // The harness runs each test on a thread of its own, beside this one.
    let pid = std::process::id();
    let filter = format!("pid={pid}");
    let waiting = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| waiting.wait());
        let args = ["--json", "--once", "--threads", "--filter", &filter, "--interval", "200ms"];
        let (status, out, err) = outcome(&mut retop(&args));
        waiting.wait();
        assert_eq!((status, &*err), (Some(0), ""));
        let line: Value = serde_json::from_str(&out).expect("one line of JSON");
        assert_eq!(line["processes"].as_array().map(Vec::len), Some(1));
        let threads = line["threads"].as_array().expect("an array");
        assert!(threads.len() >= 2, "{threads:?}");
        assert!(threads.iter().all(|thread| thread["pid"] == pid), "{threads:?}");
        assert!(threads.iter().any(|thread| thread["tid"] == pid), "the first one: {threads:?}");
        assert!(threads.iter().any(|thread| thread["cpu_ratio"].is_number()), "{threads:?}");
    });
    let (_, out, _) = outcome(&mut retop(&["--json", "--once", "--interval", "100ms"]));
    let line: Value = serde_json::from_str(&out).expect("one line of JSON");
    assert!(line["threads"].is_null(), "nobody asked for them");
}
