use retop_model::alert::{Alerts, builtin};
use retop_model::family::{filesystem, process};
use retop_model::{RawSample, RawTable, Window, derive};

use super::*;

/// A machine whose only numbers are the ones that the test sets.
#[derive(Default)]
struct Scene {
    log: Log,
    alerts: Option<Alerts>,
    number: u64,
    stamp: Stamp,
    last: Option<Snapshot>,
}

impl Scene {
    fn new() -> Scene {
        let second = 1_000_000_000;
        let stamp = Stamp { wall_ms: 1_000, monotonic_ns: second, boottime_ns: second };
        Scene { alerts: Some(Alerts::new(builtin())), stamp, ..Scene::default() }
    }

    /// So many seconds awake, asleep, and by which the clock was set.
    fn pass(&mut self, awake: f64, asleep: f64, set: f64) -> &mut Scene {
        let ns = |seconds: f64| (seconds * 1e9) as u64;
        self.stamp.monotonic_ns += ns(awake);
        self.stamp.boottime_ns += ns(awake + asleep);
        self.stamp.wall_ms += ((awake + asleep + set) * 1e3) as i64;
        self
    }

    fn tick(&mut self, fill: impl FnOnce(&mut dyn FnMut(RawTable))) -> &mut Scene {
        let mut sample = RawSample::new(self.stamp);
        let ns = self.stamp.monotonic_ns;
        fill(&mut |mut table: RawTable| {
            table.finish(Window { begin_ns: ns, end_ns: ns });
            sample.put(Arc::new(table));
        });
        let mut moment = derive(self.last.as_ref(), Arc::new(sample));
        if let Some(alerts) = &mut self.alerts {
            alerts.advance(&moment);
            let table = alerts.table(&moment);
            moment = moment.with_table(self.last.as_ref(), table);
        }
        self.log.push(self.number, &moment);
        self.number += 1;
        self.last = Some(moment);
        self
    }

    /// Ticks a second apart.
    fn run(&mut self, count: u64) -> &mut Scene {
        for _ in 0..count {
            self.pass(1.0, 0.0, 0.0).tick(|_| {});
        }
        self
    }

    fn said(&self) -> Vec<(u64, String)> {
        let told = |entry: &Arc<Entry>| {
            let text = match &entry.what {
                What::Fired { alert, ended } => {
                    let ended = ended.map_or("-".to_owned(), |at| at.wall_ms.to_string());
                    format!("fired {} {} {ended}", alert.name, alert.message)
                }
                What::Cleared { alert, fired } => {
                    let worst = alert.worst.unwrap_or(f64::NAN);
                    format!("cleared {} {} {worst:.2}", alert.name, fired.wall_ms)
                }
                What::Killed { count, group, victim } => {
                    format!("killed {count} {group} {}", victim.as_deref().unwrap_or("-"))
                }
                What::Lost { source, reason } => format!("lost {source}: {reason}"),
                What::Back { source } => format!("back {source}"),
                What::Woken { device, by } => format!("woken {device}: {by}"),
                What::Slept(seconds) => format!("slept {seconds}"),
                What::Missed(seconds) => format!("missed {seconds}"),
                What::ClockSet(seconds) => format!("set {seconds}"),
            };
            (entry.number, text)
        };
        self.log.iter().map(told).collect()
    }
}

fn disk(percent: i64) -> RawTable {
    let mut table = RawTable::new(FamilyId::Filesystem);
    table
        .push(Key(1, 0))
        .text(filesystem::mountpoint, "/srv")
        .set(filesystem::size_bytes, 100_i64)
        .set(filesystem::free_bytes, 100 - percent)
        .set(filesystem::avail_bytes, 100 - percent);
    table
}

#[test]
fn an_alert_is_there_twice_and_knows_its_end() {
    let mut scene = Scene::new();
    for percent in [90, 96, 98, 97] {
        scene.pass(1.0, 0.0, 0.0).tick(|give| give(disk(percent)));
    }
    let fired = |ended: &str| (1, format!("fired DISK /srv 96% used, limit 95% {ended}"));
    assert_eq!(scene.said(), [fired("-")]);
    let version = scene.log.version();
    scene.pass(1.0, 0.0, 0.0).tick(|give| give(disk(50)));
    assert_eq!(scene.said(), [fired("6000"), (4, "cleared DISK 3000 0.98".to_owned())]);
    assert_ne!(scene.log.version(), version);
    let Some(What::Cleared { alert, .. }) = scene.log.iter().next_back().map(|e| &e.what) else {
        panic!("cleared")
    };
    assert_eq!((alert.unit, alert.limit, &*alert.subject), (Unit::Ratio, Some(0.95), "/srv"));
}

