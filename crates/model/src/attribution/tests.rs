use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::metric::Field;
use crate::stamp::Stamp;

const SECOND: u64 = 1_000_000_000;

/// One sample: the second, the power rows, idle and busy CPU time and the processes with theirs.
struct Moment<'a> {
    second: u64,
    power: &'a [(&'a str, &'a str, Option<i64>)],
    idle_us: i64,
    busy_us: i64,
    /// Pid, start in seconds, CPU time in microseconds.
    processes: &'a [(u64, u64, i64)],
}

fn finish(mut table: RawTable, second: u64) -> RawTable {
    let now = second * SECOND;
    table.finish(Window { begin_ns: now, end_ns: now });
    table
}

fn power_table(second: u64, rows: &[(&str, &str, Option<i64>)]) -> RawTable {
    let mut table = RawTable::new(FamilyId::Power);
    for (domain, source, energy) in rows {
        let is_stated = *source == "battery";
        table
            .push(Key::named(domain.as_bytes()))
            .text(power::domain, *domain)
            .text(power::source, *source)
            .set(power::whole_machine, is_stated || *domain == "psys")
            .set(if is_stated { power::integrated_joules } else { power::energy_joules }, *energy);
    }
    finish(table, second)
}

/// What came of it: the processes' table and the energy table.
fn advance(attribution: &mut Attribution, moment: &Moment<'_>) -> (RawTable, Option<RawTable>) {
    let Moment { second, .. } = *moment;
    let now = second * SECOND;
    let mut sample = RawSample::new(Stamp { wall_ms: 0, monotonic_ns: now, boottime_ns: now });
    sample.put(Arc::new(power_table(second, moment.power)));
    let mut table = RawTable::new(FamilyId::Cpu);
    table
        .push(Key::ONE)
        .set(cpu::user_seconds, moment.busy_us)
        .set(cpu::idle_seconds, moment.idle_us);
    sample.put(Arc::new(finish(table, second)));
    let mut processes = RawTable::new(FamilyId::Process);
    for &(pid, start, used) in moment.processes {
        processes
            .push(Key(pid, start))
            .set(process::start_seconds, start * 1_000_000)
            .set(process::user_seconds, used)
            .set(process::system_seconds, 0);
    }
    let mut processes = finish(processes, second);
    let energy = attribution.advance(&sample, &mut processes, false);
    (processes, energy)
}

fn of(processes: &RawTable, pid: u64, field: Field) -> Option<i64> {
    let row = processes.keys().iter().position(|key| key.0 == pid)?;
    processes.raw(row, field)
}

/// Domain, processes, others, idle in microjoules.
fn parts(energy: &RawTable) -> [i64; 4] {
    [energy::domain_joules, energy::processes_joules, energy::others_joules, energy::idle_joules]
        .map(|field| energy.raw(0, field).expect("all four are told"))
}

#[test]
fn energy_goes_to_cpu_time_and_to_being_idle() {
    let mut attribution = Attribution::default();
    let mut at = |second, energy, idle_us, busy_us, processes: &[(u64, u64, i64)]| {
        let power: &[_] = &[("package-0", "powercap", Some(energy)), ("core", "powercap", Some(0))];
        let (table, energy) =
            advance(&mut attribution, &Moment { second, power, idle_us, busy_us, processes });
        (table, energy.expect("an instrument"))
    };
    let (first, energy) = at(100, 0, 0, 0, &[(1, 0, 50_000_000), (2, 0, 7)]);
    assert_eq!(parts(&energy), [0; 4]);
    assert_eq!(of(&first, 1, process::energy_joules), Some(0), "counted from here on");
    assert_eq!(of(&first, 1, process::watts), None, "two reads make a power");
    // Two CPUs idle for a second, but for 2 %: 4 J.
    let (_, energy) = at(101, 4_000_000, 1_960_000, 40_000, &[(1, 0, 50_020_000), (2, 0, 7)]);
    assert_eq!(parts(&energy), [4_000_000, 40_000, 40_000, 3_920_000]);
    // Half of their time busy, 20 J: the quiet 4 W for the idle half, 18 J for 1 s of CPU time, of
    // which processes used 0.9; one of them was born meanwhile.
    let processes = [(1, 0, 50_520_000), (2, 0, 7), (9, 101, 400_000)];
    let (table, energy) = at(102, 24_000_000, 2_960_000, 1_040_000, &processes);
    assert_eq!(of(&table, 1, process::watts), Some(9_000_000));
    assert_eq!(of(&table, 9, process::watts), Some(7_200_000));
    assert_eq!(of(&table, 2, process::watts), Some(0));
    assert_eq!(of(&table, 1, process::energy_joules), Some(9_040_000));
    assert_eq!(parts(&energy), [24_000_000, 16_240_000, 1_840_000, 5_920_000]);
    // One with an old start that comes into view has used nothing as far as is known.
    let processes = [(1, 0, 50_520_000), (3, 5, 90_000_000)];
    let (table, _) = at(103, 28_000_000, 4_960_000, 1_040_000, &processes);
    assert_eq!(of(&table, 3, process::energy_joules), Some(0));
    assert_eq!(of(&table, 1, process::energy_joules), Some(9_040_000), "kept");
}

