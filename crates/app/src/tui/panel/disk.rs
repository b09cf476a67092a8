//! Disks and file systems.

use retop_model::family::{disk, filesystem};
use retop_model::human::{Duration, Or, Percent, Rate, Size};
use retop_model::{FamilyId, Row, Snapshot};

use super::facts;
use crate::short;
use crate::tui::app::App;
use crate::tui::history::{disks, waiting};
use crate::tui::render::{Canvas, Rect};
use crate::tui::theme::on_ramp;
use crate::tui::units::{Text, whole_percent};
use crate::tui::widget::chart::{chart, scale};
use crate::tui::widget::frame::{Edges, frame};

/// The smallest full height of a chart of disk traffic: 1 MiB/s.
const LEAST: f64 = 1_048_576.0;

/// Draws the box.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let rate = |ring| Or(app.history_now(ring).map(Rate));
    let right = short!("r {}  w {}", rate(&app.history.read), rate(&app.history.written));
    let below = waiting(now, "io").map_or(Text::new(), |share| short!("psi {}", Percent(share)));
    let edges =
        Edges { key: Some('7'), name: "Disk", right: &right, below: &below, ..Edges::default() };
    let inner = &mut frame(canvas, &edges, theme);
    let (width, height) = (inner.width(), inner.height());
    // Facts need 36 cells; the past takes the rest, where it is worth drawing.
    let past = if width >= 48 { width - 38 } else { 0 };
    if past > 0 && height >= 2 {
        let full =
            |ring: &crate::tui::history::Ring| scale(ring.peak(usize::from(past) * 2), LEAST);
        let half = height.div_ceil(2);
        let mut upper = inner.region(Rect::new(width - past, 0, past, half));
        let top = full(&app.history.read);
        chart(&mut upper, &app.history.read, top, &theme.flow, false);
        let mut lower = inner.region(Rect::new(width - past, half, past, height - half));
        let top = full(&app.history.written);
        chart(&mut lower, &app.history.written, top, &theme.fill, true);
    }
    let facts = width - if past > 0 { past + 1 } else { 0 };
    let mut y = 0;
    for row in disks(now).take(usize::from(height.max(1))) {
        device(app, row, &mut inner.region(Rect::new(1, y, facts.saturating_sub(1), 1)));
        y += 1;
    }
    let mut mounts = now.rows(FamilyId::Filesystem);
    while y < height
        && let Some(row) = mounts.next()
    {
        mount(app, row, &mut inner.region(Rect::new(1, y, facts.saturating_sub(1), 1)));
        y += 1;
    }
}

fn device(app: &App, row: Row<'_>, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    canvas.field(0, 0, 8, row.shown(disk::device), theme.text);
    let busy = row.get(disk::utilization_ratio);
    let text = busy.map_or(short!("{}", app.missing()), whole_percent);
    canvas.right(13, 0, &text, busy.map_or(theme.dim, |busy| on_ramp(&theme.util, busy)));
    let size = |field| short!("{:<4}", Or(row.get(field).map(Size)));
    let mut x = facts::fact(app, canvas, 15, 0, "r", &size(disk::read_bytes_per_second)) - 1;
    x = facts::fact(app, canvas, x, 0, "w", &size(disk::written_bytes_per_second)) - 1;
    if let Some(seconds) = row.get(disk::latency_seconds) {
        x = facts::fact(app, canvas, x, 0, "lat", &short!("{:<6}", Duration(seconds))) - 1;
    }
    if let Some(queue) = row.get(disk::queue_length) {
        facts::fact(app, canvas, x, 0, "q", &short!("{queue:.1}"));
    }
}

fn mount(app: &App, row: Row<'_>, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    canvas.field(0, 0, 8, row.shown(filesystem::mountpoint), theme.dim);
    let share = row.get(filesystem::used_ratio);
    let text = share.map_or(short!("{}", app.missing()), whole_percent);
    canvas.right(13, 0, &text, share.map_or(theme.dim, |share| on_ramp(&theme.fill, share)));
    let free = short!("{}", Or(row.get(filesystem::avail_bytes).map(Size)));
    facts::fact(app, canvas, 15, 0, "free", &free);
}
