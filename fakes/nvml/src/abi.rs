//! The C symbols. Layouts and codes are those of `nvml.h`, API version 13.
#![allow(non_snake_case, reason = "the names are NVIDIA's")]
#![allow(clippy::missing_safety_doc, reason = "callers are C programs; the header says what holds")]

use std::ffi::{c_char, c_void};

use crate::scenario::{Device, Part, Process};
use crate::stage::{Lie, Stage, code, stage};

type Code = u32;

/// A device is a pointer to callers; here it is a number that no address has.
type Handle = *mut c_void;
const FIRST_HANDLE: usize = 0x4e56_0000;
/// Parts of devices have such numbers too: 256 for each device.
const FIRST_PART: usize = 0x4e57_0000;

const MIB: f64 = 1024.0 * 1024.0;
const UNKNOWN_BYTES: u64 = u64::MAX;
/// `gpuInstanceId` of a process on a device that is not divided.
const NO_INSTANCE: u32 = u32::MAX;

fn index(device: Handle) -> Option<usize> {
    (device as usize).checked_sub(FIRST_HANDLE)
}

/// Device and part that a handle of a part stands for.
fn part_index(handle: Handle) -> Option<(usize, usize)> {
    let number = (handle as usize).checked_sub(FIRST_PART)?;
    Some((number / 256, number % 256))
}

