use std::sync::Arc;

use proptest::prelude::*;
use retop_model::family::{cpu, exit, gpu_process, host, process};
use retop_model::{FamilyId, Key, RawSample, Reading, Snapshot, derive};

use super::*;
use crate::export::made;

/// A process at one moment: pid, start in ms since boot, name, CPU time in ms.
type Row = (u64, i64, &'static str, i64);

/// The made-up clock stands at 1,000 s since boot in second 0.
const BOOT_MS: i64 = 1_000_000;

fn sample(second: u64, rows: &[Row]) -> RawSample {
    let mut sample = RawSample::new(made::stamp(second));
    sample.put(made::table(FamilyId::Process, second, |table| {
        for &(pid, start_ms, name, cpu_ms) in rows {
            let user = if name.starts_with('a') { "ann" } else { "bob" };
            table
                .push(Key(pid, start_ms.unsigned_abs()))
                .text(process::name, name)
                .text(process::user, user)
                .set(process::pid, pid)
                .set(process::start_seconds, start_ms * 1_000)
                .set(process::user_id, if user == "ann" { 1 } else { 2 })
                .set(process::user_seconds, cpu_ms * 1_000)
                .set(process::system_seconds, 0)
                .set(process::resident_bytes, i64::try_from(pid).unwrap() * 100);
        }
    }));
    sample
}

/// A report of an end: pid, life in ms, name, CPU time in ms.
fn with_exits(mut sample: RawSample, second: u64, rows: &[Row]) -> RawSample {
    sample.put(made::table(FamilyId::Exit, second, |table| {
        for (&(pid, life_ms, name, cpu_ms), sequence) in rows.iter().zip(0..) {
            table
                .push(Key(pid, sequence))
                .text(exit::name, name)
                .set(exit::pid, pid)
                .set(exit::user_id, 2)
                .set(exit::exit_code, 3)
                .set(exit::elapsed_seconds, life_ms * 1_000)
                .set(exit::user_seconds, cpu_ms * 1_000)
                .set(exit::system_seconds, 0);
        }
    }));
    sample
}

fn moments(samples: impl IntoIterator<Item = RawSample>) -> Vec<Snapshot> {
    let mut moments: Vec<Snapshot> = Vec::new();
    for sample in samples {
        moments.push(derive(moments.last(), Arc::new(sample)));
    }
    moments
}

fn ask(by: By, samples: impl IntoIterator<Item = RawSample>) -> Answer {
    let mut tally = Tally::new(by);
    moments(samples).iter().for_each(|moment| tally.push(moment));
    tally.finish(Top::Cpu)
}

fn cpu_of(answer: &Answer) -> Vec<(&str, Option<f64>)> {
    answer.lines.iter().map(|line| (line.name.as_str(), line.used.cpu_seconds)).collect()
}

#[test]
fn what_is_used_is_the_difference_of_counters() {
    let old = BOOT_MS - 500_000;
    let born = BOOT_MS + 500;
    let answer = ask(
        By::Name,
        [
            sample(0, &[(1, old, "init", 90_000), (2, old, "a", 5_000), (3, old, "a", 7_000)]),
            sample(1, &[(1, old, "init", 90_000), (2, old, "a", 5_250), (3, old, "a", 7_000)]),
            // One ends, one begins; that it used 400 ms before it was first seen is known.
            sample(2, &[(1, old, "init", 90_010), (2, old, "a", 5_500), (9, born, "b", 400)]),
            sample(3, &[(1, old, "init", 90_010), (2, old, "a", 5_500), (9, born, "b", 1_400)]),
        ],
    );
    assert_eq!(cpu_of(&answer), [("b", Some(1.4)), ("a", Some(0.5)), ("init", Some(0.01))]);
    let processes: Vec<u64> = answer.lines.iter().map(|line| line.processes).collect();
    assert_eq!(processes, [1, 2, 1]);
    assert_eq!((answer.samples, answer.seconds, answer.ends_unreported), (4, 3.0, 1));
    assert_eq!(answer.total.cpu_seconds, Some(1.91));
    assert!(answer.gaps.is_empty());
    // 200, 200 + 300 and 200 bytes were held for a second each; nobody looked before the first.
    let memory = |name: &str| answer.lines.iter().find(|line| line.name == name).unwrap();
    assert_eq!(memory("a").used.memory_max_bytes, Some(500));
    assert_eq!(memory("a").used.memory_mean_bytes, Some(300.0));
    assert_eq!(memory("b").used.memory_mean_bytes, Some(600.0));
    // Nobody measured these.
    assert_eq!(answer.total.read_bytes, None);
    assert_eq!(answer.total.energy_joules, None);
    assert!(is_recorded(&answer, Top::Cpu) && is_recorded(&answer, Top::Memory));
    assert!(![Top::Io, Top::Energy, Top::Gpu].iter().any(|&top| is_recorded(&answer, top)));
}

#[test]
fn the_first_sample_is_where_counting_begins() {
    // A process that began just before it has used what it has used before the window.
    let just = BOOT_MS - 50;
    let rows = |cpu_ms| [(7, just, "a", cpu_ms)];
    assert_eq!(cpu_of(&ask(By::Name, [sample(0, &rows(800))])), [("a", None)]);
    let answer = ask(By::Name, [sample(0, &rows(800)), sample(1, &rows(900))]);
    assert_eq!(cpu_of(&answer), [("a", Some(0.1))]);
    // One that was there and was not seen: what it used before its first sample is not known.
    let late = [sample(0, &[]), sample(1, &rows(800)), sample(2, &rows(900))];
    assert_eq!(cpu_of(&ask(By::Name, late)), [("a", Some(0.1))]);
    let nothing = ask(By::Name, []);
    assert_eq!((nothing.samples, nothing.lines.len()), (0, 0));
}

#[test]
fn ends_that_the_kernel_reports_add_what_no_sample_saw() {
    let old = BOOT_MS - 60_000;
    let b = (5, old, "b", 1_000);
    /// Name, CPU time, and what of it is known from exits alone.
    type Wanted = &'static [(&'static str, f64, f64)];
    let cases: [(&str, Vec<RawSample>, Wanted, u64); 6] = [
        (
            "in the sample in which it is gone",
            vec![sample(0, &[b]), with_exits(sample(1, &[]), 1, &[(5, 60_700, "b", 1_600)])],
            &[("b", 0.6, 0.6)],
            0,
        ),
        (
            "one sample late",
            vec![
                sample(0, &[b]),
                sample(1, &[]),
                with_exits(sample(2, &[]), 2, &[(5, 60_700, "b", 1_600)]),
            ],
            &[("b", 0.6, 0.6)],
            0,
        ),
        (
            "while it still stands in the table",
            vec![
                sample(0, &[b]),
                with_exits(sample(1, &[(5, old, "b", 1_100)]), 1, &[(5, 60_990, "b", 1_600)]),
                sample(2, &[]),
            ],
            &[("b", 0.6, 0.5)],
            0,
        ),
        (
            "of a process that no sample saw",
            vec![
                sample(0, &[b]),
                with_exits(sample(1, &[b]), 1, &[(6, 300, "short", 250), (7, 10, "short", 1)]),
            ],
            &[("short", 0.251, 0.251), ("b", 0.0, 0.0)],
            0,
        ),
        (
            "of one whose number another has taken",
            vec![
                sample(0, &[b]),
                with_exits(
                    sample(1, &[(5, BOOT_MS + 900, "a", 10)]),
                    1,
                    &[(5, 60_500, "b", 1_600)],
                ),
            ],
            &[("b", 0.6, 0.6), ("a", 0.01, 0.0)],
            0,
        ),
        (
            "of what ended before the window, and of one that is missing in it",
            vec![
                with_exits(sample(0, &[b]), 0, &[(6, 300, "before", 250)]),
                with_exits(sample(1, &[]), 1, &[(8, 100_000, "hidden", 9_000)]),
            ],
            &[],
            1,
        ),
    ];
    for (case, samples, wanted, unreported) in cases {
        let answer = ask(By::Name, samples);
        let used: Vec<_> = answer
            .lines
            .iter()
            .filter_map(|line| {
                let used = &line.used;
                Some((line.name.as_str(), used.cpu_seconds?, used.cpu_seconds_from_exits))
            })
            .collect();
        assert_eq!(used, wanted, "{case}");
        assert_eq!(answer.ends_unreported, unreported, "{case}");
    }
}

