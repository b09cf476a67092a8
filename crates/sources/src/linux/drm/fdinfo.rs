//! What a driver tells of one client in `/proc/PID/fdinfo/N`: time of engines and memory by region.
//!
//! The keys are those of the kernel's `Documentation/gpu/drm-usage-stats.rst`. Only `drm-driver` has to
//! be there. amdgpu before Linux 5.19 had a form of its own, which told memory and no time that can
//! be compared.

use crate::linux::parse::{self, Fields};

/// No device has more engines or kinds of memory; what names more is garbage.
const MOST: usize = 32;

/// A client: one opening of a device, however many processes it was passed on to.
#[derive(Debug, Default, PartialEq)]
pub struct Fdinfo<'a> {
    /// The driver's name.
    pub driver: &'a [u8],
    /// PCI address of the device; platform devices have none.
    pub device: Option<&'a [u8]>,
    /// Number of the client, unique on its device.
    pub client: Option<u64>,
    pub engines: Vec<Engine<'a>>,
    pub regions: Vec<Region<'a>>,
    /// Bytes that the client wants in the device's memory and that were moved off it.
    pub evicted: Option<u64>,
}

/// A class of engines, which all do the same.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Engine<'a> {
    pub name: &'a [u8],
    pub busy_ns: Option<u64>,
    pub cycles: Option<u64>,
    /// Cycles that the engine had in all, by the same clock.
    pub total_cycles: Option<u64>,
    /// How many engines there are of the class.
    pub capacity: Option<u64>,
    pub highest_hertz: Option<u64>,
}

/// A kind of memory, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Region<'a> {
    pub name: &'a [u8],
    /// What has memory behind it now.
    pub resident: Option<u64>,
    /// Of all that the client has, what others have too.
    pub shared: Option<u64>,
    pub purgeable: Option<u64>,
    pub active: Option<u64>,
    /// The name of `resident` before Linux 6.5.
    old_resident: Option<u64>,
}

impl Region<'_> {
    /// Bytes that the client holds.
    pub fn held(&self) -> Option<u64> {
        self.resident.or(self.old_resident)
    }
}

