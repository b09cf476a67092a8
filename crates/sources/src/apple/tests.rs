//! All sources of a Mac against the library that plays one.

mod control;
mod cost;
mod missing;
mod parts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use retop_fake_apple::{Installed, Opened, chips, install};
use retop_model::family::source::{ABSENT, DENIED};
use retop_model::family::{
    battery, chip, cluster, core, cpu, disk, gpu, gpu_process, host, memory, memory_use, network,
    performance_state, power, process, sensor, task, traffic, usage,
};
use retop_model::{Clock as _, FamilyId, Field, Key, RawSample, Row, Snapshot, derive};

use crate::demand::Demand;
use crate::source::{Problem, Read, Report, Source};
use retop_fake_machine::HandClock;

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("retop-mac-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for temporary files");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A made-up Mac, watched a second at a time.
struct Mac {
    sources: Vec<Box<dyn Source>>,
    clock: HandClock,
    demand: Demand,
    last: Option<Snapshot>,
    reports: Vec<Report>,
    problems: BTreeMap<&'static str, Problem>,
    opened: Opened,
    _installed: Installed,
    second: f64,
    _folder: Folder,
}

impl Mac {
    fn new(scenario: &str) -> Mac {
        Mac::without(scenario, &[])
    }

    fn without(scenario: &str, absent: &[&str]) -> Mac {
        let folder = Folder::new();
        let installed = install(&folder.0, scenario, absent).expect("installed");
        installed.set_clock(0.0).expect("set");
        let opened = installed.opened().expect("a library");
        let sources = super::sources(Some(&installed.library())).expect("sources");
        let clock = HandClock::new(0, 0);
        clock.pass(1_000);
        Mac {
            sources,
            clock,
            demand: Demand::everything(),
            last: None,
            reports: Vec::new(),
            problems: BTreeMap::new(),
            opened,
            _installed: installed,
            second: 0.0,
            _folder: folder,
        }
    }

    fn of(name: &str) -> Mac {
        Mac::new(scenario(name))
    }

    /// A second passes, then every source is read.
    fn tick(&mut self) -> Snapshot {
        self.second += 1.0;
        self.clock.pass(1);
        self.opened.set_clock(self.second);
        let mut sample = RawSample::new(self.clock.now());
        self.reports.clear();
        self.problems.clear();
        for source in &mut self.sources {
            let mut read = Read::new(&self.clock, &self.demand);
            if let Err(problem) = source.read(&mut read) {
                self.problems.insert(source.name(), problem);
            }
            for table in read.tables.drain(..) {
                assert!(source.feeds().contains(&table.family()), "{:?}", table.family());
                assert!(sample.table(table.family()).is_none(), "{:?} twice", table.family());
                sample.put(Arc::new(table));
            }
            self.reports.append(&mut read.reports);
        }
        let snapshot = derive(self.last.as_ref(), Arc::new(sample));
        self.last = Some(snapshot.clone());
        snapshot
    }

    fn ticks(&mut self, count: usize) -> Snapshot {
        (1..count).for_each(|_| drop(self.tick()));
        self.tick()
    }

    fn has_channels(&self) -> bool {
        self.opened.account().calls.contains_key("IOReportCreateSamples")
    }

    fn problem(&self, part: &str) -> Option<&Problem> {
        self.reports.iter().find(|report| report.name == part)?.problem.as_ref()
    }

    /// Ends the use of the library, and demands that nothing was wrong and nothing is held.
    fn end(self, what: &str) -> BTreeMap<String, u64> {
        drop(self.sources);
        let account = self.opened.account();
        assert_eq!(account.faults, Vec::<String>::new(), "{what}");
        let held = (account.objects, account.ports, account.memory);
        assert_eq!(held, (0, 0, 0), "{what}: objects, ports, memory still held");
        account.calls
    }
}

fn scenario(name: &str) -> &'static str {
    chips().iter().find(|(known, _)| *known == name).expect("a scenario").1
}

/// A scenario with one line in place of another.
fn changed(name: &str, from: &str, to: &str) -> String {
    let text = scenario(name);
    assert!(text.contains(from), "{name} has no {from}");
    text.replacen(from, to, 1)
}

fn near(found: Option<f64>, wanted: f64, what: &str) {
    let found = found.unwrap_or_else(|| panic!("{what} is missing"));
    let tolerance = wanted.abs() * 1e-3 + 1e-6;
    assert!((found - wanted).abs() <= tolerance, "{what}: {found} is not {wanted}");
}

