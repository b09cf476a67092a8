//! How busy the engines of Intel's devices are, by perf: what the drivers tell of the whole device,
//! whoever uses it. It takes a right; without it the clients that may be looked into stand for all.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use retop_model::Key;
use retop_model::family::source::DENIED;

use super::clients::Work;
use super::device::Device;
use crate::linux::perf::{Begin, Follow, Kernel, Spec, Target, WORDS, Whose};
use crate::linux::{file, parse, sysfs};
use crate::source::Problem;

/// Classes of engines by their number in xe, as the clients call them.
const CLASSES: [&str; 5] = ["rcs", "bcs", "vcs", "vecs", "ccs"];
/// What the kernel says of an engine that the device does not have.
const NO_ENGINE: [i32; 4] = [libc::EINVAL, libc::ENOENT, libc::ENODEV, libc::EOPNOTSUPP];
/// No device has more engines of a class.
const MOST: u64 = 16;

/// Counters of devices, opened when they are first asked for.
pub trait Counts: Send {
    /// What the engines of the device did since the last read; nothing at the first.
    ///
    /// # Errors
    ///
    /// That they may not be counted.
    fn read(&mut self, device: &Device, key: Key, now_ns: u64) -> Result<Option<Work>, Problem>;

    /// Lets go of a device: counters of xe hold it awake.
    fn close(&mut self, key: Key);
}

/// Opens and reads them.
pub struct Pmu<K: Kernel> {
    kernel: K,
    units: PathBuf,
    open: HashMap<Key, Opened<K::Counter>>,
}

/// The engines of a device, or why they may not be counted.
type Opened<C> = Result<Vec<Engine<C>>, Problem>;

struct Engine<C> {
    class: String,
    busy: C,
    /// Ticks in all; without it the busy ones are nanoseconds.
    all: Option<C>,
    last: Option<[u64; 2]>,
}

impl<K: Kernel> Pmu<K> {
    pub fn new(kernel: K, sys: &Path) -> Pmu<K> {
        let units = sys.join("bus/event_source/devices");
        Pmu { kernel, units, open: HashMap::new() }
    }

    /// A unit is called after its driver and the address; the first of i915 after the driver alone.
    fn unit(&self, device: &Device) -> Option<PathBuf> {
        let full = format!("{}_{}", device.driver, device.address.replace(':', "_"));
        let units = [full.as_str(), device.driver.as_str()].map(|name| self.units.join(name));
        units.into_iter().find(|unit| unit.join("type").exists())
    }
}

impl<K: Kernel + Send> Counts for Pmu<K>
where
    K::Counter: Send,
{
    fn read(&mut self, device: &Device, key: Key, now_ns: u64) -> Result<Option<Work>, Problem> {
        if !self.open.contains_key(&key) {
            let engines = match self.unit(device) {
                Some(unit) => open(&mut self.kernel, &unit, device),
                None => Ok(Vec::new()),
            };
            // A refusal is for good; what else goes wrong may be over at the next read.
            match engines {
                Err(problem) if problem.state != DENIED => return Err(problem),
                engines => drop(self.open.insert(key, engines)),
            }
        }
        let Some(engines) = self.open.get_mut(&key) else { return Ok(None) };
        let engines = engines.as_mut().map_err(|problem| problem.clone())?;
        let mut shares: Vec<(&str, f64, u32)> = Vec::new();
        for engine in engines.iter_mut() {
            let Some(share) = engine.step(&mut self.kernel, now_ns) else { continue };
            match shares.iter_mut().find(|(class, ..)| *class == engine.class) {
                Some((_, sum, count)) => (*sum, *count) = (*sum + share, *count + 1),
                None => shares.push((&engine.class, share, 1)),
            }
        }
        // Engines of one class are one engine of as many places, as they are with clients.
        let mut work = Work::default();
        for (class, sum, count) in &shares {
            work.add(class.as_bytes(), sum / f64::from(*count));
        }
        Ok((!shares.is_empty()).then_some(work))
    }

    fn close(&mut self, key: Key) {
        // A refusal holds nothing, and is not asked for again.
        if self.open.get(&key).is_some_and(Result::is_ok) {
            self.open.remove(&key);
        }
    }
}

