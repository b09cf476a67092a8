//! The forecasts against made-up memories in use: those that never fill up must never alarm, those
//! that do must be told of a minute before.

use super::series::{Heights, Level, Series};
use crate::family::gpu_forecast::{CRITICAL, FLAT, PREALLOCATED, RAMP, SAW, STAIR, WARNING, WATCH};

mod hard;

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

/// Seconds before the end at which the band is looked at.
const LOOKS: [f64; 4] = [1200.0, 600.0, 300.0, 60.0];

/// What became of a trace.
#[derive(Debug, Default)]
struct Score {
    /// Seconds of alarm while the end was more than three minutes away, or never came.
    false_alarm: f64,
    /// How long before the end the alarm began that lasted to it.
    lead: Option<f64>,
    /// Whether the end lay within the band that was told then.
    within: [Option<bool>; LOOKS.len()],
    /// How wide it was at the last look, in seconds.
    width: f64,
}

fn play(trace: &Trace, hertz: f64, seconds: f64) -> Score {
    let times = (0..(seconds * hertz) as u64).map(|tick| tick as f64 / hertz);
    let end = times.clone().find(|&time| trace(time) > TOTAL);
    let mut series = Series::new(0.0, true);
    let mut score = Score::default();
    let mut since = None;
    for time in times.take_while(|&time| end.is_none_or(|end| time < end)) {
        let used = trace(time);
        series.push(time, used, [TOTAL - used, TOTAL], None);
        let left = end.map_or(f64::INFINITY, |end| end - time);
        if series.level() == CRITICAL {
            since.get_or_insert(time);
            if left > 180.0 {
                score.false_alarm += 1.0 / hertz;
            }
        } else {
            since = None;
        }
        let Some(forecast) = series.forecast() else { continue };
        for (look, within) in LOOKS.into_iter().zip(&mut score.within) {
            if left >= look && left < look + 1.0 / hertz {
                let latest = forecast.latest.unwrap_or(f64::INFINITY);
                *within = Some((forecast.earliest..=latest).contains(&left));
                score.width = latest - forecast.earliest;
            }
        }
    }
    score.lead = end.zip(since).map(|(end, since)| end - since);
    score
}

/// How a kind of memory did: false alarms in seconds, leads, and looks within the band and in all.
#[derive(Default)]
struct Sum {
    false_alarm: f64,
    leads: Vec<f64>,
    widths: Vec<f64>,
    looks: [[usize; 2]; LOOKS.len()],
}

/// Plays a kind of memory `count` times at a rate.
fn suite(kind: Kind, hertz: f64, count: u64) -> Sum {
    let mut sum = Sum::default();
    for seed in 0..count {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind as u64);
        dice.roll();
        let trace = kind.trace((seed > 0).then_some(&mut dice));
        let score = play(&trace, hertz, if kind.leaks() { 20_000.0 } else { 900.0 });
        sum.false_alarm += score.false_alarm;
        if kind.leaks() {
            sum.leads.push(score.lead.unwrap_or(0.0));
            sum.widths.push(score.width);
        }
        for (looks, within) in sum.looks.iter_mut().zip(score.within) {
            looks[0] += usize::from(within == Some(true));
            looks[1] += usize::from(within.is_some());
        }
    }
    sum
}

/// The share of ends that a band claims to hold.
const CLAIMED: f64 = 0.9;

