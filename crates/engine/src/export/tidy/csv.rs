//! Tables as CSV (RFC 4180): a file for each family, and `columns.csv`, which describes them.
//!
//! A missing value is an empty field, an empty text is `""`. A text that begins as formulas do
//! (`=`, `+`, `-`, `@`) gets a quote in front: a process names itself, and spreadsheets run what
//! looks like a formula.

use std::io::{self, BufWriter, Write};

use retop_model::civil::Rfc3339;
use retop_model::family::host;
use retop_model::{Family, FamilyId, Snapshot, Text};

use super::events::{self, EventCell, HostEvent};
use super::{Cell, Column, News, Options, Written, boot, columns, given};
use crate::export::target::{ABOUT, Target};

/// Writes moments as they come: nothing is kept.
pub struct Csv<'a> {
    options: Options<'a>,
    target: Target,
    news: News,
    tables: Vec<Option<Table>>,
    events: Option<Written>,
    line: Vec<u8>,
}

struct Table {
    family: &'static Family,
    columns: Vec<Column>,
    file: BufWriter<std::fs::File>,
    rows: u64,
}

impl<'a> Csv<'a> {
    /// Files will be made in the target as their first rows come.
    #[must_use]
    pub fn new(target: Target, options: Options<'a>) -> Csv<'a> {
        let tables = FamilyId::all().map(|_| None).collect();
        Csv { options, target, news: News::new(), tables, events: None, line: Vec::new() }
    }

    /// Bytes that have been written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.target.bytes()
    }

    /// Takes the next moment, or `only` one of its tables: where moments are thinned, none of the
    /// processes that ended is lost.
    ///
    /// # Errors
    ///
    /// Those of the files.
    pub fn push(&mut self, moment: &Snapshot, only: Option<FamilyId>) -> io::Result<()> {
        let time = Rfc3339(moment.stamp().wall_ms);
        let host = moment.one_text(host::name).map(|name| name.shown());
        let boot = boot(moment);
        let options = self.options;
        for family in options.wanted(only) {
            if !self.news.is_new(moment, family) {
                continue;
            }
            let keep = self.options.keep.filter(|_| family == FamilyId::Process);
            for row in moment.rows(family).filter(|&row| keep.is_none_or(|keep| keep(row))) {
                let table = match &mut self.tables[family.index()] {
                    Some(table) => table,
                    empty => {
                        empty.insert(Table::open(family.get(), &self.options, &mut self.target)?)
                    }
                };
                self.line.clear();
                for (place, column) in table.columns.iter().enumerate() {
                    if place > 0 {
                        self.line.push(b',');
                    }
                    let line = &mut self.line;
                    match column.cell {
                        Cell::Time => write!(line, "{time}")?,
                        Cell::Host => text(line, host),
                        Cell::Boot => text(line, boot.as_ref().map(Text::shown)),
                        Cell::Text(field) => {
                            let value = row.text(field);
                            let value =
                                value.map(|value| given(value, field, self.options.arguments));
                            text(line, value.as_deref());
                        }
                        Cell::State(field) => text(line, row.state(field)),
                        Cell::Integer(field) => number(line, row.raw(field))?,
                        Cell::Float(field) => number(line, row.get(field))?,
                    }
                }
                self.line.extend_from_slice(b"\r\n");
                table.file.write_all(&self.line)?;
                table.rows += 1;
            }
        }
        Ok(())
    }