fn rail(snapshot: &Snapshot, path: &str, field: Field) -> Option<f64> {
    snapshot.find(FamilyId::Power, chip::power_key(path))?.get(field)
}

fn cluster_of<'a>(snapshot: &'a Snapshot, name: &str) -> Row<'a> {
    snapshot.find(FamilyId::Cluster, Key::named(name.as_bytes())).expect("a cluster")
}

fn process_of(snapshot: &Snapshot, pid: u64) -> Row<'_> {
    let mut rows = snapshot.rows_between(FamilyId::Process, Key(pid, 0), Key(pid, u64::MAX));
    rows.next().expect("a process")
}

#[test]
fn watts_and_joules_are_the_scenarios_on_every_chip() {
    // Watts of cores, graphics, neural engine, memory.
    let chips = [
        ("m1", [10.0, 3.0, 0.0, 0.5]),
        ("m1-ultra", [14.0, 20.0, 0.5, 4.0]),
        ("m4-max", [24.0, 30.0, 2.0, 4.0]),
        ("m5-max", [10.0, 15.0, 0.0, 3.0]),
    ];
    for (name, watts) in chips {
        let mut mac = Mac::of(name);
        mac.tick();
        let mut seen = Vec::new();
        for _ in 0..12 {
            let now = mac.tick();
            seen.push(now.one(chip::cpu_watts));
        }
        let known: Vec<f64> = seen.iter().copied().flatten().collect();
        // Batches come every 2 s: two of them must have been seen, then the power never goes away.
        assert!(known.len() >= 9, "{name}: {seen:?}");
        assert!(seen.iter().skip_while(|watts| watts.is_none()).all(Option::is_some), "{name}");
        for one in known {
            near(Some(one), watts[0], name);
        }
        let now = mac.tick();
        let paths = ["ioreport/cpu", "ioreport/gpu", "ioreport/ane", "ioreport/dram"];
        for (path, watts) in paths.into_iter().zip(watts) {
            near(rail(&now, path, power::watts), watts, &format!("{name} {path}"));
        }
        near(now.one(chip::package_watts), watts[..3].iter().sum(), name);
        mac.end(name);
    }
}

#[test]
fn joules_are_watts_times_seconds_from_the_first_interval_on() {
    let mut mac = Mac::of("m1");
    mac.tick();
    for second in 1..=20_u32 {
        let now = mac.tick();
        let wanted = 10.0 * f64::from(second);
        near(rail(&now, "ioreport/cpu", power::used_joules), wanted, "joules");
        near(now.one(chip::package_joules), wanted * 1.3, "joules of the package");
        near(
            rail(&now, "smc/system", power::used_joules),
            15.5 * f64::from(second),
            "of the machine",
        );
    }
    mac.end("m1");
    // In batches what was published is counted, never more than was used.
    let mut mac = Mac::of("m5-max");
    mac.tick();
    let now = mac.ticks(20);
    let joules = rail(&now, "ioreport/cpu", power::used_joules).expect("counted");
    assert!((180.0..=201.0).contains(&joules), "{joules}");
    mac.end("m5-max");
}

#[test]
fn clusters_tell_what_was_asked_and_what_ran() {
    let mut mac = Mac::of("m4-max");
    mac.ticks(3);
    let now = mac.tick();
    let names: Vec<&str> =
        now.rows(FamilyId::Cluster).map(|row| row.shown(cluster::cluster)).collect();
    assert_eq!(BTreeSet::from_iter(names), BTreeSet::from(["E0", "P0", "P1"]));
    let fast = cluster_of(&now, "P0");
    assert_eq!(fast.state(cluster::kind), Some("performance"));
    assert_eq!(fast.get(cluster::cores), Some(6.0));
    near(fast.get(cluster::utilization_ratio), 0.9, "busy");
    near(fast.get(cluster::requested_hertz), 4512e6, "asked");
    near(fast.get(cluster::realised_hertz), 3948e6, "ran");
    near(fast.get(cluster::frequency_hertz), 3948e6, "clock");
    near(fast.get(cluster::held_down_ratio), 1.0 - 3948.0 / 4512.0, "held down");
    near(fast.get(cluster::scaled_ratio), 0.9 * 3948.0 / 4512.0, "scaled");
    near(fast.get(cluster::high_ratio), 0.9, "high");
    near(fast.get(cluster::idle_ratio), 0.1, "idle");
    near(fast.get(cluster::frequency_maximum_hertz), 4512e6, "highest");
    let slow = cluster_of(&now, "P1");
    near(slow.get(cluster::middle_ratio), 0.1, "middle");
    assert_eq!(slow.get(cluster::held_down_ratio).map(|held| (held * 1e3).round()), Some(0.0));
    let parts =
        [cluster::idle_ratio, cluster::low_ratio, cluster::middle_ratio, cluster::high_ratio];
    near(parts.iter().map(|&part| slow.get(part)).sum(), 1.0, "all of the time");
    // Every state of the cluster, with its clock.
    let states: Vec<Row<'_>> = now
        .rows(FamilyId::PerformanceState)
        .filter(|row| row.shown(performance_state::domain) == "P0")
        .collect();
    assert_eq!(states.len(), 22);
    near(states.iter().map(|row| row.get(performance_state::share_ratio)).sum(), 1.0, "states");
    let top = states.last().expect("states");
    assert_eq!(top.shown(performance_state::state), "V19P0");
    near(top.get(performance_state::share_ratio), 0.9, "top");
    mac.end("m4-max");
}

