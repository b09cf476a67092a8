//! The score as a page of plain text.

use std::fmt::{self, Write};

use retop_model::forecast::LEVELS;
use retop_model::human::{Duration, MISSING, Size};

use super::super::report::{Local, Zone};
use super::{End, Outcome, Score, Sum, Warning};

/// Appends it.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, score: &Score, zone: Zone<'_>) -> fmt::Result {
    if let (Some(from), Some(until)) = (score.from_ms, score.until_ms) {
        let length = Duration(super::seconds(from, until));
        let (from, until) = (Local(from, zone), Local(until, zone));
        writeln!(out, "{from} to {until}: {length}, {} samples with forecasts", score.samples)?;
    }
    if !score.warnings.is_empty() {
        writeln!(
            out,
            "\n{:<19}  {:<8}  {:<22}  {:>7}  {:<17}  ABOUT",
            "WARNED", "LEVEL", "TOLD", "CAME IN", "THAT WAS"
        )?;
    }
    for warning in &score.warnings {
        line(out, warning, zone)?;
    }
    writeln!(out)?;
    for end in &score.ends {
        full(out, end, zone)?;
    }
    if score.ends.is_empty() {
        writeln!(out, "no device was full")?;
    }
    writeln!(
        out,
        "\nLEVEL     WARNINGS  CAME TRUE  IN THE BAND  FALSE ALARMS  NOT SEEN TO END  LEAST LEAD  \
         MEDIAN LEAD"
    )?;
    score.levels.iter().try_for_each(|sum| level(out, sum))
}

fn line(out: &mut dyn Write, warning: &Warning, zone: Zone<'_>) -> fmt::Result {
    let at = Local(warning.from_ms, zone).to_string();
    let told = match (warning.told_seconds, warning.earliest_seconds) {
        (Some(told), Some(earliest)) => {
            let latest = warning.latest_seconds.map_or("never".to_owned(), brief);
            format!("{} ({} to {latest})", brief(told), brief(earliest))
        }
        (told, _) => told.map_or(MISSING.to_owned(), brief),
    };
    let came = warning.lead_seconds.map_or(MISSING.to_owned(), brief);
    let was = match (warning.outcome, warning.within) {
        (Outcome::Full, Some(true)) => "within the band",
        (Outcome::Full, _) => "outside the band",
        (Outcome::FalseAlarm, _) => "a false alarm",
        (Outcome::NotSeen, _) => "not seen to end",
    };
    write!(out, "{at}  {:<8}  {told:<22}  {came:>7}  {was:<17}  ", warning.level)?;
    if let Some(pid) = warning.pid {
        write!(out, "{} ({pid}) on ", warning.name.as_deref().unwrap_or("process"))?;
    }
    device(out, warning.index, &warning.uuid)?;
    writeln!(out)
}

fn full(out: &mut dyn Write, end: &End, zone: Zone<'_>) -> fmt::Result {
    write!(out, "{}  ", Local(end.at_ms, zone))?;
    device(out, end.index, &end.uuid)?;
    write!(out, " was full")?;
    if let Some(victim) = &end.victim {
        write!(out, "; {victim}")?;
        if let Some(pid) = end.victim_pid {
            write!(out, " ({pid})")?;
        }
        write!(out, " ended")?;
        if let Some(bytes) = end.victim_bytes {
            write!(out, ", which held {}", Size(bytes as f64))?;
        }
    }
    let mut between = ";";
    for ((number, _), warned) in LEVELS.iter().zip(end.warned_seconds) {
        let Some(warned) = warned else { continue };
        write!(out, "{between} {} {}", super::name(*number), brief(warned))?;
        between = ",";
    }
    let none = end.warned_seconds.iter().all(Option::is_none);
    writeln!(out, "{}", if none { "; not warned of" } else { " before" })
}

fn level(out: &mut dyn Write, sum: &Sum) -> fmt::Result {
    let lead = |seconds: Option<f64>| seconds.map_or(MISSING.to_owned(), brief);
    let (least, median) = (lead(sum.least_lead_seconds), lead(sum.median_lead_seconds));
    writeln!(
        out,
        "{:<8}  {:>8}  {:>9}  {:>12}  {:>12}  {:>15}  {least:>10}  {median:>11}",
        sum.level, sum.warnings, sum.full, sum.within, sum.false_alarms, sum.not_seen
    )
}

fn device(out: &mut dyn Write, index: Option<i64>, uuid: &str) -> fmt::Result {
    match index {
        Some(index) => write!(out, "GPU {index}"),
        None => write!(out, "{uuid}"),
    }
}

/// Tenths of seconds are more than is known.
fn brief(seconds: f64) -> String {
    Duration(seconds.round()).to_string()
}
