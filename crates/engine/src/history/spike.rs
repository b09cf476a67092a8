//! Finds the moments that somebody who looks back wants to see first.
//!
//! A value is a spike if it lies above the median of the 60 before it by six times their median
//! absolute deviation and by no less than a step worth looking at. Median and deviation bear a
//! third of outliers without moving, so that a spike does not hide the next one. What stays high is
//! one spike, at its highest value, until the 60 values before have become like it.
//!
//! Where the processors are so busy that no value could be a spike, it is looked for in what one
//! program has taken from the others.

mod taker;

use std::collections::VecDeque;

use retop_model::family::{cpu, disk, gpu, memory, network, power, pressure, process};
use retop_model::snapshot::sum;
use retop_model::{FamilyId, Field, Key, Snapshot, Stamp, Unit};

use self::taker::{Taken, Takers};
use super::view::Cursor;

/// Values that one is compared with.
const BEFORE: usize = 60;
/// Fewer than this say nothing about what is usual.
const FEWEST: usize = 12;
/// Median absolute deviations above the median.
const DEVIATIONS: f32 = 6.0;
/// Spikes that are closer than this are one.
const APART_NS: u64 = 5_000_000_000;
/// The oldest beyond this many are forgotten.
const MOST: usize = 512;
/// Samples before the highest that are asked who was behind it.
const ASKED: u64 = 3;
/// One rise is clearly more than another from this factor on.
const CLEARLY: f64 = 1.25;
/// Samples for which takers are looked for after the processors were last busy throughout.
const LOOKED_FOR: u8 = 60;

/// What a spike is a spike of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Share of all CPU time.
    Cpu,
    /// What one program takes, in cores, while no share of all CPU time could be a spike.
    Taken,
    /// Share of memory in use.
    Memory,
    /// Share of time in which a task waited for a disk.
    Io,
    /// Bytes per second from and to all disks.
    Disk,
    /// Bytes per second from and to the network, loopback left out.
    Network,
    /// Share of time in which a task waited for a CPU.
    Pressure,
    /// Share of time in which the busiest graphics processor worked.
    Gpu,
    /// Share of the memory of all graphics processors in use.
    GpuMemory,
    /// Watts of the machine.
    Power,
}

