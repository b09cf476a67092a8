//! Recordings to be exported and asked, made without waiting.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use retop_engine::recording::{Directory, Recorder, Settings};
use retop_engine::{Demand, ProcessDemand, RealClock, Roots, Rows, Ticker, open};
use retop_model::{Clock, Snapshot, Stamp};

/// 2026-11-03T14:05:09Z
pub const BEGIN_MS: i64 = 1_793_714_709_000;

/// Stands still until it is told to move.
#[derive(Default)]
pub struct Script(AtomicU64);

impl Clock for Script {
    fn now(&self) -> Stamp {
        let ns = self.0.load(Ordering::Relaxed);
        let passed = i64::try_from(ns / 1_000_000).unwrap_or(0);
        let uptime_ns = ns + 1_000_000_000_000;
        Stamp { wall_ms: BEGIN_MS + passed, monotonic_ns: uptime_ns, boottime_ns: uptime_ns }
    }
}

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
    let settings =
        Settings { arguments: retop_engine::export::Arguments::Full, ..Settings::default() };
    Recorder::new(Box::new(directory), settings).expect("readable")
}

/// So many seconds of a made-up machine from [`BEGIN_MS`] on, recorded; and its moments.
pub fn of_sim(source: &str, name: &str, seconds: u64) -> (PathBuf, Vec<Arc<Snapshot>>) {
    let folder = folder(name).join("rec");
    let clock = Arc::new(Script::default());
    let machine = open(Some(source), Roots::below(Path::new("/"))).expect("known");
    let mut ticker = Ticker::lockstep(machine, Arc::<Script>::clone(&clock));
    ticker.set_demand(demand());
    let mut recorder = recorder(&folder);
    let mut moments = Vec::new();
    for _ in 0..seconds {
        let moment = ticker.tick();
        recorder.push(&moment);
        moments.push(moment);
        clock.0.fetch_add(1_000_000_000, Ordering::Relaxed);
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
