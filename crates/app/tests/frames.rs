//! What a frame costs: allocations, writes, bytes.

mod scene;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::{Arc, Mutex};

use retop::config::Resolved;
use retop::environment::{self, Terminal};
use retop::run::looks;
use retop::tui::app::App;
use retop::tui::dialog::Overlay;
use retop::tui::input::{Code, Event, Key};
use retop::tui::pane::Tab;
use retop::tui::render::{Depth, Screen, Sink};
use retop::tui::{Control, Options, panel};
use retop_engine::history::History;
use retop_engine::{
    Access, Affinity, CpuSet, Environment, FileKind, Files, Found, Inspection, IoPriority, Limit,
    MapKind, Maps, OpenFile, Part, Space,
};
use retop_model::{Snapshot, Text};

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed on to the system's allocator as it came; counting touches a
// constant-initialised thread-local without a destructor, which itself never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about the layout is the one that System asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from System, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as for `dealloc`, and the size is the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts what a terminal would get.
#[derive(Default)]
struct Meter {
    writes: usize,
    bytes: usize,
}

impl Sink for Meter {
    fn send(&mut self, frame: &[u8]) -> std::io::Result<()> {
        self.writes += 1;
        self.bytes += frame.len();
        Ok(())
    }
}

/// Takes everything, and knows one process from close by.
struct Deaf {
    parts: Vec<Arc<Inspection>>,
    asked: Cell<usize>,
}

/// rustc of the laptop and the server.
const SEEN: retop_model::Key = retop_model::Key(14447, 100 + 14447);

impl Deaf {
    fn new() -> Deaf {
        let variable = |n: usize| (Text::from(format!("NAME_{n}")), Text::from("/a/b/".repeat(n)));
        let file = |number: u32| OpenFile {
            number,
            kind: FileKind::File,
            target: Text::from(format!("/var/lib/{number}")),
            position: Some(u64::from(number)),
            access: Some(Access::Both),
        };
        let limit = |n: u64| Limit {
            name: Text::from("open files"),
            unit: Text::from("bytes"),
            soft: Some(n << 20),
            hard: None,
        };
        let space = Space { pieces: 3, virtual_bytes: 9 << 20, ..Space::default() };
        let found = [
            Found::Environment(Environment {
                variables: (0..200).map(variable).collect(),
                is_cut: true,
            }),
            Found::Files(Files { open: (0..500).map(file).collect(), all: 501 }),
            Found::Limits((0..16).map(limit).collect()),
            Found::Maps(Maps {
                kinds: MapKind::ALL.map(|kind| (kind, space)).to_vec(),
                largest: vec![(MapKind::File, Text::from("/usr/bin/x"), space); 20],
                all: space,
                is_cut: false,
            }),
        ];
        let parts = Part::ALL.into_iter().zip(found).map(|(part, found)| {
            let (begin_ns, end_ns) = (1_000_000_000, 1_000_000_001);
            Arc::new(Inspection { key: SEEN, part, begin_ns, end_ns, found: Ok(found) })
        });
        Deaf { parts: parts.collect(), asked: Cell::new(0) }
    }
}

impl Control for Deaf {
    fn send(&self, _: retop_model::Key, _: i32) -> Result<(), String> {
        Ok(())
    }

    fn io_priority(&self, _: retop_model::Key) -> Result<IoPriority, String> {
        Ok(IoPriority::default())
    }

    fn affinity(&self, _: retop_model::Key) -> Result<Affinity, String> {
        let all = (0..16).collect::<CpuSet>();
        Ok(Affinity { any: all.clone(), all })
    }

    fn ask(&self, _: retop_model::Key, part: Part) -> Result<(), String> {
        let place = self.parts.iter().position(|answer| answer.part == part);
        self.asked.set(place.expect("one of them"));
        Ok(())
    }

    fn answer(&self) -> Option<Arc<Inspection>> {
        self.parts.get(self.asked.get()).cloned()
    }
}

struct Watch {
    app: App,
    control: Deaf,
    screen: Screen,
    size: (u16, u16),
    moments: std::vec::IntoIter<Arc<Snapshot>>,
}

/// What a step cost.
#[derive(Debug, PartialEq)]
struct Cost {
    allocations: usize,
    writes: usize,
    bytes: usize,
}

