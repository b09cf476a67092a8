//! What is wrong with a device: errors of its memory and what became of them, and what the driver
//! reports as Xid errors.

use retop_model::family::gpu;
use retop_model::{Clock, RowMut};

use super::abi::*;
use super::device::Device;
use super::library::Library;

/// Numbers of fields: rows replaced for corrected and for other errors, rows to be replaced, rows
/// that could not be; pages retired for one bit and for two; what must be done.
const FIELDS: [u32; 7] = [142, 143, 144, 145, 29, 30, 230];

/// What is read of it every minute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Health {
    remapped: [Option<u64>; 4],
    retired: Option<u64>,
    recovery: Option<i64>,
}

impl Health {
    pub fn learn(device: &mut Device, library: &Library, clock: &dyn Clock) -> Health {
        let mut values = FIELDS.map(|id| FieldValue { id, ..FieldValue::default() });
        device.fields(library, clock, &mut values);
        let [corrected, uncorrected, pending, failed, one, two, recovery] =
            values.map(|value| value.whole());
        Health {
            remapped: [corrected, uncorrected, pending, failed],
            retired: one.zip(two).map(|(one, two)| one.saturating_add(two)),
            recovery: recovery.and_then(|action| i64::try_from(action).ok()),
        }
    }

    pub fn write(&self, row: &mut RowMut<'_>) {
        let [corrected, uncorrected, pending, failed] = self.remapped;
        row.set(gpu::remapped_corrected_rows, corrected)
            .set(gpu::remapped_uncorrected_rows, uncorrected)
            .set(gpu::remap_pending, pending)
            .set(gpu::remap_failed, failed)
            .set(gpu::retired_pages, self.retired)
            .set(gpu::recovery, self.recovery);
    }
}

/// Errors that the driver reported of a device while somebody listened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Xids {
    pub count: u64,
    pub last: Option<u64>,
}

/// So many events are taken at one read; more wait for the next.
const EVENTS: usize = 32;

/// Listens to what the driver reports.
#[derive(Debug, Default)]
pub struct Listener {
    set: Option<EventSet>,
    /// Those that are listened to.
    heard: Vec<Handle>,
    /// The driver does not report.
    deaf: bool,
}

impl Listener {
    /// Listens to the devices that were not listened to before.
    pub fn listen(&mut self, devices: &mut [Device], library: &Library, clock: &dyn Clock) {
        let symbols = &library.symbols;
        if self.deaf || devices.is_empty() {
            return;
        }
        if self.set.is_none() {
            let mut set = EventSet::NONE;
            // SAFETY: the library writes one pointer.
            let made = symbols.event_set.call(clock, |function| unsafe { function(&raw mut set) });
            self.deaf = made.is_err() || !symbols.event.is_there();
            self.set = made.ok().map(|()| set);
        }
        let Some(set) = self.set else { return };
        for device in devices.iter_mut().filter(|device| !device.lost) {
            let handle = device.handle;
            if self.heard.contains(&handle) {
                continue;
            }
            // SAFETY: handle and set come from the library.
            let heard =
                symbols.listen.call(clock, |function| unsafe { function(handle, XID, set) });
            if heard.is_ok() {
                self.heard.push(handle);
                device.xids.get_or_insert_default();
            }
        }
    }

    /// Takes what has been reported. Never waits: the time that the call is given is 0.
    pub fn take(&mut self, devices: &mut [Device], library: &Library, clock: &dyn Clock) {
        let (Some(set), false) = (self.set, self.heard.is_empty()) else { return };
        for _ in 0..EVENTS {
            let mut event = EventData {
                device: Handle::NONE,
                kind: 0,
                data: 0,
                instance: 0,
                compute_instance: 0,
            };
            let taken = library.symbols.event.call(clock, |function| {
                // SAFETY: the set comes from the library, which writes one event.
                unsafe { function(set, &raw mut event, 0) }
            });
            // Nothing more, as a rule: the code of a time that is up.
            let Ok(()) = taken else { return };
            let of = devices.iter_mut().find(|device| device.handle == event.device);
            if let (Some(device), XID) = (of, event.kind) {
                let xids = device.xids.get_or_insert_default();
                xids.count += 1;
                xids.last = Some(event.data);
            }
        }
    }

    /// Gives the set back; must come before the library is closed.
    pub fn free(&mut self, library: &Library, clock: &dyn Clock) {
        if let Some(set) = self.set.take() {
            // SAFETY: the set comes from the library and is not used after this.
            let _ = library.symbols.free_events.call(clock, |function| unsafe { function(set) });
        }
        self.heard.clear();
    }
}
