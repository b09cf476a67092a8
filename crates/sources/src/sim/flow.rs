//! A counter that a made-up machine counts with.

/// A counter and what it grows by in the present second. Between whole seconds it grows in a
/// straight line, so that its value depends on the time alone and not on when it was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    total: u64,
    rate: u64,
}

impl Flow {
    /// A counter that has counted `rate` for that many seconds already.
    #[must_use]
    pub fn aged(rate: u64, seconds: u64) -> Flow {
        Flow { total: rate.saturating_mul(seconds), rate: 0 }
    }

    /// Ends the present second and begins one of `rate`.
    pub fn next(&mut self, rate: u64) {
        self.total = self.total.saturating_add(self.rate);
        self.rate = rate;
    }

    /// Adds to the present second's rate.
    pub fn add(&mut self, rate: u64) {
        self.rate = self.rate.saturating_add(rate);
    }

    /// Changes the present second's rate, before anybody has looked at it.
    pub fn set_rate(&mut self, rate: u64) {
        self.rate = rate;
    }

    /// What the present second adds.
    #[must_use]
    pub fn rate(self) -> u64 {
        self.rate
    }

    /// The counter that many microseconds into the present second.
    #[must_use]
    pub fn at(self, microseconds: u64) -> u64 {
        let part = u128::from(self.rate) * u128::from(microseconds.min(1_000_000)) / 1_000_000;
        self.total.saturating_add(u64::try_from(part).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_joins_its_seconds_without_a_step() {
        let mut flow = Flow::aged(3, 10);
        flow.next(7);
        assert_eq!((flow.at(0), flow.at(500_000), flow.at(1_000_000)), (30, 33, 37));
        let end = flow.at(1_000_000);
        flow.next(0);
        assert_eq!((flow.at(0), flow.at(999_999)), (end, end));
    }

    #[test]
    fn a_flow_stops_at_the_top() {
        let mut flow = Flow::aged(u64::MAX, 2);
        flow.next(u64::MAX);
        flow.next(1);
        assert_eq!(flow.at(u64::MAX), u64::MAX);
    }
}