impl Watch {
    fn new(scene: scene::Scene, size: (u16, u16)) -> Watch {
        Watch::with(scene, size, &Options { depth: Depth::True, ..Options::default() })
    }

    fn with(scene: scene::Scene, size: (u16, u16), options: &Options) -> Watch {
        Watch::of(scene.run(60), size, options)
    }

    fn of(moments: Vec<Arc<Snapshot>>, size: (u16, u16), options: &Options) -> Watch {
        let mut watch = Watch {
            app: App::new(options),
            control: Deaf::new(),
            screen: Screen::new(size.0, size.1, true),
            size,
            moments: moments.into_iter(),
        };
        // Buffers grow to their size while the first frames are drawn.
        for _ in 0..10 {
            watch.tick();
        }
        watch
    }

    fn frame(&mut self) -> Cost {
        self.cost(|_, _| {})
    }

    fn tick(&mut self) -> Cost {
        let snapshot = self.moments.next().expect("moments enough");
        self.cost(|app, _| {
            app.update(&snapshot);
        })
    }

    /// A tick whose moment is part of the past as well.
    fn noted(&mut self, history: &Mutex<History>) -> Cost {
        let cost = self.tick();
        let newest = self.app.newest.as_ref().expect("a moment");
        history.lock().expect("no reader failed").push(newest).expect("encoded");
        cost
    }

    fn press(&mut self, key: Key) -> Cost {
        self.cost(|app, control| {
            app.event(Event::Key(key), control);
        })
    }

    /// Does something and draws a frame, as the loop does.
    fn cost(&mut self, change: impl FnOnce(&mut App, &Deaf)) -> Cost {
        let mut meter = Meter::default();
        let before = ALLOCATIONS.with(Cell::get);
        change(&mut self.app, &self.control);
        self.app.arrange(self.size.0, self.size.1);
        let app = &self.app;
        self.screen
            .draw(&mut meter, app.glyphs, |canvas| panel::draw(app, canvas))
            .expect("a meter takes all");
        self.app.inquire(&self.control);
        if let Some(answer) = self.control.answer() {
            self.app.take_answer(&answer);
        }
        let allocations = ALLOCATIONS.with(Cell::get) - before;
        Cost { allocations, writes: meter.writes, bytes: meter.bytes }
    }
}

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

#[test]
fn nothing_changed_costs_nothing() {
    for size in SIZES {
        let mut watch = Watch::new(scene::LAPTOP, size);
        let nothing = Cost { allocations: 0, writes: 0, bytes: 0 };
        assert_eq!(watch.frame(), nothing, "{size:?}");
        watch.press(Key::char('/'));
        assert!(watch.press(Key::char('x')).allocations > 0, "allocations are counted");
        watch.press(Key::of(Code::Esc));
        watch.press(Key::char('?'));
        assert_eq!(watch.frame(), nothing, "help at {size:?}");
    }
}

#[test]
fn a_steady_frame_allocates_nothing_and_writes_once() {
    for scene in [scene::LAPTOP, scene::SERVER, scene::HOSTILE] {
        for size in SIZES {
            let mut watch = Watch::new(scene, size);
            for step in 0..8 {
                let cost = watch.tick();
                assert_eq!(cost.allocations, 0, "tick {step} at {size:?}: {scene:?}");
                assert_eq!(cost.writes, 1, "tick {step} at {size:?}");
            }
            for code in [Code::Down, Code::PageDown, Code::Up, Code::End, Code::Home, Code::Right] {
                let cost = watch.press(Key::of(code));
                assert_eq!(cost.allocations, 0, "{code:?} at {size:?}");
                assert!(cost.writes <= 1);
            }
        }
    }
}

#[test]
fn so_do_the_tree_the_filter_and_held_rows() {
    let cases: [&[Key]; 5] = [
        &[Key::char('t')],
        &[Key::char('f')],
        &[Key::char('/'), Key::char('w'), Key::char('o'), Key::of(Code::Enter)],
        &[Key::char('t'), Key::char('/'), Key::char('7'), Key::of(Code::Enter)],
        &[Key::of(Code::Tab), Key::char('M'), Key::of(Code::Enter)],
    ];
    for keys in cases {
        let mut watch = Watch::new(scene::LAPTOP, (120, 40));
        for &key in keys {
            watch.press(key);
        }
        watch.tick();
        watch.tick();
        for step in 0..5 {
            assert_eq!(watch.tick().allocations, 0, "tick {step} after {keys:?}");
        }
    }
}

