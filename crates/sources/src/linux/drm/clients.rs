//! Clients of devices: what each did since the last read of it, and what processes do with them.

use std::collections::{BTreeMap, HashMap};

use retop_model::Key;

use super::fdinfo::{Engine, Fdinfo, Region};

/// An engine that says it did more than this many times what it can was reset, or its client's
/// number belongs to another now. A little more than all is a matter of when the counters were read.
const ABSURD: f64 = 2.0;
/// The specification lets counters fall back for a moment. One that stays below where it was for as
/// many reads begins anew.
const PATIENCE: u8 = 3;

/// What an engine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Graphics,
    Compute,
    Copy,
    Encode,
    Decode,
    /// It encodes and decodes, or processes, video.
    Video,
    Other,
}

impl Role {
    /// By the names that drivers give their engines.
    fn of(engine: &[u8]) -> Role {
        match engine {
            b"gfx" | b"render" | b"rcs" | b"3d" | b"fragment" | b"vertex-tiler" => Role::Graphics,
            // v3d has its tiles binned and then rendered; etnaviv writes in capitals.
            b"bin" | b"3D" => Role::Graphics,
            // msm and panthor have one queue for all. What else than to draw it is there for is rare.
            b"gpu" | b"panthor" => Role::Graphics,
            b"compute" | b"ccs" | b"csd" => Role::Compute,
            b"dma" | b"copy" | b"bcs" | b"tfu" | b"2D" => Role::Copy,
            b"video" | b"vcs" | b"video-enhance" | b"vecs" | b"vpe" | b"jpeg" => Role::Video,
            _ if engine.starts_with(b"enc") => Role::Encode,
            _ if engine.starts_with(b"dec") => Role::Decode,
            _ => Role::Other,
        }
    }
}

/// What some clients did together: a share of the time of each class of engines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work(BTreeMap<Vec<u8>, f64>);

impl Work {
    /// Adds a share of a class of engines.
    pub fn add(&mut self, engine: &[u8], share: f64) {
        match self.0.get_mut(engine) {
            Some(sum) => *sum += share,
            None => drop(self.0.insert(engine.to_vec(), share)),
        }
    }

    /// The share of the class that was busiest: shares of different classes are never added.
    pub fn most(&self) -> Option<f64> {
        self.0.values().copied().reduce(f64::max).map(|share| share.min(1.0))
    }

    /// That of the busiest class with that role.
    pub fn of(&self, role: Role) -> Option<f64> {
        let shares = self.0.iter().filter(|(engine, _)| Role::of(engine) == role);
        shares.map(|(_, &share)| share).reduce(f64::max).map(|share| share.min(1.0))
    }
}

/// Bytes that some clients hold together. What two of them share counts twice: the files tell no
/// owner of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// In the device's memory; of one that has none, in the machine's.
    pub held: Option<u64>,
    pub shared: Option<u64>,
    pub purgeable: Option<u64>,
    pub active: Option<u64>,
    /// In the machine's memory, beside the device's own.
    pub system: Option<u64>,
    pub evicted: Option<u64>,
}

impl Memory {
    /// What one client holds. `unified` says that the device has no memory of its own, whatever the
    /// driver names.
    pub fn of(info: &Fdinfo<'_>, unified: bool) -> Memory {
        let is_own = |region: &Region<'_>| {
            [&b"vram"[..], b"local"].iter().any(|stem| region.name.starts_with(stem))
        };
        let is_machine = |region: &Region<'_>| {
            matches!(region.name, b"gtt" | b"memory") || region.name.starts_with(b"system")
        };
        let has_own = !unified && info.regions.iter().any(is_own);
        let counts = |region: &&Region<'_>| is_own(region) || (!has_own && is_machine(region));
        let sum = |of: fn(&Region<'_>) -> Option<u64>| {
            add_all(info.regions.iter().filter(counts).map(of))
        };
        let beside = info.regions.iter().filter(|region| has_own && is_machine(region));
        Memory {
            held: sum(|region| region.held()),
            shared: sum(|region| region.shared),
            purgeable: sum(|region| region.purgeable),
            active: sum(|region| region.active),
            system: add_all(beside.map(Region::held)),
            evicted: info.evicted.filter(|_| !unified),
        }
    }

    fn add(&mut self, other: &Memory) {
        let pairs = [
            (&mut self.held, other.held),
            (&mut self.shared, other.shared),
            (&mut self.purgeable, other.purgeable),
            (&mut self.active, other.active),
            (&mut self.system, other.system),
            (&mut self.evicted, other.evicted),
        ];
        for (sum, more) in pairs {
            *sum = add_all([*sum, more]);
        }
    }
}

