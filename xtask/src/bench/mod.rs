//! retop, its peers and the scan floor on the same load, in turn, in one run.

pub mod cost;
pub mod gpus;
mod peer;
mod pty;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::cost::{Cpu, peak_bytes};
use self::peer::{Peer, peers};
use self::pty::Terminal;
use crate::bless::between;
use crate::load;

/// From the start to the window in which is measured, unless `--warm-up` says otherwise: first frames
/// are dear everywhere. Charts show the start itself for minutes: what a screen costs that has been
/// open for a while takes 150.
const WARM_UP: Duration = Duration::from_millis(2500);

/// What one run of one program gave.
#[derive(Clone, Debug, Default)]
struct Reading {
    cpu_ms: f64,
    peak_mib: f64,
    bytes: f64,
    first_byte_ms: Option<f64>,
    first_row_ms: Option<f64>,
}

/// Runs the benchmark.
pub fn run(options: &[&str]) -> Result<()> {
    if let ["gpus", options @ ..] = options {
        return gpus::run(options);
    }
    let rounds: usize = crate::option(options, "--rounds")?.unwrap_or("3").parse()?;
    let seconds: u64 = crate::option(options, "--seconds")?.unwrap_or("6").parse()?;
    let populations = crate::option(options, "--processes")?.unwrap_or("300,3000");
    let populations: Vec<usize> =
        populations.split(',').map(str::parse).collect::<Result<_, _>>()?;
    if rounds == 0 || seconds == 0 {
        bail!("--rounds and --seconds take numbers from 1");
    }
    let warm_up = match crate::option(options, "--warm-up")? {
        Some(seconds) => Duration::try_from_secs_f64(seconds.parse()?).context("--warm-up")?,
        None => WARM_UP,
    };
    let size = crate::option(options, "--size")?.unwrap_or("200x50");
    let size = size.split_once('x').context("--size takes COLUMNSxROWS")?;
    let size: (u16, u16) = (size.0.parse()?, size.1.parse()?);
    let binary = match crate::option(options, "--binary")? {
        Some(path) => PathBuf::from(path),
        None => crate::release()?,
    };
    let folder = std::env::temp_dir().join(format!("retop-bench-{}", std::process::id()));
    let peers = peers(&binary, &folder)?;
    let mut text = machine();
    for population in populations {
        // Without a load: what it costs to watch a machine that rests.
        let mut load = (population > 0).then(|| start_load(population, false)).transpose()?;
        let windows = (warm_up, Duration::from_secs(seconds));
        let result = measure(&peers, &folder, rounds, windows, size);
        if let Some(load) = &mut load {
            load.kill()?;
            load.wait()?;
        }
        text += &table(population, rounds, seconds, size, &peers, &result?);
    }
    std::fs::remove_dir_all(&folder)?;
    println!("{text}");
    if options.contains(&"--write") {
        write(&crate::root().join("docs/performance.md"), "bench", &text)?;
    }
    Ok(())
}

pub fn start_load(population: usize, lively: bool) -> Result<Child> {
    let mut load = Command::new(std::env::current_exe()?)
        .args(["load", &population.to_string()])
        .args(lively.then_some("--lively"))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(load.stdout.take().context("piped")?).read_line(&mut line)?;
    if line.trim() != load::READY {
        bail!("the load of {population} processes did not start");
    }
    Ok(load)
}

/// Every program once in each round, so that what else the machine does hits all alike.
fn measure(
    peers: &[Peer],
    folder: &Path,
    rounds: usize,
    windows: (Duration, Duration),
    size: (u16, u16),
) -> Result<Vec<Vec<Reading>>> {
    let mut readings = vec![Vec::new(); peers.len()];
    for round in 1..=rounds {
        for (peer, readings) in peers.iter().zip(&mut readings) {
            eprintln!("round {round}: {}", peer.name);
            match one(peer, folder, windows, size) {
                Ok(reading) => readings.push(reading),
                Err(error) => eprintln!("{}: {error:#}", peer.name),
            }
        }
    }
    Ok(readings)
}

fn one(
    peer: &Peer,
    folder: &Path,
    windows: (Duration, Duration),
    size: (u16, u16),
) -> Result<Reading> {
    let mut reading = watch(&peer.command, &environment(folder), windows, (size, marks()))?;
    reading.first_byte_ms = reading.first_byte_ms.filter(|_| peer.draws);
    reading.first_row_ms = reading.first_row_ms.filter(|_| peer.rows);
    Ok(reading)
}

