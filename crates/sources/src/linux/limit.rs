//! What the control group that retop itself is in may use: in a container, what there is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use retop_model::family::limit;
use retop_model::{FamilyId, Key};

use super::cgroup::{Files, keyed, per_period, working_set};
use super::container::{self, Origin};
use super::hierarchy::{self, Hierarchy, Membership};
use super::sysfs;
use crate::roots::Roots;
use crate::source::{Pace, Problem, Read, Source};

/// Version 1 writes the highest page number times the page size where no limit is set, which
/// differs between architectures; no machine has an exbibyte.
const NO_LIMIT_BYTES: i64 = 1 << 60;

/// Reads the limits of retop's own group and of its ancestors, as far as they can be seen. The
/// statistics of a large group take the kernel a millisecond to gather: apart from the tick.
pub struct Limits {
    roots: Roots,
    buffer: Vec<u8>,
}

impl Limits {
    /// Reads the machine under `roots`.
    pub fn new(roots: &Roots) -> Limits {
        Limits { roots: roots.clone(), buffer: Vec::new() }
    }

    /// The container that retop runs in, as far as paths and marker files tell. The outer `Some`
    /// says that there is one, the inner one names it.
    fn container(&self, groups: &[Membership], mounted: &[Hierarchy]) -> Option<Option<String>> {
        let paths = groups.iter().map(|group| group.path.as_str());
        let named = paths.chain(mounted.iter().map(|mount| mount.root.as_str())).find_map(|path| {
            match container::origin(path) {
                Some(Origin::Container(name)) => Some(name),
                _ => None,
            }
        });
        let marked = [".dockerenv", "run/.containerenv", "run/systemd/container"]
            .iter()
            .any(|mark| self.roots.base.join(mark).exists());
        (named.is_some() || marked).then_some(named)
    }
}

impl Source for Limits {
    fn name(&self) -> &'static str {
        "limit"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Limit]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(Duration::from_secs(5))
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        let begin_ns = read.now_ns();
        let own = self.roots.proc.join("self/cgroup");
        sysfs::read_into(&own, &mut self.buffer).map_err(|error| Problem::io(&own, &error))?;
        let groups = hierarchy::memberships(&String::from_utf8_lossy(&self.buffer));
        let mounted = hierarchy::mounted(&self.roots);
        let container = self.container(&groups, &mounted);

        let mut found = Found::default();
        let mut path = None;
        for mount in &mounted {
            let group = groups.iter().find(|group| mount.holds(group));
            let group = group.map_or("/", |group| group.path.as_str());
            let folders = Folders { from: mount.folder(group), to: &mount.dir };
            let before = found.clone();
            match mount.controllers {
                None => found.version_2(&folders, &mut self.buffer),
                Some(_) => found.version_1(mount, &folders, &mut self.buffer),
            }
            let unified = mount.controllers.is_none() && path.is_none();
            if found.has_limit() && (unified || !before.has_limit()) {
                path = Some(group.to_owned());
            }
        }
        let mut table = read.table(FamilyId::Limit);
        let wanted = found.has_limit() || container.is_some();
        if wanted {
            let path = path.or_else(|| groups.last().map(|group| group.path.clone()));
            table
                .push(Key::ONE)
                .text_if(limit::cgroup, path)
                .text_if(limit::container, container.flatten())
                .set(limit::cpus, found.cpus)
                .set(limit::memory_limit_bytes, found.memory_limit)
                .set(limit::memory_high_bytes, found.memory_high)
                .set(limit::memory_bytes, found.memory)
                .set(limit::working_set_bytes, found.working_set)
                .set(limit::swap_limit_bytes, found.swap_limit)
                .set(limit::tasks_limit, found.tasks_limit)
                .set(limit::tasks, found.tasks)
                .set(limit::cpu_seconds, found.cpu_us)
                .set(limit::throttled_seconds, found.throttled_us);
        }
        read.give(table, begin_ns);
        if !wanted {
            return Err(Problem::absent("no limit is set on the control group that retop is in"));
        }
        Ok(())
    }
}

/// A group's folder and those above it, up to the mount point.
struct Folders<'a> {
    from: PathBuf,
    to: &'a Path,
}

impl Folders<'_> {
    fn upwards(&self) -> impl Iterator<Item = &Path> {
        self.from.ancestors().take_while(|dir| dir.starts_with(self.to))
    }

    /// The tightest limit on the way up, and the folder that sets it: the use to hold against a
    /// limit is that of the group which has it. Without a limit, retop's own group.
    fn tightest(&self, mut limit: impl FnMut(&Path) -> Option<i64>) -> (Option<i64>, &Path) {
        let set = self.upwards().filter_map(|dir| Some((limit(dir)?, dir)));
        match set.min_by_key(|&(limit, _)| limit) {
            Some((limit, dir)) => (Some(limit), dir),
            None => (None, &self.from),
        }
    }
}

