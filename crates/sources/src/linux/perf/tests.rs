use std::sync::mpsc::channel;

use proptest::prelude::*;
use retop_model::family::process;
use retop_model::family::source::{ABSENT, DENIED};
use retop_model::{FamilyId, Field, Key, RawTable};

use super::scripted::Scripted;
use super::*;
use crate::linux::tree::Tree;

const SECOND: u64 = 1_000_000_000;

/// Processes whose only thread has their number, watched by counters.
struct Bench {
    script: Scripted,
    attached: Attached<Scripted>,
    threads: std::collections::HashMap<u64, Vec<u32>>,
    roots: Roots,
    _tree: Tree,
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Bench {
        let (script, tree) = (Scripted::default(), Tree::new(files));
        let attached = Attached::new(script.clone());
        let roots = tree.roots();
        Bench { script, attached, threads: Default::default(), roots, _tree: tree }
    }

    /// Wants these processes in that second; gives the table of all that are there.
    fn at(&mut self, second: u64, wanted: &[u64], there: &[u64]) -> RawTable {
        self.attached.access(&self.roots).expect("counters");
        let threads = &self.threads;
        let of = |pid: u64| threads.get(&pid).cloned().unwrap_or_else(|| vec![pid as u32]);
        let wanted: Vec<Candidate> = wanted
            .iter()
            .map(|&pid| Candidate { key: Key(pid, 0), threads: of(pid).len() })
            .collect();
        let mut table = RawTable::new(FamilyId::Process);
        for &pid in there {
            table.push(Key(pid, 0));
        }
        let list = |key: Key, tids: &mut Vec<u32>| *tids = of(key.0);
        self.attached.advance(&wanted, second * SECOND, list, &mut table);
        table
    }
}

fn reading(table: &RawTable, pid: u64, field: Field) -> Option<i64> {
    let retop_model::metric::Slot::Raw(place) = field.slot else { return None };
    table.reading(table.find(Key(pid, 0))?, usize::from(place)).get()
}

#[test]
fn what_a_thread_does_is_added_up_and_scaled() {
    let mut bench = Bench::new(&[]);
    bench.script.work(7, 0, (5 * SECOND, 5 * SECOND), [9; EVENTS]);
    let first = bench.at(1, &[7], &[7]);
    assert_eq!(reading(&first, 7, process::cycles), Some(0), "counted from the attaching on");
    bench.script.work(7, 0, (SECOND, SECOND), [2_000, 1_000, 100, 30, 200, 10]);
    let table = bench.at(2, &[7], &[7]);
    let all = [
        (process::cycles, 2_000),
        (process::instructions, 1_000),
        (process::cache_references, 100),
        (process::cache_misses, 30),
        (process::branches, 200),
        (process::branch_misses, 10),
        (process::counted_ratio, 10_000),
    ];
    for (field, expected) in all {
        assert_eq!(reading(&table, 7, field), Some(expected), "{}", field.name());
    }
    // The hardware was shared with other groups: a quarter of the time was counted.
    bench.script.work(7, 0, (SECOND, SECOND / 4), [500, 100, 0, 0, 0, 0]);
    let table = bench.at(3, &[7], &[7]);
    assert_eq!(reading(&table, 7, process::cycles), Some(4_000));
    assert_eq!(reading(&table, 7, process::instructions), Some(1_400));
    assert_eq!(reading(&table, 7, process::counted_ratio), Some(2_500));
    // It ran and nothing of it was counted: no number, rather than none.
    bench.script.work(7, 0, (SECOND, 0), [0; EVENTS]);
    assert_eq!(reading(&bench.at(4, &[7], &[7]), 7, process::cycles), None);
    // It did not run: the counters stand, and of nothing no share was counted.
    let table = bench.at(5, &[7], &[7]);
    assert_eq!(reading(&table, 7, process::cycles), Some(4_000));
    assert_eq!(reading(&table, 7, process::counted_ratio), None);
}

