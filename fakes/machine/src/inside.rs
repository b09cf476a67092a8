//! What can be seen of a process from close by: its environment, open files, limits and memory map.

use std::io;

use crate::spec::Process;
use crate::tree::Tree;

/// Writes it. Names with odd bytes in them go into values and paths as they are.
pub fn write(process: &Process, tree: &Tree) -> io::Result<()> {
    let folder = format!("proc/{}", process.pid);
    let name = process.name.as_slice();
    let variables: [&[u8]; 6] = [
        b"HOME=/var/lib/app\0LANG=C.UTF-8\0",
        b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\0",
        b"DATABASE_URL=postgres://app:hunter2@db3/app\0EMPTY=\0",
        b"SELF=",
        name,
        b"\0",
    ];
    tree.file(&format!("{folder}/environ"), variables.concat())?;
    tree.file(&format!("{folder}/limits"), LIMITS)?;
    tree.file(&format!("{folder}/smaps"), smaps(process))?;
    let log = [b"/var/log/", name, b".log"].concat();
    let log = String::from_utf8_lossy(&log).into_owned();
    for (number, (target, position, flags)) in [
        ("/dev/null", 0, "0100000"),
        (log.as_str(), 81_920, "0102001"),
        ("/tmp/cache (deleted)", 4_096, "0100002"),
        ("socket:[70101]", 0, "02"),
        ("socket:[70102]", 0, "02"),
        ("socket:[70103]", 0, "02"),
        ("pipe:[70104]", 0, "01"),
        ("anon_inode:[eventpoll]", 0, "02"),
    ]
    .into_iter()
    .enumerate()
    {
        tree.link(&format!("{folder}/fd/{number}"), target)?;
        let facts = format!("pos:\t{position}\nflags:\t{flags}\nmnt_id:\t15\n");
        tree.file(&format!("{folder}/fdinfo/{number}"), facts)?;
    }
    tree.file(&format!("{folder}/net/tcp"), TCP)?;
    tree.file(&format!("{folder}/net/unix"), UNIX)
}

const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units     \n\
Max cpu time              unlimited            unlimited            seconds   \n\
Max file size             unlimited            unlimited            bytes     \n\
Max data size             unlimited            unlimited            bytes     \n\
Max stack size            8388608              unlimited            bytes     \n\
Max core file size        0                    unlimited            bytes     \n\
Max resident set          unlimited            unlimited            bytes     \n\
Max processes             127000               127000               processes \n\
Max open files            1024                 524288               files     \n\
Max locked memory         8388608              8388608              bytes     \n\
Max address space         unlimited            unlimited            bytes     \n\
Max file locks            unlimited            unlimited            locks     \n\
Max pending signals       127000               127000               signals   \n\
Max msgqueue size         819200               819200               bytes     \n\
Max nice priority         0                    0                    \n\
Max realtime priority     0                    0                    \n\
Max realtime timeout      unlimited            unlimited            us        \n";

/// As little-endian machines write it.
const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 70101 1\n\
   1: 0400120A:C958 0512000A:1538 01 00000000:00000000 02:00000000 00000000     0        0 70102 2\n";

const UNIX: &str = "\
Num       RefCount Protocol Flags    Type St Inode Path\n\
0000000000000000: 00000002 00000000 00010000 0001 01 70103 /run/app/control\n";

/// A program, its heap, a library, memory shared and not, the stack and what the kernel lends.
fn smaps(process: &Process) -> Vec<u8> {
    let program = [b"/usr/bin/", process.name.as_slice()].concat();
    // A newline in a path is written as its octal number here.
    let program = String::from_utf8_lossy(&program).replace('\n', "\\012");
    let resident = process.rss_pages * 4;
    let mut text = String::new();
    let mut at = 0x5555_5555_4000_u64;
    for (permissions, name, tenths) in [
        ("r-xp", program.as_str(), 1),
        ("rw-p", program.as_str(), 0),
        ("rw-p", "[heap]", 4),
        ("rw-p", "", 3),
        ("r-xp", "/usr/lib/x86_64-linux-gnu/libc.so.6", 1),
        ("rw-s", "/memfd:frames (deleted)", 1),
        ("rw-p", "[stack]", 0),
        ("r-xp", "[vdso]", 0),
    ] {
        let kib = (resident * tenths / 10).max(4);
        let end = at + kib * 2 * 1024;
        let inode = if name.starts_with('/') { 4711 } else { 0 };
        text += &format!(
            "{at:x}-{end:x} {permissions} 00000000 fd:01 {inode} {name}\nSize: {} kB\nRss: {kib} kB\n\
             Pss: {} kB\nSwap: {} kB\nVmFlags: rd mr mw me\n",
            kib * 2,
            if name.starts_with("/usr/lib") { kib / 4 } else { kib },
            if name == "[heap]" { kib / 16 } else { 0 },
        );
        at = end + 0x10_0000;
    }
    text.into_bytes()
}
