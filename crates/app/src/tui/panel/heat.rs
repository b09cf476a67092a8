//! Power, temperatures, fans and batteries.

use retop_model::family::{battery, power, sensor};
use retop_model::human::{Duration, MISSING};
use retop_model::{FamilyId, Snapshot};

use super::facts;
use crate::short;
use crate::tui::app::App;
use crate::tui::history::watts;
use crate::tui::render::{Canvas, Rect};
use crate::tui::theme::on_ramp;
use crate::tui::units::{Text, whole_percent};
use crate::tui::widget::chart::{chart, scale};
use crate::tui::widget::frame::{Edges, frame};

/// True if there is anything to show.
#[must_use]
pub fn is_there(now: &Snapshot) -> bool {
    [FamilyId::Power, FamilyId::Battery].iter().any(|&family| now.rows(family).len() > 0)
        || now.rows(FamilyId::Sensor).any(|row| {
            row.get(sensor::temperature_celsius).is_some() || row.get(sensor::fan_rpm).is_some()
        })
}

/// The hottest sensor and its chip.
#[must_use]
pub fn hottest(now: &Snapshot) -> Option<(f64, &str)> {
    now.rows(FamilyId::Sensor)
        .filter_map(|row| Some((row.get(sensor::temperature_celsius)?, row.shown(sensor::chip))))
        .max_by(|a, b| a.0.total_cmp(&b.0))
}

/// Draws the box.
pub fn draw(app: &App, now: &Snapshot, canvas: &mut Canvas<'_>) {
    let theme = &app.theme;
    let total = watts(now);
    let title = total.map_or(Text::new(), facts::watts);
    let ring = &app.history.watts;
    let right = match (ring.mean(60), ring.peak(60)) {
        (Some(mean), Some(peak)) => {
            short!("avg {} · pk {}", &*facts::watts(mean), &*facts::watts(peak))
        }
        _ => Text::new(),
    };
    let name = if total.is_some() { "PWR" } else { "Heat" };
    let edges = Edges { key: Some('5'), name, now: &title, right: &right, ..Edges::default() };
    let inner = &mut frame(canvas, &edges, theme);
    let (width, height) = (inner.width(), inner.height());
    let list = if total.is_some() && width >= 44 { width / 2 } else { width };
    if list < width {
        let mut region = inner.region(Rect::new(0, 0, width - list - 1, height));
        chart(&mut region, ring, scale(ring.peak(usize::MAX), 10.0), &theme.heat, false);
    }
    let canvas = &mut inner.region(Rect::new(width - list, 0, list, height));
    let name_room = list.saturating_sub(12).min(24);
    let mut y = 0;
    let mut line = |name: &str, value: &str, pen, more: &str| {
        canvas.field(1, y, name_room, name, theme.dim);
        let end = canvas.right(name_room + 9, y, value, pen) + crate::tui::render::width(value);
        canvas.text(end + 1, y, more, theme.dim);
        y += 1;
    };
    for row in now.rows(FamilyId::Battery) {
        let share = row.get(battery::charge_ratio);
        let left = row.get(battery::empty_seconds).or_else(|| row.get(battery::full_seconds));
        let state = row.state(battery::status).unwrap_or(MISSING);
        let more = left.map_or(short!("{state}"), |left| short!("~{}", Duration(left)));
        let text = share.map_or(short!("{MISSING}"), whole_percent);
        line(row.shown(battery::battery), &text, theme.text, &more);
    }
    for row in now.rows(FamilyId::Power) {
        let text = match row.get(power::watts) {
            Some(watts) => facts::watts(watts),
            None => short!("{}", app.missing()),
        };
        line(row.shown(power::domain), &text, theme.text, row.shown(power::source));
    }
    for row in now.rows(FamilyId::Sensor) {
        let name = short!("{} {}", row.shown(sensor::chip), row.shown(sensor::sensor));
        if let Some(celsius) = row.get(sensor::temperature_celsius) {
            let limit = row.get(sensor::critical_celsius).or_else(|| row.get(sensor::high_celsius));
            let hot = limit.is_some_and(|limit| celsius >= limit - 5.0);
            let pen = if hot { theme.crit } else { on_ramp(&theme.heat, facts::heat(celsius)) };
            let more = if hot { "!" } else { "" };
            line(&name, &short!("{}C", &*facts::degrees(celsius)), pen, more);
        } else if let Some(rpm) = row.get(sensor::fan_rpm) {
            line(&name, &short!("{rpm:.0}rpm"), theme.text, "");
        }
    }
}
