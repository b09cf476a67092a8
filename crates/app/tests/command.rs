//! The built program from outside: exit status, stdout and stderr.
#![allow(clippy::disallowed_methods)] // these tests are about a process: they have to start it

mod outside;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::Stdio;

use outside::{outcome, retop};

fn scratch(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("writable");
    path
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    let cases: &[(&[&str], &str)] = &[
        (&["--intervall", "1"], "retop: unknown option '--intervall'; there is '--interval'"),
        (&["--interval", "never"], "retop: --interval: 'never' is no time"),
        (&["doctr"], "retop: unknown command 'doctr'; there is 'doctor'"),
        (&["--json", "--source", "sim:no-such"], "retop: no simulation is called 'no-such'"),
        (
            &["--json", "--source", "nonsense"],
            "retop: 'nonsense' names no source; write sim:NAME or replay:FILE",
        ),
        (&["--plain", "--source", "replay:x"], "retop: 'x' is a recording, and this is about a"),
        (&["doctor", "--source", "replay:x"], "retop: 'x' is a recording, and this is about a"),
        (&["--once", "--root", "/nonexistent"], "retop: /nonexistent: no such folder"),
        (&[], "retop: stdout is no terminal; use --plain"),
    ];
    for (args, message) in cases {
        let (status, out, err) = outcome(&mut retop(args));
        assert_eq!((status, &*out), (Some(2), ""), "{args:?}: {err}");
        assert!(err.starts_with(message), "{args:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{args:?}: {err}");
    }
}

#[test]
fn no_escape_sequence_of_others_reaches_the_terminal() {
    let hostile = scratch("a\x1b]0;mine\x07.retop", "no recording");
    let hostile = hostile.to_str().expect("UTF-8");
    for args in [vec!["replay", hostile, "--once"], vec!["run", "--", "/nowhere/\x1b[2J"]] {
        let (status, _, err) = outcome(&mut retop(&args));
        assert!(status != Some(0) && err.starts_with("retop: "), "{args:?}: {err:?}");
        assert!(!err.trim_end().contains(char::is_control), "{args:?}: {err:?}");
    }
}

#[test]
fn a_wrong_file_or_variable_is_told_with_its_place() {
    let file = scratch("wrong.toml", "# mine\ninterval = 0\n");
    let file = file.to_str().expect("UTF-8");
    let (status, _, err) = outcome(&mut retop(&["doctor", "--config", file]));
    assert_eq!(status, Some(2));
    assert!(err.starts_with(&format!("retop: {file}:2: interval: ")), "{err}");
    // A key that nobody knows, and the rest of the file holds.
    let file = scratch("unknown.toml", "# mine\nthme = \"ink\"\ntheme = \"ink\"\n");
    let file = file.to_str().expect("UTF-8");
    let (status, out, err) = outcome(&mut retop(&["doctor", "--config", file]));
    let wanted = format!("retop: {file}:2: unknown key 'thme'; there is 'theme'\n");
    assert_eq!((status, err), (Some(0), wanted));
    assert!(!out.is_empty());

    let (status, _, err) = outcome(retop(&["--json"]).env("RETOP_INTERVAL", "0"));
    assert_eq!(status, Some(2));
    assert!(err.starts_with("retop: RETOP_INTERVAL: '0' is out of range"), "{err}");

    let missing = outcome(&mut retop(&["doctor", "--config", "/nonexistent/config.toml"]));
    assert_eq!(missing.0, Some(2));
    assert!(missing.2.starts_with("retop: /nonexistent/config.toml: "), "{}", missing.2);
}

#[test]
fn a_rule_of_the_config_file_is_in_every_export() {
    let rule = "[[alert]]\nname = \"UP\"\nexpr = \"host.uptime_seconds > 0\"\n";
    let file = scratch("alert.toml", rule);
    let file = file.to_str().expect("UTF-8");
    let with = |args: &[&str]| {
        let usual = ["--config", file, "--interval", "100ms", "--source", "sim:web-incident"];
        outcome(&mut retop(&[&usual, args].concat()))
    };
    let (status, out, err) = with(&["--json", "--samples", "1"]);
    assert_eq!((status, &*err), (Some(0), ""));
    let line: serde_json::Value = serde_json::from_str(&out).expect("a line of JSON");
    let rows = line["alerts"].as_array().expect("watched for");
    let row = rows.iter().find(|row| row["alert"] == "UP").expect("fires");
    assert_eq!((&row["firing"], &row["severity"]), (&1.into(), &"warning".into()));
    let (_, out, _) = with(&["--once"]);
    let line = out.lines().find(|line| line.starts_with("alerts")).expect("told");
    assert!(line.contains("UP host ") && line.contains(" uptime, limit 0s"), "{line}");
    let (_, out, _) = with(&["--json", "--samples", "1", "--no-alerts"]);
    let line: serde_json::Value = serde_json::from_str(&out).expect("a line of JSON");
    assert!(line["alerts"].is_null(), "nothing is watched for");

    let wrong = scratch("wrong-alert.toml", &rule.replace("host.", "hist."));
    let wrong = wrong.to_str().expect("UTF-8");
    let (status, out, err) = outcome(&mut retop(&["--once", "--config", wrong]));
    assert_eq!((status, &*out), (Some(2), ""));
    let start = format!("retop: {wrong}:3: alert: expr: no family is called 'hist'; there are ");
    assert!(err.starts_with(&start) && err.lines().count() == 1, "{err}");
}

