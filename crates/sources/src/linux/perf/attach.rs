//! Counters of some processes: of those that somebody looks at, and of the busiest.

use std::collections::HashMap;

use retop_model::family::process;
use retop_model::{Field, Key, RawTable, RowMut};

use super::group::is_exhausted;
use super::pmu::NAMES;
use super::{Access, Begin, EVENTS, Follow, Group, Kernel, Target, Whose, is_refusal, probe};
use crate::roots::Roots;
use crate::source::Problem;

/// Counters stay so long on a process that left the screen: one that comes and goes would never
/// have the two samples that a ratio takes, and attaching is what costs.
const LINGER_NS: u64 = 10_000_000_000;

/// Threads that get a group in one tick: 20 µs for each event, so 6 ms.
const GROUPS_PER_TICK: usize = 50;

/// Processes with counters at most.
const PROCESSES: usize = 200;

/// Threads of one process that get a group of their own. Of a process with more, the share that is
/// counted says so.
const THREADS: usize = 128;

/// Descriptors for counters at most; a quarter of those that the system grants if that is less.
const DESCRIPTORS: u64 = 4_000;

/// Where the counts of each place in a group go.
const FIELDS: [Field; EVENTS] = process::COUNTERS;

/// A process that may get counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub key: Key,
    pub threads: usize,
}

/// Counters attached to processes.
pub struct Attached<K: Kernel> {
    kernel: K,
    access: Option<Result<Access, Problem>>,
    processes: HashMap<Key, Watched<K::Counter>>,
    descriptors: usize,
    most_descriptors: usize,
    exhausted: bool,
    /// Places of events that some unit counts.
    found: [bool; EVENTS],
}

/// A process with counters, or one that may have none.
struct Watched<C> {
    groups: Vec<Attachment<C>>,
    /// Threads that it had when they were listed.
    threads: usize,
    totals: [Option<u64>; EVENTS],
    /// What of the cycles and instructions efficiency cores did; nothing where all cores are alike.
    efficient: [Option<u64>; 2],
    refused: bool,
    wanted_ns: u64,
}

/// A group of a thread, on one kind of cores.
struct Attachment<C> {
    tid: u32,
    is_efficient: bool,
    group: Group<C>,
}

impl<K: Kernel> Attached<K> {
    /// Nothing is attached yet.
    pub fn new(kernel: K) -> Attached<K> {
        Attached {
            kernel,
            access: None,
            processes: HashMap::new(),
            descriptors: 0,
            most_descriptors: usize::try_from(DESCRIPTORS).unwrap_or(usize::MAX),
            exhausted: false,
            found: [false; EVENTS],
        }
    }

    /// Counts these events, whatever the machine has.
    #[cfg(test)]
    pub fn of(kernel: K, pmu: super::Pmu) -> Attached<K> {
        let access = Access { pmus: vec![pmu], user_only: true, follow: Follow::Threads };
        Attached { access: Some(Ok(access)), ..Attached::new(kernel) }
    }

    /// How many descriptors to set aside of so many; to be called before anything is attached.
    pub fn descriptors_of(&mut self, limit: u64) -> u64 {
        let share = DESCRIPTORS.min(limit / 4);
        self.most_descriptors = usize::try_from(share).unwrap_or(usize::MAX);
        share
    }

    /// Whether anything can be counted here; asked once.
    pub fn access(&mut self, roots: &Roots) -> Result<(), Problem> {
        let kernel = &mut self.kernel;
        let access = self.access.get_or_insert_with(|| probe(kernel, roots));
        access.as_ref().map(drop).map_err(Clone::clone)
    }

