//! The tables of a made-up machine, apart from those of its processes.

use retop_model::family::{
    battery, core, cpu, disk, filesystem, host, idle_state, interrupt, limit, memory, network,
    power, pressure, sensor, task, tcp,
};
use retop_model::{FamilyId, Key, RawTable};

use super::flow::Flow;
use super::noise::around;
use super::spec::Measures;
use super::world::World;
use crate::source::Read;

/// Fills the table of a family, if somebody wants it.
pub fn give(read: &mut Read<'_>, family: FamilyId, fill: impl FnOnce(&mut RawTable)) {
    if read.demand().wants(family) {
        let begin = read.now_ns();
        let mut table = read.table(family);
        fill(&mut table);
        read.give(table, begin);
    }
}

/// The identity of a thing with two names.
fn named(whole: &str, part: &str) -> Key {
    Key(Key::named(whole.as_bytes()).0, Key::named(part.as_bytes()).0)
}

/// Name, uptime and load.
pub fn host(world: &World, read: &mut Read<'_>) {
    let now = read.clock().now();
    give(read, FamilyId::Host, |table| {
        let uptime_ms = i64::try_from(world.uptime_us / 1000).unwrap_or(i64::MAX);
        let spec = &world.spec;
        let [load_1m, load_5m, load_15m] = world.load.map(|mean| mean / 10_000);
        table
            .push(Key::ONE)
            .text(host::name, world.text(spec.host))
            .text(host::os, world.text(spec.os))
            .text(host::kernel, world.text(spec.kernel))
            .text(host::architecture, world.text(spec.architecture))
            .text(host::cpu_model, world.text(spec.cpu_model))
            .text(host::boot_id, world.text(spec.name))
            .text_if(host::virtualization, spec.virtualization.map(|name| world.text(name)))
            .set(host::boot_time_seconds, now.wall_ms.saturating_sub(uptime_ms))
            .set(host::uptime_seconds, uptime_ms)
            .set(host::load_1m, load_1m)
            .set(host::load_5m, load_5m)
            .set(host::load_15m, load_15m)
            .set(host::file_handles, 900 + world.population.processes.len() as u64 * 24)
            .set(host::file_handles_limit, i64::MAX)
            .set(host::pid_limit, super::population::PID_LIMIT);
    });
    give(read, FamilyId::Task, |table| {
        let population = &world.population;
        let mut states = [0u64; 9];
        let (mut threads, mut kernel) = (0, 0);
        for process in &population.processes {
            if let Some(count) = usize::try_from(process.state).ok().and_then(|s| states.get_mut(s))
            {
                *count += 1;
            }
            match population.programs.get(process.program) {
                Some(program) if !program.command.is_empty() => threads += program.threads,
                _ => kernel += 1,
            }
        }
        table
            .push(Key::ONE)
            .set(task::processes, population.processes.len())
            .set(task::threads, threads)
            .set(task::kernel_threads, kernel)
            .set(task::running, states[0])
            .set(task::sleeping, states[1])
            .set(task::blocked, states[2])
            .set(task::stopped, states[3] + states[4])
            .set(task::zombies, states[5])
            .set(task::idle, states[7])
            .set(task::exited, population.exited)
            .set(task::hidden, 0);
    });
}

/// CPU time of all and of each, idle states, interrupts.
pub fn processor(world: &World, read: &mut Read<'_>) {
    let part = world.part;
    give(read, FamilyId::Cpu, |table| all_cores(world, table));
    give(read, FamilyId::Core, |table| each_core(world, table));
    let count = world.cores.len() as u64;
    let idle: u64 = world.cores.iter().map(|core| core.idle.at(part)).sum();
    give(read, FamilyId::IdleState, |table| {
        let states = [("POLL", 1, 40), ("C1", 19, 900), ("C6", 80, 2_500)];
        for (place, (name, percent, microseconds)) in (0..).zip(states) {
            let time = idle / 100 * percent;
            table
                .push(Key(place, 0))
                .text(idle_state::state, world.text(name))
                .text(idle_state::description, world.text("made up"))
                .set(idle_state::time_seconds, time)
                .set(idle_state::entries, time / microseconds)
                .set(idle_state::cpus, count);
        }
    });
    give(read, FamilyId::Interrupt, |table| {
        let packets: u64 = world.networks.iter().map(|net| net.packets_in.at(part)).sum();
        let requests: u64 = world.disks.iter().map(|d| d.reads.at(part) + d.writes.at(part)).sum();
        let switches = world.switches.at(part);
        let lines = [
            ("24", "nvme0q1", requests),
            ("31", "eth0-rx-0", packets / 3),
            ("LOC", "Local timer interrupts", world.uptime_us / 10_000 * count),
            ("RES", "Rescheduling interrupts", switches / 5),
            ("CAL", "Function call interrupts", switches / 9),
            ("TLB", "TLB shootdowns", switches / 40),
        ];
        for (name, devices, total) in lines {
            table
                .push(Key::named(name.as_bytes()))
                .text(interrupt::interrupt, world.text(name))
                .text(interrupt::devices, world.text(devices))
                .set(interrupt::interrupts, total);
        }
    });
}

