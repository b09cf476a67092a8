//! `retop metrics`: the declarations of all metrics.

use retop_engine::export::metrics::{write_json, write_markdown};

use crate::run::print;
use crate::settings::{Format, Settings};

/// Prints the table of metrics.
///
/// # Errors
///
/// If stdout takes no more.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    match settings.format {
        Format::Markdown => print(&markdown()?),
        Format::Json => {
            let mut text = Vec::new();
            write_json(&mut text)?;
            text.push(b'\n');
            print(&String::from_utf8(text)?)
        }
    }
}

/// The text of `docs/metrics.md`.
///
/// # Errors
///
/// None: a text takes everything.
pub fn markdown() -> anyhow::Result<String> {
    let mut text = String::new();
    write_markdown(&mut text)?;
    Ok(text)
}
