use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use retop_model::{RawSample, Snapshot, Stamp, derive};

use super::machine::{assert_same, moments, step};
use super::population::Population;
use crate::history::{History, KEY_INTERVAL, View};

const ROOM: usize = 64 << 20;

fn filled(moments: &[Snapshot]) -> History {
    let mut history = History::new(ROOM).unwrap();
    for moment in moments {
        history.push(moment).unwrap();
    }
    history
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn asof_equals_a_linear_scan(
        steps in prop::collection::vec(step(), 1..60),
        nudges in prop::collection::vec(-1_500i64..1_500, 8),
    ) {
        let moments = moments(&steps);
        let history = filled(&moments);
        prop_assert_eq!(history.len(), moments.len());
        prop_assert_eq!(history.first(), moments.first().map(Snapshot::stamp));
        prop_assert_eq!(history.last(), moments.last().map(Snapshot::stamp));
        for (place, nudge) in nudges.into_iter().enumerate() {
            let near = moments[place * (moments.len() - 1) / 7].stamp();
            let wall_ms = near.wall_ms + nudge;
            let monotonic_ns = near.monotonic_ns.wrapping_add_signed(nudge * 1_000_000);
            let wall = moments.iter().rev().find(|moment| moment.stamp().wall_ms <= wall_ms);
            let monotonic =
                moments.iter().rev().find(|moment| moment.stamp().monotonic_ns <= monotonic_ns);
            let found = [
                (history.asof(wall_ms), wall),
                (history.asof_monotonic(monotonic_ns), monotonic),
            ];
            for (found, expected) in found {
                match (found, expected) {
                    (Some(found), Some(expected)) => assert_same(&found, expected),
                    (found, expected) => prop_assert_eq!(found.is_some(), expected.is_some()),
                }
            }
        }
    }

    #[test]
    fn a_cursor_shows_what_was_there(
        steps in prop::collection::vec(step(), 1..60),
        walk in prop::collection::vec((0u8..4, any::<prop::sample::Index>()), 1..40),
    ) {
        let moments = moments(&steps);
        let half = moments.len().div_ceil(2);
        let mut history = filled(&moments[..half]);
        let mut cursor = history.view().cursor(0).unwrap();
        for moment in &moments[half..] {
            history.push(moment).unwrap();
        }
        for (place, (how, to)) in walk.into_iter().enumerate() {
            if place == 5 {
                cursor.refresh(history.view());
            }
            let (at, end) = (cursor.number(), cursor.view().numbers().end);
            let (moved, expected) = match how {
                0 => (cursor.back(), at.checked_sub(1)),
                1 | 2 => (cursor.forward(), Some(at + 1).filter(|&next| next < end)),
                _ => {
                    let to = to.index(moments.len()) as u64;
                    (cursor.seek(to), Some(to).filter(|&to| to < end))
                }
            };
            prop_assert_eq!(moved, expected.is_some());
            prop_assert_eq!(cursor.number(), expected.unwrap_or(at));
            assert_same(&cursor.snapshot().unwrap(), &moments[cursor.number() as usize]);
        }
    }
}

/// Longer than a key interval, so that steps cross chunks, saved states and slow tables.
#[test]
fn steps_back_cross_key_frames_and_find_the_tables_of_slow_sources() {
    let mut population = Population::new(12);
    let slow = population.next();
    let family = retop_model::FamilyId::Memory;
    let (mut moments, mut kept): (Vec<Snapshot>, _) = (Vec::new(), slow);
    for number in 0..3 * KEY_INTERVAL + 7 {
        let fresh = population.next();
        if number % 170 == 0 {
            kept = fresh.clone();
        }
        let mut sample = (**fresh.raw()).clone();
        sample.put(Arc::clone(kept.raw().table(family).unwrap()));
        moments.push(derive(moments.last(), Arc::new(sample)));
    }
    let history = filled(&moments);
    let mut cursor = history.view().cursor(moments.len() as u64 - 1).unwrap();
    for moment in moments.iter().rev() {
        assert_same(&cursor.snapshot().unwrap(), moment);
        cursor.back();
    }
    for moment in &moments {
        assert_same(&cursor.snapshot().unwrap(), moment);
        cursor.forward();
    }
    for number in (0..moments.len()).step_by(53) {
        assert_same(&history.view().moment(number as u64).unwrap(), &moments[number]);
    }
    let before = moments[0].stamp().wall_ms - 1;
    assert!(history.asof(before).is_none());
    assert!(history.view().moment(moments.len() as u64).is_none());
}

