//! The libraries of macOS, opened at run time: one table of every symbol that is used.
//!
//! So the program links nothing but libSystem, a symbol that a system lacks takes away only what
//! needs it, and the same code runs on Linux against a library that plays a Mac.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use libloading::os::unix::Library as Linked;

/// A reference to something of CoreFoundation, or to a thing that is as opaque.
pub type Ref = *const c_void;
/// A Mach port: an entry of the registry, an iterator, a connection.
pub type Port = u32;

/// Where the symbols are on a Mac. None of these files is on the disk: the linker has them in its
/// cache.
const LIBRARIES: &[&str] = &[
    "/usr/lib/libSystem.B.dylib",
    "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation",
    "/System/Library/Frameworks/IOKit.framework/IOKit",
    "/System/Library/Frameworks/Foundation.framework/Foundation",
    "/usr/lib/libobjc.A.dylib",
    "/usr/lib/libIOReport.dylib",
];

macro_rules! symbols {
    ($($field:ident $name:ident: $type:ty;)*) => {
        /// What the libraries have.
        pub struct Symbols { $(pub $field: Option<$type>,)* }

        impl Symbols {
            fn find(libraries: &[Linked]) -> Symbols {
                Symbols { $(
                    $field: {
                        let name = concat!(stringify!($name), "\0").as_bytes();
                        // SAFETY: the name stands beside the type that Apple's headers give it.
                        libraries.iter().find_map(|library| unsafe {
                            library.get::<$type>(name).ok().map(|found| *found)
                        })
                    },
                )* }
            }

            /// Those that are missing.
            pub fn missing(&self) -> Vec<&'static str> {
                let all = [$((stringify!($name), self.$field.is_some())),*];
                all.iter().filter(|(_, is_there)| !is_there).map(|(name, _)| *name).collect()
            }
        }

        /// The names of all.
        #[cfg(all(test, target_os = "linux"))]
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

type TypeId = unsafe extern "C" fn() -> usize;
type Getter<T> = unsafe extern "C" fn(Ref) -> T;
type IntoOut<T> = unsafe extern "C" fn(Port, *mut T) -> c_int;

symbols! {
    cf_release CFRelease: unsafe extern "C" fn(Ref);
    cf_type CFGetTypeID: Getter<usize>;
    cf_string_type CFStringGetTypeID: TypeId;
    cf_number_type CFNumberGetTypeID: TypeId;
    cf_boolean_type CFBooleanGetTypeID: TypeId;
    cf_data_type CFDataGetTypeID: TypeId;
    cf_array_type CFArrayGetTypeID: TypeId;
    cf_dictionary_type CFDictionaryGetTypeID: TypeId;
    cf_string_create CFStringCreateWithBytes:
        unsafe extern "C" fn(Ref, *const u8, c_long, u32, u8) -> Ref;
    cf_string_length CFStringGetLength: Getter<c_long>;
    cf_string_bytes CFStringGetCString:
        unsafe extern "C" fn(Ref, *mut c_char, c_long, u32) -> u8;
    cf_number_create CFNumberCreate: unsafe extern "C" fn(Ref, c_long, *const c_void) -> Ref;
    cf_number_is_float CFNumberIsFloatType: Getter<u8>;
    cf_number_value CFNumberGetValue: unsafe extern "C" fn(Ref, c_long, *mut c_void) -> u8;
    cf_boolean_value CFBooleanGetValue: Getter<u8>;
    cf_data_length CFDataGetLength: Getter<c_long>;
    cf_data_bytes CFDataGetBytePtr: Getter<*const u8>;
    cf_array_count CFArrayGetCount: Getter<c_long>;
    cf_array_at CFArrayGetValueAtIndex: unsafe extern "C" fn(Ref, c_long) -> Ref;
    cf_array_create CFArrayCreateMutable: unsafe extern "C" fn(Ref, c_long, Ref) -> Ref;
    cf_array_append CFArrayAppendValue: unsafe extern "C" fn(Ref, Ref);
    cf_array_calls kCFTypeArrayCallBacks: *const c_void;
    cf_dictionary_count CFDictionaryGetCount: Getter<c_long>;
    cf_dictionary_get CFDictionaryGetValue: unsafe extern "C" fn(Ref, Ref) -> Ref;
    cf_dictionary_all CFDictionaryGetKeysAndValues:
        unsafe extern "C" fn(Ref, *mut Ref, *mut Ref);
    cf_dictionary_create CFDictionaryCreateMutable:
        unsafe extern "C" fn(Ref, c_long, Ref, Ref) -> Ref;
    cf_dictionary_set CFDictionarySetValue: unsafe extern "C" fn(Ref, Ref, Ref);
    cf_key_calls kCFTypeDictionaryKeyCallBacks: *const c_void;
    cf_value_calls kCFTypeDictionaryValueCallBacks: *const c_void;

    report_channels IOReportCopyChannelsInGroup:
        unsafe extern "C" fn(Ref, Ref, u64, u64, u64) -> Ref;
    report_subscribe IOReportCreateSubscription:
        unsafe extern "C" fn(*const c_void, Ref, *mut Ref, u64, Ref) -> Ref;
    report_sample IOReportCreateSamples: unsafe extern "C" fn(Ref, Ref, Ref) -> Ref;
    report_name IOReportChannelGetChannelName: Getter<Ref>;
    report_unit IOReportChannelGetUnitLabel: Getter<Ref>;
    report_format IOReportChannelGetFormat: Getter<i32>;
    report_value IOReportSimpleGetIntegerValue: unsafe extern "C" fn(Ref, i32) -> i64;
    report_states IOReportStateGetCount: Getter<i32>;
    report_state IOReportStateGetNameForIndex: unsafe extern "C" fn(Ref, i32) -> Ref;
    report_residency IOReportStateGetResidency: unsafe extern "C" fn(Ref, i32) -> i64;

    io_matching IOServiceMatching: unsafe extern "C" fn(*const c_char) -> Ref;
    io_services IOServiceGetMatchingServices:
        unsafe extern "C" fn(Port, Ref, *mut Port) -> c_int;
    io_from_path IORegistryEntryFromPath: unsafe extern "C" fn(Port, *const c_char) -> Port;
    io_next IOIteratorNext: unsafe extern "C" fn(Port) -> Port;
    io_release IOObjectRelease: unsafe extern "C" fn(Port) -> c_int;
    io_name IORegistryEntryGetName: IntoOut<c_char>;
    io_id IORegistryEntryGetRegistryEntryID: IntoOut<u64>;
    io_properties IORegistryEntryCreateCFProperties:
        unsafe extern "C" fn(Port, *mut Ref, Ref, u32) -> c_int;
    io_property IORegistryEntryCreateCFProperty:
        unsafe extern "C" fn(Port, Ref, Ref, u32) -> Ref;
    io_children IORegistryEntryGetChildIterator:
        unsafe extern "C" fn(Port, *const c_char, *mut Port) -> c_int;
    io_open IOServiceOpen: unsafe extern "C" fn(Port, Port, u32, *mut Port) -> c_int;
    io_close IOServiceClose: unsafe extern "C" fn(Port) -> c_int;
    io_call IOConnectCallStructMethod:
        unsafe extern "C" fn(Port, u32, *const c_void, usize, *mut c_void, *mut usize) -> c_int;
    hid_client IOHIDEventSystemClientCreate: Getter<Ref>;
    hid_match IOHIDEventSystemClientSetMatching: unsafe extern "C" fn(Ref, Ref) -> c_int;
    hid_services IOHIDEventSystemClientCopyServices: Getter<Ref>;
    hid_property IOHIDServiceClientCopyProperty: unsafe extern "C" fn(Ref, Ref) -> Ref;
    hid_event IOHIDServiceClientCopyEvent: unsafe extern "C" fn(Ref, i64, i32, i64) -> Ref;
    hid_value IOHIDEventGetFloatValue: unsafe extern "C" fn(Ref, u32) -> f64;

    objc_class objc_getClass: unsafe extern "C" fn(*const c_char) -> Ref;
    objc_selector sel_registerName: unsafe extern "C" fn(*const c_char) -> Ref;
    objc_send objc_msgSend: unsafe extern "C" fn(Ref, Ref) -> isize;
    objc_push objc_autoreleasePoolPush: unsafe extern "C" fn() -> *mut c_void;
    objc_pop objc_autoreleasePoolPop: unsafe extern "C" fn(*mut c_void);
    notify_check notify_register_check: unsafe extern "C" fn(*const c_char, *mut c_int) -> u32;
    notify_state notify_get_state: unsafe extern "C" fn(c_int, *mut u64) -> u32;
    notify_end notify_cancel: unsafe extern "C" fn(c_int) -> u32;

    mach_host mach_host_self: unsafe extern "C" fn() -> Port;
    mach_task mach_task_self_: *const Port;
    mach_time mach_absolute_time: unsafe extern "C" fn() -> u64;
    mach_base mach_timebase_info: unsafe extern "C" fn(*mut [u32; 2]) -> c_int;
    mach_cpus host_processor_info:
        unsafe extern "C" fn(Port, c_int, *mut u32, *mut *mut c_int, *mut u32) -> c_int;
    mach_memory host_statistics64: unsafe extern "C" fn(Port, c_int, *mut u32, *mut u32) -> c_int;
    mach_free vm_deallocate: unsafe extern "C" fn(Port, usize, usize) -> c_int;
    sysctl_name sysctlbyname:
        unsafe extern "C" fn(*const c_char, *mut c_void, *mut usize, *const c_void, usize) -> c_int;
    sysctl_number sysctl:
        unsafe extern "C" fn(*const c_int, u32, *mut c_void, *mut usize, *const c_void, usize) -> c_int;
    proc_list proc_listpids: unsafe extern "C" fn(u32, u32, *mut c_void, c_int) -> c_int;
    proc_info proc_pidinfo: unsafe extern "C" fn(c_int, c_int, u64, *mut c_void, c_int) -> c_int;
    proc_usage proc_pid_rusage: unsafe extern "C" fn(c_int, c_int, *mut c_void) -> c_int;
    proc_responsible responsibility_get_pid_responsible_for_pid:
        unsafe extern "C" fn(c_int) -> c_int;
    proc_path proc_pidpath: unsafe extern "C" fn(c_int, *mut c_void, u32) -> c_int;
    user_name user_from_uid: unsafe extern "C" fn(u32, c_int) -> *const c_char;
}

/// Numbers of CoreFoundation's kinds of objects, which stay while the program runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinds {
    pub string: Option<usize>,
    pub number: Option<usize>,
    pub boolean: Option<usize>,
    pub data: Option<usize>,
    pub array: Option<usize>,
    pub dictionary: Option<usize>,
}

