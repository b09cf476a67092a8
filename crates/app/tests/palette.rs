//! The palette: what is typed there is found, completed, run and remembered.

mod heard;
mod scene;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use heard::Heard;
use retop::tui::Options;
use retop::tui::app::{App, Effect};
use retop::tui::dialog::Overlay;
use retop::tui::input::{Code, Event, Key};
use retop::tui::keys::{Action, Mode};
use retop::tui::palette::{Entry, Palette};
use retop::tui::table::column::Col;
use retop_engine::history::History;

struct Watch {
    app: App,
    heard: Heard,
}

impl Watch {
    fn new() -> Watch {
        let mut app = App::new(&Options::default());
        let history = Arc::new(Mutex::new(History::new(64 << 20).expect("an encoder")));
        app.record = Some(history.clone());
        for moment in scene::LAPTOP.run(90) {
            app.update(&moment);
            history.lock().expect("whole").push(&moment).expect("encoded");
        }
        app.arrange(120, 40);
        Watch { app, heard: Heard::default() }
    }

    fn press(&mut self, key: Key) -> Option<Effect> {
        let effect = self.app.event(Event::Key(key), &self.heard);
        self.app.arrange(120, 40);
        effect
    }

    /// Types a line into a fresh palette.
    fn type_in(&mut self, line: &str) {
        if self.app.mode() == Mode::Palette {
            self.press(Key::of(Code::Esc));
        }
        self.press(Key::char(':'));
        for c in line.chars() {
            self.press(Key::char(c));
        }
    }

    fn run(&mut self, line: &str) -> Option<Effect> {
        self.type_in(line);
        self.press(Key::of(Code::Enter))
    }

    fn palette(&self) -> &Palette {
        let Overlay::Palette(palette) = &self.app.overlay else { panic!("no palette") };
        palette
    }

    fn said(&self) -> &str {
        self.app.message.as_ref().map_or("", |message| &message.text)
    }
}

#[test]
fn actions_are_found_by_name_and_done() {
    let mut watch = Watch::new();
    watch.press(Key::ctrl('p'));
    assert!(watch.palette().found.len() > 60, "all of them before anything is typed");
    watch.run("tree");
    assert!(watch.app.table.tree);
    assert_eq!(watch.app.mode(), Mode::Live);
    assert_eq!(watch.run("quit"), Some(Effect::Quit));
    watch.type_in("memory sort");
    assert_eq!(watch.palette().found.first(), Some(&Entry::Action(Action::SortMemory)));
    watch.press(Key::of(Code::Enter));
    assert_eq!(watch.app.table.sort, Col::RESIDENT);
    // What makes no sense on the page is not offered there.
    watch.press(Key::char('9'));
    watch.type_in("process.signal");
    assert!(!watch.palette().found.contains(&Entry::Action(Action::Signal)));
    watch.run("overview");
    // The past has actions of its own.
    watch.type_in("spike");
    assert!(!watch.palette().found.contains(&Entry::Action(Action::SpikeBack)));
    watch.press(Key::of(Code::Esc));
    watch.press(Key::char('r'));
    watch.press(Key::char(':'));
    assert!(watch.palette().found.contains(&Entry::Action(Action::SpikeBack)));
}

#[test]
fn commands_do_what_they_say() {
    let mut watch = Watch::new();
    assert_eq!(watch.run("interval 500ms"), Some(Effect::Interval(Duration::from_millis(500))));
    watch.run("sort mem%");
    assert_eq!(watch.app.table.sort.head(), "MEM%");
    watch.run("filter cpu>10");
    assert_eq!(watch.app.table.filter.as_ref().map(|filter| filter.text()), Some("cpu>10"));
    watch.run("filter ");
    assert!(watch.app.table.filter.is_none());
    watch.run("theme paper");
    assert_eq!(watch.app.theme.name, "paper");
    watch.run("cols io");
    assert_eq!(watch.app.table.shown_set().name, "IO");
    watch.run("cols pid user cpu");
    assert_eq!(watch.app.table.shown_set().seats.len(), 4, "and the command");
    watch.run("mark before the test");
    assert_eq!(watch.said(), "bookmark set: before the test");
    watch.run("cores heat");
    assert_eq!(watch.app.core_view.name(), "heat");
    watch.run("energy reset");
    watch.run("scale auto");
    assert!(!watch.app.power_limit);
    watch.run("avg 1m");
    assert_eq!(watch.app.average, Duration::from_secs(60));
    watch.run("signal hup 9071");
    watch.run("signal SIGKILL 9071");
    watch.run("signal 15 9071");
    assert_eq!(watch.heard.0.lock().expect("whole")[..], [(9071, 1), (9071, 9), (9071, 15)]);
    watch.run("goto -20s");
    assert_eq!(watch.app.mode(), Mode::Rewind);
    let (now, newest) = (watch.app.now.as_ref(), watch.app.newest.as_ref());
    let wall = |moment: Option<&Arc<retop_model::Snapshot>>| moment.expect("one").stamp().wall_ms;
    assert_eq!(wall(newest) - wall(now), 20_000);
}

#[test]
fn what_is_wrong_is_told_in_the_line() {
    let mut watch = Watch::new();
    for (line, why) in [
        (
            "goto noon",
            "'noon' is no moment; write 14:01, -10m, 'yesterday 22:00', 2026-11-03 or 2026-11-03T14:01:00Z",
        ),
        ("sort xqzzy", "no column is called 'xqzzy'; Tab lists them"),
        ("interval 0", "'0' is out of range; write a time from 0.1s to 24h"),
        ("signal NONE", "no signal is called 'NONE'; Tab lists them"),
        ("signal TERM x", "'x' is no process number"),
        ("signal TERM 77777777", "no process has the number 77777777"),
        ("scale", "nothing is called 'scale'"),
        ("energy now", "'now' is none of reset"),
        ("xyzzy", "nothing is called 'xyzzy'"),
    ] {
        watch.run(line);
        if line == "scale" {
            // The command alone waits for its words.
            assert_eq!(watch.palette().editor.text(), "scale ");
            continue;
        }
        assert_eq!(watch.palette().wrong.as_deref(), Some(why), "{line}");
        watch.press(Key::char('x'));
        assert_eq!(watch.palette().wrong, None, "typing on clears it");
    }
    assert_eq!(watch.heard.0.lock().expect("whole")[..], []);
}

#[test]
fn words_are_completed_and_lines_remembered() {
    let mut watch = Watch::new();
    watch.type_in("them");
    watch.press(Key::of(Code::Tab));
    assert_eq!(watch.palette().editor.text(), "theme ");
    watch.press(Key::char('p'));
    watch.press(Key::of(Code::Tab));
    assert_eq!(watch.palette().editor.text(), "theme paper ");
    watch.press(Key::of(Code::Enter));
    assert_eq!(watch.app.theme.name, "paper");
    // A word that is not typed in full is the one under the cursor.
    watch.run("theme viri");
    assert_eq!(watch.app.theme.name, "viridis");
    watch.run("tree");
    watch.type_in("");
    for line in ["table.tree", "theme viri", "theme paper", "theme paper"] {
        watch.press(Key::of(Code::Up));
        assert_eq!(watch.palette().editor.text(), line);
    }
    for line in ["theme viri", "table.tree", ""] {
        watch.press(Key::of(Code::Down));
        assert_eq!(watch.palette().editor.text(), line);
    }
    watch.press(Key::of(Code::Down));
    assert_eq!(watch.palette().at, 1, "then down the list");
}
