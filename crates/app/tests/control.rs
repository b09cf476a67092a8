//! What a person does to processes: signals, nice values, I/O priorities, CPUs.

mod look;
mod scene;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use look::{check, shown};
use retop::tui::app::App;
use retop::tui::dialog::{CpuDialog, CpuLine};
use retop::tui::input::{Code, Event, Key as Press};
use retop::tui::keys::Mode;
use retop::tui::render::Depth;
use retop::tui::{Control, Options, Targets};
use retop_engine::history::History;
use retop_engine::{Affinity, CpuSet, IoPriority};
use retop_model::family::core;
use retop_model::{FamilyId, Key, RawSample, RawTable, Snapshot, Stamp, Window, derive};
use scene::Scene;

/// A machine that keeps what it is told, and what was asked of it.
#[derive(Default)]
struct Script {
    nice: BTreeMap<u64, i32>,
    io: BTreeMap<u64, IoPriority>,
    cpus: BTreeMap<u64, Affinity>,
    /// Who has ended, and why nothing can be done to others.
    refused: BTreeMap<u64, &'static str>,
    calls: Vec<String>,
}

#[derive(Default)]
struct Double(RefCell<Script>);

impl Double {
    fn call(&self, key: Key, what: String) -> Result<(), String> {
        let mut script = self.0.borrow_mut();
        script.calls.push(format!("{} {what}", key.0));
        assert_eq!(key.1, 100 + key.0, "by its start time too");
        script.refused.get(&key.0).map_or(Ok(()), |reason| Err((*reason).to_owned()))
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut().calls)
    }
}

impl Control for Double {
    fn send(&self, key: Key, signal: i32) -> Result<(), String> {
        self.call(key, format!("signal {signal}"))
    }

    fn step_nice(&self, key: Key, by: i32) -> Result<i32, String> {
        self.call(key, format!("nice {by:+}"))?;
        let nice = &mut self.0.borrow_mut().nice;
        let nice = nice.entry(key.0).or_default();
        *nice += by;
        Ok(*nice)
    }

    fn io_priority(&self, key: Key) -> Result<IoPriority, String> {
        self.call(key, "io?".to_owned())?;
        Ok(self.0.borrow().io.get(&key.0).copied().unwrap_or_default())
    }

    fn set_io_priority(&self, key: Key, priority: IoPriority) -> Result<(), String> {
        self.call(key, format!("io {priority}"))?;
        self.0.borrow_mut().io.insert(key.0, priority);
        Ok(())
    }

    fn affinity(&self, key: Key) -> Result<Affinity, String> {
        self.call(key, "cpus?".to_owned())?;
        let all = (0..16).collect::<CpuSet>();
        let found = self.0.borrow().cpus.get(&key.0).cloned();
        Ok(found.unwrap_or(Affinity { any: all.clone(), all }))
    }

    fn set_affinity(&self, key: Key, allow: &CpuSet, forbid: &CpuSet) -> Result<(), String> {
        self.call(key, format!("cpus +{allow} -{forbid}"))?;
        let had = self.0.borrow().cpus.get(&key.0).cloned();
        let had = had.map_or_else(|| (0..16).collect(), |had| had.any);
        let all = had.union(allow).without(forbid);
        self.0.borrow_mut().cpus.insert(key.0, Affinity { any: all.clone(), all });
        Ok(())
    }
}

const ENTER: Press = Press::of(Code::Enter);
const DOWN: Press = Press::of(Code::Down);

fn watched(scene: &Scene) -> App {
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    for snapshot in scene.run(4) {
        app.update(&snapshot);
    }
    app.arrange(120, 40);
    app
}

fn press(app: &mut App, double: &Double, keys: &[Press]) {
    for &key in keys {
        app.event(Event::Key(key), double);
        app.arrange(120, 40);
    }
}

fn type_in(app: &mut App, double: &Double, text: &str) {
    press(app, double, &text.chars().map(Press::char).collect::<Vec<_>>());
}

fn said(app: &App) -> (&str, bool) {
    app.message.as_ref().map_or(("", false), |message| (&message.text, message.wrong))
}

#[test]
fn nice_moves_the_process_under_the_cursor_or_those_tagged() {
    let (mut app, double) = (watched(&scene::LAPTOP), Double::default());
    for (key, said_now, nice) in [
        (Press::f(8), "14447 rustc: nice is 1", 1),
        (Press::char('['), "14447 rustc: nice is 2", 2),
        (Press::f(7), "14447 rustc: nice is 1", 1),
        (Press::char(']'), "14447 rustc: nice is 0", 0),
    ] {
        press(&mut app, &double, &[key]);
        assert_eq!(said(&app), (said_now, false));
        assert_eq!(double.0.borrow().nice[&14447], nice);
    }
    double.calls();
    // The first three rows, of which one is somebody else's.
    type_in(&mut app, &double, "   ");
    let reason = "not permitted: the process belongs to another user";
    double.0.borrow_mut().refused.insert(9071, reason);
    press(&mut app, &double, &[Press::f(8)]);
    assert_eq!(double.calls(), ["14447 nice +1", "9071 nice +1", "9133 nice +1"]);
    assert_eq!(said(&app), (&*format!("9071: {reason} (1 of 3 failed)"), true));
    double.0.borrow_mut().refused.clear();
    press(&mut app, &double, &[Press::f(7)]);
    assert_eq!(said(&app), ("3 tagged processes: nice -1", false));
    assert_eq!(app.table.tagged.len(), 3, "one may want to go on");
}

