//! A clock that is set while somebody looks: what is told of times stays true.

mod look;
mod recorded;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use retop::run::replay;
use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key};
use retop::tui::{Control, Options, Replayed};
use retop::when;
use retop_engine::history::History;
use retop_engine::recording::{Recording, Replay};
use retop_engine::{Roots, Ticker, open};
use retop_fake_machine::HandClock;
use retop_model::{Clock, Snapshot, Stamp};

struct Nobody;

impl Control for Nobody {
    fn send(&self, _: retop_model::Key, _: i32) -> Result<(), String> {
        Err("this is a test".to_owned())
    }
}

/// A clock whose wall clock somebody sets.
struct Set {
    hand: HandClock,
    by_ms: AtomicI64,
}

impl Clock for Set {
    fn now(&self) -> Stamp {
        let now = self.hand.now();
        Stamp { wall_ms: now.wall_ms + self.by_ms.load(Ordering::Relaxed), ..now }
    }
}

/// Seconds of a recording, and after how many the clock is set back by a quarter of an hour.
const SECONDS: u64 = 120;
const SET_AT: u64 = 80;
const BACK_MS: i64 = -900_000;

/// 2026-10-25T00:58:20Z: 100 s later clocks are set back in Berlin.
const AUTUMN_MS: i64 = 1_792_889_900_000;

fn berlin(seconds: i64) -> i32 {
    if seconds < AUTUMN_MS / 1000 + 100 { 7_200 } else { 3_600 }
}

fn moments(begin_ms: i64, set_ms: i64) -> Vec<Arc<Snapshot>> {
    let clock = Arc::new(Set { hand: HandClock::new(1_000, begin_ms), by_ms: AtomicI64::new(0) });
    let machine = open(Some("sim:web-incident"), Roots::below(Path::new("/"))).expect("known");
    let mut ticker = Ticker::lockstep(machine, Arc::<Set>::clone(&clock));
    let moment = |second| {
        if second == SET_AT {
            clock.by_ms.store(set_ms, Ordering::Relaxed);
        }
        let moment = ticker.tick();
        clock.hand.pass(1);
        moment
    };
    (0..SECONDS).map(moment).collect()
}

fn recording(name: &str, moments: &[Arc<Snapshot>]) -> PathBuf {
    let folder = recorded::folder(name).join("rec");
    let mut recorder = recorded::recorder(&folder);
    moments.iter().for_each(|moment| recorder.push(moment));
    recorder.close();
    folder
}

fn key(app: &mut App, key: Key) {
    app.event(Event::Key(key), &Nobody);
}

fn header(app: &mut App) -> String {
    look::shown(app, 160, 40).lines().next().unwrap_or_default().to_owned()
}

fn replayed(folder: &Path, options: Options) -> App {
    let replay = Replay::open(Recording::open(folder).expect("a recording")).expect("samples");
    let newest = Arc::new(replay.newest().expect("a moment"));
    let name = Replayed { name: "rec".to_owned(), at_ms: None };
    let mut app = App::new(&Options { replay: Some(name), ..options });
    app.record = Some(Arc::new(Mutex::new(replay)));
    app.update(&newest);
    app.arrange(160, 40);
    app
}

fn shown(app: &App) -> Stamp {
    app.now.as_ref().expect("a moment").stamp()
}

