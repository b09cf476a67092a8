//! `/proc/PID/environ`.

use std::path::Path;

use retop_model::Text;

use super::{beginning, refused};
use crate::inspect::Environment;
use crate::source::Problem;

/// Linux gives a program 128 KiB for one string and 2 MiB for all in the usual case; whoever reads
/// on a screen has seen enough before.
const MOST_BYTES: u64 = 256 * 1024;
/// Longer values are cut.
const LONGEST: usize = 8 * 1024;

pub fn read(folder: &Path) -> Result<Environment, Problem> {
    let path = folder.join("environ");
    let text = beginning(&path, MOST_BYTES + 1).map_err(|error| refused(path, &error))?;
    Ok(parse(&text))
}

/// `NAME=VALUE`, a NUL after each. What has no `=` is a name alone.
pub fn parse(text: &[u8]) -> Environment {
    let most = usize::try_from(MOST_BYTES).unwrap_or(usize::MAX);
    let mut found = Environment { variables: Vec::new(), is_cut: text.len() > most };
    for entry in text[..text.len().min(most)].split(|&byte| byte == 0) {
        if entry.is_empty() {
            continue;
        }
        let end = entry.iter().position(|&byte| byte == b'=').unwrap_or(entry.len());
        let (name, value) = entry.split_at(end);
        let value = value.get(1..).unwrap_or(&[]);
        let shown = |bytes: &[u8]| Text::new(&bytes[..bytes.len().min(LONGEST)]);
        found.is_cut |= value.len() > LONGEST || name.len() > LONGEST;
        found.variables.push((shown(name), shown(value)));
    }
    found.variables.sort_by(|a, b| a.0.raw().cmp(b.0.raw()));
    found
}
