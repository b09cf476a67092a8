//! Who is on a device: lists of processes with their memory, and samples of their shares of time.

use std::collections::BTreeMap;
use std::path::Path;

use retop_model::family::gpu_process;
use retop_model::{Clock, RawTable};

use super::abi::*;
use super::device::{Device, SLOW_NS};
use super::library::{Library, Lister, Symbol};
use super::parts::Place;
use crate::linux::due::is_due;
use crate::linux::occupant::{Hidden, look_up};

/// The driver does not know.
const UNKNOWN_BYTES: u64 = u64::MAX;
/// The driver's ring of samples holds 72: more than that never come at once.
const SAMPLES: usize = 256;

/// What is known of one process on one device.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Entry {
    compute: bool,
    graphics: bool,
    bytes: Option<u64>,
    shares: Option<[f64; 4]>,
}

/// The samples of shares so far.
#[derive(Debug, Default)]
pub struct Shares {
    /// Time of the newest sample, by the driver's clock: 0 asks for all.
    newest_us: u64,
    /// The newer call answered once: on Blackwell the older one finds nothing.
    newer: Option<bool>,
}

/// One sample of a process: pid, time, shares of shaders, memory, encoder, decoder in percent.
type Sample = (u32, u64, [u32; 4]);

/// A process, and the part of the device that it is on.
type Found = BTreeMap<(u32, Option<usize>), Entry>;

/// Reads who is on the device into the table.
pub fn read(
    device: &mut Device,
    library: &Library,
    clock: &dyn Clock,
    proc: &Path,
    table: &mut RawTable,
) {
    let mut found = Found::new();
    let had = lists(device, library, clock, &mut found);
    sample(device, library, clock, &mut found);
    let mut known = vec![0; device.parts.len() + 1];
    let hidden = Hidden::of(proc);
    let mut containers = std::mem::take(&mut device.containers);
    containers.keep(|pid| found.range((pid, None)..=(pid, Some(usize::MAX))).next().is_some());
    for (&(pid, part), entry) in &found {
        let of = part.and_then(|part| device.parts.get(part)).unwrap_or(device);
        let process = look_up(proc, pid);
        let start_us = process.as_ref().map(|process| process.start_us);
        let container = start_us.and_then(|start_us| containers.of(proc, pid, start_us));
        let name = process.map_or_else(|| hidden.name(pid), |process| process.name);
        if let Some(sum) = known.get_mut(part.map_or(0, |part| part + 1)) {
            *sum += entry.bytes.unwrap_or(0);
        }
        let share =
            |place: usize| entry.shares.map(|shares| (shares[place] * 100.0).round() as u64);
        table
            .push(gpu_process::key(pid, start_us, of.key()))
            .text(gpu_process::uuid, of.uuid.as_str())
            .text(gpu_process::name, name)
            .text_if(gpu_process::container, container)
            .set(gpu_process::pid, pid)
            .set(gpu_process::start_seconds, start_us)
            .set(gpu_process::compute, (entry.compute || had.compute).then_some(entry.compute))
            .set(gpu_process::graphics, (entry.graphics || had.graphics).then_some(entry.graphics))
            .set(gpu_process::memory_bytes, entry.bytes)
            .set(gpu_process::utilization_ratio, share(0))
            .set(gpu_process::memory_busy_ratio, share(1))
            .set(gpu_process::encoder_ratio, share(2))
            .set(gpu_process::decoder_ratio, share(3));
    }
    device.containers = containers;
    if !had.compute && !had.graphics {
        return;
    }
    // The driver itself, other name spaces, and what ended processes left behind. Of a divided
    // device each part has such a rest of its own.
    let whole = (device.parts.is_empty(), &*device);
    let parts = device.parts.iter().map(|part| (true, part));
    for ((counts, of), known) in std::iter::once(whole).chain(parts).zip(known) {
        let rest = of.used.and_then(|used| used.checked_sub(known)).filter(|&rest| rest > 0);
        let (Some(rest), true) = (rest, counts) else { continue };
        table
            .push(gpu_process::key(0, None, of.key()))
            .text(gpu_process::uuid, of.uuid.as_str())
            .text(gpu_process::name, "(unattributed)")
            .set(gpu_process::pid, 0)
            .set(gpu_process::memory_bytes, rest);
    }
}

