//! A made-up Mac that is read in step with a clock that a test sets.

use std::sync::Arc;

use retop_engine::{Demand, Roots, Ticker, open};
use retop_fake_apple::Installed;
use retop_fake_machine::{HandClock, Scratch};
use retop_model::Snapshot;
use retop_model::alert::Rule;

/// Seconds between two samples.
pub const STEP: u64 = 2;

/// One of them, everything of which is asked for.
pub struct Mac {
    installed: Installed,
    clock: Arc<HandClock>,
    ticker: Ticker,
    second: u64,
}

impl Mac {
    /// Installs a scenario in the folder and opens it.
    pub fn new(scenario: &str, scratch: &Scratch, rules: Vec<Rule>) -> Mac {
        let installed =
            retop_fake_apple::install(scratch.path(), scenario, &[]).expect("installed");
        // Before anything is read, or the library's time is the real one.
        installed.set_clock(0.0).expect("set");
        let clock = Arc::new(HandClock::default());
        let source = format!("apple:{}", installed.library().display());
        let machine = open(Some(&source), Roots::real()).expect("a library");
        let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
        ticker.set_demand(Demand::everything());
        ticker.set_rules(rules);
        Mac { installed, clock, ticker, second: 0 }
    }

    /// The next sample; the first is of second 0.
    pub fn tick(&mut self) -> Arc<Snapshot> {
        self.clock.set(self.second);
        self.installed.set_clock(self.second as f64).expect("set");
        self.second += STEP;
        self.ticker.tick()
    }
}