#[test]
fn a_boot_in_between_makes_other_processes_of_the_same_numbers() {
    let boot = |mut sample: RawSample, second: u64, id: &'static str, boottime_s: u64| {
        sample.stamp.boottime_ns = boottime_s * 1_000_000_000;
        sample.stamp.monotonic_ns = boottime_s * 1_000_000_000;
        sample.put(made::table(FamilyId::Host, second, |table| {
            table.push(Key::ONE).text(host::boot_id, id);
        }));
        sample
    };
    let answer = ask(
        By::Name,
        [
            boot(sample(0, &[(1, 10, "init", 5_000)]), 0, "x", 1_000),
            boot(sample(1, &[(1, 10, "init", 5_100)]), 1, "x", 1_001),
            boot(sample(90, &[(1, 10, "init", 700)]), 90, "y", 30),
            boot(sample(91, &[(1, 10, "init", 900)]), 91, "y", 31),
        ],
    );
    // 0.1 s before, and all 0.9 s since the boot, which was in the window.
    assert_eq!(cpu_of(&answer), [("init", Some(1.0))]);
    assert_eq!(answer.lines[0].processes, 2);
    assert_eq!(answer.seconds, 2.0);
    let gap = answer.gaps[..].first().copied().unwrap();
    assert!(gap.boot && answer.gaps.len() == 1);
    assert_eq!(gap.until_ms - gap.from_ms, 89_000);
}