#[test]
fn the_oldest_goes_first_and_the_cap_holds() {
    const CAP: usize = 3 << 20;
    let mut history = History::new(CAP).unwrap();
    let mut population = Population::new(60);
    let (mut first, mut last) = (0, 0);
    for pushed in 1..=3_000u64 {
        history.push(&population.next()).unwrap();
        assert!(history.bytes() <= CAP, "{} after {pushed}", history.bytes());
        let numbers = history.view().numbers();
        assert_eq!(numbers.end, pushed);
        assert!(numbers.start >= first);
        (first, last) = (numbers.start, numbers.end);
    }
    assert!(first > 0, "nothing was dropped: {last}");
    assert!(history.len() > 300, "{}", history.len());
    assert!((history.span_seconds() - history.len() as f64).abs() < 5.0);
    let oldest = history.view().moment(first).unwrap();
    assert!(oldest.has_rates());
    assert!(history.view().moment(first - 1).is_none());
}

/// What the rings and the encoder leave of 64 MiB, once they are full, in frames as they come.
#[test]
fn four_hours_of_2_000_processes_fit_the_default_cap() {
    const CAP: usize = 64 << 20;
    let mut history = History::new(CAP).unwrap();
    let mut population = Population::of_the_bench(2_000);
    for _ in 0..2 * KEY_INTERVAL {
        history.push(&population.next()).unwrap();
    }
    let frames = history.frame_bytes();
    let beside = history.bytes() - frames - history.series().memory() + CAP / 4;
    let seconds = (CAP - beside) / (frames / history.len());
    println!("{} B a frame, {:.1} h", frames / history.len(), seconds as f64 / 3_600.0);
    assert!(seconds >= 4 * 3_600, "{seconds} s in {frames} bytes of {}", history.len());
}

/// No cap makes it fail or keep more than it may; what cannot be kept is not kept.
#[test]
fn a_cap_below_its_own_needs_keeps_nothing() {
    for cap in [0, 1, 1 << 20] {
        let mut history = History::new(cap).unwrap();
        let mut population = Population::new(300);
        for _ in 0..5 {
            history.push(&population.next()).unwrap();
        }
        assert!(history.is_empty() && history.view().cursor(0).is_none());
        assert_eq!(history.span_seconds(), 0.0);
    }
}

#[test]
fn a_view_does_not_change_while_the_history_goes_on() {
    let history = Arc::new(Mutex::new(History::new(ROOM).unwrap()));
    let mut population = Population::new(20);
    let moments: Vec<Snapshot> = (0..200).map(|_| population.next()).collect();
    let pusher = Arc::clone(&history);
    std::thread::scope(|scope| {
        let pushed = moments.clone();
        scope.spawn(move || {
            for moment in &pushed {
                pusher.lock().unwrap().push(moment).unwrap();
            }
        });
        let mut seen = 0;
        while seen < moments.len() {
            let view: View = history.lock().unwrap().view();
            if let Some(newest) = view.numbers().last() {
                let moment = view.moment(newest).unwrap();
                assert_same(&moment, &moments[newest as usize]);
            }
            seen = view.len();
        }
    });
}

#[test]
fn a_clock_set_back_starts_a_key_interval() {
    let mut moments: Vec<Snapshot> = Vec::new();
    for (second, wall_ms) in [10_000, 11_000, 12_000, 10_500, 11_500].into_iter().enumerate() {
        let ns = (second as u64 + 1) * 1_000_000_000;
        let stamp = Stamp { wall_ms, monotonic_ns: ns, boottime_ns: ns };
        moments.push(derive(moments.last(), Arc::new(RawSample::new(stamp))));
    }
    let view = filled(&moments).view();
    let found = |wall_ms| view.number_at(wall_ms);
    assert_eq!(found(9_999), None);
    assert_eq!(found(10_400), Some(0));
    assert_eq!(found(11_000), Some(3));
    assert_eq!(found(12_500), Some(4));
    assert_eq!(view.number_at_monotonic(3_500_000_000), Some(2));
}

/// Two and a half days at one a second; a tenth of it without optimisation, which takes as long.
#[test]
fn memory_is_flat_over_200_000_samples() {
    const CAP: usize = 4 << 20;
    let samples = if cfg!(debug_assertions) { 20_000 } else { 200_000 };
    let mut history = History::new(CAP).unwrap();
    let mut population = Population::new(2);
    let mut turned = 0;
    for pushed in 0..samples {
        history.push(&population.next()).unwrap();
        let bytes = history.bytes();
        assert!(bytes <= CAP, "{bytes} after {pushed}");
        if history.view().numbers().start > 0 {
            turned += 1;
            assert!(bytes > CAP / 2, "{bytes} after {pushed}");
        }
    }
    assert!(turned > samples / 4, "the cap was reached for {turned} of {samples} samples");
    let rings = history.series().memory();
    assert!(rings <= CAP / 4, "{rings}");
}
