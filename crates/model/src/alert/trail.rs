//! How far a value has risen above the lowest one of the last minutes.

use std::collections::VecDeque;

/// The values of a window of time that can still become its lowest: each is higher than those
/// before it, so that the first is the lowest.
#[derive(Debug, Default)]
pub(super) struct Trail(VecDeque<(u64, f64)>);

impl Trail {
    /// Takes the value of a moment; gives its rise above the lowest of the last `window_ns`.
    pub(super) fn rise(&mut self, now_ns: u64, window_ns: u64, value: f64) -> f64 {
        let lowest = &mut self.0;
        // A clock that went back belongs to another recording.
        if lowest.back().is_some_and(|&(ns, _)| ns > now_ns) {
            lowest.clear();
        }
        while lowest.back().is_some_and(|&(_, earlier)| earlier >= value) {
            lowest.pop_back();
        }
        let begin_ns = now_ns.saturating_sub(window_ns);
        while lowest.front().is_some_and(|&(ns, _)| ns < begin_ns) {
            lowest.pop_front();
        }
        lowest.push_back((now_ns, value));
        lowest.front().map_or(0.0, |(_, lowest)| value - lowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rise_is_forgotten_with_its_beginning() {
        let mut trail = Trail::default();
        let values = [5.0, 3.0, 4.0, 9.0, 9.0, 9.0, 9.0, 2.0];
        let rises = (1..).zip(values).map(|(now, value)| trail.rise(now, 3, value));
        assert_eq!(rises.collect::<Vec<_>>(), [0.0, 0.0, 1.0, 6.0, 6.0, 5.0, 0.0, 0.0]);
        assert_eq!(trail.rise(0, 3, 7.0), 0.0, "another recording");
    }

    proptest! {
        #[test]
        fn it_is_the_distance_to_the_lowest(values: Vec<u8>, window in 0usize..9) {
            let mut trail = Trail::default();
            for (now, &value) in values.iter().enumerate() {
                let first = now.saturating_sub(window);
                let lowest = values[first..=now].iter().min().copied().unwrap_or(value);
                let rise = trail.rise(now as u64, window as u64, f64::from(value));
                prop_assert_eq!(rise, f64::from(value - lowest));
            }
        }
    }
}
