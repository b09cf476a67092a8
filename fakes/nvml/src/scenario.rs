//! What a made-up driver has and does: a TOML file.
//!
//! ```toml
//! driver = "580.159.03"
//! init = 0                       # what nvmlInit answers
//!
//! [[device]]
//! uuid = "GPU-1"
//! name = "NVIDIA H200"
//! pci = "00000000:04:00.0"
//! total_mib = 143771
//! reserved_mib = 614
//! other_mib = 20                 # used, and in no process
//! gpu_percent = [[0, 5], [10, 98]]   # points in time, straight lines between them
//! power_watts = 630
//! energy_period_ms = 100         # the counter of energy moves this often
//! gpm = true                     # cycles are counted; gpm_root_only = true: for root alone
//! unsupported = ["nvmlDeviceGetFanSpeed"]
//! nvlinks = 18                   # 4 of them down: nvlinks_down = 4
//! mig = [[0, 1], [60, 1], [60.1, 0]] # divided until second 60
//! xids = [[5.0, 79]]             # the driver reports error 79 at second 5
//!
//! [[device.part]]
//! uuid = "MIG-1"
//! instance = 1
//! total_mib = 71424
//!
//! [[device.process]]
//! pid = 4242
//! lists = ["compute"]
//! memory_mib = [[0, 518], [60, 20000]]
//! sm_percent = 71
//! part = 0                       # the first part, of a device that is divided
//!
//! [[fault]]
//! symbol = "*"                   # or one symbol
//! device = 0                     # any if left out; parts = false leaves out its parts
//! from = 5.0
//! until = 9.0                    # for ever if left out
//! code = 15                      # or block = true, or delay_ms = 4
//! grows = 2                      # lists are too long twice, and then are not
//! overfull = true                # lists claim to be longer than they are
//! ```

use retop_fake_library::{Keys, number};
use toml_edit::DocumentMut;

/// The whole of it.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub driver: String,
    pub init: u32,
    pub devices: Vec<Device>,
    pub faults: Vec<Fault>,
}

/// A device.
#[derive(Clone, Debug)]
pub struct Device {
    pub uuid: String,
    pub name: String,
    pub pci: String,
    pub total_mib: Curve,
    pub reserved_mib: Curve,
    pub other_mib: Curve,
    pub gpu_percent: Curve,
    pub memory_percent: Curve,
    pub encoder_percent: Curve,
    pub decoder_percent: Curve,
    pub power_watts: Curve,
    /// The counter of energy moves this often; 0: always.
    pub energy_period_ms: f64,
    pub limit_watts: Curve,
    pub temperature_celsius: Curve,
    pub memory_temperature_celsius: Option<Curve>,
    pub fan_percent: Option<Curve>,
    pub sm_mhz: Curve,
    pub memory_mhz: Curve,
    pub performance_state: Curve,
    /// Bits of the reasons for which clocks are held down.
    pub reasons: Curve,
    /// The device measures its cycles: Hopper and newer.
    pub gpm: bool,
    /// Nobody but root may sample cycles.
    pub gpm_root_only: bool,
    pub tensor_percent: Curve,
    pub occupancy_percent: Curve,
    pub dram_percent: Curve,
    pub fp64_percent: Curve,
    pub fp32_percent: Curve,
    pub fp16_percent: Curve,
    pub pcie_sent_bytes_per_second: Curve,
    pub pcie_received_bytes_per_second: Curve,
    pub ecc_corrected: Curve,
    pub ecc_uncorrected: Curve,
    /// Numbers of metrics of cycles that fail one by one.
    pub gpm_missing: Vec<String>,
    pub unsupported: Vec<String>,
    /// The number that the driver gives it.
    pub index: Option<Curve>,
    pub nvlinks: u32,
    pub nvlinks_down: Curve,
    pub nvlink_sent_bytes_per_second: Curve,
    pub nvlink_received_bytes_per_second: Curve,
    /// Counters of PCI Express have 32 bits.
    pub pcie_wraps: bool,
    pub pcie_replays: Curve,
    pub remapped_corrected: Curve,
    pub remapped_uncorrected: Curve,
    pub remap_pending: Curve,
    pub remap_failed: Curve,
    pub recovery: Curve,
    /// Errors that the driver reports: when, and which.
    pub xids: Vec<(f64, u64)>,
    /// Above 0 it is divided into its parts.
    pub mig: Curve,
    pub parts: Vec<Part>,
    pub processes: Vec<Process>,
}

