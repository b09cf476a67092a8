use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::family::{
    FAMILIES, alert, cgroup, core, cpu, exit, filesystem, gpu, memory, own, power, pressure,
    process, sensor, source, task,
};
use crate::sample::RawSample;
use crate::snapshot::derive;
use crate::stamp::Window;
use crate::table::RawTable;

mod filled;
mod group;

/// A machine whose only numbers are the ones that the test sets, one second a step.
struct Scene {
    second: u64,
    last: Option<Snapshot>,
}

impl Scene {
    fn new() -> Scene {
        Scene { second: 0, last: None }
    }

    fn step(&mut self, fill: impl FnOnce(&mut Vec<RawTable>)) -> Snapshot {
        self.second += 1;
        let ns = self.second * 1_000_000_000;
        let stamp = Stamp {
            wall_ms: i64::try_from(self.second * 1000).expect("small"),
            monotonic_ns: ns,
            boottime_ns: ns,
        };
        let mut sample = RawSample::new(stamp);
        let mut tables = Vec::new();
        fill(&mut tables);
        for mut table in tables {
            table.finish(Window { begin_ns: ns, end_ns: ns });
            sample.put(Arc::new(table));
        }
        let snapshot = derive(self.last.as_ref(), Arc::new(sample));
        self.last = Some(snapshot.clone());
        snapshot
    }
}

fn disk_at(percent: u64) -> impl FnOnce(&mut Vec<RawTable>) {
    move |tables| {
        let mut table = RawTable::new(FamilyId::Filesystem);
        table
            .push(Key(1, 0))
            .text(filesystem::mountpoint, "/srv")
            .set(filesystem::size_bytes, 100_u64)
            .set(filesystem::free_bytes, 100 - percent)
            .set(filesystem::avail_bytes, 100 - percent);
        tables.push(table);
    }
}

#[test]
fn a_disk_fires_once_and_clears_with_hysteresis() {
    let mut alerts = Alerts::new(builtin());
    let mut scene = Scene::new();
    let mut run = |percent| alerts.advance(&scene.step(disk_at(percent)));
    assert_eq!([run(90), run(95), run(96), run(94), run(93), run(94)], [0, 1, 0, 0, 0, 0]);
    assert_eq!(run(92), 1);
    assert_eq!(run(94), 0);
    let kinds: Vec<_> = alerts.events().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Fired, EventKind::Cleared]);
    let last = alerts.events().next_back().expect("cleared");
    assert_eq!((last.alert.subject.as_str(), last.alert.worst), ("/srv", 0.96));
    assert_eq!(last.alert.since.wall_ms, 2000);
}

#[test]
fn a_subject_that_is_gone_no_longer_alarms() {
    let mut alerts = Alerts::new(builtin());
    let mut scene = Scene::new();
    assert_eq!(alerts.advance(&scene.step(disk_at(99))), 1);
    assert_eq!(alerts.active().len(), 1);
    assert_eq!(alerts.advance(&scene.step(|_| {})), 1);
    assert!(alerts.active().is_empty() && alerts.watches.is_empty());
}

#[test]
fn one_bad_sample_is_no_alarm_where_it_must_last() {
    let mut alerts = Alerts::new(builtin());
    let mut scene = Scene::new();
    let mut run = |available: u64| {
        alerts.advance(&scene.step(|tables| {
            let mut table = RawTable::new(FamilyId::Memory);
            table
                .push(Key::ONE)
                .set(memory::total_bytes, 100_u64)
                .set(memory::available_bytes, available);
            tables.push(table);
        }))
    };
    assert_eq!([run(4), run(4), run(9), run(4), run(4)], [0; 5]);
    assert_eq!([run(4), run(7), run(8), run(9)], [1, 0, 0, 1]);
}

