//! RAPL by way of perf: one capability where powercap wants root.

use std::path::Path;

use retop_model::Key;

use super::{Begin, Follow, Kernel, Spec, Target, WORDS, Whose};
use crate::linux::{file, sysfs};

/// The kernel's names of RAPL's domains here, and those of powercap.
const DOMAINS: [(&str, &str); 5] = [
    ("energy-pkg", "package"),
    ("energy-cores", "core"),
    ("energy-gpu", "uncore"),
    ("energy-ram", "dram"),
    ("energy-psys", "psys"),
];

/// Domains of all packages.
pub struct Energy<K: Kernel> {
    kernel: K,
    open: Option<Vec<Domain<K::Counter>>>,
}

/// One of them.
struct Domain<C> {
    key: Key,
    name: String,
    counter: C,
    microjoules: f64,
}

/// What a domain says.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated<'a> {
    pub key: Key,
    pub name: &'a str,
    /// Since the counter was opened. The kernel takes wraps out.
    pub microjoules: i64,
}

impl<K: Kernel> Energy<K> {
    pub fn new(kernel: K) -> Energy<K> {
        Energy { kernel, open: None }
    }

    /// Reads every domain that may be read; none where there is no such unit or right.
    pub fn read(&mut self, sys: &Path, mut take: impl FnMut(Stated<'_>)) {
        let kernel = &mut self.kernel;
        let domains = self.open.get_or_insert_with(|| open(kernel, sys));
        for domain in domains {
            let mut words = [0; WORDS];
            let Ok(4..) = self.kernel.read(&domain.counter, &mut words) else { continue };
            // Past 2^53 a count loses its last digits, which are far below a microjoule.
            let microjoules = (words[3] as f64 * domain.microjoules) as i64;
            take(Stated { key: domain.key, name: &domain.name, microjoules });
        }
    }
}

fn open<K: Kernel>(kernel: &mut K, sys: &Path) -> Vec<Domain<K::Counter>> {
    let unit = sys.join("bus/event_source/devices/power");
    let kind = sysfs::attribute_i64(&unit, "type").and_then(|kind| u32::try_from(kind).ok());
    let Some(kind) = kind else { return Vec::new() };
    // One CPU of each package.
    let cpus = file::list(&unit.join("cpumask"));
    let mut domains = Vec::new();
    for &cpu in &cpus {
        let place = sys.join(format!("devices/system/cpu/cpu{cpu}/topology"));
        let package = sysfs::attribute_i64(&place, "physical_package_id").unwrap_or(0);
        for (event, part) in DOMAINS {
            let Some((config, microjoules)) = event_of(&unit.join("events"), event) else {
                continue;
            };
            let target = Target {
                whose: Whose::Cpu(i32::try_from(cpu).unwrap_or(i32::MAX)),
                user_only: false,
                follow: Follow::Nobody,
                begin: Begin::Now,
            };
            let Ok(counter) = kernel.open(target, Spec { kind, config }, None) else { continue };
            let name = match part {
                "package" => format!("package-{package}"),
                "psys" => part.to_owned(),
                part if cpus.len() > 1 => format!("package-{package} {part}"),
                part => part.to_owned(),
            };
            let key = Key(Key::named(b"perf").0, Key::named(name.as_bytes()).0);
            domains.push(Domain { key, name, counter, microjoules });
        }
    }
    domains
}

/// The event's number, and what one of its counts is worth.
fn event_of(events: &Path, name: &str) -> Option<(u64, f64)> {
    let event = sysfs::attribute_text(events, name)?;
    let config = u64::from_str_radix(event.strip_prefix("event=0x")?, 16).ok()?;
    let is_joules =
        sysfs::attribute_text(events, &format!("{name}.unit")).as_deref() == Some("Joules");
    let scale: f64 = sysfs::attribute_text(events, &format!("{name}.scale"))?.parse().ok()?;
    let is_sound = is_joules && scale.is_finite() && scale > 0.0;
    is_sound.then_some((config, scale * 1e6))
}
