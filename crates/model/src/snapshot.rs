//! What everybody reads: the present sample seen against the one before it.
//!
//! Nothing is computed ahead. A rate is a view of two counters, evaluated when somebody asks; a
//! screen of 40 rows asks for 40. Live, rewound and replayed are this same type.

mod whole;

use std::cell::Cell;
use std::sync::Arc;

use crate::counter;
use crate::family::FamilyId;
use crate::metric::{Field, Slot, TextField};
use crate::sample::RawSample;
use crate::stamp::{Stamp, Window};
use crate::table::{Key, RawTable};
use crate::text::Text;

pub use whole::{Sum, Whole};

/// A moment of the machine.
#[derive(Clone, Debug)]
pub struct Snapshot {
    now: Arc<RawSample>,
    /// Per family, the last table that is another read than the present one.
    before: Arc<RawSample>,
    /// Per family, for each row now its row before.
    matches: Vec<Vec<u32>>,
    /// The machine slept, or the recording has a hole, between the two.
    gap: bool,
}

/// No row before: the entity is new.
const BORN: u32 = u32::MAX;

/// Derives a moment from the one before it and a new sample. Pure: the same two samples give the
/// same numbers, live and from a recording.
#[must_use]
pub fn derive(previous: Option<&Snapshot>, now: Arc<RawSample>) -> Snapshot {
    let before = previous.map(|last| Arc::new(earlier(&last.before, &last.now, &now)));
    Snapshot::compare(before, now)
}

/// What `now` is to be compared with.
fn earlier(before: &RawSample, last: &RawSample, now: &RawSample) -> RawSample {
    let mut earlier = RawSample::new(last.stamp);
    for table in now.tables() {
        if let Some(chosen) = earlier_table(before, last, table) {
            earlier.put(Arc::clone(chosen));
        }
    }
    earlier
}

/// The last table of the family that is another read. A slow source's table stands in several
/// samples; the table before it is then still the one that the `last` moment was compared with, in
/// `before`.
fn earlier_table<'a>(
    before: &'a RawSample,
    last: &'a RawSample,
    now: &RawTable,
) -> Option<&'a Arc<RawTable>> {
    match last.table(now.family()) {
        Some(same) if same.window() == now.window() => before.table(now.family()),
        other => other,
    }
}

/// Both tables are sorted by key: one walk.
fn match_rows(before: &RawTable, now: &RawTable) -> Vec<u32> {
    let mut earlier = before.keys().iter().zip(0u32..).peekable();
    now.keys()
        .iter()
        .map(|key| {
            while earlier.next_if(|(candidate, _)| *candidate < key).is_some() {}
            earlier.next_if(|(candidate, _)| *candidate == key).map_or(BORN, |(_, row)| row)
        })
        .collect()
}

impl Snapshot {
    /// A moment from both of its samples, as a recording keeps them: `before` is what
    /// [`Snapshot::before`] gave. [`derive()`] is for everybody else.
    #[must_use]
    pub fn compare(before: Option<Arc<RawSample>>, now: Arc<RawSample>) -> Snapshot {
        let Some(before) = before else {
            let matches = vec![Vec::new(); FamilyId::COUNT];
            let before = Arc::new(RawSample::new(now.stamp));
            return Snapshot { now, before, matches, gap: false };
        };
        let matches = FamilyId::all()
            .map(|family| match (before.table(family), now.table(family)) {
                (Some(earlier), Some(table)) => match_rows(earlier, table),
                _ => Vec::new(),
            })
            .collect();
        let backwards = now.stamp.monotonic_ns <= before.stamp.monotonic_ns;
        let gap = backwards || now.stamp.slept_since(before.stamp);
        Snapshot { now, before, matches, gap }
    }

