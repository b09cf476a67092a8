//! The recent past of one number, in buckets of a fixed length.

use std::collections::VecDeque;

/// What one stretch of time held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Which stretch, counted from the clock's start.
    pub number: i64,
    /// The lowest value.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// All that the value rose by.
    pub rise: f64,
    /// All that it fell by.
    pub fall: f64,
    /// Samples.
    pub samples: u32,
    /// Samples that were higher than the one before.
    pub rises: u32,
}

/// The last closed buckets, and the one that is being filled.
#[derive(Clone, Debug)]
pub struct Ring {
    seconds: f64,
    room: usize,
    closed: VecDeque<Bucket>,
    open: Option<Bucket>,
    last: f64,
    /// Steps ever; what was worked out of them may be kept until it changes.
    steps: u64,
}

impl Ring {
    /// So many buckets of so many seconds.
    pub fn new(seconds: f64, room: usize) -> Ring {
        let closed = VecDeque::with_capacity(room);
        Ring { seconds, room, closed, open: None, last: 0.0, steps: 0 }
    }

    /// Adds a value; true if that closed a bucket.
    pub fn push(&mut self, time: f64, value: f64) -> bool {
        let number = (time / self.seconds).floor() as i64;
        let change = if self.open.is_some() { value - self.last } else { 0.0 };
        self.last = value;
        let fresh = Bucket {
            number,
            min: value,
            max: value,
            rise: change.max(0.0),
            fall: (-change).max(0.0),
            samples: 1,
            rises: u32::from(change > 0.0),
        };
        match &mut self.open {
            Some(open) if open.number == number => {
                open.min = open.min.min(value);
                open.max = open.max.max(value);
                open.rise += fresh.rise;
                open.fall += fresh.fall;
                open.samples += 1;
                open.rises += fresh.rises;
                false
            }
            open => {
                if let Some(done) = open.replace(fresh) {
                    if self.closed.len() == self.room {
                        self.closed.pop_front();
                    }
                    self.closed.push_back(done);
                    self.steps += 1;
                    return true;
                }
                false
            }
        }
    }

    /// What was between the values that are pushed: it counts for heights and depths, not as a step.
    pub fn widen(&mut self, low: f64, high: f64) {
        if let Some(open) = &mut self.open {
            open.min = open.min.min(low);
            open.max = open.max.max(high);
        }
    }

    /// The closed buckets, oldest first.
    pub fn closed(&self) -> impl DoubleEndedIterator<Item = &Bucket> + ExactSizeIterator + Clone {
        self.closed.iter()
    }

    /// Closed buckets and the open one.
    pub fn all(&self) -> impl Iterator<Item = &Bucket> + Clone {
        self.closed.iter().chain(self.open.as_ref())
    }

    /// Takes so much off the highest values before now; the lowest tell of growth, and stay.
    pub fn lower_peaks(&mut self, by: f64) {
        for bucket in self.closed.iter_mut().chain(&mut self.open) {
            bucket.max = (bucket.max - by).max(0.0);
        }
    }

    /// The highest value.
    pub fn highest(&self) -> f64 {
        self.all().map(|bucket| bucket.max).fold(0.0, f64::max)
    }

    /// The length of a bucket.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// How many buckets there is room for.
    pub fn room(&self) -> usize {
        self.room
    }
}
