//! Moments as people write them: `14:01`, `-10m`, `yesterday 22:00`, `2026-11-03`, RFC 3339.
//!
//! What is written without a zone is local time. A time of day names no day: it is the newest such
//! moment in what is looked at, be that the history in memory or a recording.

use retop_model::civil::Date;

use crate::value::Parsed;

/// Seconds east of Greenwich at a moment in seconds since 1970.
pub type Zone<'a> = &'a dyn Fn(i64) -> i32;

/// A moment as it was written. Which one that is depends on what is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A moment of the wall clock, in milliseconds since 1970 UTC.
    At(i64),
    /// Days since 1970 and milliseconds since midnight, local.
    Local(i64, i64),
    /// Days before the day that the span ends in, and milliseconds since midnight, local.
    DaysAgo(i64, i64),
    /// Milliseconds since midnight of a day that is not told.
    Clock(i64),
    /// Milliseconds before the end of the span.
    BeforeEnd(i64),
    /// Milliseconds after its beginning.
    AfterBegin(i64),
}

/// What is looked at, in milliseconds since 1970 UTC; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The oldest moment.
    pub first_ms: i64,
    /// The newest one.
    pub last_ms: i64,
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Beyond any moment that can be written, and far from where sums overflow: a recording may claim to
/// be of any time.
const FAR: i64 = 1_000_000 * 366 * DAY;

/// What is told of a text that is no moment.
const FORMS: &str = "write 14:01, -10m, 'yesterday 22:00', 2026-11-03 or 2026-11-03T14:01:00Z";

/// Reads a moment.
///
/// # Errors
///
/// That the text is none, and what would be.
pub fn parse(text: &str) -> Parsed<When> {
    let trimmed = text.trim();
    read(trimmed).ok_or_else(|| format!("'{text}' is no moment; {FORMS}"))
}

fn read(text: &str) -> Option<When> {
    match text {
        "now" | "end" => return Some(When::BeforeEnd(0)),
        "begin" | "start" => return Some(When::AfterBegin(0)),
        _ => {}
    }
    if let Some(length) = text.strip_prefix(['-', '−']) {
        return length_of(length).map(When::BeforeEnd);
    }
    if let Some(length) = text.strip_prefix('+') {
        return length_of(length).map(When::AfterBegin);
    }
    if let Some(seconds) = text.strip_prefix('@') {
        return unix(seconds).map(When::At);
    }
    for (word, days) in [("today", 0), ("yesterday", 1)] {
        if let Some(rest) = text.strip_prefix(word) {
            let rest = rest.trim_start();
            let time = if rest.is_empty() { 0 } else { clock(rest)? };
            return Some(When::DaysAgo(days, time));
        }
    }
    if let Some(time) = clock(text) {
        return Some(When::Clock(time));
    }
    let (day, rest) = text.split_at_checked(10)?;
    let day = date(day)?;
    let Some(rest) = rest.strip_prefix(['T', 't', ' ']) else {
        return rest.is_empty().then_some(When::Local(day, 0));
    };
    // The zone begins at the first of these; a time of day has none of them.
    let end = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(end);
    let time = clock(time)?;
    match zone {
        "" => Some(When::Local(day, time)),
        zone => Some(When::At(day * DAY + time - offset(zone)?)),
    }
}

