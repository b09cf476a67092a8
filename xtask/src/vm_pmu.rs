//! Hardware counters without hardware: a virtual machine whose processor does one instruction in
//! each so many nanoseconds and counts its cycles at 1 GHz, so that IPC is known beforehand.
//!
//! QEMU's `-icount shift=N` lets an instruction take 2^N ns. Debian's kernel for ARM64 has the
//! driver of the unit that `-cpu max` brings; the only things on the machine are busybox and a
//! static retop, which tells of a busy loop what it counted.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{cargo, must, root};

const TARGET: &str = "aarch64-unknown-linux-musl";

/// Cycles are counted at 1 GHz: an instruction of 2^N ns is 2^N cycles.
const SHIFTS: [u32; 3] = [0, 1, 2];

const TOLERANCE: f64 = 0.02;

/// A boot and two samples take 10 s here.
const PATIENCE: Duration = Duration::from_secs(240);

const INIT: &str = "#!/bin/busybox sh
bb=/bin/busybox
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
$bb mount -t devtmpfs dev /dev
$bb sh -c 'while :; do :; done' &
busy=$!
echo busy $busy
/bin/retop --json --interval 1s --samples 2 --filter \"pid=$busy\" >/json
echo status $?
echo json $($bb tail -n 1 /json)
$bb poweroff -f
";

/// Fetches what the machine is made of, if it is not here.
pub fn fetch() -> Result<()> {
    debian(&folder()?).map(drop)
}

fn folder() -> Result<PathBuf> {
    let folder = root().join("target/vm-pmu");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Boots the machine at each speed and checks what retop says there.
pub fn run() -> Result<()> {
    let folder = folder()?;
    let (kernel, busybox) = debian(&folder)?;
    let retop = build()?;
    let image = folder.join("initramfs");
    fs::write(&image, archive(&busybox, &retop)?)?;
    println!(
        "{:8} {:>10} {:>10} {:>10}  cache, branches",
        "shift", "expected", "process", "machine"
    );
    let mut wrong = Vec::new();
    for shift in SHIFTS {
        let log = folder.join(format!("shift-{shift}.log"));
        let (busy, sample) = boot(&kernel, &image, shift, &log)?;
        if let Err(error) = check(shift, busy, &sample) {
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

/// Debian's kernel and busybox for ARM64, fetched once. The lists lie in a folder of their own, so
/// that nothing of this system's package manager is touched.
fn debian(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let files = folder.join("files");
    let found = |files: &Path| {
        let boot = fs::read_dir(files.join("boot")).ok()?;
        let mut names = boot.flatten().map(|entry| entry.path());
        let is_kernel = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))
        };
        let busybox = files.join("bin/busybox");
        Some((names.find(is_kernel)?, busybox)).filter(|(_, busybox)| busybox.exists())
    };
    if let Some(found) = found(&files) {
        return Ok(found);
    }
    let (state, packages) = (folder.join("apt"), folder.join("packages"));
    for dir in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(state.join(dir))?;
    }
    fs::create_dir_all(&packages)?;
    fs::write(state.join("status"), "")?;
    let apt = |program: &str| {
        let mut command = Command::new(program);
        let state = state.display();
        for option in [
            format!("Dir::State={state}"),
            format!("Dir::State::lists={state}/lists"),
            format!("Dir::State::status={state}/status"),
            format!("Dir::Cache={state}/cache"),
            "APT::Architecture=arm64".to_owned(),
            "APT::Architectures=arm64".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        command.current_dir(&packages).stdin(Stdio::null());
        command
    };
    println!("fetching Debian's kernel and busybox for ARM64");
    must(apt("apt-get").args(["-qq", "update"]).stdout(Stdio::null()))
        .context("the packages of Debian for ARM64 are needed")?;
    // The package of that name depends on the newest kernel.
    let shown = apt("apt-cache").args(["depends", "linux-image-arm64"]).output()?;
    let shown = String::from_utf8_lossy(&shown.stdout);
    let image = shown
        .split_whitespace()
        .find(|word| word.starts_with("linux-image-") && *word != "linux-image-arm64")
        .context("the lists name no kernel for ARM64")?;
    must(apt("apt-get").args(["-qq", "download", image, "busybox-static"]).stderr(Stdio::null()))?;
    for package in fs::read_dir(&packages)?.flatten() {
        must(Command::new("dpkg").arg("-x").arg(package.path()).arg(&files))?;
    }
    found(&files).context("the packages hold no kernel or no busybox")
}

/// A static retop for the machine.
fn build() -> Result<PathBuf> {
    let python = root().join("target/zig/bin/python3");
    must(Command::new(root().join(".ci/zig")).stdout(Stdio::null()))?;
    let ci = root().join(".ci");
    let name = TARGET.replace('-', "_");
    must(
        cargo()
            .args(["build", "--quiet", "--locked", "--package", "retop", "--target", TARGET])
            .env("ZIG_PYTHON", python)
            .env(format!("CC_{name}"), ci.join("cross-cc-aarch64-linux-musl"))
            .env(format!("AR_{name}"), ci.join("cross-ar"))
            // zig checks C code for undefined behaviour, with a library that is not linked here.
            .env(format!("CFLAGS_{name}"), "-fno-sanitize=undefined")
            .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld"),
    )?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(target.unwrap_or_else(|| root().join("target")).join(TARGET).join("debug/retop"))
}

/// The machine's first file system, in the format `newc` that the kernel unpacks.
fn archive(busybox: &Path, retop: &Path) -> Result<Vec<u8>> {
    const FOLDER: u32 = 0o040_755;
    const PROGRAM: u32 = 0o100_755;
    let mut out = Vec::new();
    for folder in ["bin", "dev", "proc", "sys"] {
        entry(&mut out, folder, FOLDER, &[])?;
    }
    entry(&mut out, "init", PROGRAM, INIT.as_bytes())?;
    entry(&mut out, "bin/busybox", PROGRAM, &fs::read(busybox)?)?;
    entry(&mut out, "bin/retop", PROGRAM, &fs::read(retop)?)?;
    entry(&mut out, "TRAILER!!!", 0, &[])?;
    Ok(out)
}

fn entry(out: &mut Vec<u8>, name: &str, mode: u32, content: &[u8]) -> Result<()> {
    let (size, length) = (u32::try_from(content.len())?, u32::try_from(name.len() + 1)?);
    let number = u32::try_from(out.len())?;
    // Inode, mode, user, group, links, time, size, device and its device, length of the name, sum.
    let fields = [number, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, length, 0];
    out.extend_from_slice(b"070701");
    for field in fields {
        write!(out, "{field:08x}")?;
    }
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(4), 0);
    Ok(())
}