/// Which lists were to be had: of one that was not, nobody knows who is not in it.
#[derive(Clone, Copy, Default)]
struct Had {
    compute: bool,
    graphics: bool,
}

/// Merges the three lists. Who may not see the lists of a divided device may see those of its parts.
fn lists(device: &mut Device, library: &Library, clock: &dyn Clock, found: &mut Found) -> Had {
    let places: Vec<Place> = device.parts.iter().filter_map(|part| part.place).collect();
    let mut had = merge(device, library, clock, found, |listed| {
        places.iter().position(|place| listed.is_on(place))
    });
    if !had.compute && !had.graphics {
        let mut parts = std::mem::take(&mut device.parts);
        for (number, part) in parts.iter_mut().enumerate() {
            let of_part = merge(part, library, clock, found, |_| Some(number));
            had.compute |= of_part.compute;
            had.graphics |= of_part.graphics;
        }
        device.parts = parts;
    }
    had
}

/// Adds the lists of one device or part.
fn merge(
    device: &mut Device,
    library: &Library,
    clock: &dyn Clock,
    found: &mut Found,
    part: impl Fn(&Listed) -> Option<usize>,
) -> Had {
    let symbols = &library.symbols;
    let computing =
        list(device, library, clock, (&symbols.compute_v3, &symbols.compute_v2, &symbols.compute));
    let drawing = list(
        device,
        library,
        clock,
        (&symbols.graphics_v3, &symbols.graphics_v2, &symbols.graphics),
    );
    // Who shares a device through a server comes and goes seldom.
    let now_ns = clock.monotonic_ns();
    if is_due(device.sharing.0, now_ns, SLOW_NS) {
        let found = list(device, library, clock, (&symbols.mps_v3, &symbols.mps_v2, &symbols.mps));
        device.sharing = (Some(now_ns), found);
    }
    let sharing = device.sharing.1.clone();
    let had = Had { compute: computing.is_some(), graphics: drawing.is_some() };
    for (list, graphics) in [(computing, false), (sharing, false), (drawing, true)] {
        for listed in list.into_iter().flatten().filter(|listed| listed.pid != 0) {
            let entry = found.entry((listed.pid, part(&listed))).or_default();
            entry.graphics |= graphics;
            entry.compute |= !graphics;
            // The same memory in two lists is the same memory.
            entry.bytes = entry.bytes.max(listed.bytes);
        }
    }
    had
}

/// An entry of a list.
#[derive(Clone, Copy)]
pub struct Listed {
    pid: u32,
    bytes: Option<u64>,
    /// Numbers of the part that it is on; all ones where there is none.
    instance: u32,
    compute_instance: u32,
}

impl Listed {
    fn is_on(&self, place: &Place) -> bool {
        const NONE: u32 = u32::MAX;
        self.instance == place.instance
            && (self.compute_instance == NONE
                || place.compute_instance.is_none_or(|number| number == self.compute_instance))
    }
}

/// The versions of one list, the newest first.
type Versions<'a> = (
    &'a Symbol<Lister<ProcessInfoV2>>,
    &'a Symbol<Lister<ProcessInfoV2>>,
    &'a Symbol<Lister<ProcessInfoV1>>,
);

fn list(
    device: &mut Device,
    library: &Library,
    clock: &dyn Clock,
    (v3, v2, v1): Versions<'_>,
) -> Option<Vec<Listed>> {
    let handle = device.handle;
    let total = device.total;
    let bytes = |bytes: u64| {
        // Memory in use was read a moment ago and may have grown: what there is at all has not.
        let possible = bytes != UNKNOWN_BYTES && total.is_none_or(|total| bytes <= total);
        possible.then_some(bytes)
    };
    // From 535.43 to before 535.86 version 3 filled a wider struct, so that every other entry would
    // be garbage.
    let wide = ((535, 43)..(535, 86)).contains(&library.version);
    for symbol in [v3, v2] {
        if !symbol.is_there() || (wide && std::ptr::eq(symbol, v3)) {
            continue;
        }
        let listed = device.ask(symbol, |symbol| symbol.list(clock, handle))?;
        let listed = listed.iter().map(|info| Listed {
            pid: info.pid,
            bytes: bytes(info.used),
            instance: info.instance,
            compute_instance: info.compute_instance,
        });
        return Some(listed.collect());
    }
    let listed = device.ask(v1, |symbol| symbol.list(clock, handle))?;
    let listed = listed.iter().map(|info| Listed {
        pid: info.pid,
        bytes: bytes(info.used),
        instance: u32::MAX,
        compute_instance: u32::MAX,
    });
    Some(listed.collect())
}