#[test]
fn a_recording_in_which_the_clock_was_set_back_is_whole_and_goes_one_way() {
    let moments = moments(recorded::BEGIN_MS, BACK_MS);
    let folder = recording("clock-set-back", &moments);
    let recording = Recording::open(&folder).expect("a recording");
    // Each moment may be asked for, those before the clock was set too.
    let range = recording.range().expect("readable").expect("samples");
    let set = SET_AT as i64;
    let (first, last) =
        (recorded::BEGIN_MS + set * 1_000 + BACK_MS, recorded::BEGIN_MS + (set - 1) * 1_000);
    assert_eq!((range.start, range.end - 1), (first, last));
    for (text, wanted) in [
        ("2026-11-03T14:06:00Z", recorded::BEGIN_MS + 51_000),
        ("2026-11-03T13:51:30Z", first + 1_000),
    ] {
        let when = when::parse(text).expect("a moment");
        let at = replay::at(&recording, Some(when)).expect(text).expect(text);
        let found = recording.asof(at).expect("readable").expect(text);
        assert_eq!(found.stamp().wall_ms, wanted, "{text}");
    }

    let mut app = replayed(&folder, Options::default());
    let mut seen = vec![shown(&app)];
    for _ in 1..SECONDS {
        key(&mut app, Key::of(Code::Right));
        seen.push(shown(&app));
    }
    let wanted: Vec<Stamp> = moments.iter().map(|moment| moment.stamp()).collect();
    assert_eq!(seen, wanted, "sample by sample, as they came");
    // The label is the clock of that sample, whatever came before.
    let line = header(&mut app);
    assert!(line.contains("13:52:08"), "{line}");
    // A bookmark before the clock was set is found again from behind it.
    for _ in 0..50 {
        key(&mut app, Key::of(Code::Left));
    }
    let marked = shown(&app);
    app.mark_as("here");
    key(&mut app, Key::of(Code::End));
    // Whole screens and events go one way.
    for (code, back) in [(Code::PageUp, true), (Code::PageDown, false)] {
        let mut last = shown(&app).monotonic_ns;
        for _ in 0..3 {
            key(&mut app, Key::of(code));
            let now = shown(&app).monotonic_ns;
            assert!(if back { now <= last } else { now >= last }, "{code:?}: {last} {now}");
            last = now;
        }
    }
    key(&mut app, Key::of(Code::End));
    let mut passed = Vec::new();
    let mut last = u64::MAX;
    for _ in 0..40 {
        key(&mut app, Key::char('{'));
        let at = shown(&app);
        if at.monotonic_ns == last {
            break;
        }
        assert!(at.monotonic_ns < last, "an event is passed once");
        last = at.monotonic_ns;
        passed.push(at);
    }
    assert!(passed.contains(&marked), "{marked:?} among {passed:?}");
    let clock = wanted[SET_AT as usize];
    assert!(passed.contains(&clock), "that it was set is an event: {passed:?}");
}

#[test]
fn how_long_ago_is_no_matter_of_the_wall_clock() {
    let moments = moments(recorded::BEGIN_MS, BACK_MS);
    let history = Arc::new(Mutex::new(History::new(64 << 20).expect("an encoder")));
    let mut app = App::new(&Options::default());
    app.record = Some(history.clone());
    for moment in &moments {
        app.update(moment);
        history.lock().expect("whole").push(moment).expect("encoded");
    }
    app.arrange(160, 40);
    key(&mut app, Key::char('r'));
    for _ in 0..60 {
        key(&mut app, Key::of(Code::Left));
    }
    let line = header(&mut app);
    assert!(line.contains("REWIND −1m00s") && line.contains("14:06:08"), "{line}");
    let view = history.lock().expect("whole").view();
    assert_eq!(view.number_of(shown(&app)), Some(59));
}

#[test]
fn the_hour_that_comes_twice_is_told_by_its_offset() {
    let moments = moments(AUTUMN_MS, 0);
    let folder = recording("clock-autumn", &moments);
    let mut app = replayed(&folder, Options { offset_seconds: berlin, ..Options::default() });
    for (steps, wanted) in [(0, "02:58:20"), (99, "02:59:59"), (1, "02:00:00"), (1, "02:00:01")] {
        for _ in 0..steps {
            key(&mut app, Key::of(Code::Right));
        }
        let line = header(&mut app);
        assert!(line.contains(wanted), "{wanted}: {line}");
    }
    // What is written means the first of the two, and with a zone the one that is meant.
    for (text, wanted) in [
        ("02:58:30", AUTUMN_MS + 10_000),
        ("2026-10-25T02:00:05+01:00", AUTUMN_MS + 105_000),
        ("-15s", AUTUMN_MS + 104_000),
    ] {
        app.go_to(text).expect(text);
        assert_eq!(shown(&app).wall_ms, wanted, "{text}");
    }
}

#[test]
fn a_recording_that_is_removed_meanwhile_is_said_to_be() {
    let moments = moments(recorded::BEGIN_MS, 0);
    let folder = recording("removed-meanwhile", &moments);
    let recording = Recording::open(&folder).expect("a recording");
    assert!(!recording.is_removed());
    let mut app = replayed(&folder, Options::default());
    assert!(!header(&mut app).contains("removed"));
    std::fs::remove_dir_all(&folder).expect("removed");
    assert!(recording.is_removed());
    app.removed = true;
    for width in [80, 160] {
        let line = look::shown(&mut app, width, 24).lines().next().unwrap_or_default().to_owned();
        assert!(line.contains("recording was removed") && line.contains("REPLAY"), "{line}");
    }
}
