//! A device while it is read: its files, and which of them refused.

use std::cell::RefCell;
use std::io::{self, Read as _};
use std::ops::Deref;
use std::path::Path;

use super::device::Device;
use super::refused::Refused;
use crate::linux::{file, sysfs};
use crate::source::Problem;

/// A device that may be read, in one read of it.
pub struct Asked<'a> {
    device: &'a Device,
    refused: RefCell<Refused>,
}

impl Deref for Asked<'_> {
    type Target = Device;

    fn deref(&self) -> &Device {
        self.device
    }
}

impl<'a> Asked<'a> {
    pub fn new(device: &'a Device) -> Asked<'a> {
        Asked { device, refused: RefCell::default() }
    }

    /// Reads what is not read each time, and keeps which of it refused: that holds until the next time.
    pub fn seldom<T>(&self, kept: &mut Refused, read: impl FnOnce() -> T) -> T {
        let before = self.refused.borrow().len();
        let value = read();
        *kept = self.refused.borrow().since(before);
        value
    }

    /// Says once more what was kept.
    pub fn still(&self, kept: &Refused) {
        self.refused.borrow_mut().extend(kept);
    }

    /// True if that file of its own refused.
    pub fn has_refused(&self, name: &str) -> bool {
        self.refused.borrow().has(name)
    }

    /// Which files refused.
    pub fn problem(&self) -> Option<Problem> {
        self.refused.borrow().problem(&self.address)
    }

    fn note<T>(&self, dir: &Path, name: &str, result: io::Result<T>) -> Option<T> {
        self.refused.borrow_mut().note(|| self.shown(dir, name), result)
    }

    /// The name of a file without its device's: those of a card lie in the class, the others in its
    /// own folder.
    fn shown(&self, dir: &Path, name: &str) -> String {
        let path = dir.join(name);
        let of_card = || path.strip_prefix(self.card.as_deref()?).ok();
        let below = path.strip_prefix(&self.folder).ok().or_else(of_card);
        below.unwrap_or(&path).display().to_string()
    }

    /// Notes that the value of a file cannot be.
    pub fn doubt(&self, name: &str) {
        self.refused.borrow_mut().doubt(name.to_owned());
    }

    /// The value if it can be.
    fn possible<T>(&self, dir: &Path, name: &str, value: T, is_possible: bool) -> Option<T> {
        if !is_possible {
            self.refused.borrow_mut().doubt(self.shown(dir, name));
        }
        is_possible.then_some(value)
    }

    /// A number in a file of that folder.
    pub fn number_in(&self, dir: &Path, name: &str) -> Option<i64> {
        self.note(dir, name, sysfs::try_i64(dir, name))
    }

    /// The text of a file of its own; none if that is empty.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = self.note(&self.folder, name, sysfs::attribute(&self.folder, name))?;
        (!text.is_empty()).then_some(text)
    }

    /// The bytes of one.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let read = file::short(&self.folder.join(name));
        self.note(&self.folder, name, read).unwrap_or_default()
    }

    /// A table in binary, read in one call: of two the halves may be of two tables.
    pub fn table(&self, name: &str, most: usize) -> io::Result<Vec<u8>> {
        let mut table = vec![0; most];
        let length =
            file::open(&self.folder.join(name)).and_then(|mut file| file.read(&mut table))?;
        table.truncate(length);
        Ok(table)
    }

    /// Notes what refused, if it is there.
    pub fn refuse(&self, name: &str, error: io::Error) {
        self.note::<()>(&self.folder, name, Err(error));
    }

    /// A number in one of its files.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.number_in(&self.folder, name)
    }

    /// A count in one of its files: bytes, percent. Never below 0.
    pub fn count(&self, name: &str) -> Option<u64> {
        let number = self.number(name)?;
        self.possible(&self.folder, name, number.unsigned_abs(), number >= 0)
    }

    /// A share in percent.
    pub fn percent(&self, name: &str) -> Option<u64> {
        let percent = self.count(name)?;
        self.possible(&self.folder, name, percent, percent <= 100)
    }

    /// A number of its instruments.
    pub fn measured(&self, name: &str) -> Option<i64> {
        self.number_in(self.hwmon.as_ref()?, name)
    }

    /// A temperature of its instruments, in whole degrees.
    pub fn degrees(&self, name: &str) -> Option<i64> {
        let millidegrees = self.measured(name)?;
        let can_be = (-100_000..1_000_000).contains(&millidegrees);
        let millidegrees = self.possible(self.hwmon.as_ref()?, name, millidegrees, can_be)?;
        Some((millidegrees + 500).div_euclid(1_000))
    }

    /// The temperature with that label.
    pub fn degrees_of(&self, label: &str) -> Option<i64> {
        let (_, input) = self.labels.iter().find(|(of, _)| of == label)?;
        self.degrees(input)
    }

    /// A clock in so many hertz. 0 is what drivers write of a clock that is off, and of one that they
    /// do not know.
    pub fn clock_in(&self, dir: &Path, name: &str, unit: i64) -> Option<i64> {
        self.number_in(dir, name).filter(|&clock| clock > 0)?.checked_mul(unit)
    }
}
