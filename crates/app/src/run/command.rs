//! `retop run`: runs a command and reports what it took, the whole tree of its processes together.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use retop_engine::{
    Counts, Demand, Exit, Launch, ProcessDemand, RealClock, Running, Ticker, Usage,
};
use retop_model::family::{cpu, energy, power, process, source};
use retop_model::human::{Count, Percent, Size};
use retop_model::{Clock, FamilyId, Field, Key, Snapshot};
use serde_json::{Value as Json, json};

use crate::run::{machine, note_on_stderr};
use crate::settings::Settings;

/// What is to be run, and where the report goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The command and its arguments.
    pub words: Vec<OsString>,
    /// One line of JSON instead of text.
    pub json: bool,
    /// A file instead of stderr.
    pub output: Option<PathBuf>,
}

/// What is read while the command runs; everything else would be its cost.
const FAMILIES: [FamilyId; 4] =
    [FamilyId::Cpu, FamilyId::Power, FamilyId::Process, FamilyId::Battery];

/// Exit statuses of whoever runs other programs: it was found and cannot be run, or it was not found.
const CANNOT: u8 = 126;
const UNKNOWN: u8 = 127;

/// Runs the command to its end and gives its exit status, 128 and the signal's number if one ended
/// it.
///
/// # Errors
///
/// If the report has no place, or the machine cannot be read.
pub fn run(settings: &Settings, wanted: &Wanted) -> anyhow::Result<ExitCode> {
    let [program, args @ ..] = wanted.words.as_slice() else {
        return Err(crate::run::Usage("name a command: retop run -- COMMAND".to_owned()).into());
    };
    let shown = program.to_string_lossy().into_owned();
    // A report without a place is better known before an hour of work than after it.
    let mut out: Box<dyn Write> = match &wanted.output {
        Some(path) => Box::new(File::create(path).with_context(|| path.display().to_string())?),
        None => Box::new(std::io::stderr()),
    };
    let launch = Launch::prepare()?;
    let clock = Arc::new(RealClock);
    let mut ticker = ticker(settings, Arc::clone(&clock))?;
    let mut record = Record::default();
    record.add(&ticker.tick());
    let start_ns = clock.monotonic_ns();
    let mut running = match launch.start(program, args) {
        Ok(running) => running,
        Err(error) => return Ok(not_run(&shown, &error)),
    };
    let wait = |at_most| running.wait(at_most);
    let exit = watch(&*clock, settings.interval, wait, || record.add(&ticker.tick()))?;
    let wall_ns = clock.monotonic_ns().saturating_sub(start_ns);
    record.add(&ticker.tick());
    let report = Report::new(shown, exit, wall_ns, settings.interval, &mut running, &record);
    let text = match wanted.json {
        true => format!("{}\n", report.json()),
        false => report.text(),
    };
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(ExitCode::from(match exit {
        Exit::Code(code) => u8::try_from(code).unwrap_or(1),
        Exit::Signal(signal) => u8::try_from(128 + signal).unwrap_or(1),
    }))
}

/// Takes a sample at each interval until the command has ended. `wait` may come back earlier: for a
/// signal, or for an orphan of the command's that ended, of which a script may leave thousands.
fn watch(
    clock: &dyn Clock,
    interval: Duration,
    mut wait: impl FnMut(Duration) -> std::io::Result<Option<Exit>>,
    mut sample: impl FnMut(),
) -> std::io::Result<Exit> {
    let interval_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    let mut due_ns = clock.monotonic_ns().saturating_add(interval_ns);
    loop {
        let left = Duration::from_nanos(due_ns.saturating_sub(clock.monotonic_ns()));
        if let Some(exit) = wait(left)? {
            return Ok(exit);
        }
        let now_ns = clock.monotonic_ns();
        if now_ns >= due_ns {
            sample();
            due_ns = now_ns.saturating_add(interval_ns);
        }
    }
}