impl<C> Engine<C> {
    fn step<K: Kernel<Counter = C>>(&mut self, kernel: &mut K, now_ns: u64) -> Option<f64> {
        let mut value = |counter: &C| {
            let mut words = [0; WORDS];
            match kernel.read(counter, &mut words) {
                Ok(4..) => words.get(3).copied(),
                _ => None,
            }
        };
        let busy = value(&self.busy)?;
        let all = match &self.all {
            Some(all) => value(all)?,
            None => now_ns,
        };
        let [then_busy, then_all] = self.last.replace([busy, all])?;
        let busy = busy.checked_sub(then_busy)? as f64;
        let all = all.checked_sub(then_all).filter(|&all| all > 0)? as f64;
        // Read a little later than the clock; twice as much as there was is nonsense.
        Some(busy / all).filter(|&share| share <= 2.0).map(|share| share.min(1.0))
    }
}

fn open<K: Kernel>(kernel: &mut K, unit: &Path, device: &Device) -> Opened<K::Counter> {
    let kind = sysfs::attribute_i64(unit, "type").and_then(|kind| u32::try_from(kind).ok());
    let Some(kind) = kind else { return Ok(Vec::new()) };
    let cpu = file::list(&unit.join("cpumask")).first().copied().unwrap_or(0);
    let target = Target {
        whose: Whose::Cpu(i32::try_from(cpu).unwrap_or(0)),
        user_only: false,
        follow: Follow::Nobody,
        begin: Begin::Now,
    };
    let mut counter = |config| match kernel.open(target, Spec { kind, config }, None) {
        Ok(counter) => Ok(Some(counter)),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(refusal(&device.address))
        }
        // There is no such engine.
        Err(error) if NO_ENGINE.contains(&error.raw_os_error().unwrap_or(0)) => Ok(None),
        Err(error) => Err(Problem::io(unit, &error)
            .hint("what its clients tell stands for its engines; they are asked for again")),
    };
    let mut engines = Vec::new();
    if device.driver == "i915" {
        for (class, config) in of_i915(&unit.join("events")) {
            if let Some(busy) = counter(config)? {
                engines.push(Engine { class, busy, all: None, last: None });
            }
        }
        return Ok(engines);
    }
    let Some(xe) = Xe::of(unit) else { return Ok(engines) };
    for part in parts(&device.folder) {
        for (class, name) in (0..).zip(CLASSES) {
            for instance in 0..MOST {
                let place = xe.place(part, class, instance);
                let Some(busy) = counter(xe.active | place)? else { break };
                let Some(all) = counter(xe.total | place)? else { break };
                engines.push(Engine { class: name.to_owned(), busy, all: Some(all), last: None });
            }
        }
    }
    Ok(engines)
}

fn refusal(address: &str) -> Problem {
    Problem::denied(format!(
        "{address}: counting its engines needs perf_event_paranoid <= 0 or CAP_PERFMON; \
         what its clients tell stands for it"
    ))
    .hint("sudo setcap cap_perfmon+ep $(command -v retop), or run as root")
}

/// Events such as `rcs0-busy`, in nanoseconds.
fn of_i915(events: &Path) -> Vec<(String, u64)> {
    let names = sysfs::names(events).unwrap_or_default();
    let busy = names.iter().filter_map(|name| {
        let class = name.strip_suffix("-busy")?.trim_end_matches(|c: char| c.is_ascii_digit());
        let class = CLASSES.iter().find(|known| **known == class)?;
        Some(((*class).to_owned(), number(events, name, "config=")?))
    });
    busy.collect()
}

fn number(events: &Path, name: &str, key: &str) -> Option<u64> {
    let text = sysfs::attribute_text(events, name)?;
    parse::hexadecimal(text.strip_prefix(key)?.as_bytes())
}

/// Parts of a device that have engines of their own: `gt0`, `gt1`.
fn parts(folder: &Path) -> Vec<u64> {
    let names = sysfs::names(&folder.join("tile0")).unwrap_or_default();
    let number = |name: &String| parse::decimal(name.strip_prefix("gt")?.as_bytes());
    names.iter().filter_map(number).filter(|&part| part < MOST).collect()
}

