//! Everything about one process.

use retop_model::family::{memory, process, thread};
use retop_model::human::{Duration, MISSING, Or, Percent, Size};
use retop_model::{FamilyId, Key, Row, Snapshot};

use super::{facts, verdict};
use crate::short;
use crate::tui::app::App;
use crate::tui::render::{Canvas, Rect, width};
use crate::tui::units::{self, Text};
use crate::tui::widget::frame::{Edges, frame};

/// Draws the box for that process.
pub fn draw(app: &App, now: &Snapshot, key: Key, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let row = now.find(FamilyId::Process, key);
    let name = row.map_or("", |row| row.shown(process::name));
    let title = short!("{} {name}", key.0);
    let below_right = "Enter/Esc close";
    let edges = Edges { name: &title, below_right, ..Edges::default() };
    let inner = &mut frame(canvas, &edges, theme);
    let Some(row) = row else {
        inner.text(1, 0, "this process has ended", theme.warn);
        return;
    };
    let (w, h) = (inner.width().saturating_sub(2), inner.height());
    let inner = &mut inner.region(Rect::new(1, 0, w, h));
    let mut y = identity(app, row, inner);
    y = wrapped(app, inner, y, row.shown(process::command));
    let places = [("cgroup", process::cgroup), ("unit", process::container)];
    for (name, field) in places {
        let text = row.shown(field);
        if !text.is_empty() && y < h {
            let x = inner.text(0, y, name, theme.dim) + 1;
            inner.field(x, y, w.saturating_sub(x), text, theme.text);
            y += 1;
        }
    }
    if let Some(verdict) = verdict::of(row) {
        inner.field(0, y, w, &verdict, theme.text);
        y += 1;
    }
    y += u16::from(h > y + 8);
    let y = numbers(app, now, row, inner, y);
    threads(app, now, key, inner, y + 1);
}

