//! Dialogs on top of the screen.

use retop_model::family::process;
use retop_model::human::{Duration, Or};
use retop_model::{FamilyId, Key};

use crate::short;
use crate::tui::app::App;
use crate::tui::dialog::{SIGNAL_HELP, SIGNALS, SignalDialog};
use crate::tui::keys::Action;
use crate::tui::mouse::Spot;
use crate::tui::render::{Canvas, Rect};
use crate::tui::widget::frame::{Edges, frame};

/// An area of that size in the middle, cut to the screen.
#[must_use]
pub fn middle(canvas: &Canvas<'_>, width: u16, height: u16) -> Rect {
    let (w, h) = (canvas.width(), canvas.height());
    let (width, height) = (width.min(w), height.min(h));
    Rect::new((w - width) / 2, (h - height) / 2, width, height)
}

/// An area of that size in the middle that lies above the rest: what is below it cannot be clicked.
#[must_use]
pub fn above<'c>(canvas: &'c mut Canvas<'_>, width: u16, height: u16) -> Canvas<'c> {
    let area = middle(canvas, width, height);
    canvas.spot(Rect::new(0, 0, canvas.width(), canvas.height()), Spot::Behind);
    canvas.spot(area, Spot::Cover);
    canvas.region(area)
}

/// The part of a list that is shown, so that the line under the cursor is.
fn first_shown(at: usize, height: u16) -> usize {
    (at + 1).saturating_sub(usize::from(height))
}

/// Choosing the column to sort by.
pub fn sort(app: &App, at: usize, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let columns = app.table.set.columns();
    let at = at.min(columns.len().saturating_sub(1));
    let mut canvas = above(canvas, 64, columns.len() as u16 + 2);
    let area = Rect::new(0, 0, canvas.width(), canvas.height());
    canvas.fill(Rect::new(0, 0, area.width, area.height), theme.text);
    let edges = Edges {
        name: "Sort by",
        below: "Enter takes it",
        below_right: "Esc leaves",
        below_spot: Some(Spot::Do(Action::MenuAccept)),
        below_right_spot: Some(Spot::Do(Action::MenuClose)),
        ..Edges::default()
    };
    let mut inner = frame(&mut canvas, &edges, theme);
    let (w, h) = (inner.width(), inner.height());
    let first = first_shown(at, h);
    for (&col, y) in columns[first.min(columns.len())..].iter().zip(0..h) {
        let column = col.get();
        let line = first + usize::from(y);
        let back = (line == at).then_some(theme.cursor);
        inner.spot(Rect::new(0, y, w, 1), Spot::Choice(line));
        inner.fill(Rect::new(0, y, w, 1), theme.text.over(back));
        let mark = if col == app.table.sort { '*' } else { ' ' };
        inner.put(1, y, mark, theme.accent.over(back));
        inner.text(3, y, column.head, theme.title.over(back));
        inner.field(12, y, w.saturating_sub(13), column.help, theme.dim.over(back));
    }
}

/// Choosing a signal, and the last look at who gets it.
pub fn signal(app: &App, dialog: &SignalDialog, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let mut canvas = above(canvas, 58, SIGNALS.len() as u16 + 5);
    let area = Rect::new(0, 0, canvas.width(), canvas.height());
    canvas.fill(Rect::new(0, 0, area.width, area.height), theme.text);
    let edges = Edges {
        name: "Signal",
        now: &dialog.title,
        below: "Enter sends it",
        below_right: "Esc leaves",
        below_spot: Some(Spot::Do(Action::MenuAccept)),
        below_right_spot: Some(Spot::Do(Action::MenuClose)),
        ..Edges::default()
    };
    let mut inner = frame(&mut canvas, &edges, theme);
    let (w, h) = (inner.width(), inner.height());
    target(app, dialog, &mut inner.region(Rect::new(1, 0, w.saturating_sub(2), 2)));
    let rows = h.saturating_sub(3).max(1).min(h);
    let top = h - rows;
    let first = first_shown(dialog.at, rows);
    for (place, y) in (first..SIGNALS.len()).zip(top..h) {
        let (number, name) = SIGNALS[place];
        let back = (place == dialog.at).then_some(theme.cursor);
        inner.spot(Rect::new(0, y, w, 1), Spot::Choice(place));
        inner.fill(Rect::new(0, y, w, 1), theme.text.over(back));
        let mark = if place == dialog.at { '>' } else { ' ' };
        inner.put(1, y, mark, theme.accent.over(back));
        inner.right(5, y, &short!("{number}"), theme.dim.over(back));
        inner.text(6, y, &short!("SIG{name}"), theme.title.over(back));
        inner.field(15, y, w.saturating_sub(16), SIGNAL_HELP[place], theme.dim.over(back));
    }
}

fn target(app: &App, dialog: &SignalDialog, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let newest = app.newest.as_deref();
    let (&[key], Some(now)) = (dialog.targets.as_slice(), newest) else {
        canvas.text(0, 0, "each of them gets it", theme.text);
        if let (Some(_), Some(now)) = (&app.rewind, newest) {
            let runs = |key: &&Key| now.find(FamilyId::Process, **key).is_some();
            let (running, all) = (dialog.targets.iter().filter(runs).count(), dialog.targets.len());
            canvas.text(0, 1, &short!("{running} of {all} still running now"), theme.dim);
        }
        return;
    };
    match now.find(FamilyId::Process, key) {
        Some(row) => {
            let age = Or(row.get(process::age_seconds).map(Duration));
            let mut text = short!("user {}  age {age}", row.shown(process::user));
            if app.rewind.is_some() {
                text.push("  still running now");
            }
            canvas.field(0, 0, canvas.width(), &text, theme.text);
            canvas.field(0, 1, canvas.width(), row.shown(process::command), theme.dim);
        }
        None => {
            canvas.text(0, 0, "it has ended", theme.warn);
        }
    }
}
