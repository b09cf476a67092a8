//! A raw table: one read of one family.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use crate::family::FamilyId;
use crate::metric::{Field, Slot, TextField};
use crate::reading::Reading;
use crate::stamp::Window;
use crate::text::Text;

/// What an entity is, for ever: (pid, start time), (device number, 0), (path hash, inode). Never an
/// index that another entity may take over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64, pub u64);

impl Key {
    /// The key of a family with one entity.
    pub const ONE: Key = Key(0, 0);

    /// The identity of a thing that is known by its name alone. FNV-1a over 64 bits: two of a
    /// thousand names collide once in 10^13 machines.
    #[must_use]
    pub fn named(name: &[u8]) -> Key {
        let hash = name.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Key(hash, 0)
    }
}

/// Rows of raw readings, sorted by key, with the window in which they were read.
#[derive(Clone, Debug)]
pub struct RawTable {
    family: FamilyId,
    window: Window,
    keys: Vec<Key>,
    /// The columns that every row has.
    common: Vec<Reading>,
    /// The others, a block for each row that has any of them.
    seldom: Vec<Reading>,
    blocks: Vec<Block>,
    free: Vec<NonZeroU32>,
    texts: Vec<Option<RowTexts>>,
    sorted: bool,
}

/// Where the columns are that not every row has: the number of a block, from 1.
type Block = Option<NonZeroU32>;

/// The texts of one row, in the order of declaration. One shared piece for all of a row's texts:
/// from sample to sample they hardly change, and a table of 3,000 processes then costs 3,000
/// reference counts instead of 15,000 (each a cache miss).
pub type RowTexts = Arc<[Option<Text>]>;

/// What a row without texts shows: more than any family declares.
static NO_TEXTS: [Option<Text>; 32] = [const { None }; 32];

/// The same rows; that of two all-missing rows one holds no piece of texts makes no difference.
impl PartialEq for RawTable {
    fn eq(&self, other: &RawTable) -> bool {
        let same = self.family == other.family && self.window == other.window;
        same && self.keys == other.keys
            && self.common == other.common
            && (0..self.len()).all(|row| {
                self.readings(row).eq(other.readings(row)) && self.texts(row) == other.texts(row)
            })
    }
}

impl RawTable {
    /// An empty table.
    #[must_use]
    pub fn new(family: FamilyId) -> RawTable {
        RawTable {
            family,
            window: Window::default(),
            keys: Vec::new(),
            common: Vec::new(),
            seldom: Vec::new(),
            blocks: Vec::new(),
            free: Vec::new(),
            texts: Vec::new(),
            sorted: true,
        }
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.common.clear();
        self.seldom.clear();
        self.blocks.clear();
        self.free.clear();
        self.texts.clear();
        self.sorted = true;
    }

    /// Makes room for that many rows in all and one in sixteen more, for births. Vectors that grow by
    /// themselves double: with 3,000 processes that is memory for 1,000 that nobody has.
    pub fn reserve(&mut self, rows: usize) {
        if self.keys.capacity() >= rows {
            return;
        }
        let more = (rows + rows / 16).saturating_sub(self.keys.len());
        self.keys.reserve_exact(more);
        self.common.reserve_exact(more * self.family.get().common);
        self.blocks.reserve_exact(more);
        self.texts.reserve_exact(more);
    }

    /// The family whose columns the rows have.
    #[inline]
    #[must_use]
    pub fn family(&self) -> FamilyId {
        self.family
    }

    /// When the rows were read.
    #[inline]
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// The number of rows.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True if there are no rows.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys, in order once [`RawTable::finish`] has run.
    #[inline]
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// A reading by its place in the order of declaration.
    #[inline]
    #[must_use]
    pub fn reading(&self, row: usize, place: usize) -> Reading {
        let [common, seldom] = self.halves(row);
        let reading = match place.checked_sub(common.len()) {
            None => common.get(place),
            Some(place) => seldom.get(place),
        };
        reading.copied().unwrap_or_default()
    }

    /// The integer of a raw field as it was read. A field of another family is nothing, and a mistake
    /// of ours.
    #[inline]
    #[must_use]
    pub fn raw(&self, row: usize, field: Field) -> Option<i64> {
        if field.family != self.family {
            debug_assert!(false, "{} is of another family", field.name());
            return None;
        }
        let Slot::Raw(place) = field.slot else { return None };
        self.reading(row, usize::from(place)).get()
    }

