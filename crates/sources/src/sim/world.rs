//! A made-up machine in time: one second after another, the same in every run.

use std::cell::RefCell;
use std::collections::HashMap;

use retop_model::{Stamp, Text};

use super::flow::Flow;
use super::groups::Groups;
use super::hardware::{Core, Disk, Network, USABLE, Wanted, run};
use super::memory::Memory;
use super::noise::{mix, rough, smooth};
use super::population::{Climate, Population};
use super::script::{Moment, What};
use super::spec::Spec;

/// Seconds that are played at most when the clock jumps; the rest of a longer jump never happened
/// to this machine, as if it had been stopped.
const LONGEST_JUMP: u64 = 3600;

/// Time in which tasks wait for a resource.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pressure {
    /// Microseconds in which at least one task waited.
    pub some: Flow,
    /// Microseconds in which all waited.
    pub full: Flow,
    /// Means over 10 and 60 seconds, in units of 1/10,000: some, full.
    pub means: [[u64; 2]; 2],
}

/// A made-up machine at a moment.
pub struct World {
    /// What it is built of.
    pub spec: Spec,
    /// Seconds of script time that are over.
    pub second: u64,
    /// Microseconds of the present second that are over.
    pub part: u64,
    /// Microseconds since it was booted.
    pub uptime_us: u64,
    /// The boot clock at its own boot; negative where the watching machine is younger.
    pub boot_us: i64,
    /// Its processes.
    pub population: Population,
    /// Its control groups.
    pub groups: Groups,
    /// Its logical CPUs.
    pub cores: Vec<Core>,
    /// Its block devices.
    pub disks: Vec<Disk>,
    /// Its network interfaces.
    pub networks: Vec<Network>,
    /// Its memory.
    pub memory: Memory,
    /// CPU, memory and I/O pressure.
    pub pressure: [Pressure; 3],
    /// Share of the machine's CPU time in use, in thousandths.
    pub busy: u64,
    /// Requests that come in, as thousandths of a usual second's.
    pub traffic: u64,
    /// How much longer a disk takes than when it is alone.
    pub slowdown: u64,
    /// Part of each file system in use, in thousandths of thousandths.
    pub filled: Vec<u64>,
    /// Energy of each power domain, in microjoules.
    pub energy: Vec<Flow>,
    /// Energy of each graphics processor, in millijoules.
    pub gpu_energy: Vec<Flow>,
    /// Energy left in the battery, in microjoules.
    pub charge: u64,
    /// Means of runnable and blocked tasks, in millionths: 1, 5 and 15 minutes.
    pub load: [u64; 3],
    /// Interrupts and context switches of the machine.
    pub switches: Flow,
    /// Numbers of the logical CPUs as texts.
    pub core_names: Vec<Text>,
    /// For each block device the names of those built on it.
    pub holders: Vec<Option<Text>>,
    /// Texts in use, so that a tick allocates none and equal ones share memory.
    texts: RefCell<HashMap<&'static str, Text>>,
    origin: Option<Stamp>,
    skipped_ns: u64,
    leaking: Option<u64>,
    /// Who fills a file system in the present second, and by how many bytes.
    filling: Option<(&'static str, u64)>,
}

impl World {
    /// Builds a machine, in its first second.
    pub fn new(mut spec: Spec) -> World {
        let uptime = spec.uptime;
        let mut groups = Groups::default();
        groups.intern("/", None);
        for (path, cpus, bytes) in &spec.group_limits {
            groups.limit(path, *cpus, *bytes);
        }
        let population = Population::new(std::mem::take(&mut spec.programs), &mut groups, uptime);
        let joules = |&(idle, busy): &(u64, u64)| Flow::aged((idle * 3 + busy) / 4 * 1000, uptime);
        let mut world = World {
            second: 0,
            part: 0,
            uptime_us: uptime * 1_000_000,
            boot_us: 0,
            cores: vec![Core::aged(uptime); usize::try_from(spec.threads()).unwrap_or(1)],
            disks: spec.disks.iter().map(|disk| Disk::aged(disk, uptime)).collect(),
            networks: spec.networks.iter().map(|net| Network::aged(net, uptime)).collect(),
            memory: Memory { cached: spec.cache, ..Memory::default() },
            pressure: [Pressure::default(); 3],
            busy: 0,
            traffic: 1000,
            slowdown: 1,
            filled: spec.filesystems.iter().map(|fs| fs.used * 1000).collect(),
            energy: spec.power.iter().map(|power| joules(&power.milliwatts)).collect(),
            gpu_energy: Vec::new(),
            charge: spec.battery.map_or(0, |b| b.capacity.1 * 3600 * b.charge),
            load: [spec.threads() * 200_000; 3],
            switches: Flow::aged(4_000 * spec.threads(), uptime),
            core_names: (0..spec.threads()).map(|index| Text::from(index.to_string())).collect(),
            holders: spec.disks.iter().map(|disk| holders(&spec, disk.name)).collect(),
            texts: RefCell::default(),
            origin: None,
            skipped_ns: 0,
            leaking: None,
            filling: None,
            population,
            groups,
            spec,
        };
        world.begin_second();
        world
    }

