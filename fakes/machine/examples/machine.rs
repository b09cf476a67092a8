//! Writes a made-up machine:
//! `cargo run -p retop-fake-machine --example machine -- NAME DIR SECOND`.
//! `many:COUNT` as a name gives that many processes.

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, dir, rest @ ..] = arguments.as_slice() else {
        let known = retop_fake_machine::NAMES.join(", ");
        return Err(io::Error::other(format!(
            "give NAME DIR [SECOND]; NAME is many:COUNT, {known}"
        )));
    };
    let second = rest.first().and_then(|text| text.parse().ok()).unwrap_or(0);
    match name.strip_prefix("many:").and_then(|count| count.parse().ok()) {
        Some(count) => retop_fake_machine::many(Path::new(dir), count, second),
        None => retop_fake_machine::build(name, Path::new(dir), second),
    }
}
