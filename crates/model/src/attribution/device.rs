//! What graphics processors drew, shared out among the processes on them by their shares of the
//! device's time.
//!
//! In each interval between two reads of a device the idle part is what it drew at its quietest, for
//! the share of time in which it did nothing; the rest is laid to its work: to that of each process by
//! its share, and to that of which no process is known. A device that is a part of a processor draws
//! from that one's meter, and parts of devices have none: they are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Text, whole};
use crate::counter;
use crate::family::{FamilyId, gpu, gpu_process, process};
use crate::sample::RawSample;
use crate::stamp::Window;
use crate::table::{Key, RawTable};

/// Shares out what devices draw, sample by sample.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// The devices of the last read.
    meters: Vec<Meter>,
    /// Microjoules by row of processes on devices.
    accounts: BTreeMap<Key, f64>,
    /// By pid and start: what each process drew on all devices.
    processes: BTreeMap<(i64, i64), Drawn>,
    /// Where the energy of each device went, by its row.
    shared: BTreeMap<Key, Shared>,
    /// The last read of the devices, and the processes on them with what they drew.
    last: Option<(Window, [Arc<RawTable>; 2])>,
}

/// Microjoules since the device was first seen; together they are all that it drew.
#[derive(Clone, Copy, Debug, Default)]
struct Shared {
    processes: f64,
    /// Work of which no process is known.
    others: f64,
    idle: f64,
}

#[derive(Clone, Copy, Debug)]
struct Meter {
    key: Key,
    /// Thousandths of a joule.
    counter: Option<i64>,
    /// The least that it drew in any interval, in microwatts.
    quietest: Option<f64>,
    /// Microjoules to lay to work, in the present interval, and those of being idle.
    energy: Option<f64>,
    idle: f64,
    /// Shares of time of the device and of all of its processes.
    busy: f64,
    known: f64,
    /// Microjoules laid to processes.
    laid: f64,
}

/// Microjoules since it was first seen, and microwatts now.
#[derive(Clone, Copy, Debug, Default)]
struct Drawn {
    energy: f64,
    power: Option<f64>,
}

impl Devices {
    /// Takes the next sample, and puts what each process drew on each device into its table of
    /// processes on devices. After a sleep of the machine nothing is shared out.
    pub fn advance(&mut self, sample: &mut RawSample, slept: bool) {
        let tables = sample.table(FamilyId::Gpu).zip(sample.table(FamilyId::GpuProcess));
        let Some((devices, on_them)) = tables else {
            self.meters.clear();
            self.last = None;
            self.processes.values_mut().for_each(|drawn| drawn.power = None);
            return;
        };
        let window = devices.window();
        if let Some((last, tables)) = &self.last
            && *last == window
            && !slept
        {
            tables.iter().for_each(|table| sample.put(Arc::clone(table)));
            return;
        }
        let before = self.last.take().filter(|_| !slept).map(|(before, _)| before);
        let seconds = before.and_then(|before| window.seconds_since(before));
        self.measure(devices, seconds);
        let on_them = Arc::new(self.lay(on_them, seconds));
        let devices = Arc::new(self.tell(devices));
        let tables = [on_them, devices];
        tables.iter().for_each(|table| sample.put(Arc::clone(table)));
        self.last = Some((window, tables));
    }

    /// The devices with where their energy went.
    fn tell(&mut self, devices: &RawTable) -> RawTable {
        let mut table = devices.clone();
        for meter in &self.meters {
            let shared = self.shared.entry(meter.key).or_default();
            if let Some(work) = meter.energy {
                shared.processes += meter.laid;
                shared.others += (work - meter.laid).max(0.0);
                shared.idle += meter.idle;
            }
            let place = devices.keys().iter().position(|&key| key == meter.key);
            if let Some(mut row) = place.and_then(|place| table.row_mut(place)) {
                row.set(gpu::processes_joules, whole(shared.processes))
                    .set(gpu::others_joules, whole(shared.others))
                    .set(gpu::idle_joules, whole(shared.idle));
            }
        }
        table
    }