impl Kinds {
    fn learn(symbols: &Symbols) -> Kinds {
        // SAFETY: these functions have no preconditions.
        let number = |of: Option<TypeId>| of.map(|of| unsafe { of() });
        Kinds {
            string: number(symbols.cf_string_type),
            number: number(symbols.cf_number_type),
            boolean: number(symbols.cf_boolean_type),
            data: number(symbols.cf_data_type),
            array: number(symbols.cf_array_type),
            dictionary: number(symbols.cf_dictionary_type),
        }
    }
}

/// The libraries, in use.
pub struct Library {
    pub symbols: Symbols,
    pub kinds: Kinds,
    /// Asked for once: each answer is one more right to the port.
    host: OnceLock<Port>,
    // Last, so that they are closed after what points into them.
    _linked: Vec<Linked>,
}

// SAFETY: the table holds addresses of functions and of constants, which any thread may use.
unsafe impl Send for Library {}
// SAFETY: as above; nothing in it is ever written.
unsafe impl Sync for Library {}

impl Library {
    /// Opens the system's own, or the one at `path` in place of all of them.
    pub fn open(path: Option<&Path>) -> Result<Arc<Library>, String> {
        let flags = libc::RTLD_LAZY | libc::RTLD_LOCAL;
        // SAFETY: the system's libraries may be opened by anybody, and one at a path is named by the
        // user; their constructors have no preconditions.
        let open = |path: &Path| unsafe { Linked::open(Some(path), flags) };
        let linked = match path {
            Some(path) => {
                vec![
                    open(path)
                        .map_err(|error| format!("{}: {}", path.display(), reason(&error)))?,
                ]
            }
            None => LIBRARIES.iter().filter_map(|path| open(Path::new(path)).ok()).collect(),
        };
        if linked.is_empty() {
            return Err("none of the libraries of macOS is here".to_owned());
        }
        let symbols = Symbols::find(&linked);
        Ok(Arc::new(Library {
            kinds: Kinds::learn(&symbols),
            symbols,
            host: OnceLock::new(),
            _linked: linked,
        }))
    }
}

impl Library {
    /// The port of this machine.
    pub fn host(&self) -> Option<Port> {
        let ask = self.symbols.mach_host?;
        // SAFETY: it has no preconditions.
        Some(*self.host.get_or_init(|| unsafe { ask() }))
    }
}

/// The linker's own words, which stand behind those of libloading.
fn reason(error: &libloading::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// The bytes up to the first 0 of a buffer, as text.
pub fn text(bytes: &[u8]) -> String {
    let text = CStr::from_bytes_until_nul(bytes).map(CStr::to_bytes).unwrap_or(bytes);
    String::from_utf8_lossy(text).into_owned()
}
