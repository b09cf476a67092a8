//! What recording costs beside its peers, and what a crash costs it.

pub mod columns;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use retop_engine::export::Arguments;
use retop_engine::recording::{Directory, Recorder, Recording, Settings, Sync};
use retop_engine::{Demand, RealClock, Roots, Rows, Ticker, open};
use retop_model::{Clock, Stamp};
use rustix::time::{ClockId, clock_gettime};

use crate::bench::{machine, start_load};
use crate::bless::between;

/// First argument of the recorder that is killed.
pub const CHILD: &str = "crash-child";

/// CPU time of this thread.
fn thread_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// What one program gave.
struct Line {
    program: String,
    bytes: f64,
    /// CPU ms per sample, and that of writing alone.
    cpu_ms: f64,
    write_ms: Option<f64>,
}

/// Records the same load with each program in turn.
pub fn bench(options: &[&str]) -> Result<()> {
    let processes: usize = crate::option(options, "--processes")?.unwrap_or("2000").parse()?;
    let samples: u64 = crate::option(options, "--samples")?.unwrap_or("240").parse()?;
    let folder = std::env::temp_dir().join(format!("retop-record-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut load = start_load(processes)?;
    let text = measure(&folder, processes, samples);
    load.kill()?;
    load.wait()?;
    std::fs::remove_dir_all(&folder)?;
    let text = text?;
    println!("{text}");
    if options.contains(&"--write") {
        let path = crate::root().join("docs/performance.md");
        let page = std::fs::read_to_string(&path)?;
        let page = between(&page, "recording", &text).context("no markers for recordings")?;
        std::fs::write(&path, page)?;
    }
    Ok(())
}

fn measure(folder: &Path, processes: usize, samples: u64) -> Result<String> {
    let mut text = machine();
    let recorded = folder.join("retop");
    let ours = ours(&recorded, samples)?;
    // A minute of each peer is enough: every sample of atop is a whole one.
    let short = samples.min(60);
    let atop = folder.join("atop.raw");
    let atop_command = ["atop", "-a", "-w", &atop.display().to_string(), "1", &short.to_string()]
        .map(str::to_owned);
    let sadc = folder.join("sadc.raw");
    let sadc_command = [
        "/usr/lib/sysstat/sadc",
        "-S",
        "XALL",
        "1",
        &short.to_string(),
        &sadc.display().to_string(),
    ]
    .map(str::to_owned);
    let mut lines = vec![ours];
    for (name, command, file) in
        [("atop -a -w", &atop_command[..], &atop), ("sadc -S XALL", &sadc_command[..], &sadc)]
    {
        match peer(name, command, file, short) {
            Ok(line) => lines.push(line),
            Err(error) => eprintln!("{name}: {error:#}"),
        }
    }
    writeln!(text, "\n{processes} made-up processes, one sample a second.\n")?;
    text += "| program | bytes per sample | CPU ms per sample | of it encoding and writing |\n";
    text += "|---|---:|---:|---:|\n";
    for line in &lines {
        let write = line.write_ms.map_or("–".to_owned(), |ms| format!("{ms:.2}"));
        let Line { program, bytes, cpu_ms, .. } = line;
        writeln!(text, "| {program} | {bytes:.0} | {cpu_ms:.1} | {write} |")?;
    }
    text += &reading(&recorded)?;
    Ok(text)
}

/// A recorder in this process, so that reading and writing are told apart.
fn ours(folder: &Path, samples: u64) -> Result<Line> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let machine = open(None, Roots::below(Path::new("/")))?;
    let mut ticker = Ticker::live(machine, Arc::clone(&clock));
    let mut demand = Demand::everything();
    demand.processes.memory = Rows::Active;
    demand.processes.status = Rows::Active;
    ticker.set_demand(demand);
    let settings = Settings { min_free: 0.0, ..Settings::default() };
    let mut recorder = Recorder::new(Box::new(Directory::open(folder)?), settings)?;
    let (mut read_ns, mut write_ns, mut first_bytes, mut counted) = (0, 0, 0, 0);
    let start = Instant::now();
    for sample in 0..=samples {
        let begun = thread_ns();
        let moment = ticker.tick();
        let read = thread_ns();
        recorder.push(&moment);
        let written = thread_ns();
        // The first sample reads and writes what no other does.
        if sample == 0 {
            first_bytes = recorder.state().bytes;
        } else {
            read_ns += read - begun;
            write_ns += written - read;
            counted += 1;
        }
        let due = start + Duration::from_secs(sample + 1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let bytes = recorder.state().bytes - first_bytes;
    recorder.close();
    let per = |total: u64| total as f64 / counted as f64;
    Ok(Line {
        program: format!("retop record {}", env!("CARGO_PKG_VERSION")),
        bytes: per(bytes),
        cpu_ms: per(read_ns + write_ns) / 1e6,
        write_ms: Some(per(write_ns) / 1e6),
    })
}

fn peer(name: &str, command: &[String], file: &Path, samples: u64) -> Result<Line> {
    let (program, arguments) = command.split_first().context("a program")?;
    let before = children_ns();
    let mut child: Child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let status = child.wait()?;
    if !status.success() {
        bail!("{status}");
    }
    let cpu_ns = children_ns() - before;
    let bytes = std::fs::metadata(file)?.len();
    let per = |total: u64| total as f64 / samples as f64;
    Ok(Line {
        program: name.to_owned(),
        bytes: per(bytes),
        cpu_ms: per(cpu_ns) / 1e6,
        write_ms: None,
    })
}

/// CPU time of children that have ended, in ticks of the kernel.
fn children_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = fields.split_whitespace().skip(13);
    let ticks = |word: Option<&str>| word.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    let all = ticks(fields.next()) + ticks(fields.next());
    all * 1_000_000_000 / rustix::param::clock_ticks_per_second()
}

/// How fast the recording that was made is read.
fn reading(folder: &Path) -> Result<String> {
    let recording = Recording::open(folder)?;
    let range = recording.range()?.context("samples")?;
    let mut times = Vec::new();
    let span = range.end - range.start;
    for step in 0..100i64 {
        // A stride that is prime to everything: all places of key intervals.
        let at = range.start + (step * 7_919_777) % span;
        let begun = Instant::now();
        let recording = Recording::open(folder)?;
        let found = recording.asof(at)?;
        times.push(begun.elapsed());
        if found.is_none() {
            bail!("nothing at {at}");
        }
    }
    times.sort();
    let begun = Instant::now();
    let mut frames = 0;
    for sample in recording.samples(i64::MIN, i64::MAX) {
        sample?;
        frames += 1;
    }
    let raw = f64::from(frames) / begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    for moment in recording.moments(i64::MIN, i64::MAX) {
        moment?;
    }
    let derived = f64::from(frames) / begun.elapsed().as_secs_f64();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let mut text = String::new();
    writeln!(
        text,
        "\nOpening the folder and decoding any moment: median {:.1} ms, longest {:.1} ms of 100. One \
         after the other: {raw:.0} samples a second, {derived:.0} moments with what they are compared \
         with.",
        ms(times[times.len() / 2]),
        ms(times[times.len() - 1]),
    )?;
    Ok(text)
}

/// A second passes whenever it is told to.
#[derive(Default)]
struct Script(AtomicU64);

impl Clock for Script {
    fn now(&self) -> Stamp {
        let ns = self.0.load(Ordering::Relaxed);
        let wall_ms = 1_800_000_000_000 + i64::try_from(ns / 1_000_000).unwrap_or(0);
        Stamp { wall_ms, monotonic_ns: ns, boottime_ns: ns }
    }
}

/// Records a made-up machine as fast as it can, and says the number of each sample once it is
/// written.
pub fn child(folder: &str) -> Result<()> {
    let clock = Arc::new(Script::default());
    let machine = open(Some("sim:small"), Roots::below(Path::new("/")))?;
    let mut ticker = Ticker::lockstep(machine, Arc::<Script>::clone(&clock));
    let settings = Settings {
        arguments: Arguments::Full,
        sync: Sync::Never,
        segment_bytes: 200_000,
        max_bytes: 1 << 30,
        ..Settings::default()
    };
    let directory = Directory::open(folder.as_ref())?;
    let mut recorder = Recorder::new(Box::new(directory), settings)?;
    let mut out = std::io::stdout();
    loop {
        clock.0.fetch_add(1_000_000_000, Ordering::Relaxed);
        recorder.push(&ticker.tick());
        // One write: a line that is there is whole.
        out.write_all(format!("{}\n", recorder.state().frames).as_bytes())?;
        out.flush()?;
    }
}

/// Kills a recorder at so many moments, and looks whether every sample that was written is there.
pub fn crash(count: &str) -> Result<()> {
    let count: usize = count.parse().context("crash takes a number of kills")?;
    let mut random = std::process::id() as u64 | 1;
    let (mut acknowledged, mut found, mut torn) = (0u64, 0u64, 0usize);
    for turn in 0..count {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let folder = folder(turn);
        std::fs::create_dir_all(&folder)?;
        let mut recorder = Command::new(std::env::current_exe()?)
            .args([CHILD, &folder.display().to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(recorder.stdout.take().context("piped")?);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        std::thread::sleep(Duration::from_micros(random % 60_000));
        recorder.kill()?;
        recorder.wait()?;
        let mut said: u64 = line.trim().parse().context("a number")?;
        line.clear();
        while lines.read_line(&mut line)? > 0 {
            if let (true, Ok(number)) = (line.ends_with('\n'), line.trim().parse()) {
                said = number;
            }
            line.clear();
        }
        let recording = Recording::open(&folder)?;
        let mut frames = 0;
        for sample in recording.samples(i64::MIN, i64::MAX) {
            sample.with_context(|| format!("kill {turn}"))?;
            frames += 1;
        }
        if frames < said || frames > said + 1 {
            bail!("kill {turn}: {said} samples were written and {frames} are there");
        }
        // Whatever is behind the last whole record was being written.
        let bytes: u64 = std::fs::read_dir(&folder)?
            .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
            .sum();
        torn += usize::from(frames > said || bytes == 0);
        // The lock is free again, whatever became of its owner.
        drop(Directory::open(&folder)?);
        std::fs::remove_dir_all(&folder)?;
        (acknowledged, found) = (acknowledged + said, found + frames);
    }
    println!(
        "{count} kills: {acknowledged} samples were said to be written, {found} are there; \
         {torn} were written and not said yet"
    );
    Ok(())
}

fn folder(turn: usize) -> PathBuf {
    std::env::temp_dir().join(format!("retop-crash-{}-{turn}", std::process::id()))
}
