//! libSystem and the Objective-C runtime: sysctl, Mach, libproc, notify, `NSProcessInfo`.

use std::ffi::{CStr, c_char, c_int, c_void};

use crate::objects::Ref;
use crate::scenario::{Process, Scenario};
use crate::stage::{Stage, entered};

/// The port of the own task.
pub const TASK: u32 = 0x103;
const HOST: u32 = 0x203;

#[unsafe(no_mangle)]
pub static mach_task_self_: u32 = TASK;

const ENOMEM: i32 = 12;
const EPERM: i32 = 1;
const EINVAL: i32 = 22;
const ENOENT: i32 = 2;
const ESRCH: i32 = 3;

fn fail(error: i32) -> c_int {
    // SAFETY: the place of the number of the last error is the calling thread's own.
    unsafe { libc::__errno_location().write(error) };
    -1
}

/// Who asks.
const OWN_USER: u32 = 501;

// -- sysctl ---------------------------------------------------------------------------------------

/// Gives an answer in the way of sysctl: without a buffer its length, with one what fits.
unsafe fn give(answer: &[u8], out: *mut c_void, length: *mut usize) -> c_int {
    if length.is_null() {
        return fail(EINVAL);
    }
    // SAFETY: the caller gives a place for a length, and as many bytes as it says.
    unsafe {
        if out.is_null() {
            length.write(answer.len());
            return 0;
        }
        if length.read() < answer.len() {
            return fail(ENOMEM);
        }
        out.cast::<u8>().copy_from_nonoverlapping(answer.as_ptr(), answer.len());
        length.write(answer.len());
    }
    0
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn named(stage: &Stage, name: &str) -> Option<Vec<u8>> {
    let of = &stage.scenario;
    let word = |number: u32| Some(number.to_le_bytes().to_vec());
    let long = |number: u64| Some(number.to_le_bytes().to_vec());
    let cpus = of.clusters.iter().map(|cluster| cluster.cores).sum::<u32>();
    match name {
        "machdep.cpu.brand_string" => Some(text(&of.chip)),
        "hw.model" => Some(text(&of.model)),
        "hw.target" => Some(text(&of.board)),
        "kern.osproductversion" => Some(text(&of.macos)),
        "kern.osversion" => Some(text(&of.build)),
        "kern.osrelease" => Some(text(&of.darwin)),
        "kern.hostname" => Some(text(&of.host)),
        "kern.bootsessionuuid" => Some(text("7F3C0000-0000-4000-8000-000000000001")),
        "hw.memsize" => long((of.memory_gib * 1_073_741_824.0) as u64),
        "hw.pagesize" => long(if of.is_intel { 4_096 } else { 16_384 }),
        "hw.tbfrequency" => long(of.hertz() as u64),
        "hw.machine" => Some(text(if of.is_intel { "x86_64" } else { "arm64" })),
        "hw.ncpu" | "hw.logicalcpu" | "hw.physicalcpu" => word(cpus),
        "kern.hv_vmm_present" => word(u32::from(of.is_virtual)),
        "sysctl.proc_translated" => word(u32::from(of.is_translated)),
        "kern.memorystatus_vm_pressure_level" => word(of.memory.level as u32),
        "kern.argmax" => word(1 << 20),
        "hw.nperflevels" if !of.levels.is_empty() => word(of.levels.len() as u32),
        "kern.boottime" => {
            let boot = stage.wall() - stage.uptime();
            Some([(boot as u64).to_le_bytes(), 0_u64.to_le_bytes()].concat())
        }
        "vm.loadavg" => {
            let loads: Vec<u8> =
                [4096_u32, 3072, 2048, 0].iter().flat_map(|load| load.to_le_bytes()).collect();
            Some([loads, 2048_u64.to_le_bytes().to_vec()].concat())
        }
        "vm.swapusage" => {
            let bytes = |mib: f64| ((mib * 1_048_576.0) as u64).to_le_bytes();
            let (total, used) = (of.memory.swap_total, of.memory.swap_used);
            let mut answer = [bytes(total), bytes(total - used), bytes(used)].concat();
            answer.extend([0, 64, 0, 0, 1, 0, 0, 0]);
            Some(answer)
        }
        _ => {
            let (level, what) = name.strip_prefix("hw.perflevel")?.split_once('.')?;
            let level = of.levels.get(level.parse::<usize>().ok()?)?;
            let is_of = |letter: char| match level.as_str() {
                "Super" => letter == 'P',
                "Performance" => {
                    letter == 'M' || letter == 'P' && of.levels.len() == 2 && of.levels[0] == *level
                }
                _ => letter == 'E',
            };
            let cores = of.clusters.iter().filter(|cluster| is_of(cluster.letter));
            match what {
                "name" => Some(text(level)),
                "physicalcpu" => word(cores.map(|cluster| cluster.cores).sum()),
                _ => None,
            }
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sysctlbyname(
    name: *const c_char,
    out: *mut c_void,
    length: *mut usize,
    new: *const c_void,
    new_length: usize,
) -> c_int {
    let stage = entered!(sysctlbyname);
    if !new.is_null() || new_length != 0 {
        stage.fault("sysctlbyname: sets".to_owned());
        return fail(EPERM);
    }
    // SAFETY: the caller gives a C string.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
    match named(stage, &name) {
        // SAFETY: as the caller's.
        Some(answer) => unsafe { give(&answer, out, length) },
        None => fail(ENOENT),
    }
}

fn interfaces(stage: &Stage) -> Vec<u8> {
    let mut list = Vec::new();
    for of in &stage.scenario.interfaces {
        let count = |rate: f64| of.base + (rate * stage.uptime()) as u64;
        let mut message = vec![0_u8; 180];
        let mut put =
            |at: usize, bytes: &[u8]| message[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &180_u16.to_le_bytes());
        put(2, &[5, 0x12]);
        put(8, &of.flags.to_le_bytes());
        put(32 + 8, &1500_u32.to_le_bytes());
        put(32 + 16, &1_000_000_000_u64.to_le_bytes());
        put(32 + 24, &count(of.receive / 1000.0).to_le_bytes());
        put(32 + 40, &count(of.transmit / 1000.0).to_le_bytes());
        put(32 + 64, &count(of.receive).to_le_bytes());
        put(32 + 72, &count(of.transmit).to_le_bytes());
        put(160, &[20, 18, 0, 0, 6, of.name.len() as u8, 6]);
        put(168, of.name.as_bytes());
        put(168 + of.name.len().min(6), &[2, 0, 0, 0, 0, 1]);
        list.extend(message);
        // Addresses of the interface follow, which are of no interest.
        list.extend([8, 0, 5, 0x0c, 0, 0, 0, 0]);
    }
    list
}

fn arguments(process: &Process) -> Vec<u8> {
    let mut block = (process.arguments.len() as i32).to_le_bytes().to_vec();
    block.extend(text(&process.path));
    block.extend([0; 5]);
    for argument in &process.arguments {
        block.extend(text(argument));
    }
    block.extend(text("SECRET=never shown"));
    block
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sysctl(
    name: *const c_int,
    words: u32,
    out: *mut c_void,
    length: *mut usize,
    new: *const c_void,
    new_length: usize,
) -> c_int {
    let stage = entered!(sysctl);
    if !new.is_null() || new_length != 0 {
        stage.fault("sysctl: sets".to_owned());
        return fail(EPERM);
    }
    // SAFETY: the caller gives so many words.
    let name = unsafe { std::slice::from_raw_parts(name, words as usize) };
    match name {
        // SAFETY: as the caller's.
        [4, 17, 0, 0, 6, 0] => unsafe { give(&interfaces(stage), out, length) },
        [1, 14, 1, pid] => match process(&stage.scenario, *pid) {
            Some(of) => {
                let start = start(stage, of);
                let mut answer = vec![0; 648];
                put(&mut answer, 0, &(start as u64).to_le_bytes());
                put(&mut answer, 8, &((start.fract() * 1e6) as u32).to_le_bytes());
                // SAFETY: as the caller's.
                unsafe { give(&answer, out, length) }
            }
            None => fail(ESRCH),
        },
        [1, 49, pid] => match process(&stage.scenario, *pid) {
            Some(of) if of.user == OWN_USER && !of.arguments.is_empty() => {
                let mut all = arguments(of);
                // What there is no room for is cut off, and nobody is told.
                if !out.is_null() && !length.is_null() {
                    // SAFETY: the caller gives a place for a length.
                    all.truncate(unsafe { length.read() });
                }
                // SAFETY: as the caller's.
                unsafe { give(&all, out, length) }
            }
            _ => fail(EINVAL),
        },
        _ => {
            stage.fault(format!("sysctl {name:?}"));
            fail(ENOENT)
        }
    }
}

// -- Mach -----------------------------------------------------------------------------------------

#[unsafe(no_mangle)]
pub extern "C" fn mach_host_self() -> u32 {
    entered!(mach_host_self);
    HOST
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_absolute_time() -> u64 {
    entered!(mach_absolute_time).ticks()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_timebase_info(out: *mut [u32; 2]) -> c_int {
    let stage = entered!(mach_timebase_info);
    // Translated programs are told 1/1, and it is not so.
    let base =
        if stage.scenario.is_translated || stage.scenario.is_intel { [1, 1] } else { [125, 3] };
    // SAFETY: the caller gives a place for two words.
    unsafe { out.write(base) };
    0
}

fn processor_ticks(stage: &Stage) -> Vec<u32> {
    let mut cpus: Vec<(u32, f64)> = Vec::new();
    for cluster in &stage.scenario.clusters {
        for core in 0..cluster.cores {
            cpus.push((cluster.first_cpu + core, cluster.busy));
        }
    }
    cpus.sort_by_key(|&(number, _)| number);
    let hundredths = |share: f64| (stage.uptime() * 100.0 * share) as u64 as u32;
    // User, system, idle, nice.
    cpus.iter()
        .flat_map(|&(_, busy)| {
            [hundredths(busy * 0.75), hundredths(busy * 0.25), hundredths(1.0 - busy), 0]
        })
        .collect()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn host_processor_info(
    host: u32,
    flavor: c_int,
    cpus: *mut u32,
    out: *mut *mut c_int,
    count: *mut u32,
) -> c_int {
    let stage = entered!(host_processor_info);
    if host != HOST || flavor != 2 {
        stage.fault("host_processor_info: arguments".to_owned());
        return 4;
    }
    let mut words = processor_ticks(stage).into_boxed_slice();
    // SAFETY: the caller gives places for each; the words are given back by `vm_deallocate`.
    unsafe {
        cpus.write((words.len() / 4) as u32);
        count.write(words.len() as u32);
        out.write(words.as_mut_ptr().cast());
    }
    LENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(words);
    0
}

/// Memory that callers must give back.
static LENT: std::sync::Mutex<Vec<Box<[u32]>>> = std::sync::Mutex::new(Vec::new());

/// How many pieces of memory were not given back.
pub fn lent() -> usize {
    LENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len()
}

#[unsafe(no_mangle)]
pub extern "C" fn vm_deallocate(task: u32, address: usize, length: usize) -> c_int {
    let stage = entered!(vm_deallocate);
    let mut lent = LENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let place = lent.iter().position(|words| words.as_ptr() as usize == address);
    match place.filter(|&place| task == TASK && lent[place].len() * 4 == length) {
        Some(place) => drop(lent.swap_remove(place)),
        None => stage.fault("vm_deallocate: not lent, or not so long".to_owned()),
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn host_statistics64(
    host: u32,
    flavor: c_int,
    out: *mut u32,
    count: *mut u32,
) -> c_int {
    let stage = entered!(host_statistics64);
    // SAFETY: the caller gives a place for one number.
    let room = unsafe { count.read() };
    if host != HOST || flavor != 4 || room < 38 {
        stage.fault(format!("host_statistics64: flavor {flavor}, {room} words"));
        return 4;
    }
    let (of, wanted) = (&stage.scenario, stage.scenario.vm_words);
    // macOS 26.6 writes a line into the system's log each time.
    if room > wanted {
        stage.fault(format!("host_statistics64: {room} words are more than {wanted}"));
    }
    if of.is_wrong("memory fails") {
        return 5;
    }
    if of.vm_strict && room < wanted {
        // SAFETY: as above.
        unsafe { count.write(wanted) };
        return -307;
    }
    let given = room.min(wanted);
    let mut words = vec![0_u32; 256];
    let pages = |mib: f64| (mib * if of.is_intel { 256.0 } else { 64.0 }) as u32;
    let memory = &of.memory;
    words[0] = pages(memory.free);
    words[1] = pages(memory.internal / 2.0);
    words[2] = pages(memory.internal / 2.0);
    words[3] = pages(memory.wired);
    words[22] = pages(memory.purgeable);
    words[32] = pages(memory.compressor);
    words[34] = pages(memory.external);
    words[35] = pages(memory.internal);
    words[36] = pages(memory.uncompressed);
    let swapped = (stage.uptime() * 10.0) as u32;
    (words[28], words[30]) = (swapped, swapped * 2);
    // SAFETY: the caller gives room for so many words.
    unsafe {
        out.copy_from_nonoverlapping(words.as_ptr(), given as usize);
        count.write(given);
    }
    0
}

// -- libproc --------------------------------------------------------------------------------------

fn process(scenario: &Scenario, pid: c_int) -> Option<&Process> {
    scenario.processes.iter().find(|process| process.pid.cast_signed() == pid)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn proc_listpids(
    kind: u32,
    info: u32,
    out: *mut c_void,
    length: c_int,
) -> c_int {
    let stage = entered!(proc_listpids);
    if kind != 1 || info != 0 || length < 0 {
        stage.fault("proc_listpids: arguments".to_owned());
        return fail(EINVAL);
    }
    let mut pids: Vec<i32> =
        stage.scenario.processes.iter().map(|of| of.pid.cast_signed()).collect();
    pids.push(0);
    let whole = (pids.len() * 4) as c_int;
    if out.is_null() {
        return whole;
    }
    let room = (length as usize / 4).min(pids.len());
    // SAFETY: the caller gives so many bytes.
    unsafe { out.cast::<i32>().copy_from_nonoverlapping(pids.as_ptr(), room) };
    (room * 4) as c_int
}

fn ticks(stage: &Stage, seconds: f64) -> u64 {
    (seconds * stage.scenario.hertz()) as u64
}

/// Seconds that a process has run.
fn lived(stage: &Stage, process: &Process) -> f64 {
    (stage.now() - process.start).max(0.0)
}

/// When a process began, in seconds since 1970.
fn start(stage: &Stage, of: &Process) -> f64 {
    // Not by the time that it is now: a start never changes.
    stage.began() + of.start
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn cut(name: &str, length: usize) -> &[u8] {
    &name.as_bytes()[..name.len().min(length - 1)]
}

fn task_all(stage: &Stage, of: &Process) -> Vec<u8> {
    let mut bytes = vec![0; 232];
    for (at, value) in [(0, 4), (4, 2), (12, of.pid), (16, of.parent), (20, of.user), (100, of.pid)]
    {
        put(&mut bytes, at, &value.to_le_bytes());
    }
    put(&mut bytes, 48, cut(&of.name, 16));
    put(&mut bytes, 64, cut(&of.name, 32));
    let start = start(stage, of);
    put(&mut bytes, 120, &(start as u64).to_le_bytes());
    put(&mut bytes, 128, &((start.fract() * 1e6) as u64).to_le_bytes());
    put(&mut bytes, 136, &(4_u64 << 30).to_le_bytes());
    put(&mut bytes, 144, &((of.resident_mib * 1_048_576.0) as u64).to_le_bytes());
    let used = of.cpu * lived(stage, of);
    put(&mut bytes, 152, &ticks(stage, used * 0.75).to_le_bytes());
    put(&mut bytes, 160, &ticks(stage, used * 0.25).to_le_bytes());
    put(&mut bytes, 136 + 84, &of.threads.to_le_bytes());
    put(&mut bytes, 136 + 88, &u32::from(of.cpu > 0.0).to_le_bytes());
    put(&mut bytes, 136 + 92, &31_i32.to_le_bytes());
    bytes
}

fn short(of: &Process) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    for (at, value) in [(0, of.pid), (4, of.parent), (8, of.pid), (12, 2), (36, of.user)] {
        put(&mut bytes, at, &value.to_le_bytes());
    }
    put(&mut bytes, 16, cut(&of.name, 16));
    bytes
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn proc_pidinfo(
    pid: c_int,
    flavor: c_int,
    argument: u64,
    out: *mut c_void,
    room: c_int,
) -> c_int {
    let stage = entered!(proc_pidinfo);
    let Some(of) = process(&stage.scenario, pid) else {
        fail(ESRCH);
        return 0;
    };
    let (answer, is_open) = match flavor {
        2 => (task_all(stage, of), false),
        13 => (short(of), true),
        _ => {
            stage.fault(format!("proc_pidinfo: flavor {flavor}"));
            return 0;
        }
    };
    if argument != 0 {
        stage.fault("proc_pidinfo: argument".to_owned());
    }
    if !is_open && of.user != OWN_USER {
        fail(EPERM);
        return 0;
    }
    if (room as usize) < answer.len() {
        fail(ENOMEM);
        return 0;
    }
    // SAFETY: the caller gives room for so many bytes.
    unsafe { out.cast::<u8>().copy_from_nonoverlapping(answer.as_ptr(), answer.len()) };
    answer.len() as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn proc_pid_rusage(pid: c_int, flavor: c_int, out: *mut c_void) -> c_int {
    let stage = entered!(proc_pid_rusage);
    let Some(of) = process(&stage.scenario, pid) else { return fail(ESRCH) };
    if of.user != OWN_USER {
        return fail(EPERM);
    }
    let length = match flavor {
        0 => 96,
        2 => 160,
        3 => 232,
        4 => 296,
        6 => 464,
        _ => {
            stage.fault(format!("proc_pid_rusage: version {flavor}"));
            return fail(EINVAL);
        }
    };
    if flavor > stage.scenario.rusage_version {
        return fail(EINVAL);
    }
    let mut bytes = vec![0; 464];
    let mut long = |at: usize, value: u64| put(&mut bytes, at, &value.to_le_bytes());
    let used = of.cpu * lived(stage, of);
    long(16, ticks(stage, used * 0.75));
    long(24, ticks(stage, used * 0.25));
    long(32, (lived(stage, of) * 2.0) as u64);
    long(40, (lived(stage, of) * 5.0) as u64);
    long(72, (of.footprint_mib * 1_048_576.0) as u64);
    long(144, (used * 1e6) as u64);
    long(152, (used * 2e6) as u64);
    long(160, ticks(stage, used * 0.5));
    long(208, ticks(stage, used * 0.5));
    long(248, (used * 6e9) as u64);
    long(256, (used * 3e9) as u64);
    long(304, ticks(stage, used * of.fast));
    long(336, (of.watts * lived(stage, of) * 1e9) as u64);
    long(344, (of.watts * lived(stage, of) * 1e9 * of.fast) as u64);
    long(368, (of.neural_mib * 1_048_576.0) as u64);
    // SAFETY: the caller gives room for what the version is long.
    unsafe { out.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), length) };
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn responsibility_get_pid_responsible_for_pid(pid: c_int) -> c_int {
    let stage = entered!(responsibility_get_pid_responsible_for_pid);
    let Some(of) = process(&stage.scenario, pid) else { return -1 };
    if of.responsible == 0 { pid } else { of.responsible.cast_signed() }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn proc_pidpath(pid: c_int, out: *mut c_void, room: u32) -> c_int {
    let stage = entered!(proc_pidpath);
    if room != 4096 {
        stage.fault("proc_pidpath: room".to_owned());
    }
    let Some(of) = process(&stage.scenario, pid).filter(|of| !of.path.is_empty()) else {
        fail(ESRCH);
        return 0;
    };
    // SAFETY: the caller gives 4096 bytes, and no path here is that long.
    unsafe { out.cast::<u8>().copy_from_nonoverlapping(of.path.as_ptr(), of.path.len()) };
    of.path.len() as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn user_from_uid(user: u32, nothing_if_unknown: c_int) -> *const c_char {
    let stage = entered!(user_from_uid);
    if nothing_if_unknown != 1 {
        stage.fault("user_from_uid: makes names up".to_owned());
    }
    match user {
        0 => c"root".as_ptr(),
        88 => c"_windowserver".as_ptr(),
        OWN_USER => c"ada".as_ptr(),
        _ => std::ptr::null(),
    }
}

// -- notify ---------------------------------------------------------------------------------------

#[unsafe(no_mangle)]
pub unsafe extern "C" fn notify_register_check(name: *const c_char, out: *mut c_int) -> u32 {
    let stage = entered!(notify_register_check);
    // SAFETY: the caller gives a C string and a place for one number.
    let name = unsafe { CStr::from_ptr(name) };
    if name != c"com.apple.system.thermalpressurelevel" {
        stage.fault(format!("notify_register_check: {name:?}"));
        return 1;
    }
    // SAFETY: as above.
    unsafe { out.write(7) };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn notify_get_state(token: c_int, out: *mut u64) -> u32 {
    let stage = entered!(notify_get_state);
    if token != 7 {
        stage.fault("notify_get_state: token".to_owned());
        return 2;
    }
    // SAFETY: the caller gives a place for one number.
    unsafe { out.write(stage.scenario.pressure) };
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn notify_cancel(token: c_int) -> u32 {
    let stage = entered!(notify_cancel);
    if token != 7 {
        stage.fault("notify_cancel: token".to_owned());
    }
    0
}

// -- The Objective-C runtime ------------------------------------------------------------------------

const CLASS: usize = 0x0c01;
const INSTANCE: usize = 0x0c02;
const PROCESS_INFO: usize = 0x5e01;
const THERMAL_STATE: usize = 0x5e02;
const POOL: usize = 0xb001;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn objc_getClass(name: *const c_char) -> Ref {
    entered!(objc_getClass);
    // SAFETY: the caller gives a C string.
    let name = unsafe { CStr::from_ptr(name) };
    if name == c"NSProcessInfo" { CLASS as Ref } else { std::ptr::null() }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sel_registerName(name: *const c_char) -> Ref {
    let stage = entered!(sel_registerName);
    // SAFETY: the caller gives a C string.
    let name = unsafe { CStr::from_ptr(name) };
    if name == c"processInfo" {
        PROCESS_INFO as Ref
    } else if name == c"thermalState" {
        THERMAL_STATE as Ref
    } else {
        stage.fault(format!("sel_registerName: {name:?}"));
        std::ptr::null()
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn objc_msgSend(object: Ref, selector: Ref) -> isize {
    let stage = entered!(objc_msgSend);
    match (object as usize, selector as usize) {
        (CLASS, PROCESS_INFO) => INSTANCE as isize,
        (INSTANCE, THERMAL_STATE) => stage.scenario.thermal as isize,
        _ => {
            stage.fault("objc_msgSend: nobody understands".to_owned());
            0
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn objc_autoreleasePoolPush() -> *mut c_void {
    entered!(objc_autoreleasePoolPush);
    POOL as *mut c_void
}

#[unsafe(no_mangle)]
pub extern "C" fn objc_autoreleasePoolPop(pool: *mut c_void) {
    let stage = entered!(objc_autoreleasePoolPop);
    if pool as usize != POOL {
        stage.fault("objc_autoreleasePoolPop: no pool".to_owned());
    }
}

// -- For tests --------------------------------------------------------------------------------------

/// Lets it be so many seconds since the scenario began, where a file tells the time.
#[unsafe(no_mangle)]
pub extern "C" fn retop_fake_apple_set_clock(seconds: f64) {
    crate::stage::stage().set_now(seconds);
}

/// What was called, what was wrong, and what is still held, as text. `out` is given so many bytes;
/// the answer is the length of all of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn retop_fake_apple_report(out: *mut u8, room: usize) -> usize {
    let stage = crate::stage::stage();
    let (objects, created) = crate::objects::census();
    let held = format!(
        "held objects {objects}\nheld ports {}\nheld memory {}\ncreated objects {created}\n",
        crate::iokit::open_ports(),
        lent()
    );
    let report = held + &stage.report();
    let length = report.len().min(room);
    // SAFETY: the caller gives so many bytes.
    unsafe { out.copy_from_nonoverlapping(report.as_ptr(), length) };
    report.len()
}
