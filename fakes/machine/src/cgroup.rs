//! Control groups of version 2.

use std::io;

use crate::tree::Tree;

/// One group. Rates are per second.
#[derive(Clone, Debug)]
pub struct Group {
    /// Below the mount; empty for the root.
    pub path: &'static str,
    pub cpu_us: u64,
    /// Quota and period in microseconds.
    pub quota: Option<(u64, u64)>,
    pub memory: u64,
    pub limit: Option<u64>,
    pub tasks: u64,
    pub tasks_limit: Option<u64>,
    pub read_bytes: u64,
    pub written_bytes: u64,
}

impl Group {
    /// A group that uses some CPU time and memory.
    pub const fn new(path: &'static str, cpu_us: u64, memory: u64, tasks: u64) -> Group {
        Group {
            path,
            cpu_us,
            quota: None,
            memory,
            limit: None,
            tasks,
            tasks_limit: None,
            read_bytes: 0,
            written_bytes: 0,
        }
    }
}

/// Writes the hierarchy below `mount`. The root of a machine has no memory of its own and no
/// limits; that of a container's namespace is a group like any other.
pub fn write(
    tree: &Tree,
    mount: &str,
    groups: &[Group],
    now: u64,
    device: &str,
    is_container: bool,
) -> io::Result<()> {
    for group in groups {
        let folder = format!("{mount}{}", group.path);
        let is_root = group.path.is_empty() && !is_container;
        let controllers = "cpuset cpu io memory hugetlb pids rdma misc";
        tree.attributes(
            &folder,
            &[
                ("cgroup.controllers", controllers),
                ("cgroup.subtree_control", "cpu io memory pids"),
                ("cgroup.procs", ""),
                ("cpu.stat", cpu_stat(group, now).trim_end()),
                ("io.stat", &io_stat(group, now, device)),
                ("memory.stat", memory_stat(group).trim_end()),
                ("cpu.pressure", &pressure(group.cpu_us / 20, now)),
                ("memory.pressure", &pressure(0, now)),
                ("io.pressure", &pressure(group.read_bytes / 100, now)),
            ],
        )?;
        if !is_root {
            limited(tree, &folder, group)?;
        }
    }
    Ok(())
}

fn limited(tree: &Tree, folder: &str, group: &Group) -> io::Result<()> {
    let or_max = |limit: Option<u64>| limit.map_or("max".to_owned(), |limit| limit.to_string());
    let quota = match group.quota {
        Some((quota, period)) => format!("{quota} {period}"),
        None => "max 100000".to_owned(),
    };
    let peak = (group.memory + group.memory / 4).min(group.limit.unwrap_or(u64::MAX));
    tree.attributes(
        folder,
        &[
            ("cgroup.events", "populated 1\nfrozen 0"),
            ("cpu.max", &quota),
            ("cpu.weight", "100"),
            ("memory.current", &group.memory.to_string()),
            ("memory.peak", &peak.to_string()),
            ("memory.max", &or_max(group.limit)),
            ("memory.high", "max"),
            ("memory.swap.current", "0"),
            ("memory.swap.max", "max"),
            ("memory.zswap.current", "0"),
            ("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0"),
            ("pids.current", &group.tasks.to_string()),
            ("pids.max", &or_max(group.tasks_limit)),
        ],
    )
}

fn cpu_stat(group: &Group, now: u64) -> String {
    let used = group.cpu_us * now;
    let user = used * 3 / 4;
    let text =
        format!("usage_usec {used}\nuser_usec {user}\nsystem_usec {}\nnice_usec 0\n", used - user);
    // Ten periods a second; a group that uses its quota up is held back in most.
    let Some((quota, period)) = group.quota else { return text };
    let is_tight = group.cpu_us * period >= quota * 900_000;
    let throttled = if is_tight { now * 6 } else { 0 };
    text + &format!(
        "nr_periods {}\nnr_throttled {throttled}\nthrottled_usec {}\nnr_bursts 0\nburst_usec 0\n",
        now * 10,
        throttled * 30_000,
    )
}

fn io_stat(group: &Group, now: u64, device: &str) -> String {
    let (read, written) = (group.read_bytes * now, group.written_bytes * now);
    if read + written == 0 {
        return String::new();
    }
    let (reads, writes) = (read / 16_384, written / 8_192);
    format!("{device} rbytes={read} wbytes={written} rios={reads} wios={writes} dbytes=0 dios=0")
}

fn memory_stat(group: &Group) -> String {
    let anon = group.memory / 2;
    let file = group.memory * 2 / 5;
    let kernel = group.memory - anon - file;
    format!(
        "anon {anon}\nfile {file}\nkernel {kernel}\nkernel_stack {}\npagetables {}\nsock 0\nshmem 0\n\
         inactive_anon {anon}\nactive_anon 0\ninactive_file {}\nactive_file {}\nslab {}\n\
         pgfault 1000\npgmajfault 3\n",
        kernel / 8,
        kernel / 4,
        file * 3 / 4,
        file / 4,
        kernel / 2,
    )
}

fn pressure(rate_us: u64, now: u64) -> String {
    let line =
        |kind: &str, total: u64| format!("{kind} avg10=0.00 avg60=0.00 avg300=0.00 total={total}");
    format!("{}\n{}", line("some", rate_us * now), line("full", rate_us * now / 2))
}
