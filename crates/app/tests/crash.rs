//! A recorder that is killed at work. `cargo xtask crash 1000` does it at random moments.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "these tests run programs")]

mod outside;
mod recorded;

use std::process::Stdio;

use outside::{Guest, retop, until};
use retop_engine::recording::Recording;

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
