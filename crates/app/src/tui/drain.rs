//! How fast the way to the terminal is.

use std::time::Duration;

/// A frame that takes longer to leave than this goes over a slow line.
const LONG: Duration = Duration::from_millis(100);
/// So many in a row make a slow line: one alone is a terminal that was busy.
const SLOW: u8 = 2;
/// So many quick ones in a row make it a quick one again.
const QUICK: u8 = 30;

/// What the last frames tell of the line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drain {
    slow: u8,
    quick: u8,
    is_slow: bool,
    skipped: bool,
}

impl Drain {
    /// A frame took that long to leave.
    pub fn note(&mut self, took: Duration) {
        if took > LONG {
            (self.slow, self.quick) = (self.slow.saturating_add(1), 0);
        } else {
            (self.slow, self.quick) = (0, self.quick.saturating_add(1));
        }
        self.is_slow = match self.is_slow {
            true => self.quick < QUICK,
            false => self.slow >= SLOW,
        };
    }

    /// True if a new sample is to be drawn: each second one where frames shall be few.
    pub fn draws(&mut self, few: bool) -> bool {
        self.skipped = few && !self.skipped;
        !self.skipped
    }

    /// True while the line is slow.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.is_slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_slow_after_two_frames_and_quick_after_thirty() {
        let mut drain = Drain::default();
        let mut after = |ms: u64, times: u32| {
            (0..times).for_each(|_| drain.note(Duration::from_millis(ms)));
            drain.is_slow()
        };
        assert!(!after(0, 100));
        assert!(!after(150, 1), "one alone");
        assert!(!after(100, 1) && !after(150, 1), "not in a row");
        assert!(after(150, 1));
        assert!(after(5, 29) && after(150, 1) && after(5, 29));
        assert!(!after(5, 1));
    }

    #[test]
    fn each_second_sample_is_drawn_where_frames_shall_be_few() {
        let mut drain = Drain::default();
        let few = [false, false, true, true, true, true, false, false, true, true];
        let drawn = few.map(|few| drain.draws(few));
        assert_eq!(drawn, [true, true, false, true, false, true, true, true, false, true]);
    }
}
