//! One memory in use, of a device or of a process on it, and when it is full.

use std::collections::VecDeque;

use super::ring::{Bucket, Ring};
use super::slope::{Growth, growth, turn};
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

/// Whoever stood still and then lets go of this share loads anew: a server that goes from one model
/// to the next. What goes up and down all the time does not stand still for so many buckets before.
const LET_GO: f64 = 0.5;
const STOOD: usize = 3;

/// Times to full at which somebody is told, the longest first.
pub const LEVELS: [(i64, f64); 3] = [(WATCH, 1800.0), (WARNING, 300.0), (CRITICAL, 60.0)];
/// Nine ends in ten lie within the band: the tests hold it to that. It is no narrower than what
/// reads at most so far apart, and buckets, leave open.
const SLACK_SECONDS: f64 = 2.0;
const SLACK: f64 = 0.02;
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

/// Memory in use, and between what it was since the value before, as far as anybody has seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Bytes now.
    pub used: f64,
    /// The fewest.
    pub low: f64,
    /// The most.
    pub high: f64,
}

impl From<f64> for Level {
    fn from(used: f64) -> Level {
        Level { used, low: used, high: used }
    }
}

/// How high what goes up and down goes, in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Height {
    /// Bytes from the newest value to the highest.
    pub above: f64,
    /// Seconds from one height to the next.
    pub turn: f64,
}

/// The same in each window.
pub type Heights = [Height; FRAMES.len()];

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
    /// Since when it would be lower.
    lower: Option<f64>,
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
            rings: rings(),
            growths: [None; 3],
            paused: !born,
            loading: born,
            start: 0.0,
            shown: None,
            since: None,
            without: None,
            level: NO_LEVEL,
            lower: None,
        }
    }

    /// Takes a value, and what the device has free of how much. Of a process, `heights` are those of
    /// its device: whoever else is on it goes up and down as well.
    pub fn push(
        &mut self,
        time: f64,
        level: impl Into<Level>,
        [free, total]: [f64; 2],
        heights: Option<Heights>,
    ) {
        let Level { used, low, high } = level.into();
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
        let before = self.last.replace((time, used)).map_or(0.0, |(_, before)| before);
        if used < LET_GO * before && self.stood_still() {
            (self.first, self.born, self.paused, self.start) = (time, true, false, used);
            self.rings = rings();
            self.growths = [None; 3];
        }
        let loading = self.is_loading(time);
        if std::mem::replace(&mut self.loading, loading) && !loading {
            // What loading took says nothing of what is to come.
            self.rings = rings();
            self.growths = [None; 3];
        }
        // Slopes change only when a bucket closes; the room that is left changes all the time.
        for (place, (_, _, least)) in FRAMES.into_iter().enumerate() {
            if self.rings[place].push(time, used) {
                self.growths[place] = growth(&self.rings[place], least);
            }
            self.rings[place].widen(low, high);
        }
        let recent = self.growth(WINDOWS[0]);
        let age = time - self.first;
        self.paused |= age > WINDOWS[0] + 1.0
            && recent.is_some_and(|growth| growth * WINDOWS[0] < PAUSE)
            || age >= LONGEST_LOADING_SECONDS;
        self.decide(time, [free, total], heights.unwrap_or_else(|| self.heights()));
    }

    /// True while what it is about loads what it will work with.
    pub fn is_loading(&self, time: f64) -> bool {
        self.born && (time - self.first < LOADING_SECONDS || !self.paused)
    }

    /// How high it goes beyond the newest value.
    pub fn heights(&self) -> Heights {
        let used = self.used().unwrap_or(0.0);
        std::array::from_fn(|place| {
            let ring = &self.rings[place];
            Height { above: (ring.highest() - used).max(0.0), turn: turn(ring) }
        })
    }

    /// A part of what was used has gone for good: heights that it was a part of do not come again.
    pub fn forget_peaks(&mut self, bytes: f64) {
        self.rings.iter_mut().for_each(|ring| ring.lower_peaks(bytes));
    }

    fn stood_still(&self) -> bool {
        let mut last = self.rings[0].closed().rev().take(STOOD);
        let still = |bucket: &Bucket| bucket.rise + bucket.fall < 0.01 * bucket.max;
        last.len() == STOOD && last.all(still)
    }

    fn decide(&mut self, time: f64, [free, total]: [f64; 2], heights: Heights) {
        let loading = self.is_loading(time);
        let recent = self.growth(WINDOWS[0]);
        let goes_on = |growth: &Growth| {
            !growth.steady || recent.is_none_or(|recent| recent > ENDED * growth.slopes[1])
        };
        let growths = heights.into_iter().zip(self.growths);
        let sooner = growths
            .filter_map(|(height, growth)| Some((height, growth?)))
            .filter(|(_, growth)| !loading && growth.confidence >= SURE && goes_on(growth))
            .map(|(height, growth)| forecast(growth, free, height))
            .min_by(|a, b| a.full.total_cmp(&b.full));
        match sooner.map(|forecast| self.at_present(forecast, &heights)) {
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
        let holds = |&(level, seconds): &(i64, f64)| {
            shown.is_some_and(|forecast| forecast.full < seconds)
                && (level != WARNING || used > 0.5)
        };
        let level =
            LEVELS.iter().rev().find(|level| holds(level)).map_or(NO_LEVEL, |level| level.0);
        // A level is left as a forecast is: what is near a limit would come and go.
        if level >= self.level {
            self.lower = None;
        } else if time - *self.lower.get_or_insert(time) < HYSTERESIS_SECONDS {
            return;
        }
        self.level = level;
    }

    /// A leak that rests now and then is faster than its mean while it does not rest: what the last
    /// ten seconds and the last minute agree on counts, if it is more.
    fn at_present(&self, forecast: Forecast, heights: &Heights) -> Forecast {
        let even = heights.iter().all(|height| height.turn == 0.0);
        let [recent, minute] = [WINDOWS[0], WINDOWS[1]].map(|seconds| self.growth(seconds));
        let (Some(recent), Some(minute)) = (recent, minute) else { return forecast };
        let pace = recent.min(minute);
        if !even || pace <= forecast.growth.slopes[1] {
            return forecast;
        }
        let full = forecast.full.min(forecast.headroom / pace);
        let earliest = forecast.earliest.min((full * (1.0 - SLACK) - SLACK_SECONDS).max(0.0));
        Forecast { full, earliest, ..forecast }
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

fn rings() -> [Ring; FRAMES.len()] {
    FRAMES.map(|(seconds, room, _)| Ring::new(seconds, room))
}

/// Peaks decide when memory is full.
fn forecast(growth: Growth, free: f64, height: Height) -> Forecast {
    let headroom = (free - height.above - growth.jump).max(0.0);
    let wait = growth.wait.max(height.turn);
    let [low, middle, high] = growth.slopes;
    // The way that is covered at this speed, gaining speed.
    let time = |speed: f64| match growth.acceleration {
        gain if gain > 0.0 => ((speed * speed + 2.0 * gain * headroom).sqrt() - speed) / gain,
        _ => headroom / speed,
    };
    let full = time(middle);
    Forecast {
        growth,
        headroom,
        full,
        earliest: (time(high) * (1.0 - SLACK) - SLACK_SECONDS).max(0.0),
        latest: (low > 0.0).then(|| headroom / low * (1.0 + SLACK) + SLACK_SECONDS + wait),
    }
}
