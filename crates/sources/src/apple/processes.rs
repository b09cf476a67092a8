//! Processes: everything of one's own user's, and who the others are.

use std::collections::HashMap;
use std::sync::Arc;

use retop_model::family::{process, task, usage};
use retop_model::{FamilyId, Key, RawTable, RowTexts, Text};

use super::layout::{Rusage, Short, TaskAll, Timebase};
use super::library::Library;
use super::system::{self, Told};
use crate::source::{Problem, Read, Source};

pub struct Processes {
    library: Arc<Library>,
    base: Option<Timebase>,
    boot_us: Option<u64>,
    pids: Vec<i32>,
    /// Those that are known; the mark tells the living.
    known: HashMap<Key, Known>,
    users: HashMap<u32, Option<Text>>,
    /// Place of the version of usage that the kernel knows.
    version: usize,
}

/// What stays of a process.
struct Known {
    /// With the command line, or without it.
    texts: [Option<RowTexts>; 2],
    /// The kernel's name for it: another one after it became another program.
    name: Vec<u8>,
    responsible: Option<u32>,
    is_alive: bool,
}

/// Counts of processes.
#[derive(Default)]
struct Counts {
    processes: u32,
    running: u32,
    sleeping: u32,
    stopped: u32,
    zombies: u32,
    others: u32,
}

/// States of the process family.
const RUNNING: i64 = 0;
const SLEEPING: i64 = 1;
const STOPPED: i64 = 3;
const ZOMBIE: i64 = 5;

impl Processes {
    pub fn new(library: &Arc<Library>) -> Processes {
        Processes {
            library: Arc::clone(library),
            base: None,
            boot_us: None,
            pids: Vec::new(),
            known: HashMap::new(),
            users: HashMap::new(),
            version: 0,
        }
    }

    /// What stays of a process: looked up when it is first seen, and its command line when that is
    /// first wanted.
    fn known(
        &mut self,
        key: Key,
        pid: i32,
        name: &[u8],
        user: u32,
        wanted: bool,
    ) -> (Option<RowTexts>, Option<u32>) {
        let library = &self.library;
        let known = self.known.entry(key).or_insert_with(|| Known {
            texts: [None, None],
            name: name.to_vec(),
            responsible: system::responsible(library, pid).map(i32::cast_unsigned),
            is_alive: true,
        });
        known.is_alive = true;
        if known.name != name {
            (known.texts, known.name) = ([None, None], name.to_vec());
        }
        let place = usize::from(wanted);
        if known.texts[place].is_none() {
            let user = self
                .users
                .entry(user)
                .or_insert_with(|| system::user(library, user).map(Text::from));
            let path = system::path(library, pid);
            // Names are cut at 15 or 31 bytes; the path has the rest.
            let file = path.as_deref().and_then(|path| path.rsplit(|&byte| byte == b'/').next());
            let whole =
                file.filter(|file| file.starts_with(name) && !file.is_empty()).unwrap_or(name);
            let command = if wanted { system::arguments(library, pid) } else { None };
            let command = command.or_else(|| path.clone().filter(|_| wanted));
            let mut table = RawTable::new(FamilyId::Process);
            table
                .push(key)
                .text(process::name, Text::new(whole))
                .text_if(process::command, command.map(|command| Text::new(&command)))
                .text_if(process::user, user.clone());
            known.texts[place] = table.shared_texts(0).cloned();
        }
        (known.texts[place].clone(), known.responsible)
    }

    fn own(
        &mut self,
        of: &TaskAll,
        base: Timebase,
        tables: &mut [RawTable; 2],
        counts: &mut Counts,
        wanted: bool,
    ) {
        let key = Key(u64::from(of.pid), of.start_us);
        let pid = of.pid.cast_signed();
        let start = of.start_us.saturating_sub(self.boot_us.unwrap_or(0));
        let accounted = system::usage(&self.library, pid, &mut self.version).unwrap_or_default();
        let (texts, responsible) = self.known(key, pid, &of.name, of.user, wanted);
        let microseconds = |ticks: u64| base.nanoseconds(ticks) / 1_000;
        let state = match of.status {
            4 => STOPPED,
            5 => ZOMBIE,
            _ if of.running > 0 => RUNNING,
            _ => SLEEPING,
        };
        match state {
            RUNNING => counts.running += 1,
            SLEEPING => counts.sleeping += 1,
            STOPPED => counts.stopped += 1,
            _ => counts.zombies += 1,
        }
        let [processes, usages] = tables;
        processes
            .push_with(key, texts)
            .set(process::pid, of.pid)
            .set(process::parent_pid, of.parent)
            .set(process::responsible_pid, responsible)
            .set(process::start_seconds, start)
            .set(process::user_id, of.user)
            .set(process::state, state)
            .set(process::threads, of.threads)
            .set(process::nice, of.nice)
            .set(process::priority, of.priority)
            .set(process::group_id, of.group)
            .set(process::terminal, of.terminal)
            .set(process::user_seconds, microseconds(of.user_ticks))
            .set(process::system_seconds, microseconds(of.system_ticks))
            .set(process::minor_faults, of.faults)
            .set(process::major_faults, of.page_ins)
            .set(process::virtual_bytes, of.virtual_bytes)
            .set(process::resident_bytes, of.resident_bytes)
            .set(process::read_bytes, accounted.read_bytes)
            .set(process::written_bytes, accounted.written_bytes)
            .set(process::instructions, accounted.instructions)
            .set(process::cycles, accounted.cycles);
        if accounted != Rusage::default() {
            write_usage(&accounted, key, of.pid, start, base, usages);
        }
    }