#[test]
fn a_read_that_stands_in_two_samples_is_shared_out_once() {
    let mut attribution = Attribution::default();
    let moment = |second, energy: &'static [_], busy_us, processes: &'static [(u64, u64, i64)]| {
        Moment { second, power: energy, idle_us: 0, busy_us, processes }
    };
    advance(&mut attribution, &moment(10, &[("package-0", "powercap", Some(0))], 0, &[(1, 0, 0)]));
    let second =
        moment(11, &[("package-0", "powercap", Some(5_000_000))], 1_000_000, &[(1, 0, 1_000_000)]);
    let (table, _) = advance(&mut attribution, &second);
    assert_eq!(of(&table, 1, process::watts), Some(5_000_000));
    // The tick after it: the power lane has not answered again, and its old table stands.
    let now = 11 * SECOND + SECOND / 2;
    let mut sample = RawSample::new(Stamp { wall_ms: 0, monotonic_ns: now, boottime_ns: now });
    sample.put(Arc::new(power_table(11, &[("package-0", "powercap", Some(5_000_000))])));
    let mut cpus = RawTable::new(FamilyId::Cpu);
    cpus.push(Key::ONE).set(cpu::user_seconds, 1_500_000).set(cpu::idle_seconds, 0);
    sample.put(Arc::new(finish(cpus, 11)));
    let mut processes = RawTable::new(FamilyId::Process);
    processes.push(Key(1, 0)).set(process::user_seconds, 1_500_000).set(process::system_seconds, 0);
    let mut processes = finish(processes, 11);
    attribution.advance(&sample, &mut processes, false);
    assert_eq!(of(&processes, 1, process::watts), Some(5_000_000), "what it was is what is known");
    assert_eq!(of(&processes, 1, process::energy_joules), Some(5_000_000));
    let third =
        moment(12, &[("package-0", "powercap", Some(9_000_000))], 2_000_000, &[(1, 0, 2_000_000)]);
    let (table, _) = advance(&mut attribution, &third);
    assert_eq!(of(&table, 1, process::energy_joules), Some(9_000_000), "all of the second");
}

#[test]
fn the_best_instrument_is_shared_out() {
    let some = Some(1);
    for (rows, domain, method) in [
        (
            &[
                ("battery", "battery", some),
                ("package-0", "powercap", some),
                ("package-1", "powercap", some),
            ][..],
            "package-0, package-1",
            "counted",
        ),
        (
            &[("package-0", "powercap", None), ("zenergy Esocket0", "hwmon", some)],
            "zenergy Esocket0",
            "counted",
        ),
        (&[("psys", "powercap", some), ("battery", "battery", some)], "psys", "counted"),
        (
            &[("battery", "battery", some), ("package-0 core", "powercap", some)],
            "battery",
            "integrated",
        ),
    ] {
        let moment = Moment { second: 1, power: rows, idle_us: 0, busy_us: 0, processes: &[] };
        let (_, energy) = advance(&mut Attribution::default(), &moment);
        let energy = energy.expect("an instrument");
        let shown: Vec<_> = energy.texts(0).iter().flatten().map(Text::shown).collect();
        assert_eq!(shown, [domain, method]);
    }
    let rows = &[("package-0", "powercap", None), ("core", "powercap", some)];
    let moment = Moment { second: 1, power: rows, idle_us: 0, busy_us: 0, processes: &[(1, 0, 5)] };
    let (processes, energy) = advance(&mut Attribution::default(), &moment);
    assert!(energy.is_none());
    assert_eq!(of(&processes, 1, process::energy_joules), None, "no instrument, no number");
}

#[test]
fn after_a_sleep_nothing_is_shared_out() {
    let mut attribution = Attribution::default();
    let moment = |second, energy: &'static [_], busy_us, processes: &'static [(u64, u64, i64)]| {
        Moment { second, power: energy, idle_us: 0, busy_us, processes }
    };
    advance(&mut attribution, &moment(10, &[("package-0", "powercap", Some(0))], 0, &[(1, 0, 0)]));
    let now = 11 * SECOND;
    let mut sample =
        RawSample::new(Stamp { wall_ms: 0, monotonic_ns: now, boottime_ns: now + 900 * SECOND });
    sample.put(Arc::new(power_table(11, &[("package-0", "powercap", Some(800_000_000))])));
    let mut processes = RawTable::new(FamilyId::Process);
    processes.push(Key(1, 0)).set(process::user_seconds, 9_000_000).set(process::system_seconds, 0);
    let mut processes = finish(processes, 11);
    let energy = attribution.advance(&sample, &mut processes, true).expect("an instrument");
    assert_eq!(parts(&energy), [0; 4]);
    assert_eq!(of(&processes, 1, process::watts), None);
}