/// A part of a device.
#[derive(Clone, Debug)]
pub struct Part {
    pub uuid: String,
    pub name: String,
    pub instance: u32,
    pub compute_instance: u32,
    pub multiprocessors: u32,
    pub total_mib: Curve,
    pub other_mib: Curve,
    pub shader_percent: Curve,
}

/// A process on a device.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: u32,
    /// `compute`, `graphics`, `mps`.
    pub lists: Vec<String>,
    /// Below 0 the driver does not know.
    pub memory_mib: Curve,
    pub sm_percent: Curve,
    pub memory_percent: Curve,
    pub from: f64,
    pub until: f64,
    /// The part of the device that it is on.
    pub part: Option<usize>,
}

/// Something that goes wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    pub symbol: String,
    pub device: Option<usize>,
    /// It strikes calls about parts of the device too.
    pub parts: bool,
    pub from: f64,
    pub until: f64,
    pub code: Option<u32>,
    pub block: bool,
    pub delay_ms: u64,
    /// How often in a row a list is longer than whoever asks has room for.
    pub grows: u32,
    /// Lists claim more entries than they write.
    pub overfull: bool,
}

/// A number that changes with time: straight lines between points, level before and after them.
#[derive(Clone, Debug, Default)]
pub struct Curve(Vec<(f64, f64)>);

impl Curve {
    /// A number that stays.
    #[must_use]
    pub fn constant(value: f64) -> Curve {
        Curve(vec![(0.0, value)])
    }

    /// The value at a time.
    #[must_use]
    pub fn at(&self, time: f64) -> f64 {
        let after = self.0.partition_point(|&(t, _)| t <= time);
        match (after.checked_sub(1).and_then(|i| self.0.get(i)), self.0.get(after)) {
            (Some(&(t0, v0)), Some(&(t1, v1))) => v0 + (v1 - v0) * (time - t0) / (t1 - t0),
            (Some(&(_, value)), None) | (None, Some(&(_, value))) => value,
            (None, None) => 0.0,
        }
    }

    /// The points themselves.
    #[must_use]
    pub fn points(&self) -> &[(f64, f64)] {
        &self.0
    }

    /// The area below it from 0 to a time: joules, where the curve is watts.
    #[must_use]
    pub fn sum(&self, time: f64) -> f64 {
        let mut corners: Vec<f64> =
            self.0.iter().map(|&(t, _)| t).filter(|&t| t > 0.0 && t < time).collect();
        corners.insert(0, 0.0);
        corners.push(time.max(0.0));
        corners
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) * (self.at(pair[0]) + self.at(pair[1])) / 2.0)
            .sum()
    }
}

impl Device {
    /// Joules that its counter has come to at that time, and when it did.
    #[must_use]
    pub fn energy(&self, now: f64) -> (f64, f64) {
        let period = self.energy_period_ms / 1e3;
        let counted = if period > 0.0 { (now / period).floor() * period } else { now };
        (self.power_watts.sum(counted), counted)
    }

    /// True if it is divided at that time.
    #[must_use]
    pub fn is_divided(&self, now: f64) -> bool {
        !self.parts.is_empty() && self.mig.at(now) >= 0.5
    }
}

impl Scenario {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// Where the text is not TOML, and keys that nothing is called by.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        let document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
        let mut root = Keys::new(document.as_table(), "scenario");
        let scenario = Scenario {
            driver: root.text("driver", "580.159.03"),
            init: root.number("init", 0.0) as u32,
            devices: root.tables("device").map(device).collect::<Result<_, _>>()?,
            faults: root.tables("fault").map(fault).collect::<Result<_, _>>()?,
        };
        root.end()?;
        Ok(scenario)
    }

    /// The driver's version: (580, 159).
    #[must_use]
    pub fn version(&self) -> (u32, u32) {
        let mut parts = self.driver.split('.').map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }

    /// Symbols that a driver of this version does not have.
    #[must_use]
    pub fn absent(&self) -> Vec<&'static str> {
        let version = self.version();
        let mut absent = Vec::new();
        let lists = [
            "nvmlDeviceGetComputeRunningProcesses_v3",
            "nvmlDeviceGetGraphicsRunningProcesses_v3",
            "nvmlDeviceGetMPSComputeRunningProcesses_v3",
        ];
        // Dropped in 535.98, back in 535.104.05.
        if version < (510, 0) || ((535, 98)..(535, 104)).contains(&version) {
            absent.extend(lists);
        }
        if version < (510, 0) {
            absent.push("nvmlDeviceGetMemoryInfo_v2");
        }
        if version < (535, 0) {
            absent.push("nvmlDeviceGetCurrentClocksEventReasons");
        }
        if version < (550, 0) {
            absent.push("nvmlDeviceGetProcessesUtilizationInfo");
        }
        // By these two others tell how wide the entries of lists are.
        if version < (535, 0) {
            absent.push("nvmlDeviceGetConfComputeMemSizeInfo");
        }
        if version < (535, 98) {
            absent.push("nvmlDeviceGetRunningProcessDetailList");
        }
        absent
    }
}

