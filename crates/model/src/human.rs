//! Numbers as people read them: on the screen and in the report, never in data.
//!
//! Each type here is a [`Display`] that allocates nothing and obeys width and alignment
//! (`{:>6}`), so that a cell of a table is one `write!`. Sizes are powers of 1024, counts and
//! clocks powers of 1000. Nothing that is no number is ever printed as one: NaN is `–`.

use std::fmt::{self, Display, Formatter, Write};

use crate::civil::Rfc3339;
use crate::unit::Unit;

/// What stands where there is no value.
pub const MISSING: &str = "–";

/// Bytes in at most four characters: `0`, `812B`, `1.3G`, `812K`; a minus sign is a fifth.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub f64);

/// Bytes per second: a [`Size`] and `/s`.
#[derive(Clone, Copy, Debug)]
pub struct Rate(pub f64);

/// A plain number in at most four characters: `7`, `0.3`, `812`, `1.3k`, `24M`.
#[derive(Clone, Copy, Debug)]
pub struct Count(pub f64);

/// A ratio as percent: `0.4%`, `37%`, `1600%`.
#[derive(Clone, Copy, Debug)]
pub struct Percent(pub f64);

/// Seconds as a length of time: `250ms`, `1.2s`, `42s`, `3m05s`, `12m`, `4h05m`, `3d04h`, `120d`.
#[derive(Clone, Copy, Debug)]
pub struct Duration(pub f64);

/// Hertz: `800MHz`, `3.4GHz`.
#[derive(Clone, Copy, Debug)]
pub struct Frequency(pub f64);

/// A number in the form that its unit asks for.
#[derive(Clone, Copy, Debug)]
pub struct Value(pub Unit, pub f64);

/// A value that may be missing: [`MISSING`] then.
#[derive(Clone, Copy, Debug)]
pub struct Or<T>(pub Option<T>);

/// Long enough for every text of this module.
struct Buffer {
    bytes: [u8; 32],
    len: usize,
}

impl Buffer {
    const EMPTY: Buffer = Buffer { bytes: [0; 32], len: 0 };

    fn pad(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.bytes[..self.len]).unwrap_or(MISSING))
    }
}

impl Write for Buffer {
    /// What does not fit is left off whole: a short text is better than an error, which would
    /// panic in `to_string`.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(text.as_bytes());
            self.len = end;
        }
        Ok(())
    }
}

/// Three digits and a prefix: the number is divided by `base` until it has at most three digits
/// before the point *after rounding*, so that 1023 KiB are `1.0M` and never `1023K`. Past the last
/// prefix lies only the garbage of a broken driver: it is held at 999.
fn scaled(out: &mut Buffer, mut value: f64, base: f64, prefixes: &[&str]) -> fmt::Result {
    let mut place = 0;
    while value.abs() >= 999.5 && place + 1 < prefixes.len() {
        value /= base;
        place += 1;
    }
    let value = value.clamp(-999.4, 999.4);
    let prefix = prefixes.get(place).unwrap_or(&"");
    if place > 0 && value.abs() < 9.95 {
        write!(out, "{value:.1}{prefix}")
    } else {
        write!(out, "{:.0}{prefix}", whole(value))
    }
}

/// Rounded to a whole number, without a negative zero.
fn whole(value: f64) -> f64 {
    value.round() + 0.0
}

fn size(out: &mut Buffer, bytes: f64) -> fmt::Result {
    if whole(bytes) == 0.0 {
        return out.write_str("0");
    }
    scaled(out, bytes, 1024.0, &["B", "K", "M", "G", "T", "P", "E"])
}

fn count(out: &mut Buffer, number: f64) -> fmt::Result {
    if number.abs() < 9.95 && number != number.round() {
        return write!(out, "{number:.1}");
    }
    scaled(out, number, 1000.0, &["", "k", "M", "G", "T", "P", "E"])
}

fn percent(out: &mut Buffer, ratio: f64) -> fmt::Result {
    let percent = (ratio * 100.0).clamp(-99_999.0, 99_999.0);
    if percent.abs() < 9.95 {
        // Adding 0.0 makes −0.0 a plain zero.
        write!(out, "{:.1}%", (percent * 10.0).round() / 10.0 + 0.0)
    } else {
        write!(out, "{:.0}%", percent)
    }
}

