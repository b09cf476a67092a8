//! The program where things go wrong: stopped processes, storms, terminals that leave or do not
//! read, signals, outputs that take nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "starts processes and takes their time")]

mod outside;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use outside::screen::{OnTerminal, size};
use outside::{
    Guest, LONG, Stream, descriptors, leaks_nothing, outcome, retop, row, state, until,
    within_a_second,
};
use portable_pty::PtySize;
use rustix::process::Signal;

/// Storms and promises in time do not go together: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn fifty_stopped_processes() {
    let _alone = alone();
    let guests: Vec<Guest> = (0..50).map(|_| Guest::shell("exec sleep 600")).collect();
    for guest in &guests {
        guest.signal(Signal::STOP);
    }
    until("all of them stand", || {
        guests.iter().all(|guest| state(guest.pid()) == Some('T')).then_some(())
    });
    let mut stream = Stream::start(&["--processes", "all", "--interval", "200ms"]);
    for _ in 0..3 {
        let line = stream.line();
        assert!(line["tasks"]["stopped"].as_u64().is_some_and(|count| count >= 50));
        for guest in &guests {
            let row = row(&line, guest.pid()).expect("listed");
            assert_eq!(row["state"], "stopped");
            assert!(row["resident_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{row}");
        }
    }
    let mut screen = OnTerminal::start(&["--interval", "200ms"]);
    screen.settle();
    for _ in 0..3 {
        screen.frame();
    }
    screen.press(b"q");
    screen.ends();
    screen.restores();
}

/// What `/proc/stat` counts under that name.
fn forks() -> u64 {
    let text = fs::read_to_string("/proc/stat").expect("readable");
    let line = text.lines().find_map(|line| line.strip_prefix("processes "));
    line.and_then(|count| count.parse().ok()).expect("a number")
}

#[test]
fn a_storm_of_forks() {
    let _alone = alone();
    let mut stream = Stream::start(&["--processes", "all", "--interval", "100ms"]);
    let mut screen = OnTerminal::start(&["--interval", "100ms"]);
    screen.settle();
    let first = stream.line()["cpu"]["forks"].as_u64().expect("a number");
    let (before, began) = (forks(), Instant::now());
    // 1,500 that start and end at once, ten at a time beside one another.
    let script = "i=0; while [ $i -lt 150 ]; do i=$((i+1));
        for j in 0 1 2 3 4 5 6 7 8 9; do /bin/true & done; wait; done";
    let mut storm = Guest::shell(script);
    let (mut lines, mut last) = (0, first);
    while storm.0.try_wait().expect("a child").is_none() {
        let line = stream.line();
        last = line["cpu"]["forks"].as_u64().expect("a number");
        assert!(row(&line, stream.guest.pid()).is_some(), "it sees itself");
        lines += 1;
    }
    let rate = (forks() - before) as f64 / began.elapsed().as_secs_f64();
    println!("{rate:.0} forks a second, {lines} samples meanwhile");
    // Whoever left between listing and reading makes no line worse.
    while last < before + 1500 {
        last = stream.line()["cpu"]["forks"].as_u64().expect("a number");
    }
    for _ in 0..3 {
        screen.frame();
    }
    leaks_nothing(stream.guest.pid(), || {
        stream.line();
    });
    leaks_nothing(screen.pid(), || {});
    screen.press(b"q");
    screen.ends();
    screen.restores();
}

/// A control group that goes with the test.
struct Group(PathBuf);

