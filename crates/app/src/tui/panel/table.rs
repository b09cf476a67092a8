//! The table of processes.

use retop_model::Snapshot;

use super::cell::{self, Subject};
use super::table_diff;
use crate::short;
use crate::tui::app::App;
use crate::tui::diff::ROOM;
use crate::tui::keys::Action;
use crate::tui::mouse::Spot;
use crate::tui::page::Page;
use crate::tui::render::{Canvas, Glyphs, Rect, width};
use crate::tui::table::column::{Col, Form, Placed};
use crate::tui::table::order::What;
use crate::tui::units::Text;
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::scrollbar::scrollbar;

/// Sets of columns whose names are buttons; those of more have their keys.
const SETS: usize = 16;

/// Draws the table, in a frame or with a status line.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    if canvas.height() < 3 || canvas.width() < 3 {
        return;
    }
    let status = app.table.status();
    let place = short!("{}/{}", status.line.min(status.lines), status.lines);
    let mut filter = short!("filter: none");
    if let Some(set) = &app.table.filter {
        let (name, text) = match app.pages.zoomed_to(set) {
            Some(group) => ("group", group),
            None => ("filter", set.text()),
        };
        filter = short!("{name}: {text}  {} hidden", app.table.order.hidden);
        if app.table.order.unknown > 0 {
            filter.push(&short!(", {} unknown", app.table.order.unknown));
        }
    }
    let mut sets = Text::new();
    let mut spots = [(0, 0, Spot::Cover); SETS + 2];
    for (place, set) in app.table.sets.iter().enumerate() {
        let (open, close) = if place == app.table.set { ("[", "]") } else { ("", "") };
        let gap = if sets.is_empty() { "" } else { " " };
        let first = width(&sets) + width(gap);
        sets.push(gap).push(open).push(&set.name).push(close);
        if let Some(spot) = spots.get_mut(2 + place) {
            *spot = (first, width(&sets) - first, Spot::Set(place));
        }
    }
    let arrow = arrow(canvas.glyphs(), app.table.descending);
    let sorted = match app.table.rests() {
        true => short!("by age"),
        false => short!("sort {}{arrow}", app.table.sort.head()),
    };
    let mut form = match app.table.group {
        Some(by) => short!("by {}", by.column().name),
        None => short!("{}", if app.table.tree { "tree" } else { "list" }),
    };
    if app.table.threads {
        form.push(", threads");
    }
    if let Some(text) = table_diff::summary(app, now) {
        form = text;
    }
    if app.areas.framed {
        let title = if status.shown == status.all {
            short!("{}", status.all)
        } else {
            short!("{} of {}", status.shown, status.all)
        };
        let right = short!("{} · {} · {}", &*sorted, &*form, &*sets);
        for (first, ..) in &mut spots[2..] {
            *first += width(&right) - width(&sets);
        }
        let (sort, list) = (width(&sorted), width(&form));
        spots[0] = (0, sort, Spot::Do(Action::SortMenu));
        spots[1] = (sort + 3, list, Spot::Do(Action::Tree));
        let edges = Edges {
            key: app.keys.digit(Page::Processes),
            page: Some(Page::Processes),
            name: "Processes",
            now: &title,
            right: &right,
            right_spots: &spots,
            below: &filter,
            below_spot: Some(Spot::Do(Action::Filter)),
            below_right: &place,
            ..Edges::default()
        };
        rows(app, now, &mut frame(canvas, &edges, &app.theme));
        bar(app, canvas, 2, 3);
        return;
    }
    let (w, h) = (canvas.width(), canvas.height());
    rows(app, now, &mut canvas.region(Rect::new(0, 0, w - 1, h - 1)));
    bar(app, canvas, 1, 2);
    let mut x = canvas.text(1, h - 1, &place, app.theme.text) + 2;
    for (text, action) in [
        (&sorted, Some(Action::SortMenu)),
        (&form, Some(Action::Tree)),
        (&filter, Some(Action::Filter)),
        (&sets, None),
    ] {
        if x + width(text) > w {
            continue;
        }
        match action {
            Some(action) => canvas.spot(Rect::new(x, h - 1, width(text), 1), Spot::Do(action)),
            None => {
                for &(first, cells, spot) in &spots[2..] {
                    canvas.spot(Rect::new(x + first, h - 1, cells, 1), spot);
                }
            }
        }
        x = canvas.text(x, h - 1, text, app.theme.dim) + 2;
    }
}

