//! Rewind: the screen as it was, and who was behind it.

mod look;
mod scene;

use std::sync::{Arc, Mutex, OnceLock};

use look::check;
use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key};
use retop::tui::render::{Depth, Glyphs};
use retop::tui::{Control, Options};
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
    moments: Vec<Arc<Snapshot>>,
    next: usize,
    signals: Living,
}

impl Watch {
    fn new(options: &Options) -> Watch {
        Watch::over(moments().to_vec(), options)
    }

    fn over(moments: Vec<Arc<Snapshot>>, options: &Options) -> Watch {
        let history = Arc::new(Mutex::new(History::new(64 << 20).expect("an encoder")));
        let mut app = App::new(options);
        app.record = Some(history.clone());
        let mut watch = Watch { app, history, moments, next: 0, signals: Living(Vec::new()) };
        for _ in 0..MOMENTS {
            watch.tick();
        }
        watch.app.arrange(120, 40);
        watch
    }

    /// A sample is taken: it is published, then kept.
    fn tick(&mut self) {
        let moment = &self.moments[self.next];
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
        let mut moments = self.moments.iter();
        moments.position(|moment| moment.stamp() == shown).expect("one of them")
    }

    fn shown(&mut self, width: u16, height: u16) -> String {
        look::shown(&mut self.app, width, height)
    }
}

fn watch() -> Watch {
    Watch::new(&Options { depth: Depth::True, ..Options::default() })
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
fn a_look_at_the_past_unties_no_tag_of_those_who_live() {
    let late = Scene { burst: Some(MOMENTS - 2), ..scene::LAPTOP };
    let mut watch = Watch::over(late.run(MOMENTS + 2), &Options::default());
    let young = retop_model::Key(14391, 100 + 14391);
    watch.app.table.tagged.push(young);
    watch.press(&[Key::char('r'), LEFT, LEFT, LEFT, LEFT]);
    let then = watch.app.now.clone().expect("a moment");
    assert!(then.find(FamilyId::Process, young).is_none(), "it had not begun");
    watch.press(&[Key::of(Code::Esc)]);
    assert_eq!(watch.app.table.tagged, [young]);
    // A signal goes to it, until it has ended.
    watch.tick();
    assert_eq!(watch.app.table.tagged, [young]);
    watch.tick();
    assert!(watch.app.table.tagged.is_empty());
}

#[test]
fn two_keys_find_who_took_busy_processors_from_the_others() {
    let full = Scene { full: true, ..BURST };
    let mut watch = Watch::over(full.run(MOMENTS), &Options::default());
    watch.type_in("r[");
    assert_eq!(watch.said(), "spike: cpu full before and after, taken by cc1plus +612");
    let (now, selected) = (watch.app.now.clone().expect("a moment"), watch.app.table.selected());
    let row = now.find(FamilyId::Process, selected.expect("one")).expect("a row");
    assert_eq!(row.shown(process::name), "cc1plus");
    assert!(now.one(cpu::utilization_ratio).expect("known") > 0.99, "it did not rise");
    for (width, height) in [(80, 24), (120, 40)] {
        let screen = watch.shown(width, height);
        assert!(screen.contains("taken by cc1plus +612"), "{screen}");
    }
    watch.type_in("]");
    assert_eq!(watch.said(), "no later spike", "who gets it back has taken nothing");
    let spike = watch.app.events.list().iter().find(|event| event.name() == "spike");
    let told = spike.expect("on the page").to_string();
    assert_eq!(told, "cpu full, 14391 took 612% of a core, usual 0%");
}

/// Fourteen spikes of disk and network lie between, and the keys of events find them.
#[test]
fn the_spike_of_the_processor_is_found_among_many_later_ones_of_disk_and_network() {
    let noisy = Scene { traffic: Some(270), ..BURST };
    let mut watch = Watch::over(noisy.run(MOMENTS), &Options::default());
    watch.type_in("r[");
    assert_eq!((watch.at(), watch.said()), (266, "spike: cpu 98% cc1plus +612"));
    let later = watch.app.events.list().iter().filter(|event| {
        let after = event.stamp().monotonic_ns > watch.moments[270].stamp().monotonic_ns;
        after && event.name() == "spike"
    });
    assert!(later.count() >= 20, "{:?}", watch.app.events.list());
    watch.type_in("}");
    assert!(watch.said().starts_with("spike: disk"), "{}", watch.said());
    watch.type_in("}");
    assert!(watch.said().starts_with("spike: network") || watch.at() > 279, "{}", watch.said());
    // There is no earlier one of the processor: then any is meant.
    watch.press(&[Key::of(Code::End)]);
    watch.type_in("r[[");
    assert_eq!((watch.at(), watch.said()), (266, "no earlier spike"));
    watch.type_in("]");
    assert!(watch.at() >= 279 && watch.said().starts_with("spike: disk"), "{}", watch.said());
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
    app.record = Some(history.clone());
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
        app.record = Some(history.clone());
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

/// The lines of the table that hold that text.
fn lines_with<'a>(screen: &'a str, text: &str) -> Vec<&'a str> {
    screen.lines().filter(|line| line.contains(text)).collect()
}

