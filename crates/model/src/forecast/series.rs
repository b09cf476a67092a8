//! One memory in use, of a device or of a process on it, and when it is full.

use std::collections::VecDeque;

use super::ring::Ring;
use super::slope::{Growth, growth};
use crate::family::gpu_forecast::{
    CRITICAL, FLAT, LOADING, NO_LEVEL, PREALLOCATED, RAMP, SAW, STAIR, WARNING, WATCH,
};

const MIB: f64 = 1024.0 * 1024.0;

/// The windows, each with its buckets' seconds and number and the least that counts as growth: for
/// what grows fast; for what goes up and down in every training step and grows beneath; for what
/// creeps.
const FRAMES: [(f64, usize, f64); 3] =
    [(10.0, 12, MIB), (30.0, 12, 0.5 * MIB), (60.0, 15, 0.1 * MIB)];

/// A process that is younger loads its model, and one that has not paused since it was born does so
/// still, up to a time.
const LOADING_SECONDS: f64 = 30.0;
const LONGEST_LOADING_SECONDS: f64 = 120.0;
/// It pauses when it grows by less than this in ten seconds.
const PAUSE: f64 = 16.0 * MIB;
/// Growth in every bucket has ended when the last ten seconds show less than this part of it.
const ENDED: f64 = 0.25;
/// A forecast is shown after it has held for so long, and kept for so long without.
const PERSISTENCE_SECONDS: f64 = 5.0;
const HYSTERESIS_SECONDS: f64 = 15.0;
/// A longer time without a value is a hole: what came before does not count.
const HOLE_SECONDS: f64 = 30.0;

/// Times to full at which somebody is told.
const WATCH_SECONDS: f64 = 1800.0;
const WARNING_SECONDS: f64 = 300.0;
const CRITICAL_SECONDS: f64 = 60.0;
/// Below this share of the pairs no time is told, only that it grows.
const SURE: f64 = 0.7;

/// When it is full.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// What it grows by.
    pub growth: Growth,
    /// Bytes left above the peaks.
    pub headroom: f64,
    /// Seconds until it is full.
    pub full: f64,
    /// The earliest that is likely.
    pub earliest: f64,
    /// The latest that is likely; `None` if it may never be.
    pub latest: Option<f64>,
}

/// The past of one memory in use.
#[derive(Clone, Debug)]
pub struct Series {
    /// When it was first seen, and whether that was its birth.
    first: f64,
    born: bool,
    last: Option<(f64, f64)>,
    /// A value each second of the last five minutes.
    recent: VecDeque<(f64, f64)>,
    rings: [Ring; 3],
    growths: [Option<Growth>; 3],
    /// It has paused since it was born.
    paused: bool,
    /// It was loading at the last value.
    loading: bool,
    /// The highest value in the first two seconds.
    start: f64,
    shown: Option<Forecast>,
    /// Since when there is a forecast, and since when none.
    since: Option<f64>,
    without: Option<f64>,
    level: i64,
}

/// Seconds that the shown growths look back.
pub const WINDOWS: [f64; 3] = [10.0, 60.0, 300.0];

impl Series {
    /// A series that begins now; `born` if what it is about was not there before.
    pub fn new(time: f64, born: bool) -> Series {
        Series {
            first: time,
            born,
            last: None,
            recent: VecDeque::new(),
            rings: FRAMES.map(|(seconds, room, _)| Ring::new(seconds, room)),
            growths: [None; 3],
            paused: !born,
            loading: born,
            start: 0.0,
            shown: None,
            since: None,
            without: None,
            level: NO_LEVEL,
        }
    }

    /// Takes a value, and what the device has free.
    pub fn push(&mut self, time: f64, used: f64, free: f64, total: f64) {
        if self.last.is_some_and(|(last, _)| time - last > HOLE_SECONDS || time < last) {
            *self = Series::new(time, false);
        }
        if time - self.first <= 2.0 {
            self.start = self.start.max(used);
        }
        let second = |time: f64| time.floor() as i64;
        if self.recent.back().is_none_or(|&(last, _)| second(last) != second(time)) {
            self.recent.push_back((time, used));
            let old = time - WINDOWS[2] - 2.0;
            while self.recent.front().is_some_and(|&(first, _)| first < old) {
                self.recent.pop_front();
            }
        }
        self.last = Some((time, used));
        let loading = self.is_loading(time);
        if std::mem::replace(&mut self.loading, loading) && !loading {
            // What loading took says nothing of what is to come.
            self.rings = FRAMES.map(|(seconds, room, _)| Ring::new(seconds, room));
            self.growths = [None; 3];
        }
        // Slopes change only when a bucket closes; the room that is left changes all the time.
        for (place, (_, _, least)) in FRAMES.into_iter().enumerate() {
            if self.rings[place].push(time, used) {
                self.growths[place] = growth(&self.rings[place], least);
            }
        }
        let recent = self.growth(WINDOWS[0]);
        self.paused |= recent.is_some_and(|growth| growth * WINDOWS[0] < PAUSE)
            || time - self.first >= LONGEST_LOADING_SECONDS;
        self.decide(time, free, total);
    }

