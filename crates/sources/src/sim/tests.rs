use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use retop_model::family::{
    battery, cgroup, core, cpu, disk, filesystem, gpu_process, memory, pressure, process, thread,
};
use retop_model::metric::Kind;
use retop_model::{Clock, Field, Key, RawSample, Row, Snapshot, Stamp, Unit, derive};

use super::*;
use crate::demand::{Demand, Rows};

struct FakeClock(AtomicU64);

impl Clock for FakeClock {
    fn now(&self) -> Stamp {
        let monotonic_ns = self.0.load(Ordering::Relaxed);
        let wall_ms = 1_760_000_000_000 + i64::try_from(monotonic_ns / 1_000_000).unwrap_or(0);
        Stamp { wall_ms, monotonic_ns, boottime_ns: monotonic_ns }
    }
}

struct Watch {
    machine: Machine,
    clock: FakeClock,
    demand: Demand,
    last: Option<Snapshot>,
}

impl Watch {
    fn new(name: &str) -> Watch {
        let machine = open(name).expect("a known name");
        let clock = FakeClock(AtomicU64::new(50_000_000_000));
        Watch { machine, clock, demand: Demand::everything(), last: None }
    }

    fn look(&mut self) -> &Snapshot {
        let mut sample = RawSample::new(self.clock.now());
        let mut read = Read::new(&self.clock, &self.demand);
        for source in &mut self.machine.sources {
            source.read(&mut read).expect("a made-up machine works");
        }
        read.tables.drain(..).for_each(|table| sample.put(Arc::new(table)));
        self.last.insert(derive(self.last.as_ref(), Arc::new(sample)))
    }

    fn after(&mut self, ms: u64) -> &Snapshot {
        self.clock.0.fetch_add(ms * 1_000_000, Ordering::Relaxed);
        self.look()
    }

    /// Looks at second `second` of script time, and half a second before it.
    fn at(&mut self, second: u64) -> &Snapshot {
        self.clock
            .0
            .store(50_000_000_000 + second * 1_000_000_000 - 500_000_000, Ordering::Relaxed);
        self.look();
        self.after(500)
    }
}

fn by_name<'a>(snapshot: &'a Snapshot, name: &str) -> Vec<Row<'a>> {
    let rows = snapshot.rows(FamilyId::Process);
    rows.filter(|row| row.shown(process::name) == name).collect()
}

fn total(snapshot: &Snapshot, field: Field) -> f64 {
    snapshot.rows(field.family).filter_map(|row| row.get(field)).sum()
}

#[test]
fn unknown_names_are_answered_with_the_known_ones() {
    let Err(error) = open("nope") else { panic!("opened") };
    let known = names().collect::<Vec<_>>();
    assert_eq!(error, MachineError::UnknownSimulation("nope".into(), known));
    assert!(names().count() >= 1);
}

#[test]
fn every_family_that_is_fed_has_rows_and_no_stranger() {
    for name in names() {
        let mut watch = Watch::new(name);
        let fed: Vec<FamilyId> =
            watch.machine.sources.iter().flat_map(|source| source.feeds().to_vec()).collect();
        watch.look();
        let key = watch.last.as_ref().and_then(|s| s.row(FamilyId::Process, 0)).map(Row::key);
        watch.demand.processes.threads = Rows::Keys(key.into_iter().collect());
        watch.demand.want(FamilyId::Thread, true);
        let snapshot = watch.after(1000);
        for family in FamilyId::all() {
            let rows = snapshot.rows(family).len();
            assert_eq!(rows > 0, fed.contains(&family), "{name}: {family:?} has {rows} rows");
            assert!(family.get().many || rows < 2, "{name}: {family:?}");
            for row in snapshot.rows(family) {
                for text in family.get().text_fields() {
                    // A whole device is a part of none.
                    let label = text.column().role == retop_model::metric::Role::Label
                        && text != retop_model::family::gpu::parent;
                    assert!(!label || row.text(text).is_some(), "{name}: {}", text.column().name);
                }
            }
        }
    }
}

