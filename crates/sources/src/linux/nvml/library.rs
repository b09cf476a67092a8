//! The library, opened at run time, with what each of its calls costs.
//!
//! No symbol is required but the one that begins: drivers from 470 on differ in what they have.

use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::path::Path;

use libloading::os::unix::Library as Linked;
use retop_model::Clock;

use super::abi::*;

/// A symbol that may be missing, and what its calls have cost.
pub struct Symbol<F> {
    pub name: &'static str,
    function: Option<F>,
    total: Cell<Cost>,
    spread: Spread,
}

/// What the calls of one symbol have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub calls: u64,
    pub total_ns: u64,
    pub worst_ns: u64,
    /// What half of the calls took at most, and 99 of 100; none before the first.
    pub median_ns: Option<u64>,
    pub p99_ns: Option<u64>,
}

/// Steps in which the time of a call doubles.
const STEPS: usize = 4;
/// Places for calls up to 17 s; what takes longer is in the last.
const PLACES: usize = 34 * STEPS;

/// How many calls took how long, each known to a fifth. Not in the symbol itself: the table of all
/// of them passes over the stack of a thread that has 256 KiB.
struct Spread(Box<[Cell<u32>]>);

impl Spread {
    fn new() -> Spread {
        Spread(vec![Cell::new(0); PLACES].into())
    }

    fn add(&self, taken_ns: u64) {
        let place = (taken_ns.max(1) as f64).log2() * STEPS as f64;
        if let Some(count) = self.0.get((place as usize).min(PLACES - 1)) {
            count.set(count.get().saturating_add(1));
        }
    }

    /// What a share of the calls took at most.
    fn at(&self, share: f64) -> Option<u64> {
        let all: u64 = self.0.iter().map(|count| u64::from(count.get())).sum();
        let wanted = (all as f64 * share).ceil().max(1.0) as u64;
        let mut passed = 0;
        let place = self.0.iter().position(|count| {
            passed += u64::from(count.get());
            passed >= wanted
        });
        place.map(|place| 2.0_f64.powf((place as f64 + 0.5) / STEPS as f64).round() as u64)
    }
}

impl<F: Copy> Symbol<F> {
    fn find(library: &Linked, name: &'static str) -> Symbol<F> {
        let mut symbol = name.as_bytes().to_vec();
        symbol.push(0);
        // SAFETY: the name is one of the table below, where it stands beside the signature that
        // the header gives it.
        let function = unsafe { library.get::<F>(symbol.as_slice()) };
        let function = function.ok().map(|found| *found);
        Symbol { name, function, total: Cell::default(), spread: Spread::new() }
    }

    /// What its calls have cost so far.
    pub fn cost(&self) -> Cost {
        let total = self.total.get();
        // A place is known to a fifth, the longest to the nanosecond.
        let within = |share| self.spread.at(share).map(|ns| ns.min(total.worst_ns));
        Cost { median_ns: within(0.5), p99_ns: within(0.99), ..total }
    }

    /// Calls so far, and what they took together.
    pub fn spent(&self) -> (u64, u64) {
        let total = self.total.get();
        (total.calls, total.total_ns)
    }

    pub fn is_there(&self) -> bool {
        self.function.is_some()
    }

    /// Calls it by way of `body`, and notes what that cost.
    pub fn call(&self, clock: &dyn Clock, body: impl FnOnce(F) -> Code) -> Result<(), Code> {
        let Some(function) = self.function else { return Err(FUNCTION_NOT_FOUND) };
        let begin_ns = clock.monotonic_ns();
        let code = body(function);
        let taken_ns = clock.monotonic_ns().saturating_sub(begin_ns);
        let mut total = self.total.get();
        total.calls += 1;
        total.total_ns += taken_ns;
        total.worst_ns = total.worst_ns.max(taken_ns);
        self.total.set(total);
        self.spread.add(taken_ns);
        if code == SUCCESS { Ok(()) } else { Err(code) }
    }
}

/// A call that writes one value about a device.
pub type Getter<T> = unsafe extern "C" fn(Handle, *mut T) -> Code;
/// The same with a choice of which value.
pub type Chooser<T> = unsafe extern "C" fn(Handle, u32, *mut T) -> Code;
/// A call that writes a text about a device.
pub type TextGetter = unsafe extern "C" fn(Handle, *mut c_char, u32) -> Code;
/// A call that fills a list whose size goes in and comes out.
pub type Lister<T> = unsafe extern "C" fn(Handle, *mut u32, *mut T) -> Code;
/// A call that writes two numbers: a share and the time that it is of, a mode and the one to come.
pub type PairGetter = unsafe extern "C" fn(Handle, *mut u32, *mut u32) -> Code;