#[test]
fn io_priorities_are_chosen_from_a_list_that_begins_at_the_present_one() {
    let (mut app, double) = (watched(&scene::LAPTOP), Double::default());
    double.0.borrow_mut().io.insert(14447, IoPriority::BestEffort(2));
    type_in(&mut app, &double, "i");
    assert_eq!(app.mode(), Mode::Menu);
    for (width, height) in [(80, 24), (120, 40)] {
        check(&format!("io-priority-{width}x{height}"), &shown(&mut app, width, height));
    }
    press(&mut app, &double, &[DOWN, DOWN, ENTER]);
    assert_eq!(said(&app), ("14447 rustc: I/O priority is best-effort 4", false));
    type_in(&mut app, &double, "i");
    press(&mut app, &double, &[Press::of(Code::End), ENTER]);
    type_in(&mut app, &double, "i");
    press(&mut app, &double, &[Press::of(Code::Home), DOWN, ENTER]);
    type_in(&mut app, &double, "i");
    press(&mut app, &double, &[Press::of(Code::Home), ENTER]);
    type_in(&mut app, &double, "i");
    press(&mut app, &double, &[Press::of(Code::Esc)]);
    let calls = double.calls().into_iter().filter(|call| !call.ends_with('?'));
    let want = ["14447 io best-effort 4", "14447 io idle", "14447 io real-time 0", "14447 io none"];
    assert_eq!(calls.collect::<Vec<_>>(), want);
    // Who may not be asked is not offered anything.
    double.0.borrow_mut().refused.insert(14447, "the process has ended");
    type_in(&mut app, &double, "i");
    assert_eq!((app.mode(), said(&app)), (Mode::Live, ("14447: the process has ended", true)));
}

#[test]
fn cpus_are_checked_off() {
    let (mut app, double) = (watched(&scene::LAPTOP), Double::default());
    let some = |list: &[u32]| list.iter().copied().collect::<CpuSet>();
    let mixed = Affinity { any: some(&[0, 1, 2, 3, 8]), all: some(&[0, 1, 2]) };
    double.0.borrow_mut().cpus.insert(14447, mixed);
    type_in(&mut app, &double, "a");
    assert_eq!(app.mode(), Mode::Checks);
    for (width, height) in [(40, 8), (80, 24), (120, 40)] {
        check(&format!("cpus-{width}x{height}"), &shown(&mut app, width, height));
    }
    // CPU 0 loses its check and 5 gets one; 3 and 8, of some threads, are left alone.
    let right = Press::of(Code::Right);
    press(&mut app, &double, &[Press::char(' '), DOWN, right, Press::char(' '), ENTER]);
    assert_eq!(double.calls()[1..2], ["14447 cpus +5 -0"]);
    assert_eq!(said(&app), ("14447 rustc: runs on CPU 1-3,5,8", false));
    type_in(&mut app, &double, "aa");
    press(&mut app, &double, &[ENTER]);
    assert_eq!(double.calls()[1..2], ["14447 cpus +0,4,6-7,9-15 -"]);
    type_in(&mut app, &double, "a");
    press(&mut app, &double, &[ENTER]);
    assert_eq!(said(&app), ("the CPUs are as they were", false));
    type_in(&mut app, &double, "aa");
    press(&mut app, &double, &[ENTER]);
    assert_eq!(said(&app), ("14447 rustc: runs on CPU 0", false), "this one alone");
}

#[test]
fn cpus_stand_in_groups_and_those_that_are_off_cannot_be_checked() {
    let (mut app, double) = (watched(&scene::SERVER), Double::default());
    double.0.borrow_mut().cpus.insert(14447, Affinity::default());
    type_in(&mut app, &double, "a");
    check("cpus-server-120x40", &shown(&mut app, 120, 40));
    // 13 is off.
    let right = Press::of(Code::Right);
    press(&mut app, &double, &[DOWN, DOWN, DOWN, right, Press::char(' '), right]);
    press(&mut app, &double, &[Press::char(' '), Press::of(Code::End), Press::char(' '), ENTER]);
    let calls = double.calls();
    assert!(calls.contains(&"14447 cpus +14,254 -".to_owned()), "{calls:?}");
}

