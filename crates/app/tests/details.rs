//! The pane of one process, over made-up machines of files: the whole way from `/proc` to the screen.
#![cfg(target_os = "linux")]

mod look;

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex};

use look::{check, shown};
use retop::tui::app::{App, Message};
use retop::tui::input::{Code, Event, Key as Press};
use retop::tui::keys::Mode;
use retop::tui::pane::Tab;
use retop::tui::render::Depth;
use retop::tui::{Control, Options};
use retop_engine::history::History;
use retop_engine::{Demand, Inspection, Part, Problem, Roots, Ticker, inspect, open};
use retop_fake_machine::{HandClock, Scratch, build};
use retop_model::family::process;
use retop_model::{Clock, FamilyId, Key, Row};

/// Reads at once, or as the test has it.
struct Reader {
    roots: Roots,
    clock: Arc<HandClock>,
    asked: RefCell<Vec<Part>>,
    answer: RefCell<Option<Arc<Inspection>>>,
    /// Nothing is answered.
    is_stuck: Cell<bool>,
    /// Nothing may be read.
    is_denied: Cell<bool>,
    /// Reading takes so long.
    takes_ns: Cell<u64>,
}

impl Control for Reader {
    fn send(&self, _: Key, _: i32) -> Result<(), String> {
        Ok(())
    }

    fn ask(&self, key: Key, part: Part) -> Result<(), String> {
        self.asked.borrow_mut().push(part);
        if self.is_stuck.get() {
            return Ok(());
        }
        let found = match self.is_denied.get() {
            true => Err(Problem::denied("it belongs to another user").hint("run as root")),
            false => inspect(&self.roots, key, part),
        };
        let end_ns = self.clock.monotonic_ns();
        let begin_ns = end_ns - self.takes_ns.get();
        *self.answer.borrow_mut() =
            Some(Arc::new(Inspection { key, part, begin_ns, end_ns, found }));
        Ok(())
    }

    fn answer(&self) -> Option<Arc<Inspection>> {
        self.answer.borrow().clone()
    }
}

/// A machine with somebody looking at it.
struct Bench {
    machine: &'static str,
    scratch: Scratch,
    ticker: Ticker,
    clock: Arc<HandClock>,
    reader: Reader,
    app: App,
    size: (u16, u16),
    /// A process that is no more.
    ended: Option<Key>,
    /// The samples of the past, if they are kept.
    kept: Option<Arc<Mutex<History>>>,
}

impl Bench {
    fn new(machine: &'static str, size: (u16, u16)) -> Bench {
        let scratch = Scratch::new();
        let clock = Arc::new(HandClock::default());
        build(machine, scratch.path(), 0).expect("a tree");
        let roots = Roots::below(scratch.path());
        let opened = open(None, roots.clone()).expect("a folder");
        let ticker = Ticker::lockstep(opened, Arc::<HandClock>::clone(&clock));
        let reader = Reader {
            roots,
            clock: Arc::clone(&clock),
            asked: RefCell::default(),
            answer: RefCell::default(),
            is_stuck: Cell::default(),
            is_denied: Cell::default(),
            takes_ns: Cell::default(),
        };
        let app = App::new(&Options { depth: Depth::True, ..Options::default() });
        let (ended, kept) = (None, None);
        let mut bench = Bench { machine, scratch, ticker, clock, reader, app, size, ended, kept };
        bench.sample();
        (0..4).for_each(|_| bench.tick());
        bench
    }

