//! The answer as a page of plain text.

use std::fmt::{self, Write};

use retop_model::Unit;
use retop_model::civil::Rfc3339;
use retop_model::human::{Count, Duration, MISSING, Or, Percent, Size, Value};

use super::{Answer, By, Life, Slice, Used};

/// Seconds east of Greenwich at a moment in seconds since 1970.
pub type Zone<'a> = &'a dyn Fn(i64) -> i32;

/// Which columns there are beside those that are always there.
#[derive(Clone, Copy)]
struct Shape {
    energy: bool,
    gpu: bool,
    mean: bool,
}

impl Shape {
    fn of(answer: &Answer, mean: bool) -> Shape {
        let total = &answer.total;
        let gpu = total.gpu_seconds.is_some() || total.gpu_memory_max_bytes.is_some();
        Shape { energy: total.energy_joules.is_some(), gpu: gpu && mean, mean }
    }
}

/// The gaps that are named one by one.
const GAPS: usize = 5;

/// Appends the answer: at most `limit` lines of it.
///
/// # Errors
///
/// Those of the writer.
pub fn write(
    out: &mut dyn Write,
    answer: &Answer,
    by: By,
    limit: usize,
    zone: Zone<'_>,
) -> fmt::Result {
    head(out, answer, zone)?;
    let seconds = window_seconds(answer);
    let shape = Shape::of(answer, true);
    let what = match by {
        By::Name => "NAME",
        By::User => "USER",
        By::Container => "CONTAINER",
        By::Cgroup => "CGROUP",
        By::Pid => "PID NAME",
    };
    writeln!(out)?;
    numbers_head(out, shape)?;
    writeln!(out, "  PROCS  {what}")?;
    for line in answer.lines.iter().take(limit) {
        numbers(out, &line.used, seconds, shape)?;
        write!(out, "  {:>5}  ", Count(line.processes as f64).to_string())?;
        match line.pid {
            Some(pid) => writeln!(out, "{pid} {}", line.name)?,
            None => writeln!(out, "{}", line.name)?,
        }
    }
    let more = answer.lines.len().saturating_sub(limit);
    numbers(out, &answer.total, seconds, shape)?;
    let processes: u64 = answer.lines.iter().map(|line| line.processes).sum();
    write!(out, "  {:>5}  all together", Count(processes as f64).to_string())?;
    if more > 0 {
        write!(out, ", {more} more among them")?;
    }
    writeln!(out)
}

/// Appends what is known of one process.
///
/// # Errors
///
/// Those of the writer.
pub fn write_lives(out: &mut dyn Write, answer: &Answer, pid: i64, zone: Zone<'_>) -> fmt::Result {
    head(out, answer, zone)?;
    let shape = Shape::of(answer, false);
    for (life, line) in answer.lives.iter().zip(&answer.lines) {
        writeln!(out)?;
        write!(out, "process {pid} {}", life.name)?;
        let parts =
            [("user", &life.user), ("container", &life.container), ("cgroup", &life.cgroup)];
        for (name, value) in parts {
            if let Some(value) = value {
                write!(out, ", {name} {value}")?;
            }
        }
        writeln!(out)?;
        fate(out, life, zone)?;
        writeln!(out)?;
        write!(out, "{:<19}  ", "FROM")?;
        numbers_head(out, shape)?;
        writeln!(out)?;
        let ends = life.slices.iter().skip(1).map(|slice| slice.from_ms).chain([answer.until_ms]);
        for (slice, end) in life.slices.iter().zip(ends) {
            let seconds = (end - slice.from_ms) as f64 / 1e3;
            write!(out, "{}  ", Local(slice.from_ms, zone))?;
            numbers(out, &of_slice(slice), seconds, shape)?;
            writeln!(out)?;
        }
        write!(out, "{:<19}  ", "all together")?;
        numbers(out, &line.used, window_seconds(answer), shape)?;
        writeln!(out)?;
    }
    Ok(())
}

fn fate(out: &mut dyn Write, life: &Life, zone: Zone<'_>) -> fmt::Result {
    match (life.began_ms, life.began_in_window) {
        (Some(ms), true) => write!(out, "began {}", Local(ms, zone))?,
        (Some(ms), false) => write!(out, "began {}, before the window", Local(ms, zone))?,
        (None, _) => write!(out, "began at a time that is not known")?,
    }
    let last = Local(life.last_ms, zone);
    match (life.gone, life.exit_code, life.signal) {
        (_, Some(code), _) => writeln!(out, "; ended by {last} with status {code}"),
        (_, None, Some(signal)) => writeln!(out, "; ended by {last} through signal {signal}"),
        (true, None, None) => writeln!(out, "; last seen {last}"),
        (false, None, None) => writeln!(out, "; still there at the end"),
    }
}

