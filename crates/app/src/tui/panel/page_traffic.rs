//! The page of disks and network: every device, file system and interface.

use retop_model::family::{disk, filesystem, network, pressure};
use retop_model::{FamilyId, Field, Row, Snapshot, TextField};

use super::facts;
use super::fields::{self, Columns};
use super::network::arrows;
use crate::short;
use crate::tui::app::App;
use crate::tui::history::Ring;
use crate::tui::render::{Canvas, Rect};
use crate::tui::widget::chart::both_ways;
use crate::tui::widget::sheet::Sheet;

/// The least width with the network beside the disks.
const WIDE: u16 = 150;

const DISK: [Field; 12] = [
    disk::utilization_ratio,
    disk::read_bytes_per_second,
    disk::written_bytes_per_second,
    disk::reads_per_second,
    disk::writes_per_second,
    disk::latency_seconds,
    disk::queue_length,
    disk::size_bytes,
    disk::read_latency_seconds,
    disk::write_latency_seconds,
    disk::io_in_progress,
    disk::kind,
];

const FILESYSTEM: [Field; 6] = [
    filesystem::used_ratio,
    filesystem::avail_bytes,
    filesystem::used_bytes,
    filesystem::size_bytes,
    filesystem::fill_bytes_per_second,
    filesystem::inodes_used_ratio,
];

const NETWORK: [Field; 9] = [
    network::link,
    network::receive_bytes_per_second,
    network::transmit_bytes_per_second,
    network::utilization_ratio,
    network::receive_packets_per_second,
    network::transmit_packets_per_second,
    network::dropped_per_second,
    network::errors_per_second,
    network::speed_bytes_per_second,
];

/// Rows for the past of both.
pub fn head_height(height: u16) -> u16 {
    if height < 18 { 0 } else { (height / 4).clamp(4, 12) }
}

/// Draws the past of the disks and of the network side by side, above each what it is now.
pub fn head(app: &App, canvas: &mut Canvas<'_>) {
    let (down, up) = arrows(canvas.glyphs());
    let history = app.past();
    let half = canvas.width().saturating_sub(2) / 2;
    let parts = [
        (0, ("disk r", &history.read), ("w", &history.written), super::disk::LEAST),
        (half + 2, (down, &history.received), (up, &history.sent), super::network::LEAST),
    ];
    for (x, first, second, least) in parts {
        let height = canvas.height();
        past(app, first, second, least, &mut canvas.region(Rect::new(x, 0, half, height)));
    }
}

fn past(
    app: &App,
    (in_name, came): (&str, &Ring),
    (out_name, went): (&str, &Ring),
    least: f64,
    canvas: &mut Canvas<'_>,
) {
    let (width, height) = (canvas.width(), canvas.height());
    if height < 3 {
        return;
    }
    let rate = |ring| short!("{:<6}", &*short!("{}/s", &*app.rate(app.newest_of(ring))));
    let x = facts::fact(app, canvas, 0, 0, in_name, &rate(came));
    facts::fact(app, canvas, x, 0, out_name, &rate(went));
    let mut charts = canvas.region(Rect::new(0, 1, width, height - 1));
    both_ways(&mut charts, came, went, least, &app.theme);
}

/// Its lines.
pub fn lines(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let wide = sheet.width() >= WIDE;
    let half = sheet.width().saturating_sub(2) / 2;
    if wide {
        sheet.columns();
        sheet.column(0, half);
    }
    table(app, now, sheet, ("Disk", disk::device, disk::model), &DISK);
    table(
        app,
        now,
        sheet,
        ("File system", filesystem::mountpoint, filesystem::device),
        &FILESYSTEM,
    );
    if wide {
        sheet.column(half + 2, half);
    }
    table(app, now, sheet, ("Interface", network::device, network::address), &NETWORK);
    connections(app, now, sheet);
    waits(app, now, sheet);
    sheet.end_columns();
}

fn table(
    app: &App,
    now: &Snapshot,
    sheet: &mut Sheet<'_>,
    (name, label, more): (&str, TextField, TextField),
    shown: &[Field],
) {
    let family = label.family;
    sheet.part();
    if now.rows(family).len() == 0 {
        return fields::missing(app, now, family, sheet);
    }
    let columns = Columns::fit(now, shown.iter().copied(), sheet.width(), (12, 26));
    sheet.line(|canvas| columns.head(app, canvas, name, ""));
    for row in now.rows(family) {
        let texts = (row.shown(label), row.shown(more));
        sheet.line(|canvas| {
            columns.named(app, row, canvas, texts);
            if is_quiet(row) {
                canvas.field(0, 0, columns.label, texts.0, app.theme.dim);
            }
        });
    }
}

/// True for a part of a disk, and for an interface that is down.
fn is_quiet(row: Row<'_>) -> bool {
    match row.family() {
        FamilyId::Disk => row.state(disk::kind) == Some("partition"),
        FamilyId::Network => row.state(network::link) == Some("down"),
        _ => false,
    }
}

fn connections(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let row = now.row(FamilyId::Tcp, 0);
    if row.is_none() {
        sheet.part();
        return fields::missing(app, now, FamilyId::Tcp, sheet);
    }
    let found = fields::with_values(row, |_| true);
    fields::heading(app, sheet, "TCP and UDP", "");
    fields::facts(app, row, &found, sheet, found.1.div_ceil(3));
}

fn waits(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let io = now.rows(FamilyId::Pressure).find(|row| row.shown(pressure::resource) == "io");
    let Some(row) = io else { return };
    fields::heading(app, sheet, "Pressure of I/O", "");
    let shares = fields::with_values(Some(row), |field| field.unit() == retop_model::Unit::Ratio);
    fields::facts(app, Some(row), &shares, sheet, shares.1.div_ceil(3));
}
