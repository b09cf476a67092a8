//! A driver that hangs or is of no use, beside devices of another one.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use retop_engine::{Roots, Ticker, open};
use retop_fake_machine::{HandClock, Scratch, build};
use retop_fake_nvml::{Installed, install};
use retop_model::family::{gpu, source};
use retop_model::{FamilyId, Snapshot};

const DEVICE: &str = "[[device]]\nuuid = \"GPU-a\"\npower_watts = 100\n";
const OTHER: &str = "0000:04:00.0";

/// A board under xe, and a device of the library's.
fn machine(base: &Path, scenario: &str) -> Installed {
    build("arc", base, 0).expect("a tree");
    for folder in ["dev", "usr/lib"] {
        std::fs::create_dir_all(base.join(folder)).expect("a folder");
    }
    std::fs::write(base.join("dev/nvidiactl"), "").expect("a file");
    let driver = install(&base.join("usr/lib"), scenario, &[]).expect("installed");
    driver.set_clock(0.0).expect("set");
    driver
}

/// Everything that is told of a device.
fn told(now: &Snapshot, uuid: &str) -> Option<Vec<Option<f64>>> {
    let mut rows = now.rows(FamilyId::Gpu);
    let row = rows.find(|row| row.shown(gpu::uuid) == uuid)?;
    Some(FamilyId::Gpu.get().fields().map(|field| row.get(field)).collect())
}

fn reason(now: &Snapshot) -> String {
    let mut rows = now.rows(FamilyId::Source);
    let row = rows.find(|row| row.shown(source::source) == "nvml").expect("a row");
    row.shown(source::reason).to_owned()
}

#[test]
fn a_library_that_fails_hides_no_device_of_another_driver() {
    let watch = |scenario: &str| {
        let scratch = Scratch::new();
        let driver = machine(scratch.path(), scenario);
        let clock = Arc::new(HandClock::new(0, 0));
        let opened = open(None, Roots::below(scratch.path())).expect("a tree");
        let mut ticker = Ticker::lockstep(opened, Arc::<HandClock>::clone(&clock));
        let mut moments = Vec::new();
        for second in 1..=12_u32 {
            build("arc", scratch.path(), u64::from(second)).expect("a tree");
            driver.set_clock(f64::from(second)).expect("set");
            clock.pass(1);
            let now = ticker.tick();
            moments.push((told(&now, OTHER), told(&now, "GPU-a").is_some(), reason(&now)));
        }
        moments
    };
    let whole = watch(DEVICE);
    assert!(whole.iter().all(|(other, own, _)| other.is_some() && *own));
    let fault = |code: u32| format!("{DEVICE}[[fault]]\nfrom = 5\ncode = {code}\n");
    let init = |code: u32| format!("init = {code}\n{DEVICE}");
    let scenarios = [init(9), init(12), init(15), init(17), init(18), init(999)];
    let faults = [1, 4, 10, 15, 18, 999].map(fault);
    for scenario in scenarios.iter().chain(&faults) {
        for (second, (now, before)) in watch(scenario).iter().zip(&whole).enumerate() {
            assert_eq!(now.0, before.0, "{scenario} at second {}", second + 1);
        }
    }
    let (_, is_there, reason) = &watch(&init(18))[3];
    assert!(!is_there && reason.contains("different versions"), "{reason}");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "waits for another thread")]
fn a_driver_that_blocks_for_a_while_is_told_of_and_forgiven() {
    let scratch = Scratch::new();
    let fault = "[[fault]]\nfrom = 5\nuntil = 35\nblock = true\n";
    let driver = machine(scratch.path(), &format!("{DEVICE}{fault}"));
    let clock = Arc::new(HandClock::new(0, 0));
    let opened = open(None, Roots::below(scratch.path())).expect("a tree");
    let mut ticker = Ticker::live(opened, Arc::<HandClock>::clone(&clock));
    let mut at = |second: u32| {
        driver.set_clock(f64::from(second)).expect("set");
        clock.set(u64::from(second));
        ticker.tick()
    };
    // Other threads answer when they can: they are asked again until they did, at the same second.
    let mut until = |second: u32, what: &str, is_so: &dyn Fn(&Snapshot) -> bool| {
        let began = Instant::now();
        loop {
            let now = at(second);
            if is_so(&now) {
                return now;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{what}: {}", reason(&now));
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    until(1, "read once", &|now| told(now, "GPU-a").is_some());
    until(3, "read again", &|now| {
        let mut rows = now.rows(FamilyId::Gpu);
        rows.any(|row| row.get(gpu::watts).is_some_and(|watts| (watts - 100.0).abs() < 1.0))
    });
    // Whoever is asked now does not answer.
    let other = |now: &Snapshot| told(now, OTHER).is_some();
    until(6, "the other driver goes on", &other);
    until(20, "it is told", &|now| reason(now).starts_with("no answer for") && other(now));
    let waited = until(34, "and how long", &|now| reason(now).starts_with("no answer for 2"));
    assert!(other(&waited));
    until(36, "it answers", &|now| reason(now).is_empty() && told(now, "GPU-a").is_some());
    let now = until(39, "and tells", &|now| {
        let mut rows = now.rows(FamilyId::Gpu);
        let row = rows.find(|row| row.shown(gpu::uuid) == "GPU-a");
        row.is_some_and(|row| row.get(gpu::watts).is_some_and(|watts| (watts - 100.0).abs() < 1.0))
    });
    assert_eq!(reason(&now), "");
}
