//! Hardware counters without hardware: a virtual machine whose processor does one instruction in
//! each so many nanoseconds and counts its cycles at 1 GHz, so that IPC is known beforehand.
//!
//! QEMU's `-icount shift=N` lets an instruction take 2^N ns. Debian's kernel for ARM64 has the
//! driver of the unit that `-cpu max` brings; retop tells of a busy loop what it counted.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Parts, said};

/// Cycles are counted at 1 GHz: an instruction of 2^N ns is 2^N cycles.
const SHIFTS: [u32; 3] = [0, 1, 2];

const TOLERANCE: f64 = 0.02;

/// A boot and two samples take 10 s here.
const PATIENCE: Duration = Duration::from_secs(240);

const SCRIPT: &str = "
$bb sh -c 'while :; do :; done' &
busy=$!
echo busy $busy
/bin/retop --json --interval 1s --samples 2 --filter \"pid=$busy\" >/json
echo status $?
echo json $($bb tail -n 1 /json)
$bb poweroff -f
";

/// Boots the machine at each speed and checks what retop says there.
pub fn run() -> Result<()> {
    let parts = Parts::gather()?;
    let image = parts.image("pmu", SCRIPT, &[])?;
    println!(
        "{:8} {:>10} {:>10} {:>10}  cache, branches",
        "shift", "expected", "process", "machine"
    );
    let mut wrong = Vec::new();
    for shift in SHIFTS {
        let log = parts.folder.join(format!("pmu-{shift}.log"));
        let options = ["-icount", &format!("shift={shift}")];
        let found = parts
            .boot(&image, &options, &log, PATIENCE)
            .and_then(|all| sample(&all))
            .and_then(|(busy, sample)| check(shift, busy, &sample));
        if let Err(error) = found {
            wrong.push(format!(
                "shift {shift}: {error:#}; all that it said is in {}",
                log.display()
            ));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    println!("what retop counts is what the machine did, within {:.0} %", TOLERANCE * 100.0);
    Ok(())
}

/// The number of the busy process and the last sample.
fn sample(all: &str) -> Result<(u64, Value)> {
    let status = said(all, "status ").context("no end of retop")?;
    ensure!(status == "0", "retop ended with {status}");
    let busy = said(all, "busy ").context("no busy process")?.parse()?;
    let sample = said(all, "json ").context("no sample")?;
    Ok((busy, serde_json::from_str(sample).context("a sample that is no JSON")?))
}

fn check(shift: u32, busy: u64, sample: &Value) -> Result<()> {
    let expected = 1.0 / f64::from(1_u32 << shift);
    let processes = sample["processes"].as_array().context("no processes")?;
    let process = processes.iter().find(|row| row["pid"].as_u64() == Some(busy));
    let process = process.context("the busy process is not told of")?;
    let (own, machine) = (process["ipc"].as_f64(), sample["cpu"]["ipc"].as_f64());
    let sources = sample["sources"].as_array().context("no sources")?;
    let counters = sources.iter().find(|row| row["source"] == "processes/counters");
    let reason = counters.and_then(|row| row["reason"].as_str());
    let shown = |ipc: Option<f64>| ipc.map_or("–".to_owned(), |ipc| format!("{ipc:.4}"));
    println!(
        "{shift:<8} {expected:>10} {:>10} {:>10}  {}",
        shown(own),
        shown(machine),
        reason.unwrap_or("no reason given")
    );
    for (whose, ipc) in [("process", own), ("machine", machine)] {
        let near = ipc.is_some_and(|ipc| (ipc / expected - 1.0).abs() <= TOLERANCE);
        ensure!(near, "IPC of the {whose} is {}, not {expected}", shown(ipc));
    }
    for column in ["cache_references", "cache_misses", "branches", "branch_misses"] {
        ensure!(process[column].is_null(), "{column} is {}", process[column]);
    }
    for column in ["cache_miss_ratio", "branch_miss_ratio"] {
        ensure!(process[column].is_null(), "{column} is {}", process[column]);
    }
    let reason = reason.context("nothing says why caches and branches are not counted")?;
    ensure!(reason.contains("cache misses") && reason.contains("branch misses"), "{reason}");
    Ok(())
}
