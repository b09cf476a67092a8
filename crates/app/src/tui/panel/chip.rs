//! A system on a chip: its clusters with their clocks, how long each clock was held, how near its parts
//! are to the scale of the chip, and how hot it says it is.

use retop_model::family::chip::power_key;
use retop_model::family::{
    chip, cluster, energy, gpu, held_down, memory, performance_state, sensor,
};
use retop_model::human::{Percent, Size};
use retop_model::{FamilyId, Field, Row, Snapshot};

use super::page::Places;
use super::{facts, fields};
use crate::short;
use crate::tui::app::App;
use crate::tui::render::{Canvas, Glyphs, Rect, width};
use crate::tui::theme::on_ramp;
use crate::tui::units::{Text, whole_percent};
use crate::tui::widget::gauge::gauge;
use crate::tui::widget::sheet::Sheet;

/// Cells of a cluster with its bar.
const UNIT: u16 = 30;
/// Clusters that are shown: an Ultra has six.
const MOST: usize = 16;
/// A clock held down by less is within what two readings differ by.
const HELD: f64 = 0.02;

/// The chip's row.
#[must_use]
pub fn row(now: &Snapshot) -> Option<Row<'_>> {
    now.row(FamilyId::Chip, 0)
}

/// Clusters, the slowest kind first.
pub fn clusters(now: &Snapshot) -> impl Iterator<Item = Row<'_>> {
    let mut rows: [Option<Row<'_>>; MOST] = [None; MOST];
    for (count, row) in now.rows(FamilyId::Cluster).take(MOST).enumerate() {
        let later = |known: &Option<Row<'_>>| known.is_some_and(|known| place(known) > place(row));
        let at = rows[..count].iter().position(later).unwrap_or(count);
        rows[at..=count].rotate_right(1);
        rows[at] = Some(row);
    }
    rows.into_iter().flatten()
}

/// The slowest kind first, then by name. Kinds are positions of their states.
fn place(row: Row<'_>) -> (Option<usize>, &str) {
    let kind = row.raw(cluster::kind).unwrap_or(-1);
    ([2, 1, 0, 3].iter().position(|&known| known == kind), row.shown(cluster::cluster))
}

/// Time without work, and in slow, middle and fast states.
type Bands = [f64; 4];

fn bands(row: Row<'_>, fields: [Field; 4]) -> Option<Bands> {
    let mut bands = [0.0; 4];
    for (band, field) in bands.iter_mut().zip(fields) {
        *band = row.get(field)?;
    }
    Some(bands)
}

/// Those of a cluster.
pub fn of_cluster(row: Row<'_>) -> Option<Bands> {
    let fields =
        [cluster::idle_ratio, cluster::low_ratio, cluster::middle_ratio, cluster::high_ratio];
    bands(row, fields)
}

/// The same of a graphics processor.
pub fn of_gpu(row: Row<'_>) -> Option<Bands> {
    bands(row, [gpu::idle_ratio, gpu::low_ratio, gpu::middle_ratio, gpu::high_ratio])
}

/// How long clocks were held, as a bar from idle to fast in so many cells, ends included.
pub fn residency(
    app: &App,
    canvas: &mut Canvas<'_>,
    (x, y): (u16, u16),
    room: u16,
    bands: Option<Bands>,
) {
    let theme = &app.theme;
    let Some(inner) = room.checked_sub(2).filter(|&inner| inner > 0) else { return };
    let ascii = canvas.glyphs() == Glyphs::Ascii;
    let (left, right) = if ascii { ('[', ']') } else { ('▕', '▏') };
    canvas.put(x, y, left, theme.border);
    canvas.put(x + 1 + inner, y, right, theme.border);
    let signs = if ascii { ['.', '-', '=', '#'] } else { ['░', '▒', '▓', '█'] };
    // A high clock is no alarm.
    let pens = [theme.empty, theme.flow.bar(0.1), theme.flow.bar(0.4), theme.flow.bar(0.7)];
    let Some(bands) = bands else {
        for cell in 0..inner {
            canvas.put(x + 1 + cell, y, if ascii { ' ' } else { '·' }, theme.empty);
        }
        return;
    };
    let whole: f64 = bands.iter().sum();
    let (mut end, mut at) = (0.0, 0);
    for ((band, sign), pen) in bands.into_iter().zip(signs).zip(pens) {
        end += band;
        let until = if whole > 0.0 { (end / whole * f64::from(inner)).round() as u16 } else { 0 };
        while at < until.min(inner) {
            canvas.put(x + 1 + at, y, sign, pen);
            at += 1;
        }
    }
}