    /// The same moment with one more table, such as what was concluded from the others: what
    /// [`derive()`] would give if the sample had held it from the start, without looking at the other
    /// tables again.
    #[must_use]
    pub fn with_table(mut self, previous: Option<&Snapshot>, table: RawTable) -> Snapshot {
        let family = table.family();
        let earlier = previous.and_then(|last| earlier_table(&last.before, &last.now, &table));
        let earlier = earlier.cloned();
        if let Some(matches) = self.matches.get_mut(family.index()) {
            *matches = earlier.as_ref().map_or_else(Vec::new, |old| match_rows(old, &table));
        }
        let before = Arc::make_mut(&mut self.before);
        before.take(family);
        if let Some(earlier) = earlier {
            before.put(earlier);
        }
        Arc::make_mut(&mut self.now).put(Arc::new(table));
        self
    }

    /// What the moment is compared with: the stamp of the previous sample, and of each family the
    /// last table that is another read. `None` for the first moment.
    #[must_use]
    pub fn before(&self) -> Option<&Arc<RawSample>> {
        // A second sample with the first one's stamp would be a gap.
        (self.gap || self.before.stamp != self.now.stamp).then_some(&self.before)
    }

    /// The moment.
    #[inline]
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.now.stamp
    }

    /// The raw sample.
    #[inline]
    #[must_use]
    pub fn raw(&self) -> &Arc<RawSample> {
        &self.now
    }

    /// Seconds since the previous sample; `None` for the first one.
    #[must_use]
    pub fn interval_seconds(&self) -> Option<f64> {
        let passed = self.now.stamp.monotonic_ns.checked_sub(self.before.stamp.monotonic_ns)?;
        (passed > 0).then_some(passed as f64 / 1e9)
    }

    /// True if the machine slept since the previous sample, so that no rate is given.
    #[inline]
    #[must_use]
    pub fn is_gap(&self) -> bool {
        self.gap
    }

    /// True once rates exist: there was a sample before this one.
    #[must_use]
    pub fn has_rates(&self) -> bool {
        self.interval_seconds().is_some() && !self.gap
    }

    /// The rows of a family, in order of their keys; none if its source gave no table.
    pub fn rows(&self, family: FamilyId) -> impl ExactSizeIterator<Item = Row<'_>> + Clone {
        let len = self.now.table(family).map_or(0, |table| table.len());
        (0..len).map(move |index| Row { snapshot: self, family, index })
    }

    /// The row of that index in [`Snapshot::rows`].
    #[inline]
    #[must_use]
    pub fn row(&self, family: FamilyId, index: usize) -> Option<Row<'_>> {
        (index < self.now.table(family)?.len()).then_some(Row { snapshot: self, family, index })
    }

    /// The rows of a family whose keys lie from `low` to `high`, both included.
    pub fn rows_between(
        &self,
        family: FamilyId,
        low: Key,
        high: Key,
    ) -> impl Iterator<Item = Row<'_>> + Clone {
        let keys = self.now.table(family).map_or(&[][..], |table| table.keys());
        let range =
            keys.partition_point(|&key| key < low)..keys.partition_point(|&key| key <= high);
        range.map(move |index| Row { snapshot: self, family, index })
    }

    /// The row of that entity.
    #[must_use]
    pub fn find(&self, family: FamilyId, key: Key) -> Option<Row<'_>> {
        let index = self.now.table(family)?.find(key)?;
        Some(Row { snapshot: self, family, index })
    }

    /// A number of a family with one entity.
    #[inline]
    #[must_use]
    pub fn one(&self, field: Field) -> Option<f64> {
        self.row(field.family, 0)?.get(field)
    }

    /// A text of a family with one entity.
    #[inline]
    #[must_use]
    pub fn one_text(&self, field: TextField) -> Option<&Text> {
        self.row(field.family, 0)?.text(field)
    }

    /// When the family was read.
    #[must_use]
    pub fn window(&self, family: FamilyId) -> Option<Window> {
        self.now.table(family).map(|table| table.window())
    }
}

/// One entity at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    snapshot: &'a Snapshot,
    family: FamilyId,
    index: usize,
}

impl<'a> Row<'a> {
    /// The entity.
    #[inline]
    #[must_use]
    pub fn key(self) -> Key {
        self.table().map_or(Key::ONE, |table| table.keys()[self.index])
    }

    /// What kind of entity it is.
    #[inline]
    #[must_use]
    pub fn family(self) -> FamilyId {
        self.family
    }

