//! The header of a segment: who wrote it, where, when, and what its columns mean.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::export::Arguments;
use crate::history::{ColumnSchema, FamilySchema, Kind, Schema};

use super::body::Body;
use super::error::RecordingError;

/// What a segment begins with.
const MAGIC: &[u8; 5] = b"RETOP";
/// The format of what this program writes, and the newest that it reads.
pub const FORMAT: u8 = crate::history::FORMAT;
/// The oldest that it reads.
const OLDEST: u8 = 1;
/// Bytes before the JSON.
const FIXED: usize = 14;
/// Longest header.
const LIMIT: u32 = 1 << 20;

/// Who wrote a segment, where, when, and what its columns mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The program that wrote it.
    pub version: String,
    /// Host name.
    pub host: String,
    /// Identifier of the boot.
    pub boot_id: String,
    /// Bytes in a page of memory.
    pub page_bytes: u64,
    /// Steps per second in which the kernel tells CPU times.
    pub ticks_per_second: u64,
    /// Time between samples that was asked for.
    pub interval_ms: u64,
    /// Wall clock of the first frame.
    pub wall_ms: i64,
    /// Monotonic clock of the first frame.
    pub monotonic_ns: u64,
    /// What was written of process arguments.
    pub arguments: Arguments,
    /// The tables and their columns.
    pub schema: Schema,
}

/// As it stands in the file. Fields may be added; what a file lacks is empty or 0.
#[derive(Serialize, Deserialize)]
struct Document {
    retop: String,
    #[serde(default)]
    host: String,
    #[serde(default)]
    boot_id: String,
    #[serde(default)]
    page_bytes: u64,
    #[serde(default)]
    ticks_per_second: u64,
    #[serde(default)]
    interval_ms: u64,
    #[serde(default)]
    start_wall_ms: i64,
    #[serde(default)]
    start_monotonic_ns: u64,
    #[serde(default)]
    arguments: String,
    tables: Vec<Table>,
}

#[derive(Serialize, Deserialize)]
struct Table {
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    texts: Vec<String>,
    #[serde(default)]
    columns: Vec<Column>,
}

#[derive(Serialize, Deserialize)]
struct Column {
    name: String,
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    unit: String,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    divisor: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    states: Vec<String>,
}

fn one() -> i64 {
    1
}

fn is_one(divisor: &i64) -> bool {
    *divisor == 1
}

const ARGUMENTS: [(&str, Arguments); 3] =
    [("none", Arguments::None), ("redacted", Arguments::Redacted), ("full", Arguments::Full)];

impl Header {
    /// The header as it stands in the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let arguments = ARGUMENTS.iter().find(|(_, policy)| *policy == self.arguments);
        let document = Document {
            retop: self.version.clone(),
            host: self.host.clone(),
            boot_id: self.boot_id.clone(),
            page_bytes: self.page_bytes,
            ticks_per_second: self.ticks_per_second,
            interval_ms: self.interval_ms,
            start_wall_ms: self.wall_ms,
            start_monotonic_ns: self.monotonic_ns,
            arguments: arguments.map_or("none", |(name, _)| name).to_owned(),
            tables: self.schema.families.iter().map(table).collect(),
        };
        let json = serde_json::to_vec(&document).unwrap_or_default();
        let mut bytes = Vec::with_capacity(FIXED + json.len());
        bytes.extend_from_slice(MAGIC);
        bytes.push(FORMAT);
        bytes.extend_from_slice(&u32::try_from(json.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&json).to_le_bytes());
        bytes.extend_from_slice(&json);
        bytes
    }

    /// The format, and where the first record stands, by the fixed part of the header alone.
    pub(super) fn end(body: &Body, path: &Path) -> Result<(u8, u64), RecordingError> {
        let Fixed { format, end, .. } = fixed(body, path)?;
        Ok((format, end))
    }

    /// Reads the header.
    pub(super) fn read(body: &Body, path: &Path) -> Result<Header, RecordingError> {
        let Fixed { end, crc, .. } = fixed(body, path)?;
        let mut json = vec![0; usize::try_from(end).unwrap_or(0).saturating_sub(FIXED)];
        let read = body.read(FIXED as u64, &mut json);
        let read = read.map_err(|error| RecordingError::io(path, &error))?;
        if read < json.len() {
            return Err(truncated(path, (FIXED + read) as u64));
        }
        if crc32fast::hash(&json) != crc {
            let what = "the header is damaged: its checksum does not fit";
            return Err(RecordingError::at(path, FIXED as u64, what));
        }
        Header::of_json(&json).map_err(|why| {
            RecordingError::at(path, FIXED as u64, format!("the header is not understood: {why}"))
        })
    }

    /// A header from its JSON.
    pub(super) fn of_json(json: &[u8]) -> Result<Header, String> {
        let document: Document = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let families: Result<Vec<_>, String> = document.tables.into_iter().map(family).collect();
        let arguments = ARGUMENTS.iter().find(|(name, _)| *name == document.arguments);
        Ok(Header {
            version: document.retop,
            host: document.host,
            boot_id: document.boot_id,
            page_bytes: document.page_bytes,
            ticks_per_second: document.ticks_per_second,
            interval_ms: document.interval_ms,
            wall_ms: document.start_wall_ms,
            monotonic_ns: document.start_monotonic_ns,
            arguments: arguments.map_or(Arguments::None, |(_, policy)| *policy),
            schema: Schema { families: families? },
        })
    }
}

