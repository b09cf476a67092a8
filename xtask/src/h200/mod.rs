//! retop on a real Hopper: what it says beside what `nvidia-smi`, arithmetic and known loads say, and
//! what the driver does that nobody has written down.
//!
//! Ten minutes on a machine with one H100 or H200, its driver, and PyTorch (and JAX) for the loads;
//! what is not there is left out, and said to be, and what fails does so alone. It reads only: clocks,
//! power limits and modes stay as they are. Everything that retop said is kept, as lines and as
//! scenarios of the made-up driver. `--pack FOLDER` puts the program and this chore into a folder that
//! is carried to a machine without network and without Rust: `FOLDER/xtask h200` there is all.
//! `--fake` plays all of it on the made-up driver, which tests this chore and nothing else: it has not
//! run on real hardware yet.

mod kept;
mod loads;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use self::loads::{AT_REST, Device, Kind, Load, Need};

/// All of it takes no longer: what would is left out.
const LONGEST: Duration = Duration::from_secs(600);

/// Runs all of it.
pub fn run(options: &[&str]) -> Result<()> {
    if let Some(folder) = crate::option(options, "--pack")? {
        return pack(Path::new(folder));
    }
    let fake = options.contains(&"--fake");
    let binary = binary(options)?;
    let name = if fake { "h200-fake" } else { "h200" };
    let folder = match crate::option(options, "--out")? {
        Some(folder) => PathBuf::from(folder),
        // Carried to another machine it has no workspace.
        None if crate::root().is_dir() => crate::root().join("target").join(name),
        None => PathBuf::from(name),
    };
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let only = crate::option(options, "--only")?.map(str::to_owned);
    let base = std::env::temp_dir().join(format!("retop-h200-{}", std::process::id()));
    let device = if fake {
        crate::bench::gpus::machine(&base, Some(AT_REST))?;
        Device::Made(base.clone())
    } else {
        Device::real()
    };
    let name = device.smi("name,driver_version").map(|words| words.join(", "));
    println!("{}", name.unwrap_or_else(|error| format!("a device without a name: {error:#}")));
    let failed = Trial { binary, folder, device, began: Instant::now() }.all(only.as_deref());
    let _ = fs::remove_dir_all(base);
    ensure!(failed == 0, "{failed} of them failed");
    Ok(())
}

/// The program: that which was named, that which lies beside this one, else a new one.
fn binary(options: &[&str]) -> Result<PathBuf> {
    if let Some(path) = crate::option(options, "--binary")? {
        return Ok(PathBuf::from(path));
    }
    let beside = std::env::current_exe()?.with_file_name("retop");
    let carried = std::env::var_os("CARGO").is_none() && beside.is_file();
    if carried { Ok(beside) } else { crate::release() }
}

/// Puts what has to be carried into a folder.
fn pack(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let retop = crate::release()?;
    crate::must(crate::cargo().args(["build", "--release", "--package", "xtask"]))?;
    for (from, name) in [(retop.clone(), "retop"), (retop.with_file_name("xtask"), "xtask")] {
        fs::copy(&from, folder.join(name)).with_context(|| from.display().to_string())?;
    }
    println!("carry {0} there and run {0}/xtask h200 --out {0}/out", folder.display());
    Ok(())
}

struct Trial {
    binary: PathBuf,
    folder: PathBuf,
    device: Device,
    began: Instant,
}

