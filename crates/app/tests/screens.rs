//! Screens of made-up machines, read back from a terminal: each as a text file, and none that
//! panics, overlaps or shows another thing than was drawn.

mod look;
mod scene;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use look::{check, drawn, shown};
use retop::tui::app::App;
use retop::tui::core_view::CoreView;
use retop::tui::input::{Code, Event, Key};
use retop::tui::keys::Mode;
use retop::tui::page::Page;
use retop::tui::render::{Depth, Glyphs};
use retop::tui::{Control, Options, theme};
use retop_model::Snapshot;
use scene::Scene;

/// Takes every signal, and remembers none.
struct Deaf;

impl Control for Deaf {
    fn send(&self, key: retop_model::Key, _: i32) -> Result<(), String> {
        if key.0 == 1 { Err("it is the first process".to_owned()) } else { Ok(()) }
    }
}

fn options() -> Options {
    Options { depth: Depth::True, ..Options::default() }
}

/// A screen after two minutes of watching.
fn watched(scene: &Scene, options: &Options) -> App {
    static MADE: Mutex<BTreeMap<String, Vec<Arc<Snapshot>>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().expect("no test panics in here");
    let snapshots = made.entry(format!("{scene:?}")).or_insert_with(|| scene.run(130));
    let mut app = App::new(options);
    for snapshot in snapshots {
        app.update(snapshot);
    }
    app
}

fn press(app: &mut App, keys: &[Key]) {
    for &key in keys {
        app.event(Event::Key(key), &Deaf);
    }
}

fn type_in(app: &mut App, text: &str) {
    press(app, &text.chars().map(Key::char).collect::<Vec<_>>());
}

#[test]
fn screens_look_as_they_did() {
    let sizes = [(40, 8), (80, 24), (120, 40), (200, 60)];
    for (width, height) in sizes {
        for (name, scene) in [
            ("laptop", scene::LAPTOP),
            ("small", scene::SMALL),
            ("desk", scene::DESK),
            ("server", scene::SERVER),
            ("huge", scene::HUGE),
            ("hostile", scene::HOSTILE),
        ] {
            let text = shown(&mut watched(&scene, &options()), width, height);
            check(&format!("{name}-{width}x{height}"), &text);
        }
    }
    for (width, height) in [(80, 24), (120, 40)] {
        let text = shown(&mut watched(&scene::BARE, &options()), width, height);
        check(&format!("bare-{width}x{height}"), &text);
    }
    let mut first = App::new(&options());
    check("waiting-80x24", &shown(&mut first, 80, 24));
    first.update(&scene::LAPTOP.at(0));
    check("first-sample-120x40", &shown(&mut first, 120, 40));
    let ascii = Options { glyphs: Glyphs::Ascii, ..options() };
    let text = shown(&mut watched(&scene::LAPTOP, &ascii), 120, 40);
    let odd: String = text.chars().filter(|c| !c.is_ascii() && !"–·°…".contains(*c)).collect();
    assert_eq!(odd, "", "drawing characters of ASCII");
    check("ascii-120x40", &text);
}

/// The digits of the pages, and what their screens are called.
const PAGES: [(char, &str); 8] = [
    ('1', "cpu"),
    ('2', "processes"),
    ('3', "groups"),
    ('5', "power"),
    ('6', "memory"),
    ('7', "traffic"),
    ('8', "events"),
    ('9', "retop"),
];

#[test]
fn pages_look_as_they_did() {
    for (digit, name) in PAGES {
        let mut app = watched(&scene::LAPTOP, &options());
        type_in(&mut app, &digit.to_string());
        for (width, height) in [(40, 8), (80, 24), (120, 40), (200, 60)] {
            let text = shown(&mut app, width, height);
            check(&format!("page-{name}-{width}x{height}"), &text);
        }
        // The same key again leads home.
        type_in(&mut app, &digit.to_string());
        let home = shown(&mut watched(&scene::LAPTOP, &options()), 120, 40);
        assert_eq!(shown(&mut app, 120, 40), home, "{name}");
    }
    // Where something is missing, its source says why.
    for (digit, name) in [('5', "power"), ('9', "retop")] {
        let mut app = watched(&scene::SMALL, &options());
        type_in(&mut app, &digit.to_string());
        check(&format!("page-{name}-small-80x24"), &shown(&mut app, 80, 24));
    }
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut app = watched(&scene::GPUS, &options());
        check(&format!("gpus-{width}x{height}"), &shown(&mut app, width, height));
        // Their set of columns stands beside the main one.
        press(&mut app, &[Key::of(Code::Tab)]);
        check(&format!("columns-gpu-{width}x{height}"), &shown(&mut app, width, height));
        type_in(&mut app, "4");
        check(&format!("page-gpu-{width}x{height}"), &shown(&mut app, width, height));
    }
    let mut app = watched(&scene::MANY_GPUS, &options());
    check("many-gpus-120x40", &shown(&mut app, 120, 40));
    type_in(&mut app, "4");
    check("page-gpu-many-120x40", &shown(&mut app, 120, 40));
    let mut app = watched(&scene::SMALL, &options());
    type_in(&mut app, "4");
    check("page-gpu-small-80x24", &shown(&mut app, 80, 24));
    let mut app = watched(&scene::SERVER, &options());
    type_in(&mut app, "1");
    check("page-cpu-server-200x60", &shown(&mut app, 200, 60));
}

