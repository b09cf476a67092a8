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

/// How the numbers of a column stand in rows that are new: see the module above.
pub(super) const BORN_NONE: u8 = 0;
pub(super) const BORN_SOME: u8 = 1;
pub(super) const BORN_ALL: u8 = 2;
pub(super) const BORN_FIRST: u8 = 3;
pub(super) const BORN_SECOND: u8 = 4;
/// With it, a scale stands before the numbers.
pub(super) const SCALED: u8 = 8;
/// A smaller scale saves less than it may cost: any two numbers have a small one.
const LEAST_SCALE: u64 = 16;

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
    born: Vec<Key>,
    /// Rows that were there before and are not what they were.
    changed: List,
    columns: Vec<ColumnLists>,
    texts: Vec<TextLists>,
    steps: Vec<i64>,
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

/// What happened to one column: numbers that are new with their rows, that changed, that came, that
/// went.
#[derive(Default)]
struct ColumnLists {
    born: Vec<Reading>,
    changed: List,
    steps: Vec<i64>,
    appeared: List,
    vanished: List,
}

impl ColumnLists {
    fn clear(&mut self) {
        self.born.clear();
        self.changed.clear();
        self.steps.clear();
        self.appeared.clear();
        self.vanished.clear();
    }

    fn memory(&self) -> usize {
        let lists = [&self.changed, &self.appeared, &self.vanished];
        self.born.capacity() * size_of::<Reading>()
            + self.steps.capacity() * size_of::<i64>()
            + lists.iter().map(|list| list.bytes.capacity()).sum::<usize>()
    }

    #[inline]
    fn compare(&mut self, row: usize, last: Reading, now: Reading) {
        match (last.get(), now.get()) {
            (Some(last), Some(now)) if last != now => {
                self.changed.row(row);
                self.steps.push(now.wrapping_sub(last));
            }
            (None, Some(now)) => put_signed(self.appeared.row(row), now),
            (Some(_), None) => {
                self.vanished.row(row);
            }
            _ => {}
        }
    }

    /// The numbers in the rows that are new, which have those keys.
    fn write_born(&self, keys: &[Key], steps: &mut Vec<i64>, out: &mut Vec<u8>) {
        let present = self.born.iter().filter(|reading| reading.is_some()).count();
        if present == 0 {
            return out.push(BORN_NONE);
        }
        if present == keys.len() {
            let each = |is: &dyn Fn(&Key, i64) -> bool| {
                let mut pairs = keys.iter().zip(&self.born);
                pairs.all(|(key, value)| value.get().is_some_and(|value| is(key, value)))
            };
            if each(&|key, value| key.0 as i64 == value) {
                return out.push(BORN_FIRST);
            }
            let first = keys.first().map_or(0, |key| key.1 as i64);
            let value = self.born.first().and_then(|value| value.get()).unwrap_or(0);
            let times = value.checked_div(first).unwrap_or(0);
            if times != 0 && each(&|key, value| (key.1 as i64).wrapping_mul(times) == value) {
                out.push(BORN_SECOND);
                return put_signed(out, times);
            }
        }
        let mut last = 0i64;
        steps.clear();
        steps.extend(self.born.iter().filter_map(|reading| {
            let value = reading.get()?;
            Some(value.wrapping_sub(std::mem::replace(&mut last, value)))
        }));
        let scale = scale(steps);
        let how = if present == keys.len() { BORN_ALL } else { BORN_SOME };
        out.push(how | if scale > 1 { SCALED } else { 0 });
        if scale > 1 {
            put(out, scale as u64);
        }
        if how == BORN_SOME {
            for readings in self.born.chunks(8) {
                let bits = readings.iter().rev().map(|reading| u8::from(reading.is_some()));
                out.push(bits.fold(0, |byte, bit| byte << 1 | bit));
            }
        }
        steps.iter().for_each(|step| put_signed(out, step / scale));
    }

    /// Most columns of most frames have no change of presence: two bits say so.
    fn write(&self, out: &mut Vec<u8>) {
        let (appeared, vanished) = (self.appeared.count > 0, self.vanished.count > 0);
        let scale = scale(&self.steps);
        let flags = u64::from(scale > 1) << 2 | u64::from(vanished) << 1 | u64::from(appeared);
        put(out, self.changed.count << 3 | flags);
        if scale > 1 {
            put(out, scale as u64);
        }
        out.extend_from_slice(&self.changed.bytes);
        self.steps.iter().for_each(|step| put_signed(out, step / scale));
        for list in [&self.appeared, &self.vanished] {
            if list.count > 0 {
                list.write(out);
            }
        }
    }
}

/// What all of them are multiples of, if that saves something; 1 otherwise.
fn scale(steps: &[i64]) -> i64 {
    let mut found = 0u64;
    let mut others = 0;
    for step in steps.iter().map(|step| step.unsigned_abs()).filter(|&step| step > 0) {
        let (mut one, mut other) = (found, step);
        while other != 0 {
            (one, other) = (other, one % other);
        }
        found = one;
        others += 1;
        if found < LEAST_SCALE {
            return 1;
        }
    }
    match i64::try_from(found) {
        Ok(scale) if others > 1 => scale,
        _ => 1,
    }
}