#[test]
fn so_do_folded_trees_groups_and_threads() {
    let hostile = scene::Scene { threads: true, ..scene::HOSTILE };
    let cases: [(scene::Scene, &[Key]); 11] = [
        (scene::LAPTOP, &[Key::char('t'), Key::char('*')]),
        (scene::SERVER, &[Key::char('t'), Key::char('M'), Key::char('*')]),
        (scene::SERVER, &[Key::char('3'), Key::char('P')]),
        (scene::LAPTOP, &[Key::char('3'), Key::char('M'), Key::char('*')]),
        (scene::LAPTOP, &[Key::char('t'), Key::of(Code::Down), Key::char('-')]),
        (scene::LAPTOP, &[Key::char('G')]),
        (scene::LAPTOP, &[Key::char('G'), Key::char('G'), Key::of(Code::Enter)]),
        (scene::SERVER, &[Key::char('G'), Key::char('G'), Key::char('*'), Key::char('M')]),
        (scene::THREADED, &[Key::char('H')]),
        (scene::THREADED, &[Key::char('t'), Key::char('H'), Key::char('%')]),
        (hostile, &[Key::char('H'), Key::char('G'), Key::char('*')]),
    ];
    for (scene, keys) in cases {
        for size in SIZES {
            let mut watch = Watch::new(scene, size);
            for &key in keys {
                watch.press(key);
            }
            for _ in 0..3 {
                watch.tick();
            }
            for step in 0..4 {
                let cost = watch.tick();
                assert_eq!(cost.allocations, 0, "tick {step} after {keys:?} at {size:?}");
                assert!(cost.writes <= 1, "tick {step} after {keys:?} at {size:?}");
            }
            for code in [Code::Down, Code::PageDown, Code::Up, Code::End, Code::Home] {
                let cost = watch.press(Key::of(code));
                assert_eq!(cost.allocations, 0, "{code:?} after {keys:?} at {size:?}");
            }
            let nothing = Cost { allocations: 0, writes: 0, bytes: 0 };
            assert_eq!(watch.frame(), nothing, "after {keys:?} at {size:?}");
        }
    }
}

/// In the past a step decodes; whatever else happens there costs what it costs live.
#[test]
fn the_past_stands_still_for_nothing() {
    for size in SIZES {
        let mut watch = Watch::new(scene::LAPTOP, size);
        let history = Arc::new(Mutex::new(History::new(16 << 20).expect("an encoder")));
        watch.app.record = Some(history.clone());
        for _ in 0..20 {
            watch.noted(&history);
        }
        for key in [Key::char('r'), Key::char(','), Key::of(Code::Left)] {
            assert!(watch.press(key).writes <= 1, "{key} at {size:?}");
        }
        let nothing = Cost { allocations: 0, writes: 0, bytes: 0 };
        assert_eq!(watch.frame(), nothing, "{size:?}");
        for step in 0..4 {
            let cost = watch.noted(&history);
            assert!(cost.allocations == 0 && cost.writes == 1, "tick {step} at {size:?}: {cost:?}");
            assert!(cost.bytes <= 1_000, "tick {step} at {size:?}: {cost:?}");
        }
        for code in [Code::Down, Code::Up, Code::Down] {
            assert_eq!(watch.press(Key::of(code)).allocations, 0, "{code:?} at {size:?}");
        }
    }
}

#[test]
fn so_does_each_page() {
    let pages = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];
    for (scene, pages) in [
        (scene::LAPTOP, &pages[..]),
        (scene::SERVER, &pages),
        (scene::HOSTILE, &pages),
        (scene::SMALL, &pages),
        (scene::GPUS, &['0', '4']),
        (scene::MANY_GPUS, &['0', '4']),
    ] {
        for size in [(80, 24), (200, 60)] {
            let mut watch = Watch::new(scene, size);
            for &digit in pages {
                watch.press(Key::char(digit));
                watch.tick();
                for step in 0..3 {
                    let cost = watch.tick();
                    assert_eq!(cost.allocations, 0, "page {digit}, tick {step} at {size:?}");
                    assert!(cost.writes <= 1, "page {digit}, tick {step} at {size:?}");
                }
                for code in [Code::Down, Code::PageDown, Code::Up, Code::End, Code::Home] {
                    let cost = watch.press(Key::of(code));
                    assert_eq!(cost.allocations, 0, "page {digit}, {code:?} at {size:?}");
                }
                let nothing = Cost { allocations: 0, writes: 0, bytes: 0 };
                assert_eq!(watch.frame(), nothing, "page {digit} at {size:?}");
            }
        }
    }
}

