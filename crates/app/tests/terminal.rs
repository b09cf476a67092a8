//! The loop on a real pseudo-terminal: it draws, obeys, and gives the terminal back, however it
//! ends. Frames are waited for by their end mark, never by the clock.

mod scene;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portable_pty::{MasterPty, PtySize, native_pty_system};
use retop::tui::render::encoder::SYNC_END;
use retop::tui::terminal::{Terminal, Waker};
use retop::tui::{Control, Feed, Options, run};
use retop_engine::{Demand, RealClock};
use retop_model::{Key, Snapshot};
use rustix::termios::{LocalModes, tcgetattr};
use signal_hook::consts::{SIGTERM, SIGWINCH};

/// One terminal is taken at a time.
static ONE: Mutex<()> = Mutex::new(());

/// Far longer than anything takes: reached only by what hangs.
const LONG: Duration = Duration::from_secs(20);

struct Deaf;

impl Control for Deaf {
    fn send(&self, _: Key, _: i32) -> Result<(), String> {
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Player {
    newest: Arc<Mutex<Option<Arc<Snapshot>>>>,
    demand: Arc<Mutex<Option<Demand>>>,
}

impl Player {
    fn show(&self, snapshot: Arc<Snapshot>, waker: &Waker) {
        *self.newest.lock().expect("whole") = Some(snapshot);
        waker.wake();
    }
}

impl Feed for Player {
    fn latest(&self) -> Option<Arc<Snapshot>> {
        self.newest.lock().expect("whole").clone()
    }
    fn history(&self) -> Option<Arc<Mutex<retop_engine::history::History>>> {
        None
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
        let mut terminal = Terminal::take(open().into(), open().into()).expect("taken");
        let waker = terminal.waker().expect("a waker");
        let player = Player::default();
        let feed = player.clone();
        let (end, ended) = channel();
        std::thread::spawn(move || {
            let result = run(&mut terminal, &feed, &Options::default(), &Deaf, &RealClock);
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
        assert!(
            text.ends_with("\x1b[?2026l\x1b[m\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l"),
            "{text:?}"
        );
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
    assert!(String::from_utf8_lossy(&first).contains("waiting for the first sample"));
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
