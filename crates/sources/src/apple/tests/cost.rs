//! What a sample costs, and that it holds nothing on.

use std::fmt::Write as _;

use super::*;

/// The largest chip with as many processes as a busy Mac has: half of them of other users.
fn large() -> String {
    let mut text = scenario("m5-max").to_owned();
    let own = text.matches("[[process]]").count();
    for number in own..800 {
        let user = if number % 2 == 0 { 501 } else { 88 };
        let _ = write!(
            text,
            "\n[[process]]\npid = {}\nuser = {user}\nname = \"worker-{number}\"\n\
             path = \"/usr/libexec/worker-{number}\"\ncpu = 0.01\nstart = -500\n",
            10_000 + number
        );
    }
    text
}

fn held(mac: &Mac) -> (u64, u64, u64) {
    let account = mac.opened.account();
    assert_eq!(account.faults, Vec::<String>::new());
    (account.objects, account.ports, account.memory)
}

#[test]
fn many_samples_hold_no_more_than_one() {
    for (name, scenario) in chips() {
        let mut mac = Mac::new(scenario);
        mac.ticks(3);
        let (before, created) = (held(&mac), mac.opened.account().created);
        mac.ticks(100);
        assert_eq!(held(&mac), before, "{name}");
        assert!(mac.opened.account().created > created, "{name}: objects came and went");
        mac.end(name);
    }
}

/// A number of the environment: how long something shall be done that takes long.
fn asked(name: &str) -> Option<u64> {
    #[allow(clippy::disallowed_methods, reason = "it is asked for from outside")]
    std::env::var(name).ok()?.parse().ok()
}

/// `cargo xtask mac-samples` runs it.
#[test]
#[ignore = "takes an hour for ten million samples"]
#[allow(clippy::disallowed_methods, reason = "how long it took is told, and nothing depends on it")]
fn millions_of_samples_hold_no_more_than_one() {
    let wanted = asked("RETOP_MAC_SAMPLES").unwrap_or(10_000_000);
    let limit = std::time::Duration::from_secs(asked("RETOP_MAC_SECONDS").unwrap_or(u64::MAX / 2));
    let began = std::time::Instant::now();
    let mut macs: Vec<Mac> = chips().iter().map(|(_, scenario)| Mac::new(scenario)).collect();
    macs.iter_mut().for_each(|mac| drop(mac.ticks(3)));
    let before: Vec<_> = macs.iter().map(held).collect();
    let resident = resident_bytes();
    let (mut taken, mut told) = (0_u64, began);
    while taken < wanted && began.elapsed() < limit {
        for (mac, before) in macs.iter_mut().zip(&before) {
            mac.ticks(100);
            taken += 100;
            assert_eq!(held(mac), *before, "after {taken} samples");
        }
        if told.elapsed().as_secs() >= 60 {
            told = std::time::Instant::now();
            let rate = taken as f64 / began.elapsed().as_secs_f64();
            println!("{taken} samples, {rate:.0} a second, {} KiB", resident_bytes() / 1024);
        }
    }
    let created: u64 = macs.iter().map(|mac| mac.opened.account().created).sum();
    let calls = |mac: &Mac| mac.opened.account().calls["IOReportCreateSamples"];
    let reports: u64 = macs.iter().filter(|mac| mac.has_channels()).map(calls).sum();
    let grown = resident_bytes().saturating_sub(resident);
    println!(
        "{taken} samples of {} Macs in {:.0} s, {reports} of IOReport, {created} objects made, and as \
         many given back; memory grew by {} KiB",
        macs.len(),
        began.elapsed().as_secs_f64(),
        grown / 1024
    );
    assert!(grown < 16 << 20, "retop itself holds on to {grown} bytes");
    macs.into_iter().for_each(|mac| drop(mac.end("millions")));
}

fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

#[test]
fn a_sample_of_the_largest_chip_costs_so_many_calls() {
    let mut mac = Mac::new(&large());
    mac.ticks(3);
    let before = mac.opened.account().calls;
    mac.tick();
    let after = mac.opened.account().calls;
    let of =
        |name: &str| after.get(name).copied().unwrap_or(0) - before.get(name).copied().unwrap_or(0);
    // Of 364 channels of energy those of five rails, 18 cores, 3 clusters, and of the graphics processor
    // once more; two of a display.
    assert_eq!(of("IOReportSimpleGetIntegerValue"), 5 + 18 + 3 + 1 + 2);
    // Energy of rails, energy of cores, cores, clusters, graphics, bandwidth, display.
    assert_eq!(of("IOReportCreateSamples"), 7);
    // 18 cores, 3 clusters, 1 graphics processor, 1 histogram of 90: their states, and of no other
    // channel. The library itself writes a fault down if others are asked for.
    assert_eq!(of("IOReportStateGetResidency"), 12 * 16 + 6 * 21 + 2 * 16 + 21 + 16 + 20);
    assert_eq!(of("IOReportStateGetNameForIndex"), 0, "names are learnt once");
    assert_eq!(of("IOReportCopyChannelsInGroup"), 0, "channels are chosen once");
    let core_foundation: u64 =
        after.keys().filter(|name| name.starts_with("CF")).map(|name| of(name)).sum();
    assert_eq!(core_foundation, 745, "calls of CoreFoundation");
    // A process of one's own: what it is and what it used; somebody else's: that it is, and since when.
    assert_eq!((of("proc_pidinfo"), of("proc_pid_rusage")), (400 + 2 * 400, 400));
    assert_eq!((of("sysctl"), of("sysctlbyname")), (400 + 2 + 1, 6));
    let learnt = ["proc_pidpath", "responsibility_get_pid_responsible_for_pid", "user_from_uid"];
    assert_eq!(learnt.map(of), [0; 3], "what stays is asked for once");
    mac.end("m5-max");
}

/// CPU time of this thread.
fn cpu() -> std::time::Duration {
    // SAFETY: numbers alone, for which zero is a value.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the place is one for a time.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Prints what a sample costs, the library's own part included, which a Mac does not have: nothing
/// depends on how fast this machine is.
#[test]
fn what_a_sample_of_the_largest_chip_takes() {
    const SAMPLES: u32 = 20;
    let mut mac = Mac::new(&large());
    mac.ticks(3);
    let mut by_source: Vec<(&'static str, std::time::Duration)> = Vec::new();
    let began = cpu();
    for _ in 0..SAMPLES {
        mac.second += 1.0;
        mac.clock.pass(1);
        mac.opened.set_clock(mac.second);
        for (place, source) in mac.sources.iter_mut().enumerate() {
            let began = cpu();
            let _ = source.read(&mut Read::new(&mac.clock, &mac.demand));
            let took = cpu() - began;
            match by_source.get_mut(place) {
                Some((_, sum)) => *sum += took,
                None => by_source.push((source.name(), took)),
            }
        }
    }
    println!("a sample takes {:?} of CPU time with the library's part", (cpu() - began) / SAMPLES);
    for (name, sum) in &by_source {
        println!("  {name} {:?}", *sum / SAMPLES);
    }
    assert_eq!(by_source.len(), mac.sources.len());
    mac.end("m5-max");
}