/// A cluster, or a graphics processor, in a line: name, load, clock, bar, and what its clock lacks.
fn unit(
    app: &App,
    canvas: &mut Canvas<'_>,
    name: &str,
    (share, hertz, held): (Option<f64>, Option<f64>, Option<f64>),
    bands: Option<Bands>,
) {
    let theme = &app.theme;
    let room = canvas.width();
    canvas.field(0, 0, 4, name, theme.dim);
    let text = share.map_or(short!("{}", app.missing()), whole_percent);
    let pen = share.map_or(theme.dim, |share| on_ramp(&theme.util, share));
    canvas.right(8, 0, &text, pen);
    let held = held.filter(|&held| held >= HELD);
    if let Some(hertz) = hertz.filter(|&hertz| hertz > 0.0) {
        let pen = if held.is_some() { theme.warn } else { theme.text };
        canvas.text(9, 0, &short!("@{:.0}MHz", hertz / 1e6), pen);
    }
    // Bars begin in one column; where there is little room the colour of the clock says it.
    let x = if room >= 40 { 23 } else { 18 };
    if let Some(held) = held.filter(|_| x > 18) {
        canvas.right(x - 1, 0, &short!("−{:.0}%", held * 100.0), theme.warn);
    }
    let left = room.saturating_sub(x);
    let words = bands.map(|bands| {
        let [idle, low, middle, high] = bands.map(|band| (band * 100.0).round());
        short!("idle{idle} lo{low} mid{middle} hi{high}")
    });
    let words = words.filter(|words| app.residency && left >= 16 + 1 + width(words));
    let bar = match &words {
        Some(words) => (left - 1 - width(words)).min(44),
        None => left.min(44),
    };
    if app.residency && bar >= 6 {
        residency(app, canvas, (x, 0), bar, bands);
        if let Some(words) = words {
            canvas.text(x + bar + 1, 0, &words, theme.dim);
        }
    }
}

fn cluster_line(app: &App, row: Row<'_>, canvas: &mut Canvas<'_>) {
    let numbers = (
        row.get(cluster::utilization_ratio),
        row.get(cluster::frequency_hertz),
        row.get(cluster::held_down_ratio),
    );
    unit(app, canvas, row.shown(cluster::cluster), numbers, of_cluster(row));
}

/// Lines that all clusters take in so many cells.
#[must_use]
pub fn lines_of_clusters(now: &Snapshot, width: u16) -> u16 {
    let count = clusters(now).count();
    count.div_ceil(usize::from(columns(width))) as u16
}

fn columns(width: u16) -> u16 {
    ((width + 2) / (UNIT + 2)).clamp(1, 3)
}

/// All clusters, side by side where there is room.
pub fn draw_clusters(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let (columns, height) = (columns(canvas.width()), canvas.height());
    let each = (canvas.width() + 2) / columns;
    for (row, place) in clusters(now).zip(0_u16..) {
        let (x, y) = (place % columns * each, place / columns);
        if y < height {
            cluster_line(app, row, &mut canvas.region(Rect::new(x, y, each - 2, 1)));
        }
    }
}

/// Load and clock of every cluster in as few cells as they take: `E0 30%@2.1 P0 90%@3.9`.
pub fn strip(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let mut x = 0;
    for row in clusters(now) {
        let share = row.get(cluster::utilization_ratio);
        let pen = share.map_or(app.theme.dim, |share| on_ramp(&app.theme.util, share));
        let load = share.map_or(short!("{}", app.missing()), whole_percent);
        let clock = row.get(cluster::frequency_hertz).filter(|&hertz| hertz > 0.0);
        let text = match clock {
            Some(hertz) => short!("{}@{:.1}", &*load, hertz / 1e9),
            None => load,
        };
        x = facts::fact_in(app, canvas, (x, 0), row.shown(cluster::cluster), &text, pen) - 1;
    }
}

