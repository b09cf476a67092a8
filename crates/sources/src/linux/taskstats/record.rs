//! `struct taskstats` of `linux/taskstats.h`, as far as it is used. Fields are added at its end:
//! what an older kernel does not send is missing. Version 15 alone (Linux 6.14) had new fields in
//! its middle; version 16 put them at the end.

/// Last task of its process; set since version 12 of the struct (Linux 5.19).
const AGROUP: u8 = 0x20;

/// The version whose fields stand elsewhere.
pub const MISPLACED: u16 = 15;

/// What one thread, or all threads of a process, used until the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub group: u32,
    pub last_of_group: bool,
    /// The thread that the process is named for.
    pub leads: bool,
    pub name: Vec<u8>,
    pub parent: u32,
    pub user: u32,
    /// As wait(2) gives it.
    pub status: u32,
    pub elapsed_us: u64,
    pub user_us: u64,
    pub system_us: u64,
    pub peak_kib: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
    pub write_call_bytes: u64,
    pub major_faults: u64,
}

impl Record {
    /// Takes the struct's bytes apart; `None` if they end before the I/O counters (version 3), and
    /// for the [`MISPLACED`] version.
    pub fn parse(bytes: &[u8]) -> Option<Record> {
        let u32_at = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let u64_at = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let version = Record::version(bytes)?;
        if version == MISPLACED {
            return None;
        }
        let name = bytes.get(80..112)?;
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        let pid = u32_at(128)?;
        // Before version 12 a record names only its thread: each is taken for a process.
        let grouped = version >= 12;
        let group = if grouped { u32_at(368)? } else { pid };
        Some(Record {
            group,
            leads: group == pid,
            last_of_group: !grouped || bytes.get(8)? & AGROUP != 0,
            name: name[..end].to_vec(),
            parent: u32_at(132)?,
            user: u32_at(120)?,
            status: u32_at(4)?,
            elapsed_us: u64_at(144)?,
            user_us: u64_at(152)?,
            system_us: u64_at(160)?,
            major_faults: u64_at(176)?,
            peak_kib: u64_at(200)?,
            read_bytes: u64_at(248)?,
            write_call_bytes: u64_at(224)?,
            written_bytes: u64_at(256)?,
        })
    }

    /// The version of the struct.
    pub fn version(bytes: &[u8]) -> Option<u16> {
        Some(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?))
    }

    /// The sum with a thread that ended later; parent and status are the later one's, the name is
    /// the first thread's, whichever ends first: other threads have names of their own.
    pub fn plus(self, later: Record) -> Record {
        Record {
            leads: self.leads || later.leads,
            name: if self.leads { self.name } else { later.name },
            elapsed_us: self.elapsed_us.max(later.elapsed_us),
            user_us: self.user_us.saturating_add(later.user_us),
            system_us: self.system_us.saturating_add(later.system_us),
            peak_kib: self.peak_kib.max(later.peak_kib),
            read_bytes: self.read_bytes.saturating_add(later.read_bytes),
            written_bytes: self.written_bytes.saturating_add(later.written_bytes),
            write_call_bytes: self.write_call_bytes.saturating_add(later.write_call_bytes),
            major_faults: self.major_faults.saturating_add(later.major_faults),
            ..later
        }
    }

    /// The code given to exit(2).
    pub fn code(&self) -> u32 {
        (self.status >> 8) & 0xff
    }

    /// The signal that ended it, or 0.
    pub fn signal(&self) -> u32 {
        self.status & 0x7f
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(version: u16, flag: u8) -> Vec<u8> {
        let mut bytes = vec![0; 416];
        bytes[..2].copy_from_slice(&version.to_ne_bytes());
        bytes[4..8].copy_from_slice(&0x0309_u32.to_ne_bytes());
        bytes[8] = flag;
        bytes[80..84].copy_from_slice(b"cc1\0");
        bytes[128..132].copy_from_slice(&42_u32.to_ne_bytes());
        bytes[152..160].copy_from_slice(&7_u64.to_ne_bytes());
        bytes[224..232].copy_from_slice(&9_u64.to_ne_bytes());
        bytes[256..264].copy_from_slice(&8_u64.to_ne_bytes());
        bytes[264..272].copy_from_slice(&3_u64.to_ne_bytes());
        bytes[368..372].copy_from_slice(&40_u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn versions() {
        let new = Record::parse(&bytes(13, AGROUP)).expect("whole");
        assert_eq!((new.group, new.last_of_group, new.user_us), (40, true, 7));
        assert_eq!(
            (new.write_call_bytes, new.written_bytes),
            (9, 8),
            "as the process itself has it"
        );
        assert_eq!((new.code(), new.signal(), new.name.as_slice()), (3, 9, &b"cc1"[..]));
        assert!(!Record::parse(&bytes(13, 0)).expect("whole").last_of_group);
        let old = Record::parse(&bytes(8, 0)[..328]).expect("whole");
        assert_eq!((old.group, old.last_of_group), (42, true));
        assert_eq!(Record::parse(&bytes(MISPLACED, AGROUP)), None);
        assert!(Record::parse(&bytes(16, AGROUP)).is_some());
    }

    #[test]
    fn a_process_has_the_name_of_its_first_thread() {
        let thread = |name: &[u8], leads| Record {
            name: name.to_vec(),
            leads,
            written_bytes: 1,
            ..Record::default()
        };
        for order in
            [["rustc", "ctrl-c", "opt"], ["ctrl-c", "rustc", "opt"], ["opt", "ctrl-c", "rustc"]]
        {
            let records = order.map(|name| thread(name.as_bytes(), name == "rustc"));
            let whole = records.into_iter().reduce(Record::plus).expect("three");
            assert_eq!(
                (whole.name.as_slice(), whole.written_bytes),
                (&b"rustc"[..], 3),
                "{order:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_length_is_a_record_or_nothing(length in 0_usize..420, version: u16) {
            let _ = Record::parse(&bytes(version, 0)[..length.min(416)]);
        }
    }
}
