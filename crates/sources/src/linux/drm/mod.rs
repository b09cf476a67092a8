//! Graphics and neural processors of every maker whose driver is one of the kernel's DRM and accel
//! classes: AMD, Intel, and those of boards. NVIDIA's own driver has a source of its own.
//!
//! Asleep first: which devices there are and whether they sleep is read from what the kernel
//! remembers. A device that sleeps is not touched: no attribute of it, no file of its clients.
//!
//! A driver may wait for its firmware, or hang in it, so all of this runs on a thread of its own.

mod amdgpu;
mod asked;
mod clients;
mod device;
mod dpm;
mod fdinfo;
mod gpu_metrics;
mod holders;
mod intel;
mod kfd;
mod names;
mod pmu;
mod refused;
mod rest;
mod rows;
mod told;
mod vpu;

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use retop_model::family::{gpu, gpu_process};
use retop_model::{Clock, FamilyId, Key, RowMut};

use self::asked::Asked;
use self::clients::{Clients, Memory, Use, Work, add_all};
use self::device::{Classes, Device};
use self::fdinfo::Fdinfo;
use self::holders::Holders;
use self::kfd::Kfd;
use self::pmu::{Counts, Pmu};
use self::rest::{May, Rest};
use self::rows::Seen;
use self::told::{Driver, Missing, Told};
use super::occupant::{Containers, is_first};
use super::waker::Woken;
use super::{file, perf, sysfs};
use crate::roots::Roots;
use crate::source::{Pace, Problem, Read, Source};

/// Files in which drivers tell how busy a device is.
const BUSY: [&str; 2] = ["gpu_busy_percent", "npu_busy_time_us"];

/// What a client's file has at most; a few hundred bytes are usual.
const LONGEST_FILE: u64 = 64 << 10;

/// Reads every device of the two classes.
pub struct Drm {
    sys: PathBuf,
    proc: PathBuf,
    base: PathBuf,
    classes: Classes,
    devices: Vec<Watched>,
    holders: Holders,
    clients: Clients,
    kfd: Kfd,
    containers: Containers,
    /// Counters of engines; only on the real machine.
    pmu: Option<Box<dyn Counts>>,
    buffer: Vec<u8>,
}

/// A device with what is known of it from read to read.
struct Watched {
    device: Device,
    key: Key,
    index: usize,
    name: Option<String>,
    driver: Driver,
    rest: Rest,
    /// Who woke it, since it was seen to sleep.
    woken: Option<Woken>,
    /// Whether the driver has said of the whole device how busy it is.
    tells_busy: bool,
    /// It, or a client of it, has told anything at all.
    tells: bool,
    /// When its core had spent so many milliseconds without power.
    idle: Option<(u64, i64)>,
}

/// A device whose core had no power for this share of the time does nothing.
const IDLE_SHARE: f64 = 0.98;

impl Drm {
    /// The devices of the machine under `roots`.
    pub fn new(roots: &Roots) -> Drm {
        Drm {
            sys: roots.sys.clone(),
            proc: roots.proc.clone(),
            base: roots.base.clone(),
            classes: Classes::new(&roots.sys),
            devices: Vec::new(),
            holders: Holders::default(),
            clients: Clients::default(),
            kfd: Kfd::new(&roots.sys),
            containers: Containers::default(),
            pmu: roots
                .is_real()
                .then(|| Box::new(Pmu::new(perf::System, &roots.sys)) as Box<dyn Counts>),
            buffer: Vec::new(),
        }
    }

    /// Learns the devices anew if any came or went.
    fn discover(&mut self) {
        if !self.classes.changed() {
            return;
        }
        // NVIDIA's come first, in the numbers of their own driver.
        let others = sysfs::names(&self.sys.join("bus/pci/drivers/nvidia")).unwrap_or_default();
        let others = others.iter().filter(|name| name.contains(':')).count();
        let mut before = std::mem::take(&mut self.devices);
        for (place, device) in self.classes.devices().into_iter().enumerate() {
            let index = others + place;
            let known = before.iter().position(|known| known.device == device);
            self.devices.push(match known.map(|place| before.swap_remove(place)) {
                Some(known) => Watched { index, ..known },
                None => Watched {
                    key: gpu_process::device_key(device.address.as_bytes()),
                    index,
                    name: device.ids.name(&self.base, &device.driver),
                    driver: Driver::of(&device),
                    rest: Rest::default(),
                    woken: None,
                    tells_busy: false,
                    tells: device.tells(),
                    idle: None,
                    device,
                },
            });
        }
        self.kfd.learn(self.devices.iter().map(|watched| &watched.device));
        self.holders.forget();
    }

