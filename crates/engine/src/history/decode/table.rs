//! The difference of one table, read into the table before it.

use retop_model::{Key, RawTable, Reading, Text};

use crate::history::encode::{BORN_ALL, BORN_FIRST, BORN_NONE, BORN_SECOND, BORN_SOME, SCALED};
use crate::history::schema::FamilyMapping;
use crate::history::varint::{CodecError, Reader};

pub(super) struct TableReader<'a> {
    pub table: &'a mut RawTable,
    pub family: &'a FamilyMapping,
    pub strings: &'a [Text],
    /// Most rows that may be born.
    pub limit: usize,
}

impl TableReader<'_> {
    pub fn read(mut self, section: &mut Reader<'_>) -> Result<(), CodecError> {
        let born = self.births_and_deaths(section)?;
        let family = self.family;
        if !born.is_empty() {
            let rows: Vec<usize> = born.iter().filter_map(|&key| self.table.find(key)).collect();
            for &column in &family.columns {
                self.born(section, column, &born, &rows)?;
            }
            for &text in &family.texts {
                self.born_texts(section, text, &rows)?;
            }
        }
        let changed = places(section, self.table.len())?;
        if !changed.is_empty() {
            for &column in &family.columns {
                self.column(section, column, &changed)?;
            }
        }
        for &text in &family.texts {
            self.texts(section, text)?;
        }
        section.end()
    }

    pub fn births_and_deaths(&mut self, section: &mut Reader<'_>) -> Result<Vec<Key>, CodecError> {
        let removed = places(section, self.table.len())?;
        let births = section.count(2)?;
        if births > self.limit {
            return section.error("too many rows");
        }
        let mut added: Vec<Key> = Vec::with_capacity(births);
        for _ in 0..births {
            let last = added.last().copied();
            added.push(next_key(section, last)?);
        }
        self.table.splice(&removed, &[]);
        if added.iter().any(|&key| self.table.find(key).is_some()) {
            return section.error("a row is born twice");
        }
        self.table.splice(&[], &added);
        Ok(added)
    }

    /// The numbers of one column in the rows that are new.
    fn born(
        &mut self,
        section: &mut Reader<'_>,
        column: Option<usize>,
        keys: &[Key],
        rows: &[usize],
    ) -> Result<(), CodecError> {
        let how = section.byte()?;
        let scale = if how & SCALED != 0 { section.number()? as i64 } else { 1 };
        let mut last = 0i64;
        let mut next = |section: &mut Reader<'_>| -> Result<i64, CodecError> {
            last = last.wrapping_add(section.signed()?.wrapping_mul(scale));
            Ok(last)
        };
        match how & !SCALED {
            BORN_NONE => {}
            BORN_ALL => {
                for &row in rows {
                    let value = next(section)?;
                    self.set(row, column, Reading::new(value));
                }
            }
            BORN_SOME => {
                let present = section.exactly(rows.len().div_ceil(8))?;
                for (place, &row) in rows.iter().enumerate() {
                    if present.get(place / 8).is_some_and(|bits| bits >> (place % 8) & 1 != 0) {
                        let value = next(section)?;
                        self.set(row, column, Reading::new(value));
                    }
                }
            }
            BORN_FIRST => {
                for (key, &row) in keys.iter().zip(rows) {
                    self.set(row, column, Reading::new(key.0 as i64));
                }
            }
            BORN_SECOND => {
                let times = section.signed()?;
                for (key, &row) in keys.iter().zip(rows) {
                    self.set(row, column, Reading::new((key.1 as i64).wrapping_mul(times)));
                }
            }
            _ => return section.error("unknown way of new numbers"),
        }
        Ok(())
    }

    fn born_texts(
        &mut self,
        section: &mut Reader<'_>,
        text: Option<usize>,
        rows: &[usize],
    ) -> Result<(), CodecError> {
        match section.byte()? {
            BORN_NONE => return Ok(()),
            BORN_ALL => {}
            _ => return section.error("unknown way of new texts"),
        }
        let mut id = 0;
        for &row in rows {
            id = next_id(section, id)?;
            self.set_text(section, row, text, id)?;
        }
        Ok(())
    }

    /// What happened to one column in the rows that changed.
    fn column(
        &mut self,
        section: &mut Reader<'_>,
        column: Option<usize>,
        rows: &[usize],
    ) -> Result<(), CodecError> {
        let header = section.number()?;
        let count = usize::try_from(header >> 3).unwrap_or(usize::MAX);
        if count > 0 {
            self.changed(section, column, rows, count, header & 4 != 0)?;
        }
        if header & 1 != 0 {
            let mut next = 0;
            for _ in 0..section.count(2)? {
                let place = place(section, &mut next, rows.len())?;
                let value = section.signed()?;
                if let Some(&row) = rows.get(place) {
                    self.set(row, column, Reading::new(value));
                }
            }
        }
        if header & 2 != 0 {
            for place in places(section, rows.len())? {
                if let Some(&row) = rows.get(place) {
                    self.set(row, column, Reading::NONE);
                }
            }
        }
        Ok(())
    }

    fn changed(
        &mut self,
        section: &mut Reader<'_>,
        column: Option<usize>,
        rows: &[usize],
        count: usize,
        scaled: bool,
    ) -> Result<(), CodecError> {
        let scale = if scaled { section.number()? as i64 } else { 1 };
        // The places, then what happened there: a reader of its own for each.
        let mut places = section.ahead();
        (0..count).try_for_each(|_| section.number().map(|_| ()))?;
        let mut next = 0;
        for _ in 0..count {
            let place = self::place(&mut places, &mut next, rows.len())?;
            let by = section.signed()?.wrapping_mul(scale);
            let (Some(&row), Some(column)) = (rows.get(place), column) else { continue };
            self.add(section, row, column, by)?;
        }
        Ok(())
    }

    fn texts(&mut self, section: &mut Reader<'_>, text: Option<usize>) -> Result<(), CodecError> {
        let (mut next, mut id) = (0, 0);
        for _ in 0..section.count(2)? {
            let row = place(section, &mut next, self.table.len())?;
            id = next_id(section, id)?;
            self.set_text(section, row, text, id)?;
        }
        Ok(())
    }

    /// Puts the text of that number in its place; 0 is none.
    pub fn set_text(
        &mut self,
        section: &Reader<'_>,
        row: usize,
        text: Option<usize>,
        id: usize,
    ) -> Result<(), CodecError> {
        let string = match id.checked_sub(1) {
            None => None,
            Some(place) => match self.strings.get(place) {
                Some(string) => Some(string.clone()),
                None => return section.error("a text that is not there"),
            },
        };
        if let (Some(text), Some(mut row)) = (text, self.table.row_mut(row))
            && let Some(cell) = row.texts().get_mut(text)
        {
            *cell = string;
        }
        Ok(())
    }

    /// The next row of a list in ascending order.
    #[inline]
    pub fn row(&self, section: &mut Reader<'_>, next: &mut usize) -> Result<usize, CodecError> {
        place(section, next, self.table.len())
    }

    /// Adds to a number that is there.
    #[inline]
    pub fn add(
        &mut self,
        section: &Reader<'_>,
        row: usize,
        column: usize,
        by: i64,
    ) -> Result<(), CodecError> {
        let last = self.table.reading(row, column).get();
        let now = last.map(|last| last.wrapping_add(by)).map_or(Reading::NONE, Reading::new);
        if !now.is_some() {
            return section.error("a change of a number that is not there");
        }
        self.table.put(row, column, now);
        Ok(())
    }

    #[inline]
    pub fn set(&mut self, row: usize, column: Option<usize>, value: Reading) {
        if let Some(column) = column {
            self.table.put(row, column, value);
        }
    }
}

