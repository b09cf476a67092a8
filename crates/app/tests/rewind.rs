//! Rewind: the screen as it was, and who was behind it.

mod scene;

use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key};
use retop::tui::render::{Depth, Glyphs, Screen};
use retop::tui::{Control, Options, panel};
use retop_engine::RealClock;
use retop_engine::history::History;
use retop_model::family::{cpu, process};
use retop_model::{Clock, FamilyId, Snapshot};
use scene::Scene;

/// Sends to those alone who live.
struct Living(Vec<retop_model::Key>);

impl Control for Living {
    fn send(&self, key: retop_model::Key, _: i32) -> Result<(), String> {
        self.0.contains(&key).then_some(()).ok_or_else(|| "it has ended".to_owned())
    }
}

/// A laptop on which, 133 seconds before the newest sample, a compiler ran for three. In the last of
/// them, the busiest, it has ended.
const BURST: Scene = Scene { burst: Some(264), ..scene::LAPTOP };
const MOMENTS: u64 = 400;

fn moments() -> &'static [Arc<Snapshot>] {
    static MADE: OnceLock<Vec<Arc<Snapshot>>> = OnceLock::new();
    MADE.get_or_init(|| BURST.run(MOMENTS + 40))
}

struct Watch {
    app: App,
    history: Arc<Mutex<History>>,
    next: usize,
    signals: Living,
}

impl Watch {
    fn new(options: &Options) -> Watch {
        let history = Arc::new(Mutex::new(History::new(64 << 20).expect("an encoder")));
        let mut app = App::new(options);
        app.record = Some(Arc::clone(&history));
        let mut watch = Watch { app, history, next: 0, signals: Living(Vec::new()) };
        for _ in 0..MOMENTS {
            watch.tick();
        }
        watch.app.arrange(120, 40);
        watch
    }

    /// A sample is taken: it is published, then kept.
    fn tick(&mut self) {
        let moment = &moments()[self.next];
        self.next += 1;
        self.app.update(moment);
        self.history.lock().expect("no reader failed").push(moment).expect("encoded");
    }

    fn press(&mut self, keys: &[Key]) {
        for &key in keys {
            self.app.event(Event::Key(key), &self.signals);
            self.app.arrange(120, 40);
        }
    }

    fn type_in(&mut self, keys: &str) {
        self.press(&keys.chars().map(Key::char).collect::<Vec<_>>());
    }

    fn said(&self) -> &str {
        self.app.message.as_ref().map_or("", |message| &message.text)
    }

    /// The place of the moment on the screen among all.
    fn at(&self) -> usize {
        let shown = self.app.now.as_ref().expect("a moment").stamp();
        moments().iter().position(|moment| moment.stamp() == shown).expect("one of them")
    }

    fn shown(&mut self, width: u16, height: u16) -> String {
        let mut screen = Screen::new(width, height, true);
        let mut bytes = Vec::new();
        self.app.arrange(width, height);
        let app = &self.app;
        screen
            .draw(&mut bytes, app.glyphs, |canvas| panel::draw(app, canvas))
            .expect("a Vec takes all");
        let size = |cells| NonZeroU16::new(cells).expect("not 0");
        let mut terminal = vt100::Parser::new(size(height), size(width), 0);
        terminal.process(&bytes);
        let rows = terminal.screen().rows(0, width);
        rows.map(|row| format!("{}\n", row.trim_end())).collect()
    }
}

fn watch() -> Watch {
    Watch::new(&Options { depth: Depth::True, ..Options::default() })
}

/// Compares with the file of that name; `BLESS=1` writes it instead.
fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/screens/{name}.txt"));
    if std::env::vars().any(|(name, _)| name == "BLESS") {
        std::fs::write(&path, text).expect("written");
        return;
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        want == text,
        "{name} has changed; BLESS=1 accepts it\n--- was\n{want}\n--- is\n{text}"
    );
}

const LEFT: Key = Key::of(Code::Left);
const RIGHT: Key = Key::of(Code::Right);

