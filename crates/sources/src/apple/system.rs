//! Calls of the kernel: sysctl, Mach, libproc, and the system's word for its heat.

use std::ffi::{CString, c_int, c_void};
use std::sync::Arc;

use super::layout::{
    RUSAGE_VERSIONS, Rusage, SHORT, Short, TASK_ALL, TaskAll, Timebase, VM_ROOM, VM_WORDS,
    VmStatistics,
};
use super::library::Library;

/// Longest answers that are believed.
const LONGEST: usize = 1 << 22;

/// A number of the kernel by its name.
pub fn number(library: &Library, name: &str) -> Option<u64> {
    let bytes = bytes(library, name)?;
    match bytes.len() {
        4 => Some(u64::from(u32::from_le_bytes(bytes.try_into().ok()?))),
        8 => Some(u64::from_le_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// A text of the kernel by its name.
pub fn text(library: &Library, name: &str) -> Option<String> {
    let text = super::library::text(&bytes(library, name)?);
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// What the kernel gives by that name.
pub fn bytes(library: &Library, name: &str) -> Option<Vec<u8>> {
    let call = library.symbols.sysctl_name?;
    let name = CString::new(name).ok()?;
    answer(|out, length| {
        // SAFETY: a C string is read, and no more is written than `length` says.
        unsafe { call(name.as_ptr(), out, length, std::ptr::null(), 0) }
    })
}

/// What the kernel gives by that path of numbers.
pub fn by_path(library: &Library, path: &[c_int]) -> Option<Vec<u8>> {
    answer(path_call(library, path)?)
}

fn path_call<'a>(
    library: &Library,
    path: &'a [c_int],
) -> Option<impl Fn(*mut c_void, *mut usize) -> c_int + use<'a>> {
    let call = library.symbols.sysctl_number?;
    let words = u32::try_from(path.len()).ok()?;
    // SAFETY: so many words are read, and no more is written than `length` says.
    Some(move |out, length| unsafe { call(path.as_ptr(), words, out, length, std::ptr::null(), 0) })
}

/// Most answers are short; for the others the length is asked for first, and there is some room for
/// what grows meanwhile.
fn answer(call: impl Fn(*mut c_void, *mut usize) -> c_int) -> Option<Vec<u8>> {
    let mut short = [0_u8; 1024];
    let mut length = short.len();
    if call(short.as_mut_ptr().cast(), &raw mut length) == 0 {
        return Some(short.get(..length)?.to_vec());
    }
    if std::io::Error::last_os_error().raw_os_error() != Some(libc::ENOMEM) {
        return None;
    }
    sized(call)
}

/// The same for what is cut off without a word where there is no room.
fn sized(call: impl Fn(*mut c_void, *mut usize) -> c_int) -> Option<Vec<u8>> {
    let mut length = 0;
    if call(std::ptr::null_mut(), &raw mut length) != 0 || length > LONGEST {
        return None;
    }
    let mut bytes = vec![0_u8; length + length / 8 + 8];
    length = bytes.len();
    if call(bytes.as_mut_ptr().cast(), &raw mut length) != 0 {
        return None;
    }
    bytes.truncate(length);
    Some(bytes)
}

/// What the clock's ticks are. Programs that are translated are told 1/1 and given ticks all the
/// same, so that the frequency is asked for first.
pub fn timebase(library: &Library) -> Option<Timebase> {
    number(library, "hw.tbfrequency").and_then(Timebase::of_frequency).or_else(|| {
        let mut base = [0_u32; 2];
        // SAFETY: two words are written.
        let code = unsafe { library.symbols.mach_base?(&raw mut base) };
        let [numer, denom] = base;
        (code == 0 && numer > 0 && denom > 0).then_some(Timebase { numer, denom })
    })
}

/// The time in nanoseconds on the clock of the drivers' stamps.
pub fn now_ns(library: &Library, base: Timebase) -> Option<u64> {
    // SAFETY: it has no preconditions.
    Some(base.nanoseconds(unsafe { library.symbols.mach_time?() }))
}

/// Ticks of 10 ms of each CPU: user, system, idle, nice.
pub fn processor_ticks(library: &Library) -> Option<Vec<[u32; 4]>> {
    const CPU_LOAD: c_int = 2;
    let symbols = &library.symbols;
    let (call, free) = (symbols.mach_cpus?, symbols.mach_free?);
    let host = library.host()?;
    let (mut cpus, mut words, mut count) = (0, std::ptr::null_mut(), 0);
    // SAFETY: the kernel lends `count` words, which are read and given back.
    unsafe {
        let task = *symbols.mach_task?;
        if call(host, CPU_LOAD, &raw mut cpus, &raw mut words, &raw mut count) != 0
            || words.is_null()
        {
            return None;
        }
        let lent = std::slice::from_raw_parts(words.cast::<u32>(), count as usize);
        let all = lent.chunks_exact(4).take(cpus as usize);
        let ticks = all.filter_map(|ticks| ticks.first_chunk().copied()).collect();
        let _ = free(task, words as usize, count as usize * size_of::<u32>());
        Some(ticks)
    }
}

/// The kernel's counts of pages. Each system has more of them, and some refuse to be asked for
/// fewer than they have.
pub struct Memory {
    words: u32,
}

impl Memory {
    pub fn new() -> Memory {
        Memory { words: VM_WORDS }
    }

    /// Reads them.
    pub fn read(&mut self, library: &Library) -> Option<VmStatistics> {
        const VM_INFO: c_int = 4;
        let (call, host) = (library.symbols.mach_memory?, library.host()?);
        let mut buffer = [0_u32; VM_ROOM as usize];
        for _ in 0..2 {
            let mut count = self.words;
            // SAFETY: the buffer has more room than any count that is given.
            let code = unsafe { call(host, VM_INFO, buffer.as_mut_ptr(), &raw mut count) };
            if code == 0 && count >= VM_WORDS {
                let bytes: Vec<u8> = buffer.iter().flat_map(|word| word.to_le_bytes()).collect();
                return VmStatistics::parse(&bytes);
            }
            if !(VM_WORDS + 1..=VM_ROOM).contains(&count) || count == self.words {
                return None;
            }
            self.words = count;
        }
        None
    }
}

/// The numbers of all processes, into `pids`.
pub fn pids(library: &Library, pids: &mut Vec<i32>) -> Option<()> {
    const ALL: u32 = 1;
    let call = library.symbols.proc_list?;
    // SAFETY: without a buffer nothing is written.
    let needed = unsafe { call(ALL, 0, std::ptr::null_mut(), 0) };
    let needed = usize::try_from(needed).ok()? / size_of::<i32>();
    pids.clear();
    // Some may be born meanwhile.
    pids.resize(needed + 20, 0);
    let room = c_int::try_from(pids.len() * size_of::<i32>()).ok()?;
    // SAFETY: the list has so many bytes.
    let written = unsafe { call(ALL, 0, pids.as_mut_ptr().cast(), room) };
    pids.truncate(usize::try_from(written).ok()? / size_of::<i32>());
    pids.retain(|&pid| pid > 0);
    Some(())
}

/// What is told of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    All(TaskAll),
    /// Somebody else's: who it is, and no more.
    Short(Short),
}

/// Asks about a process; `None` if it is gone.
pub fn process(library: &Library, pid: i32) -> Option<Told> {
    const ALL: c_int = 2;
    const BRIEF: c_int = 13;
    let call = library.symbols.proc_info?;
    let ask = |flavor, buffer: &mut [u8]| {
        let room = c_int::try_from(buffer.len()).unwrap_or(0);
        // SAFETY: the buffer has so many bytes.
        let written = unsafe { call(pid, flavor, 0, buffer.as_mut_ptr().cast(), room) };
        written == room
    };
    let mut whole = [0_u8; TASK_ALL];
    if ask(ALL, &mut whole) {
        return TaskAll::parse(&whole).map(Told::All);
    }
    let mut brief = [0_u8; SHORT];
    ask(BRIEF, &mut brief).then(|| Short::parse(&brief).map(Told::Short))?
}

/// What the kernel accounts of a process, in the newest version that it knows. `version` is the one
/// that worked last.
pub fn usage(library: &Library, pid: i32, version: &mut usize) -> Option<Rusage> {
    const EINVAL: i32 = 22;
    let call = library.symbols.proc_usage?;
    let mut buffer = [0_u8; RUSAGE_VERSIONS[0].1];
    while let Some(&(flavor, length)) = RUSAGE_VERSIONS.get(*version) {
        // SAFETY: the buffer is as long as the newest version.
        if unsafe { call(pid, flavor, buffer.as_mut_ptr().cast()) } == 0 {
            return Some(Rusage::parse(&buffer, length));
        }
        if std::io::Error::last_os_error().raw_os_error() != Some(EINVAL) {
            return None;
        }
        *version += 1;
    }
    None
}

/// The process that the system holds responsible for another: the app that it was begun by. `None` for
/// one that answers for itself, and where it is not told.
pub fn responsible(library: &Library, pid: i32) -> Option<i32> {
    // SAFETY: it takes any number.
    let answer = unsafe { library.symbols.proc_responsible?(pid) };
    (answer > 0 && answer != pid).then_some(answer)
}

/// The path of a process's program, which is told of everybody's.
pub fn path(library: &Library, pid: i32) -> Option<Vec<u8>> {
    const ROOM: u32 = 4096;
    let mut buffer = vec![0_u8; ROOM as usize];
    // SAFETY: the buffer has so many bytes.
    let length = unsafe { library.symbols.proc_path?(pid, buffer.as_mut_ptr().cast(), ROOM) };
    buffer.truncate(usize::try_from(length).ok().filter(|&length| length > 0)?);
    Some(buffer)
}

/// The arguments of a process, joined by blanks; those of other users' are not told.
pub fn arguments(library: &Library, pid: i32) -> Option<Vec<u8>> {
    const KERN: c_int = 1;
    const PROCARGS2: c_int = 49;
    super::layout::arguments(&sized(path_call(library, &[KERN, PROCARGS2, pid])?)?)
}

/// The name of a user.
pub fn user(library: &Library, number: u32) -> Option<String> {
    // SAFETY: the name is a C string that holds until the next call; it is copied at once.
    unsafe {
        let name = library.symbols.user_name?(number, 1);
        if name.is_null() {
            return None;
        }
        Some(std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// The interfaces of the network, as messages.
pub fn interfaces(library: &Library) -> Option<Vec<u8>> {
    // CTL_NET, PF_ROUTE, any protocol, any family, NET_RT_IFLIST2, any interface.
    by_path(library, &[4, 17, 0, 0, 6, 0])
}

/// The system's word for its heat, as programs are told it.
pub fn thermal_state(library: &Library) -> Option<i64> {
    let symbols = &library.symbols;
    let (class, selector, send) = (symbols.objc_class?, symbols.objc_selector?, symbols.objc_send?);
    let (push, pop) = (symbols.objc_push?, symbols.objc_pop?);
    // SAFETY: C strings are read; messages without arguments go to a class and to its only
    // instance, which lives as long as the program. What is left over is given back with the pool.
    unsafe {
        let pool = push();
        let class = class(c"NSProcessInfo".as_ptr());
        let state = (!class.is_null()).then(|| {
            let info = send(class, selector(c"processInfo".as_ptr())) as *const c_void;
            (!info.is_null()).then(|| send(info, selector(c"thermalState".as_ptr())))
        });
        pop(pool);
        super::thermal::state(i64::try_from(state??).ok()?)
    }
}

/// The level of thermal pressure: a value that the system publishes.
pub struct Pressure {
    library: Arc<Library>,
    token: Option<c_int>,
}

impl Pressure {
    pub fn new(library: &Arc<Library>) -> Pressure {
        let mut token = 0;
        // SAFETY: a C string is read, and one number written.
        let registered = library.symbols.notify_check.is_some_and(|check| unsafe {
            check(c"com.apple.system.thermalpressurelevel".as_ptr(), &raw mut token) == 0
        });
        Pressure { library: Arc::clone(library), token: registered.then_some(token) }
    }

    pub fn read(&self) -> Option<i64> {
        let mut level = 0;
        // SAFETY: the token is of a registration, and one number is written.
        let code = unsafe { self.library.symbols.notify_state?(self.token?, &raw mut level) };
        if code == 0 { super::thermal::pressure(level) } else { None }
    }
}

impl Drop for Pressure {
    fn drop(&mut self) {
        if let (Some(token), Some(end)) = (self.token, self.library.symbols.notify_end) {
            // SAFETY: the token is of a registration, and not used after this.
            let _ = unsafe { end(token) };
        }
    }
}

/// When the machine was booted, in microseconds since 1970.
pub fn boot_us(library: &Library) -> Option<u64> {
    super::layout::time_us(&bytes(library, "kern.boottime")?)
}

/// When a process was started, in microseconds since 1970: told of everybody's.
pub fn start_us(library: &Library, pid: i32) -> Option<u64> {
    // CTL_KERN, KERN_PROC, KERN_PROC_PID.
    super::layout::time_us(&by_path(library, &[1, 14, 1, pid])?)
}
