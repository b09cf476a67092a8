//! Torn, cut, flipped and foreign files: what stands before the damage is read, nothing panics.

use std::sync::Arc;

use retop_fake_machine::damage::damaged;
use retop_model::Snapshot;

use super::{Disk, Made, recorder};
use crate::history::KEY_INTERVAL;
use crate::recording::{Header, Recording, Settings, fuzz_segment};

/// A recording of so many samples, and where each record's last byte stands.
fn recorded(samples: usize, closed: bool) -> (Vec<u8>, Vec<Arc<Snapshot>>, Vec<usize>) {
    let mut made = Made::new("sim:small");
    let disk = Disk::default();
    let mut recorder = recorder(&disk, Settings::default());
    let (mut live, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let moment = made.tick();
        recorder.push(&moment);
        live.push(moment);
        ends.push(disk.bytes(&disk.names()[0]).len());
    }
    if closed {
        recorder.close();
    }
    (disk.bytes(&disk.names()[0]), live, ends)
}

/// How many samples can be read, and how often damage is told.
fn read(bytes: Vec<u8>) -> (usize, usize) {
    let Ok(recording) = Recording::of_bytes("x", bytes) else { return (0, 0) };
    let moments: Vec<_> = recording.samples(i64::MIN, i64::MAX).collect();
    let good = moments.iter().filter(|moment| moment.is_ok()).count();
    (good, moments.len() - good)
}

#[test]
fn a_cut_costs_the_record_that_was_cut() {
    for closed in [false, true] {
        let (bytes, live, ends) = recorded(KEY_INTERVAL + 30, closed);
        let end = ends[ends.len() - 3];
        // Every byte of the last records, and a few hundred places before them.
        let step = (end / 300).max(1);
        for (turn, cut) in (0..end).step_by(step).chain(end..bytes.len()).enumerate() {
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            let (good, bad) = match Recording::of_bytes("x", bytes[..cut].to_vec()) {
                // Decoding takes most of the time; the index tells as much.
                Ok(recording) if turn % 20 != 0 => (recording.view().len(), 0),
                _ => read(bytes[..cut].to_vec()),
            };
            // The last record of a sample may be an event that its frame does not need.
            assert!(good == whole || good == whole + 1, "cut at {cut}: {good} of {whole}");
            assert_eq!(bad, 0, "a torn tail is no damage");
        }
        assert_eq!(read(bytes), (live.len(), 0));
    }
}

#[test]
fn whatever_follows_a_crash_is_no_sample() {
    let (bytes, live, _) = recorded(40, false);
    for tail in [vec![0; 4096], vec![0xff; 4096], vec![0x2a; 100], b"\x20\0\0\0RETOP".to_vec()] {
        let mut torn = bytes.clone();
        torn.extend(&tail);
        assert_eq!(read(torn), (live.len(), 0), "{:?}", &tail[..4]);
    }
    // A page of the last record that never reached the disk.
    let mut torn = bytes.clone();
    let end = torn.len();
    torn[end - 20..].fill(0);
    assert_eq!(read(torn), (live.len() - 1, 0));
}

#[test]
fn every_flipped_bit_is_noticed() {
    for closed in [false, true] {
        let (bytes, live, _) = recorded(2 * KEY_INTERVAL + 20, closed);
        let header = Recording::of_bytes("x", bytes.clone()).expect("whole");
        let begin = header.header().expect("whole").to_bytes().len();
        for place in 0..60 {
            let mut flipped = bytes.clone();
            let at = begin + (bytes.len() - begin) * place / 60;
            flipped[at] ^= 1 << (place % 8);
            let recording = Recording::of_bytes("x", flipped).expect("the header is whole");
            let mut good = 0;
            for sample in recording.samples(i64::MIN, i64::MAX).flatten() {
                let stamp = sample.stamp;
                let same = live.iter().find(|live| live.stamp() == stamp).expect("no other time");
                let mut made = sample;
                // Arguments were masked; the rest is equal.
                let family = retop_model::FamilyId::Memory;
                assert_eq!(
                    Arc::make_mut(&mut made).take(family),
                    same.raw().table(family).cloned()
                );
                good += 1;
            }
            let lost = live.len() - good;
            // Without a footer nothing tells where the next record begins behind a wrong length.
            if closed {
                assert!(lost <= KEY_INTERVAL, "flipped at {at}: {lost} lost of a closed segment");
            }
            let view = recording.view();
            for number in view.numbers() {
                let _ = view.stamp(number);
            }
        }
    }
}

