//! Who used what in a window of time.
//!
//! What a process used is the difference of its counters, not a sum of samples: between two samples
//! nothing is guessed, and a window of an hour is as exact as one of a second. A process that began
//! in the window had used nothing before; what one used after its last sample is known where the
//! kernel reported its end, and said to be missing where it did not. Memory is what it is, a
//! quantity that was looked at now and then: its mean and its highest value are those of samples. So
//! are shares of graphics processors, which drivers sample by themselves.

mod ends;
mod gpu;
mod group;
pub mod report;
pub mod score;
#[cfg(test)]
mod tests;
mod timeline;

use std::cmp::Ordering;

use retop_model::civil::Rfc3339;
use retop_model::counter;
use retop_model::family::{cpu, host, process};
use retop_model::{FamilyId, Field, Key, RawTable, Reading, Snapshot, Stamp, Text, Window};
use serde::{Serialize, Serializer};

use ends::Departed;
use group::{Groups, Place};
use timeline::rfc3339_or_null;
pub use timeline::{Life, Slice};

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Top {
    /// CPU time.
    #[default]
    Cpu,
    /// Resident memory, at its highest.
    Memory,
    /// Bytes read from and written to disks.
    Io,
    /// Energy of the processors.
    Energy,
    /// Use of GPUs.
    Gpu,
}

/// What is counted as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Processes of the same name.
    #[default]
    Name,
    /// Those of a user.
    User,
    /// Those of a container or unit.
    Container,
    /// Those of a control group.
    Cgroup,
    /// Each process.
    Pid,
}

/// What is counted of a process, each the sum of some counters of one resolution.
const COUNTED: [&[Field]; 4] = [
    &[process::user_seconds, process::system_seconds],
    &[process::read_bytes],
    &[process::written_bytes],
    &[process::energy_joules],
];
const CPU: usize = 0;
const READ: usize = 1;
const WRITTEN: usize = 2;
const ENERGY: usize = 3;

/// What the counters of a process stand at.
type Counters = [Reading; COUNTED.len()];

/// The kernel gives the start of a process in ticks of 10 ms, rounded down.
const TICK_US: i64 = 10_000;
/// So many usual intervals without a sample are a gap.
const GAP: u64 = 5;

/// A process that is there.
#[derive(Clone)]
struct Live {
    key: Key,
    pid: i64,
    start_us: Option<i64>,
    counters: Counters,
    place: Place,
    life: Option<u32>,
    /// The kernel has reported its end already.
    reported: bool,
}

/// Time without samples, inside the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The last sample before it, in milliseconds since 1970 UTC.
    #[serde(rename = "from", serialize_with = "rfc3339")]
    pub from_ms: i64,
    /// The first one after it.
    #[serde(rename = "until", serialize_with = "rfc3339")]
    pub until_ms: i64,
    /// The machine was started anew meanwhile.
    pub boot: bool,
}

/// What somebody used. What nobody measured is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Used {
    /// CPU time in seconds.
    pub cpu_seconds: Option<f64>,
    /// The part of it that is known from the ends of processes alone: used after their last sample.
    pub cpu_seconds_from_exits: f64,
    /// Bytes read from disks.
    pub read_bytes: Option<i64>,
    /// Bytes written to disks.
    pub written_bytes: Option<i64>,
    /// Energy of the processors; estimated.
    pub energy_joules: Option<f64>,
    /// Time of graphics processors, by the drivers' samples; estimated.
    pub gpu_seconds: Option<f64>,
    /// Memory of graphics processors at its highest.
    pub gpu_memory_max_bytes: Option<i64>,
    /// Resident memory at its highest.
    pub memory_max_bytes: Option<i64>,
    /// Resident memory on average over the window.
    pub memory_mean_bytes: Option<f64>,
}

/// A line of the answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The name, the user, the container, the control group; the name of a process.
    pub name: String,
    /// The process, if each is counted for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<i64>,
    /// How many processes there were.
    pub processes: u64,
    /// What they used.
    #[serde(flatten)]
    pub used: Used,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The first sample of the window, in milliseconds since 1970 UTC.
    #[serde(rename = "from", serialize_with = "rfc3339")]
    pub from_ms: i64,
    /// The last one.
    #[serde(rename = "until", serialize_with = "rfc3339")]
    pub until_ms: i64,
    /// How many samples there are with processes.
    pub samples: u64,
    /// Seconds between the first sample and the last one, gaps left out.
    pub seconds: f64,
    /// Where samples are missing.
    pub gaps: Vec<Gap>,
    /// CPU time of all CPUs that was not idle, in seconds.
    pub machine_cpu_seconds: Option<f64>,
    /// CPU time of all CPUs that were there, idle or not.
    pub machine_cpu_available_seconds: Option<f64>,
    /// Processes that ended without the kernel's report: what they used after their last sample is
    /// missing.
    pub ends_unreported: u64,
    /// All processes together.
    pub total: Used,
    /// In order, most first.
    pub lines: Vec<Line>,
    /// What was asked for one by one: see [`Tally::of_pid`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lives: Vec<Life>,
}

