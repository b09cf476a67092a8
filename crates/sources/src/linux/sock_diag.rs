//! Counting TCP sockets by state through the kernel's socket diagnosis.
//!
//! `/proc/net/tcp` tells the same, at a line of text for each socket and with a walk through all
//! hash buckets for each page of it. Here the kernel leaves out the states that are not asked for.

use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// Sockets in each state, by the kernel's number of the state (ESTABLISHED is 1, CLOSING 11).
pub(crate) type Counts = [u32; 13];

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const HEADER_BYTES: usize = 16;
/// Netlink header, and `struct inet_diag_req_v2`.
const REQUEST_BYTES: usize = HEADER_BYTES + 56;
/// Answers come in pieces of at most this size.
const PIECE_BYTES: usize = 32 << 10;
/// More sockets than this are not counted one by one.
const MOST_SOCKETS: u32 = 200_000;

/// Counts the TCP sockets of both address families whose state's bit is set in `states`.
pub(crate) fn count(states: u32) -> Result<Counts> {
    let socket = open()?;
    let mut counts = Counts::default();
    for (family, sequence) in [(libc::AF_INET, 1), (libc::AF_INET6, 2)] {
        send(&socket, &request(family, states, sequence))?;
        receive(&socket, sequence, &mut counts)?;
    }
    Ok(counts)
}

fn open() -> Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers.
    let socket = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG) };
    if socket < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the descriptor was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let patience = libc::timeval { tv_sec: 1, tv_usec: 0 };
    let length = size_of_val(&patience) as libc::socklen_t;
    // SAFETY: the value outlives the call and has the length that is given.
    let failed = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const patience).cast(),
            length,
        )
    };
    if failed == 0 { Ok(socket) } else { Err(Error::last_os_error()) }
}

/// A request for a dump. All fields but a few are zero: any address, any port, any interface.
fn request(family: i32, states: u32, sequence: u32) -> [u8; REQUEST_BYTES] {
    let mut request = [0; REQUEST_BYTES];
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let parts: [(usize, &[u8]); 7] = [
        (0, &(REQUEST_BYTES as u32).to_ne_bytes()),
        (4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes()),
        (6, &flags.to_ne_bytes()),
        (8, &sequence.to_ne_bytes()),
        (HEADER_BYTES, &[family as u8]),
        (HEADER_BYTES + 1, &[libc::IPPROTO_TCP as u8]),
        (HEADER_BYTES + 4, &states.to_ne_bytes()),
    ];
    for (place, bytes) in parts {
        if let Some(room) = request.get_mut(place..place + bytes.len()) {
            room.copy_from_slice(bytes);
        }
    }
    request
}

fn send(socket: &OwnedFd, request: &[u8]) -> Result<()> {
    // SAFETY: the buffer is readable for the length that is given.
    let sent = unsafe { libc::send(socket.as_raw_fd(), request.as_ptr().cast(), request.len(), 0) };
    if sent < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

fn receive(socket: &OwnedFd, sequence: u32, counts: &mut Counts) -> Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        // SAFETY: the buffer is writable for the length that is given.
        let got =
            unsafe { libc::recv(socket.as_raw_fd(), piece.as_mut_ptr().cast(), piece.len(), 0) };
        let Ok(got) = usize::try_from(got) else {
            match Error::last_os_error() {
                error if error.kind() == ErrorKind::Interrupted => continue,
                error => return Err(error),
            }
        };
        if take(piece.get(..got).unwrap_or(&[]), sequence, counts)? {
            return Ok(());
        }
        if counts.iter().fold(0u32, |sum, &count| sum.saturating_add(count)) > MOST_SOCKETS {
            return Err(Error::new(ErrorKind::QuotaExceeded, "too many sockets to count"));
        }
    }
}

/// Counts the sockets in one piece of an answer; true if it was the last.
fn take(piece: &[u8], sequence: u32, counts: &mut Counts) -> Result<bool> {
    let cut = || Error::new(ErrorKind::InvalidData, "socket diagnosis was cut off");
    let mut rest = piece;
    if rest.is_empty() {
        return Err(cut());
    }
    while !rest.is_empty() {
        let number = |place: usize| {
            let bytes = rest.get(place..place + 4)?.try_into().ok()?;
            Some(u32::from_ne_bytes(bytes))
        };
        let kind = rest.get(4..6).and_then(|kind| kind.try_into().ok()).map(u16::from_ne_bytes);
        let (Some(length), Some(kind), Some(of)) = (number(0), kind, number(8)) else {
            return Err(cut());
        };
        let length = length as usize;
        if length < HEADER_BYTES || length > rest.len() {
            return Err(cut());
        }
        let body = rest.get(HEADER_BYTES..length).unwrap_or(&[]);
        if of == sequence {
            match kind {
                3 => return Ok(true), // NLMSG_DONE
                2 => {
                    // NLMSG_ERROR: a negative error number
                    let code =
                        body.get(..4).and_then(|code| code.try_into().ok()).ok_or_else(cut)?;
                    return Err(Error::from_raw_os_error(
                        i32::from_ne_bytes(code).saturating_neg(),
                    ));
                }
                SOCK_DIAG_BY_FAMILY => {
                    // struct inet_diag_msg: family, then state.
                    let state = body.get(1).copied().ok_or_else(cut)?;
                    if let Some(count) = counts.get_mut(usize::from(state)) {
                        *count = count.saturating_add(1);
                    }
                }
                _ => {}
            }
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        message.extend(((HEADER_BYTES + body.len()) as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend([0; 2]);
        message.extend(sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(body);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    #[test]
    fn answers_are_counted_by_state() {
        let mut counts = Counts::default();
        let socket = |state: u8| message(SOCK_DIAG_BY_FAMILY, 7, &[2, state, 0, 0, 0]);
        let of_another = message(SOCK_DIAG_BY_FAMILY, 6, &[2, 1]);
        let piece = [socket(1), socket(10), socket(10), of_another, socket(255)].concat();
        assert!(!take(&piece, 7, &mut counts).unwrap());
        assert!(take(&message(3, 7, &[0; 4]), 7, &mut counts).unwrap());
        assert_eq!((counts[1], counts[10], counts.iter().sum()), (1, 2, 3));
        let refused = message(2, 7, &(-libc::ENOENT).to_ne_bytes());
        let error = take(&refused, 7, &mut counts).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_listener_of_this_process_is_counted() {
        // Sandboxes may leave out netlink: then the error is the answer.
        let listen = 1 << 10;
        let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
        match count(listen) {
            Ok(counts) => assert!(counts[10] >= 1 && counts[1] == 0, "{counts:?}"),
            Err(error) => assert!(error.raw_os_error().is_some(), "{error}"),
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes: Vec<u8>, cut in 0usize..40, state: u8) {
            let mut counts = Counts::default();
            let _ = take(&bytes, 0, &mut counts);
            let whole = message(SOCK_DIAG_BY_FAMILY, 0, &[2, state, 0, 0]);
            let _ = take(&whole[..cut.min(whole.len())], 0, &mut counts);
            let _ = take(&message(2, 0, &bytes), 0, &mut counts);
        }
    }
}
