//! `retop query`: who used what in a window of a recording.

use std::io::Write;

use retop_engine::query::{Answer, Tally, Top, is_recorded, report};
use retop_engine::{RealClock, local_offset_seconds};
use retop_model::Clock;

use crate::environment::Environment;
use crate::run::progress::{Progress, columns};
use crate::run::recordings::{Recordings, names};
use crate::run::{Usage, print};
use crate::settings::Settings;

/// Lines unless told otherwise; the JSON has all of them.
const LINES: usize = 20;
/// Parts of the window that one process is followed through.
const SLICES: usize = 20;

/// Prints the answer.
///
/// # Errors
///
/// If the recordings cannot be read, hold nothing of the window, or never held what is asked for.
pub fn run(settings: &Settings, environment: &Environment) -> anyhow::Result<()> {
    let query = &settings.query;
    let recordings = Recordings::open(settings)?;
    let window = recordings.window;
    let mut tally = match query.pid {
        Some(pid) => Tally::of_pid(pid, window.first_ms, window.last_ms, SLICES),
        None => Tally::new(query.by),
    };
    let clock = RealClock;
    let mut progress = Progress::new(columns(environment), clock.monotonic_ns());
    let walked = recordings.each(|moment| {
        tally.push(moment);
        let now_ns = clock.monotonic_ns();
        if progress.is_due(now_ns) {
            progress.draw(&mut std::io::stderr(), now_ns, recordings.share(moment), None);
        }
        Ok(true)
    });
    progress.clear(&mut std::io::stderr());
    walked?;
    let mut answer = tally.finish(query.top);
    let name = names(&settings.recordings);
    if let Some(pid) = query.pid
        && answer.lives.is_empty()
    {
        anyhow::bail!("{name}: process {pid} was not there in the window");
    }
    if query.pid.is_none() && !is_recorded(&answer, query.top) {
        anyhow::bail!("{}", missing(&name, &answer, query.top));
    }
    let limit = query.lines.unwrap_or(if settings.json { usize::MAX } else { LINES });
    if settings.json {
        answer.lines.truncate(limit);
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &answer)?;
        out.write_all(b"\n")?;
        return Ok(out.flush()?);
    }
    let mut text = String::new();
    match query.pid {
        Some(pid) => report::write_lives(&mut text, &answer, pid, &local_offset_seconds)?,
        None => report::write(&mut text, &answer, query.by, limit, &local_offset_seconds)?,
    }
    print(&text)
}

/// Why there is no answer.
fn missing(name: &str, answer: &Answer, top: Top) -> String {
    let what = match top {
        Top::Cpu | Top::Memory | Top::Io if answer.samples == 0 => "processes are not recorded",
        Top::Cpu if answer.samples == 1 => {
            return format!("{name}: one sample in the window: a difference needs two");
        }
        Top::Cpu => "the CPU time of processes is not recorded",
        Top::Memory => "the memory of processes is not recorded",
        Top::Io => "what processes read and write is not recorded",
        Top::Energy => "the energy of processes is not recorded",
        Top::Gpu => "what processes use of GPUs is not recorded",
    };
    format!("{name}: {what}")
}

/// Options that exclude each other.
///
/// # Errors
///
/// What does not go together.
pub fn consistent(settings: &Settings, given: impl Fn(&str) -> bool) -> Result<(), Usage> {
    let other = ["top", "by", "number"].into_iter().find(|name| given(name));
    match other.filter(|_| settings.query.pid.is_some()) {
        Some(name) => Err(Usage(format!("--pid asks for one process; leave --{name} out"))),
        None => Ok(()),
    }
}
