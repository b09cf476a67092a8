//! Facts that more than one panel tells.

use retop_model::family::{chip, cluster, core, host, sensor};
use retop_model::human::{Count, Frequency};
use retop_model::{FamilyId, Row, Snapshot, Unit};

use crate::short;
use crate::tui::app::App;
use crate::tui::render::{Canvas, Pen};
use crate::tui::units::Text;

/// The highest clock of a core.
#[must_use]
pub fn clock(now: &Snapshot) -> Option<Frequency> {
    // What clusters ran at, where the chip tells, is less than what was asked of their cores.
    let ran = now.rows(FamilyId::Cluster).filter_map(|row| row.get(cluster::frequency_hertz));
    let clocks = now.rows(FamilyId::Core).filter_map(|row| row.get(core::frequency_hertz));
    ran.reduce(f64::max).or_else(|| clocks.reduce(f64::max)).map(Frequency)
}

/// True for a sensor of the processor.
#[must_use]
pub fn of_processor(row: &Row<'_>) -> bool {
    let chip = row.shown(sensor::chip);
    ["coretemp", "k10temp", "zenpower", "cpu_thermal", "x86_pkg_temp", "cpu-thermal"]
        .iter()
        .any(|known| chip.starts_with(known))
}

/// The temperature of the processor: its hottest sensor.
#[must_use]
pub fn processor_celsius(now: &Snapshot) -> Option<f64> {
    let chips = now.rows(FamilyId::Chip).filter_map(|row| row.get(chip::cpu_highest_celsius));
    if let Some(celsius) = chips.reduce(f64::max) {
        return Some(celsius);
    }
    let rows = now.rows(FamilyId::Sensor).filter(of_processor);
    rows.filter_map(|row| row.get(sensor::temperature_celsius)).reduce(f64::max)
}

/// The three load averages.
#[must_use]
pub fn load(now: &Snapshot) -> Option<Text> {
    let one = |field| now.one(field);
    let (a, b, c) = (one(host::load_1m)?, one(host::load_5m)?, one(host::load_15m)?);
    let digits = |load: f64| usize::from(load < 99.95);
    Some(short!("{a:.*} {b:.*} {c:.*}", digits(a), digits(b), digits(c)))
}

/// Degrees without the letter of the scale: `61°`.
#[must_use]
pub fn degrees(celsius: f64) -> Text {
    short!("{celsius:.0}°")
}

/// How serious a temperature is: 30 is cold, 95 is hot.
#[must_use]
pub fn heat(celsius: f64) -> f64 {
    (celsius - 30.0) / 65.0
}

/// Watts, for people.
#[must_use]
pub fn watts(watts: f64) -> Text {
    short!("{}", retop_model::human::Value(Unit::Watts, watts))
}

/// Watts where there is little room: whole ones from ten on.
#[must_use]
pub fn short_watts(watts: f64) -> Text {
    if (9.95..999.5).contains(&watts) { short!("{watts:.0}W") } else { self::watts(watts) }
}

/// A rate of things, for people.
#[must_use]
pub fn per_second(rate: Option<f64>) -> Text {
    match rate {
        Some(rate) => short!("{}/s", Count(two_digits(rate))),
        None => short!("{}", retop_model::human::MISSING),
    }
}

/// A rate to two digits: the third is another one with each sample, and says nothing.
fn two_digits(rate: f64) -> f64 {
    if !(100.0..1e15).contains(&rate) {
        return rate;
    }
    let unit = 10_f64.powi(rate.log10().floor() as i32 - 1);
    (rate / unit).round() * unit
}

/// Draws `name value` with the name dim; the column after it and two blanks.
pub fn fact(app: &App, canvas: &mut Canvas<'_>, x: u16, y: u16, name: &str, value: &str) -> u16 {
    fact_in(app, canvas, (x, y), name, value, app.theme.text)
}

/// As [`fact`], with the value in that pen. Draws nothing that does not fit whole.
pub fn fact_in(
    app: &App,
    canvas: &mut Canvas<'_>,
    (x, y): (u16, u16),
    name: &str,
    value: &str,
    pen: Pen,
) -> u16 {
    let gap = u16::from(!name.is_empty());
    let room = crate::tui::render::width(name) + gap + crate::tui::render::width(value);
    if x.saturating_add(room) > canvas.width() {
        return x;
    }
    let mut at = canvas.text(x, y, name, app.theme.dim);
    at += gap;
    canvas.text(at, y, value, pen) + 2
}

#[cfg(test)]
mod tests {
    use super::per_second;

    #[test]
    fn rates_have_two_digits() {
        for (rate, text) in [(0.0, "0/s"), (7.0, "7/s"), (87.4, "87/s"), (814.0, "810/s")] {
            assert_eq!(&*per_second(Some(rate)), text);
        }
        for (rate, text) in [(999.0, "1.0k/s"), (1_268.0, "1.3k/s"), (41_499.0, "41k/s")] {
            assert_eq!(&*per_second(Some(rate)), text);
        }
        assert_eq!(&*per_second(None), "–");
    }
}
