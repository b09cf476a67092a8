//! retop on a real Hopper: what it says beside what `nvidia-smi`, arithmetic and known loads say.
//!
//! Ten minutes on a machine with one H100 or H200, its driver, and PyTorch for the loads; without
//! PyTorch those are left out, and said to be. It reads only: clocks, power limits and modes stay as
//! they are. Everything that retop said is kept, to be made into a scenario.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// A product of matrices in bf16, and the same memory touched element by element.
const MATRICES: &str = "
import torch, time
a = torch.randn(8192, 8192, device='cuda', dtype=torch.bfloat16)
end = time.time() + SECONDS
while time.time() < end:
    for _ in range(50): b = a @ a
    torch.cuda.synchronize()
";
const ELEMENTS: &str = "
import torch, time
a = torch.randn(1 << 28, device='cuda')
end = time.time() + SECONDS
while time.time() < end:
    for _ in range(50): a.mul_(1.0000001)
    torch.cuda.synchronize()
";
/// Takes a GiB each second, and prints what it holds by its own account.
const ALLOCATES: &str = "
import torch, time
held = []
for _ in range(SECONDS):
    held.append(torch.empty(1 << 30, device='cuda', dtype=torch.uint8))
    print(torch.cuda.memory_reserved(), flush=True)
    time.sleep(1)
";
/// Goes up and down by gigabytes, as training does, and never grows.
const TRAINS: &str = "
import torch, time
end = time.time() + SECONDS
while time.time() < end:
    held = [torch.empty(1 << 30, device='cuda', dtype=torch.uint8) for _ in range(20)]
    time.sleep(2)
    del held
    torch.cuda.empty_cache()
    time.sleep(2)
";
/// Takes 200 MiB more each second until there is none, and prints when that was.
const LEAKS: &str = "
import torch, time
free, total = torch.cuda.mem_get_info()
held = [torch.empty(max(free - (60 << 30), 1), device='cuda', dtype=torch.uint8)]
try:
    while True:
        held.append(torch.empty(200 << 20, device='cuda', dtype=torch.uint8))
        time.sleep(1)
except torch.cuda.OutOfMemoryError:
    print(time.time(), torch.cuda.mem_get_info()[0], flush=True)
";

/// Runs all of it.
pub fn run(options: &[&str]) -> Result<()> {
    let binary = match crate::option(options, "--binary")? {
        Some(path) => PathBuf::from(path),
        None => crate::release()?,
    };
    let folder = crate::root().join("target/h200");
    fs::create_dir_all(&folder)?;
    let smi =
        smi("name,driver_version").context("this chore is for a machine with such a device")?;
    println!("{}", smi.join(", "));
    let torch = Command::new("python3").args(["-c", "import torch"]).output();
    let torch = torch.is_ok_and(|output| output.status.success());
    let trial = Trial { binary, folder };
    let mut outcomes =
        vec![("values", trial.values()), ("energy", trial.energy()), ("calls", trial.calls())];
    if torch {
        outcomes.push(("matrices", trial.activity(MATRICES, |tensor| tensor > 0.6)));
        outcomes.push(("elements", trial.activity(ELEMENTS, |tensor| tensor < 0.02)));
        outcomes.push(("memory", trial.memory("expandable_segments:False")));
        outcomes.push(("memory, expandable", trial.memory("expandable_segments:True")));
        outcomes.push(("no false alarm", trial.no_alarm()));
        outcomes.push(("a leak", trial.leak()));
    } else {
        println!("python3 has no torch: the loads are left out");
    }
    let mut failed = 0;
    for (name, outcome) in outcomes {
        match outcome {
            Ok(text) => println!("holds   {name}: {text}"),
            Err(error) => {
                failed += 1;
                println!("FAILS   {name}: {error:#}");
            }
        }
    }
    println!("what retop said is in {}", trial.folder.display());
    ensure!(failed == 0, "{failed} of them failed");
    Ok(())
}

