//! retop on a real Hopper: what it says beside what `nvidia-smi`, arithmetic and known loads say.
//!
//! A quarter of an hour on a machine with one H100 or H200, its driver, and PyTorch (and JAX) for the
//! loads; what is not there is left out, and said to be. It reads only: clocks, power limits and modes
//! stay as they are. Everything that retop said is kept, as lines and as scenarios of the made-up
//! driver. `--fake` plays all of it on that driver, which tests this chore and nothing else: it has
//! not run on real hardware yet.

mod kept;
mod loads;

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use self::loads::{AT_REST, Device, Kind};

/// Runs all of it.
pub fn run(options: &[&str]) -> Result<()> {
    let fake = options.contains(&"--fake");
    let binary = match crate::option(options, "--binary")? {
        Some(path) => PathBuf::from(path),
        None => crate::release()?,
    };
    let folder = crate::root().join(if fake { "target/h200-fake" } else { "target/h200" });
    fs::create_dir_all(&folder)?;
    let base = std::env::temp_dir().join(format!("retop-h200-{}", std::process::id()));
    let device = if fake {
        crate::bench::gpus::machine(&base, Some(AT_REST))?;
        Device::Made(base.clone())
    } else {
        Device::real()
    };
    let name = device.smi("name,driver_version");
    println!("{}", name.context("this chore is for a machine with such a device")?.join(", "));
    let failed = Trial { binary, folder, device }.all();
    let _ = fs::remove_dir_all(base);
    ensure!(failed == 0, "{failed} of them failed");
    Ok(())
}

struct Trial {
    binary: PathBuf,
    folder: PathBuf,
    device: Device,
}

