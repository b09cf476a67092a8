use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::*;

/// Every file below a folder with its bytes; links as what they point to.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("listed").path();
            let kind = fs::symlink_metadata(&path).expect("there").file_type();
            let below = path.strip_prefix(root).expect("below").to_path_buf();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink() {
                // What a process has open need not be a file of the tree.
                let is_open = path.parent().is_some_and(|folder| folder.ends_with("fd"));
                assert!(is_open || path.exists(), "{} hangs", path.display());
                let target = fs::read_link(&path).expect("a link");
                found.insert(below, target.into_os_string().into_encoded_bytes());
            } else {
                found.insert(below, fs::read(&path).expect("read"));
            }
        }
    }
    found
}

#[test]
fn a_machine_is_the_same_whenever_it_is_built() {
    for name in NAMES {
        let (once, over) = (Scratch::new(), Scratch::new());
        build(name, once.path(), 1).expect("built");
        // Writing over an earlier second leaves nothing of it behind.
        build(name, over.path(), 0).expect("built");
        build(name, over.path(), 1).expect("built");
        let (once, over) = (files(once.path()), files(over.path()));
        assert_eq!(once.keys().collect::<Vec<_>>(), over.keys().collect::<Vec<_>>(), "{name}");
        let different: Vec<_> = once.keys().filter(|path| once[*path] != over[*path]).collect();
        assert!(different.is_empty(), "{name}: {different:?}");
    }
}

#[test]
fn time_moves_the_counters() {
    for name in NAMES {
        let scratch = Scratch::new();
        let read = |path: &str| fs::read(scratch.path().join(path)).expect("read");
        build(name, scratch.path(), 0).expect("built");
        let before = ["proc/stat", "proc/net/dev", "proc/diskstats"].map(read);
        build(name, scratch.path(), 1).expect("built");
        let after = ["proc/stat", "proc/net/dev", "proc/diskstats"].map(read);
        assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{name}");
    }
}

#[test]
fn unknown_machines_are_refused_by_name() {
    let scratch = Scratch::new();
    let error = build("mainframe", scratch.path(), 0).expect_err("unknown");
    assert!(error.to_string().contains("epyc-256"), "{error}");
}

#[test]
fn a_stat_line_has_52_fields_and_adds_up_with_its_threads() {
    let scratch = Scratch::new();
    build("small-server", scratch.path(), 7).expect("built");
    let fields = |path: &str| -> Vec<String> {
        let text = fs::read_to_string(scratch.path().join(path)).expect("read");
        let (head, tail) = text.rsplit_once(") ").expect("a name");
        let tail = tail.split_ascii_whitespace().map(str::to_owned);
        head.split_once(" (")
            .map(|(pid, name)| vec![pid.to_owned(), name.to_owned()])
            .into_iter()
            .flatten()
            .chain(tail)
            .collect()
    };
    let ticks = |fields: &[String]| -> u64 {
        fields[13..15].iter().map(|field| field.parse::<u64>().expect("a number")).sum()
    };
    let leader = fields("proc/900/stat");
    assert_eq!((leader.len(), leader[1].as_str(), leader[2].as_str()), (52, "java", "R"));
    let threads: Vec<_> =
        (900..924).map(|id| ticks(&fields(&format!("proc/900/task/{id}/stat")))).collect();
    assert_eq!(threads.iter().sum::<u64>(), ticks(&leader));
    assert_eq!(fields("proc/2/stat").len(), 52);
}

#[test]
fn a_busy_cpu_is_as_busy_as_its_processes() {
    let total = |second| -> u64 {
        let scratch = Scratch::new();
        build("epyc-256", scratch.path(), second).expect("built");
        let text = fs::read_to_string(scratch.path().join("proc/stat")).expect("read");
        assert!(!text.contains("\ncpu77 "), "switched off");
        let line = text.lines().next().expect("a line");
        line.split_ascii_whitespace().skip(1).map(|n| n.parse::<u64>().expect("a number")).sum()
    };
    // Every CPU that is online passes 100 ticks a second, whatever it does.
    assert_eq!(total(2) - total(0), 2 * 255 * 100);
}

#[test]
fn many_processes_have_three_files_each() {
    let scratch = Scratch::new();
    many(scratch.path(), 300, 0).expect("built");
    many(scratch.path(), 300, 1).expect("built");
    for pid in [1, 150, 300] {
        for file in ["stat", "cmdline", "status"] {
            assert!(scratch.path().join(format!("proc/{pid}/{file}")).is_file(), "{pid}/{file}");
        }
    }
    assert!(!scratch.path().join("proc/301").exists());
}

#[test]
fn lists_join_neighbours() {
    for (numbers, text) in [(&[][..], ""), (&[0], "0"), (&[0, 1, 2, 5, 7, 8], "0-2,5,7-8")] {
        assert_eq!(spec::list(numbers.iter().copied()), text);
    }
}
