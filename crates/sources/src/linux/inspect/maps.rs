//! `/proc/PID/smaps`: what the memory of a process holds.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use retop_model::Text;

use super::refused;
use crate::inspect::{MapKind, Maps, Space};
use crate::linux::parse::{self, Fields};
use crate::source::Problem;

/// A mapping takes about 800 bytes of text, and a process may have 65,530 of them by default.
const MOST_BYTES: u64 = 64 << 20;
/// Names that are listed.
const LARGEST: usize = 20;
/// A path has 4,096 bytes at most.
const LONGEST: usize = 4_096;

/// Pieces of memory with one name.
type Name = (MapKind, Box<[u8]>);
type Mapping = (Name, Space);

pub fn read(folder: &Path) -> Result<Maps, Problem> {
    // A kernel without CONFIG_PROC_PAGE_MONITOR has the address ranges alone.
    let mut path = folder.join("smaps");
    let mut file = File::open(&path);
    if file.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        path = folder.join("maps");
        file = File::open(&path);
    }
    let read = file.and_then(|file| summed(&mut BufReader::new(file.take(MOST_BYTES))));
    read.map_err(|error| refused(path, &error))
}

pub fn parse(text: &[u8]) -> Maps {
    summed(&mut BufReader::new(text)).unwrap_or_default()
}

fn summed(text: &mut BufReader<impl Read>) -> std::io::Result<Maps> {
    let mut names: HashMap<Name, Space> = HashMap::new();
    let mut present: Option<Mapping> = None;
    let mut read = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let bytes = text.read_until(b'\n', &mut line)?;
        if bytes == 0 {
            break;
        }
        read += bytes as u64;
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        if let Some(next) = header(line) {
            file_away(&mut names, present.replace(next));
        } else if let (Some((_, space)), Some((key, value))) = (&mut present, parse::keyed(line)) {
            let field = match key {
                b"Rss" => &mut space.resident_bytes,
                b"Pss" => &mut space.proportional_bytes,
                b"Swap" => &mut space.swap_bytes,
                _ => continue,
            };
            *field = parse::kilobytes(value).or(*field);
        }
    }
    file_away(&mut names, present);
    let mut maps = Maps { is_cut: read >= MOST_BYTES, ..Maps::default() };
    for kind in MapKind::ALL {
        let of_kind = names.iter().filter(|((of, _), _)| *of == kind);
        let mut sum = Space::default();
        of_kind.for_each(|(_, space)| add(&mut sum, space));
        if sum.pieces > 0 {
            add(&mut maps.all, &sum);
            maps.kinds.push((kind, sum));
        }
    }
    // Without resident sizes address space has to do.
    let weight = |space: &Space| (space.resident_bytes, space.virtual_bytes);
    maps.kinds.sort_by_key(|(_, space)| std::cmp::Reverse(weight(space)));
    let mut all: Vec<_> = names.into_iter().collect();
    all.sort_by(|a, b| weight(&b.1).cmp(&weight(&a.1)).then_with(|| a.0.cmp(&b.0)));
    all.truncate(LARGEST);
    maps.largest =
        all.into_iter().map(|((kind, name), space)| (kind, Text::new(&name), space)).collect();
    Ok(maps)
}

fn file_away(names: &mut HashMap<Name, Space>, mapping: Option<Mapping>) {
    if let Some((name, space)) = mapping {
        add(names.entry(name).or_default(), &space);
    }
}

fn add(sum: &mut Space, part: &Space) {
    let both = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (one, other) => one.or(other),
    };
    sum.pieces += part.pieces;
    sum.virtual_bytes = sum.virtual_bytes.saturating_add(part.virtual_bytes);
    sum.resident_bytes = both(sum.resident_bytes, part.resident_bytes);
    sum.proportional_bytes = both(sum.proportional_bytes, part.proportional_bytes);
    sum.swap_bytes = both(sum.swap_bytes, part.swap_bytes);
}

/// `7f0000000000-7f0000021000 rw-p 00000000 00:00 0    [heap]`; the lines of sizes below it begin
/// with a name and a colon.
fn header(line: &[u8]) -> Option<Mapping> {
    let mut fields = Fields::new(line);
    let range = fields.next()?;
    let dash = range.iter().position(|&byte| byte == b'-')?;
    let (from, to) = (parse::hexadecimal(&range[..dash])?, parse::hexadecimal(&range[dash + 1..])?);
    let permissions = fields.next().filter(|text| text.len() == 4)?;
    let inode = fields.nth(2)?;
    let name = fields.rest().trim_ascii_start();
    let name = &name[..name.len().min(LONGEST)];
    let kind = match name {
        // Memory that is nobody's file and shared all the same has an inode of the kernel's own.
        b"" if permissions[3] == b's' => MapKind::Shared,
        b"" => MapKind::Anonymous,
        b"[heap]" => MapKind::Heap,
        name if name.starts_with(b"[stack") => MapKind::Stack,
        // Named by prctl(PR_SET_VMA_ANON_NAME), since Linux 5.17.
        name if name.starts_with(b"[anon:") => MapKind::Anonymous,
        name if name.starts_with(b"[anon_shmem:") => MapKind::Shared,
        name if name.starts_with(b"[") => MapKind::Kernel,
        name if is_shared_memory(name) => MapKind::Shared,
        name if inode == b"0" && !name.starts_with(b"/") => MapKind::Kernel,
        _ => MapKind::File,
    };
    let virtual_bytes = to.saturating_sub(from);
    Some(((kind, name.into()), Space { pieces: 1, virtual_bytes, ..Space::default() }))
}

fn is_shared_memory(name: &[u8]) -> bool {
    [&b"/dev/shm/"[..], b"/memfd:", b"/SYSV", b"/dev/zero"].iter().any(|one| name.starts_with(one))
}
