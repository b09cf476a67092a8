//! The history of a running retop, asked for over HTTP.
//!
//! Little enough of HTTP/1.1 for one request and one reply of a program of ours: no redirects, no
//! compression, no TLS. What comes back is bounded in size and in time.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use super::error::RecordingError;
use super::reader::Recording;

/// Where a server has its history.
const PATH: &str = "/api/history";
/// Most bytes of a reply: a history of 64 MiB with what frames it, and room for larger ones.
const LIMIT: u64 = 1 << 30;
/// Most bytes of a reply's head.
const HEAD_LIMIT: usize = 16 << 10;
/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// Fetches the history of a running retop: `http://HOST:PORT`.
///
/// # Errors
///
/// An address that is none, nobody who answers, a reply that is no history.
pub fn fetch(url: &str) -> Result<Recording, RecordingError> {
    get(url, "")
}

/// Fetches what it has from a time of the wall clock on, and a little before.
///
/// # Errors
///
/// As for [`fetch`].
pub fn fetch_from(url: &str, from_ms: i64) -> Result<Recording, RecordingError> {
    get(url, &format!("?from={from_ms}"))
}

fn get(url: &str, query: &str) -> Result<Recording, RecordingError> {
    let failed = |what: String| RecordingError::new(Path::new(url), what);
    let rest = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (rest, PATH.to_owned()),
    };
    let plain = |c: char| c.is_ascii_graphic();
    if authority.is_empty() || !authority.chars().all(plain) || !path.chars().all(plain) {
        return Err(failed("this is no address; write http://HOST:PORT".to_owned()));
    }
    let with_port = match authority.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
        _ => format!("{authority}:80"),
    };
    let io = |error: std::io::Error| failed(super::error::plain(&error));
    let mut stream = connect(&with_port).map_err(io)?;
    let request =
        format!("GET {path}{query} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(io)?;
    let mut reply = Vec::new();
    let head = head(&mut stream, &mut reply).map_err(io)?;
    let Some(head) = head else {
        return Err(failed("the answer is not one of HTTP".to_owned()));
    };
    let body = reply.split_off(head.end);
    if head.status != 200 {
        let why = String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned();
        let next = match head.status {
            404 => "this retop serves no history; it needs --history, and a version that has one",
            _ => "",
        };
        return Err(failed(format!("answered {} {why}{next}", head.status)));
    }
    let mut body = body;
    let wanted = head.length.unwrap_or(LIMIT);
    if wanted > LIMIT {
        return Err(failed("the history is larger than 1 GiB".to_owned()));
    }
    let left = wanted.saturating_sub(body.len() as u64);
    stream.take(left).read_to_end(&mut body).map_err(io)?;
    if head.length.is_some_and(|length| length != body.len() as u64) {
        return Err(failed("the answer ended early; ask again".to_owned()));
    }
    if head.chunked {
        body = dechunked(&body).ok_or_else(|| failed("the answer is not whole".to_owned()))?;
    }
    Recording::of_bytes(url, body)
}

fn connect(address: &str) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::other("the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
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
    end: usize,
}

/// Reads until the head is whole; what came of the body stays behind it.
fn head(stream: &mut TcpStream, reply: &mut Vec<u8>) -> std::io::Result<Option<Head>> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(head) = parsed(reply) {
            return Ok(head);
        }
        let read = stream.read(&mut buffer)?;
        if read == 0 || reply.len() > HEAD_LIMIT {
            return Ok(None);
        }
        reply.extend_from_slice(&buffer[..read]);
    }
}

/// `None` while the head is not whole; `Some(None)` for one that is none.
fn parsed(reply: &[u8]) -> Option<Option<Head>> {
    let end = reply.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&reply[..end]).into_owned();
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1."));
    let status = status.and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    let Some(status) = status else { return Some(None) };
    let (mut length, mut chunked) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok(),
            "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
            _ => {}
        }
    }
    Some(Some(Head { status, length, chunked, end }))
}

fn dechunked(body: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::new(), body);
    loop {
        let line = rest.windows(2).position(|bytes| bytes == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        rest = rest.get(line + 2..)?;
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size.checked_add(2)?..)?;
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
        let cases: [(&[u8], &str); 7] = [
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
                "the answer is not whole",
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

    #[test]
    fn chunks_are_joined() {
        assert_eq!(
            dechunked(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n").as_deref(),
            Some(&b"abcde"[..])
        );
        for broken in [&b""[..], b"3\r\nab", b"zz\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffff\r\na"] {
            assert_eq!(dechunked(broken), None);
        }
    }
}