fn all_cores(world: &World, table: &mut RawTable) {
    let part = world.part;
    let sum = |flow: fn(&super::hardware::Core) -> Flow| -> u64 {
        world.cores.iter().map(|core| flow(core).at(part)).sum()
    };
    let count = world.cores.len() as u64;
    let physical: u64 = world.spec.cores.iter().map(|c| c.threads / c.siblings.max(1)).sum();
    let in_state = |wanted: i64| {
        world.population.processes.iter().filter(|process| process.state == wanted).count()
    };
    let switches = world.switches.at(part);
    table
        .push(Key::ONE)
        .set(cpu::user_seconds, sum(|core| core.user))
        .set(cpu::nice_seconds, sum(|core| core.nice))
        .set(cpu::system_seconds, sum(|core| core.system))
        .set(cpu::idle_seconds, sum(|core| core.idle))
        .set(cpu::iowait_seconds, sum(|core| core.iowait))
        .set(cpu::irq_seconds, sum(|core| core.irq))
        .set(cpu::softirq_seconds, sum(|core| core.softirq))
        .set(cpu::steal_seconds, sum(|core| core.steal))
        .set(cpu::guest_seconds, 0)
        .set(cpu::guest_nice_seconds, 0)
        .set(cpu::logical, count)
        .set(cpu::physical, physical.max(1))
        .set(cpu::packages, world.spec.sockets)
        .set(cpu::allowed, count)
        .set(cpu::context_switches, switches)
        .set(cpu::interrupts, switches / 3 + world.uptime_us / 10_000 * count)
        .set(cpu::softirqs, switches / 2)
        .set(cpu::forks, world.population.forks)
        .set(cpu::runnable, in_state(0))
        .set(cpu::blocked, in_state(2));
}

fn each_core(world: &World, table: &mut RawTable) {
    let part = world.part;
    let count = world.cores.len() as u64;
    let kinds =
        world.spec.cores.iter().flat_map(|cores| (0..cores.threads).map(move |n| (n, cores)));
    let each_socket = count.div_ceil(world.spec.sockets.max(1)).max(1);
    for ((index, state), (within, cores)) in (0u64..).zip(&world.cores).zip(kinds) {
        let (low, high) = cores.mhz;
        // A core that is half busy already runs at its top clock.
        let clock = low + (high - low) * (state.busy_rate() * 2).min(1_000_000) / 1_000_000;
        table
            .push(Key(index, 0))
            .text_if(core::core, world.core_names.get(index as usize).cloned())
            .set(core::index, index)
            .set(core::user_seconds, state.user.at(part))
            .set(core::nice_seconds, state.nice.at(part))
            .set(core::system_seconds, state.system.at(part))
            .set(core::idle_seconds, state.idle.at(part))
            .set(core::iowait_seconds, state.iowait.at(part))
            .set(core::irq_seconds, state.irq.at(part))
            .set(core::softirq_seconds, state.softirq.at(part))
            .set(core::steal_seconds, state.steal.at(part))
            .set(core::guest_seconds, 0)
            .set(core::frequency_hertz, clock * 1_000_000)
            .set(core::frequency_minimum_hertz, low * 1_000_000)
            .set(core::frequency_maximum_hertz, high * 1_000_000)
            .set(core::package, index / each_socket)
            .set(core::core_id, (index - within + within / cores.siblings.max(1)) % each_socket)
            .set(core::kind, cores.kind)
            .set(core::node, index / each_socket)
            .set(core::online, 1);
    }
}

