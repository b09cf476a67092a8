//! What an alert is about, and the rules that come with retop.

use std::sync::Arc;

use crate::family::{
    FamilyId, cgroup, chip, cpu, disk, filesystem, gpu, gpu_forecast, host, limit, memory, power,
    pressure, process, sensor, source, task,
};
use crate::filter::{Filter, Verdict};
use crate::metric::Field;
use crate::snapshot::Row;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Warning,
    /// Something breaks, or is about to.
    Critical,
}

impl Severity {
    /// The word for exports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// On which side of the limit it is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Values at or above the limit.
    Above,
    /// Values at or below the limit.
    Below,
}

/// Whom to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// No process is behind it.
    Nobody,
    /// The process with the most of this.
    Most(Field),
    /// The process with the most of this among those in the control group that the alert is about.
    MostWithin(Field),
    /// The process with most memory, in the control group that waits most for memory if one does.
    Thrashing,
    /// The process that wrote most lately: to devices, or to a file system without one.
    Writer,
    /// The parent of most of the processes in that state.
    ParentOf(&'static str),
    /// The process that was probably killed.
    Killed,
    /// The same, of those in the control group that the alert is about.
    KilledWithin,
    /// The process that ended while the graphics processor that the alert is about was full.
    Victim,
}

/// How an alert is put into words, behind its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phrase {
    /// Value, the metric's name, limit: `250ms latency, limit 200ms`.
    Named,
    /// Value, these words, limit.
    Measured(&'static str),
    /// These words alone, where the numbers say nothing.
    Plain(&'static str),
    /// As [`Phrase::Measured`], in words that say what it is about.
    Whole(&'static str),
    /// As [`Phrase::Plain`], in words that say what it is about.
    Sentence(&'static str),
}

/// What is read for rules that somebody wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    families: u64,
    /// Bytes read and written by every process.
    pub io: bool,
    /// The status of every process.
    pub status: bool,
    /// What the scheduler did with every process.
    pub schedule: bool,
    /// Hardware counters of the busiest.
    pub counters: bool,
}

impl Written {
    /// True if it is read for them.
    #[must_use]
    pub fn has(self, family: FamilyId) -> bool {
        self.families & (1 << family.index()) != 0
    }

    pub(super) fn and(self, other: Written) -> Written {
        Written {
            families: self.families | other.families,
            io: self.io || other.io,
            status: self.status || other.status,
            schedule: self.schedule || other.schedule,
            counters: self.counters || other.counters,
        }
    }
}

/// A condition on one metric of each entity of a family.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Short name in capitals, as the alert line shows it.
    pub name: String,
    /// How bad it is.
    pub severity: Severity,
    /// The metric.
    pub field: Field,
    /// Which side is bad.
    pub bound: Bound,
    /// The limit, in the metric's base unit.
    pub limit: f64,
    /// The value at which it clears: a little on the good side, so that it does not flap.
    pub clear: f64,
    /// Looks at the rise above the lowest value of so many seconds, and not at the value itself.
    pub rise_seconds: Option<f64>,
    /// Samples in a row for which it must hold.
    pub sustain: u32,
    /// Seconds for which it must hold as well.
    pub hold_seconds: f64,
    /// Seconds for which it fires at least: what happens in a moment would be gone before anybody
    /// has seen it.
    pub linger_seconds: f64,
    /// Whom to name.
    pub culprit: Culprit,
    /// Which entities it concerns.
    pub only: fn(Row<'_>) -> bool,
    /// Of processes those that it concerns, as somebody wrote it.
    pub chosen: Option<Arc<Filter>>,
    /// Somebody wrote it: what it is about is read for it, even if nobody looks at that.
    pub written: bool,
    /// True for an entity that is on its way to the limit: what it takes to name somebody is read
    /// from then on.
    pub nears: fn(Row<'_>) -> bool,
    /// How it is put into words.
    pub phrase: Phrase,
    /// What somebody wrote about it, to be told with it.
    pub note: Option<String>,
}

impl Rule {
    fn new(name: &str, field: Field, bound: Bound, limit: f64, clear: f64) -> Rule {
        Rule {
            name: name.to_owned(),
            severity: Severity::Warning,
            field,
            bound,
            limit,
            clear,
            rise_seconds: None,
            sustain: 3,
            hold_seconds: 0.0,
            linger_seconds: 0.0,
            culprit: Culprit::Nobody,
            only: |_| true,
            chosen: None,
            written: false,
            nears: |_| false,
            phrase: Phrase::Named,
            note: None,
        }
    }

    fn critical(self) -> Rule {
        Rule { severity: Severity::Critical, ..self }
    }

    fn sustain(self, sustain: u32) -> Rule {
        Rule { sustain, ..self }
    }

    fn culprit(self, culprit: Culprit) -> Rule {
        Rule { culprit, ..self }
    }

    fn only(self, only: fn(Row<'_>) -> bool) -> Rule {
        Rule { only, ..self }
    }

    fn nears(self, nears: fn(Row<'_>) -> bool) -> Rule {
        Rule { nears, ..self }
    }

    fn linger(self) -> Rule {
        Rule { linger_seconds: LINGER_SECONDS, ..self }
    }

    fn measured(self, words: &'static str) -> Rule {
        Rule { phrase: Phrase::Measured(words), ..self }
    }

    fn plain(self, words: &'static str) -> Rule {
        Rule { phrase: Phrase::Plain(words), ..self }
    }

    fn whole(self, words: &'static str) -> Rule {
        Rule { phrase: Phrase::Whole(words), ..self }
    }

    fn sentence(self, words: &'static str) -> Rule {
        Rule { phrase: Phrase::Sentence(words), ..self }
    }

    /// True for an entity that the rule is about.
    #[must_use]
    pub fn concerns(&self, row: Row<'_>) -> bool {
        let is_chosen = |filter: &Arc<Filter>| filter.test(row) == Verdict::Yes;
        (self.only)(row) && self.chosen.as_ref().is_none_or(is_chosen)
    }

    /// True if it asks for any of these fields of processes.
    fn needs(&self, fields: &[Field]) -> bool {
        let filter = self.chosen.as_ref().is_some_and(|filter| filter.needs(fields));
        fields.contains(&self.field) || filter
    }

    /// What has to be read for it, if somebody wrote it.
    pub(super) fn asks(&self) -> Written {
        match self.written {
            true => Written {
                families: 1 << self.field.family.index(),
                io: self.needs(&process::READ),
                status: self.needs(&process::STATUS),
                schedule: self.needs(&process::SCHEDULED),
                counters: self.needs(&process::COUNTED),
            },
            false => Written::default(),
        }
    }

    /// True on the bad side.
    #[must_use]
    pub fn is_beyond(&self, value: f64) -> bool {
        match self.bound {
            Bound::Above => value >= self.limit,
            Bound::Below => value <= self.limit,
        }
    }

    /// True so far on the good side that a firing alert ends.
    #[must_use]
    pub fn is_clear(&self, value: f64) -> bool {
        match self.bound {
            Bound::Above => value < self.clear,
            Bound::Below => value > self.clear,
        }
    }

    /// The worse of two values.
    #[must_use]
    pub fn worse(&self, a: f64, b: f64) -> f64 {
        match self.bound {
            Bound::Above => a.max(b),
            Bound::Below => a.min(b),
        }
    }
}

/// The rules that come with retop. Each limit is where a person at 3 a.m. would want to know, not
/// where a graph begins to look busy.
#[must_use]
pub fn builtin() -> Vec<Rule> {
    use Bound::{Above, Below};
    let by_cpu = Culprit::Most(process::cpu_ratio);
    let by_memory = Culprit::Most(process::resident_bytes);
    let by_io = Culprit::Most(process::io_bytes_per_second);
    let by_tasks = Culprit::Most(process::threads);
    let by_gpu_memory = Culprit::Most(process::gpu_lasting_growth_bytes_per_second);
    let resource = |name: &'static str| -> fn(Row<'_>) -> bool {
        match name {
            "cpu" => |row| row.shown(pressure::resource) == "cpu",
            "memory" => |row| row.shown(pressure::resource) == "memory",
            _ => |row| row.shown(pressure::resource) == "io",
        }
    };
    vec![
        Rule::new("PSI-CPU", pressure::some_ratio, Above, 0.8, 0.6)
            .only(resource("cpu"))
            .sustain(5)
            .whole("of the time, some task waits for a CPU")
            .culprit(by_cpu),
        Rule::new("PSI-MEM", pressure::full_ratio, Above, 0.1, 0.05)
            .only(resource("memory"))
            .critical()
            .whole("of the time, all tasks wait for memory")
            .culprit(Culprit::Thrashing),
        Rule::new("PSI-IO", pressure::full_ratio, Above, 0.5, 0.3)
            .only(resource("io"))
            .sustain(5)
            .whole("of the time, all tasks wait for disks")
            .culprit(by_io),
        Rule::new("MEM", memory::available_ratio, Below, 0.05, 0.08)
            .critical()
            .whole("of memory available")
            .culprit(by_memory),
        Rule::new("SWAP", memory::swap_in_bytes_per_second, Above, 20e6, 10e6)
            .sustain(5)
            .whole("swapped in")
            .culprit(by_memory),
        Rule::new("OOM", memory::oom_kills_per_second, Above, 1e-9, 1e-9)
            .critical()
            .sustain(1)
            .linger()
            .culprit(Culprit::Killed)
            .sentence("the kernel killed a process for want of memory"),
        Rule::new("DISK", filesystem::used_ratio, Above, 0.95, 0.93)
            .only(is_writable)
            .nears(fills)
            .sustain(1)
            .culprit(Culprit::Writer),
        Rule::new("INODES", filesystem::inodes_used_ratio, Above, 0.95, 0.93)
            .only(is_writable)
            .sustain(1)
            .culprit(Culprit::Writer),
        Rule::new("LATENCY", disk::latency_seconds, Above, 0.2, 0.1).sustain(5).culprit(by_io),
        Rule::new("CGROUP-MEM", cgroup::memory_limit_ratio, Above, 0.9, 0.85)
            .nears(is_near)
            .measured("of its memory limit")
            .culprit(Culprit::MostWithin(process::resident_bytes)),
        Rule::new("CGROUP-TASKS", cgroup::tasks_ratio, Above, 0.9, 0.85)
            .nears(is_near)
            .measured("of its processes and threads")
            .culprit(Culprit::MostWithin(process::threads)),
        Rule::new("LIMIT-MEM", limit::memory_ratio, Above, 0.9, 0.85)
            .measured("of this container's memory")
            .culprit(by_memory),
        Rule::new("LIMIT-TASKS", limit::tasks_ratio, Above, 0.9, 0.85)
            .measured("of this container's processes and threads")
            .culprit(by_tasks),
        Rule::new("PIDS", host::pid_ratio, Above, 0.9, 0.85)
            .measured("of all process identifiers")
            .culprit(by_tasks),
        Rule::new("FILES", host::file_handles_ratio, Above, 0.9, 0.85)
            .measured("of all file handles"),
        Rule::new("CGROUP-OOM", cgroup::limit_oom_kills_per_second, Above, 1e-9, 1e-9)
            .critical()
            .sustain(1)
            .linger()
            .culprit(Culprit::KilledWithin)
            .plain("was at its memory limit, and the kernel killed a process of it"),
        Rule::new("THROTTLED", cgroup::throttled_ratio, Above, 0.5, 0.25)
            .sustain(5)
            .culprit(Culprit::MostWithin(process::cpu_ratio)),
        Rule::new("STEAL", cpu::steal_ratio, Above, 0.2, 0.1)
            .sustain(5)
            .measured("taken by the hypervisor"),
        Rule::new("ZOMBIES", task::zombies, Above, 50.0, 30.0).culprit(Culprit::ParentOf("zombie")),
        Rule::new("BLOCKED", task::blocked, Above, 10.0, 5.0)
            .sustain(5)
            .measured("blocked tasks")
            .culprit(by_io),
        Rule::new("THERMAL", sensor::headroom_celsius, Below, 0.0, 5.0)
            .critical()
            .measured("below the critical temperature")
            .culprit(by_cpu),
        Rule::new("HEAT", chip::thermal, Above, 1.0, 0.5)
            .sustain(1)
            .plain("says that it is hot, and may hold clocks down")
            .culprit(by_cpu),
        Rule::new("VRAM", gpu_forecast::full_seconds, Below, 300.0, 360.0)
            .only(|row| is_device_at(row, gpu_forecast::WARNING))
            .sustain(1)
            .measured("until its memory is full")
            .culprit(by_gpu_memory),
        Rule::new("VRAM-FULL", gpu_forecast::full_seconds, Below, 60.0, 90.0)
            .only(|row| is_device_at(row, gpu_forecast::CRITICAL))
            .sustain(1)
            .critical()
            .measured("until its memory is full")
            .culprit(by_gpu_memory),
        Rule::new("VRAM-OOM", gpu_forecast::victims_per_second, Above, 1e-9, 1e-9)
            .critical()
            .sustain(1)
            .linger()
            .culprit(Culprit::Victim)
            .plain("a process ended while it was full, probably for want of memory"),
        // Held down by its power limit is how a device with much to do runs; by heat is another thing.
        Rule::new("THROTTLING:GPU", gpu::hot_ratio, Above, 0.2, 0.1)
            .measured("of the time held down by heat")
            .culprit(Culprit::Most(process::gpu_ratio)),
        Rule::new("GPU-XID", gpu::xids_per_second, Above, 1e-9, 1e-9)
            .critical()
            .sustain(1)
            .linger()
            .plain("its driver reported an error (Xid), see page 4"),
        Rule::new("GPU-HEALTH", gpu::fault, Above, 1.0, 1.0)
            .critical()
            .sustain(1)
            .plain("is lost, or its driver asks for a reset, see page 4"),
        Rule::new("SOURCE", source::lost, Above, 1.0, 1.0)
            .sustain(3)
            .plain("no longer answers, see 'retop doctor'"),
    ]
}

/// True for a control group that comes near to a limit: whether it stays there is looked at often.
fn is_near(row: Row<'_>) -> bool {
    let shares = [cgroup::memory_limit_ratio, cgroup::tasks_ratio];
    shares.into_iter().any(|share| row.get(share).is_some_and(|share| share >= 0.75))
}

/// The minute in which a disk that fills would be full.
const SOON_SECONDS: f64 = 60.0;

fn is_writable(row: Row<'_>) -> bool {
    row.get(filesystem::readonly) != Some(1.0)
}

/// True for a file system that fills so fast, or is so full and fills, that it will soon be an alert.
fn fills(row: Row<'_>) -> bool {
    let (Some(used), Some(rate)) =
        (row.get(filesystem::used_ratio), row.get(filesystem::fill_bytes_per_second))
    else {
        return false;
    };
    let left = row.get(filesystem::avail_bytes).unwrap_or(f64::INFINITY);
    rate > 0.0 && (used >= 0.9 || rate * SOON_SECONDS >= left)
}

/// True where a sensor is where its driver calls the part hot, or five degrees from danger.
fn is_hot(row: Row<'_>) -> bool {
    // A chip that says so itself, or whose cores are as hot as they get.
    let says = row.snapshot().rows(FamilyId::Chip).any(|chip| {
        chip.get(chip::thermal).is_some_and(|state| state >= 1.0)
            || chip.get(chip::cpu_highest_celsius).is_some_and(|celsius| celsius >= 90.0)
    });
    says || row.snapshot().rows(FamilyId::Sensor).any(|sensor| {
        let now = sensor.get(sensor::temperature_celsius);
        let high = sensor.get(sensor::high_celsius).filter(|&high| high > 0.0);
        now.is_some_and(|now| high.is_some_and(|high| now >= high))
            || sensor.get(sensor::headroom_celsius).is_some_and(|left| left <= 5.0)
    })
}

/// Busy cores that run below that share of their highest clock while something is hot. Without heat
/// a lower clock is no alert: few processors run all their cores at the clock that one may have.
#[must_use]
pub fn throttling(share: f64) -> Rule {
    let clear = (share + 0.05).min(1.0);
    Rule::new("THROTTLING:CPU", cpu::busy_clock_ratio, Bound::Below, share, clear)
        .only(is_hot)
        .measured("of their highest clock have busy cores, and it is hot")
        .culprit(Culprit::Most(process::cpu_ratio))
}

/// A graphics processor of a chip that is busy and runs below that share of its highest clock while
/// the chip is hot.
#[must_use]
pub fn gpu_throttling(share: f64) -> Rule {
    let clear = (share + 0.05).min(1.0);
    Rule::new("THROTTLING:GPU", gpu::busy_clock_ratio, Bound::Below, share, clear)
        .only(is_of_hot_chip)
        .measured("of its highest clock while it is busy, and it is hot")
        .culprit(Culprit::Most(process::gpu_ratio))
}

/// True for a device of a chip that says that it is hot, or whose graphics are as hot as they get.
fn is_of_hot_chip(row: Row<'_>) -> bool {
    row.snapshot().rows(FamilyId::Chip).any(|chip| {
        chip.get(chip::thermal).is_some_and(|state| state >= 1.0)
            || chip.get(chip::gpu_highest_celsius).is_some_and(|celsius| celsius >= 90.0)
    })
}

/// Memory that moves such a share of what it can move.
#[must_use]
pub fn bandwidth(share: f64) -> Rule {
    Rule::new("MEM-BOUND", memory::traffic_ratio, Bound::Above, share, share - 0.05)
        .whole("of the memory's bandwidth")
        .culprit(Culprit::Most(process::cpu_ratio))
}

/// True for a device, and no process on it, whose forecast has come to that level.
fn is_device_at(row: Row<'_>, level: i64) -> bool {
    row.raw(gpu_forecast::pid).is_none()
        && row.raw(gpu_forecast::level).is_some_and(|found| found >= level)
}

/// How long something that happened in a moment fires.
const LINGER_SECONDS: f64 = 60.0;

/// How far [`swap_rise`] looks back: a leak shows within minutes, and what swapped out an hour ago
/// is no news.
const RISE_SECONDS: f64 = 300.0;

/// Swap that has grown by so many bytes within five minutes.
#[must_use]
pub fn swap_rise(bytes: f64) -> Rule {
    let rule = Rule::new("SWAP-RISE", memory::swap_used_bytes, Bound::Above, bytes, bytes * 0.8)
        .whole("more swap used within 5m")
        .culprit(Culprit::Most(process::resident_bytes));
    Rule { rise_seconds: Some(RISE_SECONDS), ..rule }
}

/// A chip whose parts draw such a share of their scale.
#[must_use]
pub fn chip_power(share: f64) -> Rule {
    Rule::new("PKG", chip::package_ratio, Bound::Above, share, share - 0.05)
        .measured("of the scale of the chip's power")
        .culprit(Culprit::Most(process::cpu_ratio))
}

/// A package that draws such a share of the power that it is held to.
#[must_use]
pub fn package_power(share: f64) -> Rule {
    Rule::new("PKG", power::limit_ratio, Bound::Above, share, share - 0.05)
        .only(|row| row.shown(power::domain).starts_with("package"))
        .measured("of its power limit")
        .culprit(Culprit::Most(process::cpu_ratio))
}