#[test]
fn two_keys_find_a_spike_of_two_minutes_ago_and_who_was_behind_it() {
    let mut watch = watch();
    watch.type_in("r[");
    assert_eq!(watch.said(), "spike: cpu 98% cc1plus +612");
    let now = watch.app.now.clone().expect("a moment");
    let selected = watch.app.table.selected().expect("the cursor stands on it");
    let row = now.find(FamilyId::Process, selected).expect("a row");
    assert_eq!(row.shown(process::name), "cc1plus");
    assert_eq!(watch.at(), 266, "the last sample that shows it");
    let screen = watch.shown(120, 40);
    assert!(screen.contains("REWIND −2m13s") && screen.contains("cc1plus -quiet"), "{screen}");
    watch.type_in("]");
    assert_eq!((watch.at(), watch.said()), (266, "no later spike"), "not the same one again");
}

#[test]
fn the_whole_screen_is_as_it_was() {
    let mut watch = watch();
    watch.type_in("r");
    assert_eq!(watch.at(), 399);
    for (keys, at) in [
        (&[LEFT, LEFT, LEFT][..], 396),
        (&[RIGHT], 397),
        (&[Key::shift(Code::Left), Key::char(',')], 377),
        (&[Key::shift(Code::Right), Key::char('.'), Key::char('.')], 399),
        (&[Key::of(Code::Home)], 0),
        (&[Key::char('.')], 10),
    ] {
        watch.press(keys);
        assert_eq!(watch.at(), at, "{keys:?}");
        let (then, now) = (&moments()[at], watch.app.now.clone().expect("a moment"));
        assert_eq!(now.one(cpu::utilization_ratio), then.one(cpu::utilization_ratio));
        let share = then.one(cpu::utilization_ratio).map_or(f32::NAN, |share| share as f32);
        let charted = watch.app.past().cpu.ago(0);
        assert!(charted == share || charted.is_nan() && share.is_nan(), "{charted} at {at}");
        for row in then.rows(FamilyId::Process) {
            let twin = now.find(FamilyId::Process, row.key()).expect("the same process");
            assert_eq!(row.get(process::cpu_ratio), twin.get(process::cpu_ratio));
        }
    }
}

/// The screen's own rings reach back to its first sample, and two hours at most.
#[test]
fn where_the_screen_kept_nothing_charts_come_from_the_history() {
    let mut watch = watch();
    let mut late = App::new(&Options::default());
    late.record = watch.app.record.take();
    late.update(&moments()[399]);
    watch.app = late;
    watch.type_in("r[");
    let at = watch.at();
    for ago in 0..20 {
        let share = moments()[at - ago].one(cpu::utilization_ratio).expect("a share") as f32;
        assert_eq!(watch.app.past().cpu.ago(ago), share, "{ago} samples ago");
    }
    assert!(watch.app.past().cpu.ago(20).is_nan(), "no more than a step back decodes");
    let core = watch.app.now.as_ref().expect("a moment").rows(FamilyId::Core).next();
    let core = core.expect("a core").key();
    assert!(watch.app.past().core(core).is_some_and(|ring| ring.ago(19) > 0.0));
    watch.press(&[Key::of(Code::End)]);
    assert!(watch.app.past().cpu.ago(1).is_nan());
}

#[test]
fn a_screen_of_time_is_what_the_scrubber_spans() {
    let mut watch = watch();
    watch.press(&[Key::char('r'), Key::of(Code::PageUp)]);
    let rewind = watch.app.rewind.as_ref().expect("the past");
    let window = rewind.window;
    let shown_ms = watch.app.now.as_ref().expect("a moment").stamp().wall_ms;
    assert!(window.cell(shown_ms).is_some());
    assert_eq!(watch.at(), 3, "99 cells of 4 seconds");
    watch.press(&[Key::of(Code::PageDown)]);
    assert_eq!(watch.at(), 399);
    watch.press(&[Key::char('-')]);
    let wider = watch.app.rewind.as_ref().expect("the past").window;
    assert!(wider.cell_ms > window.cell_ms);
    watch.press(&[Key::char('+'), Key::char('+'), Key::char('+')]);
    assert_eq!(watch.app.rewind.as_ref().expect("the past").window.cell_ms, 2000);
}

