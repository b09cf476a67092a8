//! What a made-up Mac is and does: a TOML file. Everything runs evenly, so that what a monitor must
//! find can be said beforehand.
//!
//! ```toml
//! chip = "Apple M4 Max"
//! model = "Mac16,9"
//! macos = "15.5"
//! memory_gib = 64
//! energy_batch_seconds = 2.0      # how often energy is published; 0 for always
//!
//! [[cluster]]
//! letter = "P"                    # of the channels' names
//! cores = 6
//! names = "PCPU{n}{c}0"           # {d} die, {n} number of the cluster, {c} core
//! table = "voltage-states5-sram"
//! mhz = [1260, 4512]
//! unit = "khz"                    # of the table: hz, khz
//! busy = 0.5                      # share of time at work
//! asked = 1                       # place of the clock that is asked for
//! ran = 0                         # place of the clock that ran; none if left out
//!
//! [[rail]]
//! channel = "CPU Energy"
//! unit = "mJ"
//! watts = 10.0
//! ```

use retop_fake_library::Keys;
use toml_edit::DocumentMut;

/// The whole of it.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    pub chip: String,
    pub model: String,
    pub board: String,
    pub macos: String,
    pub build: String,
    pub darwin: String,
    pub host: String,
    pub memory_gib: f64,
    pub is_virtual: bool,
    pub is_translated: bool,
    /// A processor of Intel's: no chip of Apple's has anything to tell, and ticks are nanoseconds.
    pub is_intel: bool,
    pub levels: Vec<String>,
    /// Words of the memory statistics that this system answers, and demands.
    pub vm_words: u32,
    pub vm_strict: bool,
    pub energy_batch_seconds: f64,
    pub energy_tail_seconds: f64,
    /// Stamps of energy do not move: as on some machines after a sleep.
    pub energy_frozen: bool,
    /// Energy in millijoules stands at nothing: betas of macOS 27.
    pub energy_zero: bool,
    /// Further channels in the energy model that nobody wants.
    pub energy_filler: u32,
    /// Groups that are listed and cannot be subscribed to.
    pub refused: Vec<String>,
    /// Groups whose values are never filled in.
    pub unfilled: Vec<String>,
    pub clusters: Vec<Cluster>,
    pub gpu: Option<Gpu>,
    pub rails: Vec<Rail>,
    pub bandwidth: Option<Bandwidth>,
    pub ane_active: Option<f64>,
    /// Where it is told: `SOC Floor`, `DCS Floor`.
    pub ane_floor: String,
    pub reasons: Vec<Reason>,
    pub displays: Vec<Display>,
    pub keys: Vec<Key>,
    pub sensors: Vec<Sensor>,
    pub thermal: i64,
    pub pressure: u64,
    pub processes: Vec<Process>,
    pub interfaces: Vec<Interface>,
    pub disks: Vec<Disk>,
    pub battery: Option<Battery>,
    pub memory: Memory,
    /// What goes wrong, by name: see `iokit.rs` and `system.rs`.
    pub wrong: Vec<String>,
    /// Versions of usage that the kernel knows at most.
    pub rusage_version: i32,
}

#[derive(Clone, Debug)]
pub struct Cluster {
    pub letter: char,
    pub die: Option<u32>,
    pub number: u32,
    pub cores: u32,
    pub names: String,
    pub table: String,
    pub unit: String,
    pub mhz: Vec<u32>,
    pub busy: f64,
    pub asked: usize,
    pub ran: Option<usize>,
    pub has_down: bool,
    /// Number of the first logical CPU.
    pub first_cpu: u32,
    /// Names of the channels of single cores' energy, as `names`; none if it is empty.
    pub energy: String,
    pub core_watts: f64,
}

/// Why clocks are held down: a channel, its states, and the share of time in each.
#[derive(Clone, Debug)]
pub struct Reason {
    pub channel: String,
    pub states: Vec<String>,
    pub shares: Vec<f64>,
}

#[derive(Clone, Debug)]
pub struct Display {
    pub group: String,
    pub fps: f64,
}

