//! A recording on the screen beside the screen that saw it: the same moment is the same text.

mod look;
mod recorded;

use std::sync::{Arc, Mutex};

use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key};
use retop::tui::{Control, Options, Replayed};
use retop_engine::history::History;
use retop_engine::recording::{Recording, Replay};
use retop_model::Snapshot;

struct Nobody;

impl Control for Nobody {
    fn send(&self, _: retop_model::Key, _: i32) -> Result<(), String> {
        Err("this is a test".to_owned())
    }
}

/// The screen that saw it all, gone back to that moment.
fn live(moments: &[Arc<Snapshot>], place: usize) -> App {
    let history = Arc::new(Mutex::new(History::new(64 << 20).expect("an encoder")));
    let mut app = App::new(&Options::default());
    app.record = Some(history.clone());
    for moment in moments {
        app.update(moment);
        history.lock().expect("whole").push(moment).expect("encoded");
    }
    app.arrange(120, 40);
    app.event(Event::Key(Key::char('r')), &Nobody);
    for _ in place + 1..moments.len() {
        app.event(Event::Key(Key::of(Code::Left)), &Nobody);
    }
    app
}

/// The recording, gone through to its end and back to that moment: equals stay where they were, so
/// that their order is that of whoever went the same way.
fn replayed(folder: &std::path::Path, moments: &[Arc<Snapshot>], place: usize) -> App {
    let recording = Recording::open(folder).expect("a recording");
    let replay = Replay::open(recording).expect("samples");
    let newest = Arc::new(replay.newest().expect("a moment"));
    let name = Replayed { name: "rec".to_owned(), at_ms: None };
    let mut app = App::new(&Options { replay: Some(name), ..Options::default() });
    app.record = Some(Arc::new(Mutex::new(replay)));
    app.update(&newest);
    app.arrange(120, 40);
    moments.iter().skip(1).for_each(|_| app.play(1));
    for _ in place + 1..moments.len() {
        app.event(Event::Key(Key::of(Code::Left)), &Nobody);
    }
    app
}

/// The screen without the line that says which of the two it is, and where the scrubber ends.
fn text(app: &mut App, width: u16, height: u16) -> String {
    let screen = look::shown(app, width, height);
    let (_, below) = screen.split_once('\n').expect("lines");
    below.replace(" now", " end")
}

fn assert_same(moments: &[Arc<Snapshot>], folder: &std::path::Path) {
    for place in [moments.len() / 2, moments.len() - 3] {
        let at = moments[place].stamp();
        let (mut live, mut replayed) = (live(moments, place), replayed(folder, moments, place));
        for page in ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'] {
            for app in [&mut live, &mut replayed] {
                app.event(Event::Key(Key::char(page)), &Nobody);
                assert_eq!(app.now.as_ref().map(|now| now.stamp()), Some(at));
            }
            for (width, height) in [(80, 24), (120, 40), (200, 60)] {
                let (live, replayed) =
                    (text(&mut live, width, height), text(&mut replayed, width, height));
                for (row, (live, replayed)) in live.lines().zip(replayed.lines()).enumerate() {
                    assert_eq!(
                        live, replayed,
                        "sample {place}, page {page}, {width}x{height}, {row}"
                    );
                }
                assert_eq!(live, replayed);
            }
        }
    }
}

#[test]
fn the_incident_is_drawn_as_it_was() {
    let (folder, moments) = recorded::of_sim("sim:web-incident", "replayed", 200);
    assert_same(&moments, &folder);
}

#[test]
fn this_machine_is_drawn_as_it_was() {
    let folder = recorded::folder("replayed-here").join("rec");
    let (mut ticker, mut recorder) = (recorded::of_this(), recorded::recorder(&folder));
    let moments: Vec<_> = (0..12).map(|_| ticker.tick()).collect();
    moments.iter().for_each(|moment| recorder.push(moment));
    recorder.close();
    assert_same(&moments, &folder);
}
