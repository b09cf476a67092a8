//! What a process does and holds on each graphics processor, when that one is full, and why it idles.

use retop_model::family::{gpu, gpu_forecast, gpu_process, process};
use retop_model::human::{MISSING, Or, Percent, Size, Value};
use retop_model::{FamilyId, Key, Row, Unit, starvation};

use crate::short;
use crate::tui::app::App;
use crate::tui::panel::{facts, gpu as overview, page_gpu, page_gpu_health};
use crate::tui::units::Text;
use crate::tui::widget::sheet::Sheet;

/// The process's rows on devices.
pub fn rows(row: Row<'_>) -> impl Iterator<Item = Row<'_>> {
    let (number, start) = (row.key().0, row.raw(process::start_seconds));
    let keys = (Key(number, 0), Key(number, u64::MAX));
    let rows = row.snapshot().rows_between(FamilyId::GpuProcess, keys.0, keys.1);
    rows.filter(move |on| start.is_some() && on.raw(gpu_process::start_seconds) == start)
}

/// A few lines for each device that the process is on.
pub fn lines(app: &App, row: Row<'_>, sheet: &mut Sheet<'_>) {
    for on in rows(row) {
        device(app, on, sheet);
    }
}

fn device(app: &App, on: Row<'_>, sheet: &mut Sheet<'_>) {
    let now = on.snapshot();
    let identity = on.shown(gpu_process::uuid).as_bytes();
    let device = now.find(FamilyId::Gpu, gpu_process::device_key(identity));
    if sheet.height() >= 12 {
        sheet.part();
    }
    sheet.line(|canvas| {
        let name = device.map_or(short!("{MISSING}"), page_gpu::called);
        let x = facts::fact(app, canvas, 0, 0, "gpu", &name);
        let does = match (on.raw(gpu_process::compute), on.raw(gpu_process::graphics)) {
            (Some(1), Some(1)) => "computes and draws",
            (Some(1), _) => "computes",
            (_, Some(1)) => "draws",
            _ => "",
        };
        let x = if does.is_empty() { x } else { canvas.text(x, 0, does, app.theme.text) + 2 };
        let share = short!("{}", Or(on.get(gpu_process::utilization_ratio).map(Percent)));
        let x = facts::fact(app, canvas, x, 0, "share", &share);
        if let Some(watts) = on.get(gpu_process::watts) {
            let watts = short!("~{}", Value(Unit::Watts, watts));
            facts::fact(app, canvas, x, 0, "power", &watts);
        }
    });
    let forecast = now.find(FamilyId::GpuForecast, on.key());
    sheet.line(|canvas| {
        let held = on.get(gpu_process::memory_bytes).map(Size);
        let size = device.and_then(|device| device.get(gpu::memory_total_bytes)).map(Size);
        let mut x = facts::fact(app, canvas, 0, 0, "vram", &short!("{} of {}", Or(held), Or(size)));
        for (name, field) in [
            ("10s", gpu_forecast::short_growth_bytes_per_second),
            ("1m", gpu_forecast::minute_growth_bytes_per_second),
            ("5m", gpu_forecast::long_growth_bytes_per_second),
        ] {
            if let Some(growth) = forecast.and_then(|forecast| forecast.get(field)) {
                x = facts::fact(app, canvas, x, 0, name, &velocity(growth));
            }
        }
    });
    if let Some((text, level)) = forecast.and_then(overview::full_in) {
        sheet.line(|canvas| {
            canvas.text(0, 0, &text, overview::pen_of(app, level));
        });
    }
    if let Some(found) = starvation::of(on) {
        let text = page_gpu_health::cause(&found, "the process");
        let idle = short!("the GPU works {} of its time: ", Percent(found.busy));
        sheet.line(|canvas| {
            let x = canvas.text(0, 0, &idle, app.theme.warn);
            canvas.text(x, 0, &text, app.theme.warn);
        });
    }
}

/// Which way it goes, and how fast.
fn velocity(bytes: f64) -> Text {
    let sign = if bytes > 0.0 { "+" } else { "" };
    short!("{sign}{}/s", Size(bytes))
}