#[test]
fn gaps_are_told_and_counters_go_on_through_them() {
    let old = BOOT_MS - 1_000;
    let rows = |cpu_ms| [(4, old, "a", cpu_ms)];
    let mut slept = sample(9, &rows(400));
    slept.stamp.monotonic_ns -= 4_000_000_000;
    let samples =
        [0, 1, 2].map(|second| sample(second, &rows(100 * i64::try_from(second).unwrap())));
    let answer = ask(By::Name, samples.into_iter().chain([slept]));
    assert_eq!(cpu_of(&answer), [("a", Some(0.4))]);
    assert_eq!((answer.gaps.len(), answer.gaps[0].boot, answer.seconds), (1, false, 2.0));
    // Nobody wrote for a while: the counters know nevertheless.
    let answer =
        ask(By::Name, [0, 1, 2, 3, 60, 61].map(|second| sample(second, &rows(10 * second as i64))));
    assert_eq!(cpu_of(&answer), [("a", Some(0.61))]);
    let gap = answer.gaps[0];
    assert_eq!((answer.gaps.len(), gap.until_ms - gap.from_ms, answer.seconds), (1, 57_000, 4.0));
    // What was the same in all samples is its own mean, whatever lies between them.
    let Used { memory_max_bytes, memory_mean_bytes, .. } = &answer.total;
    assert_eq!((*memory_max_bytes, *memory_mean_bytes), (Some(400), Some(400.0)));
}

#[test]
fn a_counter_that_falls_takes_nothing_away() {
    let old = BOOT_MS - 1_000;
    let samples = [500, 900, 200, 350].into_iter().zip(0..);
    let samples = samples.map(|(cpu_ms, second)| sample(second, &[(4, old, "a", cpu_ms)]));
    assert_eq!(cpu_of(&ask(By::Name, samples)), [("a", Some(0.55))]);
}

#[test]
fn what_became_another_program_counts_for_each() {
    let born = BOOT_MS + 500;
    let samples = [
        sample(0, &[]),
        sample(1, &[(4, born, "bash", 100)]),
        sample(2, &[(4, born, "make", 400)]),
        sample(3, &[(4, born, "make", 500)]),
    ];
    let answer = ask(By::Name, samples.clone());
    assert_eq!(cpu_of(&answer), [("make", Some(0.4)), ("bash", Some(0.1))]);
    let answer = ask(By::Pid, samples);
    assert_eq!(cpu_of(&answer), [("make", Some(0.5))]);
    assert_eq!((answer.lines[0].pid, answer.lines[0].processes), (Some(4), 1));
}

#[test]
fn users_are_named_and_missing_groups_are_said_to_be() {
    let old = BOOT_MS - 1_000;
    let samples = || {
        let rows = |cpu_ms| [(4, old, "a", cpu_ms), (5, old, "b", 2 * cpu_ms)];
        [sample(0, &rows(0)), with_exits(sample(1, &rows(100)), 1, &[(6, 300, "short", 50)])]
    };
    assert_eq!(cpu_of(&ask(By::User, samples())), [("bob", Some(0.25)), ("ann", Some(0.1))]);
    for by in [By::Container, By::Cgroup] {
        let answer = ask(by, samples());
        assert_eq!(cpu_of(&answer), [("(none)", Some(0.3)), ("(not known)", Some(0.05))]);
    }
}

#[test]
fn lines_come_in_the_order_that_is_asked_for() {
    let old = BOOT_MS - 1_000;
    let rows = |second: i64| [(1, old, "x", 10 * second), (9, old, "y", 0), (3, old, "z", 0)];
    let moments = moments([sample(0, &rows(0)), sample(1, &rows(1))]);
    let order = |top: Top| {
        let mut tally = Tally::new(By::Name);
        moments.iter().for_each(|moment| tally.push(moment));
        let names = tally.finish(top).lines.into_iter().map(|line| line.name);
        names.collect::<Vec<_>>().concat()
    };
    assert_eq!(order(Top::Cpu), "xyz");
    assert_eq!(order(Top::Memory), "yzx");
    assert_eq!(order(Top::Io), "xyz", "nothing is known: by CPU time");
}

