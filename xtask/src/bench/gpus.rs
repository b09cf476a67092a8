//! retop and monitors of NVIDIA devices on a made-up driver.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use retop_fake_nvml::{Installed, install};

use super::peer::version;
use super::{Reading, WARM_UP, environment, median, watch};

const SIZE: (u16, u16) = (120, 40);
const DEVICES: usize = 8;
const EACH: usize = 4;
/// A run in which calls are counted, after its warm-up.
const COUNTED: Duration = Duration::from_secs(10);

/// A program, and the folder with the driver that it finds.
struct Rival {
    name: &'static str,
    version: String,
    command: Vec<String>,
    folder: PathBuf,
    /// It finds the library by the linker's path.
    linked: bool,
}

/// Runs the benchmark.
pub fn run(options: &[&str]) -> Result<()> {
    let rounds: usize = crate::option(options, "--rounds")?.unwrap_or("3").parse()?;
    let seconds: u64 = crate::option(options, "--seconds")?.unwrap_or("20").parse()?;
    if rounds == 0 || seconds == 0 {
        bail!("--rounds and --seconds take numbers from 1");
    }
    let binary = match crate::option(options, "--binary")? {
        Some(path) => PathBuf::from(path),
        None => crate::release()?,
    };
    let base = std::env::temp_dir().join(format!("retop-bench-gpus-{}", std::process::id()));
    let load = Sleepers::start(DEVICES * EACH)?;
    let result = compare(&binary, &base, &load, (rounds, seconds));
    let _ = std::fs::remove_dir_all(&base);
    let text = super::machine() + &result?;
    println!("{text}");
    if options.contains(&"--write") {
        super::write(&crate::root().join("docs/performance.md"), "gpus", &text)?;
    }
    Ok(())
}

fn compare(
    binary: &Path,
    base: &Path,
    load: &Sleepers,
    (rounds, seconds): (usize, u64),
) -> Result<String> {
    let driver = machine(&base.join("gpus"), Some(&scenario(load, "")))?;
    machine(&base.join("none"), None)?;
    let hangs = "[[fault]]\nfrom = 1\nblock = true\n";
    machine(&base.join("hangs"), Some(&scenario(load, hangs)))?;
    let rivals = rivals(binary, base);
    let window = Duration::from_secs(seconds);
    let mut readings = vec![Vec::new(); rivals.len()];
    for round in 1..=rounds {
        for (rival, readings) in rivals.iter().zip(&mut readings) {
            eprintln!("round {round}: {}", rival.name);
            match one(rival, window, false) {
                Ok(reading) => readings.push(reading),
                Err(error) => eprintln!("{}: {error:#}", rival.name),
            }
        }
    }
    let mut calls = Vec::new();
    for rival in &rivals {
        let counted = rival.folder == base.join("gpus");
        let driver = driver.as_ref().filter(|_| counted);
        calls.push(driver.map(|driver| per_second(rival, driver)).transpose()?);
    }
    Ok(table(&rivals, &readings, &calls, (rounds, seconds)))
}

/// A folder like a machine: the processes of this one, and another driver.
pub fn machine(base: &Path, scenario: Option<&str>) -> Result<Option<Installed>> {
    for folder in ["dev", "sys", "usr/lib"] {
        std::fs::create_dir_all(base.join(folder))?;
    }
    std::os::unix::fs::symlink("/proc", base.join("proc"))?;
    let Some(scenario) = scenario else { return Ok(None) };
    std::fs::write(base.join("dev/nvidiactl"), "")?;
    Ok(Some(install(&base.join("usr/lib"), scenario, &[])?))
}

fn scenario(load: &Sleepers, faults: &str) -> String {
    let mut text = String::from("driver = \"580.65.06\"\n");
    for (device, pids) in load.pids().chunks(EACH).enumerate() {
        let _ = write!(
            text,
            "[[device]]\nuuid = \"GPU-0000000{device}-0000-0000-0000-000000000000\"\n\
             pci = \"00000000:0{}:00.0\"\ngpu_percent = [[0, 5], [60, 98], [120, 10]]\n\
             memory_percent = 30\npower_watts = [[0, 120], [60, 640], [120, 90]]\nfan_percent = 40\n",
            device + 1
        );
        for pid in pids {
            let _ = write!(
                text,
                "[[device.process]]\npid = {pid}\nmemory_mib = [[0, 600], [600, 9000]]\n\
                 sm_percent = 20\n"
            );
        }
    }
    text + faults
}