/// What was found in all hierarchies, in the columns' raw units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    cpus: Option<i64>,
    memory_limit: Option<i64>,
    memory_high: Option<i64>,
    memory: Option<i64>,
    working_set: Option<i64>,
    swap_limit: Option<i64>,
    tasks_limit: Option<i64>,
    tasks: Option<i64>,
    cpu_us: Option<i64>,
    throttled_us: Option<i64>,
}

impl Found {
    fn has_limit(&self) -> bool {
        [self.cpus, self.memory_limit, self.memory_high, self.swap_limit, self.tasks_limit]
            .iter()
            .any(Option::is_some)
    }

    fn version_2(&mut self, folders: &Folders<'_>, buffer: &mut Vec<u8>) {
        let (cpus, dir) = folders.tightest(|dir| Files { dir, buffer }.quota());
        let mut files = Files { dir, buffer };
        self.cpus = self.cpus.or(cpus);
        if let Some(text) = files.text("cpu.stat") {
            self.cpu_us = self.cpu_us.or(keyed(text, "usage_usec"));
            self.throttled_us = self.throttled_us.or(keyed(text, "throttled_usec"));
        }

        let mut tightest = |name| folders.tightest(|dir| Files { dir, buffer }.number(name));
        let (memory_limit, memory_dir) = tightest("memory.max");
        let (memory_high, _) = tightest("memory.high");
        let (swap_limit, _) = tightest("memory.swap.max");
        let (tasks_limit, tasks_dir) = tightest("pids.max");
        self.memory_limit = self.memory_limit.or(memory_limit);
        self.memory_high = self.memory_high.or(memory_high);
        self.swap_limit = self.swap_limit.or(swap_limit);
        self.tasks_limit = self.tasks_limit.or(tasks_limit);

        let mut files = Files { dir: memory_dir, buffer };
        self.memory = self.memory.or_else(|| files.number("memory.current"));
        let inactive = files.text("memory.stat").and_then(|text| keyed(text, "inactive_file"));
        self.working_set = self.working_set.or_else(|| working_set(self.memory, inactive));
        let mut files = Files { dir: tasks_dir, buffer };
        self.tasks = self.tasks.or_else(|| files.number("pids.current"));
    }

    fn version_1(&mut self, mount: &Hierarchy, folders: &Folders<'_>, buffer: &mut Vec<u8>) {
        if mount.has("cpu") {
            let (cpus, dir) = folders.tightest(|dir| {
                let mut files = Files { dir, buffer };
                per_period(files.number("cpu.cfs_quota_us")?, files.number("cpu.cfs_period_us")?)
            });
            let mut files = Files { dir, buffer };
            self.cpus = self.cpus.or(cpus);
            let throttled = files.text("cpu.stat").and_then(|text| keyed(text, "throttled_time"));
            self.throttled_us = self.throttled_us.or(throttled.map(|ns| ns / 1_000));
        }
        if mount.has("cpuacct") {
            let mut files = Files { dir: &folders.from, buffer };
            let used = files.number("cpuacct.usage").map(|ns| ns / 1_000);
            self.cpu_us = self.cpu_us.or(used);
        }
        if mount.has("memory") {
            self.memory_1(folders, buffer);
        }
        if mount.has("pids") {
            let (tasks_limit, dir) =
                folders.tightest(|dir| Files { dir, buffer }.number("pids.max"));
            self.tasks_limit = self.tasks_limit.or(tasks_limit);
            self.tasks = self.tasks.or_else(|| Files { dir, buffer }.number("pids.current"));
        }
    }

    fn memory_1(&mut self, folders: &Folders<'_>, buffer: &mut Vec<u8>) {
        let set = |limit: i64| (0..NO_LIMIT_BYTES).contains(&limit).then_some(limit);
        let mut tightest =
            |name| folders.tightest(|dir| Files { dir, buffer }.number(name).and_then(set));
        let (visible, dir) = tightest("memory.limit_in_bytes");
        let (both, _) = tightest("memory.memsw.limit_in_bytes");
        let mut files = Files { dir, buffer };
        let used = files.number("memory.usage_in_bytes");
        let stat = files.text("memory.stat").unwrap_or_default();
        // Counts ancestors in that a container cannot see.
        let whole = keyed(stat, "hierarchical_memory_limit").and_then(set);
        let inactive = keyed(stat, "total_inactive_file");
        let memory_limit = visible.into_iter().chain(whole).min();
        self.memory_limit = self.memory_limit.or(memory_limit);
        self.memory = self.memory.or(used);
        self.working_set = self.working_set.or_else(|| working_set(used, inactive));
        // Version 1 limits memory and swap together.
        let swap = both.zip(memory_limit).map(|(both, memory)| both.saturating_sub(memory).max(0));
        self.swap_limit = self.swap_limit.or(swap);
    }
}

#[cfg(test)]
mod tests;