impl Group {
    /// `None` where the hierarchy of version 2 is absent or not ours to change.
    fn make() -> Option<Group> {
        let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
        let mount = mounts.lines().find_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let (folder, kind) = (fields.next()?, fields.next()?);
            (kind == "cgroup2").then_some(folder)
        })?;
        let folder = Path::new(mount).join(format!("retop-trial-{}", std::process::id()));
        fs::create_dir(&folder).ok()?;
        Some(Group(folder))
    }

    fn name(&self) -> String {
        format!("/{}", self.0.file_name().unwrap_or_default().display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_control_group_that_comes_and_goes() {
    let _alone = alone();
    let mut stream = Stream::start(&["--processes", "all", "--interval", "100ms"]);
    stream.line();
    let Some(group) = Group::make() else {
        // Rights, not programs: nobody promised them.
        return println!("skipped: no control group of version 2 can be made here");
    };
    let name = group.name();
    let guest = Guest::shell("while :; do :; done");
    if let Err(error) = fs::write(group.0.join("cgroup.procs"), guest.pid().to_string()) {
        return println!("skipped: no process can be moved into {name}: {error}");
    }
    let seen = |line: &serde_json::Value| {
        let rows = line["cgroups"].as_array()?.iter();
        rows.into_iter().find(|row| row["cgroup"] == name.as_str()).cloned()
    };
    stream.find("its CPU time", |line| {
        let row = seen(line)?;
        row["cpu_seconds"].as_f64().filter(|&seconds| seconds > 0.0)
    });
    stream.find("the process in it", |line| {
        let row = row(line, guest.pid())?;
        (row["cgroup"] == name.as_str()).then_some(())
    });
    drop(guest);
    until("the group is empty", || fs::remove_dir(&group.0).ok());
    stream.find("it has gone", |line| seen(line).is_none().then_some(()));
    until("nothing of it is held", || {
        let open = descriptors(stream.guest.pid());
        assert!(!open.is_empty());
        (!open.iter().any(|path| path.starts_with(&group.0))).then_some(())
    });
    let line = stream.line();
    let sources = line["sources"].as_array().expect("an array");
    let source = sources.iter().find(|row| row["source"] == "cgroup").expect("a row");
    assert_eq!((&source["state"], &source["errors"]), (&"works".into(), &0.into()));
}

#[test]
fn a_terminal_that_is_closed() {
    let _alone = alone();
    within_a_second("the terminal is closed", || {
        let mut screen = OnTerminal::start(&["--interval", "100ms"]);
        screen.settle();
        // The reader holds the terminal too, and goes with the next frame.
        let chunks = screen.chunks.take().expect("somebody reads");
        drop((screen.keys.take(), screen.master.take(), chunks));
        screen.ends()
    });
}

#[test]
fn signals_on_a_terminal() {
    let _alone = alone();
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        within_a_second(&format!("{signal:?}"), || {
            let mut screen = OnTerminal::start(&[]);
            screen.settle();
            screen.signal(signal);
            let time = screen.ends();
            screen.restores();
            time
        });
    }
}

#[test]
fn signals_without_a_terminal() {
    let _alone = alone();
    for args in [&["--json"][..], &["--once"], &["--serve", "0"]] {
        // SIGHUP keeps its meaning: it ends the program unless nohup was there before.
        for (signal, code) in [(Signal::TERM, Some(0)), (Signal::INT, Some(0)), (Signal::HUP, None)]
        {
            // Under nohup the signal is ignored, by these tests and by what they start.
            if signal == Signal::HUP && signals("SigIgn:", std::process::id()) & 1 != 0 {
                println!("left out: SIGHUP is ignored here");
                continue;
            }
            within_a_second(&format!("{args:?} {signal:?}"), || {
                let args = [args, &["--interval", "24h"]].concat();
                let mut command = retop(&args);
                let mut guest = Guest::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
                until("it listens to signals", || listens(guest.pid()));
                guest.signal(signal);
                let (status, time) = guest.ends();
                assert_eq!(status.code(), code, "{args:?} {signal:?}");
                time
            });
        }
    }
}

/// Whether SIGTERM and SIGINT are caught.
fn listens(pid: u32) -> Option<()> {
    let caught = signals("SigCgt:", pid);
    let bit = |signal: Signal| 1 << (signal.as_raw() - 1);
    (caught & bit(Signal::TERM) != 0 && caught & bit(Signal::INT) != 0).then_some(())
}

/// A set of signals of a process, a bit each; none if it is gone.
fn signals(set: &str, pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let digits = status.lines().find_map(|line| line.strip_prefix(set)).unwrap_or_default();
    u64::from_str_radix(digits.trim(), 16).unwrap_or(0)
}

#[test]
fn a_storm_of_sizes() {
    let _alone = alone();
    let mut screen = OnTerminal::start(&[]);
    screen.settle();
    for step in 0..200_u16 {
        let wanted = match step % 4 {
            0 => size(1, 1),
            1 => size(300, 100),
            2 => size(1 + step, 1 + step / 2),
            _ => size(300 - step, 1 + step % 7),
        };
        screen.master.as_ref().expect("open").resize(wanted).expect("resized");
        if step % 10 == 0 {
            screen.press(b"\x0c?");
        }
    }
    // The last one holds, and the whole screen is drawn for it.
    screen.press(b"\x1b");
    screen.master.as_ref().expect("open").resize(size(80, 24)).expect("resized");
    let mut parser = vt100::Parser::default();
    until("a screen of 80 by 24", || {
        let frame = screen.frame();
        if frame.windows(4).any(|part| part == b"\x1b[2J") {
            parser = vt100::Parser::default();
        }
        parser.process(&frame);
        let text = parser.screen().contents();
        (text.lines().count() > 20 && text.contains("PID")).then_some(())
    });
    leaks_nothing(screen.pid(), || {});
    screen.press(b"q");
    screen.ends();
    screen.restores();
}

/// Bytes in memory.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("running");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}

/// How often a thread of that name has waited.
fn waits(pid: u32, name: &str) -> Option<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let texts =
        tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    let status = texts.into_iter().find(|text| text.starts_with(&format!("Name:\t{name}\n")))?;
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

/// Bytes that a process has written, whether to a terminal or to a pipe.
fn written(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).expect("running");
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).expect("a line");
    line.parse().expect("a number")
}

