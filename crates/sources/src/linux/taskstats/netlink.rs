//! The generic netlink conversation that taskstats needs.

use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Room for records between two ticks: 10,000 exits of 430 bytes.
static RECEIVE_BUFFER: libc::c_int = 4 * 1024 * 1024;

/// How long an answer may take.
static PATIENCE: libc::timeval = libc::timeval { tv_sec: 0, tv_usec: 100_000 };

// linux/netlink.h, linux/genetlink.h, linux/taskstats.h
const HEADER: usize = 16;
const GENERIC_HEADER: usize = 4;
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const TASKSTATS_CMD_GET: u8 = 1;
const TASKSTATS_CMD_ATTR_REGISTER_CPUMASK: u16 = 3;
const TASKSTATS_TYPE_STATS: u16 = 3;
const TASKSTATS_TYPE_AGGR_PID: u16 = 4;

/// A socket on which the kernel reports each thread that ends.
pub struct Listener {
    socket: OwnedFd,
    family: u16,
    buffer: Vec<u8>,
}

impl Listener {
    /// Asks for the exits on all of these CPUs, given as a list like `0-7`.
    pub fn open(cpus: &str) -> Result<Listener> {
        // SAFETY: socket takes integers only.
        let socket = unsafe {
            libc::socket(
                libc::AF_NETLINK,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC,
                libc::NETLINK_GENERIC,
            )
        };
        if socket < 0 {
            return Err(Error::last_os_error());
        }
        // SAFETY: the call above just gave us this descriptor; nobody else has it.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        // The forced size needs CAP_NET_ADMIN, which listening needs as well; a refusal shows
        // there. The kernel answers within the request; what only imitates it may never do so, and
        // must not hold the tick up.
        set_option(&socket, libc::SO_RCVBUFFORCE, &RECEIVE_BUFFER);
        set_option(&socket, libc::SO_RCVTIMEO, &PATIENCE);
        let mut listener = Listener { socket, family: 0, buffer: vec![0; 64 * 1024] };
        listener.family = listener.find_family()?;
        let mask = attribute(TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, &terminated(cpus));
        listener.request(listener.family, TASKSTATS_CMD_GET, &mask)?;
        listener.acknowledged()?;
        Ok(listener)
    }

