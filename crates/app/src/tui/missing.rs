//! What stands where a number is not there yet, or not at all.

use retop_model::family::process;
use retop_model::human::Size;
use retop_model::metric::Slot;
use retop_model::{Field, Row};

use super::app::App;
use super::table::column::Form;
use crate::short;

impl App {
    /// Bytes per second, without the unit.
    #[must_use]
    pub fn rate(&self, rate: Option<f64>) -> super::units::Text {
        match rate {
            Some(rate) => short!("{}", Size(rate)),
            None => short!("{}", self.missing()),
        }
    }

    /// The newest value of a chart that is on the screen.
    #[must_use]
    pub fn newest_of(&self, ring: &super::history::Ring) -> Option<f64> {
        ring.mean(self.subsamples as usize)
    }

    /// What stands where a rate is missing.
    #[must_use]
    pub fn missing(&self) -> &'static str {
        super::units::missing(self.now.as_deref().is_some_and(|now| !now.has_rates()))
    }

    /// True if a rate of that row has its first sample and waits for the second: the row is new,
    /// or was not read so closely before.
    #[must_use]
    pub fn is_pending(&self, row: Row<'_>, form: Form) -> bool {
        let (Form::Percent(field) | Form::Size(field) | Form::Count(field)) = form else {
            return false;
        };
        if !matches!(field.slot, Slot::Derived(_)) || field == process::memory_ratio {
            return false;
        }
        let of_counter = |rate: Field, counter: Field| field == rate && row.raw(counter).is_some();
        row.is_new()
            || self.now.as_deref().is_some_and(|now| !now.has_rates())
            || of_counter(process::read_bytes_per_second, process::read_bytes)
            || of_counter(process::written_bytes_per_second, process::written_bytes)
            || of_counter(process::io_bytes_per_second, process::read_bytes)
            || of_counter(process::switches_per_second, process::voluntary_switches)
            || of_counter(process::calls_per_second, process::read_calls)
    }
}
