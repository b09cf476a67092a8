//! A recording as a screen looks at it: what [`History`](crate::history::History) is for the samples
//! in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use retop_model::{Field, Key, Snapshot};

use crate::history::{Band, Buckets, Log, Past, Spikes, View};

use super::error::RecordingError;
use super::preview::Preview;
use super::reader::Recording;
use super::told::Told;

/// Buckets that are at least this wide are filled from previews.
const WIDE_MS: f64 = 4_000.0;
/// Values of single samples that are remembered: those of the widest scrubber, twice.
const POINTS: usize = 8_192;
/// Segments of which the bands of one field are remembered, 9 KB for an hour: three weeks of hours.
const PREVIEWS: usize = 512;

/// A recording with all that stands beside a history's samples.
pub struct Replay {
    recording: Recording,
    view: View,
    spikes: Spikes,
    log: Log,
    /// The number of the next sample to be gone through for spikes and alerts, where nobody wrote
    /// them down.
    unheard: u64,
    follower: Option<Follower>,
    kept: Mutex<Kept>,
}

/// What charts were drawn from last.
#[derive(Default)]
struct Kept {
    /// Of single samples: their wall clock and value, and which numbers that covers.
    field: Option<Field>,
    points: BTreeMap<u64, (i64, f32)>,
    /// Of segments to which nothing is added, by their place: middles of slots and bands.
    wide: Option<Field>,
    previews: BTreeMap<PathBuf, Arc<Vec<(i64, Band)>>>,
    /// And one band for all of each.
    whole: BTreeMap<PathBuf, (i64, Band)>,
}

/// One band for all of them, in the middle of their time.
fn one_of(bands: &[(i64, Band)]) -> Option<(i64, Band)> {
    let ((first, _), (last, _)) = bands.first().zip(bands.last())?;
    let each = || bands.iter().map(|(_, band)| band);
    let band = Band {
        min: each().map(|band| band.min).fold(f32::INFINITY, f32::min),
        mean: (each().map(|band| f64::from(band.mean)).sum::<f64>() / bands.len() as f64) as f32,
        max: each().map(|band| band.max).fold(f32::NEG_INFINITY, f32::max),
    };
    Some((first + (last - first) / 2, band))
}

/// The bands of a field, each with the middle of its slot.
fn bands_of(previews: &[Preview], field: Field) -> Arc<Vec<(i64, Band)>> {
    let each = previews.iter().filter_map(|preview| Some((preview, preview.line(field)?)));
    let bands = each.flat_map(|(preview, line)| {
        let middles = preview.starts_ms.iter().map(|start| start + preview.period_ms / 2);
        middles.zip(line).filter_map(|(middle, band)| Some((middle, (*band)?)))
    });
    Arc::new(bands.collect())
}

/// Looks for what is recorded since, beside a replay that is on show: nothing waits for its disk.
pub struct Follower {
    recording: Recording,
    told: Told,
}

/// What a follower found.
pub struct Grown {
    recording: Recording,
    view: View,
    /// Where something happened.
    told: Option<(Spikes, Log)>,
    /// The newest moment that can be read.
    pub newest: Option<Snapshot>,
}

#[cfg(test)]
impl Grown {
    /// True where something happened.
    pub(super) fn told(&self) -> bool {
        self.told.is_some()
    }
}

impl Follower {
    fn new(recording: Recording) -> Follower {
        Follower { recording, told: Told::default() }
    }

    /// Looks for what was recorded since the last time, and reads that.
    pub fn look(&mut self) -> Option<Grown> {
        if !self.recording.refresh() {
            return None;
        }
        let view = self.recording.view();
        let told = self.told.read(&self.recording, &view).then(|| self.told.restored());
        let newest = newest(&view);
        Some(Grown { recording: self.recording.clone(), view, told, newest })
    }
}

fn newest(view: &View) -> Option<Snapshot> {
    view.numbers().rev().take(1_000).find_map(|number| view.moment(number))
}

impl Replay {
    /// Reads what happened in the whole recording.
    ///
    /// # Errors
    ///
    /// If there is no sample that can be read.
    pub fn open(recording: Recording) -> Result<Replay, RecordingError> {
        let kept = Mutex::default();
        let (spikes, log) = (Spikes::default(), Log::default());
        let view = recording.view();
        let mut replay = Replay { view, recording, spikes, log, unheard: 0, follower: None, kept };
        if replay.view.is_empty() {
            // Why not, if a segment can tell.
            replay.recording.range()?;
            let what = "nothing is recorded in it";
            return Err(RecordingError::new(replay.recording.path(), what));
        }
        match replay.recording.is_silent() {
            true => replay.hear(),
            false => {
                let mut follower = Follower::new(replay.recording.clone());
                follower.told.read(&follower.recording, &replay.view);
                (replay.spikes, replay.log) = follower.told.restored();
                replay.follower = Some(follower);
            }
        }
        Ok(replay)
    }

    /// The recording.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Who looks for what is recorded from now on; `None` for a recording that is fetched, and once
    /// somebody does.
    pub fn follower(&mut self) -> Option<Follower> {
        self.follower.take()
    }