    /// Brings the counters in line with what is wanted, the most wanted first, and reads them.
    /// `threads_of` lists the threads of a process; one that is not in the table has ended.
    pub fn advance(
        &mut self,
        wanted: &[Candidate],
        now_ns: u64,
        mut threads_of: impl FnMut(Key, &mut Vec<u32>),
        table: &mut RawTable,
    ) {
        let Some(Ok(access)) = &self.access else { return };
        let access = access.clone();
        for candidate in wanted.iter().take(PROCESSES) {
            if let Some(watched) = self.processes.get_mut(&candidate.key) {
                watched.wanted_ns = now_ns;
            }
        }
        let descriptors = &mut self.descriptors;
        self.processes.retain(|key, watched| {
            let is_wanted = now_ns.saturating_sub(watched.wanted_ns) < LINGER_NS;
            let stays = is_wanted && table.find(*key).is_some();
            if !stays {
                *descriptors = descriptors.saturating_sub(watched.descriptors());
            }
            stays
        });
        let mut groups_left = GROUPS_PER_TICK;
        let mut tids = Vec::new();
        for candidate in wanted.iter().take(PROCESSES) {
            let known = self.processes.get(&candidate.key);
            // Where groups do not follow, new threads are found by their number.
            let stale = known.is_some_and(|known| {
                !known.refused
                    && access.follow == Follow::Nobody
                    && known.threads != candidate.threads
            });
            if known.is_some() && !stale || groups_left == 0 {
                continue;
            }
            if self.processes.len() >= PROCESSES && known.is_none() {
                break;
            }
            threads_of(candidate.key, &mut tids);
            groups_left = groups_left.saturating_sub(tids.len().clamp(1, THREADS));
            self.attach(&access, *candidate, &tids, now_ns);
        }
        let kernel = &mut self.kernel;
        for (key, watched) in &mut self.processes {
            let sum = watched.step(kernel, access.pmus.len() > 1);
            if let Some(mut row) = table.find(*key).and_then(|row| table.row_mut(row)) {
                watched.write(sum, &mut row);
            }
        }
    }

    fn attach(&mut self, access: &Access, candidate: Candidate, tids: &[u32], now_ns: u64) {
        let watched = self.processes.entry(candidate.key).or_insert_with(|| Watched {
            groups: Vec::new(),
            threads: 0,
            totals: [None; EVENTS],
            efficient: [None; 2],
            refused: false,
            wanted_ns: now_ns,
        });
        watched.threads = candidate.threads;
        let before = watched.descriptors();
        if access.follow == Follow::Nobody {
            watched.groups.retain(|attachment| tids.contains(&attachment.tid));
        }
        self.descriptors = (self.descriptors + watched.descriptors()).saturating_sub(before);
        'threads: for &tid in tids.iter().take(THREADS) {
            if watched.groups.iter().any(|attachment| attachment.tid == tid) {
                continue;
            }
            let whose = Whose::Thread(i32::try_from(tid).unwrap_or(i32::MAX));
            let Access { user_only, follow, .. } = *access;
            let target = Target { whose, user_only, follow, begin: Begin::Now };
            for pmu in &access.pmus {
                if self.descriptors + EVENTS > self.most_descriptors {
                    self.exhausted = true;
                    break 'threads;
                }
                match Group::open(&mut self.kernel, pmu, target) {
                    Ok(group) => {
                        group.places().iter().for_each(|&place| self.found[place] = true);
                        self.descriptors += group.len();
                        let is_efficient = pmu.is_efficient;
                        watched.groups.push(Attachment { tid, is_efficient, group });
                    }
                    Err(error) if is_refusal(&error) => {
                        watched.refused = true;
                        break 'threads;
                    }
                    Err(error) if is_exhausted(&error) => {
                        self.exhausted = true;
                        self.most_descriptors = self.descriptors;
                        break 'threads;
                    }
                    // The thread has ended since it was listed, or this kind of cores has no such
                    // event.
                    Err(_) => {}
                }
            }
        }
    }

    /// What is missing, and what would help; nothing while nothing is attached.
    pub fn problem(&self) -> Option<Problem> {
        let refused = self.processes.values().filter(|watched| watched.refused).count();
        if refused > 0 {
            return Some(
                Problem::denied(match refused {
                    1 => "a process of another user may not be counted".to_owned(),
                    _ => format!("{refused} processes of others may not be counted"),
                })
                .hint("sudo setcap cap_perfmon+ep $(command -v retop), or run as root"),
            );
        }
        if self.exhausted {
            return Some(self.shortage());
        }
        let missing = NAMES.iter().zip(self.found).filter(|(_, found)| !found);
        let missing: Vec<&str> = missing.map(|(name, _)| *name).collect();
        let is_told = self.found.contains(&true) && !missing.is_empty();
        is_told.then(|| Problem::absent(format!("this PMU does not count {}", missing.join(", "))))
    }

    fn shortage(&self) -> Problem {
        Problem::failing(format!(
            "counters have {} file descriptors, and more threads are wanted",
            self.most_descriptors
        ))
        .hint("raise the hard limit: ulimit -Hn, or LimitNOFILE= in the unit")
    }

    /// Lets go of everything.
    pub fn clear(&mut self) {
        self.processes.clear();
        (self.descriptors, self.exhausted) = (0, false);
    }

    /// Open descriptors.
    #[cfg(test)]
    pub fn descriptors(&self) -> usize {
        self.descriptors
    }
}