#[derive(Clone, Debug)]
pub struct Gpu {
    pub cores: u64,
    pub model: String,
    pub table: String,
    pub mhz: Vec<u32>,
    pub busy: f64,
    pub state: usize,
    pub states: usize,
    pub device_percent: u64,
    pub used_mib: f64,
}

#[derive(Clone, Debug)]
pub struct Rail {
    pub channel: String,
    pub unit: String,
    pub watts: f64,
}

#[derive(Clone, Debug)]
pub struct Bandwidth {
    /// `amc`, `pmp` or `dram`.
    pub source: String,
    pub group: String,
    pub step: u32,
    pub steps: u32,
    pub read_gbps: f64,
    pub write_gbps: f64,
    pub dies: u32,
    /// Channels of single units beside the total.
    pub others: u32,
}

#[derive(Clone, Debug)]
pub struct Key {
    pub key: String,
    pub kind: String,
    pub value: f64,
}

#[derive(Clone, Debug)]
pub struct Sensor {
    pub name: String,
    pub celsius: f64,
}

#[derive(Clone, Debug)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    pub user: u32,
    pub name: String,
    pub path: String,
    pub arguments: Vec<String>,
    /// Cores that it uses.
    pub cpu: f64,
    /// The part of it on performance cores.
    pub fast: f64,
    pub watts: f64,
    pub resident_mib: f64,
    pub footprint_mib: f64,
    pub neural_mib: f64,
    pub threads: u32,
    pub gpu: f64,
    pub start: f64,
    /// Who answers for it; itself if 0.
    pub responsible: u32,
}

#[derive(Clone, Debug)]
pub struct Interface {
    pub name: String,
    pub flags: u32,
    pub receive: f64,
    pub transmit: f64,
    pub base: u64,
}

#[derive(Clone, Debug)]
pub struct Disk {
    pub name: String,
    pub model: String,
    pub gib: f64,
    pub read: f64,
    pub write: f64,
}

#[derive(Clone, Debug)]
pub struct Battery {
    pub percent: i64,
    pub milliamperes: i64,
    pub millivolts: i64,
    pub is_charging: bool,
    pub is_connected: bool,
    pub cycles: i64,
    pub design: i64,
    pub full: i64,
}

/// MiB.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub free: f64,
    pub wired: f64,
    pub internal: f64,
    pub external: f64,
    pub purgeable: f64,
    pub compressor: f64,
    pub uncompressed: f64,
    pub swap_total: f64,
    pub swap_used: f64,
    pub level: i64,
}

