//! The only place that subtracts counters.

/// What a counter grew by between two reads. `None` if it went back: the device was replaced, the
/// driver reloaded, the counter wrapped at an unknown width. A wrong number is worse than none.
#[inline]
#[must_use]
pub fn increase(before: i64, now: i64) -> Option<i64> {
    if now < before { None } else { now.checked_sub(before) }
}

/// As [`increase`], but a counter that went back counts as standing still. For the CPU times of the
/// kernel alone: idle, iowait and steal are known to go back by a tick and must not blank a machine.
#[inline]
#[must_use]
pub fn increase_or_stall(before: i64, now: i64) -> i64 {
    now.saturating_sub(before).max(0)
}

/// Turns a hardware counter that wraps at a known range into one that only grows.
///
/// RAPL's energy counters wrap within minutes to an hour. Exports want a counter that never falls,
/// so the reader keeps one of these per counter and reads more often than it can wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unwrapped {
    last: Option<i64>,
    added: i64,
}

impl Unwrapped {
    /// Takes the hardware's number, gives the unwrapped one. `range` is the highest value the
    /// counter reaches before it starts again from 0.
    pub fn advance(&mut self, hardware: i64, range: i64) -> i64 {
        if self.last.is_some_and(|last| hardware < last) {
            self.added = self.added.saturating_add(range.max(0));
        }
        self.last = Some(hardware);
        self.added.saturating_add(hardware)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reset_is_no_value_and_a_stall_is_zero() {
        assert_eq!(increase(5, 9), Some(4));
        assert_eq!(increase(5, 5), Some(0));
        assert_eq!(increase(9, 5), None);
        assert_eq!(increase(i64::MIN, i64::MAX), None);
        assert_eq!(increase_or_stall(9, 5), 0);
        assert_eq!(increase_or_stall(i64::MIN, i64::MAX), i64::MAX);
    }

    proptest! {
        #[test]
        fn an_unwrapped_counter_never_falls_and_loses_nothing(
            steps in prop::collection::vec(0i64..1_000, 1..200),
        ) {
            let range = 1_000;
            let (mut total, mut unwrapped, mut first) = (0, Unwrapped::default(), None);
            for step in steps {
                total += step;
                let seen = unwrapped.advance(total % range, range);
                let origin = *first.get_or_insert(seen - total);
                prop_assert_eq!(seen - total, origin);
            }
        }

        #[test]
        fn an_increase_is_never_negative(before: i64, now: i64) {
            prop_assert!(increase(before, now).is_none_or(|by| by >= 0));
            prop_assert!(increase_or_stall(before, now) >= 0);
        }
    }
}
