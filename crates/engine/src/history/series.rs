//! Rings of single numbers: what charts are drawn from. What the rings have no room for stands
//! beside them, compressed.

use retop_model::family::FAMILIES;
use retop_model::metric::{Kind, Slot};
use retop_model::{Field, Key, Snapshot};

use self::block::{Blocks, SLOTS};

mod block;

/// Series beyond the machine's own that may be watched at a time.
pub const WATCH_LIMIT: usize = 32;

/// Samples kept one by one, where the budget allows: two hours at one a second.
const SAMPLES: usize = 7_200;
/// Milliseconds and number of the means beside them: an hour and more of 10 s, and a week of 5 min.
/// A week of 10 s would take 12 bytes × 60,480 for each series, which is 80 MB for the machine's:
/// what is older than the ring is compressed, hour by hour.
const TIERS: [(i64, usize); 2] = [(10_000, SLOTS + 40), (300_000, 2_016)];
/// The share of the budget that rings take at most, in eighths; the rest is for blocks.
const RINGS: usize = 5;

/// Lowest, mean and highest value of some time, in base units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// The lowest.
    pub min: f32,
    /// The mean of the samples.
    pub mean: f32,
    /// The highest.
    pub max: f32,
}

/// The newest values, up to a number fixed at the start. Memory grows with what is in it.
#[derive(Clone, Debug)]
struct Ring<T> {
    slots: Vec<T>,
    oldest: usize,
    length: usize,
}

impl<T: Copy> Ring<T> {
    fn new(length: usize) -> Ring<T> {
        Ring { slots: Vec::new(), oldest: 0, length: length.max(1) }
    }

    fn push(&mut self, value: T) {
        if self.slots.len() < self.length {
            if self.slots.len() == self.slots.capacity() {
                let more = self.slots.len().max(32).min(self.length - self.slots.len());
                self.slots.reserve_exact(more);
            }
            self.slots.push(value);
        } else {
            self.slots[self.oldest] = value;
            self.oldest = (self.oldest + 1) % self.length;
        }
    }

    fn len(&self) -> usize {
        self.slots.len()
    }

    /// The value that `age` pushes came after.
    fn newest(&self, age: usize) -> Option<T> {
        let place = self.slots.len().checked_sub(age + 1)?;
        self.slots.get((self.oldest + place) % self.slots.len()).copied()
    }

    fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<T>()
    }
}

/// The sum of a tier's present slot. Missing is `None` outside and NaN in the rings alone.
#[derive(Clone, Copy, Debug)]
struct Sum {
    min: f32,
    max: f32,
    sum: f64,
    count: u32,
}

impl Sum {
    const NONE: Sum = Sum { min: f32::INFINITY, max: f32::NEG_INFINITY, sum: 0.0, count: 0 };

    fn add(&mut self, band: Band) {
        if band.mean.is_nan() {
            return;
        }
        self.min = self.min.min(band.min);
        self.max = self.max.max(band.max);
        self.sum += f64::from(band.mean);
        self.count += 1;
    }

    fn band(&self) -> Option<Band> {
        let mean = (self.sum / f64::from(self.count)) as f32;
        (self.count > 0).then_some(Band { min: self.min, mean, max: self.max })
    }
}

/// Room for what [`Series::fill`] finds: used again, it allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Buckets(Vec<Sum>);

impl Buckets {
    /// Empties them, and makes so many.
    pub(crate) fn reset(&mut self, buckets: usize) {
        self.0.clear();
        self.0.resize(buckets, Sum::NONE);
    }

    /// Adds values to one.
    pub(crate) fn add(&mut self, place: usize, band: Band) {
        if let Some(sum) = self.0.get_mut(place) {
            sum.add(band);
        }
    }

    /// The buckets, oldest first. One without a value is `None`.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<Band>> + Clone {
        self.0.iter().map(Sum::band)
    }

    /// That bucket.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<Band> {
        self.0.get(place)?.band()
    }
}

const MISSING: Band = Band { min: f32::NAN, mean: f32::NAN, max: f32::NAN };

fn point(value: f32) -> Band {
    Band { min: value, mean: value, max: value }
}