/// Places in ascending order, behind their number.
fn places(section: &mut Reader<'_>, limit: usize) -> Result<Vec<usize>, CodecError> {
    let mut next = 0;
    let count = section.count(1)?;
    (0..count).map(|_| place(section, &mut next, limit)).collect()
}

#[inline]
fn place(section: &mut Reader<'_>, next: &mut usize, limit: usize) -> Result<usize, CodecError> {
    let gap = section.number()?;
    let place = usize::try_from(gap).ok().and_then(|gap| next.checked_add(gap));
    match place.filter(|&place| place < limit) {
        Some(place) => {
            *next = place + 1;
            Ok(place)
        }
        None => section.error("row beyond the table"),
    }
}

/// The number of a text, as its distance from the one before.
fn next_id(section: &mut Reader<'_>, last: usize) -> Result<usize, CodecError> {
    let by = section.signed()?;
    let id = isize::try_from(by).ok().and_then(|by| last.checked_add_signed(by));
    id.map_or_else(|| section.error("a text that is not there"), Ok)
}

fn next_key(section: &mut Reader<'_>, last: Option<Key>) -> Result<Key, CodecError> {
    let (first, second) = (section.number()?, section.number()?);
    let before = last.unwrap_or(Key(0, 0));
    let key = match (before.0.checked_add(first), before.1.checked_add(second)) {
        (Some(one), _) if first > 0 => Key(one, second),
        (Some(one), Some(two)) if second > 0 || last.is_none() => Key(one, two),
        _ => return section.error("keys out of order"),
    };
    Ok(key)
}
