use proptest::prelude::*;

use super::*;
use crate::family::{cpu, disk, memory, process};

const SECOND: u64 = 1_000_000_000;

fn stamp(monotonic_ns: u64) -> Stamp {
    Stamp { wall_ms: 0, monotonic_ns, boottime_ns: monotonic_ns }
}

/// A sample at a moment, with tables that were read just then.
fn sample(stamp: Stamp, tables: impl IntoIterator<Item = RawTable>) -> Arc<RawSample> {
    let mut sample = RawSample::new(stamp);
    for mut table in tables {
        if table.window() == Window::default() {
            let now = stamp.monotonic_ns;
            table.finish(Window { begin_ns: now, end_ns: now });
        }
        sample.put(Arc::new(table));
    }
    Arc::new(sample)
}

/// Disks by number, with the bytes that they have read.
fn disks(rows: &[(u64, i64)]) -> RawTable {
    let mut table = RawTable::new(FamilyId::Disk);
    for &(number, bytes) in rows {
        table.push(Key(number, 0)).set(disk::read_bytes, bytes);
    }
    table
}

fn read_rate(snapshot: &Snapshot, key: Key) -> Option<f64> {
    snapshot.find(FamilyId::Disk, key)?.get(disk::read_bytes_per_second)
}

/// A snapshot after another one, both of disks.
fn after(previous: &Snapshot, stamp: Stamp, rows: &[(u64, i64)]) -> Snapshot {
    derive(Some(previous), sample(stamp, [disks(rows)]))
}

fn first(rows: &[(u64, i64)]) -> Snapshot {
    derive(None, sample(stamp(10 * SECOND), [disks(rows)]))
}

#[test]
fn the_first_sample_has_values_and_no_rates() {
    let only = first(&[(1, 500)]);
    let row = only.find(FamilyId::Disk, Key(1, 0)).expect("there");
    assert_eq!(row.get(disk::read_bytes), Some(500.0));
    assert_eq!(row.get(disk::read_bytes_per_second), None);
    assert!(!row.is_new() && !only.has_rates() && !only.is_gap());
    assert_eq!(only.interval_seconds(), None);
}

#[test]
fn a_rate_is_the_increase_over_the_time_between_the_reads() {
    let second = after(&first(&[(1, 500)]), stamp(12 * SECOND), &[(1, 2500)]);
    assert_eq!(read_rate(&second, Key(1, 0)), Some(1000.0));
    assert_eq!(second.interval_seconds(), Some(2.0));
    assert!(second.has_rates());
    let third = after(&second, stamp(12 * SECOND + SECOND / 2), &[(1, 2500)]);
    assert_eq!(read_rate(&third, Key(1, 0)), Some(0.0), "0 is a rate too");
}

#[test]
fn new_and_vanished_entities_take_nobody_elses_numbers() {
    let one = first(&[(1, 100), (3, 300), (5, 500)]);
    let two =
        after(&one, stamp(11 * SECOND), &[(2, 9_999), (3, 310), (4, 8_888), (5, 520), (6, 7)]);
    let rates: Vec<_> = (1..=6).map(|number| read_rate(&two, Key(number, 0))).collect();
    assert_eq!(rates, [None, None, Some(10.0), None, Some(20.0), None]);
    let new: Vec<bool> = two.rows(FamilyId::Disk).map(Row::is_new).collect();
    assert_eq!(new, [true, false, true, false, true]);
    let three = after(&two, stamp(12 * SECOND), &[(1, 150), (2, 10_000)]);
    assert_eq!(read_rate(&three, Key(1, 0)), None, "one that came back is new");
    assert!(three.find(FamilyId::Disk, Key(1, 0)).is_some_and(Row::is_new));
    assert_eq!(read_rate(&three, Key(2, 0)), Some(1.0));
    let none = derive(Some(&three), sample(stamp(13 * SECOND), []));
    assert_eq!(none.rows(FamilyId::Disk).len(), 0);
    assert!(none.row(FamilyId::Disk, 0).is_none() && none.window(FamilyId::Disk).is_none());
    let back = after(&none, stamp(14 * SECOND), &[(2, 10_500)]);
    assert_eq!(read_rate(&back, Key(2, 0)), None, "a family that was away has no row before");
}

