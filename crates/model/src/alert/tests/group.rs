//! A control group at its limit, as a virtual machine showed it: the kernel kills, and what tells of
//! it comes when the process is long gone.

use super::*;

/// A process, and a group with a limit in which it is; the group was read so many seconds ago.
struct Machine {
    scene: Scene,
    groups: Option<(Arc<RawTable>, [u64; 3])>,
}

impl Machine {
    fn new() -> Machine {
        Machine { scene: Scene::new(), groups: None }
    }

    /// Bytes of the hog, if it is there; kills of the machine; and what is read of the groups, if
    /// they are: bytes in use, kills, kills for its own limit.
    fn step(&mut self, hog: Option<u64>, kills: u64, groups: Option<[u64; 3]>) -> Snapshot {
        let ns = (self.scene.second + 1) * 1_000_000_000;
        if let Some([used, all, own]) = groups {
            let mut table = RawTable::new(FamilyId::Cgroup);
            for (key, path, limit, own) in
                [(1, "/web", Some(100_u64), own), (2, "/web/worker", None, 0)]
            {
                table
                    .push(Key(key, 1))
                    .text(cgroup::cgroup, path)
                    .set(cgroup::working_set_bytes, used)
                    .set(cgroup::memory_limit_bytes, limit)
                    .set(cgroup::oom_kills, all)
                    .set(cgroup::limit_ooms, own);
            }
            table.finish(Window { begin_ns: ns, end_ns: ns });
            self.groups = Some((Arc::new(table), [used, all, own]));
        }
        let groups = self.groups.clone();
        let last = self.scene.last.clone();
        let moment = self.scene.step(|tables| {
            let mut rows = RawTable::new(FamilyId::Process);
            for (pid, name, group, bytes) in [
                (1, "init", "/", Some(5)),
                (7, "awk", "/web/worker", hog),
                (8, "big", "/", Some(900)),
            ] {
                let Some(bytes) = bytes else { continue };
                rows.push(Key(pid, 1))
                    .text(process::name, name)
                    .text(process::cgroup, group)
                    .set(process::state, 0)
                    .set(process::resident_bytes, bytes);
            }
            let mut memory = RawTable::new(FamilyId::Memory);
            memory.push(Key::ONE).set(memory::oom_kills, kills);
            tables.extend([rows, memory]);
        });
        let mut sample = (**moment.raw()).clone();
        if let Some((table, _)) = groups {
            sample.put(table);
        }
        let moment = derive(last.as_ref(), Arc::new(sample));
        self.scene.last = Some(moment.clone());
        moment
    }
}

fn said(alerts: &Alerts) -> Vec<String> {
    let said = alerts.active().into_iter().map(|active| {
        let mut text = format!("{} ", active.rule);
        active.describe(&mut text).expect("a string takes all");
        text
    });
    said.collect()
}

#[test]
fn who_was_killed_is_named_though_the_groups_are_read_seconds_later() {
    const OOM: &str = "OOM the kernel killed a process for want of memory, probably awk (7)";
    const GROUP: &str = "CGROUP-OOM /web was at its memory limit, and the kernel killed a process of it, probably awk (7)";
    // It is gone at once; or its memory is, and it runs to its end for some samples.
    for dying in [None, Some(0)] {
        let (mut machine, mut alerts) = (Machine::new(), Alerts::new(builtin()));
        alerts.advance(&machine.step(Some(60), 0, Some([60, 0, 0])));
        alerts.advance(&machine.step(Some(60), 0, None));
        alerts.advance(&machine.step(dying, 1, None));
        assert_eq!(said(&alerts), [OOM]);
        for _ in 0..8 {
            alerts.advance(&machine.step(None, 1, None));
        }
        alerts.advance(&machine.step(None, 1, Some([5, 1, 1])));
        assert_eq!(
            said(&alerts),
            [OOM, GROUP],
            "and of the worker's group nothing, it has no limit"
        );
    }
}

#[test]
fn a_kill_of_the_machine_is_no_matter_of_a_group() {
    let (mut machine, mut alerts) = (Machine::new(), Alerts::new(builtin()));
    alerts.advance(&machine.step(Some(60), 0, Some([60, 0, 0])));
    alerts.advance(&machine.step(None, 1, Some([5, 1, 0])));
    let said = said(&alerts);
    assert!(said.len() == 1 && said[0].starts_with("OOM "), "{said:?}");
}

#[test]
fn a_table_that_stands_still_does_not_count_as_many_samples() {
    let (mut machine, mut alerts) = (Machine::new(), Alerts::new(builtin()));
    assert!(!alerts.wants().groups_often);
    alerts.advance(&machine.step(Some(70), 0, Some([70, 0, 0])));
    assert!(!alerts.wants().groups_often);
    alerts.advance(&machine.step(Some(95), 0, Some([95, 0, 0])));
    assert!(alerts.wants().groups_often, "it is near its limit");
    for _ in 0..9 {
        alerts.advance(&machine.step(Some(95), 0, None));
    }
    assert_eq!(said(&alerts), [""; 0], "one peak, read once");
    alerts.advance(&machine.step(Some(95), 0, Some([94, 0, 0])));
    alerts.advance(&machine.step(Some(95), 0, Some([93, 0, 0])));
    let wanted = "CGROUP-MEM /web 93% of its memory limit, limit 90%, by awk (7)";
    assert_eq!(said(&alerts), [wanted]);
    alerts.advance(&machine.step(Some(60), 0, Some([60, 0, 0])));
    assert_eq!((said(&alerts).len(), alerts.wants().groups_often), (0, false));
}