/// Plays every kind at a rate, prints how it went, and complains of what must not be.
fn table(hertz: f64) {
    println!(
        "                 false    seconds of lead  the end within the band, which claims {:.0} %\n\
         kind         Hz  alarm s    least   median  {}  seconds wide",
        CLAIMED * 100.0,
        LOOKS.map(|look| format!("{:>13}", format!("{look:.0} s before"))).join("  ")
    );
    let mut faults = Vec::new();
    for kind in KINDS {
        let Sum { false_alarm, mut leads, mut widths, looks } = suite(kind, hertz, 201);
        leads.sort_by(f64::total_cmp);
        widths.sort_by(f64::total_cmp);
        let median = |values: &[f64]| values.get(values.len() / 2).copied();
        let least = leads.first().copied();
        let shown = |seconds: Option<f64>| seconds.map_or("–".to_owned(), |s| format!("{s:.0}"));
        let shares = looks.map(|[within, all]| match all {
            0 => format!("{:>13}", "–"),
            all => format!("{:>6.1}% of {all:>3}", 100.0 * within as f64 / all as f64),
        });
        println!(
            "{:<12} {hertz:>2} {false_alarm:>8.0} {:>8} {:>8}  {}  {:>12}",
            format!("{kind:?}"),
            shown(least),
            shown(median(&leads)),
            shares.join("  "),
            shown(median(&widths)),
        );
        let missed = |&[within, all]: &[usize; 2]| (within as f64) < CLAIMED * all as f64;
        if false_alarm > 0.0
            || least.is_some_and(|least| least < 55.0)
            || looks.iter().any(missed)
            || median(&widths).is_some_and(|width| width > 75.0)
        {
            faults.push((kind, false_alarm, least, looks));
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
            series.push(time, trace(time), [TOTAL - trace(time), TOTAL], None);
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
        series.push(time, used, [TOTAL - used, TOTAL], None);
    }
    let per_second = |seconds| series.growth(seconds).map(|growth| (growth / MIB * 100.0).round());
    assert_eq!(per_second(10.0), Some(100.0));
    assert_eq!(per_second(60.0), Some(82.0));
    assert_eq!(per_second(300.0), Some(16.0));
    let mut slept = series.clone();
    slept.push(4000.0, 40.0 * GIB, [40.0 * GIB, TOTAL], None);
    assert_eq!((slept.growth(10.0), slept.forecast()), (None, None));
}

#[test]
fn a_process_has_the_room_that_others_leave_at_their_highest() {
    // One grows by 20 MiB a second; beside it 20 GiB come and go in turns of 20 s.
    let turns = |time: f64| if time % 20.0 < 8.0 { 0.0 } else { 20.0 * GIB };
    let (mut device, mut process) = (Series::new(0.0, false), Series::new(0.0, false));
    let mut levels = Vec::new();
    for time in (0..1_400).map(f64::from) {
        let own = 30.0 * GIB + 20.0 * MIB * time;
        let used = own + turns(time);
        let memory = [TOTAL - used, TOTAL];
        device.push(time, used, memory, None);
        process.push(time, own, memory, Some(device.heights()));
        if process.level() != levels.last().copied().unwrap_or(0) {
            levels.push(process.level());
        }
    }
    // Full at 30 GiB: after 1,536 s. It is told once, and does not come and go with the turns.
    assert_eq!(levels, [WATCH, WARNING]);
    let left = process.forecast().expect("a forecast").full;
    assert!((left - 137.0).abs() < 15.0, "{left}");
    // What went for good is no height to come.
    device.forget_peaks(20.0 * GIB);
    let used = 30.0 * GIB + 20.0 * MIB * 1_400.0;
    device.push(1_400.0, used, [TOTAL - used, TOTAL], None);
    assert!(
        device.heights().into_iter().all(|height| height.above < GIB),
        "{:?}",
        device.heights()
    );
}

#[test]
fn a_peak_between_two_values_decides_when_it_is_full() {
    // It leaks, and for a part of each second it takes 8 GiB more, which no value shows.
    let (mut blind, mut seeing) = (Series::new(0.0, false), Series::new(0.0, false));
    let leak = |time: f64| 40.0 * GIB + 50.0 * MIB * time;
    let end = (TOTAL - 8.0 * GIB - leak(0.0)) / (50.0 * MIB);
    let now = end - 100.0;
    for time in (0..).map(f64::from).take_while(|&time| time <= now) {
        let used = leak(time);
        let memory = [TOTAL - used, TOTAL];
        blind.push(time, used, memory, None);
        seeing.push(time, Level { used, low: used, high: used + 8.0 * GIB }, memory, None);
    }
    let [late, right] = [blind, seeing].map(|series| series.forecast().expect("it grows"));
    let left = end - now.floor();
    assert!((right.full - left).abs() < 3.0, "{right:?}");
    assert!(right.earliest <= left && right.latest.is_some_and(|latest| left <= latest));
    assert!(late.earliest > left + 100.0, "{late:?}");
}

#[test]
fn a_level_is_left_after_a_while_and_not_at_once() {
    let mut series = Series::new(0.0, false);
    let mut changes = Vec::new();
    for time in (0..900).map(f64::from) {
        // It leaks, and what others free and take again moves the end about five minutes.
        let used = 40.0 * GIB + 50.0 * MIB * time;
        let others = if time % 10.0 < 5.0 { 0.0 } else { 600.0 * MIB };
        let free = 55.0 * GIB - used - others;
        series.push(time, used, [free.max(0.0), 80.0 * GIB], Some(Heights::default()));
        if changes.last() != Some(&series.level()) {
            changes.push(series.level());
        }
        if free <= 0.0 {
            break;
        }
    }
    assert_eq!(changes, [0, WARNING, CRITICAL]);
}
