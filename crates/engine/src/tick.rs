//! One tick: read every source, stamp, derive, judge.

use std::sync::Arc;

use retop_model::alert::{Alerts, Event, Rule, Wants};
use retop_model::attribution::{Attribution, Devices};
use retop_model::forecast::Forecasts;
use retop_model::{Clock, FamilyId, RawSample, RawTable, Snapshot, Window, derive};
use retop_sources::{Demand, Machine, Pace, Read, Rows};

use crate::joined::Joined;
use crate::lane::{Apart, Inline, Tally};
use crate::own::Own;
use crate::recording;

/// How long a tick waits for the sources that read beside it. Most answer within a millisecond, so
/// that everything on a screen is of one moment; one that hangs costs this once, and is not waited
/// for again until it answers.
const GRACE_NS: u64 = 10_000_000;

/// How many tables may wait for their last reader to let go, so that their memory is used again:
/// those of the newest snapshot, of the one that it is compared with, and of one more.
const RETIRED: usize = 3 * FamilyId::COUNT;

/// Reads a machine sample by sample.
pub struct Ticker {
    clock: Arc<dyn Clock>,
    /// What somebody wants, and that with what alerts want to know.
    asked: Demand,
    demand: Arc<Demand>,
    wants: Wants,
    inline: Vec<Inline>,
    apart: Vec<Apart>,
    joined: Joined,
    own: Own,
    /// How it stands with a recorder, if there is one.
    recorder: Option<recording::State>,
    attribution: Attribution,
    devices: Devices,
    forecasts: Forecasts,
    /// `None` if nothing is watched for.
    alerts: Option<Alerts>,
    last: Option<Arc<Snapshot>>,
    /// Tables of earlier ticks whose memory comes back once nobody reads them.
    retired: Vec<Arc<RawTable>>,
}

impl Ticker {
    /// Watches a live machine: sources that may block read on threads of their own.
    #[must_use]
    pub fn live(machine: Machine, clock: Arc<dyn Clock>) -> Ticker {
        Ticker::with(machine, clock, true)
    }

    /// Reads every source within the tick, each time: made-up machines with a made-up clock, where
    /// the same script must give the same samples.
    #[must_use]
    pub fn lockstep(machine: Machine, clock: Arc<dyn Clock>) -> Ticker {
        Ticker::with(machine, clock, false)
    }

    fn with(machine: Machine, clock: Arc<dyn Clock>, threads: bool) -> Ticker {
        let (mut inline, mut apart) = (Vec::new(), Vec::new());
        for source in machine.sources {
            match source.pace() {
                Pace::Apart(every) if threads => {
                    apart.push(Apart::start(source, every, Arc::clone(&clock)));
                }
                _ => inline.push(Inline::new(source)),
            }
        }
        Ticker {
            clock,
            asked: Demand::everything(),
            demand: Arc::new(Demand::everything()),
            wants: Wants::default(),
            inline,
            apart,
            joined: Joined::default(),
            own: Own::default(),
            recorder: None,
            attribution: Attribution::default(),
            devices: Devices::default(),
            forecasts: Forecasts::default(),
            alerts: None,
            last: None,
            retired: Vec::new(),
        }
    }

    /// Changes what is read from the next tick on.
    pub fn set_demand(&mut self, demand: Demand) {
        self.asked = demand;
        self.add_wants();
    }

    /// Looks at what alerts want now.
    fn note_wants(&mut self) {
        let wants = self.alerts.as_ref().map(Alerts::wants).unwrap_or_default();
        if wants != self.wants {
            self.wants = wants;
            self.add_wants();
        }
    }

    /// Who is behind an alert is told by numbers that are dear to read of all processes: they are
    /// read while somebody is looked for. Control groups, where limits are, are read now and then.
    fn add_wants(&mut self) {
        let mut demand = self.asked.clone();
        if self.wants.groups {
            demand.want_seldom(FamilyId::Cgroup);
        }
        if self.wants.groups_often {
            demand.want(FamilyId::Cgroup, true);
        }
        let written = self.wants.written;
        // Threads are dear, and there is no telling whose are meant.
        let apart = [FamilyId::Cgroup, FamilyId::Thread];
        for family in FamilyId::all().filter(|family| written.has(*family)) {
            if !apart.contains(&family) {
                demand.want(family, true);
            }
        }
        let processes = &mut demand.processes;
        for (wanted, rows) in [
            (written.io, &mut processes.io),
            (written.status, &mut processes.status),
            (written.schedule, &mut processes.schedule),
            (written.counters, &mut processes.counters),
        ] {
            if wanted {
                *rows = Rows::All;
            }
        }
        if self.wants.io && demand.wants(FamilyId::Process) {
            demand.processes.io = Rows::All;
        }
        self.demand = Arc::new(demand);
    }

