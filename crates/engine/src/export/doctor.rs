//! `retop doctor`: what can be read here, what cannot, why, and what would help.
//!
//! As data the same is the family `sources` of the JSON.

use std::fmt::{self, Write};

use retop_model::family::gpu_call;
use retop_model::family::source::{self, ABSENT, ASLEEP, DENIED, FAILING, SLOW, UNASKED, WORKS};
use retop_model::human::{Count, Duration, Or, Percent};
use retop_model::{FamilyId, Row, Snapshot};

/// What works first, then what somebody could mend, then what is as it should be.
const ORDER: [i64; 7] = [WORKS, FAILING, SLOW, DENIED, ASLEEP, ABSENT, UNASKED];

/// Appends the report.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, snapshot: &Snapshot) -> fmt::Result {
    let rows = || snapshot.rows(FamilyId::Source);
    if rows().len() == 0 {
        return writeln!(out, "no source has reported yet");
    }
    let state = |row: Row<'_>| row.raw(source::state);
    let works = rows().filter(|&row| state(row) == Some(WORKS)).count();
    let share = retop_model::snapshot::sum(rows().map(|row| row.get(source::read_ratio)));
    writeln!(
        out,
        "{works} of {} sources work; reading takes {} of the time",
        rows().len(),
        Or(share.map(Percent))
    )?;
    let unknown = |row: &Row<'_>| !ORDER.iter().any(|&known| state(*row) == Some(known));
    for wanted in ORDER {
        group(out, rows().filter(|&row| state(row) == Some(wanted)))?;
    }
    group(out, rows().filter(unknown))?;
    calls(out, snapshot)
}

/// Calls into drivers of graphics processors: what each has cost, the dearest first, and which the
/// driver lacks.
fn calls(out: &mut dyn Write, snapshot: &Snapshot) -> fmt::Result {
    let rows = || snapshot.rows(FamilyId::GpuCall);
    if rows().len() == 0 {
        return Ok(());
    }
    let seconds = |row: &Row<'_>| row.get(gpu_call::call_seconds).unwrap_or(0.0);
    let mut made: Vec<Row<'_>> =
        rows().filter(|row| row.raw(gpu_call::calls).is_some_and(|calls| calls > 0)).collect();
    made.sort_by(|a, b| seconds(b).total_cmp(&seconds(a)));
    writeln!(out, "\ncalls into the driver")?;
    for row in made {
        let calls = row.get(gpu_call::calls).unwrap_or(0.0);
        write!(
            out,
            "  {:<42} {:>5} calls, {} each, p50 {}, p99 {}, {} at worst",
            row.shown(gpu_call::symbol),
            Count(calls),
            Duration(seconds(&row) / calls.max(1.0)),
            Or(row.get(gpu_call::median_seconds).map(Duration)),
            Or(row.get(gpu_call::p99_seconds).map(Duration)),
            Or(row.get(gpu_call::worst_seconds).map(Duration)),
        )?;
        for (field, words) in
            [(gpu_call::refused_by, "not for"), (gpu_call::denied_by, "no permission for")]
        {
            if let Some(devices) = row.text(field) {
                write!(out, ", {words} {}", devices.shown())?;
            }
        }
        writeln!(out)?;
    }
    for (present, words) in [(1, "there, and not needed"), (0, "not in this driver")] {
        let others = rows().filter(|row| {
            row.raw(gpu_call::present) == Some(present) && row.raw(gpu_call::calls) == Some(0)
        });
        let mut others = others.map(|row| row.shown(gpu_call::symbol)).peekable();
        if others.peek().is_some() {
            writeln!(out, "\n{words}")?;
            others.try_for_each(|symbol| writeln!(out, "  {symbol}"))?;
        }
    }
    Ok(())
}