/// Rows of graphics processors: pid, start in ms, share in percent, memory.
fn with_gpus(
    mut sample: RawSample,
    second: u64,
    rows: &[(u64, Option<i64>, i64, i64)],
) -> RawSample {
    sample.put(made::table(FamilyId::GpuProcess, second, |table| {
        for (&(pid, start_ms, percent, memory), device) in rows.iter().zip(0..) {
            table
                .push(Key(pid, device))
                .text(gpu_process::name, "on the card")
                .set(gpu_process::pid, pid)
                .set(gpu_process::start_seconds, start_ms.map(|ms| ms * 1_000))
                .set(gpu_process::utilization_ratio, percent * 100)
                .set(gpu_process::memory_bytes, memory);
        }
    }));
    sample
}

#[test]
fn graphics_processors_are_counted_by_their_samples() {
    let old = BOOT_MS - 1_000;
    let processes = [(1, old, "x", 0), (2, old, "y", 0)];
    let samples = || {
        let at = |second, rows: &[_]| with_gpus(sample(second, &processes), second, rows);
        [
            at(0, &[(2, Some(old), 90, 500)]),
            // One process on two devices, one that cannot be seen, and one of another life.
            at(1, &[(2, Some(old), 50, 300), (2, Some(old), 25, 300), (9, None, 10, 40)]),
            at(3, &[(1, Some(old - 5), 100, 7), (2, Some(old), 20, 100)]),
        ]
    };
    let answer = ask(By::Name, samples());
    assert!(is_recorded(&answer, Top::Gpu));
    let of = |name: &str| {
        let line = answer.lines.iter().find(|line| line.name == name).unwrap();
        (line.used.gpu_seconds, line.used.gpu_memory_max_bytes)
    };
    // 0.75 of a second, then 0.2 of two; what was before the first sample is not of the window.
    assert_eq!(of("y"), (Some(1.15), Some(600)));
    assert_eq!(of("x"), (None, None));
    assert_eq!(of("on the card"), (Some(2.1), Some(40)));
    let answer = ask(By::User, samples());
    assert_eq!(answer.total.gpu_seconds, Some(3.25));
    assert_eq!(answer.lines.len(), 2, "bob's, and what is not known");
}

#[test]
fn the_machine_is_what_was_not_idle() {
    let with_cpu = |second: u64, user_ms: i64, idle_ms: i64| {
        let mut sample = sample(second, &[]);
        sample.put(made::table(FamilyId::Cpu, second, |table| {
            let mut row = table.push(Key::ONE);
            row.set(cpu::user_seconds, user_ms * 1_000).set(cpu::idle_seconds, idle_ms * 1_000);
        }));
        sample
    };
    let answer = ask(By::Name, [with_cpu(0, 5_000, 90_000), with_cpu(1, 5_500, 91_500)]);
    assert_eq!(answer.machine_cpu_seconds, Some(0.5));
    assert_eq!(answer.machine_cpu_available_seconds, Some(2.0));
}

#[test]
fn a_process_is_followed_part_by_part() {
    let born = BOOT_MS + 1_500;
    let samples = [
        sample(0, &[(1, 10, "init", 0)]),
        sample(1, &[(1, 10, "init", 0)]),
        sample(2, &[(1, 10, "init", 0), (7, born, "bash", 100)]),
        sample(3, &[(1, 10, "init", 0), (7, born, "make", 300)]),
        with_exits(sample(4, &[(1, 10, "init", 0)]), 4, &[(7, 2_000, "make", 350)]),
        sample(5, &[(1, 10, "init", 0), (7, BOOT_MS + 4_800, "other", 10)]),
    ];
    let from_ms = made::stamp(0).wall_ms;
    let mut tally = Tally::of_pid(7, from_ms, from_ms + 5_000, 5);
    moments(samples).iter().for_each(|moment| tally.push(moment));
    let answer = tally.finish(Top::Cpu);
    assert_eq!(cpu_of(&answer), [("make", Some(0.35)), ("other", Some(0.01))]);
    let [first, second] = &answer.lives[..] else { panic!("{:?}", answer.lives) };
    assert_eq!((first.name.as_str(), first.began_ms), ("make", Some(from_ms + 1_500)));
    assert!(first.began_in_window && first.gone && !second.gone);
    assert_eq!(
        (first.exit_code, first.last_ms, second.exit_code),
        (Some(3), from_ms + 4_000, None)
    );
    let used: Vec<_> = first.slices.iter().map(|slice| slice.cpu_seconds).collect();
    assert_eq!(used, [None, Some(0.1), Some(0.2), Some(0.05), None]);
    let begins: Vec<_> = first.slices.iter().map(|slice| slice.from_ms - from_ms).collect();
    assert_eq!(begins, [0, 1_000, 2_000, 3_000, 4_000]);
}

