//! Small virtual machines: what a machine must have, and this one may not.
//!
//! Debian's kernel for ARM64 on QEMU; the only things on the machine are busybox, a static retop,
//! and a script that is the first process.

pub mod group;
pub mod pmu;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{cargo, must, root};

const TARGET: &str = "aarch64-unknown-linux-musl";

/// What every machine begins with: what the kernel tells, and a short word for busybox.
const BEGIN: &str = "#!/bin/busybox sh
bb=/bin/busybox
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
$bb mount -t devtmpfs dev /dev
";

/// What machines are made of.
struct Parts {
    folder: PathBuf,
    kernel: PathBuf,
    busybox: PathBuf,
    retop: PathBuf,
}

/// Fetches what machines are made of, if it is not here.
pub fn fetch() -> Result<()> {
    debian(&folder()?).map(drop)
}

fn folder() -> Result<PathBuf> {
    let folder = root().join("target/vm");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

impl Parts {
    /// All of them, with a retop of now.
    fn gather() -> Result<Parts> {
        let folder = folder()?;
        let (kernel, busybox) = debian(&folder)?;
        Ok(Parts { folder, kernel, busybox, retop: build()? })
    }

    /// A first file system whose first process does what `script` says, with these files besides.
    fn image(&self, name: &str, script: &str, files: &[(&str, &str)]) -> Result<PathBuf> {
        let image = self.folder.join(format!("{name}.initramfs"));
        fs::write(&image, archive(&self.busybox, &self.retop, script, files)?)?;
        Ok(image)
    }

    /// Boots a machine and waits for its end; gives all that it said, which `log` holds too.
    fn boot(&self, image: &Path, options: &[&str], log: &Path, most: Duration) -> Result<String> {
        let began = Instant::now();
        let mut machine = Command::new("qemu-system-aarch64")
            .args(["-M", "virt", "-cpu", "max", "-m", "512"])
            .args(["-nographic", "-net", "none", "-no-reboot"])
            .args(options)
            .arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(image)
            .args(["-append", "console=ttyAMA0 quiet panic=-1 rdinit=/init"])
            .stdin(Stdio::null())
            .stdout(fs::File::create(log)?)
            .stderr(Stdio::inherit())
            .spawn()
            .context("qemu-system-aarch64: apt-get install qemu-system-arm")?;
        while machine.try_wait()?.is_none() {
            if began.elapsed() > most {
                machine.kill()?;
                machine.wait()?;
                bail!("no end after {} s; see {}", most.as_secs(), log.display());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        // A console may say what is no text.
        Ok(String::from_utf8_lossy(&fs::read(log)?).into_owned())
    }
}

/// What the machine said behind that word.
fn said<'a>(all: &'a str, word: &str) -> Option<&'a str> {
    all.lines().find_map(|line| line.trim().strip_prefix(word))
}

/// Debian's kernel and busybox for ARM64, fetched once. The lists lie in a folder of their own, so
/// that nothing of this system's package manager is touched.
fn debian(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let files = folder.join("files");
    let found = |files: &Path| {
        let boot = fs::read_dir(files.join("boot")).ok()?;
        let mut names = boot.flatten().map(|entry| entry.path());
        let is_kernel = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))
        };
        let busybox = files.join("bin/busybox");
        Some((names.find(is_kernel)?, busybox)).filter(|(_, busybox)| busybox.exists())
    };
    if let Some(found) = found(&files) {
        return Ok(found);
    }
    let (state, packages) = (folder.join("apt"), folder.join("packages"));
    for dir in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(state.join(dir))?;
    }
    fs::create_dir_all(&packages)?;
    fs::write(state.join("status"), "")?;
    let apt = |program: &str| {
        let mut command = Command::new(program);
        let state = state.display();
        for option in [
            format!("Dir::State={state}"),
            format!("Dir::State::lists={state}/lists"),
            format!("Dir::State::status={state}/status"),
            format!("Dir::Cache={state}/cache"),
            "APT::Architecture=arm64".to_owned(),
            "APT::Architectures=arm64".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        command.current_dir(&packages).stdin(Stdio::null());
        command
    };
    println!("fetching Debian's kernel and busybox for ARM64");
    must(apt("apt-get").args(["-qq", "update"]).stdout(Stdio::null()))
        .context("the packages of Debian for ARM64 are needed")?;
    // The package of that name depends on the newest kernel.
    let shown = apt("apt-cache").args(["depends", "linux-image-arm64"]).output()?;
    let shown = String::from_utf8_lossy(&shown.stdout);
    let image = shown
        .split_whitespace()
        .find(|word| word.starts_with("linux-image-") && *word != "linux-image-arm64")
        .context("the lists name no kernel for ARM64")?;
    must(apt("apt-get").args(["-qq", "download", image, "busybox-static"]).stderr(Stdio::null()))?;
    for package in fs::read_dir(&packages)?.flatten() {
        must(Command::new("dpkg").arg("-x").arg(package.path()).arg(&files))?;
    }
    found(&files).context("the packages hold no kernel or no busybox")
}

/// A static retop for the machine.
fn build() -> Result<PathBuf> {
    let python = root().join("target/zig/bin/python3");
    must(Command::new(root().join(".ci/zig")).stdout(Stdio::null()))?;
    let ci = root().join(".ci");
    let name = TARGET.replace('-', "_");
    must(
        cargo()
            .args(["build", "--quiet", "--locked", "--package", "retop", "--target", TARGET])
            .env("ZIG_PYTHON", python)
            .env(format!("CC_{name}"), ci.join("cross-cc-aarch64-linux-musl"))
            .env(format!("AR_{name}"), ci.join("cross-ar"))
            // zig checks C code for undefined behaviour, with a library that is not linked here.
            .env(format!("CFLAGS_{name}"), "-fno-sanitize=undefined")
            .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld"),
    )?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(target.unwrap_or_else(|| root().join("target")).join(TARGET).join("debug/retop"))
}

/// The machine's first file system, in the format `newc` that the kernel unpacks.
fn archive(busybox: &Path, retop: &Path, script: &str, files: &[(&str, &str)]) -> Result<Vec<u8>> {
    const FOLDER: u32 = 0o040_755;
    const PROGRAM: u32 = 0o100_755;
    let mut out = Vec::new();
    for folder in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        entry(&mut out, folder, FOLDER, &[])?;
    }
    entry(&mut out, "init", PROGRAM, format!("{BEGIN}{script}").as_bytes())?;
    entry(&mut out, "bin/busybox", PROGRAM, &fs::read(busybox)?)?;
    entry(&mut out, "bin/retop", PROGRAM, &fs::read(retop)?)?;
    for (name, content) in files {
        entry(&mut out, name, PROGRAM, content.as_bytes())?;
    }
    entry(&mut out, "TRAILER!!!", 0, &[])?;
    Ok(out)
}

fn entry(out: &mut Vec<u8>, name: &str, mode: u32, content: &[u8]) -> Result<()> {
    let (size, length) = (u32::try_from(content.len())?, u32::try_from(name.len() + 1)?);
    let number = u32::try_from(out.len())?;
    // Inode, mode, user, group, links, time, size, device and its device, length of the name, sum.
    let fields = [number, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, length, 0];
    out.extend_from_slice(b"070701");
    for field in fields {
        write!(out, "{field:08x}")?;
    }
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(4), 0);
    Ok(())
}