/// Pressure stall information.
pub fn pressure(world: &World, read: &mut Read<'_>) {
    give(read, FamilyId::Pressure, |table| {
        for ((place, name), state) in (0..).zip(["cpu", "memory", "io"]).zip(&world.pressure) {
            let [[some_10s, some_60s], [full_10s, full_60s]] = state.means;
            table
                .push(Key(place, 0))
                .text(pressure::resource, world.text(name))
                .set(pressure::some_seconds, state.some.at(world.part))
                .set(pressure::full_seconds, state.full.at(world.part))
                .set(pressure::some_10s_ratio, some_10s)
                .set(pressure::some_60s_ratio, some_60s)
                .set(pressure::full_10s_ratio, full_10s)
                .set(pressure::full_60s_ratio, full_60s);
        }
    });
}

/// Memory, and the limits of the container.
pub fn memory(world: &World, read: &mut Read<'_>) {
    let (state, spec, part) = (&world.memory, &world.spec, world.part);
    give(read, FamilyId::Memory, |table| {
        let buffers = state.cached / 40;
        table
            .push(Key::ONE)
            .set(memory::total_bytes, spec.memory)
            .set(memory::free_bytes, state.free)
            .set(memory::available_bytes, state.available())
            .set(memory::buffers_bytes, buffers)
            .set(memory::cached_bytes, state.cached - buffers)
            .set(memory::shared_bytes, state.shared.min(state.cached - buffers))
            .set(memory::slab_reclaimable_bytes, state.reclaimable)
            .set(memory::slab_unreclaimable_bytes, state.kernel / 2)
            .set(memory::anonymous_bytes, state.anonymous)
            .set(memory::mapped_bytes, state.cached / 6)
            .set(memory::dirty_bytes, state.dirty)
            .set(memory::writeback_bytes, state.dirty / 16)
            .set(memory::page_tables_bytes, state.anonymous / 400)
            .set(memory::kernel_stack_bytes, world.population.processes.len() << 14)
            .set(memory::locked_bytes, 0)
            .set(memory::committed_bytes, state.anonymous * 3 / 2)
            .set(memory::commit_limit_bytes, spec.memory / 2 + spec.swap)
            .set(memory::anonymous_huge_bytes, state.anonymous / 5)
            .set(memory::huge_total_bytes, 0)
            .set(memory::huge_free_bytes, 0)
            .set(memory::hardware_corrupted_bytes, 0)
            .set(memory::swap_total_bytes, spec.swap)
            .set(memory::swap_free_bytes, spec.swap.saturating_sub(state.swapped))
            .set(memory::swap_cached_bytes, state.swapped / 50)
            .set(memory::page_in_bytes, state.page_in.at(part))
            .set(memory::page_out_bytes, state.page_out.at(part))
            .set(memory::swap_in_bytes, state.swap_in.at(part))
            .set(memory::swap_out_bytes, state.swap_out.at(part))
            .set(memory::faults, state.faults.at(part))
            .set(memory::major_faults, state.major_faults.at(part))
            .set(memory::refaults, state.refaults.at(part))
            .set(memory::allocation_stalls, state.stalls.at(part))
            .set(memory::compaction_stalls, state.stalls.at(part) / 20)
            .set(memory::oom_kills, state.oom_kills);
        if spec.bandwidth > 0 {
            // Four bytes in each nanosecond that a core is busy.
            let busy: u64 = world.cores.iter().map(|core| core.user.at(part)).sum();
            if let Some(mut row) = table.row_mut(0) {
                row.set(memory::traffic_bytes, busy.saturating_mul(4_000))
                    .set(memory::traffic_limit_bytes_per_second, spec.bandwidth);
            }
        }
    });
}

