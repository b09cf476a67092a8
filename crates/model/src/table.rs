//! A raw table: one read of one family.

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
    readings: Vec<Reading>,
    texts: Vec<Option<RowTexts>>,
    sorted: bool,
}

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
            && self.readings == other.readings
            && (0..self.len()).all(|row| self.texts(row) == other.texts(row))
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
            readings: Vec::new(),
            texts: Vec::new(),
            sorted: true,
        }
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.readings.clear();
        self.texts.clear();
        self.sorted = true;
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

    /// The readings of a row, in the order of declaration.
    #[inline]
    #[must_use]
    pub fn readings(&self, row: usize) -> &[Reading] {
        let stride = self.family.get().raw.len();
        self.readings.get(row * stride..(row + 1) * stride).unwrap_or(&[])
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
        let width = self.family.get().raw.len();
        self.sorted &= self.keys.last().is_none_or(|&last| last < key);
        self.keys.push(key);
        let readings = self.readings.len();
        self.readings.resize(readings + width, Reading::NONE);
        let row = self.texts.len();
        self.texts.push(texts);
        RowMut {
            family: self.family,
            readings: &mut self.readings[readings..],
            texts: &mut self.texts[row],
        }
    }

    /// Opens a row again.
    pub fn row_mut(&mut self, row: usize) -> Option<RowMut<'_>> {
        let width = self.family.get().raw.len();
        Some(RowMut {
            family: self.family,
            readings: self.readings.get_mut(row * width..(row + 1) * width)?,
            texts: self.texts.get_mut(row)?,
        })
    }

    /// The readings of a row, to be changed.
    #[inline]
    pub fn readings_mut(&mut self, row: usize) -> &mut [Reading] {
        let stride = self.family.get().raw.len();
        self.readings.get_mut(row * stride..(row + 1) * stride).unwrap_or_default()
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
        let mut readings = Vec::with_capacity(self.readings.len());
        let mut texts = Vec::with_capacity(self.texts.len());
        for &row in &order {
            readings.extend_from_slice(self.readings(row));
            texts.push(self.texts[row].take());
        }
        (self.keys, self.readings, self.texts, self.sorted) = (keys, readings, texts, true);
    }

    /// Takes rows out and puts empty ones in, in place: how a recording follows births and deaths
    /// without building the table anew. `removed` are places in ascending order, `added` are keys
    /// in ascending order that the other rows do not have.
    pub fn splice(&mut self, removed: &[usize], added: &[Key]) {
        self.remove(removed);
        self.insert(added);
    }

    /// The rows between two that go move as one block.
    fn remove(&mut self, removed: &[usize]) {
        let Some(&first) = removed.first() else { return };
        let r = self.family.get().raw.len();
        let mut to = first;
        for (place, &gone) in removed.iter().enumerate() {
            let from = gone + 1;
            let end = removed.get(place + 1).copied().unwrap_or(self.keys.len());
            self.keys.copy_within(from..end, to);
            self.readings.copy_within(from * r..end * r, to * r);
            for text in from..end {
                self.texts.swap(text, text - (from - to));
            }
            to += end - from;
        }
        self.keys.truncate(to);
        self.readings.truncate(to * r);
        self.texts.truncate(to);
    }

    /// From the last key to the first, so that every row moves once at most.
    fn insert(&mut self, added: &[Key]) {
        let r = self.family.get().raw.len();
        let mut from = self.keys.len();
        let mut to = from + added.len();
        self.keys.resize(to, Key::ONE);
        self.readings.resize(to * r, Reading::NONE);
        self.texts.resize(to, None);
        for &key in added.iter().rev() {
            let at = self.keys[..from].partition_point(|&other| other < key);
            to -= from - at;
            self.keys.copy_within(at..from, to);
            self.readings.copy_within(at * r..from * r, to * r);
            let moved = if to == at { 0..0 } else { at..from };
            for row in moved.rev() {
                self.texts[row + (to - at)] = self.texts[row].take();
            }
            (from, to) = (at, to - 1);
            self.keys[to] = key;
            self.readings[to * r..(to + 1) * r].fill(Reading::NONE);
            self.texts[to] = None;
        }
    }

    /// Gives the rows a window without touching them: a recording's.
    pub fn stamp(&mut self, window: Window) {
        self.window = window;
    }
}

/// A row being filled.
pub struct RowMut<'a> {
    family: FamilyId,
    readings: &'a mut [Reading],
    texts: &'a mut Option<RowTexts>,
}

impl RowMut<'_> {
    /// Sets a raw field. A derived field or one of another family is a mistake of ours: it panics
    /// in tests and is ignored in releases.
    #[inline]
    pub fn set(&mut self, field: Field, reading: impl Into<Reading>) -> &mut Self {
        debug_assert_eq!(self.family, field.family, "{} is of another family", field.name());
        match field.slot {
            Slot::Raw(i) => {
                if let Some(cell) = self.readings.get_mut(usize::from(i)) {
                    *cell = reading.into();
                }
            }
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

    /// The row's readings, to be filled as a block.
    #[inline]
    pub fn readings(&mut self) -> &mut [Reading] {
        self.readings
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
    use crate::family::disk;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn table(rows: &BTreeMap<Key, i64>) -> RawTable {
        let mut table = RawTable::new(FamilyId::Disk);
        for (&key, &bytes) in rows {
            let mut row = table.push(key);
            if bytes >= 0 {
                row.set(disk::read_bytes, bytes).text(disk::device, bytes.to_string());
            }
        }
        table
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
            let expected =
                now.iter().map(|key| (*key, before.get(key).copied().unwrap_or(-1))).collect();
            prop_assert_eq!(spliced, table(&expected));
        }
    }
}
