//! The terminal itself: raw mode, the alternate screen, what wakes the loop, and the way back.
//!
//! The way back is taken from wherever the program ends: by itself, by a signal, by a panic.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

use super::render::Sink;
use super::render::encoder::{SYNC_END, WHOLE_SCREEN};

/// Alternate screen, no cursor, no wrapping at the last column, pasted text in brackets, and a word
/// when somebody looks elsewhere.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[?1004h";
/// Reports of the mouse's buttons in a form without bounds. Not of its moves: a hand that rests on
/// the mouse costs nothing.
const MOUSE: &[u8] = b"\x1b[?1000h\x1b[?1006h";
/// No reports of the mouse.
const NO_MOUSE: &[u8] = b"\x1b[?1002l\x1b[?1000l\x1b[?1006l";
/// Its moves are reported, too, while a button is held.
const DRAG: &[u8] = b"\x1b[?1002h";
/// No longer. The end of one kind of reports ends the other in some terminals.
const NO_DRAG: &[u8] = b"\x1b[?1002l\x1b[?1000h";
/// What colour is behind everything? Those that do not know pass over it.
const BACKGROUND: &[u8] = b"\x1b]11;?\x1b\\";
/// And back, in the reverse order, after the end of a frame that was cut short.
const LEAVE: &[u8] = b"\x1b[m\x1b[?1004l\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l";

/// How long a terminal that takes no bytes may hold up the end of the program.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// What must be put back. One terminal at a time; a panic hook has no other way to reach it.
static TAKEN: Mutex<Option<Taken>> = Mutex::new(None);

struct Taken {
    output: OwnedFd,
    before: Termios,
    mouse: bool,
}

/// The terminal that retop was started on, taken over until it is dropped.
pub struct Terminal {
    input: OwnedFd,
    output: OwnedFd,
    /// The end of a frame that the terminal has not taken yet.
    rest: Vec<u8>,
    raw: Termios,
    mouse: bool,
    woken: UnixStream,
    waker: Waker,
    signals: Signals,
}

/// Wakes the loop from another thread.
#[derive(Debug)]
pub struct Waker(UnixStream);

impl Waker {
    /// Wakes the loop; a loop that has been woken already stays so.
    pub fn wake(&self) {
        // A full pipe means that the loop has not come round yet: it will.
        let _ = (&self.0).write(&[1]);
    }
}

/// The signals that came since they were last looked at.
struct Signals {
    quit: Arc<AtomicBool>,
    resize: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    resume: Arc<AtomicBool>,
    registered: Vec<signal_hook::SigId>,
}

/// Why the loop woke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Woken {
    /// Bytes wait on the terminal.
    pub input: bool,
    /// The terminal is gone, or a signal ends the program.
    pub quit: bool,
    /// The terminal has another size.
    pub resize: bool,
    /// The program was asked to stop.
    pub stop: bool,
    /// The program goes on after a stop: nothing is known of what the terminal shows.
    pub resume: bool,
}

impl Signals {
    fn register(pipe: &UnixStream) -> io::Result<Signals> {
        let flag = || Arc::new(AtomicBool::new(false));
        let mut signals = Signals {
            quit: flag(),
            resize: flag(),
            stop: flag(),
            resume: flag(),
            registered: Vec::new(),
        };
        for (signal, flag) in [
            (SIGTERM, &signals.quit),
            (SIGHUP, &signals.quit),
            (SIGINT, &signals.quit),
            (SIGWINCH, &signals.resize),
            (SIGTSTP, &signals.stop),
            (SIGCONT, &signals.resume),
        ] {
            // The flag first: whoever is woken finds it set.
            signals.registered.push(signal_hook::flag::register(signal, Arc::clone(flag))?);
            let pipe = pipe.try_clone()?;
            signals.registered.push(signal_hook::low_level::pipe::register(signal, pipe)?);
        }
        Ok(signals)
    }

