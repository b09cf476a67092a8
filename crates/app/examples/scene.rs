//! The screen on a made-up machine: `cargo run -p retop --example scene -- server`.

#[path = "../tests/scene/mod.rs"]
mod scene;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use retop::tui::render::{Depth, Glyphs};
use retop::tui::terminal::Terminal;
use retop::tui::{Control, Feed, Options, run};
use retop_engine::history::{History, Past};
use retop_engine::{Demand, RealClock};
use retop_model::{Key, Snapshot, derive};

struct NoSignals;

impl Control for NoSignals {
    fn send(&self, _: Key, _: i32) -> Result<(), String> {
        Err("nobody lives there".to_owned())
    }
}

struct Player(Arc<Mutex<Option<Arc<Snapshot>>>>, Arc<Mutex<History>>);

impl Feed for Player {
    fn latest(&self) -> Option<Arc<Snapshot>> {
        self.0.lock().expect("the player does not panic").clone()
    }
    fn history(&self) -> Option<Arc<Mutex<dyn Past>>> {
        let kept = Arc::clone(&self.1);
        Some(kept)
    }
    fn set_interval(&self, _: Duration) {}
    fn set_demand(&self, _: Demand) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "laptop".to_owned());
    let theme = arguments.next().unwrap_or_else(|| "ink".to_owned());
    let known = scene::ALL.iter().find(|(known, _)| *known == name);
    // Something to look back at.
    let scene = scene::Scene { burst: Some(80), ..known.ok_or("no such scene")?.1 };
    let mut terminal = Terminal::open(true)?;
    let waker = terminal.waker()?;
    let newest = Arc::new(Mutex::new(None));
    let history = Arc::new(Mutex::new(History::new(64 << 20)?));
    let player = Player(Arc::clone(&newest), Arc::clone(&history));
    std::thread::spawn(move || {
        let mut last: Option<Arc<Snapshot>> = None;
        for tick in 0.. {
            let now = Arc::new(derive(last.as_deref(), Arc::new(scene.sample(tick))));
            *newest.lock().expect("the screen does not panic") = Some(Arc::clone(&now));
            // One that cannot be kept is missing from the past, and from nothing else.
            let _ = history.lock().expect("the screen does not panic").push(&now);
            last = Some(now);
            waker.wake();
            // Two minutes at once, so that the charts are full.
            if tick > 120 {
                std::thread::sleep(Duration::from_secs(1));
            } else {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    let depth = if theme == "terminal" { Depth::Sixteen } else { Depth::True };
    let options = Options { depth, theme, glyphs: Glyphs::Braille, ..Options::default() };
    run(&mut terminal, &player, &options, &NoSignals, &RealClock)?;
    Ok(())
}
