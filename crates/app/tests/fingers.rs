//! Keys of actop on the screen: each does what it did there.

mod deaf;

use std::sync::Arc;

use deaf::Deaf;
use retop::tui::Options;
use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key};
use retop::tui::keymap::Keymap;
use retop::tui::preset::Preset;
use retop::tui::render::{Canvas, Depth, Grid};
use retop_engine::{Demand, Roots, Ticker, open};
use retop_fake_machine::HandClock;

fn watched(options: &Options) -> App {
    let clock = Arc::new(HandClock::default());
    let machine = open(Some("sim:laptop"), Roots::real()).expect("a made-up machine");
    let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
    ticker.set_demand(Demand::everything());
    let mut app = App::new(options);
    for second in 1..=3 {
        clock.set(second);
        app.update(&ticker.tick());
    }
    app
}

fn of_actop() -> Options {
    Options { depth: Depth::True, keys: Keymap::of(Preset::Actop), ..Options::default() }
}

fn text(app: &mut App, width: u16, height: u16) -> String {
    app.arrange(width, height);
    let mut grid = Grid::new(width, height);
    retop::tui::panel::draw(app, &mut Canvas::new(&mut grid, app.glyphs));
    (0..height).map(|y| grid.text(y).collect::<String>() + "\n").collect()
}

#[test]
fn p_takes_the_table_away_and_brings_it_back() {
    let mut app = watched(&of_actop());
    let press = |app: &mut App, key: Key| app.event(Event::Key(key), &Deaf);
    for (width, height) in [(80, 24), (120, 40), (200, 60), (40, 8)] {
        assert!(text(&mut app, width, height).contains("PID"), "{width}x{height}");
        press(&mut app, Key::char('p'));
        let boxes = text(&mut app, width, height);
        assert!(!boxes.contains("PID") && boxes.contains("CPU"), "{width}x{height}: {boxes}");
        // Nobody sees which process it would be.
        for key in [Key::char('k'), Key::of(Code::Enter), Key::char('/'), Key::of(Code::Insert)] {
            assert!(press(&mut app, key).is_none(), "{key}");
        }
        press(&mut app, Key::char('P'));
    }
}

#[test]
fn s_sorts_by_what_is_shown_in_turn_and_t_goes_through_the_themes() {
    let mut app = watched(&of_actop());
    let _ = text(&mut app, 120, 40);
    let press = |app: &mut App, key: char| app.event(Event::Key(Key::char(key)), &Deaf);
    let mut sorts = Vec::new();
    for key in "sSssss".chars() {
        press(&mut app, key);
        sorts.push(app.table.sort.head().to_owned());
    }
    // The laptop has no graphics processor, and knows what its processes draw.
    assert_eq!(sorts, ["PWR", "RES", "RD/s", "WR/s", "PID", "CPU%"]);
    let themes: Vec<String> = app.themes.names().map(str::to_owned).collect();
    for name in themes.iter().cycle().skip(1).take(themes.len()) {
        press(&mut app, 't');
        assert_eq!(app.theme.name, *name);
    }
    for (key, was) in [('c', "cores"), ('l', "layout"), ('g', "drawing characters")] {
        press(&mut app, key);
        let told = app.message.as_ref().map_or("", |message| message.text.as_str());
        assert!(told.starts_with(was), "{key}: {told}");
    }
    assert!(!app.paused);
    press(&mut app, ' ');
    assert!(app.paused);
}
