//! The files of processes.

use std::collections::HashSet;
use std::fs;
use std::io;

use crate::inside;
use crate::spec::{Process, Spec};
use crate::tree::Tree;

/// PF_KTHREAD and PF_FORKNOEXEC as the kernel's `sched.h` numbers them.
const KERNEL_FLAGS: u32 = 0x0020_0040;
const USER_FLAGS: u32 = 0x0040_0000;

/// Processes with several threads that have folders of them, and all else that can be seen from
/// close by.
const THREADED: usize = 3;

impl Process {
    /// A program that does nothing much.
    pub fn new(pid: u32, parent: u32, name: &str) -> Process {
        Process {
            pid,
            parent,
            name: name.into(),
            command: format!("/usr/bin/{name}\0").into(),
            state: 'S',
            is_kernel: false,
            user_id: 0,
            threads: 1,
            user: 0,
            system: 0,
            used: u64::from(pid % 97) * 3,
            start: 200 + u64::from(pid) * 7,
            rss_pages: 900 + u64::from(pid % 31) * 64,
            size_bytes: 20_000_000 + u64::from(pid % 13) * 1_000_000,
            read_bytes: 0,
            written_bytes: 0,
            nice: 0,
            last_cpu: pid,
            terminal: 0,
            cgroup: "/".to_owned(),
        }
    }

    /// A thread of the kernel.
    pub fn kernel(pid: u32, name: &str) -> Process {
        Process {
            command: Vec::new(),
            is_kernel: true,
            state: if pid.is_multiple_of(2) { 'I' } else { 'S' },
            rss_pages: 0,
            size_bytes: 0,
            ..Process::new(pid, if pid == 2 { 0 } else { 2 }, name)
        }
    }

    /// With arguments, blanks between them.
    pub fn command(mut self, command: &str) -> Process {
        self.command = (command.replace(' ', "\0") + "\0").into();
        self
    }

    /// With CPU time in ticks a second.
    pub fn load(mut self, user: u64, system: u64) -> Process {
        (self.user, self.system) = (user, system);
        self
    }

    /// Of a user, in a control group.
    pub fn of(mut self, user_id: u32, cgroup: &str) -> Process {
        (self.user_id, self.cgroup) = (user_id, cgroup.to_owned());
        self
    }

    /// With threads and resident MiB.
    pub fn size(mut self, threads: u32, resident_mib: u64) -> Process {
        (self.threads, self.rss_pages) = (threads, resident_mib * 256);
        self.size_bytes = resident_mib * 4 * 1_048_576 + 50_000_000;
        self
    }

    /// With bytes read and written a second.
    pub fn io(mut self, read: u64, written: u64) -> Process {
        (self.read_bytes, self.written_bytes) = (read, written);
        self
    }
}

pub fn write(spec: &Spec, tree: &Tree) -> io::Result<()> {
    end_others(spec, tree)?;
    // The first few, and the one with most to do.
    let threaded = spec.processes.iter().filter(|process| process.threads > 1);
    let busiest = threaded.clone().max_by_key(|process| process.user + process.system);
    let close: HashSet<u32> =
        threaded.take(THREADED).chain(busiest).map(|process| process.pid).collect();
    for process in &spec.processes {
        files(process, spec, tree)?;
        if close.contains(&process.pid) {
            tasks(process, spec, tree)?;
            inside::write(process, tree)?;
        }
    }
    Ok(())
}

/// Removes the processes that are there from an earlier second and not alive now.
fn end_others(spec: &Spec, tree: &Tree) -> io::Result<()> {
    let alive: HashSet<String> = spec.processes.iter().map(|p| p.pid.to_string()).collect();
    let Ok(entries) = fs::read_dir(tree.root().join("proc")) else { return Ok(()) };
    for entry in entries {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if name.parse::<u32>().is_ok() && !alive.contains(&name) {
            tree.remove(&format!("proc/{name}"))?;
        }
    }
    Ok(())
}

/// Ticks used by now.
pub fn used(process: &Process, second: u64) -> (u64, u64) {
    (process.used + process.user * second, process.used / 3 + process.system * second)
}

/// The 52 fields of `stat`.
pub fn stat(process: &Process, id: u32, threads: u32, (user, system): (u64, u64)) -> Vec<u8> {
    let flags = if process.is_kernel { KERNEL_FLAGS } else { USER_FLAGS };
    let group = if process.is_kernel { 0 } else { process.pid };
    let (text, stack) =
        if process.is_kernel { (0, 0) } else { (0x5555_5555_4000_u64, 0x7ffd_0000_u64) };
    let minor = user * 12 + 300;
    let tail = format!(
        ") {} {} {group} {group} {} -1 {flags} {minor} 0 {} 0 {user} {system} 0 0 {} {} {threads} 0 \
         {} {} {} 18446744073709551615 {text} {} {stack} 0 0 0 0 4096 81920 0 0 0 {} {} 0 0 {} 0 0 \
         {} {} {} {stack} {stack} {stack} {stack} 0\n",
        process.state,
        process.parent,
        process.terminal,
        user / 50,
        20 + process.nice,
        process.nice,
        process.start,
        process.size_bytes,
        process.rss_pages,
        text + 0x4000 * u64::from(!process.is_kernel),
        if id == process.pid { 17 } else { -1 },
        process.last_cpu,
        system / 10,
        text,
        text,
        text,
    );
    [format!("{id} (").as_bytes(), &process.name, tail.as_bytes()].concat()
}