/// How xe names its engines in a config.
struct Xe {
    active: u64,
    total: u64,
    part: u32,
    class: u32,
    instance: u32,
}

impl Xe {
    fn of(unit: &Path) -> Option<Xe> {
        let events = unit.join("events");
        let shift = |name| {
            let text = sysfs::attribute_text(&unit.join("format"), name)?;
            let low = text.strip_prefix("config:")?.split('-').next()?;
            low.parse().ok().filter(|&shift: &u32| shift < u64::BITS)
        };
        Some(Xe {
            active: number(&events, "engine-active-ticks", "event=")?,
            total: number(&events, "engine-total-ticks", "event=")?,
            part: shift("gt")?,
            class: shift("engine_class")?,
            instance: shift("engine_instance")?,
        })
    }

    fn place(&self, part: u64, class: u64, instance: u64) -> u64 {
        part << self.part | class << self.class | instance << self.instance
    }
}

#[cfg(test)]
mod tests {
    use super::super::clients::Role;
    use super::super::device::Classes;
    use super::*;
    use crate::linux::tree::Tree;
    use retop_model::family::source::FAILING;
    use std::collections::BTreeMap;
    use std::io;
    use std::sync::atomic::{AtomicI32, Ordering};
    use std::sync::{Arc, Mutex};

    /// Counts by config; those that are not here do not exist.
    #[derive(Clone, Default)]
    struct Scripted {
        counts: Arc<Mutex<BTreeMap<u64, u64>>>,
        errno: Arc<AtomicI32>,
    }

    impl Kernel for Scripted {
        type Counter = u64;

        fn open(&mut self, _: Target, event: Spec, _: Option<&u64>) -> io::Result<u64> {
            let known = self.counts.lock().expect("whole").contains_key(&event.config);
            match (self.errno.load(Ordering::Relaxed), known) {
                (0, true) => Ok(event.config),
                (0, false) => Err(io::Error::from_raw_os_error(libc::EINVAL)),
                (errno, _) => Err(io::Error::from_raw_os_error(errno)),
            }
        }

        fn read(&mut self, counter: &u64, words: &mut [u64; WORDS]) -> io::Result<usize> {
            words[3] = self.counts.lock().expect("whole").get(counter).copied().unwrap_or(0);
            Ok(4)
        }
    }

    fn device(driver: &str) -> (Tree, Device) {
        let tree = Tree::new(&[
            ("sys/class/drm/renderD128", "-> ../../devices/gpu/drm/renderD128"),
            ("sys/devices/gpu/drm/renderD128/device", "-> ../.."),
            ("sys/devices/gpu/tile0/gt0/x", ""),
            ("sys/devices/gpu/tile0/gt1/x", ""),
        ]);
        let identity = format!("DRIVER={driver}\nPCI_SLOT_NAME=0000:00:02.0\n");
        tree.write("sys/devices/gpu/uevent", identity);
        let device = Classes::new(&tree.roots().sys).devices().remove(0);
        (tree, device)
    }

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn engines_of_i915_count_time() {
        let (tree, device) = device("i915");
        let unit = "sys/bus/event_source/devices/i915";
        for (file, text) in [
            ("type", "18"),
            ("cpumask", "0"),
            ("events/rcs0-busy", "config=0x0"),
            ("events/vcs0-busy", "config=0x2000"),
            ("events/vcs1-busy", "config=0x2010"),
            ("events/vcs0-wait", "config=0x2001"),
            ("events/odd-busy", "config=0x9"),
            ("events/bcs0-busy", "nonsense"),
        ] {
            tree.write(&format!("{unit}/{file}"), text);
        }
        let kernel = Scripted::default();
        let set = |counts: [(u64, u64); 3]| kernel.counts.lock().expect("whole").extend(counts);
        set([(0, 7), (0x2000, 0), (0x2010, 0)]);
        let mut pmu = Pmu::new(kernel.clone(), &tree.roots().sys);
        let mut read = |now_ns| pmu.read(&device, Key(1, 0), now_ns).expect("allowed");
        assert_eq!(read(SECOND), None);
        set([(0, 7 + SECOND / 4), (0x2000, SECOND), (0x2010, 0)]);
        let work = read(2 * SECOND).expect("counted");
        assert_eq!((work.of(Role::Graphics), work.of(Role::Video)), (Some(0.25), Some(0.5)));
        // A reset, a leap and one that counts on.
        set([(0, 0), (0x2000, 99 * SECOND), (0x2010, SECOND / 2)]);
        let work = read(3 * SECOND).expect("counted");
        assert_eq!((work.of(Role::Graphics), work.of(Role::Video)), (None, Some(0.5)));
        // After it was closed it begins anew.
        pmu.close(Key(1, 0));
        assert_eq!(pmu.read(&device, Key(1, 0), 4 * SECOND), Ok(None));
    }

