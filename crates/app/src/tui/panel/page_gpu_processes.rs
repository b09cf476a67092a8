//! Who is on graphics processors: what they hold and do there, and what they are beside that.

use retop_model::family::{gpu_process, process};
use retop_model::{FamilyId, Field, Row, Snapshot};

use super::fields::Columns;
use super::page::Places;
use super::page_gpu::is_told;
use crate::short;
use crate::tui::app::App;
use crate::tui::render::{Canvas, Pen};
use crate::tui::units::Text;
use crate::tui::widget::sheet::Sheet;

/// What is shown of each, what matters most first.
const PROCESS: [Field; 18] = [
    gpu_process::memory_bytes,
    gpu_process::memory_ratio,
    gpu_process::utilization_ratio,
    gpu_process::memory_growth_bytes_per_second,
    gpu_process::full_seconds,
    gpu_process::cpu_ratio,
    gpu_process::resident_bytes,
    gpu_process::watts,
    gpu_process::memory_busy_ratio,
    gpu_process::encoder_ratio,
    gpu_process::decoder_ratio,
    gpu_process::graphics_ratio,
    gpu_process::compute_ratio,
    gpu_process::video_ratio,
    gpu_process::copy_ratio,
    gpu_process::system_bytes,
    gpu_process::shared_bytes,
    gpu_process::evicted_bytes,
];

/// Cells for who it is: without and with its user.
const LABEL: (u16, u16) = (25, 36);
/// From so many cells on, so many are kept for the command.
const WIDE: u16 = 100;
const COMMAND: u16 = 22;

/// Those with the most memory first.
pub fn processes(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let by_memory = |row: Row<'_>| {
        let time = || row.get(gpu_process::utilization_ratio);
        row.get(gpu_process::memory_bytes).or_else(time).or(Some(0.0))
    };
    let rows = Places::top(now, FamilyId::GpuProcess, 64, by_memory);
    if rows.count() == 0 {
        return;
    }
    sheet.part();
    let told = PROCESS.into_iter().filter(|&field| is_told(now, field));
    let (kept, least) = if sheet.width() >= WIDE { (COMMAND, LABEL.1) } else { (0, LABEL.0) };
    let mut columns = Columns::fit(now, told, sheet.width() - kept, (least, LABEL.1));
    columns.more.1 += kept;
    let label = columns.label;
    let theme = &app.theme;
    sheet.line(|canvas| {
        columns.head(app, canvas, "", "COMMAND");
        who(canvas, ["#", "PID", "", "USER", "Process"], label, [theme.head, theme.sorted]);
    });
    for place in 0..rows.count() {
        let Some(row) = rows.row(now, FamilyId::GpuProcess, place) else { continue };
        let process = gpu_process::process_of(row);
        let index = gpu_process::index_of(row).map_or(Text::new(), |index| short!("{index:.0}"));
        let pid = row.raw(gpu_process::pid).filter(|&pid| pid > 0);
        let pid = pid.map_or(Text::new(), |pid| short!("{pid}"));
        let user = process.map_or("", |process| process.shown(process::user));
        let name = row.shown(gpu_process::name);
        let mut more = Text::new();
        let container = row.shown(gpu_process::container);
        if !container.is_empty() {
            more.push("in ").push(container).push("  ");
        }
        more.push(process.map_or("", |process| process.shown(process::command)));
        sheet.line(|canvas| {
            columns.named(app, row, canvas, ("", &more));
            who(canvas, [&index, &pid, kind(row), user, name], label, [theme.text; 2]);
        });
    }
}

/// Whether it computes or draws, as `nvidia-smi` has it.
fn kind(row: Row<'_>) -> &'static str {
    let is = |field| row.raw(field) == Some(1);
    match (is(gpu_process::compute), is(gpu_process::graphics)) {
        (true, true) => "CG",
        (true, false) => "C",
        (false, true) => "G",
        (false, false) => "",
    }
}

/// Device, number, kind, user and name side by side; the user only where there is room.
fn who(
    canvas: &mut Canvas<'_>,
    [index, pid, kind, user, name]: [&str; 5],
    label: u16,
    pens: [Pen; 2],
) {
    let [usual, named] = pens;
    canvas.right(2, 0, index, usual);
    canvas.right(10, 0, pid, usual);
    canvas.field(11, 0, 2, kind, usual);
    let mut at = 14;
    if label >= LABEL.1 {
        canvas.field(at, 0, 8, user, usual);
        at += 9;
    }
    canvas.field(at, 0, label.saturating_sub(at), name, named);
}