#[test]
fn the_past_is_compared_with_now() {
    let mut watch = watch();
    watch.type_in("r[d");
    let screen = watch.shown(200, 60);
    let gone = lines_with(&screen, "cc1plus");
    assert!(gone[0].contains("612.0  −612.0") && gone[0].contains("GONE /usr/lib"), "{screen}");
    assert!(screen.contains("against now: 0 new, 1 gone") && screen.contains("Δnow"), "{screen}");
    // What differs most comes first, whatever it is itself.
    let (then, now) = (watch.app.now.clone(), watch.app.newest.clone());
    let (then, now) = (then.expect("a moment"), now.expect("a moment"));
    let apart: Vec<f64> = watch
        .app
        .table
        .order
        .lines
        .iter()
        .filter_map(|line| then.row(FamilyId::Process, line.row as usize))
        .map(|row| {
            let of = |row: retop_model::Row<'_>| row.get(process::cpu_ratio);
            let later = now.find(FamilyId::Process, row.key()).and_then(of).unwrap_or(0.0);
            (later - of(row).unwrap_or(0.0)).abs()
        })
        .collect();
    assert!(apart.windows(2).all(|pair| pair[0] + 0.002 >= pair[1]), "{:?}", &apart[..9]);
    // Now moves on, and the comparison with it.
    watch.tick();
    assert_eq!(
        watch.app.table.order.base.as_ref().map(|base| base.stamp()),
        Some(moments()[400].stamp())
    );
    watch.type_in("d");
    assert_eq!(watch.said(), "no other bookmark to compare with: b sets one");
    assert!(!watch.shown(120, 40).contains("Δnow"));
}

#[test]
fn the_past_is_compared_with_a_bookmark_before_and_after() {
    let mut watch = watch();
    // A bookmark a minute before the compiler ran, and the moment in which it does.
    watch.press(&[Key::char('r'), Key::of(Code::Home)]);
    for _ in 0..20 {
        watch.type_in(".");
    }
    watch.type_in("b}");
    assert!(watch.said().starts_with("spike"), "{}", watch.said());
    watch.type_in("dd");
    assert_eq!(watch.said(), "against the bookmark at 14:06:41");
    let screen = watch.shown(200, 60);
    let new = lines_with(&screen, "cc1plus");
    assert!(new[0].contains("612.0  +612.0") && new[0].contains("NEW /usr/lib"), "{screen}");
    assert!(screen.contains("against 14:06:41: 1 new, 0 gone"), "{screen}");
    // The other way round: what the bookmark alone has stands below the list.
    watch.type_in("b");
    watch.type_in(",,,ddd");
    let screen = watch.shown(200, 60);
    assert!(screen.contains("against 14:07:47: 1 new, 0 gone"), "{}: {screen}", watch.said());
    assert!(screen.contains("1 new since this moment"), "{screen}");
    let below = lines_with(&screen, "cc1plus");
    assert!(below[0].contains("NEW since 14:07:45") && below[0].contains("+612.0"), "{screen}");
    watch.type_in("d");
    assert_eq!(watch.said(), "no longer compared");
    watch.press(&[Key::of(Code::Esc)]);
    assert!(watch.app.table.order.base.is_none() && watch.app.rewind.is_none());
}

