//! What the tests of the built program share: starting it, waiting for conditions, and leaving
//! nothing behind.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::disallowed_methods, reason = "these tests are about processes and time")]

pub mod screen;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Far longer than anything takes, even beside other tests on two slow cores: reached only by what
/// hangs.
pub const LONG: Duration = Duration::from_secs(60);

/// How soon a condition is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// The program with an environment of its own: no config file, no variable of the caller's.
pub fn retop(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retop"));
    command.args(args).env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

/// Exit status, stdout, stderr.
pub fn outcome(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Looks again and again until there is something, and fails after [`LONG`].
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < LONG, "waited in vain: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// For a promise in time that a crowded machine may break once: of three trials one has to keep it.
/// Each gives how long it took.
pub fn within_a_second(what: &str, mut trial: impl FnMut() -> Duration) {
    let mut taken = Vec::new();
    for _ in 0..3 {
        let time = trial();
        if time < Duration::from_secs(1) {
            return;
        }
        taken.push(time);
    }
    panic!("{what}: three trials took {taken:?}");
}

/// Says why a test does not run here. Where the project is checked, everything has to be there.
pub fn skip(reason: &str) {
    println!("skipped: {reason}");
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "not to be skipped: {reason}");
}

/// A process that ends with the test.
pub struct Guest(pub Child);

impl Guest {
    /// Starts a command.
    pub fn start(command: &mut Command) -> Guest {
        Guest(command.spawn().expect("starts"))
    }

    /// Starts a line of shell.
    pub fn shell(script: &str) -> Guest {
        Guest::start(Command::new("sh").args(["-c", script]).stdin(Stdio::null()))
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("ours");
    }

    /// Waits for its end; also gives how long that took.
    pub fn ends(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let status = until("the end of a process", || self.0.try_wait().expect("a child"));
        (status, began.elapsed())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `retop --json` with its lines.
pub struct Stream {
    /// The program.
    pub guest: Guest,
    lines: BufReader<ChildStdout>,
}

impl Stream {
    /// Starts a stream; `args` come after `--json`.
    pub fn start(args: &[&str]) -> Stream {
        let args = [&["--json"], args].concat();
        let mut guest = Guest::start(retop(&args).stdout(Stdio::piped()));
        let lines = BufReader::new(guest.0.stdout.take().expect("piped"));
        Stream { guest, lines }
    }

    /// The next line.
    pub fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("readable");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The first line from now on in which something is found.
    pub fn find<T>(&mut self, what: &str, mut look: impl FnMut(&Value) -> Option<T>) -> T {
        until(what, || look(&self.line()))
    }
}

/// The row of a process.
pub fn row(snapshot: &Value, pid: u32) -> Option<&Value> {
    snapshot["processes"].as_array()?.iter().find(|row| row["pid"] == pid)
}

/// The state letter of a process; `None` if it is gone.
pub fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Where the descriptors of a process lead.
pub fn descriptors(pid: u32) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    folder.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).collect()
}

/// Two seconds are twenty ticks of the trials, and two of the slowest.
const MANY_TICKS: Duration = Duration::from_secs(2);

/// Waits until a process holds no descriptor of a process that is gone, and no more descriptors
/// than one for each process, two for each row on show and a few of its own. `meanwhile` keeps it going: a stream that nobody
/// reads stands still, with whatever was there at its last tick.
pub fn leaks_nothing(pid: u32, mut meanwhile: impl FnMut()) {
    let gone = |path: &PathBuf| {
        let text = path.to_string_lossy();
        let number = text.strip_prefix("/proc/").and_then(|rest| rest.split('/').next());
        let number = number.and_then(|number| number.parse().ok());
        text.ends_with(" (deleted)") || number.is_some_and(|pid| state(pid).is_none())
    };
    // A machine where processes come and go all the time always has some that went since the last
    // tick: a leak is what is still open many ticks later.
    let mut before: Option<(Instant, Vec<PathBuf>)> = None;
    until("descriptors of processes that are gone are closed", || {
        meanwhile();
        let open = descriptors(pid);
        assert!(!open.is_empty(), "it is running");
        let processes = fs::read_dir("/proc").ok()?.flatten().filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok())
        });
        let few = open.len() <= processes.count() + 2 * 64 + 64;
        let stale: Vec<PathBuf> = open.into_iter().filter(gone).collect();
        match &before {
            Some((began, earlier)) if began.elapsed() >= MANY_TICKS => {
                let closed = !stale.iter().any(|path| earlier.contains(path));
                let done = closed && few;
                if !done {
                    println!("{} stale descriptors, few: {few}: {stale:?}", stale.len());
                    before = Some((Instant::now(), stale));
                }
                done.then_some(())
            }
            Some(_) => None,
            None => {
                before = Some((Instant::now(), stale));
                None
            }
        }
    });
}
