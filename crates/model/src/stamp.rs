//! When something was read. The real clocks live in the engine; here time is only compared.

/// The time between two samples beyond which they are not joined, if the machine slept: one tick's
/// worth of jitter between the two clocks is no sleep.
const SLEEP_NS: u64 = 200_000_000;

/// One moment on three clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Wall clock in milliseconds since 1970 UTC: for people, never for rates.
    pub wall_ms: i64,
    /// CLOCK_MONOTONIC in nanoseconds: for rates.
    pub monotonic_ns: u64,
    /// CLOCK_BOOTTIME in nanoseconds: runs on during suspend, so that its lead over the monotonic
    /// clock tells of one.
    pub boottime_ns: u64,
}

impl Stamp {
    /// How long the machine slept between `earlier` and this stamp.
    #[must_use]
    pub fn slept_ns(self, earlier: Stamp) -> u64 {
        let lead = |stamp: Stamp| stamp.boottime_ns.saturating_sub(stamp.monotonic_ns);
        lead(self).saturating_sub(lead(earlier))
    }

    /// Milliseconds from `earlier` to this stamp, sleep included, however the wall clock was set in
    /// between. Across a boot, where the other clocks begin anew, those of the wall clock.
    #[must_use]
    pub fn since_ms(self, earlier: Stamp) -> i64 {
        match self.boottime_ns.checked_sub(earlier.boottime_ns) {
            Some(ns) => i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX),
            None => self.wall_ms.saturating_sub(earlier.wall_ms),
        }
    }

    /// True if the machine slept between `earlier` and this stamp, so that counters of the two are
    /// not to be joined.
    #[must_use]
    pub fn slept_since(self, earlier: Stamp) -> bool {
        self.slept_ns(earlier) > SLEEP_NS
    }
}

/// Begin and end of one read on the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Just before the first byte was asked for.
    pub begin_ns: u64,
    /// Just after the last one came.
    pub end_ns: u64,
}

impl Window {
    /// The moment that stands for the read: its middle.
    #[must_use]
    pub fn middle_ns(self) -> u64 {
        self.begin_ns + self.end_ns.saturating_sub(self.begin_ns) / 2
    }

    /// Seconds from the middle of `earlier` to the middle of this read; `None` if no time passed.
    #[must_use]
    pub fn seconds_since(self, earlier: Window) -> Option<f64> {
        let passed = self.middle_ns().checked_sub(earlier.middle_ns()).filter(|&ns| ns > 0)?;
        Some(passed as f64 / 1e9)
    }
}

/// Where time comes from. The engine has the real one; tests and made-up machines bring their own.
pub trait Clock: Send + Sync {
    /// All three clocks at once.
    fn now(&self) -> Stamp;

    /// The monotonic clock alone, for the windows of reads.
    fn monotonic_ns(&self) -> u64 {
        self.now().monotonic_ns
    }
}
