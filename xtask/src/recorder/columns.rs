//! What each column of a recording takes.

use std::sync::Arc;

use anyhow::Result;
use retop_model::{FamilyId, RawSample, RawTable, Reading, RowMut, Snapshot, derive};

use retop_engine::history::{Encoder, FrameKind, KEY_INTERVAL};
use retop_engine::recording::Recording;

/// Prints what the first six minutes of a recording are made of.
pub fn run(path: &str) -> Result<()> {
    let recording = Recording::open(path.as_ref())?;
    let samples: Vec<Arc<RawSample>> =
        recording.samples(i64::MIN, i64::MAX).take(360).collect::<Result<_, _>>()?;
    changes(&samples);
    let whole = Size::of(&samples, |_| {})?;
    println!(
        "{} samples, {:.0} B each: keys {:.0} B, others {:.0} B",
        samples.len(),
        whole.mean(),
        whole.key,
        whole.delta
    );
    println!("    mean      key    delta");
    let mut found = Vec::new();
    for family in FamilyId::all() {
        let without = Size::of(&samples, |sample| {
            sample.take(family);
        })?;
        let declared = family.get();
        let saved = whole.mean() - without.mean();
        found.push((without, declared.name.to_owned(), ""));
        if saved < 30.0 {
            continue;
        }
        for (place, column) in declared.raw.iter().enumerate() {
            let without = Size::of(&samples, |sample| {
                change(sample, family, |row| row.put(place, Reading::NONE));
            })?;
            found.push((without, declared.name.to_owned(), column.name));
        }
        for (place, text) in declared.texts.iter().enumerate() {
            let without = Size::of(&samples, |sample| {
                change(sample, family, |row| row.texts()[place] = None);
            })?;
            found.push((without, declared.name.to_owned(), text.name));
        }
    }
    found.sort_by(|one, other| one.0.mean().total_cmp(&other.0.mean()));
    for (without, family, column) in found {
        let mean = whole.mean() - without.mean();
        if mean.abs() >= 2.0 {
            let (key, delta) = (whole.key - without.key, whole.delta - without.delta);
            println!("{mean:8.1} {key:8.0} {delta:8.1}  {family} {column}");
        }
    }
    Ok(())
}

fn change(sample: &mut RawSample, family: FamilyId, change: impl Fn(&mut RowMut<'_>)) {
    let Some(mut table) = sample.take(family) else { return };
    let rows: &mut RawTable = Arc::make_mut(&mut table);
    for row in 0..rows.len() {
        rows.row_mut(row).iter_mut().for_each(&change);
    }
    sample.put(table);
}

/// Bytes of frames.
struct Size {
    key: f64,
    delta: f64,
}

impl Size {
    fn of(samples: &[Arc<RawSample>], edit: impl Fn(&mut RawSample)) -> Result<Size> {
        let mut encoder = Encoder::new()?;
        let mut last: Option<Snapshot> = None;
        let (mut keys, mut deltas) = ((0, 0), (0, 0));
        for sample in samples {
            let mut sample = (**sample).clone();
            edit(&mut sample);
            let now = derive(last.as_ref(), Arc::new(sample));
            let mut out = Vec::new();
            let of = match encoder.frame(&now, &mut out)? {
                FrameKind::Key => &mut keys,
                FrameKind::Delta => &mut deltas,
            };
            // The first samples of a recording lack what only the second reading gives.
            if samples.len() < 2 * KEY_INTERVAL || last.as_ref().is_some_and(Snapshot::has_rates) {
                *of = (of.0 + out.len(), of.1 + 1);
            }
            last = Some(now);
        }
        let mean = |(bytes, count): (usize, usize)| bytes as f64 / count.max(1) as f64;
        Ok(Size { key: mean(keys), delta: mean(deltas) })
    }

    fn mean(&self) -> f64 {
        let interval = KEY_INTERVAL as f64;
        (self.key + (interval - 1.0) * self.delta) / interval
    }
}

/// How much changes from one sample to the next.
fn changes(samples: &[Arc<RawSample>]) {
    let (mut rows, mut changed, mut numbers, mut births) = (0, 0, 0, 0);
    for pair in samples.windows(2) {
        let tables = (pair[0].table(FamilyId::Process), pair[1].table(FamilyId::Process));
        let (Some(old), Some(new)) = tables else { continue };
        rows += new.len();
        for (row, &key) in new.keys().iter().enumerate() {
            let Some(place) = old.find(key) else {
                births += 1;
                continue;
            };
            let both = new.readings(row).zip(old.readings(place));
            let differ = both.filter(|(new, old)| new != old).count();
            changed += usize::from(differ > 0);
            numbers += differ;
        }
    }
    let mean = |sum: usize| sum as f64 / (samples.len() - 1) as f64;
    println!(
        "{:.0} processes; changed: {:.0} rows, {:.0} numbers; {:.1} births",
        mean(rows),
        mean(changed),
        mean(numbers),
        mean(births)
    );
}
