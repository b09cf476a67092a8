//! Every parser of what a machine says. The first byte chooses the parser.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, input)) = bytes.split_first() else { return };
    let parsers = retop_sources::parsers();
    if let Some((_, parse)) = parsers.get(usize::from(choice) % parsers.len().max(1)) {
        parse(input);
    }
});
