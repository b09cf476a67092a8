//! The loop on a real pseudo-terminal: it draws, obeys, and gives the terminal back, however it
//! ends. Frames are waited for by their end mark, never by the clock.

mod deaf;
mod outside;
mod scene;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deaf::Deaf;
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use retop::tui::render::encoder::SYNC_END;
use retop::tui::render::{Colour, Depth};
use retop::tui::terminal::{Terminal, Waker};
use retop::tui::theme::{ON_DARK, ON_LIGHT, Theme};
use retop::tui::{Feed, Options, RecordTo, run};
use retop_engine::history::History;
use retop_engine::recording::State;
use retop_engine::{Demand, RealClock};
use retop_model::Snapshot;
use rustix::termios::{LocalModes, tcgetattr};
use signal_hook::consts::{SIGTERM, SIGWINCH};

/// One terminal is taken at a time.
static ONE: Mutex<()> = Mutex::new(());

/// How the mouse is left to the terminal again.
const NO_MOUSE: &str = "\x1b[?1002l\x1b[?1000l\x1b[?1006l";
/// How the rest is given back.
const LEAVE: &str = "\x1b[m\x1b[?1004l\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Far longer than anything takes: reached only by what hangs.
const LONG: Duration = Duration::from_secs(20);

#[derive(Clone)]
struct Player {
    newest: Arc<Mutex<Option<Arc<Snapshot>>>>,
    past: Arc<Mutex<History>>,
    demand: Arc<Mutex<Option<Demand>>>,
    /// What is asked for next ends in a panic.
    broken: Arc<AtomicBool>,
    recording: Arc<Mutex<Option<State>>>,
}

impl Player {
    fn new() -> Player {
        let past = History::new(16 << 20).expect("an encoder");
        let past = Arc::new(Mutex::new(past));
        Player {
            newest: Arc::default(),
            past,
            demand: Arc::default(),
            broken: Arc::default(),
            recording: Arc::default(),
        }
    }

    fn keep(&self, moments: &[Arc<Snapshot>]) {
        for moment in moments {
            self.past.lock().expect("whole").push(moment).expect("encoded");
        }
    }

    fn show(&self, snapshot: Arc<Snapshot>, waker: &Waker) {
        *self.newest.lock().expect("whole") = Some(snapshot);
        waker.wake();
    }
}

impl Feed for Player {
    fn latest(&self) -> Option<Arc<Snapshot>> {
        assert!(!self.broken.load(Ordering::Relaxed), "a test broke it");
        self.newest.lock().expect("whole").clone()
    }
    fn history(&self) -> Option<Arc<Mutex<dyn retop_engine::history::Past>>> {
        Some(Arc::clone(&self.past) as Arc<Mutex<dyn retop_engine::history::Past>>)
    }
    fn record(&self, _: Option<&RecordTo>) -> Result<(), String> {
        let mut recording = self.recording.lock().expect("whole");
        *recording = recording.is_none().then(State::default);
        Ok(())
    }
    fn recording(&self) -> Option<State> {
        self.recording.lock().expect("whole").clone()
    }
    fn set_interval(&self, _: Duration) {}
    fn set_demand(&self, demand: Demand) {
        *self.demand.lock().expect("whole") = Some(demand);
    }
}

/// The loop on a thread of its own, and the far end of its terminal.
struct Running {
    master: Option<Box<dyn MasterPty + Send>>,
    reader: Option<Box<dyn Read + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    near: File,
    waker: Waker,
    player: Player,
    ended: Receiver<std::io::Result<()>>,
    seen: Vec<u8>,
}

impl Running {
    fn start() -> Running {
        Running::start_with(Options::default())
    }