#[test]
fn cores_are_numbered_as_the_kernel_does_on_every_chip() {
    // Core, its cluster, its kind, how busy, at which clock.
    type Wanted = (u64, &'static str, &'static str, f64, f64);
    let wanted: &[(&str, usize, &[Wanted])] = &[
        ("m1", 8, &[(0, "E0", "efficiency", 0.25, 1332e6), (7, "P0", "performance", 0.5, 3204e6)]),
        (
            "m1-ultra",
            20,
            &[
                (0, "E0", "efficiency", 0.1, 972e6),
                (9, "P1", "performance", 0.2, 2904e6),
                (10, "E0.1", "efficiency", 0.1, 972e6),
                (19, "P1.1", "performance", 0.2, 2904e6),
            ],
        ),
        (
            "m4-max",
            16,
            &[(4, "P0", "performance", 0.9, 4512e6), (15, "P1", "performance", 0.1, 2616e6)],
        ),
        (
            "m5-max",
            18,
            &[
                (0, "M0", "performance", 0.2, 3504e6),
                (11, "M1", "performance", 0.1, 2652e6),
                (12, "P0", "super", 0.5, 4608e6),
            ],
        ),
    ];
    for (name, count, cores) in wanted {
        let mut mac = Mac::of(name);
        let now = mac.ticks(3);
        assert_eq!(now.rows(FamilyId::Core).len(), *count, "{name}");
        assert_eq!(now.one(cpu::logical), Some(*count as f64), "{name}");
        for &(number, cluster, kind, busy, hertz) in *cores {
            let row = now.find(FamilyId::Core, Key(number, 0)).expect("a core");
            let what = format!("{name} core {number}");
            assert_eq!(row.shown(core::cluster), cluster, "{what}");
            assert_eq!(row.state(core::kind), Some(kind), "{what}");
            near(row.get(core::utilization_ratio), busy, &what);
            near(row.get(core::frequency_hertz), hertz, &what);
        }
        mac.end(name);
    }
}

