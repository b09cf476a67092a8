//! Bytes that went wrong: a fuzzer's first minute, the same in each run.

use std::fs;
use std::path::Path;

/// The inputs that a fuzzer has kept, of one folder below `fuzz/corpus`.
///
/// # Panics
///
/// Where the folder is not there, holds nothing, or cannot be read: a test of nothing proves nothing.
#[must_use]
pub fn corpus(name: &str) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let entries = fs::read_dir(&corpus).expect("a corpus").flatten();
    let inputs: Vec<_> =
        entries.map(|entry| fs::read(entry.path()).expect("a readable input")).collect();
    assert!(!inputs.is_empty(), "{} is empty", corpus.display());
    inputs
}

/// Cuts each of the inputs, doubles parts of it, flips bits and writes `telling` bytes into it, so
/// many times, and hands what comes of it over. Nothing is longer than `longest` bytes.
pub fn damaged(
    inputs: &[Vec<u8>],
    times: usize,
    telling: &[u8],
    longest: usize,
    mut try_it: impl FnMut(&[u8]),
) {
    // Marsaglia's xorshift.
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
                    (1, Some(byte)) => *byte = telling[random(telling.len())],
                    (2, _) => input.truncate(place),
                    (_, _) => input.extend_from_within(place..),
                }
                input.truncate(longest);
            }
            try_it(&input);
        }
    }
}
