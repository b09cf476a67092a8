//! The page of graphics processors: each with everything that it says, who is on it, when its memory
//! is full, and what asking its driver costs.

use retop_model::family::{gpu, gpu_call, gpu_forecast, gpu_process, source};
use retop_model::human::{Duration, Or, Size};
use retop_model::{FamilyId, Field, Row, Snapshot};

use super::fields::{self, Columns};
use super::page::Places;
use super::{chip, gpu as overview, page_gpu_health as health, page_gpu_processes as processes};
use crate::short;
use crate::tui::app::App;
use crate::tui::render::Glyphs;
use crate::tui::units::Text;
use crate::tui::widget::sheet::Sheet;

/// What is shown of each device, what matters most first.
const DEVICE: [Field; 36] = [
    gpu::utilization_ratio,
    gpu::utilization_peak_ratio,
    gpu::memory_ratio,
    gpu::memory_used_bytes,
    gpu::memory_total_bytes,
    gpu::watts,
    gpu::limit_watts,
    gpu::temperature_celsius,
    gpu::tensor_ratio,
    gpu::shader_ratio,
    gpu::throttled_ratio,
    gpu::shader_hertz,
    gpu::memory_peak_bytes,
    gpu::driver_ratio,
    gpu::renderer_ratio,
    gpu::tiler_ratio,
    gpu::graphics_ratio,
    gpu::compute_ratio,
    gpu::video_ratio,
    gpu::copy_ratio,
    gpu::system_used_bytes,
    gpu::evicted_bytes,
    gpu::hotspot_celsius,
    gpu::memory_temperature_celsius,
    gpu::pcie_received_bytes_per_second,
    gpu::pcie_sent_bytes_per_second,
    gpu::bandwidth_ratio,
    gpu::occupancy_ratio,
    gpu::fp32_ratio,
    gpu::fp16_ratio,
    gpu::fp64_ratio,
    gpu::fan_ratio,
    gpu::encoder_ratio,
    gpu::decoder_ratio,
    gpu::awake_ratio,
    gpu::suspended_seconds,
];

/// What is computed of each device, and what it is computed from: without that there is no column.
const MADE_OF: [(Field, Field); 8] = [
    (gpu::memory_ratio, gpu::memory_total_bytes),
    (gpu_process::memory_ratio, gpu_process::memory_bytes),
    (gpu_process::memory_growth_bytes_per_second, gpu_process::memory_bytes),
    (gpu_process::full_seconds, gpu_process::memory_bytes),
    (gpu::throttled_ratio, gpu::power_capped_seconds),
    (gpu::pcie_received_bytes_per_second, gpu::pcie_received_bytes),
    (gpu::pcie_sent_bytes_per_second, gpu::pcie_sent_bytes),
    (gpu::awake_ratio, gpu::idle_seconds),
];

/// What is shown of each forecast.
const FORECAST: [Field; 8] = [
    gpu_forecast::level,
    gpu_forecast::full_seconds,
    gpu_forecast::shape,
    gpu_forecast::short_growth_bytes_per_second,
    gpu_forecast::minute_growth_bytes_per_second,
    gpu_forecast::long_growth_bytes_per_second,
    gpu_forecast::lasting_growth_bytes_per_second,
    gpu_forecast::confidence_ratio,
];

/// So many devices are shown though their memory stays as it is.
const FEW: usize = 2;

/// What is shown of each call.
const CALL: [Field; 5] = [
    gpu_call::busy_ratio,
    gpu_call::median_seconds,
    gpu_call::p99_seconds,
    gpu_call::worst_seconds,
    gpu_call::calls,
];

/// Rows for the past.
pub fn head_height(now: &Snapshot, height: u16) -> u16 {
    if overview::is_there(now) && height >= 16 { (height / 4).clamp(4, 12) } else { 0 }
}

/// The devices together.
pub fn title(app: &App, now: &Snapshot) -> Text {
    overview::title(app, now)
}

/// Its lines.
pub fn lines(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let silent = overview::silent(now);
    if let Some((source, reason)) = silent {
        let known = overview::is_there(now);
        let older = if known { "; what stands here was read before" } else { "" };
        let text = short!("{source}: {reason}{older}");
        sheet.line(|canvas| {
            canvas.field(0, 0, canvas.width(), &text, app.theme.warn);
        });
    }
    if !overview::is_there(now) {
        if silent.is_none() {
            fields::missing(app, now, FamilyId::Gpu, sheet);
        }
        return;
    }
    let columns = Columns::fit(
        now,
        DEVICE.into_iter().filter(|&field| is_told(now, field)),
        sheet.width(),
        (16, 30),
    );
    sheet.line(|canvas| columns.head(app, canvas, "Device", "DRIVER"));
    let devices = in_order(now);
    for place in 0..devices.count() {
        let Some(row) = devices.row(now, FamilyId::Gpu, place) else { continue };
        device(app, row, &columns, sheet);
        let parts = Places::of(now, FamilyId::Gpu, |part| is_part_of(part, row));
        for place in 0..parts.count() {
            let Some(part) = parts.row(now, FamilyId::Gpu, place) else { continue };
            let last = place + 1 == parts.count();
            let (name, more) = (short!("    {}", gpu::profile(part)), numbers(part));
            sheet.line(|canvas| {
                columns.named(app, part, canvas, (&name, &more));
                let (inner, end) = match canvas.glyphs() {
                    Glyphs::Ascii => ("|-", "`-"),
                    _ => ("├─", "└─"),
                };
                canvas.text(1, 0, if last { end } else { inner }, app.theme.branch);
            });
        }
    }
    chip::states(app, now, sheet);
    health::starved(app, now, sheet);
    forecasts(app, now, sheet);
    processes::processes(app, now, sheet);
    health::links(app, now, sheet);
    health::health(app, now, sheet);
    calls(app, now, sheet);
}

