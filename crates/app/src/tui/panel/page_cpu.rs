//! The page of the processor: all cores, where each one's time goes, how deeply they sleep, and who
//! interrupts them.

use retop_model::family::{cluster, core, idle_state, interrupt};
use retop_model::metric::Slot;
use retop_model::{FamilyId, Field, Snapshot, Unit};

use super::page::Places;
use super::{chip, cpu, fields};
use crate::tui::app::App;
use crate::tui::core_view::CoreView;
use crate::tui::render::{Canvas, Rect};
use crate::tui::widget::chart::chart;
use crate::tui::widget::sheet::Sheet;

/// The least width with a column for idle states and interrupts.
const WIDE: u16 = 110;
/// Its width.
const BESIDE: u16 = 48;
/// 64 cores, their numbers and their average.
const CELLS: u16 = 92;
/// Interrupt lines that are shown.
const BUSIEST: usize = 12;

/// Rows for the picture of all cores and the line of modes: none on a small screen.
pub fn head_height(app: &App, now: &Snapshot, width: u16, height: u16) -> u16 {
    if height < 14 {
        return 1;
    }
    let count = now.rows(FamilyId::Core).len();
    let wanted = match cpu::chosen(app, count, (width, height * 2 / 5)) {
        // A row of cells is 64 cores at most.
        CoreView::Heat => (count.div_ceil(usize::from(width.clamp(32, 64))) as u16).max(8),
        CoreView::History => 10,
        _ => (count.div_ceil(2) as u16).clamp(6, 16),
    };
    wanted.min(height * 2 / 5) + 1
}

/// Draws the picture, and below it where the time went.
pub fn head(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let picture = height.saturating_sub(1);
    let view = cpu::chosen(app, now.rows(FamilyId::Core).len(), (width, picture));
    // Cells of cores need no more than this: beside them there is room for the past.
    let cells = if view == CoreView::Heat && width >= 2 * CELLS { CELLS } else { width };
    cpu::cores_and_past(app, now, view, &mut canvas.region(Rect::new(0, 0, cells, picture)));
    if cells < width {
        let mut past = canvas.region(Rect::new(cells + 2, 0, width - cells - 2, picture));
        chart(&mut past, &app.past().cpu, 1.0, &app.theme.util, false);
    }
    cpu::split(app, now, &mut canvas.region(Rect::new(0, picture, width, 1)));
}

/// Its lines.
pub fn lines(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let wide = sheet.width() >= WIDE;
    if wide {
        let left = sheet.width() - BESIDE - 2;
        sheet.columns();
        sheet.column(0, left);
        cores(app, now, sheet);
        sheet.column(left + 2, BESIDE);
    } else {
        cores(app, now, sheet);
    }
    clusters(app, now, sheet);
    idle(app, now, sheet);
    interrupts(app, now, sheet);
    sheet.end_columns();
}

/// Clusters of cores that share a clock, where the chip tells of them: how busy, at which clock, and
/// how their time was spread over slow, middle and fast states.
fn clusters(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    if now.rows(FamilyId::Cluster).len() == 0 {
        return;
    }
    let fields = [
        cluster::utilization_ratio,
        cluster::frequency_hertz,
        cluster::low_ratio,
        cluster::middle_ratio,
        cluster::high_ratio,
        cluster::held_down_ratio,
        cluster::scaled_ratio,
    ];
    let columns = fields::Columns::fit(now, fields, sheet.width(), (7, 8));
    sheet.line(|canvas| columns.head(app, canvas, "Cluster", ""));
    for row in chip::clusters(now) {
        sheet.line(|canvas| columns.named(app, row, canvas, (row.shown(cluster::cluster), "")));
        let bands = chip::of_cluster(row).filter(|_| app.residency);
        if bands.is_some() {
            sheet.line(|canvas| chip::residency(app, canvas, (7, 0), canvas.width() - 7, bands));
        }
    }
    sheet.part();
}

/// The shares of its time, its clock, and its place in the machine.
fn core_fields() -> impl Iterator<Item = Field> {
    let shares =
        |field: &Field| matches!(field.slot, Slot::Derived(_)) && field.unit() == Unit::Ratio;
    FamilyId::Core.get().fields().filter(shares).chain([
        core::frequency_hertz,
        core::kind,
        core::package,
        core::core_id,
        core::node,
        core::frequency_maximum_hertz,
    ])
}

fn cores(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let count = now.rows(FamilyId::Core).len();
    if count == 0 {
        return fields::missing(app, now, FamilyId::Core, sheet);
    }
    let shape = (count, 48, sheet.room().saturating_sub(1));
    let columns = fields::Columns::fit(now, core_fields(), sheet.divide(shape).1, (4, 5));
    let mut head = |canvas: &mut Canvas<'_>| columns.head(app, canvas, "Core", "");
    sheet.items(shape, Some(&mut head), |canvas, place| {
        let Some(row) = now.row(FamilyId::Core, place) else { return };
        canvas.field(0, 0, columns.label, row.shown(core::core), app.theme.dim);
        if row.get(core::online) == Some(0.0) {
            canvas.text(columns.label + 2, 0, "off", app.theme.dim);
        } else {
            columns.row(app, row, canvas, None);
        }
    });
}

fn idle(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    if now.rows(FamilyId::IdleState).len() == 0 {
        return fields::missing_for_a_reason(app, now, FamilyId::IdleState, sheet);
    }
    sheet.part();
    let columns = fields::Columns::fit(now, [idle_state::time_ratio], sheet.width(), (10, 12));
    sheet.line(|canvas| columns.head(app, canvas, "Idle state", ""));
    for row in now.rows(FamilyId::IdleState) {
        let texts = (row.shown(idle_state::state), row.shown(idle_state::description));
        sheet.line(|canvas| columns.named(app, row, canvas, texts));
    }
}

fn interrupts(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    if now.rows(FamilyId::Interrupt).len() == 0 {
        return fields::missing_for_a_reason(app, now, FamilyId::Interrupt, sheet);
    }
    sheet.part();
    let rate = interrupt::interrupts_per_second;
    let top = Places::top(now, FamilyId::Interrupt, BUSIEST, |row| {
        row.get(rate).or_else(|| row.get(interrupt::interrupts))
    });
    let columns = fields::Columns::fit(now, [rate], sheet.width(), (10, 12));
    sheet.line(|canvas| columns.head(app, canvas, "Interrupt", ""));
    for row in (0..top.count()).filter_map(|at| top.row(now, FamilyId::Interrupt, at)) {
        let texts = (row.shown(interrupt::interrupt), row.shown(interrupt::devices));
        sheet.line(|canvas| columns.named(app, row, canvas, texts));
    }
}
