use retop_fake_machine::Scratch;

use super::*;
use crate::inspect::{Access, FileKind, MapKind, Space};

fn stat(pid: u32, start: u64) -> String {
    format!("{pid} (made) S 1 1 1 0 -1 4194304 0 0 0 0 1 1 0 0 20 0 1 0 {start} 1000 10\n")
}

fn made(pid: u32, start: u64) -> (Scratch, Roots) {
    let scratch = Scratch::new();
    scratch.tree().file(&format!("proc/{pid}/stat"), stat(pid, start)).expect("written");
    let roots = Roots::below(scratch.path());
    (scratch, roots)
}

#[test]
fn the_environment_is_sorted_defused_and_bounded() {
    type Case<'a> = (&'a [u8], &'a [(&'a str, &'a str)], bool);
    let cases: &[Case<'_>] = &[
        (b"", &[], false),
        (b"B=2\0A=1\0", &[("A", "1"), ("B", "2")], false),
        (b"A=a=b\0EMPTY=\0ODD\0=x", &[("", "x"), ("A", "a=b"), ("EMPTY", ""), ("ODD", "")], false),
        (
            b"T=\x1b]0;owned\x07\nline\0\xff\xfe=\xe2\x80\xae",
            &[("T", "?]0;owned??line"), ("??", "?")],
            false,
        ),
        (b"\0\0\0", &[], false),
    ];
    for (text, want, cut) in cases {
        let found = environment::parse(text);
        let shown: Vec<_> = found.variables.iter().map(|(n, v)| (n.shown(), v.shown())).collect();
        assert_eq!((shown.as_slice(), found.is_cut), (*want, *cut), "{text:?}");
    }
    let long = [b"L=".as_slice(), &vec![b'x'; 100_000]].concat();
    let found = environment::parse(&long);
    assert_eq!((found.variables[0].1.shown().len(), found.is_cut), (8192, true));
    let many = b"A=1\0".repeat(200_000);
    let found = environment::parse(&many);
    assert!(found.is_cut && found.variables.len() <= 65_536);
}

#[test]
fn limits_as_the_kernel_writes_them() {
    let text = b"Limit                     Soft Limit           Hard Limit           Units     \n\
        Max cpu time              unlimited            unlimited            seconds   \n\
        Max open files            1024                 524288               files     \n\
        Max nice priority         0                    0                    \n\
        Max \n  garbage\nMax realtime timeout      unlimited            x  us\n";
    let found = limits::parse(text);
    let shown: Vec<_> =
        found.iter().map(|l| (l.name.shown(), l.soft, l.hard, l.unit.shown())).collect();
    let want = [
        ("cpu time", None, None, "seconds"),
        ("open files", Some(1024), Some(524_288), "files"),
        ("nice priority", Some(0), Some(0), ""),
    ];
    assert_eq!(shown, want);
    assert_eq!(limits::parse(b""), []);
}

const SMAPS: &str = "\
55d0c0000000-55d0c0100000 r-xp 00000000 fd:01 123   /usr/bin/with space
Size:               1024 kB
Rss:                 512 kB
Pss:                 256 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
55d0c0100000-55d0c0140000 rw-p 00100000 fd:01 123   /usr/bin/with space
Rss:                 256 kB
Pss:                 256 kB
Swap:                  8 kB
55d0c2000000-55d0c2400000 rw-p 00000000 00:00 0     [heap]
Rss:                4096 kB
Pss:                4096 kB
Swap:                 64 kB
7f0000000000-7f0000200000 rw-p 00000000 00:00 0
Rss:                2048 kB
Pss:                2048 kB
Swap:                  0 kB
7f1000000000-7f1000100000 rw-s 00000000 00:05 7     /memfd:buffer (deleted)
Rss:                 128 kB
Pss:                  64 kB
Swap:                  0 kB
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0     [stack]
Rss:                  20 kB
Pss:                  20 kB
Swap:                  0 kB
7ffd00100000-7ffd00102000 r-xp 00000000 00:00 0     [vdso]
Rss:                   4 kB
Pss:                   0 kB
Swap:                  0 kB
";

