//! `retop export`: recordings in the formats of other programs.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use retop_engine::RealClock;
use retop_engine::export::json::{JsonView, Options as JsonOptions};
use retop_engine::export::prometheus::backfill::Backfill;
use retop_engine::export::target::Target;
use retop_engine::export::tidy::csv::Csv;
use retop_engine::export::tidy::parquet::Parquet;
use retop_engine::export::tidy::{Options, Written};
use retop_engine::recording::Cut;
use retop_model::human::Size;
use retop_model::{Clock, FamilyId, Row, Snapshot};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::environment::Environment;
use crate::run::progress::{Progress, columns};
use crate::run::recordings::Recordings;
use crate::run::{Keep, Usage, note_on_stderr, processes, serve};
use crate::settings::{Settings, Tables, To};

/// The name of stdout.
const STDOUT: &str = "-";

/// Writes the window of the recordings that the settings name.
///
/// # Errors
///
/// If the recordings cannot be read or hold nothing of the window, or the target cannot be written.
/// Nothing is left of it then.
pub fn run(settings: &Settings, environment: &Environment) -> anyhow::Result<()> {
    let to = format(settings)?;
    let keep = Keep::new(settings)?;
    let filter = |row: Row<'_>| keep.has(row);
    let keep: Option<&dyn Fn(Row<'_>) -> bool> = settings.filter.is_some().then_some(&filter);
    let asked = interrupt()?;
    let recordings = Recordings::open(settings)?;
    let out = &settings.export.out;
    let at_out = || out.display().to_string();
    let mut sink = Sink::open(settings, to, keep, &recordings).with_context(at_out)?;
    let clock = RealClock;
    let mut progress = Progress::new(columns(environment), clock.monotonic_ns());
    let mut thin = Thin::new(settings);
    let mut samples = 0_u64;
    let walked = recordings.each(|moment| {
        if asked.load(Ordering::Relaxed) {
            anyhow::bail!("broken off: nothing was written");
        }
        let whole = thin.wants(moment);
        sink.push(moment, whole).map_err(full).with_context(at_out)?;
        samples += u64::from(whole);
        let now_ns = clock.monotonic_ns();
        if progress.is_due(now_ns) {
            let done = recordings.share(moment);
            progress.draw(&mut io::stderr(), now_ns, done, Some(sink.bytes()));
        }
        Ok(true)
    });
    let bytes = sink.bytes();
    let finished = walked.and_then(|()| sink.finish().map_err(full).with_context(at_out));
    progress.clear(&mut io::stderr());
    let what = finished?;
    if out.as_os_str() != STDOUT {
        let bytes = Size(size(out).unwrap_or(bytes) as f64);
        note_on_stderr(&format!("{}: {what}{samples} samples, {bytes}", out.display()));
    }
    Ok(())
}

/// Options that mean nothing for the format.
///
/// # Errors
///
/// What does not go together.
pub fn consistent(settings: &Settings, given: impl Fn(&str) -> bool) -> Result<(), Usage> {
    let to = format(settings)?;
    let tables = [To::Parquet, To::Csv];
    let rules: [(&str, &[To]); 7] = [
        ("tables", &[To::Parquet, To::Csv, To::Ndjson]),
        ("filter", &[To::Parquet, To::Csv, To::Ndjson]),
        ("args", &[To::Parquet, To::Csv, To::Ndjson, To::Retop]),
        ("processes", &[To::Ndjson]),
        ("series", &[To::OpenMetrics]),
        ("process-groups", &[To::OpenMetrics]),
        ("every", &[To::Parquet, To::Csv, To::Ndjson, To::OpenMetrics]),
    ];
    let wrong = rules.into_iter().find(|(name, formats)| given(name) && !formats.contains(&to));
    if let Some((name, _)) = wrong {
        return Err(Usage(format!("--{name} means nothing for {}; leave it out", name_of(to))));
    }
    let out = &settings.export.out;
    if out.as_os_str() == STDOUT && to != To::Ndjson {
        return Err(Usage(format!("{} needs a file or folder, not stdout", name_of(to))));
    }
    let count = |tables: &Tables| tables.families.len() + usize::from(tables.events);
    let one = settings.export.tables.as_ref().map(count) == Some(1);
    if tables.contains(&to) && by_ending(out).is_some() && !one {
        return Err(Usage(format!(
            "{}: one file holds one table; add --tables processes, or name a folder",
            out.display()
        )));
    }
    Ok(())
}

fn name_of(to: To) -> &'static str {
    match to {
        To::Parquet => "parquet",
        To::Csv => "csv",
        To::Ndjson => "ndjson",
        To::OpenMetrics => "openmetrics",
        To::Retop => "retop",
    }
}

