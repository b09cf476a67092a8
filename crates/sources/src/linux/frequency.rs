//! The present clock of each CPU.
//!
//! Before Linux 5.18 a read on x86 interrupts the CPU and may wait 10 to 20 ms for its answer, one
//! CPU after the other; later kernels hand out what the last tick measured. Nothing tells the two
//! apart but trying, so a thread reads and the tick takes what the thread brought since the tick
//! before. The thread sleeps until it is asked, and holds no descriptors: 512 of them would be half
//! of what a process may have.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::file;
use super::topology::cpu_folder;
use crate::roots::Roots;

/// Ticks for which an answer stands while the next one is awaited.
const TICKS_KEPT: u32 = 3;

/// Asks for the clocks at each tick and keeps the last answer for a while.
#[derive(Debug)]
pub(crate) struct Frequencies {
    shared: Arc<Shared>,
    reader: Reader,
    latest: Vec<(u32, i64)>,
    ticks_old: u32,
}

/// Who reads.
#[derive(Debug, PartialEq, Eq)]
enum Reader {
    /// The tick itself: a machine of plain files answers at once.
    Tick,
    /// A thread that has not been started yet.
    Unborn,
    /// A thread.
    Thread,
    /// There can be no thread: clocks are missing.
    Refused,
}

#[derive(Debug)]
struct Shared {
    sys: PathBuf,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stop: bool,
    /// CPUs to read; `None` while nothing is asked.
    question: Option<Vec<u32>>,
    /// CPU and hertz, sorted by CPU.
    answer: Option<Vec<(u32, i64)>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, cpus: &[u32]) -> Vec<(u32, i64)> {
        let hertz = |&cpu: &u32| {
            let path = cpu_folder(&self.sys, cpu).join("cpufreq/scaling_cur_freq");
            let hertz = file::number(&path)?.checked_mul(1000)?;
            (hertz > 0).then_some((cpu, hertz))
        };
        cpus.iter().filter_map(hertz).collect()
    }

    /// The life of the thread.
    fn answer_questions(&self) {
        loop {
            let mut state = self.lock();
            let cpus = loop {
                if state.stop {
                    return;
                }
                match state.question.take() {
                    Some(cpus) => break cpus,
                    None => {
                        state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            drop(state);
            let answer = self.read(&cpus);
            self.lock().answer = Some(answer);
        }
    }
}

impl Frequencies {
    pub(crate) fn new(roots: &Roots) -> Frequencies {
        let shared = Shared {
            sys: roots.sys.clone(),
            state: Mutex::new(State::default()),
            wake: Condvar::new(),
        };
        let reader = if roots.is_real() { Reader::Unborn } else { Reader::Tick };
        Frequencies { shared: Arc::new(shared), reader, latest: Vec::new(), ticks_old: 0 }
    }

    /// Takes the clocks that were read since the last call, and asks for those of these CPUs
    /// (sorted) until the next. On this machine the first call of all gives none.
    pub(crate) fn take(&mut self, cpus: impl Iterator<Item = u32>) {
        if self.reader == Reader::Tick {
            self.latest = self.shared.read(&cpus.collect::<Vec<_>>());
            return;
        }
        if self.reader == Reader::Unborn {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new()
                .name("retop-frequency".to_owned())
                .stack_size(128 << 10)
                .spawn(move || shared.answer_questions());
            self.reader = if thread.is_ok() { Reader::Thread } else { Reader::Refused };
        }
        let mut state = self.shared.lock();
        match state.answer.take() {
            Some(answer) => (self.latest, self.ticks_old) = (answer, 0),
            None => self.ticks_old += 1,
        }
        if self.ticks_old > TICKS_KEPT {
            self.latest.clear();
        }
        state.question = Some(cpus.collect());
        drop(state);
        self.shared.wake.notify_one();
    }

    /// The clock of a CPU in hertz.
    pub(crate) fn of(&self, cpu: u32) -> Option<i64> {
        let place = self.latest.binary_search_by_key(&cpu, |&(cpu, _)| cpu).ok()?;
        self.latest.get(place).map(|&(_, hertz)| hertz)
    }
}

impl Drop for Frequencies {
    /// Lets the thread go and does not wait for it: it may be within a read that takes long.
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tree::Tree;

    fn path(cpu: u32) -> String {
        format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq")
    }

    fn machine(reader: Reader) -> (Tree, Frequencies) {
        let tree = Tree::new(&[(&path(0), "1000000\n"), (&path(1), "garbage\n")]);
        let mut frequencies = Frequencies::new(&tree.roots());
        frequencies.reader = reader;
        (tree, frequencies)
    }

    #[test]
    fn the_thread_brings_what_the_tick_before_asked_for() {
        let (_tree, mut frequencies) = machine(Reader::Unborn);
        frequencies.take(0..3);
        assert_eq!(frequencies.of(0), None);
        while frequencies.shared.lock().answer.is_none() {
            std::thread::yield_now();
        }
        frequencies.take(0..3);
        assert_eq!(frequencies.of(0), Some(1_000_000_000));
        assert_eq!((frequencies.of(1), frequencies.of(2)), (None, None));
    }

    #[test]
    fn an_old_answer_is_none() {
        let (_tree, mut frequencies) = machine(Reader::Refused);
        frequencies.shared.lock().answer = Some(vec![(0, 5)]);
        for _ in 0..=TICKS_KEPT {
            frequencies.take(0..1);
            assert_eq!(frequencies.of(0), Some(5));
        }
        frequencies.take(0..1);
        assert_eq!(frequencies.of(0), None);
    }
}
