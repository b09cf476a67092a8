//! A folder of thousands of segments: what opening, seeking, asking and clearing it cost.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use retop_engine::history::{Buckets, Past};
use retop_engine::recording::{Directory, Recorder, Recording, Replay, Settings, Sync};
use retop_model::family::{cpu, host};
use retop_model::{FamilyId, Key, RawSample, RawTable, Snapshot, Stamp, Window, derive};

use super::thread_ns;
use crate::bench::cost::peak_bytes;

/// First argument of the program that does one thing with a folder and says what it took.
pub const READER: &str = "segments-reader";

/// Key intervals of an hour.
const KEYS: u64 = 30;
/// A sample stands for a key interval: each is as after a sleep, and so a key frame.
const STEP_NS: u64 = 120_000_000_000;
const BEGIN_MS: i64 = 1_700_000_000_000;

/// What is done with the folder, each by a program of its own.
const DEEDS: [&str; 6] = ["open", "seek", "replay", "refresh", "read", "clear"];

/// Makes so many segments, each with the index of an hour, and looks at them.
pub fn run(count: &str) -> Result<()> {
    let count: u64 = count.parse().context("segments takes a number")?;
    let folder = std::env::temp_dir().join(format!("retop-segments-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let begun = Instant::now();
    write(&folder, count)?;
    let bytes: u64 =
        std::fs::read_dir(&folder)?.flatten().filter_map(|f| Some(f.metadata().ok()?.len())).sum();
    println!(
        "{count} segments of an hour's index, {} MiB, made in {:.1?}",
        bytes >> 20,
        begun.elapsed()
    );
    for deed in DEEDS {
        let output =
            Command::new(std::env::current_exe()?).args([READER, deed]).arg(&folder).output()?;
        print!("{}", String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            bail!("{deed}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The sample of that number: little, but its times and counters are those of its place.
fn sample(number: u64, last: Option<&Snapshot>) -> Snapshot {
    let ns = number * STEP_NS;
    let wall_ms = BEGIN_MS + i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX);
    // The machine slept between them.
    let mut raw =
        RawSample::new(Stamp { wall_ms, monotonic_ns: number * 1_000_000_000, boottime_ns: ns });
    let window = Window { begin_ns: number * 1_000_000_000, end_ns: number * 1_000_000_000 };
    let mut table = RawTable::new(FamilyId::Host);
    table.push(Key::ONE).text(host::name, "shed").text(host::boot_id, "1");
    table.finish(window);
    raw.put(Arc::new(table));
    let mut table = RawTable::new(FamilyId::Cpu);
    let spent = i64::try_from(number).unwrap_or(0) * 1_000_000;
    table.push(Key::ONE).set(cpu::user_seconds, spent).set(cpu::idle_seconds, spent * 3);
    table.finish(window);
    raw.put(Arc::new(table));
    derive(last, Arc::new(raw))
}

fn write(folder: &Path, count: u64) -> Result<()> {
    let settings = Settings {
        sync: Sync::Never,
        min_free: 0.0,
        max_bytes: u64::MAX,
        max_age: Duration::MAX,
        ..Settings::default()
    };
    let mut recorder = Recorder::new(Box::new(Directory::open(folder)?), settings)?;
    let mut last: Option<Snapshot> = None;
    for number in 0..count * KEYS {
        let now = sample(number, last.as_ref());
        recorder.push(&now);
        last = Some(now);
    }
    recorder.close();
    match recorder.state().lost {
        0 => Ok(()),
        lost => bail!("{lost} samples could not be written"),
    }
}

/// Does one thing with the folder, and says what it took.
pub fn read(deed: &str, folder: &str) -> Result<()> {
    let folder: &Path = folder.as_ref();
    let (begun, cpu_begun) = (Instant::now(), thread_ns());
    let more = match deed {
        "open" => {
            let recording = Recording::open(folder)?;
            format!(
                "{} segments, {:?}",
                recording.segments(),
                recording.range()?.context("samples")?
            )
        }
        "seek" => {
            let recording = Recording::open(folder)?;
            let range = recording.range()?.context("samples")?;
            let middle = range.start + (range.end - range.start) / 2;
            recording.asof(middle)?.context("a moment")?;
            format!("{} descriptors", descriptors()?)
        }
        "replay" => {
            let recording = Recording::open(folder)?;
            let range = recording.range()?.context("samples")?;
            let replay = Replay::open(recording)?;
            let opened = Instant::now();
            replay.newest().context("a moment")?;
            let view = replay.view();
            let mut cursor = view.cursor(view.numbers().start).context("a moment")?;
            for jump in 0..2_000 {
                cursor.seek(view.numbers().start + jump * 7_919 % view.len() as u64);
                cursor.snapshot().context("a moment")?;
            }
            let jumped = opened.elapsed();
            let mut charted = Buckets::default();
            let drawn = Instant::now();
            replay.fill(
                cpu::utilization_ratio,
                Key::ONE,
                (range.start, range.end),
                400,
                &mut charted,
            );
            format!(
                "opened in {:.0?}, 2000 jumps {jumped:.0?}, all of it drawn in {:.0?}, {} descriptors",
                opened - begun,
                drawn.elapsed(),
                descriptors()?
            )
        }
        "refresh" => {
            let mut replay = Replay::open(Recording::open(folder)?)?;
            let mut follower = replay.follower().context("a recording that may grow")?;
            let opened = thread_ns();
            for _ in 0..10 {
                follower.look();
            }
            format!("{:.1} ms of CPU each look for more", (thread_ns() - opened) as f64 / 1e7)
        }
        "read" => {
            let recording = Recording::open(folder)?;
            let mut samples = 0;
            for sample in recording.samples(i64::MIN, i64::MAX) {
                sample?;
                samples += 1;
            }
            format!("{samples} samples, {} descriptors", descriptors()?)
        }
        "clear" => {
            let settings = Settings {
                min_free: 0.0,
                max_bytes: 10 << 20,
                max_age: Duration::MAX,
                ..Settings::default()
            };
            let mut recorder = Recorder::new(Box::new(Directory::open(folder)?), settings)?;
            let mut longest = Duration::ZERO;
            for later in 0..600 {
                let moment = sample((1 << 26) + later, None);
                let pushed = Instant::now();
                recorder.push(&moment);
                longest = longest.max(pushed.elapsed());
            }
            let left = Recording::open(folder)?.segments();
            format!("{left} are left after 600 samples, the longest of which waited {longest:.0?}")
        }
        _ => bail!("not to be started by hand"),
    };
    println!(
        "{deed}: {:.0?}, CPU {:.0} ms, {:.1} MiB at most; {more}",
        begun.elapsed(),
        (thread_ns() - cpu_begun) as f64 / 1e6,
        peak_bytes(std::process::id())? as f64 / f64::from(1 << 20),
    );
    Ok(())
}

fn descriptors() -> Result<usize> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count())
}
