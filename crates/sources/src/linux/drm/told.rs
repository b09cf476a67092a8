//! What a driver tells of its device as a whole. Each driver has files of its own.

use std::path::Path;

use retop_model::RowMut;
use retop_model::family::gpu;

use super::amdgpu::Amdgpu;
use super::device::Device;
use super::intel;
use super::vpu::Vpu;
use crate::linux::sysfs;
use crate::source::Problem;

/// What other parts must know of what was told.
#[derive(Debug, Default)]
pub struct Told {
    /// Share of time in which it did anything, in percent.
    pub busy: Option<u64>,
    pub used: Option<u64>,
    pub total: Option<u64>,
    /// It has no memory of its own.
    pub unified: bool,
    /// Milliseconds in which its core had no power.
    pub idle_ms: Option<i64>,
    /// What it should have told and did not.
    pub missing: Option<Problem>,
}

/// A driver, with what it told before where that matters.
pub enum Driver {
    Amdgpu(Box<Amdgpu>),
    I915,
    Xe,
    Vpu(Vpu),
    /// Its clients tell most: of the device itself a clock and a temperature, if anything.
    Other,
}

impl Driver {
    pub fn of(device: &Device) -> Driver {
        match device.driver.as_str() {
            "amdgpu" => Driver::Amdgpu(Box::default()),
            "i915" => Driver::I915,
            "xe" => Driver::Xe,
            "intel_vpu" => Driver::Vpu(Vpu::default()),
            _ => Driver::Other,
        }
    }

    /// Reads a device that is awake into its row.
    pub fn read(&mut self, device: &Device, now_ns: u64, row: &mut RowMut<'_>) -> Told {
        match self {
            Driver::Amdgpu(amdgpu) => amdgpu.read(device, now_ns, row),
            Driver::I915 => intel::i915(device, row),
            Driver::Xe => intel::xe(device, row),
            Driver::Vpu(vpu) => vpu.read(device, now_ns, row),
            Driver::Other => other(device, row),
        }
    }
}

/// Boards have the clock of their graphics in `devfreq`.
fn other(device: &Device, row: &mut RowMut<'_>) -> Told {
    let folder = device.folder.join("devfreq");
    let clock = sysfs::names(&folder).unwrap_or_default().into_iter().next();
    if let Some(dir) = clock.map(|clock| folder.join(clock)) {
        row.set(gpu::shader_hertz, clock_of(&dir, "cur_freq", 1))
            .set(gpu::shader_limit_hertz, clock_of(&dir, "max_freq", 1));
    }
    row.set(gpu::temperature_celsius, device.degrees("temp1_input"));
    Told::default()
}

/// A clock in so many hertz. 0 is what drivers write of a clock that is off, and of one that they do
/// not know.
pub fn clock_of(dir: &Path, name: &str, unit: i64) -> Option<i64> {
    sysfs::attribute_i64(dir, name).filter(|&clock| clock > 0)?.checked_mul(unit)
}

/// Microwatts or microjoules in thousandths. Below 0 is an error of the driver's.
pub fn milli(micro: Option<i64>) -> Option<i64> {
    micro.filter(|&micro| micro >= 0).map(|micro| micro / 1_000)
}
