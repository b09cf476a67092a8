//! Who a process is and what it uses, now and over the last minutes.

use retop_model::family::{memory, process, usage};
use retop_model::human::{Duration, MISSING, Or, Percent, Size, Value};
use retop_model::{FamilyId, Row, Unit};

use super::{gpu, wrap};
use crate::short;
use crate::tui::app::App;
use crate::tui::history::Ring;
use crate::tui::panel::{facts, verdict};
use crate::tui::render::{Canvas, Pen, Rect, width};
use crate::tui::theme::Ramp;
use crate::tui::trace::LENGTH;
use crate::tui::units::{self, Text};
use crate::tui::widget::chart::{chart, scale};
use crate::tui::widget::sheet::Sheet;

/// From this width on, what else stands below each other stands side by side.
const BROAD: u16 = 110;

/// Says a few facts from a column on; the column after them.
type Say = fn(&App, Row<'_>, u16, &mut Canvas<'_>) -> u16;

pub fn lines(app: &App, row: Row<'_>, sheet: &mut Sheet<'_>) {
    // One, two or three lines of it.
    let lines: &[&[Say]] = match sheet.width() {
        BROAD.. => &[&[identity, origin, offspring]],
        76.. => &[&[identity], &[origin, offspring]],
        _ => &[&[identity], &[origin], &[offspring]],
    };
    for line in lines {
        sheet.line(|canvas| {
            line.iter().fold(0, |x, say| say(app, row, x, canvas));
        });
    }
    // A compiler's command fills a pane: what the process uses shall be seen below it.
    let wrapped = wrap::words(command_of(row), sheet.width()).count();
    let shown = usize::from(sheet.height() / 4).max(2);
    let cut = wrapped > shown + 1;
    command(app, row, sheet, if cut { shown } else { wrapped });
    if cut {
        let text = short!("… {} more lines, below", wrapped - shown);
        sheet.line(|canvas| {
            canvas.text(0, 0, &text, app.theme.dim);
        });
    }
    for (name, field) in [("cgroup", process::cgroup), ("unit", process::container)] {
        let text = row.shown(field);
        if !text.is_empty() {
            sheet.line(|canvas| {
                let x = canvas.text(0, 0, name, app.theme.dim) + 1;
                canvas.field(x, 0, canvas.width().saturating_sub(x), text, app.theme.text);
            });
        }
    }
    if let Some(verdict) = verdict::of(row) {
        sheet.line(|canvas| {
            canvas.text(0, 0, &verdict, app.theme.text);
        });
    }
    charts(app, row, sheet);
    gpu::lines(app, row, sheet);
    numbers(app, row, sheet);
    if cut {
        sheet.part();
        command(app, row, sheet, wrapped);
    }
}

fn command_of(row: Row<'_>) -> &str {
    let text = row.shown(process::command);
    if text.is_empty() { row.shown(process::name) } else { text }
}

fn number(row: Row<'_>, field: retop_model::Field) -> Text {
    row.raw(field).map_or_else(|| short!("{MISSING}"), |number| short!("{number}"))
}

fn identity(app: &App, row: Row<'_>, x: u16, canvas: &mut Canvas<'_>) -> u16 {
    let state = row.state(process::state).unwrap_or(MISSING);
    let mut x = facts::fact(app, canvas, x, 0, "user", row.shown(process::user));
    x = facts::fact(app, canvas, x, 0, "state", state);
    x = facts::fact(app, canvas, x, 0, "nice", &number(row, process::nice));
    facts::fact(app, canvas, x, 0, "threads", &number(row, process::threads))
}

