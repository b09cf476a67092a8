//! Replays the fuzzer's corpus on a stable compiler, and throws some noise at every parser.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;

fn parse(input: &[u8]) {
    let parsers = retop_sources::parsers();
    let Some((&choice, rest)) = input.split_first() else { return };
    if let Some((_, parse)) = parsers.get(usize::from(choice) % parsers.len().max(1)) {
        parse(rest);
    }
}

#[test]
fn the_corpus_is_still_understood() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/parsers");
    let mut inputs = 0;
    for entry in fs::read_dir(&corpus).expect("a corpus").flatten() {
        parse(&fs::read(entry.path()).expect("a readable input"));
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", corpus.display());
}

/// Cut, doubled and flipped inputs of the corpus: a fuzzer's first minute, the same in each run.
#[test]
fn damaged_inputs_never_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/parsers");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap_or(0)
    };
    for entry in fs::read_dir(&corpus).expect("a corpus").flatten() {
        let whole = fs::read(entry.path()).expect("a readable input");
        for _ in 0..500 {
            let mut input = whole.clone();
            for _ in 0..=random(4) {
                let place = random(input.len());
                match (random(4), input.get_mut(place)) {
                    (0, Some(byte)) => *byte ^= 1 << random(8),
                    (1, Some(byte)) => *byte = b"\0\n )9-:\xff"[random(8)],
                    (2, _) => input.truncate(place),
                    (_, _) => input.extend_from_within(place..),
                }
                input.truncate(64 * 1024);
            }
            parse(&input);
        }
    }
}
