//! The bytes of a segment: a file, or what came over a network.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes that are read from any place.
#[derive(Clone, Debug)]
pub(super) enum Body {
    File(Arc<File>),
    /// So many bytes of a file from a place on.
    Part {
        file: Arc<File>,
        begin: u64,
        len: u64,
    },
    Memory(Arc<Vec<u8>>),
}

impl Body {
    pub fn len(&self) -> io::Result<u64> {
        match self {
            Body::File(file) => Ok(file.metadata()?.len()),
            Body::Part { len, .. } => Ok(*len),
            Body::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> u64 {
        match self {
            Body::File(_) | Body::Part { .. } => 0,
            Body::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Fills `buffer` as far as there are bytes; gives how many there were.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let read = match self {
                Body::File(file) => {
                    match file.read_at(&mut buffer[filled..], offset + filled as u64) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        other => other?,
                    }
                }
                Body::Part { file, begin, len } => {
                    let at = offset.saturating_add(filled as u64);
                    let left = usize::try_from(len.saturating_sub(at)).unwrap_or(usize::MAX);
                    let end = buffer.len().min(filled.saturating_add(left));
                    match file.read_at(&mut buffer[filled..end], begin.saturating_add(at)) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        other => other?,
                    }
                }
                Body::Memory(bytes) => {
                    let start = usize::try_from(offset).unwrap_or(usize::MAX);
                    let rest = bytes.get(start.saturating_add(filled)..).unwrap_or_default();
                    let count = rest.len().min(buffer.len() - filled);
                    buffer[filled..filled + count].copy_from_slice(&rest[..count]);
                    count
                }
            };
            if read == 0 {
                break;
            }
            filled += read;
        }
        Ok(filled)
    }
}