/// Whole devices by their numbers; those without one follow.
pub fn in_order(now: &Snapshot) -> Places {
    in_order_of(now, |_| true)
}

/// The same of those of which something holds.
pub fn in_order_of(now: &Snapshot, wanted: impl Fn(Row<'_>) -> bool) -> Places {
    Places::top(now, FamilyId::Gpu, 64, |row| {
        let whole = row.text(gpu::parent).is_none() && wanted(row);
        whole.then(|| -row.get(gpu::index).unwrap_or(1e9))
    })
}

fn is_part_of(part: Row<'_>, whole: Row<'_>) -> bool {
    part.text(gpu::parent).is_some_and(|parent| parent.shown() == whole.shown(gpu::uuid))
}

/// Its numbers, as `nvidia-smi` and container runtimes give them.
fn numbers(part: Row<'_>) -> Text {
    let mut text = Text::new();
    for (name, field) in
        [("GI", gpu::instance), ("CI", gpu::compute_instance), ("SMs", gpu::multiprocessors)]
    {
        if let Some(number) = part.raw(field) {
            let gap = if text.is_empty() { "" } else { "  " };
            text.push(&short!("{gap}{name} {number}"));
        }
    }
    text
}

pub fn is_told(now: &Snapshot, field: Field) -> bool {
    let part = MADE_OF.iter().find(|(made, _)| *made == field);
    part.is_none_or(|&(_, of)| now.rows(of.family).any(|row| row.raw(of).is_some()))
}

fn device(app: &App, row: Row<'_>, columns: &Columns, sheet: &mut Sheet<'_>) {
    let name = called(row);
    if matches!(row.raw(gpu::state), Some(gpu::ACTIVE) | None) {
        let more = row.shown(gpu::driver);
        sheet.line(|canvas| columns.named(app, row, canvas, (&name, more)));
        if let Some(text) = unanswered(row) {
            sheet.line(|canvas| {
                canvas.text(2, 0, &text, app.theme.crit);
            });
        }
        if row.raw(gpu::unified) == Some(1) {
            sheet.line(|canvas| {
                canvas.text(2, 0, "its memory is the machine's", app.theme.dim);
            });
        }
        if let Some(since) = since(app, row, gpu::woken_seconds) {
            let text = short!("awake since {}, open in ", &*since);
            sheet.line(|canvas| {
                let end = canvas.text(2, 0, &text, app.theme.dim);
                canvas.text(end, 0, row.shown(gpu::woken_by), app.theme.text);
            });
        }
        return;
    }
    // Nothing else is known of it.
    let state = row.state(gpu::state).unwrap_or("");
    let lost = row.raw(gpu::state) == Some(gpu::LOST);
    let text = match asleep_since(app, row).filter(|_| !lost) {
        Some(since) => short!("{state} since {}, and left so", &*since),
        None => short!("{state}"),
    };
    let pen = if lost { app.theme.crit } else { app.theme.dim };
    sheet.line(|canvas| {
        canvas.field(0, 0, columns.label, &name, app.theme.text);
        canvas.text(columns.label + 2, 0, &text, pen);
    });
}

/// That its driver hangs, and since when: what is shown is what it told last.
fn unanswered(row: Row<'_>) -> Option<Text> {
    let driver = row.shown(gpu::driver);
    let of = if driver.starts_with("nvidia") { "nvml" } else { "drm" };
    let mut sources = row.snapshot().rows(FamilyId::Source);
    let source = sources.find(|source| source.shown(source::source) == of)?;
    if source.raw(source::state) != Some(source::SLOW) {
        return None;
    }
    let seconds = source.get(source::age_seconds)?;
    Some(short!("driver not answering ({seconds:.0} s): these are its last values"))
}

/// Since when it sleeps, as far as retop has seen.
pub fn asleep_since(app: &App, row: Row<'_>) -> Option<Text> {
    since(app, row, gpu::asleep_seconds)
}

fn since(app: &App, row: Row<'_>, field: Field) -> Option<Text> {
    let seconds = row.get(field)?;
    let time = app.time(row.snapshot().stamp().wall_ms - (seconds * 1e3) as i64);
    // Reads are a second apart: seconds would flicker.
    Some(short!("{}", time.get(..5).unwrap_or("")))
}

/// Its number and its name.
pub fn called(row: Row<'_>) -> Text {
    if row.text(gpu::parent).is_some() {
        return short!("{}", gpu::profile(row));
    }
    match row.get(gpu::index) {
        Some(index) => short!("{index:.0} {}", name(row)),
        None => short!("{}", name(row)),
    }
}

/// What people call it, else where it is.
fn name(row: Row<'_>) -> &str {
    let name = row.shown(gpu::name);
    let bare = name.strip_prefix("NVIDIA ").unwrap_or(name);
    if bare.is_empty() { fields::or_missing(row.shown(gpu::pci_address)) } else { bare }
}

/// Devices that are full some time, and those processes that fill one within half an hour: those
/// first that are full soonest. Of few devices those too that stay as they are.
fn forecasts(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let few = in_order(now).count() <= FEW;
    let rank = |row: Row<'_>| {
        let full = row.get(gpu_forecast::full_seconds);
        let device = now.find(FamilyId::Gpu, row.key());
        let near = row.raw(gpu_forecast::level).is_some_and(|level| level >= gpu_forecast::WATCH);
        let ended = row.raw(gpu_forecast::victim_pid).is_some();
        let told = near || ended || device.is_some() && (few || full.is_some());
        let index = device.and_then(|device| device.get(gpu::index)).unwrap_or(0.0);
        // Soonest first; then what has no time, devices by their numbers.
        told.then(|| match full {
            Some(full) => -full,
            None => -1e12 - index,
        })
    };
    let rows = Places::top(now, FamilyId::GpuForecast, 64, rank);
    if rows.count() == 0 {
        return;
    }
    sheet.part();
    let columns = Columns::fit(now, FORECAST, sheet.width(), (16, 30));
    let wide = columns.more.1 >= 26;
    let band = if wide { "FULL BETWEEN, AT THIS PACE" } else { "BETWEEN" };
    sheet.line(|canvas| columns.head(app, canvas, "Memory", band));
    for place in 0..rows.count() {
        let Some(row) = rows.row(now, FamilyId::GpuForecast, place) else { continue };
        let name = forecast_name(now, row);
        let band = [gpu_forecast::earliest_seconds, gpu_forecast::latest_seconds];
        let mut more = match band.map(|field| row.get(field)) {
            [Some(earliest), Some(latest)] => {
                short!("{} and {}", Duration(earliest.round()), Duration(latest.round()))
            }
            [Some(earliest), None] => short!("not before {}", Duration(earliest.round())),
            // It grows, and not so surely that there would be a time.
            _ if grows(row) => short!("growing"),
            _ => Text::new(),
        };
        if let Some(pid) = row.raw(gpu_forecast::victim_pid) {
            let gap = if more.is_empty() { "" } else { "; " };
            let held = Or(row.get(gpu_forecast::victim_bytes).map(Size));
            let name = row.shown(gpu_forecast::victim);
            more.push(&short!("{gap}probable OOM: {name} ({pid}) held {held}"));
        }
        sheet.line(|canvas| {
            columns.named(app, row, canvas, (&name, &more));
            let level = row.raw(gpu_forecast::level).unwrap_or(0);
            if level > gpu_forecast::WATCH {
                let pen = overview::pen_of(app, level);
                for x in 0..columns.label {
                    canvas.tint(x, 0, |_| pen);
                }
            }
        });
    }
}

