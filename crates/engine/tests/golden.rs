//! Whole pictures of made-up machines: JSON and scrape, against files that a person has looked at.
//!
//! `cargo xtask bless` writes them anew; the difference is then for review.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use retop_engine::export::json::{JsonView, Options};
use retop_engine::export::prometheus::{self, Format};
use retop_engine::export::{Arguments, Limit};
use retop_engine::{Demand, Roots, Ticker, open};
use retop_fake_machine::{NAMES, Scratch, build};
use retop_model::{Clock, FamilyId, Snapshot, Stamp};
use serde_json::Value;

/// Two seconds lie between the two samples of a picture.
const STEP: u64 = 2;

struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Stamp {
        let second = self.0.load(Ordering::Relaxed);
        let ns = (second + 86_400) * 1_000_000_000;
        let wall_ms = 1_790_000_000_000 + i64::try_from(second * 1000).unwrap_or(0);
        Stamp { wall_ms, monotonic_ns: ns, boottime_ns: ns }
    }
}

/// The second of two samples of a machine, everything read within the tick.
fn picture(name: &str, scratch: &Scratch) -> Arc<Snapshot> {
    let clock = Arc::new(HandClock(AtomicU64::new(0)));
    build(name, scratch.path(), 0).expect("a tree");
    let machine = open(None, Roots::below(scratch.path())).expect("a folder");
    let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
    let mut demand = Demand::everything();
    demand.processes.patient = true;
    ticker.set_demand(demand);
    ticker.set_rules(retop_model::alert::builtin());
    ticker.tick();
    clock.0.store(STEP, Ordering::Relaxed);
    build(name, scratch.path(), STEP).expect("a tree");
    ticker.tick()
}

/// What is different at each run: where the tree lies, and what retop itself uses.
fn steady(text: &str, scratch: &Scratch) -> String {
    text.replace(&scratch.path().display().to_string(), "")
}

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    #[allow(clippy::disallowed_methods, reason = "blessing is asked for from outside")]
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap_or(&PathBuf::new())).expect("a folder");
        fs::write(&path, text).expect("written");
        return;
    }
    let blessed = fs::read_to_string(&path).unwrap_or_default();
    let differs = blessed.lines().zip(text.lines()).position(|(was, is)| was != is);
    assert!(
        blessed == text,
        "{} differs from line {}; cargo xtask bless writes it anew\n was: {}\n is:  {}",
        path.display(),
        differs.map_or(blessed.lines().count().min(text.lines().count()), |line| line) + 1,
        differs.and_then(|line| blessed.lines().nth(line)).unwrap_or("(end)"),
        differs.and_then(|line| text.lines().nth(line)).unwrap_or("(end)"),
    );
}

#[test]
fn machines_as_json_and_as_a_scrape() {
    for name in NAMES {
        let scratch = Scratch::new();
        let snapshot = picture(name, &scratch);
        let families: Vec<FamilyId> =
            FamilyId::all().filter(|&family| family != FamilyId::Own).collect();
        let options = Options {
            families: Some(&families),
            processes: Limit::Count(12),
            keep: None,
            arguments: Arguments::Full,
        };
        let mut line = Vec::new();
        let view = JsonView { snapshot: &snapshot, options };
        view.write_ndjson(&mut Vec::new(), &mut line).expect("a vector takes all");
        let mut value: Value = serde_json::from_slice(&line).expect("JSON");
        // The space of a mount point in a tree of files is the space of the disk below it.
        for row in value["filesystems"].as_array_mut().into_iter().flatten() {
            for (name, cell) in row.as_object_mut().into_iter().flatten() {
                if name.ends_with("_bytes") || name.ends_with("_ratio") || name.contains("inodes") {
                    *cell = Value::Null;
                }
            }
        }
        // 256 threads look alike: the first ones will do.
        for many in ["cores", "interrupts"] {
            if let Some(rows) = value[many].as_array_mut() {
                rows.truncate(4);
            }
        }
        let text = serde_json::to_string_pretty(&value).expect("JSON") + "\n";
        compare(&format!("{name}.json"), &steady(&text, &scratch));

        let mut page = String::new();
        prometheus::write(
            &mut page,
            Format::OpenMetrics,
            &snapshot,
            None,
            prometheus::Options::default(),
        );
        let lines = page
            .lines()
            .filter(|line| !line.contains("retop_filesystem_") && !line.contains("process_"));
        let page: String = lines.flat_map(|line| [line, "\n"]).collect();
        compare(&format!("{name}.openmetrics"), &steady(&page, &scratch));
    }
}
