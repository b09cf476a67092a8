//! The page of the memory: everything that is known of it, who waits for it, who uses it.

use retop_model::family::{memory, pressure, process};
use retop_model::human::{Or, Percent, Size};
use retop_model::{FamilyId, Field, Snapshot, Unit};

use super::page::Places;
use super::{fields, memory as panel};
use crate::short;
use crate::tui::app::App;
use crate::tui::render::{Canvas, Rect};
use crate::tui::units::Text;
use crate::tui::widget::chart::chart;
use crate::tui::widget::sheet::Sheet;

/// The least width with a column for pressure and processes.
const WIDE: u16 = 110;
/// Its width.
const BESIDE: u16 = 52;

/// Rows for the past and the bar.
pub fn head_height(height: u16) -> u16 {
    if height < 14 { 1 } else { (height / 5).clamp(3, 10) + 1 }
}

/// In use, of all.
pub fn title(_: &App, now: &Snapshot) -> Text {
    let size = |field| Or(now.one(field).map(Size));
    let share = Or(now.one(memory::used_ratio).map(Percent));
    short!("{share}  {}/{}", size(memory::used_bytes), size(memory::total_bytes))
}

/// Draws the past, and below it what memory holds now.
pub fn head(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let picture = height.saturating_sub(1);
    let mut past = canvas.region(Rect::new(0, 0, width, picture));
    chart(&mut past, &app.past().memory, 1.0, &app.theme.fill, false);
    panel::used_and_cache(app, now, &mut canvas.region(Rect::new(0, picture, width, 1)));
}

/// Its lines.
pub fn lines(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let wide = sheet.width() >= WIDE;
    let left = sheet.width().saturating_sub(BESIDE + 2);
    if wide {
        sheet.columns();
        sheet.column(0, left);
    }
    numbers(app, now, sheet);
    if wide {
        sheet.column(left + 2, BESIDE);
    }
    waits(app, now, sheet);
    users(app, now, sheet);
    sheet.end_columns();
}

fn is_swap(field: Field) -> bool {
    ["swap", "zswap", "zram"].iter().any(|part| field.name().starts_with(part))
}

fn is_rate(field: Field) -> bool {
    matches!(field.unit(), Unit::PerSecond | Unit::BytesPerSecond | Unit::Count)
}

/// Every number of the family: what is there, what is swapped, what happens.
fn numbers(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let Some(row) = now.row(FamilyId::Memory, 0) else {
        return fields::missing(app, now, FamilyId::Memory, sheet);
    };
    type Part = (&'static str, fn(Field) -> bool);
    let parts: [Part; 3] = [
        ("Memory", |field| !is_swap(field) && !is_rate(field)),
        ("Swap", |field| is_swap(field) && !is_rate(field)),
        ("Activity", is_rate),
    ];
    // One column each, with what every number means, where the page has room for that.
    let found = parts.map(|(_, wanted)| fields::with_values(Some(row), wanted));
    let all: usize = found.iter().map(|found| found.1 + 2).sum();
    let columns = if all <= sheet.room() { 1 } else { all.div_ceil(sheet.room()) };
    for ((name, _), found) in parts.iter().zip(&found) {
        if found.1 > 0 {
            fields::heading(app, sheet, name, "");
            fields::facts(app, Some(row), found, sheet, found.1.div_ceil(columns));
        }
    }
}

fn waits(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    sheet.part();
    if now.rows(FamilyId::Pressure).len() == 0 {
        return fields::missing(app, now, FamilyId::Pressure, sheet);
    }
    let shares = FamilyId::Pressure.get().fields().filter(|field| field.unit() == Unit::Ratio);
    // The last interval is what is computed; the kernel's longer means follow.
    let now_first = shares.clone().filter(|field| field.label().len() == 4);
    let rest = shares.filter(|field| field.label().len() != 4);
    let columns = fields::Columns::fit(now, now_first.chain(rest), sheet.width(), (8, 10));
    sheet.line(|canvas| columns.head(app, canvas, "Pressure", ""));
    for row in now.rows(FamilyId::Pressure) {
        let name = row.shown(pressure::resource);
        sheet.line(|canvas| columns.named(app, row, canvas, (name, "")));
    }
}

/// Processes by the memory that they use.
fn users(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    sheet.part();
    let most = sheet.room().saturating_sub(1).clamp(8, 40);
    let resident = process::resident_bytes;
    let top = Places::top(now, FamilyId::Process, most, |row| row.get(resident));
    let shown = [resident, process::memory_ratio, process::swap_bytes];
    let columns = fields::Columns::fit(now, shown, sheet.width(), (16, 22));
    let digits = usize::from(app.table.pid_digits);
    sheet.line(|canvas| columns.head(app, canvas, "Process", "USER"));
    for row in (0..top.count()).filter_map(|at| top.row(now, FamilyId::Process, at)) {
        let name = short!("{:>digits$} {}", row.key().0, row.shown(process::name));
        let texts = (name.as_str(), row.shown(process::user));
        sheet.line(|canvas| columns.named(app, row, canvas, texts));
    }
}
