//! What is looked at between two reads.

use super::*;

const NS: f64 = 1e9;

impl Gpus {
    /// A second passes in which the source is woken when it wants to be, then the devices are read.
    fn tick_finely(&mut self) -> Taken {
        let (clock, end) = (&self.bench.clock, self.second + 1.0);
        let began_ns = clock.monotonic_ns();
        while let Some(pulse) = self.source.pulse(clock.monotonic_ns()) {
            let passed_ns = clock.monotonic_ns() - began_ns + pulse.as_nanos() as u64;
            if passed_ns >= 1_000_000_000 {
                break;
            }
            clock.pass_ns(pulse.as_nanos() as u64);
            self.driver.set_clock(self.second + passed_ns as f64 / NS).expect("set");
            self.source.keep_up(clock);
        }
        // The read is a second after the one before.
        let passed_ns = clock.monotonic_ns() - began_ns;
        clock.pass_ns(1_000_000_000 - passed_ns);
        self.second = end;
        self.driver.set_clock(end).expect("set");
        self.bench.read_now(&mut self.source)
    }

    fn times_of(&self, symbol: &str, device: usize) -> Vec<f64> {
        let calls = self.driver.calls().expect("a list").into_iter();
        let calls = calls.filter(|call| call.symbol == symbol && call.device == Some(device));
        calls.map(|call| call.seconds).collect()
    }
}

const BUSY: &str = "nvmlDeviceGetUtilizationRates";
const MEMORY: &str = "nvmlDeviceGetMemoryInfo_v2";

fn devices_of(count: usize) -> String {
    let device = |number: usize| {
        format!("[[device]]\nuuid = \"GPU-{number}\"\npci = \"00000000:0{number}:00.0\"\n")
    };
    (1..=count).map(device).collect()
}

#[test]
fn while_somebody_looks_two_calls_are_made_four_times_a_second() {
    let mut gpus = Gpus::new(&devices_of(8));
    gpus.bench.demand.gpu_cycles = false;
    gpus.bench.demand.gpu_finely = true;
    gpus.tick();
    for _ in 0..10 {
        gpus.tick_finely();
    }
    for symbol in [BUSY, MEMORY] {
        for device in 0..8 {
            let times = gpus.times_of(symbol, device);
            assert_eq!(times.len(), 1 + 4 * 10, "{symbol} {device}");
            // Index by count of the period, and half of such a part: 15.6 ms for the first.
            let phase = (2 * device + 1) as f64 / 16.0 * 0.25;
            let mut own: Vec<f64> = vec![1.0];
            for second in 1..=10 {
                own.extend((1..4).map(|look| f64::from(second) + 0.25 * f64::from(look) + phase));
                own.push(f64::from(second + 1));
            }
            let apart = |(a, b): (&f64, &f64)| (a - b).abs() < 0.002;
            assert!(times.iter().zip(&own).all(apart), "{symbol} {device}: {times:?} {own:?}");
        }
    }
    // Everything else is asked as ever.
    assert_eq!(gpus.calls_of("nvmlDeviceGetPowerUsage"), 11 * 8);
    assert_eq!(gpus.calls_of("nvmlDeviceGetComputeRunningProcesses_v3"), 11 * 8);
    // Nobody looks any more: the next read ends it.
    gpus.bench.demand.gpu_finely = false;
    gpus.tick_finely();
    let before = gpus.calls_of(BUSY);
    for _ in 0..5 {
        gpus.tick_finely();
    }
    assert_eq!(gpus.calls_of(BUSY) - before, 5 * 8);
}

#[test]
fn what_comes_and_goes_between_two_reads_is_seen() {
    // For 0.6 s of each second it works and holds 30 GiB more; at each read it does neither.
    let curve = |low: u32, high: u32| {
        let turn = |second: u32| {
            let at = f64::from(second);
            format!(
                "[{}, {low}], [{}, {high}], [{}, {high}], [{}, {low}]",
                at + 0.2,
                at + 0.21,
                at + 0.8,
                at + 0.81
            )
        };
        format!("[{}]", (0..9).map(turn).collect::<Vec<_>>().join(", "))
    };
    let scenario = format!(
        "[[device]]\ngpu_percent = {}\n[[device.process]]\npid = 7\nmemory_mib = {}\n",
        curve(0, 90),
        curve(1024, 31744)
    );
    let fields = [
        gpu::utilization_ratio,
        gpu::utilization_mean_ratio,
        gpu::utilization_peak_ratio,
        gpu::memory_used_bytes,
        gpu::memory_low_bytes,
        gpu::memory_peak_bytes,
    ];
    let [low, high] = [1024.0 * MIB, 31_744.0 * MIB];
    for (finely, expected) in [
        // At 0.375 and 0.625 it works, at 0.875 and 1.0 it does not.
        (true, [0.0, 0.45, 0.9, low, low, high]),
        (false, [0.0, 0.0, 0.0, low, low, low]),
    ] {
        let mut gpus = Gpus::new(&scenario);
        gpus.bench.demand.gpu_finely = finely;
        gpus.tick();
        for _ in 0..3 {
            let taken = gpus.tick_finely();
            assert_eq!(all(devices(&taken)[0], &fields), expected.map(Some), "{finely}");
        }
    }
}

