//! Numbers as people read them, in few characters and on the stack.

use crate::short;
use crate::tui::render::Short;

/// A number's text.
pub type Text = Short<96>;

/// Not available, or not applicable.
pub const MISSING: &str = "–";
/// The first sample is there, its rate is not.
pub const PENDING: &str = "…";

/// Bytes in at most four characters below 1,000 TiB: `0`, `812`, `88K`, `1.3G`.
#[must_use]
pub fn bytes(bytes: f64) -> Text {
    scaled(bytes, 1024.0, ["", "K", "M", "G", "T", "P", "E"])
}

/// Plain numbers in at most four characters: `0`, `41k`, `3.7k`.
#[must_use]
pub fn count(count: f64) -> Text {
    scaled(count, 1000.0, ["", "k", "M", "G", "T", "P", "E"])
}

fn scaled(value: f64, base: f64, units: [&str; 7]) -> Text {
    if !value.is_finite() {
        return short!("{MISSING}");
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let mut rest = value.abs();
    let mut unit = 0;
    // 999.5 would be written as 1000: one character too many.
    while rest >= 999.5 && unit + 1 < units.len() {
        rest /= base;
        unit += 1;
    }
    if rest >= 999_999.0 {
        return short!("{sign}>999E");
    }
    if unit > 0 && rest < 9.95 {
        short!("{sign}{rest:.1}{}", units[unit])
    } else {
        short!("{sign}{rest:.0}{}", units[unit])
    }
}

/// A share as percent with one decimal, none from 1,000 on: `4.1`, `187.3`, `25600`.
#[must_use]
pub fn percent(ratio: f64) -> Text {
    let percent = ratio * 100.0;
    if percent >= 999.95 { short!("{percent:.0}") } else { short!("{percent:.1}") }
}

/// A share as a whole percent: `24%`.
#[must_use]
pub fn whole_percent(ratio: f64) -> Text {
    short!("{:.0}%", ratio * 100.0)
}

/// A span of time in two units: `0.4s`, `10s`, `4m05s`, `3d04h`.
#[must_use]
pub fn duration(seconds: f64) -> Text {
    if !seconds.is_finite() || seconds < 0.0 {
        return short!("{MISSING}");
    }
    let whole = seconds as u64;
    match whole {
        0 if seconds > 0.0 => short!("{:.1}s", seconds),
        0..60 => short!("{whole}s"),
        60..3600 => short!("{}m{:02}s", whole / 60, whole % 60),
        3600..86_400 => short!("{}h{:02}m", whole / 3600, whole / 60 % 60),
        _ => short!("{}d{:02}h", whole / 86_400, whole / 3600 % 24),
    }
}

/// CPU time as htop writes it: `0:04.12`, `12:40.0`, `3h04m`.
#[must_use]
pub fn cpu_time(seconds: f64) -> Text {
    if seconds < 3600.0 {
        let hundredths = (seconds * 100.0) as u64;
        let (minutes, rest) = (hundredths / 6000, hundredths % 6000);
        return short!("{minutes}:{:02}.{:02}", rest / 100, rest % 100);
    }
    duration(seconds)
}

/// A very short span: `0.20ms`, `12ms`, `1.2s`.
#[must_use]
pub fn latency(seconds: f64) -> Text {
    match seconds * 1000.0 {
        ms if ms < 9.995 => short!("{ms:.2}ms"),
        ms if ms < 999.5 => short!("{ms:.0}ms"),
        ms => short!("{:.1}s", ms / 1000.0),
    }
}

/// Watts: `4.1W`, `356W`.
#[must_use]
pub fn watts(watts: f64) -> Text {
    if watts.abs() < 99.95 { short!("{watts:.1}W") } else { short!("{watts:.0}W") }
}

/// A clock: `4.9GHz`, `800MHz`.
#[must_use]
pub fn hertz(hertz: f64) -> Text {
    if hertz < 999.5e6 {
        short!("{:.0}MHz", hertz / 1e6)
    } else {
        short!("{:.1}GHz", hertz / 1e9)
    }
}

/// The time of day, `14:03:21`, that many seconds east of Greenwich.
#[must_use]
pub fn time_of_day(wall_ms: i64, offset_seconds: i32) -> Text {
    let seconds = wall_ms.div_euclid(1000).saturating_add(i64::from(offset_seconds));
    let day = seconds.rem_euclid(86_400);
    short!("{:02}:{:02}:{:02}", day / 3600, day / 60 % 60, day % 60)
}

/// The value's text, or why there is none: `…` while its first rate is still to come.
#[must_use]
pub fn or_missing(value: Option<f64>, pending: bool, show: fn(f64) -> Text) -> Text {
    match value {
        Some(value) => show(value),
        None if pending => short!("{PENDING}"),
        None => short!("{MISSING}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_well() {
        let cases: &[(Text, &str)] = &[
            (bytes(0.0), "0"),
            (bytes(812.0), "812"),
            (bytes(999.0), "999"),
            (bytes(1000.0), "1.0K"),
            (bytes(90_112.0), "88K"),
            (bytes(1.3 * 1024.0 * 1024.0 * 1024.0), "1.3G"),
            (bytes(9.97 * 1024.0), "10K"),
            (bytes(1_048_575.0), "1.0M"),
            (bytes(-2048.0), "-2.0K"),
            (bytes(f64::NAN), "–"),
            (count(41_000.0), "41k"),
            (percent(1.873), "187.3"),
            (percent(0.041), "4.1"),
            (percent(256.0), "25600"),
            (duration(0.42), "0.4s"),
            (duration(245.0), "4m05s"),
            (duration(273_600.0), "3d04h"),
            (cpu_time(64.129), "1:04.12"),
            (cpu_time(11_040.0), "3h04m"),
            (latency(0.0002), "0.20ms"),
            (watts(356.2), "356W"),
            (hertz(4.9e9), "4.9GHz"),
            (time_of_day(50_601_000, 0), "14:03:21"),
            (time_of_day(-1000, 0), "23:59:59"),
            (time_of_day(0, 3600), "01:00:00"),
        ];
        for (got, want) in cases {
            assert_eq!(got.as_str(), *want);
        }
    }

    proptest! {
        #[test]
        fn four_characters_are_enough(value in 0.0..1e18_f64) {
            prop_assert!(bytes(value).len() <= 4, "{value}: {}", &*bytes(value));
            prop_assert!(count(value).len() <= 4);
        }

        #[test]
        fn no_number_makes_it_panic(value: f64) {
            for show in [bytes, count, percent, whole_percent, duration, cpu_time, latency, watts] {
                show(value);
            }
        }
    }
}