/// Those that are installed, retop first.
fn rivals(binary: &Path, base: &Path) -> Vec<Rival> {
    let binary = binary.display().to_string();
    let root = |folder: &str| base.join(folder).display().to_string();
    let retop = |folder: &str| {
        let words = [&binary, "--interval", "1s", "--root", &root(folder)];
        words.map(str::to_owned).to_vec()
    };
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let candidates = [
        ("retop", retop("gpus"), "gpus"),
        ("retop, no devices", retop("none"), "none"),
        ("retop, all calls hang", retop("hangs"), "hangs"),
        ("nvtop", words(&["nvtop", "-d", "10"]), "gpus"),
        ("nvitop", words(&["nvitop", "--interval", "1"]), "gpus"),
        ("gpustat", words(&["gpustat", "--interval", "1"]), "gpus"),
    ];
    let mut rivals = Vec::new();
    for (name, command, folder) in candidates {
        let Some(version) = command.first().and_then(|program| version(program, "--version"))
        else {
            eprintln!("{name} is not installed and is left out");
            continue;
        };
        let linked = !name.starts_with("retop");
        rivals.push(Rival { name, version, command, folder: base.join(folder), linked });
    }
    rivals
}

fn one(rival: &Rival, window: Duration, counted: bool) -> Result<Reading> {
    let mut environment = environment(&rival.folder);
    if rival.linked {
        let folder = rival.folder.join("usr/lib").display().to_string();
        environment.push(("LD_LIBRARY_PATH".to_owned(), folder));
    }
    if !counted {
        // A file that cannot be made: writing calls down would cost more than making them.
        environment.push(("FAKE_NVML_LOG".to_owned(), String::new()));
    }
    watch(&rival.command, &environment, (WARM_UP, window), (SIZE, Vec::new()))
}

/// Calls by symbol in a second, once it runs steadily.
fn per_second(rival: &Rival, driver: &Installed) -> Result<BTreeMap<String, f64>> {
    let log = rival.folder.join("usr/lib/calls");
    let _ = std::fs::remove_file(&log);
    one(rival, COUNTED, true).with_context(|| rival.name)?;
    let calls = driver.calls()?;
    let last = calls.last().map_or(0.0, |call| call.seconds);
    let (from, until) = (last - COUNTED.as_secs_f64() + 0.5, last - 0.5);
    let mut counts = BTreeMap::new();
    for call in calls.iter().filter(|call| (from..until).contains(&call.seconds)) {
        *counts.entry(call.symbol.clone()).or_insert(0.0) += 1.0 / (until - from);
    }
    Ok(counts)
}

fn table(
    rivals: &[Rival],
    readings: &[Vec<Reading>],
    calls: &[Option<BTreeMap<String, f64>>],
    (rounds, seconds): (usize, u64),
) -> String {
    let of = |readings: &[Reading], get: fn(&Reading) -> f64| median(readings.iter().map(get));
    let place = rivals.iter().position(|rival| rival.name == "retop, no devices");
    let none = place.and_then(|place| readings.get(place));
    let show = |value: Option<f64>, digits: usize| {
        value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
    };
    let mut text = format!(
        "\nMedians of {rounds} rounds of {seconds} s.\n\n\
         | program | CPU % | above none | peak RSS MiB | above none | bytes per refresh | first \
         byte ms | calls |\n|---|---:|---:|---:|---:|---:|---:|---:|\n"
    );
    for ((rival, readings), calls) in rivals.iter().zip(readings).zip(calls) {
        // Milliseconds of a second are thousandths.
        let (cpu, peak) = (of(readings, |r| r.cpu_ms / 10.0), of(readings, |r| r.peak_mib));
        let own = rival.name == "retop" || rival.name == "retop, all calls hang";
        let above = |value: Option<f64>, get: fn(&Reading) -> f64| {
            let none = none.and_then(|none| of(none, get)).filter(|_| own)?;
            Some(value? - none)
        };
        let _ = writeln!(
            text,
            "| {} {} | {} | {} | {} | {} | {} | {} | {} |",
            rival.name,
            rival.version,
            show(cpu, 2),
            show(above(cpu, |r| r.cpu_ms / 10.0), 2),
            show(peak, 1),
            show(above(peak, |r| r.peak_mib), 1),
            show(of(readings, |r| r.bytes), 0),
            show(median(readings.iter().filter_map(|r| r.first_byte_ms)), 0),
            show(calls.as_ref().map(|calls| calls.values().sum()), 0),
        );
    }
    if let Some(Some(calls)) = calls.first() {
        text += "\nCalls of retop for each device in a second:";
        let mut calls: Vec<_> = calls.iter().collect();
        calls.sort_by(|a, b| b.1.total_cmp(a.1));
        for (symbol, count) in calls {
            let _ = write!(
                text,
                " {} {:.2},",
                symbol.trim_start_matches("nvml"),
                count / DEVICES as f64
            );
        }
        text = text.trim_end_matches(',').to_owned() + ".\n";
    }
    text
}

/// Processes that do nothing, whose numbers the made-up driver gives.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn start(count: usize) -> Result<Sleepers> {
        let mut sleepers = Sleepers(Vec::new());
        for _ in 0..count {
            let mut command = Command::new("sleep");
            command.arg("86400").stdin(Stdio::null());
            sleepers.0.push(command.spawn().context("sleep")?);
        }
        Ok(sleepers)
    }

    fn pids(&self) -> Vec<u32> {
        self.0.iter().map(Child::id).collect()
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
