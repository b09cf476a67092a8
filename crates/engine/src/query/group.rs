//! Sums by name, user, container, control group or process.

use std::collections::HashMap;
use std::sync::Arc;

use retop_model::family::process;
use retop_model::table::RowTexts;
use retop_model::{RawTable, Text, TextField};

use super::{By, COUNTED, CPU, ENERGY, Line, READ, Used, WRITTEN};

/// What stands for processes without a container or control group.
const NONE: &str = "(none)";
/// What stands for those of which it is not known.
const UNKNOWN: &str = "(not known)";

/// Where a process belongs, and why: while it has the same texts, it stays there.
#[derive(Clone)]
pub(super) struct Place {
    group: usize,
    texts: Option<RowTexts>,
}

/// The sums.
pub(super) struct Groups {
    by: By,
    groups: Vec<Group>,
    total: Group,
    known: HashMap<Box<str>, usize>,
    /// Names of users by number, for processes of which only their end is known.
    users: HashMap<i64, Box<str>>,
    /// Groups of the present moment.
    held: Vec<usize>,
    passed_ns: u64,
    /// Of all moments.
    looked_ns: u64,
}

#[derive(Default)]
struct Group {
    name: Box<str>,
    pid: Option<i64>,
    processes: u64,
    used: [Option<i64>; COUNTED.len()],
    from_exits_us: i64,
    gpu_seconds: Option<f64>,
    /// Of graphics processors, now.
    gpu_memory: Option<i64>,
    gpu_memory_max: Option<i64>,
    /// Now.
    resident: Option<i64>,
    resident_max: Option<i64>,
    /// Bytes times nanoseconds.
    resident_ns: i128,
}

fn text(table: &RawTable, row: usize, field: TextField) -> Option<&Text> {
    table.texts(row).get(usize::from(field.index))?.as_ref()
}

