//! A machine that says what no machine should: names that attack terminals, lines cut short,
//! numbers beyond every type, counters that go back.

use std::io;

use crate::cgroup::{self, Group};
use crate::gpu;
use crate::host;
use crate::process;
use crate::sensor;
use crate::spec::{Process, Spec};
use crate::tree::Tree;

use super::small_server;

const GROUPS: &[Group] = &[
    Group::new("", 5_000, 0, 0),
    Group::new("/evil\n\x1b[2J", 5_000, 1 << 20, 1),
    Group::new("/\u{202e}gpj.service", 5_000, 1 << 20, 1),
];

/// Names of processes; their commands say the same.
const NAMES: &[&[u8]] = &[
    b"new\nline",
    b"a) R 1 1 1 (b",
    b"))))((((",
    b"\x1b[2J\x1b]0;owned\x07",
    b"\xff\xfe\xfd",
    b"",
    b" ",
    "\u{202e}txt.exe".as_bytes(),
    "e\u{301}\u{200b}".as_bytes(),
    b"back\\slash",
    b"\xe6\x97",
];

/// From second 1 on every counter starts again from a low number.
fn spec(second: u64) -> Spec {
    let mut spec = small_server::spec(second);
    if second > 0 {
        spec.host.uptime = 100;
        for process in &mut spec.processes {
            process.used = 0;
        }
    }
    for (pid, name) in (3_000..).zip(NAMES) {
        let mut process = Process::new(pid, 1, "evil").of(0, "/evil\n\x1b[2J");
        process.name = name.to_vec();
        process.command = [name, b"\0--flag\0\0".as_slice(), name].concat();
        spec.processes.push(process);
    }
    spec
}

pub fn write(tree: &Tree, second: u64) -> io::Result<()> {
    let spec = spec(second).settle();
    spec.write(tree)?;
    // Time itself does not go back.
    host::write(&small_server::spec(second), tree)?;
    cgroup::write(tree, "sys/fs/cgroup", GROUPS, spec.now(), "8:0", false)?;
    files(tree)?;
    processes(&spec, tree)?;
    devices(tree)
}

/// Adds lines that make no sense to files that do.
fn files(tree: &Tree) -> io::Result<()> {
    let extend = |path: &str, tail: &[u8]| {
        let good = std::fs::read(tree.root().join(path))?;
        tree.file(path, [&good, tail].concat())
    };
    extend(
        "proc/meminfo",
        b"Nonsense\nDirty: lots kB\nShmem:\nMapped: 99999999999999999999999 kB\n\
          : 5 kB\n\xff\xff: 1 kB\n\0",
    )?;
    extend(
        "proc/stat",
        b"cpu\ncpu99999999999999999999 1 2 3 4\ncpu2 -1 x 3\ncpuX 1 1 1 1\nctxt\nbtime soon\n\
          processes 18446744073709551616\nintr",
    )?;
    extend(
        "proc/diskstats",
        b"   8\n 8 32 sdc\n 8 48 sdd 1 2 3\nx y sde 1 1 1 1 1 1 1 1 1 1 1\n\
          8 64 sd\x1b[31mf 18446744073709551615 1 99999999999999999999 1 1 1 1 1 1 1 1\n",
    )?;
    extend(
        "proc/net/dev",
        b"  eth1: 1 2 3\n no colon here\n e\x1b[5mth2: 18446744073709551615 1 1 1 1 1 1 1 \
          99999999999999999999 1 1 1 1 1 1 1\n:\n",
    )?;
    extend("proc/vmstat", b"pswpin\npswpout many\noom_kill -3\n\xff 1\n")?;
    extend("proc/interrupts", b" 99: \nxx\n  7:          x          y\n")?;
    extend(
        "proc/mounts",
        b"/dev/sdz\\040x /mnt/a\\012b\\134 ext4 rw 0 0\nshort\n\x1b[2J /mnt/\x1b[2J xfs rw 0 0\n",
    )?;
    extend(
        "proc/self/mountinfo",
        b"99\n98 1 0:1 / /x rw - \n97 1 0:1 / relative rw - cgroup2 x rw\n",
    )?;
    for (path, text) in [
        ("proc/loadavg", b"lots of load\n".as_slice()),
        ("proc/pressure/cpu", b"some avg10=NaN avg60= total=\nfull"),
        ("proc/pressure/memory", b"some avg10=0.00 avg60=0.00 avg300=0.00 total=-5\n"),
        ("proc/pressure/io", b""),
        ("proc/net/snmp", b"Tcp: A B C\nTcp: 1 2\nUdp: X\nTcp: 5\n"),
        ("proc/net/netstat", b"TcpExt: ListenDrops\nIpExt: 1\n"),
        ("proc/sys/fs/file-nr", b"1 2\n"),
        ("proc/sys/kernel/hostname", b"host\x1b[31m\n"),
        ("proc/cpuinfo", b"model name\t: \x1b[1mCPU\xff\nprocessor\nprocessor\t: -1\n"),
        ("sys/devices/system/cpu/online", b"0-3,5-2,x,4294967295,0-4294967295\n"),
        ("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", b"<unsupported>\n"),
        ("etc/passwd", b"root\n:x:0:\nevil\x1b[2J:x:1000:1000::/:\nx:x:99999999999:1:::\n\xff\n"),
        ("etc/os-release", b"PRETTY_NAME=\"unclosed\nNAME\n=\n"),
    ] {
        tree.file(path, text)?;
    }
    Ok(())
}

