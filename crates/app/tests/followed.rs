//! A running retop on another one's screen, and what that says when it hangs, ends and comes back.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "these tests run programs")]

mod outside;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use outside::screen::OnTerminal;
use outside::{Guest, retop};
use rustix::process::Signal;

const SILENT: &str = "source not answering (";

/// A server on that port, or on any, and its address.
fn serving(address: &str) -> (Guest, String) {
    let args = ["--serve", address, "--source", "sim:small", "-i", "200ms"];
    let mut guest = Guest::start(retop(&args).stderr(Stdio::piped()));
    let stderr = guest.0.stderr.take().expect("piped");
    for line in BufReader::new(stderr).lines() {
        let line = line.expect("text");
        if let Some((_, rest)) = line.split_once("http://") {
            let address = rest.split('/').next().expect("an address");
            return (guest, address.to_owned());
        }
    }
    panic!("it told no address");
}

/// Draws what the program writes until its first line is as it should be.
fn header(screen: &mut OnTerminal, shown: &mut vt100::Parser, right: impl Fn(&str) -> bool) {
    loop {
        shown.process(&screen.frame());
        let rows: Vec<String> = shown.screen().rows(0, 80).collect();
        if rows.first().is_some_and(|first| first.contains("REPLAY") && right(first)) {
            return;
        }
    }
}

#[test]
fn a_server_that_stops_answering_is_said_to_and_goes_on_when_it_is_back() {
    let (server, address) = serving("127.0.0.1:0");
    let url = format!("http://{address}");
    outside::until("a sample to be served", || {
        let (code, ..) =
            outside::outcome(&mut retop(&["--once", "--source", &format!("replay:{url}")]));
        (code == Some(0)).then_some(())
    });
    let mut screen = OnTerminal::start(&["replay", &url]);
    let size = |cells| std::num::NonZeroU16::new(cells).expect("not 0");
    let mut shown = vt100::Parser::new(size(24), size(80), 0);
    let silent = |first: &str| first.contains(SILENT);
    header(&mut screen, &mut shown, |first| !silent(first));
    // Connections are taken and nothing comes.
    server.signal(Signal::STOP);
    header(&mut screen, &mut shown, silent);
    server.signal(Signal::CONT);
    header(&mut screen, &mut shown, |first| !silent(first));
    // Nobody is there.
    drop(server);
    header(&mut screen, &mut shown, |first| first.contains(&format!("{SILENT}2 s)")));
    let (_server, _) = serving(&address);
    header(&mut screen, &mut shown, |first| !silent(first));
    screen.press(b"q");
    screen.ends();
}