    /// What each device drew since the last read.
    fn measure(&mut self, devices: &RawTable, seconds: Option<f64>) {
        let before = std::mem::take(&mut self.meters);
        for (row, &key) in devices.keys().iter().enumerate() {
            let reading = |field| devices.raw(row, field);
            let counter = reading(gpu::energy_joules);
            let stated = reading(gpu::reading_watts);
            if reading(gpu::integrated) == Some(1) || (counter, stated) == (None, None) {
                continue;
            }
            let last = before.iter().find(|meter| meter.key == key);
            let mut quietest = last.and_then(|last| last.quietest);
            let energy = seconds.zip(last).and_then(|(seconds, last)| {
                let milli = match (last.counter, counter) {
                    (Some(before), Some(now)) => counter::increase(before, now)? as f64,
                    (None, None) => stated.filter(|&watts| watts >= 0)? as f64 * seconds,
                    // It has come or gone.
                    _ => return None,
                };
                Some(milli * 1e3)
            });
            let busy =
                reading(gpu::utilization_ratio).map_or(0.0, |percent| percent as f64 / 100.0);
            let work = energy.zip(seconds).map(|(energy, seconds)| {
                let watts = energy / seconds;
                let quiet = quietest.map_or(watts, |quietest| quietest.min(watts));
                if watts > 0.0 {
                    quietest = Some(quiet);
                }
                (energy - quiet * seconds * (1.0 - busy.clamp(0.0, 1.0))).max(0.0)
            });
            let idle = energy.zip(work).map_or(0.0, |(energy, work)| energy - work);
            let (known, laid) = (0.0, 0.0);
            let meter = Meter { key, counter, quietest, energy: work, idle, busy, known, laid };
            self.meters.push(meter);
        }
    }

    /// Lays it to the processes.
    fn lay(&mut self, on_them: &RawTable, seconds: Option<f64>) -> RawTable {
        let mut table = on_them.clone();
        let share = |row| on_them.raw(row, gpu_process::utilization_ratio);
        let device = |row: usize| {
            let uuid = on_them.texts(row).get(usize::from(gpu_process::uuid.index))?.as_ref();
            Some(gpu_process::device_key(uuid.map(Text::raw)?))
        };
        let rows = 0..on_them.len();
        let on: Vec<Option<usize>> = rows
            .map(|row| {
                let key = device(row)?;
                self.meters.iter().position(|meter| meter.key == key)
            })
            .collect();
        for (row, place) in on.iter().enumerate() {
            if let (Some(place), Some(share)) = (place, share(row)) {
                self.meters[*place].known += share as f64 / 1e4;
            }
        }
        self.processes.values_mut().for_each(|drawn| drawn.power = None);
        let mut accounts = BTreeMap::new();
        for (row, place) in on.iter().enumerate() {
            let key = on_them.keys()[row];
            let (Some(place), Some(share)) = (place, share(row)) else {
                // Its share was not told this time: what it drew so far stands.
                if let Some(&energy) = self.accounts.get(&key) {
                    accounts.insert(key, energy);
                    if let Some(mut row) = table.row_mut(row) {
                        row.set(gpu_process::energy_joules, whole(energy));
                    }
                }
                continue;
            };
            let meter = self.meters[*place];
            let all = meter.busy.max(meter.known);
            let part = meter.energy.map(|energy| match all > 0.0 {
                true => energy * (share as f64 / 1e4) / all,
                false => 0.0,
            });
            self.meters[*place].laid += part.unwrap_or(0.0);
            let power = part.zip(seconds).map(|(part, seconds)| part / seconds);
            let energy = self.accounts.get(&key).copied().unwrap_or(0.0) + part.unwrap_or(0.0);
            accounts.insert(key, energy);
            if let Some(mut row) = table.row_mut(row) {
                row.set(gpu_process::energy_joules, whole(energy))
                    .set(gpu_process::watts, power.map(whole));
            }
            if let Some(identity) = identity(on_them, row) {
                let drawn = self.processes.entry(identity).or_default();
                drawn.energy += part.unwrap_or(0.0);
                drawn.power = match (drawn.power, power) {
                    (Some(sum), Some(power)) => Some(sum + power),
                    (sum, power) => sum.or(power),
                };
            }
        }
        self.accounts = accounts;
        table
    }