/// The threads of the process, those that use most CPU first, as far as there is room.
fn threads(app: &App, now: &Snapshot, key: Key, canvas: &mut Canvas<'_>, top: u16) {
    let (w, h) = (canvas.width(), canvas.height());
    let theme = &app.theme;
    if top + 1 >= h {
        return;
    }
    // Picked one after the other, each below the one before: a list to sort would be allocated.
    let share = |row: Row<'_>| row.get(thread::cpu_ratio).unwrap_or(-1.0);
    let below = |a: (f64, usize), b: (f64, usize)| a.0 < b.0 || (a.0 == b.0 && a.1 > b.1);
    let mut last = (f64::INFINITY, 0);
    for y in top..h {
        let mine = now
            .rows(FamilyId::Thread)
            .filter(|row| row.raw(thread::pid).is_some_and(|pid| u64::try_from(pid) == Ok(key.0)));
        let mut next: Option<(f64, usize, Row<'_>)> = None;
        for row in mine {
            let place = (share(row), row.index());
            if below(place, last) && next.is_none_or(|(cpu, index, _)| below((cpu, index), place)) {
                next = Some((place.0, place.1, row));
            }
        }
        let Some((cpu, index, row)) = next else { return };
        last = (cpu, index);
        let tid = short!("{}", row.key().0);
        canvas.field(0, y, w.min(9), &tid, theme.dim);
        let cpu = short!("{:>6}", Or(row.get(thread::cpu_ratio).map(Percent)));
        canvas.field(9, y, w.saturating_sub(9).min(7), &cpu, theme.text);
        canvas.field(17, y, w.saturating_sub(17), row.shown(thread::name), theme.text);
    }
}

fn identity(app: &App, row: Row<'_>, canvas: &mut Canvas<'_>) -> u16 {
    let state = row.state(process::state).unwrap_or(MISSING);
    let age = Or(row.get(process::age_seconds).map(Duration));
    let number = |field| match row.raw(field) {
        Some(number) => short!("{number}"),
        None => short!("{MISSING}"),
    };
    let mut x = facts::fact(app, canvas, 0, 0, "user", row.shown(process::user));
    x = facts::fact(app, canvas, x, 0, "state", state);
    x = facts::fact(app, canvas, x, 0, "nice", &number(process::nice));
    x = facts::fact(app, canvas, x, 0, "parent", &number(process::parent_pid));
    facts::fact(app, canvas, x, 0, "age", &short!("{age}"));
    1
}

/// The command over as many lines as it takes, at most a third of the room.
fn wrapped(app: &App, canvas: &mut Canvas<'_>, y: u16, text: &str) -> u16 {
    let (w, h) = (canvas.width(), canvas.height());
    let most = (h / 3).max(1);
    let mut rest = text;
    let mut y = y;
    let first = y;
    while !rest.is_empty() && y < first + most && w > 0 {
        let mut cells = 0;
        let cut = rest.char_indices().find(|(_, c)| {
            cells += width(c.encode_utf8(&mut [0; 4]));
            cells > w
        });
        let end = cut.map_or(rest.len(), |(end, _)| end).max(1);
        let end = (end..=rest.len()).find(|&end| rest.is_char_boundary(end)).unwrap_or(rest.len());
        canvas.field(0, y, w, &rest[..end], app.theme.accent);
        rest = &rest[end..];
        y += 1;
    }
    y
}

/// Pairs of facts in as many columns as fit; gives the line below the last.
fn numbers(app: &App, now: &Snapshot, row: Row<'_>, canvas: &mut Canvas<'_>, top: u16) -> u16 {
    let theme = &app.theme;
    let size = |field| row.get(field).map(|bytes| short!("{}", Size(bytes)));
    let rate = |field| row.get(field).map(|bytes| short!("{}/s", Size(bytes)));
    let share = |field| row.get(field).map(|share| short!("{}", Percent(share)));
    let count = |field| row.get(field).map(|rate| facts::per_second(Some(rate)));
    let number = |field| row.raw(field).map(|number| short!("{number}"));
    let of_all = match (row.get(process::memory_ratio), now.one(memory::total_bytes)) {
        (Some(share), Some(all)) => Some(short!("{} of {}", Percent(share), Size(all))),
        _ => None,
    };
    let facts: [(&str, Option<Text>); 24] = [
        ("cpu", share(process::cpu_ratio)),
        ("time", row.get(process::cpu_seconds).map(units::cpu_time)),
        ("threads", number(process::threads)),
        ("last core", number(process::last_cpu)),
        ("resident", size(process::resident_bytes)),
        ("memory", of_all),
        ("shared", size(process::shared_bytes)),
        ("virtual", size(process::virtual_bytes)),
        ("pss", size(process::proportional_bytes)),
        ("uss", size(process::unique_bytes)),
        ("swap", size(process::swap_bytes)),
        ("majflt", count(process::major_faults_per_second)),
        ("read", rate(process::read_bytes_per_second)),
        ("written", rate(process::written_bytes_per_second)),
        ("read all", size(process::read_bytes)),
        ("write all", size(process::written_bytes)),
        ("io wait", share(process::io_delay_ratio)),
        ("minflt", count(process::minor_faults_per_second)),
        ("switches", count(process::switches_per_second)),
        ("priority", number(process::priority)),
        ("session", number(process::session_id)),
        ("group", number(process::group_id)),
        ("uid", number(process::user_id)),
        ("oom", number(process::oom_score)),
    ];
    let (w, h) = (canvas.width(), canvas.height());
    let columns = (w / 26).clamp(1, 4);
    let each = w / columns;
    for ((name, value), place) in facts.iter().zip(0_u16..) {
        let (x, y) = (place % columns * each, top + place / columns);
        if y >= h {
            break;
        }
        canvas.text(x, y, name, theme.dim);
        let (text, pen) = match value {
            Some(text) => (text.as_str(), theme.text),
            None => (app.missing(), theme.dim),
        };
        canvas.field(x + 10, y, each.saturating_sub(11), text, pen);
    }
    top + u16::try_from(facts.len()).unwrap_or(0).div_ceil(columns)
}
