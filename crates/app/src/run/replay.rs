//! `retop replay`: the screen on a recording.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use retop_engine::history::Past;
use retop_engine::recording::{Follower, Recording, Remote, Replay};
use retop_engine::{Affinity, CpuSet, Demand, IoPriority, RealClock, local_offset_seconds};
use retop_model::{Clock, Key, Snapshot};

use crate::config::Resolved;
use crate::environment::Environment;
use crate::run::{Usage, looks, note_on_stderr, score, screen};
use crate::settings::Settings;
use crate::tui::terminal::{Terminal, Waker};
use crate::tui::{self, Control, Feed, Options, Replayed};
use crate::when::{Span, When};

/// How often a recording is looked at for what came since.
const LOOK: Duration = Duration::from_secs(1);
/// A server that takes this long is said not to answer.
const SLOW_NS: u64 = 3_000_000_000;
/// The shortest time between two steps of a replay: a frame of the screen.
const BEAT: Duration = Duration::from_millis(33);

/// Draws until somebody quits.
///
/// # Errors
///
/// If there is no terminal, or nothing can be read.
pub fn run(resolved: &Resolved, environment: &Environment) -> anyhow::Result<()> {
    let settings = &resolved.settings;
    if settings.replay.score {
        return score::run(settings, environment);
    }
    screen::terminal(environment)?;
    let path = path(settings)?;
    let mut remote = path
        .starts_with("http://")
        .then(|| Remote::new(path, environment.temporary_folders.clone()));
    let recording = match &mut remote {
        Some(remote) => remote.fetch()?,
        None => open(path)?,
    };
    let at_ms = at(&recording, settings.replay.at)?;
    let header = recording.header()?;
    let interval = Duration::from_millis(header.interval_ms.clamp(1, 86_400_000));
    let name = std::path::Path::new(path)
        .file_name()
        .map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned());
    let options = Options {
        interval,
        replay: Some(Replayed { name: name.trim_end_matches(".retop").to_owned(), at_ms }),
        ..looks::options(resolved, environment)?
    };
    let replay = Arc::new(Mutex::new(Replay::open(recording)?));
    let mut terminal = Terminal::open(settings.screen.mouse)?;
    let shown = Shown::start(replay, terminal.waker()?, interval, settings.replay.speed)?;
    if let Some(remote) = remote {
        shown.follow(remote, terminal.waker()?)?;
    }
    // The first sample is there already, and nobody else would wake the screen for it.
    terminal.waker()?.wake();
    Ok(tui::run(&mut terminal, &shown, &options, &Recorded, &RealClock)?)
}

/// What was written for the recording.
///
/// # Errors
///
/// If nothing was.
pub fn path(settings: &Settings) -> Result<&str, Usage> {
    let what = "retop replay needs a recording: retop replay FILE, DIR or http://HOST:PORT";
    settings.replay.path.as_deref().or(source(settings)).ok_or_else(|| Usage(what.to_owned()))
}

/// Opens a recording by what was written for it: a file, a folder, or a running retop.
///
/// # Errors
///
/// If it cannot be read.
pub fn open(path: &str) -> anyhow::Result<Recording> {
    if path.starts_with("http://") {
        return Ok(retop_engine::recording::fetch(path)?);
    }
    if path.starts_with("https://") {
        let what = "https is not spoken here; forward a port to the machine and write http://";
        return Err(Usage(format!("{path}: {what}")).into());
    }
    Ok(Recording::open(path.as_ref())?)
}

/// The recording that stands in for a machine: `--source replay:FILE`.
#[must_use]
pub fn source(settings: &Settings) -> Option<&str> {
    settings.source.as_deref()?.strip_prefix("replay:")
}

/// Calls `body` with each moment that has rates, until it says that it has had enough: those from
/// the moment that was asked for on, or all; for one report that one, or the newest. Damage is said
/// on stderr.
///
/// # Errors
///
/// If nothing can be read or no moment has rates, and what `body` gives.
pub fn each(
    settings: &Settings,
    path: &str,
    mut body: impl FnMut(&Arc<Snapshot>) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let recording = open(path)?;
    let at_ms = at(&recording, settings.replay.at)?;
    let newest = || recording.range().map(|range| range.map(|range| range.end - 1));
    let begin = match at_ms {
        None if settings.once => newest()?,
        at_ms => at_ms,
    };
    // The sample of that time is the newest that is not later.
    let begin = begin.map(|at_ms| recording.asof(at_ms)).transpose()?.flatten();
    let from_ms = begin.map_or(i64::MIN, |moment| moment.stamp().wall_ms);
    let mut given = false;
    for moment in recording.moments(from_ms, i64::MAX) {
        match moment {
            Ok(moment) if moment.has_rates() => {
                given = true;
                if !body(&Arc::new(moment))? {
                    return Ok(());
                }
            }
            Ok(_) => {}
            Err(damage) => note_on_stderr(&damage.to_string()),
        }
    }
    if !given {
        let what = "no sample there follows another, and rates need two; --at names an earlier one";
        anyhow::bail!("{path}: {what}");
    }
    Ok(())
}

