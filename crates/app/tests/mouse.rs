//! The mouse: what a click, a drag and the wheel do, on the screen that was drawn.

mod heard;
mod look;
mod scene;

use std::sync::{Arc, Mutex};

use heard::Heard;
use retop::tui::app::{App, Effect};
use retop::tui::dialog::Overlay;
use retop::tui::input::{Code, Event, Key, Mouse, MouseKind};
use retop::tui::keys::Mode;
use retop::tui::page::Page;
use retop::tui::render::{Depth, Screen};
use retop::tui::table::column::Col;
use retop::tui::{Options, panel};
use retop_engine::history::History;
use retop_model::Snapshot;
use retop_model::family::process;

struct Watch {
    app: App,
    screen: Screen,
    size: (u16, u16),
    heard: Heard,
    moments: Vec<Arc<Snapshot>>,
}

impl Watch {
    fn new(size: (u16, u16)) -> Watch {
        let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
        let history = Arc::new(Mutex::new(History::new(64 << 20).expect("an encoder")));
        app.record = Some(history.clone());
        let moments = scene::LAPTOP.run(100);
        for moment in &moments {
            app.update(moment);
            history.lock().expect("whole").push(moment).expect("encoded");
        }
        let screen = Screen::new(size.0, size.1, true);
        let mut watch = Watch { app, screen, size, heard: Heard::default(), moments };
        watch.draw();
        watch
    }

    fn draw(&mut self) {
        self.app.arrange(self.size.0, self.size.1);
        let app = &self.app;
        let mut bytes = Vec::new();
        self.screen
            .draw(&mut bytes, app.glyphs, |canvas| panel::draw(app, canvas))
            .expect("a Vec takes all");
    }

    /// What the terminal shows, by rows of cells.
    fn rows(&mut self) -> Vec<String> {
        let (width, height) = self.size;
        look::shown(&mut self.app, width, height).lines().map(str::to_owned).collect()
    }

    /// The cell where a text begins.
    fn find(&mut self, text: &str) -> (u16, u16) {
        let rows = self.rows();
        let place = rows.iter().zip(0..).find_map(|(row, y)| {
            let at = row.find(text)?;
            Some((row[..at].chars().count() as u16, y))
        });
        place.unwrap_or_else(|| panic!("no {text:?} on\n{}", rows.join("\n")))
    }

    fn mouse(&mut self, kind: MouseKind, (x, y): (u16, u16)) -> Option<Effect> {
        let effect = self.app.mouse(Mouse { kind, x, y }, self.screen.spots(), &self.heard);
        self.draw();
        effect
    }

    fn click(&mut self, text: &str) -> Option<Effect> {
        let cell = self.find(text);
        let effect = self.mouse(MouseKind::Press, cell);
        self.mouse(MouseKind::Release, cell);
        effect
    }

    /// Clicks on the head of a column.
    fn head(&mut self, name: &str) {
        let rows = self.rows();
        let heads =
            rows.iter().zip(0..).find(|(row, _)| row.contains(" PID") && row.contains("CPU%"));
        let (row, y) = heads.expect("a line of heads");
        let at = row.find(name).expect("the column");
        self.mouse(MouseKind::Press, (row[..at].chars().count() as u16, y));
    }

    fn wheel(&mut self, up: bool) {
        self.mouse(MouseKind::Wheel { up }, (10, self.size.1 / 2));
    }

    fn press(&mut self, key: Key) {
        self.app.event(Event::Key(key), &self.heard);
        self.draw();
    }

    fn selected(&self) -> u64 {
        self.app.table.selected().expect("a process").0
    }

    /// The place of the moment on the screen among all.
    fn at(&self) -> usize {
        let shown = self.app.now.as_ref().expect("a moment").stamp();
        self.moments.iter().position(|moment| moment.stamp() == shown).expect("one of them")
    }
}

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

#[test]
fn a_row_is_selected_and_then_opened() {
    for size in SIZES {
        let mut watch = Watch::new(size);
        watch.click("9071");
        assert_eq!((watch.selected(), watch.app.details), (9071, None), "{size:?}");
        watch.click("9071 svc");
        assert_eq!(watch.app.details.map(|key| key.0), Some(9071), "{size:?}");
        watch.click("Esc: close");
        assert_eq!(watch.app.details, None, "{size:?}");
    }
}

#[test]
fn a_head_sorts_and_then_turns_round() {
    for size in SIZES {
        let mut watch = Watch::new(size);
        watch.head("RES");
        assert_eq!((watch.app.table.sort, watch.app.table.descending), (Col::RESIDENT, true));
        watch.head("RES");
        assert_eq!((watch.app.table.sort, watch.app.table.descending), (Col::RESIDENT, false));
        watch.head("USER");
        assert_eq!(
            (watch.app.table.sort, watch.app.table.descending),
            (Col::Text(process::user), false)
        );
        watch.click("Mem Time");
        assert_eq!(watch.app.table.shown_set().name, "Mem", "{size:?}");
    }
}