fn duration(out: &mut Buffer, seconds: f64) -> fmt::Result {
    let length = seconds.abs().min(1e15);
    if seconds < 0.0 {
        out.write_str("-")?;
    }
    match length {
        0.0 => return out.write_str("0s"),
        s if s < 999.5e-9 => return write!(out, "{:.0}ns", s * 1e9),
        s if s < 999.5e-6 => return write!(out, "{:.0}µs", s * 1e6),
        s if s < 999.5e-3 => return write!(out, "{:.0}ms", s * 1e3),
        s if s < 9.95 => return write!(out, "{s:.1}s"),
        s if s < 59.5 => return write!(out, "{s:.0}s"),
        _ => {}
    }
    // Past a minute it reads like a clock: what has not passed in full does not count.
    let seconds = (length + 0.5) as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match () {
        () if minutes < 10 => write!(out, "{minutes}m{:02}s", seconds % 60),
        () if hours == 0 => write!(out, "{minutes}m"),
        () if days == 0 => write!(out, "{hours}h{:02}m", minutes % 60),
        () if days < 100 => write!(out, "{days}d{:02}h", hours % 24),
        () if days < 10_000 => write!(out, "{days}d"),
        () => write!(out, "{}y", days / 365),
    }
}

fn frequency(out: &mut Buffer, hertz: f64) -> fmt::Result {
    scaled(out, hertz, 1000.0, &["Hz", "kHz", "MHz", "GHz", "THz"])
}

/// A reading with the letter of its unit; small ones keep what three digits can show.
fn reading(out: &mut Buffer, value: f64, unit: &str) -> fmt::Result {
    let value = value.clamp(-1e9, 1e9);
    match value.abs() {
        0.0 => write!(out, "0{unit}"),
        small if small < 0.9995 => write!(out, "{:.0}m{unit}", value * 1e3),
        medium if medium < 99.95 => write!(out, "{value:.1}{unit}"),
        _ => write!(out, "{value:.0}{unit}"),
    }
}

fn write_unit(out: &mut Buffer, unit: Unit, value: f64) -> fmt::Result {
    match unit {
        Unit::Count => count(out, value),
        Unit::Ratio => percent(out, value),
        Unit::Bytes => size(out, value),
        Unit::BytesPerSecond => size(out, value).and_then(|()| out.write_str("/s")),
        Unit::PerSecond => count(out, value).and_then(|()| out.write_str("/s")),
        Unit::Seconds => duration(out, value),
        Unit::Timestamp => write!(out, "{}", Rfc3339((value * 1e3) as i64)),
        Unit::Hertz => frequency(out, value),
        Unit::Celsius => write!(out, "{:.0}°C", whole(value.clamp(-999.0, 9_999.0))),
        Unit::Watts => reading(out, value, "W"),
        // What a process draws in a second is a small part of one.
        Unit::Joules if value.abs() < 99.95 => reading(out, value, "J"),
        Unit::Joules => {
            let units = ["J", "kJ", "MJ", "GJ", "TJ"];
            scaled(out, value, 1000.0, &units)
        }
        Unit::Volts => reading(out, value, "V"),
        Unit::Amperes => reading(out, value, "A"),
        Unit::Rpm => write!(out, "{:.0}rpm", whole(value.clamp(-1e9, 1e9))),
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut out = Buffer::EMPTY;
        if self.1.is_nan() {
            out.write_str(MISSING)?;
        } else {
            write_unit(&mut out, self.0, self.1)?;
        }
        out.pad(f)
    }
}

macro_rules! display {
    ($($name:ident $unit:ident,)*) => { $(
        impl Display for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Value(Unit::$unit, self.0).fmt(f)
            }
        }
    )* };
}

display! {
    Size Bytes,
    Rate BytesPerSecond,
    Count Count,
    Percent Ratio,
    Duration Seconds,
    Frequency Hertz,
}

