//! The ends of sockets, from the tables in `/proc/PID/net`: those of the process's own network.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use retop_model::Text;

use crate::linux::parse::{self, Fields};

/// A table of a busy server has a line for each connection. This is 14,000 of them; sockets beyond
/// keep their number for a name.
const MOST_BYTES: u64 = 2 << 20;

/// A table and its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Inet(&'static str),
    Unix,
}

pub const TABLES: [Table; 7] = [
    Table::Inet("tcp"),
    Table::Inet("tcp6"),
    Table::Inet("udp"),
    Table::Inet("udp6"),
    Table::Inet("raw"),
    Table::Inet("raw6"),
    Table::Unix,
];

/// Gives the inode and the name of every socket.
pub fn read(folder: &Path, take: &mut impl FnMut(u64, Text)) {
    for table in TABLES {
        let name = match table {
            Table::Inet(name) => name,
            Table::Unix => "unix",
        };
        let Ok(file) = File::open(folder.join("net").join(name)) else { continue };
        let mut lines = BufReader::new(file.take(MOST_BYTES));
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            parse(&line, table, take);
            line.clear();
        }
    }
}

pub fn parse(text: &[u8], table: Table, take: &mut impl FnMut(u64, Text)) {
    for line in parse::lines(text) {
        let named = match table {
            Table::Inet(name) => inet(line, name),
            Table::Unix => unix(line),
        };
        if let Some((inode, name)) = named {
            take(inode, name);
        }
    }
}

/// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`.
fn inet(line: &[u8], table: &str) -> Option<(u64, Text)> {
    let mut fields = Fields::new(line);
    let (local, remote) = (address(fields.nth(1)?)?, address(fields.next()?)?);
    let state = parse::hexadecimal(fields.next()?)?;
    let inode = parse::decimal(fields.nth(5)?)?;
    let name = table.trim_end_matches('6');
    let text = match state {
        0x0a if name == "tcp" => format!("tcp {local} listens"),
        _ if remote.port() == 0 && remote.ip().is_unspecified() => format!("{name} {local}"),
        _ => {
            let state = STATES.get(state as usize).filter(|_| name == "tcp").copied().unwrap_or("");
            let text = format!("{name} {local} - {remote} {state}");
            text.trim_end().to_owned()
        }
    };
    Some((inode, Text::from(text)))
}

/// From the kernel's `tcp_states.h`. Nearly all are established, so that one goes without saying.
const STATES: [&str; 13] = [
    "",
    "",
    "syn sent",
    "syn received",
    "fin wait 1",
    "fin wait 2",
    "time wait",
    "closed",
    "close wait",
    "last ack",
    "listens",
    "closing",
    "new syn received",
];

/// `0100007F:1F90`: words of 32 bits as the processor holds them, and the port.
fn address(field: &[u8]) -> Option<SocketAddr> {
    let colon = field.iter().position(|&byte| byte == b':')?;
    let (words, port) = (&field[..colon], &field[colon + 1..]);
    let port = u16::try_from(parse::hexadecimal(port)?).ok()?;
    let word = |text: &[u8]| Some(u32::try_from(parse::hexadecimal(text)?).ok()?.to_ne_bytes());
    match words.len() {
        8 => Some(SocketAddr::new(Ipv4Addr::from(word(words)?).into(), port)),
        32 => {
            let mut bytes = [0; 16];
            for (four, text) in bytes.chunks_mut(4).zip(words.chunks(8)) {
                four.copy_from_slice(&word(text)?);
            }
            Some(SocketAddr::new(Ipv6Addr::from(bytes).to_canonical(), port))
        }
        _ => None,
    }
}

/// `Num RefCount Protocol Flags Type St Inode Path`; most ends have no path.
fn unix(line: &[u8]) -> Option<(u64, Text)> {
    let mut fields = Fields::new(line);
    let flags = parse::hexadecimal(fields.nth(3)?)?;
    let inode = parse::decimal(fields.nth(2)?)?;
    let path = fields.rest().trim_ascii();
    let path = &path[..path.len().min(128)];
    // __SO_ACCEPTCON.
    let listens = if flags & 0x1_0000 != 0 { &b" listens"[..] } else { b"" };
    let gap = if path.is_empty() { &b""[..] } else { b" " };
    Some((inode, Text::new(&[b"unix", gap, path, listens].concat())))
}
