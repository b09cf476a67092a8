//! `retop --plain`: lines of text, for screen readers, for pipes and for terminals that can do no
//! more. Nothing is drawn: what is typed is answered, and alerts tell of themselves.

use std::fmt::Write as _;
use std::io::BufRead;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use retop_engine::export::{Limit, report, top_processes};
use retop_engine::{Demand, Monitor, RealClock, Rows, local_offset_seconds};
use retop_model::alert::{Event, EventKind, Severity};
use retop_model::family::{alert, cpu, host, memory, process};
use retop_model::human::{MISSING, Or, Percent, Rate, Size, Value};
use retop_model::{FamilyId, Field, Filter, Key, Row, Snapshot, Unit, Verdict};

use crate::alerts;
use crate::run::{demand, machine, print};
use crate::settings::Settings;
use crate::tui::panel::fields::watt_hours;
use crate::tui::units::time_of_day;
use crate::value;

/// Processes that `top` tells of unless a number is typed.
const TOP: usize = 10;

/// What can be typed, and what it does.
const COMMANDS: [(&str, &str); 8] = [
    ("status", "how busy the machine is; an empty line does the same"),
    ("top [N] [cpu|memory|io]", "the processes that use the most, 10 unless N says otherwise"),
    ("pid N", "all about one process"),
    ("alerts", "what fires, and what has fired"),
    (
        "filter [FILTER]",
        "of which processes top tells, such as cpu>10 user=bob; without one of all",
    ),
    ("report", "the machine on one page"),
    ("help", "this list"),
    ("quit", "the end; so is the end of the input"),
];

/// Answers until somebody quits or the input ends.
///
/// # Errors
///
/// If the machine cannot be opened or stdout takes no more.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut plain = Plain::new(settings)?;
    let (wake, woken) = channel();
    let on_sample: Sender<Woken> = wake.clone();
    let watch = retop_engine::Settings {
        interval: settings.interval,
        first_interval: super::screen::FIRST_INTERVAL,
        history_bytes: 0,
        demand: demand(settings, Limit::Count(TOP)),
        rules: alerts::rules(settings),
        arguments: retop_engine::export::Arguments::Full,
    };
    let woken_by_sample = Box::new(move |_: &Arc<Snapshot>| {
        // Nobody listens any more once the loop below has ended.
        let _ = on_sample.send(Woken::Sample);
    });
    let monitor = Monitor::start(machine(settings)?, Arc::new(RealClock), watch, woken_by_sample)?;
    std::thread::Builder::new().name("input".to_owned()).spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if wake.send(Woken::Line(line)).is_err() {
                return;
            }
        }
        let _ = wake.send(Woken::End);
    })?;
    let base = demand(settings, Limit::Count(TOP));
    plain.talk(&woken, &base, &monitor)
}

enum Woken {
    Sample,
    Line(String),
    End,
}

/// What a line asks for.
#[derive(Debug, PartialEq)]
enum Command {
    Status,
    Top(usize, Field),
    Pid(i64),
    Alerts,
    Filter(Option<Box<Filter>>),
    Report,
    Help,
    Quit,
}

fn parse(line: &str) -> Result<Command, String> {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let alone = |command| match rest {
        "" => Ok(command),
        _ => Err(format!("{word} takes nothing after it")),
    };
    match word {
        "" | "status" => alone(Command::Status),
        "top" => top(rest),
        "pid" => match rest.parse() {
            Ok(pid) => Ok(Command::Pid(pid)),
            Err(_) => Err("pid takes the number of a process: pid 9071".to_owned()),
        },
        "alerts" => alone(Command::Alerts),
        "filter" => match Filter::parse(rest) {
            _ if rest.is_empty() => Ok(Command::Filter(None)),
            Ok(filter) => Ok(Command::Filter(Some(Box::new(filter)))),
            Err(error) => Err(format!("'{rest}': {error}")),
        },
        "report" => alone(Command::Report),
        "help" | "?" => alone(Command::Help),
        "quit" | "q" | "exit" => alone(Command::Quit),
        _ => {
            let words = COMMANDS.map(|(usage, _)| usage.split(' ').next().unwrap_or(""));
            let near = value::nearest(word, words);
            let near = near.map_or("type help".to_owned(), |near| format!("there is {near}"));
            let shown = retop_model::text::Text::from(word);
            Err(format!("unknown command '{}'; {near}", shown.shown()))
        }
    }
}