/// The sum of what is there; `None` if nothing is, or if it is more than can be.
pub fn add_all(values: impl IntoIterator<Item = Option<u64>>) -> Option<u64> {
    let mut values = values.into_iter().flatten();
    let first = values.next()?;
    values.try_fold(first, u64::checked_add)
}

/// What a process does with a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Use {
    pub work: Work,
    pub memory: Memory,
    /// Milliseconds in which its queues stood because its memory was moved off.
    pub evicted_ms: Option<u64>,
    pub draws: bool,
    pub computes: bool,
}

/// The counters of every client at the last read.
#[derive(Debug, Default)]
pub struct Clients {
    known: HashMap<(Key, u64), Known>,
    round: u64,
}

#[derive(Debug, Default)]
struct Known {
    seen: u64,
    engines: Vec<(Vec<u8>, Counter)>,
}

/// What is known of one counter.
#[derive(Clone, Copy, Debug)]
struct Counter {
    worked: u64,
    had: u64,
    at_ns: u64,
    below: u8,
}

impl Clients {
    /// Begins a round, in which each client is taken once.
    pub fn begin(&mut self) {
        self.round += 1;
    }

    /// Forgets the clients that were not seen in this round.
    pub fn end(&mut self) {
        let round = self.round;
        self.known.retain(|_, known| known.seen == round);
    }

    /// Takes what was read of a client at that time, and adds what it did to that of its process and
    /// that of its device. A client that another process showed already counts for that one: the
    /// descriptor was passed on. False for such a one.
    pub fn take(
        &mut self,
        key: (Key, u64),
        info: &Fdinfo<'_>,
        at_ns: u64,
        (by, of): (&mut Use, &mut Work),
        memory: &Memory,
    ) -> bool {
        let known = self.known.entry(key).or_default();
        if known.seen == self.round {
            return false;
        }
        known.seen = self.round;
        by.memory.add(memory);
        // What v3d leaves to the processor is no work of the device's.
        for engine in info.engines.iter().filter(|engine| engine.name != b"cpu") {
            let Some((worked, had)) = counters(engine) else { continue };
            match Role::of(engine.name) {
                Role::Graphics => by.draws |= worked > 0,
                Role::Compute | Role::Other => by.computes |= worked > 0,
                _ => {}
            }
            let now = Counter { worked, had, at_ns, below: 0 };
            let place = known.engines.iter().position(|(name, _)| name == engine.name);
            match place.and_then(|place| known.engines.get_mut(place)) {
                Some((_, last)) => {
                    if let Some(share) = last.advance(now, engine) {
                        by.work.add(engine.name, share);
                        of.add(engine.name, share);
                    }
                }
                None => known.engines.push((engine.name.to_vec(), now)),
            }
        }
        true
    }
}

/// What the engine has worked, and what it could have: time if the driver counts that, else cycles.
fn counters(engine: &Engine<'_>) -> Option<(u64, u64)> {
    match (engine.busy_ns, engine.cycles) {
        (Some(busy), _) => Some((busy, 0)),
        (None, Some(cycles)) => Some((cycles, engine.total_cycles.unwrap_or(0))),
        (None, None) => None,
    }
}

