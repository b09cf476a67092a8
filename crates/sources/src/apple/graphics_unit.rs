//! The graphics processor and the processes on it.

use std::sync::Arc;

use retop_model::family::{gpu, gpu_process, performance_state};
use retop_model::{FamilyId, Key, RawTable, Text};

use super::dvfs::Tables;
use super::graphics::{self, Accelerator};
use super::library::Library;
use super::performance::{microseconds, per_second};
use super::report::Subscription;
use super::shared::Shared;
use super::states::{self, Spent, State};
use super::{registry, system};
use crate::source::{Problem, Read};

/// A Mac of these chips has one, in the chip.
const IDENTITY: &str = "apple-gpu";

pub struct Graphics {
    library: Arc<Library>,
    shared: Arc<Shared>,
    unit: Option<Unit>,
}

struct Unit {
    boot_us: u64,
    residency: Option<Subscription>,
    before: Option<Spent>,
    /// Time on the processor by process at the last read, and when that was.
    spent: Vec<(u32, u64)>,
    spent_ns: Option<u64>,
}

impl Graphics {
    pub fn new(library: &Arc<Library>, shared: &Arc<Shared>) -> Graphics {
        Graphics { library: Arc::clone(library), shared: Arc::clone(shared), unit: None }
    }

    pub fn read(
        &mut self,
        tables: &Tables,
        watts: Option<f64>,
        shares: &mut RawTable,
        read: &mut Read<'_>,
        begin: u64,
    ) -> Result<(), Problem> {
        let library = Arc::clone(&self.library);
        let accelerators = registry::services(&library, "AGXAccelerator");
        // Several nodes may stand for one processor: the busiest tells.
        let nodes = accelerators
            .iter()
            .map(|entry| Accelerator::of(&entry.some(&["model", "PerformanceStatistics"])));
        let Some(accelerator) = nodes.max_by_key(|of| of.device_percent) else {
            let (devices, processes) =
                (read.table(FamilyId::Gpu), read.table(FamilyId::GpuProcess));
            read.give(devices, begin);
            read.give(processes, begin);
            return Err(Problem::absent("no AGXAccelerator in the registry"));
        };
        let unit = self.unit.get_or_insert_with(|| Unit::open(&library));
        let table = tables.of_gpu();
        let mut devices = read.table(FamilyId::Gpu);
        let mut row = devices.push(gpu_process::device_key(IDENTITY.as_bytes()));
        row.text(gpu::uuid, IDENTITY)
            .text_if(gpu::name, accelerator.model.clone())
            .text(gpu::driver, "AGX")
            .set(gpu::index, 0_u32)
            .set(gpu::state, gpu::ACTIVE)
            .set(gpu::memory_used_bytes, accelerator.used_bytes)
            .set(gpu::temperature_celsius, self.shared.gpu_celsius().map(|of| of.round() as i64))
            .set(gpu::shader_limit_hertz, table.map(|of| u64::from(of.highest()) * 1_000_000));
        let percent =
            |percent: Option<u64>| percent.and_then(|percent| i64::try_from(percent).ok());
        row.set(gpu::driver_ratio, percent(accelerator.device_percent))
            .set(gpu::renderer_ratio, percent(accelerator.renderer_percent))
            .set(gpu::tiler_ratio, percent(accelerator.tiler_percent));
        let (whole, spent) = unit.residency(table, shares).unzip();
        if let Some((of, rate)) = whole {
            row.set(gpu::whole_seconds, microseconds(of.whole, rate));
            if table.is_some() {
                row.set(gpu::low_seconds, microseconds(of.bands[0], rate))
                    .set(gpu::middle_seconds, microseconds(of.bands[1], rate))
                    .set(gpu::high_seconds, microseconds(of.bands[2], rate));
            }
        }
        let spent = spent.flatten();
        let busy = spent.filter(|spent| spent.whole > 0.0).map(|spent| spent.active / spent.whole);
        // The driver's own percentage jumps; it stands in where the states are not told.
        let busy = match busy {
            Some(busy) => Some((busy * 100.0).round() as i64),
            None if unit.residency.is_none() => percent(accelerator.device_percent),
            None => None,
        };
        row.set(gpu::utilization_ratio, busy)
            .set(gpu::shader_hertz, spent.and_then(Spent::hertz).map(|hertz| hertz as i64));
        row.set(gpu::reading_watts, watts.map(|watts| (watts * 1e3).round() as i64));
        read.give(devices, begin);
        self.processes(&accelerators, read, begin);
        Ok(())
    }