#[test]
fn the_culprit_of_a_group_is_in_the_group() {
    let mut alerts = Alerts::new(builtin());
    let mut scene = Scene::new();
    let mut events = 0;
    for _ in 0..3 {
        events += alerts.advance(&scene.step(|tables| {
            let mut groups = RawTable::new(FamilyId::Cgroup);
            groups
                .push(Key(1, 1))
                .text(cgroup::cgroup, "/app")
                .set(cgroup::working_set_bytes, 95_u64)
                .set(cgroup::memory_limit_bytes, 100_u64);
            tables.push(groups);
            let mut rows = RawTable::new(FamilyId::Process);
            for (pid, group, bytes) in [(5, "/app/x", 60_u64), (6, "/app2", 900), (7, "/app", 35)] {
                rows.push(Key(pid, 1))
                    .text(process::name, format!("p{pid}"))
                    .text(process::cgroup, group)
                    .set(process::resident_bytes, bytes);
            }
            tables.push(rows);
        }));
    }
    assert_eq!(events, 1);
    let active = alerts.active();
    let suspect = active[0].culprit.as_ref().expect("named");
    assert_eq!((active[0].subject.as_str(), suspect.name.as_str(), suspect.pid), ("/app", "p5", 5));
}

/// Kills so far, who runs, and whose end was reported with which signal.
fn killed(kills: u64, running: &[u64], ends: &[(u64, u64)]) -> impl FnOnce(&mut Vec<RawTable>) {
    let mut rows = RawTable::new(FamilyId::Process);
    for &pid in running {
        rows.push(Key(pid, 1))
            .text(process::name, format!("p{pid}"))
            .set(process::resident_bytes, pid * 100);
    }
    let mut exits = RawTable::new(FamilyId::Exit);
    for (place, &(pid, signal)) in ends.iter().enumerate() {
        exits.push(Key(place as u64, 1)).set(exit::pid, pid).set(exit::signal, signal);
    }
    let mut memory = RawTable::new(FamilyId::Memory);
    memory.push(Key::ONE).set(memory::oom_kills, kills);
    move |tables| tables.extend([rows, exits, memory])
}

#[test]
fn a_kill_is_shown_for_a_minute_and_names_who_is_probably_gone() {
    for (ends, named) in [(&[][..], "p9 (9)"), (&[(9, 15), (5, 9), (7, 9)], "p7 (7)")] {
        let mut alerts = Alerts::new(builtin());
        let mut scene = Scene::new();
        alerts.advance(&scene.step(killed(0, &[1, 5, 7, 9], &[])));
        assert_eq!(alerts.advance(&scene.step(killed(1, &[1], ends))), 1);
        let mut text = String::new();
        alerts.active()[0].describe(&mut text).expect("a string takes all");
        let wanted = format!("the kernel killed a process for want of memory, probably {named}");
        assert_eq!(text, wanted);
        let events: Vec<_> =
            (0..61).map(|_| alerts.advance(&scene.step(killed(1, &[1], &[])))).collect();
        assert_eq!(events.iter().position(|&count| count > 0), Some(59), "{events:?}");
        assert!(alerts.active().is_empty());
    }
}

#[test]
fn every_rule_clears_on_the_good_side_of_its_limit() {
    for rule in builtin() {
        assert!(rule.sustain > 0, "{}", rule.name);
        assert!(!rule.is_clear(rule.limit) || rule.limit == rule.clear, "{}", rule.name);
        let good = match rule.bound {
            Bound::Above => rule.clear - 1.0,
            Bound::Below => rule.clear + 1.0,
        };
        assert!(rule.is_clear(good) && !rule.is_beyond(good), "{}", rule.name);
    }
}

