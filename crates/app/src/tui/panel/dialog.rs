//! Dialogs on top of the screen.

use retop_model::family::process;
use retop_model::human::{Duration, Or};
use retop_model::{FamilyId, Key};

use crate::short;
use crate::tui::app::App;
use crate::tui::chooser::Chooser;
use crate::tui::dialog::{SIGNAL_HELP, SIGNALS, SignalDialog};
use crate::tui::render::{Canvas, Rect};
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::scrollbar::scrollbar;

/// An area of that size in the middle, cut to the screen.
#[must_use]
pub fn middle(canvas: &Canvas<'_>, width: u16, height: u16) -> Rect {
    let (w, h) = (canvas.width(), canvas.height());
    let (width, height) = (width.min(w), height.min(h));
    Rect::new((w - width) / 2, (h - height) / 2, width, height)
}

/// The part of a list that is shown, so that the line under the cursor is.
fn first_shown(at: usize, height: u16) -> usize {
    (at + 1).saturating_sub(usize::from(height))
}

/// Choosing the column to sort by.
pub fn sort(app: &App, at: usize, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let columns = &app.table.shown_set().seats;
    let at = at.min(columns.len().saturating_sub(1));
    let area = middle(canvas, 64, columns.len() as u16 + 2);
    let mut canvas = canvas.region(area);
    canvas.fill(Rect::new(0, 0, area.width, area.height), theme.text);
    let edges = Edges {
        name: "Sort by",
        below: "Enter takes it",
        below_right: "Esc leaves",
        ..Edges::default()
    };
    let mut inner = frame(&mut canvas, &edges, theme);
    let (w, h) = (inner.width(), inner.height());
    let first = first_shown(at, h);
    for (seat, y) in columns[first.min(columns.len())..].iter().zip(0..h) {
        let col = seat.col;
        let back = (first + usize::from(y) == at).then_some(theme.cursor);
        inner.fill(Rect::new(0, y, w, 1), theme.text.over(back));
        let mark = match col {
            col if col == app.table.sort => '*',
            // What decides among equals.
            col if col == app.table.then => '2',
            _ => ' ',
        };
        inner.put(1, y, mark, theme.accent.over(back));
        inner.text(3, y, col.head(), theme.title.over(back));
        inner.field(12, y, w.saturating_sub(13), col.help(), theme.dim.over(back));
    }
}

/// Choosing the columns of a set. The heads of the table and its first row stay in sight.
pub fn columns(app: &App, chooser: &Chooser, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let table = app.areas.table;
    let top = table.y + u16::from(app.areas.framed) + 2;
    let wanted = u16::try_from(chooser.lines.len() + 2).unwrap_or(u16::MAX);
    let height = table.bottom().saturating_sub(top).min(wanted).max(4);
    let mut area = middle(canvas, 78, height);
    area.y = top.min(canvas.height().saturating_sub(area.height));
    let mut canvas = canvas.region(area);
    canvas.fill(Rect::new(0, 0, area.width, area.height), theme.text);
    let edges = Edges {
        name: "Columns",
        now: &chooser.before.name,
        below: "Enter takes them",
        below_right: "Esc leaves",
        ..Edges::default()
    };
    let mut inner = frame(&mut canvas, &edges, theme);
    let (w, h) = (inner.width(), inner.height());
    let first = first_shown(chooser.at, h);
    for ((place, &(seat, shown)), y) in chooser.lines.iter().enumerate().skip(first).zip(0..h) {
        let back = (place == chooser.at).then_some(theme.cursor);
        inner.fill(Rect::new(0, y, w, 1), theme.text.over(back));
        let (mark, pen) = if shown { ('x', theme.title) } else { (' ', theme.text) };
        inner.text(1, y, "[ ]", theme.dim.over(back));
        inner.put(2, y, mark, theme.accent.over(back));
        inner.field(5, y, 8, seat.col.head(), pen.over(back));
        inner.field(14, y, 24, &seat.name(), theme.dim.over(back));
        inner.field(39, y, w.saturating_sub(41), seat.col.help(), theme.text.over(back));
    }
    let shown = (first, usize::from(h), chooser.lines.len());
    scrollbar(&mut inner, w.saturating_sub(1), (0, h), shown, theme);
}

/// Choosing a signal, and the last look at who gets it.
pub fn signal(app: &App, dialog: &SignalDialog, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let area = middle(canvas, 58, SIGNALS.len() as u16 + 5);
    let mut canvas = canvas.region(area);
    canvas.fill(Rect::new(0, 0, area.width, area.height), theme.text);
    let edges = Edges {
        name: "Signal",
        now: &dialog.title,
        below: "Enter sends it",
        below_right: "Esc leaves",
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
