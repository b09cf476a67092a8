//! A sample from the one before it and the difference.

use std::sync::Arc;

use retop_model::{FamilyId, RawSample, RawTable, Snapshot, Stamp, Text, Window};

use self::table::TableReader;
use super::schema::Mapping;
use super::varint::{CodecError, Reader};
use super::{ABSENT, CHANGED, FLAG_BEFORE, FLAG_KEY, ROW_LIMIT, SAME, STRING_LIMIT};

mod table;
mod table_1;

/// Where a reader stands in a key interval.
#[derive(Clone, Debug)]
pub(super) struct State {
    now: RawSample,
    /// What `now` is compared with, by the rule of [`retop_model::derive`].
    before: Option<RawSample>,
    /// How many of the interval's strings have been seen.
    strings: usize,
}

impl State {
    /// Before the first frame.
    pub fn new() -> State {
        State { now: RawSample::new(Stamp::default()), before: None, strings: 0 }
    }

    pub fn sample(&self) -> Arc<RawSample> {
        Arc::new(self.now.clone())
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot::compare(self.before.clone().map(Arc::new), self.sample())
    }

    /// Takes the next frame's body. `strings` is the interval's table; `keep` says which families'
    /// present tables will be wanted for comparison. A table that nobody keeps is changed in place:
    /// copying 2,000 processes costs several times what a frame's changes do.
    ///
    /// # Errors
    ///
    /// Where and why the body is no frame. The state is then of no more use.
    pub fn apply(
        &mut self,
        body: &[u8],
        mapping: &Mapping,
        strings: &mut Vec<Text>,
        keep: impl Fn(FamilyId) -> bool,
    ) -> Result<(), CodecError> {
        let mut reader = Reader::new(body);
        match reader.byte()? {
            0 => {
                strings.truncate(self.strings);
                let mut before = self.before.take().unwrap_or_else(|| State::new().now);
                before.stamp = self.now.stamp;
                self.moment(&mut reader, mapping, strings, &mut before, keep)?;
                self.before = Some(before);
            }
            flags if flags & !FLAG_BEFORE == FLAG_KEY => {
                strings.clear();
                *self = State::new();
                let mut unused = RawSample::default();
                if flags & FLAG_BEFORE != 0 {
                    self.moment(&mut reader, mapping, strings, &mut unused, |_| false)?;
                    self.before = Some(self.now.clone());
                }
                self.moment(&mut reader, mapping, strings, &mut unused, |_| false)?;
            }
            _ => return reader.error("unknown kind of frame"),
        }
        self.strings = strings.len();
        reader.end()
    }

    fn moment(
        &mut self,
        reader: &mut Reader<'_>,
        mapping: &Mapping,
        strings: &mut Vec<Text>,
        before: &mut RawSample,
        keep: impl Fn(FamilyId) -> bool,
    ) -> Result<(), CodecError> {
        self.now.stamp = stamp(reader, self.now.stamp)?;
        let mut added = reader.section()?;
        while added.left() > 0 {
            let text = added.bytes()?;
            if text.len() > STRING_LIMIT {
                return added.error("text too long");
            }
            strings.push(Text::new(text));
        }
        let now_ns = self.now.stamp.monotonic_ns;
        let mut rows = 0;
        for family in &mapping.families {
            let flag = reader.byte()?;
            let mut section = match flag {
                ABSENT | SAME => None,
                CHANGED => Some(reader.section()?),
                _ => return reader.error("unknown state of a table"),
            };
            let Some(id) = family.id else { continue };
            match (&mut section, flag) {
                (Some(section), _) => {
                    let window = window(section, now_ns)?;
                    let last = self.now.take(id);
                    if last.as_ref().is_none_or(|last| last.window() != window) {
                        before.take(id);
                        if let Some(last) = last.as_ref().filter(|_| keep(id)) {
                            before.put(Arc::clone(last));
                        }
                    }
                    let mut table = last.unwrap_or_else(|| Arc::new(RawTable::new(id)));
                    let changed = Arc::make_mut(&mut table);
                    let limit = ROW_LIMIT - rows;
                    let reader = TableReader { table: changed, family, strings, limit };
                    match mapping.format {
                        1 => reader.read_1(section)?,
                        _ => reader.read(section)?,
                    }
                    changed.stamp(window);
                    self.now.put(table);
                }
                (None, ABSENT) => {
                    self.now.take(id);
                    before.take(id);
                }
                (None, _) if self.now.table(id).is_none() => {
                    return reader.error("a table that is not there stands still");
                }
                (None, _) => {}
            }
            rows += self.now.table(id).map_or(0, |table| table.len());
            if rows > ROW_LIMIT {
                return reader.error("too many rows");
            }
        }
        Ok(())
    }
}

fn stamp(reader: &mut Reader<'_>, last: Stamp) -> Result<Stamp, CodecError> {
    let wall_ms = last.wall_ms.wrapping_add(reader.signed()?);
    let monotonic = reader.signed()?;
    let boottime = reader.signed()?.wrapping_add(monotonic);
    Ok(Stamp {
        wall_ms,
        monotonic_ns: last.monotonic_ns.wrapping_add_signed(monotonic),
        boottime_ns: last.boottime_ns.wrapping_add_signed(boottime),
    })
}

fn window(section: &mut Reader<'_>, now_ns: u64) -> Result<Window, CodecError> {
    let begin_ns = now_ns.wrapping_add_signed(section.signed()?);
    let end_ns = begin_ns.wrapping_add_signed(section.signed()?);
    Ok(Window { begin_ns, end_ns })
}

/// Finds, without decoding rows, in which frame each family was last read anew: `reads` is called
/// with each family that a delta frame reads. `windows` and `last` are carried from frame to frame.
pub(super) fn skim(
    body: &[u8],
    mapping: &Mapping,
    last: &mut Skimmed,
    mut reads: impl FnMut(FamilyId),
) -> Result<(), CodecError> {
    let mut reader = Reader::new(body);
    if reader.byte()? != 0 {
        return reader.error("a key frame within an interval");
    }
    last.stamp = stamp(&mut reader, last.stamp)?;
    reader.bytes()?;
    for family in &mapping.families {
        let window = match reader.byte()? {
            SAME => continue,
            ABSENT => None,
            _ => Some(window(&mut reader.section()?, last.stamp.monotonic_ns)?),
        };
        let Some(id) = family.id else { continue };
        let place = &mut last.windows[id.index()];
        if window.is_some() && *place != window {
            reads(id);
        }
        *place = window;
    }
    Ok(())
}

/// What [`skim`] knows of the frame before.
pub(super) struct Skimmed {
    stamp: Stamp,
    windows: Vec<Option<Window>>,
}

impl Skimmed {
    pub fn after(state: &State) -> Skimmed {
        let window = |family| state.now.table(family).map(|table| table.window());
        Skimmed { stamp: state.now.stamp, windows: FamilyId::all().map(window).collect() }
    }
}