impl Scenario {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// Where the text is not TOML, and keys that nothing is called by.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        let document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
        let mut of = Keys::new(document.as_table(), "scenario");
        let scenario = Scenario {
            chip: of.text("chip", "Apple M1"),
            model: of.text("model", "MacBookAir10,1"),
            board: of.text("board", "J313AP"),
            macos: of.text("macos", "15.5"),
            build: of.text("build", "24F74"),
            darwin: of.text("darwin", "24.5.0"),
            host: of.text("host", "mac"),
            memory_gib: of.number("memory_gib", 16.0),
            is_virtual: of.flag("virtual"),
            is_translated: of.flag("translated"),
            is_intel: of.flag("intel"),
            levels: of.texts("levels"),
            vm_words: of.number("vm_words", 38.0) as u32,
            vm_strict: of.flag("vm_strict"),
            energy_batch_seconds: of.number("energy_batch_seconds", 0.0),
            energy_tail_seconds: of.number("energy_tail_seconds", 0.0),
            energy_frozen: of.flag("energy_frozen"),
            energy_zero: of.flag("energy_zero"),
            energy_filler: of.number("energy_filler", 0.0) as u32,
            refused: of.texts("refused"),
            unfilled: of.texts("unfilled"),
            ane_active: of.number_if("ane_active"),
            ane_floor: of.text("ane_floor", "SOC Floor"),
            reasons: of.tables("reason").map(reason).collect::<Result<_, _>>()?,
            displays: of.tables("display").map(display).collect::<Result<_, _>>()?,
            thermal: of.number("thermal", 0.0) as i64,
            pressure: of.number("pressure", 0.0) as u64,
            wrong: of.texts("wrong"),
            rusage_version: of.number("rusage_version", 6.0) as i32,
            clusters: of.tables("cluster").map(cluster).collect::<Result<_, _>>()?,
            gpu: of.tables("gpu").next().map(gpu).transpose()?,
            rails: of.tables("rail").map(rail).collect::<Result<_, _>>()?,
            bandwidth: of.tables("bandwidth").next().map(bandwidth).transpose()?,
            keys: of.tables("smc").map(key).collect::<Result<_, _>>()?,
            sensors: of.tables("sensor").map(sensor).collect::<Result<_, _>>()?,
            processes: of.tables("process").map(process).collect::<Result<_, _>>()?,
            interfaces: of.tables("interface").map(interface).collect::<Result<_, _>>()?,
            disks: of.tables("disk").map(disk).collect::<Result<_, _>>()?,
            battery: of.tables("battery").next().map(battery).transpose()?,
            memory: of.tables("memory").next().map(memory).transpose()?.unwrap_or_default(),
        };
        of.end()?;
        Ok(scenario)
    }

    /// Ticks of the clock in a second.
    #[must_use]
    pub fn hertz(&self) -> f64 {
        if self.is_intel { 1e9 } else { 24e6 }
    }

    /// Something that goes wrong here.
    #[must_use]
    pub fn is_wrong(&self, what: &str) -> bool {
        self.wrong.iter().any(|wrong| wrong == what)
    }
}

fn cluster(mut of: Keys<'_>) -> Result<Cluster, String> {
    let cluster = Cluster {
        letter: of.text("letter", "P").chars().next().unwrap_or('P'),
        die: of.number_if("die").map(|die| die as u32),
        number: of.number("number", 0.0) as u32,
        cores: of.number("cores", 4.0) as u32,
        names: of.text("names", "{l}CPU{n}{c}0"),
        table: of.text("table", ""),
        unit: of.text("unit", "hz"),
        mhz: of.numbers("mhz").iter().map(|&mhz| mhz as u32).collect(),
        busy: of.number("busy", 0.0),
        asked: of.number("asked", 0.0) as usize,
        ran: of.number_if("ran").map(|place| place as usize),
        has_down: of.flag("down"),
        first_cpu: of.number("first_cpu", 0.0) as u32,
        energy: of.text("energy", ""),
        core_watts: of.number("core_watts", 0.0),
    };
    of.end()?;
    Ok(cluster)
}

fn reason(mut of: Keys<'_>) -> Result<Reason, String> {
    let reason = Reason {
        channel: of.text("channel", "Dominant reason"),
        states: of.texts("states"),
        shares: of.numbers("shares"),
    };
    of.end()?;
    Ok(reason)
}

fn display(mut of: Keys<'_>) -> Result<Display, String> {
    let display = Display { group: of.text("group", "DCP"), fps: of.number("fps", 60.0) };
    of.end()?;
    Ok(display)
}

fn gpu(mut of: Keys<'_>) -> Result<Gpu, String> {
    let gpu = Gpu {
        cores: of.number("cores", 8.0) as u64,
        model: of.text("model", "Apple M1"),
        table: of.text("table", "voltage-states9"),
        mhz: of.numbers("mhz").iter().map(|&mhz| mhz as u32).collect(),
        busy: of.number("busy", 0.0),
        state: of.number("state", 1.0) as usize,
        states: of.number("states", 15.0) as usize,
        device_percent: of.number("device_percent", 0.0) as u64,
        used_mib: of.number("used_mib", 0.0),
    };
    of.end()?;
    Ok(gpu)
}

fn rail(mut of: Keys<'_>) -> Result<Rail, String> {
    let rail = Rail {
        channel: of.text("channel", ""),
        unit: of.text("unit", "mJ"),
        watts: of.number("watts", 0.0),
    };
    of.end()?;
    Ok(rail)
}