/// A made-up Mac of the largest kind, one second after the other.
#[cfg(target_os = "linux")]
fn mac(count: u64) -> Vec<Arc<Snapshot>> {
    let folder = std::env::temp_dir().join(format!("retop-frames-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    let chips = retop_fake_apple::chips();
    let (_, scenario) = chips.iter().find(|(name, _)| *name == "m1-ultra").expect("a chip");
    let installed = retop_fake_apple::install(&folder, scenario, &[]).expect("installed");
    installed.set_clock(0.0).expect("set");
    let clock = Arc::new(retop_fake_machine::HandClock::new(100_000, 1_750_000_000_000));
    let source = format!("apple:{}", installed.library().display());
    let machine = retop_engine::open(Some(&source), retop_engine::Roots::real());
    let mut ticker = retop_engine::Ticker::lockstep(
        machine.expect("a library"),
        Arc::<retop_fake_machine::HandClock>::clone(&clock),
    );
    ticker.set_demand(retop_engine::Demand::everything());
    let moments = (1..=count).map(|second| {
        clock.set(second);
        installed.set_clock(second as f64).expect("set");
        ticker.tick()
    });
    let moments = moments.collect();
    let _ = std::fs::remove_dir_all(&folder);
    moments
}

#[cfg(target_os = "linux")]
#[test]
fn so_does_each_page_of_a_mac() {
    let moments = mac(60);
    for size in SIZES {
        let options = Options { depth: Depth::True, ..Options::default() };
        let mut watch = Watch::of(moments.clone(), size, &options);
        for digit in ['0', '1', '4', '5', '6', '2'] {
            watch.press(Key::char(digit));
            watch.tick();
            for step in 0..3 {
                let cost = watch.tick();
                assert_eq!(cost.allocations, 0, "page {digit}, tick {step} at {size:?}");
                assert!(cost.writes <= 1, "page {digit}, tick {step} at {size:?}");
            }
            let nothing = Cost { allocations: 0, writes: 0, bytes: 0 };
            assert_eq!(watch.frame(), nothing, "page {digit} at {size:?}");
        }
    }
}

/// What happens is noted when it happens; until then nothing is, live or in the past.
#[test]
fn the_page_of_events_rests_between_events() {
    let scene = scene::Scene { trouble: Some(12), ..scene::LAPTOP };
    for size in SIZES {
        for rewound in [false, true] {
            let mut watch = Watch::new(scene, size);
            let history = Arc::new(Mutex::new(History::new(16 << 20).expect("an encoder")));
            watch.app.record = Some(history.clone());
            for _ in 0..20 {
                watch.noted(&history);
            }
            if rewound {
                watch.press(Key::char('r'));
            }
            watch.press(Key::char('8'));
            watch.noted(&history);
            assert!(watch.app.events.list().len() >= 3, "trouble began");
            for step in 0..4 {
                let cost = watch.noted(&history);
                assert_eq!(cost.allocations, 0, "tick {step} at {size:?}, rewound {rewound}");
                assert!(cost.writes <= 1, "tick {step} at {size:?}");
            }
            for code in [Code::Down, Code::Down, Code::Up] {
                assert_eq!(watch.press(Key::of(code)).allocations, 0, "{code:?} at {size:?}");
            }
            let nothing = Cost { allocations: 0, writes: 0, bytes: 0 };
            assert_eq!(watch.frame(), nothing, "{size:?}");
        }
    }
}

#[test]
fn so_does_each_tab_of_a_process() {
    for scene in [scene::LAPTOP, scene::SERVER] {
        for size in SIZES {
            let mut watch = Watch::new(scene, size);
            watch.press(Key::of(Code::Enter));
            assert_eq!(watch.app.details, Some(SEEN));
            for tab in Tab::ALL {
                assert_eq!(watch.app.pane.tab, tab);
                if tab == Tab::Environment {
                    watch.press(Key::char('x'));
                }
                watch.tick();
                watch.tick();
                let has_part = watch.app.pane.answer.is_some();
                assert_eq!(has_part, tab.part().is_some(), "{tab:?}");
                for step in 0..3 {
                    let cost = watch.tick();
                    assert_eq!(cost.allocations, 0, "{tab:?}, tick {step} at {size:?}");
                    assert!(cost.writes <= 1, "{tab:?}, tick {step} at {size:?}");
                }
                for code in [Code::PageDown, Code::PageDown, Code::PageUp, Code::End, Code::Home] {
                    let cost = watch.press(Key::of(code));
                    assert_eq!(cost.allocations, 0, "{tab:?}, {code:?} at {size:?}");
                }
                let nothing = Cost { allocations: 0, writes: 0, bytes: 0 };
                assert_eq!(watch.frame(), nothing, "{tab:?} at {size:?}");
                watch.press(Key::of(Code::Tab));
            }
        }
    }
}

/// What is open, by name: whoever adds a dialog is asked to open it below.
fn open(overlay: &Overlay) -> &'static str {
    match overlay {
        Overlay::None => "nothing",
        Overlay::Filter(..) => "filter",
        Overlay::Find(..) => "find",
        Overlay::Ask(..) => "question",
        Overlay::Sort(_) => "sort",
        Overlay::Users(_) => "users",
        Overlay::Columns(_) => "columns",
        Overlay::Signal(_) => "signal",
        Overlay::Io(_) => "io",
        Overlay::Cpus(_) => "cpus",
        Overlay::Setup(_) => "setup",
        Overlay::Palette(_) => "palette",
        Overlay::Help(_) => "help",
    }
}

#[test]
fn so_does_each_dialog() {
    let cases: [(&str, &[Key]); 12] = [
        ("filter", &[Key::char('/'), Key::char('r')]),
        ("find", &[Key::of(Code::F(3)), Key::char('r')]),
        ("question", &[Key::char('B')]),
        ("sort", &[Key::of(Code::F(6))]),
        ("users", &[Key::char('u')]),
        ("columns", &[Key::char('o')]),
        ("signal", &[Key::of(Code::F(9))]),
        ("io", &[Key::char('i')]),
        ("cpus", &[Key::char('a')]),
        ("setup", &[Key::of(Code::F(2))]),
        ("palette", &[Key::char(':')]),
        ("help", &[Key::char('?')]),
    ];
    let nothing = Cost { allocations: 0, writes: 0, bytes: 0 };
    let terminal = Terminal {
        term: "xterm-256color".to_owned(),
        colorterm: "truecolor".to_owned(),
        utf8: true,
        ..Terminal::default()
    };
    let environment = environment::Environment { terminal, ..environment::Environment::default() };
    let options = looks::options(&Resolved::defaults(), &environment).expect("valid");
    for (name, keys) in cases {
        for (scene, size) in [(scene::LAPTOP, (80, 24)), (scene::SERVER, (200, 60))] {
            let mut watch = Watch::with(scene, size, &options);
            for &key in keys {
                watch.press(key);
            }
            assert_eq!(open(&watch.app.overlay), name, "{keys:?}");
            watch.tick();
            watch.tick();
            for step in 0..4 {
                let cost = watch.tick();
                assert_eq!(cost.allocations, 0, "{name}, tick {step} at {size:?}");
                assert!(cost.writes <= 1, "{name}, tick {step} at {size:?}");
            }
            assert_eq!(watch.frame(), nothing, "{name} at {size:?}");
        }
    }
}

/// Every page in the past, while samples come, with and without a comparison.
#[test]
fn so_does_each_page_of_the_past() {
    let nothing = Cost { allocations: 0, writes: 0, bytes: 0 };
    for (scene, size) in [(scene::GPUS, (120, 40)), (scene::SERVER, (200, 60))] {
        let mut watch = Watch::new(scene, size);
        let history = Arc::new(Mutex::new(History::new(32 << 20).expect("an encoder")));
        watch.app.record = Some(history.clone());
        for _ in 0..6 {
            watch.noted(&history);
        }
        watch.press(Key::char('r'));
        watch.press(Key::of(Code::Left));
        for page in ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'] {
            watch.press(Key::char(page));
            watch.noted(&history);
            for step in 0..2 {
                let cost = watch.noted(&history);
                assert_eq!(cost.allocations, 0, "page {page}, tick {step} at {size:?}");
                assert!(cost.writes <= 1, "page {page}, tick {step} at {size:?}");
            }
            assert_eq!(watch.frame(), nothing, "page {page} at {size:?}");
        }
        // Details, and then a comparison with now, which is another one after each sample.
        for keys in [&[Key::of(Code::Enter)][..], &[Key::of(Code::Esc), Key::char('d')]] {
            for &key in keys {
                watch.press(key);
            }
            // What another thread still reads of the past is copied, once.
            watch.app.pane.trace.finish();
            watch.noted(&history);
            watch.noted(&history);
            for step in 0..3 {
                let cost = watch.noted(&history);
                assert_eq!(cost.allocations, 0, "{keys:?}, tick {step} at {size:?}");
                assert!(cost.writes <= 1, "{keys:?}, tick {step} at {size:?}");
            }
            assert_eq!(watch.frame(), nothing, "{keys:?} at {size:?}");
        }
    }
}

