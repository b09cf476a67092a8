//! The forecasts against made-up memories in use: those that never fill up must never alarm, those
//! that do must be told of a minute before.

use super::series::Series;
use crate::family::gpu_forecast::{CRITICAL, FLAT, PREALLOCATED, RAMP, SAW, STAIR};

const MIB: f64 = 1024.0 * 1024.0;
const GIB: f64 = 1024.0 * MIB;
const TOTAL: f64 = 80.0 * GIB;

/// A sequence of numbers that is the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.roll()
    }
}

/// Memory in use as a function of time.
type Trace = Box<dyn Fn(f64) -> f64>;

/// Leaks that fill the device sooner than this are told from a model that loads only by luck.
const LEAST_SECONDS: f64 = 260.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Linear,
    Step,
    Saw,
    SawAndLeak,
    Torch,
    Jax,
    Vllm,
    Quadratic,
}

const KINDS: [Kind; 8] = [
    Kind::Linear,
    Kind::Step,
    Kind::Saw,
    Kind::SawAndLeak,
    Kind::Torch,
    Kind::Jax,
    Kind::Vllm,
    Kind::Quadratic,
];

impl Kind {
    fn leaks(self) -> bool {
        matches!(self, Kind::Linear | Kind::Step | Kind::SawAndLeak | Kind::Quadratic)
    }

    /// The trace of the reference, or with `dice` another of its kind.
    fn trace(self, dice: Option<&mut Dice>) -> Trace {
        let mut none = Dice(0);
        let plain = dice.is_none();
        let dice = dice.unwrap_or(&mut none);
        let mut choose = |plainly: f64, low: f64, high: f64| {
            if plain { plainly } else { dice.between(low, high) }
        };
        match self {
            Kind::Linear => {
                let (base, rate) = (choose(10.0, 1.0, 40.0) * GIB, choose(50.0, 20.0, 150.0) * MIB);
                let noise = choose(0.0, 0.0, 30.0) * MIB;
                Box::new(move |t| base + rate * t + noise * (t * 7.3).sin())
            }
            Kind::Step => {
                let step = choose(512.0, 128.0, 1024.0) * MIB;
                let period = choose(30.0, 4.0, 30.0);
                let base = TOTAL - choose(1200.0, LEAST_SECONDS, 1200.0) * step / period;
                Box::new(move |t| base + step * (t / period).floor())
            }
            Kind::Saw => {
                let height = choose(20.0, 2.0, 30.0) * GIB;
                let period = choose(20.0, 3.0, 45.0);
                let base = choose(30.0, 5.0, 45.0) * GIB;
                Box::new(move |t| base + height * (t / period).fract())
            }
            Kind::SawAndLeak => {
                let height = choose(20.0, 2.0, 25.0) * GIB;
                let period = choose(20.0, 5.0, 20.0);
                let leak = choose(12.0, 10.0, 40.0) * MIB;
                let base = TOTAL - height - choose(1700.0, LEAST_SECONDS, 1200.0) * leak;
                // A point between two samples is unknown to both: real steps stay for a while at
                // their highest and at their lowest.
                let (rest, slope) = (choose(0.0, 0.25, 0.35), choose(1.0, 2.2, 4.0));
                Box::new(move |t| {
                    let part = ((t / period).fract() - rest).max(0.0) * slope;
                    base + height * part.min(1.0) + leak * t
                })
            }
            Kind::Torch => {
                let (load, speed) = (choose(16.0, 4.0, 50.0) * GIB, choose(4.0, 1.0, 8.0) * GIB);
                let segments = choose(150.0, 20.0, 400.0).floor();
                let busy = choose(40.0, 5.0, 90.0);
                Box::new(move |t| {
                    let loaded = load.min(speed * t);
                    let after = (t - load / speed).clamp(0.0, busy) / busy;
                    // Segments of 2 and of 20 MiB, many at first and ever fewer.
                    loaded + (segments * (1.0 - (1.0 - after).powi(3))).floor() * 20.0 * MIB
                })
            }
            Kind::Jax => {
                let share = choose(0.75, 0.5, 0.95);
                let at = choose(8.0, 0.0, 60.0);
                Box::new(move |t| if t < at { 0.5 * GIB } else { share * TOTAL })
            }
            Kind::Vllm => {
                let (weights, speed) = (choose(16.0, 4.0, 60.0) * GIB, choose(2.0, 0.5, 6.0) * GIB);
                let share = choose(0.9, 0.8, 0.95);
                let at = choose(15.0, 2.0, 60.0);
                Box::new(move |t| {
                    let loaded = weights / speed;
                    if t > loaded + at { share * TOTAL } else { weights.min(speed * t) }
                })
            }
            Kind::Quadratic => {
                let base = choose(10.0, 5.0, 30.0) * GIB;
                let seconds = choose(600.0, 400.0, 1000.0);
                Box::new(move |t| base + (TOTAL - base) * (t / seconds).powi(2))
            }
        }
    }
}

