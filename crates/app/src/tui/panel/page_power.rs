//! The page of power and heat: what each part draws and drew, how hot it is, what the fans and the
//! batteries do.

use retop_model::family::{battery, power, sensor};
use retop_model::human::Duration;
use retop_model::{FamilyId, Field, Row, Snapshot};

use super::page::Places;
use super::{chip, facts, fields, heat};
use crate::short;
use crate::tui::app::App;
use crate::tui::history::{LENGTH, watts};
use crate::tui::render::{Canvas, Rect, width};
use crate::tui::theme::on_ramp;
use crate::tui::units::{Text, interval};
use crate::tui::widget::chart::chart;
use crate::tui::widget::sheet::Sheet;

/// The least width with sensors beside power.
const WIDE: u16 = 110;

/// Rows for the past: none where no instrument tells the whole.
pub fn head_height(app: &App, height: u16) -> u16 {
    let known = app.past().watts.peak(usize::MAX).is_some();
    if known && height >= 16 { (height / 4).clamp(4, 12) } else { 0 }
}

/// The whole.
pub fn title(app: &App, now: &Snapshot) -> Text {
    let mut title = watts(now).map_or(Text::new(), facts::watts);
    let ring = &app.past().watts;
    if let (Some(mean), Some(peak)) = (app.mean(ring), ring.peak(LENGTH)) {
        let (mean, peak) = (facts::watts(mean), facts::watts(peak));
        title.push(&short!("  avg {} {}  pk {}", &*interval(app.average), &*mean, &*peak));
    }
    if let Some(joules) = app.past().session.joules(now) {
        title.push(&short!("  {}", &*fields::watt_hours(joules)));
    }
    title
}

/// What the height of the chart stands for.
#[must_use]
pub fn below(app: &App, now: &Snapshot, width: u16) -> Text {
    let (full, is_limit) = app.power_scale(now, width);
    match is_limit {
        _ if app.past().watts.peak(LENGTH).is_none() => Text::new(),
        true if chip::row(now).is_some() => {
            short!("full height {}, the scale of the chip", &*facts::watts(full))
        }
        true => short!("full height {}, the limit", &*facts::watts(full)),
        false => short!("full height {}", &*facts::watts(full)),
    }
}

/// Draws the past.
pub fn head(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let ring = &app.past().watts;
    let (full, _) = app.power_scale(now, canvas.width());
    chart(canvas, ring, full, &app.theme.heat, false);
}

/// Its lines.
pub fn lines(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    let wide = sheet.width() >= WIDE;
    let left = (sheet.width().saturating_sub(2) / 2).min(80);
    let right = sheet.width().saturating_sub(left + 2);
    if wide {
        sheet.columns();
        sheet.column(0, left);
    }
    domains(app, now, sheet);
    chip::page(app, now, sheet);
    batteries(app, now, sheet);
    if wide {
        sheet.column(left + 2, right);
    }
    sensors(app, now, sheet);
    sheet.end_columns();
}

/// Each power domain with what it drew since retop began to look.
fn domains(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    sheet.part();
    if now.rows(FamilyId::Power).len() == 0 {
        return fields::missing(app, now, FamilyId::Power, sheet);
    }
    let limited = now.rows(FamilyId::Power).any(|row| row.get(power::limit_watts).is_some());
    let average = short!("AVG {}", &*interval(app.average));
    // Eight cells, of which one is a blank.
    let average = if width(&average) < 8 { average.as_str() } else { "AVG" };
    let heads = ["NOW", average, "PEAK", "ENERGY", if limited { "LIMIT" } else { "" }];
    let fit = (sheet.width().saturating_sub(8) / 8).min(heads.len() as u16);
    let label = sheet.width().saturating_sub(fit * 8).clamp(8, 28);
    let since = app.past().session.seconds();
    sheet.line(|canvas| {
        canvas.fill(Rect::new(0, 0, canvas.width(), 1), app.theme.head);
        canvas.field(0, 0, label, "Power", app.theme.sorted);
        for (head, place) in heads.iter().zip(1..=fit) {
            canvas.right(label + place * 8, 0, head, app.theme.head);
        }
        let text = short!("energy in {}", Duration(since.round()));
        let at = label + fit * 8 + 2;
        if at + width(&text) <= canvas.width() {
            canvas.text(at, 0, &text, app.theme.head);
        }
    });
    let domains = heat::domains(app, now);
    for row in (0..domains.count()).filter_map(|at| domains.row(now, FamilyId::Power, at)) {
        sheet.line(|canvas| domain(app, row, (label, fit), canvas));
    }
}

