//! Objects of CoreFoundation: what is owned is released once, what is borrowed does not outlive its
//! owner, and values are copied out.

use std::ffi::{CStr, c_long, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use super::library::{Library, Ref};
use super::value::Value;

const UTF8: u32 = 0x0800_0100;
/// 64-bit integers and floats, among CoreFoundation's kinds of numbers.
const INTEGER: c_long = 4;
const FLOAT: c_long = 6;
/// Deeper nests of properties are not followed.
const DEPTH: u32 = 8;

/// An object that is ours to release.
pub struct Owned {
    pointer: NonNull<c_void>,
    library: Arc<Library>,
}

// SAFETY: CoreFoundation counts references atomically, and no object here is changed after it was
// made.
unsafe impl Send for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(release) = self.library.symbols.cf_release {
            // SAFETY: the reference is ours, and this is the last use of it.
            unsafe { release(self.pointer.as_ptr()) };
        }
    }
}

/// An object that somebody else holds as long as `'a`.
#[derive(Clone, Copy)]
pub struct Borrowed<'a> {
    pointer: NonNull<c_void>,
    library: &'a Arc<Library>,
    owner: PhantomData<&'a Owned>,
}

impl Owned {
    /// Takes over a reference that a function has given. `None` for a null one.
    ///
    /// # Safety
    ///
    /// The reference must be ours: from a function with Create or Copy in its name.
    pub unsafe fn take(library: &Arc<Library>, reference: Ref) -> Option<Owned> {
        let pointer = NonNull::new(reference.cast_mut())?;
        Some(Owned { pointer, library: Arc::clone(library) })
    }

    /// A text.
    pub fn text(library: &Arc<Library>, text: &str) -> Option<Owned> {
        let create = library.symbols.cf_string_create.filter(|_| can_release(library))?;
        let length = c_long::try_from(text.len()).ok()?;
        // SAFETY: so many bytes of UTF-8 are copied; Create gives a reference of our own.
        unsafe { Owned::take(library, create(std::ptr::null(), text.as_ptr(), length, UTF8, 0)) }
    }

    /// A number.
    pub fn integer(library: &Arc<Library>, number: i64) -> Option<Owned> {
        let create = library.symbols.cf_number_create.filter(|_| can_release(library))?;
        // SAFETY: 64 bits are read; Create gives a reference of our own.
        unsafe {
            Owned::take(library, create(std::ptr::null(), INTEGER, (&raw const number).cast()))
        }
    }

    /// A dictionary of these members.
    pub fn dictionary(library: &Arc<Library>, members: &[(&str, &Owned)]) -> Option<Owned> {
        let symbols = &library.symbols;
        let create = symbols.cf_dictionary_create.filter(|_| can_release(library))?;
        let calls = (symbols.cf_key_calls?, symbols.cf_value_calls?);
        // SAFETY: the callbacks are those that retain members; Create gives a reference of our own.
        let made = unsafe { Owned::take(library, create(std::ptr::null(), 0, calls.0, calls.1))? };
        for (key, value) in members {
            made.set(key, value)?;
        }
        Some(made)
    }

    /// An empty array that holds what is put into it.
    pub fn array(library: &Arc<Library>) -> Option<Owned> {
        let symbols = &library.symbols;
        let create = symbols.cf_array_create.filter(|_| can_release(library))?;
        // SAFETY: the callbacks are those that retain elements; Create gives a reference of our own.
        unsafe { Owned::take(library, create(std::ptr::null(), 0, symbols.cf_array_calls?)) }
    }

    /// Puts an element at the end of an array of our own.
    pub fn append(&self, element: Borrowed<'_>) -> Option<()> {
        let append = self.library.symbols.cf_array_append?;
        // SAFETY: both are objects that live; the array retains its element.
        unsafe { append(self.pointer.as_ptr(), element.pointer.as_ptr()) };
        Some(())
    }