fn device(mut keys: Keys<'_>) -> Result<Device, String> {
    let device = Device {
        uuid: keys.text("uuid", "GPU-0"),
        name: keys.text("name", "NVIDIA H200"),
        pci: keys.text("pci", "00000000:04:00.0"),
        total_mib: keys.curve("total_mib", 143_771.0),
        reserved_mib: keys.curve("reserved_mib", 614.0),
        other_mib: keys.curve("other_mib", 0.0),
        gpu_percent: keys.curve("gpu_percent", 0.0),
        memory_percent: keys.curve("memory_percent", 0.0),
        encoder_percent: keys.curve("encoder_percent", 0.0),
        decoder_percent: keys.curve("decoder_percent", 0.0),
        power_watts: keys.curve("power_watts", 78.0),
        energy_period_ms: keys.number("energy_period_ms", 0.0),
        limit_watts: keys.curve("limit_watts", 700.0),
        temperature_celsius: keys.curve("temperature_celsius", 30.0),
        memory_temperature_celsius: keys.curve_if("memory_temperature_celsius"),
        fan_percent: keys.curve_if("fan_percent"),
        sm_mhz: keys.curve("sm_mhz", 345.0),
        memory_mhz: keys.curve("memory_mhz", 3201.0),
        performance_state: keys.curve("performance_state", 0.0),
        reasons: keys.curve("reasons", 0.0),
        gpm: keys.number("gpm", 0.0) > 0.0,
        gpm_root_only: keys.number("gpm_root_only", 0.0) > 0.0,
        tensor_percent: keys.curve("tensor_percent", 0.0),
        occupancy_percent: keys.curve("occupancy_percent", 0.0),
        dram_percent: keys.curve("dram_percent", 0.0),
        fp64_percent: keys.curve("fp64_percent", 0.0),
        fp32_percent: keys.curve("fp32_percent", 0.0),
        fp16_percent: keys.curve("fp16_percent", 0.0),
        pcie_sent_bytes_per_second: keys.curve("pcie_sent_bytes_per_second", 0.0),
        pcie_received_bytes_per_second: keys.curve("pcie_received_bytes_per_second", 0.0),
        ecc_corrected: keys.curve("ecc_corrected", 0.0),
        ecc_uncorrected: keys.curve("ecc_uncorrected", 0.0),
        gpm_missing: keys.texts("gpm_missing"),
        unsupported: keys.texts("unsupported"),
        index: keys.curve_if("index"),
        nvlinks: keys.number("nvlinks", 0.0) as u32,
        nvlinks_down: keys.curve("nvlinks_down", 0.0),
        nvlink_sent_bytes_per_second: keys.curve("nvlink_sent_bytes_per_second", 0.0),
        nvlink_received_bytes_per_second: keys.curve("nvlink_received_bytes_per_second", 0.0),
        pcie_wraps: keys.number("pcie_wraps", 0.0) > 0.0,
        pcie_replays: keys.curve("pcie_replays", 0.0),
        remapped_corrected: keys.curve("remapped_corrected", 0.0),
        remapped_uncorrected: keys.curve("remapped_uncorrected", 0.0),
        remap_pending: keys.curve("remap_pending", 0.0),
        remap_failed: keys.curve("remap_failed", 0.0),
        recovery: keys.curve("recovery", 0.0),
        xids: keys
            .curve_if("xids")
            .unwrap_or_default()
            .points()
            .iter()
            .map(|&(at, xid)| (at, xid as u64))
            .collect(),
        mig: keys.curve("mig", 0.0),
        parts: keys.tables("part").map(part).collect::<Result<_, _>>()?,
        processes: keys.tables("process").map(process).collect::<Result<_, _>>()?,
    };
    keys.end()?;
    Ok(device)
}

