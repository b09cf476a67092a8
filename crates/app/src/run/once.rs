//! `retop --once`: one report, one interval after the start, because rates need two samples.

use retop_engine::export::Limit;

use crate::run::{json, print, processes, seam};
use crate::settings::Settings;

/// Processes in a report that was not told how many: what fits a screen beside the machine's part.
const ROWS: Limit = Limit::Count(20);

/// Prints one report, or with `--json` one line.
///
/// # Errors
///
/// If the machine cannot be opened or stdout takes no more.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    if settings.json {
        return json::run(&Settings { samples: Some(1), ..settings.clone() });
    }
    json::each(settings, ROWS, |snapshot| {
        print(&seam::report(snapshot, processes(settings, ROWS)))?;
        Ok(false)
    })
}
