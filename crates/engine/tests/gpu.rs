//! A leak on a made-up GPU: warned of a minute before, by name, in the sample and in the past.
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use retop_engine::export::prometheus::{self, Format, Options};
use retop_engine::history::History;
use retop_engine::{Roots, Ticker, open};
use retop_fake_machine::{HandClock, Scratch};
use retop_fake_nvml::install;
use retop_model::alert::builtin;
use retop_model::family::{alert, gpu, gpu_forecast, process};
use retop_model::{FamilyId, Snapshot};

/// 80 GiB of which a training takes a quarter, going up and down, while another process leaks.
const SCENARIO: &str = r#"
driver = "580.159.03"
[[device]]
uuid = "GPU-a"
name = "NVIDIA H100"
total_mib = 81559
reserved_mib = 479
[[device.process]]
pid = 71
memory_mib = 20000
sm_percent = 80
[[device.process]]
pid = 72
memory_mib = [[0, 500], [400, 61000]]
until = 400
"#;

fn write(base: &Path, pid: u32, name: &str) {
    let folder = base.join(format!("proc/{pid}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let line =
        format!("{pid} ({name}) S 1 1 1 0 -1 4194304 0 0 0 0 5 5 0 0 20 0 1 0 900 1000 10 0 0 0 0");
    std::fs::write(folder.join("stat"), line).expect("a file");
}

fn firing(snapshot: &Snapshot) -> Vec<(String, String)> {
    let rows = snapshot.rows(FamilyId::Alert);
    let of = |row: retop_model::Row<'_>| {
        (row.shown(alert::alert).to_owned(), row.shown(alert::culprit).to_owned())
    };
    rows.map(of).filter(|(name, _)| name.starts_with("VRAM")).collect()
}

/// Who ended while the device was full: how many, and the last of them.
fn victims(snapshot: &Snapshot) -> Option<(f64, String, Option<f64>)> {
    let device = snapshot.rows(FamilyId::Gpu).next()?;
    let row = snapshot.find(FamilyId::GpuForecast, device.key())?;
    let name = row.shown(gpu_forecast::victim).to_owned();
    Some((row.get(gpu_forecast::victims)?, name, row.get(gpu_forecast::victim_pid)))
}

/// A forecast of the device and one of each process on it, all of the same device: one series.
fn its_scrape_is_of_the_device(now: &Snapshot) {
    assert!(now.rows(FamilyId::GpuForecast).count() >= 3);
    let mut page = String::new();
    prometheus::write(&mut page, Format::Text, now, None, Options::default());
    let mut series = HashSet::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, _) = line.rsplit_once(' ').expect("a value");
        assert!(series.insert(name), "{line} twice");
    }
    let device = now.rows(FamilyId::Gpu).next().expect("a device");
    let forecast = now.find(FamilyId::GpuForecast, device.key()).expect("a forecast");
    let full = forecast.get(gpu_forecast::full_seconds).expect("a time");
    let line = format!("retop_gpu_forecast_full_seconds{{uuid=\"GPU-a\",bound=\"middle\"}} {full}");
    assert!(page.lines().any(|known| known == line), "{line}\n{page}");
    assert!(!page.contains("retop_gpu_process"), "{page}");
}