#[test]
fn a_pid_used_again_is_another_process() {
    let table = |start: i64, used: i64| {
        let mut table = RawTable::new(FamilyId::Process);
        let key = Key(77, u64::try_from(start).unwrap());
        table
            .push(key)
            .set(process::pid, 77)
            .set(process::user_seconds, used)
            .set(process::system_seconds, 0);
        table
    };
    let one = derive(None, sample(stamp(SECOND), [table(5, 1_000_000)]));
    let same = derive(Some(&one), sample(stamp(2 * SECOND), [table(5, 1_500_000)]));
    let reused = derive(Some(&one), sample(stamp(2 * SECOND), [table(6, 1_500_000)]));
    let ratio = |snapshot: &Snapshot| {
        let row = snapshot.row(FamilyId::Process, 0).expect("there");
        (row.get(process::cpu_ratio), row.is_new())
    };
    assert_eq!(ratio(&same), (Some(0.5), false));
    assert_eq!(ratio(&reused), (None, true));
}

#[test]
fn a_counter_that_falls_gives_no_rate_and_harms_nobody_else() {
    let one = first(&[(1, 500), (2, 500)]);
    let two = after(&one, stamp(11 * SECOND), &[(1, 499), (2, 600)]);
    assert_eq!(read_rate(&two, Key(1, 0)), None);
    assert_eq!(read_rate(&two, Key(2, 0)), Some(100.0));
    let three = after(&two, stamp(12 * SECOND), &[(1, 509), (2, 600)]);
    assert_eq!(read_rate(&three, Key(1, 0)), Some(10.0), "the next pair is sound again");
}

#[test]
fn the_kernels_cpu_times_may_fall_by_a_tick() {
    let table = |user: i64, idle: i64| {
        let mut table = RawTable::new(FamilyId::Cpu);
        table.push(Key::ONE).set(cpu::user_seconds, user).set(cpu::idle_seconds, idle);
        table
    };
    let one = derive(None, sample(stamp(SECOND), [table(1_000, 50_000)]));
    let two = derive(Some(&one), sample(stamp(2 * SECOND), [table(2_000, 40_000)]));
    assert_eq!(two.one(cpu::utilization_ratio), Some(1.0), "idle stood still");
    let stopped = derive(Some(&one), sample(stamp(2 * SECOND), [table(1_000, 50_000)]));
    assert_eq!(stopped.one(cpu::utilization_ratio), None, "a stopped machine has no share");
}

#[test]
fn sleep_is_a_gap_and_jitter_is_none() {
    let one = first(&[(1, 0)]);
    for (slept_ns, gap) in [(0, false), (SECOND / 10, false), (SECOND, true), (u64::MAX / 4, true)]
    {
        let now =
            Stamp { wall_ms: 0, monotonic_ns: 11 * SECOND, boottime_ns: 11 * SECOND + slept_ns };
        let two = after(&one, now, &[(1, 1000)]);
        assert_eq!((two.is_gap(), two.has_rates()), (gap, !gap), "{slept_ns}");
        assert_eq!(read_rate(&two, Key(1, 0)), (!gap).then_some(1000.0), "{slept_ns}");
        let row = two.row(FamilyId::Disk, 0).expect("there");
        assert_eq!(row.get(disk::read_bytes), Some(1000.0), "what was read stands");
        assert!(!row.is_new(), "it slept with the machine");
        let later =
            Stamp { monotonic_ns: 12 * SECOND, boottime_ns: now.boottime_ns + SECOND, ..now };
        assert_eq!(read_rate(&after(&two, later, &[(1, 1500)]), Key(1, 0)), Some(500.0));
    }
}

#[test]
fn time_that_stands_still_or_goes_back_gives_no_rates() {
    let one = first(&[(1, 0)]);
    for moment in [0, 9 * SECOND, 10 * SECOND] {
        let two = after(&one, stamp(moment), &[(1, 1000)]);
        assert!(two.is_gap() && !two.has_rates(), "{moment}");
        assert_eq!(read_rate(&two, Key(1, 0)), None, "{moment}");
    }
}

