//! The page of control groups and containers: a tree by path.

use retop_model::family::cgroup;
use retop_model::{FamilyId, Field, Row, Snapshot};

use super::fields::{self, Columns};
use crate::tui::app::App;
use crate::tui::mouse::Spot;
use crate::tui::render::{Canvas, Rect};
use crate::tui::widget::sheet::Sheet;

/// What is shown of each, what matters most first.
const FIELDS: [Field; 15] = [
    cgroup::cpu_ratio,
    cgroup::working_set_bytes,
    cgroup::memory_limit_bytes,
    cgroup::tasks,
    cgroup::read_bytes_per_second,
    cgroup::written_bytes_per_second,
    cgroup::throttled_ratio,
    cgroup::cpu_limit,
    cgroup::cpu_pressure_ratio,
    cgroup::memory_pressure_ratio,
    cgroup::io_pressure_ratio,
    cgroup::memory_bytes,
    cgroup::memory_peak_bytes,
    cgroup::swap_bytes,
    cgroup::oom_kills,
];

fn columns(now: &Snapshot, width: u16) -> Columns {
    let wanted = if width < 70 { 16 } else { 32 };
    Columns::fit(now, FIELDS, width, (wanted, 60))
}

/// The columns that a page of that width has.
#[must_use]
pub fn shown(now: &Snapshot, width: u16) -> Columns {
    columns(now, width.saturating_sub(4))
}

/// Draws the heads of the columns: each sorts.
pub fn head(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let groups = &app.pages.groups;
    let order = (groups.sort, groups.reverse);
    columns(now, canvas.width()).sorted_head(app, canvas, "Control group", order);
}

/// Its lines.
pub fn lines(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    if app.pages.groups.all == 0 {
        return fields::missing(app, now, FamilyId::Cgroup, sheet);
    }
    let columns = columns(now, sheet.width());
    for (line, group) in app.pages.groups.lines.iter().enumerate() {
        let Some(row) = app.pages.group_at(now, line) else { continue };
        sheet.line(|canvas| {
            canvas.spot(Rect::new(0, 0, canvas.width(), 1), Spot::Line(line));
            one(app, row, (line == app.pages.cursor, group.folded), &columns, canvas);
        });
    }
}

fn one(
    app: &App,
    row: Row<'_>,
    (under, folded): (bool, bool),
    columns: &Columns,
    canvas: &mut Canvas<'_>,
) {
    let theme = &app.theme;
    let back = under.then_some(theme.cursor);
    if under {
        canvas.fill(Rect::new(0, 0, canvas.width(), 1), theme.cursor);
        canvas.put(0, 0, '>', theme.accent.over(back));
    }
    let path = row.shown(cgroup::cgroup).trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path);
    let depth = path.bytes().filter(|&byte| byte == b'/').count().min(12) as u16;
    let mut at = 1 + (depth.saturating_sub(1) * 2).min(columns.label / 2);
    if folded {
        at = canvas.text(at, 0, "+ ", theme.accent.over(back));
    }
    let empty = row.raw(cgroup::tasks) == Some(0);
    let pen = if empty { theme.dim } else { theme.text };
    let room = columns.label.saturating_sub(at);
    let name = if name.is_empty() { "/" } else { name };
    let container = row.shown(cgroup::container);
    // A container is known by its short name; its path ends in 64 digits.
    if container.is_empty() || name.starts_with(container) {
        canvas.field(at, 0, room, name, pen.over(back));
    } else {
        canvas.field(at, 0, room, container, theme.accent.over(back));
    }
    columns.row(app, row, canvas, back);
}
