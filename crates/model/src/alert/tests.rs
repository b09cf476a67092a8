use std::sync::Arc;

use super::*;
use crate::family::{filesystem, memory};
use crate::sample::RawSample;
use crate::snapshot::derive;
use crate::stamp::Window;
use crate::table::RawTable;

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
