//! What keeps a device busy while retop is looked at: programs of Python, or on a made-up device
//! processes that sleep and a scenario that says what they do.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// What a load does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A product of matrices in bf16.
    Matrices,
    /// The same memory touched element by element.
    Elements,
    /// Takes a GiB each second, and prints what it holds by its own account.
    Allocates,
    /// The same in segments that grow.
    AllocatesExpandable,
    /// Takes its share at the start, and keeps it.
    Preallocates,
    /// Goes up and down by gigabytes, as training does, and never grows.
    Trains,
    /// Leaves thirty GiB, says so, takes more each second until there is none, and prints what was
    /// free then.
    Leaks,
    /// Prints how many short kernels it ran in each second.
    Loops,
}

const MATRICES: &str = "
import torch, time
a = torch.randn(8192, 8192, device='cuda', dtype=torch.bfloat16)
end = time.time() + SECONDS
while time.time() < end:
    for _ in range(50): b = a @ a
    torch.cuda.synchronize()
";
const ELEMENTS: &str = "
import torch, time
a = torch.randn(1 << 28, device='cuda')
end = time.time() + SECONDS
while time.time() < end:
    for _ in range(50): a.mul_(1.0000001)
    torch.cuda.synchronize()
";
const ALLOCATES: &str = "
import torch, time
held = []
for _ in range(SECONDS):
    held.append(torch.empty(1 << 30, device='cuda', dtype=torch.uint8))
    print(torch.cuda.memory_reserved(), flush=True)
    time.sleep(1)
";
const PREALLOCATES: &str = "
import jax, time
jax.numpy.ones(8).block_until_ready()
time.sleep(SECONDS)
";
const TRAINS: &str = "
import torch, time
end = time.time() + SECONDS
while time.time() < end:
    held = [torch.empty(1 << 30, device='cuda', dtype=torch.uint8) for _ in range(20)]
    time.sleep(2)
    del held
    torch.cuda.empty_cache()
    time.sleep(2)
";
/// 30 GiB at 200 MiB a second: two minutes and a half. What is left at the end is taken in smaller
/// pieces, down to those that the allocator asks the driver for.
const LEAKS: &str = "
import torch, time
free, total = torch.cuda.mem_get_info()
held = [torch.empty(max(free - (30 << 30), 1), device='cuda', dtype=torch.uint8)]
print(torch.cuda.mem_get_info()[0], flush=True)
time.sleep(3)
for piece in 200 << 20, 20 << 20, 2 << 20:
    try:
        while True:
            held.append(torch.empty(piece, device='cuda', dtype=torch.uint8))
            if piece == 200 << 20: time.sleep(1)
    except torch.cuda.OutOfMemoryError:
        pass
print(torch.cuda.mem_get_info()[0], flush=True)
";
const LOOPS: &str = "
import torch, time
a = torch.ones(1024, device='cuda')
for _ in range(SECONDS):
    end, count = time.time() + 1, 0
    while time.time() < end:
        for _ in range(100): a.add_(1)
        torch.cuda.synchronize()
        count += 100
    print(count, flush=True)
";

/// What is asked of the library itself.
const PROBE: &str = include_str!("probe.py");

/// A program that runs, and what it prints. It ends when nobody holds it any more.
pub struct Load {
    pub child: Child,
    said: Receiver<std::io::Result<String>>,
}

/// Importing PyTorch takes some seconds, and a driver may hang.
const PATIENCE: Duration = Duration::from_secs(60);

impl Load {
    pub fn start(command: &mut Command) -> Result<Load> {
        let mut child = command.stdout(Stdio::piped()).spawn().context("a load")?;
        let lines = BufReader::new(child.stdout.take().context("piped")?).lines();
        let (say, said) = channel();
        std::thread::spawn(move || lines.map_while(|line| say.send(line).ok()).for_each(drop));
        Ok(Load { child, said })
    }

