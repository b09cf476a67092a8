//! The last two hours of a few numbers, for charts: what a chart of the past or of now is drawn from
//! without decoding a sample.

use std::collections::VecDeque;
use std::time::Duration;

use retop_model::family::{chip, core, cpu, disk, gpu, memory, network, own, power, pressure};
use retop_model::snapshot::sum;
use retop_model::{FamilyId, Field, Key, Row, Snapshot};

use super::session::Session;

/// Samples that a chart shows at most: one of 250 cells shows 500.
pub const LENGTH: usize = 512;
/// Samples that half a cell of a chart stands for, unless somebody zooms: a chart of 30 cells shows
/// two minutes at one a second, and moves every four.
pub const USUAL_PER: usize = 2;
/// Samples kept of each number: two hours at one a second, in 29 KB.
const KEPT: usize = 7_200;
/// Samples kept of all cores together, in 1 MiB: two hours of 36 cores, 8 minutes of 512.
const CORES_KEPT: usize = 1 << 18;
/// Samples kept of all graphics processors together, in 512 KiB: two hours of nine.
const GPUS_KEPT: usize = 1 << 16;
/// Samples kept of each power domain: a quarter of an hour.
const RAIL_KEPT: usize = 1 << 10;
/// Samples kept of a core at least: the longest line beside one shows fewer.
const CORE_LEAST: usize = 48;

/// The last values of one number, the newest last. A missing value is a gap.
#[derive(Clone, Debug)]
pub struct Ring {
    values: Box<[f32]>,
    next: usize,
    len: usize,
    /// Newest values that are passed over, while the screen shows the past.
    skipped: usize,
    /// Values pushed since the start.
    pushed: usize,
    /// Samples that half a cell of a chart stands for.
    per: usize,
}

impl Ring {
    /// Room for that many values; half a cell of a chart stands for so many.
    fn seen_by(per: usize, length: usize) -> Ring {
        Ring { per: per.max(1), ..Ring::new(length) }
    }

    /// Room for that many values.
    #[must_use]
    pub fn new(length: usize) -> Ring {
        let values = vec![f32::NAN; length.max(1)].into();
        Ring { values, next: 0, len: 0, skipped: 0, pushed: 0, per: 1 }
    }

    /// Adds a value; the oldest gives way.
    pub fn push(&mut self, value: Option<f64>) {
        self.values[self.next] = value.map_or(f32::NAN, |value| value as f32);
        self.next = (self.next + 1) % self.values.len();
        self.len = (self.len + 1).min(self.values.len());
        self.pushed = self.pushed.wrapping_add(1);
    }

    /// The two halves of a cell that many cells back, older and newer: of the samples in each the
    /// largest. Cells begin at every other sample, or every so many, whenever they are drawn: a chart
    /// moves when a cell is full, and until then nothing changes but the newest one.
    #[must_use]
    pub fn pair(&self, cell: usize) -> (f32, f32) {
        let first = self.first_of(cell, 2 * self.per);
        let (older, newer) = (first.saturating_add_unsigned(self.per), first);
        // Nothing is known of the half that is still to come: it looks like the one before.
        let newer = if older <= 0 { older } else { newer };
        (self.most(older), self.most(newer))
    }

    /// The largest of a cell that is not halved.
    #[must_use]
    pub fn single(&self, cell: usize) -> f32 {
        self.most(self.first_of(cell, self.per))
    }

    /// The newest sample of a cell that many cells back, as [`Ring::pair`] has it, or
    /// [`Ring::single`]: so many samples ago.
    #[must_use]
    pub fn newest_in(&self, cell: usize, pairs: bool) -> usize {
        let samples = if pairs { 2 * self.per } else { self.per };
        usize::try_from(self.first_of(cell, samples)).unwrap_or(0)
    }

    /// How long ago the newest sample of a cell was taken or, if that is below 0, is still to come.
    fn first_of(&self, cell: usize, samples: usize) -> isize {
        let open = self.pushed.wrapping_sub(self.skipped) % samples;
        let to_come = (samples - open) % samples;
        (cell * samples) as isize - to_come as isize
    }

