//! Folders with segments of more than one host name: a machine that was renamed, a container that
//! has another name at each start, a file that somebody put there.

use std::path::Path;
use std::time::Duration;

use retop_model::family::host;
use retop_model::{FamilyId, Key, RawSample, RawTable, Snapshot, Stamp, Window, derive};

use super::Temporary;
use crate::recording::{Directory, Note, Recorder, Recording, SegmentName, Settings};

const BEGIN_MS: i64 = 1_800_000_000_000;

/// A moment of a machine that has that name now.
fn moment(name: &str, second: u64) -> Snapshot {
    let ns = second * 1_000_000_000;
    let wall_ms = BEGIN_MS + i64::try_from(second * 1_000).expect("a time");
    let mut raw = RawSample::new(Stamp { wall_ms, monotonic_ns: ns, boottime_ns: ns });
    let mut table = RawTable::new(FamilyId::Host);
    table.push(Key::ONE).text(host::name, name).text(host::boot_id, "1b2c3d4e");
    table.finish(Window { begin_ns: ns, end_ns: ns });
    raw.put(std::sync::Arc::new(table));
    derive(None, std::sync::Arc::new(raw))
}

/// Records these seconds under that name, as a retop that is started and ended does.
fn record(
    folder: &Path,
    name: &str,
    seconds: std::ops::Range<u64>,
    settings: &Settings,
) -> Vec<Note> {
    let directory = Directory::open(folder).expect("free");
    let mut recorder = Recorder::new(Box::new(directory), settings.clone()).expect("readable");
    for second in seconds {
        recorder.push(&moment(name, second));
    }
    recorder.close();
    recorder.notes().collect()
}

fn names(folder: &Path) -> Vec<SegmentName> {
    let entries = std::fs::read_dir(folder).expect("there").flatten();
    let names = entries.filter_map(|entry| SegmentName::parse(entry.file_name().to_str()?));
    let mut names: Vec<_> = names.collect();
    names.sort_by_key(|name| (name.sequence, name.wall_ms));
    names
}

fn roomy() -> Settings {
    Settings { min_free: 0.0, ..Settings::default() }
}

#[test]
fn a_host_that_has_another_name_at_each_start_is_one_recording() {
    let folder = Temporary::new("renamed");
    for (start, name) in ["4f1c", "web", "0a77"].into_iter().enumerate() {
        let begin = start as u64 * 100;
        record(&folder.0, name, begin..begin + 10, &roomy());
    }
    let mut recording = Recording::open(&folder.0).expect("one recording");
    assert_eq!(recording.samples(i64::MIN, i64::MAX).filter(Result::is_ok).count(), 30);
    record(&folder.0, "ff00", 300..310, &roomy());
    assert!(recording.refresh());
    assert_eq!(recording.view().numbers(), 0..40);
}

#[test]
fn machines_that_recorded_at_the_same_time_are_no_recording() {
    let (ours, theirs) = (Temporary::new("ours"), Temporary::new("theirs"));
    record(&ours.0, "web", 0..100, &roomy());
    for (seconds, mixed) in [(50..60, true), (99..120, true), (100..120, false)] {
        let folder = Temporary::new("mixed");
        record(&theirs.0, "db", seconds.clone(), &roomy());
        for from in [&ours.0, &theirs.0] {
            for name in names(from) {
                let name = name.to_string();
                std::fs::copy(from.join(&name), folder.0.join(&name)).expect("copied");
            }
        }
        for name in names(&theirs.0) {
            std::fs::remove_file(theirs.0.join(name.to_string())).expect("removed");
        }
        let opened = Recording::open(&folder.0);
        assert_eq!(opened.is_err(), mixed, "{seconds:?}");
        let told = opened.map_or_else(|error| error.to_string(), |_| String::new());
        let next =
            "several machines at once (db, web): give each a folder of its own, or name files";
        assert!(!mixed || told.contains(next), "{told}");
    }
}

#[test]
fn a_file_of_another_machine_does_not_end_a_look_at_what_is_recorded() {
    let (folder, theirs) = (Temporary::new("looked-at"), Temporary::new("from-afar"));
    record(&folder.0, "web", 0..10, &roomy());
    let mut recording = Recording::open(&folder.0).expect("a recording");
    record(&theirs.0, "db", 5..8, &roomy());
    for name in names(&theirs.0) {
        let name = name.to_string();
        std::fs::copy(theirs.0.join(&name), folder.0.join(&name)).expect("copied");
    }
    record(&folder.0, "web", 20..30, &roomy());
    assert!(recording.refresh());
    assert_eq!(recording.view().numbers(), 0..20, "what this machine recorded, and no more");
}

#[test]
fn what_another_machine_recorded_is_not_removed_and_what_this_one_did_under_another_name_is() {
    let (folder, theirs) = (Temporary::new("kept"), Temporary::new("incident"));
    record(&theirs.0, "db", 0..10, &roomy());
    let incident = names(&theirs.0).remove(0).to_string();
    record(&folder.0, "before", 100..110, &roomy());
    std::fs::copy(theirs.0.join(&incident), folder.0.join(&incident)).expect("copied");
    record(&folder.0, "web", 200..210, &roomy());
    let old = Settings { max_age: Duration::from_secs(50), ..roomy() };
    let notes = record(&folder.0, "web", 10_000..10_070, &old);
    let removed = notes.iter().filter(|note| matches!(note, Note::Removed(_))).count();
    assert_eq!(removed, 2, "{notes:?}");
    let left: Vec<_> = names(&folder.0).into_iter().map(|name| name.host).collect();
    assert_eq!(left, ["db", "web"]);
    // Nor do its bytes count.
    let small = Settings { max_bytes: 1, ..roomy() };
    record(&folder.0, "web", 20_000..20_010, &small);
    assert!(folder.0.join(&incident).exists());
}