    fn start_with(options: Options) -> Running {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let path = pair.master.tty_name().expect("its name");
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true);
            options.custom_flags(
                (rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::NONBLOCK).bits() as i32,
            );
            options.open(&path).expect("the near end")
        };
        let near = open();
        let mut terminal = Terminal::take(open().into(), open().into(), true).expect("taken");
        let waker = terminal.waker().expect("a waker");
        let player = Player::new();
        let feed = player.clone();
        let (end, ended) = channel();
        std::thread::spawn(move || {
            let result = run(&mut terminal, &feed, &options, &Deaf, &RealClock);
            drop(terminal);
            end.send(result).expect("somebody waits");
        });
        Running {
            reader: Some(pair.master.try_clone_reader().expect("a reader")),
            writer: Some(pair.master.take_writer().expect("a writer")),
            master: Some(pair.master),
            near,
            waker,
            player,
            ended,
            seen: Vec::new(),
        }
    }

    fn read_until(&mut self, mark: &[u8]) -> Vec<u8> {
        let reader = self.reader.as_mut().expect("not hung up");
        loop {
            if let Some(at) = self.seen.windows(mark.len()).position(|part| part == mark) {
                return self.seen.drain(..at + mark.len()).collect();
            }
            let mut bytes = [0; 4096];
            let count = reader.read(&mut bytes).expect("the far end is open");
            assert!(count > 0, "ended before {:?}", String::from_utf8_lossy(mark));
            self.seen.extend_from_slice(&bytes[..count]);
        }
    }

    fn frame(&mut self) -> Vec<u8> {
        self.read_until(SYNC_END)
    }

    fn type_in(&mut self, bytes: &[u8]) {
        self.writer.as_mut().expect("not hung up").write_all(bytes).expect("typed");
    }

    fn ends(&self) {
        self.ended.recv_timeout(LONG).expect("it ends").expect("without an error");
    }

    /// It ended, and left the terminal as it was.
    fn ends_and_restores(mut self) {
        self.ends();
        let left = self.read_until(b"\x1b[?1049l");
        let text = String::from_utf8_lossy(&left).into_owned();
        assert!(text.ends_with(&format!("\x1b[?2026l{NO_MOUSE}{LEAVE}")), "{text:?}");
        let modes = tcgetattr(&self.near).expect("still a terminal").local_modes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG));
    }
}

#[test]
fn it_draws_what_is_fed_and_quits() {
    let _one = ONE.lock();
    let mut running = Running::start();
    let first = running.frame();
    assert!(first.starts_with(b"\x1b[?1049h\x1b[?25l"));
    let text = String::from_utf8_lossy(&first);
    assert!(text.contains("waiting for the first sample"), "{text:?}");
    let modes = tcgetattr(&running.near).expect("a terminal").local_modes;
    assert!(!modes.intersects(LocalModes::ICANON | LocalModes::ECHO));
    let snapshot = scene::LAPTOP.at(1);
    running.player.show(snapshot, &running.waker);
    let second = running.frame();
    assert!(String::from_utf8_lossy(&second).contains("vllm"), "the table is drawn");
    // Pasted text is no command; the key after it is.
    running.type_in(b"\x1b[200~qqq\x1b[201~?");
    let help = running.frame();
    assert!(String::from_utf8_lossy(&help).contains("Help"));
    running.type_in(b"q");
    running.frame();
    running.type_in(b"q");
    running.ends_and_restores();
}

/// The first frame does not wait for the answer, and a dark terminal changes nothing.
#[test]
fn on_a_light_terminal_the_theme_is_the_one_for_light_ones() {
    let _one = ONE.lock();
    for (colour, painted) in [("ffff/ffff/eeee", true), ("1e1e/1e1e/2e2e", false)] {
        let asks = Options { asks_background: true, ..Options::default() };
        let mut running = Running::start_with(asks);
        running.read_until(b"\x1b]11;?\x1b\\");
        running.frame();
        running.type_in(format!("\x1b]11;rgb:{colour}\x1b\\?").as_bytes());
        let help = running.frame();
        let mut terminal = vt100::Parser::new(
            std::num::NonZeroU16::new(24).expect("not 0"),
            std::num::NonZeroU16::new(80).expect("not 0"),
            0,
        );
        terminal.process(&help);
        let at = cell(terminal.screen(), "Help");
        let (x, y) = at.split_once(';').expect("two numbers");
        let place = |text: &str| text.parse::<u16>().expect("a number") - 1;
        let found = terminal.screen().cell(place(y), place(x)).expect("inside").fgcolor();
        let of = |name| match Theme::new(name, Depth::Indexed).title.fg {
            Colour::Indexed(index) => vt100::Color::Idx(index),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, of(if painted { ON_LIGHT } else { ON_DARK }), "{colour}");
        running.type_in(b"qq");
        running.ends_and_restores();
    }
}

