//! What is remembered of a process from sweep to sweep, and its row.

use std::io;
use std::os::fd::OwnedFd;

use retop_model::family::process;
use retop_model::{FamilyId, Key, Reading, RowMut, RowTexts, Text, TextField};

use super::listing::Listing;
use super::stat::Stat;
use super::texts::Answer;
use crate::linux::kept::{self, Descriptors};
use crate::linux::users::Users;

/// What is remembered of a process from sweep to sweep.
pub(super) struct Known {
    pub(super) pid: u32,
    pub(super) start_ticks: u64,
    /// The kept `/proc/PID/stat`, which pins this very process: after its end a read gives ESRCH,
    /// never another process's line.
    pub(super) stat: Option<OwnedFd>,
    pub(super) texts: Option<RowTexts>,
    pub(super) comm: [u8; COMM],
    pub(super) comm_len: u8,
    pub(super) user_id: Reading,
    /// CPU ticks at the last sweep, and how many since the one before.
    pub(super) ticks: u64,
    pub(super) moved: u64,
    pub(super) threads: i64,
    pub(super) texts_asked_ns: u64,
    pub(super) proportional_asked_ns: u64,
    pub(super) proportional: [Reading; 3],
    /// When the tick took them from their reader.
    pub(super) proportional_taken_ns: u64,
    /// `io` answered EACCES: another user's process. Not asked again.
    pub(super) io_denied: bool,
    /// The owner of its folder, if that was looked at before the stat line.
    pub(super) owner: Option<u32>,
    pub(super) kernel: bool,
    /// `statm` and `io`, kept while the row is on show.
    pub(super) details: [Option<OwnedFd>; 2],
    /// The read of details in which the row was last wanted.
    pub(super) detailed: u32,
    pub(super) seen: bool,
}

/// Kernel threads may carry longer names than the 15 bytes of programs; 22 were seen.
const COMM: usize = 32;

impl Known {
    pub(super) fn key(&self) -> Key {
        Key(u64::from(self.pid), self.start_ticks)
    }

    pub(super) fn unread(pid: u32) -> Known {
        Known {
            pid,
            start_ticks: u64::MAX,
            stat: None,
            texts: None,
            comm: [0; COMM],
            comm_len: u8::MAX,
            user_id: Reading::NONE,
            ticks: 0,
            moved: 0,
            threads: 1,
            texts_asked_ns: 0,
            proportional_asked_ns: 0,
            proportional: [Reading::NONE; 3],
            proportional_taken_ns: 0,
            io_denied: false,
            owner: None,
            kernel: false,
            details: [None, None],
            detailed: 0,
            seen: true,
        }
    }

    /// Takes what a reader of texts brought back.
    pub(super) fn take(&mut self, answer: Answer, now_ns: u64) {
        if let Some(memory) = answer.proportional {
            self.proportional = memory;
            self.proportional_taken_ns = now_ns;
        }
        let Some(found) = answer.texts else { return };
        self.user_id = found.user_id.map_or(self.user_id, Reading::from);
        self.set_texts([
            (process::command, found.command),
            (process::user, found.user),
            (process::cgroup, found.cgroup),
            (process::container, found.container),
        ]);
    }

    /// Puts texts into the row's shared piece, if they differ from what is there.
    pub(super) fn set_texts<const N: usize>(&mut self, changes: [(TextField, Option<Text>); N]) {
        let mut texts = self.texts.as_deref().unwrap_or(&[]).to_vec();
        texts.resize(FamilyId::Process.get().texts.len(), None);
        for (field, text) in changes {
            if let Some(cell) = texts.get_mut(usize::from(field.index)) {
                *cell = text;
            }
        }
        if self.texts.as_deref() != Some(&texts[..]) {
            self.texts = Some(texts.into());
        }
    }

