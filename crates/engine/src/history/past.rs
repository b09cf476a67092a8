//! The past as a screen looks at it, be it in memory or in files.

use retop_model::{Field, Key};

use super::log::Log;
use super::ring::History;
use super::series::Buckets;
use super::spike::Spikes;
use super::view::View;

/// Samples of the past with all that stands beside them.
pub trait Past: Send {
    /// The samples.
    fn view(&self) -> View;
    /// The lowest, mean and highest values of a series in equal buckets of some time of the wall
    /// clock, the end excluded.
    fn fill(
        &self,
        field: Field,
        key: Key,
        range_ms: (i64, i64),
        buckets: usize,
        into: &mut Buckets,
    );
    /// Where something went up.
    fn spikes(&self) -> &Spikes;
    /// What else happened.
    fn log(&self) -> &Log;
}

impl Past for History {
    fn view(&self) -> View {
        History::view(self)
    }

    fn fill(
        &self,
        field: Field,
        key: Key,
        range_ms: (i64, i64),
        buckets: usize,
        into: &mut Buckets,
    ) {
        self.series().fill(field, key, range_ms, buckets, into);
    }

    fn spikes(&self) -> &Spikes {
        History::spikes(self)
    }

    fn log(&self) -> &Log {
        History::log(self)
    }
}