    /// Its place in [`Snapshot::rows`].
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        self.index
    }

    /// The value in base units, or nothing. A field of another family is nothing.
    #[inline]
    #[must_use]
    pub fn get(self, field: Field) -> Option<f64> {
        if field.family != self.family {
            debug_assert!(false, "{} is of another family", field.name());
            return None;
        }
        match field.slot {
            Slot::Raw(i) => {
                let column = self.family.get().raw.get(usize::from(i))?;
                self.raw(field).map(|raw| column.scale(raw))
            }
            Slot::Derived(i) => {
                let formula = self.family.get().derived.get(usize::from(i))?;
                let delta = Delta { row: self, whole: None, partial: Cell::new(false) };
                (formula.compute)(&delta).filter(|value| value.is_finite())
            }
        }
    }

    /// The integer as it was read. A field of another family is nothing.
    #[inline]
    #[must_use]
    pub fn raw(self, field: Field) -> Option<i64> {
        self.table()?.raw(self.index, field)
    }

    /// The name of the state that a state field is in.
    #[must_use]
    pub fn state(self, field: Field) -> Option<&'static str> {
        let index = usize::try_from(self.raw(field)?).ok()?;
        field.states()?.get(index).copied()
    }

    /// A text of the entity. A field of another family is nothing.
    #[inline]
    #[must_use]
    pub fn text(self, field: TextField) -> Option<&'a Text> {
        if field.family != self.family {
            debug_assert!(false, "a text of {:?}", field.family);
            return None;
        }
        self.table()?.texts(self.index).get(usize::from(field.index))?.as_ref()
    }

    /// A text of the entity as it may be shown, empty if missing.
    #[inline]
    #[must_use]
    pub fn shown(self, field: TextField) -> &'a str {
        self.text(field).map_or("", Text::shown)
    }

    /// True if the entity was not there in the previous read. Always false in the first sample.
    #[must_use]
    pub fn is_new(self) -> bool {
        self.snapshot.before.table(self.family).is_some() && self.row_before().is_none()
    }

    /// The moment that the row is of.
    #[inline]
    #[must_use]
    pub fn snapshot(self) -> &'a Snapshot {
        self.snapshot
    }

    fn table(self) -> Option<&'a RawTable> {
        self.snapshot.now.table(self.family).map(|table| &**table)
    }

    fn row_before(self) -> Option<usize> {
        let row = *self.snapshot.matches.get(self.family.index())?.get(self.index)?;
        (row != BORN).then_some(row as usize)
    }
}

/// What a formula may look at: the entity now and before, and the rest of the machine now.
pub struct Delta<'a> {
    row: Row<'a>,
    /// Several rows, of which `row` is the first, taken together.
    whole: Option<Whole<'a>>,
    /// Something was asked for that not all of them have.
    partial: Cell<bool>,
}

impl<'a> Delta<'a> {
    /// Another field of the same entity.
    #[inline]
    #[must_use]
    pub fn now(&self, field: Field) -> Option<f64> {
        match self.whole {
            None => self.row.get(field),
            Some(whole) => self.noted(whole.get(field)),
        }
    }

