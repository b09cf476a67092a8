use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use retop_model::alert::{EventKind, builtin};
use retop_model::family::{alert, memory, source, task};
use retop_model::{Field, Key, Stamp};
use retop_sources::{Problem, Source};

use super::*;
use crate::history::History;

/// A clock that moves only when told to.
#[derive(Default)]
struct TestClock {
    ns: AtomicU64,
    slept_ns: AtomicU64,
}

impl TestClock {
    fn pass(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).expect("short");
        self.ns.fetch_add(ns, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Stamp {
        let monotonic_ns = self.ns.load(Ordering::Relaxed);
        let boottime_ns = monotonic_ns + self.slept_ns.load(Ordering::Relaxed);
        Stamp { wall_ms: 0, monotonic_ns, boottime_ns }
    }
}

/// Counts one up at each read; on a thread of its own it waits for leave first.
struct Counting {
    field: Field,
    feeds: &'static [FamilyId],
    count: u64,
    leave: Option<Receiver<Result<(), Problem>>>,
}

/// A counter that wraps: says when it was looked at.
struct Wrapping(Sender<u64>);

impl Source for Wrapping {
    fn name(&self) -> &'static str {
        "wrapping"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Power]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(Duration::from_secs(1))
    }

    fn pulse(&self, _: u64) -> Option<Duration> {
        Some(Duration::from_millis(1))
    }

    fn keep_up(&mut self, clock: &dyn Clock) {
        let _ = self.0.send(clock.monotonic_ns());
    }

    fn read(&mut self, _: &mut Read<'_>) -> Result<(), Problem> {
        Ok(())
    }
}

#[test]
fn a_counter_that_wraps_is_looked_at_while_nobody_asks() {
    let (looked, looks) = channel();
    let sources: Vec<Box<dyn Source>> = vec![Box::new(Wrapping(looked))];
    let clock = Arc::new(TestClock::default());
    let machine = Machine { name: "test".to_owned(), sources };
    let ticker = Ticker::live(machine, clock);
    assert_eq!([looks.recv(), looks.recv()], [Ok(0), Ok(0)], "without a tick");
    drop(ticker);
    while looks.recv().is_ok() {}
}

impl Source for Counting {
    fn name(&self) -> &'static str {
        if self.leave.is_some() { "apart" } else { "inline" }
    }

    fn feeds(&self) -> &'static [FamilyId] {
        self.feeds
    }

    fn pace(&self) -> Pace {
        match self.leave {
            Some(_) => Pace::Apart(Duration::from_secs(2)),
            None => Pace::Tick,
        }
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if let Some(leave) = &self.leave {
            leave.recv().expect("the test lives")?;
        }
        self.count += 10;
        let begin_ns = read.now_ns();
        let mut table = read.table(self.field.family);
        table.push(Key::ONE).set(self.field, self.count);
        read.give(table, begin_ns);
        Ok(())
    }
}

fn machine(sources: Vec<Box<dyn Source>>) -> Machine {
    Machine { name: "test".to_owned(), sources }
}

fn inline() -> Box<dyn Source> {
    let feeds = &[FamilyId::Task];
    Box::new(Counting { field: task::exited, feeds, count: 0, leave: None })
}

fn apart() -> (Box<dyn Source>, Sender<Result<(), Problem>>) {
    let (sender, leave) = channel();
    let feeds = &[FamilyId::Memory];
    let field = memory::page_in_bytes;
    (Box::new(Counting { field, feeds, count: 0, leave: Some(leave) }), sender)
}

fn status<'a>(snapshot: &'a Snapshot, name: &str) -> retop_model::Row<'a> {
    let rows = snapshot.rows(FamilyId::Source);
    rows.into_iter().find(|row| row.shown(source::source) == name).expect("listed")
}

/// Ticks until the thread's answer is in.
fn tick_until(ticker: &mut Ticker, done: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    loop {
        let snapshot = ticker.tick();
        if done(&snapshot) {
            return snapshot;
        }
        std::thread::yield_now();
    }
}

