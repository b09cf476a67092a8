//! Where to listen, and why one cannot.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Why the server does not start.
#[derive(Debug)]
pub enum ServeError {
    /// The text is no `[ADDR:]PORT`; what is wrong with it.
    BadAddress(String, &'static str),
    /// Another program listens there.
    InUse(SocketAddr),
    /// Ports below 1024 take a right that retop does not have.
    Denied(SocketAddr),
    /// No interface of this machine has the address.
    NotHere(SocketAddr),
    /// Anything else that the system says.
    Other(SocketAddr, io::Error),
}

impl ServeError {
    /// The error of binding that address.
    pub(super) fn bind(address: SocketAddr, error: io::Error) -> ServeError {
        match error.kind() {
            io::ErrorKind::AddrInUse => ServeError::InUse(address),
            io::ErrorKind::PermissionDenied => ServeError::Denied(address),
            io::ErrorKind::AddrNotAvailable => ServeError::NotHere(address),
            _ => ServeError::Other(address, error),
        }
    }
}

impl Display for ServeError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::BadAddress(text, wrong) => {
                write!(
                    f,
                    "cannot serve on '{text}': {wrong}; write PORT, ADDR:PORT or [ADDR6]:PORT"
                )
            }
            ServeError::InUse(address) => {
                write!(f, "port {} is in use; choose another with --serve PORT", address.port())
            }
            ServeError::Denied(address) => {
                let port = address.port();
                write!(
                    f,
                    "port {port} is not allowed to this user; choose one above 1023 with --serve PORT"
                )
            }
            ServeError::NotHere(address) => {
                let ip = address.ip();
                write!(f, "{ip} is no address of this machine; --serve PORT listens on 127.0.0.1")
            }
            ServeError::Other(address, error) => {
                write!(f, "cannot serve on {address}: {error}; try another with --serve PORT")
            }
        }
    }
}

impl std::error::Error for ServeError {}

/// Reads `[ADDR:]PORT`. Without an address it is 127.0.0.1: to be reachable by others takes asking.
/// No name but `localhost` is looked up.
///
/// # Errors
///
/// [`ServeError::BadAddress`].
pub fn parse_address(text: &str) -> Result<SocketAddr, ServeError> {
    let wrong = |why| ServeError::BadAddress(text.to_owned(), why);
    let (address, port) = match text.rsplit_once(':') {
        Some((address, port)) => (Some(address), port),
        None => (None, text),
    };
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong("the port is no number"));
    }
    let port = port.parse().map_err(|_| wrong("ports end at 65535"))?;
    let ip = match address {
        None | Some("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some("") => return Err(wrong("the address is empty; 0.0.0.0 is every address")),
        Some(address) => match address.strip_prefix('[').and_then(|a| a.strip_suffix(']')) {
            Some(six) => {
                let six = six.parse::<Ipv6Addr>();
                IpAddr::V6(six.map_err(|_| wrong("what is in brackets is no IPv6 address"))?)
            }
            None if address.contains(':') => return Err(wrong("an IPv6 address needs brackets")),
            None => {
                let four = address.parse::<Ipv4Addr>();
                IpAddr::V4(four.map_err(|_| wrong("the address is no number"))?)
            }
        },
    };
    Ok(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses() {
        for (text, address) in [
            ("9100", "127.0.0.1:9100"),
            ("0", "127.0.0.1:0"),
            ("localhost:9100", "127.0.0.1:9100"),
            ("0.0.0.0:9100", "0.0.0.0:9100"),
            ("[::1]:9100", "[::1]:9100"),
            ("[::]:65535", "[::]:65535"),
        ] {
            assert_eq!(parse_address(text).unwrap().to_string(), address, "{text}");
        }
        for text in [
            "",
            ":",
            ":9100",
            "9100:",
            "65536",
            "-1",
            "+9100",
            "9100 ",
            "::1:9100",
            "[::1]",
            "[::1]9100",
            "[127.0.0.1]:9100",
            "example.org:9100",
            "1.2.3:9100",
            "[::1:9100",
            "http://1.2.3.4:80",
            "९",
        ] {
            let error = parse_address(text).unwrap_err().to_string();
            assert!(
                error.starts_with("cannot serve on") && error.contains("PORT"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn errors_tell_the_next_step() {
        let address = parse_address("9100").unwrap();
        for (kind, message) in [
            (io::ErrorKind::AddrInUse, "port 9100 is in use; choose another with --serve PORT"),
            (io::ErrorKind::PermissionDenied, "port 9100 is not allowed to this user"),
            (io::ErrorKind::AddrNotAvailable, "127.0.0.1 is no address of this machine"),
            (io::ErrorKind::OutOfMemory, "cannot serve on 127.0.0.1:9100: "),
        ] {
            let error = ServeError::bind(address, kind.into()).to_string();
            assert!(error.starts_with(message) && error.contains("--serve PORT"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(ip: IpAddr, port: u16) {
            let address = SocketAddr::new(ip, port);
            prop_assert_eq!(parse_address(&address.to_string()).unwrap(), address);
        }

        #[test]
        fn any_text_has_an_answer(text: String) {
            let _ = parse_address(&text);
        }
    }
}