proptest! {
    /// Whatever comes, every way of counting gives the same sum, and none takes anything away.
    #[test]
    fn sums_agree_and_never_fall(
        samples in prop::collection::vec(
            prop::collection::btree_map(1u64..8, (0i64..3, 0i64..1_000), 0..6), 1..12),
        exits in prop::collection::vec((1u64..8, 0i64..5_000, 0i64..1_000), 0..4),
    ) {
        let samples: Vec<RawSample> = samples.iter().zip(0..).map(|(rows, second)| {
            let rows: Vec<Row> = rows.iter().map(|(&pid, &(name, cpu_ms))| {
                let start = BOOT_MS + i64::try_from(pid).unwrap() * 1_000 - 4_000;
                (pid, start, ["a", "b", "c"][usize::try_from(name).unwrap()], cpu_ms)
            }).collect();
            let exits: Vec<Row> = exits.iter().map(|&(pid, life, cpu)| (pid, life, "a", cpu)).collect();
            with_exits(sample(second, &rows), second, &exits)
        }).collect();
        let mut totals = Vec::new();
        for by in [By::Name, By::User, By::Container, By::Cgroup, By::Pid] {
            let answer = ask(by, samples.clone());
            let sum: f64 = answer.lines.iter().filter_map(|line| line.used.cpu_seconds).sum();
            prop_assert!((sum - answer.total.cpu_seconds.unwrap_or(0.0)).abs() < 1e-9);
            prop_assert!(answer.lines.iter().all(|line| line.used.cpu_seconds.unwrap_or(0.0) >= 0.0));
            totals.push(answer.total);
        }
        prop_assert!(totals.windows(2).all(|pair| pair[0] == pair[1]), "{totals:?}");
    }

    #[test]
    fn no_number_is_too_much(name: Vec<u8>, numbers in prop::collection::vec(any::<i64>(), 3)) {
        let mut tally = Tally::new(By::Name);
        let mut of_pid = Tally::of_pid(numbers[0], i64::MIN, i64::MAX, 20);
        for number in numbers {
            let moment = made::hostile(&name, number);
            tally.push(&moment);
            of_pid.push(&moment);
        }
        let _ = (tally.finish(Top::Io), of_pid.finish(Top::Cpu));
    }
}

#[test]
fn counters_that_are_missing_stay_missing() {
    assert_eq!(
        increase(
            &[Reading::new(1), Reading::NONE, Reading::new(5), Reading::new(i64::MAX)],
            &[Reading::new(3), Reading::new(7), Reading::NONE, Reading::new(i64::MIN + 1)],
        ),
        [Some(2), None, None, None]
    );
}

#[test]
fn cpu_time_of_the_machine_is_that_of_each_boot() {
    /// Boot, second, busy and idle seconds.
    type Seen = &'static [(&'static str, u64, i64, i64)];
    // The other boot has been up for longer than the first.
    let cases: [(Seen, Option<f64>); 4] = [
        (&[("a", 0, 10, 90), ("a", 1, 11, 93)], Some(1.0)),
        (&[("a", 0, 10, 90), ("a", 1, 11, 93), ("b", 2, 500, 900), ("b", 3, 502, 902)], Some(3.0)),
        (&[("a", 0, 10, 90), ("b", 1, 500, 900)], None),
        // Who does not say which boot it was is told by the time since.
        (&[("", 5, 10, 90), ("", 1, 500, 900), ("", 2, 501, 900)], Some(1.0)),
    ];
    for (samples, wanted) in cases {
        let samples = samples.iter().map(|&(boot, second, busy, idle)| {
            let mut sample = sample(second, &[]);
            if !boot.is_empty() {
                sample.put(made::table(FamilyId::Host, second, |table| {
                    table.push(Key::ONE).text(host::boot_id, boot);
                }));
            }
            sample.put(made::table(FamilyId::Cpu, second, |table| {
                let mut row = table.push(Key::ONE);
                row.set(cpu::user_seconds, busy * 1_000_000)
                    .set(cpu::idle_seconds, idle * 1_000_000);
            }));
            sample
        });
        assert_eq!(ask(By::Name, samples).machine_cpu_seconds, wanted);
    }
}
