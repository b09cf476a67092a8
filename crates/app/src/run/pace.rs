//! Waits between samples without drift, and ends at once on a signal or when nobody reads.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use retop_model::Clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The time has come.
    Due,
    /// Somebody asked the program to end, or closed the pipe that it writes to.
    End,
}

/// Paces a loop: beat n is due at start + n × interval, whatever each beat costs.
pub struct Pacer {
    grid: Grid,
    signals: UnixStream,
    /// Whoever reads stdout is of no concern.
    unread: bool,
}

impl Pacer {
    /// Starts now: the first wait ends one interval from here. From now on SIGINT and SIGTERM end
    /// waits instead of the process. SIGHUP keeps its meaning, so that `nohup` works.
    ///
    /// # Errors
    ///
    /// If the system gives no socket pair or refuses the handlers.
    pub fn start(clock: &dyn Clock, interval: Duration) -> std::io::Result<Pacer> {
        let pacer = Pacer::new(clock, interval)?;
        end_anyway()?;
        Ok(pacer)
    }

    /// For whoever writes nothing to stdout: only a signal ends the waits, and what is being written
    /// to a slow disk then is written to its end. A second signal ends the process at once.
    ///
    /// # Errors
    ///
    /// As for [`Pacer::start`].
    pub fn unread(clock: &dyn Clock, interval: Duration) -> std::io::Result<Pacer> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds that nobody has asked yet.
            let again = Arc::clone(&asked);
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, again)?;
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Pacer { unread: true, ..Pacer::new(clock, interval)? })
    }

    fn new(clock: &dyn Clock, interval: Duration) -> std::io::Result<Pacer> {
        let (signals, handler) = UnixStream::pair()?;
        signals.set_nonblocking(true)?;
        for signal in [SIGINT, SIGTERM] {
            signal_hook::low_level::pipe::register(signal, handler.try_clone()?)?;
        }
        Ok(Pacer { grid: Grid::new(clock.monotonic_ns(), interval), signals, unread: false })
    }

    /// Waits for the next beat.
    ///
    /// # Errors
    ///
    /// If the system cannot wait.
    pub fn wait(&mut self, clock: &dyn Clock) -> std::io::Result<Wake> {
        let due_ns = self.grid.next(clock.monotonic_ns());
        loop {
            let left = due_ns.saturating_sub(clock.monotonic_ns());
            if left == 0 {
                return Ok(if self.ended() { Wake::End } else { Wake::Due });
            }
            if self.sleep(left, std::io::stdout().as_fd())? {
                return Ok(Wake::End);
            }
        }
    }

    /// Waits for a signal alone, for whoever writes nothing to stdout.
    ///
    /// # Errors
    ///
    /// If the system cannot wait.
    pub fn wait_for_end(&mut self) -> std::io::Result<()> {
        while !self.ended() {
            let mut ready = [PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN)];
            match poll(&mut ready, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// True if a signal came or nobody reads `out` any more; false if the time passed.
    fn sleep(&mut self, nanoseconds: u64, out: BorrowedFd<'_>) -> std::io::Result<bool> {
        let timeout = Timespec {
            tv_sec: i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(i64::MAX),
            // Below 10^9, so that it fits whatever the width of the field.
            tv_nsec: (nanoseconds % 1_000_000_000) as _,
        };
        // No event is asked of the output: POLLERR comes unasked once a pipe has no reader, POLLHUP
        // once a socket has none. Either stays, so that waiting on would be spinning.
        let mut ready = [
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(out, PollFlags::empty()),
        ];
        let watched = if self.unread { 1 } else { 2 };
        match poll(&mut ready[..watched], Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        // What was not watched has no events.
        let gone = ready[1].revents().intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        Ok(gone || self.ended())
    }

    fn ended(&mut self) -> bool {
        matches!(self.signals.read(&mut [0; 16]), Ok(1..))
    }
}

/// Ends the program half a second after a signal, should it still be there: a write to a pipe that
/// is full and that nobody empties goes on for ever, and no wait is reached.
fn end_anyway() -> std::io::Result<()> {
    const GRACE: Duration = Duration::from_millis(500);
    let (mut asked, handler) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM] {
        signal_hook::low_level::pipe::register(signal, handler.try_clone()?)?;
    }
    let wait = move || {
        if matches!(asked.read(&mut [0]), Ok(1..)) {
            std::thread::sleep(GRACE);
            std::process::exit(0);
        }
    };
    std::thread::Builder::new().name("end".to_owned()).stack_size(64 * 1024).spawn(wait)?;
    Ok(())
}

/// The grid of due times.
#[derive(Clone, Copy, Debug)]
struct Grid {
    start_ns: u64,
    interval_ns: u64,
}

impl Grid {
    fn new(start_ns: u64, interval: Duration) -> Grid {
        let interval_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
        Grid { start_ns, interval_ns }
    }

    /// The first due time after `now_ns`: beats that were missed are passed over, not made up for.
    fn next(self, now_ns: u64) -> u64 {
        let beats = now_ns.saturating_sub(self.start_ns) / self.interval_ns;
        self.start_ns.saturating_add((beats.saturating_add(1)).saturating_mul(self.interval_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_stay_on_the_grid() {
        let grid = Grid::new(1_000, Duration::from_nanos(100));
        let cases =
            [(1_000, 1_100), (1_001, 1_100), (1_099, 1_100), (1_100, 1_200), (1_650, 1_700)];
        for (now, due) in cases {
            assert_eq!(grid.next(now), due, "{now}");
        }
        // A clock behind the start, an interval of nothing and the end of time are no trouble.
        assert_eq!(grid.next(0), 1_100);
        assert_eq!(Grid::new(0, Duration::ZERO).next(5), 6);
        assert_eq!(Grid::new(1, Duration::MAX).next(u64::MAX - 1), u64::MAX);
    }

    #[test]
    fn a_reader_that_leaves_ends_the_wait() {
        struct Still;
        impl Clock for Still {
            fn now(&self) -> retop_model::Stamp {
                retop_model::Stamp::default()
            }
        }
        let mut pacer = Pacer::start(&Still, Duration::from_secs(1)).unwrap();
        let (socket, socket_reader) = UnixStream::pair().unwrap();
        let (pipe_reader, pipe) = rustix::pipe::pipe().unwrap();
        assert!(!pacer.sleep(1, socket.as_fd()).unwrap());
        assert!(!pacer.sleep(1, pipe.as_fd()).unwrap());
        drop((socket_reader, pipe_reader));
        assert!(pacer.sleep(u64::MAX, socket.as_fd()).unwrap());
        assert!(pacer.sleep(u64::MAX, pipe.as_fd()).unwrap());
    }
}
