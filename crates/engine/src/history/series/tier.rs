//! Lowest, mean and highest values of one length of time, and what of them has no room in rings.

use super::block::{Blocks, SLOTS};
use super::ring::{Ring, within};
use super::{Band, Sum};

const MISSING: Band = Band { min: f32::NAN, mean: f32::NAN, max: f32::NAN };

/// Means of one length of time.
pub(super) struct Tier {
    pub period_ms: i64,
    times: Ring<i64>,
    lines: Vec<Line>,
    /// Slots of each line: the open one is apart from the closed ones, and `times` holds them all.
    length: usize,
    /// Slots that were closed since the start.
    closed: u64,
    past: Option<Past>,
}

struct Line {
    bands: Ring<Band>,
    open: Sum,
}

/// Bytes of a line before it has values.
pub(super) const LINE: usize = size_of::<Line>();

/// What the rings held before.
struct Past {
    blocks: Blocks,
    /// The first lines, which are in it. Those that somebody watches come and go, and are not.
    lines: usize,
    /// Slots that were closed when a block was last made.
    packed: u64,
}

impl Tier {
    /// One of so many slots, for so many lines at most. The first `kept` of them stay in `room`
    /// bytes when the rings have no room for them.
    pub fn new(period_ms: i64, slots: usize, most: usize, (kept, room): (usize, usize)) -> Tier {
        // A block is made of slots that are still there.
        let room = if slots > SLOTS { room } else { 0 };
        let past =
            Blocks::new(period_ms, room).map(|blocks| Past { blocks, lines: kept, packed: 0 });
        let lines = Vec::with_capacity(most);
        let length = slots.saturating_sub(1);
        Tier { period_ms, times: Ring::new(slots), lines, length, closed: 0, past }
    }

    pub fn add_line(&mut self) {
        self.lines.push(Line { bands: Ring::new(self.length), open: Sum::NONE });
    }

    pub fn remove_line(&mut self, line: usize) {
        self.lines.remove(line);
    }

    /// Closes the present slot if the moment lies in another one.
    pub fn advance(&mut self, wall_ms: i64) {
        let slot_ms = wall_ms.div_euclid(self.period_ms) * self.period_ms;
        if self.times.newest(0) == Some(slot_ms) {
            return;
        }
        if self.times.len() > 0 {
            for line in &mut self.lines {
                line.bands.push(line.open.band().unwrap_or(MISSING));
                line.open = Sum::NONE;
            }
            self.closed += 1;
        }
        self.times.push(slot_ms);
        self.pack();
    }

    /// Adds a value to the present slot.
    pub fn add(&mut self, line: usize, value: Band) {
        if let Some(line) = self.lines.get_mut(line) {
            line.open.add(value);
        }
    }

    /// Compresses the last closed slots once they fill a block.
    fn pack(&mut self) {
        let Some(past) = &mut self.past else { return };
        if self.closed == past.packed || !self.closed.is_multiple_of(SLOTS as u64) {
            return;
        }
        past.packed = self.closed;
        let ages = || (1..=SLOTS).rev();
        let starts = ages().map(|age| self.times.newest(age).unwrap_or(0));
        let lines = self.lines.iter().take(past.lines);
        let lines = lines.map(|line| ages().map(move |age| known(line.bands.newest(age - 1))));
        past.blocks.push(self.closed - SLOTS as u64, starts, lines);
    }

    /// True if a line reaches back to that moment, or if nothing of it is gone yet.
    pub fn reaches(&self, line: usize, from_ms: i64) -> bool {
        let oldest_ms = self.past_of(line).and_then(Blocks::oldest_ms);
        self.times.reaches(from_ms) || oldest_ms.is_some_and(|oldest| oldest <= from_ms)
    }

    fn past_of(&self, line: usize) -> Option<&Blocks> {
        self.past.as_ref().filter(|past| line < past.lines).map(|past| &past.blocks)
    }

    /// Calls `found` with the middle of each slot of a line that lies in the time and what is known of
    /// it, the newest first.
    pub fn each(
        &self,
        line: usize,
        (from_ms, to_ms): (i64, i64),
        mut found: impl FnMut(i64, Band),
    ) {
        // A slot stands for its middle; the first one may begin before the range.
        let half_ms = self.period_ms / 2;
        let (from_ms, to_ms) = (from_ms.saturating_sub(half_ms), to_ms.saturating_sub(half_ms));
        let mut lowest_ms = i64::MAX;
        for (age, time_ms) in within(&self.times, from_ms, to_ms) {
            lowest_ms = time_ms;
            if let Some(band) = self.newest(line, age) {
                found(time_ms + half_ms, band);
            }
        }
        let Some(past) = self.past_of(line) else { return };
        if self.times.last().is_none_or(|oldest| oldest < from_ms) {
            return;
        }
        let oldest = (self.closed + 1).saturating_sub(self.times.len() as u64);
        // They hold slots of the ring as well, up to its oldest.
        past.each(line, oldest, (from_ms, to_ms), |time_ms, band| {
            let latest_pass = time_ms <= lowest_ms;
            lowest_ms = lowest_ms.min(time_ms);
            if let Some(band) = band.filter(|_| latest_pass && (from_ms..to_ms).contains(&time_ms))
            {
                found(time_ms + half_ms, band);
            }
            time_ms >= from_ms
        });
    }

    /// The slot of that age; the newest one is still open.
    fn newest(&self, line: usize, age: usize) -> Option<Band> {
        let line = self.lines.get(line)?;
        match age.checked_sub(1) {
            None => line.open.band(),
            Some(closed) => known(line.bands.newest(closed)),
        }
    }

    pub fn memory(&self) -> usize {
        let line = |line: &Line| line.bands.memory();
        self.times.memory()
            + self.lines.capacity() * LINE
            + self.lines.iter().map(line).sum::<usize>()
            + self.past.as_ref().map_or(0, |past| past.blocks.memory())
    }
}

fn known(band: Option<Band>) -> Option<Band> {
    band.filter(|band| !band.mean.is_nan())
}
