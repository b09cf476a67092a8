//! The program for Macs, built here: a signed Mach-O that links what every Mac has.
//!
//! `cargo-zigbuild` links with zig, which carries stubs and headers of macOS. The layouts of the
//! kernel's structures that `sources` reads by their places are compared with those headers.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{must, root};

const TARGET: &str = "aarch64-apple-darwin";
/// The one library that the program may link: all others are opened at run time.
const ALLOWED: &str = "/usr/lib/libSystem.B.dylib";
/// The oldest macOS that the program is promised to start on.
const OLDEST: (u32, u32) = (12, 0);

/// Builds it and looks at what came out.
pub fn run(release: bool) -> Result<()> {
    let root = root();
    must(Command::new(root.join(".ci/zig")).current_dir(&root))?;
    let programs = root.join("target/zig/bin");
    let build = programs.join("cargo-zigbuild");
    if !build.exists() {
        let pip = programs.join("pip");
        must(Command::new(pip).args(["install", "--quiet", "cargo-zigbuild==0.24.1"]))?;
    }
    layouts(&programs.join("python3"), &root)?;
    must(Command::new("rustup").args(["target", "add", TARGET]))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(programs).chain(std::env::split_paths(&path));
    let mut command = Command::new(build);
    command.current_dir(&root).env("PATH", std::env::join_paths(path)?);
    command.env("MACOSX_DEPLOYMENT_TARGET", format!("{}.{}", OLDEST.0, OLDEST.1)).args([
        "rustc",
        "--locked",
        "--package",
        "retop",
        "--bin",
        "retop",
        "--target",
        TARGET,
    ]);
    if release {
        command.arg("--release");
    }
    // Libraries that nothing needs are left out: libiconv, which a crate names for all programs.
    command.args(["--", "-C", "link-arg=-Wl,-dead_strip_dylibs"]);
    must(&mut command)?;
    let profile = if release { "release" } else { "debug" };
    let program = root.join("target").join(TARGET).join(profile).join("retop");
    examine(&program)
}

/// Takes samples of all made-up Macs, and looks whether anything is held on to.
#[cfg(target_os = "linux")]
pub fn samples(count: &str) -> Result<()> {
    let count: u64 = count.parse().context("how many samples?")?;
    let test = "apple::tests::cost::millions_of_samples_hold_no_more_than_one";
    must(
        crate::cargo()
            .env("RETOP_MAC_SAMPLES", count.to_string())
            .args(["test", "--quiet", "--release", "--package", "retop-sources"])
            .args(["--features", "apple", "--lib", test, "--", "--ignored", "--nocapture"]),
    )
}

/// Compares the layouts with the headers of macOS.
fn layouts(python: &Path, root: &Path) -> Result<()> {
    let object = root.join("target/macos-layouts.o");
    let source = root.join("xtask/src/macos_layouts.c");
    must(
        Command::new(python)
            .args(["-m", "ziglang", "cc", "-target", "aarch64-macos", "-w", "-c", "-o"])
            .args([object, source]),
    )?;
    println!("layouts: as in the headers of macOS");
    Ok(())
}

fn examine(program: &PathBuf) -> Result<()> {
    let bytes = std::fs::read(program).with_context(|| program.display().to_string())?;
    let found = Found::read(&bytes).context("the program is no Mach-O file of 64 bits")?;
    let oldest = found.keeps()?;
    println!(
        "{}: Mach-O ARM64, {} bytes, signed ad hoc, from macOS {}.{} on, links {ALLOWED}",
        program.display(),
        bytes.len(),
        oldest.0,
        oldest.1,
    );
    Ok(())
}

/// Flag of a code directory without a certificate.
const AD_HOC: u32 = 2;

/// What a Mach-O file says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    is_arm: bool,
    libraries: Vec<String>,
    /// Flags of the code directory.
    signature: Option<u32>,
    /// The oldest macOS that it starts on.
    oldest: Option<(u32, u32)>,
}

impl Found {
    /// Whether it is what is promised; then the oldest macOS that it starts on.
    fn keeps(&self) -> Result<(u32, u32)> {
        ensure!(self.is_arm, "it is not for ARM64");
        if let Some(other) = self.libraries.iter().find(|library| *library != ALLOWED) {
            bail!("links {other}: only {ALLOWED} is promised");
        }
        let oldest = self.oldest.context("it does not say which macOS it is for")?;
        ensure!(oldest <= OLDEST, "starts on macOS {}.{} at the earliest", oldest.0, oldest.1);
        // A Mac runs no program for ARM64 without a signature; the linker makes one of its own.
        ensure!(self.signature.is_some_and(|flags| flags & AD_HOC != 0), "it is not signed");
        Ok(oldest)
    }

