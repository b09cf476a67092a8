//! The setup: values are tried at once, kept when asked, and nothing else in the file changes.

mod deaf;
mod scene;

use std::path::{Path, PathBuf};
use std::time::Duration;

use deaf::Deaf;
use retop::config::Resolved;
use retop::environment::{Environment, Terminal};
use retop::run::looks;
use retop::tui::app::{App, Effect};
use retop::tui::core_view::CoreView;
use retop::tui::dialog::Overlay;
use retop::tui::input::{Code, Event, Key};
use retop::tui::keys::{Action, Mode};
use retop::tui::layout::Choice;
use retop::tui::setup::Setup;

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("retop-setup-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("made");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn app(file: &Path, text: &str) -> App {
    let mut resolved = Resolved::defaults();
    resolved.read_file("config.toml", text).expect("valid");
    resolved.file = Some(file.to_owned());
    let terminal = Terminal {
        term: "xterm-256color".to_owned(),
        colorterm: "truecolor".to_owned(),
        utf8: true,
        ..Terminal::default()
    };
    let environment = Environment { terminal, ..Environment::default() };
    let mut app = App::new(&looks::options(&resolved, &environment).expect("valid"));
    app.update(&scene::SMALL.at(1));
    app.arrange(120, 40);
    app
}

fn press(app: &mut App, key: Key) -> Option<Effect> {
    let effect = app.event(Event::Key(key), &Deaf);
    app.arrange(120, 40);
    effect
}

fn setup(app: &App) -> &Setup {
    let Overlay::Setup(setup) = &app.overlay else { panic!("the setup is closed") };
    setup
}

/// Opens the setup if need be, and goes to an option of any tab.
fn go_to(app: &mut App, name: &str) {
    if app.mode() != Mode::Setup {
        press(app, Key::f(2));
    }
    for _ in 0..4 {
        for _ in 0..setup(app).options().count() {
            if setup(app).option().is_some_and(|option| option.long == name) {
                return;
            }
            press(app, Key::of(Code::Down));
        }
        press(app, Key::of(Code::Tab));
    }
    panic!("no {name} in the setup");
}

fn type_in(app: &mut App, text: &str) -> Option<Effect> {
    press(app, Key::of(Code::Enter));
    press(app, Key::ctrl('u'));
    for c in text.chars() {
        press(app, Key::char(c));
    }
    press(app, Key::of(Code::Enter))
}

#[test]
fn values_are_tried_at_once_and_dropped_by_escape() {
    let folder = Folder::new("try");
    let file = folder.0.join("config.toml");
    let mut app = app(&file, "theme = \"paper\"\n");
    go_to(&mut app, "theme");
    press(&mut app, Key::of(Code::Right));
    assert_eq!(app.theme.name, "cb-dark", "the theme after paper");
    press(&mut app, Key::of(Code::Left));
    press(&mut app, Key::of(Code::Left));
    assert_eq!(app.theme.name, "ink");
    go_to(&mut app, "chart-glyph");
    press(&mut app, Key::of(Code::Right));
    assert_eq!(app.glyphs.name(), "block");
    go_to(&mut app, "layout");
    press(&mut app, Key::of(Code::Right));
    assert_eq!(app.choice, Choice::Stack);
    go_to(&mut app, "core-view");
    press(&mut app, Key::of(Code::Left));
    assert_eq!(app.core_view, CoreView::Heat);
    go_to(&mut app, "no-mouse");
    let wanted = Effect::Adopt { interval: Duration::from_secs(1), mouse: false };
    assert_eq!(press(&mut app, Key::of(Code::Enter)), Some(wanted));
    go_to(&mut app, "interval");
    let wanted = Effect::Adopt { interval: Duration::from_millis(500), mouse: false };
    assert_eq!(type_in(&mut app, "500ms"), Some(wanted));
    let wanted = Effect::Adopt { interval: Duration::from_secs(1), mouse: true };
    assert_eq!(press(&mut app, Key::of(Code::Esc)), Some(wanted));
    assert_eq!((app.theme.name.as_str(), app.glyphs.name()), ("paper", "braille"));
    assert_eq!((app.choice, app.core_view), (Choice::Auto, CoreView::Auto));
    assert!(!file.exists(), "nothing was written");
}

#[test]
fn what_was_changed_is_kept_and_nothing_else_touched() {
    let folder = Folder::new("keep");
    let file = folder.0.join("config.toml");
    let before = "# mine\nproc-filter = \"x\" # old name\nmouse = true\ninterval = 2\n\n\
                  [keys]\n\"view.rewind\" = \"X\"\n";
    std::fs::write(&file, before).expect("written");
    let mut app = app(&file, before);
    for name in ["no-mouse", "keys", "theme"] {
        go_to(&mut app, name);
        press(&mut app, Key::of(Code::Right));
    }
    assert_eq!(app.keys.keys(Action::Find).last(), Some(&Key::char('/')), "htop's keys at once");
    go_to(&mut app, "alert-sustain-samples");
    type_in(&mut app, "7");
    press(&mut app, Key::char('s'));
    assert_eq!(app.mode(), Mode::Live);
    let said = app.message.take().expect("where it went");
    assert!(said.text.ends_with(&format!("kept in {}", file.display())), "{}", said.text);
    let wanted = "# mine\nproc-filter = \"x\" # old name\nmouse = false\ninterval = 2\n\
                  theme = \"paper\"\nalert-sustain-samples = 7\n\n\
                  [keys]\n\"view.rewind\" = \"X\"\npreset = \"htop\"\n";
    assert_eq!(std::fs::read_to_string(&file).expect("there"), wanted);
    let mut again = Resolved::defaults();
    again.read_file("config.toml", wanted).expect("what we write is valid");
    assert!(!again.settings.screen.mouse);
    assert_eq!(again.settings.screen.keys(), Ok(app.keys.clone()));
    // Once more there is nothing to keep.
    press(&mut app, Key::f(2));
    press(&mut app, Key::char('s'));
    assert_eq!(app.message.take().expect("an answer").text, "nothing was changed");
}

