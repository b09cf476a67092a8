//! A sample as the difference from the one before it.

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use retop_model::metric::{Family, Role};
use retop_model::{FamilyId, Key, RawSample, RawTable, Reading, Text};

use crate::export::Arguments;
use crate::export::redact::Redacted;

use super::varint::{put, put_bytes, put_signed};
use super::{ABSENT, CHANGED, FLAG_BEFORE, FLAG_KEY, ROW_LIMIT, SAME, STRING_LIMIT};

/// Most texts whose masked form is remembered: beyond it all are forgotten and masked anew.
const MASKED: usize = 8192;

/// Writes bodies of frames and keeps the string table of the present key interval.
#[derive(Default)]
pub(super) struct BodyEncoder {
    arguments: Arguments,
    /// Texts that may carry secrets, with what is written of them. Kept from interval to interval:
    /// masking costs more than writing.
    masked: HashMap<Raw, Text>,
    strings: HashMap<Raw, u64>,
    string_bytes: usize,
    new_strings: Vec<u8>,
    tables: Vec<u8>,
    section: Vec<u8>,
    added: Vec<u8>,
    removed: List,
    columns: Vec<ColumnLists>,
    texts: Vec<List>,
}

/// A text found by what the machine said. Clones of a text that the samples hold anyway.
struct Raw(Text);

impl Borrow<[u8]> for Raw {
    fn borrow(&self) -> &[u8] {
        clipped(&self.0)
    }
}

impl Hash for Raw {
    fn hash<H: Hasher>(&self, state: &mut H) {
        clipped(&self.0).hash(state);
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Raw) -> bool {
        clipped(&self.0) == clipped(&other.0)
    }
}

impl Eq for Raw {}

fn clipped(text: &Text) -> &[u8] {
    let raw = text.raw();
    raw.get(..STRING_LIMIT).unwrap_or(raw)
}

/// Rows in ascending order, each as its distance from the one before, with what is said of it.
#[derive(Default)]
struct List {
    count: u64,
    next: usize,
    bytes: Vec<u8>,
}

impl List {
    fn clear(&mut self) {
        (self.count, self.next) = (0, 0);
        self.bytes.clear();
    }

    #[inline]
    fn row(&mut self, row: usize) -> &mut Vec<u8> {
        put(&mut self.bytes, (row - self.next) as u64);
        (self.count, self.next) = (self.count + 1, row + 1);
        &mut self.bytes
    }

    fn write(&self, out: &mut Vec<u8>) {
        put(out, self.count);
        out.extend_from_slice(&self.bytes);
    }
}

/// What happened to one column: numbers that changed, that came, that went.
#[derive(Default)]
struct ColumnLists {
    changed: List,
    appeared: List,
    vanished: List,
}

impl ColumnLists {
    fn clear(&mut self) {
        self.changed.clear();
        self.appeared.clear();
        self.vanished.clear();
    }

    #[inline]
    fn compare(&mut self, row: usize, last: Reading, now: Reading) {
        match (last.get(), now.get()) {
            (Some(last), Some(now)) if last != now => {
                put_signed(self.changed.row(row), now.wrapping_sub(last));
            }
            (None, Some(now)) => put_signed(self.appeared.row(row), now),
            (Some(_), None) => {
                self.vanished.row(row);
            }
            _ => {}
        }
    }

    /// Most columns of most frames have no change of presence: two bits say so.
    fn write(&self, out: &mut Vec<u8>) {
        let (appeared, vanished) = (self.appeared.count > 0, self.vanished.count > 0);
        put(out, self.changed.count << 2 | u64::from(vanished) << 1 | u64::from(appeared));
        out.extend_from_slice(&self.changed.bytes);
        for list in [&self.appeared, &self.vanished] {
            if list.count > 0 {
                list.write(out);
            }
        }
    }
}

impl BodyEncoder {
    /// An encoder that writes so much of process arguments.
    pub fn new(arguments: Arguments) -> BodyEncoder {
        BodyEncoder { arguments, ..BodyEncoder::default() }
    }

    /// Bytes held between frames.
    pub fn memory(&self) -> usize {
        let lists = |list: &List| list.bytes.capacity();
        self.strings.capacity() * (size_of::<(Raw, u64)>() + 1)
            + self.masked.capacity() * (size_of::<(Raw, Text)>() + 1)
            + self.string_bytes
            + [&self.new_strings, &self.tables, &self.section, &self.added]
                .map(Vec::capacity)
                .iter()
                .sum::<usize>()
            + lists(&self.removed)
            + self.texts.iter().map(lists).sum::<usize>()
            + self
                .columns
                .iter()
                .map(|column| {
                    lists(&column.changed) + lists(&column.appeared) + lists(&column.vanished)
                })
                .sum::<usize>()
    }

