//! `/proc/PID/fd` and what is behind each.

use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use retop_model::Text;

use super::{beginning, refused, sockets};
use crate::inspect::{Access, FileKind, Files, OpenFile};
use crate::linux::parse;
use crate::source::Problem;

/// Descriptors that are listed. Each costs a link to read and a file of its own, 10 µs together.
const MOST: usize = 10_000;

/// Nothing here looks at a file itself: one on a mount that hangs would hang the reader.
pub fn read(folder: &Path) -> Result<Files, Problem> {
    let path = folder.join("fd");
    let entries = std::fs::read_dir(&path).map_err(|error| refused(path.clone(), &error))?;
    let number = |entry: io::Result<std::fs::DirEntry>| {
        entry.ok()?.file_name().to_str()?.parse::<u32>().ok()
    };
    let mut numbers: Vec<u32> = entries.filter_map(number).collect();
    numbers.sort_unstable();
    let all = numbers.len();
    let links = links(&numbers, |number| std::fs::read_link(path.join(number.to_string())));
    let mut found = Files { open: Vec::new(), all };
    let mut of_socket: HashMap<u64, usize> = HashMap::new();
    for (number, target) in links.map_err(|error| refused(path.clone(), &error))? {
        let target = target.as_os_str().as_bytes();
        let facts = beginning(&folder.join(format!("fdinfo/{number}")), 4096).unwrap_or_default();
        let (position, access) = details(&facts);
        let kind = kind(target);
        if let Some(inode) = socket(target) {
            of_socket.insert(inode, found.open.len());
        }
        let has_place = matches!(kind, FileKind::File | FileKind::Deleted);
        found.open.push(OpenFile {
            number,
            kind,
            target: Text::new(target),
            position: position.filter(|_| has_place),
            access,
        });
    }
    if !of_socket.is_empty() {
        sockets::read(folder, &mut |inode, name| {
            // Two descriptors of one socket are seldom; the first keeps the kernel's name.
            if let Some(file) = of_socket.get(&inode).and_then(|&at| found.open.get_mut(at)) {
                file.target = name;
            }
        });
    }
    Ok(found)
}

/// Where descriptors lead, but for those that were closed since they were listed. Root may list them
/// without the right to follow any.
pub fn links(
    numbers: &[u32],
    read: impl Fn(u32) -> io::Result<PathBuf>,
) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut links = Vec::new();
    let mut denied = None;
    for &number in numbers.iter().take(MOST) {
        match read(number) {
            Ok(target) => links.push((number, target)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => denied = Some(error),
            Err(_) => {}
        }
    }
    match denied {
        Some(error) if links.is_empty() => Err(error),
        _ => Ok(links),
    }
}

/// What the link says. The kernel adds ` (deleted)` to a path whose last name is gone.
fn kind(target: &[u8]) -> FileKind {
    match target {
        _ if target.starts_with(b"socket:[") => FileKind::Socket,
        _ if target.starts_with(b"pipe:[") => FileKind::Pipe,
        _ if target.starts_with(b"/memfd:") || target.starts_with(b"/dev/shm/") => FileKind::Memory,
        _ if target.starts_with(b"/dev/") => FileKind::Device,
        _ if target.starts_with(b"/") && target.ends_with(b" (deleted)") => FileKind::Deleted,
        _ if target.starts_with(b"/") => FileKind::File,
        // `anon_inode:[eventfd]` and what else has no path.
        _ => FileKind::Kernel,
    }
}

fn socket(target: &[u8]) -> Option<u64> {
    parse::decimal(target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

/// The position and the mode of opening out of `fdinfo`.
pub fn details(text: &[u8]) -> (Option<u64>, Option<Access>) {
    let (mut position, mut access) = (None, None);
    for (key, value) in parse::lines(text).filter_map(parse::keyed) {
        match key {
            b"pos" => position = parse::decimal(value),
            // In octal; the last two bits are O_ACCMODE.
            b"flags" => {
                access = match value.last().map(|digit| digit & 3) {
                    Some(0) => Some(Access::Read),
                    Some(1) => Some(Access::Write),
                    Some(2) => Some(Access::Both),
                    _ => None,
                };
            }
            _ => {}
        }
    }
    (position, access)
}
