//! What a metric is, and the `family!` macro in which each is declared once.
//!
//! Screen, JSON, scrape, recording schema, documentation and Python walk the tables built here. A
//! second list of metrics anywhere is a defect.

use crate::family::FamilyId;
use crate::snapshot::Delta;
use crate::unit::Unit;

/// How a raw number behaves over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from boot or from the birth of its entity. Exported as it is; rates are views.
    Counter,
    /// Goes up and down.
    Gauge,
    /// One of a few named states; the number is an index into the names.
    State(&'static [&'static str]),
}

/// What a text column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Part of the entity's identity: a label of its series.
    Label,
    /// Describes the entity: in JSON and on the screen, and on `_info` series, never a label.
    Info,
    /// May carry secrets (process arguments): leaves the machine only when asked for.
    Private,
}

/// The name of a series in a scrape, where it is not simply `<family>_<metric>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// Without the `retop_` prefix and without `_total`.
    pub name: &'static str,
    /// A constant label, such as `mode="user"`.
    pub label: Option<(&'static str, &'static str)>,
    /// True for a name that all programs share, such as `process_open_fds`: it has no prefix.
    pub shared: bool,
}

/// A text of an entity.
#[derive(Debug)]
pub struct TextColumn {
    /// Its key in JSON, and its label name.
    pub name: &'static str,
    /// One sentence of documentation.
    pub help: &'static str,
    /// What it is for.
    pub role: Role,
    /// Heading on the screen.
    pub label: &'static str,
}

/// A name that dashboards made for another program ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alias {
    /// The name, without any prefix.
    pub name: &'static str,
    /// What the base unit is multiplied with to become the other program's unit.
    pub scale: f64,
    /// The other program calls it a counter.
    pub is_counter: bool,
}

/// The name of a gauge in `dcgm-exporter`, with its unit there.
#[must_use]
pub const fn dcgm(name: &'static str, scale: f64) -> Option<Alias> {
    Some(Alias { name, scale, is_counter: false })
}

/// The same of a counter.
#[must_use]
pub const fn dcgm_counter(name: &'static str, scale: f64) -> Option<Alias> {
    Some(Alias { name, scale, is_counter: true })
}

/// A number that a source reads.
#[derive(Debug)]
pub struct Column {
    /// Ends in its base unit.
    pub name: &'static str,
    /// The base unit, reached by dividing the raw integer by `divisor`.
    pub unit: Unit,
    /// Counter, gauge or state.
    pub kind: Kind,
    /// Raw steps per base unit: 1,000,000 for microseconds, 1,000 for millidegrees, 1 for bytes.
    pub divisor: i64,
    /// One sentence of documentation.
    pub help: &'static str,
    /// Heading on the screen.
    pub label: &'static str,
    /// Another name in the scrape.
    pub series: Option<Series>,
    /// False keeps it out of the scrape: high cardinality, or of no use as a series.
    pub scraped: bool,
    /// True if the value is a model's answer and not a reading; shown with `~`.
    pub estimated: bool,
    /// Whether the values of several entities add up to one of them all; see [`Field::adds`].
    pub adds: Option<bool>,
    /// What another program calls it in its scrape.
    pub alias: Option<Alias>,
}

/// A number computed from one or two samples.
#[derive(Debug)]
pub struct Formula {
    /// Ends in its base unit.
    pub name: &'static str,
    /// The unit of the result.
    pub unit: Unit,
    /// One sentence of documentation.
    pub help: &'static str,
    /// Heading on the screen.
    pub label: &'static str,
    /// Pure.
    pub compute: fn(&Delta<'_>) -> Option<f64>,
    /// True exports it in the scrape. Rates are not: the server takes them from the counters.
    pub scraped: bool,
    /// Another name in the scrape.
    pub series: Option<Series>,
    /// True if the value is a model's answer and not a reading; shown with `~`.
    pub estimated: bool,
    /// Whether the values of several entities add up to one of them all; see [`Field::adds`].
    pub adds: Option<bool>,
    /// What another program calls it in its scrape.
    pub alias: Option<Alias>,
}

impl TextColumn {
    /// A text with its defaults.
    #[must_use]
    pub const fn new(name: &'static str, role: Role, help: &'static str) -> TextColumn {
        TextColumn { name, help, role, label: "" }
    }
}

impl Column {
    /// A column with its defaults.
    #[must_use]
    pub const fn new(
        name: &'static str,
        kind: Kind,
        unit: Unit,
        divisor: i64,
        help: &'static str,
    ) -> Column {
        Column {
            name,
            unit,
            kind,
            divisor,
            help,
            label: "",
            series: None,
            scraped: true,
            estimated: false,
            adds: None,
            alias: None,
        }
    }