/// On a terminal of that size that nobody reads, with its buffer full.
fn on_a_full_terminal(size: PtySize) -> OnTerminal {
    // Without a history, which grows by design.
    let args = ["--interval", "100ms", "--history", "0"];
    let mut screen = OnTerminal::start_unread(&args, size);
    until("the screen is drawn", || (written(screen.pid()) > 500).then_some(()));
    until("the terminal is full", || {
        let before = written(screen.pid());
        // Asks for a whole screen.
        screen.press(b"\x0c");
        samples(&screen, 5);
        // A sample wakes the screen with one byte.
        (written(screen.pid()) - before < 100).then_some(())
    });
    screen
}

/// Waits for more samples.
fn samples(screen: &OnTerminal, count: u64) {
    let start = until("the sampling thread", || waits(screen.pid(), "tick"));
    until("samples", || (waits(screen.pid(), "tick")? >= start + count).then_some(()));
}

#[test]
fn a_terminal_that_does_not_read() {
    let _alone = alone();
    let mut screen = on_a_full_terminal(size(80, 24));
    let before = resident(screen.pid());
    for _ in 0..10 {
        screen.press(b"\x0c");
        samples(&screen, 5);
    }
    let after = resident(screen.pid());
    println!("{before} bytes, 50 samples later {after}");
    assert!(after < before + (2 << 20), "{before} {after}");
    // Somebody reads again: what stood still goes on.
    screen.press(b"?");
    screen.read();
    screen.take_until(b"Help");
    screen.press(b"qq");
    screen.ends();
    screen.restores();
}

#[test]
fn a_full_terminal_does_not_hold_the_end_up() {
    let _alone = alone();
    // A frame of a large screen is cut in the middle; a small one fits or does not.
    for size in [size(80, 24), size(300, 100)] {
        within_a_second("q", || {
            let mut screen = on_a_full_terminal(size);
            screen.press(b"q");
            screen.ends()
        });
        within_a_second("SIGTERM", || {
            let mut screen = on_a_full_terminal(size);
            screen.signal(Signal::TERM);
            screen.ends()
        });
    }
}