/// What the memory moves, and how much that is of what it can.
#[must_use]
pub fn traffic(now: &Snapshot) -> Option<Text> {
    let moved = now.one(memory::traffic_bytes_per_second)?;
    let mut text = short!("{:.0}GB/s", moved / 1e9);
    if let Some(share) = now.one(memory::traffic_ratio) {
        text.push(" ").push(&whole_percent(share));
    }
    Some(text)
}

/// True while an alert of that name fires.
#[must_use]
pub fn fires(now: &Snapshot, rule: &str) -> bool {
    use retop_model::family::alert;
    now.rows(FamilyId::Alert).any(|row| row.shown(alert::alert) == rule)
}

/// The chip's words for its heat: that for programs, and the finer one where it says more.
#[must_use]
pub fn heat(row: Row<'_>) -> Option<(&'static str, Option<&'static str>)> {
    let word = row.state(chip::thermal)?;
    let finer = row.state(chip::thermal_pressure).filter(|&finer| finer != word);
    Some((word, finer))
}

/// The neural engine in a line.
pub fn neural_engine(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let Some(row) = row(now) else { return };
    canvas.text(0, 0, "ANE", theme.dim);
    let share = row.get(chip::ane_ratio);
    let text = share.map_or(short!("{}", app.missing()), whole_percent);
    canvas.right(8, 0, &text, share.map_or(theme.dim, |share| on_ramp(&theme.util, share)));
    let watts = row.get(chip::ane_watts).map_or(Text::new(), facts::watts);
    let room = canvas.width().saturating_sub(9 + 1 + 8).min(30);
    if room >= 6 {
        gauge(canvas, (9, 0), room, share, &theme.util, theme);
    }
    canvas.right(9 + room + 8, 0, &watts, theme.text);
}

/// True where the chip tells of its neural engine.
#[must_use]
pub fn has_neural_engine(now: &Snapshot) -> bool {
    row(now).is_some_and(|row| row.get(chip::ane_watts).is_some())
}

/// A part of the chip with its scale: name, rail, scale, the least that `auto` takes.
const PARTS: [(&str, Field, Field, &str, f64); 4] = [
    ("package", chip::package_watts, chip::package_scale_watts, "", 35.0),
    ("cpu", chip::cpu_watts, chip::cpu_scale_watts, "ioreport/cpu", 20.0),
    ("gpu", chip::gpu_watts, chip::gpu_scale_watts, "ioreport/gpu", 15.0),
    ("ane~", chip::ane_watts, chip::ane_scale_watts, "ioreport/ane", 8.0),
];

/// What a part may draw: of the chip by its profile, or what it drew at most and a quarter more.
/// What was drawn above it raises it.
fn ceiling(app: &App, row: Row<'_>, part: usize) -> Option<f64> {
    let (_, watts, scale, rail, least) = PARTS[part];
    let session = &app.past().session;
    let drawn = |rail: &str| session.of(power_key(rail)).and_then(|tally| tally.peak());
    let peak = match rail {
        "" => retop_model::snapshot::sum(PARTS[1..].iter().map(|part| drawn(part.3))),
        rail => drawn(rail),
    };
    let peak = peak.or(row.get(watts)).unwrap_or(0.0);
    if app.power_limit { Some(row.get(scale)?.max(peak)) } else { Some((peak * 1.25).max(least)) }
}

