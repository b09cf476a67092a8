//! The processes of a made-up machine: who is born, who dies, and what each uses in a second.

use retop_model::{Key, Text};

use super::flow::Flow;
use super::groups::Groups;
use super::noise::{around, mix, rough};
use super::program::Program;

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Process identifier.
    pub pid: u64,
    /// Process identifier of the parent.
    pub parent: u64,
    /// When it started, in microseconds since boot.
    pub born_us: u64,
    /// Second of script time in which it ends by itself.
    pub ends: Option<u64>,
    /// Place of its program.
    pub program: usize,
    /// Number of the instance.
    pub number: u64,
    /// Place of its control group.
    pub group: usize,
    /// Texts in the order of the process family.
    pub texts: [Option<Text>; 5],
    /// What it does in this second: a state of the process family.
    pub state: i64,
    /// CPU on which it runs.
    pub cpu: u64,
    /// Memory that is its own.
    pub own_bytes: u64,
    /// Memory that it leaked.
    pub leaked_bytes: u64,
    /// CPU time in user code and in the kernel, in microseconds.
    pub user: Flow,
    /// CPU time in the kernel, in microseconds.
    pub system: Flow,
    /// Bytes read from disks.
    pub read: Flow,
    /// Bytes written to disks.
    pub written: Flow,
    /// Microseconds spent waiting for disks.
    pub io_delay: Flow,
    /// Page faults that read from a disk.
    pub major_faults: Flow,
    /// Context switches.
    pub switches: Flow,
}

/// What the machine does to everybody in a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Climate {
    /// Second of script time.
    pub second: u64,
    /// Requests that come in, as thousandths of a usual second's.
    pub traffic: u64,
    /// Share of its time that a process with I/O waits for the disk, in thousandths.
    pub io_wait: u64,
    /// The program that makes them wait.
    pub culprit: Option<&'static str>,
}

/// Every process, in order of (pid, start).
#[derive(Debug, Default)]
pub struct Population {
    /// The kinds.
    pub programs: Vec<Program>,
    /// The processes.
    pub processes: Vec<Process>,
    /// Processes ever started.
    pub forks: u64,
    /// Processes that ended.
    pub exited: u64,
    next_pid: u64,
}

/// Pids run up to here and begin again at 300, as the kernel's do; low enough that a soak test
/// sees them used again.
pub const PID_LIMIT: u64 = 32_768;

impl Population {
    /// Starts every program that is there from the beginning. `uptime` is in seconds.
    pub fn new(programs: Vec<Program>, groups: &mut Groups, uptime: u64) -> Population {
        let mut population = Population { programs, next_pid: 1, ..Population::default() };
        for place in 0..population.programs.len() {
            let program = &population.programs[place];
            let (count, age) = (program.count, program.age);
            for number in 1..=count {
                // Processes of the boot come up within its first minute.
                let pid = population.next_pid;
                let age = if age == 0 { uptime.saturating_sub(pid % 60) } else { age + number };
                let born_us = (uptime.saturating_sub(age)) * 1_000_000 + pid * 977 % 1_000_000;
                population.start(place, number, born_us, groups);
                let Some(process) = population.processes.last_mut() else { continue };
                process.seed(&population.programs[place], age);
                // Gaps between pids, since on a real machine scripts have come and gone.
                population.next_pid += mix(pid) % 7;
            }
        }
        population.forks = population.next_pid + uptime / 2;
        population.next_pid = population.next_pid.max(1200);
        population
    }

    /// The place of a program by its name.
    pub fn program(&self, name: &str) -> Option<usize> {
        self.programs.iter().position(|program| program.name == name.as_bytes())
    }

    /// Has the program's youngest process write so much more in the present second.
    pub fn write(&mut self, program: &str, bytes: u64) {
        let place = self.programs.iter().rposition(|known| known.name == program.as_bytes());
        let writer = self.processes.iter_mut().rfind(|process| Some(process.program) == place);
        if let Some(writer) = writer {
            writer.written.add(bytes);
        }
    }

    /// Processes of a program that are alive.
    pub fn alive(&self, program: usize) -> usize {
        self.processes.iter().filter(|process| process.program == program).count()
    }

    /// Starts a process and gives its pid.
    pub fn start(
        &mut self,
        place: usize,
        number: u64,
        born_us: u64,
        groups: &mut Groups,
    ) -> Option<u64> {
        let parent = self.parent_of(self.programs.get(place)?);
        let pid = self.free_pid();
        let program = self.programs.get(place)?;
        // No two of a kind hold the same: between 0.75 and 1.25 of it.
        let own_bytes = program.own_bytes / 2000 * (1500 + mix(pid ^ born_us) % 1000);
        let container = program.container.as_deref();
        let fill = |text: &str| text.replace("{n}", &number.to_string());
        let path = fill(&program.group);
        let container = container.map(fill);
        let group = groups.intern(&path, container.as_deref());
        let command = match program.command.is_empty() {
            true => None,
            false => Some(Text::new(&numbered(&program.command, number))),
        };
        let texts = [
            Some(Text::new(&numbered(&program.name, number.saturating_sub(1)))),
            command,
            Some(Text::from(program.user.1)),
            Some(groups.path(group)),
            container.map(Text::from),
        ];
        let process = Process {
            pid,
            parent,
            born_us,
            ends: None,
            program: place,
            number,
            group,
            texts,
            state: if program.command.is_empty() { IDLE } else { SLEEPING },
            cpu: pid,
            own_bytes,
            leaked_bytes: 0,
            user: Flow::default(),
            system: Flow::default(),
            read: Flow::default(),
            written: Flow::default(),
            io_delay: Flow::default(),
            major_faults: Flow::default(),
            switches: Flow::default(),
        };
        let at = self.processes.partition_point(|other| other.key() < process.key());
        self.processes.insert(at, process);
        self.forks += 1;
        Some(pid)
    }

