//! Wall-clock times as text, without a calendar crate or a time zone database: UTC alone.

use std::fmt::{self, Display, Formatter};

/// Milliseconds since 1970-01-01 UTC as RFC 3339: `2026-11-03T14:05:09.250Z`.
///
/// RFC 3339 knows the years 0 to 9999; a clock outside them is held at the nearer end, so that the
/// text always parses.
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339(pub i64);

/// A date of the Gregorian calendar, reckoned backwards too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Year; 0 is the year before 1.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

const DAY_MS: i64 = 86_400_000;
/// 0000-01-01T00:00:00.000Z
const FIRST_MS: i64 = -719_528 * DAY_MS;
/// 9999-12-31T23:59:59.999Z
const LAST_MS: i64 = 2_932_897 * DAY_MS - 1;

impl Date {
    /// The date that many days after 1970-01-01.
    ///
    /// The year is taken to begin in March, so that the leap day is its last and every month's
    /// first day lies at (153 m + 2) / 5; 400 years are always 146,097 days.
    #[must_use]
    pub fn from_days(days: i64) -> Date {
        let shifted = days.saturating_add(719_468);
        let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let small = |number: i64| u8::try_from(number).unwrap_or(1);
        Date {
            year: era * 400 + year + i64::from(month <= 2),
            month: small(month),
            day: small(day),
        }
    }

    /// Days from 1970-01-01 to the date; `None` if no calendar has it, such as 31 April.
    #[must_use]
    pub fn days(self) -> Option<i64> {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let march_month = (month + 9) % 12;
        let year = self.year.checked_sub(i64::from(month <= 2))?;
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * march_month + 2) / 5 + day - 1;
        let days = 365 * year + year / 4 - year / 100 + day_of_year;
        let days = era.checked_mul(146_097)?.checked_add(days)?.checked_sub(719_468)?;
        (Date::from_days(days) == self).then_some(days)
    }
}

impl Display for Rfc3339 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ms = self.0.clamp(FIRST_MS, LAST_MS);
        let Date { year, month, day } = Date::from_days(ms.div_euclid(DAY_MS));
        let ms = ms.rem_euclid(DAY_MS);
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, ms) = (ms / 1_000 % 60, ms % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_210_096_789, "2024-02-29T12:34:56.789Z"),
            (2_147_483_647_000, "2038-01-19T03:14:07.000Z"),
            (2_147_483_648_000, "2038-01-19T03:14:08.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (-2_203_891_200_000, "1900-03-01T00:00:00.000Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Rfc3339(ms).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn the_day_after_is_the_next_date(days in -1_000_000i64..4_000_000) {
            let (today, tomorrow) = (Date::from_days(days), Date::from_days(days + 1));
            let leap = today.year % 4 == 0 && (today.year % 100 != 0 || today.year % 400 == 0);
            let length = match today.month {
                2 => 28 + u8::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let expected = if today.day < length {
                Date { day: today.day + 1, ..today }
            } else if today.month < 12 {
                Date { month: today.month + 1, day: 1, ..today }
            } else {
                Date { year: today.year + 1, month: 1, day: 1 }
            };
            prop_assert_eq!(tomorrow, expected);
            prop_assert_eq!((today.days(), tomorrow.days()), (Some(days), Some(days + 1)));
        }

        #[test]
        fn a_date_of_no_calendar_is_none(year: i64, month: u8, day: u8) {
            if let Some(days) = (Date { year, month, day }).days() {
                prop_assert_eq!(Date::from_days(days), Date { year, month, day });
            }
        }
    }
}