#[test]
fn time_that_nobody_saw_is_told_and_a_longer_interval_is_not() {
    let mut scene = Scene::new();
    scene.run(3).pass(1.0, 3600.0, 0.0).tick(|_| {}).run(2);
    assert_eq!(scene.said(), [(3, "slept 3600".to_owned())]);
    scene.pass(40.0, 0.0, 0.0).tick(|_| {}).run(1);
    assert_eq!(scene.said()[1..], [(6, "missed 40".to_owned())]);
    scene.pass(1.0, 0.0, -7200.0).tick(|_| {});
    assert_eq!(scene.said()[2..], [(8, "set -7200".to_owned())]);
    // Somebody asked for a sample each half minute.
    for _ in 0..3 {
        scene.pass(30.0, 0.0, 0.0).tick(|_| {});
    }
    // And the clocks of another recording.
    scene.stamp = Stamp { wall_ms: 5, monotonic_ns: 5, boottime_ns: 5 };
    scene.tick(|_| {}).run(1);
    assert_eq!(scene.said().len(), 3, "{:?}", scene.said());
}

fn crowd(rows: &[(u64, &str, &str, i64)], kills: i64) -> impl FnOnce(&mut dyn FnMut(RawTable)) {
    let mut table = RawTable::new(FamilyId::Process);
    for &(pid, name, group, bytes) in rows {
        table
            .push(Key(pid, 1))
            .text(process::name, name)
            .text(process::cgroup, group)
            .set(process::resident_bytes, bytes);
    }
    let mut memory = RawTable::new(FamilyId::Memory);
    memory.push(Key::ONE).set(memory::oom_kills, kills);
    let mut groups = RawTable::new(FamilyId::Cgroup);
    groups
        .push(Key(7, 7))
        .text(cgroup::cgroup, "/app")
        .set(cgroup::oom_kills, kills)
        .set(cgroup::limit_ooms, kills);
    move |give| [table, memory, groups].into_iter().for_each(give)
}

#[test]
fn a_kill_names_the_largest_who_is_gone() {
    let mut scene = Scene::new();
    scene.alerts = None;
    let all = [(1, "init", "/", 10), (5, "hog", "/app/x", 900), (6, "cat", "/app", 20)];
    let outside = [all[0], (9, "huge", "/other", 5000)];
    scene.tick(crowd(&[all[0], all[1], all[2], outside[1]], 3));
    assert_eq!(scene.said(), [], "what was before is no news");
    scene.pass(1.0, 0.0, 0.0).tick(crowd(&[all[0]], 5));
    let kills = [(1, "killed 2  huge (9)"), (1, "killed 2 /app hog (5)")];
    assert_eq!(scene.said(), kills.map(|(number, text)| (number, text.to_owned())));
    scene.pass(1.0, 0.0, 0.0).tick(crowd(&[all[0]], 6));
    assert_eq!(scene.said()[2].1, "killed 1 /app cat (6)", "who is gone besides");
    scene.pass(1.0, 0.0, 0.0).tick(crowd(&[all[0]], 7));
    assert_eq!(scene.said()[3].1, "killed 1 /app -", "nobody is known");
}

