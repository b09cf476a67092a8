//! Names of users.

use std::collections::HashMap;
use std::ffi::CStr;
use std::path::PathBuf;
use std::time::SystemTime;

use retop_model::Text;

use crate::roots::Roots;

/// Looks up names in `etc/passwd` and, on this very machine, asks the name service for the others.
/// That can go over a network: only for threads that may wait.
pub struct Users {
    path: PathBuf,
    changed: Option<SystemTime>,
    names: HashMap<u32, Text>,
    ask_service: bool,
}

impl Users {
    pub fn new(roots: &Roots) -> Users {
        Users {
            path: roots.etc.join("passwd"),
            changed: None,
            names: HashMap::new(),
            ask_service: roots.is_real(),
        }
    }

    /// The name that the file gives, as of the last look: for those who cannot wait.
    pub fn local(&self, id: u32) -> Option<Text> {
        self.names.get(&id).cloned()
    }

    /// Reads the file again if it has changed.
    pub fn look(&mut self) {
        let changed = std::fs::metadata(&self.path).and_then(|facts| facts.modified()).ok();
        if changed == self.changed {
            return;
        }
        let names = std::fs::read(&self.path).map(|text| passwd(&text)).unwrap_or_default();
        // A file caught in the middle of being written has no lines yet: the next look is better.
        if !names.is_empty() {
            (self.changed, self.names) = (changed, names);
        }
    }

    /// The user's name, or the number in digits.
    pub fn name(&mut self, id: u32) -> Text {
        self.look();
        if let Some(name) = self.names.get(&id) {
            return name.clone();
        }
        let name = self.ask_service.then(|| service(id)).flatten();
        let name = name.unwrap_or_else(|| Text::from(id.to_string()));
        self.names.insert(id, name.clone());
        name
    }
}

/// `name:password:number:…` for each line.
pub fn passwd(text: &[u8]) -> HashMap<u32, Text> {
    let entry = |line: &[u8]| {
        let mut fields = line.split(|&byte| byte == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let id = std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
        Some((id, Text::new(name)))
    };
    // The first of two lines with one number counts, as in the C library.
    text.split(|&byte| byte == b'\n').rev().filter_map(entry).collect()
}

fn service(id: u32) -> Option<Text> {
    let mut buffer = [0 as libc::c_char; 4096];
    // SAFETY: zero bytes are a valid passwd (null pointers); every pointer is to a live local, and
    // the strings that the call points to lie in `buffer`, which outlives their use.
    unsafe {
        let mut entry: libc::passwd = std::mem::zeroed();
        let mut found: *mut libc::passwd = std::ptr::null_mut();
        let status =
            libc::getpwuid_r(id, &raw mut entry, buffer.as_mut_ptr(), buffer.len(), &raw mut found);
        if status != 0 || found.is_null() || entry.pw_name.is_null() {
            return None;
        }
        Some(Text::new(CStr::from_ptr(entry.pw_name).to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwd_lines() {
        let names =
            passwd(b"root:x:0:0::/:/bin/sh\nbad\n:x:5:\nalice:x:1000:1\ntoor:x:0:0\n\xff:x:7:");
        assert_eq!(names[&0].shown(), "root");
        assert_eq!(names[&1000].shown(), "alice");
        assert_eq!(names[&7].shown(), "?");
        assert_eq!(names.len(), 3);
    }
}