    /// A text of the machine's description, always the same piece of memory.
    pub fn text(&self, text: &'static str) -> Text {
        self.texts.borrow_mut().entry(text).or_insert_with(|| Text::from(text)).clone()
    }

    /// Goes on to the moment of the clock. A clock that goes back stands still here.
    pub fn advance(&mut self, now: Stamp) {
        let origin = *self.origin.get_or_insert(now);
        let uptime_us = self.spec.uptime * 1_000_000;
        let signed = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
        self.boot_us = signed(origin.boottime_ns / 1000) - signed(uptime_us);
        let slept_us = now.slept_ns(origin) / 1000;
        let passed = now.monotonic_ns.saturating_sub(origin.monotonic_ns);
        let mut script_ns = passed.saturating_sub(self.skipped_ns);
        let played = self.second.saturating_mul(1_000_000_000);
        if script_ns < played {
            return;
        }
        let jump = script_ns - played;
        if jump > LONGEST_JUMP * 1_000_000_000 {
            let skip = jump - LONGEST_JUMP * 1_000_000_000;
            self.skipped_ns += skip;
            script_ns -= skip;
        }
        let stopped_us = slept_us.saturating_add(self.skipped_ns / 1000);
        while self.second < script_ns / 1_000_000_000 {
            self.second += 1;
            self.uptime_us = (uptime_us + self.second * 1_000_000).saturating_add(stopped_us);
            self.begin_second();
        }
        self.part = script_ns % 1_000_000_000 / 1000;
        self.uptime_us =
            (uptime_us + self.second * 1_000_000 + self.part).saturating_add(stopped_us);
    }

    fn begin_second(&mut self) {
        let second = self.second;
        let script = self.spec.script;
        let mut storm = None;
        self.population.end(|process| process.ends.is_some_and(|ends| ends <= second));
        for (used, fs) in self.filled.iter_mut().zip(&self.spec.filesystems) {
            *used = fs.used * 1000;
        }
        for moment in script.at(second) {
            if let What::Storm { program } = moment.what {
                storm = Some(program);
            }
            self.happen(moment);
        }
        self.errands();
        // The tide of requests: a slow wave with a fast ripple.
        self.traffic = 500 + smooth(0x71de, second / 6) * 4 / 5 + smooth(0xf1e5, second) / 5;
        let climate = Climate {
            second,
            traffic: self.traffic,
            io_wait: if storm.is_some() { 450 + smooth(0x10, second) / 3 } else { 0 },
            culprit: storm,
        };
        self.slowdown = if storm.is_some() { 30 + smooth(0x510, second) / 50 } else { 1 };
        self.population.breathe(climate);
        if let Some((program, bytes)) = self.filling.take() {
            self.population.write(program, bytes);
        }
        let contention = self.run_processes(climate);
        self.move_bytes(storm.is_some());
        self.settle_memory(storm.is_some());
        self.feel_pressure(contention, climate.io_wait);
        self.draw_power();
        super::gpu::next_second(self);
    }

    fn start(&mut self, program: &str, seconds: u64) -> Option<u64> {
        let place = self.population.program(program)?;
        let number = self.second % 10_000;
        let pid = self.population.start(place, number.max(1), self.uptime_us, &mut self.groups)?;
        let process = self.population.processes.iter_mut().find(|process| process.pid == pid)?;
        process.ends = Some(self.second + seconds);
        Some(pid)
    }

