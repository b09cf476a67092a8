//! Numbers of a filter, with their units.

use crate::unit::Unit;

/// A number as it was written, and what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// As it was written, unit included.
    pub text: String,
    /// In the field's base unit.
    pub value: f64,
    /// Half of its last digit: what `=` lets pass on either side.
    pub slack: f64,
}

const KIB: f64 = 1024.0;

/// Units that may follow a number, and how much of the base unit each is.
fn units(unit: Unit) -> &'static [(&'static str, f64)] {
    match unit {
        Unit::Bytes | Unit::BytesPerSecond => &[
            ("B", 1.0),
            ("K", KIB),
            ("M", KIB * KIB),
            ("G", KIB * KIB * KIB),
            ("T", KIB * KIB * KIB * KIB),
        ],
        Unit::Seconds | Unit::Timestamp => {
            &[("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)]
        }
        Unit::Watts => &[("mW", 0.001), ("W", 1.0), ("kW", 1000.0)],
        Unit::Joules => &[("J", 1.0), ("kJ", 1000.0), ("mWh", 3.6), ("Wh", 3600.0)],
        Unit::Ratio => &[("%", 0.01)],
        Unit::PerSecond => &[("/s", 1.0)],
        _ => &[],
    }
}

/// Reads a number. `worth` is what a plain 1 is in the base unit.
///
/// # Errors
///
/// What was expected instead.
pub(super) fn read(text: &str, unit: Unit, worth: f64) -> Result<Number, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let expected = || format!("expected {}, not '{text}'", example(unit));
    if !digits.ends_with(|c: char| c.is_ascii_digit()) {
        return Err(expected());
    }
    let count: f64 = digits.parse().map_err(|_| expected())?;
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let worth = match suffix {
        "" => Some(worth),
        _ => scale(suffix, unit),
    };
    let worth = worth.ok_or_else(|| {
        let known: Vec<&str> = units(unit).iter().map(|(name, _)| *name).collect();
        match known.is_empty() {
            true => format!("expected a number without a unit, not '{text}'"),
            false => format!("no unit '{suffix}' here; use {}", known.join(", ")),
        }
    })?;
    // Beyond 300 decimals the last digit is nothing; the cast cannot overflow.
    let slack = worth * 0.5 * 10f64.powi(-i32::try_from(decimals.min(300)).unwrap_or(300));
    let value = count * worth;
    if !value.is_finite() {
        return Err(expected());
    }
    Ok(Number { text: text.to_owned(), value, slack })
}

fn scale(suffix: &str, unit: Unit) -> Option<f64> {
    let known = units(unit);
    let exact = |wanted: &str| known.iter().find(|(name, _)| *name == wanted).map(|unit| unit.1);
    if !matches!(unit, Unit::Bytes | Unit::BytesPerSecond) {
        return exact(suffix);
    }
    // 1G, 1g, 1GB, 1GiB and 1G/s mean the same; all are powers of 1024.
    let suffix = suffix.strip_suffix("/s").unwrap_or(suffix).to_ascii_uppercase();
    let short = suffix.strip_suffix("IB").or_else(|| suffix.strip_suffix('B')).unwrap_or(&suffix);
    exact(if short.is_empty() { "B" } else { short })
}

fn example(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes | Unit::BytesPerSecond => "bytes such as 512M or 1.5G",
        Unit::Seconds | Unit::Timestamp => "a time such as 30s or 2h",
        Unit::Ratio => "a share such as 10 or 10%",
        Unit::Watts => "a power such as 250mW or 3W",
        Unit::Joules => "an energy such as 5J or 1Wh",
        _ => "a number",
    }
}