#[test]
fn a_folder_that_cannot_be_recorded_into_is_told_when_it_is_known() {
    let _one = ONE.lock();
    let mut running = Running::start();
    running.frame();
    running.player.show(scene::LAPTOP.at(1), &running.waker);
    running.frame();
    running.type_in(b"R");
    running.read_until(b"REC");
    running.frame();
    // No sample comes, and nobody wakes the loop: it looks for itself.
    let why = "/x: another retop records here";
    *running.player.recording.lock().expect("whole") =
        Some(State { failed: Some(why.to_owned()), ..State::default() });
    running.read_until(b"another retop records here");
    assert_eq!(running.player.recording(), None, "it is over");
    running.type_in(b"q");
    running.ends_and_restores();
}

/// Where a text begins on the terminal's screen, as the mouse counts.
fn cell(screen: &vt100::Screen, text: &str) -> String {
    let found = screen.rows(0, 80).zip(1..).find_map(|(row, y)| {
        row.find(text).map(|at| format!("{};{y}", row[..at].chars().count() + 1))
    });
    found.unwrap_or_else(|| panic!("no {text:?} on {}", screen.contents()))
}

#[test]
fn the_mouse_is_heard_and_followed_while_it_drags() {
    let _one = ONE.lock();
    let mut running = Running::start();
    let first = running.frame();
    let text = String::from_utf8_lossy(&first).into_owned();
    assert!(text.contains("\x1b[?1000h\x1b[?1006h"), "{text:?}");
    assert!(!text.contains("?1002h") && !text.contains("?1003h"), "{text:?}");
    let size = |cells| std::num::NonZeroU16::new(cells).expect("not 0");
    let mut terminal = vt100::Parser::new(size(24), size(80), 0);
    terminal.process(&first);
    running.player.keep(&scene::LAPTOP.run(30));
    running.player.show(scene::LAPTOP.at(29), &running.waker);
    terminal.process(&running.frame());
    // A click on the key line looks back.
    running.type_in(format!("\x1b[<0;{}M", cell(terminal.screen(), "r Rewind")).as_bytes());
    let past = running.frame();
    terminal.process(&past);
    assert!(terminal.screen().contents().contains("REWIND"));
    let axis = cell(terminal.screen(), "/cell");
    let y = axis.split(';').nth(1).expect("a row").to_owned();
    running.type_in(format!("\x1b[<0;50;{y}M").as_bytes());
    let text = String::from_utf8_lossy(&running.read_until(b"\x1b[?1002h")).into_owned();
    assert!(!text.contains("?1003h"));
    running.type_in(format!("\x1b[<32;40;{y}M\x1b[<0;40;{y}m").as_bytes());
    running.read_until(b"\x1b[?1002l\x1b[?1000h");
    // Its reports are no keys, whole or torn.
    running.type_in(b"\x1b[<0;1");
    running.type_in(b";1m\x1b[<2;1;1M");
    running.type_in(b"\x03");
    running.ends_and_restores();
}

#[test]
fn it_asks_for_the_rows_on_the_screen() {
    let _one = ONE.lock();
    let mut running = Running::start();
    running.frame();
    running.player.show(scene::LAPTOP.at(1), &running.waker);
    running.frame();
    // The demand follows the frame, and the next frame follows the demand.
    running.type_in(b"?");
    running.frame();
    let demand = running.player.demand.lock().expect("whole").clone().expect("asked");
    let retop_engine::Rows::Keys(keys) = demand.processes.memory else { panic!("{demand:?}") };
    assert_eq!(keys.len(), 14);
    assert!(demand.processes.texts);
    running.type_in(b"\x03\x03");
    running.ends_and_restores();
}