    /// With the pane open on the largest process that can be seen from close by.
    fn open(machine: &'static str, size: (u16, u16)) -> Bench {
        let mut bench = Bench::new(machine, size);
        let now = bench.app.now.clone().expect("a moment");
        let is_open = |row: &Row<'_>| {
            bench.scratch.path().join(format!("proc/{}/environ", row.key().0)).exists()
        };
        let rows = now.rows(FamilyId::Process).filter(is_open);
        let largest = rows.max_by_key(|row| row.raw(process::threads)).expect("one of them");
        let key = largest.key();
        bench.app.table.select(&now, key);
        bench.press(&[Press::of(Code::Enter)]);
        assert_eq!(bench.app.details, Some(key));
        bench
    }

    /// Puts the cursor, and the pane with it, on a process of that name.
    fn select(&mut self, name: &str) {
        let now = self.app.now.clone().expect("a moment");
        let mut rows = now.rows(FamilyId::Process);
        let row = rows.find(|row| row.shown(process::name) == name).expect("one of them");
        self.press(&[Press::of(Code::Esc)]);
        self.app.table.select(&now, row.key());
        self.press(&[Press::of(Code::Enter)]);
    }

    fn sample(&mut self) {
        let mut demand: Demand = self.app.demand();
        demand.processes.patient = true;
        self.ticker.set_demand(demand);
        let moment = self.ticker.tick();
        self.app.update(&moment);
        if let Some(record) = &self.kept {
            record.lock().expect("no reader failed").push(&moment).expect("encoded");
        }
        self.frame();
    }

    /// A second passes.
    fn tick(&mut self) {
        let second = self.clock.pass(1);
        build(self.machine, self.scratch.path(), second).expect("a tree");
        if let Some(key) = self.ended {
            self.scratch.tree().remove(&format!("proc/{}", key.0)).expect("removed");
        }
        self.sample();
    }

    /// What the loop does around a frame.
    fn frame(&mut self) {
        self.app.arrange(self.size.0, self.size.1);
        self.app.inquire(&self.reader);
        if let Some(answer) = self.reader.answer()
            && self.app.take_answer(&answer)
        {
            self.app.arrange(self.size.0, self.size.1);
        }
    }

    fn press(&mut self, keys: &[Press]) {
        for &key in keys {
            self.app.event(Event::Key(key), &self.reader);
            self.frame();
        }
    }

    fn type_in(&mut self, keys: &str) {
        self.press(&keys.chars().map(Press::char).collect::<Vec<_>>());
    }

    fn go_to(&mut self, tab: Tab) {
        while self.app.pane.tab != tab {
            self.press(&[Press::of(Code::Tab)]);
        }
        self.tick();
    }

    /// Without the line of what retop itself uses, which is another one at each run.
    fn shown(&mut self) -> String {
        self.app.pane.trace.finish();
        self.app.message = Some(Message { text: String::new(), wrong: false });
        let text = shown(&mut self.app, self.size.0, self.size.1);
        text.replace(&self.scratch.path().display().to_string(), "")
    }

    /// The pane alone.
    fn pane(&mut self) -> String {
        let text = self.shown();
        let area = self.app.areas.details.expect("it is open");
        let rows = text.lines().skip(area.y.into()).take(area.height.into());
        let cut = |row: &str| row.chars().skip(area.x.into()).collect::<String>();
        rows.map(|row| cut(row) + "\n").collect()
    }
}

#[test]
fn each_tab_looks_as_it_did() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut bench = Bench::open("small-server", (width, height));
        for tab in Tab::ALL {
            if tab == Tab::Groups {
                bench.select("nginx");
            }
            bench.go_to(tab);
            bench.tick();
            bench.tick();
            let name = tab.name().to_lowercase();
            check(&format!("process-{name}-{width}x{height}"), &bench.shown());
        }
        bench.select("java");
        bench.go_to(Tab::Environment);
        bench.type_in("x");
        check(&format!("process-env-shown-{width}x{height}"), &bench.shown());
    }
}

#[test]
fn values_are_masked_until_somebody_asks_and_forgotten_when_nobody_looks() {
    let mut bench = Bench::open("small-server", (120, 40));
    bench.type_in("e");
    let secret = "hunter2";
    let masked = bench.pane();
    assert!(masked.contains("DATABASE_URL=********") && !masked.contains(secret), "{masked}");
    bench.type_in("x");
    assert!(bench.pane().contains(secret));
    bench.press(&[Press::of(Code::Tab)]);
    assert!(bench.app.pane.answer.as_ref().is_none_or(|answer| answer.part == Part::Files));
    bench.press(&[Press::of(Code::BackTab)]);
    assert!(!bench.pane().contains(secret), "masked again");
    bench.type_in("x");
    bench.press(&[Press::of(Code::Down)]);
    bench.press(&[Press::of(Code::Up)]);
    assert!(!bench.pane().contains(secret), "masked for every look at a process");
    // The same key closes.
    bench.type_in("e");
    assert_eq!((bench.app.details, bench.app.mode()), (None, Mode::Live));
    assert!(bench.app.pane.answer.is_none());
    bench.type_in("l");
    assert_eq!((bench.app.pane.tab, bench.app.mode()), (Tab::Files, Mode::Pane));
}