    fn read(bytes: &[u8]) -> Option<Found> {
        const MAGIC: u32 = 0xfeed_facf;
        const ARM64: u32 = 0x0100_000c;
        const LIBRARIES: [u32; 3] = [0xc, 0x8000_0018, 0x8000_001f];
        const SIGNATURE: u32 = 0x1d;
        /// The older command for the same thing, and the place of the version in each.
        const OLDEST: [(u32, usize); 2] = [(0x24, 8), (0x32, 12)];
        let word = |place: usize| Some(u32::from_le_bytes(*bytes.get(place..)?.first_chunk()?));
        if word(0)? != MAGIC {
            return None;
        }
        let mut found = Found { is_arm: word(4)? == ARM64, ..Found::default() };
        let mut place = 32;
        for _ in 0..word(16)? {
            let (kind, length) = (word(place)?, word(place + 4)? as usize);
            if LIBRARIES.contains(&kind) {
                let name = bytes.get(place + word(place + 8)? as usize..place + length)?;
                let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
                found.libraries.push(String::from_utf8_lossy(&name[..end]).into_owned());
            }
            if kind == SIGNATURE {
                found.signature = code_directory(bytes.get(word(place + 8)? as usize..)?);
            }
            if let Some((_, at)) = OLDEST.iter().find(|(command, _)| *command == kind) {
                let version = word(place + at)?;
                found.oldest = Some((version >> 16, version >> 8 & 0xff));
            }
            place += length.max(8);
        }
        Some(found)
    }
}

/// Flags of the code directory in a signature, whose numbers are big-endian.
fn code_directory(blob: &[u8]) -> Option<u32> {
    let word = |place: usize| Some(u32::from_be_bytes(*blob.get(place..)?.first_chunk()?));
    if word(0)? != 0xfade_0cc0 {
        return None;
    }
    (0..word(8)? as usize).find_map(|entry| {
        let at = word(12 + entry * 8 + 4)? as usize;
        (word(at)? == 0xfade_0c02).then(|| word(at + 12))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn a_program_that_breaks_a_promise_is_refused() {
        let good = || Found {
            is_arm: true,
            libraries: vec![ALLOWED.to_owned()],
            signature: Some(AD_HOC),
            oldest: Some((12, 0)),
        };
        assert_eq!(good().keeps().ok(), Some((12, 0)));
        let other = "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation";
        for (wrong, said) in [
            (Found { is_arm: false, ..good() }, "ARM64"),
            (Found { libraries: vec![ALLOWED.to_owned(), other.to_owned()], ..good() }, other),
            (Found { oldest: Some((13, 0)), ..good() }, "13.0"),
            (Found { oldest: Some((12, 1)), ..good() }, "12.1"),
            (Found { oldest: None, ..good() }, "which macOS"),
            (Found { signature: None, ..good() }, "signed"),
            (Found { signature: Some(0), ..good() }, "signed"),
        ] {
            let error = wrong.keeps().expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_file_tells_its_libraries_and_its_signature() {
        let mut file = words(&[0xfeed_facf, 0x0100_000c, 0, 2, 3, 0, 0, 0]);
        file.extend(words(&[0xc, 40, 24, 0, 0, 0]));
        file.extend(b"/usr/lib/a.dylib");
        // For macOS 12.3, built with the headers of 26.
        file.extend(words(&[0x32, 24, 1, 0x000c_0300, 0x001a_0000, 0]));
        file.extend(words(&[0x1d, 16, 112, 44]));
        let signature = [0xfade_0cc0_u32, 44, 1, 0, 20, 0xfade_0c02, 24, 0, 2, 0, 0];
        file.extend(signature.iter().flat_map(|word| word.to_be_bytes()));
        let found = Found::read(&file).expect("a file");
        assert_eq!(found.libraries, ["/usr/lib/a.dylib"]);
        assert_eq!((found.is_arm, found.signature), (true, Some(2)));
        assert_eq!(found.oldest, Some((12, 3)));
        for length in 0..file.len() {
            let _ = Found::read(&file[..length]);
        }
        assert_eq!(Found::read(b"\x7fELF"), None);
    }
}