#[test]
fn a_kill_is_one_entry_though_its_group_is_read_later() {
    let machine = |bytes: Option<i64>, kills: i64| {
        let mut rows = RawTable::new(FamilyId::Process);
        if let Some(bytes) = bytes {
            rows.push(Key(5, 1))
                .text(process::name, "hog")
                .text(process::cgroup, "/app/x")
                .set(process::resident_bytes, bytes);
        }
        let mut memory = RawTable::new(FamilyId::Memory);
        memory.push(Key::ONE).set(memory::oom_kills, kills);
        [rows, memory]
    };
    let groups = |kills: i64| {
        let mut groups = RawTable::new(FamilyId::Cgroup);
        for (key, path, own) in [(7, "/app", kills), (8, "/app/x", 0)] {
            groups
                .push(Key(key, 7))
                .text(cgroup::cgroup, path)
                .set(cgroup::oom_kills, kills)
                .set(cgroup::limit_ooms, own);
        }
        groups
    };
    let mut scene = Scene::new();
    scene.alerts = None;
    scene.tick(|give| machine(Some(9), 0).into_iter().chain([groups(0)]).for_each(give));
    // Killed, and still running to its end.
    scene.pass(1.0, 0.0, 0.0).tick(|give| machine(Some(0), 1).into_iter().for_each(give));
    assert_eq!(scene.said(), [(1, "killed 1  hog (5)".to_owned())]);
    let version = scene.log.version();
    for _ in 0..7 {
        scene.pass(1.0, 0.0, 0.0).tick(|give| machine(None, 1).into_iter().for_each(give));
    }
    let late = machine(None, 1).into_iter().chain([groups(1)]);
    scene.pass(1.0, 0.0, 0.0).tick(|give| late.for_each(give));
    assert_eq!(scene.said(), [(1, "killed 1 /app hog (5)".to_owned())]);
    assert_ne!(scene.log.version(), version);
    // A recording has written both by then, and whoever reads it adds them up.
    let entry = |number: u64, group: &str| {
        let (group, victim) = (group.to_owned(), Some("hog (5)".to_owned()));
        let stamp = Stamp { monotonic_ns: number * 1_000_000_000, ..Stamp::default() };
        Entry { number, stamp, what: What::Killed { count: 1, group, victim } }
    };
    let restored = Log::restored(vec![entry(1, ""), entry(9, "/app")], 0);
    assert_eq!(
        restored.iter().map(|e| (**e).clone()).collect::<Vec<_>>(),
        [Entry { number: 1, ..Entry { what: entry(9, "/app").what, ..entry(1, "") } }]
    );
    let apart = Log::restored(vec![entry(1, ""), entry(30, "/app")], 0);
    assert_eq!(apart.iter().len(), 2, "another kill");
}

fn sources(state: i64, reads: i64) -> RawTable {
    let mut table = RawTable::new(FamilyId::Source);
    table
        .push(Key(1, 1))
        .text(source::source, "disks")
        .text(source::reason, "no answer for 4 s")
        .set(source::state, state)
        .set(source::reads, reads)
        .set(source::errors, 1_i64);
    table
}

#[test]
fn a_source_is_lost_once_and_comes_back_once() {
    let mut scene = Scene::new();
    scene.alerts = None;
    let states = [source::FAILING, source::WORKS, source::SLOW, source::SLOW, source::WORKS];
    for (state, reads) in states.into_iter().zip(1..) {
        scene.pass(1.0, 0.0, 0.0).tick(|give| give(sources(state, reads)));
    }
    let wanted = [(2, "lost disks: no answer for 4 s"), (4, "back disks")];
    assert_eq!(scene.said(), wanted.map(|(number, text)| (number, text.to_owned())));
}

#[test]
fn the_log_is_bounded_and_goes_with_its_samples() {
    let mut scene = Scene::new();
    for round in 0..1500 {
        scene.pass(1.0, 0.0, 0.0).tick(|give| give(disk(if round % 2 == 0 { 99 } else { 9 })));
    }
    assert_eq!(scene.log.iter().len(), MOST);
    assert!(scene.log.memory() < 1 << 20, "{}", scene.log.memory());
    scene.log.forget(1400);
    assert_eq!(scene.log.iter().next().map(|entry| entry.number), Some(1400));
    scene.log.forget(u64::MAX);
    assert_eq!((scene.log.iter().len(), scene.log.bytes), (0, 0));
}

#[test]
fn a_device_that_wakes_is_told_once_and_by_whom() {
    let device = |state: i64, by: Option<&str>| {
        let mut table = RawTable::new(FamilyId::Gpu);
        table
            .push(Key(1, 0))
            .text(gpu::pci_address, "0000:01:00.0")
            .text_if(gpu::woken_by, by)
            .set(gpu::state, state);
        table
    };
    let mut scene = Scene::new();
    for (state, by) in [
        (gpu::ASLEEP, None),
        (gpu::ACTIVE, Some("python3 (71)")),
        (gpu::ACTIVE, Some("python3 (71)")),
        (gpu::ASLEEP, None),
        (gpu::ACTIVE, Some("Xorg (20)")),
    ] {
        scene.pass(1.0, 0.0, 0.0).tick(|give| give(device(state, by)));
    }
    let told = |number, by: &str| (number, format!("woken 0000:01:00.0: {by}"));
    assert_eq!(scene.said(), [told(1, "python3 (71)"), told(4, "Xorg (20)")]);
    // What woke before the first sample that is there is no news.
    let mut late = Scene::new();
    late.pass(1.0, 0.0, 0.0).tick(|give| give(device(gpu::ACTIVE, Some("Xorg (20)"))));
    assert_eq!(late.said(), []);
}
