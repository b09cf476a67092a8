//! Processes: the cheapest sweep that procfs allows.
//!
//! One `pread` of a kept `/proc/PID/stat` for each process at each tick, and nothing else. Measured
//! with 3,073 processes (Linux 6.18): listing 1.2 µs a process, `openat + read + close` 10.5 µs,
//! `pread` of a kept descriptor 6.0 µs; reading `statm`, `io` and `status` as well costs 24.5 µs.
//! io_uring is twice as slow (procfs cannot be read without blocking, so each step goes to a worker
//! thread) and keeping descriptors of the folders gains nothing. So: descriptors are kept as far as
//! the limit allows, exact memory and I/O are read for the rows that somebody looks at, and command
//! lines, which can block on a process short of memory, by threads of their own.

mod counters;
mod detail;
mod known;
mod listing;
mod schedule;
mod stat;
mod texts;
mod threads;

use std::cmp::Reverse;
use std::os::unix::fs::MetadataExt as _;

use retop_model::family::{process, task};
use retop_model::{FamilyId, Key, RawTable, Reading};

use self::counters::Counters;
use self::detail::Detail;
use self::known::{Known, fill, is_out_of_descriptors};
use self::listing::Listing;
use self::schedule::Schedule;
pub use self::stat::Stat;
use self::texts::{Job, TextReader};
use super::kept::Descriptors;
use super::users::Users;
use crate::demand::Rows;
use crate::roots::Roots;
use crate::source::{Problem, Read, Source};

/// A wanted row has its command line read again after so long: `setproctitle`, an `exec` under the
/// same name and a move to another control group leave no other trace.
const TEXTS_STALE_NS: u64 = 10_000_000_000;

/// The time is that for up to so many rows, and longer where more are wanted: an export of 5,000
/// processes then reads 50 a second on average.
const TEXTS_FRESH_ROWS: u64 = 512;

/// A row on show has its proportional memory walked again after so long.
const PROPORTIONAL_STALE_NS: u64 = 5_000_000_000;

/// Proportional memory that nobody has walked anew for so long is no longer shown: the row was on
/// show once, or its page tables may not be read any more.
const PROPORTIONAL_GONE_NS: u64 = 60_000_000_000;

/// So many new processes at once are a first look, or a storm.
const MANY: usize = 256;

/// Every process of a machine.
pub struct Processes {
    listing: Result<Listing, String>,
    /// Sorted by pid, as procfs lists them.
    known: Vec<Known>,
    descriptors: Descriptors,
    texts: TextReader,
    users: Users,
    detail: Detail,
    counters: Counters,
    schedule: Schedule,
    pids: Vec<u32>,
    wanted: Wanted,
    buffer: Vec<u8>,
    page_bytes: u64,
    exited: u64,
    started: bool,
    hidden: Option<Problem>,
}

impl Processes {
    /// The processes below these roots.
    pub fn new(roots: &Roots) -> Processes {
        let listing =
            Listing::open(&roots.proc).map_err(|e| format!("{}: {e}", roots.proc.display()));
        Processes {
            listing,
            known: Vec::new(),
            descriptors: Descriptors::new(),
            texts: TextReader::new(roots),
            users: Users::new(roots),
            detail: Detail::default(),
            counters: Counters::new(roots),
            schedule: Schedule::default(),
            pids: Vec::new(),
            wanted: Wanted::default(),
            buffer: vec![0; 4096],
            page_bytes: super::page_bytes(roots).unwrap_or(4096),
            exited: 0,
            started: false,
            hidden: hidden_by_mount(roots),
        }
    }

    /// Brings the list of known processes in line with the pids that are there: both are sorted.
    fn match_pids(&mut self) {
        let mut fresh = Vec::new();
        {
            let mut known = self.known.iter_mut().peekable();
            for &pid in &self.pids {
                while known.next_if(|entry| entry.pid < pid).is_some() {}
                match known.next_if(|entry| entry.pid == pid) {
                    Some(entry) => entry.seen = true,
                    None => fresh.push(Known::unread(pid)),
                }
            }
        }
        let (descriptors, exited) = (&mut self.descriptors, &mut self.exited);
        self.known.retain_mut(|entry| {
            if !entry.seen {
                *exited += 1;
                entry.close(descriptors);
            }
            entry.seen
        });
        if !fresh.is_empty() {
            if self.known.capacity() - self.known.len() < fresh.len() {
                // Not twice as much: one birth after the first look would cost half a mebibyte.
                self.known.reserve_exact(fresh.len() + self.pids.len() / 16);
            }
            self.known.append(&mut fresh);
            self.known.sort_unstable_by_key(|entry| entry.pid);
        }
    }

