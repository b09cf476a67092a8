//! Idle states of the processor: `/sys/devices/system/cpu/cpuN/cpuidle`.
//!
//! Two files for each state of each CPU, so 4,096 on 512 CPUs with four states: 20 ms. Read seldom,
//! on a thread of its own, and only if somebody looks at it.

use std::path::Path;
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
///
/// CPUs go offline, and a file may fail to be read once: a sum over those that can be read now would
/// fall. What is kept is the sum of the increases, which never does.
pub(crate) struct IdleState {
    roots: Roots,
    /// Those that are online.
    cpus: Vec<Cpu>,
    /// Those that went, with what they stood at.
    gone: Vec<Cpu>,
    /// Every state that there ever was, in the order of depth.
    states: Vec<State>,
}

/// A CPU with its states. Cores of different kinds have different ones.
#[derive(Debug)]
struct Cpu {
    number: u32,
    /// For each of its states the place in the list of all, and microseconds and entries when it was
    /// last read.
    states: Vec<(usize, Option<[u64; 2]>)>,
}

/// A state by its name.
#[derive(Debug)]
struct State {
    raw_name: Vec<u8>,
    name: Text,
    description: Option<Text>,
    /// Microseconds and entries.
    total: [u64; 2],
    cpus: u32,
    /// It has been in a table: a CPU that is read for the first time adds nothing to it yet, or all
    /// its time since boot would be that of one interval.
    begun: bool,
}

impl IdleState {
    pub(crate) fn new(roots: &Roots) -> IdleState {
        let (cpus, gone, states) = (Vec::new(), Vec::new(), Vec::new());
        IdleState { roots: roots.clone(), cpus, gone, states }
    }

    /// Reads the names again if other CPUs are online.
    fn follow_hotplug(&mut self, online: &[u32]) {
        if self.cpus.iter().map(|cpu| &cpu.number).eq(online) {
            return;
        }
        self.gone.append(&mut self.cpus);
        for &number in online {
            let last = self.gone.iter().position(|cpu| cpu.number == number);
            let last = last.map(|place| self.gone.swap_remove(place).states).unwrap_or_default();
            let folder = cpu_folder(&self.roots.sys, number).join("cpuidle");
            let mut states = Vec::new();
            for state in 0..MOST_STATES {
                let folder = folder.join(format!("state{state}"));
                let Ok(raw_name) = file::short(&folder.join("name")) else { break };
                let place = self.place(raw_name, &folder);
                let stood = last.iter().find(|&&(known, _)| known == place);
                states.push((place, stood.and_then(|&(_, at)| at)));
            }
            self.cpus.push(Cpu { number, states });
        }
    }

    /// The place of the state of that name.
    fn place(&mut self, raw_name: Vec<u8>, folder: &Path) -> usize {
        if let Some(known) = self.states.iter().position(|state| state.raw_name == raw_name) {
            return known;
        }
        let description = file::short(&folder.join("desc")).ok();
        let description = description.filter(|text| !text.is_empty());
        self.states.push(State {
            name: Text::new(&raw_name),
            raw_name,
            description: description.map(|text| Text::new(&text)),
            total: [0; 2],
            cpus: 0,
            begun: false,
        });
        self.states.len() - 1
    }

    /// Adds what the counters of the CPUs grew by.
    fn sum(&mut self) {
        for state in &mut self.states {
            state.begun |= state.cpus > 0;
            state.cpus = 0;
        }
        for cpu in &mut self.cpus {
            let folder = cpu_folder(&self.roots.sys, cpu.number).join("cpuidle");
            for (index, (place, last)) in cpu.states.iter_mut().enumerate() {
                let folder = folder.join(format!("state{index}"));
                let number = |name: &str| u64::try_from(file::number(&folder.join(name))?).ok();
                let (Some(time), Some(entries)) = (number("time"), number("usage")) else {
                    continue;
                };
                let Some(state) = self.states.get_mut(*place) else { continue };
                let now = [time, entries];
                let before = last.replace(now).unwrap_or(if state.begun { now } else { [0; 2] });
                let grew = [0, 1].map(|which| now[which].checked_sub(before[which]));
                // One that fell began anew, and nobody knows when: it counts again from here.
                let [Some(time), Some(entries)] = grew else { continue };
                let [all_time, all_entries] = state.total;
                state.total = [all_time.saturating_add(time), all_entries.saturating_add(entries)];
                state.cpus += 1;
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
        if self.cpus.iter().all(|cpu| cpu.states.is_empty()) {
            let reason = format!("{}: no CPU tells its idle states", folder.display());
            return Err(Problem::absent(reason));
        }
        let begin = read.now_ns();
        self.sum();
        let mut table = read.table(FamilyId::IdleState);
        for state in self.states.iter().filter(|state| state.cpus > 0) {
            let [microseconds, entries] = state.total;
            table
                .push(Key::named(&state.raw_name))
                .text(idle_state::state, state.name.clone())
                .text_if(idle_state::description, state.description.clone())
                .set(idle_state::time_seconds, microseconds)
                .set(idle_state::entries, entries)
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
    fn what_was_counted_stays_counted_when_a_cpu_goes() {
        let tree = Tree::new(&[("sys/devices/system/cpu/online", "0-1\n")]);
        let (mut source, mut bench) = (IdleState::new(&tree.roots()), Bench::new());
        let mut look = |online: &str, times: [&str; 2]| {
            tree.write("sys/devices/system/cpu/online", format!("{online}\n"));
            state(&tree, 0, 0, "C6", times[0], "10");
            state(&tree, 1, 0, "C6", times[1], "20");
            let taken = bench.read(&mut source);
            let row = taken.snapshot.find(FamilyId::IdleState, Key::named(b"C6")).expect("told");
            [idle_state::time_seconds, idle_state::entries, idle_state::cpus]
                .map(|field| row.get(field).expect("told"))
        };
        let (one, two) = ("1000000", "2000000");
        assert_eq!(look("0-1", [one, two]), [3.0, 30.0, 2.0]);
        assert_eq!(look("0-1", ["1500000", "unreadable"]), [3.5, 30.0, 1.0]);
        // Asleep all the while that it could not be read: nothing is lost.
        assert_eq!(look("0-1", ["1500000", "2500000"]), [4.0, 30.0, 2.0]);
        assert_eq!(look("0", ["2000000", "2500000"]), [4.5, 30.0, 1.0]);
        assert_eq!(look("0-1", ["2000000", "2600000"]), [4.6, 30.0, 2.0]);
        // It began anew with its driver, nobody knows when.
        assert_eq!(look("0-1", ["2100000", "400000"]), [4.7, 30.0, 1.0]);
        assert_eq!(look("0-1", ["2100000", "500000"]), [4.8, 30.0, 2.0]);
        // One that was never there: its hours before this look are nobody's interval.
        state(&tree, 2, 0, "C6", "7200000000", "9");
        assert_eq!(look("0-2", ["2100000", "500000"]), [4.8, 30.0, 3.0]);
        state(&tree, 2, 0, "C6", "7200500000", "10");
        assert_eq!(look("0-2", ["2100000", "500000"]), [5.3, 31.0, 3.0]);
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