impl Channel {
    /// Every channel, the one that explains most first.
    pub const ALL: [Channel; 10] = [
        Channel::Cpu,
        Channel::Taken,
        Channel::Memory,
        Channel::Gpu,
        Channel::GpuMemory,
        Channel::Io,
        Channel::Disk,
        Channel::Network,
        Channel::Pressure,
        Channel::Power,
    ];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Channel::Cpu => "cpu",
            Channel::Taken => "cpu taken",
            Channel::Memory => "memory",
            Channel::Io => "io pressure",
            Channel::Disk => "disk",
            Channel::Network => "network",
            Channel::Pressure => "cpu pressure",
            Channel::Gpu => "gpu",
            Channel::GpuMemory => "gpu memory",
            Channel::Power => "power",
        }
    }

    /// True for what the processors do.
    #[must_use]
    pub fn is_of_cpu(self) -> bool {
        matches!(self, Channel::Cpu | Channel::Taken)
    }

    /// The unit of its values.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Channel::Disk | Channel::Network => Unit::BytesPerSecond,
            Channel::Power => Unit::Watts,
            _ => Unit::Ratio,
        }
    }

    /// The number of a process that moves it; none is known for the network.
    #[must_use]
    pub fn of_process(self) -> Option<Field> {
        match self {
            Channel::Cpu | Channel::Taken | Channel::Pressure => Some(process::cpu_ratio),
            Channel::Memory => Some(process::resident_bytes),
            Channel::Io | Channel::Disk => Some(process::io_bytes_per_second),
            Channel::Network => None,
            Channel::Gpu => Some(process::gpu_ratio),
            Channel::GpuMemory => Some(process::gpu_memory_bytes),
            Channel::Power => Some(process::watts),
        }
    }

    /// The least rise: 15 points of a share, in cores no more than half of one; of a rate, a tenth of
    /// the highest seen, and not less than what any disk or link does beside other work.
    fn least(self, highest: f32, cores: f32) -> f32 {
        match self {
            Channel::Cpu | Channel::Memory | Channel::Io | Channel::GpuMemory => 0.15,
            Channel::Taken => (0.15 * cores.max(1.0)).min(0.5),
            // These swing more than others.
            Channel::Pressure | Channel::Gpu => 0.3,
            Channel::Power => (highest / 10.0).max(5.0),
            Channel::Disk => (highest / 10.0).max(8e6),
            Channel::Network => (highest / 10.0).max(1e6),
        }
    }

    /// `None` for what one moment does not tell.
    pub(crate) fn value(self, now: &Snapshot) -> Option<f64> {
        let waits = |resource: &str| {
            let mut rows = now.rows(FamilyId::Pressure);
            rows.find(|row| row.shown(pressure::resource) == resource)?.get(pressure::some_ratio)
        };
        match self {
            Channel::Cpu => now.one(cpu::utilization_ratio),
            Channel::Taken => None,
            Channel::Memory => now.one(memory::used_ratio),
            Channel::Io => waits("io"),
            Channel::Pressure => waits("cpu"),
            Channel::Gpu => {
                let shares =
                    now.rows(FamilyId::Gpu).filter_map(|row| row.get(gpu::utilization_ratio));
                shares.max_by(f64::total_cmp)
            }
            Channel::GpuMemory => {
                // What a device is divided into has its memory from it.
                let devices = now.rows(FamilyId::Gpu);
                let devices = devices.filter(|row| row.shown(gpu::parent).is_empty());
                let all = |field| sum(devices.clone().map(|row| row.get(field)));
                let total = all(gpu::memory_total_bytes).filter(|&total| total > 0.0)?;
                Some(all(gpu::memory_used_bytes)? / total)
            }
            Channel::Power => power::machine_watts(now),
            Channel::Disk => {
                // Whole disks: what is made of them would count twice.
                let whole = |kind: Option<&str>| kind.is_none_or(|kind| kind == "disk");
                let disks = now.rows(FamilyId::Disk).filter(|row| whole(row.state(disk::kind)));
                let fields = [disk::read_bytes_per_second, disk::written_bytes_per_second];
                sum(disks.flat_map(|row| fields.map(|field| row.get(field))))
            }
            Channel::Network => {
                let links = now.rows(FamilyId::Network);
                let links = links.filter(|row| row.get(network::loopback) != Some(1.0));
                let fields =
                    [network::receive_bytes_per_second, network::transmit_bytes_per_second];
                sum(links.flat_map(|row| fields.map(|field| row.get(field))))
            }
        }
    }
}

/// A value far above what was usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// Of what.
    pub channel: Channel,
    /// The sample with the highest value.
    pub number: u64,
    /// When that sample was taken.
    pub stamp: Stamp,
    /// The last sample before it that was no spike.
    pub before: u64,
    /// The highest value, in the unit of its channel.
    pub value: f32,
    /// The median before it.
    pub usual: f32,
    /// The number of the process behind it, where that was seen when it came.
    pub pid: Option<u64>,
}

/// The spikes of all samples that are kept.
#[derive(Debug)]
pub struct Spikes {
    usual: [Usual; Channel::ALL.len()],
    takers: Takers,
    /// Samples for which they are still looked for.
    looked_for: u8,
    found: VecDeque<Spike>,
    version: u64,
}

impl Default for Spikes {
    fn default() -> Self {
        let usual = [const { Usual::new() }; Channel::ALL.len()];
        let (takers, found) = (Takers::default(), VecDeque::new());
        Spikes { usual, takers, looked_for: 0, found, version: 0 }
    }
}

