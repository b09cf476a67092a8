//! Shares of CPU time that rest while they differ by no more than the kernel can tell.
//!
//! It counts in hundredths of a second: on a machine that rests, a core shows 0 and 1 and 2 percent in
//! turn though it always does the same, and each change is a few bytes to the terminal. What is
//! shown moves at once with what is more than that hundredth, else when it has been elsewhere for
//! three samples. The history, the past and every export have the numbers as they are.

use retop_model::family::{core, cpu};
use retop_model::{FamilyId, Field, Key, Row, Snapshot};

use super::app::App;
use super::history::entry;

/// What the kernel counts CPU time in, on every machine.
const TICK_SECONDS: f64 = 0.01;
/// Samples after which a small change is shown too.
const PATIENCE: u8 = 3;

/// The machine's shares that rest.
const SHARES: [Field; 8] = [
    cpu::utilization_ratio,
    cpu::user_ratio,
    cpu::system_ratio,
    cpu::iowait_ratio,
    cpu::nice_ratio,
    cpu::irq_ratio,
    cpu::steal_ratio,
    cpu::guest_ratio,
];

/// A share as it is shown.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    shown: Option<f64>,
    away: u8,
}

impl Rest {
    fn push(&mut self, value: Option<f64>, step: f64) {
        let (Some(value), Some(shown)) = (value, self.shown) else {
            *self = Rest { shown: value, away: 0 };
            return;
        };
        let percent = |share: f64| (share * 100.0).round();
        self.away = if percent(value) == percent(shown) { 0 } else { self.away + 1 };
        // The least that two counts can differ by is a tick at either end.
        if (value - shown).abs() > step * 1.05 || self.away >= PATIENCE {
            *self = Rest { shown: Some(value), away: 0 };
        }
    }
}

/// The shares as they are shown.
#[derive(Clone, Debug, Default)]
pub struct Steady {
    machine: [Rest; SHARES.len()],
    cores: Vec<(Key, Rest)>,
}

impl Steady {
    /// Takes a new moment.
    pub(super) fn push(&mut self, now: &Snapshot) {
        let step = now.interval_seconds().map_or(0.0, |seconds| TICK_SECONDS / seconds);
        let cores = now.rows(FamilyId::Core);
        for (rest, field) in self.machine.iter_mut().zip(SHARES) {
            rest.push(now.one(field), step / cores.len().max(1) as f64);
        }
        self.cores.retain(|(key, _)| now.find(FamilyId::Core, *key).is_some());
        for row in cores {
            let rest = entry(&mut self.cores, row.key(), Rest::default);
            rest.push(row.get(core::utilization_ratio), step);
        }
    }
}

impl App {
    /// What is on the screen is the newest sample, and that is what was pushed last.
    fn rests(&self) -> bool {
        self.rewind.is_none() && !self.paused && self.subsamples == 1
    }

    /// A share of all CPU time, to be shown.
    #[must_use]
    pub fn share(&self, now: &Snapshot, field: Field) -> Option<f64> {
        let place = SHARES.iter().position(|&share| share == field).filter(|_| self.rests());
        match place.and_then(|place| self.steady.machine.get(place)) {
            Some(rest) => rest.shown,
            None => now.one(field),
        }
    }

    /// How busy a core is, to be shown.
    #[must_use]
    pub fn share_of_core(&self, row: Row<'_>) -> Option<f64> {
        let cores = &self.steady.cores;
        let place = cores.binary_search_by_key(&row.key(), |(key, _)| *key).ok();
        match place.filter(|_| self.rests()).and_then(|place| cores.get(place)) {
            Some((_, rest)) => rest.shown,
            None => row.get(core::utilization_ratio),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_cannot_tell_rests_and_what_stays_is_shown() {
        let mut rest = Rest::default();
        let mut shown = Vec::new();
        // Percent, on a core sampled each second.
        for value in [1, 0, 2, 1, 4, 5, 4, 5, 5, 5, 5, 0, 1, 1, 1] {
            rest.push(Some(f64::from(value) / 100.0), 0.01);
            shown.push((rest.shown.expect("known") * 100.0).round() as i32);
        }
        assert_eq!(shown, [1, 1, 1, 1, 4, 4, 4, 4, 4, 5, 5, 0, 0, 0, 1]);
        rest.push(None, 0.01);
        assert_eq!(rest.shown, None, "missing is never an old value");
        // Many cores tell more finely.
        rest.push(Some(0.010), 0.000_1);
        rest.push(Some(0.014), 0.000_1);
        assert_eq!(rest.shown, Some(0.014));
    }
}
