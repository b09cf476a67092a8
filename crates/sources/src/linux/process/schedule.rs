//! What the scheduler did with the threads of the rows that somebody looks at.
//!
//! `schedstat` of a process is that of its main thread alone, so each thread is asked: an open, a
//! read and a close for either file, some 10 µs each. Threads that end take their numbers along; what
//! is kept is the sum of the increases, which never falls.

use std::collections::HashMap;

use retop_model::family::process;
use retop_model::{Key, RawTable};

use super::Known;
use super::listing::Listing;
use crate::linux::parse::{self, Fields};

/// Threads that are asked in one tick: 10 ms at worst. Rows beyond have no numbers in this tick.
const THREADS: usize = 512;

/// Rows that nobody wanted for so long are forgotten, and begin anew.
const FORGOTTEN_NS: u64 = 60_000_000_000;

/// Numbers of the threads that somebody looks at.
#[derive(Default)]
pub struct Schedule {
    processes: HashMap<Key, Threads>,
    buffer: Vec<u8>,
    names: Vec<u8>,
    tids: Vec<u32>,
}

/// The threads of a process, sorted by number, and what all together did.
#[derive(Default)]
struct Threads {
    known: Vec<(u32, Numbers)>,
    spare: Vec<(u32, Numbers)>,
    total: Numbers,
    read_ns: u64,
}

/// What was read of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Numbers {
    /// Nanoseconds ready to run and not running, and times that it was given a CPU.
    waited: Option<(u64, u64)>,
    migrations: Option<u64>,
}

impl Schedule {
    /// Reads the threads of these rows.
    pub fn read(
        &mut self,
        listing: &Listing,
        rows: &[usize],
        known: &[Known],
        table: &mut RawTable,
        now_ns: u64,
    ) {
        self.processes.retain(|_, threads| now_ns.saturating_sub(threads.read_ns) < FORGOTTEN_NS);
        self.buffer.resize(4096, 0);
        let mut left = THREADS;
        for &row in rows {
            let Some(entry) = known.get(row) else { continue };
            let Ok(tasks) = listing.threads(entry.pid) else { continue };
            if tasks.pids(&mut self.tids, &mut self.names).is_err() || self.tids.len() > left {
                continue;
            }
            left -= self.tids.len();
            let threads = self.processes.entry(entry.key()).or_default();
            threads.spare.clear();
            for &tid in &self.tids {
                let waited = tasks.read_at(tid, c"schedstat", &mut self.buffer).ok();
                let waited = waited.and_then(|len| waits(self.buffer.get(..len)?));
                let moved = tasks.read_at(tid, c"sched", &mut self.buffer).ok();
                let migrations = moved.and_then(|len| migrations(self.buffer.get(..len)?));
                threads.spare.push((tid, Numbers { waited, migrations }));
            }
            threads.take(now_ns);
            let Some(mut row) = table.row_mut(row) else { continue };
            let Numbers { waited, migrations } = threads.total;
            // The kernel counts nanoseconds; beyond microseconds they are noise, and dear in a recording.
            row.set(process::run_wait_seconds, waited.map(|(waited, _)| waited / 1_000))
                .set(process::dispatches, waited.map(|(_, dispatches)| dispatches))
                .set(process::migrations, migrations);
        }
    }
}

impl Threads {
    /// Adds what the threads did since the last read; all of it of a thread that was not there.
    fn take(&mut self, now_ns: u64) {
        let mut before = self.known.iter().peekable();
        let mut waited: Option<(u64, u64)> = None;
        let mut migrations: Option<u64> = None;
        for (tid, now) in &self.spare {
            while before.next_if(|(known, _)| known < tid).is_some() {}
            let last = before.next_if(|(known, _)| known == tid).map(|(_, last)| *last);
            let last = last.unwrap_or_default();
            if let Some(now) = now.waited {
                let last = last.waited.unwrap_or_default();
                let sum = waited.get_or_insert_default();
                sum.0 += now.0.saturating_sub(last.0);
                sum.1 += now.1.saturating_sub(last.1);
            }
            if let Some(now) = now.migrations {
                let last = last.migrations.unwrap_or_default();
                *migrations.get_or_insert_default() += now.saturating_sub(last);
            }
        }
        let total = &mut self.total;
        total.waited = waited.map(|(waited, dispatches)| {
            let before = total.waited.unwrap_or_default();
            (before.0.saturating_add(waited), before.1.saturating_add(dispatches))
        });
        total.migrations =
            migrations.map(|more| total.migrations.unwrap_or(0).saturating_add(more));
        std::mem::swap(&mut self.known, &mut self.spare);
        self.read_ns = now_ns;
    }
}

/// Nanoseconds waited and times run of a `schedstat`: the second and the third number.
fn waits(text: &[u8]) -> Option<(u64, u64)> {
    let mut fields = Fields::new(text);
    Some((fields.past(1).number()?, fields.number()?))
}

/// Moves from one CPU to another, of a `sched`.
fn migrations(text: &[u8]) -> Option<u64> {
    let mut pairs = parse::lines(text).filter_map(parse::keyed);
    let (_, value) = pairs.find(|&(key, _)| key == b"se.nr_migrations")?;
    parse::decimal(value)
}

/// Both files, for the fuzzer.
pub fn fuzz(bytes: &[u8]) {
    let _ = (waits(bytes), migrations(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_scheduler() {
        assert_eq!(waits(b"1200 49564 7\n"), Some((49_564, 7)));
        for wrong in [&b""[..], b"12", b"1 2", b"a b c", b"1 -2 3"] {
            assert_eq!(waits(wrong), None, "{wrong:?}");
        }
        let text =
            b"cat (7, #threads: 1)\n------\nse.vruntime                                  :  9.5\n\
            se.nr_migrations                             :                   12\nnr_switches : 3\n";
        assert_eq!(migrations(text), Some(12));
        assert_eq!(migrations(b"nr_migrations : 3\n"), None);
        assert_eq!(migrations(b"se.nr_migrations"), None);
    }

    #[test]
    fn threads_that_end_take_nothing_away() {
        let numbers = |waited, migrations| Numbers {
            waited: Some((waited, waited / 10)),
            migrations: Some(migrations),
        };
        let mut threads = Threads::default();
        for (now, total) in [
            (vec![(1, numbers(100, 1)), (2, numbers(50, 2))], numbers(150, 3)),
            (vec![(1, numbers(110, 1)), (2, numbers(90, 2))], numbers(200, 3)),
            // 2 ended, 3 and 4 were born.
            (vec![(1, numbers(110, 1)), (3, numbers(20, 4)), (4, numbers(30, 0))], numbers(250, 7)),
            (vec![(1, numbers(0, 0))], numbers(250, 7)),
        ] {
            threads.spare = now;
            threads.take(1);
            assert_eq!(threads.total, total);
        }
        threads.spare = vec![(1, Numbers::default())];
        threads.take(2);
        assert_eq!(threads.total, Numbers::default(), "what cannot be read is missing");
    }
}