#[test]
fn sampling_goes_on_and_the_past_stands_still() {
    let mut watch = watch();
    watch.press(&[Key::char('r'), LEFT]);
    let before = watch.app.past().cpu.ago(5);
    for behind in 2..5 {
        watch.tick();
        assert_eq!((watch.at(), watch.app.past().cpu.ago(5)), (398, before));
        assert_eq!(watch.app.rewind.as_ref().expect("the past").behind, behind);
    }
    watch.press(&[Key::of(Code::Esc)]);
    assert!(watch.app.rewind.is_none() && !watch.app.paused);
    assert_eq!(watch.at(), 402);
    let newest = moments()[402].one(cpu::utilization_ratio).expect("a share") as f32;
    assert_eq!(watch.app.past().cpu.ago(0), newest);
    let screen = watch.shown(120, 40);
    assert!(screen.contains("LIVE") && !screen.contains('═'), "{screen}");
}

#[test]
fn playing_takes_a_step_with_each_sample() {
    let mut watch = watch();
    watch.type_in("r,,");
    watch.type_in(" ");
    for step in 1..4 {
        watch.tick();
        assert_eq!(watch.at(), 379 + step);
    }
    assert!(watch.shown(120, 40).contains("PLAYING"));
    watch.type_in(" ");
    watch.tick();
    assert_eq!(watch.at(), 382);
}

#[test]
fn bookmarks_and_spikes_are_events() {
    let mut watch = watch();
    watch.type_in("b");
    assert_eq!(watch.said(), "bookmark set at 14:10:00");
    watch.tick();
    watch.type_in("r{");
    assert_eq!((watch.at(), watch.said()), (399, "bookmark 14:10:00"));
    watch.type_in("{");
    assert!(watch.said().starts_with("spike: cpu"), "{}", watch.said());
    watch.type_in(",b.}");
    assert_eq!(watch.at(), 399, "the later of two bookmarks");
    watch.type_in("{{");
    assert_eq!(watch.said(), "bookmark 14:07:37");
    watch.type_in("b{");
    assert_eq!(watch.said(), "no earlier event");
    watch.type_in("]]");
    assert_eq!(watch.said(), "no later spike");
}

#[test]
fn who_has_ended_gets_no_signal_and_who_lives_does() {
    let mut watch = watch();
    let newest = &moments()[399];
    watch.signals.0 = newest.rows(FamilyId::Process).map(|row| row.key()).collect();
    watch.type_in("r[k");
    let screen = watch.shown(120, 40);
    assert!(screen.contains("14391 cc1plus") && screen.contains("it has ended"), "{screen}");
    watch.press(&[Key::of(Code::Enter)]);
    assert_eq!(watch.said(), "14391: it has ended");
    watch.press(&[Key::of(Code::Down), Key::char('k')]);
    assert!(watch.shown(120, 40).contains("still running now"));
    watch.press(&[Key::of(Code::Enter)]);
    assert_eq!(watch.said(), "SIGTERM sent to 14447 rustc");
    assert!(watch.app.rewind.is_some(), "the past is still shown");
}

#[test]
fn the_table_works_as_it_does_live() {
    let mut watch = watch();
    watch.type_in("r[t/cc1");
    watch.press(&[Key::of(Code::Enter)]);
    let screen = watch.shown(120, 40);
    assert!(screen.contains("cc1plus") && screen.contains("rustc") && !screen.contains("worker-"));
    watch.press(&[Key::of(Code::Enter)]);
    assert!(watch.app.details.is_some());
    watch.type_in("tM");
    assert!(watch.app.rewind.is_some());
}

#[test]
fn without_a_history_there_is_no_past() {
    let mut watch = watch();
    watch.app.record = None;
    watch.type_in("r");
    assert!(watch.app.rewind.is_none() && watch.said().contains("--history"), "{}", watch.said());
    let mut first = App::new(&Options::default());
    first.event(Event::Key(Key::char('r')), &Living(Vec::new()));
    assert!(first.rewind.is_none());
}

