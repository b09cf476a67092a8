//! CoreFoundation: the part that a monitor needs to take values out.

use std::ffi::{c_char, c_long, c_void};

use crate::objects::{Kind, Ref, change, create, look, release, retain};
use crate::stage::{entered, stage};

/// Tables of functions of which callers take the address. What is in them here tells which is which;
/// nothing in the library refers to them by name, so that they can be left out.
#[unsafe(no_mangle)]
pub static kCFTypeDictionaryKeyCallBacks: usize = KEYS;
#[unsafe(no_mangle)]
pub static kCFTypeDictionaryValueCallBacks: usize = VALUES;
#[unsafe(no_mangle)]
pub static kCFTypeArrayCallBacks: usize = ELEMENTS;

const KEYS: usize = 0x4b45_5953;
const VALUES: usize = 0x5641_4c53;
const ELEMENTS: usize = 0x454c_4d53;

/// Whether a caller gives the table that it should.
unsafe fn is_table(calls: Ref, wanted: usize) -> bool {
    // SAFETY: the caller gives the address of one of the tables.
    !calls.is_null() && unsafe { calls.cast::<usize>().read() } == wanted
}

const UTF8: u32 = 0x0800_0100;

#[unsafe(no_mangle)]
pub extern "C" fn CFRelease(object: Ref) {
    entered!(CFRelease);
    release(object);
}

macro_rules! types {
    ($($function:ident $number:literal)*) => {$(
        #[unsafe(no_mangle)]
        pub extern "C" fn $function() -> usize {
            entered!($function);
            $number
        }
    )*};
}

types! {
    CFStringGetTypeID 7
    CFNumberGetTypeID 22
    CFBooleanGetTypeID 21
    CFDataGetTypeID 20
    CFArrayGetTypeID 19
    CFDictionaryGetTypeID 18
}

