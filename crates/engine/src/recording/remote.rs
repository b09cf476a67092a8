//! The history of a running retop, asked for over HTTP.
//!
//! Little enough of HTTP/1.1 for one request and one reply of a program of ours: no redirects, no
//! compression, no TLS. What comes back is bounded in size and in time, however it comes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use retop_model::Clock;

use super::body::Body;
use super::error::{RecordingError, plain};
use super::reader::Recording;
use super::slot::Shared;
use super::spool::Spool;
use crate::RealClock;

/// Where a server has its history.
const PATH: &str = "/api/history";
/// Most bytes of a reply: a history of 64 MiB with what frames it, and room for larger ones.
const LIMIT: u64 = 1 << 30;
const LARGER: &str = "the history is larger than 1 GiB";
/// Most bytes of a reply's head.
const HEAD_LIMIT: u64 = 16 << 10;
/// Most bytes of the line before a chunk.
const CHUNK_LINE: u64 = 256;
/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long all of an answer may take: 64 MiB over 2 Mbit/s.
const WHOLE: Duration = Duration::from_secs(300);

/// A reply of at most so many bytes is kept in memory until the next one takes its place: the newest
/// key interval of 10,000 processes.
const SMALL: u64 = 4 << 20;

/// How long somebody is waited for.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// While nothing comes.
    patience: Duration,
    /// For all of an answer.
    whole: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { patience: PATIENCE, whole: WHOLE }
    }
}

/// A running retop whose history is fetched again and again.
pub struct Remote {
    url: String,
    spool: Spool,
    limits: Limits,
    /// All that is fetched was written by the same retop.
    shared: Arc<Shared>,
}

impl Remote {
    /// `http://HOST:PORT`. What is fetched is kept in files without a name in the first of those
    /// folders that takes one.
    #[must_use]
    pub fn new(url: &str, folders: Vec<PathBuf>) -> Remote {
        Remote {
            url: url.to_owned(),
            spool: Spool::new(folders),
            limits: Limits::default(),
            shared: Arc::default(),
        }
    }

    /// Other limits, for tests.
    #[cfg(test)]
    pub(super) fn limit(&mut self, patience: Duration, whole: Duration) {
        self.limits = Limits { patience, whole };
    }

    /// Fetches all that it has.
    ///
    /// # Errors
    ///
    /// An address that is none, nobody who answers, a reply that is no history, no place to keep it.
    pub fn fetch(&mut self) -> Result<Recording, RecordingError> {
        self.get("")
    }

    /// Fetches what it has from a time of the wall clock on, and a little before.
    ///
    /// # Errors
    ///
    /// As for [`Remote::fetch`].
    pub fn fetch_from(&mut self, from_ms: i64) -> Result<Recording, RecordingError> {
        self.get(&format!("?from={from_ms}"))
    }

    fn get(&mut self, query: &str) -> Result<Recording, RecordingError> {
        let mut reply = Reply::of(&self.url, query, self.limits)?;
        if reply.left().is_some_and(|left| left <= SMALL) {
            let bytes = Arc::new(reply.whole(SMALL)?);
            let body = Body::Memory(Arc::clone(&bytes));
            let recording = Recording::of_body(&self.url, body, &self.shared)?;
            // What has a newer key interval behind it stays.
            if recording.key_intervals() < 2 {
                return Ok(recording);
            }
            return match self.spool.keep(&mut &bytes[..]) {
                Ok(body) => Recording::of_body(&self.url, body, &self.shared),
                Err(_) => Ok(recording),
            };
        }
        match self.spool.keep(&mut reply) {
            Ok(body) => {
                reply.end()?;
                Recording::of_body(&self.url, body, &self.shared)
            }
            Err(error) => Err(reply.broken(&error, "it cannot be kept")),
        }
    }
}

/// Fetches the history of a running retop, `http://HOST:PORT`, into memory.
///
/// # Errors
///
/// An address that is none, nobody who answers, a reply that is no history.
pub fn fetch(url: &str) -> Result<Recording, RecordingError> {
    Recording::of_bytes(url, Reply::of(url, "", Limits::default())?.whole(LIMIT)?)
}

/// The body of a reply, as it comes.
struct Reply<'a> {
    url: &'a str,
    body: Content<BufReader<Timed>>,
    /// Reading failed, and not writing what was read.
    failed: bool,
}

