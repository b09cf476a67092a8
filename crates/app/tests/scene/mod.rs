//! Made-up machines for the screen's tests: the same numbers on every run.
#![allow(dead_code)]

mod gpus;

use std::sync::Arc;

use retop_model::alert::{Alerts, builtin};
use retop_model::family::{
    battery, cgroup, core, cpu, disk, filesystem, host, idle_state, interrupt, limit, memory,
    network, own, power, pressure, process, sensor, source, task, tcp, thread,
};
use retop_model::{FamilyId, Key, RawSample, RawTable, Snapshot, Stamp, Window, derive};

/// What the machine is like.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Logical CPUs.
    pub cores: usize,
    /// Processes, the well-known ones first.
    pub processes: usize,
    /// Names and commands that try to break the screen.
    pub hostile: bool,
    /// Sensors, power domains and a battery.
    pub sensors: bool,
    /// retop runs in a container with limits.
    pub limited: bool,
    /// Only processes are there; every other family is missing.
    pub bare: bool,
    /// Threads of the processes that have several were read.
    pub threads: bool,
    /// Graphics processors.
    pub gpus: usize,
    /// A compiler takes nearly every core for three seconds from then on.
    pub burst: Option<u64>,
    /// Every core is busy all the time.
    pub full: bool,
    /// From then on disks and the network have a second of heavy traffic every nine.
    pub traffic: Option<u64>,
    /// From then on a disk is full for 40 seconds, memory runs short after 5 for 25, and after 12
    /// a process is killed.
    pub trouble: Option<u64>,
}

pub const LAPTOP: Scene = Scene {
    cores: 16,
    processes: 412,
    hostile: false,
    sensors: true,
    limited: false,
    bare: false,
    threads: false,
    gpus: 0,
    burst: None,
    full: false,
    traffic: None,
    trouble: None,
};
pub const THREADED: Scene = Scene { threads: true, ..LAPTOP };
pub const GPUS: Scene = Scene { gpus: 2, ..LAPTOP };
pub const MANY_GPUS: Scene = Scene { gpus: 8, ..HOSTILE };
pub const SMALL: Scene = Scene { cores: 2, processes: 40, sensors: false, limited: true, ..LAPTOP };
pub const DESK: Scene = Scene { cores: 20, processes: 300, ..LAPTOP };
pub const SERVER: Scene = Scene { cores: 256, processes: 1000, ..LAPTOP };
pub const HUGE: Scene = Scene { cores: 512, processes: 3000, ..LAPTOP };
pub const HOSTILE: Scene = Scene { cores: 4, processes: 60, hostile: true, ..LAPTOP };
pub const BARE: Scene = Scene { cores: 0, processes: 5, sensors: false, bare: true, ..LAPTOP };
pub const EMPTY: Scene = Scene { processes: 0, ..BARE };

pub const ALL: [(&str, Scene); 10] = [
    ("laptop", LAPTOP),
    ("gpus", GPUS),
    ("many-gpus", MANY_GPUS),
    ("small", SMALL),
    ("desk", DESK),
    ("server", SERVER),
    ("huge", HUGE),
    ("hostile", HOSTILE),
    ("bare", BARE),
    ("empty", EMPTY),
];

const GIB: i64 = 1 << 30;
const MIB: i64 = 1 << 20;
/// 2026-11-20 14:03:21 UTC.
const START_MS: i64 = 1_795_183_401_000;
const UP_SECONDS: u64 = 273_600;

