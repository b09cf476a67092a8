//! The energy counters of the drivers, by rail.

use std::sync::Arc;

use super::energy::{Meter, Power, Published, nanojoules};
use super::layout::Timebase;
use super::library::Library;
use super::names::{Rail, energy_exponent, rails};
use super::report::Subscription;

/// The counters of some rails.
pub struct Energy {
    channels: Subscription,
    meters: Vec<Meter>,
    /// Which channel counts for which rail.
    rails: Vec<(usize, Rail)>,
    /// The cores have used nothing since boot, says their counter: betas of macOS 27 fill in zeros.
    is_empty: bool,
}

/// What a rail used since it was first read, and what it draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spent {
    pub microjoules: i64,
    pub watts: Option<f64>,
    /// Its counter has not been published for too long.
    pub is_stale: bool,
}

impl Energy {
    /// Subscribes to the channels of these rails.
    pub fn open(library: &Arc<Library>, wanted: &[Rail]) -> Option<Energy> {
        // Which names count depends on which others there are: all are looked at once.
        let seen = std::cell::RefCell::new(Vec::new());
        let look = |name: &str| {
            seen.borrow_mut().push(name.to_owned());
            true
        };
        drop(Subscription::new(library, "Energy Model", None, &look)?);
        let names = seen.into_inner();
        let chosen: Vec<&str> = rails(names.iter().map(String::as_str))
            .into_iter()
            .filter(|(_, rail)| wanted.contains(rail))
            .filter_map(|(place, _)| names.get(place).map(String::as_str))
            .collect();
        let channels =
            Subscription::new(library, "Energy Model", None, &|name| chosen.contains(&name))?;
        let rails = rails(channels.channels.iter().map(|channel| channel.name.as_str()));
        let meters = vec![Meter::default(); channels.channels.len()];
        Some(Energy { channels, meters, rails, is_empty: false })
    }

    /// Samples the counters.
    pub fn advance(&mut self, base: Timebase, now_ns: u64) {
        let is_sampled = self.channels.sample();
        let channels = self.channels.channels.iter().zip(&self.channels.held);
        for (place, ((channel, held), meter)) in channels.zip(&mut self.meters).enumerate() {
            let is_cores = self.rails.contains(&(place, Rail::Cpu));
            if is_cores && let Some(value) = held.value {
                self.is_empty = value == 0;
            }
            let reading = energy_exponent(&channel.unit)
                .and_then(|exponent| nanojoules(held.value?, exponent))
                .filter(|&value| is_sampled && !(is_cores && value == 0))
                .map(|value| Published { value, stamp_ns: base.nanoseconds(held.stamp) });
            meter.advance(reading, now_ns);
        }
    }

    /// What a rail used and draws: dies are added up, and none is left out. `None` if it has no
    /// channel.
    pub fn rail(&self, rail: Rail, now_ns: u64) -> Option<Spent> {
        let mut meters = self
            .rails
            .iter()
            .filter(|(_, of)| *of == rail)
            .map(|&(place, _)| &self.meters[place])
            .peekable();
        meters.peek()?;
        let (mut used, mut watts) = (0_i64, Some(0.0));
        let mut is_stale = self.is_empty && rail == Rail::Cpu;
        for meter in meters {
            let drawn = meter.hold(now_ns);
            used = used.saturating_add(meter.used_nanojoules() / 1_000);
            watts = watts.zip(drawn.watts()).map(|(sum, one)| sum + one);
            is_stale |= drawn == Power::Stale;
        }
        Some(Spent { microjoules: used, watts, is_stale })
    }
}
