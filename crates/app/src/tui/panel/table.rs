//! The table of processes.

use retop_model::family::process;
use retop_model::human::{Count, Duration, Size, Value};
use retop_model::{FamilyId, Row, Snapshot};

use crate::short;
use crate::tui::app::App;
use crate::tui::render::{Canvas, Glyphs, Pen, Rect, width};
use crate::tui::table::column::{self, Col, Form, Placed};
use crate::tui::table::order::Line;
use crate::tui::theme::on_ramp;
use crate::tui::units::{self, Text};
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::scrollbar::scrollbar;

/// Draws the table, in a frame or with a status line.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    if canvas.height() < 3 || canvas.width() < 3 {
        return;
    }
    let status = app.table.status();
    let place = short!("{}/{}", status.line.min(status.shown), status.shown);
    let filter = match &app.table.filter {
        Some(filter) => short!("filter: {}  {} hidden", filter.text(), app.table.order.hidden),
        None => short!("filter: none"),
    };
    let mut sets = Text::new();
    for (place, set) in app.table.sets.iter().enumerate() {
        let (open, close) = if place == app.table.set { ("[", "]") } else { ("", "") };
        let gap = if sets.is_empty() { "" } else { " " };
        sets.push(gap).push(open).push(&set.name).push(close);
    }
    let arrow = arrow(canvas.glyphs(), app.table.descending);
    let sorted = short!("sort {}{arrow}", app.table.sort.head());
    let form = if app.table.tree { "tree" } else { "list" };
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
            right: &short!("{} · {form} · {}", &*sorted, &*sets),
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
    for text in [&sorted, &short!("{form}"), &filter, &sets] {
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
        let Some(row) = now.row(FamilyId::Process, line.row as usize) else { continue };
        if y >= h {
            break;
        }
        let under = table.top + place == table.cursor;
        one(app, row, line, under, placed, &mut canvas.region(Rect::new(0, y, w, 1)));
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
    row: Row<'_>,
    line: &Line,
    under: bool,
    placed: &[Option<Placed>],
    canvas: &mut Canvas<'_>,
) {
    let theme = &app.theme;
    let back = under.then_some(theme.cursor);
    if under {
        canvas.fill(Rect::new(0, 0, canvas.width(), 1), theme.cursor);
        canvas.put(0, 0, '>', theme.accent.over(back));
    }
    let tagged = app.table.tagged.contains(&row.key());
    if tagged {
        canvas.put(0, 0, '*', theme.tag.over(back));
    } else if row.is_new() && !under {
        canvas.put(0, 0, '+', theme.new);
    }
    for placed in placed.iter().flatten() {
        let form = placed.col.form();
        let room = placed.width;
        if form == Form::Command {
            let mut region = canvas.region(Rect::new(placed.x, 0, room, 1));
            command(app, row, line, back, &mut region);
            continue;
        }
        if let Form::Text(field) = form {
            let text = row.shown(field);
            let dim = text.is_empty() || line.beside;
            let text = if text.is_empty() { retop_model::human::MISSING } else { text };
            let pen = if dim { theme.dim } else { theme.text };
            canvas.field(placed.x, 0, room, text, pen.over(back));
            continue;
        }
        let (text, pen) = cell(app, row, form, room);
        let pen = if line.beside { theme.dim } else { pen };
        let pen = if tagged { theme.tag } else { pen };
        let mut region = canvas.region(Rect::new(placed.x, 0, room, 1));
        region.right(room, 0, &text, pen.over(back));
    }
}

