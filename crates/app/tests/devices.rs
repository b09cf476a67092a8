//! Graphics and neural processors of made-up machines of files: the whole way from the files of their
//! drivers to the screen.
#![cfg(target_os = "linux")]

mod deaf;
mod look;

use std::sync::Arc;

use deaf::Deaf;
use look::{check, shown};
use retop::tui::Options;
use retop::tui::app::App;
use retop::tui::input::{Event, Key};
use retop::tui::render::Depth;
use retop_engine::{Roots, Ticker, open};
use retop_fake_machine::{HandClock, Scratch, build};

/// A screen after some seconds of watching.
fn watched(machine: &str) -> App {
    let scratch = Scratch::new();
    let clock = Arc::new(HandClock::default());
    build(machine, scratch.path(), 0).expect("a tree");
    let opened = open(None, Roots::below(scratch.path())).expect("a folder");
    let mut ticker = Ticker::lockstep(opened, Arc::<HandClock>::clone(&clock));
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    for second in 1..=8 {
        let mut demand = app.demand();
        demand.processes.patient = true;
        ticker.set_demand(demand);
        let moment = ticker.tick();
        app.update(&moment);
        app.arrange(120, 40);
        clock.set(second);
        build(machine, scratch.path(), second).expect("a tree");
    }
    app
}

#[test]
fn devices_of_each_driver_look_as_they_did() {
    for machine in ["amd-desktop", "amd-laptop", "intel-laptop", "arc"] {
        let mut app = watched(machine);
        if machine == "amd-laptop" {
            check("devices-box-120x40", &head(&shown(&mut app, 120, 40)));
        }
        app.event(Event::Key(Key::char('4')), &Deaf);
        let others: &[(u16, u16)] =
            if machine == "amd-desktop" { &[(80, 24), (200, 60)] } else { &[] };
        for &(width, height) in [(120, 40)].iter().chain(others) {
            let text = head(&shown(&mut app, width, height));
            check(&format!("devices-{machine}-{width}x{height}"), &text);
        }
    }
}

/// Without the lines at the bottom, which name folders of this run.
fn head(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().take(lines.len().saturating_sub(2)).map(|line| format!("{line}\n")).collect()
}
