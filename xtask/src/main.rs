//! Chores: `cargo xtask CHORE`.
// Chores run programs, read the clock and the environment; what ships must not.
#![allow(clippy::disallowed_methods)]
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod bench;
mod bless;
#[cfg(target_os = "linux")]
mod floor;
#[cfg(target_os = "linux")]
mod h200;
mod layers;
#[cfg(target_os = "linux")]
mod load;
mod macos;
mod picture;
#[cfg(target_os = "linux")]
mod recorder;
#[cfg(target_os = "linux")]
mod vm;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
cargo xtask bless                    make docs/metrics.md, man page, completions and golden files anew
cargo xtask bless --pages            the same without the golden files, which takes seconds
cargo xtask pictures                 make the pictures in docs/ anew, which bless does too
cargo xtask check-layers             which crate may use which, and what only sources may hold
cargo xtask size                     size of the release binary
cargo xtask macos [--release]        the program for Macs: built, looked at, and layouts compared with
                                     the headers of macOS
cargo xtask mac-samples N            N samples of made-up Macs, and whether anything is held on to;
                                     ten million take about an hour
cargo xtask bench [--rounds N] [--processes N,N] [--seconds N] [--size COLUMNSxROWS] [--warm-up SECONDS]
                  [--binary FILE] [--write]
                                     retop and its peers side by side; --write puts the tables
                                     into docs/performance.md
cargo xtask bench-record [--processes N] [--samples N] [--write]
                                     recording beside atop and sadc; with cargo run --release -p xtask
cargo xtask crash N                  kills a recorder N times and looks whether every sample is there
cargo xtask cuts N                   cuts a recording at N random bytes and looks for every sample before
cargo xtask retention                a day of a made-up machine, as fast as it goes, into 16 MiB
cargo xtask segments N               a folder of N segments: what opening, seeking, asking and clearing cost
cargo xtask columns RECORDING        bytes that each column takes in a recording
cargo xtask bench gpus [--rounds N] [--seconds N] [--binary FILE] [--write]
                                     retop and monitors of NVIDIA devices side by side on a made-up
                                     driver: eight devices, four processes on each
cargo xtask load N [--lively]        N processes to look at, until interrupted; with --lively one in
                                     four does something each second
cargo xtask vm-pmu [--fetch]         boot a virtual ARM64 machine whose processor counts, and check
                                     what retop counts there against what it must be; --fetch
                                     only fetches its kernel
cargo xtask vm-cgroup                boot another one whose control groups have limits, and check that a
                                     memory hog there, and the kernel's kill, are told and recorded
cargo xtask h200 [--binary FILE] [--out FOLDER] [--only NAME] [--fake]
                                     on a machine with an H100 or H200: what retop says beside
                                     nvidia-smi and known loads, and what the driver does, in ten
                                     minutes; --fake plays it on a made-up driver, which tests the
                                     chore alone
cargo xtask h200 --pack FOLDER       what has to be carried to such a machine that has no network
                                     and no Rust; FOLDER/xtask h200 there is all
cargo xtask forecast                 how right forecasts of GPU memory are: 1,608 made-up traces at
                                     one sample a second, and as many at five
cargo xtask floor [--seconds N]      CPU time that one read of each process costs at least";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["bless"] => bless::run(),
        ["bless", "--pages"] => bless::pages(),
        ["check-layers"] => layers::run(),
        ["size"] => size(),
        ["pictures"] => bless::pictures(),
        ["macos"] => macos::run(false),
        ["macos", "--release"] => macos::run(true),
        #[cfg(target_os = "linux")]
        ["mac-samples", count] => macos::samples(count),
        #[cfg(target_os = "linux")]
        ["bench", options @ ..] => bench::run(options),
        #[cfg(target_os = "linux")]
        ["bench-record", options @ ..] => recorder::bench(options),
        #[cfg(target_os = "linux")]
        ["crash", count] => recorder::crash(count),
        #[cfg(target_os = "linux")]
        ["cuts", count] => recorder::cuts(count),
        #[cfg(target_os = "linux")]
        ["retention"] => recorder::retention(),
        #[cfg(target_os = "linux")]
        [recorder::day::READER, folder] => recorder::day::read(folder),
        #[cfg(target_os = "linux")]
        ["segments", count] => recorder::segments::run(count),
        #[cfg(target_os = "linux")]
        [recorder::segments::READER, deed, folder] => recorder::segments::read(deed, folder),
        #[cfg(target_os = "linux")]
        ["columns", recording] => recorder::columns::run(recording),
        #[cfg(target_os = "linux")]
        [recorder::CHILD, folder] => recorder::child(folder),
        #[cfg(target_os = "linux")]
        ["load", count] => load::run(count, false),
        #[cfg(target_os = "linux")]
        ["load", count, "--lively"] => load::run(count, true),
        #[cfg(target_os = "linux")]
        [load::CHILD, words @ ..] => load::child(words),
        #[cfg(target_os = "linux")]
        ["floor", options @ ..] => floor::run(options),
        #[cfg(target_os = "linux")]
        ["vm-pmu"] => vm::pmu::run(),
        #[cfg(target_os = "linux")]
        ["vm-pmu", "--fetch"] => vm::fetch(),
        #[cfg(target_os = "linux")]
        ["vm-cgroup"] => vm::group::run(),
        #[cfg(target_os = "linux")]
        ["h200", options @ ..] => h200::run(options),
        ["forecast"] => forecast(),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(anyhow::anyhow!("no such chore here; cargo xtask help lists them")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

fn must(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    Ok(())
}

/// Builds the release binary and tells where it is.
fn release() -> Result<PathBuf> {
    must(cargo().args(["build", "--release", "--package", "retop"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(target.unwrap_or_else(|| root().join("target")).join("release/retop"))
}

/// The suite of forecasts prints its table as it is tested; false alarms and late ones fail it.
fn forecast() -> Result<()> {
    let suites = ["--", "forecast::tests::at_", "forecast::tests::hard::"];
    let tests = suites.into_iter().chain(["--nocapture", "--test-threads=1"]);
    must(cargo().args(["test", "--quiet", "--package", "retop-model", "--lib"]).args(tests))
}

fn size() -> Result<()> {
    let bytes = std::fs::metadata(release()?)?.len();
    println!("release binary: {:.2} MiB ({bytes} bytes; budget 6 MiB)", bytes as f64 / 1048576.0);
    Ok(())
}

/// The value of `--name` in a list of options.
#[cfg(target_os = "linux")]
fn option<'a>(options: &[&'a str], name: &str) -> Result<Option<&'a str>> {
    match options.iter().position(|option| *option == name) {
        None => Ok(None),
        Some(place) => match options.get(place + 1) {
            Some(value) => Ok(Some(value)),
            None => bail!("{name} needs a value"),
        },
    }
}