    /// Watches for these from the next tick on: what fires is a table of each sample. Without rules
    /// there is no such table.
    pub fn set_rules(&mut self, rules: Vec<Rule>) {
        self.alerts = Some(Alerts::new(rules));
        self.note_wants();
    }

    /// What fired and cleared, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.alerts.iter().flat_map(Alerts::events)
    }

    /// How it stands with whoever records the samples: a row among the sources of the next one.
    pub fn set_recorder(&mut self, state: Option<&recording::State>) {
        self.recorder = state.cloned();
    }

    /// What the `self` family says beside its own cost.
    pub fn own(&mut self) -> &mut Own {
        &mut self.own
    }

    /// Takes one sample.
    pub fn tick(&mut self) -> Arc<Snapshot> {
        let stamp = self.clock.now();
        let slept = self.last.as_ref().is_some_and(|last| stamp.slept_since(last.stamp()));
        for lane in &mut self.apart {
            if slept {
                lane.forget();
            }
            lane.ask(&self.demand, stamp.monotonic_ns);
        }
        let mut sample = RawSample::new(stamp);
        let mut read = Read::new(&*self.clock, &self.demand);
        self.retired.retain_mut(|table| match Arc::get_mut(table) {
            Some(free) => {
                read.recycle(std::mem::replace(free, RawTable::new(free.family())));
                false
            }
            None => true,
        });
        for lane in &mut self.inline {
            lane.read(&mut read);
        }
        let mut processes = None;
        for table in read.tables.drain(..) {
            match table.family() {
                // Not whole yet: what each has drawn follows from what the lanes read.
                FamilyId::Process => processes = Some(table),
                _ => {
                    let table = keep(&mut self.retired, table);
                    put(&mut self.joined, &mut sample, table);
                }
            }
        }

        let deadline_ns = self.clock.monotonic_ns() + GRACE_NS;
        for lane in &mut self.apart {
            lane.wait(&*self.clock, deadline_ns);
            for table in lane.tables() {
                put(&mut self.joined, &mut sample, Arc::clone(table));
            }
        }
        self.devices.advance(&mut sample, slept);
        if let Some(mut table) = processes {
            let energy = self.attribution.advance(&sample, &mut table, slept);
            if let Some(energy) = energy {
                sample.put(Arc::new(energy));
            }
            self.devices.add(&mut table, self.attribution.covers_machine());
            sample.put(keep(&mut self.retired, table));
        } else {
            self.devices.forget();
        }
        let excess = self.retired.len().saturating_sub(RETIRED);
        self.retired.drain(..excess);
        sample.put(Arc::new(self.source_table()));
        sample.put(Arc::new(self.own.table(&*self.clock)));
        let mut snapshot = derive(self.last.as_deref(), Arc::new(sample));
        self.forecasts.advance(&snapshot);
        if let Some(table) = self.forecasts.table(&snapshot) {
            snapshot = snapshot.with_table(self.last.as_deref(), table);
        }
        if let Some(alerts) = &mut self.alerts {
            alerts.advance(&snapshot);
            let table = alerts.table(&snapshot);
            snapshot = snapshot.with_table(self.last.as_deref(), table);
            self.note_wants();
        }
        let snapshot = Arc::new(snapshot);
        self.last = Some(Arc::clone(&snapshot));
        snapshot
    }

    /// How it stands with each source.
    fn source_table(&self) -> RawTable {
        let now_ns = self.clock.monotonic_ns();
        let mut table = RawTable::new(FamilyId::Source);
        let tallies = self.inline.iter().map(Inline::tally);
        for tally in tallies.chain(self.apart.iter().map(Apart::tally)) {
            Tally::write(tally, now_ns, &mut table);
        }
        if let Some(state) = &self.recorder {
            state.write(&mut table);
        }
        table.finish(Window { begin_ns: now_ns, end_ns: now_ns });
        table
    }
}

/// Remembers a table for its memory.
fn keep(retired: &mut Vec<Arc<RawTable>>, table: RawTable) -> Arc<RawTable> {
    let table = Arc::new(table);
    retired.push(Arc::clone(&table));
    table
}

/// Puts a table into the sample, beside what another source gave of the family.
fn put(joined: &mut Joined, sample: &mut RawSample, table: Arc<RawTable>) {
    let table = match sample.table(table.family()) {
        Some(first) => joined.join(first, &table),
        None => table,
    };
    sample.put(table);
}

#[cfg(test)]
mod tests;
