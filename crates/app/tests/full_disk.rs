//! A file system that fills on a made-up machine: the alert in the JSON, in the log of events and at
//! that moment of a rewind, who is behind it, and that it ends.

mod deaf;
mod look;

use std::path::Path;
use std::sync::{Arc, Mutex};

use deaf::Deaf;
use retop::tui::Options;
use retop::tui::app::App;
use retop::tui::input::{Event, Key};
use retop_engine::export::json::{JsonView, Options as Json};
use retop_engine::history::History;
use retop_engine::{Demand, Roots, Ticker, open};
use retop_fake_machine::HandClock;
use retop_model::alert::builtin;
use retop_model::{Clock, Snapshot};
use serde_json::Value;

/// The alert of `/var` in a line of JSON.
fn alert_of(now: &Snapshot) -> Option<Value> {
    let (mut line, mut out) = (Vec::new(), Vec::new());
    let view = JsonView { snapshot: now, options: Json::default() };
    view.write_ndjson(&mut line, &mut out).expect("a Vec takes all");
    let line: Value = serde_json::from_slice(&out).expect("JSON");
    let alerts = line["alerts"].as_array().expect("alerts are watched for");
    let is_it = |alert: &&Value| alert["alert"] == "DISK" && alert["subject"] == "/var";
    alerts.iter().find(is_it).cloned()
}

#[test]
fn a_disk_that_fills_is_told_of_everywhere_until_it_has_room_again() {
    let clock = Arc::new(HandClock::new(1, 1_795_183_402_000));
    let roots = Roots::below(Path::new("/nowhere"));
    let machine = open(Some("sim:web-incident"), roots).expect("known");
    let mut ticker = Ticker::lockstep(machine, Arc::clone(&clock) as Arc<dyn Clock>);
    ticker.set_rules(builtin());
    // As little as a screen asks for: the alert has to look after itself.
    let mut app = App::new(&Options::default());
    let history = Arc::new(Mutex::new(History::new(64 << 20).expect("an encoder")));
    app.record = Some(history.clone());
    let mut demand = Demand::everything();
    demand.processes.io = retop_engine::Rows::Keys(Vec::new());
    ticker.set_demand(demand);
    let (mut fired, mut cleared) = (None, None);
    // `/var` fills from second 460 on; at 590 somebody makes room.
    for second in 0..600 {
        clock.pass(1);
        let moment = ticker.tick();
        app.update(&moment);
        history.lock().expect("no reader failed").push(&moment).expect("encoded");
        match (alert_of(&moment), fired.is_some()) {
            (Some(alert), false) => fired = Some((second, moment.stamp(), alert)),
            (None, true) if cleared.is_none() => cleared = Some(second),
            _ => {}
        }
    }
    let (second, stamp, alert) = fired.expect("it fired");
    assert!((461..590).contains(&second), "in second {second}");
    assert!(cleared.is_some_and(|cleared| (590..600).contains(&cleared)), "{cleared:?}");
    let message = alert["message"].as_str().expect("a text");
    assert!(message.starts_with("/var 95% used, limit 95%, "), "{message}");
    let culprit = alert["culprit"].as_str().expect("somebody wrote it").to_owned();
    assert!(message.contains(&culprit), "{message}");
    app.arrange(120, 40);
    let told: Vec<String> = app
        .events
        .list()
        .iter()
        .filter(|event| event.name() == "DISK")
        .map(ToString::to_string)
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("/var cleared after"), "{told:?}");
    assert!(told[1].starts_with("/var 95% used") && told[1].contains(&culprit), "{told:?}");
    // Back to where it fired, by the keys of events.
    let mut press = |key: char| {
        app.event(Event::Key(Key::char(key)), &Deaf);
        app.arrange(120, 40);
        app.now.as_ref().expect("a moment").stamp()
    };
    press('r');
    let found = (0..40).any(|_| press('{') == stamp);
    assert!(found, "no event leads to where it fired");
    let now = app.now.clone().expect("a moment");
    assert_eq!(alert_of(&now), Some(alert), "the past says the same");
    app.message = None;
    let screen = look::shown(&mut app, 160, 40);
    assert!(screen.contains("REWIND") && screen.contains("▲ DISK /var 95% used"), "{screen}");
    // A sample before, nothing fires.
    app.event(Event::Key(Key::of(retop::tui::input::Code::Left)), &Deaf);
    assert_eq!(alert_of(app.now.as_ref().expect("a moment")), None);
}
