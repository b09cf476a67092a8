//! What the table shows of a comparison: differences beside the numbers, and below the list those
//! that only the other moment has.

use retop_model::family::process;
use retop_model::human::MISSING;
use retop_model::{FamilyId, Row, Snapshot};

use super::cell::Subject;
use crate::short;
use crate::tui::app::App;
use crate::tui::diff::{Against, Diff, written};
use crate::tui::render::{Canvas, Glyphs, Pen, Rect};
use crate::tui::table::column::Col;
use crate::tui::table::order::{Line, What};
use crate::tui::units::{Text, time_of_day};

/// The comparison in force.
#[must_use]
pub fn diff(app: &App) -> Option<&Diff> {
    app.rewind.as_ref()?.diff.as_deref()
}

/// The heading of a difference.
#[must_use]
pub fn head(diff: &Diff, ascii: bool) -> &'static str {
    match (&diff.against, ascii) {
        (Against::Now, false) => "Δnow",
        (Against::Now, true) => "d.now",
        (Against::Bookmark(_), false) => "Δmark",
        (Against::Bookmark(_), true) => "d.mark",
    }
}

/// What the frame of the table says of it: `against now: 3 new, 2 gone`.
#[must_use]
pub fn summary(app: &App, now: &Snapshot) -> Option<Text> {
    let diff = diff(app)?;
    let (new, gone) = match diff.is_later(now) {
        true => (diff.others.len(), diff.missing),
        false => (diff.missing, diff.others.len()),
    };
    let what = match &diff.against {
        Against::Now => short!("now"),
        Against::Bookmark(mark) => {
            let offset = (app.offset_seconds)(mark.stamp.wall_ms.div_euclid(1000));
            time_of_day(mark.stamp.wall_ms, offset)
        }
    };
    Some(short!("against {}: {new} new, {gone} gone", &*what))
}

/// A difference at the right of its room.
pub fn cell(
    diff: &Diff,
    now: &Snapshot,
    subject: &Subject<'_>,
    col: Col,
    app: &App,
    back: Option<Pen>,
    canvas: &mut Canvas<'_>,
) {
    let theme = &app.theme;
    let ascii = canvas.glyphs() == Glyphs::Ascii;
    let end = canvas.width();
    let (Col::Number(field), What::Process) = (col, subject.line.what) else { return };
    match diff.change(now, subject.row, field) {
        Some(change) => {
            let text = written(col.form(), change, ascii);
            let pen = match &*text {
                "0" => theme.dim,
                text if text.starts_with('+') => theme.warn,
                _ => theme.ok,
            };
            canvas.right(end, 0, &text, pen.over(back));
        }
        None => _ = canvas.right(end, 0, MISSING, theme.dim.over(back)),
    }
}

/// Draws the word before the command of a process that only one moment has; gives where it ends.
pub fn word(
    diff: &Diff,
    now: &Snapshot,
    row: Row<'_>,
    app: &App,
    back: Option<Pen>,
    canvas: &mut Canvas<'_>,
) -> u16 {
    let of_base = diff.base.find(FamilyId::Process, row.key()).is_some();
    let of_now = now.find(FamilyId::Process, row.key()).is_some();
    let later = diff.is_later(now);
    let (word, pen) = match (of_base, of_now) {
        (true, true) => return 0,
        (true, false) if later => (since(app, &diff.base, row), app.theme.new),
        (false, _) if !later => (short!("NEW"), app.theme.new),
        _ => (short!("GONE"), app.theme.warn),
    };
    canvas.text(0, 0, &word, pen.over(back)) + 1
}

/// Draws those that only the other moment has, below the list.
pub fn others(
    app: &App,
    diff: &Diff,
    now: &Snapshot,
    canvas: &mut Canvas<'_>,
    mut draw: impl FnMut(&Subject<'_>, &mut Canvas<'_>),
) {
    let (w, h) = (canvas.width(), canvas.height());
    if h == 0 {
        return;
    }
    let theme = &app.theme;
    canvas.fill(Rect::new(0, 0, w, 1), theme.head);
    let count = diff.others.len();
    let text = match diff.is_later(now) {
        true => short!("{count} new since this moment"),
        false => short!("{count} gone since the bookmark"),
    };
    canvas.text(1, 0, &text, theme.head);
    for (&row, y) in diff.others.iter().zip(1..h) {
        let line = Line::of(row);
        let Some(subject) = Subject::new(&diff.base, &app.table.order, &line) else { continue };
        draw(&subject, &mut canvas.region(Rect::new(0, y, w, 1)));
    }
}

/// What is new, and since when by the clock on the wall.
fn since(app: &App, moment: &Snapshot, row: Row<'_>) -> Text {
    let Some(age) = row.get(process::age_seconds) else { return short!("NEW") };
    let wall_ms = moment.stamp().wall_ms.saturating_sub((age * 1000.0) as i64);
    let offset = (app.offset_seconds)(wall_ms.div_euclid(1000));
    short!("NEW since {}", &*time_of_day(wall_ms, offset))
}
