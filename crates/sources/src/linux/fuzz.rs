//! Every parser of this platform behind one signature, for the fuzzer and the replay of its corpus.

use super::{process, taskstats, users};

/// Name and entry of a parser.
pub type Parser = (&'static str, fn(&[u8]));

/// New ones go to the end: the corpus chooses by number.
pub const PARSERS: &[Parser] = &[
    ("process/stat", |bytes| {
        let _ = process::Stat::parse(bytes);
    }),
    ("process/detail", process::fuzz_details),
    ("process/texts", process::fuzz_texts),
    ("taskstats", taskstats::fuzz_messages),
    ("users", |bytes| drop(users::passwd(bytes))),
];