    /// The value in base units. Division, not multiplication by a fraction, so that 0.1 is 0.1.
    #[inline]
    #[must_use]
    pub fn scale(&self, raw: i64) -> f64 {
        if self.divisor == 1 { raw as f64 } else { raw as f64 / self.divisor as f64 }
    }
}

impl Formula {
    /// A formula with its defaults.
    #[must_use]
    pub const fn new(
        name: &'static str,
        unit: Unit,
        help: &'static str,
        compute: fn(&Delta<'_>) -> Option<f64>,
    ) -> Formula {
        Formula {
            name,
            unit,
            help,
            label: "",
            compute,
            scraped: false,
            series: None,
            estimated: false,
            adds: None,
            alias: None,
        }
    }
}

/// A kind of entity with everything known about it: disks, processes, the memory.
#[derive(Debug)]
pub struct Family {
    /// Its place in the list of families.
    pub id: FamilyId,
    /// Singular, the first word of its series: `disk`.
    pub name: &'static str,
    /// Its key in JSON: `disks`.
    pub key: &'static str,
    /// False if a machine has exactly one: JSON then holds an object instead of an array.
    pub many: bool,
    /// One sentence of documentation.
    pub help: &'static str,
    /// Texts, labels among them.
    pub texts: &'static [TextColumn],
    /// What sources read.
    pub raw: &'static [Column],
    /// How many of them, from the first, every row has. The others are read for rows that somebody
    /// looks at, and take no room in the rest: of 376 bytes a process 160 are left.
    pub common: usize,
    /// What is computed.
    pub derived: &'static [Formula],
}

/// Where a field's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// Index into [`Family::raw`].
    Raw(u16),
    /// Index into [`Family::derived`].
    Derived(u16),
}

/// Names one number of one family. The constants are generated beside each declaration and carry
/// the metric's own name, so that a search for the name finds every place that uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// The family.
    pub family: FamilyId,
    /// Raw or derived, and which.
    pub slot: Slot,
}

/// Names one text of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextField {
    /// The family.
    pub family: FamilyId,
    /// Index into [`Family::texts`].
    pub index: u16,
}

impl Field {
    /// The metric's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.slot {
            Slot::Raw(i) => self.family.get().raw[usize::from(i)].name,
            Slot::Derived(i) => self.family.get().derived[usize::from(i)].name,
        }
    }

    /// The metric's unit.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self.slot {
            Slot::Raw(i) => self.family.get().raw[usize::from(i)].unit,
            Slot::Derived(i) => self.family.get().derived[usize::from(i)].unit,
        }
    }

    /// What another program calls it.
    #[must_use]
    pub fn alias(self) -> Option<Alias> {
        match self.slot {
            Slot::Raw(i) => self.family.get().raw[usize::from(i)].alias,
            Slot::Derived(i) => self.family.get().derived[usize::from(i)].alias,
        }
    }

    /// The metric's documentation.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self.slot {
            Slot::Raw(i) => self.family.get().raw[usize::from(i)].help.trim(),
            Slot::Derived(i) => self.family.get().derived[usize::from(i)].help.trim(),
        }
    }

    /// The heading on the screen; the name where none was declared.
    #[must_use]
    pub fn label(self) -> &'static str {
        let (label, name) = match self.slot {
            Slot::Raw(i) => {
                let column = &self.family.get().raw[usize::from(i)];
                (column.label, column.name)
            }
            Slot::Derived(i) => {
                let formula = &self.family.get().derived[usize::from(i)];
                (formula.label, formula.name)
            }
        };
        if label.is_empty() { name } else { label }
    }

    /// True if the values of several entities add up to one of them all, as bytes and CPU time do
    /// and process numbers do not. A ratio does only where it is declared so: CPU% of two processes
    /// does, misses per reference do not and are computed anew from what they are made of.
    #[must_use]
    pub fn adds(self) -> bool {
        let is_flow =
            |unit: Unit| matches!(unit, Unit::BytesPerSecond | Unit::PerSecond | Unit::Watts);
        let family = self.family.get();
        match self.slot {
            Slot::Raw(i) => family.raw.get(usize::from(i)).is_some_and(|column| {
                column.adds.unwrap_or(match column.kind {
                    Kind::Counter => true,
                    Kind::Gauge => column.unit == Unit::Bytes || is_flow(column.unit),
                    Kind::State(_) => false,
                })
            }),
            // Bytes that are computed are means as often as sums.
            Slot::Derived(i) => family
                .derived
                .get(usize::from(i))
                .is_some_and(|formula| formula.adds.unwrap_or(is_flow(formula.unit))),
        }
    }

    /// True if the value is a model's answer and not a reading.
    #[must_use]
    pub fn is_estimated(self) -> bool {
        match self.slot {
            Slot::Raw(i) => self.family.get().raw[usize::from(i)].estimated,
            Slot::Derived(i) => self.family.get().derived[usize::from(i)].estimated,
        }
    }

    /// The state names, if the field is a state.
    #[must_use]
    pub fn states(self) -> Option<&'static [&'static str]> {
        match self.slot {
            Slot::Raw(i) => match self.family.get().raw[usize::from(i)].kind {
                Kind::State(names) => Some(names),
                _ => None,
            },
            Slot::Derived(_) => None,
        }
    }
}