#[test]
fn an_event_that_the_unit_lacks_hides_no_other() {
    let mut bench = Bench::new(&[]);
    bench.script.state().lacks.extend([2, 3, 5]);
    bench.at(1, &[7], &[7]);
    bench.script.work(7, 0, (SECOND, SECOND), [8, 4, 99, 99, 2, 99]);
    let table = bench.at(2, &[7], &[7]);
    let found = process::COUNTERS.map(|field| reading(&table, 7, field));
    assert_eq!(found, [Some(8), Some(4), None, None, Some(2), None]);
    let problem = bench.attached.problem().expect("said");
    let reason = "this PMU does not count cache references, cache misses, branch misses";
    assert_eq!((problem.state, problem.reason.as_str()), (ABSENT, reason));
}

#[test]
fn kinds_of_cores_are_counted_apart_and_added_as_they_are() {
    let mut bench = Bench::new(&[
        ("sys/bus/event_source/devices/cpu_core/type", "4"),
        ("sys/bus/event_source/devices/cpu_core/cpus", "0-7"),
        ("sys/bus/event_source/devices/cpu_atom/type", "10"),
        ("sys/bus/event_source/devices/cpu_atom/cpus", "8-15"),
        ("sys/devices/cpu_core/cpus", "0-7"),
        ("sys/devices/cpu_atom/cpus", "8-15"),
        ("sys/bus/event_source/devices/uncore_imc_0/type", "20"),
        ("sys/bus/event_source/devices/uncore_imc_0/cpumask", "0"),
    ]);
    bench.at(1, &[7], &[7]);
    // A second of work, a quarter of it on an efficient core.
    bench.script.work(7, 4, (SECOND, SECOND * 3 / 4), [3_000, 6_000, 0, 0, 0, 0]);
    bench.script.work(7, 10, (SECOND, SECOND / 4), [500, 400, 0, 0, 0, 0]);
    let table = bench.at(2, &[7], &[7]);
    assert_eq!(reading(&table, 7, process::cycles), Some(3_500));
    assert_eq!(reading(&table, 7, process::instructions), Some(6_400));
    assert_eq!(reading(&table, 7, process::counted_ratio), Some(10_000));
    assert_eq!(reading(&table, 7, process::efficiency_cycles), Some(500));
    assert_eq!(reading(&table, 7, process::efficiency_instructions), Some(400));
    // Where all cores are alike there is no such split.
    let mut alike = Bench::new(&[]);
    alike.at(1, &[7], &[7]);
    alike.script.work(7, 0, (SECOND, SECOND), [3_000, 6_000, 0, 0, 0, 0]);
    let table = alike.at(2, &[7], &[7]);
    assert_eq!(reading(&table, 7, process::instructions), Some(6_000));
    assert_eq!(reading(&table, 7, process::efficiency_cycles), None);
}

#[test]
fn threads_have_a_group_each_and_those_that_ended_harm_nobody() {
    let mut bench = Bench::new(&[]);
    bench.threads.insert(7, vec![7, 8, 9]);
    bench.script.state().gone.insert(8);
    bench.at(1, &[7], &[7]);
    assert_eq!(bench.attached.descriptors(), 2 * EVENTS);
    bench.script.work(7, 0, (SECOND, SECOND), [100, 10, 0, 0, 0, 0]);
    bench.script.work(9, 0, (SECOND, SECOND), [50, 5, 0, 0, 0, 0]);
    let table = bench.at(2, &[7], &[7]);
    assert_eq!(reading(&table, 7, process::cycles), Some(150));
    // A thread that is born is followed by the groups that are there.
    bench.threads.insert(7, vec![7, 9, 10]);
    bench.at(3, &[7], &[7]);
    assert_eq!(bench.attached.descriptors(), 2 * EVENTS);
}

#[test]
fn where_groups_cannot_follow_new_threads_get_their_own() {
    let mut bench = Bench::new(&[]);
    bench.script.state().no_inherit = true;
    bench.threads.insert(7, vec![7, 8]);
    bench.at(1, &[7], &[7]);
    bench.script.work(8, 0, (SECOND, SECOND), [100, 10, 0, 0, 0, 0]);
    bench.at(2, &[7], &[7]);
    bench.threads.insert(7, vec![7, 9, 10]);
    bench.at(3, &[7], &[7]);
    assert_eq!(bench.attached.descriptors(), 3 * EVENTS);
    assert_eq!(bench.script.state().open, 3 * EVENTS);
    bench.script.work(10, 0, (SECOND, SECOND), [7, 1, 0, 0, 0, 0]);
    let table = bench.at(4, &[7], &[7]);
    assert_eq!(reading(&table, 7, process::cycles), Some(107), "what has ended still counts");
}