/// Says why a program does not run, and gives the exit status for it.
pub fn not_run(program: &str, error: &std::io::Error) -> ExitCode {
    note_on_stderr(&format!("{program}: {error}"));
    ExitCode::from(if error.kind() == ErrorKind::NotFound { UNKNOWN } else { CANNOT })
}

fn ticker(settings: &Settings, clock: Arc<RealClock>) -> anyhow::Result<Ticker> {
    let mut machine = machine(settings)?;
    let is_wanted = |family: &FamilyId| FAMILIES.contains(family);
    machine.sources.retain(|source| source.feeds().iter().any(is_wanted));
    let mut demand = Demand::default();
    for family in FAMILIES {
        demand.want(family, true);
    }
    demand.processes = ProcessDemand::default();
    // Each read is one of the moment at which it is asked for, the first and the last above all.
    let mut ticker = Ticker::lockstep(machine, clock);
    ticker.set_demand(demand);
    Ok(ticker)
}

/// What the samples tell.
#[derive(Debug, Default)]
struct Record {
    domains: Vec<Domain>,
    energy: Span,
    idle: Span,
    busy: Span,
    shared: Option<String>,
    tree_peak_bytes: f64,
    /// CPU time of what was left behind.
    left_seconds: f64,
    left: usize,
    reasons: Vec<(String, String)>,
}

/// A number at the first sample that has it, and at the last.
#[derive(Clone, Copy, Debug, Default)]
struct Span(Option<(f64, f64)>);

impl Span {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.0 = Some((self.0.map_or(value, |(first, _)| first), value));
        }
    }

    fn grown(self) -> Option<f64> {
        self.0.map(|(first, last)| (last - first).max(0.0))
    }
}

/// A power domain.
#[derive(Debug)]
struct Domain {
    key: Key,
    name: String,
    source: String,
    is_counted: bool,
    used: Span,
}

impl Record {
    fn add(&mut self, now: &Snapshot) {
        for row in now.rows(FamilyId::Power) {
            let place = self.domains.iter().position(|domain| domain.key == row.key());
            let place = place.unwrap_or_else(|| {
                self.domains.push(Domain {
                    key: row.key(),
                    name: row.shown(power::domain).to_owned(),
                    source: row.shown(power::source).to_owned(),
                    is_counted: false,
                    used: Span::default(),
                });
                self.domains.len() - 1
            });
            let domain = &mut self.domains[place];
            domain.is_counted |= row.get(power::energy_joules).is_some();
            domain.used.add(row.get(power::used_joules));
        }
        self.energy.add(now.one(energy::domain_joules));
        self.idle.add(now.one(energy::idle_joules));
        self.busy.add(now.one(cpu::busy_seconds));
        if let Some(domain) = now.one_text(energy::domain) {
            self.shared = Some(domain.shown().to_owned());
        }
        let tree = tree(now, i64::from(std::process::id()));
        let sum = |field: Field| {
            tree.iter().filter_map(|&row| now.row(FamilyId::Process, row)?.get(field)).sum()
        };
        self.tree_peak_bytes = self.tree_peak_bytes.max(sum(process::resident_bytes));
        (self.left, self.left_seconds) = (tree.len(), sum(process::cpu_seconds));
        self.reasons = now
            .rows(FamilyId::Source)
            .filter(|row| row.shown(source::source).starts_with("power"))
            .filter_map(|row| {
                let reason = row.text(source::reason)?.shown().to_owned();
                Some((row.shown(source::source).to_owned(), reason))
            })
            .collect();
    }
}

/// The rows of the processes below that one.
fn tree(now: &Snapshot, root: i64) -> Vec<usize> {
    let rows = now.rows(FamilyId::Process);
    let mut below: Vec<usize> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for row in rows.clone() {
            let (Some(pid), Some(of)) = (row.raw(process::pid), row.raw(process::parent_pid))
            else {
                continue;
            };
            if of == parent && pid != root && !below.contains(&row.index()) {
                below.push(row.index());
                parents.push(pid);
            }
        }
    }
    below
}

/// What is reported.
struct Report<'a> {
    program: String,
    exit: Exit,
    wall_seconds: f64,
    interval_seconds: f64,
    usage: Usage,
    counts: Result<Counts, String>,
    record: &'a Record,
}

