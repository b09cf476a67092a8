//! The sweep on a made-up `/proc`, where processes come, go and misbehave on cue.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use retop_model::family::{process, task};
use retop_model::{Clock, FamilyId, Key, RawTable, Stamp};

use super::texts::Answer;
use super::*;
use crate::demand::{Demand, ProcessDemand};

/// A clock that moves by a second whenever the test says so.
#[derive(Default)]
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> Stamp {
        let ns = self.0.load(Ordering::Relaxed);
        Stamp { wall_ms: 0, monotonic_ns: ns, boottime_ns: ns }
    }
}

/// A folder that is removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Tree {
        let path = std::env::temp_dir().join(format!("retop-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("proc")).expect("temporary folder");
        Tree(path)
    }

    fn process(&self, pid: u32, comm: &str, ticks: u64, start: u64) -> PathBuf {
        let folder = self.0.join("proc").join(pid.to_string());
        fs::create_dir_all(&folder).expect("folder");
        // A new file, as procfs gives one: a kept descriptor stays with the old.
        let _ = fs::remove_file(folder.join("stat"));
        fs::write(
            folder.join("stat"),
            format!(
                "{pid} ({comm}) S 1 {pid} {pid} 0 -1 4194304 10 0 2 0 {ticks} 5 0 0 20 0 4 0 {start} \
                 1048576 100 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"
            ),
        )
        .expect("stat");
        folder
    }

    fn source(&self) -> Processes {
        Processes::new(&Roots::below(&self.0))
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One read of the source: its process table and its counts.
fn sweep(source: &mut Processes, demand: ProcessDemand) -> (RawTable, RawTable, Vec<String>) {
    let clock = TestClock::default();
    let mut everything = Demand::everything();
    everything.processes = demand;
    let mut read = Read::new(&clock, &everything);
    source.read(&mut read).expect("a listing");
    let mut take = |family| {
        let place = read.tables.iter().position(|table| table.family() == family);
        read.tables.swap_remove(place.expect("given"))
    };
    let (processes, tasks) = (take(FamilyId::Process), take(FamilyId::Task));
    (processes, tasks, read.reports.into_iter().map(|report| report.name).collect())
}

fn value(table: &RawTable, row: usize, field: retop_model::Field) -> Option<i64> {
    let retop_model::metric::Slot::Raw(place) = field.slot else { return None };
    table.reading(row, usize::from(place)).get()
}

#[test]
fn processes_come_go_and_change_hands() {
    let tree = Tree::new("sweep");
    tree.process(7, "seven", 10, 100);
    tree.process(30, "thirty", 20, 200);
    let mut source = tree.source();
    let (table, tasks, _) = sweep(&mut source, ProcessDemand::default());
    assert_eq!(table.keys(), [Key(7, 100), Key(30, 200)]);
    assert_eq!(value(&table, 0, process::user_seconds), Some(100_000));
    assert_eq!(value(&table, 0, process::threads), Some(4));
    assert_eq!(value(&tasks, 0, task::exited), Some(0));

    fs::remove_dir_all(tree.0.join("proc/7")).expect("gone");
    tree.process(8, "eight", 0, 300);
    // The number is another process's now. Outside procfs the kept file lives on; a new source
    // stands in for the ESRCH that procfs gives.
    tree.process(30, "again", 0, 400);
    if let Some(entry) = source.known.iter_mut().find(|entry| entry.pid == 30) {
        entry.stat = None;
    }
    let (table, tasks, _) = sweep(&mut source, ProcessDemand::default());
    assert_eq!(table.keys(), [Key(8, 300), Key(30, 400)]);
    assert_eq!(table.texts(1)[0].as_ref().map(|name| name.shown()), Some("again"));
    assert_eq!(value(&tasks, 0, task::exited), Some(2));
}

#[test]
fn folders_vanish_and_lines_are_cut_at_every_step() {
    let tree = Tree::new("vanish");
    tree.process(5, "five", 1, 10);
    fs::write(tree.process(6, "six", 1, 10).join("stat"), "6 (six) S 1 2").expect("cut");
    fs::write(tree.process(9, "nine", 1, 10).join("stat"), "").expect("empty");
    fs::create_dir_all(tree.0.join("proc/11")).expect("no stat in it");
    fs::write(tree.0.join("proc/12"), "a file, not a folder").expect("file");
    fs::write(tree.0.join("proc/13x"), "no number").expect("file");
    let mut source = tree.source();
    let everything = ProcessDemand {
        memory: Rows::All,
        status: Rows::All,
        io: Rows::All,
        schedule: Rows::None,
        counters: Rows::None,
        proportional: Rows::All,
        texts: true,
        patient: true,
        threads: Rows::Keys(vec![Key(5, 10), Key(6, 10), Key(99, 1)]),
    };
    let (table, _, reports) = sweep(&mut source, everything.clone());
    assert_eq!(table.keys(), [Key(5, 10)]);
    assert!(reports.contains(&"processes/stat".to_owned()));
    assert_eq!(value(&table, 0, process::shared_bytes), None, "missing, not zero");
    assert_eq!(value(&table, 0, process::read_bytes), None);

    // The line is whole the next time.
    tree.process(6, "six", 1, 10);
    let (table, tasks, _) = sweep(&mut source, everything);
    assert_eq!(table.keys(), [Key(5, 10), Key(6, 10)]);
    assert_eq!(value(&tasks, 0, task::processes), Some(2));
}

#[test]
fn details_are_read_for_the_rows_that_are_wanted() {
    let tree = Tree::new("details");
    for pid in [20, 21] {
        let folder = tree.process(pid, "worker", 3, 50);
        fs::write(folder.join("statm"), "300 250 50 1 0 40 0\n").expect("statm");
        fs::write(
            folder.join("io"),
            "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 60\n\
             cancelled_write_bytes: 20\n",
        )
        .expect("io");
        fs::write(
            folder.join("status"),
            "VmSwap:\t 8 kB\nvoluntary_ctxt_switches:\t11\nnonvoluntary_ctxt_switches:\t12\n",
        )
        .expect("status");
    }
    fs::write(tree.0.join("proc/21/oom_score"), "667\n").expect("oom_score");
    let rows = Rows::Keys(vec![Key(21, 50)]);
    let demand = ProcessDemand {
        memory: rows.clone(),
        status: rows.clone(),
        io: rows,
        ..ProcessDemand::default()
    };
    let (table, ..) = sweep(&mut tree.source(), demand);
    let page = 4096; // what a tree without memory files is taken to have
    assert_eq!(value(&table, 1, process::resident_bytes), Some(250 * page));
    assert_eq!(value(&table, 1, process::shared_bytes), Some(50 * page));
    assert_eq!(value(&table, 1, process::written_bytes), Some(60));
    assert_eq!(value(&table, 1, process::cancelled_write_bytes), Some(20));
    assert_eq!(value(&table, 1, process::swap_bytes), Some(8192));
    assert_eq!(value(&table, 1, process::voluntary_switches), Some(11));
    assert_eq!(value(&table, 1, process::oom_score), Some(667));
    assert_eq!(value(&table, 0, process::resident_bytes), Some(100 * page), "from the stat line");
    assert_eq!(value(&table, 0, process::read_bytes), None, "nobody asked");
}

#[test]
fn a_status_longer_than_the_buffer_is_read_to_its_end() {
    let tree = Tree::new("groups");
    let demand = ProcessDemand { status: Rows::All, ..ProcessDemand::default() };
    let groups: String = (0..60_000).map(|group| format!("{group} ")).collect();
    let counters = "VmSwap:\t 8 kB\nvoluntary_ctxt_switches:\t1234567\n\
                    nonvoluntary_ctxt_switches:\t7654321\n";
    let folder = tree.process(20, "member", 3, 50);
    let mut source = tree.source();
    // The first buffer ends before, in, and behind the digits of the last line; then the buffer has
    // grown.
    for length in (4_000..4_100).chain([60_000, 300_000, 9]) {
        let text = format!("Groups:\t{}\n{counters}", groups.get(..length).unwrap_or(&groups));
        fs::write(folder.join("status"), text).expect("status");
        let (table, ..) = sweep(&mut source, demand.clone());
        let read =
            [process::swap_bytes, process::voluntary_switches, process::involuntary_switches]
                .map(|field| value(&table, 0, field));
        assert_eq!(read, [Some(8192), Some(1_234_567), Some(7_654_321)], "{length}");
    }
    // No kernel writes so much: what is there may be missing, and never is a part of a number.
    for beyond in 0..40 {
        let most = super::detail::LONGEST - counters.len() - "Groups:\t\n".len();
        let text = format!("Groups:\t{}\n{counters}", "7".repeat(most + beyond));
        fs::write(folder.join("status"), text).expect("status");
        let (table, ..) = sweep(&mut source, demand.clone());
        let switches = value(&table, 0, process::involuntary_switches);
        assert!(matches!(switches, None | Some(7_654_321)), "{beyond}: {switches:?}");
    }
}

#[test]
fn what_a_line_does_not_tell_is_missing() {
    let tree = Tree::new("cut");
    let folder = tree.process(7, "seven", 10, 100);
    let whole = fs::read(folder.join("stat")).expect("written");
    let fields = [process::virtual_bytes, process::resident_bytes, process::last_cpu];
    let all = [Some(1_048_576), Some(100 * 4096), Some(1)];
    let mut seen = Vec::new();
    for end in (0..=whole.len()).rev() {
        let _ = fs::remove_file(folder.join("stat"));
        fs::write(folder.join("stat"), &whole[..end]).expect("stat");
        let (table, ..) = sweep(&mut tree.source(), ProcessDemand::default());
        if table.is_empty() {
            break;
        }
        let read = fields.map(|field| value(&table, 0, field));
        for (read, all) in read.iter().zip(all) {
            assert!(read.is_none_or(|read| Some(read) == all), "{end}: {read:?}");
        }
        seen.push(read);
    }
    seen.dedup();
    assert_eq!(seen, [all, [all[0], all[1], None], [all[0], None, None], [None; 3]]);
}

#[test]
fn what_was_written_does_not_fall_when_a_file_is_removed() {
    let tree = Tree::new("cancelled");
    let folder = tree.process(20, "dd", 3, 50);
    let demand = ProcessDemand { io: Rows::All, ..ProcessDemand::default() };
    let mut source = tree.source();
    // `dd of=f` and then `rm f`: nothing of it reached a disk. A process that removes what another
    // wrote has cancelled more than it wrote.
    for (written, cancelled) in [(60, 0), (60, 20), (60, 60), (60, 90)] {
        let text = format!("write_bytes: {written}\ncancelled_write_bytes: {cancelled}\n");
        fs::write(folder.join("io"), text).expect("io");
        let (table, ..) = sweep(&mut source, demand.clone());
        let fields = [process::written_bytes, process::cancelled_write_bytes];
        assert_eq!(fields.map(|field| value(&table, 0, field)), [Some(written), Some(cancelled)]);
    }
}

#[test]
fn rows_on_show_keep_their_files_and_others_let_go() {
    let tree = Tree::new("kept");
    for pid in [20, 21] {
        fs::write(tree.process(pid, "worker", 3, 50).join("statm"), "3 2 1 0 0 0 0\n")
            .expect("statm");
    }
    let mut source = tree.source();
    let show = |pid| ProcessDemand { memory: Rows::Keys(vec![Key(pid, 50)]), ..Default::default() };
    for (shown, hidden) in [(20, 21), (20, 21), (21, 20)] {
        sweep(&mut source, show(shown));
        let keeps = |pid| {
            let entry = source.known.iter().find(|entry| entry.pid == pid).expect("known");
            entry.details[0].is_some()
        };
        assert!(keeps(u32::try_from(shown).expect("small")), "{shown}");
        assert!(!keeps(u32::try_from(hidden).expect("small")), "{hidden}");
    }
    sweep(&mut source, ProcessDemand::default());
    assert!(source.known.iter().all(|entry| entry.details[0].is_none()));
}

#[test]
fn nobody_wants_processes_nobody_reads_them() {
    let tree = Tree::new("unasked");
    tree.process(1, "init", 1, 1);
    let (clock, mut demand) = (TestClock::default(), Demand::everything());
    demand.want(FamilyId::Process, false).want(FamilyId::Thread, false);
    let mut read = Read::new(&clock, &demand);
    let problem = tree.source().read(&mut read).expect_err("unasked");
    assert_eq!(problem.state, retop_model::family::source::UNASKED);
    assert!(read.tables.is_empty());
}

#[test]
fn without_a_process_file_system_there_is_a_reason() {
    let nowhere = Path::new("/nonexistent-machine");
    let mut source = Processes::new(&Roots::below(nowhere));
    let (clock, demand) = (TestClock::default(), Demand::everything());
    let problem = source.read(&mut Read::new(&clock, &demand)).expect_err("nothing there");
    assert!(problem.reason.contains("/nonexistent-machine/proc"), "{}", problem.reason);
}

#[test]
fn without_descriptors_to_keep_everything_is_still_read() {
    let tree = Tree::new("descriptors");
    for pid in 1..=50 {
        tree.process(pid, "p", 1, u64::from(pid));
    }
    let mut source = tree.source();
    source.descriptors = Descriptors::limited(10);
    for _ in 0..3 {
        let (table, _, reports) = sweep(&mut source, ProcessDemand::default());
        assert_eq!(table.len(), 50);
        assert!(reports.contains(&"processes/descriptors".to_owned()));
    }
    assert_eq!(source.known.iter().filter(|entry| entry.stat.is_some()).count(), 10);
}

#[test]
fn ended_processes_give_their_descriptors_back() {
    let tree = Tree::new("given-back");
    let mut source = tree.source();
    source.descriptors = Descriptors::limited(3);
    for round in 0..10 {
        for pid in 1..=3 {
            tree.process(pid + 3 * round, "p", 1, u64::from(pid));
        }
        let (table, _, reports) = sweep(&mut source, ProcessDemand::default());
        assert_eq!(table.len(), 3);
        assert!(source.known.iter().all(|entry| entry.stat.is_some()), "round {round}");
        assert!(reports.is_empty(), "{reports:?}");
        for pid in 1..=3 {
            let folder = tree.0.join(format!("proc/{}", pid + 3 * round));
            fs::remove_dir_all(folder).expect("ended");
        }
        // One that turns to garbage gives back too.
        let folder = tree.process(999, "p", 1, 1);
        sweep(&mut source, ProcessDemand::default());
        fs::write(folder.join("stat"), "garbage").expect("written");
        sweep(&mut source, ProcessDemand::default());
        fs::remove_dir_all(folder).expect("ended");
        sweep(&mut source, ProcessDemand::default());
    }
}

#[test]
fn when_descriptors_run_out_some_are_closed() {
    let tree = Tree::new("run-out");
    for pid in 1..=200 {
        tree.process(pid, "p", 1, u64::from(pid));
    }
    let mut source = tree.source();
    source.descriptors = Descriptors::limited(1000);
    sweep(&mut source, ProcessDemand::default());
    source.descriptors.shrink();
    source.descriptors.shrink();
    let (table, tasks, _) = sweep(&mut source, ProcessDemand::default());
    assert_eq!(source.known.iter().filter(|entry| entry.stat.is_some()).count(), 136);
    assert_eq!(table.len(), 200);
    assert_eq!(value(&tasks, 0, task::exited), Some(0));
}

#[test]
fn old_proportional_memory_is_not_shown_for_ever() {
    let tree = Tree::new("proportional");
    tree.process(4, "p", 1, 40);
    let mut source = tree.source();
    sweep(&mut source, ProcessDemand::default());
    let memory = [Reading::from(1_u64), Reading::from(2_u64), Reading::from(3_u64)];
    let answer = || Answer { key: Key(4, 40), texts: None, proportional: Some(memory) };
    let clock = TestClock::default();
    let shown_at = |source: &mut Processes, ns| {
        clock.0.store(ns, Ordering::Relaxed);
        let mut demand = Demand::everything();
        demand.processes = ProcessDemand::default();
        let mut read = Read::new(&clock, &demand);
        source.read(&mut read).expect("a listing");
        let table = read.tables.iter().find(|table| table.family() == FamilyId::Process);
        value(table.expect("given"), 0, process::proportional_bytes)
    };
    source.known[0].take(answer(), 1);
    assert_eq!(shown_at(&mut source, PROPORTIONAL_GONE_NS), Some(1));
    assert_eq!(shown_at(&mut source, PROPORTIONAL_GONE_NS + 2), None);
    source.known[0].take(answer(), PROPORTIONAL_GONE_NS + 2);
    assert_eq!(shown_at(&mut source, PROPORTIONAL_GONE_NS + 3), Some(1));
}

#[test]
fn texts_of_wanted_rows_are_asked_for_again() {
    let tree = Tree::new("texts");
    for pid in 1..=3 {
        tree.process(pid, "p", 1, 40);
    }
    let mut source = tree.source();
    let clock = TestClock::default();
    let asked_at = |source: &mut Processes, ns, memory| {
        clock.0.store(ns, Ordering::Relaxed);
        let mut demand = Demand::everything();
        demand.processes = ProcessDemand { memory, ..ProcessDemand::default() };
        source.read(&mut Read::new(&clock, &demand)).expect("a listing");
        source.known.iter().map(|entry| entry.texts_asked_ns).collect::<Vec<_>>()
    };
    let late = TEXTS_STALE_NS + 2;
    assert_eq!(asked_at(&mut source, 1, Rows::All), [1, 1, 1]);
    assert_eq!(asked_at(&mut source, late - 1, Rows::All), [1, 1, 1]);
    assert_eq!(asked_at(&mut source, late, Rows::None), [1, 1, 1]);
    assert_eq!(asked_at(&mut source, late, Rows::Keys(vec![Key(2, 40)])), [1, late, 1]);
    assert_eq!(asked_at(&mut source, late, Rows::All), [late, late, late]);
}

#[test]
fn a_mount_that_hides_processes_is_told() {
    let tree = Tree::new("hidden");
    fs::create_dir_all(tree.0.join("proc/self")).expect("folder");
    for (options, told) in [
        ("rw,hidepid=2", true),
        ("rw,hidepid=invisible", true),
        ("rw,hidepid=0", false),
        ("rw", false),
    ] {
        let line = format!("20 1 0:5 / /proc rw,nosuid shared:2 - proc proc {options}\n");
        fs::write(tree.0.join("proc/self/mountinfo"), line).expect("written");
        assert_eq!(hidden_by_mount(&Roots::below(&tree.0)).is_some(), told, "{options}");
    }
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } == 0 {
        assert!(sees_others(&Roots::real()), "nothing is hidden from root");
    }
}

/// Microseconds of CPU time that this program used so far, and the sweep's counters' descriptors.
fn cpu_us() -> u64 {
    crate::own_usage().cpu_us.unwrap_or(0)
}

/// Beside `cargo xtask load 3000`: `cargo test --release -p retop-sources -- --ignored --nocapture
/// what_counters_add`. Software events stand in for hardware's: as many, opened and read alike.
#[test]
#[ignore = "measures, and needs a load of thousands of processes"]
fn what_counters_add_to_a_sweep() {
    const ROUNDS: u32 = 40;
    let measure = |counted: bool| {
        let mut source = Processes::new(&Roots::real());
        source.counters = Counters::of(crate::linux::perf::tests::software());
        let (table, ..) = sweep(&mut source, ProcessDemand::default());
        let mut rows: Vec<usize> = (0..table.len()).collect();
        let used = |row: &usize| value(&table, *row, process::user_seconds);
        rows.sort_by_key(|row| std::cmp::Reverse(used(row)));
        let busiest: Vec<Key> = rows.iter().take(50).map(|&row| table.keys()[row]).collect();
        let counters = if counted { Rows::Keys(busiest) } else { Rows::None };
        let demand = ProcessDemand { counters, ..ProcessDemand::default() };
        for _ in 0..8 {
            // Attached bit by bit.
            sweep(&mut source, demand.clone());
        }
        let before = cpu_us();
        for _ in 0..ROUNDS {
            std::thread::sleep(std::time::Duration::from_millis(50));
            sweep(&mut source, demand.clone());
        }
        let each = (cpu_us() - before) / u64::from(ROUNDS);
        (each, table.len(), source.counters.descriptors())
    };
    for round in 0..3 {
        let (without, processes, _) = measure(false);
        let (with, _, descriptors) = measure(true);
        let more = (with as f64 / without as f64 - 1.0) * 100.0;
        println!(
            "{round}: {processes} processes: {without} us a sweep, {with} us with counters of 50 in \
             {descriptors} descriptors: {more:+.1} %"
        );
    }
}
