//! Newest values up to a number, and what lies in a time of them.

/// The newest values, up to a number fixed at the start. Memory grows with what is in it.
#[derive(Clone, Debug)]
pub(super) struct Ring<T> {
    slots: Vec<T>,
    oldest: usize,
    length: usize,
}

impl<T: Copy> Ring<T> {
    pub fn new(length: usize) -> Ring<T> {
        Ring { slots: Vec::new(), oldest: 0, length: length.max(1) }
    }

    pub fn push(&mut self, value: T) {
        if self.slots.len() < self.length {
            if self.slots.len() == self.slots.capacity() {
                let more = self.slots.len().max(32).min(self.length - self.slots.len());
                self.slots.reserve_exact(more);
            }
            self.slots.push(value);
        } else {
            self.slots[self.oldest] = value;
            self.oldest = (self.oldest + 1) % self.length;
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if the next value takes the place of the oldest.
    pub fn is_full(&self) -> bool {
        self.slots.len() == self.length
    }

    /// The oldest value.
    pub fn last(&self) -> Option<T> {
        self.newest(self.len().checked_sub(1)?)
    }

    /// The value that `age` pushes came after.
    pub fn newest(&self, age: usize) -> Option<T> {
        let place = self.slots.len().checked_sub(age + 1)?;
        self.slots.get((self.oldest + place) % self.slots.len()).copied()
    }

    pub fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<T>()
    }
}

impl Ring<i64> {
    /// True if nothing that belongs to a time is gone yet, or if the oldest is from before it.
    pub fn reaches(&self, from_ms: i64) -> bool {
        !self.is_full() || self.last().is_some_and(|oldest| oldest <= from_ms)
    }
}

/// Ages and times of the entries from `from_ms` to `to_ms`, newest first. Going back in age, a
/// time later than one already seen belongs to an earlier pass over it.
pub(super) fn within(
    times: &Ring<i64>,
    from_ms: i64,
    to_ms: i64,
) -> impl Iterator<Item = (usize, i64)> {
    let mut lowest = i64::MAX;
    (0..times.len())
        .map_while(|age| Some((age, times.newest(age)?)))
        .take_while(move |&(_, time_ms)| time_ms >= from_ms)
        .filter(move |&(_, time_ms)| {
            let latest_pass = time_ms <= lowest;
            lowest = lowest.min(time_ms);
            latest_pass && time_ms < to_ms
        })
}