/// What may happen from one second to the next.
#[derive(Clone, Debug)]
enum Event {
    /// The counter moves by so many microjoules, the process by so many microseconds.
    Work(i64, i64, i64),
    /// The counter starts again from nothing.
    Reset,
    /// It may not be read for once.
    Unreadable,
    /// Another domain comes into view.
    Late,
    /// The process is gone, or back under another start.
    Reborn,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (0i64..200_000_000, 0i64..4_000_000, 0i64..4_000_000)
            .prop_map(|(energy, used, busy)| Event::Work(energy, used, busy)),
        1 => Just(Event::Reset),
        1 => Just(Event::Unreadable),
        1 => Just(Event::Late),
        1 => Just(Event::Reborn),
    ];
    prop::collection::vec(event, 1..60)
}

proptest! {
    #[test]
    fn the_parts_are_never_negative_and_add_up(events in events()) {
        let mut attribution = Attribution::default();
        let (mut counter, mut used, mut busy, mut idle) = (0_i64, 0_i64, 0_i64, 0_i64);
        let (mut late, mut start) = (false, 0_u64);
        let mut before = [0; 4];
        for (second, event) in (100..).zip(events) {
            let mut first = true;
            match event {
                Event::Work(energy, cpu, machine) => {
                    counter += energy;
                    used += cpu;
                    busy += machine;
                }
                Event::Reset => counter = 0,
                Event::Unreadable => first = false,
                Event::Late => late = true,
                Event::Reborn => (start, used) = (second, 0),
            }
            idle += 4_000_000;
            let mut rows = vec![("package-0", "powercap", first.then_some(counter))];
            if late {
                rows.push(("package-1", "powercap", Some(counter / 2)));
            }
            let processes = [(7, start, used)];
            let moment =
                Moment { second, power: &rows, idle_us: idle, busy_us: busy, processes: &processes };
            let (table, energy) = advance(&mut attribution, &moment);
            let watts = of(&table, 7, process::watts).unwrap_or(0);
            prop_assert!((0..=1_000_000_000).contains(&watts), "{watts}");
            let Some(energy) = energy else { continue };
            let now = parts(&energy);
            for (before, now) in before.iter().zip(now) {
                prop_assert!(now >= *before, "a counter fell from {before} to {now}");
            }
            prop_assert!((now[0] - now[1] - now[2] - now[3]).abs() <= 2, "{now:?}");
            before = now;
        }
    }
}

#[test]
fn cycles_tell_a_fast_core_from_a_slow_one() {
    let mut attribution = Attribution::default();
    let mut at = |second: u64, joules: i64, rows: [(i64, Option<i64>); 3]| {
        let now = second * SECOND;
        let mut sample = RawSample::new(Stamp { wall_ms: 0, monotonic_ns: now, boottime_ns: now });
        let energy = joules * 1_000_000;
        sample.put(Arc::new(power_table(second, &[("package-0", "powercap", Some(energy))])));
        let busy: i64 = rows.iter().map(|(used, _)| used).sum();
        let mut cpus = RawTable::new(FamilyId::Cpu);
        cpus.push(Key::ONE).set(cpu::user_seconds, busy).set(cpu::idle_seconds, 0);
        sample.put(Arc::new(finish(cpus, second)));
        let mut processes = RawTable::new(FamilyId::Process);
        for (pid, (used, cycles)) in (1..).zip(rows) {
            processes
                .push(Key(pid, 0))
                .set(process::user_seconds, used)
                .set(process::system_seconds, 0)
                .set(process::cycles, cycles);
        }
        let mut processes = finish(processes, second);
        attribution.advance(&sample, &mut processes, false);
        [1, 2, 3].map(|pid| of(&processes, pid, process::watts))
    };
    at(1, 0, [(0, Some(0)), (0, Some(0)), (0, None)]);
    // Two seconds of CPU time of those with counters are shared by cycles, 3 to 1; the third one's
    // stands as it is.
    let watts = at(2, 30, [(1_000_000, Some(3_000)), (1_000_000, Some(1_000)), (1_000_000, None)]);
    assert_eq!(watts, [Some(15_000_000), Some(5_000_000), Some(10_000_000)]);
    // Counters that come and go: nobody is cut short.
    let watts = at(3, 60, [(2_000_000, None), (2_000_000, Some(1_500)), (2_000_000, Some(7))]);
    assert_eq!(watts, [Some(10_000_000); 3]);
}
