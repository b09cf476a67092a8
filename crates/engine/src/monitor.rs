//! The tick loop on a thread of its own; readers take the newest snapshot and never wait.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use retop_model::alert::{Event, Rule};
use retop_model::{Clock, Snapshot};
use retop_sources::{Demand, Machine};

use crate::export::Arguments;
use crate::history::History;
use crate::recording::{self, Ending, Live, Opening};
use crate::tick::Ticker;

/// How to watch.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time from one sample to the next.
    pub interval: Duration,
    /// Time from the first sample to the second, if shorter: rates need two, and nobody wants to
    /// look at an empty column for a whole interval.
    pub first_interval: Duration,
    /// Bytes that the history of raw samples may take; 0 keeps none.
    pub history_bytes: usize,
    /// What is read.
    pub demand: Demand,
    /// When to raise an alert; `None` watches for nothing.
    pub rules: Option<Vec<Rule>>,
    /// What the history holds of process arguments: others may read it.
    pub arguments: Arguments,
}

/// The shortest and the longest time between two samples: below a tenth of a second the kernel's
/// own 10 ms steps of CPU time make every ratio a coarse one.
pub const INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(24 * 3600);

/// Called on the monitor's thread with each new snapshot.
pub type OnSample = Box<dyn Fn(&Arc<Snapshot>) + Send>;

/// What a monitor and its thread both know of a recording.
type Recording = Arc<Mutex<Option<Live>>>;

enum Command {
    Interval(Duration),
    Demand(Demand),
    Now,
}

/// A machine being watched. Dropping it ends the watching; nothing is waited for.
pub struct Monitor {
    newest: Arc<Mutex<Option<Arc<Snapshot>>>>,
    history: Option<Arc<Mutex<History>>>,
    events: Arc<Mutex<Arc<[Event]>>>,
    commands: Sender<Command>,
    recording: Recording,
    /// Of the last recording that was ended.
    ending: Mutex<Option<Ending>>,
}

impl Monitor {
    /// Starts watching. `on_sample` is called on the monitor's thread after each new snapshot was
    /// published: it wakes whoever draws or streams, and must not wait itself.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(
        machine: Machine,
        clock: Arc<dyn Clock>,
        settings: Settings,
        on_sample: OnSample,
    ) -> std::io::Result<Monitor> {
        let newest = Arc::new(Mutex::new(None));
        let (commands, commanded) = channel();
        let published = Arc::clone(&newest);
        let events = Arc::new(Mutex::new(Arc::default()));
        let told = Arc::clone(&events);
        let history = match settings.history_bytes {
            0 => None,
            bytes => {
                let history = History::with_arguments(bytes, settings.arguments);
                history.ok().map(|history| Arc::new(Mutex::new(history)))
            }
        };
        let recording = Recording::default();
        let recorded = Arc::clone(&recording);
        let kept = history.clone();
        std::thread::Builder::new().name("tick".to_owned()).spawn(move || {
            let mut ticker = Ticker::live(machine, Arc::clone(&clock));
            ticker.set_demand(settings.demand);
            if let Some(rules) = settings.rules {
                ticker.set_rules(rules);
            }
            let mut pace = Pace { interval: settings.interval, due_ns: clock.monotonic_ns() };
            let mut first = Some(settings.first_interval.min(settings.interval));
            loop {
                let snapshot = ticker.tick();
                tell(&told, &ticker);
                *published.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Arc::clone(&snapshot));
                on_sample(&snapshot);
                // Both under one lock, so that a recording that begins misses nothing.
                let live = recorded.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(history) = &kept {
                    keep(history, &snapshot, &mut ticker);
                }
                if let Some(live) = &*live {
                    live.push(&snapshot);
                }
                ticker.set_recorder(live.as_ref().map(Live::state).as_ref());
                drop(live);
                match first.take() {
                    Some(first) => pace.start_over(clock.monotonic_ns(), first),
                    None => ticker.own().ticks_missed += pace.next(clock.monotonic_ns()),
                }
                if !sleep(&commanded, &*clock, &mut pace, &mut ticker) {
                    return;
                }
            }
        })?;
        Ok(Monitor { newest, history, events, commands, recording, ending: Mutex::new(None) })
    }

    /// The newest snapshot; `None` until the first one is there.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The history of raw samples. Hold the lock for a [`History::view`] and decode outside of it.
    #[must_use]
    pub fn history(&self) -> Option<&Arc<Mutex<History>>> {
        self.history.as_ref()
    }

    /// What fired and cleared, newest last: at most the last thousand. Never behind
    /// [`Monitor::latest`].
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        // Copied outside of the lock.
        let events = Arc::clone(&self.events.lock().unwrap_or_else(PoisonError::into_inner));
        events.to_vec()
    }

    /// Begins to record into a folder: what the history holds first, then each sample. The folder
    /// is opened on a thread of its own; [`recording::State::failed`] says if it could not be.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn record(&self, open: Opening, settings: recording::Settings) -> std::io::Result<()> {
        self.end_recording();
        let before = self.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut live = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        let past = self.history.as_ref();
        let past = past.map(|past| past.lock().unwrap_or_else(PoisonError::into_inner).view());
        *live = Some(Live::start(open, settings, past, before)?);
        Ok(())
    }

    /// Ends the recording in order. Its last bytes are written meanwhile.
    pub fn end_recording(&self) {
        let live = self.recording.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(live) = live {
            *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = Some(live.end());
        }
    }

    /// Ends the recording in order, and waits so long for the disk, for the last bytes of one that
    /// was ended before as well.
    pub fn close_recording(&self, patience: Duration) {
        self.end_recording();
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ending) = ending {
            ending.wait(patience);
        }
    }

    /// How it stands with the recording; `None` if there is none.
    #[must_use]
    pub fn recording(&self) -> Option<recording::State> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Live::state)
    }

    /// Changes the time between samples from now on; kept within [`INTERVALS`].
    pub fn set_interval(&self, interval: Duration) {
        let interval = interval.clamp(*INTERVALS.start(), *INTERVALS.end());
        let _ = self.commands.send(Command::Interval(interval));
    }

    /// Changes what is read from the next tick on.
    pub fn set_demand(&self, demand: Demand) {
        let _ = self.commands.send(Command::Demand(demand));
    }

    /// Takes a sample at once, out of turn.
    pub fn sample_now(&self) {
        let _ = self.commands.send(Command::Now);
    }
}