#[test]
fn rows_rest_below_each_dialog() {
    let moments = scene::LAPTOP.run(30);
    for key in ["k", "i", "a"] {
        let (mut app, double) = (watched(&scene::LAPTOP), Double::default());
        let rows = |app: &App| {
            let now = app.now.as_ref().expect("a moment");
            (0..30).map(|line| app.table.key_at(now, line)).collect::<Vec<_>>()
        };
        type_in(&mut app, &double, key);
        let before = rows(&app);
        for moment in &moments[4..] {
            app.update(moment);
        }
        assert_eq!(rows(&app), before, "{key}");
        press(&mut app, &double, &[Press::of(Code::Esc)]);
        assert_eq!(app.mode(), Mode::Live);
    }
}

#[test]
fn a_number_leads_to_its_signal() {
    let (mut app, double) = (watched(&scene::LAPTOP), Double::default());
    for (typed, sent) in [
        ("k", "15"),
        ("k9", "9"),
        ("k1", "1"),
        ("k10", "10"),
        ("k28", "28"),
        ("k40", "40"),
        // Nothing is 99, so that a 9 begins anew; nothing is 0.
        ("k99", "9"),
        ("k05", "5"),
        ("k64", "64"),
    ] {
        type_in(&mut app, &double, typed);
        press(&mut app, &double, &[ENTER]);
        assert_eq!(double.calls(), [format!("14447 signal {sent}")], "{typed}");
    }
    type_in(&mut app, &double, "k1");
    press(&mut app, &double, &[DOWN]);
    type_in(&mut app, &double, "5");
    press(&mut app, &double, &[ENTER]);
    assert_eq!(double.calls(), ["14447 signal 5"], "moving ends a number");
}

/// What is done to a moment of the past is done to who lives still.
#[test]
fn in_the_past_only_who_lives_is_changed() {
    let scene = Scene { burst: Some(20), ..scene::LAPTOP };
    let moments: Vec<Arc<Snapshot>> = scene.run(40);
    let history = Arc::new(Mutex::new(History::new(16 << 20).expect("an encoder")));
    let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
    app.record = Some(history.clone());
    for moment in &moments {
        app.update(moment);
        history.lock().expect("no reader failed").push(moment).expect("encoded");
    }
    app.arrange(120, 40);
    let double = Double::default();
    double.0.borrow_mut().refused.insert(14391, "the process has ended");
    type_in(&mut app, &double, "r,");
    press(&mut app, &double, &[Press::of(Code::Left); 8]);
    let now = app.now.clone().expect("a moment");
    app.table.select(&now, Key(14391, 100 + 14391));
    assert_eq!(app.table.selected().map(|key| key.0), Some(14391), "there then");
    for key in [Press::f(8), Press::char('i'), Press::char('a')] {
        press(&mut app, &double, &[key]);
        assert_eq!(said(&app), ("14391: the process has ended", true), "{key}");
        assert_eq!(app.mode(), Mode::Rewind);
    }
    app.table.select(&now, Key(9071, 100 + 9071));
    press(&mut app, &double, &[Press::f(8)]);
    assert_eq!(said(&app), ("9071 python: nice is 1; still running now", false));
    assert!(app.rewind.is_some());
}

/// A laptop with two kinds of cores, and a machine with two sockets.
#[test]
fn groups_are_named_by_what_tells_them_apart() {
    let moment = |cpus: &[(u32, i64, i64, Option<i64>)]| {
        let mut table = RawTable::new(FamilyId::Core);
        for &(number, node, package, kind) in cpus {
            let mut row = table.push(Key(u64::from(number), 0));
            row.set(core::index, number).set(core::node, node).set(core::package, package);
            row.set(core::kind, kind);
        }
        let stamp = Stamp { wall_ms: 0, monotonic_ns: 1, boottime_ns: 1 };
        table.finish(Window { begin_ns: 1, end_ns: 1 });
        let mut sample = RawSample::new(stamp);
        sample.put(Arc::new(table));
        derive(None, Arc::new(sample))
    };
    let names = |now: &Snapshot| {
        let targets = Targets { keys: Vec::new(), title: String::new() };
        let dialog = CpuDialog::new(targets, now, Affinity::default());
        let groups = dialog.lines.iter().map(|line| match line {
            CpuLine::Group(name) => name.clone(),
            CpuLine::Cpus(cpus) => {
                let numbers = dialog.cpus[cpus.clone()].iter().map(|cpu| cpu.number.to_string());
                numbers.collect::<Vec<_>>().join(" ")
            }
        });
        groups.collect::<Vec<_>>()
    };
    let hybrid = moment(&[(0, 0, 0, Some(1)), (1, 0, 0, Some(0)), (2, 0, 0, Some(1))]);
    assert_eq!(names(&hybrid), ["performance cores", "1", "efficiency cores", "0", "2"]);
    let two = moment(&[(0, 0, 0, None), (1, 1, 1, None)]);
    assert_eq!(names(&two), ["node 0, socket 0", "0", "node 1, socket 1", "1"]);
    assert_eq!(names(&moment(&[(0, 0, 0, None), (3, 0, 0, None)])), ["0", "3"]);
    assert_eq!(names(&moment(&[])), [""; 0]);
}