/// What a process did from one read to the next.
#[derive(Clone, Copy, Default)]
struct Sum {
    enabled_ns: u64,
    running_ns: u64,
    /// A group had something to count and no hardware to count it with.
    blind: bool,
}

impl<C> Watched<C> {
    fn descriptors(&self) -> usize {
        self.groups.iter().map(|attachment| attachment.group.len()).sum()
    }

    /// Reads all groups and adds what they counted. Those of several kinds of cores count in turn,
    /// as the thread moves between them: their numbers are added as they are.
    fn step<K: Kernel<Counter = C>>(&mut self, kernel: &mut K, several: bool) -> Sum {
        let mut sum = Sum::default();
        let mut last_tid = None;
        for Attachment { tid, is_efficient, group } in &mut self.groups {
            let Ok(step) = group.step(kernel) else { continue };
            // The same thread's time, as each unit tells it.
            if last_tid.replace(*tid) != Some(*tid) {
                sum.enabled_ns += step.enabled_ns;
            }
            sum.running_ns += step.running_ns;
            let counts = if several { Some(step.counts) } else { step.scaled() };
            let Some(counts) = counts else {
                sum.blind = true;
                continue;
            };
            add(&mut self.totals, counts);
            if several {
                // On the other kind nothing of it was done, which is a number as well.
                let efficient = counts.map(|count| if *is_efficient { count } else { Some(0) });
                add(&mut self.efficient, efficient);
            }
        }
        sum.blind |= several && sum.running_ns == 0 && sum.enabled_ns > 0;
        sum
    }

    fn write(&self, sum: Sum, row: &mut RowMut<'_>) {
        if self.groups.is_empty() || sum.blind && sum.running_ns == 0 {
            return;
        }
        for (field, total) in FIELDS.into_iter().zip(self.totals) {
            row.set(field, total);
        }
        for (field, total) in process::EFFICIENCY_COUNTERS.into_iter().zip(self.efficient) {
            row.set(field, total);
        }
        if sum.enabled_ns > 0 {
            let followed =
                self.groups.len().min(self.threads).max(1) as f64 / self.threads.max(1) as f64;
            let ran = (sum.running_ns as f64 / sum.enabled_ns as f64).min(1.0);
            let share = if self.threads > THREADS { ran * followed } else { ran };
            row.set(process::counted_ratio, (share * 10_000.0) as i64);
        }
    }
}

/// Adds what was counted to each sum.
fn add(totals: &mut [Option<u64>], counts: [Option<u64>; EVENTS]) {
    for (total, count) in totals.iter_mut().zip(counts) {
        if let Some(count) = count {
            *total = Some(total.unwrap_or(0).saturating_add(count));
        }
    }
}