    #[test]
    fn engines_of_xe_count_ticks() {
        let (tree, device) = device("xe");
        let unit = "sys/bus/event_source/devices/xe_0000_00_02.0";
        for (file, text) in [
            ("type", "16"),
            ("events/engine-active-ticks", "event=0x02"),
            ("events/engine-total-ticks", "event=0x03"),
            ("format/engine_class", "config:20-27"),
            ("format/engine_instance", "config:12-19"),
            ("format/gt", "config:60-63"),
        ] {
            tree.write(&format!("{unit}/{file}"), text);
        }
        let (render, video) = (0, 1 << 60 | 2 << 20);
        let kernel = Scripted::default();
        let set = |busy: [u64; 2], all: u64| {
            let counts =
                [(render | 2, busy[0]), (render | 3, all), (video | 2, busy[1]), (video | 3, all)];
            kernel.counts.lock().expect("whole").extend(counts);
        };
        set([5, 5], 1_000);
        let mut pmu = Pmu::new(kernel.clone(), &tree.roots().sys);
        assert_eq!(pmu.read(&device, Key(1, 0), 1), Ok(None));
        set([15, 65], 1_100);
        let work = pmu.read(&device, Key(1, 0), 2).expect("allowed").expect("counted");
        assert_eq!((work.of(Role::Graphics), work.of(Role::Video)), (Some(0.1), Some(0.6)));
        // The ticks stand still: nothing is known.
        assert_eq!(pmu.read(&device, Key(1, 0), 3), Ok(None));
    }

    #[test]
    fn without_the_right_or_the_unit_there_is_a_reason_or_nothing() {
        let (tree, device) = device("i915");
        let mut pmu = Pmu::new(Scripted::default(), &tree.roots().sys);
        assert_eq!(pmu.read(&device, Key(1, 0), 1), Ok(None));
        let unit = "sys/bus/event_source/devices/i915";
        tree.write(&format!("{unit}/type"), "18");
        tree.write(&format!("{unit}/events/rcs0-busy"), "config=0x0");
        let kernel = Scripted::default();
        kernel.counts.lock().expect("whole").insert(0, 7);
        kernel.errno.store(libc::EACCES, Ordering::Relaxed);
        let mut pmu = Pmu::new(kernel.clone(), &tree.roots().sys);
        for _ in 0..2 {
            let problem = pmu.read(&device, Key(1, 0), 1).expect_err("denied");
            assert!(problem.reason.contains("CAP_PERFMON") && problem.hint.is_some());
            pmu.close(Key(1, 0));
        }
        // What is no refusal is no engine that is missing either, and is asked for again.
        for errno in [libc::EMFILE, libc::EBUSY] {
            kernel.errno.store(errno, Ordering::Relaxed);
            let mut pmu = Pmu::new(kernel.clone(), &tree.roots().sys);
            let problem = pmu.read(&device, Key(1, 0), SECOND).expect_err("it failed");
            assert!(problem.state == FAILING && problem.hint.is_some());
            kernel.errno.store(0, Ordering::Relaxed);
            assert_eq!(pmu.read(&device, Key(1, 0), SECOND), Ok(None));
            kernel.counts.lock().expect("whole").insert(0, 7 + SECOND / 2);
            let work = pmu.read(&device, Key(1, 0), 2 * SECOND).expect("allowed").expect("counted");
            assert_eq!(work.of(Role::Graphics), Some(0.5));
            kernel.counts.lock().expect("whole").insert(0, 7);
        }
    }
}
