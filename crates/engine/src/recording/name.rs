//! Names of segments: `web1-20261103T140509.250Z-1b2c3d4e-000042.retop`.

use std::fmt::{self, Display, Formatter};

use retop_model::civil::{Date, Rfc3339};

/// What the name of a segment tells: whose it is, when it begins, of which boot, and its place
/// among those of its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentName {
    /// Host name, of which letters, digits, `.` and `_` are kept.
    pub host: String,
    /// Wall clock of the first frame.
    pub wall_ms: i64,
    /// The first eight digits of the boot id.
    pub boot: String,
    /// Grows by one from segment to segment.
    pub sequence: u64,
}

const SUFFIX: &str = ".retop";
const HOST_LIMIT: usize = 64;
const BOOT_DIGITS: usize = 8;

impl SegmentName {
    /// The name of a segment of that host and boot.
    #[must_use]
    pub fn new(host: &str, boot: &str, wall_ms: i64, sequence: u64) -> SegmentName {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        let dash = |c: char| if c == '-' { '_' } else { c };
        let host: String = host.chars().map(dash).filter(plain).take(HOST_LIMIT).collect();
        let host = host.trim_start_matches('.');
        let host = if host.is_empty() { "host" } else { host };
        let digits = boot.chars().filter(char::is_ascii_hexdigit);
        let boot = digits.chain(std::iter::repeat('0')).take(BOOT_DIGITS);
        let boot = boot.map(|c| c.to_ascii_lowercase()).collect();
        SegmentName { host: host.to_owned(), wall_ms, boot, sequence }
    }

    /// Reads a name; `None` if it is no segment's.
    #[must_use]
    pub fn parse(name: &str) -> Option<SegmentName> {
        let mut parts = name.strip_suffix(SUFFIX)?.rsplitn(4, '-');
        let sequence = parts.next()?;
        let boot = parts.next()?;
        let wall_ms = time(parts.next()?)?;
        let host = parts.next()?;
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
        let sound = !host.is_empty() && boot.len() == BOOT_DIGITS && digits(boot);
        let sequence = sequence.parse().ok().filter(|_| sound)?;
        Some(SegmentName { host: host.to_owned(), wall_ms, boot: boot.to_owned(), sequence })
    }
}

impl Display for SegmentName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let start = Rfc3339(self.wall_ms).to_string().replace(['-', ':'], "");
        write!(f, "{}-{start}-{}-{:06}{SUFFIX}", self.host, self.boot, self.sequence)
    }
}

/// `20261103T140509.250Z` in milliseconds since 1970.
fn time(text: &str) -> Option<i64> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if shape != "00000000T000000.000Z" {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<u32>().ok();
    let (month, day) = (number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    let date = Date {
        year: i64::from(number(0, 4)?),
        month: u8::try_from(month).ok().filter(|month| (1..=12).contains(month))?,
        day: u8::try_from(day).ok().filter(|day| (1..=31).contains(day))?,
    };
    let seconds = i64::from(hour * 3_600 + minute * 60 + second);
    let valid = hour < 24 && minute < 60 && second < 60;
    let days = date.days().filter(|_| valid)?;
    Some((days * 86_400 + seconds) * 1_000 + i64::from(number(14, 17)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_come_back() {
        let name = SegmentName::new("web-1.example", "1B2c3d4e-55", 1_793_714_709_250, 42);
        assert_eq!(name.to_string(), "web_1.example-20261103T140509.250Z-1b2c3d4e-000042.retop");
        assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
    }

    #[test]
    fn hostile_hosts_make_plain_names() {
        for (host, boot, kept) in [
            ("../../etc", "", "etc-"),
            ("", "x", "host-"),
            (".hidden", "12", "hidden-"),
            ("a\n b/c\0", "1", "abc-"),
            ("ß", "1", "host-"),
        ] {
            let name = SegmentName::new(host, boot, 0, 1).to_string();
            assert!(name.starts_with(kept), "{name}");
            assert!(SegmentName::parse(&name).is_some(), "{name}");
        }
        assert!(SegmentName::new(&"x".repeat(500), "", 0, 1).to_string().len() < 128);
    }

    #[test]
    fn other_names_are_not_ours() {
        for name in [
            "",
            ".retop",
            "a.retop",
            "a-b-c-d.retop",
            "web-20261303T140509.250Z-1b2c3d4e-000042.retop",
            "web-20261103T146009.250Z-1b2c3d4e-000042.retop",
            "web-20261103T140509.250Z-1b2c3d4-000042.retop",
            "web-20261103T140509.250Z-1b2c3d4e-00x042.retop",
            "web-20261103T140509.250Z-1b2c3d4e-000042.log",
            "-20261103T140509.250Z-1b2c3d4e-000042.retop",
            "web-２0261103T140509.250Z-1b2c3d4e-000042.retop",
        ] {
            assert_eq!(SegmentName::parse(name), None, "{name}");
        }
    }
}
