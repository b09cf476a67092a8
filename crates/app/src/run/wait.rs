//! `retop wait`: waits until a graphics processor is what somebody needs, then becomes the command
//! that needs it.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use retop_engine::{Demand, Launch, RealClock, Ticker};
use retop_model::awaited::{Condition, Waiting};
use retop_model::family::{gpu, source};
use retop_model::human::Duration;
use retop_model::{Clock, FamilyId, Snapshot};

use crate::environment::Environment;
use crate::run::command::not_run;
use crate::run::{Usage, machine, note_on_stderr};
use crate::settings::Settings;

/// The exit status of a wait that was given up, as that of `timeout`.
const GIVEN_UP: u8 = 124;
/// Whoever waits is told this often how it stands.
const TOLD_NS: u64 = 60_000_000_000;
/// Drivers that are not there after so long do not come.
const ABSENT_NS: u64 = 5_000_000_000;

/// Waits, and becomes the command.
///
/// # Errors
///
/// If there is no graphics processor to wait for, or the machine cannot be read.
pub fn run(
    settings: &Settings,
    environment: &Environment,
    words: &[OsString],
) -> anyhow::Result<ExitCode> {
    let Some(condition) = &settings.wait.gpu else {
        let usage = "say what to wait for: retop wait --gpu 'free>20G util<5% for=60s' -- COMMAND";
        return Err(Usage(usage.to_owned()).into());
    };
    let condition = &condition.clone().among(&environment.visible_devices);
    let launch = Launch::prepare()?;
    let clock = Arc::new(RealClock);
    let mut ticker = ticker(settings, Arc::clone(&clock))?;
    let began_ns = clock.monotonic_ns();
    let since = || clock.monotonic_ns().saturating_sub(began_ns);
    let most_ns =
        settings.wait.timeout.map(|most| u64::try_from(most.as_nanos()).unwrap_or(u64::MAX));
    let (mut waiting, mut told_ns) = (Waiting::default(), None);
    loop {
        let now = ticker.tick();
        if let Some(device) = waiting.advance(condition, &now) {
            let identity = device.shown(gpu::uuid);
            if told_ns.is_some() {
                let waited = Duration((since() as f64 / 1e9).round());
                note_on_stderr(&format!("{} after {waited}", called(&now, identity)));
            }
            let Some((program, args)) = words.split_first() else { return Ok(ExitCode::SUCCESS) };
            let variables = [("RETOP_GPU", identity), ("CUDA_VISIBLE_DEVICES", identity)];
            let count = if is_of_cuda(identity) { 2 } else { 1 };
            let error = launch.become_it(program, args, &variables[..count]);
            return Ok(not_run(&program.to_string_lossy(), &error));
        }
        let waited_ns = since();
        if now.rows(FamilyId::Gpu).len() == 0 && waited_ns >= ABSENT_NS {
            return Err(anyhow::anyhow!("there is no GPU to wait for: {}", reason(&now)));
        }
        if most_ns.is_some_and(|most_ns| waited_ns >= most_ns) {
            let stands = stands(condition, &waiting, &now);
            note_on_stderr(&format!(
                "given up after {}: {stands}",
                Duration(waited_ns as f64 / 1e9)
            ));
            return Ok(ExitCode::from(GIVEN_UP));
        }
        // The first sample may come before the driver has answered.
        let known = now.rows(FamilyId::Gpu).len() > 0;
        if known && told_ns.is_none_or(|told_ns| waited_ns - told_ns >= TOLD_NS) {
            tell(condition, &waiting, &now, told_ns.is_none());
            told_ns = Some(waited_ns);
        }
        let left_ns = most_ns.map_or(u64::MAX, |most_ns| most_ns.saturating_sub(waited_ns));
        let pause = settings.interval.min(std::time::Duration::from_nanos(left_ns));
        if let Some(signal) = launch.pause(pause)? {
            return Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(1)));
        }
    }
}

fn tell(condition: &Condition, waiting: &Waiting, now: &Snapshot, first: bool) {
    let stands = stands(condition, waiting, now);
    let begin = if first { "waiting for" } else { "still waiting for" };
    note_on_stderr(&format!("{begin} {condition}; {stands}"));
}

fn stands(condition: &Condition, waiting: &Waiting, now: &Snapshot) -> String {
    let stands = waiting.stands(condition, now).join("; ");
    if stands.is_empty() { "no such GPU is here".to_owned() } else { stands }
}

/// True of identities that CUDA takes: of its devices, and of parts of them.
fn is_of_cuda(identity: &str) -> bool {
    ["GPU-", "MIG-"].iter().any(|begin| identity.starts_with(begin))
}

/// The name of a device with its number.
fn called(now: &Snapshot, identity: &str) -> String {
    let row = now.rows(FamilyId::Gpu).find(|row| row.shown(gpu::uuid) == identity);
    let index = row.and_then(|row| row.raw(gpu::index));
    let name = row.map_or("", |row| row.shown(gpu::name));
    match index {
        Some(index) => format!("GPU {index} ({name}, {identity})"),
        None => format!("{name} ({identity})"),
    }
}

/// Why there is none, as their sources say.
fn reason(now: &Snapshot) -> String {
    let feeds = |row: &retop_model::Row<'_>| source::feeds_family(*row, FamilyId::Gpu);
    let reasons = now.rows(FamilyId::Source).filter(feeds).map(|row| row.shown(source::reason));
    let reasons: Vec<_> = reasons.filter(|reason| !reason.is_empty()).collect();
    if reasons.is_empty() { "'retop doctor' says more".to_owned() } else { reasons.join("; ") }
}

/// Reads devices and nothing else, on threads that may hang.
fn ticker(settings: &Settings, clock: Arc<RealClock>) -> anyhow::Result<Ticker> {
    let mut machine = machine(settings)?;
    machine.sources.retain(|source| source.feeds().contains(&FamilyId::Gpu));
    let mut demand = Demand::default();
    demand.want(FamilyId::Gpu, true).want(FamilyId::GpuProcess, true);
    let mut ticker = Ticker::live(machine, clock);
    ticker.set_demand(demand);
    Ok(ticker)
}