/// A device, or a part of one.
#[derive(Clone, Copy)]
struct Place {
    device: &'static Device,
    part: Option<(usize, &'static Part)>,
}

/// A call about a device or a part of one.
fn anywhere(
    symbol: &str,
    handle: Handle,
    body: impl FnOnce(Place, f64) -> Result<(), Code>,
) -> Code {
    let Some((whole, number)) = part_index(handle) else {
        return locally(symbol, handle, |device, now| body(Place { device, part: None }, now));
    };
    let whole = (FIRST_HANDLE + whole) as Handle;
    of_device(symbol, whole, true, |device, now| {
        let part = device.parts.get(number).filter(|_| device.is_divided(now));
        let part = part.ok_or(code::INVALID_ARGUMENT)?;
        body(Place { device, part: Some((number, part)) }, now)
    })
}

fn answer(result: Result<(), Code>) -> Code {
    result.err().unwrap_or(code::SUCCESS)
}

/// A call that is not about a device.
fn globally(symbol: &str, body: impl FnOnce(&'static Stage, f64) -> Result<(), Code>) -> Code {
    let Some(stage) = stage() else { return code::UNKNOWN };
    let outcome = stage.call(symbol, None);
    if !stage.is_used() {
        return code::UNINITIALIZED;
    }
    answer(outcome.and_then(|now| body(stage, now)))
}

/// A call about a device.
fn locally(
    symbol: &str,
    device: Handle,
    body: impl FnOnce(&'static Device, f64) -> Result<(), Code>,
) -> Code {
    of_device(symbol, device, false, body)
}

fn of_device(
    symbol: &str,
    device: Handle,
    part: bool,
    body: impl FnOnce(&'static Device, f64) -> Result<(), Code>,
) -> Code {
    let Some(stage) = stage() else { return code::UNKNOWN };
    let place = index(device);
    let outcome = stage.call_about(symbol, place, part);
    if !stage.is_used() {
        return code::UNINITIALIZED;
    }
    let known = place.and_then(|place| stage.scenario.devices.get(place));
    let Some(known) = known else { return code::INVALID_ARGUMENT };
    answer(outcome.and_then(|now| body(known, now)))
}

fn put<T>(out: *mut T, value: T) -> Result<(), Code> {
    if out.is_null() {
        return Err(code::INVALID_ARGUMENT);
    }
    // SAFETY: the caller gives a place for one value.
    unsafe { out.write(value) };
    Ok(())
}

fn put_text(out: *mut c_char, length: u32, text: &str) -> Result<(), Code> {
    if out.is_null() {
        return Err(code::INVALID_ARGUMENT);
    }
    if text.len() >= length as usize {
        return Err(code::INSUFFICIENT_SIZE);
    }
    // SAFETY: the caller gives a place for `length` bytes, and the text with its end is no longer.
    unsafe {
        out.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
        out.add(text.len()).write(0);
    }
    Ok(())
}

/// `sizeof(struct) | version << 24`, as NVML tells versions of structs.
const fn versioned<T>(version: u32) -> u32 {
    size_of::<T>() as u32 | version << 24
}

// -- The library --------------------------------------------------------------------------------

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlInit_v2() -> Code {
    let Some(stage) = stage() else { return code::UNKNOWN };
    let outcome = stage.call("nvmlInit_v2", None).and(match stage.scenario.init {
        code::SUCCESS => Ok(()),
        code => Err(code),
    });
    if outcome.is_ok() {
        stage.enter();
    }
    answer(outcome)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlInit() -> Code {
    // SAFETY: it has no preconditions.
    unsafe { nvmlInit_v2() }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlInitWithFlags(_: u32) -> Code {
    // SAFETY: it has no preconditions.
    unsafe { nvmlInit_v2() }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlShutdown() -> Code {
    let Some(stage) = stage() else { return code::UNKNOWN };
    let outcome = stage.call("nvmlShutdown", None).map(|_| ());
    answer(outcome.and(if stage.leave() { Ok(()) } else { Err(code::UNINITIALIZED) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlErrorString(code: Code) -> *const c_char {
    let text = match code {
        code::SUCCESS => c"Success",
        code::UNINITIALIZED => c"Uninitialized",
        code::INVALID_ARGUMENT => c"Invalid Argument",
        code::NOT_SUPPORTED => c"Not Supported",
        code::NOT_FOUND => c"Not Found",
        15 => c"GPU is lost",
        _ => c"Unknown Error",
    };
    text.as_ptr()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetDriverVersion(out: *mut c_char, length: u32) -> Code {
    globally("nvmlSystemGetDriverVersion", |stage, _| put_text(out, length, &stage.scenario.driver))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetNVMLVersion(out: *mut c_char, length: u32) -> Code {
    globally("nvmlSystemGetNVMLVersion", |stage, _| {
        put_text(out, length, &format!("13.{}", stage.scenario.driver))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetCudaDriverVersion(out: *mut i32) -> Code {
    globally("nvmlSystemGetCudaDriverVersion", |_, _| put(out, 13_000))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetCudaDriverVersion_v2(out: *mut i32) -> Code {
    globally("nvmlSystemGetCudaDriverVersion_v2", |_, _| put(out, 13_000))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCount_v2(out: *mut u32) -> Code {
    globally("nvmlDeviceGetCount_v2", |stage, _| put(out, stage.scenario.devices.len() as u32))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(place: u32, out: *mut Handle) -> Code {
    let Some(stage) = stage() else { return code::UNKNOWN };
    let numbered = |(place, device): (usize, &Device)| {
        let number = device.index.as_ref().map_or(place, |index| index.at(stage.now()) as usize);
        (number, place)
    };
    let mut numbers = stage.scenario.devices.iter().enumerate().map(numbered);
    let place = numbers.find(|&(number, _)| number == place as usize);
    let place = place.map_or(usize::MAX, |(_, place)| place);
    let outcome = stage.call("nvmlDeviceGetHandleByIndex_v2", Some(place));
    if !stage.is_used() {
        return code::UNINITIALIZED;
    }
    if place >= stage.scenario.devices.len() {
        return code::INVALID_ARGUMENT;
    }
    answer(outcome.and_then(|_| put(out, (FIRST_HANDLE + place) as Handle)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByUUID(uuid: *const c_char, out: *mut Handle) -> Code {
    globally("nvmlDeviceGetHandleByUUID", |stage, _| {
        // SAFETY: the caller gives a C string.
        let uuid = unsafe { std::ffi::CStr::from_ptr(uuid) }.to_bytes();
        let devices = &stage.scenario.devices;
        let place = devices.iter().position(|device| device.uuid.as_bytes() == uuid);
        put(out, (FIRST_HANDLE + place.ok_or(code::NOT_FOUND)?) as Handle)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByPciBusId_v2(
    address: *const c_char,
    out: *mut Handle,
) -> Code {
    let Some(stage) = stage() else { return code::UNKNOWN };
    // SAFETY: the caller gives a C string.
    let address = unsafe { std::ffi::CStr::from_ptr(address) }.to_string_lossy();
    // Domains are written with four digits or eight.
    let bare = |address: &str| address.to_ascii_lowercase().trim_start_matches('0').to_owned();
    let is_at = |device: &Device| bare(&device.pci) == bare(&address);
    let place = stage.scenario.devices.iter().position(is_at);
    let outcome = stage.call("nvmlDeviceGetHandleByPciBusId_v2", place);
    if !stage.is_used() {
        return code::UNINITIALIZED;
    }
    let Some(place) = place else { return code::NOT_FOUND };
    answer(outcome.and_then(|_| put(out, (FIRST_HANDLE + place) as Handle)))
}

// -- What a device is ---------------------------------------------------------------------------

/// `nvmlPciInfo_t`.
#[repr(C)]
pub struct PciInfo {
    bus_id_legacy: [u8; 16],
    domain: u32,
    bus: u32,
    device: u32,
    device_id: u32,
    subsystem_id: u32,
    bus_id: [u8; 32],
}

/// The start of a text, with a 0 behind it.
fn cut<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [0; N];
    for (place, byte) in out.iter_mut().take(N - 1).zip(text.bytes()) {
        *place = byte;
    }
    out
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPciInfo_v3(device: Handle, out: *mut PciInfo) -> Code {
    locally("nvmlDeviceGetPciInfo_v3", device, |device, _| {
        let part = |text: Option<&str>| {
            text.and_then(|text| u32::from_str_radix(text, 16).ok()).unwrap_or(0)
        };
        let mut parts = device.pci.split([':', '.']);
        let (domain, bus, slot) = (part(parts.next()), part(parts.next()), part(parts.next()));
        put(
            out,
            PciInfo {
                bus_id_legacy: cut(&format!("{domain:04X}:{bus:02X}:{slot:02X}.0")),
                domain,
                bus,
                device: slot,
                device_id: 0x2335_10de,
                subsystem_id: 0x18be_10de,
                bus_id: cut(&device.pci.to_uppercase()),
            },
        )
    })
}

macro_rules! texts {
    ($($symbol:ident = $text:ident;)*) => { $(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $symbol(device: Handle, out: *mut c_char, length: u32) -> Code {
            anywhere(stringify!($symbol), device, |place, _| {
                put_text(out, length, place.part.map_or(&place.device.$text, |(_, part)| &part.$text))
            })
        }
    )* };
}

texts! {
    nvmlDeviceGetName = name;
    nvmlDeviceGetUUID = uuid;
}

macro_rules! numbers {
    ($($symbol:ident: $type:ty = |$device:ident, $now:ident| $value:expr;)*) => { $(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $symbol(device: Handle, out: *mut $type) -> Code {
            locally(stringify!($symbol), device, |$device, $now| put(out, $value))
        }
    )* };
}

numbers! {
    nvmlDeviceGetPowerUsage: u32 = |device, now| (device.power_watts.at(now) * 1e3) as u32;
    nvmlDeviceGetEnforcedPowerLimit: u32 = |device, now| (device.limit_watts.at(now) * 1e3) as u32;
    nvmlDeviceGetPowerManagementLimit: u32 = |device, now| (device.limit_watts.at(now) * 1e3) as u32;
    nvmlDeviceGetTotalEnergyConsumption: u64 = |device, now| (device.energy(now).0 * 1e3) as u64;
    nvmlDeviceGetPerformanceState: u32 = |device, now| device.performance_state.at(now) as u32;
    nvmlDeviceGetCurrentClocksEventReasons: u64 = |device, now| device.reasons.at(now) as u64;
    nvmlDeviceGetCurrentClocksThrottleReasons: u64 = |device, now| device.reasons.at(now) as u64;
    nvmlDeviceGetCurrPcieLinkGeneration: u32 = |_device, _now| 5;
    nvmlDeviceGetCurrPcieLinkWidth: u32 = |_device, _now| 16;
    nvmlDeviceGetMaxPcieLinkGeneration: u32 = |_device, _now| 5;
    nvmlDeviceGetMaxPcieLinkWidth: u32 = |_device, _now| 16;
    nvmlDeviceGetNumGpuCores: u32 = |_device, _now| 16_896;
    nvmlDeviceGetPersistenceMode: u32 = |_device, _now| 1;
    nvmlDeviceGetArchitecture: u32 = |_device, _now| 9;
    nvmlDeviceGetComputeMode: u32 = |_device, _now| 0;
    nvmlDeviceGetMinorNumber: u32 = |_device, _now| 0;
    nvmlDeviceGetDisplayMode: u32 = |_device, _now| 0;
    nvmlDeviceGetDisplayActive: u32 = |_device, _now| 0;
    nvmlDeviceGetNumFans: u32 = |device, _now| u32::from(device.fan_percent.is_some());
}

macro_rules! unsupported {
    ($($symbol:ident)*) => { $(
        /// The driver has it, and these devices do not.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $symbol(device: Handle, _: *mut c_void, _: *mut c_void) -> Code {
            locally(stringify!($symbol), device, |_, _| Err(code::NOT_SUPPORTED))
        }
    )* };
}

unsupported! {
    nvmlDeviceGetDriverModel
    nvmlDeviceGetDriverModel_v2
    nvmlDeviceGetConfComputeMemSizeInfo
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCudaComputeCapability(
    device: Handle,
    major: *mut i32,
    minor: *mut i32,
) -> Code {
    locally("nvmlDeviceGetCudaComputeCapability", device, |_, _| {
        put(major, 9)?;
        put(minor, 0)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetSerial(
    device: Handle,
    out: *mut c_char,
    length: u32,
) -> Code {
    locally("nvmlDeviceGetSerial", device, |_, _| put_text(out, length, "1650000000000"))
}

/// Where it shuts down, slows down, is hottest in memory and in the core: thresholds 0 to 3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTemperatureThreshold(
    device: Handle,
    which: u32,
    out: *mut u32,
) -> Code {
    locally("nvmlDeviceGetTemperatureThreshold", device, |_, _| {
        let celsius = [92, 89, 95, 87].get(which as usize).copied();
        put(out, celsius.ok_or(code::INVALID_ARGUMENT)?)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetDeviceHandleFromMigDeviceHandle(
    part: Handle,
    out: *mut Handle,
) -> Code {
    anywhere("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", part, |_, _| {
        let (whole, _) = part_index(part).ok_or(code::INVALID_ARGUMENT)?;
        put(out, (FIRST_HANDLE + whole) as Handle)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetIndex(device: Handle, out: *mut u32) -> Code {
    locally("nvmlDeviceGetIndex", device, |known, now| {
        let place = index(device).unwrap_or(0);
        put(out, known.index.as_ref().map_or(place, |index| index.at(now) as usize) as u32)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetFanSpeed(device: Handle, out: *mut u32) -> Code {
    locally("nvmlDeviceGetFanSpeed", device, |device, now| fan(device, now, out))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetFanSpeed_v2(device: Handle, _: u32, out: *mut u32) -> Code {
    locally("nvmlDeviceGetFanSpeed_v2", device, |device, now| fan(device, now, out))
}

/// A board that the chassis cools has no fan of its own.
fn fan(device: &Device, now: f64, out: *mut u32) -> Result<(), Code> {
    put(out, device.fan_percent.as_ref().ok_or(code::NOT_SUPPORTED)?.at(now) as u32)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTemperature(
    device: Handle,
    sensor: u32,
    out: *mut u32,
) -> Code {
    locally("nvmlDeviceGetTemperature", device, |device, now| match sensor {
        0 => put(out, device.temperature_celsius.at(now) as u32),
        _ => Err(code::INVALID_ARGUMENT),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetClockInfo(device: Handle, clock: u32, out: *mut u32) -> Code {
    locally("nvmlDeviceGetClockInfo", device, |device, now| match clock {
        0 | 1 => put(out, device.sm_mhz.at(now) as u32),
        2 => put(out, device.memory_mhz.at(now) as u32),
        3 => put(out, (device.sm_mhz.at(now) * 0.8) as u32),
        _ => Err(code::INVALID_ARGUMENT),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMaxClockInfo(
    device: Handle,
    clock: u32,
    out: *mut u32,
) -> Code {
    locally("nvmlDeviceGetMaxClockInfo", device, |_, _| match clock {
        0 | 1 => put(out, 1980),
        2 => put(out, 3201),
        3 => put(out, 1545),
        _ => Err(code::INVALID_ARGUMENT),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUtilizationRates(device: Handle, out: *mut [u32; 2]) -> Code {
    locally("nvmlDeviceGetUtilizationRates", device, |device, now| {
        whole(device, now)?;
        put(out, [&device.gpu_percent, &device.memory_percent].map(|curve| curve.at(now) as u32))
    })
}

macro_rules! codecs {
    ($($symbol:ident = $curve:ident;)*) => { $(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $symbol(
            device: Handle,
            out: *mut u32,
            period_us: *mut u32,
        ) -> Code {
            locally(stringify!($symbol), device, |device, now| {
                put(period_us, 167_000)?;
                put(out, device.$curve.at(now) as u32)
            })
        }
    )* };
}

codecs! {
    nvmlDeviceGetEncoderUtilization = encoder_percent;
    nvmlDeviceGetDecoderUtilization = decoder_percent;
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPcieThroughput(
    device: Handle,
    counter: u32,
    out: *mut u32,
) -> Code {
    locally("nvmlDeviceGetPcieThroughput", device, |device, now| {
        // It measures for this long, by design.
        std::thread::sleep(std::time::Duration::from_millis(20));
        let curve = match counter {
            0 => &device.pcie_sent_bytes_per_second,
            _ => &device.pcie_received_bytes_per_second,
        };
        put(out, (curve.at(now) / 1024.0) as u32)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetTotalEccErrors(
    device: Handle,
    kind: u32,
    _: u32,
    out: *mut u64,
) -> Code {
    locally("nvmlDeviceGetTotalEccErrors", device, |device, now| {
        let curve = if kind == 0 { &device.ecc_corrected } else { &device.ecc_uncorrected };
        put(out, curve.at(now) as u64)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigMode(
    device: Handle,
    now: *mut u32,
    pending: *mut u32,
) -> Code {
    locally("nvmlDeviceGetMigMode", device, |device, time| {
        let divided = u32::from(device.is_divided(time));
        put(now, divided)?;
        put(pending, divided)
    })
}

/// What a device that is divided does not tell of itself.
fn whole(device: &Device, now: f64) -> Result<(), Code> {
    if device.is_divided(now) { Err(code::NOT_SUPPORTED) } else { Ok(()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMaxMigDeviceCount(device: Handle, out: *mut u32) -> Code {
    locally("nvmlDeviceGetMaxMigDeviceCount", device, |device, _| {
        put(out, if device.parts.is_empty() { 0 } else { 7 })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigDeviceHandleByIndex(
    device: Handle,
    number: u32,
    out: *mut Handle,
) -> Code {
    locally("nvmlDeviceGetMigDeviceHandleByIndex", device, |known, now| {
        if !known.is_divided(now) || number as usize >= known.parts.len() {
            return Err(code::NOT_FOUND);
        }
        let place = index(device).unwrap_or(0);
        put(out, (FIRST_PART + place * 256 + number as usize) as Handle)
    })
}

macro_rules! of_parts {
    ($($symbol:ident: $type:ty = |$part:ident| $value:expr;)*) => { $(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $symbol(device: Handle, out: *mut $type) -> Code {
            anywhere(stringify!($symbol), device, |place, _| {
                let (_, $part) = place.part.ok_or(code::INVALID_ARGUMENT)?;
                put(out, $value)
            })
        }
    )* };
}

of_parts! {
    nvmlDeviceGetGpuInstanceId: u32 = |part| part.instance;
    nvmlDeviceGetComputeInstanceId: u32 = |part| part.compute_instance;
    nvmlDeviceGetAttributes_v2: Attributes = |part| Attributes {
        units: [part.multiprocessors, 1, 1, 0, 1, 0, 3, 3],
        memory_mib: part.total_mib.at(0.0) as u64,
    };
}

/// `nvmlDeviceAttributes_t`.
#[repr(C)]
pub struct Attributes {
    /// Multiprocessors, engines for copies, decoding, encoding, JPEG, optical flow, slices.
    units: [u32; 8],
    memory_mib: u64,
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceIsMigDeviceHandle(device: Handle, out: *mut u32) -> Code {
    anywhere("nvmlDeviceIsMigDeviceHandle", device, |place, _| {
        put(out, u32::from(place.part.is_some()))
    })
}

// -- Events -------------------------------------------------------------------------------------

/// `nvmlEventData_t`.
#[repr(C)]
pub struct EventData {
    device: Handle,
    kind: u64,
    data: u64,
    instance: u32,
    compute_instance: u32,
}

/// Errors that the driver reports.
const XID: u64 = 8;
/// The one set that there is.
const EVENTS: usize = 0x4e58_0000;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetCreate(out: *mut Handle) -> Code {
    globally("nvmlEventSetCreate", |_, _| put(out, EVENTS as Handle))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetFree(set: Handle) -> Code {
    globally("nvmlEventSetFree", |_, _| is_set(set))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceRegisterEvents(device: Handle, kinds: u64, set: Handle) -> Code {
    locally("nvmlDeviceRegisterEvents", device, |_, _| {
        is_set(set)?;
        if kinds & !XID == 0 { Ok(()) } else { Err(code::NOT_SUPPORTED) }
    })
}

/// Nobody is made to wait here: a monitor that asks for a wait on the thread that reads the rest has
/// a fault of its own, which the list of calls shows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlEventSetWait_v2(
    set: Handle,
    out: *mut EventData,
    timeout_ms: u32,
) -> Code {
    let symbol = if timeout_ms == 0 { "nvmlEventSetWait_v2" } else { "nvmlEventSetWait_v2:waits" };
    globally(symbol, |stage, now| {
        is_set(set)?;
        let (place, data) = stage.event(now).ok_or(code::TIMEOUT)?;
        let device = (FIRST_HANDLE + place) as Handle;
        let none = NO_INSTANCE;
        put(out, EventData { device, kind: XID, data, instance: none, compute_instance: none })
    })
}

fn is_set(set: Handle) -> Result<(), Code> {
    if set as usize == EVENTS { Ok(()) } else { Err(code::INVALID_ARGUMENT) }
}

// -- Memory -------------------------------------------------------------------------------------

/// `nvmlMemory_t`.
#[repr(C)]
pub struct Memory {
    total: u64,
    free: u64,
    used: u64,
}

/// `nvmlMemory_v2_t`.
#[repr(C)]
pub struct MemoryV2 {
    version: u32,
    total: u64,
    reserved: u64,
    free: u64,
    used: u64,
}

/// Total, reserved, used by processes and others.
fn memory(place: Place, now: f64) -> [u64; 3] {
    let held = |of: Option<usize>| {
        let on = present(place.device, now);
        let on = on.filter(move |process| of.is_none() || process.part == of);
        on.map(|process| process.memory_mib.at(now).max(0.0)).sum::<f64>()
    };
    let mib = match place.part {
        Some((number, part)) => {
            [part.total_mib.at(now), 0.0, part.other_mib.at(now) + held(Some(number))]
        }
        None => {
            let device = place.device;
            let used = device.other_mib.at(now) + held(None);
            [device.total_mib.at(now), device.reserved_mib.at(now), used]
        }
    };
    mib.map(|mib| (mib * MIB) as u64)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo(device: Handle, out: *mut Memory) -> Code {
    anywhere("nvmlDeviceGetMemoryInfo", device, |place, now| {
        // The first version counts what the driver keeps for itself as used.
        let [total, reserved, used] = memory(place, now);
        let used = used + reserved;
        put(out, Memory { total, free: total.saturating_sub(used), used })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: Handle, out: *mut MemoryV2) -> Code {
    anywhere("nvmlDeviceGetMemoryInfo_v2", device, |place, now| {
        // SAFETY: the caller gives a struct of which at least the version is set.
        let version = unsafe { (&raw const (*out).version).read() };
        if version != versioned::<MemoryV2>(2) {
            return Err(code::ARGUMENT_VERSION_MISMATCH);
        }
        let [total, reserved, used] = memory(place, now);
        let free = total.saturating_sub(used + reserved);
        put(out, MemoryV2 { version, total, reserved, free, used })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetBAR1MemoryInfo(device: Handle, out: *mut [u64; 3]) -> Code {
    locally("nvmlDeviceGetBAR1MemoryInfo", device, |_, _| put(out, [1 << 37, 1 << 37, 0]))
}

// -- Processes ----------------------------------------------------------------------------------

fn present(device: &Device, now: f64) -> impl Iterator<Item = &Process> {
    device.processes.iter().filter(move |process| (process.from..process.until).contains(&now))
}

/// Fills a list whose size is asked for and told through `count`, or deceives about it.
fn deceive<T>(lie: Lie, found: Vec<T>, count: *mut u32, out: *mut T) -> Result<(), Code> {
    let (room, known) = (count, found.len() as u32);
    match lie {
        Lie::None => fill(found, count, out),
        Lie::Grows => {
            // SAFETY: the caller gives a number.
            put(count, unsafe { room.read() } + 1)?;
            Err(code::INSUFFICIENT_SIZE)
        }
        Lie::Overfull => {
            fill(found, count, out)?;
            put(count, known + 1000)
        }
    }
}

/// Fills a list whose size is asked for and told through `count`.
fn fill<T>(found: Vec<T>, count: *mut u32, out: *mut T) -> Result<(), Code> {
    if count.is_null() {
        return Err(code::INVALID_ARGUMENT);
    }
    // SAFETY: the caller gives a number.
    let room = unsafe { count.read() } as usize;
    put(count, found.len() as u32)?;
    if found.len() > room {
        return Err(code::INSUFFICIENT_SIZE);
    }
    if found.is_empty() {
        return Ok(());
    }
    if out.is_null() {
        return Err(code::INVALID_ARGUMENT);
    }
    for (place, value) in found.into_iter().enumerate() {
        // SAFETY: the caller says that there is room for as many as are found.
        unsafe { out.add(place).write(value) };
    }
    Ok(())
}

/// `nvmlProcessInfo_v1_t`.
#[repr(C)]
pub struct ProcessInfoV1 {
    pid: u32,
    used: u64,
}

/// `nvmlProcessInfo_v2_t`, which version 3 of the calls fills too.
#[repr(C)]
pub struct ProcessInfoV2 {
    pid: u32,
    used: u64,
    instance: u32,
    compute_instance: u32,
}

/// What version 3 filled from driver 535.43 to before 535.86.
#[repr(C)]
pub struct ProcessInfoWide {
    narrow: ProcessInfoV2,
    protected: u64,
}

/// Pid, bytes and part of each process of one list.
fn listed(place: Place, now: f64, list: &str) -> Vec<ProcessInfoV2> {
    let bytes = |mib: f64| if mib < 0.0 { UNKNOWN_BYTES } else { (mib * MIB) as u64 };
    let own = place.part.map(|(number, _)| number);
    present(place.device, now)
        .filter(|process| process.lists.iter().any(|name| name == list))
        .filter(|process| own.is_none() || process.part == own)
        .map(|process| {
            let divided = place.device.is_divided(now);
            let part = process.part.filter(|_| divided);
            let part = part.and_then(|part| place.device.parts.get(part));
            ProcessInfoV2 {
                pid: process.pid,
                used: bytes(process.memory_mib.at(now)),
                instance: part.map_or(NO_INSTANCE, |part| part.instance),
                compute_instance: part.map_or(NO_INSTANCE, |part| part.compute_instance),
            }
        })
        .collect()
}

/// How a list deceives.
fn lie(symbol: &str, device: Handle, now: f64) -> Lie {
    stage().map_or(Lie::None, |stage| stage.lie(symbol, index(device), now))
}

macro_rules! lists {
    ($($list:literal $v1:ident $v2:ident $v3:ident;)*) => { $(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $v1(device: Handle, n: *mut u32, out: *mut ProcessInfoV1) -> Code {
            anywhere(stringify!($v1), device, |place, now| {
                let found = listed(place, now, $list).into_iter();
                let old = found.map(|info| ProcessInfoV1 { pid: info.pid, used: info.used });
                deceive(lie(stringify!($v1), device, now), old.collect(), n, out)
            })
        }

        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $v2(device: Handle, n: *mut u32, out: *mut ProcessInfoV2) -> Code {
            anywhere(stringify!($v2), device, |place, now| {
                deceive(lie(stringify!($v2), device, now), listed(place, now, $list), n, out)
            })
        }

        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $v3(device: Handle, n: *mut u32, out: *mut c_void) -> Code {
            let version = stage().map_or((0, 0), |stage| stage.scenario.version());
            anywhere(stringify!($v3), device, |place, now| {
                let found = listed(place, now, $list);
                let lie = lie(stringify!($v3), device, now);
                if ((535, 43)..(535, 86)).contains(&version) {
                    let wide = found.into_iter();
                    let wide = wide.map(|narrow| ProcessInfoWide { narrow, protected: 0 });
                    deceive(lie, wide.collect(), n, out.cast())
                } else {
                    deceive(lie, found, n, out.cast())
                }
            })
        }
    )* };
}

lists! {
    "compute" nvmlDeviceGetComputeRunningProcesses nvmlDeviceGetComputeRunningProcesses_v2
        nvmlDeviceGetComputeRunningProcesses_v3;
    "graphics" nvmlDeviceGetGraphicsRunningProcesses nvmlDeviceGetGraphicsRunningProcesses_v2
        nvmlDeviceGetGraphicsRunningProcesses_v3;
    "mps" nvmlDeviceGetMPSComputeRunningProcesses nvmlDeviceGetMPSComputeRunningProcesses_v2
        nvmlDeviceGetMPSComputeRunningProcesses_v3;
}

/// `nvmlProcessDetail_v1_t`.
#[repr(C)]
pub struct ProcessDetail {
    pid: u32,
    used: u64,
    instance: u32,
    compute_instance: u32,
    protected: u64,
}

/// `nvmlProcessDetailList_v1_t`.
#[repr(C)]
pub struct ProcessDetails {
    version: u32,
    mode: u32,
    count: u32,
    list: *mut ProcessDetail,
}

/// Modes 0 to 2 are one list each, 3 is all of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetRunningProcessDetailList(
    device: Handle,
    out: *mut ProcessDetails,
) -> Code {
    anywhere("nvmlDeviceGetRunningProcessDetailList", device, |place, now| {
        // SAFETY: the caller gives a struct with its version set.
        let asked = unsafe { out.as_mut() }.ok_or(code::INVALID_ARGUMENT)?;
        if asked.version != versioned::<ProcessDetails>(1) {
            return Err(code::ARGUMENT_VERSION_MISMATCH);
        }
        let lists: &[&str] = match asked.mode {
            0 => &["compute"],
            1 => &["graphics"],
            2 => &["mps"],
            3 => &["compute", "graphics", "mps"],
            _ => return Err(code::INVALID_ARGUMENT),
        };
        let found = lists.iter().flat_map(|list| listed(place, now, list));
        let found = found.map(|info| ProcessDetail {
            pid: info.pid,
            used: info.used,
            instance: info.instance,
            compute_instance: info.compute_instance,
            protected: 0,
        });
        fill(found.collect(), &raw mut asked.count, asked.list)
    })
}

/// `nvmlProcessUtilizationSample_t`.
#[repr(C)]
pub struct UtilizationSample {
    pid: u32,
    time_us: u64,
    sm: u32,
    memory: u32,
    encoder: u32,
    decoder: u32,
}

/// `nvmlProcessUtilizationInfo_v1_t`.
#[repr(C)]
pub struct UtilizationInfo {
    time_us: u64,
    pid: u32,
    sm: u32,
    memory: u32,
    encoder: u32,
    decoder: u32,
    jpeg: u32,
    optical_flow: u32,
}

/// `nvmlProcessesUtilizationInfo_v1_t`.
#[repr(C)]
pub struct UtilizationInfos {
    version: u32,
    count: u32,
    last_seen_us: u64,
    samples: *mut UtilizationInfo,
}

/// The driver takes a sample twice a second.
const SAMPLE_US: u64 = 500_000;
/// Where the driver's clock stands at the start.
const CLOCK_US: u64 = 1_700_000_000_000_000;

/// When samples were taken after `last_us` and up to now, five at most, and of whom.
fn sampled(
    device: &'static Device,
    now: f64,
    last_us: u64,
) -> Vec<(u64, &'static Process, u32, u32)> {
    let newest = (now * 1e6) as u64 / SAMPLE_US;
    let times = newest.saturating_sub(4)..=newest;
    times
        .map(|number| number * SAMPLE_US)
        .filter(|&us| us > 0 && CLOCK_US + us > last_us)
        .flat_map(|us| {
            let at = us as f64 / 1e6;
            let busy = present(device, at).filter(move |process| process.sm_percent.at(at) > 0.0);
            busy.map(move |process| {
                let (sm, memory) = (process.sm_percent.at(at), process.memory_percent.at(at));
                (CLOCK_US + us, process, sm as u32, memory as u32)
            })
        })
        .collect()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetProcessUtilization(
    device: Handle,
    out: *mut UtilizationSample,
    count: *mut u32,
    last_us: u64,
) -> Code {
    let version = stage().map_or((0, 0), |stage| stage.scenario.version());
    locally("nvmlDeviceGetProcessUtilization", device, |device, now| {
        whole(device, now)?;
        if out.is_null() {
            // Asked for its size alone it says 100, even where nothing runs.
            put(count, 100)?;
            return Err(code::INSUFFICIENT_SIZE);
        }
        // From 580.159 on it finds nothing; the newer call does.
        let found = if version >= (580, 159) { Vec::new() } else { sampled(device, now, last_us) };
        if found.is_empty() {
            return Err(code::NOT_FOUND);
        }
        let samples = found.into_iter().map(|(time_us, process, sm, memory)| UtilizationSample {
            pid: process.pid,
            time_us,
            sm,
            memory,
            encoder: 0,
            decoder: 0,
        });
        fill(samples.collect(), count, out)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetProcessesUtilizationInfo(
    device: Handle,
    out: *mut UtilizationInfos,
) -> Code {
    locally("nvmlDeviceGetProcessesUtilizationInfo", device, |device, now| {
        whole(device, now)?;
        // SAFETY: the caller gives a struct with its version set.
        let asked = unsafe { out.as_mut() }.ok_or(code::INVALID_ARGUMENT)?;
        if asked.version != versioned::<UtilizationInfos>(1) {
            return Err(code::ARGUMENT_VERSION_MISMATCH);
        }
        let found = sampled(device, now, asked.last_seen_us);
        if found.is_empty() {
            return Err(code::NOT_FOUND);
        }
        let samples = found.into_iter().map(|(time_us, process, sm, memory)| UtilizationInfo {
            time_us,
            pid: process.pid,
            sm,
            memory,
            encoder: 0,
            decoder: 0,
            jpeg: 0,
            optical_flow: 0,
        });
        fill(samples.collect(), &raw mut asked.count, asked.samples)
    })
}

// -- Fields -------------------------------------------------------------------------------------

/// `nvmlFieldValue_t`.
#[repr(C)]
pub struct FieldValue {
    id: u32,
    scope: u32,
    time_us: i64,
    latency_us: i64,
    kind: u32,
    code: u32,
    value: u64,
}

/// What type a field's value has.
const UNSIGNED_INT: u32 = 1;
const UNSIGNED_LONG_LONG: u32 = 3;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetFieldValues(
    device: Handle,
    count: i32,
    fields: *mut FieldValue,
) -> Code {
    let version = stage().map_or((0, 0), |stage| stage.scenario.version());
    locally("nvmlDeviceGetFieldValues", device, |device, now| {
        let count = usize::try_from(count).map_err(|_| code::INVALID_ARGUMENT)?;
        if fields.is_null() {
            return Err(code::INVALID_ARGUMENT);
        }
        // SAFETY: the caller gives that many fields.
        for field in unsafe { std::slice::from_raw_parts_mut(fields, count) } {
            let at = if field.id == 83 { device.energy(now).1 } else { now };
            field.time_us = (at * 1e6).round() as i64;
            match value(device, now, (field.id, field.scope), version) {
                Some((kind, value)) => {
                    (field.kind, field.value, field.code) = (kind, value, code::SUCCESS);
                }
                None => field.code = code::NOT_SUPPORTED,
            }
        }
        Ok(())
    })
}

fn value(
    device: &Device,
    now: f64,
    (id, scope): (u32, u32),
    version: (u32, u32),
) -> Option<(u32, u64)> {
    // Reasons for which clocks are held down got other numbers in 580.82.
    let counters = if version >= (580, 82) { 269 } else { 251 };
    let held = |bit: u64| (bit & device.reasons.at(now) as u64 != 0).then_some(now * 1e9);
    let whole = |curve: &crate::scenario::Curve| Some((UNSIGNED_INT, curve.at(now) as u64));
    let counted = |bytes: f64| {
        let bytes = bytes as u64;
        let kept = if device.pcie_wraps { bytes & u64::from(u32::MAX) } else { bytes };
        Some((UNSIGNED_LONG_LONG, kept))
    };
    let counter = |seconds: Option<f64>| {
        Some((UNSIGNED_LONG_LONG, seconds.map_or(0, |nanoseconds| nanoseconds as u64)))
    };
    match id {
        74 => counter(held(0x4)),
        75 => counter(held(0x20)),
        _ if id == counters => counter(held(0x20)),
        _ if id == counters + 1 => counter(held(0x40)),
        _ if id == counters + 2 => counter(held(0x80)),
        82 => {
            let celsius = device.memory_temperature_celsius.as_ref()?.at(now);
            Some((UNSIGNED_INT, celsius as u64))
        }
        83 => Some((UNSIGNED_LONG_LONG, (device.energy(now).0 * 1e3) as u64)),
        // The mean of a second, and what it draws now.
        185 | 186 => Some((UNSIGNED_INT, (device.power_watts.at(now) * 1e3) as u64)),
        197 => counted(device.pcie_sent_bytes_per_second.sum(now)),
        198 => counted(device.pcie_received_bytes_per_second.sum(now)),
        94 => whole(&device.pcie_replays),
        142 => whole(&device.remapped_corrected),
        143 => whole(&device.remapped_uncorrected),
        144 => whole(&device.remap_pending),
        145 => whole(&device.remap_failed),
        230 => whole(&device.recovery),
        91 => Some((UNSIGNED_INT, u64::from(device.nvlinks))),
        138 | 139 | 202 | 204 if device.nvlinks == 0 => None,
        // From the fifth generation on in bytes.
        138 | 139 if device.name.contains("B200") => None,
        202 | 204 if !device.name.contains("B200") => None,
        138 | 202 | 139 | 204 => {
            let sent = matches!(id, 138 | 202);
            let curve = if sent {
                &device.nvlink_sent_bytes_per_second
            } else {
                &device.nvlink_received_bytes_per_second
            };
            let all = curve.sum(now) / if id < 200 { 1024.0 } else { 1.0 };
            let share = if scope == u32::MAX { 1.0 } else { f64::from(device.nvlinks) };
            Some((UNSIGNED_LONG_LONG, (all / share) as u64))
        }
        164 if scope < device.nvlinks => Some((UNSIGNED_INT, 26_562)),
        165 if scope < device.nvlinks => {
            let up = scope >= device.nvlinks_down.at(now) as u32;
            Some((UNSIGNED_INT, u64::from(up)))
        }
        _ => None,
    }
}

// -- Cycles -------------------------------------------------------------------------------------

/// `nvmlGpmSupport_t`.
#[repr(C)]
pub struct GpmSupport {
    version: u32,
    supported: u32,
}

/// `nvmlGpmMetric_t`.
#[repr(C)]
pub struct GpmMetric {
    id: u32,
    code: u32,
    value: f64,
    names: [*const c_char; 3],
}

/// The head of `nvmlGpmMetricsGet_t`; metrics follow, as many as the caller's header has room for.
#[repr(C)]
pub struct GpmMetrics {
    version: u32,
    count: u32,
    samples: [*mut GpmSample; 2],
    metrics: [GpmMetric; 0],
}

/// What is behind a sample: whose and when.
pub struct GpmSample(Option<(usize, Option<usize>, f64)>);

/// Whose `/proc/self` it is, whose process it is.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmQueryDeviceSupport(device: Handle, out: *mut GpmSupport) -> Code {
    anywhere("nvmlGpmQueryDeviceSupport", device, |Place { device, .. }, _| {
        // SAFETY: the caller gives a struct with its version set.
        let asked = unsafe { out.as_mut() }.ok_or(code::INVALID_ARGUMENT)?;
        if asked.version != 1 {
            return Err(code::ARGUMENT_VERSION_MISMATCH);
        }
        asked.supported = u32::from(device.gpm);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmSampleAlloc(out: *mut *mut GpmSample) -> Code {
    globally("nvmlGpmSampleAlloc", |_, _| put(out, Box::into_raw(Box::new(GpmSample(None)))))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmSampleFree(sample: *mut GpmSample) -> Code {
    globally("nvmlGpmSampleFree", |_, _| {
        if sample.is_null() {
            return Err(code::INVALID_ARGUMENT);
        }
        // SAFETY: the caller got it from nvmlGpmSampleAlloc and does not use it again.
        drop(unsafe { Box::from_raw(sample) });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmSampleGet(device: Handle, sample: *mut GpmSample) -> Code {
    locally("nvmlGpmSampleGet", device, |known, now| {
        if !known.gpm {
            return Err(code::NOT_SUPPORTED);
        }
        if known.gpm_root_only && !is_root() {
            return Err(code::NO_PERMISSION);
        }
        // SAFETY: the caller got it from nvmlGpmSampleAlloc.
        let sample = unsafe { sample.as_mut() }.ok_or(code::INVALID_ARGUMENT)?;
        whole(known, now)?;
        sample.0 = index(device).map(|place| (place, None, now));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmMigSampleGet(
    device: Handle,
    instance: u32,
    sample: *mut GpmSample,
) -> Code {
    locally("nvmlGpmMigSampleGet", device, |known, now| {
        let part = known.parts.iter().position(|part| part.instance == instance);
        let part = part.filter(|_| known.gpm && known.is_divided(now));
        // SAFETY: the caller got it from nvmlGpmSampleAlloc.
        let sample = unsafe { sample.as_mut() }.ok_or(code::INVALID_ARGUMENT)?;
        let place = index(device).unwrap_or(0);
        sample.0 = Some((place, Some(part.ok_or(code::INVALID_ARGUMENT)?), now));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmMetricsGet(out: *mut GpmMetrics) -> Code {
    globally("nvmlGpmMetricsGet", |stage, _| {
        // SAFETY: the caller gives a struct whose head is set.
        let asked = unsafe { out.as_mut() }.ok_or(code::INVALID_ARGUMENT)?;
        if asked.version != 1 {
            return Err(code::ARGUMENT_VERSION_MISMATCH);
        }
        // SAFETY: both samples come from nvmlGpmSampleAlloc.
        let taken = asked.samples.map(|sample| unsafe { sample.as_ref() }.and_then(|s| s.0));
        let [Some((first, part, from)), Some((second, other, to))] = taken else {
            return Err(code::INVALID_ARGUMENT);
        };
        let same = (first, part) == (second, other) && to > from;
        let device = stage.scenario.devices.get(first).filter(|_| same);
        let device = device.ok_or(code::INVALID_ARGUMENT)?;
        let metrics = asked.metrics.as_mut_ptr();
        for place in 0..asked.count as usize {
            // SAFETY: the caller's struct holds as many metrics as it counts.
            let metric = unsafe { &mut *metrics.add(place) };
            let part = part.and_then(|part| device.parts.get(part));
            let missing = device.gpm_missing.iter().any(|id| *id == metric.id.to_string());
            let curve = match metric.id {
                _ if missing => None,
                1 | 2 if part.is_some() => part.map(|part| &part.shader_percent),
                1 | 2 => Some(&device.gpu_percent),
                3 => Some(&device.occupancy_percent),
                5 | 7 => Some(&device.tensor_percent),
                10 => Some(&device.dram_percent),
                11 => Some(&device.fp64_percent),
                12 => Some(&device.fp32_percent),
                13 => Some(&device.fp16_percent),
                _ => None,
            };
            metric.code = if curve.is_some() { code::SUCCESS } else { code::NOT_SUPPORTED };
            // The mean over the time between the two samples.
            let mean = |sum: [f64; 2]| (sum[1] - sum[0]) / (to - from);
            metric.value = curve.map_or(0.0, |curve| mean([from, to].map(|at| curve.sum(at))));
        }
        Ok(())
    })
}
