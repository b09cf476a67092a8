//! The machine as a whole: names, uptime, load, limits.

use retop_model::family::host;
use retop_model::{FamilyId, Key, Text};

use super::file::{self, KeptFile};
use super::parse::{self, Fields};
use super::{processor, virtualization};
use crate::roots::Roots;
use crate::source::{Problem, Read, Source};

/// A step of the wall clock against the boot clock after which the kernel's boot time is read anew:
/// whole seconds, which is what it is given in, and no slewing.
const CLOCK_STEP_MS: i64 = 500;

/// The machine.
pub(crate) struct Host {
    roots: Roots,
    facts: Option<Facts>,
    hostname: KeptFile,
    uptime: KeptFile,
    loadavg: KeptFile,
    file_nr: KeptFile,
    pid_max: KeptFile,
    text: Vec<u8>,
    name: Option<Text>,
    boot: Option<Boot>,
}

/// What stays until the next boot.
struct Facts {
    os: Option<Text>,
    kernel: Option<Text>,
    architecture: Option<Text>,
    cpu_model: Option<Text>,
    boot_id: Option<Text>,
    virtualization: Option<Text>,
}

/// The boot time as the kernel told it, and how far the wall clock led the boot clock then.
struct Boot {
    time_ms: Option<u64>,
    lead_ms: i64,
}

impl Host {
    pub(crate) fn new(roots: &Roots) -> Host {
        let file = |path: &str| KeptFile::whole(roots.proc.join(path));
        Host {
            facts: None,
            hostname: file("sys/kernel/hostname"),
            uptime: file("uptime"),
            loadavg: file("loadavg"),
            file_nr: file("sys/fs/file-nr"),
            pid_max: file("sys/kernel/pid_max"),
            text: Vec::new(),
            name: None,
            boot: None,
            roots: roots.clone(),
        }
    }

    /// The name can be changed while the machine runs; its text is kept while it is not.
    fn refresh_name(&mut self) {
        let name = self.hostname.read(&mut self.text).map_or(&b""[..], <[u8]>::trim_ascii);
        if self.name.as_ref().is_none_or(|known| known.raw() != name) {
            self.name = (!name.is_empty()).then(|| Text::new(name));
        }
    }

    /// When the machine was booted, in milliseconds since 1970.
    ///
    /// The kernel's own number: wall clock less uptime would differ by a few milliseconds at each
    /// read, and a boot time that changes means a boot. It stands in `/proc/stat`, a dear file, and
    /// moves only when somebody sets the wall clock.
    fn boot_time_ms(&mut self, read: &Read<'_>) -> Option<u64> {
        let now = read.clock().now();
        let boottime_ms = i64::try_from(now.boottime_ns / 1_000_000).unwrap_or(i64::MAX);
        let lead_ms = now.wall_ms.saturating_sub(boottime_ms);
        match &self.boot {
            Some(boot) if boot.lead_ms.abs_diff(lead_ms) < CLOCK_STEP_MS.unsigned_abs() => {
                boot.time_ms
            }
            _ => {
                let mut stat = KeptFile::whole(self.roots.proc.join("stat"));
                let time_ms = stat.read(&mut self.text).ok().and_then(boot_time_ms);
                self.boot = Some(Boot { time_ms, lead_ms });
                time_ms
            }
        }
    }
}

impl Source for Host {
    fn name(&self) -> &'static str {
        "host"
    }

    fn feeds(&self) -> &'static [FamilyId] {
        &[FamilyId::Host]
    }

    fn read(&mut self, read: &mut Read<'_>) -> Result<(), Problem> {
        if !read.demand().wants(FamilyId::Host) {
            return Err(Problem::unasked());
        }
        let begin = read.now_ns();
        let boot_time_ms = self.boot_time_ms(read);
        self.refresh_name();
        let facts = self.facts.get_or_insert_with(|| Facts::read(&self.roots));
        let mut table = read.table(FamilyId::Host);
        let mut row = table.push(Key::ONE);
        row.text_if(host::name, self.name.clone())
            .text_if(host::os, facts.os.clone())
            .text_if(host::kernel, facts.kernel.clone())
            .text_if(host::architecture, facts.architecture.clone())
            .text_if(host::cpu_model, facts.cpu_model.clone())
            .text_if(host::boot_id, facts.boot_id.clone())
            .text_if(host::virtualization, facts.virtualization.clone())
            .set(host::boot_time_seconds, boot_time_ms);
        if let Ok(text) = self.file_nr.read(&mut self.text) {
            let mut fields = Fields::new(text);
            let handles = (fields.number(), fields.number(), fields.number());
            // The middle one, handles allocated and not used, is 0 since Linux 2.6.
            row.set(host::file_handles, handles.0).set(host::file_handles_limit, handles.2);
        }
        if let Ok(text) = self.pid_max.read(&mut self.text) {
            row.set(host::pid_limit, Fields::new(text).number());
        }
        if let Ok(text) = self.loadavg.read(&mut self.text) {
            let mut loads = Fields::new(text).map(|load| parse::fixed(load, 2));
            for field in [host::load_1m, host::load_5m, host::load_15m] {
                row.set(field, loads.next().flatten());
            }
        }
        // Last, for its problem is the source's.
        let uptime = self.uptime.text(&mut self.text);
        let uptime_ms = uptime.map(|text| parse::fixed(Fields::new(text).next()?, 3));
        if let Ok(uptime_ms) = &uptime_ms {
            row.set(host::uptime_seconds, *uptime_ms);
        }
        read.give(table, begin);
        match uptime_ms {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(self.uptime.without("uptime")),
            Err(problem) => Err(problem),
        }
    }
}

