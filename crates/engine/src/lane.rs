//! A source with its record: read within the tick, or on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use retop_model::family::source::{self, SLOW, UNASKED, WORKS};
use retop_model::{Clock, FamilyId, Key, RawTable, Text};
use retop_sources::{Demand, Problem, Read, Report, Source};

/// A read that has not come back after this long is called slow.
const SLOW_AFTER_NS: u64 = 3_000_000_000;

/// What nobody looks at is read this often, for alerts.
const SELDOM_NS: u64 = 10_000_000_000;

/// What is known of a source's reads so far.
#[derive(Clone, Debug)]
pub struct Tally {
    name: &'static str,
    feeds: Text,
    problem: Option<Problem>,
    reports: Vec<Report>,
    reads: u64,
    errors: u64,
    last_read_ns: u64,
    read_time_ns: u64,
    last_good_ns: Option<u64>,
    rows: usize,
    /// Since when a read is out that has not come back.
    out_since_ns: Option<u64>,
}

impl Tally {
    fn new(source: &dyn Source) -> Tally {
        let keys: Vec<&str> = source.feeds().iter().map(|family| family.get().key).collect();
        Tally {
            name: source.name(),
            feeds: Text::from(keys.join(" ")),
            problem: None,
            reports: Vec::new(),
            reads: 0,
            errors: 0,
            last_read_ns: 0,
            read_time_ns: 0,
            last_good_ns: None,
            rows: 0,
            out_since_ns: None,
        }
    }

    /// Takes the outcome of one read.
    fn add(&mut self, outcome: Result<(), Problem>, begin_ns: u64, end_ns: u64, rows: usize) {
        self.last_read_ns = end_ns.saturating_sub(begin_ns);
        self.read_time_ns += self.last_read_ns;
        self.reads += 1;
        self.rows = rows;
        self.problem = outcome.err();
        match &self.problem {
            None => self.last_good_ns = Some(end_ns),
            Some(problem) if problem.state == source::FAILING => self.errors += 1,
            Some(_) => {}
        }
    }

    /// Adds the source's rows to the table of sources: its own, then those of its parts.
    pub fn write(&self, now_ns: u64, table: &mut RawTable) {
        let out_ns = self.out_since_ns.map_or(0, |since| now_ns.saturating_sub(since));
        let slow = (out_ns > SLOW_AFTER_NS).then(|| Problem {
            state: SLOW,
            reason: format!("no answer for {} s", out_ns / 1_000_000_000),
            hint: Some("the values shown are the last good ones".to_owned()),
        });
        let problem = slow.as_ref().or(self.problem.as_ref());
        let age_ms = self.last_good_ns.map(|good| now_ns.saturating_sub(good) / 1_000_000);
        let mut row = table.push(Key::named(self.name.as_bytes()));
        row.text(source::source, self.name)
            .text(source::feeds, self.feeds.clone())
            .set(source::read_seconds, self.last_read_ns / 1_000)
            .set(source::read_time_seconds, self.read_time_ns / 1_000)
            .set(source::reads, self.reads)
            .set(source::errors, self.errors)
            .set(source::age_seconds, age_ms)
            .set(source::rows, self.rows);
        let state = if self.reads == 0 && slow.is_none() { UNASKED } else { WORKS };
        set_problem(&mut row, state, problem);
        for report in &self.reports {
            let mut row = table.push(Key::named(report.name.as_bytes()));
            row.text(source::source, report.name.as_str())
                .text(source::feeds, report.feeds.as_str());
            set_problem(&mut row, WORKS, report.problem.as_ref());
        }
    }
}

fn set_problem(row: &mut retop_model::RowMut<'_>, state: i64, problem: Option<&Problem>) {
    row.set(source::state, problem.map_or(state, |problem| problem.state));
    if let Some(problem) = problem {
        row.text(source::reason, problem.reason.as_str());
        row.text_if(source::hint, problem.hint.as_deref());
    }
}

/// A source that is read within the tick.
pub struct Inline {
    source: Box<dyn Source>,
    tally: Tally,
}

