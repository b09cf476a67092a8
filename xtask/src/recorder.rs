//! What recording costs beside its peers, and what a crash costs it.

pub mod columns;
pub mod day;
pub mod segments;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use retop_engine::export::Arguments;
use retop_engine::recording::{Directory, Recorder, Recording, Settings, Sync};
use retop_engine::{Demand, RealClock, Roots, Rows, Ticker, open};
use retop_fake_machine::HandClock;
use retop_model::{Clock, FamilyId, Key, RawTable, Snapshot};
use rustix::time::{ClockId, clock_gettime};

use crate::bench::{machine, start_load};

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
    let mut text = machine();
    for lively in [false, true] {
        let below = folder.join(if lively { "lively" } else { "calm" });
        std::fs::create_dir_all(&below)?;
        let mut load = start_load(processes, lively)?;
        let measured = measure(&below, samples, lively);
        load.kill()?;
        load.wait()?;
        text += &measured?;
    }
    text += &reading(&folder.join("lively/retop"), &folder.join("day"))?;
    std::fs::remove_dir_all(&folder)?;
    println!("{text}");
    if options.contains(&"--write") {
        crate::bench::write(&crate::root().join("docs/performance.md"), "recording", &text)?;
    }
    Ok(())
}

fn measure(folder: &Path, samples: u64, lively: bool) -> Result<String> {
    let mut text = String::new();
    let recorded = folder.join("retop");
    let ours = ours(&recorded, samples)?;
    // Half a minute of each peer is enough: every sample of atop is a whole one.
    let short = samples.min(30);
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
    let (processes, changed) = changes(&recorded)?;
    let load = if lively { "The lively load" } else { "The load" };
    writeln!(
        text,
        "\n{load}: {processes:.0} processes, {changed:.0} of which change each second.\n"
    )?;
    text += "| program | bytes per sample | CPU ms per sample | of it encoding and writing |\n";
    text += "|---|---:|---:|---:|\n";
    for line in &lines {
        let write = line.write_ms.map_or("–".to_owned(), |ms| format!("{ms:.2}"));
        let Line { program, bytes, cpu_ms, .. } = line;
        writeln!(text, "| {program} | {bytes:.0} | {cpu_ms:.1} | {write} |")?;
    }
    Ok(text)
}

