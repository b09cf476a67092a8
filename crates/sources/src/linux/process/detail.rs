//! What costs more than the stat line, for the rows that somebody looks at.

use std::io;
use std::os::fd::OwnedFd;

use retop_model::family::process;
use retop_model::{RawTable, Reading};

use super::Known;
use super::listing::Listing;
use crate::linux::kept;
use crate::linux::parse::{self, Fields};

/// Reads `statm`, `status` and `io`. None of them takes the process's memory lock, so none can
/// block. An open, read and close costs 7 to 10 µs and a `pread` of a kept descriptor 2: the rows
/// on show keep theirs from tick to tick.
#[derive(Default)]
pub struct Detail {
    buffer: Vec<u8>,
    /// Counts the reads, so that rows which are wanted no more are known.
    round: u32,
    /// Processes with kept descriptors.
    kept: Vec<u32>,
}

/// No file here is longer: a process in 65,536 groups, as many as the kernel allows, has a `status` of
/// 700 KiB. Most are below the 4 KiB that are read at first.
pub(super) const LONGEST: usize = 1 << 20;

/// A screen shows about as many rows. Who wants more opens and closes for each: descriptors are
/// for the stat lines.
const KEPT_ROWS: usize = 64;

impl Detail {
    /// Begins the reads of a tick.
    pub fn begin(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// Closes what was kept for rows that nobody wanted in this tick.
    pub fn let_go(&mut self, known: &mut [Known]) {
        let round = self.round;
        self.kept.retain(|pid| {
            let place = known.binary_search_by_key(pid, |entry| entry.pid);
            let Some(entry) = place.ok().and_then(|place| known.get_mut(place)) else {
                return false;
            };
            if entry.detailed != round {
                entry.details = [None, None];
            }
            entry.details.iter().any(Option::is_some)
        });
    }

    /// Exact resident and shared memory. `statm` equals `smaps_rollup` to the page on Linux 6.18,
    /// where the stat line was off for 318 of 318 processes.
    pub fn memory(
        &mut self,
        listing: &Listing,
        rows: &[usize],
        known: &mut [Known],
        table: &mut RawTable,
        page_bytes: u64,
    ) {
        self.each(listing, c"statm", rows, known, table, |text, _, row| {
            let mut pages = Fields::new(text);
            let (resident, shared) = (pages.past(1).number(), pages.number());
            let bytes = |pages: u64| pages.saturating_mul(page_bytes);
            if resident.is_some() {
                row.set(process::resident_bytes, resident.map(bytes))
                    .set(process::shared_bytes, shared.map(bytes));
            }
        });
    }

    /// Context switches and swap.
    pub fn status(
        &mut self,
        listing: &Listing,
        rows: &[usize],
        known: &mut [Known],
        table: &mut RawTable,
    ) {
        self.each(listing, c"status", rows, known, table, |text, _, row| {
            for (key, value) in parse::lines(text).filter_map(keyed_number) {
                match key {
                    b"VmSwap" => {
                        row.set(process::swap_bytes, value.map(|kib| kib.saturating_mul(1024)));
                    }
                    b"voluntary_ctxt_switches" => {
                        row.set(process::voluntary_switches, value);
                    }
                    b"nonvoluntary_ctxt_switches" => {
                        row.set(process::involuntary_switches, value);
                    }
                    _ => {}
                }
            }
        });
    }

    /// How likely the kernel is to kill the process for want of memory.
    pub fn oom_score(
        &mut self,
        listing: &Listing,
        rows: &[usize],
        known: &mut [Known],
        table: &mut RawTable,
    ) {
        self.each(listing, c"oom_score", rows, known, table, |text, _, row| {
            row.set(process::oom_score, Fields::new(text).number());
        });
    }

    /// Bytes read and written. The file belongs to the process's user; others get EACCES, which is
    /// remembered.
    pub fn io(
        &mut self,
        listing: &Listing,
        rows: &[usize],
        known: &mut [Known],
        table: &mut RawTable,
    ) {
        self.each(listing, c"io", rows, known, table, |text, _, row| {
            for (key, value) in parse::lines(text).filter_map(keyed_number) {
                let field = match key {
                    b"rchar" => process::read_call_bytes,
                    b"wchar" => process::write_call_bytes,
                    b"syscr" => process::read_calls,
                    b"syscw" => process::write_calls,
                    b"read_bytes" => process::read_bytes,
                    b"write_bytes" => process::written_bytes,
                    // Laid to whoever removed the pages, who need not be the one that wrote them: the
                    // difference is nobody's writing, and falls.
                    b"cancelled_write_bytes" => process::cancelled_write_bytes,
                    _ => continue,
                };
                row.set(field, value);
            }
        });
    }

    fn each(
        &mut self,
        listing: &Listing,
        file: &std::ffi::CStr,
        rows: &[usize],
        known: &mut [Known],
        table: &mut RawTable,
        mut take: impl FnMut(&[u8], &mut Known, &mut retop_model::RowMut<'_>),
    ) {
        if self.buffer.is_empty() {
            self.buffer.resize(4096, 0);
        }
        for &place in rows {
            let (Some(entry), Some(mut row)) = (known.get_mut(place), table.row_mut(place)) else {
                continue;
            };
            // A thread of the kernel has no memory and does no I/O of its own.
            if entry.kernel || (entry.io_denied && file == c"io") {
                continue;
            }
            entry.detailed = self.round;
            let slot = match file.to_bytes() {
                b"statm" => entry.details.first_mut(),
                b"io" => entry.details.last_mut(),
                _ => None,
            };
            let keep = slot.filter(|_| rows.len() <= KEPT_ROWS);
            let read = match keep {
                Some(Some(open)) => whole(open, &mut self.buffer),
                Some(place @ None) => listing.open_at(entry.pid, file).and_then(|open| {
                    let len = whole(&open, &mut self.buffer);
                    *place = Some(open);
                    self.kept.push(entry.pid);
                    len
                }),
                None => {
                    listing.open_at(entry.pid, file).and_then(|open| whole(&open, &mut self.buffer))
                }
            };
            match read {
                Ok(len) => {
                    let text = self.buffer.get(..len).unwrap_or(&[]);
                    take(text, entry, &mut row);
                }
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    entry.io_denied |= file == c"io";
                }
                // It has ended since the sweep.
                Err(_) => {}
            }
        }
    }
}

/// Reads a file from its start to its end, with a buffer that grows; gives the length. Of one that is
/// longer than any, what ends in a line break: its last number may lack digits.
fn whole(file: &OwnedFd, buffer: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        let len = kept::pread(file, buffer)?;
        if len < buffer.len() {
            return Ok(len);
        }
        if buffer.len() >= LONGEST {
            let end = buffer.iter().rposition(|&byte| byte == b'\n');
            return Ok(end.map_or(0, |end| end + 1));
        }
        buffer.resize(buffer.len() * 4, 0);
    }
}

