//! Whose energy it was: what the processors drew, shared out among processes by their CPU time.
//!
//! No hardware says what a process draws. What is counted is a domain: the packages of the
//! processors, else the whole machine. In each interval between two reads of it
//!
//! - the idle part is what the domain drew at its quietest, for the share of CPU time without work;
//! - the rest is laid to CPU time: to that of processes, each by its share, and to that of which
//!   nobody knows the process (it ended between two samples, or was an interrupt).
//!
//! Where processes have their cycles counted, those share their common part by cycles: an hour on a
//! slow core is less energy than one on a fast core. The parts add up to the domain, always, to a
//! few millionths of a joule.

mod device;

pub use self::device::Devices;

use crate::counter;
use crate::family::{FamilyId, cpu, energy, power, process};
use crate::sample::RawSample;
use crate::stamp::Window;
use crate::table::{Key, RawTable};
use crate::text::Text;

/// Shorter intervals tell nothing of how quiet a domain can be: its counter moves in steps.
const QUIET_SECONDS: f64 = 0.05;

/// The kernel gives the start of a process in whole ticks of 10 ms, rounded down.
const TICK_US: i64 = 10_000;

/// Shares energy out, sample by sample.
#[derive(Clone, Debug, Default)]
pub struct Attribution {
    /// One for each process of the last sample, sorted by key.
    accounts: Vec<Account>,
    /// Memory for the next ones.
    spare: Vec<Account>,
    /// What the domains' counters stood at when energy was last shared out.
    domains: Vec<(Key, i64)>,
    names: Option<(Text, Text)>,
    window: Option<Window>,
    modes: Option<[i64; cpu::MODES.len()]>,
    /// What is shared out is what the whole machine drew.
    is_whole: bool,
    /// Time since boot when energy was last shared out, in microseconds.
    shared_us: Option<i64>,
    /// The least that the domains drew in any interval, in microwatts.
    quietest: Option<f64>,
    /// Microjoules since the start.
    totals: Totals,
}

/// What is known of a process.
#[derive(Clone, Copy, Debug)]
struct Account {
    key: Key,
    /// CPU time at the last share-out, in microseconds.
    cpu_us: i64,
    /// CPU time now, and the difference.
    now_us: i64,
    used_us: i64,
    /// Cycles at the last share-out, if they are counted.
    cycles: Option<i64>,
    /// Cycles now, and the difference; `None` if they were not counted all the time.
    now_cycles: Option<i64>,
    cycled: Option<i64>,
    /// Microjoules since it was first seen.
    energy: f64,
    /// Microwatts in the last share-out.
    power: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    domain: f64,
    processes: f64,
    idle: f64,
    /// What is left of the others when each is cut to whole microjoules. That may be one less than
    /// before, and a counter never falls.
    others: i64,
}

/// What is to be shared out.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Microjoules.
    energy: f64,
    seconds: f64,
    /// Share of the CPUs' time without work.
    idle_ratio: f64,
    /// CPU time with work, in microseconds.
    busy_us: f64,
}

impl Attribution {
    /// Takes the next sample, whose processes stand apart as yet, and writes into their rows what
    /// each has drawn. Gives the table that says where all of it went; `None` where no instrument
    /// tells what the processors draw. After a sleep of the machine nothing is shared out.
    pub fn advance(
        &mut self,
        sample: &RawSample,
        processes: &mut RawTable,
        slept: bool,
    ) -> Option<RawTable> {
        let domains = sample.table(FamilyId::Power).map(|table| (Basis::of(table), table));
        let Some((Some(basis), power)) = domains else {
            // Nobody draws anything as far as can be told; what is known of them is kept.
            (self.window, self.modes, self.is_whole) = (None, None, false);
            self.domains.clear();
            return None;
        };
        self.is_whole = matches!(basis, Basis::Machine | Basis::Stated);
        let fresh = slept || self.window != Some(power.window());
        let step = if fresh { self.step(sample, power, basis, slept) } else { None };
        let now_us = i64::try_from(sample.stamp.boottime_ns / 1_000).unwrap_or(i64::MAX);
        let used = self.follow(processes);
        if let Some(step) = step {
            self.share(step, used);
        }
        for (row, account) in self.accounts.iter_mut().enumerate() {
            if fresh {
                account.settle(step.is_none());
            }
            if let Some(mut row) = processes.row_mut(row) {
                row.set(process::energy_joules, whole(account.energy))
                    .set(process::watts, account.power);
            }
        }
        if fresh {
            self.shared_us = Some(now_us);
        }
        Some(self.table(power))
    }

    /// True if what is shared out is what the whole machine drew, with all that is in it.
    #[must_use]
    pub fn covers_machine(&self) -> bool {
        self.is_whole
    }