impl Inline {
    pub fn new(source: Box<dyn Source>) -> Inline {
        let tally = Tally::new(&*source);
        Inline { source, tally }
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    pub fn read(&mut self, read: &mut Read<'_>) {
        let (given, begin_ns) = (read.tables.len(), read.now_ns());
        let outcome = self.source.read(read);
        let rows = read.tables[given..].iter().map(RawTable::len).sum();
        self.tally.add(outcome, begin_ns, read.now_ns(), rows);
        self.tally.reports.clear();
        self.tally.reports.append(&mut read.reports);
    }
}

/// What a thread brings back from a read.
struct Answer {
    outcome: Result<(), Problem>,
    tables: Vec<Arc<RawTable>>,
    reports: Vec<Report>,
    begin_ns: u64,
    end_ns: u64,
}

/// A source that reads on a thread of its own. The thread is never joined: one that hangs in the
/// kernel cannot be cancelled, and must not keep retop from ending.
pub struct Apart {
    every_ns: u64,
    asked_ns: Option<u64>,
    requests: SyncSender<Arc<Demand>>,
    answers: Receiver<Answer>,
    tally: Tally,
    tables: Vec<Arc<RawTable>>,
    /// The last wait was in vain: not waited for again until an answer comes.
    late: bool,
    feeds: &'static [FamilyId],
}

impl Apart {
    pub fn start(source: Box<dyn Source>, every: Duration, clock: Arc<dyn Clock>) -> Apart {
        let (requests, requested) = sync_channel::<Arc<Demand>>(1);
        let (answer, answers) = sync_channel(1);
        let mut tally = Tally::new(&*source);
        let feeds = source.feeds();
        let thread = std::thread::Builder::new()
            .name(source.name().to_owned())
            // Readers keep small buffers; 2 MiB for each of a dozen threads would be address space
            // that a strict overcommit policy counts.
            .stack_size(256 * 1024)
            .spawn(move || serve(source, &*clock, &requested, &answer));
        if let Err(error) = thread {
            tally.problem = Some(Problem::failing(format!("cannot start its thread: {error}")));
        }
        Apart {
            every_ns: u64::try_from(every.as_nanos()).unwrap_or(u64::MAX),
            asked_ns: None,
            requests,
            answers,
            tally,
            tables: Vec::new(),
            late: false,
            feeds,
        }
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The tables of its last read.
    pub fn tables(&self) -> &[Arc<RawTable>] {
        &self.tables
    }

    /// Lets go of what was read before the machine slept: the next read is not to be compared with
    /// it, and is due at once.
    pub fn forget(&mut self) {
        self.tables.clear();
        self.asked_ns = None;
    }

    /// Asks for a read if one is due, wanted, and none is out.
    pub fn ask(&mut self, demand: &Arc<Demand>, now_ns: u64) {
        let often = self.feeds.is_empty() || self.feeds.iter().any(|&f| demand.wants_often(f));
        let every_ns = if often { self.every_ns } else { self.every_ns.max(SELDOM_NS) };
        // A tick may come a little early; a sixteenth of the period as slack keeps a 2 s source at
        // every second tick of 1 s instead of every third.
        let due = self.asked_ns.is_none_or(|asked| {
            now_ns.saturating_sub(asked).saturating_add(every_ns / 16) >= every_ns
        });
        let wanted = self.feeds.is_empty() || self.feeds.iter().any(|&family| demand.wants(family));
        if !wanted {
            self.tables.clear();
            self.tally.reports.clear();
            self.tally.problem = Some(Problem {
                state: UNASKED,
                reason: "nobody asked for it".to_owned(),
                hint: None,
            });
            return;
        }
        if !due || self.tally.out_since_ns.is_some() {
            return;
        }
        match self.requests.try_send(Arc::clone(demand)) {
            Ok(()) => {
                self.asked_ns = Some(now_ns);
                self.tally.out_since_ns = Some(now_ns);
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Takes the answer if it is there, or comes before the deadline.
    pub fn wait(&mut self, clock: &dyn Clock, deadline_ns: u64) {
        if self.tally.out_since_ns.is_none() {
            return;
        }
        let patience = if self.late { 0 } else { deadline_ns.saturating_sub(clock.monotonic_ns()) };
        match self.answers.recv_timeout(Duration::from_nanos(patience)) {
            Ok(answer) => {
                let rows = answer.tables.iter().map(|table| table.len()).sum();
                self.tally.add(answer.outcome, answer.begin_ns, answer.end_ns, rows);
                self.tally.reports = answer.reports;
                self.tally.out_since_ns = None;
                self.tables = answer.tables;
                self.late = false;
            }
            Err(RecvTimeoutError::Timeout) => self.late = true,
            Err(RecvTimeoutError::Disconnected) => {
                self.tally.out_since_ns = None;
                self.tally.problem = Some(Problem::failing("its thread ended"));
            }
        }
    }
}

fn serve(
    mut source: Box<dyn Source>,
    clock: &dyn Clock,
    requested: &Receiver<Arc<Demand>>,
    answers: &SyncSender<Answer>,
) {
    loop {
        let demand = match source.pulse(clock.monotonic_ns()) {
            None => requested.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(pulse) => requested.recv_timeout(pulse),
        };
        let demand = match demand {
            Ok(demand) => demand,
            Err(RecvTimeoutError::Timeout) => {
                source.keep_up(clock);
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let begin_ns = clock.monotonic_ns();
        let mut read = Read::new(clock, &demand);
        let outcome = source.read(&mut read);
        let answer = Answer {
            outcome,
            tables: read.tables.drain(..).map(Arc::new).collect(),
            reports: std::mem::take(&mut read.reports),
            begin_ns,
            end_ns: clock.monotonic_ns(),
        };
        if answers.send(answer).is_err() {
            return;
        }
    }
}