/// Means of one length of time.
struct Tier {
    period_ms: i64,
    times: Ring<i64>,
    lines: Vec<Line>,
    /// Slots that were closed since the start.
    closed: u64,
}

struct Line {
    bands: Ring<Band>,
    open: Sum,
}

impl Tier {
    /// Closes the present slot if `slot_ms` is another one.
    fn advance(&mut self, wall_ms: i64) {
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
    }

    /// The number of the oldest slot in the ring.
    fn oldest(&self) -> u64 {
        (self.closed + 1).saturating_sub(self.times.len() as u64)
    }

    fn line(length: usize) -> Line {
        Line { bands: Ring::new(length), open: Sum::NONE }
    }

    /// The slot of that age; the newest one is still open.
    fn newest(&self, line: usize, age: usize) -> Option<Band> {
        let line = self.lines.get(line)?;
        match age.checked_sub(1) {
            None => line.open.band(),
            Some(closed) => line.bands.newest(closed),
        }
    }

    fn memory(&self) -> usize {
        let line = |line: &Line| line.bands.memory();
        self.times.memory()
            + self.lines.capacity() * size_of::<Line>()
            + self.lines.iter().map(line).sum::<usize>()
    }
}

/// The machine's series: every gauge and every derived number of the families with one entity,
/// and those that somebody watches.
pub struct Series {
    fields: Vec<(Field, Key)>,
    own: usize,
    times: Ring<i64>,
    values: Vec<Ring<f32>>,
    tiers: Vec<Tier>,
    /// What the finest of the tiers held before.
    blocks: Blocks,
    /// Slots of it that were closed when a block was last made.
    packed: u64,
    scale: f64,
}

impl Series {
    /// Rings that take at most `budget` bytes once they are full; shorter where it is small.
    #[must_use]
    pub fn new(budget: usize) -> Series {
        let fields: Vec<(Field, Key)> = FAMILIES
            .iter()
            .filter(|family| !family.many)
            .flat_map(|family| family.fields())
            .filter(|&field| moves(field))
            .map(|field| (field, Key::ONE))
            .collect();
        let lines = fields.len() + WATCH_LIMIT;
        let sample = size_of::<i64>() + lines * size_of::<f32>();
        let slot = size_of::<i64>() + lines * size_of::<Band>();
        let full = SAMPLES * sample + TIERS.iter().map(|tier| tier.1 * slot).sum::<usize>();
        let open = TIERS.len() * lines * size_of::<Line>();
        let rings = (budget / 8 * RINGS).saturating_sub(open);
        let scale = (rings as f64 / full as f64).min(1.0);
        let room = budget.saturating_sub(open + (full as f64 * scale) as usize);
        let room = if scaled(TIERS[0].1, scale) > SLOTS { room } else { 0 };
        let own = fields.len();
        let mut series = Series {
            fields: Vec::with_capacity(lines),
            own,
            times: Ring::new(scaled(SAMPLES, scale)),
            values: Vec::with_capacity(lines),
            tiers: Vec::new(),
            blocks: Blocks::new(TIERS[0].0, room),
            packed: 0,
            scale,
        };
        for (period_ms, length) in TIERS {
            let times = Ring::new(scaled(length, scale));
            let lines = Vec::with_capacity(lines);
            series.tiers.push(Tier { period_ms, times, lines, closed: 0 });
        }
        for (field, key) in fields {
            series.add(field, key);
        }
        series
    }

    fn add(&mut self, field: Field, key: Key) {
        self.fields.push((field, key));
        self.values.push(Ring::new(scaled(SAMPLES, self.scale)));
        for (tier, (_, length)) in self.tiers.iter_mut().zip(TIERS) {
            // The open slot is apart from the closed ones, and `times` holds them all.
            tier.lines.push(Tier::line(scaled(length, self.scale).saturating_sub(1)));
        }
    }

    /// Keeps a series of an entity from now on. False if [`WATCH_LIMIT`] of them are kept already.
    pub fn watch(&mut self, field: Field, key: Key) -> bool {
        if self.place(field, key).is_some() {
            return true;
        }
        let free = self.fields.len() - self.own < WATCH_LIMIT;
        if free {
            self.add(field, key);
        }
        free
    }