#[test]
fn counters_linger_and_then_go() {
    let mut bench = Bench::new(&[]);
    bench.at(1, &[7, 8], &[7, 8]);
    bench.script.work(7, 0, (SECOND, SECOND), [5; EVENTS]);
    let table = bench.at(5, &[8], &[7, 8]);
    assert_eq!(reading(&table, 7, process::cycles), Some(5), "out of sight for four seconds");
    let table = bench.at(12, &[8], &[7, 8]);
    assert_eq!(reading(&table, 7, process::cycles), None);
    assert_eq!(bench.script.state().open, EVENTS);
    bench.at(13, &[], &[7]);
    assert_eq!(bench.script.state().open, 0, "it has ended");
}

#[test]
fn attaching_is_spread_over_ticks_and_stays_within_its_descriptors() {
    let mut bench = Bench::new(&[]);
    let pids: Vec<u64> = (1..=150).collect();
    bench.at(1, &pids, &pids);
    assert_eq!(bench.script.state().open, 50 * EVENTS);
    bench.at(2, &pids, &pids);
    bench.at(3, &pids, &pids);
    assert_eq!(bench.script.state().open, 150 * EVENTS);
    assert_eq!(bench.attached.problem(), None);

    let mut bench = Bench::new(&[]);
    assert_eq!(bench.attached.descriptors_of(400), 100);
    bench.at(1, &pids, &pids);
    bench.at(2, &pids, &pids);
    let open = bench.script.state().open;
    assert!(open <= 100 && open > 100 - EVENTS, "{open}");
    assert!(bench.attached.problem().expect("said").reason.contains("100 file descriptors"));
    // The system has fewer than it said.
    let mut bench = Bench::new(&[]);
    bench.script.state().most = Some(20);
    for second in 1..9 {
        bench.at(second, &pids, &pids);
        assert!(bench.script.state().open <= 20);
    }
    bench.script.work(1, 0, (SECOND, SECOND), [5; EVENTS]);
    assert_eq!(reading(&bench.at(9, &pids, &pids), 1, process::cycles), Some(5));
    bench.attached.clear();
    assert_eq!(bench.script.state().open, 0);
}

#[test]
fn processes_of_others_are_left_alone_and_told_of() {
    let mut bench = Bench::new(&[]);
    bench.script.state().denied.extend([8, 9]);
    for second in 1..4 {
        bench.at(second, &[7, 8, 9], &[7, 8, 9]);
    }
    let problem = bench.attached.problem().expect("said");
    assert_eq!((problem.state, problem.reason.contains("2 processes")), (DENIED, true));
    assert_eq!(bench.script.state().opened, 2 + EVENTS, "two to ask what is allowed");
    bench.script.work(7, 0, (SECOND, SECOND), [5; EVENTS]);
    let table = bench.at(4, &[7, 8, 9], &[7, 8, 9]);
    assert_eq!(reading(&table, 7, process::cycles), Some(5));
    assert_eq!(reading(&table, 8, process::cycles), None);
}

#[test]
fn why_nothing_can_be_counted_is_said_with_its_cure() {
    let bare = [("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse\n")];
    let guest =
        [("proc/cpuinfo", "flags\t\t: fpu hypervisor\n"), ("sys/class/dmi/id/sys_vendor", "QEMU")];
    let strict = [("proc/sys/kernel/perf_event_paranoid", "3\n")];
    let usual = [("proc/sys/kernel/perf_event_paranoid", "2\n")];
    for (files, code, state, reason, hint) in [
        (&guest[..], libc::ENOENT, ABSENT, "this virtual machine (qemu) has no PMU", "virtual PMU"),
        (&bare, libc::ENOENT, ABSENT, "knows no PMU", ""),
        (&bare, libc::EOPNOTSUPP, ABSENT, "knows no PMU", ""),
        (&strict, libc::EACCES, DENIED, "perf_event_paranoid is 3; ", "setcap cap_perfmon"),
        (&usual, libc::EPERM, DENIED, "refused", "seccomp"),
        (&bare, libc::ENOSYS, ABSENT, "CONFIG_PERF_EVENTS", ""),
    ] {
        let mut bench = Bench::new(files);
        bench.script.state().refusal = Some(code);
        let problem = bench.attached.access(&bench.roots).expect_err("refused");
        assert_eq!(problem.state, state, "{problem:?}");
        assert!(problem.reason.contains(reason), "{problem:?}");
        assert!(problem.hint.unwrap_or_default().contains(hint), "{reason}");
    }
}

