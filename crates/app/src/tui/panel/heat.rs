//! Power, temperatures, fans and batteries.

use retop_model::family::{battery, power, sensor};
use retop_model::human::{Duration, MISSING};
use retop_model::{FamilyId, Snapshot};

use super::facts;
use super::fields::watt_hours;
use super::page::Places;
use crate::short;
use crate::tui::app::App;
use crate::tui::history::{LENGTH, watts};
use crate::tui::page::Page;
use crate::tui::render::{Canvas, Pen, Rect};
use crate::tui::theme::on_ramp;
use crate::tui::units::{Text, interval, whole_percent};
use crate::tui::widget::chart::chart;
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
    let ring = &app.past().watts;
    let right = match (app.mean(ring), ring.peak(LENGTH)) {
        (Some(mean), Some(peak)) => {
            let (mean, peak) = (facts::short_watts(mean), facts::short_watts(peak));
            short!("avg {} {} · pk {}", &*interval(app.average), &*mean, &*peak)
        }
        _ => Text::new(),
    };
    let name = if total.is_some() { "PWR" } else { "Heat" };
    let energy = app.past().session.joules(now).filter(|_| canvas.width() >= 44);
    let below = energy.map_or(Text::new(), |joules| {
        let time = Duration(app.past().session.seconds().round());
        short!("{} in {time}", &*watt_hours(joules))
    });
    let edges = Edges {
        key: app.keys.digit(Page::Power),
        page: Some(Page::Power),
        name,
        now: &title,
        right: &right,
        below: &below,
        ..Edges::default()
    };
    let inner = &mut frame(canvas, &edges, theme);
    let (width, height) = (inner.width(), inner.height());
    // The past takes what a list in full does not need.
    let list = if total.is_some() && width >= 50 { 32 } else { width };
    if list < width {
        let mut region = inner.region(Rect::new(0, 0, width - list, height));
        let (full, _) = app.power_scale(now, width - list);
        chart(&mut region, ring, full, &theme.heat, false);
    }
    let mut list =
        List::new(app, inner.region(Rect::new(width - list, 0, list, height)), count(now));
    for row in now.rows(FamilyId::Battery) {
        let share = row.get(battery::charge_ratio);
        let text = share.map_or(short!("{MISSING}"), whole_percent);
        let left = row.get(battery::empty_seconds).or_else(|| row.get(battery::full_seconds));
        let more = match left {
            Some(left) => short!("~{}", Duration(left)),
            None => short!("{}", row.state(battery::status).unwrap_or(MISSING)),
        };
        list.add(row.shown(battery::battery), &text, theme.text, &more);
    }
    let domains = domains(app, now);
    for row in (0..domains.count()).filter_map(|at| domains.row(now, FamilyId::Power, at)) {
        let text = match row.get(power::watts) {
            Some(watts) => facts::watts(watts),
            None => short!("{}", app.missing()),
        };
        list.add(row.shown(power::domain), &text, theme.text, row.shown(power::source));
    }
    let sensors = || now.rows(FamilyId::Sensor);
    let own = sensors().filter(facts::of_processor);
    for row in own.chain(sensors().filter(|row| !facts::of_processor(row))) {
        let Some(celsius) = row.get(sensor::temperature_celsius) else { continue };
        let limit = row.get(sensor::critical_celsius).or_else(|| row.get(sensor::high_celsius));
        let hot = limit.is_some_and(|limit| celsius >= limit - 5.0);
        let pen = if hot { theme.crit } else { on_ramp(&theme.heat, facts::heat(celsius)) };
        let text = short!("{}{}", &*facts::degrees(celsius), if hot { "!" } else { "" });
        list.add(row.shown(sensor::chip), &text, pen, row.shown(sensor::sensor));
    }
    for row in sensors() {
        let Some(rpm) = row.get(sensor::fan_rpm) else { continue };
        list.add(
            row.shown(sensor::sensor),
            &short!("{rpm:.0}rpm"),
            theme.text,
            row.shown(sensor::chip),
        );
    }
}

/// Power domains, those first that took most: the whole stands before its parts.
#[must_use]
pub fn domains(app: &App, now: &Snapshot) -> Places {
    let session = &app.past().session;
    Places::top(now, FamilyId::Power, usize::MAX, |row| {
        Some(session.of(row.key()).and_then(|tally| tally.joules()).unwrap_or(0.0))
    })
}

fn count(now: &Snapshot) -> u16 {
    let families = [FamilyId::Battery, FamilyId::Power, FamilyId::Sensor];
    families.iter().map(|&family| now.rows(family).len()).sum::<usize>().min(999) as u16
}

/// Names with their values, in as many columns as it takes to show all, if they fit.
struct List<'a> {
    app: &'a App,
    canvas: Canvas<'a>,
    each: u16,
    place: u16,
}

/// A name of eight cells and a value.
const NARROWEST: u16 = 18;

impl<'a> List<'a> {
    fn new(app: &'a App, canvas: Canvas<'a>, count: u16) -> List<'a> {
        let most = (canvas.width() / NARROWEST).max(1);
        let columns = count.div_ceil(canvas.height().max(1)).clamp(1, most);
        let each = canvas.width() / columns;
        List { app, canvas, each, place: 0 }
    }

    fn add(&mut self, name: &str, value: &str, pen: Pen, more: &str) {
        let height = self.canvas.height().max(1);
        let (x, y) = (self.place / height * self.each, self.place % height);
        self.place += 1;
        let area = Rect::new(x + 1, y, self.each.saturating_sub(2), 1);
        let mut line = self.canvas.region(area);
        let room = line.width();
        // What it is more exactly comes second, and only where it fits.
        let value_at = if room >= 26 { 18 } else { room };
        line.field(0, 0, value_at.saturating_sub(8), name, self.app.theme.dim);
        line.right(value_at, 0, value, pen);
        if value_at < room {
            line.field(value_at + 1, 0, room - value_at - 1, more, self.app.theme.dim);
        }
    }
}