    /// Opens the stat files of a first look by several threads: of 3,000 processes this takes half
    /// of the time to the first rows, and opening does not need to be in order.
    fn open_many(&mut self, listing: &Listing) {
        let room = usize::try_from(self.descriptors.room()).unwrap_or(usize::MAX);
        let mut fresh: Vec<&mut Known> =
            self.known.iter_mut().filter(|entry| entry.stat.is_none()).take(room).collect();
        if fresh.len() < MANY {
            return;
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
        let share = fresh.len().div_ceil(threads);
        std::thread::scope(|scope| {
            for part in fresh.chunks_mut(share) {
                scope.spawn(|| {
                    for entry in part {
                        entry.stat = listing.open_at(entry.pid, c"stat").ok();
                        entry.owner = listing.owner(entry.pid);
                    }
                });
            }
        });
        let opened = fresh.iter().filter(|entry| entry.stat.is_some()).count();
        for _ in 0..opened {
            self.descriptors.take();
        }
    }

    /// Closes as many kept files as are too many since the system had no descriptor left.
    fn release(&mut self) {
        for entry in &mut self.known {
            if !self.descriptors.are_too_many() {
                return;
            }
            entry.close(&mut self.descriptors);
        }
    }

    /// Reads the stat line of every known process into the table.
    fn sweep(&mut self, listing: &Listing, table: &mut RawTable, tally: &mut Tally, now_ns: u64) {
        let Processes {
            known, descriptors, texts, users, buffer, page_bytes, exited, started, ..
        } = self;
        table.reserve(known.len());
        known.retain_mut(|entry| {
            entry.seen = false;
            let line = match entry.read_stat(listing, descriptors, buffer) {
                Ok(line) => line,
                Err(error) => {
                    // Gone between the listing and the read; it counts as ended if it was ever
                    // read, unless it was retop that could not open the file.
                    let ended = entry.start_ticks != u64::MAX && !is_out_of_descriptors(&error);
                    *exited += u64::from(ended);
                    return false;
                }
            };
            let Some(stat) = Stat::parse(line) else {
                // Forgotten, so that rows and known processes run in step; listed again next time.
                tally.garbled += 1;
                entry.close(descriptors);
                return false;
            };
            if entry.start_ticks != stat.start_ticks {
                *exited += u64::from(entry.start_ticks != u64::MAX);
                entry.reborn(&stat, listing, users, *started);
            }
            let used = stat.used_ticks();
            (entry.moved, entry.ticks) = (used.saturating_sub(entry.ticks), used);
            if entry.renamed(stat.comm) {
                entry.name(stat.comm);
                entry.texts_asked_ns = now_ns;
                texts.ask(Job::Texts, entry.key());
            }
            entry.kernel = stat.is_kernel();
            entry.threads = stat.threads;
            if now_ns.saturating_sub(entry.proportional_taken_ns) > PROPORTIONAL_GONE_NS {
                entry.proportional = [Reading::NONE; 3];
            }
            tally.count(&stat);
            let mut row = table.push_with(entry.key(), entry.texts.clone());
            fill(&mut row, entry, &stat, *page_bytes);
            true
        });
    }

    /// Asks the scheduler about what is wanted; attaches counters to what is wanted, and reads those
    /// that are attached.
    fn count(&mut self, listing: &Listing, table: &mut RawTable, read: &Read<'_>, now_ns: u64) {
        self.wanted.choose(&read.demand().processes.schedule, &self.known, table);
        self.schedule.read(listing, &self.wanted.rows, &self.known, table, now_ns);
        let demand = &read.demand().processes.counters;
        self.wanted.choose(demand, &self.known, table);
        if self.counters.prepare(demand, &mut self.descriptors) {
            let rows = &self.wanted.rows;
            self.counters.read(listing, rows, &self.known, table, now_ns);
        }
    }

    /// Takes what the threads that read command lines and page tables brought back.
    fn collect(&mut self, now_ns: u64) {
        let known = &mut self.known;
        self.texts.collect(|answer| {
            let place = known.binary_search_by_key(&answer.key.0, |entry| u64::from(entry.pid));
            let Some(entry) = place.ok().and_then(|place| known.get_mut(place)) else { return };
            if entry.start_ticks == answer.key.1 {
                entry.take(answer, now_ns);
            }
        });
    }

    /// Asks for the texts of the wanted rows again, where they are old.
    fn refresh_texts(&mut self, now_ns: u64) {
        let portions = 1 + self.wanted.rows.len() as u64 / TEXTS_FRESH_ROWS;
        let stale_ns = TEXTS_STALE_NS.saturating_mul(portions);
        for &row in &self.wanted.rows {
            let Some(entry) = self.known.get_mut(row) else { continue };
            if now_ns.saturating_sub(entry.texts_asked_ns) > stale_ns {
                entry.texts_asked_ns = now_ns;
                self.texts.ask(Job::Texts, entry.key());
            }
        }
    }

    /// Reads what is wanted beyond the stat line, for the rows that it is wanted for.
    fn details(&mut self, listing: &Listing, table: &mut RawTable, read: &mut Read<'_>) {
        let demand = &read.demand().processes;
        self.detail.begin();
        self.wanted.choose(&demand.memory, &self.known, table);
        self.detail.memory(listing, &self.wanted.rows, &mut self.known, table, self.page_bytes);
        let now_ns = read.now_ns();
        self.refresh_texts(now_ns);
        self.wanted.choose(&demand.status, &self.known, table);
        self.detail.status(listing, &self.wanted.rows, &mut self.known, table);
        self.detail.oom_score(listing, &self.wanted.rows, &mut self.known, table);
        self.wanted.choose(&demand.io, &self.known, table);
        self.detail.io(listing, &self.wanted.rows, &mut self.known, table);
        self.detail.let_go(&mut self.known);
        self.wanted.choose(&demand.proportional, &self.known, table);
        for &row in &self.wanted.rows {
            let Some(entry) = self.known.get_mut(row) else { continue };
            if now_ns.saturating_sub(entry.proportional_asked_ns) > PROPORTIONAL_STALE_NS {
                entry.proportional_asked_ns = now_ns;
                self.texts.ask(Job::Proportional, entry.key());
            }
        }
    }
}

impl Source for Processes {
    fn name(&self) -> &'static str {
        "processes"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Process, FamilyId::Task, FamilyId::Thread]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        let listing = match &self.listing {
            Ok(listing) => listing.clone(),
            Err(reason) => return Err(Problem::absent(reason.clone())),
        };
        let wanted =
            [FamilyId::Process, FamilyId::Thread].map(|family| read.demand().wants(family));
        if wanted == [false, false] {
            // The sweep is nine tenths of what retop costs: a stream of system metrics goes without,
            // and without the counts that only the sweep gives.
            return Err(Problem::unasked());
        }
        let begin_ns = read.now_ns();
        let mut pids = std::mem::take(&mut self.pids);
        let listed = listing.pids(&mut pids, &mut self.buffer);
        self.pids = pids;
        listed.map_err(|e| Problem::failing(format!("cannot list processes: {e}")))?;
        self.match_pids();
        self.users.look();
        self.release();
        self.open_many(&listing);
        self.collect(begin_ns);
        let mut table = read.table(FamilyId::Process);
        let mut tally = Tally::default();
        self.sweep(&listing, &mut table, &mut tally, begin_ns);
        self.started = true;
        let swept_ns = read.now_ns();
        self.details(&listing, &mut table, read);
        self.count(&listing, &mut table, read, swept_ns);
        self.texts.wake(swept_ns);
        if read.demand().processes.patient {
            self.texts.finish();
            self.collect(read.now_ns());
            for (row, entry) in self.known.iter().enumerate() {
                if let Some(mut row) = table.row_mut(row) {
                    row.share(entry.texts.clone());
                    row.set(process::user_id, entry.user_id);
                }
            }
        }
        self.wanted.choose(&read.demand().processes.threads, &self.known, &table);
        threads::read(&listing, &table, &self.wanted.rows, &mut self.buffer, read);
        self.report(&tally, read);
        // The window is the sweep's: the details after it are gauges, or counters that move with
        // the row's own reads at the same place in each tick.
        table.finish(retop_model::Window { begin_ns, end_ns: swept_ns });
        read.tables.push(table);
        tally.write(self.exited, begin_ns, read);
        Ok(())
    }
}