#[test]
fn the_page_of_devices_leads_to_the_processes_on_them_and_back() {
    let mut app = watched(&scene::GPUS, &options());
    let sort = app.table.sort;
    type_in(&mut app, "4");
    press(&mut app, &[Key::of(Code::Enter)]);
    assert_eq!((app.pages.page, app.table.shown_set().name.as_str()), (Page::Processes, "GPU"));
    // Those with the most memory first, nobody else, and each with its device.
    let text = shown(&mut app, 120, 40);
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.trim_start_matches(['│', ' ', '>']).split_whitespace().collect())
        .filter(|words: &Vec<&str>| words.first().is_some_and(|pid| pid.parse::<u32>().is_ok()))
        .collect();
    let pids: Vec<&str> = rows.iter().map(|words| words[0]).collect();
    assert_eq!(pids, ["9071", "9133", "9702"], "{text}");
    assert_eq!(rows[0][5], "1", "{text}");
    // One of them in full: what it holds, how fast that grows, and when the device is full.
    press(&mut app, &[Key::of(Code::Enter)]);
    for (width, height) in [(80, 24), (200, 60)] {
        check(&format!("gpu-details-{width}x{height}"), &shown(&mut app, width, height));
    }
    let text = shown(&mut app, 200, 60);
    for part in
        ["gpu 1 GeForce RTX 4090", "vram 23G of 24G", "10s +20M/s", "VRAM full in ~43s (39s–48s)"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    press(&mut app, &[Key::of(Code::Esc), Key::of(Code::Esc)]);
    let table = &app.table;
    assert_eq!((app.pages.page, table.set, table.sort), (Page::Gpu, 0, sort));
    assert!(table.filter.is_none() && table.descending);
    // One device of several.
    type_in(&mut app, "2/dev=1");
    press(&mut app, &[Key::of(Code::Enter)]);
    let text = shown(&mut app, 120, 40);
    assert!(text.contains("1/1 ") || text.contains("1/60"), "{text}");
    assert!(text.contains("9071") && !text.contains("9133"), "{text}");
}

/// Whatever view was chosen: where it has no room for so many cores, another one is drawn.
#[test]
fn no_view_of_the_cores_is_empty_at_any_size() {
    let scenes = [scene::SMALL, scene::DESK, scene::SERVER, scene::HUGE];
    for (scene, view) in scenes.into_iter().flat_map(|s| CoreView::ALL.map(|view| (s, view))) {
        let mut app = App::new(&Options { core_view: view, ..options() });
        for moment in scene.run(8) {
            app.update(&moment);
        }
        type_in(&mut app, "1");
        for (width, height) in [(80, 24), (120, 40), (200, 60)] {
            let screen = shown(&mut app, width, height);
            let above = screen.lines().skip(1).take_while(|line| !line.contains("user "));
            let cells = above.flat_map(str::chars).filter(|c| !" │╭─╮·".contains(*c)).count();
            let least = match view {
                CoreView::History => 2,
                _ => scene.cores.min(40),
            };
            assert!(cells >= least, "{view:?} of {} at {width}x{height}:\n{screen}", scene.cores);
        }
    }
}