/// Folders that are none of a process, and processes that are half there.
fn processes(spec: &Spec, tree: &Tree) -> io::Result<()> {
    for name in ["0", "12x", "99999999999999999999", "-5", "\u{0661}"] {
        tree.folder(&format!("proc/{name}"))?;
    }
    let whole = process::stat(&Process::new(3_103, 1, "cut"), 3_103, 1, (5, 5));
    let half = whole.get(..whole.len() / 2).unwrap_or(&whole);
    for (pid, stat) in [
        (3_100, b"".as_slice()),
        (3_101, b"3101 (short) S 1"),
        (3_102, b"3102 no parentheses S 1 1 1"),
        (3_103, half),
        (3_104, b"3104 ("),
        (
            3_105,
            b"3105 (huge) S 99999999999999999999 -1 -1 0 0 0 99999999999999999999 x 0 0 \
                  18446744073709551615 18446744073709551615 0 0 20 0 1 0 18446744073709551615 \
                  18446744073709551615 18446744073709551615 0\n",
        ),
        (3_106, b"4000000000 (liar) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 500 1 1 0\n"),
        (3_107, b") ( S 1\n"),
    ] {
        tree.file(&format!("proc/{pid}/stat"), stat)?;
    }
    // A process that ended between the listing and the read.
    tree.folder("proc/3108")?;
    for (path, text) in [
        (
            "proc/3000/status",
            b"Name:\tx\nUid:\t-1\nVmRSS:\tmany kB\nThreads:\nvoluntary_ctxt".as_slice(),
        ),
        ("proc/3000/statm", b"1 2"),
        ("proc/3000/io", b"rchar: x\nread_bytes\nwrite_bytes: 18446744073709551615\n"),
        ("proc/3001/cgroup", b"no colons\n::\n0::relative\n"),
        ("proc/3002/cmdline", &[b'A'; 200_000]),
    ] {
        tree.file(path, text)?;
    }
    debug_assert!(spec.processes.iter().any(|process| process.pid == 3_002));
    Ok(())
}

fn devices(tree: &Tree) -> io::Result<()> {
    let values = [
        ("name", "evil\x1b[2Jchip"),
        ("temp1_input", "hot"),
        ("temp2_input", "99999999999999999999"),
        ("temp3_input", "-400000"),
        ("temp4_input", "42000"),
        ("temp4_label", "\x1b[31mred\nline"),
        ("temp4_crit", "-1"),
        ("tempfoo_input", "1"),
        ("temp_input", "1"),
        ("_input", "1"),
        ("power1_input", "-5"),
        ("energy1_input", "9223372036854775807"),
    ];
    sensor::chip(tree, 0, "platform/evil.0", &values)?;
    let battery = [
        ("type", "Battery"),
        ("status", "\x1b[31m"),
        ("energy_now", "9223372036854775807"),
        ("energy_full", "-1"),
        ("power_now", "-9223372036854775808"),
        ("model_name", "\u{202e}live"),
    ];
    tree.attributes("sys/class/power_supply/BAT0", &battery)?;
    tree.attributes(
        "sys/class/powercap/intel-rapl:0",
        &[("name", "package-0"), ("energy_uj", "-")],
    )?;
    tree.attributes("sys/class/thermal/thermal_zone0", &[("type", "z\x1bz"), ("temp", "")])?;
    graphics(tree)
}

/// A driver whose counters go back, whose table is cut short and whose clients lie.
fn graphics(tree: &Tree) -> io::Result<()> {
    let folder = "pci0000:00/0000:00:01.0/0000:66:00.0";
    let identity = "PCI_ID=1002:\x1b[2J\nPCI_SLOT_NAME=0000:66:00.0\nOF_COMPATIBLE_0=evil\x1b[2J";
    let attributes = [
        ("gpu_busy_percent", "4294967295"),
        ("mem_info_vram_total", "1048576"),
        ("mem_info_vram_used", "18446744073709551615"),
        ("mem_info_gtt_total", "-1"),
        ("pp_dpm_sclk", "0: 99999999999999999999Mhz *\n\x1b[2J"),
        ("current_link_speed", "\x1b[31m"),
    ];
    gpu::device(tree, folder, "amdgpu", identity, &["card0", "renderD128"], &attributes)?;
    tree.file(&format!("sys/devices/{folder}/gpu_metrics"), [255, 255, 1, 3, 7])?;
    for (pid, number, told) in [
        (3_000, 21, "drm-driver:\tamdgpu\ndrm-client-id:\t1\ndrm-resident-vram:\t999 MiB\n"),
        (3_001, 21, "drm-driver:\t\x1b[2J\ndrm-client-id:\t1\ndrm-engine-\x1b[2J:\t5 ns\n"),
        (3_002, 21, "drm-driver:\nnonsense\n\0\n"),
        (3_003, 21, "drm-driver:\tamdgpu\ndrm-engine-gfx:\t18446744073709551615 ns\n"),
    ] {
        gpu::client(tree, pid, number, "renderD128", told)?;
    }
    Ok(())
}
