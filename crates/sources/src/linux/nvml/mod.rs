//! NVIDIA devices, through the library that comes with the driver.
//!
//! Asleep first: which devices there are and whether they sleep is read from what the kernel
//! remembers. The library is opened while at least one of them is awake, and let go again where
//! nobody else holds a device that may sleep. Opening it wakes every device for as long as it is
//! open.
//!
//! A call can block for ever in the kernel, so all of this runs on a thread of its own.

mod abi;
mod cycles;
mod device;
mod glance;
mod health;
mod library;
mod links;
mod parts;
mod pci;
mod processes;

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use retop_model::family::{gpu, gpu_call, gpu_process};
use retop_model::{Clock, FamilyId, Key, RawTable};

use self::abi::{
    Code, DRIVER_NOT_LOADED, INVALID_ARGUMENT, NO_PERMISSION, UNINITIALIZED, VERSION_MISMATCH,
    meaning, step,
};
use self::device::Device;
use self::glance::Rhythm;
use self::health::Listener;
use self::library::{Library, Unusable};
use self::pci::Pci;
use crate::linux::patience::{FALLING_ASLEEP_NS, Patience};
use crate::linux::waker::Woken;
use crate::roots::Roots;
use crate::source::{Pace, Problem, Read, Source};

/// The name under which the linker knows the library. The one without a number is only a link,
/// which newer packages leave out.
const NAME: &str = "libnvidia-ml.so.1";
/// Where Windows puts it for its Linux guests, outside the linker's path.
const LIBRARIES: &str = "/usr/lib";
const WSL: &str = "wsl/lib";

/// How often devices are looked for on the bus.
const LOOK_NS: u64 = 60_000_000_000;
/// How soon a library that refused is asked again, and one that is not there.
const RETRY_NS: u64 = 5_000_000_000;
const ABSENT_NS: u64 = 60_000_000_000;
/// Nobody asks again sooner than this.
const SHORTEST_NS: u64 = 50_000_000;
/// The share of the time that the driver may spend on our questions about each device: one part in
/// this many.
const DRIVER_SHARE: u64 = 50;

/// Reads every NVIDIA device.
pub struct Nvml {
    sys: PathBuf,
    proc: PathBuf,
    dev: PathBuf,
    libraries: PathBuf,
    devices: Vec<Pci>,
    looked_ns: Option<u64>,
    phase: Phase,
    /// Since when all devices sleep.
    asleep_ns: Option<u64>,
    /// Devices by PCI address: those that slept at the last look, and who woke the others.
    slept: Vec<String>,
    woken: Vec<(String, Woken)>,
    /// Names by PCI address, from when a device was awake.
    seen: Vec<Seen>,
    /// How long devices must be idle before they are let go.
    patience: Patience,
    /// The driver is left alone until then, because it took too long.
    rest_until_ns: u64,
    kept: Vec<RawTable>,
}

/// A device that was awake once.
struct Seen {
    address: String,
    uuid: String,
}

enum Phase {
    /// The library is not open; it is tried again at that time.
    Closed {
        retry_ns: u64,
        why: Option<Problem>,
    },
    /// It was closed so that the devices may fall asleep.
    LetGo {
        since_ns: u64,
    },
    Open(Box<Session>),
}

/// The library in use.
struct Session {
    library: Library,
    devices: Vec<Device>,
    /// Devices that would not tell what they are.
    unknown: Vec<(String, Code)>,
    learnt_ns: u64,
    /// When it was looked last into how devices are divided.
    divided_ns: u64,
    idle_since_ns: Option<u64>,
    listener: Listener,
    rhythm: Rhythm,
}

impl Nvml {
    /// The devices of the machine under `roots`.
    pub fn new(roots: &Roots) -> Nvml {
        Nvml {
            sys: roots.sys.clone(),
            proc: roots.proc.clone(),
            dev: roots.dev.clone(),
            libraries: roots.libraries.clone(),
            devices: Vec::new(),
            looked_ns: None,
            phase: Phase::Closed { retry_ns: 0, why: None },
            asleep_ns: None,
            slept: Vec::new(),
            woken: Vec::new(),
            seen: Vec::new(),
            patience: Patience::default(),
            rest_until_ns: 0,
            kept: Vec::new(),
        }
    }