/// What is tried, what it needs, and the seconds that it takes.
type Case = (&'static str, Need, u64, fn(&Trial) -> Result<String>);

const BUSY: Need = Need::Load(Kind::Matrices);

const CASES: [Case; 20] = [
    ("values", Need::Smi, 10, Trial::values),
    ("memory in two versions", Need::Python, 5, Trial::arithmetic),
    ("fields", Need::Python, 5, Trial::fields),
    ("energy counter", Need::Python, 12, Trial::counter),
    ("energy", Need::Nothing, 25, Trial::energy),
    ("lists", Need::Python, 5, Trial::lists),
    ("PCI Express", Need::Python, 5, Trial::pcie),
    ("calls", Need::Nothing, 25, |trial| trial.calls(None)),
    ("calls, busy", BUSY, 25, |trial| trial.calls(Some(Kind::Matrices))),
    ("matrices", BUSY, 25, |trial| {
        trial.activity(Kind::Matrices, "tensor_ratio", |share| share > 0.6)
    }),
    ("elements", Need::Load(Kind::Elements), 25, |trial| {
        trial.activity(Kind::Elements, "tensor_ratio", |share| share < 0.02)
    }),
    ("cycles by whoever asks", Need::Python, 20, Trial::cycles),
    ("processes", BUSY, 25, Trial::processes),
    ("memory", Need::Load(Kind::Allocates), 20, |trial| trial.memory(Kind::Allocates)),
    ("memory, expandable", Need::Load(Kind::AllocatesExpandable), 20, |trial| {
        trial.memory(Kind::AllocatesExpandable)
    }),
    ("time to visibility", Need::Load(Kind::Loops), 10, Trial::visible),
    ("preallocation", Need::Load(Kind::Preallocates), 50, Trial::preallocation),
    ("a leak", Need::Load(Kind::Leaks), 180, Trial::leak),
    ("no false alarm", Need::Load(Kind::Trains), 70, Trial::no_alarm),
    ("a loop beside others", Need::Load(Kind::Loops), 70, Trial::disturbs),
];

/// A stream of retop, kept in a file as well.
struct Stream {
    lines: Load,
    kept: fs::File,
}

impl Stream {
    fn start(trial: &Trial, name: &str, interval: &str) -> Result<Stream> {
        let mut command = Command::new(&trial.binary);
        command
            .args(["--json", "--interval", interval, "--processes", "0"])
            .args(trial.device.root());
        let kept = fs::File::create(trial.folder.join(format!("{name}.ndjson")))?;
        Ok(Stream { lines: Load::start(&mut command)?, kept })
    }

    fn next(&mut self) -> Result<Value> {
        let line = self.lines.line()?.context("the stream ended")?;
        writeln!(self.kept, "{line}")?;
        Ok(serde_json::from_str(&line)?)
    }

    fn take(&mut self, count: usize) -> Result<Vec<Value>> {
        (0..count).map(|_| self.next()).collect()
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
    /// Tries everything, or what has that in its name, says how it went, and gives how much of it
    /// failed.
    fn all(&self, only: Option<&str>) -> usize {
        let mut failed = 0;
        let cases = CASES.iter().filter(|(name, ..)| only.is_none_or(|only| name.contains(only)));
        for &(name, need, seconds, case) in cases {
            if let Some(missing) = self.device.lacks(need) {
                println!("left out  {name}: {missing}");
                continue;
            }
            let left = LONGEST.saturating_sub(self.began.elapsed()).as_secs();
            if left < seconds {
                println!(
                    "left out  {name}: {left} s are left of ten minutes, and it takes {seconds}"
                );
                continue;
            }
            self.rest();
            let began = Instant::now();
            let outcome = case(self);
            let taken = began.elapsed().as_secs();
            match outcome {
                Ok(text) => println!("holds     {name}: {text} ({taken} s)"),
                Err(error) => {
                    failed += 1;
                    println!("FAILS     {name}: {error:#} ({taken} s)");
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
        let lines = stream.take(self.device.seconds(21, 11))?;
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
    fn calls(&self, load: Option<Kind>) -> Result<String> {
        let name = if load.is_some() { "calls-busy" } else { "calls" };
        let seconds = self.device.seconds(21, 8);
        let _load = load.map(|kind| self.device.start(kind, seconds + 5)).transpose()?;
        let mut stream = Stream::start(self, name, "1s")?;
        let lines = stream.take(seconds)?;
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
        fs::write(self.folder.join(format!("{name}.txt")), &text)?;
        // The dearest; all of them are in the file.
        text.lines().take(6).for_each(|line| println!("          {line}"));
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
        let seconds = self.device.seconds(40, 40);
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
        let seconds = self.device.seconds(60, 60);
        let _load = self.device.start(Kind::Trains, seconds + 5)?;
        let mut stream = Stream::start(self, "trains", "1s")?;
        quiet(&stream.take(seconds)?)?;
        Ok(format!("none in {seconds} s"))
    }

    /// Told a minute before, with a band that holds the end.
    fn leak(&self) -> Result<String> {
        let mut load = self.device.start(Kind::Leaks, 140)?;
        // Once it has taken what others would hold, the rest leaks.
        load.number()?.context("it did not begin")?;
        let mut stream = Stream::start(self, "leaks", "1s")?;
        let began = Instant::now();
        let (mut told, mut band) = (None, None);
        while load.child.try_wait()?.is_none() && began.elapsed() < Duration::from_secs(240) {
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

    /// How much a loop of short kernels slows down while somebody has the library open, asks what
    /// retop asks at three paces, and beside retop itself.
    fn disturbs(&self) -> Result<String> {
        let seconds = self.device.seconds(7, 4);
        let pace = |load: &mut Load| -> Result<f64> {
            let mut counts = Vec::new();
            while let Some(count) = load.number()?.filter(|&count| count > 0.0) {
                counts.push(count);
            }
            // The first second is that in which it warms up.
            let rate = mean(counts.get(1..).unwrap_or(&[]));
            ensure!(rate > 0.0, "it did nothing");
            Ok(rate)
        };
        let alone = pace(&mut self.device.start(Kind::Loops, seconds)?)?;
        let loss = |rate: f64| 100.0 * (1.0 - rate / alone);
        let mut text = format!("{alone:.0} kernels a second alone; slower by");
        for hertz in [0, 1, 4, 20] {
            let mut load = self.device.start(Kind::Loops, seconds)?;
            let numbers = [hertz, 100].map(|number| number.to_string());
            let _asks = loads::start_probe(&self.device.library(), "hold", &numbers)?;
            text += &format!(" {:.1} % at {hertz} Hz,", loss(pace(&mut load)?));
        }
        let mut load = self.device.start(Kind::Loops, seconds)?;
        let _stream = Stream::start(self, "loop-1s", "1s")?;
        let slower = loss(pace(&mut load)?);
        ensure!(slower < 2.0, "{text} and {slower:.1} % beside retop");
        Ok(format!("{text} and {slower:.1} % beside retop"))
    }

    /// What a probe finds, kept in a file as well.
    fn probe(&self, name: &str, numbers: &[&str]) -> Result<Value> {
        let numbers: Vec<String> = numbers.iter().map(|&number| number.to_owned()).collect();
        let found = loads::probe(&self.device.library(), name, &numbers)?;
        let file = self.folder.join(format!("{name}{}.json", numbers.concat()));
        fs::write(file, format!("{found:#}\n"))?;
        Ok(found)
    }

    fn arithmetic(&self) -> Result<String> {
        let found = self.probe("memory", &[])?;
        ensure!(found["adds_up"] == true, "parts and whole differ: {found}");
        ensure!(found["first_counts_reserved"] == true, "version 1 says something else: {found}");
        Ok(format!("of {} MiB {} are kept", found["total_mib"], found["reserved_mib"]))
    }

    fn fields(&self) -> Result<String> {
        let found = self.probe("fields", &[])?;
        let [average, now] = ["185", "186"].map(|id| found["values"][id].as_f64());
        let watts = |milliwatts: Option<f64>| milliwatts.map_or(f64::NAN, |value| value / 1e3);
        Ok(format!(
            "13 in one call take {} us, one by one {}; {:.1} W on average, {:.1} W now; without {}",
            found["batch"]["p50_us"],
            found["single"]["p50_us"],
            watts(average),
            watts(now),
            found["codes"]
        ))
    }

    fn counter(&self) -> Result<String> {
        let found = self.probe("energy", &[])?;
        let period = found["period_ms"].as_f64().context("no period")?;
        ensure!(period > 0.0, "{found}");
        Ok(format!("moves every {period:.1} ms, {} changes seen", found["changes"]))
    }

    fn lists(&self) -> Result<String> {
        let found = self.probe("lists", &[])?;
        if found["code"] != 0 {
            return Ok(format!("the one list answers {}; three {}", found["code"], found["three"]));
        }
        ensure!(found["same"] == true, "they differ: {found}");
        let [one, three] = ["one", "three"].map(|way| &found[way]["p50_us"]);
        Ok(format!("one of all takes {one} us, three take {three}, and both say the same"))
    }

    fn pcie(&self) -> Result<String> {
        let found = self.probe("pcie", &[])?;
        let counted = found["counted_bytes_per_second"][0].as_f64();
        let counted = counted.context("fields 197 and 198 are missing")?;
        Ok(format!(
            "{counted:.0} B/s by the counter, {} by the call, which takes {} us",
            found["throughput_bytes_per_second"], found["throughput"]["p50_us"]
        ))
    }

    /// Shares of cycles for root and for nobody: only root may change who it is.
    fn cycles(&self) -> Result<String> {
        let busy = self.device.lacks(BUSY).is_none();
        let _load = busy.then(|| self.device.start(Kind::Matrices, 20)).transpose()?;
        if matches!(self.device, Device::Real { .. }) && busy {
            std::thread::sleep(Duration::from_secs(8));
        }
        let told = |found: &Value| match found["sample_code"].as_u64() {
            Some(0) => format!(
                "tensor {} %, {} us a sample, {} in one call, {} one by one",
                found["metrics"]["5"],
                found["sample"]["p50_us"],
                found["batch"]["p50_us"],
                found["single"]["p50_us"]
            ),
            code => format!("code {code:?}"),
        };
        let own = self.probe("gpm", &[])?;
        let allowed = own["sample_code"] == 0;
        ensure!(!allowed || own["same_single"] == true, "one call and several differ: {own}");
        let text = format!("as user {}: {}", own["user"], told(&own));
        if own["user"] != 0 {
            return Ok(format!("{text}; not root, so that nobody else was tried"));
        }
        // What a module needs may be out of reach of nobody.
        let nobody = self.probe("gpm", &["--nobody"]);
        Ok(format!("{text}; as nobody: {}", nobody.map_or_else(|e| e.to_string(), |n| told(&n))))
    }

    /// How long after it was taken memory is told of. Which of two calls tells shares of time is seen
    /// beside it.
    fn visible(&self) -> Result<String> {
        let load = self.device.start(Kind::Loops, 30)?;
        let own = load.child.id().to_string();
        let found = match self.device {
            Device::Real { .. } => self.probe("visible", &[])?,
            // The load itself takes it, a second after the library was opened.
            Device::Made(_) => self.probe("visible", &[&own, "1"])?,
        };
        let device = found["device_ms"].as_f64().context("the device never told of it")?;
        let process = found["process_ms"].as_f64();
        let process = process.map_or("never".to_owned(), |ms| format!("after {ms:.1} ms"));
        let samples = self.probe("samples", &[])?;
        Ok(format!(
            "of the device after {device:.1} ms, of the process {process}; samples of the old call \
             {}, of the new one {}",
            samples["old"], samples["new"]
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

    /// A made-up device on which each look at the clock takes a millisecond.
    fn made(name: &str, scenario: &str) -> (PathBuf, PathBuf) {
        let folder = format!("retop-probe-{name}-{}", std::process::id());
        let base = std::env::temp_dir().join(folder);
        fs::create_dir_all(&base).expect("a folder");
        retop_fake_nvml::install(&base, scenario, &[]).expect("installed");
        fs::write(base.join("clock"), "+0.001").expect("written");
        let library = base.join("libnvidia-ml.so.1");
        (base, library)
    }

    #[test]
    fn probes_find_what_is_so() {
        if !loads::has_python() {
            return eprintln!("python3 is not here: nothing is tried");
        }
        let scenario = "driver = \"580.65.06\"\n[[device]]\npower_watts = 400\n\
                        energy_period_ms = 100\ngpm = true\ntensor_percent = 62.5\n\
                        memory_temperature_celsius = 71\nreasons = 4\n\
                        [[device.process]]\npid = 71\nmemory_mib = 1000\nsm_percent = 40\n\
                        [[device.process]]\npid = 72\nlists = [\"graphics\"]\nmemory_mib = 24\n";
        let (base, library) = made("finds", scenario);
        let ask = |name: &str, numbers: &[&str]| {
            let numbers: Vec<String> = numbers.iter().map(|&word| word.to_owned()).collect();
            loads::probe(&library, name, &numbers)
        };
        let energy = ask("energy", &[]).expect("found");
        let near = |value: &Value, expected: f64| {
            value.as_f64().is_some_and(|value| (value - expected).abs() < expected * 0.01)
        };
        assert!(near(&energy["period_ms"], 100.0) && near(&energy["watts"], 400.0), "{energy}");
        let memory = ask("memory", &[]).expect("found");
        assert_eq!((&memory["used_mib"], &memory["reserved_mib"]), (&1024.into(), &614.into()));
        assert!(memory["adds_up"] == true && memory["first_counts_reserved"] == true, "{memory}");
        let lists = ask("lists", &[]).expect("found");
        assert!(lists["same"] == true && lists["processes"] == 2, "{lists}");
        let fields = ask("fields", &[]).expect("found");
        assert_eq!(
            (&fields["values"]["82"], &fields["values"]["186"]),
            (&71.into(), &400_000.into())
        );
        assert!(
            fields["held_down"]["251"] == 0 && fields["held_down"]["269"].is_null(),
            "{fields}"
        );
        let gpm = ask("gpm", &["0"]).expect("found");
        assert!(gpm["same_single"] == true && near(&gpm["metrics"]["5"], 62.5), "{gpm}");
        let samples = ask("samples", &["0"]).expect("found");
        assert_eq!(samples["new"]["code"], samples["old"]["code"], "both know it: {samples}");
        let held = ask("hold", &["1000", "0.05"]).expect("found");
        assert!(held["rounds"].as_u64().is_some_and(|rounds| rounds > 0), "{held}");
        fs::remove_dir_all(base).expect("removed");
    }

    #[test]
    fn a_probe_that_is_refused_says_by_what() {
        if !loads::has_python() {
            return eprintln!("python3 is not here: nothing is tried");
        }
        for (scenario, probe, word) in [
            ("init = 9", "memory", "nvmlInit_v2 answers 9"),
            ("driver = \"470.1\"\n[[device]]\n", "memory", "nvmlDeviceGetMemoryInfo_v2 answers 13"),
            (
                "[[device]]\n[[fault]]\nsymbol = \"nvmlDeviceGetFieldValues\"\ncode = 999\n",
                "energy",
                "nvmlDeviceGetFieldValues answers 999",
            ),
        ] {
            let (base, library) = made("refused", scenario);
            let error = loads::probe(&library, probe, &[]).expect_err("refused");
            assert_eq!(error.to_string(), word);
            fs::remove_dir_all(base).expect("removed");
        }
        let absent = loads::probe(Path::new("/nonexistent/lib.so"), "memory", &[]);
        assert!(absent.expect_err("absent").to_string().contains("/nonexistent/lib.so"));
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
