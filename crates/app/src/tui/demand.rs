//! What the engine shall read for the screen: no more than it shows.

use retop_engine::{Demand, Rows};
use retop_model::family::{battery, process};
use retop_model::{FamilyId, Field, Key};

use super::app::App;
use super::page::Page;
use super::pane::Tab;
use super::table::column::Col;

/// So many processes have their threads read at most: a thread costs 10 µs.
const THREADED: usize = 64;

/// How long a row that left the screen is still read in full.
const REMEMBERED_NS: u64 = 10_000_000_000;

impl App {
    /// Notes which rows are on the screen. Those that leave it are asked for a while longer: a row
    /// that comes and goes would otherwise never have the two samples that a rate takes.
    pub(super) fn note_seen(&mut self) {
        let Some(now) = &self.now else { return };
        let moment = now.stamp().monotonic_ns;
        for line in self.table.visible() {
            let Some(key) = self.table.owner(now, line) else { continue };
            match self.seen.iter_mut().find(|(seen, _)| *seen == key) {
                Some((_, last)) => *last = moment,
                None => self.seen.push((key, moment)),
            }
        }
        let long_ago = moment.saturating_sub(REMEMBERED_NS);
        self.seen.retain(|&(_, last)| last >= long_ago);
    }

    /// Processes that are on graphics processors.
    fn on_devices(&self) -> Vec<Key> {
        let Some(now) = &self.now else { return Vec::new() };
        let held = now.rows(FamilyId::GpuProcess).map(|row| row.key().0).filter(|&pid| pid > 0);
        let all = |pid| now.rows_between(FamilyId::Process, Key(pid, 0), Key(pid, u64::MAX));
        let mut keys: Vec<Key> = held.flat_map(all).map(retop_model::Row::key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Cells for the columns of the table: before the first layout nobody knows how many.
    pub(super) fn room_of_columns(&self) -> u16 {
        match self.areas.table.width {
            0 => 1_000,
            width => width.saturating_sub(1 + u16::from(self.areas.framed)),
        }
    }

    /// True if a battery is what keeps the machine going.
    fn is_on_battery(&self) -> bool {
        let mut batteries = self.now.iter().flat_map(|now| now.rows(FamilyId::Battery));
        batteries.any(|row| row.state(battery::status) == Some("discharging"))
    }

    /// What the engine shall read for this screen.
    #[must_use]
    pub fn demand(&self) -> Demand {
        let mut demand = Demand::default();
        for family in FamilyId::all() {
            let costly = matches!(
                family,
                FamilyId::Interrupt
                    | FamilyId::IdleState
                    | FamilyId::Thread
                    | FamilyId::Cgroup
                    | FamilyId::GpuCall
            );
            demand.want(family, !costly || self.pages.page.shows(family));
        }
        let mut keys: Vec<Key> = self.seen.iter().map(|&(key, _)| key).collect();
        keys.extend(self.details);
        // A sum takes all its parts, which may be every process there is: of them that alone is read
        // of which a sum is shown.
        let mut parts = keys.clone();
        if let Some(now) = &self.now {
            for line in self.table.visible() {
                let members = self.table.order.members(line).iter();
                let row = |&row: &u32| now.row(FamilyId::Process, row as usize);
                parts.extend(members.filter_map(row).map(retop_model::Row::key));
            }
        }
        for keys in [&mut keys, &mut parts] {
            keys.sort_unstable();
            keys.dedup();
        }
        // What rows are sorted or filtered by is wanted of all of them.
        let decides = |fields: &[Field]| {
            let is_one = |col: Col| matches!(col, Col::Number(field) if fields.contains(&field));
            is_one(self.table.sort)
                || self.table.filter.as_ref().is_some_and(|filter| filter.needs(fields))
        };
        let (placed, count) = self.table.columns(self.room_of_columns(), |_| 0);
        let shows = |fields: &[Field]| {
            let is_one = |col: Col| matches!(col, Col::Number(field) if fields.contains(&field));
            placed[..count].iter().flatten().any(|placed| is_one(placed.col))
        };
        let rows = |fields: &[Field]| match (decides(fields), shows(fields)) {
            (true, _) => Rows::All,
            (false, true) => Rows::Keys(parts.clone()),
            (false, false) => Rows::Keys(keys.clone()),
        };
        demand.processes.io = rows(&process::READ);
        demand.processes.status = rows(&process::STATUS);
        demand.processes.memory = rows(&[process::shared_bytes]);
        let shows_numbers = self.details.is_some() && self.pane.tab == Tab::Stats;
        let shares = [process::proportional_bytes, process::unique_bytes];
        if shows(&shares) || shows_numbers {
            demand.processes.proportional =
                Rows::Keys(if shows(&shares) { parts.clone() } else { keys.clone() });
        }
        if decides(&process::SCHEDULED) || shows(&process::SCHEDULED) || shows_numbers {
            demand.processes.schedule = rows(&process::SCHEDULED);
        }
        if self.pages.page == Page::Gpu {
            // What those who are on devices wait for.
            demand.processes.schedule = Rows::Keys(self.on_devices());
        }
        if decides(&process::COUNTED) || shows(&process::COUNTED) || shows_numbers {
            demand.processes.counters = rows(&process::COUNTED);
        }
        let mut threaded: Vec<Key> = Vec::new();
        match self.details.map(|key| (key, self.pane.tab)) {
            Some((key, Tab::Threads)) => threaded.push(key),
            Some((_, Tab::Groups)) => {
                demand.want(FamilyId::Cgroup, true);
            }
            _ => {}
        }
        if self.table.threads
            && let Some(now) = &self.now
        {
            let seen = self.seen.iter().map(|&(key, _)| key);
            let several = |key: &Key| {
                let row = now.find(FamilyId::Process, *key);
                row.and_then(|row| row.raw(process::threads)).is_some_and(|count| count > 1)
            };
            threaded.extend(seen.filter(several).take(THREADED));
        }
        threaded.sort_unstable();
        threaded.dedup();
        demand.want(FamilyId::Thread, !threaded.is_empty());
        demand.processes.threads = Rows::Keys(threaded);
        demand.gpu_cycles = self.pages.page == Page::Gpu;
        demand.gpu_finely = self.focused && self.rewind.is_none() && !self.is_on_battery();
        demand.processes.texts = true;
        demand
    }
}