impl TextField {
    /// The text's declaration.
    #[must_use]
    pub fn column(self) -> &'static TextColumn {
        &self.family.get().texts[usize::from(self.index)]
    }
}

impl Family {
    /// Every number of the family, raw ones first, in the order of declaration.
    pub fn fields(&'static self) -> impl Iterator<Item = Field> + Clone {
        let family = self.id;
        let count = |n: usize| 0..u16::try_from(n).unwrap_or(u16::MAX);
        let raw = count(self.raw.len()).map(move |i| Field { family, slot: Slot::Raw(i) });
        let derived =
            count(self.derived.len()).map(move |i| Field { family, slot: Slot::Derived(i) });
        raw.chain(derived)
    }

    /// Every text of the family.
    pub fn text_fields(&'static self) -> impl Iterator<Item = TextField> + Clone {
        let family = self.id;
        (0..u16::try_from(self.texts.len()).unwrap_or(u16::MAX))
            .map(move |index| TextField { family, index })
    }

    /// The number of that name.
    #[must_use]
    pub fn field(&'static self, name: &str) -> Option<Field> {
        self.fields().find(|field| field.name() == name)
    }

    /// The text of that name.
    #[must_use]
    pub fn text_field(&'static self, name: &str) -> Option<TextField> {
        self.text_fields().find(|field| field.column().name == name)
    }
}

