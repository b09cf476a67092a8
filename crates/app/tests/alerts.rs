//! A control group that reaches its memory limit: the alert in the stream, in the scrape, in the log
//! of events and at that moment of a rewind, with the process behind it.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "starts the program and takes its time")]

mod deaf;
mod outside;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use deaf::Deaf;
use outside::{Guest, Stream, retop, until};
use retop::tui::Options;
use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key};
use retop_engine::history::{History, What};
use retop_engine::{Demand, Roots, Ticker, open};
use retop_fake_machine::{HandClock, Scratch, build};
use retop_model::alert::builtin;
use retop_model::family::{alert, cgroup, process};
use retop_model::{Clock, FamilyId};
use serde_json::Value;

/// A group with a limit of our own, and the largest process in it.
const GROUP: &str =
    "/user.slice/user-1000.slice/user@1000.service/app.slice/app-browser-4410.scope";
const HOG: &str = "browser (4410)";

fn laptop() -> Scratch {
    let scratch = Scratch::new();
    build("hybrid-laptop", scratch.path(), 0).expect("a tree");
    scratch
}

/// Gives the group as much memory as it has of its limit now, in percent.
fn limit(root: &Path, percent: u64) {
    let folder = root.join("sys/fs/cgroup").join(&GROUP[1..]);
    let number = |name: &str| -> u64 {
        let text = fs::read_to_string(folder.join(name)).expect("a file");
        text.trim().parse().expect("a number")
    };
    let inactive = fs::read_to_string(folder.join("memory.stat")).expect("a file");
    let inactive = inactive.lines().find_map(|line| line.strip_prefix("inactive_file "));
    let inactive: u64 = inactive.and_then(|text| text.parse().ok()).unwrap_or(0);
    let used = number("memory.current") - inactive;
    let text = format!("{}\n", used / percent * 100);
    // At once, as the kernel changes it: a reader must not find half of it.
    fs::write(folder.join("memory.max.new"), text).expect("written");
    fs::rename(folder.join("memory.max.new"), folder.join("memory.max")).expect("renamed");
}

fn group_alert(snapshot: &Value) -> Option<Value> {
    let alerts = snapshot["alerts"].as_array().expect("alerts are watched for");
    let is_it = |alert: &&Value| alert["alert"] == "CGROUP-MEM" && alert["subject"] == GROUP;
    alerts.iter().find(is_it).cloned()
}

#[test]
fn a_full_group_is_in_the_stream_until_it_has_room_again() {
    let scratch = laptop();
    limit(scratch.path(), 50);
    let root = scratch.path().to_str().expect("UTF-8");
    let mut stream = Stream::start(&["--interval", "100ms", "--root", root]);
    let groups = |line: &Value| line["cgroups"].as_array().is_some_and(|rows| !rows.is_empty());
    let first = stream.find("groups", |line| groups(line).then(|| line.clone()));
    assert_eq!(group_alert(&first), None);
    limit(scratch.path(), 95);
    let alert = stream.find("an alert", group_alert);
    assert_eq!(alert["culprit"], HOG);
    assert_eq!(alert["culprit_pid"], 4410);
    assert_eq!(
        (&alert["severity"], &alert["metric"]),
        (&"warning".into(), &"cgroup.memory_limit_ratio".into())
    );
    let message = alert["message"].as_str().expect("a text");
    assert!(
        message.ends_with("95% of its memory limit, limit 90%, by browser (4410)"),
        "{message}"
    );
    limit(scratch.path(), 50);
    stream.find("the end of the alert", |line| group_alert(line).is_none().then_some(()));
}