    /// A frame that needs no other: what the moment is compared with, whole, then the moment as
    /// its difference. So the rates of a key frame, and of a source slower than a key interval, are
    /// known without the interval before; it costs one delta frame in 120.
    pub fn key(&mut self, before: Option<&RawSample>, now: &RawSample, out: &mut Vec<u8>) {
        self.strings.clear();
        self.string_bytes = 0;
        let nothing = RawSample::default();
        match before {
            Some(before) => {
                out.push(FLAG_KEY | FLAG_BEFORE);
                self.moment(&nothing, before, out);
                self.moment(before, now, out);
            }
            None => {
                out.push(FLAG_KEY);
                self.moment(&nothing, now, out);
            }
        }
    }

    /// A frame that follows the frame of `last`.
    pub fn delta(&mut self, last: &RawSample, now: &RawSample, out: &mut Vec<u8>) {
        out.push(0);
        self.moment(last, now, out);
    }

    fn moment(&mut self, last: &RawSample, now: &RawSample, out: &mut Vec<u8>) {
        let passed = |now: u64, last: u64| now.wrapping_sub(last) as i64;
        let monotonic = passed(now.stamp.monotonic_ns, last.stamp.monotonic_ns);
        let boottime = passed(now.stamp.boottime_ns, last.stamp.boottime_ns);
        put_signed(out, now.stamp.wall_ms.wrapping_sub(last.stamp.wall_ms));
        put_signed(out, monotonic);
        put_signed(out, boottime.wrapping_sub(monotonic));

        let now_ns = now.stamp.monotonic_ns;
        self.new_strings.clear();
        self.tables.clear();
        for family in FamilyId::all() {
            match (last.table(family), now.table(family)) {
                (_, None) => self.tables.push(ABSENT),
                (Some(last), Some(now)) if Arc::ptr_eq(last, now) => self.tables.push(SAME),
                (last, Some(now)) => {
                    self.tables.push(CHANGED);
                    self.table(now_ns, last.map(|last| &**last), now);
                }
            }
        }
        put_bytes(out, &self.new_strings);
        out.extend_from_slice(&self.tables);
    }

    /// The window stands by its distance from the tick: three bytes where the distance from the
    /// last window, the interval, would take five.
    fn table(&mut self, now_ns: u64, last: Option<&RawTable>, now: &RawTable) {
        let empty = RawTable::new(now.family());
        let last = last.unwrap_or(&empty);
        self.section.clear();
        let window = now.window();
        put_signed(&mut self.section, window.begin_ns.wrapping_sub(now_ns) as i64);
        put_signed(&mut self.section, window.end_ns.wrapping_sub(window.begin_ns) as i64);
        self.rows(last, now);
        self.removed.write(&mut self.section);
        self.section.extend_from_slice(&self.added);
        let family = now.family().get();
        for column in &self.columns[..family.raw.len()] {
            column.write(&mut self.section);
        }
        for text in &self.texts[..family.texts.len()] {
            text.write(&mut self.section);
        }
        put_bytes(&mut self.tables, &self.section);
    }

    /// One walk through both tables. A row that is new differs from an empty one.
    fn rows(&mut self, last: &RawTable, now: &RawTable) {
        let family = now.family().get();
        if self.columns.len() < family.raw.len() {
            self.columns.resize_with(family.raw.len(), ColumnLists::default);
        }
        if self.texts.len() < family.texts.len() {
            self.texts.resize_with(family.texts.len(), List::default);
        }
        self.columns.iter_mut().for_each(ColumnLists::clear);
        self.texts.iter_mut().for_each(List::clear);
        self.removed.clear();
        self.added.clear();

        let private = self.private(family);
        let missing = vec![Reading::NONE; family.common];
        let no_readings: [&[Reading]; 2] = [&missing, &[]];
        let no_texts = vec![None; family.texts.len()];
        let (mut old, mut births, mut newest) = (0, 0, None);
        let mut keys = Vec::new();
        for (row, &key) in now.keys().iter().enumerate() {
            while last.keys().get(old).is_some_and(|&gone| gone < key) {
                self.removed.row(old);
                old += 1;
            }
            if last.keys().get(old) == Some(&key) {
                self.compare(row, last.halves(old), now.halves(row));
                self.compare_texts(row, last.texts(old), now.texts(row), private);
                old += 1;
            } else {
                put_key(&mut keys, newest, key);
                (births, newest) = (births + 1, Some(key));
                self.compare(row, no_readings, now.halves(row));
                self.compare_texts(row, &no_texts, now.texts(row), private);
            }
        }
        for gone in old..last.len() {
            self.removed.row(gone);
        }
        put(&mut self.added, births);
        self.added.extend_from_slice(&keys);
    }

