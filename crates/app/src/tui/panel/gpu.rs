//! Graphics processors: what they do, what they hold, and when that is too much.

use retop_model::family::gpu_forecast::{CRITICAL, WATCH};
use retop_model::family::{gpu, gpu_forecast, process, source};
use retop_model::human::{Duration, Or, Size};
use retop_model::{FamilyId, Row, Snapshot};

use super::page_gpu::{asleep_since, in_order};
use super::{chip, facts};
use crate::short;
use crate::tui::app::App;
use crate::tui::history::{busiest_gpu, fullest_gpu};
use crate::tui::page::Page;
use crate::tui::render::{Canvas, Pen, Rect};
use crate::tui::theme::on_ramp;
use crate::tui::units::{Text, whole_percent};
use crate::tui::widget::chart::chart;
use crate::tui::widget::frame::{Edges, frame};
use crate::tui::widget::gauge::gauge;

/// True if there is anything to show.
#[must_use]
pub fn is_there(now: &Snapshot) -> bool {
    now.rows(FamilyId::Gpu).len() > 0
}

/// Draws the box.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let title = title(app, now);
    let right = drawn(now);
    let forecast = forecast(now);
    let edges = Edges {
        key: app.keys.digit(Page::Gpu),
        page: Some(Page::Gpu),
        name: "GPU",
        now: &title,
        right: &right,
        below: forecast.as_ref().map_or("", |(text, _)| text),
        ..Edges::default()
    };
    let inner = &mut frame(canvas, &edges, theme);
    let (width, height) = (inner.width(), inner.height());
    let engine = chip::has_neural_engine(now) && height >= 4;
    let lines = (wholes(now).count() as u16).min(height.saturating_sub(2).max(1));
    let past = height.saturating_sub(lines + u16::from(engine));
    if engine {
        let area = Rect::new(1, height - 1, width.saturating_sub(2), 1);
        chip::neural_engine(app, now, &mut inner.region(area));
    }
    // Without memory of its own there is no past of that.
    let half =
        if fullest_gpu(now).is_some() || chip::row(now).is_none() { width / 2 } else { width + 1 };
    let shown = half.min(width);
    let mut left = inner.region(Rect::new(0, 0, half.saturating_sub(1), past));
    chart(&mut left, &app.past().gpu, 1.0, &theme.util, false);
    let mut right = inner.region(Rect::new(shown, 0, width - shown, past));
    chart(&mut right, &app.past().vram, 1.0, &theme.fill, false);
    let devices = in_order(now);
    for (place, y) in (0..devices.count()).zip(past..height) {
        let Some(row) = devices.row(now, FamilyId::Gpu, place) else { continue };
        let mut line = inner.region(Rect::new(1, y, width.saturating_sub(2), 1));
        device(app, now, row, &mut line);
    }
}

/// Devices without the parts that they may be divided into.
fn wholes(now: &Snapshot) -> impl Iterator<Item = Row<'_>> {
    now.rows(FamilyId::Gpu).filter(|row| row.text(gpu::parent).is_none())
}

/// A driver that does not answer, and since when: its devices stand there with what was read before.
#[must_use]
pub fn silent(now: &Snapshot) -> Option<(&str, &str)> {
    let mut rows = now.rows(FamilyId::Source);
    let row = rows.find(|row| {
        source::feeds_family(*row, FamilyId::Gpu) && row.raw(source::state) == Some(source::SLOW)
    })?;
    let reason = row.shown(source::reason);
    (!reason.is_empty()).then(|| (row.shown(source::source), reason))
}