/// Publishes the alerts that came and went, if the tick brought any. They are copied outside of the
/// lock, and compared by the newest one: the oldest are forgotten.
fn tell(told: &Mutex<Arc<[Event]>>, ticker: &Ticker) {
    let known = Arc::clone(&told.lock().unwrap_or_else(PoisonError::into_inner));
    if ticker.events().next_back() != known.last() {
        let events = ticker.events().cloned().collect();
        *told.lock().unwrap_or_else(PoisonError::into_inner) = events;
    }
}

/// Adds a moment to the history, and says in the next one what the history holds. A moment that
/// cannot be encoded is left out; the next one stands on its own again.
fn keep(history: &Mutex<History>, snapshot: &Snapshot, ticker: &mut Ticker) {
    let mut history = history.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = history.push(snapshot);
    let own = ticker.own();
    own.history_bytes = u64::try_from(history.bytes()).ok();
    // Whole milliseconds of a span that is never negative: the cast cuts nothing that counts.
    own.history_ms = Some((history.span_seconds() * 1000.0) as u64);
}

/// When the next sample is due. Samples stay on the grid of the first one, whatever each costs.
struct Pace {
    interval: Duration,
    due_ns: u64,
}

impl Pace {
    /// Begins a new grid, `after` from now.
    fn start_over(&mut self, now_ns: u64, after: Duration) {
        let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        self.due_ns = now_ns.saturating_add(after);
    }

    /// Moves on to the next due time after `now_ns`; tells how many were passed over.
    fn next(&mut self, now_ns: u64) -> u64 {
        let step = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX).max(1);
        let late = now_ns.saturating_sub(self.due_ns) / step;
        self.due_ns = self.due_ns.saturating_add(step.saturating_mul(late + 1));
        late
    }
}

/// Waits until the next sample is due and obeys commands meanwhile; false if nobody watches.
fn sleep(
    commanded: &Receiver<Command>,
    clock: &dyn Clock,
    pace: &mut Pace,
    ticker: &mut Ticker,
) -> bool {
    loop {
        let left = pace.due_ns.saturating_sub(clock.monotonic_ns());
        match commanded.recv_timeout(Duration::from_nanos(left)) {
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
            Ok(Command::Demand(demand)) => ticker.set_demand(demand),
            Ok(Command::Now) => {
                pace.due_ns = clock.monotonic_ns();
                return true;
            }
            Ok(Command::Interval(interval)) => {
                pace.interval = interval;
                pace.start_over(clock.monotonic_ns(), interval);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use retop_model::alert::{EventKind, builtin};
    use retop_model::{FamilyId, Key, family::task};
    use retop_sources::{Pace as SourcePace, Problem, Read, Source};

    use super::*;

    /// Too many zombies, and none from the fifth read on.
    struct Zombies(u32);

    impl Source for Zombies {
        fn name(&self) -> &'static str {
            "zombies"
        }

        fn feeds(&self) -> &'static [FamilyId] {
            &[FamilyId::Task]
        }

        fn pace(&self) -> SourcePace {
            SourcePace::Tick
        }

        fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
            self.0 += 1;
            let begin_ns = read.now_ns();
            let mut table = read.table(FamilyId::Task);
            table.push(Key::ONE).set(task::zombies, if self.0 < 5 { 60 } else { 0 });
            read.give(table, begin_ns);
            Ok(())
        }
    }

    #[test]
    fn events_are_never_behind_the_snapshot() {
        let (sender, came) = channel();
        let machine = Machine { name: "test".to_owned(), sources: vec![Box::new(Zombies(0))] };
        let settings = Settings {
            interval: Duration::from_secs(3600),
            first_interval: Duration::from_secs(3600),
            history_bytes: 0,
            demand: Demand::everything(),
            rules: Some(builtin()),
            arguments: Arguments::Full,
        };
        let woken = Box::new(move |snapshot: &Arc<Snapshot>| {
            let _ = sender.send(snapshot.rows(FamilyId::Alert).len());
        });
        let clock = Arc::new(crate::RealClock);
        let monitor = Monitor::start(machine, clock, settings, woken).expect("a thread");
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push((came.recv().expect("a sample"), monitor.events().len()));
            monitor.sample_now();
        }
        assert_eq!(seen, [(0, 0), (0, 0), (1, 1), (1, 1), (0, 2)]);
        let kinds: Vec<_> = monitor.events().iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventKind::Fired, EventKind::Cleared]);
    }

    #[test]
    fn a_late_tick_skips_and_stays_on_the_grid() {
        let mut pace = Pace { interval: Duration::from_nanos(10), due_ns: 100 };
        assert_eq!(pace.next(104), 0);
        assert_eq!(pace.due_ns, 110);
        assert_eq!(pace.next(145), 3);
        assert_eq!(pace.due_ns, 150);
    }
}