    /// True if there may be a device that the bus does not show: in a container, in a guest of
    /// Windows.
    fn has_node(&self) -> bool {
        ["nvidiactl", "dxg"].iter().any(|node| self.dev.join(node).exists())
    }

    fn candidates(&self) -> Vec<PathBuf> {
        if self.libraries.as_os_str().is_empty() {
            vec![PathBuf::from(NAME), Path::new(LIBRARIES).join(WSL).join(NAME)]
        } else {
            vec![self.libraries.join(NAME), self.libraries.join(WSL).join(NAME)]
        }
    }

    /// Opens the library, if it is time to.
    fn open(&mut self, clock: &dyn Clock) {
        let now_ns = clock.monotonic_ns();
        let Phase::Closed { retry_ns, .. } = self.phase else { return };
        if now_ns < retry_ns {
            return;
        }
        let mut refused = None;
        for path in self.candidates() {
            match Library::open(&path, clock) {
                Ok(library) => {
                    let mut session = Session {
                        library,
                        devices: Vec::new(),
                        unknown: Vec::new(),
                        learnt_ns: now_ns,
                        divided_ns: now_ns,
                        idle_since_ns: None,
                        listener: Listener::default(),
                        rhythm: Rhythm::default(),
                    };
                    session.learn(&self.devices, clock);
                    self.phase = Phase::Open(Box::new(session));
                    return;
                }
                Err(Unusable::Refused(code)) => {
                    self.close_with(refusal(code), now_ns + RETRY_NS);
                    return;
                }
                Err(Unusable::NotOpened(reason)) => {
                    refused.get_or_insert(reason);
                }
            }
        }
        let problem = Problem::absent(refused.unwrap_or_else(|| NAME.to_owned()))
            .hint("the library comes with the NVIDIA driver: libnvidia-ml1, or nvidia-utils");
        self.close_with(problem, now_ns + ABSENT_NS);
    }

    fn close_with(&mut self, problem: Problem, retry_ns: u64) {
        self.phase = Phase::Closed { retry_ns, why: Some(problem) };
    }

    /// Ends the use of the library, with another phase to follow.
    fn leave(&mut self, next: Phase, clock: &dyn Clock) {
        if let Phase::Open(session) = std::mem::replace(&mut self.phase, next) {
            session.close(clock);
        }
    }

    /// Learns which devices sleep, and who has those open that did.
    fn look_who_woke(&mut self, now_ns: u64) {
        let before = std::mem::take(&mut self.slept);
        for pci in &self.devices {
            if pci.sleeps() {
                self.woken.retain(|(address, _)| *address != pci.address);
                self.slept.push(pci.address.clone());
            } else if before.contains(&pci.address) {
                self.woken.push((pci.address.clone(), pci.woken(&self.proc, now_ns)));
            }
        }
    }

    /// Writes rows of devices that sleep.
    fn write_asleep(&mut self, read: &mut Read<'_>) {
        let now_ns = read.now_ns();
        let since_ns = *self.asleep_ns.get_or_insert(now_ns);
        let mut table = read.table(FamilyId::Gpu);
        for pci in self.devices.iter().filter(|pci| pci.sleeps()) {
            write_asleep(pci, &self.seen, now_ns.saturating_sub(since_ns), &mut table);
        }
        read.give(table, now_ns);
    }

