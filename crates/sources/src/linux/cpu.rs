//! CPU times and topology: `/proc/stat` and `/sys/devices/system/cpu`.

use retop_model::family::{core, cpu};
use retop_model::{FamilyId, Field, Key};

use super::file::{self, KeptFile};
use super::frequency::Frequencies;
use super::parse::{self, Fields};
use super::perf;
use super::topology::Topology;
use crate::demand::Rows;
use crate::roots::Roots;
use crate::source::{Problem, Read, Source};

/// Microseconds in a tick of `/proc/stat`: user space sees 100 ticks a second on every platform,
/// whatever the kernel's own rate.
pub(crate) const TICK_MICROSECONDS: u64 = 10_000;

/// All CPUs, and each by itself.
pub(crate) struct Cpu {
    roots: Roots,
    stat: KeptFile,
    text: Vec<u8>,
    counted: Vec<(u32, Times)>,
    topology: Topology,
    /// The CPUs for which the topology was read.
    mapped: Vec<u32>,
    frequencies: Frequencies,
    counters: perf::Machine<perf::System>,
}

impl Cpu {
    pub(crate) fn new(roots: &Roots) -> Cpu {
        Cpu {
            roots: roots.clone(),
            stat: KeptFile::whole(roots.proc.join("stat")),
            text: Vec::new(),
            counted: Vec::new(),
            topology: Topology::default(),
            mapped: file::list(&roots.sys.join("devices/system/cpu/online")),
            frequencies: Frequencies::new(roots),
            counters: perf::Machine::new(perf::System),
        }
    }

    /// Reads the topology again if the set of CPUs in `/proc/stat` is another one.
    fn follow_hotplug(&mut self) {
        let same = self.mapped.iter().eq(self.counted.iter().map(|(number, _)| number));
        if !same {
            self.mapped = self.counted.iter().map(|&(number, _)| number).collect();
            self.topology = Topology::read(&self.roots.sys, &self.mapped);
        }
    }

    /// CPUs that retop may run on.
    fn allowed(&mut self) -> Option<usize> {
        if self.roots.is_real() {
            return affinity();
        }
        let status = file::short(&self.roots.proc.join("self/status")).ok()?;
        let (_, list) = parse::lines(&status)
            .filter_map(parse::keyed)
            .find(|&(key, _)| key == b"Cpus_allowed_list")?;
        // The list names CPUs that are offline too.
        let counted = |number: &u32| self.mapped.binary_search(number).is_ok();
        Some(parse::list(list).iter().filter(|number| counted(number)).count())
    }
}

