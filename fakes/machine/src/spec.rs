//! What a machine is made of. Rates are per second; a counter is its rate times the time since
//! boot.

use std::io;

use crate::tree::Tree;
use crate::{cpu, disk, host, memory, network, process};

/// A machine at one moment.
#[derive(Clone, Debug)]
pub struct Spec {
    pub host: Host,
    /// Seconds since the start.
    pub second: u64,
    pub cpus: Vec<Cpu>,
    pub memory: Memory,
    /// Whether the kernel keeps pressure statistics.
    pub pressure: bool,
    pub disks: Vec<Disk>,
    /// Lines of `/proc/mounts`.
    pub mounts: Vec<&'static str>,
    /// Lines of `/proc/self/mountinfo` that mount control groups.
    pub cgroup_mounts: Vec<&'static str>,
    /// `/proc/self/cgroup`.
    pub own_cgroup: &'static str,
    /// Controllers of each mounted hierarchy of version 1; none on version 2.
    pub cgroup_v1: &'static [&'static str],
    pub interfaces: Vec<Interface>,
    pub processes: Vec<Process>,
}

/// Who it is.
#[derive(Clone, Debug)]
pub struct Host {
    pub name: &'static str,
    pub kernel: &'static str,
    pub os: &'static str,
    pub cpu_model: &'static str,
    pub boot_id: &'static str,
    pub boot_time: u64,
    /// Uptime at second 0.
    pub uptime: u64,
    pub load: [&'static str; 3],
}

/// A thread of execution. Ticks per second beyond those of the processes.
#[derive(Clone, Debug, Default)]
pub struct Cpu {
    pub number: u32,
    pub package: u32,
    pub core: u32,
    pub node: u32,
    pub online: bool,
    pub user: u64,
    pub nice: u64,
    pub system: u64,
    pub iowait: u64,
    pub irq: u64,
    pub softirq: u64,
    pub steal: u64,
    /// Present clock and range; 0 for none.
    pub kilohertz: u64,
    pub lowest_kilohertz: u64,
    pub highest_kilohertz: u64,
    /// Names of the idle states.
    pub idle_states: &'static [&'static str],
}

/// Memory in kB.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub total: u64,
    pub free: u64,
    /// `None` before Linux 3.14.
    pub available: Option<u64>,
    pub buffers: u64,
    pub cached: u64,
    pub shmem: u64,
    pub reclaimable: u64,
    pub unreclaimable: u64,
    pub anonymous: u64,
    pub swap_total: u64,
    pub swap_free: u64,
    pub swap_device: &'static str,
    /// Pages swapped in and out a second.
    pub swap_pages: (u64, u64),
    /// kB read and written a second.
    pub paged: (u64, u64),
    pub nodes: u32,
}

/// A whole disk or one mapped onto others.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub name: &'static str,
    pub number: (u32, u32),
    /// Folder below `sys/devices`.
    pub device: String,
    pub sectors: u64,
    pub rotational: bool,
    pub reads: u64,
    pub read_sectors: u64,
    pub writes: u64,
    pub written_sectors: u64,
    pub busy_ms: u64,
    pub in_flight: u64,
    /// Names and minor numbers; the first carries all requests.
    pub partitions: &'static [(&'static str, u32)],
    /// Disks or partitions below.
    pub slaves: &'static [&'static str],
}

/// A network interface.
#[derive(Clone, Debug, Default)]
pub struct Interface {
    pub name: &'static str,
    /// Mbit/s; `None` where asking is an error.
    pub speed: Option<u64>,
    pub up: bool,
    pub wireless: bool,
    pub address: &'static str,
    pub received_bytes: u64,
    pub received_packets: u64,
    pub sent_bytes: u64,
    pub sent_packets: u64,
    pub received_drops: u64,
}

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    pub name: Vec<u8>,
    /// Arguments, NUL after each; empty for threads of the kernel.
    pub command: Vec<u8>,
    pub state: char,
    pub is_kernel: bool,
    pub user_id: u32,
    pub threads: u32,
    /// Ticks a second.
    pub user: u64,
    pub system: u64,
    /// Ticks used before the start.
    pub used: u64,
    /// Start, in ticks since boot.
    pub start: u64,
    pub rss_pages: u64,
    pub size_bytes: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
    pub nice: i32,
    pub last_cpu: u32,
    pub terminal: u32,
    pub cgroup: String,
}

impl Spec {
    /// Seconds since boot.
    pub fn now(&self) -> u64 {
        self.host.uptime + self.second
    }

    /// Puts each process on a CPU that there is.
    pub fn settle(mut self) -> Spec {
        let online = self.cpus.iter().filter(|cpu| cpu.online).map(|cpu| cpu.number);
        let online: Vec<u32> = online.collect();
        for process in &mut self.processes {
            let place = process.last_cpu as usize % online.len().max(1);
            process.last_cpu = online.get(place).copied().unwrap_or(0);
        }
        self
    }

    /// Writes everything that all machines have.
    pub fn write(&self, tree: &Tree) -> io::Result<()> {
        self.write_machine(tree)?;
        process::write(self, tree)
    }

    /// Writes everything but the processes.
    pub fn write_machine(&self, tree: &Tree) -> io::Result<()> {
        host::write(self, tree)?;
        cpu::write(self, tree)?;
        memory::write(self, tree)?;
        disk::write(self, tree)?;
        network::write(self, tree)
    }
}

/// `0-3,6` for the numbers of a sorted list.
pub fn list(numbers: impl IntoIterator<Item = u32>) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |(first, last): (u32, u32)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.into_iter().map(run).collect::<Vec<_>>().join(",")
}
