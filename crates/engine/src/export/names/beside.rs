//! What those tools tell that no single sample holds.

use std::collections::VecDeque;
use std::sync::Arc;

use retop_model::family::{chip, memory};
use retop_model::{FamilyId, Filter, Row, Snapshot, Verdict};

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
/// actop watches no swap that is smaller.
const LEAST_SWAP: f64 = 0.1 * GIB;

/// What is told beside a sample.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Growth of swap over the window of the alert, in bytes.
    pub swap_rise_bytes: Option<f64>,
    /// It is as much as the alert waits for.
    pub swap_rises: bool,
    /// The most that memory moved since the beginning, in bytes per second.
    pub highest_traffic: Option<f64>,
    /// The most that the package drew since then.
    pub highest_watts: Option<f64>,
    /// Processes are told as well.
    pub processes: bool,
    /// Of which this one holds.
    pub keep: Option<Arc<Filter>>,
}

impl Beside {
    /// True if a process is told. One of which the filter cannot tell is not.
    pub(super) fn has(&self, row: Row<'_>) -> bool {
        self.keep.as_ref().is_none_or(|keep| keep.test(row) == Verdict::Yes)
    }
}

/// Takes one sample after the other, and keeps what is to be told beside each.
#[derive(Clone, Debug)]
pub struct Follower {
    told: Beside,
    /// Swap in use, the oldest first.
    swap: VecDeque<f64>,
    window: usize,
    limit_bytes: f64,
}

impl Follower {
    /// Growth of swap is taken over so many samples, and is an alert from so many bytes on; none if
    /// that is 0.
    #[must_use]
    pub fn new(samples: usize, limit_bytes: f64, told: Beside) -> Follower {
        Follower { told, swap: VecDeque::new(), window: samples.max(1) + 1, limit_bytes }
    }

    /// The next sample.
    pub fn advance(&mut self, snapshot: &Snapshot) -> &Beside {
        let higher = |known: Option<f64>, now: Option<f64>| match (known, now) {
            (Some(known), Some(now)) => Some(known.max(now)),
            (known, now) => known.or(now),
        };
        let told = &mut self.told;
        let traffic = snapshot.one(memory::traffic_bytes_per_second);
        let watts = snapshot.row(FamilyId::Chip, 0).and_then(|row| row.get(chip::package_watts));
        told.highest_traffic = higher(told.highest_traffic, traffic);
        told.highest_watts = higher(told.highest_watts, watts);
        let swap = snapshot.one(memory::swap_used_bytes);
        if let Some(used) = swap {
            self.swap.push_back(used);
            let excess = self.swap.len().saturating_sub(self.window);
            self.swap.drain(..excess);
        }
        let oldest = self.swap.front().copied();
        told.swap_rise_bytes = swap.zip(oldest).map(|(now, oldest)| (now - oldest).max(0.0));
        let is_there = snapshot.one(memory::swap_total_bytes).is_some_and(|all| all >= LEAST_SWAP);
        let is_whole = self.swap.len() == self.window && self.limit_bytes > 0.0;
        let rises = told.swap_rise_bytes.is_some_and(|bytes| bytes >= self.limit_bytes);
        told.swap_rises = is_there && is_whole && rises;
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retop_model::{Key, RawSample, RawTable, Stamp, derive};

    /// A machine with so much swap in use, in GiB.
    fn with_swap(second: u64, total: f64, used: Option<f64>) -> Snapshot {
        let mut table = RawTable::new(FamilyId::Memory);
        let gib = |gib: f64| (gib * GIB) as i64;
        table
            .push(Key::ONE)
            .set(memory::swap_total_bytes, gib(total))
            .set(memory::swap_free_bytes, used.map(|used| gib(total - used)));
        let stamp = Stamp { monotonic_ns: second * 1_000_000_000, ..Stamp::default() };
        let mut sample = RawSample::new(stamp);
        sample.put(Arc::new(table));
        derive(None, Arc::new(sample))
    }

    #[test]
    fn swap_rises_over_the_whole_window_alone() {
        let follow = |total: f64, limit: f64, used: &[Option<f64>]| {
            let mut follower = Follower::new(3, limit * GIB, Beside::default());
            let told = used.iter().zip(0..).map(|(&used, second)| {
                let told = follower.advance(&with_swap(second, total, used));
                (told.swap_rise_bytes.map(|bytes| bytes / GIB), told.swap_rises)
            });
            told.last().expect("samples")
        };
        let all = |used: &[f64]| used.iter().map(|&used| Some(used)).collect::<Vec<_>>();
        assert_eq!(follow(2.0, 0.25, &all(&[0.0, 0.25, 0.5])), (Some(0.5), false));
        assert_eq!(follow(2.0, 0.25, &all(&[0.0, 0.25, 0.5, 0.5])), (Some(0.5), true));
        assert_eq!(follow(2.0, 0.25, &all(&[0.0, 0.25, 0.5, 0.5, 0.5])), (Some(0.25), true));
        assert_eq!(follow(2.0, 0.25, &all(&[0.0, 1.0, 1.0, 1.0, 1.0])), (Some(0.0), false));
        assert_eq!(follow(2.0, 0.25, &all(&[1.0, 0.5, 0.5, 0.5])), (Some(0.0), false));
        // No swap worth the name, no alert wanted, swap that nobody tells of.
        assert_eq!(follow(0.0625, 0.03125, &all(&[0.0, 0.0, 0.0, 0.0625])), (Some(0.0625), false));
        assert_eq!(follow(2.0, 0.0, &all(&[0.0, 0.0, 0.0, 1.0])), (Some(1.0), false));
        assert_eq!(follow(2.0, 0.25, &[None, None]), (None, false));
    }
}