    /// The entity itself; of several together there is none.
    #[must_use]
    pub fn row(&self) -> Option<Row<'a>> {
        Some(self.row).filter(|_| self.whole.is_none())
    }

    /// The integer of a raw field as it was read; of several entities together there is none.
    #[must_use]
    pub fn raw(&self, field: Field) -> Option<i64> {
        self.row.raw(field).filter(|_| self.whole.is_none())
    }

    /// True if the entity was not there in the previous read.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.whole.is_none() && self.row.is_new()
    }

    /// A text of the same entity.
    #[inline]
    #[must_use]
    pub fn text(&self, field: TextField) -> Option<&'a Text> {
        self.row.text(field).filter(|_| self.whole.is_none())
    }

    fn noted(&self, sum: Sum) -> Option<f64> {
        if sum.partial {
            self.partial.set(true);
        }
        sum.value
    }

    /// What each of the entities gives, added up.
    fn each(&self, of: impl Fn(&Delta<'a>) -> Option<f64>) -> Option<f64> {
        let whole = self.whole?;
        self.noted(whole.sum(|row| of(&Delta { row, whole: None, partial: Cell::new(false) })))
    }

    /// A field of a family with one entity, such as the memory's size.
    #[inline]
    #[must_use]
    pub fn machine(&self, field: Field) -> Option<f64> {
        self.row.snapshot.one(field)
    }

    /// The number of entities in a family.
    #[must_use]
    pub fn count(&self, family: FamilyId) -> usize {
        self.row.snapshot.rows(family).len()
    }

    /// The whole snapshot, for sums over a family.
    #[must_use]
    pub fn snapshot(&self) -> &'a Snapshot {
        self.row.snapshot
    }

    /// The raw integers before and now, of one entity.
    fn pair(&self, field: Field) -> Option<(i64, i64)> {
        if self.row.snapshot.gap {
            return None;
        }
        let Slot::Raw(i) = field.slot else { return None };
        let earlier = self.row.snapshot.before.table(self.row.family)?;
        let before = earlier.reading(self.row.row_before()?, usize::from(i)).get()?;
        Some((before, self.row.raw(field)?))
    }

    /// What a counter grew by, in base units. `None` for new entities, after a gap and if it fell.
    #[inline]
    #[must_use]
    pub fn increase(&self, field: Field) -> Option<f64> {
        if self.whole.is_some() {
            return self.each(|delta| delta.increase(field));
        }
        let (before, now) = self.pair(field)?;
        Some(self.scale(field, counter::increase(before, now)?))
    }

    /// As [`Delta::increase`], but a counter that fell stood still: the kernel's CPU times.
    #[inline]
    #[must_use]
    pub fn increase_or_stall(&self, field: Field) -> Option<f64> {
        if self.whole.is_some() {
            return self.each(|delta| delta.increase_or_stall(field));
        }
        let (before, now) = self.pair(field)?;
        Some(self.scale(field, counter::increase_or_stall(before, now)))
    }

    /// The moment of the previous sample, unless the machine slept since.
    #[must_use]
    pub fn before_stamp(&self) -> Option<Stamp> {
        let before = self.row.snapshot.before.stamp;
        (!self.row.snapshot.gap && before != self.row.snapshot.now.stamp).then_some(before)
    }

    /// By how much a gauge changed, up or down.
    #[must_use]
    pub fn change(&self, field: Field) -> Option<f64> {
        if self.whole.is_some() {
            return self.each(|delta| delta.change(field));
        }
        let (before, now) = self.pair(field)?;
        Some(self.scale(field, now.checked_sub(before)?))
    }

    /// Seconds between the two reads of this family.
    #[must_use]
    pub fn elapsed_seconds(&self) -> Option<f64> {
        if self.row.snapshot.gap {
            return None;
        }
        let now = self.row.snapshot.now.table(self.row.family)?.window();
        now.seconds_since(self.row.snapshot.before.table(self.row.family)?.window())
    }

    /// What a counter grew by in each second.
    #[inline]
    #[must_use]
    pub fn rate(&self, field: Field) -> Option<f64> {
        Some(self.increase(field)? / self.elapsed_seconds()?)
    }

    /// The increase of one counter for each unit of another's: seconds per request, misses per
    /// reference. `None` where the other stood still.
    #[must_use]
    pub fn increase_per(&self, part: Field, whole: Field) -> Option<f64> {
        let whole = self.increase(whole).filter(|&whole| whole > 0.0)?;
        Some(self.increase(part)? / whole)
    }

    /// One field as a share of another.
    #[must_use]
    pub fn share(&self, part: Field, whole: Field) -> Option<f64> {
        let whole = self.now(whole).filter(|&whole| whole > 0.0)?;
        Some(self.now(part)? / whole)
    }

    fn scale(&self, field: Field, raw: i64) -> f64 {
        match field.slot {
            Slot::Raw(i) => {
                self.row.family.get().raw.get(usize::from(i)).map_or(0.0, |c| c.scale(raw))
            }
            Slot::Derived(_) => 0.0,
        }
    }
}

/// The sum of all values that are there; `None` if none is.
pub fn sum(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    values.into_iter().flatten().fold(None, |total, value| Some(total.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests;
