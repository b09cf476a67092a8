//! The screen on this machine: `cargo run -p retop --example screen`.

use std::sync::Arc;
use std::time::Duration;

use retop::tui::render::Depth;
use retop::tui::terminal::Terminal;
use retop::tui::{Options, Signals, run};
use retop_engine::{Demand, Monitor, RealClock, Roots, Settings, open};
use retop_model::Key;

struct NoSignals;

impl Signals for NoSignals {
    fn send(&self, _: Key, _: i32) -> Result<(), String> {
        Err("the example sends no signals".to_owned())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let source = std::env::args().nth(1);
    let interval = Duration::from_secs(1);
    let mut terminal = Terminal::open()?;
    let waker = terminal.waker()?;
    let monitor = Monitor::start(
        open(source.as_deref(), Roots::real())?,
        Arc::new(RealClock),
        Settings { interval, history_bytes: 0, demand: Demand::everything() },
        Box::new(move |_| waker.wake()),
    )?;
    let options = Options { depth: Depth::True, interval, ..Options::default() };
    run(&mut terminal, &monitor, &options, &NoSignals, &RealClock)?;
    Ok(())
}