/// The moment that is meant, by the times of the recording.
///
/// # Errors
///
/// If it lies outside of the recording, with its ends.
pub fn at(recording: &Recording, when: Option<When>) -> anyhow::Result<Option<i64>> {
    let Some(when) = when else { return Ok(None) };
    let Some(range) = recording.range()? else { return Ok(None) };
    let span = Span { first_ms: range.start, last_ms: range.end - 1 };
    let at_ms = when.resolve(span, &local_offset_seconds);
    // Times are written to the second, and the first sample comes within one.
    if !(span.first_ms.saturating_sub(1_000)..=span.last_ms.saturating_add(60_000)).contains(&at_ms)
    {
        let text = |ms: i64| retop_model::civil::Rfc3339(ms).to_string();
        let ends = (text(span.first_ms), text(span.last_ms));
        let what = format!("--at: {} is not recorded", text(at_ms));
        return Err(Usage(format!("{what}; the recording is from {} to {}", ends.0, ends.1)).into());
    }
    Ok(Some(at_ms.max(span.first_ms)))
}

/// A recording on the screen.
struct Shown {
    replay: Arc<Mutex<Replay>>,
    newest: Arc<Mutex<Option<Arc<Snapshot>>>>,
    playing: Arc<AtomicBool>,
    /// Samples to move on by.
    due: Arc<AtomicU64>,
    /// Of a running retop that is followed.
    answers: Arc<Mutex<Option<Answers>>>,
    /// Somebody has removed the files.
    removed: Arc<AtomicBool>,
}

/// How it stands with a server that is asked again and again.
#[derive(Clone, Copy, Debug)]
struct Answers {
    /// The last time that it gave an answer.
    answered_ns: u64,
    /// Since when it is waited for.
    asked_ns: Option<u64>,
    /// What it was last asked was not answered.
    failed: bool,
}