#[test]
fn further_chips_tell_their_clusters_their_heat_and_their_power() {
    // Clusters with what was asked and what ran in MHz; watts of cores and graphics; hottest core.
    type Wanted = (&'static str, &'static [(&'static str, f64, f64)], [Option<f64>; 2], f64);
    let chips: [Wanted; 6] = [
        (
            "m2-max",
            &[("E0", 1752.0, 1752.0), ("P0", 3696.0, 3504.0)],
            [Some(12.0), Some(6.0)],
            38.25,
        ),
        ("m3-pro", &[("E0", 744.0, 744.0), ("P0", 4056.0, 3576.0)], [Some(20.0), Some(1.0)], 69.75),
        ("m4", &[("E0", 1404.0, 1404.0), ("P0", 4464.0, 3936.0)], [Some(16.0), Some(2.0)], 77.5),
        // A beta that counts no millijoules.
        ("m4-pro", &[("P0", 2616.0, 2616.0), ("P1", 2616.0, 2352.0)], [None, Some(4.0)], 45.5),
        ("m5", &[("E0", 1800.0, 1800.0), ("P0", 4608.0, 4512.0)], [Some(11.0), Some(7.0)], 57.0),
        // This chip's cores have counted nothing since boot: the controller stands in.
        (
            "a18-pro",
            &[("E0", 2424.0, 2424.0), ("P0", 4044.0, 3924.0)],
            [Some(2.5), Some(0.5)],
            61.5,
        ),
    ];
    for (name, clusters, watts, hottest) in chips {
        let mut mac = Mac::of(name);
        let now = mac.ticks(4);
        for &(cluster, asked, ran) in clusters {
            let row = cluster_of(&now, cluster);
            near(
                row.get(cluster::requested_hertz),
                asked * 1e6,
                &format!("{name} {cluster} asked"),
            );
            near(row.get(cluster::realised_hertz), ran * 1e6, &format!("{name} {cluster} ran"));
        }
        let found = [chip::cpu_watts, chip::gpu_watts].map(|field| now.one(field));
        for (found, wanted) in found.into_iter().zip(watts) {
            match wanted {
                Some(wanted) => near(found, wanted, name),
                None => assert_eq!(found, None, "{name}: nothing is known, and that is not 0"),
            }
        }
        let is_silent = ["m4-pro", "a18-pro"].contains(&name);
        assert_eq!(mac.problem("power/cpu").is_some(), is_silent, "{name}");
        near(now.one(chip::cpu_highest_celsius), hottest, name);
        mac.end(name);
    }
    let kinds = |name: &str| {
        let mut mac = Mac::of(name);
        let now = mac.ticks(2);
        let kinds: BTreeSet<_> =
            now.rows(FamilyId::Core).filter_map(|row| row.state(core::kind)).collect();
        mac.end(name);
        kinds
    };
    assert_eq!(kinds("m5"), BTreeSet::from(["efficiency", "super"]));
    assert_eq!(kinds("m4"), BTreeSet::from(["efficiency", "performance"]));
}

#[test]
fn graphics_and_who_uses_them() {
    for (name, busy, hertz, watts) in
        [("m1", 0.4, 720e6, 3.0), ("m4-max", 0.75, 1578e6, 30.0), ("m1-ultra", 0.5, 1296e6, 20.0)]
    {
        let mut mac = Mac::of(name);
        let now = mac.ticks(6);
        let row = now.rows(FamilyId::Gpu).next().expect("a device");
        near(row.get(gpu::utilization_ratio), busy, name);
        near(row.get(gpu::shader_hertz), hertz, name);
        near(row.get(gpu::watts), watts, name);
        let user =
            now.rows(FamilyId::GpuProcess).find(|row| row.get(gpu_process::pid) == Some(4242.0));
        near(user.expect("a user").get(gpu_process::utilization_ratio), 0.6, name);
        // Other users' processes are seen here too.
        let foreign =
            now.rows(FamilyId::GpuProcess).find(|row| row.get(gpu_process::pid) == Some(357.0));
        near(foreign.expect("seen").get(gpu_process::utilization_ratio), 0.05, name);
        near(process_of(&now, 4242).get(process::gpu_ratio), 0.6, name);
        mac.end(name);
    }
}

#[test]
fn traffic_is_counted_or_by_histogram() {
    let mut mac = Mac::of("m1");
    let now = mac.ticks(3);
    near(now.one(memory::traffic_bytes_per_second), 16e9, "counted");
    near(now.one(memory::traffic_limit_bytes_per_second), 68.25e9, "stated");
    let all = now.rows(FamilyId::Traffic).next().expect("a controller");
    assert_eq!(all.get(traffic::resolution_bytes_per_second), None);
    assert!(all.get(traffic::written_bytes) < all.get(traffic::read_bytes));
    mac.end("m1");
    // 240 GB/s fall into the step from 224 to 256, which stands for its middle.
    let mut mac = Mac::of("m4-max");
    let now = mac.ticks(3);
    near(now.one(memory::traffic_bytes_per_second), 240e9, "histogram");
    let die = now.rows(FamilyId::Traffic).next().expect("a controller");
    assert_eq!(die.get(traffic::resolution_bytes_per_second), Some(32e9));
    mac.end("m4-max");
    // Listed, and never filled in; no histogram either.
    let empty =
        changed("m1", "rusage_version = 4", "rusage_version = 4\nunfilled = [\"AMC Stats\"]");
    let mut mac = Mac::new(&empty);
    let now = mac.ticks(3);
    assert_eq!(now.one(memory::traffic_bytes_per_second), None, "no traffic of 0");
    assert_eq!(mac.problem("memory/traffic").map(|problem| problem.state), Some(ABSENT));
    mac.end("unfilled");
}

#[test]
fn memory_is_what_activity_monitor_says() {
    for name in ["m1", "m1-ultra", "m4-max", "m5-max"] {
        let mut mac = Mac::of(name);
        let now = mac.ticks(2);
        let all = now.one(memory::total_bytes).expect("known");
        let used = now.one(memory::used_bytes).expect("known");
        near(now.one(memory::available_bytes), all - used, name);
        mac.end(name);
    }
    let mut mac = Mac::of("m1");
    let now = mac.ticks(2);
    let mib = |mib: f64| mib * 1_048_576.0;
    near(now.one(memory::used_bytes), mib(4000.0 - 100.0 + 1200.0 + 400.0), "used");
    near(now.one(memory::cached_bytes), mib(1900.0), "cached");
    near(now.one(memory::swap_used_bytes), mib(300.0), "swap");
    let uses = ["app", "wired", "compressed"].map(|name| {
        now.find(FamilyId::MemoryUse, Key::named(name.as_bytes()))?.get(memory_use::memory_bytes)
    });
    assert_eq!(uses, [Some(mib(3900.0)), Some(mib(1200.0)), Some(mib(400.0))]);
    assert_eq!(
        now.row(FamilyId::Chip, 0).and_then(|row| row.state(chip::memory_pressure)),
        Some("warning")
    );
    mac.end("m1");
    let failing = changed("m1", "rusage_version = 4", "wrong = [\"memory fails\"]");
    let mut mac = Mac::new(&failing);
    let now = mac.ticks(2);
    assert_eq!(now.one(memory::used_bytes), None);
    near(now.one(memory::swap_used_bytes), mib(300.0), "swap is known all the same");
    assert!(mac.problems["memory"].reason.contains("host_statistics64"));
    mac.end("memory fails");
}

#[test]
fn processes_of_others_are_named_and_no_more() {
    let mut mac = Mac::of("m5-max");
    mac.ticks(3);
    let now = mac.tick();
    let own = process_of(&now, 4242);
    near(own.get(process::cpu_ratio), 1.5, "cpu");
    near(own.get(process::ipc), 2.0, "ipc");
    near(own.get(process::performance_ratio), 1.35, "on fast cores");
    near(own.get(process::counted_watts), 4.0, "counted");
    near(own.get(process::footprint_bytes), 8000.0 * 1_048_576.0, "footprint");
    near(own.get(process::wakeups_per_second), 7.0, "wakeups");
    near(own.get(process::written_bytes_per_second), 3e6, "written");
    assert_eq!(own.shown(process::command), "ollama serve --model a b");
    assert_eq!((own.shown(process::name), own.shown(process::user)), ("ollama", "ada"));
    let accounted = now.rows(FamilyId::Usage).find(|row| row.get(usage::pid) == Some(4242.0));
    let accounted = accounted.expect("accounted");
    near(accounted.get(usage::neural_bytes), 64.0 * 1_048_576.0, "neural");
    assert!(accounted.get(usage::interactive_seconds).is_some());
    let foreign = process_of(&now, 357);
    assert_eq!(
        (foreign.shown(process::name), foreign.shown(process::user)),
        ("WindowServer", "_windowserver")
    );
    for field in [process::cpu_ratio, process::resident_bytes, process::threads, process::state] {
        assert_eq!(foreign.get(field), None, "{}", field.name());
    }
    assert_eq!(now.one(task::processes), Some(4.0));
    assert_eq!(mac.problem("processes/others").map(|problem| problem.state), Some(DENIED));
    let shown = format!(
        "{:?}",
        now.rows(FamilyId::Process)
            .map(|row| row.shown(process::command).to_owned())
            .collect::<Vec<_>>()
    );
    assert!(!shown.contains("SECRET"), "the environment is never read");
    mac.end("m5-max");
    // A kernel of macOS 12 knows less: what it lacks is missing, not 0.
    let mut mac = Mac::of("m1");
    let now = mac.ticks(3);
    let own = process_of(&now, 4242);
    near(own.get(process::ipc), 2.0, "ipc");
    assert_eq!(
        (own.get(process::counted_watts), own.get(process::performance_ratio)),
        (None, None)
    );
    mac.end("m1");
}

#[test]
fn temperatures_fans_and_heat() {
    let heat = |name: &str| {
        let mut mac = Mac::of(name);
        let now = mac.ticks(2);
        let fields = [chip::cpu_highest_celsius, chip::cpu_mean_celsius, chip::gpu_highest_celsius];
        let found = fields.map(|field| now.one(field));
        mac.end(name);
        found
    };
    assert_eq!(heat("m1"), [Some(55.5), Some(50.5), Some(42.0)], "by the event system");
    assert_eq!(heat("m1-ultra"), [Some(52.75), Some(49.0), Some(42.25)]);
    assert_eq!(
        heat("m4-max"),
        [Some(88.5), Some(74.0), Some(66.5)],
        "junk and parked ones are out"
    );
    assert_eq!(heat("m5-max"), [Some(58.0), Some(54.0), Some(47.5)], "no TCMz");
    assert_eq!(heat("virtual"), [None, None, None]);
    let mut mac = Mac::of("m4-max");
    let now = mac.ticks(2);
    let row = now.row(FamilyId::Chip, 0).expect("a chip");
    assert_eq!(
        (row.state(chip::thermal), row.state(chip::thermal_pressure)),
        (Some("fair"), Some("heavy"))
    );
    assert_eq!(
        (row.get(chip::efficiency_cores), row.get(chip::performance_cores)),
        (Some(4.0), Some(12.0))
    );
    assert_eq!((row.get(chip::super_cores), row.get(chip::gpu_cores)), (None, Some(40.0)));
    near(row.get(chip::ane_active_ratio), 0.2, "neural engine");
    near(row.get(chip::ane_ratio), 0.25, "neural engine by power");
    near(row.get(chip::system_watts), 71.0, "machine");
    let fans: Vec<(Option<f64>, Option<f64>)> = now
        .rows(FamilyId::Sensor)
        .filter(|row| row.get(sensor::fan_rpm).is_some())
        .map(|row| (row.get(sensor::fan_rpm), row.get(sensor::fan_maximum_rpm)))
        .collect();
    assert_eq!(
        BTreeSet::from_iter(
            fans.iter().map(|(rpm, max)| (rpm.map(f64::to_bits), max.map(f64::to_bits)))
        )
        .len(),
        2
    );
    assert!(fans.contains(&(Some(2500.0), Some(5777.0))), "{fans:?}");
    let shown: Vec<&str> =
        now.rows(FamilyId::Sensor).map(|row| row.shown(sensor::sensor)).collect();
    assert!(shown.contains(&"TB0T battery") && !shown.contains(&"Tg0H GPU"), "{shown:?}");
    mac.end("m4-max");
    // A fan that stands still is at 0, which is a speed.
    let mut mac = Mac::of("m5-max");
    let now = mac.ticks(2);
    assert!(now.rows(FamilyId::Sensor).any(|row| row.get(sensor::fan_rpm) == Some(0.0)));
    mac.end("m5-max");
}

#[test]
fn network_disks_battery_and_host() {
    let mut mac = Mac::of("m1");
    let now = mac.ticks(3);
    let en0 =
        now.rows(FamilyId::Network).find(|row| row.shown(network::device) == "en0").expect("en0");
    near(en0.get(network::receive_bytes_per_second), 1.5e6, "received");
    near(en0.get(network::transmit_bytes_per_second), 250e3, "sent");
    assert!(en0.get(network::receive_bytes).expect("counted") > 4.3e9, "beyond 32 bits");
    assert_eq!(en0.shown(network::address), "02:00:00:00:00:01");
    let disk0 = now.rows(FamilyId::Disk).next().expect("a disk");
    assert_eq!(
        (disk0.shown(disk::device), disk0.shown(disk::model)),
        ("disk0", "APPLE SSD AP1024Z")
    );
    near(disk0.get(disk::read_bytes_per_second), 20e6, "read");
    near(disk0.get(disk::written_bytes_per_second), 5e6, "written");
    let row = now.rows(FamilyId::Battery).next().expect("a battery");
    assert_eq!(row.state(battery::status), Some("discharging"));
    near(row.get(battery::power_watts), 9.6, "drawn");
    near(row.get(battery::charge_ratio), 0.8, "left");
    near(row.get(battery::health_ratio), 0.95, "health");
    let row = now.row(FamilyId::Host, 0).expect("a host");
    assert_eq!(row.shown(host::os), "macOS 12.7.6 (21H1320)");
    assert_eq!(
        (row.shown(host::cpu_model), row.shown(host::kernel)),
        ("Apple M1", "Darwin 21.6.0")
    );
    assert_eq!(row.get(host::load_1m), Some(2.0));
    mac.end("m1");
    let mut mac = Mac::of("m1-ultra");
    let now = mac.ticks(2);
    assert_eq!(now.rows(FamilyId::Battery).len(), 0);
    assert_eq!(mac.problems["battery"].state, ABSENT);
    mac.end("m1-ultra");
}