/// Limits of the container that retop runs in.
pub fn limits(world: &World, read: &mut Read<'_>) {
    let Some((cpus, bytes)) = world.spec.limit else { return };
    give(read, FamilyId::Limit, |table| {
        let Some(root) = world.groups.list.first() else { return };
        let used = (root.own_bytes + root.file_bytes).min(bytes);
        table
            .push(Key::ONE)
            .text(limit::cgroup, world.text("/"))
            .text(limit::container, world.text("4f1d2c7be0a9"))
            .set(limit::cpus, cpus * 1000)
            .set(limit::memory_limit_bytes, bytes)
            .set(limit::memory_bytes, used)
            .set(limit::working_set_bytes, root.own_bytes.min(bytes))
            .set(limit::tasks_limit, 4096)
            .set(limit::tasks, root.tasks)
            .set(limit::cpu_seconds, root.user.at(world.part) + root.system.at(world.part))
            .set(limit::throttled_seconds, root.throttled.at(world.part) * 2000);
    });
}

/// Block devices and file systems.
pub fn disks(world: &World, read: &mut Read<'_>) {
    let part = world.part;
    give(read, FamilyId::Disk, |table| {
        for ((place, spec), state) in (0..).zip(&world.spec.disks).zip(&world.disks) {
            let (reading, writing) = (state.read_time.at(part), state.write_time.at(part));
            table
                .push(Key(259, place))
                .text(disk::device, world.text(spec.name))
                .text(disk::model, world.text(spec.model))
                .text_if(disk::holders, world.holders.get(place as usize).cloned().flatten())
                .text_if(disk::parent, (!spec.parent.is_empty()).then(|| world.text(spec.parent)))
                .set(disk::read_bytes, state.read.at(part))
                .set(disk::written_bytes, state.written.at(part))
                .set(disk::discarded_bytes, state.discarded.at(part))
                .set(disk::reads_completed, state.reads.at(part))
                .set(disk::writes_completed, state.writes.at(part))
                .set(disk::flushes_completed, state.flushes.at(part))
                .set(disk::read_time_seconds, reading / 1000)
                .set(disk::write_time_seconds, writing / 1000)
                .set(disk::io_time_seconds, state.busy.at(part) / 1000)
                .set(disk::io_time_weighted_seconds, (reading + writing) / 1000)
                .set(disk::io_in_progress, state.in_flight)
                .set(disk::size_bytes, spec.size)
                .set(disk::kind, spec.kind)
                .set(disk::rotational, spec.rotational);
        }
    });
    give(read, FamilyId::Filesystem, |table| {
        for (spec, &filled) in world.spec.filesystems.iter().zip(&world.filled) {
            let free = spec.size / 1_000_000 * (1_000_000 - filled.min(1_000_000));
            let inodes = spec.size / 16_384;
            table
                .push(Key::named(spec.mountpoint.as_bytes()))
                .text(filesystem::mountpoint, world.text(spec.mountpoint))
                .text(filesystem::device, world.text(spec.device))
                .text(filesystem::fstype, world.text(spec.fstype))
                .set(filesystem::size_bytes, spec.size)
                .set(filesystem::free_bytes, free)
                // A twentieth is kept for root.
                .set(filesystem::avail_bytes, free.saturating_sub(spec.size / 20))
                .set(filesystem::inodes, inodes)
                .set(filesystem::inodes_free, inodes - inodes / 1_000_000 * filled / 8)
                .set(filesystem::readonly, spec.fstype == "squashfs");
        }
    });
}