    /// Writes what happened.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn events(&mut self, list: &[HostEvent]) -> io::Result<()> {
        let file = self.target.create(&format!("{}.csv", events::TABLE))?;
        let mut file = BufWriter::new(file);
        let columns = events::columns();
        head(&mut file, &columns)?;
        for event in list {
            self.line.clear();
            for (place, column) in columns.iter().enumerate() {
                if place > 0 {
                    self.line.push(b',');
                }
                match column.cell {
                    EventCell::Time => write!(self.line, "{}", Rfc3339(event.1.wall_ms))?,
                    EventCell::Text(value) => text(&mut self.line, events::some(value(event))),
                    EventCell::Integer(value) => number(&mut self.line, value(event))?,
                    EventCell::Float(value) => number(&mut self.line, value(event))?,
                }
            }
            self.line.extend_from_slice(b"\r\n");
            file.write_all(&self.line)?;
        }
        file.flush()?;
        self.events = Some(Written { table: events::TABLE, rows: list.len() as u64 });
        Ok(())
    }

    /// Puts the files in place.
    ///
    /// # Errors
    ///
    /// Those of the files.
    pub fn finish(mut self) -> io::Result<Vec<Written>> {
        let about: Box<dyn Write> = match self.target.is_file() {
            true => Box::new(io::sink()),
            false => Box::new(self.target.create(ABOUT)?),
        };
        let mut about = BufWriter::new(about);
        about.write_all(b"table,column,kind,unit,divisor,estimated,help\r\n")?;
        let mut written = Vec::new();
        for table in self.tables.iter_mut().flatten() {
            table.file.flush()?;
            written.push(Written { table: table.family.key, rows: table.rows });
            describe(&mut about, table.family.key, &table.columns)?;
        }
        if let Some(events) = self.events {
            describe(&mut about, events.table, &events::columns())?;
            written.push(events);
        }
        about.flush()?;
        drop((about, self.tables));
        self.target.commit()?;
        Ok(written)
    }
}

impl Table {
    fn open(
        family: &'static Family,
        options: &Options<'_>,
        target: &mut Target,
    ) -> io::Result<Table> {
        let columns = columns(family, options.arguments);
        let mut file =
            BufWriter::with_capacity(64 << 10, target.create(&format!("{}.csv", family.key))?);
        head(&mut file, &columns)?;
        Ok(Table { family, columns, file, rows: 0 })
    }
}

/// The names of the columns.
fn head<C>(file: &mut impl Write, columns: &[Column<C>]) -> io::Result<()> {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    write!(file, "{}\r\n", names.join(","))
}

/// What the columns are.
fn describe<C>(about: &mut impl Write, table: &str, columns: &[Column<C>]) -> io::Result<()> {
    for Column { name, kind, unit, divisor, estimated, help, .. } in columns {
        write!(about, "{table},{name},{kind},{unit},{divisor},{estimated},")?;
        let mut line = Vec::new();
        text(&mut line, Some(help));
        line.extend_from_slice(b"\r\n");
        about.write_all(&line)?;
    }
    Ok(())
}

fn number<T: std::fmt::Display>(line: &mut Vec<u8>, value: Option<T>) -> io::Result<()> {
    value.map_or(Ok(()), |value| write!(line, "{value}"))
}

/// A field; nothing at all for a missing text.
fn text(line: &mut Vec<u8>, value: Option<&str>) {
    let Some(value) = value else { return };
    // The last two are what some spreadsheets skip before they look for a formula.
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quote = value.is_empty() || value.contains(['"', ',', '\n', '\r']) || value.trim() != value;
    if quote {
        line.push(b'"');
    }
    if formula {
        line.push(b'\'');
    }
    for byte in value.bytes() {
        line.push(byte);
        if byte == b'"' {
            line.push(b'"');
        }
    }
    if quote {
        line.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be_and_never_formulas() {
        let cases = [
            (Some("plain"), "plain"),
            (None, ""),
            (Some(""), "\"\""),
            (Some("a,b"), "\"a,b\""),
            (Some("say \"hi\""), "\"say \"\"hi\"\"\""),
            (Some("two\nlines"), "\"two\nlines\""),
            (Some("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0"),
            (Some("+1"), "'+1"),
            (Some("-bash"), "'-bash"),
            (Some("@sum(1,2)"), "\"'@sum(1,2)\""),
            (Some("=\"x\""), "\"'=\"\"x\"\"\""),
            (Some(" =1"), "\" =1\""),
            (Some("日本 🦀"), "日本 🦀"),
        ];
        for (value, wanted) in cases {
            let mut line = Vec::new();
            text(&mut line, value);
            assert_eq!(String::from_utf8(line).unwrap(), wanted, "{value:?}");
        }
    }
}
