//! Machines made by hand for the tests of the exports.

use std::sync::Arc;

use retop_model::family::{
    battery, cgroup, core, disk, filesystem, gpu, gpu_forecast, gpu_process, host, limit, memory,
    network, own, power, pressure, process, sensor, source,
};
use retop_model::metric::Kind;
use retop_model::{
    FamilyId, Field, Key, RawSample, RawTable, RowMut, Snapshot, Stamp, Window, derive,
};

/// 2026-11-03T14:05:09.250Z
const START_MS: i64 = 1_793_714_709_250;
const SECOND_NS: u64 = 1_000_000_000;

/// The stamp that many seconds after the start.
pub(crate) fn stamp(second: u64) -> Stamp {
    let ns = (1_000 + second) * SECOND_NS;
    let passed = i64::try_from(second).unwrap() * 1_000;
    Stamp { wall_ms: START_MS + passed, monotonic_ns: ns, boottime_ns: ns }
}

/// A finished table read in that second.
pub(crate) fn table(
    family: FamilyId,
    second: u64,
    fill: impl FnOnce(&mut RawTable),
) -> Arc<RawTable> {
    let mut table = RawTable::new(family);
    fill(&mut table);
    let ns = stamp(second).monotonic_ns;
    table.finish(Window { begin_ns: ns, end_ns: ns + 1_000 });
    Arc::new(table)
}

/// Derives the last of some samples.
pub(crate) fn play(samples: impl IntoIterator<Item = RawSample>) -> Snapshot {
    let mut last: Option<Snapshot> = None;
    for sample in samples {
        last = Some(derive(last.as_ref(), Arc::new(sample)));
    }
    last.unwrap()
}

/// What only Macs tell: the machines here are none.
fn is_of_macs(field: Field) -> bool {
    let of_macs =
        [memory::traffic_bytes, core::active_seconds, core::whole_seconds, power::batched];
    of_macs.contains(&field)
}

/// Gives every number of a row a value: counters grow by the second, states take their first name.
pub(crate) fn fill<'a, 'b>(
    row: &'a mut RowMut<'b>,
    family: FamilyId,
    second: u64,
) -> &'a mut RowMut<'b> {
    for (field, column) in family.get().fields().zip(family.get().raw) {
        let value = match column.kind {
            Kind::Counter => 1_000_000 * i64::try_from(second + 1).unwrap(),
            Kind::Gauge => 5 * column.divisor,
            Kind::State(_) => 0,
        };
        if !is_of_macs(field) {
            row.set(field, value);
        }
    }
    row
}

/// A small virtual machine: one CPU, one disk, one file system, one interface, four sources.
pub(crate) fn sample(second: u64) -> RawSample {
    use FamilyId::{
        Cgroup, Core, Cpu, Disk, Filesystem, Host, Memory, Network, Own, Pressure, Process, Sensor,
        Source, Task, Tcp,
    };
    let mut sample = RawSample::new(stamp(second));
    for id in [Task, Cpu, Memory, Tcp] {
        sample.put(table(id, second, |t| {
            fill(&mut t.push(Key::ONE), id, second);
        }));
    }
    sample.put(table(Host, second, |t| {
        let mut row = t.push(Key::ONE);
        fill(&mut row, Host, second);
        row.text(host::name, "small").text(host::kernel, "6.12.0").text(host::os, "Debian 12");
    }));
    sample.put(table(Own, second, |t| {
        fill(&mut t.push(Key::ONE), Own, second).text(own::version, "0.1.0");
    }));
    sample.put(table(Core, second, |t| {
        fill(&mut t.push(Key(0, 0)), Core, second).text(core::core, "0");
    }));
    sample.put(table(Pressure, second, |t| {
        for resource in ["cpu", "io", "memory"] {
            let mut row = t.push(Key::named(resource.as_bytes()));
            fill(&mut row, Pressure, second).text(pressure::resource, resource);
        }
    }));
    sample.put(table(Disk, second, |t| {
        fill(&mut t.push(Key(8, 0)), Disk, second)
            .text(disk::device, "vda")
            .set(disk::read_bytes, 10_000_000 + 4_096 * second)
            .set(disk::read_time_seconds, 1_500);
    }));
    sample.put(table(Filesystem, second, |t| {
        fill(&mut t.push(Key(1, 0)), Filesystem, second)
            .text(filesystem::mountpoint, "/")
            .text(filesystem::device, "/dev/vda1")
            .text(filesystem::fstype, "ext4")
            .set(filesystem::size_bytes, 40_i64 << 30)
            .set(filesystem::free_bytes, 12_i64 << 30)
            .set(filesystem::avail_bytes, 10_i64 << 30);
    }));
    sample.put(table(Network, second, |t| {
        fill(&mut t.push(Key(2, 0)), Network, second)
            .text(network::device, "eth0")
            .set(network::loopback, 0);
    }));
    sample.put(table(Sensor, second, |_| {}));
    sample.put(table(Cgroup, second, |_| {}));
    sample.put(table(Process, second, |t| {
        for (pid, cpu_us, name) in
            [(10, 0, "idle"), (20, 0, "idle"), (30, 500_000, "worker"), (40, 0, "newborn")]
        {
            if pid == 40 && second == 0 {
                continue;
            }
            fill(&mut t.push(Key(pid, 7)), Process, 0)
                .text(process::name, name)
                .text(process::user, "bob")
                .text(process::command, format!("{name} --password hunter2"))
                .set(process::pid, pid)
                .set(process::user_seconds, 1_000_000 + cpu_us * second)
                .set(process::resident_bytes, (pid << 20) + second);
        }
    }));
    sample.put(table(Source, second, |t| {
        for (key, name, state) in [
            (1, "cpu", source::WORKS),
            (2, "disks", source::WORKS),
            (3, "rapl", source::DENIED),
            (4, "batteries", source::ABSENT),
        ] {
            let mut row = t.push(Key(key, 0));
            fill(&mut row, Source, second).set(source::state, state).text(source::source, name);
            row.text(source::feeds, name)
                .set(source::read_seconds, 250)
                .set(source::read_time_seconds, second * 1_000);
            if state == source::DENIED {
                row.text(source::reason, "/sys/class/powercap: permission denied")
                    .text(source::hint, "sudo setcap cap_dac_read_search+ep retop");
            }
        }
    }));
    sample
}