#[test]
fn rates_come_from_the_clock_of_the_reads_and_stop_at_a_gap() {
    let clock = Arc::new(TestClock::default());
    let mut ticker = Ticker::live(machine(vec![inline()]), Arc::<TestClock>::clone(&clock));
    let rate = |snapshot: &Snapshot| snapshot.one(task::exited_per_second);
    clock.pass(Duration::from_secs(1));
    assert_eq!(rate(&ticker.tick()), None);
    clock.pass(Duration::from_millis(2500));
    assert_eq!(rate(&ticker.tick()), Some(4.0));
    clock.pass(Duration::from_secs(1));
    clock.slept_ns.store(3_600_000_000_000, Ordering::Relaxed);
    let after_sleep = ticker.tick();
    assert!(after_sleep.is_gap());
    assert_eq!(rate(&after_sleep), None);
    clock.pass(Duration::from_secs(1));
    assert_eq!(rate(&ticker.tick()), Some(10.0));
}

#[test]
fn a_source_that_hangs_keeps_nobody_waiting() {
    let clock = Arc::new(TestClock::default());
    let (hanging, leave) = apart();
    let sources = vec![hanging, inline()];
    let mut ticker = Ticker::live(machine(sources), Arc::<TestClock>::clone(&clock));
    let mut snapshot = ticker.tick();
    for _ in 0..5 {
        clock.pass(Duration::from_secs(1));
        snapshot = ticker.tick();
        assert!(snapshot.one(task::exited).is_some(), "the others are read");
    }
    let row = status(&snapshot, "apart");
    assert_eq!(row.state(source::state), Some("slow"));
    assert_eq!(row.shown(source::reason), "no answer for 5 s");
    assert_eq!(snapshot.one(memory::page_in_bytes), None);

    leave.send(Ok(())).expect("waiting");
    let came = |snapshot: &Snapshot| snapshot.one(memory::page_in_bytes).is_some();
    let snapshot = tick_until(&mut ticker, came);
    assert_eq!(status(&snapshot, "apart").state(source::state), Some("works"));
}

#[test]
fn a_slow_table_stands_until_the_next_and_keeps_its_rate() {
    let clock = Arc::new(TestClock::default());
    let (slow, leave) = apart();
    let mut ticker = Ticker::live(machine(vec![slow]), Arc::<TestClock>::clone(&clock));
    for _ in 0..2 {
        leave.send(Ok(())).expect("waiting");
        clock.pass(Duration::from_secs(2));
        let reads = |snapshot: &Snapshot| status(snapshot, "apart").get(source::reads);
        let before = reads(&ticker.tick()).unwrap_or(0.0);
        let due = before.max(1.0);
        tick_until(&mut ticker, |snapshot| reads(snapshot).is_some_and(|now| now >= due));
    }
    clock.pass(Duration::from_millis(500));
    let between = ticker.tick();
    let rate = between.one(memory::page_in_bytes_per_second);
    assert!(rate.is_none() || rate == Some(5.0), "{rate:?}");
    assert!(between.one(memory::page_in_bytes).is_some(), "the last table stands");
}

#[test]
fn what_a_source_says_of_itself_is_data() {
    let clock = Arc::new(TestClock::default());
    let (denied, leave) = apart();
    let mut ticker = Ticker::live(machine(vec![denied]), Arc::<TestClock>::clone(&clock));
    let problem = Problem::denied("energy_uj: permission denied").hint("run as root");
    leave.send(Err(problem)).expect("waiting");
    let answered =
        |snapshot: &Snapshot| status(snapshot, "apart").state(source::state) == Some("denied");
    let snapshot = tick_until(&mut ticker, answered);
    let row = status(&snapshot, "apart");
    assert_eq!(row.shown(source::reason), "energy_uj: permission denied");
    assert_eq!(row.shown(source::hint), "run as root");
    assert_eq!(row.get(source::up), Some(0.0));
}

#[test]
fn nobody_asks_nobody_reads() {
    let clock = Arc::new(TestClock::default());
    let (unasked, _leave) = apart();
    let mut ticker = Ticker::live(machine(vec![unasked]), Arc::<TestClock>::clone(&clock));
    ticker.set_demand(Demand::default());
    let snapshot = ticker.tick();
    assert_eq!(status(&snapshot, "apart").state(source::state), Some("unasked"));
    assert_eq!(status(&snapshot, "apart").get(source::reads), Some(0.0));
}

#[test]
fn memory_of_old_tables_is_used_again() {
    let clock = Arc::new(TestClock::default());
    let mut ticker = Ticker::lockstep(machine(vec![inline()]), Arc::<TestClock>::clone(&clock));
    for _ in 0..100 {
        clock.pass(Duration::from_secs(1));
        ticker.tick();
    }
    assert!(ticker.retired.len() <= 4, "{} tables wait", ticker.retired.len());
}