#[test]
fn a_signal_ends_it_and_another_size_redraws_it() {
    let _one = ONE.lock();
    let mut running = Running::start();
    running.frame();
    let size = PtySize { rows: 10, cols: 50, pixel_width: 0, pixel_height: 0 };
    running.master.as_ref().expect("open").resize(size).expect("resized");
    // The kernel tells the terminal's own session alone, which is not ours.
    signal_hook::low_level::raise(SIGWINCH).expect("raised");
    let frame = running.frame();
    let text = String::from_utf8_lossy(&frame).into_owned();
    assert!(text.contains("\x1b[2J"), "everything is drawn anew: {text:?}");
    signal_hook::low_level::raise(SIGTERM).expect("raised");
    running.ends_and_restores();
}

/// The screen is left before the message is printed, so that somebody can read it.
#[test]
fn a_panic_gives_the_terminal_back() {
    let _one = ONE.lock();
    let mut running = Running::start();
    running.frame();
    running.player.broken.store(true, Ordering::Relaxed);
    running.waker.wake();
    let left = running.read_until(b"\x1b[?1049l");
    let text = String::from_utf8_lossy(&left).into_owned();
    assert!(text.ends_with(&format!("\x1b[?2026l{NO_MOUSE}{LEAVE}")), "{text:?}");
    // What it said goes out after that; only then are the modes looked at.
    assert!(running.ended.recv_timeout(LONG).is_err(), "its thread is gone");
    let modes = tcgetattr(&running.near).expect("still a terminal").local_modes;
    assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG));
}

#[test]
fn a_terminal_that_is_gone_ends_it() {
    let _one = ONE.lock();
    let mut running = Running::start();
    running.frame();
    running.reader = None;
    running.writer = None;
    running.master = None;
    running.ends();
}

#[test]
fn a_terminal_that_takes_no_bytes_neither_holds_it_up_nor_is_flooded() {
    let _one = ONE.lock();
    let mut running = Running::start();
    running.frame();
    for (place, snapshot) in scene::LAPTOP.run(40).into_iter().enumerate() {
        running.player.show(snapshot, &running.waker);
        // Each key asks for another whole screen.
        running.type_in(if place % 2 == 0 { b"?" } else { b"\x0c" });
    }
    signal_hook::low_level::raise(SIGTERM).expect("raised");
    running.ends();
}

/// The built program on a terminal of its own.
struct Program {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    read: Receiver<Vec<u8>>,
    writer: Box<dyn Write + Send>,
    seen: Vec<u8>,
}

impl Program {
    fn start(args: &[&str]) -> Program {
        Program::start_with(args, &[("TERM", "xterm-256color")])
    }

    fn start_with(args: &[&str], environment: &[(&str, &str)]) -> Program {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_retop"));
        command.args(["--source", "sim:web-incident"]);
        command.args(args);
        command.env_clear();
        command.env("HOME", "/nonexistent");
        environment.iter().for_each(|(name, value)| command.env(name, value));
        command.cwd(env!("CARGO_MANIFEST_DIR"));
        let child = pair.slave.spawn_command(command).expect("started");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let (found, read) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes)
                && found.send(bytes[..count].to_vec()).is_ok()
            {}
        });
        Program {
            child,
            read,
            writer: pair.master.take_writer().expect("a writer"),
            master: pair.master,
            seen: Vec::new(),
        }
    }

    fn read_until(&mut self, mark: &str) -> String {
        loop {
            let mark = mark.as_bytes();
            if let Some(at) = self.seen.windows(mark.len()).position(|part| part == mark) {
                let read = self.seen.drain(..at + mark.len()).collect();
                return String::from_utf8(read).expect("UTF-8");
            }
            match self.read.recv_timeout(LONG) {
                Ok(bytes) => self.seen.extend_from_slice(&bytes),
                Err(error) => {
                    let _ = self.child.kill();
                    panic!("{error} before {:?}", String::from_utf8_lossy(mark));
                }
            }
        }
    }

    fn pid(&self) -> u32 {
        self.child.process_id().expect("running")
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid() as i32).expect("not 0");
        rustix::process::kill_process(pid, signal).expect("ours");
    }

    fn ends(mut self) {
        let status = outside::until("its end", || self.child.try_wait().expect("a child"));
        assert!(status.success(), "{status:?}");
    }
}