/// What `nvidia-smi` says of the first device.
fn smi(query: &str) -> Result<Vec<String>> {
    let output = Command::new("nvidia-smi")
        .args(["--id=0", &format!("--query-gpu={query}"), "--format=csv,noheader,nounits"])
        .output()
        .context("nvidia-smi")?;
    ensure!(output.status.success(), "nvidia-smi: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().next().unwrap_or("").split(", ").map(str::to_owned).collect())
}

struct Trial {
    binary: PathBuf,
    folder: PathBuf,
}

/// A stream of retop, kept in a file as well.
struct Stream {
    child: Child,
    lines: BufReader<ChildStdout>,
    kept: fs::File,
}

impl Stream {
    fn start(trial: &Trial, name: &str) -> Result<Stream> {
        let mut child = Command::new(&trial.binary)
            .args(["--json", "--interval", "1s", "--processes", "0"])
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().context("piped")?);
        let kept = fs::File::create(trial.folder.join(format!("{name}.ndjson")))?;
        Ok(Stream { child, lines, kept })
    }

    fn next(&mut self) -> Result<Value> {
        let mut line = String::new();
        ensure!(self.lines.read_line(&mut line)? > 0, "the stream ended");
        self.kept.write_all(line.as_bytes())?;
        Ok(serde_json::from_str(&line)?)
    }

    fn take(&mut self, count: usize) -> Result<Vec<Value>> {
        (0..count).map(|_| self.next()).collect()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number of the first device.
fn device(line: &Value, field: &str) -> Option<f64> {
    line["gpus"].as_array()?.first()?[field].as_f64()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn within(name: &str, ours: f64, theirs: f64, share: f64) -> Result<()> {
    let least = share * theirs.abs().max(1.0);
    ensure!((ours - theirs).abs() <= least, "{name}: {ours} and not {theirs}");
    Ok(())
}

impl Trial {
    fn python(&self, program: &str, seconds: u64) -> Command {
        let mut command = Command::new("python3");
        command.args(["-c", &program.replace("SECONDS", &seconds.to_string())]);
        command.stdout(Stdio::piped());
        command
    }

    /// Values beside those of `nvidia-smi`, within one part in a hundred.
    fn values(&self) -> Result<String> {
        let mut stream = Stream::start(self, "values")?;
        let line = stream.take(4)?.pop().context("a line")?;
        let theirs = smi(
            "memory.total,memory.used,memory.reserved,temperature.gpu,power.limit,clocks.max.sm",
        )?;
        const MIB: f64 = 1024.0 * 1024.0;
        let fields = [
            ("memory_total_bytes", MIB),
            ("memory_used_bytes", MIB),
            ("memory_reserved_bytes", MIB),
            ("temperature_celsius", 1.0),
            ("limit_watts", 1.0),
            ("shader_limit_hertz", 1e6),
        ];
        for ((field, unit), theirs) in fields.iter().zip(&theirs) {
            let theirs: f64 = theirs.parse().with_context(|| format!("{field}: {theirs}"))?;
            let ours = device(&line, field).with_context(|| format!("{field} is missing"))?;
            // A degree may pass between the two.
            let share = if *field == "temperature_celsius" { 0.05 } else { 0.01 };
            within(field, ours / unit, theirs, share)?;
        }
        Ok(format!("{} of them", fields.len()))
    }

    /// Joules beside the mean of watts, within three parts in a hundred.
    fn energy(&self) -> Result<String> {
        let mut stream = Stream::start(self, "energy")?;
        let lines = stream.take(31)?;
        let get = |field: &'static str| lines.iter().filter_map(move |line| device(line, field));
        let joules: Vec<f64> = get("energy_joules").collect();
        let (Some(first), Some(last)) = (joules.first(), joules.last()) else {
            bail!("no energy counter");
        };
        let watts = mean(&get("reading_watts").collect::<Vec<_>>());
        let seconds: f64 =
            lines.iter().skip(1).filter_map(|line| line["interval_seconds"].as_f64()).sum();
        within("joules", last - first, watts * seconds, 0.03)?;
        Ok(format!("{:.0} J in {seconds:.0} s at {watts:.1} W", last - first))
    }

    /// What calls cost: the middle and the hundredth highest of their means in a second, and the
    /// driver's time as a share of all.
    fn calls(&self) -> Result<String> {
        let mut stream = Stream::start(self, "calls")?;
        let lines = stream.take(61)?;
        let mut means: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut shares = Vec::new();
        for line in &lines {
            let rows = line["gpu_calls"].as_array().context("calls are counted")?;
            let share = rows.iter().filter_map(|row| row["busy_ratio"].as_f64()).sum();
            shares.push(share);
            for row in rows {
                if let (Some(symbol), Some(mean)) =
                    (row["symbol"].as_str(), row["mean_seconds"].as_f64())
                {
                    means.entry(symbol.to_owned()).or_default().push(mean);
                }
            }
        }
        let mut text = String::new();
        for (symbol, mut means) in means {
            means.sort_by(f64::total_cmp);
            let at = |share: f64| means[((means.len() - 1) as f64 * share) as usize] * 1e6;
            text += &format!("{symbol:44} p50 {:8.1} us  p99 {:8.1} us\n", at(0.5), at(0.99));
        }
        fs::write(self.folder.join("calls.txt"), &text)?;
        print!("{text}");
        let share = mean(&shares);
        ensure!(share <= 0.02, "{:.2} % of the time", share * 100.0);
        Ok(format!("{:.2} % of the time in the driver", share * 100.0))
    }

    /// Share of cycles in which tensor cores work under a load.
    fn activity(&self, program: &str, is_right: fn(f64) -> bool) -> Result<String> {
        let mut load = self.python(program, 25).spawn()?;
        let mut stream =
            Stream::start(self, if program == MATRICES { "matrices" } else { "elements" })?;
        // PyTorch takes some seconds to begin.
        let lines = stream.take(20)?;
        load.wait()?;
        let late = lines.iter().skip(12);
        let values: Vec<f64> = late.filter_map(|line| device(line, "tensor_ratio")).collect();
        ensure!(!values.is_empty(), "the device counts no cycles");
        let tensor = mean(&values);
        ensure!(is_right(tensor), "tensor cores work {:.1} % of the cycles", tensor * 100.0);
        Ok(format!("tensor cores work {:.1} % of the cycles", tensor * 100.0))
    }

    /// Memory of a process beside its own account: more by its context, and by no more than that.
    fn memory(&self, allocator: &str) -> Result<String> {
        let mut load =
            self.python(ALLOCATES, 15).env("PYTORCH_CUDA_ALLOC_CONF", allocator).spawn()?;
        let mut said = BufReader::new(load.stdout.take().context("piped")?).lines();
        let mut stream = Stream::start(self, "memory")?;
        let mut contexts = Vec::new();
        while let Some(held) = said.next().transpose()? {
            let held: f64 = held.trim().parse()?;
            let line = stream.next()?;
            let rows = line["gpu_processes"].as_array().cloned().unwrap_or_default();
            let row = rows.iter().find(|row| row["pid"] == load.id());
            if let Some(bytes) = row.and_then(|row| row["memory_bytes"].as_f64()) {
                contexts.push(bytes - held);
            }
        }
        load.wait()?;
        ensure!(contexts.len() > 5, "the process is in {} of the lists", contexts.len());
        contexts.sort_by(f64::total_cmp);
        let context = contexts[contexts.len() / 2] / f64::from(1 << 20);
        ensure!((0.0..2048.0).contains(&context), "{context:.0} MiB beyond its own account");
        Ok(format!("{context:.0} MiB beyond its own account"))
    }

    fn no_alarm(&self) -> Result<String> {
        let mut load = self.python(TRAINS, 120).spawn()?;
        let mut stream = Stream::start(self, "trains")?;
        let lines = stream.take(110)?;
        let _ = load.kill();
        load.wait()?;
        let alarms = lines.iter().filter(|line| level(line).is_some_and(|level| level != "none"));
        ensure!(alarms.clone().count() == 0, "{} seconds of alarm", alarms.count());
        Ok("none in 110 s".to_owned())
    }

    /// Told a minute before, with a band that holds the end.
    fn leak(&self) -> Result<String> {
        let mut load = self.python(LEAKS, 0).spawn()?;
        let mut stream = Stream::start(self, "leak")?;
        let began = Instant::now();
        let (mut told, mut band) = (None, None);
        while load.try_wait()?.is_none() && began.elapsed() < Duration::from_secs(420) {
            let line = stream.next()?;
            let now = began.elapsed().as_secs_f64();
            if level(&line).as_deref() == Some("critical") && told.is_none() {
                told = Some(now);
                let row = forecast(&line).context("a forecast")?;
                band = row["earliest_seconds"].as_f64().zip(row["latest_seconds"].as_f64());
            }
        }
        let end = began.elapsed().as_secs_f64();
        load.wait()?;
        let lead = end - told.context("nothing was told")?;
        let (earliest, latest) = band.context("no band")?;
        ensure!(lead >= 55.0, "told {lead:.0} s before");
        ensure!(
            (earliest - 2.0..=latest + 2.0).contains(&lead),
            "{lead:.0} s are not within {earliest:.0} and {latest:.0}"
        );
        Ok(format!("told {lead:.0} s before, between {earliest:.0} and {latest:.0}"))
    }
}

/// The forecast of the first device itself.
fn forecast(line: &Value) -> Option<&Value> {
    line["gpu_forecasts"].as_array()?.iter().find(|row| row["pid"].is_null())
}

fn level(line: &Value) -> Option<String> {
    forecast(line)?["level"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_within_a_share() {
        assert!(within("x", 101.0, 100.0, 0.01).is_ok());
        assert!(within("x", 102.0, 100.0, 0.01).is_err());
        assert!(within("x", 0.009, 0.0, 0.01).is_ok());
    }

    #[test]
    fn the_first_device_and_its_forecast_are_found() {
        let line = serde_json::json!({
            "gpus": [{"watts": 5.0}],
            "gpu_forecasts": [{"pid": 7, "level": "critical"}, {"pid": null, "level": "watch"}],
        });
        assert_eq!(device(&line, "watts"), Some(5.0));
        assert_eq!(level(&line).as_deref(), Some("watch"));
        assert_eq!(device(&serde_json::json!({}), "watts"), None);
    }
}
