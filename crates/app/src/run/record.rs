//! `retop record`: a recording, without a screen.

use std::path::PathBuf;
use std::sync::Arc;

use retop_engine::export::{Arguments, Limit};
use retop_engine::recording::{Directory, Note, Recorder, Settings as Recording};
use retop_engine::{RealClock, Rows, Ticker};
use retop_model::Clock;

use crate::alerts;
use crate::environment::Environment;
use crate::run::pace::{Pacer, Wake};
use crate::run::{Usage, demand, machine, note_on_stderr};
use crate::settings::Settings;

/// Bytes of a segment, unless the whole recording may take little more than that.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Records until a signal comes. What happens to the files is said on stderr, a line each.
///
/// # Errors
///
/// If the machine cannot be opened, or the folder not be made or written to.
pub fn run(settings: &Settings, environment: &Environment) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let machine = machine(settings)?;
    let folder = folder(settings, environment)?;
    let mut pacer = Pacer::unread(&*clock, settings.interval)?;
    let directory = Directory::open(&folder)?;
    let mut recorder = Recorder::new(Box::new(directory), recording(settings))?;
    let mut ticker = Ticker::live(machine, Arc::clone(&clock));
    let mut demand = demand(settings, Limit::All);
    // What a process that did not run holds and does has hardly changed; it is read when it did.
    demand.processes.memory = Rows::Active;
    demand.processes.status = Rows::Active;
    ticker.set_demand(demand);
    if let Some(rules) = alerts::rules(settings) {
        ticker.set_rules(rules);
    }
    loop {
        recorder.push(&ticker.tick());
        ticker.set_recorder(Some(recorder.state()));
        tell(&mut recorder, &folder);
        if pacer.wait(&*clock)? == Wake::End {
            break;
        }
    }
    recorder.close();
    tell(&mut recorder, &folder);
    Ok(())
}

fn tell(recorder: &mut Recorder, folder: &std::path::Path) {
    for note in recorder.notes() {
        // Where it is stands in the first line; afterwards the names will do.
        match note {
            Note::Opened(name) => {
                note_on_stderr(&format!("recording into {}", folder.join(name).display()));
            }
            note => note_on_stderr(&note.to_string()),
        }
    }
}

/// How to record, by the settings.
#[must_use]
pub fn recording(settings: &Settings) -> Recording {
    let record = &settings.record;
    Recording {
        interval: settings.interval,
        arguments: settings.arguments.unwrap_or(Arguments::Redacted),
        sync: record.sync,
        max_bytes: record.max_bytes,
        max_age: record.max_age,
        min_free: record.min_free,
        segment_bytes: SEGMENT_BYTES.min(record.max_bytes / 8).max(1 << 20),
    }
}

/// The folder of recordings: what was asked for, else the one below the state folder.
///
/// # Errors
///
/// If there is neither.
pub fn folder(settings: &Settings, environment: &Environment) -> anyhow::Result<PathBuf> {
    let state = || environment.state_folder.as_ref().map(|state| state.join("recordings"));
    settings.record.folder.clone().or_else(state).ok_or_else(|| {
        Usage("there is no home folder to record into; write retop record DIR".to_owned()).into()
    })
}