impl Spikes {
    /// Those that were found earlier.
    pub(crate) fn restored(found: Vec<Spike>) -> Spikes {
        let excess = found.len().saturating_sub(MOST);
        Spikes { found: found.into_iter().skip(excess).collect(), ..Spikes::default() }
    }

    /// Looks at the newest sample.
    pub fn push(&mut self, number: u64, moment: &Snapshot) {
        let stamp = moment.stamp();
        let cores = moment.one(cpu::logical).unwrap_or(1.0) as f32;
        let mut is_full = false;
        for place in 0..Channel::ALL.len() {
            let channel = Channel::ALL[place];
            let taken = match channel {
                Channel::Taken => self.taken(moment, is_full),
                _ => None,
            };
            let value = taken.map(|taken| f64::from(taken.beyond));
            let usual = &mut self.usual[place];
            let Some(value) = value.or_else(|| channel.value(moment)) else { continue };
            let value = value as f32;
            let least = channel.least(usual.highest, cores);
            let median = usual.judge(least, number, stamp.boottime_ns, value);
            if channel == Channel::Cpu {
                is_full = usual.len >= FEWEST && usual.limit >= 1.0;
            }
            let Some(median) = median else { continue };
            let spike = Spike {
                channel,
                number,
                stamp,
                before: usual.calm,
                value,
                usual: median,
                pid: None,
            };
            let spike = match taken {
                Some(taken) => {
                    Spike { value: taken.share, usual: taken.usual, pid: Some(taken.pid), ..spike }
                }
                None => spike,
            };
            let last = self.found.iter_mut().rfind(|spike| spike.channel == channel);
            match last.filter(|_| usual.goes_on) {
                Some(last) if last.value < spike.value => {
                    let usual = if last.pid == spike.pid { last.usual } else { spike.usual };
                    *last = Spike { before: last.before, usual, ..spike };
                    self.version += 1;
                }
                Some(_) => {}
                None => {
                    self.found.push_back(spike);
                    self.version += 1;
                }
            }
        }
        while self.found.len() > MOST {
            self.found.pop_front();
        }
    }

    /// Who took what from whom, while the processors are busy throughout and for a while after.
    fn taken(&mut self, moment: &Snapshot, is_full: bool) -> Option<Taken> {
        self.looked_for = if is_full { LOOKED_FOR } else { self.looked_for.saturating_sub(1) };
        if self.looked_for == 0 {
            self.takers.clear();
            return None;
        }
        let taken = self.takers.push(moment);
        // Nobody took anything: that is what others are compared with.
        let nobody = Taken { pid: 0, share: 0.0, usual: 0.0, beyond: 0.0 };
        Some(taken.unwrap_or(nobody)).filter(|_| is_full && moment.has_rates())
    }

    /// Forgets what came before that sample.
    pub fn forget(&mut self, first: u64) {
        while self.found.front().is_some_and(|spike| spike.number < first) {
            self.found.pop_front();
            self.version += 1;
        }
    }

    /// Another number whenever anything about them has changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Those found, in the order in which they began. The last of a channel may still grow.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Spike> + ExactSizeIterator {
        self.found.iter()
    }

    /// Bytes that they take.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.found.capacity() * size_of::<Spike>() + self.takers.memory()
    }
}

/// What is usual of one channel.
#[derive(Debug)]
struct Usual {
    values: [f32; BEFORE],
    next: usize,
    len: usize,
    highest: f32,
    /// What the value judged last would have had to pass.
    limit: f32,
    /// The last sample below the limit.
    calm: u64,
    /// When the last spike was last above the limit.
    high_ns: Option<u64>,
    /// The sample judged last belongs to the spike before it.
    goes_on: bool,
}

impl Usual {
    const fn new() -> Usual {
        Usual {
            values: [0.0; BEFORE],
            next: 0,
            len: 0,
            highest: 0.0,
            limit: 0.0,
            calm: 0,
            high_ns: None,
            goes_on: false,
        }
    }