/// Adds up what processes use, moment by moment.
pub struct Tally {
    pid: Option<i64>,
    groups: Groups,
    live: Vec<Live>,
    /// Where the next table is merged into: the memory of the last one but one.
    spare: Vec<Live>,
    departed: Departed,
    lives: timeline::Lives,
    last_read: Option<Window>,
    last_gpu: Option<Window>,
    last_cpu: Option<Modes>,
    boot: Option<Text>,
    /// Time since boot at the beginning of what is counted.
    begin_us: i64,
    steps: Vec<Step>,
    machine_us: Option<(i64, i64)>,
    missed_ends: u64,
}

/// CPU time of the machine by mode, at a moment of a boot.
#[derive(Clone)]
struct Modes {
    boot: Option<Text>,
    boottime_ns: u64,
    grown: Vec<Option<i64>>,
}

/// True if the machine was started anew between two moments: another boot, or an earlier time of it.
fn is_anew(last: (&Option<Text>, u64), now: (Option<&Text>, u64)) -> bool {
    matches!((last.0, now.0), (Some(last), Some(now)) if last != now) || now.1 < last.1
}

/// From one process table to the next.
#[derive(Clone, Copy)]
struct Step {
    wall_ms: i64,
    stamp: Stamp,
    /// Since the one before; `None` for the first one, after a boot and after a sleep.
    passed_ns: Option<u64>,
    boot: bool,
}

impl Tally {
    /// An empty sum.
    #[must_use]
    pub fn new(by: By) -> Tally {
        Tally {
            pid: None,
            groups: Groups::new(by),
            live: Vec::new(),
            spare: Vec::new(),
            departed: Departed::default(),
            lives: timeline::Lives::default(),
            last_read: None,
            last_gpu: None,
            last_cpu: None,
            boot: None,
            begin_us: i64::MIN,
            steps: Vec::new(),
            machine_us: None,
            missed_ends: 0,
        }
    }

    /// An empty sum of one process, with what it used when: `slices` parts of the window between
    /// two moments of the wall clock.
    #[must_use]
    pub fn of_pid(pid: i64, from_ms: i64, until_ms: i64, slices: usize) -> Tally {
        let lives = timeline::Lives::new(from_ms, until_ms, slices);
        Tally { pid: Some(pid), lives, ..Tally::new(By::Pid) }
    }

    /// Takes the next moment of the window.
    pub fn push(&mut self, moment: &Snapshot) {
        self.machine(moment);
        let Some(table) = moment.raw().table(FamilyId::Process) else { return };
        if self.last_read == Some(table.window()) {
            return;
        }
        self.last_read = Some(table.window());
        let step = self.step(moment);
        if step.boot {
            self.live.clear();
            self.departed.clear();
        }
        self.groups.begin(self.counted_ns(step));
        self.merge(table, step);
        if let Some(exits) = moment.raw().table(FamilyId::Exit) {
            self.ends(exits, step);
        }
        self.missed_ends += self.departed.settle();
        if let Some(table) = moment.raw().table(FamilyId::GpuProcess) {
            self.on_gpu(table);
        }
        self.groups.end();
        self.steps.push(step);
    }

    /// For how long what a moment holds was held: not for a gap before it, in which nobody looked.
    fn counted_ns(&self, step: Step) -> u64 {
        let usual = self.steps.last().and_then(|last| last.passed_ns);
        match (step.passed_ns, usual) {
            (Some(ns), Some(usual)) if ns >= usual.saturating_mul(GAP) => usual,
            (passed_ns, _) => passed_ns.unwrap_or(0),
        }
    }

    /// When the moment is, and whether it follows the last one.
    fn step(&mut self, moment: &Snapshot) -> Step {
        let stamp = moment.stamp();
        let boot_id = moment.one_text(host::boot_id);
        let last = self.steps.last();
        let boot = last.is_some_and(|last| {
            is_anew((&self.boot, last.stamp.boottime_ns), (boot_id, stamp.boottime_ns))
        });
        if let Some(boot_id) = boot_id {
            self.boot = Some(boot_id.clone());
        }
        match last {
            None => self.begin_us = microseconds(stamp.boottime_ns).saturating_sub(TICK_US),
            // All of its life is in the window.
            Some(_) if boot => self.begin_us = i64::MIN,
            Some(_) => {}
        }
        let follows = |last: &&Step| !boot && !stamp.slept_since(last.stamp);
        let passed_ns = last
            .filter(follows)
            .and_then(|last| stamp.monotonic_ns.checked_sub(last.stamp.monotonic_ns));
        Step { wall_ms: stamp.wall_ms, stamp, passed_ns, boot }
    }

