//! Recordings that were written once are read for ever, and whatever a fuzzer once made of one is
//! an error or a recording.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use retop_engine::history::fuzz_frames;
use retop_engine::recording::{
    Directory, EventKind, FORMAT, Recorder, Recording, Settings, fuzz_segment,
};
use retop_engine::{Roots, Ticker, open};
use retop_fake_machine::HandClock;
use retop_fake_machine::damage::{corpus, damaged};
use retop_model::FamilyId;
use retop_model::family::{cpu, memory, process};

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(name)
}

/// How `format-1.retop` and those after it were made. None is made again: a change of the format
/// gets a file of its own beside them.
#[test]
#[ignore = "writes the file that later versions must read"]
fn write_a_recording_of_the_present_format() {
    let folder = std::env::temp_dir().join(format!("retop-format-{}", std::process::id()));
    let clock = Arc::new(HandClock::new(0, 1_800_000_000_000));
    let machine = open(Some("sim:small"), Roots::below(Path::new("/"))).expect("known");
    let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
    ticker.set_rules(retop_model::alert::builtin());
    let directory = Directory::open(&folder).expect("a folder");
    let mut recorder = Recorder::new(Box::new(directory), Settings::default()).expect("a recorder");
    for second in 0..60 {
        // Nobody looked for a while.
        let passed = if second == 30 { 31 } else { 1 };
        clock.pass(passed);
        recorder.push(&ticker.tick());
    }
    recorder.close();
    let written = std::fs::read_dir(&folder).expect("there").flatten();
    let segment = written.map(|entry| entry.path()).find(|path| path.extension().is_some());
    std::fs::copy(segment.expect("a segment"), kept(&format!("format-{FORMAT}.retop")))
        .expect("copied");
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn format_1_is_read_for_ever() {
    is_read("format-1.retop", 1);
}

#[test]
fn format_2_is_read_for_ever() {
    is_read("format-2.retop", 2);
}

#[test]
fn the_present_format_has_a_file() {
    let newest = std::fs::read(kept(&format!("format-{FORMAT}.retop"))).expect("there");
    assert_eq!(newest.get(5), Some(&FORMAT));
}

fn is_read(name: &str, format: u8) {
    let path = kept(name);
    let bytes = std::fs::read(&path).expect("there");
    assert!(bytes.len() < 100_000 && bytes.get(5) == Some(&format));
    let recording = Recording::open(&path).expect("a recording");
    let header = recording.header().expect("whole");
    assert_eq!((header.host.as_str(), header.interval_ms), ("shed", 1_000));
    let range = recording.range().expect("readable").expect("samples");
    assert_eq!(range, 1_800_000_001_000..1_800_000_090_001);
    let moments: Vec<_> =
        recording.moments(i64::MIN, i64::MAX).map(|m| m.expect("whole")).collect();
    assert_eq!(moments.len(), 60);
    for moment in &moments {
        assert!(moment.rows(FamilyId::Process).len() > 0);
        assert!(moment.one(memory::total_bytes).is_some_and(|bytes| bytes > 1e6));
    }
    // Values as they were then, in base units.
    let at = recording.asof(1_800_000_080_500).expect("readable").expect("there");
    let told: Vec<String> = [
        at.one(memory::total_bytes).map(|v| format!("{v}")),
        at.one(cpu::utilization_ratio).map(|v| format!("{v:.6}")),
        at.rows(FamilyId::Process).next().map(|row| row.shown(process::name).to_owned()),
    ]
    .into_iter()
    .map(Option::unwrap_or_default)
    .collect();
    assert_eq!(told, TOLD);
    let events = recording.events(i64::MIN, i64::MAX).expect("readable");
    let count = |kind| events.iter().filter(|event| event.kind == kind).count();
    let counts = [EventKind::Started, EventKind::Missed, EventKind::Ended].map(count);
    assert_eq!(counts, [1, 1, 1]);
    let slots: usize = recording.previews(i64::MIN, i64::MAX).map(|p| p.starts_ms.len()).sum();
    assert_eq!(slots, 8);
}

const TOLD: [&str; 3] = ["1073741824", "0.106493", "init"];

/// Bytes that mean something in a frame.
const TELLING: &[u8] = &[0, 1, 5, 64, 0xff];

#[test]
fn what_the_fuzzer_found_is_still_understood() {
    let formats = ["format-1.retop", "format-2.retop"];
    let mut inputs = corpus("recordings");
    damaged(&inputs, 200, TELLING, 64 * 1024, fuzz_segment);
    inputs.extend(formats.iter().map(|name| std::fs::read(kept(name)).expect("there")));
    inputs.iter().for_each(|input| fuzz_segment(input));
}

#[test]
fn bodies_of_frames_that_are_damaged_are_no_frames() {
    let inputs = corpus("frames");
    inputs.iter().for_each(|input| fuzz_frames(input));
    damaged(&inputs, 300, TELLING, 64 * 1024, fuzz_frames);
}
