//! The program for Macs, built here: a signed Mach-O that links what every Mac has.
//!
//! `cargo-zigbuild` links with zig, which carries stubs and headers of macOS. The layouts of the
//! kernel's structures that `sources` reads by their places are compared with those headers.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{must, root};

const TARGET: &str = "aarch64-apple-darwin";
/// What the program may link: what is on every Mac. CoreFoundation comes with a dependency that asks
/// for the time zone; retop itself opens it at run time.
const ALLOWED: [&str; 2] = [
    "/usr/lib/libSystem.B.dylib",
    "/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation",
];

/// The symbols that the dependency wants of CoreFoundation: there is no framework here to link.
const STUB: &str = "\
--- !tapi-tbd
tbd-version:     4
targets:         [ arm64-macos ]
install-name:    '/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation'
exports:
  - targets:         [ arm64-macos ]
    symbols:         [ _CFRelease, _CFStringGetBytes, _CFStringGetCStringPtr, _CFStringGetLength,
                       _CFTimeZoneCopySystem, _CFTimeZoneGetName, _CFTimeZoneResetSystem,
                       _kCFAllocatorDefault ]
...
";

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
    let stubs = root.join("target/macos-stubs");
    let framework = stubs.join("CoreFoundation.framework");
    std::fs::create_dir_all(&framework)?;
    std::fs::write(framework.join("CoreFoundation.tbd"), STUB)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(programs).chain(std::env::split_paths(&path));
    let mut command = Command::new(build);
    command.current_dir(&root).env("PATH", std::env::join_paths(path)?).args([
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
    let stubs = format!("link-arg=-F{}", stubs.display());
    command.args(["--", "-C", &stubs, "-C", "link-arg=-Wl,-dead_strip_dylibs"]);
    must(&mut command)?;
    let profile = if release { "release" } else { "debug" };
    let program = root.join("target").join(TARGET).join(profile).join("retop");
    examine(&program)
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
    for library in &found.libraries {
        ensure!(ALLOWED.contains(&library.as_str()), "links {library}, which it must not");
    }
    ensure!(found.is_arm, "it is not for ARM64");
    match found.signature {
        // A Mac runs no program for ARM64 without a signature; the linker makes one of its own.
        Some(flags) if flags & AD_HOC != 0 => {}
        _ => bail!("it is not signed"),
    }
    println!(
        "{}: Mach-O ARM64, {} bytes, signed ad hoc, links {}",
        program.display(),
        bytes.len(),
        found.libraries.join(" and ")
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
}

impl Found {
    fn read(bytes: &[u8]) -> Option<Found> {
        const MAGIC: u32 = 0xfeed_facf;
        const ARM64: u32 = 0x0100_000c;
        const LIBRARIES: [u32; 3] = [0xc, 0x8000_0018, 0x8000_001f];
        const SIGNATURE: u32 = 0x1d;
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
    fn a_file_tells_its_libraries_and_its_signature() {
        let mut file = words(&[0xfeed_facf, 0x0100_000c, 0, 2, 2, 0, 0, 0]);
        file.extend(words(&[0xc, 40, 24, 0, 0, 0]));
        file.extend(b"/usr/lib/a.dylib");
        file.extend(words(&[0x1d, 16, 88, 44]));
        let signature = [0xfade_0cc0_u32, 44, 1, 0, 20, 0xfade_0c02, 24, 0, 2, 0, 0];
        file.extend(signature.iter().flat_map(|word| word.to_be_bytes()));
        let found = Found::read(&file).expect("a file");
        assert_eq!(found.libraries, ["/usr/lib/a.dylib"]);
        assert_eq!((found.is_arm, found.signature), (true, Some(2)));
        for length in 0..file.len() {
            let _ = Found::read(&file[..length]);
        }
        assert_eq!(Found::read(b"\x7fELF"), None);
    }
}
