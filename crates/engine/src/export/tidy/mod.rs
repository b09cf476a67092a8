//! Recordings as tables for other programs: one table per family, one row for each entity in each
//! read of it.
//!
//! Columns are `time`, `host`, `boot`, the family's texts and then its raw numbers, under their declared
//! names; what is derived, a query derives. Counters stay counters. A number that was read in base
//! units is an integer. Any other is a float in base units, so that `user_seconds` holds seconds in
//! every program: times the divisor that the description tells, rounded, it is the integer that was
//! read, to the last step. A state is its name. What is missing is null.
//!
//! A table that a slow source read once is written once, at the first sample that has it.

pub mod csv;
pub mod events;
pub mod parquet;

use retop_model::family::host;
use retop_model::metric::{Kind, Role, Slot};
use retop_model::{Family, FamilyId, Field, Row, Snapshot, Text, TextField, Window};
use serde::Serialize;

use super::Arguments;

/// What is written of a recording.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// The families wanted; `None` for all.
    pub families: Option<&'a [FamilyId]>,
    /// Which processes.
    pub keep: Option<&'a dyn Fn(Row<'_>) -> bool>,
    /// What is given of their arguments.
    pub arguments: Arguments,
}

impl Options<'_> {
    /// Whether a family is wanted.
    #[must_use]
    pub fn wants(&self, family: FamilyId) -> bool {
        self.families.is_none_or(|families| families.contains(&family))
    }

    /// The families wanted, or of them `only` one.
    fn wanted(&self, only: Option<FamilyId>) -> impl Iterator<Item = FamilyId> {
        FamilyId::all()
            .filter(move |&family| self.wants(family) && only.is_none_or(|only| only == family))
    }
}

/// What became of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The family's key: the name of the file without its ending.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// When the sample was taken.
    Time,
    /// Whose it is.
    Host,
    /// Since which boot: a process is known by its number and start within one alone.
    Boot,
    /// A text of the entity.
    Text(TextField),
    /// A state by its name.
    State(Field),
    /// A number that was read in its base unit.
    Integer(Field),
    /// A number that was read in fractions of its base unit.
    Float(Field),
}

/// A column of a table.
#[derive(Clone, Debug, Serialize)]
pub struct Column<C = Cell> {
    /// The declared name.
    pub name: &'static str,
    /// `time`, `text`, `counter`, `gauge` or `state`.
    pub kind: &'static str,
    /// The base unit in words; empty for texts, states and plain numbers.
    pub unit: &'static str,
    /// Steps per base unit in which the number was read; times this, it is a whole number.
    pub divisor: i64,
    /// True if the value is a model's answer and not a reading.
    pub estimated: bool,
    /// The names of a state.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub states: &'static [&'static str],
    /// The declared documentation.
    pub help: &'static str,
    /// Where its values come from.
    #[serde(skip)]
    pub cell: C,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Time,
    Text,
    Integer,
    Float,
}

/// Something that tells what its values are.
trait Holds {
    fn held(&self) -> Held;
}

impl Holds for Cell {
    fn held(&self) -> Held {
        match self {
            Cell::Time => Held::Time,
            Cell::Host | Cell::Boot | Cell::Text(_) | Cell::State(_) => Held::Text,
            Cell::Integer(_) => Held::Integer,
            Cell::Float(_) => Held::Float,
        }
    }
}

impl<C> Column<C> {
    const fn plain(name: &'static str, kind: &'static str, help: &'static str, cell: C) -> Self {
        Column { name, kind, unit: "", divisor: 1, estimated: false, states: &[], help, cell }
    }

    /// The column without its values.
    fn described(&self) -> Column<()> {
        let Column { name, kind, unit, divisor, estimated, states, help, .. } = *self;
        Column { name, kind, unit, divisor, estimated, states, help, cell: () }
    }
}

/// The columns of a family's table.
#[must_use]
pub fn columns(family: &'static Family, arguments: Arguments) -> Vec<Column> {
    let mut columns = vec![
        Column::plain("time", "time", "Moment of the sample, UTC.", Cell::Time),
        Column::plain("host", "text", "Name of the machine.", Cell::Host),
        Column::plain("boot", "text", "The boot: counters begin anew with each.", Cell::Boot),
    ];
    for field in family.text_fields() {
        let text = field.column();
        if text.role != Role::Private || arguments != Arguments::None {
            columns.push(Column::plain(text.name, "text", text.help.trim(), Cell::Text(field)));
        }
    }
    for field in family.fields() {
        let Slot::Raw(index) = field.slot else { continue };
        let raw = &family.raw[usize::from(index)];
        let cell = if raw.divisor == 1 { Cell::Integer(field) } else { Cell::Float(field) };
        let (kind, states, cell) = match raw.kind {
            Kind::Counter => ("counter", &[][..], cell),
            Kind::Gauge => ("gauge", &[][..], cell),
            Kind::State(names) => ("state", names, Cell::State(field)),
        };
        columns.push(Column {
            name: raw.name,
            kind,
            unit: raw.unit.name(),
            divisor: raw.divisor,
            estimated: raw.estimated,
            states,
            help: raw.help.trim(),
            cell,
        });
    }
    columns
}

/// Characters of a boot's identifier that are kept: as many as the name of a segment has.
const BOOT: usize = 8;

/// The boot that a moment is of.
fn boot(moment: &Snapshot) -> Option<Text> {
    let id = moment.one_text(host::boot_id)?.shown();
    Some(Text::from(id.chars().take(BOOT).collect::<String>()))
}

/// A text as it may leave the machine.
fn given(text: &Text, field: TextField, arguments: Arguments) -> std::borrow::Cow<'_, str> {
    if field.column().role == Role::Private && arguments == Arguments::Redacted {
        return super::redact::Redacted(text.shown()).to_string().into();
    }
    text.shown().into()
}

/// Tells which tables of a moment are reads that have not been written yet.
struct News {
    last: Vec<Option<Window>>,
}

impl News {
    fn new() -> News {
        News { last: vec![None; FamilyId::COUNT] }
    }

    /// True once for each read.
    fn is_new(&mut self, moment: &Snapshot, family: FamilyId) -> bool {
        let Some(window) = moment.window(family) else { return false };
        let Some(last) = self.last.get_mut(family.index()) else { return false };
        last.replace(window) != Some(window)
    }
}

#[cfg(test)]
mod tests;
