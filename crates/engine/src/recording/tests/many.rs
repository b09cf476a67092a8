//! Ten thousand segments in one folder, more than a year of hours: found, followed and removed with
//! bounded memory and no file open.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use retop_model::family::{cpu, host};
use retop_model::{FamilyId, Key, RawSample, RawTable, Snapshot, Stamp, Window, derive};

use super::Temporary;
use crate::export::Arguments;
use crate::history::{Buckets, Encoder, FrameKind, Past, Schema};
use crate::recording::event::Event;
use crate::recording::header::Header;
use crate::recording::slot::INDEXES;
use crate::recording::writer::Writer;
use crate::recording::{
    Directory, EventKind, Note, Recorder, Recording, Replay, SegmentName, Settings, record,
};

const SEGMENTS: u64 = 10_000;
/// Samples of a segment, a minute apart.
const SAMPLES: u64 = 2;
const BEGIN_MS: i64 = 1_700_000_000_000;

fn wall_ms(number: u64) -> i64 {
    BEGIN_MS + i64::try_from(number * 60_000).expect("a time")
}

fn moment(number: u64, last: Option<&Snapshot>) -> Snapshot {
    let ns = number * 60_000_000_000;
    let stamp = Stamp { wall_ms: wall_ms(number), monotonic_ns: ns, boottime_ns: ns };
    let mut raw = RawSample::new(stamp);
    let mut table = RawTable::new(FamilyId::Host);
    table.push(Key::ONE).text(host::name, "shed").text(host::boot_id, "1");
    table.finish(Window { begin_ns: ns, end_ns: ns });
    raw.put(Arc::new(table));
    let mut table = RawTable::new(FamilyId::Cpu);
    let spent = i64::try_from(number).expect("small") * 1_000_000;
    table.push(Key::ONE).set(cpu::user_seconds, spent).set(cpu::idle_seconds, spent * 3);
    table.finish(Window { begin_ns: ns, end_ns: ns });
    raw.put(Arc::new(table));
    derive(last, Arc::new(raw))
}

/// Writes them as a recorder does, with headers that declare no more than is in them: whole ones
/// would be half a gigabyte.
fn written(folder: &Path) {
    let mut schema = Schema::own();
    for family in &mut schema.families {
        if !["host", "cpu"].contains(&family.name.as_str()) {
            family.columns.clear();
            family.texts.clear();
        }
    }
    let mut encoder = Encoder::with_arguments(Arguments::Full).expect("an encoder");
    let mut last: Option<Snapshot> = None;
    let (mut frame, mut bytes) = (Vec::new(), Vec::new());
    for sequence in 0..SEGMENTS {
        encoder.request_key();
        let mut writer: Option<Writer> = None;
        for number in sequence * SAMPLES..(sequence + 1) * SAMPLES {
            let now = moment(number, last.as_ref());
            let stamp = now.stamp();
            let writer = writer.get_or_insert_with(|| {
                let header = Header {
                    version: "0".to_owned(),
                    host: "shed".to_owned(),
                    boot_id: "1".to_owned(),
                    page_bytes: 4096,
                    ticks_per_second: 100,
                    interval_ms: 60_000,
                    wall_ms: stamp.wall_ms,
                    monotonic_ns: stamp.monotonic_ns,
                    arguments: Arguments::Full,
                    schema: schema.clone(),
                };
                let name = SegmentName::new("shed", "1", stamp.wall_ms, sequence + 1);
                let file = std::fs::File::create_new(folder.join(name.to_string())).expect("new");
                let header = header.to_bytes();
                Writer::begin(Box::new(file), name, &header, stamp, "1".into()).expect("begun")
            });
            frame.clear();
            bytes.clear();
            let kind: FrameKind = encoder.frame(&now, &mut frame).expect("encoded");
            let (start, stamps) = writer.stamp(stamp, kind, &mut bytes);
            bytes.extend_from_slice(&frame);
            assert!(record::finish(&mut bytes, start));
            writer.frame(kind, &now, stamps, &bytes).expect("written");
            let event = Event::new(stamp, EventKind::ClockSet, "the clock was set");
            writer.event(&Event { value: Some(1.0), frame: None, ..event }).expect("written");
            last = Some(now);
        }
        writer.expect("samples").finish().expect("closed");
    }
}