/// The small machine at its second sample.
pub(crate) fn small_machine() -> Snapshot {
    play([sample(0), sample(1)])
}

/// The small machine at its first sample.
pub(crate) fn first_sample() -> Snapshot {
    play([sample(0)])
}

/// The small machine with a battery, a hot sensor and the limits of a container.
pub(crate) fn laptop_in_a_container() -> Snapshot {
    let with_more = |second| {
        let mut sample = sample(second);
        sample.put(table(FamilyId::Battery, second, |t| {
            fill(&mut t.push(Key(1, 0)), FamilyId::Battery, second)
                .text(battery::battery, "BAT0")
                .set(battery::charge_ratio, 8_200)
                .set(battery::status, 1);
        }));
        sample.put(table(FamilyId::Sensor, second, |t| {
            t.push(Key(1, 0))
                .text(sensor::chip, "coretemp")
                .text(sensor::sensor, "Package id 0")
                .set(sensor::temperature_celsius, 61_500)
                .set(sensor::critical_celsius, 100_000);
        }));
        sample.put(table(FamilyId::Cgroup, second, |t| {
            fill(&mut t.push(Key(1, 0)), FamilyId::Cgroup, second).text(cgroup::cgroup, "/a");
        }));
        sample.put(table(FamilyId::Limit, second, |t| {
            t.push(Key::ONE)
                .set(limit::cpus, 1_500_000)
                .set(limit::memory_limit_bytes, 2_i64 << 30)
                .set(limit::working_set_bytes, 1_i64 << 30)
                .set(limit::cpu_seconds, 750_000 * second)
                .set(limit::throttled_seconds, 0);
        }));
        sample
    };
    play([with_more(0), with_more(1)])
}

/// The small machine with a device that fills up: the one process on it that fills it, and one that
/// does not. Rows of processes stand before that of the device.
pub(crate) fn filling_device() -> Snapshot {
    let with_device = |second| {
        // As [`fill`] gives every process its start.
        const STARTED: u64 = 5_000_000;
        let device = gpu_process::device_key(b"GPU-a");
        let mut sample = sample(second);
        sample.put(table(FamilyId::Gpu, second, |t| {
            t.push(device).text(gpu::uuid, "GPU-a").set(gpu::memory_used_bytes, 70_i64 << 30);
        }));
        sample.put(table(FamilyId::GpuProcess, second, |t| {
            for (pid, start, gib) in
                [(0, None, 1), (10, Some(STARTED), 59), (30, Some(STARTED), 10)]
            {
                t.push(gpu_process::key(pid, start, device))
                    .text(gpu_process::uuid, "GPU-a")
                    .set(gpu_process::pid, pid)
                    .set(gpu_process::start_seconds, start)
                    .set(gpu_process::utilization_ratio, 2_500)
                    .set(gpu_process::memory_bytes, i64::from(gib) << 30);
            }
        }));
        sample.put(table(FamilyId::GpuForecast, second, |t| {
            let rows = [
                (gpu_process::key(10, Some(STARTED), device), Some(10), Some(70_000), 0),
                (gpu_process::key(30, Some(STARTED), device), Some(30), None, 0),
                (device, None, Some(60_000), 1),
            ];
            for (key, pid, full, level) in rows {
                t.push(key)
                    .text(gpu_forecast::uuid, "GPU-a")
                    .set(gpu_forecast::pid, pid)
                    .set(gpu_forecast::start_seconds, pid.map(|_| STARTED))
                    .set(gpu_forecast::level, level)
                    .set(gpu_forecast::earliest_seconds, full.map(|full| full - 5_000))
                    .set(gpu_forecast::full_seconds, full);
            }
        }));
        sample
    };
    play([with_device(0), with_device(1)])
}

/// A machine on which every text is `name` and every number `number`, each family with two rows:
/// the same labels twice are part of the hostility.
pub(crate) fn hostile(name: &[u8], number: i64) -> Snapshot {
    let sample = |second| {
        let mut sample = RawSample::new(stamp(second));
        for id in FamilyId::all() {
            sample.put(table(id, second, |t| {
                for key in 0..if id.get().many { 2 } else { 1 } {
                    let mut row = t.push(Key(key, 0));
                    for field in id.get().fields().take(id.get().raw.len()) {
                        row.set(field, number);
                    }
                    for field in id.get().text_fields() {
                        row.text(field, retop_model::Text::new(name));
                    }
                }
            }));
        }
        sample
    };
    play([sample(0), sample(1)])
}