impl Processes {
    /// Says which parts of the picture are missing, and what would help.
    fn report(&self, tally: &Tally, read: &mut Read<'_>) {
        let denied = self.known.iter().filter(|entry| entry.io_denied).count();
        if denied > 0 {
            let problem = Problem::denied(match denied {
                1 => "the I/O counters of another user's process may not be read".to_owned(),
                _ => format!("the I/O counters of {denied} processes of others may not be read"),
            })
            .hint(super::AS_ROOT);
            read.report("processes/io", "read_bytes written_bytes", Some(problem));
        }
        if let Some(problem) = self.counters.problem() {
            read.report(
                "processes/counters",
                "ipc cache_miss_ratio branch_miss_ratio",
                Some(problem),
            );
        }
        if let Some(problem) = &self.hidden {
            read.report("processes/hidden", "processes", Some(problem.clone()));
        }
        if tally.garbled > 0 {
            let problem =
                Problem::failing(format!("{} stat lines could not be understood", tally.garbled));
            read.report("processes/stat", "processes", Some(problem));
        }
        if let Some(problem) = self.texts.problem() {
            read.report("processes/command", "command user cgroup", Some(problem));
        }
        if self.descriptors.exhausted() {
            let problem = Problem::failing(format!(
                "only {} files may be kept open; the other processes cost 40 % more to read",
                self.descriptors.limit()
            ))
            .hint("raise the hard limit: ulimit -Hn, or LimitNOFILE= in the unit");
            read.report("processes/descriptors", "processes", Some(problem));
        }
    }
}

