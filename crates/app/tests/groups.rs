//! The page of control groups: a tree that rests, is sorted by what its columns show, and folds.

mod deaf;
mod look;
mod scene;

use deaf::Deaf;
use retop::tui::app::App;
use retop::tui::input::{Code, Event, Key, Mouse, MouseKind};
use retop::tui::page::Page;
use retop::tui::render::{Depth, Screen};
use retop::tui::{Options, panel};
use retop_model::family::cgroup;

struct Watch(App);

impl Watch {
    fn new() -> Watch {
        let mut app = App::new(&Options { depth: Depth::True, ..Options::default() });
        for moment in scene::LAPTOP.run(5) {
            app.update(&moment);
        }
        let mut watch = Watch(app);
        watch.press("3");
        assert_eq!(watch.0.pages.page, Page::Groups);
        watch
    }

    fn key(&mut self, key: Key) {
        self.0.event(Event::Key(key), &Deaf);
        self.0.arrange(120, 40);
    }

    fn press(&mut self, keys: &str) {
        keys.chars().for_each(|c| self.key(Key::char(c)));
    }

    /// The groups from top to bottom: the last parts of their paths, `+` before what is folded.
    fn lines(&self) -> String {
        let now = self.0.now.as_deref().expect("a moment");
        let mut text = String::new();
        for (place, line) in self.0.pages.groups.lines.iter().enumerate() {
            let row = self.0.pages.group_at(now, place).expect("a group");
            let path = row.shown(cgroup::cgroup);
            let name = path.rsplit('/').next().unwrap_or(path);
            let name = name.split(['.', '-', '@']).next().unwrap_or(name);
            text += if text.is_empty() { "" } else { " " };
            text += if line.folded { "+" } else { "" };
            text += if name.is_empty() { "/" } else { name };
        }
        text
    }

    fn under_cursor(&self) -> String {
        let now = self.0.now.as_deref().expect("a moment");
        let row = self.0.pages.group_at(now, self.0.pages.cursor).expect("a group");
        row.shown(cgroup::cgroup).to_owned()
    }

    fn click(&mut self, text: &str) {
        let mut screen = Screen::new(120, 40, true);
        let app = &self.0;
        screen
            .draw(&mut Vec::new(), app.glyphs, |canvas| panel::draw(app, canvas))
            .expect("a Vec takes all");
        let shown = look::shown(&mut self.0, 120, 40);
        let (x, y) = shown
            .lines()
            .zip(0..)
            .find_map(|(row, y)| Some((row[..row.find(text)?].chars().count() as u16, y)))
            .unwrap_or_else(|| panic!("no {text:?} on\n{shown}"));
        self.0.mouse(Mouse { kind: MouseKind::Press, x, y }, screen.spots(), &Deaf);
        self.0.arrange(120, 40);
    }
}

#[test]
fn siblings_are_sorted_and_stay_below_their_parent() {
    let mut watch = Watch::new();
    let by_name = "/ init system docker postgresql ssh user user user";
    assert_eq!(watch.lines(), by_name);
    watch.press("M");
    assert_eq!(watch.lines(), "/ system docker postgresql ssh user user user init");
    watch.press("I");
    assert_eq!(watch.lines(), "/ init user user user system ssh postgresql docker");
    watch.press("P");
    assert_eq!(watch.lines(), "/ user user user system docker postgresql ssh init");
    watch.press("N");
    assert_eq!(watch.lines(), by_name);
    watch.press("N");
    assert_eq!(watch.lines(), "/ user user user system ssh postgresql docker init");
    // The columns on the screen in turn, around, and by their heads.
    watch.press(">");
    assert_eq!(watch.0.pages.groups.sort, Some(cgroup::cpu_ratio));
    watch.press("<<");
    let last = watch.0.pages.groups.sort.expect("the last column");
    watch.key(Key::f(6));
    assert_eq!(watch.0.pages.groups.sort, None, "after {}", last.name());
    watch.click("TASKS");
    assert_eq!(watch.0.pages.groups.sort, Some(cgroup::tasks));
    assert!(look::shown(&mut watch.0, 120, 40).contains("TASKS▼"));
    watch.click("TASKS");
    assert!(look::shown(&mut watch.0, 120, 40).contains("TASKS▲"));
    watch.click("Control group");
    assert_eq!(watch.lines(), by_name);
    // What has no value stands last, whichever way the rest is turned.
    watch.click("THROT");
    let limited = watch.lines();
    assert!(limited.starts_with("/ init system docker postgresql ssh"), "{limited}");
    watch.click("THROT");
    assert!(watch.lines().starts_with("/ init system docker postgresql ssh"), "{limited}");
}

#[test]
fn branches_fold_and_the_cursor_stays_with_them() {
    let mut watch = Watch::new();
    watch.key(Key::of(Code::Down));
    watch.key(Key::of(Code::Down));
    watch.press("-");
    assert_eq!(watch.lines(), "/ init +system user user user");
    assert_eq!(watch.under_cursor(), "/system.slice");
    watch.press("+");
    watch.key(Key::of(Code::Down));
    watch.press("-");
    assert_eq!(watch.lines(), "/ init +system user user user", "a leaf folds what it is in");
    assert_eq!(watch.under_cursor(), "/system.slice");
    watch.press("*");
    assert_eq!(watch.lines(), "/ init system docker postgresql ssh user user user");
    watch.press("*");
    assert_eq!(watch.lines(), "/ init +system +user");
    assert_eq!(watch.under_cursor(), "/system.slice");
    // Another moment, another order: still that group.
    watch.press("M");
    watch.key(Key::of(Code::End));
    assert_eq!(watch.under_cursor(), "/init.scope");
    let later = scene::LAPTOP.run(8);
    watch.0.update(later.last().expect("a moment"));
    watch.0.arrange(120, 40);
    assert_eq!(
        (watch.lines().as_str(), &*watch.under_cursor()),
        ("/ +system +user init", "/init.scope")
    );
    // The interval is none of this page's matters.
    assert_eq!(watch.0.interval, Options::default().interval);
}