impl<T: Copy> Symbol<Getter<T>> {
    /// The value; `initial` is what the library is given to write over.
    pub fn get(&self, clock: &dyn Clock, device: Handle, initial: T) -> Result<T, Code> {
        let mut value = initial;
        // SAFETY: the library writes one value of the type that its signature names.
        self.call(clock, |function| unsafe { function(device, &raw mut value) })?;
        Ok(value)
    }
}

impl<T: Copy + Default> Symbol<Chooser<T>> {
    pub fn choose(&self, clock: &dyn Clock, device: Handle, which: u32) -> Result<T, Code> {
        let mut value = T::default();
        // SAFETY: as above.
        self.call(clock, |function| unsafe { function(device, which, &raw mut value) })?;
        Ok(value)
    }
}

impl Symbol<TextGetter> {
    pub fn text(&self, clock: &dyn Clock, device: Handle) -> Result<String, Code> {
        let mut bytes = [0u8; 128];
        let length = bytes.len() as u32;
        // SAFETY: the library writes at most the length that it is told.
        self.call(clock, |function| unsafe {
            function(device, bytes.as_mut_ptr().cast(), length)
        })?;
        Ok(text(&bytes))
    }
}

impl Symbol<PairGetter> {
    /// The first of the two.
    pub fn first(&self, clock: &dyn Clock, device: Handle) -> Result<u32, Code> {
        let (mut first, mut second) = (0, 0);
        // SAFETY: the library writes two numbers.
        self.call(clock, |function| unsafe { function(device, &raw mut first, &raw mut second) })?;
        Ok(first)
    }
}

impl<T: Copy + Default> Symbol<Lister<T>> {
    /// The list. What runs may grow between the question for its size and its being filled in, so
    /// the size is guessed and the call made again with more room: three times, then it is too much.
    pub fn list(&self, clock: &dyn Clock, device: Handle) -> Result<Vec<T>, Code> {
        let mut room = 32;
        for _ in 0..4 {
            let mut list = vec![T::default(); room];
            let mut count = u32::try_from(room).unwrap_or(u32::MAX);
            // SAFETY: the list has room for `count` values.
            let answer = self.call(clock, |function| unsafe {
                function(device, &raw mut count, list.as_mut_ptr())
            });
            match answer {
                Ok(()) => {
                    // A library that says that it wrote more than there was room for is not
                    // believed.
                    list.truncate(count as usize);
                    return Ok(list);
                }
                Err(INSUFFICIENT_SIZE) => room = (count as usize).min(1 << 16) * 2 + 5,
                Err(code) => return Err(code),
            }
        }
        Err(INSUFFICIENT_SIZE)
    }
}

/// The bytes up to the first 0, as text.
pub fn text(bytes: &[u8]) -> String {
    let text = CStr::from_bytes_until_nul(bytes).map(CStr::to_bytes).unwrap_or(bytes);
    String::from_utf8_lossy(text).into_owned()
}

macro_rules! symbols {
    ($($field:ident $name:ident: $type:ty;)*) => {
        /// What the library has.
        pub struct Symbols { $(pub $field: Symbol<$type>,)* }

        impl Symbols {
            fn find(library: &Linked) -> Symbols {
                Symbols { $($field: Symbol::find(library, stringify!($name)),)* }
            }

            /// Name, presence and cost of each.
            pub fn costs(&self) -> impl Iterator<Item = (&'static str, bool, Cost)> {
                [$((self.$field.name, self.$field.is_there(), self.$field.cost()),)*].into_iter()
            }

            /// Time that all calls took.
            pub fn total_ns(&self) -> u64 {
                [$(self.$field.total.get().total_ns,)*].into_iter().sum()
            }
        }
    };
}

