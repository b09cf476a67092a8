//! Control groups of version 2: a walk over the mounted tree.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use retop_model::family::cgroup;
use retop_model::{FamilyId, Key, RawTable, RowMut, Text};

use super::container;
use super::hierarchy::{self, Hierarchy};
use super::pressure::Stalls;
use super::sysfs;
use crate::roots::Roots;
use crate::source::{Pace, Problem, Read, Source};

/// The most groups that one read walks. Opening the 17 files of a group took 60 µs on a slow core,
/// so that this many take a quarter of a second, before what the kernel spends on gathering.
const MOST_GROUPS: usize = 4_096;

/// The deepest level that is walked. systemd with nested containers stays below 12.
const DEEPEST: i64 = 32;

/// The controllers that the family has columns of.
const CONTROLLERS: [&str; 4] = ["cpu", "memory", "io", "pids"];

/// Major number of loop devices: their blocks are counted once more on the disk below.
const LOOP_MAJOR: u32 = 7;

/// Reads every group. Asking for a group's statistics makes the kernel gather those of all CPUs up
/// the tree, milliseconds on large machines: hence apart from the tick, and only on demand.
pub struct Cgroups {
    roots: Roots,
    most: usize,
    /// For each block device, whether it stands on others that count its requests again.
    stacked: HashMap<(u32, u32), bool>,
    buffer: Vec<u8>,
}

impl Cgroups {
    /// Reads the machine under `roots`.
    pub fn new(roots: &Roots) -> Cgroups {
        Cgroups {
            roots: roots.clone(),
            most: MOST_GROUPS,
            stacked: HashMap::new(),
            buffer: Vec::new(),
        }
    }

    /// The mounted hierarchy of version 2.
    fn hierarchy(&self) -> Result<Hierarchy, Problem> {
        let mounted = hierarchy::mounted(&self.roots);
        let has_version_1 = mounted.iter().any(|mount| mount.controllers.is_some());
        let version_2 = mounted.into_iter().find(|mount| mount.controllers.is_none());
        version_2.ok_or_else(|| {
            if has_version_1 {
                Problem::absent("this machine uses cgroup v1 alone; retop reads version 2")
                    .hint("boot with systemd.unified_cgroup_hierarchy=1")
            } else {
                Problem::absent("no cgroup2 file system is mounted")
                    .hint("sudo mount -t cgroup2 none /sys/fs/cgroup")
            }
        })
    }

    /// Adds the group's row. A group that vanished meanwhile has none.
    fn group(&mut self, dir: &Path, path: &[u8], depth: i64, table: &mut RawTable) {
        let Ok(data) = std::fs::metadata(dir) else { return };
        // Present in every group, so that its absence tells of the group's end; and a controller
        // that it does not name has no files to ask for.
        let mut files = Files { dir, buffer: &mut self.buffer };
        let Some(enabled) = files.text("cgroup.controllers").map(str::to_owned) else { return };
        let has = |controller| enabled.split_ascii_whitespace().any(|name| name == controller);
        let mut row = table.push(Key(Key::named(path).0, data.ino()));
        row.text(cgroup::cgroup, Text::new(path))
            .text_if(cgroup::container, container::of(&String::from_utf8_lossy(path)))
            .set(cgroup::depth, depth);
        cpu(&mut files, &mut row);
        pressure(&mut files, &mut row);
        if has("memory") {
            memory(&mut files, &mut row);
        }
        if has("pids") {
            row.set(cgroup::tasks, files.number("pids.current"))
                .set(cgroup::tasks_limit, files.number("pids.max"));
        }
        if has("io")
            && let Some(text) = files.text("io.stat")
        {
            let io = sum_io(text, |device| is_stacked(&self.roots.sys, &mut self.stacked, device));
            row.set(cgroup::read_bytes, io.map(|io| io.read_bytes))
                .set(cgroup::written_bytes, io.map(|io| io.written_bytes))
                .set(cgroup::reads, io.map(|io| io.reads))
                .set(cgroup::writes, io.map(|io| io.writes));
        }
    }

