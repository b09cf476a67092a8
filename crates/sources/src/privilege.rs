//! Whether retop may do more than the user who started it.

/// True if the program file gave rights that its user does not have: capabilities, or another
/// user's identity. Whatever that user names must then not become code that runs with them. Rights
/// that were handed down (root, a unit with `AmbientCapabilities=`) are the user's own.
#[cfg(target_os = "linux")]
pub(crate) fn is_elevated() -> bool {
    // SAFETY: getauxval has no preconditions. Every kernel since 2.6.0 gives the entry.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// True if the program file gave rights that its user does not have: another user's identity.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_elevated() -> bool {
    // SAFETY: issetugid has no preconditions.
    unsafe { issetugid() != 0 }
}

#[cfg(not(target_os = "linux"))]
unsafe extern "C" {
    /// Of macOS and the BSDs; the libc crate does not have it for all of them.
    fn issetugid() -> libc::c_int;
}
