use std::sync::Arc;

use proptest::prelude::*;
use retop_model::family::{cpu, memory, process};
use retop_model::{FamilyId, Key, RawSample, RawTable, Snapshot, Stamp, Window, derive};

use crate::history::{Band, History, Series, WATCH_LIMIT};

/// One moment with that number of runnable tasks, and that number of threads of process 1.
fn moment(last: Option<&Snapshot>, wall_ms: i64, runnable: Option<i64>) -> Snapshot {
    let ns = last.map_or(1 << 40, |last| last.stamp().monotonic_ns + 1_000_000_000);
    let mut sample = RawSample::new(Stamp { wall_ms, monotonic_ns: ns, boottime_ns: ns });
    for (family, field) in [(FamilyId::Cpu, cpu::runnable), (FamilyId::Process, process::threads)] {
        let mut table = RawTable::new(family);
        let key = if family.get().many { Key(1, 1) } else { Key::ONE };
        table.push(key).set(field, runnable);
        table.finish(Window { begin_ns: ns, end_ns: ns });
        sample.put(Arc::new(table));
    }
    derive(last, Arc::new(sample))
}

fn push_all(series: &mut Series, samples: &[(i64, Option<i64>)]) {
    let mut last = None;
    for &(wall_ms, runnable) in samples {
        let now = moment(last.as_ref(), wall_ms, runnable);
        series.push(&now);
        last = Some(now);
    }
}

fn band(min: f32, mean: f32, max: f32) -> Option<Band> {
    Some(Band { min, mean, max })
}

const ROOM: usize = 16 << 20;

#[test]
fn values_come_back_newest_last_and_missing_ones_are_none() {
    let mut series = Series::new(ROOM);
    push_all(&mut series, &[(0, Some(3)), (1_000, None), (2_000, Some(5))]);
    let values: Vec<_> = series.series(cpu::runnable, Key::ONE).unwrap().collect();
    assert_eq!(values, [Some(3.0), None, Some(5.0)]);
    assert_eq!(series.series(cpu::runnable, Key::ONE).unwrap().next_back(), Some(Some(5.0)));
    assert!(series.series(memory::used_ratio, Key::ONE).unwrap().all(|value| value.is_none()));
    // A counter is no series; a rate of it is.
    assert!(series.series(cpu::forks, Key::ONE).is_none());
    assert!(series.series(cpu::forks_per_second, Key::ONE).is_some());
    assert_eq!(series.len(), 3);
}

#[test]
fn entities_are_watched_on_request_and_up_to_a_limit() {
    let mut series = Series::new(ROOM);
    push_all(&mut series, &[(0, Some(1))]);
    assert!(series.series(process::threads, Key(1, 1)).is_none());
    assert!(series.watch(process::threads, Key(1, 1)));
    push_all(&mut series, &[(1_000, Some(2)), (2_000, Some(3))]);
    let values: Vec<_> = series.series(process::threads, Key(1, 1)).unwrap().collect();
    assert_eq!(values, [Some(2.0), Some(3.0)]);
    let range = series.range(process::threads, Key(1, 1), 0, 3_000, 3);
    assert_eq!(range, [None, band(2.0, 2.0, 2.0), band(3.0, 3.0, 3.0)]);
    for pid in 2..=WATCH_LIMIT as u64 {
        assert!(series.watch(process::threads, Key(pid, 1)));
    }
    assert!(!series.watch(process::threads, Key(999, 1)));
    series.unwatch(process::threads, Key(1, 1));
    assert!(series.watch(process::threads, Key(999, 1)));
    series.unwatch(cpu::runnable, Key::ONE);
    assert!(series.series(cpu::runnable, Key::ONE).is_some());
}

#[test]
fn a_range_has_the_extremes_of_each_bucket() {
    let mut series = Series::new(ROOM);
    let samples: Vec<_> = (0..60).map(|s| (s * 1_000, (s % 7 != 3).then_some(s % 10))).collect();
    push_all(&mut series, &samples);
    let range = series.range(cpu::runnable, Key::ONE, -10_000, 60_000, 7);
    assert_eq!(range.len(), 7);
    assert_eq!(range[0], None);
    for (bucket, found) in range[1..].iter().enumerate() {
        let inside = &samples[bucket * 10..bucket * 10 + 10];
        let values: Vec<f32> =
            inside.iter().filter_map(|(_, value)| value.map(|value| value as f32)).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let (min, max) =
            (values.iter().copied().reduce(f32::min), values.iter().copied().reduce(f32::max));
        assert_eq!(*found, band(min.unwrap(), mean, max.unwrap()), "bucket {bucket}");
    }
    assert_eq!(series.range(cpu::runnable, Key::ONE, 5_000, 5_000, 2), [None, None]);
    assert!(series.range(cpu::runnable, Key::ONE, 0, 1, 0).is_empty());
    let whole = series.range(cpu::runnable, Key::ONE, i64::MIN, i64::MAX, 1);
    assert_eq!(whole[0].map(|band| (band.min, band.max)), Some((0.0, 9.0)));
}