#[test]
fn nothing_of_it_is_in_a_sample() {
    let mut bench = Bench::open("small-server", (120, 40));
    for tab in Tab::ALL {
        bench.go_to(tab);
    }
    bench.go_to(Tab::Environment);
    bench.type_in("x");
    assert!(bench.pane().contains("hunter2"));
    bench.tick();
    let sample = format!("{:?}", bench.app.newest.as_ref().expect("a moment").raw());
    assert!(sample.contains("small") || sample.len() > 1_000);
    assert!(!sample.contains("hunter2") && !sample.contains("DATABASE_URL"));
}

#[test]
fn what_moves_is_read_again_and_what_took_long_is_left_alone() {
    let cases: [(Tab, u64, usize); 5] = [
        (Tab::Files, 0, 10),
        (Tab::Maps, 0, 4),
        (Tab::Limits, 0, 2),
        (Tab::Environment, 0, 1),
        // Half a second of reading is paid for by ten without.
        (Tab::Files, 500_000_000, 2),
    ];
    for (tab, takes_ns, times) in cases {
        let mut bench = Bench::open("small-server", (120, 40));
        bench.reader.takes_ns.set(takes_ns);
        bench.go_to(tab);
        let part = tab.part().expect("it is asked for");
        bench.reader.asked.borrow_mut().retain(|asked| *asked == part);
        (0..18).for_each(|_| bench.tick());
        assert_eq!(bench.reader.asked.borrow().len(), times, "{tab:?}, {takes_ns} ns");
        // What nobody looks at is not read.
        bench.press(&[Press::of(Code::Esc)]);
        let before = bench.reader.asked.borrow().len();
        (0..5).for_each(|_| bench.tick());
        assert_eq!(bench.reader.asked.borrow().len(), before);
    }
}

#[test]
fn who_does_not_answer_is_waited_for_and_then_explained() {
    let mut bench = Bench::open("small-server", (120, 40));
    bench.reader.is_stuck.set(true);
    bench.type_in("e");
    let pane = bench.pane();
    assert!(pane.contains('…') && !pane.contains("kernel"), "{pane}");
    bench.tick();
    bench.tick();
    let pane = bench.pane();
    assert!(pane.contains("the kernel has not answered yet; the process is"), "{pane}");
    assert_eq!(bench.reader.asked.borrow().len(), 1, "asked once");
    bench.press(&[Press::of(Code::Down), Press::of(Code::Up)]);
    assert_eq!(bench.reader.asked.borrow().len(), 3, "and for each process anew");
    bench.reader.is_stuck.set(false);
    bench.reader.is_denied.set(true);
    bench.press(&[Press::of(Code::Tab)]);
    let pane = bench.pane();
    assert!(pane.contains("it belongs to another user") && pane.contains("run as root"), "{pane}");
}

#[test]
fn a_process_that_ends_leaves_its_last_facts() {
    let mut bench = Bench::open("small-server", (120, 40));
    bench.go_to(Tab::Files);
    let key = bench.app.details.expect("it is open");
    assert!(bench.pane().contains("/run/app/control"));
    bench.ended = Some(key);
    (0..6).for_each(|_| bench.tick());
    assert_eq!(bench.app.details, Some(key), "the pane stays with its process");
    let pane = bench.pane();
    assert!(pane.contains("it has ended") && pane.contains("/run/app/control"), "{pane}");
    bench.press(&[Press::of(Code::Tab)]);
    let pane = bench.pane();
    assert!(pane.contains("nobody looked at this before it ended"), "{pane}");
    bench.press(&[Press::of(Code::Tab); 3]);
    let pane = bench.pane();
    assert!(pane.contains("it has ended") && pane.contains("user"), "{pane}");
}

