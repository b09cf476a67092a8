//! What cores and clusters do, by the chip's own account of their performance states; where that is
//! missing, as in virtual machines, by the kernel's ticks alone.

use std::sync::Arc;

use retop_model::counter::Unwrapped;
use retop_model::family::{cluster, core, cpu, performance_state};
use retop_model::{FamilyId, Key, RawTable};

use super::dvfs::{Table, Tables};
use super::graphics_unit::Graphics;
use super::held_down::HeldDown;
use super::layout::Timebase;
use super::library::Library;
use super::names::{self, Complex, CpuChannel, EnergyOf, Rail, Tier};
use super::rails::{Counted, Energy};
use super::report::{Held, Subscription};
use super::shared::Shared;
use super::states::{self, Spent, State};
use super::{registry, system, topology};
use crate::source::{Problem, Read, Source};

/// Ticks in a second, unless the unit's label says another number.
const TICKS: f64 = 24e6;
/// Microseconds of a tick of the kernel.
const TICK_US: i64 = 10_000;

pub struct Performance {
    library: Arc<Library>,
    chip: Option<Chip>,
    /// Ticks of each CPU: user, system, idle, nice.
    ticks: Vec<[Unwrapped; 4]>,
    graphics: Graphics,
}

/// What the chip accounts for.
struct Chip {
    tables: Tables,
    is_super_named: bool,
    cores: Option<Accounts>,
    clusters: Option<Accounts>,
    base: Option<Timebase>,
    /// Energy of cores, clusters and graphics, and when it was sampled.
    energy: Option<Energy>,
    energy_ns: u64,
    reasons: HeldDown,
    /// The logical CPU of each channel of cores.
    numbers: Vec<(usize, u32)>,
    /// Clock of each channel at the last read.
    before: Vec<Option<Spent>>,
}

/// Channels of states, and what they mean.
struct Accounts {
    channels: Subscription,
    meanings: Vec<Meaning>,
}

struct Meaning {
    channel: CpuChannel,
    tier: Option<Tier>,
    states: Vec<State>,
    table: Option<Table>,
    per_second: f64,
}

impl Meaning {
    fn spent(&self, held: &Held) -> Spent {
        Spent::of(&self.states, &held.states, self.table.as_ref())
    }

    fn complex(&self) -> Complex {
        match self.channel {
            CpuChannel::Core(complex, _)
            | CpuChannel::Requested(complex)
            | CpuChannel::Realised(complex) => complex,
        }
    }
}

/// Ticks in a second, by a label such as `24Mticks`.
pub fn per_second(unit: &str) -> f64 {
    let number = unit.trim().strip_suffix("Mticks").and_then(|number| number.parse::<f64>().ok());
    number.filter(|number| *number > 0.0).map_or(TICKS, |number| number * 1e6)
}

impl Accounts {
    fn open(
        library: &Arc<Library>,
        subgroup: &str,
        of: fn(&str) -> Option<CpuChannel>,
    ) -> Option<Accounts> {
        let is_wanted = |name: &str| of(name).is_some();
        let channels = Subscription::new(library, "CPU Stats", Some(subgroup), is_wanted)?;
        Some(Accounts { channels, meanings: Vec::new() })
    }

    /// Samples, and learns what the channels mean from the first sample on.
    fn sample(
        &mut self,
        tables: &Tables,
        is_super_named: bool,
        of: fn(&str) -> Option<CpuChannel>,
    ) {
        if !self.channels.sample() || !self.meanings.is_empty() {
            return;
        }
        let told: Vec<Option<CpuChannel>> =
            self.channels.channels.iter().map(|channel| of(&channel.name)).collect();
        let letters: Vec<u8> = told.iter().flatten().map(|channel| letter(*channel)).collect();
        for (channel, told) in self.channels.channels.iter().zip(told) {
            let Some(told) = told else { continue };
            let tier = topology::tier(letter(told), letters.iter().copied(), is_super_named);
            let states: Vec<State> =
                channel.states.iter().map(|state| states::of_cpu(state)).collect();
            let table =
                tier.and_then(|tier| tables.of_tier(tier, states::levels(&states))).cloned();
            let per_second = per_second(&channel.unit);
            self.meanings.push(Meaning { channel: told, tier, states, table, per_second });
        }
    }

    fn all(&self) -> impl Iterator<Item = (&Meaning, &Held)> {
        self.meanings.iter().zip(&self.channels.held)
    }
}

fn letter(channel: CpuChannel) -> u8 {
    match channel {
        CpuChannel::Core(of, _) | CpuChannel::Requested(of) | CpuChannel::Realised(of) => of.letter,
    }
}

