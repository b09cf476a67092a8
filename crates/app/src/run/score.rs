//! `retop replay REC --score`: forecasts of GPU memory against what happened.

use std::io::Write;

use retop_engine::query::score::{Scores, report};
use retop_engine::{RealClock, local_offset_seconds};
use retop_model::Clock;

use crate::environment::Environment;
use crate::run::progress::{Progress, columns};
use crate::run::replay::{at, open, path};
use crate::run::{Usage, note_on_stderr, print};
use crate::settings::Settings;

/// Prints the score.
///
/// # Errors
///
/// If the recording cannot be read, or holds no forecasts.
pub fn run(settings: &Settings, environment: &Environment) -> anyhow::Result<()> {
    let path = path(settings)?;
    let recording = open(path)?;
    let (first_ms, last_ms) = recording.range()?.map_or((0, 0), |range| (range.start, range.end));
    let from_ms = at(&recording, settings.replay.at)?.unwrap_or(first_ms);
    let clock = RealClock;
    let mut progress = Progress::new(columns(environment), clock.monotonic_ns());
    let (mut scores, mut damaged) = (Scores::default(), Vec::new());
    for moment in recording.moments(from_ms, i64::MAX) {
        match moment {
            Ok(moment) => {
                scores.push(&moment);
                let now_ns = clock.monotonic_ns();
                if progress.is_due(now_ns) {
                    let passed = moment.stamp().wall_ms.saturating_sub(from_ms);
                    let share = passed as f64 / last_ms.saturating_sub(from_ms).max(1) as f64;
                    progress.draw(&mut std::io::stderr(), now_ns, share, None);
                }
            }
            Err(damage) => damaged.push(damage),
        }
    }
    progress.clear(&mut std::io::stderr());
    damaged.iter().for_each(|damage| note_on_stderr(&damage.to_string()));
    let score = scores.finish();
    if score.samples == 0 {
        anyhow::bail!(
            "{path}: forecasts of GPU memory are not recorded; there was no device to forecast"
        );
    }
    if settings.json {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &score)?;
        out.write_all(b"\n")?;
        return Ok(out.flush()?);
    }
    let mut text = String::new();
    report::write(&mut text, &score, &local_offset_seconds)?;
    print(&text)
}

/// Options that mean nothing without each other.
///
/// # Errors
///
/// What does not go together.
pub fn consistent(settings: &Settings, given: impl Fn(&str) -> bool) -> Result<(), Usage> {
    match (settings.replay.score, settings.json) {
        (false, true) => {
            let path = settings.replay.path.as_deref().unwrap_or("FILE");
            let what = "retop replay shows a recording; for lines of JSON:";
            Err(Usage(format!("{what} retop --json --source replay:{path}")))
        }
        (true, _) if given("speed") => {
            Err(Usage("--score shows nothing that --speed could change; leave it out".to_owned()))
        }
        _ => Ok(()),
    }
}
