use super::*;
use crate::export::made::{play, stamp, table};
use proptest::prelude::*;
use retop_model::family::FAMILIES;

/// pid, start second, name, CPU microseconds, resident bytes.
type Process<'a> = (u64, u64, &'a str, u64, i64);

/// A machine of one CPU and 1 GiB; the stamps say that it was booted 1,000 seconds before.
fn moment(second: u64, processes: &[Process<'_>]) -> RawSample {
    let mut sample = RawSample::new(stamp(second));
    sample.put(table(FamilyId::Cpu, second, |t| {
        t.push(Key::ONE).set(cpu::logical, 1);
    }));
    sample.put(table(FamilyId::Memory, second, |t| {
        t.push(Key::ONE).set(memory::total_bytes, 1_i64 << 30);
    }));
    sample.put(table(FamilyId::Process, second, |t| {
        for &(pid, start, name, used, resident) in processes {
            t.push(Key(pid, start))
                .text(process::name, name)
                .set(process::start_seconds, (1_000 + start) * 1_000_000)
                .set(process::threads, 2)
                .set(process::user_seconds, used)
                .set(process::system_seconds, 0)
                .set(process::resident_bytes, resident);
        }
    }));
    sample
}

/// Feeds the moments one by one and gives the last answer.
fn feed(groups: &mut Groups, moments: &[(u64, &[Process<'_>])]) -> Grouped {
    let mut last = None;
    for &(second, processes) in moments {
        let earlier = RawSample::new(stamp(second.saturating_sub(1)));
        let snapshot = play([earlier, moment(second, processes)]);
        last = Some(groups.advance(&snapshot));
    }
    last.unwrap()
}

fn get(grouped: &Grouped, name: &str, field: Field) -> Option<i64> {
    let row = grouped.snapshot.rows(FamilyId::Group).find(|row| row.shown(group::group) == name)?;
    row.raw(field)
}

#[test]
fn an_exit_never_makes_a_counter_fall() {
    let mut groups = Groups::new(GroupRules::auto());
    let two: &[Process<'_>] = &[(1, 0, "a", 5_000_000, 100), (2, 0, "a", 7_000_000, 50)];
    let grown: &[Process<'_>] = &[(1, 0, "a", 5_000_100, 100), (2, 0, "a", 7_000_030, 50)];
    let left: &[Process<'_>] = &[(2, 0, "a", 7_000_050, 50)];
    let grouped = feed(&mut groups, &[(5, two)]);
    assert_eq!(get(&grouped, "a", group::user_seconds), Some(0), "counted from the first look");
    assert_eq!(get(&grouped, "a", group::resident_bytes), Some(150));
    assert_eq!(get(&grouped, "a", group::threads), Some(4));
    assert_eq!(get(&grouped, "a", group::read_bytes), None, "no process gave it");
    let grouped = feed(&mut groups, &[(6, grown), (7, left)]);
    assert_eq!(get(&grouped, "a", group::user_seconds), Some(150));
    assert_eq!(get(&grouped, "a", group::processes), Some(1));
    let grouped = feed(&mut groups, &[(8, &[])]);
    assert_eq!(get(&grouped, "a", group::user_seconds), Some(150));
    assert_eq!(get(&grouped, "a", group::processes), Some(0));
}

#[test]
fn the_newborn_counts_in_full_and_the_returned_not_twice() {
    let mut groups = Groups::new(GroupRules::auto());
    let old: Process<'_> = (1, 0, "old", 9_000_000, 1);
    let newborn: Process<'_> = (2, 6, "new", 400, 1);
    feed(&mut groups, &[(5, &[old])]);
    let grouped = feed(&mut groups, &[(6, &[old, newborn]), (7, &[newborn])]);
    assert_eq!(get(&grouped, "new", group::user_seconds), Some(400));
    let grouped = feed(&mut groups, &[(8, &[old, newborn])]);
    assert_eq!(get(&grouped, "old", group::user_seconds), Some(0));
}

#[test]
fn a_place_is_taken_only_with_a_lead_and_the_rest_is_other() {
    let mut groups = Groups::new(GroupRules::Auto(1));
    let grouped = feed(&mut groups, &[(5, &[(1, 0, "a", 0, 1 << 20), (2, 0, "b", 0, 1 << 19)])]);
    assert_eq!(get(&grouped, "a", group::processes), Some(1));
    assert_eq!(get(&grouped, "b", group::processes), None);
    assert_eq!(get(&grouped, OTHER, group::processes), Some(1));
    // For an hour b is a tenth larger: not enough.
    let mut now: [Process<'_>; 2] = [(1, 0, "a", 0, 100 << 20), (2, 0, "b", 0, 110 << 20)];
    for second in 6..3_600 {
        feed(&mut groups, &[(second, &now)]);
    }
    assert_eq!(groups.dropped, 0);
    now[1].4 = 150 << 20;
    now[1].3 = 500;
    for second in 3_600..7_200 {
        feed(&mut groups, &[(second, &now)]);
    }
    let grouped = feed(&mut groups, &[(7_200, &now)]);
    assert_eq!(grouped.dropped, 1);
    assert_eq!(get(&grouped, "a", group::processes), None);
    assert_eq!(get(&grouped, "b", group::user_seconds), Some(0));
    assert_eq!(
        get(&grouped, OTHER, group::user_seconds),
        Some(500),
        "what b used before its place"
    );
}

#[test]
fn rules_name_groups_and_the_first_match_wins() {
    let rule = |pattern: &str, group: &str| Rule {
        pattern: Wild::glob(pattern.into()),
        group: group.into(),
    };
    let rules = vec![rule("postgres*", "db"), rule("*", "rest"), rule("never", "empty")];
    let mut groups = Groups::new(GroupRules::Named(rules));
    let processes: &[Process<'_>] =
        &[(1, 0, "postgres: main", 0, 1), (2, 0, "bash", 0, 1), (3, 0, "never", 0, 1)];
    let grouped = feed(&mut groups, &[(5, processes)]);
    for (name, processes) in [("db", 1), ("rest", 2), ("empty", 0), (OTHER, 0)] {
        assert_eq!(get(&grouped, name, group::processes), Some(processes), "{name}");
    }
}

#[test]
fn a_process_may_not_pose_as_the_rest() {
    let mut groups = Groups::new(GroupRules::auto());
    let grouped = feed(&mut groups, &[(5, &[(1, 0, OTHER, 0, 1), (2, 0, "b", 0, 1)])]);
    let others = grouped.snapshot.rows(FamilyId::Group);
    assert_eq!(others.filter(|row| row.shown(group::group) == OTHER).count(), 1);
}

#[test]
fn every_counter_of_the_family_is_fed() {
    let family = FAMILIES[FamilyId::Group.index()];
    let counters = family.fields().zip(family.raw);
    let counters = counters.filter(|(_, column)| column.kind == retop_model::metric::Kind::Counter);
    for (field, column) in counters {
        let (from, _) = COUNTERS.iter().find(|(_, to)| *to == field).unwrap();
        let retop_model::metric::Slot::Raw(index) = from.slot else { panic!() };
        let from = &FamilyId::Process.get().raw[usize::from(index)];
        assert_eq!((from.divisor, from.unit), (column.divisor, column.unit), "{}", column.name);
    }
}

proptest! {
    /// Births, exits and renames at random: while a group is shown no counter of it falls, and as
    /// long as none loses its place they hold together all that was used since the first look.
    #[test]
    fn sums_are_exact(
        moments in prop::collection::vec(
            prop::collection::vec((0u64..6, prop::sample::select(vec!["a", "b", "c", "d"]), 0u64..50), 0..6),
            1..20,
        ),
    ) {
        let mut groups = Groups::new(GroupRules::Auto(2));
        let mut alive: HashMap<u64, (u64, u64)> = HashMap::new();
        let mut used_in_all = 0;
        let mut shown: HashMap<String, i64> = HashMap::new();
        for (second, moment) in (10u64..).zip(&moments) {
            let mut present: HashMap<u64, Process<'_>> = HashMap::new();
            for &(pid, name, used) in moment {
                if present.contains_key(&pid) {
                    continue;
                }
                let first = second == 10;
                let (start, total) = *alive.entry(pid).or_insert((second, 0));
                if !first {
                    used_in_all += used;
                }
                present.insert(pid, (pid, start, name, total + used, 1 << 20));
                alive.insert(pid, (start, total + used));
            }
            alive.retain(|pid, _| present.contains_key(pid));
            let mut rows: Vec<Process<'_>> = present.into_values().collect();
            rows.sort_unstable();
            let grouped = feed(&mut groups, &[(second, &rows)]);
            let mut now_shown = HashMap::new();
            for row in grouped.snapshot.rows(FamilyId::Group) {
                let Some(now) = row.raw(group::user_seconds) else { continue };
                let name = row.shown(group::group).to_owned();
                prop_assert!(now >= *shown.get(&name).unwrap_or(&0), "{name} fell");
                now_shown.insert(name, now);
            }
            shown = now_shown;
        }
        let held: i64 = groups.groups.values().chain([&groups.other])
            .map(|group| group.totals[0].get().unwrap_or(0)).sum();
        prop_assert!(held <= i64::try_from(used_in_all).unwrap());
        if groups.dropped == 0 {
            prop_assert_eq!(held, i64::try_from(used_in_all).unwrap());
        }
    }
}
