//! Finds the moments that somebody who looks back wants to see first.
//!
//! A value is a spike if it lies above the median of the 60 before it by six times their median
//! absolute deviation and by no less than a step worth looking at. Median and deviation bear a
//! third of outliers without moving, so that a spike does not hide the next one. What stays high is
//! one spike, at its highest value, until the 60 values before have become like it.

use std::collections::VecDeque;

use retop_model::family::{cpu, disk, memory, network, pressure, process};
use retop_model::snapshot::sum;
use retop_model::{FamilyId, Field, Key, Snapshot, Stamp};

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

/// What a spike is a spike of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Share of all CPU time.
    Cpu,
    /// Share of memory in use.
    Memory,
    /// Share of time in which a task waited for a disk.
    Io,
    /// Bytes per second from and to all disks.
    Disk,
    /// Bytes per second from and to the network, loopback left out.
    Network,
}

impl Channel {
    /// Every channel, the one that explains most first.
    pub const ALL: [Channel; 5] =
        [Channel::Cpu, Channel::Memory, Channel::Io, Channel::Disk, Channel::Network];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Channel::Cpu => "cpu",
            Channel::Memory => "memory",
            Channel::Io => "io pressure",
            Channel::Disk => "disk",
            Channel::Network => "network",
        }
    }

    /// True for shares of a whole; the others are bytes per second.
    #[must_use]
    pub fn is_share(self) -> bool {
        matches!(self, Channel::Cpu | Channel::Memory | Channel::Io)
    }

    /// The number of a process that moves it; none is known for the network.
    #[must_use]
    pub fn of_process(self) -> Option<Field> {
        match self {
            Channel::Cpu => Some(process::cpu_ratio),
            Channel::Memory => Some(process::resident_bytes),
            Channel::Io | Channel::Disk => Some(process::io_bytes_per_second),
            Channel::Network => None,
        }
    }

    /// The least rise: 15 points of a share; of a rate, a tenth of the highest seen, and not less
    /// than what any disk or link does beside other work.
    fn least(self, highest: f32) -> f32 {
        match self {
            Channel::Cpu | Channel::Memory | Channel::Io => 0.15,
            Channel::Disk => (highest / 10.0).max(8e6),
            Channel::Network => (highest / 10.0).max(1e6),
        }
    }

    pub(crate) fn value(self, now: &Snapshot) -> Option<f64> {
        match self {
            Channel::Cpu => now.one(cpu::utilization_ratio),
            Channel::Memory => now.one(memory::used_ratio),
            Channel::Io => now
                .rows(FamilyId::Pressure)
                .find(|row| row.shown(pressure::resource) == "io")?
                .get(pressure::some_ratio),
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
    /// The highest value, a share or bytes per second.
    pub value: f32,
    /// The median before it.
    pub usual: f32,
}

/// The spikes of all samples that are kept.
#[derive(Debug)]
pub struct Spikes {
    usual: [Usual; Channel::ALL.len()],
    found: VecDeque<Spike>,
    version: u64,
}

impl Default for Spikes {
    fn default() -> Self {
        let usual = [const { Usual::new() }; Channel::ALL.len()];
        Spikes { usual, found: VecDeque::new(), version: 0 }
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
        for (usual, channel) in self.usual.iter_mut().zip(Channel::ALL) {
            let Some(value) = channel.value(moment) else { continue };
            let value = value as f32;
            if let Some(median) = usual.judge(channel, number, stamp.boottime_ns, value) {
                let spike =
                    Spike { channel, number, stamp, before: usual.calm, value, usual: median };
                let last = self.found.iter_mut().rfind(|spike| spike.channel == channel);
                match last.filter(|_| usual.goes_on) {
                    Some(last) if last.value < value => {
                        *last = Spike { before: last.before, usual: last.usual, ..spike };
                        self.version += 1;
                    }
                    Some(_) => {}
                    None => {
                        self.found.push_back(spike);
                        self.version += 1;
                    }
                }
            }
        }
        while self.found.len() > MOST {
            self.found.pop_front();
        }
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
        self.found.capacity() * size_of::<Spike>()
    }
}

/// What is usual of one channel.
#[derive(Debug)]
struct Usual {
    values: [f32; BEFORE],
    next: usize,
    len: usize,
    highest: f32,
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
            calm: 0,
            high_ns: None,
            goes_on: false,
        }
    }

    /// The median before it, if the value is a spike's.
    fn judge(&mut self, channel: Channel, number: u64, at_ns: u64, value: f32) -> Option<f32> {
        let before = self.values;
        let median = middle(before, self.len);
        let deviations = before.map(|value| (value - median).abs());
        let rise = DEVIATIONS * middle(deviations, self.len);
        let rise = rise.max(channel.least(self.highest));
        let high = self.len >= FEWEST && value > median + rise;
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

/// Finds who is behind a spike; the cursor is left anywhere near it. `None` if nobody rose, or the
/// samples are gone.
///
/// The highest sample may be the one in whose interval the process ended: what it used is in the
/// machine's time and the process is in no table. So the samples just before it are asked too, in
/// the order in which they decode fastest.
#[must_use]
pub fn blame(cursor: &mut Cursor, spike: &Spike) -> Option<Blame> {
    spike.channel.of_process()?;
    let before = cursor.seek(spike.before).then(|| cursor.snapshot())??;
    let mut best: Option<Blame> = None;
    let first = (spike.before + 1).max(spike.number.saturating_sub(ASKED));
    for number in first..=spike.number {
        let at = cursor.seek(number).then(|| cursor.snapshot())??;
        // The higher sample is shown unless an earlier one says clearly more.
        if let Some((key, rise)) = culprit(spike.channel, &before, &at)
            && best.is_none_or(|best| rise * CLEARLY >= best.rise)
        {
            best = Some(Blame { number, key, rise });
        }
    }
    best
}

#[cfg(test)]
mod tests;