    /// Sets a member of a mutable dictionary.
    pub fn set(&self, key: &str, value: &Owned) -> Option<()> {
        let set = self.library.symbols.cf_dictionary_set?;
        let key = Owned::text(&self.library, key)?;
        // SAFETY: all three are objects that live; the dictionary retains key and value.
        unsafe { set(self.pointer.as_ptr(), key.pointer.as_ptr(), value.pointer.as_ptr()) };
        Some(())
    }

    /// The object, borrowed.
    pub fn borrow(&self) -> Borrowed<'_> {
        Borrowed { pointer: self.pointer, library: &self.library, owner: PhantomData }
    }

    /// For functions that do not take over the reference.
    pub fn as_ref(&self) -> Ref {
        self.pointer.as_ptr()
    }
}

/// Nothing is created that could not be released.
fn can_release(library: &Library) -> bool {
    library.symbols.cf_release.is_some()
}

impl<'a> Borrowed<'a> {
    fn of(self, reference: Ref) -> Option<Borrowed<'a>> {
        Some(Borrowed { pointer: NonNull::new(reference.cast_mut())?, ..self })
    }

    /// What a function gives that borrows from this object: those with Get in their names.
    ///
    /// # Safety
    ///
    /// The function must take an object of this kind, and what it gives must live as long.
    pub unsafe fn get(
        self,
        function: Option<unsafe extern "C" fn(Ref) -> Ref>,
    ) -> Option<Borrowed<'a>> {
        // SAFETY: the caller says so.
        self.of(unsafe { function?(self.pointer.as_ptr()) })
    }

    /// The same for functions that take a place.
    ///
    /// # Safety
    ///
    /// As for [`Borrowed::get`].
    pub unsafe fn get_at(
        self,
        function: unsafe extern "C" fn(Ref, i32) -> Ref,
        place: i32,
    ) -> Option<Borrowed<'a>> {
        // SAFETY: the caller says so.
        self.of(unsafe { function(self.pointer.as_ptr(), place) })
    }

    pub fn as_ref(self) -> Ref {
        self.pointer.as_ptr()
    }

    /// The number of its kind.
    fn kind(self) -> Option<usize> {
        // SAFETY: it takes any object.
        Some(unsafe { self.library.symbols.cf_type?(self.pointer.as_ptr()) })
    }

    fn is(self, kind: Option<usize>) -> bool {
        kind.is_some() && self.kind() == kind
    }

    /// A member of a dictionary.
    pub fn member(self, key: &Owned) -> Option<Borrowed<'a>> {
        let symbols = &self.library.symbols;
        let get = symbols.cf_dictionary_get.filter(|_| self.is(self.library.kinds.dictionary))?;
        // SAFETY: it is a dictionary, and keys are texts. The member lives as long as it.
        self.of(unsafe { get(self.pointer.as_ptr(), key.as_ref()) })
    }

    /// The elements of an array; none of anything else.
    pub fn elements(self) -> impl Iterator<Item = Borrowed<'a>> {
        let symbols = &self.library.symbols;
        let at = symbols.cf_array_at.filter(|_| self.is(self.library.kinds.array));
        let count = match (at, symbols.cf_array_count) {
            // SAFETY: it is an array.
            (Some(_), Some(count)) => unsafe { count(self.pointer.as_ptr()) },
            _ => 0,
        };
        // SAFETY: the place is below the count. The element lives as long as the array.
        (0..count).filter_map(move |place| self.of(unsafe { at?(self.pointer.as_ptr(), place) }))
    }

    /// The text of a text, if there is room for it: what is compared is not copied to the heap.
    pub fn text_within(self, room: &mut [u8; 128]) -> Option<&str> {
        let symbols = &self.library.symbols;
        let bytes = symbols.cf_string_bytes.filter(|_| self.is(self.library.kinds.string))?;
        let length = c_long::try_from(room.len()).ok()?;
        // SAFETY: it is a text; no more is written than there is room for.
        let fits = unsafe { bytes(self.pointer.as_ptr(), room.as_mut_ptr().cast(), length, UTF8) };
        let text = CStr::from_bytes_until_nul(room).ok().filter(|_| fits != 0)?;
        text.to_str().ok()
    }

    /// The text of a text.
    pub fn text(self) -> Option<String> {
        let symbols = &self.library.symbols;
        let bytes = symbols.cf_string_bytes.filter(|_| self.is(self.library.kinds.string))?;
        if let Some(text) = self.text_within(&mut [0; 128]) {
            return Some(text.to_owned());
        }
        // SAFETY: it is a text.
        let length = unsafe { symbols.cf_string_length?(self.pointer.as_ptr()) };
        // UTF-16 units, of up to three bytes each, and the end.
        let room =
            length.checked_mul(3)?.checked_add(1).filter(|room| (1..1 << 20).contains(room))?;
        let mut large = vec![0_u8; usize::try_from(room).ok()?];
        // SAFETY: as above.
        let fits = unsafe { bytes(self.pointer.as_ptr(), large.as_mut_ptr().cast(), room, UTF8) };
        (fits != 0).then(|| super::library::text(&large))
    }

    /// The bytes of data.
    pub fn data(self) -> Option<&'a [u8]> {
        let symbols = &self.library.symbols;
        let bytes = symbols.cf_data_bytes.filter(|_| self.is(self.library.kinds.data))?;
        // SAFETY: it is data; the bytes live as long as it, and are never changed.
        unsafe {
            let length = usize::try_from(symbols.cf_data_length?(self.pointer.as_ptr())).ok()?;
            let start = bytes(self.pointer.as_ptr());
            if start.is_null() || length == 0 {
                return Some(&[]);
            }
            Some(std::slice::from_raw_parts(start, length))
        }
    }

    /// A copy of a property with all that is in it; what is of no known kind is left out.
    pub fn value(self) -> Option<Value> {
        self.value_within(DEPTH)
    }

    fn value_within(self, depth: u32) -> Option<Value> {
        let symbols = &self.library.symbols;
        let depth = depth.checked_sub(1)?;
        let pointer = self.pointer.as_ptr();
        let (kind, kinds) = (self.kind(), &self.library.kinds);
        let is = |of: Option<usize>| kind.is_some() && kind == of;
        if is(kinds.string) {
            return self.text().map(Value::Text);
        }
        if is(kinds.data) {
            return self.data().map(|bytes| Value::Data(bytes.to_vec()));
        }
        if is(kinds.array) {
            let values = self.elements().filter_map(|element| element.value_within(depth));
            return Some(Value::Array(values.collect()));
        }
        if is(kinds.dictionary) {
            return self.members(depth);
        }
        if is(kinds.boolean) {
            // SAFETY: it is yes or no.
            return Some(Value::Bool(unsafe { symbols.cf_boolean_value?(pointer) } != 0));
        }
        if !is(kinds.number) {
            return None;
        }
        let value = symbols.cf_number_value?;
        // SAFETY: it is a number; 64 bits are written in either case.
        unsafe {
            if symbols.cf_number_is_float?(pointer) != 0 {
                let mut real = 0.0_f64;
                let _ = value(pointer, FLOAT, (&raw mut real).cast());
                return Some(Value::Real(real));
            }
            // Zero also for one that does not fit, whose lower bits are written.
            let mut whole = 0_i64;
            let _ = value(pointer, INTEGER, (&raw mut whole).cast());
            Some(Value::Integer(whole))
        }
    }

    fn members(self, depth: u32) -> Option<Value> {
        let symbols = &self.library.symbols;
        let pointer = self.pointer.as_ptr();
        let all = symbols.cf_dictionary_all?;
        // SAFETY: it is a dictionary.
        let count = usize::try_from(unsafe { symbols.cf_dictionary_count?(pointer) }).ok()?;
        let mut keys: Vec<Ref> = vec![std::ptr::null(); count];
        let mut values: Vec<Ref> = vec![std::ptr::null(); count];
        // SAFETY: it is a dictionary, and there is a place for each of its members.
        unsafe { all(pointer, keys.as_mut_ptr(), values.as_mut_ptr()) };
        let pairs = keys.into_iter().zip(values).filter_map(|(key, value)| {
            Some((self.of(key)?.text()?, self.of(value)?.value_within(depth)?))
        });
        Some(Value::Dictionary(pairs.collect()))
    }
}
