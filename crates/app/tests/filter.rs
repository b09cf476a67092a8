//! One language everywhere: what a filter keeps on the screen, given at the start or typed, is what it
//! keeps in the JSON.
#![allow(clippy::disallowed_methods, reason = "starts the program")]

mod deaf;
mod outside;
mod recorded;

use std::path::Path;

use deaf::Deaf;
use outside::retop;
use retop::tui::Options;
use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key as Press};
use retop::tui::table::order::What;
use retop_model::FamilyId;
use serde_json::Value;

fn on_the_screen(app: &App) -> Vec<u64> {
    let now = app.now.as_ref().expect("a moment");
    let lines = app.table.order.lines.iter();
    let rows = lines.filter(|line| line.what == What::Process);
    let rows = rows.filter_map(|line| now.row(FamilyId::Process, line.row as usize));
    let mut pids: Vec<u64> = rows.map(|row| row.key().0).collect();
    pids.sort_unstable();
    pids
}

/// The processes in the last line.
fn in_json(recording: &Path, filter: &str) -> Vec<u64> {
    let source = format!("replay:{}", recording.display());
    let args = ["--json", "--source", &source, "--processes", "all", "--filter", filter];
    let output = retop(&args).output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let last = output.stdout.trim_ascii_end().rsplit(|&byte| byte == b'\n').next();
    let line: Value = serde_json::from_slice(last.expect("a line")).expect("JSON");
    let rows = line["processes"].as_array().expect("processes");
    let mut pids: Vec<u64> = rows.iter().filter_map(|row| row["pid"].as_u64()).collect();
    pids.sort_unstable();
    pids
}

#[test]
fn a_filter_keeps_the_same_at_the_start_typed_and_in_json() {
    // From second 40 on something is built on the machine.
    let (recording, moments) = recorded::of_sim("sim:web-incident", "filter", 60);
    for filter in [
        "cpu>10 && user=root",
        "cpu>0.2 && user=root",
        "cpu>10 && !user=root",
        "!user=root rss>50M",
        "state=S,D thr>1",
        "gunicorn|nginx",
        "cmd~^/ || pid<100",
    ] {
        let options = Options { filter: Some(filter.to_owned()), ..Options::default() };
        let mut given = App::new(&options);
        let mut typed = App::new(&Options::default());
        for moment in &moments[moments.len() - 2..] {
            given.update(moment);
            typed.update(moment);
        }
        typed.event(Event::Key(Press::char('/')), &Deaf);
        for c in filter.chars() {
            typed.event(Event::Key(Press::char(c)), &Deaf);
        }
        // The rows are there while it is typed, and stay.
        let (previewed, wanted) = (on_the_screen(&typed), on_the_screen(&given));
        typed.event(Event::Key(Press::of(Code::Enter)), &Deaf);
        assert_eq!(previewed, wanted, "{filter}");
        assert_eq!(on_the_screen(&typed), wanted, "{filter}");
        let all = moments[moments.len() - 1].rows(FamilyId::Process).len();
        assert!(wanted.len() < all, "{filter}");
        assert!(!wanted.is_empty() || filter.contains("cpu>10 && user"), "{filter}");
        assert_eq!(in_json(&recording, filter), wanted, "{filter}");
    }
}