    /// The processes of the last table and of this one, both in order of their keys.
    fn merge(&mut self, table: &RawTable, step: Step) {
        let mut next = std::mem::take(&mut self.spare);
        next.clear();
        let mut live = std::mem::take(&mut self.live);
        let mut last = live.drain(..).peekable();
        for (row, &key) in table.keys().iter().enumerate() {
            while let Some(gone) = last.next_if(|live| live.key < key) {
                self.departed.push(gone);
            }
            if self.pid.is_some_and(|pid| table.raw(row, process::pid) != Some(pid)) {
                last.next_if(|live| live.key == key);
                continue;
            }
            let counters = counters(table, row);
            let live = match last.next_if(|live| live.key == key) {
                Some(mut live) => {
                    self.groups.follow(table, row, &mut live.place);
                    let used = increase(&live.counters, &counters);
                    self.groups.add(&live.place, &used);
                    self.lives.add(live.life, step.wall_ms, &used);
                    live.counters = counters;
                    live
                }
                None => self.appear(table, row, key, counters, step),
            };
            let resident = table.raw(row, process::resident_bytes);
            self.groups.hold(&live.place, resident);
            self.lives.hold(live.life, step.wall_ms, resident, table, row);
            next.push(live);
        }
        last.for_each(|gone| self.departed.push(gone));
        (self.live, self.spare) = (next, live);
    }

    /// A process that was not in the last table.
    fn appear(
        &mut self,
        table: &RawTable,
        row: usize,
        key: Key,
        counters: Counters,
        step: Step,
    ) -> Live {
        let place = self.groups.enter(table, row);
        let start_us = table.raw(row, process::start_seconds);
        let pid = table.raw(row, process::pid).unwrap_or(-1);
        let born = !self.steps.is_empty() && start_us.is_some_and(|start| start >= self.begin_us);
        let life = self.pid.map(|_| self.lives.open(table, row, born, start_us, step.stamp));
        if born {
            let used = counters.map(Reading::get);
            self.groups.add(&place, &used);
            self.lives.add(life, step.wall_ms, &used);
        }
        Live { key, pid, start_us, counters, place, life, reported: false }
    }

    /// CPU time of the machine.
    fn machine(&mut self, moment: &Snapshot) {
        const MODES: [Field; 10] = [
            cpu::idle_seconds,
            cpu::iowait_seconds,
            cpu::user_seconds,
            cpu::nice_seconds,
            cpu::system_seconds,
            cpu::irq_seconds,
            cpu::softirq_seconds,
            cpu::steal_seconds,
            cpu::guest_seconds,
            cpu::guest_nice_seconds,
        ];
        let Some(row) = moment.row(FamilyId::Cpu, 0) else { return };
        let now = Modes {
            boot: moment.one_text(host::boot_id).cloned(),
            boottime_ns: moment.stamp().boottime_ns,
            grown: MODES.iter().map(|&mode| row.raw(mode)).collect(),
        };
        let last = self.last_cpu.replace(now.clone());
        // What another boot counted is not what this one did.
        if let Some(last) = last.filter(|last| {
            !is_anew((&last.boot, last.boottime_ns), (now.boot.as_ref(), now.boottime_ns))
        }) {
            let grew = |(before, now): (&Option<i64>, &Option<i64>)| {
                before.zip(*now).map_or(0, |(before, now)| counter::increase_or_stall(before, now))
            };
            let grown: Vec<i64> = last.grown.iter().zip(&now.grown).map(grew).collect();
            let sum = |sum: i64, grown: &i64| sum.saturating_add(*grown);
            // Idle, waiting for a disk, and what the hypervisor gave to others.
            let idle = [0, 1, 7].iter().filter_map(|&place| grown.get(place)).fold(0, sum);
            let all = grown.iter().fold(0, sum);
            let (busy, available) = self.machine_us.unwrap_or((0, 0));
            self.machine_us = Some((
                busy.saturating_add(all.saturating_sub(idle)),
                available.saturating_add(all),
            ));
        }
    }