#[test]
fn a_file_that_cannot_be_written_loses_nothing() {
    let mut app = app(Path::new("/proc/none/config.toml"), "");
    go_to(&mut app, "theme");
    press(&mut app, Key::of(Code::Right));
    press(&mut app, Key::char('s'));
    let why = setup(&app).wrong.as_deref().expect("told");
    assert!(why.starts_with("not kept: /proc/none/config.toml: "), "{why}");
    assert_ne!(app.theme.name, "ink", "it holds on");
}

#[test]
fn a_wrong_value_is_told_and_can_be_mended() {
    let folder = Folder::new("wrong");
    let mut app = app(&folder.0.join("config.toml"), "");
    go_to(&mut app, "interval");
    type_in(&mut app, "soon");
    let why = "'soon' is no time; write 0.5, 500ms, 2s, 1m or 1h";
    assert_eq!(setup(&app).wrong.as_deref(), Some(why));
    assert_eq!(setup(&app).typing.as_ref().map(|editor| editor.text()), Some("soon"));
    press(&mut app, Key::of(Code::Esc));
    assert_eq!((app.mode(), setup(&app).wrong.is_none()), (Mode::Setup, true));
    go_to(&mut app, "theme");
    type_in(&mut app, "");
    go_to(&mut app, "avg");
    type_in(&mut app, "1m");
    assert_eq!(app.average, Duration::from_secs(60));
    press(&mut app, Key::of(Code::Delete));
    assert_eq!(app.average, Duration::from_secs(30), "its default again");
}

/// Switches that have an opposite are on, off or open, whichever of the two the file has.
#[test]
fn switches_with_an_opposite_go_both_ways() {
    let folder = Folder::new("opposite");
    let file = folder.0.join("config.toml");
    for (before, wanted) in [
        ("", "show-processes = false\n"),
        (
            "no-show-processes = false # no\n",
            "no-show-processes = true # no\nshow-processes = false\n",
        ),
        ("show-processes = true\n", "show-processes = false\n"),
    ] {
        std::fs::write(&file, before).expect("written");
        let mut app = app(&file, before);
        assert!(!app.hidden, "{before}");
        go_to(&mut app, "show-processes");
        assert_eq!(setup(&app).text(setup(&app).option().expect("one")), "true", "{before}");
        press(&mut app, Key::of(Code::Right));
        assert!(app.hidden, "at once: {before}");
        press(&mut app, Key::char('s'));
        let kept = std::fs::read_to_string(&file).expect("there");
        assert_eq!(kept, wanted);
        let mut again = Resolved::defaults();
        again.read_file("config.toml", &kept).expect("what we write is valid");
        assert_eq!(again.settings.screen.show_processes, Some(false), "{kept}");
    }
    let before = "no-show-processes = true\n";
    std::fs::write(&file, before).expect("written");
    let mut app = app(&file, before);
    assert!(app.hidden);
    go_to(&mut app, "show-processes");
    assert_eq!(setup(&app).text(setup(&app).option().expect("one")), "false");
    press(&mut app, Key::of(Code::Right));
    assert!(!app.hidden);
    press(&mut app, Key::of(Code::Left));
    press(&mut app, Key::of(Code::Delete));
    assert!(!app.hidden, "the usual again");
    go_to(&mut app, "show-cores");
    assert_eq!(setup(&app).text(setup(&app).option().expect("one")), "", "open");
    press(&mut app, Key::of(Code::Right));
    assert_eq!(app.core_view, CoreView::Both);
    press(&mut app, Key::of(Code::Right));
    assert_eq!(app.core_view, CoreView::History);
    press(&mut app, Key::of(Code::Delete));
    assert_eq!(app.core_view, CoreView::Auto);
}

/// What keys have changed on the screen is none of the setup's matters.
#[test]
fn the_setup_changes_nothing_that_it_was_not_asked_for() {
    let folder = Folder::new("others");
    let mut app = app(&folder.0.join("config.toml"), "");
    for key in ['v', 'L', 'g', '+'] {
        press(&mut app, Key::char(key));
    }
    let own = |app: &App| (app.core_view, app.choice, app.glyphs.name(), app.interval);
    let before = own(&app);
    assert_eq!(before.3, Duration::from_secs(2));
    go_to(&mut app, "theme");
    let wanted = Effect::Adopt { interval: Duration::from_secs(2), mouse: true };
    assert_eq!(press(&mut app, Key::of(Code::Right)), Some(wanted));
    assert_eq!((own(&app), app.theme.name.as_str()), (before, "paper"));
    press(&mut app, Key::of(Code::Esc));
    assert_eq!((own(&app), app.theme.name.as_str()), (before, "ink"));
}

#[test]
fn a_file_that_was_made_read_only_stays_as_it_is() {
    let folder = Folder::new("read-only");
    let file = folder.0.join("config.toml");
    let text = "# not to be touched\n";
    std::fs::write(&file, text).expect("written");
    let mut facts = std::fs::metadata(&file).expect("there").permissions();
    facts.set_readonly(true);
    std::fs::set_permissions(&file, facts).expect("allowed");
    let mut app = app(&file, text);
    go_to(&mut app, "theme");
    press(&mut app, Key::of(Code::Right));
    press(&mut app, Key::char('s'));
    let wanted = format!("not kept: {}: is read-only", file.display());
    assert_eq!(setup(&app).wrong.as_deref(), Some(wanted.as_str()));
    assert_eq!(std::fs::read_to_string(&file).expect("there"), text);
}
