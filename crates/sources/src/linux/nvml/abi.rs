//! What `libnvidia-ml.so.1` takes and gives: layouts and codes of `nvml.h`, API version 13.

use std::ffi::c_void;

/// What a call answers: 0 for success.
pub type Code = u32;

/// A device to the library.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(*mut c_void);

// SAFETY: a handle is never followed here, and the library says of itself that it may be called
// from any thread.
unsafe impl Send for Handle {}

impl Handle {
    /// No device, for the library to write over.
    pub const NONE: Handle = Handle(std::ptr::null_mut());
}

pub const SUCCESS: Code = 0;
pub const UNINITIALIZED: Code = 1;
pub const INVALID_ARGUMENT: Code = 2;
pub const NOT_SUPPORTED: Code = 3;
pub const NO_PERMISSION: Code = 4;
pub const NOT_FOUND: Code = 6;
pub const INSUFFICIENT_SIZE: Code = 7;
pub const DRIVER_NOT_LOADED: Code = 9;
pub const FUNCTION_NOT_FOUND: Code = 13;
pub const GPU_IS_LOST: Code = 15;
pub const RESET_REQUIRED: Code = 16;
pub const VERSION_MISMATCH: Code = 18;
pub const NO_DATA: Code = 21;
pub const ARGUMENT_VERSION_MISMATCH: Code = 25;

/// What a code means, in the words of the header.
pub fn meaning(code: Code) -> &'static str {
    match code {
        SUCCESS => "success",
        UNINITIALIZED => "not initialised",
        INVALID_ARGUMENT => "invalid argument",
        NOT_SUPPORTED => "not supported",
        NO_PERMISSION => "no permission",
        NOT_FOUND => "not found",
        INSUFFICIENT_SIZE => "insufficient size",
        DRIVER_NOT_LOADED => "the driver is not loaded",
        10 => "timeout",
        11 => "the kernel met an interrupt issue",
        12 => "a library was not found",
        FUNCTION_NOT_FOUND => "the library lacks the function",
        14 => "the board's information is corrupted",
        GPU_IS_LOST => "the GPU is lost",
        RESET_REQUIRED => "the GPU needs a reset",
        17 => "blocked by the system or a control group",
        VERSION_MISMATCH => "library and driver are of different versions",
        19 => "in use",
        20 => "out of memory",
        NO_DATA => "no data",
        23 => "insufficient resources",
        ARGUMENT_VERSION_MISMATCH => "another version of the argument is wanted",
        26 => "deprecated",
        27 => "not ready",
        28 => "no such GPU",
        29 => "invalid state",
        _ => "unknown error",
    }
}

/// What somebody can do about it.
pub fn step(code: Code) -> &'static str {
    match code {
        NO_PERMISSION => {
            "run as root, or let others read it (NVreg_RestrictProfilingToAdminUsers=0)"
        }
        12 | FUNCTION_NOT_FOUND | ARGUMENT_VERSION_MISMATCH => {
            "install libraries and driver of one version"
        }
        GPU_IS_LOST => "sudo dmesg, where Xid 79 says that it fell off the bus; reboot",
        RESET_REQUIRED => "stop what uses it, then: sudo nvidia-smi --gpu-reset",
        17 => "start the container anew, with the devices that it may use",
        20 | 23 => "end what takes the memory of the machine",
        999 => "in a container: start it anew; else sudo dmesg, which has what the driver says",
        10 | 11 => "sudo dmesg, which tells why the device does not answer",
        _ => "wait: it is asked again every few seconds",
    }
}

/// `sizeof(struct) | version << 24`: how the library tells versions of a struct.
pub const fn versioned<T>(version: u32) -> u32 {
    size_of::<T>() as u32 | version << 24
}

/// `nvmlUtilization_t`, in percent.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Utilization {
    pub gpu: u32,
    pub memory: u32,
}

/// `nvmlMemory_t`, in bytes; `used` includes what the driver keeps for itself.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Memory {
    pub total: u64,
    pub free: u64,
    pub used: u64,
}

/// `nvmlMemory_v2_t`, in bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MemoryV2 {
    pub version: u32,
    pub total: u64,
    pub reserved: u64,
    pub free: u64,
    pub used: u64,
}

/// `nvmlBAR1Memory_t`, in bytes: what the CPU can reach.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Bar1 {
    pub total: u64,
    pub free: u64,
    pub used: u64,
}

/// `nvmlPciInfo_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct PciInfo {
    pub bus_id_legacy: [u8; 16],
    pub domain: u32,
    pub bus: u32,
    pub device: u32,
    pub device_id: u32,
    pub subsystem_id: u32,
    pub bus_id: [u8; 32],
}

/// `nvmlProcessInfo_v1_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ProcessInfoV1 {
    pub pid: u32,
    pub used: u64,
}

/// `nvmlProcessInfo_v2_t`, which the calls of version 3 fill as well.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct ProcessInfoV2 {
    pub pid: u32,
    pub used: u64,
    pub instance: u32,
    pub compute_instance: u32,
}

/// `nvmlProcessUtilizationSample_t`, in percent.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct UtilizationSample {
    pub pid: u32,
    pub time_us: u64,
    pub sm: u32,
    pub memory: u32,
    pub encoder: u32,
    pub decoder: u32,
}