#[test]
fn the_config_file_stands_in_the_xdg_folder() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("xdg");
    std::fs::create_dir_all(folder.join("retop")).expect("writable");
    std::fs::write(folder.join("retop/config.toml"), "interval = \"7s\"\n").expect("writable");
    let (status, out, _) = outcome(retop(&["--print-config"]).env("XDG_CONFIG_HOME", &folder));
    assert_eq!(status, Some(0));
    assert!(out.contains("\ninterval = \"7s\"\n"), "{out}");
}

#[test]
fn a_reader_that_leaves_ends_the_stream_quietly() {
    // With an interval of a day nothing but the closed pipe can end the wait.
    for interval in ["100ms", "24h"] {
        let mut child = retop(&["--json", "--interval", interval])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut reader = BufReader::new(child.stdout.take().expect("piped"));
        if interval == "100ms" {
            let mut line = String::new();
            reader.read_line(&mut line).expect("readable");
            let value: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
            assert!(value["interval_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
        }
        drop(reader);
        let mut err = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut err).expect("readable");
        assert_eq!((child.wait().expect("ends").code(), &*err), (Some(0), ""));
    }
}

#[test]
fn a_signal_ends_the_stream_at_once_and_in_order() {
    let mut child =
        retop(&["--json", "--interval", "100ms"]).stdout(Stdio::piped()).spawn().expect("starts");
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("readable");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("ours");
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("readable");
    assert!(rest.is_empty() || rest.ends_with('\n'), "half a line: {rest}");
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[test]
fn the_server_says_where_it_is_answers_and_ends() {
    let mut child = retop(&["--serve", "0"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    let mut err = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    err.read_line(&mut line).expect("readable");
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.unwrap_or_else(|| panic!("no address in {line}"));
    let mut stream = std::net::TcpStream::connect(address).expect("listens");
    let head = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers");
    // The first sample may be there by now or not.
    let status = answer.split_whitespace().nth(1);
    assert!(matches!(status, Some("200" | "503")), "{answer}");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("ours");
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[test]
fn as_many_processes_come_as_are_asked_for() {
    let once = |args: &[&str]| {
        let args = [&["--once", "--json", "--interval", "0.1"], args].concat();
        let (status, out, err) = outcome(&mut retop(&args));
        assert_eq!((status, &*err), (Some(0), ""), "{args:?}");
        serde_json::from_str::<serde_json::Value>(&out).expect("JSON")
    };
    let rows = |value: &serde_json::Value| value["processes"].as_array().map_or(0, Vec::len);
    assert!(rows(&once(&[])) <= 20);
    assert_eq!(rows(&once(&["--processes", "0"])), 0);
    if cfg!(target_os = "linux") {
        assert!(rows(&once(&[])) > 0);
        assert_eq!(rows(&once(&["--processes", "1"])), 1);
        assert!(rows(&once(&["--filter", "^retop$"])) >= 1);
        assert_eq!(rows(&once(&["--filter", "^no such process$"])), 0);
    }
}

#[test]
fn a_number_of_samples_is_kept() {
    let mut two = retop(&["--json", "--interval", "0.1", "--samples", "2"]);
    let (status, out, err) = outcome(&mut two);
    assert_eq!((status, out.lines().count(), &*err), (Some(0), 2, ""));
    let (status, out, _) = outcome(&mut retop(&["--once", "--json", "--interval", "0.1"]));
    assert_eq!((status, out.lines().count()), (Some(0), 1));
}

#[test]
fn version_and_help() {
    let version = format!("retop {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(outcome(&mut retop(&["--version"])), (Some(0), version, String::new()));
    let (status, out, err) = outcome(&mut retop(&["--help"]));
    assert_eq!((status, &*err), (Some(0), ""));
    assert!(out.contains("--interval <TIME>"));
}

#[test]
fn what_is_printed_for_programs_is_whole() {
    let (status, out, err) = outcome(&mut retop(&["metrics", "--format", "json"]));
    assert_eq!((status, &*err), (Some(0), ""));
    let table: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let processes = table.as_array().expect("a list").iter().find(|f| f["key"] == "processes");
    assert!(processes.expect("declared")["metrics"].as_array().is_some_and(|m| m.len() > 20));

    for shell in retop::command::SHELLS {
        let (status, out, _) = outcome(&mut retop(&["completions", shell]));
        assert_eq!((status, out.contains("interval")), (Some(0), true), "{shell}");
    }
    let (status, out, _) = outcome(&mut retop(&["man"]));
    assert_eq!((status, out.contains(".TH retop 1")), (Some(0), true));
}

/// What is typed is answered, and the end of the input is the end.
#[test]
fn plain_mode_answers_in_lines() {
    let mut child = retop(&["--plain", "--source", "sim:web-incident", "--interval", "100ms"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"top 2\npid 1\npid 999999\ntpo\nfilter cpu>\nalerts\n").expect("taken");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    for wanted in [
        "retop on web-01, ",
        "\n1. ",
        "\n2. ",
        "\nname: systemd\n",
        "\npid: 1\n",
        "\nno process has the number 999999\n",
        "\nunknown command 'tpo'; there is top\n",
        "\n'cpu>': ",
        "\nnothing fires\n",
    ] {
        assert!(text.contains(wanted), "{wanted:?} in\n{text}");
    }
    assert!(!text.contains("\n3. "), "{text}");
}