/// The busiest device, its clock and its heat.
pub fn title(app: &App, now: &Snapshot) -> Text {
    if let Some((source, reason)) = silent(now) {
        return short!("{source}: {reason}");
    }
    let count = wholes(now).count();
    let Some(row) = busiest_gpu(now) else {
        let asleep = |row: &Row<'_>| row.raw(gpu::state) == Some(gpu::ASLEEP);
        if count == 0 || !now.rows(FamilyId::Gpu).all(|row| asleep(&row)) {
            return short!("{}", app.missing());
        }
        let since = now.rows(FamilyId::Gpu).next().and_then(|row| asleep_since(app, row));
        return since.map_or(short!("asleep"), |since| short!("asleep since {}", &*since));
    };
    let share = row.get(gpu::utilization_ratio).map_or(Text::new(), whole_percent);
    let mut text = match count {
        1 => short!("{:>3}", &*share),
        _ => short!("{:>3} of {count}", &*share),
    };
    if let Some(hertz) = row.get(gpu::shader_hertz) {
        text.push(&short!("  {:.0}MHz", hertz / 1e6));
    }
    if let Some(celsius) = row.get(gpu::temperature_celsius) {
        text.push("  ").push(&facts::degrees(celsius));
    }
    text
}

/// What all devices draw.
fn drawn(now: &Snapshot) -> Text {
    let watts = now.rows(FamilyId::Gpu).map(|row| row.get(gpu::watts));
    retop_model::snapshot::sum(watts).map_or(Text::new(), facts::watts)
}