/// The chip on the page of power.
pub fn page(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let Some(row) = row(now) else { return };
    let theme = &app.theme;
    let mut cores = Text::new();
    for (name, field) in [
        ("E", chip::efficiency_cores),
        ("P", chip::performance_cores),
        ("S", chip::super_cores),
        (" GPU", chip::gpu_cores),
    ] {
        if let Some(count) = row.raw(field).filter(|&count| count > 0) {
            let gap = if cores.is_empty() { "" } else { " + " };
            cores.push(&short!("{gap}{count}{name}"));
        }
    }
    fields::heading(app, sheet, fields::or_missing(row.shown(chip::chip)), &cores);
    if let Some((word, finer)) = heat(row) {
        sheet.line(|canvas| {
            let pen = match word {
                "nominal" => theme.ok,
                "fair" => theme.warn,
                _ => theme.crit,
            };
            let mut x = facts::fact_in(app, canvas, (0, 0), "thermal", word, pen);
            if let Some(finer) = finer {
                // From heavy on clocks are held down, which programs are told as fair.
                let pen = if finer == "moderate" { theme.warn } else { theme.crit };
                x = facts::fact_in(app, canvas, (x, 0), "pressure", finer, pen);
            }
            for (name, field) in
                [("cpu", chip::cpu_highest_celsius), ("gpu", chip::gpu_highest_celsius)]
            {
                if let Some(celsius) = row.get(field) {
                    let pen = on_ramp(&theme.heat, facts::heat(celsius));
                    x = facts::fact_in(app, canvas, (x, 0), name, &facts::degrees(celsius), pen);
                }
            }
            fans(app, now, canvas, x);
        });
    }
    let reduced = row.shown(chip::reduced);
    if !reduced.is_empty() {
        sheet.line(|canvas| {
            canvas.field(0, 0, canvas.width(), reduced, theme.dim);
        });
    }
    held_back(app, now, sheet);
    for (part, &(name, field, ..)) in PARTS.iter().enumerate() {
        let Some(watts) = row.get(field) else { continue };
        let ceiling = ceiling(app, row, part);
        let full = ceiling.map_or(Text::new(), |full| short!("of {full:.0}W"));
        let share = ceiling.filter(|&full| full > 0.0).map(|full| watts / full);
        sheet.line(|canvas| scaled(app, canvas, name, share, &facts::watts(watts), &full));
    }
    if let Some(moved) = now.one(memory::traffic_bytes_per_second) {
        let full = now.one(memory::traffic_limit_bytes_per_second);
        let text = full.map_or(Text::new(), |full| short!("of {:.0}GB/s", full / 1e9));
        let share = now.one(memory::traffic_ratio);
        let value = short!("{:.0}GB/s", moved / 1e9);
        let name = if fires(now, "MEM-BOUND") { "MEM-BOUND" } else { "memory" };
        sheet.line(|canvas| scaled(app, canvas, name, share, &value, &text));
    }
    if app.residency {
        for row in clusters(now) {
            sheet.line(|canvas| cluster_line(app, row, canvas));
        }
        for row in now.rows(FamilyId::Gpu).filter(|row| of_gpu(*row).is_some()) {
            let numbers = (row.get(gpu::utilization_ratio), row.get(gpu::shader_hertz), None);
            sheet.line(|canvas| unit(app, canvas, "GPU", numbers, of_gpu(row)));
        }
    }
    shared_out(app, now, sheet);
}

/// How long each clock of the graphics processor was held.
pub fn states(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let states = Places::of(now, FamilyId::PerformanceState, |row| {
        row.shown(performance_state::domain) == "GPU"
            && row.get(performance_state::share_ratio).is_some()
    });
    if !app.residency || states.count() == 0 {
        return;
    }
    fields::heading(app, sheet, "Clocks", "share of the time at each");
    let shape = (states.count(), 36, states.count().div_ceil(2).min(8));
    sheet.items(shape, None, |canvas, place| {
        let Some(row) = states.row(now, FamilyId::PerformanceState, place) else { return };
        let hertz = row.get(performance_state::frequency_hertz).filter(|&hertz| hertz > 0.0);
        canvas.field(0, 0, 8, row.shown(performance_state::state), app.theme.dim);
        if let Some(hertz) = hertz {
            canvas.right(16, 0, &short!("{:.0}MHz", hertz / 1e6), app.theme.text);
        }
        let share = row.get(performance_state::share_ratio);
        let room = canvas.width().saturating_sub(17 + 6).min(40);
        gauge(canvas, (17, 0), room, share, &app.theme.flow, &app.theme);
        let text = share.map_or(short!("{}", app.missing()), |share| short!("{}", Percent(share)));
        let pen = if share == Some(0.0) { app.theme.dim } else { app.theme.text };
        canvas.right(17 + room + 6, 0, &text, pen);
    });
}