    /// Whether the devices may be let go: they may sleep, and nobody but us has anything on them.
    fn let_go(&mut self, alone: bool, clock: &dyn Clock) {
        let now_ns = clock.monotonic_ns();
        let may_sleep = !self.devices.is_empty() && self.devices.iter().all(Pci::may_sleep);
        let Phase::Open(session) = &mut self.phase else { return };
        let idle = session.devices.iter().all(|device| device.busy == Some(0));
        if !(may_sleep && alone && idle) {
            session.idle_since_ns = None;
            return;
        }
        let since_ns = *session.idle_since_ns.get_or_insert(now_ns);
        if now_ns.saturating_sub(since_ns) >= self.patience.idle_ns() {
            self.leave(Phase::LetGo { since_ns: now_ns }, clock);
        }
    }
}

/// What is known of a device that sleeps.
fn write_asleep(pci: &Pci, seen: &[Seen], asleep_ns: u64, table: &mut RawTable) {
    let known = seen.iter().find(|seen| pci.is_at(&seen.address));
    let identity = known.map_or(pci.address.as_str(), |seen| seen.uuid.as_str());
    table
        .push(gpu_process::device_key(identity.as_bytes()))
        .text(gpu::uuid, identity)
        .text(gpu::pci_address, pci.address.as_str())
        .set(gpu::state, gpu::ASLEEP)
        .set(gpu::asleep_seconds, asleep_ns / 1_000_000);
}

/// A call that failed, and what somebody can do about it.
fn failed(what: &str, code: Code) -> Problem {
    Problem::failing(format!("{what}: {} ({code})", meaning(code))).hint(step(code))
}

/// What a library that does not begin says.
fn refusal(code: Code) -> Problem {
    match code {
        DRIVER_NOT_LOADED => Problem::absent("the NVIDIA driver is not loaded")
            .hint("sudo modprobe nvidia; after an update of the kernel: reboot"),
        VERSION_MISMATCH => Problem::failing(
            "the NVIDIA library and the driver that runs are of different versions",
        )
        .hint("the driver was updated: reboot, or unload and load its modules"),
        code => failed("nvmlInit", code),
    }
}

impl Session {
    /// Learns which devices there are. Of those that the bus shows, only such as are awake are
    /// touched.
    fn learn(&mut self, bus: &[Pci], clock: &dyn Clock) {
        self.learnt_ns = clock.monotonic_ns();
        self.unknown.clear();
        let mut handles = Vec::new();
        if bus.is_empty() || !self.library.symbols.by_address.is_there() {
            match self.library.count(clock) {
                Ok(count) => {
                    handles.extend((0..count).map(|index| {
                        (format!("device {index}"), self.library.by_index(clock, index))
                    }))
                }
                Err(code) => self.unknown.push(("nvmlDeviceGetCount".to_owned(), code)),
            }
        } else {
            for pci in bus.iter().filter(|pci| !pci.sleeps()) {
                let Ok(address) = CString::new(pci.address.as_str()) else { continue };
                handles.push((pci.address.clone(), self.library.by_address(clock, &address)));
            }
        }
        let mut devices = std::mem::take(&mut self.devices);
        for (name, handle) in handles {
            let learnt = handle.and_then(|handle| Device::learn(&self.library, clock, handle));
            match learnt {
                Ok(device) => {
                    // One that was known keeps what was learnt of it; its handle may be another.
                    let known = devices.iter().position(|known| known.uuid == device.uuid);
                    let known = known.map(|place| devices.swap_remove(place));
                    self.devices.push(match known {
                        Some(mut known) => {
                            known.settle(&device);
                            known
                        }
                        None => device,
                    });
                }
                Err(code) => self.unknown.push((name, code)),
            }
        }
        for mut gone in devices {
            // Lost ones are remembered, so that the screen says so instead of forgetting them.
            gone.lost = true;
            self.devices.push(gone);
        }
        self.learn_parts(clock);
        self.listener.listen(&mut self.devices, &self.library, clock);
    }

    /// Looks into how devices are divided: that changes while they are used.
    fn learn_parts(&mut self, clock: &dyn Clock) {
        self.divided_ns = clock.monotonic_ns();
        for device in self.devices.iter_mut().filter(|device| !device.lost) {
            device.learn_parts(&self.library, clock);
        }
    }

