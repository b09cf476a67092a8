//! The moment that is looked at against another one: now, or a bookmark.

use std::sync::Arc;

use retop_model::human::{Count, Duration, Size, Value};
use retop_model::{FamilyId, Field, Row, Snapshot};

use super::app::App;
use super::events::Bookmark;
use super::rewind::locked;
use super::table::column::{Col, Form};
use super::units::Text;
use crate::short;

/// What the moment shown is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Against {
    /// The newest sample, whichever that is.
    Now,
    /// A moment that somebody marked.
    Bookmark(Bookmark),
}

/// A comparison of the moment shown with another one.
#[derive(Debug)]
pub struct Diff {
    /// With what.
    pub against: Against,
    /// That moment.
    pub base: Arc<Snapshot>,
    /// Processes of the other moment that the one shown does not have: their rows there, those that
    /// differ most first.
    pub others: Vec<u32>,
    /// Processes of the moment shown that the other one does not have.
    pub missing: usize,
}

/// Cells of a difference, with the blank before it.
pub const ROOM: u16 = 8;

impl Diff {
    fn new(against: Against, base: Arc<Snapshot>) -> Diff {
        Diff { against, base, others: Vec::new(), missing: 0 }
    }

    /// True if the other moment is the later one. What is only there is new, else it is gone.
    #[must_use]
    pub fn is_later(&self, now: &Snapshot) -> bool {
        self.base.stamp().monotonic_ns >= now.stamp().monotonic_ns
    }

    /// True if that column has its difference beside it.
    #[must_use]
    pub fn shows(&self, col: Col, sort: Col) -> bool {
        let counted =
            !matches!(col.form(), Form::State | Form::Text(_) | Form::Command | Form::Number(_));
        counted && (col == Col::CPU || col == Col::RESIDENT || col == sort)
    }

    /// Lines below the table that the processes of the other moment alone take, their heading with
    /// them, of so many.
    #[must_use]
    pub fn lines(&self, height: u16) -> u16 {
        match u16::try_from(self.others.len()).unwrap_or(u16::MAX) {
            0 => 0,
            count => (count.min(height / 3) + 1).min(height.saturating_sub(2)),
        }
    }

    /// What that number of a process became from the earlier of the two moments to the later: of
    /// one that is there but once, all of it. `None` if nobody knows.
    #[must_use]
    pub fn change(&self, now: &Snapshot, row: Row<'_>, field: Field) -> Option<f64> {
        let of = |moment: &Snapshot| {
            let row = moment.find(FamilyId::Process, row.key());
            row.map_or(Some(0.0), |row| row.get(field))
        };
        let change = of(&self.base)? - of(now)?;
        Some(if self.is_later(now) { change } else { -change })
    }