#[test]
fn stopped_and_continued_it_gives_the_terminal_back_and_takes_it_again() {
    let _one = ONE.lock();
    let mut program = Program::start(&[]);
    program.read_until("LIVE");
    // By its own key, and by a signal.
    for round in 0..2 {
        if round == 0 {
            program.writer.write_all(b"\x1a").expect("typed");
        } else {
            program.signal(rustix::process::Signal::TSTP);
        }
        program.read_until(&format!("{NO_MOUSE}{LEAVE}"));
        let pid = program.pid();
        outside::until("it stops", || (outside::state(pid) == Some('T')).then_some(()));
        program.signal(rustix::process::Signal::CONT);
        let text = program.read_until("LIVE");
        assert!(text.contains("\x1b[?1049h"), "{text:?}");
        assert!(text.contains("\x1b[?1000h\x1b[?1006h"), "{text:?}");
        assert!(text.contains("\x1b[2J"), "everything is drawn anew: {text:?}");
    }
    program.writer.write_all(b"q").expect("typed");
    program.read_until(&format!("{NO_MOUSE}{LEAVE}"));
    program.ends();
}

#[test]
fn a_storm_of_sizes_ends_in_the_last_one() {
    let _one = ONE.lock();
    let mut program = Program::start(&[]);
    program.read_until("LIVE");
    for step in 0..200_u16 {
        let (rows, cols) = (8 + step % 60, 40 + step * 7 % 200);
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        program.master.resize(size).expect("resized");
    }
    let size = PtySize { rows: 7, cols: 39, pixel_width: 0, pixel_height: 0 };
    program.master.resize(size).expect("resized");
    program.read_until("(now 39x7)");
    program.writer.write_all(b"q").expect("typed");
    program.read_until(LEAVE);
    program.ends();
}

#[test]
fn without_the_mouse_it_is_left_to_the_terminal() {
    let _one = ONE.lock();
    let mut program = Program::start(&["--no-mouse"]);
    program.read_until("LIVE");
    program.writer.write_all(b"q").expect("typed");
    let text = program.read_until(LEAVE);
    assert!(!text.contains("?1000") && !text.contains("?1006"), "{text:?}");
    program.ends();
}

/// A terminal that obeys nothing gets lines of text, and takes commands.
#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let _one = ONE.lock();
    let mut program = Program::start_with(&[], &[("TERM", "dumb")]);
    program.writer.write_all(b"top 3\n").expect("typed");
    let text = program.read_until("3. ");
    program.writer.write_all(b"quit\n").expect("typed");
    assert!(!text.contains('\x1b'), "{text:?}");
    program.ends();
}

/// Where the locale is none of UTF-8, no byte is sent that would be something else there.
#[test]
fn another_locale_gets_letters_that_it_has() {
    let _one = ONE.lock();
    for locale in ["de_DE.ISO-8859-1", "POSIX"] {
        let environment = [("TERM", "xterm-256color"), ("LC_ALL", locale)];
        let mut program = Program::start_with(&[], &environment);
        let mut text = program.read_until("LIVE");
        program.writer.write_all(b"r").expect("typed");
        text += &program.read_until("REWIND");
        program.writer.write_all(b"?").expect("typed");
        text += &program.read_until("Esc closes");
        let odd: String = text.chars().filter(|c| !c.is_ascii()).collect();
        assert_eq!(odd, "", "in {locale}");
        program.writer.write_all(b"\x03\x03").expect("typed");
        program.read_until(LEAVE);
        program.ends();
    }
}

#[test]
fn hung_up_it_ends() {
    let _one = ONE.lock();
    let mut program = Program::start(&[]);
    program.read_until("LIVE");
    let Program { mut child, master, read, writer, .. } = program;
    // Its reader ends with the next bytes that nobody wants.
    drop((master, read, writer));
    let status = outside::until("its end", || child.try_wait().expect("a child"));
    assert!(status.success(), "{status:?}");
}