/// Two disks full, memory short, a process killed: what fires, what has ended, and what there was.
#[test]
fn alerts_look_as_they_did() {
    for (from, name) in [(110, "firing"), (85, "ending")] {
        let scene = Scene { trouble: Some(from), ..scene::LAPTOP };
        for (width, height) in [(40, 8), (80, 24), (120, 40), (200, 60)] {
            let mut app = watched(&scene, &options());
            check(&format!("alerts-{name}-{width}x{height}"), &shown(&mut app, width, height));
            type_in(&mut app, "A");
            check(&format!("events-{name}-{width}x{height}"), &shown(&mut app, width, height));
        }
    }
    let scene = Scene { trouble: Some(110), ..scene::LAPTOP };
    let small = shown(&mut watched(&scene, &options()), 60, 16);
    assert!(small.lines().next().is_some_and(|header| header.contains("! MEM +2")), "{small}");
    let ascii = Options { glyphs: Glyphs::Ascii, ..options() };
    let mut app = watched(&scene, &ascii);
    type_in(&mut app, "8");
    let text = shown(&mut app, 120, 40);
    let odd: String = text.chars().filter(|c| !c.is_ascii() && !"–·°…".contains(*c)).collect();
    assert_eq!(odd, "", "drawing characters of ASCII");
    assert!(text.contains("^ DISK") && text.contains("x OOM kill"), "{text}");
}

#[test]
fn no_page_panics_at_any_size_and_all_scroll_to_their_end() {
    for (place, (_, scene)) in scene::ALL.into_iter().enumerate() {
        let glyphs = [Glyphs::Braille, Glyphs::Block, Glyphs::Ascii][place % 3];
        let moments = scene.run(3);
        let mut app = App::new(&Options { glyphs, ..options() });
        for (digit, name) in PAGES {
            type_in(&mut app, &digit.to_string());
            for snapshot in &moments {
                app.update(snapshot);
                for (width, height) in [
                    (1, 1),
                    (40, 8),
                    (41, 13),
                    (59, 16),
                    (80, 24),
                    (109, 31),
                    (171, 47),
                    (300, 100),
                ] {
                    drawn(&mut app, width, height);
                }
            }
            for code in [Code::End, Code::PageUp, Code::Up, Code::Home, Code::PageDown, Code::Down]
            {
                press(&mut app, &[Key::of(code)]);
                drawn(&mut app, 80, 12);
            }
            press(&mut app, &[Key::of(Code::Home)]);
            let first = shown(&mut app, 60, 9);
            press(&mut app, &[Key::of(Code::End)]);
            let last = shown(&mut app, 60, 9);
            let (_, room, lines) = app.pages.place();
            let is_long = digit != '2' && lines > room;
            assert!(!is_long || first != last, "{name} of {scene:?} does not scroll");
            press(&mut app, &[Key::char('p'), Key::char('k'), Key::char('/'), Key::of(Code::Esc)]);
            press(&mut app, &[Key::char('p')]);
            drawn(&mut app, 80, 24);
        }
    }
}

#[test]
fn a_control_group_opens_to_its_processes_and_back() {
    let mut app = watched(&scene::LAPTOP, &options());
    type_in(&mut app, "/worker");
    press(&mut app, &[Key::of(Code::Enter)]);
    type_in(&mut app, "3");
    drawn(&mut app, 100, 30);
    press(&mut app, &[Key::of(Code::Down), Key::of(Code::Down), Key::of(Code::Enter)]);
    let filter = app.table.filter.as_ref().map(|filter| filter.text().to_owned());
    assert_eq!(filter.as_deref(), Some("cgroup=/system.slice,/system.slice/*"));
    assert!(!app.pages.page.is_sheet());
    press(&mut app, &[Key::of(Code::Esc)]);
    assert_eq!(app.pages.page, Page::Groups);
    assert_eq!(app.table.filter.as_ref().map(|filter| filter.text()), Some("worker"));
    // No signal to a process that nobody sees.
    type_in(&mut app, "k");
    assert_eq!(app.mode(), Mode::Live);
    press(&mut app, &[Key::of(Code::Esc)]);
    assert_eq!(app.pages.page, Page::Overview);
}

#[test]
fn dear_families_are_wanted_while_their_page_is_open() {
    use retop_model::FamilyId::{Cgroup, IdleState, Interrupt};
    let mut app = watched(&scene::SMALL, &options());
    for (digit, wanted) in [('1', [false, true, true]), ('3', [true, false, false])] {
        type_in(&mut app, &digit.to_string());
        assert_eq!([Cgroup, IdleState, Interrupt].map(|family| app.demand().wants(family)), wanted);
        type_in(&mut app, "0");
        assert!([Cgroup, IdleState, Interrupt].iter().all(|&family| !app.demand().wants(family)));
    }
}

