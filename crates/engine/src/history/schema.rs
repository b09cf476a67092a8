//! What the columns of a recording are, so that a reader with other declarations finds its own.

use retop_model::FamilyId;
use retop_model::family::FAMILIES;
use retop_model::metric::{self, Family};

use super::FORMAT;
use super::varint::{CodecError, Reader, put, put_bytes};

/// The declarations that a recording was written with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// In the order in which frames hold their tables.
    pub families: Vec<FamilySchema>,
}

/// A family as it was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilySchema {
    /// The family's name, `disk`.
    pub name: String,
    /// Names of its texts.
    pub texts: Vec<String>,
    /// Its raw columns.
    pub columns: Vec<ColumnSchema>,
}

/// A raw column as it was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSchema {
    /// The metric's name.
    pub name: String,
    /// The unit in words, empty for plain counts.
    pub unit: String,
    /// Raw steps per base unit.
    pub divisor: i64,
    /// Counter, gauge or state.
    pub kind: Kind,
}

/// How a column behaves over time; see [`retop_model::metric::Kind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// An index into these names.
    State(Vec<String>),
}

/// Longest name in a schema, in bytes.
const NAME_LIMIT: usize = 256;

impl Schema {
    /// The declarations of this program.
    #[must_use]
    pub fn own() -> Schema {
        Schema { families: FAMILIES.iter().map(|family| FamilySchema::of(family)).collect() }
    }

    /// The schema as bytes: counts, and names behind their lengths.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.families.len() as u64);
        for family in &self.families {
            put_bytes(&mut out, family.name.as_bytes());
            put_names(&mut out, &family.texts);
            put(&mut out, family.columns.len() as u64);
            for column in &family.columns {
                put_bytes(&mut out, column.name.as_bytes());
                put_bytes(&mut out, column.unit.as_bytes());
                put(&mut out, column.divisor.unsigned_abs());
                match &column.kind {
                    Kind::Counter => out.push(0),
                    Kind::Gauge => out.push(1),
                    Kind::State(names) => {
                        out.push(2);
                        put_names(&mut out, names);
                    }
                }
            }
        }
        out
    }

    /// Reads what [`Schema::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// Where and why the bytes are no schema.
    pub fn from_bytes(bytes: &[u8]) -> Result<Schema, CodecError> {
        let mut reader = Reader::new(bytes);
        let mut families = Vec::new();
        for _ in 0..reader.count(3)? {
            let name = name(&mut reader)?;
            let texts = names(&mut reader)?;
            let mut columns = Vec::new();
            for _ in 0..reader.count(4)? {
                columns.push(column(&mut reader)?);
            }
            families.push(FamilySchema { name, texts, columns });
        }
        reader.end()?;
        Ok(Schema { families })
    }
}

impl FamilySchema {
    fn of(family: &Family) -> FamilySchema {
        FamilySchema {
            name: family.name.into(),
            texts: family.texts.iter().map(|text| text.name.into()).collect(),
            columns: family.raw.iter().map(ColumnSchema::of).collect(),
        }
    }
}

impl ColumnSchema {
    fn of(column: &metric::Column) -> ColumnSchema {
        let kind = match column.kind {
            metric::Kind::Counter => Kind::Counter,
            metric::Kind::Gauge => Kind::Gauge,
            metric::Kind::State(names) => {
                Kind::State(names.iter().map(|&name| name.into()).collect())
            }
        };
        ColumnSchema {
            name: column.name.into(),
            unit: column.unit.name().into(),
            divisor: column.divisor,
            kind,
        }
    }

    /// True if a number written under this declaration means the same under `own`: same unit, same
    /// steps, and every state that it may name has kept its number.
    fn means(&self, own: &ColumnSchema) -> bool {
        let kind = match (&self.kind, &own.kind) {
            (Kind::State(written), Kind::State(names)) => names.starts_with(written),
            (written, own) => written == own,
        };
        kind && self.unit == own.unit && self.divisor == own.divisor
    }
}

fn put_names(out: &mut Vec<u8>, names: &[String]) {
    put(out, names.len() as u64);
    for name in names {
        put_bytes(out, name.as_bytes());
    }
}

fn name(reader: &mut Reader<'_>) -> Result<String, CodecError> {
    match std::str::from_utf8(reader.bytes()?) {
        Ok(name) if name.len() <= NAME_LIMIT => Ok(name.into()),
        Ok(_) => reader.error("name too long"),
        Err(_) => reader.error("name is not UTF-8"),
    }
}

fn names(reader: &mut Reader<'_>) -> Result<Vec<String>, CodecError> {
    (0..reader.count(1)?).map(|_| name(reader)).collect()
}