    /// Nine rows of ten stand still: they are passed over as a block.
    #[inline]
    fn compare(&mut self, row: usize, last: [&[Reading]; 2], now: [&[Reading]; 2]) {
        if last[0] != now[0] {
            for (column, (&last, &now)) in self.columns.iter_mut().zip(last[0].iter().zip(now[0])) {
                column.compare(row, last, now);
            }
        }
        if last[1] != now[1] {
            // Of the columns that not every row has, none may be there on one side.
            let at = |half: &[Reading], place| half.get(place).copied().unwrap_or_default();
            let width = last[1].len().max(now[1].len());
            let columns = self.columns.iter_mut().skip(now[0].len()).take(width);
            for (place, column) in columns.enumerate() {
                column.compare(row, at(last[1], place), at(now[1], place));
            }
        }
    }

    /// The texts of a family that are not written as they are, a bit each.
    fn private(&self, family: &Family) -> u64 {
        let private = |role: Role| role == Role::Private && self.arguments != Arguments::Full;
        let places = family.texts.iter().zip(0u32..).filter(|(text, _)| private(text.role));
        places.fold(0, |bits, (_, place)| bits | 1u64.checked_shl(place).unwrap_or(0))
    }

    #[inline]
    fn compare_texts(
        &mut self,
        row: usize,
        last: &[Option<Text>],
        now: &[Option<Text>],
        private: u64,
    ) {
        // A row's texts are one shared piece, and mostly the same one as before.
        if std::ptr::eq(last, now) {
            return;
        }
        for (place, (last, now)) in last.iter().zip(now).enumerate() {
            if last != now {
                let id = match now {
                    None => 0,
                    Some(_) if private >> place & 1 != 0 && self.arguments == Arguments::None => {
                        continue;
                    }
                    Some(text) if private >> place & 1 != 0 => self.masked(text),
                    Some(text) => self.string(text),
                };
                put(self.texts[place].row(row), id);
            }
        }
    }

    /// The number of what may be written of a text that may carry secrets.
    fn masked(&mut self, text: &Text) -> u64 {
        if let Some(masked) = self.masked.get(clipped(text)).cloned() {
            return self.string(&masked);
        }
        let whole: Cow<'_, str> = String::from_utf8_lossy(clipped(text));
        let masked = Redacted(&whole).to_string();
        let masked = if masked == whole { text.clone() } else { Text::from(masked) };
        if self.masked.len() >= MASKED {
            self.masked.clear();
        }
        self.masked.insert(Raw(text.clone()), masked.clone());
        self.string(&masked)
    }

    /// The number of a text in this key interval's string table, from 1; new ones are written.
    fn string(&mut self, text: &Text) -> u64 {
        let raw = clipped(text);
        if let Some(&id) = self.strings.get(raw) {
            return id;
        }
        put_bytes(&mut self.new_strings, raw);
        self.string_bytes += raw.len();
        let id = self.strings.len() as u64 + 1;
        self.strings.insert(Raw(text.clone()), id);
        id
    }
}

/// Keys ascend: the first half is a difference, and so is the second where the first stands still.
fn put_key(out: &mut Vec<u8>, last: Option<Key>, key: Key) {
    let last = last.unwrap_or(Key(0, 0));
    put(out, key.0 - last.0);
    put(out, if key.0 == last.0 { key.1 - last.1 } else { key.1 });
}

/// The sample without what no frame can hold: tables out of order, which are a mistake of ours, and
/// tables beyond the limit of rows.
pub(super) fn recordable(sample: &Arc<RawSample>) -> Arc<RawSample> {
    let mut rows = 0;
    let mut fits = |table: &RawTable| {
        let ordered = table.keys().windows(2).all(|pair| pair[0] < pair[1]);
        debug_assert!(ordered, "{} was not finished", table.family().get().name);
        let fits = ordered && table.len() <= ROW_LIMIT - rows;
        rows += if fits { table.len() } else { 0 };
        fits
    };
    let misfits: Vec<FamilyId> =
        sample.tables().filter(|table| !fits(table)).map(|table| table.family()).collect();
    if misfits.is_empty() {
        return Arc::clone(sample);
    }
    let mut kept = (**sample).clone();
    for family in misfits {
        kept.take(family);
    }
    Arc::new(kept)
}
