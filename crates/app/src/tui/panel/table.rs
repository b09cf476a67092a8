//! The table of processes.

use retop_model::Snapshot;

use super::cell::{self, Subject};
use crate::short;
use crate::tui::app::App;
use crate::tui::render::{Canvas, Glyphs, Rect, width};
use crate::tui::table::column::{self, Col, Form, Placed};
use crate::tui::table::order::What;
use crate::tui::units::Text;
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::scrollbar::scrollbar;

/// Draws the table, in a frame or with a status line.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    if canvas.height() < 3 || canvas.width() < 3 {
        return;
    }
    let status = app.table.status();
    let place = short!("{}/{}", status.line.min(status.lines), status.lines);
    let mut filter = short!("filter: none");
    if let Some(set) = &app.table.filter {
        filter = short!("filter: {}  {} hidden", set.text(), app.table.order.hidden);
        if app.table.order.unknown > 0 {
            filter.push(&short!(", {} unknown", app.table.order.unknown));
        }
    }
    let mut sets = Text::new();
    for (place, set) in app.table.sets.iter().enumerate() {
        let (open, close) = if place == app.table.set { ("[", "]") } else { ("", "") };
        let gap = if sets.is_empty() { "" } else { " " };
        sets.push(gap).push(open).push(&set.name).push(close);
    }
    let arrow = arrow(canvas.glyphs(), app.table.descending);
    let sorted = short!("sort {}{arrow}", app.table.sort.head());
    let mut form = match app.table.group {
        Some(by) => short!("by {}", by.column().name),
        None => short!("{}", if app.table.tree { "tree" } else { "list" }),
    };
    if app.table.threads {
        form.push(", threads");
    }
    if app.areas.framed {
        let title = if status.shown == status.all {
            short!("{}", status.all)
        } else {
            short!("{} of {}", status.shown, status.all)
        };
        let edges = Edges {
            key: Some('2'),
            name: "Processes",
            now: &title,
            right: &short!("{} · {} · {}", &*sorted, &*form, &*sets),
            below: &filter,
            below_right: &place,
        };
        rows(app, now, &mut frame(canvas, &edges, &app.theme));
        bar(app, canvas, 2, 3);
        return;
    }
    let (w, h) = (canvas.width(), canvas.height());
    rows(app, now, &mut canvas.region(Rect::new(0, 0, w - 1, h - 1)));
    bar(app, canvas, 1, 2);
    let mut x = canvas.text(1, h - 1, &place, app.theme.text) + 2;
    for text in [&sorted, &form, &filter, &sets] {
        if x + width(text) <= w {
            x = canvas.text(x, h - 1, text, app.theme.dim) + 2;
        }
    }
}

fn arrow(glyphs: Glyphs, descending: bool) -> char {
    match (glyphs, descending) {
        (Glyphs::Ascii, true) => 'v',
        (Glyphs::Ascii, false) => '^',
        (_, true) => '▼',
        (_, false) => '▲',
    }
}

fn rows(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let table = &app.table;
    let (w, h) = (canvas.width(), canvas.height());
    let (placed, count) = column::place(table.shown_set(), w, table.pid_digits);
    let placed = &placed[..count];
    heads(app, placed, canvas);
    for (place, line) in table.visible().iter().enumerate() {
        let y = 1 + place as u16;
        let Some(subject) = Subject::new(now, &table.order, line) else { continue };
        if y >= h {
            break;
        }
        let under = table.top + place == table.cursor;
        one(app, &subject, under, placed, &mut canvas.region(Rect::new(0, y, w, 1)));
    }
}

/// Where in the list the screen stands: on the last column, which no row uses.
fn bar(app: &App, canvas: &mut Canvas<'_>, top: u16, chrome: u16) {
    let table = &app.table;
    let shown = (table.top, table.visible().len(), table.order.lines.len());
    let (x, height) = (canvas.width() - 1, canvas.height().saturating_sub(chrome));
    scrollbar(canvas, x, (top, height), shown, &app.theme);
}

fn heads(app: &App, placed: &[Option<Placed>], canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    canvas.fill(Rect::new(0, 0, canvas.width(), 1), theme.head);
    for placed in placed.iter().flatten() {
        let sorted = placed.col == app.table.sort;
        let pen = if sorted { theme.sorted } else { theme.head };
        let name = match placed.col {
            Col::CPU if app.table.whole_machine => "CPU%a",
            col => col.head(),
        };
        let estimate = placed.col.is_estimated().then(|| short!("{name}~"));
        let name = estimate.as_deref().unwrap_or(name);
        // The mark takes a cell of the column where its name leaves one, else the blank after it.
        let mark = u16::from(sorted && width(name) < placed.width);
        let end = if placed.col.is_left() {
            canvas.text(placed.x, 0, name, pen)
        } else {
            let end = placed.x + placed.width - mark;
            canvas.right(end, 0, name, pen);
            end
        };
        if sorted {
            canvas.put(end, 0, arrow(canvas.glyphs(), app.table.descending), pen);
        }
    }
}

fn one(
    app: &App,
    subject: &Subject<'_>,
    under: bool,
    placed: &[Option<Placed>],
    canvas: &mut Canvas<'_>,
) {
    let (theme, line) = (&app.theme, subject.line);
    let back = under.then_some(theme.cursor);
    if under {
        canvas.fill(Rect::new(0, 0, canvas.width(), 1), theme.cursor);
        canvas.put(0, 0, '>', theme.accent.over(back));
    }
    let tagged = subject.is_tagged(&app.table.tagged);
    if tagged {
        canvas.put(0, 0, '*', theme.tag.over(back));
    } else if line.what == What::Process && subject.row.is_new() && !under {
        canvas.put(0, 0, '+', theme.new);
    }
    for placed in placed.iter().flatten() {
        let form = placed.col.form();
        let room = placed.width;
        let mut region = canvas.region(Rect::new(placed.x, 0, room, 1));
        if form == Form::Command {
            cell::command(app, subject, back, &mut region);
            continue;
        }
        if let Form::Text(field) = form {
            let text = subject.text(field);
            let dim = text.is_empty() || line.beside;
            let text = if text.is_empty() { retop_model::human::MISSING } else { text };
            let pen = if dim { theme.dim } else { theme.text };
            region.field(0, 0, room, text, pen.over(back));
            continue;
        }
        let ascii = region.glyphs() == Glyphs::Ascii;
        let (text, pen) = cell::number(app, subject, form, (room, ascii));
        let pen = if line.beside { theme.dim } else { pen };
        let pen = if tagged { theme.tag } else { pen };
        region.right(room, 0, &text, pen.over(back));
    }
}