#[test]
fn in_the_past_there_is_what_was_kept() {
    let mut bench = Bench::open("small-server", (120, 40));
    let history = Arc::new(Mutex::new(History::new(16 << 20).expect("an encoder")));
    bench.app.record = Some(history.clone());
    bench.kept = Some(history);
    (0..12).for_each(|_| bench.tick());
    bench.type_in("r");
    bench.press(&[Press::of(Code::Left); 4]);
    bench.app.pane.trace.finish();
    let points = |bench: &Bench| {
        (0..200).filter(|&ago| !bench.app.pane.trace.memory.ago(ago).is_nan()).count()
    };
    assert_eq!(points(&bench), 8, "the chart ends at the moment shown");
    // Left and right are time; Tab goes on.
    for (tab, says) in [
        (Tab::Threads, "only where somebody looked then"),
        (Tab::Environment, "only live"),
        (Tab::Files, "only live"),
        (Tab::Limits, "only live"),
        (Tab::Maps, "only live"),
    ] {
        bench.press(&[Press::of(Code::Tab)]);
        assert_eq!(bench.app.pane.tab, tab);
        let pane = bench.pane();
        assert!(pane.contains(says), "{tab:?}: {pane}");
    }
    assert!(bench.reader.asked.borrow().is_empty(), "nothing of the past is asked");
    bench.press(&[Press::of(Code::Right)]);
    assert_eq!(bench.app.pane.tab, Tab::Maps);
    bench.press(&[Press::of(Code::End)]);
    assert!(bench.app.rewind.is_none() && bench.pane().contains("heap"));
}

#[test]
fn hostile_content_is_defused_bounded_and_scrolls() {
    let mut bench = Bench::open("hostile", (100, 36));
    let key = bench.app.details.expect("it is open");
    let folder = format!("proc/{}", key.0);
    let tree = bench.scratch.tree();
    for number in 100..5_100 {
        let target = format!("/srv/\x1b]0;owned\x07\u{202e}{number}\nline");
        tree.link(&format!("{folder}/fd/{number}"), &target).expect("linked");
    }
    let environ: Vec<u8> = (0..2_000)
        .flat_map(|n| format!("V{n}=\x1b[2J\u{202e}{}\n\0", "x".repeat(n % 300)).into_bytes())
        .collect();
    tree.file(&format!("{folder}/environ"), environ).expect("written");
    bench.type_in("l");
    let (_, room, lines) = bench.app.pane.place();
    assert_eq!(lines, 5_009, "8 and 5,000 below a head");
    bench.press(&[Press::of(Code::End)]);
    assert_eq!(bench.app.pane.top, lines - room);
    assert!(bench.pane().contains("/srv/?]0;owned??5099?line"), "{}", bench.pane());
    bench.press(&[Press::of(Code::PageUp), Press::shift(Code::Up)]);
    assert_eq!(bench.app.pane.top, lines - room - (room - 1) - 1);
    bench.press(&[Press::of(Code::Home)]);
    assert_eq!(bench.app.pane.top, 0);
    bench.type_in("ex");
    assert!(bench.app.pane.place().2 > 2_000);
    for code in [Code::End, Code::PageUp, Code::Home] {
        bench.press(&[Press::of(code)]);
        let text = bench.shown();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
    }
}

#[test]
fn no_size_makes_it_panic() {
    for machine in ["small-server", "hostile", "cgroup-v1"] {
        let mut bench = Bench::open(machine, (120, 40));
        for tab in Tab::ALL {
            bench.size = (120, 40);
            bench.go_to(tab);
            for (width, height) in
                [(1, 1), (40, 8), (41, 12), (60, 18), (80, 24), (159, 30), (160, 31), (300, 100)]
            {
                bench.size = (width, height);
                bench.frame();
                shown(&mut bench.app, width, height);
                bench.press(&[Press::of(Code::End)]);
                shown(&mut bench.app, width, height);
            }
        }
    }
}

/// Where the pane has the screen, the arrows move within it: nobody sees the cursor.
#[test]
fn alone_on_the_screen_the_arrows_scroll() {
    let mut bench = Bench::open("small-server", (60, 14));
    assert_eq!(bench.app.areas.table.height, 0);
    let key = bench.app.details;
    bench.press(&[Press::of(Code::Down), Press::of(Code::Down), Press::of(Code::Up)]);
    assert_eq!((bench.app.pane.top, bench.app.details), (1, key));
    bench.size = (120, 40);
    bench.frame();
    bench.press(&[Press::of(Code::Down)]);
    assert_ne!(bench.app.details, key, "beside the table they move the cursor");
}
