//! What the screen asks the engine for: what it shows, and no more.

mod deaf;
mod scene;

use deaf::Deaf;
use retop::tui::Options;
use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key as Press};
use retop::tui::table::column::Col;
use retop_engine::Rows;
use std::sync::Arc;

use retop_model::family::battery;
use retop_model::{FamilyId, Key, RawSample, RawTable, Stamp, derive};

fn app() -> App {
    let mut app = App::new(&Options::default());
    for snapshot in scene::LAPTOP.run(3) {
        app.update(&snapshot);
    }
    app.arrange(120, 40);
    app
}

fn press(app: &mut App, keys: &[Press]) {
    for &key in keys {
        app.event(Event::Key(key), &Deaf);
        app.arrange(120, 40);
    }
}

fn count(rows: &Rows) -> usize {
    let Rows::Keys(keys) = rows else { return usize::MAX };
    keys.len()
}

/// Of a group whose sums are shown all members are read, and of each no more than is shown.
#[test]
fn what_a_group_does_not_show_is_not_read_of_its_members() {
    let mut app = app();
    let alone = app.demand().processes;
    let (rows, all) = (count(&alone.io), app.now.as_ref().expect("a moment"));
    let all = all.rows(FamilyId::Process).len();
    assert!(rows < 40 && all == 412, "{rows} of {all}");
    assert_eq!((count(&alone.status), count(&alone.memory)), (rows, rows));
    // By user: few lines, and everybody is in one of them.
    press(&mut app, &[Press::char('G'), Press::char('G')]);
    let grouped = app.demand().processes;
    assert_eq!(count(&grouped.io), all, "reads and writes are columns of the main set");
    assert!(count(&grouped.status) < 40 && count(&grouped.memory) < 40, "{grouped:?}");
    // With the columns of memory it is the other way round.
    while app.table.shown_set().name != "Mem" {
        press(&mut app, &[Press::of(Code::Tab)]);
    }
    let grouped = app.demand().processes;
    assert_eq!(count(&grouped.memory), all);
    assert!(count(&grouped.io) < 40, "{grouped:?}");
    // What rows are sorted by is asked for of every one, grouped or not.
    app.table.sort_by(Col::READ);
    assert_eq!(count(&app.demand().processes.io), usize::MAX);
}

/// Graphics processors are looked at four times a second while somebody looks, and a battery is not
/// emptied for that.
#[test]
fn who_looks_elsewhere_or_runs_on_a_battery_is_read_to_once_a_second() {
    let finely = |app: &App| app.demand().gpu_finely;
    let mut app = App::new(&Options::default());
    assert!(finely(&app), "a terminal that says nothing has the focus");
    app.event(Event::Focus(false), &Deaf);
    assert!(!finely(&app));
    app.event(Event::Focus(true), &Deaf);
    assert!(finely(&app));
    let charge = |app: &mut App, status: i64| {
        let mut sample = RawSample::new(Stamp { wall_ms: 0, monotonic_ns: 0, boottime_ns: 0 });
        let mut table = RawTable::new(FamilyId::Battery);
        table.push(Key::ONE).set(battery::status, status);
        sample.put(Arc::new(table));
        app.update(&Arc::new(derive(None, Arc::new(sample))));
    };
    for (status, expected) in [(1, false), (0, true), (3, true), (1, false)] {
        charge(&mut app, status);
        assert_eq!(finely(&app), expected, "{status}");
    }
    let mut app = self::app();
    app.event(Event::Key(Press::char('r')), &Deaf);
    assert!(!finely(&app), "the past is looked at");
}