/// The sources in one state, under its word.
fn group<'a>(out: &mut dyn Write, rows: impl Iterator<Item = Row<'a>>) -> fmt::Result {
    let mut rows = rows.peekable();
    let Some(first) = rows.peek() else { return Ok(()) };
    writeln!(out, "\n{}", first.state(source::state).unwrap_or("in no known state"))?;
    for row in rows {
        let name = row.shown(source::source);
        let feeds = row.shown(source::feeds);
        write!(out, "  {name:<20} {feeds}")?;
        // A source that was never read has neither cost nor rows.
        if row.raw(source::reads).is_some_and(|reads| reads > 0) {
            write!(
                out,
                " ({} a read, {} of the time, {} rows)",
                Or(row.get(source::read_seconds).map(Duration)),
                Or(row.get(source::read_ratio).map(Percent)),
                Or(row.get(source::rows).map(Count)),
            )?;
        }
        writeln!(out)?;
        for (before, text) in [("", source::reason), ("try: ", source::hint)] {
            let text = row.shown(text);
            if !text.is_empty() {
                writeln!(out, "{:23}{before}{text}", "")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::made;
    use retop_model::{Key, RawSample};

    #[test]
    fn what_works_comes_first_and_the_rest_says_why() {
        let mut text = String::new();
        write(&mut text, &made::small_machine()).unwrap();
        assert_eq!(
            text,
            "2 of 4 sources work; reading takes 0.4% of the time

works
  cpu                  cpu (250µs a read, 0.1% of the time, 5 rows)
  disks                disks (250µs a read, 0.1% of the time, 5 rows)

denied
  rapl                 rapl (250µs a read, 0.1% of the time, 5 rows)
                       /sys/class/powercap: permission denied
                       try: sudo setcap cap_dac_read_search+ep retop

absent
  batteries            batteries (250µs a read, 0.1% of the time, 5 rows)
"
        );
    }

    #[test]
    fn calls_into_drivers_have_their_cost_and_those_that_lack_are_named() {
        let mut sample = RawSample::new(made::stamp(0));
        sample.put(made::table(FamilyId::Source, 0, |t| {
            t.push(Key(1, 0)).text(source::source, "nvml").set(source::state, WORKS);
        }));
        sample.put(made::table(FamilyId::GpuCall, 0, |t| {
            for (place, (symbol, present, calls, ns, worst)) in [
                ("nvmlCheap", 1, 40, 80_000, 4_000),
                ("nvmlDear", 1, 8, 36_000_000, 9_000_000),
                ("nvmlNew", 0, 0, 0, 0),
                ("nvmlUnused", 1, 0, 0, 0),
            ]
            .into_iter()
            .enumerate()
            {
                let refused = (symbol == "nvmlCheap").then_some("0 3");
                let denied = (symbol == "nvmlCheap").then_some("1");
                t.push(Key(place as u64, 0))
                    .text(gpu_call::symbol, symbol)
                    .text_if(gpu_call::refused_by, refused)
                    .text_if(gpu_call::denied_by, denied)
                    .set(gpu_call::present, present)
                    .set(gpu_call::calls, calls)
                    .set(gpu_call::call_seconds, ns)
                    .set(gpu_call::median_seconds, worst / 3)
                    .set(gpu_call::p99_seconds, worst / 2)
                    .set(gpu_call::worst_seconds, worst);
            }
        }));
        let mut text = String::new();
        write(&mut text, &made::play([sample])).unwrap();
        let wanted = "
calls into the driver
  nvmlDear                                       8 calls, 4ms each, p50 3ms, p99 4ms, 9ms at worst
  nvmlCheap                                     40 calls, 2µs each, p50 1µs, p99 2µs, 4µs at worst, not for 0 3, no permission for 1

there, and not needed
  nvmlUnused

not in this driver
  nvmlNew
";
        assert!(text.ends_with(wanted), "{text}");
    }

    #[test]
    fn states_of_tomorrow_and_no_sources_at_all() {
        let mut text = String::new();
        write(&mut text, &made::play([RawSample::new(made::stamp(0))])).unwrap();
        assert_eq!(text, "no source has reported yet\n");
        let mut sample = RawSample::new(made::stamp(0));
        sample.put(made::table(FamilyId::Source, 0, |t| {
            t.push(Key(1, 0)).text(source::source, "new").set(source::state, 99);
            t.push(Key(2, 0)).text(source::source, "silent");
        }));
        let mut text = String::new();
        write(&mut text, &made::play([sample])).unwrap();
        let expected = "0 of 2 sources work; reading takes – of the time\n\nin no known state\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("  new ") && text.contains("  silent "), "{text}");
    }
}