impl Source for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Cpu, FamilyId::Core]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        let wants_cpu = read.demand().wants(FamilyId::Cpu);
        let wants_cores = read.demand().wants(FamilyId::Core);
        if !wants_cpu && !wants_cores {
            return Err(Problem::unasked());
        }
        if self.topology.places.is_empty() {
            // Before the clock starts: it takes longer than all the rest.
            self.topology = Topology::read(&self.roots.sys, &self.mapped);
        }
        let begin = read.now_ns();
        let stat = parse_stat(self.stat.text(&mut self.text)?, &mut self.counted);
        if stat.all == Times::default() && self.counted.is_empty() {
            return Err(self.stat.without("line of CPU times"));
        }
        self.follow_hotplug();
        if wants_cpu {
            let mut table = read.table(FamilyId::Cpu);
            let mut row = table.push(Key::ONE);
            for (field, time) in CPU_TIMES.into_iter().zip(stat.all.0) {
                row.set(field, time);
            }
            row.set(cpu::logical, self.counted.len())
                .set(cpu::physical, self.topology.physical)
                .set(cpu::packages, self.topology.packages)
                .set(cpu::allowed, self.allowed())
                .set(cpu::context_switches, stat.context_switches)
                .set(cpu::interrupts, stat.interrupts)
                .set(cpu::softirqs, stat.softirqs)
                .set(cpu::forks, stat.forks)
                .set(cpu::runnable, stat.runnable)
                .set(cpu::blocked, stat.blocked);
            // Asking interrupts each CPU: not before somebody looks at such numbers.
            if read.demand().processes.counters != Rows::None {
                match self.counters.read(&self.roots, &self.mapped) {
                    Ok([cycles, instructions]) => {
                        row.set(cpu::cycles, cycles).set(cpu::instructions, instructions);
                    }
                    Err(problem) => {
                        read.report("cpu/counters", "cycles instructions", Some(problem))
                    }
                }
            }
            read.give(table, begin);
        }
        if wants_cores {
            if self.topology.has_frequency {
                self.frequencies.take(self.mapped.iter().copied());
            }
            let mut table = read.table(FamilyId::Core);
            let mut counted = self.counted.iter().peekable();
            for place in &self.topology.places {
                let times = counted.next_if(|(number, _)| *number == place.number);
                if times.is_none() && place.online {
                    // A container's view of /proc/stat leaves out CPUs that are not its own.
                    continue;
                }
                let mut row = table.push(Key(u64::from(place.number), 0));
                row.text(core::core, place.label.clone())
                    .set(core::index, place.number)
                    .set(core::package, place.package)
                    .set(core::core_id, place.core)
                    .set(core::kind, place.kind)
                    .set(core::node, place.node)
                    .set(core::frequency_minimum_hertz, place.minimum_hertz)
                    .set(core::frequency_maximum_hertz, place.maximum_hertz)
                    .set(core::online, times.is_some());
                if let Some((number, times)) = times {
                    for (field, time) in CORE_TIMES.into_iter().zip(times.0) {
                        row.set(field, time);
                    }
                    row.set(core::guest_seconds, times.guests())
                        .set(core::frequency_hertz, self.frequencies.of(*number));
                }
            }
            read.give(table, begin);
        }
        Ok(())
    }
}

/// In the order of a line of `/proc/stat`.
const CPU_TIMES: [Field; 10] = [
    cpu::user_seconds,
    cpu::nice_seconds,
    cpu::system_seconds,
    cpu::idle_seconds,
    cpu::iowait_seconds,
    cpu::irq_seconds,
    cpu::softirq_seconds,
    cpu::steal_seconds,
    cpu::guest_seconds,
    cpu::guest_nice_seconds,
];

/// As above; guests of both priorities are one there.
const CORE_TIMES: [Field; 8] = [
    core::user_seconds,
    core::nice_seconds,
    core::system_seconds,
    core::idle_seconds,
    core::iowait_seconds,
    core::irq_seconds,
    core::softirq_seconds,
    core::steal_seconds,
];

/// The times of a line in microseconds, guests taken out of user and nice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times([Option<u64>; 10]);

impl Times {
    fn parse(mut fields: Fields<'_>) -> Times {
        let microseconds = |ticks: u64| ticks.saturating_mul(TICK_MICROSECONDS);
        let mut times = [(); 10].map(|()| fields.number().map(microseconds));
        let [user, nice, .., guest, guest_nice] = &mut times;
        // user is rounded down apart from guest, so it can lag behind by a tick.
        *user = user.map(|user| user.saturating_sub(guest.unwrap_or(0)));
        *nice = nice.map(|nice| nice.saturating_sub(guest_nice.unwrap_or(0)));
        Times(times)
    }

    fn guests(&self) -> Option<u64> {
        let [.., guest, guest_nice] = self.0;
        Some(guest?.saturating_add(guest_nice.unwrap_or(0)))
    }
}

/// What `/proc/stat` says of all CPUs together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stat {
    all: Times,
    context_switches: Option<u64>,
    interrupts: Option<u64>,
    softirqs: Option<u64>,
    forks: Option<u64>,
    runnable: Option<u64>,
    blocked: Option<u64>,
}