/// Eight days, a peak in each hour: the peak of the first day has gone, the others are seen.
#[test]
fn the_means_outlive_the_samples_and_keep_the_peaks() {
    const HOUR_MS: i64 = 3_600_000;
    let mut series = Series::new(ROOM);
    let samples: Vec<_> = (0..8 * 24 * 360)
        .map(|slot| (slot * 10_000, Some(if slot % 360 == 90 { 100 + slot / 360 } else { 1 })))
        .collect();
    push_all(&mut series, &samples);
    let now_ms = 8 * 24 * HOUR_MS;
    assert_eq!(series.range(cpu::runnable, Key::ONE, 0, HOUR_MS, 1), [None]);
    for hour in [25, 100, 190, 191] {
        let from_ms = hour * HOUR_MS;
        let range = series.range(cpu::runnable, Key::ONE, from_ms, from_ms + HOUR_MS, 1);
        let found = range[0].unwrap();
        assert_eq!((found.min, found.max), (1.0, (100 + hour) as f32), "hour {hour}");
    }
    let week = series.range(cpu::runnable, Key::ONE, now_ms - 6 * 24 * HOUR_MS, now_ms, 6 * 24);
    for (place, found) in week.iter().enumerate() {
        assert_eq!(found.unwrap().max, (148 + place) as f32);
    }
}

/// What the ring of 10 s has dropped is there within half a percent, and within the budget.
#[test]
fn a_week_ago_is_seen_in_10_s() {
    const HOUR_MS: i64 = 3_600_000;
    let mut series = Series::new(ROOM);
    let value =
        |slot: i64| (slot % 360 != 7).then_some(if slot % 360 == 90 { 1_000 } else { slot % 50 });
    let samples: Vec<_> = (0..9 * 24 * 360)
        // Nobody looked for an hour on the fifth day.
        .filter(|slot| slot / 360 != 100)
        .map(|slot| (slot * 10_000, value(slot)))
        .collect();
    push_all(&mut series, &samples);
    assert!(series.memory() <= ROOM, "{}", series.memory());
    // Half an hour off, so that two blocks meet in each; the last one ends in the ring.
    for hour in [49, 60, 99, 100, 101, 150, 213, 214] {
        let from_ms = hour * HOUR_MS + HOUR_MS / 2;
        let found = series.range(cpu::runnable, Key::ONE, from_ms, from_ms + HOUR_MS, 360);
        for (place, found) in found.into_iter().enumerate() {
            let slot = hour * 360 + 180 + place as i64;
            let expected = value(slot).filter(|_| slot / 360 != 100).map(|value| value as f32);
            match (expected, found) {
                (None, None) => {}
                (Some(expected), Some(Band { min, mean, max })) => {
                    for found in [min, mean, max] {
                        assert!((found - expected).abs() <= expected / 200.0, "{hour} {place}");
                    }
                }
                (expected, found) => panic!("{hour} {place}: {expected:?} {found:?}"),
            }
        }
    }
    // Longer ago than a week.
    let long_ago = series.range(cpu::runnable, Key::ONE, HOUR_MS, 2 * HOUR_MS, 360);
    assert!(long_ago.iter().all(Option::is_none));
    // Without room for them there are only the means of five minutes.
    let mut small = Series::new(1 << 20);
    push_all(&mut small, &samples);
    assert!(small.memory() <= 1 << 20, "{}", small.memory());
}

#[test]
fn a_clock_set_back_shows_its_later_pass() {
    let mut series = Series::new(ROOM);
    push_all(
        &mut series,
        &[(8_000, Some(1)), (9_000, Some(2)), (8_500, Some(7)), (9_500, Some(8))],
    );
    let range = series.range(cpu::runnable, Key::ONE, 8_400, 10_000, 1);
    assert_eq!(range, [band(7.0, 7.5, 8.0)]);
    let tail = series.range(cpu::runnable, Key::ONE, 8_500, 8_600, 1);
    assert_eq!(tail, [band(7.0, 7.0, 7.0)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_rings_keep_within_their_budget(budget in 40_000usize..1_000_000, samples in 1i64..3_000) {
        let mut series = Series::new(budget);
        let samples: Vec<_> = (0..samples).map(|s| (s * 4_000, Some(s))).collect();
        push_all(&mut series, &samples);
        prop_assert!(series.memory() <= budget, "{} > {budget}", series.memory());
        prop_assert!(series.len() <= samples.len());
    }
}

#[test]
fn a_history_keeps_series_of_what_it_is_given() {
    let mut history = History::new(64 << 20).unwrap();
    let mut last = None;
    for second in 0..5 {
        let now = moment(last.as_ref(), second * 1_000, Some(second));
        history.push(&now).unwrap();
        last = Some(now);
    }
    let values: Vec<_> = history.series().series(cpu::runnable, Key::ONE).unwrap().collect();
    assert_eq!(values, [Some(0.0), Some(1.0), Some(2.0), Some(3.0), Some(4.0)]);
    assert!(history.bytes() > history.series().memory());
}
