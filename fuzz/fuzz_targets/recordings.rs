//! Any bytes as a segment of a recording: header, records, footer, frames, events, previews.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| retop_engine::recording::fuzz_segment(bytes));
