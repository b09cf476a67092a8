//! Idle states of the processor: `/sys/devices/system/cpu/cpuN/cpuidle`.
//!
//! Two files for each state of each CPU, so 4,096 on 512 CPUs with four states: 20 ms. Read seldom,
//! on a thread of its own, and only if somebody looks at it.

use std::time::Duration;

use retop_model::family::idle_state;
use retop_model::{FamilyId, Key, Text};

use super::file;
use super::topology::cpu_folder;
use crate::roots::Roots;
use crate::source::{Pace, Problem, Read, Source};

const PACE: Duration = Duration::from_secs(10);

/// No processor has more; the folders are numbered without holes.
const MOST_STATES: u32 = 32;

/// The idle states, summed over the CPUs.
pub(crate) struct IdleState {
    roots: Roots,
    /// By CPU, its states. Cores of different kinds have different ones.
    cpus: Vec<(u32, Vec<usize>)>,
    /// Every state there is, in the order of depth.
    states: Vec<State>,
}

/// A state by its name.
#[derive(Debug)]
struct State {
    raw_name: Vec<u8>,
    name: Text,
    description: Option<Text>,
    microseconds: u64,
    entries: u64,
    cpus: u32,
}

impl IdleState {
    pub(crate) fn new(roots: &Roots) -> IdleState {
        IdleState { roots: roots.clone(), cpus: Vec::new(), states: Vec::new() }
    }

    /// Reads the names again if other CPUs are online.
    fn follow_hotplug(&mut self, online: &[u32]) {
        if self.cpus.iter().map(|(number, _)| number).eq(online) {
            return;
        }
        (self.cpus, self.states) = (Vec::new(), Vec::new());
        for &number in online {
            let folder = cpu_folder(&self.roots.sys, number).join("cpuidle");
            let mut places = Vec::new();
            for state in 0..MOST_STATES {
                let folder = folder.join(format!("state{state}"));
                let Ok(raw_name) = file::short(&folder.join("name")) else { break };
                let known = self.states.iter().position(|state| state.raw_name == raw_name);
                places.push(known.unwrap_or(self.states.len()));
                if known.is_none() {
                    let description = file::short(&folder.join("desc")).ok();
                    let description = description.filter(|text| !text.is_empty());
                    self.states.push(State {
                        name: Text::new(&raw_name),
                        raw_name,
                        description: description.map(|text| Text::new(&text)),
                        microseconds: 0,
                        entries: 0,
                        cpus: 0,
                    });
                }
            }
            self.cpus.push((number, places));
        }
    }

    /// Adds up what the CPUs say.
    fn sum(&mut self) {
        for state in &mut self.states {
            (state.microseconds, state.entries, state.cpus) = (0, 0, 0);
        }
        for (number, places) in &self.cpus {
            let folder = cpu_folder(&self.roots.sys, *number).join("cpuidle");
            for (index, &place) in places.iter().enumerate() {
                let folder = folder.join(format!("state{index}"));
                let number = |name: &str| u64::try_from(file::number(&folder.join(name))?).ok();
                let (Some(time), Some(entries)) = (number("time"), number("usage")) else {
                    continue;
                };
                if let Some(state) = self.states.get_mut(place) {
                    state.microseconds = state.microseconds.saturating_add(time);
                    state.entries = state.entries.saturating_add(entries);
                    state.cpus += 1;
                }
            }
        }
    }
}

impl Source for IdleState {
    fn name(&self) -> &'static str {
        "idle_state"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::IdleState]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(PACE)
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::IdleState) {
            return Err(Problem::unasked());
        }
        let folder = self.roots.sys.join("devices/system/cpu");
        self.follow_hotplug(&file::list(&folder.join("online")));
        if self.states.is_empty() {
            let reason = format!("{}: no CPU tells its idle states", folder.display());
            return Err(Problem::absent(reason));
        }
        let begin = read.now_ns();
        self.sum();
        let mut table = read.table(FamilyId::IdleState);
        for state in self.states.iter().filter(|state| state.cpus > 0) {
            table
                .push(Key::named(&state.raw_name))
                .text(idle_state::state, state.name.clone())
                .text_if(idle_state::description, state.description.clone())
                .set(idle_state::time_seconds, state.microseconds)
                .set(idle_state::entries, state.entries)
                .set(idle_state::cpus, state.cpus);
        }
        read.give(table, begin);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use retop_model::family::source::ABSENT;

    use super::*;
    use crate::linux::tree::{Bench, Tree, read_once};

    fn state(tree: &Tree, cpu: u32, state: u32, name: &str, time: &str, usage: &str) {
        let folder = format!("sys/devices/system/cpu/cpu{cpu}/cpuidle/state{state}");
        tree.write(&format!("{folder}/name"), format!("{name}\n"));
        tree.write(&format!("{folder}/desc"), format!("the state {name}\n"));
        tree.write(&format!("{folder}/time"), time);
        tree.write(&format!("{folder}/usage"), usage);
    }

    #[test]
    fn states_are_summed_by_name() {
        let tree = Tree::new(&[("sys/devices/system/cpu/online", "0-1\n")]);
        state(&tree, 0, 0, "POLL", "10", "1");
        state(&tree, 0, 1, "C6", "1000000", "5");
        state(&tree, 1, 0, "C6", "2000000", "6");
        state(&tree, 1, 1, "C10", "garbage", "6");
        let (mut source, mut bench) = (IdleState::new(&tree.roots()), Bench::new());
        let taken = bench.read(&mut source);
        assert_eq!(taken.result, Ok(()));
        let find = |snapshot: &retop_model::Snapshot, name: &str, field| {
            let row = snapshot.find(FamilyId::IdleState, Key::named(name.as_bytes()))?;
            assert_eq!(row.shown(idle_state::description), format!("the state {name}"));
            row.get(field)
        };
        assert_eq!(find(&taken.snapshot, "C6", idle_state::time_seconds), Some(3.0));
        assert_eq!(find(&taken.snapshot, "C6", idle_state::entries), Some(11.0));
        assert_eq!(find(&taken.snapshot, "C6", idle_state::cpus), Some(2.0));
        assert_eq!(find(&taken.snapshot, "POLL", idle_state::cpus), Some(1.0));
        assert_eq!(find(&taken.snapshot, "C10", idle_state::cpus), None);
        state(&tree, 1, 0, "C6", "2500000", "6");
        let taken = bench.read(&mut source);
        assert_eq!(find(&taken.snapshot, "C6", idle_state::time_ratio), Some(0.25));
        // A CPU that goes takes its states along.
        tree.write("sys/devices/system/cpu/online", "0\n");
        let taken = bench.read(&mut source);
        assert_eq!(find(&taken.snapshot, "C6", idle_state::cpus), Some(1.0));
    }

    #[test]
    fn a_machine_without_idle_states() {
        for online in ["", "0-1\n", "garbage"] {
            let tree = Tree::new(&[("sys/devices/system/cpu/online", online)]);
            let result = read_once(&mut IdleState::new(&tree.roots())).result;
            assert_eq!(result.unwrap_err().state, ABSENT);
        }
    }
}