#[unsafe(no_mangle)]
pub extern "C" fn CFGetTypeID(object: Ref) -> usize {
    entered!(CFGetTypeID);
    let number = |kind: &Kind| {
        Some(match kind {
            Kind::Text(_) => 7,
            Kind::Integer(_) => 22,
            Kind::Bool(_) => 21,
            Kind::Data(_) => 20,
            Kind::Array(_) => 19,
            Kind::Dictionary(_) => 18,
            Kind::Subscription(_) | Kind::Sensor(_) | Kind::Client => 99,
        })
    };
    look(object, number).unwrap_or(0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn CFStringCreateWithBytes(
    allocator: Ref,
    bytes: *const u8,
    length: c_long,
    encoding: u32,
    external: u8,
) -> Ref {
    let stage = entered!(CFStringCreateWithBytes);
    if !allocator.is_null() || encoding != UTF8 || external != 0 || length < 0 {
        stage.fault("CFStringCreateWithBytes: arguments".to_owned());
        return std::ptr::null();
    }
    // SAFETY: the caller gives so many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length as usize) };
    create(Kind::Text(String::from_utf8_lossy(bytes).into_owned()))
}

#[unsafe(no_mangle)]
pub extern "C" fn CFStringGetLength(text: Ref) -> c_long {
    entered!(CFStringGetLength);
    let length = |kind: &Kind| match kind {
        Kind::Text(text) => c_long::try_from(text.encode_utf16().count()).ok(),
        _ => None,
    };
    look(text, length).unwrap_or(0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn CFStringGetCString(
    text: Ref,
    out: *mut c_char,
    room: c_long,
    encoding: u32,
) -> u8 {
    let stage = entered!(CFStringGetCString);
    let text = look(text, |kind| match kind {
        Kind::Text(text) => Some(text.clone()),
        _ => None,
    });
    let Some(text) = text else {
        stage.fault("CFStringGetCString: no text".to_owned());
        return 0;
    };
    if encoding != UTF8 || room <= 0 || text.len() >= room as usize {
        return 0;
    }
    // SAFETY: the caller gives room for `room` bytes, and the text with its end is no longer.
    unsafe {
        out.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
        out.add(text.len()).write(0);
    }
    1
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn CFNumberCreate(allocator: Ref, kind: c_long, value: *const c_void) -> Ref {
    let stage = entered!(CFNumberCreate);
    if !allocator.is_null() || kind != 4 {
        stage.fault("CFNumberCreate: arguments".to_owned());
        return std::ptr::null();
    }
    // SAFETY: the caller gives 64 bits.
    create(Kind::Integer(unsafe { value.cast::<i64>().read_unaligned() }))
}

#[unsafe(no_mangle)]
pub extern "C" fn CFNumberIsFloatType(number: Ref) -> u8 {
    entered!(CFNumberIsFloatType);
    // No property here is a fraction.
    look(number, |_| Some(0)).unwrap_or(0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn CFNumberGetValue(number: Ref, kind: c_long, out: *mut c_void) -> u8 {
    let stage = entered!(CFNumberGetValue);
    let value = look(number, |kind| match kind {
        Kind::Integer(value) => Some(*value),
        _ => None,
    });
    let Some(value) = value.filter(|_| kind == 4) else {
        stage.fault(format!("CFNumberGetValue: kind {kind}, or no whole number"));
        return 0;
    };
    // SAFETY: the caller gives 64 bits.
    unsafe { out.cast::<i64>().write_unaligned(value) };
    1
}

#[unsafe(no_mangle)]
pub extern "C" fn CFBooleanGetValue(boolean: Ref) -> u8 {
    entered!(CFBooleanGetValue);
    look(boolean, |kind| Some(u8::from(matches!(kind, Kind::Bool(true))))).unwrap_or(0)
}

#[unsafe(no_mangle)]
pub extern "C" fn CFDataGetLength(data: Ref) -> c_long {
    entered!(CFDataGetLength);
    let length = |kind: &Kind| match kind {
        Kind::Data(bytes) => c_long::try_from(bytes.len()).ok(),
        _ => None,
    };
    look(data, length).unwrap_or(0)
}

#[unsafe(no_mangle)]
pub extern "C" fn CFDataGetBytePtr(data: Ref) -> *const u8 {
    entered!(CFDataGetBytePtr);
    let pointer = |kind: &Kind| match kind {
        Kind::Data(bytes) => Some(bytes.as_ptr()),
        _ => None,
    };
    look(data, pointer).unwrap_or(std::ptr::null())
}

#[unsafe(no_mangle)]
pub extern "C" fn CFArrayGetCount(array: Ref) -> c_long {
    entered!(CFArrayGetCount);
    let count = |kind: &Kind| match kind {
        Kind::Array(members) => c_long::try_from(members.len()).ok(),
        _ => None,
    };
    look(array, count).unwrap_or(0)
}

#[unsafe(no_mangle)]
pub extern "C" fn CFArrayGetValueAtIndex(array: Ref, index: c_long) -> Ref {
    let stage = entered!(CFArrayGetValueAtIndex);
    let member = |kind: &Kind| match kind {
        Kind::Array(members) => members.get(usize::try_from(index).ok()?).copied(),
        _ => None,
    };
    match look(array, member) {
        Some(member) => member as Ref,
        None => {
            stage.fault(format!("CFArrayGetValueAtIndex: no element {index}"));
            std::ptr::null()
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn CFArrayCreateMutable(allocator: Ref, room: c_long, calls: Ref) -> Ref {
    let stage = entered!(CFArrayCreateMutable);
    // SAFETY: as the caller's.
    let is_right = unsafe { is_table(calls, ELEMENTS) };
    if !allocator.is_null() || room != 0 || !is_right {
        stage.fault("CFArrayCreateMutable: arguments".to_owned());
    }
    create(Kind::Array(Vec::new()))
}

#[unsafe(no_mangle)]
pub extern "C" fn CFArrayAppendValue(array: Ref, value: Ref) {
    entered!(CFArrayAppendValue);
    retain(value);
    change(array, |kind| {
        if let Kind::Array(members) = kind {
            members.push(value as usize);
        }
    });
}

fn key_text(key: Ref) -> Option<String> {
    look(key, |kind| match kind {
        Kind::Text(text) => Some(text.clone()),
        _ => None,
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn CFDictionaryGetCount(dictionary: Ref) -> c_long {
    entered!(CFDictionaryGetCount);
    let count = |kind: &Kind| match kind {
        Kind::Dictionary(members) => c_long::try_from(members.len()).ok(),
        _ => None,
    };
    look(dictionary, count).unwrap_or(0)
}

#[unsafe(no_mangle)]
pub extern "C" fn CFDictionaryGetValue(dictionary: Ref, key: Ref) -> Ref {
    entered!(CFDictionaryGetValue);
    let Some(key) = key_text(key) else { return std::ptr::null() };
    let member = |kind: &Kind| match kind {
        Kind::Dictionary(members) => {
            members.iter().find(|(name, _)| *name == key).map(|(_, member)| *member)
        }
        _ => {
            stage().fault("CFDictionaryGetValue: no dictionary".to_owned());
            None
        }
    };
    look(dictionary, member).map_or(std::ptr::null(), |member| member as Ref)
}

/// Keys are texts that live as long as the dictionary does; here they live for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn CFDictionaryGetKeysAndValues(
    dictionary: Ref,
    keys: *mut Ref,
    values: *mut Ref,
) {
    entered!(CFDictionaryGetKeysAndValues);
    let members = look(dictionary, |kind| match kind {
        Kind::Dictionary(members) => Some(members.clone()),
        _ => None,
    });
    for (place, (key, value)) in members.unwrap_or_default().into_iter().enumerate() {
        // SAFETY: the caller gives as many places as the dictionary has members.
        unsafe {
            keys.add(place).write(crate::objects::eternal(&key));
            values.add(place).write(value as Ref);
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn CFDictionaryCreateMutable(
    allocator: Ref,
    room: c_long,
    keys: Ref,
    values: Ref,
) -> Ref {
    let stage = entered!(CFDictionaryCreateMutable);
    // SAFETY: as the caller's.
    let is_right = unsafe { is_table(keys, KEYS) && is_table(values, VALUES) };
    if !allocator.is_null() || room != 0 || !is_right {
        stage.fault("CFDictionaryCreateMutable: arguments".to_owned());
    }
    create(Kind::Dictionary(Vec::new()))
}

#[unsafe(no_mangle)]
pub extern "C" fn CFDictionarySetValue(dictionary: Ref, key: Ref, value: Ref) {
    entered!(CFDictionarySetValue);
    let Some(key) = key_text(key) else { return };
    retain(value);
    let mut replaced = None;
    change(dictionary, |kind| {
        let Kind::Dictionary(members) = kind else { return };
        match members.iter_mut().find(|(name, _)| *name == key) {
            Some((_, member)) => replaced = Some(std::mem::replace(member, value as usize)),
            None => members.push((key, value as usize)),
        }
    });
    if let Some(replaced) = replaced {
        release(replaced as Ref);
    }
}
