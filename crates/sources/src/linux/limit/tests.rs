use retop_fake_machine::{Scratch, Tree};
use retop_model::family::source::ABSENT;

use super::*;
use crate::linux::trial::{Outcome, Trial};

const V2: &str = "38 31 0:35 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
const ID: &str = "abcdef012345abcdef012345abcdef012345abcdef012345abcdef0123456789";

fn machine(cgroup: &str, mountinfo: &str, write: impl Fn(&Tree)) -> Outcome {
    let scratch = Scratch::new();
    scratch.tree().file("proc/self/cgroup", cgroup).expect("written");
    scratch.tree().file("proc/self/mountinfo", mountinfo).expect("written");
    write(scratch.tree());
    Trial::new(Limits::new(&Roots::below(scratch.path()))).at(0)
}

fn one(outcome: &Outcome, field: retop_model::Field) -> Option<f64> {
    outcome.snapshot.one(field)
}

#[test]
fn the_tightest_ancestor_binds_and_its_use_counts() {
    let outcome = machine("0::/pod/app\n", V2, |tree| {
        let pod = [
            ("cpu.max", "50000 100000"),
            ("cpu.stat", "usage_usec 7000000\nthrottled_usec 5000"),
            ("memory.max", "1000"),
            ("memory.current", "900"),
            ("memory.stat", "inactive_file 100"),
            ("pids.max", "max"),
        ];
        tree.attributes("sys/fs/cgroup/pod", &pod).expect("written");
        let app = [
            ("cpu.max", "200000 100000"),
            ("cpu.stat", "usage_usec 1000000"),
            ("memory.max", "4000"),
            ("memory.high", "800"),
            ("memory.current", "300"),
            ("memory.swap.max", "0"),
            ("pids.max", "64"),
            ("pids.current", "5"),
        ];
        tree.attributes("sys/fs/cgroup/pod/app", &app).expect("written");
    });
    for (field, expected) in [
        (limit::cpus, 0.5),
        (limit::cpu_seconds, 7.0),
        (limit::throttled_seconds, 0.005),
        (limit::memory_limit_bytes, 1000.0),
        (limit::memory_bytes, 900.0),
        (limit::working_set_bytes, 800.0),
        (limit::memory_ratio, 0.8),
        (limit::memory_high_bytes, 800.0),
        (limit::swap_limit_bytes, 0.0),
        (limit::tasks_limit, 64.0),
        (limit::tasks, 5.0),
    ] {
        assert_eq!(one(&outcome, field), Some(expected), "{}", field.name());
    }
    assert_eq!(outcome.labels(limit::cgroup), ["/pod/app"]);
    assert_eq!(outcome.result, Ok(()));
}

#[test]
fn no_limit_is_no_row() {
    let outcome = machine("0::/user.slice\n", V2, |tree| {
        let none = [("cpu.max", "max 100000"), ("memory.max", "max"), ("pids.max", "max")];
        tree.attributes("sys/fs/cgroup/user.slice", &none).expect("written");
    });
    assert_eq!(outcome.rows(FamilyId::Limit), 0);
    assert_eq!(outcome.result.map_err(|problem| problem.state), Err(ABSENT));
    let bare = machine("", "", |_| {});
    assert_eq!(bare.rows(FamilyId::Limit), 0);
}

#[test]
fn a_container_without_limits_still_has_a_row() {
    let marked = machine("0::/\n", V2, |tree| {
        tree.file(".dockerenv", "").expect("written");
        tree.attributes("sys/fs/cgroup", &[("pids.current", "9")]).expect("written");
    });
    assert_eq!(marked.rows(FamilyId::Limit), 1);
    assert_eq!(one(&marked, limit::tasks), Some(9.0));
    assert_eq!(one(&marked, limit::memory_limit_bytes), None);
    let named = machine(&format!("0::/system.slice/docker-{ID}.scope\n"), V2, |_| {});
    assert_eq!(named.labels(limit::container), ["abcdef012345"]);
}

#[test]
fn version_1_limits_come_from_each_controller() {
    let mountinfo = format!(
        "33 32 0:29 /docker/{ID} /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
         34 32 0:30 /docker/{ID} /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
         35 32 0:31 /docker/{ID} /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n"
    );
    let groups =
        format!("5:pids:/docker/{ID}\n4:memory:/docker/{ID}\n3:cpu,cpuacct:/docker/{ID}\n");
    let write = |huge: &'static str| {
        move |tree: &Tree| {
            let cpu = [
                ("cpu.cfs_quota_us", "150000"),
                ("cpu.cfs_period_us", "100000"),
                ("cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 2000000"),
                ("cpuacct.usage", "3000000000"),
            ];
            tree.attributes("sys/fs/cgroup/cpu,cpuacct", &cpu).expect("written");
            let memory = [
                ("memory.limit_in_bytes", huge),
                ("memory.memsw.limit_in_bytes", "6000"),
                ("memory.usage_in_bytes", "3000"),
                (
                    "memory.stat",
                    "inactive_file 1\ntotal_inactive_file 500\nhierarchical_memory_limit 5000",
                ),
            ];
            tree.attributes("sys/fs/cgroup/memory", &memory).expect("written");
            let pids = [("pids.max", "max"), ("pids.current", "3")];
            tree.attributes("sys/fs/cgroup/pids", &pids).expect("written");
        }
    };
    let outcome = machine(&groups, &mountinfo, write("4000"));
    for (field, expected) in [
        (limit::cpus, 1.5),
        (limit::cpu_seconds, 3.0),
        (limit::throttled_seconds, 0.002),
        (limit::memory_limit_bytes, 4000.0),
        (limit::working_set_bytes, 2500.0),
        (limit::swap_limit_bytes, 2000.0),
        (limit::tasks, 3.0),
    ] {
        assert_eq!(one(&outcome, field), Some(expected), "{}", field.name());
    }
    assert_eq!(one(&outcome, limit::tasks_limit), None);
    assert_eq!(outcome.labels(limit::container), ["abcdef012345"]);
    // An ancestor out of sight may be tighter than what is seen.
    let unseen = machine(&groups, &mountinfo, write("9223372036854771712"));
    assert_eq!(one(&unseen, limit::memory_limit_bytes), Some(5000.0));
}

#[test]
fn unlimited_version_1_is_no_row() {
    let mountinfo = "34 32 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                     35 32 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
    let outcome = machine("4:memory:/\n3:cpu:/\n", mountinfo, |tree| {
        let memory = [("memory.limit_in_bytes", "9223372036854771712")];
        tree.attributes("sys/fs/cgroup/memory", &memory).expect("written");
        let cpu = [("cpu.cfs_quota_us", "-1"), ("cpu.cfs_period_us", "100000")];
        tree.attributes("sys/fs/cgroup/cpu", &cpu).expect("written");
    });
    assert_eq!(outcome.rows(FamilyId::Limit), 0);
}

#[test]
fn nonsense_limits_nothing() {
    let outcome = machine("0::/a\nxx\n0:\n", V2, |tree| {
        let junk = [
            ("cpu.max", "-5 100000"),
            ("memory.max", "99999999999999999999"),
            ("memory.high", ""),
            ("pids.max", "many"),
        ];
        tree.attributes("sys/fs/cgroup/a", &junk).expect("written");
    });
    assert_eq!(outcome.rows(FamilyId::Limit), 0);
}