/// `status` with the lines that anybody reads.
pub fn status(process: &Process, now: u64) -> Vec<u8> {
    // The kernel escapes newlines and backslashes here, and here alone.
    let escape = |&byte: &u8| match byte {
        b'\n' => b"\\n".to_vec(),
        b'\\' => b"\\\\".to_vec(),
        other => vec![other],
    };
    let name: Vec<u8> = process.name.iter().flat_map(escape).collect();
    let (pid, uid, kib) = (process.pid, process.user_id, process.rss_pages * 4);
    let mut text = format!(
        "\nUmask:\t0022\nState:\t{} (made up)\nTgid:\t{pid}\nNgid:\t0\nPid:\t{pid}\nPPid:\t{}\n\
         TracerPid:\t0\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{uid}\t{uid}\t{uid}\t{uid}\n\
         FDSize:\t64\nNSpid:\t{pid}\n",
        process.state, process.parent,
    );
    if !process.is_kernel {
        text += &format!(
            "VmPeak:\t{0:>8} kB\nVmSize:\t{0:>8} kB\nVmHWM:\t{1:>8} kB\nVmRSS:\t{kib:>8} kB\n\
             RssAnon:\t{2:>8} kB\nRssFile:\t{3:>8} kB\nRssShmem:\t{4:>8} kB\nVmSwap:\t{5:>8} kB\n",
            process.size_bytes / 1024,
            kib + 512,
            kib * 7 / 10,
            kib * 2 / 10,
            kib - kib * 7 / 10 - kib * 2 / 10,
            u64::from(pid % 5) * 128,
        );
    }
    text += &format!(
        "Threads:\t{}\nCpus_allowed_list:\t0-255\nvoluntary_ctxt_switches:\t{}\n\
         nonvoluntary_ctxt_switches:\t{}\n",
        process.threads,
        now * (2 + u64::from(pid % 9)),
        now / 5 + process.user,
    );
    [b"Name:\t".as_slice(), &name, text.as_bytes()].concat()
}

fn statm(process: &Process) -> String {
    let rss = process.rss_pages;
    format!("{} {rss} {} 120 0 {} 0\n", process.size_bytes / 4096, rss * 3 / 10, rss * 2)
}

fn files(process: &Process, spec: &Spec, tree: &Tree) -> io::Result<()> {
    let folder = format!("proc/{}", process.pid);
    let times = used(process, spec.second);
    tree.file(&format!("{folder}/stat"), stat(process, process.pid, process.threads, times))?;
    tree.file(&format!("{folder}/statm"), statm(process))?;
    tree.file(&format!("{folder}/status"), status(process, spec.now()))?;
    tree.file(&format!("{folder}/cmdline"), &process.command)?;
    tree.file(&format!("{folder}/comm"), [&process.name, b"\n".as_slice()].concat())?;
    tree.file(&format!("{folder}/cgroup"), memberships(spec.cgroup_v1, &process.cgroup))?;
    tree.file(&format!("{folder}/io"), io_counters(process, spec.second))?;
    let (run, wait) = ((times.0 + times.1) * 10_000_000, times.1 * 1_000_000);
    tree.file(&format!("{folder}/schedstat"), format!("{run} {wait} {}\n", spec.now() * 5))
}

/// The group in each hierarchy of version 1, or in that of version 2.
pub fn memberships(version_1: &[&str], path: &str) -> String {
    if version_1.is_empty() {
        return format!("0::{path}\n");
    }
    let line = |(number, controllers)| {
        format!(
            "{}:{controllers}:{path}
",
            number + 1
        )
    };
    version_1.iter().enumerate().rev().map(line).collect()
}

fn io_counters(process: &Process, second: u64) -> String {
    let (read, written) = (process.read_bytes * second, process.written_bytes * second);
    let past = process.used * 4_096;
    format!(
        "rchar: {}\nwchar: {}\nsyscr: {}\nsyscw: {}\nread_bytes: {}\nwrite_bytes: {}\n\
         cancelled_write_bytes: 0\n",
        past + read * 2,
        past + written,
        second * 10,
        second * 8,
        past + read,
        past + written,
    )
}

/// The leader does what is left over when the others share equally.
fn tasks(process: &Process, spec: &Spec, tree: &Tree) -> io::Result<()> {
    let (user, system) = used(process, spec.second);
    let threads = u64::from(process.threads);
    let others = (user / (2 * threads), system / (2 * threads));
    let leader = (user - others.0 * (threads - 1), system - others.1 * (threads - 1));
    for number in 0..process.threads {
        let id = process.pid + number;
        let times = if number == 0 { leader } else { others };
        let mut thread = process.clone();
        if number > 0 {
            thread.name = format!("worker-{number}").into();
        }
        let folder = format!("proc/{}/task/{id}", process.pid);
        tree.file(&format!("{folder}/stat"), stat(&thread, id, process.threads, times))?;
        tree.file(&format!("{folder}/comm"), [&thread.name, b"\n".as_slice()].concat())?;
    }
    Ok(())
}
