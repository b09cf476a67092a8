//! What costs more than the stat line, for the rows that somebody looks at.

use retop_model::family::process;
use retop_model::{RawTable, Reading};

use super::Known;
use super::listing::Listing;
use crate::linux::kept;

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
            let mut pages = text.split(|&byte| byte == b' ').map(number);
            let (resident, shared) = (pages.nth(1).flatten(), pages.next().flatten());
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
            for line in text.split(|&byte| byte == b'\n') {
                let Some((key, value)) = key_value(line) else { continue };
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
            row.set(process::oom_score, number(text));
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
            let mut written: Option<u64> = None;
            for line in text.split(|&byte| byte == b'\n') {
                let Some((key, value)) = key_value(line) else { continue };
                let field = match key {
                    b"rchar" => process::read_call_bytes,
                    b"wchar" => process::write_call_bytes,
                    b"syscr" => process::read_calls,
                    b"syscw" => process::write_calls,
                    b"read_bytes" => process::read_bytes,
                    b"write_bytes" => {
                        written = value;
                        continue;
                    }
                    // Pages dirtied and truncated before they reached the disk.
                    b"cancelled_write_bytes" => {
                        written = written.map(|bytes| bytes.saturating_sub(value.unwrap_or(0)));
                        continue;
                    }
                    _ => continue,
                };
                row.set(field, value);
            }
            row.set(process::written_bytes, written);
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
        self.buffer.resize(4096, 0);
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
                Some(Some(open)) => kept::pread(open, &mut self.buffer),
                Some(place @ None) => listing.open_at(entry.pid, file).and_then(|open| {
                    let len = kept::pread(&open, &mut self.buffer);
                    *place = Some(open);
                    self.kept.push(entry.pid);
                    len
                }),
                None => listing.read_at(entry.pid, file, &mut self.buffer),
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

/// `Key:` and the number behind it, of a line of `status` or `io`.
pub fn key_value(line: &[u8]) -> Option<(&[u8], Option<u64>)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let value = line[colon + 1..].trim_ascii_start();
    let end = value.iter().position(|&byte| byte == b' ').unwrap_or(value.len());
    Some((&line[..colon], number(&value[..end])))
}

/// A whole field that is a number.
pub fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// Proportional, unique and swapped bytes of a `smaps_rollup`.
pub fn proportional(text: &[u8]) -> [Reading; 3] {
    let (mut pss, mut swap, mut unique) = (None, None, None::<u64>);
    for line in text.split(|&byte| byte == b'\n') {
        let Some((key, Some(kib))) = key_value(line) else { continue };
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
        assert_eq!(key_value(b"VmSwap:\t     128 kB"), Some((&b"VmSwap"[..], Some(128))));
        assert_eq!(key_value(b"read_bytes: 4096"), Some((&b"read_bytes"[..], Some(4096))));
        assert_eq!(key_value(b"State:\tS (sleeping)"), Some((&b"State"[..], None)));
        assert_eq!(key_value(b"no colon"), None);
        assert_eq!(key_value(b":"), Some((&b""[..], None)));
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