#[test]
fn two_runs_are_equal_and_looking_more_often_changes_nothing() {
    for name in names() {
        let (mut seldom, mut often) = (Watch::new(name), Watch::new(name));
        let (mut again, mut end) = (Watch::new(name), Vec::new());
        for watch in [&mut seldom, &mut often, &mut again] {
            watch.look();
        }
        for _ in 0..150 {
            often.after(200);
        }
        for _ in 0..3 {
            seldom.after(10_000);
            again.after(10_000);
        }
        for watch in [&mut seldom, &mut often, &mut again] {
            let snapshot = watch.after(700);
            end.push(snapshot.raw().tables().map(|t| (**t).clone()).collect::<Vec<_>>());
        }
        assert!(end[0] == end[2], "{name}: two runs differ");
        assert!(end[0] == end[1], "{name}: it matters when one looks");
    }
}

/// Rows of counters as they were last seen, to be compared with the next look.
fn check(name: &str, snapshot: &Snapshot, seen: &mut HashMap<(FamilyId, Key, usize), i64>) {
    let now = snapshot.stamp();
    let mut present = HashMap::new();
    for family in FamilyId::all() {
        for row in snapshot.rows(family) {
            for (place, field) in family.get().fields().enumerate() {
                let counter = family.get().raw.get(place).map(|column| column.kind);
                if let (Some(Kind::Counter), Some(raw)) = (counter, row.raw(field)) {
                    let before = seen.get(&(family, row.key(), place)).copied().unwrap_or(0);
                    assert!(raw >= before, "{name} {now:?}: {family:?}.{} fell", field.name());
                    present.insert((family, row.key(), place), raw);
                }
                let Some(value) = row.get(field) else { continue };
                // Those of entities count CPUs; a young battery holds more than it was sold for.
                let free = [
                    process::cpu_ratio,
                    process::user_ratio,
                    process::system_ratio,
                    process::gpu_ratio,
                    gpu_process::cpu_ratio,
                    cgroup::cpu_ratio,
                    thread::cpu_ratio,
                    battery::health_ratio,
                ];
                if field.unit() == Unit::Ratio && !free.contains(&field) {
                    let fits = (-1e-9..=1.02).contains(&value);
                    assert!(fits, "{name} {now:?}: {family:?}.{} is {value}", field.name());
                }
            }
        }
    }
    *seen = present;
}

#[test]
fn counters_never_fall_and_shares_stay_shares() {
    for name in names() {
        let mut watch = Watch::new(name);
        let mut seen = HashMap::new();
        check(name, watch.look(), &mut seen);
        let looks = if watch.last.as_ref().is_some_and(|s| s.rows(FamilyId::Core).len() > 64) {
            20
        } else {
            200
        };
        for look in 0..looks {
            check(name, watch.after(700 + look % 4 * 200), &mut seen);
        }
    }
}

#[test]
fn the_parts_add_up_to_the_whole() {
    for name in names() {
        let mut watch = Watch::new(name);
        watch.look();
        watch.after(5_000);
        let snapshot = watch.after(500);
        let cores = snapshot.one(cpu::logical).unwrap_or(0.0);
        let busy = snapshot.one(cpu::utilization_ratio).unwrap_or(0.0) * cores;
        let irq = snapshot.one(cpu::irq_ratio).unwrap_or(0.0) * cores;
        let steal = snapshot.one(cpu::steal_ratio).unwrap_or(0.0) * cores;
        let used = total(snapshot, process::cpu_ratio);
        let error = (used + irq + steal - busy).abs();
        assert!(error < 0.01 + cores / 500.0, "{name}: {used} + {irq} + {steal} is not {busy}");
        let root = snapshot
            .rows(FamilyId::Cgroup)
            .find(|row| row.shown(cgroup::cgroup) == "/")
            .and_then(|row| row.get(cgroup::cpu_ratio));
        assert!(root.is_some_and(|root| (root - used).abs() < 0.01), "{name}: {root:?} {used}");
        let own = total(snapshot, process::resident_bytes) - total(snapshot, process::shared_bytes);
        let anonymous = snapshot.one(memory::anonymous_bytes).unwrap_or(0.0);
        assert!(anonymous <= own && anonymous > own * 0.6, "{name}: {anonymous} of {own}");
        for (field, parts) in [
            (memory::total_bytes, [memory::used_bytes, memory::free_bytes]),
            (memory::total_bytes, [memory::available_bytes, memory::anonymous_bytes]),
        ] {
            let sum: f64 = parts.iter().filter_map(|&part| snapshot.one(part)).sum();
            assert!(snapshot.one(field).is_some_and(|all| sum <= all), "{name}: {}", field.name());
        }
        let ratios =
            snapshot.rows(FamilyId::Core).filter_map(|row| row.get(core::utilization_ratio));
        let mean = ratios.sum::<f64>() / cores;
        assert!((mean - busy / cores).abs() < 0.01, "{name}: {mean}");
    }
}