fn part(mut keys: Keys<'_>) -> Result<Part, String> {
    let part = Part {
        uuid: keys.text("uuid", "MIG-0"),
        name: keys.text("name", "NVIDIA H200 MIG 3g.71gb"),
        instance: keys.number("instance", 1.0) as u32,
        compute_instance: keys.number("compute_instance", 0.0) as u32,
        multiprocessors: keys.number("multiprocessors", 60.0) as u32,
        total_mib: keys.curve("total_mib", 71_424.0),
        other_mib: keys.curve("other_mib", 24.0),
        shader_percent: keys.curve("shader_percent", 0.0),
    };
    keys.end()?;
    Ok(part)
}

fn process(mut keys: Keys<'_>) -> Result<Process, String> {
    let mut lists = keys.texts("lists");
    if lists.is_empty() {
        lists.push("compute".to_owned());
    }
    let part = keys.number("part", -1.0);
    let process = Process {
        part: (part >= 0.0).then_some(part as usize),
        pid: keys.number("pid", 1.0) as u32,
        lists,
        memory_mib: keys.curve("memory_mib", 518.0),
        sm_percent: keys.curve("sm_percent", 0.0),
        memory_percent: keys.curve("memory_percent", 0.0),
        from: keys.number("from", 0.0),
        until: keys.number("until", f64::INFINITY),
    };
    keys.end()?;
    Ok(process)
}

fn fault(mut keys: Keys<'_>) -> Result<Fault, String> {
    let device = keys.number("device", -1.0);
    let code = keys.number("code", -1.0);
    let fault = Fault {
        symbol: keys.text("symbol", "*"),
        device: (device >= 0.0).then_some(device as usize),
        parts: keys.number("parts", 1.0) > 0.0,
        from: keys.number("from", 0.0),
        until: keys.number("until", f64::INFINITY),
        code: (code >= 0.0).then_some(code as u32),
        block: keys.number("block", 0.0) > 0.0,
        delay_ms: keys.number("delay_ms", 0.0) as u64,
        grows: keys.number("grows", 0.0) as u32,
        overfull: keys.number("overfull", 0.0) > 0.0,
    };
    keys.end()?;
    Ok(fault)
}

/// What changes with time.
trait Curves {
    fn curve(&mut self, key: &'static str, otherwise: f64) -> Curve;

    /// A number, or an array of times and numbers.
    fn curve_if(&mut self, key: &'static str) -> Option<Curve>;
}

impl Curves for Keys<'_> {
    fn curve(&mut self, key: &'static str, otherwise: f64) -> Curve {
        self.curve_if(key).unwrap_or_else(|| Curve::constant(otherwise))
    }

    fn curve_if(&mut self, key: &'static str) -> Option<Curve> {
        let value = self.item(key)?.as_value()?;
        if let Some(value) = number(value) {
            return Some(Curve::constant(value));
        }
        let points = value.as_array()?.iter().filter_map(|point| {
            let point = point.as_array()?;
            let at = |place: usize| point.get(place).and_then(number);
            Some((at(0)?, at(1)?))
        });
        Some(Curve(points.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_go_straight_from_point_to_point() {
        let text = "[[device]]\npower_watts = [[0, 100], [10, 300]]\n";
        let scenario = Scenario::parse(text).expect("valid");
        let power = &scenario.devices[0].power_watts;
        assert_eq!([power.at(-1.0), power.at(5.0), power.at(99.0)], [100.0, 200.0, 300.0]);
        assert_eq!([power.sum(0.0), power.sum(10.0), power.sum(20.0)], [0.0, 2000.0, 5000.0]);
    }

    #[test]
    fn a_word_that_means_nothing_is_refused() {
        let error = Scenario::parse("[[device]]\nwats = 1\n").expect_err("no such key");
        assert_eq!(error, "device: there is no 'wats'");
    }

    #[test]
    fn old_drivers_lack_what_came_later() {
        let absent = |driver: &str| {
            let text = format!("driver = \"{driver}\"");
            Scenario::parse(&text).expect("valid").absent().len()
        };
        assert_eq!(
            ["470.256.02", "525.60", "535.98", "535.104.05", "580.1"].map(absent),
            [8, 4, 4, 1, 0]
        );
    }
}
