//! Processes that went while their device was full: probably for want of its memory. No driver
//! says so; what is known is that memory had grown, that next to none was left, and that the
//! process was gone then.

use std::collections::{HashMap, VecDeque};

use crate::table::Key;
use crate::text::Text;

/// So long before the end of a process its device was looked at.
const BEFORE_SECONDS: f64 = 5.0;
/// Less free than this share is full.
pub const FULL: f64 = 0.02;

/// Who went.
#[derive(Clone, Debug)]
pub struct Victim {
    pub pid: i64,
    pub name: Text,
    /// What it held last.
    pub bytes: f64,
}

/// What is known of a device.
#[derive(Debug, Default)]
pub struct Ends {
    /// Moments of the last seconds at which it was full and had grown to be.
    full: VecDeque<f64>,
    pub count: u64,
    pub last: Option<Victim>,
}

/// The same of all devices.
#[derive(Debug, Default)]
pub struct Vanished(HashMap<Key, Ends>);

impl Vanished {
    /// Takes a moment of a device: the share of its memory that is free, and whether what is in use
    /// has grown. Whoever takes nearly all of it at the start, and keeps it, wants for nothing.
    pub fn look(&mut self, device: Key, time: f64, free: f64, grows: bool) {
        let ends = self.0.entry(device).or_default();
        ends.full.retain(|&then| time - then <= BEFORE_SECONDS);
        if free < FULL && grows {
            ends.full.push_back(time);
        }
    }

    /// A process on the device is gone.
    pub fn gone(&mut self, device: Key, time: f64, victim: Victim) {
        let Some(ends) = self.0.get_mut(&device) else { return };
        if ends.full.iter().any(|&then| time - then <= BEFORE_SECONDS) {
            ends.count += 1;
            ends.last = Some(victim);
        }
    }

    /// What is known of a device.
    pub fn of(&self, device: Key) -> Option<&Ends> {
        self.0.get(&device)
    }

    /// Forgets what was before a gap.
    pub fn forget_moments(&mut self) {
        self.0.values_mut().for_each(|ends| ends.full.clear());
    }
}