impl<T: Display> Display for Or<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.pad(MISSING),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const K: f64 = 1024.0;

    #[test]
    fn sizes_fit_four_characters_and_never_show_four_digits() {
        let table = [
            (0.0, "0"),
            (0.4, "0"),
            (-0.0, "0"),
            (1.0, "1B"),
            (999.4, "999B"),
            (999.5, "1.0K"),
            (1023.0, "1.0K"),
            (1536.0, "1.5K"),
            (9.94 * K, "9.9K"),
            (9.96 * K, "10K"),
            (812.0 * K, "812K"),
            (1023.0 * K, "1.0M"),
            (1.3 * K * K * K, "1.3G"),
            (16.0 * K * K * K * K, "16T"),
            (i64::MAX as f64, "8.0E"),
            (f64::INFINITY, "999E"),
            (-1536.0, "-1.5K"),
            (f64::NAN, "–"),
        ];
        for (bytes, text) in table {
            assert_eq!(Size(bytes).to_string(), text, "{bytes}");
        }
        assert_eq!(Rate(1.3 * K * K).to_string(), "1.3M/s");
    }

    #[test]
    fn counts_percents_and_clocks() {
        for (number, text) in [
            (0.0, "0"),
            (7.0, "7"),
            (0.31, "0.3"),
            (999.0, "999"),
            (1_300.0, "1.3k"),
            (24e6, "24M"),
        ] {
            assert_eq!(Count(number).to_string(), text);
        }
        for (ratio, text) in [
            (0.0, "0.0%"),
            (-0.0001, "0.0%"),
            (0.004, "0.4%"),
            (0.0994, "9.9%"),
            (0.0996, "10%"),
            (0.37, "37%"),
            (16.0, "1600%"),
        ] {
            assert_eq!(Percent(ratio).to_string(), text);
        }
        assert_eq!(Frequency(800e6).to_string(), "800MHz");
        assert_eq!(Frequency(3.4e9).to_string(), "3.4GHz");
    }

    #[test]
    fn lengths_of_time_round_into_the_next_unit() {
        for (seconds, text) in [
            (0.0, "0s"),
            (250e-9, "250ns"),
            (42e-6, "42µs"),
            (0.25, "250ms"),
            (0.9994, "999ms"),
            (0.9996, "1.0s"),
            (1.2, "1.2s"),
            (9.96, "10s"),
            (42.0, "42s"),
            (59.6, "1m00s"),
            (185.0, "3m05s"),
            (12.0 * 60.0 + 40.0, "12m"),
            (4.0 * 3600.0 + 5.0 * 60.0, "4h05m"),
            (3.0 * 86_400.0 + 4.0 * 3600.0, "3d04h"),
            (120.0 * 86_400.0, "120d"),
            (30_000.0 * 86_400.0, "82y"),
            (-90.0, "-1m30s"),
            (f64::INFINITY, "31709791y"),
        ] {
            assert_eq!(Duration(seconds).to_string(), text, "{seconds}");
        }
    }

    #[test]
    fn each_unit_has_its_form() {
        for (unit, value, text) in [
            (Unit::PerSecond, 1_300.0, "1.3k/s"),
            (Unit::Celsius, 45.4, "45°C"),
            (Unit::Celsius, -0.2, "0°C"),
            (Unit::Watts, 12.34, "12.3W"),
            (Unit::Watts, 0.25, "250mW"),
            (Unit::Watts, 0.0, "0W"),
            (Unit::Watts, 420.0, "420W"),
            (Unit::Volts, 1.05, "1.1V"),
            (Unit::Joules, 180_000.0, "180kJ"),
            (Unit::Joules, 0.0684, "68mJ"),
            (Unit::Joules, 5.25, "5.2J"),
            (Unit::Joules, 0.0, "0J"),
            (Unit::Rpm, 1_200.0, "1200rpm"),
            (Unit::Timestamp, 1.25, "1970-01-01T00:00:01.250Z"),
            (Unit::Timestamp, f64::INFINITY, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Value(unit, value).to_string(), text);
        }
    }

    #[test]
    fn width_and_alignment_are_obeyed() {
        assert_eq!(format!("{:>6}|", Size(1536.0)), "  1.5K|");
        assert_eq!(format!("{:<6}|", Percent(0.5)), "50%   |");
        assert_eq!(format!("{:>3}|", Or(None::<Size>)), "  –|");
        assert_eq!(format!("{:>5}|", Or(Some(Size(1.0)))), "   1B|");
    }

    proptest! {
        #[test]
        fn any_number_has_a_short_text(number: f64) {
            prop_assert!(Size(number).to_string().chars().count() <= 5);
            prop_assert!(Count(number).to_string().chars().count() <= 5);
            for unit in [Unit::Seconds, Unit::Ratio, Unit::Hertz, Unit::Watts, Unit::Celsius] {
                prop_assert!(Value(unit, number).to_string().chars().count() <= 12);
            }
        }
    }
}