#[test]
fn titles_tabs_and_the_key_line_are_buttons() {
    let mut watch = Watch::new((120, 40));
    watch.click("6 MEM");
    assert_eq!(watch.app.pages.page, Page::Memory);
    watch.click("7 Traffic");
    assert_eq!(watch.app.pages.page, Page::Traffic);
    watch.click("7 Traffic");
    assert_eq!(watch.app.pages.page, Page::Overview);
    watch.click("F5 Tree");
    assert!(watch.app.table.tree);
    watch.click("● LIVE");
    assert!(watch.app.paused);
    watch.click("v: gauge");
    assert_eq!(watch.app.core_view.name(), "gauge");
    assert_eq!(watch.click("F10 Quit"), Some(Effect::Quit));
    let mut watch = Watch::new((80, 24));
    watch.click("F6Sort");
    assert_eq!(watch.app.mode(), Mode::Menu);
    // Between the buttons there is nothing.
    let mut watch = Watch::new((120, 40));
    let (x, y) = watch.find("F5 Tree");
    assert_eq!(watch.mouse(MouseKind::Press, (x + 7, y)), None);
}

#[test]
fn dialogs_are_answered_and_left() {
    for size in SIZES {
        let mut watch = Watch::new(size);
        watch.press(Key::f(6));
        watch.click("USER     User");
        assert_eq!(watch.app.mode(), Mode::Menu, "the first click only points");
        watch.click("USER     User");
        assert_eq!(
            (watch.app.mode(), watch.app.table.sort),
            (Mode::Live, Col::Text(process::user))
        );
        watch.press(Key::f(6));
        watch.mouse(MouseKind::Press, (0, 0));
        assert_eq!(watch.app.mode(), Mode::Live, "a click beside it leaves");

        watch.press(Key::char('P'));
        watch.click("9071");
        watch.press(Key::f(9));
        for _ in 0..3 {
            watch.click("SIGKILL");
        }
        assert_eq!(watch.heard.0.lock().expect("whole")[..], [], "lines only point");
        // What lies below the dialog is not clicked.
        watch.click("user svc-vllm");
        assert_eq!(watch.app.mode(), Mode::Menu);
        watch.click("Enter sends it");
        assert_eq!(watch.heard.0.lock().expect("whole")[..], [(9071, 9)]);
        watch.press(Key::f(1));
        watch.click("Esc closes");
        assert_eq!(watch.app.mode(), Mode::Live);
    }
}

#[test]
fn two_clicks_before_a_frame_do_no_harm() {
    let mut watch = Watch::new((120, 40));
    let cell = watch.find("F9 Kill");
    let spots = watch.screen.spots();
    for _ in 0..2 {
        let press = Mouse { kind: MouseKind::Press, x: cell.0, y: cell.1 };
        watch.app.mouse(press, spots, &watch.heard);
    }
    assert_eq!(watch.app.mode(), Mode::Menu);
    let row = Mouse { kind: MouseKind::Press, x: 10, y: 30 };
    assert_eq!(watch.app.mouse(row, spots, &watch.heard), None, "rows rest below a dialog");
}

#[test]
fn the_wheel_scrolls_three_rows() {
    for size in SIZES {
        let mut watch = Watch::new(size);
        watch.wheel(false);
        assert_eq!((watch.app.table.top, watch.app.table.cursor), (3, 3), "{size:?}");
        watch.wheel(false);
        watch.wheel(true);
        assert_eq!(watch.app.table.top, 3, "{size:?}");
        watch.press(Key::f(6));
        let Overlay::Sort(at) = watch.app.overlay else { panic!("no list at {size:?}") };
        watch.wheel(false);
        assert!(matches!(watch.app.overlay, Overlay::Sort(now) if now == at + 3), "{size:?}");
        watch.press(Key::of(Code::Esc));
        let before = watch.rows();
        watch.press(Key::f(1));
        let first = watch.rows();
        watch.wheel(false);
        assert_ne!(watch.rows(), first, "help scrolls at {size:?}");
        watch.wheel(true);
        assert_eq!(watch.rows(), first, "and back at {size:?}");
        watch.press(Key::of(Code::Esc));
        assert_eq!(watch.rows(), before);
    }
    let mut watch = Watch::new((60, 9));
    watch.press(Key::char('9'));
    watch.wheel(false);
    assert!(watch.app.pages.top > 0);
    watch.press(Key::char('3'));
    watch.wheel(false);
    assert!(watch.app.pages.top > 0);
}

