//! What the screen asks the engine for: what it shows, and no more.

mod deaf;
mod scene;

use deaf::Deaf;
use retop::tui::Options;
use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key as Press};
use retop::tui::table::column::Col;
use retop_engine::Rows;
use retop_model::FamilyId;

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
