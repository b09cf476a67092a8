//! Watts out of energy counters that are published in batches.
//!
//! Counters in millijoules move about every 2 s on an M5 Max and an M1 Ultra, with a tail some 20 ms
//! later. Divided by the time between two samples they read 0, 0, 40 W, 0. The driver stamps each
//! publication: what was used between two of them, over the time between their stamps, is right.

/// The value of an element that the driver did not fill.
pub const UNFILLED: i64 = i64::MIN;

/// Shorter spans are the tails of a publication; they are counted with the span that follows.
const TAIL_NS: u64 = 50_000_000;
/// Without a publication for so long the last power says nothing any more.
const STALE_NS: u64 = 10_000_000_000;
/// A stamp so far in the future is none.
const AHEAD_NS: u64 = 1_000_000_000;
/// No Mac draws that much: a counter that moved so far was set anew.
const HIGHEST_WATTS: f64 = 2_000.0;

/// One reading of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Nanojoules.
    pub value: i64,
    /// When the driver filled it in, in nanoseconds of the clock that `now_ns` is of; 0 if it does
    /// not say.
    pub stamp_ns: u64,
}

/// What a counter says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Power {
    /// The mean of the last span.
    Watts(f64),
    /// No span has ended yet.
    Waiting,
    /// The counter has not been published for too long.
    Stale,
}

impl Power {
    pub fn watts(self) -> Option<f64> {
        match self {
            Power::Watts(watts) => Some(watts),
            _ => None,
        }
    }
}

/// One energy counter.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    /// The reading that the present span began with.
    base: Option<Published>,
    last: Option<Published>,
    /// When a publication was last seen.
    seen_ns: u64,
    /// The driver's stamps are of no use: the time between two samples is taken.
    unstamped: bool,
    watts: Option<f64>,
    /// What it counted since it was first read, in nanojoules: steps back are left out.
    used: i64,
}

impl Meter {
    /// Takes the next reading, made at `now_ns`; `None` for one that was not filled in.
    pub fn advance(&mut self, reading: Option<Published>, now_ns: u64) -> Power {
        let Some(reading) = reading.filter(|reading| reading.value != UNFILLED) else {
            return self.hold(now_ns);
        };
        let Some(last) = self.last.replace(reading) else {
            self.seen_ns = now_ns;
            // With time of the sample where the driver gives none.
            self.unstamped = !is_usable(reading.stamp_ns, now_ns);
            self.base = Some(self.stamped(reading, now_ns));
            return Power::Waiting;
        };
        let moved = reading.value.saturating_sub(last.value);
        if moved < 0 || reading.stamp_ns < last.stamp_ns {
            // After a sleep, or counted anew: what lies between the two is not known.
            self.base = Some(self.stamped(reading, now_ns));
            (self.watts, self.seen_ns) = (None, now_ns);
            return Power::Waiting;
        }
        self.used = self.used.saturating_add(moved);
        if !self.unstamped {
            let frozen = moved > 0 && reading.stamp_ns == last.stamp_ns;
            if frozen || !is_usable(reading.stamp_ns, now_ns) {
                self.unstamped = true;
                self.base = Some(Published { value: last.value, stamp_ns: self.seen_ns });
            }
        }
        let now = self.stamped(reading, now_ns);
        let published = self.unstamped || reading.stamp_ns > last.stamp_ns;
        if published {
            self.seen_ns = now_ns;
            self.close(now);
        }
        self.hold(now_ns)
    }

    /// What it counted since it was first read, in nanojoules.
    pub fn used_nanojoules(&self) -> i64 {
        self.used
    }

    fn stamped(&self, reading: Published, now_ns: u64) -> Published {
        if self.unstamped { Published { stamp_ns: now_ns, ..reading } } else { reading }
    }

