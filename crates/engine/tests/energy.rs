//! Energy of a laptop on battery whose RAPL counters go round: what is told equals what a person
//! with a pencil finds.
#![cfg(target_os = "linux")]

use std::sync::Arc;

use retop_engine::{Demand, Roots, Ticker, open};
use retop_fake_machine::{HandClock, Scratch, build};
use retop_model::family::{energy, power, process};
use retop_model::{FamilyId, Field, Snapshot};

/// Seconds from one sample to the next.
const STEP: u64 = 2;
/// The last sample: 28 W for 200 s are 5,600 J, more than two rounds of the counter below.
const END: u64 = 200;
/// Of the package, in microjoules.
const RANGE: u64 = 2_100_000_000;
const WATTS: u64 = 28;

/// The laptop at that second, with a package that draws more and counts less far.
fn write(scratch: &Scratch, second: u64) {
    build("hybrid-laptop", scratch.path(), second).expect("a tree");
    let counter = (RANGE - 1 + WATTS * 1_000_000 * second) % RANGE;
    let zone = "sys/devices/virtual/powercap/intel-rapl/intel-rapl:0";
    let values = [("energy_uj", counter.to_string()), ("max_energy_range_uj", RANGE.to_string())];
    for (name, value) in values {
        scratch.tree().file(&format!("{zone}/{name}"), &value).expect("written");
    }
}

fn near(value: Option<f64>, expected: f64) -> bool {
    value.is_some_and(|value| (value - expected).abs() <= expected * 1e-3)
}

fn domain(snapshot: &Snapshot, name: &str, field: Field) -> Option<f64> {
    snapshot.rows(FamilyId::Power).find(|row| row.shown(power::domain) == name)?.get(field)
}

#[test]
fn watts_joules_and_shares_are_those_of_a_pencil() {
    let scratch = Scratch::new();
    write(&scratch, 0);
    let clock = Arc::new(HandClock::default());
    let machine = open(None, Roots::below(scratch.path())).expect("a folder");
    let mut ticker = Ticker::lockstep(machine, Arc::<HandClock>::clone(&clock));
    ticker.set_demand(Demand::everything());
    ticker.tick();
    let (mut by_rates, mut last) = (0.0, None);
    for second in (STEP..=END).step_by(STEP as usize) {
        clock.set(second);
        write(&scratch, second);
        let now = ticker.tick();
        let watts = domain(&now, "package-0", power::watts);
        assert!(near(watts, 28.0), "{watts:?} at {second}");
        assert!(near(domain(&now, "battery", power::watts), 11.2));
        by_rates += watts.unwrap_or(0.0) * STEP as f64;

        // Processes, what is left over and being idle are the domain, in each interval.
        let of_processes: f64 =
            now.rows(FamilyId::Process).filter_map(|row| row.get(process::watts)).sum();
        let others = now.one(energy::others_watts).expect("told");
        let idle = now.one(energy::idle_watts).expect("told");
        assert!(of_processes > 0.5 && others >= 0.0 && idle > 0.5);
        assert!(near(Some(of_processes + others + idle), 28.0), "{of_processes} {others} {idle}");
        assert!(near(now.one(energy::domain_watts), 28.0));
        last = Some(now);
    }
    let last = last.expect("samples");
    assert!((by_rates - 5_600.0).abs() < 1e-6);
    assert_eq!(domain(&last, "package-0", power::used_joules), Some(5_600.0));
    assert!(near(domain(&last, "battery", power::used_joules), 11.2 * END as f64));
    assert_eq!(last.one(energy::domain_joules), Some(5_600.0));
    let each = last.rows(FamilyId::Process).filter_map(|row| row.get(process::energy_joules));
    let parts = each.sum::<f64>()
        + last.one(energy::others_joules).unwrap_or(0.0)
        + last.one(energy::idle_joules).unwrap_or(0.0);
    assert!(near(Some(parts), 5_600.0), "{parts}");
    // The browser uses 0.43 CPUs, the compositor 0.12: their energies are as their times.
    let of = |pid: i64| {
        let mut rows = last.rows(FamilyId::Process);
        rows.find(|row| row.raw(process::pid) == Some(pid))?.get(process::energy_joules)
    };
    assert!(near(of(4_410).zip(of(4_000)).map(|(a, b)| a / b), 43.0 / 12.0));
}
