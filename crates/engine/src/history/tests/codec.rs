use std::sync::Arc;

use proptest::prelude::*;
use retop_model::family::process;
use retop_model::{FamilyId, Key, RawSample, RawTable, Snapshot, Stamp, derive};

use super::machine::{Step, assert_same, moments, step};
use super::population::Population;
use crate::history::zstd::{Deflate, Inflate};
use crate::history::{Decoder, Encoder, FrameKind, KEY_INTERVAL, STRING_LIMIT, Schema};

fn encode(moments: &[Snapshot], steps: &[Step]) -> Vec<(FrameKind, Vec<u8>)> {
    let mut encoder = Encoder::new().unwrap();
    let frame = |(moment, step): (&Snapshot, &Step)| {
        if step.key_asked {
            encoder.request_key();
        }
        let mut out = Vec::new();
        let kind = encoder.frame(moment, &mut out).unwrap();
        (kind, out)
    };
    moments.iter().zip(steps).map(frame).collect()
}

proptest! {
    #[test]
    fn every_moment_survives(steps in prop::collection::vec(step(), 1..40)) {
        let moments = moments(&steps);
        let mut decoder = Decoder::new(&Schema::own()).unwrap();
        let mut last: Option<(Arc<RawSample>, &Snapshot)> = None;
        for (moment, (kind, payload)) in moments.iter().zip(encode(&moments, &steps)) {
            prop_assert!(kind == FrameKind::Key || !moment.is_gap());
            decoder.frame(kind, &payload).unwrap();
            assert_same(&decoder.snapshot().unwrap(), moment);
            let sample = decoder.sample().unwrap();
            if let (FrameKind::Delta, Some((last, was))) = (kind, last) {
                for (table, same) in was.raw().tables().filter_map(|table| {
                    let now = moment.raw().table(table.family())?;
                    Some((table.family(), Arc::ptr_eq(table, now)))
                }) {
                    let pair = (last.table(table).unwrap(), sample.table(table).unwrap());
                    prop_assert!(!same || Arc::ptr_eq(pair.0, pair.1));
                }
            }
            last = Some((sample, moment));
        }
    }

    #[test]
    fn a_key_frame_needs_nothing(steps in prop::collection::vec(step(), 1..30)) {
        let moments = moments(&steps);
        let frames = encode(&moments, &steps);
        for (moment, (kind, payload)) in moments.iter().zip(&frames) {
            if *kind == FrameKind::Key {
                let mut decoder = Decoder::new(&Schema::own()).unwrap();
                decoder.frame(*kind, payload).unwrap();
                assert_same(&decoder.snapshot().unwrap(), moment);
            }
        }
    }

    #[test]
    fn flipped_bits_give_an_error_or_a_sample(
        steps in prop::collection::vec(step(), 1..12),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4),
    ) {
        let mut frames = encode(&moments(&steps), &steps);
        for (place, bit) in flips {
            let all: usize = frames.iter().map(|(_, payload)| payload.len()).sum();
            let mut place = place.index(all);
            for (_, payload) in &mut frames {
                match payload.get_mut(place) {
                    Some(byte) => {
                        *byte ^= 1 << bit;
                        break;
                    }
                    None => place -= payload.len(),
                }
            }
        }
        read_all(&frames);
    }

    #[test]
    fn arbitrary_payloads_give_an_error_or_a_sample(
        frames in prop::collection::vec((any::<bool>(), any::<Vec<u8>>()), 1..4),
    ) {
        let kind = |key| if key { FrameKind::Key } else { FrameKind::Delta };
        let frames: Vec<_> =
            frames.into_iter().map(|(key, payload)| (kind(key), payload)).collect();
        read_all(&frames);
    }
}

#[test]
fn a_torn_frame_is_an_error_wherever_it_is_torn() {
    let mut population = Population::new(3);
    let mut encoder = Encoder::new().unwrap();
    let frames: Vec<(FrameKind, Vec<u8>)> = (0..3)
        .map(|_| {
            let mut out = Vec::new();
            let kind = encoder.frame(&population.next(), &mut out).unwrap();
            (kind, out)
        })
        .collect();
    let (kind, last) = &frames[2];
    for cut in 0..last.len() {
        let mut decoder = Decoder::new(&Schema::own()).unwrap();
        for (kind, payload) in &frames[..2] {
            decoder.frame(*kind, payload).unwrap();
        }
        assert!(decoder.frame(*kind, &last[..cut]).is_err(), "cut at {cut} of {}", last.len());
        assert!(decoder.snapshot().is_none());
        assert!(decoder.frame(*kind, last).is_err(), "a delta frame after an error");
        decoder.frame(frames[0].0, &frames[0].1).unwrap();
    }
    let mut decoder = Decoder::new(&Schema::own()).unwrap();
    assert!(decoder.frame(FrameKind::Delta, &frames[0].1).is_err());
    assert!(decoder.frame(FrameKind::Key, &frames[1].1).is_err());
}

#[test]
fn key_frames_come_when_they_must() {
    let mut population = Population::new(3);
    let mut encoder = Encoder::new().unwrap();
    let mut kinds = Vec::new();
    for number in 0..2 * KEY_INTERVAL + 60 {
        if number == KEY_INTERVAL + 50 {
            encoder.request_key();
        }
        kinds.push(encoder.frame(&population.next(), &mut Vec::new()).unwrap());
    }
    let keys: Vec<usize> = (0..kinds.len()).filter(|&n| kinds[n] == FrameKind::Key).collect();
    assert_eq!(keys, [0, KEY_INTERVAL, KEY_INTERVAL + 50, 2 * KEY_INTERVAL + 50]);
}

#[test]
fn an_endless_text_is_cut() {
    let mut sample = RawSample::new(Stamp::default());
    let mut table = RawTable::new(FamilyId::Process);
    table.push(Key(1, 1)).text(process::command, "x".repeat(STRING_LIMIT + 5));
    sample.put(Arc::new(table));
    let mut out = Vec::new();
    let moment = derive(None, Arc::new(sample));
    let kind = Encoder::new().unwrap().frame(&moment, &mut out).unwrap();
    let mut decoder = Decoder::new(&Schema::own()).unwrap();
    decoder.frame(kind, &out).unwrap();
    let decoded = decoder.snapshot().unwrap();
    let row = decoded.row(FamilyId::Process, 0).unwrap();
    assert_eq!(row.shown(process::command).len(), STRING_LIMIT);
}

#[test]
fn a_frame_that_inflates_without_end_is_stopped() {
    let mut payload = Vec::new();
    Deflate::new().unwrap().frame(&vec![0; 4 << 20], &mut payload).unwrap();
    assert!(payload.len() < 1_000);
    let mut out = Vec::new();
    let error = Inflate::new().unwrap().frame(&payload, 1 << 20, &mut out).unwrap_err();
    assert_eq!(error.reason, "frame too large");
    assert!(out.capacity() <= 2 << 20, "{}", out.capacity());
}

/// Whatever the bytes, a moment that comes out can be asked everything.
fn read_all(frames: &[(FrameKind, Vec<u8>)]) {
    let mut decoder = Decoder::new(&Schema::own()).unwrap();
    for (kind, payload) in frames {
        if decoder.frame(*kind, payload).is_ok() {
            let moment = decoder.snapshot().unwrap();
            assert_same(&moment, &moment);
        } else {
            assert!(decoder.snapshot().is_none());
        }
    }
}
