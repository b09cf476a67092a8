//! Forecasts of GPU memory against what happened.
//!
//! A recording holds every forecast as it was made, and what became of the memory. A warning came
//! true if the device was full within three times what its level promises, and was a false alarm if
//! that time passed without it. Where the recording or the process ended sooner nobody knows.

pub mod report;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use retop_model::family::gpu_forecast::{FLAT, PREALLOCATED};
use retop_model::family::{gpu, gpu_forecast, gpu_process};
use retop_model::forecast::{FULL, LEVELS};
use retop_model::{FamilyId, Key, Row, Snapshot};
use serde::Serialize;

use super::{rfc3339, rfc3339_or_null};

/// So many times what a level promises is waited for the end.
const PATIENCE: f64 = 3.0;
/// A process that went so soon after its device was full went because of that.
const VICTIM_MS: i64 = 10_000;
/// What goes up and down is full at each of its peaks: those so close are one end.
const SAME_END_MS: i64 = 180_000;

/// What became of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The memory was full.
    Full,
    /// It was not, though there was time enough.
    FalseAlarm,
    /// The recording, or what grew, ended before it could be told.
    NotSeen,
}

/// A level that was reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Warning {
    /// Name of the level.
    pub level: &'static str,
    /// When it was reached.
    #[serde(rename = "from", serialize_with = "rfc3339")]
    pub from_ms: i64,
    /// How long it stood, to the last sample that had it.
    pub stood_seconds: f64,
    /// The process; `None` if it was about the device as a whole.
    pub pid: Option<i64>,
    /// Name of the process.
    pub name: Option<Box<str>>,
    /// Identity of the device.
    pub uuid: Box<str>,
    /// Number of the device.
    pub index: Option<i64>,
    /// What was told then: seconds to the end, and its band.
    pub told_seconds: Option<f64>,
    /// The earliest.
    pub earliest_seconds: Option<f64>,
    /// The latest; `None` if it may never be.
    pub latest_seconds: Option<f64>,
    /// What became of it.
    pub outcome: Outcome,
    /// Seconds from the warning to the end.
    pub lead_seconds: Option<f64>,
    /// True if that lies within the band.
    pub within: Option<bool>,
}

/// A device was full of what had grown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct End {
    /// When least was free.
    #[serde(rename = "at", serialize_with = "rfc3339")]
    pub at_ms: i64,
    /// The last sample in which it was full.
    #[serde(rename = "until", serialize_with = "rfc3339")]
    pub until_ms: i64,
    /// Identity of the device.
    pub uuid: Box<str>,
    /// Number of the device.
    pub index: Option<i64>,
    /// The process that ended then.
    pub victim: Option<Box<str>>,
    /// Its number.
    pub victim_pid: Option<i64>,
    /// What it held.
    pub victim_bytes: Option<i64>,
    /// Seconds before it at which each level was reached first, in the order of the levels.
    pub warned_seconds: [Option<f64>; LEVELS.len()],
}

/// How a level did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sum {
    /// Name of the level.
    pub level: &'static str,
    /// Times that it was reached.
    pub warnings: usize,
    /// How many came true.
    pub full: usize,
    /// How many did not.
    pub false_alarms: usize,
    /// Of how many it is not known.
    pub not_seen: usize,
    /// Of those that came true, how many within their band.
    pub within: usize,
    /// The shortest lead.
    pub least_lead_seconds: Option<f64>,
    /// The middle of the leads.
    pub median_lead_seconds: Option<f64>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// The first sample with forecasts.
    #[serde(rename = "from", serialize_with = "rfc3339_or_null")]
    pub from_ms: Option<i64>,
    /// The last one.
    #[serde(rename = "until", serialize_with = "rfc3339_or_null")]
    pub until_ms: Option<i64>,
    /// Samples with forecasts.
    pub samples: u64,
    /// Every level that was reached, in order of time.
    pub warnings: Vec<Warning>,
    /// Every time that a device was full.
    pub ends: Vec<End>,
    /// A line for each level.
    pub levels: Vec<Sum>,
}

/// A warning whose end is not known yet.
struct Open {
    warning: Warning,
    of: Key,
    device: Key,
    level: usize,
}

/// What is known of a device.
#[derive(Default)]
struct Device {
    victims: Option<i64>,
    ends: Vec<End>,
    /// When it was full last, and the least that was free since the last end began.
    full: Option<(i64, f64)>,
    /// When something that was warned of went away.
    gone_ms: Vec<i64>,
}

