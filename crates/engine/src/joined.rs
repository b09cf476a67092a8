//! Tables of one family from several sources, such as the graphics processors of two makers.
//!
//! Each source reads at its own pace, and a rate is of one window: the parts are joined once each of
//! them is of a new read. One that has fallen silent is not waited for; its values stand, and its
//! counters tell nothing until it answers.

use std::sync::Arc;

use retop_model::metric::Kind;
use retop_model::{FamilyId, RawTable, Reading, Window};

/// A part that is this much older than the newest is not waited for.
const SILENT_NS: u64 = 3_000_000_000;

/// The joined tables of the last tick.
#[derive(Debug, Default)]
pub struct Joined {
    last: Vec<Pair>,
}

#[derive(Debug)]
struct Pair {
    family: FamilyId,
    parts: [Window; 2],
    table: Arc<RawTable>,
}

impl Joined {
    /// One table of two; the rows of the first go before those of the second with the same key.
    pub fn join(&mut self, first: &Arc<RawTable>, second: &Arc<RawTable>) -> Arc<RawTable> {
        let family = first.family();
        let parts = [first.window(), second.window()];
        let newest_ns = parts[0].end_ns.max(parts[1].end_ns);
        let silent = parts.map(|part| newest_ns.saturating_sub(part.end_ns) > SILENT_NS);
        let place = self.last.iter().position(|pair| pair.family == family);
        if let Some(last) = place.and_then(|place| self.last.get(place)) {
            let new = [parts[0] != last.parts[0], parts[1] != last.parts[1]];
            let waits = (0..2).any(|part| !new[part] && !silent[part]);
            if new == [false; 2] || waits {
                return Arc::clone(&last.table);
            }
        }
        let mut table = RawTable::new(family);
        for (part, silent) in [first, second].into_iter().zip(silent) {
            append(&mut table, part, silent);
        }
        let begin_ns = parts[0].begin_ns.min(parts[1].begin_ns);
        table.finish(Window { begin_ns, end_ns: newest_ns });
        let table = Arc::new(table);
        let pair = Pair { family, parts, table: Arc::clone(&table) };
        match place.and_then(|place| self.last.get_mut(place)) {
            Some(last) => *last = pair,
            None => self.last.push(pair),
        }
        table
    }
}

fn append(table: &mut RawTable, part: &RawTable, silent: bool) {
    let columns = part.family().get().raw;
    for (row, &key) in part.keys().iter().enumerate() {
        let mut copy = table.push_with(key, part.shared_texts(row).cloned());
        let tells = |kind| !silent || kind != Kind::Counter;
        let readings = part.readings(row).zip(columns);
        copy.fill(readings.map(|(reading, column)| match tells(column.kind) {
            true => reading,
            false => Reading::NONE,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retop_model::Key;
    use retop_model::family::gpu;

    /// A device with a counter, read at that second.
    fn read(device: u64, joules: i64, second: u64) -> Arc<RawTable> {
        let mut table = RawTable::new(FamilyId::Gpu);
        table
            .push(Key(device, 0))
            .text(gpu::uuid, device.to_string())
            .set(gpu::utilization_ratio, 40)
            .set(gpu::energy_joules, joules);
        let ns = second * 1_000_000_000;
        table.finish(Window { begin_ns: ns, end_ns: ns + 1_000 });
        Arc::new(table)
    }

    fn joules(table: &RawTable) -> Vec<Option<i64>> {
        let place =
            FamilyId::Gpu.get().raw.iter().position(|column| column.name == "energy_joules");
        let place = place.expect("declared");
        (0..table.len()).map(|row| table.reading(row, place).get()).collect()
    }

    #[test]
    fn both_are_of_one_read_and_a_silent_one_has_no_rates() {
        let mut joined = Joined::default();
        let (a, b) = (read(2, 10, 1), read(1, 20, 1));
        let first = joined.join(&a, &b);
        assert_eq!((first.len(), joules(&first)), (2, vec![Some(20), Some(10)]));
        assert_eq!(first.texts(0)[0].as_ref().map(|text| text.shown()), Some("1"));
        // The same two reads are the same table.
        assert!(Arc::ptr_eq(&first, &joined.join(&a, &b)));
        // One is late: what was joined stands until both are new.
        let a = read(2, 11, 2);
        assert!(Arc::ptr_eq(&first, &joined.join(&a, &b)));
        let b = read(1, 22, 2);
        let second = joined.join(&a, &b);
        assert_eq!(joules(&second), [Some(22), Some(11)]);
        assert!(second.window() != first.window());
        // One has not answered for more than three seconds: its energy stands still, which is not
        // known to be no power.
        for (time, expected) in [(4, [Some(22), Some(11)]), (6, [None, Some(15)])] {
            let a = read(2, 9 + time, u64::try_from(time).expect("small"));
            assert_eq!(joules(&joined.join(&a, &b)), expected, "{time}");
        }
        // It is back.
        let (a, b) = (read(2, 16, 7), read(1, 30, 7));
        assert_eq!(joules(&joined.join(&a, &b)), [Some(30), Some(16)]);
    }

    #[test]
    fn a_device_that_both_know_is_told_by_the_first() {
        let table = Joined::default().join(&read(1, 10, 1), &read(1, 20, 1));
        assert_eq!(joules(&table), [Some(10)]);
    }
}
