//! What a frame costs: `cargo run --release -p retop --example frame`. 1,000 processes on 200 by 60,
//! with numbers that move in every row and chart.

#[path = "../tests/scene/mod.rs"]
mod scene;

use std::time::Duration;

use retop::tui::app::App;
use retop::tui::render::{Depth, Screen};
use retop::tui::{Options, panel};
use retop_engine::RealClock;
use retop_model::Clock;

const SIZE: (u16, u16) = (200, 60);
const FRAMES: u64 = 200;

fn main() -> std::io::Result<()> {
    let scene = scene::Scene { processes: 1_000, ..scene::LAPTOP };
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    let mut screen = Screen::new(SIZE.0, SIZE.1, true);
    let (mut times, mut bytes) = (Vec::new(), 0);
    // The charts are full after two minutes.
    for (place, now) in (0..).zip(scene.run(120 + FRAMES)) {
        app.update(&now);
        app.arrange(SIZE.0, SIZE.1);
        let mut frame = Vec::with_capacity(1 << 16);
        let start_ns = RealClock.monotonic_ns();
        screen.draw(&mut frame, app.glyphs, |canvas| panel::draw(&app, canvas))?;
        if place >= 120 {
            times.push(Duration::from_nanos(RealClock.monotonic_ns() - start_ns));
            bytes += frame.len();
        }
    }
    times.sort();
    let (median, worst) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!(
        "{FRAMES} frames: median {median:?}, 99 % {worst:?}, {} bytes each",
        bytes / times.len()
    );
    Ok(())
}