struct Known(u64, u64, &'static str, &'static str, &'static str, i64, f64, i64, i64);

/// pid, parent, user, name, command, state, share of a core, memory, threads.
#[rustfmt::skip]
const KNOWN: [Known; 14] = [
    Known(14447, 9702, "alice", "rustc", "rustc --crate-name model --edition=2024 crates/model/src/lib.rs", 0, 1.873, 1331 * MIB, 18),
    Known(9071, 9040, "svc-vllm", "python", "/usr/bin/python -m vllm.entrypoints.openai.api_server --model llama-70b-awq --gpu-memory-util 0.95", 1, 0.962, 9932 * MIB, 41),
    Known(9133, 9071, "svc-vllm", "ray::Worker", "ray::RayWorkerWrapper", 1, 0.440, GIB, 77),
    Known(2210, 1, "postgres", "postgres", "postgres: app db3 10.0.18.4(51544) SELECT", 1, 0.184, 2150 * MIB, 1),
    Known(9702, 3300, "alice", "firefox", "/usr/lib/firefox/firefox -contentproc -childID 7 -isForBrowser", 0, 0.129, 580 * MIB, 33),
    Known(881, 1, "root", "containerd", "/usr/bin/containerd", 1, 0.061, 131 * MIB, 22),
    Known(3305, 3300, "bob", "node", "node /srv/app/server.js --port 8080", 1, 0.048, 301 * MIB, 11),
    Known(1190, 1, "root", "dockerd", "/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock", 1, 0.033, 70 * MIB, 9),
    Known(30118, 3305, "bob", "rsync", "rsync -a --delete /srv/data/ backup:/srv/data/", 2, 0.022, 12 * MIB, 1),
    Known(912, 1, "prometheus", "node_exporter", "/usr/bin/node_exporter --collector.systemd", 1, 0.010, 88 * MIB, 14),
    Known(744, 1, "systemd-resolve", "systemd-resolve", "/lib/systemd/systemd-resolved", 1, 0.004, 22 * MIB, 1),
    Known(1, 0, "root", "systemd", "/sbin/init", 1, 0.001, 14 * MIB, 1),
    Known(2, 0, "root", "kthreadd", "", 1, 0.0, 0, 1),
    Known(615, 1, "root", "sshd", "sshd: alice [priv]", 1, 0.0, 31 * MIB, 1),
];

const HOSTILE_NAMES: [&str; 12] = [
    "\x1b]0;owned\x07\x1b[2J",
    "日本語のとても長い名前のプロセス日本語のとても長い名前",
    "👩‍👩‍👧‍👦 family 🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀",
    "a\u{202e}txt.exe",
    "e\u{301}e\u{301}e\u{301} combining",
    "",
    "   spaces   ",
    "/////",
    "tab\tand\nnewline",
    "🇩🇪🇫🇷 flags 👍🏽",
    "ﾊﾟﾋﾟ half width",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/y",
];

/// The sum to `tick` of a share that swings around `middle`, different for each `who`.
fn swung(middle: f64, who: usize, tick: u64) -> f64 {
    let phase = who as f64 * 2.399_963;
    let step = 0.11 + (who % 7) as f64 * 0.043;
    // Never below nothing, never above the whole.
    let height = (1.0 / middle - 1.0).clamp(0.0, 0.8) / step;
    let t = tick as f64;
    middle * (t + height * (phase.cos() - (phase + step * t).cos()))
}

/// A counter that grows by `rate` each second on the whole, unevenly.
fn grown(rate: f64, who: usize, tick: u64) -> i64 {
    (rate * 2.0 * swung(0.5, who, tick)) as i64
}

/// When a process started.
fn start_of(pid: u64) -> i64 {
    (UP_SECONDS as i64 - 720 - pid as i64) * 1_000_000
}

impl Scene {
    /// The moment after `ticks` seconds, derived from the one before.
    pub fn at(&self, ticks: u64) -> Arc<Snapshot> {
        self.run(ticks + 1).pop().expect("at least one moment")
    }

    /// That many moments, a second apart, starting with the first sample.
    pub fn run(&self, moments: u64) -> Vec<Arc<Snapshot>> {
        let mut last: Option<Arc<Snapshot>> = None;
        let mut alerts = Alerts::new(builtin());
        (0..moments)
            .map(|tick| {
                let sample = Arc::new(self.sample(tick));
                let mut now = derive(last.as_deref(), sample);
                if !self.bare {
                    alerts.advance(&now);
                    let table = alerts.table(&now);
                    now = now.with_table(last.as_deref(), table);
                }
                let now = Arc::new(now);
                last = Some(Arc::clone(&now));
                now
            })
            .collect()
    }

    /// What was read after that many seconds.
    pub fn sample(&self, tick: u64) -> RawSample {
        let ns = (1_000 + tick) * 1_000_000_000;
        let mut sample = RawSample::new(Stamp {
            wall_ms: START_MS + tick as i64 * 1000,
            monotonic_ns: ns,
            boottime_ns: (UP_SECONDS + tick) * 1_000_000_000,
        });
        let mut give = |mut table: RawTable| {
            table.finish(Window { begin_ns: ns, end_ns: ns + 1_000_000 });
            sample.put(Arc::new(table));
        };
        give(self.process_table(tick));
        if self.threads {
            give(self.thread_table(tick));
        }
        if self.bare {
            return sample;
        }
        give(thread_table(tick));
        give(self.host(tick));
        give(self.cpu(tick));
        give(self.core_table(tick));
        give(memory_table(
            tick,
            self.is_in_trouble(tick, 5, 30),
            self.is_in_trouble(tick, 12, u64::MAX),
        ));
        give(pressure_table(tick));
        give(disk_table(tick, self.heavy(tick)));
        give(filesystems(self.is_in_trouble(tick, 0, 40)));
        give(network_table(tick, self.heavy(tick)));
        give(one(FamilyId::Tcp, |row| {
            row.set(tcp::established, 214_i64).set(tcp::listening, 31_i64);
        }));
        give(one(FamilyId::Task, |row| {
            row.set(task::threads, 1_640_i64).set(task::kernel_threads, 233_i64);
        }));
        give(one(FamilyId::Own, |row| {
            row.set(own::cpu_seconds, tick as i64 * 4_000).set(own::resident_bytes, 9 * MIB);
        }));
        if self.sensors {
            give(sensors());
            give(power_table(tick));
            give(batteries());
        }
        if self.limited {
            give(one(FamilyId::Limit, |row| {
                row.set(limit::cpus, 1_500_000_i64)
                    .set(limit::memory_limit_bytes, 2 * GIB)
                    .set(limit::working_set_bytes, 812 * MIB)
                    .set(limit::cpu_seconds, tick as i64 * 700_000);
            }));
        }
        if self.gpus > 0 {
            gpus::tables(self.gpus, self.hostile, tick, start_of).into_iter().for_each(&mut give);
        }
        give(idle_states(tick, self.cores));
        give(interrupts(tick));
        give(groups(tick, self.hostile));
        give(sources(tick, self));
        sample
    }

    /// Bytes of the heavy traffic so far.
    fn heavy(&self, tick: u64) -> i64 {
        let since = self.traffic.and_then(|from| tick.checked_sub(from));
        since.map_or(0, |since| (since / 9) as i64 * 400 * MIB)
    }

    /// True that many seconds after trouble began, until so many.
    fn is_in_trouble(&self, tick: u64, after: u64, until: u64) -> bool {
        let since = self.trouble.and_then(|from| tick.checked_sub(from));
        since.is_some_and(|since| (after..until).contains(&since))
    }

    fn host(&self, tick: u64) -> RawTable {
        one(FamilyId::Host, |row| {
            row.text(host::name, if self.hostile { "bad\x1b[31mhost日本" } else { "web-01" })
                .text(host::cpu_model, "AMD Ryzen 7 5800X 8-Core Processor")
                .text(host::kernel, "6.12.7-generic")
                .set(host::uptime_seconds, (UP_SECONDS + tick) as i64 * 1000)
                .set(host::load_1m, 410_i64)
                .set(host::load_5m, 382_i64)
                .set(host::load_15m, 220_i64);
        })
    }

    /// Seconds that a core was busy.
    fn busy(&self, core: usize, tick: u64) -> f64 {
        let middle = [0.78, 0.55, 0.4, 0.12, 0.08, 0.3, 0.15, 0.05, 0.62, 0.03][core % 10];
        if self.full {
            return tick as f64;
        }
        let plain = |tick| swung(middle, core, tick);
        let Some(from) = self.burst else { return plain(tick) };
        // 96, 97, 98 %: it is the last second that is the highest.
        let within = (tick.clamp(from, from + 3) - from) as f64;
        let busy = 0.955 * within + 0.005 * within * within;
        plain(tick.min(from)) + busy + plain(tick.max(from + 3)) - plain(from + 3)
    }

    fn cpu(&self, tick: u64) -> RawTable {
        one(FamilyId::Cpu, |row| {
            let cores = self.cores.max(1);
            let all = tick as i64 * cores as i64 * 1_000_000;
            let used = (0..cores).map(|core| self.busy(core, tick)).sum::<f64>() * 1e6;
            let used = used as i64;
            row.set(cpu::user_seconds, used * 78 / 100)
                .set(cpu::system_seconds, used * 18 / 100)
                .set(cpu::irq_seconds, used * 2 / 100)
                .set(cpu::steal_seconds, used * 2 / 100)
                .set(cpu::nice_seconds, 0_i64)
                .set(cpu::softirq_seconds, 0_i64)
                .set(cpu::guest_seconds, 0_i64)
                .set(cpu::guest_nice_seconds, 0_i64)
                .set(cpu::iowait_seconds, (all - used) / 60)
                .set(cpu::idle_seconds, (all - used) - (all - used) / 60)
                .set(cpu::logical, self.cores as i64)
                .set(cpu::context_switches, tick as i64 * 41_000)
                .set(cpu::interrupts, tick as i64 * 18_300)
                .set(cpu::forks, tick as i64 * 12);
        })
    }

    fn core_table(&self, tick: u64) -> RawTable {
        let mut table = RawTable::new(FamilyId::Core);
        for index in 0..self.cores {
            let used = (self.busy(index, tick) * 1e6) as i64;
            let mut row = table.push(Key(index as u64, 0));
            row.text(core::core, index.to_string())
                .set(core::index, index as i64)
                .set(core::user_seconds, used)
                .set(core::idle_seconds, tick as i64 * 1_000_000 - used)
                .set(core::frequency_hertz, 3_100_000_000_i64 + (index as i64 % 7) * 300_000_000);
            for field in [core::nice_seconds, core::system_seconds, core::iowait_seconds] {
                row.set(field, 0_i64);
            }
            if self.cores >= 20 && index == 13 {
                row.set(core::online, 0_i64);
            }
        }
        table
    }

    /// The first thread of a process does half of its work.
    fn thread_table(&self, tick: u64) -> RawTable {
        let mut table = RawTable::new(FamilyId::Thread);
        for (place, known) in KNOWN.iter().enumerate().filter(|(_, known)| known.8 > 1) {
            let Known(pid, _, _, name, _, state, share, _, threads) = *known;
            for number in 0..threads {
                let part = if number == 0 { 0.5 } else { 0.5 / (threads - 1) as f64 };
                let tid = pid + number as u64;
                let moved = 0.8 * tick as f64 + 0.4 * swung(0.5, place + number as usize, tick);
                let name = if self.hostile {
                    HOSTILE_NAMES[number as usize % HOSTILE_NAMES.len()].to_owned()
                } else if number == 0 {
                    name.to_owned()
                } else {
                    format!("{name}-{number}")
                };
                table
                    .push(Key(tid, 100 + tid))
                    .text(thread::name, name)
                    .set(thread::tid, tid)
                    .set(thread::pid, pid)
                    .set(thread::state, state)
                    .set(thread::nice, 0_i64)
                    .set(thread::user_seconds, (share * part * 1e6 * moved) as i64)
                    .set(thread::system_seconds, 0_i64);
            }
        }
        table
    }

    fn process_table(&self, tick: u64) -> RawTable {
        let mut table = RawTable::new(FamilyId::Process);
        for (place, known) in KNOWN.iter().enumerate().take(self.processes) {
            let Known(pid, parent, user, name, command, state, share, bytes, threads) = *known;
            let used = (share * 1e6 * (0.8 * tick as f64 + 0.4 * swung(0.5, place, tick))) as i64;
            let mut row = table.push(Key(pid, 100 + pid));
            row.set(process::pid, pid)
                .set(process::parent_pid, parent)
                .set(process::start_seconds, start_of(pid))
                .set(process::state, state)
                .set(process::user_seconds, used)
                .set(process::system_seconds, pid as i64 * 1_000)
                .set(process::resident_bytes, bytes)
                .set(process::shared_bytes, bytes / 5)
                .set(process::virtual_bytes, bytes * 3)
                .set(process::threads, threads)
                .set(process::nice, if pid == 2 { -20_i64 } else { 0 })
                .set(process::priority, 20_i64)
                .set(process::kernel, command.is_empty())
                .text(process::name, name)
                .text(process::user, user);
            if !command.is_empty() {
                row.text(process::command, command);
            }
            // The counters of others' processes may be closed to us.
            if user != "root" {
                let rate = if name == "postgres" { 1_153_433.0 } else { 0.0 };
                row.set(process::read_bytes, grown(rate, 3, tick))
                    .set(process::written_bytes, grown(rate * 3.5 + 1024.0, 4, tick));
            }
        }
        if let Some(from) = self.burst.filter(|from| (*from..*from + 3).contains(&tick)) {
            let mut row = table.push(Key(14391, 100 + 14391));
            row.set(process::pid, 14391_i64)
                .set(process::parent_pid, 14447_i64)
                .set(process::start_seconds, (UP_SECONDS + from) as i64 * 1_000_000)
                .set(process::state, 0_i64)
                .set(process::user_seconds, (tick - from) as i64 * 6_120_000)
                .set(process::system_seconds, 0_i64)
                .set(process::resident_bytes, 2900 * MIB)
                .set(process::threads, 16_i64)
                .set(process::nice, 0_i64)
                .set(process::kernel, false)
                .text(process::name, "cc1plus")
                .text(process::user, "alice")
                .text(process::command, "/usr/lib/gcc/cc1plus -quiet big.cpp");
        }
        for extra in KNOWN.len()..self.processes {
            let pid = 40_000 + extra as u64 * 3;
            if extra == 89 && self.is_in_trouble(tick, 12, u64::MAX) {
                continue;
            }
            let mut row = table.push(Key(pid, 100 + pid));
            row.set(process::pid, pid)
                .set(process::parent_pid, if extra % 5 == 0 { 1 } else { pid - 3 })
                .set(process::start_seconds, (UP_SECONDS as i64 - 60) * 1_000_000)
                .set(process::state, (extra % 9) as i64)
                .set(process::user_seconds, grown(200.0, extra, tick))
                .set(process::system_seconds, 0_i64)
                .set(process::resident_bytes, (extra as i64 % 90) * MIB)
                .set(process::threads, (extra % 40) as i64)
                .set(process::nice, 0_i64)
                .set(process::kernel, false);
            if self.hostile {
                let name = HOSTILE_NAMES[extra % HOSTILE_NAMES.len()];
                row.text(process::name, name)
                    .text(process::command, name)
                    .text(process::user, name);
                row.set(process::resident_bytes, i64::MAX).set(process::nice, i64::MAX);
                row.set(process::parent_pid, pid);
            } else {
                row.text(process::name, format!("worker-{extra}"))
                    .text(process::user, ["alice", "bob", "www-data"][extra % 3])
                    .text(
                        process::command,
                        format!("/opt/app/bin/worker-{extra} --queue {}", extra % 7),
                    );
            }
        }
        table
    }
}

/// The threads of the first two processes.
fn thread_table(tick: u64) -> RawTable {
    let mut table = RawTable::new(FamilyId::Thread);
    for known in &KNOWN[..2] {
        let &Known(pid, .., threads) = known;
        for number in 0..threads as u64 {
            table
                .push(Key(pid + number, 100 + pid))
                .text(thread::name, format!("thread-{number}"))
                .set(thread::tid, pid + number)
                .set(thread::pid, pid)
                .set(thread::state, (number % 2) as i64)
                .set(thread::user_seconds, grown(40_000.0, number as usize, tick))
                .set(thread::system_seconds, 0_i64);
        }
    }
    table
}

fn one(family: FamilyId, fill: impl FnOnce(&mut retop_model::RowMut<'_>)) -> RawTable {
    let mut table = RawTable::new(family);
    fill(&mut table.push(Key::ONE));
    table
}

fn memory_table(tick: u64, short: bool, killed: bool) -> RawTable {
    one(FamilyId::Memory, |row| {
        let used =
            18 * GIB + ((swung(0.5, 3, tick + 1) - swung(0.5, 3, tick)) * 3.0 * GIB as f64) as i64;
        row.set(memory::total_bytes, 31 * GIB + 300 * MIB)
            .set(memory::free_bytes, 31 * GIB + 300 * MIB - used - 9 * GIB)
            .set(memory::available_bytes, if short { GIB } else { 13 * GIB })
            .set(memory::oom_kills, killed)
            .set(memory::buffers_bytes, 300 * MIB)
            .set(memory::cached_bytes, 9 * GIB - 300 * MIB)
            .set(memory::shared_bytes, 200 * MIB)
            .set(memory::slab_unreclaimable_bytes, 727 * MIB)
            .set(memory::dirty_bytes, 12 * MIB)
            .set(memory::anonymous_bytes, 15 * GIB)
            .set(memory::huge_total_bytes, 0_i64)
            .set(memory::swap_total_bytes, 8 * GIB)
            .set(memory::swap_free_bytes, 8 * GIB - 120 * MIB);
    })
}

fn pressure_table(tick: u64) -> RawTable {
    let mut table = RawTable::new(FamilyId::Pressure);
    for (name, rate) in [("cpu", 2_000), ("memory", 0), ("io", 11_000)] {
        table
            .push(Key::named(name.as_bytes()))
            .text(pressure::resource, name)
            .set(pressure::some_seconds, tick as i64 * rate);
    }
    table
}

fn disk_table(tick: u64, heavy: i64) -> RawTable {
    let mut table = RawTable::new(FamilyId::Disk);
    for (place, name) in ["nvme0n1", "nvme1n1", "nvme0n1p1"].into_iter().enumerate() {
        let busy = if place == 1 { 0.0 } else { 1.0 };
        let bytes = |who| grown(busy * 5e6, who, tick);
        table
            .push(Key(place as u64, 0))
            .text(disk::device, name)
            .set(disk::kind, i64::from(place == 2))
            .set(disk::read_bytes, bytes(11))
            .set(disk::written_bytes, bytes(5) + if place == 0 { heavy } else { 0 })
            .set(disk::reads_completed, bytes(11) / 8192)
            .set(disk::writes_completed, bytes(5) / 8192)
            .set(disk::read_time_seconds, bytes(11) / 50_000)
            .set(disk::write_time_seconds, bytes(5) / 50_000)
            .set(disk::io_time_seconds, grown(busy * 120.0, 6, tick))
            .set(disk::io_time_weighted_seconds, grown(busy * 300.0, 6, tick));
    }
    table
}

fn filesystems(full: bool) -> RawTable {
    let mut table = RawTable::new(FamilyId::Filesystem);
    for (place, (mount, all, free)) in
        [("/", 620, 178), ("/srv", 3400, if full { 102 } else { 1900 })].into_iter().enumerate()
    {
        table
            .push(Key(place as u64, 0))
            .text(filesystem::mountpoint, mount)
            .set(filesystem::size_bytes, all * GIB)
            .set(filesystem::free_bytes, free * GIB)
            .set(filesystem::avail_bytes, free * GIB);
    }
    table
}

fn network_table(tick: u64, heavy: i64) -> RawTable {
    let mut table = RawTable::new(FamilyId::Network);
    for (place, name) in ["lo", "eth0", "docker0", "wlan0"].into_iter().enumerate() {
        let scale = [9e9, 1.6e6, 9e5, 0.0][place];
        let bytes = |who| grown(scale * 0.4, who, tick);
        table
            .push(Key(place as u64, 0))
            .text(network::device, name)
            .set(network::loopback, place == 0)
            .set(network::link, i64::from(place == 3))
            .set(network::receive_bytes, bytes(17) + if place == 1 { heavy } else { 0 })
            .set(network::transmit_bytes, bytes(23) / 3)
            .set(network::receive_dropped, if place == 2 { tick as i64 * 3 } else { 0 })
            .set(network::transmit_dropped, 0_i64);
    }
    table
}

fn idle_states(tick: u64, cores: usize) -> RawTable {
    let mut table = RawTable::new(FamilyId::IdleState);
    for (place, (state, share)) in [("POLL", 9), ("C1", 120), ("C6", 480)].into_iter().enumerate() {
        table
            .push(Key(place as u64, 0))
            .text(idle_state::state, state)
            .text(idle_state::description, ["CPUIDLE CORE POLL IDLE", "MWAIT 0x00", ""][place])
            .set(idle_state::time_seconds, (tick * cores as u64 * share * 1000) as i64)
            .set(idle_state::cpus, cores);
    }
    table
}

fn interrupts(tick: u64) -> RawTable {
    let mut table = RawTable::new(FamilyId::Interrupt);
    for (line, devices, rate) in [
        ("LOC", "Local timer interrupts", 9_000.0),
        ("RES", "Rescheduling interrupts", 4_100.0),
        ("131", "eth0-TxRx-0", 2_600.0),
        ("9", "acpi", 0.0),
    ] {
        table
            .push(Key::named(line.as_bytes()))
            .text(interrupt::interrupt, line)
            .text(interrupt::devices, devices)
            .set(interrupt::interrupts, grown(rate, 7, tick));
    }
    table
}

fn groups(tick: u64, hostile: bool) -> RawTable {
    let mut table = RawTable::new(FamilyId::Cgroup);
    let docker = "/system.slice/docker-7c1f0a2be9d47c1f0a2be9d47c1f0a2be9d47c1f0a2be9d4.scope";
    let odd = "/\x1b[2J\u{202e}日本語の長い名前の制御グループ日本語の長い名前/*,(\"";
    let all = [
        ("/", "", 1.9, 18 * GIB, None),
        ("/init.scope", "", 0.001, 14 * MIB, None),
        ("/system.slice", "", 1.2, 14 * GIB, None),
        ("/system.slice/postgresql.service", "postgresql.service", 0.18, 2 * GIB, Some(4 * GIB)),
        ("/system.slice/ssh.service", "ssh.service", 0.0, 31 * MIB, None),
        (docker, "7c1f0a2be9d4", 0.96, 11 * GIB, Some(16 * GIB)),
        ("/user.slice", "", 0.7, 3 * GIB, None),
        ("/user.slice/user-1000.slice", "", 0.7, 3 * GIB, None),
        ("/user.slice/user-1000.slice/user@1000.service", "", 0.7, 3 * GIB, None),
    ];
    let hostile = hostile.then_some((odd, odd, 64.0, i64::MAX, Some(1)));
    for (place, (path, container, share, bytes, limit)) in
        all.into_iter().chain(hostile).enumerate()
    {
        let mut row = table.push(Key::named(path.as_bytes()));
        row.text(cgroup::cgroup, path)
            .set(cgroup::cpu_seconds, grown(share * 1e6, place, tick))
            .set(cgroup::working_set_bytes, bytes / 4 * 3)
            .set(cgroup::memory_bytes, bytes)
            .set(cgroup::memory_limit_bytes, limit)
            .set(cgroup::tasks, (bytes / (64 * MIB)).min(4_000))
            .set(cgroup::read_bytes, grown(share * 1e6, place + 3, tick))
            .set(cgroup::written_bytes, grown(share * 4e5, place + 5, tick))
            .set(cgroup::io_pressure_seconds, grown(share * 9e3, place, tick));
        if limit.is_some() {
            row.set(cgroup::cpu_limit, 2_000_000_i64)
                .set(cgroup::cpu_periods, tick as i64 * 10)
                .set(cgroup::cpu_throttled_periods, tick as i64);
        }
        if !container.is_empty() {
            row.text(cgroup::container, container);
        }
    }
    table
}

fn sources(tick: u64, scene: &Scene) -> RawTable {
    let mut table = RawTable::new(FamilyId::Source);
    let mut add = |name: &str, feeds: &str, state: i64, reason: &str, hint: &str| {
        let mut row = table.push(Key::named(name.as_bytes()));
        row.text(source::source, name).text(source::feeds, feeds).set(source::state, state);
        if !reason.is_empty() {
            row.text(source::reason, reason);
        }
        if !hint.is_empty() {
            row.text(source::hint, hint);
        }
        if state == source::WORKS {
            row.set(source::read_seconds, 171_i64)
                .set(source::read_time_seconds, tick as i64 * 171)
                .set(source::reads, tick as i64 + 1)
                .set(source::errors, 0_i64)
                .set(source::rows, 12_i64)
                .set(source::age_seconds, 0_i64);
        }
    };
    add("processor", "cpu cores idle_states interrupts", source::WORKS, "", "");
    add("processes", "processes threads", source::WORKS, "", "");
    add("disks", "disks filesystems", source::WORKS, "", "");
    add("cgroups", "cgroups", source::WORKS, "", "");
    if !scene.sensors {
        let reason = "/sys/class/hwmon: no such file or directory";
        add("sensors", "sensors", source::ABSENT, reason, "");
        add("batteries", "batteries", source::ABSENT, "/sys/class/power_supply is empty", "");
    }
    if scene.limited {
        let reason = "the I/O counters of other users' processes may not be read";
        add("processes/io", "", source::DENIED, reason, "");
        let reason = "/sys/class/powercap/intel-rapl:0/energy_uj: permission denied";
        let hint = "sudo setcap cap_dac_read_search+ep retop";
        add("power", "power", source::DENIED, reason, hint);
    }
    table
}

fn sensors() -> RawTable {
    let mut table = RawTable::new(FamilyId::Sensor);
    for (place, (chip, name, celsius)) in
        [("k10temp", "Tctl", 61), ("nvme", "Composite", 44), ("amdgpu", "edge", 96)]
            .into_iter()
            .enumerate()
    {
        table
            .push(Key(place as u64, 0))
            .text(sensor::chip, chip)
            .text(sensor::sensor, name)
            .set(sensor::temperature_celsius, celsius * 1000)
            .set(sensor::critical_celsius, 100_000_i64);
    }
    table
        .push(Key(9, 0))
        .text(sensor::chip, "nct6775")
        .text(sensor::sensor, "fan1")
        .set(sensor::fan_rpm, 1180_i64);
    table
}

fn power_table(tick: u64) -> RawTable {
    let mut table = RawTable::new(FamilyId::Power);
    for (place, (domain, watts)) in [("package-0", 41.2), ("dram", 3.2)].into_iter().enumerate() {
        let joules = grown(watts * 1e6, 2, tick);
        table
            .push(Key(place as u64, 0))
            .text(power::domain, domain)
            .text(power::source, "powercap")
            .set(power::energy_joules, joules);
    }
    table
}

fn batteries() -> RawTable {
    one(FamilyId::Battery, |row| {
        row.text(battery::battery, "BAT0")
            .set(battery::charge_ratio, 8_300_i64)
            .set(battery::energy_joules, 150_000_000_000_i64)
            .set(battery::power_watts, 12_000_000_i64)
            .set(battery::status, 1_i64);
    })
}
