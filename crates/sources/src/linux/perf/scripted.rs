//! A kernel that does what a test says.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{EVENTS, Follow, Kernel, Spec, Target, WORDS, Whose};

/// What a thread, or a CPU as its negative number less one, has counted so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub enabled: u64,
    pub running: u64,
    pub values: [u64; EVENTS],
}

#[derive(Default)]
pub struct State {
    pub tallies: HashMap<(i32, u64), Tally>,
    /// Events that the unit lacks.
    pub lacks: HashSet<u64>,
    /// Threads of others.
    pub denied: HashSet<i32>,
    /// Threads that have ended.
    pub gone: HashSet<i32>,
    pub kernel_denied: bool,
    pub cpus_denied: bool,
    pub no_inherit: bool,
    pub refusal: Option<i32>,
    /// More than so many cannot be open.
    pub most: Option<usize>,
    pub open: usize,
    pub opened: usize,
    /// Reads give nonsense.
    pub broken: bool,
}

#[derive(Clone, Default)]
pub struct Scripted(Arc<Mutex<State>>);

pub struct Counter {
    state: Scripted,
    thread: i32,
    unit: u64,
    events: Arc<Mutex<Vec<u64>>>,
}

impl Scripted {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread works on cores of a unit: nanoseconds to count and counted, then the counts.
    pub fn work(&self, thread: i32, unit: u64, times: (u64, u64), counts: [u64; EVENTS]) {
        let mut state = self.state();
        let tally = state.tallies.entry((thread, unit)).or_default();
        tally.enabled += times.0;
        tally.running += times.1;
        for (value, count) in tally.values.iter_mut().zip(counts) {
            *value += count;
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.state.state().open -= 1;
    }
}

impl Kernel for Scripted {
    type Counter = Counter;

    fn open(
        &mut self,
        target: Target,
        event: Spec,
        leader: Option<&Counter>,
    ) -> io::Result<Counter> {
        let mut state = self.state();
        let thread = match target.whose {
            Whose::Thread(tid) => tid,
            Whose::Cpu(cpu) => -1 - cpu,
        };
        let (unit, event) = (event.config >> 32, event.config & 0xffff_ffff);
        let is_cpu = matches!(target.whose, Whose::Cpu(_));
        let code = match &state {
            state if state.refusal.is_some() => state.refusal.unwrap_or(0),
            state if state.kernel_denied && !target.user_only => libc::EACCES,
            state if state.cpus_denied && is_cpu => libc::EACCES,
            state if state.denied.contains(&thread) => libc::EACCES,
            state if state.gone.contains(&thread) => libc::ESRCH,
            state if state.no_inherit && target.follow != Follow::Nobody => libc::EINVAL,
            state if state.lacks.contains(&event) => libc::ENOENT,
            state if state.most.is_some_and(|most| state.open >= most) => libc::EMFILE,
            _ => 0,
        };
        if code != 0 {
            return Err(io::Error::from_raw_os_error(code));
        }
        state.open += 1;
        state.opened += 1;
        let events = leader.map(|leader| Arc::clone(&leader.events)).unwrap_or_default();
        events.lock().expect("whole").push(event);
        Ok(Counter { state: self.clone(), thread, unit, events })
    }

    fn read(&mut self, leader: &Counter, words: &mut [u64; WORDS]) -> io::Result<usize> {
        let state = self.state();
        if state.broken {
            return Ok(2);
        }
        let events = leader.events.lock().expect("whole");
        let tally = state.tallies.get(&(leader.thread, leader.unit)).copied().unwrap_or_default();
        words[..3].copy_from_slice(&[events.len() as u64, tally.enabled, tally.running]);
        for (word, &event) in words[3..].iter_mut().zip(events.iter()) {
            *word =
                usize::try_from(event).ok().and_then(|e| tally.values.get(e)).copied().unwrap_or(0);
        }
        Ok(3 + events.len())
    }
}
