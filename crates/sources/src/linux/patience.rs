//! How long a device must do nothing before a monitor lets it go, so that it may fall asleep.

/// Longer each time that it stayed awake.
const IDLE_NS: [u64; 4] = [10_000_000_000, 60_000_000_000, 120_000_000_000, 300_000_000_000];

/// How long it may take a device to fall asleep: 6 to 15 s were seen.
pub const FALLING_ASLEEP_NS: u64 = 20_000_000_000;

/// The patience with one device, or with all of a driver's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience(usize);

impl Patience {
    /// How long it must be idle.
    pub fn idle_ns(self) -> u64 {
        IDLE_NS.get(self.0).copied().unwrap_or(IDLE_NS[0])
    }

    /// It was let go and stayed awake: others hold it.
    pub fn lengthen(&mut self) {
        self.0 = (self.0 + 1).min(IDLE_NS.len() - 1);
    }
}