    /// Brings the accounts in line with the processes that are there; both are sorted. Gives the
    /// CPU time that all of them used since energy was last shared out.
    fn follow(&mut self, processes: &RawTable) -> i64 {
        let mut known = self.accounts.iter().peekable();
        let mut used_us = 0_i64;
        self.spare.clear();
        for (row, &key) in processes.keys().iter().enumerate() {
            let reading = |field| processes.raw(row, field);
            let cpu_us = reading(process::user_seconds)
                .unwrap_or(0)
                .saturating_add(reading(process::system_seconds).unwrap_or(0));
            let cycles = reading(process::cycles);
            while known.next_if(|account| account.key < key).is_some() {}
            let mut account = match known.next_if(|account| account.key == key) {
                Some(&account) => account,
                None => {
                    let start = reading(process::start_seconds);
                    let is_born = self
                        .shared_us
                        .zip(start)
                        .is_some_and(|(shared, start)| start >= shared.saturating_sub(TICK_US));
                    let cpu_us = if is_born { 0 } else { cpu_us };
                    Account { key, cpu_us, ..Account::unknown(cycles) }
                }
            };
            account.used_us = counter::increase_or_stall(account.cpu_us, cpu_us);
            account.cycled =
                account.cycles.zip(cycles).and_then(|(before, now)| counter::increase(before, now));
            (account.now_us, account.now_cycles) = (cpu_us, cycles);
            used_us = used_us.saturating_add(account.used_us);
            self.spare.push(account);
        }
        std::mem::swap(&mut self.accounts, &mut self.spare);
        used_us
    }

    /// What the domains used since the last read of them, and what the CPUs did meanwhile.
    fn step(
        &mut self,
        sample: &RawSample,
        power: &RawTable,
        basis: Basis,
        slept: bool,
    ) -> Option<Step> {
        let before = std::mem::take(&mut self.domains);
        let mut energy: Option<i64> = None;
        for row in basis.rows(power) {
            let Some(now) = basis.counter(power, row) else { continue };
            let key = power.keys()[row];
            if let Some(&(_, last)) = before.iter().find(|(known, _)| *known == key)
                && let Some(used) = counter::increase(last, now)
            {
                energy = Some(energy.unwrap_or(0).saturating_add(used));
            }
            self.domains.push((key, now));
        }
        if self.domains.len() != before.len() || self.names.is_none() {
            self.names = Some(basis.names(power));
        }
        let window = self.window.replace(power.window());
        let modes = sample
            .table(FamilyId::Cpu)
            .map(|table| cpu::MODES.map(|field| table.raw(0, field).unwrap_or(0)));
        let earlier = std::mem::replace(&mut self.modes, modes);
        let seconds = power.window().seconds_since(window?)?;
        let (mut whole, mut idle) = (0.0, 0.0);
        for ((field, before), now) in cpu::MODES.iter().zip(earlier?).zip(modes?) {
            let passed = counter::increase_or_stall(before, now) as f64;
            whole += passed;
            if [cpu::idle_seconds, cpu::iowait_seconds].contains(field) {
                idle += passed;
            }
        }
        if slept || whole <= 0.0 {
            return None;
        }
        let (energy, busy_us) = (energy? as f64, whole - idle);
        Some(Step { energy, seconds, idle_ratio: idle / whole, busy_us })
    }

    /// Lays the energy to the accounts, which used so much CPU time together.
    fn share(&mut self, step: Step, used_us: i64) {
        let watts = step.energy / step.seconds;
        if step.energy > 0.0 && step.seconds >= QUIET_SECONDS {
            self.quietest = Some(self.quietest.map_or(watts, |quietest| quietest.min(watts)));
        }
        // The machine's CPU time is sampled at ticks and that of processes is exact: the sum of
        // these may be more.
        let busy_us = step.busy_us.max(used_us as f64);
        let quiet = (self.quietest.unwrap_or(0.0) * step.seconds).min(step.energy);
        let idle = if busy_us > 0.0 { quiet * step.idle_ratio } else { step.energy };
        let per_us = if busy_us > 0.0 { (step.energy - idle) / busy_us } else { 0.0 };
        let (mut cycles, mut cycled_us) = (0.0, 0.0);
        for account in &self.accounts {
            if let Some(cycled) = account.cycled.filter(|_| account.used_us > 0) {
                cycles += cycled as f64;
                cycled_us += account.used_us as f64;
            }
        }
        let mut laid = 0.0;
        for account in &mut self.accounts {
            let weight = match account.cycled {
                Some(cycled) if account.used_us > 0 && cycles > 0.0 => {
                    cycled as f64 / cycles * cycled_us
                }
                _ => account.used_us as f64,
            };
            let part = per_us * weight;
            account.energy += part;
            account.power = Some(whole(part / step.seconds));
            laid += part;
        }
        self.totals.domain += step.energy;
        self.totals.processes += laid;
        self.totals.idle += idle;
        let Totals { domain, processes, idle, others } = self.totals;
        self.totals.others = others.max(whole(domain) - whole(processes) - whole(idle));
    }