/// When it began, and whose child it is.
fn origin(app: &App, row: Row<'_>, x: u16, canvas: &mut Canvas<'_>) -> u16 {
    let now = row.snapshot();
    let age = row.get(process::age_seconds);
    let started = age.map(|age| now.stamp().wall_ms - (age * 1000.0) as i64);
    let started = started.map(|wall_ms| {
        let offset = (app.offset_seconds)(wall_ms.div_euclid(1000));
        // The day is said where it is another one.
        let (day, time) = (units::date(wall_ms, offset), units::time_of_day(wall_ms, offset));
        let today = units::date(now.stamp().wall_ms, offset);
        let age = Or(age.map(Duration));
        let (day, gap) = if *day == *today { ("", "") } else { (&*day, " ") };
        short!("{day}{gap}{} ({age})", &*time)
    });
    let started = started.unwrap_or_else(|| short!("{MISSING}"));
    let x = facts::fact(app, canvas, x, 0, "started", &started);
    let parent = row.raw(process::parent_pid);
    let mut rows = now.rows(FamilyId::Process);
    let mother = rows.find(|row| parent.is_some() && row.raw(process::pid) == parent);
    let name = mother.map_or("", |row| row.shown(process::name));
    let parent = parent.map_or_else(|| short!("{MISSING}"), |parent| short!("{parent} {name}"));
    facts::fact(app, canvas, x, 0, "parent", parent.trim_end())
}

/// How many children it has, and whether the kernel would sooner end it than others.
fn offspring(app: &App, row: Row<'_>, x: u16, canvas: &mut Canvas<'_>) -> u16 {
    let pid = i64::try_from(row.key().0).ok();
    let rows = row.snapshot().rows(FamilyId::Process);
    let children = rows.filter(|row| row.raw(process::parent_pid) == pid).count();
    let x = facts::fact(app, canvas, x, 0, "children", &short!("{children}"));
    facts::fact(app, canvas, x, 0, "oom score", &number(row, process::oom_score))
}

/// So many lines of the command: its folder dim, its name bold.
fn command(app: &App, row: Row<'_>, sheet: &mut Sheet<'_>, lines: usize) {
    let theme = &app.theme;
    let text = command_of(row);
    let program = text.split(' ').next().map_or(0, str::len);
    let folder = text[..program].rfind('/').map_or(0, |slash| slash + 1);
    let room = sheet.width();
    let mut at = 0;
    for line in wrap::words(text, room).take(lines) {
        let (first, end) = (at, at + line.len());
        sheet.line(|canvas| {
            let mut x = 0;
            for (from, to, pen) in [
                (0, folder, theme.dim),
                (folder, program, theme.accent.bold()),
                (program, text.len(), theme.text),
            ] {
                if let Some(part) = text.get(from.max(first)..to.min(end).max(from.max(first))) {
                    x = canvas.text(x, 0, part, pen);
                }
            }
        });
        at = end;
    }
}

fn charts(app: &App, row: Row<'_>, sheet: &mut Sheet<'_>) {
    let (theme, trace) = (&app.theme, &app.pane.trace);
    let (low, broad) = (sheet.height() < 12, sheet.width() >= BROAD);
    let tall = if sheet.height() >= 20 || broad { 2 } else { 1 };
    if !low {
        sheet.part();
    }
    let peak = |ring: &Ring| ring.peak(LENGTH);
    let line = |name, ring, now: Option<Text>, full, ramp, tail| Line {
        name,
        ring,
        now,
        full,
        ramp,
        tail,
    };
    let share = |value: f64| units::whole_percent(value);
    let size = |value: f64| short!("{}", Size(value));
    let tail =
        |ring: &Ring, show: &dyn Fn(f64) -> Text| match (ring.mean(LENGTH), ring.peak(LENGTH)) {
            (Some(mean), Some(peak)) => short!("avg {:>5} pk {:>5}", &*show(mean), &*show(peak)),
            _ => Text::new(),
        };
    let io = row.get(process::io_bytes_per_second).map(|rate| short!("{}/s", Size(rate)));
    let lines = [
        line(
            "cpu",
            &trace.cpu,
            row.get(process::cpu_ratio).map(share),
            scale(peak(&trace.cpu), 1.0),
            &theme.util,
            tail(&trace.cpu, &share),
        ),
        line(
            "memory",
            &trace.memory,
            row.get(process::resident_bytes).map(size),
            scale(peak(&trace.memory), 1e6),
            &theme.flow,
            tail(&trace.memory, &size),
        ),
        line(
            "i/o",
            &trace.io,
            io,
            scale(peak(&trace.io), 1e4),
            &theme.flow,
            tail(&trace.io, &size),
        ),
        line(
            "gpu",
            &trace.gpu,
            row.get(process::gpu_ratio).map(share),
            scale(peak(&trace.gpu), 1.0),
            &theme.util,
            tail(&trace.gpu, &share),
        ),
        line(
            "vram",
            &trace.vram,
            row.get(process::gpu_memory_bytes).map(size),
            scale(peak(&trace.vram), 1e6),
            &theme.fill,
            tail(&trace.vram, &size),
        ),
    ];
    // What most processes have none of takes no room of theirs.
    let is_there = |place: usize, line: &&Line<'_>| place < 3 || peak(line.ring).is_some();
    let shown = || lines.iter().enumerate().filter(|(place, line)| is_there(*place, line));
    let count = shown().count() as u16;
    if broad && low {
        return sheet.block(tall, |canvas| {
            let each = canvas.width() / count;
            for ((_, line), x) in shown().zip((0..).step_by(usize::from(each))) {
                line.draw(app, &mut canvas.region(Rect::new(x, 0, each - 2, tall)));
            }
        });
    }
    for (_, line) in shown() {
        sheet.block(tall, |canvas| line.draw(app, canvas));
    }
}

