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
#[derive(Clone, Debug, PartialEq)]
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
        self.shared_texts(row).map_or(&[], |texts| texts)
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
