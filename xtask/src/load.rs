//! Processes to look at: many that sleep, a few that work, some that come and go. All of them are
//! this program again, under other names, and all end with the first one.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// First argument of the processes that make up the load.
pub const CHILD: &str = "load-child";

/// Stands in the name of each of them.
pub const MARK: &str = "xload";

/// Printed on a line of its own once all are there.
pub const READY: &str = "ready";

const TRADES: [&str; 8] = ["web", "db", "cache", "queue", "cron", "build", "shell", "agent"];

/// Every so many-th process works: three in a hundred.
const WORKERS: usize = 33;

/// The first of them work harder, one hundredth of a CPU each: they stand on top of any screen.
const HARD: usize = 4;

/// Of a hundred processes of a lively load, those from 3 on that wake once a second, that read and
/// write besides, that grow: with the workers 23, as on a server that was measured.
const TICKERS: std::ops::Range<usize> = 3..16;
const TALKERS: std::ops::Range<usize> = 16..21;
const GROWERS: std::ops::Range<usize> = 21..23;

/// One birth in this time: about five a second.
const BIRTHS: Duration = Duration::from_millis(200);

/// Keeps `count` processes alive until it is ended itself; of a lively load one in four does
/// something each second.
pub fn run(count: &str, lively: bool) -> Result<()> {
    let count: usize = count.parse().context("load takes a number of processes")?;
    // Ends with whoever started it, if that was a benchmark that was interrupted.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let mut kept = Vec::with_capacity(count);
    for number in 0..count {
        let work = match number {
            0..HARD => "hard",
            _ if number % WORKERS == 0 => "work",
            _ if lively && TICKERS.contains(&(number % 100)) => "tick",
            _ if lively && TALKERS.contains(&(number % 100)) => "talk",
            _ if lively && GROWERS.contains(&(number % 100)) => "grow",
            _ => "sleep",
        };
        kept.push(spawn(number, &[work]).with_context(|| format!("process {number}"))?);
    }
    println!("{READY}");
    let mut passing: Vec<Child> = Vec::new();
    for number in count.. {
        std::thread::sleep(BIRTHS);
        let life = format!("{}", 50 + number * 37 % 1450);
        passing.push(spawn(number, &["pass", &life])?);
        passing.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
    bail!("ran out of numbers after {} processes", kept.len())
}

fn spawn(number: usize, words: &[&str]) -> Result<Child> {
    let trade = TRADES[number % TRADES.len()];
    let name = format!("{MARK}-{trade}-{number}");
    let parent = std::process::id().to_string();
    // Command lines from 30 to 180 letters, as on a real machine.
    let padding = "/srv/data/".repeat(number % 16);
    Ok(Command::new(std::env::current_exe()?)
        .arg0(&name)
        .args([CHILD, &name, &parent])
        .args(words)
        .arg(format!("--config=/etc/{trade}.conf{padding}"))
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?)
}

/// One process of the load.
pub fn child(words: &[&str]) -> Result<()> {
    let [name, parent, what @ ..] = words else { bail!("not to be started by hand") };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended before the line above.
    if getppid().map(|pid| pid.as_raw_nonzero().to_string()).as_deref() != Some(*parent) {
        return Ok(());
    }
    let short: String = name.chars().take(15).collect();
    rustix::thread::set_name(&std::ffi::CString::new(short)?)?;
    match what {
        ["pass", life, ..] => {
            std::thread::sleep(Duration::from_millis(life.parse()?));
            Ok(())
        }
        ["hard", ..] => work(Duration::from_millis(1), Duration::from_millis(99)),
        ["work", ..] => work(Duration::from_micros(200), Duration::from_millis(500)),
        ["tick", ..] => each_second(|_| Ok(())),
        ["talk", ..] => talk(),
        ["grow", ..] => grow(),
        _ => {
            threads()?;
            loop {
                std::thread::sleep(Duration::from_secs(3600));
            }
        }
    }
}

/// Works and pauses in turn.
fn work(work: Duration, pause: Duration) -> Result<()> {
    threads()?;
    loop {
        let until = Instant::now() + work;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        std::thread::sleep(pause);
    }
}

/// Does something once a second, a little more or less each time.
fn each_second(mut act: impl FnMut(usize) -> Result<()>) -> Result<()> {
    threads()?;
    let mut numbers = crate::recorder::Random::new();
    loop {
        let random = numbers.next();
        let until = Instant::now() + Duration::from_micros(random % 100);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        act(usize::try_from(random >> 32)?)?;
        std::thread::sleep(Duration::from_millis(950 + random % 100));
    }
}

/// Reads and writes, through no disk.
fn talk() -> Result<()> {
    let mut from = std::fs::File::open("/dev/zero")?;
    let mut to = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    let mut buffer = vec![0; 16 << 10];
    each_second(|random| {
        for turn in 0..1 + random % 8 {
            let (part, _) = buffer.split_at_mut(1 + random / 8 % (8 << 10) + turn);
            from.read_exact(part)?;
            to.write_all(part)?;
        }
        Ok(())
    })
}

/// Takes a few pages more, and gives all back at 4 MiB.
fn grow() -> Result<()> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    each_second(|random| {
        if kept.len() > 100 {
            kept.clear();
        }
        kept.push(vec![1; (1 + random % 8) * 4096]);
        Ok(())
    })
}

/// Two more threads that sleep.
fn threads() -> Result<()> {
    for number in 1..=2 {
        std::thread::Builder::new()
            .name(format!("{MARK}-thread-{number}"))
            .stack_size(64 * 1024)
            .spawn(|| {
            loop {
                std::thread::sleep(Duration::from_secs(3600));
            }
        })?;
    }
    Ok(())
}