/// A number with its recent past.
struct Line<'a> {
    name: &'a str,
    ring: &'a Ring,
    now: Option<Text>,
    full: f64,
    ramp: &'a Ramp,
    tail: Text,
}

impl Line<'_> {
    fn draw(&self, app: &App, canvas: &mut Canvas<'_>) {
        let theme = &app.theme;
        canvas.text(0, 0, self.name, theme.dim);
        let (text, pen): (&str, Pen) = match &self.now {
            Some(text) => (text, theme.text),
            None => (app.missing(), theme.dim),
        };
        canvas.right(14, 0, text, pen);
        let (w, h) = (canvas.width(), canvas.height());
        let tail = width(&self.tail);
        // A chart of a few cells says less than its average.
        let has_tail = w >= 16 + 20 + tail;
        let room = w.saturating_sub(16 + if has_tail { tail + 2 } else { 0 });
        let room = room.min(LENGTH as u16 / 2);
        if has_tail {
            canvas.text(16 + room + 2, 0, &self.tail, theme.dim);
        }
        let mut region = canvas.region(Rect::new(16, 0, room, h));
        chart(&mut region, self.ring, self.full, self.ramp, false);
    }
}

/// Pairs of facts in as many columns as fit.
fn numbers(app: &App, row: Row<'_>, sheet: &mut Sheet<'_>) {
    let theme = &app.theme;
    let size = |field| row.get(field).map(|bytes| short!("{}", Size(bytes)));
    let rate = |field| row.get(field).map(|bytes| short!("{}/s", Size(bytes)));
    let share = |field| row.get(field).map(|share| short!("{}", Percent(share)));
    let count = |field| row.get(field).map(|rate| facts::per_second(Some(rate)));
    let number = |field| row.raw(field).map(|number| short!("{number}"));
    let all = row.snapshot().one(memory::total_bytes);
    let of_all = match (row.get(process::memory_ratio), all) {
        (Some(share), Some(all)) => Some(short!("{} of {}", Percent(share), Size(all))),
        _ => None,
    };
    // Laid to the process by its share of the CPU time: no instrument says it.
    let about = |field, unit| row.get(field).map(|value| short!("~{}", Value(unit, value)));
    let kernel_says = |field, unit| row.get(field).map(|value| short!("{}", Value(unit, value)));
    let facts: [(&str, Option<Text>); 26] = [
        ("cpu", share(process::cpu_ratio)),
        ("time", row.get(process::cpu_seconds).map(units::cpu_time)),
        ("last core", number(process::last_cpu)),
        ("priority", number(process::priority)),
        ("resident", size(process::resident_bytes)),
        ("memory", of_all),
        ("shared", size(process::shared_bytes)),
        ("virtual", size(process::virtual_bytes)),
        ("pss", size(process::proportional_bytes)),
        ("uss", size(process::unique_bytes)),
        ("swap", size(process::swap_bytes)),
        ("majflt", count(process::major_faults_per_second)),
        ("read", rate(process::read_bytes_per_second)),
        ("written", rate(process::written_bytes_per_second)),
        ("read all", size(process::read_bytes)),
        ("write all", size(process::written_bytes)),
        ("io wait", share(process::io_delay_ratio)),
        ("minflt", count(process::minor_faults_per_second)),
        ("switches", count(process::switches_per_second)),
        ("cpu wait", share(process::run_wait_ratio)),
        ("moves", count(process::migrations_per_second)),
        ("power", about(process::watts, Unit::Watts)),
        ("energy", about(process::energy_joules, Unit::Joules)),
        ("session", number(process::session_id)),
        ("group", number(process::group_id)),
        ("uid", number(process::user_id)),
    ];
    let usage = process::usage_of(row);
    let of_usage = |field| usage.and_then(|usage| usage.get(field));
    let own: [(&str, Option<Text>); 8] = [
        ("footprint", size(process::footprint_bytes)),
        ("neural", of_usage(usage::neural_bytes).map(|bytes| short!("{}", Size(bytes)))),
        ("power*", kernel_says(process::counted_watts, Unit::Watts)),
        ("wakeups", count(process::wakeups_per_second)),
        ("P cores", share(process::performance_ratio)),
        ("E cores", of_slow_cores(row).map(|share| short!("{}", Percent(share)))),
        ("gpu", share(process::gpu_ratio)),
        ("app", responsible(row)),
    ];
    // What only some systems account of is not missing elsewhere.
    let own = if usage.is_some() { &own[..] } else { &[] };
    let (known, missing) = (facts.len(), row.raw(process::last_cpu).is_none() && usage.is_some());
    // Where the kernel never tells the usual ones, the others take their room.
    let facts = facts.into_iter().filter(|(_, value)| !missing || value.is_some());
    let mut all: [Option<(&str, Option<Text>)>; 40] = [const { None }; 40];
    let mut end = 0;
    for fact in facts.take(known).chain(own.iter().cloned()) {
        all[end] = Some(fact);
        end += 1;
    }
    if sheet.height() >= 12 {
        sheet.part();
    }
    let columns = usize::from(sheet.width() / 26).clamp(1, 4);
    for line in all[..end].chunks(columns) {
        sheet.line(|canvas| {
            let each = canvas.width() / columns as u16;
            for ((name, value), place) in line.iter().flatten().zip(0_u16..) {
                let x = place * each;
                canvas.text(x, 0, name, theme.dim);
                let (text, pen) = match value {
                    Some(text) => (text.as_str(), theme.text),
                    None => (app.missing(), theme.dim),
                };
                canvas.field(x + 10, 0, each.saturating_sub(11), text, pen);
            }
        });
    }
    if let Some(usage) = usage {
        classes(app, usage, sheet);
    }
}

