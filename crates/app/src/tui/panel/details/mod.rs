//! Everything about one process, in tabs.

mod environment;
mod files;
mod gpu;
mod groups;
mod limits;
mod maps;
mod stats;
mod threads;
mod wrap;

use std::sync::Arc;

use retop_engine::{Found, Problem};
use retop_model::family::process;
use retop_model::{FamilyId, Key, Row, Snapshot};

use crate::short;
use crate::tui::app::App;
use crate::tui::keys::Action;
use crate::tui::mouse::Spot;
use crate::tui::pane::Tab;
use crate::tui::render::{Canvas, Pen, Rect, width};
use crate::tui::units::Text;
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::scrollbar::scrollbar;
use crate::tui::widget::sheet::Sheet;

/// Lines of the tab on the screen, in a pane of that size inside its frame.
#[must_use]
pub fn measure(app: &App, now: &Arc<Snapshot>, key: Key, inner: Rect) -> usize {
    let mut sheet = Sheet::counting(inner.width.saturating_sub(2), inner.height);
    lines(app, now, key, &mut sheet);
    sheet.lines()
}

/// Draws the pane of that process.
pub fn draw(app: &App, key: Key, canvas: &mut Canvas<'_>) {
    let Some(now) = &app.now else { return };
    let moment = app.moment_of(key, now);
    let name = moment.find(FamilyId::Process, key).map_or("", |row| row.shown(process::name));
    let title = short!("{} {name}", key.0);
    let (top, shown, all) = app.pane.place();
    let place = match all > shown {
        true => short!("{}–{} of {all}", top + 1, (top + shown).min(all)),
        false => short!("Esc closes"),
    };
    // The tabs matter more than the place, which the bar at the side shows too.
    let room = canvas.width().saturating_sub(6);
    let edges = Edges {
        name: &title,
        right: "Esc: close",
        right_spots: &[(0, 10, Spot::Do(Action::Close))],
        below: &tabs(app.pane.tab, room),
        below_right: &place,
        ..Edges::default()
    };
    let mut inner = frame(canvas, &edges, &app.theme);
    let (w, h) = (inner.width(), inner.height());
    let body = inner.region(Rect::new(1, 0, w.saturating_sub(2), h));
    lines(app, now, key, &mut Sheet::new(body, top));
    scrollbar(&mut inner, w.saturating_sub(1), (0, h), (top, shown, all), &app.theme);
}

/// `Tab: Stats [Threads] Env …`: as many as fit, the one on the screen among them.
fn tabs(here: Tab, room: u16) -> Text {
    let text = |from: usize| {
        let mut text = short!("Tab:");
        if from > 0 {
            text.push(" …");
        }
        for &tab in &Tab::ALL[from..] {
            let (open, close) = if tab == here { ("[", "]") } else { ("", "") };
            let name = short!(" {open}{}{close}", tab.name());
            if width(&text) + width(&name) > room {
                break;
            }
            text.push(&name);
        }
        text
    };
    let at = Tab::ALL.iter().position(|&tab| tab == here).unwrap_or(0);
    let mark = short!("[{}]", here.name());
    let fits = |from: &usize| text(*from).contains(mark.as_str());
    text((0..=at).find(fits).unwrap_or(at))
}

fn lines(app: &App, now: &Arc<Snapshot>, key: Key, sheet: &mut Sheet<'_>) {
    let moment = app.moment_of(key, now);
    let Some(row) = moment.find(FamilyId::Process, key) else {
        let text = match app.rewind {
            Some(_) => "it did not run at that moment",
            None => "this process has ended",
        };
        return note(sheet, text, app.theme.warn);
    };
    if !Arc::ptr_eq(&moment, now) {
        note(sheet, "it has ended; this is what was known last", app.theme.warn);
    }
    match app.pane.tab {
        Tab::Stats => stats::lines(app, row, sheet),
        Tab::Threads => threads::lines(app, &moment, row, sheet),
        Tab::Groups => groups::lines(app, &moment, row, sheet),
        Tab::Environment | Tab::Files | Tab::Limits | Tab::Maps => read(app, row, sheet),
    }
}

/// What was read when somebody looked, or why it is not there.
fn read(app: &App, row: Row<'_>, sheet: &mut Sheet<'_>) {
    let theme = &app.theme;
    if app.rewind.is_some() {
        return note(sheet, "only live: nobody keeps this of the past", theme.dim);
    }
    if let Some(reason) = &app.pane.refused {
        return note(sheet, reason, theme.dim);
    }
    match app.pane.answer.as_deref().map(|answer| &answer.found) {
        Some(Ok(Found::Environment(found))) => environment::lines(app, row, found, sheet),
        Some(Ok(Found::Files(found))) => files::lines(app, found, sheet),
        Some(Ok(Found::Limits(found))) => limits::lines(app, found, sheet),
        Some(Ok(Found::Maps(found))) => maps::lines(app, row, found, sheet),
        Some(Err(_)) | None if app.has_ended(row.key()) => {
            note(sheet, "nobody looked at this before it ended", theme.dim);
        }
        Some(Err(problem)) => refused(app, problem, sheet),
        None => {
            note(sheet, crate::tui::units::PENDING, theme.dim);
            if app.pane.is_late(app.newest.as_deref()) {
                let state = row.state(process::state).unwrap_or("unknown");
                let text = short!("the kernel has not answered yet; the process is {state}");
                note(sheet, &text, theme.warn);
                let text = "one that is short of memory or stuck in the kernel lets nobody read it";
                note(sheet, text, theme.dim);
            }
        }
    }
}

fn refused(app: &App, problem: &Problem, sheet: &mut Sheet<'_>) {
    note(sheet, &problem.reason, app.theme.warn);
    if let Some(hint) = &problem.hint {
        note(sheet, hint, app.theme.dim);
    }
}

/// A sentence, over as many lines as it takes.
fn note(sheet: &mut Sheet<'_>, text: &str, pen: Pen) {
    for line in wrap::words(text, sheet.width()) {
        sheet.line(|canvas| {
            canvas.text(0, 0, line, pen);
        });
    }
}

/// The heads of columns that end at those cells, and of the text behind them.
fn head(app: &App, sheet: &mut Sheet<'_>, columns: &[(u16, &str)], more: &str) {
    let theme = &app.theme;
    sheet.line(|canvas| {
        canvas.fill(Rect::new(0, 0, canvas.width(), 1), theme.head);
        let mut end = 0;
        for &(at, name) in columns {
            canvas.right(at, 0, name, theme.head);
            end = at;
        }
        if !more.is_empty() {
            canvas.text(end + 2, 0, more, theme.head);
        }
    });
}