    /// The largest of the samples that a half of a cell stands for, from that one back.
    fn most(&self, first: isize) -> f32 {
        let samples = first..first.saturating_add_unsigned(self.per);
        let taken = samples.filter_map(|ago| usize::try_from(ago).ok());
        taken.map(|ago| self.ago(ago)).fold(f32::NAN, f32::max)
    }

    /// The largest of what so many cells show.
    #[must_use]
    pub fn highest(&self, cells: u16) -> Option<f64> {
        let samples = usize::from(cells) * 2 * self.per;
        let known = (0..samples.min(self.len)).map(|ago| self.ago(ago)).filter(|v| !v.is_nan());
        known.reduce(f32::max).map(f64::from)
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        (self.next, self.len) = (0, 0);
    }

    /// The value that many samples before the moment shown; NaN where there is none.
    #[must_use]
    pub fn ago(&self, samples: usize) -> f32 {
        let samples = samples.saturating_add(self.skipped);
        if samples >= self.len {
            return f32::NAN;
        }
        let length = self.values.len();
        self.values[(self.next + length - 1 - samples) % length]
    }

    /// The largest of the last values, of [`LENGTH`] at most.
    #[must_use]
    pub fn peak(&self, samples: usize) -> Option<f64> {
        let known =
            (0..samples.min(self.len).min(LENGTH)).map(|ago| self.ago(ago)).filter(|v| !v.is_nan());
        known.reduce(f32::max).map(f64::from)
    }

    /// The mean of the last values.
    #[must_use]
    pub fn mean(&self, samples: usize) -> Option<f64> {
        let known = (0..samples.min(self.len)).map(|ago| self.ago(ago)).filter(|v| !v.is_nan());
        let (sum, count) = known.fold((0.0, 0), |(s, n), v| (s + f64::from(v), n + 1));
        (count > 0).then(|| sum / f64::from(count))
    }
}

/// What the charts show.
#[derive(Clone, Debug)]
pub struct History {
    /// Share of all CPU time.
    pub cpu: Ring,
    /// Share of memory in use.
    pub memory: Ring,
    /// Share of swap in use.
    pub swap: Ring,
    /// Bytes per second from all disks.
    pub read: Ring,
    /// Bytes per second to all disks.
    pub written: Ring,
    /// Bytes per second from the network, loopback left out.
    pub received: Ring,
    /// Bytes per second to the network, loopback left out.
    pub sent: Ring,
    /// Watts of the machine.
    pub watts: Ring,
    /// Share of time in which a task waited for a disk.
    pub io_pressure: Ring,
    /// What the busiest graphics processor does.
    pub gpu: Ring,
    /// Share of the memory in use of the fullest.
    pub vram: Ring,
    /// What each power domain drew since the start.
    pub session: Session,
    /// What retop costs, lately.
    pub cost: Cost,
    costs: Costs,
    cores: Vec<(Key, Ring)>,
    rails: Vec<(Key, Ring)>,
    devices: Vec<(Key, Device)>,
    /// When each sample was taken, by the monotonic clock.
    moments: VecDeque<u64>,
    /// The moment shown, if it is not the newest.
    end_ns: Option<u64>,
    kept: usize,
    /// Samples that half a cell of a chart stands for.
    per: usize,
}

/// The past of one graphics processor.
#[derive(Clone, Debug)]
pub struct Device {
    /// What it did of what it could.
    pub busy: Ring,
    /// Share of its memory in use.
    pub memory: Ring,
}

/// What a list in order has for a key; new if it has nothing yet.
pub(super) fn entry<T>(list: &mut Vec<(Key, T)>, key: Key, new: impl FnOnce() -> T) -> &mut T {
    let place = match list.binary_search_by_key(&key, |(key, _)| *key) {
        Ok(place) => place,
        Err(place) => {
            list.insert(place, (key, new()));
            place
        }
    };
    &mut list[place].1
}

impl Default for History {
    fn default() -> Self {
        History::with_length(KEPT)
    }
}

