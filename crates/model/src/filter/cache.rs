//! Remembers which patterns a process meets, so that they are tested once per name and not once
//! per tick. With that the small regex engine is fast enough.

use std::collections::HashMap;
use std::sync::Arc;

use super::eval::look_for;
use super::{Filter, Pattern, Standing, Verdict};
use crate::family::{FamilyId, process};
use crate::snapshot::{Row, Snapshot};
use crate::table::Key;
use crate::text::Text;

/// What is known of each process.
#[derive(Debug, Default)]
pub struct Matches {
    /// The patterns that the answers are about. Held, so that no other can take their place in
    /// memory.
    patterns: Option<Arc<[Pattern]>>,
    known: HashMap<Key, Known>,
    moment: u64,
}

#[derive(Debug)]
struct Known {
    name: Option<Text>,
    command: Option<Text>,
    /// A bit for each of the first 64 patterns: tested, and met.
    tested: u64,
    met: u64,
    /// The last moment at which it was tested.
    moment: u64,
}

impl Matches {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Matches {
        Matches::default()
    }

    /// As [`Filter::test`], but a pattern is tested again only if the name or the command of the
    /// process is another piece of memory than before. Another filter starts afresh.
    pub fn test(&mut self, filter: &Filter, row: Row<'_>, standing: Standing) -> Verdict {
        if filter.patterns.is_empty() {
            return filter.test_with(row, standing, &mut |_| Verdict::Unknown);
        }
        let same = |held: &Arc<[Pattern]>| Arc::ptr_eq(held, &filter.patterns);
        if !self.patterns.as_ref().is_some_and(same) {
            self.known.clear();
            self.patterns = Some(Arc::clone(&filter.patterns));
        }
        self.forget_the_gone(row.snapshot());
        let (name, command) = (row.text(process::name), row.text(process::command));
        let moment = self.moment;
        let known = self.known.entry(row.key()).or_insert_with(|| Known::of(name, command, moment));
        if !is_same(known.name.as_ref(), name) || !is_same(known.command.as_ref(), command) {
            *known = Known::of(name, command, moment);
        }
        known.moment = moment;
        filter.test_with(row, standing, &mut |number| {
            let Some(pattern) = filter.patterns.get(number) else { return Verdict::Unknown };
            let bit = u32::try_from(number).ok().and_then(|number| 1u64.checked_shl(number));
            let Some(bit) = bit.filter(|_| name.is_some() || command.is_some()) else {
                return look_for(pattern, row);
            };
            if known.tested & bit == 0 {
                known.tested |= bit;
                if look_for(pattern, row) == Verdict::Yes {
                    known.met |= bit;
                }
            }
            if known.met & bit == 0 { Verdict::No } else { Verdict::Yes }
        })
    }

    /// The number of processes of which something is known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// True if nothing is known of anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// When a new moment comes and most of what is known is about nobody in it, forgets those that
    /// were not in the moment before.
    fn forget_the_gone(&mut self, snapshot: &Snapshot) {
        let moment = snapshot.stamp().monotonic_ns;
        if moment == self.moment {
            return;
        }
        if self.known.len() > 2 * snapshot.rows(FamilyId::Process).len() {
            let before = self.moment;
            self.known.retain(|_, known| known.moment == before);
        }
        self.moment = moment;
    }
}

impl Known {
    fn of(name: Option<&Text>, command: Option<&Text>, moment: u64) -> Known {
        Known { name: name.cloned(), command: command.cloned(), tested: 0, met: 0, moment }
    }
}

fn is_same(before: Option<&Text>, now: Option<&Text>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => before.same(now),
        (None, None) => true,
        _ => false,
    }
}