fn realised(name: &str) -> Option<CpuChannel> {
    names::complex(name).filter(|channel| matches!(channel, CpuChannel::Realised(_)))
}

/// The tables of the power manager.
pub fn tables(library: &Arc<Library>) -> Tables {
    let devices = registry::services(library, "AppleARMIODevice");
    let manager = devices.iter().find(|device| device.name().is_some_and(|name| name == "pmgr"));
    manager.and_then(registry::Entry::properties).map_or_else(Tables::default, |of| Tables::of(&of))
}

impl Chip {
    fn open(library: &Arc<Library>) -> Chip {
        let nodes = registry::at(library, "IODeviceTree:/cpus");
        let nodes = nodes.map_or_else(Vec::new, |cpus| cpus.children("IODeviceTree"));
        let cpus: Vec<topology::Cpu> =
            nodes.iter().filter_map(|node| topology::cpu(&node.properties()?)).collect();
        let is_super_named =
            system::text(library, "hw.perflevel0.name").is_some_and(|name| name == "Super");
        let cores = Accounts::open(library, "CPU Core Performance States", names::core);
        let channels: Vec<(Complex, u32)> = cores
            .iter()
            .flat_map(|of| &of.channels.channels)
            .filter_map(|channel| match names::core(&channel.name)? {
                CpuChannel::Core(complex, core) => Some((complex, core)),
                _ => None,
            })
            .collect();
        let mut numbers = topology::pair(&cpus, &channels, is_super_named);
        if numbers.len() < channels.len() {
            numbers = topology::numbered(&channels);
        }
        Chip {
            tables: tables(library),
            is_super_named,
            clusters: Accounts::open(library, "CPU Complex Performance States", realised),
            before: vec![None; channels.len()],
            base: system::timebase(library),
            energy: Energy::open(library, &[Rail::Gpu], true),
            energy_ns: 0,
            reasons: HeldDown::open(library),
            numbers,
            cores,
        }
    }

    fn sample(&mut self, library: &Library) {
        if let Some(of) = &mut self.cores {
            of.sample(&self.tables, self.is_super_named, names::core);
        }
        if let Some(of) = &mut self.clusters {
            of.sample(&self.tables, self.is_super_named, realised);
        }
        let now = self.base.and_then(|base| Some((base, system::now_ns(library, base)?)));
        if let Some((of, (base, now_ns))) = self.energy.as_mut().zip(now) {
            of.advance(base, now_ns);
            self.energy_ns = now_ns;
        }
    }

    /// What a core or cluster used, and draws: microjoules and microwatts. Nothing for one whose counter
    /// has not moved.
    fn spent(&self, of: EnergyOf) -> (Option<i64>, Option<i64>) {
        let spent = self
            .energy
            .as_ref()
            .and_then(|of_all| of_all.spent(Counted::Cores(of), self.energy_ns));
        let moved = spent.filter(|spent| spent.watts.is_some() || spent.microjoules > 0);
        let Some(spent) = moved else { return (None, None) };
        (Some(spent.microjoules), spent.watts.map(|watts| (watts * 1e6).round() as i64))
    }

    fn gpu_watts(&self) -> Option<f64> {
        self.energy.as_ref()?.spent(Counted::Rail(Rail::Gpu), self.energy_ns)?.watts
    }

    fn write_cores(&mut self, table: &mut RawTable) {
        let Some(cores) = &self.cores else { return };
        for (place, (meaning, held)) in cores.all().enumerate() {
            let number = self.numbers.iter().find(|(channel, _)| *channel == place);
            let Some(&(_, number)) = number.filter(|_| !held.states.is_empty()) else { continue };
            let spent = meaning.spent(held);
            let before = self.before.get_mut(place).and_then(|before| before.replace(spent));
            let hertz = before.and_then(|before| spent.since(before)).and_then(Spent::hertz);
            let (used, drawn) = match meaning.channel {
                CpuChannel::Core(of, core) => self.spent(EnergyOf::Core(of, core)),
                _ => (None, None),
            };
            let Some(mut row) = row_of(table, number) else { continue };
            let megahertz = |mhz: u32| u64::from(mhz) * 1_000_000;
            row.text(core::cluster, meaning.complex().to_string())
                .set(core::active_seconds, microseconds(spent.active, meaning.per_second))
                .set(core::whole_seconds, microseconds(spent.whole, meaning.per_second))
                .set(core::energy_joules, used)
                .set(core::reading_watts, drawn)
                .set(core::frequency_hertz, hertz.map(|hertz| hertz as u64))
                .set(core::kind, meaning.tier.map(Tier::kind));
            if let Some(of) = &meaning.table {
                row.set(core::frequency_minimum_hertz, megahertz(of.lowest()))
                    .set(core::frequency_maximum_hertz, megahertz(of.highest()));
            }
        }
    }

