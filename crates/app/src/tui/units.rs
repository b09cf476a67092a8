//! The few forms of numbers that only the screen has; the others are in [`retop_model::human`].

use retop_model::civil::Rfc3339;
use retop_model::human::{Duration, MISSING};

use crate::short;
use crate::tui::render::Short;

/// A number's text.
pub type Text = Short<96>;

/// The first sample is there, its rate is not.
pub const PENDING: &str = "…";

/// What stands where a value is missing: `…` while the first rate is still to come.
#[must_use]
pub fn missing(pending: bool) -> &'static str {
    if pending { PENDING } else { MISSING }
}

/// A share as percent for a column of the table: one decimal, none from 1,000 on, no sign:
/// `4.1`, `187.3`, `25600`.
#[must_use]
pub fn percent(ratio: f64) -> Text {
    let percent = (ratio * 100.0).clamp(-99_999.0, 99_999.0);
    if percent >= 999.95 { short!("{percent:.0}") } else { short!("{percent:.1}") }
}

/// A share as a whole percent, as gauges carry it: `24%`.
#[must_use]
pub fn whole_percent(ratio: f64) -> Text {
    short!("{:.0}%", (ratio * 100.0).clamp(-9_999.0, 9_999.0) + 0.0)
}

/// CPU time to a hundredth of a second below an hour: `0:04.12`, `3h04m`.
#[must_use]
pub fn cpu_time(seconds: f64) -> Text {
    if (0.0..3600.0).contains(&seconds) {
        let hundredths = (seconds * 100.0) as u64;
        let (minutes, rest) = (hundredths / 6000, hundredths % 6000);
        return short!("{minutes}:{:02}.{:02}", rest / 100, rest % 100);
    }
    short!("{}", Duration(seconds))
}

/// A time between samples: `250ms`, `1s`, `1.5s`.
#[must_use]
pub fn interval(interval: std::time::Duration) -> Text {
    match (interval.as_secs(), interval.subsec_millis()) {
        (0, ms) => short!("{ms}ms"),
        (s, 0) => short!("{s}s"),
        _ => short!("{:.1}s", interval.as_secs_f64()),
    }
}

/// The time of day, `14:03:21`, that many seconds east of Greenwich.
#[must_use]
pub fn time_of_day(wall_ms: i64, offset_seconds: i32) -> Text {
    let seconds = wall_ms.div_euclid(1000).saturating_add(i64::from(offset_seconds));
    let day = seconds.rem_euclid(86_400);
    short!("{:02}:{:02}:{:02}", day / 3600, day / 60 % 60, day % 60)
}

/// How long the machine has been up, to the minute: what changes with each second would be sent
/// with each second.
#[must_use]
pub fn uptime(seconds: f64) -> Text {
    match seconds {
        0.0..3600.0 => short!("{}m", (seconds / 60.0) as u64),
        seconds => short!("{}", Duration(seconds)),
    }
}

/// The day, `2026-11-20`, that many seconds east of Greenwich.
#[must_use]
pub fn date(wall_ms: i64, offset_seconds: i32) -> Text {
    let stamp = short!("{}", Rfc3339(wall_ms.saturating_add(i64::from(offset_seconds) * 1000)));
    short!("{}", stamp.split('T').next().unwrap_or(""))
}

/// A distance in time: `0s`, `2m13s`, `3h04m`.
#[must_use]
pub fn ago(distance_ms: i64) -> Text {
    short!("{}", Duration(distance_ms.max(0) as f64 / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_well() {
        let cases: &[(Text, &str)] = &[
            (percent(1.873), "187.3"),
            (percent(0.041), "4.1"),
            (percent(256.0), "25600"),
            (whole_percent(0.244), "24%"),
            (cpu_time(64.129), "1:04.12"),
            (cpu_time(11_040.0), "3h04m"),
            (time_of_day(50_601_000, 0), "14:03:21"),
            (time_of_day(-1000, 0), "23:59:59"),
            (time_of_day(0, 3600), "01:00:00"),
            (date(1_795_183_401_000, 0), "2026-11-20"),
            (date(0, -1), "1969-12-31"),
            (ago(133_000), "2m13s"),
            (uptime(133.0), "2m"),
            (uptime(59.9), "0m"),
            (uptime(11_040.0), "3h04m"),
            (ago(-5), "0s"),
        ];
        for (got, want) in cases {
            assert_eq!(got.as_str(), *want);
        }
    }

    proptest! {
        #[test]
        fn no_number_is_too_wide(value: f64) {
            prop_assert!(percent(value.abs()).len() <= 5 || value.is_nan());
            prop_assert!(whole_percent(value).len() <= 6);
            prop_assert!(cpu_time(value.abs()).len() <= 10);
        }
    }
}
