//! One-line meters for screens without room for boxes.

use retop_model::family::{battery, disk, limit, memory};
use retop_model::human::{Count, MISSING, Or, Percent, Size};
use retop_model::{FamilyId, Snapshot};

use super::{chip, cores, facts, gpu, heat};
use crate::short;
use crate::tui::app::App;
use crate::tui::core_view::CoreView;
use crate::tui::history::{LENGTH, disks, links, waiting, watts};
use crate::tui::render::{Canvas, Glyphs, Rect};
use crate::tui::theme::{Ramp, on_ramp};
use crate::tui::units::whole_percent;
use crate::tui::widget::chart::chart;
use crate::tui::widget::gauge::gauge;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meter {
    Cpu,
    Memory,
    Gpu,
    Vram,
    Traffic,
    Past,
    Swap,
    Disk,
    Network,
    Cores,
    Pressure,
    Limit,
    Power,
    Battery,
}

const ORDER: [Meter; 14] = [
    Meter::Cpu,
    Meter::Memory,
    Meter::Gpu,
    Meter::Vram,
    Meter::Traffic,
    Meter::Past,
    Meter::Swap,
    Meter::Disk,
    Meter::Network,
    Meter::Power,
    Meter::Pressure,
    Meter::Limit,
    Meter::Cores,
    Meter::Battery,
];

fn is_there(now: &Snapshot, meter: Meter) -> bool {
    match meter {
        Meter::Cpu | Meter::Past => now.raw().table(FamilyId::Cpu).is_some(),
        Meter::Memory => now.raw().table(FamilyId::Memory).is_some(),
        Meter::Swap => now.one(memory::swap_total_bytes).is_some_and(|bytes| bytes > 0.0),
        Meter::Disk => disks(now).next().is_some(),
        Meter::Network => links(now).next().is_some(),
        Meter::Cores => now.rows(FamilyId::Core).len() > 1,
        Meter::Pressure => now.rows(FamilyId::Pressure).len() > 0,
        Meter::Limit => {
            now.one(limit::cpus).is_some() || now.one(limit::memory_limit_bytes).is_some()
        }
        Meter::Power => {
            heat::is_there(now) && (watts(now).is_some() || heat::hottest(now).is_some())
        }
        Meter::Gpu => gpu::is_there(now),
        // Graphics of a chip have no memory of their own; what the memory of all moves counts.
        Meter::Vram => gpu::is_there(now) && chip::row(now).is_none(),
        Meter::Traffic => chip::traffic(now).is_some(),
        Meter::Battery => now.rows(FamilyId::Battery).len() > 0,
    }
}

/// Meters that have something to say.
#[must_use]
pub fn count(now: &Snapshot) -> u16 {
    ORDER.iter().filter(|&&meter| is_there(now, meter)).count() as u16
}

/// Draws them in columns.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let columns = app.areas.meter_columns.max(1);
    let room = (canvas.width() + 2) / columns;
    let meters = ORDER.iter().filter(|&&meter| is_there(now, meter));
    let places = (0..canvas.height()).flat_map(|y| (0..columns).map(move |column| (column, y)));
    let bar = if canvas.glyphs() == Glyphs::Ascii { '|' } else { '│' };
    for ((column, y), &meter) in places.zip(meters) {
        let x = column * room;
        if column > 0 {
            canvas.put(x - 1, y, bar, app.theme.border);
        }
        let width = if column + 1 == columns { canvas.width() - x } else { room - 2 };
        let inset = u16::from(column > 0);
        let area = Rect::new(x + inset, y, width.saturating_sub(inset), 1);
        one(app, now, meter, &mut canvas.region(area));
    }
}

