//! The least that a monitor without rights has to do each second: list `/proc` and read one small
//! file of each process through a descriptor that stays open.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::Result;
use rustix::fs::{Mode, OFlags, RawDir, SeekFrom, open, openat, seek};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Sweeps once a second and prints what each sweep cost.
pub fn run(options: &[&str]) -> Result<()> {
    let seconds: u64 = crate::option(options, "--seconds")?.unwrap_or("10").parse()?;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let proc = open("/proc", folder, Mode::empty())?;
    let mut kept: HashMap<u32, (OwnedFd, u64)> = HashMap::new();
    let start = nanoseconds(ClockId::Monotonic);
    for sweep in 0..seconds {
        let before = nanoseconds(ClockId::ProcessCPUTime);
        let bytes = read_all(&proc, &mut kept, sweep)?;
        let cost = nanoseconds(ClockId::ProcessCPUTime) - before;
        println!("{} processes, {bytes} bytes, {:.2} ms", kept.len(), cost as f64 / 1e6);
        let due = start + (sweep + 1) * 1_000_000_000;
        let left = due.saturating_sub(nanoseconds(ClockId::Monotonic));
        std::thread::sleep(Duration::from_nanos(left));
    }
    Ok(())
}

/// One sweep. Descriptors of processes that ended are let go.
fn read_all(proc: &OwnedFd, kept: &mut HashMap<u32, (OwnedFd, u64)>, sweep: u64) -> Result<usize> {
    let mut names = [MaybeUninit::uninit(); 64 * 1024];
    let mut text = [0; 1024];
    let mut bytes = 0;
    seek(proc, SeekFrom::Start(0))?;
    let mut listing = RawDir::new(proc, &mut names);
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let Some(pid) = number(entry.file_name().to_bytes()) else { continue };
        if let Some((file, seen)) = kept.get_mut(&pid)
            && let Ok(length) = rustix::io::pread(&*file, &mut text, 0)
        {
            *seen = sweep;
            bytes += length;
            continue;
        }
        let path = format!("{pid}/stat");
        let Ok(file) = openat(proc, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else {
            continue;
        };
        bytes += rustix::io::pread(&file, &mut text, 0).unwrap_or(0);
        kept.insert(pid, (file, sweep));
    }
    kept.retain(|_, (_, seen)| *seen == sweep);
    Ok(bytes)
}

fn number(name: &[u8]) -> Option<u32> {
    std::str::from_utf8(name).ok()?.parse().ok()
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}
