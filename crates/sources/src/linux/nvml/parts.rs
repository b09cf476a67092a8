//! Parts of a device (MIG): each with memory of its own, and with the processes that run on it.

use retop_model::family::gpu;
use retop_model::{Clock, RowMut};

use super::abi::*;
use super::device::Device;
use super::library::Library;

/// What a part is of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The whole device.
    pub whole: Handle,
    pub instance: u32,
    pub compute_instance: Option<u32>,
    multiprocessors: Option<u32>,
}

impl Device {
    /// Learns which parts there are now. A device that was divided, or is not any more, answers
    /// other calls than before.
    pub fn learn_parts(&mut self, library: &Library, clock: &dyn Clock) {
        let (symbols, handle) = (&library.symbols, self.handle);
        let mode = self.ask(&symbols.mig_mode, |s| s.first(clock, handle));
        let divided = mode == Some(1);
        if std::mem::replace(&mut self.divided, divided) != divided {
            self.forget_refusals();
        }
        let mut known = std::mem::take(&mut self.parts);
        if !divided {
            return;
        }
        let most = self.ask(&symbols.most_parts, |s| s.get(clock, handle, 0)).unwrap_or(0);
        // Seven is what there is; a number without sense must not be counted to.
        for index in 0..most.min(64) {
            let mut part = Handle::NONE;
            let found = symbols.part.call(clock, |function| {
                // SAFETY: the library writes one handle.
                unsafe { function(handle, index, &raw mut part) }
            });
            // Not every place is taken.
            let Ok(()) = found else { continue };
            let Some(place) = place(library, clock, handle, part) else { continue };
            let Ok(mut learnt) = Device::learn(library, clock, part) else { continue };
            if let Some(old) = known.iter().position(|known| known.uuid == learnt.uuid) {
                let old = known.swap_remove(old);
                learnt.cycles = old.cycles;
            }
            // Parts of every device are numbered from 0.
            learnt.index = None;
            learnt.place = Some(place);
            self.parts.push(learnt);
        }
        for mut gone in known {
            gone.cycles.free(library, clock);
        }
    }

    /// Reads the parts into rows of their own.
    pub fn read_parts(
        &mut self,
        library: &Library,
        clock: &dyn Clock,
        wanted: bool,
        table: &mut retop_model::RawTable,
    ) {
        let whole = self.uuid.clone();
        for part in &mut self.parts {
            let mut row = table.push(part.key());
            part.read_part(library, clock, wanted, &whole, &mut row);
        }
    }

    fn read_part(
        &mut self,
        library: &Library,
        clock: &dyn Clock,
        wanted: bool,
        whole: &str,
        row: &mut RowMut<'_>,
    ) {
        self.trouble = None;
        self.used = None;
        self.identify(&library.driver, row);
        row.text(gpu::parent, whole);
        if let Some(place) = self.place {
            row.set(gpu::instance, place.instance)
                .set(gpu::compute_instance, place.compute_instance)
                .set(gpu::multiprocessors, place.multiprocessors);
        }
        self.memory(library, clock, row);
        if wanted {
            self.read_cycles(library, clock, row);
        }
    }
}

fn place(library: &Library, clock: &dyn Clock, whole: Handle, part: Handle) -> Option<Place> {
    let symbols = &library.symbols;
    let attributes = symbols.attributes.get(clock, part, Attributes::default());
    Some(Place {
        whole,
        instance: symbols.instance.get(clock, part, 0).ok()?,
        compute_instance: symbols.compute_instance.get(clock, part, 0).ok(),
        multiprocessors: attributes.ok().map(|attributes| attributes.multiprocessors),
    })
}