    fn close(&mut self, now: Published) {
        let base = *self.base.get_or_insert(now);
        let span_ns = now.stamp_ns.saturating_sub(base.stamp_ns);
        if span_ns < TAIL_NS {
            return;
        }
        let watts = now.value.saturating_sub(base.value) as f64 / span_ns as f64;
        self.watts = (0.0..=HIGHEST_WATTS).contains(&watts).then_some(watts);
        self.base = Some(now);
    }

    /// What it says at a moment.
    pub fn hold(&self, now_ns: u64) -> Power {
        if self.last.is_some() && now_ns.saturating_sub(self.seen_ns) > STALE_NS {
            return Power::Stale;
        }
        self.watts.map_or(Power::Waiting, Power::Watts)
    }
}

fn is_usable(stamp_ns: u64, now_ns: u64) -> bool {
    stamp_ns != 0 && stamp_ns <= now_ns.saturating_add(AHEAD_NS)
}

/// Nanojoules from a counter in a unit of that exponent.
pub fn nanojoules(value: i64, exponent: i32) -> Option<i64> {
    if value == UNFILLED {
        return None;
    }
    match exponent + 9 {
        up @ 0..=9 => value.checked_mul(10_i64.pow(up.unsigned_abs())),
        down @ -9..0 => Some(value / 10_i64.pow(down.unsigned_abs())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::fixture::{columns, fixture};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const SECOND: u64 = 1_000_000_000;
    const JOULE: i64 = 1_000_000_000;

    fn at(joules: i64, seconds: f64) -> Option<Published> {
        Some(Published { value: joules * JOULE, stamp_ns: (seconds * 1e9) as u64 })
    }

    #[test]
    fn batches_neither_spike_nor_read_zero() {
        let mut meter = Meter::default();
        let mut seen = Vec::new();
        // 10 W, published every 2 s with a tail of 20 ms, sampled every second.
        for second in 10..30_u64 {
            let last = (second / 2 * 2) as f64;
            let tail = if second % 2 == 1 { 0.02 } else { 0.0 };
            let value = ((last + tail) * 10.0 * 1e9) as i64;
            let published = Published { value, stamp_ns: ((last + tail) * 1e9) as u64 };
            seen.push(meter.advance(Some(published), second * SECOND).watts());
        }
        assert_eq!(&seen[..2], [None, None]);
        for watts in &seen[2..] {
            let watts = watts.expect("a span has ended");
            assert!((watts - 10.0).abs() < 1e-6, "{watts}");
        }
    }

    #[test]
    fn the_recorded_trace_reads_as_its_authors_say() {
        let Some(text) = fixture("timing/m1-ultra-energy-trace.tsv") else { return };
        let mut meters: BTreeMap<(&str, &str), (Meter, i64, u64)> = BTreeMap::new();
        let mut watts: BTreeMap<(&str, &str, &str), Option<f64>> = BTreeMap::new();
        for row in columns(&text) {
            let [run, tick, t, _, channel, unit, dv, dts, _] = row[..] else { panic!("{row:?}") };
            // The recording has the growth of value and stamp; they begin at 10 s.
            let (meter, value, stamp) =
                meters.entry((run, channel)).or_insert_with(|| (Meter::default(), 0, 10 * SECOND));
            let exponent = super::super::names::energy_exponent(unit).expect("a unit");
            let grown: i64 = dv.parse().expect("a number");
            let span: f64 = dts.parse().expect("a number");
            let first = meter.last.is_none();
            if !first {
                *value += nanojoules(grown, exponent).expect("small");
                *stamp += (span * 1e6).round() as u64;
            }
            let t: f64 = t.parse().expect("a number");
            let now_ns = 20 * SECOND + (t * 1e9) as u64;
            let reading = Published { value: *value, stamp_ns: *stamp };
            let now_ns = now_ns.min(*stamp + 3 * SECOND);
            watts.insert((run, tick, channel), meter.advance(Some(reading), now_ns).watts());
        }
        let sum = |run, tick| {
            let dies = ["DIE_0_CPU Energy", "DIE_1_CPU Energy"];
            dies.iter().map(|die| watts[&(run, tick, *die)]).sum::<Option<f64>>()
        };
        let near = |watts: Option<f64>, wanted: f64| {
            assert!((watts.expect("known") - wanted).abs() < 0.005, "{watts:?} is not {wanted}");
        };
        assert_eq!(sum("C", "053"), None, "no span has ended yet");
        near(sum("C", "054"), 14.68);
        // The tail of 18 ms neither spikes nor falls to 0.
        near(sum("C", "055"), 14.68);
        near(sum("B", "045"), (7.497 + 2.627) / 0.4972);
        near(sum("B", "058"), (7.497 + 2.627) / 0.4972);
        near(sum("B", "059"), (24.610 + 5.128) / 1.6124);
        near(watts[&("C", "054", "DRAM0_0")], 3.392 / 1.7254);
        near(watts[&("B", "045", "GPU Energy")], 0.000_494_88 / 0.1235);
    }

    #[test]
    fn a_frozen_stamp_falls_back_to_the_time_between_samples() {
        let mut meter = Meter::default();
        meter.advance(at(0, 3.0), 10 * SECOND);
        assert_eq!(meter.advance(at(5, 3.0), 11 * SECOND), Power::Watts(5.0));
        assert_eq!(meter.advance(at(12, 3.0), 12 * SECOND), Power::Watts(7.0));
        // Stamp 0 and one of the future are none.
        for stamp in [0.0, 500.0] {
            let mut meter = Meter::default();
            meter.advance(at(0, stamp), 10 * SECOND);
            assert_eq!(meter.advance(at(6, stamp), 12 * SECOND), Power::Watts(3.0), "{stamp}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_0() {
        let mut meter = Meter::default();
        assert_eq!(meter.advance(None, 0), Power::Waiting);
        assert_eq!(
            meter.advance(Some(Published { value: UNFILLED, stamp_ns: 1 }), 0),
            Power::Waiting
        );
        meter.advance(at(0, 10.0), 10 * SECOND);
        assert_eq!(meter.advance(at(4, 12.0), 12 * SECOND), Power::Watts(2.0));
        // Nothing is published any more.
        assert_eq!(meter.advance(at(4, 12.0), 20 * SECOND), Power::Watts(2.0));
        assert_eq!(meter.advance(at(4, 12.0), 23 * SECOND), Power::Stale);
        // Counted anew after a sleep; then it goes on.
        assert_eq!(meter.advance(at(1, 30.0), 30 * SECOND), Power::Waiting);
        assert_eq!(meter.advance(at(4, 31.0), 31 * SECOND), Power::Watts(3.0));
        // More than any machine draws.
        assert_eq!(meter.advance(at(9_000, 32.0), 32 * SECOND), Power::Waiting);
        assert_eq!(nanojoules(UNFILLED, -3), None);
        assert_eq!(nanojoules(i64::MAX, -3), None);
        assert_eq!(nanojoules(7, -3), Some(7_000_000));
        assert_eq!(nanojoules(7_000, -12), Some(7));
    }

    proptest! {
        #[test]
        fn the_sum_of_what_was_used_is_what_the_counter_grew_by(
            steps in prop::collection::vec((0_i64..50, 0_u64..3_000), 1..60),
        ) {
            let mut meter = Meter::default();
            let (mut value, mut stamp, mut now) = (1_000, SECOND, SECOND);
            meter.advance(Some(Published { value, stamp_ns: stamp }), now);
            for (joules, milliseconds) in steps {
                value += joules * JOULE;
                now += SECOND;
                stamp = (stamp + milliseconds * 1_000_000).min(now);
                let power = meter.advance(Some(Published { value, stamp_ns: stamp }), now);
                if let Power::Watts(watts) = power {
                    prop_assert!((0.0..=HIGHEST_WATTS).contains(&watts));
                }
            }
            prop_assert_eq!(meter.used_nanojoules(), value - 1_000);
        }
    }
}
