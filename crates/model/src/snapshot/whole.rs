//! Several entities taken together: a branch of the process tree, the processes of a user.

use std::cell::Cell;

use super::{Delta, Row, Snapshot};
use crate::family::FamilyId;
use crate::metric::{Field, Slot};

/// Rows of one family, taken together.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    snapshot: &'a Snapshot,
    family: FamilyId,
    rows: &'a [u32],
}

/// What several entities come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    /// `None` where none of them has a value, or where values do not add up.
    pub value: Option<f64>,
    /// Some of them have no value: the whole is more than this.
    pub partial: bool,
}

impl Snapshot {
    /// The rows of those places in [`Snapshot::rows`], taken together.
    #[must_use]
    pub fn whole<'a>(&'a self, family: FamilyId, rows: &'a [u32]) -> Whole<'a> {
        Whole { snapshot: self, family, rows }
    }
}

impl<'a> Whole<'a> {
    /// What they come to in that field: a sum where values add up, else what the formula makes of
    /// the sums that it asks for. Nothing is ever averaged.
    #[must_use]
    pub fn get(self, field: Field) -> Sum {
        if field.adds() {
            return self.sum(|row| row.get(field));
        }
        let (Slot::Derived(i), Some(row)) = (field.slot, self.all().next()) else {
            return Sum::default();
        };
        let Some(formula) = self.family.get().derived.get(usize::from(i)) else {
            return Sum::default();
        };
        let delta = Delta { row, whole: Some(self), partial: Cell::new(false) };
        let value = (formula.compute)(&delta).filter(|value| value.is_finite());
        Sum { value, partial: value.is_some() && delta.partial.get() }
    }

    /// The sum of what each of them gives.
    pub(super) fn sum(self, of: impl Fn(Row<'a>) -> Option<f64>) -> Sum {
        let (mut total, mut missing) = (None, false);
        for row in self.all() {
            match of(row) {
                Some(value) => total = Some(total.unwrap_or(0.0) + value),
                None => missing = true,
            }
        }
        Sum { value: total, partial: total.is_some() && missing }
    }

    fn all(self) -> impl Iterator<Item = Row<'a>> {
        self.rows.iter().filter_map(move |&row| self.snapshot.row(self.family, row as usize))
    }
}
