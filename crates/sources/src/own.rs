//! What the running process itself uses.

/// CPU time and memory of retop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnUsage {
    /// CPU time in microseconds.
    pub cpu_us: Option<u64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
}

/// Asks the kernel about this process.
#[must_use]
pub fn own_usage() -> OwnUsage {
    // SAFETY: `usage` is a plain struct of integers for which all zero bytes are valid, and
    // getrusage fills it or leaves it alone.
    let (status, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::getrusage(libc::RUSAGE_SELF, &raw mut usage), usage)
    };
    let microseconds = |time: libc::timeval| {
        u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000
            + u64::try_from(time.tv_usec).unwrap_or(0)
    };
    OwnUsage {
        cpu_us: (status == 0).then(|| microseconds(usage.ru_utime) + microseconds(usage.ru_stime)),
        resident_bytes: resident_bytes(),
    }
}

#[cfg(target_os = "linux")]
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * crate::linux::page_bytes(&crate::Roots::real())?)
}

#[cfg(not(target_os = "linux"))]
fn resident_bytes() -> Option<u64> {
    None
}

/// The number of descriptors that this process holds. Lists them: not for every tick.
#[must_use]
pub fn own_descriptors() -> Option<u64> {
    let listing = std::fs::read_dir("/dev/fd").ok()?;
    // The listing itself is one of them.
    u64::try_from(listing.count()).ok()?.checked_sub(1)
}
