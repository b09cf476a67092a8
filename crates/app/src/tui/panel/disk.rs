//! Disks and file systems.

use retop_model::family::{disk, filesystem};
use retop_model::human::{Duration, Or, Size};
use retop_model::{FamilyId, Row, Snapshot};

use super::facts;
use crate::short;
use crate::tui::app::App;
use crate::tui::history::{disks, waiting};
use crate::tui::page::Page;
use crate::tui::render::{Canvas, Rect};
use crate::tui::theme::on_ramp;
use crate::tui::units::{Text, whole_percent};
use crate::tui::widget::chart::both_ways;
use crate::tui::widget::frame::{Edges, frame};

/// The smallest full height of a chart of disk traffic: 1 MiB/s.
pub(super) const LEAST: f64 = 1_048_576.0;

/// Draws the box.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let rate = |ring| app.rate(app.newest_of(ring));
    let right =
        short!("r {:>4}/s  w {:>4}/s", &*rate(&app.past().read), &*rate(&app.past().written));
    let below =
        waiting(now, "io").map_or(Text::new(), |share| short!("psi {}", &*whole_percent(share)));
    let edges = Edges {
        key: app.keys.digit(Page::Traffic),
        page: Some(Page::Traffic),
        name: "Disk",
        right: &right,
        below: &below,
        ..Edges::default()
    };
    let inner = &mut frame(canvas, &edges, theme);
    let (width, height) = (inner.width(), inner.height());
    // Facts first; the past takes the rest, where it is worth drawing.
    let facts = if width >= 80 { 46 } else { width.min(30) };
    let past = width - facts;
    if past >= 8 && height >= 2 {
        let mut canvas = inner.region(Rect::new(facts, 0, past, height));
        both_ways(&mut canvas, &app.past().read, &app.past().written, LEAST, theme);
    }
    let mut y = 0;
    for row in disks(now).take(usize::from(height.max(1))) {
        device(app, row, &mut inner.region(Rect::new(1, y, facts.saturating_sub(1), 1)));
        y += 1;
    }
    // What lives in memory says nothing of a disk.
    let in_memory = |row: &Row<'_>| {
        matches!(row.shown(filesystem::fstype), "tmpfs" | "devtmpfs" | "ramfs" | "overlay")
            && row.shown(filesystem::mountpoint) != "/"
    };
    let mut mounts = now.rows(FamilyId::Filesystem).filter(|row| !in_memory(row));
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
    let size = |field| short!("{:<4}", &*app.rate(row.get(field)));
    let mut x = facts::fact(app, canvas, 15, 0, "r", &size(disk::read_bytes_per_second));
    x = facts::fact(app, canvas, x - 1, 0, "w", &size(disk::written_bytes_per_second));
    if let Some(seconds) = row.get(disk::latency_seconds) {
        x = facts::fact(app, canvas, x, 0, "lat", &short!("{:<5}", Duration(seconds)));
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