    fn write_clusters(&self, table: &mut RawTable, shares: &mut RawTable) {
        let Some(cores) = &self.cores else { return };
        let mut complexes: Vec<Complex> = cores.meanings.iter().map(Meaning::complex).collect();
        complexes.sort_unstable();
        complexes.dedup();
        for complex in complexes {
            let own = || {
                let all = cores
                    .all()
                    .filter(|(of, held)| of.complex() == complex && !held.states.is_empty());
                all.collect::<Vec<_>>()
            };
            let all = own();
            let Some((first, _)) = all.first() else { continue };
            let spent =
                all.iter().map(|(of, held)| of.spent(held)).fold(Spent::default(), Spent::plus);
            let (name, rate) = (complex.to_string(), first.per_second);
            let time = |ticks: f64| microseconds(ticks, rate);
            let megahertz = |mhz: u32| u64::from(mhz) * 1_000_000;
            let (used, drawn) = self.spent(EnergyOf::Cluster(complex));
            let mut row = table.push(Key::named(name.as_bytes()));
            row.set(cluster::energy_joules, used).set(cluster::reading_watts, drawn);
            row.text(cluster::cluster, name.as_str())
                .set(cluster::kind, first.tier.map(Tier::kind))
                .set(cluster::cores, all.len())
                .set(cluster::whole_seconds, time(spent.whole))
                .set(cluster::active_seconds, time(spent.active));
            if let Some(of) = &first.table {
                row.set(cluster::frequency_minimum_hertz, megahertz(of.lowest()))
                    .set(cluster::frequency_maximum_hertz, megahertz(of.highest()))
                    .set(cluster::clocked_seconds, time(spent.clocked))
                    .set(cluster::requested_cycles, (spent.cycles / rate * 1e6) as i64)
                    .set(cluster::low_seconds, time(spent.bands[0]))
                    .set(cluster::middle_seconds, time(spent.bands[1]))
                    .set(cluster::high_seconds, time(spent.bands[2]));
            }
            let ran = self
                .clusters
                .iter()
                .flat_map(Accounts::all)
                .find(|(of, held)| of.complex() == complex && !held.states.is_empty());
            if let Some((of, held)) = ran {
                let ran = of.spent(held);
                // One that never idles counts idle time into its lowest state, as on an M1 with
                // macOS 13: its mean clock then says nothing.
                if ran.active < ran.whole && ran.clocked > 0.0 {
                    row.set(cluster::realised_seconds, microseconds(ran.clocked, of.per_second))
                        .set(cluster::realised_cycles, (ran.cycles / of.per_second * 1e6) as i64);
                }
            }
            let labels = cores.meanings.iter().zip(&cores.channels.channels);
            let labels = labels
                .filter(|(of, _)| of.complex() == complex)
                .map(|(_, channel)| &channel.states);
            for (place, label) in labels.clone().next().into_iter().flatten().enumerate() {
                let ticks =
                    all.iter().filter_map(|(_, held)| held.states.get(place)).filter(|&&t| t > 0);
                let ticks = ticks.fold(0.0, |sum, &ticks| sum + ticks as f64);
                let mhz = match first.states.get(place) {
                    Some(State::Level(level)) => {
                        first.table.as_ref().and_then(|of| of.mhz.get(*level)).copied()
                    }
                    _ => None,
                };
                shares
                    .push(Key(Key::named(name.as_bytes()).0, place as u64))
                    .text(performance_state::domain, name.as_str())
                    .text(performance_state::state, label.as_str())
                    .set(performance_state::index, place)
                    .set(performance_state::frequency_hertz, mhz.map(megahertz))
                    .set(performance_state::residency_seconds, time(ticks))
                    .set(performance_state::whole_seconds, time(spent.whole));
            }
        }
    }
}

/// The row of a logical CPU; made if there is none.
fn row_of(table: &mut RawTable, number: u32) -> Option<retop_model::RowMut<'_>> {
    let key = Key(u64::from(number), 0);
    match table.keys().iter().position(|&known| known == key) {
        Some(place) => table.row_mut(place),
        None => {
            table.push(key).text(core::core, number.to_string()).set(core::index, number);
            table.row_mut(table.len().checked_sub(1)?)
        }
    }
}