impl Counter {
    /// The share of the time since the last read in which the engine worked.
    fn advance(&mut self, now: Counter, engine: &Engine<'_>) -> Option<f64> {
        if now.worked < self.worked || now.had < self.had {
            self.below += 1;
            if self.below >= PATIENCE {
                *self = now;
            }
            return None;
        }
        let last = std::mem::replace(self, now);
        let worked = (now.worked - last.worked) as f64;
        let passed_ns = now.at_ns.checked_sub(last.at_ns).filter(|&ns| ns > 0)? as f64;
        let all = if engine.busy_ns.is_some() {
            passed_ns
        } else if engine.total_cycles.is_some() {
            (now.had - last.had) as f64
        } else {
            engine.highest_hertz.filter(|&hertz| hertz > 0)? as f64 * passed_ns / 1e9
        };
        if all <= 0.0 {
            // A clock that stands still does no work.
            return (worked == 0.0).then_some(0.0);
        }
        let capacity = engine.capacity.filter(|&count| count > 0).unwrap_or(1);
        let share = worked / (all * capacity as f64);
        (share <= ABSURD).then_some(share.min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (Key, u64) = (Key(1, 0), 7);

    /// The shares of one engine of one client, read at these times with these lines.
    fn shares(engine: &str, reads: &[(u64, &str)]) -> Vec<Option<f64>> {
        let mut clients = Clients::default();
        let mut share = |&(ms, lines): &(u64, &str)| {
            let text = format!("drm-driver:\tx\n{lines}");
            let info = Fdinfo::parse(text.as_bytes()).expect("a client");
            let (mut by, mut of) = (Use::default(), Work::default());
            clients.begin();
            clients.take(KEY, &info, ms * 1_000_000, (&mut by, &mut of), &Memory::default());
            clients.end();
            assert_eq!(by.work, of);
            by.work.0.get(engine.as_bytes()).copied()
        };
        reads.iter().map(&mut share).collect()
    }

    #[test]
    fn engines_count_time_or_cycles() {
        let time = |ns: u64| format!("drm-engine-gfx:\t{ns} ns\n");
        let reads = [time(0), time(250_000_000), time(250_000_000), time(3_000_000_000)];
        let reads = [(0, &*reads[0]), (1_000, &reads[1]), (1_500, &reads[2]), (3_500, &reads[3])];
        // More than all there was, by a little: the counters were not read at one moment.
        assert_eq!(shares("gfx", &reads), [None, Some(0.25), Some(0.0), Some(1.0)]);

        let cycles = |now, all| {
            format!(
                "drm-cycles-vcs:\t{now}\ndrm-total-cycles-vcs:\t{all}\ndrm-engine-capacity-vcs:\t2\n"
            )
        };
        let reads = [cycles(10, 1_000), cycles(110, 1_200), cycles(110, 1_200), cycles(111, 1_200)];
        let reads: Vec<_> = (0..).zip(reads.iter().map(String::as_str)).collect();
        assert_eq!(shares("vcs", &reads), [None, Some(0.25), Some(0.0), None]);

        let frequency = |now| format!("drm-cycles-gpu:\t{now}\ndrm-maxfreq-gpu:\t500 MHz\n");
        let reads = [frequency(0), frequency(250_000_000)];
        assert_eq!(shares("gpu", &[(0, &reads[0]), (2_000, &reads[1])]), [None, Some(0.25)]);
        // Without a clock to compare with there is no share.
        let bare = [(0, "drm-cycles-gpu:\t5\n"), (1_000, "drm-cycles-gpu:\t6\n")];
        assert_eq!(shares("gpu", &bare), [None, None]);
    }

    #[test]
    fn counters_that_fall_and_leap_give_nothing() {
        let time = |ms: u64| format!("drm-engine-render:\t{} ns\n", ms * 1_000_000);
        let reads = |values: &[u64]| {
            let lines: Vec<String> = values.iter().map(|&ms| time(ms)).collect();
            let reads: Vec<(u64, &str)> =
                (0..).step_by(1_000).zip(lines.iter().map(String::as_str)).collect();
            shares("render", &reads)
        };
        // For a moment: counted on from where it was, over all of the time.
        assert_eq!(reads(&[1_000, 900, 2_000]), [None, None, Some(0.5)]);
        // For good: after three reads it begins anew.
        let again = [None, None, None, None, Some(0.5)];
        assert_eq!(reads(&[90_000, 0, 100, 200, 700]), again);
        // A leap of an hour within a second, and on from there.
        assert_eq!(reads(&[0, 3_600_000, 3_600_100]), [None, None, Some(0.1)]);
        // The same moment twice.
        let twice = [(5, &*time(1)), (5, &*time(2))];
        assert_eq!(shares("render", &twice), [None, None]);
    }

    #[test]
    fn a_descriptor_that_was_passed_on_counts_once() {
        let info = Fdinfo::parse(b"drm-driver:\tx\ndrm-engine-gfx:\t5 ns\n").expect("a client");
        let (mut clients, mut work) = (Clients::default(), Work::default());
        let memory = Memory { held: Some(8), ..Memory::default() };
        for _ in 0..2 {
            clients.begin();
            let (mut first, mut second) = (Use::default(), Use::default());
            assert!(clients.take(KEY, &info, 1, (&mut first, &mut work), &memory));
            assert!(!clients.take(KEY, &info, 1, (&mut second, &mut work), &memory));
            let other = (Key(2, 0), 7);
            assert!(clients.take(other, &info, 1, (&mut first, &mut work), &memory));
            clients.end();
            assert_eq!((first.memory.held, second.memory.held), (Some(16), None));
            assert!(first.draws && !second.draws && !first.computes);
        }
        clients.begin();
        clients.end();
        assert!(clients.known.is_empty());
    }

    #[test]
    fn memory_is_the_devices_own_if_it_has_any() {
        let memory = |text: &str, unified| {
            let text = format!("drm-driver:\tx\n{text}");
            Memory::of(&Fdinfo::parse(text.as_bytes()).expect("a client"), unified)
        };
        let amd = "drm-resident-vram:\t8 KiB\ndrm-shared-vram:\t2 KiB\ndrm-memory-gtt:\t4 KiB\n\
                   drm-memory-cpu:\t16 KiB\namd-evicted-vram:\t1 KiB\n";
        let board = memory(amd, false);
        assert_eq!((board.held, board.system, board.evicted), (Some(8192), Some(4096), Some(1024)));
        assert_eq!(board.shared, Some(2048));
        let processor = memory(amd, true);
        assert_eq!((processor.held, processor.system), (Some(12_288), None));
        let arc = memory("drm-resident-local0:\t7\ndrm-resident-system0:\t5\n", false);
        assert_eq!((arc.held, arc.system), (Some(7), Some(5)));
        let small = memory("drm-resident-system0:\t5\ndrm-resident-stolen-system0:\t9\n", false);
        assert_eq!((small.held, small.system), (Some(5), None));
        let absurd = "drm-resident-vram0:\t18446744073709551615\ndrm-resident-vram1:\t1\n";
        assert_eq!(memory(absurd, false).held, None);
        assert_eq!(memory("", false), Memory::default());
    }

    #[test]
    fn classes_are_never_added() {
        let mut work = Work::default();
        for (engine, share) in [("gfx", 0.4), ("gfx", 0.3), ("compute", 0.5), ("enc_1", 0.9)] {
            work.add(engine.as_bytes(), share);
        }
        assert_eq!((work.most(), work.of(Role::Compute)), (Some(0.9), Some(0.5)));
        assert_eq!((work.of(Role::Graphics), work.of(Role::Encode)), (Some(0.7), Some(0.9)));
        assert_eq!((work.of(Role::Copy), Work::default().most()), (None, None));
    }
}