    /// Counts the engines of devices that may be read, and lets go of the others.
    fn count(&mut self, seen: &mut [Seen], read: &mut Read<'_>) {
        let Some(pmu) = &mut self.pmu else { return };
        for (watched, seen) in self.devices.iter().zip(seen) {
            if !matches!(watched.driver, Driver::I915 | Driver::Xe) {
                continue;
            }
            if seen.may != May::Read {
                pmu.close(watched.key);
                continue;
            }
            match pmu.read(&watched.device, watched.key, read.now_ns()) {
                Ok(counted) => seen.counted = counted,
                Err(problem) => {
                    let part = format!("drm/perf {}", watched.device.address);
                    read.report(part, "utilization_ratio", Some(problem));
                }
            }
        }
    }

    /// Reads what is told of the clients of devices that may be read, by process and device.
    fn uses(&mut self, seen: &mut [Seen], clock: &dyn Clock) -> BTreeMap<(u32, usize), Use> {
        let mut uses = BTreeMap::new();
        self.holders.look(&self.proc, || clock.monotonic_ns());
        self.clients.begin();
        for holder in &self.holders.found {
            let folder = self.proc.join(holder.pid.to_string()).join("fdinfo");
            for (number, node) in &holder.open {
                let of = |watched: &Watched| watched.device.nodes.contains(node);
                let Some(place) = self.devices.iter().position(of) else { continue };
                let (Some(watched), Some(seen)) = (self.devices.get(place), seen.get_mut(place))
                else {
                    continue;
                };
                if seen.may != May::Read {
                    continue;
                }
                let filled = fill(&mut self.buffer, &folder.join(number.to_string()));
                let name = || format!("fdinfo/{number} of process {}", holder.pid);
                if seen.unread.note(name, filled).is_none() {
                    continue;
                }
                let at_ns = clock.monotonic_ns();
                let Some(info) = Fdinfo::parse(&self.buffer) else {
                    seen.silent += 1;
                    continue;
                };
                // The number may be that of another file by now.
                let address = watched.device.address.as_bytes();
                if info.device.is_some_and(|told| told != address) {
                    continue;
                }
                seen.silent += usize::from(info.is_silent());
                let key = match info.client {
                    Some(client) => (watched.key, client),
                    // Without a number of its own each opening is taken for a client.
                    None => {
                        let opening = u64::from(holder.pid) << 32 | u64::from(*number);
                        (Key(watched.key.0, 1), opening)
                    }
                };
                let memory = Memory::of(&info, seen.told.unified);
                let by: &mut Use = uses.entry((holder.pid, place)).or_default();
                let counts = self.clients.take(key, &info, at_ns, (by, &mut seen.work), &memory);
                if counts {
                    seen.clients += 1;
                    seen.hold(&memory);
                    seen.tells |= !info.engines.is_empty() || !info.regions.is_empty();
                }
            }
        }
        self.clients.end();
        for program in
            self.kfd.programs(|place| seen.get(place).is_some_and(|seen| seen.may == May::Read))
        {
            let by: &mut Use = uses.entry((program.pid, program.place)).or_default();
            by.computes = true;
            by.evicted_ms = program.evicted_ms;
            // The same memory, where the driver tells it of the client too.
            by.memory.held = by.memory.held.max(program.bytes);
        }
        uses
    }
}

impl Watched {
    fn identify(&self, row: &mut RowMut<'_>) {
        let device = &self.device;
        row.text(gpu::uuid, device.address.as_str())
            .text_if(gpu::name, self.name.as_deref())
            .text(gpu::pci_address, device.address.as_str())
            .text(gpu::driver, device.driver_text.as_str())
            .set(gpu::index, self.index)
            .set(gpu::kind, if device.neural { gpu::NEURAL } else { gpu::GRAPHICS })
            .set(gpu::suspended_seconds, device.suspended_ms());
    }