#[test]
fn overlays_look_as_they_did() {
    type Keys<'a> = &'a [Key];
    let enter = Key::of(Code::Enter);
    let cases: [(&str, Keys<'_>, &str); 17] = [
        ("tree", &[Key::char('t')], ""),
        ("tree-filtered", &[Key::char('t'), Key::char('/')], "ray"),
        ("filter", &[Key::char('/')], "post|node"),
        ("find", &[Key::f(3)], "9133"),
        ("sort", &[Key::f(6)], ""),
        ("kill", &[Key::char('k')], ""),
        ("kill-tagged", &[Key::char(' '); 9], "k"),
        ("help", &[Key::char('?')], ""),
        ("palette", &[Key::char(':')], "sort"),
        ("palette-theme", &[Key::char(':')], "theme "),
        ("details", &[enter], ""),
        ("filter-unknown", &[Key::char('/')], "rd>0"),
        ("filter-wrong", &[Key::char('/')], "cpu>1 state=Q"),
        (
            "filter-completed",
            &[
                Key::char('/'),
                Key::char('u'),
                Key::of(Code::Tab),
                Key::char('='),
                Key::char('b'),
                Key::of(Code::Tab),
            ],
            "",
        ),
        ("users", &[Key::char('u'), Key::of(Code::Down)], ""),
        ("chooser", &[Key::char('o'), Key::char(' '), Key::of(Code::Down), Key::char('>')], ""),
        ("columns-io", &[Key::of(Code::Tab), Key::char('p')], ""),
    ];
    for (name, keys, text) in cases {
        for (width, height) in [(80, 24), (120, 40)] {
            let mut app = watched(&scene::LAPTOP, &options());
            app.arrange(width, height);
            press(&mut app, keys);
            type_in(&mut app, text);
            check(&format!("{name}-{width}x{height}"), &shown(&mut app, width, height));
        }
    }
    let mut app = watched(&scene::LAPTOP, &options());
    app.arrange(200, 60);
    press(&mut app, &[Key::of(Code::Down), enter]);
    check("details-200x60", &shown(&mut app, 200, 60));
}

#[test]
fn rows_taken_together_and_threads_look_as_they_did() {
    let (down, enter) = (Key::of(Code::Down), Key::of(Code::Enter));
    let group = Key::char('G');
    let cases: [(&str, Scene, &[Key]); 8] = [
        ("tree-folded", scene::LAPTOP, &[Key::char('t'), Key::char('-')]),
        ("tree-folded-all", scene::LAPTOP, &[Key::char('t'), Key::char('*')]),
        ("groups-name", scene::LAPTOP, &[group]),
        ("groups-user", scene::LAPTOP, &[group, group, down, enter]),
        ("groups-hostile", scene::HOSTILE, &[group, group]),
        ("threads", scene::THREADED, &[Key::char('H')]),
        ("threads-tree", scene::THREADED, &[Key::char('t'), Key::char('H')]),
        ("threads-hostile", Scene { threads: true, ..scene::HOSTILE }, &[Key::char('H')]),
    ];
    for (name, scene, keys) in cases {
        for (width, height) in [(80, 24), (120, 40), (200, 60)] {
            let mut app = watched(&scene, &options());
            app.arrange(width, height);
            press(&mut app, keys);
            app.message = None;
            check(&format!("{name}-{width}x{height}"), &shown(&mut app, width, height));
        }
    }
}

#[test]
fn no_size_and_no_machine_makes_it_panic() {
    let views = CoreView::ALL;
    for (place, (_, scene)) in scene::ALL.into_iter().enumerate() {
        let glyphs = [Glyphs::Braille, Glyphs::Block, Glyphs::Ascii][place % 3];
        let moments: Vec<Arc<Snapshot>> = scene.run(3);
        let mut app = App::new(&Options { glyphs, core_view: views[place % 5], ..options() });
        for snapshot in &moments {
            app.update(snapshot);
        }
        let sizes = (1..=300_u16).step_by(19).chain([2, 39, 40, 59, 60, 100, 149, 160]);
        for width in sizes {
            for height in [1, 2, 7, 8, 9, 12, 18, 20, 24, 30, 31, 45, 60, 100] {
                // Tests run unoptimised: the largest machine on a few sizes alone.
                if moments[0].rows(retop_model::FamilyId::Process).len() > 500 && width % 2 == 0 {
                    continue;
                }
                drawn(&mut app, width, height);
            }
        }
        let keys = [
            Key::char('G'),
            Key::char('*'),
            Key::char('H'),
            Key::char('t'),
            Key::of(Code::End),
            Key::char('*'),
            Key::of(Code::Enter),
            Key::f(6),
            Key::of(Code::End),
            Key::of(Code::Enter),
            Key::char('k'),
            Key::of(Code::Enter),
            Key::char('v'),
            Key::char('L'),
            Key::char('g'),
            Key::char('#'),
            Key::of(Code::Tab),
            Key::char('I'),
            Key::char(' '),
            Key::of(Code::Right),
            Key::char('?'),
        ];
        for key in keys {
            press(&mut app, &[key]);
            app.update(&moments[2]);
            for (width, height) in [(40, 8), (80, 24), (120, 40), (171, 33)] {
                drawn(&mut app, width, height);
            }
        }
    }
}

#[test]
fn no_colour_means_no_colour() {
    let mut app = watched(&scene::LAPTOP, &Options { depth: Depth::Mono, ..options() });
    let bytes = drawn(&mut app, 120, 40);
    let text = String::from_utf8(bytes).expect("UTF-8");
    for sequence in text.split("\x1b[").skip(1) {
        let Some((codes, _)) = sequence.split_once('m') else { continue };
        if codes.bytes().all(|byte| byte.is_ascii_digit() || byte == b';') {
            for code in codes.split(';').filter_map(|code| code.parse::<u16>().ok()) {
                assert!(!(30..=49).contains(&code) && code < 90, "colour {code}");
            }
        }
    }
    assert_eq!(theme::Theme::new("ink", Depth::Mono).name, "mono");
}

#[test]
fn signals_go_to_whom_the_dialog_named() {
    let mut app = watched(&scene::LAPTOP, &options());
    app.arrange(120, 40);
    type_in(&mut app, "k");
    let before = shown(&mut app, 120, 40);
    assert!(before.contains("14447 rustc"), "{before}");
    press(&mut app, &[Key::of(Code::Enter)]);
    let message = app.message.take().expect("an answer");
    assert_eq!((message.text.as_str(), message.wrong), ("SIGTERM sent to 14447 rustc", false));
    type_in(&mut app, "N");
    app.arrange(120, 40);
    press(&mut app, &[Key::of(Code::Home), Key::f(9), Key::of(Code::Down), Key::of(Code::Enter)]);
    let message = app.message.take().expect("an answer");
    assert_eq!((message.text.as_str(), message.wrong), ("1: it is the first process", true));
}

/// The table of the overview goes and comes back by the overview's own key; who asks for a tree where
/// no table is gets the table first, as fingers of actop expect.
#[test]
fn the_overview_gives_the_room_of_the_table_to_its_boxes() {
    let mut app = watched(&scene::LAPTOP, &options());
    let has_table = |app: &mut App| shown(app, 120, 40).contains("PID USER");
    assert!(has_table(&mut app));
    type_in(&mut app, "0");
    assert!(!has_table(&mut app) && shown(&mut app, 120, 40).contains("CPU"));
    press(&mut app, &[Key::of(Code::Down)]);
    assert!(shown(&mut app, 120, 40).contains("no table (F5)"), "it is said what to do");
    press(&mut app, &[Key::f(5)]);
    assert!(has_table(&mut app) && !app.table.tree);
    type_in(&mut app, "t");
    assert!(has_table(&mut app) && app.table.tree);
    type_in(&mut app, "00");
    assert!(has_table(&mut app));
    // From elsewhere it leads home and hides nothing.
    type_in(&mut app, "60");
    assert!(has_table(&mut app));
    press(&mut app, &[Key::of(Code::Enter)]);
    type_in(&mut app, "0");
    assert!(has_table(&mut app) && app.details.is_none());
}

#[test]
fn a_screen_that_is_too_small_says_so_in_whole_words() {
    let mut app = watched(&scene::LAPTOP, &options());
    for ((width, height), wanted) in [
        ((39, 7), "make the terminal larger (now 39x7)"),
        ((36, 3), "make the terminal larger (now 36x3)"),
        ((32, 7), "larger, now 32x7"),
        ((10, 5), "now 10x5"),
        ((4, 1), "now"),
    ] {
        assert_eq!(shown(&mut app, width, height).trim(), wanted);
    }
}