    fn close(mut self, clock: &dyn Clock) {
        self.listener.free(&self.library, clock);
        let parts = |device: &mut Device| std::mem::take(&mut device.parts);
        let parts: Vec<Device> = self.devices.iter_mut().flat_map(parts).collect();
        for device in self.devices.iter_mut().chain(&mut { parts }) {
            device.cycles.free(&self.library, clock);
        }
        self.library.close(clock);
    }

    /// Reads every device that is awake.
    fn read(
        &mut self,
        bus: &[Pci],
        woken: &[(String, Woken)],
        proc: &Path,
        read: &mut Read<'_>,
    ) -> [RawTable; 2] {
        let clock = read.clock();
        let cycles = read.demand().gpu_cycles;
        let mut devices = read.table(FamilyId::Gpu);
        let mut processes = read.table(FamilyId::GpuProcess);
        if clock.monotonic_ns().saturating_sub(self.divided_ns) >= LOOK_NS {
            self.learn_parts(clock);
        }
        self.listener.take(&mut self.devices, &self.library, clock);
        for device in &mut self.devices {
            let sleeping = bus.iter().find(|pci| pci.is_at(&device.address) && pci.sleeps());
            if let Some(pci) = sleeping {
                let seen = [Seen { address: device.address.clone(), uuid: device.uuid.clone() }];
                write_asleep(pci, &seen, 0, &mut devices);
                continue;
            }
            let mut row = devices.push(device.key());
            device.read(&self.library, clock, (cycles, proc), &mut row);
            let at = |pci: &&Pci| pci.is_at(&device.address);
            if let Some(pci) = bus.iter().find(at)
                && let Some((_, woken)) = woken.iter().find(|(address, _)| *address == pci.address)
            {
                woken.write(clock.monotonic_ns(), &mut row);
            }
            if !device.lost {
                device.read_parts(&self.library, clock, cycles, &mut devices);
                processes::read(device, &self.library, clock, proc, &mut processes);
            }
        }
        for (name, code) in &self.unknown {
            let problem = failed(name, *code);
            read.report(format!("nvml/{name}"), "gpus", Some(problem));
        }
        if cycles {
            self.report_cycles(read);
        }
        let parts = self.devices.iter().flat_map(|device| &device.parts);
        for device in self.devices.iter().chain(parts) {
            let Some((symbol, code)) = device.trouble else { continue };
            let problem = failed(symbol, code);
            read.report(format!("nvml/{}", device.uuid), "gpus", Some(problem));
        }
        [devices, processes]
    }

    /// Why there are no shares of cycles, where somebody wants them.
    fn report_cycles(&self, read: &mut Read<'_>) {
        let symbols = &self.library.symbols;
        let asked = [symbols.gpm_support.name, symbols.gpm_sample.name, symbols.gpm_metrics.name];
        let by = |denied| asked.iter().find_map(|symbol| refused_by(self, symbol, denied));
        let problem = match (by(true), by(false)) {
            (Some(devices), _) => Problem::denied(format!("no permission for GPU {devices}")).hint(
                "root may, and all if the module nvidia has NVreg_RestrictProfilingToAdminUsers=0",
            ),
            (None, Some(devices)) => {
                Problem::absent(format!("Hopper and newer count cycles, not GPU {devices}"))
            }
            (None, None) => return,
        };
        read.report("nvml/cycles", "tensor_ratio shader_ratio occupancy_ratio", Some(problem));
    }

    /// True if devices must be learnt anew: one is lost, or unknown, or its handle means nothing
    /// any more.
    fn is_unsettled(&self) -> bool {
        let stale =
            |device: &Device| device.lost || matches!(device.trouble, Some((_, INVALID_ARGUMENT)));
        let any = |device: &Device| stale(device) || device.parts.iter().any(stale);
        self.devices.iter().any(any) || !self.unknown.is_empty()
    }

