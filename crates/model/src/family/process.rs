//! Processes.

use super::{FamilyId, cpu, gpu_forecast, gpu_process, memory, usage};
use crate::metric::Field;
use crate::snapshot::{Delta, Row, sum};
use crate::table::Key;

/// State letters as the kernel writes them, in the order of the states below.
pub const STATE_LETTERS: &[u8; 9] = b"RSDTtZXI?";

/// What a group of hardware counters counts, in its order.
pub const COUNTERS: [Field; 6] =
    [cycles, instructions, cache_references, cache_misses, branches, branch_misses];

/// Those of efficiency cores, where cores are of several kinds.
pub const EFFICIENCY_COUNTERS: [Field; 2] = [efficiency_cycles, efficiency_instructions];

/// What comes from the counters of reads and writes.
pub const READ: [Field; 11] = [
    read_bytes_per_second,
    written_bytes_per_second,
    io_bytes_per_second,
    read_bytes,
    written_bytes,
    calls_per_second,
    read_call_bytes,
    write_call_bytes,
    write_call_bytes_per_second,
    read_calls,
    write_calls,
];

/// What comes from the status.
pub const STATUS: [Field; 7] = [
    swap_bytes,
    switches_per_second,
    voluntary_switches,
    involuntary_switches,
    voluntary_switches_per_second,
    involuntary_switches_per_second,
    oom_score,
];

/// What the scheduler is asked for.
pub const SCHEDULED: [Field; 6] = [
    run_wait_seconds,
    run_wait_ratio,
    dispatches,
    dispatches_per_second,
    migrations,
    migrations_per_second,
];

/// All that hardware counters tell of a process.
pub const COUNTED: [Field; 16] = [
    cycles,
    instructions,
    cache_references,
    cache_misses,
    branches,
    branch_misses,
    efficiency_cycles,
    efficiency_instructions,
    counted_ratio,
    ipc,
    performance_ipc,
    efficiency_ipc,
    efficiency_cycle_ratio,
    instructions_per_second,
    cache_miss_ratio,
    branch_miss_ratio,
];

