//! Any bytes as bodies of frames: strings, tables, rows, columns, and what is derived from them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| retop_engine::history::fuzz_frames(bytes));