/// `Key:` and the number behind it, of a line of `status` or `io`.
pub fn keyed_number(line: &[u8]) -> Option<(&[u8], Option<u64>)> {
    let (key, value) = parse::keyed(line)?;
    Some((key, Fields::new(value).number()))
}

/// Proportional, unique and swapped bytes of a `smaps_rollup`.
pub fn proportional(text: &[u8]) -> [Reading; 3] {
    let (mut pss, mut swap, mut unique) = (None, None, None::<u64>);
    for (key, value) in parse::lines(text).filter_map(keyed_number) {
        let Some(kib) = value else { continue };
        let bytes = kib.saturating_mul(1024);
        match key {
            b"Pss" => pss = Some(bytes),
            b"Private_Clean" | b"Private_Dirty" => {
                unique = Some(unique.unwrap_or(0).saturating_add(bytes));
            }
            b"Swap" => swap = Some(bytes),
            _ => {}
        }
    }
    [pss.into(), unique.into(), swap.into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_status_and_io() {
        assert_eq!(keyed_number(b"VmSwap:\t     128 kB"), Some((&b"VmSwap"[..], Some(128))));
        assert_eq!(keyed_number(b"read_bytes: 4096"), Some((&b"read_bytes"[..], Some(4096))));
        assert_eq!(keyed_number(b"State:\tS (sleeping)"), Some((&b"State"[..], None)));
        assert_eq!(keyed_number(b"no colon"), None);
        assert_eq!(keyed_number(b":"), Some((&b""[..], None)));
    }

    #[test]
    fn rollup_of_page_tables() {
        let text = b"00400000-7fff ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss: 500 kB\n\
            Private_Clean: 100 kB\nPrivate_Dirty: 50 kB\nSwap: 7 kB\nSwapPss: 3 kB\n";
        let bytes = |kib: u64| Reading::from(kib * 1024);
        assert_eq!(proportional(text), [bytes(500), bytes(150), bytes(7)]);
        assert_eq!(proportional(b""), [Reading::NONE; 3]);
    }
}
