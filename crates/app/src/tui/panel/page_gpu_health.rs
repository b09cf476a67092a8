//! Below the devices: what holds them up, their links, and what is wrong with them.

use retop_model::family::{gpu, gpu_process};
use retop_model::human::Percent;
use retop_model::starvation::{self, Cause, Starved};
use retop_model::{FamilyId, Field, Row, Snapshot};

use super::fields::{self, Columns};
use super::page::Places;
use super::page_gpu::{called, in_order};
use crate::short;
use crate::tui::app::App;
use crate::tui::units::Text;
use crate::tui::widget::sheet::Sheet;

/// What is shown of links.
const LINKS: [Field; 7] = [
    gpu::nvlink_active_links,
    gpu::nvlink_links,
    gpu::nvlink_received_bytes_per_second,
    gpu::nvlink_sent_bytes_per_second,
    gpu::nvlink_limit_bytes_per_second,
    gpu::pcie_generation,
    gpu::pcie_lanes,
];

/// What is shown of the health of a device.
const HEALTH: [Field; 11] = [
    gpu::recovery,
    gpu::last_xid,
    gpu::xids,
    gpu::uncorrected_errors,
    gpu::corrected_errors,
    gpu::remapped_uncorrected_rows,
    gpu::remapped_corrected_rows,
    gpu::remap_pending,
    gpu::remap_failed,
    gpu::retired_pages,
    gpu::pcie_replays,
];

/// Devices that idle because of what their process waits for.
pub fn starved(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let rows = Places::of(now, FamilyId::GpuProcess, |row| starvation::of(row).is_some());
    if rows.count() == 0 {
        return;
    }
    fields::heading(app, sheet, "Idle", "BECAUSE OF WHAT THEIR PROCESS WAITS FOR");
    for place in 0..rows.count() {
        let Some(row) = rows.row(now, FamilyId::GpuProcess, place) else { continue };
        let Some(found) = starvation::of(row) else { continue };
        let identity = row.shown(gpu_process::uuid).as_bytes();
        let Some(device) = now.find(FamilyId::Gpu, gpu_process::device_key(identity)) else {
            continue;
        };
        let mut text = short!("{} of its time: ", Percent(found.busy));
        text.push(&cause(&found, row.shown(gpu_process::name)));
        let name = called(device);
        sheet.line(|canvas| {
            let end = canvas.field(0, 0, 28.min(canvas.width()), &name, app.theme.text);
            let at = end.max(28) + 2;
            canvas.field(at, 0, canvas.width().saturating_sub(at), &text, app.theme.warn);
        });
    }
}

/// What holds the process up, and the number that says so.
pub fn cause(found: &Starved, name: &str) -> Text {
    let share = Percent(found.share);
    match found.cause {
        Cause::OneCpu => short!("{name} runs on one CPU and no more, {share} of it"),
        Cause::Disks => short!("{name} waits for disks {share} of the time"),
        Cause::Queue => short!("{name} waits for a CPU {share} of the time"),
    }
}

/// Links between devices, where there are any.
pub fn links(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    table(
        app,
        now,
        sheet,
        "Links",
        LINKS,
        |row| row.raw(gpu::nvlink_links).is_some(),
        |row| {
            // One that is down is a slower neighbour, and often the first sign of a broken one.
            let active = row.raw(gpu::nvlink_active_links);
            active.is_some() && active < row.raw(gpu::nvlink_links)
        },
    );
}

/// What is wrong with devices, where their driver tells.
pub fn health(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let tells = |row: Row<'_>| HEALTH.iter().any(|&field| row.raw(field).is_some());
    table(app, now, sheet, "Health", HEALTH, tells, |row| {
        let grave = [gpu::last_xid, gpu::remap_failed, gpu::recovery];
        grave.iter().any(|&field| row.raw(field).is_some_and(|value| value > 0))
    });
}

/// A table of those devices that tell of it, with the names of those in red that need a look.
fn table<const N: usize>(
    app: &App,
    now: &Snapshot,
    sheet: &mut Sheet<'_>,
    title: &str,
    fields: [Field; N],
    tells: impl Fn(Row<'_>) -> bool,
    grave: impl Fn(Row<'_>) -> bool,
) {
    let rows = in_order(now);
    let shown = |place| rows.row(now, FamilyId::Gpu, place).filter(|&row| tells(row));
    if (0..rows.count()).all(|place| shown(place).is_none()) {
        return;
    }
    sheet.part();
    let columns = Columns::fit(now, fields, sheet.width(), (16, 30));
    sheet.line(|canvas| columns.head(app, canvas, title, ""));
    for row in (0..rows.count()).filter_map(shown) {
        let name = called(row);
        sheet.line(|canvas| {
            columns.named(app, row, canvas, (&name, ""));
            if grave(row) {
                for x in 0..columns.label {
                    canvas.tint(x, 0, |_| app.theme.crit);
                }
            }
        });
    }
}