symbols! {
    init nvmlInit_v2: unsafe extern "C" fn() -> Code;
    shutdown nvmlShutdown: unsafe extern "C" fn() -> Code;
    driver_version nvmlSystemGetDriverVersion: unsafe extern "C" fn(*mut c_char, u32) -> Code;
    count nvmlDeviceGetCount_v2: unsafe extern "C" fn(*mut u32) -> Code;
    by_index nvmlDeviceGetHandleByIndex_v2: unsafe extern "C" fn(u32, *mut Handle) -> Code;
    by_address nvmlDeviceGetHandleByPciBusId_v2:
        unsafe extern "C" fn(*const c_char, *mut Handle) -> Code;
    index nvmlDeviceGetIndex: Getter<u32>;
    name nvmlDeviceGetName: TextGetter;
    uuid nvmlDeviceGetUUID: TextGetter;
    pci nvmlDeviceGetPciInfo_v3: Getter<PciInfo>;
    utilization nvmlDeviceGetUtilizationRates: Getter<Utilization>;
    memory_v2 nvmlDeviceGetMemoryInfo_v2: Getter<MemoryV2>;
    memory nvmlDeviceGetMemoryInfo: Getter<Memory>;
    power nvmlDeviceGetPowerUsage: Getter<u32>;
    power_limit nvmlDeviceGetEnforcedPowerLimit: Getter<u32>;
    energy nvmlDeviceGetTotalEnergyConsumption: Getter<u64>;
    temperature nvmlDeviceGetTemperature: Chooser<u32>;
    clock nvmlDeviceGetClockInfo: Chooser<u32>;
    highest_clock nvmlDeviceGetMaxClockInfo: Chooser<u32>;
    performance_state nvmlDeviceGetPerformanceState: Getter<u32>;
    reasons nvmlDeviceGetCurrentClocksEventReasons: Getter<u64>;
    old_reasons nvmlDeviceGetCurrentClocksThrottleReasons: Getter<u64>;
    bar1 nvmlDeviceGetBAR1MemoryInfo: Getter<Bar1>;
    fan nvmlDeviceGetFanSpeed: Getter<u32>;
    encoder nvmlDeviceGetEncoderUtilization: PairGetter;
    decoder nvmlDeviceGetDecoderUtilization: PairGetter;
    link_generation nvmlDeviceGetCurrPcieLinkGeneration: Getter<u32>;
    link_width nvmlDeviceGetCurrPcieLinkWidth: Getter<u32>;
    ecc_errors nvmlDeviceGetTotalEccErrors:
        unsafe extern "C" fn(Handle, u32, u32, *mut u64) -> Code;
    fields nvmlDeviceGetFieldValues: unsafe extern "C" fn(Handle, i32, *mut FieldValue) -> Code;
    compute_v3 nvmlDeviceGetComputeRunningProcesses_v3: Lister<ProcessInfoV2>;
    compute_v2 nvmlDeviceGetComputeRunningProcesses_v2: Lister<ProcessInfoV2>;
    compute nvmlDeviceGetComputeRunningProcesses: Lister<ProcessInfoV1>;
    graphics_v3 nvmlDeviceGetGraphicsRunningProcesses_v3: Lister<ProcessInfoV2>;
    graphics_v2 nvmlDeviceGetGraphicsRunningProcesses_v2: Lister<ProcessInfoV2>;
    graphics nvmlDeviceGetGraphicsRunningProcesses: Lister<ProcessInfoV1>;
    mps_v3 nvmlDeviceGetMPSComputeRunningProcesses_v3: Lister<ProcessInfoV2>;
    mps_v2 nvmlDeviceGetMPSComputeRunningProcesses_v2: Lister<ProcessInfoV2>;
    mps nvmlDeviceGetMPSComputeRunningProcesses: Lister<ProcessInfoV1>;
    samples nvmlDeviceGetProcessUtilization:
        unsafe extern "C" fn(Handle, *mut UtilizationSample, *mut u32, u64) -> Code;
    infos nvmlDeviceGetProcessesUtilizationInfo: Getter<UtilizationInfos>;
    mig_mode nvmlDeviceGetMigMode: PairGetter;
    most_parts nvmlDeviceGetMaxMigDeviceCount: Getter<u32>;
    part nvmlDeviceGetMigDeviceHandleByIndex:
        unsafe extern "C" fn(Handle, u32, *mut Handle) -> Code;
    instance nvmlDeviceGetGpuInstanceId: Getter<u32>;
    compute_instance nvmlDeviceGetComputeInstanceId: Getter<u32>;
    attributes nvmlDeviceGetAttributes_v2: Getter<Attributes>;
    event_set nvmlEventSetCreate: unsafe extern "C" fn(*mut EventSet) -> Code;
    listen nvmlDeviceRegisterEvents: unsafe extern "C" fn(Handle, u64, EventSet) -> Code;
    event nvmlEventSetWait_v2: unsafe extern "C" fn(EventSet, *mut EventData, u32) -> Code;
    free_events nvmlEventSetFree: unsafe extern "C" fn(EventSet) -> Code;
    gpm_support nvmlGpmQueryDeviceSupport: Getter<GpmSupport>;
    gpm_alloc nvmlGpmSampleAlloc: unsafe extern "C" fn(*mut GpmSample) -> Code;
    gpm_free nvmlGpmSampleFree: unsafe extern "C" fn(GpmSample) -> Code;
    gpm_sample nvmlGpmSampleGet: unsafe extern "C" fn(Handle, GpmSample) -> Code;
    gpm_part_sample nvmlGpmMigSampleGet: unsafe extern "C" fn(Handle, u32, GpmSample) -> Code;
    gpm_metrics nvmlGpmMetricsGet: unsafe extern "C" fn(*mut GpmMetrics) -> Code;
}