    /// Somebody else's: neither time nor memory is told.
    fn other(&mut self, of: &Short, processes: &mut RawTable, counts: &mut Counts, wanted: bool) {
        let pid = of.pid.cast_signed();
        counts.others += 1;
        let Some(start_us) = system::start_us(&self.library, pid) else { return };
        let key = Key(u64::from(of.pid), start_us);
        let start = start_us.saturating_sub(self.boot_us.unwrap_or(0));
        let (texts, responsible) = self.known(key, pid, &of.name, of.user, wanted);
        let state = match of.status {
            4 => Some(STOPPED),
            5 => Some(ZOMBIE),
            // What the kernel says of all others says nothing of whether they run.
            _ => None,
        };
        processes
            .push_with(key, texts)
            .set(process::pid, of.pid)
            .set(process::parent_pid, of.parent)
            .set(process::responsible_pid, responsible)
            .set(process::start_seconds, start)
            .set(process::user_id, of.user)
            .set(process::group_id, of.group)
            .set(process::state, state);
    }
}

fn write_usage(of: &Rusage, key: Key, pid: u32, start: u64, base: Timebase, table: &mut RawTable) {
    let microseconds = |ticks: u64| base.nanoseconds(ticks) / 1_000;
    // Kernels without an estimator leave it at 0, for good.
    let energy = |nanojoules: Option<u64>| nanojoules.filter(|&of| of > 0);
    let mut row = table.push(key);
    row.set(usage::pid, pid)
        .set(usage::start_seconds, start)
        .set(usage::footprint_bytes, of.footprint_bytes)
        .set(usage::neural_bytes, of.neural_bytes)
        .set(usage::energy_joules, energy(of.energy_nj))
        .set(usage::performance_energy_joules, energy(of.energy_nj).and(of.fast_energy_nj))
        .set(usage::performance_seconds, of.fast_ticks.map(microseconds))
        .set(usage::idle_wakeups, of.idle_wakeups)
        .set(usage::interrupt_wakeups, of.interrupt_wakeups);
    let classes = [
        usage::default_seconds,
        usage::maintenance_seconds,
        usage::background_seconds,
        usage::utility_seconds,
        usage::legacy_seconds,
        usage::initiated_seconds,
        usage::interactive_seconds,
    ];
    for (field, ticks) in classes.into_iter().zip(of.classes.into_iter().flatten()) {
        row.set(field, microseconds(ticks));
    }
}

impl Source for Processes {
    fn name(&self) -> &'static str {
        "processes"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Process, FamilyId::Usage, FamilyId::Task]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !self.feeds().iter().any(|&family| read.demand().wants(family)) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        self.base = self.base.or_else(|| system::timebase(&self.library));
        self.boot_us = self.boot_us.or_else(|| system::boot_us(&self.library));
        let Some(base) = self.base else {
            return Err(Problem::failing(
                "the kernel does not tell what its ticks are (hw.tbfrequency)",
            ));
        };
        let mut pids = std::mem::take(&mut self.pids);
        if system::pids(&self.library, &mut pids).is_none() {
            return Err(Problem::failing("proc_listpids gives no list of processes"));
        }
        let wanted = read.demand().processes.texts;
        let mut tables = [read.table(FamilyId::Process), read.table(FamilyId::Usage)];
        let mut counts = Counts::default();
        self.known.values_mut().for_each(|of| of.is_alive = false);
        for &pid in &pids {
            counts.processes += 1;
            match system::process(&self.library, pid) {
                Some(Told::All(of)) => self.own(&of, base, &mut tables, &mut counts, wanted),
                Some(Told::Short(of)) => self.other(&of, &mut tables[0], &mut counts, wanted),
                None => counts.processes -= 1,
            }
        }
        self.pids = pids;
        self.known.retain(|_, of| of.is_alive);
        let [processes, usages] = tables;
        read.give(processes, begin);
        read.give(usages, begin);
        let mut table = read.table(FamilyId::Task);
        let mut row = table.push(Key::ONE);
        row.set(task::processes, counts.processes);
        if counts.others == 0 {
            row.set(task::running, counts.running).set(task::sleeping, counts.sleeping);
        }
        row.set(task::stopped, counts.stopped).set(task::zombies, counts.zombies);
        read.give(table, begin);
        let others = (counts.others > 0).then(|| {
            let reason = format!(
                "time and memory of {} processes of other users are not told",
                counts.others
            );
            Problem::denied(reason).hint("run retop as root to see them")
        });
        read.report("processes/others", "user_seconds system_seconds resident_bytes", others);
        Ok(())
    }
}