impl<'a> Fdinfo<'a> {
    /// Takes the file apart; `None` if it is not that of a device's client.
    pub fn parse(text: &'a [u8]) -> Option<Fdinfo<'a>> {
        let mut info = Fdinfo::default();
        let mut old_form = false;
        for (key, value) in parse::lines(text).filter_map(parse::keyed) {
            match key {
                b"drm-driver" => info.driver = value,
                b"drm-pdev" => info.device = Some(value),
                b"drm-client-id" => info.client = parse::decimal(value),
                b"amd-evicted-vram" => info.evicted = bytes(value),
                // The first kernels that told anything at all.
                b"pdev" => info.device = Some(value),
                b"vram mem" | b"gtt mem" => {
                    old_form = true;
                    let name = key.split(|&byte| byte == b' ').next().unwrap_or(key);
                    if let Some(region) = region(&mut info.regions, name) {
                        region.old_resident = bytes(value);
                    }
                }
                b"pasid" if info.client.is_none() => info.client = parse::decimal(value),
                _ => {
                    if let Some(rest) = key.strip_prefix(b"drm-") {
                        info.take(rest, value);
                    }
                }
            }
        }
        if info.driver.is_empty() && old_form && info.device.is_some() {
            info.driver = b"amdgpu";
        }
        (!info.driver.is_empty()).then_some(info)
    }

    /// True if there is neither time nor memory in it.
    pub fn is_silent(&self) -> bool {
        let tells = |engine: &Engine<'_>| engine.busy_ns.or(engine.cycles).is_some();
        !self.engines.iter().any(tells) && self.regions.iter().all(|region| region.held().is_none())
    }

    /// Takes one of the keys that name an engine or a region.
    fn take(&mut self, key: &'a [u8], value: &'a [u8]) {
        type OfEngine = for<'e, 'a> fn(&'e mut Engine<'a>) -> &'e mut Option<u64>;
        type OfRegion = for<'e, 'a> fn(&'e mut Region<'a>) -> &'e mut Option<u64>;
        type Number = fn(&[u8]) -> Option<u64>;
        // `engine-capacity-` before `engine-`, `total-cycles-` before `total-`.
        let engines: [(&[u8], OfEngine, Number); 5] = [
            (b"engine-capacity-", |engine| &mut engine.capacity, parse::decimal),
            (b"engine-", |engine| &mut engine.busy_ns, nanoseconds),
            (b"total-cycles-", |engine| &mut engine.total_cycles, parse::decimal),
            (b"cycles-", |engine| &mut engine.cycles, parse::decimal),
            (b"maxfreq-", |engine| &mut engine.highest_hertz, hertz),
        ];
        for (start, of, read) in engines {
            if let Some(name) = key.strip_prefix(start) {
                if let Some(engine) = engine(&mut self.engines, name) {
                    *of(engine) = read(value);
                }
                return;
            }
        }
        let regions: [(&[u8], OfRegion); 5] = [
            (b"resident-", |region| &mut region.resident),
            (b"memory-", |region| &mut region.old_resident),
            (b"shared-", |region| &mut region.shared),
            (b"purgeable-", |region| &mut region.purgeable),
            (b"active-", |region| &mut region.active),
        ];
        for (start, of) in regions {
            if let Some(name) = key.strip_prefix(start) {
                if let Some(region) = region(&mut self.regions, name) {
                    *of(region) = bytes(value);
                }
                return;
            }
        }
    }
}

fn engine<'e, 'a>(engines: &'e mut Vec<Engine<'a>>, name: &'a [u8]) -> Option<&'e mut Engine<'a>> {
    let place = engines.iter().position(|engine| engine.name == name).or_else(|| {
        let room = engines.len() < MOST && !name.is_empty();
        room.then(|| engines.push(Engine { name, ..Engine::default() }))?;
        Some(engines.len() - 1)
    })?;
    engines.get_mut(place)
}

fn region<'e, 'a>(regions: &'e mut Vec<Region<'a>>, name: &'a [u8]) -> Option<&'e mut Region<'a>> {
    let place = regions.iter().position(|region| region.name == name).or_else(|| {
        let room = regions.len() < MOST && !name.is_empty();
        room.then(|| regions.push(Region { name, ..Region::default() }))?;
        Some(regions.len() - 1)
    })?;
    regions.get_mut(place)
}

fn nanoseconds(value: &[u8]) -> Option<u64> {
    scaled(value, &[(b"ns", 1)])
}

fn hertz(value: &[u8]) -> Option<u64> {
    scaled(value, &[(b"Hz", 1), (b"KHz", 1_000), (b"MHz", 1_000_000)])
}

fn bytes(value: &[u8]) -> Option<u64> {
    // Without a unit it is bytes; the first kernels wrote kB and meant KiB.
    scaled(value, &[(b"", 1), (b"KiB", 1 << 10), (b"kB", 1 << 10), (b"MiB", 1 << 20)])
}

/// A number with one of these units.
fn scaled(value: &[u8], units: &[(&[u8], u64)]) -> Option<u64> {
    let mut fields = Fields::new(value);
    let number = fields.number()?;
    let unit = fields.rest();
    let (_, scale) = units.iter().find(|(known, _)| *known == unit)?;
    number.checked_mul(*scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn engine<'a>(info: &'a Fdinfo<'_>, name: &str) -> &'a Engine<'a> {
        info.engines.iter().find(|engine| engine.name == name.as_bytes()).expect("there")
    }

    fn held(info: &Fdinfo<'_>, name: &str) -> Option<u64> {
        info.regions.iter().find(|region| region.name == name.as_bytes())?.held()
    }

    #[test]
    fn drivers_tell_time_and_memory_in_their_own_ways() {
        let amdgpu = b"pos:\t0\nflags:\t02100002\nmnt_id:\t27\nino:\t1151\ndrm-driver:\tamdgpu\n\
            drm-client-id:\t42\ndrm-pdev:\t0000:03:00.0\npasid:\t32771\n\
            drm-total-vram:\t2098176 KiB\ndrm-shared-vram:\t16 MiB\ndrm-resident-vram:\t2 GiB\n\
            drm-memory-vram:\t2097152 KiB\ndrm-memory-gtt: \t65536 KiB\ndrm-memory-cpu: \t0 KiB\n\
            amd-evicted-vram:\t1024 KiB\namd-requested-vram:\t2098176 KiB\n\
            drm-engine-gfx:\t900000000 ns\ndrm-engine-enc:\t5 ns\n";
        let info = Fdinfo::parse(amdgpu).expect("a client");
        assert_eq!((info.driver, info.client), (&b"amdgpu"[..], Some(42)));
        assert_eq!(info.device, Some(&b"0000:03:00.0"[..]));
        assert_eq!(engine(&info, "gfx").busy_ns, Some(900_000_000));
        // GiB is no unit of the kernel's: what is known by the older name stands.
        assert_eq!(held(&info, "vram"), Some(2 << 30));
        assert_eq!(held(&info, "gtt"), Some(64 << 20));
        assert_eq!(info.evicted, Some(1 << 20));

        let xe = b"drm-driver:\txe\ndrm-client-id:\t7\ndrm-pdev:\t0000:03:00.0\n\
            drm-total-vram0:\t23992 KiB\ndrm-resident-vram0:\t16777216\ndrm-shared-vram0:\t0\n\
            drm-cycles-rcs:\t28257900\ndrm-total-cycles-rcs:\t7655183225\n\
            drm-cycles-vcs:\t0\ndrm-total-cycles-vcs:\t7655183225\ndrm-engine-capacity-vcs:\t2\n";
        let info = Fdinfo::parse(xe).expect("a client");
        assert_eq!(engine(&info, "rcs").cycles, Some(28_257_900));
        assert_eq!(engine(&info, "rcs").total_cycles, Some(7_655_183_225));
        assert_eq!(engine(&info, "vcs").capacity, Some(2));
        assert_eq!((held(&info, "vram0"), info.engines.len()), (Some(16 << 20), 2));

        let panfrost = b"drm-driver:\tpanfrost\ndrm-client-id:\t6\n\
            drm-engine-fragment:\t481941638 ns\ndrm-cycles-fragment:\t60243117\n\
            drm-maxfreq-fragment:\t799999987 Hz\ndrm-curfreq-fragment:\t124999998 Hz\n\
            drm-resident-memory:\t26876 KiB\ndrm-purgeable-memory:\t0\ndrm-active-memory:\t16200 KiB\n";
        let info = Fdinfo::parse(panfrost).expect("a client");
        assert_eq!(info.device, None);
        assert_eq!(engine(&info, "fragment").highest_hertz, Some(799_999_987));
        assert_eq!(held(&info, "memory"), Some(26_876 << 10));
        assert_eq!(info.regions[0].active, Some(16_200 << 10));

        // Linux 5.14 to 5.18.
        let old = b"pos:\t0\npdev:\t0000:0b:00.0\npasid:\t32771\nvram mem:\t132 kB\n\
            gtt mem:\t0 kB\ncpu mem:\t0 kB\ngfx0:\t0.03%\n";
        let info = Fdinfo::parse(old).expect("a client");
        assert_eq!((info.driver, info.client), (&b"amdgpu"[..], Some(32_771)));
        assert_eq!((held(&info, "vram"), held(&info, "gtt")), (Some(132 << 10), Some(0)));
        assert!(info.engines.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_missing_and_hides_nothing() {
        for other in ["", "pos:\t0\nflags:\t02\n", "drm-driver:\t\n", "pasid:\t1\npdev:\tx\n"] {
            assert_eq!(Fdinfo::parse(other.as_bytes()), None, "{other:?}");
        }
        let text = b"drm-driver:\ti915\ndrm-client-id:\t-1\ndrm-client-name:\t\xff\x1b[2J: 5 ns\n\
            drm-engine-render:\t99999999999999999999 ns\ndrm-engine-copy:\t5\ndrm-engine-video:\t7 ns\n\
            drm-engine-:\t1 ns\ndrm-engine-capacity-video:\t0\ndrm-resident-system0:\t-4 KiB\n\
            drm-resident-local0:\t18446744073709551615 KiB\ndrm-\nnonsense\n: \n\0\n";
        let info = Fdinfo::parse(text).expect("a client");
        assert_eq!((info.client, info.engines.len(), info.regions.len()), (None, 3, 2));
        assert_eq!(engine(&info, "render").busy_ns, None);
        assert_eq!(engine(&info, "copy").busy_ns, None);
        assert_eq!(engine(&info, "video").busy_ns, Some(7));
        assert_eq!(held(&info, "local0"), None);
        let many: String = (0..9_999).map(|n| format!("drm-engine-e{n}:\t1 ns\n")).collect();
        let many = format!("drm-driver:\tx\n{many}");
        assert_eq!(Fdinfo::parse(many.as_bytes()).expect("a client").engines.len(), MOST);
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            let _ = Fdinfo::parse(&text);
        }
    }
}