    /// True if the library has forgotten that it was begun.
    fn is_over(&self) -> bool {
        let over = |device: &Device| {
            matches!(
                device.trouble,
                Some((_, UNINITIALIZED | VERSION_MISMATCH | DRIVER_NOT_LOADED))
            )
        };
        self.devices.iter().any(over) || self.unknown.iter().any(|&(_, code)| code == UNINITIALIZED)
    }

    fn driver_ns(&self) -> u64 {
        self.library.symbols.total_ns()
    }

    /// Plans looks until the next read, after one that took so long for each device.
    fn plan(&mut self, wanted: bool, now_ns: u64, each_ns: u64) {
        let symbols = &self.library.symbols;
        let (looks, busy_ns) = symbols.utilization.spent();
        let memory = [symbols.memory_v2.spent(), symbols.memory.spent()];
        let all_ns = busy_ns + memory.iter().map(|(_, ns)| ns).sum::<u64>();
        self.rhythm.begin(wanted, now_ns, each_ns, (looks, all_ns));
        let count = self.devices.len();
        for (place, device) in self.devices.iter_mut().enumerate() {
            device.seen.due_ns = self.rhythm.first(now_ns, place, count);
        }
    }

    /// Looks at the devices whose moment has come.
    fn look(&mut self, bus: &[Pci], clock: &dyn Clock) {
        let (now_ns, before_ns) = (clock.monotonic_ns(), self.driver_ns());
        for device in &mut self.devices {
            let due = device.seen.is_due(&self.rhythm, now_ns);
            let sleeps = || bus.iter().any(|pci| pci.is_at(&device.address) && pci.sleeps());
            if due && !device.lost && !sleeps() {
                device.look(&self.library, clock);
            }
        }
        self.rhythm.spent_ns += self.driver_ns().saturating_sub(before_ns);
    }
}

impl Source for Nvml {
    fn name(&self) -> &'static str {
        "nvml"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Gpu, FamilyId::GpuProcess, FamilyId::GpuCall]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(Duration::from_secs(1))
    }

    fn pulse(&self, now_ns: u64) -> Option<Duration> {
        let Phase::Open(session) = &self.phase else { return None };
        let next_ns = session.devices.iter().filter_map(|device| device.seen.due_ns).min()?;
        Some(Duration::from_nanos(next_ns.saturating_sub(now_ns)))
    }

    fn keep_up(&mut self, clock: &dyn Clock) {
        if let Phase::Open(session) = &mut self.phase {
            session.look(&self.devices, clock);
        }
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        let (clock, now_ns) = (read.clock(), read.now_ns());
        if self.looked_ns.is_none_or(|looked| now_ns.saturating_sub(looked) >= LOOK_NS) {
            self.looked_ns = Some(now_ns);
            self.devices = pci::devices(&self.sys);
        }
        if self.devices.is_empty() && !self.has_node() {
            self.leave(Phase::Closed { retry_ns: 0, why: None }, clock);
            return Err(Problem::absent("no NVIDIA device on the PCI bus"));
        }
        self.look_who_woke(now_ns);
        if !self.devices.is_empty() && self.slept.len() == self.devices.len() {
            self.leave(Phase::Closed { retry_ns: 0, why: None }, clock);
            self.patience = Patience::default();
            self.write_asleep(read);
            return Err(Problem::asleep("every NVIDIA device sleeps, and is left asleep"));
        }
        self.asleep_ns = None;
        if let Phase::LetGo { since_ns } = self.phase {
            if now_ns.saturating_sub(since_ns) < FALLING_ASLEEP_NS {
                return Err(Problem::asleep("let go, so that the devices may fall asleep"));
            }
            // Somebody else holds them.
            self.patience.lengthen();
            self.phase = Phase::Closed { retry_ns: 0, why: None };
        }
        if now_ns < self.rest_until_ns && matches!(self.phase, Phase::Open(_)) {
            read.tables.extend(self.kept.iter().cloned());
            return Ok(());
        }
        self.open(clock);
        let session = match &mut self.phase {
            Phase::Open(session) => session,
            Phase::Closed { why: Some(why), .. } => return Err(why.clone()),
            Phase::Closed { .. } | Phase::LetGo { .. } => {
                return Err(Problem::absent("the NVIDIA library is not open"));
            }
        };
        if session.is_unsettled() && now_ns.saturating_sub(session.learnt_ns) >= RETRY_NS {
            session.learn(&self.devices, clock);
        }
        let before_ns = session.driver_ns();
        let tables = session.read(&self.devices, &self.woken, &self.proc, read);
        let taken_ns = session.driver_ns().saturating_sub(before_ns);
        let looked_ns = std::mem::take(&mut session.rhythm.spent_ns);
        let each = |ns: u64| ns / session.devices.len().max(1) as u64;
        let (each_ns, all_ns) = (each(taken_ns), each(taken_ns + looked_ns));
        self.rest_until_ns = now_ns.saturating_add(all_ns.saturating_mul(DRIVER_SHARE));
        session.plan(read.demand().gpu_finely, now_ns, each_ns);
        self.seen = session
            .devices
            .iter()
            .map(|device| Seen { address: device.address.clone(), uuid: device.uuid.clone() })
            .collect();
        let (over, none) = (session.is_over(), session.devices.is_empty());
        // Eighty rows, of use to whoever looks at what the driver costs, and to nobody else.
        let wanted = read.demand().wants(FamilyId::GpuCall);
        let costs = wanted.then(|| costs(session, read));
        let given = read.tables.len();
        let [devices, processes] = tables;
        let alone = is_alone(&processes);
        read.give(devices, now_ns);
        read.give(processes, now_ns);
        if let Some(costs) = costs {
            read.give(costs, now_ns);
        }
        // The next reads give these again, if the driver is to be left alone.
        self.kept.clear();
        if self.rest_until_ns > now_ns + SHORTEST_NS {
            self.kept.extend_from_slice(read.tables.get(given..).unwrap_or(&[]));
        }
        if over {
            let problem = Problem::failing("the NVIDIA driver was unloaded or replaced")
                .hint("it is asked again every few seconds");
            self.leave(
                Phase::Closed { retry_ns: now_ns + RETRY_NS, why: Some(problem.clone()) },
                clock,
            );
            return Err(problem);
        }
        self.let_go(alone, clock);
        if none {
            return Err(Problem::absent("the NVIDIA driver knows of no device"));
        }
        Ok(())
    }
}