#[test]
fn a_click_on_a_chart_leads_to_that_moment() {
    for size in [(120, 40), (200, 60)] {
        let mut watch = Watch::new(size);
        let (x, y) = watch.find("6 MEM");
        // The chart begins below the title and is as wide as its numbers leave it.
        let right = watch.find("used").0 - 2;
        for (back, wanted) in [(0, 99), (1, 95), (9, 63)] {
            watch.mouse(MouseKind::Press, (right - back, y + 1));
            assert_eq!(watch.app.mode(), Mode::Rewind, "{size:?}");
            assert_eq!(watch.at(), wanted, "{back} cells back from {x} at {size:?}");
            watch.press(Key::of(Code::Esc));
        }
    }
}

#[test]
fn a_chart_may_show_more_time_and_is_clicked_all_the_same() {
    let mut watch = Watch::new((120, 40));
    let right = watch.find("used").0 - 2;
    let y = watch.find("6 MEM").1 + 1;
    let zooms = [(10, [99, 89, 79]), (30, [99, 89, 59]), (120, [99, 99, 99]), (2, [99, 97, 95])];
    for (cells, moments) in zooms {
        watch.press(Key::char('z'));
        watch.app.message = None;
        assert!(
            watch.rows().iter().any(|row| row.contains(&format!("{cells} samples a cell (z)")))
        );
        for (back, wanted) in (0..).zip(moments) {
            watch.mouse(MouseKind::Press, (right - back, y));
            // Beyond the first sample there is nothing to go to.
            if watch.app.mode() == Mode::Rewind {
                assert_eq!(watch.at(), wanted, "{back} cells back of {cells}");
                watch.press(Key::of(Code::Esc));
            }
        }
    }
    watch.press(Key::char('z'));
    watch.app.message = None;
    assert!(!watch.rows().iter().any(|row| row.contains("a cell")));
}

#[test]
fn the_scrubber_is_dragged() {
    let mut watch = Watch::new((120, 40));
    watch.press(Key::char('r'));
    let axis = |watch: &mut Watch| {
        let rows = watch.rows();
        let (row, y) =
            rows.iter().zip(0..).find(|(row, _)| row.contains("/cell")).expect("an axis");
        (row.chars().position(|c| c == '┃').expect("a mark") as u16, y)
    };
    let (now, y) = axis(&mut watch);
    assert_eq!(watch.at(), 99);
    assert_eq!(watch.mouse(MouseKind::Press, (now - 5, y)), Some(Effect::Drag(true)));
    let first = watch.at();
    assert!((70..99).contains(&first), "{first}");
    assert_eq!(axis(&mut watch), (now - 5, y));
    watch.mouse(MouseKind::Drag, (now - 10, y - 20));
    assert!(watch.at() < first);
    assert_eq!(axis(&mut watch), (now - 10, y));
    watch.mouse(MouseKind::Drag, (u16::MAX, 0));
    assert_eq!(watch.at(), 99, "beyond the end is the end");
    watch.mouse(MouseKind::Drag, (0, 0));
    assert_eq!(watch.at(), 0);
    assert_eq!(watch.mouse(MouseKind::Release, (0, 0)), Some(Effect::Drag(false)));
    assert_eq!(watch.mouse(MouseKind::Drag, (now, y)), None, "nothing is held");
    assert_eq!(watch.at(), 0);
    watch.click("REWIND");
    assert_eq!(watch.app.mode(), Mode::Live);
}

#[test]
fn a_click_keeps_what_was_typed() {
    let mut watch = Watch::new((120, 40));
    for key in ['/', 'r', 'a', 'y'] {
        watch.press(Key::char(key));
    }
    watch.click("9133");
    // The one row there is was selected already: a click opens it.
    assert_eq!((watch.app.mode(), watch.selected()), (Mode::Pane, 9133));
    assert_eq!(watch.app.table.filter.as_ref().map(|filter| filter.text()), Some("ray"));
}

/// Every cell of every screen is clicked; the rest of the tests say what should come of it.
#[test]
fn no_click_panics() {
    for size in [(40, 8), (80, 24), (120, 40)] {
        let mut watch = Watch::new(size);
        for key in [None, Some(Key::f(6)), Some(Key::f(9)), Some(Key::f(1)), Some(Key::char('3'))] {
            for y in (0..size.1 + 2).step_by(2) {
                for x in (0..size.0 + 2).step_by(5) {
                    if let Some(key) = key.filter(|_| watch.app.mode() == Mode::Live && x % 4 == 0)
                    {
                        watch.press(key);
                    }
                    let press = Mouse { kind: MouseKind::Press, x, y };
                    watch.app.mouse(press, watch.screen.spots(), &watch.heard);
                }
                watch.draw();
            }
        }
    }
}
