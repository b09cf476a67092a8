//! The tables of a made-up machine's processes, threads and control groups.

use retop_model::family::{cgroup, process, thread};
use retop_model::{FamilyId, Key};

use super::population::Process;
use super::program::Program;
use super::tables::give;
use super::world::World;
use crate::demand::Rows;
use crate::source::Read;

/// Processes, and the threads of those that somebody looks into.
pub fn processes(world: &World, read: &mut Read<'_>) {
    let wanted = &read.demand().processes;
    give(read, FamilyId::Process, |table| {
        for one in &world.population.processes {
            let Some(program) = world.population.programs.get(one.program) else { continue };
            let mut row = table.push(one.key());
            for (place, (cell, text)) in row.texts().iter_mut().zip(&one.texts).enumerate() {
                // The name is part of the one cheap read; the other texts are not.
                if place == 0 || wanted.texts {
                    cell.clone_from(text);
                }
            }
            row.set(process::pid, one.pid)
                .set(process::parent_pid, one.parent)
                .set(process::start_seconds, on_boot_clock(world, one.born_us))
                .set(process::user_id, program.user.0)
                .set(process::state, one.state)
                .set(process::kernel, program.command.is_empty())
                .set(process::threads, program.threads)
                .set(process::nice, program.nice)
                .set(process::priority, 20 + program.nice)
                .set(process::last_cpu, one.cpu)
                .set(process::group_id, one.pid)
                .set(process::session_id, one.parent.max(1))
                .set(process::terminal, 0)
                .set(process::user_seconds, one.user.at(world.part))
                .set(process::system_seconds, one.system.at(world.part))
                .set(process::minor_faults, one.switches.at(world.part) * 3)
                .set(process::major_faults, one.major_faults.at(world.part))
                .set(process::io_delay_seconds, one.io_delay.at(world.part));
            if wanted.memory != Rows::None {
                memory(world, one, program, &mut row);
            }
            if wanted.proportional != Rows::None {
                row.set(
                    process::proportional_bytes,
                    one.private_bytes() + program.shared_bytes / 4,
                )
                .set(process::unique_bytes, one.private_bytes());
            }
            if wanted.io != Rows::None {
                let (in_bytes, out_bytes) = (one.read.at(world.part), one.written.at(world.part));
                row.set(process::read_bytes, in_bytes)
                    .set(process::written_bytes, out_bytes)
                    .set(process::read_call_bytes, in_bytes * 3)
                    .set(process::write_call_bytes, out_bytes * 2)
                    .set(process::read_calls, in_bytes / 8192)
                    .set(process::write_calls, out_bytes / 4096);
            }
        }
    });
    match &wanted.threads {
        Rows::None => {}
        Rows::Keys(keys) if keys.is_empty() => {}
        Rows::Keys(keys) => threads(world, read, keys),
        // What is made up costs nothing to read.
        Rows::Top(_) | Rows::Active | Rows::All => {
            let all: Vec<Key> = world.population.processes.iter().map(Process::key).collect();
            threads(world, read, &all);
        }
    }
}

fn memory(world: &World, one: &Process, program: &Program, row: &mut retop_model::RowMut<'_>) {
    let own = one.private_bytes();
    let switches = one.switches.at(world.part);
    let score = own.saturating_mul(1000) / world.spec.memory.max(1);
    row.set(process::virtual_bytes, own * 3 + program.shared_bytes * 4)
        .set(process::resident_bytes, own + program.shared_bytes)
        .set(process::shared_bytes, program.shared_bytes)
        .set(process::swap_bytes, if own > 64 << 20 { own / 300 } else { 0 })
        .set(process::voluntary_switches, switches)
        .set(process::involuntary_switches, switches / 7)
        .set(process::oom_score, score + 666 * u64::from(program.user.0 != 0 && own > 1 << 30));
}

/// Times on the clock of the machine that watches.
pub fn on_boot_clock(world: &World, since_boot_us: u64) -> i64 {
    i64::try_from(since_boot_us).unwrap_or(i64::MAX).saturating_add(world.boot_us)
}