impl<'a> Report<'a> {
    fn new(
        program: String,
        exit: Exit,
        wall_ns: u64,
        interval: Duration,
        running: &mut Running,
        record: &'a Record,
    ) -> Report<'a> {
        Report {
            program,
            exit,
            wall_seconds: wall_ns as f64 / 1e9,
            interval_seconds: interval.as_secs_f64(),
            usage: running.usage(),
            counts: running.counts().map_err(|problem| problem.reason),
            record,
        }
    }

    fn cpu_seconds(&self) -> f64 {
        let ended = (self.usage.user_us + self.usage.system_us) as f64 / 1e6;
        ended + self.record.left_seconds
    }

    /// The part of the machine's busy time that was the command's.
    fn share(&self) -> Option<f64> {
        let own = self.cpu_seconds();
        let busy = self.record.busy.grown()?.max(own);
        (busy > 0.0).then(|| own / busy)
    }

    /// The energy laid to the command: that of the shared-out domains without the part of being
    /// idle, by its share of the CPU time.
    fn attributed_joules(&self) -> Option<f64> {
        let active = self.record.energy.grown()? - self.record.idle.grown()?;
        Some(active.max(0.0) * self.share()?)
    }

    fn json(&self) -> Json {
        let usage = &self.usage;
        let (code, signal) = match self.exit {
            Exit::Code(code) => (Some(code), None),
            Exit::Signal(signal) => (None, Some(signal)),
        };
        let counts = self.counts.as_ref().ok();
        let energy: Vec<Json> = self
            .record
            .domains
            .iter()
            .filter_map(|domain| {
                Some(json!({
                    "domain": domain.name,
                    "source": domain.source,
                    "joules": domain.used.grown()?,
                    "method": if domain.is_counted { "counted" } else { "integrated" },
                    "resolution_seconds": self.resolution(domain),
                }))
            })
            .collect();
        let attributed = self.attributed_joules().map(|joules| {
            json!({
                "domain": self.record.shared,
                "joules": joules,
                "method": "attributed",
                "cpu_share_ratio": self.share(),
                "resolution_seconds": self.interval_seconds,
            })
        });
        json!({
            "program": self.program,
            "exit_code": code,
            "signal": signal,
            "wall_seconds": self.wall_seconds,
            "cpu_seconds": self.cpu_seconds(),
            "user_seconds": usage.user_us as f64 / 1e6,
            "system_seconds": usage.system_us as f64 / 1e6,
            "processes_left": self.record.left,
            "peak_resident_bytes": usage.peak_resident_bytes,
            "tree_peak_resident_bytes": Some(self.record.tree_peak_bytes).filter(|&bytes| bytes > 0.0),
            "read_bytes": usage.read_bytes,
            "written_bytes": usage.written_bytes,
            "voluntary_switches": usage.voluntary_switches,
            "involuntary_switches": usage.involuntary_switches,
            "minor_faults": usage.minor_faults,
            "major_faults": usage.major_faults,
            "cycles": counts.map(|counts| counts.cycles),
            "instructions": counts.map(|counts| counts.instructions),
            "ipc": counts.map(ipc),
            "counted_user_only": counts.map(|counts| counts.user_only),
            "energy": energy,
            "attributed": attributed,
            "missing": self.missing().collect::<Vec<_>>(),
        })
    }

    /// Time within which a domain's number is right.
    fn resolution(&self, domain: &Domain) -> f64 {
        // RAPL's counters move once in a millisecond.
        if domain.is_counted { 0.001 } else { self.interval_seconds }
    }

    /// What could not be told, and why.
    fn missing(&self) -> impl Iterator<Item = Json> {
        let energy =
            self.record.reasons.iter().map(|(what, reason)| (what.clone(), reason.clone()));
        let counts = self.counts.as_ref().err().map(|reason| ("ipc".to_owned(), reason.clone()));
        counts
            .into_iter()
            .chain(energy)
            .map(|(what, reason)| json!({"what": what, "reason": reason}))
    }

    fn text(&self) -> String {
        let usage = &self.usage;
        let mut lines: Vec<(&str, String)> = Vec::new();
        let how = match self.exit {
            Exit::Code(code) => format!("exit status {code}"),
            Exit::Signal(signal) => format!("ended by signal {signal}"),
        };
        lines.push(("command", format!("{}, {how}", self.program)));
        lines.push(("wall", format!("{:.3} s", self.wall_seconds)));
        let cpus = self.cpu_seconds() / self.wall_seconds.max(1e-9);
        let cpu = self.cpu_seconds();
        let [user, system] = [usage.user_us, usage.system_us].map(|us| us as f64 / 1e6);
        lines.push((
            "CPU",
            format!("{cpu:.3} s ({user:.3} user, {system:.3} system), {} of a CPU", Percent(cpus)),
        ));
        let largest = Size(usage.peak_resident_bytes as f64);
        lines.push((
            "memory",
            match self.record.tree_peak_bytes {
                0.0 => format!("{largest} in the largest process"),
                all => {
                    format!("{largest} in the largest process, {} in all at one time", Size(all))
                }
            },
        ));
        let [read, written] =
            [usage.read_bytes, usage.written_bytes].map(|bytes| Size(bytes as f64));
        lines.push(("disks", format!("{read} read, {written} written")));
        let switches =
            [usage.voluntary_switches, usage.involuntary_switches].map(|n| Count(n as f64));
        let [voluntary, involuntary] = switches;
        lines.push((
            "switches",
            format!("{voluntary} to wait, {involuntary} as others' turn had come"),
        ));
        lines.push((
            "IPC",
            match &self.counts {
                Ok(counts) => {
                    let whose = if counts.user_only { ", user code alone" } else { "" };
                    let instructions = Count(counts.instructions as f64);
                    format!("{:.2} over {instructions} instructions{whose}", ipc(counts))
                }
                Err(reason) => format!("– ({reason})"),
            },
        ));
        for domain in &self.record.domains {
            let Some(joules) = domain.used.grown() else { continue };
            let method = if domain.is_counted { "counted" } else { "integrated from stated power" };
            lines.push((
                "energy",
                format!("{joules:.1} J of {} ({}, {method})", domain.name, domain.source),
            ));
        }
        match (self.attributed_joules(), self.share()) {
            (Some(joules), Some(share)) => lines.push((
                "energy",
                format!(
                    "~{joules:.1} J of the command: its {} of the CPU time of {}",
                    Percent(share),
                    self.record.shared.as_deref().unwrap_or("the machine"),
                ),
            )),
            _ => lines.extend(
                self.record
                    .reasons
                    .iter()
                    .take(1)
                    .map(|(_, reason)| ("energy", format!("– ({reason})"))),
            ),
        }
        if self.record.left > 0 {
            lines.push(("left", format!("{} processes still run", self.record.left)));
        }
        let lines = lines.iter().map(|(name, text)| format!("  {name:<9} {text}\n"));
        format!("retop run\n{}", lines.collect::<String>())
    }
}

fn ipc(counts: &Counts) -> f64 {
    counts.instructions as f64 / counts.cycles.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use retop_fake_machine::HandClock;

    #[test]
    fn orphans_that_end_make_no_samples() {
        let clock = HandClock::default();
        let (mut waits, mut samples) = (0, 0);
        let wait = |at_most: Duration| {
            waits += 1;
            match waits {
                // Everybody wakes it, and no time passes.
                ..1_000 => {}
                1_000 => clock.set(at_most.as_secs()),
                1_001 => assert_eq!(at_most, Duration::from_secs(2), "a whole interval again"),
                _ => return Ok(Some(Exit::Code(3))),
            }
            Ok(None)
        };
        let exit = watch(&clock, Duration::from_secs(2), wait, || samples += 1);
        assert!(matches!(exit, Ok(Exit::Code(3))));
        assert_eq!((waits, samples), (1_002, 1));
    }
}
