//! What was read of devices and their clients, as rows of the tables.

use std::collections::BTreeMap;
use std::path::Path;

use retop_model::family::{gpu, gpu_process};
use retop_model::{RawTable, RowMut};

use super::Watched;
use super::clients::{Memory, Role, Use, Work, add_all};
use super::holders::Holders;
use super::refused::Refused;
use super::rest::May;
use super::told::Told;
use crate::linux::occupant::{Containers, Hidden, look_up};
use crate::source::Problem;

/// A device in one read.
#[derive(Default)]
pub struct Seen {
    pub may: May,
    pub told: Told,
    /// What its clients did.
    pub work: Work,
    /// What its engines did, whoever used them.
    pub counted: Option<Work>,
    pub clients: usize,
    /// A client told of an engine or of memory.
    pub tells: bool,
    /// The driver tells how busy it is: when it fails to, clients do not stand for it. They may do
    /// less than all, and its number would jump.
    pub tells_busy: bool,
    /// Openings of which nothing is told: the driver is of an older kernel.
    pub silent: usize,
    /// Files of it that refused, and files of its clients.
    pub refused: Option<Problem>,
    pub unread: Refused,
    /// Bytes that its clients hold alone, and the most that one of them shares with others.
    pub held: (Option<u64>, u64),
}

impl Seen {
    /// Takes what a client holds. What several share is there once at least.
    pub fn hold(&mut self, memory: &Memory) {
        let shared = memory.shared.unwrap_or(0);
        let alone = memory.held.map(|held| held.saturating_sub(shared));
        self.held.0 = add_all([self.held.0, alone]);
        self.held.1 = self.held.1.max(shared.min(memory.held.unwrap_or(0)));
    }

    /// The least that its clients hold together.
    fn least(&self) -> Option<u64> {
        let least = self.held.0?.checked_add(self.held.1)?;
        Some(least).filter(|&least| self.told.total.is_none_or(|total| least <= total))
    }
}

/// Adds to the row of a device what its clients do.
/// `all` says that no process could be unseen. Gives how busy it is, in percent.
pub fn complete(seen: &Seen, evicted: Option<u64>, all: bool, row: &mut RowMut<'_>) -> Option<u64> {
    let work = seen.counted.as_ref().unwrap_or(&seen.work);
    let percent = |share: f64| (share * 100.0).round() as u64;
    let share = |role| work.of(role).map(|share| (share * 10_000.0).round() as u64);
    // Of engines for video that no client tells of the firmware may know.
    let told = work.of(Role::Encode).or(work.of(Role::Decode)).is_some();
    let video = seen.told.video.filter(|_| !told).map(|percent| percent * 100);
    // Nobody is on it, and nobody could be unseen.
    let all = all && seen.silent == 0 && seen.unread.is_empty();
    let unused = (seen.clients == 0 && all).then_some(0);
    let by_clients = || work.most().map(percent).or(unused).filter(|_| !seen.tells_busy);
    let busy = seen.told.busy.or_else(by_clients);
    row.set(gpu::utilization_ratio, busy)
        .set(gpu::integrated, seen.told.unified.then_some(true))
        .set(gpu::encoder_ratio, work.of(Role::Encode).map(percent))
        .set(gpu::decoder_ratio, work.of(Role::Decode).map(percent))
        .set(gpu::graphics_ratio, share(Role::Graphics))
        .set(gpu::compute_ratio, share(Role::Compute))
        .set(gpu::copy_ratio, share(Role::Copy))
        .set(gpu::video_ratio, share(Role::Video).or(video))
        .set(gpu::evicted_bytes, evicted);
    let least = seen.least().filter(|_| !seen.told.tells_used);
    if let (None, Some(held)) = (seen.told.used, least) {
        let free = seen.told.total.filter(|_| all).map(|total| total - held);
        row.set(gpu::memory_used_bytes, held).set(gpu::memory_free_bytes, free);
    }
    busy
}

/// Adds a row for each process that has or does anything on a device, and one for what none of them
/// is known to hold.
pub fn write_processes(
    uses: &BTreeMap<(u32, usize), Use>,
    (devices, seen): (&[Watched], &[Seen]),
    (proc, holders): (&Path, &Holders),
    containers: &mut Containers,
    table: &mut RawTable,
) {
    containers.keep(|pid| uses.range((pid, 0)..=(pid, usize::MAX)).next().is_some());
    let unseen = Hidden::of(proc);
    let mut held = vec![0_u64; seen.len()];
    for (&(pid, place), by) in uses {
        let (Some(watched), Some(seen)) = (devices.get(place), seen.get(place)) else { continue };
        let total = seen.told.total;
        // More than there is is no size.
        let bytes = by.memory.held.filter(|&bytes| total.is_none_or(|total| bytes <= total));
        let works = by.draws || by.computes || by.work.most().is_some_and(|share| share > 0.0);
        if !works && bytes.unwrap_or(0) == 0 {
            continue;
        }
        let (start_us, name) = match look_up(proc, pid) {
            Some(process) if holders.may_hold(pid) => (Some(process.start_us), process.name),
            // The kernel lists programs outside a container too. One that has the number of
            // another here is not told from it, and is left to what nobody is known to hold.
            None if !holders.may_hold(pid) => (None, unseen.name(pid)),
            _ => continue,
        };
        let container = start_us.and_then(|start_us| containers.of(proc, pid, start_us));
        if let Some(sum) = held.get_mut(place) {
            *sum = sum.saturating_add(bytes.unwrap_or(0));
        }
        let share = |share: Option<f64>| share.map(|share| (share * 10_000.0).round() as u64);
        let of = |role| share(by.work.of(role));
        let mut row = table.push(gpu_process::key(pid, start_us, watched.key));
        row.text(gpu_process::uuid, watched.device.address.as_str())
            .text(gpu_process::name, name)
            .text_if(gpu_process::container, container)
            .set(gpu_process::pid, pid)
            .set(gpu_process::start_seconds, start_us)
            .set(gpu_process::compute, by.computes)
            .set(gpu_process::graphics, by.draws)
            .set(gpu_process::memory_bytes, bytes)
            .set(gpu_process::shared_bytes, by.memory.shared)
            .set(gpu_process::purgeable_bytes, by.memory.purgeable)
            .set(gpu_process::active_bytes, by.memory.active)
            .set(gpu_process::system_bytes, by.memory.system)
            .set(gpu_process::evicted_bytes, by.memory.evicted)
            .set(gpu_process::evicted_seconds, by.evicted_ms)
            .set(gpu_process::utilization_ratio, share(by.work.most()))
            .set(gpu_process::encoder_ratio, of(Role::Encode))
            .set(gpu_process::decoder_ratio, of(Role::Decode))
            .set(gpu_process::graphics_ratio, of(Role::Graphics))
            .set(gpu_process::compute_ratio, of(Role::Compute))
            .set(gpu_process::copy_ratio, of(Role::Copy))
            .set(gpu_process::video_ratio, of(Role::Video));
    }
    for ((watched, seen), held) in devices.iter().zip(seen).zip(held) {
        let rest = seen.told.used.and_then(|used| used.checked_sub(held));
        if let Some(rest) = rest.filter(|&rest| rest > 0) {
            table
                .push(gpu_process::key(0, None, watched.key))
                .text(gpu_process::uuid, watched.device.address.as_str())
                .text(gpu_process::name, "(unattributed)")
                .set(gpu_process::pid, 0)
                .set(gpu_process::memory_bytes, rest);
        }
    }
}
