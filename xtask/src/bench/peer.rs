//! The programs that are compared, each at one refresh a second and otherwise as it comes.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

/// A program to be measured.
pub struct Peer {
    /// Its name in the table.
    pub name: &'static str,
    /// Its version; empty if it has none.
    pub version: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Whether what it writes is for people: what the scan floor writes is not.
    pub draws: bool,
    /// Whether it shows processes.
    pub rows: bool,
}

/// Those that are installed, retop first and the floor last.
pub fn peers(retop: &Path, folder: &Path) -> Result<Vec<Peer>> {
    std::fs::create_dir_all(folder.join("btop"))?;
    std::fs::write(folder.join("btop/btop.conf"), "update_ms = 1000\n")?;
    let retop = retop.display().to_string();
    let floor = std::env::current_exe()?.display().to_string();
    let candidates: [(&'static str, &[&str]); 7] = [
        ("retop", &[&retop, "--interval", "1s"]),
        ("retop --json", &[&retop, "--json", "--interval", "1s"]),
        ("htop", &["htop", "-d", "10"]),
        ("btop", &["btop", "--utf-force"]),
        ("bottom", &["btm", "--rate", "1000"]),
        ("atop", &["atop", "1"]),
        ("floor", &[&floor, "floor", "--seconds", "3600"]),
    ];
    let mut peers = Vec::new();
    for (name, command) in candidates {
        let version = match name {
            "floor" => Some(String::new()),
            "atop" => version(command[0], "-V"),
            _ => version(command[0], "--version"),
        };
        match version {
            Some(version) => peers.push(Peer {
                name,
                version,
                command: command.iter().map(|&word| word.to_owned()).collect(),
                draws: name != "floor",
                rows: !matches!(name, "floor" | "retop --json"),
            }),
            None => eprintln!("{name} is not installed and is left out"),
        }
    }
    Ok(peers)
}

/// The first word with a digit and a dot in what a program says of itself.
pub fn version(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let word = text.split_whitespace().find(|word| {
        word.contains('.') && word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
    });
    Some(word.unwrap_or_default().to_owned())
}
