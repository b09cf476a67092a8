//! What a driver tells of its device as a whole. Each driver has files of its own.

use retop_model::RowMut;
use retop_model::family::gpu;

use super::amdgpu::Amdgpu;
use super::asked::Asked;
use super::device::Device;
use super::intel;
use super::vpu::Vpu;
use crate::linux::sysfs;
use crate::source::Problem;

/// A part of a device that tells nothing.
#[derive(Debug)]
pub struct Missing {
    pub part: &'static str,
    pub feeds: &'static str,
    pub problem: Problem,
}

/// What other parts must know of what was told.
#[derive(Debug, Default)]
pub struct Told {
    /// Share of time in which it did anything, in percent.
    pub busy: Option<u64>,
    pub used: Option<u64>,
    /// The driver tells itself what is used: when it fails to, clients do not stand for it. They
    /// hold less, and the difference would look like memory that was freed.
    pub tells_used: bool,
    pub total: Option<u64>,
    /// It has no memory of its own.
    pub unified: bool,
    /// Milliseconds in which its core had no power.
    pub idle_ms: Option<i64>,
    /// What it should have told and did not.
    pub missing: Option<Missing>,
    /// Share of time in which its engines for video worked, in percent.
    pub video: Option<u64>,
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
    pub fn read(&mut self, device: &Asked<'_>, now_ns: u64, row: &mut RowMut<'_>) -> Told {
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
fn other(device: &Asked<'_>, row: &mut RowMut<'_>) -> Told {
    let folder = device.folder.join("devfreq");
    let clock = sysfs::names(&folder).unwrap_or_default().into_iter().next();
    if let Some(dir) = clock.map(|clock| folder.join(clock)) {
        row.set(gpu::shader_hertz, device.clock_in(&dir, "cur_freq", 1))
            .set(gpu::shader_limit_hertz, device.clock_in(&dir, "max_freq", 1));
    }
    row.set(gpu::temperature_celsius, device.degrees("temp1_input"));
    // Mali's drivers measure their clients when somebody has asked for it: it costs a little.
    let is_off = device.number("profiling") == Some(0);
    let missing = is_off.then(|| Missing {
        part: "engines",
        feeds: "utilization_ratio",
        problem: Problem::absent(format!(
            "{}: {} does not measure its clients unless asked to",
            device.address, device.driver
        ))
        .hint(format!("echo 3 | sudo tee {}/profiling", device.folder.display())),
    });
    Told { missing, ..Told::default() }
}

/// Microwatts or microjoules in thousandths. Below 0 is an error of the driver's.
pub fn milli(micro: Option<i64>) -> Option<i64> {
    micro.filter(|&micro| micro >= 0).map(|micro| micro / 1_000)
}