/// `nvmlProcessUtilizationInfo_v1_t`, in percent.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct UtilizationInfo {
    pub time_us: u64,
    pub pid: u32,
    pub sm: u32,
    pub memory: u32,
    pub encoder: u32,
    pub decoder: u32,
    pub jpeg: u32,
    pub optical_flow: u32,
}

/// `nvmlProcessesUtilizationInfo_v1_t`.
#[repr(C)]
pub struct UtilizationInfos {
    pub version: u32,
    pub count: u32,
    pub last_seen_us: u64,
    pub samples: *mut UtilizationInfo,
}

/// `nvmlFieldValue_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct FieldValue {
    pub id: u32,
    pub scope: u32,
    pub time_us: i64,
    pub latency_us: i64,
    pub kind: u32,
    pub code: Code,
    /// A union; which member it is says `kind`.
    pub value: u64,
}

impl FieldValue {
    /// The value as a whole number that is not negative.
    pub fn whole(&self) -> Option<u64> {
        if self.code != SUCCESS {
            return None;
        }
        match self.kind {
            0 => {
                let value = f64::from_bits(self.value);
                (value.is_finite() && value >= 0.0).then_some(value as u64)
            }
            // unsigned int, the lower half of the union on every machine that NVIDIA supports.
            1 => Some(self.value & u64::from(u32::MAX)),
            2 | 3 => Some(self.value),
            4 => i64::from_ne_bytes(self.value.to_ne_bytes()).try_into().ok(),
            _ => None,
        }
    }
}

/// `nvmlDeviceAttributes_t`: what a part of a device has.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Attributes {
    pub multiprocessors: u32,
    pub copy_engines: u32,
    pub decoders: u32,
    pub encoders: u32,
    pub jpeg_engines: u32,
    pub optical_flow_engines: u32,
    pub instance_slices: u32,
    pub compute_slices: u32,
    pub memory_mib: u64,
}

/// A set of events to the library.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSet(*mut c_void);

// SAFETY: as for handles.
unsafe impl Send for EventSet {}

impl EventSet {
    /// No set, for the library to write over.
    pub const NONE: EventSet = EventSet(std::ptr::null_mut());
}

/// `nvmlEventData_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EventData {
    pub device: Handle,
    pub kind: u64,
    /// The number of the error, of events of that kind.
    pub data: u64,
    pub instance: u32,
    pub compute_instance: u32,
}

/// The kind of event that stands for an error which the driver reports.
pub const XID: u64 = 8;

/// `nvmlGpmSupport_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct GpmSupport {
    pub version: u32,
    pub supported: u32,
}

/// A sample of cycle counters to the library.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpmSample(*mut c_void);

// SAFETY: as for handles; one thread at a time uses a sample.
unsafe impl Send for GpmSample {}

impl GpmSample {
    /// No sample, for the library to write over.
    pub const NONE: GpmSample = GpmSample(std::ptr::null_mut());
}

/// `nvmlGpmMetric_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct GpmMetric {
    pub id: u32,
    pub code: Code,
    pub value: f64,
    pub names: [*const std::ffi::c_char; 3],
}

/// The table of metrics grew from 98 to 333 entries from header to header while its version stayed
/// 1: a library of tomorrow may clear more than today's header holds.
pub const GPM_ROOM: usize = 1024;

/// `nvmlGpmMetricsGet_t` with room to spare.
#[repr(C)]
pub struct GpmMetrics {
    pub version: u32,
    pub count: u32,
    pub samples: [GpmSample; 2],
    pub metrics: [GpmMetric; GPM_ROOM],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_those_of_the_header() {
        assert_eq!(size_of::<MemoryV2>(), 40);
        assert_eq!(versioned::<MemoryV2>(2), 0x0200_0028);
        assert_eq!((size_of::<Memory>(), size_of::<Bar1>()), (24, 24));
        assert_eq!(size_of::<PciInfo>(), 68);
        assert_eq!((size_of::<ProcessInfoV1>(), size_of::<ProcessInfoV2>()), (16, 24));
        assert_eq!((size_of::<UtilizationSample>(), size_of::<UtilizationInfo>()), (32, 40));
        assert_eq!(versioned::<UtilizationInfos>(1), 0x0100_0018);
        assert_eq!(size_of::<FieldValue>(), 40);
        assert_eq!(size_of::<Attributes>(), 40);
        assert_eq!(size_of::<EventData>(), 32);
        assert_eq!(size_of::<GpmMetric>(), 40);
        assert_eq!(std::mem::offset_of!(GpmMetrics, metrics), 24);
    }

    #[test]
    fn a_field_is_read_as_what_it_says_it_is() {
        let field = |kind, value| FieldValue { kind, value, ..FieldValue::default() }.whole();
        assert_eq!(field(1, 0xffff_ffff_0000_0007), Some(7));
        assert_eq!(field(3, u64::MAX), Some(u64::MAX));
        assert_eq!(field(4, u64::MAX), None);
        assert_eq!(field(0, 2.5f64.to_bits()), Some(2));
        assert_eq!(field(0, f64::NAN.to_bits()), None);
        assert_eq!(field(99, 1), None);
        assert_eq!(FieldValue { code: 3, kind: 3, ..FieldValue::default() }.whole(), None);
    }
}