    /// The readings of a row, in the order of declaration.
    pub fn readings(&self, row: usize) -> impl Iterator<Item = Reading> + '_ {
        let [common, seldom] = self.halves(row);
        let width = if row < self.len() { self.family.get().raw.len() } else { 0 };
        let missing = std::iter::repeat(Reading::NONE);
        common.iter().chain(seldom).copied().chain(missing).take(width)
    }

    /// The readings of a row that every row has, and those of the other columns; these are empty
    /// where all are missing.
    #[inline]
    #[must_use]
    pub fn halves(&self, row: usize) -> [&[Reading]; 2] {
        let width = self.family.get().common;
        let common = self.common.get(row * width..(row + 1) * width).unwrap_or(&[]);
        let seldom = match self.blocks.get(row) {
            Some(&Some(block)) => self.seldom.get(range(self.family, block)).unwrap_or(&[]),
            _ => &[],
        };
        [common, seldom]
    }

    /// Sets a reading by its place in the order of declaration; what is not there is left out.
    #[inline]
    pub fn put(&mut self, row: usize, place: usize, reading: Reading) {
        if let Some(mut row) = self.row_mut(row) {
            row.put(place, reading);
        }
    }

    /// The texts of a row, in the order of declaration.
    #[inline]
    #[must_use]
    pub fn texts(&self, row: usize) -> &[Option<Text>] {
        match self.texts.get(row) {
            Some(Some(texts)) => texts,
            Some(None) => NO_TEXTS.get(..self.family.get().texts.len()).unwrap_or(&[]),
            None => &[],
        }
    }

    /// The texts of a row as the shared piece that they are; `None` if the row has none.
    #[inline]
    #[must_use]
    pub fn shared_texts(&self, row: usize) -> Option<&RowTexts> {
        self.texts.get(row)?.as_ref()
    }

    /// Adds a row, in which everything is missing as yet.
    pub fn push(&mut self, key: Key) -> RowMut<'_> {
        self.push_with(key, None)
    }

    /// Adds a row whose texts are there already, such as those of the row before.
    pub fn push_with(&mut self, key: Key, texts: Option<RowTexts>) -> RowMut<'_> {
        self.sorted &= self.keys.last().is_none_or(|&last| last < key);
        let row = self.keys.len();
        self.keys.push(key);
        let width = self.family.get().common;
        self.common.resize((row + 1) * width, Reading::NONE);
        self.blocks.push(None);
        self.texts.push(texts);
        RowMut {
            family: self.family,
            common: &mut self.common[row * width..],
            seldom: &mut self.seldom,
            block: &mut self.blocks[row],
            free: &mut self.free,
            texts: &mut self.texts[row],
        }
    }

    /// Opens a row again.
    #[inline]
    pub fn row_mut(&mut self, row: usize) -> Option<RowMut<'_>> {
        let width = self.family.get().common;
        Some(RowMut {
            family: self.family,
            common: self.common.get_mut(row * width..(row + 1) * width)?,
            seldom: &mut self.seldom,
            block: self.blocks.get_mut(row)?,
            free: &mut self.free,
            texts: self.texts.get_mut(row)?,
        })
    }

    /// The row of that key; the table must be finished.
    #[must_use]
    pub fn find(&self, key: Key) -> Option<usize> {
        self.keys.binary_search(&key).ok()
    }

    /// Sorts the rows by key, drops all but the first of equal keys, and stamps the read.
    pub fn finish(&mut self, window: Window) {
        self.window = window;
        if self.sorted {
            return;
        }
        let mut order: Vec<usize> = (0..self.keys.len()).collect();
        order.sort_by_key(|&row| self.keys[row]);
        order.dedup_by_key(|row| self.keys[*row]);
        let keys = order.iter().map(|&row| self.keys[row]).collect();
        let width = self.family.get().common;
        let mut common = Vec::with_capacity(self.common.len());
        let mut texts = Vec::with_capacity(self.texts.len());
        for &row in &order {
            common.extend_from_slice(&self.common[row * width..(row + 1) * width]);
            texts.push(self.texts[row].take());
        }
        self.blocks = order.iter().map(|&row| self.blocks[row]).collect();
        (self.keys, self.common, self.texts, self.sorted) = (keys, common, texts, true);
    }

    /// Takes rows out and puts empty ones in, in place: how a recording follows births and deaths
    /// without building the table anew. `removed` are places in ascending order, `added` are keys
    /// in ascending order that the other rows do not have.
    pub fn splice(&mut self, removed: &[usize], added: &[Key]) {
        self.remove(removed);
        self.insert(added);
    }

    /// The rows between two that go move as one.
    fn remove(&mut self, removed: &[usize]) {
        let Some(&first) = removed.first() else { return };
        let width = self.family.get().common;
        let mut to = first;
        for (place, &gone) in removed.iter().enumerate() {
            self.free.extend(self.blocks.get_mut(gone).and_then(Option::take));
            let from = gone + 1;
            let end = removed.get(place + 1).copied().unwrap_or(self.keys.len());
            self.keys.copy_within(from..end, to);
            self.common.copy_within(from * width..end * width, to * width);
            self.blocks.copy_within(from..end, to);
            for text in from..end {
                self.texts.swap(text, text - (from - to));
            }
            to += end - from;
        }
        self.keys.truncate(to);
        self.common.truncate(to * width);
        self.blocks.truncate(to);
        self.texts.truncate(to);
    }

    /// From the last key to the first, so that every row moves once at most.
    fn insert(&mut self, added: &[Key]) {
        let width = self.family.get().common;
        let mut from = self.keys.len();
        let mut to = from + added.len();
        self.keys.resize(to, Key::ONE);
        self.common.resize(to * width, Reading::NONE);
        self.blocks.resize(to, None);
        self.texts.resize(to, None);
        for &key in added.iter().rev() {
            let at = self.keys[..from].partition_point(|&other| other < key);
            to -= from - at;
            self.keys.copy_within(at..from, to);
            self.common.copy_within(at * width..from * width, to * width);
            self.blocks.copy_within(at..from, to);
            let moved = if to == at { 0..0 } else { at..from };
            for row in moved.rev() {
                self.texts[row + (to - at)] = self.texts[row].take();
            }
            (from, to) = (at, to - 1);
            self.keys[to] = key;
            self.common[to * width..(to + 1) * width].fill(Reading::NONE);
            self.blocks[to] = None;
            self.texts[to] = None;
        }
    }

    /// Gives the rows a window without touching them: a recording's.
    pub fn stamp(&mut self, window: Window) {
        self.window = window;
    }
}

