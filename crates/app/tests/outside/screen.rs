//! The program on a terminal, as a person has it.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use super::{LONG, until};

/// The end of a frame.
pub const SYNC_END: &[u8] = b"\x1b[?2026l";
/// The beginning of all.
pub const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
/// Colours, pasting, wrapping, cursor, main screen: all as they were.
pub const RESTORED: &[u8] = b"\x1b[m\x1b[?1004l\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l";

/// A terminal of that size.
pub fn size(cols: u16, rows: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

/// The program on a terminal of its own, of which it is the session's leader.
pub struct OnTerminal {
    pub child: Box<dyn Child + Send + Sync>,
    pub master: Option<Box<dyn MasterPty + Send>>,
    pub keys: Option<Box<dyn Write + Send>>,
    pub chunks: Option<Receiver<Vec<u8>>>,
    /// What it has written and nobody has looked at.
    pub unseen: Vec<u8>,
}

impl OnTerminal {
    pub fn start(args: &[&str]) -> OnTerminal {
        let mut screen = OnTerminal::start_unread(args, size(80, 24));
        screen.read();
        screen
    }

    /// Nobody reads what it writes.
    pub fn start_unread(args: &[&str], size: PtySize) -> OnTerminal {
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_retop"));
        command.args(args);
        command.env_clear();
        command.env("HOME", "/nonexistent");
        command.cwd("/");
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).expect("starts");
        let keys = Some(pair.master.take_writer().expect("a writer"));
        let (master, chunks) = (Some(pair.master), None);
        OnTerminal { child, master, keys, chunks, unseen: Vec::new() }
    }

    /// From now on somebody reads.
    pub fn read(&mut self) {
        let reader = self.master.as_ref().expect("open").try_clone_reader().expect("a reader");
        let (give, chunks) = channel();
        std::thread::spawn(move || pass_on(reader, &give));
        self.chunks = Some(chunks);
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("running")
    }

    /// Waits for bytes and takes them and all before them.
    pub fn take_until(&mut self, mark: &[u8]) -> Vec<u8> {
        let chunks = self.chunks.as_ref().expect("somebody reads");
        loop {
            if let Some(at) = self.unseen.windows(mark.len()).position(|part| part == mark) {
                return self.unseen.drain(..at + mark.len()).collect();
            }
            match chunks.recv_timeout(LONG) {
                Ok(chunk) => self.unseen.extend(chunk),
                Err(error) => panic!("{error}: {:?}", String::from_utf8_lossy(&self.unseen)),
            }
        }
    }

    /// Waits for the end of a frame and gives it.
    pub fn frame(&mut self) -> Vec<u8> {
        self.take_until(SYNC_END)
    }

    /// Waits until a frame has been drawn that shows processes.
    pub fn settle(&mut self) {
        self.take_until(ENTER);
        self.take_until(b"PID");
        self.frame();
    }

    pub fn press(&mut self, keys: &[u8]) {
        self.keys.as_mut().expect("open").write_all(keys).expect("typed");
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a number"), signal).expect("ours");
    }

    /// Waits for the end, which is to be in order, and gives how long that took.
    pub fn ends(&mut self) -> Duration {
        let began = Instant::now();
        let status = until("the end", || self.child.try_wait().expect("a child"));
        assert!(status.success(), "{status:?}");
        began.elapsed()
    }

    /// Everything that it still writes, once it has ended.
    pub fn rest(&mut self) -> Vec<u8> {
        let chunks = self.chunks.take().expect("somebody reads");
        self.unseen.extend(chunks.iter().flatten());
        std::mem::take(&mut self.unseen)
    }

    /// It ended, and its last bytes gave the terminal back.
    pub fn restores(&mut self) {
        let rest = self.rest();
        assert!(rest.ends_with(RESTORED), "{:?}", String::from_utf8_lossy(&rest));
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until the program has closed the terminal or nobody takes the bytes any more.
fn pass_on(mut reader: Box<dyn Read + Send>, give: &Sender<Vec<u8>>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = reader.read(&mut bytes) {
        if give.send(bytes[..count].to_vec()).is_err() {
            return;
        }
    }
}
