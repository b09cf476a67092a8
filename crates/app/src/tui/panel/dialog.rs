//! Dialogs on top of the screen.

use retop_engine::IoPriority;
use retop_model::family::{core, process};
use retop_model::human::{Duration, MISSING, Or, Size};
use retop_model::{FamilyId, Key};

use crate::short;
use crate::tui::app::App;
use crate::tui::chooser::Chooser;
use crate::tui::control::Targets;
use crate::tui::dialog::{Check, CpuDialog, CpuLine, IO_LINES, IoDialog, Overlay, SignalDialog};
use crate::tui::keys::Action;
use crate::tui::mouse::Spot;
use crate::tui::people::People;
use crate::tui::render::{Canvas, Pen, Rect, width};
use crate::tui::units::{self, Text};
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::scrollbar::scrollbar;

/// Screens of so many rows have a line of keys at the bottom.
const KEYED: u16 = 24;

/// An area of that size in the middle, cut to the screen; as wide as the screen where only slivers
/// of what is behind would be seen. What the keys do there stays in sight, and so does the header
/// while it can: it says whether this is the past.
#[must_use]
pub fn middle(canvas: &Canvas<'_>, width: u16, height: u16) -> Rect {
    let (w, h) = (canvas.width(), canvas.height());
    let h = if h >= KEYED { h - 1 } else { h };
    let (width, height) = (width.min(w), height.min(h));
    let width = if w - width <= 6 { w } else { width };
    Rect::new((w - width) / 2, (h - height).div_ceil(2), width, height)
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

/// The edges of a menu: what Enter does there, and Esc, each where it is clicked too.
fn menu<'e>(name: &'e str, enter: &'e str) -> Edges<'e> {
    Edges {
        name,
        below: enter,
        below_right: "Esc leaves",
        below_spot: Some(Spot::Do(Action::MenuAccept)),
        below_right_spot: Some(Spot::Do(Action::MenuClose)),
        ..Edges::default()
    }
}

/// Choosing the column to sort by.
pub fn sort(app: &App, at: usize, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let columns = &app.table.shown_set().seats;
    let at = at.min(columns.len().saturating_sub(1));
    let mut canvas = above(canvas, 64, columns.len() as u16 + 2);
    let area = Rect::new(0, 0, canvas.width(), canvas.height());
    canvas.fill(Rect::new(0, 0, area.width, area.height), theme.text);
    let edges = menu("Sort by", "Enter takes it");
    let mut inner = frame(&mut canvas, &edges, theme);
    let (w, h) = (inner.width(), inner.height());
    let first = first_shown(at, h);
    for (seat, y) in columns[first.min(columns.len())..].iter().zip(0..h) {
        let col = seat.col;
        let line = first + usize::from(y);
        inner.spot(Rect::new(0, y, w, 1), Spot::Choice(line));
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

/// Choosing the user whose processes are shown.
pub fn users(app: &App, people: &People, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let height = u16::try_from(people.lines.len() + 3).unwrap_or(u16::MAX);
    let mut canvas = above(canvas, 50, height);
    canvas.fill(Rect::new(0, 0, canvas.width(), canvas.height()), theme.text);
    let edges = menu("Users", "Enter shows theirs");
    let mut inner = frame(&mut canvas, &edges, theme);
    let (w, h) = (inner.width(), inner.height().saturating_sub(1));
    let ends = [w.saturating_sub(17), w.saturating_sub(9), w.saturating_sub(2)];
    inner.fill(Rect::new(0, 0, w, 1), theme.head);
    inner.text(3, 0, "USER", theme.head);
    for (end, name) in ends.into_iter().zip(["PROCS", "CPU%", "RES"]) {
        inner.right(end, 0, name, theme.head);
    }
    let first = first_shown(people.at, h);
    for ((place, person), y) in people.lines.iter().enumerate().skip(first).zip(1..=h) {
        let back = (place == people.at).then_some(theme.cursor);
        inner.spot(Rect::new(0, y, w, 1), Spot::Choice(place));
        inner.fill(Rect::new(0, y, w, 1), theme.text.over(back));
        let mark = if place == people.at { '>' } else { ' ' };
        inner.put(1, y, mark, theme.accent.over(back));
        let room = ends[0].saturating_sub(9);
        let name = person.name.as_deref();
        let pen = if name.is_some() { theme.title } else { theme.dim };
        inner.field(3, y, room, name.unwrap_or("everybody"), pen.over(back));
        let cpu = person.cpu_ratio.map_or(short!("{MISSING}"), units::percent);
        let memory = short!("{}", Or(person.resident_bytes.map(Size)));
        let cells = [short!("{}", person.processes), cpu, memory];
        for (end, text) in ends.into_iter().zip(&cells) {
            inner.right(end, y, text, theme.text.over(back));
        }
    }
    let shown = (first, usize::from(h), people.lines.len());
    scrollbar(&mut inner, w.saturating_sub(1), (1, h), shown, theme);
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
    canvas.spot(Rect::new(0, 0, canvas.width(), canvas.height()), Spot::Behind);
    canvas.spot(area, Spot::Cover);
    let mut canvas = canvas.region(area);
    canvas.fill(Rect::new(0, 0, area.width, area.height), theme.text);
    // What the names of columns carry, as config.toml has it.
    let right = "?: where known  @N: from that width on";
    let edges = Edges { now: &chooser.before.name, right, ..menu("Columns", "Enter takes them") };
    let mut inner = frame(&mut canvas, &edges, theme);
    let (w, h) = (inner.width(), inner.height());
    let first = first_shown(chooser.at, h);
    for ((place, &(seat, shown)), y) in chooser.lines.iter().enumerate().skip(first).zip(0..h) {
        let back = (place == chooser.at).then_some(theme.cursor);
        inner.spot(Rect::new(0, y, w, 1), Spot::Choice(place));
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
    let signals = &dialog.signals;
    let edges = Edges {
        name: "Signal",
        now: &dialog.targets.title,
        below: "Enter sends it  digits: by number",
        below_right: "Esc leaves",
        ..Edges::default()
    };
    let lines = signals.len() as u16;
    list(app, &dialog.targets, &edges, (lines, dialog.at), canvas, |line, canvas, back| {
        let (theme, signal) = (&app.theme, &signals[line]);
        canvas.right(5, 0, &short!("{}", signal.number), theme.dim.over(back));
        canvas.text(6, 0, &short!("SIG{}", signal.name), theme.title.over(back));
        let room = canvas.width().saturating_sub(19);
        canvas.field(18, 0, room, signal.help, theme.dim.over(back));
    });
}

/// What the levels of the classes of I/O mean.
const IO_HELP: [(IoPriority, &str); 4] = [
    (IoPriority::None, "none was set: as the nice value says"),
    (IoPriority::RealTime(0), "before all others; 0 before 7"),
    (IoPriority::BestEffort(0), "in turn with others; 0 has most"),
    (IoPriority::Idle, "when nobody else wants the disk"),
];

/// Choosing an I/O priority.
pub fn io(app: &App, dialog: &IoDialog, canvas: &mut Canvas<'_>) {
    let edges = Edges {
        name: "I/O priority",
        now: &dialog.targets.title,
        right: "heeded by bfq and mq-deadline",
        below: "Enter sets it",
        below_right: "Esc leaves",
        ..Edges::default()
    };
    let size = (IO_LINES as u16, dialog.at);
    list(app, &dialog.targets, &edges, size, canvas, |line, canvas, back| {
        let theme = &app.theme;
        let Some(priority) = IoDialog::priority(line) else { return };
        if dialog.present == Some(priority) {
            canvas.put(2, 0, '*', theme.accent.over(back));
        }
        canvas.text(4, 0, &short!("{priority}"), theme.title.over(back));
        let help = IO_HELP.iter().find(|(of, _)| *of == priority).map_or("", |(_, help)| *help);
        let room = canvas.width().saturating_sub(20);
        canvas.field(19, 0, room, help, theme.dim.over(back));
    });
}

/// Checking CPUs.
pub fn cpus(app: &App, dialog: &CpuDialog, canvas: &mut Canvas<'_>) {
    let cores = app.newest.as_deref();
    let edges = Edges {
        name: "CPUs",
        now: &dialog.targets.title,
        below: "Space checks  a all  Enter does it",
        below_right: "Esc leaves",
        ..Edges::default()
    };
    let size = (dialog.lines.len() as u16, dialog.line());
    list(app, &dialog.targets, &edges, size, canvas, |line, canvas, _| {
        let theme = &app.theme;
        let places = match &dialog.lines[line] {
            CpuLine::Group(name) => {
                canvas.field(2, 0, canvas.width().saturating_sub(3), name, theme.dim);
                return;
            }
            CpuLine::Cpus(places) => places.clone(),
        };
        canvas.fill(Rect::new(0, 0, canvas.width(), 1), theme.text);
        let each = canvas.width().saturating_sub(2) / 4;
        for (place, x) in places.zip((1..).step_by(usize::from(each.max(1)))) {
            let cpu = &dialog.cpus[place];
            let mut canvas = canvas.region(Rect::new(x, 0, each.saturating_sub(1), 1));
            let back = (place == dialog.at).then_some(theme.cursor);
            canvas.spot(Rect::new(0, 0, canvas.width(), 1), Spot::Choice(place));
            canvas.fill(Rect::new(0, 0, canvas.width(), 1), theme.text.over(back));
            let (check, pen) = match cpu.check {
                _ if !cpu.online => ("   ", theme.dim),
                Check::On => ("[x]", theme.ok),
                Check::Mixed => ("[~]", theme.warn),
                Check::Off => ("[ ]", theme.dim),
            };
            canvas.text(0, 0, check, pen.over(back));
            let pen = if cpu.online { theme.title } else { theme.dim };
            canvas.right(8, 0, &short!("{}", cpu.number), pen.over(back));
            let use_of = cores
                .and_then(|now| now.find(FamilyId::Core, Key(u64::from(cpu.number), 0)))
                .and_then(|row| row.get(core::utilization_ratio));
            let text = match use_of {
                _ if !cpu.online => short!(" off"),
                Some(share) => units::whole_percent(share),
                None => Text::new(),
            };
            if canvas.width() >= 13 {
                canvas.right(13, 0, &text, theme.dim.over(back));
            }
        }
    });
}

/// A list of lines below a last look at who is meant, with a cursor that stays in sight.
fn list(
    app: &App,
    targets: &Targets,
    edges: &Edges<'_>,
    (lines, at): (u16, usize),
    canvas: &mut Canvas<'_>,
    mut draw: impl FnMut(usize, &mut Canvas<'_>, Option<Pen>),
) {
    let theme = &app.theme;
    let mut canvas = above(canvas, 62, lines.saturating_add(5));
    canvas.fill(Rect::new(0, 0, canvas.width(), canvas.height()), theme.text);
    let (accept, close) = match app.overlay {
        Overlay::Cpus(_) => (Action::CheckAccept, Action::CheckClose),
        _ => (Action::MenuAccept, Action::MenuClose),
    };
    let edges = Edges {
        below_spot: Some(Spot::Do(accept)),
        below_right_spot: Some(Spot::Do(close)),
        ..*edges
    };
    let mut inner = frame(&mut canvas, &edges, theme);
    let (w, h) = (inner.width(), inner.height());
    target(app, targets, &mut inner.region(Rect::new(1, 0, w.saturating_sub(2), 2)));
    let rows = h.saturating_sub(3).max(1).min(h);
    let top = h - rows;
    let first = first_shown(at, rows);
    for (line, y) in (first..usize::from(lines)).zip(top..h) {
        let back = (line == at).then_some(theme.cursor);
        let mut row = inner.region(Rect::new(0, y, w, 1));
        if !matches!(app.overlay, Overlay::Cpus(_)) {
            row.spot(Rect::new(0, 0, w, 1), Spot::Choice(line));
        }
        row.fill(Rect::new(0, 0, w, 1), theme.text.over(back));
        let mark = if line == at { '>' } else { ' ' };
        row.put(1, 0, mark, theme.accent.over(back));
        draw(line, &mut row, back);
    }
    let place = (first, usize::from(rows), usize::from(lines));
    scrollbar(&mut inner, w.saturating_sub(1), (top, rows), place, theme);
}

fn target(app: &App, targets: &Targets, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let newest = app.newest.as_deref();
    let (&[key], Some(now)) = (targets.keys.as_slice(), newest) else {
        names(app, targets, if app.rewind.is_some() { 1 } else { 2 }, canvas);
        if let (Some(_), Some(now)) = (&app.rewind, newest) {
            let runs = |key: &&Key| now.find(FamilyId::Process, **key).is_some();
            let (running, all) = (targets.keys.iter().filter(runs).count(), targets.keys.len());
            canvas.text(0, 1, &short!("{running} of {all} still running now"), theme.dim);
        }
        return;
    };
    match now.find(FamilyId::Process, key) {
        Some(row) => {
            let age = Or(row.get(process::age_seconds).map(Duration));
            let threads = Or(row.raw(process::threads));
            let mut text =
                short!("user {}  age {age}  threads {threads}", row.shown(process::user));
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

/// The last look at who is meant where that are several: as many as so many lines have room for.
fn names(app: &App, targets: &Targets, lines: u16, canvas: &mut Canvas<'_>) {
    /// Cells for how many more there are.
    const MORE: u16 = 12;
    let (theme, room) = (&app.theme, canvas.width());
    let newest = app.newest.as_deref();
    let (mut x, mut y) = (0, 0);
    for (place, key) in targets.keys.iter().enumerate() {
        let row = newest.and_then(|now| now.find(FamilyId::Process, *key));
        let name = row.map_or("has ended", |row| row.shown(process::name));
        let last = place + 1 == targets.keys.len();
        let part = short!("{} {name}{}", key.0, if last { "" } else { "," });
        let left = room.saturating_sub(if last || y + 1 < lines { 0 } else { MORE });
        if x > 0 && x + width(&part) > left {
            if y + 1 == lines {
                canvas.text(x, y, &short!("{} more", targets.keys.len() - place), theme.dim);
                return;
            }
            (x, y) = (0, y + 1);
        }
        let pen = if row.is_some() { theme.text } else { theme.warn };
        x = canvas.text(x, y, &part, pen) + 1;
    }
}