    /// Gives each waiting exit record to `take`; tells how often the kernel had to drop some.
    pub fn drain(&mut self, mut take: impl FnMut(&[u8])) -> Result<u64> {
        let mut lost = 0;
        loop {
            match self.receive(libc::MSG_DONTWAIT) {
                Ok(len) => {
                    let bytes = self.buffer.get(..len).unwrap_or(&[]);
                    for (kind, body) in Messages(bytes) {
                        if kind == self.family {
                            records(body.get(GENERIC_HEADER..).unwrap_or(&[]), &mut take);
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(lost),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => lost += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn find_family(&mut self) -> Result<u16> {
        let name = attribute(CTRL_ATTR_FAMILY_NAME, &terminated("TASKSTATS"));
        self.request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, &name)?;
        let len = self.receive(0)?;
        for (kind, body) in Messages(self.buffer.get(..len).unwrap_or(&[])) {
            if kind == libc::NLMSG_ERROR as u16 {
                return Err(refusal(body));
            }
            for (attribute, value) in Attributes(body.get(GENERIC_HEADER..).unwrap_or(&[])) {
                if let (CTRL_ATTR_FAMILY_ID, &[low, high, ..]) = (attribute, value) {
                    // The acknowledgement follows in a message of its own.
                    self.acknowledged()?;
                    return Ok(u16::from_ne_bytes([low, high]));
                }
            }
        }
        Err(ErrorKind::InvalidData.into())
    }

    fn acknowledged(&mut self) -> Result<()> {
        let len = self.receive(0)?;
        match Messages(self.buffer.get(..len).unwrap_or(&[])).next() {
            Some((kind, body)) if kind == libc::NLMSG_ERROR as u16 => match refusal(body) {
                error if error.raw_os_error() == Some(0) => Ok(()),
                error => Err(error),
            },
            _ => Ok(()),
        }
    }

    fn request(&self, kind: u16, command: u8, attributes: &[u8]) -> Result<()> {
        let len = u32::try_from(HEADER + GENERIC_HEADER + attributes.len()).unwrap_or(0);
        let flags = u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_ACK).unwrap_or(0);
        let mut message = Vec::with_capacity(len as usize);
        message.extend_from_slice(&len.to_ne_bytes());
        message.extend_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(&flags.to_ne_bytes());
        message.extend_from_slice(&[0; 8]);
        message.extend_from_slice(&[command, 1, 0, 0]);
        message.extend_from_slice(attributes);
        // SAFETY: pointer and length are those of a live vector.
        let sent = unsafe {
            libc::send(self.socket.as_raw_fd(), message.as_ptr().cast(), message.len(), 0)
        };
        if sent < 0 { Err(Error::last_os_error()) } else { Ok(()) }
    }

    fn receive(&mut self, flags: libc::c_int) -> Result<usize> {
        // SAFETY: pointer and length are those of a live, writable vector.
        let len = unsafe {
            libc::recv(
                self.socket.as_raw_fd(),
                self.buffer.as_mut_ptr().cast(),
                self.buffer.len(),
                flags,
            )
        };
        usize::try_from(len).map_err(|_| Error::last_os_error())
    }
}

/// Sets an option of the socket; a kernel that refuses leaves it as it was.
fn set_option<T>(socket: &OwnedFd, option: libc::c_int, value: &T) {
    let length = libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: value and length are those of a live object.
    unsafe {
        let value = std::ptr::from_ref(value).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value, length);
    }
}

/// The statistics of each thread in a message. The sums for whole processes, which are sent as
/// well, lack memory and I/O; ours are made from the threads'.
fn records(attributes: &[u8], take: &mut impl FnMut(&[u8])) {
    for (kind, nested) in Attributes(attributes) {
        if kind == TASKSTATS_TYPE_AGGR_PID {
            let stats = Attributes(nested).filter(|&(kind, _)| kind == TASKSTATS_TYPE_STATS);
            stats.for_each(|(_, record)| take(record));
        }
    }
}

/// A whole datagram, for the fuzzer.
pub fn fuzz(bytes: &[u8], take: &mut impl FnMut(&[u8])) {
    for (_, body) in Messages(bytes) {
        records(body.get(GENERIC_HEADER..).unwrap_or(&[]), take);
    }
}

/// The error in a netlink answer; 0 is an acknowledgement.
fn refusal(body: &[u8]) -> Error {
    let code = body.get(..4).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_ne_bytes);
    Error::from_raw_os_error(code.saturating_neg())
}

fn terminated(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len() + 8);
    bytes.extend_from_slice(&u16::try_from(value.len() + 4).unwrap_or(u16::MAX).to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The messages in a datagram: type and body.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let len = u32::from_ne_bytes(self.0.get(..4)?.try_into().ok()?) as usize;
        let kind = u16::from_ne_bytes(self.0.get(4..6)?.try_into().ok()?);
        let body = self.0.get(HEADER..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, body))
    }
}

/// The attributes in a message: type and value.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let &[a, b, c, d] = self.0.get(..4)? else { return None };
        let len = usize::from(u16::from_ne_bytes([a, b]));
        let value = self.0.get(4..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        // The two upper bits are flags (nested, byte order).
        Some((u16::from_ne_bytes([c, d]) & 0x3fff, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes_come_back() {
        let mut bytes = attribute(5, b"abc");
        bytes.extend(attribute(6, b""));
        let found: Vec<_> = Attributes(&bytes).collect();
        assert_eq!(found, [(5, &b"abc"[..]), (6, &b""[..])]);
    }

    proptest! {
        #[test]
        fn garbage_ends_the_iteration(bytes: Vec<u8>) {
            prop_assert!(Messages(&bytes).count() <= bytes.len());
            prop_assert!(Attributes(&bytes).count() <= bytes.len());
            records(&bytes, &mut |_| {});
        }
    }
}
