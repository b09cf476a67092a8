//! Processor, disks and network of a made-up machine, second by second.

use super::flow::Flow;
use super::noise::{around, mix, rough, smooth};
use super::population::Process;
use super::spec;

const SECOND: u64 = 1_000_000;

/// Where the time of a logical CPU went, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Core {
    pub user: Flow,
    pub nice: Flow,
    pub system: Flow,
    pub idle: Flow,
    pub iowait: Flow,
    pub irq: Flow,
    pub softirq: Flow,
    pub steal: Flow,
    /// Busy time wanted from it in this second.
    busy: u64,
}

impl Core {
    /// A core that was mostly idle for so many seconds.
    pub fn aged(seconds: u64) -> Core {
        Core {
            user: Flow::aged(80_000, seconds),
            system: Flow::aged(20_000, seconds),
            idle: Flow::aged(890_000, seconds),
            iowait: Flow::aged(5_000, seconds),
            irq: Flow::aged(1_000, seconds),
            softirq: Flow::aged(4_000, seconds),
            ..Core::default()
        }
    }

    /// Time not idle in this second, in microseconds.
    pub fn busy_rate(&self) -> u64 {
        SECOND.saturating_sub(self.idle.rate() + self.iowait.rate())
    }
}

/// What all processes together want of the cores in a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    pub user: u64,
    pub nice: u64,
    pub system: u64,
    /// Share of idle time that counts as waiting for a disk, in thousandths.
    pub iowait: u64,
    /// Share of each core's time that interrupts take, in thousandths.
    pub interrupts: u64,
    /// Share of each core's time that the hypervisor takes, in thousandths.
    pub steal: u64,
}

/// Time of one core that processes can have at most; the rest is left for interrupts.
pub const USABLE: u64 = 960_000;

/// Spreads the processes' CPU time over the cores: who wants much gets cores to itself, the many
/// small ones spread unevenly over what is left.
pub fn run(cores: &mut [Core], processes: &mut [Process], wanted: Wanted, second: u64) {
    let count = cores.len() as u64;
    cores.iter_mut().for_each(|core| core.busy = 0);
    let mut small = 0;
    for process in processes {
        let mut rest = process.cpu_rate();
        if rest < 200_000 {
            small += rest;
            process.cpu = mix(process.pid ^ (second / 16)) % count.max(1);
            continue;
        }
        let home = mix(process.pid) % count.max(1);
        process.cpu = home;
        for step in 0..count {
            let Some(core) = cores.get_mut(((home + step) % count) as usize) else { break };
            let part = rest.min(USABLE - core.busy);
            core.busy += part;
            rest -= part;
            if rest == 0 {
                break;
            }
        }
    }
    spread(cores, small, second);
    let total = wanted.user + wanted.nice + wanted.system;
    for (place, core) in cores.iter_mut().enumerate() {
        let part = |of: u64| (core.busy * of).checked_div(total).unwrap_or(0);
        let (nice, system) = (part(wanted.nice), part(wanted.system));
        let user = core.busy - (nice + system).min(core.busy);
        let interrupts = around(wanted.interrupts * 1000, place as u64 ^ 0x1e0, second).min(30_000);
        let steal = (wanted.steal * 1000).min(5_000);
        let idle = SECOND.saturating_sub(core.busy + interrupts + steal);
        let iowait = idle * wanted.iowait / 1000;
        core.user.next(user);
        core.nice.next(nice);
        core.system.next(system);
        core.irq.next(interrupts / 5);
        core.softirq.next(interrupts - interrupts / 5);
        core.steal.next(steal);
        core.iowait.next(iowait);
        core.idle.next(idle - iowait);
    }
}