/// Where a block lies.
#[inline]
fn range(family: FamilyId, block: NonZeroU32) -> Range<usize> {
    let width = family.get().raw.len() - family.get().common;
    let end = block.get() as usize * width;
    end - width..end
}

/// A row being filled.
pub struct RowMut<'a> {
    family: FamilyId,
    common: &'a mut [Reading],
    seldom: &'a mut Vec<Reading>,
    block: &'a mut Block,
    free: &'a mut Vec<NonZeroU32>,
    texts: &'a mut Option<RowTexts>,
}

impl RowMut<'_> {
    /// Sets a raw field. A derived field or one of another family is a mistake of ours: it panics
    /// in tests and is ignored in releases.
    #[inline]
    pub fn set(&mut self, field: Field, reading: impl Into<Reading>) -> &mut Self {
        debug_assert_eq!(self.family, field.family, "{} is of another family", field.name());
        match field.slot {
            Slot::Raw(i) => self.put(usize::from(i), reading.into()),
            Slot::Derived(_) => debug_assert!(false, "{} is derived", field.name()),
        }
        self
    }

    /// Sets a text.
    #[inline]
    pub fn text(&mut self, field: TextField, text: impl Into<Text>) -> &mut Self {
        self.text_if(field, Some(text))
    }

    /// Sets a text, or leaves it missing.
    #[inline]
    pub fn text_if(&mut self, field: TextField, text: Option<impl Into<Text>>) -> &mut Self {
        debug_assert_eq!(self.family, field.family);
        if text.is_none() && self.texts.is_none() {
            return self;
        }
        if let Some(cell) = self.texts().get_mut(usize::from(field.index)) {
            *cell = text.map(Into::into);
        }
        self
    }

    /// Gives the row the texts of another, as one shared piece.
    pub fn share(&mut self, texts: Option<RowTexts>) {
        *self.texts = texts;
    }

    /// Sets a reading by its place in the order of declaration; one beyond it is left out.
    #[inline]
    pub fn put(&mut self, place: usize, reading: Reading) {
        match place.checked_sub(self.common.len()) {
            None => self.common[place] = reading,
            Some(place) => self.put_seldom(place, reading),
        }
    }

    fn put_seldom(&mut self, place: usize, reading: Reading) {
        if self.block.is_none() && !reading.is_some() {
            return;
        }
        if let Some(cell) = self.seldom(place) {
            *cell = reading;
        }
    }

    /// A cell of the columns that few rows have. Makes room for them in this row.
    fn seldom(&mut self, place: usize) -> Option<&mut Reading> {
        let family = self.family.get();
        let width = family.raw.len() - family.common;
        if place >= width {
            return None;
        }
        if self.block.is_none() {
            *self.block = self.free.pop();
            if let Some(block) = *self.block {
                self.seldom.get_mut(range(self.family, block))?.fill(Reading::NONE);
            }
        }
        let block = *self.block.get_or_insert_with(|| {
            self.seldom.resize(self.seldom.len() + width, Reading::NONE);
            let blocks = u32::try_from(self.seldom.len() / width).unwrap_or(u32::MAX);
            NonZeroU32::new(blocks).unwrap_or(NonZeroU32::MAX)
        });
        self.seldom.get_mut(range(self.family, block))?.get_mut(place)
    }

    /// Sets the readings from the first on, in the order of declaration.
    pub fn fill(&mut self, readings: impl IntoIterator<Item = Reading>) {
        for (place, reading) in readings.into_iter().enumerate() {
            self.put(place, reading);
        }
    }

    /// The row's texts, to be filled as a block.
    #[inline]
    pub fn texts(&mut self) -> &mut [Option<Text>] {
        let width = self.family.get().texts.len();
        let texts = self.texts.get_or_insert_with(|| std::iter::repeat_n(None, width).collect());
        // Texts shared with another sample are copied first.
        if Arc::get_mut(texts).is_none() {
            *texts = texts.iter().cloned().collect();
        }
        Arc::get_mut(texts).map_or(&mut [], |texts| texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::process;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A column that every row has, one that few have, and a text.
    fn write(mut row: RowMut<'_>, bytes: i64) {
        row.set(process::threads, bytes);
        if bytes >= 0 {
            row.set(process::read_bytes, bytes).text(process::name, bytes.to_string());
        }
    }

    fn table(rows: &BTreeMap<Key, i64>) -> RawTable {
        let mut table = RawTable::new(FamilyId::Process);
        for (&key, &bytes) in rows {
            write(table.push(key), bytes);
        }
        table
    }

    #[test]
    fn few_rows_have_the_columns_that_are_seldom_read() {
        let [threads, read] =
            [process::threads, process::read_bytes].map(|field| match field.slot {
                Slot::Raw(place) => usize::from(place),
                Slot::Derived(_) => usize::MAX,
            });
        let mut table = RawTable::new(FamilyId::Process);
        for pid in 0..4 {
            table.push(Key(pid, 0)).set(process::threads, 1);
        }
        table.put(2, read, Reading::NONE);
        assert!((0..4).all(|row| table.halves(row)[1].is_empty()), "what is missing takes no room");
        table.put(2, read, Reading::new(7));
        table.put(2, 9_999, Reading::new(7));
        table.put(9, read, Reading::new(7));
        let width = FamilyId::Process.get().raw.len();
        for row in 0..4 {
            assert_eq!(table.reading(row, threads).get(), Some(1));
            assert_eq!(table.reading(row, read).get(), (row == 2).then_some(7));
            assert_eq!(table.readings(row).count(), width);
        }
        assert_eq!((table.reading(4, 0), table.readings(4).count()), (Reading::NONE, 0));
        assert_eq!(table.reading(0, 9_999), Reading::NONE);
        // A row without and one whose columns are missing again are the same row.
        let untouched = table.clone();
        table.put(1, read, Reading::new(3));
        assert_ne!(table, untouched);
        table.put(1, read, Reading::NONE);
        assert_eq!(table, untouched);
    }

    proptest! {
        #[test]
        fn splicing_equals_building_anew(
            before in prop::collection::btree_map(0u64..60, 0i64..9, 0..40),
            now in prop::collection::btree_set(0u64..60, 0..40),
        ) {
            let before: BTreeMap<Key, i64> =
                before.into_iter().map(|(key, bytes)| (Key(key / 5, key), bytes)).collect();
            let now: Vec<Key> = now.into_iter().map(|key| Key(key / 5, key)).collect();
            let removed: Vec<usize> = before
                .keys()
                .enumerate()
                .filter_map(|(place, key)| (!now.contains(key)).then_some(place))
                .collect();
            let added: Vec<Key> =
                now.iter().copied().filter(|key| !before.contains_key(key)).collect();
            let mut spliced = table(&before);
            spliced.splice(&removed, &added);
            // Rows that came may be given what rows that went have left.
            for (row, key) in now.iter().enumerate().filter(|(_, key)| added.contains(key)) {
                prop_assert!(spliced.readings(row).all(|reading| !reading.is_some()), "{:?}", key);
                write(spliced.row_mut(row).expect("there"), 5);
            }
            let expected =
                now.iter().map(|key| (*key, before.get(key).copied().unwrap_or(5))).collect();
            prop_assert_eq!(spliced, table(&expected));
        }
    }
}