#[test]
fn a_rise_is_measured_from_the_lowest_of_the_last_minutes() {
    let mut alerts = Alerts::new(vec![swap_rise(100.0)]);
    let mut scene = Scene::new();
    let mut run = |used: u64| {
        alerts.advance(&scene.step(|tables| {
            let mut table = RawTable::new(FamilyId::Memory);
            table
                .push(Key::ONE)
                .set(memory::swap_total_bytes, 10_000_u64)
                .set(memory::swap_free_bytes, 10_000 - used);
            tables.push(table);
        }))
    };
    assert_eq!([run(5000), run(5000), run(5099), run(5100), run(5150)], [0; 5]);
    assert_eq!(run(5200), 1, "three samples with 100 bytes more");
    let events: usize = (0..300).map(|_| run(5200)).sum();
    assert_eq!(events, 1, "it no longer rises");
    let kinds: Vec<_> = alerts.events().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Fired, EventKind::Cleared]);
    let last = alerts.events().next_back().expect("cleared");
    assert_eq!((last.alert.worst, last.alert.limit), (200.0, 100.0));
}

#[test]
fn a_package_at_its_power_limit() {
    let mut alerts = Alerts::new(vec![package_power(0.85)]);
    let mut scene = Scene::new();
    let mut events = 0;
    for _ in 0..3 {
        events += alerts.advance(&scene.step(|tables| {
            let mut table = RawTable::new(FamilyId::Power);
            for (number, domain) in (0..).zip(["package-0", "core"]) {
                table
                    .push(Key(number, 0))
                    .text(power::domain, domain)
                    .text(power::source, "powercap")
                    .set(power::reading_watts, 90_000_000)
                    .set(power::limit_watts, 100_000_000);
            }
            tables.push(table);
        }));
    }
    assert_eq!(events, 1);
    let mut text = String::new();
    alerts.active()[0].describe(&mut text).expect("a string takes all");
    assert_eq!(text, "package-0 powercap 90% of its power limit, limit 85%");
}

#[test]
fn zombies_have_a_parent() {
    let mut alerts = Alerts::new(builtin());
    let mut scene = Scene::new();
    for _ in 0..3 {
        alerts.advance(&scene.step(|tables| {
            let mut task = RawTable::new(FamilyId::Task);
            task.push(Key::ONE).set(task::zombies, 61);
            tables.push(task);
            let mut rows = RawTable::new(FamilyId::Process);
            let states = [(1, 0, 1), (7, 1, 1), (8, 7, 5), (9, 7, 5), (10, 1, 5), (11, 1, 0)];
            for (pid, parent, state) in states {
                rows.push(Key(pid, 1))
                    .text(process::name, format!("p{pid}"))
                    .set(process::parent_pid, parent)
                    .set(process::state, state);
            }
            tables.push(rows);
        }));
    }
    let mut text = String::new();
    alerts.active()[0].describe(&mut text).expect("a string takes all");
    assert_eq!(text, "61 zombies, limit 50, by p7 (7)");
}

/// A core at that share of its clock, busy or not, beside a sensor of that temperature.
fn clocked(mhz: u64, busy: bool, celsius: u64, tick: u64) -> impl FnOnce(&mut Vec<RawTable>) {
    let mut cores = RawTable::new(FamilyId::Core);
    let mut row = cores.push(Key(0, 0));
    for field in [
        core::user_seconds,
        core::nice_seconds,
        core::system_seconds,
        core::idle_seconds,
        core::iowait_seconds,
    ] {
        row.set(field, 0_u64);
    }
    row.set(if busy { core::user_seconds } else { core::idle_seconds }, tick * 1_000_000)
        .set(core::frequency_hertz, mhz * 1_000_000)
        .set(core::frequency_maximum_hertz, 4_000_000_000_u64);
    let mut cpu = RawTable::new(FamilyId::Cpu);
    cpu.push(Key::ONE).set(cpu::logical, 1);
    let mut sensors = RawTable::new(FamilyId::Sensor);
    sensors
        .push(Key(0, 0))
        .set(sensor::temperature_celsius, celsius * 1000)
        .set(sensor::high_celsius, 90_000)
        .set(sensor::critical_celsius, 110_000);
    move |tables| tables.extend([cores, cpu, sensors])
}