/// Gives `amount` to the cores by their headroom and a drifting preference, all of it.
fn spread(cores: &mut [Core], amount: u64, second: u64) {
    let weight = |place: usize, core: &Core| {
        let taste = 100 + smooth(place as u64 ^ 0xc0de, second).pow(2) / 500;
        (USABLE - core.busy) / 1000 * taste
    };
    let total: u64 = cores.iter().enumerate().map(|(place, core)| weight(place, core)).sum();
    let mut rest = amount;
    for (place, core) in cores.iter_mut().enumerate() {
        let fair = u128::from(amount) * u128::from(weight(place, core)) / u128::from(total.max(1));
        let part = u64::try_from(fair).unwrap_or(0).min(USABLE - core.busy).min(rest);
        core.busy += part;
        rest -= part;
    }
    for core in cores {
        let part = rest.min(USABLE - core.busy);
        core.busy += part;
        rest -= part;
    }
}

/// What a block device counted.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub read: Flow,
    pub written: Flow,
    pub reads: Flow,
    pub writes: Flow,
    pub flushes: Flow,
    pub discarded: Flow,
    /// Times in microseconds.
    pub read_time: Flow,
    pub write_time: Flow,
    pub busy: Flow,
    /// Requests in flight.
    pub in_flight: u64,
}

impl Disk {
    /// A disk that has worked for so many seconds.
    pub fn aged(disk: &spec::Disk, seconds: u64) -> Disk {
        let scale = |rate: u64| Flow::aged(rate * disk.share / 1000, seconds);
        Disk {
            read: scale(900_000),
            written: scale(700_000),
            reads: scale(22),
            writes: scale(30),
            flushes: scale(1),
            read_time: scale(22 * disk.latency),
            write_time: scale(30 * disk.latency),
            busy: scale((52 * disk.latency).min(SECOND / 4)),
            ..Disk::default()
        }
    }

    /// Lets a second begin in which so many bytes go through. `slowdown` multiplies latencies.
    pub fn work(&mut self, disk: &spec::Disk, (read, written): (u64, u64), slowdown: u64) {
        let block = if slowdown > 1 { 256 << 10 } else { 32 << 10 };
        let (reads, writes) = (read.div_ceil(block), written.div_ceil(24 << 10));
        let latency = disk.latency * slowdown.max(1);
        self.read.next(read);
        self.written.next(written);
        self.reads.next(reads);
        self.writes.next(writes);
        self.flushes.next(writes / 16);
        self.discarded.next(0);
        self.read_time.next(reads * latency);
        self.write_time.next(writes * latency * 2);
        // Flash serves many requests at once; a platter serves one.
        let lanes = if disk.rotational { 1 } else { 8 };
        self.busy.next(((reads + 2 * writes) * latency / lanes).min(SECOND - 5_000));
        self.in_flight = (reads + 2 * writes) * latency / SECOND;
    }
}

/// What a network interface counted.
#[derive(Clone, Debug, Default)]
pub struct Network {
    pub received: Flow,
    pub sent: Flow,
    pub packets_in: Flow,
    pub packets_out: Flow,
    pub dropped: Flow,
}

impl Network {
    /// An interface that has worked for so many seconds.
    pub fn aged(network: &spec::Network, seconds: u64) -> Network {
        let (received, sent) = network.usual;
        Network {
            received: Flow::aged(received / 2, seconds),
            sent: Flow::aged(sent / 2, seconds),
            packets_in: Flow::aged(received / 1600 + 1, seconds),
            packets_out: Flow::aged(sent / 1600 + 1, seconds),
            dropped: Flow::default(),
        }
    }

    /// Lets a second begin with that traffic, in thousandths of the usual.
    pub fn work(&mut self, network: &spec::Network, entity: u64, traffic: u64, second: u64) {
        let top = if network.speed == 0 { u64::MAX } else { network.speed };
        let amount = |usual: u64, salt: u64| {
            (around(usual, entity ^ salt, second) * traffic / 1000).min(top / 20 * 19)
        };
        let (received, sent) = (amount(network.usual.0, 0xabc), amount(network.usual.1, 0xdef));
        self.received.next(received);
        self.sent.next(sent);
        self.packets_in.next(received.div_ceil(800));
        self.packets_out.next(sent.div_ceil(800));
        self.dropped.next(u64::from(received > 0 && rough(entity, second) < 4));
    }
}