/// Takes moments in order of time.
#[derive(Default)]
pub struct Scores {
    score: Score,
    warnings: Vec<Open>,
    /// Warnings that stand, by what they are about and their level.
    standing: HashMap<(Key, usize), usize>,
    /// When each memory was looked at last.
    seen: HashMap<Key, i64>,
    devices: HashMap<Key, Device>,
}

impl Scores {
    /// Takes the next moment. One without forecasts says nothing.
    pub fn push(&mut self, moment: &Snapshot) {
        if moment.window(FamilyId::GpuForecast).is_none() {
            return;
        }
        let now_ms = moment.stamp().wall_ms;
        self.score.from_ms.get_or_insert(now_ms);
        self.score.until_ms = Some(now_ms);
        self.score.samples += 1;
        for device in moment.rows(FamilyId::Gpu) {
            self.devices.entry(device.key()).or_default().look(device, now_ms);
        }
        for forecast in moment.rows(FamilyId::GpuForecast) {
            self.take(forecast, now_ms);
        }
        // What is not there any more stands no longer.
        let (seen, warnings, devices) = (&self.seen, &self.warnings, &mut self.devices);
        self.standing.retain(|(of, _), place| {
            let there = seen.get(of) == Some(&now_ms);
            if !there && let Some(open) = warnings.get(*place) {
                devices.entry(open.device).or_default().gone_ms.push(now_ms);
            }
            there
        });
    }

    fn take(&mut self, forecast: Row<'_>, now_ms: i64) {
        let of = forecast.key();
        self.seen.insert(of, now_ms);
        let reached = forecast.raw(gpu_forecast::level);
        for (level, (number, _)) in LEVELS.into_iter().enumerate() {
            if reached.is_none_or(|reached| reached < number) {
                self.standing.remove(&(of, level));
                continue;
            }
            let place = *self.standing.entry((of, level)).or_insert_with(|| {
                self.warnings.push(open(forecast, level, now_ms));
                self.warnings.len() - 1
            });
            if let Some(Open { warning, .. }) = self.warnings.get_mut(place) {
                warning.stood_seconds = seconds(warning.from_ms, now_ms);
            }
        }
    }

    /// What became of all of them.
    #[must_use]
    pub fn finish(mut self) -> Score {
        let mut score = self.score;
        for Open { mut warning, of, device, level } in self.warnings {
            let Some(&(_, promised)) = LEVELS.get(level) else { continue };
            let deadline_ms = warning.from_ms + (PATIENCE * promised * 1e3) as i64;
            let time = warning.from_ms..=deadline_ms;
            let last_ms = self.seen.get(&of).copied().unwrap_or(warning.from_ms);
            let device = self.devices.entry(device).or_default();
            let is_its = |end: &End| {
                *time.start() <= end.until_ms.max(end.at_ms) && end.at_ms <= deadline_ms
            };
            let end = device.ends.iter_mut().find(|end| is_its(end));
            let gone = warning.pid.is_none() && device.gone_ms.iter().any(|ms| time.contains(ms));
            if let Some(end) = end {
                // One that is given while it is full already comes late, and is not false.
                let lead = seconds(warning.from_ms, end.at_ms).max(0.0);
                let latest = warning.latest_seconds.unwrap_or(f64::INFINITY);
                let earliest = warning.earliest_seconds;
                warning.outcome = Outcome::Full;
                warning.lead_seconds = Some(lead);
                warning.within = earliest.map(|earliest| (earliest..=latest).contains(&lead));
                if let Some(longest) = end.warned_seconds.get_mut(level) {
                    *longest = Some(longest.map_or(lead, |longest: f64| longest.max(lead)));
                }
            } else if last_ms >= deadline_ms && !gone {
                warning.outcome = Outcome::FalseAlarm;
            }
            score.warnings.push(warning);
        }
        score.ends = self.devices.into_values().flat_map(|device| device.ends).collect();
        score.ends.sort_by(|a, b| (a.at_ms, &a.uuid).cmp(&(b.at_ms, &b.uuid)));
        score.levels = LEVELS.map(|(number, _)| sum(&score.warnings, name(number))).into();
        score
    }
}

