//! `retop`: the screen.

use crate::environment::Environment;
use crate::run::{Usage, machine};
use crate::settings::Settings;

/// Draws until somebody quits.
///
/// # Errors
///
/// If there is no terminal, or the machine cannot be opened.
pub fn run(settings: &Settings, environment: &Environment) -> anyhow::Result<()> {
    if !environment.stdout_is_terminal || !environment.stdin_is_terminal {
        let what = if environment.stdout_is_terminal { "stdin" } else { "stdout" };
        let next = "use --json for a stream, --once for a report or --serve PORT for metrics";
        return Err(Usage(format!("{what} is no terminal; {next}")).into());
    }
    let _machine = machine(settings)?;
    Err(anyhow::anyhow!("the screen is not built in; use --once for a report"))
}