#[test]
fn the_leak_ends_in_a_kill_and_a_new_worker() {
    let mut watch = Watch::new("web-incident");
    let workers = |snapshot: &Snapshot| by_name(snapshot, "gunicorn").len();
    let leaker = |snapshot: &Snapshot| {
        let rows = by_name(snapshot, "gunicorn").into_iter();
        let size = |row: &Row<'_>| row.raw(process::resident_bytes).unwrap_or(0);
        rows.max_by_key(size).map(|row| (row.key(), size(&row)))
    };
    watch.look();
    let (key, small) = leaker(watch.at(100)).expect("workers");
    let (key_before, large) = leaker(watch.at(200)).expect("workers");
    assert!(large > small + (8 << 30), "{key:?} grew from {small} to {large}");
    let (mut kill, mut highest) = (None, 0.0_f64);
    for second in 201..330 {
        let snapshot = watch.at(second);
        highest = highest.max(snapshot.one(memory::used_ratio).unwrap_or(0.0));
        assert_eq!(workers(snapshot), 13, "second {second}");
        if kill.is_none() && snapshot.one(memory::oom_kills) == Some(1.0) {
            kill = Some(second);
            assert!(snapshot.find(FamilyId::Process, key_before).is_none());
            assert!(leaker(snapshot).is_some_and(|(_, size)| size < small * 2));
        }
    }
    assert!(kill.is_some_and(|second| second > 220) && highest > 0.9, "{kill:?} {highest}");
    let groups = total(watch.at(340), cgroup::oom_kills);
    assert!((groups - 1.0).abs() < 1e-9, "{groups}");
    let again = watch.at(940).one(memory::oom_kills);
    assert_eq!(again, Some(2.0), "the next period brings the next kill");
}

#[test]
fn the_incident_shows_where_it_should() {
    let mut watch = Watch::new("web-incident");
    watch.look();
    let calm = watch.at(30);
    assert!(by_name(calm, "rustc").is_empty() && by_name(calm, "rsync").is_empty());
    assert!(calm.one(cpu::utilization_ratio).is_some_and(|busy| busy < 0.6));
    let build = watch.at(60);
    let compilers = by_name(build, "rustc").len() + by_name(build, "cc1plus").len();
    assert!(compilers >= 4, "{compilers}");
    assert!(build.one(cpu::utilization_ratio).is_some_and(|busy| busy > 0.9));
    assert!(build.one(cpu::nice_ratio).is_some_and(|nice| nice > 0.3));
    assert!(by_name(watch.at(359), "report.py").is_empty());
    let spike = watch.at(362);
    let report = by_name(spike, "report.py").first().and_then(|row| row.get(process::cpu_ratio));
    assert!(report.is_some_and(|ratio| ratio > 1.5), "{report:?}");
    assert!(by_name(watch.at(364), "report.py").is_empty());
    let calm_await =
        watch.at(385).row(FamilyId::Disk, 0).and_then(|d| d.get(disk::latency_seconds));
    let storm = watch.at(420);
    let storm_await = storm.row(FamilyId::Disk, 0).and_then(|d| d.get(disk::latency_seconds));
    assert!(
        storm_await > calm_await.map(|seconds| seconds * 10.0),
        "{calm_await:?} {storm_await:?}"
    );
    let blocked =
        storm.rows(FamilyId::Process).filter(|p| p.state(process::state) == Some("blocked"));
    assert!(blocked.count() > 5);
    let io = storm.rows(FamilyId::Pressure).find(|row| row.shown(pressure::resource) == "io");
    assert!(io.and_then(|row| row.get(pressure::some_ratio)).is_some_and(|ratio| ratio > 0.4));
    let var = |snapshot: &Snapshot| {
        let mut rows = snapshot.rows(FamilyId::Filesystem);
        let row = rows.find(|row| row.shown(filesystem::mountpoint) == "/var");
        row.and_then(|row| row.get(filesystem::used_ratio)).unwrap_or(0.0)
    };
    assert!(var(watch.at(450)) < 0.7);
    assert!(var(watch.at(589)) > 0.97);
    assert!(var(watch.at(595)) < 0.7);
}