/// Microseconds of so many ticks.
pub fn microseconds(ticks: f64, per_second: f64) -> i64 {
    (ticks / per_second * 1e6) as i64
}

impl Performance {
    pub fn new(library: &Arc<Library>, shared: &Arc<Shared>) -> Performance {
        Performance {
            library: Arc::clone(library),
            chip: None,
            ticks: Vec::new(),
            graphics: Graphics::new(library, shared),
        }
    }

    /// Writes the kernel's ticks: the machine's and each CPU's.
    fn write_ticks(&mut self, machine: &mut RawTable, cores: &mut RawTable) -> bool {
        const RANGE: i64 = 1 << 32;
        let Some(now) = system::processor_ticks(&self.library) else { return false };
        self.ticks.resize(now.len(), <[Unwrapped; 4]>::default());
        let mut sums = [0_i64; 4];
        for (number, (ticks, counters)) in now.iter().zip(&mut self.ticks).enumerate() {
            let mut whole = [0_i64; 4];
            for ((whole, counter), &ticks) in whole.iter_mut().zip(counters).zip(ticks) {
                *whole = counter.advance(i64::from(ticks), RANGE).saturating_mul(TICK_US);
            }
            sums.iter_mut().zip(whole).for_each(|(sum, one)| *sum += one);
            let [user, system, idle, nice] = whole;
            cores
                .push(Key(number as u64, 0))
                .text(core::core, number.to_string())
                .set(core::index, number)
                .set(core::user_seconds, user)
                .set(core::nice_seconds, nice)
                .set(core::system_seconds, system)
                .set(core::idle_seconds, idle)
                .set(core::online, true);
        }
        let [user, system, idle, nice] = sums;
        machine
            .push(Key::ONE)
            .set(cpu::user_seconds, user)
            .set(cpu::nice_seconds, nice)
            .set(cpu::system_seconds, system)
            .set(cpu::idle_seconds, idle)
            .set(cpu::logical, now.len())
            .set(cpu::physical, system::number(&self.library, "hw.physicalcpu"))
            .set(cpu::packages, 1_u32);
        true
    }
}

impl Source for Performance {
    fn name(&self) -> &'static str {
        "performance"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[
            FamilyId::Cpu,
            FamilyId::Core,
            FamilyId::Cluster,
            FamilyId::PerformanceState,
            FamilyId::HeldDown,
            FamilyId::Gpu,
            FamilyId::GpuProcess,
        ]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        let wanted = self.feeds().iter().any(|&family| read.demand().wants(family));
        if !wanted {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let mut machine = read.table(FamilyId::Cpu);
        let mut cores = read.table(FamilyId::Core);
        let mut clusters = read.table(FamilyId::Cluster);
        let mut shares = read.table(FamilyId::PerformanceState);
        let has_ticks = self.write_ticks(&mut machine, &mut cores);
        let chip = self.chip.get_or_insert_with(|| Chip::open(&self.library));
        chip.sample(&self.library);
        chip.write_cores(&mut cores);
        chip.write_clusters(&mut clusters, &mut shares);
        let (none, no_tables) = (clusters.is_empty(), chip.tables.is_empty());
        let graphics = self.graphics.read(&chip.tables, chip.gpu_watts(), &mut shares, read, begin);
        if read.demand().wants(FamilyId::HeldDown) {
            let mut reasons = read.table(FamilyId::HeldDown);
            let is_told = chip.reasons.read(&mut reasons);
            read.give(reasons, begin);
            let missing = (!is_told && !none).then(|| {
                Problem::absent(
                    "the scheduler does not tell why it holds clocks down (IOReport, CLPC Stats)",
                )
            });
            read.report("performance/reasons", "held_down", missing);
        }
        for table in [machine, cores, clusters, shares] {
            read.give(table, begin);
        }
        let missing = none.then(|| {
            Problem::absent(
                "no performance states of cores (IOReport, CPU Stats): a virtual machine and an Intel Mac have none",
            )
        });
        read.report("performance/clusters", "clusters", missing);
        let missing = (!none && no_tables).then(|| {
            Problem::absent("no table of clocks in the registry (pmgr): shares of time are known, clocks are not")
        });
        read.report("performance/clocks", "frequency_hertz", missing);
        read.report("performance/gpu", "gpus gpu_processes", graphics.err());
        if !has_ticks && none {
            return Err(Problem::failing("neither the kernel nor the chip tells what the CPUs do"));
        }
        Ok(())
    }
}
