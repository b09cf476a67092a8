//! Replays the fuzzer's corpus on a stable compiler, and throws some noise at every parser.
#![cfg(target_os = "linux")]

use retop_fake_machine::damage::{corpus, damaged};

fn parse(input: &[u8]) {
    let parsers = retop_sources::parsers();
    let Some((&choice, rest)) = input.split_first() else { return };
    if let Some((_, parse)) = parsers.get(usize::from(choice) % parsers.len().max(1)) {
        parse(rest);
    }
}

#[test]
fn the_corpus_is_still_understood() {
    corpus("parsers").iter().for_each(|input| parse(input));
}

#[test]
fn damaged_inputs_never_panic() {
    damaged(&corpus("parsers"), 500, b"\0\n )9-:\xff", 64 * 1024, parse);
}
