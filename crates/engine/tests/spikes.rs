//! What goes wrong on `sim:web-incident` is found by looking back, and who was behind it.

use std::path::Path;
use std::sync::Arc;

use retop_engine::history::{Channel, History, blame};
use retop_engine::{Roots, Ticker, open};
use retop_fake_machine::HandClock;
use retop_model::FamilyId;
use retop_model::family::process;

#[test]
fn the_three_seconds_of_a_report_are_found() {
    let clock = Arc::new(HandClock::new(0, 1_800_000_000_000));
    let machine = open(Some("sim:web-incident"), Roots::below(Path::new("/"))).expect("known");
    let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
    let mut history = History::new(16 << 20).expect("memory");
    for _ in 0..600 {
        clock.pass(1);
        history.push(&ticker.tick()).expect("encoded");
    }
    let view = history.view();
    let found: Vec<(u64, Channel, String)> = history
        .spikes()
        .iter()
        .map(|spike| {
            let mut cursor = view.cursor(spike.number).expect("kept");
            let Some(behind) = blame(&mut cursor, spike) else {
                return (spike.number, spike.channel, String::new());
            };
            let at = view.moment(behind.number).expect("kept");
            let row = at.find(FamilyId::Process, behind.key).expect("it is there");
            (behind.number, spike.channel, row.shown(process::name).to_owned())
        })
        .collect();
    let report = |(number, channel, name): &&(u64, Channel, String)| {
        (355..370).contains(number) && *channel == Channel::Cpu && name == "report.py"
    };
    assert!(found.iter().any(|spike| report(&spike)), "{found:?}");
    let backup = |(number, channel, name): &&(u64, Channel, String)| {
        (385..450).contains(number) && *channel == Channel::Disk && name == "rsync"
    };
    assert!(found.iter().any(|spike| backup(&spike)), "{found:?}");
    assert!(found.len() < 30, "what is everywhere is no news: {found:?}");
}