fn top(words: &str) -> Result<Command, String> {
    let (mut count, mut by) = (TOP, process::cpu_ratio);
    for word in words.split_whitespace() {
        match (word, word.parse()) {
            ("cpu", _) => by = process::cpu_ratio,
            ("memory" | "mem", _) => by = process::resident_bytes,
            ("io", _) => by = process::io_bytes_per_second,
            (_, Ok(number @ 1..=1000)) => count = number,
            _ => return Err("top takes a number from 1 to 1000, cpu, memory or io".to_owned()),
        }
    }
    Ok(Command::Top(count, by))
}

/// The conversation.
struct Plain {
    filter: Option<Filter>,
    /// The newest event that has been told of: the list drops its oldest.
    last: Option<Event>,
}

impl Plain {
    fn new(settings: &Settings) -> anyhow::Result<Plain> {
        let filter = settings.filter.as_deref().map(Filter::parse).transpose();
        let filter = filter.map_err(|error| super::Usage(format!("--filter: {error}")))?;
        Ok(Plain { filter, last: None })
    }

    fn talk(
        &mut self,
        woken: &Receiver<Woken>,
        base: &Demand,
        monitor: &Monitor,
    ) -> anyhow::Result<()> {
        // What was typed before there is anything to tell waits for it.
        let mut waiting: std::collections::VecDeque<String> = std::collections::VecDeque::new();
        let (mut greeted, mut ending) = (false, false);
        let mut looked_up: Option<i64> = None;
        while let Ok(why) = woken.recv() {
            match why {
                Woken::Sample => {}
                Woken::Line(line) => waiting.push_back(line),
                Woken::End => ending = true,
            }
            let Some(now) = monitor.latest().filter(|now| now.has_rates()) else { continue };
            if !greeted {
                print(&greeting(&now))?;
                greeted = true;
            }
            print(&self.news(&monitor.events()))?;
            while let Some(line) = waiting.pop_front() {
                let command = match parse(&line) {
                    Ok(Command::Quit) => return Ok(()),
                    Ok(command) => command,
                    Err(error) => {
                        print(&format!("{error}\n"))?;
                        continue;
                    }
                };
                // Of a process that was not among the busiest little has been read: it is read
                // once, and told of with the next sample.
                if let Command::Pid(pid) = command
                    && looked_up != Some(pid)
                    && let Some(key) = find(&now, pid)
                {
                    monitor.set_demand(all_of(base, key));
                    monitor.sample_now();
                    looked_up = Some(pid);
                    waiting.push_front(line);
                    break;
                }
                if looked_up.take().is_some() {
                    monitor.set_demand(base.clone());
                }
                print(&self.answer(command, &now, &monitor.events()))?;
            }
            if ending && waiting.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What has fired and cleared since the last time.
    fn news(&mut self, events: &[Event]) -> String {
        let known = match &self.last {
            Some(last) => events.iter().rposition(|event| event == last).map_or(0, |at| at + 1),
            None => 0,
        };
        let mut text = String::new();
        for event in &events[known..] {
            let what = match event.kind {
                EventKind::Fired => "alert",
                EventKind::Cleared => "cleared",
            };
            let _ = writeln!(text, "{what}, {}: {}", clock(event.stamp.wall_ms), told(event));
        }
        self.last = events.last().cloned().or(self.last.take());
        text
    }

    fn answer(&mut self, command: Command, now: &Snapshot, events: &[Event]) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = match command {
            Command::Status => writeln!(text, "{}", status(now)),
            Command::Top(count, by) => self.top(&mut text, now, count, by),
            Command::Pid(pid) => one(&mut text, now, pid),
            Command::Alerts => firing(&mut text, now, events),
            Command::Filter(filter) => {
                self.filter = filter.map(|filter| *filter);
                match &self.filter {
                    Some(filter) => writeln!(text, "top tells of {filter}"),
                    None => writeln!(text, "top tells of all processes"),
                }
            }
            Command::Report => report::write(&mut text, now),
            Command::Help => {
                COMMANDS.iter().try_for_each(|(usage, what)| writeln!(text, "{usage}: {what}"))
            }
            Command::Quit => Ok(()),
        };
        text
    }

    fn top(&self, text: &mut String, now: &Snapshot, count: usize, by: Field) -> std::fmt::Result {
        let keep = |row: Row<'_>| {
            self.filter.as_ref().is_none_or(|filter| filter.test(row) == Verdict::Yes)
        };
        let rows = top_processes(now, by, Limit::Count(count), Some(&keep));
        if rows.is_empty() {
            return writeln!(text, "no process matches");
        }
        for (place, row) in (1..).zip(rows) {
            let pid = row.raw(process::pid).unwrap_or(0);
            write!(text, "{place}. {}, pid {pid}", row.shown(process::name))?;
            write!(text, ", {}", or_missing(row.shown(process::user)))?;
            write!(text, ", cpu {}", Or(row.get(process::cpu_ratio).map(Percent)))?;
            write!(text, ", memory {}", Or(row.get(process::resident_bytes).map(Size)))?;
            if by == process::io_bytes_per_second {
                write!(text, ", io {}", Or(row.get(by).map(Rate)))?;
            }
            writeln!(text)?;
        }
        Ok(())
    }
}

