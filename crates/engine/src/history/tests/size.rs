//! What a frame takes. Numbers are printed, not asserted, but for the one that is exact.

use retop_model::Clock;

use super::population::Population;
use crate::RealClock;
use crate::history::{Encoder, FrameKind, History, KEY_INTERVAL};

/// Run with `cargo test -p retop-engine --release -- --ignored --nocapture size_table`.
#[test]
#[ignore = "prints measurements"]
fn size_table() {
    let series = crate::history::Series::new(usize::MAX);
    println!("{} series of the machine", series.fields().len());
    println!("processes  B/frame  encode µs  asof ms  forward µs  back µs  series kB");
    for processes in [2_000, 121, 2] {
        measure(processes);
    }
}

fn measure(processes: usize) {
    const FRAMES: usize = 5 * KEY_INTERVAL;
    let clock = RealClock;
    let mut population = Population::new(processes);
    let moments: Vec<_> = (0..FRAMES).map(|_| population.next()).collect();

    let mut encoder = Encoder::new().unwrap();
    let mut out = Vec::new();
    let begin = clock.monotonic_ns();
    let keys = moments
        .iter()
        .filter(|moment| encoder.frame(moment, &mut out).unwrap() == FrameKind::Key)
        .count();
    let encode_us = per(FRAMES, clock.monotonic_ns() - begin);
    assert_eq!(keys, FRAMES / KEY_INTERVAL);

    let mut history = History::new(64 << 20).unwrap();
    for moment in &moments {
        history.push(moment).unwrap();
    }
    let view = history.view();
    let begin = clock.monotonic_ns();
    for number in (KEY_INTERVAL - 1..FRAMES).step_by(KEY_INTERVAL) {
        assert!(view.moment(number as u64).is_some());
    }
    let asof_us = per(FRAMES / KEY_INTERVAL, clock.monotonic_ns() - begin);

    let mut cursor = view.cursor(0).unwrap();
    let steps = KEY_INTERVAL - 1;
    let begin = clock.monotonic_ns();
    let mut snapshot = cursor.snapshot();
    for _ in 0..steps {
        cursor.forward();
        snapshot = cursor.snapshot();
    }
    let forward_us = per(steps, clock.monotonic_ns() - begin);
    let begin = clock.monotonic_ns();
    for _ in 0..steps {
        cursor.back();
        snapshot = cursor.snapshot();
    }
    let back_us = per(steps, clock.monotonic_ns() - begin);
    assert!(snapshot.is_some());
    println!(
        "{processes:9}  {:7}  {encode_us:9.0}  {:7.2}  {forward_us:10.0}  {back_us:7.0}  {:9}",
        out.len() / FRAMES,
        asof_us / 1e3,
        history.series().memory() / 1_000,
    );
}

fn per(times: usize, ns: u64) -> f64 {
    ns as f64 / 1e3 / times as f64
}