#[test]
fn outputs_that_take_nothing() {
    let cases: &[&[&str]] = &[
        &["--json", "--interval", "100ms"],
        &["--once", "--interval", "100ms"],
        &["doctor"],
        &["metrics"],
        &["man"],
        &["completions", "bash"],
        &["--print-config"],
        &["--help"],
        &["--version"],
    ];
    for args in cases {
        let full = fs::File::options().write(true).open("/dev/full").expect("there on Linux");
        let output = retop(args).stdout(full).stderr(Stdio::piped()).output().expect("starts");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {err}");
        assert!(err.starts_with("retop: no space left on device"), "{args:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{args:?}: {err}");
    }
    // stdout and stderr both: there is nowhere left to say it, and that is no reason to crash.
    let full = || fs::File::options().write(true).open("/dev/full").expect("there on Linux");
    let output = retop(&["--once"]).stdout(full()).stderr(full()).status().expect("starts");
    assert_eq!(output.code(), Some(1));
}

#[test]
fn a_reader_that_has_seen_enough() {
    let retop = env!("CARGO_BIN_EXE_retop");
    for (script, lines) in [
        ("set -e; { \"$0\" --json --interval 100ms; echo $? >&2; } | head -1", 1),
        ("{ \"$0\" --once --interval 100ms; echo $? >&2; } | :", 0),
        ("{ \"$0\" metrics; echo $? >&2; } | head -1", 1),
        // Closed from the start, it writes to nowhere.
        ("\"$0\" --json --samples 1 --interval 100ms >&-; echo $? >&2", 0),
    ] {
        let mut command = Command::new("sh");
        let (status, out, err) = outcome(command.args(["-c", script, retop]));
        assert_eq!((status, out.lines().count(), &*err), (Some(0), lines, "0\n"), "{script}");
    }
}

#[test]
fn a_port_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let (status, out, err) = outcome(&mut retop(&["--serve", &port.to_string()]));
    let wanted = format!("retop: port {port} is in use; choose another with --serve PORT\n");
    assert_eq!((status, &*out, err), (Some(1), "", wanted));
}

#[test]
fn settings_that_cannot_be_read() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unreadable");
    fs::create_dir_all(folder.join("retop/config.toml")).expect("writable");
    fs::write(folder.join("latin.toml"), b"theme = \"\xe9\"").expect("writable");
    let config = folder.join("latin.toml");
    let config = config.to_str().expect("UTF-8");
    let (status, out, err) = outcome(&mut retop(&["--once", "--config", config]));
    assert_eq!((status, &*out), (Some(2), ""));
    assert!(err.starts_with(&format!("retop: {config}: ")), "{err}");
    // The usual file is no file but a folder.
    let (status, out, err) = outcome(retop(&["--once"]).env("XDG_CONFIG_HOME", &folder));
    assert_eq!((status, &*out), (Some(2), ""));
    assert!(err.contains("config.toml: is a directory"), "{err}");
    let (status, out, err) = outcome(&mut retop(&["--no-such-option"]));
    assert_eq!((status, &*out), (Some(2), ""));
    assert!(err.starts_with("retop: unknown option '--no-such-option'"), "{err}");
    assert_eq!(err.lines().count(), 1);
}

#[test]
fn a_full_pipe_holds_up_no_signal() {
    let mut child = retop(&["--json", "--processes", "all", "--interval", "100ms"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    // Nobody reads: the pipe fills, and the writer waits in the kernel.
    let pid = child.id();
    until("the writer waits for a reader", || {
        let call = fs::read_to_string(format!("/proc/{pid}/wchan")).ok()?;
        call.contains("pipe").then_some(())
    });
    let began = Instant::now();
    let target = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(target, rustix::process::Signal::TERM).expect("ours");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
}
