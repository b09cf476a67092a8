//! Tables as Parquet: a file for each family.
//!
//! Rows are in order of entity and then of time, 300 samples to a row group: neighbours are then
//! mostly equal, and differences of integers take a third of the bytes that rows in order of time
//! do. A group ends early when the samples that wait for it take much memory, so that what an
//! export needs does not grow with the machine or with the recording.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parquet::basic::{
    Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel,
};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type};
use retop_model::family::host;
use retop_model::{Family, FamilyId, Field, Key, RawTable, Snapshot, Text, TextField};

use super::events::{self, EventCell, HostEvent};
use super::{Cell, Column, Held, Holds, News, Options, Written, boot, columns, given};
use crate::export::Arguments;
use crate::export::target::Target;

/// Samples in a row group. Twice as many save little and double what a query reads for one row.
const GROUP_SAMPLES: usize = 300;
/// Bytes that rows waiting for their group may take: 300 samples of 800 processes.
const WAITING_BYTES: usize = 64 << 20;
/// The one that recordings are written at: what others need is not in the program.
const ZSTD_LEVEL: i32 = 6;
/// Key of the file's metadata under which its columns are described.
pub const ABOUT: &str = "retop";
/// Columns that rows are looked up by: they have statistics.
const LOOKED_UP: [&str; 2] = ["time", "pid"];

/// Collects moments and writes them in groups.
pub struct Parquet<'a> {
    options: Options<'a>,
    target: Target,
    news: News,
    host: Option<Text>,
    boot: Option<Text>,
    tables: Vec<Option<Table>>,
    events: Option<Written>,
    pub(super) waiting: usize,
    pub(super) limit: usize,
}

struct Table {
    family: &'static Family,
    columns: Vec<Column>,
    arguments: Arguments,
    writer: SerializedFileWriter<File>,
    samples: Vec<Sample>,
    waiting: usize,
    rows: u64,
}

/// Rows that wait.
struct Sample {
    time_ms: i64,
    host: Option<Text>,
    boot: Option<Text>,
    table: Arc<RawTable>,
    /// Which rows; `None` for all.
    rows: Option<Vec<u32>>,
}

impl Sample {
    fn rows(&self) -> usize {
        self.rows.as_ref().map_or(self.table.len(), Vec::len)
    }
}

