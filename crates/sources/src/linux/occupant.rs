//! Processes that a driver says are on its device: what they are called, and where they run.

use std::collections::BTreeMap;
use std::path::Path;

use retop_model::Text;

use super::process::Stat;
use super::{container, file, sysfs};

/// What procfs knows of a process.
pub struct Known {
    pub name: String,
    pub start_us: u64,
}

/// What procfs knows of the process of that number; nothing if there is none.
pub fn look_up(proc: &Path, pid: u32) -> Option<Known> {
    let mut line = Vec::new();
    sysfs::read_into(&proc.join(pid.to_string()).join("stat"), &mut line).ok()?;
    let stat = Stat::parse(&line)?;
    Some(Known {
        name: String::from_utf8_lossy(stat.comm).into_owned(),
        start_us: stat.start_ticks.saturating_mul(10_000),
    })
}

/// Containers of processes by their numbers and starts: asked for once.
#[derive(Debug, Default)]
pub struct Containers(BTreeMap<u32, (u64, Option<Text>)>);

impl Containers {
    /// Forgets the others.
    pub fn keep(&mut self, mut is_there: impl FnMut(u32) -> bool) {
        self.0.retain(|&pid, _| is_there(pid));
    }

    /// The container that the process runs in.
    pub fn of(&mut self, proc: &Path, pid: u32, start_us: u64) -> Option<Text> {
        let known = self.0.entry(pid).or_insert((u64::MAX, None));
        if known.0 != start_us {
            *known = (start_us, container_of(proc, pid).map(Text::from));
        }
        known.1.clone()
    }
}

fn container_of(proc: &Path, pid: u32) -> Option<String> {
    let groups = file::short(&proc.join(pid.to_string()).join("cgroup")).ok()?;
    let groups = String::from_utf8_lossy(&groups);
    // The last line is that of the unified hierarchy; before it one of any controller tells.
    let path = groups.lines().rev().find_map(|line| line.splitn(3, ':').nth(2))?;
    match container::origin(path)? {
        container::Origin::Container(name) => Some(name),
        container::Origin::Unit(_) => None,
    }
}

/// Whether this is the first name space of process numbers, in which all processes can be seen. Its
/// number never changes.
pub fn is_first(proc: &Path) -> Option<bool> {
    let space = std::fs::read_link(proc.join("self/ns/pid")).ok()?;
    Some(space.as_os_str() == "pid:[4026531836]")
}

/// What a process is that procfs does not know.
pub enum Hidden {
    /// Here all processes can be seen: it has ended, and its memory was not given back.
    Gone,
    /// In a container the driver may give numbers of processes outside it.
    Outside,
}

impl Hidden {
    /// Where all processes can be seen, one that is not there has ended.
    pub fn of(proc: &Path) -> Hidden {
        if is_first(proc) == Some(true) { Hidden::Gone } else { Hidden::Outside }
    }

    /// What stands for its name.
    pub fn name(&self, pid: u32) -> String {
        match self {
            Hidden::Gone => format!("gone ({pid})"),
            Hidden::Outside => format!("host pid {pid}"),
        }
    }
}
