//! How hot the system says that it is: four words for programs, five for those who ask further.

/// The four of `NSProcessInfo`, in the order of its numbers.
pub const STATES: [&str; 4] = ["nominal", "fair", "serious", "critical"];

/// A number of `NSProcessInfo.thermalState`.
pub fn state(number: i64) -> Option<i64> {
    (0..STATES.len() as i64).contains(&number).then_some(number)
}

/// The level of pressure: nominal, moderate, heavy, trapping, sleeping. Macs say 0 to 4.
///
/// Moderate and heavy are both "fair" for programs: clocks are held down in the latter.
pub fn pressure(level: u64) -> Option<i64> {
    i64::try_from(level).ok().filter(|level| *level <= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_mean_nothing_are_nothing() {
        assert_eq!([-1, 0, 3, 4].map(state), [None, Some(0), Some(3), None]);
        assert_eq!([0, 4, 5, u64::MAX].map(pressure), [Some(0), Some(4), None, None]);
    }
}