    /// Forgets a watched series. The machine's own stay.
    pub fn unwatch(&mut self, field: Field, key: Key) {
        if let Some(place) = self.place(field, key).filter(|&place| place >= self.own) {
            self.fields.remove(place);
            self.values.remove(place);
            for tier in &mut self.tiers {
                tier.lines.remove(place);
            }
        }
    }

    /// The series that are kept, the machine's own first.
    #[must_use]
    pub fn fields(&self) -> &[(Field, Key)] {
        &self.fields
    }

    /// How many samples the rings hold now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// True if no sample was taken yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.len() == 0
    }

    pub(super) fn push(&mut self, moment: &Snapshot) {
        let wall_ms = moment.stamp().wall_ms;
        self.times.push(wall_ms);
        for tier in &mut self.tiers {
            tier.advance(wall_ms);
        }
        self.pack();
        for (place, &(field, key)) in self.fields.iter().enumerate() {
            let row = match field.family.get().many {
                false => moment.row(field.family, 0),
                true => moment.find(field.family, key),
            };
            let value = row.and_then(|row| row.get(field)).map_or(f32::NAN, |value| value as f32);
            self.values[place].push(value);
            for tier in &mut self.tiers {
                tier.lines[place].open.add(point(value));
            }
        }
    }

    /// Compresses the last closed slots once they fill a block. Series that somebody watches come and
    /// go, and are not among them.
    fn pack(&mut self) {
        let Some(tier) = self.tiers.first().filter(|_| self.blocks.wanted()) else { return };
        let full = tier.closed > self.packed && tier.closed.is_multiple_of(SLOTS as u64);
        if !full {
            return;
        }
        self.packed = tier.closed;
        let ages = || (1..=SLOTS).rev();
        let starts = ages().map(|age| tier.times.newest(age).unwrap_or(0));
        let lines = (0..self.own).map(|line| {
            let band = move |age| tier.newest(line, age).filter(|band| !band.mean.is_nan());
            ages().map(band)
        });
        self.blocks.push(tier.closed - SLOTS as u64, starts, lines);
    }

    /// The values of every sample, the newest last; `None` if nobody watches the series.
    pub fn series(
        &self,
        field: Field,
        key: Key,
    ) -> Option<impl DoubleEndedIterator<Item = Option<f32>> + ExactSizeIterator> {
        let ring = self.values.get(self.place(field, key)?)?;
        let value = |age| ring.newest(age).filter(|value| !value.is_nan());
        Some((0..ring.len()).rev().map(value))
    }

    /// The time from `from_ms` to `to_ms` of the wall clock, the end excluded, in equal buckets,
    /// oldest first. A bucket without a value is `None`; so is everything if nobody watches the
    /// series. Single samples are used where they reach far enough, else the means of 10 s, which
    /// reach back a week for the machine's own series if there is room, or of 5 min. Where the wall clock was set back, the later pass over a time counts.
    #[must_use]
    pub fn range(
        &self,
        field: Field,
        key: Key,
        from_ms: i64,
        to_ms: i64,
        buckets: usize,
    ) -> Vec<Option<Band>> {
        let mut found = Buckets::default();
        self.fill(field, key, (from_ms, to_ms), buckets, &mut found);
        found.iter().collect()
    }

    /// The same into room that is there already.
    pub fn fill(
        &self,
        field: Field,
        key: Key,
        (from_ms, to_ms): (i64, i64),
        buckets: usize,
        Buckets(sums): &mut Buckets,
    ) {
        sums.clear();
        sums.resize(buckets, Sum::NONE);
        let Some(line) = self.place(field, key).filter(|_| from_ms < to_ms) else { return };
        let width_ms = (to_ms as f64 - from_ms as f64) / buckets as f64;
        let mut put = |time_ms: i64, band: Band| {
            let place = ((time_ms as f64 - from_ms as f64) / width_ms) as usize;
            if let Some(sum) = sums.get_mut(place) {
                sum.add(band);
            }
        };
        match self.tier(line, from_ms, width_ms) {
            None => {
                for (age, time_ms) in within(&self.times, from_ms, to_ms) {
                    put(time_ms, point(self.values[line].newest(age).unwrap_or(f32::NAN)));
                }
            }
            Some(tier) => {
                // A slot stands for its middle; the first one may begin before the range.
                let half_ms = tier.period_ms / 2;
                let (from_ms, to_ms) =
                    (from_ms.saturating_sub(half_ms), to_ms.saturating_sub(half_ms));
                let mut lowest_ms = i64::MAX;
                for (age, time_ms) in within(&tier.times, from_ms, to_ms) {
                    put(time_ms + half_ms, tier.newest(line, age).unwrap_or(MISSING));
                    lowest_ms = time_ms;
                }
                let ring_ms = tier.times.newest(tier.times.len().saturating_sub(1));
                if tier.period_ms == TIERS[0].0
                    && line < self.own
                    && ring_ms.is_some_and(|oldest| oldest >= from_ms)
                {
                    self.blocks.each(line, tier.oldest(), (from_ms, to_ms), |time_ms, band| {
                        let latest_pass = time_ms <= lowest_ms;
                        lowest_ms = lowest_ms.min(time_ms);
                        if latest_pass && (from_ms..to_ms).contains(&time_ms) {
                            put(time_ms + half_ms, band.unwrap_or(MISSING));
                        }
                        time_ms >= from_ms
                    });
                }
            }
        }
    }

    /// The finest means that reach back to `from_ms`, or coarser ones that are fine enough for
    /// buckets of that width; `None` for single samples.
    fn tier(&self, line: usize, from_ms: i64, width_ms: f64) -> Option<&Tier> {
        let reaches = |times: &Ring<i64>| {
            let full = times.len() == times.length;
            !full || times.newest(times.len() - 1).is_some_and(|oldest| oldest <= from_ms)
        };
        let blocks = self.blocks.oldest_ms().filter(|_| line < self.own);
        let packed = blocks.is_some_and(|oldest| oldest <= from_ms);
        let reaches_tier =
            |tier: &Tier| reaches(&tier.times) || packed && tier.period_ms == TIERS[0].0;
        let fine = |tier: &&Tier| tier.period_ms as f64 * 4.0 <= width_ms && reaches_tier(tier);
        match self.tiers.iter().rev().find(fine) {
            Some(tier) => Some(tier),
            None if reaches(&self.times) => None,
            None => self.tiers.iter().find(|tier| reaches_tier(tier)).or(self.tiers.last()),
        }
    }

    fn place(&self, field: Field, key: Key) -> Option<usize> {
        let key = if field.family.get().many { key } else { Key::ONE };
        self.fields.iter().position(|&own| own == (field, key))
    }

    /// Bytes that the rings take.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.times.memory()
            + self.values.iter().map(Ring::memory).sum::<usize>()
            + self.tiers.iter().map(Tier::memory).sum::<usize>()
            + self.blocks.memory()
    }
}

/// True for what a chart can show: not a counter, whose rate is the thing to see, nor a state.
fn moves(field: Field) -> bool {
    match field.slot {
        Slot::Raw(place) => {
            let column = field.family.get().raw.get(usize::from(place));
            column.is_some_and(|column| column.kind == Kind::Gauge)
        }
        Slot::Derived(_) => true,
    }
}

fn scaled(length: usize, scale: f64) -> usize {
    (length as f64 * scale) as usize
}

/// Ages and times of the entries from `from_ms` to `to_ms`, newest first. Going back in age, a
/// time later than one already seen belongs to an earlier pass over it.
fn within(times: &Ring<i64>, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (usize, i64)> {
    let mut lowest = i64::MAX;
    (0..times.len())
        .map_while(|age| Some((age, times.newest(age)?)))
        .take_while(move |&(_, time_ms)| time_ms >= from_ms)
        .filter(move |&(_, time_ms)| {
            let latest_pass = time_ms <= lowest;
            lowest = lowest.min(time_ms);
            latest_pass && time_ms < to_ms
        })
}
