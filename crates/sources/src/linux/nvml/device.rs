//! One device: what it is, and what it does now.

use std::path::Path;

use retop_model::Clock;
use retop_model::family::gpu;
use retop_model::{Key, RowMut};

use super::abi::*;
use super::cycles::Cycles;
use super::glance::Seen;
use super::health::{Health, Xids};
use super::library::{Library, Symbol, text};
use super::links::Links;
use super::parts::Place;
use super::processes::{Listed, Shares};
use crate::linux::due::is_due;
use crate::linux::occupant::Containers;
use crate::linux::parse;

/// How often what moves slowly is read: fan, link, temperature of the memory.
pub const SLOW_NS: u64 = 5_000_000_000;
/// How often what hardly ever moves is read: limits, counts of errors.
const RARE_NS: u64 = 60_000_000_000;

/// Parts of a period over which devices are spread.
const PHASES: u64 = 5;

/// A device that the driver has told of.
pub struct Device {
    pub handle: Handle,
    pub uuid: String,
    name: String,
    pub address: String,
    pub index: Option<u32>,
    /// What it does not have, or does not tell us: not asked for again.
    refused: Vec<(&'static str, Code)>,
    /// The driver has lost it; it is asked again whether it is back.
    pub lost: bool,
    slow: Slow,
    slow_ns: Option<u64>,
    rare: Rare,
    rare_ns: Option<u64>,
    pub shares: Shares,
    pub containers: Containers,
    /// Who shares it through a server (MPS), and when that was read.
    pub sharing: (Option<u64>, Option<Vec<Listed>>),
    pub cycles: Cycles,
    /// The last call that failed for a reason that may pass, and its code.
    pub trouble: Option<(&'static str, Code)>,
    /// Share of time in which it did anything, at the last read.
    pub busy: Option<u32>,
    /// What was seen since the last read.
    pub seen: Seen,
    /// Memory in use at the last read, and all that there is.
    pub used: Option<u64>,
    pub total: Option<u64>,
    /// It was said to have no memory of its own; and it uses that of the machine.
    without_memory: bool,
    unified: bool,
    /// It is divided (MIG), and into what.
    pub divided: bool,
    pub parts: Vec<Device>,
    /// Where it is, if it is such a part.
    pub place: Option<Place>,
    links: Links,
    health: Health,
    /// What the driver reported, if somebody listens.
    pub xids: Option<Xids>,
}

/// What is read every few seconds.
#[derive(Clone, Copy, Default)]
struct Slow {
    fan: Option<u32>,
    memory_temperature: Option<u64>,
    performance_state: Option<u32>,
    link_generation: Option<u32>,
    link_width: Option<u32>,
}

/// What is read every minute.
#[derive(Clone, Copy, Default)]
struct Rare {
    power_limit: Option<u32>,
    highest_clock: Option<u32>,
    corrected: Option<u64>,
    uncorrected: Option<u64>,
    replays: Option<u64>,
    bar1: Option<Bar1>,
}

/// Memory of a device, in bytes.
#[derive(Clone, Copy)]
struct Held {
    total: u64,
    /// What the driver keeps for itself, where it tells that apart from what is used.
    reserved: Option<u64>,
    free: u64,
    used: u64,
}

/// Numbers of fields for `nvmlDeviceGetFieldValues`.
mod field {
    pub const MEMORY_TEMPERATURE: u32 = 82;
    pub const POWER_CAPPED: u32 = 74;
    pub const PCIE_SENT: u32 = 197;
    pub const PCIE_RECEIVED: u32 = 198;
    pub const PCIE_REPLAYS: u32 = 94;

    /// Time held down by software for heat, by hardware for heat, by the power supply. The three
    /// got other numbers with driver 580.82.
    pub fn held_down(version: (u32, u32)) -> [u32; 3] {
        if version >= (580, 82) { [269, 270, 271] } else { [251, 252, 253] }
    }
}

/// A performance state that the driver does not know.
const NO_STATE: u32 = 32;
/// Which temperature: the core's is the only one that this call gives.
const CORE: u32 = 0;
/// Which clock.
const SHADER: u32 = 1;
const MEMORY: u32 = 2;
/// Errors since the driver was loaded.
const VOLATILE: u32 = 0;

impl Device {
    /// Learns what a device is.
    ///
    /// # Errors
    ///
    /// The code of a device that does not tell its identity.
    pub fn learn(library: &Library, clock: &dyn Clock, handle: Handle) -> Result<Device, Code> {
        let symbols = &library.symbols;
        let pci = symbols.pci.get(clock, handle, PciInfo::default());
        let address = pci.map_or_else(|_| String::new(), |pci| text(&pci.bus_id));
        let uuid = match symbols.uuid.text(clock, handle) {
            Ok(uuid) if !uuid.is_empty() => uuid,
            Err(code @ (GPU_IS_LOST | RESET_REQUIRED | NO_PERMISSION)) => return Err(code),
            _ if !address.is_empty() => address.clone(),
            Ok(_) => return Err(NOT_FOUND),
            Err(code) => return Err(code),
        };
        Ok(Device {
            handle,
            uuid,
            name: symbols.name.text(clock, handle).unwrap_or_default(),
            address,
            index: symbols.index.get(clock, handle, 0).ok(),
            refused: Vec::new(),
            lost: false,
            slow: Slow::default(),
            slow_ns: None,
            rare: Rare::default(),
            rare_ns: None,
            shares: Shares::default(),
            containers: Containers::default(),
            sharing: (None, None),
            cycles: Cycles::default(),
            trouble: None,
            busy: None,
            seen: Seen::default(),
            used: None,
            total: None,
            without_memory: false,
            unified: false,
            divided: false,
            parts: Vec::new(),
            place: None,
            links: Links::default(),
            health: Health::default(),
            xids: None,
        })
    }

    /// Takes over what may be another each time: handle and number.
    pub fn settle(&mut self, found: &Device) {
        (self.handle, self.index) = (found.handle, found.index);
    }

    /// Its key in the tables.
    pub fn key(&self) -> Key {
        retop_model::family::gpu_process::device_key(self.uuid.as_bytes())
    }

    /// What a call gives, unless the device is known not to have it.
    pub fn ask<F: Copy, T>(
        &mut self,
        symbol: &Symbol<F>,
        call: impl FnOnce(&Symbol<F>) -> Result<T, Code>,
    ) -> Option<T> {
        if self.lost || self.refuses(symbol.name).is_some() {
            return None;
        }
        match call(symbol) {
            Ok(value) => Some(value),
            Err(code) => {
                self.note(symbol.name, code);
                None
            }
        }
    }

    /// Remembers why a call gave nothing.
    pub fn note(&mut self, symbol: &'static str, code: Code) {
        match code {
            NOT_SUPPORTED | NO_PERMISSION | FUNCTION_NOT_FOUND | ARGUMENT_VERSION_MISMATCH => {
                self.refused.push((symbol, code));
            }
            GPU_IS_LOST | RESET_REQUIRED => {
                self.lost = true;
                self.trouble = Some((symbol, code));
            }
            code => self.trouble = Some((symbol, code)),
        }
    }

    /// With what code it refused, if it was asked once and does not have it.
    pub fn refuses(&self, symbol: &str) -> Option<Code> {
        self.refused.iter().find(|(name, _)| *name == symbol).map(|&(_, code)| code)
    }

    /// What was refused is asked for once more: it may be another device by now.
    pub fn forget_refusals(&mut self) {
        self.refused.clear();
        self.shares = Shares::default();
        (self.slow_ns, self.rare_ns) = (None, None);
        self.sharing = (None, None);
    }

    /// Reads it into its row. `wanted` says whether cycles are: they disturb other profilers.
    pub fn read(
        &mut self,
        library: &Library,
        clock: &dyn Clock,
        (wanted, proc): (bool, &Path),
        row: &mut RowMut<'_>,
    ) {
        let (symbols, handle) = (&library.symbols, self.handle);
        self.trouble = None;
        if self.lost {
            // One cheap call tells whether it is back.
            match symbols.utilization.get(clock, handle, Utilization::default()) {
                Err(code @ (GPU_IS_LOST | RESET_REQUIRED)) => {
                    self.trouble = Some((symbols.utilization.name, code));
                }
                _ => self.lost = false,
            }
        }
        self.identify(&library.driver, row);
        if let Some(xids) = self.xids {
            row.set(gpu::xids, xids.count).set(gpu::last_xid, xids.last);
        }
        self.used = None;
        self.busy = None;
        if self.lost {
            return;
        }
        let utilization = self.utilization(library, clock);
        self.busy = utilization.and_then(|shares| percent(shares.gpu));
        row.set(gpu::utilization_ratio, self.busy)
            .set(gpu::memory_busy_ratio, utilization.and_then(|shares| percent(shares.memory)));
        self.memory(library, clock, row);
        self.seen.add(self.busy, self.used);
        self.seen.write(row);
        if self.unified {
            self.machines_memory(proc, row);
        }
        row.set(gpu::reading_watts, self.ask(&symbols.power, |s| s.get(clock, handle, 0)))
            .set(gpu::energy_joules, self.ask(&symbols.energy, |s| s.get(clock, handle, 0)))
            .set(
                gpu::temperature_celsius,
                self.ask(&symbols.temperature, |s| s.choose(clock, handle, CORE)),
            )
            .set(gpu::shader_hertz, self.megahertz(&symbols.clock, clock, SHADER))
            .set(gpu::memory_hertz, self.megahertz(&symbols.clock, clock, MEMORY))
            .set(
                gpu::encoder_ratio,
                self.ask(&symbols.encoder, |s| s.first(clock, handle)).and_then(percent),
            )
            .set(
                gpu::decoder_ratio,
                self.ask(&symbols.decoder, |s| s.first(clock, handle)).and_then(percent),
            );
        self.reasons(library, clock, row);
        self.counters(library, clock, row);
        self.rare(library, clock, row);
        self.slow(library, clock, row);
        if wanted && !self.divided {
            self.read_cycles(library, clock, row);
        }
        // What was lost halfway shows nothing that was read before.
        if self.lost {
            row.set(gpu::state, gpu::LOST);
        }
    }

    /// Reads shares of cycles.
    pub fn read_cycles(&mut self, library: &Library, clock: &dyn Clock, row: &mut RowMut<'_>) {
        let mut cycles = std::mem::take(&mut self.cycles);
        cycles.read(self, library, clock, row);
        self.cycles = cycles;
    }

    /// Writes what it is.
    pub fn identify(&self, driver: &str, row: &mut RowMut<'_>) {
        row.text(gpu::uuid, self.uuid.as_str())
            .text(gpu::name, self.name.as_str())
            .text(gpu::pci_address, self.address.as_str())
            .text(gpu::driver, driver)
            .set(gpu::index, self.index)
            .set(gpu::state, if self.lost { gpu::LOST } else { gpu::ACTIVE });
    }

    fn megahertz(
        &mut self,
        symbol: &Symbol<super::library::Chooser<u32>>,
        clock: &dyn Clock,
        which: u32,
    ) -> Option<u64> {
        let handle = self.handle;
        let megahertz = self.ask(symbol, |s| s.choose(clock, handle, which))?;
        Some(u64::from(megahertz) * 1_000_000)
    }

    /// Looks at it between two reads.
    pub fn look(&mut self, library: &Library, clock: &dyn Clock) {
        let utilization = self.utilization(library, clock);
        let memory = if self.unified { None } else { self.held(library, clock) };
        let percent = utilization.and_then(|shares| percent(shares.gpu));
        self.seen.add(percent, memory.map(|memory| memory.used));
    }

    fn utilization(&mut self, library: &Library, clock: &dyn Clock) -> Option<Utilization> {
        let handle = self.handle;
        self.ask(&library.symbols.utilization, |s| s.get(clock, handle, Utilization::default()))
    }

    /// Reads memory into its row.
    pub fn memory(&mut self, library: &Library, clock: &dyn Clock, row: &mut RowMut<'_>) {
        let Some(memory) = self.held(library, clock) else { return };
        (self.used, self.total) = (Some(memory.used), Some(memory.total));
        row.set(gpu::memory_total_bytes, memory.total)
            .set(gpu::memory_reserved_bytes, memory.reserved)
            .set(gpu::memory_used_bytes, memory.used)
            .set(gpu::memory_free_bytes, memory.free);
    }

    /// Memory by the second version of the call, which tells what the driver keeps apart from what
    /// is used; else by the first, which does not.
    fn held(&mut self, library: &Library, clock: &dyn Clock) -> Option<Held> {
        let (symbols, handle) = (&library.symbols, self.handle);
        self.unified = false;
        let empty =
            MemoryV2 { version: versioned::<MemoryV2>(2), total: 0, reserved: 0, free: 0, used: 0 };
        let second = self.ask(&symbols.memory_v2, |s| s.get(clock, handle, empty));
        let held = match second {
            Some(MemoryV2 { total, reserved, free, used, .. }) => {
                Held { total, reserved: Some(reserved), free, used }
            }
            None => {
                // A board that shares the machine's memory has neither call, or says 0.
                let mut code = SUCCESS;
                let asked = self.ask(&symbols.memory, |symbol| {
                    let answer = symbol.get(clock, handle, Memory::default());
                    code = answer.err().unwrap_or(SUCCESS);
                    answer
                });
                self.without_memory |= code == NOT_SUPPORTED;
                let Some(Memory { total, free, used }) = asked else {
                    self.unified = self.without_memory;
                    return None;
                };
                Held { total, reserved: None, free, used }
            }
        };
        self.unified = held.total == 0;
        (held.total > 0 && held.used <= held.total).then_some(held)
    }

    /// What the machine has is what such a board has.
    fn machines_memory(&mut self, proc: &Path, row: &mut RowMut<'_>) {
        let text = std::fs::read(proc.join("meminfo")).unwrap_or_default();
        let bytes = |name: &[u8]| {
            let mut lines = text.split(|&byte| byte == b'\n');
            let line = lines.find_map(|line| line.strip_prefix(name))?;
            parse::decimal(line.trim_ascii().strip_suffix(b" kB")?)?.checked_mul(1024)
        };
        let (Some(total), Some(free)) = (bytes(b"MemTotal:"), bytes(b"MemAvailable:")) else {
            return;
        };
        let used = total.saturating_sub(free);
        // What of it nobody on the device holds is no matter of the device.
        self.total = Some(total);
        row.set(gpu::unified, true)
            .set(gpu::memory_total_bytes, total)
            .set(gpu::memory_used_bytes, used)
            .set(gpu::memory_free_bytes, free);
    }

    /// Why clocks are held down now. Before driver 535 the call has another name. That the hardware
    /// slows down (8) is said beside what makes it: heat, or the power supply.
    fn reasons(&mut self, library: &Library, clock: &dyn Clock, row: &mut RowMut<'_>) {
        const POWER: u64 = 0x4 | 0x80;
        const HEAT: u64 = 0x20 | 0x40;
        let (symbols, handle) = (&library.symbols, self.handle);
        let newer = symbols.reasons.is_there();
        let symbol = if newer { &symbols.reasons } else { &symbols.old_reasons };
        let reasons = self.ask(symbol, |s| s.get(clock, handle, 0));
        let any = |bits| reasons.map(|reasons| u32::from(reasons & bits != 0));
        row.set(gpu::power_capped, any(POWER)).set(gpu::heat_capped, any(HEAT));
    }

    /// Counters, read at each tick so that their rates are those of the interval.
    fn counters(&mut self, library: &Library, clock: &dyn Clock, row: &mut RowMut<'_>) {
        let [thermal, hardware, brake] = field::held_down(library.version);
        let mut values =
            [field::POWER_CAPPED, thermal, hardware, brake, field::PCIE_SENT, field::PCIE_RECEIVED]
                .map(|id| FieldValue { id, ..FieldValue::default() });
        self.fields(library, clock, &mut values);
        row.set(gpu::power_capped_seconds, values[0].whole())
            .set(gpu::thermal_seconds, values[1].whole())
            .set(gpu::hardware_thermal_seconds, values[2].whole())
            .set(gpu::power_brake_seconds, values[3].whole())
            .set(gpu::pcie_sent_bytes, values[4].whole())
            .set(gpu::pcie_received_bytes, values[5].whole());
    }

    /// Asks for fields, each of which gets a code of its own. Answers stand where the questions
    /// stood; the numbers in them may be translated ones.
    pub fn fields(&mut self, library: &Library, clock: &dyn Clock, values: &mut [FieldValue]) {
        let handle = self.handle;
        // What is not written to tells nothing.
        values.iter_mut().for_each(|value| value.code = NO_DATA);
        let count = i32::try_from(values.len()).unwrap_or(0);
        let answered = self.ask(&library.symbols.fields, |symbol| {
            // SAFETY: the library writes into as many fields as it is told that there are.
            symbol.call(clock, |function| unsafe { function(handle, count, values.as_mut_ptr()) })
        });
        if answered.is_none() {
            values.iter_mut().for_each(|value| value.code = NO_DATA);
        }
    }

    /// When it counts as read: now, and the first time a part of the period ago, another one for
    /// each device, so that not all of them are asked in one go ever after.
    fn spread(&self, last_ns: Option<u64>, now_ns: u64, period_ns: u64) -> u64 {
        let place = u64::from(self.index.unwrap_or(0)) % PHASES;
        match last_ns {
            Some(_) => now_ns,
            None => now_ns.saturating_sub(period_ns / PHASES * place),
        }
    }

    fn slow(&mut self, library: &Library, clock: &dyn Clock, row: &mut RowMut<'_>) {
        let now_ns = clock.monotonic_ns();
        if is_due(self.slow_ns, now_ns, SLOW_NS) {
            self.slow_ns = Some(self.spread(self.slow_ns, now_ns, SLOW_NS));
            let (symbols, handle) = (&library.symbols, self.handle);
            let mut memory =
                [FieldValue { id: field::MEMORY_TEMPERATURE, ..FieldValue::default() }];
            self.fields(library, clock, &mut memory);
            let mut links = self.links;
            links.look(self, library, clock);
            self.links = links;
            self.slow = Slow {
                fan: self.ask(&symbols.fan, |s| s.get(clock, handle, 0)).and_then(percent),
                memory_temperature: memory[0].whole(),
                performance_state: self
                    .ask(&symbols.performance_state, |s| s.get(clock, handle, 0))
                    .filter(|&state| state < NO_STATE),
                link_generation: self.ask(&symbols.link_generation, |s| s.get(clock, handle, 0)),
                link_width: self.ask(&symbols.link_width, |s| s.get(clock, handle, 0)),
            };
        }
        row.set(gpu::fan_ratio, self.slow.fan)
            .set(gpu::memory_temperature_celsius, self.slow.memory_temperature)
            .set(gpu::performance_state, self.slow.performance_state)
            .set(gpu::pcie_generation, self.slow.link_generation)
            .set(gpu::pcie_lanes, self.slow.link_width);
        let links = self.links;
        links.write(self, library, clock, row);
    }

    fn rare(&mut self, library: &Library, clock: &dyn Clock, row: &mut RowMut<'_>) {
        let now_ns = clock.monotonic_ns();
        if is_due(self.rare_ns, now_ns, RARE_NS) {
            self.rare_ns = Some(self.spread(self.rare_ns, now_ns, RARE_NS));
            self.health = Health::learn(self, library, clock);
            // How many are up is looked at more often, and known until then.
            self.links = Links::learn(self, library, clock).known(self.links);
            let mut replays = [FieldValue { id: field::PCIE_REPLAYS, ..FieldValue::default() }];
            self.fields(library, clock, &mut replays);
            let (symbols, handle) = (&library.symbols, self.handle);
            let errors = |kind| {
                move |symbol: &Symbol<unsafe extern "C" fn(Handle, u32, u32, *mut u64) -> Code>| {
                    let mut count = 0;
                    symbol.call(clock, |function| {
                        // SAFETY: the library writes one number.
                        unsafe { function(handle, kind, VOLATILE, &raw mut count) }
                    })?;
                    Ok(count)
                }
            };
            self.rare = Rare {
                power_limit: self.ask(&symbols.power_limit, |s| s.get(clock, handle, 0)),
                highest_clock: self
                    .ask(&symbols.highest_clock, |s| s.choose(clock, handle, SHADER)),
                corrected: self.ask(&symbols.ecc_errors, errors(0)),
                uncorrected: self.ask(&symbols.ecc_errors, errors(1)),
                replays: replays[0].whole(),
                bar1: self.ask(&symbols.bar1, |s| s.get(clock, handle, Bar1::default())),
            };
        }
        let hertz = self.rare.highest_clock.map(|megahertz| u64::from(megahertz) * 1_000_000);
        row.set(gpu::limit_watts, self.rare.power_limit)
            .set(gpu::shader_limit_hertz, hertz)
            .set(gpu::pcie_replays, self.rare.replays)
            .set(gpu::corrected_errors, self.rare.corrected)
            .set(gpu::uncorrected_errors, self.rare.uncorrected);
        if let Some(bar1) = self.rare.bar1.filter(|bar1| bar1.used <= bar1.total) {
            row.set(gpu::visible_total_bytes, bar1.total).set(gpu::visible_used_bytes, bar1.used);
        }
        self.health.write(row);
    }
}

/// A share in whole percent. Drivers have written 4294967295 here.
pub fn percent(value: u32) -> Option<u32> {
    (value <= 100).then_some(value)
}