    /// Reads the device itself.
    fn read(&mut self, proc: &Path, now_ns: u64, row: &mut RowMut<'_>) -> Seen {
        self.identify(row);
        let slept = self.rest.is_asleep();
        let may = self.rest.before(self.device.sleeps(), now_ns);
        if matches!(may, May::Sleeps(_)) {
            self.woken = None;
        } else if slept {
            let device = &self.device;
            self.woken = Some(Woken::now(proc, now_ns, |target| device.is_node(target)));
        }
        if let Some(woken) = &self.woken {
            woken.write(now_ns, row);
        }
        let mut refused = None;
        let told = match may {
            May::Sleeps(for_ns) => {
                row.set(gpu::state, gpu::ASLEEP).set(gpu::asleep_seconds, for_ns / 1_000_000);
                Told::default()
            }
            May::LetGo => {
                row.set(gpu::state, gpu::ACTIVE);
                Told::default()
            }
            May::Read => {
                row.set(gpu::state, gpu::ACTIVE);
                let asked = Asked::new(&self.device);
                let told = self.driver.read(&asked, now_ns, row);
                refused = asked.problem();
                self.tells_busy |=
                    told.busy.is_some() || BUSY.iter().any(|name| asked.has_refused(name));
                told
            }
        };
        Seen { may, told, refused, tells_busy: self.tells_busy, ..Seen::default() }
    }

    /// After a read: whether it did anything, as far as can be told.
    fn settle(&mut self, seen: &Seen, busy: Option<u64>, now_ns: u64) {
        let last = std::mem::replace(&mut self.idle, seen.told.idle_ms.map(|ms| (now_ns, ms)));
        let rested = || {
            let ((then_ns, then_ms), now_ms) = (last?, seen.told.idle_ms?);
            let passed_ms = now_ns.checked_sub(then_ns)? as f64 / 1e6;
            Some(now_ms.checked_sub(then_ms)? as f64 >= passed_ms * IDLE_SHARE)
        };
        let works = seen.work.most().is_some_and(|share| share > 0.0);
        let idle = !works
            && seen.told.video.unwrap_or(0) == 0
            && busy.map_or_else(|| rested() == Some(true), |busy| busy == 0);
        self.rest.after(idle, self.device.may_sleep(), now_ns);
    }

    /// How it stands with it, for the doctor.
    fn problem(&self, may: May) -> Option<Problem> {
        let address = &self.device.address;
        match may {
            May::Read if !self.tells => Some(Problem::absent(format!(
                "{address}: {} tells nothing of it or of its clients",
                self.device.driver
            ))),
            May::Read => None,
            May::Sleeps(_) => Some(
                Problem::asleep(format!("{address}: suspended; reading would wake it"))
                    .hint("it is shown again as soon as something uses it"),
            ),
            May::LetGo => Some(Problem::asleep(format!(
                "{address}: idle; not read, so that it may fall asleep"
            ))),
        }
    }
}

/// Fills the buffer with the file of a client.
fn fill(buffer: &mut Vec<u8>, path: &Path) -> io::Result<()> {
    buffer.clear();
    file::open(path)?.take(LONGEST_FILE).read_to_end(buffer).map(drop)
}

impl Source for Drm {
    fn name(&self) -> &'static str {
        "drm"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Gpu, FamilyId::GpuProcess]
    }

    fn pace(&self) -> Pace {
        Pace::Apart(Duration::from_secs(1))
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        let (clock, begin_ns) = (read.clock(), read.now_ns());
        self.discover();
        if self.devices.is_empty() {
            return Err(Problem::absent(format!(
                "no device with a render node in {}, none in {}",
                self.sys.join("class/drm").display(),
                self.sys.join("class/accel").display()
            )));
        }
        let mut table = read.table(FamilyId::Gpu);
        let mut seen: Vec<Seen> = Vec::with_capacity(self.devices.len());
        for watched in &mut self.devices {
            let mut row = table.push(watched.key);
            seen.push(watched.read(&self.proc, clock.monotonic_ns(), &mut row));
        }
        let awake = seen.iter().any(|seen| seen.may == May::Read);
        let silent = |watched: &Watched| !watched.tells_busy;
        let wanted = read.demand().wants(FamilyId::GpuProcess) || self.devices.iter().any(silent);
        let uses = if awake && wanted { self.uses(&mut seen, clock) } else { BTreeMap::new() };
        self.count(&mut seen, read);
        let hidden = self.holders.hidden.len();
        // Within a container others use the device unseen.
        let inside = is_first(&self.proc) == Some(false);
        let whole = self.holders.unlisted.is_none() && hidden == 0 && !inside;
        for (place, (watched, seen)) in self.devices.iter_mut().zip(&seen).enumerate() {
            let Some(mut row) = table.row_mut(place).filter(|_| seen.may == May::Read) else {
                continue;
            };
            let on_it = uses.iter().filter(|((_, on), _)| *on == place);
            let evicted = add_all(on_it.map(|(_, by)| by.memory.evicted));
            let used = uses.keys().any(|&(_, on)| on == place);
            let all = wanted && whole && (seen.clients > 0 || !used);
            let busy = rows::complete(seen, evicted, all, &mut row);
            watched.settle(seen, busy, clock.monotonic_ns());
            watched.tells |= seen.tells;
        }
        let mut processes = read.table(FamilyId::GpuProcess);
        let on = (self.devices.as_slice(), seen.as_slice());
        let who = (self.proc.as_path(), &self.holders);
        rows::write_processes(&uses, on, who, &mut self.containers, &mut processes);
        let silent = self.devices.iter().enumerate().filter(|(_, watched)| !watched.tells);
        let silent: Vec<usize> = silent.map(|(place, _)| place).collect();
        table.splice(&silent, &[]);
        read.give(table, begin_ns);
        read.give(processes, begin_ns);
        self.report(&seen, inside, read);
        if silent.len() == self.devices.len() {
            return Err(Problem::absent("no device of which a driver tells anything"));
        }
        let sleeps = |seen: &Seen| matches!(seen.may, May::Sleeps(_));
        if seen.iter().all(sleeps) {
            return Err(Problem::asleep("every device sleeps, and is left asleep"));
        }
        Ok(())
    }
}