    /// Forgets processes that are on no device now. For samples without a table of processes: nobody
    /// says there which have ended.
    pub fn forget(&mut self) {
        let Some((_, [on_them, _])) = &self.last else { return };
        let there: BTreeSet<_> =
            (0..on_them.len()).filter_map(|row| identity(on_them, row)).collect();
        self.processes.retain(|of, _| there.contains(of));
    }

    /// Adds what processes drew on devices to what they drew of the processors. One that has ended is
    /// forgotten. `covered`: the processors' part was shared out of what the whole machine drew, and
    /// the devices are in it.
    pub fn add(&mut self, processes: &mut RawTable, covered: bool) {
        self.processes.retain(|&(pid, start), drawn| {
            let Ok(pid) = u64::try_from(pid) else { return false };
            let first = processes.keys().partition_point(|&key| key < Key(pid, 0));
            let of_pid = (first..processes.len()).take_while(|&row| processes.keys()[row].0 == pid);
            let mut same =
                of_pid.filter(|&row| processes.raw(row, process::start_seconds) == Some(start));
            let Some(row) = same.next() else { return false };
            if covered {
                return true;
            }
            let energy = processes.raw(row, process::energy_joules).unwrap_or(0);
            let power = processes.raw(row, process::watts);
            let both = drawn.power.map(whole).map(|on_devices| on_devices + power.unwrap_or(0));
            if let Some(mut row) = processes.row_mut(row) {
                row.set(process::energy_joules, energy.saturating_add(whole(drawn.energy)))
                    .set(process::watts, both.or(power));
            }
            true
        });
    }
}