impl Facts {
    fn read(roots: &Roots) -> Facts {
        let text = |path: &str| {
            let bytes = file::short(&roots.proc.join(path)).ok()?;
            (!bytes.is_empty()).then(|| Text::new(&bytes))
        };
        let kernel = text("sys/kernel/osrelease");
        let mut buffer = Vec::new();
        // One read: on x86 that is a page with the first CPUs, and not the clocks of them all.
        let mut cpuinfo = KeptFile::whole(roots.proc.join("cpuinfo"));
        let cpuinfo = cpuinfo.read(&mut buffer).unwrap_or(&[]);
        let release = kernel.as_ref().map_or(&b""[..], Text::raw);
        Facts {
            os: os(roots),
            architecture: text("sys/kernel/arch").or_else(|| architecture(roots)),
            cpu_model: processor::model(cpuinfo, &roots.proc).map(|name| Text::new(&name)),
            boot_id: text("sys/kernel/random/boot_id"),
            virtualization: virtualization::found(roots, cpuinfo, release).map(Text::from),
            kernel,
        }
    }
}

/// Before Linux 6.1 no file tells the architecture.
fn architecture(roots: &Roots) -> Option<Text> {
    if !roots.is_real() {
        return None;
    }
    // SAFETY: all zeros is a value of this struct of byte arrays.
    let mut names: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: the call fills the struct it is given.
    if unsafe { libc::uname(&mut names) } != 0 {
        return None;
    }
    let machine = names.machine.map(|byte| u8::from_ne_bytes(byte.to_ne_bytes()));
    let end = machine.iter().position(|&byte| byte == 0)?;
    Some(Text::new(machine.get(..end)?))
}

fn os(roots: &Roots) -> Option<Text> {
    let text = file::short(&roots.etc.join("os-release"))
        .or_else(|_| file::short(&roots.base.join("usr/lib/os-release")))
        .ok()?;
    let value = |key: &[u8]| parse::lines(&text).find_map(|line| shell_value(line, key));
    value(b"PRETTY_NAME").or_else(|| value(b"NAME")).map(|name| Text::new(&name))
}

/// The value of `KEY=value` as a shell would read it; `None` for another key and for no value.
fn shell_value(line: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let value = line.strip_prefix(key)?.strip_prefix(b"=")?.trim_ascii();
    let value = match value {
        [quote @ (b'"' | b'\''), inner @ .., last] if quote == last => inner,
        other => other,
    };
    let mut plain = Vec::with_capacity(value.len());
    let mut bytes = value.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => plain.extend(bytes.next()),
            other => plain.push(other),
        }
    }
    (!plain.is_empty()).then_some(plain)
}

fn boot_time_ms(stat: &[u8]) -> Option<u64> {
    // From the back: the lines in front of it are the long ones.
    let line = parse::lines(stat).rev().find_map(|line| line.strip_prefix(b"btime "))?;
    parse::decimal(line.trim_ascii())?.checked_mul(1000)
}

#[cfg(test)]
mod tests {
    use retop_model::family::source::{ABSENT, FAILING};

    use super::*;
    use crate::linux::tree::{Bench, Tree, read_once};