#[test]
fn memory_is_summed_by_kind_and_by_name() {
    let maps = maps::parse(SMAPS.as_bytes());
    let kib = |rss: u64, pss: u64, swap: u64, pieces, size: u64| Space {
        pieces,
        virtual_bytes: size << 10,
        resident_bytes: Some(rss << 10),
        proportional_bytes: Some(pss << 10),
        swap_bytes: Some(swap << 10),
    };
    let want = [
        (MapKind::Heap, kib(4096, 4096, 64, 1, 4096)),
        (MapKind::Anonymous, kib(2048, 2048, 0, 1, 2048)),
        (MapKind::File, kib(768, 512, 8, 2, 1280)),
        (MapKind::Shared, kib(128, 64, 0, 1, 1024)),
        (MapKind::Stack, kib(20, 20, 0, 1, 132)),
        (MapKind::Kernel, kib(4, 0, 0, 1, 8)),
    ];
    assert_eq!(maps.kinds, want);
    assert_eq!(maps.all, kib(7064, 6740, 72, 7, 8588));
    assert_eq!(maps.largest[2].1.shown(), "/usr/bin/with space");
    assert_eq!(maps.largest.len(), 6);
    assert!(!maps.is_cut);
    // A kernel that tells ranges alone, and lines that are none.
    let bare =
        maps::parse(b"00400000-00500000 r-xp 00000000 fd:01 9 /bin/x\nRss: kB\n\x00\xff-\n-\n");
    assert_eq!((bare.all.virtual_bytes, bare.all.resident_bytes), (1 << 20, None));
    assert_eq!(maps::parse(b"ffff-0000 rw-p 0 0 0 \n").all.virtual_bytes, 0, "backwards");
}

#[test]
fn of_many_mappings_the_largest_are_listed() {
    let line = |n: u64| format!("{n:x}000-{:x}000 rw-p 0 0:0 9 /lib/{n}\nRss: {n} kB\n", n + 1);
    let text: String = (1..=5_000).map(line).collect();
    let maps = maps::parse(text.as_bytes());
    assert_eq!((maps.all.pieces, maps.largest.len()), (5_000, 20));
    assert_eq!(maps.largest[0].1.shown(), "/lib/5000");
}

#[test]
fn descriptors_are_told_by_their_links() {
    let (scratch, roots) = made(7, 70);
    let tree = scratch.tree();
    let links = [
        (0, "/dev/pts/3", "pos:\t0\nflags:\t0100002\n"),
        (1, "/var/log/app.log", "pos:\t4096\nflags:\t0102001\nmnt_id:\t1\n"),
        (2, "/tmp/gone (deleted)", "pos:\t9\nflags:\t0100000\n"),
        (3, "socket:[101]", "pos:\t0\nflags:\t02\n"),
        (4, "socket:[102]", ""),
        (5, "socket:[103]", ""),
        (6, "socket:[999]", ""),
        (7, "pipe:[55]", "flags:\t01\n"),
        (8, "anon_inode:[eventpoll]", ""),
        (9, "/memfd:x (deleted)", ""),
        (10, "/home/\x1b[31m\nname", "pos:\tnonsense\nflags:\t\n"),
        (255, "socket:[104]", ""),
    ];
    for (number, target, facts) in links {
        tree.link(&format!("proc/7/fd/{number}"), target).expect("linked");
        if !facts.is_empty() {
            tree.file(&format!("proc/7/fdinfo/{number}"), facts).expect("written");
        }
    }
    tree.file("proc/7/fd/not-a-number", "").expect("written");
    let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    let tcp = format!(
        "{head}   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 101 1 0\n   \
         1: 0400120A:C958 0512000A:1538 01 00000000:00000000 02:0000 00000000  1000 0 102 1\nbroken 1:2\n"
    );
    tree.file("proc/7/net/tcp", tcp).expect("written");
    let udp6 = format!(
        "{head} 9: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 103 2\n"
    );
    tree.file("proc/7/net/udp6", udp6).expect("written");
    let unix = "Num       RefCount Protocol Flags    Type St Inode Path\n\
        0000000000000000: 00000002 00000000 00010000 0001 01 104 /run/app socket\n";
    tree.file("proc/7/net/unix", unix).expect("written");
    let Ok(Found::Files(found)) = inspect(&roots, Key(7, 70), Part::Files) else { panic!("files") };
    assert_eq!(found.all, 12);
    let shown: Vec<_> = found
        .open
        .iter()
        .map(|f| (f.number, f.kind, f.target.shown(), f.position, f.access))
        .collect();
    use FileKind::{Deleted, Device, File, Kernel, Memory, Pipe, Socket};
    let (little, big) = (cfg!(target_endian = "little"), cfg!(target_endian = "big"));
    assert!(little != big);
    let listens = if little { "tcp 127.0.0.1:8080 listens" } else { "tcp 1.0.0.127:8080 listens" };
    let joined = if little {
        "tcp 10.18.0.4:51544 - 10.0.18.5:5432"
    } else {
        "tcp 4.0.18.10:51544 - 5.18.0.10:5432"
    };
    let name = if little { "udp [::1]:53" } else { "udp [::100:0]:53" };
    let want = [
        (0, Device, "/dev/pts/3", None, Some(Access::Both)),
        (1, File, "/var/log/app.log", Some(4096), Some(Access::Write)),
        (2, Deleted, "/tmp/gone (deleted)", Some(9), Some(Access::Read)),
        (3, Socket, listens, None, Some(Access::Both)),
        (4, Socket, joined, None, None),
        (5, Socket, name, None, None),
        (6, Socket, "socket:[999]", None, None),
        (7, Pipe, "pipe:[55]", None, Some(Access::Write)),
        (8, Kernel, "anon_inode:[eventpoll]", None, None),
        (9, Memory, "/memfd:x (deleted)", None, None),
        (10, File, "/home/?[31m?name", None, None),
        (255, Socket, "unix /run/app socket listens", None, None),
    ];
    assert_eq!(shown, want);
}

