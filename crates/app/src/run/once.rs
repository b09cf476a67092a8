//! `retop --once`: one report, one interval after the start, because rates need two samples.

use retop_engine::export::{Limit, report};

use crate::run::{json, print};
use crate::settings::Settings;

/// Prints one report, or with `--json` one line.
///
/// # Errors
///
/// If the machine cannot be opened or stdout takes no more.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    if settings.json {
        return json::run(&Settings { samples: Some(1), ..settings.clone() });
    }
    // The report ranks by memory as well: only all of them will do.
    json::each(settings, Limit::All, |snapshot| {
        let mut text = String::new();
        report::write(&mut text, snapshot)?;
        print(&text)?;
        Ok(false)
    })
}