/// Interfaces and TCP.
pub fn network(world: &World, read: &mut Read<'_>) {
    let part = world.part;
    give(read, FamilyId::Network, |table| {
        for ((place, spec), state) in (1..).zip(&world.spec.networks).zip(&world.networks) {
            let loopback = spec.name == "lo";
            table
                .push(Key(place, 0))
                .text(network::device, world.text(spec.name))
                .text(network::address, world.text(spec.address))
                .set(network::receive_bytes, state.received.at(part))
                .set(network::transmit_bytes, state.sent.at(part))
                .set(network::receive_packets, state.packets_in.at(part))
                .set(network::transmit_packets, state.packets_out.at(part))
                .set(network::receive_errors, 0)
                .set(network::transmit_errors, 0)
                .set(network::receive_dropped, state.dropped.at(part))
                .set(network::transmit_dropped, 0)
                .set(network::receive_multicast, state.packets_in.at(part) / 900)
                .set(network::speed_bytes_per_second, Some(spec.speed).filter(|&speed| speed > 0))
                .set(network::link, if loopback { 3 } else { 0 })
                .set(network::loopback, loopback)
                .set(network::mtu_bytes, if loopback { 65_536 } else { 1500 });
        }
    });
    give(read, FamilyId::Tcp, |table| {
        let packets = |flow: fn(&super::hardware::Network) -> Flow| -> u64 {
            world.networks.iter().map(|net| flow(net).at(part)).sum()
        };
        let (segments_in, segments_out) =
            (packets(|net| net.packets_in), packets(|net| net.packets_out));
        let connections = around(world.spec.threads() * 12, 0x7c9, world.second);
        table
            .push(Key::ONE)
            .set(tcp::established, connections)
            .set(tcp::listening, 18)
            .set(tcp::time_wait, connections / 2)
            .set(tcp::close_wait, connections / 60)
            .set(tcp::syn_sent, 0)
            .set(tcp::syn_received, connections / 90)
            .set(tcp::closing, 0)
            .set(tcp::in_use, connections + 18)
            .set(tcp::orphaned, 0)
            .set(tcp::memory_bytes, connections * 16_384)
            .set(tcp::udp_in_use, 9)
            .set(tcp::active_opens, segments_out / 190)
            .set(tcp::passive_opens, segments_in / 60)
            .set(tcp::segments_in, segments_in)
            .set(tcp::segments_out, segments_out)
            .set(tcp::retransmits, segments_out / 2400)
            .set(tcp::resets, segments_in / 9000)
            .set(tcp::listen_drops, 0)
            .set(tcp::udp_errors, 0);
    });
}

/// Temperatures, fans, voltages.
pub fn sensors(world: &World, read: &mut Read<'_>) {
    give(read, FamilyId::Sensor, |table| {
        for (place, spec) in (0u64..).zip(&world.spec.sensors) {
            let heat = i64::try_from(world.busy.min(1000)).unwrap_or(1000);
            let shiver =
                i64::try_from(super::noise::smooth(place ^ 0x5e, world.second)).unwrap_or(0);
            let span = spec.busy - spec.idle;
            let value = spec.idle + span * heat / 1000 + span * shiver / 20_000;
            let mut row = table.push(named(spec.chip, spec.name));
            row.text(sensor::chip, world.text(spec.chip))
                .text(sensor::sensor, world.text(spec.name));
            match spec.measures {
                Measures::Temperature { high, critical } => row
                    .set(sensor::temperature_celsius, value)
                    .set(sensor::high_celsius, high)
                    .set(sensor::critical_celsius, critical)
                    .set(sensor::alarm, value >= critical),
                Measures::Fan => row.set(sensor::fan_rpm, value),
                Measures::Voltage => row.set(sensor::voltage_volts, value),
                Measures::Current => row.set(sensor::current_amperes, value),
            };
        }
    });
}

/// Power domains and the battery.
pub fn power(world: &World, read: &mut Read<'_>) {
    give(read, FamilyId::Power, |table| {
        for (spec, energy) in world.spec.power.iter().zip(&world.energy) {
            let mut row = table.push(named(spec.source, spec.domain));
            row.text(power::domain, world.text(spec.domain))
                .text(power::source, world.text(spec.source))
                .set(power::limit_watts, Some(spec.limit * 1000).filter(|&limit| limit > 0))
                .set(power::whole_machine, spec.whole);
            match spec.counts {
                true => row.set(power::energy_joules, energy.at(world.part)),
                false => row
                    .set(power::reading_watts, energy.rate())
                    .set(power::integrated_joules, energy.at(world.part)),
            };
        }
    });
}

/// The battery.
pub fn battery(world: &World, read: &mut Read<'_>) {
    let Some(spec) = world.spec.battery else { return };
    give(read, FamilyId::Battery, |table| {
        let full = spec.capacity.1 * 3_600_000;
        let left = world.charge;
        table
            .push(Key::named(spec.name.as_bytes()))
            .text(battery::battery, world.text(spec.name))
            .text(battery::model, world.text(spec.model))
            .set(battery::charge_ratio, left / (full / 10_000).max(1))
            .set(battery::energy_joules, left)
            .set(battery::full_joules, full)
            .set(battery::design_joules, spec.capacity.0 * 3_600_000)
            .set(battery::power_watts, world.battery_milliwatts() * 1000)
            .set(battery::voltage_volts, 11_400_000 + left / (full / 1000).max(1) * 1200)
            .set(battery::cycles, spec.cycles)
            .set(battery::status, 1);
    });
}