    fn happen(&mut self, moment: Moment) {
        let Moment { what, passed, length } = moment;
        let left = length - passed;
        match what {
            What::Storm { program } | What::Run { program } if passed == 0 => {
                self.start(program, length);
            }
            What::Storm { .. } | What::Run { .. } => {}
            What::Build { driver, workers, at_once } => {
                if passed == 0 {
                    self.start(driver, length);
                }
                let places = workers.iter().filter_map(|name| self.population.program(name));
                let busy: usize = places.map(|place| self.population.alive(place)).sum();
                for slot in busy..at_once {
                    let chance = mix(self.second ^ (slot as u64) << 32);
                    let Some(worker) = workers.get(chance as usize % workers.len().max(1)) else {
                        continue;
                    };
                    self.start(worker, (2 + chance % 8).min(left));
                }
            }
            What::Leak { program, bytes_per_second } => {
                let Some(place) = self.population.program(program) else { return };
                let processes = &mut self.population.processes;
                if passed == 0 {
                    let leaky = processes.iter().rfind(|process| process.program == place);
                    self.leaking = leaky.map(|process| process.pid);
                }
                let leaking = self.leaking;
                if let Some(leaky) = processes.iter_mut().find(|p| Some(p.pid) == leaking) {
                    leaky.leaked_bytes +=
                        bytes_per_second * (700 + rough(7, passed) * 3 / 5) / 1000;
                }
            }
            What::Fill { program, mountpoint, share_permille } => {
                let place = self.spec.filesystems.iter().position(|fs| fs.mountpoint == mountpoint);
                if let Some(used) = place.and_then(|place| self.filled.get_mut(place)) {
                    let more = share_permille * 1000 * (passed + 1) / length.max(1);
                    *used = (*used + more).min(1_000_000);
                }
                let size = place.and_then(|place| Some(self.spec.filesystems.get(place)?.size));
                let bytes = size.unwrap_or(0) / 1000 * share_permille / length.max(1);
                self.filling = Some((program, bytes));
            }
        }
    }

    /// The short-lived processes that every machine has.
    fn errands(&mut self) {
        if self.second.is_multiple_of(10) && self.second > 0 {
            self.start("health-check", 1);
        }
        if self.second.is_multiple_of(60) && self.second > 0 {
            self.start("cron-job", 2);
        }
    }

    /// Gives out the cores, and says by how many thousandths more was wanted than there is.
    fn run_processes(&mut self, climate: Climate) -> u64 {
        let processes = &mut self.population.processes;
        let wanted: u64 = processes.iter().map(|process| process.cpu_rate()).sum();
        let capacity = self.cores.len() as u64 * USABLE;
        if wanted > capacity {
            let squeeze = capacity * 1000 / wanted;
            processes.iter_mut().for_each(|process| process.squeeze(squeeze));
        }
        let mut sums = Wanted {
            iowait: climate.io_wait * 2 / 3,
            interrupts: 2 + self.traffic / 300,
            steal: u64::from(self.spec.virtualization.is_some()) * 2,
            ..Wanted::default()
        };
        self.groups.begin_second();
        let mut switches = 0;
        for process in processes.iter() {
            let (user, system) = (process.user.rate(), process.system.rate());
            let Some(program) = self.population.programs.get(process.program) else { continue };
            sums.system += system;
            *(if program.nice > 0 { &mut sums.nice } else { &mut sums.user }) += user;
            switches += process.switches.rate();
            let Some(group) = self.groups.list.get_mut(process.group) else { continue };
            group.user.add(user);
            group.system.add(system);
            group.read.add(process.read.rate());
            group.written.add(process.written.rate());
            group.io_waits.set_rate(group.io_waits.rate().max(process.io_delay.rate()));
            group.own_bytes += process.private_bytes();
            group.file_bytes += program.shared_bytes / 4;
            group.tasks += program.threads;
        }
        let usable = wanted.min(capacity);
        self.busy = usable * 1000 / (self.cores.len() as u64 * 1_000_000).max(1);
        let contention = (wanted * 1000 / capacity.max(1)).saturating_sub(700).min(900);
        for group in &mut self.groups.list {
            let busy = (group.user.rate() + group.system.rate()).min(1_000_000);
            group.cpu_waits.set_rate(busy * contention / 1000);
        }
        self.groups.sum_up();
        run(&mut self.cores, processes, sums, climate.second);
        self.switches.next(switches + 300 * self.cores.len() as u64);
        contention
    }

