//! A terminal without a screen: it takes what a program draws, counts it and answers
//! the few questions that programs ask of terminals.

use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Device attributes: what xterm says when asked.
const QUESTIONS: [(&[u8], &[u8]); 3] = [
    (b"\x1b[c", b"\x1b[?62;22c"),
    (b"\x1b[6n", b"\x1b[1;1R"),
    (b"\x1b]11;?", b"\x1b]11;rgb:0000/0000/0000\x1b\\"),
];

/// A program in a terminal.
pub struct Terminal {
    master: OwnedFd,
    child: Child,
    started: Instant,
    marks: Vec<Vec<u8>>,
    /// The end of what was read last, in case a word is cut in two.
    tail: Vec<u8>,
    /// Bytes drawn so far.
    pub bytes: u64,
    /// From the start to the first byte.
    pub first_byte: Option<Duration>,
    /// From the start to the first sight of one of the marks.
    pub first_mark: Option<Duration>,
}

impl Terminal {
    /// Starts a program. `setsid` makes the terminal the one that it belongs to and becomes the
    /// program, so that the process number stays.
    pub fn start(
        program: &[String],
        environment: &[(String, String)],
        (ws_col, ws_row): (u16, u16),
        marks: Vec<Vec<u8>>,
    ) -> Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let size = Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size)?;
        let name = ptsname(&master, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = open(&*name, flags, Mode::empty())?;
        let mut command = Command::new("setsid");
        command.arg("--ctty").args(program).env_clear();
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(slave.try_clone()?).stdout(slave.try_clone()?).stderr(slave);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {program:?}"))?;
        Ok(Terminal {
            master,
            child,
            started,
            marks,
            tail: Vec::new(),
            bytes: 0,
            first_byte: None,
            first_mark: None,
        })
    }

    /// The process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Takes what is drawn for that long. False if the program ended meanwhile.
    pub fn run(&mut self, time: Duration) -> Result<bool> {
        let end = Instant::now() + time;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(self.child.try_wait()?.is_none());
            }
            let timeout = Timespec::try_from(left).context("too long")?;
            let mut ready = [PollFd::from_borrowed_fd(self.master.as_fd(), PollFlags::IN)];
            if poll(&mut ready, Some(&timeout))? == 0 {
                continue;
            }
            // EIO: the program closed its side.
            let Ok(length @ 1..) = rustix::io::read(&self.master, &mut buffer) else {
                return Ok(false);
            };
            self.take(buffer.get(..length).unwrap_or_default());
        }
    }

    fn take(&mut self, drawn: &[u8]) {
        let now = self.started.elapsed();
        self.bytes += drawn.len() as u64;
        self.first_byte.get_or_insert(now);
        for (question, answer) in QUESTIONS {
            if contains(drawn, question) {
                // A program that does not wait for its answer loses nothing.
                let _ = rustix::io::write(&self.master, answer);
            }
        }
        if self.first_mark.is_none() {
            self.tail.extend_from_slice(drawn);
            if self.marks.iter().any(|mark| contains(&self.tail, mark)) {
                self.first_mark = Some(now);
                self.tail = Vec::new();
            } else {
                let longest = self.marks.iter().map(Vec::len).max().unwrap_or(0);
                let keep = self.tail.len().saturating_sub(longest);
                self.tail.drain(..keep);
            }
        }
    }

    /// Ends the program.
    pub fn end(mut self) -> Result<()> {
        let _ = rustix::io::write(&self.master, b"q");
        self.run(Duration::from_millis(200))?;
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