/// Adds the shares of time since the last read: the mean of each process's samples.
fn sample(device: &mut Device, library: &Library, clock: &dyn Clock, found: &mut Found) {
    let Some(samples) = samples(device, library, clock) else { return };
    let since_us = device.shares.newest_us;
    let new = |&(pid, time_us, _): &Sample| pid != 0 && time_us > since_us;
    let mut sums: BTreeMap<u32, ([u64; 4], u32)> = BTreeMap::new();
    for (pid, time_us, shares) in samples.into_iter().filter(new) {
        if shares.iter().any(|&share| share > 100) {
            // Nobody knows what it did: that is not nothing.
            sums.entry(pid).or_default();
            continue;
        }
        device.shares.newest_us = device.shares.newest_us.max(time_us);
        let (sum, count) = sums.entry(pid).or_default();
        *count += 1;
        for (sum, share) in sum.iter_mut().zip(shares) {
            *sum += u64::from(share);
        }
    }
    // Who is on the device and in no sample did nothing.
    for ((pid, _), entry) in found.iter_mut() {
        entry.shares = match sums.get(pid) {
            None => Some([0.0; 4]),
            Some((_, 0)) => None,
            Some((sum, count)) => Some(sum.map(|sum| sum as f64 / f64::from(*count))),
        };
    }
}

/// New samples; none if the device gives none at all, an empty list if nothing ran.
fn samples(device: &mut Device, library: &Library, clock: &dyn Clock) -> Option<Vec<Sample>> {
    let symbols = &library.symbols;
    if device.shares.newer != Some(false) {
        match newer(device, library, clock) {
            Ok(samples) => {
                device.shares.newer = Some(true);
                return Some(samples);
            }
            // Nothing ran: not an error, and no sign that the call works either.
            Err(NOT_FOUND) if device.shares.newer == Some(true) => return Some(Vec::new()),
            Err(NOT_FOUND) => {}
            Err(NOT_SUPPORTED | FUNCTION_NOT_FOUND | ARGUMENT_VERSION_MISMATCH) => {
                device.shares.newer = Some(false);
            }
            Err(code) => {
                device.note(symbols.infos.name, code);
                return None;
            }
        }
    }
    let handle = device.handle;
    let since_us = device.shares.newest_us;
    device.ask(&symbols.samples, |symbol| {
        let mut samples = vec![UtilizationSample::default(); SAMPLES];
        let mut count = samples.len() as u32;
        let answer = symbol.call(clock, |function| {
            // SAFETY: the library writes at most `count` samples.
            unsafe { function(handle, samples.as_mut_ptr(), &raw mut count, since_us) }
        });
        match answer {
            Ok(()) => samples.truncate(count as usize),
            Err(NOT_FOUND) => samples.clear(),
            Err(code) => return Err(code),
        }
        let sample =
            |s: &UtilizationSample| (s.pid, s.time_us, [s.sm, s.memory, s.encoder, s.decoder]);
        Ok(samples.iter().map(sample).collect())
    })
}

fn newer(device: &Device, library: &Library, clock: &dyn Clock) -> Result<Vec<Sample>, Code> {
    let mut samples = vec![UtilizationInfo::default(); SAMPLES];
    let mut asked = UtilizationInfos {
        version: versioned::<UtilizationInfos>(1),
        count: samples.len() as u32,
        last_seen_us: device.shares.newest_us,
        samples: samples.as_mut_ptr(),
    };
    library.symbols.infos.call(clock, |function| {
        // SAFETY: the library writes at most as many samples as there is room for.
        unsafe { function(device.handle, &raw mut asked) }
    })?;
    samples.truncate(asked.count as usize);
    let sample = |s: &UtilizationInfo| (s.pid, s.time_us, [s.sm, s.memory, s.encoder, s.decoder]);
    Ok(samples.iter().map(sample).collect())
}