impl<'a> Parquet<'a> {
    /// Files will be made in the target as their first rows come.
    #[must_use]
    pub fn new(target: Target, options: Options<'a>) -> Parquet<'a> {
        let tables = FamilyId::all().map(|_| None).collect();
        let news = News::new();
        let (host, boot) = (None, None);
        let events = None;
        Parquet {
            options,
            target,
            news,
            host,
            boot,
            tables,
            events,
            waiting: 0,
            limit: WAITING_BYTES,
        }
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
        let host = moment.one_text(host::name);
        if self.host.as_ref() != host {
            self.host = host.cloned();
        }
        let boot = boot(moment);
        if self.boot != boot {
            self.boot = boot;
        }
        let options = self.options;
        for family in options.wanted(only) {
            if !self.news.is_new(moment, family) {
                continue;
            }
            let Some(raw) = moment.raw().table(family) else { continue };
            let rows = match self.options.keep.filter(|_| family == FamilyId::Process) {
                None => None,
                Some(keep) => {
                    let kept = moment.rows(family).zip(0u32..).filter(|&(row, _)| keep(row));
                    Some(kept.map(|(_, place)| place).collect())
                }
            };
            let sample = Sample {
                time_ms: moment.stamp().wall_ms,
                host: self.host.clone(),
                boot: self.boot.clone(),
                table: Arc::clone(raw),
                rows,
            };
            if sample.rows() == 0 {
                continue;
            }
            let table = match &mut self.tables[family.index()] {
                Some(table) => table,
                empty => empty.insert(Table::open(
                    family.get(),
                    self.options.arguments,
                    &mut self.target,
                )?),
            };
            self.waiting += table.push(sample);
            if table.samples.len() == GROUP_SAMPLES {
                self.waiting -= table.write_group()?;
            }
        }
        if self.waiting > self.limit {
            let largest = self.tables.iter_mut().flatten().max_by_key(|table| table.waiting);
            if let Some(table) = largest {
                self.waiting -= table.write_group()?;
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
        let columns = events::columns();
        let mut writer = open(&mut self.target, events::TABLE, events::HELP, &columns)?;
        let mut group = writer.next_row_group().map_err(plain)?;
        for column in &columns {
            let each = list.iter();
            match column.cell {
                EventCell::Time => {
                    let values: Vec<i64> = each.map(|(_, event)| event.wall_ms).collect();
                    put::<Int64Type>(&mut group, &values, None)?;
                }
                EventCell::Text(value) => {
                    let text = |event| events::some(value(event)).map(ByteArray::from);
                    put_some::<ByteArrayType>(&mut group, each.map(text))?;
                }
                EventCell::Integer(value) => put_some::<Int64Type>(&mut group, each.map(value))?,
                EventCell::Float(value) => put_some::<DoubleType>(&mut group, each.map(value))?,
            }
        }
        group.close().map_err(plain)?;
        writer.close().map_err(plain)?;
        self.events = Some(Written { table: events::TABLE, rows: list.len() as u64 });
        Ok(())
    }

    /// Writes what waits and puts the files in place.
    ///
    /// # Errors
    ///
    /// Those of the files.
    pub fn finish(mut self) -> io::Result<Vec<Written>> {
        let mut written = Vec::new();
        for mut table in self.tables.drain(..).flatten() {
            table.write_group()?;
            written.push(Written { table: table.family.key, rows: table.rows });
            table.writer.close().map_err(plain)?;
        }
        written.extend(self.events);
        self.target.commit()?;
        Ok(written)
    }
}

impl Table {
    fn open(
        family: &'static Family,
        arguments: Arguments,
        target: &mut Target,
    ) -> io::Result<Table> {
        let columns = columns(family, arguments);
        let writer = open(target, family.key, family.help.trim(), &columns)?;
        Ok(Table { family, columns, arguments, writer, samples: Vec::new(), waiting: 0, rows: 0 })
    }

    /// Takes rows that wait, and tells how many bytes they take.
    fn push(&mut self, sample: Sample) -> usize {
        // A table that stands in several samples is shared between them, but counted in each: the
        // limit is on the safe side.
        let row = size_of::<Key>() + (self.family.raw.len() + 1) * size_of::<i64>();
        let bytes = sample.table.len() * row;
        self.waiting += bytes;
        self.samples.push(sample);
        bytes
    }

    /// Writes what waits as one group, and tells how many bytes it took.
    fn write_group(&mut self) -> io::Result<usize> {
        let mut order: Vec<(Key, u32, u32)> = Vec::new();
        for (place, sample) in (0u32..).zip(&self.samples) {
            let keys = sample.table.keys();
            let mut add = |row: u32| order.push((keys[row as usize], place, row));
            match &sample.rows {
                Some(rows) => rows.iter().copied().for_each(&mut add),
                None => (0u32..).take(keys.len()).for_each(&mut add),
            }
        }
        if order.is_empty() {
            return Ok(0);
        }
        order.sort_unstable();
        let rows = Rows { samples: &self.samples, order: &order };
        let mut group = self.writer.next_row_group().map_err(plain)?;
        for column in &self.columns {
            match column.cell {
                Cell::Time => {
                    let values: Vec<i64> = rows.each(|sample, _| sample.time_ms).collect();
                    put::<Int64Type>(&mut group, &values, None)?;
                }
                Cell::Host => rows.machine(&mut group, |sample| sample.host.as_ref())?,
                Cell::Boot => rows.machine(&mut group, |sample| sample.boot.as_ref())?,
                Cell::Text(field) => rows.texts(&mut group, field, self.arguments)?,
                Cell::State(field) => rows.states(&mut group, field)?,
                Cell::Integer(field) => {
                    let values = rows.each(|sample, row| sample.table.raw(row, field));
                    put_some::<Int64Type>(&mut group, values)?;
                }
                Cell::Float(field) => {
                    let scale = |raw: i64| raw as f64 / column.divisor as f64;
                    let value = |sample: &Sample, row| sample.table.raw(row, field).map(scale);
                    put_some::<DoubleType>(&mut group, rows.each(value))?;
                }
            }
        }
        group.close().map_err(plain)?;
        self.rows += order.len() as u64;
        self.samples.clear();
        Ok(std::mem::take(&mut self.waiting))
    }
}

/// Rows in the order in which they are written.
struct Rows<'a> {
    samples: &'a [Sample],
    order: &'a [(Key, u32, u32)],
}

impl Rows<'_> {
    fn each<T>(&self, value: impl Fn(&Sample, usize) -> T) -> impl Iterator<Item = T> {
        self.order
            .iter()
            .map(move |&(_, sample, row)| value(&self.samples[sample as usize], row as usize))
    }

    fn machine(
        &self,
        group: &mut SerializedRowGroupWriter<'_, File>,
        text: impl Fn(&Sample) -> Option<&Text>,
    ) -> io::Result<()> {
        let mut last: Option<(&Text, ByteArray)> = None;
        let values = self.order.iter().map(|&(_, sample, _)| {
            let text = text(&self.samples[sample as usize])?;
            Some(kept(&mut last, text, |known| known.same(text), || text.shown().into()))
        });
        put_some::<ByteArrayType>(group, values)
    }

    /// Neighbours mostly are one entity and share their texts: a text is copied when it changes.
    fn texts(
        &self,
        group: &mut SerializedRowGroupWriter<'_, File>,
        field: TextField,
        arguments: Arguments,
    ) -> io::Result<()> {
        let mut last: Option<(&Text, ByteArray)> = None;
        let values = self.order.iter().map(|&(_, sample, row)| {
            let texts = self.samples[sample as usize].table.texts(row as usize);
            let text = texts.get(usize::from(field.index))?.as_ref()?;
            let copy = || given(text, field, arguments).into_owned().into_bytes().into();
            Some(kept(&mut last, text, |known| known.same(text), copy))
        });
        put_some::<ByteArrayType>(group, values)
    }

    fn states(
        &self,
        group: &mut SerializedRowGroupWriter<'_, File>,
        field: Field,
    ) -> io::Result<()> {
        let names = field.states().unwrap_or(&[]);
        let names: Vec<ByteArray> = names.iter().map(|&name| name.into()).collect();
        let state = |sample: &Sample, row| {
            let place = usize::try_from(sample.table.raw(row, field)?).ok()?;
            names.get(place).cloned()
        };
        put_some::<ByteArrayType>(group, self.each(state))
    }
}

/// The copy that was made last, if it is of the same thing; else a new one.
fn kept<T: Copy>(
    last: &mut Option<(T, ByteArray)>,
    of: T,
    same: impl Fn(T) -> bool,
    copy: impl FnOnce() -> ByteArray,
) -> ByteArray {
    match last {
        Some((known, copy)) if same(*known) => copy.clone(),
        _ => last.insert((of, copy())).1.clone(),
    }
}

fn put_some<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    cells: impl Iterator<Item = Option<T::T>>,
) -> io::Result<()> {
    let (mut values, mut present) = (Vec::new(), Vec::new());
    for cell in cells {
        present.push(i16::from(cell.is_some()));
        values.extend(cell);
    }
    put::<T>(group, &values, Some(&present))
}

fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    present: Option<&[i16]>,
) -> io::Result<()> {
    let Some(mut column) = group.next_column().map_err(plain)? else {
        return Err(io::Error::other("more columns than were declared"));
    };
    column.typed::<T>().write_batch(values, present, None).map_err(plain)?;
    column.close().map_err(plain)
}

/// Begins the file of a table.
fn open<C: Holds>(
    target: &mut Target,
    table: &str,
    help: &str,
    columns: &[Column<C>],
) -> io::Result<SerializedFileWriter<File>> {
    let file = target.create(&format!("{table}.parquet"))?;
    let schema = schema(columns).map_err(plain)?;
    let properties = properties(table, help, columns)?;
    SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).map_err(plain)
}

fn schema<C: Holds>(columns: &[Column<C>]) -> Result<Type, ParquetError> {
    let mut fields = Vec::new();
    for column in columns {
        let (physical, logical) = match column.cell.held() {
            Held::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
            Held::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Held::Integer => (Physical::INT64, None),
            Held::Float => (Physical::DOUBLE, None),
        };
        let repetition = match column.cell.held() {
            Held::Time => Repetition::REQUIRED,
            _ => Repetition::OPTIONAL,
        };
        let field = Type::primitive_type_builder(column.name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()?;
        fields.push(Arc::new(field));
    }
    Type::group_type_builder("retop").with_fields(fields).build()
}

fn properties<C: Holds>(
    table: &str,
    help: &str,
    columns: &[Column<C>],
) -> io::Result<WriterProperties> {
    let described: Vec<Column<()>> = columns.iter().map(Column::described).collect();
    let about = serde_json::json!({
        "table": table,
        "help": help,
        "retop": env!("CARGO_PKG_VERSION"),
        "columns": described,
    });
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(plain)?;
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(format!("retop version {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(vec![KeyValue::new(ABOUT.to_owned(), about.to_string())]));
    for column in columns {
        let path = ColumnPath::from(column.name);
        if LOOKED_UP.contains(&column.name) {
            let chunk = EnabledStatistics::Chunk;
            properties = properties.set_column_statistics_enabled(path.clone(), chunk);
        }
        let encoding = match column.cell.held() {
            Held::Time | Held::Integer => Encoding::DELTA_BINARY_PACKED,
            // Split into streams of bytes, counters that tick in hundredths take a third more.
            Held::Float => Encoding::PLAIN,
            Held::Text => continue,
        };
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, encoding);
    }
    Ok(properties.build())
}

/// What went wrong with the file, without the library's words around it.
fn plain(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