#[test]
fn a_moment_is_gone_to_as_people_write_it() {
    let mut watch = watch();
    watch.type_in("r");
    for (text, at) in [("-133s", 266), ("14:07:47", 266), ("-2m", 279), ("begin", 0), ("now", 399)]
    {
        watch.type_in("@");
        watch.type_in(text);
        watch.press(&[Key::of(Code::Enter)]);
        assert_eq!(watch.at(), at, "{text}: {}", watch.said());
    }
    for (text, said) in
        [("soon", "'soon' is no moment"), ("-5h", "samples reach from 14:03:21 to 14:10:00")]
    {
        assert!(watch.app.go_to(text).is_err_and(|why| why.contains(said)), "{text}");
    }
    watch.type_in("@1");
    watch.press(&[Key::of(Code::Esc)]);
    assert_eq!(watch.at(), 399);
    // From now, and without a past.
    watch.press(&[Key::of(Code::Esc)]);
    assert_eq!(watch.app.go_to("-133s"), Ok(()));
    assert_eq!(watch.at(), 266);
    watch.app.record = None;
    assert!(watch.app.go_to("-1s").is_err_and(|why| why.contains("--history")));
}

#[test]
fn playing_is_as_fast_as_one_likes() {
    let mut watch = watch();
    watch.type_in("r");
    watch.app.go_to("begin").expect("there is one");
    watch.type_in(" ");
    for (keys, ticks, at) in [(">>", 2, 8), (">>>>>", 1, 72), ("<<<<<<<<<<<<", 8, 74)] {
        watch.type_in(keys);
        for _ in 0..ticks {
            watch.tick();
        }
        assert_eq!(watch.at(), at, "{keys}");
    }
    assert!(watch.shown(120, 40).contains("PLAYING 0.25x"));
}

#[test]
fn a_bookmark_may_have_a_text() {
    let mut watch = watch();
    watch.type_in("B");
    watch.type_in("the build");
    watch.press(&[Key::of(Code::Enter)]);
    watch.type_in("r,{");
    assert!(watch.said().starts_with("spike"), "it lies before: {}", watch.said());
    watch.type_in("}");
    assert_eq!(watch.said(), "bookmark 14:10:00: the build");
    // Its text can be changed, and it goes with the key that sets one.
    watch.type_in("B!");
    watch.press(&[Key::of(Code::Enter)]);
    assert_eq!(&*watch.app.bookmarks.list()[0].text, "the build!");
    watch.type_in("b");
    assert!(watch.app.bookmarks.list().is_empty());
}

#[test]
fn a_screen_that_stands_still_is_never_taken_for_now() {
    let mut watch = watch();
    watch.type_in("p");
    for _ in 0..3 {
        watch.tick();
    }
    let screen = watch.shown(120, 40);
    assert!(screen.contains("PAUSED −3") && screen.contains('═'), "{screen}");
    assert!(!screen.contains("LIVE"), "{screen}");
    watch.type_in("p");
    let screen = watch.shown(120, 40);
    assert!(screen.contains("LIVE") && !screen.contains('═'), "{screen}");
}

#[test]
fn comparing_and_going_to_look_like_this() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut watch = watch();
        watch.app.arrange(width, height);
        watch.type_in("r[d");
        check(&format!("rewind-diff-{width}x{height}"), &watch.shown(width, height));
        watch.type_in("d@-5m");
        check(&format!("rewind-goto-{width}x{height}"), &watch.shown(width, height));
    }
    let mut watch = watch();
    watch.type_in("p");
    watch.tick();
    watch.tick();
    check("paused-80x24", &watch.shown(80, 24));
    check("paused-120x40", &watch.shown(120, 40));
}

#[test]
fn the_past_looks_like_this_and_never_like_now() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
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
