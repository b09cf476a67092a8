//! A recorder beside a screen, and disks that do not answer.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::{Disk, Made};
use crate::recording::live::{Live, Opening};
use crate::recording::{Entry, Folder, SegmentFile, SegmentName, Settings, Space};

/// Long enough for any machine, and never waited for where all is well.
const LONG: Duration = Duration::from_secs(60);

/// A folder that makes no file before it is told to.
struct Hanging(Disk, Receiver<()>);

impl Folder for Hanging {
    fn list(&mut self) -> io::Result<Vec<Entry>> {
        self.0.list()
    }

    fn create(&mut self, name: &SegmentName) -> io::Result<Box<dyn SegmentFile>> {
        let _ = self.1.recv();
        self.0.create(name)
    }

    fn remove(&mut self, name: &SegmentName) -> io::Result<()> {
        self.0.remove(name)
    }

    fn space(&mut self) -> io::Result<Space> {
        self.0.space()
    }
}

/// Opens a disk, once it is told to.
fn slow(disk: &Disk) -> (Opening, Sender<Result<(), String>>) {
    let (answer, answered) = channel();
    let folder = disk.clone();
    let open = move || {
        answered.recv().unwrap_or(Ok(()))?;
        Ok(Box::new(folder) as Box<dyn Folder>)
    };
    (Box::new(open), answer)
}

fn start(open: Opening) -> Live {
    Live::start(open, Settings::default(), None, None).expect("a thread")
}

/// How it stands once that is so.
fn once(live: &Live, is: impl Fn(&crate::recording::State) -> bool) -> crate::recording::State {
    while !is(&live.state()) {
        std::thread::yield_now();
    }
    live.state()
}

#[test]
fn a_folder_that_hangs_is_waited_for_by_nobody_but_the_recorder() {
    let mut made = Made::new("sim:small");
    let disk = Disk::default();
    let (open, answer) = slow(&disk);
    let live = start(open);
    live.push(&made.tick());
    assert!(!live.state().begun);
    answer.send(Ok(())).expect("waited for");
    once(&live, |state| state.frames == 1);
    live.end().wait(LONG);
    assert_eq!(disk.names().len(), 1);

    let (open, answer) = slow(&disk);
    let live = start(open);
    answer.send(Err("/x: another retop records here".to_owned())).expect("waited for");
    let state = once(&live, |state| state.failed.is_some());
    assert_eq!(state.failed.as_deref(), Some("/x: another retop records here"));
    live.push(&made.tick());
    assert_eq!(live.state().paused, None);
    live.end().wait(LONG);
}

#[test]
fn a_recording_begins_when_the_one_before_it_has_ended() {
    let mut made = Made::new("sim:small");
    let disk = Disk::default();
    let (open, answer) = slow(&disk);
    let first = start(open);
    first.push(&made.tick());
    let ending = first.end();
    let (other, answer_other) = slow(&disk);
    let second = Live::start(other, Settings::default(), None, Some(ending)).expect("a thread");
    second.push(&made.tick());
    answer_other.send(Ok(())).expect("waited for");
    assert!(!second.state().begun);
    answer.send(Ok(())).expect("waited for");
    once(&second, |state| state.frames == 1);
    second.end().wait(LONG);
    let frames = |name: &String| {
        let recording = crate::recording::Recording::of_bytes("x", disk.bytes(name));
        recording.expect("whole").samples(i64::MIN, i64::MAX).count()
    };
    assert_eq!(disk.names().iter().map(frames).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_disk_that_does_not_answer_is_told_and_what_was_lost_never_grows_less() {
    let mut made = Made::new("sim:small");
    let disk = Disk::default();
    let (go, told) = channel();
    let folder = Hanging(disk.clone(), told);
    let live = start(Box::new(move || Ok(Box::new(folder) as Box<dyn Folder>)));
    let mut lost = 0;
    for _ in 0..140 {
        live.push(&made.tick());
        let now = live.state().lost;
        assert!(now >= lost);
        lost = now;
    }
    // A queue of 120, and one that the recorder has in hand.
    assert!(lost >= 19, "{lost}");
    assert_eq!(live.state().paused.as_deref(), Some("the disk does not answer"));
    // It answers that it is full, and later that it is not.
    disk.with(|state| state.fault = Some(io::ErrorKind::StorageFull));
    // Twice, for the recorder tries to make room; then it hangs again.
    go.send(()).expect("waited for");
    go.send(()).expect("waited for");
    while live.state().paused.as_deref() != Some("disk full") {
        live.push(&made.tick());
        let now = live.state().lost;
        assert!(now >= lost, "{now} after {lost}");
        lost = now;
    }
    disk.with(|state| state.fault = None);
    drop(go);
    let most = live.state().lost;
    let state = once(&live, |state| {
        live.push(&made_again());
        state.frames > 0 && state.paused.is_none()
    });
    assert!(state.lost >= most, "{} after {most}", state.lost);
    live.end().wait(LONG);
}

/// A moment long after the others: a disk that failed is tried again.
fn made_again() -> std::sync::Arc<retop_model::Snapshot> {
    thread_local!(static MADE: std::cell::RefCell<Made> = {
        let made = Made::new("sim:small");
        made.clock.pass(1_000_000);
        std::cell::RefCell::new(made)
    });
    MADE.with_borrow_mut(|made| made.tick())
}