/// The sign at the heading of what a table is sorted by.
#[must_use]
pub fn arrow(glyphs: Glyphs, descending: bool) -> char {
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
    let diff = table_diff::diff(app);
    let beside = |col: Col| match diff {
        Some(diff) if diff.shows(col, table.sort) => ROOM,
        _ => 0,
    };
    let (placed, count) = table.columns(w, beside);
    let placed = &placed[..count];
    heads(app, placed, canvas);
    for (place, line) in table.visible().iter().enumerate() {
        let y = 1 + place as u16;
        let Some(subject) = Subject::new(now, &table.order, line) else { continue };
        if y >= h {
            break;
        }
        let under = table.top + place == table.cursor;
        if let Some(who) = table.who(now, table.top + place) {
            canvas.spot(Rect::new(0, y, w, 1), Spot::Row(who));
        }
        one(app, now, &subject, under, placed, &mut canvas.region(Rect::new(0, y, w, 1)));
    }
    if let Some(diff) = diff {
        let lines = diff.lines(h.saturating_sub(1));
        let mut below = canvas.region(Rect::new(0, h - lines, w, lines));
        table_diff::others(app, diff, now, &mut below, |subject, canvas| {
            one(app, now, subject, false, placed, canvas);
        });
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
        let sorted = placed.col == app.table.sort && !app.table.rests();
        let pen = if sorted { theme.sorted } else { theme.head };
        let name = match placed.col {
            Col::CPU if app.table.whole_machine => "CPU%a",
            col => col.head(),
        };
        canvas.spot(Rect::new(placed.x, 0, placed.width + 1, 1), Spot::Head(placed.col));
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
        if let Some(diff) = table_diff::diff(app).filter(|d| d.shows(placed.col, app.table.sort)) {
            let ascii = canvas.glyphs() == Glyphs::Ascii;
            let text = table_diff::head(diff, ascii);
            canvas.right(placed.x + placed.width + ROOM, 0, text, theme.head);
        }
        if sorted {
            canvas.put(end, 0, arrow(canvas.glyphs(), app.table.descending), pen);
        }
    }
}

fn one(
    app: &App,
    now: &Snapshot,
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
    } else if line.what == What::Gone {
        let sign = if canvas.glyphs() == Glyphs::Ascii { 'x' } else { '†' };
        canvas.put(0, 0, sign, theme.dim.over(back));
    } else if line.what == What::Process && subject.row.is_new() && !under {
        canvas.put(0, 0, '+', theme.new);
    }
    for placed in placed.iter().flatten() {
        let form = placed.col.form();
        let room = placed.width;
        let mut region = canvas.region(Rect::new(placed.x, 0, room, 1));
        let diff = table_diff::diff(app);
        if form == Form::Command {
            let at = match diff {
                Some(diff) if line.what == What::Process => {
                    table_diff::word(diff, now, subject.row, app, back, &mut region)
                }
                _ => 0,
            };
            let mut region = region.region(Rect::new(at, 0, room.saturating_sub(at), 1));
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
        if let Some(diff) = diff.filter(|diff| diff.shows(placed.col, app.table.sort)) {
            let mut region = canvas.region(Rect::new(placed.x + room, 0, ROOM, 1));
            table_diff::cell(diff, now, subject, placed.col, app, back, &mut region);
        }
    }
}
