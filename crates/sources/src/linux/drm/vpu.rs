//! intel_vpu: the neural processor of Intel.

use retop_model::RowMut;
use retop_model::family::gpu;

use super::asked::Asked;
use super::told::Told;

/// The counter of its work at the last read.
#[derive(Default)]
pub struct Vpu {
    last: Option<(u64, u64)>,
    /// It has told how much memory is used.
    tells_used: bool,
}

impl Vpu {
    pub fn read(&mut self, device: &Asked<'_>, now_ns: u64, row: &mut RowMut<'_>) -> Told {
        let worked_us = device.count("npu_busy_time_us");
        let used = device.count("npu_memory_utilization");
        let clock = |name| device.clock_in(&device.folder, name, 1_000_000);
        row.set(gpu::shader_hertz, clock("npu_current_frequency_mhz"))
            .set(gpu::shader_limit_hertz, clock("npu_max_frequency_mhz"))
            .set(gpu::memory_used_bytes, used);
        // It is memory of the machine: what is free of it is not the device's.
        // Older kernels do not.
        self.tells_used |= used.is_some();
        let busy = self.busy(worked_us, now_ns);
        Told { busy, used, tells_used: self.tells_used, unified: true, ..Told::default() }
    }

    /// Percent of the time since the last read.
    fn busy(&mut self, worked_us: Option<u64>, now_ns: u64) -> Option<u64> {
        let worked_us = worked_us?;
        let (then_us, then_ns) = self.last.replace((worked_us, now_ns))?;
        let worked_ns = worked_us.checked_sub(then_us)?.checked_mul(1_000)?;
        let passed_ns = now_ns.checked_sub(then_ns).filter(|&ns| ns > 0)?;
        // A counter of whole jobs may run a little ahead; twice as much as there was is a reset.
        let is_possible = worked_ns / 2 <= passed_ns;
        is_possible.then(|| (worked_ns.saturating_mul(100) / passed_ns).min(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_a_share_of_the_time_that_passed() {
        let mut vpu = Vpu::default();
        let second = 1_000_000_000;
        for (worked_us, now_ns, busy) in [
            (Some(5), 0, None),
            (Some(250_005), second, Some(25)),
            (None, 2 * second, None),
            (Some(1_250_005), 3 * second, Some(50)),
            (Some(0), 4 * second, None),
            (Some(1_100_000), 5 * second, Some(100)),
            (Some(u64::MAX), 6 * second, None),
            (Some(5), 6 * second, None),
            (Some(6), 6 * second, None),
        ] {
            assert_eq!(vpu.busy(worked_us, now_ns), busy, "{worked_us:?} {now_ns}");
        }
    }
}
