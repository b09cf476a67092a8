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
        nanoseconds(ClockId::Monotonic)
    }
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