    /// The stat line, or nothing if the process has ended.
    pub(super) fn read_stat<'b>(
        &mut self,
        listing: &Listing,
        descriptors: &mut Descriptors,
        buffer: &'b mut [u8],
    ) -> io::Result<&'b [u8]> {
        if let Some(file) = &self.stat {
            match kept::pread(file, buffer) {
                Ok(len) if len > 0 => return Ok(buffer.get(..len).unwrap_or(&[])),
                // ESRCH: it ended. The pid was listed again, so another process may have it now.
                _ => self.close(descriptors),
            }
        }
        let file = listing.open_at(self.pid, c"stat").inspect_err(|error| {
            if is_out_of_descriptors(error) {
                descriptors.shrink();
            }
        })?;
        let len = kept::pread(&file, buffer)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if descriptors.take() {
            self.stat = Some(file);
        }
        Ok(buffer.get(..len).unwrap_or(&[]))
    }

    /// Lets go of the kept file, if there is one.
    pub(super) fn close(&mut self, descriptors: &mut Descriptors) {
        if self.stat.take().is_some() {
            descriptors.give_back();
        }
    }

    /// Another process has the pid than at the last sweep.
    pub(super) fn reborn(
        &mut self,
        stat: &Stat<'_>,
        listing: &Listing,
        users: &Users,
        after_start: bool,
    ) {
        let (file, owner) = (self.stat.take(), self.owner.take());
        *self = Known { stat: file, seen: false, ..Known::unread(self.pid) };
        self.start_ticks = stat.start_ticks;
        self.ticks = if after_start { 0 } else { stat.used_ticks() };
        let owner = owner.or_else(|| listing.owner(self.pid));
        self.user_id = owner.map_or(Reading::NONE, Reading::from);
        if let Some(user) = owner.and_then(|owner| users.local(owner)) {
            self.set_texts([(process::user, Some(user))]);
        }
    }

    pub(super) fn renamed(&self, comm: &[u8]) -> bool {
        let kept = comm.len().min(COMM);
        usize::from(self.comm_len) != comm.len() || self.comm.get(..kept) != comm.get(..kept)
    }

    pub(super) fn name(&mut self, comm: &[u8]) {
        self.comm_len = u8::try_from(comm.len()).unwrap_or(u8::MAX - 1);
        let kept = comm.len().min(COMM);
        self.comm[..kept].copy_from_slice(&comm[..kept]);
        self.set_texts([(process::name, Some(Text::new(comm)))]);
    }
}

/// Writes a stat line into its row.
pub(super) fn fill(row: &mut RowMut<'_>, entry: &Known, stat: &Stat<'_>, page_bytes: u64) {
    /// A tick of procfs is 10 ms on every platform of the mainline kernel.
    const TICK_US: u64 = 10_000;
    let microseconds = |ticks: u64| Reading::from(ticks.saturating_mul(TICK_US));
    row.set(process::pid, entry.pid)
        .set(process::parent_pid, stat.parent_pid)
        .set(process::start_seconds, microseconds(stat.start_ticks))
        .set(process::user_id, entry.user_id)
        .set(process::state, process::state_of(stat.state))
        .set(process::kernel, stat.is_kernel())
        .set(process::threads, stat.threads)
        .set(process::nice, stat.nice)
        .set(process::priority, stat.priority)
        .set(process::last_cpu, stat.last_cpu)
        .set(process::group_id, stat.group_id)
        .set(process::session_id, stat.session_id)
        .set(process::terminal, stat.terminal)
        .set(process::user_seconds, microseconds(stat.user_ticks))
        .set(process::system_seconds, microseconds(stat.system_ticks))
        .set(process::minor_faults, stat.minor_faults)
        .set(process::major_faults, stat.major_faults)
        .set(process::virtual_bytes, stat.virtual_bytes)
        .set(
            process::resident_bytes,
            stat.resident_pages.map(|pages| pages.saturating_mul(page_bytes)),
        );
    if let Some(ticks @ 1..) = stat.io_delay_ticks {
        // Zero where delays are not accounted (kernel.task_delayacct = 0, the default since 5.14),
        // which nothing in the line tells from a process that never waited.
        row.set(process::io_delay_seconds, microseconds(ticks));
    }
    if entry.proportional[0].is_some() {
        row.set(process::proportional_bytes, entry.proportional[0])
            .set(process::unique_bytes, entry.proportional[1])
            .set(process::swap_bytes, entry.proportional[2]);
    }
}

/// True if it is retop, or the system, that has no descriptor left.
pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}
