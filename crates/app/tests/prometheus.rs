//! The server from outside: by hand, through promtool, and with a Prometheus that scrapes it.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "starts retop, promtool and Prometheus")]

mod outside;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use outside::{Guest, LONG, retop, skip, until};
use rustix::process::Signal;
use serde_json::Value;

/// `retop --serve` and where it listens.
struct Served {
    guest: Guest,
    address: String,
}

impl Served {
    /// Starts it on a free port and waits for the first sample.
    fn start() -> Served {
        let mut command = retop(&["--serve", "127.0.0.1:0", "--interval", "200ms"]);
        let mut guest = Guest::start(command.stdout(Stdio::null()).stderr(Stdio::piped()));
        let mut line = String::new();
        let mut err = BufReader::new(guest.0.stderr.take().expect("piped"));
        err.read_line(&mut line).expect("readable");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}")).to_owned();
        let served = Served { guest, address };
        until("a sample with rates", || {
            let answer = served.get("/metrics", "");
            (answer.status == 200 && answer.body.contains("retop_cpu_seconds_total")).then_some(())
        });
        served
    }

    fn get(&self, path: &str, header: &str) -> Answer {
        ask(&self.address, "GET", path, header).expect("it listens")
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// One request; `header` is empty or a whole line. A `Host` in it takes the place of the usual one.
fn ask(address: &str, method: &str, path: &str, header: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LONG))?;
    let host = if header.starts_with("Host:") { "" } else { &format!("Host: {address}\r\n") };
    let header = if header.is_empty() { "" } else { &format!("{header}\r\n") };
    // Of HTTP/1.0 the answer is neither in chunks nor the connection kept.
    write!(stream, "{method} {path} HTTP/1.0\r\n{host}{header}\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let (head, body) = (head.to_ascii_lowercase(), body.to_owned());
    Ok(Answer { status: status.expect("a status"), head, body })
}

#[test]
fn answers_and_refusals() {
    let served = Served::start();
    let answer = served.get("/metrics", "");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    assert!(!answer.body.contains("# EOF"));

    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let answer = served.get("/metrics", accept);
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: application/openmetrics-text"), "{}", answer.head);
    assert!(answer.body.ends_with("\n# EOF\n"));

    let answer = served.get("/api/snapshot", "");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    let value: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert!(value["memory"]["total_bytes"].as_u64().is_some_and(|bytes| bytes > 0));

    assert_eq!(served.get("/healthz", "").status, 200);
    assert_eq!(served.get("/", "").status, 200);
    assert_eq!(served.get("/no/such/page", "").status, 404);
    assert_eq!(served.get("/metrics", "Host: evil.example").status, 421);
    assert_eq!(served.get("/metrics", "Origin: http://evil.example").status, 403);
    for method in ["POST", "PUT", "DELETE"] {
        let answer = ask(&served.address, method, "/metrics", "").expect("it listens");
        assert_eq!(answer.status, 405, "{method}");
    }
}

