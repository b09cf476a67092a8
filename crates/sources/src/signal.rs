//! Signals to processes, bound to the process and not to its number.

use retop_model::Key;

/// Why a signal was not sent.
#[derive(Debug)]
pub enum SignalError {
    /// The process has ended; its number may belong to another one by now.
    Gone,
    /// The process belongs to somebody else.
    Denied,
    /// The kernel said something else.
    Other(std::io::Error),
}

impl std::fmt::Display for SignalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SignalError::Gone => f.write_str("the process has ended"),
            SignalError::Denied => {
                f.write_str("not permitted: the process belongs to another user; try as root")
            }
            SignalError::Other(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for SignalError {}

impl From<std::io::Error> for SignalError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => SignalError::Denied,
            std::io::ErrorKind::NotFound => SignalError::Gone,
            _ if error.raw_os_error() == Some(libc::ESRCH) => SignalError::Gone,
            _ => SignalError::Other(error),
        }
    }
}

/// Sends a signal to the process with this key (pid and start time) on this very machine.
///
/// It goes through a pidfd: a number that changes hands in between cannot be hit.
///
/// # Errors
///
/// [`SignalError`].
pub fn send_signal(key: Key, signal: i32) -> Result<(), SignalError> {
    send(key, signal)
}

#[cfg(target_os = "linux")]
fn send(key: Key, signal: i32) -> Result<(), SignalError> {
    Ok(crate::linux::Pinned::open(key)?.send(signal)?)
}

#[cfg(not(target_os = "linux"))]
fn send(_: Key, _: i32) -> Result<(), SignalError> {
    Err(SignalError::Other(std::io::ErrorKind::Unsupported.into()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a process to send to")]
    fn only_the_very_process_is_hit() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let pid = i32::try_from(child.id()).expect("pid");
        let start = crate::linux::start_ticks(pid).expect("alive");
        let other = Key(u64::from(child.id()), start + 1);
        assert!(matches!(send_signal(other, libc::SIGKILL), Err(SignalError::Gone)));
        let key = Key(u64::from(child.id()), start);
        send_signal(key, libc::SIGTERM).expect("sent");
        child.wait().expect("ended");
        assert!(matches!(send_signal(key, libc::SIGTERM), Err(SignalError::Gone)));
    }
}
