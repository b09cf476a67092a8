//! When the memory of a graphics processor runs out.
//!
//! The difference between two samples, drawn on to the end, cries wolf: allocators take memory in
//! jumps, and training goes up and down by gigabytes in every step. Two windows of buckets are kept
//! of each memory in use; it grows if the *lowest* value of bucket after bucket rises, how fast is
//! the middle of the slopes between all pairs of buckets, and what is left is counted above the
//! peaks. A forecast must hold for a while before it is shown, and is a band.
//!
//! Pure, as alerts are: the same samples give the same forecasts, live and from a recording.

mod ring;
mod series;
mod slope;
mod vanished;

use std::collections::HashMap;

pub use self::series::LEVELS;
use self::series::{Level, Series, WINDOWS};
pub use self::vanished::FULL;
use self::vanished::{Vanished, Victim};
use crate::family::{FamilyId, gpu, gpu_forecast, gpu_process};
use crate::reading::Reading;
use crate::snapshot::{Row, Snapshot};
use crate::stamp::Window;
use crate::table::{Key, RawTable};
use crate::text::Text;

/// The past of every device's and process's memory.
#[derive(Debug, Default)]
pub struct Forecasts {
    series: HashMap<Key, Watched>,
    vanished: Vanished,
    round: u64,
    /// The read that was taken last: a table that stands in two samples is one read.
    read: Option<Window>,
}

#[derive(Debug)]
struct Watched {
    series: Series,
    seen: u64,
    free: f64,
    /// Of a process: the device that it is on, and who it is.
    owner: Option<(Key, Victim)>,
}

impl Forecasts {
    /// Takes a new moment. The same read of the devices twice is taken once.
    pub fn advance(&mut self, snapshot: &Snapshot) {
        let Some(window) = snapshot.window(FamilyId::Gpu) else {
            self.series.clear();
            self.read = None;
            return;
        };
        if self.read == Some(window) {
            return;
        }
        let begun = self.read.replace(window).is_some();
        if snapshot.is_gap() {
            self.series.clear();
            self.vanished.forget_moments();
        }
        self.round += 1;
        let time = window.end_ns as f64 / 1e9;
        self.let_go(snapshot);
        for device in snapshot.rows(FamilyId::Gpu) {
            let (Some(used), Some(free), Some(total)) = (
                device.get(gpu::memory_used_bytes),
                device.get(gpu::memory_free_bytes),
                device.get(gpu::memory_total_bytes),
            ) else {
                continue;
            };
            let seen = |field| device.get(field).unwrap_or(used);
            let (low, high) = (seen(gpu::memory_low_bytes), seen(gpu::memory_peak_bytes));
            let level = Level { used, low, high };
            self.take(device.key(), time, level, [free, total], (false, None));
            let grows = self.series.get(&device.key()).is_some_and(|watched| {
                let flat = [gpu_forecast::FLAT, gpu_forecast::PREALLOCATED];
                !flat.contains(&watched.series.shape(time))
            });
            self.vanished.look(device.key(), time, free / total.max(1.0), grows);
        }
        for process in snapshot.rows(FamilyId::GpuProcess) {
            let Some(used) = process.get(gpu_process::memory_bytes) else { continue };
            // What no process holds is the device's own matter.
            if process.raw(gpu_process::pid) == Some(0) {
                continue;
            }
            let Some(device) = device_of(snapshot, process) else { continue };
            let (Some(free), Some(total)) =
                (device.get(gpu::memory_free_bytes), device.get(gpu::memory_total_bytes))
            else {
                continue;
            };
            let victim = Victim {
                pid: process.raw(gpu_process::pid).unwrap_or(0),
                name: process.text(gpu_process::name).cloned().unwrap_or_else(|| Text::from("")),
                bytes: used,
            };
            let owner = Some((device.key(), victim));
            self.take(process.key(), time, used.into(), [free, total], (begun, owner));
        }
        let round = self.round;
        let seen = |key: &Key| self.series.get(key).is_some_and(|device| device.seen == round);
        for watched in self.series.values().filter(|watched| watched.seen != round) {
            // A device that was not read tells nothing of who is on it.
            if let Some((device, victim)) = &watched.owner
                && seen(device)
            {
                self.vanished.gone(*device, time, victim.clone());
            }
        }
        self.series.retain(|_, watched| watched.seen == round);
    }