    /// Finds who is there but once.
    fn find(&mut self, now: &Snapshot, sort: Col, wanted: impl Fn(Row<'_>) -> bool) {
        let base = &self.base;
        let only = |row: &Row<'_>| now.find(FamilyId::Process, row.key()).is_none();
        self.others.clear();
        for (place, row) in (0_u32..).zip(base.rows(FamilyId::Process)) {
            if only(&row) && wanted(row) {
                self.others.push(place);
            }
        }
        let value = |place: u32| {
            let row = base.row(FamilyId::Process, place as usize);
            match sort {
                Col::Number(field) => row.and_then(|row| row.get(field)).unwrap_or(0.0),
                Col::Text(_) => 0.0,
            }
        };
        self.others.sort_unstable_by(|&a, &b| value(b).total_cmp(&value(a)).then(a.cmp(&b)));
        let rows = now.rows(FamilyId::Process);
        self.missing = rows.filter(|row| base.find(FamilyId::Process, row.key()).is_none()).count();
    }
}

/// A difference as a cell shows it: `+1.3G`, `−612.0`, `0`.
#[must_use]
pub fn written(form: Form, change: f64, ascii: bool) -> Text {
    let sign = match change {
        change if change > 0.0 => "+",
        change if change < 0.0 && ascii => "-",
        change if change < 0.0 => "−",
        _ => "",
    };
    let size = change.abs();
    let text = match form {
        Form::Percent(_) => short!("{:.1}", size * 100.0),
        Form::Size(_) => short!("{}", Size(size)),
        Form::Count(_) | Form::Number(_) => short!("{}", Count(size)),
        Form::Time(_) | Form::Span(_) => short!("{}", Duration(size)),
        Form::Value(field) => short!("{}", Value(field.unit(), size)),
        Form::State | Form::Text(_) | Form::Command | Form::Terminal => return Text::new(),
    };
    // What rounds to nothing has no sign.
    let nothing = text.chars().all(|c| !c.is_ascii_digit() || c == '0');
    if nothing { short!("0") } else { short!("{sign}{}", &*text) }
}

impl App {
    /// Against now, then against the nearest bookmark, then not at all.
    pub(super) fn turn_diff(&mut self) {
        let (Some(now), Some(newest)) = (self.now.clone(), self.newest.clone()) else { return };
        let shown = now.stamp();
        let Some(rewind) = &mut self.rewind else { return };
        let before = rewind.diff.take().map(|diff| diff.against);
        let distance = |mark: &&Bookmark| mark.stamp.monotonic_ns.abs_diff(shown.monotonic_ns);
        let nearest = self.bookmarks.list().iter().filter(|mark| mark.stamp != shown);
        let nearest = nearest.min_by_key(distance).cloned();
        match (before, nearest) {
            (None, _) => {
                rewind.diff = Some(Box::new(Diff::new(Against::Now, newest)));
                self.say("against now; d: against the nearest bookmark".to_owned());
            }
            (Some(Against::Now), Some(mark)) => {
                let view = self.record.as_deref().map(|record| locked(record).view());
                let number = view.as_ref().and_then(|view| {
                    Some((view, view.number_at_monotonic(mark.stamp.monotonic_ns)?))
                });
                match number.and_then(|(view, number)| view.moment(number)) {
                    Some(moment) => {
                        let time = self.time(mark.stamp.wall_ms);
                        let against = Against::Bookmark(mark);
                        let diff = Diff::new(against, Arc::new(moment));
                        if let Some(rewind) = &mut self.rewind {
                            rewind.diff = Some(Box::new(diff));
                        }
                        self.say(format!("against the bookmark at {}", &*time));
                    }
                    None => self.say("the bookmark's samples are gone".to_owned()),
                }
            }
            (Some(Against::Now), None) => {
                self.say("no other bookmark to compare with: b sets one".to_owned());
            }
            (Some(Against::Bookmark(_)), _) => self.say("no longer compared".to_owned()),
        }
        self.sort();
    }

    /// Brings the comparison up to date with the moment shown and the newest one.
    pub(super) fn compare(&mut self) {
        let Some(diff) = self.rewind.as_mut().and_then(|rewind| rewind.diff.as_mut()) else {
            self.table.order.base = None;
            return;
        };
        if let (Against::Now, Some(newest)) = (&diff.against, &self.newest) {
            diff.base = Arc::clone(newest);
        }
        self.table.order.base = Some(Arc::clone(&diff.base));
    }

    /// Finds who is there but once. After the table was put in order.
    pub(super) fn find_others(&mut self) {
        let Some(now) = &self.now else { return };
        let Some(diff) = self.rewind.as_mut().and_then(|rewind| rewind.diff.as_mut()) else {
            return;
        };
        let (filter, kernel) = (&self.table.filter, self.table.kernel);
        diff.find(now, self.table.sort, |row| {
            filter.as_ref().is_none_or(|filter| filter.matches(row))
                && (kernel || row.raw(retop_model::family::process::kernel) != Some(1))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retop_model::family::process;

    #[test]
    fn differences_carry_their_sign() {
        let percent = Form::Percent(process::cpu_ratio);
        let size = Form::Size(process::resident_bytes);
        for (form, change, text) in [
            (percent, 6.12, "+612.0"),
            (percent, -0.051, "−5.1"),
            (percent, 0.0001, "0"),
            (size, -3_113_851_289.0, "−2.9G"),
            (size, 0.0, "0"),
            (Form::Count(process::threads), 3.0, "+3"),
            (Form::State, 3.0, ""),
        ] {
            assert_eq!(&*written(form, change, false), text);
        }
        assert_eq!(&*written(percent, -1.0, true), "-100.0");
    }
}