#[test]
fn so_does_each_view_of_the_cores() {
    for scene in [scene::LAPTOP, scene::SERVER, scene::HUGE] {
        let mut watch = Watch::new(scene, (200, 60));
        for view in 0..5 {
            watch.press(Key::char('v'));
            watch.tick();
            for step in 0..3 {
                let cost = watch.tick();
                assert_eq!(cost.allocations, 0, "view {view}, tick {step}: {scene:?}");
                assert!(cost.writes <= 1, "view {view}, tick {step}: {scene:?}");
            }
        }
    }
}

/// What a frame takes, printed: 200x60, 1,000 rows, every chart; no number is asserted, for no test
/// depends on how fast the machine is. `cargo test --release --test frames -- --ignored --nocapture`
#[test]
#[ignore = "prints what a frame takes"]
fn what_a_frame_takes() {
    let crowd = scene::Scene { cores: 16, processes: 1_000, gpus: 2, ..scene::LAPTOP };
    let page = |digit| [Key::char(digit)];
    let mut cases: Vec<(String, Vec<Key>)> =
        ('1'..='9').map(|digit| (format!("page {digit}"), page(digit).to_vec())).collect();
    cases.insert(0, ("overview".to_owned(), Vec::new()));
    cases.push(("details".to_owned(), vec![Key::of(Code::Enter)]));
    cases.push(("help".to_owned(), vec![Key::char('?')]));
    cases.push(("setup".to_owned(), vec![Key::of(Code::F(2))]));
    cases.push(("tree".to_owned(), vec![Key::char('t')]));
    cases.push(("heat".to_owned(), vec![Key::char('v'), Key::char('v')]));
    for (name, keys) in cases {
        let mut watch = Watch::new(crowd, (200, 60));
        keys.iter().for_each(|&key| _ = watch.press(key));
        watch.tick();
        const FRAMES: usize = 40;
        let mut bytes = 0;
        // Made up, each moment has texts of its own, and letting go of them is a quarter of a
        // millisecond; texts that are read are shared from sample to sample.
        let moments: Vec<_> = watch.moments.by_ref().take(FRAMES).collect();
        // Together: the kernel brings a thread's time up to date at its ticks only.
        let begin = thread_seconds();
        for snapshot in &moments {
            bytes += watch.cost(|app, _| _ = app.update(snapshot)).bytes;
        }
        std::thread::yield_now();
        let mean = (thread_seconds() - begin) * 1e3 / FRAMES as f64;
        println!("{name:10} {mean:.2} ms of CPU, {} bytes", bytes / FRAMES);
    }
}

/// CPU time of this thread, from the kernel's nanoseconds.
fn thread_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

#[test]
fn a_refresh_is_small() {
    // What moves: 16 cores, every chart, and the rows whose numbers change.
    let crowd = scene::Scene { cores: 8, processes: 3_000, ..scene::LAPTOP };
    for (scene, size, most) in [
        (scene::LAPTOP, (80, 24), 400),
        (scene::LAPTOP, (120, 40), 850),
        (scene::LAPTOP, (200, 60), 1_100),
        (crowd, (200, 50), 900),
    ] {
        let mut watch = Watch::new(scene, size);
        let mean = (0..20).map(|_| watch.tick().bytes).sum::<usize>() / 20;
        println!("{}x{}: {mean} bytes a refresh", size.0, size.1);
        assert!(mean <= most, "{mean} bytes a refresh at {size:?}");
    }
}
