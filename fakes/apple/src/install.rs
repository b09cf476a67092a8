//! Putting a library with its scenario into a folder, and reading what was asked of it.

use std::collections::BTreeMap;
use std::ffi::{CString, c_void};
use std::io::{Error, ErrorKind, Result};
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use retop_fake_library::{Copied, copy};

use crate::scenario::Scenario;

/// A library in a folder.
#[derive(Debug)]
pub struct Installed(Copied);

/// The machines that come with it: name and scenario.
#[must_use]
pub fn chips() -> &'static [(&'static str, &'static str)] {
    &[
        ("m1", include_str!("../scenarios/m1.toml")),
        ("m1-ultra", include_str!("../scenarios/m1-ultra.toml")),
        ("m4-max", include_str!("../scenarios/m4-max.toml")),
        ("m5-max", include_str!("../scenarios/m5-max.toml")),
        ("m2-max", include_str!("../scenarios/m2-max.toml")),
        ("m3-pro", include_str!("../scenarios/m3-pro.toml")),
        ("m4", include_str!("../scenarios/m4.toml")),
        ("m4-pro", include_str!("../scenarios/m4-pro.toml")),
        ("m5", include_str!("../scenarios/m5.toml")),
        ("a18-pro", include_str!("../scenarios/a18-pro.toml")),
        ("intel", include_str!("../scenarios/intel.toml")),
        ("virtual", include_str!("../scenarios/virtual.toml")),
    ]
}

/// Puts a copy of the library into `folder`, which must exist, with this scenario; symbols named in
/// `absent` are not in the copy.
///
/// # Errors
///
/// Those of files, a scenario that means nothing, and a library that was not built beside the test.
pub fn install(folder: &Path, scenario: &str, absent: &[&str]) -> Result<Installed> {
    Scenario::parse(scenario).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    let absent = absent.iter().copied();
    copy(folder, "libretop_fake_apple.so", "libapple.so", scenario, absent).map(Installed)
}

impl Deref for Installed {
    type Target = Copied;

    fn deref(&self) -> &Copied {
        &self.0
    }
}

impl Installed {
    /// The library as somebody else in this program has opened it, for questions about that.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened.
    pub fn opened(&self) -> Result<Opened> {
        let path = CString::new(self.library().as_os_str().as_bytes())?;
        // SAFETY: the library is ours, and has no constructors.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) };
        if handle.is_null() {
            return Err(Error::other("the library cannot be opened"));
        }
        Ok(Opened { handle })
    }
}

/// A library in use.
#[derive(Debug)]
pub struct Opened {
    handle: *mut c_void,
}

/// What was asked of a library, and what is still held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// CoreFoundation objects, ports and pieces of memory that were not given back.
    pub objects: u64,
    pub ports: u64,
    pub memory: u64,
    /// Objects that there ever were.
    pub created: u64,
    /// Calls by symbol.
    pub calls: BTreeMap<String, u64>,
    /// What was wrong.
    pub faults: Vec<String>,
}

impl Opened {
    /// Lets it be so many seconds since the start, from now on: cheaper than by a file.
    pub fn set_clock(&self, seconds: f64) {
        // SAFETY: the symbol is ours and has this signature.
        unsafe {
            let symbol = libc::dlsym(self.handle, c"retop_fake_apple_set_clock".as_ptr());
            if !symbol.is_null() {
                std::mem::transmute::<*mut c_void, unsafe extern "C" fn(f64)>(symbol)(seconds);
            }
        }
    }

    /// What was asked of it so far.
    #[must_use]
    pub fn account(&self) -> Account {
        type Report = unsafe extern "C" fn(*mut u8, usize) -> usize;
        // SAFETY: the symbol is ours and has this signature; it writes no more than it is given
        // room for.
        let text = unsafe {
            let symbol = libc::dlsym(self.handle, c"retop_fake_apple_report".as_ptr());
            if symbol.is_null() {
                return Account::default();
            }
            let report = std::mem::transmute::<*mut c_void, Report>(symbol);
            let mut bytes = vec![0; 1 << 20];
            let length = report(bytes.as_mut_ptr(), bytes.len());
            bytes.truncate(length);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let mut account = Account::default();
        for line in text.lines() {
            let mut words = line.splitn(3, ' ');
            let (kind, name) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let number = words.next().and_then(|number| number.parse().ok()).unwrap_or(0);
            match (kind, name) {
                ("held", "objects") => account.objects = number,
                ("held", "ports") => account.ports = number,
                ("held", "memory") => account.memory = number,
                ("created", _) => account.created = number,
                ("call", symbol) => drop(account.calls.insert(symbol.to_owned(), number)),
                _ => account.faults.push(line.to_owned()),
            }
        }
        account
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: the handle was given by `dlopen` and is not used after this.
        unsafe { libc::dlclose(self.handle) };
    }
}
