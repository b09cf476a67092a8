//! A real server on a free port of this machine, asked over real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;
use crate::export::groups::{GroupRules, Groups};
use crate::export::made;

fn start() -> Server {
    let listen = parse_address("0").unwrap();
    let settings = Settings { listen, allowed_hosts: Vec::new(), scrape: Default::default() };
    Server::start(settings).unwrap()
}

fn publish(server: &Server) {
    let snapshot = Arc::new(made::small_machine());
    let grouped = Groups::new(GroupRules::auto()).advance(&snapshot);
    server.publish(snapshot, Some(grouped));
}

fn exchange(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// Sends a request with those headers, and gives status, head and body.
fn ask(server: &Server, line: &str, headers: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let request = format!("{line} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    let answer = exchange(&mut stream, &request);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

const HOST: &str = "Host: localhost\r\n";

#[test]
fn clients_are_told_to_come_back_until_there_is_a_sample() {
    let server = start();
    for path in ["/metrics", "/api/snapshot", "/healthz"] {
        let (status, head, _) = ask(&server, &format!("GET {path}"), HOST);
        assert_eq!(status, 503, "{path}");
        assert!(head.contains("\r\nretry-after: 1"), "{head}");
    }
    publish(&server);
    for path in ["/metrics", "/api/snapshot", "/healthz", "/"] {
        assert_eq!(ask(&server, &format!("GET {path}"), HOST).0, 200, "{path}");
    }
}

#[test]
fn pages_have_their_types_and_contents() {
    let server = start();
    publish(&server);
    let (_, head, body) = ask(&server, "GET /metrics", HOST);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("\nretop_disk_read_bytes_total{device=\"vda\"} 10004096\n"));
    assert!(body.contains("\nretop_group_processes{group=\"idle\"} 2\n"));
    let accept = format!("{HOST}Accept: application/openmetrics-text;version=1.0.0\r\n");
    let (_, head, body) = ask(&server, "GET /metrics", &accept);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(body.ends_with("# EOF\n"));
    let (_, head, body) = ask(&server, "GET /api/snapshot?x=1", HOST);
    assert!(head.contains("content-type: application/json"), "{head}");
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(json["host"]["name"], "small");
    assert!(!body.contains("hunter2"), "arguments are not served");
}

#[test]
fn under_the_names_of_actop_the_root_is_its_page_too() {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let scrape = prometheus::Options { names: Names::Actop, ..prometheus::Options::default() };
    let server = Server::start(Settings { listen, allowed_hosts: Vec::new(), scrape }).unwrap();
    assert_eq!(ask(&server, "GET /", HOST).0, 503);
    publish(&server);
    for path in ["/", "/metrics", "/metrics/"] {
        let (status, head, body) = ask(&server, &format!("GET {path}"), HOST);
        assert_eq!(status, 200, "{path}");
        assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
        assert!(body.contains("\nactop_alert_thermal 0\n"), "{path}: {body}");
    }
    assert_eq!(ask(&server, "GET /nothing", HOST).0, 404);
}

#[test]
fn head_is_answered_without_a_body_and_other_methods_are_not() {
    let server = start();
    publish(&server);
    let (status, head, body) = ask(&server, "HEAD /metrics", HOST);
    assert_eq!((status, body.as_str()), (200, ""));
    assert!(!head.contains("content-length: 0"), "{head}");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let (status, head, _) = ask(&server, &format!("{method} /metrics"), HOST);
        assert_eq!(status, 405, "{method}");
        assert!(head.contains("allow: get,head"), "{head}");
    }
    assert_eq!(ask(&server, "GET /nothing", HOST).0, 404);
}

#[test]
fn each_security_rule_refuses_its_request() {
    let server = start();
    publish(&server);
    for (line, headers, expected) in [
        ("GET /metrics", "Host: evil.example.org\r\n", 421),
        ("GET /metrics", "", 421),
        ("GET /metrics", "Host: localhost\r\nHost: evil.example.org\r\n", 421),
        ("GET http://evil.example.org/metrics", HOST, 421),
        ("GET /nothing", "Host: evil.example.org\r\n", 421),
        ("POST /metrics", "Host: evil.example.org\r\n", 421),
        ("GET /metrics", "Host: localhost\r\nOrigin: http://evil.example.org\r\n", 403),
        ("GET /api/snapshot", "Host: localhost\r\nOrigin: null\r\n", 403),
        ("GET /metrics", "Host: small\r\n", 200),
        ("GET /metrics", "Host: localhost\r\nOrigin: http://localhost\r\n", 200),
    ] {
        let (status, head, _) = ask(&server, line, headers);
        assert_eq!(status, expected, "{line} {headers}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(head.contains("cache-control: no-store"), "{head}");
        assert!(head.contains("frame-ancestors 'none'"), "{head}");
        assert!(!head.contains("access-control"), "{head}");
    }
}

#[test]
fn heads_are_limited() {
    let server = start();
    publish(&server);
    let long = format!("{HOST}X-Long: {}\r\n", "a".repeat(HEAD_BYTES));
    assert_eq!(ask(&server, "GET /metrics", &long).0, 431);
    let many: String = (0..80).map(|i| format!("X-{i}: a\r\n")).collect();
    assert_eq!(ask(&server, "GET /metrics", &format!("{HOST}{many}")).0, 431);
    assert_eq!(ask(&server, "GET /metrics", HOST).0, 200, "the others are still served");
}

#[test]
fn the_connection_too_many_is_closed() {
    let server = start();
    publish(&server);
    let request = format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n");
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        // The answer proves that the connection was taken and is held.
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        held.push(stream);
    }
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty());
    // Dropping the server does not wait for the 64 that are open.
}

