//! The system call and its structure.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{Begin, Follow, Kernel, Spec, Target, WORDS, Whose};

/// `struct perf_event_attr` of linux/perf_event.h as it was in 4.1, which every kernel since then
/// takes: later fields would be zero.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint: u32,
    config_1: u64,
    config_2: u64,
    branch_sample_type: u64,
    sample_registers_user: u64,
    sample_stack_user: u32,
    clock: i32,
    sample_registers_interrupt: u64,
    aux_watermark: u32,
    reserved: u32,
}

const _: () = assert!(size_of::<Attributes>() == 112);

const TOTAL_TIME_ENABLED: u64 = 1;
const TOTAL_TIME_RUNNING: u64 = 1 << 1;
const GROUP: u64 = 1 << 3;

const DISABLED: u64 = 1;
const INHERIT: u64 = 1 << 1;
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
const ENABLE_ON_EXEC: u64 = 1 << 12;
const INHERIT_THREAD: u64 = 1 << 35;

const CLOSE_ON_EXEC: libc::c_ulong = 1 << 3;

/// The kernel of this machine.
pub struct System;

impl Kernel for System {
    type Counter = OwnedFd;

    fn open(
        &mut self,
        target: Target,
        event: Spec,
        leader: Option<&OwnedFd>,
    ) -> io::Result<OwnedFd> {
        let (tid, cpu) = match target.whose {
            Whose::Thread(tid) => (tid, -1),
            Whose::Cpu(cpu) => (-1, cpu),
        };
        let mut flags = match target.follow {
            Follow::Nobody => 0,
            Follow::Threads => INHERIT | INHERIT_THREAD,
            Follow::Processes => INHERIT,
        };
        if target.user_only {
            flags |= EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR;
        }
        // The others of a group wait for its leader.
        if target.begin == Begin::AtExec && leader.is_none() {
            flags |= DISABLED | ENABLE_ON_EXEC;
        }
        let attributes = Attributes {
            kind: event.kind,
            size: size_of::<Attributes>() as u32,
            config: event.config,
            read_format: TOTAL_TIME_ENABLED | TOTAL_TIME_RUNNING | GROUP,
            flags,
            ..Attributes::default()
        };
        let leader = leader.map_or(-1, AsRawFd::as_raw_fd);
        // SAFETY: the structure is live and as long as it says; the rest are integers.
        let file = unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                &raw const attributes,
                tid,
                cpu,
                leader,
                CLOSE_ON_EXEC,
            )
        };
        let file = i32::try_from(file).unwrap_or(-1);
        if file < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above just gave us this descriptor; nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(file) })
    }

    fn read(&mut self, leader: &OwnedFd, words: &mut [u64; WORDS]) -> io::Result<usize> {
        // SAFETY: pointer and length are those of a live, writable array of plain integers.
        let len = unsafe {
            libc::read(leader.as_raw_fd(), words.as_mut_ptr().cast(), size_of_val(words))
        };
        match usize::try_from(len) {
            Ok(len) => Ok(len / size_of::<u64>()),
            Err(_) => Err(io::Error::last_os_error()),
        }
    }
}