/// What is tried, and the load that it needs.
type Case = (&'static str, Option<Kind>, fn(&Trial) -> Result<String>);

const CASES: [Case; 12] = [
    ("values", None, Trial::values),
    ("energy", None, Trial::energy),
    ("calls", None, Trial::calls),
    ("matrices", Some(Kind::Matrices), |trial| {
        trial.activity(Kind::Matrices, "tensor_ratio", |share| share > 0.6)
    }),
    ("elements", Some(Kind::Elements), |trial| {
        trial.activity(Kind::Elements, "tensor_ratio", |share| share < 0.02)
    }),
    ("processes", Some(Kind::Matrices), Trial::processes),
    ("memory", Some(Kind::Allocates), |trial| trial.memory(Kind::Allocates)),
    ("memory, expandable", Some(Kind::AllocatesExpandable), |trial| {
        trial.memory(Kind::AllocatesExpandable)
    }),
    ("preallocation", Some(Kind::Preallocates), Trial::preallocation),
    ("no false alarm", Some(Kind::Trains), Trial::no_alarm),
    ("a leak", Some(Kind::Leaks), Trial::leak),
    ("a loop beside retop", Some(Kind::Loops), Trial::disturbs),
];

/// A stream of retop, kept in a file as well.
struct Stream {
    child: Child,
    lines: BufReader<ChildStdout>,
    kept: fs::File,
}

impl Stream {
    fn start(trial: &Trial, name: &str, interval: &str) -> Result<Stream> {
        let mut child = Command::new(&trial.binary)
            .args(["--json", "--interval", interval, "--processes", "0"])
            .args(trial.device.root())
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
    /// Tries everything, says how it went, and gives how much of it failed.
    fn all(&self) -> usize {
        let mut failed = 0;
        for (name, load, case) in CASES {
            if load.is_some_and(|kind| !self.device.can(kind)) {
                println!("left out  {name}: python3 has not what it needs");
                continue;
            }
            self.rest();
            match case(self) {
                Ok(text) => println!("holds     {name}: {text}"),
                Err(error) => {
                    failed += 1;
                    println!("FAILS     {name}: {error:#}");
                }
            }
        }
        match self.keep() {
            Ok(count) => {
                println!("{count} scenarios and what retop said are in {}", self.folder.display())
            }
            Err(error) => {
                failed += 1;
                println!("FAILS     to keep what was said: {error:#}");
            }
        }
        failed
    }

    /// A made-up device is at rest until a load comes.
    fn rest(&self) {
        if let Device::Made(base) = &self.device {
            let _ = loads::write(base, AT_REST);
        }
    }

    /// Makes a scenario of each stream that was kept, and what the doctor says.
    fn keep(&self) -> Result<usize> {
        let doctor = Command::new(&self.binary).arg("doctor").args(self.device.root()).output()?;
        fs::write(self.folder.join("doctor.txt"), doctor.stdout)?;
        let mut count = 0;
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|ending| ending != "ndjson") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let lines: Vec<Value> =
                text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            if let Some(scenario) = kept::scenario(&lines) {
                retop_fake_nvml::scenario::Scenario::parse(&scenario)
                    .map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
                fs::write(path.with_extension("toml"), scenario)?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Values beside those of `nvidia-smi`, within one part in a hundred.
    fn values(&self) -> Result<String> {
        let mut stream = Stream::start(self, "values", "1s")?;
        // What is read every minute is there with the first read, rates with the second.
        let line = stream.take(4)?.pop().context("a line")?;
        const MIB: f64 = 1024.0 * 1024.0;
        let fields = [
            ("memory.total", "memory_total_bytes", MIB),
            ("memory.used", "memory_used_bytes", MIB),
            ("memory.reserved", "memory_reserved_bytes", MIB),
            ("temperature.gpu", "temperature_celsius", 1.0),
            ("temperature.memory", "memory_temperature_celsius", 1.0),
            ("power.limit", "limit_watts", 1.0),
            ("clocks.max.sm", "shader_limit_hertz", 1e6),
            ("clocks.mem", "memory_hertz", 1e6),
            ("fan.speed", "fan_ratio", 0.01),
            ("pcie.link.gen.current", "pcie_generation", 1.0),
            ("pcie.link.width.current", "pcie_lanes", 1.0),
            ("ecc.errors.corrected.volatile.total", "corrected_errors", 1.0),
        ];
        let query = fields.map(|(query, ..)| query).join(",");
        let (mut same, mut none) = (0, 0);
        for ((_, field, unit), theirs) in fields.iter().zip(self.device.smi(&query)?) {
            let ours = device(&line, field);
            // What one of them does not know the other must not know either.
            let Ok(theirs) = theirs.trim().parse::<f64>() else {
                ensure!(ours.is_none(), "{field}: {ours:?} and not {theirs}");
                none += 1;
                continue;
            };
            let ours = ours.with_context(|| format!("{field} is missing"))?;
            // A degree may pass between the two.
            let share = if field.contains("temperature") { 0.05 } else { 0.01 };
            within(field, ours / unit, theirs, share)?;
            same += 1;
        }
        Ok(format!("{same} as nvidia-smi has them, {none} in neither"))
    }

    /// Joules beside the mean of watts, within three parts in a hundred.
    fn energy(&self) -> Result<String> {
        let mut stream = Stream::start(self, "energy", "1s")?;
        let lines = stream.take(self.device.seconds(31, 11))?;
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

    /// What single calls cost, and the driver's time as a share of all.
    fn calls(&self) -> Result<String> {
        let mut stream = Stream::start(self, "calls", "1s")?;
        let lines = stream.take(self.device.seconds(61, 11))?;
        let rows = |line: &Value| line["gpu_calls"].as_array().cloned().unwrap_or_default();
        let busy = |line: &Value| {
            rows(line).iter().filter_map(|row| row["busy_ratio"].as_f64()).sum::<f64>()
        };
        let shares: Vec<f64> = lines.iter().skip(2).map(busy).collect();
        let mut last = rows(lines.last().context("lines")?);
        let dear = |row: &Value| row["median_seconds"].as_f64().unwrap_or(0.0);
        last.sort_by(|a, b| dear(b).total_cmp(&dear(a)));
        ensure!(!last.is_empty(), "no calls are counted");
        let mut text = String::new();
        for row in &last {
            let micro = |field: &str| row[field].as_f64().map_or(f64::NAN, |value| value * 1e6);
            if row["calls"].as_f64().is_some_and(|calls| calls > 0.0) {
                text += &format!(
                    "{:44} {:>6} calls  p50 {:9.1} us  p99 {:9.1} us  worst {:9.1} us\n",
                    row["symbol"].as_str().unwrap_or(""),
                    row["calls"],
                    micro("median_seconds"),
                    micro("p99_seconds"),
                    micro("worst_seconds"),
                );
            }
        }
        fs::write(self.folder.join("calls.txt"), &text)?;
        print!("{text}");
        let share = mean(&shares);
        ensure!(share <= 0.02, "{:.2} % of the time", share * 100.0);
        Ok(format!("{:.3} % of the time in the driver", share * 100.0))
    }

    /// Share of cycles in which something works under a load.
    fn activity(&self, kind: Kind, field: &str, is_right: fn(f64) -> bool) -> Result<String> {
        let seconds = self.device.seconds(20, 8);
        let _load = self.device.start(kind, seconds + 5)?;
        let mut stream = Stream::start(self, &format!("{kind:?}").to_lowercase(), "1s")?;
        // PyTorch takes some seconds to begin.
        let lines = stream.take(seconds)?;
        let late = lines.iter().skip(seconds / 2);
        let values: Vec<f64> = late.filter_map(|line| device(line, field)).collect();
        ensure!(!values.is_empty(), "the device counts no cycles");
        let share = mean(&values);
        ensure!(is_right(share), "{field} is {:.1} %", share * 100.0);
        Ok(format!("{field} is {:.1} %", share * 100.0))
    }

    /// Whether a process is known by the number that it has here, with its share of the time.
    fn processes(&self) -> Result<String> {
        let seconds = self.device.seconds(15, 6);
        let load = self.device.start(Kind::Matrices, seconds + 5)?;
        let mut stream = Stream::start(self, "processes", "1s")?;
        let lines = stream.take(seconds)?;
        let line = lines.last().context("lines")?;
        let rows = line["gpu_processes"].as_array().cloned().unwrap_or_default();
        let own = rows.iter().find(|row| row["pid"] == load.child.id());
        let others: Vec<String> = rows
            .iter()
            .filter(|row| row["pid"] != load.child.id())
            .map(|row| row["name"].as_str().unwrap_or("").to_owned())
            .collect();
        let own = own.with_context(|| {
            format!("process {} is not among [{}]", load.child.id(), others.join(", "))
        })?;
        let share =
            own["utilization_ratio"].as_f64().context("its share of the time is missing")?;
        ensure!(share > 0.5, "its share of the time is {:.0} %", share * 100.0);
        let others = if others.is_empty() { "nobody".to_owned() } else { others.join(", ") };
        Ok(format!("its own number, {:.0} % of the time; beside it {others}", share * 100.0))
    }

    /// Memory of a process beside its own account: more by its context, and by no more than that.
    fn memory(&self, kind: Kind) -> Result<String> {
        let mut load = self.device.start(kind, self.device.seconds(15, 10))?;
        let mut stream = Stream::start(self, &format!("{kind:?}").to_lowercase(), "1s")?;
        let mut contexts = Vec::new();
        while let Some(held) = load.number()?.filter(|&held| held > 0.0) {
            let line = stream.next()?;
            if let Some(bytes) = of_process(&line, load.child.id(), "memory_bytes") {
                contexts.push(bytes - held);
            }
        }
        ensure!(contexts.len() > 5, "the process is in {} of the lists", contexts.len());
        contexts.sort_by(f64::total_cmp);
        let context = contexts[contexts.len() / 2] / f64::from(1 << 20);
        // A line may be a second, and a GiB, later than what it is held against.
        ensure!((-1024.0..2048.0).contains(&context), "{context:.0} MiB beyond its own account");
        Ok(format!("{context:.0} MiB beyond its own account"))
    }

    /// Whoever takes three quarters at the start fills nothing up.
    fn preallocation(&self) -> Result<String> {
        let seconds = self.device.seconds(75, 40);
        let load = self.device.start(Kind::Preallocates, seconds + 5)?;
        let mut stream = Stream::start(self, "preallocates", "1s")?;
        let lines = stream.take(seconds)?;
        let line = lines.last().context("lines")?;
        let held = of_process(line, load.child.id(), "memory_bytes").context("it is in no list")?;
        let total = device(line, "memory_total_bytes").context("no total")?;
        ensure!((0.6..0.95).contains(&(held / total)), "{:.0} % are held", 100.0 * held / total);
        quiet(&lines)?;
        Ok(format!("{:.0} % are held, without an alarm", 100.0 * held / total))
    }

    fn no_alarm(&self) -> Result<String> {
        let seconds = self.device.seconds(120, 60);
        let _load = self.device.start(Kind::Trains, seconds + 5)?;
        let mut stream = Stream::start(self, "trains", "1s")?;
        quiet(&stream.take(seconds)?)?;
        Ok(format!("none in {seconds} s"))
    }

    /// Told a minute before, with a band that holds the end.
    fn leak(&self) -> Result<String> {
        let mut load = self.device.start(Kind::Leaks, 160)?;
        let mut stream = Stream::start(self, "leaks", "1s")?;
        let began = Instant::now();
        let (mut told, mut band) = (None, None);
        while load.child.try_wait()?.is_none() && began.elapsed() < Duration::from_secs(420) {
            let line = stream.next()?;
            let now = began.elapsed().as_secs_f64();
            if level(&line).as_deref() == Some("critical") && told.is_none() {
                told = Some(now);
                let row = forecast(&line).context("a forecast")?;
                band = row["earliest_seconds"].as_f64().zip(row["latest_seconds"].as_f64());
            }
        }
        let end = began.elapsed().as_secs_f64();
        let free = load.number()?.context("it did not say what was free at its end")?;
        let lead = end - told.context("nothing was told")?;
        let (earliest, latest) = band.context("no band")?;
        ensure!(lead >= 55.0, "told {lead:.0} s before");
        ensure!(
            (earliest..=latest).contains(&lead),
            "{lead:.0} s are not within {earliest:.0} and {latest:.0}"
        );
        Ok(format!(
            "told {lead:.0} s before, between {earliest:.0} and {latest:.0}; {:.0} MiB were free at \
             the end",
            free / f64::from(1 << 20)
        ))
    }

    /// How much a loop of short kernels slows down while retop looks.
    fn disturbs(&self) -> Result<String> {
        let seconds = self.device.seconds(12, 5);
        let mut rates = Vec::new();
        for interval in [None, Some("1s"), Some("100ms")] {
            let mut load = self.device.start(Kind::Loops, seconds)?;
            let name = format!("loop-{}", interval.unwrap_or("alone"));
            let stream = interval.map(|every| Stream::start(self, &name, every)).transpose()?;
            let mut counts = Vec::new();
            while let Some(count) = load.number()?.filter(|&count| count > 0.0) {
                counts.push(count);
            }
            drop(stream);
            // The first second is that in which it warms up.
            rates.push(mean(counts.get(1..).unwrap_or(&[])));
        }
        let [alone, slow, fast] = rates[..] else { bail!("three of them") };
        ensure!(alone > 0.0, "it did nothing");
        let loss = |rate: f64| 100.0 * (1.0 - rate / alone);
        ensure!(loss(slow) < 2.0, "{:.1} % slower beside retop", loss(slow));
        Ok(format!(
            "{alone:.0} kernels a second; {:.1} % less beside retop at 1 s, {:.1} % at 100 ms",
            loss(slow),
            loss(fast)
        ))
    }
}

/// A number of a process on the first device.
fn of_process(line: &Value, pid: u32, field: &str) -> Option<f64> {
    line["gpu_processes"].as_array()?.iter().find(|row| row["pid"] == pid)?[field].as_f64()
}

fn quiet(lines: &[Value]) -> Result<()> {
    let alarms = lines.iter().filter(|line| level(line).is_some_and(|level| level != "none"));
    let count = alarms.count();
    ensure!(count == 0, "{count} seconds of alarm");
    Ok(())
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
