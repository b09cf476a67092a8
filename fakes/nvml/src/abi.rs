//! The C symbols. Layouts and codes are those of `nvml.h`, API version 13.
#![allow(non_snake_case, reason = "the names are NVIDIA's")]
#![allow(clippy::missing_safety_doc, reason = "callers are C programs; the header says what holds")]

use std::ffi::{c_char, c_void};

use crate::scenario::{Device, Process};
use crate::stage::{Stage, code, stage};

type Code = u32;

/// A device is a pointer to callers; here it is a number that no address has.
type Handle = *mut c_void;
const FIRST_HANDLE: usize = 0x4e56_0000;

const MIB: f64 = 1024.0 * 1024.0;
const UNKNOWN_BYTES: u64 = u64::MAX;
/// `gpuInstanceId` of a process on a device that is not divided.
const NO_INSTANCE: u32 = u32::MAX;

fn index(device: Handle) -> Option<usize> {
    (device as usize).checked_sub(FIRST_HANDLE)
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
    let Some(stage) = stage() else { return code::UNKNOWN };
    let place = index(device);
    let outcome = stage.call(symbol, place);
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
    let place = place as usize;
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
    ($($symbol:ident = |$device:ident| $text:expr;)*) => { $(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $symbol(device: Handle, out: *mut c_char, length: u32) -> Code {
            locally(stringify!($symbol), device, |$device, _| put_text(out, length, &$text))
        }
    )* };
}

texts! {
    nvmlDeviceGetName = |device| device.name;
    nvmlDeviceGetUUID = |device| device.uuid;
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
    nvmlDeviceGetTotalEnergyConsumption: u64 = |device, now| (device.power_watts.sum(now) * 1e3) as u64;
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
    nvmlDeviceGetNumFans: u32 = |device, _now| u32::from(device.fan_percent.is_some());
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetIndex(device: Handle, out: *mut u32) -> Code {
    locally("nvmlDeviceGetIndex", device, |_, _| put(out, index(device).unwrap_or(0) as u32))
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
    locally("nvmlDeviceGetMigMode", device, |_, _| {
        put(now, 0)?;
        put(pending, 0)
    })
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
fn memory(device: &Device, now: f64) -> [u64; 3] {
    let used: f64 = present(device, now).map(|process| process.memory_mib.at(now).max(0.0)).sum();
    let used = used + device.other_mib.at(now);
    [device.total_mib.at(now), device.reserved_mib.at(now), used].map(|mib| (mib * MIB) as u64)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo(device: Handle, out: *mut Memory) -> Code {
    locally("nvmlDeviceGetMemoryInfo", device, |device, now| {
        // The first version counts what the driver keeps for itself as used.
        let [total, reserved, used] = memory(device, now);
        let used = used + reserved;
        put(out, Memory { total, free: total.saturating_sub(used), used })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: Handle, out: *mut MemoryV2) -> Code {
    locally("nvmlDeviceGetMemoryInfo_v2", device, |device, now| {
        // SAFETY: the caller gives a struct of which at least the version is set.
        let version = unsafe { (&raw const (*out).version).read() };
        if version != versioned::<MemoryV2>(2) {
            return Err(code::ARGUMENT_VERSION_MISMATCH);
        }
        let [total, reserved, used] = memory(device, now);
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

/// Pids and bytes of one list.
fn listed(device: &Device, now: f64, list: &str) -> Vec<(u32, u64)> {
    let bytes = |mib: f64| if mib < 0.0 { UNKNOWN_BYTES } else { (mib * MIB) as u64 };
    present(device, now)
        .filter(|process| process.lists.iter().any(|name| name == list))
        .map(|process| (process.pid, bytes(process.memory_mib.at(now))))
        .collect()
}

fn narrow((pid, used): (u32, u64)) -> ProcessInfoV2 {
    ProcessInfoV2 { pid, used, instance: NO_INSTANCE, compute_instance: NO_INSTANCE }
}

macro_rules! lists {
    ($($list:literal $v1:ident $v2:ident $v3:ident;)*) => { $(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $v1(device: Handle, n: *mut u32, out: *mut ProcessInfoV1) -> Code {
            locally(stringify!($v1), device, |device, now| {
                let found = listed(device, now, $list);
                fill(found.into_iter().map(|(pid, used)| ProcessInfoV1 { pid, used }).collect(), n, out)
            })
        }

        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $v2(device: Handle, n: *mut u32, out: *mut ProcessInfoV2) -> Code {
            locally(stringify!($v2), device, |device, now| {
                fill(listed(device, now, $list).into_iter().map(narrow).collect(), n, out)
            })
        }

        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $v3(device: Handle, n: *mut u32, out: *mut c_void) -> Code {
            let version = stage().map_or((0, 0), |stage| stage.scenario.version());
            locally(stringify!($v3), device, |device, now| {
                let found = listed(device, now, $list).into_iter().map(narrow);
                if ((535, 43)..(535, 86)).contains(&version) {
                    let wide = found.map(|narrow| ProcessInfoWide { narrow, protected: 0 });
                    fill(wide.collect(), n, out.cast())
                } else {
                    fill(found.collect(), n, out.cast())
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
            field.time_us = (now * 1e6) as i64;
            match value(device, now, field.id, version) {
                Some((kind, value)) => {
                    (field.kind, field.value, field.code) = (kind, value, code::SUCCESS);
                }
                None => field.code = code::NOT_SUPPORTED,
            }
        }
        Ok(())
    })
}

fn value(device: &Device, now: f64, id: u32, version: (u32, u32)) -> Option<(u32, u64)> {
    // Reasons for which clocks are held down got other numbers in 580.82.
    let counters = if version >= (580, 82) { 269 } else { 251 };
    let held = |bit: u64| (bit & device.reasons.at(now) as u64 != 0).then_some(now * 1e9);
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
        83 => Some((UNSIGNED_LONG_LONG, (device.power_watts.sum(now) * 1e3) as u64)),
        197 => Some((UNSIGNED_LONG_LONG, device.pcie_sent_bytes_per_second.sum(now) as u64)),
        198 => Some((UNSIGNED_LONG_LONG, device.pcie_received_bytes_per_second.sum(now) as u64)),
        142..=145 => Some((UNSIGNED_INT, 0)),
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
pub struct GpmSample(Option<(usize, f64)>);

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmQueryDeviceSupport(device: Handle, out: *mut GpmSupport) -> Code {
    locally("nvmlGpmQueryDeviceSupport", device, |device, _| {
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
        // SAFETY: the caller got it from nvmlGpmSampleAlloc.
        let sample = unsafe { sample.as_mut() }.ok_or(code::INVALID_ARGUMENT)?;
        sample.0 = index(device).map(|place| (place, now));
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
        let [Some((first, from)), Some((second, to))] = taken else {
            return Err(code::INVALID_ARGUMENT);
        };
        let device = stage.scenario.devices.get(first).filter(|_| first == second && to > from);
        let device = device.ok_or(code::INVALID_ARGUMENT)?;
        let metrics = asked.metrics.as_mut_ptr();
        for place in 0..asked.count as usize {
            // SAFETY: the caller's struct holds as many metrics as it counts.
            let metric = unsafe { &mut *metrics.add(place) };
            let curve = match metric.id {
                1 | 2 => Some(&device.gpu_percent),
                3 => Some(&device.occupancy_percent),
                5 | 7 => Some(&device.tensor_percent),
                10 => Some(&device.dram_percent),
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