/// CPU time on efficiency cores per second.
fn of_slow_cores(row: Row<'_>) -> Option<f64> {
    let rest = row.get(process::cpu_ratio)? - row.get(process::performance_ratio)?;
    Some(rest.max(0.0))
}

/// The process that the system holds responsible for this one.
fn responsible(row: Row<'_>) -> Option<Text> {
    let pid = row.raw(process::responsible_pid)?;
    let mut rows = row.snapshot().rows(FamilyId::Process);
    let name = rows.find(|row| row.raw(process::pid) == Some(pid));
    Some(short!("{pid} {}", name.map_or("", |row| row.shown(process::name))))
}

/// CPU time by class of service, since the process began.
fn classes(app: &App, usage: Row<'_>, sheet: &mut Sheet<'_>) {
    const CLASSES: [(&str, retop_model::Field); 7] = [
        ("interactive", usage::interactive_seconds),
        ("initiated", usage::initiated_seconds),
        ("default", usage::default_seconds),
        ("utility", usage::utility_seconds),
        ("background", usage::background_seconds),
        ("maintenance", usage::maintenance_seconds),
        ("legacy", usage::legacy_seconds),
    ];
    let of = |field| usage.get(field).unwrap_or(0.0);
    let whole: f64 = CLASSES.iter().map(|(_, field)| of(*field)).sum();
    if whole <= 0.0 {
        return;
    }
    sheet.line(|canvas| {
        let mut x = canvas.text(0, 0, "service", app.theme.dim) + 3;
        for (name, field) in CLASSES {
            let share = of(field) / whole;
            if share >= 0.005 {
                x = facts::fact(app, canvas, x, 0, name, &units::whole_percent(share));
            }
        }
    });
}