fn greeting(now: &Snapshot) -> String {
    let words = [host::name, host::os, host::kernel];
    let words = words.iter().filter_map(|&field| now.one_text(field)).map(|text| text.shown());
    let words: Vec<&str> = words.filter(|text| !text.is_empty()).collect();
    format!("retop on {}; type help for what can be asked\n{}\n", words.join(", "), status(now))
}

fn status(now: &Snapshot) -> String {
    let size = |field| Or(now.one(field).map(Size));
    let mut text = format!(
        "cpu {}, memory {} of {} ({})",
        Or(now.one(cpu::utilization_ratio).map(Percent)),
        size(memory::used_bytes),
        size(memory::total_bytes),
        Or(now.one(memory::used_ratio).map(Percent)),
    );
    if now.one(memory::swap_total_bytes).is_some_and(|bytes| bytes > 0.0) {
        let _ = write!(text, ", swap {}", size(memory::swap_used_bytes));
    }
    let load = [host::load_1m, host::load_5m, host::load_15m];
    let load = load.map(|field| now.one(field));
    if let [Some(one), Some(five), Some(fifteen)] = load {
        let _ = write!(text, ", load {one:.1} {five:.1} {fifteen:.1}");
    }
    let processes = now.rows(FamilyId::Process).len();
    let alerts = now.rows(FamilyId::Alert).len();
    let _ = write!(text, ", {processes} processes, ");
    let _ = match alerts {
        0 => write!(text, "no alerts"),
        1 => write!(text, "1 alert"),
        _ => write!(text, "{alerts} alerts"),
    };
    text
}

fn find(now: &Snapshot, pid: i64) -> Option<Key> {
    let mut rows = now.rows(FamilyId::Process);
    rows.find(|row| row.raw(process::pid) == Some(pid)).map(|row| row.key())
}

fn all_of(base: &Demand, key: Key) -> Demand {
    let mut demand = base.clone();
    let rows = Rows::Keys(vec![key]);
    demand.processes.memory = rows.clone();
    demand.processes.status = rows.clone();
    demand.processes.io = rows.clone();
    demand.processes.proportional = rows;
    demand
}