impl Device {
    /// Looks whether it is full, and who ended for that.
    fn look(&mut self, device: Row<'_>, now_ms: i64) {
        let forecast = device.snapshot().find(FamilyId::GpuForecast, device.key());
        let memory = device.get(gpu::memory_free_bytes).zip(device.get(gpu::memory_total_bytes));
        let grows = forecast.and_then(|row| row.raw(gpu_forecast::shape));
        if let (Some((free, total)), Some(shape)) = (memory, grows)
            && free < FULL * total
            && ![FLAT, PREALLOCATED].contains(&shape)
        {
            self.is_full(device, free, now_ms);
        }
        let Some(forecast) = forecast else { return };
        let victims = forecast.raw(gpu_forecast::victims);
        let before = std::mem::replace(&mut self.victims, victims);
        if let (Some((full_ms, _)), Some(end)) = (self.full, self.ends.last_mut())
            && victims > before
            && now_ms - full_ms <= VICTIM_MS
        {
            end.at_ms = full_ms;
            end.victim = forecast.text(gpu_forecast::victim).map(|text| text.shown().into());
            end.victim_pid = forecast.raw(gpu_forecast::victim_pid);
            end.victim_bytes = forecast.raw(gpu_forecast::victim_bytes);
            self.full = None;
        }
    }

    fn is_full(&mut self, device: Row<'_>, free: f64, now_ms: i64) {
        match (&mut self.full, self.ends.last_mut()) {
            (Some((full_ms, lowest)), Some(end)) if now_ms - *full_ms <= SAME_END_MS => {
                (*full_ms, end.until_ms) = (now_ms, now_ms);
                if free < *lowest {
                    (*lowest, end.at_ms) = (free, now_ms);
                }
            }
            _ => {
                self.full = Some((now_ms, free));
                self.ends.push(End {
                    at_ms: now_ms,
                    until_ms: now_ms,
                    uuid: device.shown(gpu::uuid).into(),
                    index: device.raw(gpu::index),
                    victim: None,
                    victim_pid: None,
                    victim_bytes: None,
                    warned_seconds: [None; LEVELS.len()],
                });
            }
        }
    }
}

/// A warning as it is given.
fn open(forecast: Row<'_>, level: usize, now_ms: i64) -> Open {
    let moment = forecast.snapshot();
    let device =
        gpu_process::device_key(forecast.text(gpu_forecast::uuid).map_or(&[], |uuid| uuid.raw()));
    let process = moment.find(FamilyId::GpuProcess, forecast.key());
    let warning = Warning {
        level: LEVELS.get(level).map_or("", |&(number, _)| name(number)),
        from_ms: now_ms,
        stood_seconds: 0.0,
        pid: forecast.raw(gpu_forecast::pid),
        name: process.map(|row| row.shown(gpu_process::name).into()),
        uuid: forecast.shown(gpu_forecast::uuid).into(),
        index: moment.find(FamilyId::Gpu, device).and_then(|row| row.raw(gpu::index)),
        told_seconds: forecast.get(gpu_forecast::full_seconds),
        earliest_seconds: forecast.get(gpu_forecast::earliest_seconds),
        latest_seconds: forecast.get(gpu_forecast::latest_seconds),
        outcome: Outcome::NotSeen,
        lead_seconds: None,
        within: None,
    };
    Open { warning, of: forecast.key(), device, level }
}

/// The name of a level.
fn name(level: i64) -> &'static str {
    let states = gpu_forecast::level.states().unwrap_or_default();
    usize::try_from(level).ok().and_then(|place| states.get(place)).copied().unwrap_or("")
}

fn seconds(from_ms: i64, until_ms: i64) -> f64 {
    until_ms.saturating_sub(from_ms) as f64 / 1e3
}

fn sum(warnings: &[Warning], level: &'static str) -> Sum {
    let own = || warnings.iter().filter(|warning| warning.level == level);
    let count = |outcome| own().filter(|warning| warning.outcome == outcome).count();
    let mut leads: Vec<f64> = own().filter_map(|warning| warning.lead_seconds).collect();
    leads.sort_by(f64::total_cmp);
    Sum {
        level,
        warnings: own().count(),
        full: count(Outcome::Full),
        false_alarms: count(Outcome::FalseAlarm),
        not_seen: count(Outcome::NotSeen),
        within: own().filter(|warning| warning.within == Some(true)).count(),
        least_lead_seconds: leads.first().copied(),
        median_lead_seconds: leads.get(leads.len() / 2).copied(),
    }
}
