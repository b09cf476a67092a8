//! Processes that end between two samples, from the kernel's taskstats exit records.
//!
//! A process of 20 ms is seen by a 1 s sweep once in fifty times. With CAP_NET_ADMIN the kernel
//! sends a record for each thread that ends: of 353 exits in a test none was lost.

mod netlink;
mod record;

use std::collections::HashMap;

use retop_model::family::exit;
use retop_model::{FamilyId, Key, RawTable, Text};

use self::netlink::Listener;
use self::record::Record;
use crate::roots::Roots;
use crate::source::{Problem, Read, Source};

/// Records of threads whose process goes on are kept up to this many processes; a process that
/// ends and starts threads without end would otherwise grow the table for ever.
const OPEN_GROUPS: usize = 20_000;

/// The kernel's exit records.
pub struct Taskstats {
    possible: std::path::PathBuf,
    real: bool,
    listener: Option<Result<Listener, Problem>>,
    /// What the ended threads of processes that still live have used.
    groups: HashMap<u32, Record>,
    sequence: u64,
}

impl Taskstats {
    /// Exit records of this machine; a made-up one has none.
    pub fn new(roots: &Roots) -> Taskstats {
        Taskstats {
            possible: roots.sys.join("devices/system/cpu/possible"),
            real: roots.is_real(),
            listener: None,
            groups: HashMap::new(),
            sequence: 0,
        }
    }

    fn open(&self) -> Result<Listener, Problem> {
        if !self.real {
            return Err(Problem::absent("a tree of files has no kernel to report exits"));
        }
        let cpus = std::fs::read_to_string(&self.possible)
            .map_err(|error| Problem::io(&self.possible, &error))?;
        Listener::open(cpus.trim()).map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Problem::denied(
                "exit records need CAP_NET_ADMIN: processes that begin and end between two \
                 samples are not seen",
            )
            .hint("sudo setcap cap_net_admin+ep $(command -v retop), or run as root"),
            Some(libc::ENOENT) => Problem::absent("the kernel was built without CONFIG_TASKSTATS"),
            _ => Problem::failing(format!("taskstats: {error}")),
        })
    }
}

impl Source for Taskstats {
    fn name(&self) -> &'static str {
        "exits"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Exit]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        let begin_ns = read.now_ns();
        if self.listener.is_none() {
            self.listener = Some(self.open());
        }
        let listener = match &mut self.listener {
            Some(Ok(listener)) => listener,
            Some(Err(problem)) => return Err(problem.clone()),
            None => return Ok(()),
        };
        let mut table = read.table(FamilyId::Exit);
        let (groups, sequence) = (&mut self.groups, &mut self.sequence);
        let mut misplaced = false;
        let lost = listener.drain(|bytes| {
            misplaced |= Record::version(bytes) == Some(record::MISPLACED);
            let Some(record) = Record::parse(bytes) else { return };
            let Some(whole) = join(groups, record) else { return };
            *sequence += 1;
            write(&whole, *sequence, &mut table);
        });
        read.give(table, begin_ns);
        let lost = lost.map_err(|error| Problem::failing(format!("taskstats: {error}")))?;
        if misplaced {
            return Err(Problem::failing(
                "this kernel's exit records (taskstats version 15) have another layout",
            )
            .hint("a later kernel has version 16, which is as it was before"));
        }
        if lost > 0 {
            // Some that ended may be among those still waited for: their numbers would be added
            // to those of another process with the same number one day.
            self.groups.clear();
            let problem = Problem::failing(format!("the kernel dropped exit records {lost} times"));
            read.report("exits/lost", "exits", Some(problem));
        }
        Ok(())
    }
}

/// Adds a thread's record to those of its process; gives the sum with the last thread's.
fn join(groups: &mut HashMap<u32, Record>, record: Record) -> Option<Record> {
    let group = record.group;
    let last = record.last_of_group;
    let whole = match groups.remove(&group) {
        Some(earlier) => earlier.plus(record),
        None => record,
    };
    if last {
        return Some(whole);
    }
    if groups.len() < OPEN_GROUPS {
        groups.insert(group, whole);
    }
    None
}

fn write(record: &Record, sequence: u64, table: &mut RawTable) {
    table
        .push(Key(u64::from(record.group), sequence))
        .text(exit::name, Text::new(&record.name))
        .set(exit::pid, record.group)
        .set(exit::parent_pid, record.parent)
        .set(exit::user_id, record.user)
        .set(exit::exit_code, (record.signal() == 0).then(|| record.code()))
        .set(exit::signal, (record.signal() != 0).then(|| record.signal()))
        .set(exit::elapsed_seconds, record.elapsed_us)
        .set(exit::user_seconds, record.user_us)
        .set(exit::system_seconds, record.system_us)
        .set(exit::peak_resident_bytes, record.peak_kib.saturating_mul(1024))
        .set(exit::read_bytes, record.read_bytes)
        .set(exit::written_bytes, record.written_bytes)
        .set(exit::write_call_bytes, record.write_call_bytes)
        .set(exit::major_faults, record.major_faults);
}

/// Datagrams and records, for the fuzzer.
pub fn fuzz_messages(bytes: &[u8]) {
    netlink::fuzz(bytes, &mut |record| drop(Record::parse(record)));
    let _ = Record::parse(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(group: u32, user_us: u64, last: bool) -> Record {
        Record { group, user_us, peak_kib: user_us, last_of_group: last, ..Record::default() }
    }

    #[test]
    fn threads_add_up_to_their_process() {
        let mut groups = HashMap::new();
        assert!(join(&mut groups, thread(7, 10, false)).is_none());
        assert!(join(&mut groups, thread(7, 5, false)).is_none());
        assert_eq!(join(&mut groups, thread(8, 1, true)).map(|whole| whole.user_us), Some(1));
        let whole = join(&mut groups, thread(7, 2, true)).expect("the last one");
        assert_eq!((whole.user_us, whole.peak_kib), (17, 10));
        assert!(groups.is_empty());
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a short-lived process to be seen")]
    fn a_short_lived_process_is_seen_where_the_kernel_allows_it() {
        let mut source = Taskstats::new(&Roots::real());
        let Ok(mut listener) = source.open() else { return };
        let mut child = std::process::Command::new("true").spawn().expect("a process");
        let pid = child.id();
        child.wait().expect("its end");
        let mut seen = None;
        listener
            .drain(|bytes| {
                let record = Record::parse(bytes).expect("a whole record");
                if record.group == pid {
                    seen = join(&mut source.groups, record);
                }
            })
            .expect("open");
        let seen = seen.expect("one record of it");
        assert_eq!((seen.name.as_slice(), seen.code()), (&b"true"[..], 0));
    }
}