#[test]
fn descriptors_that_nobody_may_follow_are_no_empty_list() {
    let of = |kind: ErrorKind| io::Error::from(kind);
    let none = files::links(&[0, 1], |_| Err(of(ErrorKind::PermissionDenied)));
    let problem = refused(PathBuf::new(), &none.expect_err("denied"));
    assert!(problem.hint.is_some_and(|hint| hint.contains("root")));
    let closed = files::links(&[0, 1], |_| Err(of(ErrorKind::NotFound)));
    assert_eq!(closed.expect("nothing is open"), []);
    let some = files::links(&[0, 1], |number| match number {
        0 => Err(of(ErrorKind::PermissionDenied)),
        _ => Ok(PathBuf::from("/x")),
    });
    assert_eq!(some.expect("one of them"), [(1, PathBuf::from("/x"))]);
}

#[test]
fn who_is_gone_or_another_by_now_is_not_read() {
    let (scratch, roots) = made(7, 70);
    scratch.tree().file("proc/7/environ", "SECRET=1\0").expect("written");
    for key in [Key(7, 71), Key(8, 70), Key(u64::MAX, 0)] {
        for part in Part::ALL {
            let problem = inspect(&roots, key, part).expect_err("nobody");
            assert_eq!(problem.reason, "the process has ended");
        }
    }
    assert!(inspect(&roots, Key(7, 70), Part::Environment).is_ok());
    let problem = inspect(&roots, Key(7, 70), Part::Limits).expect_err("no such file");
    assert!(problem.reason.contains("proc/7/limits"), "{problem:?}");
}

#[test]
fn this_very_process_can_be_read() {
    let pid = std::process::id();
    let start = crate::linux::start_ticks(i32::try_from(pid).expect("pid")).expect("alive");
    let (roots, key) = (Roots::real(), Key(u64::from(pid), start));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let Ok(Found::Files(files)) = inspect(&roots, key, Part::Files) else { panic!("files") };
    assert!(files.open.len() >= 3 && files.all >= files.open.len());
    let listens = format!("tcp {address} listens");
    assert!(files.open.iter().any(|file| file.target.shown() == listens), "{listens}: {files:?}");
    let Ok(Found::Environment(found)) = inspect(&roots, key, Part::Environment) else {
        panic!("environment")
    };
    let path = std::env::vars().find(|(name, _)| name == "PATH").expect("a path").1;
    let read = found.variables.iter().find(|(name, _)| name.shown() == "PATH").expect("read");
    assert_eq!(read.1.shown(), path);
    let Ok(Found::Limits(limits)) = inspect(&roots, key, Part::Limits) else { panic!("limits") };
    assert!(limits.len() >= 15, "{limits:?}");
    let Ok(Found::Maps(maps)) = inspect(&roots, key, Part::Maps) else { panic!("maps") };
    assert!(maps.all.resident_bytes.is_some_and(|bytes| bytes > 1 << 20), "{maps:?}");
    assert!(maps.largest.len() > 5);
}
