//! The program beside a driver that hangs, one that is not there, and devices that sleep.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "starts the program and takes its time")]

mod outside;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use outside::screen::OnTerminal;
use outside::{Stream, outcome, retop, until, within_a_second};
use retop_fake_machine::Scratch;
use retop_fake_nvml::{Installed, install};
use serde_json::Value;

const EIGHT: &str = "[[device]]\nuuid = \"GPU-0\"\npower_watts = 100\n\
                     [[device.process]]\npid = 1\nmemory_mib = 20000\n";

/// The processes of this machine, with a made-up driver in place of its own.
fn machine(base: &Path, scenario: &str) -> Installed {
    for folder in ["dev", "usr/lib", "sys"] {
        fs::create_dir_all(base.join(folder)).expect("a folder");
    }
    symlink("/proc", base.join("proc")).expect("a link");
    fs::write(base.join("dev/nvidiactl"), "").expect("a file");
    install(&base.join("usr/lib"), scenario, &[]).expect("installed")
}

fn root(base: &Path) -> [&str; 2] {
    ["--root", base.to_str().expect("UTF-8")]
}

fn source<'a>(line: &'a Value, name: &str) -> Option<&'a Value> {
    line["sources"].as_array()?.iter().find(|row| row["source"] == name)
}

/// Faults of a driver of which every call blocks for ever, from that second on.
fn blocked(from: f64) -> String {
    format!("{EIGHT}[[fault]]\nfrom = {from}\nblock = true\n")
}

#[test]
fn a_driver_that_never_answers_holds_up_neither_the_screen_nor_the_end() {
    for from in [0.0, 1.0] {
        let scratch = Scratch::new();
        machine(scratch.path(), &blocked(from));
        let [flag, base] = root(scratch.path());
        within_a_second("the end, while all calls hang", || {
            let mut screen = OnTerminal::start(&["--interval", "100ms", flag, base]);
            screen.settle();
            let began = Instant::now();
            let mut frames = 0;
            while began.elapsed() < Duration::from_secs(2) {
                screen.frame();
                frames += 1;
            }
            // Twenty ticks: a crowded machine may leave some out, a wait for the driver all.
            assert!(frames >= 8, "{frames} frames in two seconds");
            // What was read before it fell silent is not taken for what is now.
            screen.press(b"4");
            screen.take_until(b"nvml: no answer for");
            screen.press(b"q");
            let taken = screen.ends();
            screen.restores();
            taken
        });
        // It says so, and everything else is read as ever.
        let mut stream = Stream::start(&["--interval", "100ms", "--processes", "0", flag, base]);
        stream.find("the driver is told of", |line| {
            assert!(line["cpu"]["busy_seconds"].is_number(), "{line}");
            let row = source(line, "nvml")?;
            let reason = row["reason"].as_str().unwrap_or("");
            (row["state"] == "slow" && reason.starts_with("no answer for")).then_some(())
        });
        within_a_second("a signal, while all calls hang", || {
            let began = Instant::now();
            stream.guest.signal(rustix::process::Signal::TERM);
            until("the end", || stream.guest.0.try_wait().expect("a child"));
            began.elapsed()
        });
    }
}

#[test]
fn a_device_is_looked_at_between_reads_while_somebody_looks() {
    let scratch = Scratch::new();
    let driver = machine(scratch.path(), EIGHT);
    let [flag, base] = root(scratch.path());
    let count = |symbol: &str| {
        let calls = driver.calls().expect("a list");
        calls.iter().filter(|call| call.symbol == symbol).count()
    };
    let looks = || {
        let reads = count("nvmlDeviceGetPowerUsage");
        count("nvmlDeviceGetUtilizationRates").saturating_sub(reads)
    };
    // A stream never looks.
    let mut stream = Stream::start(&["--interval", "100ms", "--processes", "0", flag, base]);
    stream.find("three reads", |_| (count("nvmlDeviceGetPowerUsage") >= 3).then_some(()));
    drop(stream);
    // Its end may have come between two calls.
    assert!(looks() <= 1, "{}", looks());
    let mut screen = OnTerminal::start(&[flag, base]);
    screen.settle();
    until("three looks", || (looks() >= 3).then_some(()));
    // The terminal loses the focus: no more looks once a frame and a read have passed.
    screen.press(b"\x1b[O");
    until("a read without a look", || {
        let (reads, before) = (count("nvmlDeviceGetPowerUsage"), looks());
        until("a read", || (count("nvmlDeviceGetPowerUsage") > reads + 1).then_some(()));
        (looks() == before).then_some(())
    });
    screen.press(b"\x1b[I");
    let before = looks();
    until("a look", || (looks() > before).then_some(()));
    screen.press(b"q");
    screen.ends();
    screen.restores();
}

#[test]
fn values_of_a_driver_that_hangs_are_said_to_be_its_last() {
    let scratch = Scratch::new();
    let driver = machine(scratch.path(), &blocked(5.0));
    driver.set_clock(0.0).expect("set");
    let [flag, base] = root(scratch.path());
    let mut screen = OnTerminal::start(&["--interval", "100ms", flag, base]);
    screen.settle();
    screen.press(b"4");
    screen.take_until(b"H200");
    driver.set_clock(6.0).expect("set");
    screen.take_until(b"driver not answering (");
    screen.press(b"q");
    screen.ends();
    screen.restores();
}

