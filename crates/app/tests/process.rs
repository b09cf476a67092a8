//! A real process, changed and looked into from the screen of the built program.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "starts processes and takes their time")]

mod outside;

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use outside::{Guest, state, until};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use retop_engine::{IoPriority, affinity, io_priority};
use retop_model::Key;

/// The program on a terminal, and what that shows.
struct Screen {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    terminal: Arc<Mutex<vt100::Parser>>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Screen {
    fn start(args: &[&str]) -> Screen {
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_retop"));
        command.args(args);
        command.env_clear();
        command.cwd("/");
        for (name, value) in
            [("HOME", "/nonexistent"), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8")]
        {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("starts");
        drop(pair.slave);
        let keys = pair.master.take_writer().expect("a writer");
        let mut output = pair.master.try_clone_reader().expect("a reader");
        let cells = |count| std::num::NonZeroU16::new(count).expect("not 0");
        let terminal = Arc::new(Mutex::new(vt100::Parser::new(cells(40), cells(120), 0)));
        let shown = Arc::clone(&terminal);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("no reader failed").process(&bytes[..count]);
            }
        });
        Screen { child, keys, terminal, _master: pair.master }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("it reads");
        self.keys.flush().expect("it reads");
    }

    fn text(&self) -> String {
        self.terminal.lock().expect("no reader failed").screen().contents()
    }

    fn shows(&self, text: &str) {
        until(&format!("the screen shows {text:?}"), || self.text().contains(text).then_some(()));
    }

    fn shows_no(&self, text: &str) {
        until(&format!("the screen hides {text:?}"), || {
            (!self.text().contains(text)).then_some(())
        });
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A field of `/proc/PID/stat`, counted as in its manual page.
fn stat(pid: u32, field: usize) -> i64 {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let rest = line.rsplit_once(") ").expect("a name").1;
    rest.split(' ').nth(field - 3).and_then(|text| text.parse().ok()).expect("a number")
}

#[test]
fn a_process_is_changed_looked_into_and_ended() {
    let mut sleep = Command::new("sleep");
    sleep.arg("600").env_clear().env("RETOP_SECRET", "hunter2").stdin(Stdio::null());
    let mut guest = Guest::start(&mut sleep);
    let pid = guest.pid();
    let key = Key(u64::from(pid), stat(pid, 22).try_into().expect("positive"));
    let filter = format!("pid={pid}");
    let mut screen =
        Screen::start(&["--filter", &filter, "--interval", "200ms", "--config", "/dev/null"]);
    screen.shows("sleep 600");

    let nice = stat(pid, 19);
    screen.press("[");
    screen.shows(&format!("{pid} sleep: nice is {}", nice + 1));
    assert_eq!(stat(pid, 19), nice + 1, "as the kernel has it");
    screen.press("]");
    // With the right to, or the word why not.
    until("an answer", || {
        let text = screen.text();
        let may = text.contains(&format!("{pid} sleep: nice is {nice}"));
        (may || text.contains("CAP_SYS_NICE")).then_some(())
    });

    screen.press("i");
    screen.shows("I/O priority");
    // The last line is the idle class.
    screen.press("\x1b[F");
    screen.press("\r");
    screen.shows(&format!("{pid} sleep: I/O priority is idle"));
    assert_eq!(io_priority(key).expect("it lives"), IoPriority::Idle);

    let before = affinity(key).expect("it lives").all;
    let first = before.iter().next().expect("a CPU");
    if before.iter().count() > 1 {
        screen.press("a");
        screen.shows("CPUs");
        // All but the first: the cursor begins at CPU 0.
        screen.press("a");
        screen.press("\r");
        screen.shows(&format!("{pid} sleep: runs on CPU {first}"));
        assert_eq!(affinity(key).expect("it lives").all.to_string(), first.to_string());
    }

    screen.press("e");
    screen.shows("RETOP_SECRET=********");
    assert!(!screen.text().contains("hunter2"));
    screen.press("x");
    screen.shows("RETOP_SECRET=hunter2");
    screen.press("l");
    screen.shows("/dev/null");
    screen.shows_no("hunter2");
    screen.press("\t");
    screen.shows("cpu time");
    screen.press("\t");
    screen.shows("PIECES");
    screen.press("\x1b");
    screen.shows_no("PIECES");

    screen.press("k");
    screen.shows("SIGTERM");
    screen.press("9");
    screen.press("\r");
    until("it is killed", || guest.0.try_wait().expect("a child"));
    assert_eq!(state(pid), None);
}