    /// The answer, in order of what was asked for.
    #[must_use]
    pub fn finish(mut self, top: Top) -> Answer {
        self.missed_ends += self.departed.settle() + self.departed.settle();
        let (gaps, seconds) = self.gaps();
        let (total, mut lines) = self.groups.finish();
        lines.sort_by(|one, other| {
            let order = weight(&other.used, top).total_cmp(&weight(&one.used, top));
            let names = || one.name.cmp(&other.name).then(one.pid.cmp(&other.pid));
            // What used nothing of what was asked for stands in the order of its CPU time.
            let cpu = || weight(&other.used, Top::Cpu).total_cmp(&weight(&one.used, Top::Cpu));
            match order {
                Ordering::Equal => cpu().then_with(names),
                order => order,
            }
        });
        let seconds_of = |us: i64| us as f64 / 1e6;
        Answer {
            from_ms: self.steps.first().map_or(0, |step| step.wall_ms),
            until_ms: self.steps.last().map_or(0, |step| step.wall_ms),
            samples: self.steps.len() as u64,
            seconds,
            gaps,
            machine_cpu_seconds: self.machine_us.map(|(busy, _)| seconds_of(busy)),
            machine_cpu_available_seconds: self.machine_us.map(|(_, all)| seconds_of(all)),
            ends_unreported: self.missed_ends,
            total,
            lines,
            lives: self.lives.finish(self.steps.last().map(|step| step.wall_ms)),
        }
    }

    /// Where samples are missing, and how long there are some.
    fn gaps(&self) -> (Vec<Gap>, f64) {
        let mut passed: Vec<u64> = self.steps.iter().filter_map(|step| step.passed_ns).collect();
        passed.sort_unstable();
        let usual = passed.get(passed.len() / 2).copied().unwrap_or(u64::MAX);
        let long = usual.saturating_mul(GAP);
        let (mut gaps, mut covered_ns) = (Vec::new(), 0_u64);
        for pair in self.steps.windows(2) {
            let [last, now] = pair else { continue };
            match now.passed_ns {
                Some(ns) if ns < long => covered_ns = covered_ns.saturating_add(ns),
                _ => {
                    let (from_ms, until_ms) = (last.wall_ms, now.wall_ms);
                    gaps.push(Gap { from_ms, until_ms, boot: now.boot });
                }
            }
        }
        (gaps, covered_ns as f64 / 1e9)
    }
}

/// True if a measure was recorded of anybody.
#[must_use]
pub fn is_recorded(answer: &Answer, top: Top) -> bool {
    let used = &answer.total;
    match top {
        Top::Cpu => used.cpu_seconds.is_some(),
        Top::Memory => used.memory_max_bytes.is_some(),
        Top::Io => used.read_bytes.is_some() || used.written_bytes.is_some(),
        Top::Energy => used.energy_joules.is_some(),
        Top::Gpu => used.gpu_seconds.is_some() || used.gpu_memory_max_bytes.is_some(),
    }
}

/// By what lines are ordered; what is not known comes last.
fn weight(used: &Used, top: Top) -> f64 {
    let known = match top {
        Top::Cpu => used.cpu_seconds,
        Top::Memory => used.memory_max_bytes.map(|bytes| bytes as f64),
        Top::Io => match (used.read_bytes, used.written_bytes) {
            (None, None) => None,
            (read, written) => Some(read.unwrap_or(0) as f64 + written.unwrap_or(0) as f64),
        },
        Top::Energy => used.energy_joules,
        // Many a driver tells no time: those that hold memory come first then.
        Top::Gpu => used
            .gpu_seconds
            .filter(|&seconds| seconds > 0.0)
            .map(|seconds| seconds + 1.0)
            .or(used.gpu_memory_max_bytes.map(|bytes| bytes as f64 / 1e18)),
    };
    known.unwrap_or(-1.0)
}

/// Times are in JSON as in the stream.
fn rfc3339<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Rfc3339(*ms))
}

fn microseconds(ns: u64) -> i64 {
    i64::try_from(ns / 1_000).unwrap_or(i64::MAX)
}

fn counters(table: &RawTable, row: usize) -> Counters {
    COUNTED.map(|fields| {
        let sum =
            fields.iter().try_fold(0_i64, |sum, &field| sum.checked_add(table.raw(row, field)?));
        Reading::from(sum)
    })
}

/// What each counter grew by; `None` where it is not known or fell.
fn increase(before: &Counters, now: &Counters) -> [Option<i64>; COUNTED.len()] {
    let mut pairs = before.iter().zip(now);
    std::array::from_fn(|_| {
        let (before, now) = pairs.next()?;
        counter::increase(before.get()?, now.get()?)
    })
}