    /// Ends every process that meets the condition.
    pub fn end(&mut self, mut dies: impl FnMut(&Process) -> bool) {
        let before = self.processes.len();
        self.processes.retain(|process| !dies(process));
        self.exited += (before - self.processes.len()) as u64;
    }

    /// Lets a second begin for everybody: how much each would like to do.
    pub fn breathe(&mut self, climate: Climate) {
        for process in &mut self.processes {
            if let Some(program) = self.programs.get(process.program) {
                process.breathe(program, climate);
            }
        }
    }

    fn parent_of(&self, program: &Program) -> u64 {
        if program.command.is_empty() {
            return if self.processes.len() < 2 { 0 } else { 2 };
        }
        let named = |process: &&Process| {
            !program.parent.is_empty()
                && self
                    .programs
                    .get(process.program)
                    .is_some_and(|p| p.name == program.parent.as_bytes())
        };
        let parent = self.processes.iter().find(named).map(|process| process.pid);
        parent.unwrap_or(u64::from(!self.processes.is_empty()))
    }

    fn free_pid(&mut self) -> u64 {
        loop {
            let pid = self.next_pid;
            self.next_pid = if pid + 1 < PID_LIMIT { pid + 1 } else { 300 };
            let at = self.processes.partition_point(|process| process.pid < pid);
            // There are at most a few thousand processes: a free pid is always near.
            if self.processes.get(at).is_none_or(|process| process.pid != pid) {
                return pid;
            }
        }
    }
}

const RUNNING: i64 = 0;
const SLEEPING: i64 = 1;
const BLOCKED: i64 = 2;
const IDLE: i64 = 7;

impl Process {
    /// Its identity.
    pub fn key(&self) -> Key {
        Key(self.pid, self.born_us)
    }

    /// Resident memory that is its own, leaks included.
    pub fn private_bytes(&self) -> u64 {
        self.own_bytes.saturating_add(self.leaked_bytes)
    }

    /// CPU time in this second, in microseconds.
    pub fn cpu_rate(&self) -> u64 {
        self.user.rate() + self.system.rate()
    }

    /// Gives it the past of a process of that age.
    fn seed(&mut self, program: &Program, age: u64) {
        let cpu = program.cpu * 1000;
        self.system = Flow::aged(cpu * program.system / 100, age);
        self.user = Flow::aged(cpu - cpu * program.system / 100, age);
        self.read = Flow::aged(program.read, age);
        self.written = Flow::aged(program.written, age);
        self.switches = Flow::aged(cpu / 2000 + 1, age);
        self.major_faults = Flow::aged(1, age.min(40));
    }

    fn breathe(&mut self, program: &Program, climate: Climate) {
        let second = climate.second;
        let culprit = climate.culprit.is_some_and(|name| name.as_bytes() == program.name);
        let waits = program.read + program.written > 0 && climate.io_wait > 0;
        let mut cpu = around(program.cpu * 1000, self.pid, second);
        if program.cpu < 5 && !rough(self.pid, second).is_multiple_of(16) {
            // What is nearly idle works in rare bursts, and shows 0.0 in between.
            cpu /= 32;
        }
        if program.serves {
            cpu = cpu * climate.traffic / 1000;
        }
        let wait = match (culprit, waits) {
            (true, _) => 600,
            (false, true) => climate.io_wait,
            (false, false) => 0,
        };
        // Who waits for the disk does not run meanwhile.
        cpu = (cpu * (1000 - wait) / 1000).min(program.threads * 1_000_000);
        let system = cpu * program.system / 100;
        self.user.next(cpu - system);
        self.system.next(system);
        let share = if culprit { 1000 } else { 1000 - wait };
        self.read.next(around(program.read, self.pid ^ 0xd15c, second) * share / 1000);
        self.written.next(around(program.written, self.pid ^ 0x3713, second) * share / 1000);
        self.io_delay.next(wait * 1000);
        self.major_faults.next(wait / 100);
        self.switches.next(cpu / 2000 + u64::from(cpu > 0) + wait / 4);
        let chance = rough(self.pid ^ 0x57a7e, second);
        self.state = match program.stuck {
            Some(state) => state,
            None if chance < wait => BLOCKED,
            None if chance < (cpu / 1000).min(1000) => RUNNING,
            None if program.command.is_empty() => IDLE,
            None => SLEEPING,
        };
    }

    /// Takes CPU time away where all together want more than there is.
    pub fn squeeze(&mut self, permille: u64) {
        let (user, system) = (self.user.rate(), self.system.rate());
        self.user.set_rate(user * permille / 1000);
        self.system.set_rate(system * permille / 1000);
    }
}

/// Puts the number of the instance in the place of `{n}`.
fn numbered(text: &[u8], number: u64) -> Vec<u8> {
    match text.windows(3).position(|part| part == b"{n}") {
        Some(at) => [&text[..at], number.to_string().as_bytes(), &text[at + 3..]].concat(),
        None => text.to_vec(),
    }
}
