//! Disks that fill up and fail, clocks that are set back, files that are too many.

use std::io;
use std::time::Duration;

use super::{Disk, Made, Temporary, recorder};
use crate::recording::{EventKind, Note, Recording, Settings};

#[test]
fn a_full_disk_pauses_and_room_ends_the_pause() {
    let mut made = Made::new("sim:small");
    let disk = Disk::default();
    let mut recorder = recorder(&disk, Settings { min_free: 0.0, ..Settings::default() });
    for _ in 0..20 {
        recorder.push(&made.tick());
    }
    let name = disk.names().remove(0);
    let full = disk.bytes(&name).len();
    // A few bytes are left: the next record is begun and does not fit.
    disk.with(|state| state.capacity = full + 40);
    for _ in 0..30 {
        recorder.push(&made.tick());
        assert_eq!(disk.bytes(&name).len(), full, "what did not fit was taken back");
    }
    assert_eq!(recorder.state().paused.as_deref(), Some("disk full"));
    assert_eq!(recorder.state().lost, 30);
    // A source says so in the sample.
    made.ticker.set_recorder(Some(recorder.state()));
    let moment = made.tick();
    let source = retop_model::family::source::reason;
    let row = moment.rows(retop_model::FamilyId::Source).find(|row| !row.shown(source).is_empty());
    assert_eq!(row.map(|row| row.shown(source)), Some("recording paused: disk full"));
    disk.with(|state| state.capacity = 0);
    for _ in 0..20 {
        recorder.push(&made.tick());
    }
    assert_eq!(recorder.state().paused, None);
    let notes: Vec<Note> = recorder.notes().skip(1).collect();
    assert_eq!(notes, [Note::Paused("disk full".into()), Note::Resumed]);
    recorder.close();
    let recording = Recording::of_bytes("x", disk.bytes(&name)).expect("a recording");
    let samples: Vec<_> = recording.moments(i64::MIN, i64::MAX).collect();
    let lost = usize::try_from(recorder.state().lost).expect("few");
    assert_eq!(samples.len(), 71 - 1 - lost);
    assert!(samples.iter().all(Result::is_ok));
    let events = recording.events(i64::MIN, i64::MAX).expect("readable");
    let gap = events.iter().find(|event| event.kind == EventKind::Paused).expect("a gap");
    assert!(gap.message.ends_with("s: disk full"), "{gap:?}");
}

#[test]
fn a_disk_that_fails_in_any_way_loses_no_sample_that_was_written() {
    let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::Other, io::ErrorKind::PermissionDenied];
    for (turn, kind) in kinds.into_iter().enumerate() {
        for stuck in [false, true] {
            let mut made = Made::new("sim:small");
            let disk = Disk::default();
            let mut recorder = recorder(&disk, Settings { min_free: 0.0, ..Settings::default() });
            let mut written = Vec::new();
            for second in 0..200usize {
                let fails = second % (40 + turn) > 30;
                disk.with(|state| (state.fault, state.stuck) = (fails.then_some(kind), stuck));
                let before = recorder.state().frames;
                let moment = made.tick();
                recorder.push(&moment);
                if recorder.state().frames > before {
                    written.push(moment.stamp());
                }
            }
            disk.with(|state| (state.fault, state.stuck) = (None, false));
            recorder.close();
            let folder = Temporary::new(&format!("fails-{turn}-{stuck}"));
            let recording = disk.recording(&folder.0);
            let read: Vec<_> = recording
                .samples(i64::MIN, i64::MAX)
                .map(|sample| sample.expect("whole").stamp)
                .collect();
            assert_eq!(read, written);
            assert!(read.len() > 100 && read.len() < 200, "{}", read.len());
        }
    }
}

#[test]
fn segments_end_in_time_and_the_oldest_go() {
    let mut made = Made::new("sim:small");
    let disk = Disk::default();
    let settings = Settings {
        segment_bytes: 100_000,
        max_bytes: 400_000,
        max_age: Duration::from_secs(3_000),
        ..Settings::default()
    };
    let mut recorder = recorder(&disk, settings);
    for second in 0..4_000u64 {
        recorder.push(&made.tick());
        let total: usize = disk.with(|state| state.files.values().map(Vec::len).sum());
        assert!(total <= 400_000 + 110_000, "{total} bytes after {second} s");
    }
    let removed = recorder.notes().filter(|note| matches!(note, Note::Removed(_))).count();
    assert!(removed > 2, "{removed}");
    // Each segment but the newest is closed and small.
    let names = disk.names();
    for name in &names[..names.len() - 1] {
        assert!(disk.bytes(name).len() < 200_000, "{name}");
    }
    // By age alone.
    let disk = Disk::default();
    let settings = Settings { max_age: Duration::from_secs(2 * 3600), ..Settings::default() };
    let mut recorder = super::recorder(&disk, settings);
    let mut made = Made::new("sim:small");
    for _ in 0..600 {
        made.clock.pass(59_000);
        recorder.push(&made.tick());
    }
    assert!((3..=4).contains(&disk.names().len()), "{:?}", disk.names());
}

#[test]
fn room_that_others_need_is_made() {
    let mut made = Made::new("sim:small");
    let disk = Disk::default();
    disk.with(|state| state.capacity = 3_000_000);
    let settings = Settings { segment_bytes: 60_000, min_free: 0.2, ..Settings::default() };
    let mut recorder = recorder(&disk, settings);
    for _ in 0..600 {
        recorder.push(&made.tick());
    }
    let before = disk.names().len();
    disk.with(|state| state.others = 2_300_000);
    for _ in 0..70 {
        recorder.push(&made.tick());
    }
    let used: usize = disk.with(|state| state.files.values().map(Vec::len).sum());
    assert!(disk.names().len() < before && used <= 170_000, "{used}");
    assert_eq!(recorder.state().paused, None);
}

