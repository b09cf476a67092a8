//! Shares of cycles, on Hopper and newer: what of the device really worked.
//!
//! The counters are shared with other profilers and a sample may disturb them, so they are read
//! only while somebody wants them.

use retop_model::Clock;
use retop_model::RowMut;
use retop_model::family::gpu;

use super::abi::*;
use super::device::Device;
use super::library::Library;

/// Numbers of the metrics, in the order in which they are asked for.
const IDS: [u32; 8] = [2, 3, 5, 10, 1, 11, 12, 13];

/// Two samples of which each metric is the difference.
#[derive(Default)]
pub struct Cycles {
    samples: Option<[GpmSample; 2]>,
    /// The first of them has been taken.
    taken: bool,
}

impl Cycles {
    /// Takes a sample and writes what happened since the one before.
    pub fn read(
        &mut self,
        device: &mut Device,
        library: &Library,
        clock: &dyn Clock,
        row: &mut RowMut<'_>,
    ) {
        let Some([first, second]) = self.samples(device, library, clock) else { return };
        let symbols = &library.symbols;
        let handle = device.handle;
        let sampled = match device.place {
            None => device.ask(&symbols.gpm_sample, |symbol| {
                // SAFETY: the sample comes from the library, which writes into it.
                symbol.call(clock, |function| unsafe { function(handle, second) })
            }),
            Some(place) => device.ask(&symbols.gpm_part_sample, |symbol| {
                symbol.call(clock, |function| {
                    // SAFETY: as above; the whole device's handle is as good as its part's.
                    unsafe { function(place.whole, place.instance, second) }
                })
            }),
        };
        if sampled.is_none() {
            self.taken = false;
            return;
        }
        self.samples = Some([second, first]);
        if std::mem::replace(&mut self.taken, true) {
            write(device, library, clock, [first, second], row);
        }
    }

    /// The two samples; none where the device does not count cycles.
    fn samples(
        &mut self,
        device: &mut Device,
        library: &Library,
        clock: &dyn Clock,
    ) -> Option<[GpmSample; 2]> {
        if self.samples.is_some() {
            return self.samples;
        }
        let symbols = &library.symbols;
        let handle = device.place.map_or(device.handle, |place| place.whole);
        let asked = GpmSupport { version: 1, supported: 0 };
        let support = device.ask(&symbols.gpm_support, |symbol| {
            let support = symbol.get(clock, handle, asked)?;
            if support.supported == 0 { Err(NOT_SUPPORTED) } else { Ok(support) }
        });
        support?;
        let mut alloc = || {
            device.ask(&symbols.gpm_alloc, |symbol| {
                let mut sample = GpmSample::NONE;
                // SAFETY: the library writes one pointer.
                symbol.call(clock, |function| unsafe { function(&raw mut sample) })?;
                Ok(sample)
            })
        };
        self.samples = Some([alloc()?, alloc()?]);
        self.samples
    }

    /// Gives the samples back; must come before the library is closed.
    pub fn free(&mut self, library: &Library, clock: &dyn Clock) {
        for sample in self.samples.take().into_iter().flatten() {
            // SAFETY: the sample comes from the library and is not used after this.
            let _ = library.symbols.gpm_free.call(clock, |function| unsafe { function(sample) });
        }
        self.taken = false;
    }
}

fn write(
    device: &mut Device,
    library: &Library,
    clock: &dyn Clock,
    samples: [GpmSample; 2],
    row: &mut RowMut<'_>,
) {
    let blank = GpmMetric { id: 0, code: 0, value: 0.0, names: [std::ptr::null(); 3] };
    // 40 KiB: not on the stack of a thread that has 256.
    let mut asked = Box::new(GpmMetrics {
        version: 1,
        count: IDS.len() as u32,
        samples,
        metrics: [blank; GPM_ROOM],
    });
    for (metric, id) in asked.metrics.iter_mut().zip(IDS) {
        metric.id = id;
    }
    let answered = device.ask(&library.symbols.gpm_metrics, |symbol| {
        // SAFETY: the struct has room for more metrics than any header so far.
        symbol.call(clock, |function| unsafe { function(&raw mut *asked) })
    });
    if answered.is_none() {
        return;
    }
    // Each metric has a code of its own.
    let share = |place: usize| {
        let metric = asked.metrics.get(place).filter(|metric| metric.code == SUCCESS)?;
        let share = Some(metric.value).filter(|value| (0.0..=100.0).contains(value))?;
        Some((share * 100.0).round() as u64)
    };
    row.set(gpu::shader_ratio, share(0))
        .set(gpu::occupancy_ratio, share(1))
        .set(gpu::tensor_ratio, share(2))
        .set(gpu::bandwidth_ratio, share(3))
        .set(gpu::engine_ratio, share(4))
        .set(gpu::fp64_ratio, share(5))
        .set(gpu::fp32_ratio, share(6))
        .set(gpu::fp16_ratio, share(7));
}