fn bandwidth(mut of: Keys<'_>) -> Result<Bandwidth, String> {
    let bandwidth = Bandwidth {
        source: of.text("source", "amc"),
        group: of.text("group", "PMP"),
        step: of.number("step", 32.0) as u32,
        steps: of.number("steps", 18.0) as u32,
        read_gbps: of.number("read_gbps", 0.0),
        write_gbps: of.number("write_gbps", 0.0),
        dies: of.number("dies", 1.0) as u32,
        others: of.number("others", 0.0) as u32,
    };
    of.end()?;
    Ok(bandwidth)
}

fn key(mut of: Keys<'_>) -> Result<Key, String> {
    let key = Key {
        key: of.text("key", ""),
        kind: of.text("type", "flt "),
        value: of.number("value", 0.0),
    };
    of.end()?;
    Ok(key)
}

fn sensor(mut of: Keys<'_>) -> Result<Sensor, String> {
    let sensor = Sensor { name: of.text("name", ""), celsius: of.number("celsius", 0.0) };
    of.end()?;
    Ok(sensor)
}

fn process(mut of: Keys<'_>) -> Result<Process, String> {
    let process = Process {
        pid: of.number("pid", 1.0) as u32,
        parent: of.number("parent", 1.0) as u32,
        user: of.number("user", 501.0) as u32,
        name: of.text("name", "program"),
        path: of.text("path", ""),
        arguments: of.texts("arguments"),
        cpu: of.number("cpu", 0.0),
        fast: of.number("fast", 1.0),
        watts: of.number("watts", 0.0),
        resident_mib: of.number("resident_mib", 10.0),
        footprint_mib: of.number("footprint_mib", 8.0),
        neural_mib: of.number("neural_mib", 0.0),
        threads: of.number("threads", 4.0) as u32,
        gpu: of.number("gpu", 0.0),
        start: of.number("start", 0.0),
        responsible: of.number("responsible", 0.0) as u32,
    };
    of.end()?;
    Ok(process)
}

fn interface(mut of: Keys<'_>) -> Result<Interface, String> {
    let interface = Interface {
        name: of.text("name", "en0"),
        // Up and running.
        flags: of.number("flags", 65.0) as u32,
        receive: of.number("receive", 0.0),
        transmit: of.number("transmit", 0.0),
        base: of.number("base", 0.0) as u64,
    };
    of.end()?;
    Ok(interface)
}

fn disk(mut of: Keys<'_>) -> Result<Disk, String> {
    let disk = Disk {
        name: of.text("name", "disk0"),
        model: of.text("model", "APPLE SSD AP1024Z Media"),
        gib: of.number("gib", 932.0),
        read: of.number("read", 0.0),
        write: of.number("write", 0.0),
    };
    of.end()?;
    Ok(disk)
}

fn battery(mut of: Keys<'_>) -> Result<Battery, String> {
    let battery = Battery {
        percent: of.number("percent", 80.0) as i64,
        milliamperes: of.number("milliamperes", -800.0) as i64,
        millivolts: of.number("millivolts", 12_000.0) as i64,
        is_charging: of.flag("charging"),
        is_connected: of.flag("connected"),
        cycles: of.number("cycles", 100.0) as i64,
        design: of.number("design", 6_000.0) as i64,
        full: of.number("full", 5_700.0) as i64,
    };
    of.end()?;
    Ok(battery)
}

fn memory(mut of: Keys<'_>) -> Result<Memory, String> {
    let memory = Memory {
        free: of.number("free", 1000.0),
        wired: of.number("wired", 2000.0),
        internal: of.number("internal", 6000.0),
        external: of.number("external", 4000.0),
        purgeable: of.number("purgeable", 200.0),
        compressor: of.number("compressor", 500.0),
        uncompressed: of.number("uncompressed", 1500.0),
        swap_total: of.number("swap_total", 0.0),
        swap_used: of.number("swap_used", 0.0),
        level: of.number("level", 1.0) as i64,
    };
    of.end()?;
    Ok(memory)
}