#[test]
fn what_is_no_request_does_no_harm() {
    let mut served = Served::start();
    let long = vec![b'x'; 100_000];
    let cases: [&[u8]; 5] =
        [b"", b"\r\n\r\n", b"\x16\x03\x01\x00", b"GET /metrics HTTP/9.9\r\n\r\n", &long];
    for case in cases {
        let mut stream = TcpStream::connect(&*served.address).expect("it listens");
        stream.set_read_timeout(Some(LONG)).expect("set");
        // It may hang up before it has taken everything.
        let _ = stream.write_all(case);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    // More clients than are let in, none of whom says a word.
    let mute: Vec<_> =
        (0..100).map(|_| TcpStream::connect(&*served.address).expect("queued")).collect();
    drop(mute);
    until("it answers again", || {
        let answer = ask(&served.address, "GET", "/healthz", "");
        // With all places taken a connection is closed without a word.
        answer.ok().filter(|answer| answer.status == 200).map(|_| ())
    });
    outside::leaks_nothing(served.guest.pid(), || {});
    outside::within_a_second("a silent client holds nothing up", || {
        let mut served = Served::start();
        let _silent = TcpStream::connect(&*served.address).expect("it listens");
        served.guest.signal(Signal::TERM);
        let (status, time) = served.guest.ends();
        assert_eq!(status.code(), Some(0));
        time
    });
    served.guest.signal(Signal::INT);
    assert_eq!(served.guest.ends().0.code(), Some(0));
}

#[test]
fn promtool_finds_nothing_to_say() {
    let served = Served::start();
    let page = served.get("/metrics", "").body;
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = command.stderr(Stdio::piped()).spawn() else {
        return skip("promtool is not here");
    };
    child.stdin.take().expect("piped").write_all(page.as_bytes()).expect("read to the end");
    let output = child.wait_with_output().expect("ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    assert_eq!(String::from_utf8_lossy(&said), "");
}

/// A Prometheus that scrapes one target each second; its folder goes with it.
struct Prometheus {
    guest: Guest,
    address: String,
    folder: PathBuf,
}

impl Prometheus {
    /// `None` if the program is not here.
    fn start(target: &str) -> Option<Prometheus> {
        let name = format!("prometheus-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).expect("writable");
        let config = folder.join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs: [{{job_name: retop, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(&config, text).expect("writable");
        // Somebody else may take the port before it does: then with another one.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
            let address = free.expect("a free port").to_string();
            let log = File::create(folder.join("log")).expect("writable");
            let mut command = Command::new("prometheus");
            command
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
                .arg(format!("--web.listen-address={address}"))
                .stdin(Stdio::null())
                .stdout(log.try_clone().expect("a descriptor"))
                .stderr(log);
            let Ok(child) = command.spawn() else {
                let _ = fs::remove_dir_all(&folder);
                return None;
            };
            let mut prometheus =
                Prometheus { guest: Guest(child), address, folder: folder.clone() };
            let ready = until("Prometheus is ready or has given up", || {
                if prometheus.guest.0.try_wait().expect("a child").is_some() {
                    return Some(false);
                }
                let answer = ask(&prometheus.address, "GET", "/-/ready", "").ok()?;
                (answer.status == 200).then_some(true)
            });
            if ready {
                return Some(prometheus);
            }
            println!("{}", prometheus.log());
            // The folder is still wanted.
            prometheus.folder.clear();
        }
        panic!("Prometheus does not start");
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The values of an instant query, one for each series.
    fn query(&self, expression: &str) -> Vec<f64> {
        let path = format!("/api/v1/query?query={expression}");
        let answer = ask(&self.address, "GET", &path, "").expect("it listens");
        let value: Value = serde_json::from_str(&answer.body).expect("JSON");
        let result = value["data"]["result"].as_array().cloned().unwrap_or_default();
        result.iter().filter_map(|series| series["value"][1].as_str()?.parse().ok()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.guest.0.kill();
        let _ = self.guest.0.wait();
        if !self.folder.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

#[test]
fn prometheus_scrapes_it() {
    let served = Served::start();
    let Some(prometheus) = Prometheus::start(&served.address) else {
        return skip("Prometheus is not here");
    };
    // A scrape may take no longer than the second between two: on a crowded machine one may fail.
    until("three good scrapes, the last one too", || {
        let good = prometheus.query("sum_over_time(up[5m])").first().is_some_and(|&n| n >= 3.0);
        (good && prometheus.query("up") == [1.0]).then_some(())
    });
    let seconds = prometheus.query("retop_cpu_seconds_total");
    assert!(seconds.len() > 4 && seconds.iter().any(|&value| value > 0.0), "{seconds:?}");
    let rate = prometheus.query("sum(rate(retop_cpu_seconds_total[5m]))");
    assert!(rate.first().is_some_and(|&rate| rate > 0.0), "{rate:?}");
    let scraped = prometheus.query("scrape_samples_scraped");
    assert_eq!(prometheus.query("scrape_samples_post_metric_relabeling"), scraped);
    assert!(scraped.first().is_some_and(|&count| count > 50.0), "{scraped:?}");
    let log = prometheus.log();
    let bad = log.lines().find(|line| line.contains("level=warn") || line.contains("level=error"));
    assert_eq!(bad, None);
}
