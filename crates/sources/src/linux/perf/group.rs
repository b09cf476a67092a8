//! A group of events, read as one.

use std::io;

use retop_model::counter;

use super::{EVENTS, Kernel, Pmu, Target, WORDS};

/// An open group.
pub struct Group<C> {
    leader: C,
    /// Kept for their dropping alone.
    siblings: Vec<C>,
    /// Places of the events, in the order of opening.
    order: [usize; EVENTS],
    last: Words,
}

/// What a group read at one moment.
#[derive(Clone, Copy, Default)]
struct Words {
    enabled: u64,
    running: u64,
    values: [u64; EVENTS],
}

/// What a group counted from one read to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Nanoseconds in which it was to count, and in which it had the hardware to itself.
    pub enabled_ns: u64,
    pub running_ns: u64,
    /// `None` for an event that is not counted.
    pub counts: [Option<u64>; EVENTS],
}

impl<C> Group<C> {
    /// Opens what the unit has of the events. Its first one must be there; any other may be missing.
    /// An error that says that nothing more can be opened is one of the group's.
    pub fn open<K: Kernel<Counter = C>>(
        kernel: &mut K,
        pmu: &Pmu,
        target: Target,
    ) -> io::Result<Group<C>> {
        let mut events =
            pmu.events.iter().enumerate().filter_map(|(place, event)| Some((place, (*event)?)));
        let (first, event) = events.next().ok_or(io::ErrorKind::NotFound)?;
        let leader = kernel.open(target, event, None)?;
        let (mut siblings, mut order, mut count) = (Vec::new(), [first; EVENTS], 1);
        for (place, event) in events {
            match kernel.open(target, event, Some(&leader)) {
                Ok(sibling) => {
                    siblings.push(sibling);
                    order[count] = place;
                    count += 1;
                }
                Err(error) if is_exhausted(&error) => return Err(error),
                // The unit lacks it, or has no room for it beside the others.
                Err(_) => {}
            }
        }
        let mut group = Group { leader, siblings, order, last: Words::default() };
        group.last = group.words(kernel).unwrap_or_default();
        Ok(group)
    }

    /// Places of the events in it.
    pub fn places(&self) -> &[usize] {
        &self.order[..self.len()]
    }

    /// Events in it.
    pub fn len(&self) -> usize {
        1 + self.siblings.len()
    }

    /// What was counted since the last read. A number that fell tells nothing of this step.
    pub fn step<K: Kernel<Counter = C>>(&mut self, kernel: &mut K) -> io::Result<Step> {
        let now = self.words(kernel)?;
        let last = std::mem::replace(&mut self.last, now);
        let grown = |before: u64, now: u64| {
            let (before, now) = (i64::try_from(before).ok()?, i64::try_from(now).ok()?);
            u64::try_from(counter::increase(before, now)?).ok()
        };
        let mut step = Step {
            enabled_ns: grown(last.enabled, now.enabled).unwrap_or(0),
            running_ns: grown(last.running, now.running).unwrap_or(0),
            counts: [None; EVENTS],
        };
        for &place in self.places() {
            step.counts[place] = grown(last.values[place], now.values[place]);
        }
        Ok(step)
    }

    fn words<K: Kernel<Counter = C>>(&self, kernel: &mut K) -> io::Result<Words> {
        let mut words = [0; WORDS];
        let len = kernel.read(&self.leader, &mut words)?;
        let [count, enabled, running, values @ ..] = words;
        let expected = self.len();
        if len < 3 + expected || usize::try_from(count) != Ok(expected) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut read = Words { enabled, running, values: [0; EVENTS] };
        for (&place, &value) in self.order.iter().zip(&values).take(expected) {
            read.values[place] = value;
        }
        Ok(read)
    }
}

impl Step {
    /// What would have been counted if the group had had the hardware all the time. `None` for one
    /// that had it at no time although there was something to count.
    pub fn scaled(self) -> Option<[Option<u64>; EVENTS]> {
        if self.running_ns == 0 {
            return (self.enabled_ns == 0).then_some(self.counts);
        }
        if self.running_ns >= self.enabled_ns {
            return Some(self.counts);
        }
        let scale = |count: u64| {
            let scaled =
                u128::from(count) * u128::from(self.enabled_ns) / u128::from(self.running_ns);
            u64::try_from(scaled).unwrap_or(u64::MAX)
        };
        Some(self.counts.map(|count| count.map(scale)))
    }
}

/// True if no more can be opened, whatever it is.
pub fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM))
}