    fn table(&self, power: &RawTable) -> RawTable {
        let mut table = RawTable::new(FamilyId::Energy);
        let Totals { domain, processes, idle, others } = self.totals;
        let (names, method) = self.names.clone().unzip();
        table
            .push(Key::ONE)
            .text_if(energy::domain, names)
            .text_if(energy::method, method)
            .set(energy::domain_joules, whole(domain))
            .set(energy::processes_joules, whole(processes))
            .set(energy::others_joules, others)
            .set(energy::idle_joules, whole(idle));
        // The counters move with the instrument: their rates are over its time.
        table.finish(power.window());
        table
    }
}

impl Account {
    fn unknown(cycles: Option<i64>) -> Account {
        Account {
            key: Key::ONE,
            cpu_us: 0,
            used_us: 0,
            now_us: 0,
            cycles,
            cycled: None,
            now_cycles: cycles,
            energy: 0.0,
            power: None,
        }
    }

    /// What was used is accounted for, or cannot be.
    fn settle(&mut self, is_unknown: bool) {
        (self.cpu_us, self.cycles) = (self.now_us, self.now_cycles);
        if is_unknown {
            self.power = None;
        }
    }
}

/// Whole millionths. Energies are finite and far below 2^63: the cast cuts fractions alone.
#[allow(clippy::cast_possible_truncation)]
fn whole(micro: f64) -> i64 {
    micro as i64
}

/// Which rows of the power table tell what the processors draw, from the best down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// Packages, counted by the hardware.
    Packages,
    /// Sockets, counted by the hardware and told by a sensor's driver.
    Sockets,
    /// The cores of a system on a chip, by a driver that counts in batches.
    Rail,
    /// The whole machine, counted by the hardware.
    Machine,
    /// The whole machine, summed up from stated power.
    Stated,
}

impl Basis {
    fn of(power: &RawTable) -> Option<Basis> {
        [Basis::Packages, Basis::Sockets, Basis::Rail, Basis::Machine, Basis::Stated]
            .into_iter()
            .find(|basis| basis.rows(power).any(|row| basis.counter(power, row).is_some()))
    }

    fn rows(self, power: &RawTable) -> impl Iterator<Item = usize> {
        (0..power.len()).filter(move |&row| self.has(power, row))
    }

    fn has(self, power: &RawTable, row: usize) -> bool {
        let text = |field: crate::TextField| {
            let texts = power.texts(row).get(usize::from(field.index));
            texts.and_then(Option::as_ref).map_or("", Text::shown)
        };
        let (domain, source) = (text(power::domain), text(power::source));
        let is_whole = power.raw(row, power::whole_machine) == Some(1);
        match self {
            Basis::Packages => {
                let number = domain.strip_prefix("package-");
                matches!(source, "powercap" | "perf")
                    && number.is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
            }
            Basis::Sockets => domain.contains("Esocket"),
            Basis::Rail => source == "ioreport" && domain == "cpu",
            // Several instruments may each tell of the whole: the first one does.
            Basis::Machine | Basis::Stated => {
                is_whole && self.counter(power, row).is_some() && {
                    let earlier = |other| {
                        power.raw(other, power::whole_machine) == Some(1)
                            && self.counter(power, other).is_some()
                    };
                    !(0..row).any(earlier)
                }
            }
        }
    }

    fn counter(self, power: &RawTable, row: usize) -> Option<i64> {
        match self {
            // Batches of seconds would fall on whoever ran last: the power between them is even.
            Basis::Stated | Basis::Rail => power.raw(row, power::integrated_joules),
            _ => power.raw(row, power::energy_joules),
        }
    }

    fn names(self, power: &RawTable) -> (Text, Text) {
        let mut names = String::new();
        for row in self.rows(power) {
            let domain = power.texts(row).get(usize::from(power::domain.index));
            let gap = if names.is_empty() { "" } else { ", " };
            names.push_str(gap);
            names.push_str(domain.and_then(Option::as_ref).map_or("", Text::shown));
        }
        let is_integrated = matches!(self, Basis::Stated | Basis::Rail);
        let method = if is_integrated { "integrated" } else { "counted" };
        (Text::from(names), Text::from(method))
    }
}

#[cfg(test)]
mod tests;