/// When the first of them is full and who makes it so, and how near that is.
#[must_use]
pub fn forecast(now: &Snapshot) -> Option<(Text, i64)> {
    let devices =
        now.rows(FamilyId::GpuForecast).filter(|row| row.raw(gpu_forecast::pid).is_none());
    let near = devices
        .filter(|row| row.raw(gpu_forecast::level).is_some_and(|level| level >= WATCH))
        .filter_map(|row| Some((row, row.get(gpu_forecast::full_seconds)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    let (row, _) = near;
    let (mut text, level) = full_in(row)?;
    let growing = process::gpu_lasting_growth_bytes_per_second;
    let who = now
        .rows(FamilyId::Process)
        .filter_map(|row| Some((row, row.get(growing).filter(|&bytes| bytes > 0.0)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((who, bytes)) = who {
        text.push(&short!(": {} +{}/s", who.shown(process::name), Size(bytes)));
    }
    Some((text, level))
}

/// When it is full by one forecast, with the band, and how near that is.
#[must_use]
pub fn full_in(row: Row<'_>) -> Option<(Text, i64)> {
    let full = row.get(gpu_forecast::full_seconds)?;
    let mut text = short!("VRAM full in ~{}", Duration(two_digits(full)));
    let band = [gpu_forecast::earliest_seconds, gpu_forecast::latest_seconds];
    if let [Some(earliest), Some(latest)] = band.map(|field| row.get(field)) {
        let times = [earliest, latest].map(|time| Duration(two_digits(time)));
        text.push(&short!(" ({}–{})", times[0], times[1]));
    }
    Some((text, row.raw(gpu_forecast::level).unwrap_or(WATCH)))
}

/// A forecast is no finer than two digits.
fn two_digits(seconds: f64) -> f64 {
    if seconds < 10.0 {
        return seconds.round();
    }
    let unit = 10_f64.powi(seconds.log10().floor() as i32 - 1);
    (seconds / unit).round() * unit
}

/// One device in a line.
fn device(app: &App, now: &Snapshot, row: Row<'_>, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let mut x = 0;
    if let Some(index) = row.get(gpu::index) {
        x = canvas.text(0, 0, &short!("{index:.0} "), theme.dim);
    }
    match row.raw(gpu::state) {
        Some(gpu::ACTIVE) | None => {}
        state => {
            let pen = if state == Some(gpu::LOST) { theme.crit } else { theme.dim };
            canvas.text(x, 0, row.state(gpu::state).unwrap_or(""), pen);
            return;
        }
    }
    let share = row.get(gpu::utilization_ratio);
    let text = share.map_or(short!("{}", app.missing()), whole_percent);
    canvas.right(x + 4, 0, &text, share.map_or(theme.dim, |share| on_ramp(&theme.util, share)));
    if let Some(sizes) = chip::borrowed(row) {
        return integrated(app, row, x + 5, &sizes, canvas);
    }
    let memory = row.get(gpu::memory_ratio);
    let usable = row.get(gpu::memory_total_bytes);
    let sizes =
        short!("{}/{}", Or(row.get(gpu::memory_used_bytes).map(Size)), Or(usable.map(Size)));
    let watts = row.get(gpu::watts).map_or(Text::new(), facts::watts);
    let heat = row.get(gpu::temperature_celsius);
    // Percent, a gap, the bar, the sizes, watts, degrees.
    let after = 12 + 8 + 5;
    let room = canvas.width().saturating_sub(x + 5 + after).min(30);
    if room >= 6 {
        gauge(canvas, (x + 5, 0), room, memory, &theme.fill, theme);
    }
    let at = x + 5 + if room >= 6 { room + 1 } else { 0 };
    let full = of_device(now, row).is_some_and(|level| level >= CRITICAL);
    let pen = if full { theme.crit } else { theme.text };
    canvas.field(at, 0, 12, &sizes, pen);
    canvas.right(at + 19, 0, &watts, theme.text);
    if let Some(celsius) = heat {
        let pen = on_ramp(&theme.heat, facts::heat(celsius));
        canvas.right(at + 24, 0, &facts::degrees(celsius), pen);
    }
}

/// The rest of the line of a part of a chip: how long its clocks were held, in place of a memory of
/// its own.
fn integrated(app: &App, row: Row<'_>, x: u16, sizes: &str, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let bands = chip::of_gpu(row).filter(|_| app.residency);
    let room = canvas.width().saturating_sub(x + 6 + 8 + 5).min(30);
    if room >= 6 {
        match bands {
            Some(_) => chip::residency(app, canvas, (x, 0), room, bands),
            None => {
                gauge(canvas, (x, 0), room, row.get(gpu::utilization_ratio), &theme.util, theme)
            }
        }
    }
    let at = x + if room >= 6 { room } else { 0 };
    let watts = row.get(gpu::watts).map_or(Text::new(), facts::watts);
    canvas.right(at + 8, 0, &watts, theme.text);
    canvas.right(at + 14, 0, sizes, theme.dim);
    if let Some(celsius) = row.get(gpu::temperature_celsius) {
        let pen = on_ramp(&theme.heat, facts::heat(celsius));
        canvas.right(at + 19, 0, &facts::degrees(celsius), pen);
    }
}

fn of_device(now: &Snapshot, row: Row<'_>) -> Option<i64> {
    now.find(FamilyId::GpuForecast, row.key())?.raw(gpu_forecast::level)
}

/// How serious a level is.
#[must_use]
pub fn pen_of(app: &App, level: i64) -> Pen {
    match level {
        CRITICAL => app.theme.crit,
        gpu_forecast::WARNING => app.theme.warn,
        _ => app.theme.text,
    }
}

/// The device that does most, and the one whose memory is fullest, on a line each.
pub fn meter(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>, memory: bool) {
    let row = if memory { fullest_gpu(now) } else { busiest_gpu(now) };
    let (name, field, ramp) = match memory {
        true => ("VRM", gpu::memory_ratio, &app.theme.fill),
        false => ("GPU", gpu::utilization_ratio, &app.theme.util),
    };
    let mut text = Text::new();
    if memory {
        let size = |field| Or(row.and_then(|row| row.get(field)).map(Size));
        text = short!("{}/{}", size(gpu::memory_used_bytes), size(gpu::memory_total_bytes));
    } else if let Some(row) = row {
        if let Some(watts) = row.get(gpu::watts) {
            text.push(&facts::watts(watts)).push(" ");
        }
        if let Some(celsius) = row.get(gpu::temperature_celsius) {
            text.push(&facts::degrees(celsius));
        }
    }
    let share = row.and_then(|row| row.get(field));
    super::meters::bar(app, canvas, name, share, ramp, &text);
}