/// The format that was asked for, by name or by the ending of the target.
fn format(settings: &Settings) -> Result<To, Usage> {
    let out = &settings.export.out;
    settings.export.to.or_else(|| by_ending(out)).ok_or_else(|| {
        Usage(format!(
            "{}: in what format? add --to parquet, csv, ndjson, openmetrics or retop",
            out.display()
        ))
    })
}

fn by_ending(out: &Path) -> Option<To> {
    Some(match out.extension()?.to_str()? {
        "parquet" => To::Parquet,
        "csv" => To::Csv,
        "ndjson" | "jsonl" => To::Ndjson,
        "om" | "openmetrics" => To::OpenMetrics,
        "retop" => To::Retop,
        _ => return None,
    })
}

/// Set once somebody asked the program to end; asked twice, it ends at once.
fn interrupt() -> io::Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&asked))?;
        signal_hook::flag::register(signal, Arc::clone(&asked))?;
    }
    Ok(asked)
}

/// A full disk in the words of people.
fn full(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            io::Error::new(error.kind(), "the disk is full: nothing was written")
        }
        _ => error,
    }
}

/// Bytes of a file, or of the files of a folder.
fn size(path: &Path) -> Option<u64> {
    let found = std::fs::metadata(path).ok()?;
    if !found.is_dir() {
        return Some(found.len());
    }
    let entries = std::fs::read_dir(path).ok()?;
    Some(entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|found| found.len()).sum())
}

/// Leaves moments out, so that there is one in each so long a time.
struct Thin {
    every_ms: Option<i64>,
    last: Option<i64>,
}

impl Thin {
    fn new(settings: &Settings) -> Thin {
        let every = settings.export.every;
        let every_ms = every.map(|every| i64::try_from(every.as_millis()).unwrap_or(i64::MAX));
        Thin { every_ms, last: None }
    }

    fn wants(&mut self, moment: &Snapshot) -> bool {
        let Some(every_ms) = self.every_ms else { return true };
        let place = moment.stamp().wall_ms.div_euclid(every_ms.max(1));
        self.last.replace(place) != Some(place)
    }
}