    /// True while what it is about loads what it will work with.
    pub fn is_loading(&self, time: f64) -> bool {
        self.born && (time - self.first < LOADING_SECONDS || !self.paused)
    }

    fn decide(&mut self, time: f64, free: f64, total: f64) {
        let loading = self.is_loading(time);
        let recent = self.growth(WINDOWS[0]);
        let goes_on = |growth: &Growth| {
            !growth.steady || recent.is_none_or(|recent| recent > ENDED * growth.slopes[1])
        };
        let rings = self.rings.iter().zip(self.growths);
        let growths = rings.filter_map(|(ring, growth)| Some((ring, growth?))).filter(|_| !loading);
        let sooner = growths
            .map(|(ring, growth)| (ring.highest(), growth))
            .filter(|(_, growth)| growth.confidence >= SURE && goes_on(growth))
            .map(|(highest, growth)| forecast(growth, free + self.used().unwrap_or(0.0) - highest))
            .min_by(|a, b| a.full.total_cmp(&b.full));
        match sooner {
            Some(forecast) => {
                let since = *self.since.get_or_insert(time);
                self.without = None;
                if self.shown.is_some() || time - since >= PERSISTENCE_SECONDS {
                    self.shown = Some(forecast);
                }
            }
            None => {
                self.since = None;
                let without = *self.without.get_or_insert(time);
                if time - without >= HYSTERESIS_SECONDS {
                    self.shown = None;
                }
            }
        }
        let shown = self.shown.filter(|_| !matches!(self.shape(time), PREALLOCATED | FLAT));
        let used = 1.0 - free / total;
        self.level = match shown.map(|forecast| forecast.full) {
            Some(full) if full < CRITICAL_SECONDS => CRITICAL,
            Some(full) if full < WARNING_SECONDS && used > 0.5 => WARNING,
            Some(full) if full < WATCH_SECONDS => WATCH,
            _ => NO_LEVEL,
        };
    }

    /// How near the end is.
    pub fn level(&self) -> i64 {
        self.level
    }

    /// The forecast, once it has held for a while.
    pub fn forecast(&self) -> Option<Forecast> {
        self.shown
    }

    /// The newest value.
    pub fn used(&self) -> Option<f64> {
        self.last.map(|(_, used)| used)
    }

    /// Growth over the last so many seconds; `None` while it was not watched for so long.
    pub fn growth(&self, seconds: f64) -> Option<f64> {
        let (now, used) = self.last?;
        let place = self.recent.partition_point(|&(time, _)| time < now - seconds - 0.5);
        let &(then, before) = self.recent.get(place)?;
        let apart = now - then;
        (apart >= seconds - 1.5).then_some((used - before) / apart)
    }

    /// How it has behaved.
    pub fn shape(&self, time: f64) -> i64 {
        let Some((_, used)) = self.last else { return LOADING };
        if self.is_loading(time) {
            return LOADING;
        }
        let (mut rise, mut fall, mut samples, mut rises) = (0.0, 0.0, 0, 0);
        for bucket in self.rings[0].all() {
            rise += bucket.rise;
            fall += bucket.fall;
            samples += bucket.samples;
            rises += bucket.rises;
        }
        // A thousandth in a minute, over the two minutes of the window.
        if rise + fall < used * 0.002 {
            let at_once = self.born && self.start >= used * 0.6;
            return if at_once { PREALLOCATED } else { FLAT };
        }
        if fall > rise * 0.25 {
            return SAW;
        }
        if f64::from(rises) <= f64::from(samples) * 0.2 { STAIR } else { RAMP }
    }
}

/// `free` is what is left above the highest value of the window: peaks decide when memory is full.
fn forecast(growth: Growth, free: f64) -> Forecast {
    let headroom = (free - growth.jump).max(0.0);
    let [low, middle, high] = growth.slopes;
    // The way that is covered at this speed, gaining speed.
    let time = |speed: f64| match growth.acceleration {
        gain if gain > 0.0 => ((speed * speed + 2.0 * gain * headroom).sqrt() - speed) / gain,
        _ => headroom / speed,
    };
    Forecast {
        growth,
        headroom,
        full: time(middle),
        earliest: time(high),
        latest: (low > 0.0).then(|| headroom / low),
    }
}