/// Declares a family: its texts, its raw columns, its formulas. The doc comment of each is its help
/// text everywhere. Options in braces set fields of [`TextColumn`], [`Column`] or [`Formula`].
///
/// A derived metric is one line in one family file; a raw one is a line there and a `set` in the
/// source that reads it. `CONTRIBUTING.md` walks through both.
macro_rules! family {
    (
        $(#[doc = $help:literal])+
        $id:ident $name:literal $key:literal $many:ident
        text { $($text:tt)* }
        raw { $($raw:tt)* }
        $(seldom { $($seldom:tt)* })?
        derived { $($derived:tt)* }
    ) => {
        family! {
            @declare
            $(#[doc = $help])+
            $id $name $key $many
            text { $($text)* }
            common { $($raw)* }
            raw { $($raw)* $($($seldom)*)? }
            derived { $($derived)* }
        }
    };
    (
        @declare
        $(#[doc = $help:literal])+
        $id:ident $name:literal $key:literal $many:ident
        text { $(
            $(#[doc = $text_help:literal])+
            $text:ident: $role:ident $({ $($text_option:tt)* })?,
        )* }
        common { $(
            $(#[doc = $common_help:literal])+
            $common:ident: $common_kind:ident $([ $($common_state:literal),* $(,)? ])? $common_unit:ident
                $(/ $common_divisor:literal)? $({ $($common_option:tt)* })?,
        )* }
        raw { $(
            $(#[doc = $raw_help:literal])+
            $raw:ident: $kind:ident $([ $($state:literal),* $(,)? ])? $unit:ident $(/ $divisor:literal)?
                $({ $($raw_option:tt)* })?,
        )* }
        derived { $(
            $(#[doc = $formula_help:literal])+
            $formula:ident: $formula_unit:ident $({ $($formula_option:tt)* })? = $compute:expr;
        )* }
    ) => {
        #[allow(non_camel_case_types, dead_code, clippy::enum_variant_names)]
        #[repr(u16)]
        enum TextIndex { $($text,)* __None }
        #[allow(non_camel_case_types, dead_code, clippy::enum_variant_names)]
        #[repr(u16)]
        enum RawIndex { $($raw,)* __None }
        #[allow(non_camel_case_types, dead_code, clippy::enum_variant_names)]
        #[repr(u16)]
        enum FormulaIndex { $($formula,)* __None }
        $(
            $(#[doc = $text_help])+
            #[allow(non_upper_case_globals)]
            pub const $text: $crate::metric::TextField = $crate::metric::TextField {
                family: $crate::family::FamilyId::$id,
                index: TextIndex::$text as u16,
            };
        )*
        $(
            $(#[doc = $raw_help])+
            #[allow(non_upper_case_globals)]
            pub const $raw: $crate::metric::Field = $crate::metric::Field {
                family: $crate::family::FamilyId::$id,
                slot: $crate::metric::Slot::Raw(RawIndex::$raw as u16),
            };
        )*
        $(
            $(#[doc = $formula_help])+
            #[allow(non_upper_case_globals)]
            pub const $formula: $crate::metric::Field = $crate::metric::Field {
                family: $crate::family::FamilyId::$id,
                slot: $crate::metric::Slot::Derived(FormulaIndex::$formula as u16),
            };
        )*

        $(#[doc = $help])+
        pub static FAMILY: $crate::metric::Family = $crate::metric::Family {
            id: $crate::family::FamilyId::$id,
            name: $name,
            key: $key,
            many: family!(@many $many),
            help: concat!($($help),+),
            texts: &[$(
                $crate::metric::TextColumn {
                    $($($text_option)*,)?
                    ..$crate::metric::TextColumn::new(
                        stringify!($text),
                        $crate::metric::Role::$role,
                        concat!($($text_help),+),
                    )
                },
            )*],
            raw: &[$(
                $crate::metric::Column {
                    $($($raw_option)*,)?
                    ..$crate::metric::Column::new(
                        stringify!($raw),
                        family!(@kind $kind $([ $($state),* ])?),
                        $crate::unit::Unit::$unit,
                        family!(@divisor $($divisor)?),
                        concat!($($raw_help),+),
                    )
                },
            )*],
            common: [$(stringify!($common)),*].len(),
            derived: &[$(
                $crate::metric::Formula {
                    $($($formula_option)*,)?
                    ..$crate::metric::Formula::new(
                        stringify!($formula),
                        $crate::unit::Unit::$formula_unit,
                        concat!($($formula_help),+),
                        $compute,
                    )
                },
            )*],
        };
    };
    (@many many) => { true };
    (@many one) => { false };
    (@kind State [ $($state:literal),* ]) => { $crate::metric::Kind::State(&[$($state),*]) };
    (@kind $kind:ident) => { $crate::metric::Kind::$kind };
    (@divisor) => { 1 };
    (@divisor $divisor:literal) => { $divisor };
}

/// A series that shares its name with its neighbours and differs in one label.
#[must_use]
pub const fn series(
    name: &'static str,
    label: &'static str,
    value: &'static str,
) -> Option<Series> {
    Some(Series { name, label: Some((label, value)), shared: false })
}

/// A series under another name.
#[must_use]
pub const fn named(name: &'static str) -> Option<Series> {
    Some(Series { name, label: None, shared: false })
}

/// A series under the name that all programs give it, without a prefix.
#[must_use]
pub const fn shared(name: &'static str) -> Option<Series> {
    Some(Series { name, label: None, shared: true })
}
