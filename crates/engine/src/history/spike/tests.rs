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

/// A process for [`busy`]: its number, its name, its share of a core.
type Runs = (u64, &'static str, f64);

/// Moments a second apart of four cores that are busy throughout; who is not named has ended.
fn busy(steps: &[Vec<Runs>]) -> Vec<Snapshot> {
    let mut made: Vec<Snapshot> = Vec::new();
    let mut running: Vec<(u64, &str, f64, u64)> = Vec::new();
    for (tick, step) in steps.iter().enumerate() {
        let ns = (tick as u64 + 100) * 1_000_000_000;
        running.retain(|known| step.iter().any(|run| run.0 == known.0));
        for &(pid, name, share) in step {
            match running.iter_mut().find(|known| known.0 == pid) {
                Some(known) => known.2 += share,
                None => running.push((pid, name, share, ns - 1_000_000_000)),
            }
        }
        running.sort_unstable_by_key(|known| known.0);
        let stamp = Stamp { wall_ms: tick as i64 * 1000, monotonic_ns: ns, boottime_ns: ns };
        let mut sample = RawSample::new(stamp);
        let mut give = |mut table: RawTable| {
            table.finish(Window { begin_ns: ns, end_ns: ns });
            sample.put(Arc::new(table));
        };
        let mut table = RawTable::new(FamilyId::Cpu);
        let mut row = table.push(Key::ONE);
        for field in [
            cpu::nice_seconds,
            cpu::system_seconds,
            cpu::idle_seconds,
            cpu::iowait_seconds,
            cpu::irq_seconds,
            cpu::softirq_seconds,
            cpu::steal_seconds,
        ] {
            row.set(field, 0_i64);
        }
        row.set(cpu::user_seconds, ns as i64 / 1000 * 4).set(cpu::logical, 4_i64);
        give(table);
        let mut table = RawTable::new(FamilyId::Process);
        for &(pid, name, seconds, start_ns) in &running {
            table
                .push(Key(pid, start_ns))
                .text(process::name, name)
                .set(process::pid, pid)
                .set(process::start_seconds, start_ns as i64 / 1000)
                .set(process::user_seconds, (seconds * 1e6) as i64)
                .set(process::system_seconds, 0_i64);
        }
        give(table);
        made.push(derive(made.last(), Arc::new(sample)));
    }
    made
}

/// Who took the processors, from which sample on and when most.
fn takers(steps: &[Vec<Runs>]) -> Vec<(u64, u64, u64)> {
    let mut spikes = Spikes::default();
    for (number, moment) in busy(steps).iter().enumerate() {
        spikes.push(number as u64, moment);
    }
    let found = spikes.iter().map(|spike| {
        assert_eq!(spike.channel, Channel::Taken, "nothing else rises");
        (spike.pid.expect("known"), spike.before, spike.number)
    });
    found.collect()
}

/// Four that burn, each with what is left after `taken` cores are gone.
fn burners(taken: f64) -> Vec<Runs> {
    [1, 2, 3, 4].map(|pid| (pid, "stress", 1.0 - taken / 4.0)).to_vec()
}

/// So many of `usual`, then `sudden`, then of `usual` again.
fn amid(usual: &[Runs], sudden: &[Vec<Runs>]) -> Vec<Vec<Runs>> {
    let (before, after) = (vec![usual.to_vec(); 90], vec![usual.to_vec(); 120]);
    before.into_iter().chain(sudden.iter().cloned()).chain(after).collect()
}

fn with(mut runs: Vec<Runs>, more: &[Runs]) -> Vec<Runs> {
    runs.extend(more);
    runs
}

#[test]
fn who_takes_busy_processors_from_others_is_a_spike() {
    let usual = burners(0.0);
    let lone = |share: f64| with(burners(share), &[(9, "burn", share)]);
    // New, seen for three samples.
    assert_eq!(takers(&amid(&usual, &vec![lone(1.0); 3])), [(9, 89, 90)]);
    // Of the same name as those who burn already.
    let twin = with(burners(1.0), &[(9, "stress", 1.0)]);
    assert_eq!(takers(&amid(&usual, &vec![twin; 3])), [(9, 89, 90)]);
    // There all the time, idle until then.
    let idle = with(usual.clone(), &[(9, "burn", 0.01)]);
    let seen = amid(&idle, &[lone(0.3), lone(0.9), lone(0.95)]);
    assert_eq!(takers(&seen), [(9, 90, 92)], "the highest");
    // Too little to be seen, and nobody at all.
    assert_eq!(takers(&amid(&usual, &vec![lone(0.4); 3])), []);
    assert_eq!(takers(&amid(&usual, &[])), []);
    // Many small ones of one name count together.
    let crowd: Vec<Runs> = (20..40).map(|pid| (pid, "worker", 0.1)).collect();
    assert_eq!(takers(&amid(&usual, &vec![with(burners(2.0), &crowd); 3])).len(), 1);
}

#[test]
fn who_gets_back_what_it_had_has_taken_nothing() {
    // Twenty seconds of somebody else, and then the four have it again.
    let taken = with(burners(3.0), &[(8, "burn", 1.0), (9, "burn", 1.0), (10, "burn", 1.0)]);
    let found = takers(&amid(&burners(0.0), &vec![taken; 20]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!((8..=10).contains(&found[0].0));
}

#[test]
fn processes_that_are_born_all_the_time_are_usual() {
    // A compile: each second two compilers end and two begin.
    let compile = |tick: u64| -> Vec<Runs> {
        vec![
            (100 + tick, "cc1plus", 1.0),
            (101 + tick, "cc1plus", 1.0),
            (10_000 + tick, "as", 0.3),
            (1, "make", 0.1),
        ]
    };
    let steps: Vec<Vec<Runs>> = (0..200).map(|tick| compile(tick * 2)).collect();
    assert_eq!(takers(&steps), []);
    let mut steps = steps;
    for step in &mut steps[150..153] {
        step.push((9, "report.py", 1.0));
        step.sort_unstable_by_key(|run| run.0);
    }
    assert_eq!(takers(&steps), [(9, 149, 150)]);
}

#[test]
fn where_the_sum_can_rise_takers_are_not_looked_for() {
    const CALM: (f64, &[(u64, f64)]) = (0.3, &[(1, 0.3)]);
    let mut steps = vec![CALM; 90];
    steps.extend([(0.35, &[(1, 0.0), (2, 1.0)][..]); 3]);
    let mut spikes = Spikes::default();
    for (number, moment) in moments(&steps).iter().enumerate() {
        spikes.push(number as u64, moment);
    }
    assert_eq!((spikes.iter().len(), spikes.takers.memory()), (0, 0));
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
            if let Some(median) = usual.judge(0.15, number as u64, at_ns, value) {
                prop_assert!(value > median && number >= FEWEST);
            }
        }
    }
}

proptest! {
    #[test]
    fn whatever_processes_say_takers_are_few_and_finite(
        steps in prop::collection::vec(
            prop::collection::vec((0_u64..40, -1e12_f64..1e12), 0..40), 1..40),
    ) {
        let mut takers = Takers::default();
        let steps: Vec<Vec<Runs>> = steps
            .into_iter()
            .map(|mut step| {
                step.sort_by_key(|run| run.0);
                step.dedup_by_key(|run| run.0);
                step.into_iter().map(|(pid, share)| (pid, "x", share)).collect()
            })
            .collect();
        for moment in busy(&steps) {
            if let Some(taken) = takers.push(&moment) {
                prop_assert!(taken.beyond.is_finite() && taken.beyond > 0.0, "{:?}", taken);
                prop_assert!(taken.share >= taken.usual, "{:?}", taken);
            }
            prop_assert!(takers.memory() < 64 << 10);
        }
    }
}

/// Graphics processors and power domains at a moment: device, share in percent, MiB used, watts.
fn device_moment(last: Option<&Snapshot>, tick: u64, share: i64, mib: i64, watts: i64) -> Snapshot {
    let ns = (tick + 1) * 1_000_000_000;
    let stamp = Stamp { wall_ms: tick as i64 * 1000, monotonic_ns: ns, boottime_ns: ns };
    let mut sample = RawSample::new(stamp);
    let mut give = |mut table: RawTable| {
        table.finish(Window { begin_ns: ns, end_ns: ns });
        sample.put(Arc::new(table));
    };
    let mut table = RawTable::new(FamilyId::Gpu);
    // The second one rests; the third is part of the first and has its memory from it.
    for (key, share, mib, parent) in [(1, share, mib, ""), (2, 2, 100, ""), (3, 1, mib, "GPU-1")] {
        table
            .push(Key(key, 0))
            .text(gpu::parent, parent)
            .set(gpu::utilization_ratio, share)
            .set(gpu::memory_total_bytes, 1000_i64 << 20)
            .set(gpu::memory_used_bytes, mib << 20);
    }
    give(table);
    let mut table = RawTable::new(FamilyId::Power);
    for (key, domain, watts) in [(1, "core", 2 * watts), (2, "package-0", watts)] {
        table
            .push(Key(key, 0))
            .text(power::domain, domain)
            .set(power::reading_watts, watts * 1_000_000);
    }
    give(table);
    let mut table = RawTable::new(FamilyId::Process);
    table
        .push(Key(7, 1))
        .set(process::pid, 7_i64)
        .set(process::watts, (watts - 20).max(0) * 1_000_000);
    give(table);
    derive(last, Arc::new(sample))
}

#[test]
fn graphics_processors_and_power_have_spikes_too() {
    type Case = (Channel, (i64, i64, i64), f32, f32);
    let cases: [Case; 4] = [
        (Channel::Gpu, (90, 100, 20), 0.9, 0.1),
        (Channel::GpuMemory, (10, 900, 20), 0.5, 0.1),
        (Channel::Power, (10, 100, 60), 60.0, 20.0),
        // Less than five watts are no news.
        (Channel::Power, (10, 100, 24), 0.0, 0.0),
    ];
    for (channel, (share, mib, watts), value, usual) in cases {
        let mut spikes = Spikes::default();
        let mut made: Vec<Snapshot> = Vec::new();
        for tick in 0..60 {
            let (share, mib, watts) =
                if (40..43).contains(&tick) { (share, mib, watts) } else { (10, 100, 20) };
            made.push(device_moment(made.last(), tick, share, mib, watts));
            spikes.push(tick, &made[tick as usize]);
        }
        let found: Vec<_> = spikes.iter().map(|s| (s.channel, s.value, s.usual)).collect();
        let want = if value > 0.0 { vec![(channel, value, usual)] } else { Vec::new() };
        assert_eq!(found, want, "{channel:?}");
    }
    let before = device_moment(None, 0, 10, 100, 20);
    let at = device_moment(Some(&before), 1, 10, 100, 60);
    assert_eq!(culprit(Channel::Power, &before, &at), Some((Key(7, 1), 40.0)));
}
