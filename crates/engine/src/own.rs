//! What retop itself costs, as the `self` family tells it.

use retop_model::family::own;
use retop_model::{Clock, FamilyId, Key, RawTable, Window};

/// Counting open descriptors means listing them, 0.5 ms with 3,000 kept ones: once in so many ticks.
const DESCRIPTORS_EVERY: u64 = 30;

/// The record of retop's own doings.
#[derive(Clone, Debug, Default)]
pub struct Own {
    samples: u64,
    started_ms: Option<i64>,
    descriptors: Option<u64>,
    /// Ticks that were due while another was still being taken.
    pub ticks_missed: u64,
    /// Memory that the history holds.
    pub history_bytes: Option<u64>,
    /// How far the history reaches back, in milliseconds.
    pub history_ms: Option<u64>,
}

impl Own {
    pub(crate) fn table(&mut self, clock: &dyn Clock) -> RawTable {
        let begin_ns = clock.monotonic_ns();
        let usage = retop_sources::own_usage();
        if self.samples.is_multiple_of(DESCRIPTORS_EVERY) {
            self.descriptors = retop_sources::own_descriptors();
        }
        self.samples += 1;
        let started_ms = *self.started_ms.get_or_insert_with(|| clock.now().wall_ms);
        let mut table = RawTable::new(FamilyId::Own);
        table
            .push(Key::ONE)
            .text(own::version, env!("CARGO_PKG_VERSION"))
            .set(own::cpu_seconds, usage.cpu_us)
            .set(own::resident_bytes, usage.resident_bytes)
            .set(own::open_descriptors, self.descriptors)
            .set(own::start_time_seconds, started_ms)
            .set(own::samples, self.samples)
            .set(own::ticks_missed, self.ticks_missed)
            .set(own::history_bytes, self.history_bytes)
            .set(own::history_seconds, self.history_ms);
        table.finish(Window { begin_ns, end_ns: clock.monotonic_ns() });
        table
    }
}
