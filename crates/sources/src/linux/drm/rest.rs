//! Whether a device is left alone: because it sleeps, or so that it may fall asleep.
//!
//! Each read counts as use and puts the kernel's timer back, so that a monitor alone would keep an
//! idle device awake for ever. One that does nothing is not read for a while; if it stays awake all the
//! same, others hold it, and it is let go less often.

use crate::linux::patience::{FALLING_ASLEEP_NS, Patience};

/// What may be done with a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum May {
    #[default]
    Read,
    /// It has been asleep for so many nanoseconds, as far as was seen.
    Sleeps(u64),
    /// It is awake, and not read so that it may fall asleep.
    LetGo,
}

/// What is known of a device's rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rest {
    asleep_ns: Option<u64>,
    idle_ns: Option<u64>,
    let_go_ns: Option<u64>,
    patience: Patience,
}

impl Rest {
    /// True if it slept when it was looked at last.
    pub fn is_asleep(&self) -> bool {
        self.asleep_ns.is_some()
    }

    /// Before a read.
    pub fn before(&mut self, sleeps: bool, now_ns: u64) -> May {
        if sleeps {
            let since_ns = self.asleep_ns.unwrap_or(now_ns);
            *self = Rest { asleep_ns: Some(since_ns), ..Rest::default() };
            return May::Sleeps(now_ns.saturating_sub(since_ns));
        }
        self.asleep_ns = None;
        if let Some(since_ns) = self.let_go_ns {
            if now_ns.saturating_sub(since_ns) < FALLING_ASLEEP_NS {
                return May::LetGo;
            }
            self.let_go_ns = None;
            self.patience.lengthen();
        }
        May::Read
    }

    /// After a read that found the device idle, or not.
    pub fn after(&mut self, idle: bool, may_sleep: bool, now_ns: u64) {
        if !idle || !may_sleep {
            self.idle_ns = None;
            return;
        }
        let since_ns = *self.idle_ns.get_or_insert(now_ns);
        if now_ns.saturating_sub(since_ns) >= self.patience.idle_ns() {
            (self.idle_ns, self.let_go_ns) = (None, Some(now_ns));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Seconds at which an idle device was read.
    fn read(until: u64, sleeps: impl Fn(u64) -> bool, may_sleep: bool) -> Vec<u64> {
        let mut rest = Rest::default();
        let mut read = Vec::new();
        for second in 0..until {
            if rest.before(sleeps(second), second * SECOND) == May::Read {
                rest.after(true, may_sleep, second * SECOND);
                read.push(second);
            }
        }
        read
    }

    #[test]
    fn an_idle_device_is_let_go_and_then_less_often() {
        let seconds = read(200, |_| false, true);
        let expected: Vec<u64> = (0..=10).chain(30..=90).chain(110..200).collect();
        assert_eq!(seconds, expected);
        assert_eq!(read(200, |_| false, false).len(), 200);
    }

    #[test]
    fn one_that_sleeps_is_not_read_and_is_let_go_as_soon_as_before() {
        let seconds = read(100, |second| (12..60).contains(&second), true);
        let expected: Vec<u64> = (0..=10).chain(60..=70).chain(90..100).collect();
        assert_eq!(seconds, expected);
        let mut rest = Rest::default();
        assert_eq!(rest.before(true, 5 * SECOND), May::Sleeps(0));
        assert_eq!(rest.before(true, 65 * SECOND), May::Sleeps(60 * SECOND));
        assert_eq!(rest.before(false, 66 * SECOND), May::Read);
        assert_eq!(rest.before(true, 70 * SECOND), May::Sleeps(0));
    }

    #[test]
    fn work_keeps_it_read() {
        let mut rest = Rest::default();
        for second in 0..60 {
            assert_eq!(rest.before(false, second * SECOND), May::Read);
            rest.after(second % 9 != 0, true, second * SECOND);
        }
    }
}