    /// The next line; none at its end.
    pub fn line(&mut self) -> Result<Option<String>> {
        match self.said.recv_timeout(PATIENCE) {
            Ok(line) => Ok(Some(line?)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => bail!("nothing was said for {PATIENCE:?}"),
        }
    }

    /// The next number that it prints; none at its end.
    pub fn number(&mut self) -> Result<Option<f64>> {
        let line = self.line()?;
        line.map(|line| line.trim().parse().with_context(|| line)).transpose()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a probe on that library.
pub fn start_probe(library: &Path, probe: &str, numbers: &[String]) -> Result<Load> {
    let mut command = Command::new("python3");
    Load::start(command.args(["-c", PROBE]).arg(library).arg(probe).args(numbers))
}

/// What a probe found on that library.
pub fn probe(library: &Path, probe: &str, numbers: &[String]) -> Result<Value> {
    let line = start_probe(library, probe, numbers)?.line()?;
    let found: Value = serde_json::from_str(&line.context("the probe ended without a word")?)?;
    if let Some(error) = found["error"].as_str() {
        bail!("{error}");
    }
    Ok(found)
}

/// What a trial needs beside retop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Nothing,
    Smi,
    Python,
    Load(Kind),
}

/// The device that loads run on.
pub enum Device {
    /// That of this machine, and which programs and modules are there.
    Real { smi: bool, python: bool, torch: bool, jax: bool },
    /// A made-up one in this folder.
    Made(PathBuf),
}

/// True if there is Python with what a probe needs.
pub fn has_python() -> bool {
    runs("python3", &["-c", "import ctypes"])
}

fn runs(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    let command = command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Device {
    pub fn real() -> Device {
        let has = |module: &str| runs("python3", &["-c", &format!("import {module}")]);
        Device::Real {
            smi: runs("nvidia-smi", &["-L"]),
            python: has_python(),
            torch: has("torch"),
            jax: has("jax"),
        }
    }

    /// What is missing of what a trial needs.
    pub fn lacks(&self, need: Need) -> Option<&'static str> {
        match (self, need) {
            (_, Need::Nothing) => None,
            (Device::Made(_), Need::Python) => (!has_python()).then_some("python3 is not here"),
            (Device::Made(_), _) => None,
            (Device::Real { smi, .. }, Need::Smi) => (!smi).then_some("nvidia-smi is not here"),
            (Device::Real { python, .. }, Need::Python) => {
                (!python).then_some("python3 is not here")
            }
            (Device::Real { jax, .. }, Need::Load(Kind::Preallocates)) => {
                (!jax).then_some("python3 has no module jax")
            }
            (Device::Real { torch, .. }, Need::Load(_)) => {
                (!torch).then_some("python3 has no module torch")
            }
        }
    }

    /// Where its library is.
    pub fn library(&self) -> PathBuf {
        const NAME: &str = "libnvidia-ml.so.1";
        match self {
            Device::Real { .. } => PathBuf::from(NAME),
            Device::Made(base) => base.join("usr/lib").join(NAME),
        }
    }

    /// So many seconds, or fewer where nothing is waited for.
    pub fn seconds(&self, real: usize, made: usize) -> usize {
        if matches!(self, Device::Made(_)) { made } else { real }
    }

    /// What retop needs to be told to look at it.
    pub fn root(&self) -> Vec<String> {
        match self {
            Device::Real { .. } => Vec::new(),
            Device::Made(base) => vec!["--root".to_owned(), base.display().to_string()],
        }
    }

    /// What `nvidia-smi` says of the first device.
    pub fn smi(&self, query: &str) -> Result<Vec<String>> {
        if matches!(self, Device::Made(_)) {
            return query.split(',').map(made_up).collect();
        }
        let output = Command::new("nvidia-smi")
            .args(["--id=0", &format!("--query-gpu={query}"), "--format=csv,noheader,nounits"])
            .output()
            .context("nvidia-smi")?;
        ensure!(output.status.success(), "nvidia-smi: {}", output.status);
        let text = String::from_utf8(output.stdout)?;
        Ok(text.lines().next().unwrap_or("").split(", ").map(str::to_owned).collect())
    }

    /// Starts a load for so many seconds.
    pub fn start(&self, kind: Kind, seconds: usize) -> Result<Load> {
        let Device::Made(base) = self else {
            let (program, allocator) = match kind {
                Kind::Matrices => (MATRICES, ""),
                Kind::Elements => (ELEMENTS, ""),
                Kind::Allocates => (ALLOCATES, "expandable_segments:False"),
                Kind::AllocatesExpandable => (ALLOCATES, "expandable_segments:True"),
                Kind::Preallocates => (PREALLOCATES, ""),
                Kind::Trains => (TRAINS, ""),
                Kind::Leaks => (LEAKS, ""),
                Kind::Loops => (LOOPS, ""),
            };
            let program = program.replace("SECONDS", &seconds.to_string());
            let mut command = Command::new("python3");
            if !allocator.is_empty() {
                command.env("PYTORCH_CUDA_ALLOC_CONF", allocator);
            }
            return Load::start(command.args(["-c", &program]));
        };
        let each = match kind {
            Kind::Allocates | Kind::AllocatesExpandable => "echo $((i * 1073741824));",
            Kind::Loops => "echo 100000;",
            _ => "",
        };
        let first = if kind == Kind::Leaks { "echo 1;" } else { "" };
        let program = format!("{first} for i in $(seq {seconds}); do {each} sleep 1; done; echo 0");
        let load = Load::start(Command::new("sh").args(["-c", &program]))?;
        write(base, &scenario(kind, load.child.id(), seconds))?;
        Ok(load)
    }
}

/// The scenario that the next retop finds.
pub fn write(base: &Path, scenario: &str) -> Result<()> {
    fs::write(base.join("usr/lib/scenario.toml"), scenario).context("a scenario")
}

/// A device at rest.
pub const AT_REST: &str = "driver = \"580.159.03\"\n[[device]]\nuuid = \"GPU-made-up\"\n\
                           power_watts = 78\nenergy_period_ms = 100\ntemperature_celsius = 30\n\
                           gpm = true\ngpm_root_only = true\n\
                           pcie_sent_bytes_per_second = 1024000\n";

fn scenario(kind: Kind, pid: u32, seconds: usize) -> String {
    let (tensor, busy) = match kind {
        Kind::Matrices => (71, 100),
        Kind::Elements => (0, 100),
        _ => (0, 20),
    };
    // What it holds in MiB, beside a context of 518.
    let memory = match kind {
        Kind::Allocates | Kind::AllocatesExpandable => {
            format!("[[0, 1542], [{seconds}, {}]]", 518 + 1024 * (seconds + 1))
        }
        Kind::Preallocates => "107828".to_owned(),
        Kind::Trains => {
            let turns = (0..seconds / 4).flat_map(|turn| {
                let at = turn * 4;
                [(at, 518), (at + 1, 20_998), (at + 2, 20_998), (at + 3, 518)]
            });
            format!("{:?}", turns.map(|(at, mib)| [at, mib]).collect::<Vec<_>>())
        }
        Kind::Leaks => format!("[[0, 60000], [{seconds}, 143157]]"),
        // Seen by whoever looks for it: a GiB more, a second after the library was opened.
        Kind::Loops => "[[0, 1024], [1, 1024], [1.0001, 2048]]".to_owned(),
        Kind::Matrices | Kind::Elements => "1024".to_owned(),
    };
    let mut text = AT_REST.to_owned();
    let _ = write!(
        text,
        "gpu_percent = {busy}\ntensor_percent = {tensor}\n\
         [[device.process]]\npid = {pid}\nsm_percent = {busy}\nmemory_mib = {memory}\n"
    );
    text
}

/// What `nvidia-smi` would say of the device at rest.
fn made_up(query: &str) -> Result<String> {
    let text = match query {
        "name" => "NVIDIA H200",
        "driver_version" => "580.159.03",
        "memory.total" => "143771",
        "memory.used" => "0",
        "memory.reserved" => "614",
        "temperature.gpu" => "30",
        "power.limit" => "700.00",
        "clocks.max.sm" => "1980",
        "clocks.mem" => "3201",
        "fan.speed" | "temperature.memory" => "[N/A]",
        "pcie.link.gen.current" => "5",
        "pcie.link.width.current" => "16",
        "ecc.errors.corrected.volatile.total" => "0",
        other => anyhow::bail!("the made-up nvidia-smi knows no {other}"),
    };
    Ok(text.to_owned())
}