/// What every program is started with: settings of its own folder, and a terminal that can do much.
fn environment(folder: &Path) -> Vec<(String, String)> {
    let text = folder.display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let environment = [
        ("PATH", path.as_str()),
        ("HOME", &text),
        ("XDG_CONFIG_HOME", &text),
        ("TERM", "xterm-256color"),
        ("COLORTERM", "truecolor"),
        ("LANG", "C.UTF-8"),
    ];
    environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Runs a program in a terminal, and looks at what it costs in a window.
fn watch(
    command: &[String],
    environment: &[(String, String)],
    (warm_up, window): (Duration, Duration),
    (size, marks): ((u16, u16), Vec<Vec<u8>>),
) -> Result<Reading> {
    let mut terminal = Terminal::start(command, environment, size, marks)?;
    let pid = terminal.pid();
    if !terminal.run(warm_up)? {
        bail!("ended by itself");
    }
    let (before, drawn) = (Cpu::of(pid)?, terminal.bytes);
    if !terminal.run(window)? {
        bail!("ended by itself");
    }
    let used_ns = Cpu::of(pid)?.since_ns(&before);
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let reading = Reading {
        // One refresh a second.
        cpu_ms: used_ns as f64 / 1e6 / window.as_secs_f64(),
        peak_mib: peak_bytes(pid)? as f64 / 1048576.0,
        bytes: (terminal.bytes - drawn) as f64 / window.as_secs_f64(),
        first_byte_ms: terminal.first_byte.map(ms),
        first_row_ms: terminal.first_mark.map(ms),
    };
    terminal.end()?;
    Ok(reading)
}

/// Names that tell that processes are on the screen: of the load, and of the first two, which head
/// any list that is not sorted by CPU yet.
fn marks() -> Vec<Vec<u8>> {
    let mut marks = vec![load::MARK.as_bytes().to_vec()];
    for pid in 1..=2 {
        let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        // One of a few letters would be found anywhere.
        marks.extend(Some(name.trim_ascii().to_vec()).filter(|name| name.len() > 4));
    }
    marks
}

/// The middle of the values; of an even number the lower of the two.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

fn table(
    population: usize,
    rounds: usize,
    seconds: u64,
    (columns, rows): (u16, u16),
    peers: &[Peer],
    readings: &[Vec<Reading>],
) -> String {
    let cpu = |readings: &[Reading]| median(readings.iter().map(|reading| reading.cpu_ms));
    let named = |name: &str| {
        let place = peers.iter().position(|peer| peer.name == name)?;
        cpu(readings.get(place)?)
    };
    let (htop, floor) = (named("htop"), named("floor"));
    let what = match population {
        0 => "No load".to_owned(),
        _ => format!("{population} processes"),
    };
    let mut text = format!(
        "\n### {what}\n\n\
         Medians of {rounds} rounds of {seconds} s, {columns}x{rows}, one refresh a second.\n\n\
         | program | CPU ms per refresh | × htop | × floor | peak RSS MiB | bytes per refresh | \
         first byte ms | first rows ms |\n|---|---:|---:|---:|---:|---:|---:|---:|\n"
    );
    for (peer, readings) in peers.iter().zip(readings) {
        let of = |get: fn(&Reading) -> Option<f64>| median(readings.iter().filter_map(get));
        let show = |value: Option<f64>, digits: usize| {
            value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
        };
        let cpu = cpu(readings);
        let ratio = |other: Option<f64>| Some(cpu? / other.filter(|&other| other > 0.0)?);
        let bytes = of(|reading| Some(reading.bytes)).filter(|_| peer.draws);
        let _ = writeln!(
            text,
            "| {} {} | {} | {} | {} | {} | {} | {} | {} |",
            peer.name,
            peer.version,
            show(cpu, 1),
            show(ratio(htop), 2),
            show(ratio(floor), 2),
            show(of(|reading| Some(reading.peak_mib)), 1),
            show(bytes, 0),
            show(of(|reading| reading.first_byte_ms), 0),
            show(of(|reading| reading.first_row_ms), 0),
        );
    }
    text
}

/// On what was measured.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let system = rustix::system::uname();
    let load = read("/proc/loadavg");
    let who = if rustix::process::geteuid().is_root() { "as root" } else { "without rights" };
    format!(
        "{count} CPUs ({}), Linux {}, {who}, load {} at the start.\n",
        model.map_or("unknown", |(_, model)| model),
        system.release().to_string_lossy(),
        load.split_whitespace().next().unwrap_or("unknown"),
    )
}

pub fn write(path: &Path, marker: &str, text: &str) -> Result<()> {
    let page = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let page =
        between(&page, marker, text).with_context(|| format!("{}: no markers", path.display()))?;
    Ok(std::fs::write(path, page)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_some_values() {
        let cases: [(&[f64], Option<f64>); 4] = [
            (&[], None),
            (&[3.0], Some(3.0)),
            (&[9.0, 1.0, 5.0], Some(5.0)),
            (&[4.0, 1.0, 2.0, 3.0], Some(2.0)),
        ];
        for (values, wanted) in cases {
            assert_eq!(median(values.iter().copied()), wanted);
        }
    }
}