/// Where moments go.
enum Sink<'a> {
    Parquet(Box<Parquet<'a>>),
    Csv(Box<Csv<'a>>),
    OpenMetrics(Box<Backfill>),
    Lines(Box<Lines<'a>>),
    Retop(Box<Cut>, Target),
}

/// The lines of `--json`.
struct Lines<'a> {
    target: Option<Target>,
    out: Box<dyn Write>,
    options: JsonOptions<'a>,
    buffer: Vec<u8>,
    bytes: u64,
}

impl<'a> Sink<'a> {
    fn open(
        settings: &'a Settings,
        to: To,
        keep: Option<&'a dyn Fn(Row<'_>) -> bool>,
        recordings: &Recordings,
    ) -> anyhow::Result<Sink<'a>> {
        let export = &settings.export;
        let (out, force) = (&export.out, export.force);
        let arguments = settings.arguments.unwrap_or_default();
        let families = export.tables.as_ref().map(|tables| tables.families.as_slice());
        let options = Options { families, keep, arguments };
        let events = export.tables.as_ref().is_none_or(|tables| tables.events);
        let tables = |ending| match by_ending(out) {
            Some(_) => Target::file(out, force),
            None => Target::folder(out, ending, force),
        };
        Ok(match to {
            To::Parquet => {
                let mut parquet = Parquet::new(tables("parquet")?, options);
                if events {
                    parquet.events(&recordings.events()?)?;
                }
                Sink::Parquet(Box::new(parquet))
            }
            To::Csv => {
                let mut csv = Csv::new(tables("csv")?, options);
                if events {
                    csv.events(&recordings.events()?)?;
                }
                Sink::Csv(Box::new(csv))
            }
            To::OpenMetrics => {
                let groups = serve::rules(settings.process_groups.as_deref())?;
                let target = Target::file(out, force)?;
                Sink::OpenMetrics(Box::new(Backfill::new(target, settings.series, groups)))
            }
            To::Ndjson => {
                let (target, out): (_, Box<dyn Write>) = if out.as_os_str() == STDOUT {
                    (None, Box::new(io::stdout()))
                } else {
                    let mut target = Target::file(out, force)?;
                    let file = target.create("")?;
                    (Some(target), Box::new(BufWriter::with_capacity(256 << 10, file)))
                };
                let processes = processes(settings);
                let options = JsonOptions { families, processes, keep, arguments };
                let buffer = Vec::new();
                Sink::Lines(Box::new(Lines { target, out, options, buffer, bytes: 0 }))
            }
            To::Retop => {
                let mut target = Target::file(out, force)?.private();
                let file = target.create("")?;
                let events = recordings.events()?.into_iter().map(|(_, event)| event).collect();
                let cut = Cut::new(Box::new(file), arguments, events)?;
                Sink::Retop(Box::new(cut), target)
            }
        })
    }

    /// Takes a moment; one that is not wanted as a whole gives the ends of processes alone.
    fn push(&mut self, moment: &Snapshot, whole: bool) -> io::Result<()> {
        let only = (!whole).then_some(FamilyId::Exit);
        match self {
            Sink::Parquet(parquet) => parquet.push(moment, only),
            Sink::Csv(csv) => csv.push(moment, only),
            _ if !whole => Ok(()),
            Sink::OpenMetrics(backfill) => backfill.push(moment),
            Sink::Lines(lines) => {
                let view = JsonView { snapshot: moment, options: lines.options };
                view.write_ndjson(&mut lines.buffer, &mut lines.out)?;
                lines.bytes += lines.buffer.len() as u64;
                Ok(())
            }
            Sink::Retop(cut, _) => cut.push(moment),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Sink::Parquet(parquet) => parquet.bytes(),
            Sink::Csv(csv) => csv.bytes(),
            Sink::OpenMetrics(backfill) => backfill.bytes(),
            Sink::Lines(lines) => lines.bytes,
            Sink::Retop(cut, _) => cut.bytes(),
        }
    }

    /// Puts everything in place, and says what there is.
    fn finish(self) -> io::Result<String> {
        let tables = |written: Vec<Written>| {
            let rows: u64 = written.iter().map(|table| table.rows).sum();
            let (tables, one) = (written.len(), if written.len() == 1 { "" } else { "s" });
            format!("{tables} table{one}, {rows} rows, ")
        };
        match self {
            Sink::Parquet(parquet) => parquet.finish().map(tables),
            Sink::Csv(csv) => csv.finish().map(tables),
            Sink::OpenMetrics(backfill) => {
                let written = backfill.finish()?;
                if written.left_out > 0 {
                    note_on_stderr(&format!(
                        "{} values are left out: the clock was set back, and a series has each time once",
                        written.left_out
                    ));
                }
                Ok(format!("{} series, {} values, ", written.series, written.samples))
            }
            Sink::Lines(lines) => {
                let Lines { target, mut out, .. } = *lines;
                out.flush()?;
                drop(out);
                target.map_or(Ok(()), Target::commit)?;
                Ok(String::new())
            }
            Sink::Retop(cut, target) => {
                cut.finish()?;
                target.commit()?;
                Ok(String::new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn the_format_is_named_or_told_by_the_ending() {
        let cases = [
            ("out.parquet", None, Some(To::Parquet)),
            ("out.csv", None, Some(To::Csv)),
            ("out.jsonl", None, Some(To::Ndjson)),
            ("out.om", None, Some(To::OpenMetrics)),
            ("out.retop", None, Some(To::Retop)),
            ("out", None, None),
            ("out.txt", None, None),
            ("-", None, None),
            ("out", Some(To::Csv), Some(To::Csv)),
            ("out.csv", Some(To::Ndjson), Some(To::Ndjson)),
        ];
        for (out, to, wanted) in cases {
            let mut settings = Settings::default();
            (settings.export.out, settings.export.to) = (PathBuf::from(out), to);
            assert_eq!(format(&settings).ok(), wanted, "{out}");
        }
    }
}