    /// The median before it, if the value is a spike's: `least` is the rise that it takes at least.
    fn judge(&mut self, least: f32, number: u64, at_ns: u64, value: f32) -> Option<f32> {
        let before = self.values;
        let median = middle(before, self.len);
        let deviations = before.map(|value| (value - median).abs());
        let rise = DEVIATIONS * middle(deviations, self.len);
        self.limit = median + rise.max(least);
        let high = self.len >= FEWEST && value > self.limit;
        self.values[self.next] = value;
        self.next = (self.next + 1) % BEFORE;
        self.len = (self.len + 1).min(BEFORE);
        self.highest = self.highest.max(value);
        if !high {
            self.calm = number;
            return None;
        }
        self.goes_on = self.high_ns.is_some_and(|last| at_ns.saturating_sub(last) < APART_NS);
        self.high_ns = Some(at_ns);
        Some(median)
    }
}

/// The median of the first `len`; of an even number the upper one, which finds less.
fn middle(mut values: [f32; BEFORE], len: usize) -> f32 {
    let values = &mut values[..len];
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(len / 2, f32::total_cmp).1
}

/// The process whose number rose most from one moment to another, and by how much, in base units.
/// One that was not there before rose from nothing.
fn culprit(channel: Channel, before: &Snapshot, at: &Snapshot) -> Option<(Key, f64)> {
    let field = channel.of_process()?;
    let mut most = None;
    for row in at.rows(FamilyId::Process) {
        let Some(value) = row.get(field) else { continue };
        let least = most.map_or(0.0, |(_, rise)| rise);
        // Nobody rises by more than to what they are, so that few are looked up.
        if value > least {
            let was = before.find(FamilyId::Process, row.key()).and_then(|row| row.get(field));
            let rise = value - was.unwrap_or(0.0);
            if rise > least {
                most = Some((row.key(), rise));
            }
        }
    }
    most
}

/// Who is behind a spike, and the sample that shows it best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blame {
    /// The sample.
    pub number: u64,
    /// The process.
    pub key: Key,
    /// By how much its number rose since before the spike, in base units.
    pub rise: f64,
}

/// By how much that process is above what was usual of it.
fn rise_of(pid: u64, field: Field, usual: f32, at: &Snapshot) -> Option<(Key, f64)> {
    let row = at.rows_between(FamilyId::Process, Key(pid, 0), Key(pid, u64::MAX)).next()?;
    let rise = row.get(field)? - f64::from(usual);
    (rise > 0.0).then_some((row.key(), rise))
}

/// Finds who is behind a spike; the cursor is left anywhere near it. `None` if nobody rose, or the
/// samples are gone.
///
/// The highest sample may be the one in whose interval the process ended: what it used is in the
/// machine's time and the process is in no table. So the samples just before it are asked too, in
/// the order in which they decode fastest.
#[must_use]
pub fn blame(cursor: &mut Cursor, spike: &Spike) -> Option<Blame> {
    let field = spike.channel.of_process()?;
    let before = cursor.seek(spike.before).then(|| cursor.snapshot())??;
    let mut best: Option<Blame> = None;
    let first = (spike.before + 1).max(spike.number.saturating_sub(ASKED));
    for number in first..=spike.number {
        let at = cursor.seek(number).then(|| cursor.snapshot())??;
        // The higher sample is shown unless an earlier one says clearly more.
        let who = match spike.pid {
            Some(pid) => rise_of(pid, field, spike.usual, &at),
            None => culprit(spike.channel, &before, &at),
        };
        if let Some((key, rise)) = who
            && best.is_none_or(|best| rise * CLEARLY >= best.rise)
        {
            best = Some(Blame { number, key, rise });
        }
    }
    best
}

#[cfg(test)]
mod tests;