#[test]
fn what_is_no_recording_says_so() {
    let (bytes, ..) = recorded(3, true);
    let newer = {
        let mut newer = bytes.clone();
        newer[5] = 9;
        newer
    };
    let long = {
        let mut long = bytes.clone();
        long[9] = 0xff;
        long
    };
    let flipped = {
        let mut flipped = bytes.clone();
        flipped[100] ^= 1;
        flipped
    };
    for (bytes, wanted) in [
        (Vec::new(), "x: the file is empty: no recording was begun"),
        (
            b"atop".to_vec(),
            "x: byte 0: this is no recording of retop: it does not begin with RETOP",
        ),
        (b"RET".to_vec(), "x: byte 3: the file ends within its header: nothing was recorded"),
        (
            newer,
            "x: byte 5: the recording has format 9 and this retop reads 2: read it with the retop that wrote it, or a newer one",
        ),
        (long, "x: byte 6: the header is damaged: longer than 1 MiB"),
        (bytes[..60].to_vec(), "x: byte 60: the file ends within its header: nothing was recorded"),
        (flipped, "x: byte 14: the header is damaged: its checksum does not fit"),
    ] {
        let error = Recording::of_bytes("x", bytes).and_then(|recording| recording.header());
        assert_eq!(error.map(|_| String::new()).unwrap_or_else(|e| e.to_string()), wanted);
    }
}

#[test]
fn a_segment_that_was_hardly_begun_is_passed_over() {
    let (bytes, live, _) = recorded(20, false);
    let folder = super::Temporary::new("unbegun");
    let name = |sequence| crate::recording::SegmentName::new("shed", "1", 0, sequence).to_string();
    std::fs::write(folder.0.join(name(1)), &bytes).expect("written");
    // A crash between making a file and writing its header, or within that.
    for cut in [0, 3, 9, 13, 60] {
        std::fs::write(folder.0.join(name(2)), &bytes[..cut]).expect("written");
        let recording = Recording::open(&folder.0).expect("a recording");
        let read: Result<Vec<_>, _> = recording.samples(i64::MIN, i64::MAX).collect();
        assert_eq!(read.map(|read| read.len()), Ok(live.len()), "{cut}");
        assert!(recording.events(i64::MIN, i64::MAX).is_ok());
        assert!(recording.asof(i64::MAX).expect("readable").is_some());
        assert_eq!(recording.view().len(), live.len());
    }
    // Alone it is an error that says so.
    let alone = Recording::open(&folder.0.join(name(2))).and_then(|recording| recording.header());
    assert!(alone.is_err_and(|error| error.reason.contains("ends within its header")));
}

#[test]
fn a_header_survives_and_hostile_ones_are_refused() {
    let (bytes, ..) = recorded(3, true);
    let header = Recording::of_bytes("x", bytes).expect("whole").header().expect("whole");
    assert_eq!(header.schema, crate::history::Schema::own());
    assert_eq!(Header::of_json(&header.to_bytes()[14..]), Ok(header));
    for json in [
        "",
        "{}",
        "[]",
        r#"{"retop":"1","tables":[{"name":"x","columns":[{"name":"y","kind":"z"}]}]}"#,
        r#"{"retop":"1","tables":[{"name":"x","columns":[{"name":"y","kind":"gauge","divisor":0}]}]}"#,
    ] {
        assert!(Header::of_json(json.as_bytes()).is_err(), "{json}");
    }
    // What a newer retop adds is passed over.
    let more = r#"{"retop":"9","colour":"red","tables":[{"name":"disk","texts":["a"],"smell":1}]}"#;
    assert_eq!(Header::of_json(more.as_bytes()).expect("fine").schema.families.len(), 1);
}

#[test]
fn damaged_bytes_never_panic() {
    let (bytes, ..) = recorded(KEY_INTERVAL + 10, true);
    damaged(&[bytes], 300, &[0, 0xff, 5, 64], 1 << 20, fuzz_segment);
}