impl History {
    /// Room for that many samples.
    #[must_use]
    pub fn with_length(kept: usize) -> History {
        let ring = || Ring::seen_by(USUAL_PER, kept);
        History {
            cpu: ring(),
            memory: ring(),
            swap: ring(),
            read: ring(),
            written: ring(),
            received: ring(),
            sent: ring(),
            watts: ring(),
            io_pressure: ring(),
            gpu: ring(),
            vram: ring(),
            session: Session::default(),
            cost: Cost::default(),
            costs: Costs::default(),
            cores: Vec::new(),
            rails: Vec::new(),
            devices: Vec::new(),
            moments: VecDeque::with_capacity(kept),
            end_ns: None,
            kept,
            per: USUAL_PER,
        }
    }

    /// Takes a new moment.
    pub fn push(&mut self, now: &Snapshot) {
        self.cpu.push(now.one(cpu::utilization_ratio));
        self.memory.push(now.one(memory::used_ratio));
        self.swap.push(now.one(memory::swap_used_ratio));
        let disks = disks(now);
        self.read.push(sum(disks.clone().map(|row| row.get(disk::read_bytes_per_second))));
        self.written.push(sum(disks.map(|row| row.get(disk::written_bytes_per_second))));
        let links = links(now);
        let received = links.clone().map(|row| row.get(network::receive_bytes_per_second));
        self.received.push(sum(received));
        self.sent.push(sum(links.map(|row| row.get(network::transmit_bytes_per_second))));
        self.watts.push(watts(now));
        self.session.push(now);
        self.cost = self.costs.push(now).unwrap_or(self.cost);
        self.io_pressure.push(waiting(now, "io"));
        self.gpu.push(busiest_gpu(now).and_then(|row| {
            // The mean of the time since the last sample, where it is known; else a glimpse of it.
            row.get(gpu::utilization_mean_ratio).or_else(|| row.get(gpu::utilization_ratio))
        }));
        self.vram.push(fullest_gpu(now).and_then(|row| row.get(gpu::memory_ratio)));
        let cores = now.rows(FamilyId::Core);
        let kept = (CORES_KEPT / cores.len().max(1)).max(CORE_LEAST).min(self.kept);
        self.cores.retain(|(key, _)| now.find(FamilyId::Core, *key).is_some());
        for row in cores {
            let ring = || Ring::seen_by(self.per, kept);
            entry(&mut self.cores, row.key(), ring).push(row.get(core::utilization_ratio));
        }
        for row in now.rows(FamilyId::Power) {
            let ring = || Ring::seen_by(self.per, RAIL_KEPT.min(self.kept));
            entry(&mut self.rails, row.key(), ring).push(row.get(power::watts));
        }
        self.push_devices(now);
        if self.moments.len() == self.kept {
            self.moments.pop_front();
        }
        self.moments.push_back(now.stamp().monotonic_ns);
        if self.end_ns.is_some() {
            self.skip();
        }
    }

    fn push_devices(&mut self, now: &Snapshot) {
        let wholes = || now.rows(FamilyId::Gpu).filter(|row| row.text(gpu::parent).is_none());
        let kept = (GPUS_KEPT / wholes().count().max(1)).max(LENGTH).min(self.kept);
        for row in wholes() {
            // Cells of all charts move together.
            let ring = || Ring { pushed: self.gpu.pushed - 1, ..Ring::seen_by(self.per, kept) };
            let new = || Device { busy: ring(), memory: ring() };
            entry(&mut self.devices, row.key(), new);
        }
        // One that was not read this time has a gap, and is forgotten when that is all there is.
        self.devices.retain_mut(|(key, device)| {
            let row = now.find(FamilyId::Gpu, *key);
            device.busy.push(row.and_then(|row| row.get(gpu::utilization_ratio)));
            device.memory.push(row.and_then(|row| row.get(gpu::memory_ratio)));
            row.is_some() || device.busy.peak(LENGTH).is_some()
        });
    }

    /// Lets everything end at that moment of the monotonic clock; `None` lets it end at the newest
    /// again. What comes meanwhile is kept and not shown.
    pub fn end_at(&mut self, moment_ns: Option<u64>) {
        self.end_ns = moment_ns;
        self.skip();
    }