    /// Takes what a follower has found.
    pub fn take(&mut self, grown: Grown) {
        (self.recording, self.view) = (grown.recording, grown.view);
        if let Some((spikes, log)) = grown.told {
            (self.spikes, self.log) = (spikes, log);
        }
    }

    /// Takes what was recorded since from another recording: what is fetched again of a running
    /// retop from [`Recording::newest_key_ms`] on. True if there is something.
    pub fn append(&mut self, newer: &Recording) -> bool {
        let grown = self.recording.append(newer);
        if grown {
            self.view = self.recording.view();
            self.hear();
        }
        grown
    }

    /// Adds to log and spikes what the samples show that were not gone through yet.
    fn hear(&mut self) {
        let numbers = self.view.numbers();
        let Some(mut cursor) = self.view.cursor(self.unheard.max(numbers.start)) else { return };
        loop {
            if let Some(moment) = cursor.snapshot() {
                self.spikes.push(cursor.number(), &moment);
                self.log.push(cursor.number(), &moment);
            }
            self.unheard = cursor.number() + 1;
            if !cursor.forward() {
                break;
            }
        }
        self.spikes.forget(numbers.start);
        self.log.forget(numbers.start);
    }

    /// The newest moment that can be read.
    #[must_use]
    pub fn newest(&self) -> Option<Snapshot> {
        newest(&self.view)
    }

    /// Bands of 10 s from what was written when segments were closed; where a bucket is longer than
    /// a segment, one band for the segment.
    fn wide(&self, field: Field, range_ms: (i64, i64), into: &mut Filling<'_>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.wide != Some(field) {
            kept.previews.clear();
            kept.whole.clear();
            kept.wide = Some(field);
        }
        for part in self.recording.parts(range_ms.0, range_ms.1) {
            let (first_ms, last_ms) = part.span_ms;
            let short = (last_ms.saturating_sub(first_ms) as f64) < into.width_ms;
            if short && let Some(&(middle, band)) = kept.whole.get(part.path()) {
                into.add(middle, band);
                continue;
            }
            let bands = match kept.previews.get(part.path()) {
                Some(bands) => Arc::clone(bands),
                None => {
                    let bands = bands_of(&part.previews(), field);
                    if part.is_done() && kept.previews.len() < PREVIEWS && !short {
                        kept.previews.insert(part.path().to_owned(), Arc::clone(&bands));
                    }
                    bands
                }
            };
            match one_of(&bands).filter(|_| short) {
                Some(whole) => {
                    if part.is_done() {
                        kept.whole.insert(part.path().to_owned(), whole);
                    }
                    into.add(whole.0, whole.1);
                }
                None => bands.iter().for_each(|&(middle, band)| into.add(middle, band)),
            }
        }
    }

    /// The samples themselves.
    fn close(&self, field: Field, range_ms: (i64, i64), into: &mut Filling<'_>) {
        let (Some(first), Some(last)) = (
            self.view.number_at(range_ms.0).or(Some(self.view.numbers().start)),
            self.view.number_at(range_ms.1),
        ) else {
            return;
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.field != Some(field) || kept.points.len() > POINTS {
            *kept = Kept {
                field: Some(field),
                wide: kept.wide,
                previews: std::mem::take(&mut kept.previews),
                whole: std::mem::take(&mut kept.whole),
                ..Kept::default()
            };
        }
        let mut cursor = None;
        for number in first..=last {
            let (time_ms, value) = match kept.points.get(&number) {
                Some(&point) => point,
                None => {
                    // A cursor inflates a key interval once.
                    if cursor.is_none() {
                        cursor = self.view.cursor(number);
                    }
                    let Some(cursor) = &mut cursor else { continue };
                    let moment = cursor.seek(number).then(|| cursor.snapshot()).flatten();
                    let Some(moment) = moment else { continue };
                    let value = moment.one(field).map_or(f32::NAN, |value| value as f32);
                    let point = (moment.stamp().wall_ms, value);
                    kept.points.insert(number, point);
                    point
                }
            };
            if !value.is_nan() {
                into.add(time_ms, Band { min: value, mean: value, max: value });
            }
        }
    }
}

/// Buckets being filled.
struct Filling<'a> {
    from_ms: f64,
    width_ms: f64,
    buckets: &'a mut Buckets,
}

impl Filling<'_> {
    fn add(&mut self, time_ms: i64, band: Band) {
        let place = (time_ms as f64 - self.from_ms) / self.width_ms;
        if place >= 0.0 {
            self.buckets.add(place as usize, band);
        }
    }
}

impl Past for Replay {
    fn view(&self) -> View {
        self.view.clone()
    }

    fn fill(&self, field: Field, _: Key, range_ms: (i64, i64), buckets: usize, into: &mut Buckets) {
        into.reset(buckets);
        let (from_ms, to_ms) = (range_ms.0 as f64, range_ms.1 as f64);
        if buckets == 0 || from_ms >= to_ms {
            return;
        }
        let width_ms = (to_ms - from_ms) / buckets as f64;
        let mut filling = Filling { from_ms, width_ms, buckets: into };
        if width_ms >= WIDE_MS {
            self.wide(field, range_ms, &mut filling);
        } else {
            self.close(field, range_ms, &mut filling);
        }
    }

    fn spikes(&self) -> &Spikes {
        &self.spikes
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
