//! The recent past of one process, for small charts.
//!
//! What came before somebody looked is decoded out of the history by a thread of its own: two
//! minutes of a large machine take a while, and the cursor may move on to the next process before.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use retop_engine::history::{Past, View};
use retop_model::family::process;
use retop_model::{FamilyId, Key, Snapshot, Stamp};

use super::history::Ring;

/// Samples that are kept: two minutes at one a second.
pub const LENGTH: usize = 120;

/// CPU, memory, I/O, time and memory of graphics processors; NaN where there is no value.
type Values = [f32; 5];
type Point = (u64, Values);

/// The past of one process up to the moment on the screen.
pub struct Trace {
    key: Option<Key>,
    /// CPU time per second.
    pub cpu: Ring,
    /// Memory in use.
    pub memory: Ring,
    /// Bytes read and written per second.
    pub io: Ring,
    /// Share of graphics processors' time.
    pub gpu: Ring,
    /// Memory of graphics processors in use.
    pub vram: Ring,
    points: VecDeque<Point>,
    loading: Option<Loading>,
}

/// A thread that decodes.
struct Loading {
    points: Receiver<Vec<Point>>,
    /// Nobody wants it any more.
    dropped: Arc<AtomicBool>,
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

impl Default for Trace {
    fn default() -> Self {
        let ring = || Ring::new(LENGTH);
        let points = VecDeque::with_capacity(LENGTH + 1);
        let [cpu, memory, io, gpu, vram] = std::array::from_fn(|_| ring());
        Trace { key: None, cpu, memory, io, gpu, vram, points, loading: None }
    }
}

impl Trace {
    /// Follows that process to that moment: by a step if it is the next one, else all anew.
    pub fn follow(&mut self, key: Key, now: &Snapshot, record: Option<&Mutex<dyn Past + 'static>>) {
        let at = now.stamp().monotonic_ns;
        let last = self.points.back().map(|point| point.0);
        if self.key == Some(key) && last == Some(at) {
            return;
        }
        let before = now.before().map(|sample| sample.stamp.monotonic_ns);
        let point = (at, values(now, key));
        if self.key == Some(key) && last.is_some() && last == before {
            return self.push(point);
        }
        self.key = Some(key);
        self.clear();
        self.push(point);
        // A poisoned lock has nothing half done below it: readers change nothing.
        let view =
            record.map(|record| record.lock().unwrap_or_else(PoisonError::into_inner).view());
        self.loading = view.and_then(|view| load(view, key, now.stamp()));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.loading = None;
        self.points.clear();
        self.rings().into_iter().for_each(Ring::clear);
    }

    /// True while something is decoded.
    #[must_use]
    pub fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    /// Takes what has been decoded; true if there was something.
    pub fn poll(&mut self) -> bool {
        let Some(loading) = &self.loading else { return false };
        match loading.points.try_recv() {
            Ok(older) => {
                self.prepend(older);
                true
            }
            Err(TryRecvError::Empty) => false,
            Err(TryRecvError::Disconnected) => {
                self.loading = None;
                false
            }
        }
    }

    /// Waits for what is being decoded: for pictures that must be the same each time.
    pub fn finish(&mut self) {
        if let Some(older) = self.loading.take().and_then(|loading| loading.points.recv().ok()) {
            self.prepend(older);
        }
    }

    fn push(&mut self, point: Point) {
        if self.points.len() == LENGTH {
            self.points.pop_front();
        }
        self.points.push_back(point);
        self.draw(point.1);
    }

    fn rings(&mut self) -> [&mut Ring; 5] {
        [&mut self.cpu, &mut self.memory, &mut self.io, &mut self.gpu, &mut self.vram]
    }

    fn draw(&mut self, values: Values) {
        for (ring, value) in self.rings().into_iter().zip(values) {
            ring.push((!value.is_nan()).then_some(f64::from(value)));
        }
    }

