//! A day of samples from the minutes that were recorded: what length costs a reader.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use retop_engine::export::Arguments;
use retop_engine::history::{Buckets, Past};
use retop_engine::recording::{Directory, Recorder, Recording, Replay, Settings, Sync};
use retop_model::family::cpu;
use retop_model::{FamilyId, Key, RawSample, Snapshot, Stamp, Window, derive};

use super::thread_ns;
use crate::bench::cost::peak_bytes;

/// First argument of the program that reads a day and says what memory that took.
pub const READER: &str = "day-reader";

const SECONDS: u64 = 86_400;

/// What was found.
pub struct Day {
    pub frames: u64,
    pub bytes: u64,
    /// CPU time of opening the folder and decoding a moment, and of the same in one that is open.
    pub fresh: Vec<Duration>,
    pub open: Vec<Duration>,
    pub per_second: f64,
    pub peak_bytes: u64,
}

/// Makes the day below `folder` and reads it.
pub fn measure(recorded: &Path, folder: &Path) -> Result<Day> {
    write(recorded, folder)?;
    let recording = Recording::open(folder)?;
    let range = recording.range()?.context("samples")?;
    let span = range.end - range.start;
    let (mut fresh, mut open) = (Vec::new(), Vec::new());
    for step in 0..200i64 {
        // A stride that is prime to everything: all places of key intervals.
        let at = range.start + (step * 7_919_777) % span;
        for (times, anew) in [(&mut fresh, true), (&mut open, false)] {
            let begun = thread_ns();
            let found = match anew {
                true => Recording::open(folder)?.asof(at)?,
                false => recording.asof(at)?,
            };
            times.push(Duration::from_nanos(thread_ns() - begun));
            if found.is_none_or(|found| found.rows(FamilyId::Process).len() == 0) {
                bail!("nothing at {at}");
            }
        }
    }
    fresh.sort();
    open.sort();
    let begun = thread_ns();
    let mut frames = 0;
    for sample in recording.samples(i64::MIN, i64::MAX) {
        sample?;
        frames += 1;
    }
    let per_second = frames as f64 * 1e9 / (thread_ns() - begun) as f64;
    let files = std::fs::read_dir(folder)?.flatten();
    let bytes = files.filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    let output = Command::new(std::env::current_exe()?).arg(READER).arg(folder).output()?;
    let peak_bytes = String::from_utf8_lossy(&output.stdout).trim().parse()?;
    Ok(Day { frames, bytes, fresh, open, per_second, peak_bytes })
}

/// Records the samples over and over, each round later than the last.
fn write(recorded: &Path, folder: &Path) -> Result<()> {
    let recording = Recording::open(recorded)?;
    // The first ones lack what only a second reading gives.
    let samples: Vec<Arc<RawSample>> =
        recording.samples(i64::MIN, i64::MAX).skip(2).collect::<Result<_, _>>()?;
    let begin = samples.first().context("samples")?.stamp;
    let settings = Settings {
        arguments: Arguments::Full,
        sync: Sync::Never,
        min_free: 0.0,
        ..Settings::default()
    };
    let mut recorder = Recorder::new(Box::new(Directory::open(folder)?), settings)?;
    let mut last: Option<Snapshot> = None;
    for (second, sample) in (0..SECONDS).zip(samples.iter().cycle()) {
        let ns = begin.monotonic_ns + second * 1_000_000_000;
        let later = ns.wrapping_sub(sample.stamp.monotonic_ns);
        let mut moved = RawSample::new(Stamp {
            wall_ms: begin.wall_ms + i64::try_from(second)? * 1_000,
            monotonic_ns: ns,
            boottime_ns: sample.stamp.boottime_ns.wrapping_add(later),
        });
        for table in sample.tables() {
            let mut table = Arc::clone(table);
            let Window { begin_ns, end_ns } = table.window();
            Arc::make_mut(&mut table).stamp(Window {
                begin_ns: begin_ns.wrapping_add(later),
                end_ns: end_ns.wrapping_add(later),
            });
            moved.put(table);
        }
        let now = derive(last.as_ref(), Arc::new(moved));
        recorder.push(&now);
        last = Some(now);
    }
    recorder.close();
    match recorder.state().lost {
        0 => Ok(()),
        lost => bail!("{lost} samples could not be written"),
    }
}

/// Goes through a day as a replay does, and says what memory that took at most.
pub fn read(folder: &str) -> Result<()> {
    let recording = Recording::open(folder.as_ref())?;
    let range = recording.range()?.context("samples")?;
    let replay = Replay::open(Recording::open(folder.as_ref())?)?;
    let view = replay.view();
    let mut cursor = view.cursor(view.numbers().start).context("a moment")?;
    // Steps, jumps, and every sample once.
    for jump in 0..100u64 {
        let to = view.numbers().start + jump * 7_919 % view.len() as u64;
        cursor.seek(to);
        for _ in 0..100 {
            cursor.forward();
            cursor.snapshot().context("a moment")?;
        }
    }
    let mut charted = Buckets::default();
    replay.fill(cpu::utilization_ratio, Key::ONE, (range.start, range.end), 400, &mut charted);
    for sample in recording.samples(i64::MIN, i64::MAX) {
        sample?;
    }
    println!("{}", peak_bytes(std::process::id())?);
    Ok(())
}