#[test]
fn tables_do_not_grow_in_ten_thousand_ticks() {
    for name in names() {
        let mut watch = Watch::new(name);
        watch.demand = Demand::default();
        for family in [FamilyId::Process, FamilyId::Cgroup] {
            watch.demand.want(family, true);
        }
        let first = watch.look().rows(FamilyId::Process).len();
        // The others run through the same code: one long soak is enough.
        let ticks = if name == "web-incident" { 10_000 } else { 300 };
        let (mut most, mut groups) = (first, Vec::new());
        for tick in 0..ticks {
            let snapshot = watch.after(1000);
            most = most.max(snapshot.rows(FamilyId::Process).len());
            // Groups of scripted programs come with the first period.
            if tick == 1000 || tick == 9999 {
                groups.push(snapshot.rows(FamilyId::Cgroup).len());
            }
        }
        assert!(most <= first + 20, "{name}: from {first} to {most} processes");
        assert!(groups.windows(2).all(|pair| pair[0] == pair[1]), "{name}: {groups:?}");
    }
}

#[test]
fn only_what_is_wanted_is_given() {
    let mut watch = Watch::new("web-incident");
    watch.demand = Demand::default();
    assert_eq!(watch.look().raw().tables().count(), 0);
    watch.demand.want(FamilyId::Process, true).want(FamilyId::Thread, true);
    let snapshot = watch.after(1000);
    assert_eq!(snapshot.raw().tables().count(), 1, "threads of nobody are no table");
    let row = by_name(snapshot, "nginx").into_iter().next().expect("nginx");
    assert!(row.text(process::command).is_none() && row.raw(process::read_bytes).is_none());
    assert!(row.raw(process::resident_bytes).is_none() && row.raw(process::user_seconds).is_some());
    let key = by_name(snapshot, "redis-server").first().map(|row| row.key()).expect("redis");
    watch.demand.processes.threads = Rows::Keys(vec![key, Key(999_999, 1)]);
    watch.demand.processes.memory = Rows::Top(1);
    watch.after(1000);
    let snapshot = watch.after(1000);
    assert_eq!(snapshot.rows(FamilyId::Thread).len(), 5);
    let parent = snapshot.find(FamilyId::Process, key).and_then(|row| row.get(process::cpu_ratio));
    let threads = total(snapshot, thread::cpu_ratio);
    assert!(parent.is_some_and(|parent| (parent - threads).abs() < 0.001), "{parent:?} {threads}");
}

#[test]
fn ages_are_right_on_any_clock_and_a_jump_of_years_ends_soon() {
    let mut watch = Watch::new("web-incident");
    let first = watch.look();
    let age = first.find(FamilyId::Process, first.row(FamilyId::Process, 0).expect("init").key());
    let age = age.and_then(|row| row.get(process::age_seconds)).unwrap_or(0.0);
    assert!((age - 19.0 * 86_400.0).abs() < 86_400.0, "{age}");
    watch.clock.0.store(u64::MAX / 2, Ordering::Relaxed);
    assert!(watch.look().rows(FamilyId::Process).len() > 50);
    watch.clock.0.store(3, Ordering::Relaxed);
    assert!(watch.look().rows(FamilyId::Process).len() > 50, "a clock that went back");
}

#[test]
fn a_text_stays_the_same_piece_of_memory() {
    for name in names() {
        let mut watch = Watch::new(name);
        let before = watch.look().clone();
        let now = watch.after(1000);
        for family in FamilyId::all() {
            for row in now.rows(family) {
                let Some(earlier) = before.find(family, row.key()) else { continue };
                for field in family.get().text_fields() {
                    let same = match (earlier.text(field), row.text(field)) {
                        (Some(earlier), Some(now)) => earlier.same(now),
                        (None, None) => true,
                        _ => false,
                    };
                    assert!(same, "{name}: {family:?} {}", field.column().name);
                }
            }
        }
    }
}
