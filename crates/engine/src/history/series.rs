//! Rings of single numbers: what charts are drawn from. What the rings have no room for stands
//! beside them, compressed.

use retop_model::family::FAMILIES;
use retop_model::metric::{Kind, Slot};
use retop_model::{Field, Key, Snapshot};

use self::block::SLOTS;
use self::ring::{Ring, within};
use self::tier::{LINE, Tier};

mod block;
mod ring;
mod tier;

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

fn point(value: f32) -> Band {
    Band { min: value, mean: value, max: value }
}

/// The machine's series: every gauge and every derived number of the families with one entity,
/// and those that somebody watches.
pub struct Series {
    fields: Vec<(Field, Key)>,
    own: usize,
    times: Ring<i64>,
    values: Vec<Ring<f32>>,
    tiers: Vec<Tier>,
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
        let open = TIERS.len() * lines * LINE;
        let rings = (budget / 8 * RINGS).saturating_sub(open);
        let scale = (rings as f64 / full as f64).min(1.0);
        let mut room = budget.saturating_sub(open + (full as f64 * scale) as usize);
        let own = fields.len();
        let mut series = Series {
            fields: Vec::with_capacity(lines),
            own,
            times: Ring::new(scaled(SAMPLES, scale)),
            values: Vec::with_capacity(lines),
            tiers: Vec::new(),
            scale,
        };
        for (period_ms, length) in TIERS {
            // The finest keeps what is older in the room that the rings leave.
            let past = (own, std::mem::take(&mut room));
            series.tiers.push(Tier::new(period_ms, scaled(length, scale), lines, past));
        }
        for (field, key) in fields {
            series.add(field, key);
        }
        series
    }

    fn add(&mut self, field: Field, key: Key) {
        self.fields.push((field, key));
        self.values.push(Ring::new(scaled(SAMPLES, self.scale)));
        self.tiers.iter_mut().for_each(Tier::add_line);
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
                tier.remove_line(place);
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
        for (place, &(field, key)) in self.fields.iter().enumerate() {
            let row = match field.family.get().many {
                false => moment.row(field.family, 0),
                true => moment.find(field.family, key),
            };
            let value = row.and_then(|row| row.get(field)).map_or(f32::NAN, |value| value as f32);
            self.values[place].push(value);
            for tier in &mut self.tiers {
                tier.add(place, point(value));
            }
        }
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
    /// reach back a week for the machine's own series if there is room, or of 5 min. Where the wall
    /// clock was set back, the later pass over a time counts.
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
            Some(tier) => tier.each(line, (from_ms, to_ms), put),
        }
    }

    /// The finest means that reach back to `from_ms`, or coarser ones that are fine enough for
    /// buckets of that width; `None` for single samples.
    fn tier(&self, line: usize, from_ms: i64, width_ms: f64) -> Option<&Tier> {
        let fine =
            |tier: &&Tier| tier.period_ms as f64 * 4.0 <= width_ms && tier.reaches(line, from_ms);
        match self.tiers.iter().rev().find(fine) {
            Some(tier) => Some(tier),
            None if self.times.reaches(from_ms) => None,
            None => {
                let reaches = |tier: &&Tier| tier.reaches(line, from_ms);
                self.tiers.iter().find(reaches).or(self.tiers.last())
            }
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