fn domain(app: &App, row: Row<'_>, (label, fit): (u16, u16), canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let tally = app.past().session.of(row.key());
    let watts = |watts: Option<f64>| watts.map_or(short!("{}", app.missing()), facts::watts);
    let energy = tally.and_then(|tally| tally.joules()).map(fields::watt_hours);
    let limit = row.get(power::limit_watts);
    let values = [
        watts(row.get(power::watts)),
        watts(app.past().rail(row.key()).and_then(|rail| app.mean(rail))),
        watts(tally.and_then(|tally| tally.peak())),
        energy.unwrap_or(short!("{}", app.missing())),
        limit.map_or(Text::new(), facts::watts),
    ];
    canvas.field(0, 0, label, row.shown(power::domain), theme.text);
    let (name, source) = (width(row.shown(power::domain)) + 1, row.shown(power::source));
    if name + width(source) <= label {
        canvas.text(name, 0, source, theme.dim);
    }
    for ((text, place), pen) in values.iter().zip(1..=fit).zip([
        theme.accent,
        theme.text,
        theme.text,
        theme.text,
        theme.dim,
    ]) {
        canvas.right(label + place * 8, 0, text, pen);
    }
}

/// Each battery with everything that it says of itself.
fn batteries(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    if now.rows(FamilyId::Battery).len() == 0 {
        return fields::missing_for_a_reason(app, now, FamilyId::Battery, sheet);
    }
    for row in now.rows(FamilyId::Battery) {
        let left = row.get(battery::empty_seconds).map(|time| (time, "left"));
        let left = left.or(row.get(battery::full_seconds).map(|time| (time, "to full")));
        let more = match left {
            Some((time, what)) => short!("~{} {what}", Duration(time)),
            None => short!("{}", row.shown(battery::model)),
        };
        fields::heading(app, sheet, fields::or_missing(row.shown(battery::battery)), &more);
        // What is left is in the heading.
        let found = fields::with_values(Some(row), |field| {
            field != battery::empty_seconds && field != battery::full_seconds
        });
        fields::facts(app, Some(row), &found, sheet, found.1.div_ceil(3));
    }
}

/// Sensors by what they measure; kinds that nobody measures take no room.
fn sensors(app: &App, now: &Snapshot, sheet: &mut Sheet<'_>) {
    if now.rows(FamilyId::Sensor).len() == 0 {
        sheet.part();
        return fields::missing(app, now, FamilyId::Sensor, sheet);
    }
    let kinds: [(&str, &[Field]); 4] = [
        (
            "Temperature",
            &[
                sensor::temperature_celsius,
                sensor::high_celsius,
                sensor::critical_celsius,
                sensor::headroom_celsius,
            ],
        ),
        ("Fan", &[sensor::fan_rpm]),
        ("Voltage", &[sensor::voltage_volts]),
        ("Current", &[sensor::current_amperes]),
    ];
    for (name, shown) in kinds {
        let rows = Places::of(now, FamilyId::Sensor, |row| row.get(shown[0]).is_some());
        if rows.count() == 0 {
            continue;
        }
        sheet.part();
        let narrowest = if shown.len() > 1 { 52 } else { 34 };
        let shape = (rows.count(), narrowest, 1);
        let each = sheet.divide(shape).1;
        let columns = fields::Columns::fit(now, shown.iter().copied(), each, (20, 32));
        let mut head = |canvas: &mut Canvas<'_>| columns.head(app, canvas, name, "");
        sheet.items(shape, Some(&mut head), |canvas, place| {
            if let Some(row) = rows.row(now, FamilyId::Sensor, place) {
                one(app, row, &columns, canvas);
            }
        });
    }
}

fn one(app: &App, row: Row<'_>, columns: &fields::Columns, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    columns.row(app, row, canvas, None);
    let label = columns.label;
    let chip = row.shown(sensor::chip);
    let at = canvas.field(0, 0, width(chip).min(label / 2), chip, theme.dim) + 1;
    canvas.field(at, 0, label.saturating_sub(at), row.shown(sensor::sensor), theme.text);
    let Some(celsius) = row.get(sensor::temperature_celsius) else { return };
    let limit = row.get(sensor::critical_celsius).or_else(|| row.get(sensor::high_celsius));
    let hot = limit.is_some_and(|limit| celsius >= limit - 5.0);
    let pen = if hot { theme.crit } else { on_ramp(&theme.heat, facts::heat(celsius)) };
    // The first column is the temperature: degrees are coloured by how serious they are.
    for x in label..(label + 7).min(canvas.width()) {
        canvas.tint(x, 0, |_| pen);
    }
    if hot {
        canvas.put(label + 7, 0, '!', pen);
    }
}
