//! Recordings to be exported and asked, made without waiting.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use retop_engine::recording::{Directory, Recorder, Settings};
use retop_engine::{Demand, ProcessDemand, RealClock, Roots, Rows, Ticker, open};
use retop_fake_machine::HandClock;
use retop_model::Snapshot;

/// 2026-11-03T14:05:09Z
pub const BEGIN_MS: i64 = 1_793_714_709_000;

/// A folder that is empty.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("writable");
    path
}

fn demand() -> Demand {
    let mut demand = Demand::everything();
    demand.processes = ProcessDemand {
        memory: Rows::All,
        status: Rows::All,
        io: Rows::All,
        texts: true,
        ..ProcessDemand::default()
    };
    demand
}

/// A recorder into a folder.
pub fn recorder(folder: &Path) -> Recorder {
    let directory = Directory::open(folder).expect("writable");
    let arguments = retop_engine::export::Arguments::Full;
    // A disk that others have nearly filled, as on a build machine, would cost the oldest segments.
    let settings = Settings { arguments, min_free: 0.0, ..Settings::default() };
    Recorder::new(Box::new(directory), settings).expect("readable")
}

/// So many seconds of a made-up machine from [`BEGIN_MS`] on, recorded; and its moments.
pub fn of_sim(source: &str, name: &str, seconds: u64) -> (PathBuf, Vec<Arc<Snapshot>>) {
    let folder = folder(name).join("rec");
    let clock = Arc::new(HandClock::new(1_000, BEGIN_MS));
    let machine = open(Some(source), Roots::below(Path::new("/"))).expect("known");
    let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
    ticker.set_demand(demand());
    let mut recorder = recorder(&folder);
    let mut moments = Vec::new();
    for _ in 0..seconds {
        let moment = ticker.tick();
        recorder.push(&moment);
        moments.push(moment);
        clock.pass(1);
    }
    recorder.close();
    (folder, moments)
}

/// This machine, to be looked at when the test says so.
pub fn of_this() -> Ticker {
    let machine = open(None, Roots::real()).expect("this machine");
    let mut ticker = Ticker::live(machine, Arc::new(RealClock));
    ticker.set_demand(demand());
    ticker
}