/// The past is dropped from memory while it is looked at.
#[test]
fn the_oldest_samples_go_and_the_screen_stays() {
    let history = Arc::new(Mutex::new(History::new(3 << 20).expect("an encoder")));
    let mut app = App::new(&Options::default());
    app.record = Some(Arc::clone(&history));
    let push = |app: &mut App, moment: &Arc<Snapshot>| {
        app.update(moment);
        history.lock().expect("no reader failed").push(moment).expect("encoded");
    };
    moments()[..200].iter().for_each(|moment| push(&mut app, moment));
    let nobody = Living(Vec::new());
    for key in [Key::char('r'), Key::of(Code::Home)] {
        app.event(Event::Key(key), &nobody);
    }
    let oldest = app.now.as_ref().expect("a moment").stamp();
    moments()[200..].iter().for_each(|moment| push(&mut app, moment));
    assert_eq!(app.now.as_ref().expect("a moment").stamp(), oldest);
    app.event(Event::Key(LEFT), &nobody);
    let first = history.lock().expect("no reader failed").first().expect("samples");
    assert_eq!(app.now.as_ref().expect("a moment").stamp(), first.max_of(oldest));
}

/// Run with `cargo test -p retop --release --test rewind -- --ignored --nocapture`. Every process
/// changes in every sample here, so that this is the worst that 2,000 can do.
#[test]
#[ignore = "prints measurements"]
fn what_a_jump_takes() {
    let crowd = Scene { processes: 2_000, burst: Some(700), ..scene::LAPTOP };
    let moments = crowd.run(1_000);
    let history = Arc::new(Mutex::new(History::new(64 << 20).expect("an encoder")));
    for near in [true, false] {
        let mut app = App::new(&Options::default());
        app.record = Some(Arc::clone(&history));
        for (place, moment) in moments.iter().enumerate() {
            // Far: the screen's own rings hold none of it, as if it had been opened late.
            if near || place + 1 == moments.len() {
                app.update(moment);
            }
            if near {
                history.lock().expect("no reader failed").push(moment).expect("encoded");
            }
        }
        app.arrange(120, 40);
        let keys = ["r", "[", "Home", "PgDn", "]", "Left", "Left", ",", ".", "Home", "End"];
        for key in keys {
            let press = match key {
                "Home" => Key::of(Code::Home),
                "End" => Key::of(Code::End),
                "PgDn" => Key::of(Code::PageDown),
                "Left" => LEFT,
                key => Key::char(key.chars().next().expect("a character")),
            };
            let begin = RealClock.monotonic_ns();
            app.event(Event::Key(press), &Living(Vec::new()));
            app.arrange(120, 40);
            let spent = RealClock.monotonic_ns() - begin;
            println!("near {near}: {key:>5} {:6.2} ms", spent as f64 / 1e6);
        }
    }
}

trait Later {
    fn max_of(self, other: Self) -> Self;
}

impl Later for retop_model::Stamp {
    fn max_of(self, other: Self) -> Self {
        if self.monotonic_ns > other.monotonic_ns { self } else { other }
    }
}

#[test]
fn the_past_looks_like_this_and_never_like_now() {
    for (width, height) in [(80, 24), (120, 40)] {
        let mut watch = watch();
        watch.type_in("br[");
        check(&format!("rewind-{width}x{height}"), &watch.shown(width, height));
    }
    let glyphs = Glyphs::Ascii;
    let mut ascii = Watch::new(&Options { depth: Depth::True, glyphs, ..Options::default() });
    ascii.type_in("br[");
    let text = ascii.shown(120, 40);
    let odd: String = text.chars().filter(|c| !c.is_ascii() && !"–·°…←→".contains(*c)).collect();
    assert_eq!(odd, "", "drawing characters of ASCII");
    check("rewind-ascii-120x40", &text);
    let mut watch = watch();
    watch.type_in("r[#L");
    for width in (1..=300).step_by(23) {
        for height in [1, 2, 8, 9, 10, 12, 15, 16, 20, 24, 30, 45, 100] {
            let text = watch.shown(width, height);
            assert!(
                width < 40 || height < 8 || text.contains("REWIND"),
                "{width}x{height}\n{text}"
            );
        }
    }
}