#[test]
fn what_the_kernel_refuses_is_asked_for_without_its_own_work() {
    let mut script = Scripted::default();
    script.state().kernel_denied = true;
    let tree = Tree::new(&[]);
    let access = probe(&mut script, &tree.roots()).expect("user space");
    assert_eq!((access.user_only, access.follow), (true, Follow::Threads));
}

#[test]
fn whole_cpus_are_added_up_where_that_is_allowed() {
    let (script, tree) = (Scripted::default(), Tree::new(&[]));
    let mut machine = Machine::new(script.clone());
    let roots = tree.roots();
    assert_eq!(machine.read(&roots, &[0, 1]), Ok([0, 0]));
    script.work(-1, 0, (SECOND, SECOND), [100, 200, 0, 0, 0, 0]);
    script.work(-2, 0, (SECOND, SECOND / 2), [10, 5, 0, 0, 0, 0]);
    assert_eq!(machine.read(&roots, &[0, 1]), Ok([120, 210]));
    assert_eq!(script.state().open, 4);
    script.work(-2, 0, (SECOND, SECOND), [10, 5, 0, 0, 0, 0]);
    assert_eq!(machine.read(&roots, &[0]), Ok([120, 210]), "a CPU less, and nothing lost");
    assert_eq!(script.state().open, 2);
    script.state().cpus_denied = true;
    let problem = Machine::new(script.clone()).read(&roots, &[0]).expect_err("denied");
    assert_eq!(problem.state, DENIED);
    assert!(problem.reason.contains("perf_event_paranoid <= 0"));
}

#[test]
fn packages_state_their_energy_to_whoever_may_count() {
    let unit = "sys/bus/event_source/devices/power";
    let tree = Tree::new(&[
        ("sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n"),
        ("sys/devices/system/cpu/cpu8/topology/physical_package_id", "1\n"),
    ]);
    for (name, value) in [
        ("type", "12\n"),
        ("cpumask", "0,8\n"),
        ("events/energy-pkg", "event=0x02\n"),
        ("events/energy-pkg.scale", "2.3283064365386962890625e-10\n"),
        ("events/energy-pkg.unit", "Joules\n"),
        ("events/energy-ram", "event=0x03\n"),
        ("events/energy-ram.scale", "0.5\n"),
        ("events/energy-ram.unit", "Joules\n"),
        // Nothing can be made of these.
        ("events/energy-gpu", "event=0x04\n"),
        ("events/energy-gpu.scale", "nan\n"),
        ("events/energy-gpu.unit", "Joules\n"),
        ("events/energy-cores", "event=two\n"),
        ("events/energy-psys", "event=0x05\n"),
    ] {
        tree.write(&format!("{unit}/{name}"), value);
    }
    let script = Scripted::default();
    let mut energy = super::Energy::new(script.clone());
    // 2^32 counts are a joule.
    script.work(-1, 0, (1, 1), [0, 0, 5 << 32, 8, 0, 0]);
    script.work(-9, 0, (1, 1), [0, 0, 1 << 31, 2, 0, 0]);
    let mut stated = Vec::new();
    energy.read(&tree.roots().sys, |domain| {
        stated.push((domain.name.to_owned(), domain.microjoules))
    });
    let expected = [
        ("package-0", 5_000_000),
        ("package-0 dram", 4_000_000),
        ("package-1", 500_000),
        ("package-1 dram", 1_000_000),
    ];
    assert_eq!(stated, expected.map(|(name, energy)| (name.to_owned(), energy)));
    // Without the right, or without the unit, there is nothing.
    script.state().cpus_denied = true;
    for roots in [tree.roots(), Tree::new(&[]).roots()] {
        super::Energy::new(script.clone()).read(&roots.sys, |domain| panic!("{domain:?}"));
    }
}