impl Answers {
    /// Seconds since it last answered, if it does not any more.
    fn silent_seconds(self, now_ns: u64) -> Option<u64> {
        let waits = self.asked_ns.is_some_and(|asked| now_ns.saturating_sub(asked) >= SLOW_NS);
        let silent_ns = now_ns.saturating_sub(self.answered_ns);
        (self.failed || waits).then_some(silent_ns / 1_000_000_000)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shown {
    /// Begins to look for new samples in files, and to count the beats of a replay that plays.
    fn start(
        replay: Arc<Mutex<Replay>>,
        waker: Waker,
        interval: Duration,
        speed: f64,
    ) -> std::io::Result<Shown> {
        let first = lock(&replay).newest().map(Arc::new);
        let mut follower = lock(&replay).follower();
        let shown = Shown {
            replay,
            newest: Arc::new(Mutex::new(first)),
            playing: Arc::default(),
            due: Arc::default(),
            answers: Arc::default(),
            removed: Arc::default(),
        };
        let (replay, newest) = (Arc::clone(&shown.replay), Arc::clone(&shown.newest));
        let (playing, due) = (Arc::clone(&shown.playing), Arc::clone(&shown.due));
        let (answers, removed) = (Arc::clone(&shown.answers), Arc::clone(&shown.removed));
        let step = interval.div_f64(speed.max(1e-6));
        let beat = step.max(BEAT);
        let samples = beat.as_secs_f64() / step.as_secs_f64().max(1e-9);
        let run = move || {
            let (mut waited, mut part, mut silent) = (Duration::ZERO, 0.0, None);
            loop {
                let rest = beat.min(LOOK);
                std::thread::sleep(rest);
                waited += rest;
                if playing.load(Ordering::Relaxed) {
                    // What is left of a sample counts for the next beat.
                    part += samples * rest.as_secs_f64() / beat.as_secs_f64();
                    let whole = part as u64;
                    part -= whole as f64;
                    if whole > 0 {
                        due.fetch_add(whole, Ordering::Relaxed);
                        waker.wake();
                    }
                }
                if waited < LOOK {
                    continue;
                }
                waited = Duration::ZERO;
                let now = lock(&answers).map(|now| now.silent_seconds(RealClock.monotonic_ns()));
                if let Some(now) = now {
                    if now != std::mem::replace(&mut silent, now) {
                        waker.wake();
                    }
                    continue;
                }
                let is_removed = lock(&replay).recording().is_removed();
                if is_removed != removed.swap(is_removed, Ordering::Relaxed) {
                    waker.wake();
                }
                if let Some(mut grown) = follower.as_mut().and_then(Follower::look) {
                    let found = grown.newest.take().map(Arc::new);
                    lock(&replay).take(grown);
                    *lock(&newest) = found;
                    waker.wake();
                }
            }
        };
        std::thread::Builder::new().name("replay".to_owned()).spawn(run)?;
        Ok(shown)
    }

    /// Asks a running retop for more. The screen does not wait for the network, and who does not
    /// answer is asked again.
    fn follow(&self, mut remote: Remote, waker: Waker) -> std::io::Result<()> {
        let answered_ns = RealClock.monotonic_ns();
        let answering = Answers { answered_ns, asked_ns: None, failed: false };
        *lock(&self.answers) = Some(answering);
        let (replay, newest) = (Arc::clone(&self.replay), Arc::clone(&self.newest));
        let answers = Arc::clone(&self.answers);
        let run = move || {
            let mut state = answering;
            loop {
                std::thread::sleep(LOOK);
                state.asked_ns = Some(RealClock.monotonic_ns());
                *lock(&answers) = Some(state);
                let from_ms = lock(&replay).recording().newest_key_ms().unwrap_or(i64::MIN);
                let fetched = remote.fetch_from(from_ms);
                (state.asked_ns, state.failed) = (None, fetched.is_err());
                if let Ok(newer) = fetched {
                    state.answered_ns = RealClock.monotonic_ns();
                    if lock(&replay).append(&newer) {
                        let found = lock(&replay).newest().map(Arc::new);
                        *lock(&newest) = found;
                    }
                }
                *lock(&answers) = Some(state);
                waker.wake();
            }
        };
        std::thread::Builder::new().name("fetch".to_owned()).spawn(run)?;
        Ok(())
    }
}

impl Feed for Shown {
    fn latest(&self) -> Option<Arc<Snapshot>> {
        lock(&self.newest).clone()
    }

    fn history(&self) -> Option<Arc<Mutex<dyn Past>>> {
        Some(Arc::<Mutex<Replay>>::clone(&self.replay))
    }

    fn beats(&self, playing: bool) -> u64 {
        self.playing.store(playing, Ordering::Relaxed);
        let due = self.due.swap(0, Ordering::Relaxed);
        if playing { due } else { 0 }
    }

    fn silent_seconds(&self) -> Option<u64> {
        lock(&self.answers).and_then(|now| now.silent_seconds(RealClock.monotonic_ns()))
    }

    fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    fn set_interval(&self, _: Duration) {}

    fn set_demand(&self, _: Demand) {}
}

/// The processes of a recording are of another time, if not of another machine.
struct Recorded;

const LONG_AGO: &str = "this is a recording: its processes are not here";

impl Control for Recorded {
    fn send(&self, _: Key, _: i32) -> Result<(), String> {
        Err(LONG_AGO.to_owned())
    }

    fn step_nice(&self, _: Key, _: i32) -> Result<i32, String> {
        Err(LONG_AGO.to_owned())
    }

    fn io_priority(&self, _: Key) -> Result<IoPriority, String> {
        Err(LONG_AGO.to_owned())
    }

    fn set_io_priority(&self, _: Key, _: IoPriority) -> Result<(), String> {
        Err(LONG_AGO.to_owned())
    }

    fn affinity(&self, _: Key) -> Result<Affinity, String> {
        Err(LONG_AGO.to_owned())
    }

    fn set_affinity(&self, _: Key, _: &CpuSet, _: &CpuSet) -> Result<(), String> {
        Err(LONG_AGO.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_silent_when_it_failed_or_is_waited_for_too_long() {
        const S: u64 = 1_000_000_000;
        for (asked_s, failed, now_s, wanted) in [
            (None, false, 100, None),
            (Some(100), false, 102, None),
            (Some(100), false, 103, Some(13)),
            (None, true, 91, Some(1)),
            (Some(150), true, 150, Some(60)),
            // A clock that went nowhere.
            (Some(100), false, 0, None),
            (None, true, 0, Some(0)),
        ] {
            let asked_ns = asked_s.map(|asked: u64| asked * S);
            let answers = Answers { answered_ns: 90 * S, asked_ns, failed };
            assert_eq!(answers.silent_seconds(now_s * S), wanted, "{answers:?} at {now_s}");
        }
    }
}
