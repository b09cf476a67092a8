//! How the words of the command line, of variables and of the config file become values. Every
//! error says what would have been right.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A parsed value, or a sentence without a subject: the caller puts the option's name before it.
pub type Parsed<T> = Result<T, String>;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// `true`, `1`, `yes`, `on` and their opposites.
pub fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("'{text}' is neither true nor false")),
    }
}

/// A time between samples: `0.5`, `500ms`, `2s`, `1m`, `1h`. Seconds without a unit, as in the
/// older tools.
pub fn interval(text: &str) -> Parsed<Duration> {
    let time = duration(text)?;
    if (SHORTEST..=LONGEST).contains(&time) {
        Ok(time)
    } else {
        Err(format!("'{text}' is out of range; write a time from 0.1s to 24h"))
    }
}

/// Any time that is not negative.
pub fn duration(text: &str) -> Parsed<Duration> {
    let wrong = || format!("'{text}' is no time; write 0.5, 500ms, 2s, 1m or 1h");
    let (number, unit) = split(text);
    let scale = match unit {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let seconds: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(seconds * scale).map_err(|_| wrong())
}

/// How long something is kept: `90m`, `12h`, `7d`, `2w`.
pub fn age(text: &str) -> Parsed<Duration> {
    let wrong = || format!("'{text}' is no time; write 90m, 12h or 7d");
    let (number, unit) = split(text);
    let days = match unit {
        "d" => 1.0,
        "w" => 7.0,
        _ => return duration(text).map_err(|_| wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * days * 86_400.0).map_err(|_| wrong())
}

/// How much faster than life: `2`, `0.5`, `60x`.
pub fn speed(text: &str) -> Parsed<f64> {
    let number: Option<f64> = text.trim().trim_end_matches('x').parse().ok();
    number
        .filter(|speed| (0.01..=10_000.0).contains(speed))
        .ok_or_else(|| format!("'{text}' is no speed; write 2, 0.5 or 60"))
}

/// A share of a whole: `5%` or `5`, as 0.05.
pub fn percent(text: &str) -> Parsed<f64> {
    let number = number(text.trim().trim_end_matches('%').trim_end()).ok();
    number
        .filter(|percent| *percent <= 100.0)
        .map(|percent| percent / 100.0)
        .ok_or_else(|| format!("'{text}' is no share; write 5%"))
}

/// A number of bytes: `64M`, `64MiB`, `1.5G`, `0`. Units are powers of 1024.
pub fn bytes(text: &str) -> Parsed<usize> {
    let wrong = || format!("'{text}' is no size; write 64M, 1G or 0");
    let (number, unit) = split(text);
    let unit = unit.to_ascii_lowercase();
    let scale = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => 1.0,
        "k" => 1024.0,
        "m" => 1024.0 * 1024.0,
        "g" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let size = number * scale;
    // 2^53: beyond it a float no longer counts single bytes, and no machine has such a history.
    if (0.0..=9_007_199_254_740_992.0).contains(&size) { Ok(size as usize) } else { Err(wrong()) }
}

/// Digits and a dot, and what follows them.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// A whole number within bounds.
pub fn whole(text: &str, low: u64, high: u64) -> Parsed<u64> {
    let number: Option<u64> = text.trim().parse().ok();
    number.filter(|number| (low..=high).contains(number)).ok_or_else(|| match high {
        u64::MAX => format!("'{text}' is no whole number from {low}"),
        _ => format!("'{text}' is no whole number from {low} to {high}"),
    })
}

/// A number that is not negative.
pub fn number(text: &str) -> Parsed<f64> {
    let number: Option<f64> = text.trim().parse().ok();
    number
        .filter(|number| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| format!("'{text}' is no number from 0"))
}

/// `PORT`, `ADDRESS:PORT`, `localhost:PORT`. A bare port listens on this machine alone.
pub fn address(text: &str) -> Parsed<SocketAddr> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.replacen("localhost:", "127.0.0.1:", 1)
        .parse()
        .map_err(|_| format!("'{text}' is no address; write 9090, 0.0.0.0:9090 or [::1]:9090"))
}

/// One of a few words.
pub fn choice(text: &str, words: &[&str]) -> Parsed<usize> {
    words
        .iter()
        .position(|word| *word == text)
        .ok_or_else(|| format!("'{text}' is none of {}", words.join(", ")))
}

/// The known word that `text` was probably meant to be.
#[must_use]
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best = known.into_iter().map(|word| (distance(text, word), word)).min()?;
    (best.0 <= (text.chars().count() / 3).max(1)).then_some(best.1)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut above: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut cost = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(above[j - 2] + 1);
            }
            row.push(cost);
        }
        above = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        let cases = [
            ("1", Some(1000)),
            ("0.5", Some(500)),
            ("500ms", Some(500)),
            ("2s", Some(2000)),
            ("2 s", Some(2000)),
            ("1m", Some(60_000)),
            ("1h", Some(3_600_000)),
            ("24h", Some(86_400_000)),
            ("0.1", Some(100)),
            ("99ms", None),
            ("0", None),
            ("25h", None),
            ("-1", None),
            ("1d", None),
            ("nan", None),
            ("inf", None),
            ("1e9", None),
            ("", None),
            ("s", None),
            ("1.2.3", None),
            ("99999999999999999999999999h", None),
            ("1\u{661}", None),
        ];
        for (text, milliseconds) in cases {
            let wanted = milliseconds.map(Duration::from_millis);
            assert_eq!(interval(text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn sizes() {
        let mib = 1024 * 1024;
        let cases = [
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("64M", Some(64 * mib)),
            ("64MiB", Some(64 * mib)),
            ("64 mb", Some(64 * mib)),
            ("1.5G", Some(1536 * mib)),
            ("8k", Some(8192)),
            ("64X", None),
            ("-1", None),
            ("99999999999999999999G", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(bytes(text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn addresses() {
        let cases = [
            ("9090", Some("127.0.0.1:9090")),
            ("0", Some("127.0.0.1:0")),
            ("localhost:1", Some("127.0.0.1:1")),
            ("0.0.0.0:9090", Some("0.0.0.0:9090")),
            ("[::1]:80", Some("[::1]:80")),
            (":9090", None),
            ("65536", None),
            ("example.org:80", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            let got = address(text).ok().map(|address| address.to_string());
            assert_eq!(got.as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn numbers_words_and_switches() {
        assert_eq!(whole("8", 0, 8), Ok(8));
        assert_eq!(whole("9", 0, 8), Err("'9' is no whole number from 0 to 8".to_owned()));
        assert_eq!(whole("-1", 1, u64::MAX), Err("'-1' is no whole number from 1".to_owned()));
        assert_eq!(number("0.3"), Ok(0.3));
        assert!(number("-0.3").is_err() && number("nan").is_err());
        assert_eq!(choice("dots", &["dots", "block"]), Ok(0));
        assert_eq!(choice("x", &["dots", "block"]), Err("'x' is none of dots, block".to_owned()));
        assert_eq!((switch("Yes"), switch("0")), (Ok(true), Ok(false)));
        assert!(switch("").is_err());
    }

    #[test]
    fn the_nearest_word() {
        let known = ["interval", "history", "theme"];
        let cases = [
            ("intervall", Some("interval")),
            ("intreval", Some("interval")),
            ("theem", Some("theme")),
            ("hstry", None),
            ("x", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(nearest(text, known), wanted, "{text}");
        }
    }
}
