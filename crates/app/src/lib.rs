//! The command line and the screen of retop.
#![forbid(unsafe_code)]

pub mod alerts;
pub mod columns;
pub mod command;
pub mod config;
pub mod config_write;
pub mod environment;
pub mod older;
pub mod options;
pub mod run;
pub mod settings;
pub mod tui;
pub mod value;
pub mod when;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::command::{Parsed, Task};
use crate::environment::Environment;

/// Runs the program: 0 done, 1 failed, 2 wrong usage. Errors are one line on stderr.
#[must_use]
pub fn start(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let environment = Environment::of_process();
    let parsed = command::parse(args, &environment);
    if let Parsed::Command(resolved, _) | Parsed::Wait(resolved, _) | Parsed::Run(_, resolved) =
        &parsed
    {
        resolved.unknown.iter().for_each(|unknown| run::note_on_stderr(unknown));
    }
    let result = match parsed {
        Parsed::Text(text) => run::print(&text),
        Parsed::Wrong(message) => Err(run::Usage(message).into()),
        Parsed::Command(resolved, wanted) => match run::command::run(&resolved.settings, &wanted) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Parsed::Wait(resolved, words) => {
            match run::wait::run(&resolved.settings, &environment, &words) {
                Ok(code) => return code,
                Err(error) => Err(error),
            }
        }
        Parsed::Run(Task::Completions(shell), _) => run::generated::completions(shell),
        Parsed::Run(Task::Man, _) => run::generated::man(),
        Parsed::Run(Task::Metrics, resolved) => run::metrics::run(&resolved.settings),
        Parsed::Run(Task::Doctor, resolved) => run::doctor::run(&resolved.settings),
        Parsed::Run(Task::Replay, resolved) => run::replay::run(&resolved, &environment),
        Parsed::Run(Task::Export, resolved) => run::export::run(&resolved.settings, &environment),
        Parsed::Run(Task::Query, resolved) => run::query::run(&resolved.settings, &environment),
        Parsed::Run(Task::Record, resolved) => run::record::run(&resolved.settings, &environment),
        Parsed::Run(Task::Watch, resolved) => run::watch(&resolved, &environment),
    };
    run::finish(result)
}
