//! The energy counters of the drivers, by what they count: a rail, a core, a cluster.

use std::sync::Arc;

use super::energy::{Meter, Power, Published, nanojoules};
use super::layout::Timebase;
use super::library::Library;
use super::names::{EnergyOf, Rail, energy_exponent, energy_of, rails};
use super::report::{Catalogue, Subscription};

/// What a counter counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Counted {
    Rail(Rail),
    Cores(EnergyOf),
}

impl Counted {
    /// Whether it cannot have used nothing since boot: betas of macOS 27 fill in zeros. A neural engine
    /// may have been left alone.
    fn is_never_empty(self) -> bool {
        matches!(self, Counted::Rail(Rail::Cpu) | Counted::Cores(_))
    }
}

/// Some of the counters.
pub struct Energy {
    channels: Subscription,
    /// One for each channel, with what it counts.
    meters: Vec<(Counted, Meter)>,
    /// All that cannot have used nothing say so all the same.
    is_empty: bool,
}

/// What something used since it was first read, and what it draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spent {
    pub microjoules: i64,
    pub watts: Option<f64>,
    /// Its counter has not been published for too long.
    pub is_stale: bool,
}

impl Energy {
    /// Subscribes to the channels of these rails, and to those of single cores and clusters. Which names
    /// of rails count depends on which others there are.
    pub fn open(library: &Arc<Library>, wanted: &[Rail], with_cores: bool) -> Option<Energy> {
        let catalogue = Catalogue::open(library, "Energy Model", None)?;
        let names = || catalogue.names.iter().map(String::as_str);
        let of_rails = rails(names()).into_iter().filter(|(_, rail)| wanted.contains(rail));
        let of_cores = names().enumerate().filter(|_| with_cores);
        let of_cores = of_cores.filter_map(|(place, name)| Some((place, energy_of(name)?)));
        let mut chosen: Vec<(usize, Counted)> = of_rails
            .map(|(place, of)| (place, Counted::Rail(of)))
            .chain(of_cores.map(|(place, of)| (place, Counted::Cores(of))))
            .collect();
        chosen.sort_unstable_by_key(|(place, _)| *place);
        let is_chosen = |place| chosen.binary_search_by_key(&place, |(place, _)| *place).is_ok();
        let channels = catalogue.subscribe(|place, _| is_chosen(place))?;
        let meters = chosen.into_iter().map(|(_, of)| (of, Meter::default())).collect();
        Some(Energy { channels, meters, is_empty: false })
    }

    /// Samples the counters.
    pub fn advance(&mut self, base: Timebase, now_ns: u64) {
        let is_sampled = self.channels.sample();
        let channels = self.channels.channels.iter().zip(&self.channels.held);
        let (mut known, mut empty) = (0, 0);
        for ((channel, held), (of, meter)) in channels.zip(&mut self.meters) {
            let is_never_empty = of.is_never_empty();
            if is_never_empty && let Some(value) = held.value {
                known += 1;
                empty += usize::from(value == 0);
            }
            let reading = energy_exponent(&channel.unit)
                .and_then(|exponent| nanojoules(held.value?, exponent))
                .filter(|&value| is_sampled && !(is_never_empty && value == 0))
                .map(|value| Published { value, stamp_ns: base.nanoseconds(held.stamp) });
            meter.advance(reading, now_ns);
        }
        self.is_empty = known > 0 && empty == known;
    }

    /// What something used and draws: dies are added up, and none is left out. `None` if it has no
    /// channel.
    pub fn spent(&self, wanted: Counted, now_ns: u64) -> Option<Spent> {
        let mut meters = self.meters.iter().filter(|(of, _)| *of == wanted).peekable();
        meters.peek()?;
        let (mut used, mut watts) = (0_i64, Some(0.0));
        let mut is_stale = self.is_empty && wanted.is_never_empty();
        for (_, meter) in meters {
            let drawn = meter.hold(now_ns);
            used = used.saturating_add(meter.used_nanojoules() / 1_000);
            watts = watts.zip(drawn.watts()).map(|(sum, one)| sum + one);
            is_stale |= drawn == Power::Stale;
        }
        Some(Spent { microjoules: used, watts, is_stale })
    }
}