fn column(reader: &mut Reader<'_>) -> Result<ColumnSchema, CodecError> {
    let (name, unit) = (name(reader)?, self::name(reader)?);
    let divisor = match i64::try_from(reader.number()?) {
        Ok(divisor) if divisor > 0 => divisor,
        _ => return reader.error("divisor out of range"),
    };
    let kind = match reader.byte()? {
        0 => Kind::Counter,
        1 => Kind::Gauge,
        2 => Kind::State(names(reader)?),
        _ => return reader.error("unknown kind of column"),
    };
    Ok(ColumnSchema { name, unit, divisor, kind })
}

/// Where each table, column and text of a recording goes in this program. What this program does
/// not declare, or declares with another meaning, goes nowhere; what the recording lacks is missing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// In which way tables are written.
    pub format: u8,
    pub families: Vec<FamilyMapping>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FamilyMapping {
    pub id: Option<FamilyId>,
    pub texts: Vec<Option<usize>>,
    pub columns: Vec<Option<usize>>,
}

impl Mapping {
    /// Of this program's own frames.
    pub fn new(schema: &Schema) -> Mapping {
        Mapping::of_format(FORMAT, schema)
    }

    /// Of frames of any format that is known.
    pub fn of_format(format: u8, schema: &Schema) -> Mapping {
        let mut taken = Vec::new();
        let families = schema.families.iter().map(|written| {
            let known = FAMILIES.iter().find(|family| family.name == written.name);
            match known.filter(|family| !taken.contains(&family.id)) {
                Some(family) => {
                    taken.push(family.id);
                    FamilyMapping::new(written, family)
                }
                None => FamilyMapping { id: None, texts: Vec::new(), columns: Vec::new() },
            }
        });
        Mapping { format, families: families.collect() }
    }
}

impl FamilyMapping {
    fn new(written: &FamilySchema, family: &Family) -> FamilyMapping {
        let own = FamilySchema::of(family);
        let text = |name: &String| own.texts.iter().position(|own| own == name);
        let column = |column: &ColumnSchema| {
            let place = own.columns.iter().position(|own| own.name == column.name)?;
            column.means(&own.columns[place]).then_some(place)
        };
        FamilyMapping {
            id: Some(family.id),
            texts: written.texts.iter().map(text).collect(),
            columns: written.columns.iter().map(column).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_own_schema_survives_and_maps_to_itself() {
        let schema = Schema::own();
        let bytes = schema.to_bytes();
        assert_eq!(Schema::from_bytes(&bytes), Ok(schema.clone()));
        for cut in 0..bytes.len() {
            assert!(Schema::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        for (mapping, family) in Mapping::new(&schema).families.iter().zip(FAMILIES) {
            assert_eq!(mapping.id, Some(family.id));
            assert!(mapping.columns.iter().copied().eq((0..family.raw.len()).map(Some)));
            assert!(mapping.texts.iter().copied().eq((0..family.texts.len()).map(Some)));
        }
    }

    #[test]
    fn a_column_with_another_meaning_is_not_mapped() {
        let state = |names: &[&str]| Kind::State(names.iter().map(|&name| name.into()).collect());
        let column = |kind, unit: &str, divisor| ColumnSchema {
            name: "x".into(),
            unit: unit.into(),
            divisor,
            kind,
        };
        let cases = [
            (column(Kind::Gauge, "bytes", 1), column(Kind::Gauge, "bytes", 1), true),
            (column(Kind::Gauge, "bytes", 1), column(Kind::Counter, "bytes", 1), false),
            (column(Kind::Gauge, "bytes", 1), column(Kind::Gauge, "seconds", 1), false),
            (column(Kind::Gauge, "seconds", 100), column(Kind::Gauge, "seconds", 1_000), false),
            (column(state(&["a"]), "", 1), column(state(&["a", "b"]), "", 1), true),
            (column(state(&["a", "b"]), "", 1), column(state(&["b", "a"]), "", 1), false),
        ];
        for (written, own, expected) in cases {
            assert_eq!(written.means(&own), expected, "{written:?} {own:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_schema_or_an_error(bytes: Vec<u8>) {
            if let Ok(schema) = Schema::from_bytes(&bytes) {
                prop_assert_eq!(Schema::from_bytes(&schema.to_bytes()), Ok(schema));
            }
        }

        #[test]
        fn a_flipped_bit_never_panics(bit in 0usize..1_000_000) {
            let mut bytes = Schema::own().to_bytes();
            let place = bit / 8 % bytes.len();
            bytes[place] ^= 1 << (bit % 8);
            if let Ok(schema) = Schema::from_bytes(&bytes) {
                let _ = Mapping::new(&schema);
            }
        }
    }
}