/// True if nobody else has anything on the devices.
fn is_alone(processes: &RawTable) -> bool {
    let own = u64::from(std::process::id());
    processes.keys().iter().all(|key| key.0 == own || key.0 == 0)
}

fn costs(session: &Session, read: &mut Read<'_>) -> RawTable {
    let mut table = read.table(FamilyId::GpuCall);
    for (name, present, cost) in session.library.symbols.costs() {
        let mut row = table.push(Key::named(name.as_bytes()));
        row.text(gpu_call::symbol, name)
            .text_if(gpu_call::refused_by, refused_by(session, name, false))
            .text_if(gpu_call::denied_by, refused_by(session, name, true))
            .set(gpu_call::present, present)
            .set(gpu_call::calls, cost.calls)
            .set(gpu_call::call_seconds, cost.total_ns)
            .set(gpu_call::median_seconds, cost.median_ns)
            .set(gpu_call::p99_seconds, cost.p99_ns)
            .set(gpu_call::worst_seconds, cost.worst_ns);
    }
    table
}

/// Numbers of the devices that refuse a call, which the driver has: for want of rights, or of the
/// thing itself.
fn refused_by(session: &Session, symbol: &str, denied: bool) -> Option<String> {
    let refuses = session.devices.iter().filter(|device| {
        device.refuses(symbol).is_some_and(|code| (code == NO_PERMISSION) == denied)
    });
    let numbers: Vec<String> = refuses
        .map(|device| device.index.map_or(device.uuid.clone(), |index| index.to_string()))
        .collect();
    (!numbers.is_empty()).then(|| numbers.join(" "))
}

#[cfg(test)]
mod tests;
