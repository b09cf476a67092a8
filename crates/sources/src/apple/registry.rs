//! The registry of devices: entries, their properties, their children.

use std::ffi::CString;
use std::sync::Arc;

use super::corefoundation::Owned;
use super::library::{Library, Port, Ref, text};
use super::value::Value;

/// A port that is ours to give back: an entry, or an iterator over entries.
pub struct Entry {
    port: Port,
    library: Arc<Library>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(release) = self.library.symbols.io_release {
            // SAFETY: the port is ours, and this is the last use of it.
            let _ = unsafe { release(self.port) };
        }
    }
}

impl Entry {
    fn take(library: &Arc<Library>, port: Port) -> Option<Entry> {
        (port != 0).then(|| Entry { port, library: Arc::clone(library) })
    }

    /// The number by which calls know it.
    pub fn port(&self) -> Port {
        self.port
    }

    /// Every entry that is left of an iterator.
    fn rest(&self) -> Vec<Entry> {
        let Some(next) = self.library.symbols.io_next else { return Vec::new() };
        // SAFETY: the port is an iterator; it gives ports that are ours, and 0 at its end.
        let entries = std::iter::from_fn(|| Entry::take(&self.library, unsafe { next(self.port) }));
        entries.collect()
    }

    /// Its name.
    pub fn name(&self) -> Option<String> {
        let mut bytes = [0_u8; 128];
        // SAFETY: names have 128 bytes at most.
        let code = unsafe { self.library.symbols.io_name?(self.port, bytes.as_mut_ptr().cast()) };
        (code == 0).then(|| text(&bytes))
    }

    /// The number by which the registry knows it until the machine is restarted.
    pub fn id(&self) -> Option<u64> {
        let mut id = 0;
        // SAFETY: one number is written.
        let code = unsafe { self.library.symbols.io_id?(self.port, &raw mut id) };
        (code == 0).then_some(id)
    }

    /// All of its properties.
    pub fn properties(&self) -> Option<Value> {
        self.library.symbols.cf_release?;
        let mut properties: Ref = std::ptr::null();
        // SAFETY: one reference is written, which is ours.
        let properties = unsafe {
            let create = self.library.symbols.io_properties?;
            let code = create(self.port, &raw mut properties, std::ptr::null(), 0);
            Owned::take(&self.library, properties).filter(|_| code == 0)?
        };
        properties.borrow().value()
    }

    /// One of its properties.
    pub fn property(&self, name: &str) -> Option<Value> {
        let key = Owned::text(&self.library, name)?;
        // SAFETY: the key is a text; Create gives a reference of our own.
        let property = unsafe {
            let create = self.library.symbols.io_property?;
            Owned::take(&self.library, create(self.port, key.as_ref(), std::ptr::null(), 0))?
        };
        property.borrow().value()
    }

    /// Those of its properties that have these names.
    pub fn some(&self, names: &[&str]) -> Value {
        let of = |&name: &&str| Some((name.to_owned(), self.property(name)?));
        Value::Dictionary(names.iter().filter_map(of).collect())
    }

    /// The entries below it in a plane.
    pub fn children(&self, plane: &str) -> Vec<Entry> {
        let (Some(children), Ok(plane)) = (self.library.symbols.io_children, CString::new(plane))
        else {
            return Vec::new();
        };
        let mut iterator = 0;
        // SAFETY: one port is written, which is ours.
        let code = unsafe { children(self.port, plane.as_ptr(), &raw mut iterator) };
        let iterator = Entry::take(&self.library, iterator).filter(|_| code == 0);
        iterator.map_or_else(Vec::new, |iterator| iterator.rest())
    }
}

/// Every service of a class, and of those made of it.
pub fn services(library: &Arc<Library>, class: &str) -> Vec<Entry> {
    let symbols = &library.symbols;
    let (Some(matching), Some(services), Ok(class), Some(_), Some(_)) = (
        symbols.io_matching,
        symbols.io_services,
        CString::new(class),
        symbols.io_next,
        symbols.io_release,
    ) else {
        return Vec::new();
    };
    let mut iterator = 0;
    // SAFETY: the dictionary is given over to the second call, which releases it. One port is
    // written, which is ours.
    let code = unsafe {
        let wanted = matching(class.as_ptr());
        if wanted.is_null() {
            return Vec::new();
        }
        services(0, wanted, &raw mut iterator)
    };
    let iterator = Entry::take(library, iterator).filter(|_| code == 0);
    iterator.map_or_else(Vec::new, |iterator| iterator.rest())
}

/// The entry at a path.
pub fn at(library: &Arc<Library>, path: &str) -> Option<Entry> {
    let path = CString::new(path).ok()?;
    library.symbols.io_release?;
    // SAFETY: a C string is read; the port is ours.
    Entry::take(library, unsafe { library.symbols.io_from_path?(0, path.as_ptr()) })
}