family! {
    /// Processes, each known by its pid and start time.
    Process "process" "processes" many
    text {
        /// Name of the program: the kernel's `comm`.
        name: Info { label: "NAME" },
        /// Command line with its arguments.
        command: Private { label: "COMMAND" },
        /// User that the process runs as.
        user: Info { label: "USER" },
        /// Path of the control group.
        cgroup: Info { label: "CGROUP" },
        /// Container identifier or systemd unit that the control group tells.
        container: Info { label: "CTR" },
    }
    raw {
        /// Process identifier.
        pid: Gauge Count { label: "PID" },
        /// Process identifier of the parent.
        parent_pid: Gauge Count { label: "PPID" },
        /// When the process started, in time since boot.
        start_seconds: Gauge Seconds / 1000000 { label: "START" },
        /// Number of the user that the process runs as.
        user_id: Gauge Count { label: "UID" },
        /// What the process does: R runs, S sleeps, D waits for a disk, T stopped, t traced, Z ended, I idle.
        state: State ["running", "sleeping", "blocked", "stopped", "traced", "zombie", "dead", "idle", "unknown"] Count { label: "S" },
        /// 1 for a thread of the kernel.
        kernel: Gauge Count,
        /// Threads.
        threads: Gauge Count { label: "THR", adds: Some(true) },
        /// Nice value: 19 gives way, −20 takes.
        nice: Gauge Count { label: "NI" },
        /// Priority as the kernel's scheduler counts it.
        priority: Gauge Count { label: "PRI" },
        /// CPU on which the process last ran.
        last_cpu: Gauge Count { label: "CPU" },
        /// Number of the process group.
        group_id: Gauge Count { label: "PGRP" },
        /// Number of the session.
        session_id: Gauge Count { label: "SESN" },
        /// Device number of the controlling terminal, 0 without one.
        terminal: Gauge Count { label: "TTY" },
        /// CPU time in user code; the split from system time is the kernel's estimate, the sum is exact.
        user_seconds: Counter Seconds / 1000000 { label: "UTIME" },
        /// CPU time in the kernel.
        system_seconds: Counter Seconds / 1000000 { label: "STIME" },
        /// Page faults served without a disk.
        minor_faults: Counter Count { label: "MINFLT" },
        /// Page faults that had to read from a disk.
        major_faults: Counter Count { label: "MAJFLT" },
        /// Time spent waiting for block devices, where the kernel accounts delays.
        io_delay_seconds: Counter Seconds / 1000000 { label: "IODELAY" },
        /// Address space.
        virtual_bytes: Gauge Bytes { label: "VIRT" },
        /// Memory in use: exact for rows on show, within the kernel's batching for the others.
        resident_bytes: Gauge Bytes { label: "RES" },
    }
    seldom {
        /// The part of it that files and shared memory stand behind.
        shared_bytes: Gauge Bytes { label: "SHR" },
        /// Memory in use with shared pages divided among those who share them.
        proportional_bytes: Gauge Bytes { label: "PSS" },
        /// Memory that would come free if the process ended.
        unique_bytes: Gauge Bytes { label: "USS" },
        /// Memory in swap.
        swap_bytes: Gauge Bytes { label: "SWAP" },
        /// Bytes read from disks for the process.
        read_bytes: Counter Bytes { label: "READ" },
        /// Bytes that the process made the kernel write to disks, at once or later.
        written_bytes: Counter Bytes { label: "WRITE" },
        /// Bytes asked for by read calls, from caches and pipes too.
        read_call_bytes: Counter Bytes { label: "RCHAR" },
        /// Bytes handed to write calls, to caches and pipes too.
        write_call_bytes: Counter Bytes { label: "WCHAR" },
        /// Read calls.
        read_calls: Counter Count { label: "SYSCR" },
        /// Write calls.
        write_calls: Counter Count { label: "SYSCW" },
        /// Time in which threads were ready to run and had no CPU.
        run_wait_seconds: Counter Seconds / 1000000 { label: "RQWAIT" },
        /// Times that a thread was given a CPU.
        dispatches: Counter Count { label: "RUNS" },
        /// Times that a thread was moved from one CPU to another.
        migrations: Counter Count { label: "MIGR" },
        /// Context switches of the main thread because it waited for something.
        voluntary_switches: Counter Count { label: "VCTX" },
        /// Context switches of the main thread because somebody else's turn had come.
        involuntary_switches: Counter Count { label: "ICTX" },
        /// Process that the system holds responsible for this one: the app that it belongs to.
        responsible_pid: Gauge Count { label: "RESP" },
        /// Energy of the processors laid to the process by its share of the CPU time, and of graphics processors by its share of theirs, since it was first seen.
        energy_joules: Counter Joules / 1000000 { label: "ENERGY", estimated: true },
        /// Power of the processors laid to the process by its share of the CPU time, and of graphics processors by its share of theirs.
        watts: Gauge Watts / 1000000 { label: "PWR", estimated: true },
        /// Cycles of the processors, while hardware counters are attached to the process.
        cycles: Counter Count { label: "CYCLES" },
        /// Instructions done, while counters are attached.
        instructions: Counter Count { label: "INSTR" },
        /// References to the last-level cache (what the processor's unit calls so), while counters are attached.
        cache_references: Counter Count { label: "LLCREF" },
        /// Those of them that went on to memory, while counters are attached.
        cache_misses: Counter Count { label: "LLCMISS" },
        /// Branches taken or not, while counters are attached.
        branches: Counter Count { label: "BRANCH" },
        /// Branches that the processor predicted wrong, while counters are attached.
        branch_misses: Counter Count { label: "BRMISS" },
        /// Those of the cycles that efficiency cores did, where cores are of several kinds.
        efficiency_cycles: Counter Count { label: "ECYCLES" },
        /// Those of the instructions that efficiency cores did, where cores are of several kinds.
        efficiency_instructions: Counter Count { label: "EINSTR" },
        /// Share of the process's CPU time in which the counters really counted; below a half their numbers are a guess.
        counted_ratio: Gauge Ratio / 10000 { label: "CNT%" },
        /// How likely the kernel is to kill the process when memory runs out: 0 to 1000 and beyond.
        oom_score: Gauge Count { label: "OOM" },
        /// Bytes that never reached a disk because the process removed or cut the file first, whoever wrote them.
        cancelled_write_bytes: Counter Bytes { label: "CANCEL" },
    }
    derived {
        /// CPU time used per second: 1 is one CPU.
        cpu_ratio: Ratio { label: "CPU%", adds: Some(true) } = |d| {
            Some(used_seconds(d)? / d.elapsed_seconds()?)
        };
        /// CPU time used as a share of the whole machine.
        cpu_machine_ratio: Ratio { label: "CPU%all", adds: Some(true) } =
            |d| Some(d.now(cpu_ratio)? / d.machine(cpu::logical).filter(|&n| n > 0.0)?);
        /// CPU time used per second in user code; the split is the kernel's estimate.
        user_ratio: Ratio { label: "USR%", adds: Some(true) } = |d| d.rate(user_seconds);
        /// CPU time used per second in the kernel.
        system_ratio: Ratio { label: "SYS%", adds: Some(true) } = |d| d.rate(system_seconds);
        /// CPU time used since the start.
        cpu_seconds: Seconds { label: "TIME+", adds: Some(true) } =
            |d| Some(d.now(user_seconds)? + d.now(system_seconds)?);
        /// Memory in use as a share of the machine's.
        memory_ratio: Ratio { label: "MEM%", adds: Some(true) } = |d| {
            let all = d.machine(memory::total_bytes).filter(|&all| all > 0.0)?;
            Some(d.now(resident_bytes)? / all)
        };
        /// Bytes read from disks per second.
        read_bytes_per_second: BytesPerSecond { label: "RD/s" } = |d| d.rate(read_bytes);
        /// Bytes written to disks per second.
        written_bytes_per_second: BytesPerSecond { label: "WR/s" } = |d| d.rate(written_bytes);
        /// Bytes written to disks since the start less those that the process cancelled: below 0 for one that removes what others wrote.
        net_written_bytes: Bytes { label: "NETWR" } =
            |d| Some(d.now(written_bytes)? - d.now(cancelled_write_bytes)?);
        /// Bytes read and written per second.
        io_bytes_per_second: BytesPerSecond { label: "IO/s" } =
            |d| Some(d.rate(read_bytes)? + d.rate(written_bytes)?);
        /// Read and write calls per second, those that caches and pipes answer too.
        calls_per_second: PerSecond { label: "CALL/s" } =
            |d| Some(d.rate(read_calls)? + d.rate(write_calls)?);
        /// Bytes handed to write calls per second, to caches and pipes too.
        write_call_bytes_per_second: BytesPerSecond { label: "WCHAR/s" } = |d| d.rate(write_call_bytes);
        /// Page faults that read from a disk, per second.
        major_faults_per_second: PerSecond { label: "MAJF/s" } = |d| d.rate(major_faults);
        /// Page faults served without a disk, per second.
        minor_faults_per_second: PerSecond { label: "MINF/s" } = |d| d.rate(minor_faults);
        /// Context switches of either kind per second.
        switches_per_second: PerSecond { label: "CTX/s" } =
            |d| Some(d.rate(voluntary_switches)? + d.rate(involuntary_switches)?);
        /// Context switches per second because the main thread waited for something.
        voluntary_switches_per_second: PerSecond { label: "VCTX/s" } = |d| d.rate(voluntary_switches);
        /// Context switches per second of the main thread because somebody else's turn had come.
        involuntary_switches_per_second: PerSecond { label: "ICTX/s" } =
            |d| d.rate(involuntary_switches);
        /// Share of the interval in which threads were ready to run and had no CPU: 1 is one thread all the time.
        run_wait_ratio: Ratio { label: "RQW%", adds: Some(true) } = |d| d.rate(run_wait_seconds);
        /// Times per second that a thread was given a CPU.
        dispatches_per_second: PerSecond { label: "RUN/s" } = |d| d.rate(dispatches);
        /// Times per second that a thread was moved to another CPU.
        migrations_per_second: PerSecond { label: "MIG/s" } = |d| d.rate(migrations);
        /// Share of the interval spent waiting for block devices.
        io_delay_ratio: Ratio { label: "IOW%", adds: Some(true) } = |d| d.rate(io_delay_seconds);
        /// Instructions for each cycle: below 1 it mostly waits for memory, above 2 it computes.
        ipc: Count { label: "IPC" } = |d| d.increase_per(instructions, cycles);
        /// Instructions for each cycle on performance cores, where cores are of several kinds.
        performance_ipc: Count { label: "IPC-P" } = |d| {
            let took = d.increase(cycles)? - d.increase(efficiency_cycles)?;
            let did = d.increase(instructions)? - d.increase(efficiency_instructions)?;
            (took > 0.0 && did >= 0.0).then(|| did / took)
        };
        /// Instructions for each cycle on efficiency cores, where cores are of several kinds.
        efficiency_ipc: Count { label: "IPC-E" } =
            |d| d.increase_per(efficiency_instructions, efficiency_cycles);
        /// Share of the cycles that efficiency cores did, where cores are of several kinds.
        efficiency_cycle_ratio: Ratio { label: "E%" } = |d| Some(d.increase_per(efficiency_cycles, cycles)?.min(1.0));
        /// Instructions done per second.
        instructions_per_second: PerSecond { label: "INS/s" } = |d| d.rate(instructions);
        /// Share of references to the last-level cache that went on to memory.
        cache_miss_ratio: Ratio { label: "LLC%" } = |d| {
            Some(d.increase_per(cache_misses, cache_references)?.min(1.0))
        };
        /// Share of branches that the processor predicted wrong.
        branch_miss_ratio: Ratio { label: "BR%" } =
            |d| Some(d.increase_per(branch_misses, branches)?.min(1.0));
        /// Share of graphics processors' time: 1 is one device.
        gpu_ratio: Ratio { label: "GPU%", adds: Some(true) } = |d| on_gpus(d, gpu_process::utilization_ratio);
        /// Power of graphics processors laid to the process by its share of their time.
        gpu_watts: Watts { label: "GPU PWR", estimated: true } = |d| on_gpus(d, gpu_process::watts);
        /// Memory of graphics processors that the process holds.
        gpu_memory_bytes: Bytes { label: "VRAM" } = |d| on_gpus(d, gpu_process::memory_bytes);
        /// Number of the graphics processor that the process is on; of several that of which it holds most memory.
        gpu_index: Count { label: "DEV", adds: Some(false) } = |d| {
            let rows = of_process(d, gpu_process::start_seconds)?;
            let held = |row: Row<'_>| row.raw(gpu_process::memory_bytes).unwrap_or(-1);
            gpu_process::index_of(rows.reduce(|a, b| if held(b) > held(a) { b } else { a })?)
        };
        /// Change of the memory of graphics processors, over the last ten seconds: allocators take it in jumps.
        gpu_memory_growth_bytes_per_second: BytesPerSecond { label: "VRAM/s" } =
            |d| on_gpus(d, gpu_process::memory_growth_bytes_per_second);
        /// Lasting growth of the memory of graphics processors that the process holds, by forecast.
        gpu_lasting_growth_bytes_per_second: BytesPerSecond { label: "GROWS/s", estimated: true } =
            |d| sum(forecasts(d)?.map(|row| row.get(gpu_forecast::lasting_growth_bytes_per_second)));
        /// Time until a graphics processor that the process is on is full, by its own growth.
        gpu_full_seconds: Seconds { label: "FULL", estimated: true } = |d| {
            let times = forecasts(d)?.filter_map(|row| row.get(gpu_forecast::full_seconds));
            times.min_by(f64::total_cmp)
        };
        /// Memory that the process is answerable for, compressed memory included: what Activity Monitor shows.
        footprint_bytes: Bytes { label: "FOOT" } = |d| accounted(d, usage::footprint_bytes);
        /// Power of the cores that the kernel itself lays to the process.
        counted_watts: Watts { label: "PWR*" } = |d| accounted(d, usage::watts);
        /// CPU time on performance cores per second: 1 is one core.
        performance_ratio: Ratio { label: "P%", adds: Some(true) } = |d| accounted(d, usage::performance_ratio);
        /// Times per second that the process woke a core or was woken.
        wakeups_per_second: PerSecond { label: "WAKE/s" } = |d| accounted(d, usage::wakeups_per_second);
        /// Time since the process started.
        age_seconds: Seconds { label: "AGE" } = |d| {
            let uptime = d.snapshot().stamp().boottime_ns as f64 / 1e9;
            Some((uptime - d.now(start_seconds)?).max(0.0))
        };
    }
}