#[test]
fn reads_of_no_length_in_time_give_no_rates() {
    let same = Window { begin_ns: 5, end_ns: 7 };
    let nearly = Window { begin_ns: 4, end_ns: 8 };
    let table = |window, bytes| {
        let mut table = disks(&[(1, bytes)]);
        table.finish(window);
        table
    };
    let one = derive(None, sample(stamp(SECOND), [table(same, 0)]));
    let two = derive(Some(&one), sample(stamp(2 * SECOND), [table(nearly, 50)]));
    assert_eq!(read_rate(&two, Key(1, 0)), None, "both have the same middle");
    assert!(!two.is_gap());
}

#[test]
fn a_slow_table_keeps_its_rate_until_it_is_read_again() {
    let read = |at: u64, bytes: i64| {
        let mut table = disks(&[(1, bytes)]);
        table.finish(Window { begin_ns: at, end_ns: at + 1000 });
        table
    };
    let mut last = derive(None, sample(stamp(SECOND), [read(SECOND, 0)]));
    let mut rates = Vec::new();
    // Read at 1, 4 and 7; sampled every second.
    for second in 2..=8u64 {
        let at = 1 + (second - 1) / 3 * 3;
        let bytes = [0, 3000, 9000][usize::try_from((at - 1) / 3).unwrap()];
        last = derive(Some(&last), sample(stamp(second * SECOND), [read(at * SECOND, bytes)]));
        rates.push(read_rate(&last, Key(1, 0)));
    }
    let (slow, fast) = (Some(1000.0), Some(2000.0));
    assert_eq!(rates, [None, None, slow, slow, slow, fast, fast]);
}

#[test]
fn a_field_asks_for_its_own_family() {
    let table = |bytes: i64| {
        let mut table = RawTable::new(FamilyId::Memory);
        table.push(Key::ONE).set(memory::total_bytes, bytes);
        table
    };
    let one = derive(None, sample(stamp(SECOND), [table(8), disks(&[(1, 2)])]));
    assert_eq!(one.one(memory::total_bytes), Some(8.0));
    assert_eq!(one.one(memory::free_bytes), None, "not read is not 0");
    assert_eq!(one.one(cpu::logical), None, "no table at all");
    assert!(one.row(FamilyId::Disk, 1).is_none());
    assert!(one.find(FamilyId::Disk, Key(9, 9)).is_none());
    assert_eq!(sum([None, Some(1.0), None, Some(2.0)]), Some(3.0));
    assert_eq!(sum([None, None]), None);
}

/// Every family with a few rows of arbitrary readings.
fn arbitrary(keys: &[u64], numbers: &[i64], window: Window) -> Vec<RawTable> {
    let mut numbers = numbers.iter().cycle();
    FamilyId::all()
        .map(|id| {
            let mut table = RawTable::new(id);
            for &key in keys {
                let mut row = table.push(Key(key, 0));
                let readings = numbers.by_ref().map(|&number| crate::reading::Reading::new(number));
                row.fill(readings.take(id.get().raw.len()));
                if !id.get().many {
                    break;
                }
            }
            table.finish(window);
            table
        })
        .collect()
}

fn keys() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(0u64..4, 0..4)
}

fn readings() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(reading(), 1..40)
}

/// Mostly numbers as machines give them, sometimes the ends of what can be written.
fn reading() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 0i64..1_000_000,
        2 => any::<i64>(),
        1 => Just(0),
        1 => Just(i64::MAX),
        1 => Just(i64::MIN),
        1 => Just(i64::MIN + 1),
    ]
}

fn moment() -> impl Strategy<Value = (u64, u64, u64)> {
    let time = || prop_oneof![0..100 * SECOND, any::<u64>()];
    (time(), time(), time())
}