/// `90s`, `1h30m`, `2d`. A number alone is in seconds, as everywhere.
fn length_of(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0_i64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale = match unit {
            "ms" => 1,
            "s" => SECOND,
            "" if total == 0 => SECOND,
            "m" | "min" => MINUTE,
            "h" => HOUR,
            "d" => DAY,
            "w" => 7 * DAY,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(scale)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// Seconds since 1970 with up to three decimals, as other tools print them.
fn unix(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    digits(whole, 1..=12)?.checked_mul(SECOND)?.checked_add(thousandths(fraction)?)
}

/// `14:01`, `14:01:05`, `14:01:05.250`.
fn clock(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hour = digits(parts.next()?, 1..=2).filter(|&hour| hour < 24)?;
    let minute = digits(parts.next()?, 2..=2).filter(|&minute| minute < 60)?;
    let (second, ms) = match parts.next() {
        None => (0, 0),
        Some(part) => {
            let (second, fraction) = part.split_once('.').unwrap_or((part, "0"));
            // RFC 3339 knows leap seconds; no clock of a computer shows one.
            let second = digits(second, 2..=2).filter(|&second| second <= 60)?;
            (second.min(59), thousandths(fraction)?)
        }
    };
    Some(hour * HOUR + minute * MINUTE + second * SECOND + ms)
}

/// The first three digits of a fraction.
fn thousandths(text: &str) -> Option<i64> {
    digits(text, 1..=9)?;
    let kept = text.get(..text.len().min(3))?;
    let scale = [100, 10, 1].get(kept.len().checked_sub(1)?)?;
    Some(kept.parse::<i64>().ok()? * scale)
}

/// Days since 1970 of `2026-11-03`.
fn date(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let year = digits(parts.next()?, 4..=4)?;
    let small = |part: &str| u8::try_from(digits(part, 2..=2)?).ok();
    let (month, day) = (small(parts.next()?)?, small(parts.next()?)?);
    Date { year, month, day }.days()
}

/// `Z`, `+01:00`, `-0530` in milliseconds.
fn offset(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = text.split_at_checked(1)?;
    let (hour, minute) = match rest.split_once(':') {
        Some(parts) => parts,
        None => rest.split_at_checked(2)?,
    };
    let hour = digits(hour, 2..=2).filter(|&hour| hour < 24)?;
    let minute = digits(minute, 2..=2).filter(|&minute| minute < 60)?;
    let ms = hour * HOUR + minute * MINUTE;
    Some(if sign == "-" { -ms } else { ms })
}

fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let plain = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// The moment at which clocks on the wall show that. Where they are set back an hour comes twice,
/// and the first is meant; where they are set forward it does not come, and what they show instead
/// is meant, an hour on.
fn utc(local_ms: i64, zone: Zone<'_>) -> i64 {
    let east = |ms: i64| i64::from(zone(ms.div_euclid(SECOND))) * SECOND;
    // Zones change by less than a day, and not twice in three.
    let before = local_ms - east(local_ms - DAY);
    let after = local_ms - east(local_ms + DAY);
    let shows = |ms: i64| ms + east(ms) == local_ms;
    if !shows(before) && shows(after) { after } else { before }
}

fn near(ms: i64) -> i64 {
    ms.clamp(-FAR, FAR)
}

fn local_day(ms: i64, zone: Zone<'_>) -> i64 {
    (ms + i64::from(zone(ms.div_euclid(SECOND))) * SECOND).div_euclid(DAY)
}

impl When {
    /// The moment that is meant, in milliseconds since 1970 UTC. It need not lie in the span. A
    /// time of day is the newest one in it; where it holds none, the one nearest to it.
    #[must_use]
    pub fn resolve(self, span: Span, zone: Zone<'_>) -> i64 {
        let (first_ms, last_ms) = (near(span.first_ms), near(span.last_ms));
        match self {
            When::At(ms) => ms,
            When::Local(day, time) => utc(day.saturating_mul(DAY).saturating_add(time), zone),
            When::DaysAgo(days, time) => utc((local_day(last_ms, zone) - days) * DAY + time, zone),
            When::BeforeEnd(ms) => last_ms.saturating_sub(ms),
            When::AfterBegin(ms) => first_ms.saturating_add(ms),
            When::Clock(time) => {
                let today = local_day(last_ms, zone);
                let on = |day: i64| utc(day * DAY + time, zone);
                let past = [on(today), on(today - 1)].into_iter().find(|&ms| ms <= last_ms);
                let past = past.unwrap_or_else(|| on(today - 2));
                let next = [on(today), on(today + 1)].into_iter().find(|&ms| ms > last_ms);
                match next {
                    Some(next) if past < first_ms && next - last_ms < first_ms - past => next,
                    _ => past,
                }
            }
        }
    }

    /// As [`When::resolve`], for the end of a window that begins at `from_ms`: a time of day is the
    /// next one, `+10m` is counted from there.
    #[must_use]
    pub fn resolve_after(self, from_ms: i64, span: Span, zone: Zone<'_>) -> i64 {
        let from_ms = near(from_ms);
        match self {
            When::AfterBegin(ms) => from_ms.saturating_add(ms),
            When::Clock(time) => {
                let day = local_day(from_ms, zone);
                let on = |day: i64| utc(day * DAY + time, zone);
                let next = [on(day), on(day + 1)].into_iter().find(|&ms| ms >= from_ms);
                next.unwrap_or_else(|| on(day + 2))
            }
            other => other.resolve(span, zone),
        }
    }
}

/// A window from what was written of its ends. What was not written is the end of the span.
#[must_use]
pub fn window(from: Option<When>, until: Option<When>, span: Span, zone: Zone<'_>) -> Span {
    let first_ms = from.map_or(span.first_ms, |from| from.resolve(span, zone));
    let last_ms = match (until, from) {
        (None, _) => span.last_ms,
        (Some(until), Some(_)) => until.resolve_after(first_ms, span, zone),
        (Some(until), None) => until.resolve(span, zone),
    };
    Span { first_ms, last_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use retop_model::civil::Rfc3339;

    /// Central European time of 2026: two hours in summer, from 29 March to 25 October at 1:00 UTC.
    fn berlin(seconds: i64) -> i32 {
        let summer = 1_774_746_000..1_792_890_000;
        if summer.contains(&seconds) { 7_200 } else { 3_600 }
    }

    fn ms(text: &str) -> i64 {
        match parse(text) {
            Ok(When::At(ms)) => ms,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn span(first: &str, last: &str) -> Span {
        Span { first_ms: ms(first), last_ms: ms(last) }
    }

    #[test]
    fn moments_are_read_and_nothing_else_is() {
        let at = |hour: i64, minute: i64| hour * HOUR + minute * MINUTE;
        let day = 20_760;
        let cases = [
            ("14:01", Some(When::Clock(at(14, 1)))),
            ("9:05", Some(When::Clock(at(9, 5)))),
            (" 23:59:59.5 ", Some(When::Clock(DAY - 500))),
            ("-10m", Some(When::BeforeEnd(10 * MINUTE))),
            ("−10m", Some(When::BeforeEnd(10 * MINUTE))),
            ("-1h30m", Some(When::BeforeEnd(90 * MINUTE))),
            ("-90", Some(When::BeforeEnd(90 * SECOND))),
            ("-2d", Some(When::BeforeEnd(2 * DAY))),
            ("+250ms", Some(When::AfterBegin(250))),
            ("now", Some(When::BeforeEnd(0))),
            ("yesterday", Some(When::DaysAgo(1, 0))),
            ("yesterday 22:00", Some(When::DaysAgo(1, at(22, 0)))),
            ("today 6:30", Some(When::DaysAgo(0, at(6, 30)))),
            ("2026-11-03", Some(When::Local(day, 0))),
            ("2026-11-03 14:05", Some(When::Local(day, at(14, 5)))),
            ("2026-11-03T14:05", Some(When::Local(day, at(14, 5)))),
            ("2026-11-03T14:05:00Z", Some(When::At(day * DAY + at(14, 5)))),
            ("2026-11-03T14:05:00.250z", Some(When::At(day * DAY + at(14, 5) + 250))),
            ("2026-11-03t15:05:00+01:00", Some(When::At(day * DAY + at(14, 5)))),
            ("2026-11-03 08:35-0530", Some(When::At(day * DAY + at(14, 5)))),
            ("2024-02-29", Some(When::Local(19_782, 0))),
            ("@1793714709.25", Some(When::At(1_793_714_709_250))),
            ("@0", Some(When::At(0))),
        ];
        for (text, wanted) in cases {
            assert_eq!(parse(text).ok(), wanted, "{text}");
        }
        let wrong = [
            "",
            " ",
            "-",
            "+",
            "@",
            ":",
            "24:00",
            "14:60",
            "14:1",
            "14:01:61",
            "14",
            "14:01Z",
            "-10x",
            "-m",
            "-1.5h",
            "-1h30",
            "--1h",
            "- 10m",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-11-32",
            "2026-11-03T",
            "2026-11-03x",
            "26-11-03",
            "2026-11-3",
            "2026-11-03T25:00Z",
            "2026-11-03T14:05+1",
            "2026-11-03T14:05+25:00",
            "yesterday x",
            "tomorrow",
            "@1e9",
            "@-1",
            "-99999999999999999999d",
            "-9999999999999999w",
            "1４:01",
            "2026‐11‐03",
            "ééééé",
            "\0",
        ];
        for text in wrong {
            assert_eq!(parse(text).ok(), None, "{text}");
        }
        assert_eq!(
            parse("25:00").unwrap_err(),
            "'25:00' is no moment; write 14:01, -10m, 'yesterday 22:00', 2026-11-03 or \
             2026-11-03T14:01:00Z"
        );
    }

    #[test]
    fn a_time_of_day_is_the_newest_in_the_span() {
        let night = span("2026-11-02T20:00:00Z", "2026-11-03T08:30:00Z");
        let cases = [
            ("09:15", "2026-11-03T08:15:00.000Z"),
            ("09:30", "2026-11-03T08:30:00.000Z"),
            ("22:00", "2026-11-02T21:00:00.000Z"),
            ("00:10", "2026-11-02T23:10:00.000Z"),
            // Not in the span: shortly after its end, shortly before its beginning.
            ("09:31", "2026-11-03T08:31:00.000Z"),
            ("20:59", "2026-11-02T19:59:00.000Z"),
            ("-10m", "2026-11-03T08:20:00.000Z"),
            ("+10m", "2026-11-02T20:10:00.000Z"),
            ("now", "2026-11-03T08:30:00.000Z"),
            ("begin", "2026-11-02T20:00:00.000Z"),
            ("today", "2026-11-02T23:00:00.000Z"),
            ("yesterday 22:00", "2026-11-02T21:00:00.000Z"),
            ("2026-11-03 02:00", "2026-11-03T01:00:00.000Z"),
        ];
        for (text, wanted) in cases {
            let resolved = parse(text).unwrap().resolve(night, &berlin);
            assert_eq!(Rfc3339(resolved).to_string(), wanted, "{text}");
        }
        let week = span("2026-10-27T00:00:00Z", "2026-11-03T08:30:00Z");
        let resolved = parse("22:00").unwrap().resolve(week, &berlin);
        assert_eq!(Rfc3339(resolved).to_string(), "2026-11-02T21:00:00.000Z", "the newest");
    }

    #[test]
    fn an_hour_that_comes_twice_or_never_is_still_a_moment() {
        let cases = [
            // Set forward: 2:00 to 3:00 does not come on 29 March.
            ("2026-03-29 01:59", "2026-03-29T00:59:00.000Z"),
            ("2026-03-29 02:30", "2026-03-29T01:30:00.000Z"),
            ("2026-03-29 03:00", "2026-03-29T01:00:00.000Z"),
            // Set back: 2:00 to 3:00 comes twice on 25 October; the zone names the second.
            ("2026-10-25 01:59", "2026-10-24T23:59:00.000Z"),
            ("2026-10-25 02:30", "2026-10-25T00:30:00.000Z"),
            ("2026-10-25T02:30+01:00", "2026-10-25T01:30:00.000Z"),
            ("2026-10-25 03:00", "2026-10-25T02:00:00.000Z"),
        ];
        let any = span("2026-10-25T00:00:00Z", "2026-10-25T12:00:00Z");
        for (text, wanted) in cases {
            let resolved = parse(text).unwrap().resolve(any, &berlin);
            assert_eq!(Rfc3339(resolved).to_string(), wanted, "{text}");
        }
    }

    #[test]
    fn the_end_of_a_window_comes_after_its_beginning() {
        let night = span("2026-11-02T20:00:00Z", "2026-11-03T08:30:00Z");
        let cases = [
            (Some("23:50"), Some("00:10"), "2026-11-02T22:50:00.000Z", "2026-11-02T23:10:00.000Z"),
            (Some("9:20"), Some("9:40"), "2026-11-03T08:20:00.000Z", "2026-11-03T08:40:00.000Z"),
            (Some("22:00"), Some("+5m"), "2026-11-02T21:00:00.000Z", "2026-11-02T21:05:00.000Z"),
            (Some("22:00"), Some("22:00"), "2026-11-02T21:00:00.000Z", "2026-11-02T21:00:00.000Z"),
            (Some("-1h"), None, "2026-11-03T07:30:00.000Z", "2026-11-03T08:30:00.000Z"),
            (None, Some("22:00"), "2026-11-02T20:00:00.000Z", "2026-11-02T21:00:00.000Z"),
            (None, Some("9:31"), "2026-11-02T20:00:00.000Z", "2026-11-03T08:31:00.000Z"),
            (None, None, "2026-11-02T20:00:00.000Z", "2026-11-03T08:30:00.000Z"),
        ];
        for (from, until, first, last) in cases {
            let read = |text: Option<&str>| text.map(|text| parse(text).unwrap());
            let window = window(read(from), read(until), night, &berlin);
            let ends = (Rfc3339(window.first_ms).to_string(), Rfc3339(window.last_ms).to_string());
            assert_eq!(ends, (first.to_owned(), last.to_owned()), "{from:?} {until:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_moment_or_an_error(text in "\\PC*", first_ms: i64, last_ms: i64) {
            let clock = [When::Clock(0), When::DaysAgo(1, 0), When::Local(0, 0)];
            for when in parse(&text).ok().into_iter().chain(clock) {
                let span = Span { first_ms, last_ms };
                let _ = window(Some(when), Some(when), span, &berlin);
            }
        }

        #[test]
        fn what_is_printed_is_read_back(ms in 0i64..253_402_300_800_000) {
            prop_assert_eq!(parse(&Rfc3339(ms).to_string()), Ok(When::At(ms)));
        }

        #[test]
        fn what_a_clock_shows_is_found_again(seconds in 1_767_222_000i64..1_798_758_000) {
            let local = seconds + i64::from(berlin(seconds));
            let found = utc(local * SECOND, &berlin) / SECOND;
            prop_assert_eq!(found + i64::from(berlin(found)), local);
        }
    }
}