#[test]
fn of_those_who_are_gone_the_kernel_says_who_was_killed() {
    let rows = |pids: &[u64]| {
        let mut rows = RawTable::new(FamilyId::Process);
        for &pid in pids {
            rows.push(Key(pid, 1)).text(process::name, "x").set(process::resident_bytes, pid);
        }
        rows
    };
    let exits = |ends: &[(u64, u64)]| {
        let mut exits = RawTable::new(FamilyId::Exit);
        for (place, &(pid, signal)) in ends.iter().enumerate() {
            exits.push(Key(place as u64, 1)).set(exit::pid, pid).set(exit::signal, signal);
        }
        exits
    };
    let mut scene = Scene::new();
    let mut gone = Gone::default();
    gone.note(&scene.step(|tables| tables.push(rows(&[5, 6, 7]))));
    gone.note(&scene.step(|tables| tables.push(rows(&[5]))));
    let named = |gone: &mut Gone| gone.victim(None).map(|suspect| suspect.pid);
    // Its end is reported a sample later: somebody else ended it.
    gone.note(&scene.step(|tables| tables.extend([rows(&[5]), exits(&[(7, 15)])])));
    assert_eq!([named(&mut gone), named(&mut gone)], [Some(6), None], "nobody is killed twice");
    let of_group = gone.victim(Some("/")).map(|suspect| suspect.pid);
    assert_eq!(of_group, None, "nobody knows where it was");
    // An end is reported before its process is missed.
    gone.note(&scene.step(|tables| tables.extend([rows(&[5, 8, 9]), exits(&[(7, 15)])])));
    gone.note(&scene.step(|tables| {
        let mut late = RawTable::new(FamilyId::Exit);
        late.push(Key(1, 2)).set(exit::pid, 9).set(exit::exit_code, 0);
        tables.extend([rows(&[5, 8, 9]), late]);
    }));
    gone.note(&scene.step(|tables| tables.push(rows(&[5]))));
    assert_eq!(named(&mut gone), Some(8), "and not the larger one, which ended by itself");
    // Nobody is remembered for ever, nor more of them than is good.
    gone.note(&scene.step(|_| {}));
    gone.note(&scene.step(|tables| tables.push(rows(&(100..400).collect::<Vec<u64>>()))));
    gone.note(&scene.step(|tables| tables.push(rows(&[5]))));
    assert_eq!(named(&mut gone), Some(399));
    for _ in 0..20 {
        gone.note(&scene.step(|tables| tables.push(rows(&[5]))));
    }
    assert_eq!(named(&mut gone), None);
}

#[test]
fn a_rule_about_processes_concerns_those_that_its_filter_means() {
    let rule = |expr: &str, filter: &str| {
        let (name, expr, filter) = ("MINE".to_owned(), expr.to_owned(), Some(filter.to_owned()));
        UserRule { name, expr, filter, ..UserRule::default() }.rule()
    };
    let large = rule("processes.resident_bytes > 50", "cgroup=/web/* && !rd>0").expect("valid");
    let mut alerts = Alerts::new(vec![large]);
    let wants = alerts.wants().written;
    assert!(wants.has(FamilyId::Process) && !wants.has(FamilyId::Cgroup));
    assert!(wants.io && !wants.status, "the filter asks for what is read of all only then");
    let mut machine = Machine::new();
    alerts.advance(&machine.step(Some(60), 0, None));
    assert_eq!(said(&alerts), [""; 0], "what it reads is unknown, and unknown is not false");
    let large = rule("processes.resident_bytes > 50", "cgroup=/web/*").expect("valid");
    let mut alerts = Alerts::new(vec![large]);
    alerts.advance(&machine.step(Some(60), 0, None));
    let wanted = "MINE awk (7) 60B resident, limit 50B";
    assert_eq!(said(&alerts), [wanted], "and not of the larger one elsewhere");
    for (expr, filter, part) in [
        ("memory.used_bytes > 1", "cpu>1", "chooses among processes"),
        ("processes.cpu_ratio > 1", "cpu>", "column 5: expected a value here"),
    ] {
        let error = rule(expr, filter).expect_err(filter);
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn who_makes_all_wait_for_memory_is_in_the_group_that_waits() {
    for (waited, named) in [(900_000_u64, "awk"), (0, "big")] {
        let (mut alerts, mut scene) = (Alerts::new(builtin()), Scene::new());
        for second in 1..6 {
            alerts.advance(&scene.step(|tables| {
                let mut rows = RawTable::new(FamilyId::Process);
                for (pid, name, group, bytes) in
                    [(7, "awk", "/batch/one", 20_u64), (8, "big", "/", 900)]
                {
                    rows.push(Key(pid, 1))
                        .text(process::name, name)
                        .text(process::cgroup, group)
                        .set(process::resident_bytes, bytes);
                }
                let mut groups = RawTable::new(FamilyId::Cgroup);
                for (depth, path) in [(0, "/"), (1, "/batch"), (2, "/batch/one"), (1, "/calm")] {
                    let waits = if path == "/calm" { 0 } else { second * waited };
                    groups
                        .push(Key(depth, path.len() as u64))
                        .text(cgroup::cgroup, path)
                        .set(cgroup::depth, depth)
                        .set(cgroup::memory_pressure_seconds, waits);
                }
                let mut stalls = RawTable::new(FamilyId::Pressure);
                stalls
                    .push(Key::named(b"memory"))
                    .text(pressure::resource, "memory")
                    .set(pressure::full_seconds, second * 500_000);
                tables.extend([rows, groups, stalls]);
            }));
        }
        let said = said(&alerts);
        let wanted = "PSI-MEM 50% of the time, all tasks wait for memory, limit 10%, by ";
        assert!(said.len() == 1 && said[0].starts_with(&format!("{wanted}{named} ")), "{said:?}");
    }
}
