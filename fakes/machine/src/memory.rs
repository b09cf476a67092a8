//! Memory, paging, swap and pressure.

use std::fmt::Write as _;
use std::io;

use crate::spec::{Memory, Spec, list};
use crate::tree::Tree;

pub fn write(spec: &Spec, tree: &Tree) -> io::Result<()> {
    let memory = &spec.memory;
    tree.file("proc/meminfo", meminfo(memory))?;
    tree.file("proc/vmstat", vmstat(memory, spec.now()))?;
    let used = memory.swap_total - memory.swap_free;
    let mut swaps = String::from("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    if memory.swap_total > 0 {
        let (device, total) = (memory.swap_device, memory.swap_total);
        let _ = writeln!(swaps, "{device}\tpartition\t{total}\t\t{used}\t\t-2");
    }
    tree.file("proc/swaps", swaps)?;
    if spec.pressure {
        pressure(spec, tree)?;
    }
    (0..memory.nodes).try_for_each(|node| numa(spec, node, tree))
}

fn meminfo(memory: &Memory) -> String {
    let active = memory.anonymous + memory.cached / 3;
    let lines = [
        ("MemTotal", Some(memory.total)),
        ("MemFree", Some(memory.free)),
        ("MemAvailable", memory.available),
        ("Buffers", Some(memory.buffers)),
        ("Cached", Some(memory.cached)),
        ("SwapCached", Some(0)),
        ("Active", Some(active)),
        ("Inactive", Some(memory.cached * 2 / 3)),
        ("Unevictable", Some(0)),
        ("Mlocked", Some(0)),
        ("SwapTotal", Some(memory.swap_total)),
        ("SwapFree", Some(memory.swap_free)),
        ("Dirty", Some(1_204)),
        ("Writeback", Some(0)),
        ("AnonPages", Some(memory.anonymous)),
        ("Mapped", Some(memory.cached / 4)),
        ("Shmem", Some(memory.shmem)),
        ("KReclaimable", memory.available.map(|_| memory.reclaimable)),
        ("Slab", Some(memory.reclaimable + memory.unreclaimable)),
        ("SReclaimable", Some(memory.reclaimable)),
        ("SUnreclaim", Some(memory.unreclaimable)),
        ("KernelStack", Some(9_216)),
        ("Percpu", Some(3_072)),
        ("PageTables", Some(memory.anonymous / 200)),
        ("CommitLimit", Some(memory.total / 2 + memory.swap_total)),
        ("Committed_AS", Some(memory.anonymous * 2)),
        ("VmallocTotal", Some(34_359_738_367)),
        ("VmallocUsed", Some(41_000)),
        ("Hugepagesize", Some(2_048)),
    ];
    let mut text = String::new();
    for (name, value) in lines.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
        let _ = writeln!(text, "{:<15} {value:>8} kB", format!("{name}:"));
    }
    text + "HugePages_Total:       0\nHugePages_Free:        0\n"
}

fn vmstat(memory: &Memory, now: u64) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("nr_free_pages", memory.free / 4),
        ("pgpgin", memory.paged.0 * now),
        ("pgpgout", memory.paged.1 * now),
        ("pswpin", memory.swap_pages.0 * now),
        ("pswpout", memory.swap_pages.1 * now),
        ("pgfault", 4_000 * now),
        ("pgmajfault", 2 * now),
        ("pgscan_kswapd", 10 * now),
        ("pgscan_direct", now),
        ("pgsteal_kswapd", 9 * now),
        ("pgsteal_direct", now),
        ("allocstall_normal", now / 100),
        ("allocstall_movable", now / 50),
        ("compact_stall", now / 1_000),
        ("oom_kill", 1),
        ("workingset_refault_anon", memory.swap_pages.0 * now),
        ("workingset_refault_file", 6 * now),
        ("thp_fault_alloc", now / 10),
    ] {
        let _ = writeln!(text, "{name} {value}");
    }
    text
}

fn pressure(spec: &Spec, tree: &Tree) -> io::Result<()> {
    // Microseconds of stall a second: some, full.
    for (name, some, full) in
        [("cpu", 120_000, 0), ("memory", 15_000, 4_000), ("io", 60_000, 30_000)]
    {
        let line = |kind: &str, rate: u64| {
            let percent = rate as f64 / 10_000.0;
            let total = rate * spec.now();
            format!(
                "{kind} avg10={percent:.2} avg60={percent:.2} avg300={percent:.2} total={total}\n"
            )
        };
        tree.file(&format!("proc/pressure/{name}"), line("some", some) + &line("full", full))?;
    }
    Ok(())
}

fn numa(spec: &Spec, node: u32, tree: &Tree) -> io::Result<()> {
    let on_node = spec.cpus.iter().filter(|cpu| cpu.node == node && cpu.online);
    let cpus = list(on_node.map(|cpu| cpu.number));
    let nodes = u64::from(spec.memory.nodes);
    let (total, free) = (spec.memory.total / nodes, spec.memory.free / nodes);
    let meminfo = format!(
        "Node {node} MemTotal:       {total} kB\nNode {node} MemFree:        {free} kB\n\
         Node {node} MemUsed:        {} kB\n",
        total - free
    );
    let hit = spec.now() * 5_000;
    let numastat = format!(
        "numa_hit {hit}\nnuma_miss {0}\nnuma_foreign {0}\ninterleave_hit 0\n\
         local_node {hit}\nother_node {0}\n",
        hit / 50
    );
    let folder = format!("sys/devices/system/node/node{node}");
    tree.file(&format!("{folder}/cpulist"), format!("{cpus}\n"))?;
    tree.file(&format!("{folder}/meminfo"), meminfo)?;
    tree.file(&format!("{folder}/numastat"), numastat)
}
