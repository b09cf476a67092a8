use retop_fake_machine::{Scratch, Tree};
use retop_model::family::source::{ABSENT, FAILING};

use super::*;
use crate::linux::trial::Trial;

const MOUNT: &str = "38 31 0:35 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
const V1: &str = "33 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

fn mounted(mountinfo: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.tree().file("proc/self/mountinfo", mountinfo).expect("written");
    scratch
}

fn group(tree: &Tree, path: &str, files: &[(&str, &str)]) {
    let folder = format!("sys/fs/cgroup{path}");
    tree.attributes(&folder, &[("cgroup.controllers", "cpu io memory pids")]).expect("written");
    tree.attributes(&folder, files).expect("written");
}

fn trial(scratch: &Scratch) -> Trial<Cgroups> {
    Trial::new(Cgroups::new(&Roots::below(scratch.path())))
}

#[test]
fn every_column_has_its_file() {
    let scratch = mounted(MOUNT);
    let tree = scratch.tree();
    group(tree, "", &[("cpu.stat", "usage_usec 9000000")]);
    let stat = |usage: u64, throttled: u64| {
        format!(
            "usage_usec {usage}\nuser_usec 600\nsystem_usec 400\nnr_periods {}\n\
             nr_throttled {throttled}\nthrottled_usec 7000",
            throttled * 4
        )
    };
    let path = "/system.slice/web.service";
    let files = |usage: u64, throttled: u64, written: u64| {
        group(
            tree,
            path,
            &[
                ("cpu.stat", &stat(usage, throttled)),
                ("cpu.max", "150000 100000"),
                ("cpu.weight", "100"),
                ("memory.current", "5000"),
                ("memory.peak", "8000"),
                ("memory.max", "10000"),
                ("memory.high", "max"),
                ("memory.swap.current", "12"),
                ("memory.stat", "anon 3000\nfile 1500\nkernel 500\ninactive_file 1000"),
                ("memory.events", "low 0\nhigh 3\nmax 9\noom 3\noom_kill 2"),
                ("memory.events.local", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 0"),
                (
                    "io.stat",
                    &format!(
                        "259:0 rbytes=4096 wbytes={written} rios=1 wios=2 dbytes=0\n\
                         253:0 rbytes=4096 wbytes={written} rios=1 wios=2"
                    ),
                ),
                ("pids.current", "12"),
                ("pids.max", "max"),
                (
                    "cpu.pressure",
                    "some avg10=0.00 avg60=0.00 avg300=0.00 total=250000\n\
                     full avg10=0.00 avg60=0.00 avg300=0.00 total=9",
                ),
            ],
        );
    };
    tree.folder("sys/dev/block/253:0/slaves/nvme0n1").expect("made");
    tree.folder("sys/dev/block/259:0/slaves").expect("made");
    files(1_000_000, 10, 1_000);
    let mut trial = trial(&scratch);
    trial.at(0);
    files(2_500_000, 13, 3_000);
    let outcome = trial.at(2);
    assert_eq!((outcome.result.clone(), outcome.reports.len()), (Ok(()), 0));
    assert_eq!(outcome.labels(cgroup::cgroup), ["/", "/system.slice/web.service"]);
    let get = |field| outcome.get(cgroup::cgroup, path, field);
    for (field, expected) in [
        (cgroup::cpu_seconds, 2.5),
        (cgroup::cpu_ratio, 0.75),
        (cgroup::cpu_limit, 1.5),
        (cgroup::cpu_limit_ratio, 0.5),
        (cgroup::cpu_weight, 100.0),
        (cgroup::throttled_ratio, 0.25),
        (cgroup::memory_bytes, 5000.0),
        (cgroup::memory_peak_bytes, 8000.0),
        (cgroup::working_set_bytes, 4000.0),
        (cgroup::memory_limit_ratio, 0.4),
        (cgroup::anonymous_bytes, 3000.0),
        (cgroup::kernel_bytes, 500.0),
        (cgroup::swap_bytes, 12.0),
        (cgroup::oom_kills, 2.0),
        (cgroup::limit_ooms, 1.0),
        (cgroup::memory_high_events, 3.0),
        (cgroup::read_bytes, 4096.0),
        (cgroup::written_bytes_per_second, 1000.0),
        (cgroup::writes, 2.0),
        (cgroup::tasks, 12.0),
        (cgroup::cpu_pressure_seconds, 0.25),
        (cgroup::depth, 2.0),
    ] {
        assert_eq!(get(field), Some(expected), "{}", field.name());
    }
    for field in [cgroup::memory_high_bytes, cgroup::tasks_limit, cgroup::zswap_bytes] {
        assert_eq!(get(field), None, "{}", field.name());
    }
    assert_eq!(outcome.row(cgroup::cgroup, path).shown(cgroup::container), "web.service");
    assert_eq!(outcome.get(cgroup::cgroup, "/", cgroup::memory_bytes), None);
}

#[test]
fn version_1_alone_is_said_so_and_a_hybrid_names_what_is_missing() {
    let one = mounted(V1);
    let problem = trial(&one).at(0).result.expect_err("nothing to read");
    assert_eq!(problem.state, ABSENT);
    assert!(problem.reason.contains("cgroup v1"), "{}", problem.reason);
    assert!(problem.hint.is_some_and(|hint| hint.contains("unified_cgroup_hierarchy=1")));
    let none = mounted("23 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
    assert_eq!(trial(&none).at(0).result.map_err(|problem| problem.state), Err(ABSENT));

    let unified = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    let hybrid = mounted(&format!("{V1}{unified}"));
    let folder = "sys/fs/cgroup/unified";
    let files = [("cgroup.controllers", "hugetlb"), ("cpu.stat", "usage_usec 5")];
    hybrid.tree().attributes(folder, &files).expect("written");
    let outcome = trial(&hybrid).at(0);
    assert_eq!(outcome.labels(cgroup::cgroup), ["/"]);
    let missing = outcome.report("cgroup/controllers").map(|problem| problem.reason.clone());
    assert!(
        missing.is_some_and(|reason| reason.ends_with("no controller for cpu, memory, io, pids"))
    );
}

#[test]
fn a_path_used_again_is_another_group() {
    let scratch = mounted(MOUNT);
    let tree = scratch.tree();
    group(tree, "", &[]);
    group(tree, "/a", &[("cpu.stat", "usage_usec 10")]);
    // The folder's inode tells them apart: while the old one stands, the new one has another.
    let mut trial = trial(&scratch);
    let first = trial.at(0).row(cgroup::cgroup, "/a").key();
    let held = scratch.path().join("sys/fs/cgroup/a");
    std::fs::rename(&held, scratch.path().join("held")).expect("moved");
    group(tree, "/a", &[("cpu.stat", "usage_usec 20")]);
    let outcome = trial.at(2);
    let row = outcome.row(cgroup::cgroup, "/a");
    assert_eq!((row.key().0, row.key() == first), (first.0, false));
    assert!(row.is_new());
    assert_eq!(row.get(cgroup::cpu_ratio), None);
}

#[test]
fn a_cut_is_reported_and_loses_the_deepest() {
    let scratch = mounted(MOUNT);
    for path in ["", "/a", "/b", "/a/1", "/a/2"] {
        group(scratch.tree(), path, &[]);
    }
    let mut trial = trial(&scratch);
    trial.source.most = 3;
    let outcome = trial.at(0);
    assert_eq!(outcome.labels(cgroup::cgroup), ["/", "/a", "/b"]);
    assert_eq!(outcome.report("cgroup/walk").map(|problem| problem.state), Some(FAILING));
    trial.source.most = 5;
    assert!(trial.at(2).reports.is_empty());
}

#[test]
fn depth_is_bounded_and_links_are_not_followed() {
    let scratch = mounted(MOUNT);
    let mut path = String::new();
    for _ in 0..DEEPEST + 3 {
        group(scratch.tree(), &path, &[]);
        path.push_str("/x");
    }
    scratch.tree().link("sys/fs/cgroup/loop", "..").expect("linked");
    let outcome = trial(&scratch).at(0);
    assert_eq!(i64::try_from(outcome.rows(FamilyId::Cgroup)), Ok(DEEPEST + 1));
    assert!(outcome.report("cgroup/walk").is_some());
}

#[test]
fn groups_without_files_and_hostile_names_harm_nobody() {
    let scratch = mounted(MOUNT);
    let tree = scratch.tree();
    group(tree, "", &[]);
    tree.folder("sys/fs/cgroup/vanishing").expect("made");
    group(tree, "/evil\n\x1b[2J", &[("memory.current", "-"), ("cpu.max", "max"), ("pids.max", "")]);
    let junk = [
        ("cpu.stat", "usage_usec\nusage_usec x\nusage_usec 99999999999999999999"),
        ("cpu.max", "1000 0"),
        ("io.stat", "garbage\n8: rbytes=1\n:"),
        ("cpu.pressure", "some total=\nfull"),
        ("io.pressure", "some avg10=0.00 total=-5"),
        ("memory.current", "-4096"),
        ("memory.stat", "anon"),
    ];
    group(tree, "/junk", &junk);
    let outcome = trial(&scratch).at(0);
    assert_eq!(outcome.labels(cgroup::cgroup), ["/", "/evil??[2J", "/junk"]);
    let row = outcome.row(cgroup::cgroup, "/junk");
    for field in FamilyId::Cgroup.get().fields().filter(|field| *field != cgroup::depth) {
        assert_eq!(row.get(field), None, "{}", field.name());
    }
}

#[test]
fn nothing_is_read_that_nobody_wants() {
    let scratch = mounted(MOUNT);
    group(scratch.tree(), "", &[]);
    let mut trial = trial(&scratch);
    trial.demand.want(FamilyId::Cgroup, false);
    let outcome = trial.at(0);
    assert_eq!((outcome.result, outcome.snapshot.raw().tables().count()), (Ok(()), 0));
}

#[test]
fn io_is_summed_over_the_lowest_devices() {
    let sum = |text| sum_io(text, |(major, _)| major == 253);
    assert_eq!(sum(""), Some(Io::default()));
    assert_eq!(sum("nonsense"), None);
    let text =
        "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5\n253:1 rbytes=9\n259:3 rbytes=10 wios=-7 x\n";
    let expected = Io { read_bytes: 11, written_bytes: 2, reads: 3, writes: 4 };
    assert_eq!(sum(text), Some(expected));
    let huge = "8:0 rbytes=9223372036854775807\n8:16 rbytes=5\n";
    assert_eq!(sum(huge).map(|io| io.read_bytes), Some(i64::MAX));
}
