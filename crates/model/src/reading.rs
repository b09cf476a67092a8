//! One raw number as the machine gave it, or nothing.

use std::num::NonZeroI64;

/// An optional integer in eight bytes.
///
/// Every source hands over integers in its own resolution (ticks, microseconds, millidegrees); the
/// declaration's divisor turns them into base units. `i64::MIN` is the one value that cannot be
/// held: no counter of any system reaches it. Eight bytes instead of the sixteen of `Option<i64>`
/// halve the largest thing retop keeps, the process table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Reading(Option<NonZeroI64>);

impl Reading {
    /// Nothing was read.
    pub const NONE: Reading = Reading(None);

    /// A number that was read. `i64::MIN` becomes [`Reading::NONE`].
    #[inline]
    #[must_use]
    pub const fn new(value: i64) -> Reading {
        // Flipping the sign bit moves the hole of NonZeroI64 from 0 to i64::MIN.
        Reading(NonZeroI64::new(value ^ i64::MIN))
    }

    /// The number, if one was read.
    #[inline]
    #[must_use]
    pub const fn get(self) -> Option<i64> {
        match self.0 {
            Some(bits) => Some(bits.get() ^ i64::MIN),
            None => None,
        }
    }

    /// True if a number was read.
    #[inline]
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0.is_some()
    }
}

impl From<i64> for Reading {
    #[inline]
    fn from(value: i64) -> Self {
        Reading::new(value)
    }
}

/// Kernel counters are unsigned; one past `i64::MAX` (292 years of nanoseconds) is held at the top.
impl From<u64> for Reading {
    #[inline]
    fn from(value: u64) -> Self {
        Reading::new(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Reading {
    #[inline]
    fn from(value: u32) -> Self {
        Reading::new(i64::from(value))
    }
}

impl From<i32> for Reading {
    #[inline]
    fn from(value: i32) -> Self {
        Reading::new(i64::from(value))
    }
}

impl From<usize> for Reading {
    #[inline]
    fn from(value: usize) -> Self {
        Reading::new(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Reading {
    #[inline]
    fn from(value: bool) -> Self {
        Reading::new(i64::from(value))
    }
}

impl<T: Into<Reading>> From<Option<T>> for Reading {
    #[inline]
    fn from(value: Option<T>) -> Self {
        value.map_or(Reading::NONE, Into::into)
    }
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.get() {
            Some(value) => write!(f, "{value}"),
            None => f.write_str("–"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zero_is_a_reading_and_eight_bytes_are_enough() {
        assert_eq!(Reading::new(0).get(), Some(0));
        assert_eq!(Reading::NONE.get(), None);
        assert_eq!(Reading::default(), Reading::NONE);
        assert_eq!(size_of::<Reading>(), 8);
        assert_eq!(Reading::from(u64::MAX).get(), Some(i64::MAX));
        assert_eq!(Reading::new(i64::MIN).get(), None);
    }

    proptest! {
        #[test]
        fn every_other_integer_survives(value in i64::MIN + 1..=i64::MAX) {
            prop_assert_eq!(Reading::new(value).get(), Some(value));
        }
    }
}
