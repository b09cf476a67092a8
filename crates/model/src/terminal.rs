//! Names of terminals, from their device numbers.

use std::fmt::{self, Display, Formatter};

/// The controlling terminal of a process, by the number that the kernel gives in `stat`: major
/// number in the bits from 8 to 15, minor number in the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal(pub i64);

/// The longest name: two numbers.
const LONGEST: usize = 24;

impl Display for Terminal {
    /// `pts/3`, `tty1`, `ttyS0`; other drivers' names are told by nobody but udev, so that those
    /// are `204:64`. A process without a terminal has `-`, as in ps.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let number = self.0;
        let (major, minor) = (number >> 8 & 0xff, number & 0xff | number >> 12 & 0xf_ff00);
        match (major, minor) {
            (0, 0) => f.write_str("-"),
            (4, 0..64) => write!(f, "tty{minor}"),
            (4, _) => write!(f, "ttyS{}", minor - 64),
            (136..=143, _) => write!(f, "pts/{}", ((major - 136) << 8) + minor),
            _ => write!(f, "{major}:{minor}"),
        }
    }
}

impl Terminal {
    /// Shows the name to somebody, without taking memory for it.
    pub fn named<T>(self, look: impl FnOnce(&str) -> T) -> T {
        struct Name([u8; LONGEST], usize);
        impl fmt::Write for Name {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                let end = self.1 + text.len();
                let place = self.0.get_mut(self.1..end).ok_or(fmt::Error)?;
                place.copy_from_slice(text.as_bytes());
                self.1 = end;
                Ok(())
            }
        }
        let mut name = Name([0; LONGEST], 0);
        // Two numbers of at most 20 bits fit.
        let _ = fmt::Write::write_fmt(&mut name, format_args!("{self}"));
        look(std::str::from_utf8(name.0.get(..name.1).unwrap_or(&[])).unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_have_the_names_that_ps_gives_them() {
        for (number, name) in [
            (0, "-"),
            (0x401, "tty1"),
            (0x43f, "tty63"),
            (0x440, "ttyS0"),
            (34816, "pts/0"),
            (34819, "pts/3"),
            (0x8900, "pts/256"),
            // Minor numbers above 255 have their upper part in the upper bits.
            (0x0010_8801, "pts/257"),
            (0xcc40, "204:64"),
            (-1, "255:1048575"),
            (i64::MIN, "-"),
            (i64::MAX, "255:1048575"),
        ] {
            assert_eq!(Terminal(number).to_string(), name, "{number}");
            assert_eq!(Terminal(number).named(str::to_owned), name, "{number}");
        }
    }
}
