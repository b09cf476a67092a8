//! `retop run` from outside: what the command sees, and what is told of it.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods)] // these tests are about a process: they have to start it

mod outside;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use outside::{outcome, retop};
use retop_fake_machine::Scratch;
use serde_json::Value;

/// Two hundred processes that live for a millisecond, then work, then what the shell knows of it.
const MANY: &str = "for i in $(seq 200); do /bin/true; done; \
                    i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; times";

fn report(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Runs a script of a shell and gives its status, its stdout and the report.
fn run(name: &str, options: &[&str], script: &str) -> (Option<i32>, String, Value) {
    let file = report(name);
    let path = file.to_str().expect("UTF-8");
    let mut args = vec!["run", "--json", "--output", path];
    args.extend(options);
    args.extend(["--", "sh", "-c", script]);
    let (status, out, err) = outcome(retop(&args).env("RETOP_INTERVAL", "1h"));
    assert_eq!(err, "", "stderr is the command's");
    let text = std::fs::read_to_string(&file).expect("a report");
    assert_eq!(text.lines().count(), 1, "{text}");
    (status, out, serde_json::from_str(&text).expect("JSON"))
}

/// Seconds of a shell's `times`: minutes and seconds, user and system, its own and its children's.
fn times(text: &str) -> f64 {
    let part = |word: &str| -> f64 {
        let (minutes, seconds) = word.trim_end_matches('s').split_once('m').expect("0m0.00s");
        minutes.parse::<f64>().expect("minutes") * 60.0 + seconds.parse::<f64>().expect("seconds")
    };
    text.split_whitespace().filter(|word| word.ends_with('s')).map(part).sum()
}

#[test]
fn processes_too_short_to_be_seen_are_counted() {
    let (status, out, report) = run("many.json", &[], MANY);
    assert_eq!(status, Some(0));
    let (expected, told) = (times(&out), report["cpu_seconds"].as_f64().expect("told"));
    assert!(expected > 0.1, "{out}");
    assert!(told >= expected * 0.99, "{told} of {expected}");
    // What the shell did after it looked, and starting it, come on top.
    assert!(told <= expected * 1.2 + 0.1, "{told} of {expected}");
    assert!(report["wall_seconds"].as_f64() >= Some(0.1));
    assert!(report["peak_resident_bytes"].as_u64() > Some(100_000));
    assert!(report["voluntary_switches"].as_u64() >= Some(200));
    assert_eq!(report["processes_left"], 0);
    assert_eq!(report["program"], "sh", "arguments may be secrets");
}

#[test]
fn who_is_waited_for_by_nobody_is_counted_too() {
    let (done, told) = (report("orphan.done"), report("orphan.times"));
    let _ = std::fs::remove_file(&done);
    let (done_path, told_path) = (done.display(), told.display());
    let orphan = format!(
        "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; times >{told_path}; : >{done_path}"
    );
    let script =
        format!("(sh -c '{orphan}' &); while [ ! -e {done_path} ]; do sleep 0.02; done; sleep 0.1");
    let (status, _, report) = run("orphan.json", &[], &script);
    assert_eq!(status, Some(0));
    let expected = times(&std::fs::read_to_string(told).expect("what it used"));
    let all = report["cpu_seconds"].as_f64().expect("told");
    assert!(expected > 0.05 && all >= expected * 0.99, "{all} of {expected}");
}

#[test]
fn the_command_is_as_if_it_were_run_without() {
    let script = "echo out; echo err >&2; ulimit -Sn; grep SigBlk /proc/self/status; exit 7";
    let mut plain = std::process::Command::new("sh");
    let (status, out, err) = outcome(plain.args(["-c", script]));
    let (own_status, own_out, own_err) = outcome(&mut retop(&["run", "--", "sh", "-c", script]));
    assert_eq!((own_status, &own_out), (status, &out));
    assert!(
        own_err.starts_with(&err) && own_err.contains("retop run\n  command   sh, exit status 7")
    );
    let input = retop(&["run", "--output", "/dev/null", "cat"])
        .stdin(Stdio::from(std::fs::File::open("/proc/version").expect("a file")))
        .output()
        .expect("it runs");
    assert!(input.stdout.starts_with(b"Linux"), "without -- as well, and stdin is its own");
}

#[test]
fn what_cannot_be_run_is_said_in_a_line() {
    for (args, status, message) in [
        (&["run", "--", "/no/such/program"][..], 127, "retop: /no/such/program: No such file"),
        (&["run", "--", "/etc/passwd"], 126, "retop: /etc/passwd: Permission denied"),
        (&["run", "--intervall", "1"], 2, "retop: unknown option '--intervall'"),
        (&["run"], 2, "retop: <COMMAND>... is missing"),
        (&["run", "--output", "/no/such/folder/x", "--", "true"], 1, "retop: /no/such/folder/x: "),
    ] {
        let (code, out, err) = outcome(&mut retop(args));
        assert_eq!((code, out.as_str()), (Some(status), ""), "{args:?}: {err}");
        assert!(err.starts_with(message), "{args:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

#[test]
fn signals_reach_the_command() {
    let script = "trap 'exit 42' TERM; echo ready; while :; do sleep 0.02; done";
    let mut child = retop(&["run", "--output", "/dev/null", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("there");
    assert_eq!(child.wait().expect("an end").code(), Some(42));
    let (status, _, report) = run("killed.json", &[], "kill -9 $$");
    assert_eq!(status, Some(137));
    assert_eq!((&report["signal"], &report["exit_code"]), (&Value::from(9), &Value::Null));
}

#[test]
fn energy_is_told_with_its_method_and_its_share() {
    let scratch = Scratch::new();
    let tree = scratch.tree();
    let zone = "sys/class/powercap/intel-rapl:0";
    let values =
        [("name", "package-0"), ("energy_uj", "1000000"), ("max_energy_range_uj", "262143328850")];
    tree.attributes(zone, &values).expect("written");
    tree.file("proc/stat", "cpu  100 0 0 500 0 0 0 0 0 0\ncpu0 100 0 0 500 0 0 0 0 0 0\n")
        .expect("written");
    let root = scratch.path().display().to_string();
    // Both CPUs of the time are busy: nothing is laid to being idle. 20 J for 10 s of CPU time.
    let script = format!(
        "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo 21000000 >{root}/{zone}/energy_uj; \
         printf 'cpu  1100 0 0 500 0 0 0 0 0 0\\ncpu0 1100 0 0 500 0 0 0 0 0 0\\n' >{root}/proc/stat"
    );
    let (status, _, report) = run("energy.json", &["--root", &root], &script);
    assert_eq!(status, Some(0));
    let domain = &report["energy"][0];
    assert_eq!(domain["domain"], "package-0");
    assert_eq!(
        (&domain["method"], domain["joules"].as_f64()),
        (&Value::from("counted"), Some(20.0))
    );
    let cpu = report["cpu_seconds"].as_f64().expect("told");
    let own = &report["attributed"];
    assert_eq!(
        (&own["method"], &own["domain"]),
        (&Value::from("attributed"), &Value::from("package-0"))
    );
    let joules = own["joules"].as_f64().expect("told");
    assert!((joules - 20.0 * cpu / 10.0).abs() < 1e-6, "{joules} for {cpu} s");
}