/// How many processes there are in a sample, and how many of them differ from the one before.
fn changes(recorded: &Path) -> Result<(f64, f64)> {
    let recording = Recording::open(recorded)?;
    let (mut samples, mut all, mut changed) = (0, 0, 0);
    let mut last: Option<Arc<RawTable>> = None;
    for sample in recording.samples(i64::MIN, i64::MAX) {
        let Some(now) = sample?.table(FamilyId::Process).cloned() else { continue };
        if let Some(last) = last.replace(Arc::clone(&now)) {
            let same = |(row, &key): (usize, &Key)| {
                last.find(key).is_some_and(|old| last.readings(old).eq(now.readings(row)))
            };
            samples += 1;
            all += now.len();
            changed += now.keys().iter().enumerate().filter(|&row| !same(row)).count();
        }
    }
    let mean = |sum: usize| sum as f64 / f64::from(samples.max(1));
    Ok((mean(all), mean(changed)))
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

/// How a day of it is read.
fn reading(recorded: &Path, folder: &Path) -> Result<String> {
    let day = day::measure(recorded, folder)?;
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let both = |times: &[Duration]| {
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        format!(
            "median {:.1} ms, longest {:.1} ms",
            ms(middle),
            ms(*times.last().unwrap_or(&middle))
        )
    };
    let mut text = String::new();
    writeln!(
        text,
        "\nThe same samples over and over make a day: {} samples in {:.0} MiB, {:.0} bytes each with \
         whole ones, indexes and previews. CPU time of any moment of it, whole, of 200: {}; with the folder \
         opened for it, {}. One after the other: {:.0} samples in a second of CPU time. A replay that jumps, steps, draws \
         the day and reads all of it takes {:.1} MiB at most.",
        day.frames,
        day.bytes as f64 / f64::from(1 << 20),
        day.bytes as f64 / day.frames as f64,
        both(&day.open),
        both(&day.fresh),
        day.per_second,
        day.peak_bytes as f64 / f64::from(1 << 20),
    )?;
    Ok(text)
}

/// A made-up machine, sample by sample.
struct Made {
    clock: Arc<HandClock>,
    ticker: Ticker,
}

impl Made {
    fn new() -> Result<Made> {
        let clock = Arc::new(HandClock::new(0, 1_800_000_000_000));
        let machine = open(Some("sim:small"), Roots::below(Path::new("/")))?;
        let ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
        Ok(Made { clock, ticker })
    }

    fn tick(&mut self) -> Arc<Snapshot> {
        self.clock.pass(1);
        self.ticker.tick()
    }
}

pub(crate) struct Random(u64);

impl Random {
    /// Another one in each run.
    pub(crate) fn new() -> Random {
        Random(u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Records a made-up machine as fast as it can, and says the number of each sample once it is
/// written.
pub fn child(folder: &str) -> Result<()> {
    let mut made = Made::new()?;
    let settings = Settings {
        arguments: Arguments::Full,
        sync: Sync::Never,
        segment_bytes: 200_000,
        max_bytes: 1 << 30,
        min_free: 0.0,
        ..Settings::default()
    };
    let directory = Directory::open(folder.as_ref())?;
    let mut recorder = Recorder::new(Box::new(directory), settings)?;
    let mut out = std::io::stdout();
    loop {
        recorder.push(&made.tick());
        // One write: a line that is there is whole.
        out.write_all(format!("{}\n", recorder.state().frames).as_bytes())?;
        out.flush()?;
    }
}

/// Kills a recorder at so many moments, and looks whether every sample that was written is there.
pub fn crash(count: &str) -> Result<()> {
    let count: usize = count.parse().context("crash takes a number of kills")?;
    let mut random = Random::new();
    let (mut acknowledged, mut found, mut torn) = (0u64, 0u64, 0usize);
    for turn in 0..count {
        let folder = folder(turn);
        std::fs::create_dir_all(&folder)?;
        let mut recorder = Command::new(std::env::current_exe()?)
            .args([CHILD, &folder.display().to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(recorder.stdout.take().context("piped")?);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        std::thread::sleep(Duration::from_micros(random.next() % 60_000));
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

/// Cuts a recording at so many random bytes, and looks whether every sample before is there.
pub fn cuts(count: &str) -> Result<()> {
    let count: usize = count.parse().context("cuts takes a number")?;
    let whole = folder(0);
    std::fs::create_dir_all(&whole)?;
    let mut made = Made::new()?;
    let settings =
        Settings { arguments: Arguments::Full, sync: Sync::Never, ..Settings::default() };
    let mut recorder = Recorder::new(Box::new(Directory::open(&whole)?), settings)?;
    (0..1_000).for_each(|_| recorder.push(&made.tick()));
    recorder.close();
    let segment = std::fs::read_dir(&whole)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some())
        .context("a segment")?;
    let bytes = std::fs::read(&segment)?;
    std::fs::remove_dir_all(&whole)?;
    // Where each record ends, and how many samples there are up to it, by the format alone.
    let length = |at: usize| -> Option<usize> {
        Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize)
    };
    let begin = 14 + length(6).context("a header")?;
    let (mut ends, mut at) = (Vec::new(), begin);
    while let Some(length) = length(at).filter(|_| bytes.len() - at > 8) {
        let frame = matches!(bytes.get(at + 8), Some(1 | 2));
        at += 8 + length;
        ends.push((at, frame));
    }
    let cut_folder = folder(1);
    std::fs::create_dir_all(&cut_folder)?;
    let file = cut_folder.join(segment.file_name().context("a name")?);
    let (mut random, mut before, mut found) = (Random::new(), 0u64, 0u64);
    for turn in 0..count {
        // One in ten within the header.
        let range = if turn % 10 == 0 { begin } else { bytes.len() };
        let cut = usize::try_from(random.next() % (range as u64 + 1))?;
        std::fs::write(&file, bytes.get(..cut).unwrap_or_default())?;
        let whole = ends.iter().filter(|&&(end, frame)| frame && end <= cut).count() as u64;
        let recording = Recording::open(&cut_folder).with_context(|| format!("cut at {cut}"))?;
        let mut samples = 0;
        for sample in recording.samples(i64::MIN, i64::MAX) {
            sample.with_context(|| format!("cut at {cut}"))?;
            samples += 1;
        }
        if samples != whole {
            bail!("cut at {cut}: {whole} samples are before it and {samples} were read");
        }
        (before, found) = (before + whole, found + samples);
    }
    std::fs::remove_dir_all(&cut_folder)?;
    println!(
        "{count} cuts of {} bytes: {before} samples stand before them, {found} were read",
        bytes.len()
    );
    Ok(())
}

/// A day at full speed into a folder that may take 16 MiB.
pub fn retention() -> Result<()> {
    const MOST: u64 = 16 << 20;
    const SEGMENT: u64 = 1 << 20;
    let folder = folder(2);
    std::fs::create_dir_all(&folder)?;
    let mut made = Made::new()?;
    let settings = Settings {
        arguments: Arguments::Full,
        sync: Sync::Never,
        max_bytes: MOST,
        min_free: 0.0,
        segment_bytes: SEGMENT,
        ..Settings::default()
    };
    let mut recorder = Recorder::new(Box::new(Directory::open(&folder)?), settings)?;
    let (mut largest, mut resident) = (0, Vec::new());
    for second in 0..86_400 {
        recorder.push(&made.tick());
        let _ = recorder.notes().count();
        if second % 60 == 59 {
            let files = std::fs::read_dir(&folder)?.flatten();
            let bytes = files.filter_map(|file| Some(file.metadata().ok()?.len())).sum();
            largest = u64::max(largest, bytes);
            if bytes > MOST + SEGMENT + SEGMENT / 10 {
                bail!("{bytes} bytes after {second} s");
            }
        }
        if second % 10_800 == 10_799 {
            let status = std::fs::read_to_string("/proc/self/status")?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            resident.push(line.unwrap_or_default().trim().to_owned());
        }
    }
    recorder.close();
    std::fs::remove_dir_all(&folder)?;
    println!(
        "86400 samples, {} bytes written; the folder held {largest} at most of {MOST} with segments \
         of {SEGMENT}; memory each three hours: {}",
        recorder.state().bytes,
        resident.join(", ")
    );
    Ok(())
}