fn head(out: &mut dyn Write, answer: &Answer, zone: Zone<'_>) -> fmt::Result {
    let (from, until) = (Local(answer.from_ms, zone), Local(answer.until_ms, zone));
    let length = Duration(window_seconds(answer));
    writeln!(out, "{from} to {until}: {length}, {} samples", answer.samples)?;
    for gap in answer.gaps.iter().take(GAPS) {
        let (from, until) = (Local(gap.from_ms, zone), Local(gap.until_ms, zone));
        let length = Duration(gap.until_ms.saturating_sub(gap.from_ms) as f64 / 1e3);
        let why = if gap.boot { ", with a boot in between" } else { "" };
        writeln!(out, "no samples from {from} to {until}: {length}{why}")?;
    }
    if let more @ 1.. = answer.gaps.len().saturating_sub(GAPS) {
        writeln!(out, "and {more} more gaps")?;
    }
    if let (Some(busy), Some(all)) =
        (answer.machine_cpu_seconds, answer.machine_cpu_available_seconds)
        && all > 0.0
    {
        let share = Percent(busy / all);
        write!(out, "CPUs busy {busy:.2} s of {all:.2} s ({share})")?;
        if let Some(used) = answer.total.cpu_seconds {
            write!(out, "; processes {used:.2} s")?;
        }
        writeln!(out)?;
    }
    if answer.ends_unreported > 0 {
        let many = answer.ends_unreported;
        let (of, it) = if many == 1 { ("process", "it") } else { ("processes", "they") };
        writeln!(out, "{many} {of} ended: what {it} used after the last sample is not known")?;
    }
    Ok(())
}

fn window_seconds(answer: &Answer) -> f64 {
    answer.until_ms.saturating_sub(answer.from_ms) as f64 / 1e3
}

fn numbers_head(out: &mut dyn Write, shape: Shape) -> fmt::Result {
    write!(out, "{:>9}  {:>5}  {:>5}  {:>7}", "CPU s", "CPU%", "READ", "WRITTEN")?;
    if shape.energy {
        write!(out, "  {:>8}", "ENERGY")?;
    }
    if shape.gpu {
        write!(out, "  {:>7}  {:>8}", "GPU s", "VRAM MAX")?;
    }
    write!(out, "  {:>7}", "MEM MAX")?;
    if shape.mean { write!(out, "  {:>8}", "MEM MEAN") } else { Ok(()) }
}

fn numbers(out: &mut dyn Write, used: &Used, seconds: f64, shape: Shape) -> fmt::Result {
    match used.cpu_seconds {
        Some(cpu) => write!(out, "{cpu:>9.2}")?,
        None => write!(out, "{MISSING:>9}")?,
    }
    let share = used.cpu_seconds.filter(|_| seconds > 0.0).map(|cpu| Percent(cpu / seconds));
    let size = |bytes: Option<f64>| Or(bytes.map(Size));
    let bytes = |bytes: Option<i64>| size(bytes.map(|bytes| bytes as f64));
    let (read, written) = (bytes(used.read_bytes), bytes(used.written_bytes));
    write!(out, "  {:>5}  {read:>5}  {written:>7}", Or(share))?;
    if shape.energy {
        let joules = used.energy_joules.map(|joules| format!("~{}", Value(Unit::Joules, joules)));
        write!(out, "  {:>8}", joules.as_deref().unwrap_or(MISSING))?;
    }
    if shape.gpu {
        let seconds = used.gpu_seconds.map(|seconds| format!("~{seconds:.1}"));
        let memory = bytes(used.gpu_memory_max_bytes);
        write!(out, "  {:>7}  {memory:>8}", seconds.as_deref().unwrap_or(MISSING))?;
    }
    let (most, mean) = (bytes(used.memory_max_bytes), size(used.memory_mean_bytes));
    write!(out, "  {most:>7}")?;
    if shape.mean { write!(out, "  {mean:>8}") } else { Ok(()) }
}

fn of_slice(slice: &Slice) -> Used {
    Used {
        cpu_seconds: slice.cpu_seconds,
        read_bytes: slice.read_bytes,
        written_bytes: slice.written_bytes,
        energy_joules: slice.energy_joules,
        memory_max_bytes: slice.memory_max_bytes,
        ..Used::default()
    }
}

/// A moment as clocks on the wall show it: `2026-11-03 14:05:09`.
pub(super) struct Local<'a>(pub(super) i64, pub(super) Zone<'a>);

impl fmt::Display for Local<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let east = i64::from((self.1)(self.0.div_euclid(1_000))) * 1_000;
        let text = Rfc3339(self.0.saturating_add(east)).to_string();
        let (date, time) = text.split_once('T').unwrap_or((&text, ""));
        write!(f, "{date} {}", time.get(..8).unwrap_or(time))
    }
}
