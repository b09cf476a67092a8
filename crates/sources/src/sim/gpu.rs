//! The graphics processors of a made-up machine: what each is, who is on it, and what that comes to.

use retop_model::family::{gpu, gpu_process};
use retop_model::{FamilyId, Key};

use super::flow::Flow;
use super::noise::smooth;
use super::population::Process;
use super::tables::give;
use super::world::World;
use crate::source::Read;

/// A graphics processor.
#[derive(Clone, Copy, Debug)]
pub struct Gpu {
    /// Identity.
    pub uuid: &'static str,
    /// Name.
    pub name: &'static str,
    /// PCI address.
    pub address: &'static str,
    /// Memory in bytes, and what the driver keeps of it.
    pub memory: (u64, u64),
    /// Milliwatts when idle, and that it is held to.
    pub milliwatts: (u64, u64),
    /// Programs on it.
    pub users: &'static [User],
}

/// A program on a graphics processor.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// Name of the program; its first process is meant.
    pub program: &'static str,
    /// What it holds of the memory.
    pub holds: Holds,
    /// Share of the device's time, in thousandths on average.
    pub busy: u64,
    /// Share of the cycles in which tensor cores work, in thousandths.
    pub tensor: u64,
}

/// How the memory that a program holds behaves.
#[derive(Clone, Copy, Debug)]
pub enum Holds {
    /// It stays.
    Always(u64),
    /// It rises from the first to the second in each of so many seconds, as training does.
    Turns(u64, u64, u64),
    /// It grows from a second of the script's period on by so much a second, and is given back
    /// when the period begins again.
    Leaks { base: u64, from: u64, by: u64 },
}

impl Holds {
    /// The most that it ever holds; a leak has no such limit of its own.
    fn highest(self) -> Option<u64> {
        match self {
            Holds::Always(bytes) | Holds::Turns(_, bytes, _) => Some(bytes),
            Holds::Leaks { .. } => None,
        }
    }

    fn bytes(self, second: u64, period: u64) -> u64 {
        match self {
            Holds::Always(bytes) => bytes,
            Holds::Turns(low, high, turn) => {
                let part = (second % turn.max(1)) * 1000 / turn.max(1);
                // A third of a step it waits for data; then it rises, and stays at its height.
                let risen = part.saturating_sub(300).saturating_mul(5).min(1000);
                low + (high - low) / 1000 * risen
            }
            Holds::Leaks { base, from, by } => {
                base + (second % period.max(1)).saturating_sub(from).saturating_mul(by)
            }
        }
    }
}

/// What a device does in a second.
struct Doing {
    used: u64,
    /// Shares in thousandths.
    busy: u64,
    tensor: u64,
}

fn doing(world: &World, place: usize, spec: &Gpu) -> Doing {
    let mut sum = Doing { used: spec.memory.0 / 4000, busy: 0, tensor: 0 };
    for (user, (_, bytes, busy)) in spec.users.iter().zip(on(world, place, spec)) {
        sum.used += bytes;
        sum.busy += busy;
        sum.tensor += user.tensor * busy / 1000;
    }
    let free = spec.memory.0.saturating_sub(spec.memory.1);
    Doing { used: sum.used.min(free), busy: sum.busy.min(1000), tensor: sum.tensor.min(1000) }
}