#[test]
fn a_low_clock_is_an_alert_only_under_load_and_in_heat() {
    for (mhz, busy, celsius, fires) in [
        (2000, true, 95, true),
        (3700, true, 95, false),
        (2000, false, 95, false),
        (2000, true, 60, false),
    ] {
        let mut alerts = Alerts::new(vec![throttling(0.9)]);
        let mut scene = Scene::new();
        for tick in 0..6 {
            alerts.advance(&scene.step(clocked(mhz, busy, celsius, tick)));
        }
        let active = alerts.active();
        assert_eq!(active.len(), usize::from(fires), "{mhz} {busy} {celsius}");
        if let Some(active) = active.first() {
            assert_eq!((active.rule.as_str(), active.value), ("THROTTLING:CPU", 0.5));
        }
    }
}

#[test]
fn a_gpu_at_its_power_limit_is_no_alert_and_a_hot_one_is() {
    for (field, fires) in [(gpu::power_capped_seconds, 0), (gpu::thermal_seconds, 1)] {
        let mut alerts = Alerts::new(builtin());
        let mut scene = Scene::new();
        for second in 0..5_u64 {
            alerts.advance(&scene.step(|tables| {
                let mut table = RawTable::new(FamilyId::Gpu);
                table.push(Key(0, 0)).set(field, second * 500_000_000);
                tables.push(table);
            }));
        }
        let active = alerts.active();
        assert_eq!(active.len(), fires, "{}", field.name());
        assert!(active.iter().all(|active| active.rule == "THROTTLING:GPU"));
    }
}

#[test]
fn memory_that_moves_all_it_can() {
    let mut alerts = Alerts::new(vec![bandwidth(0.85)]);
    let mut scene = Scene::new();
    let mut fired = Vec::new();
    let mut moved = 0_u64;
    for percent in [90, 90, 90, 90, 82, 70] {
        moved += percent;
        alerts.advance(&scene.step(|tables| {
            let mut table = RawTable::new(FamilyId::Memory);
            table
                .push(Key::ONE)
                .set(memory::traffic_bytes, moved)
                .set(memory::traffic_limit_bytes_per_second, 100);
            tables.push(table);
        }));
        fired.push(alerts.active().len());
    }
    assert_eq!(fired, [0, 0, 0, 1, 1, 0], "three rates, and five points of slack");
}

