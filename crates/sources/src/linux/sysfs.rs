//! Small reads of attribute files: one value to a file, as sysfs and control groups hold them.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::file;

/// No attribute is longer: sysfs gives at most a page, and the statistics of a control group on a
/// machine with a hundred disks stay below 16 KiB.
const LONGEST: u64 = 256 * 1024;

/// Fills `buffer` with the file's bytes.
pub fn read_into(path: &Path, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    file::open(path)?.take(LONGEST).read_to_end(buffer).map(|_| ())
}

/// The attribute without the white space around it, or why it could not be read.
pub fn attribute(dir: &Path, name: &str) -> io::Result<String> {
    let text = file::short(&dir.join(name))?;
    Ok(String::from_utf8(text)
        .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// The attribute as text; `None` if it is missing, unreadable or empty.
pub fn attribute_text(dir: &Path, name: &str) -> Option<String> {
    attribute(dir, name).ok().filter(|text| !text.is_empty())
}

/// The attribute as a number, or why it could not be read. Text that is no number is
/// [`io::ErrorKind::InvalidData`].
pub fn try_i64(dir: &Path, name: &str) -> io::Result<i64> {
    file::try_number(&dir.join(name))
}

/// The attribute as a number; `None` if it is missing, unreadable or none.
pub fn attribute_i64(dir: &Path, name: &str) -> Option<i64> {
    try_i64(dir, name).ok()
}

/// The names in a folder, sorted with numbers in their natural order (`hwmon2` before `hwmon10`).
/// Names that are no UTF-8 are left out: the kernel gives none.
pub fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = file::list_folder(dir)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort_by(|a, b| natural(a).cmp(&natural(b)).then_with(|| a.cmp(b)));
    Ok(names)
}

/// Sorts by the text before the first digit, then by the number that follows it.
fn natural(name: &str) -> (&str, u64) {
    let digits = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
    let (stem, rest) = name.split_at(digits);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (stem, rest[..end].parse().unwrap_or(0))
}

/// A folder of `/sys/class`, with a memory of what stood in it.
pub struct Class {
    /// The folder.
    pub dir: PathBuf,
    listed: Vec<(String, Option<PathBuf>)>,
}

impl Class {
    /// A class that was not looked at yet.
    pub fn new(dir: PathBuf) -> Class {
        Class { dir, listed: Vec::new() }
    }

    /// True if entries came, went or stand for another device since the last look: what was learnt
    /// of them must be learnt again.
    pub fn changed(&mut self) -> bool {
        let target = |name: &String| std::fs::read_link(self.dir.join(name)).ok();
        let names = names(&self.dir).unwrap_or_default().into_iter();
        let listed: Vec<_> = names.map(|name| (target(&name), name)).map(|(t, n)| (n, t)).collect();
        let changed = listed != self.listed;
        self.listed = listed;
        changed
    }
}

/// The device behind a class entry (`device` link, or the entry itself), with links resolved.
pub fn device(entry: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(entry.join("device")).ok()
}

/// The bus address in a device's path: `0000:01:00.0`, `coretemp.0`, `1-004c`. The innermost part
/// that looks like an address wins, because names such as `nvme0` are handed out in the order of
/// discovery and may belong to another device after the next boot.
pub fn address(device: &Path) -> Option<String> {
    // Only what lies below `devices` is the machine's; above it is where the tree was mounted.
    let parts = || {
        let names = device.components().rev().filter_map(|part| part.as_os_str().to_str());
        names.take_while(|&part| part != "devices")
    };
    parts().find(|part| is_address(part)).or_else(|| parts().next()).map(str::to_owned)
}

fn is_address(part: &str) -> bool {
    let marked = part.contains([':', '.', '-']);
    marked && part.ends_with(|c: char| c.is_ascii_hexdigit()) && !part.starts_with("pci0")
}

/// True if a read of the device would wake it, or disturb it on its way. One without runtime power
/// management does not sleep, nor does one whose status cannot be read.
pub fn sleeps(device: &Path) -> bool {
    let status = attribute_text(&device.join("power"), "runtime_status");
    matches!(status.as_deref(), Some("suspended" | "suspending" | "resuming"))
}

/// True if the kernel may send the device to sleep when nobody uses it.
pub fn may_sleep(device: &Path) -> bool {
    attribute_text(&device.join("power"), "control").as_deref() == Some("auto")
}

/// True if a device, or one that it hangs on, is suspended at run time: reading it would wake it.
/// The state is the kernel's own note and asking for it wakes nobody.
pub fn is_suspended(device: &Path) -> bool {
    device
        .ancestors()
        .take_while(|dir| !dir.ends_with("devices"))
        .take(8)
        .any(|dir| attribute_text(dir, "power/runtime_status").as_deref() == Some("suspended"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use retop_fake_machine::Scratch;

    #[test]
    fn numbers_and_texts_are_read_or_missing() {
        let scratch = Scratch::new();
        let tree = scratch.tree();
        tree.file("good", "42\n").expect("written");
        tree.file("negative", " -7 \n").expect("written");
        tree.file("huge", "99999999999999999999\n").expect("written");
        tree.file("words", "not a number\n").expect("written");
        tree.file("empty", "").expect("written");
        tree.file("bytes", b"\xff\xfe\n").expect("written");
        let dir = scratch.path();
        assert_eq!(attribute_i64(dir, "good"), Some(42));
        assert_eq!(attribute_i64(dir, "negative"), Some(-7));
        for name in ["huge", "words", "empty", "bytes", "missing"] {
            assert_eq!(attribute_i64(dir, name), None, "{name}");
        }
        assert_eq!(attribute_text(dir, "words").as_deref(), Some("not a number"));
        assert_eq!(attribute_text(dir, "empty"), None);
        assert_eq!(try_i64(dir, "missing").map_err(|e| e.kind()), Err(io::ErrorKind::NotFound));
        assert_eq!(try_i64(dir, "words").map_err(|e| e.kind()), Err(io::ErrorKind::InvalidData));
    }

    #[test]
    fn names_come_in_natural_order() {
        let scratch = Scratch::new();
        for name in ["hwmon10", "hwmon2", "acpi", "hwmon99999999999999999999999"] {
            scratch.tree().file(name, "").expect("written");
        }
        let names = names(scratch.path()).expect("listed");
        assert_eq!(names, ["acpi", "hwmon99999999999999999999999", "hwmon2", "hwmon10"]);
    }

    #[test]
    fn the_bus_address_is_the_innermost_one() {
        for (path, expected) in [
            ("/sys/devices/pci0000:00/0000:00:06.0/0000:01:00.0/nvme/nvme0", "0000:01:00.0"),
            ("/sys/devices/platform/coretemp.0", "coretemp.0"),
            ("/sys/devices/pci0000:00/0000:00:18.3", "0000:00:18.3"),
            ("/sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0", "0:0:0:0"),
            ("/sys/devices/virtual/thermal/thermal_zone0", "thermal_zone0"),
            ("/sys/devices/pci0000:00/0000:00:1f.4/i2c-1/1-004c", "1-004c"),
        ] {
            assert_eq!(address(Path::new(path)).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_suspended_parent_suspends() {
        let scratch = Scratch::new();
        let port = "sys/devices/pci0000:00/0000:00:06.0";
        scratch.tree().file(&format!("{port}/power/runtime_status"), "suspended\n").expect("ok");
        scratch.tree().folder(&format!("{port}/0000:01:00.0/nvme/nvme0")).expect("ok");
        assert!(is_suspended(&scratch.path().join(port).join("0000:01:00.0/nvme/nvme0")));
        assert!(!is_suspended(&scratch.path().join("sys/devices/pci0000:00")));
    }
}