    fn skip(&mut self) {
        let end_ns = self.end_ns.unwrap_or(u64::MAX);
        let shown = self.moments.partition_point(|&moment_ns| moment_ns <= end_ns);
        let skipped = self.moments.len() - shown;
        self.rings().for_each(|ring| ring.skipped = skipped);
    }

    /// The samples that half a cell of a chart stands for.
    #[must_use]
    pub fn per(&self) -> usize {
        self.per
    }

    /// Lets half a cell of every chart stand for so many samples.
    pub fn set_per(&mut self, per: usize) {
        self.per = per.max(1);
        self.rings().for_each(|ring| ring.per = per.max(1));
    }

    fn rings(&mut self) -> impl Iterator<Item = &mut Ring> {
        let rings = [
            &mut self.cpu,
            &mut self.memory,
            &mut self.swap,
            &mut self.read,
            &mut self.written,
            &mut self.received,
            &mut self.sent,
            &mut self.watts,
            &mut self.io_pressure,
            &mut self.gpu,
            &mut self.vram,
        ];
        let many = self.cores.iter_mut().chain(&mut self.rails).map(|(_, ring)| ring);
        let devices =
            self.devices.iter_mut().flat_map(|(_, device)| [&mut device.busy, &mut device.memory]);
        rings.into_iter().chain(many).chain(devices)
    }

    /// The moment of that many samples before the one shown.
    #[must_use]
    pub fn moment_ago(&self, samples: usize) -> Option<u64> {
        let back = samples.checked_add(self.cpu.skipped)?;
        self.moments.get(self.moments.len().checked_sub(back + 1)?).copied()
    }

    /// True if the sample of that very moment is here.
    #[must_use]
    pub fn holds(&self, moment_ns: u64) -> bool {
        self.moments.binary_search(&moment_ns).is_ok()
    }

    /// Samples in that time before the moment shown, which is one of them.
    #[must_use]
    pub fn samples_in(&self, window: Duration) -> usize {
        let shown = self.moments.len() - self.cpu.skipped.min(self.moments.len());
        let Some(&end_ns) = shown.checked_sub(1).and_then(|last| self.moments.get(last)) else {
            return 0;
        };
        let window_ns = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
        // The sample at the very beginning tells of the time before it.
        let begin_ns = end_ns.saturating_sub(window_ns);
        shown - self.moments.partition_point(|&moment_ns| moment_ns <= begin_ns).min(shown - 1)
    }

    /// The watts of one power domain.
    #[must_use]
    pub fn rail(&self, key: Key) -> Option<&Ring> {
        let place = self.rails.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(&self.rails[place].1)
    }

    /// The past of one graphics processor.
    #[must_use]
    pub fn device(&self, key: Key) -> Option<&Device> {
        let place = self.devices.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(&self.devices[place].1)
    }

    /// The past of one core.
    #[must_use]
    pub fn core(&self, key: Key) -> Option<&Ring> {
        let place = self.cores.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(&self.cores[place].1)
    }
}

/// Whole disks: what is made of them would count twice.
pub fn disks(now: &Snapshot) -> impl Iterator<Item = retop_model::Row<'_>> + Clone {
    now.rows(FamilyId::Disk).filter(|row| row.state(disk::kind).is_none_or(|kind| kind == "disk"))
}

/// Network interfaces but the loopback.
pub fn links(now: &Snapshot) -> impl Iterator<Item = retop_model::Row<'_>> + Clone {
    now.rows(FamilyId::Network).filter(|row| row.get(network::loopback) != Some(1.0))
}

/// Watts of the whole machine, as far as they are known.
#[must_use]
pub fn watts(now: &Snapshot) -> Option<f64> {
    power::machine_watts(now)
}

/// Watts that what [`watts`] tells of is held to over the long term.
#[must_use]
pub fn limit_watts(now: &Snapshot) -> Option<f64> {
    let scale = || now.row(FamilyId::Chip, 0)?.get(chip::package_scale_watts);
    let limits = power::whole(now, |row| row.get(power::limit_watts)).or_else(scale)?;
    // A limit that the machine does not know is stated as a very large one.
    (limits > 0.0 && limits < 100_000.0).then_some(limits)
}