#[test]
fn each_record_is_one_write() {
    let mut made = Made::new("sim:small");
    let disk = Disk::default();
    let mut recorder = recorder(&disk, Settings::default());
    recorder.push(&made.tick());
    let count = || disk.with(|state| (state.writes, state.syncs));
    let before = count();
    for _ in 0..100 {
        recorder.push(&made.tick());
    }
    let events = {
        let bytes = disk.bytes(&disk.names()[0]);
        let recording = Recording::of_bytes("x", bytes).expect("a recording");
        recording.events(i64::MIN, i64::MAX).expect("readable").len() - 1
    };
    assert_eq!(count().0 - before.0, 100 + events);
    assert_eq!(count().1, before.1, "the disk is waited for at key frames");
}

#[test]
fn a_read_only_folder_is_an_error_with_its_path() {
    // Root may write anywhere but into a file.
    let folder = Temporary::new("readonly");
    let file = folder.0.join("file");
    std::fs::write(&file, b"").expect("written");
    for path in [file.clone(), file.join("below")] {
        let error = crate::recording::Directory::open(&path).expect_err("no folder");
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    }
    // A link in the place of the lock is not followed.
    let other = folder.0.join("other");
    std::fs::create_dir(&other).expect("made");
    std::os::unix::fs::symlink(&file, other.join(".lock")).expect("linked");
    crate::recording::Directory::open(&other).expect_err("a link");
}

#[test]
fn a_folder_that_is_removed_is_made_again_and_said_to_be() {
    let folder = Temporary::new("vanished");
    let path = folder.0.join("rec");
    let directory = crate::recording::Directory::open(&path).expect("made");
    let settings = Settings { min_free: 0.0, ..Settings::default() };
    let mut recorder =
        crate::recording::Recorder::new(Box::new(directory), settings).expect("readable");
    let mut made = Made::new("sim:small");
    let samples = |recorder: &mut crate::recording::Recorder, made: &mut Made| {
        (0..5).for_each(|_| recorder.push(&made.tick()));
        recorder.notes().map(|note| note.to_string()).collect::<Vec<_>>()
    };
    samples(&mut recorder, &mut made);
    for remove in [
        |path: &std::path::Path| std::fs::remove_dir_all(path),
        // The file alone.
        |path: &std::path::Path| {
            let file = std::fs::read_dir(path)?.flatten().map(|entry| entry.path());
            file.filter(|path| path.extension().is_some()).try_for_each(std::fs::remove_file)
        },
    ] {
        remove(&path).expect("removed");
        let notes = samples(&mut recorder, &mut made);
        assert!(notes.len() == 2 && notes[0].contains("was removed by somebody"), "{notes:?}");
        assert!(notes[1].starts_with("recording into "), "{notes:?}");
        let recording = Recording::open(&path).expect("a recording");
        assert_eq!(recording.samples(i64::MIN, i64::MAX).count(), 5);
        let second = crate::recording::Directory::open(&path).expect_err("still its own");
        assert!(second.to_string().contains("another retop records here"), "{second}");
    }
    // Somebody else records there by now.
    std::fs::remove_dir_all(&path).expect("removed");
    let other = crate::recording::Directory::open(&path).expect("free");
    let notes = samples(&mut recorder, &mut made);
    assert!(notes[1].starts_with("recording paused: another retop records here"), "{notes:?}");
    drop(other);
}

#[test]
fn what_cannot_be_removed_counts_and_is_told_once() {
    let mut made = Made::new("sim:small");
    let disk = Disk::default();
    let limit = 400_000;
    let settings = Settings { segment_bytes: 60_000, max_bytes: limit, ..Settings::default() };
    let mut recorder = recorder(&disk, settings);
    let mut told = Vec::new();
    for second in 0..1_500u64 {
        recorder.push(&made.tick());
        if second == 300 {
            let fast = disk.names().remove(0);
            disk.with(|state| state.fast.push(fast));
        }
        let total: usize = disk.with(|state| state.files.values().map(Vec::len).sum());
        assert!(total as u64 <= limit + 70_000, "{total} bytes after {second} s");
        let notes = recorder.notes().map(|note| note.to_string());
        told.extend(notes.filter(|note| note.contains("cannot be removed")));
    }
    let fast = disk.with(|state| state.fast[0].clone());
    assert_eq!(told, [format!("{fast} cannot be removed: permission denied; it counts")]);
    // Once it can be, it goes.
    disk.with(|state| state.fast.clear());
    for _ in 0..300 {
        recorder.push(&made.tick());
    }
    assert!(!disk.names().contains(&fast));
}

#[test]
fn the_disk_is_waited_for_every_two_minutes_however_long_an_interval_is() {
    for (seconds, samples, wanted) in [(30, 40, 10), (1, 1_200, 10), (600, 10, 10)] {
        let mut made = Made::new("sim:small");
        // Nothing that fires, which is waited for as well.
        made.ticker.set_rules(Vec::new());
        let disk = Disk::default();
        let mut recorder = recorder(&disk, Settings::default());
        for _ in 0..samples {
            made.clock.pass((seconds - 1) * 1_000);
            recorder.push(&made.tick());
        }
        let syncs = disk.with(|state| state.syncs);
        assert!((wanted..=wanted + 3).contains(&syncs), "{syncs} with {seconds} s");
    }
}
