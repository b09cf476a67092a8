//! The machine's own time zone, for people.

/// Seconds east of Greenwich at a moment in seconds since 1970; 0 where the zone is not known.
#[must_use]
pub fn local_offset_seconds(unix_seconds: i64) -> i32 {
    // 64 bits on every platform that retop knows.
    let time = unix_seconds;
    // SAFETY: zero bytes are a valid tm; both pointers are to live locals. localtime_r reads the
    // environment's TZ, which retop never changes.
    let (found, parts) = unsafe {
        let mut parts: libc::tm = std::mem::zeroed();
        (!libc::localtime_r(&raw const time, &raw mut parts).is_null(), parts)
    };
    if found { i32::try_from(parts.tm_gmtoff).unwrap_or(0) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_less_than_a_day() {
        for moment in [0, 1_700_000_000, i64::MAX, i64::MIN, -1] {
            assert!(local_offset_seconds(moment).abs() < 86_400);
        }
    }
}