    /// Walks from the root downwards, level by level, so that a cut loses the deepest groups.
    /// Returns whether there was one.
    fn walk(&mut self, root: &Path, table: &mut RawTable) -> io::Result<bool> {
        // A root that cannot be listed is a problem; anything below may vanish at any step.
        std::fs::read_dir(root)?;
        let mut waiting = VecDeque::from([(root.to_path_buf(), 0_i64)]);
        let mut walked = 0;
        let mut cut = false;
        while let Some((dir, depth)) = waiting.pop_front() {
            if walked == self.most {
                return Ok(true);
            }
            walked += 1;
            self.group(&dir, &path_below(root, &dir), depth, table);
            let mut children = folders(&dir);
            if depth == DEEPEST {
                cut |= !children.is_empty();
                continue;
            }
            children.sort();
            waiting.extend(children.into_iter().map(|child| (child, depth + 1)));
        }
        Ok(cut)
    }
}

impl Source for Cgroups {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Cgroup]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(Duration::from_secs(2))
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Cgroup) {
            return Ok(());
        }
        let feeds = FamilyId::Cgroup.get().key;
        let begin_ns = read.now_ns();
        let hierarchy = self.hierarchy()?;
        let mut table = read.table(FamilyId::Cgroup);
        let walked = self.walk(&hierarchy.dir, &mut table);
        let cut = walked.map_err(|error| Problem::io(&hierarchy.dir, &error));
        read.give(table, begin_ns);
        if cut? {
            let reason =
                format!("only the first {} groups, {DEEPEST} levels deep, are shown", self.most);
            read.report("cgroup/walk", feeds, Some(Problem::failing(reason)));
        }
        if let Some(problem) = missing(&hierarchy.dir) {
            read.report("cgroup/controllers", feeds, Some(problem));
        }
        Ok(())
    }
}

/// The controllers that this hierarchy lacks, at its root: version 1 has them, or the kernel or the
/// container's maker keeps them back.
fn missing(root: &Path) -> Option<Problem> {
    let here = sysfs::attribute_text(root, "cgroup.controllers").unwrap_or_default();
    let lacks = |name: &&str| !here.split_ascii_whitespace().any(|present| present == *name);
    let missing: Vec<&str> = CONTROLLERS.into_iter().filter(lacks).collect();
    (!missing.is_empty()).then(|| {
        let names = missing.join(", ");
        Problem::absent(format!("{}: no controller for {names}", root.display()))
            .hint("version 1 may hold them: boot with systemd.unified_cgroup_hierarchy=1")
    })
}

/// `/` and the path below the root, as `/proc/PID/cgroup` writes it.
fn path_below(root: &Path, dir: &Path) -> Vec<u8> {
    let below = dir.strip_prefix(root).unwrap_or(dir);
    let mut path = vec![b'/'];
    path.extend_from_slice(below.as_os_str().as_bytes());
    path
}

/// The folders in a folder; links are not followed.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// A group's files, read into one buffer.
pub struct Files<'a> {
    /// The group's folder.
    pub dir: &'a Path,
    /// Holds the file read last.
    pub buffer: &'a mut Vec<u8>,
}

impl Files<'_> {
    /// The file's text; `None` if it is missing or no text.
    pub fn text(&mut self, name: &str) -> Option<&str> {
        sysfs::read_into(&self.dir.join(name), self.buffer).ok()?;
        std::str::from_utf8(self.buffer).ok()
    }

    /// The file's number; `max` and anything below 0 are none.
    pub fn number(&mut self, name: &str) -> Option<i64> {
        self.text(name)?.trim_ascii().parse().ok().filter(|&number: &i64| number >= 0)
    }

    /// `cpu.max` in millionths of a CPU; without a quota, none.
    pub fn quota(&mut self) -> Option<i64> {
        let mut fields = self.text("cpu.max")?.split_ascii_whitespace();
        let quota: i64 = fields.next()?.parse().ok()?;
        per_period(quota, fields.next()?.parse().ok()?)
    }
}

/// Microseconds in each period, in millionths of a CPU.
pub fn per_period(quota: i64, period: i64) -> Option<i64> {
    let both = quota > 0 && period > 0;
    both.then(|| i64::try_from(i128::from(quota) * 1_000_000 / i128::from(period)).ok())?
}

/// The number behind a name in `name value` lines.
pub fn keyed(text: &str, name: &str) -> Option<i64> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == name).then(|| value.trim_ascii().parse().ok().filter(|&number| number >= 0))?
    })
}

fn cpu(files: &mut Files<'_>, row: &mut RowMut<'_>) {
    if let Some(text) = files.text("cpu.stat") {
        row.set(cgroup::cpu_seconds, keyed(text, "usage_usec"))
            .set(cgroup::user_seconds, keyed(text, "user_usec"))
            .set(cgroup::system_seconds, keyed(text, "system_usec"))
            .set(cgroup::cpu_periods, keyed(text, "nr_periods"))
            .set(cgroup::cpu_throttled_periods, keyed(text, "nr_throttled"))
            .set(cgroup::cpu_throttled_seconds, keyed(text, "throttled_usec"));
    }
    row.set(cgroup::cpu_limit, files.quota()).set(cgroup::cpu_weight, files.number("cpu.weight"));
}