/// The graphics processor that does most.
#[must_use]
pub fn busiest_gpu(now: &Snapshot) -> Option<Row<'_>> {
    most(now, gpu::utilization_ratio)
}

/// The graphics processor whose memory is fullest.
#[must_use]
pub fn fullest_gpu(now: &Snapshot) -> Option<Row<'_>> {
    most(now, gpu::memory_ratio)
}

/// The first of the rows with the most of something.
fn most(now: &Snapshot, field: Field) -> Option<Row<'_>> {
    let known = now.rows(field.family).filter_map(|row| Some((row, row.get(field)?)));
    known.reduce(|a, b| if b.1 > a.1 { b } else { a }).map(|(row, _)| row)
}

/// Share of the last interval in which a task waited for that resource.
#[must_use]
pub fn waiting(now: &Snapshot, resource: &str) -> Option<f64> {
    now.rows(FamilyId::Pressure)
        .find(|row| row.shown(pressure::resource) == resource)?
        .get(pressure::some_ratio)
}

/// What retop costs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Share of one CPU.
    pub cpu_ratio: Option<f64>,
    /// Memory.
    pub resident_bytes: Option<f64>,
}

impl Cost {
    /// In the last interval.
    #[must_use]
    pub fn of(now: &Snapshot) -> Cost {
        let (cpu_ratio, resident_bytes) = (now.one(own::cpu_ratio), now.one(own::resident_bytes));
        Cost { cpu_ratio, resident_bytes }
    }
}

/// The mean of ten samples each time; at the start of those that there are.
#[derive(Clone, Debug, Default)]
struct Costs {
    seen: u32,
    samples: u32,
    sum: f64,
}