impl Reply<'_> {
    fn of<'a>(url: &'a str, query: &str, limits: Limits) -> Result<Reply<'a>, RecordingError> {
        let failed = |what: String| RecordingError::new(Path::new(url), what);
        let rest = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, format!("/{path}")),
            None => (rest, PATH.to_owned()),
        };
        let visible = |c: char| c.is_ascii_graphic();
        if authority.is_empty() || !authority.chars().all(visible) || !path.chars().all(visible) {
            return Err(failed("this is no address; write http://HOST:PORT".to_owned()));
        }
        let with_port = match authority.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
            _ => format!("{authority}:80"),
        };
        let io = |error: io::Error| failed(told(&error));
        let whole_ns = u64::try_from(limits.whole.as_nanos()).unwrap_or(u64::MAX);
        let end_ns = RealClock.monotonic_ns().saturating_add(whole_ns);
        let mut stream = connect(&with_port, limits.patience).map_err(io)?;
        let request =
            format!("GET {path}{query} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).map_err(io)?;
        let mut stream = BufReader::new(Timed { stream, patience: limits.patience, end_ns });
        let Some(head) = head(&mut stream).map_err(io)? else {
            return Err(failed("the answer is not one of HTTP".to_owned()));
        };
        if head.status != 200 {
            let mut why = Vec::new();
            let _ = stream.take(200).read_to_end(&mut why);
            let why = String::from_utf8_lossy(&why).trim().to_owned();
            let next = match head.status {
                404 => "; it needs a version of retop with a history, and --history above 0",
                _ => "",
            };
            return Err(failed(format!("answered {} {why}{next}", head.status)));
        }
        if head.length.is_some_and(|length| length > LIMIT) {
            return Err(failed(LARGER.to_owned()));
        }
        let left = match (head.chunked, head.length) {
            (true, _) => Left::Chunks { chunk: 0, begun: false, ended: false, all: LIMIT },
            (false, Some(length)) => Left::Bytes(length),
            (false, None) => Left::Unknown(LIMIT),
        };
        Ok(Reply { url, body: Content { stream, left }, failed: false })
    }

    /// How many bytes are to come, if that was said.
    fn left(&self) -> Option<u64> {
        match self.body.left {
            Left::Bytes(left) => Some(left),
            _ => None,
        }
    }

    /// All of it, if that is not more than so much.
    fn whole(&mut self, most: u64) -> Result<Vec<u8>, RecordingError> {
        let mut bytes = Vec::new();
        let read = (&mut *self).take(most).read_to_end(&mut bytes);
        read.map_err(|error| self.broken(&error, ""))?;
        self.end()?;
        Ok(bytes)
    }

    /// All that was said to come has come.
    fn end(&self) -> Result<(), RecordingError> {
        match self.body.left {
            Left::Bytes(0) | Left::Unknown(_) | Left::Chunks { ended: true, .. } => Ok(()),
            _ => Err(RecordingError::new(Path::new(self.url), LARGER)),
        }
    }

    fn broken(&self, error: &io::Error, kept: &str) -> RecordingError {
        let why = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the answer ended early; ask again".to_owned(),
            _ if self.failed || kept.is_empty() => told(error),
            _ => format!("{kept}: {}", told(error)),
        };
        RecordingError::new(Path::new(self.url), why)
    }
}

impl Read for Reply<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer);
        self.failed |= read.is_err();
        read
    }
}

/// How a body ends.
enum Left {
    Bytes(u64),
    /// With the connection, or after so many bytes.
    Unknown(u64),
    /// With a chunk of 0 bytes: what is left of the present one.
    Chunks {
        chunk: u64,
        begun: bool,
        ended: bool,
        /// Bytes that may come in all of them.
        all: u64,
    },
}

/// A connection that ends for us when its time is over, however lively it is.
struct Timed {
    stream: TcpStream,
    patience: Duration,
    end_ns: u64,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left_ns = self.end_ns.saturating_sub(RealClock.monotonic_ns());
        let left = Duration::from_nanos(left_ns);
        let over = || io::Error::other("the answer takes too long; ask over a faster connection");
        if left.is_zero() {
            return Err(over());
        }
        if left < self.patience {
            self.stream.set_read_timeout(Some(left))?;
        }
        self.stream.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut if left < self.patience => over(),
            _ => error,
        })
    }
}

/// A body without what HTTP adds to it. One that ends too early is an error.
struct Content<R> {
    stream: R,
    left: Left,
}