/// Descriptors of this program that are files of that folder.
fn open_files(folder: &Path) -> usize {
    let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else { return 0 };
    let targets = descriptors.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.filter(|target| target.starts_with(folder)).count()
}

#[test]
fn ten_thousand_segments_are_one_recording() {
    let folder = Temporary::new("many");
    written(&folder.0);
    let samples = SEGMENTS * SAMPLES;
    let mut recording = Recording::open(&folder.0).expect("a recording");
    assert_eq!(recording.segments() as u64, SEGMENTS);
    assert_eq!(recording.range(), Ok(Some(BEGIN_MS..wall_ms(samples - 1) + 1)));
    for number in (0..samples).step_by(997) {
        let found = recording.asof(wall_ms(number) + 59_999).expect("readable").expect("there");
        assert_eq!(found.stamp().wall_ms, wall_ms(number));
    }
    assert!(!recording.refresh(), "nothing came since");
    let mut read = 0;
    for sample in recording.samples(i64::MIN, i64::MAX) {
        assert_eq!(sample.expect("whole").stamp.wall_ms, wall_ms(read));
        read += 1;
    }
    assert_eq!(read, samples);

    let replay = Replay::open(recording.clone()).expect("samples");
    let view = replay.view();
    assert_eq!(view.numbers(), 0..samples);
    for number in [0, 1, samples / 2, samples - 1] {
        assert_eq!(view.moment(number).map(|m| m.stamp().wall_ms), Some(wall_ms(number)));
        assert_eq!(view.number_at(wall_ms(number) + 1), Some(number));
    }
    // The newest of what happened, each at its sample.
    let told: Vec<u64> = replay.log().iter().map(|entry| entry.number).collect();
    assert_eq!(told.last(), Some(&(samples - 1)));
    assert!(told.len() >= 1_000 && told.is_sorted(), "{}", told.len());
    // All of it on one line: a bucket is a day, and is there.
    let mut buckets = Buckets::default();
    let range = (BEGIN_MS, wall_ms(samples));
    replay.fill(cpu::utilization_ratio, Key::ONE, range, 20, &mut buckets);
    assert_eq!((0..20).filter(|&place| buckets.get(place).is_some()).count(), 20);

    // Thousands of segments are neither thousands of descriptors nor of indexes.
    assert_eq!(open_files(&folder.0), 0);
    assert!(recording.indexes() <= INDEXES, "{}", recording.indexes());

    // A recorder that may keep a third of it removes the oldest, a few with each sample.
    let bytes = std::fs::read_dir(&folder.0).expect("there").flatten();
    let bytes: u64 = bytes.map(|entry| entry.metadata().map_or(0, |facts| facts.len())).sum();
    let settings = Settings {
        max_bytes: bytes / 3,
        max_age: Duration::MAX,
        min_free: 0.0,
        ..Settings::default()
    };
    let directory = Directory::open(&folder.0).expect("free");
    let mut recorder = Recorder::new(Box::new(directory), settings).expect("readable");
    let (mut removed, mut most, mut begun) = (0, 0, 0);
    for number in samples..samples + 300 {
        recorder.push(&moment(number, None));
        let before = removed;
        for note in recorder.notes() {
            removed += usize::from(matches!(note, Note::Removed(_)));
            begun += usize::from(matches!(note, Note::Opened(_)));
        }
        most = most.max(removed - before);
    }
    recorder.close();
    // A sample that begins a segment looks twice.
    assert!(most > 0 && most <= 64, "{most} at once");
    let left = Recording::open(&folder.0).expect("a recording");
    assert_eq!(left.segments(), SEGMENTS as usize + begun - removed);
    assert!(left.segments() < SEGMENTS as usize / 3 + begun + 1, "{}", left.segments());
    // Who looked at it all the time sees what is left, under the numbers that it had.
    assert!(recording.refresh());
    let view = recording.view();
    assert_eq!(view.numbers(), removed as u64 * SAMPLES..samples + 300);
    assert_eq!(view.last().map(|stamp| stamp.wall_ms), Some(wall_ms(samples + 299)));
}