    /// Puts what was decoded before what came meanwhile.
    fn prepend(&mut self, mut older: Vec<Point>) {
        self.loading = None;
        let first = self.points.front().map_or(u64::MAX, |point| point.0);
        older.retain(|point| point.0 < first);
        let room = LENGTH.saturating_sub(self.points.len());
        let older = older.split_off(older.len().saturating_sub(room));
        for point in older.into_iter().rev() {
            self.points.push_front(point);
        }
        self.rings().into_iter().for_each(Ring::clear);
        for place in 0..self.points.len() {
            self.draw(self.points[place].1);
        }
    }
}

fn values(now: &Snapshot, key: Key) -> Values {
    let Some(row) = now.find(FamilyId::Process, key) else { return [f32::NAN; 5] };
    let fields = [
        process::cpu_ratio,
        process::resident_bytes,
        process::io_bytes_per_second,
        process::gpu_ratio,
        process::gpu_memory_bytes,
    ];
    fields.map(|field| row.get(field).map_or(f32::NAN, |value| value as f32))
}

/// Decodes the samples before that moment.
fn load(view: View, key: Key, before: Stamp) -> Option<Loading> {
    let found = view.number_of(before)?;
    // The moment itself is there already, if the history has it.
    let is_it = view.stamp(found).is_some_and(|stamp| stamp.monotonic_ns >= before.monotonic_ns);
    let last = if is_it { found.checked_sub(1)? } else { found };
    let first = last.saturating_sub(LENGTH as u64 - 1).max(view.numbers().start);
    let (send, points) = sync_channel(1);
    let dropped = Arc::new(AtomicBool::new(false));
    let is_dropped = Arc::clone(&dropped);
    let decode = move || {
        let mut found = Vec::with_capacity(LENGTH);
        let mut cursor = view.cursor(first);
        while let Some(at) = &mut cursor
            && !is_dropped.load(Ordering::Relaxed)
        {
            // One that cannot be read is a gap.
            if let Some(moment) = at.snapshot() {
                found.push((moment.stamp().monotonic_ns, values(&moment, key)));
            }
            if at.number() >= last || !at.forward() {
                break;
            }
        }
        // Whoever asked may have gone on.
        let _ = send.send(found);
    };
    let thread = std::thread::Builder::new().name("trace".to_owned());
    thread.spawn(decode).ok().map(|_| Loading { points, dropped })
}

#[cfg(test)]
mod tests {
    use super::*;
    use retop_engine::history::History;
    use retop_model::{RawSample, RawTable, Window, derive};

    const KEY: Key = Key(7, 70);

    fn moments(count: u64) -> Vec<Arc<Snapshot>> {
        let mut last: Option<Arc<Snapshot>> = None;
        (1..=count)
            .map(|second| {
                let ns = second * 1_000_000_000;
                let stamp =
                    Stamp { wall_ms: ns as i64 / 1_000_000, monotonic_ns: ns, boottime_ns: ns };
                let mut table = RawTable::new(FamilyId::Process);
                table
                    .push(KEY)
                    .set(process::pid, 7_i64)
                    .set(process::resident_bytes, second as i64)
                    .set(process::user_seconds, second as i64 * 250_000)
                    .set(process::system_seconds, 0_i64);
                table.finish(Window { begin_ns: ns, end_ns: ns });
                let mut sample = RawSample::new(stamp);
                sample.put(Arc::new(table));
                let now = Arc::new(derive(last.as_deref(), Arc::new(sample)));
                last = Some(Arc::clone(&now));
                now
            })
            .collect()
    }

    fn shown(trace: &Trace) -> Vec<f32> {
        (0..LENGTH).map(|ago| trace.memory.ago(ago)).take_while(|v| !v.is_nan()).collect()
    }

    #[test]
    fn what_was_before_is_decoded_and_what_comes_is_added() {
        let moments = moments(300);
        let mut history = History::new(8 << 20).expect("an encoder");
        for moment in &moments[..200] {
            history.push(moment).expect("encoded");
        }
        let record = Mutex::new(history);
        let mut trace = Trace::default();
        trace.follow(KEY, &moments[199], Some(&record));
        assert_eq!(shown(&trace), [200.0], "before the thread is done");
        // Two more samples come before the thread is done.
        trace.follow(KEY, &moments[200], Some(&record));
        trace.follow(KEY, &moments[201], Some(&record));
        trace.follow(KEY, &moments[201], Some(&record));
        trace.finish();
        let want: Vec<f32> = (83..=202).rev().map(|value| value as f32).collect();
        assert_eq!(shown(&trace), want);
        assert!((trace.cpu.ago(5) - 0.25).abs() < 1e-6 && trace.io.ago(0).is_nan());
        trace.follow(KEY, &moments[202], Some(&record));
        assert_eq!(shown(&trace)[..2], [203.0, 202.0]);
        assert!(!trace.is_loading());
        // Back in time everything is of then.
        trace.follow(KEY, &moments[9], Some(&record));
        trace.finish();
        assert_eq!(shown(&trace), (1..=10).rev().map(|value| value as f32).collect::<Vec<_>>());
        // Another process has another past, and none at all is none.
        trace.follow(Key(8, 80), &moments[10], Some(&record));
        trace.finish();
        assert!(shown(&trace).is_empty());
        trace.follow(KEY, &moments[250], None);
        assert!(!trace.is_loading() && shown(&trace) == [251.0]);
    }
}
