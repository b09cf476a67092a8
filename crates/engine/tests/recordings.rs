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

/// The inputs of a fuzzer's corpus.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let entries = std::fs::read_dir(&corpus).expect("a corpus").flatten();
    entries.map(|entry| std::fs::read(entry.path()).expect("a readable input")).collect()
}

/// Cut, doubled and flipped: a fuzzer's first minute, the same in each run.
fn damaged(inputs: &[Vec<u8>], times: usize, try_it: fn(&[u8])) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap_or(0)
    };
    for whole in inputs {
        for _ in 0..times {
            let mut input = whole.clone();
            for _ in 0..=random(4) {
                let place = random(input.len());
                match (random(4), input.get_mut(place)) {
                    (0, Some(byte)) => *byte ^= 1 << random(8),
                    (1, Some(byte)) => *byte = [0, 1, 5, 64, 0xff][random(5)],
                    (2, _) => input.truncate(place),
                    (_, _) => input.extend_from_within(place..),
                }
                input.truncate(64 * 1024);
            }
            try_it(&input);
        }
    }
}

#[test]
fn what_the_fuzzer_found_is_still_understood() {
    let formats = ["format-1.retop", "format-2.retop"];
    let mut inputs = corpus("recordings");
    assert!(inputs.len() > 3, "the corpus is empty");
    damaged(&inputs, 200, fuzz_segment);
    inputs.extend(formats.iter().map(|name| std::fs::read(kept(name)).expect("there")));
    inputs.iter().for_each(|input| fuzz_segment(input));
}

#[test]
fn bodies_of_frames_that_are_damaged_are_no_frames() {
    let inputs = corpus("frames");
    assert!(inputs.len() > 1, "the corpus is empty");
    inputs.iter().for_each(|input| fuzz_frames(input));
    damaged(&inputs, 300, fuzz_frames);
}