/// Everything that is known of a process, a line for each thing.
fn one(text: &mut String, now: &Snapshot, pid: i64) -> std::fmt::Result {
    let Some(row) = find(now, pid).and_then(|key| now.find(FamilyId::Process, key)) else {
        return writeln!(text, "no process has the number {pid}");
    };
    let family = FamilyId::Process.get();
    for field in family.text_fields() {
        let shown = row.shown(field);
        if !shown.is_empty() {
            writeln!(text, "{}: {shown}", field.column().name.replace('_', " "))?;
        }
    }
    for field in family.fields() {
        // With its unit: three of them are called user.
        let name = field.name().replace('_', " ");
        let mark = if field.is_estimated() { "~" } else { "" };
        match (row.state(field), row.get(field), field.unit()) {
            (Some(state), ..) => writeln!(text, "{}: {state}", name)?,
            (None, Some(joules), Unit::Joules) => {
                writeln!(text, "{}: {mark}{}", name, &*watt_hours(joules))?;
            }
            (None, Some(count), Unit::Count) if count.fract() == 0.0 => {
                writeln!(text, "{}: {mark}{count}", name)?;
            }
            (None, Some(value), unit) => {
                writeln!(text, "{}: {mark}{}", name, Value(unit, value))?;
            }
            (None, None, _) => {}
        }
    }
    Ok(())
}

/// What fires now, and what fired lately.
fn firing(text: &mut String, now: &Snapshot, events: &[Event]) -> std::fmt::Result {
    let rows = now.rows(FamilyId::Alert);
    if rows.len() == 0 {
        writeln!(text, "nothing fires")?;
    }
    for row in rows {
        let (severity, name) = (row.shown(alert::severity), row.shown(alert::alert));
        writeln!(text, "{severity}: {name}, {}", row.shown(alert::message))?;
    }
    let over = events.iter().filter(|event| event.kind == EventKind::Cleared);
    for event in over.rev().take(TOP) {
        writeln!(text, "cleared, {}: {}", clock(event.stamp.wall_ms), told(event))?;
    }
    Ok(())
}

fn told(event: &Event) -> String {
    let alert = &event.alert;
    let mut text = match alert.severity {
        Severity::Critical => format!("critical, {}, ", alert.rule),
        Severity::Warning => format!("{}, ", alert.rule),
    };
    // Writing into a String cannot fail.
    let _ = alert.describe(&mut text);
    text
}

fn clock(wall_ms: i64) -> String {
    time_of_day(wall_ms, local_offset_seconds(wall_ms.div_euclid(1000))).to_string()
}

fn or_missing(text: &str) -> &str {
    if text.is_empty() { MISSING } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_commands() {
        let by = |field| Ok(Command::Top(TOP, field));
        let cases = [
            ("", Ok(Command::Status)),
            ("  status ", Ok(Command::Status)),
            ("top", by(process::cpu_ratio)),
            ("top memory", by(process::resident_bytes)),
            ("top 3 io", Ok(Command::Top(3, process::io_bytes_per_second))),
            ("top 0", Err("top takes a number from 1 to 1000, cpu, memory or io")),
            ("top 1001", Err("top takes a number from 1 to 1000, cpu, memory or io")),
            ("top x", Err("top takes a number from 1 to 1000, cpu, memory or io")),
            ("pid 9071", Ok(Command::Pid(9071))),
            ("pid", Err("pid takes the number of a process: pid 9071")),
            ("pid python", Err("pid takes the number of a process: pid 9071")),
            ("alerts", Ok(Command::Alerts)),
            ("alerts all", Err("alerts takes nothing after it")),
            ("quit", Ok(Command::Quit)),
            ("filter", Ok(Command::Filter(None))),
            ("alrts", Err("unknown command 'alrts'; there is alerts")),
            ("\u{1b}[A", Err("unknown command '?[A'; type help")),
        ];
        for (line, wanted) in cases {
            assert_eq!(parse(line), wanted.map_err(str::to_owned), "{line:?}");
        }
        assert!(matches!(parse("filter cpu>10"), Ok(Command::Filter(Some(_)))));
        let error = parse("filter cpu>").expect_err("no filter");
        assert!(error.starts_with("'cpu>': "), "{error}");
    }
}