#[test]
fn what_is_unsupported_asleep_or_lost_is_not_looked_at() {
    // A board without memory of its own has nothing to look at but how busy it is.
    let mut gpus = Gpus::new("[[device]]\ntotal_mib = 0\n");
    gpus.tree.write("proc/meminfo", "MemTotal: 8 kB\nMemAvailable: 4 kB\n");
    gpus.bench.demand.gpu_finely = true;
    gpus.tick();
    let taken = gpus.tick_finely();
    assert_eq!(gpus.times_of(MEMORY, 0).len(), 2);
    assert_eq!(gpus.times_of(BUSY, 0).len(), 5);
    assert_eq!(devices(&taken)[0].get(gpu::memory_peak_bytes), None);
    // One that falls asleep between two reads.
    let mut gpus = Gpus::new(TWO);
    gpus.bench.demand.gpu_finely = true;
    gpus.plug("0000:01:00.0", "active", "auto");
    gpus.plug("0000:02:00.0", "active", "auto");
    gpus.tick();
    gpus.plug("0000:01:00.0", "suspended", "auto");
    let before = gpus.times_of(BUSY, 0).len();
    gpus.tick_finely();
    gpus.tick_finely();
    assert_eq!(gpus.times_of(BUSY, 0).len(), before, "it sleeps");
    assert_eq!(gpus.times_of(BUSY, 1).len(), 9);
    // One that is lost is asked at reads alone whether it is back.
    let mut gpus =
        Gpus::new(&format!("{TWO}[[fault]]\ndevice = 0\nfrom = 1.5\nuntil = 3.5\ncode = 15\n"));
    gpus.bench.demand.gpu_finely = true;
    gpus.tick();
    let states: Vec<_> = (0..4)
        .map(|_| {
            let taken = gpus.tick_finely();
            devices(&taken)
                .iter()
                .find(|row| row.shown(gpu::uuid) == "GPU-a")
                .map(|row| (row.state(gpu::state), row.get(gpu::utilization_peak_ratio)))
        })
        .collect();
    let (lost, back) = (Some((Some("lost"), None)), Some((Some("active"), Some(0.0))));
    assert_eq!(states, [lost, lost, back, back]);
}

/// A clock that goes on whenever somebody looks at it: each call takes as long as is set.
struct Taking<'a>(&'a retop_fake_machine::HandClock, u64);

impl Clock for Taking<'_> {
    fn now(&self) -> retop_model::Stamp {
        let now = self.0.now();
        self.0.pass_ns(self.1);
        now
    }
}

#[test]
fn a_slow_driver_is_asked_less_until_its_share_of_the_time_is_small() {
    // What each call takes, and what is asked of a device in a hundred seconds.
    for (call_us, least, most) in [
        (10, 395, 405),
        (150, 395, 405),
        // Looks alone take more than a two-hundredth.
        (700, 190, 205),
        // Reads take all that there is, and then are fewer.
        (1_300, 45, 102),
        (5_000, 10, 30),
    ] {
        let mut gpus = Gpus::new(&devices_of(1));
        gpus.bench.demand.gpu_finely = true;
        let clock = retop_fake_machine::HandClock::new(1_000, 0);
        let taking = Taking(&clock, call_us * 1_000);
        let mut driver_ns = 0;
        let (mut looks, mut second) = (0, 0);
        while second < 100 {
            let now_ns = clock.monotonic_ns();
            let due_ns = (1_001 + second) * 1_000_000_000;
            let pulse = gpus.source.pulse(now_ns).map(|pulse| now_ns + pulse.as_nanos() as u64);
            let next_ns = pulse.unwrap_or(u64::MAX).min(due_ns).max(now_ns);
            clock.pass_ns(next_ns - now_ns);
            gpus.driver.set_clock((next_ns as f64) / NS - 1_000.0).expect("set");
            if next_ns >= due_ns {
                let mut read = Read::new(&taking, &gpus.bench.demand);
                assert_eq!(gpus.source.read(&mut read), Ok(()));
                // A read that took longer than a second leaves out what was due meanwhile.
                second = (clock.monotonic_ns() / 1_000_000_000 - 1_000).max(second + 1);
            } else {
                gpus.source.keep_up(&taking);
            }
            if let Phase::Open(session) = &gpus.source.phase {
                looks = session.library.symbols.utilization.spent().0;
                driver_ns = session.driver_ns();
            }
        }
        assert!((least..=most).contains(&looks), "{call_us}: {looks}");
        // Of all calls, those that begin are made once.
        let share = driver_ns as f64 / (100.0 * NS);
        assert!(share < 0.022 + 60.0 * call_us as f64 / 1e8, "{call_us}: {share}");
    }
}