#[test]
fn a_device_that_sleeps_is_told_of_and_not_touched() {
    let scratch = Scratch::new();
    let driver = machine(scratch.path(), EIGHT);
    let folder = scratch.path().join("sys/bus/pci/devices/0000:01:00.0");
    fs::create_dir_all(folder.join("power")).expect("a folder");
    for (file, text) in [
        ("vendor", "0x10de"),
        ("class", "0x030200"),
        ("power/runtime_status", "suspended"),
        ("power/control", "auto"),
    ] {
        fs::write(folder.join(file), text).expect("a file");
    }
    let [flag, base] = root(scratch.path());
    let mut stream = Stream::start(&["--interval", "100ms", "--processes", "0", flag, base]);
    // Seconds asleep are counted by reads, a second apart: two of them.
    stream.find("it is asleep", |line| {
        let row = line["gpus"].as_array()?.first()?;
        assert_eq!(row["state"], "asleep", "{row}");
        row["asleep_seconds"].as_f64().filter(|&seconds| seconds >= 1.0)
    });
    let mut screen = OnTerminal::start(&["--interval", "100ms", flag, base]);
    screen.settle();
    screen.press(b"4");
    screen.take_until(b"asleep since");
    screen.press(b"q");
    screen.ends();
    let (_, text, _) = outcome(&mut retop(&["doctor", flag, base]));
    assert!(text.contains("every NVIDIA device sleeps, and is left asleep"), "{text}");
    assert_eq!(driver.calls().expect("a list"), [], "nobody touched it");
}

/// Two devices of which the second becomes free in the second second.
const ONE_FREES: &str = "[[device]]\nuuid = \"GPU-0\"\ngpu_percent = 90\n\
                         [[device]]\nuuid = \"GPU-1\"\npci = \"00000000:05:00.0\"\n\
                         gpu_percent = [[0, 90], [1.5, 90], [1.6, 0]]\n";

#[test]
fn a_command_waits_for_a_device_and_then_is_itself() {
    let scratch = Scratch::new();
    machine(scratch.path(), ONE_FREES);
    let [flag, base] = root(scratch.path());
    let wait = |condition: &str, more: &[&str], words: &[&str]| {
        let args = ["wait", "--interval", "100ms", flag, base, "--gpu", condition];
        let words = if words.is_empty() { Vec::new() } else { [&["--"], words].concat() };
        outcome(&mut retop(&[&args, more, &words].concat()))
    };
    let shell = ["sh", "-c", "echo $RETOP_GPU $CUDA_VISIBLE_DEVICES; exit 7"];
    let (status, out, err) = wait("free>20G util<5%", &[], &shell);
    assert_eq!((status, out.trim()), (Some(7), "GPU-1 GPU-1"), "{err}");
    assert!(err.contains("waiting for free>20G util<5%; GPU 0: util is 90%"), "{err}");
    assert!(err.contains("GPU 1 (NVIDIA H200, GPU-1) after"), "{err}");
    // Without a command it is over then; with one that is not there it says so.
    assert_eq!(wait("free>20G util<5%", &[], &[]).0, Some(0));
    assert_eq!(wait("free>1G", &[], &["/nonexistent/train"]).0, Some(127));
    let (status, _, err) = wait("free>20G gpu=0 util<5%", &["--timeout", "1.5s"], &shell);
    assert_eq!(status, Some(124), "{err}");
    assert!(err.contains("given up after") && err.contains("GPU 0: util is 90%"), "{err}");
    let (status, _, err) = wait("free>20G gpu=9", &["--timeout", "0.5s"], &shell);
    assert_eq!(status, Some(124), "{err}");
    assert!(err.contains("given up after ") && err.ends_with(": no such GPU is here\n"), "{err}");
    // Whoever may use the first one alone gets no other.
    let args = ["wait", "--interval", "100ms", flag, base, "--timeout", "2s", "--gpu", "util<5%"];
    let mut narrowed = retop(&[&args[..], &["--", "true"]].concat());
    let (status, _, err) = outcome(narrowed.env("CUDA_VISIBLE_DEVICES", "0"));
    assert_eq!(status, Some(124), "{err}");
    assert!(err.contains("GPU 0: util is 90%") && !err.contains("GPU 1"), "{err}");
    let (status, _, err) = wait("fre>20G", &[], &shell);
    assert_eq!(status, Some(2), "{err}");
    assert!(err.starts_with("retop: --gpu: a GPU has no 'fre'"), "{err}");
    assert_eq!(outcome(&mut retop(&["wait", "--", "true"])).0, Some(2));
}

#[test]
fn a_wait_ends_by_a_signal_and_without_a_device() {
    let scratch = Scratch::new();
    machine(scratch.path(), ONE_FREES);
    let [flag, base] = root(scratch.path());
    within_a_second("a signal", || {
        let args = ["wait", flag, base, "--gpu", "free>999G", "--", "true"];
        let mut guest = outside::Guest::start(retop(&args).stderr(std::process::Stdio::piped()));
        let mut said = std::io::BufReader::new(guest.0.stderr.take().expect("piped"));
        let mut line = String::new();
        std::io::BufRead::read_line(&mut said, &mut line).expect("readable");
        assert!(line.contains("waiting for free>999G"), "{line}");
        guest.signal(rustix::process::Signal::TERM);
        let (status, taken) = guest.ends();
        assert_eq!(status.code(), Some(128 + 15));
        taken
    });
    fs::remove_file(scratch.path().join("dev/nvidiactl")).expect("removed");
    let args = ["wait", flag, base, "--gpu", "free>1G", "--", "true"];
    let (status, _, err) = outcome(&mut retop(&args));
    assert_eq!(status, Some(1));
    assert!(err.starts_with("retop: there is no GPU to wait for: no NVIDIA device"), "{err}");
}