/// Parses `/proc/stat`. From the front as far as the `intr` line, which can be megabytes long, and
/// from the back to the line after it.
fn parse_stat(text: &[u8], cores: &mut Vec<(u32, Times)>) -> Stat {
    let mut stat = Stat::default();
    cores.clear();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(numbers) = rest.strip_prefix(b"intr ") {
            // 24 bytes hold the longest number; the line is not looked at any further.
            stat.interrupts = Fields::new(numbers.get(..24).unwrap_or(numbers)).number();
            break;
        }
        let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let (line, tail) = rest.split_at(end);
        rest = tail.get(1..).unwrap_or(&[]);
        let mut fields = Fields::new(line);
        match fields.next().and_then(|name| name.strip_prefix(b"cpu")) {
            Some(b"") => stat.all = Times::parse(fields),
            Some(number) => {
                let number = parse::decimal(number).and_then(|number| u32::try_from(number).ok());
                cores.extend(number.map(|number| (number, Times::parse(fields))));
            }
            None => {}
        }
    }
    for line in parse::lines(rest).rev() {
        let mut fields = Fields::new(line);
        let place = match fields.next() {
            Some(b"softirq") => &mut stat.softirqs,
            Some(b"procs_blocked") => &mut stat.blocked,
            Some(b"procs_running") => &mut stat.runnable,
            Some(b"processes") => &mut stat.forks,
            Some(b"ctxt") => {
                stat.context_switches = fields.number();
                break;
            }
            Some(b"intr") | None => break,
            Some(_) => continue,
        };
        *place = fields.number();
    }
    // In order already, unless somebody made the file up.
    if !cores.is_sorted_by(|(one, _), (other, _)| one < other) {
        cores.sort_by_key(|&(number, _)| number);
        cores.dedup_by_key(|&mut (number, _)| number);
    }
    stat
}