proptest! {
    #[test]
    fn nothing_that_was_read_can_break_a_snapshot(
        samples in prop::collection::vec((moment(), keys(), readings()), 1..4),
    ) {
        let mut last: Option<Snapshot> = None;
        for ((monotonic_ns, boottime_ns, begin_ns), keys, numbers) in samples {
            let stamp = Stamp { wall_ms: 0, monotonic_ns, boottime_ns };
            let window = Window { begin_ns, end_ns: monotonic_ns };
            let now = derive(last.as_ref(), sample(stamp, arbitrary(&keys, &numbers, window)));
            for family in FamilyId::all() {
                for row in now.rows(family) {
                    for field in family.get().fields() {
                        let value = row.get(field);
                        prop_assert!(value.is_none_or(f64::is_finite), "{}", field.name());
                        let of_cpu = [FamilyId::Cpu, FamilyId::Core].contains(&family);
                        if of_cpu && field.name().ends_with("_ratio") {
                            let fits = value.is_none_or(|value| (0.0..=1.0).contains(&value));
                            prop_assert!(fits, "{} is {value:?}", field.name());
                        }
                        let _ = (row.state(field), row.is_new(), row.key());
                    }
                    for text in family.get().text_fields() {
                        prop_assert!(row.text(text).is_none());
                    }
                }
            }
            last = Some(now);
        }
    }

    #[test]
    fn a_table_put_in_later_is_as_one_that_was_there_from_the_start(
        samples in prop::collection::vec((moment(), keys(), readings()), 1..5),
        late in 0..FamilyId::COUNT,
    ) {
        let late = crate::family::FAMILIES[late].id;
        let (mut last, mut last_late): (Option<Snapshot>, Option<Snapshot>) = (None, None);
        for ((monotonic_ns, boottime_ns, begin_ns), keys, numbers) in samples {
            let stamp = Stamp { wall_ms: 0, monotonic_ns, boottime_ns };
            let window = Window { begin_ns, end_ns: monotonic_ns };
            let whole = sample(stamp, arbitrary(&keys, &numbers, window));
            let mut part = RawSample::clone(&whole);
            let table = part.take(late).expect("every family is there");
            let one = derive(last.as_ref(), whole);
            let other = derive(last_late.as_ref(), Arc::new(part))
                .with_table(last_late.as_ref(), RawTable::clone(&table));
            prop_assert_eq!(&one.now, &other.now);
            prop_assert_eq!(&one.before, &other.before);
            for (family, (one, other)) in one.matches.iter().zip(&other.matches).enumerate() {
                prop_assert_eq!(one, other, "{}", crate::family::FAMILIES[family].name);
            }
            prop_assert_eq!(one.gap, other.gap);
            (last, last_late) = (Some(one), Some(other));
        }
    }

    #[test]
    fn rows_are_matched_by_key_alone(
        before in prop::collection::btree_map(0u64..40, 0i64..1000, 0..30),
        now in prop::collection::btree_map(0u64..40, 0i64..1000, 0..30),
    ) {
        let rows = |map: &std::collections::BTreeMap<u64, i64>| {
            map.iter().map(|(&key, &bytes)| (key, bytes)).collect::<Vec<_>>()
        };
        let one = first(&rows(&before));
        let two = after(&one, stamp(11 * SECOND), &rows(&now));
        for (key, bytes) in now {
            let was = before.get(&key).filter(|&&was| was <= bytes);
            let expected = was.map(|was| (bytes - was) as f64);
            prop_assert_eq!(read_rate(&two, Key(key, 0)), expected);
        }
    }

    #[test]
    fn sums_of_increases_are_the_increase_of_the_whole(
        steps in prop::collection::vec((1u64..5 * SECOND, 0i64..1_000_000), 1..20),
    ) {
        let (mut time, mut bytes, mut last) = (10 * SECOND, 0, first(&[(1, 0)]));
        let mut total = 0.0;
        for (passed, more) in steps {
            (time, bytes) = (time + passed, bytes + more);
            last = after(&last, stamp(time), &[(1, bytes)]);
            let seconds = last.interval_seconds().expect("time passed");
            total += read_rate(&last, Key(1, 0)).expect("a rate") * seconds;
        }
        prop_assert!((total - bytes as f64).abs() < 1e-3 * (1.0 + bytes as f64));
    }
}

