//! NVLinks: how many there are and are up, and the bytes that all of them carried.

use retop_model::family::gpu;
use retop_model::{Clock, RowMut};

use super::abi::*;
use super::device::Device;
use super::library::Library;

/// Numbers of fields.
const COUNT: u32 = 91;
const SPEED: u32 = 164;
const STATE: u32 = 165;
/// Sent and received: in KiB up to the fourth generation, in bytes from the fifth on.
const COUNTERS: [([u32; 2], u64); 2] = [([138, 139], 1024), ([202, 204], 1)];
/// Which link: all of them together.
const ALL: u32 = u32::MAX;
/// Links that a device may have: 18 today.
const MOST: usize = 64;

/// What is known of a device's links.
#[derive(Clone, Copy, Debug, Default)]
pub struct Links {
    count: usize,
    active: Option<u64>,
    bytes_per_second: Option<u64>,
    /// Which of the counters it has.
    counters: Option<([u32; 2], u64)>,
}

impl Links {
    /// Learns how many there are and how fast they are.
    pub fn learn(device: &mut Device, library: &Library, clock: &dyn Clock) -> Links {
        let mut links = Links::default();
        let mut count = [FieldValue { id: COUNT, ..FieldValue::default() }];
        device.fields(library, clock, &mut count);
        let count = count[0].whole().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        links.count = count.min(MOST);
        if links.count == 0 {
            return links;
        }
        // Of one link in MB/s; all are alike.
        let mut speed = [FieldValue { id: SPEED, ..FieldValue::default() }];
        device.fields(library, clock, &mut speed);
        links.bytes_per_second = speed[0].whole().map(|megabytes| megabytes * 1_000_000);
        links.counters = COUNTERS.into_iter().find(|(ids, _)| {
            let mut values = of_all(*ids);
            device.fields(library, clock, &mut values);
            values.iter().all(|value| value.whole().is_some())
        });
        links
    }

    /// With what was counted before, of as many.
    pub fn known(self, before: Links) -> Links {
        let active = before.active.filter(|_| before.count == self.count);
        Links { active, ..self }
    }

    /// Counts those that are up.
    pub fn look(&mut self, device: &mut Device, library: &Library, clock: &dyn Clock) {
        if self.count == 0 {
            return;
        }
        let mut values = [FieldValue::default(); MOST];
        for (link, value) in (0..).zip(&mut values) {
            (value.id, value.scope) = (STATE, link);
        }
        let asked = values.get_mut(..self.count).unwrap_or(&mut []);
        device.fields(library, clock, asked);
        let states = asked.iter().filter_map(FieldValue::whole);
        // 1 is active, 2 sleeps and wakes by itself. One that tells nothing is not down.
        self.active = (states.clone().count() == asked.len())
            .then(|| states.filter(|&state| state > 0).count() as u64);
    }

    /// Writes them, with the bytes so far.
    pub fn write(
        &self,
        device: &mut Device,
        library: &Library,
        clock: &dyn Clock,
        row: &mut RowMut<'_>,
    ) {
        if self.count == 0 {
            return;
        }
        let all = self.active.zip(self.bytes_per_second).map(|(active, each)| active * each);
        row.set(gpu::nvlink_links, self.count)
            .set(gpu::nvlink_active_links, self.active)
            .set(gpu::nvlink_limit_bytes_per_second, all);
        let Some((ids, unit)) = self.counters else { return };
        let mut values = of_all(ids);
        device.fields(library, clock, &mut values);
        let bytes = values.map(|value| value.whole().and_then(|units| units.checked_mul(unit)));
        row.set(gpu::nvlink_sent_bytes, bytes[0]).set(gpu::nvlink_received_bytes, bytes[1]);
    }
}

fn of_all(ids: [u32; 2]) -> [FieldValue; 2] {
    ids.map(|id| FieldValue { id, scope: ALL, ..FieldValue::default() })
}
