use std::sync::Arc;

use proptest::prelude::*;
use retop_model::{RawSample, Snapshot};

use super::machine::{Step, assert_same, moments, step};
use crate::history::{Decoder, Encoder, FrameKind, Schema};

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