/// Fans with their highest speeds.
fn fans(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>, x: u16) {
    let mut x = x;
    for row in now.rows(FamilyId::Sensor) {
        let Some(rpm) = row.get(sensor::fan_rpm) else { continue };
        let most = row.get(sensor::fan_maximum_rpm);
        let text = most.map_or(short!("{rpm:.0}rpm"), |most| short!("{rpm:.0}/{most:.0}rpm"));
        x = facts::fact(app, canvas, x, 0, row.shown(sensor::sensor), &text);
    }
}

/// Clusters that ran below the clock that was asked of them, and what counted most for it.
fn held_back(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let theme = &app.theme;
    let is_held = |row: &Row<'_>| row.get(cluster::held_down_ratio).is_some_and(|by| by >= HELD);
    let any = clusters(now).any(|row| is_held(&row));
    let reason = now
        .rows(FamilyId::HeldDown)
        .filter_map(|row| Some((row, row.get(held_down::share_ratio).filter(|&s| s > 0.0)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1));
    if !any && reason.is_none() {
        return;
    }
    sheet.line(|canvas| {
        let mut x = canvas.text(0, 0, "throttle", theme.dim) + 1;
        for row in clusters(now).filter(is_held) {
            let by = row.get(cluster::held_down_ratio).unwrap_or(0.0);
            let text = short!("{:.0}% below what was asked", by * 100.0);
            x = facts::fact_in(app, canvas, (x, 0), row.shown(cluster::cluster), &text, theme.warn);
        }
        if let Some((row, share)) = reason {
            let text = short!("{} {}", row.shown(held_down::reason), &*whole_percent(share));
            facts::fact(app, canvas, x, 0, row.shown(held_down::domain), &text);
        }
    });
}

/// Name, bar, share, value, and what the whole bar is.
fn scaled(
    app: &App,
    canvas: &mut Canvas<'_>,
    name: &str,
    share: Option<f64>,
    value: &str,
    full: &str,
) {
    let theme = &app.theme;
    let hot = name == "MEM-BOUND";
    canvas.field(0, 0, 10, name, if hot { theme.crit } else { theme.dim });
    let room = canvas.width().saturating_sub(10 + 5 + 9 + 11).clamp(6, 40);
    gauge(canvas, (10, 0), room, share, &theme.util, theme);
    let at = 10 + room;
    let text = share.map_or(short!("{}", app.missing()), whole_percent);
    canvas.right(at + 5, 0, &text, share.map_or(theme.dim, |share| on_ramp(&theme.util, share)));
    canvas.right(at + 14, 0, value, theme.text);
    if at + 15 + width(full) <= canvas.width() {
        canvas.text(at + 15, 0, full, theme.dim);
    }
}

/// What of the cores' power is laid to processes, and what to nobody.
fn shared_out(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let parts = [
        ("processes~", energy::processes_watts),
        ("others~", energy::others_watts),
        ("idle~", energy::idle_watts),
    ];
    if now.one(energy::domain_watts).is_none() {
        return;
    }
    sheet.line(|canvas| {
        let mut x = canvas.text(0, 0, "shared out", app.theme.dim) + 1;
        for (name, field) in parts {
            if let Some(watts) = now.one(field) {
                x = facts::fact(app, canvas, x, 0, name, &facts::watts(watts));
            }
        }
    });
}

/// Memory of a graphics processor without memory of its own.
#[must_use]
pub fn borrowed(row: Row<'_>) -> Option<Text> {
    if row.get(gpu::memory_total_bytes).is_some() {
        return None;
    }
    row.get(gpu::memory_used_bytes).map(|bytes| short!("{}", Size(bytes)))
}
