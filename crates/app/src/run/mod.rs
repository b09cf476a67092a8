//! What each command does. All of them drive the engine; none reads a machine itself.

pub mod command;
mod control;
pub mod doctor;
pub mod export;
pub mod generated;
pub mod json;
pub mod looks;
pub mod metrics;
pub mod once;
pub mod pace;
pub mod plain;
pub mod progress;
pub mod query;
pub mod record;
pub mod recordings;
pub mod replay;
pub mod score;
pub mod screen;
pub mod serve;
pub mod wait;

use std::io::Write;
use std::process::ExitCode;

use retop_engine::export::Limit;
use retop_engine::{Demand, Machine, ProcessDemand, Roots, Rows, open};
use retop_model::{FamilyId, Filter, Row, Text, Verdict};

use crate::config::Resolved;
use crate::environment::Environment;
use crate::settings::Settings;

/// Wrong usage: exit status 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// What `retop` without a subcommand does.
///
/// # Errors
///
/// Whatever the chosen mode meets; settings that fit no machine are wrong usage.
pub fn watch(resolved: &Resolved, environment: &Environment) -> anyhow::Result<()> {
    let settings = &resolved.settings;
    if settings.print_config {
        return print(&resolved.print());
    }
    if settings.once {
        once::run(settings)
    } else if settings.json {
        json::run(settings)
    } else if let Some(address) = settings.serve {
        serve::run(settings, address)
    } else if settings.plain || is_dumb(environment) {
        plain::run(settings)
    } else {
        screen::run(resolved, environment)
    }
}

/// True for a terminal that prints lines and can do no more.
fn is_dumb(environment: &Environment) -> bool {
    environment.stdout_is_terminal && environment.terminal.term == "dumb"
}

/// Opens the machine that the settings name.
///
/// # Errors
///
/// A name that nobody knows or a folder that is not there: wrong usage.
pub fn machine(settings: &Settings) -> anyhow::Result<Machine> {
    if let Some(path) = replay::source(settings) {
        let what = "is a recording, and this is about a machine now";
        let next = "retop replay shows it, --once, --json and --serve read it";
        return Err(Usage(format!("'{path}' {what}; {next}")).into());
    }
    open(settings.source.as_deref(), Roots::below(&settings.root))
        .map_err(|error| Usage(error.to_string()).into())
}

/// How many processes an output holds unless told otherwise: enough to see who is at work.
const PROCESSES: usize = 20;

/// How many processes the stream holds: what was asked for; all that match a filter; else the
/// busiest few.
#[must_use]
pub fn processes(settings: &Settings) -> Limit {
    settings.processes.unwrap_or(match settings.filter {
        Some(_) => Limit::All,
        None => Limit::Count(PROCESSES),
    })
}

/// What has to be read for an output with so many processes. Nobody pays for processes that are
/// not shown.
#[must_use]
pub fn demand(settings: &Settings, processes: Limit) -> Demand {
    let mut demand = Demand::everything();
    let rows = match processes {
        Limit::Count(0) => {
            demand.want(FamilyId::Process, false);
            demand.processes = ProcessDemand::default();
            return demand;
        }
        // A filter may match a process that is idle: its details are wanted too.
        Limit::Count(count) if settings.filter.is_none() => Rows::Top(count),
        Limit::Count(_) | Limit::All => Rows::All,
    };
    demand.want(FamilyId::Thread, settings.threads);
    let threads = if settings.threads { rows.clone() } else { Rows::None };
    demand.processes = ProcessDemand {
        memory: rows.clone(),
        status: rows.clone(),
        io: rows.clone(),
        schedule: rows.clone(),
        counters: rows,
        proportional: Rows::None,
        texts: true,
        patient: settings.once,
        threads,
    };
    demand
}

/// Which processes are wanted at all, in the language of `--filter`.
struct Keep(Option<Filter>);

impl Keep {
    fn new(settings: &Settings) -> anyhow::Result<Keep> {
        let Some(text) = &settings.filter else { return Ok(Keep(None)) };
        match Filter::parse(text) {
            Ok(filter) => Ok(Keep(Some(filter))),
            Err(error) => Err(Usage(format!("--filter: '{text}': {error}")).into()),
        }
    }

    /// A process of which it cannot be told is not wanted: unknown is not yes.
    fn has(&self, row: Row<'_>) -> bool {
        self.0.as_ref().is_none_or(|filter| filter.test(row) == Verdict::Yes)
    }
}

/// Writes to stdout, which carries nothing but data.
///
/// # Errors
///
/// If stdout takes no more.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Says something to a person. What a server, a file or its name says may stand in it: no control
/// character of theirs reaches the terminal.
pub(crate) fn note_on_stderr(text: &str) {
    // There is nowhere left to say that stderr is closed.
    let _ = writeln!(std::io::stderr(), "retop: {}", Text::from(text).shown());
}

/// The exit status of a result. A reader that has seen enough and closed the pipe is no failure.
#[must_use]
pub fn finish(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let closed = error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe);
    if closed {
        return ExitCode::SUCCESS;
    }
    let text = format!("{error:#}").replace('\n', "; ");
    note_on_stderr(&crate::config::lower(&text));
    ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
}