    fn processes(&mut self, accelerators: &[registry::Entry], read: &mut Read<'_>, begin: u64) {
        let Some(unit) = &mut self.unit else { return };
        let mut clients: Vec<graphics::Client> = Vec::new();
        for entry in accelerators.iter().flat_map(|entry| entry.children("IOService")) {
            let told = entry.some(&["IOUserClientCreator", "AppUsage"]);
            let Some(client) = graphics::client(&told) else { continue };
            match clients.iter_mut().find(|known| known.pid == client.pid) {
                Some(known) => {
                    known.nanoseconds = known.nanoseconds.saturating_add(client.nanoseconds)
                }
                None => clients.push(client),
            }
        }
        let passed_ns = unit
            .spent_ns
            .replace(begin)
            .map(|last| begin.saturating_sub(last))
            .filter(|&ns| ns > 0);
        let mut table = read.table(FamilyId::GpuProcess);
        let device = gpu_process::device_key(IDENTITY.as_bytes());
        for client in &clients {
            let before = unit.spent.iter().find(|(pid, _)| *pid == client.pid);
            // A client that closes takes its time away: nothing is known then.
            let grown = before.and_then(|(_, before)| client.nanoseconds.checked_sub(*before));
            let share = grown
                .zip(passed_ns)
                .map(|(grown, passed)| (grown as f64 / passed as f64 * 10_000.0).round() as i64);
            let start =
                i32::try_from(client.pid).ok().and_then(|pid| system::start_us(&self.library, pid));
            let start = start.map(|start| start.saturating_sub(unit.boot_us));
            table
                .push(gpu_process::key(client.pid, start, device))
                .text(gpu_process::uuid, IDENTITY)
                .text(gpu_process::name, Text::from(client.name.as_str()))
                .set(gpu_process::pid, client.pid)
                .set(gpu_process::start_seconds, start)
                .set(gpu_process::utilization_ratio, share);
        }
        unit.spent = clients.into_iter().map(|client| (client.pid, client.nanoseconds)).collect();
        read.give(table, begin);
    }
}

impl Unit {
    fn open(library: &Arc<Library>) -> Unit {
        let group = "GPU Performance States";
        let is_it = |name: &str| name == "GPUPH";
        Unit {
            boot_us: system::boot_us(library).unwrap_or(0),
            residency: Subscription::new(library, "GPU Stats", Some(group), is_it),
            before: None,
            spent: Vec::new(),
            spent_ns: None,
        }
    }

    /// Time in states since boot, with its ticks per second, and since the last read; each state goes
    /// into `shares`.
    fn residency(
        &mut self,
        table: Option<&super::dvfs::Table>,
        shares: &mut RawTable,
    ) -> Option<((Spent, f64), Option<Spent>)> {
        const DOMAIN: &str = "GPU";
        let of = self.residency.as_mut()?;
        if !of.sample() {
            self.before = None;
            return None;
        }
        let (channel, held) = of.channels.iter().zip(&of.held).next()?;
        let states: Vec<State> =
            channel.states.iter().map(|state| states::of_gpu(state, table)).collect();
        let spent = Spent::of(&states, &held.states, table);
        let rate = per_second(&channel.unit);
        for (place, (label, &ticks)) in channel.states.iter().zip(&held.states).enumerate() {
            let mhz = match states.get(place) {
                Some(State::Level(level)) => table.and_then(|of| of.mhz.get(*level)).copied(),
                _ => None,
            };
            shares
                .push(Key(Key::named(DOMAIN.as_bytes()).0, place as u64))
                .text(performance_state::domain, DOMAIN)
                .text(performance_state::state, label.as_str())
                .set(performance_state::index, place)
                .set(performance_state::frequency_hertz, mhz.map(|mhz| u64::from(mhz) * 1_000_000))
                .set(performance_state::residency_seconds, microseconds(ticks.max(0) as f64, rate))
                .set(performance_state::whole_seconds, microseconds(spent.whole, rate));
        }
        let before = self.before.replace(spent);
        Some(((spent, rate), before.and_then(|before| spent.since(before))))
    }
}