    fn move_bytes(&mut self, storm: bool) {
        let second = self.second;
        let processes = &self.population.processes;
        let read: u64 = processes.iter().map(|process| process.read.rate()).sum();
        // The journal writes too, and belongs to nobody.
        let written: u64 =
            processes.iter().map(|process| process.written.rate()).sum::<u64>() + 40_960;
        for (place, disk) in self.spec.disks.iter().enumerate() {
            let of = |bytes: u64, salt: u64| {
                let drift = 900 + smooth(place as u64 ^ salt, second) / 10;
                bytes * disk.share / 1000 * drift / 1000
            };
            let slowdown = if storm { self.slowdown } else { 1 };
            let parent = self.spec.disks.iter().position(|above| above.name == disk.parent);
            let bytes = match parent.and_then(|place| self.disks.get(place)) {
                Some(above) => (
                    above.read.rate() * disk.share / 1000,
                    above.written.rate() * disk.share / 1000,
                ),
                None => (of(read, 1), of(written, 2)),
            };
            if let Some(state) = self.disks.get_mut(place) {
                state.work(disk, bytes, slowdown);
            }
        }
        for (place, network) in self.spec.networks.iter().enumerate() {
            if let Some(state) = self.networks.get_mut(place) {
                state.work(network, place as u64, self.traffic, second);
            }
        }
    }

    fn settle_memory(&mut self, storm: bool) {
        let sum = |population: &Population| -> u64 {
            population.processes.iter().map(|process| process.private_bytes()).sum()
        };
        let disks = self.spec.disks.iter().zip(&self.disks);
        let io = disks
            .filter(|(disk, _)| disk.parent.is_empty())
            .fold((0, 0), |io, (_, state)| (io.0 + state.read.rate(), io.1 + state.written.rate()));
        self.memory.settle(&self.spec, sum(&self.population), io, storm);
        if self.memory.is_exhausted(&self.spec) {
            self.kill_the_largest();
        }
    }

    /// What the kernel does when memory has run out; the unit's manager starts a new one.
    fn kill_the_largest(&mut self) {
        let largest = self.population.processes.iter().max_by_key(|p| p.private_bytes());
        let Some(victim) = largest.cloned() else { return };
        self.population.end(|process| process.pid == victim.pid);
        self.memory.oom_kills += 1;
        if let Some(group) = self.groups.list.get_mut(victim.group) {
            group.oom_kills += 1;
        }
        self.population.start(victim.program, victim.number, self.uptime_us, &mut self.groups);
    }

    fn feel_pressure(&mut self, contention: u64, io_wait: u64) {
        let memory = self.memory.want(&self.spec).saturating_sub(300) * 10 / 7;
        let waits = [(contention, 0), (memory, memory / 3), (io_wait, io_wait / 2)];
        for (pressure, (some, full)) in self.pressure.iter_mut().zip(waits) {
            let some = some.min(990);
            pressure.some.next(some * 1000);
            pressure.full.next(full.min(some) * 1000);
            for (means, now) in pressure.means.iter_mut().zip([some, full.min(some)]) {
                for (mean, seconds) in means.iter_mut().zip([10, 60]) {
                    *mean = (*mean * (seconds - 1) + now * 10) / seconds;
                }
            }
        }
        let waiting = |state: i64| {
            self.population.processes.iter().filter(|p| p.state == state).count() as u64
        };
        let tasks = (waiting(0) + waiting(2)) * 1_000_000;
        for (mean, seconds) in self.load.iter_mut().zip([60, 300, 900]) {
            *mean = (*mean * (seconds - 1) + tasks) / seconds;
        }
    }

    fn draw_power(&mut self) {
        let busy = self.busy;
        let drawn = |(idle, full): (u64, u64)| idle + full.saturating_sub(idle) * busy / 1000;
        for (energy, power) in self.energy.iter_mut().zip(&self.spec.power) {
            energy.next(drawn(power.milliwatts) * 1000);
        }
        if let Some(battery) = self.spec.battery {
            let full = battery.capacity.1 * 3_600_000;
            self.charge = self.charge.saturating_sub(self.battery_milliwatts() * 1000);
            if self.charge < full / 20 {
                // Somebody plugs it in for a while, out of the picture.
                self.charge = full;
            }
        }
    }

    /// What the battery gives, in milliwatts.
    pub fn battery_milliwatts(&self) -> u64 {
        let whole = self.spec.power.iter().position(|power| power.whole);
        whole.and_then(|place| self.energy.get(place)).map_or(9_000, |energy| energy.rate() / 1000)
    }
}

fn holders(spec: &Spec, name: &str) -> Option<Text> {
    let on_top = spec.disks.iter().filter(|disk| disk.parent == name);
    let names: Vec<&str> = on_top.map(|disk| disk.name).collect();
    (!names.is_empty()).then(|| Text::from(names.join(" ")))
}
