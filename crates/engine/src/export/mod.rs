//! Every face of a snapshot but the screen. Each walks the declarations of the model: a metric
//! declared there appears in all of them, and none holds a list of its own.

pub mod doctor;
pub mod groups;
pub mod json;
pub mod metrics;
pub mod names;
pub mod prometheus;
pub mod redact;
pub mod report;
pub mod target;
pub mod tidy;

#[cfg(test)]
pub(crate) mod made;

use retop_model::family::process;
use retop_model::{FamilyId, Field, Row, Snapshot};

/// How many rows of a long family are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The first so many.
    Count(usize),
    /// All of them.
    All,
}

impl Limit {
    /// As a number for `take`.
    #[must_use]
    pub fn rows(self) -> usize {
        match self {
            Limit::Count(rows) => rows,
            Limit::All => usize::MAX,
        }
    }
}

/// What is given of process arguments, which carry passwords more often than people think.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arguments {
    /// Nothing: the text is left out, key and all.
    #[default]
    None,
    /// The text with what looks like a secret masked: see [`redact`].
    Redacted,
    /// The text as it is.
    Full,
}

/// The processes that pass `keep`, those with the highest `by` first, those without a value last,
/// equal ones by pid. One allocation.
#[must_use]
pub fn top_processes<'a>(
    snapshot: &'a Snapshot,
    by: Field,
    limit: Limit,
    keep: Option<&dyn Fn(Row<'_>) -> bool>,
) -> Vec<Row<'a>> {
    let mut rows: Vec<(f64, i64, usize)> = snapshot
        .rows(FamilyId::Process)
        .filter(|&row| keep.is_none_or(|keep| keep(row)))
        .map(|row| {
            let value = row.get(by).unwrap_or(f64::NEG_INFINITY);
            (value, row.raw(process::pid).unwrap_or(i64::MAX), row.index())
        })
        .collect();
    rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let indices = rows.into_iter().map(|(_, _, index)| index).take(limit.rows());
    indices.filter_map(|index| snapshot.row(FamilyId::Process, index)).collect()
}