    fn take(&self, woken: &mut Woken) {
        let take = |flag: &AtomicBool| flag.swap(false, Ordering::Relaxed);
        woken.quit |= take(&self.quit);
        woken.resize |= take(&self.resize);
        woken.stop |= take(&self.stop);
        woken.resume |= take(&self.resume);
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

impl Terminal {
    /// Takes over the terminal on standard input and output, and its mouse if that is asked for.
    ///
    /// # Errors
    ///
    /// If either is no terminal, or the terminal refuses.
    pub fn open(mouse: bool) -> io::Result<Terminal> {
        let input = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        let output = own_description(rustix::stdio::stdout())?;
        Terminal::take(input, output, mouse)
    }

    /// Takes over a terminal.
    ///
    /// # Errors
    ///
    /// As [`Terminal::open`].
    pub fn take(input: OwnedFd, output: OwnedFd, mouse: bool) -> io::Result<Terminal> {
        let before = tcgetattr(&input)?;
        let mut raw = before.clone();
        raw.make_raw();
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let signals = Signals::register(&waker)?;
        let rest = Vec::new();
        let waker = Waker(waker);
        let mut terminal = Terminal { input, output, rest, raw, mouse, woken, waker, signals };
        restore_on_panic();
        let output = terminal.output.try_clone()?;
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Taken { output, before, mouse });
        terminal.enter()?;
        Ok(terminal)
    }

    fn enter(&mut self) -> io::Result<()> {
        tcsetattr(&self.input, OptionalActions::Now, &self.raw)?;
        // Whatever was on its way belongs to a screen that is gone.
        self.rest.clear();
        self.send(ENTER)?;
        if self.mouse { self.send(MOUSE) } else { Ok(()) }
    }

    /// Asks for the colour behind everything.
    ///
    /// # Errors
    ///
    /// Those of writing to a terminal.
    pub fn ask_background(&mut self) -> io::Result<()> {
        self.send(BACKGROUND)
    }

    /// Takes the mouse, or leaves it to the terminal, which selects text with it.
    ///
    /// # Errors
    ///
    /// Those of writing to a terminal.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        if let Some(taken) = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            taken.mouse = on;
        }
        if self.mouse == on {
            return Ok(());
        }
        self.mouse = on;
        self.send(if on { MOUSE } else { NO_MOUSE })
    }

    /// Follows the mouse while its button is held.
    ///
    /// # Errors
    ///
    /// Those of writing to a terminal.
    pub fn follow_mouse(&mut self, on: bool) -> io::Result<()> {
        match (self.mouse, on) {
            (false, _) => Ok(()),
            (true, true) => self.send(DRAG),
            (true, false) => self.send(NO_DRAG),
        }
    }

    /// Writes what is left of a frame, as far as the terminal takes it.
    fn flush(&mut self) -> io::Result<()> {
        let left = write(self.output.as_fd(), &self.rest)?;
        self.rest.drain(..self.rest.len() - left);
        Ok(())
    }

    /// Something that wakes [`Terminal::wait`] from another thread.
    ///
    /// # Errors
    ///
    /// If no descriptor is left.
    pub fn waker(&self) -> io::Result<Waker> {
        self.waker.0.try_clone().map(Waker)
    }

    /// Columns and rows; 80 by 24 if the terminal does not say.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        match tcgetwinsize(&self.output) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => (80, 24),
        }
    }

    /// Waits until something happens, at most `timeout`. Meanwhile the terminal takes what is left
    /// of a frame.
    ///
    /// # Errors
    ///
    /// Those of writing to a terminal; those of `poll` do not happen.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Woken> {
        let mut woken = Woken::default();
        let timeout = timeout.map(timespec);
        let mut waits = [
            PollFd::new(&self.input, PollFlags::IN),
            PollFd::new(&self.woken, PollFlags::IN),
            PollFd::new(&self.output, PollFlags::OUT),
        ];
        let count = if self.rest.is_empty() { 2 } else { 3 };
        match poll(&mut waits[..count], timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let seen = waits[0].revents();
        self.flush()?;
        // With bytes left to read, the hang-up is found by reading to the end.
        woken.input = seen.contains(PollFlags::IN);
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        woken.quit = !woken.input && seen.intersects(gone);
        let mut drop = [0; 64];
        while matches!((&self.woken).read(&mut drop), Ok(1..)) {}
        self.signals.take(&mut woken);
        Ok(woken)
    }

    /// Reads what has come into `bytes` and gives how many they are; `None`: the terminal is gone.
    pub fn read(&self, bytes: &mut [u8]) -> Option<usize> {
        loop {
            match rustix::io::read(&self.input, &mut *bytes) {
                Ok(0) => return None,
                Ok(count) => return Some(count),
                Err(Errno::AGAIN) => return Some(0),
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// True if the terminal has taken the last frame and takes bytes now: a frame for one that does
    /// not is skipped.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.rest.is_empty() && writable(self.output.as_fd(), &Timespec { tv_sec: 0, tv_nsec: 0 })
    }

    /// True if the terminal has taken all of the last frame.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.rest.is_empty()
    }

    /// Gives the terminal back, stops, and takes it again when the program goes on.
    ///
    /// # Errors
    ///
    /// If the terminal cannot be taken again.
    pub fn suspend(&mut self) -> io::Result<()> {
        if let Some(taken) = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            give_back(taken);
        }
        signal_hook::low_level::raise(signal_hook::consts::SIGSTOP)?;
        self.enter()
    }

    /// Takes the terminal again after somebody else stopped and continued the program.
    ///
    /// # Errors
    ///
    /// If the terminal refuses.
    pub fn resume(&mut self) -> io::Result<()> {
        self.enter()
    }
}

