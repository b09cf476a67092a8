//! Levels of a clock as amdgpu lists them in `pp_dpm_sclk` and its like.

use crate::linux::parse::{self, Fields};

/// What the levels tell of a clock, in hertz.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// That of the level with a star.
    pub now: Option<u64>,
    pub highest: Option<u64>,
}

/// Reads lines such as `1: 2124Mhz *`. A clock that lies between two levels has a line of its own
/// with `S` or its number; levels that make no sense are left out.
pub fn levels(text: &[u8]) -> Levels {
    let mut levels = Levels::default();
    for (_, value) in parse::lines(text).filter_map(parse::keyed) {
        let mut fields = Fields::new(value);
        let Some(clock) = fields.next().and_then(hertz) else { continue };
        levels.highest = levels.highest.max(Some(clock));
        if fields.rest() == b"*" {
            levels.now = Some(clock);
        }
    }
    levels
}

/// `2124Mhz`; the case of the unit has changed between kernels.
fn hertz(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let number = parse::decimal(number)?;
    unit.eq_ignore_ascii_case(b"mhz").then(|| number.checked_mul(1_000_000))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_star_marks_what_is_now() {
        for (text, now, highest) in [
            ("0: 500Mhz \n1: 2124Mhz *\n", Some(2124), Some(2124)),
            ("0: 500Mhz *\n1: 2124Mhz \n2: 2600Mhz \n", Some(500), Some(2600)),
            ("0: 500Mhz\n1: 1100Mhz *\n2: 2124Mhz\n", Some(1100), Some(2124)),
            ("S: 19Mhz *\n0: 500Mhz\n1: 2124Mhz\n", Some(19), Some(2124)),
            ("0: 300MHz *\n", Some(300), Some(300)),
            // A link: none of them is a clock.
            ("0: 2.5GT/s, x1 \n1: 16.0GT/s, x16 *\n", None, None),
            ("", None, None),
            ("0 500Mhz *\nx\n1: Mhz *\n2: 99999999999999999999Mhz *\n3: -5Mhz *\n", None, None),
            ("0: 18446744073709551615Mhz *\n1: 200Mhz", None, Some(200)),
        ] {
            let hertz = |megahertz: Option<u64>| megahertz.map(|number| number * 1_000_000);
            let expected = Levels { now: hertz(now), highest: hertz(highest) };
            assert_eq!(levels(text.as_bytes()), expected, "{text:?}");
        }
    }
}
