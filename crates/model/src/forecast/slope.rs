//! Whether memory lastingly grows, and how fast.

use super::ring::{Bucket, Ring};

const MIB: f64 = 1024.0 * 1024.0;

/// A rise of the lowest value of a bucket below this is noise.
const RISE: f64 = 4.0 * MIB;
/// Buckets that must be there before anything is said.
const FEWEST: usize = 4;
/// Buckets in which the lowest value must have risen.
const RISES: usize = 3;
/// If one rise is more than this share of all, it was a step and not growth.
const STEP: f64 = 0.6;

/// If the lowest values fall by more than this share of what they rise by, nothing lasts.
const FALLS: f64 = 0.25;

/// What goes up and down is highest once in each turn, and full at such a moment: seconds that it
/// may be before the time that even growth would take. Half a training step of twenty seconds.
const BETWEEN_PEAKS: f64 = 10.0;

/// Lasting growth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Bytes per second: a tenth of the slopes are below the first, half below the second, nine
    /// tenths below the third.
    pub slopes: [f64; 3],
    /// By how much the growth gains each second, where it speeds up; else 0.
    pub acceleration: f64,
    /// The next allocation, where growth comes in jumps: memory is full when it does not fit.
    pub jump: f64,
    /// Seconds by which the end may come later than even growth would have it: it comes with a jump,
    /// or with a peak.
    pub wait: f64,
    /// It grew evenly, in every bucket, so that it has ended as soon as it stands still.
    pub steady: bool,
    /// Share of pairs of buckets between which the memory grew, times how full the window is.
    pub confidence: f64,
}

/// The growth that a window shows; `None` if it does not last.
pub fn growth(ring: &Ring, least: f64) -> Option<Growth> {
    let buckets: Vec<&Bucket> = ring.closed().collect();
    if buckets.len() < FEWEST {
        return None;
    }
    let rises: Vec<(usize, f64)> = buckets
        .windows(2)
        .enumerate()
        .map(|(place, pair)| (place + 1, pair[1].min - pair[0].min))
        .filter(|&(_, rise)| rise > RISE)
        .collect();
    if rises.len() < RISES || is_over(&rises, buckets.len()) {
        return None;
    }
    let total: f64 = rises.iter().map(|&(_, rise)| rise).sum();
    let largest = rises.iter().map(|&(_, rise)| rise).fold(0.0, f64::max);
    if largest > STEP * total {
        return None;
    }
    // What falls as well goes up and down faster than the window's buckets can tell.
    let falls: f64 = buckets.windows(2).map(|pair| (pair[0].min - pair[1].min).max(0.0)).sum();
    if falls > FALLS * total {
        return None;
    }
    let mut all = slopes(&buckets, ring.seconds());
    let positive = all.iter().filter(|&&slope| slope > 0.0).count() as f64;
    let share = positive / all.len() as f64;
    let [low, middle, high] = [0.1, 0.5, 0.9].map(|part| quantile(&mut all, part));
    let turns = goes_up_and_down(&buckets);
    let steady = !turns && rises.len() + 1 == buckets.len();
    let speeding = if steady { speeding_up(&buckets, ring.seconds()) } else { None };
    let (now, acceleration) = speeding.unwrap_or((middle, 0.0));
    if middle < least {
        return None;
    }
    let coverage = (buckets.len() as f64 / ring.room() as f64).min(1.0);
    let (jump, wait) = if turns {
        (middle * BETWEEN_PEAKS, BETWEEN_PEAKS + turn(ring))
    } else {
        let jump = jump(&buckets);
        // One that is taken off the headroom, and the one that is under way.
        (jump, 2.0 * jump / middle)
    };
    Some(Growth {
        slopes: [low, now, high.max(now)],
        acceleration,
        jump,
        wait,
        steady,
        // Half a window of growth alone is enough to speak; less is not.
        confidence: share * (coverage * 2.0).min(1.0),
    })
}

/// The growth now and by how much it gains each second, if it speeds up: from the slopes of the older
/// and the younger half of the window.
fn speeding_up(buckets: &[&Bucket], seconds: f64) -> Option<(f64, f64)> {
    let (older, younger) = buckets.split_at(buckets.len() / 2);
    if older.len() < FEWEST {
        return None;
    }
    let [old, young] = [older, younger].map(|half| quantile(&mut slopes(half, seconds), 0.5));
    if old <= 0.0 || young < old * 1.1 {
        return None;
    }
    let apart = (buckets.len() / 2) as f64 * seconds;
    let acceleration = (young - old) / apart;
    // From the middle of the younger half to the end of the window, and half a bucket on.
    Some((young + acceleration * (apart + seconds) / 2.0, acceleration))
}

/// The usual rise from one height to the next, where memory grows in jumps: most samples are then
/// as high as the one before.
fn jump(buckets: &[&Bucket]) -> f64 {
    let samples: u32 = buckets.iter().map(|bucket| bucket.samples).sum();
    let rises: u32 = buckets.iter().map(|bucket| bucket.rises).sum();
    let rise: f64 = buckets.iter().map(|bucket| bucket.rise).sum();
    if rises == 0 || rises * 3 > samples { 0.0 } else { rise / f64::from(rises) }
}

/// How long a turn up and down takes, if there are any: in each it rises by what lies between its
/// ends.
pub fn turn(ring: &Ring) -> f64 {
    let buckets = || ring.closed();
    let [rise, fall] =
        [|b: &Bucket| b.rise, |b: &Bucket| b.fall].map(|part| buckets().map(part).sum::<f64>());
    let range: f64 = buckets().map(|bucket| (bucket.max - bucket.min).max(0.0)).sum();
    if fall > FALLS * rise { ring.seconds() * (range / rise).min(1.0) } else { 0.0 }
}

fn goes_up_and_down(buckets: &[&Bucket]) -> bool {
    let rise: f64 = buckets.iter().map(|bucket| bucket.rise).sum();
    let fall: f64 = buckets.iter().map(|bucket| bucket.fall).sum();
    fall > FALLS * rise
}

/// True if the last rise is longer ago than such rises are apart.
fn is_over(rises: &[(usize, f64)], buckets: usize) -> bool {
    let mut gaps: Vec<f64> = rises.windows(2).map(|pair| (pair[1].0 - pair[0].0) as f64).collect();
    let patience = (quantile(&mut gaps, 0.5) * 2.0).max(2.0);
    rises.last().is_none_or(|&(last, _)| (buckets - 1 - last) as f64 > patience)
}

/// The slopes between all pairs of buckets, by their lowest values (Theil and Sen): one wild value
/// in three does not move their middle.
fn slopes(buckets: &[&Bucket], seconds: f64) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(buckets.len() * buckets.len() / 2);
    for (place, late) in buckets.iter().enumerate() {
        for early in buckets.iter().take(place) {
            let apart = (late.number - early.number) as f64 * seconds;
            if apart > 0.0 {
                slopes.push((late.min - early.min) / apart);
            }
        }
    }
    slopes
}

/// The value that a share of all are below.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = share * values.len().saturating_sub(1) as f64;
    values.get(place.round() as usize).copied().unwrap_or(0.0)
}