/// Adds what is known.
fn plus(sum: &mut Option<i64>, more: Option<i64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

impl Group {
    fn add(&mut self, used: &[Option<i64>; COUNTED.len()]) {
        for (sum, &used) in self.used.iter_mut().zip(used) {
            plus(sum, used);
        }
    }

    fn hold(&mut self, resident: Option<i64>) {
        plus(&mut self.resident, resident);
    }

    fn on_gpu(&mut self, seconds: Option<f64>, memory: Option<i64>) {
        if let Some(seconds) = seconds {
            self.gpu_seconds = Some(self.gpu_seconds.unwrap_or(0.0) + seconds);
        }
        plus(&mut self.gpu_memory, memory);
    }

    /// True if something is held now.
    fn holds(&self) -> bool {
        self.resident.is_some() || self.gpu_memory.is_some()
    }

    /// Takes the present memory into account, for the time since the last look.
    fn settle(&mut self, passed_ns: u64) {
        self.gpu_memory_max = self.gpu_memory_max.max(self.gpu_memory.take());
        let Some(bytes) = self.resident.take() else { return };
        self.resident_max = Some(self.resident_max.map_or(bytes, |most| most.max(bytes)));
        let held = i128::from(bytes).saturating_mul(i128::from(passed_ns));
        self.resident_ns = self.resident_ns.saturating_add(held);
    }

    fn finish(self, looked_ns: u64) -> Used {
        let [cpu, read, written, energy] = [CPU, READ, WRITTEN, ENERGY].map(|i| self.used[i]);
        let micro = |value: i64| value as f64 / 1e6;
        let mean = (looked_ns > 0).then(|| self.resident_ns as f64 / looked_ns as f64);
        Used {
            cpu_seconds: cpu.map(micro),
            cpu_seconds_from_exits: micro(self.from_exits_us),
            read_bytes: read,
            written_bytes: written,
            energy_joules: energy.map(micro),
            gpu_seconds: self.gpu_seconds,
            gpu_memory_max_bytes: self.gpu_memory_max,
            memory_max_bytes: self.resident_max,
            memory_mean_bytes: self.resident_max.and(mean),
        }
    }
}

impl Groups {
    pub fn new(by: By) -> Groups {
        Groups {
            by,
            groups: Vec::new(),
            total: Group::default(),
            known: HashMap::new(),
            users: HashMap::new(),
            held: Vec::new(),
            passed_ns: 0,
            looked_ns: 0,
        }
    }

    /// A moment begins, so long after the last one.
    pub fn begin(&mut self, passed_ns: u64) {
        self.passed_ns = passed_ns;
        self.looked_ns = self.looked_ns.saturating_add(passed_ns);
    }

    /// The moment is complete.
    pub fn end(&mut self) {
        for &place in &self.held {
            self.groups[place].settle(self.passed_ns);
        }
        self.held.clear();
        self.total.settle(self.passed_ns);
    }

    /// Where a process belongs that was not there a moment ago.
    pub fn enter(&mut self, table: &RawTable, row: usize) -> Place {
        let group = match self.by {
            By::Pid => {
                let name = text(table, row, process::name).map_or(UNKNOWN, Text::shown);
                self.push(name, table.raw(row, process::pid))
            }
            _ => self.group_of(table, row),
        };
        self.groups[group].processes += 1;
        self.total.processes += 1;
        Place { group, texts: table.shared_texts(row).cloned() }
    }

    /// Where a process belongs now: it may have become another program, or moved.
    pub fn follow(&mut self, table: &RawTable, row: usize, place: &mut Place) {
        let now = table.shared_texts(row);
        let same = match (&place.texts, now) {
            (Some(last), Some(now)) => Arc::ptr_eq(last, now),
            (None, None) => true,
            _ => false,
        };
        if same {
            return;
        }
        place.texts = now.cloned();
        if self.by == By::Pid {
            if let Some(name) = text(table, row, process::name) {
                self.groups[place.group].name = name.shown().into();
            }
            return;
        }
        let group = self.group_of(table, row);
        if group != place.group {
            place.group = group;
            self.groups[group].processes += 1;
        }
    }

    fn group_of(&mut self, table: &RawTable, row: usize) -> usize {
        let user_id = table.raw(row, process::user_id);
        let user = text(table, row, process::user);
        if let (Some(id), Some(user)) = (user_id, user)
            && !self.users.contains_key(&id)
        {
            self.users.insert(id, user.shown().into());
        }
        let (field, missing) = match self.by {
            By::User => return self.find(&self.user(user, user_id)),
            By::Name | By::Pid => (process::name, UNKNOWN),
            By::Container => (process::container, NONE),
            By::Cgroup => (process::cgroup, NONE),
        };
        self.find(text(table, row, field).map_or(missing, Text::shown))
    }

    /// Where a process belongs of which no more than its end was seen.
    pub fn place_of_end(&mut self, name: &str, user_id: Option<i64>, pid: i64) -> Place {
        let group = match self.by {
            By::Pid => self.push(name, Some(pid)),
            By::Name => self.find(name),
            By::User => self.find(&self.user(None, user_id)),
            By::Container | By::Cgroup => self.find(UNKNOWN),
        };
        self.groups[group].processes += 1;
        self.total.processes += 1;
        Place { group, texts: None }
    }

    fn user(&self, user: Option<&Text>, id: Option<i64>) -> String {
        match (user, id.and_then(|id| self.users.get(&id)), id) {
            (Some(user), ..) => user.shown().to_owned(),
            (None, Some(user), _) => user.to_string(),
            (None, None, Some(id)) => id.to_string(),
            (None, None, None) => UNKNOWN.to_owned(),
        }
    }

    fn find(&mut self, name: &str) -> usize {
        if let Some(&place) = self.known.get(name) {
            return place;
        }
        let place = self.push(name, None);
        self.known.insert(name.into(), place);
        place
    }

    fn push(&mut self, name: &str, pid: Option<i64>) -> usize {
        self.groups.push(Group { name: name.into(), pid, ..Group::default() });
        self.groups.len() - 1
    }

    /// A process used that.
    pub fn add(&mut self, place: &Place, used: &[Option<i64>; COUNTED.len()]) {
        self.groups[place.group].add(used);
        self.total.add(used);
    }

    /// That much of what was added is known from the end of a process alone.
    pub fn add_from_exit(&mut self, place: &Place, cpu_us: i64) {
        for group in [&mut self.groups[place.group], &mut self.total] {
            group.from_exits_us = group.from_exits_us.saturating_add(cpu_us);
        }
    }

    /// A process holds that much memory now.
    pub fn hold(&mut self, place: &Place, resident: Option<i64>) {
        let group = &mut self.groups[place.group];
        if resident.is_some() && !group.holds() {
            self.held.push(place.group);
        }
        group.hold(resident);
        self.total.hold(resident);
    }

    /// A process took that much of graphics processors' time, and holds that much of their memory.
    /// One that is not known has a name at most.
    pub fn on_gpu(
        &mut self,
        place: Option<&Place>,
        name: Option<&str>,
        seconds: Option<f64>,
        memory: Option<i64>,
    ) {
        let group = match (place, self.by) {
            (Some(place), _) => place.group,
            (None, By::Name | By::Pid) => self.find(name.unwrap_or(UNKNOWN)),
            (None, _) => self.find(UNKNOWN),
        };
        if memory.is_some() && !self.groups[group].holds() {
            self.held.push(group);
        }
        self.groups[group].on_gpu(seconds, memory);
        self.total.on_gpu(seconds, memory);
    }

    pub fn finish(self) -> (Used, Vec<Line>) {
        let looked_ns = self.looked_ns;
        let lines = self.groups.into_iter().map(|group| Line {
            name: group.name.to_string(),
            pid: group.pid,
            processes: group.processes,
            used: group.finish(looked_ns),
        });
        let lines = lines.collect();
        (self.total.finish(looked_ns), lines)
    }
}