/// The CPUs on which the kernel lets this process run.
fn affinity() -> Option<usize> {
    // Kernels are built for 8,192 CPUs at most; a mask shorter than the kernel's is refused.
    let mut mask = [0u64; 128];
    // SAFETY: the kernel writes at most the length it is given, which is the mask's.
    let failed = unsafe {
        libc::sched_getaffinity(0, size_of_val(&mask), mask.as_mut_ptr().cast::<libc::cpu_set_t>())
    };
    (failed == 0).then(|| mask.iter().map(|word| word.count_ones() as usize).sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use retop_model::family::source::{FAILING, UNASKED};

    use super::*;
    use crate::linux::tree::{Bench, Tree, read_once};

    const STAT: &str = "cpu  100 20 30 400 50 6 7 8 40 5\n\
        cpu0 60 10 15 200 25 3 3 4 20 2\n\
        cpu3 40 10 15 200 25 3 4 4 20 3\n\
        intr 12345 1 2 3\n\
        ctxt 777\nbtime 1700000000\nprocesses 55\nprocs_running 2\nprocs_blocked 1\n\
        softirq 99 1 2\n";

    #[test]
    fn times_switches_and_offline_cpus() {
        let tree = Tree::new(&[
            ("proc/stat", STAT),
            ("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-2,4\n"),
            ("sys/devices/system/cpu/online", "0,3\n"),
            ("sys/devices/system/cpu/present", "0-3\n"),
            ("sys/devices/system/cpu/cpu3/cpufreq/cpuinfo_max_freq", "2000000\n"),
            ("sys/devices/system/cpu/cpu3/cpufreq/scaling_cur_freq", "1500000\n"),
        ]);
        let taken = read_once(&mut Cpu::new(&tree.roots()));
        assert_eq!(taken.result, Ok(()));
        let snapshot = taken.snapshot;
        let one = |field| snapshot.one(field);
        assert_eq!(one(cpu::user_seconds), Some(0.6));
        assert_eq!(one(cpu::nice_seconds), Some(0.15));
        assert_eq!(one(cpu::guest_seconds), Some(0.4));
        assert_eq!((one(cpu::logical), one(cpu::allowed)), (Some(2.0), Some(1.0)));
        assert_eq!((one(cpu::context_switches), one(cpu::forks)), (Some(777.0), Some(55.0)));
        assert_eq!((one(cpu::interrupts), one(cpu::softirqs)), (Some(12345.0), Some(99.0)));
        assert_eq!((one(cpu::runnable), one(cpu::blocked)), (Some(2.0), Some(1.0)));
        let rows: Vec<_> = snapshot.rows(FamilyId::Core).collect();
        let online: Vec<_> = rows.iter().map(|row| row.get(core::online)).collect();
        assert_eq!(online, [Some(1.0), Some(0.0), Some(0.0), Some(1.0)]);
        assert_eq!(rows[1].get(core::user_seconds), None);
        assert_eq!(
            (rows[3].shown(core::core), rows[3].get(core::guest_seconds)),
            ("3", Some(0.23))
        );
        assert_eq!(rows[3].get(core::frequency_hertz), Some(1.5e9));
    }

    #[test]
    fn a_cpu_that_comes_back_brings_its_topology() {
        let tree = Tree::new(&[
            ("proc/stat", "cpu  1 1 1 1\ncpu0 1 1 1 1\n"),
            ("sys/devices/system/cpu/online", "0\n"),
            ("sys/devices/system/cpu/present", "0-1\n"),
        ]);
        let (mut source, mut bench) = (Cpu::new(&tree.roots()), Bench::new());
        let first = bench.read(&mut source).snapshot;
        assert_eq!(first.row(FamilyId::Core, 1).unwrap().get(core::online), Some(0.0));
        tree.write("proc/stat", "cpu  3 1 1 2\ncpu0 1 1 1 1\ncpu1 2 0 0 1\n");
        tree.write("sys/devices/system/cpu/online", "0-1\n");
        tree.write("sys/devices/system/cpu/cpu1/topology/core_id", "7\n");
        let second = bench.read(&mut source).snapshot;
        let row = second.row(FamilyId::Core, 1).unwrap();
        assert_eq!((row.get(core::online), row.get(core::core_id)), (Some(1.0), Some(7.0)));
        assert_eq!(second.one(cpu::utilization_ratio), Some(2.0 / 3.0));
        // An old kernel's short line leaves the rest missing.
        assert_eq!(second.one(cpu::steal_seconds), None);
    }

    #[test]
    fn files_that_are_none() {
        for text in ["", "intr", "\u{0}\u{0}", "cpux 1 2 3\n", "ctxt 5\n"] {
            let tree = Tree::new(&[("proc/stat", text)]);
            let taken = read_once(&mut Cpu::new(&tree.roots()));
            assert_eq!(taken.result.unwrap_err().state, FAILING, "{text:?}");
        }
    }

    #[test]
    fn what_nobody_wants_is_not_read() {
        let tree = Tree::new(&[("proc/stat", STAT)]);
        let (mut source, mut bench) = (Cpu::new(&tree.roots()), Bench::new());
        bench.demand.want(FamilyId::Core, false);
        let taken = bench.read(&mut source);
        assert!(taken.result.is_ok() && taken.snapshot.rows(FamilyId::Core).len() == 0);
        bench.demand.want(FamilyId::Cpu, false);
        assert_eq!(bench.read(&mut source).result.unwrap_err().state, UNASKED);
    }

    #[test]
    fn a_long_interrupt_line_costs_nothing() {
        let long = STAT.replace("1 2 3\n", &"0 ".repeat(1 << 20));
        let (mut cores, mut others) = (Vec::new(), Vec::new());
        let long = long.replace("ctxt", "\nctxt");
        assert_eq!(
            parse_stat(long.as_bytes(), &mut cores),
            parse_stat(STAT.as_bytes(), &mut others)
        );
        assert_eq!(cores, others);
    }

    #[test]
    fn this_machine_agrees_with_the_system_call() {
        let text = std::fs::read("/proc/stat").unwrap();
        let mut cores = Vec::new();
        let stat = parse_stat(&text, &mut cores);
        // SAFETY: sysconf has no preconditions.
        let online = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
        assert_eq!(i64::try_from(cores.len()).unwrap(), online);
        // SAFETY: as above.
        let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        assert_eq!(u64::try_from(ticks).unwrap() * TICK_MICROSECONDS, 1_000_000);
        assert!(stat.context_switches > Some(0) && affinity() > Some(0));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(cut in 0..STAT.len(), bytes: Vec<u8>, place in 0..STAT.len()) {
            let mut cores = Vec::new();
            parse_stat(&bytes, &mut cores);
            let mut text = STAT.as_bytes()[..cut].to_vec();
            let place = place.min(text.len());
            text.splice(place..place, bytes);
            parse_stat(&text, &mut cores);
            prop_assert!(cores.is_sorted_by(|(one, _), (other, _)| one < other));
        }
    }
}
