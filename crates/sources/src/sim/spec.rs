//! What a made-up machine is built of, as data.

use super::gpu::Gpu;
use super::program::Program;
use super::script::Script;

/// A machine.
pub struct Spec {
    /// What follows `sim:`.
    pub name: &'static str,
    /// Host name, which may be hostile.
    pub host: &'static str,
    /// Operating system.
    pub os: &'static str,
    /// Kernel release.
    pub kernel: &'static str,
    /// Machine architecture.
    pub architecture: &'static str,
    /// Processor model.
    pub cpu_model: &'static str,
    /// Hypervisor that it runs under, if any.
    pub virtualization: Option<&'static str>,
    /// Seconds that it was up when the simulation begins.
    pub uptime: u64,
    /// Sockets; cores are divided among them.
    pub sockets: u64,
    /// Kinds of cores, in the order of their numbers.
    pub cores: &'static [Cores],
    /// Memory in bytes.
    pub memory: u64,
    /// Swap in bytes.
    pub swap: u64,
    /// Page cache that it would like to hold.
    pub cache: u64,
    /// Bytes per second that its memory can move, 0 where no counter tells.
    pub bandwidth: u64,
    /// Block devices; a partition stands behind its disk.
    pub disks: Vec<Disk>,
    /// Mounted file systems.
    pub filesystems: Vec<Filesystem>,
    /// Network interfaces.
    pub networks: Vec<Network>,
    /// Sensors.
    pub sensors: Vec<Sensor>,
    /// Power domains.
    pub power: Vec<Power>,
    /// A battery.
    pub battery: Option<Battery>,
    /// Graphics processors.
    pub gpus: Vec<Gpu>,
    /// Limits of the container that retop runs in: thousandths of a CPU and bytes.
    pub limit: Option<(u64, u64)>,
    /// Groups with limits: path, thousandths of a CPU, bytes.
    pub group_limits: Vec<(String, Option<u64>, Option<u64>)>,
    /// Its programs.
    pub programs: Vec<Program>,
    /// What befalls it.
    pub script: Script,
}

/// Cores of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// Logical CPUs of this kind.
    pub threads: u64,
    /// Logical CPUs on each physical core.
    pub siblings: u64,
    /// State of the core family's `kind`; `None` where all cores are alike.
    pub kind: Option<i64>,
    /// Lowest and highest clock in MHz.
    pub mhz: (u64, u64),
}

/// A block device.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    /// Kernel name.
    pub name: &'static str,
    /// Model.
    pub model: &'static str,
    /// State of the disk family's `kind`.
    pub kind: i64,
    /// Whole disk that it is a part of.
    pub parent: &'static str,
    /// Size in bytes.
    pub size: u64,
    /// True for spinning platters.
    pub rotational: bool,
    /// Time of a request when nobody is in its way, in microseconds.
    pub latency: u64,
    /// Its part of all I/O (of its disk's, for a partition), in thousandths.
    pub share: u64,
}

/// A mounted file system.
#[derive(Clone, Copy, Debug)]
pub struct Filesystem {
    /// Where it is mounted.
    pub mountpoint: &'static str,
    /// Device.
    pub device: &'static str,
    /// Type.
    pub fstype: &'static str,
    /// Size in bytes.
    pub size: u64,
    /// Part that is in use, in thousandths.
    pub used: u64,
}

/// A network interface.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Name.
    pub name: &'static str,
    /// Hardware address.
    pub address: &'static str,
    /// Speed in bytes per second, 0 where there is none.
    pub speed: u64,
    /// Bytes received and sent in a usual second.
    pub usual: (u64, u64),
}

/// A sensor, with its reading on an idle and on a busy machine.
#[derive(Clone, Copy, Debug)]
pub struct Sensor {
    /// Chip or driver.
    pub chip: &'static str,
    /// Name.
    pub name: &'static str,
    /// What it measures.
    pub measures: Measures,
    /// Reading of an idle machine, in thousandths (fans: turns a minute).
    pub idle: i64,
    /// Reading of a busy machine.
    pub busy: i64,
}

/// What a sensor measures.
#[derive(Clone, Copy, Debug)]
pub enum Measures {
    /// Temperature, with the limits that the driver names.
    Temperature { high: i64, critical: i64 },
    /// Speed of a fan.
    Fan,
    /// Voltage.
    Voltage,
    /// Current.
    Current,
}

/// A power domain.
#[derive(Clone, Copy, Debug)]
pub struct Power {
    /// What is measured.
    pub domain: &'static str,
    /// The instrument.
    pub source: &'static str,
    /// Milliwatts of an idle and of a busy machine.
    pub milliwatts: (u64, u64),
    /// Milliwatts that it is held to, 0 for none.
    pub limit: u64,
    /// True if the instrument counts energy, false if it states power.
    pub counts: bool,
    /// True if it is the whole machine.
    pub whole: bool,
}

/// A battery.
#[derive(Clone, Copy, Debug)]
pub struct Battery {
    /// Kernel name.
    pub name: &'static str,
    /// Model.
    pub model: &'static str,
    /// Energy when new and when full today, in milliwatt hours.
    pub capacity: (u64, u64),
    /// Charge at the beginning, in thousandths.
    pub charge: u64,
    /// Times that it was charged.
    pub cycles: u64,
}

/// A flash disk, or a part of one: place in the `kind` states, size and thousandths of the I/O.
pub fn disk(
    name: &'static str,
    parent: &'static str,
    model: &'static str,
    (kind, size, share): (i64, u64, u64),
) -> Disk {
    Disk { name, model, kind, parent, size, rotational: false, latency: 110, share }
}

/// A mounted file system with its size and the thousandths in use.
pub fn mount(
    mountpoint: &'static str,
    device: &'static str,
    fstype: &'static str,
    (size, used): (u64, u64),
) -> Filesystem {
    Filesystem { mountpoint, device, fstype, size, used }
}

/// A thermometer: idle and busy, high and critical, in thousandths of a degree.
pub fn heat(
    chip: &'static str,
    name: &'static str,
    (idle, busy): (i64, i64),
    (high, critical): (i64, i64),
) -> Sensor {
    Sensor { chip, name, measures: Measures::Temperature { high, critical }, idle, busy }
}

/// A fan, from idle to busy in turns a minute.
pub fn fan(chip: &'static str, name: &'static str, (idle, busy): (i64, i64)) -> Sensor {
    Sensor { chip, name, measures: Measures::Fan, idle, busy }
}

/// An energy counter of powercap, from idle to busy in milliwatts, with its limit.
pub fn domain(domain: &'static str, milliwatts: (u64, u64), limit: u64) -> Power {
    Power { domain, source: "powercap", milliwatts, limit, counts: true, whole: false }
}

impl Spec {
    /// Logical CPUs.
    pub fn threads(&self) -> u64 {
        self.cores.iter().map(|cores| cores.threads).sum::<u64>().max(1)
    }
}

/// 2^30.
pub const GIB: u64 = 1 << 30;
/// 2^20.
pub const MIB: u64 = 1 << 20;
/// 10^9, as the makers of disks count.
pub const GB: u64 = 1_000_000_000;