impl Costs {
    /// The cost to show from now on; `None` to go on with that of before.
    fn push(&mut self, now: &Snapshot) -> Option<Cost> {
        let cost = Cost::of(now);
        let share = cost.cpu_ratio?;
        self.sum += share;
        self.samples += 1;
        let first = self.seen < 2;
        self.seen = self.seen.saturating_add(1);
        if !first && self.samples < 10 {
            return None;
        }
        let cpu_ratio = Some(self.sum / f64::from(self.samples));
        (self.samples, self.sum) = (0, 0.0);
        Some(Cost { cpu_ratio, ..cost })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use retop_model::family::gpu_process;
    use retop_model::{RawSample, RawTable, Stamp, Window, derive};

    use super::*;

    #[test]
    fn the_oldest_gives_way_and_gaps_stay() {
        let mut ring = Ring::new(3);
        assert!(ring.ago(0).is_nan());
        for value in [Some(1.0), None, Some(3.0), Some(4.0)] {
            ring.push(value);
        }
        assert_eq!(ring.ago(0), 4.0);
        assert_eq!(ring.ago(1), 3.0);
        assert!(ring.ago(2).is_nan() && ring.ago(3).is_nan());
        assert_eq!(ring.peak(9), Some(4.0));
        assert_eq!(ring.mean(9), Some(3.5));
        assert_eq!(Ring::new(2).peak(2), None);
    }

    #[test]
    fn a_window_of_time_holds_the_samples_taken_in_it() {
        let mut history = History::with_length(100);
        assert_eq!(history.samples_in(Duration::from_secs(5)), 0);
        for second in 0..20 {
            history.moments.push_back(second * 1_000_000_000);
        }
        for (seconds, wanted) in [(0, 1), (1, 1), (5, 5), (19, 19), (30, 19), (u64::MAX, 19)] {
            assert_eq!(history.samples_in(Duration::from_secs(seconds)), wanted, "{seconds}");
        }
        history.end_at(Some(9_000_000_000));
        assert_eq!(history.samples_in(Duration::from_secs(5)), 5);
    }

    #[test]
    fn cells_keep_their_samples_while_they_move() {
        let mut ring = Ring::new(8);
        let mut seen: Vec<Vec<(f32, f32)>> = Vec::new();
        for value in [1.0, 2.0, 3.0, 4.0, 5.0] {
            ring.push(Some(value));
            let pairs = (0..3).map(|cell| ring.pair(cell));
            seen.push(pairs.filter(|pair| !pair.0.is_nan()).collect());
        }
        assert_eq!(seen[2], [(3.0, 3.0), (1.0, 2.0)], "the half to come looks like the other");
        assert_eq!(seen[3], [(3.0, 4.0), (1.0, 2.0)]);
        assert_eq!(seen[4][1..], seen[3]);
    }

    #[test]
    fn each_device_has_a_past_on_the_clock_of_all_charts() {
        let moment = |second: u64, devices: &[(&str, Option<i64>)]| {
            let ns = second * 1_000_000_000;
            let stamp = Stamp { wall_ms: 0, monotonic_ns: ns, boottime_ns: ns };
            let mut sample = RawSample::new(stamp);
            let mut table = RawTable::new(FamilyId::Gpu);
            for &(uuid, busy) in devices {
                table
                    .push(gpu_process::device_key(uuid.as_bytes()))
                    .text(gpu::uuid, uuid)
                    .set(gpu::utilization_ratio, busy);
            }
            table.finish(Window { begin_ns: ns, end_ns: ns });
            sample.put(Arc::new(table));
            derive(None, Arc::new(sample))
        };
        let mut history = History::with_length(100);
        let key = |uuid: &str| gpu_process::device_key(uuid.as_bytes());
        let busy = |history: &History, uuid: &str, ago: usize| {
            history.device(key(uuid)).map(|device| device.busy.ago(ago)).filter(|v| !v.is_nan())
        };
        history.push(&moment(1, &[("a", Some(10))]));
        // The second one comes later, the first one is not read once.
        history.push(&moment(2, &[("a", Some(20)), ("b", Some(50))]));
        history.push(&moment(3, &[("b", Some(60))]));
        history.push(&moment(4, &[("a", Some(40)), ("b", None)]));
        assert_eq!(
            [0, 1, 2, 3].map(|ago| busy(&history, "a", ago)),
            [Some(0.4), None, Some(0.2), Some(0.1)]
        );
        assert_eq!(
            [0, 1, 2, 3].map(|ago| busy(&history, "b", ago)),
            [None, Some(0.6), Some(0.5), None]
        );
        // Their cells begin with those of the machine, and the past is the same moment everywhere.
        let phase = |history: &History, uuid: &str| {
            history.device(key(uuid)).expect("known").busy.newest_in(1, true)
        };
        assert_eq!(phase(&history, "b"), history.cpu.newest_in(1, true));
        history.end_at(Some(2_000_000_000));
        assert_eq!((busy(&history, "a", 0), busy(&history, "b", 0)), (Some(0.2), Some(0.5)));
        // One that is gone is forgotten when nothing of it is left to show.
        history.end_at(None);
        for second in 5..5 + LENGTH as u64 {
            history.push(&moment(second, &[("a", Some(1))]));
        }
        assert!(history.device(key("a")).is_some() && history.device(key("b")).is_none());
    }

    #[test]
    fn a_cell_may_stand_for_many_samples_and_still_keeps_them() {
        let mut ring = Ring::seen_by(3, 64);
        let mut seen: Vec<Vec<(f32, f32)>> = Vec::new();
        for value in 1..=14 {
            ring.push((value != 4).then_some(f64::from(value)));
            seen.push((0..4).map(|cell| ring.pair(cell)).filter(|pair| !pair.0.is_nan()).collect());
        }
        assert_eq!(seen[1], [(2.0, 2.0)]);
        assert!(seen[4][0] == (3.0, 5.0), "{:?}", seen[4]);
        assert_eq!(seen[5], [(3.0, 6.0)]);
        assert_eq!(seen[11], [(9.0, 12.0), (3.0, 6.0)]);
        assert_eq!(seen[13][1..], seen[11]);
        assert_eq!((ring.newest_in(0, true), ring.newest_in(1, true)), (0, 2));
        assert_eq!((ring.single(0), ring.single(1), ring.newest_in(1, false)), (14.0, 12.0, 2));
        assert_eq!((ring.highest(1), ring.highest(9)), (Some(14.0), Some(14.0)));
        // What the screen stands still at is the newest.
        ring.skipped = 2;
        assert_eq!([ring.pair(0), ring.pair(1)], [(9.0, 12.0), (3.0, 6.0)]);
    }
}
