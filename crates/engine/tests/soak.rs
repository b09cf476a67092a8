//! Days of a made-up machine at full speed: memory stays flat.
//!
//! `RETOP_SOAK=500000 cargo test --release -p retop-engine --test soak -- --nocapture` runs six
//! days of samples; the number in an ordinary test run is small.

use std::path::Path;
use std::sync::Arc;

use retop_engine::history::History;
use retop_engine::{Roots, Ticker, open};
use retop_fake_machine::HandClock;
use retop_model::alert::builtin;
use retop_model::family::{memory, own};

#[test]
#[allow(clippy::disallowed_methods, reason = "the length of the run is an argument of the test")]
fn memory_stays_flat() {
    let asked = std::env::var("RETOP_SOAK").ok().and_then(|text| text.parse().ok());
    let samples: u64 = asked.unwrap_or(4_000);
    const CAP: usize = 4 * 1024 * 1024;
    let clock = Arc::new(HandClock::new(0, 1_800_000_000_000));
    let machine = open(Some("sim:web-incident"), Roots::below(Path::new("/"))).expect("known");
    let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
    let mut history = History::new(CAP).expect("memory");
    ticker.set_rules(builtin());
    let (mut settled, mut highest, mut kills) = (None, 0.0_f64, 0.0);
    for sample in 0..samples {
        clock.pass(1);
        let snapshot = ticker.tick();
        history.push(&snapshot).expect("encoded");
        assert!(history.bytes() <= CAP, "{} bytes after {sample} samples", history.bytes());
        kills = snapshot.one(memory::oom_kills).unwrap_or(kills);
        let resident = snapshot.one(own::resident_bytes).unwrap_or(0.0);
        if sample == samples / 2 {
            settled = Some(resident);
        }
        highest = highest.max(resident);
    }
    let settled = settled.expect("half of the run");
    println!(
        "{samples} samples: {:.1} MiB at half time, {:.1} MiB at most, {} in the history, {} events",
        settled / 1048576.0,
        highest / 1048576.0,
        history.len(),
        ticker.events().count()
    );
    assert!(kills > 0.0, "the incident happened");
    assert!(ticker.events().count() > 0, "and was noticed");
    assert!(highest < settled + 2.0 * 1048576.0, "{settled} bytes grew to {highest}");
}
