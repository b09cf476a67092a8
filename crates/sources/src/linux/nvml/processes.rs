//! Who is on a device: lists of processes with their memory, and samples of their shares of time.

use std::collections::BTreeMap;
use std::path::Path;

use retop_model::family::gpu_process;
use retop_model::{Clock, RawTable};

use super::abi::*;
use super::device::Device;
use super::library::{Library, Lister, Symbol};
use crate::linux::process::Stat;

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

/// Reads who is on the device into the table.
pub fn read(
    device: &mut Device,
    library: &Library,
    clock: &dyn Clock,
    proc: &Path,
    table: &mut RawTable,
) {
    let mut found: BTreeMap<u32, Entry> = BTreeMap::new();
    let listed = lists(device, library, clock, &mut found);
    sample(device, library, clock, &mut found);
    let mut known = 0;
    for (&pid, entry) in &found {
        let process = look_up(proc, pid);
        let start_us = process.as_ref().map(|process| process.start_us);
        let name = match &process {
            Some(process) => process.name.clone(),
            // In a container the driver may give numbers of processes outside it; elsewhere a
            // process has ended and its memory was not given back yet.
            None => format!("host pid {pid}"),
        };
        known += entry.bytes.unwrap_or(0);
        let share =
            |place: usize| entry.shares.map(|shares| (shares[place] * 100.0).round() as u64);
        table
            .push(gpu_process::key(pid, start_us, device.key()))
            .text(gpu_process::uuid, device.uuid.as_str())
            .text(gpu_process::name, name)
            .set(gpu_process::pid, pid)
            .set(gpu_process::start_seconds, start_us)
            .set(gpu_process::compute, entry.compute)
            .set(gpu_process::graphics, entry.graphics)
            .set(gpu_process::memory_bytes, entry.bytes)
            .set(gpu_process::utilization_ratio, share(0))
            .set(gpu_process::memory_busy_ratio, share(1))
            .set(gpu_process::encoder_ratio, share(2))
            .set(gpu_process::decoder_ratio, share(3));
    }
    // The driver itself, other name spaces, and what ended processes left behind.
    if let (true, Some(rest)) = (listed, device.used.and_then(|used| used.checked_sub(known)))
        && rest > 0
    {
        table
            .push(gpu_process::key(0, None, device.key()))
            .text(gpu_process::uuid, device.uuid.as_str())
            .text(gpu_process::name, "(unattributed)")
            .set(gpu_process::pid, 0)
            .set(gpu_process::memory_bytes, rest);
    }
}

/// Merges the three lists; true if at least one was to be had.
fn lists(
    device: &mut Device,
    library: &Library,
    clock: &dyn Clock,
    found: &mut BTreeMap<u32, Entry>,
) -> bool {
    let symbols = &library.symbols;
    let computing =
        list(device, library, clock, (&symbols.compute_v3, &symbols.compute_v2, &symbols.compute));
    let drawing = list(
        device,
        library,
        clock,
        (&symbols.graphics_v3, &symbols.graphics_v2, &symbols.graphics),
    );
    let sharing = list(device, library, clock, (&symbols.mps_v3, &symbols.mps_v2, &symbols.mps));
    let listed = computing.is_some() || drawing.is_some();
    for (list, graphics) in [(computing, false), (sharing, false), (drawing, true)] {
        for (pid, bytes) in list.into_iter().flatten().filter(|&(pid, _)| pid != 0) {
            let entry = found.entry(pid).or_default();
            entry.graphics |= graphics;
            entry.compute |= !graphics;
            // The same memory in two lists is the same memory.
            entry.bytes = entry.bytes.max(bytes);
        }
    }
    listed
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
) -> Option<Vec<(u32, Option<u64>)>> {
    let handle = device.handle;
    let total = device.used;
    let bytes = |bytes: u64| {
        // One process cannot hold more than all of them together.
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
        return Some(listed.iter().map(|info| (info.pid, bytes(info.used))).collect());
    }
    let listed = device.ask(v1, |symbol| symbol.list(clock, handle))?;
    Some(listed.iter().map(|info| (info.pid, bytes(info.used))).collect())
}

/// Adds the shares of time since the last read: the mean of each process's samples.
fn sample(
    device: &mut Device,
    library: &Library,
    clock: &dyn Clock,
    found: &mut BTreeMap<u32, Entry>,
) {
    let Some(samples) = samples(device, library, clock) else { return };
    let since_us = device.shares.newest_us;
    let sane = |&(pid, time_us, shares): &Sample| {
        pid != 0 && time_us > since_us && shares.iter().all(|&share| share <= 100)
    };
    let mut sums: BTreeMap<u32, ([u64; 4], u32)> = BTreeMap::new();
    for (pid, time_us, shares) in samples.into_iter().filter(sane) {
        device.shares.newest_us = device.shares.newest_us.max(time_us);
        let (sum, count) = sums.entry(pid).or_default();
        *count += 1;
        for (sum, share) in sum.iter_mut().zip(shares) {
            *sum += u64::from(share);
        }
    }
    // Who is on the device and in no sample did nothing.
    for (pid, entry) in found.iter_mut() {
        entry.shares = Some([0.0; 4]);
        if let Some((sum, count)) = sums.get(pid) {
            entry.shares = Some(sum.map(|sum| sum as f64 / f64::from(*count)));
        }
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

/// What procfs knows of a process.
struct Known {
    name: String,
    start_us: u64,
}

fn look_up(proc: &Path, pid: u32) -> Option<Known> {
    let line = std::fs::read(proc.join(pid.to_string()).join("stat")).ok()?;
    let stat = Stat::parse(&line)?;
    Some(Known {
        name: String::from_utf8_lossy(stat.comm).into_owned(),
        start_us: stat.start_ticks.saturating_mul(10_000),
    })
}
