//! What is read more often while somebody looks: how busy a device is, and how much of its memory is
//! in use.
//!
//! The driver's share of time is of its last sixth of a second to a second, so that one reading a
//! second may miss most of what happened; and memory that is taken and given back between two
//! readings is never seen. Both calls are the cheapest that there are. Each device has moments of its
//! own within the period, so that nobody else waits for the driver's lock while all are read in a row.

use retop_model::RowMut;
use retop_model::family::gpu;

/// How often a device is looked at.
const PERIOD_NS: u64 = 250_000_000;
/// Everything is read this often: a look that is no more frequent is none.
const WHOLE_NS: u64 = 1_000_000_000;
/// The share of the time that the driver may spend on looks alone: one part in this many. What they
/// take beyond that, others would feel.
const SHARE: u64 = 200;
/// Nobody has asked for anything for so long: nobody looks.
const PATIENCE_NS: u64 = 5_000_000_000;

/// When devices are looked at between two reads, and what that has cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rhythm {
    period_ns: Option<u64>,
    until_ns: u64,
    /// What looks took since the last read.
    pub spent_ns: u64,
    /// Calls so far, and what they took.
    known: (u64, u64),
}

impl Rhythm {
    /// Begins anew after a read that took `each_ns` for each device. `so_far` are looks, those of
    /// reads among them, and what they took, since the start.
    pub fn begin(&mut self, wanted: bool, now_ns: u64, each_ns: u64, so_far: (u64, u64)) {
        let looks = so_far.0.saturating_sub(self.known.0).max(1);
        let look_ns = so_far.1.saturating_sub(self.known.1) / looks;
        self.known = so_far;
        self.period_ns = wanted.then(|| period(each_ns, look_ns)).flatten();
        self.until_ns = now_ns.saturating_add(PATIENCE_NS);
    }

    /// When the device at that place of so many is looked at first: half a part of the period is
    /// left free before the read of all.
    pub fn first(&self, now_ns: u64, place: usize, count: usize) -> Option<u64> {
        let (place, count) = (place as u64, count.max(1) as u64);
        self.period_ns.map(|period| now_ns + period + period * (2 * place + 1) / (2 * count))
    }

    /// The next moment of a device that was due.
    fn after(&self, due_ns: u64, now_ns: u64) -> Option<u64> {
        let period_ns = self.period_ns?;
        // What was slept through is not made up for.
        let passed = now_ns.saturating_sub(due_ns) / period_ns;
        let next_ns = due_ns + (passed + 1) * period_ns;
        (next_ns <= self.until_ns).then_some(next_ns)
    }
}

/// The shortest period, doubled while looks take more than their share, or more than reads leave of
/// what the driver may spend; none if reads alone are as many.
fn period(each_ns: u64, look_ns: u64) -> Option<u64> {
    let mut period_ns = PERIOD_NS;
    while period_ns < WHOLE_NS {
        let more = WHOLE_NS / period_ns - 1;
        let all_ns = each_ns.saturating_add(more.saturating_mul(look_ns));
        let fits = all_ns.saturating_mul(super::DRIVER_SHARE) <= WHOLE_NS;
        if fits && look_ns.saturating_mul(SHARE) <= period_ns {
            return Some(period_ns);
        }
        period_ns *= 2;
    }
    None
}

/// What was seen of a device since its last row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub due_ns: Option<u64>,
    /// Percents added up, how many they were, and the highest.
    busy: (u64, u64, u32),
    /// The least and the most memory in use.
    used: Option<(u64, u64)>,
}

impl Seen {
    /// True if it is to be looked at now; it is due again a period later.
    pub fn is_due(&mut self, rhythm: &Rhythm, now_ns: u64) -> bool {
        let Some(due_ns) = self.due_ns.filter(|&due_ns| due_ns <= now_ns) else { return false };
        self.due_ns = rhythm.after(due_ns, now_ns);
        true
    }

    /// Takes a reading.
    pub fn add(&mut self, percent: Option<u32>, used: Option<u64>) {
        if let Some(percent) = percent {
            let (sum, count, most) = self.busy;
            self.busy = (sum + u64::from(percent), count + 1, most.max(percent));
        }
        if let Some(used) = used {
            let (least, most) = self.used.unwrap_or((used, used));
            self.used = Some((least.min(used), most.max(used)));
        }
    }

    /// Writes what was seen, and forgets it.
    pub fn write(&mut self, row: &mut RowMut<'_>) {
        let (sum, count, most) = self.busy;
        let mean = (sum * 100 + count / 2).checked_div(count);
        row.set(gpu::utilization_mean_ratio, mean)
            .set(gpu::utilization_peak_ratio, mean.map(|_| most));
        if let Some((least, most)) = self.used {
            row.set(gpu::memory_low_bytes, least).set(gpu::memory_peak_bytes, most);
        }
        (self.busy, self.used) = ((0, 0, 0), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_take_no_more_than_their_share_and_what_reads_leave() {
        const US: u64 = 1_000;
        for (each_us, look_us, expected_ms) in [
            // An RTX 4090: 2.5 and 11.6 µs, beside 5 ms for the rest.
            (5_000, 14, Some(250)),
            (5_000, 1_250, Some(250)),
            (5_000, 1_251, Some(500)),
            (5_000, 2_500, Some(500)),
            (5_000, 2_501, None),
            // The read takes nearly all that there is.
            (19_900, 30, Some(250)),
            (19_900, 50, Some(500)),
            (19_900, 150, None),
            (25_000, 14, None),
            (u64::MAX / US, u64::MAX / US, None),
        ] {
            let period = period(each_us * US, look_us * US).map(|ns| ns / 1_000_000);
            assert_eq!(period, expected_ms, "{each_us} {look_us}");
        }
    }

    #[test]
    fn devices_have_their_own_moments_and_none_that_was_missed() {
        let mut rhythm = Rhythm::default();
        rhythm.begin(true, 0, 0, (0, 0));
        let first = |place| rhythm.first(1_000_000_000, place, 4).map(|ns| ns / 1_000_000);
        assert_eq!([0, 1, 2, 3].map(first), [1281, 1343, 1406, 1468].map(Some));
        let mut seen = Seen { due_ns: Some(300), ..Seen::default() };
        assert!(!seen.is_due(&rhythm, 299));
        assert!(seen.is_due(&rhythm, 2 * PERIOD_NS));
        assert_eq!(seen.due_ns, Some(300 + 2 * PERIOD_NS));
        assert!(seen.is_due(&rhythm, PATIENCE_NS));
        assert_eq!(seen.due_ns, None, "nobody asks any more");
        rhythm.begin(false, 0, 0, (0, 0));
        assert_eq!(rhythm.first(0, 0, 4), None);
    }
}