    /// What those that have gone held on a device is no part of its peaks to come.
    fn let_go(&mut self, snapshot: &Snapshot) {
        if snapshot.window(FamilyId::GpuProcess).is_none() {
            return;
        }
        let owners = self.series.iter().filter_map(|(&key, watched)| {
            let (device, victim) = watched.owner.as_ref()?;
            let gone = snapshot.find(FamilyId::GpuProcess, key).is_none();
            gone.then_some((*device, victim.bytes))
        });
        let gone: Vec<(Key, f64)> = owners.collect();
        for (device, bytes) in gone {
            if let Some(device) = self.series.get_mut(&device) {
                device.series.forget_peaks(bytes);
            }
        }
    }

    fn take(
        &mut self,
        key: Key,
        time: f64,
        level: Level,
        [free, total]: [f64; 2],
        (born, owner): (bool, Option<(Key, Victim)>),
    ) {
        let device = owner.as_ref().and_then(|(device, _)| self.series.get(device));
        let heights = device.map(|device| device.series.heights());
        let watched = self.series.entry(key).or_insert_with(|| Watched {
            series: Series::new(time, born),
            seen: 0,
            free,
            owner: None,
        });
        watched.seen = self.round;
        watched.free = free;
        watched.owner = owner;
        watched.series.push(time, level, [free, total], heights);
    }

    /// The forecasts as a table of the sample.
    #[must_use]
    pub fn table(&self, snapshot: &Snapshot) -> Option<RawTable> {
        let window = snapshot.window(FamilyId::Gpu)?;
        let mut table = RawTable::new(FamilyId::GpuForecast);
        for device in snapshot.rows(FamilyId::Gpu) {
            self.write(device, device.shown(gpu::uuid), window, &mut table);
        }
        for process in snapshot.rows(FamilyId::GpuProcess) {
            self.write(process, process.shown(gpu_process::uuid), window, &mut table);
        }
        table.finish(window);
        Some(table)
    }

    fn write(&self, of: Row<'_>, uuid: &str, window: Window, table: &mut RawTable) {
        let Some(Watched { series, free, .. }) = self.series.get(&of.key()) else { return };
        let time = window.end_ns as f64 / 1e9;
        let mut row = table.push(of.key());
        row.text(gpu_forecast::uuid, uuid);
        if of.family() == FamilyId::GpuProcess {
            row.set(gpu_forecast::pid, of.raw(gpu_process::pid))
                .set(gpu_forecast::start_seconds, of.raw(gpu_process::start_seconds));
        } else if let Some(ends) = self.vanished.of(of.key()) {
            row.set(gpu_forecast::victims, ends.count);
            if let Some(victim) = &ends.last {
                row.text(gpu_forecast::victim, victim.name.clone())
                    .set(gpu_forecast::victim_pid, victim.pid)
                    .set(gpu_forecast::victim_bytes, whole(victim.bytes));
            }
        }
        row.set(gpu_forecast::level, series.level())
            .set(gpu_forecast::shape, series.shape(time))
            .set(gpu_forecast::used_bytes, series.used().map(whole))
            .set(gpu_forecast::free_bytes, whole(*free));
        for (field, seconds) in [
            gpu_forecast::short_growth_bytes_per_second,
            gpu_forecast::minute_growth_bytes_per_second,
            gpu_forecast::long_growth_bytes_per_second,
        ]
        .into_iter()
        .zip(WINDOWS)
        {
            row.set(field, series.growth(seconds).map(whole));
        }
        let Some(forecast) = series.forecast() else { return };
        let [low, middle, high] = forecast.growth.slopes;
        let milliseconds = |seconds: f64| whole(seconds * 1e3);
        row.set(gpu_forecast::slow_growth_bytes_per_second, whole(low))
            .set(gpu_forecast::lasting_growth_bytes_per_second, whole(middle))
            .set(gpu_forecast::fast_growth_bytes_per_second, whole(high))
            .set(gpu_forecast::headroom_bytes, whole(forecast.headroom))
            .set(gpu_forecast::full_seconds, milliseconds(forecast.full))
            .set(gpu_forecast::earliest_seconds, milliseconds(forecast.earliest))
            .set(gpu_forecast::latest_seconds, forecast.latest.map(milliseconds))
            .set(gpu_forecast::confidence_ratio, whole(forecast.growth.confidence * 1e3));
    }
}

fn device_of<'a>(snapshot: &'a Snapshot, process: Row<'_>) -> Option<Row<'a>> {
    let identity = process.text(gpu_process::uuid)?;
    snapshot.find(FamilyId::Gpu, gpu_process::device_key(identity.raw()))
}

/// The nearest whole number; out of range is nothing.
fn whole(value: f64) -> Reading {
    let fits = value.is_finite() && value.abs() < 9e18;
    if fits { Reading::new(value.round() as i64) } else { Reading::NONE }
}

#[cfg(test)]
mod tests;