impl Sink for Terminal {
    /// One `write(2)` where the terminal takes it whole. The rest of a frame for a terminal that
    /// stops in the middle waits here, not in `write`: keys and signals are still obeyed.
    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        if !self.rest.is_empty() {
            self.rest.extend_from_slice(frame);
            return self.flush();
        }
        let left = write(self.output.as_fd(), frame)?;
        self.rest.extend_from_slice(&frame[frame.len() - left..]);
        Ok(())
    }
}

/// Writes as much as the terminal takes now and gives how many bytes are left.
fn write(output: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(output, rest) {
            Ok(count) => rest = &rest[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(rest.len())
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts the terminal back as it was found. Does nothing if none is taken.
pub fn restore() {
    // A panic may come while the lock is held: then the terminal is being given back already.
    let taken = match TAKEN.try_lock() {
        Ok(mut taken) => taken.take(),
        Err(_) => None,
    };
    if let Some(taken) = taken {
        give_back(&taken);
    }
}

fn give_back(taken: &Taken) {
    let mouse = if taken.mouse { NO_MOUSE } else { b"" };
    // A frame that was cut short may have left a part of the screen that scrolls by itself.
    for bytes in [WHOLE_SCREEN, SYNC_END, mouse, LEAVE] {
        let mut rest = bytes;
        while !rest.is_empty() {
            match rustix::io::write(&taken.output, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::AGAIN) if writable(taken.output.as_fd(), &PATIENCE) => {}
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
    }
    let _ = tcsetattr(&taken.output, OptionalActions::Now, &taken.before);
}

/// The screen is put back before the panic's message is printed, so that it can be read.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            print(panic);
        }));
    });
}

/// The same terminal, opened anew: a description of our own can be non-blocking without making the
/// shell's so, and then a terminal that takes no bytes cannot hold us in `write`.
fn own_description(output: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let again = rustix::termios::ttyname(output, Vec::new()).and_then(|name| {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        rustix::fs::open(name, flags, Mode::empty())
    });
    match again {
        Ok(own) => Ok(own),
        Err(Errno::NOTTY) => Err(Errno::NOTTY.into()),
        // A container may not see the device that its terminal is.
        Err(_) => Ok(File::from(rustix::io::fcntl_dupfd_cloexec(output, 3)?).into()),
    }
}

fn writable(output: BorrowedFd<'_>, timeout: &Timespec) -> bool {
    let mut waits = [PollFd::from_borrowed_fd(output, PollFlags::OUT)];
    // A terminal that is gone is "writable": the write tells.
    matches!(poll(&mut waits, Some(timeout)), Ok(1..))
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