    fn machine() -> Tree {
        Tree::new(&[
            ("proc/sys/kernel/hostname", "box\n"),
            ("proc/sys/kernel/osrelease", "6.18.0\n"),
            ("proc/sys/kernel/arch", "riscv64\n"),
            ("proc/sys/kernel/pid_max", "4194304\n"),
            ("proc/sys/kernel/random/boot_id", "0c8a-1\n"),
            ("proc/sys/fs/file-nr", "1024\t0\t9223372036854775807\n"),
            ("proc/uptime", "3600.25 7000.00\n"),
            ("proc/loadavg", "0.50 1.25 12.00 2/345 6789\n"),
            ("proc/stat", "cpu 1 2 3 4\nbtime 1700000000\nprocesses 1\n"),
            ("proc/cpuinfo", "model name\t: A \u{1b}[31mCPU\n"),
            ("etc/os-release", "NAME=x\nPRETTY_NAME=\"Some \\\"OS\\\" 1\"\n"),
        ])
    }

    #[test]
    fn a_machine_says_who_it_is() {
        let taken = read_once(&mut Host::new(&machine().roots()));
        assert_eq!(taken.result, Ok(()));
        let row = taken.snapshot.row(FamilyId::Host, 0).unwrap();
        let texts = [host::name, host::os, host::kernel, host::architecture, host::boot_id];
        assert_eq!(
            texts.map(|text| row.shown(text)),
            ["box", "Some \"OS\" 1", "6.18.0", "riscv64", "0c8a-1"]
        );
        assert_eq!(row.shown(host::cpu_model), "A ?[31mCPU");
        assert!(row.text(host::virtualization).is_none());
        for (field, value) in [
            (host::boot_time_seconds, 1.7e9),
            (host::uptime_seconds, 3600.25),
            (host::load_1m, 0.5),
            (host::load_15m, 12.0),
            (host::file_handles, 1024.0),
            (host::file_handles_limit, i64::MAX as f64),
            (host::pid_limit, 4194304.0),
        ] {
            assert_eq!(row.get(field), Some(value), "{}", field.name());
        }
    }

    #[test]
    fn a_new_name_is_seen_and_an_old_one_kept() {
        let tree = machine();
        let (mut source, mut bench) = (Host::new(&tree.roots()), Bench::new());
        let name = |snapshot: &retop_model::Snapshot| snapshot.one_text(host::name).cloned();
        let first = name(&bench.read(&mut source).snapshot).unwrap();
        let second = name(&bench.read(&mut source).snapshot).unwrap();
        assert!(first.same(&second));
        tree.write("proc/sys/kernel/hostname", "other\n");
        assert_eq!(name(&bench.read(&mut source).snapshot), Some(Text::from("other")));
    }

    #[test]
    fn an_empty_machine_is_a_problem_and_no_panic() {
        let taken = read_once(&mut Host::new(&Tree::new(&[]).roots()));
        assert_eq!(taken.result.unwrap_err().state, ABSENT);
        let row = taken.snapshot.row(FamilyId::Host, 0).unwrap();
        assert!(FamilyId::Host.get().fields().all(|field| row.get(field).is_none()));
        let tree = Tree::new(&[
            ("proc/uptime", "soon"),
            ("proc/loadavg", "x 1.0"),
            ("proc/sys/fs/file-nr", "1"),
            ("etc/os-release", "PRETTY_NAME=\"\"\nNAME=\\"),
        ]);
        let taken = read_once(&mut Host::new(&tree.roots()));
        assert_eq!(taken.result.unwrap_err().state, FAILING);
        assert_eq!(taken.snapshot.one(host::load_1m), None);
        assert_eq!(taken.snapshot.one(host::load_5m), Some(1.0));
        assert!(taken.snapshot.one_text(host::os).is_none());
    }

    #[test]
    fn shell_values() {
        for (line, wanted) in [
            ("K=plain", Some("plain")),
            ("K='single'", Some("single")),
            ("K=\"a \\$b\"", Some("a $b")),
            ("K=\"", Some("\"")),
            ("K=", None),
            ("KK=x", None),
        ] {
            let found = shell_value(line.as_bytes(), b"K");
            assert_eq!(found.as_deref(), wanted.map(str::as_bytes), "{line}");
        }
    }

    #[test]
    fn this_machine_is_up() {
        let taken = read_once(&mut Host::new(&Roots::real()));
        let row = taken.snapshot.row(FamilyId::Host, 0).unwrap();
        assert_eq!(row.shown(host::architecture), std::env::consts::ARCH);
        assert!(row.get(host::uptime_seconds) > Some(0.0));
        assert!(row.text(host::kernel).is_some() && row.text(host::boot_id).is_some());
    }
}