/// CPU time used in the interval. A process that was born in it had used none before.
fn used_seconds(d: &Delta<'_>) -> Option<f64> {
    let in_user_code = d.increase(user_seconds);
    if let Some(used) = in_user_code.and_then(|used| Some(used + d.increase(system_seconds)?)) {
        return Some(used);
    }
    let since = d.before_stamp()?.boottime_ns as f64 / 1e9;
    // The kernel gives the start in whole ticks of 10 ms, rounded down.
    (d.is_new() && d.now(start_seconds)? >= since - 0.01).then(|| d.now(cpu_seconds))?
}

/// The sum over the devices that the process is on.
fn on_gpus(d: &Delta<'_>, field: Field) -> Option<f64> {
    sum(of_process(d, gpu_process::start_seconds)?.map(|row| row.get(field)))
}

/// The forecasts of the process on each device that it is on.
fn forecasts<'a>(d: &Delta<'a>) -> Option<impl Iterator<Item = Row<'a>> + use<'a>> {
    of_process(d, gpu_forecast::start_seconds)
}

/// What the kernel accounts of a process beyond the common, where it does.
#[must_use]
pub fn usage_of(row: Row<'_>) -> Option<Row<'_>> {
    let (process, since) = (u64::try_from(row.raw(pid)?).ok()?, row.raw(start_seconds)?);
    let keys = (Key(process, 0), Key(process, u64::MAX));
    let mut rows = row.snapshot().rows_between(FamilyId::Usage, keys.0, keys.1);
    rows.find(|row| row.raw(usage::start_seconds) == Some(since))
}

/// What the kernel accounts of the process beyond the common.
fn accounted(d: &Delta<'_>, field: Field) -> Option<f64> {
    sum(of_process(d, usage::start_seconds)?.map(|row| row.get(field)))
}

/// The process's rows in a family whose keys begin with the pid; those of another process with the
/// same number have another start.
fn of_process<'a>(d: &Delta<'a>, start: Field) -> Option<impl Iterator<Item = Row<'a>> + use<'a>> {
    let (process, since) = (u64::try_from(d.raw(pid)?).ok()?, d.raw(start_seconds)?);
    let rows = d.snapshot().rows_between(start.family, Key(process, 0), Key(process, u64::MAX));
    Some(rows.filter(move |row| row.raw(start) == Some(since)))
}

/// The kernel's letter for a state.
#[must_use]
pub fn state_letter(raw: i64) -> char {
    let place = usize::try_from(raw).unwrap_or(usize::MAX);
    char::from(*STATE_LETTERS.get(place).unwrap_or(&b'?'))
}

/// The state that a letter of the kernel stands for. Older kernels write more letters than today's
/// (W, x, K, P); they are unknown here.
#[must_use]
pub fn state_of(letter: u8) -> i64 {
    let place = STATE_LETTERS.iter().position(|&known| known == letter);
    i64::try_from(place.unwrap_or(STATE_LETTERS.len() - 1)).unwrap_or(0)
}
