//! A recorder that is killed at work. `cargo xtask crash 1000` does it at random moments.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "these tests run programs")]

mod outside;
mod recorded;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use outside::{Guest, outcome, retop, until};
use retop_engine::recording::Recording;
use rustix::process::Signal;

#[test]
fn what_was_written_before_a_kill_is_there_and_the_next_one_goes_on() {
    let folder = recorded::folder("killed");
    let path = folder.to_str().expect("UTF-8");
    let samples = || {
        // There is no file yet at first.
        let Ok(recording) = Recording::open(&folder) else { return 0 };
        let samples: Result<Vec<_>, _> = recording.samples(i64::MIN, i64::MAX).collect();
        samples.expect("no sample is refused").len()
    };
    let mut kept = 0;
    for round in 0..3 {
        let args = ["record", path, "--source", "sim:small", "-i", "100ms", "--min-free", "0"];
        let mut command = retop(&args);
        let mut guest = Guest(command.stderr(Stdio::null()).spawn().expect("starts"));
        // Read while it writes: what is whole in the file has been acknowledged.
        let seen = until("a few samples", || Some(samples()).filter(|&now| now > kept + round));
        guest.0.kill().expect("at work");
        guest.0.wait().expect("its end");
        kept = samples();
        assert!(kept >= seen, "round {round}: {seen} samples were there, {kept} are left");
    }
    let segments = std::fs::read_dir(&folder).expect("there").flatten();
    let names = segments.filter(|entry| entry.path().extension().is_some());
    assert_eq!(names.count(), 3, "each recorder begins a segment of its own");
}

#[test]
fn a_recorder_that_waits_is_not_cut_short_by_one_signal() {
    let folder = recorded::folder("waits");
    // Nobody reads what it says, and there is no room for it: it waits like before a slow disk.
    let (unread, said) = UnixStream::pair().expect("a socket");
    said.set_nonblocking(true).expect("ours");
    while (&said).write(&[0; 4096]).is_ok() {}
    while (&said).write(&[0]).is_ok() {}
    said.set_nonblocking(false).expect("ours");
    let args = ["record", folder.to_str().expect("UTF-8"), "--source", "sim:small"];
    let mut command = retop(&[&args[..], &["-i", "100ms", "--min-free", "0"]].concat());
    let mut guest = Guest::start(command.stderr(Stdio::from(OwnedFd::from(said))));
    until("a sample", || {
        let recording = Recording::open(&folder).ok()?;
        recording.samples(i64::MIN, i64::MAX).next()?.ok().map(drop)
    });
    // The first one asks, and is heard once it goes on; another one ends it at once.
    let status = until("its end", || {
        if let Some(status) = guest.0.try_wait().expect("a child") {
            return Some(status);
        }
        guest.signal(Signal::TERM);
        None
    });
    assert_eq!(status.code(), Some(128 + 15));
    drop(unread);
}

#[test]
fn one_report_of_one_sample_is_an_error_and_no_silence() {
    let (folder, _) = recorded::of_sim("sim:small", "single", 1);
    let source = format!("replay:{}", folder.display());
    for args in [&["--once"][..], &["--once", "--json"], &["--json"]] {
        let mut command = retop(&[args, &["--source", &source]].concat());
        let (code, out, said) = outcome(&mut command);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{args:?}");
        assert!(said.contains("no sample there follows another, and rates need two"), "{said}");
    }
}