#[test]
fn memory_of_many_tables_is_used_again_as_well() {
    struct Full;
    impl Source for Full {
        fn name(&self) -> &'static str {
            "full"
        }
        fn feeds(&self) -> &'static [FamilyId] {
            &[]
        }
        fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
            for family in FamilyId::all() {
                let mut table = read.table(family);
                table.push(Key::ONE);
                read.give(table, 0);
            }
            Ok(())
        }
    }
    let clock = Arc::new(TestClock::default());
    let mut ticker =
        Ticker::lockstep(machine(vec![Box::new(Full)]), Arc::<TestClock>::clone(&clock));
    let place = |ticker: &mut Ticker| {
        clock.pass(Duration::from_secs(1));
        let snapshot = ticker.tick();
        let table = snapshot.raw().table(FamilyId::Process).expect("given");
        std::ptr::from_ref(table.keys()).cast::<Key>()
    };
    let places: Vec<_> = (0..9).map(|_| place(&mut ticker)).collect();
    assert_eq!(places[3..6], places[6..9], "three tables in turn");
}

#[test]
fn a_slow_table_is_not_compared_across_a_gap() {
    let clock = Arc::new(TestClock::default());
    let (slow, leave) = apart();
    let mut ticker = Ticker::live(machine(vec![slow]), Arc::<TestClock>::clone(&clock));
    let bytes = |snapshot: &Snapshot| snapshot.one(memory::page_in_bytes);
    leave.send(Ok(())).expect("waiting");
    clock.pass(Duration::from_secs(2));
    tick_until(&mut ticker, |snapshot| bytes(snapshot).is_some());
    clock.pass(Duration::from_millis(500));
    clock.slept_ns.store(3_600_000_000_000, Ordering::Relaxed);
    let after_sleep = ticker.tick();
    assert!(after_sleep.is_gap());
    assert_eq!(bytes(&after_sleep), None, "it is of the time before the sleep");
    // A new read is out, though the period is not over.
    clock.pass(Duration::from_millis(500));
    leave.send(Ok(())).expect("waiting");
    tick_until(&mut ticker, |snapshot| bytes(snapshot).is_some());
    // The ticks until then were at one moment, which is a gap too.
    clock.pass(Duration::from_millis(100));
    let fresh = ticker.tick();
    assert!(!fresh.is_gap() && bytes(&fresh).is_some());
    assert_eq!(fresh.one(memory::page_in_bytes_per_second), None);
}

#[test]
fn alerts_are_part_of_the_sample_and_of_the_history() {
    let clock = Arc::new(TestClock::default());
    // Ten more at each read: more than 50 from the sixth read on, for three samples at the eighth.
    let feeds = &[FamilyId::Task];
    let zombies = Counting { field: task::zombies, feeds, count: 0, leave: None };
    let machine = machine(vec![Box::new(zombies)]);
    let mut ticker = Ticker::lockstep(machine, Arc::<TestClock>::clone(&clock));
    clock.pass(Duration::from_secs(1));
    assert_eq!(ticker.tick().window(FamilyId::Alert), None, "nobody watches");
    ticker.set_rules(builtin());
    let mut history = History::new(8 << 20).expect("memory");
    let mut live = Vec::new();
    for _ in 0..8 {
        clock.pass(Duration::from_secs(1));
        let snapshot = ticker.tick();
        history.push(&snapshot).expect("encoded");
        live.push(snapshot);
    }
    let message = |snapshot: &Snapshot| {
        let row = snapshot.row(FamilyId::Alert, 0)?;
        Some((row.shown(alert::message).to_owned(), row.is_new(), row.key()))
    };
    let told: Vec<_> = live.iter().map(|snapshot| message(snapshot)).collect();
    let fired = told.iter().flatten().map(|(text, new, _)| (text.as_str(), *new));
    let wanted = [("70 zombies, limit 50", true), ("80 zombies, limit 50", false)];
    assert_eq!(fired.collect::<Vec<_>>(), [wanted[0], wanted[1], ("90 zombies, limit 50", false)]);
    for (snapshot, told) in live.iter().zip(&told) {
        let then = history.asof_monotonic(snapshot.stamp().monotonic_ns).expect("kept");
        assert_eq!(message(&then), *told);
    }
    let kinds: Vec<_> = ticker.events().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Fired]);
}
