//! Who may ask for what.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use axum::http::StatusCode;

/// Decides by the head of a request alone.
///
/// A page on the web can make a browser on this machine send requests here; it can even make the
/// browser believe that they go to the page's own server, by letting its name point to 127.0.0.1.
/// Both are told by names: such a request carries the page's name as its host or as its origin.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The address that the server is bound to.
    pub bound: IpAddr,
    /// Further names of the server.
    pub allowed_hosts: Vec<String>,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is addressed to a name that is not the server's.
    WrongHost,
    /// A page of another site sent it.
    WrongOrigin,
    /// It asks for more than strangers are shown.
    NotForStrangers,
}

impl Refusal {
    /// The status of the response.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Refusal::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Refusal::WrongOrigin | Refusal::NotForStrangers => StatusCode::FORBIDDEN,
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::WrongHost => {
                "this server has another name; ask it by its address, or as localhost"
            }
            Refusal::WrongOrigin => "requests from pages of other sites are not answered",
            Refusal::NotForStrangers => {
                "the process table is served on a loopback address alone; here is /metrics"
            }
        })
    }
}

impl Policy {
    /// True if others can reach the server. There is no password yet, so that is as strangers.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        !self.bound.to_canonical().is_loopback()
    }

    /// Judges a request by the names it is addressed to (the `Host` headers and the authority of
    /// an absolute URI), the `Origin` headers and the path. `host_name` is this machine's, or empty.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn check(
        &self,
        hosts: &[&str],
        origins: &[&str],
        path: &str,
        host_name: &str,
    ) -> Result<(), Refusal> {
        let mine = |host: &&str| self.is_mine(host, host_name);
        let Some(host) = hosts.first().filter(|_| hosts.iter().all(mine)) else {
            return Err(Refusal::WrongHost);
        };
        let same = |origin: &&str| {
            let site = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            site.is_some_and(|site| site.eq_ignore_ascii_case(host))
        };
        if !origins.iter().all(same) {
            return Err(Refusal::WrongOrigin);
        }
        if self.is_exposed() && path.starts_with("/api/") {
            return Err(Refusal::NotForStrangers);
        }
        Ok(())
    }

    /// True if the host, with or without a port, is a name of this server.
    fn is_mine(&self, host: &str, host_name: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(six) => six.split_once(']').map_or("", |(six, _)| six),
            None => host.split_once(':').map_or(host, |(name, _)| name),
        };
        if let Ok(ip) = name.parse::<IpAddr>() {
            // An address in numbers cannot be made to point elsewhere.
            let (ip, bound) = (ip.to_canonical(), self.bound.to_canonical());
            return ip == bound || ip.is_loopback() || bound.is_unspecified() || self.allows(name);
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        !name.is_empty()
            && (name.eq_ignore_ascii_case("localhost")
                || name.eq_ignore_ascii_case(host_name)
                || self.allows(name))
    }

    fn allows(&self, name: &str) -> bool {
        self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(bound: &str) -> Policy {
        Policy { bound: bound.parse().unwrap(), allowed_hosts: vec!["metrics.example.org".into()] }
    }

    #[test]
    fn only_its_own_names_are_answered() {
        for (bound, host, answered) in [
            ("127.0.0.1", "localhost", true),
            ("127.0.0.1", "localhost:9100", true),
            ("127.0.0.1", "LOCALHOST.:9100", true),
            ("127.0.0.1", "127.0.0.1:9100", true),
            ("::1", "[::1]:9100", true),
            ("::1", "[::ffff:127.0.0.1]", true),
            ("127.0.0.1", "box", true),
            ("127.0.0.1", "Metrics.Example.org:443", true),
            ("127.0.0.1", "evil.example.org", false),
            ("127.0.0.1", "localhost.evil.org", false),
            ("127.0.0.1", "127.0.0.1.evil.org", false),
            ("127.0.0.1", "10.0.0.5", false),
            ("127.0.0.1", "", false),
            ("127.0.0.1", ".", false),
            ("127.0.0.1", ":9100", false),
            ("127.0.0.1", "[::1", false),
            ("127.0.0.1", "evil@localhost", false),
            ("10.0.0.5", "10.0.0.5:9100", true),
            ("10.0.0.5", "10.0.0.6:9100", false),
            ("0.0.0.0", "10.0.0.5:9100", true),
            ("::", "[fe80::1]:9100", true),
            ("0.0.0.0", "evil.example.org", false),
        ] {
            let verdict = policy(bound).check(&[host], &[], "/metrics", "box");
            let expected = if answered { Ok(()) } else { Err(Refusal::WrongHost) };
            assert_eq!(verdict, expected, "{host} at {bound}");
        }
        let policy = policy("127.0.0.1");
        assert_eq!(policy.check(&[], &[], "/", "box"), Err(Refusal::WrongHost));
        assert_eq!(policy.check(&["localhost", "evil"], &[], "/", ""), Err(Refusal::WrongHost));
        assert_eq!(policy.check(&[""], &[], "/", ""), Err(Refusal::WrongHost));
    }

    #[test]
    fn an_origin_must_be_the_host_itself() {
        for (origin, answered) in [
            ("http://localhost:9100", true),
            ("https://LOCALHOST:9100", true),
            ("http://localhost", false),
            ("http://localhost:9101", false),
            ("http://evil.example.org", false),
            ("http://localhost:9100.evil.org", false),
            ("file://localhost:9100", false),
            ("null", false),
            ("", false),
        ] {
            let verdict = policy("127.0.0.1").check(&["localhost:9100"], &[origin], "/metrics", "");
            let expected = if answered { Ok(()) } else { Err(Refusal::WrongOrigin) };
            assert_eq!(verdict, expected, "{origin}");
        }
    }

    #[test]
    fn strangers_get_no_process_table() {
        for (bound, path, answered) in [
            ("127.0.0.1", "/api/snapshot", true),
            ("::1", "/api/snapshot", true),
            ("0.0.0.0", "/api/snapshot", false),
            ("10.0.0.5", "/api/snapshot", false),
            ("::", "/api/anything", false),
            ("10.0.0.5", "/metrics", true),
            ("10.0.0.5", "/healthz", true),
        ] {
            let verdict = policy(bound).check(&["localhost"], &[], path, "");
            let expected = if answered { Ok(()) } else { Err(Refusal::NotForStrangers) };
            assert_eq!(verdict, expected, "{path} at {bound}");
        }
    }
}