fn memory(files: &mut Files<'_>, row: &mut RowMut<'_>) {
    let used = files.number("memory.current");
    row.set(cgroup::memory_bytes, used)
        .set(cgroup::memory_peak_bytes, files.number("memory.peak"))
        .set(cgroup::memory_limit_bytes, files.number("memory.max"))
        .set(cgroup::memory_high_bytes, files.number("memory.high"))
        .set(cgroup::swap_bytes, files.number("memory.swap.current"))
        .set(cgroup::zswap_bytes, files.number("memory.zswap.current"));
    if let Some(text) = files.text("memory.stat") {
        row.set(cgroup::anonymous_bytes, keyed(text, "anon"))
            .set(cgroup::file_bytes, keyed(text, "file"))
            .set(cgroup::kernel_bytes, keyed(text, "kernel"))
            .set(cgroup::working_set_bytes, working_set(used, keyed(text, "inactive_file")));
    }
    if let Some(text) = files.text("memory.events") {
        row.set(cgroup::oom_kills, keyed(text, "oom_kill"))
            .set(cgroup::memory_high_events, keyed(text, "high"));
        // That file counts the groups below too; the other one, since 5.2, this group alone.
        let ooms = match keyed(text, "oom") {
            Some(0) => Some(0),
            _ => files.text("memory.events.local").and_then(|text| keyed(text, "oom")),
        };
        row.set(cgroup::limit_ooms, ooms);
    }
}

/// Memory in use without inactive file pages. The two are read one after the other, so that the
/// second may pass the first.
pub fn working_set(used: Option<i64>, inactive_file: Option<i64>) -> Option<i64> {
    Some(used?.saturating_sub(inactive_file?).max(0))
}

/// Pressure files exist whatever the controllers; reading fails where it is switched off.
fn pressure(files: &mut Files<'_>, row: &mut RowMut<'_>) {
    for (name, field) in [
        ("cpu.pressure", cgroup::cpu_pressure_seconds),
        ("memory.pressure", cgroup::memory_pressure_seconds),
        ("io.pressure", cgroup::io_pressure_seconds),
    ] {
        row.set(field, files.text(name).and_then(some_total));
    }
}

/// The microseconds of `some … total=N`.
fn some_total(text: &str) -> Option<i64> {
    i64::try_from(Stalls::parse(text.as_bytes()).some.total?).ok()
}

/// A group's requests to all disks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Io {
    read_bytes: i64,
    written_bytes: i64,
    reads: i64,
    writes: i64,
}

/// Adds up the devices that stand on no other. The same request shows up on a mapped device and on
/// the disks below it, so adding up all lines would count it twice.
///
/// `None` where no line can be read, which an empty file is not: that is a group without requests.
fn sum_io(text: &str, mut is_stacked: impl FnMut((u32, u32)) -> bool) -> Option<Io> {
    let mut sum = Io::default();
    let mut understood = text.trim_ascii().is_empty();
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let device = fields.next().and_then(|field| field.split_once(':'));
        let Some(device) = device.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)))
        else {
            continue;
        };
        understood = true;
        if is_stacked(device) {
            continue;
        }
        for (name, value) in fields.filter_map(|field| field.split_once('=')) {
            let cell = match name {
                "rbytes" => &mut sum.read_bytes,
                "wbytes" => &mut sum.written_bytes,
                "rios" => &mut sum.reads,
                "wios" => &mut sum.writes,
                _ => continue,
            };
            *cell = cell.saturating_add(value.parse::<i64>().unwrap_or(0).max(0));
        }
    }
    understood.then_some(sum)
}

fn is_stacked(
    sys: &Path,
    known: &mut HashMap<(u32, u32), bool>,
    device @ (major, minor): (u32, u32),
) -> bool {
    *known.entry(device).or_insert_with(|| {
        let slaves = sys.join(format!("dev/block/{major}:{minor}/slaves"));
        let stands_on_some = std::fs::read_dir(slaves).is_ok_and(|mut dir| dir.next().is_some());
        major == LOOP_MAJOR || stands_on_some
    })
}

#[cfg(test)]
mod tests;