/// What stands before the JSON.
struct Fixed {
    format: u8,
    /// The offset of the first record.
    end: u64,
    /// The checksum of the JSON.
    crc: u32,
}

fn fixed(body: &Body, path: &Path) -> Result<Fixed, RecordingError> {
    let mut bytes = [0; FIXED];
    let read = body.read(0, &mut bytes).map_err(|error| RecordingError::io(path, &error))?;
    let [m0, m1, m2, m3, m4, format, l0, l1, l2, l3, c0, c1, c2, c3] = bytes;
    if read == 0 {
        return Err(RecordingError::unbegun(path, 0, "the file is empty: no recording was begun"));
    }
    let magic = [m0, m1, m2, m3, m4];
    if magic.get(..read.min(5)) != MAGIC.get(..read.min(5)) {
        let what = "this is no recording of retop: it does not begin with RETOP";
        return Err(RecordingError::at(path, 0, what));
    }
    if read > 5 && !(OLDEST..=FORMAT).contains(&format) {
        let what = format!(
            "the recording has format {format} and this retop reads {FORMAT}: \
             read it with the retop that wrote it, or a newer one"
        );
        return Err(RecordingError::at(path, 5, what));
    }
    if read < FIXED {
        return Err(truncated(path, read as u64));
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    if length > LIMIT {
        return Err(RecordingError::at(path, 6, "the header is damaged: longer than 1 MiB"));
    }
    let (end, crc) = (FIXED as u64 + u64::from(length), u32::from_le_bytes([c0, c1, c2, c3]));
    Ok(Fixed { format, end, crc })
}

pub(super) fn truncated(path: &Path, at: u64) -> RecordingError {
    let what = "the file ends within its header: nothing was recorded";
    RecordingError::unbegun(path, at, what)
}

fn table(family: &FamilySchema) -> Table {
    let column = |column: &ColumnSchema| {
        let (kind, states) = match &column.kind {
            Kind::Counter => ("counter", Vec::new()),
            Kind::Gauge => ("gauge", Vec::new()),
            Kind::State(names) => ("state", names.clone()),
        };
        Column {
            name: column.name.clone(),
            kind: kind.to_owned(),
            unit: column.unit.clone(),
            divisor: column.divisor,
            states,
        }
    };
    Table {
        name: family.name.clone(),
        texts: family.texts.clone(),
        columns: family.columns.iter().map(column).collect(),
    }
}

fn family(table: Table) -> Result<FamilySchema, String> {
    let column = |column: Column| {
        let kind = match column.kind.as_str() {
            "counter" => Kind::Counter,
            "gauge" => Kind::Gauge,
            "state" => Kind::State(column.states),
            other => return Err(format!("no kind of column is called '{other}'")),
        };
        if column.divisor <= 0 {
            return Err(format!("{} has no divisor above 0", column.name));
        }
        Ok(ColumnSchema { name: column.name, unit: column.unit, divisor: column.divisor, kind })
    };
    let columns: Result<Vec<_>, String> = table.columns.into_iter().map(column).collect();
    Ok(FamilySchema { name: table.name, texts: table.texts, columns: columns? })
}