/// Pid and start of the process of a row.
fn identity(on_them: &RawTable, row: usize) -> Option<(i64, i64)> {
    on_them.raw(row, gpu_process::pid).zip(on_them.raw(row, gpu_process::start_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Stamp;

    /// A second of a device: energy in mJ, stated mW, busy in percent, and its processes: pid, start
    /// in microseconds, share in percent.
    struct Second<'a> {
        counter: Option<i64>,
        stated: Option<i64>,
        busy: i64,
        integrated: bool,
        processes: &'a [(i64, i64, i64)],
    }

    const QUIET: Second<'_> =
        Second { counter: Some(0), stated: None, busy: 0, integrated: false, processes: &[] };

    fn sample(second: u64, of: &Second<'_>) -> RawSample {
        let ns = second * 1_000_000_000;
        let window = Window { begin_ns: ns, end_ns: ns };
        let mut sample = RawSample::new(Stamp { wall_ms: 0, monotonic_ns: ns, boottime_ns: ns });
        let mut devices = RawTable::new(FamilyId::Gpu);
        devices
            .push(gpu_process::device_key(b"a"))
            .text(gpu::uuid, "a")
            .set(gpu::utilization_ratio, of.busy)
            .set(gpu::energy_joules, of.counter)
            .set(gpu::reading_watts, of.stated)
            .set(gpu::integrated, of.integrated);
        devices.finish(window);
        let mut on_them = RawTable::new(FamilyId::GpuProcess);
        for &(pid, start, share) in of.processes {
            let number = u32::try_from(pid).expect("small");
            let key = gpu_process::key(number, u64::try_from(start).ok(), Key::named(b"a"));
            on_them
                .push(key)
                .text(gpu_process::uuid, "a")
                .set(gpu_process::pid, pid)
                .set(gpu_process::start_seconds, start)
                .set(gpu_process::utilization_ratio, share * 100);
        }
        on_them.finish(window);
        sample.put(Arc::new(devices));
        sample.put(Arc::new(on_them));
        sample
    }

    /// Pid with watts and joules of each process on the device, in millionths.
    fn drawn(sample: &RawSample) -> Vec<(Option<i64>, Option<i64>, Option<i64>)> {
        let table = sample.table(FamilyId::GpuProcess).expect("put");
        let of = |row, field| table.raw(row, field);
        let fields = [gpu_process::pid, gpu_process::watts, gpu_process::energy_joules];
        (0..table.len())
            .map(|row| {
                let [pid, watts, joules] = fields.map(|field| of(row, field));
                (pid, watts, joules)
            })
            .collect()
    }

    fn take(devices: &mut Devices, second: u64, of: &Second<'_>) -> RawSample {
        let mut sample = sample(second, of);
        devices.advance(&mut sample, false);
        sample
    }

    const W: i64 = 1_000_000;

    #[test]
    fn work_is_laid_to_processes_by_their_shares() {
        let mut devices = Devices::default();
        let two = [(7, 70, 60), (8, 80, 20)];
        take(&mut devices, 1, &QUIET);
        // 20 W while idle.
        take(&mut devices, 2, &Second { counter: Some(20_000), ..QUIET });
        // 220 W at 100 %: nothing of it is idle; a fifth of the work is nobody's.
        let busy = Second { counter: Some(240_000), busy: 100, processes: &two, ..QUIET };
        let now = drawn(&take(&mut devices, 3, &busy));
        assert_eq!(now[0], (Some(7), Some(132 * W), Some(132 * W)));
        assert_eq!(now[1], (Some(8), Some(44 * W), Some(44 * W)));
        // Half of the time idle: 120 W less 10 W of the 20. The same read again changes nothing.
        let half = Second { counter: Some(360_000), busy: 50, processes: &[(7, 70, 50)], ..QUIET };
        for _ in 0..2 {
            let now = drawn(&take(&mut devices, 4, &half));
            assert_eq!(now, [(Some(7), Some(110 * W), Some(242 * W))]);
        }
        // The counter was reset: nothing is known of this second, and nothing is lost.
        let reset = Second { counter: Some(5), ..half };
        let now = drawn(&take(&mut devices, 5, &reset));
        assert_eq!(now, [(Some(7), None, Some(242 * W))]);
        // More shares than time: the parts add up to what there was.
        let full = [(7, 70, 90), (8, 80, 90)];
        let over = Second { counter: Some(200_005), busy: 100, processes: &full, ..QUIET };
        let now = drawn(&take(&mut devices, 6, &over));
        assert_eq!((now[0].1, now[1].1), (Some(100 * W), Some(100 * W)));
    }

    #[test]
    fn the_parts_of_a_device_are_all_that_it_drew() {
        let mut devices = Devices::default();
        let mut dice = 1_u64;
        let mut roll = |below: u64| {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((dice >> 33) % below).expect("small")
        };
        let (mut counter, mut drawn_millijoules) = (0, 0);
        take(&mut devices, 1, &Second { counter: Some(0), ..QUIET });
        let mut last = [0; 3];
        for second in 2..300 {
            let busy = roll(101);
            // Some have shares beyond the device's own, some no share, some come and go.
            let on = [(7, 70, roll(80)), (8, 80, roll(60)), (9, second, roll(30))];
            let some = &on[..usize::try_from(roll(4)).expect("small")];
            let more = 20_000 + roll(1 + 7_000 * busy.unsigned_abs());
            // A driver that is loaded anew counts from 0: of that second nothing is known.
            let reset = second % 97 == 0;
            counter = if reset { 0 } else { counter + more };
            drawn_millijoules += if reset { 0 } else { more };
            let of = Second { counter: Some(counter), busy, processes: some, ..QUIET };
            let sample = take(&mut devices, second.unsigned_abs(), &of);
            let table = sample.table(FamilyId::Gpu).expect("put");
            let parts = [gpu::processes_joules, gpu::others_joules, gpu::idle_joules]
                .map(|field| table.raw(0, field).expect("told"));
            let sum: i64 = parts.iter().sum();
            assert!((sum - drawn_millijoules * 1000).abs() <= 3, "{second}: {parts:?}");
            assert!(parts.iter().zip(last).all(|(now, before)| *now >= before), "{parts:?}");
            last = parts;
            // The processes' own are the part of processes; those that went keep theirs in it.
            let now: i64 = drawn(&sample).iter().filter_map(|of| of.2).sum();
            assert!(now <= parts[0] + 3, "{second}: {now} of {parts:?}");
        }
        assert!(last.iter().all(|&part| part > 0), "{last:?}");
    }

    #[test]
    fn stated_power_counts_and_parts_of_processors_do_not() {
        let on = [(7, 70, 100)];
        let stated =
            Second { counter: None, stated: Some(30_000), busy: 100, processes: &on, ..QUIET };
        let mut devices = Devices::default();
        assert_eq!(drawn(&take(&mut devices, 1, &stated)), [(Some(7), None, Some(0))]);
        assert_eq!(drawn(&take(&mut devices, 3, &stated)), [(Some(7), Some(30 * W), Some(60 * W))]);
        let mut devices = Devices::default();
        let part = Second { integrated: true, ..stated };
        take(&mut devices, 1, &part);
        assert_eq!(drawn(&take(&mut devices, 2, &part)), [(Some(7), None, None)]);
    }

    #[test]
    fn a_process_has_one_sum_and_keeps_it_when_it_leaves_the_device() {
        let on = [(7, 70, 100)];
        let mut devices = Devices::default();
        let busy = |counter| Second { counter: Some(counter), busy: 100, processes: &on, ..QUIET };
        take(&mut devices, 1, &busy(0));
        take(&mut devices, 2, &busy(50_000));
        let table = |energy: Option<i64>| {
            let mut table = RawTable::new(FamilyId::Process);
            for start in [60, 70] {
                table
                    .push(Key(7, start))
                    .set(process::start_seconds, i64::try_from(start).expect("small"))
                    .set(process::energy_joules, energy)
                    .set(process::watts, energy);
            }
            table.finish(Window::default());
            table
        };
        let of = |table: &RawTable, row| {
            (table.raw(row, process::watts), table.raw(row, process::energy_joules))
        };
        for (energy, covered, expected) in [
            (Some(3 * W), false, (Some(53 * W), Some(53 * W))),
            (None, false, (Some(50 * W), Some(50 * W))),
            (Some(3 * W), true, (Some(3 * W), Some(3 * W))),
        ] {
            let mut table = table(energy);
            devices.add(&mut table, covered);
            assert_eq!(of(&table, 1), expected);
            assert_eq!(of(&table, 0), (energy, energy), "an earlier process of that number");
        }
        // It left the device.
        take(&mut devices, 3, &Second { counter: Some(60_000), ..QUIET });
        let mut now = table(Some(4 * W));
        devices.add(&mut now, false);
        assert_eq!(of(&now, 1), (Some(4 * W), Some(54 * W)));
        // It ended.
        devices.add(&mut RawTable::new(FamilyId::Process), false);
        assert!(devices.processes.is_empty());
    }

    #[test]
    fn energy_stands_while_a_share_is_not_told() {
        let on = [(7, 70, 100)];
        let mut devices = Devices::default();
        let busy = |counter| Second { counter: Some(counter), busy: 100, processes: &on, ..QUIET };
        take(&mut devices, 1, &busy(0));
        take(&mut devices, 2, &busy(50_000));
        // Nothing told of shares.
        let mut untold = sample(3, &busy(60_000));
        let mut table = RawTable::clone(untold.table(FamilyId::GpuProcess).expect("put"));
        table.row_mut(0).expect("there").set(gpu_process::utilization_ratio, None::<i64>);
        untold.put(Arc::new(table));
        devices.advance(&mut untold, false);
        assert_eq!(drawn(&untold), [(Some(7), None, Some(50 * W))]);
        let now = drawn(&take(&mut devices, 4, &busy(90_000)));
        assert_eq!(now, [(Some(7), Some(30 * W), Some(80 * W))], "a counter never starts anew");
    }

    #[test]
    fn without_a_table_of_processes_those_that_left_are_forgotten() {
        let mut devices = Devices::default();
        for second in 1..=100 {
            let pid = i64::try_from(second).expect("small");
            let on = [(pid, pid, 100)];
            take(&mut devices, second, &Second { busy: 100, processes: &on, ..QUIET });
            devices.forget();
        }
        assert_eq!(devices.processes.len(), 1);
    }
}