fn grows(row: Row<'_>) -> bool {
    let shape = row.raw(gpu_forecast::shape);
    let minute = row.get(gpu_forecast::minute_growth_bytes_per_second);
    [Some(gpu_forecast::RAMP), Some(gpu_forecast::STAIR)].contains(&shape)
        && minute.is_some_and(|growth| growth > 0.0)
}

fn forecast_name(now: &Snapshot, row: Row<'_>) -> Text {
    match now.find(FamilyId::GpuProcess, row.key()) {
        Some(process) => {
            short!(
                "  {} {}",
                row.raw(gpu_forecast::pid).unwrap_or(0),
                process.shown(gpu_process::name)
            )
        }
        None => match now.find(FamilyId::Gpu, row.key()) {
            Some(device) => called(device),
            None => Text::new(),
        },
    }
}

/// The dearest calls.
fn calls(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let rows = Places::top(now, FamilyId::GpuCall, 8, |row| {
        row.get(gpu_call::call_seconds).filter(|&seconds| seconds > 0.0)
    });
    if rows.count() == 0 {
        return;
    }
    sheet.part();
    let columns = Columns::fit(now, CALL, sheet.width(), (30, 44));
    sheet.line(|canvas| columns.head(app, canvas, "Driver calls, the dearest", ""));
    for place in 0..rows.count() {
        let Some(row) = rows.row(now, FamilyId::GpuCall, place) else { continue };
        sheet.line(|canvas| columns.named(app, row, canvas, (row.shown(gpu_call::symbol), "")));
    }
}
