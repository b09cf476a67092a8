use std::sync::Arc;

use proptest::prelude::*;
use retop_model::{RawSample, RawTable, Window, derive};

use super::*;

/// Moments a second apart, with that share of CPU time and those processes, by number and CPU%.
fn moments(steps: &[(f64, &[(u64, f64)])]) -> Vec<Snapshot> {
    let mut made: Vec<Snapshot> = Vec::new();
    let mut used = 0.0;
    let mut processes: Vec<(u64, f64)> = Vec::new();
    for (tick, &(share, running)) in steps.iter().enumerate() {
        used += share;
        for &(pid, share) in running {
            match processes.iter_mut().find(|(known, _)| *known == pid) {
                Some((_, seconds)) => *seconds += share,
                None => processes.push((pid, share)),
            }
        }
        let ns = (tick as u64 + 1) * 1_000_000_000;
        let mut sample = RawSample::new(Stamp {
            wall_ms: tick as i64 * 1000,
            monotonic_ns: ns,
            boottime_ns: ns,
        });
        let mut give = |mut table: RawTable| {
            table.finish(Window { begin_ns: ns, end_ns: ns });
            sample.put(Arc::new(table));
        };
        let mut table = RawTable::new(FamilyId::Cpu);
        let whole = (tick as i64 + 1) * 1_000_000;
        let busy = (used * 1e6) as i64;
        let mut row = table.push(Key::ONE);
        for field in [
            cpu::nice_seconds,
            cpu::system_seconds,
            cpu::iowait_seconds,
            cpu::irq_seconds,
            cpu::softirq_seconds,
            cpu::steal_seconds,
        ] {
            row.set(field, 0_i64);
        }
        row.set(cpu::user_seconds, busy).set(cpu::idle_seconds, whole - busy);
        give(table);
        let mut table = RawTable::new(FamilyId::Process);
        processes.sort_by_key(|(pid, _)| *pid);
        for &(pid, seconds) in &processes {
            table
                .push(Key(pid, pid))
                .set(process::pid, pid)
                .set(process::user_seconds, (seconds * 1e6) as i64)
                .set(process::system_seconds, 0_i64);
        }
        give(table);
        made.push(derive(made.last(), Arc::new(sample)));
    }
    made
}

fn found(shares: &[f64]) -> Vec<(u64, u64)> {
    let steps: Vec<(f64, &[(u64, f64)])> = shares.iter().map(|&share| (share, &[][..])).collect();
    let mut spikes = Spikes::default();
    for (number, moment) in moments(&steps).iter().enumerate() {
        spikes.push(number as u64, moment);
    }
    spikes.iter().map(|spike| (spike.before, spike.number)).collect()
}

/// A calm minute, then those shares, then calm again.
fn after_calm(shares: &[f64]) -> Vec<(u64, u64)> {
    let calm = (0..64).map(|tick| 0.2 + f64::from(tick % 3) * 0.01);
    let shares: Vec<f64> = calm.chain(shares.iter().copied()).chain([0.2; 10]).collect();
    found(&shares)
}

#[test]
fn a_spike_is_its_highest_value() {
    type Found<'a> = &'a [(u64, u64)];
    let cases: [(&[f64], Found<'_>); 9] = [
        (&[], &[]),
        (&[0.95], &[(63, 64)]),
        (&[0.90, 0.98, 0.91], &[(63, 65)]),
        // Fourteen points are no news, sixteen are.
        (&[0.34], &[]),
        (&[0.38], &[(63, 64)]),
        // Closer than five seconds is one, further is two.
        (&[0.9, 0.2, 0.2, 0.95], &[(63, 67)]),
        (&[0.95, 0.2, 0.2, 0.9], &[(63, 64)]),
        (&[0.9, 0.2, 0.2, 0.2, 0.2, 0.95], &[(63, 64), (68, 69)]),
        // What falls is none.
        (&[0.0, 0.0], &[]),
    ];
    for (shares, want) in cases {
        assert_eq!(after_calm(shares), want, "{shares:?}");
    }
}

#[test]
fn what_stays_high_is_one_spike_and_then_usual() {
    assert_eq!(after_calm(&[0.9; 200]).len(), 1);
}

#[test]
fn what_always_swings_is_none() {
    let swing: Vec<f64> = (0..300).map(|tick| if tick % 2 == 0 { 0.1 } else { 0.6 }).collect();
    assert_eq!(found(&swing), []);
}

#[test]
fn little_is_said_about_the_first_samples() {
    let mut shares = vec![0.1; 40];
    shares[FEWEST - 1] = 0.9;
    assert_eq!(found(&shares), []);
    shares[FEWEST + 3] = 0.9;
    assert_eq!(found(&shares).len(), 1);
}

#[test]
fn the_process_that_rose_most_is_behind_it() {
    const CALM: (f64, &[(u64, f64)]) = (0.5, &[(1, 0.4), (2, 0.1)]);
    let steps = [CALM, CALM, (0.9, &[(1, 0.45), (2, 0.1), (3, 0.1)]), (0.9, &[(1, 0.3), (3, 0.6)])];
    let moments = moments(&steps);
    let (key, rise) = culprit(Channel::Cpu, &moments[1], &moments[3]).expect("somebody");
    assert_eq!((key.0, (rise * 100.0).round()), (3, 60.0));
    assert_eq!(culprit(Channel::Cpu, &moments[1], &moments[1]), None, "nobody rose");
    assert_eq!(culprit(Channel::Network, &moments[1], &moments[3]), None, "nobody knows");
}

#[test]
fn what_is_not_kept_any_more_is_forgotten() {
    let mut spikes = Spikes::default();
    let mut shares = vec![0.1; 200];
    (shares[80], shares[150]) = (0.9, 0.9);
    let steps: Vec<(f64, &[(u64, f64)])> = shares.iter().map(|&share| (share, &[][..])).collect();
    for (number, moment) in moments(&steps).iter().enumerate() {
        spikes.push(number as u64, moment);
    }
    spikes.forget(81);
    assert_eq!(spikes.iter().map(|spike| spike.number).collect::<Vec<_>>(), [150]);
}

proptest! {
    #[test]
    fn whatever_comes_a_spike_is_above_what_is_usual(
        values in prop::collection::vec(any::<f32>(), 0..200),
    ) {
        let mut usual = Usual::new();
        for (number, &value) in values.iter().enumerate() {
            let at_ns = number as u64 * 1_000_000_000;
            if let Some(median) = usual.judge(Channel::Cpu, number as u64, at_ns, value) {
                prop_assert!(value > median && number >= FEWEST);
            }
        }
    }
}