#[test]
fn a_leak_is_told_a_minute_before_and_by_name() {
    let scratch = Scratch::new();
    let base = scratch.path();
    for folder in ["dev", "usr/lib", "proc", "sys"] {
        std::fs::create_dir_all(base.join(folder)).expect("a folder");
    }
    std::fs::write(base.join("dev/nvidiactl"), "").expect("a file");
    write(base, 71, "train");
    write(base, 72, "leak");
    let driver = install(&base.join("usr/lib"), SCENARIO, &[]).expect("installed");
    driver.set_clock(0.0).expect("set");

    let clock = Arc::new(HandClock::new(0, 0));
    let machine = open(None, Roots::below(base)).expect("a tree");
    let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
    ticker.set_rules(builtin());
    let mut history = History::new(16 << 20).expect("memory");
    let (mut warned, mut critical, mut cleared, mut ended) = (None, None, None, None);
    for second in 1..460_u32 {
        driver.set_clock(f64::from(second)).expect("set");
        clock.pass(1);
        let now = ticker.tick();
        history.push(&now).expect("encoded");
        let alerts = firing(&now);
        for (name, culprit) in &alerts {
            assert_eq!(culprit, "leak (72)", "{name} at {second}");
        }
        let has = |name: &str| alerts.iter().any(|(alert, _)| alert == name);
        if has("VRAM") {
            warned.get_or_insert(second);
        }
        if has("VRAM-FULL") && critical.is_none() {
            critical = Some(second);
            its_scrape_is_of_the_device(&now);
        }
        if has("VRAM-OOM") {
            ended.get_or_insert((second, victims(&now)));
        } else if ended.is_none() {
            assert!(victims(&now).is_none_or(|(count, ..)| count == 0.0), "at {second}");
        }
        if critical.is_some() && !has("VRAM-FULL") && !has("VRAM") {
            cleared.get_or_insert(second);
        }
    }
    // 80 GiB less what is kept, less the training, at 151 MiB a second: full at second 400.
    let (warned, critical) = (warned.expect("warned"), critical.expect("critical"));
    assert!((330..=345).contains(&critical), "a minute before: {critical}");
    assert!(warned < critical && warned > 100, "{warned}");
    assert!(cleared.is_some_and(|second| second > 400), "the process has ended: {cleared:?}");

    // It ended just as the memory was full: that is told, as a guess, and once.
    let (second, told) = ended.expect("told");
    assert!((400..=402).contains(&second), "{second}");
    assert_eq!(told, Some((1.0, "leak".to_owned(), Some(72.0))));

    // The past knows it as well as the present did, with what it was worked out from.
    let view = history.view();
    let then = view.asof(i64::from(critical) * 1000).expect("kept");
    assert!(firing(&then).iter().any(|(name, _)| name == "VRAM-FULL"));
    let device = then.rows(FamilyId::Gpu).next().expect("a device");
    let forecast = then.find(FamilyId::GpuForecast, device.key()).expect("a forecast");
    let full = forecast.get(gpu_forecast::full_seconds).expect("a time");
    let left = 400.0 - f64::from(critical);
    assert!((full - left).abs() < left * 0.15, "{full} s told, {left} s left");
    let band = [gpu_forecast::earliest_seconds, gpu_forecast::latest_seconds];
    let [Some(earliest), Some(latest)] = band.map(|field| forecast.get(field)) else {
        panic!("no band")
    };
    assert!(earliest <= full && full <= latest);
    assert_eq!(forecast.get(gpu_forecast::free_bytes), device.get(gpu::memory_free_bytes));
    let mut processes = then.rows(FamilyId::Process);
    let leak = processes.find(|row| row.shown(process::name) == "leak").expect("there");
    assert!(leak.get(process::gpu_full_seconds).is_some_and(|full| full < 70.0));
    assert!(leak.get(process::gpu_memory_bytes).is_some_and(|bytes| bytes > 40e9));
}

#[test]
fn devices_of_several_drivers_stand_in_one_table() {
    let scratch = Scratch::new();
    let base = scratch.path();
    retop_fake_machine::build("arc", base, 0).expect("a tree");
    for folder in ["dev", "usr/lib"] {
        std::fs::create_dir_all(base.join(folder)).expect("a folder");
    }
    std::fs::write(base.join("dev/nvidiactl"), "").expect("a file");
    let driver = install(&base.join("usr/lib"), SCENARIO, &[]).expect("installed");
    driver.set_clock(0.0).expect("set");
    let clock = Arc::new(HandClock::new(0, 0));
    let machine = open(None, Roots::below(base)).expect("a tree");
    let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
    let mut last = None;
    for second in 1..4 {
        driver.set_clock(second as f64).expect("set");
        retop_fake_machine::build("arc", base, second).expect("a tree");
        clock.pass(1);
        last = Some(ticker.tick());
    }
    let now = last.expect("a moment");
    let devices = now.rows(FamilyId::Gpu);
    let mut seen: Vec<(String, Option<f64>)> = devices
        .map(|row| {
            let watts = row.get(gpu::watts).map(f64::round);
            (row.shown(gpu::uuid).to_owned(), watts)
        })
        .collect();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    // Each has the rates of its own counters.
    let names: Vec<&str> = seen.iter().map(|(uuid, _)| uuid.as_str()).collect();
    assert_eq!(names, ["0000:04:00.0", "GPU-a"]);
    assert_eq!(seen[0].1, Some(142.0));
    assert!(seen[1].1.is_some(), "{seen:?}");
    let on = |name: &str| {
        let mut rows = now.rows(FamilyId::Process);
        let row = rows.find(|row| row.shown(process::name) == name).expect("a process");
        row.get(process::gpu_memory_bytes)
    };
    assert_eq!(on("llama-server"), Some(7_400.0 * 1_048_576.0));
    // A leak on one of them is told of, whatever the other is.
    assert!(now.rows(FamilyId::GpuForecast).any(|row| row.shown(gpu_forecast::uuid) == "GPU-a"));
}
