//! The only calls to the real clocks.

use retop_model::{Clock, Stamp};
use rustix::time::{ClockId, clock_gettime};

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealClock;

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

impl Clock for RealClock {
    fn now(&self) -> Stamp {
        let wall = nanoseconds(ClockId::Realtime) / 1_000_000;
        Stamp {
            wall_ms: i64::try_from(wall).unwrap_or(i64::MAX),
            monotonic_ns: self.monotonic_ns(),
            boottime_ns: boottime_ns(),
        }
    }

    fn monotonic_ns(&self) -> u64 {
        monotonic_ns()
    }
}

#[cfg(not(target_os = "macos"))]
fn monotonic_ns() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

/// On macOS CLOCK_MONOTONIC runs on during sleep; the clock behind `Instant` does not, so that the
/// lead of the one over the other tells of a sleep.
#[cfg(target_os = "macos")]
#[allow(clippy::disallowed_methods, reason = "this is where real clocks are read")]
fn monotonic_ns() -> u64 {
    use std::sync::LazyLock;
    use std::time::Instant;
    const BEGIN_NS: u64 = 1_000_000_000;
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let passed = BEGIN.elapsed().as_nanos();
    BEGIN_NS.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn boottime_ns() -> u64 {
    nanoseconds(ClockId::Boottime)
}

/// On macOS CLOCK_MONOTONIC runs on during sleep: it is the boot clock.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn boottime_ns() -> u64 {
    nanoseconds(ClockId::Monotonic)
}
