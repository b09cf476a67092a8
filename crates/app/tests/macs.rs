//! Screens of made-up Macs: the very sources of a Mac, against the library that plays one.
#![cfg(target_os = "linux")]

mod deaf;
mod look;

use std::path::PathBuf;
use std::sync::Arc;

use deaf::Deaf;
use look::{check, shown};
use retop::tui::Options;
use retop::tui::app::App;
use retop::tui::input::{Event, Key};
use retop::tui::render::Depth;
use retop_engine::{Demand, Roots, Ticker, open};
use retop_fake_machine::HandClock;

/// What the library says the time since boot is when the scenario begins.
const UPTIME: u64 = 100_000;

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A screen after ten seconds of watching.
fn watched(name: &str, scenario: &str) -> App {
    let path = std::env::temp_dir().join(format!("retop-macs-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a folder for temporary files");
    let folder = Folder(path);
    let installed = retop_fake_apple::install(&folder.0, scenario, &[]).expect("installed");
    installed.set_clock(0.0).expect("set");
    let clock = Arc::new(HandClock::new(UPTIME, 1_750_000_000_000));
    let source = format!("apple:{}", installed.library().display());
    let machine = open(Some(&source), Roots::real()).expect("a library");
    let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
    ticker.set_demand(Demand::everything());
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    for second in 1..=10_u32 {
        clock.set(u64::from(second));
        installed.set_clock(f64::from(second)).expect("set");
        app.update(&ticker.tick());
    }
    app
}

/// Without what retop itself takes, at the end of a line: that is another thing at each run.
fn steady(text: &str) -> String {
    let without = |line: &str| match line.rsplit_once("retop ") {
        Some((before, cost)) if cost.contains("% cpu") => before.trim_end().to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|line| without(line) + "\n").collect()
}

#[test]
fn macs_look_as_they_did() {
    for (name, scenario) in retop_fake_apple::chips() {
        for (page, key) in
            [("overview", None), ("cpu", Some('1')), ("power", Some('5')), ("gpu", Some('4'))]
        {
            for (width, height) in [(80, 24), (120, 40), (200, 60)] {
                let mut app = watched(name, scenario);
                if let Some(key) = key {
                    app.event(Event::Key(Key::char(key)), &Deaf);
                }
                let text = steady(&shown(&mut app, width, height));
                check(&format!("mac-{name}-{page}-{width}x{height}"), &text);
            }
        }
    }
}