impl<R: BufRead> Content<R> {
    /// Reads where the next chunk begins.
    fn next_chunk(&mut self, begun: bool) -> io::Result<u64> {
        let mut line = String::new();
        for _ in 0..=u8::from(begun) {
            line.clear();
            let read = (&mut self.stream).take(CHUNK_LINE).read_line(&mut line);
            if read? == 0 || !line.ends_with('\n') {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let size = line.split(';').next().unwrap_or_default().trim();
        let wrong = |_| io::Error::new(io::ErrorKind::InvalidData, "the answer is not whole");
        u64::from_str_radix(size, 16).map_err(wrong)
    }
}

impl<R: BufRead> Read for Content<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Left::Chunks { chunk: 0, begun, ended: false, all } = self.left {
            let chunk = self.next_chunk(begun)?;
            let Some(all) = all.checked_sub(chunk) else {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, LARGER));
            };
            self.left = Left::Chunks { chunk, begun: true, ended: chunk == 0, all };
        }
        let (left, sudden) = match &mut self.left {
            Left::Bytes(left) | Left::Chunks { chunk: left, .. } => (left, true),
            Left::Unknown(left) => (left, false),
        };
        let most = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let read = self.stream.read(&mut buffer[..most])?;
        if read == 0 && sudden {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        *left -= read as u64;
        Ok(read)
    }
}

/// An error in words. A socket that waited in vain says that a resource is unavailable.
fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "nobody answers".to_owned(),
        _ => plain(error),
    }
}

fn connect(address: &str, patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => {
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

struct Head {
    status: u16,
    length: Option<u64>,
    chunked: bool,
}

/// The head of a reply; `None` for one that is not of HTTP.
fn head(stream: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut stream = stream.take(HEAD_LIMIT);
    let mut line = Vec::new();
    let mut next = |line: &mut Vec<u8>| -> io::Result<bool> {
        line.clear();
        stream.read_until(b'\n', line)?;
        Ok(line.ends_with(b"\n"))
    };
    if !next(&mut line)? {
        return Ok(None);
    }
    let status = String::from_utf8_lossy(&line).into_owned();
    let status = status.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    let Some(status) = status.and_then(|status| status.trim().parse().ok()) else {
        return Ok(None);
    };
    let mut head = Head { status, length: None, chunked: false };
    loop {
        if !next(&mut line)? {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            return Ok(Some(head));
        }
        let Some((name, value)) = text.split_once(':') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.trim().parse().ok(),
            "transfer-encoding" => head.chunked = value.trim().eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that gives one answer, whatever it is asked.
    fn answered(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer);
        });
        let url = format!("http://{address}");
        let error = fetch(&url).expect_err("no history").to_string();
        error.trim_start_matches(&format!("{url}: ")).to_owned()
    }

    #[test]
    fn answers_that_are_no_history_are_told() {
        let cases: [(&[u8], &str); 9] = [
            (b"", "the answer is not one of HTTP"),
            (b"SSH-2.0-OpenSSH\r\n\r\n", "the answer is not one of HTTP"),
            (b"HTTP/1.1 421 x\r\n\r\nwrong host\n", "answered 421 wrong host"),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n",
                "the history is larger than 1 GiB",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nRETOP",
                "the answer ended early; ask again",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nx",
                "the answer ended early; ask again",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx",
                "the answer is not whole",
            ),
            (
                b"HTTP/1.1 404 x\r\n\r\n",
                "answered 404 ; it needs a version of retop with a history, and --history above 0",
            ),
            (
                b"HTTP/1.1 200 OK\r\n\r\n<html>",
                "byte 0: this is no recording of retop: it does not begin with RETOP",
            ),
        ];
        for (answer, wanted) in cases {
            assert_eq!(answered(answer), wanted);
        }
        for url in ["http://", "http://a b", "http://x\r\nHost: y"] {
            let error = fetch(url).expect_err("no address").to_string();
            assert!(error.ends_with("write http://HOST:PORT"), "{error}");
        }
    }

    fn dechunked(body: impl BufRead) -> Result<Vec<u8>, String> {
        let left = Left::Chunks { chunk: 0, begun: false, ended: false, all: 1_000 };
        let mut out = Vec::new();
        let read = Content { stream: body, left }.read_to_end(&mut out);
        read.map(|_| out).map_err(|error| error.to_string())
    }

    /// A chunk that comes again and again.
    struct Endless(&'static [u8], usize);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for byte in buffer.iter_mut() {
                *byte = self.0[self.1 % self.0.len()];
                self.1 += 1;
            }
            Ok(buffer.len())
        }
    }

    #[test]
    fn chunks_are_joined() {
        assert_eq!(
            dechunked(&b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"[..]).as_deref(),
            Ok(&b"abcde"[..])
        );
        for broken in [&b""[..], b"3\r\nab", b"zz\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffff\r\na"] {
            assert!(dechunked(broken).is_err());
        }
        for chunk in [&b"1\r\na\r\n"[..], b"3e9\r\n"] {
            let endless = BufReader::new(Endless(chunk, 0));
            assert_eq!(dechunked(endless), Err(LARGER.to_owned()));
        }
    }
}