fn one(app: &App, now: &Snapshot, meter: Meter, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    match meter {
        Meter::Cpu => {
            let share = app.newest_of(&app.past().cpu);
            let mut text = short!("");
            if let Some(clock) = facts::clock(now) {
                text = short!("{clock}");
            }
            if let Some(celsius) = facts::processor_celsius(now) {
                text.push(" ").push(&facts::degrees(celsius));
            }
            bar(app, canvas, "CPU", share, &theme.util, &text);
        }
        Meter::Memory => {
            let used = Or(now.one(memory::used_bytes).map(Size));
            let all = Or(now.one(memory::total_bytes).map(Size));
            let text = short!("{used}/{all}");
            bar(app, canvas, "MEM", now.one(memory::used_ratio), &theme.fill, &text);
        }
        Meter::Swap => {
            let used = Or(now.one(memory::swap_used_bytes).map(Size));
            let all = Or(now.one(memory::swap_total_bytes).map(Size));
            let text = short!("{used}/{all}");
            bar(app, canvas, "SWP", now.one(memory::swap_used_ratio), &theme.fill, &text);
        }
        Meter::Past => past(app, canvas),
        Meter::Cores if chip::clusters(now).next().is_some() => {
            canvas.text(0, 0, "CLU", theme.dim);
            let room = canvas.width().saturating_sub(4);
            chip::strip(app, now, &mut canvas.region(Rect::new(4, 0, room, 1)));
        }
        Meter::Cores => {
            canvas.text(0, 0, "COR", theme.dim);
            let mut strip = canvas.region(Rect::new(4, 0, canvas.width().saturating_sub(4), 1));
            cores::strip(app, now, &mut strip);
        }
        Meter::Disk => {
            canvas.text(0, 0, "DSK", theme.dim);
            let rate = |ring| app.rate(app.newest_of(ring));
            let (read, written) = (rate(&app.past().read), rate(&app.past().written));
            let mut x = facts::fact(app, canvas, 4, 0, "r", &short!("{:<5}", &*read));
            x = facts::fact(app, canvas, x, 0, "w", &short!("{:<5}", &*written));
            let busy = disks(now).filter_map(|row| row.get(disk::utilization_ratio));
            if let Some(busy) = busy.reduce(f64::max) {
                let pen = on_ramp(&theme.util, busy);
                facts::fact_in(app, canvas, (x, 0), "busy", &whole_percent(busy), pen);
            }
        }
        Meter::Network => {
            canvas.text(0, 0, "NET", theme.dim);
            let ascii = canvas.glyphs() == Glyphs::Ascii;
            let (down, up) = if ascii { ("rx", "tx") } else { ("▼", "▲") };
            let rate = |ring| app.rate(app.newest_of(ring));
            let (received, sent) = (rate(&app.past().received), rate(&app.past().sent));
            let x = facts::fact(app, canvas, 4, 0, down, &short!("{:<5}", &*received));
            facts::fact(app, canvas, x, 0, up, &short!("{:<5}", &*sent));
        }
        Meter::Pressure => {
            canvas.text(0, 0, "PSI", theme.dim);
            let mut x = 4;
            for (name, resource) in [("cpu", "cpu"), ("mem", "memory"), ("io", "io")] {
                let share = waiting(now, resource);
                let pen = match share {
                    Some(share) if share >= 0.2 => theme.crit,
                    Some(share) if share >= 0.05 => theme.warn,
                    _ => theme.text,
                };
                let text = short!("{:<5}", Or(share.map(Percent)));
                x = facts::fact_in(app, canvas, (x, 0), name, &text, pen);
            }
        }
        Meter::Limit => {
            let share = now.one(limit::memory_ratio);
            let cpus = Or(now.one(limit::cpus).map(Count));
            let bytes = Or(now.one(limit::memory_limit_bytes).map(Size));
            let text = match now.one(limit::memory_limit_bytes) {
                Some(_) => short!("of {bytes} {cpus}c"),
                None => short!("of {cpus} cpus"),
            };
            let share = share.or_else(|| now.one(limit::cpu_ratio));
            bar(app, canvas, "LIM", share, &theme.fill, &text);
        }
        Meter::Power => {
            canvas.text(0, 0, "PWR", theme.dim);
            let mut x = 4;
            if let Some(watts) = watts(now) {
                x = facts::fact(app, canvas, x, 0, "", &facts::watts(watts));
                if let Some(peak) = app.past().watts.peak(usize::MAX) {
                    x = facts::fact(app, canvas, x, 0, "pk", &facts::watts(peak));
                }
            }
            if let Some((word, finer)) = chip::row(now).and_then(chip::heat) {
                let pen = if word == "nominal" { theme.dim } else { theme.warn };
                let text = short!("{}", finer.unwrap_or(word));
                facts::fact_in(app, canvas, (x, 0), "heat", &text, pen);
            } else if let Some((celsius, name)) = heat::hottest(now) {
                let pen = on_ramp(&theme.heat, facts::heat(celsius));
                facts::fact_in(app, canvas, (x, 0), name, &facts::degrees(celsius), pen);
            }
        }
        Meter::Gpu => gpu::meter(app, now, canvas, false),
        Meter::Vram => gpu::meter(app, now, canvas, true),
        Meter::Traffic => {
            let share = now.one(memory::traffic_ratio);
            let moved = now.one(memory::traffic_bytes_per_second).unwrap_or(0.0) / 1e9;
            let bound = if chip::fires(now, "MEM-BOUND") { " BOUND" } else { "" };
            bar(app, canvas, "BW", share, &theme.util, &short!("{moved:.0}GB/s{bound}"));
        }
        Meter::Battery => {
            let Some(row) = now.rows(FamilyId::Battery).next() else { return };
            let share = row.get(battery::charge_ratio);
            let text = short!("{}", row.state(battery::status).unwrap_or(MISSING));
            bar(app, canvas, "BAT", share, &theme.flow, &text);
        }
    }
}

/// The past of the CPU, in the room that a gauge has, with what it came to.
fn past(app: &App, canvas: &mut Canvas<'_>) {
    let ring = &app.past().cpu;
    let room = gauge_room(canvas.width()) + 1;
    if app.core_view != CoreView::Gauge {
        let mut region = canvas.region(Rect::new(4, 0, room.saturating_sub(1), 1));
        chart(&mut region, ring, 1.0, &app.theme.util, false);
    }
    let mut x = 4 + room;
    for (name, value) in [("avg", app.mean(ring)), ("pk", ring.peak(LENGTH))] {
        if let Some(value) = value {
            let text = short!("{:<3}", &*whole_percent(value));
            x = facts::fact(app, canvas, x, 0, name, &text);
        }
    }
}

/// Cells for the gauge: what is left after label, percent and facts.
fn gauge_room(width: u16) -> u16 {
    width.saturating_sub(4 + 5 + 14).clamp(8, 60)
}

pub(super) fn bar(
    app: &App,
    canvas: &mut Canvas<'_>,
    name: &str,
    share: Option<f64>,
    ramp: &Ramp,
    text: &str,
) {
    let theme = &app.theme;
    let room = gauge_room(canvas.width());
    canvas.text(0, 0, name, theme.dim);
    gauge(canvas, (4, 0), room, share, ramp, theme);
    let percent = match share {
        Some(share) => whole_percent(share),
        None => short!("{}", app.missing()),
    };
    let pen = share.map_or(theme.dim, |share| on_ramp(ramp, share));
    canvas.right(4 + room + 5, 0, &percent, pen);
    let x = 4 + room + 6;
    canvas.field(x, 0, canvas.width().saturating_sub(x), text, theme.text);
}