/// Software events, which every machine has, in the places of the hardware's: the same call, the
/// same group, the same read.
pub fn software() -> Pmu {
    const PERF_TYPE_SOFTWARE: u32 = 1;
    // Task clock, page faults, context switches, migrations, minor faults; and one that is not.
    let events = [Some(1), Some(2), Some(3), Some(4), Some(5), Some(999)];
    let events = events.map(|event| Some(Spec { kind: PERF_TYPE_SOFTWARE, config: event? }));
    Pmu { is_efficient: false, events }
}

#[test]
fn this_machine_counts_a_thread_in_a_group() {
    let (told, tids) = channel();
    let (go, goes) = channel::<()>();
    let (end, ends) = channel::<()>();
    let thread = std::thread::spawn(move || {
        // SAFETY: gettid has no preconditions.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) };
        told.send(i32::try_from(tid).expect("a thread's number")).expect("wanted");
        goes.recv().expect("a go");
        // Each page is touched for the first time: beyond 32 MiB the allocator asks the kernel.
        let pages = vec![1_u8; 48 << 20];
        assert_eq!(pages.last(), Some(&1));
        told.send(0).expect("wanted");
        ends.recv().expect("an end");
    });
    let whose = Whose::Thread(tids.recv().expect("its number"));
    let target = Target { whose, user_only: true, follow: Follow::Nobody, begin: Begin::Now };
    let mut kernel = System;
    let mut group = match Group::open(&mut kernel, &software(), target) {
        Ok(group) => group,
        // A container may forbid the call altogether.
        Err(error) => {
            assert!(is_refusal(&error) || error.raw_os_error() == Some(libc::ENOSYS), "{error}");
            return;
        }
    };
    assert_eq!(group.len(), 5, "all but the one that is not");
    go.send(()).expect("it waits");
    tids.recv().expect("it is done");
    let step = group.step(&mut kernel).expect("a read");
    let [clock, faults, switches, .., missing] = step.counts;
    assert!(clock.is_some_and(|ns| ns > 0) && step.enabled_ns > 0, "{step:?}");
    assert_eq!(step.enabled_ns, step.running_ns, "software is never short of hardware");
    assert!(faults.is_some_and(|count| count >= 1) && switches.is_some(), "{step:?}");
    assert_eq!(missing, None);
    end.send(()).expect("it waits");
    thread.join().expect("an end");
    assert!(group.step(&mut kernel).is_ok(), "a thread that ended can still be read");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a process to be counted")]
fn a_group_may_wait_for_exec_and_follow_whatever_is_started() {
    let target = Target {
        whose: Whose::Thread(0),
        user_only: true,
        follow: Follow::Processes,
        begin: Begin::AtExec,
    };
    let mut kernel = System;
    let Ok(mut group) = Group::open(&mut kernel, &software(), target) else { return };
    let before = group.step(&mut kernel).expect("a read");
    assert_eq!(before.counts[0], Some(0), "what this thread does is not counted");
    let script = "for i in 1 2 3; do /bin/true; done";
    let status = std::process::Command::new("sh").args(["-c", script]).status().expect("a shell");
    assert!(status.success());
    let step = group.step(&mut kernel).expect("a read");
    let [clock, faults, ..] = step.counts;
    assert!(clock.is_some_and(|ns| ns > 0), "{step:?}");
    // Each of the four maps its own program anew: more faults than the shell alone has.
    assert!(faults.is_some_and(|count| count > 100), "{step:?}");
}

proptest! {
    #[test]
    fn no_reading_is_negative_and_nothing_panics(
        steps in prop::collection::vec((any::<u64>(), any::<u64>(), any::<[u64; EVENTS]>(), any::<bool>()), 1..40),
    ) {
        let mut bench = Bench::new(&[]);
        for (second, (enabled, running, values, broken)) in (1..).zip(steps) {
            {
                let mut state = bench.script.state();
                state.broken = broken;
                let tally = state.tallies.entry((7, 0)).or_default();
                (tally.enabled, tally.running, tally.values) = (enabled, running, values);
            }
            let table = bench.at(second, &[7], &[7]);
            for field in FamilyId::Process.get().fields() {
                prop_assert!(reading(&table, 7, field).is_none_or(|value| value >= 0), "{}", field.name());
            }
            let share = reading(&table, 7, process::counted_ratio);
            prop_assert!(share.is_none_or(|share| share <= 10_000));
        }
    }
}
