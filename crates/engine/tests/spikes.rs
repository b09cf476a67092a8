//! What goes wrong on `sim:web-incident` is found by looking back, and who was behind it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use retop_engine::history::{Channel, History, blame};
use retop_engine::{Roots, Ticker, open};
use retop_model::family::process;
use retop_model::{Clock, FamilyId, Stamp};

/// Stands still until it is told to move.
#[derive(Default)]
struct Script(AtomicU64);

impl Clock for Script {
    fn now(&self) -> Stamp {
        let ns = self.0.load(Ordering::Relaxed);
        let wall_ms = 1_800_000_000_000 + i64::try_from(ns / 1_000_000).unwrap_or(0);
        Stamp { wall_ms, monotonic_ns: ns, boottime_ns: ns }
    }
}

#[test]
fn the_three_seconds_of_a_report_are_found() {
    let clock = Arc::new(Script::default());
    let machine = open(Some("sim:web-incident"), Roots::below(Path::new("/"))).expect("known");
    let mut ticker = Ticker::lockstep(machine, Arc::<Script>::clone(&clock));
    let mut history = History::new(16 << 20).expect("memory");
    for _ in 0..600 {
        clock.0.fetch_add(1_000_000_000, Ordering::Relaxed);
        history.push(&ticker.tick()).expect("encoded");
    }
    let view = history.view();
    let found: Vec<(u64, Channel, String)> = history
        .spikes()
        .iter()
        .map(|spike| {
            let mut cursor = view.cursor(spike.number).expect("kept");
            let Some(behind) = blame(&mut cursor, spike) else {
                return (spike.number, spike.channel, String::new());
            };
            let at = view.moment(behind.number).expect("kept");
            let row = at.find(FamilyId::Process, behind.key).expect("it is there");
            (behind.number, spike.channel, row.shown(process::name).to_owned())
        })
        .collect();
    let report = |(number, channel, name): &&(u64, Channel, String)| {
        (355..370).contains(number) && *channel == Channel::Cpu && name == "report.py"
    };
    assert!(found.iter().any(|spike| report(&spike)), "{found:?}");
    let backup = |(number, channel, name): &&(u64, Channel, String)| {
        (385..450).contains(number) && *channel == Channel::Disk && name == "rsync"
    };
    assert!(found.iter().any(|spike| backup(&spike)), "{found:?}");
    assert!(found.len() < 30, "what is everywhere is no news: {found:?}");
}