/// The library, in use.
pub struct Library {
    pub symbols: Symbols,
    /// The driver's version: (580, 159).
    pub version: (u32, u32),
    /// `nvidia 580.159.03`.
    pub driver: String,
    // Last, so that it is closed after what points into it.
    _linked: Linked,
}

/// Why the library is of no use.
#[derive(Debug)]
pub enum Unusable {
    /// It is not there, or is none.
    NotOpened(String),
    /// It does not begin.
    Refused(Code),
}

impl Library {
    /// Opens and begins.
    pub fn open(path: &Path, clock: &dyn Clock) -> Result<Library, Unusable> {
        let flags = libc::RTLD_LAZY | libc::RTLD_LOCAL;
        // SAFETY: the vendor's library may be opened by anybody; its constructors have no
        // preconditions.
        let linked = unsafe { Linked::open(Some(path), flags) };
        let linked = linked.map_err(|error| Unusable::NotOpened(reason(&error)))?;
        let symbols = Symbols::find(&linked);
        // SAFETY: it has no preconditions.
        let begun = symbols.init.call(clock, |function| unsafe { function() });
        begun.map_err(Unusable::Refused)?;
        let mut version = [0u8; 96];
        let length = version.len() as u32;
        // SAFETY: the library writes at most the length that it is told.
        let named = symbols
            .driver_version
            .call(clock, |function| unsafe { function(version.as_mut_ptr().cast(), length) });
        let named = named.map_or_else(|_| String::new(), |()| text(&version));
        let mut parts = named.split('.').map(|part| part.parse().unwrap_or(0));
        let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        let driver = format!("nvidia {named}");
        Ok(Library { symbols, version, driver, _linked: linked })
    }

    /// How many devices there are.
    pub fn count(&self, clock: &dyn Clock) -> Result<u32, Code> {
        let mut count = 0;
        // SAFETY: the library writes one number.
        self.symbols.count.call(clock, |function| unsafe { function(&raw mut count) })?;
        Ok(count)
    }

    /// The device of that number.
    pub fn by_index(&self, clock: &dyn Clock, index: u32) -> Result<Handle, Code> {
        let mut handle = Handle::NONE;
        self.symbols.by_index.call(clock, |function| {
            // SAFETY: the library writes one handle.
            unsafe { function(index, &raw mut handle) }
        })?;
        Ok(handle)
    }

    /// The device at that PCI address.
    pub fn by_address(&self, clock: &dyn Clock, address: &CStr) -> Result<Handle, Code> {
        let mut handle = Handle::NONE;
        self.symbols.by_address.call(clock, |function| {
            // SAFETY: the library reads a C string and writes one handle.
            unsafe { function(address.as_ptr(), &raw mut handle) }
        })?;
        Ok(handle)
    }

    /// Ends the use. Not done when the program ends: a driver that hangs would keep it from that.
    pub fn close(self, clock: &dyn Clock) {
        // SAFETY: nothing of the library is used after this.
        let _ = self.symbols.shutdown.call(clock, |function| unsafe { function() });
    }
}

/// The linker's own words, which stand behind those of libloading.
fn reason(error: &libloading::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_calls_is_known_to_a_fifth() {
        let spread = Spread::new();
        assert_eq!(spread.at(0.5), None);
        (0..98).for_each(|_| spread.add(2_500));
        spread.add(0);
        spread.add(4_500_000);
        for (share, expected) in [(0.001, 1.0), (0.5, 2_500.0), (0.98, 2_500.0), (1.0, 4.5e6)] {
            let seen = spread.at(share).expect("calls") as f64;
            assert!((seen / expected - 1.0).abs() < 0.2, "{share}: {seen}");
        }
        // Longer than there are places for.
        let spread = Spread::new();
        spread.add(u64::MAX);
        assert!(spread.at(0.5).is_some_and(|ns| ns > 10_000_000_000));
    }
}