/// The rows that somebody wants more of.
#[derive(Default)]
struct Wanted {
    rows: Vec<usize>,
    moved: Vec<(Reverse<u64>, usize)>,
}

impl Wanted {
    /// Chooses rows of the table. After a sweep, rows and known processes run in step.
    fn choose(&mut self, rows: &Rows, known: &[Known], table: &RawTable) {
        self.rows.clear();
        match rows {
            Rows::None => {}
            Rows::Keys(keys) => self.rows.extend(keys.iter().filter_map(|&key| table.find(key))),
            Rows::Active => {
                let moved = known.iter().enumerate().filter(|(_, entry)| entry.moved > 0);
                self.rows.extend(moved.map(|(row, _)| row));
            }
            Rows::All => self.rows.extend(0..table.len()),
            Rows::Top(count) => {
                // Of equals the first, as exports choose them: the idle ones among the rows that
                // are given have their details too.
                self.moved.clear();
                let all = known.iter().enumerate();
                self.moved.extend(all.map(|(row, entry)| (Reverse(entry.moved), row)));
                if *count < self.moved.len() {
                    self.moved.select_nth_unstable(*count);
                    self.moved.truncate(*count);
                }
                self.rows.extend(self.moved.iter().map(|&(_, row)| row));
                self.rows.sort_unstable();
            }
        }
    }
}

/// Counts of one sweep.
#[derive(Default)]
struct Tally {
    by_state: [u64; process::STATE_LETTERS.len()],
    processes: u64,
    threads: u64,
    kernel_threads: u64,
    garbled: u64,
}

impl Tally {
    fn count(&mut self, stat: &Stat<'_>) {
        self.processes += 1;
        let state = usize::try_from(process::state_of(stat.state)).unwrap_or(0);
        self.by_state[state] += 1;
        if stat.is_kernel() {
            self.kernel_threads += 1;
        } else {
            self.threads += u64::try_from(stat.threads).unwrap_or(0);
        }
    }

    fn write(&self, exited: u64, begin_ns: u64, read: &mut Read<'_>) {
        let of = |letter: u8| {
            let place = usize::try_from(process::state_of(letter)).unwrap_or(0);
            self.by_state[place]
        };
        let mut table = read.table(FamilyId::Task);
        table
            .push(Key::ONE)
            .set(task::processes, self.processes)
            .set(task::threads, self.threads)
            .set(task::kernel_threads, self.kernel_threads)
            .set(task::running, of(b'R'))
            .set(task::sleeping, of(b'S'))
            .set(task::blocked, of(b'D'))
            .set(task::stopped, of(b'T') + of(b't'))
            .set(task::zombies, of(b'Z'))
            .set(task::idle, of(b'I'))
            .set(task::exited, exited);
        read.give(table, begin_ns);
    }
}

/// `hidepid` of the mount: processes of others may be invisible, and no count tells how many.
fn hidden_by_mount(roots: &Roots) -> Option<Problem> {
    let mounts = std::fs::read(roots.proc.join("self/mountinfo")).ok()?;
    let mounts = String::from_utf8_lossy(&mounts);
    let (_, options) = mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        (before.split(' ').nth(4)? == "/proc").then_some(())?;
        Some((before, after.split(' ').nth(2)?))
    })?;
    let level = options.split(',').find_map(|option| option.strip_prefix("hidepid="))?;
    if matches!(level, "0" | "off") || (roots.is_real() && sees_others(roots)) {
        return None;
    }
    Some(
        Problem::denied(format!("/proc is mounted with hidepid={level}"))
            .hint("processes of others need root or the group of the gid= mount option"),
    )
}

/// True if the first process can be read although it is another user's, or by root: the mount then
/// hides nothing from us.
fn sees_others(roots: &Roots) -> bool {
    // SAFETY: geteuid has no preconditions.
    let own = unsafe { libc::geteuid() };
    let first = roots.proc.join("1");
    let others = own == 0 || std::fs::metadata(&first).is_ok_and(|facts| facts.uid() != own);
    others && std::fs::read(first.join("stat")).is_ok()
}

/// Lines of `status` and `io`, and page tables, for the fuzzer.
pub fn fuzz_details(bytes: &[u8]) {
    let _ = detail::proportional(bytes);
    schedule::fuzz(bytes);
}

/// Command lines, users and groups, for the fuzzer.
pub fn fuzz_texts(bytes: &[u8]) {
    texts::fuzz(bytes);
}

#[cfg(test)]
mod tests;
