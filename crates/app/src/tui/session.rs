//! The energy of the session.

use retop_model::family::power;
use retop_model::{FamilyId, Key, Snapshot};

use super::history::entry;

/// What power domains drew since the start, or since somebody reset it.
#[derive(Clone, Debug, Default)]
pub struct Session {
    seconds: f64,
    tallies: Vec<(Key, Tally)>,
}

/// What one power domain drew.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// What its counter said last.
    counted: Option<f64>,
    seconds: f64,
    joules: f64,
    peak: f64,
}

impl Session {
    pub(super) fn push(&mut self, now: &Snapshot) {
        // Across a sleep of the machine nobody knows what was drawn.
        let seconds = now.interval_seconds().filter(|_| !now.is_gap());
        self.seconds += seconds.unwrap_or(0.0);
        for row in now.rows(FamilyId::Power) {
            let tally = entry(&mut self.tallies, row.key(), Tally::default);
            tally.push(row.get(power::used_joules), row.get(power::watts), seconds);
        }
    }

    /// Begins anew: what was used so far is forgotten.
    pub fn reset(&mut self) {
        self.seconds = 0.0;
        for (_, tally) in &mut self.tallies {
            *tally = Tally { counted: tally.counted, ..Tally::default() };
        }
    }

    /// How long it has lasted.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// What that domain drew.
    #[must_use]
    pub fn of(&self, key: Key) -> Option<Tally> {
        let place = self.tallies.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(self.tallies[place].1)
    }

    /// Energy of the machine, from the instruments that tell its power.
    #[must_use]
    pub fn joules(&self, now: &Snapshot) -> Option<f64> {
        power::whole(now, |row| self.of(row.key())?.joules())
    }
}

impl Tally {
    /// Counted energy is exact whatever lies between two samples; power is summed up only where
    /// nothing counts.
    fn push(&mut self, counted: Option<f64>, watts: Option<f64>, seconds: Option<f64>) {
        let used = match (counted, self.counted) {
            (Some(counted), Some(before)) => Some((counted - before).max(0.0)),
            (Some(_), None) => None,
            (None, _) => watts.zip(seconds).map(|(watts, seconds)| watts * seconds),
        };
        self.counted = counted.or(self.counted);
        self.joules += used.unwrap_or(0.0);
        if let (Some(watts), Some(seconds)) = (watts, seconds) {
            self.seconds += seconds;
            self.peak = self.peak.max(watts);
        }
    }

    /// Watts at most, over one interval.
    #[must_use]
    pub fn peak(self) -> Option<f64> {
        (self.seconds > 0.0).then_some(self.peak)
    }

    /// Energy.
    #[must_use]
    pub fn joules(self) -> Option<f64> {
        (self.seconds > 0.0).then_some(self.joules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_what_the_counter_says() {
        let mut tally = Tally::default();
        assert_eq!(tally.joules(), None);
        tally.push(Some(100.0), None, None);
        tally.push(Some(130.0), Some(30.0), Some(1.0));
        // Nothing is known of the power here; the counter goes on.
        tally.push(None, None, Some(1.0));
        tally.push(Some(200.0), Some(35.0), Some(1.0));
        assert_eq!((tally.joules(), tally.peak()), (Some(100.0), Some(35.0)));
        // A counter that was reset.
        tally.push(Some(5.0), Some(5.0), Some(1.0));
        tally.push(Some(9.0), Some(4.0), Some(1.0));
        assert_eq!(tally.joules(), Some(104.0));
        let mut stated = Tally::default();
        stated.push(None, Some(10.0), Some(2.0));
        stated.push(None, Some(20.0), Some(0.5));
        assert_eq!((stated.joules(), stated.peak()), (Some(30.0), Some(20.0)));
        let mut session = Session { seconds: 9.0, tallies: vec![(Key(1, 0), tally)] };
        session.reset();
        session.tallies[0].1.push(Some(12.0), Some(3.0), Some(1.0));
        assert_eq!(session.of(Key(1, 0)).and_then(Tally::joules), Some(3.0));
    }
}