/// The numbers of texts, each as its distance from the one before.
#[derive(Default)]
struct TextLists {
    /// Those of rows that are new.
    born: Vec<u64>,
    changed: List,
    last: u64,
}

impl TextLists {
    fn clear(&mut self) {
        self.born.clear();
        self.changed.clear();
        self.last = 0;
    }

    fn memory(&self) -> usize {
        self.born.capacity() * size_of::<u64>() + self.changed.bytes.capacity()
    }

    fn change(&mut self, row: usize, id: u64) {
        let last = std::mem::replace(&mut self.last, id);
        put_signed(self.changed.row(row), id.wrapping_sub(last) as i64);
    }

    fn write_born(&self, out: &mut Vec<u8>) {
        if self.born.iter().all(|&id| id == 0) {
            return out.push(BORN_NONE);
        }
        out.push(BORN_ALL);
        let mut last = 0;
        for &id in &self.born {
            put_signed(out, id.wrapping_sub(std::mem::replace(&mut last, id)) as i64);
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
            + lists(&self.changed)
            + self.born.capacity() * size_of::<Key>()
            + self.steps.capacity() * size_of::<i64>()
            + self.texts.iter().map(TextLists::memory).sum::<usize>()
            + self.columns.iter().map(ColumnLists::memory).sum::<usize>()
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
        let columns = &self.columns[..family.raw.len()];
        let texts = &self.texts[..family.texts.len()];
        if !self.born.is_empty() {
            for column in columns {
                column.write_born(&self.born, &mut self.steps, &mut self.section);
            }
            texts.iter().for_each(|text| text.write_born(&mut self.section));
        }
        self.changed.write(&mut self.section);
        if self.changed.count > 0 {
            columns.iter().for_each(|column| column.write(&mut self.section));
        }
        texts.iter().for_each(|text| text.changed.write(&mut self.section));
        put_bytes(&mut self.tables, &self.section);
    }

    /// One walk through both tables.
    fn rows(&mut self, last: &RawTable, now: &RawTable) {
        let family = now.family().get();
        if self.columns.len() < family.raw.len() {
            self.columns.resize_with(family.raw.len(), ColumnLists::default);
        }
        if self.texts.len() < family.texts.len() {
            self.texts.resize_with(family.texts.len(), TextLists::default);
        }
        self.columns.iter_mut().for_each(ColumnLists::clear);
        self.texts.iter_mut().for_each(TextLists::clear);
        self.removed.clear();
        self.changed.clear();
        self.born.clear();
        self.added.clear();

        let private = self.private(family);
        let mut old = 0;
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
                self.born.push(key);
                let born = self.columns.iter_mut().zip(now.readings(row));
                born.for_each(|(column, reading)| column.born.push(reading));
                self.born_texts(now.texts(row), private);
            }
        }
        for gone in old..last.len() {
            self.removed.row(gone);
        }
        put(&mut self.added, self.born.len() as u64);
        let mut last = None;
        for &key in &self.born {
            put_key(&mut self.added, last, key);
            last = Some(key);
        }
    }

    /// Nine rows of ten stand still: they are passed over as a block.
    #[inline]
    fn compare(&mut self, row: usize, last: [&[Reading]; 2], now: [&[Reading]; 2]) {
        let ([last, last_seldom], [now, now_seldom]) = (last, now);
        let same_seldom = same(last_seldom, now_seldom);
        if last == now && same_seldom {
            return;
        }
        let place = usize::try_from(self.changed.count).unwrap_or(usize::MAX);
        self.changed.row(row);
        for (column, (&last, &now)) in self.columns.iter_mut().zip(last.iter().zip(now)) {
            column.compare(place, last, now);
        }
        if same_seldom {
            return;
        }
        let at = |half: &[Reading], place| half.get(place).copied().unwrap_or_default();
        let width = last_seldom.len().max(now_seldom.len());
        let columns = self.columns.iter_mut().skip(now.len()).take(width);
        for (column, seldom) in columns.zip(0..) {
            column.compare(place, at(last_seldom, seldom), at(now_seldom, seldom));
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
            if last != now
                && let Some(id) = self.id(place, now.as_ref(), private)
            {
                self.texts[place].change(row, id);
            }
        }
    }

    fn born_texts(&mut self, now: &[Option<Text>], private: u64) {
        for (place, now) in now.iter().enumerate() {
            let id = self.id(place, now.as_ref(), private).unwrap_or(0);
            self.texts[place].born.push(id);
        }
    }

    /// The number of what is written of a text, 0 if it is missing; `None` if nothing is said of it.
    fn id(&mut self, place: usize, text: Option<&Text>, private: u64) -> Option<u64> {
        let private = private >> place & 1 != 0;
        match text {
            None => Some(0),
            Some(_) if private && self.arguments == Arguments::None => None,
            Some(text) if private => Some(self.masked(text)),
            Some(text) => Some(self.string(text)),
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

/// Of the columns that few rows have, all may be missing on one side.
fn same(last: &[Reading], now: &[Reading]) -> bool {
    match (last, now) {
        ([], half) | (half, []) => !half.iter().any(|reading| reading.is_some()),
        (last, now) => last == now,
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
