//! Cycles and instructions of everybody, CPU by CPU.

use std::io;

use super::{Access, Begin, EVENTS, Follow, Group, Kernel, Pmu, Target, Whose, explain, probe};
use crate::roots::Roots;
use crate::source::Problem;

/// Reading a group of another CPU interrupts it: on a machine with more than this it is not done.
const MOST_CPUS: usize = 256;

/// Groups of all CPUs.
pub struct Machine<K: Kernel> {
    kernel: K,
    open: Option<Result<Vec<Group<K::Counter>>, Problem>>,
    cpus: Vec<u32>,
    /// Cycles and instructions since they were opened.
    totals: [u64; 2],
}

impl<K: Kernel> Machine<K> {
    pub fn new(kernel: K) -> Machine<K> {
        Machine { kernel, open: None, cpus: Vec::new(), totals: [0; 2] }
    }

    /// Cycles and instructions since the first call on these CPUs together.
    pub fn read(&mut self, roots: &Roots, cpus: &[u32]) -> Result<[u64; 2], Problem> {
        if self.cpus != cpus {
            self.open = None;
            self.cpus = cpus.to_vec();
        }
        let kernel = &mut self.kernel;
        let groups = self.open.get_or_insert_with(|| open(kernel, roots, cpus));
        let groups = groups.as_mut().map_err(|problem| problem.clone())?;
        for group in groups {
            let Ok(step) = group.step(&mut self.kernel) else { continue };
            let Some([cycles, instructions, ..]) = step.scaled() else { continue };
            for (total, count) in self.totals.iter_mut().zip([cycles, instructions]) {
                *total = total.saturating_add(count.unwrap_or(0));
            }
        }
        Ok(self.totals)
    }
}

/// A group on each CPU: of the unit of its kind of core, which is the one that can be opened there.
fn open<K: Kernel>(
    kernel: &mut K,
    roots: &Roots,
    cpus: &[u32],
) -> Result<Vec<Group<K::Counter>>, Problem> {
    if !roots.is_real() && !cfg!(test) {
        return Err(Problem::absent("a tree of files has no counters"));
    }
    if cpus.len() > MOST_CPUS {
        return Err(Problem::absent(format!(
            "reading the counters of {} CPUs would interrupt each of them",
            cpus.len()
        )));
    }
    let Access { pmus, .. } = probe(kernel, roots)?;
    let mut groups = Vec::with_capacity(cpus.len());
    let mut last: Option<io::Error> = None;
    for &cpu in cpus {
        let whose = Whose::Cpu(i32::try_from(cpu).unwrap_or(i32::MAX));
        let target = Target { whose, user_only: false, follow: Follow::Nobody, begin: Begin::Now };
        let group = pmus.iter().find_map(|pmu| {
            let [cycles, instructions, ..] = pmu.events;
            let mut events = [None; EVENTS];
            (events[0], events[1]) = (cycles, instructions);
            Group::open(kernel, &Pmu { is_efficient: false, events }, target)
                .map_err(|error| last = Some(error))
                .ok()
        });
        groups.extend(group);
    }
    match last {
        Some(error) if groups.len() < cpus.len() => {
            let refused = super::is_refusal(&error);
            let problem = explain(&error, roots);
            Err(match refused {
                true => Problem::denied(
                    "counters of whole CPUs need perf_event_paranoid <= 0 or CAP_PERFMON",
                )
                .hint("sudo setcap cap_perfmon+ep $(command -v retop), or run as root"),
                false => problem,
            })
        }
        _ => Ok(groups),
    }
}
