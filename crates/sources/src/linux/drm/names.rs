//! What people call a device: by the lists of names that the machine itself has, if it has any.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use crate::linux::parse;

/// What a device says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Maker and model.
    pci: Option<(u64, u64)>,
    revision: Option<u64>,
    /// `arm,mali-bifrost`.
    compatible: Option<String>,
}

/// Lists of all PCI devices, in the order in which they are tried; they come with hwdata.
const PCI: [&str; 2] = ["usr/share/hwdata/pci.ids", "usr/share/misc/pci.ids"];
/// AMD's names by model and revision; they come with libdrm.
const AMD: &str = "usr/share/libdrm/amdgpu.ids";
const AMD_MAKER: u64 = 0x1002;
/// No line of these lists is longer; the longest of 2026 has 180 bytes.
const LONGEST_LINE: u64 = 4096;

impl Ids {
    pub fn new(pci: Option<&str>, revision: Option<&str>, compatible: Option<String>) -> Ids {
        let hexadecimal = |text: &str| parse::hexadecimal(text.as_bytes());
        let pci = pci.and_then(|text| text.split_once(':'));
        Ids {
            pci: pci.and_then(|(maker, model)| Some((hexadecimal(maker)?, hexadecimal(model)?))),
            revision: revision.and_then(hexadecimal),
            compatible,
        }
    }

    /// The maker's number of the model.
    pub fn model(&self) -> Option<u64> {
        self.pci.map(|(_, model)| model)
    }

    /// Its name, or what it says of itself behind the name of its driver.
    pub fn name(&self, base: &Path, driver: &str) -> Option<String> {
        let Some((maker, model)) = self.pci else { return self.compatible.clone() };
        let amd = || {
            let revision = self.revision.filter(|_| maker == AMD_MAKER)?;
            amd(&base.join(AMD), model, revision)
        };
        let listed = || PCI.iter().find_map(|list| pci(&base.join(list), maker, model));
        amd().or_else(listed).or_else(|| Some(format!("{driver} {maker:04x}:{model:04x}")))
    }
}

/// Lines of a list, one after the other: 1.4 MB are not held at once.
fn lines(path: &Path, mut found: impl FnMut(&[u8]) -> Option<Option<String>>) -> Option<String> {
    use std::io::Read as _;
    let mut list = BufReader::with_capacity(64 << 10, File::open(path).ok()?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = list.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).ok()?;
        if length == 0 {
            return None;
        }
        if let Some(name) = found(&line) {
            return name;
        }
    }
}

/// Model, revision and name, commas and blanks between them.
fn amd(path: &Path, model: u64, revision: u64) -> Option<String> {
    lines(path, |line| {
        let mut parts = line.splitn(3, |&byte| byte == b',').map(<[u8]>::trim_ascii);
        let ids = [parts.next()?, parts.next()?].map(parse::hexadecimal);
        let name = parts.next()?;
        (ids == [Some(model), Some(revision)]).then(|| text(name))
    })
}

/// The maker's line begins with its number, those of its models follow behind a tab.
fn pci(path: &Path, maker: u64, model: u64) -> Option<String> {
    let mut within = false;
    lines(path, |line| {
        if line.starts_with(b"#") || line.starts_with(b"\t\t") {
            return None;
        }
        let number = |digits: Option<&[u8]>| digits.and_then(parse::hexadecimal);
        match line.strip_prefix(b"\t") {
            None if within => Some(None),
            None => {
                within = number(line.get(..4)) == Some(maker);
                None
            }
            Some(rest) if within && number(rest.get(..4)) == Some(model) => {
                let name = rest.get(4..)?.trim_ascii();
                // What it is sold as stands in brackets behind the name of the chip.
                let sold = name.iter().position(|&byte| byte == b'[');
                let sold = sold.and_then(|open| name.get(open + 1..)?.strip_suffix(b"]"));
                Some(text(sold.unwrap_or(name)))
            }
            Some(_) => None,
        }
    })
}

fn text(name: &[u8]) -> Option<String> {
    Some(String::from_utf8_lossy(name).into_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tree::Tree;

    #[test]
    fn the_lists_of_the_machine_name_its_devices() {
        let tree = Tree::new(&[
            (
                "usr/share/misc/pci.ids",
                "# List\n1002  Advanced Micro Devices\n\t744c  Navi 31 [Radeon RX 7900]\n\
                 \t\t1002 0e3b  A board\n8086  Intel\n\t7d55  Meteor Lake-P [Intel Arc Graphics]\n\
                 \t7d1d  Meteor Lake NPU\n\tff\n\u{e9}\nC 03  Display controller\n",
            ),
            ("usr/share/libdrm/amdgpu.ids", "1.0.0\n744C,\tC8,\tAMD Radeon RX 7900 XTX\nx,\n"),
        ]);
        let base = tree.roots().base;
        for (pci, revision, name) in [
            ("1002:744C", Some("0xc8"), "AMD Radeon RX 7900 XTX"),
            ("1002:744C", Some("0xff"), "Radeon RX 7900"),
            ("1002:744C", None, "Radeon RX 7900"),
            ("8086:7D55", Some("0x08"), "Intel Arc Graphics"),
            ("8086:7D1D", None, "Meteor Lake NPU"),
            ("8086:0001", None, "xe 8086:0001"),
            ("1234:1111", None, "xe 1234:1111"),
        ] {
            let name = Some(name.to_owned());
            assert_eq!(Ids::new(Some(pci), revision, None).name(&base, "xe"), name, "{pci}");
        }
        let board = Ids::new(None, None, Some("arm,mali-bifrost".to_owned()));
        assert_eq!(board.name(&base, "xe").as_deref(), Some("arm,mali-bifrost"));
        assert_eq!(Ids::new(Some("nonsense"), Some("x"), None).name(&base, "xe"), None);
        // Without lists the numbers stand for themselves.
        let bare =
            Ids::new(Some("1002:744C"), Some("0xc8"), None).name(Path::new("/nowhere"), "amdgpu");
        assert_eq!(bare.as_deref(), Some("amdgpu 1002:744c"));
    }
}