/// Who is on a device, with the bytes and the thousandths of time of each.
fn on<'a>(
    world: &'a World,
    place: usize,
    spec: &'a Gpu,
) -> impl Iterator<Item = (Option<&'a Process>, u64, u64)> + 'a {
    let taken = spec.users.iter().filter_map(|user| user.holds.highest()).sum::<u64>();
    let left = (spec.memory.0 - spec.memory.1 - spec.memory.0 / 4000).saturating_sub(taken);
    spec.users.iter().zip(0u64..).map(move |(user, number)| {
        let seed = (place as u64) << 8 | number;
        let of_program = |process: &&Process| {
            let program = world.population.programs.get(process.program);
            program.is_some_and(|program| program.name == user.program.as_bytes())
        };
        let process = world.population.processes.iter().find(of_program);
        let shiver = 850 + smooth(seed ^ 0x6b, world.second) * 3 / 10;
        let bytes = user.holds.bytes(world.second, world.spec.script.period);
        // Nobody gets more than the others leave at their highest.
        let bytes = bytes.min(user.holds.highest().unwrap_or(left));
        (process, bytes, user.busy * shiver / 1000)
    })
}

/// Begins a second: what each device draws in it.
pub fn next_second(world: &mut World) {
    let draws: Vec<u64> = (0..)
        .zip(&world.spec.gpus)
        .map(|(place, spec)| {
            let (idle, limit) = spec.milliwatts;
            idle + (limit - idle) * doing(world, place, spec).busy / 1000 * 9 / 10
        })
        .collect();
    world.gpu_energy.resize(draws.len(), Flow::default());
    for (energy, milliwatts) in world.gpu_energy.iter_mut().zip(draws) {
        energy.next(milliwatts);
    }
}

/// The devices, and the processes on them.
pub fn gpus(world: &World, read: &mut Read<'_>) {
    let key = |spec: &Gpu| gpu_process::device_key(spec.uuid.as_bytes());
    let cycles = read.demand().gpu_cycles;
    give(read, FamilyId::Gpu, |table| {
        for (place, spec) in world.spec.gpus.iter().enumerate() {
            let doing = doing(world, place, spec);
            let (total, kept) = spec.memory;
            let energy = world.gpu_energy.get(place).copied().unwrap_or_default();
            let mut row = table.push(key(spec));
            row.text(gpu::uuid, world.text(spec.uuid))
                .text(gpu::name, world.text(spec.name))
                .text(gpu::pci_address, world.text(spec.address))
                .text(gpu::driver, world.text("nvidia 580.95.05"))
                .set(gpu::index, place)
                .set(gpu::state, gpu::ACTIVE)
                .set(gpu::utilization_ratio, doing.busy / 10)
                .set(gpu::memory_busy_ratio, doing.busy * 6 / 100)
                .set(gpu::encoder_ratio, 0)
                .set(gpu::decoder_ratio, 0)
                .set(gpu::memory_total_bytes, total)
                .set(gpu::memory_reserved_bytes, kept)
                .set(gpu::memory_used_bytes, doing.used)
                .set(gpu::memory_free_bytes, total - kept - doing.used)
                .set(gpu::reading_watts, energy.rate())
                .set(gpu::energy_joules, energy.at(world.part))
                .set(gpu::limit_watts, spec.milliwatts.1)
                .set(gpu::temperature_celsius, 32 + doing.busy * 38 / 1000)
                .set(gpu::memory_temperature_celsius, 36 + doing.busy * 44 / 1000)
                .set(gpu::shader_hertz, (345 + doing.busy * 1635 / 1000) * 1_000_000)
                .set(gpu::memory_hertz, 2_619_000_000_u64)
                .set(gpu::shader_limit_hertz, 1_980_000_000_u64)
                .set(gpu::performance_state, 0)
                .set(gpu::pcie_generation, 5)
                .set(gpu::pcie_lanes, 16)
                .set(gpu::corrected_errors, 0)
                .set(gpu::uncorrected_errors, 0);
            if cycles {
                row.set(gpu::tensor_ratio, doing.tensor * 10)
                    .set(gpu::engine_ratio, doing.busy * 10)
                    .set(gpu::shader_ratio, doing.busy * 9)
                    .set(gpu::occupancy_ratio, doing.busy * 4)
                    .set(gpu::bandwidth_ratio, doing.busy * 6);
            }
        }
    });
    give(read, FamilyId::GpuProcess, |table| {
        for (place, spec) in world.spec.gpus.iter().enumerate() {
            for (process, bytes, busy) in on(world, place, spec) {
                let Some(process) = process else { continue };
                let Key(pid, _) = process.key();
                let start_us = super::tables_process::on_boot_clock(world, process.born_us);
                let number = u32::try_from(pid).unwrap_or(u32::MAX);
                let since = u64::try_from(start_us).ok();
                let mut row = table.push(gpu_process::key(number, since, key(spec)));
                row.text(gpu_process::uuid, world.text(spec.uuid));
                if let Some(name) = &process.texts[0] {
                    row.text(gpu_process::name, name.clone());
                }
                row.set(gpu_process::pid, pid)
                    .set(gpu_process::start_seconds, start_us)
                    .set(gpu_process::compute, true)
                    .set(gpu_process::graphics, false)
                    .set(gpu_process::memory_bytes, bytes)
                    .set(gpu_process::utilization_ratio, busy * 10)
                    .set(gpu_process::memory_busy_ratio, busy * 6);
            }
        }
    });
}
