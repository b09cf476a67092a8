//! Time that passes when a test says so.

use std::sync::atomic::{AtomicU64, Ordering};

use retop_model::{Clock, Stamp};

const SECOND_NS: u64 = 1_000_000_000;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct HandClock {
    passed_ns: AtomicU64,
    up_seconds: u64,
    wall_ms: i64,
}

impl HandClock {
    /// Begins on a machine that has been up for so long, at that time of the wall clock.
    #[must_use]
    pub const fn new(up_seconds: u64, wall_ms: i64) -> HandClock {
        HandClock { passed_ns: AtomicU64::new(0), up_seconds, wall_ms }
    }

    /// So many seconds have passed since it began.
    pub fn set(&self, seconds: u64) {
        self.passed_ns.store(seconds * SECOND_NS, Ordering::Relaxed);
    }

    /// So many nanoseconds more have passed.
    pub fn pass_ns(&self, nanoseconds: u64) {
        self.passed_ns.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// So many seconds more have passed. Tells how many in all.
    pub fn pass(&self, seconds: u64) -> u64 {
        let passed_ns = seconds * SECOND_NS;
        (self.passed_ns.fetch_add(passed_ns, Ordering::Relaxed) + passed_ns) / SECOND_NS
    }
}

/// A day after the start of a machine, in 2026.
impl Default for HandClock {
    fn default() -> HandClock {
        HandClock::new(86_400, 1_790_000_000_000)
    }
}

impl Clock for HandClock {
    fn now(&self) -> Stamp {
        let passed_ns = self.passed_ns.load(Ordering::Relaxed);
        let wall_ms = self.wall_ms + i64::try_from(passed_ns / 1_000_000).unwrap_or(0);
        let ns = self.up_seconds * SECOND_NS + passed_ns;
        Stamp { wall_ms, monotonic_ns: ns, boottime_ns: ns }
    }
}