impl Drm {
    /// A line for each device, and for what is missing of it.
    fn report(&self, seen: &[Seen], inside: bool, read: &mut Read<'_>) {
        for (watched, seen) in self.devices.iter().zip(seen) {
            let Device { driver, address, .. } = &watched.device;
            let problem = watched.problem(seen.may);
            read.report(format!("drm/{driver} {address}"), "gpus", problem);
            if let Some(Missing { part, feeds, problem }) = &seen.told.missing {
                read.report(format!("drm/{part} {address}"), *feeds, Some(problem.clone()));
            }
            if let Some(refused) = &seen.refused {
                read.report(format!("drm/files {address}"), "gpus", Some(refused.clone()));
            }
            let silent = || {
                let openings = match seen.silent {
                    0 => return None,
                    _ if !watched.tells => return None,
                    1 => "an opening".to_owned(),
                    count => format!("{count} openings"),
                };
                let reason = format!("{address}: {driver} tells nothing of {openings} of it");
                Some(
                    Problem::absent(reason)
                        .hint("a newer kernel: amdgpu and i915 tell since 5.19, xe since 6.11"),
                )
            };
            if let Some(problem) = seen.unread.problem(address).or_else(silent) {
                let part = format!("drm/clients {address}");
                read.report(part, "gpu_processes utilization_ratio", Some(problem));
            }
        }
        let hidden = self.holders.hidden.len();
        let unseen = if hidden > 0 {
            let problem = Problem::denied(match hidden {
                1 => "what another user's process does on a device may not be read".to_owned(),
                _ => format!("what {hidden} processes of others do on a device may not be read"),
            })
            .hint(super::AS_ROOT);
            Some(problem)
        } else if inside {
            let reason = "what processes outside this container do on a device cannot be seen";
            Some(Problem::denied(reason).hint("run it outside, or with the host's processes"))
        } else {
            None
        };
        if let Some(problem) = self.holders.unlisted.clone().or(unseen) {
            read.report("drm/processes", "gpu_processes utilization_ratio", Some(problem));
        }
    }
}

/// A client's file from outside, and what follows from it.
pub fn fuzz_fdinfo(text: &[u8]) {
    let Some(info) = Fdinfo::parse(text) else { return };
    let (mut clients, mut by, mut work) = (Clients::default(), Use::default(), Work::default());
    for (at_ns, unified) in [(1, false), (2, true)] {
        clients.begin();
        let memory = Memory::of(&info, unified);
        clients.take((Key::ONE, 0), &info, at_ns, (&mut by, &mut work), &memory);
        clients.end();
    }
}

/// The firmware's table from outside.
pub fn fuzz_gpu_metrics(table: &[u8]) {
    let _ = gpu_metrics::Metrics::parse(table);
}

/// Levels of a clock from outside.
pub fn fuzz_levels(text: &[u8]) {
    let _ = dpm::levels(text);
}

#[cfg(test)]
mod tests;
