//! Objects with reference counts. A reference is a number that is never used again, so that the use
//! of an object after its end is seen and does no harm.

use std::collections::HashMap;
use std::ffi::c_void;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::stage::stage;

/// What callers hold: no address, a number.
pub type Ref = *const c_void;

/// What an object is.
#[derive(Clone, Debug)]
pub enum Kind {
    Text(String),
    Integer(i64),
    Bool(bool),
    /// The bytes do not move: callers hold their address.
    Data(Box<[u8]>),
    Array(Vec<usize>),
    Dictionary(Vec<(String, usize)>),
    /// A subscription to channels: which of them, by number.
    Subscription(Vec<usize>),
    /// A service, client or event of the sensors' event system: its number.
    Sensor(usize),
    Client,
}

struct Object {
    count: i64,
    kind: Kind,
    is_eternal: bool,
}

#[derive(Default)]
struct Heap {
    next: usize,
    live: HashMap<usize, Object, BuildHasherDefault<Number>>,
    eternal: HashMap<String, usize>,
    created: u64,
}

/// References are numbers that are given out in order: they are spread as they are.
#[derive(Default)]
struct Number(u64);

impl Hasher for Number {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = self.0 << 8 | u64::from(byte));
    }

    fn write_usize(&mut self, number: usize) {
        // The upper bits tell entries of a table apart, the lower ones choose their place.
        self.0 = (number as u64 / 16).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

static HEAP: LazyLock<Mutex<Heap>> = LazyLock::new(Mutex::default);

/// References begin here: no address of a program.
const FIRST: usize = 0x4150_0000;

fn heap() -> MutexGuard<'static, Heap> {
    HEAP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A new object, with one reference of the caller's. Members of containers are given over.
pub fn create(kind: Kind) -> Ref {
    let mut heap = heap();
    heap.created += 1;
    put(&mut heap, kind, false) as Ref
}

fn put(heap: &mut Heap, kind: Kind, is_eternal: bool) -> usize {
    heap.next += 16;
    let id = FIRST + heap.next;
    heap.live.insert(id, Object { count: 1, kind, is_eternal });
    id
}

/// A text that lives for ever, as the names of channels do.
pub fn eternal(text: &str) -> Ref {
    let mut heap = heap();
    if let Some(&known) = heap.eternal.get(text) {
        return known as Ref;
    }
    let id = put(&mut heap, Kind::Text(text.to_owned()), true);
    heap.eternal.insert(text.to_owned(), id);
    id as Ref
}

/// The object; `None`, and a fault, if there is none of that number.
pub fn look<T>(object: Ref, of: impl FnOnce(&Kind) -> Option<T>) -> Option<T> {
    let found = {
        let heap = heap();
        heap.live.get(&(object as usize)).map(|object| of(&object.kind))
    };
    if found.is_none() {
        stage().fault(format!("use of {object:?}, which is no object"));
    }
    found?
}

/// Changes the object.
pub fn change(object: Ref, of: impl FnOnce(&mut Kind)) {
    let mut heap = heap();
    match heap.live.get_mut(&(object as usize)) {
        Some(object) => of(&mut object.kind),
        None => {
            drop(heap);
            stage().fault(format!("change of {object:?}, which is no object"));
        }
    }
}

/// One reference more.
pub fn retain(object: Ref) {
    let mut heap = heap();
    match heap.live.get_mut(&(object as usize)) {
        Some(object) => object.count += 1,
        None => {
            drop(heap);
            stage().fault(format!("retain of {object:?}, which is no object"));
        }
    }
}

/// One reference less; the last one ends the object and gives back what it holds.
pub fn release(object: Ref) {
    let mut waiting = vec![object as usize];
    while let Some(id) = waiting.pop() {
        let mut heap = heap();
        let Some(object) = heap.live.get_mut(&id) else {
            drop(heap);
            stage().fault(format!("release of {id:#x}, which is no object"));
            continue;
        };
        if object.is_eternal {
            drop(heap);
            stage().fault(format!("release of {id:#x}, which is borrowed for ever"));
            continue;
        }
        object.count -= 1;
        if object.count > 0 {
            continue;
        }
        match heap.live.remove(&id).map(|object| object.kind) {
            Some(Kind::Array(members)) => waiting.extend(members),
            Some(Kind::Dictionary(members)) => {
                waiting.extend(members.into_iter().map(|(_, id)| id))
            }
            _ => {}
        }
    }
}

/// How many objects somebody still holds, and how many there ever were.
pub fn census() -> (usize, u64) {
    let heap = heap();
    (heap.live.values().filter(|object| !object.is_eternal).count(), heap.created)
}

/// Builds a property.
pub fn build(value: &Property) -> usize {
    let kind = match value {
        Property::Text(text) => Kind::Text(text.clone()),
        Property::Integer(number) => Kind::Integer(*number),
        Property::Bool(yes) => Kind::Bool(*yes),
        Property::Data(bytes) => Kind::Data(bytes.clone().into()),
        Property::Array(values) => Kind::Array(values.iter().map(build).collect()),
        Property::Dictionary(members) => {
            Kind::Dictionary(members.iter().map(|(key, of)| (key.clone(), build(of))).collect())
        }
    };
    create(kind) as usize
}

/// A property of the registry.
#[derive(Clone, Debug)]
pub enum Property {
    Text(String),
    Integer(i64),
    Bool(bool),
    Data(Vec<u8>),
    Array(Vec<Property>),
    Dictionary(Vec<(String, Property)>),
}

/// A dictionary out of pairs.
pub fn dictionary(members: impl IntoIterator<Item = (&'static str, Property)>) -> Property {
    Property::Dictionary(members.into_iter().map(|(key, of)| (key.to_owned(), of)).collect())
}

impl From<&str> for Property {
    fn from(text: &str) -> Property {
        Property::Text(text.to_owned())
    }
}

impl From<u64> for Property {
    fn from(number: u64) -> Property {
        Property::Integer(number.cast_signed())
    }
}