/// Boots; gives the number of the busy process and the last sample.
fn boot(kernel: &Path, image: &Path, shift: u32, log: &Path) -> Result<(u64, Value)> {
    let icount = format!("shift={shift}");
    let began = Instant::now();
    let mut machine = Command::new("qemu-system-aarch64")
        .args(["-M", "virt", "-cpu", "max", "-m", "512", "-icount", &icount])
        .args(["-nographic", "-net", "none", "-no-reboot"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(image)
        .args(["-append", "console=ttyAMA0 quiet panic=-1 rdinit=/init"])
        .stdin(Stdio::null())
        .stdout(fs::File::create(log)?)
        .stderr(Stdio::inherit())
        .spawn()
        .context("qemu-system-aarch64: apt-get install qemu-system-arm")?;
    while machine.try_wait()?.is_none() {
        if began.elapsed() > PATIENCE {
            machine.kill()?;
            machine.wait()?;
            bail!("shift {shift}: no end after {} s; see {}", PATIENCE.as_secs(), log.display());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let said = fs::read_to_string(log)?;
    let after = |word: &str| said.lines().find_map(|line| line.trim().strip_prefix(word));
    let status = after("status ").with_context(|| format!("nothing in {}", log.display()))?;
    ensure!(status == "0", "shift {shift}: retop ended with {status}; see {}", log.display());
    let busy = after("busy ").context("no busy process")?.parse()?;
    let sample = after("json ").context("no sample")?;
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