#[test]
fn a_page_is_rendered_once_and_only_if_asked_for() {
    let server = start();
    publish(&server);
    let moment = server.shared.moment().unwrap();
    assert!(moment.text.get().is_none());
    let first = ask(&server, "GET /metrics", HOST).2;
    let page = moment.text.get().unwrap().as_ptr();
    assert_eq!(ask(&server, "GET /metrics", HOST).2, first);
    assert_eq!(moment.text.get().unwrap().as_ptr(), page);
    assert!(moment.open_metrics.get().is_none() && moment.json.get().is_none());
}

#[test]
fn a_port_in_use_is_an_error_with_the_next_step() {
    let server = start();
    let settings = Settings {
        listen: server.address(),
        allowed_hosts: Vec::new(),
        scrape: Default::default(),
    };
    let error = Server::start(settings).unwrap_err();
    assert!(matches!(error, ServeError::InUse(address) if address == server.address()));
    assert_eq!(server.warning(), None);
}

#[test]
fn few_copies_of_the_history_are_sent_at_a_time() {
    let server = start();
    publish(&server);
    let mut history = History::new(64 << 20).unwrap();
    history.push(&Arc::new(made::small_machine())).unwrap();
    let history = Arc::new(Mutex::new(history));
    server.past().set(history, Duration::from_secs(1), Arguments::Redacted);
    // One that was sent makes room again.
    let raw = |_| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let request = format!("GET /api/history HTTP/1.1\r\nConnection: close\r\n{HOST}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).unwrap_or("").to_owned();
        assert_eq!(status, "200", "{answer}");
    };
    (0..3 * HISTORIES).for_each(raw);
    let copies = Arc::clone(&server.shared.past.get().unwrap().copies);
    let mut slow: Vec<Bytes> = (0..HISTORIES)
        .map(|_| Arc::clone(&copies).try_acquire_owned().unwrap())
        .map(|permit| Bytes::from_owner(Copied { segment: vec![7; 9], _permit: permit }))
        .collect();
    // What was sent of it in part is held whole.
    slow[0] = slow[0].slice(8..);
    let (status, head, body) = ask(&server, "GET /api/history", HOST);
    assert_eq!(
        (status, &*body),
        (503, "others fetch the history just now; ask again in a second\n")
    );
    assert!(head.contains("\r\nretry-after: 1"), "{head}");
    slow.pop();
    raw(0);
}