/// What became of a trace.
#[derive(Debug, Default)]
struct Score {
    /// Seconds of alarm while the end was more than three minutes away, or never came.
    false_alarm: f64,
    /// How long before the end the alarm began that lasted to it.
    lead: Option<f64>,
    /// The end lay within the band that was told a minute before.
    within: Option<bool>,
}

fn play(trace: &Trace, hertz: f64, seconds: f64) -> Score {
    let times = (0..(seconds * hertz) as u64).map(|tick| tick as f64 / hertz);
    let end = times.clone().find(|&time| trace(time) > TOTAL);
    let mut series = Series::new(0.0, true);
    let mut score = Score::default();
    let mut since = None;
    for time in times.take_while(|&time| end.is_none_or(|end| time < end)) {
        let used = trace(time);
        series.push(time, used, TOTAL - used, TOTAL);
        let left = end.map_or(f64::INFINITY, |end| end - time);
        if series.level() == CRITICAL {
            since.get_or_insert(time);
            if left > 180.0 {
                score.false_alarm += 1.0 / hertz;
            }
        } else {
            since = None;
        }
        if let (true, Some(forecast)) =
            (left >= 60.0 && left < 60.0 + 1.0 / hertz, series.forecast())
        {
            let latest = forecast.latest.unwrap_or(f64::INFINITY);
            // The end falls between two samples, or between two jumps.
            score.within =
                Some((forecast.earliest * 0.75 - 5.0..=latest * 1.25 + 5.0).contains(&left));
        }
    }
    score.lead = end.zip(since).map(|(end, since)| end - since);
    score
}

/// Plays a kind of memory `count` times at a rate, and gives false alarms in seconds and leads.
fn suite(kind: Kind, hertz: f64, count: u64) -> (f64, Vec<f64>, usize) {
    let (mut false_alarm, mut leads, mut outside) = (0.0, Vec::new(), 0);
    for seed in 0..count {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind as u64);
        dice.roll();
        let trace = kind.trace((seed > 0).then_some(&mut dice));
        let score = play(&trace, hertz, if kind.leaks() { 20_000.0 } else { 900.0 });
        false_alarm += score.false_alarm;
        if kind.leaks() {
            leads.push(score.lead.unwrap_or(0.0));
        }
        outside += usize::from(score.within == Some(false));
    }
    (false_alarm, leads, outside)
}

/// Plays every kind at a rate, prints how it went, and complains of what must not be.
fn table(hertz: f64) {
    println!("kind         Hz  false alarm s  least lead s  median lead s  outside the band");
    let mut faults = Vec::new();
    for kind in KINDS {
        let (false_alarm, mut leads, outside) = suite(kind, hertz, 201);
        leads.sort_by(f64::total_cmp);
        let least = leads.first().copied();
        let median = leads.get(leads.len() / 2).copied();
        let shown = |seconds: Option<f64>| seconds.map_or("–".to_owned(), |s| format!("{s:.0}"));
        println!(
            "{:<12} {hertz:>2} {false_alarm:>14.0} {:>13} {:>14} {outside:>17}",
            format!("{kind:?}"),
            shown(least),
            shown(median)
        );
        if false_alarm > 0.0 || least.is_some_and(|least| least < 55.0) {
            faults.push((kind, false_alarm, least));
        }
    }
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn at_one_sample_a_second_no_wolf_is_cried_and_a_leak_is_told_a_minute_before() {
    table(1.0);
}

#[test]
fn at_five_samples_a_second_too() {
    table(5.0);
}

#[test]
fn allocators_are_known_by_what_they_do() {
    let shape = |trace: Trace, seconds: u32| {
        let mut series = Series::new(0.0, true);
        for time in (0..seconds).map(f64::from) {
            series.push(time, trace(time), TOTAL - trace(time), TOTAL);
        }
        series.shape(f64::from(seconds))
    };
    assert_eq!(shape(Box::new(|_| 60.0 * GIB), 300), PREALLOCATED);
    assert_eq!(shape(Box::new(|t| GIB * t.min(30.0)), 300), FLAT);
    assert_eq!(shape(Kind::Linear.trace(None), 300), RAMP);
    assert_eq!(shape(Kind::Step.trace(None), 300), STAIR);
    assert_eq!(shape(Kind::Saw.trace(None), 300), SAW);
}

#[test]
fn growth_is_that_of_its_window_and_a_hole_ends_what_was_known() {
    let mut series = Series::new(0.0, false);
    for time in (0..400).map(f64::from) {
        let used = 10.0 * GIB + if time < 350.0 { 0.0 } else { (time - 350.0) * MIB };
        series.push(time, used, TOTAL - used, TOTAL);
    }
    let per_second = |seconds| series.growth(seconds).map(|growth| (growth / MIB * 100.0).round());
    assert_eq!(per_second(10.0), Some(100.0));
    assert_eq!(per_second(60.0), Some(82.0));
    assert_eq!(per_second(300.0), Some(16.0));
    let mut slept = series.clone();
    slept.push(4000.0, 40.0 * GIB, 40.0 * GIB, TOTAL);
    assert_eq!((slept.growth(10.0), slept.forecast()), (None, None));
}