#[test]
fn a_whole_is_the_sum_of_its_parts_and_its_ratios_are_made_of_sums() {
    // Disk 1 served 10 reads in 1 s, disk 2 served 990 in 1 s; disk 3 counts no bytes, and disk 4
    // comes with the second sample.
    let at = |tick: i64| {
        let mut table = RawTable::new(FamilyId::Disk);
        for (number, reads) in [(1, 10), (2, 990)] {
            table
                .push(Key(number, 0))
                .set(disk::read_bytes, 4096 * reads * tick)
                .set(disk::written_bytes, 0_i64)
                .set(disk::reads_completed, reads * tick)
                .set(disk::writes_completed, 0_i64)
                .set(disk::read_time_seconds, 1_000 * tick)
                .set(disk::write_time_seconds, 0_i64)
                .set(disk::size_bytes, 1_000_000_i64)
                .set(disk::kind, 1_i64);
        }
        table.push(Key(3, 0)).set(disk::size_bytes, 500_i64);
        if tick > 0 {
            table.push(Key(4, 0)).set(disk::read_bytes, 1_i64 << 40);
        }
        sample(stamp((10 + tick as u64) * SECOND), [table])
    };
    let now = derive(Some(&derive(None, at(0))), at(1));
    let sum = |rows: &[u32], field: Field| now.whole(FamilyId::Disk, rows).get(field);
    let whole = |value: f64| Sum { value: Some(value), partial: false };
    let part = |value: f64| Sum { value: Some(value), partial: true };
    let cases: &[(&[u32], Field, Sum)] = &[
        (&[0, 1], disk::read_bytes_per_second, whole(4_096_000.0)),
        // Two seconds of waiting for 1,000 reads, and not the mean of 100 ms and 1.01 ms.
        (&[0, 1], disk::latency_seconds, whole(0.002)),
        (&[0, 1], disk::request_bytes, whole(4096.0)),
        (&[0], disk::latency_seconds, whole(0.1)),
        // What one of them does not tell makes the sum a part of the whole.
        (&[0, 1, 2], disk::read_bytes_per_second, part(4_096_000.0)),
        (&[0, 1, 2], disk::latency_seconds, part(0.002)),
        (&[0, 2], disk::size_bytes, whole(1_000_500.0)),
        // One that is new has no rate yet, and its total is no increase.
        (&[0, 3], disk::read_bytes_per_second, part(40_960.0)),
        // Missing from all of them stays missing; names and states do not add up.
        (&[2], disk::read_bytes, Sum::default()),
        (&[2, 3], disk::latency_seconds, Sum::default()),
        (&[0, 1], disk::kind, Sum::default()),
        (&[], disk::read_bytes, Sum::default()),
        (&[99], disk::read_bytes, Sum::default()),
    ];
    for (rows, field, wanted) in cases {
        assert_eq!(sum(rows, *field), *wanted, "{} of {rows:?}", field.name());
    }
}

#[test]
fn what_adds_up_is_known() {
    for (field, adds) in [
        (process::pid, false),
        (process::nice, false),
        (process::threads, true),
        (process::state, false),
        (process::start_seconds, false),
        (process::resident_bytes, true),
        (process::read_bytes, true),
        (process::read_bytes_per_second, true),
        (process::cpu_ratio, true),
        (process::memory_ratio, true),
        (process::age_seconds, false),
        (disk::utilization_ratio, false),
        (disk::request_bytes, false),
        (memory::total_bytes, true),
    ] {
        assert_eq!(field.adds(), adds, "{}", field.name());
    }
}

#[test]
fn a_field_of_another_family_is_nothing() {
    type Ask = fn(Row<'_>) -> bool;
    let snapshot = first(&[(7, 100)]);
    let row = snapshot.rows(FamilyId::Disk).next().expect("a disk");
    let asked: [(&str, Ask); 4] = [
        ("a value", |row| row.get(process::pid).is_none()),
        ("an integer", |row| row.raw(process::pid).is_none()),
        ("a state", |row| row.state(process::state).is_none()),
        ("a text", |row| row.text(process::name).is_none()),
    ];
    for (what, is_nothing) in asked {
        // A build with assertions stops at such a mistake; one without must not show another's column.
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| is_nothing(row)));
        assert!(told.unwrap_or(cfg!(debug_assertions)), "{what}");
    }
}