/// A number's text and look. Nothing is `–`, what is still to come `…`, zero is dim.
fn cell(app: &App, row: Row<'_>, form: Form, room: u16) -> (Text, Pen) {
    let theme = &app.theme;
    let missing = || (short!("{}", units::missing(app.is_pending(row, form))), theme.dim);
    let shown = |value: f64, text: Text| (text, if value == 0.0 { theme.dim } else { theme.text });
    match form {
        Form::State => {
            let letter = row.raw(process::state).map_or('?', process::state_letter);
            let pen = match letter {
                'R' => theme.ok,
                'D' | 'T' | 't' => theme.warn,
                'Z' | 'X' => theme.crit,
                _ => theme.dim,
            };
            (short!("{letter}"), pen)
        }
        Form::Percent(field) => {
            let field = match app.table.whole_machine && field == process::cpu_ratio {
                true => process::cpu_machine_ratio,
                false => field,
            };
            let Some(share) = row.get(field) else { return missing() };
            let pen = match share {
                share if share < 0.0005 => theme.dim,
                share if share >= 0.1 => on_ramp(&theme.util, share.min(1.0)),
                _ => theme.text,
            };
            let text = units::percent(share);
            // MEM% has four cells: 100.0 would be one too many.
            let text = if width(&text) > room { short!("{:.0}", share * 100.0) } else { text };
            (text, pen)
        }
        Form::Size(field) => match row.get(field) {
            Some(bytes) => shown(bytes, short!("{}", Size(bytes))),
            None => missing(),
        },
        Form::Count(field) => match row.get(field) {
            Some(number) => shown(number, short!("{}", Count(number))),
            None => missing(),
        },
        Form::Number(field) => match row.raw(field) {
            Some(number) => {
                let text = short!("{number}");
                // What no machine says is cut nowhere: fewer digits are better than the last ones.
                let fits = width(&text) <= room;
                shown(1.0, if fits { text } else { short!("{}", Count(number as f64)) })
            }
            None => missing(),
        },
        Form::Value(field) => match row.get(field) {
            Some(value) => shown(value, short!("{}", Value(field.unit(), value))),
            None => missing(),
        },
        Form::Time(field) => match row.get(field) {
            Some(seconds) => shown(seconds, units::cpu_time(seconds)),
            None => missing(),
        },
        Form::Span(field) => match row.get(field) {
            Some(seconds) => shown(seconds, short!("{}", Duration(seconds))),
            None => missing(),
        },
        Form::Text(_) | Form::Command => (Text::new(), theme.text),
    }
}

/// The command after the branches of the tree: its folder dim, its name bright.
fn command(app: &App, row: Row<'_>, line: &Line, back: Option<Pen>, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let mut x = branches(app, line, back, canvas);
    let name = row.shown(process::name);
    let full = row.shown(process::command);
    let plain = if line.beside { theme.dim } else { theme.text };
    if row.raw(process::kernel) == Some(1) {
        canvas.text(x, 0, &short!("[{name}]"), theme.dim.over(back));
        return;
    }
    let bright = if line.beside { theme.dim } else { theme.accent };
    // A command that was not read yet, or that nobody may read, still has a name.
    if !app.table.full_commands || full.is_empty() {
        canvas.field(x, 0, canvas.width().saturating_sub(x), name, bright.over(back));
        return;
    }
    let program = full.split(' ').next().unwrap_or("");
    let folder = program.rfind('/').map_or(0, |slash| slash + 1);
    let parts = [
        (&full[..folder], theme.dim),
        (&full[folder..program.len()], bright),
        (&full[program.len()..], plain),
    ];
    let mut skip = app.table.shift;
    let end = canvas.width();
    let left: u16 = parts.iter().map(|(part, _)| width(part)).fold(0, u16::saturating_add);
    let fits = x.saturating_add(left) <= end;
    for (part, pen) in parts {
        for c in part.chars() {
            if skip > 0 {
                skip -= 1;
            } else if x < end {
                x = canvas.put(x, 0, c, pen.over(back));
            }
        }
    }
    if !fits && app.table.shift == 0 && end > 0 {
        let dots = if canvas.glyphs() == Glyphs::Ascii { '~' } else { '…' };
        canvas.put(end - 1, 0, dots, theme.dim.over(back));
    }
}

fn branches(app: &App, line: &Line, back: Option<Pen>, canvas: &mut Canvas<'_>) -> u16 {
    if !app.table.tree {
        return 0;
    }
    let pen = app.theme.branch.over(back);
    let ascii = canvas.glyphs() == Glyphs::Ascii;
    let (through, fork, corner) =
        if ascii { ("| ", "|-", "`-") } else { ("│ ", "├─", "└─") };
    let mut x = 0;
    for depth in 1..line.depth {
        let more = line.branches >> depth & 1 == 1;
        x = canvas.text(x, 0, if more { through } else { "  " }, pen);
    }
    if line.depth > 0 {
        x = canvas.text(x, 0, if line.last { corner } else { fork }, pen);
    }
    if line.folded {
        x = canvas.text(x, 0, "+ ", app.theme.accent.over(back));
    } else if line.depth > 0 {
        x = canvas.put(x, 0, ' ', pen);
    }
    x
}