#[test]
fn an_alert_is_one_readable_sentence() {
    let name = "rsync".to_owned();
    let suspect = Suspect { key: Key(3101, 1), pid: 3101, name, guessed: false, ended: false };
    let words = |field, phrase, subject: &str, value, limit, culprit: Option<&Suspect>| {
        let alert = Active {
            rule: "X".to_owned(),
            severity: Severity::Warning,
            subject: subject.to_owned(),
            about: subject.to_owned(),
            value,
            worst: value,
            limit,
            field,
            phrase,
            culprit: culprit.cloned(),
            unseen: false,
            note: None,
            since: Stamp::default(),
            fired: Stamp::default(),
        };
        let mut text = String::new();
        alert.describe(&mut text).expect("a string takes all");
        text
    };
    use Phrase::{Measured, Named, Plain, Sentence, Whole};
    let cases = [
        (
            words(filesystem::used_ratio, Named, "/srv", 0.96, 0.95, Some(&suspect)),
            "/srv 96% used, limit 95%, by rsync (3101)",
        ),
        (
            words(memory::available_ratio, Named, "", 0.03, 0.05, None),
            "memory 3.0% available, limit 5.0%",
        ),
        (
            words(memory::swap_in_bytes_per_second, Named, "", 3e7, 2e7, None),
            "memory 29M/s swap in, limit 19M/s",
        ),
        (
            words(memory::available_ratio, Whole("of memory available"), "", 0.03, 0.05, None),
            "3.0% of memory available, limit 5.0%",
        ),
        (
            words(pressure::full_ratio, Whole("all wait for memory"), "memory", 0.6, 0.5, None),
            "60% all wait for memory, limit 50%",
        ),
        (
            words(memory::oom_kills_per_second, Sentence("it killed"), "", 1.0, 1e-9, None),
            "it killed",
        ),
        (words(task::zombies, Named, "", 61.0, 50.0, None), "61 zombies, limit 50"),
        (words(power::watts, Named, "core perf", 12.0, 10.0, None), "core perf 12.0W, limit 10.0W"),
        (
            words(pressure::full_ratio, Measured("of the time"), "io", 0.6, 0.5, Some(&suspect)),
            "io 60% of the time, limit 50%, by rsync (3101)",
        ),
        (
            words(source::lost, Plain("no longer answers"), "rapl", 1.0, 1.0, None),
            "rapl no longer answers",
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(text, wanted);
    }
}

#[test]
fn what_fires_is_a_table_and_nothing_else_is() {
    let mut alerts = Alerts::new(builtin());
    let mut scene = Scene::new();
    let mut table = |percent| {
        let snapshot = scene.step(disk_at(percent));
        alerts.advance(&snapshot);
        let table = alerts.table(&snapshot);
        snapshot.with_table(None, table)
    };
    assert_eq!(table(90).rows(FamilyId::Alert).len(), 0);
    let first = table(96);
    let later = table(97);
    let row = later.rows(FamilyId::Alert).next().expect("fires");
    assert_eq!(Some(row.key()), first.rows(FamilyId::Alert).next().map(Row::key), "the same one");
    let texts = [alert::alert, alert::severity, alert::subject, alert::message, alert::culprit];
    let shown = texts.map(|text| row.shown(text));
    assert_eq!(shown, ["DISK", "warning", "/srv", "/srv 97% used, limit 95%", ""]);
    let numbers = [alert::value, alert::worst, alert::limit, alert::since_time_seconds];
    assert_eq!(numbers.map(|field| row.get(field)), [0.97, 0.97, 0.95, 2.0].map(Some));
    assert_eq!((row.get(alert::firing), row.get(alert::culprit_pid)), (Some(1.0), None));
    assert_eq!(table(50).rows(FamilyId::Alert).len(), 0);
}

#[test]
fn a_moment_is_judged_once() {
    let mut alerts = Alerts::new(builtin());
    let snapshot = Scene::new().step(|tables| {
        let mut table = RawTable::new(FamilyId::Task);
        table.push(Key::ONE).set(task::zombies, 99);
        tables.push(table);
    });
    assert_eq!([(); 9].map(|()| alerts.advance(&snapshot)), [0; 9]);
}

#[test]
fn what_does_not_fit_is_missing_and_two_rules_of_one_name_are_one_row() {
    let rule = |expr: &str| {
        let user = UserRule { name: "BIG".to_owned(), expr: expr.to_owned(), ..Default::default() };
        user.rule().expect("understood")
    };
    let rules =
        ["filesystem.size_bytes > 1T", "filesystem.size_bytes > 0"].map(rule).into_iter().collect();
    let mut alerts = Alerts::new(rules);
    let snapshot = Scene::new().step(|tables| {
        let mut table = RawTable::new(FamilyId::Filesystem);
        table.push(Key(1, 0)).set(filesystem::size_bytes, 1_i64 << 50);
        tables.push(table);
    });
    assert_eq!(alerts.advance(&snapshot), 2);
    let with = snapshot.clone().with_table(None, alerts.table(&snapshot));
    let row = with.row(FamilyId::Alert, 0).expect("fires");
    assert_eq!((row.get(alert::value), row.get(alert::limit)), (None, Some(1.099_511_627_776e12)));
    assert_eq!(with.rows(FamilyId::Alert).len(), 1);
}

#[test]
fn the_number_of_alerts_is_known_only_where_they_are_watched_for() {
    let snapshot = Scene::new().step(|tables| {
        let mut table = RawTable::new(FamilyId::Own);
        table.push(Key::ONE).set(own::samples, 1);
        tables.push(table);
        let mut table = RawTable::new(FamilyId::Task);
        table.push(Key::ONE).set(task::zombies, 99);
        tables.push(table);
    });
    assert_eq!(snapshot.one(own::alerts_warning), None);
    let mut alerts = Alerts::new(vec![Rule { sustain: 1, ..zombies() }]);
    alerts.advance(&snapshot);
    let table = alerts.table(&snapshot);
    let snapshot = snapshot.with_table(None, table);
    let counts = [own::alerts_warning, own::alerts_critical].map(|field| snapshot.one(field));
    assert_eq!(counts, [Some(1.0), Some(0.0)]);
}

fn zombies() -> Rule {
    builtin().into_iter().find(|rule| rule.name == "ZOMBIES").expect("there is one")
}

/// Any table of any family, as a broken driver and a hostile process might give it.
fn any_table() -> impl Strategy<Value = RawTable> {
    let family = (0..FamilyId::COUNT).prop_map(|place| FAMILIES[place].id);
    let number = prop_oneof![any::<i64>().prop_map(Some), (0..200_i64).prop_map(Some), Just(None)];
    let row = (0..3_u64, vec(number, 24), any::<Vec<u8>>());
    (family, vec(row, 0..4)).prop_map(|(family, rows)| {
        let mut table = RawTable::new(family);
        for (key, numbers, text) in rows {
            let mut row = table.push(Key(key, 1));
            for (field, number) in
                family.get().fields().take(family.get().raw.len()).zip(numbers.iter().cycle())
            {
                row.set(field, *number);
            }
            for field in family.get().text_fields() {
                row.text(field, crate::Text::new(&text));
            }
        }
        table
    })
}

proptest! {
    #[test]
    fn no_table_breaks_the_rules(
        moments in vec((vec(any_table(), 0..6), any::<u64>(), any::<i64>()), 1..8),
    ) {
        let mut rules = builtin();
        rules.extend([swap_rise(0.0), package_power(0.0), throttling(1.0), bandwidth(0.0)]);
        // So that every number of every family is judged, on both sides.
        for field in FamilyId::all().flat_map(|family| family.get().fields()) {
            for bound in [Bound::Above, Bound::Below] {
                let name = format!("{}-{}", field.family.get().name, field.name());
                let rise_seconds = (bound == Bound::Above).then_some(1e30);
                rules.push(Rule { name, field, bound, rise_seconds, sustain: 1, ..zombies() });
            }
        }
        let mut alerts = Alerts::new(rules);
        let (mut last, mut balance) = (None, 0_i64);
        for (tables, monotonic_ns, wall_ms) in moments {
            let stamp = Stamp { wall_ms, monotonic_ns, boottime_ns: monotonic_ns };
            let mut sample = RawSample::new(stamp);
            for mut table in tables {
                table.finish(Window { begin_ns: monotonic_ns, end_ns: monotonic_ns });
                sample.put(Arc::new(table));
            }
            let snapshot = derive(last.as_ref(), Arc::new(sample));
            let known = alerts.events().len();
            let fresh = alerts.advance(&snapshot);
            let excess = (known + fresh).saturating_sub(EVENTS);
            prop_assert_eq!(alerts.events().len(), known + fresh - excess);
            for event in alerts.events().rev().take(fresh) {
                balance += if event.kind == EventKind::Fired { 1 } else { -1 };
            }
            if fresh <= EVENTS {
                prop_assert_eq!(alerts.active().len() as i64, balance);
            }
            let snapshot = snapshot.clone().with_table(last.as_ref(), alerts.table(&snapshot));
            prop_assert!(snapshot.rows(FamilyId::Alert).len() <= alerts.active().len());
            for row in snapshot.rows(FamilyId::Alert) {
                let message = row.shown(alert::message);
                prop_assert!(!message.is_empty() && !message.chars().any(char::is_control));
                prop_assert_eq!(row.get(alert::firing), Some(1.0));
            }
            last = Some(snapshot);
        }
    }
}