#[test]
fn a_full_group_is_in_the_scrape() {
    let scratch = laptop();
    limit(scratch.path(), 95);
    let root = scratch.path().to_str().expect("UTF-8");
    let args = ["--serve", "127.0.0.1:0", "--interval", "100ms", "--root", root];
    let mut guest = Guest::start(retop(&args).stdout(Stdio::null()).stderr(Stdio::piped()));
    let err = BufReader::new(guest.0.stderr.take().expect("piped"));
    let mut lines = err.lines().map(|line| line.expect("readable"));
    let address = lines.find_map(|line| Some(line.split("http://").nth(1)?.to_owned()));
    let address = address.as_deref().and_then(|rest| rest.split('/').next()).expect("an address");
    let scraped = until("the alert in the scrape", || {
        let mut stream = TcpStream::connect(address).ok()?;
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let line = text.lines().find(|line| line.starts_with("retop_alert_firing{"))?;
        Some(line.to_owned())
    });
    assert!(scraped.contains("alert=\"CGROUP-MEM\"") && scraped.contains(GROUP), "{scraped}");
    assert!(scraped.contains("severity=\"warning\"") && scraped.ends_with(" 1"), "{scraped}");
}

#[test]
fn a_full_group_is_in_the_log_and_in_the_past() {
    let scratch = laptop();
    limit(scratch.path(), 50);
    let clock = Arc::new(HandClock::new(1, 1_795_183_402_000));
    let machine = open(None, Roots::below(scratch.path())).expect("a machine");
    let mut ticker = Ticker::lockstep(machine, Arc::clone(&clock) as Arc<dyn Clock>);
    ticker.set_rules(builtin());
    // As little as a screen asks for: the alert has to look after itself.
    let mut demand = Demand::everything();
    demand.want(FamilyId::Cgroup, false);
    ticker.set_demand(demand);
    let history = Arc::new(std::sync::Mutex::new(History::new(32 << 20).expect("an encoder")));
    let mut app = App::new(&Options::default());
    app.record = Some(history.clone());
    // 20 s of room, 20 s without, 20 s of room.
    for second in 0..60 {
        match second {
            20 => limit(scratch.path(), 95),
            40 => limit(scratch.path(), 50),
            _ => {}
        }
        clock.pass(1);
        let moment = ticker.tick();
        app.update(&moment);
        history.lock().expect("no reader failed").push(&moment).expect("encoded");
    }
    app.arrange(120, 40);
    let ours = |event: &&retop::tui::events::Event| event.name() == "CGROUP-MEM";
    let events: Vec<String> =
        app.events.list().iter().filter(ours).map(ToString::to_string).collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("cleared after"), "{events:?}");
    assert!(events[1].ends_with(&format!("by {HOG}")), "{events:?}");
    let fired = app.events.list().iter().find_map(|event| match event {
        retop::tui::events::Event::Logged(entry) => match &entry.what {
            What::Fired { alert, ended } if alert.name == "CGROUP-MEM" => {
                Some((entry.stamp, *ended))
            }
            _ => None,
        },
        _ => None,
    });
    let (fired, ended) = fired.expect("fired");
    assert!(ended.is_some_and(|ended| ended.wall_ms > fired.wall_ms));
    // To the page, down to where it fired, and to that moment.
    let press = |app: &mut App, key: Key| {
        app.event(Event::Key(key), &Deaf);
        app.arrange(120, 40);
    };
    press(&mut app, Key::char('A'));
    let line = app.events.list().iter().position(|event| event.stamp() == fired).expect("listed");
    for _ in 0..line {
        press(&mut app, Key::of(Code::Down));
    }
    press(&mut app, Key::of(Code::Enter));
    assert!(app.rewind.is_some());
    let now = app.now.clone().expect("a moment");
    assert_eq!(now.stamp(), fired);
    let row = now.rows(FamilyId::Alert).find(|row| row.shown(alert::alert) == "CGROUP-MEM");
    assert_eq!(row.map(|row| row.shown(alert::culprit)), Some(HOG));
    let group = now.rows(FamilyId::Cgroup).find(|row| row.shown(cgroup::cgroup) == GROUP);
    let share = group.and_then(|row| row.get(cgroup::memory_limit_ratio)).expect("a share");
    assert!((0.94..0.96).contains(&share), "{share}");
    let selected = app.table.selected().expect("the cursor stands on the culprit");
    let row = now.find(FamilyId::Process, selected).expect("a row");
    assert_eq!(row.shown(process::name), "browser");
    // A sample before, nothing fires.
    press(&mut app, Key::of(Code::Left));
    let before = app.now.clone().expect("a moment");
    assert_eq!(before.rows(FamilyId::Alert).len(), now.rows(FamilyId::Alert).len() - 1);
}