/// Each thread has a fixed part of its process: the first one the most.
fn threads(world: &World, read: &mut Read<'_>, keys: &[Key]) {
    give(read, FamilyId::Thread, |table| {
        let population = &world.population;
        for key in keys {
            let Ok(place) = population.processes.binary_search_by_key(key, Process::key) else {
                continue;
            };
            let Some(one) = population.processes.get(place) else { continue };
            let Some(program) = population.programs.get(one.program) else { continue };
            let weights = program.threads * (program.threads + 1) / 2;
            for number in 0..program.threads {
                let part = |total: u64| total / weights.max(1) * (program.threads - number);
                let tid = if number == 0 { one.pid } else { one.pid * 10_000 + number };
                let name = one.texts.first().cloned().flatten();
                table
                    .push(Key(tid, one.born_us))
                    .text_if(thread::name, name)
                    .set(thread::tid, tid)
                    .set(thread::pid, one.pid)
                    .set(thread::start_seconds, on_boot_clock(world, one.born_us))
                    .set(thread::state, if number == 0 { one.state } else { 1 })
                    .set(thread::nice, program.nice)
                    .set(thread::priority, 20 + program.nice)
                    .set(thread::last_cpu, (one.cpu + number) % world.cores.len().max(1) as u64)
                    .set(thread::user_seconds, part(one.user.at(world.part)))
                    .set(thread::system_seconds, part(one.system.at(world.part)))
                    .set(thread::major_faults, part(one.major_faults.at(world.part)));
            }
        }
    });
}

/// Control groups.
pub fn groups(world: &World, read: &mut Read<'_>) {
    give(read, FamilyId::Cgroup, |table| {
        let part = world.part;
        let periods = (world.uptime_us / 100_000).max(1);
        for one in &world.groups.list {
            let (user, system) = (one.user.at(part), one.system.at(part));
            let throttled = one.throttled.at(part);
            let (in_bytes, out_bytes) = (one.read.at(part), one.written.at(part));
            let quota = one.cpu_limit.map(|_| periods);
            table
                .push(one.key)
                .text(cgroup::cgroup, one.path.clone())
                .text_if(cgroup::container, one.container.clone())
                .set(cgroup::cpu_seconds, user + system)
                .set(cgroup::user_seconds, user)
                .set(cgroup::system_seconds, system)
                .set(cgroup::cpu_periods, quota)
                .set(cgroup::cpu_throttled_periods, quota.map(|_| throttled))
                .set(cgroup::cpu_throttled_seconds, quota.map(|_| throttled * 20_000))
                .set(cgroup::cpu_limit, one.cpu_limit.map(|permille| permille * 1000))
                .set(cgroup::cpu_weight, 100)
                .set(cgroup::memory_bytes, one.own_bytes + one.file_bytes)
                .set(cgroup::memory_peak_bytes, one.peak_bytes)
                .set(cgroup::working_set_bytes, one.own_bytes + one.file_bytes / 3)
                .set(cgroup::memory_limit_bytes, one.memory_limit)
                .set(cgroup::anonymous_bytes, one.own_bytes)
                .set(cgroup::file_bytes, one.file_bytes)
                .set(cgroup::kernel_bytes, one.tasks << 14)
                .set(cgroup::swap_bytes, 0)
                .set(cgroup::zswap_bytes, 0)
                .set(cgroup::oom_kills, one.oom_kills)
                .set(cgroup::limit_ooms, 0)
                .set(cgroup::memory_high_events, 0)
                .set(cgroup::read_bytes, in_bytes)
                .set(cgroup::written_bytes, out_bytes)
                .set(cgroup::reads, in_bytes / 32_768)
                .set(cgroup::writes, out_bytes / 24_576)
                .set(cgroup::tasks, one.tasks)
                .set(cgroup::tasks_limit, one.memory_limit.map(|_| 4915))
                .set(cgroup::cpu_pressure_seconds, one.cpu_waits.at(part))
                .set(cgroup::memory_pressure_seconds, 0)
                .set(cgroup::io_pressure_seconds, one.io_waits.at(part))
                .set(cgroup::depth, one.depth);
        }
    });
}
